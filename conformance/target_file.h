/* A .target file: how a relay is started, reached and stopped. */
#ifndef CONFORMANCE_TARGET_FILE_H
#define CONFORMANCE_TARGET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "codec/dialect.h"

struct target_text { /* a file that is written before the start */
	char *name;  /* below {dir} */
	char *text;  /* with placeholders */
};

struct target_probe { /* a capability that cases prove */
	char *cap;
	char *select; /* which; as --skip has it */
	int line;     /* where that is said */
	int column;
};

struct target_file {
	char *path;
	char *name;
	const struct rk_dialect *dialect;
	struct target_text *files;
	size_t nfiles;
	/* All of these may hold placeholders, and be NULL. */
	char *spawn;
	char *url; /* never NULL */
	char *plain;
	char *metrics;
	char *stun;
	char *cafile; /* whom to trust */
	char *writes; /* what is not there at its start */
	char *logs;
	char *deviations; /* file, beside this one */
	char *ready_path; /* GET it until … */
	int ready_status; /* … this comes */
	int64_t ready_ns; /* at most so long */
	char **caps;
	size_t ncaps;
	struct target_probe *probes; /* of none of |caps| */
	size_t nprobes;
	double scale;
	int stop_signal;
	int64_t stop_ns;
};

/*
 * Parse.  All errors are collected, one a line, "FILE:LINE: …"; NULL if
 * there were any.
 */
struct target_file *target_file_parse(const char *path, const char *text,
    size_t len, struct text *errors);
void target_file_free(struct target_file *f); /* NULL is fine */

/* What the placeholders stand for. */
#define TARGET_PORTS 9

struct target_places {
	unsigned port[TARGET_PORTS]; /* {port}, {port2} … {port9} */
	const char *dir;             /* {dir} */
	uint64_t seed;               /* {seed}, in hex */
	const char *peers;           /* {peers}; NULL: not given */
};

/*
 * |text| with its placeholders filled in, for free().  A brace that begins
 * no "{word}" stands for itself.  NULL with one line in |err| for an unknown
 * placeholder, or for {peers} where it is not given.
 */
char *target_fill(const char *text, const struct target_places *p, char *err,
    size_t err_size);

/* A command line -> words, as a shell would without expanding anything:
 * blanks part, quotes of both kinds join.  NULL for an open quote; else an
 * array that ends with NULL, to be freed with words_free. */
char **words_split(const char *text);
void words_free(char **words);

#endif
