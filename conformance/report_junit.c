/* JUnit XML: a suite for each target and topic, as CI systems read it. */
#include "config.h"

#include <inttypes.h>
#include <libxml/xmlwriter.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/report.h"

enum junit_outcome {
	OUTCOME_GOOD,
	OUTCOME_FAILURE,
	OUTCOME_ERROR,
	OUTCOME_SKIPPED,
	NOUTCOMES
};

struct junit {
	const struct run *run;
	xmlTextWriterPtr w;
};

/* What of a suite, or of all, is counted. */
struct sums {
	size_t n[NOUTCOMES];
	int64_t took_ns;
};

static enum junit_outcome
outcome_of(const struct run *run, enum verdict v)
{
	switch (v) {
	case VERDICT_FAIL:
	case VERDICT_XPASS:
		return OUTCOME_FAILURE;
	case VERDICT_NONSTRICT:
		return run->o->strict ? OUTCOME_FAILURE : OUTCOME_GOOD;
	case VERDICT_ERROR:
	case VERDICT_INCONCLUSIVE:
		return OUTCOME_ERROR;
	case VERDICT_XFAIL:
	case VERDICT_UNSUPPORTED:
	case VERDICT_SKIPPED:
		return OUTCOME_SKIPPED;
	default:
		return OUTCOME_GOOD;
	}
}

static void
open_element(struct junit *j, const char *name)
{
	xmlTextWriterStartElement(j->w, (const xmlChar *)name);
}

static void
close_element(struct junit *j)
{
	xmlTextWriterEndElement(j->w);
}

/* A peer's bytes may be in it: what XML cannot hold is escaped. */
static void
add_attribute(struct junit *j, const char *name, const char *value)
{
	struct text plain;

	text_init(&plain);
	report_add_plain(&plain, value, false);
	xmlTextWriterWriteAttribute(j->w, (const xmlChar *)name,
	    (const xmlChar *)text_str(&plain));
	text_clear(&plain);
}

static void
add_number(struct junit *j, const char *name, size_t n)
{
	char s[24];

	snprintf(s, sizeof(s), "%zu", n);
	add_attribute(j, name, s);
}

static void
add_seconds(struct junit *j, int64_t ns)
{
	char s[32];

	snprintf(s, sizeof(s), "%" PRId64 ".%03" PRId64, ns / 1000000000,
	    ns / 1000000 % 1000);
	add_attribute(j, "time", s);
}

static void
add_text(struct junit *j, const char *text)
{
	struct text plain;

	text_init(&plain);
	report_add_plain(&plain, text, true);
	xmlTextWriterWriteString(j->w, (const xmlChar *)text_str(&plain));
	text_clear(&plain);
}

static void
add_property(struct junit *j, const char *name, const char *value)
{
	open_element(j, "property");
	add_attribute(j, "name", name);
	add_attribute(j, "value", value);
	close_element(j);
}

/* ---- what belongs together ---- */

/* "presence" of "presence.gone[raw]". */
static size_t
topic_length(const struct run_case *c)
{
	return strcspn(c->c->scenario->id, ".");
}

static bool
same_suite(const struct run_case *a, const struct run_case *b)
{
	return a->target == b->target && topic_length(a) == topic_length(b) &&
	    strncmp(a->c->scenario->id, b->c->scenario->id, topic_length(a)) ==
	    0;
}

static bool
begins_suite(const struct run *run, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_suite(&run->plan[k], &run->plan[i]))
			return false;
	return true;
}

static void
add_to(struct sums *s, const struct run *run, const struct run_case *c)
{
	s->n[outcome_of(run, c->verdict)]++;
	s->took_ns += report_took_ns(c);
}

static size_t
count_lines(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += *s == '\n';
	return n;
}

static void
add_sums(struct junit *j, const struct sums *s)
{
	size_t all = 0;

	for (int i = 0; i < NOUTCOMES; i++)
		all += s->n[i];
	add_number(j, "tests", all);
	add_number(j, "failures", s->n[OUTCOME_FAILURE]);
	add_number(j, "errors", s->n[OUTCOME_ERROR]);
	add_number(j, "skipped", s->n[OUTCOME_SKIPPED]);
	add_seconds(j, s->took_ns);
}

/* ---- a case ---- */

/* What to read first when it failed. */
static void
add_body(struct junit *j, const struct run_case *c)
{
	const struct case_result *d = c->decided;
	struct text out;

	text_init(&out);
	report_place(c, &out);
	text_add(&out, "\n");
	if (d != NULL && d->step != NULL && d->step->source != NULL)
		text_addf(&out, "expected: %s\n", d->step->source);
	text_addf(&out, "actual: %s\n", report_why(c));
	if (d != NULL && d->detail != NULL)
		text_addf(&out, "%s\n", d->detail);
	text_addf(&out, "level: %s\nrequirements: ", level_name(c->c->level));
	report_requirements(c, &out);
	text_add(&out, "\nagain: ");
	report_again(j->run, c, &out);
	text_add(&out, "\n");
	add_text(j, text_str(&out));
	text_clear(&out);
}

/* "failure" or "error", of a type and with a message. */
static void
add_trouble(struct junit *j, const struct run_case *c, const char *element)
{
	const char *code = report_code(c);
	bool coded = c->verdict == VERDICT_FAIL && *code != '\0';

	open_element(j, element);
	add_attribute(j, "type", coded ? code : verdict_name(c->verdict));
	add_attribute(j, "message", report_why(c));
	add_body(j, c);
	close_element(j);
}

static void
add_skipped(struct junit *j, const struct run_case *c)
{
	struct text out;

	text_init(&out);
	text_addf(&out, "%s: %s", verdict_name(c->verdict),
	    c->verdict == VERDICT_XFAIL ? c->deviation->because
					: report_why(c));
	open_element(j, "skipped");
	add_attribute(j, "message", text_str(&out));
	close_element(j);
	text_clear(&out);
}

/* What fails nothing and should be seen all the same; and the files of the
 * case, as CI systems look for them. */
static void
add_output(struct junit *j, const struct run_case *c)
{
	struct text out;
	char *path;

	text_init(&out);
	if (outcome_of(j->run, c->verdict) == OUTCOME_GOOD &&
	    c->verdict != VERDICT_PASS)
		text_addf(&out, "%s: %s %s\n", verdict_name(c->verdict),
		    report_code(c), report_why(c));
	for (size_t i = 0; (path = artifacts_path(c, i)) != NULL; i++) {
		text_addf(&out, "[[ATTACHMENT|%s]]\n", path);
		free(path);
	}
	if (out.len > 0) {
		open_element(j, "system-out");
		add_text(j, text_str(&out));
		close_element(j);
	}
	text_clear(&out);
}

static void
add_case(struct junit *j, const struct run_case *c)
{
	char *name = run_case_name(j->run, c);

	open_element(j, "testcase");
	add_attribute(j, "name", name);
	add_attribute(j, "classname", c->c->scenario->id);
	add_attribute(j, "file", c->c->scenario->at.file);
	add_number(j, "line", (size_t)c->c->scenario->at.line);
	add_seconds(j, report_took_ns(c));
	switch (outcome_of(j->run, c->verdict)) {
	case OUTCOME_FAILURE:
		add_trouble(j, c, "failure");
		break;
	case OUTCOME_ERROR:
		add_trouble(j, c, "error");
		break;
	case OUTCOME_SKIPPED:
		add_skipped(j, c);
		break;
	default:
		break;
	}
	add_output(j, c);
	close_element(j);
	free(name);
}

/* ---- suites ---- */

static void
add_timestamp(struct junit *j)
{
	time_t date = (time_t)j->run->date;
	char when[32];
	struct tm tm;

	gmtime_r(&date, &tm);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	add_attribute(j, "timestamp", when);
}

/* Each requirement of the suite's cases, once, in the plan's order. */
static void
add_requirements(struct junit *j, const struct run_case *first)
{
	const struct run *run = j->run;
	struct text out;

	text_init(&out);
	text_add(&out, " ");
	for (size_t i = 0; i < run->nplan; i++) {
		const struct suite_case *c = run->plan[i].c;

		if (!same_suite(first, &run->plan[i]))
			continue;
		for (size_t k = 0; k < c->nrequirements; k++) {
			char *word = xasprintf(" %s ", c->requirements[k]);

			if (strstr(text_str(&out), word) == NULL)
				text_addf(&out, "%s ", c->requirements[k]);
			free(word);
		}
	}
	if (out.len > 1) {
		out.s[--out.len] = '\0';
		add_property(j, "requirements", out.s + 1);
	}
	text_clear(&out);
}

static void
add_properties(struct junit *j, const struct run_case *first)
{
	const struct target *t = first->target->target;
	char seed[17];

	snprintf(seed, sizeof(seed), "%" PRIx64, run_seed(j->run, 1));
	open_element(j, "properties");
	add_property(j, "version", "relay-conformance " PACKAGE_VERSION);
	add_property(j, "seed", seed);
	add_property(j, "target", t->name);
	add_property(j, "url", t->engine.url.text);
	add_property(j, "dialect", t->engine.dialect->id);
	add_requirements(j, first);
	if (j->run->end != END_NOT)
		add_property(j, "partial", "the run was cut short");
	close_element(j);
}

static void
add_suite(struct junit *j, size_t at)
{
	const struct run *run = j->run;
	const struct run_case *first = &run->plan[at];
	struct sums sums = { .took_ns = 0 };
	char *name = xasprintf("%s %.*s", first->target->target->name,
	    (int)topic_length(first), first->c->scenario->id);

	for (size_t i = at; i < run->nplan; i++)
		if (same_suite(first, &run->plan[i]))
			add_to(&sums, run, &run->plan[i]);
	open_element(j, "testsuite");
	add_attribute(j, "name", name);
	add_sums(j, &sums);
	add_timestamp(j);
	add_properties(j, first);
	for (size_t i = at; i < run->nplan; i++)
		if (same_suite(first, &run->plan[i]))
			add_case(j, &run->plan[i]);
	close_element(j);
	free(name);
}

/* Stale deviations fail a run, so each is a test that failed. */
static void
add_stale(struct junit *j, size_t n)
{
	const char *line = text_str(&j->run->stale);
	struct sums sums = { .n[OUTCOME_FAILURE] = n };

	open_element(j, "testsuite");
	add_attribute(j, "name", "deviations");
	add_sums(j, &sums);
	add_timestamp(j);
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");
		char *one = xstrndup(line, len);

		open_element(j, "testcase");
		add_attribute(j, "name", one);
		add_attribute(j, "classname", "deviations");
		add_seconds(j, 0);
		open_element(j, "failure");
		add_attribute(j, "type", "stale");
		add_attribute(j, "message", one);
		close_element(j);
		close_element(j);
		free(one);
		line += len + (line[len] == '\n');
	}
	close_element(j);
}

static void
write_all(struct junit *j)
{
	const struct run *run = j->run;
	size_t stale = count_lines(text_str(&run->stale));
	struct sums sums = { .n[OUTCOME_FAILURE] = stale };

	for (size_t i = 0; i < run->nplan; i++)
		add_to(&sums, run, &run->plan[i]);
	xmlTextWriterSetIndent(j->w, 1);
	xmlTextWriterStartDocument(j->w, NULL, "UTF-8", NULL);
	open_element(j, "testsuites");
	add_attribute(j, "name", "relay-conformance");
	add_sums(j, &sums);
	for (size_t i = 0; i < run->nplan; i++)
		if (begins_suite(run, i))
			add_suite(j, i);
	if (stale > 0)
		add_stale(j, stale);
	close_element(j);
	xmlTextWriterEndDocument(j->w);
}

static void
end(struct report *r, int exit_status)
{
	xmlOutputBufferPtr out = xmlOutputBufferCreateFile(r->out.f, NULL);
	struct junit j = { .run = r->run };

	j.w = out != NULL ? xmlNewTextWriter(out) : NULL;
	if (j.w == NULL)
		abort(); /* no memory, as in xmalloc */
	write_all(&j);
	xmlFreeTextWriter(j.w);
}

const struct report_ops report_junit = {
	.format = "junit",
	.end = end,
};
