/* selftest --mutate-scripts: does a relay that is right fail every scenario
 * that asks for something else? */
#ifndef CONFORMANCE_SELFTEST_MUTANTS_H
#define CONFORMANCE_SELFTEST_MUTANTS_H

#include "conformance/selftest.h"

/* Play it and print what survives on stdout: the exit status. */
int selftest_mutants(const struct selftest_options *o);

#endif
