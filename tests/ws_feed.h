/*
 * A receive buffer around rk_ws_next(): bytes in, in whatever pieces, and a
 * log of the messages that came out.  A broken promise of ws.h aborts.
 */
#ifndef TESTS_WS_FEED_H
#define TESTS_WS_FEED_H

#include "codec/ws.h"

/* Messages as bytes, to be compared with another log. */
struct ws_log {
	uint8_t *p;
	size_t len;
	size_t cap;
};

struct ws_feed {
	struct rk_ws_reader reader;
	uint8_t *buf; /* as large as what it holds, for ASan */
	size_t len;
	size_t need; /* of the last RK_ERR_AGAIN */
	int err;     /* RK_ERR_AGAIN, or what ended it */
	bool closed; /* a Close came; nothing behind it is looked at */
	struct ws_log log;
	size_t nmessages;
	struct rk_ws_message last; /* payload gone; for its numbers */
};

void ws_log_add(struct ws_log *log, uint8_t opcode, int close_code,
    const void *payload, size_t len);

void ws_feed_init(struct ws_feed *f, bool expect_mask, size_t max_frame,
    size_t max_message);
void ws_feed_clear(struct ws_feed *f);
/* Add bytes and take all messages that are whole; f->err says how it is. */
void ws_feed_bytes(struct ws_feed *f, const void *p, size_t len);
/* The same in pieces of |piece| bytes. */
void ws_feed_pieces(struct ws_feed *f, const void *p, size_t len, size_t piece);

#endif
