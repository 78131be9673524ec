/* What relayd does with each frame of a client, raw and on WebSocket. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "relayd_rig.h"
#include "support.h"
#include "vectors.h"

/* ---- Ping ---- */

START_TEST(pings_are_answered_in_order)
{
	uint64_t state = 7;
	uint8_t data[100][8];
	struct client c;

	client_login(&c, &rig, carriers[_i], 1);
	for (int i = 0; i < 100; i++) {
		test_fill(&state, data[i], 8);
		client_send_frame(&c, "Ping", data[i], 8);
	}
	for (int i = 0; i < 100; i++)
		client_expect_frame(&c, "Pong", data[i], 8);
	client_expect_nothing(&c);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_got_ping_total"), 101);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_sent_pong_total"), 101);
	client_close(&c);
}
END_TEST

START_TEST(a_ping_flood_without_reading_waits_and_loses_nothing)
{
	enum {
		N = 60000
	};
	struct client c;
	uint8_t data[8] = { 0 };
	int got = 0, sent = 0;
	struct rk_frame f;

	client_login(&c, &rig, carriers[_i], 1);
	while (got < N) {
		for (int i = 0; i < 500 && sent < N; i++, sent++) {
			memcpy(data, &sent, sizeof(sent));
			/* reads only when nothing more can be sent */
			client_send_frame(&c, "Ping", data, 8);
			if (c.conn->stalled)
				client_poll(&c);
		}
		ck_assert_uint_lt(c.conn->out.cap, 1 << 18);
		client_poll(&c);
		while (client_next_frame(&c, &f)) {
			memcpy(data, &got, sizeof(got));
			ck_assert_str_eq(f.spec->name, "Pong");
			ck_assert_bytes(f.payload.p, 8, data, 8);
			got++;
		}
	}
	client_barrier(&c);
	client_close(&c);
}
END_TEST

/* ---- packets ---- */

static const size_t sizes[] = { 0, 1, 37, 80, 92, 93, 94, 125, 126, 127, 128,
	1200, 8192, 65470, 65501, 65502, 65503, 65504, 65535, 65536 };

static void
relay(struct client *from, struct client *to, size_t len, bool disco)
{
	uint64_t state = len + 1;
	uint8_t *p = malloc(RK_KEY_LEN + len);

	ck_assert_ptr_nonnull(p);
	test_fill(&state, p + RK_KEY_LEN, len);
	if (disco)
		memcpy(p + RK_KEY_LEN, "TS\xf0\x9f\x92\xac", 6);
	memcpy(p, to->key.b, RK_KEY_LEN);
	client_send_frame(from, "SendPacket", p, RK_KEY_LEN + len);
	memcpy(p, from->key.b, RK_KEY_LEN);
	client_expect_frame(to, "RecvPacket", p, RK_KEY_LEN + len);
	free(p);
}

START_TEST(packets_arrive_whole_whatever_carries_them)
{
	struct client a, b;
	uint64_t bytes = 0;

	client_login(&a, &rig, carriers[_i & 1], 1);
	client_login(&b, &rig, carriers[_i >> 1], 2);
	for (int i = 0; i < NROWS(sizes); i++) {
		relay(&a, &b, sizes[i], false);
		relay(&b, &a, sizes[i], sizes[i] >= 38);
		bytes += 2 * sizes[i];
	}
	relay(&a, &a, 100, false);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_bytes_recv_total"),
	    bytes + 100);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_bytes_sent_total"),
	    bytes + 100);
	client_expect_nothing(&a);
	client_expect_nothing(&b);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(many_packets_in_one_turn_keep_their_order)
{
	enum {
		N = 1000
	}; /* about twice what a queue holds */
	struct client a, b;
	char text[32];

	client_login(&a, &rig, carriers[_i & 1], 1);
	client_login(&b, &rig, carriers[_i >> 1], 2);
	client_cork(&a);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "packet %d", i);
		client_send_packet(&a, &b, text);
	}
	client_uncork(&a);
	rig_turn(&rig);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_recv_total"),
	    N);
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "packet %d", i);
		client_expect_packet(&b, &a, text);
	}
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_queue_dropped_total{queue=\"packets\"}"),
	    0);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_frame_may_be_cut_anywhere)
{
	static const uint8_t data[] = "some data";
	uint8_t frame[5 + RK_KEY_LEN + sizeof(data)] = { 4, 0, 0, 0,
		RK_KEY_LEN + sizeof(data) };
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	memcpy(frame + 5, b.key.b, RK_KEY_LEN);
	memcpy(frame + 5 + RK_KEY_LEN, data, sizeof(data));
	for (size_t cut = 0; cut <= sizeof(frame); cut++) {
		client_send(&a, frame, cut);
		rig_settle(&rig);
		client_send(&a, frame + cut, sizeof(frame) - cut);
		memcpy(frame + 5, a.key.b, RK_KEY_LEN);
		client_expect_frame(&b, "RecvPacket", frame + 5,
		    sizeof(frame) - 5);
		memcpy(frame + 5, b.key.b, RK_KEY_LEN);
	}
	for (size_t i = 0; i < sizeof(frame); i++) {
		client_send(&a, frame + i, 1);
		rig_turn(&rig);
	}
	memcpy(frame + 5, a.key.b, RK_KEY_LEN);
	client_expect_frame(&b, "RecvPacket", frame + 5, sizeof(frame) - 5);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_packet_to_nobody_is_dropped_in_silence)
{
	struct client a, b;

	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, carriers[_i], 2);
	client_close(&b);
	rig_settle(&rig);
	client_send_packet(&a, &b, "hello");
	client_send_packet(&a, &b,
	    "TS\xf0\x9f\x92\xac"
	    "01234567890123456789012345678901");
	client_expect_nothing(&a);
	client_barrier(&a);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_dropped_total"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_disco_packets_dropped_total"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_bytes_recv_total"),
	    5 + 38);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_bytes_sent_total"), 0);
	client_close(&a);
}
END_TEST

START_TEST(disco_is_told_by_its_magic_and_length)
{
	struct client a, b;
	char data[64];

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	memset(data, 'x', sizeof(data));
	memcpy(data, "TS\xf0\x9f\x92\xac", 6);
	data[37] = '\0';
	client_send_packet(&a, &b, data);
	client_expect_packet(&b, &a, data);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_recv_total"),
	    1);
	data[37] = 'x';
	data[38] = '\0';
	client_send_packet(&a, &b, data);
	client_expect_packet(&b, &a, data);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_disco_packets_recv_total"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_disco_packets_sent_total"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_sent_total"),
	    1);
	client_close(&a);
	client_close(&b);
}
END_TEST

/* ---- frames that a relay ignores ---- */

static const struct {
	const char *name;
	const char *payload; /* hex */
	const char *counter;
} ignored[] = {
	{ "NotePreferred", "01", "relayserver_other_packets_recv_total" },
	{ "NotePreferred", "00", "relayserver_other_packets_recv_total" },
	{ "Health", "6f6f7073", "relayserver_other_packets_recv_total" },
	{ "Health", "", "relayserver_other_packets_recv_total" },
	{ "Health", "ff", "relayserver_other_packets_recv_total" },
	{ "KeepAlive", "", "relayserver_unknown_frames_total" },
	{ "Pong", "0102030405060708", "relayserver_unknown_frames_total" },
	{ "RecvPacket", KEY_B "6869", "relayserver_unknown_frames_total" },
	{ "PeerGone", KEY_B, "relayserver_unknown_frames_total" },
	{ "Restarting", "0000000a00000014",
	    "relayserver_unknown_frames_total" },
	{ "ClientInfo", MAGIC KEY_A SIGNATURE_A "03",
	    "relayserver_unknown_frames_total" },
};

START_TEST(some_frames_are_counted_and_ignored)
{
	struct client a, b;
	size_t len;
	const uint8_t *payload = hex(ignored[_i].payload, &len);

	for (int i = 0; i < 2; i++) {
		uint64_t before = rig_metric(&rig, ignored[_i].counter);

		client_login(&a, &rig, carriers[i], 1);
		client_login(&b, &rig, carriers[i], 2);
		client_send_frame(&a, ignored[_i].name, payload, len);
		client_expect_nothing(&b);
		client_barrier(&a);
		ck_assert_uint_eq(rig_metric(&rig, ignored[_i].counter),
		    before + 1);
		client_close(&a);
		client_close(&b);
		rig_settle(&rig);
	}
}
END_TEST

START_TEST(a_long_health_is_read_and_ignored)
{
	enum {
		LEN = 1048576
	};
	uint8_t *text = calloc(1, LEN);
	struct client c;

	ck_assert_ptr_nonnull(text);
	client_login(&c, &rig, carriers[_i], 1);
	client_send_frame(&c, "Health", text, LEN);
	client_barrier(&c);
	client_close(&c);
	free(text);
}
END_TEST

/* ---- frames that end the connection ---- */

static const struct {
	const char *frame; /* raw, type and all */
	bool header_tells; /* … before the payload is there */
} broken[] = {
	{ "0e00100001", true },
	{ "0400000000", false },
	{ "040000001f", true },
	{ "0400010021", true },
	{ "0600000001ff", false },
	{ "0700000000", false },
	{ "07000000020101", false },
	{ "070000000102", false },
	{ "0c0000000701020304050607", false },
	{ "0c00000009010203040506070809", false },
	{ "0d0000000701020304050607", false },
	{ "080000001f", true },
	{ "0800000020"
	  "0202020202020202020202020202020202020202020202020202020202020202",
	    false },
	{ "0f0000000701020304050607", false },
	{ "0400000020"
	  "0202020202020202020202020202020202020202020202020202020202020202",
	    false },
	{ "0000000000", false },
	{ "0100000000", false },
	{ "0300000000", false },
	{ "0900000000", false },
	{ "0a00000000", false },
	{ "0b00000000", false },
	{ "1000000000", false },
	{ "7f00000000", false },
	{ "ff00000000", false },
	{ "ff00000064", true },
};

START_TEST(what_comes_before_a_broken_frame_takes_effect)
{
	size_t ping_len, len;
	const uint8_t *ping = hex("0c000000080102030405060708", &ping_len);
	const uint8_t *frame = hex(broken[_i].frame, &len);
	uint8_t both[256];
	struct client c;

	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	memcpy(both, ping, ping_len);
	memcpy(both + ping_len, frame, len);
	client_send(&c, both, ping_len + len);
	client_expect_frame(&c, "Pong", ping + 5, 8);
	client_expect_protocol_end(&c);
}
END_TEST

START_TEST(broken_frames_end_a_websocket_too)
{
	size_t len;
	const uint8_t *frame = hex(broken[_i].frame, &len);
	uint8_t message[256];
	struct client c;

	if (broken[_i].header_tells)
		return; /* there is no length to tell */
	message[0] = frame[0];
	memcpy(message + 1, frame + 5, len - 5);
	client_login(&c, &rig, RK_CARRIER_WS, 1);
	client_send_ws(&c, true, RK_WS_BINARY, message, len - 4);
	client_expect_protocol_end(&c);
}
END_TEST

START_TEST(a_packet_one_byte_too_long_ends_the_sender_and_delivers_nothing)
{
	uint8_t *p = calloc(1, RK_KEY_LEN + 65537);
	struct client a, b;

	ck_assert_ptr_nonnull(p);
	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, carriers[_i], 2);
	memcpy(p, b.key.b, RK_KEY_LEN);
	client_send_frame(&a, "SendPacket", p, RK_KEY_LEN + 65537);
	client_expect_end(&a);
	client_expect_nothing(&b);
	client_barrier(&b);
	client_close(&a);
	client_close(&b);
	free(p);
}
END_TEST

START_TEST(half_a_frame_at_the_end_has_no_effect)
{
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_send(&a, "\4\0\0\0\x24", 5);
	client_send(&a, b.key.b, RK_KEY_LEN);
	client_send(&a, "hi", 2);
	rig_settle(&rig);
	client_shut(&a);
	client_expect_end(&a);
	client_expect_nothing(&b);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"truncated\",stage="
			      "\"open\"}"),
	    1);
	client_close(&a);
	client_close(&b);
}
END_TEST

/* ---- the order within a turn ---- */

START_TEST(what_is_ready_at_once_goes_out_in_order)
{
	static const char disco[] = "TS\xf0\x9f\x92\xac"
				    "01234567890123456789012345678901";
	struct client x, y, z;

	client_login(&x, &rig, carriers[_i], 1);
	client_login(&y, &rig, RK_CARRIER_RAW, 2);
	client_login(&z, &rig, RK_CARRIER_RAW, 3);
	client_send_packet(&z, &x, "before");
	client_expect_packet(&x, &z, "before");

	/* All of it is ready before one single turn. */
	client_send_packet(&y, &x, disco);
	client_send_packet(&y, &x, "one");
	client_send_packet(&y, &x, "two");
	client_close(&z);
	client_send_frame(&x, "Ping", "12345678", 8);
	clock_advance(65 * NS_PER_S);
	rig_turn(&rig);

	client_expect_frame(&x, "Pong", "12345678", 8);
	client_expect_gone(&x, &z);
	client_expect_packet(&x, &y, "one");
	client_expect_packet(&x, &y, "two");
	client_expect_packet(&x, &y, disco);
	client_expect_frame(&x, "KeepAlive", "", 0);
	client_expect_nothing(&x);
	client_close(&x);
	client_close(&y);
}
END_TEST

START_TEST(a_stop_comes_before_frames)
{
	struct client x, y;

	client_login(&x, &rig, carriers[_i], 1);
	client_login(&y, &rig, carriers[_i], 2);
	client_send_frame(&x, "Ping", "12345678", 8);
	client_send_packet(&y, &x, "one");
	server_stop(rig.server);
	rig_turn(&rig);
	client_expect_end(&x);
	client_expect_end(&y);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_got_ping_total"), 2);
	client_close(&x);
	client_close(&y);
}
END_TEST

START_TEST(keepalives_come_every_65_seconds_whatever_else_does)
{
	struct client idle, busy;
	int64_t before;

	client_login(&idle, &rig, carriers[_i], 1);
	client_login(&busy, &rig, carriers[_i], 2);
	before = clock_mono_ns();
	for (int n = 1; n <= 3; n++) {
		int64_t due = before + n * 65 * NS_PER_S;

		while (due - clock_mono_ns() > 5 * NS_PER_S) {
			rig_pass(&rig, 5 * NS_PER_S);
			client_barrier(&busy);
		}
		rig_pass(&rig, due - clock_mono_ns() - 100 * NS_PER_MS);
		client_expect_nothing(&idle);
		client_expect_nothing(&busy);
		rig_pass(&rig, 100 * NS_PER_MS);
		client_expect_frame(&idle, "KeepAlive", "", 0);
		client_expect_frame(&busy, "KeepAlive", "", 0);
	}
	ck_assert_uint_eq(rig_metric(&rig, "relayd_keepalives_sent_total"), 6);
	client_close(&idle);
	client_close(&busy);
}
END_TEST

/* Frames with bits flipped, cut and mixed: whatever becomes of the sender,
 * the others go on. */
START_TEST(damaged_frames_harm_nobody_else)
{
	uint64_t state = (uint64_t)_i + 1;
	struct client a, b, bad;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_WS, 2);
	for (int round = 0; round < 60; round++) {
		client_login(&bad, &rig, carriers[_i & 1], 3);
		client_cork(&bad);
		for (int i = 0; i < 20; i++) {
			client_send_packet(&bad, i & 1 ? &a : &b, "data");
			client_send_frame(&bad, "Ping", "12345678", 8);
			client_send_ws(&bad, i & 2, RK_WS_TEXT, "text", 4);
		}
		for (int i = 0; i < 1 + round / 10; i++) {
			size_t at = test_random(&state) % bad.held.len;

			bad.held.s[at] ^= (char)(1 << test_random(&state) % 8);
		}
		client_uncork(&bad);
		rig_settle(&rig);
		client_close(&bad);
		client_poll(&a);
		client_poll(&b);
		for (struct rk_frame f; client_next_frame(&a, &f);)
			;
		for (struct rk_frame f; client_next_frame(&b, &f);)
			;
		relay(&a, &b, 100, false);
		client_barrier(&b);
	}
	rig_settle(&rig);
	ck_assert_uint_eq(rig.server->worker.nconns, 2);
	client_close(&a);
	client_close(&b);
}
END_TEST

static void
add_turn_tests(Suite *s)
{
	TCase *tc = tcase_create("turn");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, what_is_ready_at_once_goes_out_in_order, 0, 2);
	tcase_add_loop_test(tc, a_stop_comes_before_frames, 0, 2);
	tcase_add_loop_test(tc,
	    keepalives_come_every_65_seconds_whatever_else_does, 0, 2);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("relayd frames");
	TCase *tc = tcase_create("frames");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, pings_are_answered_in_order, 0, 2);
	tcase_add_loop_test(tc,
	    a_ping_flood_without_reading_waits_and_loses_nothing, 0, 2);
	tcase_add_loop_test(tc, packets_arrive_whole_whatever_carries_them, 0,
	    4);
	tcase_add_loop_test(tc, many_packets_in_one_turn_keep_their_order, 0,
	    4);
	tcase_add_test(tc, a_frame_may_be_cut_anywhere);
	tcase_add_loop_test(tc, a_packet_to_nobody_is_dropped_in_silence, 0, 2);
	tcase_add_test(tc, disco_is_told_by_its_magic_and_length);
	tcase_add_rows(tc, some_frames_are_counted_and_ignored, ignored);
	tcase_add_loop_test(tc, a_long_health_is_read_and_ignored, 0, 2);
	tcase_add_loop_test(tc, what_comes_before_a_broken_frame_takes_effect,
	    0, NROWS(broken));
	tcase_add_rows(tc, broken_frames_end_a_websocket_too, broken);
	tcase_add_loop_test(tc,
	    a_packet_one_byte_too_long_ends_the_sender_and_delivers_nothing, 0,
	    2);
	tcase_add_test(tc, half_a_frame_at_the_end_has_no_effect);
	tcase_add_loop_test(tc, damaged_frames_harm_nobody_else, 0, 10);
	suite_add_tcase(s, tc);
	add_turn_tests(s);
	return run_suite(s);
}
