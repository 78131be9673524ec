/* The end of a case: the closing fences, what is left over, and what the
 * report says beside the verdict. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"

#define VARS_MAX 8

/* ---- the closing fences ---- */

/* Where a Ping says something: logged in, and in the middle of nothing. */
static bool
can_be_fenced(const struct party *s)
{
	return party_is_open(s) && !s->listening && s->state == PARTY_READY &&
	    s->wire == WIRE_FRAMES && s->logged_in && !s->shut && !s->paused &&
	    wire_place_is_whole(&s->sent) && !s->full;
}

void
play_end_begin(struct play *p)
{
	if (engine_observes(p->engine) ||
	    p->instance->scenario->leftover == LEFTOVER_IGNORE ||
	    (p->dialect->fences & RK_FENCE_INGRESS) == 0)
		return;
	for (struct party *s = p->parties; s != NULL; s = s->next) {
		if (!can_be_fenced(s))
			continue;
		p->closing = xreallocarray(p->closing, p->nclosing + 1,
		    sizeof(p->closing[0]));
		p->closing[p->nclosing++] =
		    fence_new(p, FENCE_INGRESS, s, NULL, 0);
	}
}

void
play_end_free(struct play *p)
{
	for (size_t i = 0; i < p->nclosing; i++)
		fence_free(p->closing[i]);
	free(p->closing);
	p->closing = NULL;
	p->nclosing = 0;
}

/* ---- what is left over ---- */

static bool
must_not_be_left(const struct play *p, const struct item *it)
{
	unsigned counted = 1U << RK_LANE_DATA | 1U << RK_LANE_DISCO |
	    1U << RK_LANE_GONE | 1U << RK_LANE_PONG;

	switch (p->instance->scenario->leftover) {
	case LEFTOVER_LIST:
	case LEFTOVER_IGNORE:
		return false;
	case LEFTOVER_FAIL:
		return true;
	case LEFTOVER_DEFAULT:
		break;
	}
	return it->kind == ITEM_REST || it->kind == ITEM_DATAGRAM ||
	    (it->kind == ITEM_FRAME &&
		(it->error != RK_OK || (counted & 1U << it->lane) != 0));
}

static bool
is_broken(const struct item *it)
{
	return it->kind == ITEM_REST || it->error != RK_OK;
}

static void
judge_leftover(struct play *p, const struct party *s, const struct item *it)
{
	struct text line = { 0 };

	item_to_text(it, &p->values, &line);
	play_remark(p, s, 0, "left over: %s", text_str(&line));
	if (p->result->code == CODE_OK && must_not_be_left(p, it))
		play_fail(p, is_broken(it) ? CODE_DECODE : CODE_EXTRA,
		    "%s: %s came, and no step asks for it", s->name,
		    text_str(&line));
	text_clear(&line);
}

static void
judge_leftovers(struct play *p)
{
	if (p->instance->scenario->leftover == LEFTOVER_IGNORE ||
	    engine_observes(p->engine))
		return;
	for (struct party *s = p->parties; s != NULL; s = s->next) {
		if (!party_is_open(s) || s->listening ||
		    (!s->logged_in && s->wire != WIRE_DATAGRAMS))
			continue;
		for (const struct item *it = s->items; it != NULL;
		     it = it->next)
			if (!play_is_background(p, s, it))
				judge_leftover(p, s, it);
	}
}

bool
play_end_poll(struct play *p)
{
	for (size_t i = 0; i < p->nclosing; i++)
		if (fence_poll(p->closing[i]) == FENCE_WAITS)
			return false;
	judge_leftovers(p);
	play_end_free(p);
	return true;
}

/* ---- how it all ended ---- */

static const char *
teardown_word(const struct party *s)
{
	if (s->ended != ENDING_NONE)
		return ending_name(s->ended);
	if (s->closed)
		return "closed";
	if (s->stream == NULL && s->udp_fd < 0)
		return "none";
	return s->shut ? "lingering" : "clean";
}

/* The oldest first, which is the last of the list. */
static void
add_teardown(const struct party *s, struct text *out)
{
	if (s == NULL)
		return;
	add_teardown(s->next, out);
	text_addf(out, "%s%s %s", out->len > 0 ? ", " : "", s->name,
	    teardown_word(s));
}

char *
play_teardown(const struct play *p)
{
	struct text out = { 0 };

	add_teardown(p->parties, &out);
	return text_take(&out);
}

/* ---- the variables of a line ---- */

struct names {
	const char *name[VARS_MAX];
	size_t n;
};

static void
add_name(struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->name[i], name) == 0)
			return;
	if (names->n < VARS_MAX)
		names->name[names->n++] = name;
}

static void
collect(struct names *names, const struct expr *e)
{
	if (e == NULL)
		return;
	if (e->kind == EXPR_VAR)
		add_name(names, e->word);
	for (size_t i = 0; i < e->nargs; i++)
		collect(names, e->arg[i]);
}

static void
collect_watch(struct names *names, const struct watch_for *w)
{
	for (size_t i = 0; w != NULL && i < w->npreds; i++)
		collect(names, w->preds[i].value);
}

static void
collect_step(struct names *names, const struct step *s)
{
	const struct expr *own[] = { s->value, s->chop, s->every, s->cut,
		s->len_delta, s->within, s->not_before, s->count,
		s->watch_time };

	for (size_t i = 0; i < s->nsettings; i++)
		collect(names, s->settings[i].value);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		collect(names, own[i]);
	for (size_t i = 0; i < s->npatches; i++)
		collect(names, s->patches[i].bytes);
	collect_watch(names, &s->watch);
	collect_watch(names, s->then);
}

char *
play_vars(const struct play *p, const struct step *s)
{
	struct names names = { .n = 0 };
	struct text out = { 0 };

	collect_step(&names, s);
	for (size_t i = 0; i < names.n; i++) {
		const struct value *v = values_get(&p->values, names.name[i]);

		text_addf(&out, "%s$%s = ", i > 0 ? ", " : "", names.name[i]);
		if (v != NULL)
			value_to_text(v, &out);
		else
			text_add(&out, "(none)");
	}
	return text_take(&out);
}
