/*
 * One event loop and the connections that live on it.  At the end of each
 * turn, in this order: what was touched is flushed, receive buffers that
 * were lent are released, what died is freed.
 */
#ifndef RELAYD_WORKER_H
#define RELAYD_WORKER_H

#include <stddef.h>

#include "net/loop.h"
#include "relayd/access_http.h"
#include "relayd/metrics.h"

struct conf;
struct conn;
struct rk_frame_spec;
struct router;
struct server;

struct worker {
	struct server *server;
	const struct conf *conf;
	struct router *router;
	struct loop *loop;
	struct metrics metrics;
	struct conn *conns;
	size_t nconns;
	struct conn *touched;
	struct conn *lending;
	struct conn *dead;
	struct deferred turn_end;
	struct asker asker;
	/* Rows of the frame table that are looked up for each frame. */
	const struct rk_frame_spec *send, *recv, *pong, *gone, *keepalive,
	    *ping;
};

void worker_init(struct worker *w, struct server *s, struct loop *loop);
/* Frees what connections are left, without a word to anybody. */
void worker_clear(struct worker *w);

/* See to it that worker's end-of-turn work runs. */
void worker_wake(struct worker *w);

#endif
