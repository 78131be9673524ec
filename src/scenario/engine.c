/* All cases on one loop: who runs, who waits, and how late the loop is. */
#include "config.h"

#include "scenario/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/xalloc.h"
#include "codec/digest.h"
#include "scenario/beside.h"
#include "scenario/engine_play.h"
#include "scenario/namesakes.h"
#include "scenario/patience.h"
#include "scenario/starved.h"
#include "scenario/waiting.h"

/* The heartbeat that shows how late the loop is. */
#define BEAT             (10 * NS_PER_MS)
#define WORTH_NOTE       (2 * NS_PER_MS)
#define STALLS_KEPT      64
/* What all that run hold together: a hostile target meets every case.  Nothing
 * begins when half of it is held. */
#define HELD_MAX         ((int64_t)320 << 20)
/* Descriptors that are not for cases, and those that a fence may need. */
#define DESCRIPTORS_KEPT 64
#define DESCRIPTORS_MORE 2
/* Cases begun in one turn, so that the first are not late already. */
#define STARTS_PER_TURN  8
/* Instances beside the target that are at work at a time: each start takes a
 * moment from all the others. */
#define BESIDE_MAX       6

struct stall {
	int64_t end_ns;
	int64_t len_ns;
};

/* TLS contexts by what they are made from. */
struct tls_cache {
	struct tls_cache *next;
	const char *cafile, *keylog;
	struct tls_client_config config;
	char alpn[PARTY_MAX_TLS_WORD];
	struct tls_ctx *ctx;
};

struct engine {
	struct loop *loop;
	struct engine_options options;
	struct waiting waiting[NTURNS];
	struct namesakes *names; /* of all that are there */
	struct play *running;
	size_t nrunning;
	size_t at_work[NTURNS]; /* of those that run */
	struct play *finished;
	struct beside *beside;
	bool no_beside; /* one did not start */
	struct timer *beat;
	struct deferred turn;
	struct stall stalls[STALLS_KEPT];
	size_t nstalls;
	struct starved *starved;
	struct tls_cache *tls;
	bool stopping;
	int64_t held;
	size_t descriptors; /* for all that run */
	size_t promised;
	uint64_t clones; /* runs that got a number for their keys */
};

/* ---- codes ---- */

static const struct {
	const char *name;
	const char *meaning;
} codes[CODE_NKINDS] = {
	[CODE_OK] = { "", "everything came as expected" },
	[CODE_WRONG] = { "E-WRONG", "another frame, or another field" },
	[CODE_LATE] = { "E-LATE", "it came, but too late" },
	[CODE_NEVER] = { "E-NEVER", "it did not come" },
	[CODE_EXTRA] = { "E-EXTRA", "something came that must not" },
	[CODE_CLOSED] = { "E-CLOSED", "the connection ended meanwhile" },
	[CODE_RESET] = { "E-RESET", "the connection was reset meanwhile" },
	[CODE_DECODE] = { "E-DECODE", "what came is no frame" },
	[CODE_CRASH] = { "E-CRASH", "the relay's process ended" },
	[CODE_LEAK] = { "E-LEAK", "the relay kept what it should let go" },
	[CODE_HARNESS_LATE] = { "HARNESS-LATE",
	    "this machine was late itself: nothing can be said" },
	[CODE_CONNECT] = { "CONNECT", "a connection could not be set up" },
	[CODE_SCRIPT] = { "SCRIPT", "the script asks for the impossible" },
	[CODE_UNSUPPORTED] = { "UNSUPPORTED",
	    "the step needs what the target or the runner does not have" },
	[CODE_TIMEOUT] = { "TIMEOUT", "the case's own time is over" },
};

const char *
result_code_name(enum result_code c)
{
	return c < CODE_NKINDS ? codes[c].name : "";
}

const char *
result_code_meaning(enum result_code c)
{
	return c < CODE_NKINDS ? codes[c].meaning : "";
}

void
case_result_free(struct case_result *r)
{
	if (r == NULL)
		return;
	transcript_free(r->transcript);
	played_clear(&r->played);
	tape_free(r->tape);
	free(r->named);
	free(r->message);
	free(r->detail);
	free(r->teardown);
	free(r->vars);
	free(r->not_observable);
	free(r);
}

void
engine_named_key(uint64_t seed, const char *instance, const char *name,
    struct rk_secret_key *out)
{
	static const char purpose[] = "relaykit scenario key";
	uint8_t digest[RK_SHA256_LEN];
	struct text t;
	char number[24];

	text_init(&t);
	snprintf(number, sizeof(number), "%016llx", (unsigned long long)seed);
	text_add_n(&t, purpose, sizeof(purpose));
	text_add_n(&t, number, strlen(number) + 1);
	text_add_n(&t, instance, strlen(instance) + 1);
	text_add_n(&t, name, strlen(name) + 1);
	if (rk_sha256(t.s, t.len, digest) != RK_OK)
		abort();
	text_clear(&t);
	rk_secret_key_from_seed(out, digest);
	explicit_bzero(digest, sizeof(digest));
}

/* ---- what plays need ---- */

/* The connections that steps open, one after the other or not. */
static size_t
connections_of(struct step *const *steps, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		const struct step *s = steps[i];
		size_t inside = connections_of(s->body, s->nbody);

		if (s->kind == STEP_REPEAT && s->count->kind == EXPR_INT &&
		    s->count->number > 0)
			inside *= (size_t)s->count->number;
		sum += inside + (s->kind == STEP_CONN);
	}
	return sum;
}

static size_t
need_of(const struct play *p)
{
	const struct scenario *sc = p->instance->scenario;

	return connections_of(sc->steps, sc->nsteps) + DESCRIPTORS_MORE;
}

static void
unlink_running(struct engine *e, struct play *gone)
{
	struct play **p;

	for (p = &e->running; *p != gone; p = &(*p)->next)
		;
	*p = gone->next;
	e->nrunning--;
	e->at_work[gone->playing_in]--;
	e->promised -= need_of(gone);
}

/* ---- lateness ---- */

static void
note_stall(struct engine *e, int64_t late, int64_t now)
{
	if (late < WORTH_NOTE)
		return;
	e->stalls[e->nstalls++ % STALLS_KEPT] =
	    (struct stall){ .end_ns = now, .len_ns = late };
}

static void
on_beat(void *arg)
{
	struct engine *e = arg;
	int64_t now = clock_mono_ns();

	note_stall(e, now - timer_due(e->beat), now);
	starved_sample(e->starved, now);
	if (engine_pending(e) > 0)
		timer_set(e->beat, BEAT);
}

int64_t
engine_lateness(const struct engine *e, int64_t since_ns)
{
	size_t n = e->nstalls < STALLS_KEPT ? e->nstalls : STALLS_KEPT;
	int64_t worst = 0;

	for (size_t i = 0; i < n; i++)
		if (e->stalls[i].end_ns >= since_ns &&
		    e->stalls[i].len_ns > worst)
			worst = e->stalls[i].len_ns;
	/* The beat that is overdue right now counts as well. */
	if (timer_is_set(e->beat)) {
		int64_t late = clock_mono_ns() - timer_due(e->beat);

		if (late > worst)
			worst = late;
	}
	return worst;
}

void
engine_watch(struct engine *e, long pid)
{
	starved_watch(e->starved, pid, clock_mono_ns());
}

void
engine_unwatch(struct engine *e, long pid)
{
	starved_forget(e->starved, pid);
}

int64_t
engine_starved(const struct engine *e, long pid, int64_t since_ns)
{
	/* To a faked time what a CPU was waited for says nothing. */
	return clock_is_fake() ? 0 : starved_since(e->starved, pid, since_ns);
}

/* ---- starting and ending cases ---- */

static void
enter(struct engine *e, struct play *p)
{
	p->next = e->running;
	e->running = p;
	e->nrunning++;
	e->at_work[p->playing_in]++;
	e->promised += need_of(p);
}

/* Those that are over are handed over in a turn of their own. */
static void
finish(struct engine *e, struct play *p)
{
	p->next = e->finished;
	e->finished = p;
	loop_defer(e->loop, &e->turn);
}

static void
start(struct engine *e, struct play *p)
{
	p->missed = clock_mono_ns() > p->begin_by_ns;
	if (p->missed) {
		finish(e, p);
		return;
	}
	enter(e, p);
	play_start(p);
}

/* One always may, whatever it needs. */
static bool
may_start(const struct engine *e, const struct play *p)
{
	if (e->nrunning == 0)
		return true;
	return e->at_work[TURN_ALONE] == 0 &&
	    (e->options.jobs == 0 || e->nrunning < e->options.jobs) &&
	    e->held < HELD_MAX / 2 &&
	    e->promised + need_of(p) <= e->descriptors;
}

static size_t
nwaiting(const struct engine *e)
{
	size_t n = 0;

	for (int t = 0; t < NTURNS; t++)
		n += e->waiting[t].n;
	return n;
}

static bool
has_its_turn(const struct engine *e, enum turn turn)
{
	switch (turn) {
	case TURN_BESIDE:
		return e->at_work[TURN_BESIDE] < BESIDE_MAX;
	case TURN_CROWD:
		return e->at_work[TURN_CALM] == 0;
	case TURN_CALM:
		return e->waiting[TURN_CROWD].n + e->at_work[TURN_CROWD] == 0;
	default:
		return e->nrunning == 0 &&
		    nwaiting(e) == e->waiting[TURN_ALONE].n;
	}
}

static bool
start_one(struct engine *e)
{
	for (int t = 0; t < NTURNS; t++) {
		struct waiting *w = &e->waiting[t];

		if (w->n == 0 || !has_its_turn(e, (enum turn)t) ||
		    !may_start(e, waiting_first(w)))
			continue;
		start(e, waiting_shift(w));
		return true;
	}
	return false;
}

static void
start_some(struct engine *e)
{
	for (int i = 0; i < STARTS_PER_TURN; i++)
		if (!start_one(e))
			return;
	loop_next_turn(e->loop, &e->turn);
}

static void
hand_over(struct engine *e, struct play *p)
{
	void (*on_done)(void *arg, struct case_result *r) = p->on_done;
	void *arg = p->arg;
	struct case_result *r = p->missed ? NULL : play_result_take(p);

	namesakes_remove(e->names, p->instance->name, p->control);
	play_free(p);
	on_done(arg, r);
}

static void
on_turn(void *arg)
{
	struct engine *e = arg;
	struct play *p;

	while ((p = e->finished) != NULL) {
		e->finished = p->next;
		p->next = NULL;
		hand_over(e, p);
	}
	if (!e->stopping)
		start_some(e);
	if (engine_pending(e) == 0)
		timer_cancel(e->beat);
}

void
engine_play_done(struct engine *e, struct play *p)
{
	unlink_running(e, p);
	finish(e, p);
}

/* ---- the interface ---- */

/* As many as there may be. */
static size_t
take_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 256;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > DESCRIPTORS_KEPT
	    ? (size_t)limit.rlim_cur - DESCRIPTORS_KEPT
	    : 0;
}

struct engine *
engine_new(struct loop *l, const struct engine_options *o)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->loop = l;
	e->options = *o;
	e->descriptors = take_descriptors();
	e->turn.work = on_turn;
	e->turn.arg = e;
	e->beat = timer_new(l, on_beat, e);
	if (e->beat == NULL) {
		free(e);
		return NULL;
	}
	e->starved = starved_new();
	e->beside = beside_new();
	e->names = namesakes_new();
	return e;
}

static void
free_list(struct play *p)
{
	struct play *next;

	for (; p != NULL; p = next) {
		next = p->next;
		play_free(p);
	}
}

void
engine_free(struct engine *e)
{
	struct tls_cache *c;

	if (e == NULL)
		return;
	loop_undefer(e->loop, &e->turn);
	timer_free(e->beat);
	starved_free(e->starved);
	for (int t = 0; t < NTURNS; t++)
		waiting_clear(&e->waiting[t]);
	free_list(e->running);
	free_list(e->finished);
	namesakes_free(e->names);
	beside_free(e->beside);
	while ((c = e->tls) != NULL) {
		e->tls = c->next;
		tls_ctx_free(c->ctx);
		free(c);
	}
	free(e);
}

/* Runs of one name that are there at the same time must differ in their keys,
 * since the relay may be the same one. */
static char *
key_name(struct engine *e, const struct instance *i, bool control)
{
	const char *suffix = control ? " control" : "";

	if (namesakes_add(e->names, i->name, control) == 0)
		return xasprintf("%s%s", i->name, suffix);
	return xasprintf("%s%s #%llu", i->name, suffix,
	    (unsigned long long)++e->clones);
}

/* Which scenario may play when. */
static enum turn
turn_of(const struct engine *e, const struct engine_target *t,
    const struct scenario *sc)
{
	if (sc->calm)
		return TURN_CALM;
	if (sc->own && t->host != NULL)
		return TURN_BESIDE;
	if (sc->serial)
		return t->beside && !e->no_beside ? TURN_BESIDE : TURN_ALONE;
	return TURN_CROWD;
}

static struct play *
new_play(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control,
    void (*on_done)(void *arg, struct case_result *r), void *arg)
{
	char *name = key_name(e, i, control);
	struct play *p = play_new(e, t, i, control, name, &e->options);

	free(name);
	p->on_done = on_done;
	p->arg = arg;
	p->playing_in = turn_of(e, t, i->scenario);
	p->patience_ns = scenario_patience(i->scenario);
	p->begin_by_ns = INT64_MAX;
	return p;
}

static void
add(struct engine *e, struct play *p)
{
	waiting_add(&e->waiting[p->playing_in], p);
	if (!timer_is_set(e->beat))
		timer_set(e->beat, BEAT);
	loop_next_turn(e->loop, &e->turn);
}

void
engine_add(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control,
    void (*on_done)(void *arg, struct case_result *r), void *arg)
{
	add(e, new_play(e, t, i, control, on_done, arg));
}

void
engine_add_ahead(struct engine *e, const struct engine_target *t,
    const struct instance *i, void (*on_done)(void *arg, struct case_result *r),
    void *arg)
{
	struct play *p = new_play(e, t, i, false, on_done, arg);

	p->patience_ns = INT64_MAX;
	add(e, p);
}

void
engine_add_by(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control, int64_t begin_by_ns,
    void (*on_done)(void *arg, struct case_result *r), void *arg)
{
	struct play *p = new_play(e, t, i, control, on_done, arg);

	p->begin_by_ns = begin_by_ns;
	add(e, p);
}

static size_t
count(const struct play *p)
{
	size_t n = 0;

	for (; p != NULL; p = p->next)
		n++;
	return n;
}

size_t
engine_pending(const struct engine *e)
{
	return nwaiting(e) + e->nrunning + count(e->finished);
}

void
engine_stop(struct engine *e)
{
	struct play *p, *next;

	e->stopping = true;
	for (int t = 0; t < NTURNS; t++)
		while (e->waiting[t].n > 0)
			enter(e, waiting_shift(&e->waiting[t]));
	for (p = e->running; p != NULL; p = next) {
		next = p->next;
		play_stop(p);
	}
	loop_undefer(e->loop, &e->turn);
	on_turn(e);
	e->stopping = false;
}

/* ---- what plays ask for ---- */

struct loop *
engine_loop(const struct engine *e)
{
	return e->loop;
}

bool
engine_observes(const struct engine *e)
{
	return e->options.observe;
}

void
engine_hold(struct engine *e, int64_t bytes)
{
	e->held += bytes;
}

struct beside *
engine_beside(struct engine *e)
{
	return e->beside;
}

const char *
engine_trouble(const struct engine *e)
{
	return beside_trouble(e->beside);
}

/* Those that have not begun go where they would be without. */
void
engine_give_up_beside(struct engine *e)
{
	struct waiting were = e->waiting[TURN_BESIDE];

	e->no_beside = true;
	e->waiting[TURN_BESIDE] = (struct waiting){ .n = 0 };
	while (were.n > 0) {
		struct play *p = waiting_shift(&were);

		if (!p->instance->scenario->own)
			p->playing_in = TURN_ALONE;
		waiting_add(&e->waiting[p->playing_in], p);
	}
	waiting_clear(&were);
}

bool
engine_has_room(const struct engine *e)
{
	return e->held < HELD_MAX;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
serves(const struct tls_cache *c, const struct engine_target *t,
    const struct party_config *sc)
{
	return same(c->cafile, t->cafile) && same(c->keylog, t->keylog) &&
	    c->config.insecure == sc->insecure &&
	    c->config.min_version == sc->tls_min &&
	    c->config.max_version == sc->tls_max &&
	    strcmp(c->alpn, sc->alpn) == 0;
}

struct tls_ctx *
engine_tls(struct engine *e, const struct engine_target *t,
    const struct party_config *sc, char *err, size_t err_size)
{
	struct tls_cache *c;

	for (c = e->tls; c != NULL; c = c->next)
		if (serves(c, t, sc))
			return c->ctx;
	c = xcalloc(1, sizeof(*c));
	c->cafile = t->cafile;
	c->keylog = t->keylog;
	snprintf(c->alpn, sizeof(c->alpn), "%s", sc->alpn);
	c->config = (struct tls_client_config){
		.cafile = t->cafile,
		.insecure = sc->insecure,
		.keylog = t->keylog,
		.min_version = sc->tls_min,
		.max_version = sc->tls_max,
		.alpn = c->alpn[0] != '\0' ? c->alpn : NULL,
	};
	c->ctx = tls_client_ctx_new(&c->config, err, err_size);
	if (c->ctx == NULL) {
		free(c);
		return NULL;
	}
	c->next = e->tls;
	e->tls = c;
	return c->ctx;
}
