/*
 * TLS streams against OpenSSL's own end: how connections end, how bytes are
 * cut, and what one session may not do to another.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/xalloc.h"
#include "net/tls.h"
#include "peer.h"
#include "support.h"
#include "tls_certs.h"
#include "tls_oracle.h"

#define NROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* Every test of a session runs for each of these. */
static const struct way {
	bool we_serve;
	int version;
} ways[] = {
	{ true, TLS1_2_VERSION },
	{ true, TLS1_3_VERSION },
	{ false, TLS1_2_VERSION },
	{ false, TLS1_3_VERSION },
};

#define NWAYS NROWS(ways)

static struct tls_certs certs;
static struct tls_ctx *server_ctx, *client_ctx;
static struct loop *loop;
static struct peer a;
static struct oracle o;

static void
setup(void)
{
	struct tls_client_config config = { .cafile = certs.ca };
	char err[256] = "";

	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	server_ctx =
	    tls_server_ctx_new(certs.chain, certs.key, NULL, err, sizeof(err));
	ck_assert_msg(server_ctx != NULL, "%s", err);
	client_ctx = tls_client_ctx_new(&config, err, sizeof(err));
	ck_assert_msg(client_ctx != NULL, "%s", err);
	peer_init(&a);
	o.fd = -1;
}

static void
teardown(void)
{
	peer_clear(&a);
	if (o.ssl != NULL)
		oracle_clear(&o);
	tls_ctx_free(server_ctx);
	tls_ctx_free(client_ctx);
	loop_free(loop);
}

static struct stream *
new_stream(int fd, bool we_serve, struct peer *p)
{
	return stream_new_tls(loop, fd, we_serve ? server_ctx : client_ctx,
	    we_serve ? NULL : "localhost", peer_on_event, p);
}

/* Both ends, no handshake yet. */
static void
connect_ends(const struct way *w)
{
	int fds[2];

	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], w->we_serve ? NULL : &certs, w->version);
	a.stream = new_stream(fds[0], w->we_serve, &a);
	ck_assert_ptr_nonnull(a.stream);
}

static void
establish(const struct way *w)
{
	connect_ends(w);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, a.secured);
	/* tickets and the like are out of the way */
	ck_assert(stream_write(a.stream, "hello", 5));
	while (o.got.len < 5) {
		loop_turn(loop, 0);
		oracle_read(&o, loop);
	}
	text_reset(&o.got);
}

/* ---- how it ended */

static void
goodbye_and_fin(void)
{
	oracle_say_goodbye(&o, loop);
	oracle_fin(&o);
}

static void
only_goodbye(void)
{
	oracle_say_goodbye(&o, loop);
}

static void
goodbye_and_rst(void)
{
	oracle_say_goodbye(&o, loop);
	oracle_rst(&o);
}

static void
only_fin(void)
{
	oracle_fin(&o);
}

static void
only_rst(void)
{
	oracle_rst(&o);
}

/* The record that would come next, up to |len| bytes of it. */
static void
begin_record(size_t len)
{
	struct text t;

	text_init(&t);
	ck_assert_int_eq(SSL_write(o.ssl, "never to arrive", 15), 15);
	oracle_take(&o, &t);
	ck_assert_uint_gt(t.len, len);
	oracle_put(&o, loop, t.s, len);
	text_clear(&t);
}

static void
fin_in_record_header(void)
{
	begin_record(3);
	oracle_fin(&o);
}

static void
fin_in_record(void)
{
	begin_record(11);
	oracle_fin(&o);
}

static void
rst_in_record(void)
{
	begin_record(11);
	oracle_rst(&o);
}

/* OpenSSL complains about a record that was altered on the way. */
static void
fatal_alert(void)
{
	char buf[4096];
	ssize_t n;

	ck_assert(stream_write(a.stream, "to be altered", 13));
	n = recv(o.fd, buf, sizeof(buf), 0);
	ck_assert_int_gt(n, 20);
	buf[n - 1] ^= 1;
	BIO_write(o.in, buf, (int)n);
	ck_assert_int_eq(oracle_read(&o, loop), SSL_ERROR_SSL);
}

static void
fatal_alert_and_fin(void)
{
	fatal_alert();
	oracle_fin(&o);
}

static void
garbage(void)
{
	oracle_put(&o, loop, "GET / HTTP/1.1\r\n\r\n", 18);
}

static const struct {
	const char *name;
	void (*end)(void);
	enum ending ending;
	bool tls_failed;
	const char *error;
} endings[] = {
	{ "close_notify, FIN", goodbye_and_fin, ENDING_EOF, false,
	    "closed by the peer" },
	{ "close_notify", only_goodbye, ENDING_EOF, false,
	    "closed by the peer" },
	{ "close_notify, RST", goodbye_and_rst, ENDING_EOF, false,
	    "closed by the peer" },
	{ "FIN", only_fin, ENDING_TRUNCATED, false,
	    "closed without a TLS close_notify" },
	{ "FIN in a record's header", fin_in_record_header, ENDING_TRUNCATED,
	    false, "closed without a TLS close_notify" },
	{ "FIN in a record", fin_in_record, ENDING_TRUNCATED, false,
	    "closed without a TLS close_notify" },
	{ "RST", only_rst, ENDING_RESET, false, "Connection reset by peer" },
	{ "RST in a record", rst_in_record, ENDING_RESET, false,
	    "Connection reset by peer" },
	{ "alert", fatal_alert, ENDING_PROTOCOL, true,
	    "TLS alert: bad record mac" },
	{ "alert, FIN", fatal_alert_and_fin, ENDING_PROTOCOL, true,
	    "TLS alert: bad record mac" },
	{ "garbage", garbage, ENDING_PROTOCOL, true, "TLS: " },
};

START_TEST(a_session_ends_as_it_ended)
{
	const struct way *w = &ways[_i % NWAYS];
	int row = _i / NWAYS;

	establish(w);
	oracle_write(&o, loop, "last words", 10);
	endings[row].end();
	TURN_UNTIL(loop, a.ended);
	ck_assert_msg(a.ending == endings[row].ending, "%s: %s (%s)",
	    endings[row].name, ending_name(a.ending), a.error);
	ck_assert_str_eq(text_str(&a.got), "last words");
	ck_assert_str_eq(text_str(&a.events), "secured input ended");
	ck_assert_int_eq(stream_tls_failed(a.stream), endings[row].tls_failed);
	ck_assert_msg(strncmp(a.error, endings[row].error,
			  strlen(endings[row].error)) == 0,
	    "%s: %s", endings[row].name, a.error);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_uint_eq(a.nended, 1);
}
END_TEST

/* Ends before the session stood. */
static void
nothing_and_fin(void)
{
	oracle_fin(&o);
}

static void
part_of_hello_and_fin(void)
{
	oracle_put(&o, loop, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	    11);
	oracle_fin(&o);
}

static void
part_of_hello_and_rst(void)
{
	oracle_put(&o, loop, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	    11);
	loop_turn(loop, 0);
	oracle_rst(&o);
}

static void
plain_http(void)
{
	oracle_put(&o, loop, "GET /relay HTTP/1.1\r\nHost: x\r\n\r\n", 32);
}

static void
plain_answer(void)
{
	oracle_put(&o, loop, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void
alert_of_handshake(void)
{
	/* RFC 8446 6: fatal (2), handshake_failure (40) */
	oracle_put(&o, loop, "\x15\x03\x03\x00\x02\x02\x28", 7);
}

static void
alert_of_name(void)
{
	/* fatal (2), unrecognized_name (112) */
	oracle_put(&o, loop, "\x15\x03\x03\x00\x02\x02\x70", 7);
	oracle_fin(&o);
}

static const struct {
	const char *name;
	bool we_serve;
	void (*end)(void);
	enum ending ending;
	bool tls_failed;
	const char *error;
} early[] = {
	{ "FIN", true, nothing_and_fin, ENDING_TRUNCATED, false, "closed " },
	{ "FIN", false, nothing_and_fin, ENDING_TRUNCATED, false, "closed " },
	{ "RST", true, only_rst, ENDING_RESET, false, "Connection reset" },
	{ "RST", false, only_rst, ENDING_RESET, false, "Connection reset" },
	{ "part, FIN", true, part_of_hello_and_fin, ENDING_TRUNCATED, false,
	    "closed " },
	{ "part, RST", true, part_of_hello_and_rst, ENDING_RESET, false,
	    "Connection reset" },
	{ "HTTP", true, plain_http, ENDING_PROTOCOL, true,
	    "TLS: http request" },
	{ "HTTP", false, plain_answer, ENDING_PROTOCOL, true,
	    "TLS: wrong version number" },
	{ "alert", false, alert_of_handshake, ENDING_PROTOCOL, true,
	    "TLS alert: handshake failure" },
	{ "alert, FIN", false, alert_of_name, ENDING_PROTOCOL, true,
	    "TLS alert: unrecognized name" },
};

START_TEST(a_handshake_ends_as_it_ended)
{
	struct way w = { early[_i].we_serve, 0 };

	connect_ends(&w);
	ck_assert(stream_write(a.stream, "queued", 6));
	loop_turn(loop, 0);
	early[_i].end();
	TURN_UNTIL(loop, a.ended);
	ck_assert_msg(a.ending == early[_i].ending, "%s: %s (%s)",
	    early[_i].name, ending_name(a.ending), a.error);
	ck_assert_int_eq(stream_tls_failed(a.stream), early[_i].tls_failed);
	ck_assert_msg(strncmp(a.error, early[_i].error,
			  strlen(early[_i].error)) == 0,
	    "%s: %s", early[_i].name, a.error);
	ck_assert_str_eq(text_str(&a.events), "ended");
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	ck_assert(!stream_write(a.stream, "x", 1));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_uint_eq(a.nended, 1);
}
END_TEST

/* The peer says why, closes for good, and we write on. */
START_TEST(a_write_into_a_closed_session_delivers_what_came)
{
	bool ok = true;

	establish(&ways[_i]);
	oracle_write(&o, loop, "go away", 7);
	close(o.fd);
	o.fd = -1;
	for (int i = 0; ok; i++) {
		ck_assert_int_lt(i, 100000);
		ok = stream_write(a.stream, "x", 1);
	}
	TURN_UNTIL(loop, a.ended);
	ck_assert_str_eq(text_str(&a.got), "go away");
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert(!stream_tls_failed(a.stream));
}
END_TEST

/* ---- half close */

START_TEST(we_take_leave_and_still_listen)
{
	establish(&ways[_i]);
	ck_assert(stream_write(a.stream, "question", 8));
	stream_shut(a.stream);
	TURN_UNTIL(loop, a.drained);
	TURN_UNTIL(loop,
	    oracle_read(&o, loop) == SSL_ERROR_ZERO_RETURN && o.fin);
	ck_assert_str_eq(text_str(&o.got), "question");
	oracle_write(&o, loop, "answer", 6);
	TURN_UNTIL(loop, a.got.len == 6);
	goodbye_and_fin();
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert_str_eq(text_str(&a.events), "secured drained input ended");
}
END_TEST

START_TEST(they_take_leave_and_still_listen)
{
	establish(&ways[_i]);
	oracle_write(&o, loop, "question", 8);
	oracle_say_goodbye(&o, loop);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert(stream_write(a.stream, "answer", 6));
	stream_shut(a.stream);
	TURN_UNTIL(loop, oracle_read(&o, loop) == SSL_ERROR_ZERO_RETURN);
	ck_assert_str_eq(text_str(&o.got), "answer");
	TURN_UNTIL(loop, a.drained);
	ck_assert_uint_eq(a.nended, 1);
}
END_TEST

START_TEST(leave_taken_before_the_handshake_comes_behind_it)
{
	connect_ends(&ways[_i]);
	ck_assert(stream_write(a.stream, "early", 5));
	ck_assert(!a.secured);
	stream_shut(a.stream);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop,
	    oracle_read(&o, loop) == SSL_ERROR_ZERO_RETURN && o.fin);
	ck_assert_str_eq(text_str(&o.got), "early");
	TURN_UNTIL(loop, a.drained);
	ck_assert_str_eq(text_str(&a.events), "secured drained");
}
END_TEST

/* ---- bytes that wait inside the library */

/*
 * Frames of 7 bytes, eaten whole; the rest of one waits in the buffer.  All
 * of a record must come out by itself, wherever the bound of the buffer cuts
 * it.
 */
static size_t frames_eaten;

static void
eat_frames(void *arg, struct stream *s, enum stream_event e)
{
	size_t len;

	if (e != STREAM_INPUT)
		return;
	stream_input(s, &len);
	stream_consume(s, len - len % 7);
	frames_eaten += len / 7;
}

START_TEST(a_record_comes_out_whole_wherever_it_is_cut)
{
	static char frames[3 * 16384];
	size_t nframes = sizeof(frames) / 7;

	establish(&ways[_i]);
	a.keep = true;
	a.also = eat_frames;
	for (size_t max = 7; max < 16500; max += max < 64 ? 1 : 211) {
		stream_set_input_max(a.stream, max);
		frames_eaten = 0;
		/* several records, sent as one */
		ck_assert_int_eq(SSL_write(o.ssl, frames, (int)nframes * 7),
		    (int)nframes * 7);
		oracle_flush(&o, loop);
		TURN_UNTIL(loop, frames_eaten == nframes);
	}
}
END_TEST

START_TEST(a_record_may_be_cut_anywhere_on_the_way)
{
	struct text t;

	establish(&ways[_i]);
	text_init(&t);
	for (size_t cut = 1;; cut++) {
		text_reset(&t);
		text_reset(&a.got);
		ck_assert_int_eq(SSL_write(o.ssl, "first", 5), 5);
		ck_assert_int_eq(SSL_write(o.ssl, "second", 6), 6);
		oracle_take(&o, &t);
		if (cut == t.len)
			break;
		oracle_put(&o, loop, t.s, cut);
		loop_turn(loop, 0);
		loop_turn(loop, 0);
		oracle_put(&o, loop, t.s + cut, t.len - cut);
		TURN_UNTIL(loop, a.got.len == 11);
		ck_assert_str_eq(a.got.s, "firstsecond");
	}
	text_clear(&t);
}
END_TEST

START_TEST(the_handshake_may_come_byte_by_byte)
{
	struct text t;

	connect_ends(&ways[_i]);
	text_init(&t);
	while (SSL_do_handshake(o.ssl) != 1) {
		text_reset(&t);
		oracle_take(&o, &t);
		for (size_t i = 0; i < t.len; i++) {
			oracle_put(&o, loop, t.s + i, 1);
			loop_turn(loop, 0);
		}
		loop_turn(loop, NS_PER_MS);
		oracle_receive(&o);
	}
	text_clear(&t);
	oracle_flush(&o, loop);
	TURN_UNTIL(loop, a.secured);
	oracle_write(&o, loop, "x", 1);
	TURN_UNTIL(loop, a.got.len == 1);
}
END_TEST

static void
pause_itself(void *arg, struct stream *s, enum stream_event e)
{
	stream_pause(s);
}

START_TEST(resuming_finds_what_waits_inside)
{
	static char record[16384];

	establish(&ways[_i]);
	stream_set_input_max(a.stream, 1000);
	a.also = pause_itself;
	oracle_write(&o, loop, record, sizeof(record));
	for (size_t n = 1; a.got.len < sizeof(record); n++) {
		TURN_UNTIL(loop, a.ninputs == n);
		loop_turn(loop, 0);
		loop_turn(loop, 0);
		ck_assert_uint_eq(a.ninputs, n); /* paused is paused */
		stream_resume(a.stream);
	}
}
END_TEST

/* ---- writing */

#define BULK 1500000

START_TEST(a_queue_that_grows_and_moves_is_no_bad_retry)
{
	uint8_t *bulk = xmalloc(BULK);
	uint64_t state = 9;
	size_t piece = 1;

	establish(&ways[_i]);
	make_buffers_small(stream_fd(a.stream));
	make_buffers_small(o.fd);
	test_fill(&state, bulk, BULK);
	/* nobody reads: the kernel is full, and every append may move it */
	for (size_t at = 0; at < BULK; at += piece, piece = piece * 7 % 19997) {
		if (piece > BULK - at)
			piece = BULK - at;
		ck_assert(stream_write(a.stream, bulk + at, piece));
		loop_turn(loop, 0);
	}
	ck_assert_uint_gt(stream_queued(a.stream), 0);
	while (o.got.len < BULK) {
		oracle_read(&o, loop);
		loop_turn(loop, NS_PER_MS);
	}
	ck_assert_bytes(o.got.s, o.got.len, bulk, BULK);
	TURN_UNTIL(loop, a.drained);
	ck_assert_uint_eq(stream_bytes_out(a.stream), BULK + 5);
	free(bulk);
}
END_TEST

START_TEST(vectors_are_written_in_order)
{
	char text[] = "abcdef";
	struct iovec v[3] = { { text, 2 }, { text + 2, 3 }, { text + 5, 1 } };

	establish(&ways[_i]);
	ck_assert(stream_writev(a.stream, v, 3));
	ck_assert(stream_append(a.stream, "gh", 2));
	ck_assert(stream_flush(a.stream));
	TURN_UNTIL(loop, (oracle_read(&o, loop), o.got.len == 8));
	ck_assert_str_eq(o.got.s, "abcdefgh");
}
END_TEST

/* New keys in one direction, asking for the other, in the middle of it all:
 * TLS 1.3 only. */
START_TEST(key_updates_go_unnoticed)
{
	const struct way w = { _i == 0, TLS1_3_VERSION };
	char block[5000];

	memset(block, 'k', sizeof(block));
	establish(&w);
	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(SSL_key_update(o.ssl,
				     i % 3 == 0 ? SSL_KEY_UPDATE_NOT_REQUESTED
						: SSL_KEY_UPDATE_REQUESTED),
		    1);
		oracle_write(&o, loop, block, sizeof(block));
		ck_assert(stream_write(a.stream, block, sizeof(block)));
		loop_turn(loop, 0);
		oracle_read(&o, loop);
	}
	TURN_UNTIL(loop,
	    (oracle_read(&o, loop),
		a.got.len == 40 * sizeof(block) &&
		    o.got.len == 40 * sizeof(block)));
	ck_assert_int_eq(stream_ending(a.stream), ENDING_NONE);
}
END_TEST

/* ---- one session and the others */

static const struct {
	const char *name;
	const char *bytes;
	size_t len;
	bool rst;
} strangers[] = {
	{ "connect and close", "", 0, false },
	{ "connect and reset", "", 0, true },
	{ "half a hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9, false },
	{ "garbage", "SSH-2.0-OpenSSH_9.2\r\n", 21, false },
	{ "garbage and reset", "GET / HTTP/1.0\r\n\r\n", 18, true },
};

static void
visit(const char *bytes, size_t len, bool rst)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct peer stranger;
	int fds[2];

	peer_init(&stranger);
	make_pair(PAIR_TCP4, fds);
	stranger.stream = new_stream(fds[0], true, &stranger);
	if (len > 0)
		ck_assert_int_eq(send(fds[1], bytes, len, 0), (ssize_t)len);
	if (rst)
		setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fds[1]);
	TURN_UNTIL(loop, stranger.ended);
	peer_clear(&stranger);
}

START_TEST(strangers_do_not_disturb_a_session)
{
	const struct way *w = &ways[_i % NWAYS];
	int row = _i / NWAYS;
	size_t n = 0;

	establish(w);
	for (int i = 0; i < 60; i++) {
		visit(strangers[row].bytes, strangers[row].len,
		    strangers[row].rst);
		/* the session is asked right behind it, both ways */
		ck_assert(stream_write(a.stream, "p", 1));
		oracle_write(&o, loop, "q", 1);
		n++;
		TURN_UNTIL(loop,
		    (oracle_read(&o, loop), a.got.len == n && o.got.len == n));
		ck_assert(!a.ended);
	}
	ck_assert_uint_eq(ERR_peek_error(), 0);
}
END_TEST

/*
 * A read of one session may not see what another left behind: the stranger's
 * failure and the session's record come in the same turn, in this order, and
 * nothing of OpenSSL is called in between but by the streams.
 */
START_TEST(a_failure_and_a_record_in_one_turn_stay_apart)
{
	bool rst = _i >= 2 * NWAYS;
	bool garbage_first = _i >= NWAYS && !rst;
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	establish(&ways[_i % NWAYS]);
	for (int i = 0; i < 50; i++) {
		struct peer stranger;
		int fds[2];

		peer_init(&stranger);
		make_pair(PAIR_TCP4, fds);
		stranger.stream = new_stream(fds[0], true, &stranger);
		loop_turn(loop, 0);
		if (garbage_first)
			ck_assert_int_eq(send(fds[1], "no TLS at all", 13, 0),
			    13);
		if (rst)
			setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &now,
			    sizeof(now));
		close(fds[1]);
		oracle_write(&o, loop, "q", 1);
		TURN_UNTIL(loop, stranger.ended && a.got.len == (size_t)i + 1);
		ck_assert(!a.ended);
		peer_clear(&stranger);
	}
}
END_TEST

static void
free_itself(void *arg, struct stream *s, enum stream_event e)
{
	enum stream_event *when = arg;

	if (e != *when)
		return;
	stream_free(s);
	a.stream = NULL;
}

START_TEST(a_callback_may_free_its_session)
{
	enum stream_event when = _i < NWAYS ? STREAM_SECURED : STREAM_INPUT;

	connect_ends(&ways[_i % NWAYS]);
	a.also = free_itself;
	a.arg = &when;
	a.keep = true;
	ck_assert(stream_write(a.stream, "queued", 6));
	oracle_handshake(&o, loop);
	if (when == STREAM_INPUT)
		oracle_write(&o, loop, "x", 1);
	TURN_UNTIL(loop, a.stream == NULL);
	loop_turn(loop, 0);
}
END_TEST

START_TEST(a_deadline_ends_a_stalled_handshake)
{
	connect_ends(&ways[_i]);
	stream_set_deadline(a.stream, clock_mono_ns() + 5 * NS_PER_MS);
	TURN_UNTIL(loop, a.timed_out);
	ck_assert_str_eq(text_str(&a.events), "timeout");
	stream_abort(a.stream);
	TURN_UNTIL(loop, (oracle_receive(&o), o.reset));
}
END_TEST

static void
add_ending_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_session_ends_as_it_ended, 0,
	    NROWS(endings) * NWAYS);
	tcase_add_loop_test(tc, a_handshake_ends_as_it_ended, 0, NROWS(early));
	tcase_add_loop_test(tc,
	    a_write_into_a_closed_session_delivers_what_came, 0, NWAYS);
	tcase_add_loop_test(tc, we_take_leave_and_still_listen, 0, NWAYS);
	tcase_add_loop_test(tc, they_take_leave_and_still_listen, 0, NWAYS);
	tcase_add_loop_test(tc,
	    leave_taken_before_the_handshake_comes_behind_it, 0, NWAYS);
}

static void
add_byte_tests(TCase *tc)
{
	tcase_add_loop_test(tc, a_record_comes_out_whole_wherever_it_is_cut, 0,
	    NWAYS);
	tcase_add_loop_test(tc, a_record_may_be_cut_anywhere_on_the_way, 0,
	    NWAYS);
	tcase_add_loop_test(tc, the_handshake_may_come_byte_by_byte, 0, NWAYS);
	tcase_add_loop_test(tc, resuming_finds_what_waits_inside, 0, NWAYS);
	tcase_add_loop_test(tc, a_queue_that_grows_and_moves_is_no_bad_retry, 0,
	    NWAYS);
	tcase_add_loop_test(tc, vectors_are_written_in_order, 0, NWAYS);
	tcase_add_loop_test(tc, key_updates_go_unnoticed, 0, 2);
	tcase_add_loop_test(tc, strangers_do_not_disturb_a_session, 0,
	    NROWS(strangers) * NWAYS);
	tcase_add_loop_test(tc, a_failure_and_a_record_in_one_turn_stay_apart,
	    0, 3 * NWAYS);
	tcase_add_loop_test(tc, a_callback_may_free_its_session, 0, 2 * NWAYS);
	tcase_add_loop_test(tc, a_deadline_ends_a_stalled_handshake, 0, NWAYS);
}

int
main(void)
{
	Suite *s = suite_create("tls_endings");
	TCase *tc = tcase_create("tls_endings");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_ending_tests(tc);
	add_byte_tests(tc);
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
