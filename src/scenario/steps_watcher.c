/* One expectation or never: its bounds, what it takes, and how it fails. */
#include "config.h"

#include "scenario/steps_watcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/* How long to go on listening behind a missed bound. */
#define OVERDUE_TIMES 4
#define OVERDUE_LEAST NS_PER_S
#define LOOK_AGAIN    (100 * NS_PER_MS)

bool
watcher_is_never(const struct watcher *w)
{
	return w->step->kind == STEP_NEVER;
}

/* Met by the passing of time, not by what came. */
static void
met_now(struct play *p, struct watcher *w)
{
	w->state = WATCHER_MET;
	p->over_ns = play_now(p);
}

/* It may end with what it has. */
static bool
has_enough(const struct watcher *w)
{
	if (w->state == WATCHER_THEN)
		return false;
	return (w->step->optional && w->taken == 0) ||
	    (w->step->count != NULL && w->taken >= w->low);
}

bool
watcher_is_alive(const struct watcher *w)
{
	return w->state == WATCHER_OPEN || w->state == WATCHER_THEN;
}

/* ---- making ---- */

static bool
bound(struct play *p, const struct expr *e, int64_t standard, int64_t *out,
    struct text *err)
{
	*out = standard;
	if (e != NULL && !values_eval_duration(&p->values, e, out, err))
		return false;
	*out = play_scaled(p, *out);
	return true;
}

static bool
init_expect(struct watcher *w, struct play *p, struct text *err)
{
	const struct step *s = w->step;

	w->low = w->high = 1;
	if (s->count != NULL &&
	    !values_eval_range(&p->values, s->count, &w->low, &w->high, err))
		return false;
	if (s->then != NULL && !wanted_init(&w->then, s->then, &p->values, err))
		return false;
	return bound(p, s->within, DEFAULT_WITHIN, &w->within_ns, err) &&
	    bound(p, s->not_before, 0, &w->not_before_ns, err);
}

static bool
init_fence(struct watcher *w, struct play *p)
{
	const struct fence *f = &w->step->fence;
	struct party *a = play_need_party(p, f->a), *b = NULL;
	unsigned lanes = w->want.lanes;

	if (a == NULL)
		return false;
	if (f->kind == FENCE_DATA) {
		b = play_need_party(p, f->b);
		if (b == NULL)
			return false;
		if (!b->has_identity) {
			play_fail(p, CODE_SCRIPT, "fence: %s has not logged in",
			    f->b);
			return false;
		}
	}
	if (w->want.what->match != MATCH_FRAME)
		lanes = 1U << RK_LANE_DATA | 1U << RK_LANE_DISCO;
	w->fence = fence_new(p, f->kind, a, b, lanes);
	return true;
}

static bool
init_never(struct watcher *w, struct play *p, struct text *err)
{
	int64_t watch;

	if (w->step->fence.kind != FENCE_NONE)
		return init_fence(w, p);
	if (!bound(p, w->step->watch_time, DEFAULT_WATCH, &watch, err))
		return false;
	w->until_ns = w->begun_ns + watch;
	return true;
}

bool
watcher_init(struct watcher *w, struct play *p, const struct step *s)
{
	struct text err = { 0 };
	bool ok;

	memset(w, 0, sizeof(*w));
	w->step = s;
	w->begun_ns = p->begun_ns;
	if (s->kind != STEP_EXPECT && s->kind != STEP_NEVER) {
		play_fail(p, CODE_SCRIPT,
		    "line %d: only \"<-\" and \"never\" can stand here",
		    s->at.line);
		return false;
	}
	w->party = play_need_party(p, s->conn);
	if (w->party == NULL)
		return false;
	ok = wanted_init(&w->want, &s->watch, &p->values, &err) &&
	    (watcher_is_never(w) ? init_never(w, p, &err)
				 : init_expect(w, p, &err));
	if (!ok && err.len > 0)
		play_fail_script(p, &err);
	text_clear(&err);
	return ok;
}

void
watcher_clear(struct watcher *w)
{
	wanted_clear(&w->want);
	wanted_clear(&w->then);
	fence_free(w->fence);
	free(w->why);
	free(w->detail);
}

/* ---- failing ---- */

__attribute__((format(printf, 4, 5))) static void
kill_it(struct watcher *w, enum result_code code, struct place missed,
    const char *fmt, ...)
{
	char line[1024];

	FORMAT_ARGS(line, sizeof(line), fmt);
	free(w->why);
	w->why = xasprintf("%s: %s", w->party->name, line);
	w->code = code;
	w->missed = missed;
	w->state = WATCHER_DEAD;
}

static const struct wanted *
wanted_now(const struct watcher *w)
{
	return w->state == WATCHER_THEN ? &w->then : &w->want;
}

/* The event that is awaited. */
static struct place
event_at(const struct watcher *w)
{
	return wanted_place(wanted_now(w));
}

/* The clause if it is written, else the event that it is about. */
static struct place
clause_or_event(const struct watcher *w, enum step_clause clause)
{
	const struct place *at = &w->step->clause_at[clause];

	return at->len > 0 ? *at : event_at(w);
}

char *
watcher_wanted(const struct watcher *w)
{
	struct text t = { 0 };

	wanted_to_text(wanted_now(w), &t);
	return text_take(&t);
}

static char *
found_line(const struct play *p, const struct watcher *w, const struct found *f)
{
	struct text t = { 0 };
	struct value v = { .kind = VALUE_BYTES };

	if (f->item != NULL) {
		item_to_text(f->item, &p->values, &t);
	} else if (f->kind == FOUND_END) {
		text_addf(&t, "the end (%s)", ending_name(w->party->ended));
	} else {
		v.bytes = w->party->in.p + w->party->in.start;
		v.len = w->party->in.len;
		text_add(&t, "bytes ");
		value_to_text(&v, &t);
	}
	return text_take(&t);
}

static enum result_code
code_of_obstacle(struct play *p, const struct watcher *w, const struct found *f)
{
	if (f->kind == FOUND_END)
		return play_code_of_ending(p, w->party);
	if (f->item != NULL &&
	    (f->item->kind == ITEM_REST || f->item->error != RK_OK))
		return CODE_DECODE;
	return CODE_WRONG;
}

static void
add_detail(struct play *p, struct watcher *w, const struct item *it)
{
	struct text t = { 0 };

	match_detail(wanted_now(w), it, &p->values, &t);
	free(w->detail);
	w->detail = text_take(&t);
}

void
watcher_block(struct play *p, struct watcher *w, const struct found *f)
{
	enum result_code code;
	char *want, *got;

	if (has_enough(w)) {
		met_now(p, w);
		return;
	}
	want = watcher_wanted(w);
	got = found_line(p, w, f);
	if (f->item != NULL)
		add_detail(p, w, f->item);
	code = code_of_obstacle(p, w, f);
	kill_it(w, code,
	    f->item != NULL ? wanted_missed(wanted_now(w), f->item)
			    : event_at(w),
	    "expected %s, got %s%s", want, got, play_excuse(code));
	free(want);
	free(got);
}

/* ---- taking ---- */

static double
seconds(int64_t ns)
{
	return (double)ns / (double)NS_PER_S;
}

static int64_t
bound_begins(const struct watcher *w)
{
	return w->state == WATCHER_THEN ? w->then_ns : w->begun_ns;
}

/* Of a window the nearer edge counts. */
static void
note_margin(struct play *p, const struct watcher *w, int64_t took)
{
	int64_t window = w->within_ns - w->not_before_ns;

	if (w->not_before_ns > 0 && w->state == WATCHER_OPEN) {
		took -= w->not_before_ns;
		if (took < window - took)
			took = window - took;
	} else {
		window = w->within_ns;
	}
	play_margin(p, window, took);
}

/* When it arrived against the bounds. */
static bool
is_in_time(struct play *p, struct watcher *w, const struct found *f)
{
	int64_t took = f->at_ns - bound_begins(w);
	int64_t late = took - w->within_ns;
	struct place within = clause_or_event(w, CLAUSE_WITHIN),
		     early = clause_or_event(w, CLAUSE_NOT_BEFORE);
	char *want;

	if (engine_observes(p->engine))
		return true;
	if (late > 0) {
		want = watcher_wanted(w);
		if (play_was_late(p, bound_begins(w), w->within_ns))
			kill_it(w, CODE_HARNESS_LATE, within,
			    "%s came %.0f ms late, but this machine was late "
			    "by %.0f ms",
			    want, seconds(late) * 1000,
			    seconds(p->result->late_ns) * 1000);
		else
			kill_it(w, CODE_LATE, within,
			    "%s came %.0f ms late (after %.3f s, allowed "
			    "%.3g s)",
			    want, seconds(late) * 1000, seconds(took),
			    seconds(w->within_ns));
		p->result->overdue_ns = late;
		free(want);
		return false;
	}
	if (w->state == WATCHER_OPEN && w->not_before_ns > 0 &&
	    took < w->not_before_ns) {
		want = watcher_wanted(w);
		if (play_was_late(p, w->begun_ns, w->not_before_ns))
			kill_it(w, CODE_HARNESS_LATE, early,
			    "%s came early, but this machine was late", want);
		else
			kill_it(w, CODE_WRONG, early,
			    "%s came %.3f s %s, not before %.3g s was asked "
			    "for",
			    want, seconds(took < 0 ? -took : took),
			    took < 0 ? "before the step began"
				     : "after the step began",
			    seconds(w->not_before_ns));
		free(want);
		return false;
	}
	note_margin(p, w, took > 0 ? took : 0);
	return true;
}

/* The transcript says which step took it. */
static void
mark_taken(struct play *p, const struct watcher *w, const struct item *it)
{
	if (it->event < p->transcript->nevents)
		p->transcript->events[it->event].line = w->step->at.line;
}

static void
capture_bytes(struct play *p, struct watcher *w, const struct found *f)
{
	size_t len;
	struct item it = { .kind = ITEM_REST };

	it.bytes = party_bytes(w->party, &len);
	it.len = f->nbytes;
	wanted_capture(wanted_now(w), &it, &p->values);
}

static void
consume(struct play *p, struct watcher *w, const struct found *f)
{
	switch (f->kind) {
	case FOUND_ITEM:
		wanted_capture(wanted_now(w), f->item, &p->values);
		mark_taken(p, w, f->item);
		item_free(party_take(w->party, f->item));
		break;
	case FOUND_TLS:
		wanted_capture(wanted_now(w), f->item, &p->values);
		break;
	case FOUND_BYTES:
		capture_bytes(p, w, f);
		party_take_bytes(w->party, f->nbytes);
		break;
	case FOUND_END:
		break;
	}
}

bool
watcher_take(struct play *p, struct watcher *w, const struct found *f)
{
	if (!is_in_time(p, w, f))
		return false;
	consume(p, w, f);
	if (p->over_ns < f->at_ns)
		p->over_ns = f->at_ns;
	if (p->over_ns < w->begun_ns)
		p->over_ns = w->begun_ns;
	w->taken++;
	if (w->state == WATCHER_THEN) {
		w->state = WATCHER_MET;
	} else if (w->taken >= w->high) {
		w->state = w->step->then != NULL ? WATCHER_THEN : WATCHER_MET;
		w->after = f->seq;
		w->then_ns = p->over_ns;
	}
	return true;
}

/* ---- time and end ---- */

static int64_t
deadline(const struct watcher *w)
{
	return bound_begins(w) + w->within_ns;
}

static int64_t
give_up_at(const struct watcher *w)
{
	int64_t long_after = bound_begins(w) + OVERDUE_TIMES * w->within_ns;
	int64_t least = deadline(w) + OVERDUE_LEAST;

	return long_after > least ? long_after : least;
}

/* … for as long again, where this machine took time away. */
static int64_t
last_look_at(const struct watcher *w)
{
	return 2 * give_up_at(w) - bound_begins(w);
}

/* It was looked for longer than the bound: that is what counts. */
bool
watcher_looked_enough(struct play *p, const struct watcher *w)
{
	int64_t since = bound_begins(w);

	return play_watched_enough(p, since, w->within_ns) ||
	    !play_was_late(p, since, play_now(p) - since);
}

static void
expired(struct play *p, struct watcher *w)
{
	struct found f = { .item = NULL };

	if (engine_observes(p->engine) || has_enough(w))
		met_now(p, w);
	else if (watcher_obstacle(p, w, &f) &&
	    !play_was_late(p, bound_begins(w), w->within_ns))
		watcher_block(p, w, &f);
	else
		w->state = WATCHER_OVERDUE;
}

static void
never_came(struct play *p, struct watcher *w, int64_t now)
{
	char *want = watcher_wanted(w);
	double watched = seconds(now - bound_begins(w));

	if (!watcher_looked_enough(p, w))
		kill_it(w, CODE_HARNESS_LATE, event_at(w),
		    "%s did not come, but this machine was late by %.0f ms",
		    want, seconds(p->result->late_ns) * 1000);
	else if (w->taken > 0 && w->step->count != NULL)
		kill_it(w, CODE_NEVER, clause_or_event(w, CLAUSE_COUNT),
		    "%s came %lld times, %lld were asked for (watched "
		    "%.3g s)",
		    want, (long long)w->taken, (long long)w->low, watched);
	else
		kill_it(w, CODE_NEVER, event_at(w),
		    "%s did not come (watched %.3g s)", want, watched);
	free(want);
}

void
watcher_check_time(struct play *p, struct watcher *w)
{
	int64_t now = play_now(p);

	if (watcher_is_alive(w) && now >= deadline(w))
		expired(p, w);
	if (w->state == WATCHER_OVERDUE && now >= give_up_at(w) &&
	    (watcher_looked_enough(p, w) || now >= last_look_at(w)))
		never_came(p, w, now);
	if (watcher_is_alive(w))
		play_wake_at(p, deadline(w));
	else if (w->state == WATCHER_OVERDUE)
		play_wake_at(p,
		    now < give_up_at(w) ? give_up_at(w) : now + LOOK_AGAIN);
}

/* The script can end a connection itself; then its end is no finding. */
static bool
ended_by_itself(const struct party *s)
{
	return s->ended != ENDING_NONE && !s->shut && !s->closed;
}

void
watcher_check_end(struct play *p, struct watcher *w)
{
	const struct party *s = w->party;
	enum result_code code;
	char *want;

	if (s->ended == ENDING_NONE && !s->closed && s->state != PARTY_FAILED)
		return;
	if (engine_observes(p->engine) || has_enough(w)) {
		met_now(p, w);
		return;
	}
	want = watcher_wanted(w);
	if (s->ended != ENDING_NONE) {
		code = play_code_of_ending(p, s);
		kill_it(w, code, event_at(w), "ended (%s) before %s%s",
		    ending_name(s->ended), want, play_excuse(code));
	} else {
		kill_it(w, CODE_SCRIPT, event_at(w),
		    "the script closed it itself; %s cannot come", want);
	}
	free(want);
}

static void
check_fence(struct watcher *w)
{
	switch (fence_poll(w->fence)) {
	case FENCE_WAITS:
		break;
	case FENCE_PASSED:
		w->state = WATCHER_MET;
		break;
	case FENCE_FAILED:
		kill_it(w, fence_code(w->fence),
		    clause_or_event(w, CLAUSE_FENCE), "%s",
		    fence_reason(w->fence));
	}
}

/* The fence first: what came before its marker is then there to be seen. */
void
watcher_check_never(struct play *p, struct watcher *w)
{
	struct found f = { .item = NULL };
	enum result_code code;
	char *got;

	if (w->fence != NULL)
		check_fence(w);
	else if (play_now(p) >= w->until_ns)
		w->state = WATCHER_MET;
	else
		play_wake_at(p, w->until_ns);
	if (engine_observes(p->engine)) {
		if (w->state == WATCHER_DEAD)
			w->state = WATCHER_MET;
		return;
	}
	if (watcher_hit(p, w, &f)) {
		got = found_line(p, w, &f);
		if (f.item != NULL)
			add_detail(p, w, f.item);
		kill_it(w, CODE_EXTRA, event_at(w), "%s came, which must not",
		    got);
		free(got);
	} else if (w->state != WATCHER_DEAD && ended_by_itself(w->party)) {
		code = play_code_of_ending(p, w->party);
		kill_it(w, code, event_at(w),
		    "ended (%s) while nothing was to come%s",
		    ending_name(w->party->ended), play_excuse(code));
	}
}
