/*
 * Is a script that parses also one that can be played?  Frames and fields
 * are looked up in the dialect's table (and put into the steps), names must
 * be known before they are used and used after they were set, fences must
 * prove what they are asked to, and a dead relay must not pass.
 */
#ifndef SCENARIO_CHECK_H
#define SCENARIO_CHECK_H

#include "scenario/lexer.h"

void check_script(struct script *s, struct complaints *c);

#endif
