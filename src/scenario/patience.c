/* See patience.h: what the steps name, and a little for each of them. */
#include "config.h"

#include "scenario/patience.h"

#include "scenario/engine_play.h"

#define A_STEP     NS_PER_MS
#define A_START    (500 * NS_PER_MS) /* of a process */
#define SLOW_PARTS 100               /* of a send in pieces */
#define LONGEST    (1000 * NS_PER_S)

static int64_t
named(const struct expr *e, int64_t otherwise)
{
	return e != NULL && e->kind == EXPR_DURATION ? e->number : otherwise;
}

/* A oneof with a silence among its branches is likely to wait for it. */
static int64_t
longest_silence(const struct step *s)
{
	int64_t most = 0;

	for (size_t i = 0; i < s->nbody; i++) {
		const struct step *b = s->body[i];
		int64_t one = b->kind == STEP_NEVER
		    ? named(b->watch_time, DEFAULT_WATCH)
		    : named(b->not_before, 0);

		most = one > most ? one : most;
	}
	return most;
}

static int64_t of_steps(struct step *const *steps, size_t n);

static int64_t
of_step(const struct step *s)
{
	switch (s->kind) {
	case STEP_NEVER:
		return s->fence.kind == FENCE_NONE
		    ? named(s->watch_time, DEFAULT_WATCH)
		    : 0;
	case STEP_SLEEP:
	case STEP_DRAIN:
	case STEP_DURING:
		return named(s->watch_time, 0);
	case STEP_ONEOF:
		return longest_silence(s);
	case STEP_EXPECT:
		return named(s->not_before, 0);
	case STEP_SEND:
		return SLOW_PARTS * named(s->every, 0);
	default:
		return of_steps(s->body, s->nbody);
	}
}

static int64_t
of_steps(struct step *const *steps, size_t n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n && sum < LONGEST; i++) {
		const struct step *s = steps[i];
		int64_t one = A_STEP + of_step(s);

		if (s->kind == STEP_REPEAT && s->count->kind == EXPR_INT &&
		    s->count->number > 0)
			one = one < LONGEST / s->count->number
			    ? one * s->count->number
			    : LONGEST;
		sum += one;
	}
	return sum < LONGEST ? sum : LONGEST;
}

int64_t
scenario_patience(const struct scenario *sc)
{
	return of_steps(sc->steps, sc->nsteps) + (sc->own ? A_START : 0);
}

/* ---- the least of it ---- */

static int64_t least_of(struct step *const *steps, size_t n,
    enum step_run other);

static int64_t
least_of_step(const struct step *s, enum step_run other)
{
	int64_t turns = 1, body;

	switch (s->kind) {
	case STEP_NEVER:
	case STEP_SLEEP:
	case STEP_DRAIN:
	case STEP_DURING:
	case STEP_EXPECT:
		return of_step(s);
	case STEP_REPEAT:
		if (s->count->kind == EXPR_INT && s->count->number > 0)
			turns = s->count->number;
		body = least_of(s->body, s->nbody, other);
		return body < LONGEST / turns ? body * turns : LONGEST;
	case STEP_CALL:
		return least_of(s->body, s->nbody, other);
	default:
		return 0;
	}
}

/* Without what belongs to the other run only. */
static int64_t
least_of(struct step *const *steps, size_t n, enum step_run other)
{
	int64_t sum = 0;

	for (size_t i = 0; i < n && sum < LONGEST; i++)
		if (steps[i]->run != other)
			sum += least_of_step(steps[i], other);
	return sum;
}

int64_t
scenario_least(const struct scenario *sc)
{
	int64_t test = least_of(sc->steps, sc->nsteps, RUN_CONTROL);
	int64_t control = least_of(sc->steps, sc->nsteps, RUN_DEFECT);

	return test > control ? test : control;
}

int64_t
scenario_time(const struct scenario *sc)
{
	return sc->timeout_ns > 0 ? sc->timeout_ns : DEFAULT_TIMEOUT;
}
