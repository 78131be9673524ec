/* TLS streams against OpenSSL's own end: how bytes are cut, and what one
 * session may not do to another. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/xalloc.h"
#include "support.h"
#include "tls_ways.h"

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

/* Two sessions without streams, hands shaken, each at its end of a pair. */
static void
pair_sessions(int fd[2], struct tls *t[2])
{
	struct tls_client_config c = { .insecure = true };
	char err[256];
	struct tls_ctx *ctx[2] = { tls_client_ctx_new(&c, err, sizeof(err)),
		tls_server_ctx_new(certs.chain, certs.key, NULL, err,
		    sizeof(err)) };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fd),
	    0);
	t[0] = tls_client_new(ctx[0], fd[0], "localhost");
	t[1] = tls_server_new(ctx[1], fd[1]);
	tls_ctx_free(ctx[0]);
	tls_ctx_free(ctx[1]);
	for (int done = 0; done != 3;)
		for (int i = 0; i < 2; i++)
			if (tls_handshake(t[i]) == TLS_DONE)
				done |= 1 << i;
}

/* Of two records in the socket the last read of the second one tells, once;
 * and what comes after that is read as ever. */
START_TEST(who_has_read_all_hears_that_nothing_is_left)
{
	char text[] = "0123456789", got[8];
	const struct iovec v = { text, 10 };
	struct tls *t[2];
	int fd[2];
	size_t n;

	pair_sessions(fd, t);
	ck_assert_int_eq(tls_read(t[1], got, 6, &n), TLS_AGAIN_READ);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++)
			ck_assert_int_eq(tls_writev(t[0], &v, 1, &n), TLS_DONE);
		for (int i = 0; i < 4; i++) {
			ck_assert_int_eq(tls_read(t[1], got, 6, &n), TLS_DONE);
			ck_assert_bytes(got, n, text + i % 2 * 6, n);
			ck_assert(tls_ran_dry(t[1]) == (i == 3));
		}
		ck_assert(!tls_ran_dry(t[1]));
		ck_assert(!tls_pending(t[1]));
	}
	ck_assert_int_eq(tls_read(t[1], got, 6, &n), TLS_AGAIN_READ);
	for (int i = 0; i < 2; i++) {
		tls_free(t[i]);
		close(fd[i]);
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
	ck_assert(stream_write(a.stream, "gh", 2));
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

int
main(void)
{
	Suite *s = suite_create("tls_bytes");
	TCase *tc = tcase_create("tls_bytes");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, tls_ways_setup, tls_ways_teardown);
	tcase_add_loop_test(tc, a_record_comes_out_whole_wherever_it_is_cut, 0,
	    NWAYS);
	tcase_add_test(tc, who_has_read_all_hears_that_nothing_is_left);
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
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
