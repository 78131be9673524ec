/*
 * relay-cli's session against a scripted relay on the same loop: what it
 * accepts, what it refuses, and the exit status and words for each end.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "codec/relaykit.h"
#include "net/listen.h"
#include "net/stream.h"
#include "relay-cli/commands.h"
#include "relay-cli/proxy.h"
#include "relay-cli/session.h"
#include "support.h"

#define OK_101                                                                 \
	"HTTP/1.1 101 Switching Protocols\r\nupgrade: iroh derp http\r\n\r\n"
#define CLOSE_AFTER 1
#define RESET_AFTER 2
#define STAY        0
#define PROXIED     4 /* … and it is a proxy whose tunnel leads to itself */

/* One scripted answer, and what the client must make of it. */
struct row {
	const char *name;
	const char *scheme;
	const char
	    *head; /* sent behind the request; "%A" is the accept value */
	const char *frames; /* hex, behind the head in the same write */
	bool pong;          /* answer the client's Pings */
	int after;          /* what follows the head and frames */
	int status;         /* EXIT_…; EXIT_OK: the session opens */
	enum ending ending;
	const char *message; /* part of the client's line */
};

#define PEER "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"

/* clang-format off */
static const struct row rows[] = {
	{ "plain_101", "http", OK_101, "", true, STAY, EXIT_OK, 0, NULL },
	{ "bare_101", "http", "HTTP/1.1 101 x\r\n\r\n", "", true, STAY, EXIT_OK, 0, NULL },
	{ "101_without_reason", "http", "HTTP/1.1 101\r\nupgrade: iroh derp http\r\n\r\n", "", true, STAY, EXIT_OK, 0, NULL },
	{ "101_with_bare_newlines", "http", "HTTP/1.1 101\nUPGRADE: iroh derp http\n\n", "", true, STAY, EXIT_OK, 0, NULL },
	{ "101_with_content_length_0", "http", "HTTP/1.1 101 x\r\nContent-Length: 0\r\n\r\n", "0c000000080102030405060708", true, STAY, EXIT_OK, 0, NULL },
	{ "101_with_content_length_5", "http", "HTTP/1.1 101 x\r\nContent-Length: 5\r\n\r\n", "0c000000080102030405060708", true, STAY, EXIT_OK, 0, NULL },
	{ "101_with_chunked", "http", "HTTP/1.1 101 x\r\nTransfer-Encoding: chunked\r\n\r\n", "0c000000080102030405060708", true, STAY, EXIT_OK, 0, NULL },
	{ "interim_103_is_skipped", "http", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" OK_101, "", true, STAY, EXIT_OK, 0, NULL },
	{ "ws_in_other_case", "ws", "HTTP/1.1 101\r\nsec-websocket-ACCEPT: %A\r\nUPGRADE: WebSocket\r\nconnection: upgrade, keep-alive\r\nDate: a\r\n b\r\n\r\n", "", true, STAY, EXIT_OK, 0, NULL },
	{ "ws_wrong_accept", "ws", "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: AAAA\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "Sec-WebSocket-Accept" },
	{ "ws_no_upgrade_field", "ws", "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %A\r\nConnection: upgrade\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "Upgrade" },
	{ "status_200", "http", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "status 200 OK" },
	{ "status_400_raw_advises_ws", "http", "HTTP/1.1 400 Bad Request\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "--carrier ws" },
	{ "status_404_ws", "ws", "HTTP/1.1 404 Not Found\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "status 404" },
	{ "status_503", "http", "HTTP/1.1 503 Busy\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "503 Busy" },
	{ "answer_is_no_http", "http", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "", false, STAY, EXIT_UPGRADE, ENDING_REFUSED, "no HTTP" },
	{ "closed_before_the_answer", "http", "", "", false, CLOSE_AFTER, EXIT_UPGRADE, ENDING_EOF, "before the upgrade was answered" },
	{ "closed_during_login", "http", OK_101, "", false, CLOSE_AFTER, EXIT_CLOSED, ENDING_EOF, "during the login (eof)" },
	{ "cut_in_a_frame", "http", OK_101, "0c00000008010203", false, CLOSE_AFTER, EXIT_CLOSED, ENDING_TRUNCATED, "truncated" },
	{ "reset_during_login", "http", OK_101, "", false, RESET_AFTER, EXIT_CLOSED, ENDING_RESET, "reset" },
	{ "denied_with_health", "http", OK_101, "0e000000116e6f742061757468656e74696361746564", false, CLOSE_AFTER, EXIT_CLOSED, ENDING_EOF, "saying: not authenticated" },
	{ "health_is_escaped", "http", OK_101, "0e000000021b0a", false, CLOSE_AFTER, EXIT_CLOSED, ENDING_EOF, "\\x1b\\n" },
	{ "length_over_the_limit", "http", OK_101, "0e00100001", false, STAY, EXIT_CLOSED, ENDING_PROTOCOL, "limit" },
	{ "unknown_type", "http", OK_101, "1000000000", false, STAY, EXIT_CLOSED, ENDING_PROTOCOL, "type 0x10" },
	{ "ping_of_seven_bytes", "http", OK_101, "0c0000000701020304050607", false, STAY, EXIT_CLOSED, ENDING_PROTOCOL, "wrong length" },
	{ "client_frame_from_server", "http", OK_101, "0700000001" "01", false, STAY, EXIT_CLOSED, ENDING_PROTOCOL, "not expected" },
	{ "cut_in_a_packet", "http", OK_101, "0500010020" PEER, false, CLOSE_AFTER, EXIT_CLOSED, ENDING_TRUNCATED, "truncated" },
	{ "ws_masked_frame", "ws", "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %A\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "828100000000" "06", false, STAY, EXIT_CLOSED, ENDING_PROTOCOL, "masking" },
	{ "ws_close", "ws", "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %A\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "880203e8", false, STAY, EXIT_CLOSED, ENDING_EOF, "code 1000" },
	{ "keepalive_and_gone_before_pong", "http", OK_101, "0600000000" "0800000020" PEER "0d00000008ffffffffffffffff", true, STAY, EXIT_OK, 0, NULL },
	{ "ws_fragments_with_ping_between", "ws", "HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %A\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "02010c" "890161" "000401020304" "800405060708", true, STAY, EXIT_OK, 0, NULL },
	{ "silence_is_a_timeout", "http", OK_101, "", false, STAY, EXIT_CLOSED, ENDING_TIMEOUT, "Pong behind the login" },
	{ "all_behind_a_proxy's_answer", "http", "HTTP/1.0 200 x\r\nContent-Length: 9\r\n\r\n" OK_101, "0c000000080102030405060708", true, PROXIED | STAY, EXIT_OK, 0, NULL },
	{ "proxy_407", "http", "HTTP/1.1 407 x\r\n\r\n", "", false, PROXIED | STAY, EXIT_UPGRADE, ENDING_REFUSED, "the proxy http://127.0.0.1:" },
	{ "proxy_closes", "http", "", "", false, PROXIED | CLOSE_AFTER, EXIT_UPGRADE, ENDING_EOF, "the proxy http://127.0.0.1:" },
	{ "proxy_is_silent", "http", "", "", false, PROXIED | STAY, EXIT_CONNECT, ENDING_TIMEOUT, "the proxy's answer" },
	{ "no_answer_is_a_timeout", "http", "", "", false, STAY, EXIT_CONNECT, ENDING_TIMEOUT, "upgrade's answer" },
};
/* clang-format on */
struct world {
	struct loop *loop;
	const struct row *row;
	struct stream *server;
	struct session *session;
	int heads; /* seen */
	struct rk_ws_reader ws;
	int pongs_seen; /* the client's answers to our Pings */
	int pings_seen;
	bool mute;  /* Pings are no longer answered */
	bool stays; /* the session goes on once it is open */
	bool opened;
	bool ended;
	struct session_end end;
};

/* Send Pong for the Ping of |data|, in the carrier's form. */
static void
send_pong(struct world *w, const uint8_t data[8])
{
	uint8_t raw[13] = { 0x0d, 0, 0, 0, 8 };
	uint8_t ws[11] = { 0x82, 9, 0x0d };

	if (strcmp(w->row->scheme, "ws") == 0) {
		memcpy(ws + 3, data, 8);
		stream_write(w->server, ws, sizeof(ws));
	} else {
		memcpy(raw + 5, data, 8);
		stream_write(w->server, raw, sizeof(raw));
	}
}

static void
client_frame(struct world *w, const struct rk_raw_frame *raw)
{
	if (raw->type == 0x0c) {
		w->pings_seen++;
		if (w->row->pong && !w->mute)
			send_pong(w, raw->payload.p);
	}
	if (raw->type == 0x0d)
		w->pongs_seen++;
}

static void
read_frames(struct world *w)
{
	size_t len, at, used, need;
	uint8_t *p;
	struct rk_raw_frame raw;
	struct rk_ws_message m;

	while ((p = stream_input(w->server, &len)), len > 0) {
		if (strcmp(w->row->scheme, "ws") == 0) {
			if (rk_ws_next(&w->ws, p, len, &m, &at, &used, &need) !=
			    RK_OK)
				return;
			if (m.opcode == RK_WS_BINARY &&
			    rk_split(RK_HEADER_TYPE8, 65536, m.payload, m.len,
				&raw) == RK_OK)
				client_frame(w, &raw);
			stream_consume_at(w->server, at, used);
		} else {
			if (rk_split(RK_HEADER_TLV32, 65600, p, len, &raw) !=
			    RK_OK)
				return;
			client_frame(w, &raw);
			stream_consume(w->server, raw.total_len);
		}
	}
}

/* The scripted head and frames, in one write. */
static void
answer(struct world *w, const struct rk_http_head *request)
{
	const struct rk_http_field *key =
	    rk_http_find(request, "Sec-WebSocket-Key");
	char accept[RK_WS_ACCEPT_SIZE] = "";
	struct text t;
	const uint8_t *frames;
	size_t n;

	if (key != NULL)
		rk_ws_accept(key->value.p, key->value.len, accept);
	text_init(&t);
	for (const char *p = w->row->head; *p != '\0'; p++) {
		if (p[0] == '%' && p[1] == 'A') {
			text_add(&t, accept);
			p++;
		} else {
			text_add_n(&t, p, 1);
		}
	}
	frames = hex(w->row->frames, &n);
	text_add_n(&t, (const char *)frames, n);
	if (t.len > 0)
		stream_write(w->server, t.s, t.len);
	text_clear(&t);
	if ((w->row->after & CLOSE_AFTER) != 0)
		stream_shut(w->server);
	else if ((w->row->after & RESET_AFTER) != 0)
		stream_abort(w->server);
}

static void
on_server(void *arg, struct stream *s, enum stream_event e)
{
	struct world *w = arg;
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	uint8_t *p;

	if (e != STREAM_INPUT)
		return;
	rk_http_limits_default(&limits);
	while (w->heads < ((w->row->after & PROXIED) != 0 ? 2 : 1)) {
		p = stream_input(s, &len);
		if (rk_http_parse_request(p, len, &limits, &h) != RK_OK)
			return;
		if (w->heads++ == 0)
			answer(w, &h);
		if ((w->row->after & RESET_AFTER) != 0)
			return;
		stream_consume(s, h.len);
	}
	read_frames(w);
}

static void
on_accept(void *arg, int fd)
{
	struct world *w = arg;

	rk_ws_reader_init(&w->ws, true, 65600, 65600);
	w->server = stream_new(w->loop, fd, on_server, w);
}

static void
on_open(void *arg, struct session *s)
{
	struct world *w = arg;

	w->opened = true;
	if (w->stays)
		return;
	session_free(w->session);
	w->session = NULL;
	loop_stop(w->loop);
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct world *w = arg;

	w->ended = true;
	w->end = *e;
	session_free(w->session);
	w->session = NULL;
	loop_stop(w->loop);
}

/* Begin; |listener| is what the session comes to. */
static struct listener *
begin(struct world *w)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_end = on_end };
	struct session_config c = { .dialect = rk_dialects()[0],
		.timeout_ns = w->row->status == EXIT_CONNECT ||
			w->row->ending == ENDING_TIMEOUT
		    ? NS_PER_S / 5
		    : 20 * NS_PER_S };
	static struct rk_secret_key secret;
	struct listener *listener;
	static struct proxy proxy;
	const char *wrong;
	char url[128], err[256];

	w->loop = loop_new();
	ck_assert_ptr_nonnull(w->loop);
	listener = listener_new(w->loop, "127.0.0.1:0", on_accept, w, err,
	    sizeof(err));
	ck_assert_msg(listener != NULL, "%s", err);
	snprintf(url, sizeof(url), "%s://%s/", w->row->scheme,
	    listener_address(listener));
	ck_assert_msg(relay_url_parse(url, &c.to.url, err, sizeof(err)) == 0,
	    "%s", err);
	ck_assert_int_eq(proxy_parse(listener_address(listener), &proxy,
			     &wrong),
	    0);
	if ((w->row->after & PROXIED) != 0)
		c.to.proxy = &proxy;
	rk_secret_key_generate(&secret);
	c.secret = &secret;
	w->session = session_start(w->loop, &c, &events, w);
	return listener;
}

static void
end(struct world *w, struct listener *listener)
{
	session_free(w->session);
	stream_free(w->server);
	listener_free(listener);
	loop_turn(w->loop, 0);
	loop_free(w->loop);
}

static void
play(struct world *w)
{
	struct listener *listener = begin(w);

	loop_run(w->loop);
	end(w, listener);
}

START_TEST(each_answer_has_its_end)
{
	struct world w = { .row = &rows[_i] };

	rk_keys_init();
	play(&w);
	if (w.row->status == EXIT_OK) {
		ck_assert_msg(w.opened, "%s: %s", w.row->name, w.end.message);
		return;
	}
	ck_assert_msg(!w.opened && w.ended, "%s: opened", w.row->name);
	ck_assert_msg(w.end.status == w.row->status,
	    "%s: status %d, want %d: %s", w.row->name, w.end.status,
	    w.row->status, w.end.message);
	ck_assert_msg(w.end.ending == w.row->ending, "%s: %s, want %s: %s",
	    w.row->name, ending_name(w.end.ending), ending_name(w.row->ending),
	    w.end.message);
	ck_assert_msg(strstr(w.end.message, w.row->message) != NULL,
	    "%s: '%s' lacks '%s'", w.row->name, w.end.message, w.row->message);
}
END_TEST

/* ---- time ---- */

/* Turn until |*n| is |want|, or the session is over. */
static void
until(struct world *w, const int *n, int want)
{
	for (int turns = 0; *n < want && !w->ended; turns++) {
		ck_assert_int_lt(turns, 2000);
		loop_turn(w->loop, 10 * NS_PER_MS);
	}
}

/* Some turns in which nothing must happen to the session. */
static void
idle(struct world *w, int pings)
{
	for (int turns = 0; turns < 5; turns++)
		loop_turn(w->loop, NS_PER_MS);
	ck_assert_int_eq(w->pings_seen, pings);
	ck_assert_msg(!w->ended, "%s", w->end.message);
}

static struct listener *
begin_open(struct world *w)
{
	struct listener *li;

	rk_keys_init();
	clock_fake(NS_PER_S);
	w->stays = true;
	li = begin(w);
	while (!w->opened && !w->ended)
		loop_turn(w->loop, 10 * NS_PER_MS);
	ck_assert_msg(w->opened, "%s", w->end.message);
	ck_assert_int_eq(w->pings_seen, 1); /* of the login */
	return li;
}

/* The machine slept, or the process was stopped: the clock jumps. */
START_TEST(after_a_long_stop_the_relay_is_asked_first)
{
	struct world w = { .row = &rows[0] };
	struct listener *li = begin_open(&w);

	clock_advance(3600 * NS_PER_S);
	until(&w, &w.pings_seen, 2);
	idle(&w, 2); /* it has been answered */
	clock_advance(119 * NS_PER_S);
	idle(&w, 2);
	clock_advance(2 * NS_PER_S);
	until(&w, &w.pings_seen, 3);
	end(&w, li);
}
END_TEST

START_TEST(a_stop_of_thirty_seconds_is_nothing)
{
	struct world w = { .row = &rows[0] };
	struct listener *li = begin_open(&w);

	clock_advance(30 * NS_PER_S);
	idle(&w, 1);
	end(&w, li);
}
END_TEST

START_TEST(silence_behind_the_question_is_the_end)
{
	struct world w = { .row = &rows[0] };
	struct listener *li = begin_open(&w);

	w.mute = true;
	clock_advance(120 * NS_PER_S);
	until(&w, &w.pings_seen, 2);
	clock_advance(4 * NS_PER_S);
	idle(&w, 2);
	clock_advance(2 * NS_PER_S);
	until(&w, &w.pings_seen, 3);
	ck_assert(w.ended);
	ck_assert_int_eq(w.end.status, EXIT_CLOSED);
	ck_assert_int_eq(w.end.ending, ENDING_TIMEOUT);
	end(&w, li);
}
END_TEST

/* An NTP step backwards: nothing happens earlier or later than it should. */
START_TEST(a_clock_that_goes_back_ends_nothing)
{
	struct world w = { .row = &rows[0] };
	struct listener *li = begin_open(&w);

	clock_advance(-3600 * NS_PER_S);
	idle(&w, 1);
	clock_advance(3600 * NS_PER_S + 30 * NS_PER_S);
	idle(&w, 1);
	end(&w, li);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("answers");

	tcase_set_timeout(t, 60);
	tcase_add_rows(t, each_answer_has_its_end, rows);
	suite_add_tcase(s, t);
	t = tcase_create("time");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, after_a_long_stop_the_relay_is_asked_first);
	tcase_add_test(t, a_stop_of_thirty_seconds_is_nothing);
	tcase_add_test(t, silence_behind_the_question_is_the_end);
	tcase_add_test(t, a_clock_that_goes_back_ends_nothing);
	suite_add_tcase(s, t);
	return run_suite(s);
}
