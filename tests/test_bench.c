/*
 * relay-cli bench as a program: options, short runs against relayd, and what
 * it must notice.  Nothing here depends on how fast anything is.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "mangler.h"
#include "relayd_process.h"
#include "support.h"

#define MAX_WORDS 32
/* ---- running it ---- */

struct bench {
	pid_t pid;
	int out, err;
	struct text out_text, err_text;
	int status; /* exit status, or 1000 + signal */
	json_t *json;
};

static void
exec_bench(const char *options, int out, int err)
{
	char *words = xstrdup(options), *argv[MAX_WORDS], *save = NULL;
	int n = 0;

	argv[n++] = xstrdup(build_path("relay-cli/relay-cli"));
	argv[n++] = xstrdup("bench");
	for (char *w = strtok_r(words, " ", &save);
	     w != NULL && n < MAX_WORDS - 1; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	argv[n] = NULL;
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	for (int fd = 3; fd < 256; fd++)
		close(fd);
	execv(argv[0], argv);
	_exit(127);
}

static void __attribute__((format(printf, 2, 3)))
bench_start(struct bench *b, const char *fmt, ...)
{
	char options[1024];
	int out[2], err[2];

	FORMAT_ARGS(options, sizeof(options), fmt);
	memset(b, 0, sizeof(*b));
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
	b->pid = fork();
	ck_assert_int_ge(b->pid, 0);
	if (b->pid == 0)
		exec_bench(options, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	b->out = out[0];
	b->err = err[0];
}

static void
read_all(int fd, struct text *t)
{
	char buf[4096];
	ssize_t n;

	text_init(t);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		text_add_n(t, buf, (size_t)n);
	close(fd);
}

/* Wait for its end; what it said fits into the pipes. */
static void
bench_wait(struct bench *b)
{
	int status;

	read_all(b->out, &b->out_text);
	read_all(b->err, &b->err_text);
	ck_assert_int_eq(waitpid(b->pid, &status, 0), b->pid);
	b->status =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
	b->json = json_loads(text_str(&b->out_text), 0, NULL);
}

static void
bench_clear(struct bench *b)
{
	json_decref(b->json);
	text_clear(&b->out_text);
	text_clear(&b->err_text);
}

static void
assert_status(const struct bench *b, int status)
{
	ck_assert_msg(b->status == status, "exit %d, not %d: %s%s", b->status,
	    status, text_str(&b->err_text), text_str(&b->out_text));
}

static void
assert_err(const struct bench *b, const char *part)
{
	ck_assert_msg(strstr(text_str(&b->err_text), part) != NULL,
	    "no \"%s\" in: %s", part, text_str(&b->err_text));
}

/* A member of the object, or of an object in it ("latency.p50_us"). */
static double
number(const struct bench *b, const char *path)
{
	const char *dot = strchr(path, '.');
	json_t *j = b->json;

	ck_assert_msg(json_is_object(j), "not one JSON object: %s",
	    text_str(&b->out_text));
	if (dot != NULL) {
		char *outer = xstrndup(path, (size_t)(dot - path));

		j = json_object_get(j, outer);
		free(outer);
		path = dot + 1;
	}
	j = json_object_get(j, path);
	ck_assert_msg(json_is_number(j), "no number %s in %s", path,
	    text_str(&b->out_text));
	return json_number_value(j);
}

static void
start_relay(const char *more)
{
	char options[1024];

	snprintf(options, sizeof(options),
	    "--listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --plain-relay "
	    "--metrics 127.0.0.1:0 %s",
	    more);
	start_tls(options);
}

/* ---- options ---- */

#define U "http://127.0.0.1:1"

static const struct {
	const char *words, *err;
} usage[] = {
	{ "", "no URL" },
	{ U " more", "more" },
	{ "ftp://127.0.0.1", "ftp" },
	{ "--pairs 0 " U, "--pairs" },
	{ "--pairs 10001 " U, "--pairs: 10001 is not within 1 to 10000" },
	{ "--size 15 " U, "--size: 15 is not within 16 to 65536" },
	{ "--size 65537 " U, "--size: 65537" },
	{ "--window 0 " U, "--window" },
	{ "--window 65537 " U, "--window: 65537" },
	{ "--rate 0 " U, "--rate" },
	{ "--rate 0/s " U, "--rate" },
	{ "--rate 5/m " U, "--rate" },
	{ "--rate /s " U, "--rate" },
	{ "--rate 50000001/s " U, "--rate: 50000001" },
	{ "--rate 1111111111111111111111111111111111111111/s " U, "--rate" },
	{ "--idle 200001 " U, "--idle: 200001" },
	{ "--time 0s " U, "--time" },
	{ "--time 8000h " U, "--time" },
	{ "--time 700000s " U, "--time" },
	{ "--ping 0s " U, "--ping" },
	{ "--ping 999us " U, "--ping" },
	{ "--rate 5/s --window 3 " U, "--window does not go with --rate" },
	{ "--logins --idle 5 " U, "--idle does not go with --logins" },
	{ "--logins --pairs 2 " U, "--pairs does not go with --logins" },
	{ "--logins --size 64 " U, "--size does not go with --logins" },
	{ "--logins --rate 5 " U, "--rate does not go with --logins" },
	{ "--logins --ping 1s " U, "--ping does not go with --logins" },
	{ "--idle 5 --verify " U, "--verify does not go with --idle" },
	{ "--idle 5 --stall " U, "--stall does not go with --idle" },
	{ "--idle 5 --window 5 " U, "--window does not go with --idle" },
	{ "--pid 2147483647 " U, "no process 2147483647" },
	{ "--count 3 " U, "--count" },
	{ "--cafile /nonexistent --dialect none " U, "none" },
};

START_TEST(a_wrong_word_is_named_and_nothing_is_dialled)
{
	struct bench b;

	bench_start(&b, "%s", usage[_i].words);
	bench_wait(&b);
	assert_status(&b, 2);
	assert_err(&b, usage[_i].err);
	ck_assert_str_eq(text_str(&b.out_text), "");
	bench_clear(&b);
}
END_TEST

START_TEST(help_lists_its_own_options_only)
{
	struct bench b;
	const char *out;

	bench_start(&b, "--help");
	bench_wait(&b);
	assert_status(&b, 0);
	out = text_str(&b.out_text);
	ck_assert_ptr_nonnull(strstr(out, "--pairs N"));
	ck_assert_ptr_nonnull(strstr(out, "--rate N/s"));
	ck_assert_ptr_nonnull(strstr(out, "--cafile FILE"));
	ck_assert_ptr_null(strstr(out, "--key "));
	ck_assert_ptr_null(strstr(out, "--expect"));
	bench_clear(&b);
}
END_TEST

START_TEST(more_connections_than_descriptors_are_refused_at_once)
{
	struct bench b;
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit limit = { 64, 64 };

		setrlimit(RLIMIT_NOFILE, &limit);
		bench_start(&b, "--idle 100 " U);
		bench_wait(&b);
		_exit(b.status == 2 &&
			    strstr(text_str(&b.err_text), "descriptors") != NULL
			? 0
			: 1);
	}
	ck_assert_int_eq(waitpid(pid, &b.status, 0), pid);
	ck_assert_int_eq(b.status, 0);
}
END_TEST

START_TEST(without_a_relay_there_is_no_report)
{
	static const char *const kinds[] = { "--pairs 2", "--logins",
		"--idle 3" };
	struct bench b;

	for (int i = 0; i < NROWS(kinds); i++) {
		bench_start(&b, "%s --json " U, kinds[i]);
		bench_wait(&b);
		assert_status(&b, 3);
		assert_err(&b, "127.0.0.1:1");
		ck_assert_str_eq(text_str(&b.out_text), "");
		bench_clear(&b);
	}
}
END_TEST

/* ---- runs ---- */

static const struct {
	const char *scheme, *listener, *options;
} loads[] = {
	{ "http", "http", "--pairs 3 --size 16 --window 1" },
	{ "http", "http", "--pairs 2 --size 65536 --window 3" },
	{ "ws", "http", "--pairs 3 --size 125" },
	{ "ws", "http", "--size 65536 --window 2" },
	{ "https", "https", "--pairs 2 --size 1200" },
	{ "wss", "https", "--pairs 2 --size 8192" },
	{ "http", "http", "--pairs 3 --size 64 --rate 2000/s" },
	{ "wss", "https", "--pairs 2 --size 300 --rate 777" },
};

START_TEST(every_packet_arrives_as_it_was_sent)
{
	struct bench b;

	start_relay("");
	bench_start(&b,
	    "%s --verify --ping 20ms --time 400ms --insecure --json --pid %d "
	    "%s://%s",
	    loads[_i].options, (int)relay.pid, loads[_i].scheme,
	    relay_address(&relay, loads[_i].listener, 0));
	bench_wait(&b);
	assert_status(&b, 0);
	ck_assert_str_eq(text_str(&b.err_text), "");
	ck_assert_double_gt(number(&b, "sent"), 0);
	ck_assert_double_eq(number(&b, "received"), number(&b, "sent"));
	ck_assert_double_eq(number(&b, "latency.count"), number(&b, "sent"));
	ck_assert_double_eq(number(&b, "lost"), 0);
	ck_assert_double_gt(number(&b, "latency.p50_us"), 0);
	ck_assert_double_ge(number(&b, "latency.max_us"),
	    number(&b, "latency.p999_us"));
	ck_assert_double_gt(number(&b, "pings"), 0);
	ck_assert_double_eq(number(&b, "pongs"), number(&b, "pings"));
	ck_assert_double_gt(number(&b, "rss"), 0);
	stop();
	bench_clear(&b);
}
END_TEST

START_TEST(at_a_rate_exactly_what_is_due_is_sent)
{
	struct bench b;

	start_relay("");
	bench_start(&b, "--pairs 7 --rate 1001/s --time 500ms --json http://%s",
	    relay_address(&relay, "http", 0));
	bench_wait(&b);
	assert_status(&b, 0);
	ck_assert_double_eq(number(&b, "due"), 500);
	ck_assert_double_eq(number(&b, "sent"), 500);
	ck_assert_double_eq(number(&b, "received"), 500);
	stop();
	bench_clear(&b);
}
END_TEST

/* Let the run begin: packets have crossed the relay. */
static void
wait_for_packets(void)
{
	while (relay_metric(&relay, "relayserver_send_packets_sent_total") < 20)
		;
}

static void
pause_ms(int ms)
{
	struct timespec t = { ms / 1000, (long)(ms % 1000) * NS_PER_MS };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* Packets that were due while the relay stood still are late by that. */
START_TEST(a_relay_that_stands_still_is_seen_in_the_percentiles)
{
	struct bench b;

	start_relay("");
	bench_start(&b, "--pairs 4 --rate 1000/s --time 3s --json http://%s",
	    relay_address(&relay, "http", 0));
	wait_for_packets();
	kill(relay.pid, SIGSTOP);
	pause_ms(600);
	kill(relay.pid, SIGCONT);
	bench_wait(&b);
	assert_status(&b, 0);
	ck_assert_double_eq(number(&b, "sent"), 3000);
	ck_assert_double_eq(number(&b, "received"), 3000);
	/* 600 of 3000 packets fell into it, evenly */
	ck_assert_double_ge(number(&b, "latency.max_us"), 590e3);
	ck_assert_double_ge(number(&b, "latency.p99_us"), 500e3);
	stop();
	bench_clear(&b);
}
END_TEST

START_TEST(sigint_prints_what_there_is)
{
	struct bench b;

	start_relay("");
	bench_start(&b, "--time 1m --json --rate 500/s http://%s",
	    relay_address(&relay, "http", 0));
	wait_for_packets();
	kill(b.pid, SIGINT);
	bench_wait(&b);
	assert_status(&b, 128 + SIGINT);
	ck_assert_double_ge(number(&b, "received"), 1);
	ck_assert_double_lt(number(&b, "elapsed_s"), 59);
	stop();
	bench_clear(&b);
}
END_TEST

START_TEST(the_end_of_the_relay_ends_the_run_with_a_report)
{
	struct bench b;

	start_relay("");
	bench_start(&b, "--time 1m --json http://%s",
	    relay_address(&relay, "http", 0));
	wait_for_packets();
	stop();
	bench_wait(&b);
	assert_status(&b, 7);
	assert_err(&b, "the relay ended the connection");
	ck_assert_double_ge(number(&b, "received"), 1);
	bench_clear(&b);
}
END_TEST

static const struct {
	const char *scheme, *listener;
} doors[] = {
	{ "http", "http" },
	{ "ws", "http" },
	{ "https", "https" },
	{ "wss", "https" },
};

START_TEST(a_storm_counts_the_logins_that_the_relay_counts)
{
	struct bench b;
	double logins;

	start_relay("");
	bench_start(&b,
	    "--logins --window 4 --time 300ms --insecure --json %s://%s",
	    doors[_i].scheme, relay_address(&relay, doors[_i].listener, 0));
	bench_wait(&b);
	assert_status(&b, 0);
	logins = number(&b, "logins");
	ck_assert_double_ge(logins, 1);
	ck_assert_double_eq(number(&b, "latency.count"), logins);
	ck_assert_double_gt(number(&b, "logins_per_s"), 0);
	/* the first is not measured, those under way at the end may have got
	 * in, too */
	ck_assert_int_ge(relay_metric(&relay, "relayserver_accepts_total"),
	    (int)logins + 1);
	ck_assert_int_le(relay_metric(&relay, "relayserver_accepts_total"),
	    (int)logins + 5);
	stop();
	bench_clear(&b);
}
END_TEST

START_TEST(idle_connections_are_held_and_weighed)
{
	struct bench b;

	start_relay("");
	bench_start(&b,
	    "--idle 100 --time 200ms --insecure --json --pid %d %s://%s",
	    (int)relay.pid, doors[_i].scheme,
	    relay_address(&relay, doors[_i].listener, 0));
	bench_wait(&b);
	assert_status(&b, 0);
	ck_assert_double_eq(number(&b, "connections"), 100);
	ck_assert_double_eq(number(&b, "lost"), 0);
	ck_assert_double_gt(number(&b, "rss_per_connection"), 0);
	ck_assert_int_eq(relay_metric(&relay, "relayserver_accepts_total"),
	    100);
	stop();
	bench_clear(&b);
}
END_TEST

START_TEST(lost_idle_connections_are_counted)
{
	struct bench b;

	start_relay("");
	bench_start(&b, "--idle 10 --time 1s --json http://%s",
	    relay_address(&relay, "http", 0));
	ck_assert(
	    relay_metric_becomes(&relay, "relayserver_accepts_total", 10));
	stop();
	bench_wait(&b);
	/* before all were known to be open it is a failure, behind it 10 are
	 * lost: both are told by the status */
	assert_status(&b, 7);
	if (b.json != NULL)
		ck_assert_double_eq(number(&b, "lost"), 10);
	bench_clear(&b);
}
END_TEST

START_TEST(a_receiver_that_never_reads_costs_the_others_nothing)
{
	struct bench b;

	start_relay("--write-timeout 300ms");
	bench_start(&b,
	    "--stall --pairs 2 --size 65536 --window 4 --verify --time 2s "
	    "--json http://%s",
	    relay_address(&relay, "http", 0));
	bench_wait(&b);
	assert_status(&b, 0);
	ck_assert_double_eq(number(&b, "lost"), 0);
	ck_assert_double_gt(number(&b, "stalled_sent"), 0);
	ck_assert_double_gt(number(&b, "stalled_gone_s"), 0.3);
	stop();
	bench_clear(&b);
}
END_TEST

/* ---- what it must notice ---- */

static const struct {
	enum mangling what;
	const char *options;
	int status;
	const char *err; /* NULL: nothing */
} manglings[] = {
	{ MANGLE_NOTHING, "--verify", 0, NULL },
	{ MANGLE_BYTE, "--verify", 1, "1 packets had other bytes" },
	{ MANGLE_SENDER, "--verify", 1, "1 packets had other bytes" },
	{ MANGLE_DROP, "--verify", 1, "1 packets were lost" },
	{ MANGLE_DROP, "--verify --window 1", 1, "1 packets were lost" },
	{ MANGLE_DROP, "", 0, NULL },
	{ MANGLE_DOUBLE, "", 1, "1 packets came twice or late" },
	{ MANGLE_SWAP, "", 1, "1 packets came twice or late" },
	{ MANGLE_TYPE, "", 7, "bad frame (type 0x55" },
	{ MANGLE_CUT, "", 7, "ended the connection of a receiver" },
	{ MANGLE_NO_PONGS, "--ping 50ms", 1, "Pings were not answered" },
};

START_TEST(damage_on_the_way_is_noticed)
{
	struct mangler *m;
	struct bench b;

	start_relay("");
	m = mangler_start(relay_address(&relay, "http", 0), manglings[_i].what);
	bench_start(&b, "%s --size 500 --time 1500ms --json http://%s",
	    manglings[_i].options, mangler_address(m));
	bench_wait(&b);
	mangler_stop(m);
	assert_status(&b, manglings[_i].status);
	if (manglings[_i].err != NULL)
		assert_err(&b, manglings[_i].err);
	else
		ck_assert_str_eq(text_str(&b.err_text), "");
	ck_assert_double_gt(number(&b, "received"), 99);
	if (manglings[_i].what == MANGLE_DROP)
		ck_assert_double_eq(number(&b, "lost"), 1);
	stop();
	bench_clear(&b);
}
END_TEST

/* ---- */

static Suite *
bench_suite(void)
{
	Suite *s = suite_create("bench");
	TCase *options = tcase_create("options");
	TCase *runs = tcase_create("runs");

	tcase_add_rows(options, a_wrong_word_is_named_and_nothing_is_dialled,
	    usage);
	tcase_add_test(options, help_lists_its_own_options_only);
	tcase_add_test(options,
	    more_connections_than_descriptors_are_refused_at_once);
	tcase_add_test(options, without_a_relay_there_is_no_report);
	suite_add_tcase(s, options);
	tcase_set_timeout(runs, 60);
	tcase_add_checked_fixture(runs, process_setup, process_teardown);
	tcase_add_rows(runs, every_packet_arrives_as_it_was_sent, loads);
	tcase_add_test(runs, at_a_rate_exactly_what_is_due_is_sent);
	tcase_add_test(runs,
	    a_relay_that_stands_still_is_seen_in_the_percentiles);
	tcase_add_test(runs, sigint_prints_what_there_is);
	tcase_add_test(runs, the_end_of_the_relay_ends_the_run_with_a_report);
	tcase_add_rows(runs, a_storm_counts_the_logins_that_the_relay_counts,
	    doors);
	tcase_add_rows(runs, idle_connections_are_held_and_weighed, doors);
	tcase_add_test(runs, lost_idle_connections_are_counted);
	tcase_add_test(runs,
	    a_receiver_that_never_reads_costs_the_others_nothing);
	tcase_add_rows(runs, damage_on_the_way_is_noticed, manglings);
	suite_add_tcase(s, runs);
	return s;
}

int
main(void)
{
	return run_suite(bench_suite());
}
