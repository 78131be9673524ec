/* See beside.h: a list of those that rest. */
#include "config.h"

#include "scenario/beside.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct resting {
	struct resting *next;
	const struct engine_host *host;
	struct engine_own *own;
};

struct beside {
	struct resting *first;
	bool trouble;
	char how[64];
};

struct beside *
beside_new(void)
{
	return xcalloc(1, sizeof(struct beside));
}

static struct engine_own *
unlink_at(struct resting **at)
{
	struct resting *r = *at;
	struct engine_own *o = r->own;

	*at = r->next;
	free(r);
	return o;
}

void
beside_free(struct beside *b)
{
	if (b == NULL)
		return;
	while (b->first != NULL) {
		const struct engine_host *h = b->first->host;

		h->stop(unlink_at(&b->first));
	}
	free(b);
}

/* It is gone then. */
static bool
has_ended(struct beside *b, const struct engine_host *h, struct engine_own *o)
{
	struct own_exit e;

	if (!h->has_exited(o, &e))
		return false;
	b->trouble = true;
	snprintf(b->how, sizeof(b->how), "%s %d",
	    e.signo != 0 ? "signal" : "exit status",
	    e.signo != 0 ? e.signo : e.status);
	h->stop(o);
	return true;
}

static void
look_at_all(struct beside *b)
{
	struct resting **at = &b->first;

	while (*at != NULL) {
		if (has_ended(b, (*at)->host, (*at)->own))
			unlink_at(at);
		else
			at = &(*at)->next;
	}
}

struct engine_own *
beside_take(struct beside *b, const struct engine_host *h)
{
	look_at_all(b);
	for (struct resting **at = &b->first; *at != NULL; at = &(*at)->next)
		if ((*at)->host == h)
			return unlink_at(at);
	return NULL;
}

void
beside_give(struct beside *b, const struct engine_host *h, struct engine_own *o)
{
	struct resting *r;

	if (has_ended(b, h, o))
		return;
	if (h->rest != NULL)
		h->rest(o);
	r = xcalloc(1, sizeof(*r));
	r->host = h;
	r->own = o;
	r->next = b->first;
	b->first = r;
}

const char *
beside_trouble(struct beside *b)
{
	look_at_all(b);
	return b->trouble ? b->how : NULL;
}
