/*
 * What a relay did with a packet: which RecvPacket came from which
 * SendPacket.  They have the same bytes; the one names its addressee, the
 * other its sender, and whoever logged in on their connections is the other
 * end.  In one pass and bounded: so many packets wait for their other half.
 */
#ifndef TRANSCRIPT_PAIRS_H
#define TRANSCRIPT_PAIRS_H

#include "transcript/transcript.h"

#define PAIRS_WAITING 65536 /* a good default */

struct pairs;

struct pair {
	struct rk_key from, to;
	bool has_from, has_to;
	/* the half that came first */
	uint64_t conn; /* its connection's number */
	uint64_t n;    /* its place there */
	uint64_t packet;
	int64_t transit_ns; /* from the SendPacket to the RecvPacket */
	bool several; /* the same bytes waited more than once: the oldest */
};

struct pairs *pairs_new(size_t max_waiting);
void pairs_free(struct pairs *p); /* NULL is fine */

/*
 * To be shown every event as it is added (transcript.on_event).  True if it
 * is the second half of a pair: |*out|.  A connection whose login is missing
 * gets its key from a pair that leaves no doubt.
 */
bool pairs_event(struct pairs *p, struct transcript *t, const struct event *e,
    struct pair *out);

#endif
