/*
 * The packets that wait stand in a ring, the oldest is overwritten; chains by
 * digest have the oldest first, since relays keep the order.
 */
#include "config.h"

#include "transcript/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/digest.h"

#define NONE     UINT32_MAX
#define WALK_MAX 64 /* packets with the same bytes that are looked at */

struct half {
	uint64_t digest; /* of the data, with its length */
	struct rk_key from, to;
	bool has_from, has_to;
	bool waits;
	bool sent;
	int place; /* of its connection, which has this number: */
	uint64_t conn;
	uint64_t n;
	uint64_t packet;
	int64_t time_ns;
	uint32_t older, newer; /* of the chain */
};

struct chain {
	uint32_t oldest, newest;
};

struct pairs {
	struct half *half;
	uint32_t max;
	uint32_t next; /* to be overwritten */
	struct chain *chain;
	uint32_t mask;
};

struct pairs *
pairs_new(size_t max_waiting)
{
	struct pairs *p = xcalloc(1, sizeof(*p));
	uint32_t n = 1;

	p->max = max_waiting < 1       ? 1
	    : max_waiting > (1u << 24) ? 1u << 24
				       : (uint32_t)max_waiting;
	while (n < p->max)
		n *= 2;
	p->mask = n - 1;
	p->half = xcalloc(p->max, sizeof(*p->half));
	p->chain = xcalloc(n, sizeof(*p->chain));
	for (uint32_t i = 0; i < n; i++)
		p->chain[i] = (struct chain){ NONE, NONE };
	return p;
}

void
pairs_free(struct pairs *p)
{
	if (p == NULL)
		return;
	free(p->half);
	free(p->chain);
	free(p);
}

/* ---- what waits ---- */

static struct chain *
chain_of(struct pairs *p, const struct half *h)
{
	return &p->chain[h->digest & p->mask];
}

static void
forget(struct pairs *p, struct half *h)
{
	struct chain *c = chain_of(p, h);

	if (!h->waits)
		return;
	*(h->older != NONE ? &p->half[h->older].newer : &c->oldest) = h->newer;
	*(h->newer != NONE ? &p->half[h->newer].older : &c->newest) = h->older;
	h->waits = false;
}

static void
remember(struct pairs *p, const struct half *new)
{
	uint32_t at = p->next;
	struct half *h = &p->half[at];
	struct chain *c;

	p->next = at + 1 == p->max ? 0 : at + 1;
	forget(p, h);
	*h = *new;
	c = chain_of(p, h);
	h->waits = true;
	h->newer = NONE;
	h->older = c->newest;
	*(c->newest != NONE ? &p->half[c->newest].newer : &c->oldest) = at;
	c->newest = at;
}

/* Can both be halves of one packet?  What is unknown is no obstacle. */
static bool
fits(const struct half *a, const struct half *b)
{
	if (a->digest != b->digest || a->sent == b->sent)
		return false;
	if (a->has_from && b->has_from && !rk_key_equal(&a->from, &b->from))
		return false;
	return !a->has_to || !b->has_to || rk_key_equal(&a->to, &b->to);
}

static struct half *
find(struct pairs *p, const struct half *h, bool *several)
{
	struct half *found = NULL;
	uint32_t at = chain_of(p, h)->oldest;

	*several = false;
	for (int i = 0; at != NONE && i < WALK_MAX; i++) {
		struct half *other = &p->half[at];

		at = other->newer;
		if (!fits(h, other))
			continue;
		*several = found != NULL;
		if (*several)
			break;
		found = other;
	}
	return found;
}

/* ---- events ---- */

static uint64_t
digest_of(struct rk_span data)
{
	uint8_t digest[RK_SHA256_LEN] = { 0 };
	uint64_t v;

	rk_sha256(data.p, data.len, digest);
	memcpy(&v, digest, sizeof(v));
	return v ^ data.len;
}

static void
set_key(struct rk_key *key, bool *has, const struct rk_key *from)
{
	*key = *from;
	*has = true;
}

static bool
make_half(const struct transcript *t, const struct event *e, struct half *h)
{
	const struct transcript_conn *c;
	struct rk_key key;
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->conn == TRANSCRIPT_NO_CONN)
		return false;
	if (event_frame(e, &f) != RK_OK ||
	    (f.kind != RK_FRAME_SEND && f.kind != RK_FRAME_RECV) ||
	    !rk_frame_key(&f, &key))
		return false;
	c = &t->conns[e->conn];
	*h = (struct half){ .digest = digest_of(rk_frame_field(&f, "data")),
		.sent = f.kind == RK_FRAME_SEND,
		.place = e->conn,
		.conn = c->number,
		.n = c->count[e->dir],
		.packet = e->packet,
		.time_ns = e->time_ns };
	if (h->sent)
		set_key(&h->to, &h->has_to, &key);
	else
		set_key(&h->from, &h->has_from, &key);
	if (c->has_key && h->sent)
		set_key(&h->from, &h->has_from, &c->key);
	else if (c->has_key)
		set_key(&h->to, &h->has_to, &c->key);
	return true;
}

/* Whose connection it is, if nobody saw the login: the other half says. */
static void
learn(struct transcript *t, const struct half *h, const struct half *other)
{
	struct transcript_conn *c = &t->conns[h->place];

	if (c->number != h->conn || c->has_key)
		return;
	if (h->sent && other->has_from)
		set_key(&c->key, &c->has_key, &other->from);
	else if (!h->sent && other->has_to)
		set_key(&c->key, &c->has_key, &other->to);
}

static void
make_pair(const struct half *first, const struct half *second, struct pair *out)
{
	const struct half *sent = first->sent ? first : second;
	const struct half *received = first->sent ? second : first;

	out->has_from = received->has_from;
	out->from = received->from;
	out->has_to = sent->has_to;
	out->to = sent->to;
	out->conn = first->conn;
	out->n = first->n;
	out->packet = first->packet;
	out->transit_ns = received->time_ns - sent->time_ns;
}

bool
pairs_event(struct pairs *p, struct transcript *t, const struct event *e,
    struct pair *out)
{
	struct half h, *first;

	if (!make_half(t, e, &h))
		return false;
	first = find(p, &h, &out->several);
	if (first == NULL) {
		remember(p, &h);
		return false;
	}
	make_pair(first, &h, out);
	if (!out->several) {
		learn(t, &h, first);
		learn(t, first, &h);
	}
	forget(p, first);
	return true;
}
