/* drain: take frames of one kind until none has come for a while, or a fence
 * says that none is to come. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/fence.h"
#include "scenario/steps_watcher.h"

/* A machine that is late itself hears no quiet: it listens once more, so many
 * times. */
#define MAX_AGAIN 4

struct drain {
	struct watcher w;
	int64_t quiet_ns;
	int64_t last_ns; /* nothing since then */
	int again;
	int64_t low, high, taken;
	struct value previous;   /* of the increasing field */
	struct fence_run *fence; /* NULL: quiet */
};

static bool
init_fence(struct play *p, struct drain *d)
{
	struct party *a = play_need_party(p, d->w.step->fence.a);

	if (a == NULL)
		return false;
	if ((d->w.want.lanes & (1U << RK_LANE_DATA | 1U << RK_LANE_DISCO)) ==
	    0) {
		play_fail(p, CODE_SCRIPT,
		    "the fence comes behind packets only");
		return false;
	}
	if (!d->w.party->has_identity) {
		play_fail(p, CODE_SCRIPT, "fence: %s has not logged in",
		    d->w.party->name);
		return false;
	}
	d->fence = fence_new_pushed(p, a, d->w.party, d->w.want.lanes);
	return true;
}

enum step_status
drain_begin(struct play *p, const struct step *s)
{
	struct drain *d = p->state = xcalloc(1, sizeof(*d));
	struct text err = { 0 };

	d->high = INT64_MAX;
	d->last_ns = p->begun_ns;
	d->w.step = s;
	d->w.party = play_need_party(p, s->conn);
	if (d->w.party == NULL)
		return STEP_FAILED;
	if (s->watch.match != MATCH_FRAME && s->watch.match != MATCH_ANY)
		return play_fail(p, CODE_SCRIPT, "only frames can be drained");
	if (!wanted_init(&d->w.want, &s->watch, &p->values, &err) ||
	    (s->watch_time != NULL &&
		!values_eval_duration(&p->values, s->watch_time, &d->quiet_ns,
		    &err)) ||
	    (s->count != NULL &&
		!values_eval_range(&p->values, s->count, &d->low, &d->high,
		    &err)))
		return play_fail_script(p, &err);
	d->quiet_ns = play_scaled(p, d->quiet_ns);
	if (s->fence.kind != FENCE_NONE && !init_fence(p, d))
		return STEP_FAILED;
	return STEP_WAITS;
}

void
drain_end(struct play *p)
{
	struct drain *d = p->state;

	watcher_clear(&d->w);
	value_clear(&d->previous);
	fence_free(d->fence);
}

static enum step_status
fail_on(struct play *p, struct drain *d, const struct item *it,
    enum result_code code, struct place missed, const char *what)
{
	struct text line = { 0 }, detail = { 0 };

	item_to_text(it, &p->values, &line);
	match_detail(&d->w.want, it, &p->values, &detail);
	play_fail(p, code, "%s: frame %lld of the drain: %s: %s",
	    d->w.party->name, (long long)d->taken + 1, what, text_str(&line));
	play_missed(p, &missed);
	play_detail_take(p, text_take(&detail));
	text_clear(&line);
	return STEP_FAILED;
}

/* Strictly greater than the one before. */
static bool
increases(struct drain *d, const struct item *it)
{
	const char *field = d->w.step->increasing;
	struct value v;
	bool ok;

	if (field == NULL)
		return true;
	v = item_field(it, field);
	ok = d->taken == 0 || value_compare(&v, OP_GT, &d->previous);
	value_clear(&d->previous);
	d->previous = value_copy(&v);
	return ok;
}

static enum step_status
take(struct play *p, struct drain *d, const struct found *f)
{
	const struct place *at = d->w.step->clause_at;
	bool observe = engine_observes(p->engine);

	if (!increases(d, f->item) && !observe)
		return fail_on(p, d, f->item, CODE_WRONG, at[CLAUSE_INCREASING],
		    "out of order");
	if (d->taken == d->high && !observe)
		return fail_on(p, d, f->item, CODE_EXTRA, at[CLAUSE_COUNT],
		    "one too many");
	wanted_capture(&d->w.want, f->item, &p->values);
	d->taken++;
	d->last_ns = f->at_ns > d->last_ns ? f->at_ns : d->last_ns;
	item_free(party_take(d->w.party, f->item));
	return STEP_WAITS;
}

static enum step_status
quiet(struct play *p, struct drain *d)
{
	const struct party *s = d->w.party;
	enum result_code code;

	p->over_ns = play_now(p);
	play_remark(p, s, p->step->at.line, "drained %lld frames",
	    (long long)d->taken);
	if (d->taken >= d->low || engine_observes(p->engine))
		return STEP_OVER;
	if (s->ended != ENDING_NONE) {
		code = play_code_of_ending(p, s);
		play_fail(p, code,
		    "%s: ended (%s) after %lld frames, at least %lld were "
		    "asked for%s",
		    s->name, ending_name(s->ended), (long long)d->taken,
		    (long long)d->low, play_excuse(code));
	} else {
		play_fail(p, CODE_NEVER,
		    "%s: %lld frames came, at least %lld were asked for",
		    s->name, (long long)d->taken, (long long)d->low);
	}
	play_missed(p, &d->w.step->clause_at[CLAUSE_COUNT]);
	return STEP_FAILED;
}

/* Half a frame belongs to the end of the connection: whoever drains wants
 * what there is, and asks about the end in the next step. */
static bool
is_cut_off(const struct drain *d, const struct item *it)
{
	return d->w.party->ended != ENDING_NONE && it->kind == ITEM_REST &&
	    it->error == RK_ERR_AGAIN;
}

/* What came before the marker is in the inbox, and was taken. */
static enum step_status
poll_fence(struct play *p, struct drain *d, bool moved)
{
	switch (fence_push(d->fence, moved)) {
	case FENCE_PASSED:
		return quiet(p, d);
	case FENCE_WAITS:
		return STEP_WAITS;
	case FENCE_FAILED:
		break;
	}
	if (engine_observes(p->engine))
		return STEP_OVER;
	return play_fail(p, fence_code(d->fence), "%s", fence_reason(d->fence));
}

static enum step_status
poll_quiet(struct play *p, struct drain *d)
{
	if (play_now(p) >= d->last_ns + d->quiet_ns) {
		if (d->again == MAX_AGAIN ||
		    !play_was_late(p, d->last_ns, d->quiet_ns))
			return quiet(p, d);
		d->again++;
		d->last_ns = play_now(p);
	}
	play_wake_at(p, d->last_ns + d->quiet_ns);
	return STEP_WAITS;
}

enum step_status
drain_poll(struct play *p, const struct step *s)
{
	struct drain *d = p->state;
	struct found f = { .item = NULL };
	int64_t before = d->taken;
	enum look look;

	while ((look = watcher_look(p, &d->w, &f)) == LOOK_FITS)
		if (take(p, d, &f) == STEP_FAILED)
			return STEP_FAILED;
	if (look == LOOK_BLOCKED && f.item != NULL && is_cut_off(d, f.item)) {
		item_free(party_take(d->w.party, f.item));
		return quiet(p, d);
	}
	if (look == LOOK_BLOCKED && f.item != NULL)
		return fail_on(p, d, f.item,
		    f.item->error != RK_OK ? CODE_DECODE : CODE_WRONG,
		    wanted_missed(&d->w.want, f.item), "another one");
	if (d->w.party->ended != ENDING_NONE)
		return quiet(p, d);
	return d->fence != NULL ? poll_fence(p, d, d->taken > before)
				: poll_quiet(p, d);
}
