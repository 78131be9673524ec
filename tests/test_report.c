/* Reports to the byte, of runs with a fake engine. */
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

#include "base/clock.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "run_rig.h"
#include "support.h"

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
	    "  control: not applicable   canary after: ok   teardown: A clean\n"
	    "  again:   relay-conformance run " URL " 'relay.alone[raw]' "
	    "--seed 7f3a21\n"
	    "  more:    relay-conformance explain E-WRONG\n"
	    "\n"
	    "4 selected of 10   target " URL "   seed 7f3a21   T s\n"
	    "1 pass   1 nonstrict   0 info   1 FAIL   0 xfail   0 XPASS"
	    "   1 unsupported   0 INCONCLUSIVE   0 ERROR\n"
	    "controls 1/1 ok   canaries 4/4 ok\n"
	    "nonstrict:\n"
	    "  ping.order[raw]  E-LATE late by 83 ms\n"
	    "unsupported: needs metrics (1 case)\n"
	    "new failures:\n"
	    "  relay.alone[raw]  E-WRONG expected \"a\"\\n, got "
	    "\\x1b[31m<b>\\x01\n"
	    "exit 1\n");
	free(have);
}
END_TEST

static void
happens(struct transcript *t, int conn, int ms, struct event e,
    const char *text, const char *bytes)
{
	e.conn = conn;
	e.time_ns = ms * NS_PER_MS;
	e.text = (char *)(uintptr_t)text;
	e.bytes = (uint8_t *)(uintptr_t)bytes;
	e.len = bytes != NULL ? strlen(bytes) : 0;
	if (e.kind == EVENT_FRAME)
		e.dialect = rk_dialect_by_id("iroh-v3");
	transcript_add(t, &e);
}

/* A login at a line of the script, from that time on; NULL: it waits for its
 * Pong in vain. */
static void
logs_in(struct transcript *t, const char *name, int line, int ms,
    const char *pong)
{
	struct event e = { .kind = EVENT_OPENED, .line = line };
	int conn = (int)transcript_add_conn(t, name);

	happens(t, conn, ms, e, "relay:9", NULL);
	e.kind = EVENT_HTTP;
	happens(t, conn, ms + 1, e, "GET /relay HTTP/1.1", "GET");
	e = (struct event){ .kind = EVENT_HTTP, .dir = DIR_S2C };
	happens(t, conn, ms + 2, e, "HTTP/1.1 101 Fine", "HTTP");
	e = (struct event){ .kind = EVENT_FRAME, .type = 12 };
	happens(t, conn, ms + 3, e, NULL, "12345678");
	e = (struct event){ .kind = EVENT_FRAME, .dir = DIR_S2C, .type = 13 };
	if (pong != NULL)
		happens(t, conn, ms + 4, e, NULL, pong);
}

/* Of relay.alone: line 30 is the step that is missed. */
static void
much_happens(struct transcript *t)
{
	struct event ping = { .kind = EVENT_FRAME, .type = 12, .line = 29 };
	struct event remark = { .kind = EVENT_REMARK, .line = 29 };

	logs_in(t, "A", 28, 100, "12345678");
	logs_in(t, "B", 28, 200, NULL);
	logs_in(t, "C", 28, 300, "87654321");
	logs_in(t, "D", 30, 400, "12345678");
	happens(t, 0, 500, ping, NULL, "11111111");
	happens(t, 0, 542, remark, "in 9 writes, this was the last", NULL);
	happens(t, 0, 543, remark, "another remark", NULL);
}

static struct fake_end
much_fails(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end end = one_fails(t, name, control, nth);

	end.events = much_happens;
	return end;
}

START_TEST(what_went_well_is_folded)
{
	ck_assert_int_eq(play(much_fails,
			     URL " relay.alone --report text=out.txt"),
	    EXIT_FAILED);
	check_holds("out.txt",
	    "      0.100000 A  -- login --> ok  2 frames, 4.0 ms\n"
	    "      0.200000 B      opened relay:9\n");
	check_holds("out.txt",
	    "      0.300000 C      opened relay:9\n"
	    "      0.301000 C  --> GET /relay HTTP/1.1\n"
	    "      0.302000 C  <-- HTTP/1.1 101 Fine\n"
	    "      0.303000 C  --> Ping 3132333435363738\n"
	    "      0.304000 C  <-- Pong 3837363534333231\n"
	    "      0.400000 D      opened relay:9\n");
	check_holds("out.txt",
	    "      0.500000 A  --> Ping 3131313131313131  in 9 writes, last at "
	    "0.542000\n"
	    "      0.543000 A      remark: another remark\n");
	check_holds_not("out.txt", "0.101000");
}
END_TEST

START_TEST(all_is_there_where_it_is_asked_for)
{
	ck_assert_int_eq(play(much_fails,
			     URL " relay.alone -v --report text=out.txt"),
	    EXIT_FAILED);
	check_holds("out.txt",
	    "      0.100000 A      opened relay:9\n"
	    "      0.101000 A  --> GET /relay HTTP/1.1\n");
	check_holds("out.txt",
	    "      0.500000 A  --> Ping 3131313131313131\n"
	    "      0.542000 A      remark: in 9 writes, this was the last\n");
}
END_TEST

/* Both bounds were kept narrowly; in one of them the runner was late. */
static struct fake_end
narrow(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	bool late = strcmp(name, "relay.alone[raw]") == 0;

	return (struct fake_end){
		.late_ns = (late ? 41 : 40) * NS_PER_MS,
		.tightest = { late ? 30 : 7, 2 * NS_PER_S,
		    (late ? 1900 : 1800) * NS_PER_MS },
	};
}

START_TEST(a_margin_is_the_targets_only_if_the_runner_was_in_time)
{
	ck_assert_int_eq(play(narrow,
			     URL " relay.basic relay.alone"
				 " --report text=out.txt"
				 " --report jsonl=out.jsonl"),
	    0);
	check_holds("out.txt",
	    "will flake: relay.basic[raw] line 7 took 1.80 s of 2.00 s\n");
	check_holds("out.txt",
	    "tightest margin: relay.basic[raw] 0.20 s of 2.00 s\n");
	check_holds_not("out.txt", "will flake: relay.alone");
	/* It is kept for whoever wants to know. */
	check_holds("out.jsonl",
	    "\"late_ms\":41.0,\"tightest\":{\"line\":30,\"bound_ms\":2000.0,"
	    "\"took_ms\":1900.0}");
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

int
main(void)
{
	Suite *s = suite_create("report");
	TCase *t = tcase_create("report");

	tcase_add_checked_fixture(t, run_rig_setup, run_rig_teardown);
	tcase_add_test(t, the_tap_report_is_this);
	tcase_add_test(t, the_text_report_is_this);
	tcase_add_test(t, what_went_well_is_folded);
	tcase_add_test(t, all_is_there_where_it_is_asked_for);
	tcase_add_test(t,
	    a_margin_is_the_targets_only_if_the_runner_was_in_time);
	tcase_add_test(t, two_targets_and_rounds_are_told_apart);
	tcase_add_test(t, a_verdict_line_has_what_was_promised);
	tcase_add_test(t, an_old_report_is_replaced_whole);
	tcase_add_test(t, a_report_to_a_device_leaves_the_device);
	suite_add_tcase(s, t);
	return run_suite(s);
}
