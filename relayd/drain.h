/* The slow way to stop: nobody new, and whoever is there may finish. */
#ifndef RELAYD_DRAIN_H
#define RELAYD_DRAIN_H

struct server;
struct timer;

struct drain {
	struct timer *timer; /* NULL: not begun */
	long long until;     /* monotonic ns */
};

/*
 * Close all listeners but those for metrics.  When the last client is gone,
 * or the drain time is over, server_stop().  A second call changes nothing.
 */
void drain_start(struct server *s);
void drain_clear(struct drain *d);

#endif
