/* Start, listeners, what connections share, and the orderly stop. */
#include "config.h"

#include "relayd/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tls.h"
#include "relayd/access.h"
#include "relayd/conn.h"
#include "relayd/fault.h"
#include "relayd/router.h"
#include "relayd/stun_service.h"

/* More keys than that on one day are not told apart. */
#define KEYS_TODAY_MAX (1 << 20)
#define DAY            (24 * 3600 * NS_PER_S)

struct acceptor {
	struct server *server;
	struct listener *listener; /* NULL: STUN */
	struct stun_service *stun;
	enum listen_kind kind;
	enum service service;
};

static const char *const kind_names[LISTEN_NKINDS] = {
	[LISTEN_HTTP] = "http",
	[LISTEN_HTTPS] = "https",
	[LISTEN_METRICS] = "metrics",
	[LISTEN_STUN] = "stun",
};

struct server *
server_new(const struct conf *conf, struct loop *loop)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = conf;
	s->loop = loop;
	s->router = router_new();
	if (s->router == NULL) {
		free(s);
		return NULL;
	}
	idset_init(&s->keys_today);
	worker_init(&s->worker, s, loop);
	return s;
}

static void
close_listeners(struct server *s)
{
	for (size_t i = 0; i < s->nacceptors; i++) {
		listener_free(s->acceptors[i].listener);
		stun_service_free(s->acceptors[i].stun);
	}
	free(s->acceptors);
	s->acceptors = NULL;
	s->nacceptors = 0;
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	close_listeners(s);
	worker_clear(&s->worker);
	router_free(s->router);
	tls_ctx_free(s->tls);
	access_free(s->access);
	idset_clear(&s->keys_today);
	free(s);
}

/* ---- listeners ---- */

static void
on_accept(void *arg, int fd)
{
	static struct log_limit limit = { .burst = 1 };
	struct acceptor *a = arg;
	struct server *s = a->server;

	if (conn_new(&s->worker, fd, a->kind == LISTEN_HTTPS ? s->tls : NULL,
		a->service) == NULL)
		log_limited(&limit, LOG_WARN, "accept-failed no-memory");
}

/* Beside TLS a plain listener is there for the captive-portal check. */
static enum service
service_of(const struct server *s, enum listen_kind kind)
{
	if (kind == LISTEN_METRICS)
		return SERVICE_METRICS;
	return kind == LISTEN_HTTP && s->tls != NULL && !s->conf->plain_relay
	    ? SERVICE_CAPTIVE
	    : SERVICE_RELAY;
}

/* One connection in the time of its limit. */
static int64_t
accept_cost(const struct conf *conf)
{
	return 1000 * NS_PER_S / conf->accept_rate;
}

static void
init_accept_limit(struct server *s)
{
	const struct conf *conf = s->conf;
	int64_t burst = conf->accept_burst >= 0 ? conf->accept_burst
						: conf->accept_rate / 1000;

	if (conf->accept_rate > 0)
		bucket_init(&s->accept_limit,
		    (burst > 1 ? burst : 1) * accept_cost(conf));
}

static bool
open_acceptor(struct acceptor *a, const char *address, char *err,
    size_t err_size)
{
	struct server *s = a->server;

	if (a->kind == LISTEN_STUN) {
		a->stun = stun_service_new(s->loop, address, &s->worker.metrics,
		    err, err_size);
		return a->stun != NULL;
	}
	a->service = service_of(s, a->kind);
	a->listener =
	    listener_new(s->loop, address, on_accept, a, err, err_size);
	if (a->listener == NULL)
		return false;
	if (a->kind == LISTEN_METRICS)
		listener_set_essential(a->listener);
	else if (s->conf->accept_rate > 0)
		listener_set_limit(a->listener, &s->accept_limit,
		    accept_cost(s->conf));
	return true;
}

/* What |conf| names besides addresses; |tls| stays NULL without TLS. */
static bool
load_files(const struct conf *conf, struct tls_ctx **tls,
    struct access **access, char *err, size_t err_size)
{
	*tls = NULL;
	*access = access_new(conf, err, err_size);
	if (*access == NULL)
		return false;
	if (conf->cert == NULL)
		return true;
	*tls = tls_server_ctx_new(conf->cert, conf->key, NULL, err, err_size);
	if (*tls == NULL)
		access_free(*access);
	return *tls != NULL;
}

bool
server_check(const struct conf *conf, char *err, size_t err_size)
{
	struct access *access;
	struct tls_ctx *tls;

	if (!load_files(conf, &tls, &access, err, err_size))
		return false;
	access_free(access);
	tls_ctx_free(tls);
	return true;
}

bool
server_reload(struct server *s, const struct conf *conf, char *err,
    size_t err_size)
{
	struct access *access;
	struct tls_ctx *tls;

	if (!load_files(conf, &tls, &access, err, err_size))
		return false;
	access_free(s->access);
	s->access = access;
	/* With TLS or without: that is decided at the start. */
	if (s->tls != NULL && tls != NULL) {
		tls_ctx_free(s->tls);
		s->tls = tls;
	} else {
		tls_ctx_free(tls);
	}
	return true;
}

int
server_listen(struct server *s, char *err, size_t err_size)
{
	const struct conf *conf = s->conf;

	if (!load_files(conf, &s->tls, &s->access, err, err_size)) {
		s->access = NULL;
		return -1;
	}
	init_accept_limit(s);
	s->acceptors = xcalloc(conf->nlisten, sizeof(*s->acceptors));
	for (size_t i = 0; i < conf->nlisten; i++) {
		s->acceptors[i].server = s;
		s->acceptors[i].kind = conf->listen[i].kind;
		if (!open_acceptor(&s->acceptors[i], conf->listen[i].address,
			err, err_size))
			return -1;
		s->nacceptors++;
	}
	return 0;
}

void
server_print_ready(const struct server *s, FILE *out)
{
	for (size_t i = 0; i < s->nacceptors; i++) {
		const struct acceptor *a = &s->acceptors[i];

		fprintf(out, "listening %s %s\n", kind_names[a->kind],
		    a->stun != NULL ? stun_service_address(a->stun)
				    : listener_address(a->listener));
	}
	fprintf(out, "ready\n");
	fflush(out);
}

/* ---- stop ---- */

void
server_stop(struct server *s)
{
	struct conn *c, *next;

	log_info("stopping connections=%zu", s->worker.nconns);
	s->stopping = true;
	close_listeners(s);
	for (c = s->worker.conns; c != NULL; c = next) {
		next = c->next;
		conn_stop(c);
	}
	worker_wake(&s->worker);
}

void
server_on_idle(struct server *s)
{
	if (s->stopping)
		loop_stop(s->loop);
}

/* ---- what connections share ---- */

uint64_t
server_next_id(struct server *s)
{
	return ++s->last_id;
}

bool
server_is_new_key(struct server *s, const struct rk_key *key)
{
	int64_t day = clock_real_ns() / DAY;
	uint64_t hash;

	if (day != s->day) {
		idset_clear(&s->keys_today);
		s->day = day;
	}
	if (s->keys_today.count >= KEYS_TODAY_MAX)
		return false;
	hash = router_hash(s->router, key);
	return idset_add(&s->keys_today, hash != 0 ? hash : 1) == 1;
}

struct access_service *
server_access_service(const struct server *s)
{
	return s->access != NULL ? access_service_of(s->access) : NULL;
}

bool
server_allows(const struct server *s, const struct rk_key *key)
{
	return s->access == NULL || access_allows(s->access, key);
}

bool
server_is_new_complaint(struct server *s, const char *field)
{
	size_t i = 0;

	for (; i < sizeof(s->complaints) / sizeof(s->complaints[0]); i++) {
		if (s->complaints[i] == NULL) {
			s->complaints[i] = field;
			return true;
		}
		if (strcmp(s->complaints[i], field) == 0)
			return false;
	}
	return false;
}

void
server_write_metrics(struct server *s, struct text *out)
{
	struct metrics sum = s->worker.metrics;

	sum.clients = router_count(s->router);
	FAULT(HOOK_METRICS, .metrics = &sum);
	metrics_write(&sum, s->conf->generation, out);
	FAULT(HOOK_EXPOSED, .text = out);
}
