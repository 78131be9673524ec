/* What comes in: from bytes to items, by the connection's present framing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/loop.h"
#include "scenario/engine_play.h"

/* Room for a whole frame of any kind, and for what came behind it. */
#define INTAKE_SPARE ((size_t)128 << 10)
#define REST_SHOWN   256

static size_t
intake_max(const struct party *s)
{
	const struct rk_dialect *d = s->play->dialect;

	return (d->max_frame > d->max_message ? d->max_frame : d->max_message) +
	    INTAKE_SPARE;
}

/* Below this a buffer is not worth to be counted, or given back. */
#define INTAKE_SMALL ((size_t)64 << 10)

static void
intake_add(struct intake *in, const uint8_t *p, size_t n)
{
	if (in->start > 0 && in->start + in->len + n > in->cap) {
		memmove(in->p, in->p + in->start, in->len);
		in->start = 0;
	}
	if (in->len + n > in->cap) {
		in->cap = (in->len + n) * 2;
		in->p = xreallocarray(in->p, in->cap, 1);
	}
	memcpy(in->p + in->start + in->len, p, n);
	in->len += n;
}

void
intake_drop(struct intake *in, size_t at, size_t n)
{
	uint8_t *front = in->p + in->start;

	if (n == 0)
		return;
	if (at > 0)
		memmove(front + n, front, at);
	in->start += n;
	in->len -= n;
	if (in->len == 0)
		in->start = 0;
}

/* ---- items ---- */

struct item *
party_item(struct party *s, enum item_kind kind, const void *p, size_t len)
{
	struct item *it = xcalloc(1, sizeof(*it));

	it->kind = kind;
	it->seq = ++s->play->seq;
	it->at_ns = loop_now(engine_loop(s->play->engine));
	it->event = SIZE_MAX;
	it->carrier = s->carrier;
	it->bytes = xmalloc(len + 1);
	if (len > 0)
		memcpy(it->bytes, p, len);
	it->len = len;
	return it;
}

static size_t
item_size(const struct item *it)
{
	return sizeof(*it) + it->len + it->body_len +
	    (it->head != NULL ? sizeof(*it->head) : 0);
}

void
party_deliver(struct party *s, struct item *it)
{
	*s->tail = it;
	s->tail = &it->next;
	s->nitems++;
	s->held += item_size(it);
	engine_hold(s->play->engine, (int64_t)item_size(it));
	play_wake(s->play);
}

static bool
has_room(const struct party *s)
{
	return s->nitems < PARTY_MAX_ITEMS && s->held < PARTY_MAX_HELD &&
	    (s->nitems == 0 || engine_has_room(s->play->engine));
}

struct item *
party_take(struct party *s, struct item *it)
{
	struct item **p;

	for (p = &s->items; *p != it; p = &(*p)->next)
		;
	*p = it->next;
	if (*p == NULL)
		s->tail = p;
	it->next = NULL;
	it->taken = true;
	if (it->seq > s->taken_seq)
		s->taken_seq = it->seq;
	s->nitems--;
	s->held -= item_size(it);
	engine_hold(s->play->engine, -(int64_t)item_size(it));
	if (s->full && has_room(s)) {
		s->full = false;
		party_input(s);
	}
	return it;
}

/* ---- frames ---- */

void
party_lose_framing(struct party *s, int error, const char *what)
{
	size_t shown = s->in.len < REST_SHOWN ? s->in.len : REST_SHOWN;
	struct item *it =
	    party_item(s, ITEM_REST, s->in.p + s->in.start, shown);

	it->error = error;
	it->event = party_record(s, EVENT_REST, DIR_S2C, it->bytes, it->len,
	    rk_strerror(error), 0);
	party_deliver(s, it);
	s->wire = WIRE_LOST;
	if (s->state > PARTY_DIALING && s->state < PARTY_READY)
		party_fail(s, CODE_DECODE, "%s: %s", what, rk_strerror(error));
}

static void
lose_framing(struct party *s, int error)
{
	party_lose_framing(s, error, "what came is no frame");
}

/* A relay that echoes would get the Pong that it owes out of us. */
static bool
is_own_ping(const struct party *s, struct rk_span data)
{
	size_t n = s->npings < PARTY_PINGS_KEPT ? s->npings : PARTY_PINGS_KEPT;

	for (size_t i = 0; i < n; i++)
		if (data.len == sizeof(s->pings[0]) &&
		    memcmp(s->pings[i], data.p, data.len) == 0)
			return true;
	return false;
}

static void
answer_ping(struct party *s, const struct rk_frame *ping)
{
	struct rk_span data = rk_frame_field(ping, "data");

	if (s->config.autopong && !s->shut && !is_own_ping(s, data))
		party_owe_pong(s, data);
}

static void
take_frame(struct party *s, const struct rk_raw_frame *raw)
{
	const struct rk_dialect *d = s->play->dialect;
	struct item *it =
	    party_item(s, ITEM_FRAME, raw->payload.p, raw->payload.len);
	struct rk_raw_frame own = *raw;

	own.payload.p = it->bytes;
	it->error = rk_frame_decode(d, &own, false, &it->frame);
	it->lane = rk_frame_lane(d, &it->frame);
	it->event = party_record_frame(s, DIR_S2C, raw->type, own.payload,
	    it->error, 0);
	if (it->error == RK_OK && it->frame.kind == RK_FRAME_PING)
		answer_ping(s, &it->frame);
	if (it->error == RK_OK &&
	    (party_setup_frame(s, &own, &it->frame) ||
		fence_claims(s->play, s, &it->frame))) {
		item_free(it);
		play_wake(s->play);
		return;
	}
	if (it->lane == RK_LANE_DATA || it->lane == RK_LANE_DISCO ||
	    it->lane == RK_LANE_PONG)
		s->logged_in = true;
	party_deliver(s, it);
}

static bool
read_raw_frame(struct party *s)
{
	const struct rk_dialect *d = s->play->dialect;
	struct rk_raw_frame raw;
	int err;

	if (s->in.len == 0)
		return false;
	err = rk_split(d->header[RK_CARRIER_RAW], d->max_frame,
	    s->in.p + s->in.start, s->in.len, &raw);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK) {
		lose_framing(s, err);
		return true;
	}
	take_frame(s, &raw);
	intake_drop(&s->in, 0, raw.total_len);
	return true;
}

/* A binary message is one frame. */
static void
take_binary(struct party *s, const struct rk_ws_message *m)
{
	const struct rk_dialect *d = s->play->dialect;
	struct rk_raw_frame raw;
	struct item *it;
	int err = rk_split(d->header[RK_CARRIER_WS], d->max_message, m->payload,
	    m->len, &raw);

	if (err == RK_OK) {
		take_frame(s, &raw);
		return;
	}
	it = party_item(s, ITEM_REST, m->payload, m->len);
	it->error = err;
	it->event = party_record(s, EVENT_REST, DIR_S2C, it->bytes, it->len,
	    rk_strerror(err), 0);
	party_deliver(s, it);
}

static void
take_ws(struct party *s, const struct rk_ws_message *m)
{
	struct item *it;

	if (m->opcode == RK_WS_BINARY) {
		take_binary(s, m);
		return;
	}
	it = party_item(s, ITEM_WS, m->payload, m->len);
	it->opcode = m->opcode;
	it->close_code = m->close_code;
	it->event = party_record_ws(s, DIR_S2C, m->opcode,
	    (struct rk_span){ it->bytes, it->len }, NULL, 0);
	if (m->opcode == RK_WS_PING && s->config.autopong && !s->shut)
		party_owe_ws_pong(s, (struct rk_span){ m->payload, m->len });
	party_deliver(s, it);
}

static bool
read_ws_message(struct party *s)
{
	struct rk_ws_message m;
	size_t at, used, need;
	int err;

	if (s->in.len == 0)
		return false;
	err = rk_ws_next(&s->ws, s->in.p + s->in.start, s->in.len, &m, &at,
	    &used, &need);
	if (err == RK_OK)
		take_ws(s, &m);
	else if (err != RK_ERR_AGAIN)
		lose_framing(s, err);
	intake_drop(&s->in, at, used);
	return err != RK_ERR_AGAIN;
}

static bool
read_frame(struct party *s)
{
	return s->carrier == RK_CARRIER_WS ? read_ws_message(s)
					   : read_raw_frame(s);
}

static bool
read_nothing(struct party *s)
{
	return false;
}

static bool
throw_away(struct party *s)
{
	s->dropped += s->in.len;
	intake_drop(&s->in, 0, s->in.len);
	return false;
}

void
party_digest(struct party *s)
{
	static bool (*const readers[])(struct party * s) = {
		[WIRE_BYTES] = read_nothing,
		[WIRE_HTTP] = party_read_response,
		[WIRE_FRAMES] = read_frame,
		[WIRE_DATAGRAMS] = read_nothing,
		[WIRE_LOST] = throw_away,
	};

	do {
		if (!has_room(s)) {
			s->full = true;
			play_remark(s->play, s, 0,
			    "reading stopped: %zu frames that no step took",
			    s->nitems);
			return;
		}
	} while (readers[s->wire](s));
}

/* Bytes that no framing reads are recorded as they come. */
static void
note_bytes(struct party *s, const uint8_t *p, size_t n)
{
	if (s->wire != WIRE_BYTES)
		return;
	if (s->in_seq == 0)
		s->in_seq = ++s->play->seq;
	party_record(s, EVENT_BYTES, DIR_S2C, p, n, NULL, 0);
}

static void
count_intake(struct party *s, size_t before)
{
	if (s->in.len == 0 && s->in.cap > INTAKE_SMALL) {
		free(s->in.p);
		s->in = (struct intake){ .len = 0 };
	}
	engine_hold(s->play->engine, (int64_t)s->in.cap - (int64_t)before);
}

/* A frame of which a part is there gets no more room than there is. */
static bool
has_room_for_more(struct party *s)
{
	if (s->in.len < INTAKE_SMALL || engine_has_room(s->play->engine))
		return true;
	s->full = true;
	play_remark(s->play, s, 0,
	    "reading stopped: all cases together hold too much");
	return false;
}

void
party_input(struct party *s)
{
	size_t before = s->in.cap;

	while (s->stream != NULL && !s->full && has_room_for_more(s)) {
		size_t len, room = intake_max(s) - s->in.len;
		uint8_t *p = stream_input(s->stream, &len);

		if (len > room)
			len = room;
		if (len == 0)
			break;
		s->in_at_ns = loop_now(engine_loop(s->play->engine));
		intake_add(&s->in, p, len);
		note_bytes(s, p, len);
		stream_consume(s->stream, len);
		party_digest(s);
	}
	if (!s->full && s->in.len > 0)
		party_digest(s);
	count_intake(s, before);
	play_wake(s->play);
}

/* ---- changes of framing ---- */

void
party_read_frames(struct party *s, enum rk_carrier carrier)
{
	const struct rk_dialect *d = s->play->dialect;

	s->carrier = carrier;
	s->play->transcript->conns[s->conn].carrier = carrier;
	if (!s->starts_after_101)
		s->sent = (struct wire_place){ .nhead = 0 };
	if (s->wire == WIRE_HTTP) {
		s->starts_after_101 = true;
		return;
	}
	s->wire = WIRE_FRAMES;
	s->in_seq = 0;
	rk_ws_reader_init(&s->ws, s->listening, d->max_message, d->max_message);
	party_digest(s);
}

uint8_t *
party_bytes(struct party *s, size_t *len)
{
	*len = s->wire == WIRE_BYTES ? s->in.len : 0;
	return *len > 0 ? s->in.p + s->in.start : NULL;
}

void
party_take_bytes(struct party *s, size_t n)
{
	intake_drop(&s->in, 0, n);
	if (s->in.len == 0)
		s->in_seq = 0;
	party_input(s);
}
