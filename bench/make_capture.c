/*
 * A large capture of a relay at work, as it would be taken on the relay's
 * machine with an MTU of 1500: clients log in, then each sends packets to the
 * next one, the relay passes them on, everybody acknowledges.  Packets come
 * one at a time, as at a rate that all can keep; or in bursts, as under load,
 * where a segment's end is not a frame's and every other segment is
 * acknowledged.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/frame.h"
#include "codec/login.h"

#define MSS      1448
#define PORT     3340
#define CLIENTS  64
#define HEADERS  54 /* Ethernet, IPv4, TCP */
#define STEP_NS  1500
#define BURST    64    /* at most */
#define DATA_MAX 8192  /* bytes */
#define RELAY_NS 90000 /* that a packet stays in the relay */

struct client {
	struct rk_secret_key secret;
	struct rk_key key;
	uint32_t seq[2]; /* of the client, of the relay */
	unsigned port;
};

struct maker {
	FILE *out;
	const struct rk_dialect *dialect;
	struct client client[CLIENTS];
	int64_t now_ns;
	uint64_t bytes;
	unsigned id;
};

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Ethernet | IPv4 | TCP; checksums are the network card's. */
static void
put_headers(struct maker *m, uint8_t *h, const struct client *c, bool back,
    unsigned flags, size_t len)
{
	memset(h, 0, HEADERS);
	h[5] = back;
	h[11] = !back;
	put16(h + 12, 0x0800);
	h[14] = 0x45;
	put16(h + 16, (unsigned)(40 + len));
	put16(h + 18, m->id++ & 0xffff);
	put16(h + 20, 0x4000);
	h[22] = 64;
	h[23] = 6;
	put32(h + 26, back ? 0xc0000201 : 0xc0000264);
	put32(h + 30, back ? 0xc0000264 : 0xc0000201);
	put16(h + 34, back ? PORT : c->port);
	put16(h + 36, back ? c->port : PORT);
	put32(h + 38, c->seq[back]);
	put32(h + 42, c->seq[!back]);
	h[46] = 5 << 4;
	h[47] = (uint8_t)flags;
	put16(h + 48, 0xffff);
}

static void
packet(struct maker *m, struct client *c, bool back, unsigned flags,
    const void *p, size_t len)
{
	uint32_t record[4] = { (uint32_t)(m->now_ns / NS_PER_S),
		(uint32_t)(m->now_ns % NS_PER_S), (uint32_t)(HEADERS + len),
		(uint32_t)(HEADERS + len) };
	uint8_t h[HEADERS];

	put_headers(m, h, c, back, flags, len);
	fwrite(record, sizeof(record), 1, m->out);
	fwrite(h, sizeof(h), 1, m->out);
	if (len > 0)
		fwrite(p, 1, len, m->out);
	c->seq[back] += (uint32_t)len + ((flags & 3) != 0);
	m->bytes += sizeof(record) + HEADERS + len;
	m->now_ns += STEP_NS;
}

static void
segments(struct maker *m, struct client *c, bool back, const void *p,
    size_t len)
{
	const uint8_t *at = p;
	unsigned sent = 0;

	while (len > 0) {
		size_t n = len < MSS ? len : MSS;

		packet(m, c, back, n < len ? 0x10 : 0x18, at, n);
		at += n;
		len -= n;
		if (++sent % 2 == 0 || len == 0)
			packet(m, c, !back, 0x10, NULL, 0);
	}
}

static void
login(struct maker *m, struct client *c)
{
	static const char ask[] =
	    "GET /relay HTTP/1.1\r\nHost: relay.example\r\n"
	    "Connection: Upgrade\r\nUpgrade: iroh derp http\r\n\r\n";
	static const char answer[] =
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Connection: Upgrade\r\nUpgrade: iroh derp http\r\n\r\n";
	struct rk_login_params params = { .secret = &c->secret,
		.carrier = RK_CARRIER_RAW };
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	struct rk_login l;

	packet(m, c, false, 0x02, NULL, 0);
	packet(m, c, true, 0x12, NULL, 0);
	packet(m, c, false, 0x10, NULL, 0);
	segments(m, c, false, ask, sizeof(ask) - 1);
	segments(m, c, true, answer, sizeof(answer) - 1);
	rk_writer_init(&w, buf, sizeof(buf));
	rk_login_init(&l, m->dialect, RK_CLIENT, &params);
	rk_login_start(&l, &w);
	segments(m, c, false, buf, w.len);
}

static size_t
make_frame(struct maker *m, uint8_t *out, size_t size, enum rk_frame_kind kind,
    const struct rk_key *key, const uint8_t *data, size_t len)
{
	struct rk_writer w;
	struct rk_frame f;

	rk_writer_init(&w, out, size);
	rk_frame_init(&f, rk_frame_spec_by_kind(m->dialect, kind));
	rk_frame_set(&f, "key", key->b, sizeof(key->b));
	rk_frame_set(&f, "data", data, len);
	rk_frame_encode(m->dialect, RK_HEADER_TLV32, &f, RK_STRICT, &w);
	return w.len;
}

/* Filled with what differs every time, and is no disco. */
static void
fill(uint8_t *data, size_t len)
{
	static uint64_t state = 1;

	for (size_t i = 0; i < len; i += sizeof(state)) {
		state = state * UINT64_C(6364136223846793005) + 1;
		memcpy(data + i, &state, sizeof(state));
	}
	data[0] |= 0x80;
}

/* Packets from |a| to |b|, written at once by either. */
static void
relay(struct maker *m, struct client *a, struct client *b, size_t len,
    unsigned burst)
{
	static uint8_t data[BURST][DATA_MAX], frames[BURST * (DATA_MAX + 64)];
	size_t n = 0;

	for (unsigned i = 0; i < burst; i++) {
		fill(data[i], len);
		n += make_frame(m, frames + n, sizeof(frames) - n,
		    RK_FRAME_SEND, &b->key, data[i], len);
	}
	segments(m, a, false, frames, n);
	m->now_ns += RELAY_NS;
	n = 0;
	for (unsigned i = 0; i < burst; i++)
		n += make_frame(m, frames + n, sizeof(frames) - n,
		    RK_FRAME_RECV, &a->key, data[i], len);
	segments(m, b, true, frames, n);
}

static void
begin(struct maker *m)
{
	const uint32_t head[6] = { 0xa1b23c4d, 4u << 16 | 2, 0, 0, 262144, 1 };

	fwrite(head, sizeof(head), 1, m->out);
	m->now_ns = INT64_C(1700000000) * NS_PER_S;
	for (unsigned i = 0; i < CLIENTS; i++) {
		struct client *c = &m->client[i];
		uint8_t seed[RK_SEED_LEN] = { (uint8_t)(i + 1) };

		c->port = 40000 + i;
		rk_secret_key_from_seed(&c->secret, seed);
		rk_secret_key_public(&c->secret, &c->key);
		login(m, c);
	}
}

int
main(int argc, char **argv)
{
	static struct maker m;
	uint64_t wanted = 0;
	size_t len = 0, burst = 0;

	if (argc == 5) {
		wanted = strtoull(argv[2], NULL, 10);
		len = strtoull(argv[3], NULL, 10);
		burst = strtoull(argv[4], NULL, 10);
	}
	if (wanted == 0 || len < 8 || len > DATA_MAX || len % 8 != 0 ||
	    burst < 1 || burst > BURST || rk_keys_init() != RK_OK) {
		fprintf(stderr,
		    "usage: make_capture FILE BYTES LENGTH BURST\n"
		    "LENGTH is that of the packets, a multiple of 8; BURST of "
		    "them come at a time\n");
		return 2;
	}
	m.dialect = rk_dialect_by_id("iroh-v3");
	m.out = fopen(argv[1], "wb");
	if (m.out == NULL) {
		perror(argv[1]);
		return 1;
	}
	begin(&m);
	for (unsigned i = 0; m.bytes < wanted; i++)
		relay(&m, &m.client[i % CLIENTS], &m.client[(i + 1) % CLIENTS],
		    len, (unsigned)burst);
	if (ferror(m.out) || fclose(m.out) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
