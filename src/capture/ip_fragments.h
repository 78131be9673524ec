/* Fragments of IP packets, bounded in number and size; for ip.c. */
#ifndef CAPTURE_IP_FRAGMENTS_H
#define CAPTURE_IP_FRAGMENTS_H

#include "capture/ip.h"

struct fragment {
	struct endpoint src, dst; /* ports are 0 */
	uint32_t id;
	uint8_t protocol;
	size_t offset; /* in bytes, a multiple of 8 */
	bool more;
	struct seen data;
	int64_t time_ns;
	uint64_t packet;
};

enum fragment_result {
	FRAGMENT_HELD,
	FRAGMENT_WHOLE, /* |*whole| is the packet's payload */
	FRAGMENT_CUT,   /* not captured to its end: of no use */
	FRAGMENT_BAD    /* it cannot be part of a packet */
};

/* |*conflict|: it has other bytes than an earlier one, which stay. */
enum fragment_result ip_fragment_add(struct ip_fragments *f,
    const struct fragment *part, struct seen *whole, bool *conflict);

#endif
