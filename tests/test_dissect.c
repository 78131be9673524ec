/* Streams in, events out. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "codec/ws.h"
#include "support.h"
#include "talk.h"

/* ---- HTTP ---- */

START_TEST(pipelined_requests_meet_their_answers)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S,
	    "HEAD / HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\n\r\n"
	    "GET /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\n"
	    "Content-Length: 3\r\n\r\nabc");
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" /* of HEAD: none */
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found"
	    "HTTP/1.1 204 No Content\r\n\r\n"
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_talk(&k,
	    "c:http(HEAD / HTTP/1.1) c:http(GET /a HTTP/1.1) "
	    "c:http(GET /b HTTP/1.1) c:http(POST /c HTTP/1.1) c:body[3] "
	    "s:http(HTTP/1.1 200 OK) s:http(HTTP/1.1 404 Not Found) s:body[9] "
	    "s:http(HTTP/1.1 204 No Content) s:http(HTTP/1.1 100 Continue) "
	    "s:http(HTTP/1.1 200 OK)" ENDS);
}
END_TEST

START_TEST(an_answer_captured_before_its_request_waits_for_it)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
	say_text(&k, DIR_C2S, "HEAD / HTTP/1.1\r\n\r\n");
	assert_talk(&k, "c:http(HEAD / HTTP/1.1) s:http(HTTP/1.1 200 OK)" ENDS);
}
END_TEST

START_TEST(bodies_in_chunks_and_to_the_end)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nHello\r\n6;x=y\r\n World\r\n0\r\n\r\n"
	    "HTTP/1.1 200 OK\r\n\r\nto the end");
	assert_talk(&k,
	    "c:http(GET / HTTP/1.1) c:http(GET / HTTP/1.1) "
	    "s:http(HTTP/1.1 200 OK) s:body[11] "
	    "s:http(HTTP/1.1 200 OK) c:ended(eof) s:body[10] s:ended(eof)");
}
END_TEST

START_TEST(a_large_body_comes_in_equal_pieces)
{
	struct talk k = { .n = 0 };
	const size_t len = 150000;
	uint8_t *body = xcalloc(1, len);

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\n\r\n");
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 200 OK\r\nContent-Length: 150000\r\n\r\n");
	say(&k, DIR_S2C, body, len);
	assert_talk(&k,
	    "c:http(GET / HTTP/1.1) s:http(HTTP/1.1 200 OK) "
	    "s:body[65536] s:body[65536] s:body[18928]" ENDS);
	free(body);
}
END_TEST

START_TEST(a_refused_upgrade_leaves_http_going)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, RAW_REQUEST);
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
	say_text(&k, DIR_C2S, "GET /x HTTP/1.1\r\n\r\n");
	say_text(&k, DIR_S2C, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_talk(&k,
	    "c:http(GET /relay HTTP/1.1) s:http(HTTP/1.1 400 Bad Request) "
	    "c:http(GET /x HTTP/1.1) s:http(HTTP/1.1 204 No Content)" ENDS);
}
END_TEST

START_TEST(what_is_no_http_becomes_rest)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "SSH-2.0-x\r\n");
	say_text(&k, DIR_S2C, "SSH-2.0-y\r\nmore");
	assert_talk(&k,
	    "c:rest[11]!HTTP_LINE c:ended(eof) "
	    "s:rest[15]!HTTP_LINE s:ended(eof)");
}
END_TEST

START_TEST(half_a_head_is_rest_and_truncated)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\nHost: ");
	assert_talk(&k, "c:rest[22] c:ended(truncated) s:ended(eof)");
}
END_TEST

START_TEST(a_broken_body_becomes_rest)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\n\r\n");
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nHello\r\nzz\r\n");
	assert_talk(&k,
	    "c:http(GET / HTTP/1.1) s:http(HTTP/1.1 200 OK) s:body[5] "
	    "c:ended(eof) s:rest[4]!HTTP_BODY s:ended(eof)");
}
END_TEST

START_TEST(an_upgrade_to_something_else_is_said_and_left)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\nPRI *");
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nxyz");
	assert_talk(&k,
	    "c:http(GET / HTTP/1.1) s:http(HTTP/1.1 101 Switching Protocols) "
	    "-:remark c:rest[5] c:ended(eof) s:rest[3] s:ended(eof)");
}
END_TEST

/* ---- frames on the raw carrier ---- */

START_TEST(raw_frames_follow_the_101)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN PING);
	say_hex(&k, DIR_S2C, PONG "06 00000000");
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:Ping[8] s:Pong[8] "
		     "s:KeepAlive[0]" ENDS);
}
END_TEST

START_TEST(what_the_client_says_too_early_waits_for_the_101)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, RAW_REQUEST);
	say_hex(&k, DIR_C2S, LOGIN);
	say_text(&k, DIR_S2C, RAW_101);
	assert_talk(&k, UPGRADED "c:ClientInfo[106]" ENDS);
}
END_TEST

START_TEST(early_bytes_without_an_answer_are_rest)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, RAW_REQUEST);
	say_hex(&k, DIR_C2S, PING);
	assert_talk(&k,
	    "c:http(GET /relay HTTP/1.1) c:rest[13] c:ended(truncated) "
	    "s:ended(eof)");
}
END_TEST

START_TEST(a_body_before_the_frames_is_a_body)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S,
	    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	    "content-length: 3\r\n\r\n");
	say_text(&k, DIR_S2C, RAW_101);
	say_text(&k, DIR_C2S, "abc");
	say_hex(&k, DIR_C2S, LOGIN);
	assert_talk(&k, UPGRADED "c:body[3] c:ClientInfo[106]" ENDS);
}
END_TEST

START_TEST(damaged_frames_are_named)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "10 00000001 ff");
	say_hex(&k, DIR_C2S, "0c 00000007 01020304050607");
	say_hex(&k, DIR_C2S, "07 00000001 02");
	say_hex(&k, DIR_S2C, "08 00000021" KEY_A "01");
	/* 32 × 02 is no point of the curve (section 2.3). */
	say_hex(&k, DIR_S2C,
	    "08 00000020"
	    "0202020202020202020202020202020202020202020202020202020202020202");
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:unknown 0x10[1]!UNKNOWN_TYPE "
		     "c:Ping[7]!LENGTH c:NotePreferred[1]!VALUE "
		     "s:PeerGone[33]!LENGTH s:PeerGone[32]!KEY" ENDS);
}
END_TEST

START_TEST(a_length_that_nobody_accepts_ends_the_frames)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "0e 00100001");
	say_hex(&k, DIR_C2S, PING);
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:rest[5]!TOO_LONG c:rest[13] "
		     "c:ended(eof) s:ended(eof)");
}
END_TEST

START_TEST(an_unfinished_frame_is_rest_and_truncated)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "0c 00000008 0102");
	say_hex(&k, DIR_S2C, "0d 0000");
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:rest[7] c:ended(truncated) "
		     "s:rest[3] s:ended(truncated)");
}
END_TEST

static const struct {
	const char *frame;
	const char *word;
} logins[] = {
	{ LOGIN, "c:ClientInfo[106]" },
	/* one bit of the signature */
	{ "02 0000006a 52454c4159f09f9491" KEY_A
	  "756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b9"
	  "766abc634e4b7a4df1aa7aac190b4f8d5b3aa519bc2f9e312f0196b245a02001"
	  "03",
	    "c:ClientInfo[106]!SIGNATURE" },
	{ "02 0000006a 52454c4159f09f9490" KEY_A
	  "756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b9"
	  "766abc634e4b7a4df1aa7aac190b4f8d5b3aa519bc2f9e312f0196b245a02000"
	  "03",
	    "c:ClientInfo[106]!MAGIC" },
	{ PING, "c:Ping[8]!UNEXPECTED" },
};

START_TEST(the_first_frame_is_judged_as_a_login)
{
	struct talk k = { .n = 0 };
	char want[256];

	upgrade(&k);
	say_hex(&k, DIR_C2S, logins[_i].frame);
	say_hex(&k, DIR_C2S, PING);
	snprintf(want, sizeof(want), UPGRADED "%s c:Ping[8]" ENDS,
	    logins[_i].word);
	assert_talk(&k, want);
}
END_TEST

/* ---- WebSocket ---- */

START_TEST(frames_in_websocket_messages)
{
	struct talk k = { .n = 0 };

	upgrade_ws(&k);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_LOGIN);
	say_ws(&k, DIR_C2S, RK_WS_PING, true, "abcd");
	say_ws(&k, DIR_S2C, RK_WS_PONG, true, "abcd");
	say_ws(&k, DIR_C2S, RK_WS_TEXT, true, "6869");
	say_ws(&k, DIR_S2C, RK_WS_BINARY, true, WS_PONG);
	say_ws(&k, DIR_C2S, RK_WS_CLOSE, true, "03e8");
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:ws opcode 9[2] s:ws opcode 10[2] "
		     "c:ws opcode 1[2] s:Pong[8] c:ws opcode 8[2]" ENDS);
}
END_TEST

START_TEST(fragments_with_a_ping_between)
{
	struct talk k = { .n = 0 };
	struct transcript *t;

	upgrade_ws(&k);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_LOGIN);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, false, "0c0102");
	say_ws(&k, DIR_C2S, RK_WS_PING, true, "");
	say_ws(&k, DIR_C2S, RK_WS_CONTINUATION, false, "0304");
	say_ws(&k, DIR_C2S, RK_WS_CONTINUATION, true, "05060708");
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_PING);
	t = dissect(&k, SIZE_MAX);
	ck_assert_str_eq(t->events[4].text, "3 fragments");
	ck_assert_uint_eq(t->events[4].packet, 7);
	transcript_free(t);
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:ws opcode 9[0] c:Ping[8] "
		     "c:Ping[8]" ENDS);
}
END_TEST

START_TEST(broken_websocket_frames_become_rest)
{
	struct talk k = { .n = 0 };

	upgrade_ws(&k);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_LOGIN);
	say_hex(&k, DIR_C2S, "8202 0c01"); /* not masked */
	say_ws(&k, DIR_S2C, RK_WS_BINARY, true, "");
	say_hex(&k, DIR_S2C, "c200");
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] s:rest[0]!EMPTY "
		     "c:rest[4]!WS_MASK c:ended(eof) "
		     "s:rest[2]!WS_RSV s:ended(eof)");
}
END_TEST

START_TEST(a_wrong_payload_does_not_hide_what_follows)
{
	struct talk k = { .n = 0 };

	upgrade_ws(&k);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_LOGIN);
	say_ws(&k, DIR_C2S, RK_WS_TEXT, false, "61");
	say_ws(&k, DIR_C2S, RK_WS_CONTINUATION, true, "ff");
	say_ws(&k, DIR_C2S, RK_WS_CLOSE, true, "0001");
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_PING);
	assert_talk(&k,
	    UPGRADED "c:ClientInfo[106] c:ws opcode 1[2]!UTF8 "
		     "c:ws opcode 8[2]!WS_CLOSE c:Ping[8]" ENDS);
}
END_TEST

START_TEST(a_message_too_long_to_hold_is_passed_over)
{
	static const size_t len = 3 << 20;
	struct talk k = { .n = 0 };
	uint8_t *zeros = xcalloc(1, len);
	struct text want;

	upgrade_ws(&k);
	say_hex(&k, DIR_S2C, "827f 0000000000300000");
	say(&k, DIR_S2C, zeros, len);
	say_ws(&k, DIR_S2C, RK_WS_BINARY, true, WS_PONG);
	text_init(&want);
	text_add(&want, UPGRADED "s:rest[65536]!TOO_LONG ");
	for (int i = 1; i < 48; i++)
		text_add(&want, "s:rest[65536] ");
	text_add(&want, "s:rest[10] s:Pong[8]" ENDS);
	assert_talk(&k, text_str(&want));
	text_clear(&want);
	free(zeros);
}
END_TEST

START_TEST(a_wrong_accept_value_is_shown)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, WS_REQUEST);
	say_text(&k, DIR_S2C,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n");
	say_ws(&k, DIR_S2C, RK_WS_BINARY, true, WS_PONG);
	assert_talk(&k,
	    "c:http(GET /relay HTTP/1.1) s:http(HTTP/1.1 101 Switching "
	    "Protocols)!UPGRADE_ACCEPT s:Pong[8]" ENDS);
}
END_TEST

/* ---- times, bounds ---- */

START_TEST(an_event_has_the_time_of_the_segment_that_completes_it)
{
	struct talk k = { .n = 0 };
	struct transcript *t;

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "0c000000");
	say_hex(&k, DIR_C2S, "08 0102030405060708");
	t = dissect(&k, SIZE_MAX);
	ck_assert_uint_eq(t->events[2].packet, 3);
	ck_assert_uint_eq(t->events[3].packet, 4);
	ck_assert_int_eq(t->events[3].time_ns, 3000);
	transcript_free(t);
	talk_clear(&k);
	/* What was held back keeps its own time. */
	say_text(&k, DIR_C2S, RAW_REQUEST);
	say_hex(&k, DIR_C2S, LOGIN);
	say_hex(&k, DIR_C2S, PING);
	say_text(&k, DIR_S2C, RAW_101);
	t = dissect(&k, SIZE_MAX);
	assert_words(t, UPGRADED "c:ClientInfo[106] c:Ping[8]" ENDS);
	ck_assert_uint_eq(t->events[2].packet, 2);
	ck_assert_uint_eq(t->events[3].packet, 3);
	transcript_free(t);
	talk_clear(&k);
}
END_TEST

START_TEST(what_is_held_is_bounded)
{
	static uint8_t zeros[65536];
	struct dissector *d;
	struct transcript *t = dissect_begin(&d);
	size_t most = 0;

	memset(zeros, 'x', sizeof(zeros));
	dissector_feed(d, DIR_C2S, RAW_REQUEST, strlen(RAW_REQUEST), 0, 1);
	for (int i = 0; i < 200; i++) {
		dissector_feed(d, DIR_C2S, zeros, sizeof(zeros), 0, 2);
		if (dissector_held(d) > most)
			most = dissector_held(d);
	}
	ck_assert_uint_le(most, 8u << 20);
	dissector_end(d, DIR_C2S, ENDING_EOF, 0, 3);
	dissector_end(d, DIR_S2C, ENDING_EOF, 0, 3);
	ck_assert_uint_eq(t->events[1].error, RK_ERR_TOO_LONG);
	/* Every byte is somewhere. */
	size_t rest = 0;
	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].kind == EVENT_REST)
			rest += t->events[i].len;
	ck_assert_uint_eq(rest, 200 * sizeof(zeros));
	dissector_free(d);
	transcript_free(t);
}
END_TEST

/* Random streams: in pieces of any size the same events, and no byte of a
 * direction is lost or invented. */
START_TEST(random_streams_do_not_depend_on_their_segments)
{
	uint64_t seed = (uint64_t)_i + 1;
	struct talk k = { .n = 0 };
	char *want = NULL;

	if (_i % 3 == 1)
		upgrade(&k);
	else if (_i % 3 == 2)
		upgrade_ws(&k);
	for (int i = 0; i < 20; i++) {
		static const char *const frames[] = { PING, PONG, "06 00000000",
			"07 00000001 01", ("82 09" WS_PONG),
			"0e 00000002 6869" };
		enum direction dir = (enum direction)(test_random(&seed) % 2);
		uint8_t noise[20];

		if (test_random(&seed) % 8 != 0) {
			say_hex(&k, dir, frames[test_random(&seed) % 6]);
			continue;
		}
		test_fill(&seed, noise, sizeof(noise));
		say(&k, dir, noise, test_random(&seed) % sizeof(noise));
	}
	for (size_t step = 1; step < 40; step++) {
		struct transcript *t = dissect(&k, step);
		char *got = words(t);

		if (want == NULL)
			want = xstrdup(got);
		ck_assert_str_eq(got, want);
		free(got);
		transcript_free(t);
	}
	free(want);
	talk_clear(&k);
}
END_TEST

static void
add_http(TCase *tc)
{
	tcase_add_test(tc, pipelined_requests_meet_their_answers);
	tcase_add_test(tc, an_answer_captured_before_its_request_waits_for_it);
	tcase_add_test(tc, bodies_in_chunks_and_to_the_end);
	tcase_add_test(tc, a_large_body_comes_in_equal_pieces);
	tcase_add_test(tc, a_refused_upgrade_leaves_http_going);
	tcase_add_test(tc, what_is_no_http_becomes_rest);
	tcase_add_test(tc, half_a_head_is_rest_and_truncated);
	tcase_add_test(tc, a_broken_body_becomes_rest);
	tcase_add_test(tc, an_upgrade_to_something_else_is_said_and_left);
}

static void
add_frames(TCase *tc)
{
	tcase_add_test(tc, raw_frames_follow_the_101);
	tcase_add_test(tc, what_the_client_says_too_early_waits_for_the_101);
	tcase_add_test(tc, early_bytes_without_an_answer_are_rest);
	tcase_add_test(tc, a_body_before_the_frames_is_a_body);
	tcase_add_test(tc, damaged_frames_are_named);
	tcase_add_test(tc, a_length_that_nobody_accepts_ends_the_frames);
	tcase_add_test(tc, an_unfinished_frame_is_rest_and_truncated);
	tcase_add_rows(tc, the_first_frame_is_judged_as_a_login, logins);
	tcase_add_test(tc, frames_in_websocket_messages);
	tcase_add_test(tc, fragments_with_a_ping_between);
	tcase_add_test(tc, broken_websocket_frames_become_rest);
	tcase_add_test(tc, a_wrong_payload_does_not_hide_what_follows);
	tcase_add_test(tc, a_message_too_long_to_hold_is_passed_over);
	tcase_add_test(tc, a_wrong_accept_value_is_shown);
}

int
main(void)
{
	Suite *s = suite_create("dissect");
	TCase *tc = tcase_create("dissect");

	rk_keys_init();
	add_http(tc);
	add_frames(tc);
	tcase_add_test(tc,
	    an_event_has_the_time_of_the_segment_that_completes_it);
	tcase_add_test(tc, what_is_held_is_bounded);
	tcase_add_loop_test(tc, random_streams_do_not_depend_on_their_segments,
	    0, 30);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
