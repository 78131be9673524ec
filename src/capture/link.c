/* Link layers: how long their header is and what it says lies behind. */
#include "config.h"

#include "capture/link.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

/* LINKTYPE_ numbers of files (www.tcpdump.org/linktypes.html). */
enum linktype {
	LINKTYPE_NULL = 0,
	LINKTYPE_ETHERNET = 1,
	LINKTYPE_RAW = 101,
	LINKTYPE_LOOP = 108,
	LINKTYPE_LINUX_SLL = 113,
	LINKTYPE_IPV4 = 228,
	LINKTYPE_IPV6 = 229,
	LINKTYPE_LINUX_SLL2 = 276
};

enum ethertype {
	ETHERTYPE_IP = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100, /* IEEE 802.1Q */
	ETHERTYPE_QINQ = 0x88a8, /* IEEE 802.1ad */
	ETHERTYPE_QINQ_OLD = 0x9100
};

#define MAX_TAGS 8

bool
seen_skip(struct seen *s, size_t n)
{
	if (s->len < n)
		return false;
	s->p += n;
	s->len -= n;
	s->wire -= n;
	return true;
}

/* So little of a packet is there that nothing can be told of it. */
static enum link_result
too_short(const struct seen *s)
{
	return s->len < s->wire ? LINK_CUT : LINK_OTHER;
}

/* VLAN tags may stand in front: tag control u16, then a type again. */
static enum link_result
by_ethertype(struct seen *s, unsigned type)
{
	for (int tags = 0; tags < MAX_TAGS &&
	     (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ ||
		 type == ETHERTYPE_QINQ_OLD);
	     tags++) {
		if (s->len < 4)
			return too_short(s);
		type = be16(s->p + 2);
		seen_skip(s, 4);
	}
	return type == ETHERTYPE_IP || type == ETHERTYPE_IPV6 ? LINK_IP
							      : LINK_OTHER;
}

/* Header of |len| bytes with an Ethernet type at |at|. */
static enum link_result
typed(struct seen *s, size_t len, size_t at)
{
	unsigned type;

	if (s->len < len)
		return too_short(s);
	type = be16(s->p + at);
	seen_skip(s, len);
	return by_ethertype(s, type);
}

static enum link_result
ethernet(struct seen *s)
{
	return typed(s, 14, 12);
}

static enum link_result
sll(struct seen *s)
{
	return typed(s, 16, 14);
}

static enum link_result
sll2(struct seen *s)
{
	return typed(s, 20, 0);
}

/* AF_INET is 2 everywhere, AF_INET6 differs by system. */
static bool
is_ip_family(uint32_t family)
{
	return family == 2 || family == 10 || family == 24 || family == 28 ||
	    family == 30;
}

/* NULL has the family in the order of the host that wrote it, LOOP in
 * network order; no family is the other's mirror image. */
static enum link_result
family(struct seen *s)
{
	uint32_t v;

	if (s->len < 4)
		return too_short(s);
	v = be32(s->p);
	seen_skip(s, 4);
	return is_ip_family(v) || is_ip_family(__builtin_bswap32(v))
	    ? LINK_IP
	    : LINK_OTHER;
}

static enum link_result
raw_ip(struct seen *s)
{
	return s->len > 0 ? LINK_IP : too_short(s);
}

static const struct link_row {
	int link;
	const char *name;
	enum link_result (*to_ip)(struct seen *s);
} links[] = {
	{ LINKTYPE_ETHERNET, "Ethernet", ethernet },
	{ LINKTYPE_LINUX_SLL, "Linux cooked", sll },
	{ LINKTYPE_LINUX_SLL2, "Linux cooked v2", sll2 },
	{ LINKTYPE_NULL, "null", family },
	{ LINKTYPE_LOOP, "loop", family },
	{ LINKTYPE_RAW, "raw IP", raw_ip },
	{ LINKTYPE_IPV4, "IPv4", raw_ip },
	{ LINKTYPE_IPV6, "IPv6", raw_ip },
};

#define NLINKS (sizeof(links) / sizeof(links[0]))

static const struct link_row *
find(int link)
{
	for (size_t i = 0; i < NLINKS; i++)
		if (links[i].link == link)
			return &links[i];
	return NULL;
}

/* The two numberings agree but for raw IP. */
int
link_from_dlt(int dlt)
{
	return dlt == DLT_RAW ? LINKTYPE_RAW : dlt;
}

const char *
link_name(int link)
{
	static char number[sizeof("link type -2147483648")];
	const struct link_row *row = find(link);

	if (row != NULL)
		return row->name;
	snprintf(number, sizeof(number), "link type %d", link);
	return number;
}

enum link_result
link_to_ip(const struct packet *p, struct seen *ip)
{
	const struct link_row *row = find(p->link);

	*ip = (struct seen){ p->p, p->len, p->wire };
	return row != NULL ? row->to_ip(ip) : LINK_UNKNOWN;
}
