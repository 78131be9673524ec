/* Which requirements have scenarios, and what became of them in runs. */
#include "config.h"

#include "conformance/coverage.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/member.h"

static const char *const names[COVERED_NKINDS] = {
	[COVERED_UNTESTED] = "untested",
	[COVERED_PASS] = "pass",
	[COVERED_INFO] = "info",
	[COVERED_XFAIL] = "xfail",
	[COVERED_NONSTRICT] = "nonstrict",
	[COVERED_FAIL] = "FAIL",
};

const char *
covered_name(enum covered c)
{
	return names[c];
}

bool
coverage_is_missing(const struct coverage_row *row)
{
	const struct requirement *r = row->requirement;

	return row->ncases == 0 && r->unchecked[0] == '\0' &&
	    (r->level == LEVEL_MUST || r->level == LEVEL_SHOULD);
}

bool
coverage_is_stale(const struct coverage_row *row)
{
	return row->ncases > 0 && row->requirement->unchecked[0] != '\0';
}

static void
add_case(struct coverage_row *row, const struct suite_case *c)
{
	const char *id = c->scenario->id;

	row->ncases++;
	for (size_t i = 0; i < row->nscenarios; i++)
		if (strcmp(row->scenarios[i], id) == 0)
			return;
	row->scenarios = xreallocarray(row->scenarios, row->nscenarios + 1,
	    sizeof(*row->scenarios));
	row->scenarios[row->nscenarios++] = id;
}

static struct coverage_row *
find_row(struct coverage *c, const char *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->rows[i].requirement->id, id) == 0)
			return &c->rows[i];
	return NULL;
}

static void
add_requirements(struct coverage *c, const struct requirements *all)
{
	c->n = all->n;
	c->rows = xcalloc(all->n + 1, sizeof(*c->rows));
	for (size_t i = 0; i < all->n; i++)
		c->rows[i].requirement = &all->list[i];
}

struct coverage *
coverage_new(struct suite *s, const struct rk_dialect *d, struct text *errors)
{
	const struct case_list *list = suite_cases(s, d, errors);
	struct coverage *c;

	if (list == NULL)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	for (size_t i = 0; i < s->nrequirements; i++)
		if (strcmp(s->requirements[i]->dialect, d->id) == 0)
			add_requirements(c, s->requirements[i]);
	for (size_t i = 0; i < list->n; i++) {
		const struct suite_case *one = &list->cases[i];

		for (size_t k = 0; k < one->nrequirements; k++) {
			struct coverage_row *row =
			    find_row(c, one->requirements[k]);

			if (row != NULL)
				add_case(row, one);
		}
	}
	return c;
}

void
coverage_free(struct coverage *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		free(c->rows[i].scenarios);
		free(c->rows[i].seen);
	}
	for (size_t i = 0; i < c->ntargets; i++)
		free(c->targets[i]);
	free(c->targets);
	free(c->rows);
	free(c);
}

/* ---- runs ---- */

static size_t
find_target(struct coverage *c, const char *name)
{
	size_t n = c->ntargets;

	for (size_t i = 0; i < n; i++)
		if (strcmp(c->targets[i], name) == 0)
			return i;
	c->targets = xreallocarray(c->targets, n + 1, sizeof(char *));
	c->targets[n] = xstrdup(name);
	c->ntargets++;
	for (size_t i = 0; i < c->n; i++) {
		struct coverage_row *row = &c->rows[i];

		row->seen = xreallocarray(row->seen, n + 1, sizeof(*row->seen));
		row->seen[n] = COVERED_UNTESTED;
	}
	return n;
}

static enum covered
covered_by(const char *verdict)
{
	static const struct {
		enum verdict verdict;
		enum covered covered;
	} rows[] = {
		{ VERDICT_PASS, COVERED_PASS },
		{ VERDICT_INFO, COVERED_INFO },
		{ VERDICT_XFAIL, COVERED_XFAIL },
		{ VERDICT_NONSTRICT, COVERED_NONSTRICT },
		{ VERDICT_FAIL, COVERED_FAIL },
		{ VERDICT_XPASS, COVERED_FAIL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(verdict, verdict_name(rows[i].verdict)) == 0)
			return rows[i].covered;
	return COVERED_UNTESTED;
}

static void
add_verdict(struct coverage *c, const json_t *o)
{
	const char *target = member_string(o, "target");
	const char *verdict = member_string(o, "verdict");
	const json_t *ids = json_object_get(o, "requirements");
	enum covered now;
	size_t t;

	if (target == NULL || verdict == NULL)
		return;
	t = find_target(c, target);
	now = covered_by(verdict);
	for (size_t i = 0; i < json_array_size(ids); i++) {
		const char *id = json_string_value(json_array_get(ids, i));
		struct coverage_row *row = id != NULL ? find_row(c, id) : NULL;

		if (row != NULL && now > row->seen[t])
			row->seen[t] = now;
	}
}

/* False: no line of a run.  Most lines are events and of no use here. */
static bool
read_line(struct coverage *c, const char *line, bool first)
{
	bool good = false;
	const char *type;
	json_t *o;

	if (!first && strstr(line, "\"verdict\"") == NULL)
		return true;
	o = json_loads(line, 0, NULL);
	type = member_string(o, "type");
	if (type != NULL && strcmp(type, "verdict") == 0)
		add_verdict(c, o);
	good = type != NULL && (!first || strcmp(type, "run") == 0);
	json_decref(o);
	return good;
}

int
coverage_add_run(struct coverage *c, const char *path, FILE *f,
    struct text *errors)
{
	char *line = NULL;
	size_t cap = 0;
	int number = 0, bad = 0;

	while (bad == 0 && getline(&line, &cap, f) > 0) {
		number++;
		if (!read_line(c, line, number == 1))
			bad = number;
	}
	/* The last line of a run that was killed is cut off. */
	if (bad > 1 && strchr(line, '\n') == NULL)
		bad = 0;
	if (number == 0)
		bad = 1;
	free(line);
	if (bad == 0)
		return 0;
	text_addf(errors, "%s:%d: this is no line of a run\n", path, bad);
	return -1;
}
