/* Every other kind of step, passing and failing. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine_orders.h"
#include "engine_stage.h"
#include "support.h"

static bool
serve_http(struct fake_client *c, const struct rk_http_head *h)
{
	if (rk_http_span_is(h->path, "/length"))
		fake_write_text(c,
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: a\r\n"
		    "x: b\r\n\r\nhello");
	else if (rk_http_span_is(h->path, "/chunked"))
		fake_write_text(c,
		    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
		    "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
	else if (rk_http_span_is(h->path, "/interim"))
		fake_write_text(c,
		    "HTTP/1.1 103 Early Hints\r\n\r\n"
		    "HTTP/1.1 204 No Content\r\n\r\n");
	else if (rk_http_span_is(h->path, "/eof")) {
		fake_write_text(c, "HTTP/1.0 200 OK\r\n\r\nto the end");
		fake_close(c);
	} else if (rk_http_span_is(h->path, "/cut")) {
		fake_write_text(c,
		    "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
		fake_close(c);
	} else if (rk_http_span_is(h->path, "/garbage"))
		fake_write_text(c, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
	else if (rk_http_span_is(h->path, "/early"))
		fake_write(c,
		    "HTTP/1.1 101 x\r\n\r\n\x0d\x00\x00\x00\x08"
		    "earlyyyy",
		    31);
	else if (rk_http_span_is(h->method, "HEAD"))
		fake_write_text(c,
		    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
	else if (rk_http_find(h, "Host") == NULL)
		fake_write_text(c,
		    "HTTP/1.1 200 No host\r\nContent-Length: 0\r\n\r\n");
	else if (rk_http_span_is(h->path, "/silent"))
		return true;
	else
		return false;
	return true;
}

/* A full queue: a marker of a fence is lost, something else comes out. */
static bool
lose_marker(struct fake_client *from, struct fake_client *to,
    struct rk_span data)
{
	if (data.len >= 4 && memcmp(data.p, "full", 4) == 0)
		to->nkept = 3;
	else if (to->nkept > 0 && data.len == 32 && data.p[0] == 'm')
		fake_packet(to, &from->key, "room", to->nkept--);
	else
		return false;
	return data.len == 32;
}

/* Data that begins with a word is misdelivered as it says. */
static bool
misdeliver(struct fake_client *from, struct fake_client *to,
    struct rk_span data)
{
	if (lose_marker(from, to, data))
		return true;
	if (data.len >= 5 && memcmp(data.p, "twice", 5) == 0)
		fake_packet(to, &from->key, data.p, data.len);
	else if (data.len >= 4 && memcmp(data.p, "drop", 4) == 0)
		return true;
	else if (data.len >= 4 && memcmp(data.p, "back", 4) == 0)
		fake_packet(from, &from->key, data.p, data.len);
	else if (data.len >= 4 && memcmp(data.p, "mine", 4) == 0) {
		fake_packet(to, &to->key, data.p, data.len);
		return true;
	}
	return false;
}

static const struct fake_rules rules = { .on_frame = obey_orders,
	.on_request = serve_http,
	.on_packet = misdeliver };

#define AB "conn A = login key=alice\nconn B = login key=bob\n"
#define HELLO                                                                  \
	"A -> SendPacket key=pub(bob) data=\"hello\"\nB <- RecvPacket "        \
	"key==pub(alice) data==\"hello\"\n"

/* clang-format off */
static const struct stage_row rows[] = {
	/* conn */
	{ "login_of_a_named_key", "", AB HELLO, CODE_OK, NULL },
	{ "login_of_a_key_from_a_seed", "", "conn A = login key=seed(x\"01*32\")\n" ORDER("13") "A <- RecvPacket key==x\"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\"", CODE_OK, NULL },
	{ "upgrade_and_a_login_by_hand", "", "conn A = upgrade\nA -> ClientInfo key=pub(alice) signature=sign(alice, x\"03\") message=x\"03\"\n" ALIVE, CODE_OK, NULL },
	{ "login_without_a_barrier", "", "conn A = login key=alice confirm=no\n" ALIVE, CODE_OK, NULL },
	{ "both_carriers_in_one_case", "", "conn A = login key=alice carrier=raw\nconn B = login key=bob carrier=ws\n" HELLO, CODE_OK, NULL },
	{ "a_connection_that_is_made_again", "", "repeat 3 {\nconn A = login key=alice\n" ALIVE "}", CODE_OK, NULL },
	{ "no_such_listener", "", "conn A = tcp to=metrics\nA <- closed\nconn B = login key=bob", CODE_UNSUPPORTED, "metrics" },
	{ "a_server_ping_is_not_answered_with_autopong_no", "", "conn A = login key=alice autopong=no\n" ORDER("16") "never A <- Health for 50ms\n" ALIVE, CODE_OK, NULL },

	/* send */
	{ "chopped_writes", "", AB "A -> SendPacket key=pub(bob) data=\"hello\" chop=3 every=2ms\nB <- RecvPacket data==\"hello\"", CODE_OK, NULL },
	{ "chopped_in_single_bytes_without_a_pause", "", AB "A -> SendPacket key=pub(bob) data=fill(1200) chop=1\nB <- RecvPacket data==fill(1200)", CODE_OK, NULL },
	/* Its Pong comes back as a Health. */
	{ "no_pong_goes_into_a_chopped_frame", "", AB ORDER("16") "A -> SendPacket key=pub(bob) data=fill(300) chop=30 every=5ms\nB <- RecvPacket data==fill(300)\nA <- Health text==\"pingping\"", CODE_OK, NULL },
	{ "nor_into_a_frame_of_several_steps", "", "conn A = login key=alice carrier=raw\n" ORDER("16") "A -> raw x\"0c 000000\"\nsleep 50ms\nnever A <- Health for 10ms\nA -> raw x\"08 aa*4\"\nsleep 10ms\nA -> raw x\"aa*4\"\nA <- Pong data==x\"aa*8\"\nA <- Health text==\"pingping\"", CODE_OK, NULL },
	{ "nor_between_fragments_of_a_message", "", "conn A = login key=alice carrier=ws\n" ORDER("16") "A -> ws opcode=2 fin=0 payload=x\"0c aa*4\"\nsleep 50ms\nA -> ws opcode=0 payload=x\"aa*4\"\nA <- Pong data==x\"aa*8\"\nA <- Health text==\"pingping\"", CODE_OK, NULL },
	{ "frames_in_pieces_leave_the_end_in_order", "", "conn A = login key=alice carrier=raw\nA -> raw x\"0c 00\"\nA -> raw x\"000008 aa*8\"", CODE_EXTRA, "Pong" },
	{ "patched_payload", "", AB "A -> SendPacket key=pub(bob) data=\"hello\" patch @32=\"j\"\nB <- RecvPacket data==\"jello\"", CODE_OK, NULL },
	{ "a_patch_that_does_not_fit", "", AB "A -> SendPacket key=pub(bob) data=\"hello\" patch @37=\"j\"\n" ALIVE, CODE_SCRIPT, "does not fit" },
	{ "a_patch_that_changes_nothing", "", AB "A -> SendPacket key=pub(bob) data=\"hello\" patch @32=\"h\"\n" ALIVE, CODE_SCRIPT, "changes nothing" },
	{ "a_number_field", "", "conn A = login key=alice\nA -> NotePreferred data=1\n" ALIVE, CODE_OK, NULL },
	{ "a_field_of_another_length", "", "conn A = login key=alice\nA -> Ping data=x\"01*7\"\nA <- closed\n" "conn B = login key=bob", CODE_OK, NULL },
	{ "one_write", "", AB "A write {\nA -> SendPacket key=pub(bob) data=\"one\"\nA -> SendPacket key=pub(bob) data=\"two\"\nA -> Ping data=x\"aa*8\"\n}\nB <- RecvPacket data==\"one\"\nB <- RecvPacket data==\"two\"\nA <- Pong", CODE_OK, NULL },
	{ "a_frame_as_a_value", "", "conn A = login key=alice\nA -> raw cat(frame(0x0c, x\"aa*8\"), frame(0x0c, x\"bb*8\"))\nA <- Pong data==x\"aa*8\"\nA <- Pong data==x\"bb*8\"", CODE_OK, NULL },
	{ "sending_where_the_relay_has_closed_is_no_failure", "", "conn A = login key=alice\n" ORDER("05") "sleep 20ms\nA -> Ping data=x\"aa*8\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "a_chopped_send_into_a_closing_relay", "", "conn A = login key=alice\n" ORDER("04") "A -> SendPacket key=pub(bob) data=fill(200) chop=10 every=2ms\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },

	/* never */
	{ "never_and_it_does_not", "", AB "never A <- any for 50ms\n" ALIVE, CODE_OK, NULL },
	{ "never_and_it_does", "", "conn A = login key=alice\n" ORDER("06") "A <- Pong\nnever A <- Pong for 50ms\n" ALIVE, CODE_EXTRA, "Pong" },
	{ "never_sees_what_came_before", "", "conn A = login key=alice\n" ORDER("13") "sleep 30ms\nnever A <- RecvPacket for 10ms\n" ALIVE, CODE_EXTRA, "which must not" },
	{ "never_about_other_fields", "leftover ignore", "conn A = login key=alice\n" ORDER("13") "never A <- RecvPacket data==\"xyz\" for 30ms\n" ALIVE, CODE_OK, NULL },
	{ "never_on_a_connection_that_ends", "", "conn A = login key=alice\n" ORDER("04") "never A <- Pong for 100ms\n" ALIVE, CODE_CLOSED, "while nothing was to come" },
	{ "never_on_a_connection_that_is_reset", "", "conn A = login key=alice\n" ORDER("05") "never A <- Pong for 100ms\n" ALIVE, CODE_RESET, "reset" },
	{ "never_closed", "", "conn A = login key=alice\nnever A <- closed for 50ms\n" ALIVE, CODE_OK, NULL },
	{ "never_closed_and_it_is", "", "conn A = login key=alice\n" ORDER("17") "never A <- closed for 300ms\n" ALIVE, CODE_EXTRA, "the end (eof)" },
	{ "never_a_byte", "", "conn A = upgrade\nnever A <- bytes for 50ms\nconn B = login key=bob", CODE_OK, NULL },
	{ "never_by_default_for_half_a_second", "", "conn A = login key=alice\n" ORDER("02") "never A <- Pong\n" ALIVE, CODE_EXTRA, "Pong" },

	/* fences */
	{ "a_fence_alone", "", AB "fence ingress A\nfence data A to B\nfence gone B\n" HELLO, CODE_OK, NULL },
	{ "data_is_delivered_once", "", AB HELLO "never B <- RecvPacket data==\"hello\" fence data A to B", CODE_OK, NULL },
	{ "data_is_delivered_twice", "", AB "A -> SendPacket key=pub(bob) data=\"twice\"\nB <- RecvPacket\nnever B <- RecvPacket data==\"twice\" fence data A to B", CODE_EXTRA, "RecvPacket" },
	{ "a_disco_packet_is_delivered_twice", "leftover ignore", AB "A -> SendPacket key=pub(bob) data=disco(60)\nB <- RecvPacket\nnever B <- RecvPacket data==disco(60) fence data A to B\n", CODE_OK, NULL },
	{ "nothing_comes_back", "", AB HELLO "never A <- RecvPacket fence data B to A", CODE_OK, NULL },
	{ "something_comes_back", "", AB "A -> SendPacket key=pub(bob) data=\"back\"\nB <- RecvPacket\nnever A <- RecvPacket fence data B to A", CODE_EXTRA, "RecvPacket" },
	{ "ingress_fence", "", "conn A = login key=alice\nA -> NotePreferred data=1\nnever A <- Pong fence ingress A", CODE_OK, NULL },
	{ "ingress_fence_sees_a_second_pong", "", "conn A = login key=alice\n" ORDER("06") "A <- Pong\nnever A <- Pong fence ingress A", CODE_EXTRA, "Pong" },
	{ "gone_fence", "", AB HELLO "A close\nB <- PeerGone key==pub(alice)\nnever B <- PeerGone fence gone B", CODE_OK, NULL },
	{ "a_fence_that_is_not_answered", "", "conn A = login key=alice\n" ORDER("1c") "never A <- Pong fence ingress A", CODE_NEVER, "the Pong of the fence" },
	{ "a_fence_on_a_connection_that_has_ended", "", "conn A = login key=alice\n" ORDER("04") "A <- closed\nfence ingress A\n", CODE_CLOSED, "before the Pong of the fence" },
	{ "known_by_a_fence_alone_is_background", "", AB "fence data A to B\nA close\nB -> Ping data=x\"aa*8\"\nB <- Pong\nsleep 20ms", CODE_OK, NULL },

	/* oneof */
	{ "oneof_the_first_that_comes", "", "conn A = login key=alice\n" ORDER("07") "oneof {\nA <- Restarting => fail\nA <- Health => nonstrict named ill\nnever A <- any for 100ms => ok named silent\n}\nA <- Pong", CODE_OK, NULL },
	{ "oneof_silence", "", "conn A = login key=alice\n" ORDER("03") "oneof {\nnever A <- any for 50ms => ok named silent\nA <- Pong => fail\n}\n" ALIVE, CODE_OK, NULL },
	{ "oneof_the_branch_that_fails", "", "conn A = login key=alice\n" ORDER("15") "A <- Health\noneof {\nnever A <- any for 100ms => ok\nA <- closed => fail \"ends the connection\"\n}\n" ALIVE, CODE_CLOSED, "ends the connection" },
	{ "oneof_none_fits", "", "conn A = login key=alice\n" ORDER("01") "oneof {\nA <- Pong data==x\"01*8\" => ok\nA <- Health within 50ms => ok\n}", CODE_WRONG, "no branch fits" },
	{ "oneof_one_event_fits_two", "", "conn A = login key=alice\n" ORDER("07") "oneof {\nA <- Health => ok named first\nA <- any => fail\n}\nA <- Pong", CODE_OK, NULL },
	{ "oneof_all_too_late", "", "conn A = login key=alice\n" ORDER("02") "oneof {\nA <- Pong within 50ms => ok\nA <- Health within 60ms => ok\n}", CODE_LATE, "late" },
	{ "oneof_a_window", "", "conn A = login key=alice\n" ORDER("02") "oneof {\nA <- Pong within 400ms not-before 60ms => ok named slow\nA <- Health => fail\n}", CODE_OK, NULL },
	{ "oneof_over_two_connections", "", AB "A -> SendPacket key=pub(bob) data=\"x\"\noneof {\nA <- closed => fail\nB <- RecvPacket => ok named told\n}", CODE_OK, NULL },

	/* anyorder */
	{ "anyorder_in_another_order", "", "conn A = login key=alice\n" ORDER("10") "anyorder {\nA <- RecvPacket data==\"2\"\nA <- RecvPacket data==\"1\"\nA <- RecvPacket data==\"3\"\n}\nA <- RecvPacket count 2", CODE_OK, NULL },
	{ "anyorder_one_is_missing", "timeout 60s", "conn A = login key=alice\n" ORDER("03") "anyorder {\nA <- Pong within 50ms\nA <- Health within 50ms\n}", CODE_NEVER, "did not come" },
	{ "anyorder_another_one", "", "conn A = login key=alice\n" ORDER("10") "anyorder {\nA <- RecvPacket data==\"2\"\nA <- RecvPacket data==\"9\"\n}", CODE_WRONG, "got RecvPacket" },

	/* blocks */
	{ "repeat_counts_from_one", "", "conn A = login key=alice\nlet $n = 0\nrepeat 4 as $i {\nlet $n = $n + $i\n" ALIVE "}\nassert $n == 10", CODE_OK, NULL },
	{ "during", "", "conn A = login key=alice\nlet $n = 0\nduring 50ms {\n" ALIVE "sleep 10ms\nlet $n = $n + 1\n}\nassert $n >= 4\nassert $n <= 6", CODE_OK, NULL },
	{ "an_assertion_that_does_not_hold", "", "conn A = login key=alice\nlet $n = 1\nassert $n == 2\n" ALIVE, CODE_WRONG, "$n == 2 does not hold" },
	{ "division_by_zero", "", "conn A = login key=alice\nlet $n = 0\nlet $m = 4 / $n\nassert $m == 1\n" ALIVE, CODE_SCRIPT, "division by zero" },
	{ "a_note", "", "conn A = login key=alice\nnote \"here we are\"\n" ALIVE, CODE_OK, NULL },

	/* drain */
	{ "drain", "", "conn A = login key=alice\n" ORDER("10") "A drain RecvPacket count 5 increasing data quiet 30ms\n" ALIVE, CODE_OK, NULL },
	{ "drain_too_few", "", "conn A = login key=alice\n" ORDER("10") "A drain RecvPacket count 6..9 quiet 30ms\n" ALIVE, CODE_NEVER, "5 frames came, at least 6" },
	{ "drain_too_many", "", "conn A = login key=alice\n" ORDER("10") "A drain RecvPacket count 1..4 quiet 30ms\n" ALIVE, CODE_EXTRA, "frame 5 of the drain" },
	{ "drain_out_of_order", "", "conn A = login key=alice\n" ORDER("11") "A drain RecvPacket increasing data quiet 30ms\n" ALIVE, CODE_WRONG, "out of order" },
	{ "drain_something_else", "", "conn A = login key=alice\n" ORDER("10") "A drain RecvPacket data==\"1\" quiet 30ms\n" ALIVE, CODE_WRONG, "RecvPacket" },
	{ "drain_to_a_fence", "", AB "repeat 50 as $i {\nA -> SendPacket key=pub(bob) data=u32($i)\n}\nB drain RecvPacket count 50 increasing data fence data A to B\n" ALIVE, CODE_OK, NULL },
	{ "drain_to_a_fence_too_few", "", AB "A -> SendPacket key=pub(bob) data=\"a\"\nB drain RecvPacket count 2..9 fence data A to B\n" ALIVE, CODE_NEVER, "1 frames came, at least 2" },
	{ "drain_to_a_fence_too_many", "", AB "A -> SendPacket key=pub(bob) data=\"twice\"\nB drain RecvPacket count 1 fence data A to B\n" ALIVE, CODE_EXTRA, "frame 2 of the drain" },
	{ "drain_to_a_fence_that_never_comes", "timeout 60s", AB "B pause\nB drain RecvPacket fence data A to B\n" ALIVE, CODE_NEVER, "the marker of the fence did not come" },
	{ "drain_to_a_fence_through_a_full_queue", "", AB "A -> SendPacket key=pub(bob) data=\"full\"\nB drain RecvPacket count 4 fence data A to B\n" ALIVE, CODE_OK, NULL },
	{ "drain_to_half_a_frame", "over raw", "conn A = login key=alice\n" ORDER("0a") "A drain RecvPacket quiet 5s\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "drain_to_the_end", "", "conn A = login key=alice\n" ORDER("15") "A drain Health count 1 quiet 5s\nconn B = login key=bob", CODE_OK, NULL },

	/* life */
	{ "shut", "", AB "A -> SendPacket key=pub(bob) data=\"x\"\nB <- RecvPacket\nA shut\nA <- closed\nB <- PeerGone key==pub(alice)", CODE_OK, NULL },
	{ "abort", "", AB HELLO "A abort\nB <- PeerGone key==pub(alice)", CODE_OK, NULL },
	{ "close", "", AB HELLO "A close\nB <- PeerGone key==pub(alice)", CODE_OK, NULL },
	{ "pause_and_resume", "", AB "B pause\nA -> SendPacket key=pub(bob) data=\"x\"\nnever B <- RecvPacket for 50ms\nB resume\nB <- RecvPacket data==\"x\"", CODE_OK, NULL },

	/* http */
	{ "a_response_with_a_length", "", "conn A = http\nA -> http GET \"/length\"\nA <- http status==200 body==\"hello\" X==\"a\" count.X==2 Nope==absent minor==1 reason==\"OK\"", CODE_OK, NULL },
	{ "another_status", "", "conn A = http\nA -> http GET \"/length\"\nA <- http status==404", CODE_WRONG, "http 200 OK" },
	{ "another_body", "", "conn A = http\nA -> http GET \"/length\"\nA <- http body==\"hullo\"", CODE_WRONG, NULL },
	{ "a_header_that_should_be_absent", "", "conn A = http\nA -> http GET \"/length\"\nA <- http X==absent", CODE_WRONG, NULL },
	{ "a_header_as_a_number", "", "conn A = http\nA -> http GET \"/length\"\nA <- http Content-Length==5", CODE_OK, NULL },
	{ "a_status_in_a_range", "", "conn A = http\nA -> http GET \"/nope\"\nA <- http status==400..499", CODE_OK, NULL },
	{ "chunks", "", "conn A = http\nA -> http GET \"/chunked\"\nA <- http body==\"hello\"", CODE_OK, NULL },
	{ "until_eof", "", "conn A = http\nA -> http GET \"/eof\"\nA <- http body==\"to the end\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "cut_in_the_body", "", "conn A = http\nA -> http GET \"/cut\"\nA <- http status==200", CODE_DECODE, NULL },
	{ "an_interim_answer", "", "conn A = http\nA -> http GET \"/interim\"\nA <- http status==204", CODE_OK, NULL },
	{ "pipelined", "", "conn A = http\nA write {\nA -> http GET \"/length\"\nA -> http HEAD \"/x\"\nA -> http GET \"/chunked\"\n}\nA <- http body==\"hello\"\nA <- http body==\"\"\nA <- http body==\"hello\"", CODE_OK, NULL },
	{ "a_head_by_raw_bytes", "", "conn A = http\nA -> raw \"HEAD /x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"\nA <- http status==200\nA -> http GET \"/length\"\nA <- http body==\"hello\"", CODE_OK, NULL },
	{ "without_a_host", "", "conn A = http\nA -> http GET \"/\" Host=absent\nA <- http reason==\"No host\"", CODE_OK, NULL },
	{ "no_http_at_all", "", "conn A = http\nA -> http GET \"/garbage\"\nA <- http status==200", CODE_DECODE, "got" },
	{ "no_answer", "timeout 60s", "conn A = http\nA -> http GET \"/silent\"\nA <- http status==200 within 50ms", CODE_NEVER, "did not come" },
	{ "upgrade_by_hand", "", "conn A = http\nA -> http GET \"/relay\" Upgrade=\"iroh derp http\"\nA <- http status==101 Upgrade==\"iroh derp http\"\nA start raw\nA -> ClientInfo key=pub(alice) signature=sign(alice, x\"03\") message=x\"03\"\n" ALIVE, CODE_OK, NULL },
	{ "ws_upgrade_by_hand", "", "conn A = http\nlet $key = b64(rand(16))\nA -> http GET \"/relay\" Upgrade=\"websocket\" Connection=\"Upgrade\" Sec-WebSocket-Version=\"13\" Sec-WebSocket-Key=$key\nA <- http status==101 Sec-WebSocket-Accept==ws-accept($key)\nA start ws\nA -> ClientInfo key=pub(alice) signature=sign(alice, x\"03\") message=x\"03\"\n" ALIVE, CODE_OK, NULL },
	{ "frames_without_waiting_for_the_101", "", "conn A = http\nA start raw\nA write {\nA -> http GET \"/relay\" Upgrade=\"iroh derp http\"\nA -> ClientInfo key=pub(alice) signature=sign(alice, x\"03\") message=x\"03\"\nA -> Ping data=x\"aa*8\"\n}\nA <- http status==101\nA <- Pong data==x\"aa*8\"", CODE_OK, NULL },
	{ "frames_right_behind_the_101", "", "conn A = http\nA -> http GET \"/early\"\nA <- http status==101\nA start raw\nA <- Pong data==\"earlyyyy\"", CODE_OK, NULL },
	{ "bytes_right_behind_the_101", "", "conn A = http\nA -> http GET \"/early\"\nA <- http status==101\nA <- bytes data==x\"0d 00000008\"\nA <- bytes data==\"early\"\nA <- bytes data==\"yyy\"", CODE_OK, NULL },
	{ "other_bytes", "", "conn A = http\nA -> http GET \"/early\"\nA <- http status==101\nA <- bytes data==x\"0e\"", CODE_WRONG, "bytes" },
	{ "tcp_and_raw_bytes", "", "conn A = tcp\nA -> raw \"GET /length HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"\nA <- bytes data==\"HTTP/1.1 200\"\nA <- bytes data~\"*hello\"", CODE_OK, NULL },
	{ "tcp_and_http", "", "conn A = tcp\nA -> raw \"GET /length HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"\nA <- http status==200 body==\"hello\"", CODE_OK, NULL },
};
/* clang-format on */
static void
play_row(const struct stage_row *r, const char *over, bool noisy)
{
	struct fake_rules all = rules;
	struct engine_stage s = { 0 };
	char meta[128];

	all.noisy = noisy;
	all.healthy = strstr(r->steps, "Health") == NULL;
	snprintf(meta, sizeof(meta), "%s\n  %s", over, r->meta);
	stage_open(&s, &all);
	stage_expect(&s, meta, r->steps, r->code, r->part);
	stage_close(&s);
}

START_TEST(a_transcript_that_keeps_less_says_so)
{
	struct engine_stage s = { 0 };
	const struct transcript *t;
	size_t found = 0;

	stage_open(&s, &rules);
	stage_play(&s, "over raw",
	    "conn A = login key=alice confirm=no\n"
	    "A -> SendPacket key=pub(bob) data=fill(200000)\n"
	    "A -> Ping data=x\"aa*8\"\nA <- Pong\n",
	    false, 1);
	t = s.result->transcript;
	for (size_t i = 0; i < t->nevents; i++)
		found += t->events[i].text != NULL &&
		    strcmp(t->events[i].text,
			"of these 200032 bytes the first 131072 are kept") == 0;
	ck_assert_uint_eq(found, 1);
	stage_close(&s);
}
END_TEST

START_TEST(raw)
{
	play_row(&rows[_i], "over raw", false);
}
END_TEST

/* What may come at any time changes nothing. */
START_TEST(noisy)
{
	play_row(&rows[_i], "over raw", true);
}
END_TEST

START_TEST(ws)
{
	play_row(&rows[_i], "over ws", false);
}
END_TEST

/* ---- what a result says ---- */

/* What the verdict of a oneof says. */
START_TEST(the_winning_branch_gives_word_and_name)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"07*8\"\n"
	    "oneof {\nnever A <- any for 100ms => ok named silent\n"
	    "A <- Health => nonstrict named ill\n}\nA <- Pong\n"
	    "A -> Ping data=x\"03*8\"\n"
	    "oneof {\nnever A <- any for 100ms => ok named silent\n"
	    "A <- Health => fail\n}\n" ALIVE,
	    false, 1);
	ck_assert_int_eq(r->code, CODE_OK);
	ck_assert_int_eq(r->word, WORD_NONSTRICT);
	ck_assert_str_eq(r->named, "ill,silent");
}
END_TEST

START_TEST(a_failing_branch_says_fail)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"07*8\"\n"
	    "oneof {\nnever A <- any for 100ms => ok\n"
	    "A <- Health => fail named ill \"speaks\"\n}\n" ALIVE,
	    false, 1);
	ck_assert_int_eq(r->code, CODE_EXTRA);
	ck_assert_int_eq(r->word, WORD_FAIL);
	ck_assert_str_eq(r->named, "ill");
	ck_assert_int_eq(r->step->at.line, 10);
}
END_TEST

/* A verdict behind a single expectation is what missing it is worth. */
START_TEST(a_missed_step_may_say_what_that_is_worth)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"01*8\"\n"
	    "A <- Pong data==x\"01*8\" => info named other",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_WRONG);
	ck_assert_int_eq(r->word, WORD_INFO);
	ck_assert_str_eq(r->named, "other");
	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"01*8\"\n"
	    "A <- Pong data==x\"01*8\"",
	    false, 1);
	ck_assert_int_eq(r->word, WORD_NONE);
}
END_TEST

START_TEST(defect_and_control)
{
	static const char steps[] =
	    "conn A = upgrade\n"
	    "defect A -> ClientInfo key=pub(alice) "
	    "signature=flip(sign(alice, x\"03\"), bit=0) message=x\"03\"\n"
	    "control A -> ClientInfo key=pub(alice) "
	    "signature=sign(alice, x\"03\") message=x\"03\"\n"
	    "A -> Ping data=x\"aa*8\"\n"
	    "defect A <- closed\n"
	    "control A <- Pong data==x\"aa*8\"\n";
	struct case_result *r;

	r = stage_play(&stage, "over ws", steps, false, 1);
	ck_assert_int_eq(r->code, CODE_OK);
	ck_assert(!r->control);
	ck_assert(!stage_saw(&stage, "Pong"));
	r = stage_play(&stage, "over ws", steps, true, 1);
	ck_assert_int_eq(r->code, CODE_OK);
	ck_assert(r->control);
	ck_assert(stage_saw(&stage, "Pong"));
}
END_TEST

START_TEST(a_procedure_names_its_call)
{
	struct text errors = { 0 };
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\ncall echo(A, x\"01*8\")\nend\n"
	    "proc echo(on, data)\n  on -> Ping data=$data\n"
	    "  on <- Pong data==$data",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_WRONG);
	ck_assert_int_eq(r->step->at.line, 11);
	ck_assert_ptr_nonnull(r->call);
	ck_assert_int_eq(r->call->at.line, 7);
	text_clear(&errors);
}
END_TEST

START_TEST(observing_fails_nothing)
{
	/* clang-format off */
	static const char steps[] =
	    "conn A = login key=alice\n"
	    ORDER("01") "A <- Pong data==x\"01*8\"\n"
	    ORDER("03") "A <- Pong data as $x within 30ms\n"
	    "never A <- Health for 20ms\n"
	    ORDER("07") "never A <- Health for 20ms\n"
	    "let $n = u16($x)\nassert $n == x\"00\"\n"
	    "A -> Ping data=$x\n"
	    ORDER("04") "A <- Pong data==x\"04*8\"\n"
	    "assert 1 == 2\n"
	    "oneof {\nA <- Pong => fail\nA <- closed => ok\n}\n"
	    "conn B = login key=bob";
	/* clang-format on */
	struct case_result *r;

	stage.options.observe = true;
	r = stage_play(&stage, "over raw", steps, false, 1);
	ck_assert_msg(r->code == CODE_OK, "%s", r->message);
	ck_assert_str_eq(r->teardown, "A eof, B clean");
}
END_TEST

START_TEST(named_keys_depend_on_seed_instance_and_name)
{
	struct rk_secret_key a, b;

	rk_keys_init();
	engine_named_key(1, "t.x[raw]", "alice", &a);
	engine_named_key(1, "t.x[raw]", "alice", &b);
	ck_assert_mem_eq(a.b, b.b, sizeof(a.b));
	engine_named_key(2, "t.x[raw]", "alice", &b);
	ck_assert_mem_ne(a.b, b.b, sizeof(a.b));
	engine_named_key(1, "t.x[ws]", "alice", &b);
	ck_assert_mem_ne(a.b, b.b, sizeof(a.b));
	engine_named_key(1, "t.x[raw]", "bob", &b);
	ck_assert_mem_ne(a.b, b.b, sizeof(a.b));
}
END_TEST

START_TEST(every_code_has_a_name_and_a_meaning)
{
	ck_assert_str_eq(result_code_name(CODE_OK), "");
	ck_assert_str_eq(result_code_name(CODE_LATE), "E-LATE");
	for (int c = CODE_WRONG; c < CODE_NKINDS; c++) {
		ck_assert_int_gt(strlen(result_code_name(c)), 0);
		ck_assert_int_gt(strlen(result_code_meaning(c)), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_steps");
	TCase *t = tcase_create("steps");

	tcase_set_timeout(t, 60);
	tcase_add_rows(t, raw, rows);
	tcase_add_rows(t, ws, rows);
	tcase_add_rows(t, noisy, rows);
	suite_add_tcase(s, t);
	t = tcase_create("results");
	tcase_set_timeout(t, 60);
	stage_fixture(t, &rules);
	tcase_add_test(t, the_winning_branch_gives_word_and_name);
	tcase_add_test(t, a_failing_branch_says_fail);
	tcase_add_test(t, a_transcript_that_keeps_less_says_so);
	tcase_add_test(t, a_missed_step_may_say_what_that_is_worth);
	tcase_add_test(t, defect_and_control);
	tcase_add_test(t, a_procedure_names_its_call);
	tcase_add_test(t, observing_fails_nothing);
	tcase_add_test(t, named_keys_depend_on_seed_instance_and_name);
	tcase_add_test(t, every_code_has_a_name_and_a_meaning);
	suite_add_tcase(s, t);
	return run_suite(s);
}
