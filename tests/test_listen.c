/* Listening: addresses, errors that name them, a lack of descriptors. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/listen.h"
#include "peer.h"
#include "support.h"

#define LIMIT 64

static struct loop *loop;
static struct listener *listener;
static char err[512];
static struct text log_lines;
static int accepted[1000];
static int naccepted;

static void
on_line(void *arg, enum log_level level, const char *line)
{
	text_addf(&log_lines, "%s\n", line);
}

static void
on_accept(void *arg, int fd)
{
	accepted[naccepted++] = fd;
}

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	listener = NULL;
	naccepted = 0;
	text_init(&log_lines);
	log_init("test", LOG_DEBUG);
	log_capture(on_line, NULL);
}

static void
teardown(void)
{
	listener_free(listener);
	for (int i = 0; i < naccepted; i++)
		close(accepted[i]);
	loop_free(loop);
	log_capture(NULL, NULL);
	text_clear(&log_lines);
	clock_unfake();
}

static void
listen_on(const char *address)
{
	listener =
	    listener_new(loop, address, on_accept, NULL, err, sizeof(err));
	ck_assert_msg(listener != NULL, "%s", err);
}

static int
knock(const char *host, unsigned port)
{
	struct address a;
	int fd;

	ck_assert(address_from_literal(host, port, &a));
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		ck_assert_int_eq(connect(fd, &a.any, a.len), 0);
	return fd;
}

static const struct {
	const char *address;
	const char *host; /* to knock at */
	const char *begins;
} good[] = {
	{ "127.0.0.1:0", "127.0.0.1", "127.0.0.1:" },
	{ "[::1]:0", "::1", "[::1]:" },
	{ "0.0.0.0:0", "127.0.0.1", "0.0.0.0:" }, { "[::]:0", "::1", "[::]:" },
	{ "[::]:0", "127.0.0.1",
	    "[::]:" }, /* both families, as the OS has it */
};

START_TEST(a_listener_accepts_and_knows_its_port)
{
	char want[64];
	int fd;

	listen_on(good[_i].address);
	ck_assert_uint_ne(listener_port(listener), 0);
	snprintf(want, sizeof(want), "%s%u", good[_i].begins,
	    listener_port(listener));
	ck_assert_str_eq(listener_address(listener), want);
	fd = knock(good[_i].host, listener_port(listener));
	TURN_UNTIL(loop, naccepted == 1);
	ck_assert_int_ne(fcntl(accepted[0], F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(accepted[0], F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}
END_TEST

static int
tcp_option(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value = 0;

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, option, &value, &len), 0);
	return value;
}

START_TEST(options_of_the_listener_are_those_of_its_connections)
{
	int fd;

	listen_on(good[_i].address);
	listener_set_unsent_max(listener, 123456);
	fd = knock(good[_i].host, listener_port(listener));
	TURN_UNTIL(loop, naccepted == 1);
	ck_assert_int_ne(tcp_option(accepted[0], TCP_NODELAY), 0);
	ck_assert_int_eq(tcp_option(accepted[0], TCP_NOTSENT_LOWAT), 123456);
	close(fd);
}
END_TEST

START_TEST(all_who_knocked_are_accepted_in_one_turn)
{
	int fds[50];

	listen_on("127.0.0.1:0");
	for (int i = 0; i < 50; i++)
		fds[i] = knock("127.0.0.1", listener_port(listener));
	loop_turn(loop, -1);
	ck_assert_int_eq(naccepted, 50);
	for (int i = 0; i < 50; i++)
		close(fds[i]);
}
END_TEST

static const char *const bad[] = { "", "127.0.0.1", "127.0.0.1:", ":3340",
	"localhost:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
	"::1:0", "[::1:0", "[::1]", "[::1]0", "[]:0", "*:80", "1.2.3:0",
	"127.0.0.1:0 ", "[127.0.0.1:0" };

START_TEST(a_bad_address_is_refused_with_an_example)
{
	char begins[100];

	listener =
	    listener_new(loop, bad[_i], on_accept, NULL, err, sizeof(err));
	ck_assert_msg(listener == NULL, "%s", bad[_i]);
	snprintf(begins, sizeof(begins), "cannot listen on '%s': ", bad[_i]);
	ck_assert_int_eq(strncmp(err, begins, strlen(begins)), 0);
	ck_assert_ptr_nonnull(strstr(err, "127.0.0.1:3340"));
}
END_TEST

START_TEST(a_port_in_use_is_said_with_the_address)
{
	char address[64], want[200];

	listen_on("127.0.0.1:0");
	snprintf(address, sizeof(address), "%s", listener_address(listener));
	ck_assert_ptr_null(
	    listener_new(loop, address, on_accept, NULL, err, sizeof(err)));
	snprintf(want, sizeof(want),
	    "cannot listen on %s: Address already in use (another program has "
	    "it, or it is named twice; [::] means IPv4, too)",
	    address);
	ck_assert_str_eq(err, want);
	/* an address that is not ours: TEST-NET-3, RFC 5737 */
	ck_assert_ptr_null(listener_new(loop, "203.0.113.1:0", on_accept, NULL,
	    err, sizeof(err)));
	ck_assert_str_eq(err,
	    "cannot listen on 203.0.113.1:0: Cannot assign requested address "
	    "(no interface here has it)");
}
END_TEST

static void
on_accept_free(void *arg, int fd)
{
	accepted[naccepted++] = fd;
	listener_free(listener);
	listener = NULL;
}

START_TEST(a_callback_may_free_its_listener)
{
	int fds[3];

	listener = listener_new(loop, "127.0.0.1:0", on_accept_free, NULL, err,
	    sizeof(err));
	ck_assert_msg(listener != NULL, "%s", err);
	for (int i = 0; i < 3; i++)
		fds[i] = knock("127.0.0.1", listener_port(listener));
	TURN_UNTIL(loop, listener == NULL);
	loop_turn(loop, 0);
	ck_assert_int_eq(naccepted, 1);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	listener_free(NULL);
}
END_TEST

/* ---- descriptors run out.  Those who knock are a child's, whose limit is
 * its own. */

static pid_t
knock_from_child(unsigned port, int n)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (int i = 0; i < n; i++)
			knock("127.0.0.1", port);
		(void)!write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void
set_limit(rlim_t n)
{
	struct rlimit r;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &r), 0);
	r.rlim_cur = n;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &r), 0);
}

static int
count(const char *word)
{
	int n = 0;

	for (const char *p = text_str(&log_lines);
	     (p = strstr(p, word)) != NULL; p++)
		n++;
	return n;
}

static void
turn_often(int64_t step_ns, int n)
{
	for (int i = 0; i < n; i++) {
		clock_advance(step_ns);
		loop_turn(loop, 0);
	}
}

START_TEST(without_descriptors_accepting_pauses_and_resumes)
{
	int before, spare[4];
	pid_t pid;

	clock_fake(NS_PER_S);
	listen_on("127.0.0.1:0");
	pid = knock_from_child(listener_port(listener), 200);
	set_limit(LIMIT);
	turn_often(0, 5);
	ck_assert_int_eq(count("accept-paused"), 1);
	ck_assert_int_gt(naccepted, 20);
	ck_assert_int_lt(naccepted, LIMIT);
	before = naccepted;

	/* some are left to the rest of the process */
	for (int i = 0; i < 4; i++) {
		spare[i] = open("/dev/null", O_RDONLY);
		ck_assert_int_ge(spare[i], 0);
	}
	for (int i = 0; i < 4; i++)
		close(spare[i]);

	/* it tries, and says nothing */
	turn_often(100 * NS_PER_MS, 50);
	ck_assert_int_eq(naccepted, before);
	ck_assert_int_eq(count("\n"), 1);

	/* two come free: two are accepted, the state is the same */
	close(accepted[--naccepted]);
	close(accepted[--naccepted]);
	turn_often(100 * NS_PER_MS, 1);
	ck_assert_int_eq(naccepted, before);
	ck_assert_int_eq(count("\n"), 1);

	/* all come free */
	while (naccepted > 0)
		close(accepted[--naccepted]);
	set_limit(1000);
	turn_often(100 * NS_PER_MS, 1);
	ck_assert_int_eq(naccepted, 200 - before - 2);
	ck_assert_int_eq(count("accept-paused"), 1);
	ck_assert_int_eq(count("accept-resumed"), 1);
	ck_assert_int_eq(count("\n"), 2);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* Those who come and go where it is tight do not fill the log. */
START_TEST(pauses_that_follow_each_other_are_said_once_a_second)
{
	pid_t pid;

	clock_fake(NS_PER_S);
	listen_on("127.0.0.1:0");
	for (int i = 0; i < 9; i++) {
		pid = knock_from_child(listener_port(listener), LIMIT);
		set_limit(LIMIT);
		turn_often(0, 5);
		while (naccepted > 0)
			close(accepted[--naccepted]);
		set_limit(1000);
		turn_often(100 * NS_PER_MS, 1);
		ck_assert_int_gt(naccepted, 0);
		while (naccepted > 0)
			close(accepted[--naccepted]);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
	ck_assert_int_eq(count("accept-paused"), 1);
	ck_assert_int_eq(count("accept-resumed"), 1);
	/* one that lasts is said */
	pid = knock_from_child(listener_port(listener), LIMIT);
	set_limit(LIMIT);
	turn_often(100 * NS_PER_MS, 5);
	ck_assert_int_eq(count("accept-paused"), 2);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_paused_listener_does_not_spin)
{
	pid_t pid;
	int before;

	listen_on("127.0.0.1:0");
	pid = knock_from_child(listener_port(listener), 100);
	set_limit(LIMIT);
	TURN_UNTIL(loop, count("accept-paused") == 1);
	before = naccepted;
	/* by the real clock: a turn ends by its own bound, or by the retry */
	for (int i = 0; i < 4; i++) {
		int64_t t = clock_mono_ns();

		loop_turn(loop, 50 * NS_PER_MS);
		loop_turn(loop, 50 * NS_PER_MS);
		ck_assert_int_ge(clock_mono_ns() - t, 50 * NS_PER_MS);
	}
	ck_assert_int_eq(naccepted, before);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(an_essential_listener_still_accepts)
{
	struct listener *metrics;
	pid_t pid;
	int before;

	clock_fake(NS_PER_S);
	listen_on("127.0.0.1:0");
	metrics = listener_new(loop, "127.0.0.1:0", on_accept, NULL, err,
	    sizeof(err));
	ck_assert_ptr_nonnull(metrics);
	listener_set_essential(metrics);
	pid = knock_from_child(listener_port(listener), 100);
	set_limit(LIMIT);
	turn_often(0, 5);
	ck_assert_int_eq(count("accept-paused"), 1);
	before = naccepted;
	for (int i = 0; i < 10; i++) {
		int fd = knock("127.0.0.1", listener_port(metrics));

		ck_assert_int_ge(fd, 0);
		turn_often(100 * NS_PER_MS, 2);
		ck_assert_int_eq(naccepted, before + 1);
		close(accepted[--naccepted]);
		close(fd);
	}
	ck_assert_int_eq(count("\n"), 1);
	listener_free(metrics);
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

START_TEST(a_connection_that_was_reset_in_the_queue_is_passed_over)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	int fd, other;

	listen_on("127.0.0.1:0");
	fd = knock("127.0.0.1", listener_port(listener));
	other = knock("127.0.0.1", listener_port(listener));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
	TURN_UNTIL(loop, naccepted >= 1);
	for (int i = 0; i < 3; i++)
		loop_turn(loop, 0);
	ck_assert_int_ge(naccepted, 1);
	ck_assert_int_eq(count("\n"), 0);
	close(other);
}
END_TEST

/* ---- accept limits ---- */

static const struct {
	int burst;
	int at_once; /* of six */
} bursts[] = { { 1, 1 }, { 2, 2 }, { 5, 5 }, { 6, 6 }, { 7, 6 } };

START_TEST(no_more_than_the_burst_is_accepted_at_once)
{
	const int64_t second = NS_PER_S;
	struct bucket b;
	int fds[6];

	clock_fake(100 * second);
	listen_on("127.0.0.1:0");
	bucket_init(&b, bursts[_i].burst * second);
	listener_set_limit(listener, &b, second);
	for (int i = 0; i < 6; i++)
		fds[i] = knock("127.0.0.1", listener_port(listener));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_int_eq(naccepted, bursts[_i].at_once);
	/* One more in each second; none is lost. */
	for (int want = bursts[_i].at_once; want < 6; want++) {
		clock_advance(second - 1);
		loop_turn(loop, 0);
		ck_assert_int_eq(naccepted, want);
		clock_advance(1);
		loop_turn(loop, 0);
		ck_assert_int_eq(naccepted, want + 1);
	}
	for (int i = 0; i < 6; i++)
		close(fds[i]);
	/* It is no lack of anything, so nothing is said. */
	ck_assert_str_eq(text_str(&log_lines), "");
}
END_TEST

START_TEST(files_are_not_needed_to_go_on)
{
	int root = open("/", O_RDONLY | O_DIRECTORY), fds[2];
	struct bucket b;

	if (geteuid() != 0) {
		test_skip("only root can be where there is no file");
		return;
	}
	clock_fake(100 * NS_PER_S);
	listen_on("127.0.0.1:0");
	bucket_init(&b, NS_PER_S);
	listener_set_limit(listener, &b, NS_PER_S);
	for (int i = 0; i < 2; i++)
		fds[i] = knock("127.0.0.1", listener_port(listener));
	ck_assert_int_eq(chroot("/proc/self/fdinfo"), 0);
	loop_turn(loop, 0);
	ck_assert_int_eq(naccepted, 1);
	clock_advance(NS_PER_S);
	loop_turn(loop, 0);
	ck_assert_int_eq(naccepted, 2);
	ck_assert_str_eq(text_str(&log_lines), "");
	ck_assert_int_eq(fchdir(root), 0);
	ck_assert_int_eq(chroot("."), 0);
	close(root);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
}
END_TEST

static Suite *
listen_suite(void)
{
	Suite *s = suite_create("listen");
	TCase *tc = tcase_create("listen");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_rows(tc, a_listener_accepts_and_knows_its_port, good);
	tcase_add_rows(tc, options_of_the_listener_are_those_of_its_connections,
	    good);
	tcase_add_test(tc, all_who_knocked_are_accepted_in_one_turn);
	tcase_add_rows(tc, a_bad_address_is_refused_with_an_example, bad);
	tcase_add_test(tc, a_port_in_use_is_said_with_the_address);
	tcase_add_test(tc, a_callback_may_free_its_listener);
	tcase_add_test(tc, without_descriptors_accepting_pauses_and_resumes);
	tcase_add_test(tc,
	    pauses_that_follow_each_other_are_said_once_a_second);
	tcase_add_test(tc, a_paused_listener_does_not_spin);
	tcase_add_test(tc, an_essential_listener_still_accepts);
	tcase_add_test(tc,
	    a_connection_that_was_reset_in_the_queue_is_passed_over);
	tcase_add_rows(tc, no_more_than_the_burst_is_accepted_at_once, bursts);
	tcase_add_test(tc, files_are_not_needed_to_go_on);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(listen_suite());
}
