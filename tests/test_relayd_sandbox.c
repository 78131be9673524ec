/* What a relay may still ask of the kernel once it serves. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "relayd/sandbox.h"
#include "support.h"

static void
enter(void)
{
	const char *why = "";

	ck_assert_msg(sandbox_enter(-1, &why), "%s", why);
}

static void *
resolve(void *arg)
{
	struct addrinfo *list = NULL;

	*(int *)arg = getaddrinfo("localhost", "80", NULL, &list);
	if (*(int *)arg == 0)
		freeaddrinfo(list);
	return NULL;
}

START_TEST(names_are_resolved_on_threads_of_their_own)
{
	int status = -1;
	pthread_t t;

	enter();
	ck_assert_int_eq(pthread_create(&t, NULL, resolve, &status), 0);
	pthread_join(t, NULL);
	ck_assert_msg(status == 0, "%s", gai_strerror(status));
}
END_TEST

static int start[2];

static void *
open_when_told(void *arg)
{
	char byte;

	ck_assert_int_eq(read(start[0], &byte, 1), 1);
	*(int *)arg =
	    open("/tmp/test_relayd_sandbox", O_WRONLY | O_CREAT, 0600);
	return NULL;
}

START_TEST(threads_that_run_already_are_held_too)
{
	int fd = -1;
	pthread_t t;

	ck_assert_int_eq(pipe(start), 0);
	ck_assert_int_eq(pthread_create(&t, NULL, open_when_told, &fd), 0);
	enter();
	ck_assert_int_eq(write(start[1], "x", 1), 1);
	pthread_join(t, NULL);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(files_are_read_and_not_written)
{
	FILE *f;

	enter();
	f = fopen("/etc/passwd", "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_ne(getc(f), EOF);
	fclose(f);
	ck_assert_int_eq(open("/tmp/test_relayd_sandbox", O_RDONLY | O_CREAT,
			     0600),
	    -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(open("/tmp", O_RDWR | O_TMPFILE, 0600), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_ptr_null(fopen("/dev/null", "w"));
	ck_assert_int_eq(unlink("/tmp/test_relayd_sandbox"), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(chmod("/tmp/test_relayd_sandbox", 0777), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(it_connects_and_opens_no_port)
{
	int fd;

	enter();
	fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 1), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(socket(AF_PACKET, SOCK_RAW, 0), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

START_TEST(it_stays_one_process_with_its_rights)
{
	struct rlimit limit;

	enter();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(fork(), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(kill(getppid(), 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(setuid(getuid()), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* These two end it: SIGSYS. */
START_TEST(no_program_is_started)
{
	enter();
	execl("/bin/true", "true", (char *)NULL);
}
END_TEST

START_TEST(nothing_is_traced)
{
	enter();
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
END_TEST

/* An abort is still one. */
START_TEST(it_can_die)
{
	enter();
	abort();
}
END_TEST

/* Where there is none every test would fail for that. */
static bool
is_there(void)
{
	const char *why = NULL;
	int status, fd[2];
	char text[80] = "";
	pid_t pid;

	if (pipe(fd) != 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0) {
		bool ok = sandbox_enter(-1, &why);

		if (!ok)
			dprintf(fd[1], "%s", why);
		_exit(ok ? 0 : 1);
	}
	close(fd[1]);
	(void)!read(fd[0], text, sizeof(text) - 1);
	close(fd[0]);
	if (waitpid(pid, &status, 0) == pid && status == 0)
		return true;
	printf("1..0 # SKIP no sandbox: %s\n", text);
	return false;
}

int
main(void)
{
	Suite *s;
	TCase *tc;

	if (!is_there())
		return 0;
	s = suite_create("relayd sandbox");
	tc = tcase_create("sandbox");
	tcase_add_test(tc, names_are_resolved_on_threads_of_their_own);
	tcase_add_test(tc, threads_that_run_already_are_held_too);
	tcase_add_test(tc, files_are_read_and_not_written);
	tcase_add_test(tc, it_connects_and_opens_no_port);
	tcase_add_test(tc, it_stays_one_process_with_its_rights);
	tcase_add_test_raise_signal(tc, no_program_is_started, SIGSYS);
	tcase_add_test_raise_signal(tc, nothing_is_traced, SIGSYS);
	tcase_add_test_raise_signal(tc, it_can_die, SIGABRT);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
