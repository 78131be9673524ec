/* How long a scenario takes on a relay that does right, roughly: who waits
 * longest had better begin first. */
#ifndef SCENARIO_PATIENCE_H
#define SCENARIO_PATIENCE_H

#include "scenario/scenario.h"

/* Nanoseconds, not scaled. */
int64_t scenario_patience(const struct scenario *sc);

/* How long its steps take at least, whatever the target does. */
int64_t scenario_least(const struct scenario *sc);

/* How long it may take. */
int64_t scenario_time(const struct scenario *sc);

#endif
