/* IPv4 and IPv6: from an IP packet to a TCP segment; fragments are put
 * together. */
#ifndef CAPTURE_IP_H
#define CAPTURE_IP_H

#include <string.h>

#include "capture/link.h"

struct endpoint {
	uint8_t version;  /* 4 or 6 */
	uint8_t addr[16]; /* IPv4: the first four bytes */
	uint16_t port;
};

enum tcp_flags {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10
};

struct segment {
	struct endpoint src, dst;
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	struct seen data;
	uint64_t packet;
	int64_t time_ns;
	uint64_t hash; /* of the packet, for spotting doubles; if it matters */
};

/* More than an acknowledgement, which may lawfully come twice. */
static inline bool
segment_matters(const struct segment *s)
{
	return s->data.wire > 0 ||
	    (s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) != 0;
}

enum ip_result {
	IP_SEGMENT,
	IP_OTHER, /* not TCP */
	IP_HELD,  /* a fragment; the rest is awaited */
	IP_BAD    /* it cannot be read, and may be TCP: |err| */
};

struct ip_fragments;

/* |max| packets at a time; beyond that the oldest is given up. */
struct ip_fragments *ip_fragments_new(size_t max);
void ip_fragments_free(struct ip_fragments *f);
/* An IP packet of which fragments never came, each once; its first fragment
 * was in |*packet|.  False: there is none. */
bool ip_fragments_lost(struct ip_fragments *f, uint64_t *packet);
/* The file has ended: what still waits is lost. */
void ip_fragments_finish(struct ip_fragments *f);

/*
 * |out| is filled for IP_SEGMENT and points into |ip| or into |f|, valid
 * until the next call.  What is worth a remark, whatever the result, is in
 * |err|, which is empty otherwise.
 */
enum ip_result ip_segment(struct ip_fragments *f, const struct packet *packet,
    const struct seen *ip, struct segment *out, char *err, size_t err_size);

/* "127.0.0.1:3340", "[::1]:3340" */
#define ENDPOINT_TEXT_SIZE 56
void endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE]);

static inline bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a->addr, sizeof(x));
	memcpy(y, b->addr, sizeof(y));
	return a->port == b->port && x[0] == y[0] && x[1] == y[1] &&
	    a->version == b->version;
}

#endif
