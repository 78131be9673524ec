/* JSON lines: run, target, case, step, frame, event, oracle, verdict, end; the
 * whole of a run, or with its verdicts only. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/canary.h"
#include "conformance/report.h"
#include "transcript/transcript_json.h"

static void
put(json_t *o, const char *key, json_t *value)
{
	if (value != NULL)
		json_object_set_new(o, key, value);
}

/* Text that may hold a peer's bytes: what is not UTF-8 is escaped. */
static json_t *
text_value(const char *s)
{
	json_t *value = json_string(s);
	struct text escaped;

	if (value == NULL) {
		text_init(&escaped);
		text_add_escaped(&escaped, s, strlen(s));
		value = json_string(text_str(&escaped));
		text_clear(&escaped);
	}
	return value;
}

static void
put_text(json_t *o, const char *key, const char *s)
{
	if (s != NULL)
		put(o, key, text_value(s));
}

/* To the nanosecond, so that whoever reads it back has the same sums. */
static json_t *
milliseconds(int64_t ns)
{
	return json_real((double)ns / 1e6);
}

static json_t *
line_of(const char *type)
{
	json_t *o = json_object();

	put_text(o, "type", type);
	put(o, "v", json_integer(1));
	return o;
}

#define LINE_FORM (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))

static void
write_line(struct report *r, json_t *o)
{
	json_dumpf(o, r->out.f, LINE_FORM);
	fputc('\n', r->out.f);
	json_decref(o);
}

static void
write_hex(FILE *f, const uint8_t *p, size_t len)
{
	char hex[2 * 2048 + 1];

	while (len > 0) {
		size_t n = len < 2048 ? len : 2048;

		hex_encode(p, n, hex);
		fwrite(hex, 1, 2 * n, f);
		p += n;
		len -= n;
	}
}

/* The bytes of a whole run are most of it: they go behind what the last member
 * of |o|, an object, has. */
static void
write_line_with_raw(struct report *r, json_t *o, const struct event *e)
{
	static const char end[] = "}}";
	char *line = json_dumps(o, LINE_FORM);

	fwrite(line, 1, strlen(line) - strlen(end), r->out.f);
	fputs(",\"raw\":\"", r->out.f);
	write_hex(r->out.f, e->bytes, e->len);
	fprintf(r->out.f, "\"%s\n", end);
	free(line);
	json_decref(o);
}

static void
put_seed(json_t *o, uint64_t seed)
{
	char hex[17];

	snprintf(hex, sizeof(hex), "%" PRIx64, seed);
	put_text(o, "seed", hex);
}

/* ---- the head ---- */

static void
write_target(struct report *r, const struct run_target *t)
{
	const struct target *target = t->target;
	json_t *o = line_of("target"), *caps = json_array();

	put_text(o, "target", target->name);
	put_text(o, "url", target->engine.url.text);
	put_text(o, "dialect", target->engine.dialect->id);
	for (size_t i = 0; i < target->ncaps; i++)
		json_array_append_new(caps, json_string(target->caps[i]));
	put(o, "caps", caps);
	put_text(o, "said", target->said);
	if (t->deviations != NULL) {
		put_text(o, "deviations", t->deviations->path);
		put(o, "deviations_inside",
		    json_boolean(
			target->inside && r->run->o->deviations == NULL));
	}
	write_line(r, o);
}

static void
begin(struct report *r)
{
	const struct run *run = r->run;
	json_t *o = line_of("run");
	time_t date = (time_t)run->date;
	char when[32];
	struct tm tm;

	gmtime_r(&date, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	put_text(o, "tool", "relay-conformance");
	put_text(o, "version", PACKAGE_VERSION);
	put_text(o, "started", when);
	put_seed(o, run_seed(run, 1));
	put(o, "selected", json_integer((json_int_t)run->nplan));
	put(o, "cases", json_integer((json_int_t)run->ncases));
	put(o, "slow_not_selected", json_integer((json_int_t)run->nslow));
	put(o, "repeat", json_integer(run->o->repeat));
	if (run->o->until_fail)
		put(o, "until_fail", json_true());
	put(o, "controls", json_boolean(!run->o->no_controls));
	put(o, "strict", json_boolean(run->o->strict));
	put(o, "time_scale", json_real(run->o->time_scale));
	write_line(r, o);
	for (size_t i = 0; i < run->ntargets; i++)
		write_target(r, &run->targets[i]);
}

/* ---- a case ---- */

static void
put_case(struct report *r, json_t *o, const struct run_case *c)
{
	put_text(o, "target", c->target->target->name);
	put_text(o, "case", c->c->instance->name);
	if (run_has_rounds(r->run))
		put(o, "round", json_integer(c->round));
}

/* A line about what was played of a case. */
static json_t *
play_line(struct report *r, const char *type, const struct run_case *c,
    const struct case_result *result)
{
	json_t *o = line_of(type);

	put_case(r, o, c);
	if (result->control)
		put(o, "control", json_true());
	return o;
}

static void
write_case(struct report *r, const struct run_case *c,
    const struct case_result *result)
{
	json_t *o = play_line(r, "case", c, result);

	if (result->transcript != NULL && result->transcript->epoch_ns != 0)
		put(o, "epoch_ns", json_integer(result->transcript->epoch_ns));
	if (result->played.left_out > 0)
		put(o, "steps_left_out",
		    json_integer((json_int_t)result->played.left_out));
	write_line(r, o);
}

static void
write_step(struct report *r, const struct run_case *c,
    const struct case_result *result, const struct played_step *s)
{
	json_t *o = play_line(r, "step", c, result);

	put_text(o, "file", s->step->at.file);
	put(o, "line", json_integer(s->step->at.line));
	put_text(o, "step", s->step->source);
	if (s->call != NULL)
		put(o, "called_line", json_integer(s->call->at.line));
	put(o, "time_ns", json_integer(s->time_ns));
	if (s->took_ns >= 0)
		put(o, "took_ns", json_integer(s->took_ns));
	write_line(r, o);
}

static const char *
event_type(const struct event *e)
{
	switch (e->kind) {
	case EVENT_FRAME:
		return "frame";
	case EVENT_ORACLE:
		return "oracle";
	default:
		return "event";
	}
}

static void
write_event(struct report *r, const struct run_case *c,
    const struct case_result *result, const struct event *e)
{
	json_t *o = play_line(r, event_type(e), c, result);

	put(o, "event", event_to_json_but_raw(result->transcript, e));
	if (e->bytes != NULL)
		write_line_with_raw(r, o, e);
	else
		write_line(r, o);
}

/* Each step comes before what happened since it was begun. */
static void
write_play(struct report *r, const struct run_case *c,
    const struct case_result *result)
{
	const struct transcript *t = result->transcript;
	const struct played *played = &result->played;
	size_t step = 0;

	write_case(r, c, result);
	for (size_t i = 0; t != NULL && i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		while (step < played->n &&
		    played->steps[step].time_ns <= e->time_ns)
			write_step(r, c, result, &played->steps[step++]);
		write_event(r, c, result, e);
	}
	while (step < played->n)
		write_step(r, c, result, &played->steps[step++]);
}

static json_t *
named_array(const char *named)
{
	json_t *a = json_array();

	while (named != NULL && *named != '\0') {
		size_t n = strcspn(named, ",");

		json_array_append_new(a, json_stringn(named, n));
		named += n + (named[n] == ',');
	}
	return a;
}

static void
put_margin(json_t *o, const struct margin *m)
{
	json_t *margin;

	if (m->line == 0)
		return;
	margin = json_object();
	put(margin, "line", json_integer(m->line));
	put(margin, "bound_ms", milliseconds(m->bound_ns));
	put(margin, "took_ms", milliseconds(m->took_ns));
	put(o, "tightest", margin);
}

/* What of the step's line was missed, where that is not all of it. */
static void
put_missed(json_t *o, const struct place *at)
{
	json_t *missed;

	if (at->len == 0)
		return;
	missed = json_object();
	put(missed, "column", json_integer(at->col));
	put(missed, "span", json_integer(at->len));
	put(o, "missed", missed);
}

/* What the deciding result adds to the verdict. */
static void
put_result(json_t *o, const struct case_result *d)
{
	put_text(o, "word", verdict_word_name(d->word));
	put(o, "named", named_array(d->named));
	put_text(o, "message", d->message);
	put_text(o, "detail", d->detail);
	put_text(o, "teardown", d->teardown);
	put_text(o, "not_observable", d->not_observable);
	put_text(o, "vars", d->vars);
	if (d->step != NULL) {
		put_text(o, "file", d->step->at.file);
		put(o, "line", json_integer(d->step->at.line));
		put(o, "column", json_integer(d->step->at.col));
		put(o, "span", json_integer(d->step->at.len));
		put_text(o, "step", d->step->source);
		put_missed(o, &d->missed);
	}
	if (d->call != NULL) {
		put_text(o, "called_file", d->call->at.file);
		put(o, "called_line", json_integer(d->call->at.line));
	}
	if (d->code == CODE_LATE)
		put(o, "overdue_ns", json_integer(d->overdue_ns));
	put(o, "late_ms", milliseconds(d->late_ns));
	put_margin(o, &d->tightest);
}

static json_t *
control_word(const struct run_case *c)
{
	if (c->control == NULL)
		return NULL;
	return json_string(c->decided == c->control ? "failed" : "ok");
}

static void
put_deviation(json_t *o, const struct run_case *c)
{
	const struct deviation *d = c->deviation;
	json_t *all;

	if (d == NULL)
		return;
	all = json_object();
	put_text(all, "file", c->target->deviations->path);
	put(all, "line", json_integer(d->line));
	put_text(all, "pattern", d->cases.text);
	put_text(all, "because", d->because);
	put_text(all, "until", d->until);
	put(o, "deviation", all);
}

static void
put_artifacts(json_t *o, const struct run_case *c)
{
	json_t *paths = json_array();
	char *path;

	for (size_t i = 0; (path = artifacts_path(c, i)) != NULL; i++) {
		json_array_append_new(paths, text_value(path));
		free(path);
	}
	if (json_array_size(paths) > 0)
		json_object_set(o, "artifacts", paths);
	json_decref(paths);
}

static void
write_verdict(struct report *r, const struct run_case *c)
{
	json_t *o = line_of("verdict"), *requirements = json_array();
	struct text again;

	put_case(r, o, c);
	put_text(o, "verdict", verdict_name(c->verdict));
	put_text(o, "code", report_code(c));
	put_text(o, "level", level_name(c->c->level));
	for (size_t i = 0; i < c->c->nrequirements; i++)
		json_array_append_new(requirements,
		    json_string(c->c->requirements[i]));
	put(o, "requirements", requirements);
	put(o, "duration_ms", milliseconds(report_took_ns(c)));
	put_text(o, "scenario", c->c->scenario->id);
	put_text(o, "scenario_file", c->c->scenario->at.file);
	put(o, "scenario_line", json_integer(c->c->scenario->at.line));
	put_text(o, "title", c->c->scenario->title);
	put_text(o, "reason", c->reason);
	put_deviation(o, c);
	put(o, "control", control_word(c));
	if (c->after != CANARY_UNTRIED)
		put_text(o, "canary_after", canary_name(c->after));
	put(o, "reruns", json_integer(c->reruns));
	if (c->orphaned)
		put(o, "target_ended", json_true());
	if (c->flaked)
		put(o, "flaked", json_true());
	if (c->decided != NULL)
		put_result(o, c->decided);
	text_init(&again);
	report_again(r->run, c, &again);
	put_text(o, "again", text_str(&again));
	text_clear(&again);
	put_artifacts(o, c);
	write_line(r, o);
}

static void
in_order(struct report *r, const struct run_case *c)
{
	if (c->control != NULL)
		write_play(r, c, c->control);
	if (c->result != NULL)
		write_play(r, c, c->result);
	write_verdict(r, c);
}

/* ---- the end ---- */

static json_t *
probes(const struct run_target *t)
{
	json_t *all = json_array();

	for (size_t i = 0; i < t->nprobes; i++) {
		const struct run_probe *p = &t->probes[i];
		json_t *o = json_object();

		put_text(o, "cap", p->cap);
		put_text(o, "scenario", p->scenario);
		put_text(o, "said", canary_name(p->said));
		put_text(o, "why", p->why);
		json_array_append_new(all, o);
	}
	return all;
}

static json_t *
canaries(const struct run *run)
{
	json_t *all = json_object();

	for (size_t i = 0; i < run->ntargets; i++) {
		const struct run_target *t = &run->targets[i];
		json_t *o = json_object();

		put_text(o, "canary_before", canary_name(t->before));
		put_text(o, "canary_after", canary_name(t->after));
		if (t->nprobes > 0)
			put(o, "probes", probes(t));
		put_text(o, "trouble", t->trouble);
		put_text(o, "process", t->ending);
		put(all, t->target->name, o);
	}
	return all;
}

/* Lines as an array of strings. */
static json_t *
lines_array(const char *lines)
{
	json_t *a = json_array();

	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");

		json_array_append_new(a, json_stringn(lines, n));
		lines += n + (lines[n] == '\n');
	}
	return a;
}

static void
end(struct report *r, int exit_status)
{
	const struct run *run = r->run;
	json_t *o = line_of("end"), *counts = json_object();

	for (int v = 0; v < VERDICT_NKINDS; v++)
		put(counts, verdict_name((enum verdict)v),
		    json_integer((json_int_t)run->tally.count[v]));
	put(o, "counts", counts);
	put(o, "controls", json_integer((json_int_t)run->ncontrols));
	put(o, "controls_ok", json_integer((json_int_t)run->ncontrols_ok));
	put(o, "canaries", json_integer((json_int_t)run->ncanaries));
	put(o, "canaries_ok", json_integer((json_int_t)run->ncanaries_ok));
	put(o, "targets", canaries(run));
	put(o, "stale", lines_array(text_str(&run->stale)));
	put(o, "duration_ms", milliseconds(run->took_ns));
	put(o, "partial", json_boolean(run->end != END_NOT));
	put_text(o, "ended_by", run_end_name(run->end));
	put(o, "exit", json_integer(exit_status));
	write_line(r, o);
}

const struct report_ops report_jsonl = {
	.format = "jsonl",
	.last = "{\"type\":\"end\",",
	.begin = begin,
	.in_order = in_order,
	.end = end,
};

/* The same without what happened in the cases, which is nearly all of it. */
const struct report_ops report_verdicts = {
	.format = "verdicts",
	.last = "{\"type\":\"end\",",
	.begin = begin,
	.in_order = write_verdict,
	.end = end,
};
