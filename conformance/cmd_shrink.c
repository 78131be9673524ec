/* shrink: the smallest scenario on which a relay still shows something. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/options.h"
#include "conformance/shrink.h"
#include "scenario/fmt.h"
#include "scenario/parse.h"

#define TICK_NS      (20 * NS_PER_MS)
#define MAX_RERUNS   2
#define RUNS_DEFAULT 2000
/* Beside some times what the first run took: most of what is tried waits for
 * what cannot come any more. */
#define RUN_TIMES    4
#define RUN_SPARE    (500 * NS_PER_MS)

struct work {
	struct options o;
	struct suite *suite; /* for what scripts include */
	const char *file;
	enum result_code code;
	char *id; /* of the scenario */
	struct target *target;
	struct target *good; /* where it must not fail; NULL: anywhere */
	struct loop *loop;
	struct timer *deadline;
	struct case_result *result;
	int64_t runs;
	int64_t took_ns;  /* the last one */
	int64_t limit_ns; /* of a run; 0: none yet */
	bool stop;
	int status; /* why it was stopped */
};

static void
on_signal(void *arg, int signo)
{
	struct work *w = arg;

	w->stop = true;
	w->status = EXIT_INTERRUPTED;
}

static void
on_deadline(void *arg)
{
	struct work *w = arg;

	w->stop = true;
	w->status = EXIT_TIMEOUT;
}

static void
on_done(void *arg, struct case_result *r)
{
	struct work *w = arg;

	w->result = r;
}

/* ---- one run ---- */

static bool
revive(struct work *w, struct target *t)
{
	struct text errors;
	bool ok;

	if (target_death(t) != NULL) {
		target_stop(t);
		process_free(t->process);
		t->process = NULL;
	}
	text_init(&errors);
	ok = target_start(t, w->loop, &w->stop, &errors) == 0;
	if (!ok && !w->stop) {
		fputs(text_str(&errors), stderr);
		w->stop = true;
		w->status = EXIT_INFRASTRUCTURE;
	}
	text_clear(&errors);
	return ok;
}

static bool
is_too_long(const struct work *w, int64_t began)
{
	return w->limit_ns > 0 && clock_mono_ns() - began > w->limit_ns;
}

static enum result_code
run_once(struct work *w, struct target *t, const struct instance *i)
{
	const struct engine_options eo = { .seed = w->o.target.seed,
		.time_scale = w->o.time_scale };
	int64_t began = clock_mono_ns();
	struct engine *e;
	enum result_code code;

	if (!revive(w, t))
		return CODE_CONNECT;
	e = engine_new(w->loop, &eo);
	engine_add(e, &t->engine, i, false, on_done, w);
	while (engine_pending(e) > 0 && !w->stop && !is_too_long(w, began))
		loop_turn(w->loop, TICK_NS);
	code = engine_pending(e) > 0 ? CODE_UNSUPPORTED : w->result->code;
	engine_stop(e);
	engine_free(e);
	w->runs++;
	w->took_ns = clock_mono_ns() - began;
	case_result_free(w->result);
	w->result = NULL;
	return target_death(t) != NULL ? CODE_CRASH : code;
}

static enum result_code
run(struct work *w, struct target *t, const struct instance *i)
{
	enum result_code code = CODE_HARNESS_LATE;

	for (int n = 0;
	     n <= MAX_RERUNS && code == CODE_HARNESS_LATE && !w->stop; n++)
		code = run_once(w, t, i);
	return code;
}

/* ---- is it seen? ---- */

static struct scenario *
find(const struct script *s, const char *id)
{
	for (size_t i = 0; i < s->nscenarios; i++)
		if (strcmp(s->scenarios[i]->id, id) == 0)
			return s->scenarios[i];
	return NULL;
}

static bool
shows(struct work *w, const struct instance *i)
{
	if (run(w, w->target, i) != w->code)
		return false;
	return w->good == NULL || run(w, w->good, i) == CODE_OK;
}

static const struct rk_dialect *
dialect(const struct work *w)
{
	return w->target->engine.dialect;
}

/* Of several instances the first: what is shrunk has only one. */
static bool
text_shows(struct work *w, const char *text)
{
	struct instance **instances = NULL;
	struct text errors;
	struct script *s;
	struct scenario *sc;
	size_t n = 0;
	bool yes = false;

	text_init(&errors);
	s = script_parse(w->file, text, strlen(text), NULL, &errors);
	sc = s != NULL ? find(s, w->id) : NULL;
	if (sc != NULL)
		instances = instances_of(s, sc, dialect(w), &n);
	if (n > 0)
		yes = shows(w, instances[0]);
	for (size_t i = 0; i < n; i++)
		instance_free(instances[i]);
	free(instances);
	script_free(s);
	text_clear(&errors);
	return yes;
}

static enum shrink_seen
sees(void *arg, const char *text)
{
	struct work *w = arg;
	bool yes;

	if (w->stop || w->runs >= w->o.max_runs)
		return SHRINK_STOP;
	yes = text_shows(w, text);
	if (w->stop)
		return SHRINK_STOP;
	return yes ? SHRINK_YES : SHRINK_NO;
}

static void
on_smaller(void *arg, const char *text)
{
	struct work *w = arg;
	size_t lines = 0;

	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	if (!w->o.quiet)
		cli_error("%zu lines, %zu bytes; %lld runs", lines,
		    strlen(text), (long long)w->runs);
}

/* ---- the beginning ---- */

static bool
is_over_line(const char *line)
{
	line += strspn(line, " \t");
	return strncmp(line, "over ", 5) == 0;
}

/* The script with the one instance only: its carrier, its values. */
static char *
pin(const struct instance *i)
{
	const struct script *s = i->script;
	const struct scenario *sc = i->scenario;
	bool carrier = strchr(i->name, '[') != NULL &&
	    (sc->nparams == 0 || strstr(i->name, "[raw") != NULL ||
		strstr(i->name, "[ws") != NULL);
	struct text t;

	text_init(&t);
	for (size_t n = 0; n < s->nlines; n++) {
		int line = (int)n + 1;
		size_t p = 0;

		while (p < sc->nparams && sc->params[p].at.line != line)
			p++;
		if (p < sc->nparams)
			text_addf(&t, "  param %s in %s\n", sc->params[p].name,
			    i->values[p]->source);
		else if (!carrier || line <= sc->at.line ||
		    line >= sc->end_line || !is_over_line(s->lines[n]))
			text_addf(&t, "%s\n", s->lines[n]);
		if (carrier && line == sc->at.line)
			text_addf(&t, "  over %s\n",
			    rk_carrier_name(i->carrier));
	}
	return text_take(&t);
}

static bool
is_wanted(const struct work *w, const struct scenario *sc,
    const struct instance *i)
{
	const char *word = w->o.narguments > 2 ? w->o.arguments[2] : NULL;

	return word == NULL || strcmp(word, sc->id) == 0 ||
	    strcmp(word, i->name) == 0;
}

/* The first instance of a scenario that shows it, pinned; NULL if none. */
static char *
first_of(struct work *w, const struct script *s, struct scenario *sc)
{
	struct instance **list;
	char *text = NULL;
	size_t n;

	list = instances_of(s, sc, dialect(w), &n);
	for (size_t i = 0; i < n; i++) {
		if (text == NULL && !w->stop && is_wanted(w, sc, list[i]) &&
		    shows(w, list[i])) {
			w->id = xstrdup(sc->id);
			w->limit_ns = RUN_SPARE + RUN_TIMES * w->took_ns;
			text = pin(list[i]);
		}
		instance_free(list[i]);
	}
	free(list);
	return text;
}

static char *
find_first(struct work *w, int *status)
{
	struct text errors;
	struct script *s;
	char *text = NULL;

	text_init(&errors);
	s = script_load(w->file, NULL, &errors);
	if (s == NULL) {
		fputs(text_str(&errors), stderr);
		*status = EXIT_SCRIPT;
	}
	for (size_t i = 0; s != NULL && text == NULL && i < s->nscenarios; i++)
		text = first_of(w, s, s->scenarios[i]);
	script_free(s);
	text_clear(&errors);
	if (text == NULL && *status == 0) {
		if (!w->stop)
			cli_error("nothing in %s shows %s: there is nothing "
				  "to shrink",
			    w->file, result_code_name(w->code));
		*status = w->stop ? w->status : EXIT_FAILED;
	}
	return text;
}

/* ---- the end ---- */

static int
write_result(struct work *w, const char *text)
{
	struct text errors;
	struct output out;
	char err[512], *laid_out;
	int status = EXIT_INFRASTRUCTURE;

	text_init(&errors);
	laid_out = script_format(w->file, text, strlen(text), &errors);
	if (output_open(&out, w->o.output != NULL ? w->o.output : "-", err,
		sizeof(err)) == 0) {
		fputs(laid_out != NULL ? laid_out : text, out.f);
		if (output_commit(&out, err, sizeof(err)) == 0)
			status = EXIT_GOOD;
	}
	if (status != EXIT_GOOD)
		cli_error("cannot write %s", err);
	free(laid_out);
	text_clear(&errors);
	return status;
}

/* What is left once more, so that chance is not taken for the cause. */
static int
conclude(struct work *w, const char *text, bool whole)
{
	int status = write_result(w, text);

	if (status != EXIT_GOOD)
		return status;
	if (w->stop)
		return w->status;
	if (!whole)
		cli_error("ended after %lld runs: there may be a smaller one",
		    (long long)w->runs);
	if (text_shows(w, text))
		return EXIT_GOOD;
	cli_error("what is left does not show it every time");
	return w->stop ? w->status : EXIT_INCONCLUSIVE;
}

static int
work(struct work *w)
{
	const struct shrink s = { sees, on_smaller, w };
	int status = 0;
	char *text = find_first(w, &status), *small;
	bool whole;

	if (text == NULL)
		return status;
	small = shrink(&s, text, &whole);
	status = conclude(w, small, whole);
	free(small);
	free(text);
	return status;
}

/* ---- the command ---- */

static int
read_code(struct work *w)
{
	for (int c = CODE_OK + 1; c < CODE_NKINDS; c++)
		if (w->o.code != NULL &&
		    strcmp(w->o.code, result_code_name((enum result_code)c)) ==
			0) {
			w->code = (enum result_code)c;
			return 0;
		}
	return cli_usage_error("--while needs a code such as E-WRONG; "
			       "relay-conformance explain knows them");
}

static struct target *
read_target(struct work *w, const char *word, int *status)
{
	struct text errors;
	struct target *t;

	text_init(&errors);
	t = target_new(word, &w->o.target, &errors, status);
	if (t == NULL)
		fputs(text_str(&errors), stderr);
	text_clear(&errors);
	return t;
}

static int
prepare(struct work *w)
{
	int status;

	if (w->o.narguments < 2 || w->o.narguments > 3)
		return cli_usage_error("shrink needs a scenario's file and a "
				       "target");
	status = read_code(w);
	if (status != 0)
		return status;
	w->file = w->o.arguments[0];
	if (w->o.max_runs == 0)
		w->o.max_runs = RUNS_DEFAULT;
	status = output_refuse(w->o.output, w->o.force);
	if (status != 0)
		return status;
	w->suite = options_suite(&w->o, &status);
	if (w->suite != NULL)
		w->target = read_target(w, w->o.arguments[1], &status);
	if (w->target != NULL && w->o.good != NULL)
		w->good = read_target(w, w->o.good, &status);
	return status;
}

static int
start(struct work *w)
{
	w->loop = loop_new();
	if (w->loop == NULL) {
		cli_error("the event loop did not start");
		return EXIT_INFRASTRUCTURE;
	}
	loop_on_signal(w->loop, SIGINT, on_signal, w);
	loop_on_signal(w->loop, SIGTERM, on_signal, w);
	w->deadline = timer_new(w->loop, on_deadline, w);
	if (w->o.timeout_ns > 0)
		timer_set(w->deadline, w->o.timeout_ns);
	return 0;
}

int
cmd_shrink(int argc, char **argv)
{
	struct work w = { 0 };
	int status =
	    options_parse(&w.o, FOR_SHRINK, SHRINK_SYNOPSIS, argc, argv);

	if (status == 0 && !w.o.help) {
		status = prepare(&w);
		if (status == 0)
			status = start(&w);
		if (status == 0)
			status = work(&w);
	}
	target_free(w.target);
	target_free(w.good);
	timer_free(w.deadline);
	loop_free(w.loop);
	suite_free(w.suite);
	free(w.id);
	options_clear(&w.o);
	return status;
}
