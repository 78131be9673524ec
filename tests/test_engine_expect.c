/* Expectations: what fits, what fails, with which code and which words. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine_orders.h"
#include "engine_stage.h"
#include "support.h"

static const struct fake_rules rules = { .on_frame = obey_orders };

/* Behind a login of A. */
/* clang-format off */
static const struct stage_row rows[] = {
	/* matching */
	{ "an_echo", "", "A -> Ping data=x\"aa*8\"\nA <- Pong data==x\"aa*8\"", CODE_OK, NULL },
	{ "another_field_fails_at_once", "", ORDER("01") "A <- Pong data==x\"01*8\"", CODE_WRONG, "expected Pong data==x\"01*8\", got Pong" },
	{ "another_frame_of_the_lane_fails_at_once", "", ORDER("13") "A <- RecvPacket data==\"xyz\"", CODE_WRONG, "got RecvPacket" },
	{ "other_lanes_wait", "", ORDER("07") "A <- Pong data==x\"07*8\"\nA <- Health text==\"not well\"", CODE_OK, NULL },
	{ "not_equal", "", ORDER("01") "A <- Pong data!=x\"01*8\"", CODE_OK, NULL },
	{ "a_pattern", "", ORDER("07") "A <- Pong\nA <- Health text~\"NOT*\"", CODE_OK, NULL },
	{ "a_pattern_that_does_not_hold", "", ORDER("07") "A <- Pong\nA <- Health text~\"*ill\"", CODE_WRONG, "Health" },
	{ "numbers_compare", "", ORDER("0f") "A <- Restarting reconnect_in_ms>=1000 reconnect_in_ms<1001 try_for_ms==1999..2001 try_for_ms>1", CODE_OK, NULL },
	{ "a_number_outside_the_range", "", ORDER("0f") "A <- Restarting reconnect_in_ms==1001..2000", CODE_WRONG, "Restarting" },
	{ "a_capture", "", "A -> Ping data=x\"0102030405060708\"\nA <- Pong data as $x\nassert $x == x\"0102030405060708\"", CODE_OK, NULL },
	{ "a_captured_value_is_used", "", ORDER("01") "A <- Pong data as $x\nA -> Ping data=$x\nA <- Pong data==$x", CODE_OK, NULL },
	{ "a_key_by_name", "", ORDER("13") "A <- RecvPacket key==pub(alice) data==\"abc\"", CODE_OK, NULL },
	{ "another_key", "", ORDER("13") "A <- RecvPacket key==pub(bob) data==\"abc\"", CODE_WRONG, "alice's key" },
	{ "another_key_where_the_lane_is_open", "", ORDER("13") "A <- RecvPacket key==pub(bob) within 50ms", CODE_WRONG, "alice's key" },
	{ "too_few_and_then_another", "", ORDER("13") "A <- RecvPacket key==pub(alice) count 2..9 within 50ms\nA <- RecvPacket data==\"TS\" within 50ms", CODE_NEVER, "1 times" },
	{ "any_takes_the_earliest", "", ORDER("07") "A <- any\nA <- Pong", CODE_OK, NULL },
	{ "data_decides_the_lane", "", ORDER("14") "A <- RecvPacket data==\"abc\"\nA <- RecvPacket key==pub(alice)", CODE_OK, NULL },
	{ "without_data_either_lane_will_do", "", ORDER("14") "A <- RecvPacket data~\"abc\"\nA <- RecvPacket data~\"TS*\"", CODE_OK, NULL },
	{ "what_is_no_frame", "", ORDER("0e") "A <- Pong", CODE_DECODE, "wrong length" },
	{ "what_breaks_the_framing", "", ORDER("0b") "A <- Pong", CODE_DECODE, "expected Pong" },

	/* leftovers */
	{ "a_second_pong_is_left_over", "", ORDER("06") "A <- Pong", CODE_EXTRA, "no step asks for it" },
	{ "health_is_only_listed", "", ORDER("07") "A <- Pong", CODE_OK, NULL },
	{ "leftover_fail_counts_health_too", "leftover fail", ORDER("07") "A <- Pong", CODE_EXTRA, "Health" },
	{ "leftover_list_lets_a_pong_pass", "leftover list", ORDER("06") "A <- Pong", CODE_OK, NULL },
	{ "leftover_ignore", "leftover ignore", ORDER("06") "A <- Pong", CODE_OK, NULL },
	{ "an_unknown_type_is_left_over", "", ORDER("09") "A <- Pong", CODE_DECODE, "unknown frame type" },
	{ "a_deaf_relay_is_not_fenced_for_ever", "", ORDER("1c") "A -> Ping data=x\"06*8\"\nA <- Pong count 2", CODE_OK, NULL },

	/* background */
	{ "what_may_always_come_is_skipped", "", ORDER("08") "A <- Pong data==x\"08*8\"", CODE_OK, NULL },
	{ "background_is_there_when_named", "", ORDER("08") "A <- Pong\nA <- KeepAlive\nA <- Ping data==\"12345678\"\nA <- PeerGone key!=pub(alice)", CODE_OK, NULL },
	{ "a_strangers_peergone_is_not_just_any", "timeout 60s", ORDER("08") "A <- Pong\nA <- PeerGone within 50ms", CODE_NEVER, "PeerGone" },
	{ "never_a_peergone_is_not_about_strangers", "", ORDER("08") "A <- Pong\nnever A <- PeerGone for 50ms\n" ALIVE, CODE_OK, NULL },
	{ "background_strict_counts", "background strict", ORDER("08") "A <- Pong", CODE_EXTRA, "PeerGone" },
	{ "any_does_not_see_background", "", ORDER("08") "A <- any\nnever A <- any for 20ms\n" ALIVE, CODE_OK, NULL },
	{ "a_known_key_gone_is_no_background", "", ORDER("12") "A -> Ping data=x\"a1*8\"\nA <- Pong", CODE_EXTRA, "PeerGone" },
	{ "pings_of_the_relay_are_answered", "", ORDER("16") "A <- Health text==\"pingping\"", CODE_OK, NULL },

	/* time */
	{ "late_is_not_never", "", ORDER("02") "A <- Pong within 50ms", CODE_LATE, "ms late" },
	{ "never_is_not_late", "timeout 60s", ORDER("03") "A <- Pong within 50ms", CODE_NEVER, "did not come (watched 1.05 s)" },
	{ "never_to_the_end_of_the_case", "timeout 100ms", ORDER("03") "A <- Pong data==x\"a2*8\" within 50ms", CODE_NEVER, "A: Pong data==x\"a2*8\" did not come (watched 0.0" },
	{ "too_early", "", "A -> Ping data=x\"aa*8\"\nA <- Pong not-before 200ms", CODE_WRONG, "not before 0.2 s" },
	{ "too_early_by_far", "", "A -> Ping data=x\"aa*8\"\nsleep 300ms\nA <- Pong not-before 200ms", CODE_WRONG, "before the step began, not before 0.2 s" },
	{ "late_enough", "", ORDER("02") "A <- Pong not-before 50ms within 2s", CODE_OK, NULL },
	{ "what_came_before_the_step_is_in_time", "", "A -> Ping data=x\"aa*8\"\nsleep 80ms\nA <- Pong within 20ms", CODE_OK, NULL },
	{ "the_case_has_its_own_time", "timeout 100ms", "sleep 60s\n" ALIVE, CODE_TIMEOUT, "0.1 s" },
	{ "a_case_that_ends_while_something_is_overdue", "timeout 300ms", ORDER("03") "A <- Pong within 50ms", CODE_NEVER, "to the end of the case" },

	/* counts */
	{ "count", "", ORDER("10") "A <- RecvPacket count 5", CODE_OK, NULL },
	{ "count_too_few", "timeout 60s", ORDER("10") "A <- RecvPacket count 6 within 50ms", CODE_NEVER, "came 5 times, 6 were asked for" },
	{ "count_range", "", ORDER("10") "A <- RecvPacket count 2..9 within 100ms", CODE_OK, NULL },
	{ "count_leaves_the_rest", "", ORDER("10") "A <- RecvPacket count 4", CODE_EXTRA, "RecvPacket" },
	{ "count_of_equal_ones", "", ORDER("10") "A <- RecvPacket data==\"1\" count 2", CODE_WRONG, "got RecvPacket" },
	{ "optional_and_absent", "", ORDER("03") "A <- Pong optional within 30ms\n" ALIVE, CODE_OK, NULL },
	{ "optional_and_there", "", ORDER("07") "A <- Health optional\nA <- Pong", CODE_OK, NULL },
	{ "optional_does_not_stand_in_the_way", "", ORDER("01") "A <- Pong data==x\"01*8\" optional\nA <- Pong\n" ALIVE, CODE_OK, NULL },
	{ "behind_an_absent_one_time_begins_anew", "", ORDER("03") "A <- Health optional within 300ms\n" ORDER("02") "A <- Pong within 250ms", CODE_OK, NULL },

	/* then */
	{ "then_the_very_next", "", ORDER("07") "A <- Health then Pong data==x\"07*8\"", CODE_OK, NULL },
	{ "then_another", "", ORDER("10") "A <- RecvPacket data==\"1\" then RecvPacket data==\"3\"\n", CODE_WRONG, "data==\"3\"" },
	{ "then_closed", "", ORDER("15") "A <- Health then closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "then_closed_but_it_is_not", "timeout 60s", ORDER("07") "A <- Health then closed\nconn B = login key=bob", CODE_WRONG, "got Pong" },

	/* ends */
	{ "closed", "", ORDER("04") "A <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "closed_by_reset_is_closed", "", ORDER("05") "A <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "eof", "", ORDER("04") "A <- eof\nconn B = login key=bob", CODE_OK, NULL },
	{ "eof_wanted_reset_came", "", ORDER("05") "A <- eof\nconn B = login key=bob", CODE_RESET, "the end (reset)" },
	{ "reset", "", ORDER("05") "A <- reset\nconn B = login key=bob", CODE_OK, NULL },
	{ "reset_wanted_eof_came", "", ORDER("04") "A <- reset\nconn B = login key=bob", CODE_CLOSED, "the end (eof)" },
	{ "a_frame_before_the_end", "", ORDER("15") "A <- closed\nconn B = login key=bob", CODE_WRONG, "got Health" },
	{ "a_frame_instead_of_the_end_fails_at_once", "", "A -> Ping data=x\"aa*8\"\nA <- closed\nconn B = login key=bob", CODE_WRONG, "got Pong" },
	{ "closed_before_the_frame", "", ORDER("04") "A <- Pong", CODE_CLOSED, "ended (eof) before Pong" },
	{ "reset_before_the_frame", "", ORDER("05") "A <- Pong", CODE_RESET, "ended (reset)" },
	{ "a_close_that_comes_late", "", ORDER("17") "A <- closed within 40ms\nconn B = login key=bob", CODE_LATE, "late" },
	{ "two_that_are_late_at_once", "", "conn B = login key=bob\nB -> Ping data=x\"02*8\"\n" ORDER("17") "anyorder {\nA <- closed within 40ms\nB <- Pong data==x\"02*8\" within 40ms\n}\nconn C = login key=carol", CODE_LATE, "late" },
	{ "closed_but_it_is_not", "timeout 60s", ORDER("03") "A <- closed within 50ms\nconn B = login key=bob", CODE_NEVER, "closed did not come" },
	{ "the_script_closed_it_itself", "", "repeat 2 {\nA -> Ping data=x\"a1*8\"\nA <- Pong\nA close\n}", CODE_SCRIPT, "closed it itself" },
};
/* clang-format on */
static void
play_row(const struct stage_row *r, const char *over)
{
	struct engine_stage s = { 0 };
	char meta[128], steps[2048];

	snprintf(meta, sizeof(meta), "%s\n  %s", over, r->meta);
	snprintf(steps, sizeof(steps), "conn A = login key=alice\n%s",
	    r->steps);
	stage_open(&s, &rules);
	stage_expect(&s, meta, steps, r->code, r->part);
	stage_close(&s);
}

START_TEST(raw)
{
	play_row(&rows[_i], "over raw");
}
END_TEST

START_TEST(ws)
{
	play_row(&rows[_i], "over ws");
}
END_TEST

/* What only WebSocket has. */
/* clang-format off */
static const struct stage_row ws_rows[] = {
	{ "a_text_message", "", ORDER("18") "A <- Pong\nA <- ws opcode==1 payload==\"hello\"", CODE_OK, NULL },
	{ "another_text_message", "", ORDER("18") "A <- Pong\nA <- ws opcode==1 payload==\"hullo\"", CODE_WRONG, "ws opcode 1" },
	{ "a_ping_is_skipped", "", ORDER("19") "A <- Pong\nA <- ws opcode==1 optional within 20ms", CODE_OK, NULL },
	{ "a_ping_that_is_named", "", ORDER("19") "A <- Pong\nA <- ws opcode==9 payload==\"are you\"", CODE_OK, NULL },
	{ "a_close", "", ORDER("1a") "A <- ws opcode==8 code==1001 reason==\"bye\"\n" ALIVE, CODE_OK, NULL },
	{ "a_close_before_the_end_is_part_of_it", "", ORDER("1d") "A <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "but_not_where_background_is_strict", "background strict", ORDER("1d") "A <- closed\nconn B = login key=bob", CODE_WRONG, "ws opcode 8" },
	{ "a_close_without_an_end_is_none", "timeout 60s", ORDER("1a") "A <- closed within 50ms\nconn B = login key=bob", CODE_NEVER, "closed did not come" },
	{ "a_masked_frame", "", ORDER("1b") "A <- KeepAlive", CODE_DECODE, "masking" },
	{ "a_ping_of_ours", "", "A -> ws opcode=9 payload=\"hi\"\nA <- ws opcode==10 payload==\"hi\"", CODE_OK, NULL },
	{ "fragments", "", "A -> ws fin=0 opcode=2 payload=x\"0c aa*4\"\nA -> ws opcode=9 payload=\"x\"\nA -> ws fin=1 opcode=0 payload=x\"aa*4\"\nA <- Pong data==x\"aa*8\"", CODE_OK, NULL },
	{ "no_mask", "", "A -> ws mask=no payload=x\"0c aa*8\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "a_reserved_bit", "", "A -> ws rsv=4 payload=x\"0c aa*8\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "a_reserved_opcode", "", "A -> ws opcode=3 payload=x\"0c aa*8\"\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "raw_bytes_with_a_whole_frame", "", "A -> raw frame(0x0c, x\"aa*8\")\nA <- Pong data==x\"aa*8\"", CODE_OK, NULL },
};
/* clang-format on */
/* What only the raw carrier has. */
/* clang-format off */
static const struct stage_row raw_rows[] = {
	{ "a_length_over_the_limit", "", ORDER("0b") "A <- Pong", CODE_DECODE, "limit" },
	{ "half_a_frame_is_truncated", "", ORDER("0a") "A <- truncated\nconn B = login key=bob", CODE_OK, NULL },
	{ "half_a_frame_closes", "", ORDER("0a") "A <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "half_a_frame_before_a_reset", "", ORDER("1e") "A <- reset\nconn B = login key=bob", CODE_OK, NULL },
	{ "half_a_frame_is_no_eof", "", ORDER("0a") "A <- eof\nconn B = login key=bob", CODE_DECODE, NULL },
	{ "a_whole_end_is_not_truncated", "", ORDER("04") "A <- truncated\nconn B = login key=bob", CODE_CLOSED, "the end (eof)" },
};
/* clang-format on */
START_TEST(only_raw)
{
	play_row(&raw_rows[_i], "over raw");
}
END_TEST

START_TEST(only_ws)
{
	play_row(&ws_rows[_i], "over ws");
}
END_TEST

/* ---- what a result says ---- */

START_TEST(a_wrong_field_is_shown_beside_the_right_one)
{
	stage_expect(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"13*8\"\n"
	    "A <- RecvPacket key==pub(bob) data==\"abd\"",
	    CODE_WRONG, NULL);
	ck_assert_ptr_nonnull(stage.result->detail);
	ck_assert_ptr_nonnull(strstr(stage.result->detail, "pub(bob)"));
	ck_assert_ptr_nonnull(strstr(stage.result->detail, "pub(alice)"));
	ck_assert_ptr_nonnull(strstr(stage.result->detail, "61 62 64  abd"));
	ck_assert_ptr_nonnull(strstr(stage.result->detail, "61 62 63  abc"));
	ck_assert_ptr_nonnull(strstr(stage.result->detail, "05 RecvPacket"));
}
END_TEST

START_TEST(the_result_says_where_and_with_which_values)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\nlet $p = x\"01*8\"\n"
	    "A -> Ping data=$p\nA <- Pong data==$p",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_WRONG);
	ck_assert_int_eq(r->step->at.line, 9);
	ck_assert_str_eq(r->vars, "$p = x\"0101010101010101\"");
	ck_assert_str_eq(r->teardown, "A clean");
	ck_assert_int_gt(r->took_ns, 0);
	ck_assert(stage_saw(&stage, "ClientInfo"));
	ck_assert(stage_saw(&stage, "Ping"));
}
END_TEST

/* What is marked of the line that is missed, "" for all of it. */
/* clang-format off */
static const struct {
	const char *steps, *missed;
} misses[] = {
	{ ORDER("01") "A <- Pong data==x\"01*8\" within 1s", "data==x\"01*8\"" },
	{ ORDER("13") "A <- RecvPacket key==pub(alice) data == \"xyz\" within 1s", "data == \"xyz\"" },
	{ ORDER("13") "A <- RecvPacket data as $d key==pub(bob) data==\"abc\"\nassert $d != \"\"", "key==pub(bob)" },
	{ ORDER("0e") "A <- Pong within 1s", "Pong" },
	{ ORDER("15") "A <- closed within 1s\nconn B = login key=bob", "closed" },
	{ ORDER("02") "A <- Pong data==x\"02*8\" within 50ms => fail", "within 50ms" },
	{ "note \"é\"\n" ORDER("03") "A <- Pong data as $d within 50ms\nassert $d != \"\"", "Pong data as $d" },
	{ ORDER("04") "A <- Pong data==x\"04*8\" within 1s", "Pong data==x\"04*8\"" },
	{ ORDER("a1") "A <- Pong not-before 200ms within 1s", "not-before 200ms" },
	{ ORDER("10") "A <- RecvPacket count 6..9 within 50ms", "count 6..9" },
	{ ORDER("10") "A <- RecvPacket data==\"1\" then RecvPacket data==\"3\"", "data==\"3\"" },
	{ ORDER("01") "never A <- Pong data!=x\"aa*8\" for 1s\n" ALIVE, "Pong data!=x\"aa*8\"" },
	{ ORDER("04") "never A <- Health for 1s\nconn B = login key=bob", "Health" },
	{ ORDER("10") "A drain RecvPacket count 6 quiet 50ms", "count 6" },
	{ ORDER("10") "A drain RecvPacket count 0..2 quiet 50ms", "count 0..2" },
	{ ORDER("11") "A drain RecvPacket increasing data quiet 50ms", "increasing data" },
	{ ORDER("13") "A drain RecvPacket data==\"xyz\" quiet 50ms", "data==\"xyz\"" },
	{ "let $x = 1\nassert $x == 2", "$x == 2" },
	{ ORDER("04") "A <- eof\nfence ingress A", "" },
};
/* clang-format on */
/* None of these lines has a character of two bytes. */
static void
check_missed(const struct case_result *r, const char *want)
{
	const char *line;
	size_t at;

	ck_assert_ptr_nonnull(r->step);
	line = r->step->source;
	if (*want == '\0') {
		ck_assert_int_eq(r->missed.len, 0);
		return;
	}
	at = (size_t)(r->missed.col - r->step->at.col);
	ck_assert_msg(r->missed.len == (int)strlen(want) && at < strlen(line) &&
		strncmp(line + at, want, strlen(want)) == 0,
	    "%s: column %d, %d characters", line, r->missed.col, r->missed.len);
}

START_TEST(the_clause_that_was_missed_is_known)
{
	char steps[512];
	struct case_result *r;

	snprintf(steps, sizeof(steps), "conn A = login key=alice\n%s",
	    misses[_i].steps);
	r = stage_play(&stage, "over raw\n  timeout 60s", steps, false, 1);
	ck_assert_int_ne(r->code, CODE_OK);
	check_missed(r, misses[_i].missed);
}
END_TEST

START_TEST(of_blocks_it_is_the_branchs_clause)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n" ORDER(
		"07") "anyorder {\n"
		      "  A <- Pong within 1s\n"
		      "  A <- Health text==\"well\" within 1s\n}",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_WRONG);
	check_missed(r, "text==\"well\"");
	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n" ORDER(
		"07") "oneof {\n"
		      "  A <- Pong data==x\"01*8\" => ok\n"
		      "  A <- Health text~\"not*\" => fail\n}",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_EXTRA);
	check_missed(r, "Health text~\"not*\"");
}
END_TEST

START_TEST(bounds_that_were_kept_leave_a_margin)
{
	struct case_result *r;

	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"02*8\"\n"
	    "A <- Pong within 1s\nA -> Ping data=x\"aa*8\"\n"
	    "A <- Pong within 60s",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_OK);
	ck_assert_int_eq(r->tightest.line, 8);
	ck_assert_int_eq(r->tightest.bound_ns, NS_PER_S);
	ck_assert_int_ge(r->tightest.took_ns, 100 * NS_PER_MS);
}
END_TEST

START_TEST(the_margin_of_a_window_is_to_its_nearer_edge)
{
	struct case_result *r;

	/* After 150 ms, in a window from 100 to 1100 ms. */
	r = stage_play(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"02*8\"\n"
	    "A <- Pong not-before 100ms within 1100ms",
	    false, 1);
	ck_assert_int_eq(r->code, CODE_OK);
	ck_assert_int_eq(r->tightest.bound_ns, NS_PER_S);
	ck_assert_int_ge(r->tightest.took_ns, 900 * NS_PER_MS);
	ck_assert_int_lt(r->tightest.took_ns, NS_PER_S);
}
END_TEST

START_TEST(each_frame_bears_the_line_that_took_it)
{
	const struct transcript *t;
	int line = 0;

	stage_expect(&stage, "over raw",
	    "conn A = login key=alice\n"
	    "A -> Ping data=x\"07*8\"\n"
	    "A <- Pong\nA <- Health",
	    CODE_OK, NULL);
	t = stage.result->transcript;
	for (size_t i = 0; i < t->nevents; i++)
		if (strcmp(event_what(&t->events[i]), "Health") == 0)
			line = t->events[i].line;
	ck_assert_int_eq(line, 9);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_expect");
	TCase *t = tcase_create("expect");

	tcase_set_timeout(t, 60);
	tcase_add_rows(t, raw, rows);
	tcase_add_rows(t, ws, rows);
	tcase_add_rows(t, only_raw, raw_rows);
	tcase_add_rows(t, only_ws, ws_rows);
	suite_add_tcase(s, t);
	t = tcase_create("results");
	tcase_set_timeout(t, 60);
	stage_fixture(t, &rules);
	tcase_add_test(t, a_wrong_field_is_shown_beside_the_right_one);
	tcase_add_test(t, the_result_says_where_and_with_which_values);
	tcase_add_rows(t, the_clause_that_was_missed_is_known, misses);
	tcase_add_test(t, of_blocks_it_is_the_branchs_clause);
	tcase_add_test(t, bounds_that_were_kept_leave_a_margin);
	tcase_add_test(t, the_margin_of_a_window_is_to_its_nearer_edge);
	tcase_add_test(t, each_frame_bears_the_line_that_took_it);
	suite_add_tcase(s, t);
	return run_suite(s);
}
