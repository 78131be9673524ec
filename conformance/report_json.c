/* One JSON object of a whole run: everything by its name, nothing by place. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/report.h"

static void
put(json_t *o, const char *key, json_t *value)
{
	if (value != NULL)
		json_object_set_new(o, key, value);
}

/* A peer's bytes may be in it. */
static void
put_text(json_t *o, const char *key, const char *s)
{
	struct text plain;

	if (s == NULL || *s == '\0')
		return;
	text_init(&plain);
	report_add_plain(&plain, s, true);
	put(o, key, json_string(text_str(&plain)));
	text_clear(&plain);
}

static void
put_count(json_t *o, const char *key, size_t n)
{
	put(o, key, json_integer((json_int_t)n));
}

static json_t *
lines(const char *s)
{
	json_t *a = json_array();

	while (*s != '\0') {
		size_t n = strcspn(s, "\n");

		json_array_append_new(a, json_stringn(s, n));
		s += n + (s[n] == '\n');
	}
	return a;
}

static json_t *
counts(const struct run *run, const struct run_target *t)
{
	size_t n[VERDICT_NKINDS] = { 0 };
	json_t *o = json_object();

	for (size_t i = 0; i < run->nplan; i++)
		if (t == NULL || run->plan[i].target == t)
			n[run->plan[i].verdict]++;
	for (int v = 0; v < VERDICT_NKINDS; v++)
		put_count(o, verdict_name((enum verdict)v), n[v]);
	return o;
}

static void
put_artifacts(json_t *o, const struct run_case *c)
{
	json_t *paths = json_array();
	struct text plain;
	char *path;

	text_init(&plain);
	for (size_t i = 0; (path = artifacts_path(c, i)) != NULL; i++) {
		text_reset(&plain);
		report_add_plain(&plain, path, false);
		json_array_append_new(paths, json_string(text_str(&plain)));
		free(path);
	}
	text_clear(&plain);
	if (json_array_size(paths) > 0)
		json_object_set(o, "artifacts", paths);
	json_decref(paths);
}

static json_t *
one_case(const struct run *run, const struct run_case *c)
{
	json_t *o = json_object(), *ids = json_array();
	struct text again;

	put_text(o, "verdict", verdict_name(c->verdict));
	put_text(o, "code", report_code(c));
	put_text(o, "level", level_name(c->c->level));
	for (size_t i = 0; i < c->c->nrequirements; i++)
		json_array_append_new(ids, json_string(c->c->requirements[i]));
	put(o, "requirements", ids);
	put_text(o, "scenario", c->c->scenario->id);
	put(o, "duration_ms",
	    json_real((double)(report_took_ns(c) / 1000) / 1e3));
	put_text(o, "why", report_why(c));
	if (c->deviation != NULL)
		put_text(o, "because", c->deviation->because);
	text_init(&again);
	report_again(run, c, &again);
	put_text(o, "again", text_str(&again));
	text_clear(&again);
	put_artifacts(o, c);
	return o;
}

static json_t *
one_target(const struct run *run, const struct run_target *t)
{
	json_t *o = json_object(), *cases = json_object();

	put_text(o, "url", t->target->engine.url.text);
	put_text(o, "dialect", t->target->engine.dialect->id);
	put_text(o, "trouble", t->trouble);
	if (t->deviations != NULL)
		put_text(o, "deviations", t->deviations->path);
	put(o, "counts", counts(run, t));
	for (size_t i = 0; i < run->nplan; i++) {
		char *name;

		if (run->plan[i].target != t)
			continue;
		name = run_case_name(run, &run->plan[i]);
		put(cases, name, one_case(run, &run->plan[i]));
		free(name);
	}
	put(o, "cases", cases);
	return o;
}

static void
end(struct report *r, int exit_status)
{
	const struct run *run = r->run;
	json_t *o = json_object(), *targets = json_object();
	char seed[17];

	snprintf(seed, sizeof(seed), "%" PRIx64, run_seed(run, 1));
	put_text(o, "type", "result");
	put_count(o, "v", 1);
	put_text(o, "tool", "relay-conformance");
	put_text(o, "version", PACKAGE_VERSION);
	put_text(o, "seed", seed);
	put(o, "exit", json_integer(exit_status));
	put(o, "partial", json_boolean(run->end != END_NOT));
	put(o, "counts", counts(run, NULL));
	put(o, "stale", lines(text_str(&run->stale)));
	for (size_t i = 0; i < run->ntargets; i++)
		put(targets, run->targets[i].target->name,
		    one_target(run, &run->targets[i]));
	put(o, "targets", targets);
	json_dumpf(o, r->out.f, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	fputc('\n', r->out.f);
	json_decref(o);
}

const struct report_ops report_json = {
	.format = "json",
	.end = end,
};
