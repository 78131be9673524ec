/*
 * The canary: a case that every relay passes.  It is played before and after
 * all others, and behind each that ended as if it had done harm: a target
 * that fails it is lost.
 */
#ifndef CONFORMANCE_CANARY_H
#define CONFORMANCE_CANARY_H

#include "conformance/run.h"

/* "not played", "ok", "failed" */
const char *canary_name(enum canary c);
/* On each target that is not lost, before or |after| its cases. */
void canary_play(struct run *r, unsigned round, bool after);
/* The case is over and may have harmed its target: true if the canary is
 * asked, and run_case_settle() follows once it has answered. */
bool canary_follows(struct run_case *c, enum verdict v);
/*
 * Did the case only lose its connections since the target's process ended,
 * which another may have brought about?  The one that was alone with it did;
 * whoever keeps going wants to see what every case makes of that.
 */
bool canary_is_orphan(const struct run_case *c, enum verdict v);

#endif
