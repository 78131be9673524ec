/* Runs with a fake engine: order of playing, verdicts, exit statuses. */
#include "config.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/judge.h"
#include "base/clock.h"
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

static int64_t long_ns;
static size_t most_again;

static struct fake_end
all_late_once(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	/* That one is the canary, too. */
	bool late = nth == 1 && strcmp(name, "ping.echo[raw,p=#1]") != 0;

	if (nth > 1 && strcmp(name, "ping.echo[raw,p=#1]") != 0 &&
	    fake_engine_playing() > most_again)
		most_again = fake_engine_playing();
	return (struct fake_end){ .took_ns = long_ns,
		.code = late ? CODE_HARNESS_LATE : CODE_OK };
}

/* Half a minute one by one, then so many at a time: 5 cases. */
START_TEST(many_late_cases_are_played_again_together)
{
	most_again = 0;
	long_ns = 5900 * NS_PER_MS;
	ck_assert_int_eq(play(all_late_once, URL " ping.*"), 0);
	ck_assert_uint_eq(fake_engine_most(), 6);
	ck_assert_uint_eq(most_again, 1);
	long_ns = 12 * NS_PER_S;
	ck_assert_int_eq(play(all_late_once, URL " ping.*"), 0);
	ck_assert_uint_eq(most_again, 3);
}
END_TEST

START_TEST(own_lateness_is_never_a_failure)
{
	ck_assert_int_eq(play(one_is_late,
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

/* ---- early ends ---- */

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

#define SCENARIO(id, covers)                                                   \
	"rly 1\ndialect iroh-v3\n"                                             \
	"include \"lib/iroh-v3.rly\"\n"                                        \
	"scenario " id " \"One of mine\"\n" covers "  over raw\n"              \
	"  conn A = login key=alice\n"                                         \
	"  call alive(A)\n"                                                    \
	"end\n"

START_TEST(a_file_of_scenarios_is_selected_by_its_name)
{
	spill("my.rly", SCENARIO("my.own", "  covers R-120\n"));
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
	spill("my.rly", SCENARIO("my.calm", "  covers R-120\n  calm\n"));
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
	spill("my.rly", SCENARIO("ping.order", "  covers R-130\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nping.order[raw]\nping.echo[raw,p=#1]\n");
}
END_TEST

START_TEST(the_canary_is_the_programs_own)
{
	spill("my.rly", SCENARIO("ping.echo", "  covers R-129\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nping.echo[raw]\nping.echo[raw,p=#1]\n");
}
END_TEST

#define RELAY_CASE(steps)                                                      \
	"rly 1\ndialect iroh-v3\nscenario my.own \"T\"\n  covers R-120\n"      \
	"  conn A = login key=alice\n" steps "end\n"

static const char *const broken[] = {
	"rly 1\ndialect iroh-v3\nscenario x\n",
	SCENARIO("my.own", "  covers R-999\n"),
	SCENARIO("my.own", "  covers R-120 R-130\n"),
	"",
	/* what a relay cannot show, and what cannot be played */
	SCENARIO("my.own", "  covers R-044\n"),
	SCENARIO("my.own", "  covers R-120\n  needs client\n"),
	RELAY_CASE("  conn R = listen\n"),
	/* no time, and nothing to fail */
	RELAY_CASE("  sleep 6s\n  repeat 9 {\n  never A <- any\n  }\n"
		   "  fence ingress A\n"),
	RELAY_CASE("  A -> KeepAlive\n"),
	RELAY_CASE("  A <- Pong optional\n"),
	RELAY_CASE("  A <- Pong count 0..3\n"),
	RELAY_CASE("  oneof {\n  A <- Pong\n  never A <- Health => ok\n  }\n"
		   "  defect note \"\"\n  control fence ingress A\n"),
};

/* What is nearly the same, and sound. */
static const char *const sound[] = {
	RELAY_CASE("  sleep 5s\n  repeat 9 {\n  never A <- any\n  }\n"
		   "  fence ingress A\n"),
	RELAY_CASE("  A <- Pong count 0..3\n  A <- Pong count 1..3\n"),
	RELAY_CASE("  target assert alive\n"),
};

START_TEST(a_sound_file_is_played)
{
	spill("my.rly", sound[_i]);
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_ne(fake_engine_log(), "");
}
END_TEST

START_TEST(a_broken_file_is_found_before_anything_runs)
{
	spill("my.rly", broken[_i]);
	ck_assert_int_eq(play(all_well, URL " my.rly"), EXIT_SCRIPT);
	ck_assert_str_eq(fake_engine_log(), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, run_rig_setup, run_rig_teardown);
	tcase_add_test(t, canaries_controls_and_serial_cases_have_their_turn);
	tcase_add_test(t, controls_can_be_left_out);
	tcase_add_test(t, every_case_is_played_at_once);
	tcase_add_test(t, own_lateness_is_settled_by_playing_alone);
	tcase_add_test(t, many_late_cases_are_played_again_together);
	tcase_add_test(t, own_lateness_is_never_a_failure);
	tcase_add_test(t, what_met_a_crowd_is_played_again_once);
	tcase_add_test(t, what_always_happens_is_not_played_again);
	tcase_add_test(t, a_control_that_fails_leaves_no_verdict);
	tcase_add_test(t, the_overall_timeout_ends_a_run_with_reports);
	tcase_add_test(t,
	    an_interrupted_run_leaves_whole_reports_marked_partial);
	tcase_add_test(t, fail_fast_ends_at_the_first_failure);
	tcase_add_rows(t, the_exit_status_says_what_happened, statuses);
	tcase_add_test(t, a_file_of_scenarios_is_selected_by_its_name);
	tcase_add_test(t, calm_cases_come_between_the_crowd_and_serial_ones);
	tcase_add_test(t, a_file_replaces_what_is_inside_the_program);
	tcase_add_test(t, the_canary_is_the_programs_own);
	tcase_add_rows(t, a_broken_file_is_found_before_anything_runs, broken);
	tcase_add_rows(t, a_sound_file_is_played, sound);
	suite_add_tcase(s, t);
	return run_suite(s);
}
