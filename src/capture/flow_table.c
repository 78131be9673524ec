/*
 * A hash table, and a list by last use: where there are too many flows, or
 * too much is held back, one that has ended is forgotten, else the one that
 * was silent longest.
 */
#include "config.h"

#include "capture/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define BUCKETS 4096

struct entry {
	struct entry *chain;         /* of the bucket */
	struct entry *older, *newer; /* by last use */
	size_t bucket;
	struct flow *flow;
	size_t held;
	size_t spare; /* of it */
};

struct flow_table {
	struct flow_context *c;
	size_t max_flows;
	size_t max_held;
	struct entry *bucket[BUCKETS];
	struct entry *oldest, *newest;
	size_t n;
	size_t held;
	size_t spare;
	uint64_t total;
	struct tcp_counts counts;
};

struct flow_table *
flow_table_new(struct flow_context *c, size_t max_flows, size_t max_held)
{
	struct flow_table *t = xcalloc(1, sizeof(*t));

	t->c = c;
	t->max_flows = max_flows;
	t->max_held = max_held;
	return t;
}

static uint64_t
mix(const struct endpoint *e)
{
	uint64_t a[2];

	memcpy(a, e->addr, sizeof(a));
	return (a[0] + a[1] * 3 + e->port) * UINT64_C(0x9e3779b97f4a7c15);
}

/* The same for both orders of the ends. */
static size_t
bucket_of(const struct segment *s)
{
	return (size_t)((mix(&s->src) + mix(&s->dst)) >> 32) % BUCKETS;
}

static void
unlink_use(struct flow_table *t, struct entry *e)
{
	*(e->older != NULL ? &e->older->newer : &t->oldest) = e->newer;
	*(e->newer != NULL ? &e->newer->older : &t->newest) = e->older;
}

static void
link_newest(struct flow_table *t, struct entry *e)
{
	e->newer = NULL;
	e->older = t->newest;
	*(t->newest != NULL ? &t->newest->newer : &t->oldest) = e;
	t->newest = e;
}

static void
link_oldest(struct flow_table *t, struct entry *e)
{
	e->older = NULL;
	e->newer = t->oldest;
	*(t->oldest != NULL ? &t->oldest->older : &t->newest) = e;
	t->oldest = e;
}

static void
add_counts(struct tcp_counts *sum, struct tcp_counts c)
{
	sum->resent += c.resent;
	sum->reordered += c.reordered;
}

static void
end_flow(struct flow_table *t, struct entry *e)
{
	struct entry **at = &t->bucket[e->bucket];

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	unlink_use(t, e);
	t->n--;
	t->held -= e->held;
	t->spare -= e->spare;
	add_counts(&t->counts, flow_counts(e->flow));
	flow_free(e->flow);
	free(e);
}

/* What has ended is the oldest, and costs nothing to forget. */
static void
evict(struct flow_table *t)
{
	struct entry *e = t->oldest;

	if (!flow_is_over(e->flow))
		flow_remark(e->flow, REMARK_WRONG,
		    "too much is open at a time; what follows on this "
		    "connection is not understood");
	end_flow(t, e);
}

static struct entry *
find(struct flow_table *t, const struct segment *s, size_t bucket)
{
	struct entry *e = t->bucket[bucket];

	while (e != NULL && !flow_is_between(e->flow, &s->src, &s->dst))
		e = e->chain;
	return e;
}

static struct entry *
add(struct flow_table *t, const struct segment *s, size_t bucket)
{
	struct entry *e = xcalloc(1, sizeof(*e));

	e->flow = flow_new(t->c, s);
	e->bucket = bucket;
	e->chain = t->bucket[bucket];
	t->bucket[bucket] = e;
	t->n++;
	t->total++;
	link_newest(t, e);
	return e;
}

static void
weigh(struct flow_table *t, struct entry *e)
{
	t->held -= e->held;
	t->spare -= e->spare;
	e->held = flow_held(e->flow);
	e->spare = flow_spare(e->flow);
	t->held += e->held;
	t->spare += e->spare;
}

/* Sooner than give up a connection, give up comparing for a while. */
static void
release_spare(struct flow_table *t)
{
	for (struct entry *e = t->oldest; e != NULL; e = e->newer) {
		flow_release_spare(e->flow);
		weigh(t, e);
	}
}

void
flow_table_segment(struct flow_table *t, const struct segment *s)
{
	size_t bucket = bucket_of(s);
	struct entry *e = find(t, s, bucket);

	if (e != NULL && flow_is_succeeded(e->flow, s)) {
		end_flow(t, e);
		e = NULL;
	}
	if (e == NULL) {
		if (t->n >= t->max_flows)
			evict(t);
		e = add(t, s, bucket);
	}
	flow_segment(e->flow, s);
	weigh(t, e);
	unlink_use(t, e);
	if (flow_is_over(e->flow))
		link_oldest(t, e);
	else
		link_newest(t, e);
	if (t->held > t->max_held && t->spare > t->max_held / 4)
		release_spare(t);
	while (t->held > t->max_held && t->n > 1)
		evict(t);
}

uint64_t
flow_table_total(const struct flow_table *t)
{
	return t->total;
}

struct tcp_counts
flow_table_counts(const struct flow_table *t)
{
	return t->counts;
}

void
flow_table_finish(struct flow_table *t)
{
	while (t->n > 0)
		end_flow(t, t->oldest);
}

void
flow_table_free(struct flow_table *t)
{
	if (t == NULL)
		return;
	flow_table_finish(t);
	free(t);
}
