/*
 * A capture file -> transcript: packets, IP, TCP streams, then dissection.
 * What is wrong with the file or the traffic becomes EVENT_REMARK with its
 * packet number; what is certain is still shown.  TLS is decrypted where its
 * secrets are known, else its records become EVENT_OPAQUE.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <stdio.h>

#include "transcript/transcript.h"

struct capture_options {
	const struct rk_dialect *dialect; /* NULL: the default */
	const char *keylog;               /* TLS secrets; NULL: no file */
	size_t max_flow_bytes; /* out-of-order bytes held per direction */
	size_t max_flows;      /* open at a time */
	size_t max_held;       /* bytes held back over all flows */
	size_t max_fragmented; /* IP packets put together at a time */
	bool notes; /* remarks also on what is no fault: sent again, … */
};

struct capture_summary {
	uint64_t packets;
	uint64_t flows;
	uint64_t events;
	uint64_t remarks; /* each is an EVENT_REMARK as well */
	uint64_t wrong;   /* of them, those that put bytes in doubt */
	uint64_t resent;  /* segments with bytes that were there already */
	uint64_t reordered;
	uint64_t others; /* packets that are not TCP */
	bool damaged;    /* the file itself ended badly */
};

void capture_options_default(struct capture_options *o);

/*
 * Read |file| ("-": stdin), until its end or until t->stop is set.  0; 1 if
 * something was wrong on the way (said in remarks; |err| holds the first,
 * with its packet's number); -1 with |err| if nothing could be read.
 */
int capture_read(const char *file, const struct capture_options *o,
    struct transcript *t, struct capture_summary *summary, char *err,
    size_t err_size);

#endif
