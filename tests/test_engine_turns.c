/* Who plays when: the patient first, the calm behind the crowd, and those
 * that are to be alone on an instance beside the target. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "engine_stage.h"
#include "support.h"

#define MAX_DONE 32

/* ---- a scenario of each kind ---- */

static const char source[] = "rly 1\n"
			     "dialect iroh-v3\n"
			     "scenario t.short \"Short\"\n"
			     "  covers R-129\n  over raw\n"
			     "  conn A = login key=alice\n"
			     "end\n"
			     "scenario t.long \"Long\"\n"
			     "  covers R-129\n  over raw\n"
			     "  conn A = login key=alice\n"
			     "  sleep 300ms\n"
			     "  call again(A)\n"
			     "end\n"
			     "scenario t.repeat \"Middling\"\n"
			     "  covers R-129\n  over raw\n"
			     "  conn A = login key=alice\n"
			     "  repeat 50 {\n"
			     "    call again(A)\n"
			     "  }\n"
			     "end\n"
			     "scenario t.silence \"Between the two\"\n"
			     "  covers R-129\n  over raw\n"
			     "  conn A = login key=alice\n"
			     "  never A <- PeerGone for 200ms\n"
			     "  call again(A)\n"
			     "end\n"
			     "scenario t.calm \"Calm\"\n"
			     "  covers R-129\n  over raw\n"
			     "  calm\n"
			     "  conn A = login key=alice\n"
			     "  sleep 40ms\n"
			     "  call again(A)\n"
			     "end\n"
			     "scenario t.serial \"Serial\"\n"
			     "  covers R-129\n  over raw\n"
			     "  serial\n"
			     "  conn A = login key=alice\n"
			     "  sleep 20ms\n"
			     "  call again(A)\n"
			     "end\n"
			     "proc again(on)\n"
			     "  on -> Ping data=x\"01*8\"\n"
			     "  on <- Pong data==x\"01*8\"\n"
			     "end\n";

struct done {
	char name[16];
	enum result_code code;
	int64_t from_ns, to_ns;
};

struct show {
	struct engine_stage st;
	struct engine *engine;
	struct script *script;
	struct instance **instances[8]; /* of each scenario */
	size_t ninstances[8];
	struct done done[MAX_DONE];
	size_t n;
};

static void
open_show(struct show *s, const struct fake_rules *rules)
{
	struct text errors = { 0 };

	stage_open(&s->st, rules);
	s->script =
	    script_parse("turns.rly", source, strlen(source), NULL, &errors);
	ck_assert_msg(s->script != NULL, "%s", text_str(&errors));
	for (size_t i = 0; i < s->script->nscenarios; i++)
		s->instances[i] =
		    instances_of(s->script, s->script->scenarios[i],
			s->st.target.dialect, &s->ninstances[i]);
	s->engine = engine_new(s->st.loop, &s->st.options);
}

static void
close_show(struct show *s)
{
	engine_free(s->engine);
	for (size_t i = 0; i < s->script->nscenarios; i++) {
		for (size_t k = 0; k < s->ninstances[i]; k++)
			instance_free(s->instances[i][k]);
		free(s->instances[i]);
	}
	script_free(s->script);
	stage_close(&s->st);
}

static void
on_done(void *arg, struct case_result *r)
{
	struct show *s = arg;
	struct done *d = &s->done[s->n++];

	ck_assert_uint_le(s->n, MAX_DONE);
	snprintf(d->name, sizeof(d->name), "%.*s",
	    (int)strcspn(r->instance->name, "["), r->instance->name);
	d->code = r->code;
	d->from_ns = r->started_ns;
	d->to_ns = r->started_ns + r->took_ns;
	case_result_free(r);
}

static void
add(struct show *s, const char *id, unsigned copies)
{
	for (size_t i = 0; i < s->script->nscenarios; i++)
		for (unsigned k = 0;
		     k < copies && strcmp(s->script->scenarios[i]->id, id) == 0;
		     k++)
			engine_add(s->engine, &s->st.target, s->instances[i][0],
			    false, on_done, s);
}

static void
play(struct show *s)
{
	while (engine_pending(s->engine) > 0) {
		for (int i = 0; i < 6; i++)
			loop_turn(s->st.loop, 0);
		clock_advance(NS_PER_MS);
	}
}

/* ---- what came of it ---- */

/* Those of that name that were at work at |ns|. */
static size_t
at_work(const struct show *s, const char *name, int64_t ns)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strcmp(s->done[i].name, name) == 0 &&
		    s->done[i].from_ns <= ns && ns < s->done[i].to_ns;
	return n;
}

static size_t
most_at_work(const struct show *s, const char *name)
{
	size_t most = 0;

	for (size_t i = 0; i < s->n; i++) {
		size_t n = at_work(s, name, s->done[i].from_ns);

		most = n > most ? n : most;
	}
	return most;
}

/* Did one of that name play, to its end, while one of the other did? */
static bool
met(const struct show *s, const char *name, const char *other)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->done[i].name, name) == 0 &&
		    s->done[i].code == CODE_OK &&
		    (at_work(s, other, s->done[i].from_ns) > 0 ||
			at_work(s, other, s->done[i].to_ns - 1) > 0))
			return true;
	return false;
}

static size_t
ended_with(const struct show *s, enum result_code code)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->done[i].code == code;
	return n;
}

/* ---- the order on the target ---- */

START_TEST(who_waits_longest_begins_first)
{
	static const char *const order[] = { "t.long", "t.silence", "t.repeat",
		"t.short" };
	struct show s = { .st.options.jobs = 1 };

	open_show(&s, NULL);
	add(&s, "t.short", 1);
	add(&s, "t.repeat", 1);
	add(&s, "t.silence", 1);
	add(&s, "t.long", 1);
	play(&s);
	ck_assert_uint_eq(s.n, 4);
	for (size_t i = 0; i < s.n; i++)
		ck_assert_str_eq(s.done[i].name, order[i]);
	close_show(&s);
}
END_TEST

START_TEST(what_others_wait_for_begins_first)
{
	struct show s = { .st.options.jobs = 1 };

	open_show(&s, NULL);
	add(&s, "t.short", 1);
	add(&s, "t.long", 1);
	for (size_t i = 0; i < s.script->nscenarios; i++)
		if (strcmp(s.script->scenarios[i]->id, "t.repeat") == 0)
			engine_add_ahead(s.engine, &s.st.target,
			    s.instances[i][0], on_done, &s);
	play(&s);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_str_eq(s.done[0].name, "t.repeat");
	ck_assert_str_eq(s.done[1].name, "t.long");
	close_show(&s);
}
END_TEST

START_TEST(the_calm_play_together_behind_the_crowd)
{
	struct show s = { 0 };

	open_show(&s, NULL);
	add(&s, "t.calm", 3);
	add(&s, "t.serial", 2);
	add(&s, "t.long", 3);
	play(&s);
	ck_assert_uint_eq(ended_with(&s, CODE_OK), 8);
	ck_assert_uint_eq(most_at_work(&s, "t.long"), 3);
	ck_assert_uint_eq(most_at_work(&s, "t.calm"), 3);
	ck_assert(!met(&s, "t.calm", "t.long"));
	/* No instance can stand beside a URL. */
	ck_assert_uint_eq(most_at_work(&s, "t.serial"), 1);
	ck_assert(!met(&s, "t.serial", "t.long"));
	ck_assert(!met(&s, "t.serial", "t.calm"));
	ck_assert_str_eq(s.done[0].name, "t.long");
	ck_assert_str_eq(s.done[7].name, "t.serial");
	close_show(&s);
}
END_TEST

/* What comes while calm ones play waits for them. */
START_TEST(no_crowd_gathers_while_calm_ones_play)
{
	struct show s = { 0 };

	open_show(&s, NULL);
	add(&s, "t.calm", 1);
	for (int i = 0; i < 10; i++)
		loop_turn(s.st.loop, 0);
	add(&s, "t.long", 2);
	play(&s);
	ck_assert_uint_eq(ended_with(&s, CODE_OK), 3);
	ck_assert(!met(&s, "t.calm", "t.long"));
	close_show(&s);
}
END_TEST

/* ---- beside the target ---- */

struct engine_own {
	bool ready, ended;
	unsigned cases; /* that have had it */
};

static struct {
	const struct engine_target *target;
	int starts, stops, rests;
	bool no_start;
	struct engine_own *newest;
} host_log;

static struct engine_own *
host_start(void *arg, const char *url, char *err, size_t err_size)
{
	struct engine_own *o;

	snprintf(err, err_size, "no such program");
	if (host_log.no_start)
		return NULL;
	o = xcalloc(1, sizeof(*o));
	host_log.starts++;
	host_log.newest = o;
	return o;
}

static enum own_state
host_state(struct engine_own *o, char *err, size_t err_size)
{
	o->ready = true;
	return OWN_READY;
}

static const struct engine_target *
host_target(struct engine_own *o)
{
	o->cases++;
	return host_log.target;
}

static bool
host_has_exited(struct engine_own *o, struct own_exit *out)
{
	*out = (struct own_exit){ .signo = SIGSEGV };
	return o->ended;
}

static void
host_rest(struct engine_own *o)
{
	ck_assert(!o->ended);
	host_log.rests++;
}

static void
host_stop(struct engine_own *o)
{
	host_log.stops++;
	free(o);
}

static const struct engine_host host = { .start = host_start,
	.state = host_state,
	.target = host_target,
	.has_exited = host_has_exited,
	.rest = host_rest,
	.stop = host_stop };

static void
open_beside(struct show *s, const struct fake_rules *rules)
{
	memset(&host_log, 0, sizeof(host_log));
	open_show(s, rules);
	host_log.target = &s->st.target;
	s->st.target.host = &host;
	s->st.target.beside = true;
}

static void
close_beside(struct show *s)
{
	close_show(s);
	ck_assert_int_eq(host_log.starts, host_log.stops);
}

START_TEST(serial_cases_play_beside_the_target)
{
	struct show s = { 0 };

	open_beside(&s, NULL);
	add(&s, "t.long", 2);
	add(&s, "t.calm", 1);
	add(&s, "t.serial", 12);
	play(&s);
	ck_assert_uint_eq(ended_with(&s, CODE_OK), 15);
	ck_assert(met(&s, "t.serial", "t.long"));
	/* As many at a time as there are instances, each used again. */
	ck_assert_uint_gt(most_at_work(&s, "t.serial"), 1);
	ck_assert_uint_eq(most_at_work(&s, "t.serial"), host_log.starts);
	ck_assert_int_le(host_log.starts, 6);
	ck_assert_int_eq(host_log.rests, 12);
	ck_assert_ptr_null(engine_trouble(s.engine));
	close_beside(&s);
}
END_TEST

START_TEST(without_instances_serial_cases_are_alone_on_the_target)
{
	struct show s = { 0 };

	open_beside(&s, NULL);
	host_log.no_start = true;
	add(&s, "t.long", 2);
	add(&s, "t.serial", 12);
	play(&s);
	/* The first could not know; whoever runs them plays them again. */
	ck_assert_uint_ge(ended_with(&s, CODE_CONNECT), 1);
	ck_assert_uint_le(ended_with(&s, CODE_CONNECT), 6);
	ck_assert_uint_eq(ended_with(&s, CODE_OK) +
		ended_with(&s, CODE_CONNECT),
	    14);
	add(&s, "t.serial", 1);
	play(&s);
	ck_assert_int_eq(s.done[s.n - 1].code, CODE_OK);
	ck_assert_uint_eq(most_at_work(&s, "t.serial"), 1);
	ck_assert(!met(&s, "t.serial", "t.long"));
	close_beside(&s);
}
END_TEST

/* The second time that somebody asks. */
static bool
crash_later(struct fake_client *c, const struct rk_frame *f)
{
	if (f->kind == RK_FRAME_PING && ++c->count == 2)
		host_log.newest->ended = true;
	return false;
}

START_TEST(a_crash_beside_the_target_is_the_case_s)
{
	static const struct fake_rules rules = { .on_frame = crash_later };
	struct show s = { .st.options.jobs = 1 };

	open_beside(&s, &rules);
	add(&s, "t.serial", 3);
	play(&s);
	ck_assert_uint_eq(ended_with(&s, CODE_CRASH), 3);
	ck_assert_int_eq(host_log.starts, 3);
	ck_assert_int_eq(host_log.rests, 0);
	ck_assert_ptr_null(engine_trouble(s.engine));
	close_beside(&s);
}
END_TEST

START_TEST(a_crash_between_cases_is_told)
{
	struct show s = { 0 };

	open_beside(&s, NULL);
	add(&s, "t.serial", 1);
	play(&s);
	ck_assert_ptr_null(engine_trouble(s.engine));
	host_log.newest->ended = true;
	add(&s, "t.serial", 1);
	play(&s);
	ck_assert_uint_eq(ended_with(&s, CODE_OK), 2);
	ck_assert_int_eq(host_log.starts, 2);
	ck_assert_str_eq(engine_trouble(s.engine), "signal 11");
	close_beside(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_turns");
	TCase *t = tcase_create("turns");

	tcase_add_test(t, who_waits_longest_begins_first);
	tcase_add_test(t, what_others_wait_for_begins_first);
	tcase_add_test(t, the_calm_play_together_behind_the_crowd);
	tcase_add_test(t, no_crowd_gathers_while_calm_ones_play);
	suite_add_tcase(s, t);
	t = tcase_create("beside");
	tcase_add_test(t, serial_cases_play_beside_the_target);
	tcase_add_test(t,
	    without_instances_serial_cases_are_alone_on_the_target);
	tcase_add_test(t, a_crash_beside_the_target_is_the_case_s);
	tcase_add_test(t, a_crash_between_cases_is_told);
	suite_add_tcase(s, t);
	return run_suite(s);
}
