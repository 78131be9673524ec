/* show: a scenario as it is written, and what belongs to it. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "conformance/options.h"

static void
show_requirements(const struct suite *s, const struct scenario *sc)
{
	for (size_t i = 0; i < sc->ncovers; i++) {
		const struct requirement *r =
		    suite_requirement(s, sc->covers[i]);

		if (r != NULL)
			printf("# %s %s: %s\n", r->id, level_name(r->level),
			    r->text);
	}
}

static void
show_cases(const struct case_list *list, const struct scenario *sc)
{
	printf("# cases:");
	for (size_t i = 0; i < list->n; i++)
		if (list->cases[i].scenario == sc)
			printf(" %s", list->cases[i].instance->name);
	printf("\n");
}

static void
show_one(const struct suite *s, const struct case_list *list,
    const struct suite_case *c)
{
	const struct scenario *sc = c->scenario;

	printf("# %s:%d\n", sc->at.file, sc->at.line);
	show_requirements(s, sc);
	show_cases(list, sc);
	for (int line = sc->at.line;
	     line <= sc->end_line && (size_t)line <= c->script->nlines; line++)
		printf("%s\n", c->script->lines[line - 1]);
}

/* Every scenario of which a case matches, once. */
static int
show(struct suite *s, const struct case_list *list, struct selector *selector)
{
	const struct scenario *last = NULL;
	struct selection all = { .select = selector, .nselect = 1 };
	char err[PATH_MAX + 512];
	int status = 0;

	selector->wild = false; /* slow ones can be shown too */
	if (selection_read_last(&all, NULL, 0, err, sizeof(err)) != 0)
		status = cli_usage_error("%s", err);
	for (size_t i = 0; status == 0 && i < list->n; i++) {
		const struct suite_case *c = &list->cases[i];

		if (selection_take(&all, c) != SELECTED_YES ||
		    c->scenario == last)
			continue;
		if (last != NULL)
			printf("\n");
		last = c->scenario;
		show_one(s, list, c);
	}
	if (status == 0 && selection_check(&all, list, err, sizeof(err)) != 0)
		status = cli_usage_error("%s", err);
	last_failed_clear(&all.last);
	return status;
}

static int
show_selected(const struct options *o, struct selector *selectors)
{
	const struct rk_dialect *dialect =
	    o->target.dialect != NULL ? o->target.dialect : rk_dialects()[0];
	const struct case_list *list = NULL;
	struct text errors;
	int status = 0;
	struct suite *s = options_suite(o, &status);

	text_init(&errors);
	if (s != NULL)
		list = suite_cases(s, dialect, &errors);
	if (s != NULL && list == NULL) {
		fputs(text_str(&errors), stderr);
		status = EXIT_SCRIPT;
	}
	for (size_t i = 0; list != NULL && i < o->narguments; i++) {
		int one = show(s, list, &selectors[i]);

		status = one != 0 ? one : status;
	}
	text_clear(&errors);
	suite_free(s);
	return status;
}

static int
show_all(struct options *o)
{
	struct selector *selectors;
	char err[PATH_MAX + 512];
	int status = 0;
	size_t n = 0;

	if (o->narguments == 0)
		return cli_usage_error("show which scenario?");
	selectors = xcalloc(o->narguments, sizeof(*selectors));
	while (status == 0 && n < o->narguments)
		if (selector_parse(o->arguments[n], &selectors[n], err,
			sizeof(err)) == 0)
			options_find_file(o, &selectors[n++]);
		else
			status = cli_usage_error("%s", err);
	if (status == 0)
		status = show_selected(o, selectors);
	while (n > 0)
		selector_clear(&selectors[--n]);
	free(selectors);
	return status;
}

int
cmd_show(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_SHOW, SHOW_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = show_all(&o);
	options_clear(&o);
	return status;
}
