/* Looks now and then whether anybody is left. */
#include "config.h"

#include "relayd/drain.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/loop.h"
#include "relayd/conf.h"
#include "relayd/server.h"

#define LOOK_NS (100 * NS_PER_MS)

static void
on_look(void *arg)
{
	struct server *s = arg;
	int64_t now = loop_now(s->loop);

	if (s->stopping)
		return;
	if (server_nclients(s) == 0 || now >= s->drain.until)
		server_stop(s);
	else
		timer_set(s->drain.timer, LOOK_NS);
}

void
drain_start(struct server *s)
{
	if (s->stopping || s->drain.timer != NULL)
		return;
	s->drain.timer = timer_new(s->loop, on_look, s);
	if (s->drain.timer == NULL) {
		server_stop(s);
		return;
	}
	s->drain.until = loop_now(s->loop) + s->conf->drain_time;
	server_stop_accepting(s);
	log_info("draining connections=%llu seconds=%lld",
	    (unsigned long long)server_nclients(s),
	    (long long)(s->conf->drain_time / NS_PER_S));
	timer_set(s->drain.timer, 0);
}

void
drain_clear(struct drain *d)
{
	timer_free(d->timer);
	d->timer = NULL;
}
