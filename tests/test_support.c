/* What comes of a test is told as it is: a suite is run within a test. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

START_TEST(passes)
{
}
END_TEST

static bool
is_there(bool there)
{
	if (!there)
		test_skip("there is no %s: really", "moon");
	return there;
}

START_TEST(lacks_something)
{
	if (!is_there(_i == 1))
		return;
}
END_TEST

START_TEST(fails_all_the_same)
{
	if (!is_there(false))
		ck_abort_msg("bad");
}
END_TEST

START_TEST(crashes_in_a_loop)
{
	for (int i = 0; i < 3; i++)
		ck_assert_int_lt(i, 3);
	abort();
}
END_TEST

static int
run_inner_suite(void)
{
	Suite *s = suite_create("inner");
	TCase *tc = tcase_create("case");

	tcase_add_loop_test(tc, lacks_something, 0, 2);
	tcase_add_test(tc, fails_all_the_same);
	tcase_add_test(tc, passes);
	tcase_add_test(tc, crashes_in_a_loop);
	suite_add_tcase(s, tc);
	return run_suite(s);
}

/* What the inner suite prints; its exit status. */
static int
read_inner_suite(char *out, size_t size)
{
	int fds[2], status;
	ssize_t n;
	size_t len = 0;
	pid_t pid;

	fflush(stdout);
	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		_exit(run_inner_suite());
	}
	close(fds[1]);
	while ((n = read(fds[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
expect_line(const char **at, const char *start, const char *end)
{
	const char *stop = strchr(*at, '\n');
	size_t len;

	ck_assert_msg(stop != NULL, "no line %s", start);
	len = (size_t)(stop - *at);
	ck_assert_msg(strncmp(*at, start, strlen(start)) == 0 &&
		len >= strlen(end) &&
		strncmp(stop - strlen(end), end, strlen(end)) == 0,
	    "%.*s", (int)len, *at);
	*at = stop + 1;
}

START_TEST(skipped_and_crashed_tests_say_so)
{
	char out[4096];
	const char *at = out;

	ck_assert_int_eq(read_inner_suite(out, sizeof(out)), EXIT_FAILURE);
	expect_line(&at, "ok 1 - ",
	    ":lacks_something # SKIP there is no moon: really");
	expect_line(&at, "ok 2 - ", ":lacks_something: Passed");
	expect_line(&at, "not ok 3 - ", ":fails_all_the_same: bad");
	expect_line(&at, "ok 4 - ", ":passes: Passed");
	expect_line(&at, "not ok 5 - ",
	    "test_support.c:case:crashes_in_a_loop: Received signal 6 "
	    "(Aborted)");
	expect_line(&at, "1..5", "1..5");
	ck_assert_str_eq(at, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("support");
	TCase *tc = tcase_create("told");

	tcase_add_test(tc, skipped_and_crashed_tests_say_so);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
