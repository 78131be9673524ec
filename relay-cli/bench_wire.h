/*
 * Frames of a load, without allocation or decoding per packet: a template
 * that is copied and numbered on the way out, a cutter on the way in.
 */
#ifndef CLI_BENCH_WIRE_H
#define CLI_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/frame.h"
#include "codec/ws.h"

struct stream;

/* One connection. */
struct wire {
	const struct rk_dialect *dialect;
	enum rk_carrier carrier;
	struct stream *stream;
	struct rk_ws_reader ws;
};

/* A Send frame, whole; the numbers in its data change. */
struct wire_template {
	uint8_t *bytes;
	size_t len;
	size_t data_at;
	size_t size;    /* of the data */
	size_t mask_at; /* WebSocket: where masking begins; else 0 */
	uint8_t mask[4];
};

void wire_template_init(struct wire_template *t, const struct wire *w,
    const struct rk_key *dest, size_t size);
void wire_template_clear(struct wire_template *t);
/* Write the frame (t->len bytes) to |out|; |body| (NULL: zeros) is the data
 * behind the two numbers. */
void wire_build(const struct wire_template *t, uint8_t *out, uint64_t seq,
    int64_t time, const uint8_t *body);

/* One frame; false: cut no more. */
typedef bool (*wire_fn)(void *arg, const struct rk_raw_frame *raw);

/*
 * Cut all that has come.  RK_ERR_AGAIN: done; RK_OK: |fn| wanted no more;
 * else what is wrong with the framing (a WebSocket that is closed is
 * RK_ERR_UNEXPECTED).
 */
int wire_read(struct wire *w, wire_fn fn, void *arg);
/* Send a Ping or Pong. */
bool wire_write_eight(struct wire *w, enum rk_frame_kind kind,
    const uint8_t data[8]);

#endif
