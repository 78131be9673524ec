/* A heap of plays; see waiting.h. */
#include "config.h"

#include "scenario/waiting.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"

static bool
is_before(const struct play *a, const struct play *b)
{
	return a->patience_ns != b->patience_ns
	    ? a->patience_ns > b->patience_ns
	    : a->number < b->number;
}

void
waiting_add(struct waiting *w, struct play *p)
{
	size_t i = w->n++;

	if (w->n > w->room) {
		w->room = w->room * 2 + 16;
		w->heap =
		    xreallocarray(w->heap, w->room, sizeof(struct play *));
	}
	p->number = w->added++;
	for (; i > 0 && is_before(p, w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = p;
}

struct play *
waiting_first(const struct waiting *w)
{
	return w->n > 0 ? w->heap[0] : NULL;
}

struct play *
waiting_shift(struct waiting *w)
{
	struct play *first = w->heap[0], *last = w->heap[--w->n];
	size_t i = 0, child;

	for (; (child = 2 * i + 1) < w->n; i = child) {
		if (child + 1 < w->n &&
		    is_before(w->heap[child + 1], w->heap[child]))
			child++;
		if (!is_before(w->heap[child], last))
			break;
		w->heap[i] = w->heap[child];
	}
	w->heap[i] = last;
	return first;
}

void
waiting_clear(struct waiting *w)
{
	for (size_t i = 0; i < w->n; i++)
		play_free(w->heap[i]);
	free(w->heap);
	*w = (struct waiting){ .n = 0 };
}
