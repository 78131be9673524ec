/* Runs with a fake engine: order of playing, verdicts, exit statuses. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "run_rig.h"
#include "support.h"

/* ---- what is played ---- */

START_TEST(canaries_controls_and_serial_cases_have_their_turn)
{
	ck_assert_int_eq(play(all_well,
			     URL " relay.basic relay.alone ping.order[ws]"),
	    0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n" /* the canary */
	    "ping.order[ws]\n"
	    "relay.basic[raw] control\n"
	    "relay.basic[raw]\n"
	    "relay.alone[raw]\n"
	    "ping.echo[raw,p=#1]\n");
}
END_TEST

START_TEST(controls_can_be_left_out)
{
	ck_assert_int_eq(play(all_well,
			     URL " --no-controls relay.basic"
				 " --report text=out.txt"),
	    0);
	ck_assert_ptr_null(strstr(fake_engine_log(), "control"));
	check_holds("out.txt", "controls were not played: --no-controls\n");
}
END_TEST

START_TEST(every_case_is_played_at_once)
{
	/* 4 echoes, 2 orders, the control of basic; metrics is not there */
	ck_assert_int_eq(play(all_well, URL), 0);
	ck_assert_uint_eq(fake_engine_most(), 7);
}
END_TEST

static struct fake_end
late_twice(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[ws]") == 0 && nth <= 2)
		e.code = CODE_HARNESS_LATE;
	return e;
}

START_TEST(own_lateness_is_settled_by_playing_alone)
{
	ck_assert_int_eq(play(late_twice,
			     URL " ping.order --report jsonl=out.jsonl"),
	    0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[raw]\n"
	    "ping.order[ws]\n"
	    "ping.order[ws]\n"
	    "ping.order[ws]\n"
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.jsonl", "\"reruns\":2");
}
END_TEST

static struct fake_end
late_always(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[ws]") == 0)
		e = (struct fake_end){ .code = CODE_HARNESS_LATE,
			.message = "late by 30 ms" };
	return e;
}

START_TEST(own_lateness_is_never_a_failure)
{
	ck_assert_int_eq(play(late_always,
			     URL " ping.order --report tap=out.tap"),
	    EXIT_INCONCLUSIVE);
	check_holds("out.tap", "not ok 2 - ping.order[ws]\n");
	check_holds("out.tap", "  verdict: \"inconclusive\"\n");
	check_holds("out.tap", "  actual: \"late by 30 ms\"\n");
}
END_TEST

static struct fake_end
crowded(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[raw]") == 0 && nth == 1)
		e.code = CODE_CONNECT;
	if (strcmp(name, "ping.order[ws]") == 0)
		e = (struct fake_end){ .code = CODE_TIMEOUT,
			.message = "the time is over" };
	return e;
}

START_TEST(what_met_a_crowd_is_played_again_once)
{
	ck_assert_int_eq(play(crowded, URL " ping.order --report tap=out.tap"),
	    EXIT_INCONCLUSIVE);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[raw]\n"
	    "ping.order[ws]\n"
	    "ping.order[raw]\n"
	    "ping.order[ws]\n"
	    "ping.echo[raw,p=#1]\n" /* behind what had no end again */
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.tap", "ok 1 - ping.order[raw]\nnot ok 2");
}
END_TEST

static struct fake_end
nobody_logs_in(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_CONNECT };

	if (strcmp(name, "ping.echo[raw,p=#1]") == 0)
		e.code = CODE_OK;
	return e;
}

START_TEST(what_always_happens_is_not_played_again)
{
	ck_assert_int_eq(play(nobody_logs_in,
			     URL " --repeat 1 --skip @core"
				 " -j 3"),
	    EXIT_INCONCLUSIVE);
	ck_assert_uint_eq(fake_engine_runs("ping.order[raw]\n"), 2);
	ck_assert_int_eq(play(nobody_logs_in, MANY_URLS " --skip relay.*"),
	    EXIT_INCONCLUSIVE);
	ck_assert_uint_eq(fake_engine_runs("ping.order[raw]\n"), 6);
}
END_TEST

static struct fake_end
control_fails(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (control)
		e = (struct fake_end){ .code = CODE_NEVER,
			.message = "it never came" };
	return e;
}

START_TEST(a_control_that_fails_leaves_no_verdict)
{
	ck_assert_int_eq(play(control_fails,
			     URL " relay.basic --report jsonl=out.jsonl"
				 " --report text=out.txt"),
	    EXIT_INCONCLUSIVE);
	/* and the defect is not played */
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "relay.basic[raw] control\n"
	    "ping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.jsonl",
	    "\"reason\":\"control failed at line 12: it never came\"");
	check_holds("out.txt", "controls 0/1 ok   canaries 3/3 ok\n");
}
END_TEST

/* ---- lost targets, early ends ---- */

static struct fake_end
canary_fails(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.echo[raw,p=#1]") == 0)
		e = (struct fake_end){ .code = CODE_CONNECT,
			.message = "connection refused" };
	return e;
}

START_TEST(an_unreachable_target_is_never_success)
{
	ck_assert_int_eq(play(canary_fails,
			     URL " @core --report tap=out.tap"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
	ck_assert_str_eq(fake_engine_log(), "ping.echo[raw,p=#1]\n");
	check_holds("out.tap", "TAP version 14\n1..5\nnot ok 1 - ping.echo");
	check_holds("out.tap",
	    "Bail out! the canary ping.echo[raw,p=\\#1] failed before the "
	    "cases: connection refused\n");
	check_holds("out.jsonl", "\"error\":5}");
	check_holds("out.jsonl", "\"canary_before\":\"failed\"");
}
END_TEST

START_TEST(the_cases_can_be_played_all_the_same)
{
	ck_assert_int_eq(play(canary_fails, URL " --keep-going ping.order"),
	    EXIT_INFRASTRUCTURE);
	ck_assert_ptr_nonnull(strstr(fake_engine_log(), "ping.order[ws]\n"));
}
END_TEST

static struct fake_end
dies_half_way(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.echo[raw,p=#1]") == 0 && nth >= 2)
		e = (struct fake_end){ .code = CODE_CONNECT,
			.message = "connection refused" };
	if (strcmp(name, "ping.order[ws]") == 0)
		e = (struct fake_end){ .code = CODE_NEVER, .message = "no" };
	return e;
}

START_TEST(a_target_lost_half_way_is_not_merely_failed)
{
	ck_assert_int_eq(play(dies_half_way,
			     URL " ping.order relay.alone"
				 " --report text=out.txt"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
	/* Nothing is played on a target that is lost. */
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[raw]\n"
	    "ping.order[ws]\n"
	    "ping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.jsonl", "\"canary_after\":\"failed\",\"reruns\"");
	check_holds("out.txt", "failed behind a case: connection refused");
	check_holds("out.txt", "0 INCONCLUSIVE   1 ERROR");
}
END_TEST

static struct fake_end
harms_nobody(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.echo[raw,p=#1]") == 0 && nth == 2)
		e.code = CODE_CONNECT;
	if (strncmp(name, "ping.order", 10) == 0 ||
	    strncmp(name, "relay.alone", 11) == 0)
		e = (struct fake_end){ .code = CODE_NEVER, .message = "no" };
	return e;
}

START_TEST(the_canary_follows_what_may_have_done_harm)
{
	ck_assert_int_eq(play(harms_nobody,
			     URL " ping.order relay.alone"
				 " --report jsonl=out.jsonl"),
	    EXIT_FAILED);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[raw]\n"
	    "ping.order[ws]\n"
	    "ping.echo[raw,p=#1]\n" /* behind the first: it fails once */
	    "ping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\n" /* behind the second */
	    "relay.alone[raw]\n"
	    "ping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.jsonl", "\"canary_after\":\"ok\",\"reruns\"");
	check_holds("out.jsonl", "\"canaries\":5,\"canaries_ok\":5");
}
END_TEST

static struct fake_end
one_hangs(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[raw]") == 0)
		e.code = FAKE_HANGS;
	return e;
}

START_TEST(the_overall_timeout_ends_a_run_with_reports)
{
	ck_assert_int_eq(play(one_hangs,
			     URL " --timeout 50ms ping.order"
				 " --report tap=out.tap"
				 " --report jsonl=out.jsonl"),
	    EXIT_TIMEOUT);
	check_holds("out.tap", "1..2\nnot ok 1 - ping.order[raw]\n");
	check_holds("out.tap", "\nok 2 - ping.order[ws]\n");
	check_holds("out.tap", "\nBail out! --timeout was over\n");
	check_holds("out.jsonl", "\"partial\":true");
	check_holds("out.jsonl", "\"exit\":124");
}
END_TEST

static struct fake_end
interrupts(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[raw]") == 0) {
		e.code = FAKE_HANGS;
		raise(SIGINT);
	}
	return e;
}

START_TEST(an_interrupted_run_leaves_whole_reports_marked_partial)
{
	char *text, *line, *next;

	ck_assert_int_eq(play(interrupts,
			     URL " ping.order relay.alone"
				 " --report tap=out.tap --report text=out.txt"
				 " --report jsonl=out.jsonl"),
	    EXIT_INTERRUPTED);
	check_holds("out.tap", "1..3\nnot ok 1");
	check_holds("out.tap", "Bail out! interrupted\n");
	check_holds("out.txt", "PARTIAL: interrupted\nexit 130\n");
	next = text = slurp("out.jsonl");
	while ((line = strsep(&next, "\n")) != NULL && *line != '\0') {
		json_error_t error;
		json_t *o = json_loads(line, 0, &error);

		ck_assert_msg(o != NULL, "%s: %s", error.text, line);
		ck_assert(json_is_string(json_object_get(o, "type")));
		json_decref(o);
	}
	check_holds("out.jsonl", "\"partial\":true");
	free(text);
}
END_TEST

START_TEST(fail_fast_ends_at_the_first_failure)
{
	ck_assert_int_eq(play(one_fails,
			     URL " --fail-fast --repeat 2 relay.alone"
				 " relay.basic --report tap=out.tap"),
	    EXIT_FAILED);
	check_holds("out.tap", "# SKIP not played: --fail-fast\n");
	check_holds_not("out.tap", "Bail out");
}
END_TEST

/* ---- capabilities that cases prove ---- */

#define PROBED(probe)                                                          \
	"target x\n  url http://127.0.0.1:9\n"                                 \
	"  metrics http://127.0.0.1:9/m\n  caps raw\n  probe " probe "\n"

static struct fake_end
no_ws(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strcmp(name, "ping.order[ws]") == 0)
		e.code = CODE_NEVER;
	return e;
}

START_TEST(a_probe_that_passes_proves_a_capability)
{
	spill("x.target", PROBED("metrics = ping.order[raw]"));
	ck_assert_int_eq(play(all_well,
			     "x.target relay.metrics --report text=out.txt"),
	    0);
	unlink("x.target");
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[raw]\n"
	    "relay.metrics[raw]\n"
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.txt", "\nprobed metrics: ok, by ping.order[raw]\n");
}
END_TEST

START_TEST(one_that_fails_leaves_what_needs_it_unsupported)
{
	spill("x.target", PROBED("metrics = ping.order"));
	ck_assert_int_eq(play(no_ws,
			     "x.target relay.metrics --report text=out.txt"
			     " --report jsonl=out.jsonl"),
	    EXIT_UNTESTED);
	unlink("x.target");
	/* ws is not among its caps */
	ck_assert_ptr_null(strstr(fake_engine_log(), "relay.metrics"));
	check_holds("out.txt",
	    "unsupported: needs metrics; the probe of metrics failed "
	    "(ping.order[ws] needs ws) (1 cases)\n");
	spill("x.target", PROBED("ws = ping.order[ws]"));
	ck_assert_int_eq(play(no_ws,
			     "x.target ping.order --report text=out.txt"
			     " --report jsonl=out.jsonl"),
	    0);
	unlink("x.target");
	check_holds("out.txt",
	    "unsupported: needs ws; the probe of ws failed "
	    "(ping.order[ws]: E-NEVER) (1 cases)\n");
	ck_assert_int_eq(play_command(cmd_judge, no_ws,
			     "judge out.jsonl --report text=out.txt"),
	    0);
	check_holds("out.txt",
	    "\nprobed ws: failed, by ping.order[ws] "
	    "(ping.order[ws]: E-NEVER)\n");
}
END_TEST

START_TEST(one_that_says_nothing_leaves_it_open)
{
	spill("x.target", PROBED("ws = ping.order[ws]"));
	ck_assert_int_eq(play(late_always,
			     "x.target ping.order --report tap=out.tap"),
	    EXIT_INCONCLUSIVE);
	ck_assert_int_eq(play(all_well, "x.target ping.order --caps raw"), 0);
	unlink("x.target");
	ck_assert_ptr_null(strstr(fake_engine_log(), "[ws]"));
	check_holds("out.tap",
	    "the probe of ws said nothing (ping.order[ws]: ");
}
END_TEST

START_TEST(one_that_selects_nothing_is_an_error)
{
	spill("x.target", PROBED("ws = ping.odrer"));
	ck_assert_int_eq(play(all_well, "x.target ping.order"), EXIT_SCRIPT);
	unlink("x.target");
	ck_assert_str_eq(fake_engine_log(), "");
}
END_TEST

/* ---- a target that ends meanwhile ---- */

/* The first case behind the canary ends the process, and what is there then
 * loses its connections. */
static struct fake_end
lethal(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	siginfo_t info;

	if (strncmp(name, "ping.echo", 9) == 0 && nth == 1)
		return (struct fake_end){ .code = CODE_OK };
	kill((pid_t)t->pid, SIGKILL);
	/* it stays a zombie, for whom it belongs to */
	waitid(P_PID, (id_t)t->pid, &info, WEXITED | WNOWAIT);
	return (struct fake_end){ .code = CODE_CLOSED, .message = "gone" };
}

static int
play_lethal(const char *args)
{
	int status;

	spill("x.target",
	    "target x\n  url http://127.0.0.1:9\n  spawn \"sleep 60\"\n");
	status = play(lethal, args);
	unlink("x.target");
	return status;
}

START_TEST(what_was_in_flight_when_the_target_ended_is_inconclusive)
{
	ck_assert_int_eq(play_lethal(
			     "x.target ping.order relay.basic --no-controls"
			     " --report text=out.txt"
			     " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
	check_holds("out.txt", " 0 FAIL ");
	check_holds("out.txt", " 3 INCONCLUSIVE ");
	check_holds("out.txt", "the target ended meanwhile");
	check_holds("out.jsonl", "\"target_ended\":true");
	ck_assert_int_eq(play_command(cmd_judge, all_well,
			     "judge out.jsonl --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_holds("out.txt", " 0 FAIL ");
	check_holds("out.txt", " 3 INCONCLUSIVE ");
	check_holds("out.txt", "the target ended meanwhile");
}
END_TEST

START_TEST(the_one_that_was_alone_with_it_fails)
{
	ck_assert_int_eq(play_lethal("x.target relay.alone"
				     " --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_holds("out.txt", " 1 FAIL ");
	check_holds_not("out.txt", "meanwhile");
	ck_assert_int_eq(play_lethal("x.target ping.order relay.basic"
				     " --no-controls --keep-going"
				     " --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_holds("out.txt", " 1 FAIL ");
}
END_TEST

/* ---- several runs in a file ---- */

static size_t
count_in(const char *file, const char *part)
{
	char *text = slurp(file);
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
		n++;
	free(text);
	return n;
}

#define APPEND                                                                 \
	" --append-run --report jsonl=out.jsonl --report text=out.txt"         \
	" --report md=out.md"

START_TEST(a_run_can_be_added_to_a_report)
{
	ck_assert_int_eq(play(one_fails, URL " relay.alone" APPEND),
	    EXIT_FAILED);
	ck_assert_int_eq(play(all_well, URL " ping.order" APPEND), 0);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"run\","), 2);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"end\","), 2);
	ck_assert_uint_eq(count_in("out.txt", "\nexit "), 2);
	ck_assert_uint_eq(count_in("out.md", "## relay-conformance: "), 2);
	/* each is judged, and the worse counts */
	ck_assert_int_eq(play_command(cmd_judge, all_well, "judge out.jsonl"),
	    EXIT_FAILED);
	ck_assert_int_eq(play_command(cmd_judge, all_well,
			     "judge out.jsonl --report text=out.txt"),
	    EXIT_USAGE);
	/* without it the file is replaced */
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --report jsonl=out.jsonl"),
	    0);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"run\","), 1);
}
END_TEST

START_TEST(none_is_added_to_half_a_run)
{
	static const char half[] = "{\"type\":\"run\",\"v\":1}\n";

	spill("out.jsonl", half);
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --append-run"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
	check_file("out.jsonl", half);
	spill("out.jsonl", "{\"type\":\"end\",\"v\":1}");
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --append-run"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
}
END_TEST

/* Another run ends first. */
static struct fake_end
overtaken(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	spill("out.txt", "another\n");
	return (struct fake_end){ .code = CODE_OK };
}

START_TEST(no_run_of_another_is_lost)
{
	ck_assert_int_eq(play(overtaken,
			     URL " ping.order --append-run"
				 " --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_file("out.txt", "another\n");
}
END_TEST

/* ---- exit statuses ---- */

static const struct {
	const char *args;
	int status;
} statuses[] = {
	{ URL " ping.echo", 0 },
	{ URL " relay.alone", EXIT_FAILED },
	{ URL " ping.order", 0 },
	{ URL " --strict ping.order", EXIT_FAILED },
	{ URL " ping.long", 0 },
	{ URL " relay.metrics", EXIT_UNTESTED },
	{ URL " --skip ping.* ping.order", EXIT_UNTESTED },
	{ URL " --caps raw,metrics relay.metrics", 0 },
	{ URL " --caps ws ping.order[raw]", EXIT_UNTESTED },
	{ URL " nosuch.case", EXIT_USAGE },
	{ URL " ping.echo nosuch.case", EXIT_USAGE },
	{ URL " @slo", EXIT_USAGE },
	{ URL " ping.lo*", EXIT_USAGE },
	{ URL " --slow ping.lo*", 0 },
	{ URL " --carrier ws relay.*", EXIT_USAGE },
	{ URL " --carrier ws ping.order", 0 },
	{ URL " --carrier tcp", EXIT_USAGE },
	{ URL " --skip nosuch", EXIT_USAGE },
	{ URL " " URL, EXIT_USAGE },
	{ "ping.echo", EXIT_USAGE },
	{ "", EXIT_USAGE },
	{ URL " --nosuch", EXIT_USAGE },
	{ URL " --report", EXIT_USAGE },
	{ URL " --report html=x", EXIT_USAGE },
	{ URL " --append-run", EXIT_USAGE },
	{ URL " --append-run --report text=-", EXIT_USAGE },
	{ URL " --append-run --report tap=out.tap", EXIT_USAGE },
	{ URL " --append-run --report junit=out.xml", EXIT_USAGE },
	{ URL " --append-run --report json=out.json", EXIT_USAGE },
	{ URL " --report tap", EXIT_USAGE },
	{ URL " --report tap=- --report text=-", EXIT_USAGE },
	{ URL " --report tap=/no/such/folder/x", EXIT_INFRASTRUCTURE },
	{ URL " --seed xyz", EXIT_USAGE },
	{ URL " -j 0", EXIT_USAGE },
	{ URL " --repeat 0", EXIT_USAGE },
	{ URL " --time-scale 0", EXIT_USAGE },
	{ URL " --timeout 5", EXIT_USAGE },
	{ URL " --dialect iroh-v9", EXIT_USAGE },
	{ URL " --color red", EXIT_USAGE },
	{ URL " --order x", EXIT_USAGE },
	{ "http:// ping.echo", EXIT_USAGE },
	{ "no.target ping.echo", EXIT_USAGE },
	{ "little ping.order[raw]", 0 },
};

START_TEST(the_exit_status_says_what_happened)
{
	ck_assert_int_eq(play(one_fails, statuses[_i].args),
	    statuses[_i].status);
	/* 2 and 4 of these are found before anything is played */
	if (statuses[_i].status == EXIT_USAGE ||
	    statuses[_i].status == EXIT_INFRASTRUCTURE)
		ck_assert_str_eq(fake_engine_log(), "");
}
END_TEST

/* ---- files of scenarios ---- */

static void
write_script(const char *text)
{
	char err[256];

	ck_assert_int_eq(file_write("my.rly", text, strlen(text), err,
			     sizeof(err)),
	    0);
}

#define SCENARIO(id, covers)                                                   \
	"rly 1\ndialect iroh-v3\n"                                             \
	"include \"lib/iroh-v3.rly\"\n"                                        \
	"scenario " id " \"One of mine\"\n" covers "  over raw\n"              \
	"  conn A = login key=alice\n"                                         \
	"  call alive(A)\n"                                                    \
	"end\n"

START_TEST(a_file_of_scenarios_is_selected_by_its_name)
{
	write_script(SCENARIO("my.own", "  covers R-120\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly --report jsonl=out.jsonl"),
	    0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nmy.own[raw]\nping.echo[raw,p=#1]\n");
	check_holds("out.jsonl",
	    "relay-conformance run " URL " 'my.rly:my.own[raw]' --seed ");
	ck_assert_int_eq(play(all_well, URL " my.rly:4"), 0);
	ck_assert_int_eq(play(all_well, URL " my.rly:my.own[raw]"), 0);
	ck_assert_int_eq(play(all_well, URL " my.rly:1"), EXIT_USAGE);
	ck_assert_int_eq(play(all_well, URL " my.rly:other"), EXIT_USAGE);
}
END_TEST

START_TEST(calm_cases_come_between_the_crowd_and_serial_ones)
{
	write_script(SCENARIO("my.calm", "  covers R-120\n  calm\n"));
	ck_assert_int_eq(play(all_well,
			     URL " my.rly relay.alone ping.order[ws]"),
	    0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\n"
	    "ping.order[ws]\n"
	    "my.calm[raw]\n"
	    "relay.alone[raw]\n"
	    "ping.echo[raw,p=#1]\n");
}
END_TEST

START_TEST(a_file_replaces_what_is_inside_the_program)
{
	write_script(SCENARIO("ping.order", "  covers R-130\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nping.order[raw]\nping.echo[raw,p=#1]\n");
}
END_TEST

START_TEST(the_canary_is_the_programs_own)
{
	write_script(SCENARIO("ping.echo", "  covers R-129\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nping.echo[raw]\nping.echo[raw,p=#1]\n");
}
END_TEST

static const char *const broken[] = {
	"rly 1\ndialect iroh-v3\nscenario x\n",
	SCENARIO("my.own", "  covers R-999\n"),
	SCENARIO("my.own", "  covers R-120 R-130\n"),
	"",
};

START_TEST(a_broken_file_is_found_before_anything_runs)
{
	write_script(broken[_i]);
	ck_assert_int_eq(play(all_well, URL " my.rly"), EXIT_SCRIPT);
	ck_assert_str_eq(fake_engine_log(), "");
}
END_TEST

static void
add_run_tests(TCase *t)
{
	tcase_add_test(t, canaries_controls_and_serial_cases_have_their_turn);
	tcase_add_test(t, controls_can_be_left_out);
	tcase_add_test(t, every_case_is_played_at_once);
	tcase_add_test(t, own_lateness_is_settled_by_playing_alone);
	tcase_add_test(t, own_lateness_is_never_a_failure);
	tcase_add_test(t, what_met_a_crowd_is_played_again_once);
	tcase_add_test(t, what_always_happens_is_not_played_again);
	tcase_add_test(t, a_control_that_fails_leaves_no_verdict);
	tcase_add_test(t, an_unreachable_target_is_never_success);
	tcase_add_test(t, the_cases_can_be_played_all_the_same);
	tcase_add_test(t, a_target_lost_half_way_is_not_merely_failed);
	tcase_add_test(t, the_canary_follows_what_may_have_done_harm);
	tcase_add_test(t, the_overall_timeout_ends_a_run_with_reports);
	tcase_add_test(t,
	    an_interrupted_run_leaves_whole_reports_marked_partial);
	tcase_add_test(t, fail_fast_ends_at_the_first_failure);
	tcase_add_test(t, a_probe_that_passes_proves_a_capability);
	tcase_add_test(t, one_that_fails_leaves_what_needs_it_unsupported);
	tcase_add_test(t, one_that_says_nothing_leaves_it_open);
	tcase_add_test(t, one_that_selects_nothing_is_an_error);
	tcase_add_test(t,
	    what_was_in_flight_when_the_target_ended_is_inconclusive);
	tcase_add_test(t, the_one_that_was_alone_with_it_fails);
	tcase_add_test(t, a_run_can_be_added_to_a_report);
	tcase_add_test(t, none_is_added_to_half_a_run);
	tcase_add_test(t, no_run_of_another_is_lost);
	tcase_add_loop_test(t, the_exit_status_says_what_happened, 0,
	    sizeof(statuses) / sizeof(statuses[0]));
}

int
main(void)
{
	Suite *s = suite_create("run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, run_rig_setup, run_rig_teardown);
	add_run_tests(t);
	tcase_add_test(t, a_file_of_scenarios_is_selected_by_its_name);
	tcase_add_test(t, calm_cases_come_between_the_crowd_and_serial_ones);
	tcase_add_test(t, a_file_replaces_what_is_inside_the_program);
	tcase_add_test(t, the_canary_is_the_programs_own);
	tcase_add_loop_test(t, a_broken_file_is_found_before_anything_runs, 0,
	    sizeof(broken) / sizeof(broken[0]));
	suite_add_tcase(s, t);
	return run_suite(s);
}
