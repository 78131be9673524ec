/*
 * A silence must not be an absence: behind the last thing that a dead or
 * deaf relay would do as well (nothing, or closing) something must be asked
 * of the relay that only a living one does.  Where there is a control, it is
 * the control run that must do so.
 */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"

enum proof {
	PROOF_NONE,
	PROOF_SILENCE, /* what a dead relay does, too */
	PROOF_LIFE
};

struct tally {
	unsigned run;
	enum proof last;
	const struct step *silence;
};

static void tally_steps(struct tally *t, struct step *const *steps, size_t n);

static bool
is_close(enum event_match m)
{
	return m == MATCH_CLOSED || m == MATCH_EOF || m == MATCH_RESET ||
	    m == MATCH_TRUNCATED;
}

/* confirm=no: nobody knows whether the relay is there. */
static bool
is_confirmed_login(const struct step *s)
{
	const struct setting *confirm = step_setting(s, "confirm");

	return s->conn_kind == CONN_LOGIN &&
	    (confirm == NULL || confirm->value->kind != EXPR_WORD ||
		strcmp(confirm->value->word, "no") != 0);
}

/* A counter that has to rise. */
static bool
is_counted(const struct step *s)
{
	return s->target == TARGET_METRIC && s->value->kind == EXPR_INT &&
	    s->value->number > 0;
}

static enum proof
proof_of(const struct step *s)
{
	switch (s->kind) {
	case STEP_CONN:
		return is_confirmed_login(s) || s->conn_kind == CONN_LISTEN
		    ? PROOF_LIFE
		    : PROOF_NONE;
	case STEP_EXPECT:
		if (is_close(s->watch.match))
			return PROOF_SILENCE;
		return s->optional ? PROOF_NONE : PROOF_LIFE;
	case STEP_NEVER:
		return s->fence.kind != FENCE_NONE ? PROOF_LIFE : PROOF_SILENCE;
	case STEP_FENCE:
		return PROOF_LIFE;
	case STEP_TARGET:
		return s->target == TARGET_EXIT || is_counted(s) ? PROOF_LIFE
								 : PROOF_NONE;
	case STEP_DRAIN:
		return s->count != NULL || s->fence.kind != FENCE_NONE
		    ? PROOF_LIFE
		    : PROOF_NONE;
	default:
		return PROOF_NONE;
	}
}

/* One branch that a dead relay can take is enough. */
static enum proof
proof_of_branches(const struct step *s)
{
	enum proof all = PROOF_LIFE;

	for (size_t i = 0; i < s->nbody; i++) {
		enum proof one = proof_of(s->body[i]);

		if (s->body[i]->outcome.word == WORD_FAIL)
			continue;
		if (one == PROOF_SILENCE)
			return PROOF_SILENCE;
		if (one == PROOF_NONE)
			all = PROOF_NONE;
	}
	return s->nbody > 0 ? all : PROOF_NONE;
}

static void
tally_step(struct tally *t, const struct step *s)
{
	enum proof proof;

	if ((s->run == RUN_DEFECT && t->run == IN_CONTROL) ||
	    (s->run == RUN_CONTROL && t->run == IN_DEFECT))
		return;
	if (s->nbody > 0 && s->kind != STEP_ONEOF) {
		tally_steps(t, s->body, s->nbody);
		return;
	}
	proof = s->kind == STEP_ONEOF ? proof_of_branches(s) : proof_of(s);
	if (proof == PROOF_SILENCE)
		t->silence = s;
	if (proof != PROOF_NONE)
		t->last = proof;
}

static void
tally_steps(struct tally *t, struct step *const *steps, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tally_step(t, steps[i]);
}

void
check_silence(struct checker *k)
{
	const struct scenario *sc = k->scenario;
	struct tally t = { sc->has_control ? IN_CONTROL : IN_DEFECT, PROOF_NONE,
		NULL };

	tally_steps(&t, sc->steps, sc->nsteps);
	if (t.last == PROOF_LIFE)
		return;
	if (t.silence == NULL)
		complain(k->c, &sc->at,
		    "%s expects nothing of the relay%s: a dead one would pass",
		    sc->id, sc->has_control ? " in its control run" : "");
	else
		complain(k->c, &t.silence->at,
		    "a dead relay would pass this%s: add a control, or behind "
		    "it an exchange on the same relay",
		    sc->has_control ? " in the control run" : "");
}
