/* Timers of the loop, by both clocks. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "loop_notes.h"
#include "support.h"

/* What note() is given; a string literal is const. */
static char word_a[] = "a", word_b[] = "b", word_x[] = "x", dot[] = ".";
static char late[] = "late", victims_word[] = "victim";

START_TEST(timers_run_in_the_order_of_their_times)
{
	static char names[] = "0\0001\0002\0003\0004\0005\0006\0007";
	static const int64_t at[] = { 50, 10, 40, 10, 20, 0, 30, 10 };
	struct timer *t[8];

	clock_fake(NS_PER_S);
	for (int i = 0; i < 8; i++) {
		t[i] = timer_new(loop, note, &names[i * 2]);
		timer_set(t[i], at[i]);
		ck_assert_int_eq(timer_due(t[i]), NS_PER_S + at[i]);
	}
	clock_advance(35);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes),
	    "5137"
	    "46");
	ck_assert(!timer_is_set(t[1]));
	ck_assert(timer_is_set(t[2]));
	clock_advance(100);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes),
	    "5137"
	    "46"
	    "20");
	for (int i = 0; i < 8; i++)
		timer_free(t[i]);
}
END_TEST

START_TEST(a_timer_is_not_early_by_a_nanosecond)
{
	struct timer *t = timer_new(loop, note, word_x);

	clock_fake(NS_PER_S);
	timer_set(t, 1000);
	clock_advance(999);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "");
	clock_advance(1);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "x");
	timer_free(t);
}
END_TEST

START_TEST(a_cancelled_timer_does_not_run_and_a_set_one_moves)
{
	struct timer *a = timer_new(loop, note, word_a);
	struct timer *b = timer_new(loop, note, word_b);

	clock_fake(NS_PER_S);
	timer_set(a, 10);
	timer_set(b, 10);
	timer_cancel(a);
	timer_cancel(a);
	timer_set(b, 100);
	clock_advance(50);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "");
	clock_advance(50);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "b");
	timer_free(a);
	timer_free(b);
	timer_free(NULL);
}
END_TEST

static struct timer *victim;

static void
on_free_victim(void *arg)
{
	text_add(&notes, "first ");
	timer_free(victim);
}

START_TEST(a_timer_may_free_another_that_is_due)
{
	struct timer *a = timer_new(loop, on_free_victim, NULL);

	clock_fake(NS_PER_S);
	victim = timer_new(loop, note, victims_word);
	timer_set(a, 1);
	timer_set(victim, 2);
	clock_advance(5);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "first ");
	timer_free(a);
}
END_TEST

static void
on_free_self(void *arg)
{
	text_add(&notes, "self");
	timer_free(victim);
	victim = NULL;
}

START_TEST(a_timer_may_free_itself)
{
	clock_fake(NS_PER_S);
	victim = timer_new(loop, on_free_self, NULL);
	timer_set(victim, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "self");
}
END_TEST

static void
on_set_again(void *arg)
{
	text_add(&notes, "x");
	timer_set(victim, 0);
}

START_TEST(a_timer_set_again_at_once_waits_for_the_next_turn)
{
	clock_fake(NS_PER_S);
	victim = timer_new(loop, on_set_again, NULL);
	timer_set(victim, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "x");
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "xx");
	timer_free(victim);
}
END_TEST

static void
on_set_in_the_past(void *arg)
{
	text_add(&notes, "x");
	timer_set_at(victim, 1);
}

START_TEST(timers_set_again_for_the_past_hold_up_no_other)
{
	struct timer *a = timer_new(loop, note, word_a);
	struct timer *b = timer_new(loop, note, word_b);

	clock_fake(NS_PER_S);
	victim = timer_new(loop, on_set_in_the_past, NULL);
	timer_set_at(victim, 1);
	timer_set(b, 0);
	timer_set(a, -1);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "xba");
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "xbax");
	timer_free(victim);
	timer_free(a);
	timer_free(b);
}
END_TEST

START_TEST(many_timers_run_as_if_sorted)
{
	enum {
		N = 500
	};
	struct timer *t[N];
	uint64_t state = 7;
	int64_t last = 0;

	clock_fake(NS_PER_S);
	for (int i = 0; i < N; i++) {
		t[i] = timer_new(loop, note, dot);
		timer_set(t[i], (int64_t)(test_random(&state) % 1000));
	}
	for (int i = 0; i < N; i += 3)
		timer_cancel(t[i]);
	for (int i = 0; i < N; i += 5)
		timer_set(t[i], (int64_t)(test_random(&state) % 1000));
	/* one nanosecond a turn: whatever is due by now must have run */
	for (int64_t now = 0; now <= 1000; now++) {
		loop_turn(loop, 0);
		for (int i = 0; i < N; i++)
			if (timer_is_set(t[i]) &&
			    timer_due(t[i]) <= clock_mono_ns())
				ck_abort_msg("timer %d is late", i);
		ck_assert_uint_ge(notes.len, (size_t)last);
		last = (int64_t)notes.len;
		clock_advance(1);
	}
	ck_assert_uint_eq(notes.len, N - (N + 2) / 3 + (N + 14) / 15);
	for (int i = 0; i < N; i++)
		timer_free(t[i]);
}
END_TEST

static int64_t ran_at;

static void
on_real_time(void *arg)
{
	ran_at = clock_mono_ns();
	loop_stop(loop);
}

START_TEST(by_the_real_clock_a_timer_is_never_early)
{
	struct timer *t = timer_new(loop, on_real_time, NULL);

	for (int i = 0; i < 20; i++) {
		timer_set(t, i * NS_PER_MS / 3);
		loop_run(loop);
		ck_assert_int_ge(ran_at, timer_due(t));
	}
	timer_free(t);
}
END_TEST

START_TEST(a_turn_waits_no_longer_than_it_may)
{
	struct timer *t = timer_new(loop, note, late);
	int64_t before = clock_mono_ns();

	timer_set(t, 3600 * NS_PER_S);
	loop_turn(loop, 5 * NS_PER_MS);
	ck_assert_int_ge(clock_mono_ns() - before, 5 * NS_PER_MS);
	ck_assert_str_eq(text_str(&notes), "");
	timer_free(t);
}
END_TEST

/* The loop tells the kernel of changes only: none may be missed. */
START_TEST(what_was_waited_for_before_does_not_matter)
{
	struct timer *far = timer_new(loop, note, late);
	struct timer *near = timer_new(loop, on_real_time, NULL);

	timer_set(far, 3600 * NS_PER_S);
	loop_turn(loop, NS_PER_MS); /* bounded from outside */
	for (int i = 0; i < 3; i++) {
		ran_at = 0;
		timer_set(near, NS_PER_MS); /* earlier than known */
		timer_set(far, 3600 * NS_PER_S);
		loop_run(loop);
		ck_assert_int_ge(ran_at, timer_due(near));
		timer_set_at(near, timer_due(near)); /* a time that was */
		loop_run(loop);
		timer_set(near, NS_PER_MS);
		loop_turn(loop, 0); /* does not wait */
		timer_cancel(near);
		loop_turn(loop, 5 * NS_PER_MS);
	}
	timer_cancel(far);
	clock_fake(5); /* the bound is of real time all the same */
	loop_turn(loop, NS_PER_MS);
	loop_turn(loop, NS_PER_MS);
	ck_assert_str_eq(text_str(&notes), "");
	timer_free(near);
	timer_free(far);
}
END_TEST

START_TEST(a_time_without_end_is_no_time_in_the_past)
{
	struct timer *t = timer_new(loop, note, word_x);

	timer_set(t, INT64_MAX);
	loop_turn(loop, 0);
	ck_assert(timer_is_set(t));
	ck_assert_str_eq(text_str(&notes), "");
	timer_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("timers");
	TCase *tc = tcase_create("timers");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, notes_setup, notes_teardown);
	tcase_add_test(tc, timers_run_in_the_order_of_their_times);
	tcase_add_test(tc, a_timer_is_not_early_by_a_nanosecond);
	tcase_add_test(tc, a_cancelled_timer_does_not_run_and_a_set_one_moves);
	tcase_add_test(tc, a_timer_may_free_another_that_is_due);
	tcase_add_test(tc, a_timer_may_free_itself);
	tcase_add_test(tc, a_timer_set_again_at_once_waits_for_the_next_turn);
	tcase_add_test(tc, timers_set_again_for_the_past_hold_up_no_other);
	tcase_add_test(tc, many_timers_run_as_if_sorted);
	tcase_add_test(tc, by_the_real_clock_a_timer_is_never_early);
	tcase_add_test(tc, a_turn_waits_no_longer_than_it_may);
	tcase_add_test(tc, what_was_waited_for_before_does_not_matter);
	tcase_add_test(tc, a_time_without_end_is_no_time_in_the_past);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
