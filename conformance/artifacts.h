/*
 * What a case leaves behind in --artifacts DIR: DIR/TARGET/CASE/ with
 * case.pcapng (control.pcapng of a control run), transcript.txt and, of a
 * target or clients that the runner has started, target.log.  The canaries' are
 * DIR/TARGET/@canary.before/ and @canary.after/, with a number behind where
 * those are there already.
 */
#ifndef CONFORMANCE_ARTIFACTS_H
#define CONFORMANCE_ARTIFACTS_H

#include "conformance/run.h"

/*
 * Give each case of the plan its directory; nothing is made but DIR.  The
 * exit status of what was said on stderr: DIR cannot be written, or a case's
 * files are there and --force was not given; else 0.
 */
int artifacts_prepare(struct run *r, size_t first);
/* A canary, which has its target and round and may have its directory: make
 * and give it one named after |when|, to be freed. */
void artifacts_canary(struct run_case *c, const char *when);
/* A case is about to be played. */
void artifacts_begin(struct run_case *c);
/* It is over: write its files; false with a line on stderr if that failed. */
bool artifacts_write(struct run_case *c);
/* The path of its file |i|, from 0, to be freed; NULL behind the last one, and
 * where it has left none. */
char *artifacts_path(const struct run_case *c, size_t i);
/* "case.pcapng,transcript.txt,target.log": those that |c| has. */
void artifacts_list(const struct run_case *c, struct text *out);

#endif
