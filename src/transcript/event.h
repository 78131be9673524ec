/*
 * One thing that happened on one connection, as data.  The engine writes
 * events, the capture reader writes them; everything else reads them.
 */
#ifndef TRANSCRIPT_EVENT_H
#define TRANSCRIPT_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "codec/frame.h"

enum direction {
	DIR_C2S,
	DIR_S2C
};

enum event_kind {
	EVENT_OPENED, /* connected; text: the peer's address */
	EVENT_TLS,    /* handshake done; text: version and cipher */
	EVENT_HTTP,   /* a head; bytes: the whole head, text: its first line */
	EVENT_BODY,   /* bytes of an HTTP body */
	EVENT_FRAME,  /* a frame of the dialect; bytes: its payload */
	EVENT_WS,     /* WebSocket control or text message; bytes: payload */
	EVENT_REST,   /* bytes that are no whole frame (or broke a rule) */
	EVENT_BYTES,  /* bytes outside any framing, as written or read */
	EVENT_OPAQUE, /* bytes that cannot be read (TLS without keys) */
	EVENT_GAP,    /* |len| bytes are missing (captures) */
	EVENT_ENDED,  /* this direction ended: |ending| */
	EVENT_REMARK, /* a fact about the source: text */
	EVENT_ORACLE, /* what was found about the target: text; no conn */
	EVENT_NKINDS
};

/* The remark behind what went out in so many (size_t) writes. */
#define EVENT_IN_WRITES "in %zu writes, this was the last"

struct event {
	enum event_kind kind;
	enum direction dir;
	int conn;        /* index of the connection; -1: none (remarks) */
	int64_t time_ns; /* since the transcript's epoch */
	uint64_t packet; /* of a capture, from 1; 0: none */
	int line;        /* of a script; 0: none */
	uint8_t *bytes;  /* owned; NULL if empty */
	size_t len;      /* of bytes; EVENT_GAP and OPAQUE: counted only */
	char *text;      /* owned; may be NULL */
	/* EVENT_FRAME */
	const struct rk_dialect *dialect;
	uint32_t type;
	int error; /* first rule that it (or another event) breaks, or RK_OK */
	/* EVENT_WS; EVENT_OPAQUE: not 0 if it is a WebSocket message */
	uint8_t opcode;
	/* EVENT_ENDED */
	enum ending ending;
};

/* "opened", "tls", "http", … */
const char *event_kind_name(enum event_kind k);
/* "http", "body", "SendPacket", "unknown 0x10", "ws opcode 9", "rest", …:
 * the "what" of JSON.  Valid until the next call. */
const char *event_what(const struct event *e);
/* "c2s", "s2c". */
const char *direction_name(enum direction d);
/* Decode the frame of an EVENT_FRAME again: views into e->bytes. */
int event_frame(const struct event *e, struct rk_frame *f);

#endif
