/* coverage: every requirement, its scenarios, and what runs made of it. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/coverage.h"
#include "conformance/options.h"

/* ---- text ---- */

static void
print_row(const struct coverage *c, const struct coverage_row *row)
{
	const struct requirement *r = row->requirement;

	printf("%-14s %-2s %-11s", r->id, r->side, level_name(r->level));
	for (size_t i = 0; i < c->ntargets; i++)
		printf(" %-9s",
		    covered_name(
			row->seen != NULL ? row->seen[i] : COVERED_UNTESTED));
	if (row->ncases == 0)
		printf(" %s%s",
		    r->unchecked[0] != '\0' ? "not by a black box: "
					    : "NOT COVERED: ",
		    r->unchecked[0] != '\0' ? r->unchecked : r->text);
	else
		printf(" %3zu cases:", row->ncases);
	for (size_t i = 0; i < row->nscenarios; i++)
		printf(" %s", row->scenarios[i]);
	printf("\n");
}

/* MUSTs, SHOULDs …: how many have a scenario, of those that can have one. */
static void
print_level(const struct coverage *c, enum level level)
{
	size_t checkable = 0, covered = 0, never = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct coverage_row *row = &c->rows[i];

		if (row->requirement->level != level)
			continue;
		if (row->ncases == 0 && row->requirement->unchecked[0] != '\0')
			never++;
		else
			checkable++;
		covered += row->ncases > 0;
	}
	printf("%-11s %3zu of %3zu checkable covered (%.1f %%)",
	    level_name(level), covered, checkable,
	    checkable > 0 ? 100.0 * (double)covered / (double)checkable
			  : 100.0);
	if (never > 0)
		printf("; %zu cannot be checked by a black box", never);
	printf("\n");
}

/* What the cases of MUSTs and SHOULDs came to on a target. */
static void
print_target(const struct coverage *c, size_t t)
{
	size_t n[COVERED_NKINDS] = { 0 };

	for (size_t i = 0; i < c->n; i++)
		n[c->rows[i].seen[t]]++;
	printf("%s:", c->targets[t]);
	for (int k = COVERED_NKINDS - 1; k >= 0; k--)
		printf(" %zu %s%s", n[k], covered_name((enum covered)k),
		    k > 0 ? "," : "\n");
}

static void
print_text(const struct coverage *c)
{
	for (size_t i = 0; i < c->ntargets; i++)
		printf("column %zu: %s\n", i + 1, c->targets[i]);
	for (size_t i = 0; i < c->n; i++)
		print_row(c, &c->rows[i]);
	printf("\n");
	for (size_t t = 0; t < c->ntargets; t++)
		print_target(c, t);
	for (int l = 0; l < LEVEL_NKINDS; l++)
		print_level(c, (enum level)l);
	for (size_t i = 0; i < c->n; i++) {
		if (coverage_is_missing(&c->rows[i]))
			printf("no scenario: %s\n", c->rows[i].requirement->id);
		if (coverage_is_stale(&c->rows[i]))
			printf("stale reason: %s has scenarios\n",
			    c->rows[i].requirement->id);
	}
}

/* ---- JSON ---- */

static json_t *
seen_object(const struct coverage *c, const struct coverage_row *row)
{
	json_t *o = json_object();

	for (size_t i = 0; i < c->ntargets; i++)
		json_object_set_new(o, c->targets[i],
		    json_string(covered_name(row->seen[i])));
	return o;
}

static void
print_json(const struct coverage *c, const struct coverage_row *row)
{
	const struct requirement *r = row->requirement;
	json_t *ids = json_array(), *o;

	for (size_t i = 0; i < row->nscenarios; i++)
		json_array_append_new(ids, json_string(row->scenarios[i]));
	o = json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "type",
	    "requirement", "v", 1, "requirement", r->id, "side", r->side,
	    "level", level_name(r->level), "text", r->text, "cases",
	    (int)row->ncases, "scenarios", ids, "targets", seen_object(c, row));
	if (o == NULL)
		return;
	if (r->unchecked[0] != '\0')
		json_object_set_new(o, "unchecked", json_string(r->unchecked));
	json_dumpf(o, stdout, JSON_COMPACT);
	printf("\n");
	json_decref(o);
}

/* ---- the command ---- */

static int
add_runs(struct coverage *c, const struct options *o, struct text *errors)
{
	int status = 0;

	for (size_t i = 0; i < o->nruns; i++) {
		FILE *f = fopen(o->runs[i], "re");

		if (f == NULL) {
			text_addf(errors, "%s: %s\n", o->runs[i],
			    strerror(errno));
			return EXIT_USAGE;
		}
		if (coverage_add_run(c, o->runs[i], f, errors) != 0)
			status = EXIT_SCRIPT;
		fclose(f);
	}
	return status;
}

static int
show(const struct coverage *c, const struct options *o)
{
	int status = 0;

	if (!o->json)
		print_text(c);
	for (size_t i = 0; i < c->n; i++) {
		if (o->json)
			print_json(c, &c->rows[i]);
		if (coverage_is_missing(&c->rows[i]))
			status = EXIT_FAILED;
	}
	return status;
}

static int
coverage(const struct options *o)
{
	const struct rk_dialect *d =
	    o->target.dialect != NULL ? o->target.dialect : rk_dialects()[0];
	struct coverage *c = NULL;
	struct text errors;
	struct suite *s;
	int status = 0;

	if (o->narguments > 0)
		return cli_usage_error("coverage takes no arguments; --runs "
				       "FILE adds what a run saw");
	s = options_suite(o, &status);
	if (s == NULL)
		return status;
	text_init(&errors);
	c = coverage_new(s, d, &errors);
	status = c != NULL ? add_runs(c, o, &errors) : EXIT_SCRIPT;
	if (status == 0)
		status = show(c, o);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	coverage_free(c);
	suite_free(s);
	return status;
}

int
cmd_coverage(int argc, char **argv)
{
	struct options o;
	int status =
	    options_parse(&o, FOR_COVERAGE, COVERAGE_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = coverage(&o);
	options_clear(&o);
	return status;
}
