/*
 * The segments of TCP connections.  The input is a list of steps of eight
 * bytes: segments of any sequence number, length, flags and time, and
 * acknowledgements.  Once they go to one direction, against a model that
 * knows for each byte of the stream which segment claimed it first; then to
 * a whole connection, as segments of both ends.
 *
 *     held u8: how much may wait, in units of 64 bytes | start u8
 *     step u8: enum step_bits | seq u32 LE | length u16 LE | delay u8
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/flow.h"
#include "codec/keys.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEP_SIZE 8
#define STEPS_MAX 256
#define LEN_MAX   4095
#define PAST_MAX  (32u << 10) /* bytes of a direction kept for comparing */
#define FAR_AWAY  (1 << 30)   /* bytes; nothing of a connection is so far */

enum step_bits {
	STEP_ACK = 0x01,   /* the other side acknowledges |seq| */
	STEP_FAR = 0x02,   /* |seq| as it is, else 16 bits behind the start */
	STEP_OTHER = 0x04, /* other bytes than at the same place elsewhere */
	STEP_CUT = 0x08,   /* half of its bytes were not captured */
	STEP_FIN = 0x10,
	STEP_SYN = 0x20,
	STEP_RST = 0x40, /* for the connection only */
	STEP_BACK = 0x80 /* the other end's */
};

/* A segment that the stream had to take. */
struct claim {
	uint64_t off;
	size_t len;
	size_t wire;
	uint32_t seq;
	bool other;
};

struct model {
	struct claim claims[STEPS_MAX];
	size_t n;
	bool begun;
	uint32_t start; /* sequence number of the first byte */
	uint64_t at;    /* so much has come out */
	bool fin_known;
	uint64_t fin;
	unsigned fins;
	/* of the call in progress */
	uint64_t packet;
	int64_t time_ns;
	unsigned wrong;
	bool data;
};

static uint8_t
byte_of(uint32_t seq, bool other)
{
	return (uint8_t)(seq * 7 + (seq >> 8)) ^ (other ? 0xff : 0);
}

/* ---- what comes out, against the model ---- */

static const struct claim *
first_claim(const struct model *m, uint64_t off)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct claim *c = &m->claims[i];

		if (off >= c->off && off - c->off < c->wire)
			return c;
	}
	return NULL;
}

static void
require_now(const struct model *m, int64_t time_ns, uint64_t packet)
{
	REQUIRE(time_ns == m->time_ns && packet == m->packet);
}

/* In order, and of two copies the first. */
static void
on_data(void *arg, const uint8_t *p, size_t len, int64_t time_ns,
    uint64_t packet)
{
	struct model *m = arg;

	require_now(m, time_ns, packet);
	REQUIRE(len > 0);
	for (size_t i = 0; i < len; i++, m->at++) {
		const struct claim *c = first_claim(m, m->at);

		REQUIRE(c != NULL && m->at - c->off < c->len);
		REQUIRE(p[i] ==
		    byte_of(c->seq + (uint32_t)(m->at - c->off), c->other));
	}
	m->data = true;
}

/* Of bytes that nobody sent, and then it was said; or that were sent first
 * in a packet of which the file has only a part. */
static void
on_gap(void *arg, uint64_t len, int64_t time_ns, uint64_t packet)
{
	struct model *m = arg;
	const struct claim *c = first_claim(m, m->at);
	uint64_t end = m->at + len;

	require_now(m, time_ns, packet);
	REQUIRE(len > 0);
	if (c != NULL) {
		for (; m->at < end; m->at++) {
			c = first_claim(m, m->at);
			REQUIRE(c != NULL && m->at - c->off >= c->len);
		}
		return;
	}
	REQUIRE(m->wrong > 0);
	for (size_t i = 0; i < m->n; i++)
		REQUIRE(m->claims[i].off >= end ||
		    m->claims[i].off + m->claims[i].wire <= m->at);
	m->at = end;
}

static void
on_fin(void *arg, int64_t time_ns, uint64_t packet)
{
	struct model *m = arg;

	require_now(m, time_ns, packet);
	REQUIRE(m->fin_known && m->at >= m->fin && m->fins++ == 0);
}

static void
on_remark(void *arg, enum remark_level level, int64_t time_ns, uint64_t packet,
    const char *text)
{
	struct model *m = arg;

	require_now(m, time_ns, packet);
	REQUIRE(text[0] != '\0');
	m->wrong += level == REMARK_WRONG;
}

/* ---- one direction ---- */

struct step {
	unsigned bits;
	uint32_t seq;
	size_t wire;
	size_t len;
	int64_t delay_ns;
};

static struct step
step_of(const uint8_t *p, uint32_t start)
{
	struct step s = { .bits = p[0],
		.seq = (uint32_t)p[1] | (uint32_t)p[2] << 8,
		.wire = ((size_t)p[5] | (size_t)p[6] << 8) & LEN_MAX,
		.delay_ns = (int64_t)p[7] * 50 * 1000 * 1000 };

	if ((s.bits & STEP_FAR) != 0)
		s.seq |= (uint32_t)p[3] << 16 | (uint32_t)p[4] << 24;
	else
		s.seq += start;
	s.len = (s.bits & STEP_CUT) != 0 ? s.wire / 2 : s.wire;
	return s;
}

static struct segment
segment_of(const struct step *s, uint8_t bytes[LEN_MAX])
{
	uint32_t first = s->seq + ((s->bits & STEP_SYN) != 0);

	for (size_t i = 0; i < s->len; i++)
		bytes[i] =
		    byte_of(first + (uint32_t)i, (s->bits & STEP_OTHER) != 0);
	return (struct segment){ .seq = s->seq,
		.flags = (uint8_t)(((s->bits & STEP_FIN) != 0 ? TCP_FIN : 0) |
		    ((s->bits & STEP_SYN) != 0 ? TCP_SYN : 0)),
		.data = { bytes, s->len, s->wire } };
}

/* Where a segment of the model's stream lies; false: nowhere in it. */
static bool
place(struct model *m, const struct step *s, struct claim *c)
{
	int64_t far;

	c->seq = s->seq + ((s->bits & STEP_SYN) != 0);
	if (!m->begun)
		m->start = c->seq;
	m->begun = true;
	far = (int32_t)(c->seq - (m->start + (uint32_t)m->at));
	if (far > FAR_AWAY || far < -FAR_AWAY ||
	    (far < 0 && (uint64_t)-far > m->at))
		return false;
	c->off = m->at + (uint64_t)far;
	c->len = s->len;
	c->wire = s->wire;
	c->other = (s->bits & STEP_OTHER) != 0;
	return true;
}

/* Does it bring other bytes for a place whose first ones still wait? */
static bool
contradicts(const struct model *m, const struct claim *new)
{
	for (uint64_t off = new->off; off < new->off + new->len; off++) {
		const struct claim *c = first_claim(m, off);

		if (off >= m->at && c != NULL && off - c->off < c->len &&
		    c->other != new->other)
			return true;
	}
	return false;
}

/* What a segment has behind the FIN is none of the stream's; true: that has to
 * be said.  (A keep-alive probe may have the FIN's place, and a byte.) */
static bool
clip_to_fin(const struct model *m, struct claim *c)
{
	uint64_t fits, behind;

	if (!m->fin_known || c->off + c->wire <= m->fin)
		return false;
	fits = c->off < m->fin ? m->fin - c->off : 0;
	behind = c->wire - fits;
	c->wire = (size_t)fits;
	if (c->len > c->wire)
		c->len = c->wire;
	return c->off != m->fin || behind != 1;
}

static void
feed_segment(struct tcp_stream *s, struct model *m, const struct step *step)
{
	uint8_t bytes[LEN_MAX];
	struct segment seg = segment_of(step, bytes);
	struct claim c = { 0 };
	bool known = place(m, step, &c), conflict = false, clipped = false;
	uint64_t was = m->at;

	seg.time_ns = m->time_ns;
	seg.packet = m->packet;
	if (known) {
		if ((step->bits & STEP_FIN) != 0 && !m->fin_known) {
			m->fin_known = true;
			m->fin = c.off + c.wire;
		}
		clipped = c.wire > 0 && clip_to_fin(m, &c);
		conflict = contradicts(m, &c);
		if (c.wire > 0)
			m->claims[m->n++] = c;
	}
	tcp_stream_segment(s, &seg);
	REQUIRE(!(conflict || clipped) || m->wrong > 0);
	REQUIRE(known || (m->at == was && !m->data));
}

static void
feed_step(struct tcp_stream *s, struct model *m, const struct step *step,
    size_t max_held)
{
	m->packet++;
	m->time_ns += step->delay_ns;
	m->wrong = 0;
	m->data = false;
	if ((step->bits & STEP_ACK) != 0)
		tcp_stream_acked(s, step->seq, m->time_ns, m->packet);
	else
		feed_segment(s, m, step);
	REQUIRE(tcp_stream_begun(s) == m->begun);
	REQUIRE(tcp_stream_past(s) <= PAST_MAX);
	REQUIRE(tcp_stream_held(s) - tcp_stream_past(s) <= max_held);
}

static void
run_stream(const uint8_t *p, size_t n, uint32_t start, size_t max_held)
{
	static struct model m;
	const struct tcp_sink sink = { &m, on_data, on_gap, on_fin, on_remark };
	struct tcp_stream *s = tcp_stream_new(&sink, max_held);

	m = (struct model){ 0 };
	for (size_t i = 0; i < n; i++) {
		struct step step = step_of(p + i * STEP_SIZE, start);

		feed_step(s, &m, &step, max_held);
	}
	m.packet++;
	m.wrong = 0;
	tcp_stream_finish(s, m.time_ns, m.packet);
	/* Everything that was sent is out, or was called missing. */
	for (size_t i = 0; i < m.n; i++)
		REQUIRE(m.claims[i].off + m.claims[i].wire <= m.at);
	REQUIRE(m.fins == m.fin_known);
	REQUIRE(tcp_stream_held(s) == tcp_stream_past(s));
	tcp_stream_forget_past(s);
	REQUIRE(tcp_stream_held(s) == 0);
	tcp_stream_free(s);
}

/* ---- a connection ---- */

struct said {
	struct transcript *t;
	uint64_t packet; /* the last that was given */
	unsigned wrong;
};

static void
on_flow_remark(void *arg, enum remark_level level, int conn, int64_t time_ns,
    uint64_t packet, const char *text)
{
	struct said *said = arg;

	REQUIRE(conn == 0 && packet <= said->packet && text[0] != '\0');
	said->wrong += level == REMARK_WRONG;
}

/* Both directions end once at most, nothing comes behind its end, and what
 * is missing was said. */
static void
check_events(const struct said *said)
{
	bool ended[2] = { false, false };

	for (size_t i = 0; i < said->t->nevents; i++) {
		const struct event *e = &said->t->events[i];

		REQUIRE(e->conn == 0 && e->packet <= said->packet);
		if (e->kind == EVENT_GAP)
			REQUIRE(said->wrong > 0);
		if (e->kind == EVENT_OPENED || e->kind == EVENT_REMARK)
			continue;
		REQUIRE(!ended[e->dir]);
		ended[e->dir] = e->kind == EVENT_ENDED;
	}
}

static void
run_flow(const uint8_t *p, size_t n, uint32_t start, size_t max_held)
{
	static const struct endpoint ends[2] = { { 4, { 127, 0, 0, 1 }, 40000 },
		{ 4, { 127, 0, 0, 1 }, 80 } };
	static struct tls_context tls;
	struct said said = { .t = transcript_new() };
	struct flow_context c = { .t = said.t,
		.dialect = rk_dialects()[0],
		.tls = &tls,
		.max_flow_bytes = max_held,
		.remark = on_flow_remark,
		.arg = &said };
	uint8_t bytes[LEN_MAX];
	struct flow *f = NULL;
	int64_t time_ns = 0;

	for (size_t i = 0; i < n; i++) {
		struct step step = step_of(p + i * STEP_SIZE, start);
		struct segment seg = segment_of(&step, bytes);
		bool back = (step.bits & STEP_BACK) != 0;

		seg.src = ends[back];
		seg.dst = ends[!back];
		seg.ack = (step.bits & STEP_ACK) != 0 ? step.seq : 0;
		seg.flags |= (step.bits & STEP_ACK) != 0 ? TCP_ACK : 0;
		seg.flags |= (step.bits & STEP_RST) != 0 ? TCP_RST : 0;
		seg.time_ns = time_ns += step.delay_ns;
		seg.packet = ++said.packet;
		seg.hash = said.packet;
		if (f == NULL)
			f = flow_new(&c, &seg);
		flow_segment(f, &seg);
		REQUIRE(flow_spare(f) <= 2 * PAST_MAX);
		REQUIRE(flow_spare(f) <= flow_held(f));
	}
	if (f != NULL)
		flow_release_spare(f);
	REQUIRE(f == NULL || flow_spare(f) == 0);
	flow_free(f);
	check_events(&said);
	transcript_free(said.t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = size < 2 ? 0 : (size - 2) / STEP_SIZE;
	size_t max_held;
	uint32_t start;

	if (n == 0)
		return 0;
	REQUIRE(rk_keys_init() == RK_OK);
	if (n > STEPS_MAX)
		n = STEPS_MAX;
	max_held = (size_t)data[0] * 64;
	start = (uint32_t)data[1] << 24 | 0xfff000; /* of 255: numbers wrap */
	run_stream(data + 2, n, start, max_held);
	run_flow(data + 2, n, start, max_held);
	return 0;
}
