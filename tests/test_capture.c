/* Whole captures, from file to transcript. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "capture/capture.h"
#include "capture/ip.h"
#include "capture/pcap_file.h"
#include "codec/keys.h"
#include "manifest.h"
#include "packets.h"
#include "support.h"

#define CLIENT 40000
#define SERVER 3340

/* One line an event, with or without microseconds. */
static char *
describe(const struct transcript *t, bool remarks, bool times)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->kind == EVENT_REMARK && !remarks)
			continue;
		text_addf(&out, "%lld %d %s %s %zu ",
		    times ? (long long)e->time_ns / 1000 : 0, e->conn,
		    direction_name(e->dir), event_what(e), e->len);
		if (e->kind == EVENT_REMARK || e->kind == EVENT_OPENED)
			text_add(&out, e->text);
		else if (e->bytes != NULL)
			text_add_hex(&out, e->bytes, e->len);
		if (e->kind == EVENT_ENDED)
			text_add(&out, ending_name(e->ending));
		text_add(&out, "\n");
	}
	return text_take(&out);
}

struct reading {
	struct transcript *t;
	struct capture_summary sum;
	int result;
	char err[256];
};

static struct reading
read_with(const char *path, const struct capture_options *o)
{
	struct reading r = { .t = transcript_new(), .err = "" };

	r.result = capture_read(path, o, r.t, &r.sum, r.err, sizeof(r.err));
	return r;
}

static struct reading
read_path(const char *path)
{
	struct capture_options o;

	capture_options_default(&o);
	return read_with(path, &o);
}

static struct reading
read_blob(const struct blob *b)
{
	return read_path(blob_file(b));
}

static size_t
count(const struct transcript *t, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += strcmp(event_what(&t->events[i]), what) == 0;
	return n;
}

static size_t
count_remarks(const struct transcript *t, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += t->events[i].kind == EVENT_REMARK &&
		    strstr(t->events[i].text, text) != NULL;
	return n;
}

/* ---- a connection made by hand ---- */

struct wire {
	struct blob b;
	int64_t now_ns;
	uint32_t seq[2];
	unsigned id;
	size_t packets;
};

static void
wire_begin(struct wire *w)
{
	*w = (struct wire){ .now_ns = 1000 * NS_PER_S, .seq = { 1000, 5000 } };
	pcap_begin(&w->b, LINK_RAW, false, false);
}

static struct tcp_packet
packet_of(struct wire *w, enum direction dir, unsigned flags, const void *p,
    size_t len)
{
	return (struct tcp_packet){ .from = dir == DIR_C2S ? CLIENT : SERVER,
		.to = dir == DIR_C2S ? SERVER : CLIENT,
		.seq = w->seq[dir],
		.ack = w->seq[!dir],
		.flags = (uint8_t)flags,
		.id = w->id++,
		.data = p,
		.len = len };
}

static void
put(struct wire *w, const struct tcp_packet *t)
{
	struct blob packet = { 0 };

	make_ipv4(&packet, t);
	pcap_add(&w->b, packet.p, packet.len, packet.len, w->now_ns);
	w->packets++;
	w->now_ns += NS_PER_MS;
	blob_clear(&packet);
}

static void
send_flags(struct wire *w, enum direction dir, unsigned flags, const void *p,
    size_t len)
{
	struct tcp_packet t = packet_of(w, dir, flags, p, len);

	put(w, &t);
	w->seq[dir] += (uint32_t)len;
	if ((flags & (TCP_SYN | TCP_FIN)) != 0)
		w->seq[dir]++;
}

static void
send_text(struct wire *w, enum direction dir, const char *s)
{
	send_flags(w, dir, TCP_ACK, s, strlen(s));
}

static void
send_hex(struct wire *w, enum direction dir, const char *s)
{
	size_t len;
	const uint8_t *p = hex(s, &len);

	send_flags(w, dir, TCP_ACK, p, len);
}

static void
handshake(struct wire *w)
{
	send_flags(w, DIR_C2S, TCP_SYN, NULL, 0);
	send_flags(w, DIR_S2C, TCP_SYN | TCP_ACK, NULL, 0);
	send_flags(w, DIR_C2S, TCP_ACK, NULL, 0);
}

#define PING "0c00000008 0102030405060708"

static void
upgrade(struct wire *w)
{
	handshake(w);
	send_text(w, DIR_C2S,
	    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n\r\n");
	send_text(w, DIR_S2C, "HTTP/1.1 101 Switching Protocols\r\n\r\n");
}

static void
finish(struct wire *w)
{
	send_flags(w, DIR_C2S, TCP_FIN | TCP_ACK, NULL, 0);
	send_flags(w, DIR_S2C, TCP_FIN | TCP_ACK, NULL, 0);
}

START_TEST(a_connection_from_beginning_to_end)
{
	struct wire w;
	struct reading r;
	char *got;

	wire_begin(&w);
	upgrade(&w);
	send_hex(&w, DIR_S2C, PING);
	finish(&w);
	r = read_blob(&w.b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	got = describe(r.t, true, false);
	ck_assert_ptr_eq(strstr(got,
			     "0 0 c2s opened 0 127.0.0.1:40000 > "
			     "127.0.0.1:3340\n"),
	    got);
	ck_assert_ptr_nonnull(strstr(got, "0 0 s2c Ping 8 0102030405060708\n"));
	ck_assert_ptr_nonnull(strstr(got, "0 0 c2s ended 0 eof\n"));
	ck_assert_ptr_nonnull(strstr(got, "0 0 s2c ended 0 eof\n"));
	ck_assert_str_eq(r.t->conns[0].name, "#0");
	ck_assert_str_eq(r.t->conns[0].peer, "127.0.0.1:3340");
	ck_assert_int_eq(r.t->epoch_ns, 1000 * NS_PER_S);
	ck_assert_int_eq(r.t->events[0].time_ns, 0);
	ck_assert_uint_eq(r.sum.packets, w.packets);
	ck_assert_uint_eq(r.sum.flows, 1);
	free(got);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

START_TEST(a_reset_ends_one_direction_and_the_other_stays_open)
{
	struct wire w;
	struct reading r;

	wire_begin(&w);
	upgrade(&w);
	send_flags(&w, DIR_C2S, TCP_RST, NULL, 0);
	send_hex(&w, DIR_S2C, PING); /* was on its way */
	r = read_blob(&w.b);
	ck_assert_int_eq(r.result, 0);
	ck_assert_uint_eq(count(r.t, "ended"), 1);
	ck_assert_uint_eq(count(r.t, "Ping"), 1);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

START_TEST(a_refused_connection_is_opened_and_reset)
{
	struct wire w;
	struct reading r;
	char *got;

	wire_begin(&w);
	send_flags(&w, DIR_C2S, TCP_SYN, NULL, 0);
	send_flags(&w, DIR_S2C, TCP_RST | TCP_ACK, NULL, 0);
	r = read_blob(&w.b);
	got = describe(r.t, true, false);
	ck_assert_int_eq(r.result, 0);
	ck_assert_str_eq(got,
	    "0 0 c2s opened 0 127.0.0.1:40000 > 127.0.0.1:3340\n"
	    "0 0 s2c ended 0 reset\n");
	free(got);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

START_TEST(the_same_ports_again_are_another_connection)
{
	struct wire w;
	struct reading r;

	wire_begin(&w);
	upgrade(&w);
	if (_i == 1)
		finish(&w);
	else if (_i == 2)
		send_flags(&w, DIR_S2C, TCP_RST, NULL, 0);
	w.seq[0] += 100000;
	w.seq[1] += 100000;
	upgrade(&w);
	send_hex(&w, DIR_S2C, PING);
	r = read_blob(&w.b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(r.t->nconns, 2);
	ck_assert_uint_eq(count(r.t, "opened"), 2);
	ck_assert_uint_eq(count(r.t, "http"), 4);
	ck_assert_int_eq(r.t->events[r.t->nevents - 1].conn, 1);
	ck_assert_str_eq(event_what(&r.t->events[r.t->nevents - 1]), "Ping");
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

/* ---- captured twice, late, large ---- */

/* The packets of a classic little-endian file, as offsets into it. */
static size_t
find_packets(const struct blob *b, size_t *at, size_t max)
{
	size_t n = 0, off = 24;

	while (off + 16 <= b->len) {
		const uint8_t *p = b->p + off;

		ck_assert_uint_lt(n, max);
		at[n++] = off;
		off += 16 +
		    ((size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16);
	}
	at[n] = off;
	return n;
}

static struct blob
load(const char *fixture)
{
	FILE *f = fopen(fixture_path(fixture), "rb");
	struct blob b = { 0 };
	uint8_t buf[4096];
	size_t n;

	ck_assert_ptr_nonnull(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		blob_add(&b, buf, n);
	fclose(f);
	return b;
}

START_TEST(what_was_captured_twice_is_shown_once)
{
	struct blob b = load("peer-gone-same-usec.pcap"), twice = { 0 };
	struct reading once, r;
	size_t at[128], n = find_packets(&b, at, 127);
	char *got, *want;

	blob_add(&twice, b.p, 24);
	for (size_t i = 0; i < n; i++) {
		size_t copy;

		blob_add(&twice, b.p + at[i], at[i + 1] - at[i]);
		copy = twice.len;
		blob_add(&twice, b.p + at[i], at[i + 1] - at[i]);
		/* 1 to 20 us later; a carry would only make it earlier */
		twice.p[copy + 4] = (uint8_t)(twice.p[copy + 4] + 1 + i % 20);
	}
	once = read_blob(&b);
	r = read_blob(&twice);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count_remarks(r.t, "captured twice"), 1);
	ck_assert_uint_eq(r.sum.remarks, 1);
	got = describe(r.t, false, true);
	want = describe(once.t, false, true);
	ck_assert_str_eq(got, want);
	free(got);
	free(want);
	transcript_free(once.t);
	transcript_free(r.t);
	blob_clear(&b);
	blob_clear(&twice);
}
END_TEST

START_TEST(a_segment_may_come_50_packets_late)
{
	struct wire w;
	struct tcp_packet late;
	struct reading r;

	wire_begin(&w);
	upgrade(&w);
	late =
	    packet_of(&w, DIR_C2S, TCP_ACK, "\x0c\x00\x00\x00\x08lateping", 13);
	w.seq[DIR_C2S] += 13; /* the server has it, and says so */
	for (int i = 0; i < 25; i++) {
		send_hex(&w, DIR_S2C, PING);
		send_hex(&w, DIR_C2S, PING);
	}
	put(&w, &late);
	finish(&w);
	r = read_blob(&w.b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count(r.t, "gap"), 0);
	ck_assert_uint_eq(count(r.t, "Ping"), 51);
	ck_assert_uint_eq(r.sum.reordered, 25);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

START_TEST(a_lost_segment_is_a_gap_with_its_packet)
{
	struct wire w;
	struct reading r;

	wire_begin(&w);
	upgrade(&w);
	w.seq[DIR_C2S] += 13; /* was never captured */
	for (int i = 0; i < 200; i++) {
		send_hex(&w, DIR_S2C, PING);
		send_hex(&w, DIR_C2S, PING);
	}
	r = read_blob(&w.b);
	ck_assert_int_eq(r.result, 1);
	ck_assert_uint_eq(count(r.t, "gap"), 1);
	ck_assert_uint_eq(count(r.t, "Ping"), 400);
	/* It did not wait for the end: some 129 answers passed it by. */
	for (size_t i = 0; i < r.t->nevents; i++)
		if (r.t->events[i].kind == EVENT_GAP)
			ck_assert_uint_le(r.t->events[i].packet, 300);
	ck_assert_msg(strncmp(r.err, "packet ", 7) == 0, "%s", r.err);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

/* One frame of 64 KiB and a Ping, in segments of |mss|. */
static void
send_large(struct wire *w, size_t mss)
{
	struct blob b = { 0 };
	size_t len;
	const uint8_t *key = hex("8a88e3dd7409f195fd52db2d3cba5d72"
				 "ca6709bf1d94121bf3748801b40f6f5c",
	    &len);
	static uint8_t data[65536];
	const uint8_t *ping;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31);
	blob_add(&b, "\x04", 1);
	blob_be32(&b, (uint32_t)(32 + sizeof(data)));
	blob_add(&b, key, len);
	blob_add(&b, data, sizeof(data));
	ping = hex(PING, &len);
	blob_add(&b, ping, len);
	for (size_t off = 0; off < b.len; off += mss)
		send_flags(w, DIR_C2S, TCP_ACK, b.p + off,
		    b.len - off < mss ? b.len - off : mss);
	blob_clear(&b);
}

START_TEST(segments_merged_by_the_card_give_the_same_frames)
{
	static const size_t sizes[] = { 536, 1448, 65483 };
	char *want = NULL;

	for (size_t i = 0; i < 3; i++) {
		struct wire w;
		struct reading r;
		char *got;

		wire_begin(&w);
		upgrade(&w);
		send_large(&w, sizes[i]);
		r = read_blob(&w.b);
		ck_assert_msg(r.result == 0, "%s", r.err);
		ck_assert_uint_eq(count(r.t, "SendPacket"), 1);
		ck_assert_uint_eq(count(r.t, "Ping"), 1);
		got = describe(r.t, true, false);
		if (want == NULL)
			want = got;
		ck_assert_str_eq(got, want);
		if (got != want)
			free(got);
		transcript_free(r.t);
		blob_clear(&w.b);
	}
	free(want);
}
END_TEST

START_TEST(an_ipv6_jumbogram)
{
	struct blob b = { 0 }, packet = { 0 }, stream = { 0 };
	struct tcp_packet t = { .from = CLIENT,
		.to = SERVER,
		.seq = 100,
		.flags = TCP_SYN };
	struct reading r;

	blob_add(&stream, "GET / HTTP/1.1\r\nContent-Length: 80000\r\n\r\n",
	    41);
	while (stream.len < 41 + 80000)
		blob_add(&stream, "0123456789", 10);
	pcap_begin(&b, LINK_RAW, true, false);
	make_ipv6(&packet, &t, false);
	pcap_add(&b, packet.p, packet.len, packet.len, 0);
	blob_clear(&packet);
	t.seq++;
	t.flags = TCP_ACK;
	t.data = stream.p;
	t.len = stream.len;
	make_ipv6(&packet, &t, true);
	pcap_add(&b, packet.p, packet.len, packet.len, 0);
	r = read_blob(&b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count(r.t, "http"), 1);
	ck_assert_uint_eq(count(r.t, "body"), 2);
	ck_assert_uint_eq(r.t->events[2].len + r.t->events[3].len, 80000);
	transcript_free(r.t);
	blob_clear(&b);
	blob_clear(&packet);
	blob_clear(&stream);
}
END_TEST

/* ---- twins of one capture ---- */

/* The packets of a fixture on three interfaces that differ, among blocks that
 * mean nothing to us. */
static struct blob
pcapng_twin(const char *fixture, bool big_endian)
{
	static const uint32_t snaplens[] = { 0, 262144, 0xffffffff };
	struct pcap_file *f;
	struct blob b = { 0 }, body = { .big_endian = big_endian };
	struct packet p;
	char err[256];

	pcapng_begin(&b, big_endian);
	blob_u32(&body, 0x544c534b);
	blob_u32(&body, 3);
	blob_add(&body, "# x", 3);
	pcapng_block(&b, 10, &body); /* secrets */
	body.len = 0;
	blob_u16(&body, 1);
	blob_u16(&body, 8);
	blob_add(&body, "\x7f\0\0\1lo\0\0\0\0\0\0", 12);
	pcapng_block(&b, 4, &body); /* names */
	for (size_t i = 0; i < 3; i++) {
		body.len = 0;
		pcapng_option(&body, 2, "lo", 2);
		pcapng_option(&body, 9, "\x09", 1);
		pcapng_option(&body, 0, NULL, 0);
		pcapng_interface(&b, LINK_ETHERNET, snaplens[i], &body);
	}
	f = pcap_file_open(fixture_path(fixture), err, sizeof(err));
	ck_assert_ptr_nonnull(f);
	while (pcap_file_next(f, &p, err, sizeof(err)) == PACKET_OK) {
		pcapng_add(&b, (uint32_t)(p.number % 3), (uint64_t)p.time_ns,
		    p.p, p.len, p.wire);
		if (p.number % 10 == 0)
			pcapng_block(&b, 0x80000001, &body);
	}
	pcap_file_close(f);
	blob_clear(&body);
	return b;
}

static void
assert_same_reading(const struct blob *b, const char *fixture)
{
	struct reading want = read_path(fixture_path(fixture));
	struct reading r = read_blob(b);
	char *got_text = describe(r.t, true, true);
	char *want_text = describe(want.t, true, true);

	ck_assert_msg(r.result == 0 && want.result == 0, "%s", r.err);
	ck_assert_str_eq(got_text, want_text);
	free(got_text);
	free(want_text);
	transcript_free(want.t);
	transcript_free(r.t);
}

START_TEST(pcapng_of_both_byte_orders_with_everything_in_it)
{
	struct blob b = pcapng_twin("login-ping-send.pcapng", _i == 1);

	assert_same_reading(&b, "login-ping-send.pcapng");
	blob_clear(&b);
}
END_TEST

/* NULL has the writer's byte order, LOOP the network's, whatever the file's
 * order is. */
START_TEST(loopback_headers_of_both_byte_orders)
{
	bool little_family = (_i & 1) != 0, big_file = (_i & 2) != 0;
	struct pcap_file *f;
	struct blob b = { 0 };
	struct packet p;
	char err[256];

	pcap_begin(&b, (_i & 4) != 0 ? 108 : LINK_NULL, big_file, false);
	f = pcap_file_open(fixture_path("peer-gone-same-null.pcap"), err,
	    sizeof(err));
	ck_assert_ptr_nonnull(f);
	while (pcap_file_next(f, &p, err, sizeof(err)) == PACKET_OK) {
		uint8_t *copy = xmemdup(p.p, p.len);

		memset(copy, 0, 4);
		copy[little_family ? 0 : 3] = 2;
		pcap_add(&b, copy, p.len, p.wire, p.time_ns);
		free(copy);
	}
	pcap_file_close(f);
	assert_same_reading(&b, "peer-gone-same-null.pcap");
	blob_clear(&b);
}
END_TEST

START_TEST(what_is_no_tcp_is_counted_and_left)
{
	struct blob b = { 0 };
	struct reading r;

	pcap_begin(&b, LINK_ETHERNET, false, false);
	pcap_add(&b, "\0\0\0\0\0\0\0\0\0\0\0\0\x08\x06....", 18, 18, 0);
	pcap_add(&b, "", 0, 0, 0);
	r = read_blob(&b);
	ck_assert_int_eq(r.result, 0);
	ck_assert_uint_eq(r.sum.packets, 2);
	ck_assert_uint_eq(r.sum.others, 2);
	ck_assert_uint_eq(r.t->nevents, 0);
	transcript_free(r.t);
	blob_clear(&b);
}
END_TEST

START_TEST(an_unknown_link_type_is_said_once)
{
	struct blob b = { 0 };
	struct reading r;

	pcap_begin(&b, 105, false, false);
	for (int i = 0; i < 3; i++)
		pcap_add(&b, "abc", 3, 3, 0);
	r = read_blob(&b);
	ck_assert_int_eq(r.result, 1);
	ck_assert_str_eq(r.err, "packet 1: link type 105 is not understood");
	ck_assert_uint_eq(r.sum.remarks, 1);
	transcript_free(r.t);
	blob_clear(&b);
}
END_TEST

/* ---- limits ---- */

START_TEST(too_many_connections_end_the_one_silent_longest)
{
	struct capture_options o;
	struct reading r;
	struct wire w;

	capture_options_default(&o);
	o.max_flows = 3;
	wire_begin(&w);
	for (unsigned i = 0; i < 5; i++) {
		struct tcp_packet t = packet_of(&w, DIR_C2S, TCP_SYN, NULL, 0);

		t.from += i;
		put(&w, &t);
		/* Those that are over make room without a word. */
		if (i == 0) {
			t.flags = TCP_RST;
			t.seq++;
			put(&w, &t);
		}
	}
	r = read_with(blob_file(&w.b), &o);
	ck_assert_int_eq(r.result, 1);
	ck_assert_uint_eq(count_remarks(r.t, "too much is open"), 1);
	ck_assert_uint_eq(r.sum.flows, 5);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

START_TEST(too_much_held_ends_connections_as_well)
{
	static uint8_t data[1000];
	struct capture_options o;
	struct reading r;
	struct wire w;

	capture_options_default(&o);
	o.max_held = 100000;
	wire_begin(&w);
	for (unsigned i = 0; i < 200; i++) {
		struct tcp_packet t = packet_of(&w, DIR_C2S, TCP_SYN, NULL, 0);

		t.from += i;
		put(&w, &t);
		t.flags = TCP_ACK;
		t.seq += 100; /* a hole */
		t.data = data;
		t.len = sizeof(data);
		put(&w, &t);
	}
	r = read_with(blob_file(&w.b), &o);
	ck_assert_uint_ge(count_remarks(r.t, "too much is open"), 50);
	ck_assert_uint_eq(count(r.t, "gap"), 200);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

static void
stop_at_once(void *arg, struct transcript *t, struct event *e)
{
	++*(int *)arg;
	t->stop = true;
}

START_TEST(reading_stops_when_asked)
{
	struct transcript *t = transcript_new();
	struct capture_options o;
	struct capture_summary sum;
	char err[256];
	int events = 0;

	capture_options_default(&o);
	t->on_event = stop_at_once;
	t->arg = &events;
	t->streaming = true;
	ck_assert_int_eq(capture_read(fixture_path("peer-gone.pcapng"), &o, t,
			     &sum, err, sizeof(err)),
	    0);
	ck_assert_uint_eq(sum.packets, 1);
	transcript_free(t);
}
END_TEST

/* ---- files that end early ---- */

/* What the first |packets| packets complete, without what only the end of a
 * file brings: rest and gaps of what is in progress then. */
static char *
certain_part(const struct transcript *t, uint64_t packets)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->kind != EVENT_FRAME && e->kind != EVENT_HTTP)
			continue;
		if (e->packet <= packets)
			text_addf(&out, "%d %s %s %zu\n", e->conn,
			    direction_name(e->dir), event_what(e), e->len);
	}
	return text_take(&out);
}

START_TEST(a_file_cut_at_any_byte_gives_its_whole_packets)
{
	static const char *const names[] = { "peer-gone-same-usec.pcap",
		"duplicate-login.pcapng" };
	struct blob b = load(names[_i]);
	struct reading whole = read_blob(&b), r;
	const char *path = blob_file(&b);
	/* The last two records byte by byte, the rest in coarse steps. */
	for (size_t n = b.len; n-- > 0;
	     n -= n > 300 && n < b.len - 400 ? 6 : 0) {
		char *got, *want;

		ck_assert_int_eq(truncate(path, (off_t)n), 0);
		r = read_path(path);
		if (r.result < 0) {
			ck_assert_uint_le(n, 200);
			ck_assert_str_ne(r.err, "");
			transcript_free(r.t);
			continue;
		}
		got = certain_part(r.t, r.sum.packets);
		want = certain_part(whole.t, r.sum.packets);
		ck_assert_msg(strcmp(got, want) == 0,
		    "%zu bytes: got\n%swant\n%s", n, got, want);
		if (r.sum.damaged)
			ck_assert_msg(r.result == 1 &&
				strncmp(r.err, "packet ", 7) == 0 &&
				strtoull(r.err + 7, NULL, 10) ==
				    r.sum.packets + 1,
			    "%zu bytes, %zu packets: %s", n,
			    (size_t)r.sum.packets, r.err);
		free(got);
		free(want);
		transcript_free(r.t);
	}
	transcript_free(whole.t);
	blob_clear(&b);
}
END_TEST

/* Every byte of a capture changed in turn: nothing worse than a remark. */
START_TEST(any_byte_of_a_file_may_be_wrong)
{
	static const char *const names[] = { "keepalive.pcapng",
		"peer-gone-same-fragmented.pcap", "tls13-ws.pcapng" };
	struct blob b = load(names[_i]);
	uint64_t seed = 5;

	for (size_t at = 0; at < b.len; at += 1 + test_random(&seed) % 16) {
		uint8_t was = b.p[at];
		struct reading r;

		b.p[at] ^= (uint8_t)(1u << test_random(&seed) % 8);
		r = read_blob(&b);
		ck_assert(r.result != -1 || r.err[0] != '\0');
		ck_assert(r.result != 1 || r.sum.wrong > 0);
		transcript_free(r.t);
		b.p[at] = was;
	}
	blob_clear(&b);
}
END_TEST

static void
add_made(TCase *tc)
{
	tcase_add_test(tc, a_connection_from_beginning_to_end);
	tcase_add_test(tc, a_reset_ends_one_direction_and_the_other_stays_open);
	tcase_add_test(tc, a_refused_connection_is_opened_and_reset);
	tcase_add_loop_test(tc, the_same_ports_again_are_another_connection, 0,
	    3);
	tcase_add_test(tc, what_was_captured_twice_is_shown_once);
	tcase_add_test(tc, a_segment_may_come_50_packets_late);
	tcase_add_test(tc, a_lost_segment_is_a_gap_with_its_packet);
	tcase_add_test(tc, segments_merged_by_the_card_give_the_same_frames);
	tcase_add_test(tc, an_ipv6_jumbogram);
	tcase_add_loop_test(tc,
	    pcapng_of_both_byte_orders_with_everything_in_it, 0, 2);
	tcase_add_loop_test(tc, loopback_headers_of_both_byte_orders, 0, 8);
	tcase_add_test(tc, what_is_no_tcp_is_counted_and_left);
	tcase_add_test(tc, an_unknown_link_type_is_said_once);
	tcase_add_test(tc, too_many_connections_end_the_one_silent_longest);
	tcase_add_test(tc, too_much_held_ends_connections_as_well);
	tcase_add_test(tc, reading_stops_when_asked);
}

int
main(void)
{
	Suite *s = suite_create("capture");
	TCase *tc = tcase_create("capture");

	rk_keys_init();
	tcase_set_timeout(tc, 120);
	add_made(tc);
	tcase_add_loop_test(tc, a_file_cut_at_any_byte_gives_its_whole_packets,
	    0, 2);
	tcase_add_loop_test(tc, any_byte_of_a_file_may_be_wrong, 0, 3);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
