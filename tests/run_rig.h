/*
 * Runs of `relay-conformance run` inside a test, with the fake engine, in a
 * folder of their own.
 */
#ifndef TESTS_RUN_RIG_H
#define TESTS_RUN_RIG_H

#include "fake_engine.h"

#define URL "http://127.0.0.1:9"
/* Together they have more cases than are tried again. */
#define MANY_URLS                                                              \
	URL " http://127.0.0.2:9 http://127.0.0.3:9 http://127.0.0.4:9"        \
	    " http://127.0.0.5:9 http://127.0.0.6:9"

/* Fixtures: a fresh folder that is the current one, and its end; nothing but
 * out.txt, .tap, .jsonl, .xml, .md, .json, my.rly and my.dev may be left in
 * it. */
void run_rig_setup(void);
void run_rig_teardown(void);

/* Play `run ARGS…` (blanks part them); the exit status.  What goes to the
 * terminal is thrown away. */
int play(fake_play how, const char *args);
/* The same for another subcommand, whose name is the first word. */
int play_command(int (*command)(int argc, char **argv), fake_play how,
    const char *words);

/* Every case passes. */
struct fake_end all_well(const struct engine_target *t, const char *name,
    bool control, unsigned nth);
/* One MUST, SHOULD and unspecified behaviour each is missed; relay.basic has
 * two named behaviours. */
struct fake_end one_fails(const struct engine_target *t, const char *name,
    bool control, unsigned nth);
/* The runner itself is late, whenever it plays ping.order[ws]. */
struct fake_end one_is_late(const struct engine_target *t, const char *name,
    bool control, unsigned nth);

/* Write a file. */
void spill(const char *name, const char *text);
/* The file's text, for free(). */
char *slurp(const char *name);
/* Long texts: show where they part. */
void check_same(const char *have, const char *want);
void check_file(const char *name, const char *want);
void check_holds(const char *name, const char *part);
void check_holds_not(const char *name, const char *part);

#endif
