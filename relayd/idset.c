/* Open addressing with linear probing, at most three quarters full. */
#include "config.h"

#include "relayd/idset.h"

#include <stdlib.h>

#define MIN_SLOTS 8

void
idset_init(struct idset *s)
{
	*s = (struct idset){ 0 };
}

void
idset_clear(struct idset *s)
{
	free(s->slot);
	idset_init(s);
}

/* Where |id| is, or the free slot where it belongs. */
static size_t
place(const uint64_t *slot, size_t nslots, uint64_t id)
{
	/* Addresses differ in their middle bits: spread them. */
	uint64_t h = id * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (size_t)(h >> 32) & (nslots - 1);

	while (slot[at] != 0 && slot[at] != id)
		at = (at + 1) & (nslots - 1);
	return at;
}

static uint8_t *
marks(uint64_t *slot, size_t nslots)
{
	return (uint8_t *)(slot + nslots);
}

static bool
grow(struct idset *s)
{
	size_t nslots = s->nslots == 0 ? MIN_SLOTS : s->nslots * 2;
	uint64_t *slot = calloc(nslots, sizeof(*slot) + 1);
	uint64_t id;

	if (slot == NULL)
		return false;
	for (size_t at = 0; (id = idset_next(s, &at)) != 0;) {
		size_t to = place(slot, nslots, id);

		slot[to] = id;
		marks(slot, nslots)[to] = marks(s->slot, s->nslots)[at - 1];
	}
	free(s->slot);
	s->slot = slot;
	s->nslots = nslots;
	return true;
}

int
idset_add(struct idset *s, uint64_t id)
{
	size_t at;

	if (idset_has(s, id))
		return 0;
	if (s->count + 1 > s->nslots / 4 * 3 && !grow(s))
		return -1;
	at = place(s->slot, s->nslots, id);
	s->slot[at] = id;
	s->count++;
	return 1;
}

bool
idset_has(const struct idset *s, uint64_t id)
{
	return s->nslots != 0 && s->slot[place(s->slot, s->nslots, id)] == id;
}

uint8_t *
idset_mark(const struct idset *s, uint64_t id)
{
	size_t at;

	if (s->nslots == 0)
		return NULL;
	at = place(s->slot, s->nslots, id);
	return s->slot[at] == id ? &marks(s->slot, s->nslots)[at] : NULL;
}

uint64_t
idset_next(const struct idset *s, size_t *at)
{
	while (*at < s->nslots) {
		uint64_t id = s->slot[(*at)++];

		if (id != 0)
			return id;
	}
	return 0;
}
