/*
 * What makes a scenario worthless in a suite although it can be played: that
 * nothing can fail it, that it has no time, that it is about the wrong side.
 */
#ifndef CONFORMANCE_SUITE_CHECK_H
#define CONFORMANCE_SUITE_CHECK_H

#include "conformance/suite.h"

/* -1 with lines in |errors|. */
int suite_check(const struct suite *s, const struct scenario *sc,
    struct text *errors);

/* The part of it that needs no list of requirements. */
int suite_check_alone(const struct scenario *sc, struct text *errors);

#endif
