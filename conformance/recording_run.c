/* run.jsonl -> the run that it was, so that it can be judged again. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/member.h"
#include "conformance/recording.h"
#include "transcript/transcript_json.h"

#define MAX_ROUNDS 100000
#define MAX_COUNT  1000000000
#define MAX_SPAN   1000 /* characters that are marked */

struct reader {
	struct run *r;
	struct options *o;
	const char *path;
	int line;
	bool begun;
	bool ended;
	json_int_t selected;
	/* In the case being read: itself, control. */
	struct seen {
		struct transcript *transcript;
		struct played played; /* made steps */
	} seen[2];
};

static int
bad_line(const struct reader *x, const char *why)
{
	cli_error("%s:%d: %s", x->path, x->line, why);
	return EXIT_SCRIPT;
}

/* ---- members ---- */

/* From 0 to MAX_COUNT: 0 where it is none. */
static json_int_t
count_at(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n >= 0 && n <= MAX_COUNT ? n : 0;
}

static int64_t
time_at(const json_t *o, const char *key)
{
	double ms = json_number_value(json_object_get(o, key));

	return ms > 0 && ms < 1e11 ? (int64_t)(ms * 1e6 + 0.5) : 0;
}

static bool
is_true_at(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* Strings joined by commas; NULL if there is none. */
static char *
joined_at(const json_t *o, const char *key)
{
	const json_t *a = json_object_get(o, key);
	struct text out;

	if (json_array_size(a) == 0)
		return NULL;
	text_init(&out);
	for (size_t i = 0; i < json_array_size(a); i++) {
		const char *s = json_string_value(json_array_get(a, i));

		text_addf(&out, "%s%s", i > 0 ? "," : "", s != NULL ? s : "");
	}
	return text_take(&out);
}

static struct place
place_at(const json_t *o, const char *file, const char *line)
{
	return (struct place){
		.file = member_copy(o, file),
		.line = (int)count_at(o, line),
		.col = 1,
	};
}

/* ---- the head ---- */

static int
read_head(struct reader *x, const json_t *o)
{
	struct run *r = x->r;
	const char *seed = member_string(o, "seed"),
		   *started = member_string(o, "started");
	double scale = json_number_value(json_object_get(o, "time_scale"));
	json_int_t repeat = count_at(o, "repeat");
	struct tm tm = { .tm_isdst = 0 };

	if (x->begun || seed == NULL || started == NULL || repeat < 1 ||
	    repeat > MAX_ROUNDS ||
	    strptime(started, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL)
		return bad_line(x, "this is no head of a run");
	x->begun = true;
	x->selected = count_at(o, "selected");
	x->o->target.seed = strtoull(seed, NULL, 16);
	x->o->repeat = repeat;
	x->o->until_fail = is_true_at(o, "until_fail");
	r->rounds = (unsigned)repeat;
	x->o->time_scale = scale > 0 ? scale : 1;
	x->o->no_controls = json_is_false(json_object_get(o, "controls"));
	x->o->strict = x->o->strict || is_true_at(o, "strict");
	r->tally.strict = x->o->strict;
	r->date = (int64_t)timegm(&tm);
	r->ncases = (size_t)count_at(o, "cases");
	r->nslow = (size_t)count_at(o, "slow_not_selected");
	return 0;
}

static struct run_target *
find_target(const struct run *r, const char *name)
{
	for (size_t i = 0; name != NULL && i < r->ntargets; i++)
		if (strcmp(r->targets[i].target->name, name) == 0)
			return &r->targets[i];
	return NULL;
}

static struct target *
make_target(const json_t *o)
{
	const json_t *caps = json_object_get(o, "caps");
	const char *url = member_string(o, "url"),
		   *said = member_string(o, "said");
	struct target *t = xcalloc(1, sizeof(*t));

	t->name = member_copy(o, "target");
	t->said = xstrdup(said != NULL ? said : t->name);
	t->engine.name = xstrdup(t->name);
	t->engine.dialect = rk_dialect_by_id(member_string(o, "dialect"));
	t->engine.scale = 1;
	snprintf(t->engine.url.text, sizeof(t->engine.url.text), "%s",
	    url != NULL ? url : "");
	t->inside = is_true_at(o, "deviations_inside");
	t->caps = xcalloc(json_array_size(caps) + 1, sizeof(char *));
	for (size_t i = 0; i < json_array_size(caps); i++) {
		const char *cap = json_string_value(json_array_get(caps, i));

		if (cap != NULL)
			t->caps[t->ncaps++] = xstrdup(cap);
	}
	return t;
}

static int
read_target(struct reader *x, const json_t *o)
{
	struct run *r = x->r;
	const char *name = member_string(o, "target"),
		   *dialect = member_string(o, "dialect");
	struct run_target *t;
	struct text errors;

	if (!x->begun || r->nplan > 0 || name == NULL || dialect == NULL ||
	    rk_dialect_by_id(dialect) == NULL || find_target(r, name) != NULL)
		return bad_line(x, "this is no target of a run");
	r->targets = xreallocarray(r->targets, r->ntargets + 1, sizeof(*t));
	t = &r->targets[r->ntargets++];
	*t = (struct run_target){
		.run = r,
		.target = make_target(o),
		.declared = member_copy(o, "deviations"),
	};
	text_init(&errors);
	t->list = suite_cases(r->suite, t->target->engine.dialect, &errors);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	return t->list != NULL ? 0 : EXIT_SCRIPT;
}

/* ---- cases ---- */

/* A case that the suite does not have: what its line says of it. */
static const struct suite_case *
make_case(const json_t *o)
{
	const json_t *covered = json_object_get(o, "requirements");
	struct suite_case *c = xcalloc(1, sizeof(*c));
	struct script *script = xcalloc(1, sizeof(*script));
	struct scenario *sc = xcalloc(1, sizeof(*sc));

	sc->id = member_copy(o, "scenario");
	sc->title = member_copy(o, "title");
	sc->at = place_at(o, "scenario_file", "scenario_line");
	sc->has_control = member_string(o, "control") != NULL;
	script->file = xstrdup(sc->at.file);
	c->script = script;
	c->scenario = sc;
	c->instance = xcalloc(1, sizeof(*c->instance));
	c->instance->scenario = sc;
	c->instance->script = script;
	c->instance->name = member_copy(o, "case");
	c->level = (enum level)level_parse(member_string(o, "level"));
	c->requirements =
	    xcalloc(json_array_size(covered) + 1, sizeof(*c->requirements));
	for (size_t i = 0; i < json_array_size(covered); i++) {
		const char *id = json_string_value(json_array_get(covered, i));

		if (id != NULL)
			c->requirements[c->nrequirements++] = xstrdup(id);
	}
	return c;
}

/* It was made here, and is not the suite's. */
static void
free_made_case(const struct suite_case *c)
{
	if (c->script->nscenarios > 0)
		return;
	for (size_t i = 0; i < c->nrequirements; i++)
		free((void *)(uintptr_t)c->requirements[i]);
	free(c->requirements);
	free(c->instance->name);
	free(c->instance);
	free(c->script->file);
	free((void *)(uintptr_t)c->script);
	free(c->scenario->id);
	free(c->scenario->title);
	free((void *)(uintptr_t)c->scenario->at.file);
	free((void *)(uintptr_t)c->scenario);
	free((void *)(uintptr_t)c);
}

static const struct suite_case *
find_case(const struct case_list *list, const json_t *o)
{
	const struct suite_case *c =
	    suite_case_named(list, member_string(o, "case"));

	return c != NULL ? c : make_case(o);
}

static struct step *
make_step(const json_t *o, const char *file, const char *line)
{
	struct step *step;

	if (member_string(o, file) == NULL)
		return NULL;
	step = xcalloc(1, sizeof(*step));
	step->at = place_at(o, file, line);
	return step;
}

static void
free_step(const struct step *step)
{
	if (step == NULL)
		return;
	free((void *)(uintptr_t)step->at.file);
	free(step->source);
	free((void *)(uintptr_t)step);
}

static void
clear_played(struct played *p)
{
	for (size_t i = 0; i < p->n; i++) {
		free_step(p->steps[i].step);
		free_step(p->steps[i].call);
	}
	played_clear(p);
}

/* What was seen and is no case's. */
static void
forget_seen(struct reader *x)
{
	for (int i = 0; i < 2; i++) {
		transcript_free(x->seen[i].transcript);
		clear_played(&x->seen[i].played);
		x->seen[i] = (struct seen){ .transcript = NULL };
	}
}

static struct case_result *
make_result(struct reader *x, const struct run_case *c, bool control)
{
	struct case_result *result = xcalloc(1, sizeof(*result));

	result->instance = c->c->instance;
	result->control = control;
	result->transcript = x->seen[control].transcript;
	result->played = x->seen[control].played;
	x->seen[control] = (struct seen){ .transcript = NULL };
	return result;
}

/* The clause; where it makes no sense the whole step. */
static struct place
missed_at(const json_t *o)
{
	const json_t *missed = json_object_get(o, "missed");
	int col = (int)count_at(missed, "column"),
	    len = (int)count_at(missed, "span");

	if (col < 1 || col > MAX_SPAN || len < 1 || len > MAX_SPAN)
		return (struct place){ .len = 0 };
	return (struct place){ .col = col, .len = len };
}

/* All that put_result and its like wrote; 0, or -1 if it is not to be used. */
static int
fill_result(struct case_result *d, const json_t *o)
{
	const json_t *tightest = json_object_get(o, "tightest");
	const char *code = member_string(o, "code"),
		   *word = member_string(o, "word");
	struct step *step = make_step(o, "file", "line");

	d->step = step;
	if (step != NULL) {
		step->source = member_copy(o, "step");
		step->at.col = (int)count_at(o, "column");
		step->at.len = (int)count_at(o, "span");
		if (step->at.len > MAX_SPAN)
			step->at.len = 0;
		d->missed = missed_at(o);
	}
	d->call = make_step(o, "called_file", "called_line");
	d->named = joined_at(o, "named");
	d->message = member_copy(o, "message");
	d->detail = member_copy(o, "detail");
	d->teardown = member_copy(o, "teardown");
	d->not_observable = member_copy(o, "not_observable");
	d->vars = member_copy(o, "vars");
	d->took_ns = time_at(o, "duration_ms");
	d->late_ns = time_at(o, "late_ms");
	d->overdue_ns = json_integer_value(json_object_get(o, "overdue_ns"));
	d->tightest = (struct margin){
		.line = (int)count_at(tightest, "line"),
		.bound_ns = time_at(tightest, "bound_ms"),
		.took_ns = time_at(tightest, "took_ms"),
	};
	d->code = result_code_named(code);
	if (d->code == CODE_NKINDS || word == NULL)
		return -1;
	return verdict_word_named(word, &d->word) ? 0 : -1;
}

/* What was not played has its verdict from elsewhere, and keeps it. */
static bool
is_unplayed(enum verdict v)
{
	return v == VERDICT_UNSUPPORTED || v == VERDICT_SKIPPED ||
	    v == VERDICT_INCONCLUSIVE || v == VERDICT_ERROR;
}

/* The results of a case, and which of them decided; 0, or what was said. */
static int
read_results(struct reader *x, struct run_case *c, const json_t *o)
{
	const char *control = member_string(o, "control");
	bool failed = control != NULL && strcmp(control, "failed") == 0;
	bool played = json_object_get(o, "late_ms") != NULL;
	struct case_result *d;

	if (control != NULL)
		c->control = make_result(x, c, true);
	if (!played)
		return is_unplayed(c->verdict) && !failed
		    ? 0
		    : bad_line(x, "a verdict without what it is about");
	if (!failed)
		c->result = make_result(x, c, false);
	d = failed ? c->control : c->result;
	c->decided = d;
	if (fill_result(d, o) != 0)
		return bad_line(x,
		    "no code, or no word of the step: an older "
		    "relay-conformance wrote this");
	if (failed && judge_control(d) == VERDICT_PASS)
		return bad_line(x, "a control that failed and did not");
	return 0;
}

static enum canary
canary_at(const json_t *o, const char *key)
{
	const char *word = member_string(o, key);

	if (word == NULL || strcmp(word, "not played") == 0)
		return CANARY_UNTRIED;
	return strcmp(word, "ok") == 0 ? CANARY_OK : CANARY_FAILED;
}

static int
read_verdict(struct reader *x, const json_t *o)
{
	struct run *r = x->r;
	struct run_target *t = find_target(r, member_string(o, "target"));
	const char *verdict = member_string(o, "verdict"),
		   *level = member_string(o, "level");
	json_int_t round = count_at(o, "round");
	struct run_case *c;
	int status;

	if (t == NULL || verdict == NULL || level == NULL ||
	    verdict_named(verdict) == VERDICT_NKINDS ||
	    level_parse(level) < 0 || member_string(o, "case") == NULL ||
	    member_string(o, "code") == NULL ||
	    member_string(o, "scenario") == NULL ||
	    member_string(o, "title") == NULL ||
	    member_string(o, "scenario_file") == NULL || round > MAX_ROUNDS)
		return bad_line(x, "this is no verdict");
	r->plan = xreallocarray(r->plan, r->nplan + 1, sizeof(*r->plan));
	c = &r->plan[r->nplan++];
	*c = (struct run_case){
		.c = find_case(t->list, o),
		.target = t,
		.round = round > 0 ? (unsigned)round : 1,
		.number = r->nplan,
		.verdict = verdict_named(verdict),
		.orphaned = is_true_at(o, "target_ended"),
		.flaked = is_true_at(o, "flaked"),
		.after = canary_at(o, "canary_after"),
		.reruns = (unsigned)count_at(o, "reruns"),
		.again = member_copy(o, "again"),
	};
	if (x->o->until_fail && c->round > r->rounds)
		r->rounds = c->round;
	/* What a deviation said is said anew, or is not. */
	if (json_object_get(o, "deviation") == NULL)
		c->reason = member_copy(o, "reason");
	r->nover += c->verdict == VERDICT_SKIPPED && c->reason != NULL &&
	    strcmp(c->reason, OVER_BUDGET) == 0;
	status = read_results(x, c, o);
	forget_seen(x);
	return status;
}

static struct seen *
seen_of(struct reader *x, const json_t *o)
{
	struct seen *seen = &x->seen[is_true_at(o, "control")];

	if (seen->transcript == NULL)
		seen->transcript = transcript_new();
	return seen;
}

static int
read_play(struct reader *x, const json_t *o)
{
	struct seen *seen = seen_of(x, o);

	seen->transcript->epoch_ns =
	    json_integer_value(json_object_get(o, "epoch_ns"));
	seen->played.left_out = (size_t)count_at(o, "steps_left_out");
	return 0;
}

static int
read_step(struct reader *x, const json_t *o)
{
	const json_t *took = json_object_get(o, "took_ns");
	struct seen *seen = seen_of(x, o);
	struct step *step = make_step(o, "file", "line");
	struct played_step s = {
		.step = step,
		.time_ns = json_integer_value(json_object_get(o, "time_ns")),
		.took_ns = took != NULL ? json_integer_value(took) : -1,
	};

	if (step == NULL || member_string(o, "step") == NULL ||
	    seen->played.n == PLAYED_MAX) {
		free_step(step);
		return bad_line(x, "this is no step");
	}
	step->source = member_copy(o, "step");
	if (json_object_get(o, "called_line") != NULL)
		s.call = make_step(o, "file", "called_line");
	played_add(&seen->played, &s);
	return 0;
}

static int
read_event(struct reader *x, const json_t *o)
{
	char err[256];

	if (event_from_json(seen_of(x, o)->transcript,
		json_object_get(o, "event"), err, sizeof(err)) == 0)
		return 0;
	return bad_line(x, err);
}

/* ---- the end ---- */

static void
read_probes(struct run_target *t, const json_t *list)
{
	t->probes = xcalloc(json_array_size(list) + 1, sizeof(*t->probes));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (member_string(o, "cap") != NULL &&
		    member_string(o, "scenario") != NULL)
			t->probes[t->nprobes++] = (struct run_probe){
				.cap = member_copy(o, "cap"),
				.scenario = member_copy(o, "scenario"),
				.said = canary_at(o, "said"),
				.why = member_copy(o, "why"),
			};
	}
}

static int
read_end(struct reader *x, const json_t *o)
{
	struct run *r = x->r;
	const char *ended_by = member_string(o, "ended_by");

	x->ended = true;
	r->end = END_NOT;
	if (ended_by != NULL && !run_end_named(ended_by, &r->end))
		return bad_line(x, "this is no end of a run");
	r->took_ns = time_at(o, "duration_ms");
	r->ncanaries = (size_t)count_at(o, "canaries");
	r->ncanaries_ok = (size_t)count_at(o, "canaries_ok");
	for (size_t i = 0; i < r->ntargets; i++) {
		struct run_target *t = &r->targets[i];
		const json_t *one =
		    json_object_get(json_object_get(o, "targets"),
			t->target->name);

		t->before = canary_at(one, "canary_before");
		t->after = canary_at(one, "canary_after");
		read_probes(t, json_object_get(one, "probes"));
		t->trouble = member_copy(one, "trouble");
		t->ending = member_copy(one, "process");
		r->tally.infrastructure |= t->trouble != NULL;
	}
	return 0;
}

/* ---- lines ---- */

static int
read_line(struct reader *x, const json_t *o)
{
	static const struct {
		const char *type;
		int (*read)(struct reader *x, const json_t *o);
	} types[] = {
		{ "run", read_head },
		{ "target", read_target },
		{ "case", read_play },
		{ "step", read_step },
		{ "frame", read_event },
		{ "event", read_event },
		{ "oracle", read_event },
		{ "verdict", read_verdict },
		{ "end", read_end },
	};
	const char *type = member_string(o, "type");

	if (type == NULL)
		return bad_line(x, "no line of a run");
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, type) == 0)
			return types[i].read(x, o);
	return 0;
}

static int
read_file(struct reader *x, FILE *f)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int status = 0;

	while (status == 0 && !x->ended && (n = getline(&line, &size, f)) > 0) {
		json_t *o = json_loads(line, JSON_ALLOW_NUL, NULL);

		x->line++;
		/* A last line without its end was being written. */
		if (o != NULL)
			status = read_line(x, o);
		else if (line[n - 1] == '\n')
			status = bad_line(x, "this is no JSON");
		json_decref(o);
	}
	free(line);
	if (status == 0 && x->r->ntargets == 0)
		status = bad_line(x, "no run of a target");
	if (status == 0 && !x->ended) {
		cli_error("%s: it is cut short: %zu of %lld cases are there",
		    x->path, x->r->nplan, (long long)x->selected);
		x->r->end = END_CUT;
	}
	forget_seen(x);
	return status;
}

/* ---- the interface ---- */

int
recording_read_run(struct run *r, struct options *o, const char *path, FILE *f,
    int *line)
{
	struct reader x = { .r = r, .o = o, .path = path, .line = *line };
	int status = 0;

	*r = (struct run){ .o = o };
	r->suite = options_suite(o, &status);
	if (r->suite == NULL)
		return status;
	status = read_file(&x, f);
	*line = x.line;
	return status;
}

void
recording_clear_run(struct run *r)
{
	for (size_t i = 0; i < r->nplan; i++) {
		const struct run_case *c = &r->plan[i];

		if (c->decided != NULL) {
			free_step(c->decided->step);
			free_step(c->decided->call);
		}
		if (c->result != NULL)
			clear_played(&c->result->played);
		if (c->control != NULL)
			clear_played(&c->control->played);
		free_made_case(r->plan[i].c);
	}
	run_clear(r);
}
