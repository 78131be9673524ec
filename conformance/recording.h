/*
 * A run that was written down: run.jsonl read back, as the plan of a run
 * whose cases have their results.  Nothing can be played with it.
 */
#ifndef CONFORMANCE_RECORDING_H
#define CONFORMANCE_RECORDING_H

#include <stdio.h>

#include "conformance/run.h"

/*
 * Read |n| files, each of one run of one target or of several, into a run with
 * a target for each of those, named as its file, with ":N" if it is one of
 * several.  Cases are those of the suite where it has them.
 * |o| is changed to suit (repeat) and must live on.  0, or the exit status of
 * what was said on stderr; recording_clear in any case.
 */
int recording_read(struct run *r, struct options *o, char *const *files,
    size_t n);
void recording_clear(struct run *r);

/*
 * Read the next run of a file as it was, on all its targets, with what decided
 * each case, for run_judge; *line is the number of lines read.  The suite has
 * the files of |o|, which is changed to suit and must live on.  A file that is
 * cut short is said to be, and what is there is read.  0, or the exit status of
 * what was said on stderr; recording_clear_run in any case.
 */
int recording_read_run(struct run *r, struct options *o, const char *path,
    FILE *f, int *line);
void recording_clear_run(struct run *r);

/* By its name; CODE_NKINDS if there is none. */
enum result_code result_code_named(const char *name);

#endif
