/* Playing what proves capabilities; see proof.h. */
#include "config.h"

#include "conformance/proof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/canary.h"
#include "conformance/run_case.h"

/* ---- what is to be proven ---- */

static bool
is_of_probe(const struct run_probe *p, const struct suite_case *c)
{
	return !suite_needs(c, "client") &&
	    selector_matches(&p->selection.select[0], c);
}

static int
find_cases(struct run_target *t, struct run_probe *p, char *err,
    size_t err_size)
{
	p->selection.slow = true; /* if it is named, it is meant */
	if (selection_add(&p->selection, p->scenario, err, err_size) != 0)
		return -1;
	for (size_t i = 0; i < t->list->n; i++)
		if (is_of_probe(p, &t->list->cases[i]))
			selection_take(&p->selection, &t->list->cases[i]);
	return selection_check(&p->selection, t->list, err, err_size);
}

int
proof_prepare(struct run_target *t)
{
	size_t n = target_nprobes(t->target);
	int status = 0;

	t->probes = xcalloc(n + 1, sizeof(*t->probes));
	for (size_t i = 0; i < n; i++) {
		const struct target_probe *said = &t->target->file->probes[i];
		struct run_probe *p = &t->probes[t->nprobes++];
		char err[512];

		p->cap = xstrdup(said->cap);
		p->scenario = xstrdup(said->select);
		if (find_cases(t, p, err, sizeof(err)) == 0)
			continue;
		fflush(stdout);
		fprintf(stderr, "%s:%d:%d: probe %s: %s\n",
		    t->target->file->path, said->line, said->column, p->cap,
		    err);
		status = EXIT_SCRIPT;
	}
	return status;
}

void
proof_clear(struct run_target *t)
{
	for (size_t i = 0; i < t->nprobes; i++) {
		free(t->probes[i].cap);
		free(t->probes[i].scenario);
		free(t->probes[i].why);
		selection_clear(&t->probes[i].selection);
	}
	free(t->probes);
	t->probes = NULL;
	t->nprobes = 0;
}

/* ---- playing ---- */

static enum canary
judge(struct run_probe *p, struct run_case *c)
{
	const struct run_target *t = c->target;
	enum verdict v;

	if (c->result == NULL || t->run->stop || t->trouble != NULL)
		return CANARY_UNTRIED;
	v = judge_case(c->result, NULL, c->c->level, &c->decided);
	if (v == VERDICT_PASS)
		return CANARY_OK;
	p->why = xasprintf("%s: %s", c->c->instance->name,
	    c->result->code != CODE_OK ? result_code_name(c->result->code)
				       : verdict_name(v));
	return v == VERDICT_INCONCLUSIVE ? CANARY_UNTRIED : CANARY_FAILED;
}

static enum canary
prove_by(struct run_target *t, struct run_probe *p, const struct suite_case *c)
{
	struct run_case one = { .c = c, .target = t };
	char *lacks = run_case_lacks(c, t->target);
	enum canary said = CANARY_FAILED;

	if (lacks != NULL) {
		p->why = xasprintf("%s needs %s", c->instance->name, lacks);
		free(lacks);
		return said;
	}
	run_case_play_on_time(t->run, &one, 1);
	said = judge(p, &one);
	case_result_free(one.result);
	return said;
}

/* Each of its cases must pass; meanwhile the target has it. */
static void
prove(struct run_target *t, struct run_probe *p)
{
	p->said = CANARY_OK;
	target_give_cap(t->target, p->cap);
	for (size_t i = 0; i < t->list->n && p->said == CANARY_OK; i++)
		if (is_of_probe(p, &t->list->cases[i]))
			p->said = prove_by(t, p, &t->list->cases[i]);
	if (p->said != CANARY_OK)
		target_take_cap(t->target, p->cap);
}

static bool
is_there_any(const struct run *r)
{
	for (size_t i = r->first; i < r->last; i++)
		if (r->targets[i].nprobes > 0)
			return true;
	return false;
}

void
proof_play(struct run *r)
{
	if (!is_there_any(r))
		return;
	run_start_engines(r, 1, false);
	for (size_t i = r->first; i < r->last; i++) {
		struct run_target *t = &r->targets[i];

		for (size_t k = 0; k < t->nprobes && t->engine != NULL &&
		     t->trouble == NULL && !r->stop;
		     k++)
			prove(t, &t->probes[k]);
	}
	run_stop_engines(r);
}

/* ---- what they said ---- */

static bool
is_needed(const struct run_probe *p, const struct run_case *c)
{
	const char *carrier = rk_carrier_name(c->c->instance->carrier);

	return suite_needs(c->c, p->cap) ||
	    (case_is_framed(c->c) && strcmp(carrier, p->cap) == 0);
}

enum verdict
proof_judge(const struct run_case *c, const char *lacks, char **reason)
{
	const struct run_target *t = c->target;
	enum verdict v = VERDICT_UNSUPPORTED;
	struct text out;

	text_init(&out);
	text_addf(&out, "needs %s", lacks);
	for (size_t i = 0; i < t->nprobes; i++) {
		const struct run_probe *p = &t->probes[i];

		if (p->said == CANARY_OK || !is_needed(p, c))
			continue;
		if (p->said == CANARY_UNTRIED)
			v = VERDICT_INCONCLUSIVE;
		text_addf(&out, "; the probe of %s %s%s%s%s", p->cap,
		    p->said == CANARY_FAILED ? "failed" : "said nothing",
		    p->why != NULL ? " (" : "", p->why != NULL ? p->why : "",
		    p->why != NULL ? ")" : "");
	}
	*reason = text_take(&out);
	return v;
}

void
proof_add_lines(const struct run_target *t, struct text *out)
{
	for (size_t i = 0; i < t->nprobes; i++) {
		const struct run_probe *p = &t->probes[i];

		text_addf(out, "probed %s: %s, by %s%s%s%s\n", p->cap,
		    canary_name(p->said), p->scenario,
		    p->why != NULL ? " (" : "", p->why != NULL ? p->why : "",
		    p->why != NULL ? ")" : "");
	}
}
