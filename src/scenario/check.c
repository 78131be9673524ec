/* Walks the steps in order, knowing what is known so far. */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"

/* More turns, and more instances, than any test needs. */
#define REPEAT_MAX    100000
#define INSTANCES_MAX 1000

static void check_steps(struct checker *k, struct step *const *steps, size_t n);

static void
check_duration(struct checker *k, const struct expr *e)
{
	check_expr(k, e, USE_TIME);
}

/* $A.port: set by the connection, and nobody has to use it. */
static void
define_own(struct checker *k, const struct step *s, const char *what)
{
	const char *name = arena_printf(k->arena, "%s.%s", s->conn, what);

	define_var(k, name, &s->at);
	use_var(k, name, &s->at);
}

static void
check_conn(struct checker *k, struct step *s)
{
	check_conn_settings(k, s);
	define_conn(k, s);
	if (s->conn_kind == CONN_UDP) {
		define_own(k, s, "address");
		define_own(k, s, "port");
	}
}

static void
check_expect(struct checker *k, struct step *s)
{
	check_watch(k, s, &s->watch);
	check_duration(k, s->within);
	check_duration(k, s->not_before);
	check_expr(k, s->count, USE_TIMES);
	if (s->optional && s->count != NULL)
		complain(k->c, &s->at, "\"optional\" is \"count 0..1\"");
	if (s->within != NULL && s->not_before != NULL &&
	    s->within->kind == EXPR_DURATION &&
	    s->not_before->kind == EXPR_DURATION &&
	    s->within->number <= s->not_before->number)
		complain(k->c, &s->not_before->at,
		    "the window is empty: \"not-before\" is not before "
		    "\"within\"");
	if (s->then != NULL)
		check_watch(k, s, s->then);
}

static void
check_never(struct checker *k, struct step *s)
{
	check_watch(k, s, &s->watch);
	check_duration(k, s->watch_time);
	if (s->fence.kind != FENCE_NONE)
		check_fence(k, s);
	for (size_t i = 0; i < s->watch.npreds; i++)
		if (s->watch.preds[i].capture != NULL)
			complain(k->c, &s->watch.preds[i].at,
			    "what never comes cannot be captured");
}

static void
check_fence_step(struct checker *k, struct step *s)
{
	check_fence(k, s);
}

static void
check_life(struct checker *k, struct step *s)
{
	flow_life(k, use_conn(k, s->conn, &s->at), s);
}

/* What may stand in a block of its kind. */
static void
check_oneof(struct checker *k, struct step *s)
{
	for (size_t i = 0; i < s->nbody; i++) {
		const struct step *b = s->body[i];

		if (b->kind != STEP_EXPECT && b->kind != STEP_NEVER)
			complain(k->c, &b->at,
			    "a branch of oneof is a NAME <- … or a never");
		else if (b->kind == STEP_NEVER && b->fence.kind != FENCE_NONE)
			complain(k->c, &b->at,
			    "a never among others watches for a time: write "
			    "\"for 300ms\"");
	}
	if (s->nbody == 0)
		complain(k->c, &s->at, "there is no branch");
	check_steps(k, s->body, s->nbody);
}

static void
check_anyorder(struct checker *k, struct step *s)
{
	for (size_t i = 0; i < s->nbody; i++)
		if (s->body[i]->kind != STEP_EXPECT)
			complain(k->c, &s->body[i]->at,
			    "in anyorder stands what is waited for: NAME <- "
			    "…");
	if (s->nbody == 0)
		complain(k->c, &s->at, "there is nothing to wait for");
	check_steps(k, s->body, s->nbody);
}

static void
check_repeat(struct checker *k, struct step *s)
{
	check_expr(k, s->count, USE_COUNT);
	if (s->count->kind == EXPR_INT && s->count->number > REPEAT_MAX)
		complain(k->c, &s->count->at, "at most %d times", REPEAT_MAX);
	if (s->repeat_var != NULL)
		define_var(k, s->repeat_var, &s->at);
	check_steps(k, s->body, s->nbody);
}

static void
check_during(struct checker *k, struct step *s)
{
	check_duration(k, s->watch_time);
	if (s->nbody == 0)
		complain(k->c, &s->at, "there is nothing to repeat");
	check_steps(k, s->body, s->nbody);
}

static void
check_write(struct checker *k, struct step *s)
{
	use_conn(k, s->conn, &s->at);
	for (size_t i = 0; i < s->nbody; i++) {
		const struct step *b = s->body[i];

		if (b->kind == STEP_LIFE && strcmp(b->conn, s->conn) == 0 &&
		    (b->life == LIFE_START_RAW || b->life == LIFE_START_WS))
			continue;
		if (b->kind != STEP_SEND || strcmp(b->conn, s->conn) != 0)
			complain(k->c, &b->at,
			    "in one write stand sends of %s only", s->conn);
		else if (b->chop != NULL)
			complain(k->c, &b->at,
			    "one write cannot be chopped here");
	}
	check_steps(k, s->body, s->nbody);
}

static void
check_drain(struct checker *k, struct step *s)
{
	check_watch(k, s, &s->watch);
	check_expr(k, s->count, USE_TIMES);
	check_duration(k, s->watch_time);
	if (s->watch.match != MATCH_FRAME)
		complain(k->c, &s->at, "only frames are drained");
	else if (s->increasing != NULL && s->watch.frame != NULL &&
	    rk_frame_spec_field(s->watch.frame, s->increasing) < 0)
		complain(k->c, &s->at, "%s has no field \"%s\"",
		    s->watch.frame->name, s->increasing);
	if (s->fence.kind == FENCE_DATA)
		check_fence(k, s);
	else if (s->fence.kind != FENCE_NONE)
		complain(k->c, &s->at,
		    "a drain ends with \"fence data\" or \"quiet 300ms\"");
}

static void
check_sleep(struct checker *k, struct step *s)
{
	check_duration(k, s->watch_time);
}

static void
check_let(struct checker *k, struct step *s)
{
	check_expr(k, s->value, USE_VALUE);
	define_var(k, s->name, &s->at);
}

static void
check_assert(struct checker *k, struct step *s)
{
	check_expr(k, s->value, USE_VALUE);
	if (s->value->kind != EXPR_BINARY || s->value->op > OP_MATCH)
		complain(k->c, &s->value->at,
		    "assert compares two values, as in $a == $b");
}

static void
check_body(struct checker *k, struct step *s)
{
	check_steps(k, s->body, s->nbody);
}

static void
check_nothing(struct checker *k, struct step *s)
{
}

static void (*const check_step[STEP_NKINDS])(struct checker *,
    struct step *) = {
	[STEP_CONN] = check_conn,
	[STEP_SEND] = check_send,
	[STEP_EXPECT] = check_expect,
	[STEP_NEVER] = check_never,
	[STEP_FENCE] = check_fence_step,
	[STEP_LIFE] = check_life,
	[STEP_ONEOF] = check_oneof,
	[STEP_ANYORDER] = check_anyorder,
	[STEP_REPEAT] = check_repeat,
	[STEP_DURING] = check_during,
	[STEP_WRITE] = check_write,
	[STEP_DRAIN] = check_drain,
	[STEP_SLEEP] = check_sleep,
	[STEP_LET] = check_let,
	[STEP_ASSERT] = check_assert,
	[STEP_CALL] = check_body,
	[STEP_NOTE] = check_nothing,
	[STEP_TARGET] = check_target,
};

static void
check_steps(struct checker *k, struct step *const *steps, size_t n)
{
	static const unsigned runs_of[] = { IN_BOTH, IN_DEFECT, IN_CONTROL };

	for (size_t i = 0; i < n; i++) {
		unsigned runs = k->runs;

		k->runs &= runs_of[steps[i]->run];
		check_step[steps[i]->kind](k, steps[i]);
		k->runs = runs;
	}
}

/* ---- scenarios ---- */

static void
check_carriers(struct checker *k)
{
	const struct scenario *sc = k->scenario;

	for (int c = 0; c < RK_NCARRIERS; c++)
		if ((sc->carriers & 1U << c) != 0 && k->dialect != NULL &&
		    k->dialect->header[c] == RK_HEADER_NONE)
			complain(k->c, &sc->at, "%s: %s has no carrier \"%s\"",
			    sc->id, k->dialect->id,
			    rk_carrier_name((enum rk_carrier)c));
	for (size_t i = 0; i < sc->ncovers; i++)
		if (sc->carriers != 0 && sc->cover_carriers[i] != 0 &&
		    (sc->carriers & sc->cover_carriers[i]) == 0)
			complain(k->c, &sc->at,
			    "%s: %s is covered over a carrier that is not "
			    "used",
			    sc->id, sc->covers[i]);
}

/* A key or a connection as a parameter's value is a word; data is not. */
static void
check_params(struct checker *k)
{
	struct scenario *sc = k->scenario;
	size_t instances = 1;

	for (size_t i = 0; i < sc->nparams; i++) {
		if (instances <= INSTANCES_MAX)
			instances *= sc->params[i].nvalues;
		for (size_t v = 0; v < sc->params[i].nvalues; v++)
			check_expr(k, sc->params[i].values[v], USE_WORD);
		define_var(k, sc->params[i].name, &sc->params[i].at);
	}
	if (instances > INSTANCES_MAX)
		complain(k->c, &sc->at,
		    "%s has more than %d choices of parameters", sc->id,
		    INSTANCES_MAX);
}

/* What was made from a capture shows what happened, not what is required. */
static bool
is_lifted(const struct scenario *sc)
{
	return text_is_among("lifted", sc->tags, sc->ntags);
}

/* Where the first step is that is marked so; NULL: none is. */
static const struct place *
find_mark(struct step *const *steps, size_t n, enum step_run run)
{
	const struct place *at = NULL;

	for (size_t i = 0; i < n && at == NULL; i++)
		at = steps[i]->run == run
		    ? &steps[i]->at
		    : find_mark(steps[i]->body, steps[i]->nbody, run);
	return at;
}

static void
check_marks(struct checker *k)
{
	const struct scenario *sc = k->scenario;
	const struct place *control =
	    find_mark(sc->steps, sc->nsteps, RUN_CONTROL);

	if (control != NULL &&
	    find_mark(sc->steps, sc->nsteps, RUN_DEFECT) == NULL)
		complain(k->c, control,
		    "a control is played instead of a defect: mark a step as "
		    "\"defect\"");
}

static void
check_scenario(struct checker *k, struct scenario *sc)
{
	k->scenario = sc;
	k->lifted = is_lifted(sc);
	k->runs = IN_BOTH;
	k->conns.n = 0;
	k->conns.list = NULL;
	k->vars.n = k->constants;
	if (sc->ncovers == 0 && !k->lifted)
		complain(k->c, &sc->at,
		    "%s covers no requirement: write covers R-…", sc->id);
	check_carriers(k);
	check_params(k);
	check_steps(k, sc->steps, sc->nsteps);
	check_all_used(k, k->constants);
	check_marks(k);
	check_silence(k);
}

/* By itself: its own names and whatever its callers may have. */
static void
check_proc(struct checker *k, struct proc *proc)
{
	k->scenario = NULL;
	k->lifted = false;
	k->runs = IN_BOTH;
	k->conns.n = 0;
	k->conns.list = NULL;
	k->vars.n = k->constants;
	check_steps(k, proc->steps, proc->nsteps);
}

void
check_script(struct script *s, struct complaints *c)
{
	struct checker k = { .arena = s->arena,
		.c = c,
		.script = s,
		.dialect = s->dialect,
		.runs = IN_BOTH };

	for (size_t i = 0; i < s->nlets; i++) {
		check_expr(&k, s->lets[i]->value, USE_VALUE);
		define_var(&k, s->lets[i]->name, &s->lets[i]->at);
	}
	k.constants = k.vars.n;
	for (size_t i = 0; i < s->nprocs; i++)
		check_proc(&k, s->procs[i]);
	for (size_t i = 0; i < s->nscenarios; i++)
		check_scenario(&k, s->scenarios[i]);
}
