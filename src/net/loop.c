/*
 * The event loop: libevent waits for descriptors and signals; timers (a heap,
 * so that they follow our clock, fake or not) and deferred work are our own.
 */
#include "config.h"

#include "net/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/timerfd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/clock.h"
#include "net/event_memory.h"

/* Deferred work may defer more; after so many rounds the rest waits. */
#define DEFER_ROUNDS 16
/* Of a turn, for work that takes long. */
#define TURN_TIME    (5 * NS_PER_MS)

#define NSIGNALS 65
#define NEVER    INT64_MAX

struct deferred_list {
	struct deferred *head;
	struct deferred **tail;
};

struct timer {
	struct loop *loop;
	void (*on_time)(void *arg);
	void *arg;
	int64_t due;
	uint64_t seq; /* equal times: first set, first run */
	size_t at;    /* place in the heap, from 1; 0: not set */
};

struct watch {
	struct loop *loop;
	struct event read;
	struct event *write; /* made when it is first needed: few wait for it */
	int fd;
	int what;
	int always; /* what libevent cannot wait for, as files are ready */
	void (*on_ready)(void *arg, int what);
	void *arg;
	struct watch *next_always;
};

struct signal_handler {
	struct loop *loop;
	struct event *event;
	void (*on_signal)(void *arg, int signo);
	void *arg;
};

struct loop {
	struct event_base *base;
	struct event alarm;
	int alarm_fd;
	int64_t alarm_at; /* as the kernel knows it; NEVER: off */
	int64_t now;
	bool now_is_old;
	bool stopping;
	int64_t spent;       /* of TURN_TIME */
	struct timer **heap; /* from 1 */
	size_t ntimers;      /* set */
	size_t nalive;       /* set or not */
	size_t heap_cap;
	uint64_t timer_seq;
	struct deferred_list deferred;
	struct deferred_list next_turn;
	struct deferred_list this_turn; /* what was next_turn */
	struct deferred_list reap;
	struct deferred_list when_time;
	bool serving; /* those that asked for time */
	struct watch *always;
	struct watch *next_always; /* while their callbacks run */
	struct signal_handler signals[NSIGNALS];
	int nsignals;
};

/* ---- deferred work */

static void
list_init(struct deferred_list *list)
{
	list->head = NULL;
	list->tail = &list->head;
}

static void
list_add(struct deferred_list *list, struct deferred *d)
{
	if (d->list != NULL)
		return;
	d->next = NULL;
	d->prev = list->tail;
	d->list = list;
	*list->tail = d;
	list->tail = &d->next;
}

static void
list_remove(struct deferred *d)
{
	if (d->list == NULL)
		return;
	*d->prev = d->next;
	if (d->next != NULL)
		d->next->prev = d->prev;
	else
		d->list->tail = d->prev;
	d->next = NULL;
	d->list = NULL;
}

static void
list_move(struct deferred_list *from, struct deferred_list *to)
{
	struct deferred *d;

	while ((d = from->head) != NULL) {
		list_remove(d);
		list_add(to, d);
	}
}

/* Run what is there now, not what that adds; items may remove each other. */
static void
list_run(struct deferred_list *list)
{
	struct deferred_list batch;
	struct deferred *d;

	list_init(&batch);
	list_move(list, &batch);
	while ((d = batch.head) != NULL) {
		list_remove(d);
		d->work(d->arg);
	}
}

void
loop_defer(struct loop *l, struct deferred *d)
{
	list_add(&l->deferred, d);
}

void
loop_next_turn(struct loop *l, struct deferred *d)
{
	list_add(&l->next_turn, d);
}

void
loop_reap(struct loop *l, struct deferred *d)
{
	list_add(&l->reap, d);
}

void
loop_when_time(struct loop *l, struct deferred *d)
{
	list_add(&l->when_time, d);
}

void
loop_undefer(struct loop *l, struct deferred *d)
{
	list_remove(d);
}

static void
run_when_time(struct loop *l)
{
	struct deferred *d;

	l->serving = true;
	while ((d = l->when_time.head) != NULL && loop_has_time(l)) {
		list_remove(d);
		d->work(d->arg);
	}
	l->serving = false;
}

static void
run_deferred(struct loop *l)
{
	for (int i = 0; i < DEFER_ROUNDS && l->deferred.head != NULL; i++)
		list_run(&l->deferred);
	while (l->reap.head != NULL)
		list_run(&l->reap);
}

/* ---- timers */

static bool
is_before(const struct timer *a, const struct timer *b)
{
	return a->due != b->due ? a->due < b->due : a->seq < b->seq;
}

static void
heap_put(struct loop *l, size_t at, struct timer *t)
{
	l->heap[at] = t;
	t->at = at;
}

static void
heap_up(struct loop *l, size_t at, struct timer *t)
{
	while (at > 1 && is_before(t, l->heap[at / 2])) {
		heap_put(l, at, l->heap[at / 2]);
		at /= 2;
	}
	heap_put(l, at, t);
}

static void
heap_down(struct loop *l, size_t at, struct timer *t)
{
	size_t child;

	while ((child = at * 2) <= l->ntimers) {
		if (child < l->ntimers &&
		    is_before(l->heap[child + 1], l->heap[child]))
			child++;
		if (!is_before(l->heap[child], t))
			break;
		heap_put(l, at, l->heap[child]);
		at = child;
	}
	heap_put(l, at, t);
}

static void
heap_remove(struct loop *l, struct timer *t)
{
	struct timer *last = l->heap[l->ntimers--];
	size_t at = t->at;

	t->at = 0;
	if (last == t)
		return;
	if (at > 1 && is_before(last, l->heap[at / 2]))
		heap_up(l, at, last);
	else
		heap_down(l, at, last);
}

/* Room for every timer is made when it is created, so that setting it cannot
 * fail. */
static bool
heap_grow(struct loop *l)
{
	size_t cap = l->heap_cap == 0 ? 64 : l->heap_cap * 2;
	struct timer **heap;

	if (l->nalive + 1 < l->heap_cap)
		return true;
	heap = reallocarray(l->heap, cap, sizeof(heap[0]));
	if (heap == NULL)
		return false;
	l->heap = heap;
	l->heap_cap = cap;
	return true;
}

struct timer *
timer_new(struct loop *l, void (*on_time)(void *arg), void *arg)
{
	struct timer *t = calloc(1, sizeof(*t));

	if (t == NULL || !heap_grow(l)) {
		free(t);
		return NULL;
	}
	l->nalive++;
	t->loop = l;
	t->on_time = on_time;
	t->arg = arg;
	return t;
}

void
timer_free(struct timer *t)
{
	if (t == NULL)
		return;
	timer_cancel(t);
	t->loop->nalive--;
	free(t);
}

void
timer_set_at(struct timer *t, int64_t due_ns)
{
	struct loop *l = t->loop;

	timer_cancel(t);
	t->due = due_ns;
	t->seq = ++l->timer_seq;
	heap_up(l, ++l->ntimers, t);
}

void
timer_set(struct timer *t, int64_t delay_ns)
{
	int64_t due;

	if (__builtin_add_overflow(clock_mono_ns(), delay_ns > 0 ? delay_ns : 0,
		&due))
		due = INT64_MAX;
	timer_set_at(t, due);
}

void
timer_cancel(struct timer *t)
{
	if (t->at != 0)
		heap_remove(t->loop, t);
}

bool
timer_is_set(const struct timer *t)
{
	return t->at != 0;
}

int64_t
timer_due(const struct timer *t)
{
	return t->due;
}

/* The first in the heap below |at| that is due and was set before |last|. */
static struct timer *
next_due(const struct loop *l, size_t at, uint64_t last)
{
	struct timer *t, *left, *right;

	if (at > l->ntimers || l->heap[at]->due > l->now)
		return NULL;
	t = l->heap[at];
	if (t->seq <= last)
		return t;
	left = next_due(l, at * 2, last);
	right = next_due(l, at * 2 + 1, last);
	return right == NULL || (left != NULL && is_before(left, right))
	    ? left
	    : right;
}

/* Those due now; one that is set meanwhile waits for the next turn, and is in
 * nobody's way. */
static void
run_timers(struct loop *l)
{
	uint64_t last = l->timer_seq;
	struct timer *t;

	while ((t = next_due(l, 1, last)) != NULL) {
		heap_remove(l, t);
		t->on_time(t->arg);
	}
}

/* ---- descriptors */

static void
refresh_now(struct loop *l)
{
	if (l->now_is_old) {
		l->now = clock_mono_ns();
		l->now_is_old = false;
	}
}

static void
on_event(evutil_socket_t fd, short events, void *arg)
{
	struct watch *w = arg;
	int what = 0;

	refresh_now(w->loop);
	if ((events & EV_READ) != 0)
		what |= WATCH_READ;
	if ((events & EV_WRITE) != 0)
		what |= WATCH_WRITE;
	w->on_ready(w->arg, what);
}

struct watch *
watch_new(struct loop *l, int fd, void (*on_ready)(void *arg, int what),
    void *arg)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->loop = l;
	w->fd = fd;
	w->on_ready = on_ready;
	w->arg = arg;
	event_assign(&w->read, l->base, fd, EV_READ | EV_PERSIST, on_event, w);
	return w;
}

static void
always_remove(struct watch *w)
{
	struct watch **p;

	if (w->loop->next_always == w)
		w->loop->next_always = w->next_always;
	for (p = &w->loop->always; *p != NULL; p = &(*p)->next_always) {
		if (*p == w) {
			*p = w->next_always;
			break;
		}
	}
	w->always = 0;
}

static void
always_add(struct watch *w, int bit)
{
	if (w->always == 0) {
		w->next_always = w->loop->always;
		w->loop->always = w;
	}
	w->always |= bit;
}

static void
watch_one(struct watch *w, struct event *ev, int bit, int what)
{
	if (((w->what ^ what) & bit) == 0)
		return;
	if ((what & bit) != 0 && (ev == NULL || event_add(ev, NULL) < 0))
		always_add(w, bit);
	else if ((what & bit) == 0 && ev != NULL)
		event_del(ev);
}

void
watch_set(struct watch *w, int what)
{
	if (w->what == what)
		return;
	if (w->always != 0) { /* what of it goes on is added anew */
		w->what &= ~w->always;
		always_remove(w);
	}
	watch_one(w, &w->read, WATCH_READ, what);
	if ((what & WATCH_WRITE) != 0 && w->write == NULL)
		w->write = event_new(w->loop->base, w->fd,
		    EV_WRITE | EV_PERSIST, on_event, w);
	watch_one(w, w->write, WATCH_WRITE, what);
	w->what = what;
}

void
watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	watch_set(w, 0);
	if (w->write != NULL)
		event_free(w->write);
	free(w);
}

static void
run_always(struct loop *l)
{
	for (struct watch *w = l->always; w != NULL; w = l->next_always) {
		l->next_always = w->next_always;
		w->on_ready(w->arg, w->always);
	}
}

/* ---- signals */

static void
on_signal_event(evutil_socket_t signo, short events, void *arg)
{
	struct signal_handler *h = arg;

	refresh_now(h->loop);
	h->on_signal(h->arg, (int)signo);
}

bool
loop_on_signal(struct loop *l, int signo,
    void (*on_signal)(void *arg, int signo), void *arg)
{
	struct signal_handler *h;

	if (signo <= 0 || signo >= NSIGNALS || l->signals[signo].event != NULL)
		return false;
	h = &l->signals[signo];
	h->loop = l;
	h->on_signal = on_signal;
	h->arg = arg;
	h->event = evsignal_new(l->base, signo, on_signal_event, h);
	if (h->event == NULL)
		return false;
	if (event_add(h->event, NULL) < 0) {
		event_free(h->event);
		h->event = NULL;
		return false;
	}
	l->nsignals++;
	return true;
}

/* ---- the loop */

/* We report ourselves what matters. */
static void
on_libevent_log(int severity, const char *message)
{
}

static void
on_alarm(evutil_socket_t fd, short events, void *arg)
{
	struct loop *l = arg;
	uint64_t times;

	(void)!read(l->alarm_fd, &times, sizeof(times));
	l->alarm_at = NEVER;
}

/* The kernel is told of changes only: that is one call less a turn. */
static void
set_alarm(struct loop *l, int64_t at)
{
	struct itimerspec t = { { 0, 0 }, { 0, 0 } };
	struct timespec now;

	if (clock_is_fake() && at != NEVER) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		at += now.tv_sec * NS_PER_S + now.tv_nsec - clock_mono_ns();
	}
	if (at == l->alarm_at)
		return;
	if (at != NEVER) {
		t.it_value.tv_sec = (time_t)(at / NS_PER_S);
		t.it_value.tv_nsec = (long)(at % NS_PER_S);
	}
	timerfd_settime(l->alarm_fd, TFD_TIMER_ABSTIME, &t, NULL);
	l->alarm_at = at;
}

static bool
init_alarm(struct loop *l)
{
	l->alarm_at = NEVER;
	l->alarm_fd =
	    timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (l->alarm_fd < 0)
		return false;
	event_assign(&l->alarm, l->base, l->alarm_fd, EV_READ | EV_PERSIST,
	    on_alarm, l);
	if (event_add(&l->alarm, NULL) == 0)
		return true;
	close(l->alarm_fd);
	return false;
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct event_config *config;

	event_memory_init();
	config = event_config_new();
	signal(SIGPIPE, SIG_IGN);
	event_set_log_callback(on_libevent_log);
	if (l != NULL && config != NULL) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		l->base = event_base_new_with_config(config);
	}
	if (config != NULL)
		event_config_free(config);
	if (l == NULL || l->base == NULL) {
		free(l);
		return NULL;
	}
	if (!init_alarm(l)) {
		event_base_free(l->base);
		free(l);
		return NULL;
	}
	list_init(&l->deferred);
	list_init(&l->when_time);
	list_init(&l->next_turn);
	list_init(&l->this_turn);
	list_init(&l->reap);
	l->now = clock_mono_ns();
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	run_deferred(l);
	event_del(&l->alarm);
	close(l->alarm_fd);
	for (int i = 0; i < NSIGNALS; i++)
		if (l->signals[i].event != NULL)
			event_free(l->signals[i].event);
	event_base_free(l->base);
	free(l->heap);
	free(l);
}

/* Until when this turn may wait: 0, not at all; NEVER, without end. */
static int64_t
wait_until(const struct loop *l, int64_t max_ns)
{
	int64_t now = clock_mono_ns();
	int64_t at = max_ns < 0 ? NEVER : now + max_ns;

	if (l->deferred.head != NULL || l->next_turn.head != NULL ||
	    l->when_time.head != NULL || l->always != NULL)
		return 0;
	if (l->ntimers > 0 && (l->heap[1]->due <= now || !clock_is_fake()) &&
	    l->heap[1]->due < at)
		at = l->heap[1]->due;
	return at > now ? at : 0;
}

static void
wait_for_events(struct loop *l, int64_t until)
{
	l->now_is_old = true;
	if (until == 0) {
		event_base_loop(l->base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	} else {
		set_alarm(l, until);
		event_base_loop(l->base, EVLOOP_ONCE);
	}
	refresh_now(l);
}

void
loop_turn(struct loop *l, int64_t max_ns)
{
	int64_t until = wait_until(l, max_ns);

	l->spent = 0;
	list_move(&l->next_turn, &l->this_turn);
	wait_for_events(l, until);
	run_always(l);
	list_run(&l->this_turn);
	run_when_time(l);
	run_timers(l);
	run_deferred(l);
}

static bool
has_something_to_wait_for(const struct loop *l)
{
	int ours = l->nsignals + 1; /* the alarm */

	return event_base_get_num_events(l->base, EVENT_BASE_COUNT_ADDED) >
	    ours ||
	    l->ntimers > 0 || l->always != NULL || l->deferred.head != NULL ||
	    l->next_turn.head != NULL || l->when_time.head != NULL;
}

void
loop_run(struct loop *l)
{
	while (!l->stopping && has_something_to_wait_for(l))
		loop_turn(l, -1);
	l->stopping = false;
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
}

bool
loop_has_time(const struct loop *l)
{
	return l->spent < TURN_TIME &&
	    (l->when_time.head == NULL || l->serving);
}

void
loop_spend(struct loop *l, int64_t ns)
{
	l->spent += ns;
}

int64_t
loop_now(const struct loop *l)
{
	return l->now;
}
