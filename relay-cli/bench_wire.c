/* Frames of a load; see bench_wire.h. */
#include "config.h"

#include "relay-cli/bench_wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "net/stream.h"
#include "relay-cli/bench_packets.h"

#define SMALL_MAX 256 /* a Ping, a control frame */

static void
ws_header(struct rk_writer *w, uint8_t opcode, size_t len, uint8_t mask[4])
{
	struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.masked = true,
		.payload_len = len };

	rk_random(h.mask, sizeof(h.mask));
	memcpy(mask, h.mask, sizeof(h.mask));
	rk_ws_write_header(&h, w);
}

/* ---- out */

/* RFC 6455 wants a fresh mask for each frame, to protect proxies; here all
 * frames of a connection have one, so that masking costs the load nothing. */
void
wire_template_init(struct wire_template *t, const struct wire *w,
    const struct rk_key *dest, size_t size)
{
	enum rk_header_form form = w->dialect->header[w->carrier];
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_kind(w->dialect, RK_FRAME_SEND);
	size_t payload_len = sizeof(dest->b) + size;
	size_t cap = RK_WS_HEADER_MAX + RK_FRAME_HEADER_MAX + payload_len;
	uint8_t header[RK_FRAME_HEADER_MAX];
	struct rk_writer h, out;

	*t = (struct wire_template){ .bytes = xcalloc(1, cap), .size = size };
	rk_writer_init(&h, header, sizeof(header));
	rk_frame_header(form, spec->type, payload_len, &h);
	rk_writer_init(&out, t->bytes, cap);
	if (w->carrier == RK_CARRIER_WS) {
		ws_header(&out, RK_WS_BINARY, h.len + payload_len, t->mask);
		t->mask_at = out.len;
	}
	rk_write_bytes(&out, header, h.len);
	rk_write_bytes(&out, dest->b, sizeof(dest->b));
	t->data_at = out.len;
	t->len = out.len + size;
	if (t->mask_at > 0)
		rk_ws_mask(t->mask, 0, t->bytes + t->mask_at,
		    t->len - t->mask_at);
}

void
wire_template_clear(struct wire_template *t)
{
	free(t->bytes);
	t->bytes = NULL;
}

void
wire_build(const struct wire_template *t, uint8_t *out, uint64_t seq,
    int64_t time, const uint8_t *body)
{
	uint8_t *data = out + t->data_at;
	size_t fresh = BENCH_SIZE_MIN; /* bytes that are not the template's */

	if (body == NULL) {
		memcpy(out, t->bytes, t->len);
	} else {
		memcpy(out, t->bytes, t->data_at);
		memcpy(data + BENCH_SIZE_MIN, body, t->size - BENCH_SIZE_MIN);
		fresh = t->size;
	}
	memcpy(data, &seq, sizeof(seq));
	memcpy(data + sizeof(seq), &time, sizeof(time));
	if (t->mask_at > 0)
		rk_ws_mask(t->mask, t->data_at - t->mask_at, data, fresh);
}

static bool
write_ws(struct wire *w, uint8_t opcode, const uint8_t *p, size_t len)
{
	uint8_t buf[RK_WS_HEADER_MAX + SMALL_MAX], mask[4];
	struct rk_writer out;
	size_t at;

	rk_writer_init(&out, buf, sizeof(buf));
	ws_header(&out, opcode, len, mask);
	at = out.len;
	rk_write_bytes(&out, p, len);
	rk_ws_mask(mask, 0, buf + at, len);
	return stream_write(w->stream, buf, out.len);
}

bool
wire_write_eight(struct wire *w, enum rk_frame_kind kind, const uint8_t data[8])
{
	uint8_t buf[SMALL_MAX];
	struct rk_writer out;
	struct rk_frame f;

	rk_writer_init(&out, buf, sizeof(buf));
	rk_frame_init(&f, rk_frame_spec_by_kind(w->dialect, kind));
	rk_frame_set(&f, "data", data, 8);
	rk_frame_encode(w->dialect, w->dialect->header[w->carrier], &f,
	    RK_STRICT, &out);
	return w->carrier == RK_CARRIER_WS
	    ? write_ws(w, RK_WS_BINARY, buf, out.len)
	    : stream_write(w->stream, buf, out.len);
}

/* ---- in */

static int
read_raw(struct wire *w, wire_fn fn, void *arg)
{
	size_t len, at = 0;
	uint8_t *p = stream_input(w->stream, &len);
	int err;

	for (;;) {
		struct rk_raw_frame raw;
		bool more;

		err = rk_split(w->dialect->header[w->carrier],
		    w->dialect->max_frame, p + at, len - at, &raw);
		if (err != RK_OK)
			break;
		more = fn(arg, &raw);
		at += raw.total_len;
		if (!more)
			break;
	}
	stream_consume(w->stream, at);
	return err;
}

/* RK_OK, with *more false if |fn| wants no more. */
static int
ws_message(struct wire *w, const struct rk_ws_message *m, wire_fn fn, void *arg,
    bool *more)
{
	struct rk_raw_frame raw;
	int err = RK_OK;

	*more = true;
	switch (m->opcode) {
	case RK_WS_BINARY:
		err = rk_split(w->dialect->header[w->carrier],
		    w->dialect->max_message, m->payload, m->len, &raw);
		if (err == RK_OK)
			*more = fn(arg, &raw);
		return err;
	case RK_WS_PING:
		write_ws(w, RK_WS_PONG, m->payload, m->len);
		return RK_OK;
	case RK_WS_CLOSE:
		return RK_ERR_UNEXPECTED;
	default:
		return RK_OK;
	}
}

static int
read_ws(struct wire *w, wire_fn fn, void *arg)
{
	size_t len, off = 0;
	uint8_t *p = stream_input(w->stream, &len);
	bool more = true;
	int err = RK_OK;

	while (err == RK_OK && more) {
		size_t at, used, need;
		struct rk_ws_message m;

		err = rk_ws_next(&w->ws, p + off, len - off, &m, &at, &used,
		    &need);
		if (err == RK_OK)
			err = ws_message(w, &m, fn, arg, &more);
		if (at > 0 && used > 0) { /* between fragments: rare */
			stream_consume(w->stream, off);
			stream_consume_at(w->stream, at, used);
			p = stream_input(w->stream, &len);
			off = 0;
		} else {
			off += used;
		}
	}
	stream_consume(w->stream, off);
	return err;
}

int
wire_read(struct wire *w, wire_fn fn, void *arg)
{
	return w->carrier == RK_CARRIER_WS ? read_ws(w, fn, arg)
					   : read_raw(w, fn, arg);
}
