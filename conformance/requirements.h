/*
 * What the specifications require, as lists in version control: the only
 * place where a requirement's level is written down.
 */
#ifndef CONFORMANCE_REQUIREMENTS_H
#define CONFORMANCE_REQUIREMENTS_H

#include <stddef.h>

#include "base/text.h"

enum level {
	LEVEL_MUST,
	LEVEL_SHOULD,
	LEVEL_MAY,
	LEVEL_UNSPECIFIED,
	LEVEL_NKINDS
};

struct requirement {
	char *id;   /* full: "iroh-v3/R-120" */
	char *side; /* S server, C client, E endpoint pair */
	enum level level;
	char *text;
	char *source;
	char *unchecked; /* why no black box can check it; "": it can */
	int line;
};

struct requirements {
	char *dialect;
	struct requirement *list; /* sorted by id */
	size_t n;
};

/*
 * Tab-separated: a header line that names the columns id, side, level, text,
 * source and, if there is one, unchecked; then one requirement a line; '#'
 * begins a comment line.  An id without a dialect gets |dialect|.  All errors
 * are collected, one a line, "FILE:LINE: …"; NULL if there were any.
 */
struct requirements *requirements_parse(const char *file, const char *text,
    size_t len, const char *dialect, struct text *errors);
void requirements_free(struct requirements *r); /* NULL is fine */

/* By full id; NULL if there is none. */
const struct requirement *requirements_find(const struct requirements *r,
    const char *id);

const char *level_name(enum level l); /* "MUST" */
/* Any case; -1 for an unknown word. */
int level_parse(const char *word);

#endif
