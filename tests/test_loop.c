/* The loop: order of a turn, timers by both clocks, descriptors, signals. */
#include "config.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"
#include "peer.h"
#include "support.h"

static struct loop *loop;
static struct text notes;
/* What note() is given; a string literal is const. */
static char word_a[] = "a", word_b[] = "b", word_c[] = "c", word_t[] = "t";
static char word_x[] = "x", word_f[] = "f", dot[] = ".", nothing[] = "";
static char late[] = "late", victims_word[] = "victim";

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	text_init(&notes);
}

static void
teardown(void)
{
	loop_free(loop);
	text_clear(&notes);
	clock_unfake();
}

static void
note(void *arg)
{
	text_add(&notes, arg);
}

/* ---- timers */

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

/* ---- deferred work */

static struct deferred work_a = { .work = note, .arg = word_a };
static struct deferred work_b = { .work = note, .arg = word_b };
static struct deferred work_c = { .work = note, .arg = word_c };

START_TEST(deferred_work_runs_once_behind_the_timers)
{
	struct timer *t = timer_new(loop, note, word_t);

	clock_fake(NS_PER_S);
	loop_defer(loop, &work_a);
	loop_defer(loop, &work_b);
	loop_defer(loop, &work_a);
	timer_set(t, 0);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "tab");
	loop_defer(loop, &work_a);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "taba");
	timer_free(t);
}
END_TEST

START_TEST(deferred_work_can_be_taken_out)
{
	loop_defer(loop, &work_a);
	loop_defer(loop, &work_b);
	loop_defer(loop, &work_c);
	loop_undefer(loop, &work_b);
	loop_undefer(loop, &work_b);
	loop_undefer(loop, &work_c);
	loop_defer(loop, &work_b);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "ab");
}
END_TEST

static void
take_out(void *arg)
{
	text_add(&notes, "-");
	loop_undefer(loop, arg);
}

static void
defer_more(void *arg)
{
	text_add(&notes, "+");
	loop_defer(loop, arg);
}

START_TEST(deferred_work_may_take_out_and_defer)
{
	struct deferred out = { .work = take_out, .arg = &work_b };
	struct deferred more = { .work = defer_more, .arg = &work_c };

	loop_defer(loop, &out);
	loop_defer(loop, &work_b);
	loop_defer(loop, &more);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "-+c");
}
END_TEST

static unsigned nruns;

static void
defer_itself(void *arg)
{
	nruns++;
	loop_defer(loop, arg);
}

START_TEST(work_that_defers_itself_does_not_hold_up_the_loop)
{
	struct deferred again = { .work = defer_itself, .arg = NULL };

	again.arg = &again;
	loop_defer(loop, &again);
	loop_turn(loop, -1);
	ck_assert_uint_ge(nruns, 1);
	loop_turn(loop, -1); /* does not wait: there is work */
	ck_assert_uint_ge(nruns, 2);
	loop_undefer(loop, &again);
}
END_TEST

static void
ask_for_next_turn(void *arg)
{
	nruns++;
	loop_next_turn(loop, arg);
}

START_TEST(the_next_turn_is_the_next_turn)
{
	struct deferred again = { .work = ask_for_next_turn, .arg = NULL };

	again.arg = &again;
	loop_next_turn(loop, &again);
	for (unsigned i = 1; i <= 5; i++) {
		loop_turn(loop, -1);
		ck_assert_uint_eq(nruns, i);
	}
	loop_undefer(loop, &again);
}
END_TEST

START_TEST(reaping_comes_behind_all_deferred_work)
{
	struct deferred more = { .work = defer_more, .arg = &work_c };

	loop_reap(loop, &work_a);
	loop_defer(loop, &more);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "+ca");
}
END_TEST

/* Two of them take all the time that a turn has. */
static void
take_half_a_turn(void *arg)
{
	text_add(&notes, arg);
	ck_assert(loop_has_time(loop));
	loop_spend(loop, 5 * NS_PER_MS / 2);
}

START_TEST(who_waits_for_time_is_asked_once_and_in_order)
{
	static char name[5][2] = { "a", "b", "c", "d", "e" };
	struct deferred d[5];

	for (int i = 0; i < 5; i++) {
		d[i] = (struct deferred){ .work = take_half_a_turn,
			.arg = name[i] };
		ck_assert(loop_has_time(loop) == (i == 0));
		loop_when_time(loop, &d[i]);
	}
	loop_when_time(loop, &d[0]); /* is one call */
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "ab");
	/* Nobody comes before those who wait, and who left is not asked. */
	ck_assert(!loop_has_time(loop));
	loop_undefer(loop, &d[2]);
	loop_when_time(loop, &d[0]);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "abde");
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "abdea");
	ck_assert(loop_has_time(loop));
}
END_TEST

START_TEST(a_loop_runs_on_for_those_who_wait_for_time)
{
	struct deferred d = { .work = take_half_a_turn, .arg = word_x };

	loop_when_time(loop, &d);
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "x");
}
END_TEST

/* ---- descriptors */

static struct watch *watches[2];
static int ready_count;

static void
on_ready(void *arg, int what)
{
	text_addf(&notes, "%s%d ", (const char *)arg, what);
	ready_count++;
}

START_TEST(a_descriptor_is_watched_for_what_was_asked)
{
	struct watch *w;
	int fds[2];

	make_pair(PAIR_SOCKETPAIR, fds);
	w = watch_new(loop, fds[0], on_ready, nothing);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "");
	watch_set(w, WATCH_WRITE);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "2 ");
	watch_set(w, WATCH_READ);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "2 ");
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "2 1 ");
	watch_set(w, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "2 1 ");
	watch_free(w);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void
on_ready_free_both(void *arg, int what)
{
	ready_count++;
	watch_free(watches[0]);
	watch_free(watches[1]);
}

START_TEST(a_callback_may_free_both_watches_that_are_ready)
{
	int fds[2];

	make_pair(PAIR_SOCKETPAIR, fds);
	for (int i = 0; i < 2; i++) {
		watches[i] = watch_new(loop, fds[i], on_ready_free_both, NULL);
		watch_set(watches[i], WATCH_WRITE);
	}
	loop_turn(loop, -1);
	ck_assert_int_eq(ready_count, 1);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(a_regular_file_is_always_ready)
{
	char path[] = "/tmp/relaykit-loop-XXXXXX";
	int fd = mkstemp(path);
	struct watch *w;

	ck_assert_int_ge(fd, 0);
	unlink(path);
	w = watch_new(loop, fd, on_ready, word_f);
	watch_set(w, WATCH_READ);
	loop_turn(loop, -1);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "f1 f1 ");
	watch_set(w, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "f1 f1 ");
	watch_set(w, WATCH_READ | WATCH_WRITE);
	loop_turn(loop, -1);
	ck_assert_str_eq(text_str(&notes), "f1 f1 f3 ");
	watch_set(w, WATCH_READ);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "f1 f1 f3 f1 ");
	watch_set(w, WATCH_READ | WATCH_WRITE);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&notes), "f1 f1 f3 f1 f3 ");
	watch_free(w);
	close(fd);
}
END_TEST

START_TEST(files_may_free_each_other)
{
	char path[] = "/tmp/relaykit-loop-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	for (int i = 0; i < 2; i++) {
		watches[i] = watch_new(loop, fd, on_ready_free_both, NULL);
		watch_set(watches[i], WATCH_READ);
	}
	loop_turn(loop, -1);
	ck_assert_int_eq(ready_count, 1);
	close(fd);
}
END_TEST

static int64_t now_in_callback;

static void
on_ready_note_time(void *arg, int what)
{
	now_in_callback = loop_now(loop);
}

START_TEST(now_is_when_the_wait_was_over)
{
	int64_t before = clock_mono_ns();
	struct watch *w;
	int fds[2];

	make_pair(PAIR_SOCKETPAIR, fds);
	loop_turn(loop, 3 * NS_PER_MS);
	w = watch_new(loop, fds[0], on_ready_note_time, NULL);
	watch_set(w, WATCH_WRITE);
	loop_turn(loop, -1);
	ck_assert_int_ge(now_in_callback, before + 3 * NS_PER_MS);
	ck_assert_int_le(now_in_callback, clock_mono_ns());
	watch_free(w);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* ---- signals, and the end of running */

static void
on_signal(void *arg, int signo)
{
	text_addf(&notes, "signal %d ", signo == SIGUSR1 ? 1 : 0);
	loop_stop(loop);
}

START_TEST(a_signal_has_one_handler)
{
	struct timer *t = timer_new(loop, note, word_x);

	ck_assert(loop_on_signal(loop, SIGUSR1, on_signal, NULL));
	ck_assert(!loop_on_signal(loop, SIGUSR1, on_signal, NULL));
	ck_assert(!loop_on_signal(loop, 0, on_signal, NULL));
	ck_assert(!loop_on_signal(loop, 1000, on_signal, NULL));
	timer_set(t, 3600 * NS_PER_S);
	raise(SIGUSR1);
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "signal 1 ");
	timer_free(t);
}
END_TEST

START_TEST(running_ends_when_nothing_is_left)
{
	struct timer *t = timer_new(loop, note, word_x);

	loop_run(loop);
	ck_assert(loop_on_signal(loop, SIGUSR1, on_signal, NULL));
	loop_run(loop);
	timer_set(t, 1);
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "x");
	loop_defer(loop, &work_a);
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "xa");
	timer_free(t);
}
END_TEST

START_TEST(stopping_beforehand_counts_for_one_run)
{
	struct timer *t = timer_new(loop, note, word_x);

	timer_set(t, 0);
	loop_stop(loop);
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "");
	loop_run(loop);
	ck_assert_str_eq(text_str(&notes), "x");
	timer_free(t);
}
END_TEST

/* ---- memory */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* its allocator keeps what is free */
#else
#define SANITIZED 0
#endif

static long
resident_kb(void)
{
	long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &resident), 2);
	fclose(f);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* As connections are: a descriptor, what waits for it, other things. */
START_TEST(descriptors_that_are_gone_keep_no_memory)
{
	enum {
		N = 900,
		EACH = 16 << 10
	};
	struct watch *w[N];
	char *other[N];
	int fd[N];
	long before = resident_kb();

	if (SANITIZED) {
		test_skip("memory of a sanitizer");
		return;
	}
	for (int i = 0; i < N; i++) {
		fd[i] = eventfd(0, EFD_CLOEXEC);
		ck_assert_int_ge(fd[i], 0);
		w[i] = watch_new(loop, fd[i], NULL, NULL);
		watch_set(w[i], WATCH_READ);
		other[i] = malloc(EACH);
		memset(other[i], 1, EACH);
	}
	ck_assert_int_gt(resident_kb() - before, N * EACH / 1024 / 2);
	for (int i = 0; i < N; i++) {
		watch_free(w[i]);
		close(fd[i]);
		free(other[i]);
	}
	malloc_trim(0);
	ck_assert_int_lt(resident_kb() - before, 1024);
}
END_TEST

START_TEST(sigpipe_is_ignored)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	ck_assert_int_eq(write(fds[1], "x", 1), -1);
	close(fds[1]);
}
END_TEST

static Suite *
loop_suite(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
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
	tcase_add_test(tc, deferred_work_runs_once_behind_the_timers);
	tcase_add_test(tc, deferred_work_can_be_taken_out);
	tcase_add_test(tc, deferred_work_may_take_out_and_defer);
	tcase_add_test(tc, work_that_defers_itself_does_not_hold_up_the_loop);
	tcase_add_test(tc, the_next_turn_is_the_next_turn);
	tcase_add_test(tc, reaping_comes_behind_all_deferred_work);
	tcase_add_test(tc, who_waits_for_time_is_asked_once_and_in_order);
	tcase_add_test(tc, a_loop_runs_on_for_those_who_wait_for_time);
	tcase_add_test(tc, a_descriptor_is_watched_for_what_was_asked);
	tcase_add_test(tc, a_callback_may_free_both_watches_that_are_ready);
	tcase_add_test(tc, a_regular_file_is_always_ready);
	tcase_add_test(tc, files_may_free_each_other);
	tcase_add_test(tc, now_is_when_the_wait_was_over);
	tcase_add_test(tc, a_signal_has_one_handler);
	tcase_add_test(tc, running_ends_when_nothing_is_left);
	tcase_add_test(tc, stopping_beforehand_counts_for_one_run);
	tcase_add_test(tc, descriptors_that_are_gone_keep_no_memory);
	tcase_add_test(tc, sigpipe_is_ignored);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(loop_suite());
}
