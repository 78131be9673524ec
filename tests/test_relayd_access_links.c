/* The connections to a service that says who may log in, and where it sends
 * questions on to. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "access_rig.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "support.h"

/* ---- connections that are kept */

#define CLOSING                                                                \
	"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: "             \
	"4\r\n\r\ntrue"
#define NO "HTTP/1.1 403 No\r\ncontent-length: 3\r\n\r\nno\n"

/* |seed| is asked about on connection |i|. */
static void
ask(struct client *c, uint8_t seed, int i)
{
	begin_login(c, RK_CARRIER_RAW, seed);
	UNTIL(is_whole(i));
	expect_key(i, seed);
}

static void
let_in(struct client *c, int i, const char *answer)
{
	say_last(i, answer);
	UNTIL(c->conn->state == CONN_OPEN);
	client_close(c);
}

START_TEST(a_connection_serves_one_question_after_the_other)
{
	struct client c;

	configure("/", NULL);
	for (uint8_t seed = 1; seed <= 4; seed++) {
		ask(&c, seed, 0);
		if (seed != 3) {
			let_in(&c, 0, YES);
			continue;
		}
		say_last(0, NO);
		UNTIL(has_ended(&c));
		client_close(&c);
	}
	ck_assert_int_eq(nasked, 1);
	ck_assert_uint_eq(answers("allowed"), 3);
	ck_assert_uint_eq(answers("denied"), 1);
	/* not for ever */
	rig_pass(&rig, 89 * NS_PER_S);
	ck_assert(!was_hung_up(0));
	rig_pass(&rig, 2 * NS_PER_S);
	UNTIL(was_hung_up(0));
	ask(&c, 5, 1);
	let_in(&c, 1, YES);
}
END_TEST

/* Answers behind which nothing can follow. */
static const struct {
	const char *text;
	bool closes;
} final[] = {
	{ CLOSING, false },
	{ "HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\ntrue", false },
	{ "HTTP/1.1 200 OK\r\n\r\ntrue", true },
	{ YES "HTTP/1.1 200 OK\r\n", false }, /* unasked */
};

START_TEST(a_connection_that_is_not_kept_is_closed)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	say_last(0, final[_i].text);
	if (final[_i].closes)
		hang_up(0);
	UNTIL(c.conn->state == CONN_OPEN);
	client_close(&c);
	if (!final[_i].closes)
		UNTIL(was_hung_up(0));
	ask(&c, 2, 1);
	let_in(&c, 1, YES);
}
END_TEST

START_TEST(what_is_said_unasked_ends_a_kept_connection)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	let_in(&c, 0, YES);
	rig_settle(&rig);
	say(0, YES);
	UNTIL(was_hung_up(0));
	ask(&c, 2, 1);
	let_in(&c, 1, YES);
}
END_TEST

START_TEST(a_connection_that_has_ended_is_not_used)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	let_in(&c, 0, YES);
	hang_up(0);
	rig_settle(&rig);
	ask(&c, 2, 1);
	let_in(&c, 1, YES);
	ck_assert_int_eq(nasked, 2);
}
END_TEST

/* Service and relay speak at the same time; a new connection that ends so is
 * an answer. */
START_TEST(a_question_that_met_an_end_is_asked_again)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	let_in(&c, 0, YES);
	ask(&c, 2, 0);
	hang_up(0);
	UNTIL(is_whole(1));
	expect_key(1, 2);
	if (_i == 0) {
		let_in(&c, 1, YES);
		ck_assert_uint_eq(answers("allowed"), 2);
	} else {
		hang_up(1);
		UNTIL(has_ended(&c));
		client_close(&c);
		ck_assert_uint_eq(answers("broken"), 1);
	}
	rig_settle(&rig);
	take_questions();
	ck_assert_int_eq(nasked, 2);
}
END_TEST

/* What has begun to answer is not asked again. */
START_TEST(half_an_answer_on_a_kept_connection_is_broken)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	let_in(&c, 0, YES);
	ask(&c, 2, 0);
	say_last(0, "HTTP/1.1 2");
	rig_settle(&rig);
	hang_up(0);
	UNTIL(has_ended(&c));
	client_close(&c);
	ck_assert_uint_eq(answers("broken"), 1);
	take_questions();
	ck_assert_int_eq(nasked, 1);
}
END_TEST

START_TEST(no_more_than_sixteen_are_kept)
{
	struct client c[MAX_ASKED];

	configure("/", NULL);
	for (uint8_t i = 0; i < MAX_ASKED; i++)
		ask(&c[i], (uint8_t)(i + 1), i);
	for (int i = 0; i < MAX_ASKED; i++)
		let_in(&c[i], i, YES);
	rig_settle(&rig);
	for (int i = 0; i < MAX_ASKED; i++)
		ck_assert_int_eq(was_hung_up(i), i < MAX_ASKED - 16);
}
END_TEST

/* ---- redirections */

static void
redirect(int i, int status, const char *location)
{
	char *text = xasprintf("HTTP/1.1 %d Moved\r\nlocation: "
			       "%s\r\ncontent-length: 4\r\n\r\n"
			       "true",
	    status, location);

	say_last(i, text);
	free(text);
}

static const struct {
	int status;
	const char *location, *line;
} moved[] = {
	{ 301, "/there", "GET /there HTTP/1.1\r\n" },
	{ 302, "there?x=1", "GET /may/there?x=1 HTTP/1.1\r\n" },
	{ 303, "?y", "GET /may/1?y HTTP/1.1\r\n" },
	{ 307, "../there#x", "POST /there HTTP/1.1\r\n" },
	{ 308, "", "POST /may/1 HTTP/1.1\r\n" },
};

START_TEST(a_redirection_is_followed)
{
	static const char *const more[] = { "--access-token", "s3cret", NULL };
	bool post = moved[_i].line[0] == 'P';
	struct client c;

	configure("/may/1", more);
	ask(&c, 1, 0);
	redirect(0, moved[_i].status, moved[_i].location);
	UNTIL(is_whole(0));
	expect_key(0, 1);
	ck_assert_int_eq(strncmp(asked[0].text, moved[_i].line,
			     strlen(moved[_i].line)),
	    0);
	ck_assert_ptr_nonnull(strstr(asked[0].text, "\r\nauthorization: "));
	ck_assert_int_eq(strstr(asked[0].text, "content-length: 0") != NULL,
	    post);
	/* once a GET, for good */
	redirect(0, 307, "/end");
	UNTIL(is_whole(0));
	ck_assert_int_eq(strncmp(asked[0].text, "POST", 4) == 0, post);
	let_in(&c, 0, YES);
	ck_assert_int_eq(nasked, 1);
	ck_assert_uint_eq(answers("allowed"), 1);
}
END_TEST

/* Another name is another host. */
START_TEST(the_token_is_for_its_host_alone)
{
	static const char *const more[] = { "--access-token", "s3cret", NULL };
	char *away, *back;
	struct client c;

	configure("/", more);
	away = xasprintf("http://localhost:%u/there", port);
	back = xasprintf("http://127.0.0.1:%u/", port);
	ask(&c, 1, 0);
	redirect(0, 302, away);
	UNTIL(is_whole(1));
	expect_key(1, 1);
	ck_assert_ptr_nonnull(strstr(asked[1].text, "host: localhost:"));
	ck_assert_ptr_null(strstr(asked[1].text, "s3cret"));
	redirect(1, 302, back);
	UNTIL(is_whole(0)); /* it was kept */
	ck_assert_ptr_null(strstr(asked[0].text, "s3cret"));
	let_in(&c, 0, YES);
	ask(&c, 2, 0);
	ck_assert_ptr_nonnull(strstr(asked[0].text, "s3cret"));
	client_close(&c);
	free(away);
	free(back);
}
END_TEST

START_TEST(ten_redirections_are_followed)
{
	struct client c;

	configure("/", NULL);
	ask(&c, 1, 0);
	for (int i = 0; i < 10 + _i; i++) {
		redirect(0, 302, "/again");
		if (i < 10)
			UNTIL(is_whole(0));
	}
	if (_i == 0) {
		let_in(&c, 0, YES);
		ck_assert_uint_eq(answers("allowed"), 1);
	} else {
		expect_denied(&c);
		ck_assert_uint_eq(answers("broken"), 1);
		ck_assert_ptr_nonnull(strstr(rig.log.s, "leads on and on"));
	}
}
END_TEST

START_TEST(redirections_are_in_time_as_well)
{
	static const char *const more[] = { "--access-timeout", "3s", NULL };
	struct client c;

	configure("/", more);
	ask(&c, 1, 0);
	for (int i = 0; i < 2; i++) {
		rig_pass(&rig, 1400 * NS_PER_MS);
		redirect(0, 302, "/again");
		UNTIL(is_whole(0));
	}
	rig_pass(&rig, 300 * NS_PER_MS);
	expect_denied(&c);
	ck_assert_uint_eq(answers("timeout"), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd access, connections");
	TCase *tc = tcase_create("connections");

	tcase_add_checked_fixture(tc, access_rig_start, access_rig_stop);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_connection_serves_one_question_after_the_other);
	tcase_add_rows(tc, a_connection_that_is_not_kept_is_closed, final);
	tcase_add_test(tc, what_is_said_unasked_ends_a_kept_connection);
	tcase_add_test(tc, a_connection_that_has_ended_is_not_used);
	tcase_add_loop_test(tc, a_question_that_met_an_end_is_asked_again, 0,
	    2);
	tcase_add_test(tc, half_an_answer_on_a_kept_connection_is_broken);
	tcase_add_test(tc, no_more_than_sixteen_are_kept);
	tcase_add_rows(tc, a_redirection_is_followed, moved);
	tcase_add_test(tc, the_token_is_for_its_host_alone);
	tcase_add_loop_test(tc, ten_redirections_are_followed, 0, 2);
	tcase_add_test(tc, redirections_are_in_time_as_well);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
