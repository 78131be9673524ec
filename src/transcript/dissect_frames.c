/* Frames behind the upgrade, on the raw carrier and on WebSocket. */
#include "config.h"

#include "transcript/dissect_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/login.h"

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t
max_frame(const struct dissector *d)
{
	return min_size(d->dialect->max_frame, HOLD_MAX - RK_FRAME_HEADER_MAX);
}

void
start_frames(struct dissector *d, struct side *s, enum rk_carrier c)
{
	size_t max =
	    min_size(d->dialect->max_message, HOLD_MAX - RK_WS_HEADER_MAX);

	d->carrier = (int)c;
	d->t->conns[d->conn].carrier = c;
	if (s->mode == MODE_SEEK && d->foreign)
		side_set_mode(s, MODE_LOST); /* nothing can be found */
	if (s->mode == MODE_SEEK || s->mode == MODE_LOST)
		return; /* its place is unknown still */
	rk_ws_reader_init(&s->ws, s->dir == DIR_C2S, max, max);
	side_set_mode(s, c == RK_CARRIER_RAW ? MODE_RAW : MODE_WS);
}

/* ---- what a frame breaks ---- */

#define POINT_SETS 512 /* by hash */
#define POINT_WAYS 4

/* Decompression is slow, and the same few keys come again and again.  (Zero
 * is a point.) */
static bool
key_is_point(struct dissector *d, const struct rk_key *key)
{
	struct rk_key *set;
	uint64_t h;

	if (d->t->points == NULL)
		d->t->points =
		    xcalloc(POINT_SETS * POINT_WAYS, sizeof(*d->t->points));
	memcpy(&h, key->b, sizeof(h));
	h = h * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	set = d->t->points + h % POINT_SETS * POINT_WAYS;
	for (int i = 0; i < POINT_WAYS; i++)
		if (memcmp(&set[i], key, sizeof(*key)) == 0)
			return true;
	if (!rk_key_is_point(key))
		return false;
	memmove(set + 1, set, (POINT_WAYS - 1) * sizeof(*set));
	set[0] = *key;
	return true;
}

/*
 * In a dialect where the client speaks first, its first frame is the login,
 * and whether a relay must refuse it can be told from that alone.
 */
static int
judge_login(struct dissector *d, const struct rk_raw_frame *raw)
{
	const struct rk_login_params params = {
		.carrier = (enum rk_carrier)d->carrier,
	};
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer out;
	struct rk_login login;
	int err;

	rk_writer_init(&out, buf, sizeof(buf));
	rk_login_init(&login, d->dialect, RK_SERVER, &params);
	err = rk_login_input(&login, raw, &out);
	if (login.state == RK_LOGIN_DONE) {
		d->t->conns[d->conn].key = login.peer;
		d->t->conns[d->conn].has_key = true;
	}
	return err;
}

static int
judge_frame(struct dissector *d, struct side *s, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	struct rk_key key;
	int err = rk_frame_decode(d->dialect, raw, false, &f);

	if (err != RK_OK)
		return err;
	if (d->dialect->key_is_point && rk_frame_key(&f, &key) &&
	    !key_is_point(d, &key))
		return RK_ERR_KEY;
	if (s->dir == DIR_C2S && s->nframes == 0 && !s->gapped &&
	    d->side[DIR_S2C].nframes == 0)
		return judge_login(d, raw);
	return RK_OK;
}

/* ---- events ---- */

static void
emit_frame(struct dissector *d, struct side *s, const struct rk_raw_frame *raw,
    size_t end, char *text)
{
	struct event e = {
		.kind = EVENT_FRAME,
		.type = raw->type,
		.len = raw->payload.len,
		.text = text,
		.error = judge_frame(d, s, raw),
	};

	if (e.len > 0)
		e.bytes = side_bytes(s) + (raw->payload.p - side_bytes(s));
	side_emit(d, s, &e, end);
	s->nframes++;
}

bool
step_raw(struct dissector *d, struct side *s)
{
	struct rk_raw_frame raw;
	int err = rk_split(d->dialect->header[RK_CARRIER_RAW], max_frame(d),
	    side_bytes(s), side_len(s), &raw);

	if (err == RK_ERR_AGAIN)
		return false;
	if (err == RK_OK) {
		emit_frame(d, s, &raw, raw.total_len, NULL);
		side_consume(s, raw.total_len);
		return true;
	}
	/* A length that nobody accepts: only the header is certain. */
	side_collect(d, s, EVENT_REST, side_bytes(s), raw.header_len, err,
	    NULL);
	side_flush(d, s);
	side_consume(s, raw.header_len);
	side_set_mode(s, MODE_LOST);
	return true;
}

/* ---- WebSocket ---- */

static void
emit_ws(struct dissector *d, struct side *s, const struct rk_ws_message *m,
    size_t end, int error)
{
	struct event e = {
		.kind = EVENT_WS,
		.error = error,
		.opcode = m->opcode,
		.bytes = m->len > 0 ? m->payload : NULL,
		.len = m->len,
	};

	side_emit(d, s, &e, end);
}

/* The frames of one binary message: one, or in a dialect that uses
 * WebSocket as a byte stream several. */
static void
emit_binary(struct dissector *d, struct side *s, const struct rk_ws_message *m,
    size_t end)
{
	enum rk_header_form form = d->dialect->header[RK_CARRIER_WS];
	size_t off = 0;
	char text[32];

	snprintf(text, sizeof(text), "%zu fragments", m->nframes);
	do {
		struct rk_raw_frame raw;
		int err = rk_split(form, max_frame(d), m->payload + off,
		    m->len - off, &raw);
		struct event rest = { .kind = EVENT_REST, .error = err };

		if (err != RK_OK) {
			rest.len = m->len - off;
			rest.bytes = rest.len > 0 ? m->payload + off : NULL;
			side_emit(d, s, &rest, end);
			return;
		}
		emit_frame(d, s, &raw, end, m->nframes > 1 ? text : NULL);
		off += raw.total_len;
	} while (off < m->len);
}

/* A message of another protocol: only its size can be told. */
static void
emit_opaque(struct dissector *d, struct side *s, const struct rk_ws_message *m,
    size_t end)
{
	static char text[] = "WebSocket message";
	struct event e = { .kind = EVENT_OPAQUE,
		.len = m->len,
		.text = text,
		.opcode = m->opcode };

	side_emit(d, s, &e, end);
}

/* Remove |n| bytes at |at|: fragments of a message lie before them. */
static void
consume_at(struct side *s, size_t at, size_t n)
{
	uint8_t *p = side_bytes(s);

	if (at > 0)
		memmove(p + n, p, at);
	side_consume(s, n);
}

/* A frame that cannot be held, but whose end is known: RK_OK; RK_ERR_AGAIN
 * while its header is not whole; RK_ERR_TOO_LONG if nothing helps. */
static int
skip_frame(struct dissector *d, struct side *s)
{
	struct rk_ws_header h;
	int err = rk_ws_parse_header(side_bytes(s), side_len(s), &h);

	if (s->ws.open || !h.fin)
		return RK_ERR_TOO_LONG;
	if (err != RK_OK)
		return err;
	side_collect(d, s, EVENT_REST, side_bytes(s), h.header_len,
	    RK_ERR_TOO_LONG, NULL);
	side_consume(s, h.header_len);
	s->skip = h.payload_len;
	return RK_OK;
}

bool
step_ws(struct dissector *d, struct side *s)
{
	struct rk_ws_message m = { .payload = NULL };
	size_t at, used, need;
	int err = rk_ws_next(&s->ws, side_bytes(s), side_len(s), &m, &at, &used,
	    &need);

	if (err == RK_OK && m.opcode == RK_WS_BINARY && d->foreign)
		emit_opaque(d, s, &m, at + used);
	else if (err == RK_OK && m.opcode == RK_WS_BINARY)
		emit_binary(d, s, &m, at + used);
	else if (m.payload != NULL) /* also if only its payload is wrong */
		emit_ws(d, s, &m, at + used, err);
	consume_at(s, at, used);
	if (err == RK_ERR_TOO_LONG)
		err = skip_frame(d, s);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK && m.payload == NULL) {
		side_reject(d, s, err, NULL);
		side_set_mode(s, MODE_LOST);
	}
	return true;
}

/* ---- what is in progress ---- */

static const char *
type_name(const struct dissector *d, uint32_t type)
{
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_type(d->dialect, type);

	return spec != NULL ? spec->name : "a frame of unknown type";
}

uint64_t
unit_len(struct dissector *d, struct side *s)
{
	struct rk_raw_frame raw;
	struct rk_ws_header h;

	if (s->mode == MODE_RAW) {
		if (rk_split(d->dialect->header[RK_CARRIER_RAW], max_frame(d),
			side_bytes(s), side_len(s), &raw) != RK_ERR_AGAIN ||
		    raw.total_len <= RK_TLV32_LEN)
			return 0;
		return raw.total_len;
	}
	/* Behind a hole in a fragmented message nothing is certain. */
	if (s->ws.open ||
	    rk_ws_parse_header(side_bytes(s), side_len(s), &h) != RK_OK ||
	    !h.fin)
		return 0;
	return h.header_len + h.payload_len;
}

char *
describe_partial(struct dissector *d, struct side *s)
{
	uint64_t unit;

	if (s->mode == MODE_UPGRADE)
		return xstrdup("sent without waiting for the answer to the "
			       "upgrade");
	if (s->mode == MODE_HEAD)
		return describe_head(s);
	if (s->mode != MODE_RAW && s->mode != MODE_WS)
		return NULL;
	unit = unit_len(d, s);
	if (unit == 0)
		return xstrdup("beginning of a frame");
	return xasprintf("%s, %zu of %llu bytes",
	    s->mode == MODE_RAW ? type_name(d, side_bytes(s)[0])
				: "WebSocket frame",
	    side_len(s), (unsigned long long)unit);
}
