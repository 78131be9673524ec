/* What relayd does with the frames of WebSocket itself. */
#include "config.h"

#include <string.h>

#include "relayd_rig.h"
#include "support.h"

START_TEST(a_fragmented_message_with_pings_between_is_joined)
{
	struct client c;

	client_login(&c, &rig, RK_CARRIER_WS, 1);
	for (int i = 0; i < 3; i++) {
		client_send_ws(&c, false, RK_WS_BINARY,
		    "\x0c"
		    "12",
		    3);
		client_send_ws(&c, true, RK_WS_PING, "first", 5);
		client_expect_ws(&c, RK_WS_PONG, "first", 5);
		client_send_ws(&c, false, RK_WS_CONTINUATION, "3456", 4);
		client_send_ws(&c, true, RK_WS_PING, "", 0);
		client_expect_ws(&c, RK_WS_PONG, "", 0);
		client_send_ws(&c, true, RK_WS_CONTINUATION, "78", 2);
		client_expect_frame(&c, "Pong", "12345678", 8);
	}
	client_send_ws(&c, false, RK_WS_BINARY, "\x0c", 1);
	client_send_ws(&c, true, RK_WS_PING, "all", 3);
	client_send_ws(&c, true, RK_WS_CONTINUATION, "12345678", 8);
	client_expect_ws(&c, RK_WS_PONG, "all", 3);
	client_expect_frame(&c, "Pong", "12345678", 8);
	client_barrier(&c);
	client_close(&c);
}
END_TEST

START_TEST(fragments_and_lent_packets_do_not_meet)
{
	struct client a, b;
	uint8_t message[1 + RK_KEY_LEN + 40];

	client_login(&a, &rig, RK_CARRIER_WS, 1);
	client_login(&b, &rig, carriers[_i], 2);
	message[0] = 4;
	memcpy(message + 1, b.key.b, RK_KEY_LEN);
	memset(message + 1 + RK_KEY_LEN, 'f', 40);
	client_cork(&a);
	for (int i = 0; i < 20; i++) {
		/* all in one turn: a whole packet, one in pieces, a ping */
		client_send_packet(&a, &b, "whole");
		client_send_ws(&a, false, RK_WS_BINARY, message, 20);
		client_send_ws(&a, false, RK_WS_CONTINUATION, message + 20, 1);
		client_send_ws(&a, true, RK_WS_PING, "ping", 4);
		client_send_ws(&a, true, RK_WS_CONTINUATION, message + 21,
		    sizeof(message) - 21);
		client_send_packet(&a, &b, "behind");
	}
	client_uncork(&a);
	for (int i = 0; i < 20; i++) {
		client_expect_ws(&a, RK_WS_PONG, "ping", 4);
		client_expect_packet(&b, &a, "whole");
		memcpy(message + 1, a.key.b, RK_KEY_LEN);
		client_expect_frame(&b, "RecvPacket", message + 1,
		    sizeof(message) - 1);
		client_expect_packet(&b, &a, "behind");
	}
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(text_and_pongs_are_skipped)
{
	struct client c;

	client_login(&c, &rig, RK_CARRIER_WS, 1);
	client_send_ws(&c, true, RK_WS_TEXT,
	    "\x0c"
	    "12345678",
	    9);
	client_send_ws(&c, true, RK_WS_PONG, "x", 1);
	client_expect_nothing(&c);
	client_barrier(&c);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_websocket_skipped_total"),
	    2);
	client_close(&c);
}
END_TEST

START_TEST(a_close_is_returned_and_ends_the_session)
{
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_WS, 1);
	client_login(&b, &rig, RK_CARRIER_WS, 2);
	client_send_packet(&a, &b, "x");
	client_expect_packet(&b, &a, "x");
	client_send_ws(&a, true, RK_WS_CLOSE, "\x03\xe8 bye", 6);
	client_expect_ws(&a, RK_WS_CLOSE, "\x03\xe8", 2);
	client_expect_end(&a);
	client_expect_gone(&b, &a);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"eof\",stage=\"open\"}"),
	    1);
	client_close(&a);
	client_close(&b);
}
END_TEST

static const char *const broken_ws[] = {
	"8209 0c0102030405060708",              /* not masked */
	"c289 00000000 0c0102030405060708",     /* reserved bit */
	"8389 00000000 0c0102030405060708",     /* reserved opcode */
	"0980 00000000",                        /* fragmented control frame */
	"89fe007e 00000000",                    /* long control frame */
	"8080 00000000",                        /* continuation of nothing */
	"0281 00000000 0c 8281 00000000 0c",    /* message in a message */
	"8281 00000000",                        /* cut; not broken: see below */
	"8881 00000000 00",                     /* Close of one byte */
	"8280 00000000",                        /* empty message */
	"82fe0009 00000000 0c0102030405060708", /* length not minimal */
	"8181 00000000 ff",                     /* text that is not UTF-8 */
	"82ff 0000000001000000 00000000",       /* 16 MiB */
};

#define CUT_ROW 7

START_TEST(a_broken_websocket_frame_ends_the_connection)
{
	size_t len;
	const uint8_t *frame = hex(broken_ws[_i], &len);
	struct client c;

	client_login(&c, &rig, RK_CARRIER_WS, 1);
	client_send(&c, frame, len);
	if (_i == CUT_ROW) {
		client_expect_nothing(&c);
		client_close(&c);
		rig_settle(&rig);
		ck_assert_uint_eq(rig_metric(&rig,
				      "relayd_ended_total{end=\"truncated\","
				      "stage=\"open\"}"),
		    1);
		return;
	}
	client_expect_protocol_end(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd websocket");
	TCase *tc = tcase_create("websocket");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_fragmented_message_with_pings_between_is_joined);
	tcase_add_loop_test(tc, fragments_and_lent_packets_do_not_meet, 0, 2);
	tcase_add_test(tc, text_and_pongs_are_skipped);
	tcase_add_test(tc, a_close_is_returned_and_ends_the_session);
	tcase_add_rows(tc, a_broken_websocket_frame_ends_the_connection,
	    broken_ws);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
