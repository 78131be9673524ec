/* Planning and playing: children that run the suite on faulty relays. */
#include "config.h"

#include "conformance/selftest.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/process.h"
#include "conformance/select.h"
#include "conformance/selftest_child.h"

#define LOOK_NS (10 * NS_PER_MS)

/* ---- files and programs ---- */

/* Run to its end with the output in |log|; -1 with one line in |err|. */
static int
run_program(char *const *argv, const char *log, char *err, size_t err_size)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	struct process *p = process_start(argv, log, err, err_size);
	int status, signo;

	if (p == NULL)
		return -1;
	while (!process_has_exited(p))
		nanosleep(&pause, NULL);
	process_exit_status(p, &status, &signo);
	process_stop(p, SIGTERM, NS_PER_S);
	process_free(p);
	if (status == 0 && signo == 0)
		return 0;
	snprintf(err, err_size, "%s failed: has it faults at all?", argv[0]);
	return -1;
}

/* ---- what there is ---- */

static bool
is_wanted(const struct selftest_options *o, const char *name)
{
	for (size_t i = 0; i < o->nfaults; i++)
		if (glob_match(o->faults[i], name))
			return true;
	return o->nfaults == 0;
}

static void
add_fault(struct selftest *s, json_t *o)
{
	json_t *ids = json_object_get(o, "requirements"), *id;
	const char *name, *level, *text;
	struct selftest_fault *f;
	size_t i;

	if (json_unpack(o, "{s:s, s:s, s:s}", "name", &name, "level", &level,
		"description", &text) != 0 ||
	    !is_wanted(s->o, name))
		return;
	s->faults =
	    xreallocarray(s->faults, s->nfaults + 1, sizeof(*s->faults));
	f = &s->faults[s->nfaults++];
	*f = (struct selftest_fault){ .name = xstrdup(name),
		.level = xstrdup(level),
		.text = xstrdup(text),
		.state = FAULT_SURVIVED };
	f->requirements = xcalloc(json_array_size(ids) + 1, sizeof(char *));
	json_array_foreach(ids, i, id) if (json_is_string(id))
	    f->requirements[f->nrequirements++] =
	    xstrdup(json_string_value(id));
}

/* The program that has the faults. */
static const char *
program(const struct selftest_options *o)
{
	return o->client != NULL ? o->client : o->relayd;
}

static int
read_faults(struct selftest *s)
{
	char *log = xasprintf("%s/faults.json", s->dir), err[256], *text;
	char *argv[] = { xstrdup(program(s->o)), xstrdup("--fault"),
		xstrdup("help"), xstrdup("--json"), NULL };
	json_t *list = NULL, *o;
	size_t len, i, n = 0;

	if (run_program(argv, log, err, sizeof(err)) == 0 &&
	    (text = file_read(log, &len, err, sizeof(err))) != NULL) {
		list = json_loadb(text, len, 0, NULL);
		free(text);
		snprintf(err, sizeof(err), "%s: no list of faults",
		    program(s->o));
	}
	json_array_foreach(list, i, o) add_fault(s, o);
	n = json_array_size(list);
	json_decref(list);
	free(log);
	for (i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	if (n == 0) {
		cli_error("%s", err);
		return EXIT_INFRASTRUCTURE;
	}
	if (s->nfaults == 0)
		return cli_usage_error("--faults selects none of %zu", n);
	s->complete = n == s->nfaults;
	return 0;
}

static void
list_scenarios(struct selftest *s)
{
	for (size_t i = 0; i < s->list->n; i++) {
		const struct suite_case *c = &s->list->cases[i];
		struct selftest_scenario *sc =
		    s->nscenarios > 0 ? &s->scenarios[s->nscenarios - 1] : NULL;

		if (sc == NULL || sc->scenario != c->scenario) {
			s->scenarios = xreallocarray(s->scenarios,
			    s->nscenarios + 1, sizeof(*s->scenarios));
			sc = &s->scenarios[s->nscenarios++];
			*sc =
			    (struct selftest_scenario){ .scenario = c->scenario,
				    .level = c->level,
				    .slow = true };
		}
		if (c->level < sc->level)
			sc->level = c->level;
		sc->slow = sc->slow && c->slow;
	}
}

int
selftest_prepare(struct selftest *s, const struct selftest_options *o)
{
	char dir[] = "/tmp/relay-selftest-XXXXXX";
	struct text errors;

	*s = (struct selftest){ .o = o };
	text_init(&errors);
	s->suite = suite_new(&errors);
	if (s->suite != NULL)
		s->list = suite_cases(s->suite, rk_dialects()[0], &errors);
	fputs(text_str(&errors), stderr);
	text_clear(&errors);
	if (s->list == NULL)
		return EXIT_SCRIPT;
	if (mkdtemp(dir) == NULL) {
		cli_error("%s cannot be made", dir);
		return EXIT_INFRASTRUCTURE;
	}
	s->dir = xstrdup(dir);
	s->unchanged = xcalloc(s->list->n, sizeof(*s->unchanged));
	list_scenarios(s);
	return read_faults(s);
}

void
selftest_clear(struct selftest *s)
{
	for (size_t i = 0; i < s->nfaults; i++) {
		struct selftest_fault *f = &s->faults[i];

		for (size_t k = 0; k < f->nrequirements; k++)
			free(f->requirements[k]);
		free(f->requirements);
		free(f->name);
		free(f->level);
		free(f->text);
		free(f->kills);
		free(f->open);
		free(f->trouble);
	}
	free(s->faults);
	free(s->scenarios);
	free(s->unchanged);
	if (s->dir != NULL)
		remove_dir(s->dir);
	free(s->dir);
	suite_free(s->suite);
}

/* ---- which cases ---- */

bool
selftest_needs_tls(const struct suite_case *c)
{
	return suite_needs(c, "tls") || suite_needs(c, "plain-beside-tls") ||
	    suite_needs(c, "writes");
}

enum round {
	ROUND_SOUND,       /* no fault, everything */
	ROUND_SOUND_AGAIN, /* … that came to no verdict */
	ROUND_COVERING,    /* what covers the fault's requirements */
	ROUND_AGAIN, /* … where it survived, and that came to no verdict */
	ROUND_REST   /* everything where it survived; else what has caught
		      * nothing yet and must */
};

static bool
is_open_for(const struct selftest_fault *f, const struct suite_case *c)
{
	for (size_t i = 0; i < f->nopen; i++)
		if (f->open[i] == c)
			return true;
	return false;
}

static bool
is_played(const struct selftest *s, const struct selftest_fault *f, size_t i,
    enum round round, bool tls)
{
	const struct suite_case *c = &s->list->cases[i];

	if ((c->slow && !s->o->slow) ||
	    suite_needs(c, "client") != (s->o->client != NULL) ||
	    selftest_needs_tls(c) != tls)
		return false;
	switch (round) {
	case ROUND_SOUND:
		return true;
	case ROUND_SOUND_AGAIN:
		return selftest_is_unsound(s, i) &&
		    selftest_is_open(s->unchanged[i].verdict);
	case ROUND_COVERING:
		return s->o->all || selftest_covers(c, f);
	case ROUND_AGAIN:
		return f->state == FAULT_SURVIVED && is_open_for(f, c);
	case ROUND_REST:
		break;
	}
	if (s->o->all || selftest_covers(c, f) || f->state == FAULT_BROKEN)
		return false;
	return f->state == FAULT_SURVIVED ||
	    (s->complete &&
		selftest_never_kills(s, selftest_scenario_of(s, c)));
}

static bool
is_slow_only(const struct selftest *s, const struct selftest_fault *f)
{
	bool slow = false;

	for (size_t i = 0; i < s->list->n; i++)
		if (selftest_covers(&s->list->cases[i], f)) {
			if (!s->list->cases[i].slow)
				return false;
			slow = true;
		}
	return slow && !s->o->slow;
}

static bool
is_tls_only(const struct selftest *s, const struct selftest_fault *f)
{
	bool tls = false;

	for (size_t i = 0; i < s->list->n; i++)
		if (selftest_covers(&s->list->cases[i], f)) {
			if (!selftest_needs_tls(&s->list->cases[i]))
				return false;
			tls = true;
		}
	return tls;
}

/* ---- a child ---- */

/* The cases to be played, one a line; "" if there are none. */
static char *
selection(const struct selftest *s, const struct selftest_fault *f,
    enum round round, bool tls)
{
	struct text out = { 0 };

	text_init(&out);
	for (size_t i = 0; i < s->list->n; i++)
		if (is_played(s, f, i, round, tls))
			text_addf(&out, "%s\n",
			    s->list->cases[i].instance->name);
	return text_take(&out);
}

/* What a child is about: a fault, or with |fault| NULL the relay as it should
 * be. */
struct about {
	struct selftest *s;
	struct selftest_fault *fault;
};

static void
on_verdict(void *arg, json_t *verdict)
{
	const struct about *a = arg;

	selftest_note(a->s, a->fault, verdict);
}

static void
on_end(void *arg, bool whole, char *last_line)
{
	const struct about *a = arg;

	if (!whole && a->fault != NULL) {
		a->fault->state = FAULT_BROKEN;
		free(a->fault->trouble);
		a->fault->trouble = last_line;
	} else {
		free(last_line);
	}
	free(arg);
}

/* ---- rounds ---- */

static int
start_child(struct selftest *s, struct selftest_fault *f, enum round round,
    bool tls)
{
	struct child_order order = {
		.name = f != NULL ? f->name
		    : tls         ? "none-tls"
				  : "none",
		.fault = f != NULL ? f->name : NULL,
		.tls = tls,
		.selection = selection(s, f, round, tls),
		.on_verdict = on_verdict,
		.on_end = on_end,
	};
	struct about *a;
	int status = 0;

	if (f != NULL && round == ROUND_AGAIN)
		f->nopen = 0;
	if (order.selection[0] != '\0') {
		a = order.arg = xmalloc(sizeof(*a));
		*a = (struct about){ s, f };
		status = children_start(s->children, &order);
	}
	free(order.selection);
	return status;
}

static int
play_round(struct selftest *s, enum round round)
{
	int status = 0;

	s->children->what = round == ROUND_COVERING ? "faults"
	    : round == ROUND_AGAIN                  ? "faults, once more"
						    : "more of faults";
	s->children->ndone = 0;
	s->children->ntotal = s->nfaults;
	for (size_t i = 0; i < s->nfaults && status == 0; i++)
		if (s->faults[i].state != FAULT_SLOW && !children_interrupted())
			status = start_child(s, &s->faults[i], round,
			    s->faults[i].tls);
	children_wait(s->children);
	return status;
}

static int
play_sound(struct selftest *s, enum round round)
{
	int status;

	s->children->what = "relay without faults";
	s->children->ntotal = 2;
	status = start_child(s, NULL, round, false);
	if (status == 0)
		status = start_child(s, NULL, round, true);
	children_wait(s->children);
	return status;
}

/* Nothing can be learnt from a relay that is not well as it is. */
static int
play_all_sound(struct selftest *s)
{
	int status = play_sound(s, ROUND_SOUND);

	if (status == 0 && !children_interrupted())
		status = play_sound(s, ROUND_SOUND_AGAIN);
	if (children_interrupted()) {
		/* They did not pass as they were not played. */
		for (size_t i = 0; i < s->list->n; i++)
			s->unchanged[i] = (struct unchanged){ 0 };
		return 0;
	}
	for (size_t i = 0; status == 0 && i < s->list->n; i++)
		if (selftest_is_sound(&s->unchanged[i]))
			return 0;
	cli_error("%s without a fault passes nothing", program(s->o));
	return EXIT_INFRASTRUCTURE;
}

/* Of what was not caught by now nothing can be said. */
static void
cut_short(struct selftest *s)
{
	s->partial = true;
	s->complete = false;
	for (size_t i = 0; i < s->nfaults; i++)
		if (s->faults[i].state != FAULT_CAUGHT &&
		    s->faults[i].state != FAULT_SLOW)
			s->faults[i].state = FAULT_UNPLAYED;
}

int
selftest_play(struct selftest *s)
{
	int64_t started = clock_mono_ns();
	int status;

	s->children = children_new(s->dir, s->o);
	for (size_t i = 0; i < s->nfaults; i++) {
		s->faults[i].tls = is_tls_only(s, &s->faults[i]);
		if (!s->o->all && is_slow_only(s, &s->faults[i]))
			s->faults[i].state = FAULT_SLOW;
	}
	status = play_all_sound(s);
	for (enum round r = ROUND_COVERING;
	     r <= ROUND_REST && status == 0 && !children_interrupted(); r++)
		status = play_round(s, r);
	selftest_settle(s);
	s->took_ns = clock_mono_ns() - started;
	children_free(s->children);
	s->children = NULL;
	if (children_interrupted()) {
		cut_short(s);
		return 0;
	}
	return status;
}
