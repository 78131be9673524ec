/*
 * Input behind the upgrade: whole frames are cut from the receive buffer,
 * raw or out of WebSocket messages, and handled where they lie.  One table
 * says what is done with each kind of frame once a client is logged in.
 */
#include "config.h"

#include "relayd/conn.h"

#include <string.h>

#include "base/clock.h"
#include "codec/frame.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/server.h"
#include "relayd/worker.h"

/* A frame in the receive buffer. */
struct input {
	uint8_t *front; /* first byte that may be overwritten */
	uint8_t *payload;
	struct rk_raw_frame raw;
};

/* The peer broke a rule: refused before the login is complete.  |in| is the
 * frame, with payload NULL if it is not whole; NULL: it is no frame. */
static bool
broke_rule(struct conn *c, int err, const struct input *in)
{
	if (in != NULL &&
	    FAULT(HOOK_RULE, .c = c, .err = &err, .type = in->raw.type,
		.payload = in->payload, .len = in->raw.payload.len,
		.room = (size_t)(in->payload - in->front)))
		return c->state <= CONN_OPEN;
	if (c->state == CONN_OPEN)
		return conn_close(c, ENDING_PROTOCOL, rk_strerror(err));
	metrics_login_refused(&c->worker->metrics, err);
	return conn_close(c, ENDING_REFUSED, rk_strerror(err));
}

/* ---- frames of an open connection ---- */

typedef bool (*frame_fn)(struct conn *c, const struct input *in);

/* A decoded frame may tell; a text is checked by who reads it. */
static int
check_frame(const struct conn *c, const struct rk_raw_frame *raw,
    struct rk_frame *f)
{
	int err = rk_frame_decode(c->worker->conf->dialect, raw, true, f);

	return err == RK_ERR_UTF8 ? RK_OK : err;
}

void
conn_count_routed(struct worker *w, bool disco, enum route_result result)
{
	struct metrics *m = &w->metrics;

	/* Of the newer generation it counts when it is written (D-26). */
	if (result == ROUTE_QUEUED && w->conf->generation == GENERATION_035)
		return;
	if (result == ROUTE_QUEUED && disco)
		metrics_up(&m->disco_packets_sent);
	else if (result == ROUTE_QUEUED)
		metrics_up(&m->send_packets_sent);
	else if (result == ROUTE_UNKNOWN && disco)
		metrics_up(&m->disco_packets_dropped);
	else if (result == ROUTE_UNKNOWN)
		metrics_up(&m->send_packets_dropped);
}

static void
count_packet(struct worker *w, const struct lent_packet *p,
    enum route_result result)
{
	struct metrics *m = &w->metrics;

	if (p->disco)
		metrics_up(&m->disco_packets_recv);
	else
		metrics_up(&m->send_packets_recv);
	metrics_up_by(&m->bytes_recv, p->len - RK_KEY_LEN);
	histogram_add(&m->packet_bytes, PACKET_BYTES_SHIFT,
	    p->len - RK_KEY_LEN);
	conn_count_routed(w, p->disco, result);
}

/* To look whether a key is a curve point costs as much as fifty packets. */
static bool
timed_is_point(struct conn *c, const struct rk_key *key)
{
	int64_t begun = clock_mono_ns();
	bool is_point = rk_key_is_point(key);

	loop_spend(c->worker->loop, clock_mono_ns() - begun);
	return is_point;
}

/*
 * The frame that is nearly all of the traffic.  Whether the destination is a
 * curve point is asked only if nobody is there: whoever logged in is one.
 */
static bool
on_send(struct conn *c, const struct input *in)
{
	struct worker *w = c->worker;
	const struct rk_dialect *d = w->conf->dialect;
	size_t len = in->raw.payload.len;
	struct lent_packet p = { .body = in->payload,
		.len = len,
		.room = (size_t)(in->payload - in->front) };
	enum route_result result;
	struct rk_key to;

	if (len < w->send->min)
		return broke_rule(c, RK_ERR_LENGTH, in);
	if (len > w->send->max)
		return broke_rule(c, w->send->over_max, in);
	memcpy(to.b, in->payload, sizeof(to.b));
	p.disco =
	    rk_is_disco(d, in->payload + sizeof(to.b), len - sizeof(to.b));
	if (FAULT(HOOK_SEND, .c = c, .key = &to, .packet = &p))
		return c->state == CONN_OPEN;
	p.framed = c->carrier == RK_CARRIER_RAW && p.len == len;
	result = router_route(w->router, &c->ep, &to, &p);
	c->to_nobody = result == ROUTE_UNKNOWN;
	if (c->to_nobody && d->key_is_point && !timed_is_point(c, &to))
		return broke_rule(c, RK_ERR_KEY, in);
	if (FAULT(HOOK_ROUTED, .c = c, .key = &to, .packet = &p,
		.result = result))
		return false;
	count_packet(w, &p, result);
	return true;
}

static bool
on_ping(struct conn *c, const struct input *in)
{
	struct worker *w = c->worker;

	if (FAULT(HOOK_PING, .c = c, .payload = in->payload,
		.len = in->raw.payload.len))
		return true;
	if (!conn_write_frame(c, w->pong, in->payload, in->raw.payload.len))
		return false;
	metrics_up(&w->metrics.got_ping);
	metrics_up(&w->metrics.sent_pong);
	return true;
}

static bool
on_other(struct conn *c, const struct input *in)
{
	metrics_up(&c->worker->metrics.other_packets_recv);
	return true;
}

/* What only the relay sends, and a second login: nothing is done. */
static bool
on_unexpected(struct conn *c, const struct input *in)
{
	metrics_up(&c->worker->metrics.unknown_frames);
	return true;
}

static bool
on_pong(struct conn *c, const struct input *in)
{
	conn_live_pong(c, in->payload);
	return true;
}

static bool
on_health(struct conn *c, const struct input *in)
{
	return conn_close(c, ENDING_PROTOCOL, "Health from a client");
}

/* Section 4.4, and D-04 and D-11. */
static const frame_fn handlers_028[RK_NFRAMES] = {
	[RK_FRAME_PING] = on_ping,
	[RK_FRAME_NOTE_PREFERRED] = on_other,
	[RK_FRAME_HEALTH] = on_other,
};
static const frame_fn handlers_035[RK_NFRAMES] = {
	[RK_FRAME_PING] = on_ping,
	[RK_FRAME_PONG] = on_pong,
	[RK_FRAME_HEALTH] = on_health,
};

static frame_fn
handler_of(const struct conn *c, enum rk_frame_kind kind)
{
	frame_fn fn = c->worker->conf->generation == GENERATION_035
	    ? handlers_035[kind]
	    : handlers_028[kind];

	return fn != NULL ? fn : on_unexpected;
}

/*
 * Any frame but a packet.  Not inlined: what it decodes into is large, and
 * the compiler may clear it first.
 */
static bool __attribute__((noinline))
on_rare(struct conn *c, const struct input *in)
{
	struct rk_frame f;
	int err = check_frame(c, &in->raw, &f);

	if (err == RK_ERR_UNKNOWN_TYPE &&
	    c->worker->conf->dialect->unknown == RK_UNKNOWN_SKIP)
		return on_unexpected(c, in);
	if (err != RK_OK)
		return broke_rule(c, err, in);
	return handler_of(c, f.kind)(c, in);
}

static bool
on_frame(struct conn *c, const struct input *in)
{
	if (FAULT(HOOK_FRAME, .c = c, .type = in->raw.type,
		.payload = in->payload, .len = in->raw.payload.len,
		.room = (size_t)(in->payload - in->front)))
		return c->state == CONN_OPEN;
	if (in->raw.type == c->worker->send->type)
		return on_send(c, in);
	return on_rare(c, in);
}

/* ---- login ---- */

static void
log_login(struct conn *c)
{
	static struct log_limit limit = { .burst = 20 };

	conn_log(c, &limit, LOG_INFO, "login key=%s carrier=%s peer=%s",
	    conn_key_text(c), rk_carrier_name((enum rk_carrier)c->carrier),
	    stream_peer(c->stream));
}

static bool
open_connection(struct conn *c)
{
	struct worker *w = c->worker;

	if (!router_enter(w->router, &c->ep, &c->login.peer))
		return conn_close(c, ENDING_LIMIT, "no-memory");
	conn_live_start(c);
	conn_limit_start(c);
	conn_set_state(c, CONN_OPEN);
	metrics_up(&w->metrics.accepts);
	if (server_is_new_key(w->server, &c->login.peer))
		metrics_up(&w->metrics.unique_client_keys);
	log_login(c);
	FAULT(HOOK_OPEN, .c = c);
	return true;
}

/* What the login says, which is one frame. */
static bool
write_login(struct conn *c, const uint8_t *p, size_t len)
{
	uint8_t *out;

	if (c->carrier == RK_CARRIER_WS)
		return conn_write_ws(c, RK_WS_BINARY, p, len);
	out = conn_out(c, len);
	if (out != NULL)
		memcpy(out, p, len);
	return out != NULL;
}

bool
conn_login_answered(struct conn *c, bool allowed)
{
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	int err;

	rk_writer_init(&w, buf, sizeof(buf));
	err = rk_login_access(&c->login, allowed, &w);
	if (w.len > 0 && !write_login(c, buf, w.len))
		return false;
	return err == RK_OK ? open_connection(c) : broke_rule(c, err, NULL);
}

static int
timed_login(struct conn *c, const struct input *in, struct rk_writer *w)
{
	int64_t begun = clock_mono_ns();
	int err = rk_login_input(&c->login, &in->raw, w);

	loop_spend(c->worker->loop, clock_mono_ns() - begun);
	return err;
}

static bool
on_login_frame(struct conn *c, const struct input *in)
{
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	int err;

	c->login.params.access_later = server_asks(c->worker->server);
	rk_writer_init(&w, buf, sizeof(buf));
	err = timed_login(c, in, &w);
	FAULT(HOOK_LOGIN, .c = c, .type = in->raw.type, .payload = in->payload,
	    .len = in->raw.payload.len, .err = &err);
	if (w.len > 0 && !write_login(c, buf, w.len))
		return false;
	if (err != RK_OK)
		return broke_rule(c, err, in);
	if (c->login.state == RK_LOGIN_ASKED)
		return conn_access_start(c);
	return c->login.state != RK_LOGIN_DONE || open_connection(c);
}

/* ---- cutting ---- */

static bool
handle(struct conn *c, struct input *in, uint8_t *base)
{
	in->payload = base + (in->raw.payload.p - base);
	conn_live_heard(c);
	return c->state == CONN_LOGIN ? on_login_frame(c, in) : on_frame(c, in);
}

/*
 * What is wrong with a frame of the open connection as soon as its header
 * tells, so that nobody makes us hold what we will not use.
 */
static int
check_header(const struct conn *c, const struct rk_raw_frame *raw,
    size_t payload_len)
{
	const struct rk_dialect *d = c->worker->conf->dialect;
	const struct rk_frame_spec *spec;

	if (c->state != CONN_OPEN)
		return RK_OK;
	spec = rk_frame_spec_by_type(d, raw->type);
	if (spec == NULL)
		return d->unknown == RK_UNKNOWN_FATAL ? RK_ERR_UNKNOWN_TYPE
						      : RK_OK;
	if (payload_len < spec->min)
		return RK_ERR_LENGTH;
	return payload_len > spec->max ? spec->over_max : RK_OK;
}

/* True if a frame was handled and another may follow. */
static bool
next_raw(struct conn *c)
{
	const struct rk_dialect *d = c->worker->conf->dialect;
	struct input in = { 0 };
	size_t len, limit = d->max_frame;
	int err;

	in.front = conn_input(c, &len);
	if (FAULT(HOOK_CUT, .c = c, .payload = in.front, .len = len,
		.limit = &limit))
		return false;
	err =
	    rk_split(d->header[RK_CARRIER_RAW], limit, in.front, len, &in.raw);
	if (err == RK_ERR_AGAIN) {
		c->need = in.raw.total_len;
		if (len < in.raw.header_len)
			return false;
		err = check_header(c, &in.raw,
		    in.raw.total_len - in.raw.header_len);
		in.raw.payload.len = in.raw.total_len - in.raw.header_len;
		if (err != RK_OK)
			broke_rule(c, err, &in);
		return false;
	}
	if (err != RK_OK) {
		broke_rule(c, err, &in);
		return false;
	}
	if (c->state == CONN_OPEN && !conn_limit_admits(c, in.raw.total_len))
		return false;
	if (!handle(c, &in, in.front))
		return false;
	conn_take(c, in.raw.total_len);
	return true;
}

static bool
on_ws_close(struct conn *c, const struct rk_ws_message *m)
{
	/* The code comes back, as RFC 6455 section 5.5.1 has it; the newer
	 * generation takes Close for the end of the stream (D-16). */
	if (c->worker->conf->generation != GENERATION_035 &&
	    !conn_write_ws(c, RK_WS_CLOSE, m->payload, m->len >= 2 ? 2 : 0))
		return false;
	return conn_close(c, ENDING_EOF, "websocket-close");
}

static bool
on_ws_message(struct conn *c, uint8_t *front, const struct rk_ws_message *m)
{
	const struct rk_dialect *d = c->worker->conf->dialect;
	struct input in = { .front = front };
	int err;

	if (FAULT(HOOK_WS, .c = c, .type = m->opcode, .payload = m->payload,
		.len = m->len, .pieces = m->nframes))
		return c->state <= CONN_OPEN;
	switch (m->opcode) {
	case RK_WS_BINARY:
		err = rk_split(d->header[RK_CARRIER_WS], d->max_frame,
		    m->payload, m->len, &in.raw);
		return err == RK_OK ? handle(c, &in, m->payload)
				    : broke_rule(c, err, NULL);
	case RK_WS_PING:
		return conn_write_ws(c, RK_WS_PONG, m->payload, m->len);
	case RK_WS_CLOSE:
		return on_ws_close(c, m);
	default:
		metrics_up(&c->worker->metrics.ws_skipped);
		return true;
	}
}

/* Is the next message whole, and how long is it? */
static bool
measure_ws(const struct conn *c, const uint8_t *p, size_t len, size_t *size)
{
	struct rk_ws_header h;
	size_t at = c->ws.assembled;

	*size = at; /* of fragments that came before */
	while (rk_ws_parse_header(p + at, len - at, &h) == RK_OK &&
	    h.payload_len <= len - at - h.header_len) {
		if (h.opcode >= RK_WS_CLOSE) /* between fragments */
			*size = 0;
		at += h.header_len + (size_t)h.payload_len;
		*size += (size_t)h.payload_len;
		if (h.fin)
			return true;
	}
	return false;
}

/* A message counts as the frame in it would on the raw carrier. */
static bool
is_admitted_ws(struct conn *c, const uint8_t *p, size_t len)
{
	size_t size;

	return c->state != CONN_OPEN || c->worker->conf->rx_rate == 0 ||
	    !measure_ws(c, p, len, &size) ||
	    conn_limit_admits(c, size + RK_TLV32_LEN - 1);
}

static bool
next_ws(struct conn *c)
{
	struct rk_ws_message m;
	size_t len, at, used;
	uint8_t *p = conn_input(c, &len);
	int err;

	if (FAULT(HOOK_WS_INPUT, .c = c, .payload = p, .len = len) ||
	    !is_admitted_ws(c, p, len))
		return false;
	err = rk_ws_next(&c->ws, p, len, &m, &at, &used, &c->need);
	if (err != RK_OK && err != RK_ERR_AGAIN)
		return broke_rule(c, err, NULL);
	if (err == RK_OK && !on_ws_message(c, p, &m))
		return false;
	/* What lies between the fragments of a message goes: the fragments
	 * move up, since nothing of them is lent yet. */
	if (at > 0 && used > 0)
		memmove(p + used, p, at);
	conn_take(c, used);
	return err == RK_OK;
}

static bool
is_allowed(void *arg, const struct rk_key *key)
{
	return server_allows(arg, key);
}

void
conn_frames_start(struct conn *c, enum rk_carrier carrier)
{
	const struct conf *conf = c->worker->conf;
	const struct rk_dialect *d = conf->dialect;
	const struct rk_login_params params = { .carrier = carrier,
		.access = is_allowed,
		.arg = c->worker->server };

	c->carrier = (uint8_t)carrier;
	c->need = 0;
	rk_ws_reader_init(&c->ws, true, d->max_message, d->max_message);
	rk_login_init(&c->login, d, RK_SERVER, &params);
	conn_set_state(c, CONN_LOGIN);
	if (carrier == RK_CARRIER_WS) {
		metrics_up(&c->worker->metrics.websocket_accepts);
	} else {
		metrics_up(&c->worker->metrics.raw_accepts);
		metrics_up(&c->worker->metrics.raw_accepts_035);
	}
	FAULT(HOOK_UPGRADED, .c = c);
}

/* Whoever is behind has to read first. */
static bool
is_crowded(struct conn *c)
{
	if (!worker_is_crowded(c->worker))
		return false;
	c->crowded = true;
	stream_pause(c->stream);
	return true;
}

/* A crowd that logs in shall not hold up those who have, nor one that sends to
 * nobody those who send to somebody. */
static bool
must_wait(struct conn *c)
{
	if ((c->state == CONN_OPEN && !c->to_nobody) ||
	    loop_has_time(c->worker->loop))
		return false;
	stream_when_time(c->stream);
	return true;
}

void
conn_frames_input(struct conn *c)
{
	bool more = true;

	while (more && !c->limited && c->query == NULL && !conn_stall(c) &&
	    !is_crowded(c) && !must_wait(c)) {
		c->need = 0;
		more = c->carrier == RK_CARRIER_RAW ? next_raw(c) : next_ws(c);
	}
	if (c->need > 0)
		conn_take(c, 0); /* so that the buffer can hold it */
}
