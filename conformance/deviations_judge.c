/* What a .dev file says about what a run saw, and the run about the file. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/xalloc.h"
#include "conformance/deviations.h"

static bool
is_missed(enum verdict v)
{
	return v == VERDICT_FAIL || v == VERDICT_NONSTRICT;
}

/* Is |name| one of "a,b"? */
static bool
is_named(const char *name, const char *list)
{
	size_t n = strlen(name);

	for (const char *p = list; p != NULL && *p != '\0';) {
		size_t k = strcspn(p, ",");

		if (k == n && strncmp(p, name, n) == 0)
			return true;
		p += k + (p[k] == ',');
	}
	return false;
}

static bool
is_seen(const struct signature *s, const struct case_result *r)
{
	const char *step =
	    r->step != NULL && r->step->source != NULL ? r->step->source : "";

	if (strcmp(s->what, result_code_name(r->code)) != 0 &&
	    (r->code != CODE_OK || !is_named(s->what, r->named)))
		return false;
	if (s->has_range &&
	    (r->overdue_ns < s->from_ns || r->overdue_ns > s->to_ns))
		return false;
	return s->at == NULL || glob_match(s->at, step);
}

static bool
is_observed(const struct deviation *d, const struct case_result *r)
{
	for (size_t i = 0; r != NULL && i < d->nobserved; i++)
		if (is_seen(&d->observed[i], r))
			return true;
	return false;
}

static bool
speaks_of(const struct deviation *d, const struct suite_case *c)
{
	return !d->expired && selector_matches(&d->cases, c);
}

int
deviations_begin(struct deviations *d, const struct case_list *cases,
    int64_t date, struct text *errors)
{
	time_t now = (time_t)date;
	struct tm tm;
	int64_t today;
	int status = 0;

	gmtime_r(&now, &tm);
	today = (tm.tm_year + 1900) * INT64_C(10000) + (tm.tm_mon + 1) * 100 +
	    tm.tm_mday;
	for (size_t i = 0; i < d->n; i++) {
		struct deviation *one = &d->list[i];
		size_t matched = 0;

		for (size_t k = 0; k < cases->n; k++)
			matched +=
			    selector_matches(&one->cases, &cases->cases[k]);
		if (matched == 0) {
			text_addf(errors, "%s:%d: %s matches no case\n",
			    d->path, one->line, one->cases.text);
			status = -1;
		}
		one->expired = one->last_day != 0 && today > one->last_day;
	}
	return status;
}

bool
deviations_want_rerun(struct deviations *d, const struct suite_case *c,
    const struct case_result *decided, enum verdict v)
{
	for (size_t i = 0; is_missed(v) && i < d->n; i++) {
		struct deviation *one = &d->list[i];

		if (one->flaky && speaks_of(one, c) &&
		    (one->nobserved == 0 || is_observed(one, decided))) {
			one->reruns++;
			return true;
		}
	}
	return false;
}

void
deviations_count_rerun(struct deviations *d, const struct suite_case *c)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->list[i].flaky && speaks_of(&d->list[i], c)) {
			d->list[i].reruns++;
			return;
		}
}

static char *
describe(const struct deviations *d, const struct deviation *one,
    const char *what, const struct case_result *decided)
{
	struct text out;

	text_init(&out);
	text_addf(&out, "%s:%d expects ", d->path, one->line);
	deviation_add_observed(one, &out);
	text_add(&out, what);
	if (decided != NULL && decided->message != NULL)
		text_addf(&out, ": %s", decided->message);
	return text_take(&out);
}

enum verdict
deviations_judge(struct deviations *d, const struct suite_case *c,
    const struct case_result *decided, enum verdict v,
    const struct deviation **by, char **reason)
{
	struct deviation *mine = NULL;

	*by = NULL;
	*reason = NULL;
	if (!is_missed(v) && v != VERDICT_PASS && v != VERDICT_INFO)
		return v;
	for (size_t i = 0; i < d->n; i++) {
		struct deviation *one = &d->list[i];

		if (!selector_matches(&one->cases, c))
			continue;
		one->played++;
		if (one->flaky || one->expired)
			continue;
		if (is_missed(v) && is_observed(one, decided)) {
			one->seen++;
			*by = one;
			return VERDICT_XFAIL;
		}
		if (mine == NULL)
			mine = one;
	}
	if (mine == NULL || v == VERDICT_INFO)
		return v;
	*by = mine;
	mine->passed += v == VERDICT_PASS;
	*reason = describe(d, mine,
	    v == VERDICT_PASS ? ", which did not happen" : "; this is new",
	    decided);
	return v == VERDICT_PASS ? VERDICT_XPASS : VERDICT_FAIL;
}

/* More reruns than the share of its plays, and than one. */
static bool
flaked_too_often(const struct deviation *d)
{
	int64_t allowed;

	if (!d->flaky)
		return false;
	allowed = (int64_t)d->played * d->at_most / d->in;
	return (int64_t)d->reruns > (allowed > 1 ? allowed : 1);
}

static void
add_stale(const struct deviations *all, const struct deviation *d, bool partial,
    struct text *out)
{
	const char *what = NULL;

	if (d->expired && d->played > 0)
		what = "it was declared until then";
	else if (d->passed > 0)
		what = "a case that it excuses passes";
	else if (!d->flaky && d->played > 0 && d->seen == 0 && !partial)
		what = "nothing of the kind was seen";
	else if (flaked_too_often(d))
		what = "more reruns than it allows";
	if (what == NULL)
		return;
	text_addf(out, "%s:%d: %s%s%s: %s", all->path, d->line, d->cases.text,
	    d->expired ? " until " : "", d->expired ? d->until : "", what);
	if (d->passed > 0)
		text_addf(out, " (%zu of %zu)", d->passed, d->played);
	if (flaked_too_often(d))
		text_addf(out, " (%zu in %zu plays)", d->reruns, d->played);
	text_add(out, "\n");
}

bool
deviations_stale(const struct deviations *d, bool partial, struct text *out)
{
	size_t before = out->len;

	for (size_t i = 0; i < d->n; i++)
		add_stale(d, &d->list[i], partial, out);
	return out->len > before;
}

void
text_add_word(struct text *out, const char *word)
{
	if (*word != '\0' && *word != '#' &&
	    word[strcspn(word, " \t\r\n\"")] == '\0') {
		text_add(out, word);
		return;
	}
	text_add(out, "\"");
	for (; *word != '\0'; word++)
		if (*word == '"' || *word == '\\')
			text_addf(out, "\\%c", *word);
		else if (*word == '\n')
			text_add(out, "\\n");
		else
			text_add_n(out, word, 1);
	text_add(out, "\"");
}

static void
add_signature(const struct signature *s, struct text *out)
{
	if (s->has_range)
		text_addf(out, "\"%s %gms..%gms\"", s->what,
		    (double)s->from_ns / 1e6, (double)s->to_ns / 1e6);
	else
		text_add_word(out, s->what);
	if (s->at != NULL) {
		text_add(out, " at ");
		text_add_word(out, s->at);
	}
}

void
deviation_add_observed(const struct deviation *d, struct text *out)
{
	for (size_t i = 0; i < d->nobserved; i++) {
		text_add(out, i > 0 ? " or " : "");
		add_signature(&d->observed[i], out);
	}
}
