/* Faults of the WebSocket carrier. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "codec/ws.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/worker.h"

/* ---- headers that come ---- */

/* The header in front of the input; false if it is not there yet. */
static bool
next_header(const struct fault_event *e, uint8_t **p, struct rk_ws_header *h)
{
	size_t at = e->c->ws.assembled;

	if (e->len < at + 2)
		return false;
	*p = e->payload + at;
	return rk_ws_parse_header(*p, e->len - at, h) != RK_ERR_AGAIN;
}

static bool
mask_optional(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h))
		e->c->ws.expect_mask = h.masked;
	return false;
}

static bool
rsv_unchecked(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h))
		p[0] &= 0x8f;
	return false;
}

/* Reserved opcodes are those of text and Pong, which are skipped. */
static bool
opcode_unchecked(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (!next_header(e, &p, &h))
		return false;
	if (h.opcode > RK_WS_PONG)
		p[0] = (uint8_t)((p[0] & 0xf0) | RK_WS_PONG);
	else if (h.opcode > RK_WS_BINARY && h.opcode < RK_WS_CLOSE)
		p[0] = (uint8_t)((p[0] & 0xf0) | RK_WS_TEXT);
	return false;
}

/* As if it were binary: its first byte is a type. */
static bool
text_is_frame(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h) && h.opcode == RK_WS_TEXT)
		p[0] = (uint8_t)((p[0] & 0xf0) | RK_WS_BINARY);
	return false;
}

static bool
control_cut_up(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h) && h.opcode >= RK_WS_CLOSE)
		p[0] |= 0x80;
	return false;
}

/* A control frame that is too long is skipped as a text is, of zeros. */
static bool
control_too_long(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;
	size_t left = e->len - e->c->ws.assembled;

	if (!next_header(e, &p, &h) || h.opcode < RK_WS_CLOSE ||
	    h.payload_len <= RK_WS_CONTROL_MAX)
		return false;
	if (left < h.header_len || left - h.header_len < h.payload_len)
		return h.payload_len < 1000;
	p[0] = 0x80 | RK_WS_TEXT;
	memset(p + h.header_len, 0, (size_t)h.payload_len);
	rk_ws_mask(h.mask, 0, p + h.header_len, (size_t)h.payload_len);
	return false;
}

/* Each fragment is taken for a message. */
static bool
fragments_apart(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (!next_header(e, &p, &h))
		return false;
	if (h.opcode == RK_WS_CONTINUATION)
		p[0] = (uint8_t)((p[0] & 0xf0) | RK_WS_BINARY);
	p[0] |= 0x80;
	return false;
}

/* It becomes a text, which is skipped. */
static bool
stray_piece_skipped(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (!e->c->ws.open && next_header(e, &p, &h) &&
	    h.opcode == RK_WS_CONTINUATION)
		p[0] = 0x80 | RK_WS_TEXT;
	return false;
}

/* Its reserved bits say that it is wrong. */
static bool
empty_piece_wrong(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h) && h.opcode == RK_WS_BINARY && !h.fin &&
	    h.payload_len == 0)
		p[0] |= 0x70;
	return false;
}

/* Messages in more than n pieces end the connection. */
static bool
fragments_max(const struct fault *f, struct fault_event *e)
{
	if ((int64_t)e->pieces > f->n) {
		conn_close(e->c, ENDING_PROTOCOL, "fragments");
		return true;
	}
	return false;
}

/* ---- messages that come ---- */

/* A message of opcode n. */
static bool
skipped(const struct fault *f, struct fault_event *e)
{
	return e->type == f->n;
}

static bool
closed_for(const struct fault *f, struct fault_event *e)
{
	if (e->type != f->n)
		return false;
	conn_close(e->c, ENDING_PROTOCOL, "not expected");
	return true;
}

static bool
empty_skipped(const struct fault *f, struct fault_event *e)
{
	return e->type == RK_WS_BINARY && e->len == 0;
}

static bool
ping_without_data(const struct fault *f, struct fault_event *e)
{
	if (e->type != RK_WS_PING)
		return false;
	conn_write_ws(e->c, RK_WS_PONG, "", 0);
	return true;
}

static bool
ping_returned(const struct fault *f, struct fault_event *e)
{
	if (e->type != RK_WS_PING)
		return false;
	conn_write_ws(e->c, RK_WS_PING, e->payload, e->len);
	return true;
}

static bool
big_crashes(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h;
	uint8_t *p;

	if (next_header(e, &p, &h) && h.payload_len > (uint64_t)f->n)
		abort();
	return false;
}

/* ---- headers that go ---- */

static bool
is_websocket(const struct fault_event *e)
{
	return e->c->carrier == RK_CARRIER_WS;
}

/* Bits of the first byte that are changed. */
static bool
first_byte(const struct fault *f, struct fault_event *e)
{
	if (is_websocket(e))
		e->out->buf[0] ^= (uint8_t)f->n;
	return false;
}

static bool
masked(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.masked = true,
		.payload_len = 1 + e->len };

	if (!is_websocket(e))
		return false;
	e->out->len = 0;
	rk_ws_write_header(&h, e->out);
	rk_write_u8(e->out, (uint8_t)e->type);
	return false;
}

static bool
with_length(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.payload_len = RK_TLV32_LEN + e->len };

	if (!is_websocket(e))
		return false;
	e->out->len = 0;
	rk_ws_write_header(&h, e->out);
	rk_frame_header(RK_HEADER_TLV32, e->type, e->len, e->out);
	return false;
}

/* Two messages, the type in the first and the payload in the second. */
static bool
in_two(const struct fault *f, struct fault_event *e)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.payload_len = 1 };

	if (!is_websocket(e))
		return false;
	e->out->len = 0;
	rk_ws_write_header(&h, e->out);
	rk_write_u8(e->out, (uint8_t)e->type);
	h.payload_len = e->len;
	rk_ws_write_header(&h, e->out);
	return false;
}

/* clang-format off */
const struct fault faults_websocket[] = {
	{ "ws.with-length", "MUST", "R-170", "Messages have the length in front that raw frames have", ON(HEADER), with_length, 0, 0, NULL, NULL },
	{ "ws.text", "MUST", "R-172", "The relay's messages are text", ON(HEADER), first_byte, RK_WS_TEXT ^ RK_WS_BINARY, 0, NULL, NULL },
	{ "ws.masked", "MUST", "R-172", "The relay's messages are masked with zeros", ON(HEADER), masked, 0, 0, NULL, NULL },
	{ "ws.rsv-set", "MUST", "R-172", "The relay's messages have a reserved bit", ON(HEADER), first_byte, 0x40, 0, NULL, NULL },
	{ "ws.in-two", "MUST", "R-172", "The relay sends type and payload in a message each", ON(HEADER), in_two, 0, 0, NULL, NULL },
	{ "ws.empty-skipped", "SHOULD", "R-174", "A binary message of no bytes is skipped", ON(WS), empty_skipped, 0, 0, NULL, NULL },
	{ "ws.mask-optional", "SHOULD", "R-176", "A client frame that is not masked is read", ON(WS_INPUT), mask_optional, 0, 0, NULL, NULL },
	{ "ws.rsv-unchecked", "SHOULD", "R-177", "Reserved bits are not looked at", ON(WS_INPUT), rsv_unchecked, 0, 0, NULL, NULL },
	{ "ws.opcode-unchecked", "SHOULD", "R-177", "Frames with a reserved opcode are skipped", ON(WS_INPUT), opcode_unchecked, 0, 0, NULL, NULL },
	{ "ws.control-cut-up", "SHOULD", "R-177", "The FIN bit of control frames is not looked at", ON(WS_INPUT), control_cut_up, 0, 0, NULL, NULL },
	{ "ws.control-too-long", "SHOULD", "R-177", "A control frame that is too long is skipped", ON(WS_INPUT), control_too_long, 0, 0, NULL, NULL },
	{ "ws.stray-piece-skipped", "SHOULD", "R-177", "A piece of a message that has not begun is skipped", ON(WS_INPUT), stray_piece_skipped, 0, 0, NULL, NULL },
	{ "ws.fragments-apart", "MUST", "R-178", "Each piece of a message is taken for a message", ON(WS_INPUT), fragments_apart, 0, 0, NULL, NULL },
	{ "ws.fragments-max-2", "MUST", "R-178", "A message in more than two pieces ends the connection", ON(WS), fragments_max, 2, 0, NULL, NULL },
	{ "ws.empty-piece-closes", "MUST", "R-178", "A message whose first piece is empty ends the connection", ON(WS_INPUT), empty_piece_wrong, 0, 0, NULL, NULL },
	{ "ws.text-closes", "SHOULD", "R-179", "A text message ends the connection", ON(WS), closed_for, RK_WS_TEXT, 0, NULL, NULL },
	{ "ws.text-is-frame", "SHOULD", "R-179", "A text message is read as a frame", ON(WS_INPUT), text_is_frame, 0, 0, NULL, NULL },
	{ "ws.ping-unanswered", "SHOULD", "R-180", "A WebSocket ping gets no pong", ON(WS), skipped, RK_WS_PING, 0, NULL, NULL },
	{ "ws.pong-empty", "SHOULD", "R-180", "The pong for a WebSocket ping has no data", ON(WS), ping_without_data, 0, 0, NULL, NULL },
	{ "ws.ping-returned", "SHOULD", "R-180", "A WebSocket ping gets a ping", ON(WS), ping_returned, 0, 0, NULL, NULL },
	{ "ws.close-ignored", "SHOULD", "R-182", "A Close is ignored", ON(WS), skipped, RK_WS_CLOSE, 0, NULL, NULL },
	{ "ws.big-message-crashes", "SHOULD", "R-183", "The header of a message of more than 1 MiB crashes the relay", ON(WS_INPUT), big_crashes, 1 << 20, 0, NULL, NULL },
	{ "ws.huge-message-crashes", "SHOULD", "R-183", "The header of a message of more than 4 GiB crashes the relay", ON(WS_INPUT), big_crashes, UINT32_MAX, 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
