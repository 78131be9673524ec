/*
 * Procedures are put in place where they are called: each call step gets a
 * copy of the procedure's steps in which the parameters are replaced by the
 * arguments.  The engine then needs no scopes.
 */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

/* Steps that calls may add up to, and calls inside each other. */
#define EXPANDED_MAX   20000
#define CALL_DEPTH_MAX 8

struct expansion {
	struct parser *p;
	const struct proc *proc;  /* whose parameters are replaced */
	struct expr *const *args; /* by these */
	int depth;
	size_t steps; /* so far, of the whole script */
};

static void expand_steps(struct expansion *x, struct step **steps, size_t n);

/* The argument for a parameter of that name, or NULL. */
static struct expr *
argument(const struct expansion *x, const char *name)
{
	if (name == NULL)
		return NULL;
	for (size_t i = 0; i < x->proc->nparams; i++)
		if (strcmp(x->proc->params[i], name) == 0)
			return x->args[i];
	return NULL;
}

/* A connection's name: the parameter's argument must be a word. */
static char *
copy_name(const struct expansion *x, char *name, const struct place *at)
{
	const struct expr *arg = argument(x, name);

	if (arg == NULL)
		return name;
	if (arg->kind != EXPR_WORD) {
		complain(x->p->complaints, &arg->at,
		    "\"%s\" of %s is a connection's name (line %d), this is "
		    "not one",
		    name, x->proc->name, at->line);
		return name;
	}
	return arg->word;
}

static struct expr *
copy_expr(const struct expansion *x, struct expr *e)
{
	struct expr *copy;
	struct expr *arg;

	if (e == NULL)
		return NULL;
	if (e->kind == EXPR_VAR || e->kind == EXPR_WORD) {
		arg = argument(x, e->word);
		return arg != NULL ? arg : e;
	}
	if (e->nargs == 0)
		return e;
	copy = arena_alloc(x->p->arena, sizeof(*copy));
	*copy = *e;
	copy->arg = arena_alloc(x->p->arena, e->nargs * sizeof(*copy->arg));
	for (size_t i = 0; i < e->nargs; i++)
		copy->arg[i] = copy_expr(x, e->arg[i]);
	return copy;
}

static void
copy_watch(const struct expansion *x, struct watch_for *w)
{
	struct pred *preds =
	    arena_alloc(x->p->arena, w->npreds * sizeof(*preds));

	for (size_t i = 0; i < w->npreds; i++) {
		preds[i] = w->preds[i];
		preds[i].value = copy_expr(x, preds[i].value);
	}
	w->preds = preds;
}

static void
copy_lists(const struct expansion *x, struct step *s)
{
	struct setting *settings =
	    arena_alloc(x->p->arena, s->nsettings * sizeof(*settings));
	struct patch *patches =
	    arena_alloc(x->p->arena, s->npatches * sizeof(*patches));
	struct expr **args = arena_alloc(x->p->arena, s->nargs * sizeof(*args));

	for (size_t i = 0; i < s->nsettings; i++) {
		settings[i] = s->settings[i];
		settings[i].value = copy_expr(x, s->settings[i].value);
	}
	for (size_t i = 0; i < s->npatches; i++) {
		patches[i].offset = copy_expr(x, s->patches[i].offset);
		patches[i].bytes = copy_expr(x, s->patches[i].bytes);
	}
	for (size_t i = 0; i < s->nargs; i++)
		args[i] = copy_expr(x, s->args[i]);
	s->settings = settings;
	s->patches = patches;
	s->args = args;
}

static struct step *
copy_step(const struct expansion *x, const struct step *from)
{
	struct step *s = arena_alloc(x->p->arena, sizeof(*s));
	struct expr **exprs[] = { &s->value, &s->chop, &s->every, &s->cut,
		&s->len_delta, &s->within, &s->not_before, &s->count,
		&s->watch_time };

	*s = *from;
	s->conn = copy_name(x, s->conn, &s->at);
	s->fence.a = copy_name(x, s->fence.a, &s->at);
	s->fence.b = copy_name(x, s->fence.b, &s->at);
	for (size_t i = 0; i < sizeof(exprs) / sizeof(exprs[0]); i++)
		*exprs[i] = copy_expr(x, *exprs[i]);
	copy_lists(x, s);
	copy_watch(x, &s->watch);
	if (s->then != NULL) {
		s->then = arena_alloc(x->p->arena, sizeof(*s->then));
		*s->then = *from->then;
		copy_watch(x, s->then);
	}
	s->body = arena_alloc(x->p->arena, s->nbody * sizeof(*s->body));
	for (size_t i = 0; i < s->nbody; i++)
		s->body[i] = copy_step(x, from->body[i]);
	return s;
}

static const char *
nearest_proc(struct parser *p, const char *name)
{
	const struct script *s = p->script;
	const char **words =
	    arena_alloc(p->arena, (s->nprocs + 1) * sizeof(*words));

	for (size_t i = 0; i < s->nprocs; i++)
		words[i] = s->procs[i]->name;
	return did_you_mean(p, name, words);
}

/* Fill in the body of one call. */
static void
expand_call(struct expansion *x, struct step *call)
{
	const struct proc *proc = script_proc(x->p->script, call->name);
	struct expansion inner = { x->p, proc, call->args, x->depth + 1,
		x->steps };
	struct complaints *c = x->p->complaints;
	size_t before = c->count;

	if (proc == NULL) {
		complain(c, &call->at, "there is no procedure \"%s\"%s",
		    call->name, nearest_proc(x->p, call->name));
		return;
	}
	if (call->nargs != proc->nparams) {
		complain(c, &call->at,
		    "the number of arguments is wrong: %s takes %zu, not %zu",
		    proc->name, proc->nparams, call->nargs);
		return;
	}
	if (x->depth >= CALL_DEPTH_MAX || x->steps > EXPANDED_MAX) {
		complain(c, &call->at,
		    "calls go too deep: does %s call itself?", proc->name);
		return;
	}
	call->body =
	    arena_alloc(x->p->arena, proc->nsteps * sizeof(*call->body));
	for (size_t i = 0; i < proc->nsteps; i++)
		call->body[i] = copy_step(&inner, proc->steps[i]);
	if (c->count > before)
		return;
	call->nbody = proc->nsteps;
	inner.steps += proc->nsteps;
	expand_steps(&inner, call->body, call->nbody);
	x->steps = inner.steps;
}

static void
expand_steps(struct expansion *x, struct step **steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (steps[i]->kind == STEP_CALL)
			expand_call(x, steps[i]);
		else
			expand_steps(x, steps[i]->body, steps[i]->nbody);
	}
}

void
expand_calls(struct parser *p)
{
	struct expansion x = { .p = p };

	for (size_t i = 0; i < p->script->nscenarios; i++)
		expand_steps(&x, p->script->scenarios[i]->steps,
		    p->script->scenarios[i]->nsteps);
}
