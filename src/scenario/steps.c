/* The table of steps, and the kinds that need no file of their own. */
#include "config.h"

#include "scenario/steps.h"

#include <stdlib.h>

#include "base/xalloc.h"

/* ---- blocks ---- */

static enum step_status
enter(struct play *p, const struct step *owner, int64_t turns, int64_t until_ns)
{
	if (p->depth == PLAY_MAX_DEPTH)
		return play_fail(p, CODE_SCRIPT,
		    "blocks and calls are nested more than %d deep",
		    PLAY_MAX_DEPTH);
	p->stack[p->depth++] = (struct level){
		.owner = owner,
		.steps = owner->body,
		.n = owner->nbody,
		.turn = 1,
		.turns = turns,
		.until_ns = until_ns,
	};
	return STEP_OVER;
}

static void
set_turn(struct play *p, const struct level *l)
{
	if (l->owner->repeat_var != NULL)
		values_set_take(&p->values, l->owner->repeat_var,
		    value_int(l->turn));
}

/* A turn in which no step was played would never end. */
bool
steps_again(struct play *p, struct level *l)
{
	if (l->owner == NULL || !l->played)
		return false;
	if (l->owner->kind == STEP_REPEAT) {
		if (l->turn >= l->turns)
			return false;
		l->turn++;
		set_turn(p, l);
	} else if (l->owner->kind != STEP_DURING ||
	    play_now(p) >= l->until_ns) {
		return false;
	}
	l->at = 0;
	l->played = false;
	return true;
}

static enum step_status
repeat_begin(struct play *p, const struct step *s)
{
	struct text err = { 0 };
	enum step_status status;
	int64_t turns;

	if (!values_eval_int(&p->values, s->count, &turns, &err))
		return play_fail_script(p, &err);
	if (turns <= 0)
		return STEP_OVER;
	status = enter(p, s, turns, 0);
	if (status == STEP_OVER)
		set_turn(p, &p->stack[p->depth - 1]);
	return status;
}

/* A duration of the step in real time. */
static bool
duration(struct play *p, const struct expr *e, int64_t *ns)
{
	struct text err = { 0 };

	if (!values_eval_duration(&p->values, e, ns, &err)) {
		play_fail_script(p, &err);
		return false;
	}
	*ns = play_scaled(p, *ns);
	return true;
}

static enum step_status
during_begin(struct play *p, const struct step *s)
{
	int64_t ns;

	if (!duration(p, s->watch_time, &ns))
		return STEP_FAILED;
	return enter(p, s, 0, p->begun_ns + ns);
}

static enum step_status
call_begin(struct play *p, const struct step *s)
{
	return enter(p, s, 1, 0);
}

/* ---- no time ---- */

static enum step_status
let_begin(struct play *p, const struct step *s)
{
	struct text err = { 0 };
	struct value v;

	if (!values_eval(&p->values, s->value, &v, &err))
		return play_fail_script(p, &err);
	values_set_take(&p->values, s->name, v);
	return STEP_OVER;
}

static enum step_status
assert_begin(struct play *p, const struct step *s)
{
	struct text err = { 0 };
	int64_t holds;

	if (!values_eval_int(&p->values, s->value, &holds, &err))
		return play_fail_script(p, &err);
	if (holds || engine_observes(p->engine))
		return STEP_OVER;
	play_fail(p, CODE_WRONG, "%s does not hold",
	    s->value->source != NULL ? s->value->source : "the assertion");
	play_missed(p, &s->value->at);
	return STEP_FAILED;
}

static enum step_status
note_begin(struct play *p, const struct step *s)
{
	play_remark(p, NULL, s->at.line, "%s", s->text);
	return STEP_OVER;
}

/* ---- sleep ---- */

static enum step_status
sleep_begin(struct play *p, const struct step *s)
{
	int64_t ns, *until;

	if (!duration(p, s->watch_time, &ns))
		return STEP_FAILED;
	until = p->state = xmalloc(sizeof(*until));
	*until = play_now(p) + ns;
	return STEP_WAITS;
}

static enum step_status
sleep_poll(struct play *p, const struct step *s)
{
	const int64_t *until = p->state;

	if (play_now(p) >= *until)
		return STEP_OVER;
	play_wake_at(p, *until);
	return STEP_WAITS;
}

/* ---- life ---- */

static enum step_status
life_begin(struct play *p, const struct step *s)
{
	struct party *c = play_need_party(p, s->conn);

	if (c == NULL)
		return STEP_FAILED;
	party_life(c, s->life, s->at.line);
	return s->life == LIFE_START_TLS ? STEP_WAITS : STEP_OVER;
}

/* Only a TLS handshake takes time. */
static enum step_status
life_poll(struct play *p, const struct step *s)
{
	const struct party *c = play_party(p, s->conn);

	return c->securing && party_is_open(c) ? STEP_WAITS : STEP_OVER;
}

/* ---- fence ---- */

static void
fence_end(struct play *p)
{
	fence_free(p->state);
	p->state = NULL;
}

static enum step_status
fence_begin(struct play *p, const struct step *s)
{
	struct party *a = play_need_party(p, s->fence.a), *b = NULL;

	if (a == NULL)
		return STEP_FAILED;
	if (s->fence.b != NULL) {
		b = play_need_party(p, s->fence.b);
		if (b == NULL)
			return STEP_FAILED;
	}
	p->state = fence_new(p, s->fence.kind, a, b,
	    1U << RK_LANE_DATA | 1U << RK_LANE_DISCO);
	return STEP_WAITS;
}

static enum step_status
fence_step_poll(struct play *p, const struct step *s)
{
	switch (fence_poll(p->state)) {
	case FENCE_WAITS:
		return STEP_WAITS;
	case FENCE_PASSED:
		return STEP_OVER;
	case FENCE_FAILED:
		break;
	}
	if (engine_observes(p->engine))
		return STEP_OVER;
	return play_fail(p, fence_code(p->state), "%s", fence_reason(p->state));
}

/* ---- the table ---- */

static const struct step_ops table[STEP_NKINDS] = {
	[STEP_CONN] = { conn_begin, conn_poll, NULL, NULL },
	[STEP_SEND] = { send_begin, send_poll, NULL, send_end },
	[STEP_WRITE] = { write_begin, send_poll, NULL, send_end },
	[STEP_EXPECT] = { watch_begin, watch_poll, watch_expire, watch_end },
	[STEP_NEVER] = { watch_begin, watch_poll, watch_expire, watch_end },
	[STEP_ONEOF] = { watch_begin, watch_poll, watch_expire, watch_end },
	[STEP_ANYORDER] = { watch_begin, watch_poll, watch_expire, watch_end },
	[STEP_DRAIN] = { drain_begin, drain_poll, NULL, drain_end },
	[STEP_FENCE] = { fence_begin, fence_step_poll, NULL, fence_end },
	[STEP_LIFE] = { life_begin, life_poll, NULL, NULL },
	[STEP_SLEEP] = { sleep_begin, sleep_poll, NULL, NULL },
	[STEP_REPEAT] = { repeat_begin, NULL, NULL, NULL },
	[STEP_DURING] = { during_begin, NULL, NULL, NULL },
	[STEP_CALL] = { call_begin, NULL, NULL, NULL },
	[STEP_LET] = { let_begin, NULL, NULL, NULL },
	[STEP_ASSERT] = { assert_begin, NULL, NULL, NULL },
	[STEP_NOTE] = { note_begin, NULL, NULL, NULL },
	[STEP_TARGET] = { target_begin, target_poll, NULL, target_end },
};

const struct step_ops *
step_ops_of(enum step_kind kind)
{
	return &table[kind];
}
