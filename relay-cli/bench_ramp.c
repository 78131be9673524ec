/* Opens many sessions, a bounded number at a time. */
#include "config.h"

#include "relay-cli/bench.h"
#include "relay-cli/commands.h"

#define AT_A_TIME 32

static void begin_next(struct ramp *r);

/* Outside the session's own callbacks, so that it can be taken over. */
static void
on_ready(void *arg)
{
	struct ramp *r = arg;

	if (!r->bench->finished)
		r->on_all_open(r);
}

static void
on_open(void *arg, struct session *s)
{
	struct bench_client *c = arg;
	struct ramp *r = c->ramp;

	c->open = true;
	r->open++;
	if (r->open == r->n)
		loop_defer(r->bench->loop, &r->ready);
	else
		begin_next(r);
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
	struct bench_client *c = arg;

	if (c->ramp->on_frame != NULL)
		c->ramp->on_frame(c->ramp, f);
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct bench_client *c = arg;
	struct ramp *r = c->ramp;

	session_free(c->session);
	c->session = NULL;
	if (r->open == r->n && r->on_lost != NULL)
		r->on_lost(r, e);
	else
		bench_fail(r->bench, e->status, "%s", e->message);
}

static void
begin_next(struct ramp *r)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_end = on_end };
	struct bench_client *c;
	struct session_config config;

	if (r->begun == r->n || r->bench->finished)
		return;
	c = r->client(r, r->begun++);
	c->ramp = r;
	rk_secret_key_generate(&c->secret);
	rk_secret_key_public(&c->secret, &c->key);
	config = bench_session_config(r->bench, &c->secret);
	c->session = session_start(r->bench->loop, &config, &events, c);
}

void
ramp_start(struct ramp *r)
{
	r->ready = (struct deferred){ .work = on_ready, .arg = r };
	for (size_t i = 0; i < AT_A_TIME && i < r->n; i++)
		begin_next(r);
}

void
ramp_stop(struct ramp *r)
{
	loop_undefer(r->bench->loop, &r->ready);
	for (size_t i = 0; i < r->begun; i++) {
		struct bench_client *c = r->client(r, i);

		session_free(c->session);
		c->session = NULL;
		rk_secret_key_wipe(&c->secret);
	}
}
