/* Two transcripts of the same script -> what differs. */
#include "config.h"

#include "conformance/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

/* ---- the captured transcript, as if it had been played ---- */

/* A key that the script has a name for becomes what that name stands for. */
static void
rekey(const struct lift *l, const struct case_result *r, uint64_t seed,
    uint8_t *key)
{
	for (size_t i = 0; i < l->nkeys; i++) {
		const struct lift_key *k = &l->keys[i];
		struct rk_secret_key secret;
		struct rk_key public;

		if (k->literal || memcmp(k->key.b, key, RK_KEY_LEN) != 0)
			continue;
		engine_named_key(seed, r->instance->name, k->name, &secret);
		rk_secret_key_public(&secret, &public);
		rk_secret_key_wipe(&secret);
		memcpy(key, public.b, RK_KEY_LEN);
		return;
	}
}

static void
rekey_event(const struct lift *l, const struct case_result *r, uint64_t seed,
    struct event *e)
{
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->error != RK_OK)
		return;
	event_frame(e, &f);
	for (int i = 0; f.spec != NULL && i < RK_FRAME_MAX_FIELDS &&
	     f.spec->field[i].name != NULL;
	     i++)
		if (f.spec->field[i].field_class == RK_CLASS_KEY &&
		    f.field[i].len == RK_KEY_LEN)
			rekey(l, r, seed,
			    e->bytes + (f.field[i].p - f.payload.p));
}

/* ---- what is compared ---- */

struct sides {
	const struct lift *l;
	const struct lift_options *o;
	const struct case_result *r;
	uint64_t seed;
	/* by connection of the capture */
	bool *waits; /* its end was waited for */
	bool *http;  /* its HTTP was captured */
	size_t skipped;
};

/* Of the client only what values are named by: the same for both. */
static bool
names_values(const struct event *e)
{
	return e->kind == EVENT_FRAME && e->dir == DIR_C2S && e->error == RK_OK;
}

static void
add_names(const struct sides *s, struct transcript *out)
{
	for (size_t i = 0; i < s->l->t->nevents; i++) {
		const struct event *e = &s->l->t->events[i];

		if (names_values(e) && e->conn >= 0 &&
		    s->l->conn_name[e->conn] != NULL)
			rekey_event(s->l, s->r, s->seed,
			    transcript_add(out, e));
	}
}

static bool
is_liveness(const struct event *e)
{
	struct rk_frame f;

	if (e->kind != EVENT_FRAME)
		return false;
	event_frame(e, &f);
	return rk_frame_lane(e->dialect, &f) == RK_LANE_LIVENESS;
}

/* An end counts where it was waited for, even behind our own. */
static bool
is_own_end(const struct event *e)
{
	return e->kind == EVENT_ENDED && e->dir == DIR_C2S;
}

static bool
is_relays(const struct event *e)
{
	return e->dir == DIR_S2C || (e->kind == EVENT_HTTP) || is_own_end(e);
}

/* The events of the capture that the script stands for. */
static struct transcript *
captured_side(struct sides *s)
{
	const struct transcript *t = s->l->t;
	struct transcript *out = transcript_new();

	for (size_t i = 0; i < t->nconns; i++)
		transcript_add_conn(out,
		    s->l->conn_name[i] != NULL ? s->l->conn_name[i] : "-");
	add_names(s, out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];
		struct event *copy;

		if (e->conn < 0 || s->l->conn_name[e->conn] == NULL ||
		    !is_relays(e) || (is_own_end(e) && s->waits[e->conn]))
			continue;
		if (is_liveness(e) && s->o->pace <= 0) {
			s->skipped++;
			continue;
		}
		copy = transcript_add(out, e);
		copy->line = s->l->line[i];
		rekey_event(s->l, s->r, s->seed, copy);
	}
	return out;
}

/* ---- the played transcript ---- */

/* Pongs for Pings that the runner sends by itself: behind a login, at a
 * fence.  Each such Ping excuses one Pong. */
struct own_pings {
	const struct event **ping;
	size_t n;
};

static bool
is_own_ping(const struct scenario *sc, const struct event *e)
{
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->dir != DIR_C2S)
		return false;
	event_frame(e, &f);
	if (f.kind != RK_FRAME_PING)
		return false;
	for (size_t i = 0; i < sc->nsteps; i++)
		if (sc->steps[i]->at.line == e->line)
			return sc->steps[i]->kind == STEP_CONN ||
			    sc->steps[i]->kind == STEP_FENCE;
	/* No line: a closing fence, or what the engine does by itself. */
	return true;
}

static bool
takes_own_pong(struct own_pings *own, const struct event *e)
{
	for (size_t i = 0; i < own->n; i++) {
		const struct event *ping = own->ping[i];
		struct rk_frame f;

		if (ping == NULL || ping->conn != e->conn ||
		    ping->len != e->len ||
		    memcmp(ping->bytes, e->bytes, e->len) != 0)
			continue;
		event_frame(e, &f);
		if (f.kind != RK_FRAME_PONG)
			continue;
		own->ping[i] = NULL;
		return true;
	}
	return false;
}

static int
captured_conn(const struct lift *l, const char *name)
{
	for (size_t i = 0; i < l->t->nconns; i++)
		if (l->conn_name[i] != NULL &&
		    strcmp(l->conn_name[i], name) == 0)
			return (int)i;
	return -1;
}

/* A PeerGone of which nobody can say whether it comes. */
static bool
is_maybe(const struct sides *s, const struct event *e, int conn)
{
	struct rk_frame f;
	struct rk_key key;

	if (e->kind != EVENT_FRAME)
		return false;
	event_frame(e, &f);
	if (f.kind != RK_FRAME_GONE || !rk_frame_key(&f, &key))
		return false;
	for (size_t i = 0; i < s->l->nmaybes; i++) {
		struct rk_key whose = s->l->keys[s->l->maybes[i].key].key;

		if (s->l->maybes[i].conn != conn)
			continue;
		rekey(s->l, s->r, s->seed, whose.b);
		if (rk_key_equal(&whose, &key))
			return true;
	}
	return false;
}

static bool
is_compared(const struct sides *s, struct own_pings *own, const struct event *e)
{
	int conn;

	if (e->conn < 0 || !is_relays(e))
		return false;
	/* Fences and the witness have connections of their own. */
	conn = captured_conn(s->l, s->r->transcript->conns[e->conn].name);
	if (conn < 0 || (is_own_end(e) && s->waits[conn]))
		return false;
	if ((is_liveness(e) && s->o->pace <= 0) ||
	    (e->kind == EVENT_HTTP && !s->http[conn]) || is_maybe(s, e, conn))
		return false;
	return e->kind != EVENT_FRAME || !takes_own_pong(own, e);
}

static struct transcript *
played_side(const struct sides *s)
{
	const struct transcript *t = s->r->transcript;
	struct own_pings own = { .n = 0 };
	struct transcript *out = transcript_new();
	int first = (int)t->nconns;

	for (size_t i = 0; i < t->nconns; i++)
		transcript_add_conn(out, t->conns[i].name);
	for (size_t i = 0; i < s->l->t->nconns; i++)
		transcript_add_conn(out, "-");
	add_names(s, out);
	for (size_t i = 0; i < out->nevents; i++)
		out->events[i].conn += first;
	own.ping = xcalloc(t->nevents + 1, sizeof(*own.ping));
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (is_own_ping(s->r->instance->scenario, e))
			own.ping[own.n++] = e;
		if (is_compared(s, &own, e))
			transcript_add(out, e);
	}
	free(own.ping);
	return out;
}

/* ---- as much of it as is asked for ---- */

static bool
is_wanted(const struct lift_options *o, const char *lane, const char *text)
{
	const char *what = strrchr(lane, ' ');

	if (o->expect == LIFT_NONE)
		return false;
	if (what != NULL && strcmp(what, " http") == 0 &&
	    o->expect < LIFT_BYTES)
		return strncmp(text, "http ", 5) == 0;
	return what == NULL || strcmp(what, " body") != 0 ||
	    o->expect >= LIFT_FIELDS;
}

/* Types only: the frame's name. */
static void
reduce_item(const struct lift_options *o, const char *lane,
    struct normal_item *i)
{
	const char *what = strrchr(lane, ' ');

	if (o->expect == LIFT_TYPES && what != NULL &&
	    strcmp(what, " http") != 0 && strcmp(what, " end") != 0)
		i->text[strcspn(i->text, " ")] = '\0';
}

static void
reduce(const struct lift_options *o, struct normal *n)
{
	for (size_t i = 0; i < n->n; i++) {
		struct normal_lane *lane = &n->lanes[i];
		size_t kept = 0;

		for (size_t k = 0; k < lane->n; k++) {
			if (!is_wanted(o, lane->name, lane->items[k].text)) {
				free(lane->items[k].text);
				continue;
			}
			reduce_item(o, lane->name, &lane->items[k]);
			lane->items[kept++] = lane->items[k];
		}
		lane->n = kept;
	}
}

static struct normal *
normal_of(const struct lift_options *o, const struct case_result *r,
    struct transcript *t)
{
	struct case_result like = {
		.instance = r->instance,
		.code = CODE_OK,
		.transcript = t,
	};
	struct normal *n = normal_new(&like);

	reduce(o, n);
	return n;
}

/* ---- lanes ---- */

static char *
item_text(const struct normal_lane *l, size_t i)
{
	return l != NULL && i < l->n ? xstrdup(l->items[i].text) : NULL;
}

static int
item_line(const struct normal_lane *l, size_t i)
{
	return l != NULL && i < l->n ? l->items[i].line : 0;
}

static void
compare_lane(struct replay *r, const char *name, const struct normal_lane *was,
    const struct normal_lane *is)
{
	struct replay_lane lane = {
		.name = xstrdup(name),
		.captured = was != NULL ? was->n : 0,
		.played = is != NULL ? is->n : 0,
	};
	size_t least =
	    lane.captured < lane.played ? lane.captured : lane.played;
	size_t front = 0;

	while (front < least &&
	    strcmp(was->items[front].text, is->items[front].text) == 0)
		front++;
	lane.same = front;
	while (lane.same < least &&
	    strcmp(was->items[was->n - 1 - (lane.same - front)].text,
		is->items[is->n - 1 - (lane.same - front)].text) == 0)
		lane.same++;
	lane.did = item_text(was, front);
	lane.does = item_text(is, front);
	lane.line = item_line(was, front);
	if (lane.line == 0)
		lane.line = item_line(is, front);
	r->captured += lane.captured;
	r->same += lane.same;
	r->missing += lane.captured - lane.same;
	r->extra += lane.played - lane.same;
	r->lanes = xreallocarray(r->lanes, r->n + 1, sizeof(*r->lanes));
	r->lanes[r->n++] = lane;
}

static bool
differs(const struct replay_lane *l)
{
	return l->same != l->captured || l->same != l->played;
}

/* Is it a lane of the connection: its name, a blank, the lane's? */
static bool
is_lane_of(const struct replay_lane *l, const char *conn)
{
	size_t n = strlen(conn);

	return strncmp(l->name, conn, n) == 0 && l->name[n] == ' ';
}

const struct replay_lane *
replay_first(const struct replay *r, const char *conn)
{
	const struct replay_lane *first = NULL;

	for (size_t i = 0; i < r->n; i++) {
		const struct replay_lane *l = &r->lanes[i];

		if (!differs(l) || !is_lane_of(l, conn))
			continue;
		if (first == NULL || first->line == 0 ||
		    (l->line != 0 && l->line < first->line))
			first = l;
	}
	return first;
}

static void
compare(struct replay *r, const struct normal *was, const struct normal *is)
{
	for (size_t i = 0; i < was->n; i++)
		compare_lane(r, was->lanes[i].name, &was->lanes[i],
		    normal_lane(is, was->lanes[i].name));
	for (size_t i = 0; i < is->n; i++)
		if (normal_lane(was, is->lanes[i].name) == NULL)
			compare_lane(r, is->lanes[i].name, NULL, &is->lanes[i]);
}

static void
count_conns(struct replay *r, const struct lift *l)
{
	for (size_t i = 0; i < l->t->nconns; i++) {
		if (l->conn_name[i] == NULL)
			continue;
		r->nconns++;
		r->nconns_same += replay_first(r, l->conn_name[i]) == NULL;
	}
}

static void
look_at_conns(struct sides *s)
{
	s->waits = xcalloc(s->l->t->nconns + 1, sizeof(*s->waits));
	s->http = xcalloc(s->l->t->nconns + 1, sizeof(*s->http));
	for (size_t i = 0; i < s->l->t->nevents; i++) {
		const struct event *e = &s->l->t->events[i];

		if (e->kind == EVENT_ENDED && e->dir == DIR_S2C &&
		    e->conn >= 0 && s->l->line[i] != 0)
			s->waits[e->conn] = true;
		if (e->kind == EVENT_HTTP && e->conn >= 0)
			s->http[e->conn] = true;
	}
}

struct replay *
replay_new(const struct lift *l, const struct lift_options *o,
    const struct case_result *result, uint64_t seed)
{
	struct sides s = { .l = l, .o = o, .r = result, .seed = seed };
	struct replay *r = xcalloc(1, sizeof(*r));
	struct transcript *captured, *played;
	struct normal *was, *is;

	look_at_conns(&s);
	captured = captured_side(&s);
	played = played_side(&s);
	was = normal_of(o, result, captured);
	is = normal_of(o, result, played);
	compare(r, was, is);
	r->skipped = s.skipped;
	count_conns(r, l);
	normal_free(was);
	normal_free(is);
	transcript_free(captured);
	transcript_free(played);
	free(s.waits);
	free(s.http);
	return r;
}

void
replay_free(struct replay *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->lanes[i].name);
		free(r->lanes[i].did);
		free(r->lanes[i].does);
	}
	free(r->lanes);
	free(r);
}
