/*
 * The receive limit (D-10): a frame beyond it waits, and what is behind it
 * waits with it; nothing is dropped and nobody else notices.
 */
#include "config.h"

#include "relayd/conn.h"

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/worker.h"

static int64_t
cost_of(const struct conf *conf, size_t bytes)
{
	return (int64_t)bytes * NS_PER_S / conf->rx_rate;
}

void
conn_limit_start(struct conn *c)
{
	const struct conf *conf = c->worker->conf;
	int64_t burst = conf->rx_burst > 0 ? conf->rx_burst : conf->rx_rate;

	if (conf->rx_rate > 0)
		bucket_init(&c->rx_limit, cost_of(conf, (size_t)burst));
}

static void
count(struct conn *c)
{
	struct metrics *m = &c->worker->metrics;

	metrics_up(&m->frames_limited);
	metrics_up_by(&m->conns_limited, !c->was_limited);
	c->was_limited = true;
}

bool
conn_limit_admits(struct conn *c, size_t bytes)
{
	const struct conf *conf = c->worker->conf;
	int64_t now, cost, wait;

	if (conf->rx_rate == 0)
		return true;
	now = loop_now(c->worker->loop);
	cost = cost_of(conf, bytes);
	wait = bucket_wait(&c->rx_limit, now, cost);
	if (wait == 0) {
		bucket_take(&c->rx_limit, now, cost);
		return true;
	}
	count(c);
	c->limited = true;
	c->limited_until = now + wait;
	stream_pause(c->stream);
	conn_arm(c);
	return false;
}
