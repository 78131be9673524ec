/*
 * Files of one statement a line, a keyword and its words, as .target and .dev
 * files are: read by a table, all errors collected.
 */
#ifndef CONFORMANCE_KEYWORD_FILE_H
#define CONFORMANCE_KEYWORD_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

#define KEYWORD_MAX_WORDS 32
#define KEYWORD_MAX       32 /* keywords */

struct keyword_reader;

struct keyword {
	const char *name;
	size_t min; /* words behind it */
	size_t max;
	void (*read)(struct keyword_reader *r);
	bool once; /* a second one is an error */
};

struct keyword_reader {
	const struct keyword *keywords; /* the first statement's comes first */
	size_t nkeywords;
	const char *first; /* that statement, for a message */
	void *out;         /* what is read into */
	const char *path;
	struct text *errors;
	/* of the statement */
	int line;
	const char *said;              /* the line itself */
	char *word[KEYWORD_MAX_WORDS]; /* [0] is the keyword */
	size_t nwords;
	int lines[KEYWORD_MAX]; /* of each keyword the first, 0: none */
	bool begun;
	bool failed;
};

/* Read the statements of |text|, which may begin with a byte order mark;
 * |failed| tells of errors. */
void keyword_file_read(struct keyword_reader *r, const char *text, size_t len);

/* "PATH:LINE: …", with control bytes escaped. */
void keyword_complain(struct keyword_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A copy of the word behind the keyword into |*slot|, which may be said once
 * and is for free(). */
void keyword_set_once(struct keyword_reader *r, char **slot);

#endif
