/* list: the scenarios, cases, tags and requirements of the suite. */
#include "config.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "conformance/proof.h"
#include "conformance/run.h"

struct listing {
	const struct options *o;
	struct suite *suite;
	const struct case_list *list;
	enum selected *how; /* of each case */
	size_t selected;
	size_t slow;
	struct run_target on; /* whose target is NULL if none was named */
};

/* What the target that was named lacks, for free(); NULL: nothing. */
static char *
lacks_of(const struct listing *l, size_t i)
{
	return l->on.target != NULL
	    ? run_case_lacks(&l->list->cases[i], l->on.target)
	    : NULL;
}

static bool
is_for_clients(const struct listing *l, size_t i)
{
	return suite_needs(&l->list->cases[i], "client");
}

/* Why it would not run on a relay, whatever that can. */
static const char *
word_of(const struct listing *l, size_t i)
{
	switch (l->how[i]) {
	case SELECTED_SLOW:
		return "  (not without --slow)";
	case SELECTED_SKIP:
		return "  (--skip)";
	default:
		return is_for_clients(l, i) ? "  (with --client only)" : "";
	}
}

static void
print_why_not(const struct listing *l, size_t i)
{
	char *lacks = lacks_of(l, i);

	if (lacks != NULL && !is_for_clients(l, i))
		printf("  (needs %s)", lacks);
	printf("%s\n", word_of(l, i));
	free(lacks);
}

static bool
is_first(const struct listing *l, size_t i)
{
	for (size_t k = i; k > 0; k--)
		if (l->list->cases[k - 1].scenario !=
		    l->list->cases[i].scenario)
			break;
		else if (l->how[k - 1] != SELECTED_NOT)
			return false;
	return true;
}

static size_t
count_cases(const struct listing *l, const struct scenario *sc)
{
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++)
		n += l->list->cases[i].scenario == sc &&
		    l->how[i] != SELECTED_NOT;
	return n;
}

/* ---- text ---- */

static void
print_scenario(const struct listing *l, size_t i)
{
	const struct suite_case *c = &l->list->cases[i];
	const struct scenario *sc = c->scenario;

	if (!is_first(l, i))
		return;
	printf("%-32s %3zu  %-11s %s", sc->id, count_cases(l, sc),
	    level_name(c->level), sc->title);
	print_why_not(l, i);
}

static void
print_case(const struct listing *l, size_t i)
{
	const struct suite_case *c = &l->list->cases[i];

	printf("%-40s %-11s", c->instance->name, level_name(c->level));
	for (size_t k = 0; k < c->nrequirements; k++)
		printf(" %s", c->requirements[k]);
	print_why_not(l, i);
}

/* ---- JSON ---- */

static json_t *
strings(const char *const *list, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(a, json_string(list[i]));
	return a;
}

static void
print_json(const struct listing *l, size_t i)
{
	static const char *const words[] = {
		[SELECTED_NOT] = "no",
		[SELECTED_SLOW] = "slow",
		[SELECTED_SKIP] = "skip",
		[SELECTED_YES] = "yes",
	};
	const struct suite_case *c = &l->list->cases[i];
	const struct scenario *sc = c->scenario;
	json_t *o =
	    json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o, s:s}",
		"type", "case", "v", 1, "case", c->instance->name, "scenario",
		sc->id, "title", sc->title, "level", level_name(c->level),
		"file", sc->at.file, "line", sc->at.line, "requirements",
		strings(c->requirements, c->nrequirements), "tags",
		strings((const char *const *)sc->tags, sc->ntags), "selected",
		words[l->how[i]]);

	char *lacks = lacks_of(l, i);

	if (lacks != NULL)
		json_object_set_new(o, "needs", json_string(lacks));
	free(lacks);
	if (o == NULL)
		return;
	json_dumpf(o, stdout, JSON_COMPACT);
	printf("\n");
	json_decref(o);
}

static size_t
count_lacking(const struct listing *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++) {
		char *lacks = lacks_of(l, i);

		n += lacks != NULL && l->how[i] == SELECTED_YES &&
		    !is_for_clients(l, i);
		free(lacks);
	}
	return n;
}

static void
print_sum(const struct listing *l)
{
	size_t clients = 0, skipped = 0, lacking = count_lacking(l);

	for (size_t i = 0; i < l->list->n; i++) {
		clients += l->how[i] == SELECTED_YES && is_for_clients(l, i);
		skipped += l->how[i] == SELECTED_SKIP;
	}
	printf("%zu cases of %zu would run on %s",
	    l->selected - clients - lacking, l->list->n,
	    l->on.target != NULL ? l->on.target->name
				 : "a relay that can do all of it");
	if (lacking > 0)
		printf("; %zu need what it has not%s", lacking,
		    l->on.nprobes > 0 ? ", or has to prove" : "");
	if (clients > 0)
		printf("; %zu with --client only", clients);
	if (l->slow > 0)
		printf("; %zu more with --slow", l->slow);
	if (skipped > 0)
		printf("; %zu taken out by --skip", skipped);
	printf("\n");
	for (size_t i = 0; i < l->on.nprobes; i++)
		printf("%s: proven before a run, by %s\n", l->on.probes[i].cap,
		    l->on.probes[i].scenario);
}

static int
list_cases(struct listing *l)
{
	for (size_t i = 0; i < l->list->n && ferror(stdout) == 0; i++) {
		if (l->how[i] == SELECTED_NOT)
			continue;
		if (l->o->json)
			print_json(l, i);
		else if (l->o->what == LIST_CASES)
			print_case(l, i);
		else
			print_scenario(l, i);
	}
	if (!l->o->json)
		print_sum(l);
	return 0;
}

/* ---- tags and requirements ---- */

static size_t
count_tag(const struct listing *l, const char *tag)
{
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++)
		for (size_t k = 0; k < l->list->cases[i].scenario->ntags; k++)
			n += l->how[i] != SELECTED_NOT &&
			    strcmp(l->list->cases[i].scenario->tags[k], tag) ==
				0;
	return n;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int
list_tags(struct listing *l)
{
	const char **tags = NULL;
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++) {
		const struct scenario *sc = l->list->cases[i].scenario;

		if (l->how[i] == SELECTED_NOT || sc->ntags == 0)
			continue;
		tags = xreallocarray(tags, n + sc->ntags, sizeof(*tags));
		for (size_t k = 0; k < sc->ntags; k++)
			tags[n++] = sc->tags[k];
	}
	if (n > 0)
		qsort(tags, n, sizeof(*tags), by_text);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(tags[i - 1], tags[i]) != 0)
			printf("@%-20s %zu cases\n", tags[i],
			    count_tag(l, tags[i]));
	free(tags);
	return 0;
}

static size_t
count_covering(const struct listing *l, const char *id)
{
	size_t n = 0;

	for (size_t i = 0; i < l->list->n; i++)
		for (size_t k = 0; k < l->list->cases[i].nrequirements; k++)
			n += l->how[i] != SELECTED_NOT &&
			    strcmp(l->list->cases[i].requirements[k], id) == 0;
	return n;
}

static int
list_requirements(struct listing *l)
{
	for (size_t i = 0; i < l->suite->nrequirements; i++) {
		const struct requirements *all = l->suite->requirements[i];

		if (strcmp(all->dialect, l->list->dialect->id) != 0)
			continue;
		for (size_t k = 0; k < all->n; k++)
			printf("%-16s %-2s %-11s %3zu cases  %s\n",
			    all->list[k].id, all->list[k].side,
			    level_name(all->list[k].level),
			    count_covering(l, all->list[k].id),
			    all->list[k].text);
	}
	return 0;
}

/* ---- the command ---- */

static int
take(struct listing *l)
{
	struct selection *s = (struct selection *)(uintptr_t)&l->o->selection;
	const char *carrier = l->o->target.carrier;
	char err[PATH_MAX + 512];

	s->target = l->on.target != NULL ? l->on.target->name : NULL;
	if (selection_read_last(s, &s->target, s->target != NULL, err,
		sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	l->how = xcalloc(l->list->n + 1, sizeof(*l->how));
	for (size_t i = 0; i < l->list->n; i++) {
		const struct suite_case *c = &l->list->cases[i];

		if (carrier != NULL && case_is_framed(c) &&
		    strcmp(carrier, rk_carrier_name(c->instance->carrier)) != 0)
			continue;
		l->how[i] = selection_take(s, c);
		l->selected += l->how[i] == SELECTED_YES;
		l->slow += l->how[i] == SELECTED_SLOW;
	}
	for (size_t i = 0; i < s->nselect; i++)
		s->select[i].taken = s->select[i].matched;
	if (selection_check(s, l->list, err, sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	return 0;
}

/* The target that is named, if one is; nothing is started. */
static int
read_target(struct listing *l)
{
	const struct options *o = l->o;
	struct text errors;
	int status = 0;

	if (o->nwords > 1)
		return cli_usage_error("list: of one target at a time");
	if (o->nwords == 0)
		return 0;
	text_init(&errors);
	l->on.target = target_new(o->words[0], &o->target, &errors, &status);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	return status;
}

static const struct rk_dialect *
dialect_of(const struct listing *l)
{
	if (l->on.target != NULL)
		return l->on.target->engine.dialect;
	return l->o->target.dialect != NULL ? l->o->target.dialect
					    : rk_dialects()[0];
}

static int
list(const struct options *o)
{
	static int (*const listers[])(struct listing *) = {
		[LIST_SCENARIOS] = list_cases,
		[LIST_CASES] = list_cases,
		[LIST_TAGS] = list_tags,
		[LIST_REQUIREMENTS] = list_requirements,
	};
	struct listing l = { .o = o };
	struct text errors;
	int status = 0;

	status = read_target(&l);
	if (status != 0)
		return status;
	l.suite = options_suite(o, &status);
	if (l.suite == NULL) {
		target_free(l.on.target);
		return status;
	}
	text_init(&errors);
	l.list = suite_cases(l.suite, dialect_of(&l), &errors);
	if (l.list == NULL) {
		fputs(text_str(&errors), stderr);
		status = EXIT_SCRIPT;
	} else {
		l.on.list = l.list;
		if (l.on.target != NULL)
			status = proof_prepare(&l.on);
		if (status == 0)
			status = take(&l);
	}
	if (status == 0)
		status = listers[o->what](&l);
	text_clear(&errors);
	free(l.how);
	proof_clear(&l.on);
	target_free(l.on.target);
	suite_free(l.suite);
	return status;
}

int
cmd_list(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_LIST, LIST_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = list(&o);
	options_clear(&o);
	return status;
}
