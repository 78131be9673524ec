/* What another process has used, tried on ourselves and on a child. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "relay-cli/proc.h"
#include "support.h"

static int64_t
own_cpu_ns(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (r.ru_utime.tv_sec + r.ru_stime.tv_sec) * NS_PER_S +
	    (r.ru_utime.tv_usec + r.ru_stime.tv_usec) * INT64_C(1000);
}

START_TEST(cpu_time_is_that_of_getrusage)
{
	struct proc_usage u;
	int64_t before;

	while (own_cpu_ns() < 20 * NS_PER_MS)
		;
	before = own_cpu_ns();
	ck_assert(proc_usage_read(getpid(), &u));
	ck_assert_int_ge(u.cpu_ns, before - NS_PER_MS);
	ck_assert_int_le(u.cpu_ns, own_cpu_ns() + NS_PER_MS);
}
END_TEST

START_TEST(memory_that_is_touched_is_seen)
{
	enum {
		SIZE = 32 << 20
	};
	struct proc_usage before, after;
	char *p;

	ck_assert(proc_usage_read(getpid(), &before));
	p = malloc(SIZE);
	ck_assert_ptr_nonnull(p);
	memset(p, 1, SIZE);
	ck_assert(proc_usage_read(getpid(), &after));
	ck_assert_int_ge(after.rss - before.rss, SIZE - (1 << 20));
	ck_assert_int_eq(p[SIZE - 1], 1);
	free(p);
}
END_TEST

START_TEST(a_process_that_is_gone_has_nothing)
{
	struct proc_usage u = { 1, 2 };
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	ck_assert(proc_usage_read(pid, &u));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	u = (struct proc_usage){ 1, 2 };
	ck_assert(!proc_usage_read(pid, &u));
	ck_assert(!proc_usage_read(INT64_C(1) << 40, &u));
	ck_assert_int_eq(u.cpu_ns, 1);
	ck_assert_int_eq(u.rss, 2);
}
END_TEST

static Suite *
proc_suite(void)
{
	Suite *s = suite_create("proc");
	TCase *tc = tcase_create("proc");

	tcase_add_test(tc, cpu_time_is_that_of_getrusage);
	tcase_add_test(tc, memory_that_is_touched_is_seen);
	tcase_add_test(tc, a_process_that_is_gone_has_nothing);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(proc_suite());
}
