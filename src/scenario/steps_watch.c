/* Expectations and nevers, alone and in blocks: of an anyorder all have to
 * be met, of a oneof the first decides. */
#include "config.h"

#include <stdlib.h>

#include "base/xalloc.h"
#include "scenario/steps_watcher.h"

struct group {
	struct watcher *w;
	size_t n;
	bool first; /* oneof */
};

enum step_status
watch_begin(struct play *p, const struct step *s)
{
	bool block = s->kind == STEP_ONEOF || s->kind == STEP_ANYORDER;
	size_t n = block ? s->nbody : 1;
	struct group *g = p->state = xcalloc(1, sizeof(*g));

	g->w = xcalloc(n + 1, sizeof(g->w[0]));
	g->first = s->kind == STEP_ONEOF;
	for (size_t i = 0; i < n; i++) {
		const struct step *branch = block ? s->body[i] : s;

		if (play_leaves_out(p, branch))
			continue;
		/* Counted first: what was made halfway is cleared too. */
		if (!watcher_init(&g->w[g->n++], p, branch))
			return STEP_FAILED;
	}
	return STEP_WAITS;
}

void
watch_end(struct play *p)
{
	struct group *g = p->state;

	for (size_t i = 0; i < g->n; i++)
		watcher_clear(&g->w[i]);
	free(g->w);
}

/* ---- taking what fits ---- */

static size_t
count_state(const struct group *g, enum watcher_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++)
		n += g->w[i].state == state;
	return n;
}

static bool
somebody_waits(const struct group *g)
{
	return count_state(g, WATCHER_OPEN) + count_state(g, WATCHER_THEN) > 0;
}

/* Overdue branches of a oneof look on only when no other is left. */
static bool
looks(const struct group *g, const struct watcher *w)
{
	if (watcher_is_never(w))
		return false;
	return watcher_is_alive(w) ||
	    (w->state == WATCHER_OVERDUE && (!g->first || !somebody_waits(g)));
}

/* A never whose time was over before that came has won. */
static bool
came_too_late(const struct group *g, const struct found *f)
{
	for (size_t i = 0; g->first && i < g->n; i++) {
		const struct watcher *w = &g->w[i];

		if (watcher_is_never(w) && w->state == WATCHER_OPEN &&
		    w->until_ns != 0 && f->at_ns > w->until_ns)
			return true;
	}
	return false;
}

/* The watcher whose event came first; of two the one written first. */
static struct watcher *
earliest(struct play *p, struct group *g, struct found *best)
{
	struct watcher *winner = NULL;

	for (size_t i = 0; i < g->n; i++) {
		struct found f = { .item = NULL };

		if (!looks(g, &g->w[i]) ||
		    watcher_look(p, &g->w[i], &f) != LOOK_FITS ||
		    came_too_late(g, &f))
			continue;
		if (winner == NULL || f.seq < best->seq) {
			winner = &g->w[i];
			*best = f;
		}
	}
	return winner;
}

static struct watcher *
take_all(struct play *p, struct group *g, struct found *last)
{
	struct watcher *w = NULL, *next;

	while ((next = earliest(p, g, last)) != NULL) {
		w = next;
		if (!watcher_take(p, w, last))
			return w;
		if (g->first && w->state == WATCHER_MET)
			return w;
	}
	return w;
}

/* ---- what follows from what is there ---- */

static void
check_expect(struct play *p, struct watcher *w)
{
	struct found f = { .item = NULL };

	if (watcher_is_alive(w) || w->state == WATCHER_OVERDUE) {
		switch (watcher_look(p, w, &f)) {
		case LOOK_FITS:
			/* Not taken, since another has decided. */
			return;
		case LOOK_BLOCKED:
			watcher_block(p, w, &f);
			break;
		case LOOK_NOTHING:
			watcher_check_end(p, w);
		}
	}
	if (watcher_is_alive(w) || w->state == WATCHER_OVERDUE)
		watcher_check_time(p, w);
}

static void
check_all(struct play *p, struct group *g)
{
	for (size_t i = 0; i < g->n; i++) {
		struct watcher *w = &g->w[i];

		if (!watcher_is_never(w))
			check_expect(p, w);
		else if (w->state == WATCHER_OPEN)
			watcher_check_never(p, w);
	}
}

/* ---- judging ---- */

static enum step_status
fail_with(struct play *p, struct watcher *w)
{
	const struct outcome *o = &w->step->outcome;

	play_fail(p, w->code, "%s%s%s", w->why, o->text != NULL ? ": " : "",
	    o->text != NULL ? o->text : "");
	p->result->step = w->step;
	play_missed(p, &w->missed);
	play_detail_take(p, w->detail);
	w->detail = NULL;
	return STEP_FAILED;
}

/* In an anyorder, and alone: all have to be met. */
static enum step_status
judge_all(struct play *p, struct group *g)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->w[i].state == WATCHER_DEAD)
			return fail_with(p, &g->w[i]);
	if (count_state(g, WATCHER_MET) < g->n)
		return STEP_WAITS;
	for (size_t i = 0; i < g->n; i++)
		if (g->w[i].step->outcome.word == WORD_OK)
			play_judge(p, &g->w[i].step->outcome);
	return STEP_OVER;
}

static enum result_code
code_of_win(struct play *p, const struct watcher *w, const struct found *f)
{
	if (watcher_is_never(w))
		return CODE_NEVER;
	if (f->kind != FOUND_END)
		return CODE_EXTRA;
	return play_code_of_ending(p, w->party);
}

/* A branch of a oneof was first: what it says is the verdict. */
static enum step_status
win(struct play *p, struct watcher *w, const struct found *f)
{
	const struct outcome *o = &w->step->outcome;
	struct place event = wanted_place(&w->want);
	enum result_code code;

	play_judge(p, o);
	if (o->word != WORD_FAIL || engine_observes(p->engine))
		return STEP_OVER;
	code = code_of_win(p, w, f);
	play_fail(p, code, "%s: %s%s", w->party->name,
	    o->text != NULL               ? o->text
		: w->step->source != NULL ? w->step->source
					  : "a wrong behaviour",
	    play_excuse(code));
	p->result->step = w->step;
	play_missed(p, &event);
	return STEP_FAILED;
}

static struct watcher *
with_code(struct group *g, enum result_code code)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->w[i].code == code)
			return &g->w[i];
	return NULL;
}

/* None can be met: the most telling reason speaks. */
static enum step_status
none_is_left(struct play *p, struct group *g)
{
	static const enum result_code telling[] = { CODE_HARNESS_LATE,
		CODE_RESET, CODE_CLOSED, CODE_DECODE, CODE_WRONG, CODE_LATE,
		CODE_EXTRA };
	struct watcher *w = NULL;

	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		if (w == NULL)
			w = with_code(g, telling[i]);
	if (w == NULL)
		w = &g->w[0];
	play_fail(p, w->code, "no branch fits: %s", w->why);
	play_detail_take(p, w->detail);
	w->detail = NULL;
	return STEP_FAILED;
}

static enum step_status
judge_first(struct play *p, struct group *g, const struct found *f)
{
	for (size_t i = 0; i < g->n; i++)
		if (g->w[i].state == WATCHER_MET)
			return win(p, &g->w[i], f);
	if (g->n > 0 && count_state(g, WATCHER_DEAD) == g->n)
		return none_is_left(p, g);
	return g->n == 0 ? STEP_OVER : STEP_WAITS;
}

enum step_status
watch_poll(struct play *p, const struct step *s)
{
	struct group *g = p->state;
	struct found last = { .item = NULL };

	/* What a dead branch might have taken may be another's. */
	while (take_all(p, g, &last) != NULL && g->first &&
	    count_state(g, WATCHER_MET) == 0 && somebody_waits(g) &&
	    count_state(g, WATCHER_THEN) == 0)
		;
	if (!g->first || count_state(g, WATCHER_MET) == 0)
		check_all(p, g);
	return g->first ? judge_first(p, g, &last) : judge_all(p, g);
}

bool
watch_expire(struct play *p, const struct step *s)
{
	struct group *g = p->state;

	for (size_t i = 0; i < g->n; i++) {
		const struct watcher *w = &g->w[i];
		struct place event = wanted_place(&w->want);
		int64_t watched = play_now(p) - w->begun_ns;
		enum result_code code = CODE_NEVER;
		char *want;

		if (w->state != WATCHER_OVERDUE)
			continue;
		want = watcher_wanted(w);
		if (!watcher_looked_enough(p, w))
			code = CODE_HARNESS_LATE;
		play_fail(p, code,
		    "%s: %s did not come (watched %.3g s, to the end of the "
		    "case's time)%s",
		    w->party->name, want, (double)watched / (double)NS_PER_S,
		    code == CODE_NEVER ? "" : ", but this machine was late");
		free(want);
		if (w->step == p->step)
			play_missed(p, &event);
		return true;
	}
	return false;
}
