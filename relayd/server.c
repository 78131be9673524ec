/* Start, listeners, what connections share, and the orderly stop. */
#include "config.h"

#include "relayd/server.h"

#include <stdio.h>
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
#include "relayd/access_http.h"
#include "relayd/capture.h"
#include "relayd/conn.h"
#include "relayd/fault.h"
#include "relayd/mail.h"
#include "relayd/privileges.h"
#include "relayd/router.h"
#include "relayd/stun_service.h"

/* More keys than that on one day are not told apart. */
#define KEYS_TODAY_MAX (1 << 20)
#define DAY            (24 * 3600 * NS_PER_S)
/* What the kernel takes of a client's output beyond that and cannot send lies
 * in front of disco packets that come later. */
#define UNSENT_MAX     (128 << 10)

struct acceptor {
	struct server *server;
	struct listener *listener; /* NULL: STUN */
	struct stun_service *stun;
	enum listen_kind kind;
	enum service service;
};

static struct worker *
server_worker(struct server *s, unsigned i)
{
	return i == 0 ? &s->worker : &s->more[i - 1];
}

static const char *const kind_names[LISTEN_NKINDS] = {
	[LISTEN_HTTP] = "http",
	[LISTEN_HTTPS] = "https",
	[LISTEN_METRICS] = "metrics",
	[LISTEN_STUN] = "stun",
};

/* ---- life ---- */

static bool
send_letter(void *arg, unsigned from, unsigned to, const struct letter *l)
{
	struct worker *w = server_worker(arg, from);

	worker_wake(w);
	return mail_write_letter(w->mail, to, l);
}

static bool
init_workers(struct server *s)
{
	unsigned n = s->nworkers;

	if (!worker_init(&s->worker, s, s->loop, 0, n))
		return false;
	for (unsigned i = 1; i < n; i++) {
		struct loop *loop = loop_new();

		if (loop == NULL ||
		    !worker_init(server_worker(s, i), s, loop, i, n))
			return false;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < n; j++)
			if (i != j)
				mailbox_connect(server_worker(s, i)->mail, j,
				    server_worker(s, j)->mail);
	return true;
}

struct server *
server_new(const struct conf *conf, struct loop *loop)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = conf;
	s->loop = loop;
	s->worker.loop = loop;
	s->nworkers = conf->threads > 1 ? (unsigned)conf->threads : 1;
	s->more = calloc(s->nworkers, sizeof(*s->more));
	pthread_mutex_init(&s->lock, NULL);
	idset_init(&s->keys_today);
	s->router =
	    s->nworkers == 1 ? router_new() : router_new_shared(send_letter, s);
	if (s->more == NULL || s->router == NULL || !init_workers(s)) {
		server_free(s);
		return NULL;
	}
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

static void
end_threads(struct server *s)
{
	while (s->nrunning > 0)
		worker_join(server_worker(s, s->nrunning--));
}

/* Also of those that were never begun. */
static void
free_workers(struct server *s)
{
	for (unsigned i = 0; s->more != NULL && i < s->nworkers; i++)
		if (server_worker(s, i)->loop != NULL)
			worker_clear(server_worker(s, i));
	for (unsigned i = 0; s->more != NULL && i < s->nworkers; i++) {
		worker_clear_mail(server_worker(s, i));
		if (i > 0)
			loop_free(server_worker(s, i)->loop);
	}
}

void
server_free(struct server *s)
{
	if (s == NULL)
		return;
	close_listeners(s);
	drain_clear(&s->drain);
	end_threads(s);
	free_workers(s);
	router_free(s->router);
	tls_ctx_free(s->tls);
	access_free(s->access);
	capture_close(s->capture);
	idset_clear(&s->keys_today);
	pthread_mutex_destroy(&s->lock);
	free(s->more);
	free(s);
}

/* ---- listeners ---- */

/* Who asks for counters is served even where clients have all loops busy but
 * one; all others go where the fewest are. */
static struct worker *
choose_worker(struct server *s, enum service service)
{
	struct worker *best = &s->worker;

	if (service == SERVICE_METRICS)
		return best;
	for (unsigned i = 1; i < s->nworkers; i++)
		if (worker_load(server_worker(s, i)) < worker_load(best))
			best = server_worker(s, i);
	return best;
}

static void
on_accept(void *arg, int fd)
{
	static struct log_limit limit = { .burst = 1 };
	struct acceptor *a = arg;
	struct server *s = a->server;

	if (!worker_serve(choose_worker(s, a->service), fd,
		a->kind == LISTEN_HTTPS ? s->tls : NULL, a->service))
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
open_acceptor(struct acceptor *a, const struct conf_listen *l, char *err,
    size_t err_size)
{
	struct server *s = a->server;
	struct metrics *m = &s->worker.metrics;

	if (a->kind == LISTEN_STUN) {
		a->stun = l->fd > 0
		    ? stun_service_new_fd(s->loop, l->fd, m, err, err_size)
		    : stun_service_new(s->loop, l->address, m, err, err_size);
		return a->stun != NULL;
	}
	a->service = service_of(s, a->kind);
	a->listener = l->fd > 0
	    ? listener_new_fd(s->loop, l->fd, on_accept, a, err, err_size)
	    : listener_new(s->loop, l->address, on_accept, a, err, err_size);
	if (a->listener == NULL)
		return false;
	listener_set_unsent_max(a->listener, UNSENT_MAX);
	if (a->kind == LISTEN_METRICS)
		listener_set_essential(a->listener);
	else if (s->conf->accept_rate > 0)
		listener_set_limit(a->listener, &s->accept_limit,
		    accept_cost(s->conf));
	return true;
}

/* What names a file for each rule. */
static const char *const access_options[] = {
	[ACCESS_EVERYONE] = "allow-file",
	[ACCESS_LISTED] = "allow-file",
	[ACCESS_UNLISTED] = "deny-file",
	[ACCESS_ASKED] = "access-ca",
};

/* What |conf| names besides addresses; |tls| stays NULL without TLS. */
static bool
load_files(const struct conf *conf, struct tls_ctx **tls,
    struct access **access, char *err, size_t err_size)
{
	size_t len;

	*tls = NULL;
	*access = access_new(conf, err, err_size);
	if (*access == NULL)
		return conf_blame(conf, access_options[conf->access], err,
		    err_size);
	if (conf->cert == NULL)
		return true;
	*tls = tls_server_ctx_new(conf->cert, conf->key, NULL, err, err_size);
	if (*tls != NULL)
		return true;
	access_free(*access);
	len = strlen(err);
	if (strcmp(conf->cert, conf->key) == 0 && strncmp(err, "key ", 4) == 0)
		snprintf(err + len, err_size - len,
		    " (it is in the certificate's file unless --key names "
		    "another)");
	return conf_blame_tls(conf, err, err_size);
}

static bool
check_capture(const struct conf *conf, char *err, size_t err_size)
{
	struct capture *c = capture_open(conf, err, err_size);

	capture_close(c);
	return c != NULL || conf_blame(conf, "capture", err, err_size);
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
	if (conf->user != NULL && !privileges_find(conf->user, err, err_size))
		return conf_blame(conf, "user", err, err_size);
	return conf->capture == NULL || check_capture(conf, err, err_size);
}

bool
server_reload(struct server *s, const struct conf *conf, char *err,
    size_t err_size)
{
	struct access *access;
	struct tls_ctx *tls;

	if (!load_files(conf, &tls, &access, err, err_size))
		return false;
	pthread_mutex_lock(&s->lock);
	access_free(s->access);
	s->access = access;
	pthread_mutex_unlock(&s->lock);
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
	if (conf->capture != NULL &&
	    (s->capture = capture_open(conf, err, err_size)) == NULL)
		return -1;
	init_accept_limit(s);
	s->acceptors = xcalloc(conf->nlisten, sizeof(*s->acceptors));
	for (size_t i = 0; i < conf->nlisten; i++) {
		s->acceptors[i].server = s;
		s->acceptors[i].kind = conf->listen[i].kind;
		if (!open_acceptor(&s->acceptors[i], &conf->listen[i], err,
			err_size))
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
}

/* ---- run and stop ---- */

int
server_start(struct server *s, char *err, size_t err_size)
{
	for (unsigned i = 1; i < s->nworkers; i++) {
		if (!worker_start(server_worker(s, i))) {
			snprintf(err, err_size, "cannot start thread %u of %u",
			    i, s->nworkers);
			return -1;
		}
		s->nrunning++;
	}
	return 0;
}

void
server_run(struct server *s)
{
	loop_run(s->loop);
	end_threads(s);
}

void
server_stop_accepting(struct server *s)
{
	for (size_t i = 0; i < s->nacceptors; i++) {
		struct acceptor *a = &s->acceptors[i];

		if (a->kind == LISTEN_METRICS)
			continue;
		listener_free(a->listener);
		stun_service_free(a->stun);
		a->listener = NULL;
		a->stun = NULL;
	}
}

uint64_t
server_nclients(struct server *s)
{
	struct metrics sum = { 0 };

	for (unsigned i = 0; i < s->nworkers; i++)
		metrics_add(&sum, &server_worker(s, i)->metrics);
	return sum.connections[STAGE_LOGIN] + sum.connections[STAGE_OPEN];
}

void
server_stop(struct server *s)
{
	uint64_t connections = 0;

	for (unsigned i = 0; i < s->nworkers; i++)
		connections += worker_load(server_worker(s, i));
	log_info("stopping connections=%llu", (unsigned long long)connections);
	s->stopping = true;
	close_listeners(s);
	for (unsigned i = 0; i < s->nworkers; i++)
		worker_stop(server_worker(s, i));
}

void
server_on_idle(struct server *s)
{
	if (++s->nidle == s->nworkers)
		loop_stop(s->loop);
}

/* ---- what connections share ---- */

unsigned
server_nworkers(const struct server *s)
{
	return s->nworkers;
}

struct capture *
server_capture(const struct server *s)
{
	return s->capture;
}

uint64_t
server_next_id(struct server *s)
{
	return __atomic_add_fetch(&s->last_id, 1, __ATOMIC_RELAXED);
}

static bool
is_new_key(struct server *s, const struct rk_key *key)
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
server_access_service(struct server *s)
{
	struct access_service *service = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->access != NULL)
		service = access_service_of(s->access);
	if (service != NULL)
		access_service_ref(service);
	pthread_mutex_unlock(&s->lock);
	return service;
}

bool
server_asks(struct server *s)
{
	bool asks;

	pthread_mutex_lock(&s->lock);
	asks = s->access != NULL && access_service_of(s->access) != NULL;
	pthread_mutex_unlock(&s->lock);
	return asks;
}

bool
server_is_new_key(struct server *s, const struct rk_key *key)
{
	bool is_new;

	pthread_mutex_lock(&s->lock);
	is_new = is_new_key(s, key);
	pthread_mutex_unlock(&s->lock);
	return is_new;
}

bool
server_allows(struct server *s, const struct rk_key *key)
{
	bool allowed;

	pthread_mutex_lock(&s->lock);
	allowed = s->access == NULL || access_allows(s->access, key);
	pthread_mutex_unlock(&s->lock);
	return allowed;
}

static bool
is_new_complaint(struct server *s, const char *field)
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

bool
server_is_new_complaint(struct server *s, const char *field)
{
	bool is_new;

	pthread_mutex_lock(&s->lock);
	is_new = is_new_complaint(s, field);
	pthread_mutex_unlock(&s->lock);
	return is_new;
}

void
server_write_metrics(struct server *s, struct text *out)
{
	struct metrics sum = { 0 };

	for (unsigned i = 0; i < s->nworkers; i++)
		metrics_add(&sum, &server_worker(s, i)->metrics);
	sum.clients = router_count(s->router);
	FAULT(HOOK_METRICS, .metrics = &sum);
	metrics_write(&sum, s->conf->generation, out);
	FAULT(HOOK_EXPOSED, .text = out);
}
