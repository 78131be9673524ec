/*
 * One instance of a scenario: a carrier and one value for each parameter.
 * Its name is "ping.echo[ws,p=#2]": the carrier, then the parameters in
 * order, a value as written if it is a short word or number, else its
 * position from 1.  The carrier is left out, and does not make instances,
 * where nothing depends on it: the scenario does not say "over", and opens
 * no connection by upgrade or login that leaves its carrier open.
 */
#ifndef SCENARIO_INSTANCE_H
#define SCENARIO_INSTANCE_H

#include "scenario/scenario.h"

struct instance {
	const struct script *script;
	const struct scenario *scenario;
	enum rk_carrier carrier;
	const struct expr **values; /* one for each parameter */
	char *name;
};

/* All instances of a scenario for a dialect, in a stable order; an array of
 * *n, each freed with instance_free; NULL if the dialect has none of the
 * scenario's carriers. */
struct instance **instances_of(const struct script *s,
    const struct scenario *sc, const struct rk_dialect *dialect, size_t *n);
void instance_free(struct instance *i);

#endif
