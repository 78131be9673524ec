/* The options of all subcommands: one table, one struct. */
#ifndef CONFORMANCE_OPTIONS_H
#define CONFORMANCE_OPTIONS_H

#include "base/options.h"
#include "conformance/lift.h"
#include "conformance/select.h"
#include "conformance/selftest.h"
#include "conformance/target.h"

enum {
	FOR_RUN = 1,
	FOR_DIFF = 2,
	FOR_LIST = 4,
	FOR_SHOW = 8,
	FOR_CHECK = 16,
	FOR_EXPLAIN = 32,
	FOR_LIFT = 64,
	FOR_REPLAY = 128,
	FOR_RECORD = 256,
	FOR_SHRINK = 512,
	FOR_DEVIATIONS = 1024,
	FOR_COVERAGE = 2048,
	FOR_SELFTEST = 4096,
	FOR_FMT = 8192,
	FOR_JUDGE = 16384,
	FOR_PLAYING = FOR_RUN | FOR_DIFF | FOR_DEVIATIONS,
	FOR_SELECTING = FOR_PLAYING | FOR_LIST
};

enum list_what {
	LIST_SCENARIOS,
	LIST_CASES,
	LIST_TAGS,
	LIST_REQUIREMENTS
};

struct options {
	struct target_options target;
	struct selection selection;
	char **words; /* of targets; borrowed from argv */
	size_t nwords;
	char **files; /* of scenarios, without ":LINE"; owned */
	size_t nfiles;
	char **arguments; /* show, check, explain; borrowed */
	size_t narguments;
	char **reports; /* "FORMAT=FILE"; borrowed */
	size_t nreports;
	bool append_run; /* to what the reports' files hold */
	char **runs;     /* of coverage: files; borrowed */
	size_t nruns;
	int64_t jobs;
	int64_t repeat; /* rounds that are planned at the beginning */
	bool until_fail;
	int64_t max_rounds; /* with it */
	double time_scale;
	int64_t timeout_ns; /* 0: none */
	int64_t budget_ns;  /* 0: any */
	const char *color;  /* "auto", "always", "never" */
	const char *order;  /* "run", "file"; NULL: by what stdout is */
	bool strict;
	bool no_controls;
	bool no_deviations;
	const char *deviations; /* file; NULL: the target's */
	const char *write;      /* file; NULL: none */
	bool fail_fast;
	int64_t shard, shards; /* the |shard|th of so many parts; 0: all */
	bool keep_going;
	bool quiet;
	bool verbose;
	bool told; /* -v was there: another is -vv */
	bool bytes;
	bool json;
	bool check;    /* fmt */
	bool recorded; /* diff: files of runs, not targets */
	enum list_what what;
	struct lift_options lift;
	struct selftest_options selftest;
	struct outside *outside; /* options that came from elsewhere */
	const char *output;
	const char *listen; /* record */
	const char *to;
	const char *relay_side; /* a second file; NULL: none */
	int64_t max_bytes;      /* of each; 0: any */
	const char *cert;
	const char *key;
	const char *save_cert;
	const char *code; /* shrink */
	const char *good;
	int64_t max_runs;
	const char *artifacts; /* directory; NULL: none */
	bool force;
	bool help; /* it was printed; nothing more is to be done */
};

extern const struct option_table options_table;

/*
 * Read argv of a subcommand.  0, or the exit status of a usage error that
 * was said on stderr.  options_clear in any case.
 */
int options_parse(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv);
void options_clear(struct options *o);
/* On stderr: what came from the environment and from a file. */
void options_show_outside(const struct options *o);

/* Append the options that make a run the same again, each with a blank in
 * front, fit for a shell. */
void options_again(const struct options *o, struct text *out);
/* Append a word, quoted where a shell would want that. */
void text_add_shell(struct text *out, const char *word);

/* The suite inside the program and the files that were named.  NULL with the
 * errors on stderr, and the exit status in *status. */
struct suite *options_suite(const struct options *o, int *status);

/* A selector whose file exists is about that one, which options_suite() then
 * reads. */
void options_find_file(struct options *o, struct selector *s);

#endif
