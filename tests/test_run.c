/* Runs with a fake engine: order of playing, verdicts, reports to the byte. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "conformance/files.h"
#include "conformance/run.h"
#include "fake_engine.h"
#include "support.h"

static char folder[64];

static void
setup(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	strcpy(folder, "/tmp/test_run.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	unsetenv("NO_COLOR");
}

static void
teardown(void)
{
	static const char *const names[] = { "out.txt", "out.tap", "out.jsonl",
		"my.rly" };

	for (size_t i = 0; i < 4; i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_msg(rmdir(folder) == 0, "left over in %s: %s", folder,
	    strerror(errno));
}

static struct fake_end
all_well(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	return (struct fake_end){ .code = CODE_OK };
}

/* Play `run ARGS…` (blanks part them); the exit status.  stdout is not ours:
 * the terminal's report goes to /dev/null. */
static int
play(fake_play how, const char *args)
{
	char *line = xasprintf("run %s", args), *argv[32], *p = line;
	int argc = 0, status, saved = dup(STDOUT_FILENO);
	struct options o;
	struct run r;

	fake_engine_set(how);
	for (; (argv[argc] = strsep(&p, " ")) != NULL; argc++)
		ck_assert_int_lt(argc, 31);
	fflush(stdout);
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
	status = options_parse(&o, FOR_RUN, "", argc, argv);
	if (status == 0) {
		status = run_prepare(&r, &o);
		if (status == 0)
			status = run_play(&r);
		run_clear(&r);
	}
	options_clear(&o);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	free(line);
	return status;
}

static char *
slurp(const char *name)
{
	char err[256];
	size_t len;
	char *text = file_read(name, &len, err, sizeof(err));

	ck_assert_msg(text != NULL, "%s", err);
	return text;
}

/* Both texts are long: show where they part. */
static void
check_same(const char *have, const char *want)
{
	size_t at = 0;

	while (have[at] != '\0' && have[at] == want[at])
		at++;
	ck_assert_msg(have[at] == want[at],
	    "at byte %zu: have\n%.300s\nwant\n%.300s", at, have + at,
	    want + at);
}

/* Does the file hold exactly these lines? */
static void
check_file(const char *name, const char *want)
{
	char *have = slurp(name);

	check_same(have, want);
	free(have);
}

static void
check_holds(const char *name, const char *part)
{
	char *have = slurp(name);

	ck_assert_msg(strstr(have, part) != NULL, "no \"%s\" in:\n%s", part,
	    have);
	free(have);
}

#define URL "http://127.0.0.1:9"

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
	    "ping.echo[raw,p=#1]\n");
	check_holds("out.jsonl",
	    "\"reason\":\"control failed at line 12: it never came\"");
	check_holds("out.txt", "controls 0/1 ok   canaries 2/2 ok\n");
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

	if (strcmp(name, "ping.echo[raw,p=#1]") == 0 && nth == 2)
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
				 " --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_holds("out.txt", "failed after the cases");
}
END_TEST

static struct fake_end
one_fails(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK };

	if (strncmp(name, "relay.alone", 11) == 0)
		e = (struct fake_end){ .code = CODE_WRONG,
			.message = "expected \"a\"\n, got \033[31m<b>\x01" };
	if (strncmp(name, "ping.order", 10) == 0)
		e = (struct fake_end){ .code = CODE_LATE,
			.message = "late by 83 ms" };
	if (strncmp(name, "ping.long", 9) == 0)
		e = (struct fake_end){ .code = CODE_NEVER,
			.message = "nothing" };
	if (strncmp(name, "relay.basic", 11) == 0)
		e.named = "silent,told";
	return e;
}

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
	ck_assert_ptr_null(strstr(slurp("out.tap"), "Bail out"));
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

START_TEST(a_file_replaces_what_is_inside_the_program)
{
	write_script(SCENARIO("ping.order", "  covers R-130\n"));
	ck_assert_int_eq(play(all_well, URL " my.rly"), 0);
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nping.order[raw]\nping.echo[raw,p=#1]\n");
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

/* ---- reports ---- */

START_TEST(the_tap_report_is_this)
{
	ck_assert_int_eq(play(one_fails,
			     URL " --seed 7f3a21 --slow --skip *[ws]"
				 " --report tap=out.tap"),
	    EXIT_FAILED);
	check_file("out.tap",
	    "TAP version 14\n"
	    "1..10\n"
	    "ok 1 - ping.echo[raw,p=\\#1]\n"
	    "ok 2 - ping.echo[raw,p=\\#2]\n"
	    "ok 3 - ping.echo[ws,p=\\#1] # SKIP --skip\n"
	    "ok 4 - ping.echo[ws,p=\\#2] # SKIP --skip\n"
	    "not ok 5 - ping.order[raw] # TODO nonstrict: E-LATE\n"
	    "  ---\n"
	    "  verdict: \"nonstrict\"\n"
	    "  code: \"E-LATE\"\n"
	    "  level: \"SHOULD\"\n"
	    "  requirements: \"iroh-v3/R-130\"\n"
	    "  at: \"conformance/scenarios/iroh-v3/ping.rly:17\"\n"
	    "  expected: \"call alive(A)\"\n"
	    "  actual: \"late by 83 ms\"\n"
	    "  again: \"relay-conformance run " URL " 'ping.order[raw]' "
	    "--seed 7f3a21\"\n"
	    "  ...\n"
	    "ok 6 - ping.order[ws] # SKIP --skip\n"
	    "ok 7 - ping.long[raw]\n"
	    "  ---\n"
	    "  verdict: \"info\"\n"
	    "  code: \"E-NEVER\"\n"
	    "  level: \"UNSPECIFIED\"\n"
	    "  requirements: \"iroh-v3/R-134\"\n"
	    "  at: \"conformance/scenarios/iroh-v3/ping.rly:26\"\n"
	    "  expected: \"A <- KeepAlive within 75s\"\n"
	    "  actual: \"nothing\"\n"
	    "  again: \"relay-conformance run " URL " 'ping.long[raw]' "
	    "--seed 7f3a21\"\n"
	    "  ...\n"
	    "ok 8 - relay.basic[raw]\n"
	    "ok 9 - relay.metrics[raw] # SKIP needs metrics\n"
	    "not ok 10 - relay.alone[raw]\n"
	    "  ---\n"
	    "  verdict: \"fail\"\n"
	    "  code: \"E-WRONG\"\n"
	    "  level: \"MUST\"\n"
	    "  requirements: \"iroh-v3/R-120\"\n"
	    "  at: \"conformance/scenarios/iroh-v3/relay.rly:30\"\n"
	    "  expected: \"A <- Pong data==x\\\"01*8\\\"\"\n"
	    "  actual: \"expected \\\"a\\\"\\n, got \\x1b[31m<b>\\x01\"\n"
	    "  again: \"relay-conformance run " URL " 'relay.alone[raw]' "
	    "--seed 7f3a21\"\n"
	    "  ...\n");
}
END_TEST

/* The wall clock's numbers, "0.1 s" and the like, as "T". */
static void
blank_times(char *s)
{
	char *p = s;

	while ((p = strstr(p, " s\n")) != NULL) {
		char *q = p;

		while (q > s && (isdigit((unsigned char)q[-1]) || q[-1] == '.'))
			q--;
		*q = 'T';
		memmove(q + 1, p, strlen(p) + 1);
		p = q + 2;
	}
}

START_TEST(the_text_report_is_this)
{
	char *have;

	ck_assert_int_eq(play(one_fails,
			     URL " --seed 7f3a21 relay.* ping.order[raw]"
				 " --report text=out.txt"),
	    EXIT_FAILED);
	have = slurp("out.txt");
	blank_times(have);
	check_same(have,
	    "~ nonstrict    ping.order[raw]                        0.02 s"
	    "  E-LATE late by 83 ms\n"
	    "+ pass         relay.basic[raw]                       0.04 s"
	    "  silent,told\n"
	    "- unsupported  relay.metrics[raw]                     0.00 s"
	    "  needs metrics\n"
	    "x FAIL         relay.alone[raw]                       0.02 s"
	    "  E-WRONG expected \"a\"\\n, got \\x1b[31m<b>\\x01\n"
	    "\n"
	    "x FAIL         relay.alone[raw]  target " URL "  E-WRONG"
	    "  0.02 s   MUST iroh-v3/R-120\n"
	    "  Alone\n"
	    "  conformance/scenarios/iroh-v3/relay.rly:30\n"
	    "     29 |   A -> Ping data=x\"01*8\"\n"
	    ">    30 |   A <- Pong data==x\"01*8\"\n"
	    "        |   ^^^^^^^^^^^^^^^^^^^^^^^ expected \"a\"\\n, got "
	    "\\x1b[31m<b>\\x01\n"
	    "  control: not applicable   teardown: A clean\n"
	    "  again:   relay-conformance run " URL " 'relay.alone[raw]' "
	    "--seed 7f3a21\n"
	    "\n"
	    "4 selected of 10   target " URL "   seed 7f3a21   T s\n"
	    "1 pass   1 nonstrict   1 FAIL   1 unsupported"
	    "   0 INCONCLUSIVE   0 ERROR\n"
	    "controls 1/1 ok   canaries 2/2 ok\n"
	    "nonstrict:\n"
	    "  ping.order[raw]  E-LATE late by 83 ms\n"
	    "unsupported: needs metrics (1 cases)\n"
	    "FAIL:\n"
	    "  relay.alone[raw]  E-WRONG expected \"a\"\\n, got "
	    "\\x1b[31m<b>\\x01\n"
	    "exit 1\n");
	free(have);
}
END_TEST

START_TEST(two_targets_and_rounds_are_told_apart)
{
	ck_assert_int_eq(play(all_well,
			     URL " ws://127.0.0.1:9 --repeat 2 --seed 10"
				 " ping.order --report tap=out.tap"),
	    0);
	check_file("out.tap",
	    "TAP version 14\n1..8\n"
	    "ok 1 - " URL " ping.order[raw] (round 1)\n"
	    "ok 2 - " URL " ping.order[ws] (round 1)\n"
	    "ok 3 - ws://127.0.0.1:9 ping.order[raw] (round 1)\n"
	    "ok 4 - ws://127.0.0.1:9 ping.order[ws] (round 1)\n"
	    "ok 5 - " URL " ping.order[raw] (round 2)\n"
	    "ok 6 - " URL " ping.order[ws] (round 2)\n"
	    "ok 7 - ws://127.0.0.1:9 ping.order[raw] (round 2)\n"
	    "ok 8 - ws://127.0.0.1:9 ping.order[ws] (round 2)\n");
}
END_TEST

/* The line of a JSON report that is the verdict of a case. */
static json_t *
find_verdict(const char *name, const char *case_name)
{
	char *text = slurp(name), *next = text, *line;
	json_t *found = NULL;

	while (found == NULL && (line = strsep(&next, "\n")) != NULL) {
		json_t *o = json_loads(line, 0, NULL);
		const char *type =
		    json_string_value(json_object_get(o, "type"));
		const char *c = json_string_value(json_object_get(o, "case"));

		if (type != NULL && c != NULL && strcmp(type, "verdict") == 0 &&
		    strcmp(c, case_name) == 0)
			found = json_incref(o);
		json_decref(o);
	}
	free(text);
	ck_assert_ptr_nonnull(found);
	return found;
}

static void
check_string(const json_t *o, const char *key, const char *want)
{
	const char *have = json_string_value(json_object_get(o, key));

	ck_assert_msg(have != NULL && strcmp(have, want) == 0, "%s: %s", key,
	    have != NULL ? have : "(none)");
}

START_TEST(a_verdict_line_has_what_was_promised)
{
	json_t *o, *requirements;

	ck_assert_int_eq(play(one_fails,
			     URL " relay.alone relay.basic"
				 " --report jsonl=out.jsonl"),
	    EXIT_FAILED);
	o = find_verdict("out.jsonl", "relay.alone[raw]");
	check_string(o, "target", URL);
	check_string(o, "verdict", "fail");
	check_string(o, "code", "E-WRONG");
	check_string(o, "level", "MUST");
	check_string(o, "message", "expected \"a\"\n, got \033[31m<b>\x01");
	requirements = json_object_get(o, "requirements");
	ck_assert_uint_eq(json_array_size(requirements), 1);
	ck_assert_str_eq(json_string_value(json_array_get(requirements, 0)),
	    "iroh-v3/R-120");
	ck_assert_double_eq(json_number_value(
				json_object_get(o, "duration_ms")),
	    20.0);
	json_decref(o);

	o = find_verdict("out.jsonl", "relay.basic[raw]");
	check_string(o, "verdict", "pass");
	check_string(o, "code", "");
	check_string(o, "control", "ok");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "named")), 2);
	json_decref(o);
}
END_TEST

START_TEST(an_old_report_is_replaced_whole)
{
	struct stat before, after;
	char err[256];

	ck_assert_int_eq(file_write("out.tap",
			     "old and longer than the new one", 31, err,
			     sizeof(err)),
	    0);
	ck_assert_int_eq(stat("out.tap", &before), 0);
	ck_assert_int_eq(play(all_well,
			     URL " ping.order[ws] --report tap=out.tap"),
	    0);
	check_file("out.tap", "TAP version 14\n1..1\nok 1 - ping.order[ws]\n");
	ck_assert_int_eq(stat("out.tap", &after), 0);
	ck_assert_uint_ne(before.st_ino, after.st_ino);
}
END_TEST

START_TEST(a_report_to_a_device_leaves_the_device)
{
	struct stat st;

	ck_assert_int_eq(play(all_well,
			     URL " ping.order[ws] --report tap=/dev/null"),
	    0);
	ck_assert_int_eq(stat("/dev/null", &st), 0);
	ck_assert(S_ISCHR(st.st_mode));
	ck_assert_int_eq(play(all_well,
			     URL " ping.order[ws] --report tap=/dev/full"),
	    EXIT_INFRASTRUCTURE);
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
	tcase_add_test(t, a_control_that_fails_leaves_no_verdict);
	tcase_add_test(t, an_unreachable_target_is_never_success);
	tcase_add_test(t, the_cases_can_be_played_all_the_same);
	tcase_add_test(t, a_target_lost_half_way_is_not_merely_failed);
	tcase_add_test(t, the_overall_timeout_ends_a_run_with_reports);
	tcase_add_test(t,
	    an_interrupted_run_leaves_whole_reports_marked_partial);
	tcase_add_test(t, fail_fast_ends_at_the_first_failure);
	tcase_add_loop_test(t, the_exit_status_says_what_happened, 0,
	    sizeof(statuses) / sizeof(statuses[0]));
}

int
main(void)
{
	Suite *s = suite_create("run");
	TCase *t = tcase_create("run");

	tcase_add_checked_fixture(t, setup, teardown);
	add_run_tests(t);
	tcase_add_test(t, a_file_of_scenarios_is_selected_by_its_name);
	tcase_add_test(t, a_file_replaces_what_is_inside_the_program);
	tcase_add_loop_test(t, a_broken_file_is_found_before_anything_runs, 0,
	    sizeof(broken) / sizeof(broken[0]));
	tcase_add_test(t, the_tap_report_is_this);
	tcase_add_test(t, the_text_report_is_this);
	tcase_add_test(t, two_targets_and_rounds_are_told_apart);
	tcase_add_test(t, a_verdict_line_has_what_was_promised);
	tcase_add_test(t, an_old_report_is_replaced_whole);
	tcase_add_test(t, a_report_to_a_device_leaves_the_device);
	suite_add_tcase(s, t);
	return run_suite(s);
}
