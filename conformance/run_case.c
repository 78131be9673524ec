/* One case of a run: begun, judged, played again, over. */
#include "config.h"

#include "conformance/run_case.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/canary.h"
#include "conformance/proof.h"
#include "conformance/report.h"

#define MAX_RERUNS 2
#define MAX_TRIES  3
/* What the transcripts of cases that are over hold, till the cases before them
 * are over as well; and what one of them may in any case. */
#define KEPT_MAX   ((size_t)192 << 20)
#define KEPT_LEAST ((size_t)16 << 10)

/* ---- transcripts, which are most of what a run holds ---- */

/* The more there is already, the less another may add: a target that floods
 * every case must not fill the machine. */
static void
keep_transcript(struct run_case *c, struct case_result *result)
{
	struct run *r = c->target->run;
	size_t room = r->kept < KEPT_MAX ? (KEPT_MAX - r->kept) / 2 : 0;
	size_t size;

	if (result == NULL || result->transcript == NULL)
		return;
	transcript_cut(result->transcript,
	    room > KEPT_LEAST ? room : KEPT_LEAST);
	size = transcript_size(result->transcript);
	c->kept += size;
	r->kept += size;
}

/* The text report shows failures at its end, or everything. */
static bool
is_shown_at_the_end(const struct run_case *c)
{
	const struct options *o = c->target->run->o;

	return o->verbose || o->bytes ||
	    (c->verdict != VERDICT_PASS && c->verdict != VERDICT_INFO &&
		c->verdict != VERDICT_XFAIL);
}

/* Every report has had it. */
static void
drop_transcript(struct case_result *result)
{
	if (result == NULL)
		return;
	transcript_free(result->transcript);
	result->transcript = NULL;
}

static void
forget_transcripts(struct run_case *c)
{
	struct run *r = c->target->run;

	if (r->observe || is_shown_at_the_end(c))
		return;
	r->kept -= c->kept;
	c->kept = 0;
	drop_transcript(c->result);
	drop_transcript(c->control);
}

static void
show_in_order(struct run *r, struct run_case *c)
{
	for (size_t i = 0; i < r->nreports; i++)
		if (r->reports[i]->ops->in_order != NULL)
			r->reports[i]->ops->in_order(r->reports[i], c);
	forget_transcripts(c);
}

static void
tell_reports(struct run *r, struct run_case *c)
{
	for (size_t i = 0; i < r->nreports; i++)
		if (r->reports[i]->ops->done != NULL)
			r->reports[i]->ops->done(r->reports[i], c);
	for (; r->nordered < r->nplan && r->plan[r->nordered].done;
	     r->nordered++)
		show_in_order(r, &r->plan[r->nordered]);
}

/* What the target's file declares has the last word. */
static enum verdict
judge_deviation(struct run_case *c, enum verdict v)
{
	struct deviations *d = c->target->deviations;
	char *reason;

	if (d == NULL)
		return v;
	v = deviations_judge(d, c->c, c->decided, v, &c->deviation, &reason);
	if (reason != NULL) {
		free(c->reason);
		c->reason = reason;
	}
	return v;
}

static void
finish(struct run_case *c, enum verdict v)
{
	struct run *r = c->target->run;

	v = judge_deviation(c, v);
	c->verdict = v;
	c->done = true;
	c->playing = false;
	r->ndone++;
	r->tally.count[v]++;
	if (c->control != NULL) {
		r->ncontrols++;
		r->ncontrols_ok += c->decided != c->control;
	}
	if (!artifacts_write(c))
		r->tally.infrastructure = true;
	keep_transcript(c, c->control);
	keep_transcript(c, c->result);
	tell_reports(r, c);
	if (r->o->fail_fast && verdict_fails(v, r->o->strict))
		run_stop(r, END_FAILED);
}

void
run_case_end(struct run_case *c, enum verdict v, char *reason)
{
	free(c->reason);
	c->reason = reason;
	finish(c, v);
}

static char *
control_reason(const struct case_result *control)
{
	int line = control->step != NULL ? control->step->at.line : 0;

	return xasprintf("control failed at line %d: %s", line,
	    control->message != NULL ? control->message
				     : result_code_name(control->code));
}

static void
forget_results(struct run_case *c)
{
	case_result_free(c->result);
	case_result_free(c->control);
	c->result = c->control = NULL;
	c->decided = NULL;
}

void
run_case_play_again(struct run_case *c)
{
	c->tried_ns = report_took_ns(c);
	forget_results(c);
	c->reruns++;
	c->playing = false;
	c->waits = WAITS_AGAIN;
}

/* One rerun, if a declared deviation says that it comes and goes. */
static bool
is_flake(struct run_case *c, enum verdict v)
{
	struct run_target *t = c->target;

	if (c->flaked || t->run->stop || t->deviations == NULL ||
	    !deviations_want_rerun(t->deviations, c->c, c->decided, v))
		return false;
	c->flaked = true;
	return true;
}

void
run_case_settle(struct run_case *c, enum verdict v)
{
	struct run *r = c->target->run;

	c->waits = WAITS_NOT;
	if (r->stop && c->decided->code == CODE_TIMEOUT)
		run_case_end(c, run_end_verdict(r->end),
		    xstrdup(run_end_reason(r->end)));
	else if ((c->orphaned = canary_is_orphan(c, v)))
		run_case_end(c, VERDICT_INCONCLUSIVE,
		    xstrdup(
			"the target ended meanwhile: this case, or another"));
	else if (c->decided == c->control)
		run_case_end(c, v, control_reason(c->control));
	else
		finish(c, v);
}

static void
conclude(struct run_case *c)
{
	struct run *r = c->target->run;
	enum verdict v;

	v = judge_case(c->result, c->control, c->c->level, &c->decided);
	if (!r->stop && c->reruns < MAX_RERUNS &&
	    judge_wants_rerun(c->result, c->control))
		run_case_play_again(c);
	else if (!r->stop && c->reruns == 0 &&
	    judge_is_unsettled(c->decided, v))
		c->waits = WAITS_UNSETTLED;
	else if (is_flake(c, v))
		run_case_play_again(c);
	else if (!canary_follows(c, v))
		run_case_settle(c, v);
}

/* --budget: it was not begun, or not again. */
static void
finish_over(struct run_case *c)
{
	struct run *r = c->target->run;

	if (c->reruns > 0) {
		run_case_end(c, VERDICT_INCONCLUSIVE,
		    xstrdup("over the budget before it was played again"));
		return;
	}
	r->nover++;
	run_case_end(c, VERDICT_SKIPPED, xstrdup(OVER_BUDGET));
}

static void
on_result(void *arg, struct case_result *result)
{
	struct run_case *c = arg;

	c->result = result;
	if (result == NULL)
		finish_over(c);
	else
		conclude(c);
}

static void
on_control(void *arg, struct case_result *control)
{
	struct run_case *c = arg;

	c->control = control;
	/* Not both at once: the two log in with the same keys. */
	if (control == NULL)
		finish_over(c);
	else if (judge_control(control) != VERDICT_PASS)
		conclude(c);
	else if (c->target->run->stop)
		run_case_end(c, run_end_verdict(c->target->run->end),
		    xstrdup(run_end_reason(c->target->run->end)));
	else
		engine_add(c->target->engine, &c->target->target->engine,
		    c->c->instance, false, on_result, c);
}

/* Nothing more is played on a target that was lost. */
static bool
is_lost(struct run_case *c)
{
	const struct run_target *t = c->target;

	if (t->trouble == NULL || (t->run->o->keep_going && t->engine != NULL))
		return false;
	run_case_end(c, VERDICT_ERROR, xstrdup(t->trouble));
	return true;
}

void
run_case_play(struct run_case *c)
{
	const struct run *r = c->target->run;
	bool control =
	    c->c->scenario->has_control && !r->o->no_controls && !r->observe;

	c->waits = WAITS_NOT;
	if (is_lost(c))
		return;
	artifacts_begin(c);
	c->playing = true;
	engine_add_by(c->target->engine, &c->target->target->engine,
	    c->c->instance, control, run_begin_by(c, control),
	    control ? on_control : on_result, c);
}

void
run_case_begin(struct run_case *c)
{
	struct run_target *t = c->target;
	enum verdict v;
	char *lacks, *reason;

	if (c->verdict == VERDICT_SKIPPED) {
		finish(c, VERDICT_SKIPPED);
		return;
	}
	if (is_lost(c))
		return;
	lacks = run_case_lacks(c->c, t->target);
	if (lacks != NULL) {
		v = proof_judge(c, lacks, &reason);
		free(lacks);
		run_case_end(c, v, reason);
	} else if (c->c->scenario->serial && !run_case_is_elsewhere(c)) {
		c->waits = WAITS_SERIAL;
	} else if (c->c->scenario->calm) {
		c->waits = WAITS_CALM;
	} else {
		run_case_play(c);
	}
}

/* ---- those that are no part of the plan ---- */

static void
on_played(void *arg, struct case_result *result)
{
	struct run_case *c = arg;

	c->result = result;
}

static bool
is_to_be_played(const struct run_case *c)
{
	return c->c != NULL && c->target->engine != NULL &&
	    c->target->trouble == NULL &&
	    (c->result == NULL || c->result->code == CODE_HARNESS_LATE);
}

void
run_case_play_on_time(struct run *r, struct run_case *cases, size_t n)
{
	for (int try = 0; try < MAX_TRIES && !r->stop; try++) {
		for (size_t i = 0; i < n; i++) {
			struct run_case *c = &cases[i];

			if (!is_to_be_played(c))
				continue;
			forget_results(c);
			artifacts_begin(c);
			engine_add(c->target->engine,
			    &c->target->target->engine, c->c->instance, false,
			    on_played, c);
		}
		run_wait_idle(r);
	}
}

void
run_case_judge_again(struct run_case *c)
{
	struct deviations *d = c->target->deviations;
	enum verdict v = c->verdict;

	if (c->decided != NULL)
		v = judge_case(c->result, c->control, c->c->level, &c->decided);
	if (c->orphaned)
		v = VERDICT_INCONCLUSIVE;
	if (c->flaked && d != NULL)
		deviations_count_rerun(d, c->c);
	finish(c, v);
}
