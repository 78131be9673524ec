/* Playing the plan: canaries, all cases at once, those that wait, reports. */
#include "config.h"

#include "conformance/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/canary.h"
#include "conformance/proof.h"
#include "conformance/report.h"

#define TICK_NS            (100 * NS_PER_MS)
#define MAX_RERUNS         2
/* More of them than this, or than this part of all, and it is no accident. */
#define MAX_UNSETTLED      24
#define MAX_UNSETTLED_PART 8
/* What is played again is played in so many goes, so that a machine which is
 * late with everything does not take for ever; a few go one by one. */
#define MAX_GOES           16

/* ---- how a run ends ---- */

static void
end_run(struct run *r, enum run_end why)
{
	if (why > r->end)
		r->end = why;
	r->stop = true;
}

static void
on_signal(void *arg, int signo)
{
	end_run(arg, END_INTERRUPTED);
}

static void
on_deadline(void *arg)
{
	end_run(arg, END_TIMEOUT);
}

static const char *
end_reason(enum run_end end)
{
	switch (end) {
	case END_FAILED:
		return "not played: --fail-fast";
	case END_TIMEOUT:
		return "the run's --timeout was over";
	default:
		return "interrupted";
	}
}

static const char *const end_names[] = {
	[END_NOT] = NULL,
	[END_FAILED] = "fail-fast",
	[END_TIMEOUT] = "timeout",
	[END_INTERRUPTED] = "interrupted",
	[END_CUT] = "cut",
};

const char *
run_end_name(enum run_end end)
{
	return end_names[end];
}

bool
run_end_named(const char *name, enum run_end *out)
{
	for (int end = END_NOT + 1; end <= END_CUT; end++)
		if (strcmp(name, end_names[end]) == 0) {
			*out = (enum run_end)end;
			return true;
		}
	return false;
}

void
run_lose_target(struct run_target *t, char *trouble)
{
	t->run->tally.infrastructure = true;
	if (t->trouble == NULL)
		t->trouble = trouble;
	else
		free(trouble);
}

static void
look_after_targets(struct run *r)
{
	for (size_t i = 0; i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];
		const char *death =
		    t->trouble == NULL ? target_death(t->target) : NULL;

		if (death != NULL)
			run_lose_target(t,
			    xasprintf("the target ended by itself: %s", death));
	}
}

static size_t
pending(const struct run *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->ntargets; i++)
		if (r->targets[i].engine != NULL)
			n += engine_pending(r->targets[i].engine);
	return n;
}

/* Turn the loop until nothing is being played. */
void
run_wait_idle(struct run *r)
{
	while (pending(r) > 0 && !r->stop) {
		loop_turn(r->loop, TICK_NS);
		look_after_targets(r);
		for (size_t i = 0; i < r->nreports; i++)
			if (r->reports[i]->ops->tick != NULL)
				r->reports[i]->ops->tick(r->reports[i]);
	}
	for (size_t i = 0; r->stop && i < r->ntargets; i++)
		if (r->targets[i].engine != NULL)
			engine_stop(r->targets[i].engine);
}

/* ---- cases ---- */

static void
tell_reports(struct run *r, struct run_case *c)
{
	for (size_t i = 0; i < r->nreports; i++)
		if (r->reports[i]->ops->done != NULL)
			r->reports[i]->ops->done(r->reports[i], c);
	for (; r->nordered < r->nplan && r->plan[r->nordered].done;
	     r->nordered++)
		for (size_t i = 0; i < r->nreports; i++)
			if (r->reports[i]->ops->in_order != NULL)
				r->reports[i]->ops->in_order(r->reports[i],
				    &r->plan[r->nordered]);
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
	tell_reports(r, c);
	if (r->o->fail_fast && verdict_fails(v, r->o->strict))
		end_run(r, END_FAILED);
}

static void
finish_because(struct run_case *c, enum verdict v, char *reason)
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

static void
play_again(struct run_case *c)
{
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
run_settle(struct run_case *c, enum verdict v)
{
	struct run *r = c->target->run;

	c->waits = WAITS_NOT;
	if (r->stop && c->decided->code == CODE_TIMEOUT)
		finish_because(c, VERDICT_INCONCLUSIVE,
		    xstrdup(end_reason(r->end)));
	else if ((c->orphaned = canary_is_orphan(c, v)))
		finish_because(c, VERDICT_INCONCLUSIVE,
		    xstrdup(
			"the target ended meanwhile: this case, or another"));
	else if (c->decided == c->control)
		finish_because(c, v, control_reason(c->control));
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
		play_again(c);
	else if (!r->stop && c->reruns == 0 &&
	    judge_is_unsettled(c->decided, v))
		c->waits = WAITS_UNSETTLED;
	else if (is_flake(c, v))
		play_again(c);
	else if (!canary_follows(c, v))
		run_settle(c, v);
}

/* --budget: it was not begun, or not again. */
static void
finish_over(struct run_case *c)
{
	struct run *r = c->target->run;

	if (c->reruns > 0) {
		finish_because(c, VERDICT_INCONCLUSIVE,
		    xstrdup("over the budget before it was played again"));
		return;
	}
	r->nover++;
	finish_because(c, VERDICT_SKIPPED, xstrdup(OVER_BUDGET));
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
		finish_because(c, VERDICT_INCONCLUSIVE,
		    xstrdup(end_reason(c->target->run->end)));
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
	finish_because(c, VERDICT_ERROR, xstrdup(t->trouble));
	return true;
}

static void
play(struct run_case *c)
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

/* Begin a case, or say at once why it is not played. */
static void
begin_case(struct run_case *c)
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
		finish_because(c, v, reason);
	} else if (c->c->scenario->serial && !run_case_is_elsewhere(c)) {
		c->waits = WAITS_SERIAL;
	} else if (c->c->scenario->calm) {
		c->waits = WAITS_CALM;
	} else {
		play(c);
	}
}

/* ---- engines ---- */

static uint64_t
mix(uint64_t seed, const char *name)
{
	for (; *name != '\0'; name++)
		seed = (seed ^ (unsigned char)*name) * UINT64_C(1099511628211);
	return seed;
}

void
run_start_engines(struct run *r, unsigned round, bool observe)
{
	uint64_t seed = run_seed(r, round);

	for (size_t i = r->first; i < r->last; i++) {
		struct run_target *t = &r->targets[i];
		/* Two targets at once may be one relay: their keys must
		 * differ. */
		const struct engine_options o = {
			.seed = r->observe ? seed : mix(seed, t->target->name),
			.jobs = (unsigned)r->o->jobs,
			.time_scale = r->o->time_scale,
			.observe = observe,
			.tape = r->o->artifacts != NULL,
		};

		if (t->trouble == NULL || r->o->keep_going)
			t->engine = engine_new(r->loop, &o);
	}
}

void
run_stop_engines(struct run *r)
{
	for (size_t i = 0; i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];
		const char *death =
		    t->engine != NULL ? engine_trouble(t->engine) : NULL;

		if (death != NULL)
			run_lose_target(t,
			    xasprintf("an instance beside the target ended by "
				      "itself: %s",
				death));
		engine_free(t->engine);
		t->engine = NULL;
	}
}

/* ---- rounds ---- */

static size_t
count_waiting(const struct run *r, unsigned round, enum waiting kind)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nplan; i++)
		n += r->plan[i].round == round && r->plan[i].waits == kind;
	return n;
}

/* Each that waits, once, |together| at a time. */
static void
play_each(struct run *r, unsigned round, enum waiting kind, size_t together)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nplan && !r->stop; i++) {
		struct run_case *c = &r->plan[i];

		if (c->round != round || c->waits != kind)
			continue;
		play(c);
		if (++n % together == 0)
			run_wait_idle(r);
	}
	run_wait_idle(r);
}

/* A few get another run; where there are many the target is like that. */
static void
settle_unsettled(struct run *r, unsigned round)
{
	size_t n = count_waiting(r, round, WAITS_UNSETTLED);
	bool few = n <= MAX_UNSETTLED || n <= r->nplan / MAX_UNSETTLED_PART;

	for (size_t i = 0; i < r->nplan; i++) {
		struct run_case *c = &r->plan[i];

		if (c->round != round || c->waits != WAITS_UNSETTLED)
			continue;
		if (few && !r->stop)
			play_again(c);
		else
			run_settle(c, VERDICT_INCONCLUSIVE);
	}
}

/* Those that asked for less of a crowd, and what is to be played again. */
static void
play_waiting(struct run *r, unsigned round)
{
	size_t n;

	play_each(r, round, WAITS_CALM, r->nplan);
	play_each(r, round, WAITS_SERIAL, 1);
	do {
		settle_unsettled(r, round);
		n = count_waiting(r, round, WAITS_AGAIN);
		play_each(r, round, WAITS_AGAIN, 1 + n / MAX_GOES);
	} while (n > 0 && !r->stop);
}

static bool
is_active(const struct run *r, const struct run_target *t)
{
	size_t i = (size_t)(t - r->targets);

	return i >= r->first && i < r->last;
}

static void
play_round(struct run *r, unsigned round)
{
	canary_play(r, round, false);
	if (round == 1)
		proof_play(r);
	run_start_engines(r, round, r->observe);
	for (size_t i = 0; i < r->nplan && !r->stop; i++)
		if (r->plan[i].round == round &&
		    is_active(r, r->plan[i].target))
			begin_case(&r->plan[i]);
	run_wait_idle(r);
	play_waiting(r, round);
	run_stop_engines(r);
	canary_play(r, round, true);
}

/* What an ending left over. */
static void
finish_rest(struct run *r)
{
	enum verdict v =
	    r->end == END_FAILED ? VERDICT_SKIPPED : VERDICT_INCONCLUSIVE;

	for (size_t i = 0; i < r->nplan; i++)
		if (!r->plan[i].done)
			finish_because(&r->plan[i], v,
			    xstrdup(end_reason(r->end)));
}

/* ---- the whole ---- */

static void
add_report(struct run *r, struct report *one)
{
	r->reports =
	    xreallocarray(r->reports, r->nreports + 1, sizeof(struct report *));
	r->reports[r->nreports++] = one;
}

static void
discard_reports(struct run *r)
{
	for (size_t i = 0; i < r->nreports; i++)
		report_discard(r->reports[i]);
	free(r->reports);
	r->reports = NULL;
	r->nreports = 0;
}

/* The named ones, and one for whoever looks on: on stdout, unless a report
 * goes there; that one is enough if it is text. */
static int
open_reports(struct run *r)
{
	const struct options *o = r->o;
	bool to_stdout = false, text = false;
	char err[512];

	for (size_t i = 0; i < o->nreports; i++) {
		struct report *one =
		    report_open(o->reports[i], r, err, sizeof(err));

		if (one == NULL) {
			cli_error("cannot write the report %s", err);
			discard_reports(r);
			return -1;
		}
		add_report(r, one);
		if (one->out.f == stdout) {
			to_stdout = true;
			text = one->ops == &report_text;
		}
	}
	if (!text)
		add_report(r, report_open_terminal(r, to_stdout));
	return 0;
}

static void
start_targets(struct run *r)
{
	for (size_t i = 0; i < r->ntargets && !r->stop; i++) {
		struct run_target *t = &r->targets[i];
		struct text errors;

		text_init(&errors);
		if (target_start(t->target, r->loop, &r->stop, &errors) != 0 &&
		    !r->stop) {
			char *line = xstrndup(text_str(&errors),
			    strcspn(text_str(&errors), "\n"));

			fflush(stdout);
			fputs(text_str(&errors), stderr);
			run_lose_target(t, line);
		} else if (t->canary == NULL && r->o->target.client == NULL) {
			run_lose_target(t,
			    xstrdup("the suite has no canary ping.echo for "
				    "this dialect and carrier"));
		}
		text_clear(&errors);
	}
}

static void
stop_targets(struct run *r)
{
	look_after_targets(r);
	for (size_t i = 0; i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];
		bool in_time = target_stop(t->target);
		const char *how = target_death(t->target);

		if (!in_time)
			cli_error("target %s did not end in time and was "
				  "killed",
			    t->target->name);
		if (how != NULL)
			t->ending =
			    xasprintf("%s%s", how, in_time ? "" : ", killed");
	}
}

static void
close_reports(struct run *r, int *status)
{
	char err[512];

	for (size_t i = 0; i < r->nreports; i++)
		r->reports[i]->ops->end(r->reports[i], *status);
	for (size_t i = 0; i < r->nreports; i++)
		if (report_close(r->reports[i], err, sizeof(err)) != 0) {
			cli_error("cannot write the report %s", err);
			r->tally.infrastructure = true;
		}
	free(r->reports);
	r->reports = NULL;
	r->nreports = 0;
	*status = tally_exit_status(&r->tally);
}

static int
start_loop(struct run *r)
{
	r->loop = loop_new();
	if (r->loop == NULL) {
		cli_error("the event loop did not start");
		return -1;
	}
	loop_on_signal(r->loop, SIGINT, on_signal, r);
	loop_on_signal(r->loop, SIGTERM, on_signal, r);
	loop_on_signal(r->loop, SIGHUP, on_signal, r);
	r->deadline = timer_new(r->loop, on_deadline, r);
	if (r->o->timeout_ns > 0)
		timer_set(r->deadline, r->o->timeout_ns);
	return 0;
}

/* What only the whole run can tell. */
static void
add_up(struct run *r)
{
	for (size_t i = 0; i < r->ntargets; i++)
		if (r->targets[i].deviations != NULL)
			r->tally.stale |=
			    deviations_stale(r->targets[i].deviations,
				r->end != END_NOT, &r->stale);
	r->tally.interrupted = r->end >= END_INTERRUPTED;
	r->tally.timeout = r->end == END_TIMEOUT;
}

/* One more, if the last was as it should be: --until-fail.  What passed keeps
 * no transcript, as there may be very many. */
static void
plan_next_round(struct run *r)
{
	if (!r->o->until_fail || r->stop || r->nover > 0 ||
	    r->rounds >= r->o->max_rounds ||
	    tally_exit_status(&r->tally) != EXIT_GOOD)
		return;
	for (size_t i = 0; !r->o->verbose && i < r->nplan; i++) {
		struct case_result *result = r->plan[i].result;

		if (result == NULL || r->plan[i].verdict != VERDICT_PASS)
			continue;
		transcript_free(result->transcript);
		result->transcript = NULL;
	}
	if (run_add_round(r) != 0)
		r->tally.infrastructure = true;
}

/* All that is common to a run and a comparison: the plan is done after. */
static void
play_plan(struct run *r)
{
	r->started_ns = clock_mono_ns();
	for (size_t i = 0; i < r->nreports; i++)
		r->reports[i]->ops->begin(r->reports[i]);
	start_targets(r);
	for (size_t at = 0; at < r->ntargets; at = r->last) {
		r->first = at;
		r->last = r->observe ? at + 1 : r->ntargets;
		for (unsigned round = 1; round <= r->rounds && !r->stop;
		     round++) {
			play_round(r, round);
			if (round == r->rounds)
				plan_next_round(r);
		}
	}
	finish_rest(r);
	stop_targets(r);
	r->took_ns = clock_mono_ns() - r->started_ns;
	add_up(r);
}

static void
stop_loop(struct run *r)
{
	timer_free(r->deadline);
	loop_free(r->loop);
	r->deadline = NULL;
	r->loop = NULL;
}

int
run_play(struct run *r)
{
	int status;

	if (open_reports(r) != 0)
		return EXIT_INFRASTRUCTURE;
	if (start_loop(r) != 0) {
		discard_reports(r);
		return EXIT_INFRASTRUCTURE;
	}
	play_plan(r);
	status = tally_exit_status(&r->tally);
	close_reports(r, &status);
	stop_loop(r);
	return status;
}

int
run_observe(struct run *r)
{
	int status;

	if (start_loop(r) != 0)
		return EXIT_INFRASTRUCTURE;
	play_plan(r);
	stop_loop(r);
	status = tally_exit_status(&r->tally);
	return status == EXIT_INTERRUPTED || status == EXIT_TIMEOUT ||
		status == EXIT_INFRASTRUCTURE
	    ? status
	    : 0;
}

/* A recorded case: what was not played keeps its verdict. */
static void
judge_again(struct run_case *c)
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

int
run_judge(struct run *r)
{
	int status;

	if (open_reports(r) != 0)
		return EXIT_INFRASTRUCTURE;
	r->started_ns = clock_mono_ns();
	for (size_t i = 0; i < r->nreports; i++)
		r->reports[i]->ops->begin(r->reports[i]);
	for (size_t i = 0; i < r->nplan; i++)
		judge_again(&r->plan[i]);
	add_up(r);
	status = tally_exit_status(&r->tally);
	close_reports(r, &status);
	return status;
}
