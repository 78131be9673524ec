/* A loop and a text of what came in which order: for the tests of loops. */
#ifndef TESTS_LOOP_NOTES_H
#define TESTS_LOOP_NOTES_H

#include "base/text.h"
#include "net/loop.h"

extern struct loop *loop;
extern struct text notes;

/* The fixture of every test; the clock is the real one again behind it. */
void notes_setup(void);
void notes_teardown(void);

/* A timer's, or deferred work: adds |arg|, a string. */
void note(void *arg);

#endif
