/* relay-cli bench --idle: connections that do nothing but be there. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "relay-cli/bench.h"
#include "relay-cli/commands.h"

struct idle {
	struct ramp ramp;
	struct bench_client *clients;
	struct proc_usage before;
	int64_t begun_at;
};

static struct bench_client *
client(struct ramp *r, size_t i)
{
	return &((struct idle *)r->bench->run)->clients[i];
}

static void
on_all_open(struct ramp *r)
{
	struct idle *run = r->bench->run;

	r->bench->result.ramp_ns = clock_mono_ns() - run->begun_at;
	bench_start_clock(r->bench);
}

static void
on_lost(struct ramp *r, const struct session_end *e)
{
	if (r->bench->result.lost++ == 0)
		bench_miss(r->bench, "%s", e->message);
}

static void
begin(struct bench *b)
{
	struct idle *run = xcalloc(1, sizeof(*run));

	b->run = run;
	run->ramp = (struct ramp){ .bench = b,
		.n = (size_t)b->options.bench.idle,
		.client = client,
		.on_all_open = on_all_open,
		.on_lost = on_lost };
	run->clients = xcalloc(run->ramp.n, sizeof(run->clients[0]));
	if (b->options.bench.pid > 0)
		proc_usage_read(b->options.bench.pid, &run->before);
	run->begun_at = clock_mono_ns();
	ramp_start(&run->ramp);
}

static void
on_time(struct bench *b)
{
	bench_finish(b, b->status);
}

static void
end(struct bench *b)
{
	struct idle *run = b->run;

	b->result.logins = run->ramp.open;
	/* Their memory counts from before the first of them. */
	b->result.before.rss = run->before.rss;
	if (b->result.lost > 0 && b->status == EXIT_MISSED)
		b->status = EXIT_CLOSED;
	ramp_stop(&run->ramp);
	free(run->clients);
	free(run);
}

const struct bench_kind bench_idle = { "idle", begin, on_time, end };
