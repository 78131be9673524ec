/*
 * Instances beside the target: a case that is to be alone on its relay has
 * one to itself while the others play on the target, and the next such case
 * has it after that.
 */
#ifndef SCENARIO_BESIDE_H
#define SCENARIO_BESIDE_H

#include <stdbool.h>

#include "scenario/engine.h"

struct beside;

struct beside *beside_new(void);
/* Ends all that rest. */
void beside_free(struct beside *b);
/* One of this host that rests and is ready; NULL: there is none. */
struct engine_own *beside_take(struct beside *b, const struct engine_host *h);
/* Its case is over, and went well. */
void beside_give(struct beside *b, const struct engine_host *h,
    struct engine_own *o);
/* One has ended by itself and no case says so: how; NULL: none has.  Valid
 * until the next call. */
const char *beside_trouble(struct beside *b);

#endif
