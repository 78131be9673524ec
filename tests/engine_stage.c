/* See engine_stage.h. */
#include "config.h"

#include "engine_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/resolve.h"
#include "support.h"
#include "transcript/transcript_text.h"

void
stage_open(struct engine_stage *s, const struct fake_rules *rules)
{
	char url[64], err[128];

	ck_assert_int_eq(rk_keys_init(), RK_OK);
	if (!s->real_time)
		clock_fake(1000 * NS_PER_S);
	s->loop = loop_new();
	ck_assert_ptr_nonnull(s->loop);
	s->relay = fake_relay_new(s->loop, rules, s->tls);
	snprintf(url, sizeof(url), "%s://127.0.0.1:%u",
	    s->tls != NULL ? "https" : "http", fake_relay_port(s->relay));
	ck_assert_msg(relay_url_parse(url, &s->target.url, err, sizeof(err)) ==
		0,
	    "%s", err);
	s->target.dialect = rk_dialects()[0];
	s->target.scale = 1;
	s->options.time_scale = 1;
	s->options.seed = 1;
}

static void
forget(struct engine_stage *s)
{
	case_result_free(s->result);
	s->result = NULL;
	for (size_t i = 0; i < s->ninstances; i++)
		instance_free(s->instances[i]);
	free(s->instances);
	s->instances = NULL;
	s->ninstances = 0;
	script_free(s->script);
	s->script = NULL;
	s->ndone = 0;
	memset(s->codes, 0, sizeof(s->codes));
}

void
stage_close(struct engine_stage *s)
{
	forget(s);
	fake_relay_free(s->relay);
	tls_ctx_free(s->tls);
	/* Streams live to the end of the turn. */
	loop_turn(s->loop, 0);
	loop_free(s->loop);
	clock_unfake();
}

struct engine_stage stage;
static const struct fake_rules *stage_rules;

static void
open_fixture(void)
{
	stage = (struct engine_stage){ .loop = NULL };
	stage_open(&stage, stage_rules);
}

static void
close_fixture(void)
{
	stage_close(&stage);
}

void
stage_fixture(TCase *tc, const struct fake_rules *rules)
{
	stage_rules = rules;
	tcase_add_checked_fixture(tc, open_fixture, close_fixture);
}

static void
on_done(void *arg, struct case_result *r)
{
	struct engine_stage *s = arg;

	case_result_free(s->result);
	s->result = r;
	s->ndone++;
	s->codes[r->code]++;
}

static void
load(struct engine_stage *s, const char *meta, const char *steps)
{
	struct text source = { 0 }, errors = { 0 };

	text_addf(&source,
	    "rly 1\ndialect iroh-v3\nscenario t.case \"A case\"\n"
	    "  covers R-129\n  %s\n%s\nend\n",
	    meta, steps);
	s->script =
	    script_parse("test.rly", source.s, source.len, NULL, &errors);
	ck_assert_msg(s->script != NULL, "%s%s", text_str(&errors), source.s);
	text_clear(&source);
	text_clear(&errors);
	s->instances = instances_of(s->script, s->script->scenarios[0],
	    s->target.dialect, &s->ninstances);
	ck_assert_uint_ge(s->ninstances, 1);
}

/* Time stands still while there may be something to do: a few turns, each of
 * which takes what the one before has sent. */
static void
pass(struct engine_stage *s)
{
	if (s->real_time) {
		loop_turn(s->loop, -1);
		return;
	}
	while (lookups_are_under_way())
		loop_turn(s->loop, NS_PER_MS);
	for (int i = 0; i < 6; i++)
		loop_turn(s->loop, 0);
	clock_advance(NS_PER_MS);
}

struct case_result *
stage_play(struct engine_stage *s, const char *meta, const char *steps,
    bool control, unsigned copies)
{
	struct engine *e;

	forget(s);
	load(s, meta, steps);
	e = engine_new(s->loop, &s->options);
	for (unsigned i = 0; i < copies; i++)
		engine_add(e, &s->target, s->instances[0], control, on_done, s);
	while (engine_pending(e) > 0)
		pass(s);
	engine_free(e);
	ck_assert_uint_eq(s->ndone, copies);
	return s->result;
}

static char *
transcript_of(const struct case_result *r)
{
	struct transcript_text_options o = { .snap = 16, .indent = "# " };
	struct text t = { 0 };

	transcript_to_text(r->transcript, &o, &t);
	return text_take(&t);
}

/* In real time this machine may be late: then it is played again, as a run
 * does it, but for a test of just that. */
static struct case_result *
play_for(struct engine_stage *s, const char *meta, const char *steps,
    enum result_code code)
{
	struct case_result *r = stage_play(s, meta, steps, false, 1);

	for (int i = 0; i < 10 && s->real_time && r->code != code &&
	     r->code == CODE_HARNESS_LATE;
	     i++)
		r = stage_play(s, meta, steps, false, 1);
	return r;
}

void
stage_expect(struct engine_stage *s, const char *meta, const char *steps,
    enum result_code code, const char *part)
{
	struct case_result *r = play_for(s, meta, steps, code);
	char *log = transcript_of(r);
	const char *message = r->message != NULL ? r->message : "";

	ck_assert_msg(r->code == code,
	    "code \"%s\" instead of \"%s\": %s\n%s%s",
	    result_code_name(r->code), result_code_name(code), message, log,
	    steps);
	ck_assert_msg(part == NULL || strstr(message, part) != NULL,
	    "no \"%s\" in: %s\n%s%s", part, message, log, steps);
	free(log);
}

bool
stage_saw(const struct engine_stage *s, const char *what)
{
	const struct transcript *t = s->result->transcript;

	for (size_t i = 0; i < t->nevents; i++)
		if (strcmp(event_what(&t->events[i]), what) == 0)
			return true;
	return false;
}
