/* What the verdicts of a run on a faulty program say about the fault, and about
 * the suite. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/selftest.h"

bool
selftest_covers(const struct suite_case *c, const struct selftest_fault *f)
{
	for (size_t i = 0; i < c->nrequirements; i++)
		for (size_t k = 0; k < f->nrequirements; k++)
			if (strcmp(c->requirements[i], f->requirements[k]) == 0)
				return true;
	return false;
}

struct selftest_scenario *
selftest_scenario_of(const struct selftest *s, const struct suite_case *c)
{
	for (size_t i = 0; i < s->nscenarios; i++)
		if (s->scenarios[i].scenario == c->scenario)
			return &s->scenarios[i];
	return NULL;
}

/* fail; where the fault breaks a SHOULD, nonstrict too. */
static bool
is_kill(const struct selftest_fault *f, enum verdict v)
{
	return v == VERDICT_FAIL ||
	    (v == VERDICT_NONSTRICT && strcmp(f->level, "MUST") != 0);
}

/* It passes, or says what it sees. */
bool
selftest_is_sound(const struct unchanged *u)
{
	return u->is_played &&
	    (u->verdict == VERDICT_PASS || u->verdict == VERDICT_INFO);
}

static void
note_unchanged(struct selftest *s, const struct suite_case *c, enum verdict v)
{
	struct unchanged *u = &s->unchanged[c - s->list->cases];

	*u = (struct unchanged){ .is_played = true, .verdict = v };
	if (selftest_is_sound(u))
		selftest_scenario_of(s, c)->played = true;
}

static void
note_open(struct selftest_fault *f, const struct suite_case *c)
{
	f->open = xreallocarray(f->open, f->nopen + 1, sizeof(const void *));
	f->open[f->nopen++] = c;
}

static void
note_kill(struct selftest *s, struct selftest_fault *f,
    const struct suite_case *c, enum verdict v, const char *code)
{
	struct kill *k;

	f->state = FAULT_CAUGHT;
	selftest_scenario_of(s, c)->nkills++;
	f->kills = xreallocarray(f->kills, f->nkills + 1, sizeof(*f->kills));
	k = &f->kills[f->nkills++];
	*k = (struct kill){ .c = c, .verdict = v };
	snprintf(k->code, sizeof(k->code), "%s", code);
}

void
selftest_note(struct selftest *s, struct selftest_fault *f, json_t *o)
{
	const char *name = NULL, *word = "", *code = "";
	const struct suite_case *c;
	const struct unchanged *u;
	enum verdict v;

	json_unpack(o, "{s:s, s:s, s:s}", "case", &name, "verdict", &word,
	    "code", &code);
	c = suite_case_named(s->list, name);
	v = verdict_named(word);
	if (c == NULL)
		return;
	if (f == NULL) {
		note_unchanged(s, c, v);
		return;
	}
	f->nplayed++;
	u = &s->unchanged[c - s->list->cases];
	if (selftest_is_sound(u) && is_kill(f, v))
		note_kill(s, f, c, v, code);
	else if (selftest_is_open(selftest_is_sound(u) ? v : u->verdict) &&
	    selftest_covers(c, f))
		note_open(f, c);
}

void
selftest_settle(struct selftest *s)
{
	for (size_t i = 0; i < s->nfaults; i++)
		if (s->faults[i].state == FAULT_SURVIVED &&
		    s->faults[i].nopen > 0)
			s->faults[i].state = FAULT_UNJUDGED;
}

/* A client that is sound in what it should be is hard to get wrong by chance:
 * the cases for clients are few, so all of them are judged. */
bool
selftest_is_judged(const struct selftest *s, const struct selftest_scenario *sc)
{
	return (sc->level == LEVEL_MUST ||
		   (sc->level == LEVEL_SHOULD && s->o->client != NULL)) &&
	    sc->played && (!sc->slow || s->o->slow);
}

bool
selftest_never_kills(const struct selftest *s,
    const struct selftest_scenario *sc)
{
	return selftest_is_judged(s, sc) && sc->nkills == 0;
}

bool
selftest_is_open(enum verdict v)
{
	return v == VERDICT_INCONCLUSIVE || v == VERDICT_ERROR;
}

bool
selftest_is_unsound(const struct selftest *s, size_t i)
{
	const struct unchanged *u = &s->unchanged[i];

	return u->is_played && !selftest_is_sound(u) &&
	    u->verdict != VERDICT_UNSUPPORTED;
}

static size_t
count_unsound(const struct selftest *s, bool open)
{
	size_t n = 0;

	for (size_t i = 0; i < s->list->n; i++)
		n += selftest_is_unsound(s, i) &&
		    selftest_is_open(s->unchanged[i].verdict) == open;
	return n;
}

int
selftest_status(const struct selftest *s)
{
	size_t count[FAULT_NSTATES] = { 0 };
	bool open;

	if (s->partial)
		return EXIT_INTERRUPTED;
	for (size_t i = 0; i < s->nfaults; i++)
		count[s->faults[i].state]++;
	open = count[FAULT_UNJUDGED] + count_unsound(s, true) > 0;
	if (count[FAULT_BROKEN] > 0)
		return EXIT_INFRASTRUCTURE;
	if (count[FAULT_SURVIVED] + count_unsound(s, false) > 0)
		return EXIT_FAILED;
	for (size_t i = 0; s->complete && !open && i < s->nscenarios; i++)
		if (selftest_never_kills(s, &s->scenarios[i]))
			return EXIT_FAILED;
	return open                   ? EXIT_INCONCLUSIVE
	    : count[FAULT_CAUGHT] > 0 ? EXIT_GOOD
				      : EXIT_UNTESTED;
}
