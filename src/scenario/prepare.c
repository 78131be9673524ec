/*
 * What comes before a case's steps: an instance of its own where it asks for
 * one, and the baseline of what it measures.  A baseline is taken when two
 * looks in a row agree, so that what cases before have left is gone; of a
 * target that others play on, only when an answer has come the way that the
 * last of that has gone.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "net/listen.h"
#include "net/tls.h"
#include "scenario/beside.h"
#include "scenario/engine_play.h"
#include "scenario/metrics.h"
#include "scenario/oracle.h"

#define LOOK_EVERY    (20 * NS_PER_MS)
#define SETTLE        (25 * NS_PER_MS)
#define SETTLE_MAX    (5 * NS_PER_S)
#define START_MAX     (60 * NS_PER_S)
#define FETCH_TIMEOUT (2 * NS_PER_S)

struct prepare {
	int64_t begun_ns;
	bool own_ready;
	/* the baseline */
	int64_t way_ns; /* there and back; 0: not known yet */
	int64_t asked_ns;
	int64_t next_ns; /* when to look again */
	bool looked;
	struct oracle_sample last;
	struct metrics_fetch *fetch;
	bool fetched; /* |now| and |why| are new */
	struct metrics *now;
	char *why;
};

/* ---- what is measured ---- */

static unsigned
wants_of(struct step *const *steps, size_t n)
{
	unsigned wants = 0;

	for (size_t i = 0; i < n; i++) {
		const struct step *s = steps[i];

		wants |= wants_of(s->body, s->nbody);
		if (s->kind != STEP_TARGET)
			continue;
		if (s->target == TARGET_METRIC)
			wants |= ORACLE_METRICS;
		else if (s->target == TARGET_FDS && s->from_baseline)
			wants |= ORACLE_FDS;
		else if (s->target == TARGET_RSS && s->from_baseline)
			wants |= ORACLE_RSS;
	}
	return wants;
}

/* ---- an instance of its own ---- */

static bool
has_instance_lent(const struct play *p)
{
	return p->playing_in == TURN_BESIDE && !p->instance->scenario->own;
}

static bool
needs_instance(const struct play *p)
{
	return p->instance->scenario->own || has_instance_lent(p);
}

/* Where a case needs none of its own, it is played without. */
static enum step_status
not_started(struct play *p, const char *why)
{
	if (!has_instance_lent(p))
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target did not start: %s", why);
	engine_give_up_beside(p->engine);
	return play_fail(p, CODE_CONNECT,
	    "no instance started beside the target: %s", why);
}

static enum step_status
start_own(struct play *p)
{
	const struct engine_host *host = p->target->host;
	char err[512];

	if (host == NULL)
		return play_fail(p, CODE_UNSUPPORTED,
		    "the target cannot be started for one case alone");
	p->host = host;
	if (has_instance_lent(p))
		p->own = beside_take(engine_beside(p->engine), host);
	if (p->own == NULL)
		p->own = host->start(host->arg, NULL, err, sizeof(err));
	return p->own != NULL ? STEP_WAITS : not_started(p, err);
}

static enum step_status
wait_own(struct play *p)
{
	char err[512];

	switch (p->host->state(p->own, err, sizeof(err))) {
	case OWN_READY:
		p->prepare->own_ready = true;
		p->target = p->host->target(p->own);
		return STEP_OVER;
	case OWN_LOST:
		return not_started(p, err);
	case OWN_STARTING:
		break;
	}
	if (play_now(p) - p->prepare->begun_ns > START_MAX)
		return not_started(p, "not ready in a minute");
	play_wake_at(p, play_now(p) + LOOK_EVERY);
	return STEP_WAITS;
}

bool
play_own_crashed(struct play *p, char *how, size_t how_size)
{
	struct own_exit e;

	if (p->own == NULL || p->own_may_end || !p->prepared ||
	    !p->host->has_exited(p->own, &e))
		return false;
	snprintf(how, how_size, "%s %d",
	    e.signo != 0 ? "signal" : "exit status",
	    e.signo != 0 ? e.signo : e.status);
	return true;
}

/* ---- a client under test ---- */

/* The first step that waits for the client; NULL: there is none. */
static const struct step *
listening_step(struct step *const *steps, size_t n, bool control)
{
	const struct step *found = NULL;

	for (size_t i = 0; i < n && found == NULL; i++)
		if (steps[i]->run != (control ? RUN_DEFECT : RUN_CONTROL))
			found = steps[i]->kind == STEP_CONN &&
				steps[i]->conn_kind == CONN_LISTEN
			    ? steps[i]
			    : listening_step(steps[i]->body, steps[i]->nbody,
				  control);
	return found;
}

/* A setting of that step, as bytes to be cleared; false where it has none. */
static bool
told_bytes(struct play *p, const char *name, struct value *out)
{
	const struct step *s = p->client_step;
	struct text err = { 0 };
	bool found = false;

	for (size_t i = 0; i < s->nsettings && !found; i++)
		found = strcmp(s->settings[i].name, name) == 0 &&
		    values_eval(&p->values, s->settings[i].value, out, &err);
	text_clear(&err);
	return found;
}

/* The text of a setting; |otherwise| where there is none. */
static char *
told(struct play *p, const char *name, const char *otherwise)
{
	struct value v;
	char *out;

	if (!told_bytes(p, name, &v))
		return xstrdup(otherwise);
	out = xasprintf("%.*s", (int)v.len, (const char *)v.bytes);
	value_clear(&v);
	return out;
}

static void
set_told(struct play *p, const char *name, const char *value)
{
	values_set_take(&p->values, name, value_bytes(value, strlen(value)));
}

/* Where the client is told to go, and what its Host should say. */
static char *
client_url(struct play *p)
{
	char *host = told(p, "host", "127.0.0.1"), *path = told(p, "path", "");
	size_t len = strlen(host);
	unsigned port = listener_port(p->listener);
	char *url = xasprintf("%s%s://%s:%u%s",
	    p->instance->carrier == RK_CARRIER_WS ? "ws" : "http",
	    p->client_tls != NULL ? "s" : "", host, port, path);
	char *authority;

	if (len > 1 && host[len - 1] == '.')
		len--;
	authority = xasprintf("%.*s:%u", (int)len, host, port);
	set_told(p, "client.url", url);
	set_told(p, "client.authority", authority);
	free(authority);
	free(host);
	free(path);
	return url;
}

/* A certificate that nobody vouches for.  False with a line in |err|. */
static bool
make_stranger(struct play *p, char *err, size_t err_size)
{
	char *tls = told(p, "tls", "");
	bool wanted = tls[0] != '\0';

	free(tls);
	if (wanted)
		p->client_tls =
		    tls_server_ctx_new_self_signed("DNS:localhost,IP:127.0.0.1",
			NULL, err, err_size);
	return !wanted || p->client_tls != NULL;
}

static void
on_client(void *arg, int fd)
{
	struct play *p = arg;

	if (p->nclients == PLAY_MAX_CLIENTS) {
		close(fd);
		return;
	}
	p->clients[p->nclients++] = fd;
	play_wake(p);
}

const char *
play_client_ending(struct play *p, char *how, size_t size)
{
	const struct engine_host *h = p->target->client;
	struct own_exit e;

	if (h == NULL || h->has_exited == NULL || p->client == NULL ||
	    !h->has_exited(p->client, &e))
		return "";
	if (e.signo != 0)
		snprintf(how, size, ": it was ended by signal %d", e.signo);
	else
		snprintf(how, size, ": it ended with exit status %d", e.status);
	return how;
}

int
play_next_client(struct play *p)
{
	int fd;

	if (p->nclients == 0)
		return -1;
	fd = p->clients[0];
	p->nclients--;
	memmove(p->clients, p->clients + 1,
	    p->nclients * sizeof(p->clients[0]));
	return fd;
}

/* Start it, with what it is to send.  False with a line in |err|. */
static bool
start_client(struct play *p, char *err, size_t err_size)
{
	const struct engine_host *host = p->target->client;
	char *url = client_url(p);
	struct value data;

	if (!told_bytes(p, "send", &data)) {
		p->client = host->start(host->arg, url, err, err_size);
	} else {
		snprintf(err, err_size, "nobody knows how it is told to send");
		if (host->start_sender != NULL)
			p->client = host->start_sender(host->arg, url,
			    data.bytes, data.len, err, err_size);
		value_clear(&data);
	}
	free(url);
	return p->client != NULL;
}

bool
play_start_client(struct play *p)
{
	const struct scenario *sc = p->instance->scenario;
	const struct engine_host *host = p->target->client;
	char err[512];

	p->client_step = listening_step(sc->steps, sc->nsteps, p->control);
	if (p->client_step == NULL)
		return true;
	if (host == NULL) {
		play_fail(p, CODE_UNSUPPORTED, "no client under test is known");
		return false;
	}
	p->listener = listener_new(engine_loop(p->engine), "127.0.0.1:0",
	    on_client, p, err, sizeof(err));
	if (p->listener == NULL || !make_stranger(p, err, sizeof(err))) {
		play_fail(p, CODE_CONNECT, "%s", err);
		return false;
	}
	if (!start_client(p, err, sizeof(err))) {
		play_fail(p, CODE_UNSUPPORTED, "the client did not start: %s",
		    err);
		return false;
	}
	p->client_pid = host->pid(p->client);
	engine_watch(p->engine, p->client_pid);
	return true;
}

static void
free_client(struct play *p)
{
	if (p->client != NULL) {
		engine_unwatch(p->engine, p->client_pid);
		p->target->client->stop(p->client);
	}
	p->client = NULL;
	tls_ctx_free(p->client_tls);
	p->client_tls = NULL;
	listener_free(p->listener);
	p->listener = NULL;
	while (p->nclients > 0)
		close(p->clients[--p->nclients]);
}

/* ---- the baseline ---- */

static void
on_fetched(void *arg, struct metrics *m, const char *err)
{
	struct play *p = arg;
	struct prepare *pre = p->prepare;

	pre->fetch = NULL;
	pre->fetched = true;
	metrics_free(pre->now);
	free(pre->why);
	pre->now = m;
	pre->why = err != NULL ? xstrdup(err) : NULL;
	play_wake(p);
}

/* Whatever it says: what was sent before is there. */
static void
on_way(void *arg, struct metrics *m, const char *err)
{
	struct play *p = arg;
	struct prepare *pre = p->prepare;

	pre->fetch = NULL;
	metrics_free(m);
	pre->way_ns = play_now(p) - pre->asked_ns + 1;
	play_wake(p);
}

/* Is there a way yet to be measured?  An instance of the case's own has none
 * that others have used. */
static bool
measures_way(struct play *p)
{
	struct prepare *pre = p->prepare;
	char err[512];

	if (pre->way_ns != 0 || p->own != NULL ||
	    (p->oracle->wants & ORACLE_METRICS) == 0)
		return false;
	if (pre->fetch == NULL) {
		pre->asked_ns = play_now(p);
		pre->fetch =
		    metrics_fetch(engine_loop(p->engine), p->target->url.text,
			FETCH_TIMEOUT, on_way, p, err, sizeof(err));
	}
	if (pre->fetch == NULL) /* over TLS */
		pre->way_ns = 1;
	return pre->fetch != NULL;
}

static void
begin_look(struct play *p)
{
	struct prepare *pre = p->prepare;
	char err[512];

	if ((p->oracle->wants & ORACLE_METRICS) == 0) {
		pre->fetched = true;
		return;
	}
	snprintf(err, sizeof(err), "the target has no known metrics");
	if (p->target->metrics_url != NULL)
		pre->fetch = metrics_fetch(engine_loop(p->engine),
		    p->target->metrics_url, FETCH_TIMEOUT, on_fetched, p, err,
		    sizeof(err));
	if (pre->fetch == NULL)
		on_fetched(p, NULL, err);
}

/* Only what the steps ask about: the look itself may be counted somewhere. */
static bool
metrics_agree(const struct metrics *a, const struct metrics *b,
    struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct step *s = steps[i];
		double before = 0, after = 0;

		if (!metrics_agree(a, b, s->body, s->nbody))
			return false;
		if (s->kind != STEP_TARGET || s->target != TARGET_METRIC)
			continue;
		metrics_get(a, s->name, &before);
		metrics_get(b, s->name, &after);
		if (after > before || after < before)
			return false;
	}
	return true;
}

static bool
agree(const struct play *p, const struct oracle_sample *a,
    const struct oracle_sample *b)
{
	const struct scenario *sc = p->instance->scenario;

	if (a->fds != b->fds || (a->metrics == NULL) != (b->metrics == NULL))
		return false;
	return a->metrics == NULL ||
	    metrics_agree(a->metrics, b->metrics, sc->steps, sc->nsteps);
}

/* The look is over: is it like the one before? */
static enum step_status
end_look(struct play *p)
{
	struct prepare *pre = p->prepare;
	struct oracle_sample sample = { -1, -1, pre->now };
	int64_t now = play_now(p);
	bool settled;

	pre->now = NULL;
	if ((p->oracle->wants & ORACLE_FDS) != 0)
		sample.fds = oracle_fds(p->target->pid);
	if ((p->oracle->wants & ORACLE_RSS) != 0)
		sample.rss_kb = oracle_rss_kb(p->target->pid);
	settled = (pre->looked && agree(p, &pre->last, &sample)) ||
	    now - pre->begun_ns > SETTLE_MAX;
	metrics_free(pre->last.metrics);
	pre->last = sample;
	pre->looked = true;
	pre->fetched = false;
	if (!settled) {
		pre->next_ns =
		    now + (pre->way_ns > SETTLE ? pre->way_ns : SETTLE);
		play_wake_at(p, pre->next_ns);
		return STEP_WAITS;
	}
	p->oracle->baseline = sample;
	pre->last.metrics = NULL;
	p->oracle->no_metrics = pre->why;
	pre->why = NULL;
	return STEP_OVER;
}

static enum step_status
take_baseline(struct play *p)
{
	struct prepare *pre = p->prepare;

	if (p->oracle->wants == 0)
		return STEP_OVER;
	if (!pre->fetched && measures_way(p))
		return STEP_WAITS;
	if (!pre->fetched && pre->fetch == NULL) {
		if (play_now(p) < pre->next_ns) {
			play_wake_at(p, pre->next_ns);
			return STEP_WAITS;
		}
		begin_look(p);
	}
	return pre->fetched ? end_look(p) : STEP_WAITS;
}

/* ---- all of it ---- */

static void
begin(struct play *p)
{
	const struct scenario *sc = p->instance->scenario;

	p->prepare = xcalloc(1, sizeof(*p->prepare));
	p->prepare->begun_ns = play_now(p);
	p->oracle = xcalloc(1, sizeof(*p->oracle));
	p->oracle->wants = wants_of(sc->steps, sc->nsteps);
	p->oracle->baseline = (struct oracle_sample){ -1, -1, NULL };
}

enum step_status
play_prepare(struct play *p)
{
	enum step_status status = STEP_OVER;

	if (p->prepare == NULL)
		begin(p);
	if (needs_instance(p) && !p->prepare->own_ready) {
		if (p->own == NULL)
			status = start_own(p);
		if (status != STEP_FAILED)
			status = wait_own(p);
		p->prepare->begun_ns =
		    status == STEP_OVER ? play_now(p) : p->prepare->begun_ns;
	}
	if (status == STEP_OVER)
		status = take_baseline(p);
	return status;
}

/* What stood beside the target is for the next one, unless it may be spoilt. */
static void
leave_own(struct play *p)
{
	if (p->own == NULL)
		return;
	if (has_instance_lent(p) && p->went_well && !p->own_may_end)
		beside_give(engine_beside(p->engine), p->host, p->own);
	else
		p->host->stop(p->own);
	p->own = NULL;
}

void
play_prepare_free(struct play *p)
{
	if (p->prepare != NULL) {
		metrics_fetch_cancel(p->prepare->fetch);
		metrics_free(p->prepare->now);
		metrics_free(p->prepare->last.metrics);
		free(p->prepare->why);
	}
	free(p->prepare);
	p->prepare = NULL;
	if (p->oracle != NULL) {
		metrics_free(p->oracle->baseline.metrics);
		free(p->oracle->no_metrics);
	}
	free(p->oracle);
	p->oracle = NULL;
	free_client(p);
	leave_own(p);
}
