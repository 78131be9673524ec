/* Captures made by hand, from file to transcript. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "capture/ip.h"
#include "codec/keys.h"
#include "manifest.h"
#include "packets.h"
#include "reading.h"
#include "support.h"

#define CLIENT 40000
#define SERVER 3340

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

/* ---- late, large ---- */

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

START_TEST(a_lost_first_segment_hides_neither_frames_nor_tls)
{
	struct wire w;
	struct reading r;

	wire_begin(&w);
	handshake(&w);
	w.seq[DIR_C2S] += 100;
	send_text(&w, DIR_S2C,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "upgrade: iroh derp http\r\n\r\n");
	send_hex(&w, DIR_C2S, PING);
	finish(&w);
	r = read_blob(&w.b);
	ck_assert_int_eq(r.result, 1);
	ck_assert_uint_eq(count(r.t, "http"), 1);
	ck_assert_uint_eq(count(r.t, "gap"), 1);
	ck_assert_uint_eq(count(r.t, "Ping"), 1);
	transcript_free(r.t);
	blob_clear(&w.b);
	wire_begin(&w);
	handshake(&w);
	w.seq[DIR_C2S] += 100;
	send_hex(&w, DIR_C2S, "16 0303 0001 00");
	send_hex(&w, DIR_S2C, "16 0303 0002 0000");
	finish(&w);
	r = read_blob(&w.b);
	ck_assert_uint_eq(count(r.t, "opaque"), 2);
	ck_assert_uint_eq(count(r.t, "rest"), 0);
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

/* What is kept only for comparing goes first. */
START_TEST(busy_connections_are_all_followed)
{
	static const char ping[] = "\x0c\0\0\0\x08lateping";
	struct capture_options o;
	struct reading r;
	struct wire w;

	capture_options_default(&o);
	o.max_held = 100000;
	wire_begin(&w);
	for (uint32_t round = 0; round < 40; round++)
		for (unsigned i = 0; i < 100; i++) {
			struct tcp_packet t =
			    packet_of(&w, DIR_S2C, TCP_ACK, ping, 13);

			t.to += i;
			t.seq += 13 * round;
			put(&w, &t);
		}
	r = read_with(blob_file(&w.b), &o);
	ck_assert_uint_eq(count_remarks(r.t, "too much is open"), 0);
	ck_assert_uint_eq(count(r.t, "Ping"), 4000);
	transcript_free(r.t);
	blob_clear(&w.b);
}
END_TEST

/* Of connections that are over nothing is left. */
START_TEST(a_streamed_transcript_forgets_connections)
{
	struct transcript *t = transcript_new();
	struct capture_summary sum;
	struct capture_options o;
	struct wire w;
	char err[256];

	capture_options_default(&o);
	o.max_flows = 8;
	t->streaming = true;
	wire_begin(&w);
	for (unsigned i = 0; i < 1000; i++) {
		struct tcp_packet p = packet_of(&w, DIR_C2S, TCP_SYN, NULL, 0);

		p.from = 1024 + i;
		put(&w, &p);
		p.flags = TCP_RST;
		p.seq++;
		put(&w, &p);
	}
	ck_assert_int_eq(capture_read(blob_file(&w.b), &o, t, &sum, err,
			     sizeof(err)),
	    0);
	ck_assert_uint_eq(sum.flows, 1000);
	ck_assert_uint_eq(t->total_conns, 1000);
	ck_assert_uint_le(t->nconns, 8);
	transcript_free(t);
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

static void
add_made(TCase *tc)
{
	tcase_add_test(tc, a_connection_from_beginning_to_end);
	tcase_add_test(tc, a_reset_ends_one_direction_and_the_other_stays_open);
	tcase_add_test(tc, a_refused_connection_is_opened_and_reset);
	tcase_add_loop_test(tc, the_same_ports_again_are_another_connection, 0,
	    3);
	tcase_add_test(tc, a_segment_may_come_50_packets_late);
	tcase_add_test(tc, a_lost_segment_is_a_gap_with_its_packet);
	tcase_add_test(tc, a_lost_first_segment_hides_neither_frames_nor_tls);
	tcase_add_test(tc, segments_merged_by_the_card_give_the_same_frames);
	tcase_add_test(tc, an_ipv6_jumbogram);
	tcase_add_test(tc, what_is_no_tcp_is_counted_and_left);
	tcase_add_test(tc, an_unknown_link_type_is_said_once);
	tcase_add_test(tc, too_many_connections_end_the_one_silent_longest);
	tcase_add_test(tc, too_much_held_ends_connections_as_well);
	tcase_add_test(tc, busy_connections_are_all_followed);
	tcase_add_test(tc, a_streamed_transcript_forgets_connections);
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
	suite_add_tcase(s, tc);
	return run_suite(s);
}
