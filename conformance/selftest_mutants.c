/* Mutants of scenarios on the relay, or the client, as it should be: who is
 * not noticed? */
#include "config.h"

#include "conformance/selftest_mutants.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/member.h"
#include "conformance/mutate.h"
#include "conformance/select.h"
#include "conformance/selftest_child.h"

/* How many are played on one relay: all at once; or, where they are alone or
 * have a relay of their own, a few behind each other. */
#define TOGETHER 120
#define CLIENTS  40 /* … each of which has a process of its own */
#define ALONE    5

enum mutant_state {
	MUTANT_UNPLAYED,
	MUTANT_NOTICED,
	MUTANT_SURVIVED,
	MUTANT_UNJUDGED, /* the machine was late, a connection was not there */
	MUTANT_REFUSED,  /* by the checker */
	MUTANT_UNTAKEN,  /* of a branch that this relay does not take */
	MUTANT_NSTATES
};

/* Which cases of a mutant's scenario are played. */
enum which {
	FIRST_CASE, /* that is sound */
	OTHER_CASES,
	ALL_CASES
};

struct mutation {
	const struct selftest_options *o;
	struct suite *suite;
	const struct case_list *list;
	struct unchanged *unchanged; /* of each case */
	struct mutants mutants;
	enum mutant_state *state;
	char *dir;
	struct children *children;
	unsigned nchildren;
	int64_t started_ns;
};

/* ---- what there is ---- */

static bool
is_wanted(const struct mutation *m, const struct suite_case *c)
{
	if ((c->slow && !m->o->slow) ||
	    suite_needs(c, "client") != (m->o->client != NULL))
		return false;
	if (m->o->nfiles > 0 && !c->from_file)
		return false;
	for (size_t i = 0; i < m->o->nscenarios; i++)
		if (glob_match(m->o->scenarios[i], c->scenario->id))
			return true;
	return m->o->nscenarios == 0;
}

static int
read_suite(struct mutation *m)
{
	struct text errors;
	bool bad;

	text_init(&errors);
	m->suite = suite_new(&errors);
	bad = m->suite == NULL;
	for (size_t i = 0; !bad && i < m->o->nfiles; i++)
		bad = suite_add_file(m->suite, m->o->files[i], &errors) != 0;
	if (!bad)
		m->list = suite_cases(m->suite, rk_dialects()[0], &errors);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	if (m->list == NULL)
		return EXIT_SCRIPT;
	m->unchanged = xcalloc(m->list->n + 1, sizeof(*m->unchanged));
	return 0;
}

/* ---- as it is ---- */

static void
add_selector(const struct suite_case *c, const char *file, const char *id,
    struct text *out)
{
	const char *choice = c->instance->name + strlen(c->scenario->id);

	if (file != NULL)
		text_addf(out, "%s:", file);
	text_addf(out, "%s%s\n", id, choice);
}

static void
on_unchanged_verdict(void *arg, json_t *o)
{
	struct mutation *m = arg;
	const char *name = NULL, *word = "";
	const struct suite_case *c;
	struct unchanged *u;

	json_unpack(o, "{s:s, s:s}", "case", &name, "verdict", &word);
	c = suite_case_named(m->list, name);
	if (c == NULL)
		return;
	u = &m->unchanged[c - m->list->cases];
	u->is_played = true;
	u->verdict = verdict_named(word);
	free(u->named);
	u->named = json_dumps(json_object_get(o, "named"),
	    JSON_ENCODE_ANY | JSON_COMPACT);
}

static void
on_unchanged_end(void *arg, bool whole, char *last_line)
{
	if (!whole)
		cli_error("%s", last_line);
	free(last_line);
}

/* A change of what does not, could not be noticed. */
static bool
says_something(const struct mutation *m, size_t i)
{
	const struct unchanged *u = &m->unchanged[i];

	return selftest_is_sound(u) ||
	    (u->is_played && u->verdict == VERDICT_NONSTRICT);
}

/* Was played, and nothing came of it that is said about the program. */
static bool
is_open_as_it_is(const struct mutation *m, size_t i)
{
	return m->unchanged[i].is_played &&
	    selftest_is_open(m->unchanged[i].verdict);
}

/* All cases for one of the two relays, or what is |open| of them; their
 * number. */
static size_t
play_unchanged_on(struct mutation *m, bool tls, bool open, int *status)
{
	struct child_order order = { .name = tls ? "sound-tls" : "sound",
		.tls = tls,
		.on_verdict = on_unchanged_verdict,
		.on_end = on_unchanged_end,
		.arg = m };
	struct text out;
	size_t n = 0;

	text_init(&out);
	for (size_t i = 0; i < m->list->n; i++) {
		const struct suite_case *c = &m->list->cases[i];

		if (!is_wanted(m, c) || selftest_needs_tls(c) != tls ||
		    (open && !is_open_as_it_is(m, i)))
			continue;
		add_selector(c, c->from_file ? c->script->file : NULL,
		    c->scenario->id, &out);
		n++;
	}
	order.selection = text_take(&out);
	if (n > 0 && *status == 0)
		*status = children_start(m->children, &order);
	free(order.selection);
	return n;
}

static int
play_unchanged(struct mutation *m)
{
	int status = 0;
	size_t n;

	m->children->what = "runs, nothing changed";
	m->children->ntotal = 2;
	n = play_unchanged_on(m, false, false, &status);
	n += play_unchanged_on(m, true, false, &status);
	children_wait(m->children);
	if (n == 0)
		return cli_usage_error("no scenario is selected");
	if (!children_interrupted()) {
		play_unchanged_on(m, false, true, &status);
		play_unchanged_on(m, true, true, &status);
		children_wait(m->children);
	}
	return status;
}

static bool
is_sound(const struct mutation *m, const struct scenario *sc)
{
	for (size_t i = 0; i < m->list->n; i++)
		if (m->list->cases[i].scenario == sc && says_something(m, i))
			return true;
	return false;
}

/* ---- making mutants ---- */

/* The first scenario that is sound and calls it. */
static bool
mutate_called(struct mutation *m, const struct proc *proc, struct text *errors)
{
	const struct scenario *before = NULL;
	size_t had = m->mutants.n;

	for (size_t i = 0; i < m->list->n && m->mutants.n == had; i++) {
		const struct suite_case *c = &m->list->cases[i];

		if (c->scenario == before || !says_something(m, i))
			continue;
		before = c->scenario;
		if (!mutate_proc(&m->mutants, c->script, proc, before, errors))
			return false;
	}
	return true;
}

/* Included procedures are in several scripts; each is mutated once. */
static bool
is_known(const struct mutation *m, size_t script, const struct proc *proc)
{
	for (size_t i = 0; i < script; i++)
		for (size_t k = 0; k < m->suite->scripts[i]->nprocs; k++) {
			const struct proc *o = m->suite->scripts[i]->procs[k];

			if (o->at.line == proc->at.line &&
			    strcmp(o->at.file, proc->at.file) == 0)
				return true;
		}
	return false;
}

static bool
mutate_all(struct mutation *m, struct text *errors)
{
	bool ok = true;

	for (size_t i = 0; i < m->suite->nscripts; i++) {
		const struct script *s = m->suite->scripts[i];

		for (size_t k = 0; ok && k < s->nscenarios; k++)
			if (is_sound(m, s->scenarios[k]))
				ok = mutate_scenario(&m->mutants, s,
				    s->scenarios[k], errors);
		for (size_t k = 0; ok && k < s->nprocs; k++)
			if (!is_known(m, i, s->procs[k]))
				ok = mutate_called(m, s->procs[k], errors);
	}
	return ok;
}

static int
make_mutants(struct mutation *m)
{
	struct text errors;
	bool ok;

	text_init(&errors);
	ok = mutate_all(m, &errors);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	m->state = xcalloc(m->mutants.n + 1, sizeof(*m->state));
	for (size_t i = 0; i < m->mutants.n; i++)
		if (m->mutants.m[i].refused)
			m->state[i] = MUTANT_REFUSED;
	return ok ? 0 : EXIT_SCRIPT;
}

/* ---- playing them ---- */

/* The case that a verdict is about: its mutant, and the case it is of. */
static bool
find_played(const struct mutation *m, const json_t *o, size_t *mutant,
    size_t *original)
{
	const char *name = member_string(o, "case");
	const char *id = member_string(o, "scenario");
	const char *number = id != NULL ? strrchr(id, 'm') : NULL;
	const struct suite_case *c;
	const struct scenario *sc;
	char *whole;

	if (name == NULL || number == NULL || strlen(name) < strlen(id))
		return false;
	*mutant = strtoul(number + 1, NULL, 10);
	if (*mutant >= m->mutants.n)
		return false;
	sc = m->mutants.m[*mutant].scenario;
	whole = xasprintf("%s%s", sc->id, name + strlen(id));
	c = suite_case_named(m->list, whole);
	free(whole);
	if (c == NULL || c->scenario != sc)
		return false;
	*original = (size_t)(c - m->list->cases);
	return true;
}

/* A missed expectation, or another behaviour than without the change. */
static enum mutant_state
judge(const struct unchanged *s, json_t *o)
{
	const char *word = "", *code = "", *control = "";
	char *named;
	bool same;

	json_unpack(o, "{s:s, s:s, s?s}", "verdict", &word, "code", &code,
	    "control", &control);
	if (strncmp(code, "E-", 2) == 0)
		return MUTANT_NOTICED;
	if (code[0] != '\0')
		return MUTANT_UNJUDGED;
	if (strcmp(control, "failed") == 0)
		return MUTANT_NOTICED;
	named = json_dumps(json_object_get(o, "named"),
	    JSON_ENCODE_ANY | JSON_COMPACT);
	same = s->verdict == verdict_named(word) && named != NULL &&
	    s->named != NULL && strcmp(s->named, named) == 0;
	free(named);
	return same ? MUTANT_SURVIVED : MUTANT_NOTICED;
}

static void
on_mutant_verdict(void *arg, json_t *o)
{
	struct mutation *m = arg;
	size_t mutant, original;
	enum mutant_state s;

	if (!find_played(m, o, &mutant, &original))
		return;
	s = judge(&m->unchanged[original], o);
	if (m->state[mutant] != MUTANT_NOTICED &&
	    (s == MUTANT_NOTICED || m->state[mutant] != MUTANT_UNJUDGED))
		m->state[mutant] = s;
}

static void
on_mutants_end(void *arg, bool whole, char *last_line)
{
	if (!whole && !children_interrupted())
		cli_error("%s", last_line);
	free(last_line);
}

/* What goes to one child. */
struct batch {
	struct mutation *m;
	const struct script *script;
	bool alone;
	bool tls;
	char *path;
	struct text text, selection;
	size_t n;
};

static int
batch_play(struct batch *b)
{
	struct mutation *m = b->m;
	struct child_order order = { .tls = b->tls,
		.on_verdict = on_mutant_verdict,
		.on_end = on_mutants_end,
		.arg = m };
	char name[32], err[512];
	int status = 0;

	if (b->n > 0 && !children_interrupted()) {
		snprintf(name, sizeof(name), "mutants-%u", m->nchildren);
		order.name = name;
		order.selection = text_take(&b->selection);
		if (file_write(b->path, text_str(&b->text), b->text.len, err,
			sizeof(err)) != 0) {
			cli_error("%s", err);
			status = EXIT_INFRASTRUCTURE;
		} else {
			status = children_start(m->children, &order);
		}
		free(order.selection);
		text_init(&b->selection);
	}
	free(b->path);
	b->path = NULL;
	text_reset(&b->text);
	text_reset(&b->selection);
	b->n = 0;
	return status;
}

static void
batch_begin(struct batch *b)
{
	struct text errors;
	char *preamble;

	text_init(&errors);
	preamble = mutate_preamble(&b->m->mutants, b->script, &errors);
	text_clear(&errors);
	text_add(&b->text, preamble != NULL ? preamble : "");
	free(preamble);
	b->path = xasprintf("%s/mutants-%u.rly", b->m->dir, ++b->m->nchildren);
}

static bool
is_turn(const struct mutation *m, size_t i, const struct suite_case *first,
    enum which which)
{
	if (!says_something(m, i) || !is_wanted(m, &m->list->cases[i]))
		return false;
	return which == ALL_CASES ||
	    (which == FIRST_CASE) == (&m->list->cases[i] == first);
}

static const struct suite_case *
first_case(const struct mutation *m, const struct scenario *sc)
{
	for (size_t i = 0; i < m->list->n; i++)
		if (m->list->cases[i].scenario == sc && says_something(m, i))
			return &m->list->cases[i];
	return NULL;
}

static void
batch_add(struct batch *b, const struct mutant *mutant, enum which which)
{
	const struct mutation *m = b->m;
	const struct suite_case *first = first_case(m, mutant->scenario);
	bool any = false;

	for (size_t i = 0; i < m->list->n; i++) {
		const struct suite_case *c = &m->list->cases[i];

		if (c->scenario != mutant->scenario ||
		    !is_turn(m, i, first, which))
			continue;
		if (b->n == 0 && !any)
			batch_begin(b);
		any = true;
		add_selector(c, b->path, mutant->id, &b->selection);
	}
	if (any) {
		text_add(&b->text, mutant->text);
		b->n++;
	}
}

static bool
goes_into(const struct batch *b, const struct mutant *m)
{
	bool alone = m->scenario->serial || m->scenario->own;

	return m->script == b->script && alone == b->alone &&
	    selftest_needs_tls(first_case(b->m, m->scenario)) == b->tls;
}

static bool
is_open(enum mutant_state s)
{
	return s == MUTANT_UNPLAYED || s == MUTANT_SURVIVED ||
	    s == MUTANT_UNJUDGED;
}

static int
play_kind(struct batch *b, enum which which)
{
	const struct mutants *all = &b->m->mutants;
	size_t most = b->alone        ? ALONE
	    : b->m->o->client != NULL ? CLIENTS
				      : TOGETHER;
	int status = 0;

	for (size_t i = 0; i < all->n && status == 0; i++) {
		if (!is_open(b->m->state[i]) || !goes_into(b, &all->m[i]))
			continue;
		batch_add(b, &all->m[i], which);
		if (b->n >= most)
			status = batch_play(b);
	}
	return status != 0 ? status : batch_play(b);
}

static int
play_mutants(struct mutation *m, enum which which, const char *what)
{
	struct batch b = { .m = m };
	int status = 0;

	m->children->what = what;
	m->children->ndone = m->children->ntotal = 0;
	text_init(&b.text);
	text_init(&b.selection);
	/* Those that take long first. */
	for (int kind = 0; kind < 4; kind++)
		for (size_t i = 0; i < m->suite->nscripts && status == 0; i++) {
			b.script = m->suite->scripts[i];
			b.alone = kind < 2;
			b.tls = kind % 2 == 1;
			status = play_kind(&b, which);
		}
	children_wait(m->children);
	text_clear(&b.text);
	text_clear(&b.selection);
	return status;
}

/* ---- what came of it ---- */

static bool
some_branch_is_taken(const struct mutation *m, const struct mutant *one)
{
	for (size_t i = 0; i < m->mutants.n; i++) {
		const struct mutant *o = &m->mutants.m[i];

		if (o->block == one->block && o->scenario == one->scenario &&
		    o->file == one->file && o->branch == MUTANT_NONE &&
		    m->state[i] == MUTANT_NOTICED)
			return true;
	}
	return false;
}

/* The branches of a oneof that a relay does not take are for others. */
static void
excuse_branches(struct mutation *m)
{
	for (size_t i = 0; i < m->mutants.n; i++) {
		const struct mutant *one = &m->mutants.m[i];
		bool taken = one->branch != MUTANT_NONE
		    ? m->state[one->branch] == MUTANT_NOTICED
		    : !some_branch_is_taken(m, one);

		if (one->block != 0 && !taken && m->state[i] == MUTANT_SURVIVED)
			m->state[i] = MUTANT_UNTAKEN;
	}
}

/* What nothing is known of, and what was not noticed: once more, since this
 * machine may have been late for it. */
static int
play_again(struct mutation *m)
{
	for (size_t i = 0; i < m->mutants.n; i++)
		if (is_open(m->state[i]))
			m->state[i] = MUTANT_UNPLAYED;
	return play_mutants(m, ALL_CASES, "runs, once more");
}

/* One that was noticed now may show that its branch is taken. */
static void
excuse_branches_anew(struct mutation *m)
{
	for (size_t i = 0; i < m->mutants.n; i++)
		if (m->state[i] == MUTANT_UNTAKEN)
			m->state[i] = MUTANT_SURVIVED;
	excuse_branches(m);
}

static void
print_one(const struct mutant *m, const char *what)
{
	printf("%s:%d: %s: %s (%s)\n  %s\n  %s\n", m->file, m->line, what,
	    m->how, m->scenario->id, m->before + strspn(m->before, " \t"),
	    m->after + strspn(m->after, " \t"));
}

static int
report(const struct mutation *m)
{
	size_t count[MUTANT_NSTATES] = { 0 }, unsound = 0, open_as_it_is = 0;
	size_t open, judged;
	int status;

	for (size_t i = 0; i < m->list->n; i++)
		if (m->unchanged[i].is_played && !says_something(m, i) &&
		    m->unchanged[i].verdict != VERDICT_UNSUPPORTED) {
			printf("not passed as it is: %s: %s\n",
			    m->list->cases[i].instance->name,
			    verdict_name(m->unchanged[i].verdict));
			if (is_open_as_it_is(m, i))
				open_as_it_is++;
			else
				unsound++;
		}
	for (size_t i = 0; i < m->mutants.n; i++) {
		count[m->state[i]]++;
		if (m->state[i] == MUTANT_SURVIVED)
			print_one(&m->mutants.m[i], "survivor");
		else if (m->state[i] == MUTANT_REFUSED)
			print_one(&m->mutants.m[i], "cannot be written");
		else if (m->state[i] == MUTANT_UNJUDGED ||
		    m->state[i] == MUTANT_UNPLAYED)
			print_one(&m->mutants.m[i], "not judged");
	}
	open = count[MUTANT_UNJUDGED] + count[MUTANT_UNPLAYED] + open_as_it_is;
	judged = count[MUTANT_NOTICED] + count[MUTANT_SURVIVED];
	status = count[MUTANT_SURVIVED] > 0 || unsound > 0 ? EXIT_FAILED
	    : open > 0                                     ? EXIT_INCONCLUSIVE
	    : judged == 0                                  ? EXIT_UNTESTED
							   : EXIT_GOOD;
	printf("%zu changes: %zu noticed, %zu survived; %zu of branches that "
	       "are not taken here, %zu cannot be written, %zu not judged   "
	       "%.1f s\nexit %d\n",
	    m->mutants.n, count[MUTANT_NOTICED], count[MUTANT_SURVIVED],
	    count[MUTANT_UNTAKEN], count[MUTANT_REFUSED], open - open_as_it_is,
	    (double)(clock_mono_ns() - m->started_ns) / (double)NS_PER_S,
	    status);
	return status;
}

/* ---- the whole ---- */

static int
play(struct mutation *m)
{
	int status = play_unchanged(m);

	if (status == 0)
		status = make_mutants(m);
	if (status == 0)
		status = play_mutants(m, FIRST_CASE, "runs, changed scenarios");
	if (status == 0 && !children_interrupted())
		status = play_mutants(m, OTHER_CASES, "runs, survivors");
	excuse_branches(m);
	if (status == 0 && !children_interrupted())
		status = play_again(m);
	if (children_interrupted()) {
		cli_error("interrupted: nothing can be said");
		return EXIT_INTERRUPTED;
	}
	if (status != 0)
		return status;
	excuse_branches_anew(m);
	return report(m);
}

int
selftest_mutants(const struct selftest_options *o)
{
	char dir[] = "/tmp/relay-selftest-XXXXXX";
	struct mutation m = { .o = o, .started_ns = clock_mono_ns() };
	int status = read_suite(&m);

	if (status == 0 && mkdtemp(dir) == NULL) {
		cli_error("%s cannot be made", dir);
		status = EXIT_INFRASTRUCTURE;
	} else if (status == 0) {
		m.dir = dir;
		m.children = children_new(dir, o);
		status = play(&m);
		children_free(m.children);
		remove_dir(dir);
	}
	for (size_t i = 0; m.list != NULL && i < m.list->n; i++)
		free(m.unchanged[i].named);
	free(m.unchanged);
	free(m.state);
	mutants_clear(&m.mutants);
	suite_free(m.suite);
	return status;
}
