/* Packets and capture files made by hand. */
#ifndef TESTS_PACKETS_H
#define TESTS_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing bytes. */
struct blob {
	uint8_t *p;
	size_t len;
	size_t cap;
	bool big_endian; /* for what is added as a number of a file */
};

void blob_clear(struct blob *b);
void blob_add(struct blob *b, const void *p, size_t len);
void blob_u16(struct blob *b, unsigned v); /* in the file's byte order */
void blob_u32(struct blob *b, uint32_t v);
void blob_be16(struct blob *b, unsigned v);
void blob_be32(struct blob *b, uint32_t v);

/* A whole file. */
struct blob blob_load(const char *path);
/* A path under which the bytes can be read, until the next call. */
const char *blob_file(const struct blob *b);

/* ---- packets ---- */

struct tcp_packet {
	unsigned from, to; /* ports: "client" 40000, "server" 80, … */
	uint32_t seq;
	uint32_t ack;
	uint8_t flags;
	unsigned id; /* of the IP packet */
	const void *data;
	size_t len;
};

/* Append an IPv4 packet from 127.0.0.1 to 127.0.0.1. */
void make_ipv4(struct blob *b, const struct tcp_packet *t);
/* The same over IPv6; |jumbo|: with a hop-by-hop jumbo option. */
void make_ipv6(struct blob *b, const struct tcp_packet *t, bool jumbo);

/* ---- files ---- */

#define LINK_NULL     0
#define LINK_ETHERNET 1
#define LINK_RAW      101

/* Classic pcap. */
void pcap_begin(struct blob *b, int link, bool big_endian, bool nsec);
void pcap_add(struct blob *b, const void *p, size_t len, size_t wire,
    int64_t time_ns);

/* pcapng; options are appended to the body by the caller. */
void pcapng_begin(struct blob *b, bool big_endian);
void pcapng_block(struct blob *b, uint32_t type, const struct blob *body);
void pcapng_option(struct blob *body, unsigned code, const void *p, size_t len);
void pcapng_interface(struct blob *b, int link, uint32_t snaplen,
    const struct blob *options);
void pcapng_add(struct blob *b, uint32_t interface, uint64_t stamp,
    const void *p, size_t len, size_t wire);

#endif
