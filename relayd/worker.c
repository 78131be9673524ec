/* The end of a turn, and what other loops have to say. */
#include "config.h"

#include "relayd/worker.h"

#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/dialect.h"
#include "net/tls.h"
#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/mail.h"
#include "relayd/server.h"

/* So much that was freed is worth a look at what of it nobody uses, and what
 * a connection that has gone stands for, with its buffers. */
#define FREED_MUCH ((size_t)4 << 20)
#define FREED_CONN ((size_t)256 << 10)
/* More than that is not held back for the end of the turn: it would have left
 * the processor's cache by then, and those behind it would wait. */
#define LENT_MAX   (128 << 10)

/* Flushing one connection may touch others, never free one. */
static void
flush_touched(struct worker *w)
{
	struct conn *c;

	while ((c = w->touched) != NULL) {
		w->touched = c->next_touched;
		c->touched = false;
		conn_flush(c);
	}
}

static void
release_lent(struct worker *w)
{
	struct conn *c;

	while ((c = w->lending) != NULL) {
		w->lending = c->next_lending;
		c->lending = false;
		conn_release_input(c);
	}
}

static void
free_dead(struct worker *w)
{
	struct conn *c;

	while ((c = w->dead) != NULL) {
		w->dead = c->next;
		conn_free(c);
		w->freed += FREED_CONN;
	}
}

/* Where there was no room before, reading goes on. */
static void
end_crowding(struct worker *w)
{
	if (!w->crowded || mail_is_crowded(w->mail))
		return;
	w->crowded = false;
	for (struct conn *c = w->conns; c != NULL; c = c->next) {
		if (c->crowded) {
			c->crowded = false;
			conn_resume(c);
		}
	}
}

bool
worker_is_crowded(struct worker *w)
{
	if (w->mail == NULL || !mail_is_crowded(w->mail))
		return false;
	w->crowded = true;
	worker_wake(w);
	return true;
}

/* A word to another loop that must not get lost. */
static void
tell(struct worker *w, unsigned to, enum mail_kind kind)
{
	if (mail_write(w->mail, to, kind) == NULL) {
		log_error("no-memory loop=%u", w->index);
		_exit(EXIT_FAILURE);
	}
	worker_wake(w);
}

static void
say_idle(struct worker *w)
{
	w->idle = true;
	if (w->index == 0)
		server_on_idle(w->server);
	else
		tell(w, 0, MAIL_IDLE);
}

/*
 * What a crowd or a backlog has used goes back to the system when it has gone;
 * otherwise free pages between used ones stay ours for ever.  Not at once:
 * more may go, and streams are freed behind all else.
 */
static void
on_trim(void *arg)
{
	struct worker *w = arg;

	w->freed = 0;
	malloc_trim(0);
}

static void
return_memory(struct worker *w)
{
	if (w->freed >= FREED_MUCH && !timer_is_set(w->trim))
		timer_set(w->trim, NS_PER_S);
}

/* Write what has been read so far. */
static void
flush(struct worker *w)
{
	w->lent = 0;
	if (w->mail != NULL)
		mail_hand_over(w->mail);
	flush_touched(w);
	release_lent(w);
}

void
worker_relieve(struct worker *w)
{
	if (w->lent >= LENT_MAX)
		flush(w);
}

static void
on_turn_end(void *arg)
{
	struct worker *w = arg;

	flush(w);
	free_dead(w);
	return_memory(w);
	if (w->stopped && !w->idle && w->nconns == 0)
		say_idle(w);
	if (w->mail == NULL)
		return;
	mail_end_turn(w->mail);
	mail_hand_over(w->mail); /* what flushing and closing had to say */
	end_crowding(w);
}

void
worker_wake(struct worker *w)
{
	loop_defer(w->loop, &w->turn_end);
}

/* ---- the orderly stop ---- */

/* Everybody has said that nothing follows what was under way. */
static void
stop_connections(struct worker *w)
{
	struct conn *c, *next;

	if (!w->stopping || w->stopped ||
	    w->barriers + 1 < server_nworkers(w->server))
		return;
	w->stopped = true;
	for (c = w->conns; c != NULL; c = next) {
		next = c->next;
		conn_stop(c);
	}
	worker_wake(w);
}

static void
begin_stop(struct worker *w)
{
	w->stopping = true;
	for (unsigned i = 0; i < server_nworkers(w->server); i++)
		if (i != w->index)
			tell(w, i, MAIL_BARRIER);
	stop_connections(w);
}

void
worker_stop(struct worker *w)
{
	if (w->index == 0)
		begin_stop(w);
	else
		tell(&w->server->worker, w->index, MAIL_STOP);
}

/* ---- mail ---- */

static void
on_letter(struct worker *w, const struct letter *l)
{
	switch (l->kind) {
	case LETTER_PACKET:
		conn_count_routed(w, l->packet->disco,
		    router_deliver(w->router, w->index, l, !w->stopping));
		break;
	case LETTER_GONE:
		router_tell(w->router, w->index, l);
		break;
	case LETTER_REPLACED:
		router_put_out(w->router, w->index, l);
		break;
	}
}

static void
on_socket(struct worker *w, const struct mail *m)
{
	static struct log_limit limit = { .burst = 1 };

	if (conn_new(w, m->fd, m->tls, (enum service)m->service) == NULL) {
		metrics_up(&w->ended);
		log_limited(&limit, LOG_WARN, "accept-failed no-memory");
	}
	tls_ctx_free(m->tls);
}

static void
on_mail(void *arg, struct mail *m)
{
	struct worker *w = arg;

	worker_wake(w);
	if (m == NULL)
		return;
	switch ((enum mail_kind)m->kind) {
	case MAIL_LETTER:
		on_letter(w, &m->letter);
		break;
	case MAIL_SOCKET:
		on_socket(w, m);
		break;
	case MAIL_STOP:
		begin_stop(w);
		break;
	case MAIL_BARRIER:
		w->barriers++;
		stop_connections(w);
		break;
	case MAIL_IDLE:
		server_on_idle(w->server);
		break;
	case MAIL_QUIT:
		loop_stop(w->loop);
		break;
	}
}

static void
on_dropped_mail(void *arg, struct mail *m)
{
	if (m->kind != MAIL_SOCKET)
		return;
	close(m->fd);
	tls_ctx_free(m->tls);
}

bool
worker_serve(struct worker *w, int fd, struct tls_ctx *tls, unsigned service)
{
	struct worker *first = &w->server->worker;
	struct mail *m;

	if (w == first) {
		if (conn_new(w, fd, tls, (enum service)service) == NULL)
			return false;
		w->handed++;
		return true;
	}
	m = mail_write(first->mail, w->index, MAIL_SOCKET);
	if (m == NULL) {
		close(fd);
		return false;
	}
	w->handed++;
	m->fd = fd;
	m->tls = tls != NULL ? tls_ctx_ref(tls) : NULL;
	m->service = (uint8_t)service;
	worker_wake(first);
	return true;
}

uint64_t
worker_load(const struct worker *w)
{
	return w->handed - __atomic_load_n(&w->ended, __ATOMIC_RELAXED);
}

/* ---- life ---- */

bool
worker_init(struct worker *w, struct server *s, struct loop *loop,
    unsigned index, unsigned n)
{
	const struct rk_dialect *d = s->conf->dialect;

	memset(w, 0, sizeof(*w));
	w->server = s;
	w->conf = s->conf;
	w->router = s->router;
	w->loop = loop;
	asker_init(&w->asker, loop);
	w->index = index;
	w->turn_end.work = on_turn_end;
	w->turn_end.arg = w;
	w->send = rk_frame_spec_by_kind(d, RK_FRAME_SEND);
	w->recv = rk_frame_spec_by_kind(d, RK_FRAME_RECV);
	w->pong = rk_frame_spec_by_kind(d, RK_FRAME_PONG);
	w->gone = rk_frame_spec_by_kind(d, RK_FRAME_GONE);
	w->ping = rk_frame_spec_by_kind(d, RK_FRAME_PING);
	w->keepalive = rk_frame_spec_by_kind(d, RK_FRAME_KEEP_ALIVE);
	w->trim = timer_new(loop, on_trim, w);
	if (w->trim == NULL || n == 1)
		return w->trim != NULL;
	w->mail = mailbox_new(loop, index, on_mail, w);
	return w->mail != NULL;
}

void
worker_clear(struct worker *w)
{
	loop_undefer(w->loop, &w->turn_end);
	timer_free(w->trim);
	w->trim = NULL;
	free_dead(w);
	while (w->conns != NULL) {
		struct conn *c = w->conns;

		w->conns = c->next;
		router_leave(w->router, &c->ep, false);
		conn_free(c);
	}
	asker_clear(&w->asker);
}

void
worker_clear_mail(struct worker *w)
{
	mailbox_free(w->mail, on_dropped_mail);
	w->mail = NULL;
}

/* Signals are for the main thread. */
static void *
run(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	return NULL;
}

bool
worker_start(struct worker *w)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error == 0;
}

void
worker_join(struct worker *w)
{
	struct worker *first = &w->server->worker;

	tell(first, w->index, MAIL_QUIT);
	mail_hand_over(first->mail);
	pthread_join(w->thread, NULL);
}
