/* Parts -> lines of a scenario. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/login.h"
#include "codec/ws.h"
#include "conformance/lift_impl.h"

/* A flipped bit is looked for in so many signatures. */
#define FLIPS_MAX    16
#define FLIP_UNKNOWN (-2)
/* A clock that jumped must not make a script wait for years. */
#define GAP_MAX      (3600 * NS_PER_S)
#define TIMEOUT_MAX  (24 * 3600 * NS_PER_S)
/* Events between a Ping and its Pong. */
#define PINGS_BACK   1024
#define MIN_TIMEOUT  (10 * NS_PER_S)

void
lift_put(struct lifter *l, struct text *line)
{
	if (!l->counting) {
		text_addf(&l->out, "  %s\n", text_str(line));
		l->line++;
	}
	text_clear(line);
}

static void
put_file_line(struct lifter *l, const char *line)
{
	text_addf(&l->out, "%s\n", line);
	l->line++;
}

static const char *
conn_name(const struct lifter *l, const struct part *p)
{
	return l->conns[p->conn].name;
}

/* ---- frames ---- */

static void
add_field(struct lifter *l, struct text *line, const struct rk_field_spec *s,
    struct rk_span v)
{
	uint64_t n = 0;

	switch (s->field_class) {
	case RK_CLASS_KEY:
		lift_add_key(l, line, v);
		return;
	case RK_CLASS_PAYLOAD:
		lift_add_packet(l, line, v.p, v.len);
		return;
	case RK_CLASS_NONCE:
	case RK_CLASS_SIGNATURE:
		lift_add_bytes(l, line, v.p, v.len);
		return;
	case RK_CLASS_TEXT:
		if (l->o->scrub)
			lift_add_bytes(l, line, v.p, v.len);
		else
			lift_add_kept(l, line, v.p, v.len);
		return;
	default:
		break;
	}
	if (s->type != RK_FIELD_UINT || v.len > 7) {
		lift_add_kept(l, line, v.p, v.len);
		return;
	}
	for (size_t i = 0; i < v.len; i++)
		n = n << 8 | v.p[i];
	text_addf(line, "%" PRIu64, n);
}

static bool
is_default_magic(const struct rk_field_spec *s, struct rk_span v)
{
	return s->type == RK_FIELD_MAGIC && v.len == s->len &&
	    memcmp(v.p, s->magic, v.len) == 0;
}

/* ---- logins that are not as they should be ---- */

static bool
verifies(const struct rk_frame *f, const uint8_t *signature)
{
	struct rk_span message = rk_frame_field(f, "message");
	struct rk_key key;

	return rk_frame_key(f, &key) &&
	    rk_verify(&key, message.p, message.len, signature) == RK_OK;
}

static int
find_flipped_bit(const struct rk_frame *f)
{
	uint8_t signature[RK_SIGNATURE_LEN];

	memcpy(signature, rk_frame_field(f, "signature").p, sizeof(signature));
	for (int bit = 0; bit < RK_SIGNATURE_LEN * 8; bit++) {
		uint8_t mask = (uint8_t)(1U << bit % 8);
		bool right;

		signature[bit / 8] ^= mask;
		right = verifies(f, signature);
		signature[bit / 8] ^= mask;
		if (right)
			return bit;
	}
	return -1;
}

/* The bit of the signature without which it would be right; -1: none, or too
 * many were looked for. */
static int
flipped_bit(struct lifter *l, size_t event, const struct rk_frame *f)
{
	if (l->flipped[event] == FLIP_UNKNOWN)
		l->flipped[event] =
		    l->flips++ < FLIPS_MAX ? find_flipped_bit(f) : -1;
	return l->flipped[event];
}

static void
add_signature(struct lifter *l, struct text *line, size_t event,
    const struct rk_frame *f)
{
	struct rk_span signature = rk_frame_field(f, "signature");
	struct rk_span key = rk_frame_field(f, "key");
	int k = key.len == RK_KEY_LEN ? lift_key_index(l, key) : -1;
	struct text sign;
	int bit;

	if (signature.len != RK_SIGNATURE_LEN || k < 0 || l->keys[k].literal) {
		lift_add_bytes(l, line, signature.p, signature.len);
		return;
	}
	text_init(&sign);
	text_addf(&sign, "sign(%s, ", l->keys[k].name);
	lift_add_kept(l, &sign, rk_frame_field(f, "message").p,
	    rk_frame_field(f, "message").len);
	text_add(&sign, ")");
	if (verifies(f, signature.p))
		text_add(line, text_str(&sign));
	else if ((bit = flipped_bit(l, event, f)) >= 0)
		text_addf(line, "flip(%s, bit=%d)", text_str(&sign), bit);
	else
		lift_add_bytes(l, line, signature.p, signature.len);
	text_clear(&sign);
}

/* ---- what the client sends ---- */

static void
add_message(struct lifter *l, struct text *line, const struct event *e)
{
	uint8_t *message;

	text_add(line, "ws opcode=2 payload=");
	if (e->len == 0) {
		text_addf(line, "x\"%02" PRIx32 "\"", e->type);
		return;
	}
	message = xmalloc(e->len + 1);
	message[0] = (uint8_t)e->type;
	memcpy(message + 1, e->bytes, e->len);
	if (l->o->scrub) {
		text_addf(line, "cat(x\"%02" PRIx32 "\", ", e->type);
		lift_add_bytes(l, line, e->bytes, e->len);
		text_add(line, ")");
	} else {
		lift_add_bytes(l, line, message, e->len + 1);
	}
	free(message);
}

/* One that is no frame as the dialect has it: its bytes. */
static void
add_broken(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);

	if (l->conns[p->conn].carrier == RK_CARRIER_WS) {
		add_message(l, line, e);
		return;
	}
	text_addf(line, "raw frame(0x%02" PRIx32 ", ", e->type);
	lift_add_bytes(l, line, e->bytes, e->len);
	text_add(line, ")");
}

/* The relay's Ping that a Pong of the client answers; NO_INDEX: none. */
static size_t
answered_ping(const struct lifter *l, const struct part *p,
    const struct rk_frame *f)
{
	const struct event *pong = part_event(l, p);

	if (f->kind != RK_FRAME_PONG || !lift_answers_pings(l))
		return NO_INDEX;
	for (size_t i = p->event; i-- > 0 && p->event - i < PINGS_BACK;) {
		const struct event *e = &l->t->events[i];
		struct rk_frame ping;

		if (e->kind != EVENT_FRAME || e->conn != pong->conn ||
		    e->dir != DIR_S2C || e->len != pong->len ||
		    e->error != RK_OK || e->time_ns > pong->time_ns)
			continue;
		event_frame(e, &ping);
		if (ping.kind == RK_FRAME_PING &&
		    memcmp(e->bytes, pong->bytes, e->len) == 0)
			return i;
	}
	return NO_INDEX;
}

/* Can it be said field by field? */
static bool
is_sayable(const struct rk_frame *f, int error)
{
	if (f->spec == NULL || (f->spec->sender & RK_FROM_CLIENT) == 0)
		return false;
	return error != RK_ERR_LENGTH && error != RK_ERR_PACKET &&
	    error != RK_ERR_UNKNOWN_TYPE && f->payload.len >= f->spec->min &&
	    f->payload.len <= f->spec->max;
}

static void
add_frame(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);
	struct rk_frame f;
	size_t ping;

	event_frame(e, &f);
	if (!is_sayable(&f, e->error)) {
		add_broken(l, line, p);
		return;
	}
	text_add(line, f.spec->name);
	ping = answered_ping(l, p, &f);
	if (ping != NO_INDEX) {
		l->answered[ping] = true;
		text_addf(line, " data=$ping%zu", ping);
		return;
	}
	for (int i = 0; i < RK_FRAME_MAX_FIELDS && f.spec->field[i].name; i++) {
		const struct rk_field_spec *s = &f.spec->field[i];

		if (is_default_magic(s, f.field[i]))
			continue;
		text_addf(line, " %s=", s->name);
		if (s->field_class == RK_CLASS_SIGNATURE)
			add_signature(l, line, p->event, &f);
		else
			add_field(l, line, s, f.field[i]);
	}
}

static void
add_send(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);

	text_addf(line, "%s -> ", conn_name(l, p));
	switch (e->kind) {
	case EVENT_HTTP:
		lift_add_request(l, line, p);
		break;
	case EVENT_FRAME:
		add_frame(l, line, p);
		break;
	case EVENT_WS:
		text_addf(line, "ws opcode=%u payload=", e->opcode);
		lift_add_bytes(l, line, e->bytes, e->len);
		break;
	default:
		text_add(line, "raw ");
		lift_add_bytes(l, line, e->bytes, e->len);
		break;
	}
}

/* ---- what is expected ---- */

static void
add_preds(struct lifter *l, struct text *line, const struct rk_frame *f)
{
	for (int i = 0; i < RK_FRAME_MAX_FIELDS && f->spec->field[i].name;
	     i++) {
		const struct rk_field_spec *s = &f->spec->field[i];

		if (s->type == RK_FIELD_MAGIC ||
		    /* Nobody knows what a relay's own Ping will hold. */
		    f->kind == RK_FRAME_PING)
			continue;
		text_addf(line, " %s==", s->name);
		add_field(l, line, s, f->field[i]);
	}
}

static const char *
ending_event(const struct lifter *l, enum ending e)
{
	if (l->o->expect < LIFT_BYTES ||
	    (e != ENDING_EOF && e != ENDING_RESET && e != ENDING_TRUNCATED))
		return "closed";
	return ending_name(e);
}

/* Since what stands in front of it. */
static int64_t
passed(const struct lifter *l, const struct event *e)
{
	int64_t ns = e->time_ns - l->reached_ns;

	return ns < GAP_MAX ? ns : GAP_MAX;
}

static void
add_expect(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);
	int64_t waited = passed(l, e);
	struct rk_frame f;

	text_addf(line, "%s <- ", conn_name(l, p));
	if (e->kind == EVENT_HTTP) {
		lift_add_response(l, line, p);
	} else if (e->kind == EVENT_ENDED) {
		text_add(line, ending_event(l, e->ending));
	} else if (e->kind == EVENT_WS) {
		text_addf(line, "ws opcode==%u", e->opcode);
	} else {
		event_frame(e, &f);
		text_add(line, f.spec->name);
		if (l->answered[p->event])
			text_addf(line, " data as $ping%zu", p->event);
		else if (l->o->expect >= LIFT_FIELDS)
			add_preds(l, line, &f);
	}
	/* What took a relay so long may take another as long. */
	if (waited > NS_PER_S)
		text_addf(line, " within %" PRId64 "ms",
		    (int64_t)((double)waited / 1e6 /
			(l->o->pace > 0 ? l->o->pace : 1) * 2) +
			2000);
}

/* ---- the other steps ---- */

static void
add_open(struct lifter *l, struct text *line, const struct part *p)
{
	const struct lift_conn *c = &l->conns[p->conn];
	const char *carrier = rk_carrier_name(c->carrier);

	text_addf(line, "conn %s = ", c->name);
	switch (c->form) {
	case LIFT_LOGIN:
		text_addf(line, "login key=%s carrier=%s", l->keys[c->key].name,
		    carrier);
		break;
	case LIFT_UPGRADE:
		text_addf(line, "upgrade carrier=%s", carrier);
		break;
	default:
		text_add(line, c->form == LIFT_HTTP ? "http" : "tcp");
		break;
	}
	if (c->relay_pings && lift_answers_pings(l) && c->form >= LIFT_UPGRADE)
		text_add(line, " autopong=no");
}

static void
add_remark(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);

	text_addf(line, "# %s: ", conn_name(l, p));
	if (e->kind == EVENT_GAP)
		text_addf(line, "%zu bytes %s are missing here", e->len,
		    e->dir == DIR_C2S ? "of the client" : "of the relay");
	else if (e->kind == EVENT_FRAME && e->error == RK_OK)
		text_addf(line, "%s came, which only time brings",
		    event_what(e));
	else
		text_addf(line,
		    "%s of %zu bytes came, which cannot be expected",
		    event_what(e), e->len);
}

static void
add_part_text(struct lifter *l, struct text *line, const struct part *p)
{
	switch (p->kind) {
	case PART_OPEN:
		add_open(l, line, p);
		break;
	case PART_SEND:
		add_send(l, line, p);
		break;
	case PART_EXPECT:
		add_expect(l, line, p);
		break;
	case PART_START:
		text_addf(line, "%s start %s", conn_name(l, p),
		    rk_carrier_name(l->conns[p->conn].carrier));
		break;
	case PART_END:
		text_addf(line, "%s %s", conn_name(l, p),
		    part_event(l, p)->ending == ENDING_RESET ? "abort"
							     : "shut");
		break;
	case PART_FENCE:
		text_addf(line, "fence ingress %s", conn_name(l, p));
		break;
	case PART_MAYBE:
		text_addf(line, "%s <- %s key==pub(%s) optional",
		    conn_name(l, p),
		    rk_frame_spec_by_kind(l->dialect, RK_FRAME_GONE)->name,
		    l->keys[p->to].name);
		break;
	case PART_REMARK:
		add_remark(l, line, p);
		break;
	}
}

/* A pause in front of what the client does; what the relay takes is its own
 * affair. */
static void
put_gap(struct lifter *l, const struct part *p)
{
	int64_t gap = passed(l, part_event(l, p));
	struct text line;

	if (p->kind == PART_EXPECT || p->kind == PART_REMARK ||
	    p->kind == PART_FENCE || p->kind == PART_MAYBE ||
	    gap <= LIFT_GAP_NS || l->reached_ns < 0)
		return;
	if (l->o->pace <= 0) {
		l->ngaps++;
		l->gaps_ns += gap;
		return;
	}
	text_init(&line);
	text_addf(&line, "sleep %" PRId64 "ms",
	    (int64_t)((double)gap / 1e6 / l->o->pace));
	lift_put(l, &line);
}

static bool
stands_for_event(const struct part *p)
{
	return p->kind != PART_FENCE && p->kind != PART_START &&
	    p->kind != PART_MAYBE;
}

static void
put_part(struct lifter *l, const struct part *p)
{
	const struct event *e = part_event(l, p);
	struct text line;

	put_gap(l, p);
	text_init(&line);
	add_part_text(l, &line, p);
	lift_put(l, &line);
	if (!l->counting && p->conn == e->conn && stands_for_event(p))
		l->lift->line[p->event] = l->line;
	/* The answer to the upgrade is part of opening it. */
	if (!l->counting && p->kind == PART_OPEN &&
	    l->conns[p->conn].form >= LIFT_UPGRADE &&
	    l->conns[p->conn].accepted != NO_INDEX)
		l->lift->line[l->conns[p->conn].accepted] = l->line;
	if (e->time_ns > l->reached_ns)
		l->reached_ns = e->time_ns;
}

/* ---- the whole ---- */

/* Does the script end with something that only a living relay does? */
static bool
wants_witness(const struct lifter *l)
{
	bool alive = false;

	for (size_t i = 0; i < l->nscript; i++) {
		const struct part *p = &l->script[i];

		if (p->kind == PART_EXPECT)
			alive = part_event(l, p)->kind != EVENT_ENDED;
		else if (p->kind == PART_FENCE ||
		    (p->kind == PART_OPEN &&
			l->conns[p->conn].form == LIFT_LOGIN))
			alive = true;
	}
	return !alive;
}

/* One that the relay has: what others used, else the dialect's first. */
static enum rk_carrier
witness_carrier(const struct lifter *l)
{
	for (size_t i = 0; i < l->t->nconns; i++)
		if (l->conns[i].form >= LIFT_UPGRADE)
			return l->conns[i].carrier;
	return l->dialect->header[RK_CARRIER_RAW] != RK_HEADER_NONE
	    ? RK_CARRIER_RAW
	    : RK_CARRIER_WS;
}

static void
put_parts(struct lifter *l)
{
	struct text line;

	l->reached_ns = -1;
	l->ngaps = 0;
	l->gaps_ns = 0;
	for (size_t i = 0; i < l->nscript; i++)
		put_part(l, &l->script[i]);
	if (!wants_witness(l))
		return;
	text_init(&line);
	text_addf(&line,
	    "conn %s = login key=witness carrier=%s  # it is still there",
	    LIFT_WITNESS, rk_carrier_name(witness_carrier(l)));
	lift_put(l, &line);
}

/* The file's name as one line of a comment. */
static void
put_source(struct lifter *l)
{
	struct text line;

	text_init(&line);
	text_add(&line, "# Lifted from ");
	if (l->o->scrub || l->o->source == NULL)
		text_add(&line, "a capture");
	else
		text_add_escaped(&line, l->o->source, strlen(l->o->source));
	put_file_line(l, text_str(&line));
	text_clear(&line);
}

/* Each connection and what it was in the capture. */
static void
put_conns(struct lifter *l)
{
	struct text line;

	text_init(&line);
	for (size_t i = 0; i < l->t->nconns; i++) {
		const struct lift_conn *c = &l->conns[i];
		const char *peer = l->t->conns[i].peer;

		if (c->form == LIFT_OUT)
			continue;
		text_reset(&line);
		text_addf(&line, "# %s: connection #%zu%s", c->name, i,
		    l->t->conns[i].tls ? ", TLS" : "");
		if (l->o->scrub)
			text_addf(&line, ", 192.0.2.1:%zu > 192.0.2.2", i + 1);
		else if (peer != NULL)
			text_addf(&line, ", %s", peer);
		put_file_line(l, text_str(&line));
	}
	text_clear(&line);
}

static void
put_timeout(struct lifter *l)
{
	double time =
	    (double)MIN_TIMEOUT + (double)l->nscript * 20 * (double)NS_PER_MS;
	struct text line;
	int64_t last = 0;

	for (size_t i = 0; i < l->nscript; i++)
		if (part_event(l, &l->script[i])->time_ns > last)
			last = part_event(l, &l->script[i])->time_ns;
	if (l->o->pace > 0)
		time += (double)last / l->o->pace * 2;
	if (time > (double)TIMEOUT_MAX)
		time = (double)TIMEOUT_MAX;
	text_init(&line);
	text_addf(&line, "timeout %.0fs", time / (double)NS_PER_S);
	lift_put(l, &line);
}

void
lift_write(struct lifter *l)
{
	struct text line;

	l->answered = xcalloc(l->t->nevents + 1, sizeof(*l->answered));
	l->flipped = xcalloc(l->t->nevents + 1, sizeof(*l->flipped));
	for (size_t i = 0; i < l->t->nevents; i++)
		l->flipped[i] = FLIP_UNKNOWN;
	l->counting = true;
	put_parts(l);
	l->counting = false;
	put_file_line(l, "rly 1");
	text_init(&line);
	text_addf(&line, "dialect %s", l->dialect->id);
	put_file_line(l, text_str(&line));
	text_clear(&line);
	put_file_line(l, "");
	put_source(l);
	put_conns(l);
	put_file_line(l,
	    "scenario " LIFT_SCENARIO " \"What was captured happens again\"");
	text_add(&line, "tags lifted");
	lift_put(l, &line);
	if (l->o->expect == LIFT_NONE) {
		text_add(&line, "leftover ignore");
		lift_put(l, &line);
	} else if (l->lift->damaged) {
		/* What is missing may well come. */
		text_add(&line, "leftover list");
		lift_put(l, &line);
	}
	put_timeout(l);
	put_parts(l);
	put_file_line(l, "end");
	if (l->ngaps > 0)
		lift_note(l,
		    "%zu pause%s of more than 10 ms left out, %.3f s in all; "
		    "--pace asis keeps them",
		    l->ngaps, l->ngaps == 1 ? "" : "s",
		    (double)l->gaps_ns / 1e9);
}
