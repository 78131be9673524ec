/*
 * One protocol message, decoded: views into the payload, one per field of
 * its row in the frame table.  The same shape is encoded, so whatever can be
 * described can be sent, the illegal included (RK_LAX).
 */
#ifndef RK_FRAME_H
#define RK_FRAME_H

#include "dialect.h"
#include "keys.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_TLV32_LEN        5 /* type u8 and length u32: iroh-v3 section 2.1 */
#define RK_FRAME_HEADER_MAX 8 /* a varint: RFC 9000 section 16 */

/* A whole frame as cut from the stream, not yet interpreted. */
struct rk_raw_frame {
	uint32_t type;
	struct rk_span payload;
	size_t header_len; /* bytes before the payload */
	size_t total_len;  /* header and payload: drop so many */
};

struct rk_frame {
	const struct rk_frame_spec *spec; /* NULL: unknown type */
	enum rk_frame_kind kind;
	uint32_t type;
	struct rk_span payload;
	/* By index of spec->field.  A field beyond the end of a short
	 * payload is an empty span, or what there is of it. */
	struct rk_span field[RK_FRAME_MAX_FIELDS];
};

/*
 * Cut one frame from the front of a byte stream or, for message forms, take
 * the whole of |buf| as one.  Nothing is copied; |out| points into |buf|.
 * RK_OK; RK_ERR_AGAIN with out->total_len set to what is needed (the header
 * at least); RK_ERR_TOO_LONG as soon as the header says so (the five header
 * bytes are still described in |out|); RK_ERR_EMPTY.
 * |max_payload| is the limit of the stream form, inclusive.
 */
RK_API int rk_split(enum rk_header_form form, size_t max_payload,
    const void *buf, size_t len, struct rk_raw_frame *out);

/*
 * Interpret a whole frame.  |out| is always filled as far as the bytes go,
 * so that a damaged frame can still be shown; the result is the first rule
 * it breaks: RK_ERR_UNKNOWN_TYPE, _LENGTH, _PACKET, _MAGIC, _KEY, _VALUE,
 * _UTF8, in the order in which the reference looks.
 * With |check_keys| false, key fields are not decompressed.
 * RK_ERR_UTF8 comes last and is a rule for who reads the text: a relay of
 * iroh-v3 that ignores Health takes it as RK_OK.
 */
RK_API int rk_frame_decode(const struct rk_dialect *d,
    const struct rk_raw_frame *raw, bool check_keys, struct rk_frame *out);

/* Start a frame to be encoded; every field empty.  NULL spec is refused
 * later by rk_frame_encode. */
RK_API void rk_frame_init(struct rk_frame *f, const struct rk_frame_spec *spec);
/* Set a field to borrowed bytes.  RK_ERR_ARGUMENT: no such field. */
RK_API int rk_frame_set(struct rk_frame *f, const char *field, const void *p,
    size_t len);

enum rk_strictness {
	RK_STRICT, /* refuse what the receiver must refuse */
	RK_LAX     /* write what was asked for, whatever it is */
};

/*
 * Append header and payload to |w|.  MAGIC fields that were not set are
 * filled in.  RK_ERR_SPACE, or in strict mode the rule that is broken: a
 * field of another length than its own (RK_ERR_LENGTH), the carrier's limit
 * (RK_ERR_TOO_LONG), or what rk_frame_decode says.  Nothing is written then.
 */
RK_API int rk_frame_encode(const struct rk_dialect *d, enum rk_header_form form,
    const struct rk_frame *f, enum rk_strictness strict, struct rk_writer *w);

/* Append a header for |payload_len| bytes to come.  RK_ERR_SPACE. */
RK_API int rk_frame_header(enum rk_header_form form, uint32_t type,
    size_t payload_len, struct rk_writer *w);

/* View of a field by name; empty, with p NULL, if there is none. */
RK_API struct rk_span rk_frame_field(const struct rk_frame *f,
    const char *name);
/* Big-endian number of a UINT field; 0 if absent or short. */
RK_API uint64_t rk_frame_uint(const struct rk_frame *f, const char *name);
/* Copy out the field "key"; false if the frame has none or it is short. */
RK_API bool rk_frame_key(const struct rk_frame *f, struct rk_key *key);

RK_API enum rk_lane rk_frame_lane(const struct rk_dialect *d,
    const struct rk_frame *f);

/*
 * One line of text, without newline, for people: name, salient fields, data
 * as hex cut at |snap| bytes.  Never writes control bytes.  Returns the
 * length the whole line has, as snprintf does.
 */
RK_API size_t rk_frame_text(const struct rk_frame *f, size_t snap, char *out,
    size_t size);

#ifdef __cplusplus
}
#endif
#endif
