/* See packets.h. */
#include "config.h"

#include "packets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "support.h"

void
blob_clear(struct blob *b)
{
	free(b->p);
	*b = (struct blob){ 0 };
}

void
blob_add(struct blob *b, const void *p, size_t len)
{
	if (b->cap - b->len < len) {
		b->cap = 2 * (b->len + len);
		b->p = xreallocarray(b->p, b->cap, 1);
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

void
blob_be16(struct blob *b, unsigned v)
{
	const uint8_t p[] = { (uint8_t)(v >> 8), (uint8_t)v };

	blob_add(b, p, sizeof(p));
}

void
blob_be32(struct blob *b, uint32_t v)
{
	blob_be16(b, v >> 16);
	blob_be16(b, v & 0xffff);
}

void
blob_u16(struct blob *b, unsigned v)
{
	blob_be16(b, b->big_endian ? v : (v & 0xff) << 8 | (v >> 8 & 0xff));
}

void
blob_u32(struct blob *b, uint32_t v)
{
	blob_be32(b, b->big_endian ? v : __builtin_bswap32(v));
}

const char *
blob_file(const struct blob *b)
{
	static char path[64];
	static int fd = -1;
	ssize_t n;

	if (fd >= 0)
		close(fd);
	fd = memfd_create("capture", 0);
	ck_assert_int_ge(fd, 0);
	n = b->len > 0 ? write(fd, b->p, b->len) : 0;
	ck_assert_int_eq(n, (ssize_t)b->len);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	return path;
}

struct blob
blob_load(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct blob b = { 0 };
	uint8_t buf[4096];
	size_t n;

	ck_assert_msg(f != NULL, "%s", path);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		blob_add(&b, buf, n);
	fclose(f);
	return b;
}

/* ---- packets ---- */

static void
make_tcp(struct blob *b, const struct tcp_packet *t)
{
	blob_be16(b, t->from);
	blob_be16(b, t->to);
	blob_be32(b, t->seq);
	blob_be32(b, t->ack);
	blob_be16(b, 5u << 12 | t->flags);
	blob_be16(b, 0xffff);
	blob_be32(b, 0); /* no checksum: the card was to make it */
	blob_add(b, t->data, t->len);
}

void
make_ipv4(struct blob *b, const struct tcp_packet *t)
{
	blob_be16(b, 0x4500);
	blob_be16(b, (unsigned)(40 + t->len) & 0xffff);
	blob_be16(b, t->id);
	blob_be16(b, 0x4000);
	blob_be32(b, 64u << 24 | 6u << 16);
	blob_be32(b, 0x7f000001);
	blob_be32(b, 0x7f000001);
	make_tcp(b, t);
}

void
make_ipv6(struct blob *b, const struct tcp_packet *t, bool jumbo)
{
	static const uint8_t loopback[16] = { [15] = 1 };

	blob_be32(b, 0x60000000);
	blob_be16(b, jumbo ? 0 : (unsigned)(20 + t->len));
	blob_be16(b, (jumbo ? 0u : 6u) << 8 | 64);
	blob_add(b, loopback, sizeof(loopback));
	blob_add(b, loopback, sizeof(loopback));
	if (jumbo) {
		blob_be32(b, 0x0600c204); /* RFC 2675 section 2 */
		blob_be32(b, (uint32_t)(28 + t->len));
	}
	make_tcp(b, t);
}

/* ---- files ---- */

void
pcap_begin(struct blob *b, int link, bool big_endian, bool nsec)
{
	b->big_endian = big_endian;
	blob_u32(b, nsec ? 0xa1b23c4d : 0xa1b2c3d4);
	blob_u16(b, 2);
	blob_u16(b, 4);
	blob_u32(b, 0);
	blob_u32(b, 0);
	blob_u32(b, 262144);
	blob_u32(b, (uint32_t)link);
}

/* Microseconds, unless the caller began otherwise: then nothing but its
 * reader could tell, so times are whole microseconds here. */
void
pcap_add(struct blob *b, const void *p, size_t len, size_t wire,
    int64_t time_ns)
{
	blob_u32(b, (uint32_t)(time_ns / NS_PER_S));
	blob_u32(b, (uint32_t)(time_ns % NS_PER_S / 1000));
	blob_u32(b, (uint32_t)len);
	blob_u32(b, (uint32_t)wire);
	blob_add(b, p, len);
}

static void
pad(struct blob *b)
{
	while (b->len % 4 != 0)
		blob_add(b, "", 1);
}

void
pcapng_block(struct blob *b, uint32_t type, const struct blob *body)
{
	struct blob padded = { 0 };

	blob_add(&padded, body->p, body->len);
	pad(&padded);
	blob_u32(b, type);
	blob_u32(b, (uint32_t)(12 + padded.len));
	blob_add(b, padded.p, padded.len);
	blob_u32(b, (uint32_t)(12 + padded.len));
	blob_clear(&padded);
}

void
pcapng_begin(struct blob *b, bool big_endian)
{
	struct blob body = { .big_endian = big_endian };

	b->big_endian = big_endian;
	blob_u32(&body, 0x1a2b3c4d);
	blob_u16(&body, 1);
	blob_u16(&body, 0);
	blob_u32(&body, 0xffffffff); /* section length: unknown */
	blob_u32(&body, 0xffffffff);
	pcapng_block(b, 0x0a0d0d0a, &body);
	blob_clear(&body);
}

void
pcapng_option(struct blob *body, unsigned code, const void *p, size_t len)
{
	blob_u16(body, code);
	blob_u16(body, (unsigned)len);
	blob_add(body, p, len);
	pad(body);
}

void
pcapng_interface(struct blob *b, int link, uint32_t snaplen,
    const struct blob *options)
{
	struct blob body = { .big_endian = b->big_endian };

	blob_u16(&body, (unsigned)link);
	blob_u16(&body, 0);
	blob_u32(&body, snaplen);
	if (options != NULL)
		blob_add(&body, options->p, options->len);
	pcapng_block(b, 1, &body);
	blob_clear(&body);
}

void
pcapng_add(struct blob *b, uint32_t interface, uint64_t stamp, const void *p,
    size_t len, size_t wire)
{
	struct blob body = { .big_endian = b->big_endian };

	blob_u32(&body, interface);
	blob_u32(&body, (uint32_t)(stamp >> 32));
	blob_u32(&body, (uint32_t)stamp);
	blob_u32(&body, (uint32_t)len);
	blob_u32(&body, (uint32_t)wire);
	blob_add(&body, p, len);
	pad(&body);
	pcapng_option(&body, 1, "a comment", 9);
	pcapng_option(&body, 0, NULL, 0);
	pcapng_block(b, 6, &body);
	blob_clear(&body);
}
