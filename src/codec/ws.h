/*
 * WebSocket frames (RFC 6455), in place: payloads are unmasked where they
 * lie and fragments of a message are moved together in the caller's buffer.
 */
#ifndef RK_WS_H
#define RK_WS_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_WS_HEADER_MAX  14  /* 2, length 8, mask 4 */
#define RK_WS_CONTROL_MAX 125 /* RFC 6455 section 5.5 */

enum rk_ws_opcode { /* RFC 6455 section 5.2 */
	RK_WS_CONTINUATION = 0x0,
	RK_WS_TEXT = 0x1,
	RK_WS_BINARY = 0x2,
	RK_WS_CLOSE = 0x8,
	RK_WS_PING = 0x9,
	RK_WS_PONG = 0xa
};

/* The header of one frame, as it stands on the wire. */
struct rk_ws_header {
	bool fin;
	uint8_t rsv; /* three bits */
	uint8_t opcode;
	bool masked;
	uint8_t mask[4];
	uint64_t payload_len;
	size_t header_len;
	bool minimal; /* the length has its shortest encoding */
};

/* RK_OK; RK_ERR_AGAIN with h->header_len set to what is needed at least, and
 * those fields set that are there; RK_ERR_WS_LENGTH for a 64-bit length with
 * its top bit set.  No other rule is applied. */
RK_API int rk_ws_parse_header(const void *buf, size_t len,
    struct rk_ws_header *h);

/* Append a header, whatever it says; minimal length encoding.  Opcode,
 * rsv, fin, masked, mask and payload_len are used.  RK_ERR_SPACE. */
RK_API int rk_ws_write_header(const struct rk_ws_header *h,
    struct rk_writer *w);

/* XOR |len| bytes in place, beginning at |offset| of the payload. */
RK_API void rk_ws_mask(const uint8_t mask[4], size_t offset, uint8_t *p,
    size_t len);

/* Reading a connection: all rules. */
struct rk_ws_reader {
	bool expect_mask;   /* true: the peer is a client */
	size_t max_frame;   /* payload of a frame, inclusive */
	size_t max_message; /* reassembled, inclusive */
	/* state */
	bool open;        /* a fragmented message is being assembled */
	uint8_t opcode;   /* of that message */
	size_t assembled; /* bytes of it at the front of the buffer */
	size_t nframes;   /* that they came in */
};

struct rk_ws_message {
	uint8_t opcode;   /* never CONTINUATION */
	uint8_t *payload; /* unmasked, in the caller's buffer */
	size_t len;       /* of it; in a CLOSE it begins with the code */
	size_t nframes;   /* that it came in, for transcripts: 1 or more */
	int close_code;   /* CLOSE: 1005 if it has none; else 0 */
};

/* Limits above SIZE_MAX / 2 count as that. */
RK_API void rk_ws_reader_init(struct rk_ws_reader *r, bool expect_mask,
    size_t max_frame, size_t max_message);

/*
 * Look for the next whole message at the front of |buf| (the caller's
 * receive buffer, which begins with r->assembled bytes that earlier calls
 * left there).  Control frames between fragments come out by themselves.
 *
 * RK_OK: |m| is valid until the buffer changes.  RK_ERR_AGAIN: more bytes
 * are needed; *need is how many the buffer must hold in all once *used are
 * removed.  Else the rule that was broken, as early as the header shows it;
 * RK_ERR_TOO_LONG for the limits, which bound data and not control frames;
 * RK_ERR_UTF8 for text and the reason of a CLOSE.  Where only the payload of a
 * whole message is wrong |m| is set as well, else it is left as it was.
 * In each case *used bytes at |buf| + *at are done with: the caller removes
 * them before the next call (normally *at is 0).  After RK_OK of a message
 * that was assembled the reader's assembled is 0 again.  A masked frame that
 * is not whole yet is not touched, so calling again with more bytes is safe.
 */
RK_API int rk_ws_next(struct rk_ws_reader *r, uint8_t *buf, size_t len,
    struct rk_ws_message *m, size_t *at, size_t *used, size_t *need);

/* Is |code| one that may stand in a Close frame? */
RK_API bool rk_ws_close_code_ok(int code);

/* RFC 3629, whole texts. */
RK_API bool rk_utf8_ok(const void *p, size_t len);

#ifdef __cplusplus
}
#endif
#endif
