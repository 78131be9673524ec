/*
 * Capabilities that are proven, not assumed: a target's file names the cases
 * that do so, which are played behind the first canary.
 */
#ifndef CONFORMANCE_PROOF_H
#define CONFORMANCE_PROOF_H

#include "conformance/run.h"

/*
 * What the file of the target wants proven, by cases of its list.  0, or
 * EXIT_SCRIPT with a line on stderr for what selects none.
 */
int proof_prepare(struct run_target *t);
/* Play them on each target that is not lost. */
void proof_play(struct run *r);
/* A case that lacks |lacks|: unsupported, or inconclusive if that is for a
 * probe that said nothing; *reason is for free(). */
enum verdict proof_judge(const struct run_case *c, const char *lacks,
    char **reason);
/* Append a line for each: "probed ws: ok, by ping.echo". */
void proof_add_lines(const struct run_target *t, struct text *out);
void proof_clear(struct run_target *t);

#endif
