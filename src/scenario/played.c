/* The list of the steps that were begun. */
#include "config.h"

#include "scenario/played.h"

#include <stdlib.h>

#include "base/xalloc.h"

void
played_clear(struct played *p)
{
	free(p->steps);
	*p = (struct played){ .steps = NULL };
}

void
played_add(struct played *p, const struct played_step *s)
{
	if (p->n >= PLAYED_MAX) {
		p->left_out++;
		return;
	}
	if (p->n == p->cap) {
		p->cap = p->cap > 0 ? 2 * p->cap : 16;
		p->steps = xreallocarray(p->steps, p->cap, sizeof(*p->steps));
	}
	p->steps[p->n++] = *s;
}

void
played_over(struct played *p, int64_t time_ns)
{
	struct played_step *last;

	if (p->left_out > 0 || p->n == 0)
		return;
	last = &p->steps[p->n - 1];
	last->took_ns = time_ns - last->time_ns;
}
