/*
 * Verdicts: from how a case ended, how its control ended, and the level of
 * what it covers.  Nothing else counts, so a verdict can be recomputed.
 */
#ifndef CONFORMANCE_JUDGE_H
#define CONFORMANCE_JUDGE_H

#include "conformance/requirements.h"
#include "scenario/engine.h"

enum verdict {
	VERDICT_PASS,
	VERDICT_NONSTRICT,    /* SHOULD missed, or a discouraged branch */
	VERDICT_INFO,         /* unspecified behaviour, for the record */
	VERDICT_FAIL,         /* MUST violated */
	VERDICT_XFAIL,        /* a declared deviation was seen */
	VERDICT_XPASS,        /* a declared deviation is gone */
	VERDICT_UNSUPPORTED,  /* the target does not have what it needs */
	VERDICT_SKIPPED,      /* taken out by the user */
	VERDICT_INCONCLUSIVE, /* control failed, harness late, canary failed */
	VERDICT_ERROR,        /* the target could not be tested */
	VERDICT_NKINDS
};

/*
 * The verdict of a run that is over.  |control| is NULL where the case has
 * none, or where |no_controls|.  The result that decided is in *decided.
 */
enum verdict judge_case(const struct case_result *result,
    const struct case_result *control, enum level level,
    const struct case_result **decided);
/* Of a control alone: pass, or what the case is without it. */
enum verdict judge_control(const struct case_result *control);
/* Was the harness itself late, so that the case should be run again? */
bool judge_wants_rerun(const struct case_result *result,
    const struct case_result *control);
/* Could another run, alone, tell more?  A case whose own time was over, or
 * that could not connect, may have met a crowd. */
bool judge_is_unsettled(const struct case_result *decided, enum verdict v);
/* Is this code about what the target did? */
bool code_is_targets(enum result_code c);

/* One such verdict and the run has failed. */
bool verdict_fails(enum verdict v, bool strict);
const char *verdict_name(enum verdict v); /* "pass" */
/* By its name; VERDICT_NKINDS if there is none. */
enum verdict verdict_named(const char *name);
/* Of the step: "none", "ok", "nonstrict", "info", "fail". */
const char *verdict_word_name(enum verdict_word w);
bool verdict_word_named(const char *name, enum verdict_word *out);
/* One line: what the verdict means. */
const char *verdict_meaning(enum verdict v);

/* ---- a whole run ---- */

enum exit_status {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_INCONCLUSIVE = 3,
	EXIT_INFRASTRUCTURE = 4,
	EXIT_UNTESTED = 5,
	EXIT_SCRIPT = 6,
	EXIT_TIMEOUT = 124,
	EXIT_INTERRUPTED = 130
};

struct tally {
	size_t count[VERDICT_NKINDS];
	bool strict;         /* nonstrict fails the run */
	bool stale;          /* a declared deviation is none any more */
	bool infrastructure; /* a target was lost, a file not written */
	bool timeout;        /* the overall time was over */
	bool interrupted;
};

/* By precedence: 130 and 124, 4, 1, 3, 5, 0. */
int tally_exit_status(const struct tally *t);

#endif
