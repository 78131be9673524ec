/* Fences as a row of legs, each a frame sent and one that must come back;
 * see fence.h. */
#include "config.h"

#include "scenario/fence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "scenario/engine_play.h"

#define MAX_LEGS    5
#define MARKER_LEN  32 /* of a plain marker */
#define FENCE_BOUND (2 * NS_PER_S)

enum leg {
	LEG_PING,   /* a Ping on a, its Pong */
	LEG_PLAIN,  /* a packet a -> b, its arrival */
	LEG_DISCO,  /* the same, looking like disco */
	LEG_VISIT,  /* a client of our own logs in */
	LEG_SEND,   /* … sends a packet to b */
	LEG_DEPART, /* … leaves: its PeerGone at b */
	LEG_NKINDS
};

struct fence_run {
	struct play *play;
	struct party *a, *b;
	struct party *visitor; /* GONE: in the play's list, closed here */
	enum leg leg[MAX_LEGS];
	size_t nlegs, at;
	bool sent;
	int64_t begun_ns; /* the leg */
	struct fence_mark *mark;
	struct fence_mark *pushed[MAX_LEGS];
	enum result_code code;
	struct text reason;
};

/* ---- marks ---- */

static struct fence_mark *
add_mark(struct play *p, const struct party *s, enum rk_frame_kind kind,
    const void *bytes, size_t len)
{
	struct fence_mark *m = xcalloc(1, sizeof(*m));

	m->party = s;
	m->kind = kind;
	memcpy(m->bytes, bytes, len);
	m->len = len;
	m->next = p->marks;
	p->marks = m;
	return m;
}

static struct rk_span
marked_bytes(const struct rk_frame *f)
{
	return rk_frame_field(f, f->kind == RK_FRAME_GONE ? "key" : "data");
}

bool
fence_claims(struct play *p, const struct party *s, const struct rk_frame *f)
{
	struct rk_span bytes = marked_bytes(f);

	for (struct fence_mark *m = p->marks; m != NULL; m = m->next) {
		if ((m->seen && !m->many) || m->party != s ||
		    m->kind != f->kind || bytes.len != m->len ||
		    memcmp(bytes.p, m->bytes, m->len) != 0)
			continue;
		m->seen = true;
		return true;
	}
	return false;
}

/* ---- who knows whom ---- */

static struct fence_pair *
find_pair(const struct play *p, const struct rk_key *from,
    const struct rk_key *to)
{
	for (struct fence_pair *q = p->pairs; q != NULL; q = q->next)
		if (rk_key_equal(&q->from, from) && rk_key_equal(&q->to, to))
			return q;
	return NULL;
}

void
fence_note_packet(struct play *p, const struct rk_key *from,
    const struct rk_key *to, bool by_script)
{
	struct fence_pair *q = find_pair(p, from, to);

	if (q == NULL) {
		q = xcalloc(1, sizeof(*q));
		q->from = *from;
		q->to = *to;
		q->next = p->pairs;
		p->pairs = q;
	}
	q->by_script |= by_script;
}

bool
fence_made_known(const struct play *p, const struct rk_key *from,
    const struct rk_key *to)
{
	const struct fence_pair *q = find_pair(p, from, to);

	return q != NULL && !q->by_script;
}

void
fence_forget_all(struct play *p)
{
	struct fence_mark *m;
	struct fence_pair *q;

	while ((m = p->marks) != NULL) {
		p->marks = m->next;
		free(m);
	}
	while ((q = p->pairs) != NULL) {
		p->pairs = q->next;
		free(q);
	}
}

/* ---- legs ---- */

static void
send_ping(struct fence_run *f)
{
	uint8_t data[8];

	rk_random(data, sizeof(data));
	f->mark = add_mark(f->play, f->a, RK_FRAME_PONG, data, sizeof(data));
	party_send_ping(f->a, data);
}

static void
send_marker(struct fence_run *f, struct party *from, bool disco)
{
	const struct rk_dialect *d = f->play->dialect;
	uint8_t data[64];
	size_t len = MARKER_LEN;

	rk_random(data, sizeof(data));
	data[0] = 'm'; /* a plain one must not look like disco */
	if (disco) {
		len = d->disco_min > MARKER_LEN ? d->disco_min : MARKER_LEN;
		memcpy(data, d->disco_magic, d->disco_magic_len);
	}
	f->mark = add_mark(f->play, f->b, RK_FRAME_RECV, data, len);
	fence_note_packet(f->play, &from->identity, &f->b->identity, false);
	party_send_packet(from, &f->b->identity, (struct rk_span){ data, len });
}

static void
send_plain(struct fence_run *f)
{
	send_marker(f, f->a, false);
}

static void
send_disco(struct fence_run *f)
{
	send_marker(f, f->a, true);
}

static void
send_visitor(struct fence_run *f)
{
	struct party_config c = f->b->config;

	c.kind = CONN_LOGIN;
	c.carrier = f->b->carrier;
	c.confirm = true;
	c.autopong = true;
	rk_secret_key_generate(&c.key);
	f->visitor = party_open(f->play, "(fence)", &c);
	rk_secret_key_wipe(&c.key);
}

static void
send_from_visitor(struct fence_run *f)
{
	send_marker(f, f->visitor, false);
}

static void
send_departure(struct fence_run *f)
{
	const struct rk_key *key = &f->visitor->identity;

	f->mark =
	    add_mark(f->play, f->b, RK_FRAME_GONE, key->b, sizeof(key->b));
	party_life(f->visitor, LIFE_CLOSE, 0);
}

static const struct {
	void (*send)(struct fence_run *f);
	const char *awaited;
} legs[LEG_NKINDS] = {
	[LEG_PING] = { send_ping, "the Pong of the fence" },
	[LEG_PLAIN] = { send_plain, "the marker of the fence" },
	[LEG_DISCO] = { send_disco, "the disco-like marker of the fence" },
	[LEG_VISIT] = { send_visitor, "the login of the fence's client" },
	[LEG_SEND] = { send_from_visitor, "the packet of the fence's client" },
	[LEG_DEPART] = { send_departure, "the PeerGone of the fence's client" },
};

static bool
leg_is_done(const struct fence_run *f)
{
	if (f->leg[f->at] == LEG_VISIT)
		return f->visitor->state == PARTY_READY;
	return f->mark->seen;
}

/* ---- a run ---- */

static void
add_leg(struct fence_run *f, enum leg leg)
{
	f->leg[f->nlegs++] = leg;
}

static void
add_markers(struct fence_run *f, unsigned lanes)
{
	if ((lanes & 1U << RK_LANE_DATA) != 0)
		add_leg(f, LEG_PLAIN);
	if ((lanes & 1U << RK_LANE_DISCO) != 0)
		add_leg(f, LEG_DISCO);
}

struct fence_run *
fence_new_pushed(struct play *p, struct party *a, struct party *b,
    unsigned lanes)
{
	struct fence_run *f = xcalloc(1, sizeof(*f));

	f->play = p;
	f->a = a;
	f->b = b;
	add_markers(f, lanes);
	return f;
}

struct fence_run *
fence_new(struct play *p, enum fence_kind kind, struct party *a,
    struct party *b, unsigned lanes)
{
	struct fence_run *f = xcalloc(1, sizeof(*f));

	f->play = p;
	f->a = a;
	f->b = kind == FENCE_GONE ? a : b;
	switch (kind) {
	case FENCE_NONE:
		break;
	case FENCE_INGRESS:
		add_leg(f, LEG_PING);
		break;
	case FENCE_DATA:
		add_leg(f, LEG_PING);
		add_markers(f, lanes);
		break;
	case FENCE_GONE:
		add_leg(f, LEG_VISIT);
		add_leg(f, LEG_SEND);
		add_leg(f, LEG_DEPART);
	}
	return f;
}

void
fence_free(struct fence_run *f)
{
	if (f == NULL)
		return;
	text_clear(&f->reason);
	free(f);
}

__attribute__((format(printf, 3, 4))) static enum fence_status
fail(struct fence_run *f, enum result_code code, const char *fmt, ...)
{
	char line[512];

	FORMAT_ARGS(line, sizeof(line), fmt);
	f->code = code;
	text_reset(&f->reason);
	text_add(&f->reason, line);
	return FENCE_FAILED;
}

/* The one that has to be there for the leg. */
static enum fence_status
ended(struct fence_run *f, const struct party *s)
{
	enum result_code code = play_code_of_ending(f->play, s);

	return fail(f, code, "%s ended before %s%s", s->name,
	    legs[f->leg[f->at]].awaited, play_excuse(code));
}

static const struct party *
gone_party(const struct fence_run *f)
{
	if (!party_is_open(f->a))
		return f->a;
	if (f->b != NULL && !party_is_open(f->b))
		return f->b;
	if (f->visitor != NULL && f->visitor->ended != ENDING_NONE)
		return f->visitor;
	return NULL;
}

static enum fence_status
expired(struct fence_run *f, int64_t bound)
{
	if (play_was_late(f->play, f->begun_ns, bound)) {
		return fail(f, CODE_HARNESS_LATE,
		    "%s: this machine was late while waiting for %s",
		    f->a->name, legs[f->leg[f->at]].awaited);
	}
	return fail(f, CODE_NEVER, "%s: %s did not come", f->a->name,
	    legs[f->leg[f->at]].awaited);
}

enum fence_status
fence_poll(struct fence_run *f)
{
	int64_t bound = play_scaled(f->play, FENCE_BOUND);

	while (f->at < f->nlegs) {
		if (!f->sent) {
			if (gone_party(f) != NULL)
				return ended(f, gone_party(f));
			f->sent = true;
			f->begun_ns = play_now(f->play);
			legs[f->leg[f->at]].send(f);
		}
		if (leg_is_done(f)) {
			f->at++;
			f->sent = false;
			continue;
		}
		if (gone_party(f) != NULL)
			return ended(f, gone_party(f));
		if (f->visitor != NULL && f->visitor->state == PARTY_FAILED)
			return fail(f, CODE_CONNECT, "%s",
			    text_str(&f->visitor->failure));
		if (play_now(f->play) >= f->begun_ns + bound)
			return expired(f, bound);
		play_wake_at(f->play, f->begun_ns + bound);
		return FENCE_WAITS;
	}
	return FENCE_PASSED;
}

/* The marker of a leg: for the first time, or once more. */
static void
push(struct fence_run *f, size_t leg)
{
	struct fence_mark *m = f->pushed[leg];

	if (m == NULL) {
		legs[f->leg[leg]].send(f);
		f->pushed[leg] = f->mark;
		f->mark->many = true;
	} else if (!m->seen) {
		party_send_packet(f->a, &f->b->identity,
		    (struct rk_span){ m->bytes, m->len });
	}
}

enum fence_status
fence_push(struct fence_run *f, bool moved)
{
	int64_t bound = play_scaled(f->play, FENCE_BOUND);
	bool passed = true;

	if (gone_party(f) != NULL)
		return ended(f, gone_party(f));
	if (moved || f->begun_ns == 0) {
		f->begun_ns = play_now(f->play);
		for (size_t i = 0; i < f->nlegs; i++)
			push(f, i);
	}
	for (size_t i = 0; i < f->nlegs; i++)
		passed = passed && f->pushed[i]->seen;
	if (passed)
		return FENCE_PASSED;
	if (play_now(f->play) >= f->begun_ns + bound)
		return expired(f, bound);
	play_wake_at(f->play, f->begun_ns + bound);
	return FENCE_WAITS;
}

enum result_code
fence_code(const struct fence_run *f)
{
	return f->code;
}

const char *
fence_reason(const struct fence_run *f)
{
	return text_str(&f->reason);
}
