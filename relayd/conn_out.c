/*
 * Output: the connection's own small frames first, then what others sent,
 * lane by lane, in few vectored writes.  Frames stay in their queue until
 * the stream has taken all it was given before, so that the queue's bound is
 * the receiver's bound.
 */
#include "config.h"

#include "relayd/conn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "codec/frame.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/metrics.h"
#include "relayd/worker.h"

#define BATCH_VECTORS 64
#define BATCH_BYTES   ((size_t)256 << 10)
/* An empty output buffer above this is given back. */
#define OUT_KEEP      512
#define HEADER_MAX    (RK_WS_HEADER_MAX + RK_FRAME_HEADER_MAX)

/*
 * The order of the lanes, by generation (D-06), and what each may take in one
 * batch: so many vectors and bytes with those before it.  The first of
 * packets and disco has a bound, so that its backlog cannot starve what comes
 * behind; but as 0.28 was seen to do it, disco waits until no packet does.
 */
struct lane_turn {
	enum lane lane;
	int vectors;
	size_t bytes;
};

static const struct lane_turn orders[][NLANES] = {
	[GENERATION_028] = {
		{ LANE_GONE, BATCH_VECTORS - 2, BATCH_BYTES },
		{ LANE_PACKETS, BATCH_VECTORS - 2, BATCH_BYTES },
		{ LANE_DISCO, BATCH_VECTORS - 2, BATCH_BYTES },
	},
	[GENERATION_035] = {
		{ LANE_DISCO, BATCH_VECTORS / 2, BATCH_BYTES / 2 },
		{ LANE_PACKETS, BATCH_VECTORS * 3 / 4, BATCH_BYTES / 4 },
		{ LANE_GONE, BATCH_VECTORS - 2, BATCH_BYTES },
	},
	[GENERATION_BOTH] = {
		{ LANE_GONE, BATCH_VECTORS - 2, BATCH_BYTES },
		{ LANE_PACKETS, BATCH_VECTORS * 3 / 4, BATCH_BYTES / 2 },
		{ LANE_DISCO, BATCH_VECTORS - 2, BATCH_BYTES },
	},
};

static const enum metrics_queue queue_of[NLANES] = {
	[LANE_GONE] = QUEUE_GONE,
	[LANE_PACKETS] = QUEUE_PACKETS,
	[LANE_DISCO] = QUEUE_DISCO,
};

/* ---- frames ---- */

static void
ws_header(uint8_t opcode, size_t len, struct rk_writer *w)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.payload_len = len };

	rk_ws_write_header(&h, w);
}

void
conn_frame_header(const struct conn *c, uint32_t type, size_t payload_len,
    struct rk_writer *w)
{
	const struct rk_dialect *d = c->worker->conf->dialect;
	enum rk_header_form form = d->header[c->carrier];
	uint8_t buf[RK_FRAME_HEADER_MAX];
	struct rk_writer header;

	rk_writer_init(&header, buf, sizeof(buf));
	rk_frame_header(form, type, payload_len, &header);
	if (c->carrier == RK_CARRIER_WS)
		ws_header(RK_WS_BINARY, header.len + payload_len, w);
	rk_write_bytes(w, buf, header.len);
	FAULT(HOOK_HEADER, .c = (struct conn *)(uintptr_t)c, .type = type,
	    .len = payload_len, .out = w);
}

/* Append a header and bytes to the connection's own output. */
static bool
write_out(struct conn *c, const struct rk_writer *header, const void *p,
    size_t len)
{
	uint8_t *out = conn_out(c, header->len + len);

	if (out == NULL)
		return false;
	memcpy(out, header->buf, header->len);
	if (len > 0)
		memcpy(out + header->len, p, len);
	return true;
}

bool
conn_write_frame(struct conn *c, const struct rk_frame_spec *spec,
    const void *payload, size_t len)
{
	uint8_t buf[HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	conn_frame_header(c, spec->type, len, &w);
	return write_out(c, &w, payload, len);
}

bool
conn_write_ws(struct conn *c, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t buf[HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	ws_header(opcode, len, &w);
	return write_out(c, &w, payload, len);
}

/* ---- what the router brings ---- */

static bool
has_room(struct conn *c, enum lane lane, size_t len)
{
	const struct conf *conf = c->worker->conf;
	const struct sendq_limits limits = { .frames =
						 (size_t)conf->queue_packets,
		.bytes = (size_t)conf->queue_bytes };

	if (!sendq_is_full(&c->lane[lane], &limits, len))
		return true;
	/* One turn can bring more than the queue holds: a receiver that
	 * keeps up must not lose any of it. */
	conn_flush(c);
	return !sendq_is_full(&c->lane[lane], &limits, len) ||
	    FAULT(HOOK_FULL, .c = c, .queue = &c->lane[lane], .lane = lane);
}

static bool
push(struct conn *c, enum lane lane, const struct sendq_frame *f)
{
	if (!c->write_failed && sendq_push(&c->lane[lane], f)) {
		FAULT(HOOK_QUEUED, .c = c, .queue = &c->lane[lane],
		    .lane = lane);
		conn_touch(c);
		return true;
	}
	free(f->own);
	return false;
}

/* A copy of its own, where the header does not fit in front. */
static bool
push_copy(struct conn *c, enum lane lane, const struct rk_writer *header,
    const void *body, size_t len, size_t data_len)
{
	uint8_t *p = malloc(header->len + len);
	struct sendq_frame f = { .bytes = p,
		.own = p,
		.len = (uint32_t)(header->len + len),
		.data_len = (uint32_t)data_len };

	if (p == NULL)
		return false;
	memcpy(p, header->buf, header->len);
	memcpy(p + header->len, body, len);
	return push(c, lane, &f);
}

static struct conn *
conn_of(struct endpoint *ep)
{
	return (struct conn *)ep; /* its first member */
}

/* The header that a raw packet came with differs in its type alone. */
static void
reframe(const struct conn *c, const struct lent_packet *p, struct rk_writer *w)
{
	memcpy(w->buf, p->body - RK_TLV32_LEN, RK_TLV32_LEN);
	w->buf[0] = (uint8_t)c->worker->recv->type;
	w->len = RK_TLV32_LEN;
	FAULT(HOOK_HEADER, .c = (struct conn *)(uintptr_t)c,
	    .type = c->worker->recv->type, .len = p->len, .out = w);
}

/* Once until all of it has gone out (D-15). */
static void
log_full(struct conn *c, enum lane lane)
{
	static struct log_limit limit = { .burst = 1 };

	if (!c->full)
		conn_log(c, &limit, LOG_INFO, "queue-full queue=%s key=%s",
		    lane == LANE_DISCO ? "disco" : "packets", conn_key_text(c));
	c->full = true;
}

static bool
on_packet(struct endpoint *to, const struct rk_key *from,
    const struct lent_packet *p)
{
	struct conn *c = conn_of(to);
	enum lane lane = p->disco ? LANE_DISCO : LANE_PACKETS;
	uint8_t buf[HEADER_MAX];
	struct rk_writer w;

	if (FAULT(HOOK_DELIVER, .c = c, .source = &from,
		.packet = (struct lent_packet *)(uintptr_t)p))
		return true;
	rk_writer_init(&w, buf, sizeof(buf));
	if (p->framed && c->carrier == RK_CARRIER_RAW)
		reframe(c, p, &w);
	else
		conn_frame_header(c, c->worker->recv->type, p->len, &w);
	if (!has_room(c, lane, w.len + p->len)) {
		metrics_up(&c->worker->metrics.queue_dropped[queue_of[lane]]);
		log_full(c, lane);
		return false;
	}
	memcpy(p->body, from->b, sizeof(from->b));
	if (w.len > p->room)
		return push_copy(c, lane, &w, p->body, p->len,
		    p->len - sizeof(from->b));
	memcpy(p->body - w.len, buf, w.len);
	return push(c, lane,
	    &(struct sendq_frame){ .bytes = p->body - w.len,
		.len = (uint32_t)(w.len + p->len),
		.data_len = (uint32_t)(p->len - sizeof(from->b)) });
}

static void
on_gone(struct endpoint *to, const struct rk_key *who)
{
	struct conn *c = conn_of(to);
	struct metrics *m = &c->worker->metrics;
	uint8_t buf[HEADER_MAX];
	struct rk_writer w;

	if (FAULT(HOOK_GONE, .c = c, .source = &who))
		return;
	rk_writer_init(&w, buf, sizeof(buf));
	conn_frame_header(c, c->worker->gone->type, sizeof(who->b), &w);
	if (has_room(c, LANE_GONE, w.len + sizeof(who->b)) &&
	    push_copy(c, LANE_GONE, &w, who->b, sizeof(who->b), 0)) {
		metrics_up(&m->other_packets_sent);
	} else {
		metrics_up(&m->other_packets_dropped);
		metrics_up(&m->queue_dropped[QUEUE_GONE]);
	}
}

static void
on_replaced(struct endpoint *old)
{
	if (FAULT(HOOK_REPLACED, .c = conn_of(old)))
		return;
	conn_close(conn_of(old), ENDING_REPLACED, NULL);
}

const struct endpoint_ops conn_endpoint_ops = {
	.on_packet = on_packet,
	.on_gone = on_gone,
	.on_replaced = on_replaced,
};

/* ---- flushing ---- */

struct batch {
	struct iovec v[BATCH_VECTORS];
	int n;
	size_t bytes;
	uint32_t frames[NLANES];
	uint64_t data; /* bytes of packets */
	uint8_t beat[HEADER_MAX + CONN_NONCE_LEN];
};

static void
add_bytes(struct batch *b, const void *p, size_t len)
{
	struct iovec *last = b->n > 0 ? &b->v[b->n - 1] : NULL;

	b->bytes += len;
	if (last != NULL &&
	    (const uint8_t *)last->iov_base + last->iov_len ==
		(const uint8_t *)p) {
		last->iov_len += len;
		return;
	}
	/* An iovec is not const, but is only read from. */
	b->v[b->n++] =
	    (struct iovec){ .iov_base = (void *)(uintptr_t)p, .iov_len = len };
}

static void
add_lane(struct batch *b, const struct sendq *q, const struct lane_turn *turn)
{
	size_t stop = b->bytes + turn->bytes;
	uint32_t i = 0;

	if (stop > BATCH_BYTES)
		stop = BATCH_BYTES;
	while (i < q->count && b->n < turn->vectors && b->bytes < stop) {
		const struct sendq_frame *f = sendq_at(q, i++);

		add_bytes(b, f->bytes, f->len);
		b->data += f->data_len;
	}
	b->frames[turn->lane] = i;
}

static void
add_lanes(struct batch *b, const struct conn *c)
{
	const struct lane_turn *order = orders[c->worker->conf->generation];

	for (int i = 0; i < NLANES; i++)
		add_lane(b, &c->lane[order[i].lane], &order[i]);
}

/* The one whose write failed: 0.35 writes them one by one, and of those
 * behind it counts none (D-26). */
static void
count_failed(struct metrics *m, const uint32_t *n)
{
	if (n[LANE_DISCO] > 0)
		metrics_up(&m->disco_packets_dropped);
	else if (n[LANE_PACKETS] > 0)
		metrics_up(&m->send_packets_dropped);
}

void
conn_count_written(struct conn *c, bool written)
{
	struct metrics *m = &c->worker->metrics;
	const uint32_t *n = c->under_way;

	if (c->worker->conf->generation == GENERATION_035 && written) {
		metrics_up_by(&m->send_packets_sent, n[LANE_PACKETS]);
		metrics_up_by(&m->disco_packets_sent, n[LANE_DISCO]);
	} else if (c->worker->conf->generation == GENERATION_035) {
		count_failed(m, n);
	}
	memset(c->under_way, 0, sizeof(c->under_way));
}

/* Give the stream one batch; false if there is nothing to give. */
static bool
write_batch(struct conn *c)
{
	struct metrics *m = &c->worker->metrics;
	struct rk_writer beat;
	uint32_t packets;
	/* A kilobyte that is not read before it is written. */
	struct batch b UNINITIALIZED;

	b.n = 0;
	b.bytes = 0;
	b.data = 0;
	if (c->out.len > 0)
		add_bytes(&b, c->out.p, c->out.len);
	add_lanes(&b, c);
	rk_writer_init(&beat, b.beat, sizeof(b.beat));
	if (conn_live_write(c, &beat))
		add_bytes(&b, b.beat, beat.len);
	if (b.n == 0)
		return false;
	metrics_up_by(&m->bytes_sent, b.data);
	packets = b.frames[LANE_PACKETS] + b.frames[LANE_DISCO];
	if (packets > 0)
		histogram_add(&m->write_packets, WRITE_PACKETS_SHIFT, packets);
	c->write_failed = !stream_writev(c->stream, b.v, b.n);
	c->out.len = 0;
	memcpy(c->under_way, b.frames, sizeof(c->under_way));
	if (c->write_failed)
		conn_count_written(c, false);
	else if (stream_queued(c->stream) == 0)
		conn_count_written(c, true);
	for (int i = 0; i < NLANES; i++)
		sendq_pop(&c->lane[i], b.frames[i]);
	return true;
}

static void
own_lent(struct conn *c)
{
	for (int i = 0; i < NLANES; i++) {
		metrics_up_by(&c->worker->metrics.queue_dropped[queue_of[i]],
		    sendq_own(&c->lane[i]));
		c->worker->freed += sendq_end_backlog(&c->lane[i]);
	}
}

/* Read on, now that the own output has gone out. */
static void
end_stall(struct conn *c)
{
	c->stalled = false;
	conn_resume(c);
}

/* Everything has been given to the kernel. */
static void
on_flushed(struct conn *c)
{
	c->full = false;
	if (c->out.cap > OUT_KEEP) {
		free(c->out.p);
		c->out = (struct outbuf){ 0 };
	}
	if (c->state == CONN_FLUSHING) {
		/* With close_notify over TLS, which the reference leaves out
		 * once a connection is upgraded (section 4.3): a client can
		 * tell this end from one that somebody in between made. */
		stream_shut(c->stream);
		conn_close(c, ENDING_NONE, NULL);
	} else if (c->state == CONN_LINGER && !c->shut) {
		c->shut = true;
		stream_shut(c->stream);
	} else if (c->stalled) {
		end_stall(c);
	}
}

void
conn_flush(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	if (stream_queued(c->stream) == 0)
		conn_count_written(c, true); /* it was blocked until now */
	while (
	    !c->write_failed && stream_queued(c->stream) == 0 && write_batch(c))
		;
	own_lent(c);
	if (c->write_failed && c->state == CONN_FLUSHING)
		conn_close(c, ENDING_NONE, NULL);
	else if (stream_queued(c->stream) == 0)
		on_flushed(c);
	else if (stream_blocked_since(c->stream) != c->blocked_since)
		conn_watch_output(c);
}
