/* One case from its start to its verdict: an interpreter with a stack of its
 * own, which goes on whenever something has happened. */
#include "config.h"

#include "scenario/engine_play.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "scenario/patience.h"
#include "scenario/steps.h"

/* Steps in one turn, and their time, so that a script without waits stops
 * nobody. */
#define STEPS_PER_TURN    1000
#define TIME_PER_TURN     (2 * NS_PER_MS)
/* What a transcript may hold; a hostile target sends without end. */
#define RECORD_MAX        ((size_t)16 << 20)
#define RECORD_MAX_EVENTS 60000
#define REMARKS_BEHIND    100
#define RECORD_EVENT_MAX  ((size_t)128 << 10)
/* … an event beside its bytes and text. */
#define EVENT_COST        (sizeof(struct event) + 48)
/* … and a tape. */
#define TAPE_MAX          ((size_t)8 << 20)

/* ---- time ---- */

int64_t
play_now(const struct play *p)
{
	return clock_mono_ns();
}

int64_t
play_scaled(const struct play *p, int64_t ns)
{
	return (int64_t)((double)ns * p->scale);
}

void
play_wake(struct play *p)
{
	if (p->started && !p->done)
		loop_defer(engine_loop(p->engine), &p->turn);
}

void
play_wake_at(struct play *p, int64_t ns)
{
	if (ns < p->wake_ns)
		p->wake_ns = ns;
}

/* ---- records ---- */

/* A length that is shown must not be taken for the real one. */
static void
remark_cut(struct play *p, const struct event *e, size_t whole)
{
	char text[96];
	struct event remark = {
		.kind = EVENT_REMARK,
		.dir = e->dir,
		.conn = e->conn,
		.line = e->line,
		.time_ns = e->time_ns,
		.text = text,
	};

	snprintf(text, sizeof(text),
	    "of these %zu bytes the first %zu are kept", whole, e->len);
	transcript_add(p->transcript, &remark);
}

static void
end_record(struct play *p, int64_t time_ns)
{
	struct event remark = {
		.kind = EVENT_REMARK,
		.conn = TRANSCRIPT_NO_CONN,
		.time_ns = time_ns,
		.text = (char[]){ "the transcript is full: of what follows "
				  "only remarks on the target are in it" },
	};

	p->record_full = true;
	transcript_add(p->transcript, &remark);
}

/* Remarks on the target are few, and what it did with such a flood is what they
 * tell. */
static bool
is_left_out(struct play *p, const struct event *e)
{
	if (!p->record_full)
		return false;
	if (e->conn == TRANSCRIPT_NO_CONN &&
	    p->remarks_behind < REMARKS_BEHIND) {
		p->remarks_behind++;
		return false;
	}
	p->left_events++;
	p->left_bytes += e->len;
	return true;
}

size_t
play_record(struct play *p, struct event *e)
{
	struct transcript *t = p->transcript;
	size_t whole, at, cost;

	e->time_ns = clock_mono_ns() - p->started_ns;
	if (!p->record_full &&
	    (p->recorded > RECORD_MAX || t->nevents > RECORD_MAX_EVENTS ||
		!engine_has_room(p->engine)))
		end_record(p, e->time_ns);
	if (is_left_out(p, e))
		return SIZE_MAX;
	whole = e->len;
	if (e->len > RECORD_EVENT_MAX)
		e->len = RECORD_EVENT_MAX;
	cost = e->len + EVENT_COST + (e->text != NULL ? strlen(e->text) : 0);
	p->recorded += cost;
	engine_hold(p->engine, (int64_t)cost);
	transcript_add(t, e);
	at = t->nevents - 1;
	if (whole > e->len)
		remark_cut(p, e, whole);
	return at;
}

static void
count_left(struct play *p)
{
	char text[96];
	struct event remark = {
		.kind = EVENT_REMARK,
		.conn = TRANSCRIPT_NO_CONN,
		.time_ns = clock_mono_ns() - p->started_ns,
		.text = text,
	};

	if (!p->record_full)
		return;
	snprintf(text, sizeof(text),
	    "%zu events with %zu bytes are not in the transcript",
	    p->left_events, p->left_bytes);
	transcript_add(p->transcript, &remark);
}

void
play_remark(struct play *p, const struct party *s, int line, const char *fmt,
    ...)
{
	struct event e = { .kind = EVENT_REMARK, .line = line };
	char text[512];

	FORMAT_ARGS(text, sizeof(text), fmt);
	e.conn = s != NULL ? s->conn : TRANSCRIPT_NO_CONN;
	e.text = text;
	play_record(p, &e);
}

void
play_oracle(struct play *p, const struct step *s, const char *fmt, ...)
{
	struct event e = {
		.kind = EVENT_ORACLE,
		.conn = TRANSCRIPT_NO_CONN,
		.line = s->at.line,
	};
	char text[512];

	FORMAT_ARGS(text, sizeof(text), fmt);
	e.text = text;
	play_record(p, &e);
}

/* ---- verdicts ---- */

/* The call by which a step was reached: the outermost, whose line is in the
 * scenario's own file. */
static const struct step *
outermost_call(const struct play *p)
{
	for (size_t i = 0; i < p->depth; i++)
		if (p->stack[i].owner != NULL &&
		    p->stack[i].owner->kind == STEP_CALL)
			return p->stack[i].owner;
	return NULL;
}

enum step_status
play_fail(struct play *p, enum result_code code, const char *fmt, ...)
{
	struct case_result *r = p->result;
	char line[1024];

	FORMAT_ARGS(line, sizeof(line), fmt);
	free(r->message);
	r->message = xstrdup(line);
	r->code = code;
	r->step = p->step;
	r->call = outermost_call(p);
	r->missed = (struct place){ .len = 0 };
	return STEP_FAILED;
}

void
play_missed(struct play *p, const struct place *at)
{
	p->result->missed = *at;
}

enum step_status
play_fail_script(struct play *p, struct text *err)
{
	play_fail(p, CODE_SCRIPT, "%s", text_str(err));
	text_clear(err);
	return STEP_FAILED;
}

void
play_detail_take(struct play *p, char *detail)
{
	free(p->result->detail);
	p->result->detail = detail;
}

static void
add_name(struct play *p, const char *name)
{
	if (name == NULL)
		return;
	text_addf(&p->named, "%s%s", p->named.len > 0 ? "," : "", name);
}

void
play_judge(struct play *p, const struct outcome *o)
{
	if (o->word > p->result->word)
		p->result->word = o->word;
	add_name(p, o->named);
}

/* ---- parties ---- */

struct party *
play_party(const struct play *p, const char *name)
{
	for (struct party *s = p->parties; s != NULL; s = s->next)
		if (name != NULL && strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

struct party *
play_need_party(struct play *p, const char *name)
{
	struct party *s = play_party(p, name);

	if (s == NULL)
		play_fail(p, CODE_SCRIPT, "there is no connection %s here",
		    name != NULL ? name : "of that name");
	return s;
}

static bool
is_unknown_gone(const struct play *p, const struct party *s,
    const struct item *it)
{
	struct rk_key key;

	if (!rk_frame_key(&it->frame, &key))
		return false;
	if (values_key_name(&p->values, &key) == NULL)
		return true;
	return s->has_identity && fence_made_known(p, &key, &s->identity);
}

bool
play_is_bygone(const struct party *s, const struct item *it)
{
	return it->kind == ITEM_FRAME && it->error == RK_OK &&
	    (it->lane == RK_LANE_LIVENESS || it->lane == RK_LANE_NOTICE) &&
	    it->seq < s->taken_seq;
}

bool
play_is_background(const struct play *p, const struct party *s,
    const struct item *it)
{
	if (p->instance->scenario->background_strict)
		return false;
	if (it->kind == ITEM_WS)
		return it->opcode == RK_WS_PING || it->opcode == RK_WS_PONG;
	if (it->kind != ITEM_FRAME || it->error != RK_OK)
		return false;
	/* A client under test has business of its own. */
	if (it->frame.kind == RK_FRAME_SEND && s->config.kind == CONN_LISTEN)
		return true;
	return it->lane == RK_LANE_LIVENESS ||
	    it->frame.kind == RK_FRAME_NOTE_PREFERRED ||
	    (it->frame.kind == RK_FRAME_GONE && is_unknown_gone(p, s, it));
}

/* ---- making and freeing ---- */

static bool
export_key(void *arg, const char *conn, const char *label, uint8_t *out,
    size_t len, struct text *err)
{
	struct play *p = arg;
	struct party *s = play_party(p, conn);

	if (s == NULL || s->tls == NULL || s->stream == NULL) {
		text_addf(err, "export: %s is no connection with TLS", conn);
		return false;
	}
	if (tls_export(stream_tls(s->stream), label, NULL, 0, out, len) != 0) {
		text_addf(err, "export: TLS refused");
		return false;
	}
	return true;
}

static const struct rk_dialect *
dialect_of(const struct engine_target *t, const struct instance *i)
{
	if (i->scenario->dialect != NULL)
		return i->scenario->dialect;
	return t->dialect != NULL ? t->dialect : rk_dialects()[0];
}

static void on_turn(void *arg);

static void
on_time(void *arg)
{
	play_wake(arg);
}

struct play *
play_new(struct engine *e, const struct engine_target *t,
    const struct instance *i, bool control, const char *key_name,
    const struct engine_options *o)
{
	struct play *p = xcalloc(1, sizeof(*p));

	p->engine = e;
	p->target = t;
	p->instance = i;
	p->control = control;
	p->dialect = dialect_of(t, i);
	p->scale = (t->scale > 0 ? t->scale : 1) *
	    (o->time_scale > 0 ? o->time_scale : 1);
	values_init(&p->values, o->seed, key_name, p->dialect, i->carrier);
	p->values.lenient = o->observe;
	p->values.export_key = export_key;
	p->values.arg = p;
	p->transcript = transcript_new();
	p->turn.work = on_turn;
	p->turn.arg = p;
	p->wake_ns = INT64_MAX;
	p->result = xcalloc(1, sizeof(*p->result));
	p->result->instance = i;
	p->result->control = control;
	/* To the last: closing what is open is on it as well. */
	if (o->tape)
		p->tape = p->result->tape = tape_new(TAPE_MAX);
	return p;
}

static void
drop_state(struct play *p)
{
	if (p->ops != NULL && p->ops->end != NULL && p->state != NULL)
		p->ops->end(p);
	free(p->state);
	p->state = NULL;
	p->ops = NULL;
}

static void
free_parties(struct play *p)
{
	struct party *s;

	while ((s = p->parties) != NULL) {
		p->parties = s->next;
		party_free(s);
	}
}

void
play_free(struct play *p)
{
	loop_undefer(engine_loop(p->engine), &p->turn);
	timer_free(p->timer);
	drop_state(p);
	fence_forget_all(p);
	free_parties(p);
	values_clear(&p->values);
	transcript_free(p->transcript);
	case_result_free(p->result);
	text_clear(&p->named);
	play_end_free(p);
	play_prepare_free(p);
	text_clear(&p->not_observable);
	engine_hold(p->engine, -(int64_t)(p->recorded + p->taped));
	free(p);
}

struct case_result *
play_result_take(struct play *p)
{
	struct case_result *r = p->result;

	p->result = NULL;
	r->named = text_take(&p->named);
	if (p->not_observable.len > 0)
		r->not_observable = text_take(&p->not_observable);
	r->transcript = p->transcript;
	p->transcript = NULL;
	return r;
}

/* ---- variables that are there from the beginning ---- */

static void
set_text(struct play *p, const char *name, const char *text)
{
	if (text != NULL)
		values_set_take(&p->values, name,
		    value_bytes(text, strlen(text)));
}

static void
set_target(struct play *p)
{
	const struct engine_target *t = p->target;
	char host[URL_HOST_MAX + 16];

	relay_url_host_field(&t->url, host, sizeof(host));
	set_text(p, "target.url", t->url.text);
	set_text(p, "target.host", t->url.host);
	set_text(p, "target.authority", host);
	set_text(p, "target.plain", t->plain_url);
	set_text(p, "target.metrics", t->metrics_url);
	set_text(p, "target.stun", t->stun);
	set_text(p, "target.name", t->name);
	values_set_take(&p->values, "target.port", value_int(t->url.port));
	values_set_take(&p->values, "target.tls", value_int(t->url.tls));
	values_set_take(&p->values, "carrier",
	    value_word(rk_carrier_name(p->instance->carrier)));
}

static bool
set_one(struct play *p, const char *name, const struct expr *e)
{
	struct text err = { 0 };
	struct value v;

	if (!values_eval(&p->values, e, &v, &err)) {
		play_fail(p, CODE_SCRIPT, "$%s: %s", name, text_str(&err));
		text_clear(&err);
		return false;
	}
	values_set_take(&p->values, name, v);
	return true;
}

static bool
set_script(struct play *p)
{
	const struct script *script = p->instance->script;
	const struct scenario *sc = p->instance->scenario;

	for (size_t i = 0; i < script->nlets; i++)
		if (!set_one(p, script->lets[i]->name, script->lets[i]->value))
			return false;
	for (size_t i = 0; i < sc->nparams; i++)
		if (!set_one(p, sc->params[i].name, p->instance->values[i]))
			return false;
	return true;
}

/* ---- playing ---- */

static void
conclude(struct play *p)
{
	struct case_result *r = p->result;
	char how[64];

	if (p->done)
		return;
	p->done = true;
	if (r->code < CODE_HARNESS_LATE && r->code != CODE_CRASH &&
	    play_own_crashed(p, how, sizeof(how)))
		play_fail(p, CODE_CRASH, "the target ended by itself: %s", how);
	p->went_well = r->code == CODE_OK;
	if (r->step != NULL)
		r->vars = play_vars(p, r->step);
	/* For the record: nothing is judged by it. */
	play_was_late(p, p->begun_ns, INT64_MAX);
	drop_state(p);
	count_left(p);
	r->started_ns = p->started_ns;
	r->took_ns = p->started_ns != 0 ? play_now(p) - p->started_ns : 0;
	r->teardown = play_teardown(p);
	if (p->timer != NULL)
		timer_cancel(p->timer);
	fence_forget_all(p);
	engine_play_done(p->engine, p);
}

/* A missed step's own word says what that is worth; without one the case's
 * level does.  "ok" is the word for what was seen, not for what was missed. */
static void
failed(struct play *p)
{
	struct case_result *r = p->result;
	const struct outcome *o = r->step != NULL ? &r->step->outcome : NULL;

	/* What is not the target's doing has no such word. */
	if (r->code >= CODE_HARNESS_LATE) {
		r->word = WORD_NONE;
	} else if (r->word != WORD_FAIL) {
		r->word = WORD_NONE;
		if (o != NULL && o->word != WORD_OK && o->word != WORD_NONE)
			play_judge(p, o);
	}
	conclude(p);
}

bool
play_leaves_out(const struct play *p, const struct step *s)
{
	return s->run == (p->control ? RUN_DEFECT : RUN_CONTROL);
}

/* The next step to be played; NULL at the end of the script. */
static const struct step *
next_step(struct play *p)
{
	while (p->depth > 0) {
		struct level *l = &p->stack[p->depth - 1];

		if (l->at < l->n) {
			const struct step *s = l->steps[l->at++];

			if (play_leaves_out(p, s))
				continue;
			l->played = true;
			return s;
		} else if (!steps_again(p, l)) {
			p->depth--;
		}
	}
	return NULL;
}

static void
step_over(struct play *p)
{
	drop_state(p);
	played_over(&p->result->played, play_now(p) - p->started_ns);
	p->begun_ns = p->over_ns != 0 ? p->over_ns : play_now(p);
	p->over_ns = 0;
	p->step = NULL;
}

static void
add_played(struct play *p)
{
	const struct played_step s = {
		.step = p->step,
		.call = outermost_call(p),
		.time_ns = play_now(p) - p->started_ns,
		.took_ns = -1,
	};

	played_add(&p->result->played, &s);
}

static enum step_status
begin_step(struct play *p, const struct step *s)
{
	enum step_status status;

	p->step = s;
	p->ops = step_ops_of(s->kind);
	p->over_ns = 0;
	add_played(p);
	status = p->ops->begin(p, s);
	if (status == STEP_WAITS && p->ops->poll != NULL)
		status = p->ops->poll(p, s);
	return status;
}

/* Who only observes goes on where a step stands on something that has not
 * come. */
static bool
may_be_skipped(struct play *p)
{
	struct case_result *r = p->result;

	if (!engine_observes(p->engine) || r->code != CODE_SCRIPT)
		return false;
	play_remark(p, NULL, p->step->at.line, "left out: %s", r->message);
	r->code = CODE_OK;
	r->step = r->call = NULL;
	free(r->message);
	r->message = NULL;
	return true;
}

/* The script is over, or a step waits, or the case is. */
static enum step_status
play_steps(struct play *p)
{
	int64_t until = play_now(p) + TIME_PER_TURN;

	for (int i = 0; i < STEPS_PER_TURN && play_now(p) < until; i++) {
		enum step_status status;

		if (p->step == NULL) {
			const struct step *s = next_step(p);

			if (s == NULL)
				return STEP_OVER;
			status = begin_step(p, s);
		} else {
			status = p->ops->poll(p, p->step);
		}
		if (status == STEP_FAILED && may_be_skipped(p))
			status = STEP_OVER;
		if (status != STEP_OVER)
			return status;
		step_over(p);
	}
	play_wake_at(p, play_now(p));
	return STEP_WAITS;
}

/* It is as much longer as this machine took away, at most twice as long. */
static bool
has_more_time(struct play *p)
{
	int64_t lost = play_lost_since(p, p->started_ns);
	int64_t more = lost < p->timeout_ns ? lost : p->timeout_ns;

	p->deadline_ns = p->started_ns + p->timeout_ns + more;
	return play_now(p) < p->deadline_ns;
}

static void
time_is_over(struct play *p)
{
	if (p->ops == NULL || p->ops->expire == NULL ||
	    !p->ops->expire(p, p->step))
		play_fail(p, CODE_TIMEOUT, "the case's time (%.3g s) is over",
		    (double)(p->deadline_ns - p->started_ns) /
			(double)NS_PER_S);
	failed(p);
}

static void
set_timer(struct play *p, int64_t at)
{
	int64_t delay = at - play_now(p);

	timer_set(p->timer, delay > 0 ? delay : 0);
}

static void
end_script(struct play *p)
{
	if (!p->ending) {
		p->ending = true;
		p->step = NULL;
		play_end_begin(p);
	}
	if (play_end_poll(p) && p->result->code != CODE_OK)
		failed(p);
	else if (p->nclosing == 0)
		conclude(p);
	else
		set_timer(p, p->wake_ns);
}

/* The steps begin, and the case's time with them. */
static void
begin_script(struct play *p)
{
	const struct scenario *sc = p->instance->scenario;

	p->prepared = true;
	p->started_ns = p->begun_ns = play_now(p);
	p->timeout_ns = play_scaled(p, scenario_time(sc));
	p->deadline_ns = p->started_ns + p->timeout_ns;
	p->transcript->epoch_ns = clock_real_ns();
	set_target(p);
	engine_watch(p->engine, p->target->pid);
	if (set_script(p) && play_start_client(p))
		play_wake(p);
	else
		failed(p);
}

static void
go_on_preparing(struct play *p)
{
	switch (play_prepare(p)) {
	case STEP_OVER:
		begin_script(p);
		break;
	case STEP_FAILED:
		failed(p);
		break;
	case STEP_WAITS:
		set_timer(p, p->wake_ns);
	}
}

static void
on_turn(void *arg)
{
	struct play *p = arg;

	if (p->done)
		return;
	p->wake_ns = INT64_MAX;
	if (!p->prepared) {
		go_on_preparing(p);
		return;
	}
	if (p->ending) {
		end_script(p);
		return;
	}
	switch (play_steps(p)) {
	case STEP_OVER:
		end_script(p);
		break;
	case STEP_FAILED:
		failed(p);
		break;
	case STEP_WAITS:
		if (play_now(p) >= p->deadline_ns && !has_more_time(p))
			time_is_over(p);
		else
			set_timer(p,
			    p->wake_ns < p->deadline_ns ? p->wake_ns
							: p->deadline_ns);
	}
}

void
play_start(struct play *p)
{
	const struct scenario *sc = p->instance->scenario;

	p->started = true;
	p->started_ns = p->begun_ns = play_now(p);
	p->timer = timer_new(engine_loop(p->engine), on_time, p);
	p->stack[0] = (struct level){ .steps = sc->steps, .n = sc->nsteps };
	p->depth = 1;
	if (p->timer == NULL)
		abort();
	play_wake(p);
}

void
play_stop(struct play *p)
{
	if (p->done)
		return;
	play_fail(p, CODE_TIMEOUT, "the run was stopped");
	conclude(p);
}
