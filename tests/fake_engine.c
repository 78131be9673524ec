/* An engine without relays; see fake_engine.h. */
#include "config.h"

#include "fake_engine.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/suite.h"

struct play {
	const struct engine_target *target;
	const struct instance *instance;
	bool control;
	void (*on_done)(void *arg, struct case_result *r);
	void *arg;
	struct fake_end end;
	bool missed; /* not begun, as it is too late */
	struct play *next;
};

struct engine {
	struct loop *loop;
	struct timer *timer;
	struct play *plays;
	size_t n;
};

static fake_play how;
static struct text plays_log;
static size_t most, playing;

void
fake_engine_set(fake_play play)
{
	how = play;
	text_reset(&plays_log);
	most = 0;
}

const char *
fake_engine_log(void)
{
	return text_str(&plays_log);
}

size_t
fake_engine_most(void)
{
	return most;
}

size_t
fake_engine_playing(void)
{
	return playing;
}

static struct case_result *
result_of(const struct play *p, enum result_code code)
{
	struct case_result *r = xcalloc(1, sizeof(*r));
	const struct scenario *sc = p->instance->scenario;

	r->instance = p->instance;
	r->control = p->control;
	r->code = code;
	r->word = p->end.word;
	r->step = code != CODE_OK && sc->nsteps > 0 ? sc->steps[sc->nsteps - 1]
						    : NULL;
	r->message = p->end.message != NULL ? xstrdup(p->end.message) : NULL;
	r->named = p->end.named != NULL ? xstrdup(p->end.named) : NULL;
	r->took_ns = p->end.took_ns > 0 ? p->end.took_ns : 20 * NS_PER_MS;
	r->overdue_ns = p->end.overdue_ns;
	r->late_ns = p->end.late_ns;
	r->tightest = p->end.tightest;
	r->teardown = xstrdup("A clean");
	r->transcript = transcript_new();
	if (p->end.events != NULL)
		p->end.events(r->transcript);
	return r;
}

static void
end_play(struct engine *e, struct play **at, enum result_code code)
{
	struct play *p = *at;

	*at = p->next;
	e->n--;
	p->on_done(p->arg, p->missed ? NULL : result_of(p, code));
	free(p);
}

static void
on_time(void *arg)
{
	struct engine *e = arg;
	struct play **at = &e->plays;
	size_t n = e->n;

	/* What is added meanwhile waits for the next turn. */
	for (size_t i = 0; i < n; i++)
		if ((*at)->end.code == FAKE_HANGS)
			at = &(*at)->next;
		else
			end_play(e, at, (*at)->end.code);
	if (*at != NULL)
		timer_set(e->timer, 0);
}

struct engine *
engine_new(struct loop *l, const struct engine_options *o)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->loop = l;
	e->timer = timer_new(l, on_time, e);
	return e;
}

void
engine_free(struct engine *e)
{
	if (e == NULL)
		return;
	timer_free(e->timer);
	free(e);
}

unsigned
fake_engine_runs(const char *line)
{
	unsigned n = 0;

	for (const char *p = text_str(&plays_log);
	     (p = strstr(p, line)) != NULL; p++)
		n++;
	return n;
}

void
engine_add(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control,
    void (*on_done)(void *arg, struct case_result *r), void *arg)
{
	engine_add_by(e, t, i, control, INT64_MAX, on_done, arg);
}

void
engine_add_ahead(struct engine *e, const struct engine_target *t,
    const struct instance *i, void (*on_done)(void *arg, struct case_result *r),
    void *arg)
{
	engine_add_by(e, t, i, false, INT64_MAX, on_done, arg);
}

void
engine_add_by(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control, int64_t begin_by_ns,
    void (*on_done)(void *arg, struct case_result *r), void *arg)
{
	struct play *p = xcalloc(1, sizeof(*p)), **at = &e->plays;
	char *line = xasprintf("%s%s\n", i->name, control ? " control" : "");

	*p = (struct play){
		.target = t,
		.instance = i,
		.control = control,
		.on_done = on_done,
		.arg = arg,
		.missed = clock_mono_ns() > begin_by_ns,
	};
	if (!p->missed) {
		text_add(&plays_log, line);
		playing = e->n + 1;
		p->end = how(t, i->name, control, fake_engine_runs(line));
	}
	free(line);
	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	e->n++;
	if (e->n > most)
		most = e->n;
	timer_set(e->timer, 0);
}

const char *
engine_trouble(const struct engine *e)
{
	return NULL;
}

size_t
engine_pending(const struct engine *e)
{
	return e->n;
}

void
engine_stop(struct engine *e)
{
	while (e->plays != NULL)
		end_play(e, &e->plays, CODE_TIMEOUT);
}

void
case_result_free(struct case_result *r)
{
	if (r == NULL)
		return;
	free(r->named);
	free(r->message);
	free(r->detail);
	free(r->teardown);
	free(r->vars);
	transcript_free(r->transcript);
	free(r);
}

const char *
result_code_name(enum result_code c)
{
	static const char *const names[CODE_NKINDS] = {
		[CODE_OK] = "",
		[CODE_WRONG] = "E-WRONG",
		[CODE_LATE] = "E-LATE",
		[CODE_NEVER] = "E-NEVER",
		[CODE_HARNESS_LATE] = "HARNESS-LATE",
		[CODE_CONNECT] = "CONNECT",
		[CODE_TIMEOUT] = "TIMEOUT",
	};

	return names[c] != NULL ? names[c] : "E-OTHER";
}

const char *
result_code_meaning(enum result_code c)
{
	return c == CODE_OK ? "ok" : "something else than that";
}

/* ---- the suite ---- */

#define FILE_OF(path, text)                                                    \
	{                                                                      \
		path, text, sizeof(text) - 1                                   \
	}

const struct embedded_file embedded_files[] = {
	FILE_OF("conformance/requirements/iroh-v3.tsv",
	    "# a small list\n"
	    "id\tside\tlevel\ttext\tsource\n"
	    "R-120\tS\tMUST\tA packet arrives.\tCCN\n"
	    "R-129\tS\tMUST\tPing is answered.\tCCN\n"
	    "R-130\tS\tSHOULD\tPongs keep their order.\tCCN\n"
	    "R-134\tS\tUNSPECIFIED\tKeep-alives are not postponed.\tCCN\n"),
	FILE_OF("conformance/scenarios/iroh-v3/lib/iroh-v3.rly",
	    "rly 1\n"
	    "dialect iroh-v3\n"
	    "proc alive(on)\n"
	    "  on -> Ping data=x\"01*8\"\n"
	    "  on <- Pong data==x\"01*8\"\n"
	    "end\n"),
	FILE_OF("conformance/scenarios/iroh-v3/ping.rly",
	    "rly 1\n"
	    "dialect iroh-v3\n"
	    "include \"lib/iroh-v3.rly\"\n"
	    "\n"
	    "scenario ping.echo \"A Ping is answered\"\n"
	    "  covers R-129\n"
	    "  tags   core\n"
	    "  param  p in x\"00*8\" x\"ff*8\"\n"
	    "  conn A = login key=alice\n"
	    "  A -> Ping data=$p\n"
	    "  A <- Pong data==$p\n"
	    "end\n"
	    "\n"
	    "scenario ping.order \"Pongs keep their order\"\n"
	    "  covers R-130\n"
	    "  conn A = login key=alice\n"
	    "  call alive(A)\n"
	    "end\n"
	    "\n"
	    "scenario ping.long \"An idle client is pinged\"\n"
	    "  covers R-134\n"
	    "  tags   slow\n"
	    "  over   raw\n"
	    "  timeout 100s\n"
	    "  conn A = login key=alice\n"
	    "  A <- KeepAlive within 75s\n"
	    "end\n"),
	FILE_OF("conformance/scenarios/iroh-v3/relay.rly",
	    "rly 1\n"
	    "dialect iroh-v3\n"
	    "\n"
	    "scenario relay.basic \"A packet arrives\"\n"
	    "  covers R-120\n"
	    "  tags   core relay\n"
	    "  over   raw\n"
	    "  conn A = login key=alice\n"
	    "  conn B = login key=bob\n"
	    "  defect  A -> SendPacket key=pub(bob) data=\"hi\"\n"
	    "  control A -> SendPacket key=pub(bob) data=\"ho\"\n"
	    "  B <- RecvPacket key==pub(alice)\n"
	    "end\n"
	    "\n"
	    "scenario relay.metrics \"Counters\"\n"
	    "  covers R-120\n"
	    "  over   raw\n"
	    "  needs  metrics\n"
	    "  conn A = login key=alice\n"
	    "  A -> Ping data=x\"01*8\"\n"
	    "  A <- Pong data==x\"01*8\"\n"
	    "end\n"
	    "\n"
	    "scenario relay.alone \"Alone\"\n"
	    "  covers R-120\n"
	    "  over   raw\n"
	    "  serial\n"
	    "  conn A = login key=alice\n"
	    "  A -> Ping data=x\"01*8\"\n"
	    "  A <- Pong data==x\"01*8\"\n"
	    "end\n"),
	FILE_OF("conformance/targets/little.target",
	    "target little\n"
	    "  url http://127.0.0.1:{port}\n"
	    "  caps raw metrics\n"),
	{ NULL, NULL, 0 },
};
