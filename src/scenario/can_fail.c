/* See can_fail.h: a step that something can miss. */
#include "config.h"

#include "scenario/can_fail.h"

static bool can_any_fail(struct step *const *steps, size_t n);

/* "count 0..3" is content with nothing. */
static bool
takes_none(const struct expr *count)
{
	return count != NULL && count->kind == EXPR_RANGE &&
	    count->arg[0]->kind == EXPR_INT && count->arg[0]->number <= 0;
}

/* One that is silent, or comes, without a verdict is always met. */
static bool
can_branches_fail(const struct step *s)
{
	bool silence = false;

	for (size_t i = 0; i < s->nbody; i++) {
		enum verdict_word word = s->body[i]->outcome.word;

		if (word != WORD_NONE && word != WORD_OK)
			return true;
		silence = silence || s->body[i]->kind == STEP_NEVER;
	}
	return !silence;
}

static bool
can_fail(const struct step *s)
{
	switch (s->kind) {
	case STEP_CONN:
		return s->outcome.word != WORD_NONE;
	case STEP_EXPECT:
		return !s->optional && !takes_none(s->count);
	case STEP_NEVER:
	case STEP_FENCE:
	case STEP_ASSERT:
		return true;
	case STEP_DRAIN:
		return s->count != NULL || s->increasing != NULL ||
		    s->fence.kind != FENCE_NONE;
	case STEP_TARGET:
		return s->target != TARGET_SIGNAL &&
		    s->target != TARGET_RESTART;
	case STEP_ONEOF:
		return can_branches_fail(s);
	case STEP_CALL:
		/* What has an error has no body. */
		return s->nbody == 0 || can_any_fail(s->body, s->nbody);
	default:
		return can_any_fail(s->body, s->nbody);
	}
}

static bool
can_any_fail(struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (steps[i]->run != RUN_CONTROL && can_fail(steps[i]))
			return true;
	return false;
}

bool
scenario_can_fail(const struct scenario *sc)
{
	return sc->leftover == LEFTOVER_FAIL ||
	    can_any_fail(sc->steps, sc->nsteps);
}
