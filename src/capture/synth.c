/* Packets around bytes; see synth.h. */
#include "config.h"

#include "capture/synth.h"

#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define MTU           1500
#define ETHERNET_HEAD 14
#define IP4_HEAD      20
#define IP6_HEAD      40
#define TCP_HEAD      20
#define UDP_HEAD      8
#define DATAGRAM_MAX  65507
#define PACKET_MAX    (ETHERNET_HEAD + IP6_HEAD + TCP_HEAD + DATAGRAM_MAX)
#define SEGMENT_MAX   (MTU - IP6_HEAD - TCP_HEAD)
#define WINDOW        65535
/* A receiver says at the latest then what it has; less than the window, which
 * would be seen as full. */
#define ACK_EVERY     (8 * SEGMENT_MAX)

enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10
};

struct builder {
	uint8_t buf[PACKET_MAX];
	size_t len;
};

static void
put(struct builder *b, const void *p, size_t len)
{
	if (len > 0)
		memcpy(b->buf + b->len, p, len);
	b->len += len;
}

static void
put_u8(struct builder *b, unsigned v)
{
	b->buf[b->len++] = (uint8_t)v;
}

static void
put_u16(struct builder *b, size_t v)
{
	put_u8(b, (v >> 8) & 0xff);
	put_u8(b, v & 0xff);
}

static void
put_u32(struct builder *b, uint32_t v)
{
	put_u16(b, v >> 16);
	put_u16(b, v & 0xffff);
}

/* ---- checksums (RFC 1071) ---- */

static uint32_t
sum(uint32_t so_far, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		so_far += (uint32_t)p[0] << 8 | p[1];
	if (len > 0)
		so_far += (uint32_t)p[0] << 8;
	return so_far;
}

static uint16_t
fold(uint32_t s)
{
	while (s >> 16 != 0)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void
set_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* ---- heads ---- */

static size_t
address_len(const struct synth_flow *f)
{
	return f->v6 ? 16 : 4;
}

static unsigned
protocol(const struct synth_flow *f)
{
	return f->udp ? IPPROTO_UDP : IPPROTO_TCP;
}

static enum synth_side
other(enum synth_side s)
{
	return s == SYNTH_CLIENT ? SYNTH_SERVER : SYNTH_CLIENT;
}

/* Addresses of nobody's: locally administered. */
static void
put_mac(struct builder *b, enum synth_side s)
{
	const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, (uint8_t)(s + 1) };

	put(b, mac, sizeof(mac));
}

static void
put_ip4(struct builder *b, struct synth_flow *f, enum synth_side from,
    size_t len)
{
	uint8_t *head = b->buf + b->len;

	put_u16(b, 0x4500); /* version, head of 5 words */
	put_u16(b, IP4_HEAD + len);
	put_u16(b, f->ident++);
	put_u16(b, 0x4000); /* not to be fragmented */
	put_u8(b, 64);
	put_u8(b, protocol(f));
	put_u16(b, 0);
	put(b, f->end[from].address, 4);
	put(b, f->end[other(from)].address, 4);
	set_u16(head + 10, fold(sum(0, head, IP4_HEAD)));
}

static void
put_ip6(struct builder *b, const struct synth_flow *f, enum synth_side from,
    size_t len)
{
	put_u32(b, UINT32_C(6) << 28);
	put_u16(b, len);
	put_u8(b, protocol(f));
	put_u8(b, 64);
	put(b, f->end[from].address, 16);
	put(b, f->end[other(from)].address, 16);
}

/* |len| is of the IP payload. */
static void
begin_packet(struct builder *b, struct synth_flow *f, enum synth_side from,
    size_t len)
{
	b->len = 0;
	put_mac(b, other(from));
	put_mac(b, from);
	put_u16(b, f->v6 ? 0x86dd : 0x0800);
	if (f->v6)
		put_ip6(b, f, from, len);
	else
		put_ip4(b, f, from, len);
}

/* The sum over addresses, protocol, length and all behind the IP head, whose
 * place for it is at |at|. */
static void
set_checksum(struct builder *b, const struct synth_flow *f, size_t head,
    size_t at)
{
	size_t n = address_len(f), len = b->len - head;
	uint32_t s = protocol(f) + (uint32_t)len;
	uint16_t c;

	s = sum(s, f->end[0].address, n);
	s = sum(s, f->end[1].address, n);
	c = fold(sum(s, b->buf + head, len));
	/* Over UDP zero says that there is none. */
	set_u16(b->buf + head + at, f->udp && c == 0 ? 0xffff : c);
}

/* ---- TCP ---- */

static void
segment(struct synth_flow *f, enum synth_side from, unsigned flags,
    int64_t time_ns, const void *p, size_t len, const char *comment)
{
	struct synth_end *own = &f->end[from], *peer = &f->end[other(from)];
	struct builder b;
	size_t head;

	begin_packet(&b, f, from, TCP_HEAD + len);
	head = b.len;
	put_u16(&b, own->port);
	put_u16(&b, peer->port);
	put_u32(&b, own->seq);
	put_u32(&b, (flags & TCP_ACK) != 0 ? peer->seq : 0);
	put_u16(&b, (TCP_HEAD / 4) << 12 | flags);
	put_u16(&b, WINDOW);
	put_u16(&b, 0);
	put_u16(&b, 0);
	put(&b, p, len);
	set_checksum(&b, f, head, 16);
	pcapng_out_packet(f->out, time_ns, b.buf, b.len, comment);
	own->seq += (uint32_t)len;
	if ((flags & (TCP_SYN | TCP_FIN)) != 0)
		own->seq++;
	if ((flags & TCP_ACK) != 0)
		peer->acked = peer->seq;
}

static void
acknowledge(struct synth_flow *f, enum synth_side by, int64_t time_ns)
{
	if (!f->end[by].reset)
		segment(f, by, TCP_ACK, time_ns, NULL, 0, NULL);
}

static bool
is_reset(const struct synth_flow *f)
{
	return f->end[SYNTH_CLIENT].reset || f->end[SYNTH_SERVER].reset;
}

static void
tcp_bytes(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const uint8_t *p, size_t len, const char *comment)
{
	const struct synth_end *own = &f->end[from];

	if (own->fin || is_reset(f))
		return;
	while (len > 0) {
		size_t n = len < SEGMENT_MAX ? len : SEGMENT_MAX;

		segment(f, from, n == len ? TCP_PSH | TCP_ACK : TCP_ACK,
		    time_ns, p, n, comment);
		if (own->seq - own->acked >= ACK_EVERY)
			acknowledge(f, other(from), time_ns);
		p += n;
		len -= n;
	}
}

/* The second time, and behind a reset, it is nothing. */
static void
add_fin(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const char *comment)
{
	if (f->udp || f->end[from].fin || is_reset(f))
		return;
	segment(f, from, TCP_FIN | TCP_ACK, time_ns, NULL, 0, comment);
	f->end[from].fin = true;
	acknowledge(f, other(from), time_ns);
}

static void
add_reset(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const char *comment)
{
	bool over = f->end[SYNTH_CLIENT].fin && f->end[SYNTH_SERVER].fin;

	if (f->udp || over || is_reset(f))
		return;
	segment(f, from, TCP_RST | TCP_ACK, time_ns, NULL, 0, comment);
	f->end[from].reset = true;
}

/* ---- addresses ---- */

static bool
take_address(struct synth_flow *f, enum synth_side s, const struct sockaddr *a)
{
	struct synth_end *end = &f->end[s];
	const struct sockaddr_in *in4 = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	bool v6 = a != NULL && a->sa_family == AF_INET6;

	if (a == NULL || (!v6 && a->sa_family != AF_INET))
		return false;
	end->port = ntohs(v6 ? in6->sin6_port : in4->sin_port);
	if (v6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(end->address, in6->sin6_addr.s6_addr + 12, 4);
		v6 = false;
	} else if (v6) {
		memcpy(end->address, &in6->sin6_addr, 16);
	} else {
		memcpy(end->address, &in4->sin_addr, 4);
	}
	if (s == SYNTH_SERVER && f->v6 != v6)
		return false;
	f->v6 = v6;
	return true;
}

/* Of the documentation's net (RFC 5737). */
static void
make_address_up(struct synth_flow *f, enum synth_side s)
{
	const uint8_t address[4] = { 192, 0, 2, (uint8_t)(s + 1) };

	memcpy(f->end[s].address, address, sizeof(address));
	f->end[s].port = s == SYNTH_SERVER ? 80 : 49152;
}

static void
begin_flow(struct synth_flow *f, struct pcapng_out *out,
    const struct sockaddr *client, const struct sockaddr *server)
{
	*f = (struct synth_flow){ .out = out, .ident = 1 };
	if (!take_address(f, SYNTH_CLIENT, client) ||
	    !take_address(f, SYNTH_SERVER, server)) {
		f->v6 = false;
		make_address_up(f, SYNTH_CLIENT);
		make_address_up(f, SYNTH_SERVER);
	}
	/* Told apart by the eye. */
	f->end[SYNTH_CLIENT].seq = UINT32_C(0x10000000);
	f->end[SYNTH_SERVER].seq = UINT32_C(0x20000000);
}

/* ---- what others call ---- */

void
synth_tcp(struct synth_flow *f, struct pcapng_out *out,
    const struct sockaddr *client, const struct sockaddr *server,
    int64_t time_ns, const char *comment)
{
	begin_flow(f, out, client, server);
	segment(f, SYNTH_CLIENT, TCP_SYN, time_ns, NULL, 0, comment);
	segment(f, SYNTH_SERVER, TCP_SYN | TCP_ACK, time_ns, NULL, 0, comment);
	segment(f, SYNTH_CLIENT, TCP_ACK, time_ns, NULL, 0, comment);
}

void
synth_udp(struct synth_flow *f, struct pcapng_out *out,
    const struct sockaddr *client, const struct sockaddr *server)
{
	begin_flow(f, out, client, server);
	f->udp = true;
}

static void
datagram(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const void *p, size_t len, const char *comment)
{
	struct builder b;
	size_t head;

	if (len > DATAGRAM_MAX)
		len = DATAGRAM_MAX;
	begin_packet(&b, f, from, UDP_HEAD + len);
	head = b.len;
	put_u16(&b, f->end[from].port);
	put_u16(&b, f->end[other(from)].port);
	put_u16(&b, UDP_HEAD + len);
	put_u16(&b, 0);
	put(&b, p, len);
	set_checksum(&b, f, head, 6);
	pcapng_out_packet(f->out, time_ns, b.buf, b.len, comment);
}

void
synth_bytes(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const void *p, size_t len, const char *comment)
{
	if (f->udp)
		datagram(f, from, time_ns, p, len, comment);
	else
		tcp_bytes(f, from, time_ns, p, len, comment);
}

void
synth_note(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const char *comment)
{
	segment(f, from, TCP_ACK, time_ns, NULL, 0, comment);
}

void
synth_tap(struct synth_flow *f, enum synth_side own, enum tap_kind kind,
    int64_t time_ns, const void *p, size_t len, const char *comment)
{
	enum synth_side peer = other(own);

	switch (kind) {
	case TAP_IN:
		synth_bytes(f, peer, time_ns, p, len, comment);
		break;
	case TAP_OUT:
		synth_bytes(f, own, time_ns, p, len, comment);
		break;
	case TAP_IN_FIN:
		add_fin(f, peer, time_ns, comment);
		break;
	case TAP_OUT_FIN:
		add_fin(f, own, time_ns, comment);
		break;
	case TAP_IN_RST:
		add_reset(f, peer, time_ns, comment);
		break;
	case TAP_OUT_RST:
		add_reset(f, own, time_ns, comment);
		break;
	case TAP_SECRET:
		break;
	}
}

uint64_t
synth_size(size_t len, const char *comment)
{
	size_t head = ETHERNET_HEAD + IP6_HEAD + TCP_HEAD;
	size_t n = len / SEGMENT_MAX + 1;

	/* Each segment, and at worst an acknowledgement behind it. */
	return (uint64_t)n *
	    (pcapng_out_size(head, comment) + pcapng_out_size(head, NULL)) +
	    len + 4 * n;
}
