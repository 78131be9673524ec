/* IPv4 (RFC 791), IPv6 with extension headers (RFC 8200), TCP headers. */
#include "config.h"

#include "capture/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "capture/ip_fragments.h"

enum protocol {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_TCP = 6,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AH = 51,
	PROTOCOL_DESTINATION = 60
};

#define IPV4_MIN       20
#define IPV6_LEN       40
#define TCP_MIN        20
#define MAX_EXTENSIONS 16
#define HASHED         48 /* bytes at both ends of a packet */

/* What the IP header says; |data| is what lies behind it. */
struct ip_packet {
	struct endpoint src, dst;
	uint8_t protocol;
	bool fragment;
	size_t offset;
	bool more;
	uint32_t id;
	struct seen data;
};

void
endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE])
{
	char addr[INET6_ADDRSTRLEN];

	inet_ntop(e->version == 4 ? AF_INET : AF_INET6, e->addr, addr,
	    sizeof(addr));
	snprintf(out, ENDPOINT_TEXT_SIZE, e->version == 4 ? "%s:%u" : "[%s]:%u",
	    addr, e->port);
}

static void
set_address(struct endpoint *e, uint8_t version, const uint8_t *p)
{
	*e = (struct endpoint){ .version = version };
	memcpy(e->addr, p, version == 4 ? 4 : 16);
}

/* Behind |n| bytes of IP comes padding of the link layer. */
static void
seen_limit(struct seen *s, size_t n)
{
	if (s->wire > n)
		s->wire = n;
	if (s->len > s->wire)
		s->len = s->wire;
}

static bool
parse_ipv4(struct seen s, struct ip_packet *out)
{
	const uint8_t *p = s.p;
	size_t header, total;
	unsigned frag;

	if (s.len < IPV4_MIN)
		return false;
	header = (size_t)(p[0] & 0xf) * 4;
	total = be16(p + 2);
	/* Packets that the network card is to cut may leave it 0. */
	if (total != 0)
		seen_limit(&s, total);
	if (header < IPV4_MIN || !seen_skip(&s, header))
		return false;
	frag = be16(p + 6);
	out->protocol = p[9];
	out->offset = (size_t)(frag & 0x1fff) * 8;
	out->more = (frag & 0x2000) != 0;
	out->fragment = out->offset != 0 || out->more;
	out->id = be16(p + 4);
	set_address(&out->src, 4, p + 12);
	set_address(&out->dst, 4, p + 16);
	out->data = s;
	return true;
}

static bool
is_extension(uint8_t protocol)
{
	return protocol == PROTOCOL_HOP_BY_HOP ||
	    protocol == PROTOCOL_ROUTING || protocol == PROTOCOL_FRAGMENT ||
	    protocol == PROTOCOL_AH || protocol == PROTOCOL_DESTINATION;
}

/* next header u8 | length u8 | …; the length counts 8 bytes (AH: 4) */
static bool
skip_extensions(struct ip_packet *out)
{
	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		const uint8_t *p = out->data.p;
		size_t len;

		if (!is_extension(out->protocol))
			return true;
		if (out->data.len < 8)
			return false;
		len = out->protocol == PROTOCOL_AH ? ((size_t)p[1] + 2) * 4
						   : ((size_t)p[1] + 1) * 8;
		if (out->protocol == PROTOCOL_FRAGMENT) {
			len = 8;
			out->offset = be16(p + 2) & ~7u;
			out->more = (p[3] & 1) != 0;
			out->id = be32(p + 4);
			out->fragment = out->offset != 0 || out->more;
		}
		out->protocol = p[0];
		if (!seen_skip(&out->data, len))
			return false;
		/* What follows stands in the first fragment only. */
		if (out->fragment)
			return true;
	}
	return false;
}

static bool
parse_ipv6(struct seen s, struct ip_packet *out)
{
	const uint8_t *p = s.p;
	size_t payload;

	if (s.len < IPV6_LEN)
		return false;
	payload = be16(p + 4);
	seen_skip(&s, IPV6_LEN);
	/* 0: a jumbogram (RFC 2675) or one for the network card to cut. */
	if (payload != 0)
		seen_limit(&s, payload);
	out->protocol = p[6];
	set_address(&out->src, 6, p + 8);
	set_address(&out->dst, 6, p + 24);
	out->data = s;
	return skip_extensions(out);
}

static enum ip_result
bad(const char *what, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s", what);
	return IP_BAD;
}

/* ports | seq | ack | offset and flags | window | checksum | urgent */
static enum ip_result
parse_tcp(struct ip_packet *ip, struct segment *out, char *err, size_t err_size)
{
	const uint8_t *p = ip->data.p;
	size_t header;

	if (ip->data.len < TCP_MIN)
		return bad(ip->data.wire < TCP_MIN
			? "too short for a TCP header"
			: "cut within its TCP header",
		    err, err_size);
	header = (size_t)(p[12] >> 4) * 4;
	if (header < TCP_MIN || header > ip->data.wire)
		return bad("a TCP header of impossible length", err, err_size);
	out->src = ip->src;
	out->dst = ip->dst;
	out->src.port = (uint16_t)be16(p);
	out->dst.port = (uint16_t)be16(p + 2);
	out->seq = be32(p + 4);
	out->ack = be32(p + 8);
	out->flags = p[13];
	out->data = ip->data;
	if (!seen_skip(&out->data, header))
		/* Options were cut: nothing of the data is there. */
		out->data = (struct seen){ ip->data.p + ip->data.len, 0,
			ip->data.wire - header };
	return IP_SEGMENT;
}

static enum ip_result
join_fragment(struct ip_fragments *f, struct ip_packet *ip,
    const struct packet *packet, char *err, size_t err_size)
{
	const struct fragment part = {
		.src = ip->src,
		.dst = ip->dst,
		.id = ip->id,
		.protocol = ip->protocol,
		.offset = ip->offset,
		.more = ip->more,
		.data = ip->data,
		.time_ns = packet->time_ns,
		.packet = packet->number,
	};

	bool conflict;
	enum fragment_result r =
	    ip_fragment_add(f, &part, &ip->data, &conflict);

	if (conflict)
		snprintf(err, err_size,
		    "a fragment with other bytes than an "
		    "earlier one; the earlier ones stay");
	switch (r) {
	case FRAGMENT_WHOLE:
		ip->fragment = false;
		if (ip->src.version == 6 && !skip_extensions(ip))
			return IP_OTHER;
		return IP_SEGMENT;
	case FRAGMENT_HELD:
		return IP_HELD;
	case FRAGMENT_CUT:
		return bad("a fragment that was cut short", err, err_size);
	default:
		return bad("a fragment of impossible length", err, err_size);
	}
}

/* FNV-1a, but of 8 bytes at a time. */
static uint64_t
hash_bytes(uint64_t h, const uint8_t *p, size_t len)
{
	uint64_t v;

	for (; len >= sizeof(v); p += sizeof(v), len -= sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h;
}

/* Id, length and both ends: without what changes on the way (TTL, header
 * checksum).  The TCP header is in it, checksum and all. */
static uint64_t
hash_packet(const struct ip_packet *ip)
{
	const struct seen *s = &ip->data;
	size_t n = s->len < HASHED ? s->len : HASHED;
	uint64_t h =
	    UINT64_C(0xcbf29ce484222325) ^ ip->id ^ (uint64_t)s->wire << 32;

	h = hash_bytes(h, s->p, n);
	return hash_bytes(h, s->p + s->len - n, n);
}

static enum ip_result
no_header(const struct seen *s, uint8_t version, char *err, size_t err_size)
{
	if (s->len < s->wire && (s->len == 0 || version == 4 || version == 6))
		return bad("cut within its IP header", err, err_size);
	if (version == 4 || version == 6)
		return bad("an IP header of impossible length", err, err_size);
	return IP_OTHER;
}

enum ip_result
ip_segment(struct ip_fragments *f, const struct packet *packet,
    const struct seen *s, struct segment *out, char *err, size_t err_size)
{
	struct ip_packet ip = { 0 };
	uint8_t version = s->len > 0 ? s->p[0] >> 4 : 0;
	enum ip_result r;

	err[0] = '\0';
	if (version == 4 ? !parse_ipv4(*s, &ip)
			 : version != 6 || !parse_ipv6(*s, &ip))
		return no_header(s, version, err, err_size);
	if (ip.protocol != PROTOCOL_TCP &&
	    !(ip.fragment && is_extension(ip.protocol)))
		return IP_OTHER;
	if (ip.fragment) {
		r = join_fragment(f, &ip, packet, err, err_size);
		if (r != IP_SEGMENT)
			return r;
	}
	if (ip.protocol != PROTOCOL_TCP)
		return IP_OTHER;
	out->packet = packet->number;
	out->time_ns = packet->time_ns;
	r = parse_tcp(&ip, out, err, err_size);
	if (r == IP_SEGMENT && segment_matters(out))
		out->hash = hash_packet(&ip);
	return r;
}
