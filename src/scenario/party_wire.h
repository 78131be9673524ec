/*
 * Frames as bytes on a carrier, right or wrong: what a script asks for is
 * what is built.
 */
#ifndef SCENARIO_PARTY_WIRE_H
#define SCENARIO_PARTY_WIRE_H

#include "codec/frame.h"
#include "scenario/value.h"

struct wire_frame {
	uint32_t type;
	struct rk_span payload;
	int64_t len_delta; /* added to the length field (raw: the frame's,
			      WebSocket: the message's) */
};

struct wire_ws {
	uint8_t opcode;
	bool fin;
	uint8_t rsv;
	bool masked;
	int64_t len_delta;
};

/*
 * The bytes become |out|'s; a WebSocket message is binary, whole and masked
 * with a key drawn from |random|; a frame of a relay, which has NULL there, is
 * not masked.  False if the carrier cannot have it.
 */
bool wire_encode_frame(const struct rk_dialect *d, enum rk_carrier carrier,
    const struct wire_frame *f, uint64_t *random, struct value *out);
bool wire_encode_ws(const struct wire_ws *ws, struct rk_span payload,
    uint64_t *random, struct value *out);

/* Do these bytes, which begin where a frame does, end where one ends?  |open|
 * is kept between calls: a fragmented WebSocket message is under way. */
bool wire_is_whole(const struct rk_dialect *d, enum rk_carrier carrier,
    struct rk_span bytes, bool *open);

/* The bytes of a frame's payload from its fields, magic filled in; the
 * caller's. */
bool wire_payload(const struct rk_dialect *d, const struct rk_frame *f,
    struct value *out);

#endif
