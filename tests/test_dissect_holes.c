/* Streams with holes: what is bridged, and where frames are found again. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "codec/keys.h"
#include "codec/ws.h"
#include "support.h"
#include "talk.h"

/* Feed |k|; a piece of dir and len but no bytes is a gap. */
static void
hole(struct talk *k, enum direction dir, size_t len)
{
	ck_assert(k->n < MAX_PIECES);
	k->piece[k->n++] = (struct piece){ dir, NULL, len };
}

static void
assert_holes(struct talk *k, const char *want)
{
	struct dissector *d;
	struct transcript *t = dissect_begin(&d);

	for (size_t i = 0; i < k->n; i++) {
		const struct piece *p = &k->piece[i];

		if (p->p == NULL)
			dissector_gap(d, p->dir, p->len, 0, (uint64_t)i + 1);
		else
			dissector_feed(d, p->dir, p->p, p->len, 0,
			    (uint64_t)i + 1);
	}
	dissector_end(d, DIR_C2S, ENDING_EOF, 0, 0);
	dissector_end(d, DIR_S2C, ENDING_EOF, 0, 0);
	dissector_free(d);
	assert_words(t, want);
	transcript_free(t);
	talk_clear(k);
}

START_TEST(a_hole_within_a_frame_is_bridged)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "0c 00000008 01");
	hole(&k, DIR_C2S, 3);
	say_hex(&k, DIR_C2S, "05060708" PING);
	hole(&k, DIR_C2S, 0);
	assert_holes(&k,
	    UPGRADED "c:ClientInfo[106] c:rest[6] c:gap[3] c:rest[4] "
		     "c:Ping[8]" ENDS);
}
END_TEST

START_TEST(a_hole_to_the_end_of_a_frame_is_bridged)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN "0c 00000008 01");
	hole(&k, DIR_C2S, 7);
	say_hex(&k, DIR_C2S, "06"); /* only half a header: still certain */
	say_hex(&k, DIR_C2S, "00000000");
	assert_holes(&k,
	    UPGRADED "c:ClientInfo[106] c:rest[6] c:gap[7] "
		     "c:KeepAlive[0]" ENDS);
}
END_TEST

START_TEST(behind_a_hole_frames_are_found_where_they_are_certain)
{
	struct talk k = { .n = 0 };

	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN PING);
	hole(&k, DIR_C2S, 38);
	/* the tail of a frame, then two */
	say_hex(&k, DIR_C2S, "00000000 0c000000" PING PING "0c");
	hole(&k, DIR_C2S, 5);
	say_hex(&k, DIR_C2S, "deadbeef");
	assert_holes(&k,
	    UPGRADED "c:ClientInfo[106] c:Ping[8] c:gap[38] c:rest[8] "
		     "-:remark c:Ping[8] c:Ping[8] c:rest[1] c:gap[5] "
		     "c:rest[4]" ENDS);
}
END_TEST

START_TEST(websocket_frames_are_found_behind_a_hole)
{
	struct talk k = { .n = 0 };

	upgrade_ws(&k);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_LOGIN);
	hole(&k, DIR_C2S, 10);
	say_ws(&k, DIR_C2S, RK_WS_BINARY, true, WS_PING);
	hole(&k, DIR_S2C, 10);
	say_hex(&k, DIR_S2C, "ffff");
	say_ws(&k, DIR_S2C, RK_WS_BINARY, true, WS_PONG);
	assert_holes(&k,
	    UPGRADED "c:ClientInfo[106] c:gap[10] -:remark c:Ping[8] "
		     "s:gap[10] s:rest[2] -:remark s:Pong[8]" ENDS);
}
END_TEST

START_TEST(a_lost_101_leaves_the_frames)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, RAW_REQUEST);
	hole(&k, DIR_S2C, 300);
	say_hex(&k, DIR_C2S, LOGIN);
	say_hex(&k, DIR_S2C, PONG);
	assert_holes(&k,
	    "c:http(GET /relay HTTP/1.1) s:gap[300] -:remark "
	    "c:ClientInfo[106] -:remark s:Pong[8]" ENDS);
}
END_TEST

START_TEST(a_stream_without_its_beginning)
{
	struct talk k = { .n = 0 };

	hole(&k, DIR_C2S, 0);
	hole(&k, DIR_S2C, 0);
	say_hex(&k, DIR_S2C, "05 00000021" KEY_A "78");
	say_hex(&k, DIR_C2S, PING);
	assert_holes(&k, "-:remark s:RecvPacket[33] -:remark c:Ping[8]" ENDS);
	/* HTTP is recognised as well. */
	hole(&k, DIR_C2S, 0);
	hole(&k, DIR_S2C, 0);
	upgrade(&k);
	say_hex(&k, DIR_C2S, LOGIN);
	assert_holes(&k, UPGRADED "c:ClientInfo[106]" ENDS);
}
END_TEST

START_TEST(what_only_looks_like_a_frame_is_not_one)
{
	struct talk k = { .n = 0 };

	hole(&k, DIR_C2S, 0);
	/* a header without its frame; a frame of the other side; a key that
	 * is no point; a single frame in the middle of a segment */
	say_hex(&k, DIR_C2S, "0c00000008 01");
	say_hex(&k, DIR_C2S, "06 00000000 06 00000000");
	say_hex(&k, DIR_C2S,
	    "04 00000020"
	    "0202020202020202020202020202020202020202020202020202020202020202");
	say_hex(&k, DIR_C2S, "00" PING "00");
	assert_holes(&k, "c:rest[68]" ENDS);
}
END_TEST

START_TEST(holes_in_bodies)
{
	struct talk k = { .n = 0 };

	say_text(&k, DIR_C2S, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
	say_text(&k, DIR_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
	hole(&k, DIR_S2C, 4);
	say_text(&k, DIR_S2C, "ghi");
	say_text(&k, DIR_S2C, "HTTP/1.1 200 OK\r\n\r\nxy");
	hole(&k, DIR_S2C, 4);
	assert_holes(&k,
	    "c:http(GET / HTTP/1.1) c:http(GET / HTTP/1.1) "
	    "s:http(HTTP/1.1 200 OK) s:body[2] s:gap[4] s:body[3] "
	    "s:http(HTTP/1.1 200 OK) s:body[2] s:gap[4]" ENDS);
}
END_TEST

/* ---- another protocol's frames ---- */

#define OFFER "Sec-WebSocket-Protocol: x-relay-v2, x-relay-v1\r\n\r\n"

/* A WebSocket upgrade with these last fields and empty line. */
static void
upgrade_to(struct talk *k, const char *offer, const char *choice)
{
	char head[512];

	snprintf(head, sizeof(head), "%.*s%s", (int)strlen(WS_REQUEST) - 2,
	    WS_REQUEST, offer);
	say_text(k, DIR_C2S, head);
	snprintf(head, sizeof(head), "%.*s%s", (int)strlen(WS_101) - 2, WS_101,
	    choice);
	say_text(k, DIR_S2C, head);
}

START_TEST(frames_of_an_agreed_other_protocol_are_opaque)
{
	struct talk k = { .n = 0 };

	upgrade_to(&k, OFFER, "Sec-WebSocket-Protocol: x-relay-v2\r\n\r\n");
	say_ws(&k, DIR_C2S, 2, true, WS_PING);
	say_ws(&k, DIR_S2C, 2, false, WS_PONG);
	say_ws(&k, DIR_S2C, 0, true, "0d");
	say_ws(&k, DIR_S2C, 9, true, "01");
	hole(&k, DIR_C2S, 3);
	say_ws(&k, DIR_C2S, 2, true, WS_LOGIN); /* might begin anywhere */
	assert_holes(&k,
	    UPGRADED "-:remark c:opaque[9] s:opaque[10] s:ws opcode 9[1] "
		     "c:gap[3] c:rest[113]" ENDS);
}
END_TEST

/* A relay that names what nobody has offered is at fault, and its frames are
 * the dialect's all the same. */
START_TEST(a_protocol_that_was_not_offered_changes_no_frames)
{
	static const char *const offers[] = { "\r\n", OFFER };
	struct talk k = { .n = 0 };

	upgrade_to(&k, offers[_i], "Sec-WebSocket-Protocol: y\r\n\r\n");
	say_ws(&k, DIR_S2C, 2, true, WS_PONG);
	assert_holes(&k,
	    "c:http(GET /relay HTTP/1.1) s:http(HTTP/1.1 101 Switching "
	    "Protocols)!UPGRADE_SUBPROTOCOL s:Pong[8]" ENDS);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dissect_holes");
	TCase *tc = tcase_create("holes");

	rk_keys_init();
	tcase_add_test(tc, a_hole_within_a_frame_is_bridged);
	tcase_add_test(tc, a_hole_to_the_end_of_a_frame_is_bridged);
	tcase_add_test(tc,
	    behind_a_hole_frames_are_found_where_they_are_certain);
	tcase_add_test(tc, websocket_frames_are_found_behind_a_hole);
	tcase_add_test(tc, a_lost_101_leaves_the_frames);
	tcase_add_test(tc, a_stream_without_its_beginning);
	tcase_add_test(tc, what_only_looks_like_a_frame_is_not_one);
	tcase_add_test(tc, holes_in_bodies);
	tcase_add_test(tc, frames_of_an_agreed_other_protocol_are_opaque);
	tcase_add_loop_test(tc,
	    a_protocol_that_was_not_offered_changes_no_frames, 0, 2);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
