/* Frames as bytes on a carrier; see party_wire.h. */
#include "config.h"

#include "scenario/party_wire.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/ws.h"

#define HEADERS_MAX (RK_FRAME_HEADER_MAX + RK_WS_HEADER_MAX)

/* The length that is claimed; nothing below zero can be. */
static uint64_t
claimed(size_t len, int64_t delta)
{
	if (delta < 0 && (uint64_t)-delta > len)
		return 0;
	return (uint64_t)len + (uint64_t)delta;
}

static void
draw_mask(uint64_t *random, uint8_t mask[4])
{
	*random =
	    *random * UINT64_C(6364136223846793005) + UINT64_C(0xda3e39cb);
	for (int i = 0; i < 4; i++)
		mask[i] = (uint8_t)(*random >> (32 + 8 * i));
}

bool
wire_encode_ws(const struct wire_ws *ws, struct rk_span payload,
    uint64_t *random, struct value *out)
{
	struct rk_ws_header h = {
		.fin = ws->fin,
		.rsv = ws->rsv,
		.opcode = ws->opcode,
		.masked = ws->masked,
		.payload_len = claimed(payload.len, ws->len_delta),
	};
	uint8_t *buf = xmalloc(payload.len + HEADERS_MAX + 1);
	struct rk_writer w;

	if (h.masked)
		draw_mask(random, h.mask);
	rk_writer_init(&w, buf, payload.len + HEADERS_MAX);
	if (rk_ws_write_header(&h, &w) != RK_OK) {
		free(buf);
		return false;
	}
	rk_write_bytes(&w, payload.p, payload.len);
	if (h.masked)
		rk_ws_mask(h.mask, 0, buf + w.len - payload.len, payload.len);
	*out =
	    (struct value){ .kind = VALUE_BYTES, .bytes = buf, .len = w.len };
	return true;
}

bool
wire_encode_frame(const struct rk_dialect *d, enum rk_carrier carrier,
    const struct wire_frame *f, uint64_t *random, struct value *out)
{
	static const struct wire_ws binary = { .opcode = RK_WS_BINARY,
		.fin = true,
		.masked = true };
	struct wire_ws ws = binary;
	bool raw = d->header[carrier] == RK_HEADER_TLV32;
	uint8_t *buf = xmalloc(f->payload.len + HEADERS_MAX + 1);
	struct rk_writer w;
	struct value frame;
	bool ok;

	rk_writer_init(&w, buf, f->payload.len + HEADERS_MAX);
	if (rk_frame_header(d->header[carrier], f->type,
		claimed(f->payload.len, raw ? f->len_delta : 0), &w) != RK_OK) {
		free(buf);
		return false;
	}
	rk_write_bytes(&w, f->payload.p, f->payload.len);
	frame =
	    (struct value){ .kind = VALUE_BYTES, .bytes = buf, .len = w.len };
	if (carrier == RK_CARRIER_RAW) {
		*out = frame;
		return true;
	}
	ws.masked = random != NULL;
	ws.len_delta = raw ? 0 : f->len_delta;
	ok = wire_encode_ws(&ws, (struct rk_span){ frame.bytes, frame.len },
	    random, out);
	value_clear(&frame);
	return ok;
}

/* Is the header whole?  Then what follows it is known. */
static bool
read_ws_head(struct wire_place *w)
{
	struct rk_ws_header h;
	int err = rk_ws_parse_header(w->head, w->nhead, &h);

	if (err == RK_ERR_AGAIN)
		return false;
	w->lost = err != RK_OK;
	w->left = w->lost ? 0 : h.payload_len;
	if (!w->lost && h.opcode < RK_WS_CLOSE)
		w->open = !h.fin;
	return true;
}

static bool
read_raw_head(struct wire_place *w, const struct rk_dialect *d)
{
	struct rk_raw_frame raw;
	int err = rk_split(d->header[RK_CARRIER_RAW], d->max_frame, w->head,
	    w->nhead, &raw);

	if (err == RK_ERR_AGAIN && w->nhead < raw.header_len)
		return false;
	w->lost = err != RK_OK && err != RK_ERR_AGAIN;
	w->left = w->lost ? 0 : raw.total_len - raw.header_len;
	return true;
}

void
wire_place_add(struct wire_place *w, const struct rk_dialect *d,
    enum rk_carrier carrier, struct rk_span bytes)
{
	while (bytes.len > 0 && !w->lost) {
		size_t n = w->left < bytes.len ? (size_t)w->left : bytes.len;

		if (n == 0) {
			w->head[w->nhead++] = bytes.p[0];
			n = 1;
			if (carrier == RK_CARRIER_WS ? read_ws_head(w)
						     : read_raw_head(w, d))
				w->nhead = 0;
		} else {
			w->left -= n;
		}
		bytes.p += n;
		bytes.len -= n;
	}
}

bool
wire_place_is_between(const struct wire_place *w)
{
	return w->nhead == 0 && w->left == 0 && !w->lost;
}

bool
wire_place_is_whole(const struct wire_place *w)
{
	return wire_place_is_between(w) && !w->open;
}

bool
wire_payload(const struct rk_dialect *d, const struct rk_frame *f,
    struct value *out)
{
	size_t len = RK_FRAME_HEADER_MAX;
	struct rk_writer w, header;
	uint8_t scratch[RK_FRAME_HEADER_MAX], *buf;
	int err;

	for (size_t i = 0; i < rk_frame_spec_nfields(f->spec); i++)
		len += f->field[i].len + f->spec->field[i].len;
	buf = xmalloc(len + 1);
	rk_writer_init(&w, buf, len);
	rk_writer_init(&header, scratch, sizeof(scratch));
	err = rk_frame_encode(d, RK_HEADER_VARINT, f, RK_LAX, &w);
	if (err == RK_OK)
		err = rk_frame_header(RK_HEADER_VARINT, f->type, 0, &header);
	if (err == RK_OK)
		*out = value_bytes(buf + header.len, w.len - header.len);
	free(buf);
	return err == RK_OK;
}
