/*
 * The router: which connection serves a key, who sent to whom, and what
 * follows from both when a key comes, comes again or goes.
 *
 * It knows connections only as endpoints with three callbacks, so that a
 * connection may live on any event loop.  Keys are remembered for as long as
 * somebody is logged in with them or is to be named to, or is to be told of,
 * a departure.
 */
#ifndef RELAYD_ROUTER_H
#define RELAYD_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/keys.h"

struct router;
struct peer; /* all that is known about one key */

/*
 * A packet on its way: |room| bytes that may be overwritten, a key's length
 * of bytes for the sender's key, then the data.  All of it lies in the
 * sender's receive buffer and is lent until the end of the turn.
 */
struct lent_packet {
	uint8_t *body; /* key and data */
	size_t len;    /* of both */
	size_t room;   /* in front of |body| */
	bool disco;
};

struct endpoint;

struct endpoint_ops {
	/* Take or copy the packet; false: the queue is full. */
	bool (*on_packet)(struct endpoint *to, const struct rk_key *from,
	    const struct lent_packet *p);
	/* Somebody who had sent to this endpoint's key is gone. */
	void (*on_gone)(struct endpoint *to, const struct rk_key *who);
	/* A newer login has this key now; the endpoint is out already. */
	void (*on_replaced)(struct endpoint *old);
};

/* Embedded in a connection. */
struct endpoint {
	const struct endpoint_ops *ops;
	struct peer *peer; /* NULL: not in the table */
	struct peer *last; /* where it sent to last */
};

struct router *router_new(void); /* NULL: no memory */
void router_free(struct router *r);

/* Keys with a connection now. */
size_t router_count(const struct router *r);

/* A number that stands for |key| in this process. */
uint64_t router_hash(const struct router *r, const struct rk_key *key);

/*
 * Log |ep| in with |key|; an older connection of the key is taken out and
 * told.  False: no memory, and nothing has changed.
 */
bool router_enter(struct router *r, struct endpoint *ep,
    const struct rk_key *key);

/*
 * Take |ep| out.  With |tell| everybody whom its key has sent to hears of
 * it.  Nothing happens if it is not in the table, or no longer.
 */
void router_leave(struct router *r, struct endpoint *ep, bool tell);

enum route_result {
	ROUTE_QUEUED,
	ROUTE_FULL,   /* dropped: the destination's queue is full */
	ROUTE_UNKNOWN /* nobody is logged in with that key */
};

/* Hand a packet to |to|, which may be the sender's own key. */
enum route_result router_route(struct router *r, struct endpoint *from,
    const struct rk_key *to, const struct lent_packet *p);

#endif
