/*
 * An engine whose cases end as a test wants, without any relay; and a small
 * suite in place of the one inside the program.
 */
#ifndef TESTS_FAKE_ENGINE_H
#define TESTS_FAKE_ENGINE_H

#include "scenario/engine.h"

/*
 * What becomes of a run of an instance.  |nth| counts the runs of this
 * instance so far, controls and canaries apart, from 1.  The code, and a
 * message where it is not CODE_OK; FAKE_HANGS never ends by itself.
 */
#define FAKE_HANGS CODE_NKINDS
struct fake_end {
	enum result_code code;
	enum verdict_word word;
	const char *message;
	const char *named;
	int64_t took_ns;    /* 0: 20 ms */
	int64_t overdue_ns; /* of CODE_LATE */
	int64_t late_ns;    /* of the runner */
	struct margin tightest;
	void (*events)(struct transcript *t); /* adds some; may be NULL */
};
typedef struct fake_end (*fake_play)(const struct engine_target *t,
    const char *name, bool control, unsigned nth);

void fake_engine_set(fake_play play);
/* Runs so far, in the order in which they were added: "a.b[raw] control". */
const char *fake_engine_log(void);
/* How many of the log's lines are |line|, its newline included. */
unsigned fake_engine_runs(const char *line);
/* The most that were ever played at a time; and while a play is asked about,
 * how many there are with it. */
size_t fake_engine_most(void);
size_t fake_engine_playing(void);

#endif
