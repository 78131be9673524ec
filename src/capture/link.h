/* From a captured packet to the IP packet in it. */
#ifndef CAPTURE_LINK_H
#define CAPTURE_LINK_H

#include <stdbool.h>

#include "capture/pcap_file.h"

/* Bytes as far as they were captured, and how many there were. */
struct seen {
	const uint8_t *p;
	size_t len;
	size_t wire; /* at least |len| */
};

enum link_result {
	LINK_IP,
	LINK_OTHER,  /* ARP and the like, or too short to be anything */
	LINK_CUT,    /* too little was captured to tell */
	LINK_UNKNOWN /* this link type is not known here */
};

/* libpcap's number of a link type -> the file's. */
int link_from_dlt(int dlt);
/* For messages; a number as text if it has no name here. */
const char *link_name(int link);
enum link_result link_to_ip(const struct packet *p, struct seen *ip);
/* Drop |n| bytes at the front; false if so many were not captured. */
bool seen_skip(struct seen *s, size_t n);

/* Numbers as the network has them. */
static inline unsigned
be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

#endif
