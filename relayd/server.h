/*
 * The relay as a whole: router, listeners, workers, start and orderly stop.
 * All of it belongs to the main thread, but for what connections call.
 */
#ifndef RELAYD_SERVER_H
#define RELAYD_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <pthread.h>

#include "base/bucket.h"
#include "relayd/conf.h"
#include "relayd/drain.h"
#include "relayd/idset.h"
#include "relayd/worker.h"

struct acceptor;
struct access;
struct access_service;
struct capture;
struct loop;
struct rk_key;
struct router;
struct text;
struct tls_ctx;

struct server {
	const struct conf *conf;
	struct loop *loop;
	struct router *router;
	struct worker worker; /* the first, of the main thread */
	struct worker *more;  /* the others */
	unsigned nworkers;    /* of all */
	unsigned nrunning;    /* that have a thread */
	unsigned nidle;       /* that have nothing left to do for the stop */
	struct tls_ctx *tls;
	struct bucket accept_limit;
	struct acceptor *acceptors;
	size_t nacceptors;
	uint64_t last_id; /* of a connection; atomic */
	bool stopping;
	struct drain drain;
	/* What connections of all workers share, and its lock. */
	pthread_mutex_t lock;
	struct access *access;
	struct capture *capture; /* fixed once it listens; NULL: none */
	struct idset keys_today; /* hashes of who logged in on |day| */
	int64_t day;
	/* Header fields whose absence was logged; static texts. */
	const char *complaints[8];
};

/* Without listeners, with the workers that |conf| says; |conf| and |loop| are
 * borrowed.  NULL: no memory. */
struct server *server_new(const struct conf *conf, struct loop *loop);
void server_free(struct server *s);

/* Could it be served as far as its files go?  One line in |err| if not. */
bool server_check(const struct conf *conf, char *err, size_t err_size);
/*
 * Take certificate and access lists of |conf|, which is a newer reading of
 * the server's own, for connections from now on.  False, with one line in
 * |err|: all stays as it was.
 */
bool server_reload(struct server *s, const struct conf *conf, char *err,
    size_t err_size);

/* Open what the configuration names.  -1 with one line in |err|. */
int server_listen(struct server *s, char *err, size_t err_size);
/* "listening http 127.0.0.1:43211" … and "ready"; not flushed. */
void server_print_ready(const struct server *s, FILE *out);

/* Start the threads of the other loops; -1 with one line in |err|: there are no
 * such threads. */
int server_start(struct server *s, char *err, size_t err_size);
/* Run the main thread's loop, until the stop of all is complete. */
void server_run(struct server *s);

/*
 * Orderly stop: no more connections, every open one writes what it has and
 * closes; then the loops are stopped.  Takes at most the write timeout.
 */
void server_stop(struct server *s);

/* Close all listeners but those for metrics. */
void server_stop_accepting(struct server *s);
/* Connections that are upgraded.  Who asks for metrics, or keeps a connection
 * for the next request, is no client. */
uint64_t server_nclients(struct server *s);

/* ---- for workers and connections ---- */

unsigned server_nworkers(const struct server *s);
struct capture *server_capture(const struct server *s);
uint64_t server_next_id(struct server *s);
/* On the main thread: the last connection of a worker that stops is gone. */
void server_on_idle(struct server *s);
/* Is this the first login of |key| on this UTC day? */
bool server_is_new_key(struct server *s, const struct rk_key *key);
/* Is somebody to be asked whether a key may log in, and who?  A reference, or
 * NULL: server_allows() knows. */
bool server_asks(struct server *s);
struct access_service *server_access_service(struct server *s);
/* May |key| log in? */
bool server_allows(struct server *s, const struct rk_key *key);
/* False if it is known already that |field| is missing from requests. */
bool server_is_new_complaint(struct server *s, const char *field);
void server_write_metrics(struct server *s, struct text *out);

#endif
