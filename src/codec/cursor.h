/*
 * Bounded reading and writing of wire bytes.  A failure is sticky: read all
 * fields, look at |bad| once, then demand that nothing is left over.
 */
#ifndef RK_CURSOR_H
#define RK_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "errors.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes that belong to somebody else. */
struct rk_span {
	const uint8_t *p;
	size_t len;
};

struct rk_reader {
	const uint8_t *p;
	size_t left;
	bool bad; /* something was read beyond the end, or was malformed */
};

struct rk_writer {
	uint8_t *buf;
	size_t len; /* bytes written so far */
	size_t cap;
	bool bad; /* something did not fit; nothing of it was written */
};

RK_API void rk_reader_init(struct rk_reader *r, const void *buf, size_t len);

/* Each returns 0 (or an empty span) once the reader is bad. */
RK_API uint8_t rk_read_u8(struct rk_reader *r);
RK_API uint16_t rk_read_u16be(struct rk_reader *r);
RK_API uint32_t rk_read_u32be(struct rk_reader *r);
RK_API uint64_t rk_read_u64be(struct rk_reader *r);
RK_API uint16_t rk_read_u16le(struct rk_reader *r);
RK_API struct rk_span rk_read_span(struct rk_reader *r, size_t len);
RK_API struct rk_span rk_read_rest(struct rk_reader *r);
/* LEB128, at most ten bytes, the tenth at most 1; non-minimal is fine. */
RK_API uint64_t rk_read_leb128(struct rk_reader *r);
/* RFC 9000 section 16; non-minimal is fine. */
RK_API uint64_t rk_read_quicint(struct rk_reader *r);

RK_API void rk_writer_init(struct rk_writer *w, void *buf, size_t cap);
RK_API void rk_write_u8(struct rk_writer *w, uint8_t v);
RK_API void rk_write_u16be(struct rk_writer *w, uint16_t v);
RK_API void rk_write_u32be(struct rk_writer *w, uint32_t v);
RK_API void rk_write_u64be(struct rk_writer *w, uint64_t v);
RK_API void rk_write_u16le(struct rk_writer *w, uint16_t v);
RK_API void rk_write_bytes(struct rk_writer *w, const void *p, size_t len);
RK_API void rk_write_text(struct rk_writer *w, const char *text);
RK_API void rk_write_leb128(struct rk_writer *w, uint64_t v);
RK_API void rk_write_quicint(struct rk_writer *w, uint64_t v);

#ifdef __cplusplus
}
#endif
#endif
