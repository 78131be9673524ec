/*
 * Signs of life of an open connection.  0.28: a KeepAlive at a fixed period,
 * and nothing is asked.  0.35 (D-03): a Ping after silence, whose Pong must
 * come in time.
 */
#include "config.h"

#include "relayd/conn.h"

#include <string.h>

#include "base/clock.h"
#include "net/loop.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/worker.h"

/* A number of seconds that is drawn at the login goes on top of the silence. */
#define JITTER_MIN_S 1
#define JITTER_MAX_S 5

static bool
pings(const struct conn *c)
{
	return c->worker->conf->generation == GENERATION_035;
}

void
conn_live_start(struct conn *c)
{
	const struct conf *conf = c->worker->conf;
	uint8_t drawn;

	c->beat_every = conf->keepalive;
	if (pings(c)) {
		rk_random(&drawn, sizeof(drawn));
		c->beat_every = conf->ping_after +
		    (JITTER_MIN_S + drawn % (JITTER_MAX_S - JITTER_MIN_S + 1)) *
			NS_PER_S;
	}
	c->next_beat = loop_now(c->worker->loop) + c->beat_every;
}

void
conn_live_heard(struct conn *c)
{
	if (pings(c))
		c->next_beat = loop_now(c->worker->loop) + c->beat_every;
}

void
conn_live_pong(struct conn *c, const uint8_t nonce[CONN_NONCE_LEN])
{
	if (memcmp(c->nonce, nonce, sizeof(c->nonce)) == 0)
		c->pong_by = 0;
}

/* While we do not read, the Pong cannot come. */
static bool
waits_for_pong(const struct conn *c)
{
	return c->pong_by != 0 && !c->limited && !c->crowded;
}

int64_t
conn_live_deadline(const struct conn *c)
{
	if (c->state != CONN_OPEN)
		return INT64_MAX;
	return waits_for_pong(c) && c->pong_by < c->next_beat ? c->pong_by
							      : c->next_beat;
}

bool
conn_live_tick(struct conn *c, int64_t now)
{
	if (c->state != CONN_OPEN)
		return true;
	if (waits_for_pong(c) && now >= c->pong_by)
		return conn_close(c, ENDING_TIMEOUT, "pong");
	if (now < c->next_beat)
		return true;
	c->beat_due = !FAULT(HOOK_TICK, .c = c);
	while (c->next_beat <= now)
		c->next_beat += c->beat_every;
	if (pings(c)) {
		rk_random(c->nonce, sizeof(c->nonce));
		c->pong_by = now + c->worker->conf->pong_timeout;
	}
	conn_touch(c);
	return true;
}

bool
conn_live_write(struct conn *c, struct rk_writer *w)
{
	struct metrics *m = &c->worker->metrics;

	if (!c->beat_due)
		return false;
	c->beat_due = false;
	if (pings(c)) {
		conn_frame_header(c, c->worker->ping->type, sizeof(c->nonce),
		    w);
		rk_write_bytes(w, c->nonce, sizeof(c->nonce));
		metrics_up(&m->pings_sent);
	} else {
		conn_frame_header(c, c->worker->keepalive->type, 0, w);
		metrics_up(&m->keepalives_sent);
	}
	return true;
}
