/* The end of a turn. */
#include "config.h"

#include "relayd/worker.h"

#include <string.h>

#include "codec/dialect.h"
#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/server.h"

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
	}
}

static void
on_turn_end(void *arg)
{
	struct worker *w = arg;

	flush_touched(w);
	release_lent(w);
	free_dead(w);
	if (w->nconns == 0)
		server_on_idle(w->server);
}

void
worker_init(struct worker *w, struct server *s, struct loop *loop)
{
	const struct rk_dialect *d = s->conf->dialect;

	memset(w, 0, sizeof(*w));
	w->server = s;
	w->conf = s->conf;
	w->router = s->router;
	w->loop = loop;
	asker_init(&w->asker, loop);
	w->turn_end.work = on_turn_end;
	w->turn_end.arg = w;
	w->send = rk_frame_spec_by_kind(d, RK_FRAME_SEND);
	w->recv = rk_frame_spec_by_kind(d, RK_FRAME_RECV);
	w->pong = rk_frame_spec_by_kind(d, RK_FRAME_PONG);
	w->gone = rk_frame_spec_by_kind(d, RK_FRAME_GONE);
	w->ping = rk_frame_spec_by_kind(d, RK_FRAME_PING);
	w->keepalive = rk_frame_spec_by_kind(d, RK_FRAME_KEEP_ALIVE);
}

void
worker_clear(struct worker *w)
{
	loop_undefer(w->loop, &w->turn_end);
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
worker_wake(struct worker *w)
{
	loop_defer(w->loop, &w->turn_end);
}
