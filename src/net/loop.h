/*
 * One event loop: timers, signals, work for the end of the turn.  A thin
 * wrapper over libevent_core, so that nobody else includes it.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;
struct watch;

/* NULL if libevent cannot start.  From here on SIGPIPE is ignored: a program
 * that starts others restores it in the child. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Run until loop_stop, or until nothing is left to wait for (a handler of
 * signals is nothing to wait for). */
void loop_run(struct loop *l);
/*
 * One turn; waits at most |max_ns| (negative: as long as it takes).  The
 * order: wait, callbacks of descriptors and signals, timers that are due,
 * deferred work.  Under a fake clock only timers that clock_advance made due
 * run; nothing waits for the others.
 */
void loop_turn(struct loop *l, int64_t max_ns);
void loop_stop(struct loop *l);
/* clock_mono_ns() as read when this turn's wait was over. */
int64_t loop_now(const struct loop *l);

/*
 * Work that takes long, a millisecond or so, and is there in any amount that
 * others choose: each turn has some time for it.  Who finds none left, or
 * others that wait, queues with loop_when_time(); who did some says how long
 * it took.
 */
bool loop_has_time(const struct loop *l);
void loop_spend(struct loop *l, int64_t ns);

/* A one-shot timer; embedded objects hold a pointer to it.  NULL without
 * memory; setting needs none. */
struct timer *timer_new(struct loop *l, void (*on_time)(void *arg), void *arg);
void timer_free(struct timer *t);                   /* NULL is fine */
void timer_set(struct timer *t, int64_t delay_ns);  /* re-arms */
void timer_set_at(struct timer *t, int64_t due_ns); /* absolute, monotonic */
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);
/* When it was due, by the monotonic clock: how late the loop is. */
int64_t timer_due(const struct timer *t);

/* Readiness of a descriptor that is no stream (pipes, UDP; a regular file is
 * always ready). */
enum {
	WATCH_READ = 1,
	WATCH_WRITE = 2
};
struct watch *watch_new(struct loop *l, int fd,
    void (*on_ready)(void *arg, int what), void *arg);
void watch_set(struct watch *w, int what); /* 0: nothing */
void watch_free(struct watch *w);          /* does not close the descriptor */

/* Signals; at most one handler each. */
bool loop_on_signal(struct loop *l, int signo,
    void (*on_signal)(void *arg, int signo), void *arg);

/*
 * Run |work| once at the end of this turn (after all callbacks), before the
 * loop sleeps: flushing, reaping.  The node is the caller's and stays until
 * then; queueing it twice is one call.
 */
struct deferred_list;
struct deferred {
	void (*work)(void *arg);
	void *arg;
	struct deferred *next, **prev;
	struct deferred_list *list; /* where it is queued; NULL: nowhere */
};
void loop_defer(struct loop *l, struct deferred *d);
/* Take it out again; fine if it is not queued. */
void loop_undefer(struct loop *l, struct deferred *d);
/* The same, but at the beginning of the next turn's callbacks: that turn does
 * not wait, and whoever asks again gets no second go before the others. */
void loop_next_turn(struct loop *l, struct deferred *d);
/* The same, but behind all deferred work: freeing.  For src/net only. */
void loop_reap(struct loop *l, struct deferred *d);
/* Or when loop_has_time(), for this work and for all that asked before: each
 * is called once, in the order of asking. */
void loop_when_time(struct loop *l, struct deferred *d);

#endif
