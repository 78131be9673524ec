/*
 * Which steps of a case were begun, in the order of that, with their times:
 * what events do not tell of a step that sent and took nothing.
 */
#ifndef SCENARIO_PLAYED_H
#define SCENARIO_PLAYED_H

#include <stddef.h>
#include <stdint.h>

#include "scenario/scenario.h"

/* Of a case; what a block repeats beyond that is counted only. */
#define PLAYED_MAX 2000

struct played_step {
	const struct step *step;
	const struct step *call; /* the outermost it was reached by; or NULL */
	int64_t time_ns;         /* when it was begun, as of events */
	int64_t took_ns;         /* -1: it was not over */
};

struct played {
	struct played_step *steps;
	size_t n, cap;
	size_t left_out;
};

void played_clear(struct played *p);
void played_add(struct played *p, const struct played_step *s);
/* The last one that was added is over. */
void played_over(struct played *p, int64_t time_ns);

#endif
