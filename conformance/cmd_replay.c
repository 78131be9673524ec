/* replay: a capture is played against a relay. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "conformance/options.h"
#include "conformance/replay.h"
#include "scenario/parse.h"

#define TICK_NS    (100 * NS_PER_MS)
#define MAX_RERUNS 2
#define SHOWN      100 /* characters of what a relay did */

struct player {
	const struct options *o;
	struct lift *lift;
	struct script *script;
	struct instance **instances;
	size_t ninstances;
	struct target *target;
	struct loop *loop;
	struct timer *deadline;
	struct case_result *result;
	bool stop;
	bool interrupted;
};

/* ---- playing ---- */

static void
on_signal(void *arg, int signo)
{
	struct player *p = arg;

	p->stop = p->interrupted = true;
}

static void
on_deadline(void *arg)
{
	struct player *p = arg;

	p->stop = true;
}

static void
on_done(void *arg, struct case_result *r)
{
	struct player *p = arg;

	p->result = r;
}

static void
play_once(struct player *p)
{
	const struct engine_options eo = {
		.seed = p->o->target.seed,
		.time_scale = p->o->time_scale,
		.observe = true,
	};
	struct engine *e = engine_new(p->loop, &eo);

	case_result_free(p->result);
	p->result = NULL;
	engine_add(e, &p->target->engine, p->instances[0], false, on_done, p);
	while (engine_pending(e) > 0 && !p->stop)
		loop_turn(p->loop, TICK_NS);
	engine_stop(e);
	engine_free(e);
}

static int
play(struct player *p)
{
	struct text errors;
	int status = 0;

	p->loop = loop_new();
	if (p->loop == NULL) {
		cli_error("the event loop did not start");
		return EXIT_INFRASTRUCTURE;
	}
	loop_on_signal(p->loop, SIGINT, on_signal, p);
	loop_on_signal(p->loop, SIGTERM, on_signal, p);
	p->deadline = timer_new(p->loop, on_deadline, p);
	if (p->o->timeout_ns > 0)
		timer_set(p->deadline, p->o->timeout_ns);
	text_init(&errors);
	if (target_start(p->target, p->loop, &p->stop, &errors) != 0) {
		fputs(text_str(&errors), stderr);
		status = EXIT_INFRASTRUCTURE;
	}
	text_clear(&errors);
	for (int try = 0; status == 0 && try <= MAX_RERUNS && !p->stop; try++) {
		play_once(p);
		if (p->result == NULL || p->result->code != CODE_HARNESS_LATE)
			break;
	}
	if (p->stop)
		status = p->interrupted ? EXIT_INTERRUPTED : EXIT_TIMEOUT;
	target_stop(p->target);
	return status;
}

/* ---- what came of it ---- */

static bool
happened(const struct transcript *t, enum event_kind kind)
{
	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].kind == kind)
			return true;
	return false;
}

/* Why the relay could not be asked at all; NULL if it could. */
static const char *
unreachable(const struct player *p)
{
	const struct transcript *t = p->result->transcript;

	if (happened(t, EVENT_OPENED) &&
	    (!p->target->engine.url.tls || happened(t, EVENT_TLS)))
		return NULL;
	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].kind == EVENT_REMARK)
			return t->events[i].text;
	return p->result->message != NULL ? p->result->message
					  : "no connection came about";
}

static void
print_did(const char *who, const char *did)
{
	printf("    %-9s %.*s%s\n", who, SHOWN, did != NULL ? did : "(nothing)",
	    did != NULL && strlen(did) > SHOWN ? " ..." : "");
}

static void
print_first(const struct player *p, const struct replay_lane *l)
{
	const struct script *s = p->script;
	const char *line = l->line > 0 && (size_t)l->line <= s->nlines
	    ? s->lines[l->line - 1]
	    : NULL;

	printf("%s: %zu captured, %zu now, %zu the same\n", l->name,
	    l->captured, l->played, l->same);
	if (line != NULL)
		printf("  %5d | %.*s%s\n", l->line, SHOWN,
		    line + strspn(line, " "),
		    strlen(line) > SHOWN ? " ..." : "");
	print_did("captured", l->did);
	print_did("target", l->does);
}

static void
print_counts(const struct player *p, const struct replay *r)
{
	printf("%zu captured: %zu the same, %zu missing or otherwise; "
	       "%zu that were not captured",
	    r->captured, r->same, r->missing, r->extra);
	if (r->skipped > 0)
		printf("; %zu not compared, which only time brings (--pace "
		       "asis)",
		    r->skipped);
	printf("\n%zu connections: %zu as captured, %zu otherwise   target %s"
	       "   %.1f s\n",
	    r->nconns, r->nconns_same, r->nconns - r->nconns_same,
	    p->target->name, (double)p->result->took_ns / 1e9);
}

static int
status_of(const struct player *p, const struct replay *r)
{
	if (p->result->code == CODE_HARNESS_LATE)
		return EXIT_INCONCLUSIVE;
	/* What a damaged capture lacks may have come there, too. */
	if (r->missing > 0 || (r->extra > 0 && !p->lift->damaged) ||
	    p->result->code != CODE_OK)
		return EXIT_FAILED;
	if (r->captured == 0)
		return EXIT_UNTESTED;
	return p->lift->damaged ? EXIT_INCONCLUSIVE : EXIT_GOOD;
}

static int
show(const struct player *p)
{
	struct replay *r;
	int status;

	if (unreachable(p) != NULL) {
		cli_error("target %s: %s", p->target->name, unreachable(p));
		return EXIT_INFRASTRUCTURE;
	}
	r = replay_new(p->lift, &p->o->lift, p->result, p->o->target.seed);
	for (size_t i = 0; !p->o->quiet && i < p->lift->t->nconns; i++) {
		const char *conn = p->lift->conn_name[i];
		const struct replay_lane *l =
		    conn != NULL ? replay_first(r, conn) : NULL;

		if (l != NULL)
			print_first(p, l);
	}
	if (p->result->code != CODE_OK)
		printf("not played to its end: %s\n",
		    p->result->message != NULL
			? p->result->message
			: result_code_meaning(p->result->code));
	print_counts(p, r);
	status = status_of(p, r);
	printf("exit %d\n", status);
	replay_free(r);
	return status;
}

/* ---- the command ---- */

static int
prepare(struct player *p, const char *file, const char *word)
{
	struct text errors;
	int status = 0;
	char err[512];

	text_init(&errors);
	p->target = target_new(word, &p->o->target, &errors, &status);
	if (p->target == NULL) {
		fputs(text_str(&errors), stderr);
		text_clear(&errors);
		return status;
	}
	p->lift = lift_file(file, &p->o->lift, err, sizeof(err));
	if (p->lift == NULL) {
		cli_error("%s", err);
		text_clear(&errors);
		return EXIT_SCRIPT;
	}
	fputs(text_str(&p->lift->notes), stderr);
	if (p->o->verbose)
		fputs(p->lift->script, stdout);
	p->script = script_parse(file, p->lift->script, strlen(p->lift->script),
	    NULL, &errors);
	if (p->script != NULL)
		p->instances = instances_of(p->script, p->script->scenarios[0],
		    p->script->dialect, &p->ninstances);
	if (p->ninstances == 0) {
		fputs(text_str(&errors), stderr);
		status = EXIT_SCRIPT;
	}
	text_clear(&errors);
	return status;
}

static void
player_clear(struct player *p)
{
	case_result_free(p->result);
	timer_free(p->deadline);
	for (size_t i = 0; i < p->ninstances; i++)
		instance_free(p->instances[i]);
	free(p->instances);
	script_free(p->script);
	lift_free(p->lift);
	target_free(p->target);
	loop_free(p->loop);
}

static int
replay(struct options *o)
{
	struct player p = { .o = o };
	int status;

	if (o->narguments != 2)
		return cli_usage_error("replay needs a capture and a target");
	o->lift.dialect = o->target.dialect;
	status = prepare(&p, o->arguments[0], o->arguments[1]);
	if (status == 0)
		status = play(&p);
	if (status == 0)
		status = show(&p);
	player_clear(&p);
	return status;
}

int
cmd_replay(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_REPLAY, REPLAY_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = replay(&o);
	options_clear(&o);
	return status;
}
