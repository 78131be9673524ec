/*
 * pcapng (draft-ietf-opsawg-pcapng): a block is type u32, length u32, body,
 * length u32 again, in the byte order that its section announces.
 */
#include "config.h"

#include "capture/pcapng_read.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"

enum block_type {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	BLOCK_SECRETS = 10
};

enum option_code {
	OPTION_END = 0,
	OPTION_IF_TSRESOL = 9,
	OPTION_IF_TSOFFSET = 14
};

#define SECRETS_TLS      0x544c534b /* a key log; others are no TLS */
#define BYTE_ORDER_MAGIC 0x1a2b3c4d
#define BLOCK_FIXED      12 /* type and both lengths */
#define BLOCK_MAX        (64u << 20)
#define READ_STEP        (64u << 10) /* a claimed length buys no memory */
#define INTERFACES_MAX   4096        /* of a section */
#define SECONDS_MAX      INT64_C(9000000000) /* of what fits into ns */

struct interface {
	int link;
	uint32_t snaplen; /* 0: no limit */
	bool binary;      /* resolution 2^-n, else 10^-n */
	unsigned digits;  /* n */
	int64_t offset_s;
};

struct pcapng {
	FILE *f;
	bool big_endian;
	struct interface *interface;
	size_t ninterfaces;
	uint64_t packets;
	uint32_t type; /* of the block that was read last */
	uint8_t *body;
	size_t len;
	size_t cap;
};

static uint16_t
u16(const struct pcapng *n, const uint8_t *p)
{
	return (uint16_t)(n->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static uint32_t
u32(const struct pcapng *n, const uint8_t *p)
{
	uint32_t a = u16(n, p), b = u16(n, p + 2);

	return n->big_endian ? a << 16 | b : b << 16 | a;
}

static uint64_t
u64(const struct pcapng *n, const uint8_t *p)
{
	uint64_t a = u32(n, p), b = u32(n, p + 4);

	return n->big_endian ? a << 32 | b : b << 32 | a;
}

static enum packet_result
damaged(const struct pcapng *n, const char *what, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s", what);
	return PACKET_DAMAGED;
}

/* ---- blocks ---- */

static bool
read_body(struct pcapng *n, size_t len)
{
	n->len = 0;
	while (n->len < len) {
		size_t want =
		    len - n->len < READ_STEP ? len - n->len : READ_STEP;
		if (n->cap < n->len + want) {
			n->cap = n->len + want > 2 * n->cap ? n->len + want
							    : 2 * n->cap;
			n->body = xreallocarray(n->body, n->cap, 1);
		}
		if (fread(n->body + n->len, 1, want, n->f) != want)
			return false;
		n->len += want;
	}
	return true;
}

/* The length of a section's header can be read only once its byte order is
 * known, which stands behind it. */
static bool
read_byte_order(struct pcapng *n, uint8_t magic[4])
{
	if (fread(magic, 1, 4, n->f) != 4)
		return false;
	n->big_endian = true;
	if (u32(n, magic) != BYTE_ORDER_MAGIC)
		n->big_endian = false;
	return true;
}

static enum packet_result
read_block(struct pcapng *n, char *err, size_t err_size)
{
	static const char cut[] = "the file ends inside of a block";
	uint8_t head[8], magic[4], tail[4];
	size_t got = fread(head, 1, sizeof(head), n->f);
	size_t taken = 0;
	uint32_t total;

	if (got == 0 && !ferror(n->f))
		return PACKET_END;
	if (got < sizeof(head))
		return damaged(n, cut, err, err_size);
	n->type = u32(n, head);
	/* The same in both byte orders. */
	if (n->type == BLOCK_SECTION) {
		if (!read_byte_order(n, magic))
			return damaged(n, cut, err, err_size);
		if (u32(n, magic) != BYTE_ORDER_MAGIC)
			return damaged(n, "a section without byte order", err,
			    err_size);
		n->ninterfaces = 0;
		taken = sizeof(magic);
	}
	total = u32(n, head + 4);
	if (total < BLOCK_FIXED + taken || total % 4 != 0 ||
	    total > BLOCK_MAX) {
		snprintf(err, err_size, "a block of %" PRIu32 " bytes", total);
		return PACKET_DAMAGED;
	}
	if (!read_body(n, total - BLOCK_FIXED - taken) ||
	    fread(tail, 1, sizeof(tail), n->f) != sizeof(tail))
		return damaged(n, cut, err, err_size);
	if (u32(n, tail) != total)
		return damaged(n, "a block whose two lengths differ", err,
		    err_size);
	return PACKET_OK;
}

/* ---- interfaces ---- */

static void
read_option(const struct pcapng *n, struct interface *i, uint16_t code,
    const uint8_t *p, uint16_t len)
{
	if (code == OPTION_IF_TSRESOL && len == 1) {
		i->binary = (p[0] & 0x80) != 0;
		i->digits = p[0] & 0x7f;
	} else if (code == OPTION_IF_TSOFFSET && len == 8) {
		i->offset_s = (int64_t)u64(n, p);
	}
}

static void
read_options(const struct pcapng *n, struct interface *i, const uint8_t *p,
    size_t left)
{
	while (left >= 4) {
		uint16_t code = u16(n, p), len = u16(n, p + 2);
		size_t padded = ((size_t)len + 3) & ~(size_t)3;

		if (code == OPTION_END || padded > left - 4)
			return;
		read_option(n, i, code, p + 4, len);
		p += 4 + padded;
		left -= 4 + padded;
	}
}

/* link u16 | reserved u16 | snaplen u32 | options */
static enum packet_result
add_interface(struct pcapng *n, char *err, size_t err_size)
{
	struct interface *i;

	if (n->len < 8)
		return damaged(n, "an interface without description", err,
		    err_size);
	if (n->ninterfaces == INTERFACES_MAX)
		return damaged(n, "too many interfaces", err, err_size);
	n->interface =
	    xreallocarray(n->interface, n->ninterfaces + 1, sizeof(*i));
	i = &n->interface[n->ninterfaces++];
	*i = (struct interface){ .link = u16(n, n->body),
		.snaplen = u32(n, n->body + 4),
		.digits = 6 };
	read_options(n, i, n->body + 8, n->len - 8);
	return PACKET_OK;
}

static int64_t
to_ns(const struct interface *i, uint64_t stamp)
{
	uint64_t units = 1, part;
	int64_t s, ns;

	if (i->binary) {
		s = i->digits < 64 ? (int64_t)(stamp >> i->digits) : 0;
		part = i->digits < 64 ? stamp & ((UINT64_C(1) << i->digits) - 1)
				      : 0;
		/* 34 bits of a fraction are more than a nanosecond needs,
		 * and can be multiplied. */
		for (unsigned d = i->digits; d > 34; d--)
			part >>= 1;
		ns = (int64_t)(part * (uint64_t)NS_PER_S >>
		    (i->digits < 34 ? i->digits : 34));
	} else {
		for (unsigned d = 0; d < i->digits && d < 19; d++)
			units *= 10;
		s = (int64_t)(stamp / units);
		part = stamp % units;
		ns = units > (uint64_t)NS_PER_S
		    ? (int64_t)(part / (units / (uint64_t)NS_PER_S))
		    : (int64_t)(part * ((uint64_t)NS_PER_S / units));
	}
	if (s < 0 || s > SECONDS_MAX)
		s = SECONDS_MAX;
	if (i->offset_s > SECONDS_MAX || i->offset_s < -SECONDS_MAX)
		return s * NS_PER_S + ns;
	s += i->offset_s;
	if (s > SECONDS_MAX)
		s = SECONDS_MAX;
	return s < 0 ? 0 : s * NS_PER_S + ns;
}

/* ---- packets ---- */

static enum packet_result
bad(const char *what, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s", what);
	return PACKET_BAD;
}

static enum packet_result
finish_packet(struct pcapng *n, struct packet *out, uint32_t interface,
    size_t at, char *err, size_t err_size)
{
	if (interface >= n->ninterfaces)
		return bad("of an interface that is not described", err,
		    err_size);
	if (out->len > n->len - at)
		return bad("captured length beyond its block", err, err_size);
	out->link = n->interface[interface].link;
	out->p = n->body + at;
	if (out->wire < out->len)
		out->wire = out->len;
	return PACKET_OK;
}

/* interface u32 | stamp, upper and lower u32 | captured u32 | length u32;
 * the obsolete one has interface u16 | drops u16 instead */
static enum packet_result
read_enhanced(struct pcapng *n, struct packet *out, char *err, size_t err_size)
{
	const uint8_t *p = n->body;
	uint32_t interface;

	if (n->len < 20)
		return bad("too short a block", err, err_size);
	interface = n->type == BLOCK_PACKET ? u16(n, p) : u32(n, p);
	if (interface < n->ninterfaces)
		out->time_ns = to_ns(&n->interface[interface],
		    (uint64_t)u32(n, p + 4) << 32 | u32(n, p + 8));
	out->len = u32(n, p + 12);
	out->wire = u32(n, p + 16);
	return finish_packet(n, out, interface, 20, err, err_size);
}

/* length u32 | as much as the first interface captures; no time */
static enum packet_result
read_simple(struct pcapng *n, struct packet *out, char *err, size_t err_size)
{
	if (n->len < 4)
		return bad("too short a block", err, err_size);
	out->wire = u32(n, n->body);
	out->len = out->wire;
	if (n->ninterfaces > 0 && n->interface[0].snaplen != 0 &&
	    out->len > n->interface[0].snaplen)
		out->len = n->interface[0].snaplen;
	return finish_packet(n, out, 0, 4, err, err_size);
}

/* ---- secrets ---- */

/* type u32 | length u32 | secrets | options; true if they are for us */
static bool
read_secrets(const struct pcapng *n, struct packet *out)
{
	if (n->len < 8 || u32(n, n->body) != SECRETS_TLS)
		return false;
	out->p = n->body + 8;
	out->wire = u32(n, n->body + 4);
	out->len = out->wire < n->len - 8 ? out->wire : n->len - 8;
	return true;
}

enum packet_result
pcapng_next(struct pcapng *n, struct packet *out, char *err, size_t err_size)
{
	for (;;) {
		enum packet_result r;

		*out = (struct packet){ .number = n->packets + 1 };
		r = read_block(n, err, err_size);
		if (r != PACKET_OK)
			return r;
		switch (n->type) {
		case BLOCK_INTERFACE:
			r = add_interface(n, err, err_size);
			if (r != PACKET_OK)
				return r;
			break;
		case BLOCK_PACKET:
		case BLOCK_ENHANCED:
			n->packets++;
			return read_enhanced(n, out, err, err_size);
		case BLOCK_SIMPLE:
			n->packets++;
			return read_simple(n, out, err, err_size);
		case BLOCK_SECRETS:
			if (read_secrets(n, out))
				return PACKET_SECRETS;
			break;
		default:
			break; /* statistics, names, of others */
		}
	}
}

struct pcapng *
pcapng_new(FILE *f, char *err, size_t err_size)
{
	struct pcapng *n = xcalloc(1, sizeof(*n));

	n->f = f;
	if (read_block(n, err, err_size) == PACKET_OK) {
		if (n->type == BLOCK_SECTION)
			return n;
		snprintf(err, err_size, "not a capture file");
	}
	pcapng_free(n);
	return NULL;
}

void
pcapng_free(struct pcapng *n)
{
	if (n == NULL)
		return;
	free(n->interface);
	free(n->body);
	free(n);
}
