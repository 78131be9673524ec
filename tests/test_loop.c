/* The loop: order of a turn, deferred work, descriptors, signals. */
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

#include "loop_notes.h"
#include "peer.h"
#include "support.h"

/* What note() is given; a string literal is const. */
static char word_a[] = "a", word_b[] = "b", word_c[] = "c", word_t[] = "t";
static char word_x[] = "x", word_f[] = "f", nothing[] = "";

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
	tcase_add_checked_fixture(tc, notes_setup, notes_teardown);
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
