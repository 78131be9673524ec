/*
 * relay-cli bench: packets from senders to their receivers.
 *
 * Without --rate the loop is closed: each pair keeps --window packets under
 * way.  With it the loop is open: packet i is due at i / rate, and that time,
 * not the one at which it could be written, is what its latency counts from,
 * so that a relay that stalls also delays what had to be sent meanwhile.
 */
#include "config.h"

#include "relay-cli/bench_packets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "net/stream.h"
#include "relay-cli/bench.h"
#include "relay-cli/bench_wire.h"
#include "relay-cli/commands.h"

/* A sender with so much that the kernel did not take writes no more. */
#define QUEUE_MAX    ((size_t)1 << 20)
#define BATCH_BYTES  ((size_t)256 << 10)
#define INPUT_MAX    ((size_t)1 << 20)
#define POOL_SIZE    ((size_t)1 << 17)
/* A window of which nothing comes for so long is lost. */
#define FORGIVE_NS   NS_PER_S
/* After the end: what comes no more within this is lost, … */
#define QUIET_NS     (2 * NS_PER_S)
/* … and this is the end of all patience. */
#define DRAIN_MAX_NS (30 * NS_PER_S)
#define JANITOR_NS   (100 * NS_PER_MS)

struct load;
struct pair;

struct end {
	struct bench_client client;
	struct load *load;
	struct pair *pair;
	struct wire wire;
	bool is_receiver;
};

struct pair {
	struct end from, to;
	struct wire_template frame;
	uint64_t index;
	uint64_t sent; /* and the next number */
	uint64_t next; /* number expected next */
	uint64_t done; /* sent before this: arrived or given up */
	uint64_t received;
	int64_t heard_at;
};

struct load {
	struct bench *bench;
	struct bench_options options;
	struct ramp ramp;
	size_t npairs; /* that are measured */
	size_t nall;
	struct pair *pairs;
	struct pair *stalled; /* its receiver never reads; NULL: none */
	uint32_t recv_type;
	uint8_t *batch;
	uint8_t *pool; /* --verify */
	struct timer *tick;
	struct timer *ping;
	struct timer *janitor;
	uint64_t ndue; /* --rate: packets of the whole run */
	int64_t now;   /* when this event began */
	int64_t heard_at;
	int64_t drain_until; /* 0: not yet draining */
	bool stalled_gone;
};

static bool
is_closed_loop(const struct load *l)
{
	return l->options.rate == 0;
}

/* ---- content */

/* Another place in the pool for each packet. */
static const uint8_t *
body_of(const struct load *l, const struct pair *p, uint64_t seq)
{
	uint64_t x = (seq + 1) * 0x9e3779b97f4a7c15u + p->index * 0x51ed27u;

	if (l->pool == NULL)
		return NULL;
	return l->pool + (x >> 32) % (POOL_SIZE / 2);
}

/* ---- sending */

static int64_t
due_time(const struct load *l, uint64_t i)
{
	return l->bench->started_at +
	    (int64_t)((unsigned __int128)i * NS_PER_S /
		(uint64_t)l->options.rate);
}

/* The time that packet |seq| of the pair carries. */
static int64_t
time_of(const struct load *l, const struct pair *p, uint64_t seq)
{
	if (is_closed_loop(l) || p == l->stalled)
		return l->now;
	return due_time(l, seq * l->npairs + p->index);
}

static bool
has_room(const struct pair *p)
{
	return stream_queued(p->from.wire.stream) < QUEUE_MAX;
}

/* Send |n| packets, or as many as the connection takes. */
static void
pair_send(struct load *l, struct pair *p, uint64_t n)
{
	uint64_t fit = BATCH_BYTES / p->frame.len;

	if (fit == 0)
		fit = 1;
	while (n > 0 && has_room(p)) {
		uint64_t now = n < fit ? n : fit;
		uint8_t *out = l->batch;

		for (uint64_t i = 0; i < now; i++, p->sent++) {
			wire_build(&p->frame, out, p->sent,
			    time_of(l, p, p->sent), body_of(l, p, p->sent));
			out += p->frame.len;
		}
		n -= now;
		if (!stream_write(p->from.wire.stream, l->batch,
			(size_t)(out - l->batch)))
			break;
	}
}

/* The receiver that never reads gets as much as the first pair. */
static void
feed_stalled(struct load *l, uint64_t n)
{
	struct pair *p = l->stalled;

	if (p != NULL && !l->stalled_gone &&
	    stream_queued(p->from.wire.stream) == 0)
		pair_send(l, p, n);
}

/* Packets of the pair that are due by |l->now|. */
static uint64_t
due_count(const struct load *l, const struct pair *p)
{
	uint64_t due =
	    (uint64_t)((unsigned __int128)(l->now - l->bench->started_at) *
		(uint64_t)l->options.rate / NS_PER_S) +
	    1;

	if (due > l->ndue)
		due = l->ndue;
	return due > p->index ? (due - p->index - 1) / l->npairs + 1 : 0;
}

static void
refill(struct load *l, struct pair *p)
{
	uint64_t before = p->sent, want;

	if (p == l->stalled || l->bench->started_at == 0)
		return;
	if (is_closed_loop(l))
		want = l->drain_until != 0
		    ? p->sent
		    : p->done + (uint64_t)l->options.window;
	else
		want = due_count(l, p);
	if (want > p->sent)
		pair_send(l, p, want - p->sent);
	if (p->index == 0)
		feed_stalled(l, p->sent - before);
}

static void
refill_all(struct load *l)
{
	l->now = clock_mono_ns();
	for (size_t i = 0; i < l->npairs; i++)
		refill(l, &l->pairs[i]);
}

/* --rate: what is due now, then the time of what is due next. */
static void
on_tick(void *arg)
{
	struct load *l = arg;
	uint64_t next;

	refill_all(l);
	histogram_add(&l->bench->result.lag, l->now - timer_due(l->tick));
	next = (uint64_t)((unsigned __int128)(l->now - l->bench->started_at) *
		   (uint64_t)l->options.rate / NS_PER_S) +
	    1;
	if (next < l->ndue)
		timer_set_at(l->tick, due_time(l, next));
}

/* ---- the end */

static bool
all_is_in(const struct load *l)
{
	const struct bench_result *r = &l->bench->result;

	for (size_t i = 0; i < l->npairs; i++)
		if (l->pairs[i].next < l->pairs[i].sent ||
		    (!is_closed_loop(l) &&
			l->pairs[i].sent < due_count(l, &l->pairs[i])))
			return false;
	return r->pongs == r->pings;
}

static void
finish_when_drained(struct load *l)
{
	if (l->drain_until != 0 && all_is_in(l))
		bench_finish(l->bench, l->bench->status);
}

static void
on_time(struct bench *b)
{
	struct load *l = b->run;

	for (size_t i = 0; i < l->npairs; i++)
		b->result.received_in_time += l->pairs[i].received;
	timer_cancel(l->ping);
	l->heard_at = clock_mono_ns();
	l->drain_until = l->heard_at + DRAIN_MAX_NS;
	refill_all(l);
	finish_when_drained(l);
}

/* What does not come any more is given up. */
static void
on_janitor(void *arg)
{
	struct load *l = arg;

	timer_set(l->janitor, JANITOR_NS);
	l->now = clock_mono_ns();
	if (l->drain_until != 0 &&
	    (l->now - l->heard_at > QUIET_NS || l->now > l->drain_until)) {
		bench_finish(l->bench, l->bench->status);
		return;
	}
	for (size_t i = 0; i < l->npairs; i++) {
		struct pair *p = &l->pairs[i];

		if (p->sent > p->done && l->now - p->heard_at > FORGIVE_NS) {
			p->done = p->sent;
			p->heard_at = l->now;
			refill(l, p);
		}
	}
}

/* ---- what comes */

static void
on_packet(struct load *l, struct end *e, const struct rk_span *payload)
{
	struct bench_result *r = &l->bench->result;
	struct pair *p = e->pair;
	const uint8_t *data = payload->p + RK_KEY_LEN;
	const uint8_t *body;
	uint64_t seq;
	int64_t time;

	if (p == l->stalled) /* the one of stop_reading() */
		return;
	if (!e->is_receiver || payload->len != RK_KEY_LEN + p->frame.size) {
		r->wrong++;
		return;
	}
	memcpy(&seq, data, sizeof(seq));
	memcpy(&time, data + sizeof(seq), sizeof(time));
	body = body_of(l, p, seq);
	if (seq >= p->sent ||
	    (body != NULL &&
		(memcmp(payload->p, p->from.client.key.b, RK_KEY_LEN) != 0 ||
		    memcmp(data + BENCH_SIZE_MIN, body,
			p->frame.size - BENCH_SIZE_MIN) != 0))) {
		r->wrong++;
		return;
	}
	if (seq < p->next) {
		r->misordered++;
		return;
	}
	p->next = seq + 1;
	if (p->done < p->next)
		p->done = p->next;
	p->received++;
	histogram_add(&r->latency, l->now - time);
}

static void
on_pong(struct load *l, const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data");
	int64_t sent_at;

	memcpy(&sent_at, data.p, sizeof(sent_at));
	/* the Pong of the login has other bytes */
	if (sent_at < l->bench->started_at || sent_at > l->now)
		return;
	l->bench->result.pongs++;
	histogram_add(&l->bench->result.ping, l->now - sent_at);
}

static void
on_other_frame(struct load *l, struct end *e, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	int err = rk_frame_decode(e->wire.dialect, raw, false, &f);

	if (err != RK_OK && err != RK_ERR_UTF8) {
		bench_fail(l->bench, EXIT_CLOSED,
		    "the relay sent a bad frame (type 0x%02x, %zu bytes): %s",
		    raw->type, raw->payload.len, rk_strerror(err));
		return;
	}
	if (f.kind == RK_FRAME_PONG) {
		on_pong(l, &f);
	} else if (f.kind == RK_FRAME_PING) {
		wire_write_eight(&e->wire, RK_FRAME_PONG,
		    rk_frame_field(&f, "data").p);
	} else if (f.kind == RK_FRAME_GONE && e->pair == l->stalled &&
	    !l->stalled_gone) {
		l->stalled_gone = true;
		l->bench->result.stall_gone_ns = l->now - l->bench->started_at;
	}
}

static bool
on_raw_frame(void *arg, const struct rk_raw_frame *raw)
{
	struct end *e = arg;

	if (raw->type == e->load->recv_type && raw->payload.len >= RK_KEY_LEN)
		on_packet(e->load, e, &raw->payload);
	else
		on_other_frame(e->load, e, raw);
	return !e->load->bench->finished;
}

static void
on_input(struct load *l, struct end *e)
{
	struct pair *p = e->pair;
	int err;

	l->now = clock_mono_ns();
	err = wire_read(&e->wire, on_raw_frame, e);
	if (err != RK_OK && err != RK_ERR_AGAIN) {
		bench_fail(l->bench, EXIT_CLOSED,
		    "the relay broke the framing: %s", rk_strerror(err));
		return;
	}
	l->heard_at = l->now;
	if (e->is_receiver)
		p->heard_at = l->now;
	refill(l, p);
	finish_when_drained(l);
}

static void
on_ended(struct load *l, struct end *e)
{
	/* The relay may have given up the receiver that never reads. */
	if (e->pair == l->stalled) {
		l->stalled_gone = true;
		return;
	}
	bench_fail(l->bench,
	    stream_tls_failed(e->wire.stream) ? EXIT_TLS : EXIT_CLOSED,
	    "the relay ended the connection of a %s (%s): %s",
	    e->is_receiver ? "receiver" : "sender",
	    ending_name(stream_ending(e->wire.stream)),
	    stream_error(e->wire.stream));
}

static void
on_stream(void *arg, struct stream *s, enum stream_event event)
{
	struct end *e = arg;
	struct load *l = e->load;

	if (l->bench->finished)
		return;
	switch (event) {
	case STREAM_INPUT:
		on_input(l, e);
		break;
	case STREAM_DRAINED:
		l->now = clock_mono_ns();
		refill(l, e->pair);
		break;
	case STREAM_ENDED:
		on_ended(l, e);
		break;
	case STREAM_SECURED:
	case STREAM_TIMEOUT:
		break;
	}
}

/* ---- --ping */

static void
send_ping(struct load *l, struct end *e)
{
	uint8_t data[8];

	memcpy(data, &l->now, sizeof(data));
	if (wire_write_eight(&e->wire, RK_FRAME_PING, data))
		l->bench->result.pings++;
}

/* Where we are late, Pings are left out. */
static void
on_ping_time(void *arg)
{
	struct load *l = arg;
	int64_t due = timer_due(l->ping);

	l->now = clock_mono_ns();
	for (size_t i = 0; i < l->npairs; i++) {
		send_ping(l, &l->pairs[i].from);
		send_ping(l, &l->pairs[i].to);
	}
	due += ((l->now - due) / l->options.ping_ns + 1) * l->options.ping_ns;
	timer_set_at(l->ping, due);
}

/* ---- the beginning */

static struct bench_client *
client(struct ramp *r, size_t i)
{
	struct load *l = r->bench->run;
	struct pair *p = &l->pairs[i / 2];

	return i % 2 == 0 ? &p->from.client : &p->to.client;
}

static bool
take_over(struct load *l, struct pair *p, struct end *e)
{
	const struct session_config *c = &l->bench->options.session;

	e->load = l;
	e->pair = p;
	e->is_receiver = e == &p->to;
	e->wire.dialect = c->dialect;
	e->wire.carrier = c->to.url.carrier;
	e->wire.stream = session_take_stream(e->client.session, &e->wire.ws);
	e->client.session = NULL;
	if (e->wire.stream == NULL)
		return false;
	stream_set_callback(e->wire.stream, on_stream, e);
	stream_set_input_max(e->wire.stream, INPUT_MAX);
	return true;
}

static void
start(struct load *l)
{
	bench_start_clock(l->bench);
	l->now = l->bench->started_at;
	for (size_t i = 0; i < l->npairs; i++)
		l->pairs[i].heard_at = l->now;
	if (l->options.ping_ns > 0)
		timer_set_at(l->ping, l->now + l->options.ping_ns);
	timer_set(l->janitor, JANITOR_NS);
	if (!is_closed_loop(l)) {
		l->ndue = (uint64_t)((unsigned __int128)l->options.time_ns *
		    (uint64_t)l->options.rate / NS_PER_S);
		timer_set_at(l->tick, l->now);
	} else {
		refill_all(l);
	}
}

/*
 * The receiver stops reading, after a packet of its own to the sender: the
 * relay tells those whom a client has sent to when it is gone.
 */
static void
stop_reading(struct load *l, struct pair *p)
{
	struct wire_template t;
	uint8_t *out = l->batch;

	if (p == NULL)
		return;
	wire_template_init(&t, &p->to.wire, &p->from.client.key,
	    BENCH_SIZE_MIN);
	wire_build(&t, out, 0, 0, NULL);
	stream_write(p->to.wire.stream, out, t.len);
	wire_template_clear(&t);
	stream_pause(p->to.wire.stream);
}

static void
on_all_open(struct ramp *r)
{
	struct load *l = r->bench->run;

	for (size_t i = 0; i < l->nall; i++) {
		struct pair *p = &l->pairs[i];

		if (!take_over(l, p, &p->from) || !take_over(l, p, &p->to)) {
			bench_fail(l->bench, EXIT_CLOSED,
			    "a connection ended before all were open");
			return;
		}
		wire_template_init(&p->frame, &p->from.wire, &p->to.client.key,
		    (size_t)l->options.size);
	}
	stop_reading(l, l->stalled);
	start(l);
}

static void
begin(struct bench *b)
{
	struct load *l = xcalloc(1, sizeof(*l));

	b->run = l;
	l->bench = b;
	l->options = b->options.bench;
	l->npairs = (size_t)l->options.pairs;
	l->nall = l->npairs + l->options.stall;
	l->pairs = xcalloc(l->nall, sizeof(l->pairs[0]));
	for (size_t i = 0; i < l->nall; i++)
		l->pairs[i].index = i;
	if (l->options.stall)
		l->stalled = &l->pairs[l->npairs];
	l->recv_type =
	    rk_frame_spec_by_kind(b->options.session.dialect, RK_FRAME_RECV)
		->type;
	l->batch = xmalloc(BATCH_BYTES +
	    b->options.session.dialect->max_message + RK_WS_HEADER_MAX);
	if (l->options.verify) {
		l->pool = xmalloc(POOL_SIZE);
		rk_random(l->pool, POOL_SIZE);
	}
	l->tick = timer_new(b->loop, on_tick, l);
	l->ping = timer_new(b->loop, on_ping_time, l);
	l->janitor = timer_new(b->loop, on_janitor, l);
	l->ramp = (struct ramp){ .bench = b,
		.n = 2 * l->nall,
		.client = client,
		.on_all_open = on_all_open };
	ramp_start(&l->ramp);
}

/* ---- what came of it */

static void
judge(struct bench *b)
{
	const struct bench_result *r = &b->result;

	if (b->started_at == 0 || b->status != EXIT_OK)
		return;
	if (r->received == 0)
		bench_miss(b, "no packet arrived");
	if (r->wrong > 0)
		bench_miss(b,
		    "%" PRIu64 " packets had other bytes than were "
		    "sent",
		    r->wrong);
	if (r->misordered > 0)
		bench_miss(b, "%" PRIu64 " packets came twice or late",
		    r->misordered);
	if (b->options.bench.verify && r->received < r->sent)
		bench_miss(b, "%" PRIu64 " packets were lost",
		    r->sent - r->received);
	if (r->due > r->sent)
		bench_miss(b,
		    "%" PRIu64 " of %" PRIu64 " packets could not "
		    "be sent",
		    r->due - r->sent, r->due);
	if (r->pongs < r->pings)
		bench_miss(b,
		    "%" PRIu64 " of %" PRIu64 " Pings were not "
		    "answered",
		    r->pings - r->pongs, r->pings);
}

static void
end(struct bench *b)
{
	struct load *l = b->run;
	struct bench_result *r = &b->result;

	for (size_t i = 0; i < l->npairs; i++) {
		r->sent += l->pairs[i].sent;
		r->received += l->pairs[i].received;
	}
	r->due = is_closed_loop(l) ? r->sent : l->ndue;
	if (l->drain_until == 0) { /* it did not come to its time */
		r->due = r->sent;
		r->received_in_time = r->received;
	}
	if (l->stalled != NULL)
		r->stall_sent = l->stalled->sent;
	judge(b);
	ramp_stop(&l->ramp);
	for (size_t i = 0; i < l->nall; i++) {
		stream_free(l->pairs[i].from.wire.stream);
		stream_free(l->pairs[i].to.wire.stream);
		wire_template_clear(&l->pairs[i].frame);
	}
	timer_free(l->tick);
	timer_free(l->ping);
	timer_free(l->janitor);
	free(l->pairs);
	free(l->batch);
	free(l->pool);
	free(l);
}

const struct bench_kind bench_packets = { "packets", begin, on_time, end };
