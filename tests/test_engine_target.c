/* Steps about the target's process: a process and counters that the test
 * makes up, and its own process where real ones are looked at. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "engine_stage.h"
#include "rivals.h"
#include "scenario/metrics.h"
#include "scenario/oracle.h"
#include "support.h"

/* ---- counters ---- */

static unsigned packets, scrapes;
static const char *exposition; /* NULL: what was counted */

static bool
serve_metrics(struct fake_client *c, const struct rk_http_head *h)
{
	char body[256], head[128];

	if (!rk_http_span_is(h->path, "/metrics"))
		return false;
	snprintf(body, sizeof(body),
	    "# TYPE x counter\nx_packets_total{lane=\"}\"} %u\n"
	    "x_packets_total{lane=\"b\"} 7 1700000000\nx_scrapes_total %u\n"
	    "# EOF\n",
	    packets, ++scrapes);
	snprintf(head, sizeof(head),
	    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
	    strlen(exposition != NULL ? exposition : body));
	fake_write_text(c, head);
	fake_write_text(c, exposition != NULL ? exposition : body);
	return true;
}

static bool
count_packet(struct fake_client *from, struct fake_client *to,
    struct rk_span data)
{
	packets++;
	return false;
}

static const struct fake_rules rules = { .on_request = serve_metrics,
	.on_packet = count_packet };

/* ---- a process that is none ---- */

struct engine_own {
	const struct engine_target *target;
	int polls; /* until it is ready */
	bool ended;
	struct own_exit exit;
	unsigned restarts;
};

static struct host_plan {
	const struct engine_target *target;
	bool no_start, lost, deaf;
	int exit_status; /* at SIGINT */
	int starts, stops, signo;
} plan;

static struct engine_own *
host_start(void *arg, const char *url, char *err, size_t err_size)
{
	struct engine_own *o;

	ck_assert_ptr_null(url);
	snprintf(err, err_size, "no such program");
	if (plan.no_start)
		return NULL;
	o = xcalloc(1, sizeof(*o));
	o->target = plan.target;
	o->polls = 3;
	plan.starts++;
	return o;
}

static enum own_state
host_state(struct engine_own *o, char *err, size_t err_size)
{
	snprintf(err, err_size, "ended at its start");
	if (plan.lost)
		return OWN_LOST;
	return o->polls-- > 0 ? OWN_STARTING : OWN_READY;
}

static const struct engine_target *
host_target(struct engine_own *o)
{
	return o->target;
}

static bool
host_signal(struct engine_own *o, int signo)
{
	plan.signo = signo;
	o->ended = !plan.deaf;
	o->exit =
	    (struct own_exit){ plan.exit_status, signo == SIGINT ? 0 : signo };
	return true;
}

static bool
host_restart(struct engine_own *o, char *err, size_t err_size)
{
	o->ended = false;
	o->polls = 3;
	o->restarts++;
	return true;
}

static bool
host_has_exited(struct engine_own *o, struct own_exit *out)
{
	*out = o->exit;
	return o->ended;
}

static void
host_stop(struct engine_own *o)
{
	plan.stops++;
	free(o);
}

static const struct engine_host host = { .start = host_start,
	.state = host_state,
	.target = host_target,
	.signal = host_signal,
	.restart = host_restart,
	.has_exited = host_has_exited,
	.stop = host_stop };

static void
open_stage(struct engine_stage *st)
{
	packets = scrapes = 0;
	exposition = NULL;
	memset(&plan, 0, sizeof(plan));
	stage_open(st, &rules);
	st->target.metrics_url = xasprintf("http://127.0.0.1:%u/metrics",
	    fake_relay_port(st->relay));
	st->target.pid = getpid();
	st->target.host = &host;
	plan.target = &st->target;
}

static void
close_stage(struct engine_stage *st)
{
	ck_assert_int_eq(plan.starts, plan.stops);
	free(st->target.metrics_url);
	stage_close(st);
}

/* ---- metrics ---- */

#define SEND                                                                   \
	"A -> SendPacket key=pub(alice) data=\"x\"\n"                          \
	"A <- RecvPacket key==pub(alice)\n"

static const struct row {
	const char *steps;
	enum result_code code;
	const char *part;
} metric_rows[] = {
	{ SEND "target assert metric x_packets_total increments 1", CODE_OK,
	    NULL },
	{ SEND SEND "target assert metric x_packets_total increments 1..2",
	    CODE_OK, NULL },
	{ SEND "target assert metric x_packets_total increments 2 within 300ms",
	    CODE_NEVER, "x_packets_total rose by 1, not by 2" },
	{ SEND "target assert metric x_packets_total increments 0", CODE_EXTRA,
	    "x_packets_total rose by 1, not by 0" },
	{ SEND "target assert metric x_total increments 1", CODE_NEVER,
	    "no metric x_total" },
};

START_TEST(test_metric)
{
	struct engine_stage st = { 0 };
	const struct row *r = &metric_rows[_i];
	char steps[512];

	open_stage(&st);
	snprintf(steps, sizeof(steps), "conn A = login key=alice\n%s",
	    r->steps);
	stage_expect(&st, "serial", steps, r->code, r->part);
	close_stage(&st);
}
END_TEST

/* What cannot be seen is left out and said; a case about nothing else must
 * not pass by it. */
START_TEST(test_not_observable)
{
	struct engine_stage st = { 0 };
	const char *steps =
	    "conn A = login key=alice\n"
	    "target assert metric x_packets_total increments 9\n"
	    "target assert fds<=baseline\n"
	    "target assert alive\n";

	open_stage(&st);
	exposition = "what is this\n";
	st.target.pid = 0;
	stage_expect(&st, "serial", steps, CODE_OK, NULL);
	ck_assert_str_eq(st.result->not_observable,
	    "metric x_packets_total, fds, alive");
	stage_expect(&st, "serial\n needs metrics", steps, CODE_UNSUPPORTED,
	    "line 1 of the metrics is no sample");
	stage_expect(&st, "serial\n needs process", steps, CODE_UNSUPPORTED,
	    "not observable: fds");
	close_stage(&st);
}
END_TEST

START_TEST(test_exposition)
{
	static const char good[] =
	    "a_total 1\r\n\n# HELP a b\n"
	    "b{c=\"\\\"}\",d=\"e\"} 2.5e0 # {x=\"y\"} 1\n"
	    "b{c=\"2\"} 0.5\nc -Inf";
	static const char *const bad[] = { "a", "a \n", "a{b=\"c\" 1",
		"a{b=\"c\"}1", "a 1x", " 1", "a one" };
	char err[128];
	double v;
	struct metrics *m =
	    metrics_parse(good, sizeof(good) - 1, err, sizeof(err));

	ck_assert_ptr_nonnull(m);
	ck_assert(metrics_get(m, "a_total", &v) && v == 1);
	ck_assert(metrics_get(m, "b", &v) && v == 3);
	ck_assert(!metrics_get(m, "b{c=\"2\"}", &v));
	metrics_free(m);
	ck_assert_ptr_null(metrics_parse("a\0 1", 4, err, sizeof(err)));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m = metrics_parse(bad[i], strlen(bad[i]), err, sizeof(err));
		ck_assert_msg(m == NULL, "\"%s\" was read", bad[i]);
	}
}
END_TEST

/* ---- descriptors and memory ---- */

static const struct row size_rows[] = {
	/* Both ends of the connection are this process's. */
	{ "conn A = login key=alice\ntarget assert fds<=baseline + 2", CODE_OK,
	    NULL },
	{ "conn A = login key=alice\n"
	  "target assert fds<=baseline + 1 within 200ms",
	    CODE_LEAK, "at most" },
	{ "conn A = login key=alice\nA close\ntarget assert fds<=baseline",
	    CODE_OK, NULL },
	{ "conn A = login key=alice\ntarget assert fds<3 within 100ms",
	    CODE_LEAK, "at most 3 expected" },
	{ "conn A = login key=alice\ntarget assert rss<=baseline + 1000000",
	    CODE_OK, NULL },
	{ "conn A = login key=alice\n"
	  "target assert rss<=baseline - 1000000 within 100ms",
	    CODE_LEAK, "kB of memory" },
	{ "conn A = login key=alice\ntarget assert alive", CODE_OK, NULL },
};

START_TEST(test_size)
{
	struct engine_stage st = { 0 };
	const struct row *r = &size_rows[_i];

	open_stage(&st);
	stage_expect(&st, "serial", r->steps, r->code, r->part);
	close_stage(&st);
}
END_TEST

/* ---- what the target writes ---- */

static const struct row file_rows[] = {
	{ "target assert file ~ \"*b = 1*\"", CODE_OK, NULL },
	{ "target assert file == \"a\\nb = 1\\n\"", CODE_OK, NULL },
	{ "target assert file != absent", CODE_OK, NULL },
	{ "target assert file ~ \"*b = 2*\" within 50ms", CODE_WRONG,
	    "the file holds" },
	{ "target assert file == absent within 50ms", CODE_WRONG,
	    "the file holds" },
};

/* Without a file all of them fail but the one that wants none. */
START_TEST(test_file)
{
	const struct row *r = &file_rows[_i];
	bool absent = strstr(r->steps, "== absent") != NULL;
	char dir[] = "/tmp/engine-target.XXXXXX", steps[128];
	struct engine_stage st = { 0 };
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	open_stage(&st);
	st.target.writes = xasprintf("%s/new", dir);
	snprintf(steps, sizeof(steps), "conn A = login key=alice\n%s%s\n",
	    r->steps, strstr(r->steps, "within") != NULL ? "" : " within 50ms");
	stage_expect(&st, "needs writes", steps, absent ? CODE_OK : CODE_NEVER,
	    absent ? NULL : "is not there");
	f = fopen(st.target.writes, "w");
	ck_assert_ptr_nonnull(f);
	fputs("a\nb = 1\n", f);
	fclose(f);
	stage_expect(&st, "needs writes", steps, r->code, r->part);
	unlink(st.target.writes);
	rmdir(dir);
	free(st.target.writes);
	close_stage(&st);
}
END_TEST

START_TEST(no_file_is_known)
{
	const char *steps = "conn A = login key=alice\n"
			    "target assert file ~ \"*\"\n";
	struct engine_stage st = { 0 };

	open_stage(&st);
	stage_expect(&st, "serial", steps, CODE_OK, NULL);
	ck_assert_str_eq(st.result->not_observable, "file");
	stage_expect(&st, "needs writes", steps, CODE_UNSUPPORTED,
	    "not observable: file");
	close_stage(&st);
}
END_TEST

/* ---- what was seen is in the transcript ---- */

static bool
is_in(const struct engine_stage *st, enum event_kind kind, const char *part)
{
	const struct transcript *t = st->result->transcript;

	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].kind == kind &&
		    strstr(t->events[i].text, part) != NULL)
			return true;
	return false;
}

static bool
is_found(const struct engine_stage *st, const char *part)
{
	return is_in(st, EVENT_ORACLE, part);
}

START_TEST(what_was_found_is_told)
{
	struct engine_stage st = { 0 };

	open_stage(&st);
	stage_expect(&st, "serial",
	    "conn A = login key=alice\n" SEND
	    "target assert metric x_packets_total increments 1\n"
	    "target assert fds<=baseline + 2\n"
	    "target assert rss<=baseline + 1000000\n"
	    "target assert alive\n",
	    CODE_OK, NULL);
	ck_assert(is_found(&st, "x_packets_total rose by 1, from 7"));
	ck_assert(is_found(&st, " descriptors, before the case "));
	ck_assert(is_found(&st, " kB of memory, before the case "));
	ck_assert(is_found(&st, "alive"));
	stage_expect(&st, "own", "target signal INT\ntarget wait exit==0",
	    CODE_OK, NULL);
	ck_assert(is_in(&st, EVENT_REMARK, "signal INT"));
	ck_assert(is_found(&st, "exit status 0"));
	close_stage(&st);
}
END_TEST

/* The flood that fills it is why it was looked. */
START_TEST(what_was_found_behind_a_flood_is_told)
{
	struct engine_stage st = { 0 };

	open_stage(&st);
	stage_expect(&st, "serial",
	    "conn A = login key=alice\n"
	    "repeat 59980 {\nnote \"\"\n}\n"
	    "repeat 20 {\n" SEND "}\n"
	    "target assert alive\n",
	    CODE_OK, NULL);
	ck_assert(is_in(&st, EVENT_REMARK, "the transcript is full"));
	ck_assert(is_found(&st, "alive"));
	close_stage(&st);
}
END_TEST

START_TEST(steps_are_told_in_their_order)
{
	static const enum step_kind kinds[] = { STEP_CONN, STEP_REPEAT,
		STEP_NOTE, STEP_NOTE, STEP_TARGET, STEP_EXPECT };
	struct engine_stage st = { 0 };
	const struct played *played;

	open_stage(&st);
	stage_expect(&st, "timeout 100ms",
	    "conn A = login key=alice\n"
	    "repeat 2 {\nnote \"x\"\n}\n"
	    "target assert alive\n"
	    "A <- Health\n",
	    CODE_TIMEOUT, NULL);
	played = &st.result->played;
	ck_assert_uint_eq(played->n, sizeof(kinds) / sizeof(kinds[0]));
	for (size_t i = 0; i < played->n; i++) {
		const struct played_step *s = &played->steps[i];

		ck_assert_int_eq(s->step->kind, kinds[i]);
		ck_assert(i == 0 || s->time_ns >= s[-1].time_ns);
		/* The last one was never over. */
		ck_assert_int_eq(s->took_ns >= 0, i < played->n - 1);
	}
	close_stage(&st);
}
END_TEST

START_TEST(of_steps_without_end_the_rest_is_counted)
{
	struct engine_stage st = { 0 };

	open_stage(&st);
	stage_expect(&st, "serial",
	    "conn A = login key=alice\n" SEND "repeat 3000 {\nnote \"\"\n}\n",
	    CODE_OK, NULL);
	ck_assert_uint_eq(st.result->played.n, PLAYED_MAX);
	ck_assert_uint_gt(st.result->played.left_out, 3000 - PLAYED_MAX);
	ck_assert_int_ge(st.result->played.steps[PLAYED_MAX - 1].took_ns, 0);
	close_stage(&st);
}
END_TEST

/* A process that is there, one that waits to be reaped, one that is gone. */
START_TEST(test_alive)
{
	siginfo_t info;
	pid_t pid;

	ck_assert_int_eq(oracle_alive(getpid()), 1);
	ck_assert_int_eq(oracle_alive(0), -1);
	pid = fork();
	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(oracle_alive(pid), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	ck_assert_int_eq(oracle_alive(pid), 0);
	ck_assert_int_eq(oracle_fds(pid), -1);
	ck_assert_int_eq(oracle_rss_kb(pid), -1);
}
END_TEST

/* Its connections are closed a while before it can be waited for. */
START_TEST(who_is_about_to_end_is_not_alive)
{
	for (int i = 0; i < 100; i++) {
		int ends[2];
		char c;
		pid_t pid;

		ck_assert_int_eq(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			for (;;)
				pause();
		}
		close(ends[1]);
		ck_assert_int_eq(oracle_alive(pid), 1);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(read(ends[0], &c, 1), 0);
		ck_assert_int_eq(oracle_alive(pid), 0);
		close(ends[0]);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	}
}
END_TEST

START_TEST(test_dead)
{
	struct engine_stage st = { 0 };
	siginfo_t info;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	open_stage(&st);
	st.target.pid = pid;
	stage_expect(&st, "serial",
	    "conn A = login key=alice\ntarget assert alive", CODE_CRASH,
	    "is gone");
	close_stage(&st);
	ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
}
END_TEST

/* ---- a target that gets no CPU ---- */

/* What does not come is the failure of one that had a CPU only; the others, or
 * what they started, waited for each other. */
START_TEST(test_starved)
{
	static const char steps[] =
	    "conn A = login key=alice\nA <- PeerGone within 200ms";
	static const char brief[] = "serial\ntimeout 400ms";
	struct engine_stage st = { .real_time = true };
	struct rivals r;

	if (!rivals_start(&r))
		return;
	open_stage(&st);
	st.target.pid = r.busy;
	stage_expect(&st, "serial", steps, CODE_HARNESS_LATE,
	    "this machine was late");
	st.target.pid = r.parent;
	stage_expect(&st, brief, steps, CODE_HARNESS_LATE,
	    "this machine was late");
	st.target.pid = r.idle;
	stage_expect(&st, brief, steps, CODE_NEVER, "did not come");
	close_stage(&st);
	rivals_end(&r);
}
END_TEST

/* One that waited for a tenth of the time and more is to blame if it had long
 * enough beside. */
START_TEST(test_half_starved)
{
	struct engine_stage st = { .real_time = true };
	struct rivals r;

	if (!rivals_start(&r))
		return;
	open_stage(&st);
	st.target.pid = r.half;
	stage_expect(&st, "serial",
	    "conn A = login key=alice\nA <- PeerGone within 10ms", CODE_NEVER,
	    "did not come");
	close_stage(&st);
	rivals_end(&r);
}
END_TEST

/* ---- an instance of its own ---- */

static const struct own_row {
	const char *steps;
	struct host_plan plan;
	enum result_code code;
	const char *part;
	int signo;
} own_rows[] = {
	{ "note \"fine\"", { 0 }, CODE_OK, NULL, 0 },
	{ "target signal INT\ntarget wait exit==0", { 0 }, CODE_OK, NULL,
	    SIGINT },
	{ "target signal INT\ntarget wait exit==0", { .exit_status = 3 },
	    CODE_WRONG, "exit status 3, expected 0", SIGINT },
	{ "target signal INT\ntarget wait exit==3..4", { .exit_status = 3 },
	    CODE_OK, NULL, SIGINT },
	{ "target signal INT\ntarget wait exit==3..4", { .exit_status = 5 },
	    CODE_WRONG, "exit status 5, expected 3..4", SIGINT },
	{ "target signal TERM\ntarget wait exit==0", { 0 }, CODE_CRASH,
	    "ended by signal 15", SIGTERM },
	{ "target signal INT\ntarget wait exit==0 within 300ms",
	    { .deaf = true }, CODE_NEVER, "did not end within 0.3 s", SIGINT },
	{ "target signal INT\ntarget assert alive", { 0 }, CODE_CRASH,
	    "is gone", SIGINT },
	{ "target signal INT\ntarget restart\ntarget assert alive", { 0 },
	    CODE_OK, NULL, SIGINT },
	{ "target assert alive", { .no_start = true }, CODE_UNSUPPORTED,
	    "no such program", 0 },
	{ "target assert alive", { .lost = true }, CODE_UNSUPPORTED,
	    "ended at its start", 0 },
};

START_TEST(test_own)
{
	struct engine_stage st = { 0 };
	const struct own_row *r = &own_rows[_i];
	char steps[512];

	open_stage(&st);
	plan = r->plan;
	plan.target = &st.target;
	snprintf(steps, sizeof(steps), "conn A = login key=alice\n%s",
	    r->steps);
	stage_expect(&st, "own", steps, r->code, r->part);
	ck_assert_int_eq(plan.signo, r->signo);
	close_stage(&st);
}
END_TEST

static struct engine_own *doomed;

static struct engine_own *
start_doomed(void *arg, const char *url, char *err, size_t err_size)
{
	doomed = host_start(arg, url, err, err_size);
	return doomed;
}

static bool
kill_doomed(struct fake_client *c, const struct rk_frame *f)
{
	if (f->kind == RK_FRAME_SEND) {
		doomed->ended = true;
		doomed->exit = (struct own_exit){ 0, SIGSEGV };
	}
	return false;
}

/* It ended, and nobody told it to: whatever else was seen. */
START_TEST(test_crash)
{
	static const struct fake_rules deadly = { .on_frame = kill_doomed };
	struct engine_stage st = { 0 };
	struct engine_host h = host;

	memset(&plan, 0, sizeof(plan));
	h.start = start_doomed;
	stage_open(&st, &deadly);
	st.target.host = &h;
	plan.target = &st.target;
	stage_expect(&st, "own",
	    "conn A = login key=alice\n"
	    "A -> SendPacket key=pub(nobody) data=\"x\"\n"
	    "A -> Ping data=x\"01*8\"\nA <- Pong data==x\"01*8\"",
	    CODE_CRASH, "ended by itself: signal 11");
	ck_assert_int_eq(plan.stops, 1);
	stage_close(&st);
}
END_TEST

/* A URL has nothing that could be started, or signalled. */
START_TEST(test_url)
{
	struct engine_stage st = { 0 };

	stage_open(&st, &rules);
	stage_expect(&st, "own", "conn A = login key=alice", CODE_UNSUPPORTED,
	    "cannot be started");
	stage_expect(&st, "serial",
	    "conn A = login key=alice\ntarget signal HUP", CODE_UNSUPPORTED,
	    "cannot be signalled");
	st.target.pid = getpid();
	st.target.signals = true;
	signal(SIGHUP, SIG_IGN);
	stage_expect(&st, "serial",
	    "conn A = login key=alice\ntarget signal HUP", CODE_OK, NULL);
	stage_close(&st);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_target");
	TCase *t = tcase_create("target");

	tcase_add_rows(t, test_metric, metric_rows);
	tcase_add_test(t, test_not_observable);
	tcase_add_test(t, test_exposition);
	tcase_add_rows(t, test_size, size_rows);
	tcase_add_rows(t, test_file, file_rows);
	tcase_add_test(t, no_file_is_known);
	tcase_add_test(t, what_was_found_is_told);
	tcase_add_test(t, what_was_found_behind_a_flood_is_told);
	tcase_add_test(t, steps_are_told_in_their_order);
	tcase_add_test(t, of_steps_without_end_the_rest_is_counted);
	tcase_add_test(t, test_alive);
	tcase_add_test(t, who_is_about_to_end_is_not_alive);
	tcase_add_test(t, test_dead);
	tcase_add_test(t, test_starved);
	tcase_add_test(t, test_half_starved);
	tcase_add_rows(t, test_own, own_rows);
	tcase_add_test(t, test_crash);
	tcase_add_test(t, test_url);
	suite_add_tcase(s, t);
	return run_suite(s);
}
