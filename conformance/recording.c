/* run.jsonl -> targets, cases, results. */
#include "config.h"

#include "conformance/recording.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/member.h"
#include "transcript/transcript_json.h"

struct reader {
	struct run *r;
	struct options *o;
	const char *path;
	int line;
	struct run_target *target; /* of the run being read */
	size_t left;               /* runs behind it */
	char *target_name;
	struct transcript *transcript; /* of the case being read */
	unsigned rounds;
	bool begun, ended;
};

static int
bad_line(const struct reader *x, const char *why)
{
	cli_error("%s:%d: %s", x->path, x->line, why);
	return EXIT_SCRIPT;
}

/* ---- cases ---- */

/* A case that this suite does not have: a name, and no lines. */
static const struct suite_case *
unknown_case(const char *name)
{
	struct suite_case *c = xcalloc(1, sizeof(*c));
	struct scenario *sc = xcalloc(1, sizeof(*sc));

	c->instance = xcalloc(1, sizeof(*c->instance));
	c->instance->name = xstrdup(name);
	sc->at.line = INT_MAX;
	c->scenario = c->instance->scenario = sc;
	return c;
}

/* It was made here, and is not the suite's. */
static void
unknown_case_free(const struct suite_case *c)
{
	if (c->script != NULL)
		return;
	free(c->instance->name);
	free(c->instance);
	free((void *)(uintptr_t)c->scenario);
	free((void *)(uintptr_t)c);
}

enum result_code
result_code_named(const char *name)
{
	int code = 0;

	while (code < CODE_NKINDS &&
	    strcmp(result_code_name((enum result_code)code), name) != 0)
		code++;
	return (enum result_code)code;
}

static struct case_result *
result_of(struct reader *x, const json_t *o, enum result_code code)
{
	struct case_result *result = xcalloc(1, sizeof(*result));

	result->code = code;
	result->message = member_copy(o, "message");
	result->transcript =
	    x->transcript != NULL ? x->transcript : transcript_new();
	x->transcript = NULL;
	return result;
}

static int
read_verdict(struct reader *x, const json_t *o)
{
	struct run *r = x->r;
	const char *name = member_string(o, "case"),
		   *code = member_string(o, "code"),
		   *verdict = member_string(o, "verdict");
	json_int_t round = json_integer_value(json_object_get(o, "round"));
	struct run_case *c;

	if (name == NULL || code == NULL || verdict == NULL ||
	    result_code_named(code) == CODE_NKINDS ||
	    verdict_named(verdict) == VERDICT_NKINDS || round < 0 ||
	    round > 100000)
		return bad_line(x, "this is no verdict");
	r->plan = xreallocarray(r->plan, r->nplan + 1, sizeof(*r->plan));
	c = &r->plan[r->nplan++];
	*c = (struct run_case){
		.c = suite_case_named(r->suite->lists[0], name),
		.target = x->target,
		.round = round > 0 ? (unsigned)round : 1,
		.number = r->nplan,
		.done = true,
		.verdict = verdict_named(verdict),
		.reason = member_copy(o, "reason"),
	};
	if (c->c == NULL)
		c->c = unknown_case(name);
	if (json_object_get(o, "duration_ms") != NULL && c->reason == NULL)
		c->result = result_of(x, o, result_code_named(code));
	if (c->round > x->rounds)
		x->rounds = c->round;
	transcript_free(x->transcript);
	x->transcript = NULL;
	return 0;
}

static int
read_event(struct reader *x, const json_t *o)
{
	char err[256];

	if (json_is_true(json_object_get(o, "control")))
		return 0;
	if (x->transcript == NULL)
		x->transcript = transcript_new();
	if (event_from_json(x->transcript, json_object_get(o, "event"), err,
		sizeof(err)) == 0)
		return 0;
	return bad_line(x, err);
}

/* ---- lines ---- */

static int
read_target(struct reader *x, const json_t *o)
{
	if (x->target_name != NULL)
		return bad_line(x,
		    "a run of several targets; one can be compared");
	x->target_name = member_copy(o, "target");
	return x->target_name != NULL ? 0
				      : bad_line(x, "a target, and no name");
}

/* What is compared is what every run has. */
static void
end_of_run(struct reader *x)
{
	if (x->target == x->r->targets || (int64_t)x->rounds < x->o->repeat)
		x->o->repeat = x->rounds > 0 ? x->rounds : 1;
	x->rounds = 0;
	free(x->target_name);
	x->target_name = NULL;
}

/* The first, or another one behind it: run --append-run. */
static int
next_run(struct reader *x)
{
	if (!x->begun) {
		x->begun = true;
		return 0;
	}
	if (x->left == 0 || !x->ended)
		return bad_line(x, "a run begins within another");
	end_of_run(x);
	x->ended = false;
	x->left--;
	x->target++;
	return 0;
}

static int
read_line(struct reader *x, const json_t *o)
{
	const char *type = member_string(o, "type");

	if (type == NULL)
		return bad_line(x, "no line of a run");
	if (strcmp(type, "run") == 0)
		return next_run(x);
	if (strcmp(type, "target") == 0)
		return read_target(x, o);
	if (strcmp(type, "event") == 0 || strcmp(type, "frame") == 0 ||
	    strcmp(type, "oracle") == 0)
		return read_event(x, o);
	if (strcmp(type, "verdict") == 0)
		return read_verdict(x, o);
	x->ended = x->ended || strcmp(type, "end") == 0;
	return 0;
}

static int
read_file(struct reader *x)
{
	FILE *f = fopen(x->path, "r");
	char *line = NULL;
	size_t size = 0;
	int status = 0;

	if (f == NULL) {
		cli_error("%s: %s", x->path, strerror(errno));
		return EXIT_USAGE;
	}
	while (status == 0 && getline(&line, &size, f) > 0) {
		json_t *o = json_loads(line, JSON_ALLOW_NUL, NULL);

		x->line++;
		status = o != NULL ? read_line(x, o)
				   : bad_line(x, "this is no JSON");
		json_decref(o);
	}
	if (status == 0 && x->target_name == NULL)
		status = bad_line(x, "no run of a target");
	/* The cases that are there can be compared all the same. */
	if (status == 0 && !x->ended) {
		cli_error("%s: it is cut short", x->path);
		x->r->end = END_INTERRUPTED;
	}
	free(line);
	fclose(f);
	transcript_free(x->transcript);
	x->transcript = NULL;
	return status;
}

/* ---- the interface ---- */

/* How many runs the file holds; 1 if it cannot be told, for an error then. */
static size_t
count_runs(const char *path)
{
	static const char head[] = "{\"type\":\"run\",";
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0, n = 0;

	while (f != NULL && getline(&line, &size, f) > 0)
		n += strncmp(line, head, sizeof(head) - 1) == 0;
	free(line);
	if (f != NULL)
		fclose(f);
	return n > 0 ? n : 1;
}

/* A target for each run: "FILE", or "FILE:1", "FILE:2" ... */
static void
add_targets(struct run *r, const char *path, size_t nruns)
{
	r->targets =
	    xreallocarray(r->targets, r->ntargets + nruns, sizeof(*r->targets));
	for (size_t i = 0; i < nruns; i++) {
		struct run_target *t = &r->targets[r->ntargets++];

		*t = (struct run_target){
			.run = r,
			.target = xcalloc(1, sizeof(*t->target)),
		};
		t->target->name = nruns == 1 ? xstrdup(path)
					     : xasprintf("%s:%zu", path, i + 1);
	}
}

int
recording_read(struct run *r, struct options *o, char *const *files, size_t n)
{
	int status = 0;
	struct text errors;
	size_t *runs, at = 0;

	*r = (struct run){ .o = o, .observe = true };
	text_init(&errors);
	r->suite = suite_new(&errors);
	if (r->suite == NULL ||
	    suite_cases(r->suite, rk_dialects()[0], &errors) == NULL)
		status = EXIT_SCRIPT;
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	runs = xcalloc(n, sizeof(*runs));
	for (size_t i = 0; i < n; i++)
		add_targets(r, files[i], runs[i] = count_runs(files[i]));
	for (size_t i = 0; i < n && status == 0; i++) {
		struct reader x = { .r = r,
			.o = o,
			.path = files[i],
			.target = &r->targets[at],
			.left = runs[i] - 1 };

		status = read_file(&x);
		end_of_run(&x);
		at += runs[i];
	}
	free(runs);
	return status;
}

void
recording_clear(struct run *r)
{
	for (size_t i = 0; i < r->nplan; i++) {
		unknown_case_free(r->plan[i].c);
		case_result_free(r->plan[i].result);
		free(r->plan[i].reason);
	}
	for (size_t i = 0; i < r->ntargets; i++) {
		free(r->targets[i].target->name);
		free(r->targets[i].target);
	}
	free(r->targets);
	free(r->plan);
	suite_free(r->suite);
}
