/* Bounded reading and writing of wire bytes, with a sticky failure. */
#include "config.h"

#include "codec/cursor.h"

#include <string.h>

void
rk_reader_init(struct rk_reader *r, const void *buf, size_t len)
{
	r->p = buf;
	r->left = len;
	r->bad = false;
}

struct rk_span
rk_read_span(struct rk_reader *r, size_t len)
{
	struct rk_span s = { r->p, 0 };

	if (r->bad || len > r->left) {
		r->bad = true;
		return s;
	}
	s.len = len;
	if (len > 0)
		r->p += len;
	r->left -= len;
	return s;
}

struct rk_span
rk_read_rest(struct rk_reader *r)
{
	return rk_read_span(r, r->left);
}

static uint64_t
read_be(struct rk_reader *r, size_t len)
{
	struct rk_span s = rk_read_span(r, len);
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	return v;
}

uint8_t
rk_read_u8(struct rk_reader *r)
{
	return (uint8_t)read_be(r, 1);
}

uint16_t
rk_read_u16be(struct rk_reader *r)
{
	return (uint16_t)read_be(r, 2);
}

uint32_t
rk_read_u32be(struct rk_reader *r)
{
	return (uint32_t)read_be(r, 4);
}

uint64_t
rk_read_u64be(struct rk_reader *r)
{
	return read_be(r, 8);
}

uint16_t
rk_read_u16le(struct rk_reader *r)
{
	uint16_t v = rk_read_u16be(r);

	return (uint16_t)(v << 8 | v >> 8);
}

uint64_t
rk_read_leb128(struct rk_reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = rk_read_u8(r);

		/* Of the tenth byte one bit is left to fill. */
		if (shift == 63 && b > 1)
			r->bad = true;
		if (r->bad)
			return 0;
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	return v;
}

uint64_t
rk_read_quicint(struct rk_reader *r)
{
	uint8_t first = rk_read_u8(r);
	size_t more = ((size_t)1 << (first >> 6)) - 1;
	uint64_t rest = read_be(r, more);

	if (r->bad)
		return 0;
	return (uint64_t)(first & 0x3f) << (8 * more) | rest;
}

void
rk_writer_init(struct rk_writer *w, void *buf, size_t cap)
{
	w->buf = buf;
	w->len = 0;
	w->cap = cap;
	w->bad = false;
}

void
rk_write_bytes(struct rk_writer *w, const void *p, size_t len)
{
	if (w->bad || len > w->cap - w->len) {
		w->bad = true;
		return;
	}
	if (len > 0)
		memcpy(w->buf + w->len, p, len);
	w->len += len;
}

void
rk_write_text(struct rk_writer *w, const char *text)
{
	rk_write_bytes(w, text, strlen(text));
}

/* Big-endian, the low |len| bytes of |v|. */
static void
write_be(struct rk_writer *w, uint64_t v, size_t len)
{
	uint8_t b[8];

	for (size_t i = len; i-- > 0; v >>= 8)
		b[i] = (uint8_t)v;
	rk_write_bytes(w, b, len);
}

void
rk_write_u8(struct rk_writer *w, uint8_t v)
{
	write_be(w, v, 1);
}

void
rk_write_u16be(struct rk_writer *w, uint16_t v)
{
	write_be(w, v, 2);
}

void
rk_write_u32be(struct rk_writer *w, uint32_t v)
{
	write_be(w, v, 4);
}

void
rk_write_u64be(struct rk_writer *w, uint64_t v)
{
	write_be(w, v, 8);
}

void
rk_write_u16le(struct rk_writer *w, uint16_t v)
{
	rk_write_u16be(w, (uint16_t)(v << 8 | v >> 8));
}

void
rk_write_leb128(struct rk_writer *w, uint64_t v)
{
	uint8_t b[10];
	size_t n = 0;

	do {
		b[n++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		v >>= 7;
	} while (v > 0);
	rk_write_bytes(w, b, n);
}

void
rk_write_quicint(struct rk_writer *w, uint64_t v)
{
	unsigned log = 0; /* of the number of bytes */

	while (log < 3 && v >> (8 * (1u << log) - 2) != 0)
		log++;
	if (v >> 62 != 0) {
		w->bad = true;
		return;
	}
	write_be(w, v | (uint64_t)log << (8 * (1u << log) - 2),
	    (size_t)1 << log);
}
