/*
 * What comes of packets, of coming and of going, over the table of peers.
 *
 * What may become of an endpoint once the lock of its peer is let go: only its
 * own loop frees it, so an endpoint of the caller's loop that was current a
 * moment ago is still there, and one of another loop is never touched, only
 * named by its key.
 */
#include "config.h"

#include "relayd/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "relayd/peers.h"

struct router {
	struct peers peers;
	letter_fn send; /* NULL: there is one loop */
	void *arg;
	/* What changes is not beside what each packet reads. */
	uint64_t last_visit __attribute__((aligned(64)));
	uint64_t ended; /* visits that are over */
};

/* ---- life ---- */

static struct router *
new_router(letter_fn send, void *arg)
{
	struct router *r = aligned_alloc(64, sizeof(*r));

	if (r == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	r->send = send;
	r->arg = arg;
	if (!peers_init(&r->peers, send != NULL)) {
		router_free(r);
		return NULL;
	}
	return r;
}

struct router *
router_new(void)
{
	return new_router(NULL, NULL);
}

struct router *
router_new_shared(letter_fn send, void *arg)
{
	return new_router(send, arg);
}

void
router_free(struct router *r)
{
	if (r == NULL)
		return;
	peers_clear(&r->peers);
	free(r);
}

uint64_t
router_hash(const struct router *r, const struct rk_key *key)
{
	return peers_hash(&r->peers, key);
}

size_t
router_count(struct router *r)
{
	return peers_connected(&r->peers);
}

size_t
router_known(struct router *r)
{
	return peers_known(&r->peers);
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
			peer_unpin(&r->peers, (struct peer *)(uintptr_t)id);
		visit_free(v);
		peer_unpin(&r->peers, p);
	}
}

/* Is |to| to be told that a visit of |p| is over?  Who asks next hears no. */
static bool
take_notice(struct router *r, struct peer *p, uint64_t visit,
    const struct peer *to)
{
	struct shard *s = peers_lock(&r->peers, p->hash);
	bool due = visits_settle(&p->visits, visit, (uintptr_t)to);
	struct visit *settled = visits_take_settled(&p->visits);

	peers_unlock(&r->peers, s);
	free_settled(r, p, settled);
	return due;
}

static void
end_telling(struct router *r, struct peer *p, struct visit *v)
{
	struct shard *s = peers_lock(&r->peers, p->hash);
	struct visit *settled;

	visit_end_walk(v);
	settled = visits_take_settled(&p->visits);
	peers_unlock(&r->peers, s);
	free_settled(r, p, settled);
}

/* ---- coming and going ---- */

/* Forget where |ep| sent to last. */
static void
drop_last(struct router *r, struct endpoint *ep)
{
	peer_unpin(&r->peers, ep->last);
	ep->last = NULL;
	ep->last_noted = false;
}

/* What is left to do without the lock for who was replaced on this loop. */
static void
put_out(struct router *r, struct endpoint *old)
{
	struct peer *p = old->peer;

	old->peer = NULL;
	peer_unpin(&r->peers, p);
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
	uint64_t hash = peers_hash(&r->peers, key);
	struct shard *s = peers_lock(&r->peers, hash);
	struct peer *p = peer_find(s, hash, key);
	struct place old;

	assert(ep->peer == NULL);
	if (p == NULL && (p = peer_insert(s, hash, key)) == NULL) {
		peers_unlock(&r->peers, s);
		return false;
	}
	s->nconnected += p->current == NULL;
	old = take_over(r, p, ep);
	peers_unlock(&r->peers, s);
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
	struct shard *s = peers_lock(&r->peers, p->hash);
	struct place at = place_of(p->current, home);

	peers_unlock(&r->peers, s);
	return at;
}

/* Who is still to be told of the end of |v|, a visit of |p|. */
static struct peer *
next_untold(struct router *r, const struct peer *p, const struct visit *v,
    size_t *at)
{
	struct shard *s = peers_lock(&r->peers, p->hash);
	uint64_t id = visit_next_untold(v, at);

	peers_unlock(&r->peers, s);
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
	s = peers_lock(&r->peers, p->hash);
	if (p->current == ep) {
		p->current = NULL;
		s->nconnected--;
		over = visits_end(&p->visits);
		p->pins += over != NULL;
		__atomic_add_fetch(&r->ended, 1, __ATOMIC_RELAXED);
	} else {
		forget_replaced(p, ep);
	}
	peers_unlock(&r->peers, s);
	if (over != NULL)
		tell_all(r, ep->home, p, over, tell);
	drop_last(r, ep);
	peer_unpin(&r->peers, p);
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
	hash = peers_hash(&r->peers, to);
	s = peers_lock(&r->peers, hash);
	p = peer_find(s, hash, to);
	if (p != NULL) {
		p->pins++;
		*at = place_of(p->current, from->home);
	}
	peers_unlock(&r->peers, s);
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
	struct shard *s = peers_lock(&r->peers, to->hash);
	bool is_current;
	int added = 0;

	to->pins++;
	peers_unlock(&r->peers, s);
	s = peers_lock(&r->peers, p->hash);
	is_current = p->current == from;
	if (is_current)
		added = visits_add(&p->visits, (uintptr_t)to);
	peers_unlock(&r->peers, s);
	if (added != 1)
		peer_unpin(&r->peers, to);
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
	struct shard *s = peers_lock(&r->peers, p->hash);
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
	peers_unlock(&r->peers, s);
	return is_current && (now->noted || mark != NULL || note_sent(r, from));
}

/* |to| has taken a packet of that visit of |from|. */
static void
note_through(struct router *r, const struct peer *from, uint64_t visit,
    const struct peer *to)
{
	struct shard *s = peers_lock(&r->peers, from->hash);
	uint8_t *mark = visits_mark(&from->visits, visit, (uintptr_t)to);

	if (mark != NULL && *mark == SENT)
		*mark = THROUGH;
	peers_unlock(&r->peers, s);
}

/* A packet that may be the first of its visit, or too late; |from| is
 * pinned. */
static enum route_result
hand_over(struct router *r, struct peer *from, struct endpoint *to,
    const struct letter *l, bool tell)
{
	struct shard *s = peers_lock(&r->peers, from->hash);
	struct admission a =
	    visits_admit(&from->visits, l->visit, (uintptr_t)to->peer);
	struct visit *settled = visits_take_settled(&from->visits);

	peers_unlock(&r->peers, s);
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
	uint64_t hash = peers_hash(&r->peers, key);
	struct shard *s = peers_lock(&r->peers, hash);
	struct peer *p = peer_find(s, hash, key);
	struct place at = place_of(p != NULL ? p->current : NULL, home);

	peers_unlock(&r->peers, s);
	return at;
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
	from = peer_pin(&r->peers, &l->from);
	if (from == NULL)
		return tell ? ROUTE_REPLACED
			    : take(at.here, &l->from, l->packet);
	result = hand_over(r, from, at.here, l, tell);
	peer_unpin(&r->peers, from);
	return result;
}

/* A key that has moved since is told at its new place. */
void
router_tell(struct router *r, unsigned home, const struct letter *l)
{
	struct peer *from = peer_pin(&r->peers, &l->from),
		    *to = peer_pin(&r->peers, &l->to);
	struct place at = { 0 };

	if (from != NULL && to != NULL)
		at = current_place(r, to, home);
	if (at.elsewhere)
		r->send(r->arg, home, at.home, l);
	else if (from != NULL && to != NULL &&
	    take_notice(r, from, l->visit, to) && at.here != NULL)
		at.here->ops->on_gone(at.here, &l->from);
	peer_unpin(&r->peers, to);
	peer_unpin(&r->peers, from);
}

/* The first of those that wait to be put out that is of the loop |home|. */
static struct endpoint *
next_replaced(struct router *r, unsigned home, const struct rk_key *key)
{
	uint64_t hash = peers_hash(&r->peers, key);
	struct shard *s = peers_lock(&r->peers, hash);
	struct peer *p = peer_find(s, hash, key);
	struct endpoint *ep = p != NULL ? p->replaced : NULL;

	while (ep != NULL && ep->home != home)
		ep = ep->next_replaced;
	if (ep != NULL)
		forget_replaced(p, ep);
	peers_unlock(&r->peers, s);
	return ep;
}

void
router_put_out(struct router *r, unsigned home, const struct letter *l)
{
	struct endpoint *ep;

	while ((ep = next_replaced(r, home, &l->to)) != NULL)
		put_out(r, ep);
}
