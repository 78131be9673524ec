/* Playing the plan: canaries, all cases at once, those that wait, reports;
 * run_case.c has what becomes of each case. */
#include "config.h"

#include "conformance/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/canary.h"
#include "conformance/proof.h"
#include "conformance/report.h"
#include "conformance/run_case.h"

#define TICK_NS            (100 * NS_PER_MS)
/* More of them than this, or than this part of all, and it is no accident. */
#define MAX_UNSETTLED      24
#define MAX_UNSETTLED_PART 8
/* What is played again goes one by one if that takes no longer than this;
 * else so many at a time that it does not. */
#define AGAIN_ALONE        (30 * NS_PER_S)

/* ---- how a run ends ---- */

void
run_stop(struct run *r, enum run_end why)
{
	if (why > r->end)
		r->end = why;
	r->stop = true;
}

static void
on_signal(void *arg, int signo)
{
	run_stop(arg, END_INTERRUPTED);
}

static void
on_deadline(void *arg)
{
	run_stop(arg, END_TIMEOUT);
}

const char *
run_end_reason(enum run_end end)
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

enum verdict
run_end_verdict(enum run_end end)
{
	return end == END_FAILED ? VERDICT_SKIPPED : VERDICT_INCONCLUSIVE;
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
		run_case_play(c);
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
			run_case_play_again(c);
		else
			run_case_settle(c, VERDICT_INCONCLUSIVE);
	}
}

/* How many are to be played again at a time, going by how long they took; 0:
 * there are none. */
static size_t
again_together(const struct run *r, unsigned round)
{
	int64_t took = 0;
	bool some = false;

	for (size_t i = 0; i < r->nplan; i++) {
		const struct run_case *c = &r->plan[i];

		if (c->round != round || c->waits != WAITS_AGAIN)
			continue;
		some = true;
		took += c->tried_ns;
	}
	return some ? (size_t)(took / AGAIN_ALONE) + 1 : 0;
}

/* Those that asked for less of a crowd, and what is to be played again. */
static void
play_waiting(struct run *r, unsigned round)
{
	size_t together;

	play_each(r, round, WAITS_CALM, r->nplan);
	play_each(r, round, WAITS_SERIAL, 1);
	for (settle_unsettled(r, round);
	     (together = again_together(r, round)) > 0 && !r->stop;
	     settle_unsettled(r, round))
		play_each(r, round, WAITS_AGAIN, together);
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
			run_case_begin(&r->plan[i]);
	run_wait_idle(r);
	play_waiting(r, round);
	run_stop_engines(r);
	canary_play(r, round, true);
}

/* What an ending left over. */
static void
finish_rest(struct run *r)
{
	for (size_t i = 0; i < r->nplan; i++)
		if (!r->plan[i].done)
			run_case_end(&r->plan[i], run_end_verdict(r->end),
			    xstrdup(run_end_reason(r->end)));
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
begin_reports(struct run *r)
{
	for (size_t i = 0; i < r->nreports; i++)
		if (r->reports[i]->ops->begin != NULL)
			r->reports[i]->ops->begin(r->reports[i]);
}

/* Those that are files, or those that somebody looks at. */
static void
end_reports(struct run *r, bool shown)
{
	int status = tally_exit_status(&r->tally);
	char err[512];

	for (size_t i = 0; i < r->nreports; i++) {
		struct report *one = r->reports[i];

		if (one == NULL || (strcmp(one->out.path, "-") == 0) != shown)
			continue;
		r->reports[i] = NULL;
		one->ops->end(one, status);
		if (report_close(one, err, sizeof(err)) != 0) {
			cli_error("cannot write the report %s", err);
			r->tally.infrastructure = true;
		}
	}
}

/* What is shown comes last: it tells the exit status, to which a report that
 * cannot be written counts. */
static void
close_reports(struct run *r, int *status)
{
	end_reports(r, false);
	end_reports(r, true);
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

/* One more, if the last was as it should be: --until-fail. */
static void
plan_next_round(struct run *r)
{
	if (!r->o->until_fail || r->stop || r->nover > 0 ||
	    r->rounds >= r->o->max_rounds ||
	    tally_exit_status(&r->tally) != EXIT_GOOD)
		return;
	if (run_add_round(r) != 0)
		r->tally.infrastructure = true;
}

/* All that is common to a run and a comparison: the plan is done after. */
static void
play_plan(struct run *r)
{
	r->started_ns = clock_mono_ns();
	begin_reports(r);
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

int
run_judge(struct run *r)
{
	int status;

	if (open_reports(r) != 0)
		return EXIT_INFRASTRUCTURE;
	r->started_ns = clock_mono_ns();
	begin_reports(r);
	for (size_t i = 0; i < r->nplan; i++)
		run_case_judge_again(&r->plan[i]);
	add_up(r);
	status = tally_exit_status(&r->tally);
	close_reports(r, &status);
	return status;
}
