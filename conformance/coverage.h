/* Requirements against the suite, and against what runs of it saw. */
#ifndef CONFORMANCE_COVERAGE_H
#define CONFORMANCE_COVERAGE_H

#include <stdio.h>

#include "conformance/judge.h"
#include "conformance/suite.h"

/* What the cases of a requirement came to on a target; the worst counts. */
enum covered {
	COVERED_UNTESTED,
	COVERED_PASS,
	COVERED_INFO,
	COVERED_XFAIL,
	COVERED_NONSTRICT,
	COVERED_FAIL,
	COVERED_NKINDS
};
const char *covered_name(enum covered c);

struct coverage_row {
	const struct requirement *requirement;
	const char **scenarios; /* ids, each once */
	size_t nscenarios;
	size_t ncases;
	enum covered *seen; /* of each target of the runs */
};

struct coverage {
	struct coverage_row *rows; /* in the list's order */
	size_t n;
	char **targets; /* of the runs */
	size_t ntargets;
};

/* NULL with lines in |errors|. */
struct coverage *coverage_new(struct suite *s, const struct rk_dialect *d,
    struct text *errors);
/*
 * Add the verdicts of a run.jsonl; a last line that is cut off is passed
 * over.  0, or -1 with "FILE:LINE: …" in |errors|.
 */
int coverage_add_run(struct coverage *c, const char *path, FILE *f,
    struct text *errors);
void coverage_free(struct coverage *c);

/* A MUST or SHOULD that a black box can check, and no scenario does. */
bool coverage_is_missing(const struct coverage_row *row);
/* It is said that it cannot be checked, and a scenario does. */
bool coverage_is_stale(const struct coverage_row *row);

#endif
