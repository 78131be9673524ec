/* Runs whose target is lost, can do less than it says, or ends meanwhile. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/commands.h"
#include "conformance/judge.h"
#include "run_rig.h"
#include "support.h"

/* ---- a target that is lost ---- */

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
	    "(ping.order[ws] needs ws) (1 case)\n");
	spill("x.target", PROBED("ws = ping.order[ws]"));
	ck_assert_int_eq(play(no_ws,
			     "x.target ping.order --report text=out.txt"
			     " --report jsonl=out.jsonl"),
	    0);
	unlink("x.target");
	check_holds("out.txt",
	    "unsupported: needs ws; the probe of ws failed "
	    "(ping.order[ws]: E-NEVER) (1 case)\n");
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
	ck_assert_int_eq(play(one_is_late,
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

int
main(void)
{
	Suite *s = suite_create("run_target");
	TCase *t = tcase_create("run_target");

	tcase_add_checked_fixture(t, run_rig_setup, run_rig_teardown);
	tcase_add_test(t, an_unreachable_target_is_never_success);
	tcase_add_test(t, the_cases_can_be_played_all_the_same);
	tcase_add_test(t, a_target_lost_half_way_is_not_merely_failed);
	tcase_add_test(t, the_canary_follows_what_may_have_done_harm);
	tcase_add_test(t, a_probe_that_passes_proves_a_capability);
	tcase_add_test(t, one_that_fails_leaves_what_needs_it_unsupported);
	tcase_add_test(t, one_that_says_nothing_leaves_it_open);
	tcase_add_test(t, one_that_selects_nothing_is_an_error);
	tcase_add_test(t,
	    what_was_in_flight_when_the_target_ended_is_inconclusive);
	tcase_add_test(t, the_one_that_was_alone_with_it_fails);
	suite_add_tcase(s, t);
	return run_suite(s);
}
