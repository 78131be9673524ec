/*
 * The two histories that this project began with, on a connection over a
 * socketpair: everything that goes in and out of one, and its sudden end.
 */
#include "config.h"

#include <string.h>

#include "relayd_rig.h"
#include "support.h"

#define DISCO                                                                  \
	"TS\xf0\x9f\x92\xac"                                                   \
	"the sender's disco key, 32 bytes"                                     \
	"and the rest"

START_TEST(io_basic)
{
	struct client a, b, c;
	static const uint8_t yes = 1, no = 0;

	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, carriers[_i], 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);

	/* To B: a packet, a disco packet, a notice. */
	client_send_packet(&c, &b, "a packet");
	client_expect_packet(&b, &c, "a packet");
	client_send_packet(&c, &b, DISCO);
	client_expect_packet(&b, &c, DISCO);
	client_close(&c);
	client_expect_gone(&b, &c);

	/* From A: a ping, two preferences, a packet, a disco packet. */
	client_send_frame(&a, "Ping", "\1\2\3\4\5\6\7\10", 8);
	client_expect_frame(&a, "Pong", "\1\2\3\4\5\6\7\10", 8);
	client_send_frame(&a, "NotePreferred", &no, 1);
	client_barrier(&a);
	client_send_frame(&a, "NotePreferred", &yes, 1);
	client_barrier(&a);
	client_send_packet(&a, &b, "another");
	client_expect_packet(&b, &a, "another");
	client_send_packet(&a, &b, DISCO);
	client_expect_packet(&b, &a, DISCO);

	client_expect_nothing(&a);
	client_expect_nothing(&b);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_recv_total"),
	    2);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_disco_packets_recv_total"),
	    2);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_recv_total"),
	    2);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(read_eof)
{
	struct client a, b;

	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_send_packet(&a, &b, "last words");
	client_expect_packet(&b, &a, "last words");
	client_close(&a);

	/* Ended, unregistered, the recipient told, all without delay. */
	client_expect_gone(&b, &a);
	ck_assert_uint_eq(rig.server->worker.nconns, 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_clients"), 1);
	client_send_packet(&b, &a, "to nobody");
	client_barrier(&b);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_dropped_total"),
	    1);

	/* Logged and counted as an end that nobody announced … */
	ck_assert_ptr_nonnull(
	    strstr(rig.log.s, "conn=1 closed end=eof stage=open "));
	ck_assert_ptr_null(strstr(rig.log.s, "end=shutdown"));
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"eof\",stage=\"open\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"shutdown\",stage="
			      "\"open\"}"),
	    0);

	/* … and not as the orderly stop, which is told apart. */
	server_stop(rig.server);
	client_expect_end(&b);
	ck_assert_ptr_nonnull(
	    strstr(rig.log.s, "conn=2 closed end=shutdown stage=open "));
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"shutdown\",stage="
			      "\"open\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"eof\",stage=\"open\"}"),
	    1);
	client_close(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd seed");
	TCase *tc = tcase_create("seed");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_loop_test(tc, io_basic, 0, 2);
	tcase_add_loop_test(tc, read_eof, 0, 2);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
