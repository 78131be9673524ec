/* The kill matrix as text, TAP and JSON lines. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/files.h"
#include "conformance/selftest.h"

#define SHOWN 3 /* cases of a row of the text */

static const char *const state_names[] = {
	[FAULT_CAUGHT] = "caught",
	[FAULT_SURVIVED] = "SURVIVED",
	[FAULT_UNJUDGED] = "UNJUDGED",
	[FAULT_SLOW] = "slow",
	[FAULT_BROKEN] = "BROKEN",
	[FAULT_UNPLAYED] = "unplayed",
};

static size_t
count(const struct selftest *s, enum fault_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nfaults; i++)
		n += s->faults[i].state == state;
	return n;
}

/* Scenarios that are judged, and of them those that caught nothing. */
static size_t
count_must(const struct selftest *s, size_t *never)
{
	size_t n = 0;

	*never = 0;
	for (size_t i = 0; i < s->nscenarios; i++) {
		const struct selftest_scenario *sc = &s->scenarios[i];

		*never += selftest_never_kills(s, sc);
		n += selftest_is_judged(s, sc);
	}
	return n;
}

/* ---- text ---- */

static void
print_fault(const struct selftest_fault *f, FILE *out)
{
	fprintf(out, "%-8s %-32s %-6s", state_names[f->state], f->name,
	    f->level);
	if (f->state == FAULT_SLOW) {
		fprintf(out, " only slow cases cover it; --slow plays them\n");
		return;
	}
	if (f->state == FAULT_UNPLAYED) {
		fprintf(out, " not caught by then\n");
		return;
	}
	if (f->state == FAULT_BROKEN) {
		fprintf(out, " %s\n", f->trouble);
		return;
	}
	fprintf(out, " %3zu of %3zu cases", f->nkills, f->nplayed);
	for (size_t i = 0; i < f->nkills && i < SHOWN; i++)
		fprintf(out, "%s%s %s", i > 0 ? ", " : "  ",
		    f->kills[i].c->instance->name, f->kills[i].code);
	for (size_t i = 0; f->state == FAULT_UNJUDGED && i < f->nopen; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "  no verdict: ",
		    f->open[i]->instance->name);
	fprintf(out, "%s\n", f->nkills > SHOWN ? ", …" : "");
}

static void
print_wrong(const struct selftest *s, FILE *out)
{
	for (size_t i = 0; i < s->list->n; i++)
		if (selftest_is_unsound(s, i))
			fprintf(out, "not passed without any fault: %s: %s\n",
			    s->list->cases[i].instance->name,
			    verdict_name(s->unchanged[i].verdict));
	for (size_t i = 0; i < s->nfaults; i++)
		if (s->faults[i].state == FAULT_SURVIVED ||
		    s->faults[i].state == FAULT_UNJUDGED)
			fprintf(out, "%s: %s: %s\n",
			    s->faults[i].state == FAULT_SURVIVED ? "survivor"
								 : "not judged",
			    s->faults[i].name, s->faults[i].text);
	for (size_t i = 0; s->complete && i < s->nscenarios; i++)
		if (selftest_never_kills(s, &s->scenarios[i]))
			fprintf(out, "caught nothing: %s: %s\n",
			    s->scenarios[i].scenario->id,
			    s->scenarios[i].scenario->title);
}

void
selftest_print(const struct selftest *s, FILE *out, bool quiet)
{
	size_t never, must = count_must(s, &never);

	for (size_t i = 0; !quiet && i < s->nfaults; i++)
		print_fault(&s->faults[i], out);
	print_wrong(s, out);
	fprintf(out, "%zu faults: %zu caught, %zu survived, %zu broken",
	    s->nfaults, count(s, FAULT_CAUGHT), count(s, FAULT_SURVIVED),
	    count(s, FAULT_BROKEN));
	if (count(s, FAULT_UNJUDGED) > 0)
		fprintf(out, ", %zu not judged", count(s, FAULT_UNJUDGED));
	if (count(s, FAULT_SLOW) > 0)
		fprintf(out, ", %zu not played (slow)", count(s, FAULT_SLOW));
	if (s->complete)
		fprintf(out, "; %zu of %zu MUST %sscenarios caught something",
		    must - never, must,
		    s->o->client != NULL ? "and SHOULD " : "");
	if (s->partial)
		fprintf(out, ", %zu not played", count(s, FAULT_UNPLAYED));
	fprintf(out, "   %.1f s\n%sexit %d\n", (double)s->took_ns / 1e9,
	    s->partial ? "PARTIAL: interrupted\n" : "", selftest_status(s));
}

static void
print_text(const struct selftest *s, FILE *out)
{
	selftest_print(s, out, false);
}

/* ---- TAP ---- */

static void
print_tap(const struct selftest *s, FILE *out)
{
	size_t n = s->nfaults + 1;
	bool sound = true;

	fprintf(out, "TAP version 14\n1..%zu\n",
	    n + (s->complete ? s->nscenarios : 0));
	if (s->partial) {
		fprintf(out, "Bail out! interrupted\n");
		return;
	}
	for (size_t i = 0; i < s->list->n && sound; i++)
		sound = !selftest_is_unsound(s, i);
	fprintf(out, "%sok 1 - without a fault everything passes\n",
	    sound ? "" : "not ");
	for (size_t i = 0; i < s->nfaults; i++) {
		const struct selftest_fault *f = &s->faults[i];

		fprintf(out, "%sok %zu - fault %s%s\n",
		    f->state == FAULT_CAUGHT || f->state == FAULT_SLOW ? ""
								       : "not ",
		    i + 2, f->name,
		    f->state == FAULT_SLOW ? " # SKIP slow" : "");
	}
	for (size_t i = 0; s->complete && i < s->nscenarios; i++) {
		const struct selftest_scenario *sc = &s->scenarios[i];

		fprintf(out, "%sok %zu - scenario %s%s\n",
		    selftest_never_kills(s, sc) ? "not " : "", ++n,
		    sc->scenario->id,
		    selftest_is_judged(s, sc) ? "" : " # SKIP not judged");
	}
}

/* ---- JSON lines ---- */

static void
put_line(json_t *o, FILE *out)
{
	json_dumpf(o, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(o);
}

static void
put_fault(const struct selftest_fault *f, FILE *out)
{
	json_t *ids = json_array(), *kills = json_array(), *o;

	for (size_t i = 0; i < f->nrequirements; i++)
		json_array_append_new(ids, json_string(f->requirements[i]));
	for (size_t i = 0; i < f->nkills; i++)
		json_array_append_new(kills,
		    json_pack("{s:s, s:s, s:s}", "case",
			f->kills[i].c->instance->name, "verdict",
			verdict_name(f->kills[i].verdict), "code",
			f->kills[i].code));
	o = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:o, s:I, s:o}", "type",
	    "fault", "v", 1, "fault", f->name, "state", state_names[f->state],
	    "level", f->level, "description", f->text, "requirements", ids,
	    "played", (json_int_t)f->nplayed, "caught_by", kills);
	if (f->trouble != NULL)
		json_object_set_new(o, "trouble", json_string(f->trouble));
	put_line(o, out);
}

static void
print_jsonl(const struct selftest *s, FILE *out)
{
	size_t never, must = count_must(s, &never);

	for (size_t i = 0; i < s->nfaults; i++)
		put_fault(&s->faults[i], out);
	for (size_t i = 0; i < s->nscenarios; i++) {
		const struct selftest_scenario *sc = &s->scenarios[i];

		put_line(json_pack("{s:s, s:i, s:s, s:s, s:b, s:I}", "type",
			     "scenario", "v", 1, "scenario", sc->scenario->id,
			     "level", level_name(sc->level), "played",
			     (int)sc->played, "kills", (json_int_t)sc->nkills),
		    out);
	}
	put_line(json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			   "s:b, s:b, s:f, s:i}",
		     "type", "end", "v", 1, "faults", (json_int_t)s->nfaults,
		     "caught", (json_int_t)count(s, FAULT_CAUGHT), "survived",
		     (json_int_t)count(s, FAULT_SURVIVED), "unjudged",
		     (json_int_t)count(s, FAULT_UNJUDGED), "broken",
		     (json_int_t)count(s, FAULT_BROKEN), "slow",
		     (json_int_t)count(s, FAULT_SLOW), "must_scenarios",
		     (json_int_t)must, "never_kill", (json_int_t)never,
		     "complete", (int)s->complete, "partial", (int)s->partial,
		     "seconds", (double)s->took_ns / 1e9, "exit",
		     selftest_status(s)),
	    out);
}

static const struct {
	const char *name;
	void (*print)(const struct selftest *s, FILE *out);
} formats[] = {
	{ "text", print_text },
	{ "tap", print_tap },
	{ "jsonl", print_jsonl },
};

/* Its place in |formats|, or -1 with one line. */
static int
format_of(const char *spec, char *err, size_t err_size)
{
	size_t n = strcspn(spec, "=");

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strlen(formats[i].name) == n && spec[n] == '=' &&
		    spec[n + 1] != '\0' &&
		    strncmp(formats[i].name, spec, n) == 0)
			return (int)i;
	snprintf(err, err_size,
	    "--report: '%s' is none of text=FILE, tap=FILE, jsonl=FILE", spec);
	return -1;
}

bool
selftest_report_is_known(const char *spec, char *err, size_t err_size)
{
	return format_of(spec, err, err_size) >= 0;
}

int
selftest_report(const struct selftest *s, const char *spec, char *err,
    size_t err_size)
{
	int format = format_of(spec, err, err_size);
	struct output out;

	if (format < 0 ||
	    output_open(&out, strchr(spec, '=') + 1, err, err_size) != 0)
		return -1;
	formats[format].print(s, out.f);
	return output_commit(&out, err, err_size);
}
