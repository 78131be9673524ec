/* Log lines: levels, one line an event, limits, a broken stderr. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "support.h"

static struct text lines;
static unsigned nlines;

static void
on_line(void *arg, enum log_level level, const char *line)
{
	text_addf(&lines, "%d:%s|", (int)level, line);
	nlines++;
}

static void
setup(void)
{
	text_init(&lines);
	nlines = 0;
	log_init("test", LOG_INFO);
	log_capture(on_line, NULL);
}

static void
teardown(void)
{
	log_capture(NULL, NULL);
	text_clear(&lines);
	clock_unfake();
}

START_TEST(lines_above_the_level_are_left_out)
{
	log_error("a=%d", 1);
	log_warn("b");
	log_info("c");
	log_debug("d");
	ck_assert_str_eq(text_str(&lines), "0:a=1|1:b|2:c|");
	log_set_level(LOG_ERROR);
	log_warn("e");
	ck_assert_str_eq(text_str(&lines), "0:a=1|1:b|2:c|");
	ck_assert_int_eq(log_get_level(), LOG_ERROR);
}
END_TEST

START_TEST(levels_have_words)
{
	ck_assert_int_eq(log_level_parse("error"), LOG_ERROR);
	ck_assert_int_eq(log_level_parse("warn"), LOG_WARN);
	ck_assert_int_eq(log_level_parse("info"), LOG_INFO);
	ck_assert_int_eq(log_level_parse("debug"), LOG_DEBUG);
	ck_assert_int_eq(log_level_parse("verbose"), -1);
	ck_assert_int_eq(log_level_parse(""), -1);
}
END_TEST

START_TEST(an_event_is_one_line_whatever_is_in_it)
{
	log_info("x=%s",
	    "a\nlisten: error fake\x1b[2J\x7f"
	    "é");
	ck_assert_str_eq(text_str(&lines),
	    "2:x=a\\nlisten: error fake\\x1b[2J\\x7fé|");
}
END_TEST

START_TEST(errno_survives_logging)
{
	errno = EXDEV;
	log_info("x");
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(a_limited_line_passes_so_often_a_second)
{
	struct log_limit limit = { .burst = 2 };

	clock_fake(100 * NS_PER_S);
	for (int i = 0; i < 5; i++)
		log_limited(&limit, LOG_INFO, "e");
	ck_assert_uint_eq(nlines, 2);
	clock_advance(NS_PER_S);
	log_limited(&limit, LOG_INFO, "e");
	log_limited(&limit, LOG_INFO, "e");
	log_limited(&limit, LOG_INFO, "e");
	ck_assert_str_eq(text_str(&lines), "2:e|2:e|2:e suppressed=3|2:e|");
}
END_TEST

START_TEST(a_limited_line_below_the_level_counts_nothing)
{
	struct log_limit limit = { .burst = 1 };

	clock_fake(100 * NS_PER_S);
	for (int i = 0; i < 5; i++)
		log_limited(&limit, LOG_DEBUG, "e");
	ck_assert_uint_eq(nlines, 0);
	ck_assert_uint_eq(limit.suppressed, 0);
}
END_TEST

START_TEST(whether_a_line_passes_can_be_asked_first)
{
	struct log_limit limit = { .burst = 1 };
	unsigned long suppressed = 7;

	clock_fake(100 * NS_PER_S);
	ck_assert(!log_passes(NULL, LOG_DEBUG, &suppressed));
	ck_assert(log_passes(NULL, LOG_INFO, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	ck_assert(log_passes(&limit, LOG_INFO, &suppressed));
	ck_assert_uint_eq(suppressed, 0);
	ck_assert(!log_passes(&limit, LOG_INFO, &suppressed));
	ck_assert(!log_passes(&limit, LOG_INFO, &suppressed));
	clock_advance(NS_PER_S);
	ck_assert(log_passes(&limit, LOG_INFO, &suppressed));
	ck_assert_uint_eq(suppressed, 2);
	log_passed(LOG_INFO, suppressed, "%s=%d", "e", 1);
	log_passed(LOG_INFO, 0, "f");
	ck_assert_str_eq(text_str(&lines), "2:e=1 suppressed=2|2:f|");
}
END_TEST

/* Point stderr to a pipe; the end to read from. */
static int
pipe_stderr(void)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	return ends[0];
}

START_TEST(a_line_on_stderr_names_program_and_level)
{
	char buf[200] = "";
	int fd = pipe_stderr();

	log_capture(NULL, NULL);
	log_warn("accept-paused n=%d", 3);
	ck_assert_int_gt(read(fd, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, "test: warn accept-paused n=3\n");
}
END_TEST

START_TEST(a_broken_stderr_does_not_end_the_program)
{
	close(pipe_stderr());
	signal(SIGPIPE, SIG_IGN); /* as loop_new() does */
	log_capture(NULL, NULL);
	log_warn("nobody reads this");
	ck_assert_int_eq(close(STDERR_FILENO), 0);
	log_warn("nor this");
}
END_TEST

/* It is full; and when it was read, what was lost is told. */
START_TEST(a_stderr_that_nobody_reads_does_not_hold_up_the_program)
{
	int ends[2], full = 0;
	char text[4096];
	ssize_t n;

	log_capture(NULL, NULL);
	log_never_wait();
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	for (int i = 0; i < 4000; i++)
		log_info("line=%06d for the pipe to fill up with", i);
	for (int taken = 0; taken < 65536; taken += (int)n) {
		n = read(ends[0], text, sizeof(text));
		ck_assert_int_gt(n, 0);
		for (ssize_t k = 0; k < n; k++)
			full += text[k] == '\n';
		if (n < (ssize_t)sizeof(text))
			break;
	}
	log_info("again");
	n = read(ends[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	snprintf(text + n + 1, 256,
	    "test: warn log-lost lines=%d\ntest: info again\n", 4000 - full);
	ck_assert_str_eq(text, text + n + 1);
}
END_TEST

static Suite *
log_suite(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, lines_above_the_level_are_left_out);
	tcase_add_test(tc, levels_have_words);
	tcase_add_test(tc, an_event_is_one_line_whatever_is_in_it);
	tcase_add_test(tc, errno_survives_logging);
	tcase_add_test(tc, a_limited_line_passes_so_often_a_second);
	tcase_add_test(tc, a_limited_line_below_the_level_counts_nothing);
	tcase_add_test(tc, whether_a_line_passes_can_be_asked_first);
	tcase_add_test(tc, a_line_on_stderr_names_program_and_level);
	tcase_add_test(tc, a_broken_stderr_does_not_end_the_program);
	tcase_add_test(tc,
	    a_stderr_that_nobody_reads_does_not_hold_up_the_program);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(log_suite());
}
