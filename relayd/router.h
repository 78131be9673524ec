/*
 * The router: which connection serves a key, who sent to whom, and what
 * follows from both when a key comes, comes again or goes.
 *
 * It knows connections only as endpoints with three callbacks, and the event
 * loop that each lives on.  Loops share the router: each calls it for its own
 * endpoints only, callbacks come on the caller's loop, and what concerns an
 * endpoint of another loop is handed to that loop as a letter.  No lock is
 * held while a callback runs or a letter is written.
 *
 * Keys are remembered for as long as somebody is logged in with them or is to
 * be named to, or is to be told of, a departure.
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
	bool framed; /* a raw header for |len| bytes stands in front of it */
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

/* Embedded in a connection.  The members are its loop's but for those that
 * say otherwise. */
struct endpoint {
	const struct endpoint_ops *ops;
	unsigned home;                  /* its loop; never changes */
	bool last_noted;                /* that |last| has had a packet */
	struct peer *peer;              /* NULL: not in the table */
	struct peer *last;              /* where it sent to last */
	struct endpoint *next_replaced; /* the router's */
};

/* From one loop to another. */
enum letter_kind {
	LETTER_PACKET,  /* for router_deliver() */
	LETTER_GONE,    /* for router_tell() */
	LETTER_REPLACED /* for router_put_out() */
};

struct letter {
	enum letter_kind kind;
	struct rk_key to;
	struct rk_key from; /* the sender; who is gone */
	uint64_t visit;     /* of l->from: from its coming to its going */
	uint64_t ended;     /* visits that were over when it was written */
	bool noted;         /* the key has had a packet of the visit */
	const struct lent_packet *packet; /* lent until the function returns */
};

/*
 * Takes |l| from loop |from| to loop |to|; letters of one pair of loops arrive
 * in the order in which they were written.  False, for a packet: no memory.
 */
typedef bool (
    *letter_fn)(void *arg, unsigned from, unsigned to, const struct letter *l);

/* For one loop.  NULL: no memory. */
struct router *router_new(void);
/* For several; |send| takes the letters. */
struct router *router_new_shared(letter_fn send, void *arg);
void router_free(struct router *r);

/* Keys with a connection now. */
size_t router_count(struct router *r);
/* Keys that are remembered. */
size_t router_known(struct router *r);

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
	ROUTE_FULL,    /* dropped: the destination's queue is full */
	ROUTE_UNKNOWN, /* nobody is logged in with that key */
	ROUTE_SENT,    /* on its way to the destination's loop */
	ROUTE_REPLACED /* dropped: the sender has lost its key */
};

/* Hand a packet to |to|, which may be the sender's own key. */
enum route_result router_route(struct router *r, struct endpoint *from,
    const struct rk_key *to, const struct lent_packet *p);

/* ---- letters that have come to the loop |home| ---- */

/*
 * Hand over a packet that came as |l|.  It is dropped if l->to has been told
 * already that the sender is gone: letters of the several loops that a key
 * was logged in on come in any order.  With |tell| an earlier end of the sender
 * that l->to is still to hear of is told first; without, all packets go
 * through.
 */
enum route_result router_deliver(struct router *r, unsigned home,
    const struct letter *l, bool tell);
/* Tell l->to, wherever it is logged in now, that l->from is gone, if that is
 * not known there yet. */
void router_tell(struct router *r, unsigned home, const struct letter *l);
/* Endpoints of this loop that a newer login of l->to has replaced. */
void router_put_out(struct router *r, unsigned home, const struct letter *l);

#endif
