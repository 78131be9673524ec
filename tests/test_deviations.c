/* .dev files: reading them, judging by them, writing them. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/deviations.h"
#include "run_rig.h"
#include "support.h"

#define HEAD "rly-deviations 1\ntarget x\n"

/* ---- reading ---- */

static const struct {
	const char *text;
	const char *error; /* its first line begins so */
} damaged[] = {
	{ "", "f.dev:1: there is no target" },
	{ "rly-deviations 1\n", "f.dev:2: there is no target" },
	{ "rly-deviations 2\n", "f.dev:1: this program reads" },
	{ "target x\n", "f.dev:1: the first line must be" },
	{ HEAD "rly-deviations 1\n",
	    "f.dev:3: rly-deviations was said before, in line 1" },
	{ HEAD "made \"\xff\"\n", "f.dev:3: the line is no UTF-8" },
	{ HEAD "deviats a observed E-LATE\n",
	    "f.dev:3: unknown word \"deviats\"; is \"deviates\" meant?" },
	{ HEAD "deviates a observed E-LATE\n", "f.dev:3: a has no because" },
	{ HEAD "deviates a observed E-LATE\n  because \"\"\n",
	    "f.dev:4: because is empty" },
	{ HEAD "because \"so\"\n", "f.dev:3: because belongs behind" },
	{ HEAD "deviates a observed\n", "f.dev:3: deviates takes" },
	{ HEAD "deviates a seen E-LATE\n", "f.dev:3: expected \"observed\"" },
	{ HEAD "deviates a observed E-LOUD\n",
	    "f.dev:3: E-LOUD is no code of what a target does" },
	{ HEAD "deviates a observed E-LATE or\n",
	    "f.dev:3: what was observed is missing" },
	{ HEAD "deviates a observed E-LATE and E-NEVER\n",
	    "f.dev:3: expected \"at\" or \"or\", not \"and\"" },
	{ HEAD "deviates a observed \"E-LATE 9ms..1ms\"\n",
	    "f.dev:3: \"9ms..1ms\" is no range" },
	{ HEAD "deviates a observed \"E-LATE soon\"\n",
	    "f.dev:3: \"soon\" is no range" },
	{ HEAD "deviates a observed \"E-NEVER 1ms..2ms\"\n",
	    "f.dev:3: only E-LATE has a time" },
	{ HEAD "deviates @core observed E-LATE\n",
	    "f.dev:3: @core is no case" },
	{ HEAD "deviates a observed E-LATE\n  because b\ndeviates a observed "
	       "E-NEVER\n",
	    "f.dev:5: a was there before, in line 3" },
	{ HEAD "deviates a observed E-LATE\n  until 2026-13-01\n",
	    "f.dev:4: \"2026-13-01\" is no day" },
	{ HEAD "deviates a observed E-LATE\n  until tomorrow\n",
	    "f.dev:4: \"tomorrow\" is no day" },
	{ HEAD "deviates a observed E-LATE\n  because b\n  because c\n",
	    "f.dev:5: because was said before" },
	{ HEAD "flaky a at-most often\n", "f.dev:3: expected a share" },
	{ HEAD "flaky a at-most 3/2\n", "f.dev:3: expected a share" },
	{ HEAD "flaky a at-least 1/2\n", "f.dev:3: expected \"at-most\"" },
	{ HEAD "flaky a at-most 1/2 E-LATE\n",
	    "f.dev:3: expected \"observed\"" },
	{ HEAD "deviates \"a observed\n",
	    "f.dev:3: the string has no closing" },
	{ HEAD "\033[31m\n", "f.dev:3: unknown word \"\\x1b[31m\"" },
};

START_TEST(a_damaged_file_is_an_error_with_its_place)
{
	struct text errors;

	text_init(&errors);
	ck_assert_ptr_null(deviations_parse("f.dev", damaged[_i].text,
	    strlen(damaged[_i].text), &errors));
	ck_assert_msg(strncmp(text_str(&errors), damaged[_i].error,
			  strlen(damaged[_i].error)) == 0,
	    "%s", text_str(&errors));
	text_clear(&errors);
}
END_TEST

static const char whole[] =
    "rly-deviations 1 # the first line\n"
    "target iroh-relay-0.35.0\n"
    "made \"by hand\"\n"
    "\n"
    "deviates presence.gone* observed E-NEVER at \"B <- PeerGone*\" or told\n"
    "  because \"PeerGone goes to \\\"the wrong one\\\"\"\n"
    "  ref https://example.invalid/1\n"
    "  until 2027-01-31\n"
    "deviates half[raw,chop=#1] observed \"E-LATE 400ms..900ms\"\n"
    "  because Nagle\n"
    "flaky keepalive at-most 1/50\n"
    "  because jitter\n";

START_TEST(a_file_is_read)
{
	struct text errors, line;
	struct deviations *d;

	text_init(&errors);
	text_init(&line);
	d = deviations_parse("f.dev", whole, strlen(whole), &errors);
	ck_assert_msg(d != NULL, "%s", text_str(&errors));
	ck_assert_str_eq(d->target, "iroh-relay-0.35.0");
	ck_assert_str_eq(d->made, "by hand");
	ck_assert_uint_eq(d->n, 3);
	ck_assert_int_eq(d->list[0].line, 5);
	ck_assert_str_eq(d->list[0].because,
	    "PeerGone goes to \"the wrong one\"");
	ck_assert_int_eq(d->list[0].last_day, 20270131);
	deviation_add_observed(&d->list[0], &line);
	ck_assert_str_eq(text_str(&line),
	    "E-NEVER at \"B <- PeerGone*\" or told");
	text_reset(&line);
	deviation_add_observed(&d->list[1], &line);
	ck_assert_str_eq(text_str(&line), "\"E-LATE 400ms..900ms\"");
	ck_assert(d->list[2].flaky);
	ck_assert_int_eq(d->list[2].in, 50);
	deviations_free(d);
	text_clear(&line);
	text_clear(&errors);
}
END_TEST

/* Each byte lost, or another: refused with a place, or read. */
START_TEST(no_damaged_byte_crashes)
{
	for (size_t i = 0; i < strlen(whole); i++)
		for (int how = 0; how < 4; how++) {
			char copy[sizeof(whole)];
			size_t n = strlen(whole);
			struct text errors;
			struct deviations *d;

			memcpy(copy, whole, sizeof(whole));
			copy[i] = "\0\"\n\xff"[how];
			if (how == 3 && i % 2 == 0)
				n = i;
			text_init(&errors);
			d = deviations_parse("f.dev", copy, n, &errors);
			ck_assert((d == NULL) == (errors.len > 0));
			if (d == NULL)
				ck_assert(strncmp(text_str(&errors),
					      "f.dev:", 6) == 0);
			deviations_free(d);
			text_clear(&errors);
		}
}
END_TEST

/* ---- judging ---- */

/* As one_fails, with a number to the lateness. */
static struct fake_end
late_by_83_ms(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = one_fails(t, name, control, nth);

	e.overdue_ns = 83 * NS_PER_MS;
	return e;
}

static void
declare(const char *lines)
{
	char *text = xasprintf(HEAD "%s", lines);

	spill("my.dev", text);
	free(text);
}

#define RUN                                                                    \
	URL " relay.alone ping.order[raw] relay.basic --seed 7f"               \
	    " --deviations my.dev"

START_TEST(what_is_declared_fails_nothing)
{
	declare("deviates relay.alone observed E-WRONG at \"A <- Pong*\"\n"
		"  because \"it is # like that\"\n"
		"deviates ping.* observed \"E-LATE 80ms..90ms\"\n"
		"  because slow\n");
	ck_assert_int_eq(play(late_by_83_ms, RUN " --report tap=out.tap"), 0);
	check_holds("out.tap",
	    "not ok 3 - relay.alone[raw] # TODO it is \\# like that\n");
	check_holds("out.tap", "not ok 1 - ping.order[raw] # TODO slow\n");
	ck_assert_int_eq(play(late_by_83_ms, RUN " --report text=out.txt"), 0);
	check_holds("out.txt",
	    "\n1 pass   0 nonstrict   0 info   0 FAIL   2 xfail   0 XPASS"
	    "   0 unsupported   0 INCONCLUSIVE   0 ERROR\n");
	check_holds("out.txt", "deviations: 2 declared in my.dev\n");
	ck_assert_int_eq(play(late_by_83_ms, RUN " --report jsonl=out.jsonl"),
	    0);
	check_holds("out.jsonl", "\"verdict\":\"xfail\"");
	check_holds("out.jsonl", "\"because\":\"it is # like that\"");
}
END_TEST

START_TEST(only_with_no_deviations_it_does)
{
	declare("deviates relay.alone observed E-WRONG\n  because b\n");
	ck_assert_int_eq(play(one_fails, RUN " --no-deviations"), EXIT_FAILED);
}
END_TEST

static const struct {
	const char *lines;
	int status;
	const char *said; /* in the text report */
} judged[] = {
	/* something else was seen: it fails as new */
	{ "deviates relay.alone observed E-NEVER\n  because b\n", EXIT_FAILED,
	    "my.dev:3 expects E-NEVER; this is new: expected \"a\"" },
	{ "deviates relay.alone observed E-WRONG at \"B <- *\"\n"
	  "  because b\n",
	    EXIT_FAILED, "stale deviations:\nmy.dev:3: relay.alone: nothing" },
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "deviates ping.order observed \"E-LATE 84ms..90ms\"\n  because b\n",
	    EXIT_FAILED, "1 FAIL   1 xfail" },
	/* it is gone */
	{ "deviates relay.* observed E-WRONG\n  because b\n", EXIT_FAILED,
	    "my.dev:3: relay.*: a case that it excuses passes (1 of 2)" },
	/* a behaviour of a case that passes excuses nothing */
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "deviates relay.basic observed told\n  because b\n",
	    EXIT_FAILED, "1 xfail   1 XPASS" },
	/* its time is over */
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "  until 2001-01-01\n",
	    EXIT_FAILED,
	    "my.dev:3: relay.alone until 2001-01-01: it was declared until" },
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "  until 9999-01-01\n",
	    0, "1 xfail" },
	/* not selected: nothing is known */
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "deviates ping.echo observed E-WRONG\n  because b\n",
	    0, "1 xfail" },
	/* alternatives */
	{ "deviates relay.alone observed E-NEVER or E-WRONG\n  because b\n", 0,
	    "1 xfail" },
	/* flaky allows one rerun, which fails as well */
	{ "flaky relay.alone at-most 1/1\n  because b\n", EXIT_FAILED,
	    "1 FAIL" },
};

START_TEST(what_a_file_declares_is_held_against_it)
{
	declare(judged[_i].lines);
	ck_assert_int_eq(play(late_by_83_ms, RUN " --report text=out.txt"),
	    judged[_i].status);
	check_holds("out.txt", judged[_i].said);
}
END_TEST

START_TEST(a_pattern_that_matches_no_case_is_an_error)
{
	declare("deviates relay.alnoe observed E-WRONG\n  because b\n");
	ck_assert_int_eq(play(one_fails, RUN), EXIT_SCRIPT);
}
END_TEST

START_TEST(what_is_only_recorded_excuses_nothing)
{
	declare("deviates ping.long observed E-NEVER\n  because b\n");
	ck_assert_int_eq(play(one_fails,
			     URL " ping.long --deviations my.dev"
				 " --report text=out.txt"),
	    EXIT_FAILED);
	check_holds("out.txt", "my.dev:3: ping.long: nothing of the kind");
}
END_TEST

/* relay.alone fails every first time. */
static struct fake_end
comes_and_goes(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	return nth % 2 == 1 ? one_fails(t, name, control, nth)
			    : all_well(t, name, control, nth);
}

START_TEST(a_flaky_case_is_played_once_more)
{
	declare("flaky relay.alone at-most 1/50 observed E-WRONG\n"
		"  because b\n");
	ck_assert_int_eq(play(comes_and_goes,
			     URL " relay.alone --deviations my.dev"),
	    0);
	ck_assert_uint_eq(fake_engine_runs("relay.alone[raw]\n"), 2);
	/* every time is more than one in fifty */
	ck_assert_int_eq(play(comes_and_goes,
			     URL " relay.alone --repeat 2 --deviations my.dev"
				 " --report text=out.txt"),
	    EXIT_FAILED);
	check_holds("out.txt",
	    "my.dev:3: relay.alone: more reruns than it allows (2 in 2 plays)");
}
END_TEST

static const struct {
	const char *lines;
	const char *options;
	fake_play how;
} recorded[] = {
	{ "flaky relay.alone at-most 1/50 observed E-WRONG\n  because b\n",
	    "relay.alone", comes_and_goes },
	{ "flaky relay.alone at-most 1/50 observed E-WRONG\n  because b\n",
	    "relay.alone --repeat 2", comes_and_goes },
	{ "deviates ping.order[raw] observed \"E-LATE 83ms..83ms\"\n"
	  "  because b\n",
	    "ping.order", late_by_83_ms },
	{ "deviates ping.order[raw] observed \"E-LATE 84ms..90ms\"\n"
	  "  because b\n",
	    "ping.order", late_by_83_ms },
	{ "deviates relay.alone observed E-WRONG\n  because b\n"
	  "  until 2001-01-01\n",
	    "relay.alone", one_fails },
};

START_TEST(what_was_recorded_is_judged_alike)
{
	char *words = xasprintf(URL " %s --deviations my.dev"
				    " --report text=out.txt"
				    " --report jsonl=out.jsonl",
	    recorded[_i].options);
	char *want;
	int status;

	declare(recorded[_i].lines);
	status = play(recorded[_i].how, words);
	want = slurp("out.txt");
	ck_assert_int_eq(play_command(cmd_judge, all_well,
			     "judge out.jsonl --report text=out.txt"),
	    status);
	check_file("out.txt", want);
	ck_assert_str_eq(fake_engine_log(), "");
	free(want);
	free(words);
}
END_TEST

START_TEST(a_target_file_names_its_deviations)
{
	declare("deviates relay.alone observed E-WRONG\n  because b\n");
	spill("my.rly", "target x\nurl " URL "\ndeviations my.dev\n");
	rename("my.rly", "my.target");
	ck_assert_int_eq(play(one_fails, "my.target relay.alone"), 0);
	spill("my.dev", "rly-deviations 1\ntarget another\n");
	ck_assert_int_eq(play(one_fails, "my.target relay.alone"), EXIT_SCRIPT);
	remove("my.dev");
	ck_assert_int_eq(play(one_fails, "my.target relay.alone"), EXIT_SCRIPT);
	remove("my.target");
}
END_TEST

/* ---- writing ---- */

START_TEST(a_file_is_made_of_runs)
{
	ck_assert_int_eq(play_command(cmd_deviations, comes_and_goes,
			     "deviations " URL " relay.* ping.* --repeat 2"
			     " --seed 7f --write my.dev"),
	    0);
	check_file("my.dev",
	    "rly-deviations 1\n"
	    "target " URL "\n"
	    "made \"relay-conformance " PACKAGE_VERSION
	    " deviations --write --repeat 2 --seed 7f\"\n"
	    "\n"
	    "flaky ping.order[raw] at-most 1/2 observed E-LATE"
	    " at \"call alive(A)*\"\n  because \"\"\n"
	    "\n"
	    "flaky ping.order[ws] at-most 1/2 observed E-LATE"
	    " at \"call alive(A)*\"\n  because \"\"\n"
	    "\n"
	    "flaky relay.alone[raw] at-most 1/2 observed E-WRONG"
	    " at \"A <- Pong*\"\n"
	    "  because \"\"\n");
}
END_TEST

START_TEST(reasons_are_taken_over)
{
	declare("deviates relay.alone[raw] observed E-WRONG at \"A <- Pong*\"\n"
		"  because \"as ever\"\n"
		"  until 2001-01-01\n"
		"deviates ping.order[raw] observed E-NEVER\n"
		"  because \"something else\"\n");
	ck_assert_int_eq(play_command(cmd_deviations, one_fails,
			     "deviations " URL " relay.alone ping.order[raw]"
			     " --write my.dev --deviations my.dev --seed 1"),
	    0);
	check_holds("my.dev",
	    "deviates relay.alone[raw] observed E-WRONG at \"A <- Pong*\"\n"
	    "  because \"as ever\"\n"
	    "  until 2001-01-01\n");
	check_holds("my.dev",
	    "deviates ping.order[raw] observed E-LATE at \"call alive(A)*\"\n"
	    "  because \"\"\n");
}
END_TEST

/* Of a line that was made wider by hand, too. */
START_TEST(so_are_those_of_a_wider_line)
{
	declare("deviates relay.* observed E-NEVER or E-WRONG at "
		"\"A <- Pong*\"\n  because \"as ever\"\n");
	ck_assert_int_eq(play_command(cmd_deviations, one_fails,
			     "deviations " URL " relay.alone"
			     " --write my.dev --deviations my.dev --seed 1"),
	    0);
	check_holds("my.dev",
	    "deviates relay.alone[raw] observed E-WRONG at \"A <- Pong*\"\n"
	    "  because \"as ever\"\n");
}
END_TEST

/* What was made, with its reasons filled in, excuses what it was made from. */
START_TEST(what_was_made_excuses_everything)
{
	char *text, *p;
	struct text filled;

	ck_assert_int_eq(play_command(cmd_deviations, one_fails,
			     "deviations " URL " --slow --write my.dev"),
	    0);
	ck_assert_int_eq(play(one_fails, URL " --slow --deviations my.dev"),
	    EXIT_SCRIPT); /* nobody wrote the reasons */
	text = slurp("my.dev");
	text_init(&filled);
	for (p = text; *p != '\0'; p++)
		text_addf(&filled, "%.1s%s", p,
		    strncmp(p, "\"\"", 2) == 0 ? "so" : "");
	spill("my.dev", text_str(&filled));
	text_clear(&filled);
	free(text);
	ck_assert_int_eq(play(one_fails,
			     URL " --slow --strict"
				 " --deviations my.dev"),
	    0);
}
END_TEST

START_TEST(a_target_that_is_lost_makes_no_file)
{
	ck_assert_int_eq(play_command(cmd_deviations, one_fails,
			     "deviations " URL " --write /nosuch/x"),
	    EXIT_INFRASTRUCTURE);
	ck_assert_int_eq(play_command(cmd_deviations, one_fails,
			     "deviations " URL " http://127.0.0.2:9"
			     " --write my.dev"),
	    EXIT_USAGE);
	ck_assert_int_eq(remove("my.dev"), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("deviations");
	TCase *t = tcase_create("reading"), *runs = tcase_create("runs");

	tcase_add_rows(t, a_damaged_file_is_an_error_with_its_place, damaged);
	tcase_add_test(t, a_file_is_read);
	tcase_add_test(t, no_damaged_byte_crashes);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(runs, run_rig_setup, run_rig_teardown);
	tcase_add_test(runs, what_is_declared_fails_nothing);
	tcase_add_test(runs, only_with_no_deviations_it_does);
	tcase_add_rows(runs, what_a_file_declares_is_held_against_it, judged);
	tcase_add_test(runs, a_pattern_that_matches_no_case_is_an_error);
	tcase_add_test(runs, what_is_only_recorded_excuses_nothing);
	tcase_add_test(runs, a_flaky_case_is_played_once_more);
	tcase_add_rows(runs, what_was_recorded_is_judged_alike, recorded);
	tcase_add_test(runs, a_target_file_names_its_deviations);
	tcase_add_test(runs, a_file_is_made_of_runs);
	tcase_add_test(runs, reasons_are_taken_over);
	tcase_add_test(runs, so_are_those_of_a_wider_line);
	tcase_add_test(runs, what_was_made_excuses_everything);
	tcase_add_test(runs, a_target_that_is_lost_makes_no_file);
	suite_add_tcase(s, runs);
	return run_suite(s);
}
