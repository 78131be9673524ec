/*
 * Frames as bytes on a carrier, right or wrong: what a script asks for is
 * what is built.
 */
#ifndef SCENARIO_PARTY_WIRE_H
#define SCENARIO_PARTY_WIRE_H

#include "codec/frame.h"
#include "codec/ws.h"
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

/* Where a stream of bytes stands in its framing; begins as zeros. */
struct wire_place {
	uint8_t head[RK_WS_HEADER_MAX];
	size_t nhead;  /* of a header that is not whole yet */
	uint64_t left; /* of a payload */
	bool open;     /* a fragmented WebSocket message is under way */
	bool lost;     /* what came is no header */
};
/* These bytes go on from there. */
void wire_place_add(struct wire_place *w, const struct rk_dialect *d,
    enum rk_carrier carrier, struct rk_span bytes);
/* Can a WebSocket control frame begin here, and a frame? */
bool wire_place_is_between(const struct wire_place *w);
bool wire_place_is_whole(const struct wire_place *w);

/* The bytes of a frame's payload from its fields, magic filled in; the
 * caller's. */
bool wire_payload(const struct rk_dialect *d, const struct rk_frame *f,
    struct value *out);

#endif
