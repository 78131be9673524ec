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

static int64_t
burst_of(const struct conf *conf)
{
	return conf->rx_burst > 0 ? conf->rx_burst : conf->rx_rate;
}

void
conn_limit_start(struct conn *c)
{
	const struct conf *conf = c->worker->conf;

	if (conf->rx_rate > 0)
		bucket_init(&c->rx_limit,
		    cost_of(conf, (size_t)burst_of(conf)));
}

static void
count(struct conn *c)
{
	static struct log_limit limit = { .burst = 20 };
	struct metrics *m = &c->worker->metrics;

	if (!c->was_limited)
		conn_log(c, &limit, LOG_INFO, "rx-limited key=%s rate=%lld",
		    conn_key_text(c), (long long)c->worker->conf->rx_rate);
	metrics_up(&m->frames_limited);
	metrics_up_by(&m->conns_limited, !c->was_limited);
	c->was_limited = true;
}

/* It will never fit: no number for such clients. */
static void
log_oversize(const struct conn *c, size_t bytes)
{
	static struct log_limit limit = { .burst = 1 };

	conn_log(c, &limit, LOG_WARN,
	    "rx-burst-too-small key=%s frame=%zu burst=%lld", conn_key_text(c),
	    bytes, (long long)burst_of(c->worker->conf));
}

/* What never fits passes at once and for nothing in 0.35 (D-10); in our own
 * way it waits until nothing is owed, and is owed. */
static bool
is_free(const struct conf *conf)
{
	return conf->generation == GENERATION_035;
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
	if (cost > c->rx_limit.capacity_ns && is_free(conf)) {
		log_oversize(c, bytes);
		return true;
	}
	wait = bucket_wait(&c->rx_limit, now, cost);
	if (wait == 0) {
		bucket_take(&c->rx_limit, now, cost);
		if (cost > c->rx_limit.capacity_ns)
			log_oversize(c, bytes);
		return true;
	}
	count(c);
	c->limited = true;
	c->limited_until = now + wait;
	stream_pause(c->stream);
	conn_arm(c);
	return false;
}
