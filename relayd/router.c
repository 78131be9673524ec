/*
 * A hash table of peers.  A peer stays while it has a connection or while
 * another peer's sent-to set points at it, so that the sets can hold plain
 * pointers.  The set belongs to the key and survives a replacement.
 */
#include "config.h"

#include "relayd/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/idset.h"

#define MIN_BUCKETS 64

struct peer {
	struct rk_key key;
	uint64_t hash;
	struct peer *next; /* in its bucket */
	struct endpoint *current;
	size_t pins;          /* sent-to sets that hold this peer */
	struct idset sent_to; /* peers, as numbers */
};

struct router {
	struct peer **bucket;
	size_t nbuckets; /* a power of two */
	size_t npeers;
	size_t nconnected;
	uint64_t seed[4];
};

/* Clients choose their keys, so the hash is seeded. */
uint64_t
router_hash(const struct router *r, const struct rk_key *key)
{
	uint64_t w[4];
	unsigned __int128 a, b;

	memcpy(w, key->b, sizeof(w));
	a = (unsigned __int128)(w[0] ^ r->seed[0]) * (w[1] ^ r->seed[1]);
	b = (unsigned __int128)(w[2] ^ r->seed[2]) * (w[3] ^ r->seed[3]);
	return (uint64_t)a ^ (uint64_t)(a >> 64) ^ (uint64_t)b ^
	    (uint64_t)(b >> 64);
}

struct router *
router_new(void)
{
	struct router *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->nbuckets = MIN_BUCKETS;
	r->bucket = calloc(r->nbuckets, sizeof(struct peer *));
	if (r->bucket == NULL) {
		free(r);
		return NULL;
	}
	rk_random(r->seed, sizeof(r->seed));
	return r;
}

static void
peer_free(struct peer *p)
{
	idset_clear(&p->sent_to);
	free(p);
}

void
router_free(struct router *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nbuckets; i++) {
		struct peer *p, *next;

		for (p = r->bucket[i]; p != NULL; p = next) {
			next = p->next;
			peer_free(p);
		}
	}
	free(r->bucket);
	free(r);
}

size_t
router_count(const struct router *r)
{
	return r->nconnected;
}

static struct peer **
bucket_of(const struct router *r, uint64_t hash)
{
	return &r->bucket[hash & (r->nbuckets - 1)];
}

static struct peer *
find(const struct router *r, const struct rk_key *key)
{
	uint64_t hash = router_hash(r, key);
	struct peer *p = *bucket_of(r, hash);

	while (p != NULL && (p->hash != hash || !rk_key_equal(&p->key, key)))
		p = p->next;
	return p;
}

/* Without memory for it the table stays as it is, only slower. */
static void
grow(struct router *r)
{
	size_t old = r->nbuckets;
	struct peer **bucket = calloc(old * 2, sizeof(struct peer *));
	struct peer **from = r->bucket;

	if (bucket == NULL)
		return;
	r->bucket = bucket;
	r->nbuckets = old * 2;
	for (size_t i = 0; i < old; i++) {
		struct peer *p, *next;

		for (p = from[i]; p != NULL; p = next) {
			struct peer **to = bucket_of(r, p->hash);

			next = p->next;
			p->next = *to;
			*to = p;
		}
	}
	free(from);
}

static struct peer *
insert(struct router *r, const struct rk_key *key)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct peer **at;

	if (p == NULL)
		return NULL;
	if (r->npeers >= r->nbuckets)
		grow(r);
	p->key = *key;
	p->hash = router_hash(r, key);
	idset_init(&p->sent_to);
	at = bucket_of(r, p->hash);
	p->next = *at;
	*at = p;
	r->npeers++;
	return p;
}

static void
forget_if_unused(struct router *r, struct peer *p)
{
	struct peer **at = bucket_of(r, p->hash);

	if (p->current != NULL || p->pins > 0)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	r->npeers--;
	peer_free(p);
}

bool
router_enter(struct router *r, struct endpoint *ep, const struct rk_key *key)
{
	struct peer *p = find(r, key);
	struct endpoint *old;

	assert(ep->peer == NULL);
	if (p == NULL && (p = insert(r, key)) == NULL)
		return false;
	old = p->current;
	p->current = ep;
	ep->peer = p;
	ep->last = NULL;
	if (old == NULL) {
		r->nconnected++;
	} else {
		old->peer = NULL;
		old->last = NULL;
		old->ops->on_replaced(old);
	}
	return true;
}

/* Empty the sent-to set of |p|, and tell those in it if |tell|. */
static void
release_sent_to(struct router *r, struct peer *p, bool tell)
{
	struct idset set = p->sent_to;
	uint64_t id;

	idset_init(&p->sent_to);
	for (size_t at = 0; (id = idset_next(&set, &at)) != 0;) {
		struct peer *to = (struct peer *)(uintptr_t)id;

		if (tell && to->current != NULL)
			to->current->ops->on_gone(to->current, &p->key);
		to->pins--;
		if (to != p)
			forget_if_unused(r, to);
	}
	idset_clear(&set);
}

void
router_leave(struct router *r, struct endpoint *ep, bool tell)
{
	struct peer *p = ep->peer;

	if (p == NULL)
		return;
	assert(p->current == ep);
	p->current = NULL;
	ep->peer = NULL;
	ep->last = NULL;
	r->nconnected--;
	release_sent_to(r, p, tell);
	forget_if_unused(r, p);
}

/* Remember that |from| has sent to |to|, which pins it in the table. */
static void
note_sent(struct endpoint *from, struct peer *to)
{
	if (from->last == to)
		return;
	switch (idset_add(&from->peer->sent_to, (uintptr_t)to)) {
	case 1:
		to->pins++;
		from->last = to;
		break;
	case 0:
		from->last = to;
		break;
	default: /* no memory: one notice will be missing */
		break;
	}
}

enum route_result
router_route(struct router *r, struct endpoint *from, const struct rk_key *to,
    const struct lent_packet *p)
{
	struct peer *dest = from->last;
	struct endpoint *ep;

	assert(from->peer != NULL);
	if (dest == NULL || !rk_key_equal(&dest->key, to))
		dest = find(r, to);
	if (dest == NULL || dest->current == NULL)
		return ROUTE_UNKNOWN;
	ep = dest->current;
	if (!ep->ops->on_packet(ep, &from->peer->key, p))
		return ROUTE_FULL;
	note_sent(from, dest);
	return ROUTE_QUEUED;
}
