/* Who may log in, as a service says that is asked by HTTP (D-09). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "access_rig.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "support.h"

/* ---- */

START_TEST(the_question_is_the_references)
{
	static const char *const more[] = { "--access-token", "s3cret", NULL };
	char want[512];
	struct client c;

	configure("/may?x=1", more);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	snprintf(want, sizeof(want),
	    "POST /may?x=1 HTTP/1.1\r\nhost: 127.0.0.1:%u\r\n"
	    "x-iroh-nodeid: 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf37"
	    "48801b40f6f5c\r\n"
	    "authorization: Bearer s3cret\r\n"
	    "accept: */*\r\ncontent-length: 0\r\n\r\n",
	    port);
	ck_assert_str_eq(asked[0].text, want);
	say(0, YES);
	UNTIL(c.conn->state == CONN_OPEN);
	client_barrier(&c);
	ck_assert_uint_eq(answers("allowed"), 1);
	ck_assert_ptr_null(strstr(rig.log.s, "s3cret"));
	client_close(&c);
}
END_TEST

START_TEST(the_token_may_come_from_the_environment)
{
	struct client c;

	ck_assert_int_eq(setenv("IROH_RELAY_HTTP_BEARER_TOKEN", "fromenv", 1),
	    0);
	configure("", NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	ck_assert_ptr_nonnull(
	    strstr(asked[0].text, "\r\nauthorization: Bearer fromenv\r\n"));
	ck_assert_int_eq(strncmp(asked[0].text, "POST / HTTP/1.1\r\n", 17), 0);
	client_close(&c);
}
END_TEST

/* As the reference of 0.35 was seen to ask. */
static const struct {
	const char *path, *target; /* behind host and port; in the request */
} targets[] = {
	{ "", "/" },
	{ "/x?a=b#frag", "/x?a=b" },
	{ "?q=1", "/?q=1" },
	{ "#frag", "/" },
	{ "/\xc3\xa4 b?\xc3\xbc \xc3\xb6'`{}|^<>",
	    "/%C3%A4%20b?%C3%BC%20%C3%B6%27`{}|^%3C%3E" },
	{ "/x|^`{}<>y", "/x|^%60%7B%7D%3C%3Ey" },
	{ "/a/../b/./c/../d", "/b/d" },
};

START_TEST(targets_are_read_as_the_reference_reads_them)
{
	char want[100];
	struct client c;

	configure(targets[_i].path, NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	snprintf(want, sizeof(want), "POST %s HTTP/1.1\r\n",
	    targets[_i].target);
	ck_assert_int_eq(strncmp(asked[0].text, want, strlen(want)), 0);
	ck_assert_ptr_null(strstr(asked[0].text, "authorization"));
	client_close(&c);
}
END_TEST

/* Seen as well. */
static const struct {
	const char *user, *basic;
} users[] = {
	{ "user:pw@", "Basic dXNlcjpwdw==" },
	{ "us%40er:p%3aw@", "Basic dXNAZXI6cDp3" },
	{ "us@er:p:w@", "Basic dXNAZXI6cDp3" },
	{ "user@", "Basic dXNlcjo=" },
	{ ":pw@", "Basic OnB3" },
	{ "a%zz%4@", "Basic YSV6eiU0Og==" },
	{ "@", NULL },
};

START_TEST(a_user_in_the_url_goes_into_a_field)
{
	static const char *const more[] = { "--access-token", "tok", NULL };
	char want[100] = "\r\nauthorization: Bearer tok\r\n";
	struct client c;

	configure_user(users[_i].user, "/", more);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	/* The reference sends both, and a service takes what it knows. */
	ck_assert_ptr_nonnull(strstr(asked[0].text, want));
	snprintf(want, sizeof(want), "\r\nauthorization: %s\r\n",
	    users[_i].basic != NULL ? users[_i].basic : "Basic");
	ck_assert_int_eq(strstr(asked[0].text, want) != NULL,
	    users[_i].basic != NULL);
	ck_assert_ptr_null(strchr(asked[0].text, '@'));
	client_close(&c);
}
END_TEST

/* Neither what was wrong nor what was right of it is told. */
START_TEST(no_message_has_the_password)
{
	char *argv[] = { xstrdup("relayd"), xstrdup("--access-url"),
		xstrdup("https://user:s3cret@host:port/"), NULL };
	char err[256] = "";

	ck_assert_int_eq(conf_parse(&rig.conf, 3, argv, err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_str_eq(err,
	    "--access-url …: URL 'https://host:port': 'port' is not a port "
	    "(1 to 65535)");
	for (int i = 0; i < 3; i++)
		free(argv[i]);
}
END_TEST

static const struct {
	const char *text; /* of the service */
	bool closes;
	const char *answer;
} judged[] = {
	{ YES, false, "allowed" },
	{ "HTTP/1.1 200 OK\r\n\r\ntrue", true, "allowed" },
	{ "HTTP/1.0 200 OK\r\n\r\ntrue", true, "allowed" },
	{ "HTTP/1.1 100 Continue\r\n\r\n" YES, false, "allowed" },
	{ "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\ntr\r\n"
	  "2\r\nue\r\n0\r\n\r\n",
	    false, "allowed" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntrue\n", false,
	    "denied" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nTRUE", false, "denied" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfalse", false,
	    "denied" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntru", false, "denied" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false, "denied" },
	{ "HTTP/1.1 200 OK\r\n\r\n", true, "denied" },
	{ "HTTP/1.1 200 OK\r\n\r\ntru", true, "denied" },
	{ "HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\ntrue", false,
	    "denied" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", false, "denied" },
	{ "HTTP/1.1 301 Moved\r\ncontent-length: 4\r\n\r\ntrue", false,
	    "denied" },
	{ "HTTP/1.1 304 Same\r\nlocation: /x\r\n\r\n", false, "denied" },
	{ "HTTP/1.1 201 Created\r\nlocation: /x\r\ncontent-length: 4\r\n\r\n"
	  "true",
	    false, "denied" },
	{ "HTTP/1.1 302 Found\r\nlocation: ftp://a/\r\n\r\n", true, "broken" },
	{ "HTTP/1.1 302 Found\r\nlocation: ws://a/\r\n\r\n", true, "broken" },
	{ "HTTP/1.1 302 Found\r\nlocation: /a b\r\n\r\n", true, "broken" },
	{ "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\ntrue", false,
	    "denied" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntru", true, "broken" },
	{ "HTTP/1.1 200 OK\r\ncontent-le", true, "broken" },
	{ "SSH-2.0-OpenSSH\r\n", false, "broken" },
	{ "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 9\r\n\r\n"
	  "true",
	    false, "broken" },
	{ "", true, "broken" },
};

START_TEST(only_200_and_true_let_in)
{
	enum rk_carrier carrier = (enum rk_carrier)(_i % RK_NCARRIERS);
	bool allowed = strcmp(judged[_i].answer, "allowed") == 0;
	struct client c;

	configure("/", NULL);
	begin_login(&c, carrier, 1);
	UNTIL(is_whole(0));
	say(0, judged[_i].text);
	if (judged[_i].closes)
		hang_up(0);
	if (allowed) {
		UNTIL(c.conn->state == CONN_OPEN);
		client_barrier(&c);
		client_close(&c);
	} else {
		expect_denied(&c);
	}
	ck_assert_uint_eq(answers(judged[_i].answer), 1);
}
END_TEST

START_TEST(bytes_of_the_answer_may_come_one_by_one)
{
	struct client c;

	configure("/", NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	for (const char *p = YES; *p != '\0'; p++) {
		say(0, (char[]){ *p, '\0' });
		rig_settle(&rig);
	}
	UNTIL(c.conn->state == CONN_OPEN);
	client_close(&c);
}
END_TEST

START_TEST(an_endless_answer_is_no_answer)
{
	char junk[4096];
	struct client c;
	bool ended = false;

	memset(junk, 'x', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	configure("/", NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	say(0, "HTTP/1.1 200 OK\r\nx: ");
	for (int i = 0; i < 100 && !ended; i++) {
		send(asked[0].fd, junk, sizeof(junk) - 1, MSG_NOSIGNAL);
		ended = has_ended(&c);
	}
	expect_denied(&c);
	ck_assert_uint_eq(answers("broken"), 1);
}
END_TEST

START_TEST(nobody_there_refuses)
{
	struct client c;

	configure("/", NULL);
	close(listen_fd);
	listen_fd = -1;
	begin_login(&c, RK_CARRIER_RAW, 1);
	expect_denied(&c);
	ck_assert_uint_eq(answers("unreachable"), 1);
	ck_assert_ptr_nonnull(strstr(rig.log.s, "access-unanswered why=\""));
}
END_TEST

START_TEST(silence_refuses_in_time)
{
	static const char *const more[] = { "--access-timeout", "3s", NULL };
	struct client c;

	configure("/", more);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	rig_pass(&rig, 2900 * NS_PER_MS);
	client_expect_nothing(&c);
	rig_pass(&rig, 200 * NS_PER_MS);
	expect_denied(&c);
	ck_assert_uint_eq(answers("timeout"), 1);
}
END_TEST

/* The time of the login runs on. */
START_TEST(a_login_waits_no_longer_than_others)
{
	static const char *const more[] = { "--access-timeout", "1m", NULL };
	struct client c;

	configure("/", more);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	rig_pass(&rig, 10100 * NS_PER_MS);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"login\"}"),
	    1);
	client_close(&c);
	/* The service hears no more of it. */
	UNTIL(recv(asked[0].fd, asked[0].text, 1, 0) == 0);
}
END_TEST

/* What comes behind ClientInfo is served once the answer is there. */
START_TEST(frames_wait_for_the_answer)
{
	enum rk_carrier carrier = (enum rk_carrier)(_i % RK_NCARRIERS);
	bool half_closes = _i >= RK_NCARRIERS;
	uint8_t nonce[8] = { 1, 2, 3 };
	struct client c;

	configure("/", NULL);
	begin_login(&c, carrier, 1);
	client_send_frame(&c, "Ping", nonce, sizeof(nonce));
	UNTIL(is_whole(0));
	if (half_closes)
		client_shut(&c);
	client_poll(&c);
	ck_assert_uint_eq(c.in_len, 0);
	ck_assert(!c.ended);
	say(0, YES);
	UNTIL((client_poll(&c), c.in_len > 0));
	client_expect_frame(&c, "Pong", nonce, sizeof(nonce));
	if (half_closes)
		client_expect_end(&c);
	client_close(&c);
}
END_TEST

/* A FIN may be half a close: its frames count, and then it is gone. */
START_TEST(who_leaves_meanwhile_does_not_stay)
{
	struct client c;

	configure("/", NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	client_close(&c);
	rig_settle(&rig);
	say(0, YES);
	UNTIL(rig_metric(&rig, "relayd_connections{stage=\"login\"}") +
		rig_metric(&rig, "relayd_connections{stage=\"open\"}") ==
	    0);
	ck_assert_uint_eq(answers("allowed"), 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_clients"), 0);
}
END_TEST

START_TEST(so_many_are_asked_about_at_a_time)
{
	static const char *const more[] = { "--access-max", "2", NULL };
	struct client c[5];

	configure("/", more);
	for (uint8_t i = 0; i < 5; i++)
		begin_login(&c[i], RK_CARRIER_RAW, (uint8_t)(i + 1));
	UNTIL(is_whole(0) && is_whole(1));
	rig_settle(&rig);
	take_questions();
	ck_assert_int_eq(nasked, 2);
	/* The others get their turn, in the order of their coming, on the
	 * connection that is free. */
	for (uint8_t i = 0; i < 5; i++) {
		UNTIL(is_whole(i % 2));
		expect_key(i % 2, (uint8_t)(i + 1));
		say_last(i % 2, YES);
		UNTIL(c[i].conn->state == CONN_OPEN);
	}
	for (int i = 0; i < 5; i++) {
		client_barrier(&c[i]);
		client_close(&c[i]);
	}
	ck_assert_int_eq(nasked, 2);
	ck_assert_uint_eq(answers("allowed"), 5);
}
END_TEST

START_TEST(others_go_on_while_one_waits)
{
	struct client c, d;

	configure("/", NULL);
	begin_login(&c, RK_CARRIER_RAW, 1);
	UNTIL(is_whole(0));
	begin_login(&d, RK_CARRIER_WS, 2);
	UNTIL(is_whole(1));
	say(1, YES);
	UNTIL(d.conn->state == CONN_OPEN);
	client_barrier(&d);
	ck_assert_int_eq(c.conn->state, CONN_LOGIN);
	/* An orderly stop does not wait for the answer. */
	server_stop(rig.server);
	rig_settle(&rig);
	client_expect_end(&c);
	client_expect_end(&d);
	client_close(&c);
	client_close(&d);
}
END_TEST

START_TEST(a_forged_key_is_not_asked_about)
{
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, 1, info, sizeof(info));
	struct client c;

	configure("/", NULL);
	info[len - 2] ^= 1;
	client_open(&c, &rig, SERVICE_RELAY);
	client_upgrade(&c, RK_CARRIER_RAW);
	client_send(&c, info, len);
	client_expect_end(&c);
	take_questions();
	ck_assert_int_eq(nasked, 0);
	client_close(&c);
}
END_TEST

static const struct {
	const char *words[5];
	const char *error;
} wrong[] = {
	{ { "--access-url", "ftp://a/" }, "the scheme must be" },
	{ { "--access-url", "wss://a/" }, "http or https" },
	{ { "--access-url", "nowhere" }, "the scheme must be" },
	{ { "--access-url", "http://\xc3\xa4.example/" }, "xn-- form" },
	{ { "--access-url", "http:///x" }, "the host is missing" },
	{ { "--access-url", "http://a/", "--allow-file", "/x" }, "not both" },
	{ { "--access-url", "http://a/", "--access-token", "a\nb" },
	    "bearer token" },
	{ { "--access-ca", "/x" }, "needs --access-url" },
	{ { "--access-max", "0" }, "from 1" },
};

START_TEST(bad_options_are_errors)
{
	char *argv[7] = { NULL }, err[256] = "";
	int argc = 0;

	argv[argc++] = xstrdup("relayd");
	for (int i = 0; i < 5 && wrong[_i].words[i] != NULL; i++)
		argv[argc++] = xstrdup(wrong[_i].words[i]);
	ck_assert_int_eq(conf_parse(&rig.conf, argc, argv, err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_msg(strstr(err, wrong[_i].error) != NULL, "%s", err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd access by HTTP");
	TCase *tc = tcase_create("asked");

	tcase_add_checked_fixture(tc, access_rig_start, access_rig_stop);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_question_is_the_references);
	tcase_add_test(tc, the_token_may_come_from_the_environment);
	tcase_add_rows(tc, targets_are_read_as_the_reference_reads_them,
	    targets);
	tcase_add_rows(tc, a_user_in_the_url_goes_into_a_field, users);
	tcase_add_test(tc, no_message_has_the_password);
	tcase_add_rows(tc, only_200_and_true_let_in, judged);
	tcase_add_test(tc, bytes_of_the_answer_may_come_one_by_one);
	tcase_add_test(tc, an_endless_answer_is_no_answer);
	tcase_add_test(tc, nobody_there_refuses);
	tcase_add_test(tc, silence_refuses_in_time);
	tcase_add_test(tc, a_login_waits_no_longer_than_others);
	tcase_add_loop_test(tc, frames_wait_for_the_answer, 0,
	    2 * RK_NCARRIERS);
	tcase_add_test(tc, who_leaves_meanwhile_does_not_stay);
	tcase_add_test(tc, so_many_are_asked_about_at_a_time);
	tcase_add_test(tc, others_go_on_while_one_waits);
	tcase_add_test(tc, a_forged_key_is_not_asked_about);
	tcase_add_rows(tc, bad_options_are_errors, wrong);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
