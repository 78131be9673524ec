/*
 * A hash table of peers in shards, each with its lock.  A peer stays while it
 * has a connection or is pinned: by other peers' visits, so that their sets can
 * hold plain pointers, by its own that are over, and by the endpoints that
 * point at it.
 *
 * One lock at a time is held, for a few loads and stores.  What may become of
 * an endpoint once it is let go: only its own loop frees it, so an endpoint of
 * the caller's loop that was current a moment ago is still there, and one of
 * another loop is never touched, only named by its key.
 */
#include "config.h"

#include "relayd/router.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/visit.h"

#define MIN_BUCKETS 64
#define MAX_SHARDS  64
/* The buckets use the low bits of a hash. */
#define SHARD_SHIFT 48

/* A shard's lock guards what may change here. */
struct peer {
	struct rk_key key; /* never changes, as the hash */
	uint64_t hash;
	struct peer *next; /* in its bucket */
	struct endpoint *current;
	struct endpoint *replaced; /* on other loops, not told yet */
	struct visits visits;      /* their receivers are peers, as numbers */
	size_t pins;
};

struct shard {
	pthread_mutex_t lock;
	struct peer **bucket;
	size_t nbuckets; /* a power of two */
	size_t npeers;
	size_t nconnected;
} __attribute__((aligned(64)));

struct router {
	struct shard shard[MAX_SHARDS];
	size_t nshards; /* a power of two */
	letter_fn send; /* NULL: there is one loop, and nothing is locked */
	void *arg;
	uint64_t seed[4];
	/* What changes is not beside what each packet reads. */
	uint64_t last_visit __attribute__((aligned(64)));
	uint64_t ended; /* visits that are over */
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

/* ---- life ---- */

static bool
shard_init(struct shard *s)
{
	s->nbuckets = MIN_BUCKETS;
	s->bucket = calloc(s->nbuckets, sizeof(struct peer *));
	pthread_mutex_init(&s->lock, NULL);
	return s->bucket != NULL;
}

static struct router *
new_router(size_t nshards, letter_fn send, void *arg)
{
	struct router *r = aligned_alloc(64, sizeof(*r));

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->send = send;
	r->arg = arg;
	rk_random(r->seed, sizeof(r->seed));
	while (r->nshards < nshards) {
		if (!shard_init(&r->shard[r->nshards++])) {
			router_free(r);
			return NULL;
		}
	}
	return r;
}

struct router *
router_new(void)
{
	return new_router(1, NULL, NULL);
}

struct router *
router_new_shared(letter_fn send, void *arg)
{
	return new_router(MAX_SHARDS, send, arg);
}

static void
peer_free(struct peer *p)
{
	visits_clear(&p->visits);
	free(p);
}

static void
shard_clear(struct shard *s)
{
	for (size_t i = 0; s->bucket != NULL && i < s->nbuckets; i++) {
		struct peer *p, *next;

		for (p = s->bucket[i]; p != NULL; p = next) {
			next = p->next;
			peer_free(p);
		}
	}
	free(s->bucket);
	pthread_mutex_destroy(&s->lock);
}

void
router_free(struct router *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nshards; i++)
		shard_clear(&r->shard[i]);
	free(r);
}

/* ---- locks ---- */

static struct shard *
shard_of(struct router *r, uint64_t hash)
{
	return &r->shard[hash >> SHARD_SHIFT & (r->nshards - 1)];
}

static struct shard *
lock(struct router *r, uint64_t hash)
{
	struct shard *s = shard_of(r, hash);

	if (r->send != NULL)
		pthread_mutex_lock(&s->lock);
	return s;
}

static void
unlock(struct router *r, struct shard *s)
{
	if (r->send != NULL)
		pthread_mutex_unlock(&s->lock);
}

static size_t
count(struct router *r, size_t (*in_shard)(const struct shard *s))
{
	size_t n = 0;

	for (size_t i = 0; i < r->nshards; i++) {
		struct shard *s = lock(r, (uint64_t)i << SHARD_SHIFT);

		n += in_shard(s);
		unlock(r, s);
	}
	return n;
}

static size_t
connected_in(const struct shard *s)
{
	return s->nconnected;
}

static size_t
known_in(const struct shard *s)
{
	return s->npeers;
}

size_t
router_count(struct router *r)
{
	return count(r, connected_in);
}

size_t
router_known(struct router *r)
{
	return count(r, known_in);
}

/* ---- the table: all of this under the shard's lock ---- */

static struct peer **
bucket_of(const struct shard *s, uint64_t hash)
{
	return &s->bucket[hash & (s->nbuckets - 1)];
}

static struct peer *
find(const struct shard *s, uint64_t hash, const struct rk_key *key)
{
	struct peer *p = *bucket_of(s, hash);

	while (p != NULL && (p->hash != hash || !rk_key_equal(&p->key, key)))
		p = p->next;
	return p;
}

/* Without memory for it the table stays as it is, only slower. */
static void
grow(struct shard *s)
{
	size_t old = s->nbuckets;
	struct peer **bucket = calloc(old * 2, sizeof(struct peer *));
	struct peer **from = s->bucket;

	if (bucket == NULL)
		return;
	s->bucket = bucket;
	s->nbuckets = old * 2;
	for (size_t i = 0; i < old; i++) {
		struct peer *p, *next;

		for (p = from[i]; p != NULL; p = next) {
			struct peer **to = bucket_of(s, p->hash);

			next = p->next;
			p->next = *to;
			*to = p;
		}
	}
	free(from);
}

static struct peer *
insert(struct shard *s, uint64_t hash, const struct rk_key *key)
{
	struct peer *p = calloc(1, sizeof(*p));
	struct peer **at;

	if (p == NULL)
		return NULL;
	if (s->npeers >= s->nbuckets)
		grow(s);
	p->key = *key;
	p->hash = hash;
	at = bucket_of(s, p->hash);
	p->next = *at;
	*at = p;
	s->npeers++;
	return p;
}

static void
release(struct shard *s, struct peer *p)
{
	struct peer **at = bucket_of(s, p->hash);

	if (--p->pins > 0 || p->current != NULL)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	s->npeers--;
	peer_free(p);
}

static void
unpin(struct router *r, struct peer *p)
{
	struct shard *s;

	if (p == NULL)
		return;
	s = lock(r, p->hash);
	release(s, p);
	unlock(r, s);
}

/* ---- visits that are over ---- */

/* They pin |p|, and whom it has sent to. */
static void
free_settled(struct router *r, struct peer *p, struct visit *list)
{
	struct visit *v;
	uint64_t id;

	while ((v = list) != NULL) {
		list = v->next;
		for (size_t at = 0; (id = idset_next(&v->sent_to, &at)) != 0;)
			unpin(r, (struct peer *)(uintptr_t)id);
		visit_free(v);
		unpin(r, p);
	}
}

/* Is |to| to be told that a visit of |p| is over?  Who asks next hears no. */
static bool
take_notice(struct router *r, struct peer *p, uint64_t visit,
    const struct peer *to)
{
	struct shard *s = lock(r, p->hash);
	bool due = visits_settle(&p->visits, visit, (uintptr_t)to);
	struct visit *settled = visits_take_settled(&p->visits);

	unlock(r, s);
	free_settled(r, p, settled);
	return due;
}

static void
end_telling(struct router *r, struct peer *p, struct visit *v)
{
	struct shard *s = lock(r, p->hash);
	struct visit *settled;

	visit_end_walk(v);
	settled = visits_take_settled(&p->visits);
	unlock(r, s);
	free_settled(r, p, settled);
}

/* ---- coming and going ---- */

/* Forget where |ep| sent to last. */
static void
drop_last(struct router *r, struct endpoint *ep)
{
	unpin(r, ep->last);
	ep->last = NULL;
	ep->last_noted = false;
}

/* What is left to do without the lock for who was replaced on this loop. */
static void
put_out(struct router *r, struct endpoint *old)
{
	struct peer *p = old->peer;

	old->peer = NULL;
	unpin(r, p);
	drop_last(r, old);
	old->ops->on_replaced(old);
}

/* An endpoint as the loop |home| may know it after the lock is let go. */
struct place {
	struct endpoint *here; /* it is of that loop */
	bool elsewhere;        /* it is of the loop |home| */
	unsigned home;
};

static struct place
place_of(struct endpoint *ep, unsigned home)
{
	struct place p = { 0 };

	if (ep != NULL && ep->home == home) {
		p.here = ep;
	} else if (ep != NULL) {
		p.elsewhere = true;
		p.home = ep->home;
	}
	return p;
}

/* Make |ep| the one that serves |p|; returned is whom it replaces. */
static struct place
take_over(struct router *r, struct peer *p, struct endpoint *ep)
{
	struct endpoint *old = p->current;
	struct place was = place_of(old, ep->home);

	p->current = ep;
	p->pins++;
	ep->peer = p;
	if (old == NULL)
		visits_begin(&p->visits,
		    __atomic_add_fetch(&r->last_visit, 1, __ATOMIC_RELAXED));
	if (was.elsewhere) {
		old->next_replaced = p->replaced;
		p->replaced = old;
	}
	return was;
}

bool
router_enter(struct router *r, struct endpoint *ep, const struct rk_key *key)
{
	uint64_t hash = router_hash(r, key);
	struct shard *s = lock(r, hash);
	struct peer *p = find(s, hash, key);
	struct place old;

	assert(ep->peer == NULL);
	if (p == NULL && (p = insert(s, hash, key)) == NULL) {
		unlock(r, s);
		return false;
	}
	s->nconnected += p->current == NULL;
	old = take_over(r, p, ep);
	unlock(r, s);
	if (old.here != NULL)
		put_out(r, old.here);
	if (old.elsewhere)
		r->send(r->arg, ep->home, old.home,
		    &(struct letter){ .kind = LETTER_REPLACED, .to = *key });
	return true;
}

/* Take |ep| out of those that are to hear that they were replaced. */
static void
forget_replaced(struct peer *p, const struct endpoint *ep)
{
	struct endpoint **at = &p->replaced;

	while (*at != NULL && *at != ep)
		at = &(*at)->next_replaced;
	if (*at != NULL)
		*at = ep->next_replaced;
}

/* Who serves |p|, which is pinned, as |home| sees it. */
static struct place
current_place(struct router *r, const struct peer *p, unsigned home)
{
	struct shard *s = lock(r, p->hash);
	struct place at = place_of(p->current, home);

	unlock(r, s);
	return at;
}

/* Who is still to be told of the end of |v|, a visit of |p|. */
static struct peer *
next_untold(struct router *r, const struct peer *p, const struct visit *v,
    size_t *at)
{
	struct shard *s = lock(r, p->hash);
	uint64_t id = visit_next_untold(v, at);

	unlock(r, s);
	return (struct peer *)(uintptr_t)id;
}

/* |p| has ended |v|: tell everybody, if |tell|, or have other loops do it. */
static void
tell_all(struct router *r, unsigned home, struct peer *p, struct visit *v,
    bool tell)
{
	struct letter l = { .kind = LETTER_GONE,
		.from = p->key,
		.visit = v->number };
	struct peer *to;

	for (size_t at = 0; (to = next_untold(r, p, v, &at)) != NULL;) {
		struct place place = current_place(r, to, home);

		l.to = to->key;
		if (tell && place.elsewhere)
			r->send(r->arg, home, place.home, &l);
		else if (take_notice(r, p, v->number, to) && tell &&
		    place.here != NULL)
			place.here->ops->on_gone(place.here, &p->key);
	}
	end_telling(r, p, v);
}

void
router_leave(struct router *r, struct endpoint *ep, bool tell)
{
	struct peer *p = ep->peer;
	struct visit *over = NULL;
	struct shard *s;

	if (p == NULL)
		return;
	ep->peer = NULL;
	s = lock(r, p->hash);
	if (p->current == ep) {
		p->current = NULL;
		s->nconnected--;
		over = visits_end(&p->visits);
		p->pins += over != NULL;
		__atomic_add_fetch(&r->ended, 1, __ATOMIC_RELAXED);
	} else {
		forget_replaced(p, ep);
	}
	unlock(r, s);
	if (over != NULL)
		tell_all(r, ep->home, p, over, tell);
	drop_last(r, ep);
	unpin(r, p);
}

/* ---- packets ---- */

/* See to it that from->last is the peer of |to|; false if there is none. */
static bool
aim(struct router *r, struct endpoint *from, const struct rk_key *to,
    struct place *at)
{
	uint64_t hash;
	struct shard *s;
	struct peer *p;

	if (from->last != NULL && rk_key_equal(&from->last->key, to)) {
		*at = current_place(r, from->last, from->home);
		return true;
	}
	hash = router_hash(r, to);
	s = lock(r, hash);
	p = find(s, hash, to);
	if (p != NULL) {
		p->pins++;
		*at = place_of(p->current, from->home);
	}
	unlock(r, s);
	if (p == NULL)
		return false;
	drop_last(r, from);
	from->last = p;
	return true;
}

/* A packet is about to go to from->last.  False: |from| has lost its key. */
static bool
note_sent(struct router *r, struct endpoint *from)
{
	struct peer *p = from->peer, *to = from->last;
	struct shard *s = lock(r, to->hash);
	bool is_current;
	int added = 0;

	to->pins++;
	unlock(r, s);
	s = lock(r, p->hash);
	is_current = p->current == from;
	if (is_current)
		added = visits_add(&p->visits, (uintptr_t)to);
	unlock(r, s);
	if (added != 1)
		unpin(r, to);
	return is_current;
}

/* What a sender's key was found to be when it sent. */
struct sending {
	uint64_t visit;
	uint64_t ended; /* visits that were over then */
	bool noted;     /* the destination has had a packet of the visit */
};

/*
 * Does |from| still have its key?  Another loop may have given it to a newer
 * login, whose packets must not mix with what the older one sends yet.  Nobody
 * is told of his own end, so a packet to oneself is not noted at all.
 */
static bool
begin_sending(struct router *r, struct endpoint *from, struct sending *now)
{
	struct peer *p = from->peer;
	struct shard *s = lock(r, p->hash);
	bool is_current = p->current == from;
	const uint8_t *mark = NULL;

	now->visit = p->visits.number;
	now->ended = __atomic_load_n(&r->ended, __ATOMIC_RELAXED);
	if (is_current && !from->last_noted) {
		mark =
		    visits_mark(&p->visits, now->visit, (uintptr_t)from->last);
		from->last_noted =
		    from->last == p || (mark != NULL && *mark == THROUGH);
	}
	now->noted = from->last_noted;
	unlock(r, s);
	return is_current && (now->noted || mark != NULL || note_sent(r, from));
}

/* |to| has taken a packet of that visit of |from|. */
static void
note_through(struct router *r, const struct peer *from, uint64_t visit,
    const struct peer *to)
{
	struct shard *s = lock(r, from->hash);
	uint8_t *mark = visits_mark(&from->visits, visit, (uintptr_t)to);

	if (mark != NULL && *mark == SENT)
		*mark = THROUGH;
	unlock(r, s);
}

/* A packet that may be the first of its visit, or too late; |from| is
 * pinned. */
static enum route_result
hand_over(struct router *r, struct peer *from, struct endpoint *to,
    const struct letter *l, bool tell)
{
	struct shard *s = lock(r, from->hash);
	struct admission a =
	    visits_admit(&from->visits, l->visit, (uintptr_t)to->peer);
	struct visit *settled = visits_take_settled(&from->visits);

	unlock(r, s);
	free_settled(r, from, settled);
	if (a.late && tell)
		return ROUTE_REPLACED;
	if (a.gone && tell)
		to->ops->on_gone(to, &from->key);
	if (!to->ops->on_packet(to, &from->key, l->packet))
		return ROUTE_FULL;
	if (!l->noted && to->peer != NULL)
		note_through(r, from, l->visit, to->peer);
	return ROUTE_QUEUED;
}

static enum route_result
take(struct endpoint *to, const struct rk_key *from,
    const struct lent_packet *p)
{
	return to->ops->on_packet(to, from, p) ? ROUTE_QUEUED : ROUTE_FULL;
}

/* Not inlined: a letter is large, and the compiler may clear it first. */
static enum route_result __attribute__((noinline)) send_letter(struct router *r,
    struct endpoint *from, const struct place *at, const struct sending *now,
    const struct rk_key *to, const struct lent_packet *p)
{
	struct letter l = { .kind = LETTER_PACKET,
		.to = *to,
		.from = from->peer->key,
		.visit = now->visit,
		.ended = now->ended,
		.noted = now->noted,
		.packet = p };

	if (at->here != NULL)
		return hand_over(r, from->peer, at->here, &l, true);
	return r->send(r->arg, from->home, at->home, &l) ? ROUTE_SENT
							 : ROUTE_FULL;
}

enum route_result
router_route(struct router *r, struct endpoint *from, const struct rk_key *to,
    const struct lent_packet *p)
{
	struct sending now;
	struct place at;

	assert(from->peer != NULL);
	if (!aim(r, from, to, &at) || (at.here == NULL && !at.elsewhere))
		return ROUTE_UNKNOWN;
	if (!begin_sending(r, from, &now))
		return ROUTE_REPLACED;
	if (at.here != NULL && now.noted)
		return take(at.here, &from->peer->key, p);
	return send_letter(r, from, &at, &now, to, p);
}

/* ---- letters ---- */

/* Who serves |key| now, as |home| sees it. */
static struct place
find_place(struct router *r, unsigned home, const struct rk_key *key)
{
	uint64_t hash = router_hash(r, key);
	struct shard *s = lock(r, hash);
	struct peer *p = find(s, hash, key);
	struct place at = place_of(p != NULL ? p->current : NULL, home);

	unlock(r, s);
	return at;
}

/* The peer of |key|, pinned; NULL: there is none. */
static struct peer *
pin(struct router *r, const struct rk_key *key)
{
	uint64_t hash = router_hash(r, key);
	struct shard *s = lock(r, hash);
	struct peer *p = find(s, hash, key);

	if (p != NULL)
		p->pins++;
	unlock(r, s);
	return p;
}

/*
 * A key that has moved to another loop since loses the packet, as it would
 * have lost a queued one; sent on, it could come behind later packets.
 *
 * If no visit has ended since the packet was sent, its sender's has not.  If
 * this loop has told of that end, what made it do so brought the count along.
 */
enum route_result
router_deliver(struct router *r, unsigned home, const struct letter *l,
    bool tell)
{
	struct place at = find_place(r, home, &l->to);
	enum route_result result;
	struct peer *from;

	if (at.here == NULL)
		return ROUTE_UNKNOWN;
	if (l->noted &&
	    l->ended == __atomic_load_n(&r->ended, __ATOMIC_RELAXED))
		return take(at.here, &l->from, l->packet);
	from = pin(r, &l->from);
	if (from == NULL)
		return tell ? ROUTE_REPLACED
			    : take(at.here, &l->from, l->packet);
	result = hand_over(r, from, at.here, l, tell);
	unpin(r, from);
	return result;
}

/* A key that has moved since is told at its new place. */
void
router_tell(struct router *r, unsigned home, const struct letter *l)
{
	struct peer *from = pin(r, &l->from), *to = pin(r, &l->to);
	struct place at = { 0 };

	if (from != NULL && to != NULL)
		at = current_place(r, to, home);
	if (at.elsewhere)
		r->send(r->arg, home, at.home, l);
	else if (from != NULL && to != NULL &&
	    take_notice(r, from, l->visit, to) && at.here != NULL)
		at.here->ops->on_gone(at.here, &l->from);
	unpin(r, to);
	unpin(r, from);
}

/* The first of those that wait to be put out that is of the loop |home|. */
static struct endpoint *
next_replaced(struct router *r, unsigned home, const struct rk_key *key)
{
	uint64_t hash = router_hash(r, key);
	struct shard *s = lock(r, hash);
	struct peer *p = find(s, hash, key);
	struct endpoint *ep = p != NULL ? p->replaced : NULL;

	while (ep != NULL && ep->home != home)
		ep = ep->next_replaced;
	if (ep != NULL)
		forget_replaced(p, ep);
	unlock(r, s);
	return ep;
}

void
router_put_out(struct router *r, unsigned home, const struct letter *l)
{
	struct endpoint *ep;

	while ((ep = next_replaced(r, home, &l->to)) != NULL)
		put_out(r, ep);
}
