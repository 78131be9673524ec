/*
 * .dev files: what is known to differ in a target, and why.  A line excuses
 * only what was observed when it was written; one that excuses nothing any
 * more fails the run, so that no file hides anything for long.
 */
#ifndef CONFORMANCE_DEVIATIONS_H
#define CONFORMANCE_DEVIATIONS_H

#include "conformance/judge.h"
#include "conformance/select.h"

/* What was seen: a code with the step that was missed, or a behaviour. */
struct signature {
	char *what; /* "E-NEVER", or the name of a behaviour */
	bool has_range;
	int64_t from_ns, to_ns; /* E-LATE: by how much */
	char *at;               /* glob of the step's text; NULL: any */
};

struct deviation {
	int line;
	bool flaky; /* may happen, and then not again */
	struct selector cases;
	struct signature *observed; /* one of them; flaky: none is any */
	size_t nobserved;
	char *because;
	char *ref;           /* may be NULL */
	char *until;         /* "2027-01-01"; NULL: no end */
	int64_t last_day;    /* the same as 20270101; 0: no end */
	int64_t at_most, in; /* flaky: so many reruns in so many plays */
	/* of a run */
	bool expired;
	size_t played;
	size_t seen;
	size_t passed;
	size_t reruns;
};

struct deviations {
	char *path;
	char *target;
	int target_line;
	char *made; /* by what; may be NULL */
	struct deviation *list;
	size_t n;
};

/* All errors are collected, one a line, "FILE:LINE: …"; NULL if there were
 * any. */
struct deviations *deviations_parse(const char *path, const char *text,
    size_t len, struct text *errors);
/* A file on disk, or one |inside| the program. */
struct deviations *deviations_read(const char *path, bool inside,
    struct text *errors);
void deviations_free(struct deviations *d); /* NULL is fine */

/*
 * Before a run, on the day |date| (seconds since 1970): 0, or -1 with lines in
 * |errors| if a pattern matches no case at all.
 */
int deviations_begin(struct deviations *d, const struct case_list *cases,
    int64_t date, struct text *errors);
/* May what a case just did pass away when it is played once more? */
bool deviations_want_rerun(struct deviations *d, const struct suite_case *c,
    const struct case_result *decided, enum verdict v);
/* A recorded case was played once more for that: count it as declared now. */
void deviations_count_rerun(struct deviations *d, const struct suite_case *c);
/*
 * The verdict of a case with what was declared.  The line that spoke is in
 * *by, NULL if none did; where it did not excuse, *reason says why, for free().
 */
enum verdict deviations_judge(struct deviations *d, const struct suite_case *c,
    const struct case_result *decided, enum verdict v,
    const struct deviation **by, char **reason);
/* After a run: lines that are stale, "FILE:LINE: …"; true if there are any.
 * What a |partial| run did not see counts for nothing. */
bool deviations_stale(const struct deviations *d, bool partial,
    struct text *out);

/* "E-NEVER at "A <- Pong*"", alternatives joined by "or", as in the file. */
void deviation_add_observed(const struct deviation *d, struct text *out);
/* A word as it stands in a file: in quotes where it needs them. */
void text_add_word(struct text *out, const char *word);

struct run;
/* Each target's file, or the one of --deviations: 0, or the exit status of
 * what was said on stderr. */
int run_read_deviations(struct run *r);
/*
 * The smallest file that excuses what a run of |target|, of one or several
 * rounds, saw.  Reasons are taken over from |old| (may be NULL) where it says
 * the same; else they are empty, which no file may be.
 */
void deviations_write(const struct run *run, const struct deviations *old,
    struct text *out);

#endif
