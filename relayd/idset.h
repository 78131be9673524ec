/* A growing set of non-zero 64-bit numbers, e.g. addresses or hashes, each with
 * a mark. */
#ifndef RELAYD_IDSET_H
#define RELAYD_IDSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idset {
	uint64_t *slot; /* 0: free; the marks are behind them */
	size_t nslots;  /* 0, or a power of two */
	size_t count;
};

void idset_init(struct idset *s);
void idset_clear(struct idset *s); /* frees, and is empty again */

/* 1: added; 0: was there; -1: no memory. */
int idset_add(struct idset *s, uint64_t id);
bool idset_has(const struct idset *s, uint64_t id);
/* The mark of |id|, at first 0, until the next call of idset_add(); NULL: is
 * not in the set. */
uint8_t *idset_mark(const struct idset *s, uint64_t id);

/* Walk: *at begins as 0; 0 at the end. */
uint64_t idset_next(const struct idset *s, size_t *at);

#endif
