/* A parsed script as text, for comparing: every member that is set, in
 * brackets where it has parts. */
#ifndef TESTS_SCENARIO_DUMP_H
#define TESTS_SCENARIO_DUMP_H

#include "base/text.h"
#include "scenario/scenario.h"

void dump_step(const struct step *s, struct text *out);
void dump_scenario(const struct scenario *sc, struct text *out);
void dump_script(const struct script *s, struct text *out);

#endif
