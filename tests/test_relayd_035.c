/* What the newer generation does differently once a client is logged in. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "relayd_rig.h"
#include "support.h"

static void
setup(void)
{
	rig_setup();
	rig.conf.generation = GENERATION_035;
}

/* ---- order of the loop (D-06) ---- */

#define DISCO "TS\xf0\x9f\x92\xac 0123456789 0123456789 0123456789"

START_TEST(disco_goes_before_packets_and_notices_go_last)
{
	struct client a, b, c;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, carriers[_i], 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	client_send_packet(&c, &b, "x");
	client_expect_packet(&b, &c, "x");
	/* All of it in one turn. */
	client_cork(&a);
	client_send_packet(&a, &b, "first");
	client_send_packet(&a, &b, DISCO);
	client_send_packet(&a, &b, "second");
	client_uncork(&a);
	client_close(&c);
	client_send_frame(&b, "Ping", "abcdefgh", 8);
	clock_advance(21 * NS_PER_S);
	client_expect_frame(&b, "Pong", "abcdefgh", 8);
	client_expect_packet(&b, &a, DISCO);
	client_expect_packet(&b, &a, "first");
	client_expect_packet(&b, &a, "second");
	client_expect_gone(&b, &c);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_backlog_of_disco_leaves_packets_and_notices_their_share)
{
	struct client a, b, c;
	struct rk_frame f;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	client_send_packet(&c, &b, "x");
	client_expect_packet(&b, &c, "x");
	for (int i = 0; i < 8000; i++)
		client_send_packet(&a, &b, DISCO);
	rig_settle(&rig);
	ck_assert_uint_eq(b.conn->lane[LANE_DISCO].count, 512);
	client_send_packet(&a, &b, "packet");
	client_close(&c);
	rig_settle(&rig);
	do {
		while (!client_next_frame(&b, &f))
			client_poll(&b);
	} while (f.payload.p[RK_KEY_LEN] == 'T');
	ck_assert_bytes(f.payload.p + RK_KEY_LEN, f.payload.len - RK_KEY_LEN,
	    "packet", 6);
	client_expect_gone(&b, &c);
	/* There is more of the backlog behind both. */
	client_poll(&b);
	ck_assert(client_next_frame(&b, &f));
	ck_assert(f.payload.p[RK_KEY_LEN] == 'T');
	client_close(&a);
	client_close(&b);
}
END_TEST

/* ---- liveness (D-03, D-04) ---- */

/* Seconds until the next frame, which must be a Ping; it is kept. */
static int
wait_for_ping(struct client *c, uint8_t nonce[8])
{
	struct rk_frame f;
	int seconds = 0;

	while (!client_next_frame(c, &f)) {
		ck_assert_int_lt(seconds, 100);
		rig_pass(&rig, NS_PER_S);
		client_poll(c);
		seconds++;
	}
	ck_assert_str_eq(f.spec->name, "Ping");
	ck_assert_uint_eq(f.payload.len, 8);
	memcpy(nonce, f.payload.p, 8);
	return seconds;
}

START_TEST(a_silent_client_is_pinged_and_lives_while_it_answers)
{
	uint8_t nonce[8], last[8] = { 0 };
	struct client c;
	int drawn = 0;

	client_login(&c, &rig, carriers[_i], 1);
	for (int i = 0; i < 20; i++) {
		int seconds = wait_for_ping(&c, nonce);

		ck_assert_int_ge(seconds, 16);
		ck_assert_int_le(seconds, 20);
		/* The number that was drawn at the login is kept. */
		ck_assert(drawn == 0 || seconds == drawn);
		drawn = seconds;
		ck_assert(memcmp(nonce, last, 8) != 0);
		memcpy(last, nonce, 8);
		client_send_frame(&c, "Pong", nonce, 8);
		rig_settle(&rig);
	}
	ck_assert_uint_eq(rig_metric(&rig, "relayd_pings_sent_total"), 20);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_keepalives_sent_total"), 0);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_unknown_frames_total"),
	    0);
	client_barrier(&c);
	client_close(&c);
}
END_TEST

START_TEST(all_jitters_are_drawn)
{
	unsigned seen = 0;

	for (int i = 0; i < 200; i++) {
		struct client c;
		int64_t jitter;

		client_login(&c, &rig, RK_CARRIER_RAW, 1);
		jitter = c.conn->beat_every / NS_PER_S - 15;
		ck_assert_int_ge(jitter, 1);
		ck_assert_int_le(jitter, 5);
		ck_assert_int_eq(c.conn->beat_every % NS_PER_S, 0);
		seen |= 1u << jitter;
		client_close(&c);
		rig_settle(&rig);
	}
	ck_assert_uint_eq(seen, 0x3e);
}
END_TEST

static const struct {
	const char *frame; /* what is sent instead of the Pong; NULL: nothing */
} wrong_answers[] = { { NULL }, { "Pong" }, { "Ping" }, { "NotePreferred" } };

START_TEST(without_its_pong_the_connection_ends_after_five_seconds)
{
	const char *frame = wrong_answers[_i].frame;
	uint8_t nonce[8];
	struct client c;

	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	wait_for_ping(&c, nonce);
	nonce[0] ^= 1;
	if (frame != NULL)
		client_send_frame(&c, frame, "\1\1\1\1\1\1\1\1",
		    strcmp(frame, "NotePreferred") == 0 ? 1 : 8);
	rig_pass(&rig, 4800 * NS_PER_MS);
	if (frame != NULL && strcmp(frame, "Ping") == 0)
		client_expect_frame(&c, "Pong", "\1\1\1\1\1\1\1\1", 8);
	client_expect_nothing(&c);
	rig_pass(&rig, 400 * NS_PER_MS);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"open\"}"),
	    1);
	ck_assert_ptr_nonnull(strstr(text_str(&rig.log), "reason=\"pong\""));
	client_close(&c);
}
END_TEST

START_TEST(who_talks_is_not_pinged)
{
	struct client c;

	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	for (int i = 0; i < 30; i++) {
		rig_pass(&rig, 15 * NS_PER_S);
		client_send_frame(&c, "KeepAlive", NULL, 0);
		client_expect_nothing(&c);
	}
	client_close(&c);
}
END_TEST

START_TEST(only_the_latest_ping_counts)
{
	uint8_t first[8], second[8];
	struct client c;

	rig.conf.pong_timeout = 60 * NS_PER_S;
	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	wait_for_ping(&c, first);
	wait_for_ping(&c, second);
	client_send_frame(&c, "Pong", first, 8);
	rig_settle(&rig);
	ck_assert_int_ne(c.conn->pong_by, 0);
	client_send_frame(&c, "Pong", second, 8);
	rig_settle(&rig);
	ck_assert_int_eq(c.conn->pong_by, 0);
	client_close(&c);
}
END_TEST

/* ---- frames of the client (D-11) ---- */

START_TEST(health_from_a_client_ends_the_connection)
{
	struct client c;

	client_login(&c, &rig, carriers[_i], 1);
	client_send_frame(&c, "Health", "fine", 4);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"protocol\",stage="
			      "\"open\"}"),
	    1);
	client_close(&c);
}
END_TEST

START_TEST(note_preferred_is_one_of_the_unknown)
{
	struct client c;

	client_login(&c, &rig, carriers[_i], 1);
	client_send_frame(&c, "NotePreferred", "\1", 1);
	client_barrier(&c);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_unknown_frames_total"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_recv_total"),
	    0);
	client_close(&c);
}
END_TEST

/* ---- WebSocket Close (D-16) ---- */

START_TEST(close_ends_the_session_without_one_in_return)
{
	struct client c;

	if (_i == 0) {
		client_login(&c, &rig, RK_CARRIER_WS, 1);
	} else {
		client_open(&c, &rig, SERVICE_RELAY);
		client_upgrade(&c, RK_CARRIER_WS);
	}
	client_send_ws(&c, true, RK_WS_CLOSE, "\3\xe8", 2);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      _i == 0 ? "relayd_ended_total{end=\"eof\","
					"stage=\"open\"}"
				      : "relayd_ended_total{end=\"eof\","
					"stage=\"login\"}"),
	    1);
	client_close(&c);
}
END_TEST

START_TEST(the_other_generations_return_it)
{
	struct client c;

	rig.conf.generation = _i ? GENERATION_BOTH : GENERATION_028;
	client_login(&c, &rig, RK_CARRIER_WS, 1);
	client_send_ws(&c, true, RK_WS_CLOSE, "\3\xe8", 2);
	client_expect_ws(&c, RK_WS_CLOSE, "\3\xe8", 2);
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

/* ---- what counts as sent, and when (D-26) ---- */

#define SENT(disco)                                                            \
	rig_metric(&rig,                                                       \
	    (disco) ? "relayserver_disco_packets_sent_total"                   \
		    : "relayserver_send_packets_sent_total")
#define DROPPED(disco)                                                         \
	rig_metric(&rig,                                                       \
	    (disco) ? "relayserver_disco_packets_dropped_total"                \
		    : "relayserver_send_packets_dropped_total")

/* A receiver that does not read, of whom more waits than its queue holds. */
static uint64_t
block(struct client *a, struct client *b, bool disco)
{
	enum {
		N = 5000
	};
	const char *data = disco ? DISCO : "0123456789 0123456789 0123456789";
	enum lane lane = disco ? LANE_DISCO : LANE_PACKETS;
	uint64_t full;

	client_login(a, &rig, RK_CARRIER_RAW, 1);
	client_login(b, &rig, RK_CARRIER_RAW, 2);
	for (int i = 0; i < N; i++)
		client_send_packet(a, b, data);
	rig_settle(&rig);
	full = rig_metric(&rig,
	    disco ? "relayd_queue_dropped_total{queue=\"disco\"}"
		  : "relayd_queue_dropped_total{queue=\"packets\"}");
	ck_assert_uint_gt(full, 0);
	ck_assert_uint_gt(b->conn->under_way[lane], 0);
	ck_assert_uint_eq(SENT(disco) + b->conn->under_way[lane] +
		b->conn->lane[lane].count,
	    N - full);
	ck_assert_uint_eq(DROPPED(disco), 0);
	return N - full;
}

START_TEST(a_packet_is_sent_once_it_is_written)
{
	struct client a, b;
	struct rk_frame f;
	uint64_t queued = block(&a, &b, _i == 1), n = 0;

	while (n < queued) {
		client_poll(&b);
		while (client_next_frame(&b, &f))
			n++;
	}
	ck_assert_uint_eq(SENT(_i == 1), queued);
	ck_assert_uint_eq(SENT(_i != 1), 0);
	ck_assert_uint_eq(DROPPED(_i == 1), 0);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(one_packet_of_a_write_that_fails_is_dropped)
{
	bool disco = _i & 1;
	struct client a, b;
	uint64_t sent;

	block(&a, &b, disco);
	sent = SENT(disco);
	if (_i & 2)
		client_close(&b);
	rig_pass(&rig, 3 * NS_PER_S); /* the write times out */
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_disconnects_total"), 1);
	ck_assert_uint_eq(SENT(disco), sent);
	ck_assert_uint_eq(DROPPED(disco), 1);
	ck_assert_uint_eq(DROPPED(!disco), 0);
	client_close(&a);
	client_close(&b);
}
END_TEST

/* In both other generations it is the other way round. */
START_TEST(the_other_generations_stay_as_they_are)
{
	struct client c;

	rig.conf.generation = _i ? GENERATION_BOTH : GENERATION_028;
	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	client_send_frame(&c, "Health", "fine", 4);
	client_send_frame(&c, "NotePreferred", "\1", 1);
	client_send_frame(&c, "Pong", "abcdefgh", 8);
	client_barrier(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_recv_total"),
	    2);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_unknown_frames_total"),
	    1);
	rig_pass(&rig, 64 * NS_PER_S);
	client_expect_nothing(&c);
	rig_pass(&rig, 2 * NS_PER_S);
	client_expect_frame(&c, "KeepAlive", NULL, 0);
	client_close(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd 0.35");
	TCase *tc = tcase_create("0.35");

	tcase_add_checked_fixture(tc, setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, disco_goes_before_packets_and_notices_go_last,
	    0, 2);
	tcase_add_test(tc,
	    a_backlog_of_disco_leaves_packets_and_notices_their_share);
	tcase_add_loop_test(tc,
	    a_silent_client_is_pinged_and_lives_while_it_answers, 0, 2);
	tcase_add_test(tc, all_jitters_are_drawn);
	tcase_add_rows(tc,
	    without_its_pong_the_connection_ends_after_five_seconds,
	    wrong_answers);
	tcase_add_test(tc, who_talks_is_not_pinged);
	tcase_add_test(tc, only_the_latest_ping_counts);
	tcase_add_loop_test(tc, health_from_a_client_ends_the_connection, 0, 2);
	tcase_add_loop_test(tc, note_preferred_is_one_of_the_unknown, 0, 2);
	tcase_add_loop_test(tc, the_other_generations_stay_as_they_are, 0, 2);
	tcase_add_loop_test(tc, close_ends_the_session_without_one_in_return, 0,
	    2);
	tcase_add_loop_test(tc, the_other_generations_return_it, 0, 2);
	tcase_add_loop_test(tc, a_packet_is_sent_once_it_is_written, 0, 2);
	tcase_add_loop_test(tc, one_packet_of_a_write_that_fails_is_dropped, 0,
	    4);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
