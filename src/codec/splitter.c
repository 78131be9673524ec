/* Whole frames from a byte stream or a message; nothing is interpreted. */
#include "config.h"

#include "codec/frame.h"

#include <string.h>

/*
 * 0      1                 5
 * | type | length u32 BE   | payload ...     (iroh-v3 section 2.1)
 */
static int
split_tlv32(size_t max_payload, const uint8_t *buf, size_t len,
    struct rk_raw_frame *out)
{
	size_t payload_len;

	out->header_len = RK_TLV32_LEN;
	out->total_len = RK_TLV32_LEN;
	if (len < RK_TLV32_LEN)
		return RK_ERR_AGAIN;
	payload_len = (size_t)buf[1] << 24 | (size_t)buf[2] << 16 |
	    (size_t)buf[3] << 8 | buf[4];
	out->type = buf[0];
	out->payload.p = buf + RK_TLV32_LEN;
	out->total_len += payload_len;
	if (payload_len > max_payload)
		return RK_ERR_TOO_LONG;
	if (len - RK_TLV32_LEN < payload_len)
		return RK_ERR_AGAIN;
	out->payload.len = payload_len;
	return RK_OK;
}

static int
split_message(enum rk_header_form form, const uint8_t *buf, size_t len,
    struct rk_raw_frame *out)
{
	struct rk_reader r;
	uint64_t type;

	rk_reader_init(&r, buf, len);
	type = form == RK_HEADER_TYPE8 ? rk_read_u8(&r) : rk_read_quicint(&r);
	if (r.bad)
		return RK_ERR_EMPTY;
	/* No dialect has types that do not fit; unknown they stay. */
	out->type = type < UINT32_MAX ? (uint32_t)type : UINT32_MAX;
	out->header_len = len - r.left;
	out->total_len = len;
	out->payload = rk_read_rest(&r);
	return RK_OK;
}

int
rk_split(enum rk_header_form form, size_t max_payload, const void *buf,
    size_t len, struct rk_raw_frame *out)
{
	memset(out, 0, sizeof(*out));
	switch (form) {
	case RK_HEADER_TLV32:
		return split_tlv32(max_payload, buf, len, out);
	case RK_HEADER_TYPE8:
	case RK_HEADER_VARINT:
		return split_message(form, buf, len, out);
	case RK_HEADER_NONE:
		break;
	}
	return RK_ERR_ARGUMENT;
}
