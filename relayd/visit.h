/*
 * The visits of one key, each from its coming to its going, replacements
 * included: to whom it has sent, and who of them is to be told that it is gone.
 *
 * Of each receiver a visit knows how things stand, and that decides in whatever
 * order packets and notices arrive: a notice is given if the receiver has had a
 * packet and was not told yet, and a packet of a visit that is over is taken
 * only until then.  A visit that is over stays until nobody is untold.
 *
 * The caller sees to it that one thread at a time is here.
 */
#ifndef RELAYD_VISIT_H
#define RELAYD_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayd/idset.h"

enum sent_mark {
	SENT,    /* a packet is on its way */
	THROUGH, /* it has had one */
	TOLD     /* no notice is due, whether it was given or not */
};

struct visit {
	struct visit *next; /* of those that are over */
	uint64_t number;
	struct idset sent_to; /* receivers, not 0; their enum sent_mark */
	size_t untold;        /* when it is over, and 1 for who tells */
};

struct visits {
	uint64_t number;    /* of the last one; later ones are greater */
	bool lasts;         /* it does */
	struct visit *sent; /* that lasts; NULL: nothing was sent */
	struct visit *over; /* those of which somebody is untold */
};

void visits_clear(struct visits *v);

void visits_begin(struct visits *v, uint64_t number);
/* Returned is the visit if it has sent to anybody: visit_next_untold() walks
 * through it then, and visit_end_walk() is owed. */
struct visit *visits_end(struct visits *v);

/* A packet is about to go to |to|, in the visit that lasts.  1: it is new in
 * the set; 0: it was there; -1: no memory, and one notice will be missing. */
int visits_add(struct visits *v, uint64_t to);
/* How |to| stands in visit |number|: an enum sent_mark, or NULL: is not in its
 * set, or the visit is settled. */
uint8_t *visits_mark(const struct visits *v, uint64_t number, uint64_t to);

/* No notice of the end of |number| is due to |to| any more; was one? */
bool visits_settle(struct visits *v, uint64_t number, uint64_t to);

struct admission {
	bool late; /* the receiver may have been told that this visit is over */
	bool gone; /* it is to be told now that an earlier one is */
};

/* What there is to know before |to| takes a packet of visit |number|. */
struct admission visits_admit(struct visits *v, uint64_t number, uint64_t to);

/* Behind |*at|, at first 0, who is untold; 0: nobody. */
uint64_t visit_next_untold(const struct visit *v, size_t *at);
/* Nobody walks through |v|, which is over, any more. */
void visit_end_walk(struct visit *v);

/* The visits that are settled, which are the caller's from now on, by next. */
struct visit *visits_take_settled(struct visits *v);
void visit_free(struct visit *v);

#endif
