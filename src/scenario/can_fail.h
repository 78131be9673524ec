/*
 * Does a scenario ask for anything that a relay or a client could miss?  That
 * a connection can be set up is not enough, as a case that cannot be set up
 * is inconclusive; nor is what only frames that nobody asked for would fail.
 */
#ifndef SCENARIO_CAN_FAIL_H
#define SCENARIO_CAN_FAIL_H

#include "scenario/scenario.h"

bool scenario_can_fail(const struct scenario *sc);

#endif
