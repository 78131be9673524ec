/* Who hears of whose departure, duplicate logins, ends of every kind. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/stream.h"
#include "relayd_rig.h"
#include "support.h"

static void
exchange(struct client *from, struct client *to)
{
	client_send_packet(from, to, "x");
	client_expect_packet(to, from, "x");
}

/* ---- PeerGone ---- */

START_TEST(whoever_was_sent_to_hears_once_that_the_sender_left)
{
	struct client a, b, c, d;

	client_login(&a, &rig, carriers[_i & 1], 1);
	client_login(&b, &rig, carriers[_i >> 1], 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	client_login(&d, &rig, RK_CARRIER_RAW, 4);
	for (int i = 0; i < 10; i++)
		exchange(&a, &b);
	exchange(&a, &c);
	exchange(&a, &a);
	exchange(&d, &a); /* only sent to it */
	client_close(&a);
	client_expect_gone(&b, &a);
	client_expect_gone(&c, &a);
	client_expect_nothing(&b);
	client_expect_nothing(&c);
	client_expect_nothing(&d);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_sent_total"),
	    2);
	client_send_packet(&b, &a, "too late");
	client_barrier(&b);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_dropped_total"),
	    1);
	client_close(&b);
	client_close(&c);
	client_close(&d);
}
END_TEST

START_TEST(who_was_absent_when_it_was_sent_to_hears_nothing)
{
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_close(&b);
	rig_settle(&rig);
	client_send_packet(&a, &b, "x");
	client_barrier(&a);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_close(&a);
	client_expect_nothing(&b);
	client_close(&b);
}
END_TEST

START_TEST(the_notice_follows_a_key_to_its_new_connection)
{
	struct client a, b, again;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	if (_i == 0) {
		client_close(&b);
		rig_settle(&rig);
	}
	client_login(&again, &rig, RK_CARRIER_WS, 2);
	client_close(&a);
	client_expect_gone(&again, &a);
	client_expect_nothing(&again);
	client_close(&b);
	client_close(&again);
}
END_TEST

START_TEST(the_successor_of_a_key_hears_nothing_of_itself)
{
	struct client a, again;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	exchange(&a, &a);
	client_close(&a);
	client_login(&again, &rig, RK_CARRIER_RAW, 1);
	client_expect_nothing(&again);
	client_close(&again);
}
END_TEST

/* ---- the same key again ---- */

START_TEST(the_newest_login_takes_over)
{
	struct client a, again, b;

	client_login(&a, &rig, carriers[_i & 1], 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	client_login(&again, &rig, carriers[_i >> 1], 1);
	client_expect_end(&a);
	client_expect_nothing(&b);
	exchange(&b, &again);
	exchange(&again, &b);
	rig_pass(&rig, 2 * NS_PER_S);
	exchange(&b, &again);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"replaced\",stage="
			      "\"open\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_disconnects_total"), 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_clients"), 2);
	client_close(&a);
	client_close(&again);
	/* What the replaced one sent is not forgotten. */
	client_expect_gone(&b, &again);
	client_expect_nothing(&b);
	client_close(&b);
}
END_TEST

START_TEST(who_only_the_replaced_connection_sent_to_hears_as_well)
{
	struct client a, again, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	client_login(&again, &rig, RK_CARRIER_RAW, 1);
	client_close(&again);
	client_expect_gone(&b, &a);
	client_expect_nothing(&b);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(of_a_hundred_logins_the_last_one_lives)
{
	struct client c[100], b;

	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 100; i++)
		client_login(&c[i], &rig, carriers[i & 1], 1);
	for (int i = 0; i < 99; i++) {
		client_expect_end(&c[i]);
		client_close(&c[i]);
	}
	exchange(&b, &c[99]);
	ck_assert_uint_eq(rig.server->worker.nconns, 2);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"replaced\",stage="
			      "\"open\"}"),
	    99);
	client_close(&c[99]);
	client_close(&b);
}
END_TEST

START_TEST(a_replaced_connection_that_cannot_write_goes_within_its_time)
{
	static char data[4000];
	struct client slow, again, b;

	memset(data, 'x', sizeof(data) - 1);
	client_login(&slow, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 300; i++)
		client_send_packet(&b, &slow, data);
	rig_settle(&rig);
	ck_assert_uint_gt(stream_queued(slow.conn->stream), 0);
	client_login(&again, &rig, RK_CARRIER_RAW, 1);
	exchange(&b, &again);
	ck_assert_uint_eq(rig.server->worker.nconns, 3);
	rig_pass(&rig, 2100 * NS_PER_MS);
	ck_assert_uint_eq(rig.server->worker.nconns, 2);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"replaced\",stage="
			      "\"open\"}"),
	    1);
	exchange(&b, &again);
	client_close(&slow);
	client_close(&again);
	client_close(&b);
}
END_TEST

/* ---- ends ---- */

START_TEST(a_half_close_ends_the_session)
{
	struct client a, b;

	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	client_shut(&a);
	client_expect_end(&a);
	client_expect_gone(&b, &a);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_ping_before_the_end_is_answered)
{
	struct client a;

	client_login(&a, &rig, carriers[_i], 1);
	client_send_frame(&a, "Ping", "12345678", 8);
	client_shut(&a);
	client_expect_frame(&a, "Pong", "12345678", 8);
	client_expect_end(&a);
	client_close(&a);
}
END_TEST

/* What came in one piece is worked on in pieces; and a broken rule is no reason
 * to keep answers back. */
START_TEST(everything_before_the_end_is_worked_on_and_answered)
{
	enum {
		PINGS = 9000
	};
	struct client a, b;
	const size_t pong = carriers[_i & 1] == RK_CARRIER_RAW ? 13 : 11;
	struct rk_frame f;

	client_login(&a, &rig, carriers[_i & 1], 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_cork(&a);
	for (int i = 0; i < PINGS; i++)
		client_send_frame(&a, "Ping", "12345678", 8);
	client_send_packet(&a, &b, "last");
	if (_i >= 2)
		client_send_frame(&a, "Ping", "1234567", 7);
	client_uncork(&a);
	client_shut(&a);
	for (int i = 0; i < 10; i++)
		client_poll(&a);
	ck_assert(client_next_frame(&a, &f));
	ck_assert_str_eq(f.spec->name, "Pong");
	ck_assert_uint_eq(a.in_len, (PINGS - 1) * pong);
	a.in_len = 0;
	client_expect_end(&a);
	client_expect_gone(&b, &a);
	client_expect_packet(&b, &a, "last");
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_protocol_error_is_a_departure_too)
{
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	client_send(&a, "\xff\0\0\0\0", 5);
	client_expect_end(&a);
	client_expect_gone(&b, &a);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_socketpair_closed_with_input_unread_is_a_reset)
{
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	exchange(&a, &b);
	client_send_frame(&a, "Ping", "12345678", 8);
	rig_settle(&rig); /* the Pong stays unread */
	client_close(&a);
	client_expect_gone(&b, &a);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"reset\",stage="
			      "\"open\"}"),
	    1);
	client_close(&b);
}
END_TEST

START_TEST(the_relay_stops_without_a_frame)
{
	struct client open[2], login, http, b;

	for (int i = 0; i < 2; i++)
		client_login(&open[i], &rig, carriers[i], (uint8_t)(1 + i));
	client_login(&b, &rig, RK_CARRIER_RAW, 3);
	exchange(&open[0], &b);
	client_open(&login, &rig, SERVICE_RELAY);
	client_upgrade(&login, RK_CARRIER_RAW);
	client_open(&http, &rig, SERVICE_RELAY);
	server_stop(rig.server);
	client_expect_end(&open[0]);
	client_expect_end(&open[1]);
	client_expect_end(&login);
	client_expect_end(&http);
	client_expect_end(&b);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"shutdown\",stage="
			      "\"open\"}"),
	    3);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"shutdown\",stage="
			      "\"login\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_sent_total"),
	    0);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
	client_close(&open[0]);
	client_close(&open[1]);
	client_close(&login);
	client_close(&http);
	client_close(&b);
}
END_TEST

START_TEST(a_stop_writes_what_is_queued)
{
	enum {
		N = 300
	};
	static char data[1200];
	struct client a, b;
	int got = 0;

	memset(data, 'x', sizeof(data) - 1);
	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	for (int i = 0; i < N; i++)
		client_send_packet(&a, &b, data);
	rig_settle(&rig);
	ck_assert_uint_gt(b.conn->lane[LANE_PACKETS].count, 0);
	server_stop(rig.server);
	for (int i = 0; i < 50; i++) {
		struct rk_frame f;

		client_poll(&b);
		while (client_next_frame(&b, &f))
			got++;
	}
	ck_assert_int_eq(got, N);
	client_expect_end(&b);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_stop_waits_no_longer_than_the_write_timeout)
{
	static char data[1200];
	struct client a, b;

	memset(data, 'x', sizeof(data) - 1);
	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 500; i++)
		client_send_packet(&a, &b, data);
	server_stop(rig.server);
	rig_settle(&rig);
	ck_assert_uint_eq(rig.server->worker.nconns, 1);
	rig_pass(&rig, 2100 * NS_PER_MS);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
	client_close(&a);
	client_close(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd presence");
	TCase *tc = tcase_create("presence");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc,
	    whoever_was_sent_to_hears_once_that_the_sender_left, 0, 4);
	tcase_add_test(tc, who_was_absent_when_it_was_sent_to_hears_nothing);
	tcase_add_loop_test(tc, the_notice_follows_a_key_to_its_new_connection,
	    0, 2);
	tcase_add_test(tc, the_successor_of_a_key_hears_nothing_of_itself);
	tcase_add_loop_test(tc, the_newest_login_takes_over, 0, 4);
	tcase_add_test(tc,
	    who_only_the_replaced_connection_sent_to_hears_as_well);
	tcase_add_test(tc, of_a_hundred_logins_the_last_one_lives);
	tcase_add_test(tc,
	    a_replaced_connection_that_cannot_write_goes_within_its_time);
	tcase_add_loop_test(tc, a_half_close_ends_the_session, 0, 2);
	tcase_add_loop_test(tc, a_ping_before_the_end_is_answered, 0, 2);
	tcase_add_loop_test(tc,
	    everything_before_the_end_is_worked_on_and_answered, 0, 4);
	tcase_add_test(tc, a_protocol_error_is_a_departure_too);
	tcase_add_test(tc, a_socketpair_closed_with_input_unread_is_a_reset);
	tcase_add_test(tc, the_relay_stops_without_a_frame);
	tcase_add_test(tc, a_stop_writes_what_is_queued);
	tcase_add_test(tc, a_stop_waits_no_longer_than_the_write_timeout);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
