/*
 * Plays that have not begun: who takes longest goes first, and of two that
 * take as long the one that came first.
 */
#ifndef SCENARIO_WAITING_H
#define SCENARIO_WAITING_H

#include <stddef.h>
#include <stdint.h>

struct play;

struct waiting {
	struct play **heap;
	size_t n, room;
	uint64_t added; /* ever */
};

/* By its patience_ns; its number is overwritten. */
void waiting_add(struct waiting *w, struct play *p);
/* Whose turn is next; NULL if nobody waits. */
struct play *waiting_first(const struct waiting *w);
/* Take that one out. */
struct play *waiting_shift(struct waiting *w);
/* Free all that wait. */
void waiting_clear(struct waiting *w);

#endif
