/* Instances of a target for single cases: what the engine's host does for a
 * .target file. */
#ifndef CONFORMANCE_OWN_H
#define CONFORMANCE_OWN_H

#include "scenario/engine.h"

struct target;

/* Starts copies of |t|, which has a file that says how. */
struct engine_host own_host(struct target *t);

#endif
