/*
 * One event loop and the connections that live on it.  At the end of each
 * turn, in this order: mail for other loops is handed over, what was touched
 * is flushed, receive buffers and mail that were lent are released, what died
 * is freed.  A turn that brings much flushes more often.
 *
 * The first worker's loop is that of the main thread, which accepts for all;
 * the others have threads of their own.  Everything here is the worker's, but
 * for what says otherwise.
 */
#ifndef RELAYD_WORKER_H
#define RELAYD_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/loop.h"
#include "relayd/access_http.h"
#include "relayd/metrics.h"

struct conf;
struct conn;
struct mail;
struct mailbox;
struct rk_frame_spec;
struct router;
struct server;
struct tls_ctx;

#define WORKER_DATE_MAX 48

struct worker {
	struct server *server;
	const struct conf *conf;
	struct router *router;
	struct loop *loop;
	unsigned index;
	struct mailbox *mail; /* NULL: there is one loop */
	pthread_t thread;     /* not of the first */
	struct metrics metrics;
	struct conn *conns;
	size_t nconns;
	size_t freed; /* bytes, since memory was given back */
	struct timer *trim;
	bool crowded;      /* connections wait for other loops to read */
	uint64_t handed;   /* the main thread's: sockets so far */
	uint64_t ended;    /* of them; read by the main thread */
	unsigned barriers; /* loops that have heard of the stop */
	bool stopping;
	bool stopped; /* its connections have heard of it */
	bool idle;    /* … and are gone, which was said */
	struct conn *touched;
	struct conn *lending;
	size_t lent; /* bytes of input since the last flush */
	struct conn *dead;
	struct deferred turn_end;
	struct asker asker;
	struct {
		int64_t second;
		uint8_t field[WORKER_DATE_MAX]; /* as in a head */
		size_t len;                     /* 0: not made yet */
	} date;
	/* Rows of the frame table that are looked up for each frame. */
	const struct rk_frame_spec *send, *recv, *pong, *gone, *keepalive,
	    *ping;
};

/* Number |index| of |n| of the server's; false: no memory. */
bool worker_init(struct worker *w, struct server *s, struct loop *loop,
    unsigned index, unsigned n);
/* Frees what connections are left, without a word to anybody. */
void worker_clear(struct worker *w);
/* Free what the others may still have pointed at. */
void worker_clear_mail(struct worker *w);

/* ---- the main thread, for workers of any thread ---- */

/* Serve the accepted |fd|, which is taken.  False: no memory (it is closed). */
bool worker_serve(struct worker *w, int fd, struct tls_ctx *tls,
    unsigned service);
/* Connections that it has, as far as is known here. */
uint64_t worker_load(const struct worker *w);
/*
 * Orderly stop: the worker's connections write what they have and what others
 * still have for them, and close.  server_on_idle() tells when all is done.
 */
void worker_stop(struct worker *w);
/* The thread of a worker that is not the first; false: there is none. */
bool worker_start(struct worker *w);
/* End it, and wait for that. */
void worker_join(struct worker *w);

/* ---- for the worker's connections ---- */

/* See to it that worker's end-of-turn work runs. */
void worker_wake(struct worker *w);
/* Between two connections' input: flush already now if much has come. */
void worker_relieve(struct worker *w);
/* Other loops have so much to read already that what asks must wait, with
 * |crowded| set in it; conn_resume() comes when that is over. */
bool worker_is_crowded(struct worker *w);

#endif
