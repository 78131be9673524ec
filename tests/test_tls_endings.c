/* TLS streams against OpenSSL's own end: how connections end. */
#include "config.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"
#include "tls_ways.h"

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

int
main(void)
{
	Suite *s = suite_create("tls_endings");
	TCase *tc = tcase_create("tls_endings");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, tls_ways_setup, tls_ways_teardown);
	tcase_add_loop_test(tc, a_session_ends_as_it_ended, 0,
	    NROWS(endings) * NWAYS);
	tcase_add_rows(tc, a_handshake_ends_as_it_ended, early);
	tcase_add_loop_test(tc,
	    a_write_into_a_closed_session_delivers_what_came, 0, NWAYS);
	tcase_add_loop_test(tc, we_take_leave_and_still_listen, 0, NWAYS);
	tcase_add_loop_test(tc, they_take_leave_and_still_listen, 0, NWAYS);
	tcase_add_loop_test(tc,
	    leave_taken_before_the_handshake_comes_behind_it, 0, NWAYS);
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
