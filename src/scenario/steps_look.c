/* What of a connection's inbox a watcher may take, and what stands in its
 * way. */
#include "config.h"

#include <string.h>

#include "scenario/steps_watcher.h"

static const struct wanted *
wanted_now(const struct watcher *w)
{
	return w->state == WATCHER_THEN ? &w->then : &w->want;
}

static enum look
found_item(struct found *f, enum look look, struct item *it)
{
	f->kind = FOUND_ITEM;
	f->item = it;
	f->seq = it->seq;
	f->at_ns = it->at_ns;
	return look;
}

static bool
is_ending(const struct wanted *want)
{
	return want->what->match >= MATCH_CLOSED &&
	    want->what->match <= MATCH_TRUNCATED;
}

/* ---- the end ---- */

static bool
ending_fits(enum event_match match, enum ending e)
{
	switch (match) {
	case MATCH_CLOSED:
		return e != ENDING_NONE;
	case MATCH_EOF:
		return e == ENDING_EOF;
	case MATCH_RESET:
		return e == ENDING_RESET;
	case MATCH_TRUNCATED:
		return e == ENDING_TRUNCATED;
	default:
		return false;
	}
}

static enum look
look_end(const struct party *s, enum event_match match, struct found *f)
{
	if (s->ended == ENDING_NONE)
		return LOOK_NOTHING;
	f->kind = FOUND_END;
	f->item = NULL;
	f->seq = s->ended_seq;
	f->at_ns = s->ended_ns;
	return ending_fits(match, s->ended) ? LOOK_FITS : LOOK_BLOCKED;
}

/* Half a frame is what "truncated" means, "closed" covers it, and a reset may
 * destroy the other half on its way. */
static bool
is_half(const struct wanted *want, const struct item *it)
{
	return want->what->match != MATCH_EOF && it->kind == ITEM_REST &&
	    it->error == RK_ERR_AGAIN;
}

/* Nothing but background may be there that nobody took. */
static bool
is_in_the_way(const struct play *p, const struct party *s,
    const struct item *it)
{
	return !play_is_background(p, s, it) && !play_is_bygone(s, it);
}

/* How WebSocket says that an end comes, not something before it. */
static bool
is_goodbye(const struct play *p, const struct item *it)
{
	return it->kind == ITEM_WS && it->opcode == RK_WS_CLOSE &&
	    !p->instance->scenario->background_strict;
}

static enum look
look_closed(const struct play *p, const struct party *s,
    const struct wanted *want, struct found *f)
{
	for (struct item *it = s->items; it != NULL; it = it->next)
		if (is_in_the_way(p, s, it) && !is_half(want, it) &&
		    !is_goodbye(p, it))
			return found_item(f, LOOK_BLOCKED, it);
	if (s->wire == WIRE_BYTES && s->in.len > 0) {
		f->kind = FOUND_BYTES;
		f->item = NULL;
		return LOOK_BLOCKED;
	}
	return look_end(s, want->what->match, f);
}

/* ---- frames ---- */

static const struct wanted_pred *
first_pred(const struct wanted *want)
{
	for (size_t i = 0; i < want->what->npreds; i++)
		if (want->preds[i].pred->value != NULL)
			return &want->preds[i];
	return NULL;
}

/* Background counts where the step names it; a stranger's PeerGone only where
 * the step says whose. */
static bool
is_named(const struct wanted *want, const struct item *it)
{
	if (want->what->match == MATCH_WS)
		return true;
	return want->what->match == MATCH_FRAME &&
	    (it->frame.kind != RK_FRAME_GONE || first_pred(want) != NULL);
}

/* Is the item on the way that the wanted one has to come? */
static unsigned
lane_bit(const struct wanted *want, const struct item *it)
{
	switch (want->what->match) {
	case MATCH_FRAME:
		return it->kind == ITEM_FRAME ? 1U << it->lane & want->lanes
					      : 0;
	case MATCH_ANY:
		return it->kind == ITEM_FRAME;
	case MATCH_HTTP:
		return it->kind == ITEM_HTTP;
	case MATCH_WS:
		return it->kind == ITEM_WS;
	case MATCH_STUN:
		return it->kind == ITEM_DATAGRAM;
	case MATCH_BYTES:
		return it->kind == ITEM_REST || it->kind == ITEM_HTTP ||
		    it->kind == ITEM_DATAGRAM;
	default:
		return 0;
	}
}

static unsigned
all_lanes(const struct wanted *want)
{
	return want->what->match == MATCH_FRAME ? want->lanes : 1;
}

/* A notice that came too early is looked at by whoever asks for notices. */
static bool
is_passed_over(const struct play *p, const struct party *s,
    const struct wanted *want, const struct item *it)
{
	return play_is_background(p, s, it) ||
	    (play_is_bygone(s, it) &&
		(want->what->match != MATCH_FRAME ||
		    it->lane == RK_LANE_LIVENESS));
}

/*
 * The earliest in the lane has to fit; where the predicates leave two lanes
 * open, the earliest of either.  Background fits where it is named, and is
 * never in the way.  Bytes that are no frame are in everybody's way.
 */
static enum look
look_items(const struct play *p, const struct party *s,
    const struct wanted *want, bool observe, struct found *f)
{
	unsigned open = all_lanes(want);

	for (struct item *it = s->items; it != NULL; it = it->next) {
		unsigned lane = lane_bit(want, it);
		bool background = is_passed_over(p, s, want, it);

		if (lane == 0 && it->kind == ITEM_REST && !observe)
			return found_item(f, LOOK_BLOCKED, it);
		if ((lane & open) == 0)
			continue;
		if (wanted_fits(want, it) &&
		    (!background || is_named(want, it)))
			return found_item(f, LOOK_FITS, it);
		if (background)
			continue;
		if (observe)
			return found_item(f, LOOK_FITS, it);
		open &= ~lane;
		if (open == 0)
			return found_item(f, LOOK_BLOCKED, it);
	}
	return LOOK_NOTHING;
}

/* ---- bytes ---- */

/* "data==…" is about the next so many bytes, anything else about all that
 * are there. */
static enum look
look_bytes(struct party *s, const struct wanted *want, struct found *f)
{
	const struct wanted_pred *wp = first_pred(want);
	struct value all = { .kind = VALUE_BYTES };
	size_t n;

	all.bytes = party_bytes(s, &all.len);
	if (all.len == 0)
		return LOOK_NOTHING;
	f->kind = FOUND_BYTES;
	f->item = NULL;
	f->nbytes = all.len;
	f->seq = s->in_seq;
	f->at_ns = s->in_at_ns;
	if (wp == NULL)
		return LOOK_FITS;
	if (wp->pred->op != OP_EQ || wp->value.kind != VALUE_BYTES)
		return value_compare(&all, wp->pred->op, &wp->value)
		    ? LOOK_FITS
		    : LOOK_NOTHING;
	n = all.len < wp->value.len ? all.len : wp->value.len;
	if (n > 0 && memcmp(all.bytes, wp->value.bytes, n) != 0)
		return LOOK_BLOCKED;
	f->nbytes = wp->value.len;
	return n == wp->value.len ? LOOK_FITS : LOOK_NOTHING;
}

/* ---- the very next event ---- */

static enum look
look_next(const struct play *p, const struct party *s, const struct watcher *w,
    struct found *f)
{
	const struct wanted *want = &w->then;

	for (struct item *it = s->items; it != NULL; it = it->next) {
		if (it->seq <= w->after)
			continue;
		if (is_in_the_way(p, s, it))
			return found_item(f,
			    wanted_fits(want, it) ? LOOK_FITS : LOOK_BLOCKED,
			    it);
		if (is_named(want, it) && wanted_fits(want, it))
			return found_item(f, LOOK_FITS, it);
	}
	return look_end(s, want->what->match, f);
}

/* The name is in a client's first message; all else is settled at the end of
 * the handshake, to which it may not come. */
static bool
is_about_hello(const struct wanted *want)
{
	for (size_t i = 0; i < want->what->npreds; i++)
		if (strcmp(want->what->preds[i].field, "sni") != 0)
			return false;
	return want->what->npreds > 0;
}

static enum look
look_tls(const struct party *s, const struct wanted *want, struct found *f)
{
	struct item *it = is_about_hello(want) ? s->hello : s->tls;

	if (it == NULL)
		return LOOK_NOTHING;
	found_item(f, LOOK_FITS, it);
	f->kind = FOUND_TLS;
	return wanted_fits(want, it) ? LOOK_FITS : LOOK_BLOCKED;
}

enum look
watcher_look(struct play *p, struct watcher *w, struct found *f)
{
	const struct wanted *want = wanted_now(w);
	struct party *s = w->party;

	if (want->what->match == MATCH_HTTP)
		party_read_http(s);
	if (w->state == WATCHER_THEN)
		return look_next(p, s, w, f);
	if (is_ending(want))
		return look_closed(p, s, want, f);
	if (want->what->match == MATCH_TLS)
		return look_tls(s, want, f);
	if (want->what->match == MATCH_BYTES && s->wire == WIRE_BYTES)
		return look_bytes(s, want, f);
	return look_items(p, s, want, engine_observes(p->engine), f);
}

/* Where two lanes are open, what stands in one of them leaves hope for the
 * other. */
bool
watcher_obstacle(const struct play *p, const struct watcher *w, struct found *f)
{
	if (w->state == WATCHER_THEN || w->want.what->match != MATCH_FRAME)
		return false;
	for (struct item *it = w->party->items; it != NULL; it = it->next)
		if (lane_bit(&w->want, it) != 0 &&
		    !is_passed_over(p, w->party, &w->want, it)) {
			found_item(f, LOOK_BLOCKED, it);
			return true;
		}
	return false;
}

/* ---- nevers ---- */

/* Any byte at all, also half a frame. */
static bool
hit_bytes(const struct play *p, const struct watcher *w, struct found *f)
{
	const struct party *s = w->party;

	for (struct item *it = s->items; it != NULL; it = it->next)
		if (is_in_the_way(p, s, it)) {
			found_item(f, LOOK_FITS, it);
			return true;
		}
	if (s->in.len == 0)
		return false;
	f->kind = FOUND_BYTES;
	f->item = NULL;
	f->nbytes = s->in.len;
	f->at_ns = s->in_at_ns;
	return true;
}

static bool
hit_items(const struct play *p, const struct watcher *w, struct found *f)
{
	const struct party *s = w->party;

	for (struct item *it = s->items; it != NULL; it = it->next)
		if (wanted_fits(&w->want, it) &&
		    (is_named(&w->want, it) || is_in_the_way(p, s, it))) {
			found_item(f, LOOK_FITS, it);
			return true;
		}
	return false;
}

bool
watcher_hit(struct play *p, struct watcher *w, struct found *f)
{
	struct party *s = w->party;
	const struct wanted *want = &w->want;
	bool hit;

	if (want->what->match == MATCH_HTTP)
		party_read_http(s);
	if (is_ending(want))
		hit = look_end(s, want->what->match, f) == LOOK_FITS;
	else if (want->what->match == MATCH_TLS)
		hit = look_tls(s, want, f) == LOOK_FITS;
	else if (s->wire == WIRE_DATAGRAMS)
		hit = hit_items(p, w, f);
	else if (want->what->match == MATCH_BYTES && want->what->npreds > 0)
		hit = look_bytes(s, want, f) == LOOK_FITS;
	else if (want->what->match == MATCH_BYTES)
		hit = hit_bytes(p, w, f);
	else
		hit = hit_items(p, w, f);
	return hit && (w->until_ns == 0 || f->at_ns <= w->until_ns);
}
