/*
 * A run that was written down: run.jsonl read back, as the plan of a run
 * whose cases have their results.  Nothing can be played with it.
 */
#ifndef CONFORMANCE_RECORDING_H
#define CONFORMANCE_RECORDING_H

#include "conformance/run.h"

/*
 * Read |n| files, each the run of one target, into a run with a target for
 * each, named as its file.  Cases are those of the suite where it has them.
 * |o| is changed to suit (repeat) and must live on.  0, or the exit status of
 * what was said on stderr; recording_clear in any case.
 */
int recording_read(struct run *r, struct options *o, char *const *files,
    size_t n);
void recording_clear(struct run *r);

#endif
