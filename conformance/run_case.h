/* One case of a run: begun, judged, played again, over. */
#ifndef CONFORMANCE_RUN_CASE_H
#define CONFORMANCE_RUN_CASE_H

#include "conformance/run.h"

/* Play it, let it wait for less of a crowd, or say at once why it is not
 * played. */
void run_case_begin(struct run_case *c);
/* Play it now, unless its target is lost. */
void run_case_play(struct run_case *c);
/* Forget what came of it; it waits to be played once more. */
void run_case_play_again(struct run_case *c);
/* It was played, and that is its verdict. */
void run_case_settle(struct run_case *c, enum verdict v);
/* It is over, with that verdict, since …; |reason| is taken. */
void run_case_end(struct run_case *c, enum verdict v, char *reason);
/*
 * Play canaries and their like, all at once; again, twice at most, those in
 * which the machine was late.  Each has its |result| then, not where |c| is
 * NULL or the target is lost.
 */
void run_case_play_on_time(struct run *r, struct run_case *cases, size_t n);
/* It was recorded: what was not played keeps its verdict. */
void run_case_judge_again(struct run_case *c);

#endif
