/*
 * relay-cli bench --logins: a storm of clients that log in, make sure of it
 * by a Ping, and leave.  Each leaves by RST: a FIN of ours would keep its
 * port for a minute, and soon there would be none.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "net/stream.h"
#include "relay-cli/bench.h"

/* Making a key costs as much as checking it: they are used in turn. */
#define KEYS 4096

struct storm;

struct slot {
	struct storm *storm;
	struct session *session;
	int64_t begun_at;
	struct deferred next;
};

struct storm {
	struct bench *bench;
	size_t nslots;
	struct slot *slots;
	size_t nkeys;
	size_t next_key;
	struct rk_secret_key *keys;
};

/* The first of all shows that logging in works; then it counts, and the other
 * slots begin. */
static void
count_login(struct slot *slot)
{
	struct storm *run = slot->storm;
	struct bench_result *r = &run->bench->result;

	if (run->bench->started_at != 0) {
		histogram_add(&r->latency, clock_mono_ns() - slot->begun_at);
		r->logins++;
		return;
	}
	bench_start_clock(run->bench);
	for (size_t i = 1; i < run->nslots; i++)
		loop_next_turn(run->bench->loop, &run->slots[i].next);
}

static void
on_open(void *arg, struct session *s)
{
	struct slot *slot = arg;
	struct bench *b = slot->storm->bench;
	struct rk_ws_reader ws;
	struct stream *stream;

	count_login(slot);
	stream = session_take_stream(s, &ws);
	stream_abort(stream);
	stream_free(stream);
	slot->session = NULL;
	loop_next_turn(b->loop, &slot->next);
}

static void
on_frame(void *arg, struct session *s, const struct rk_frame *f)
{
}

static void
on_end(void *arg, struct session *s, const struct session_end *e)
{
	struct slot *slot = arg;

	session_free(slot->session);
	slot->session = NULL;
	bench_fail(slot->storm->bench, e->status, "%s", e->message);
}

static void
next_login(void *arg)
{
	static const struct session_events events = { .on_open = on_open,
		.on_frame = on_frame,
		.on_end = on_end };
	struct slot *slot = arg;
	struct storm *run = slot->storm;
	struct session_config config;

	if (run->bench->finished)
		return;
	config = bench_session_config(run->bench,
	    &run->keys[run->next_key++ % run->nkeys]);
	slot->begun_at = clock_mono_ns();
	slot->session = session_start(run->bench->loop, &config, &events, slot);
}

static void
make_keys(struct storm *run)
{
	run->nkeys = KEYS > 2 * run->nslots ? KEYS : 2 * run->nslots;
	run->keys = xcalloc(run->nkeys, sizeof(run->keys[0]));
	for (size_t i = 0; i < run->nkeys; i++)
		rk_secret_key_generate(&run->keys[i]);
}

static void
begin(struct bench *b)
{
	struct storm *run = xcalloc(1, sizeof(*run));

	b->run = run;
	run->bench = b;
	run->nslots = (size_t)b->options.bench.window;
	run->slots = xcalloc(run->nslots, sizeof(run->slots[0]));
	make_keys(run);
	for (size_t i = 0; i < run->nslots; i++) {
		struct slot *slot = &run->slots[i];

		slot->storm = run;
		slot->next =
		    (struct deferred){ .work = next_login, .arg = slot };
	}
	next_login(&run->slots[0]);
}

static void
on_time(struct bench *b)
{
	bench_finish(b, b->status);
}

static void
end(struct bench *b)
{
	struct storm *run = b->run;

	if (b->started_at != 0 && b->result.logins == 0)
		bench_miss(b, "nobody got in within --time");
	for (size_t i = 0; i < run->nslots; i++) {
		session_free(run->slots[i].session);
		loop_undefer(b->loop, &run->slots[i].next);
	}
	explicit_bzero(run->keys, run->nkeys * sizeof(run->keys[0]));
	free(run->keys);
	free(run->slots);
	free(run);
}

const struct bench_kind bench_logins = { "logins", begin, on_time, end };
