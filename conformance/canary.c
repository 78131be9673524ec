/* Playing the canary, and what it says of a target; see canary.h. */
#include "config.h"

#include "conformance/canary.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/run_case.h"

#define MAX_TRIES 3

const char *
canary_name(enum canary c)
{
	static const char *const names[] = {
		[CANARY_UNTRIED] = "not played",
		[CANARY_OK] = "ok",
		[CANARY_FAILED] = "failed",
	};

	return names[c];
}

/* What it says of its target, which it may lose. */
static enum canary
judge(struct run_case *c, const char *when)
{
	struct run *r = c->target->run;

	c->verdict = judge_case(c->result, NULL, c->c->level, &c->decided);
	if (r->stop && c->result->code == CODE_TIMEOUT)
		return CANARY_UNTRIED;
	r->ncanaries++;
	if (c->result->code == CODE_OK) {
		r->ncanaries_ok++;
		return CANARY_OK;
	}
	run_lose_target(c->target,
	    xasprintf("the canary %s failed %s: %s%s%s", c->c->instance->name,
		when,
		c->result->message != NULL
		    ? c->result->message
		    : result_code_meaning(c->result->code),
		c->artifacts != NULL ? "; see " : "",
		c->artifacts != NULL ? c->artifacts : ""));
	return CANARY_FAILED;
}

/* Write what it has left, and forget it. */
static void
clear(struct run_case *c)
{
	if (!artifacts_write(c))
		c->target->run->tally.infrastructure = true;
	case_result_free(c->result);
	free(c->artifacts);
}

/* ---- before and after ---- */

void
canary_play(struct run *r, unsigned round, bool after)
{
	struct run_case *runs = xcalloc(r->ntargets, sizeof(*runs));

	run_start_engines(r, round, false);
	for (size_t i = r->first; i < r->last; i++) {
		struct run_target *t = &r->targets[i];

		runs[i].target = t;
		runs[i].round = round;
		if (t->engine == NULL || t->trouble != NULL ||
		    t->canary == NULL || r->stop)
			continue;
		runs[i].c = t->canary;
		artifacts_canary(&runs[i], after ? "after" : "before");
	}
	run_case_play_on_time(r, runs + r->first, r->last - r->first);
	for (size_t i = r->first; i < r->last; i++) {
		struct run_target *t = &r->targets[i];
		enum canary said = CANARY_UNTRIED;

		if (runs[i].result != NULL)
			said = judge(&runs[i],
			    after ? "after the cases" : "before the cases");
		if (said != CANARY_UNTRIED)
			*(after ? &t->after : &t->before) = said;
		clear(&runs[i]);
	}
	run_stop_engines(r);
	free(runs);
}

/* ---- behind a case ---- */

/* Is it a finding that a dead target would bring about, too? */
static bool
is_suspect(const struct run_case *c)
{
	if (c->decided == NULL || run_case_is_elsewhere(c))
		return false;
	switch (c->decided->code) {
	case CODE_OK:
	case CODE_HARNESS_LATE:
	case CODE_SCRIPT:
	case CODE_UNSUPPORTED:
		return false;
	default:
		return true;
	}
}

static void on_answer(void *arg, struct case_result *result);

static void
ask(struct run_target *t)
{
	t->canary_out = true;
	t->canaries++;
	engine_add_ahead(t->engine, &t->target->engine, t->canary->instance,
	    on_answer, t);
}

static bool
is_over(const struct run_target *t)
{
	return t->run->stop || t->trouble != NULL;
}

/* The cases that it was behind; true if others wait for the next one. */
static bool
settle_behind(struct run_target *t, enum canary said)
{
	struct run *r = t->run;
	bool more = false;

	for (size_t i = 0; i < r->nplan; i++) {
		struct run_case *c = &r->plan[i];

		if (c->target != t || c->waits != WAITS_CANARY)
			continue;
		if (c->canary > t->canaries && !is_over(t)) {
			more = true;
			continue;
		}
		c->after = c->canary > t->canaries ? CANARY_UNTRIED : said;
		run_case_settle(c, c->verdict);
	}
	return more;
}

static enum canary
judge_behind(struct run_target *t, struct case_result *result)
{
	struct run_case c = { .c = t->canary,
		.target = t,
		.round = t->canary_round,
		.result = result };
	enum canary said;

	if (result->code != CODE_OK)
		artifacts_canary(&c, "behind");
	said = judge(&c, "behind a case");
	clear(&c);
	return said;
}

/* One that failed in the crowd has another try. */
static void
on_answer(void *arg, struct case_result *result)
{
	struct run_target *t = arg;
	bool failed = result->code != CODE_OK, more;
	enum canary said = CANARY_UNTRIED;

	t->canary_out = false;
	t->canary_tries = failed ? t->canary_tries + 1 : 0;
	if (failed && t->canary_tries < MAX_TRIES && !t->run->stop) {
		case_result_free(result);
		t->canaries--;
		ask(t);
		return;
	}
	if (result->code != CODE_HARNESS_LATE)
		said = judge_behind(t, result);
	else
		case_result_free(result);
	t->canary_tries = 0;
	while ((more = settle_behind(t, said)) && is_over(t))
		;
	if (more)
		ask(t);
}

bool
canary_follows(struct run_case *c, enum verdict v)
{
	struct run_target *t = c->target;

	if (!is_suspect(c) || t->canary == NULL || is_over(t) ||
	    t->run->observe)
		return false;
	c->verdict = v;
	c->waits = WAITS_CANARY;
	c->canary = t->canaries + 1;
	t->canary_round = c->round;
	if (!t->canary_out)
		ask(t);
	return true;
}

/* ---- the end of a process ---- */

static size_t
count_playing(const struct run_target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->run->nplan; i++) {
		const struct run_case *c = &t->run->plan[i];

		n += c->target == t && c->playing && !run_case_is_elsewhere(c);
	}
	return n;
}

bool
canary_is_orphan(const struct run_case *c, enum verdict v)
{
	struct run_target *t = c->target;
	enum result_code code = c->decided->code;

	if ((v != VERDICT_FAIL && v != VERDICT_NONSTRICT) ||
	    (code != CODE_CLOSED && code != CODE_RESET) ||
	    run_case_is_elsewhere(c) || t->run->o->keep_going ||
	    target_death(t->target) == NULL)
		return false;
	if (t->witnesses == 0)
		t->witnesses = count_playing(t);
	return t->witnesses > 1;
}
