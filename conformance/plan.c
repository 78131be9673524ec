/* What is to be played: targets, suite and selection -> the plan of a run. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/proof.h"
#include "conformance/run.h"
#include "scenario/patience.h"

bool
case_is_framed(const struct suite_case *c)
{
	const char *carrier = rk_carrier_name(c->instance->carrier);
	const char *open = strchr(c->instance->name, '[');
	size_t n = strlen(carrier);

	return open != NULL && strncmp(open + 1, carrier, n) == 0 &&
	    (open[1 + n] == ',' || open[1 + n] == ']');
}

bool
run_has_rounds(const struct run *r)
{
	return r->o->repeat > 1 || r->o->until_fail;
}

char *
run_case_name(const struct run *r, const struct run_case *c)
{
	if (run_has_rounds(r))
		return xasprintf("%s (round %u)", c->c->instance->name,
		    c->round);
	return xstrdup(c->c->instance->name);
}

uint64_t
run_seed(const struct run *r, unsigned round)
{
	return r->o->target.seed + (r->observe ? 0 : round - 1);
}

static void
add_lack(struct text *out, bool lacks, const char *before, const char *cap)
{
	if (lacks)
		text_addf(out, "%s%s%s", out->len > 0 ? ", " : "", before, cap);
}

int64_t
run_begin_by(const struct run_case *c, bool control)
{
	const struct run *r = c->target->run;
	int64_t last;
	double takes;

	if (r->o->budget_ns == 0 ||
	    __builtin_add_overflow(r->started_ns, r->o->budget_ns, &last))
		return INT64_MAX;
	takes = (double)scenario_patience(c->c->scenario) * r->o->time_scale *
	    c->target->target->engine.scale * (control ? 2 : 1);
	/* A patience has a limit, and so have the scales. */
	return last - (int64_t)takes;
}

bool
run_case_is_elsewhere(const struct run_case *c)
{
	const struct scenario *sc = c->c->scenario;

	return sc->own || (sc->serial && c->target->target->engine.beside);
}

char *
run_case_lacks(const struct suite_case *c, const struct target *t)
{
	const struct scenario *sc = c->scenario;
	const char *carrier = rk_carrier_name(c->instance->carrier);
	struct text out;

	text_init(&out);
	add_lack(&out, case_is_framed(c) && !target_has(t, carrier), "",
	    carrier);
	for (size_t i = 0; i < sc->nneeds; i++)
		add_lack(&out, !target_has(t, sc->needs[i]), "", sc->needs[i]);
	for (size_t i = 0; i < sc->nunless; i++)
		add_lack(&out, target_has(t, sc->unless[i]), "no ",
		    sc->unless[i]);
	if (sc->own && strstr(text_str(&out), "own") == NULL)
		add_lack(&out, !target_has(t, "own"), "", "own");
	if (out.len > 0)
		return text_take(&out);
	text_clear(&out);
	return NULL;
}

/* ---- targets ---- */

static int
twin_name(const struct run *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(r->targets[i].target->name,
			r->targets[n].target->name) == 0)
			return cli_usage_error("target %s is there twice",
			    r->targets[n].target->name);
	return 0;
}

static int
read_client(struct run *r)
{
	const struct options *o = r->o;

	if (o->nwords > 0)
		return cli_usage_error("either a target or --client");
	if (strstr(o->target.client, "{url}") == NULL)
		return cli_usage_error(
		    "--client: the command has no {url}, where the client "
		    "would be told where to go");
	if (o->target.client_send != NULL &&
	    (strstr(o->target.client_send, "{url}") == NULL ||
		strstr(o->target.client_send, "{file}") == NULL))
		return cli_usage_error(
		    "--client-send: the command needs {url} and {file}: where "
		    "to go, and what to send");
	r->targets = xcalloc(1, sizeof(*r->targets));
	r->targets[0].run = r;
	r->targets[0].target = target_new_client(&o->target);
	r->ntargets = 1;
	return 0;
}

static int
refuse_no_target(const struct options *o)
{
	static const char ask[] =
	    "which target? a URL, or the name or file of a .target";
	char *meant =
	    o->selection.nselect > 0 && o->selection.select[0].kind == SELECT_ID
	    ? target_meant(o->selection.select[0].text)
	    : NULL;
	int status = meant != NULL
	    ? cli_usage_error("%s; did you mean %s?", ask, meant)
	    : cli_usage_error("%s", ask);

	free(meant);
	return status;
}

static int
read_targets(struct run *r)
{
	const struct options *o = r->o;
	struct text errors;
	int status = 0;

	if (o->target.client != NULL)
		return read_client(r);
	if (o->target.client_send != NULL)
		return cli_usage_error("--client-send needs --client");
	if (o->nwords == 0)
		return refuse_no_target(o);
	text_init(&errors);
	r->targets = xcalloc(o->nwords, sizeof(*r->targets));
	for (size_t i = 0; status == 0 && i < o->nwords; i++) {
		struct run_target *t = &r->targets[i];

		t->run = r;
		t->target =
		    target_new(o->words[i], &o->target, &errors, &status);
		if (t->target == NULL)
			break;
		r->ntargets++;
		status = twin_name(r, i);
	}
	if (errors.len > 0) {
		fflush(stdout);
		fprintf(stderr, "%s", text_str(&errors));
	}
	text_clear(&errors);
	return status;
}

static const struct suite_case *
canary_among(const struct run_target *t, const struct suite_case *cases,
    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct suite_case *c = &cases[i];

		if (!c->from_file &&
		    strcmp(c->scenario->id, "ping.echo") == 0 &&
		    c->instance->carrier == t->target->engine.url.carrier)
			return c;
	}
	return NULL;
}

/* The program's own, whatever the files have. */
static const struct suite_case *
find_canary(const struct run_target *t)
{
	const struct case_list *list = t->list;
	const struct suite_case *c = canary_among(t, list->cases, list->n);

	return c != NULL ? c : canary_among(t, list->replaced, list->nreplaced);
}

/* ---- cases ---- */

static bool
is_of_carrier(const struct run *r, const struct suite_case *c)
{
	const char *wanted = r->o->target.carrier;

	return wanted == NULL || !case_is_framed(c) ||
	    strcmp(wanted, rk_carrier_name(c->instance->carrier)) == 0;
}

/* Neighbours take as long: they go to different parts. */
static bool
is_of_shard(const struct run *r, size_t number)
{
	return r->o->shards == 0 ||
	    number % (size_t)r->o->shards == (size_t)r->o->shard - 1;
}

static void
add_case(struct run *r, struct run_target *t, const struct suite_case *c,
    bool skip)
{
	r->plan = xreallocarray(r->plan, ++r->nplan, sizeof(*r->plan));
	r->plan[r->nplan - 1] = (struct run_case){
		.c = c,
		.target = t,
		.round = 1,
		.number = r->nplan,
		.verdict = skip ? VERDICT_SKIPPED : VERDICT_PASS,
		.reason = skip ? xstrdup("--skip") : NULL,
	};
}

static int
read_last(struct run *r, struct selection *s)
{
	const char **names = xcalloc(r->ntargets + 1, sizeof(*names));
	char err[PATH_MAX + 512];
	int status;

	for (size_t i = 0; i < r->ntargets; i++)
		names[i] = r->targets[i].target->name;
	status = selection_read_last(s, names, r->ntargets, err, sizeof(err));
	free(names);
	return status == 0 ? 0 : cli_usage_error("%s", err);
}

static int
select_cases(struct run *r)
{
	struct selection *s = (struct selection *)(uintptr_t)&r->o->selection;
	struct case_list none = { .n = 0 };
	char err[512];
	int status = read_last(r, s);
	size_t selected = 0;

	if (status != 0)
		return status;
	for (size_t i = 0; i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];
		size_t taken = 0;

		s->target = t->target->name;

		for (size_t k = 0; k < t->list->n; k++) {
			const struct suite_case *c = &t->list->cases[k];
			enum selected how;

			if (!is_of_carrier(r, c) ||
			    suite_needs(c, "client") !=
				(r->o->target.client != NULL))
				continue;
			r->ncases++;
			how = selection_take(s, c);
			r->nslow += how == SELECTED_SLOW;
			if ((how == SELECTED_YES || how == SELECTED_SKIP) &&
			    is_of_shard(r, taken++))
				add_case(r, t, c, how == SELECTED_SKIP);
		}
		selected += taken;
	}
	if (selection_check(s, r->ntargets > 0 ? r->targets[0].list : &none,
		err, sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	/* A part may be empty where there are more of them than cases. */
	if (selected == 0)
		return cli_usage_error("no case is selected");
	return 0;
}

static void
clear_case(struct run_case *c)
{
	case_result_free(c->result);
	case_result_free(c->control);
	free(c->reason);
	free(c->again);
	free(c->artifacts);
}

int
run_add_round(struct run *r)
{
	size_t at = r->nplan, n = at / r->rounds;
	int status;

	r->plan = xreallocarray(r->plan, at + n, sizeof(*r->plan));
	for (size_t i = 0; i < n; i++) {
		const struct run_case *c = &r->plan[i];
		bool skip = c->verdict == VERDICT_SKIPPED;

		r->plan[at + i] = (struct run_case){
			.c = c->c,
			.target = c->target,
			.round = r->rounds + 1,
			.number = at + i + 1,
			.verdict = skip ? VERDICT_SKIPPED : VERDICT_PASS,
			.reason = skip ? xstrdup(c->reason) : NULL,
		};
	}
	r->nplan = at + n;
	r->rounds++;
	status = artifacts_prepare(r, at);
	if (status != 0) {
		while (r->nplan > at)
			clear_case(&r->plan[--r->nplan]);
		r->rounds--;
	}
	return status;
}

static int
list_cases(struct run *r)
{
	struct text errors;
	int status = 0;

	text_init(&errors);
	for (size_t i = 0; status == 0 && i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];

		t->list =
		    suite_cases(r->suite, t->target->engine.dialect, &errors);
		if (t->list == NULL) {
			fflush(stdout);
			fputs(text_str(&errors), stderr);
			status = EXIT_SCRIPT;
		} else {
			t->canary =
			    r->o->target.client != NULL ? NULL : find_canary(t);
			status = proof_prepare(t);
		}
	}
	text_clear(&errors);
	return status;
}

int
run_prepare(struct run *r, const struct options *o)
{
	int status;

	memset(r, 0, sizeof(*r));
	r->o = o;
	r->tally.strict = o->strict;
	r->date = (int64_t)time(NULL);
	status = read_targets(r);
	if (status != 0)
		return status;
	r->suite = options_suite(o, &status);
	if (r->suite == NULL)
		return status;
	status = list_cases(r);
	if (status == 0)
		status = run_read_deviations(r);
	if (status == 0)
		status = select_cases(r);
	r->rounds = 1;
	if (status == 0)
		status = artifacts_prepare(r, 0);
	while (status == 0 && r->rounds < o->repeat)
		status = run_add_round(r);
	return status;
}

void
run_clear(struct run *r)
{
	for (size_t i = 0; i < r->nplan; i++)
		clear_case(&r->plan[i]);
	for (size_t i = 0; i < r->ntargets; i++) {
		target_free(r->targets[i].target);
		deviations_free(r->targets[i].deviations);
		free(r->targets[i].declared);
		proof_clear(&r->targets[i]);
		free(r->targets[i].trouble);
		free(r->targets[i].ending);
	}
	text_clear(&r->stale);
	suite_free(r->suite);
	free(r->plan);
	free(r->targets);
	memset(r, 0, sizeof(*r));
}
