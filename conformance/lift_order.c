/*
 * What is done when.  The order of the capture is one in which everything can
 * have happened; but a scenario does one thing after the other, and what was
 * on its way to one receiver from two senders must arrive as it did.  So what
 * a step caused is waited for before another connection does what could
 * overtake it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/ws.h"
#include "conformance/lift_impl.h"

#define LOOK_BACK  4096 /* parts, for a cause */
#define LOOK_AHEAD 64   /* for a cause that the capture shows too late */
#define FLYING_MAX 1024
#define LOST_MAX   256
#define POSTPONED  64
#define MAYBES_MAX 64

/* ---- events -> parts ---- */

static struct part *
add_part(struct lifter *l, enum part_kind kind, size_t event)
{
	struct part *p;

	if ((l->nparts & (l->nparts + 1)) == 0)
		l->parts = xreallocarray(l->parts, 2 * l->nparts + 2,
		    sizeof(*l->parts));
	p = &l->parts[l->nparts++];
	*p = (struct part){
		.kind = kind,
		.conn = l->t->events[event].conn,
		.event = event,
		.cause = NO_INDEX,
		.effect = NO_INDEX,
		.to = -1,
		.lane = -1,
	};
	return p;
}

static void
open_conn(struct lifter *l, struct lift_conn *c, size_t event)
{
	struct part *p;

	if (c->opens == NO_INDEX)
		return;
	p = add_part(l, PART_OPEN, event);
	p->to = c->form == LIFT_LOGIN ? c->key : -1;
	c->opens = NO_INDEX;
}

/* Those that were there before the capture began. */
static void
open_late(struct lifter *l)
{
	for (size_t i = 0; i < l->t->nconns; i++) {
		struct lift_conn *c = &l->conns[i];
		size_t before = l->nparts;

		if (!c->late || c->form == LIFT_OUT)
			continue;
		open_conn(l, c, l->order[0]);
		for (size_t k = before; k < l->nparts; k++)
			l->parts[k].conn = (int)i;
	}
}

/* Is the event part of how the script opens the connection? */
static bool
is_opening(const struct lift_conn *c, size_t i)
{
	if (c->late || (c->form != LIFT_UPGRADE && c->form != LIFT_LOGIN))
		return false;
	return i == c->request || i == c->accepted ||
	    (c->form == LIFT_LOGIN && i == c->first);
}

static void
add_client_frame(struct lifter *l, const struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];
	struct part *p;
	struct rk_frame f;

	event_frame(e, &f);
	/* Pings that nobody waits for are answered by who plays. */
	if (f.kind == RK_FRAME_PONG && c->relay_pings && !lift_answers_pings(l))
		return;
	p = add_part(l, PART_SEND, i);
	if (f.kind == RK_FRAME_SEND && e->error == RK_OK)
		p->to = lift_key_index(l, rk_frame_field(&f, "key"));
}

static void
add_client(struct lifter *l, struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];

	switch (e->kind) {
	case EVENT_FRAME:
		add_client_frame(l, c, i);
		break;
	case EVENT_WS:
		if (e->opcode != RK_WS_PONG)
			add_part(l, PART_SEND, i);
		break;
	case EVENT_HTTP:
	case EVENT_REST:
	case EVENT_BYTES:
		add_part(l, PART_SEND, i);
		break;
	case EVENT_ENDED:
		if (e->ending != ENDING_NONE)
			add_part(l, PART_END, i);
		break;
	default:
		break;
	}
}

static void
add_relay_frame(struct lifter *l, size_t i)
{
	const struct event *e = &l->t->events[i];
	struct rk_frame f;
	enum rk_lane lane;

	event_frame(e, &f);
	lane = rk_frame_lane(l->dialect, &f);
	if (f.spec == NULL || e->error != RK_OK)
		add_part(l, PART_REMARK, i);
	else if (lane == RK_LANE_LIVENESS && l->o->pace <= 0)
		add_part(l, PART_REMARK, i);
	else if (l->o->expect != LIFT_NONE)
		add_part(l, PART_EXPECT, i)->lane = (int)lane;
}

static void
add_relay_head(struct lifter *l, const struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];
	bool upgrade = c->form == LIFT_HTTP && i == c->accepted;

	/* Interim answers are passed over. */
	if (!upgrade && e->len > 10 && memcmp(e->bytes + 8, " 1", 2) == 0)
		return;
	if (upgrade || l->o->expect != LIFT_NONE)
		add_part(l, PART_EXPECT, i);
	if (upgrade)
		add_part(l, PART_START, i);
}

static void
add_relay(struct lifter *l, struct lift_conn *c, size_t i)
{
	const struct event *e = &l->t->events[i];
	bool expected = l->o->expect != LIFT_NONE;

	switch (e->kind) {
	case EVENT_FRAME:
		add_relay_frame(l, i);
		break;
	case EVENT_HTTP:
		add_relay_head(l, c, i);
		break;
	case EVENT_WS:
		if (e->opcode != RK_WS_PING && e->opcode != RK_WS_PONG &&
		    expected)
			add_part(l, PART_EXPECT, i);
		break;
	case EVENT_REST:
	case EVENT_BYTES:
		add_part(l, PART_REMARK, i);
		break;
	case EVENT_ENDED:
		if (e->ending != ENDING_NONE && expected)
			add_part(l, PART_EXPECT, i);
		break;
	default:
		break;
	}
}

/* What stands for the event in the script, if anything. */
static void
add_event(struct lifter *l, size_t i, size_t *behind_end)
{
	const struct event *e = &l->t->events[i];
	struct lift_conn *c;

	if (e->conn < 0 || (size_t)e->conn >= l->t->nconns)
		return;
	c = &l->conns[e->conn];
	if (c->form == LIFT_OUT)
		return;
	if (i == c->opens)
		open_conn(l, c, i);
	if (is_opening(c, i) || e->kind == EVENT_OPENED ||
	    e->kind == EVENT_TLS || e->kind == EVENT_REMARK)
		return;
	if (e->kind == EVENT_GAP) {
		add_part(l, PART_REMARK, i);
		return;
	}
	if (c->ended[DIR_S2C]) {
		*behind_end += e->kind == EVENT_FRAME;
		return;
	}
	open_conn(l, c, i);
	if (e->dir == DIR_C2S)
		add_client(l, c, i);
	else
		add_relay(l, c, i);
	if (e->kind == EVENT_ENDED && e->ending != ENDING_NONE)
		c->ended[e->dir] = true;
	/* A connection that was reset is gone for both. */
	if (e->kind == EVENT_ENDED && e->ending == ENDING_RESET)
		c->ended[DIR_S2C] = c->ended[DIR_C2S] = true;
}

/* ---- causes ---- */

static bool
is_ping_of(const struct lifter *l, const struct part *p, const struct event *e)
{
	const struct event *sent = part_event(l, p);
	struct rk_frame f;

	if (p->kind != PART_SEND || p->effect != NO_INDEX ||
	    p->conn != e->conn || sent->kind != EVENT_FRAME)
		return false;
	event_frame(sent, &f);
	return f.kind == RK_FRAME_PING && sent->len == e->len &&
	    memcmp(sent->bytes, e->bytes, e->len) == 0;
}

static bool
is_send_of(struct lifter *l, const struct part *p, const struct event *e)
{
	const struct event *sent = part_event(l, p);
	const struct lift_key *to;
	struct rk_frame f, g;
	int from;

	if (p->kind != PART_SEND || p->to < 0 || p->effect != NO_INDEX ||
	    sent->len != e->len || l->conns[e->conn].key != p->to)
		return false;
	from = l->conns[p->conn].key;
	to = from >= 0 ? &l->keys[from] : NULL;
	event_frame(sent, &f);
	event_frame(e, &g);
	return to != NULL &&
	    memcmp(to->key.b, rk_frame_field(&g, "key").p, RK_KEY_LEN) == 0 &&
	    memcmp(rk_frame_field(&f, "data").p, rk_frame_field(&g, "data").p,
		rk_frame_field(&f, "data").len) == 0;
}

static bool
is_end_of(struct lifter *l, const struct part *p, const struct event *e)
{
	int key = l->conns[p->conn].key;
	bool ends = p->kind == PART_END ||
	    (p->kind == PART_EXPECT && part_event(l, p)->kind == EVENT_ENDED);

	return ends && key >= 0 && p->conn != e->conn &&
	    memcmp(l->keys[key].key.b, e->bytes, RK_KEY_LEN) == 0;
}

static bool
is_cause_of(struct lifter *l, const struct part *p, const struct event *e,
    enum rk_frame_kind kind)
{
	switch (kind) {
	case RK_FRAME_PONG:
		return is_ping_of(l, p, e);
	case RK_FRAME_RECV:
		return is_send_of(l, p, e);
	case RK_FRAME_GONE:
		return is_end_of(l, p, e);
	default:
		return false;
	}
}

static void
find_cause(struct lifter *l, size_t at)
{
	struct part *p = &l->parts[at];
	const struct event *e = part_event(l, p);
	struct rk_frame f;
	size_t end;

	if (p->kind != PART_EXPECT || e->kind != EVENT_FRAME)
		return;
	event_frame(e, &f);
	for (size_t i = at; i-- > 0 && at - i <= LOOK_BACK;)
		if (is_cause_of(l, &l->parts[i], e, f.kind)) {
			p->cause = i;
			break;
		}
	end = at + LOOK_AHEAD < l->nparts ? at + LOOK_AHEAD : l->nparts;
	for (size_t i = at + 1; p->cause == NO_INDEX && i < end; i++)
		if (is_cause_of(l, &l->parts[i], e, f.kind))
			p->cause = i;
	if (p->cause != NO_INDEX && l->parts[p->cause].effect == NO_INDEX)
		l->parts[p->cause].effect = at;
}

/* ---- two that end at once ---- */

/* Would a relay tell |conn| of the end of |key|: has |key| sent to it, and is
 * that not expected anyway? */
static bool
may_hear_of(const struct lifter *l, int conn, int from)
{
	int to = l->conns[conn].key, key = l->conns[from].key;
	bool sent = false;

	if (to < 0 || key < 0 || to == key || l->keys[key].literal)
		return false;
	for (size_t i = 0; i < l->nparts; i++) {
		const struct part *p = &l->parts[i];

		sent = sent ||
		    (p->kind == PART_SEND && p->conn == from && p->to == to);
		if (p->kind == PART_EXPECT && p->conn == conn &&
		    p->lane == RK_LANE_GONE &&
		    memcmp(part_event(l, p)->bytes, l->keys[key].key.b,
			RK_KEY_LEN) == 0)
			return false;
	}
	return sent;
}

static void
add_maybe(struct lifter *l, int conn, int from)
{
	struct lift *lift = l->lift;

	if (lift->nmaybes == MAYBES_MAX || !may_hear_of(l, conn, from))
		return;
	if (lift->maybes == NULL)
		lift->maybes = xcalloc(MAYBES_MAX, sizeof(*lift->maybes));
	lift->maybes[lift->nmaybes++] = (struct lift_maybe){
		.conn = conn,
		.key = l->conns[from].key,
	};
}

/*
 * While the relay has not ended a connection that its client has, nobody
 * knows in which order it learns of that end and another.
 */
static void
find_maybes(struct lifter *l)
{
	size_t tried = 0;

	for (size_t i = 0; i < l->nparts && tried < 4 * MAYBES_MAX; i++) {
		const struct part *p = &l->parts[i];
		struct lift_conn *c = &l->conns[p->conn];

		if (p->kind == PART_EXPECT &&
		    part_event(l, p)->kind == EVENT_ENDED)
			c->leaving = false;
		if (p->kind != PART_END)
			continue;
		for (size_t k = 0; k < l->t->nconns; k++) {
			if (!l->conns[k].leaving || (int)k == p->conn)
				continue;
			add_maybe(l, p->conn, (int)k);
			add_maybe(l, (int)k, p->conn);
			tried++;
		}
		c->leaving = true;
	}
}

/* ---- parts -> their order in the script ---- */

struct planner {
	struct lifter *l;
	size_t at;                 /* the part whose turn it is */
	size_t flying[FLYING_MAX]; /* what they cause has not come */
	size_t nflying;
	size_t lost[LOST_MAX]; /* sends that nobody got */
	size_t nlost;
	size_t postponed[POSTPONED];
	size_t npostponed;
};

/* In front of the end that it would come before. */
static void
emit_maybes(struct lifter *l, const struct part *end)
{
	if (end->kind != PART_EXPECT || part_event(l, end)->kind != EVENT_ENDED)
		return;
	for (size_t i = 0; i < l->lift->nmaybes; i++)
		if (l->lift->maybes[i].conn == end->conn)
			l->script[l->nscript++] = (struct part){
				.kind = PART_MAYBE,
				.conn = end->conn,
				.event = end->event,
				.cause = NO_INDEX,
				.effect = NO_INDEX,
				.to = l->lift->maybes[i].key,
				.lane = RK_LANE_GONE,
			};
}

static void
emit(struct planner *z, size_t i)
{
	struct lifter *l = z->l;
	struct part *p = &l->parts[i];

	emit_maybes(l, p);
	p->done = true;
	l->script[l->nscript++] = *p;
	if (p->effect != NO_INDEX && z->nflying < FLYING_MAX)
		z->flying[z->nflying++] = i;
	if (p->kind != PART_SEND || p->to < 0 || p->effect != NO_INDEX)
		return;
	for (size_t k = 0; k < z->nlost; k++) {
		const struct part *q = &l->parts[z->lost[k]];

		if (q->conn == p->conn && q->to == p->to)
			return;
	}
	if (z->nlost < LOST_MAX)
		z->lost[z->nlost++] = i;
}

static bool
is_cause_done(const struct lifter *l, const struct part *p)
{
	return p->cause == NO_INDEX || l->parts[p->cause].done;
}

/* Expect part |r| now, and before it what came before it in its lane; not if
 * one of them cannot have come yet. */
static void
hoist(struct planner *z, size_t r)
{
	struct lifter *l = z->l;
	const struct part *p = &l->parts[r];

	if (p->done || r - z->at > LOOK_BACK)
		return;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = z->at; i <= r; i++) {
			const struct part *q = &l->parts[i];

			if (q->done || q->conn != p->conn)
				continue;
			/* It must be open, and not have ended. */
			if (q->kind == PART_OPEN || q->kind == PART_END)
				return;
			if (q->kind != PART_EXPECT || q->lane != p->lane)
				continue;
			if (pass == 1)
				emit(z, i);
			else if (!is_cause_done(l, q))
				return;
		}
}

/* Could |now| overtake what |before| has under way? */
static bool
could_overtake(const struct lifter *l, const struct part *now,
    const struct part *before)
{
	bool reset =
	    now->kind == PART_END && part_event(l, now)->ending == ENDING_RESET;

	switch (now->kind) {
	case PART_SEND:
		return now->to >= 0 && before->kind == PART_SEND &&
		    before->conn != now->conn && before->to == now->to;
	case PART_OPEN:
		return now->to >= 0 &&
		    (before->to == now->to ||
			(before->kind == PART_END &&
			    l->conns[before->conn].key == now->to));
	case PART_END:
		return before->kind == PART_END ||
		    (reset && before->conn == now->conn);
	default:
		return false;
	}
}

static void
wait_for_flying(struct planner *z, const struct part *now)
{
	struct lifter *l = z->l;
	size_t kept = 0;

	for (size_t i = 0; i < z->nflying; i++) {
		const struct part *before = &l->parts[z->flying[i]];

		if (!l->parts[before->effect].done &&
		    could_overtake(l, now, before))
			hoist(z, before->effect);
		if (!l->parts[before->effect].done)
			z->flying[kept++] = z->flying[i];
	}
	/* Emitting may have added some behind those that were looked at; the
	 * effects of expectations are waited for in their own time. */
	z->nflying = kept;
}

/* What was sent to somebody before he came is lost: the relay must have read
 * it by then. */
static void
fence_lost(struct planner *z, const struct part *opening)
{
	struct lifter *l = z->l;
	size_t kept = 0;

	if (opening->to < 0)
		return;
	for (size_t i = 0; i < z->nlost; i++) {
		const struct part *p = &l->parts[z->lost[i]];

		if (p->to != opening->to) {
			z->lost[kept++] = z->lost[i];
			continue;
		}
		if (l->conns[p->conn].form == LIFT_LOGIN &&
		    l->o->expect != LIFT_NONE) {
			l->script[l->nscript++] = (struct part){
				.kind = PART_FENCE,
				.conn = p->conn,
				.event = opening->event,
				.cause = NO_INDEX,
				.effect = NO_INDEX,
			};
		}
	}
	z->nlost = kept;
}

/* Nothing can be lost any more once its connection has ended, and it cannot
 * be fenced either. */
static void
forget_lost(struct planner *z, int conn)
{
	size_t kept = 0;

	for (size_t i = 0; i < z->nlost; i++)
		if (z->l->parts[z->lost[i]].conn != conn)
			z->lost[kept++] = z->lost[i];
	z->nlost = kept;
}

static bool
is_blocked(const struct planner *z, int conn)
{
	for (size_t i = 0; i < z->npostponed; i++)
		if (z->l->parts[z->postponed[i]].conn == conn)
			return true;
	return false;
}

/* What the capture shows before its cause waits for it, and with it what
 * follows on its connection. */
static bool
postpone(struct planner *z, size_t i)
{
	const struct part *p = &z->l->parts[i];

	if (p->kind != PART_EXPECT || z->npostponed == POSTPONED ||
	    (is_cause_done(z->l, p) && !is_blocked(z, p->conn)))
		return false;
	z->postponed[z->npostponed++] = i;
	return true;
}

static void
take_postponed(struct planner *z, bool all)
{
	size_t kept = 0;

	for (size_t i = 0; i < z->npostponed; i++) {
		size_t p = z->postponed[i];
		bool blocked = false;

		for (size_t k = 0; k < kept; k++)
			blocked = blocked ||
			    z->l->parts[z->postponed[k]].conn ==
				z->l->parts[p].conn;
		if (all || (is_cause_done(z->l, &z->l->parts[p]) && !blocked))
			emit(z, p);
		else
			z->postponed[kept++] = p;
	}
	z->npostponed = kept;
}

static void
take_turn(struct planner *z)
{
	const struct part *p = &z->l->parts[z->at];
	bool ends = p->kind == PART_END ||
	    (p->kind == PART_EXPECT &&
		part_event(z->l, p)->kind == EVENT_ENDED);

	if (p->done || postpone(z, z->at))
		return;
	wait_for_flying(z, p);
	if (p->kind == PART_OPEN)
		fence_lost(z, p);
	if (ends)
		forget_lost(z, p->conn);
	emit(z, z->at);
	take_postponed(z, false);
}

void
lift_plan(struct lifter *l)
{
	struct planner *z = xcalloc(1, sizeof(*z));
	size_t behind_end = 0;

	for (size_t i = 0; i < l->t->nconns; i++)
		memset(l->conns[i].ended, 0, sizeof(l->conns[i].ended));
	open_late(l);
	for (size_t i = 0; i < l->t->nevents; i++)
		add_event(l, l->order[i], &behind_end);
	if (behind_end > 0)
		lift_note(l,
		    "%zu frames behind the end of their connection are left "
		    "out",
		    behind_end);
	for (size_t i = 0; i < l->nparts; i++)
		find_cause(l, i);
	if (l->o->expect != LIFT_NONE)
		find_maybes(l);
	z->l = l;
	/* Each part once, and at most one fence for each that was lost. */
	l->script = xcalloc(2 * l->nparts + MAYBES_MAX + 1, sizeof(*l->script));
	for (; z->at < l->nparts; z->at++)
		take_turn(z);
	take_postponed(z, true);
	free(z);
}
