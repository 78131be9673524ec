/* Classes of behaviour and first divergences. */
#include "config.h"

#include "conformance/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static const struct run_case *
find_played(const struct run *r, const char *name, size_t target,
    unsigned round)
{
	for (size_t i = 0; i < r->nplan; i++) {
		const struct run_case *c = &r->plan[i];

		if (c->round == round && c->target == &r->targets[target] &&
		    strcmp(c->c->instance->name, name) == 0)
			return c;
	}
	return NULL;
}

/* Something was observed from which something follows. */
static bool
is_usable(const struct run_case *c)
{
	if (c == NULL || c->result == NULL)
		return false;
	switch (c->result->code) {
	case CODE_HARNESS_LATE:
	case CODE_SCRIPT:
	case CODE_UNSUPPORTED:
		return false;
	default:
		return c->verdict != VERDICT_INCONCLUSIVE ||
		    c->result->code == CODE_CONNECT;
	}
}

/* ---- lanes ---- */

/* The sorted names of the lanes of all; *n of them, borrowed. */
static const char **
all_lanes(struct normal *const *normals, size_t nnormals, size_t *n)
{
	const char **names = NULL;

	*n = 0;
	for (size_t i = 0; i < nnormals; i++)
		for (size_t k = 0; k < normals[i]->n; k++) {
			const char *name = normals[i]->lanes[k].name;
			size_t j = 0;

			while (j < *n && strcmp(names[j], name) != 0)
				j++;
			if (j < *n)
				continue;
			names = xreallocarray(names, *n + 1, sizeof(*names));
			names[(*n)++] = name;
		}
	return names;
}

static bool
is_volatile(const struct diff_case *c, const char *lane)
{
	for (size_t i = 0; i < c->nvaries; i++) {
		const char *colon = strrchr(c->varies[i], ':');

		if (strcmp(colon + 2, lane) == 0)
			return true;
	}
	return false;
}

static bool
same_behaviour(const struct diff_case *c, struct normal *a, struct normal *b)
{
	struct normal *both[] = { a, b };
	size_t n;
	const char **lanes = all_lanes(both, 2, &n);
	bool same = true;

	for (size_t i = 0; same && i < n; i++)
		same = is_volatile(c, lanes[i]) ||
		    normal_lane_equal(normal_lane(a, lanes[i]),
			normal_lane(b, lanes[i]));
	free(lanes);
	return same;
}

/* ---- what varies within one target ---- */

static void
add_varying(struct diff_case *c, const char *target, const char *lane)
{
	if (is_volatile(c, lane))
		return;
	c->varies = xreallocarray(c->varies, c->nvaries + 1, sizeof(char *));
	c->varies[c->nvaries++] = xasprintf("%s: %s", target, lane);
}

/* Compare a target's later round with its first. */
static void
calibrate(struct diff_case *c, const char *target, struct normal *first,
    struct normal *again)
{
	struct normal *both[] = { first, again };
	size_t n;
	const char **lanes = all_lanes(both, 2, &n);

	for (size_t i = 0; i < n; i++)
		if (!normal_lane_equal(normal_lane(first, lanes[i]),
			normal_lane(again, lanes[i])))
			add_varying(c, target, lanes[i]);
	free(lanes);
}

/* ---- divergence ---- */

static const struct normal_item *
item_at(const struct normal *n, const char *lane, size_t at)
{
	const struct normal_lane *l = normal_lane(n, lane);

	return l != NULL && at < l->n ? &l->items[at] : NULL;
}

static bool
same_item(const struct normal_item *a, const struct normal_item *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a->text, b->text) == 0;
}

/* Events know the line, not the file: that of a procedure elsewhere says
 * nothing here. */
static int
own_line(const struct diff_case *c, const struct normal_item *i)
{
	const struct scenario *sc = c->c->scenario;

	return i != NULL && i->line >= sc->at.line && i->line <= sc->end_line
	    ? i->line
	    : 0;
}

/* Where in a lane the targets part: the item, or SIZE_MAX. */
static size_t
first_difference(const struct diff *d, const struct diff_case *c,
    const char *lane, int *line)
{
	for (size_t at = 0;; at++) {
		const struct normal_item *first =
		    item_at(c->normal[0], lane, at);
		bool any = first != NULL, same = true;

		*line = own_line(c, first);
		for (size_t t = 1; t < d->run->ntargets; t++) {
			const struct normal_item *other =
			    item_at(c->normal[t], lane, at);

			any = any || other != NULL;
			same = same && same_item(first, other);
			if (*line == 0)
				*line = own_line(c, other);
		}
		if (!same)
			return at;
		if (!any)
			return SIZE_MAX;
	}
}

/* The divergence of the smallest script line, then of the first lane. */
static void
find_divergence(const struct diff *d, struct diff_case *c)
{
	size_t n;
	const char **lanes = all_lanes(c->normal, d->run->ntargets, &n);

	for (size_t i = 0; i < n; i++) {
		int line;
		size_t at;

		if (is_volatile(c, lanes[i]))
			continue;
		at = first_difference(d, c, lanes[i], &line);
		if (at == SIZE_MAX ||
		    (c->lane != NULL &&
			(line == 0 || (c->line != 0 && line >= c->line))))
			continue;
		free(c->lane);
		c->lane = xstrdup(lanes[i]);
		c->at = at;
		c->line = line;
	}
	free(lanes);
}

static void
find_classes(const struct diff *d, struct diff_case *c)
{
	for (size_t t = 0; t < d->run->ntargets; t++) {
		size_t like = 0;

		while (like < t &&
		    !same_behaviour(c, c->normal[like], c->normal[t]))
			like++;
		c->class_of[t] = like < t ? c->class_of[like] : c->nclasses++;
	}
}

/* ---- a case ---- */

static char *
why_unusable(const struct diff *d, const struct run_case *c, size_t target)
{
	const char *name = d->run->targets[target].target->name;

	if (c == NULL)
		return xasprintf("%s has no such case", name);
	if (c->reason != NULL)
		return xasprintf("%s: %s", name, c->reason);
	return xasprintf("%s: %s", name,
	    c->result != NULL && c->result->message != NULL
		? c->result->message
		: verdict_name(c->verdict));
}

/* Round 1 of every target, and what the later rounds say about it. */
static bool
observe(struct diff *d, struct diff_case *c)
{
	unsigned rounds = (unsigned)d->run->o->repeat;

	for (size_t t = 0; t < d->run->ntargets; t++) {
		for (unsigned round = 1; round <= rounds; round++) {
			const struct run_case *played =
			    find_played(d->run, c->name, t, round);
			struct normal *again;

			if (!is_usable(played)) {
				c->skipped = why_unusable(d, played, t);
				return false;
			}
			if (round == 1) {
				c->played[t] = played;
				c->normal[t] = normal_new(played->result);
				continue;
			}
			again = normal_new(played->result);
			calibrate(c, d->run->targets[t].target->name,
			    c->normal[t], again);
			normal_free(again);
		}
	}
	return true;
}

static void
compare_case(struct diff *d, struct diff_case *c)
{
	size_t n = d->run->ntargets;

	c->played = xcalloc(n, sizeof(*c->played));
	c->normal = xcalloc(n, sizeof(struct normal *));
	c->class_of = xcalloc(n, sizeof(*c->class_of));
	if (!observe(d, c))
		return;
	d->compared++;
	find_classes(d, c);
	if (c->nclasses > 1) {
		d->split++;
		find_divergence(d, c);
	}
}

struct diff *
diff_new(const struct run *r)
{
	struct diff *d = xcalloc(1, sizeof(*d));

	d->run = r;
	d->cases = xcalloc(r->nplan + 1, sizeof(*d->cases));
	for (size_t i = 0; i < r->nplan; i++) {
		const struct run_case *rc = &r->plan[i];
		struct diff_case *c;

		if (rc->round != 1 || rc->target != &r->targets[0] ||
		    rc->verdict == VERDICT_SKIPPED)
			continue;
		c = &d->cases[d->n++];
		c->c = rc->c;
		c->name = xstrdup(rc->c->instance->name);
		compare_case(d, c);
	}
	return d;
}

void
diff_free(struct diff *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++) {
		struct diff_case *c = &d->cases[i];

		for (size_t t = 0; t < d->run->ntargets; t++)
			normal_free(c->normal[t]);
		for (size_t k = 0; k < c->nvaries; k++)
			free(c->varies[k]);
		free(c->varies);
		free(c->played);
		free(c->normal);
		free(c->class_of);
		free(c->name);
		free(c->skipped);
		free(c->lane);
	}
	free(d->cases);
	free(d);
}

const char *
diff_did(const struct diff_case *c, size_t target)
{
	const struct normal_item *i =
	    item_at(c->normal[target], c->lane, c->at);

	return i != NULL ? i->text : "(nothing)";
}

size_t
diff_example(const struct diff *d, const struct diff_case *c, size_t class)
{
	size_t t = 0;

	while (t < d->run->ntargets && c->class_of[t] != class)
		t++;
	return t;
}

size_t
diff_agreement(const struct diff *d, size_t a, size_t b)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n; i++)
		n += d->cases[i].skipped == NULL &&
		    d->cases[i].class_of[a] == d->cases[i].class_of[b];
	return n;
}
