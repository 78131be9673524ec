/* Scenario files -> scripts -> the cases of a dialect. */
#include "config.h"

#include "conformance/suite.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/suite_check.h"

#define SCENARIOS    "conformance/scenarios/"
#define REQUIREMENTS "conformance/requirements/"

static bool
has_ends(const char *s, const char *begin, const char *end)
{
	size_t n = strlen(s), b = strlen(begin), e = strlen(end);

	return n > b + e && strncmp(s, begin, b) == 0 &&
	    strcmp(s + n - e, end) == 0;
}

const struct embedded_file *
embedded_find(const char *path)
{
	for (const struct embedded_file *f = embedded_files; f->path; f++)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

/* Files of procedures only, below a folder "lib", are included by others. */
static bool
is_library(const char *path)
{
	return strstr(path, "/lib/") != NULL;
}

/* What a script includes: the path beside it, or the library file that its
 * name says. */
static const char *
find_include(const char *path, const char *name, size_t *len)
{
	const struct embedded_file *f = embedded_find(path);
	size_t want = strlen(name);

	for (size_t i = 0; f == NULL && embedded_files[i].path != NULL; i++) {
		const char *have = embedded_files[i].path;
		size_t n = strlen(have);

		if (is_library(have) && n > want && have[n - want - 1] == '/' &&
		    strcmp(have + n - want, name) == 0)
			f = &embedded_files[i];
	}
	if (f == NULL)
		return NULL;
	*len = f->len;
	return f->text;
}

/* ---- requirements ---- */

static int
add_requirements(struct suite *s, const char *path, const char *text,
    size_t len, const char *dialect, struct text *errors)
{
	struct requirements *r =
	    requirements_parse(path, text, len, dialect, errors);

	if (r == NULL)
		return -1;
	s->requirements = xreallocarray(s->requirements, s->nrequirements + 1,
	    sizeof(struct requirements *));
	s->requirements[s->nrequirements++] = r;
	return 0;
}

/* "conformance/requirements/iroh-v3.tsv" -> "iroh-v3". */
static char *
dialect_of(const char *path)
{
	const char *name = path + strlen(REQUIREMENTS);

	return xstrndup(name, strlen(name) - strlen(".tsv"));
}

struct suite *
suite_new_empty(struct text *errors)
{
	struct suite *s = xcalloc(1, sizeof(*s));
	int status = 0;

	script_set_includes(find_include);
	for (const struct embedded_file *f = embedded_files; f->path; f++) {
		char *dialect;

		if (!has_ends(f->path, REQUIREMENTS, ".tsv"))
			continue;
		dialect = dialect_of(f->path);
		status |= add_requirements(s, f->path, f->text, f->len, dialect,
		    errors);
		free(dialect);
	}
	if (status == 0)
		return s;
	suite_free(s);
	return NULL;
}

const struct requirement *
suite_requirement(const struct suite *s, const char *id)
{
	const struct requirement *r = NULL;

	for (size_t i = 0; r == NULL && i < s->nrequirements; i++)
		r = requirements_find(s->requirements[i], id);
	return r;
}

/* ---- scripts ---- */

static void
add_script(struct suite *s, struct script *script, bool from_file)
{
	s->scripts =
	    xreallocarray(s->scripts, s->nscripts + 1, sizeof(struct script *));
	s->from_file =
	    xreallocarray(s->from_file, s->nscripts + 1, sizeof(bool));
	s->scripts[s->nscripts] = script;
	s->from_file[s->nscripts++] = from_file;
}

static int
add_text(struct suite *s, const char *path, const char *text, size_t len,
    struct text *errors)
{
	struct script *script = script_parse(path, text, len, NULL, errors);

	if (script == NULL)
		return -1;
	add_script(s, script, false);
	return 0;
}

int
suite_add_file(struct suite *s, const char *path, struct text *errors)
{
	struct script *script = script_load(path, NULL, errors);

	if (script == NULL)
		return -1;
	add_script(s, script, true);
	return 0;
}

struct suite *
suite_new(struct text *errors)
{
	struct suite *s = suite_new_empty(errors);
	int status = 0;

	if (s == NULL)
		return NULL;
	for (const struct embedded_file *f = embedded_files; f->path; f++)
		if (has_ends(f->path, SCENARIOS, ".rly") &&
		    !is_library(f->path))
			status |= add_text(s, f->path, f->text, f->len, errors);
	if (status == 0)
		return s;
	suite_free(s);
	return NULL;
}

/* ---- cases ---- */

/* The scenario of that id in another script: of the files if |from_file|,
 * else of the program; NULL if there is none. */
static const struct scenario *
find_other(const struct suite *s, const struct scenario *self, bool from_file)
{
	for (size_t i = 0; i < s->nscripts; i++) {
		const struct script *script = s->scripts[i];

		if (s->from_file[i] != from_file)
			continue;
		for (size_t k = 0; k < script->nscenarios; k++)
			if (script->scenarios[k] != self &&
			    strcmp(script->scenarios[k]->id, self->id) == 0)
				return script->scenarios[k];
	}
	return NULL;
}

static void
complain(struct text *errors, const struct scenario *sc, const struct place *at)
{
	text_addf(errors, "%s:%d:%d: %s ", at->file, at->line, at->col, sc->id);
}

/* The one level of all that is covered, in *level; MUST if nothing is. */
static int
find_level(const struct suite *s, const struct scenario *sc, enum level *level,
    struct text *errors)
{
	const struct requirement *first = NULL;
	int status = 0;

	*level = LEVEL_MUST;
	for (size_t i = 0; i < sc->ncovers; i++) {
		const struct requirement *r =
		    suite_requirement(s, sc->covers[i]);

		if (r == NULL) {
			complain(errors, sc, &sc->cover_at[i]);
			text_addf(errors, "covers %s, which no list requires\n",
			    sc->covers[i]);
			status = -1;
		} else if (first == NULL) {
			first = r;
			*level = r->level;
		} else if (r->level != first->level) {
			complain(errors, sc, &sc->cover_at[i]);
			text_addf(errors,
			    "covers two levels: %s is %s, %s is %s\n",
			    first->id, level_name(first->level), r->id,
			    level_name(r->level));
			status = -1;
		}
	}
	return status;
}

static bool
is_slow(const struct scenario *sc)
{
	return text_is_among("slow", sc->tags, sc->ntags);
}

static void
find_covered(struct suite_case *c)
{
	const struct scenario *sc = c->scenario;

	c->requirements = xcalloc(sc->ncovers + 1, sizeof(*c->requirements));
	for (size_t i = 0; i < sc->ncovers; i++) {
		unsigned over =
		    sc->cover_carriers != NULL ? sc->cover_carriers[i] : 0;

		if (over == 0 || (over & 1U << c->instance->carrier) != 0)
			c->requirements[c->nrequirements++] = sc->covers[i];
	}
}

static void
add_cases(const struct suite *s, struct case_list *list, size_t script_at,
    const struct scenario *sc, enum level level)
{
	const struct script *script = s->scripts[script_at];
	bool from_file = s->from_file[script_at];
	bool replaced = !from_file && find_other(s, sc, true) != NULL;
	struct suite_case **cases = replaced ? &list->replaced : &list->cases;
	size_t *have = replaced ? &list->nreplaced : &list->n, n = 0;
	struct instance **instances =
	    instances_of(script, sc, list->dialect, &n);

	*cases = xreallocarray(*cases, *have + n + 1, sizeof(**cases));
	for (size_t i = 0; i < n; i++) {
		struct suite_case *c = &(*cases)[(*have)++];

		*c = (struct suite_case){
			.script = script,
			.scenario = sc,
			.instance = instances[i],
			.level = level,
			.slow = is_slow(sc),
			.from_file = from_file,
		};
		find_covered(c);
	}
	free(instances);
}

/* One scenario of script |i|: its cases. */
static int
add_scenario(struct suite *s, struct case_list *list, size_t i,
    const struct scenario *sc, struct text *errors)
{
	const struct scenario *twin = find_other(s, sc, s->from_file[i]);
	enum level level;

	if (sc->dialect != NULL && sc->dialect != list->dialect)
		return 0;
	if (twin != NULL) {
		complain(errors, sc, &sc->at);
		text_addf(errors, "is also at %s:%d\n", twin->at.file,
		    twin->at.line);
		return -1;
	}
	if ((find_level(s, sc, &level, errors) | suite_check(s, sc, errors)) !=
	    0)
		return -1;
	add_cases(s, list, i, sc, level);
	return 0;
}

static void
free_cases(struct suite_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		instance_free(cases[i].instance);
		free(cases[i].requirements);
	}
	free(cases);
}

static void
case_list_free(struct case_list *list)
{
	free_cases(list->cases, list->n);
	free_cases(list->replaced, list->nreplaced);
	free(list->by_name);
	free(list);
}

static int
compare_names(const void *a, const void *b)
{
	const struct suite_case *const *one = a, *const *other = b;

	return strcmp((*one)->instance->name, (*other)->instance->name);
}

static void
sort_names(struct case_list *list)
{
	list->by_name = xcalloc(list->n + 1, sizeof(*list->by_name));
	for (size_t i = 0; i < list->n; i++)
		list->by_name[i] = &list->cases[i];
	qsort(list->by_name, list->n, sizeof(*list->by_name), compare_names);
}

static int
compare_name(const void *name, const void *b)
{
	const struct suite_case *const *one = b;

	return strcmp(name, (*one)->instance->name);
}

const struct suite_case *
suite_case_named(const struct case_list *list, const char *name)
{
	const struct suite_case *const *at;

	if (name == NULL || list->n == 0)
		return NULL;
	at = bsearch(name, list->by_name, list->n, sizeof(*list->by_name),
	    compare_name);
	return at != NULL ? *at : NULL;
}

const struct case_list *
suite_cases(struct suite *s, const struct rk_dialect *dialect,
    struct text *errors)
{
	struct case_list *list;
	int status = 0;

	for (size_t i = 0; i < s->nlists; i++)
		if (s->lists[i]->dialect == dialect)
			return s->lists[i];
	list = xcalloc(1, sizeof(*list));
	list->dialect = dialect;
	for (size_t i = 0; i < s->nscripts; i++)
		for (size_t k = 0; k < s->scripts[i]->nscenarios; k++)
			status |= add_scenario(s, list, i,
			    s->scripts[i]->scenarios[k], errors);
	if (status != 0) {
		case_list_free(list);
		return NULL;
	}
	sort_names(list);
	s->lists =
	    xreallocarray(s->lists, s->nlists + 1, sizeof(struct case_list *));
	s->lists[s->nlists++] = list;
	return list;
}

void
suite_free(struct suite *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nlists; i++)
		case_list_free(s->lists[i]);
	for (size_t i = 0; i < s->nscripts; i++)
		script_free(s->scripts[i]);
	for (size_t i = 0; i < s->nrequirements; i++)
		requirements_free(s->requirements[i]);
	free(s->lists);
	free(s->scripts);
	free(s->from_file);
	free(s->requirements);
	free(s);
}

bool
suite_needs(const struct suite_case *c, const char *name)
{
	return text_is_among(name, c->scenario->needs, c->scenario->nneeds);
}
