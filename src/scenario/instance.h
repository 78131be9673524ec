/*
 * One instance of a scenario: a carrier and one value for each parameter.
 * Its name is "ping.echo[ws,p=#2]": the carrier, then the parameters in
 * order, a value as written if it is a short word or number, else its
 * position from 1.  Carriers are left out of the name only where the
 * scenario opens no framed connection (no upgrade, no login).
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
 * *n, each freed with instance_free. */
struct instance **instances_of(const struct script *s,
    const struct scenario *sc, const struct rk_dialect *dialect, size_t *n);
void instance_free(struct instance *i);

#endif
