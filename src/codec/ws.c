/*
 * WebSocket frames of RFC 6455: header, masking, and the rules of a reader
 * that joins fragments where they lie.  What to answer is the caller's.
 */
#include "config.h"

#include "codec/ws.h"

#include <assert.h>
#include <string.h>

enum {
	FIN = 0x80,          /* of the first byte */
	CONTROL = 0x08,      /* of the opcode */
	MASKED = 0x80,       /* of the second byte */
	LENGTH_16 = 126,     /* in its other seven bits: 2 bytes follow */
	LENGTH_64 = 127,     /* or 8 */
	CLOSE_NO_CODE = 1005 /* section 7.4.1: none was there */
};

static size_t
length_bytes(unsigned seven_bits)
{
	if (seven_bits == LENGTH_16)
		return 2;
	return seven_bits == LENGTH_64 ? 8 : 0;
}

static uint64_t
read_be(const uint8_t *p, size_t len)
{
	uint64_t v = 0;

	while (len-- > 0)
		v = v << 8 | *p++;
	return v;
}

static bool
is_minimal(uint64_t payload_len, size_t extra)
{
	if (extra == 0)
		return true;
	return payload_len > (extra == 2 ? 125 : UINT16_MAX);
}

int
rk_ws_parse_header(const void *buf, size_t len, struct rk_ws_header *h)
{
	const uint8_t *p = buf;
	size_t extra;

	*h = (struct rk_ws_header){ .header_len = 2, .minimal = true };
	if (len < 1)
		return RK_ERR_AGAIN;
	h->fin = (p[0] & FIN) != 0;
	h->rsv = p[0] >> 4 & 7;
	h->opcode = p[0] & 0xf;
	if (len < 2)
		return RK_ERR_AGAIN;
	h->masked = (p[1] & MASKED) != 0;
	extra = length_bytes(p[1] & 0x7f);
	h->header_len = 2 + extra + (h->masked ? sizeof(h->mask) : 0);
	if (len < 2 + extra)
		return RK_ERR_AGAIN;
	h->payload_len = extra > 0 ? read_be(p + 2, extra) : p[1] & 0x7f;
	h->minimal = is_minimal(h->payload_len, extra);
	if (h->payload_len >> 63 != 0)
		return RK_ERR_WS_LENGTH;
	if (len < h->header_len)
		return RK_ERR_AGAIN;
	if (h->masked)
		memcpy(h->mask, p + 2 + extra, sizeof(h->mask));
	return RK_OK;
}

int
rk_ws_write_header(const struct rk_ws_header *h, struct rk_writer *w)
{
	uint8_t buf[RK_WS_HEADER_MAX];
	size_t extra = h->payload_len > UINT16_MAX ? 8
	    : h->payload_len > 125                 ? 2
						   : 0;
	size_t n = 2;

	buf[0] = (uint8_t)((h->fin ? FIN : 0) | (h->rsv & 7) << 4 |
	    (h->opcode & 0xf));
	buf[1] = extra == 8 ? LENGTH_64
	    : extra == 2    ? LENGTH_16
			    : (uint8_t)h->payload_len;
	if (h->masked)
		buf[1] |= MASKED;
	for (size_t i = extra; i-- > 0;)
		buf[n++] = (uint8_t)(h->payload_len >> 8 * i);
	if (h->masked) {
		memcpy(buf + n, h->mask, sizeof(h->mask));
		n += sizeof(h->mask);
	}
	rk_write_bytes(w, buf, n);
	return w->bad ? RK_ERR_SPACE : RK_OK;
}

static inline void
xor8(uint8_t *p, uint64_t key)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	v ^= key;
	memcpy(p, &v, sizeof(v));
}

void
rk_ws_mask(const uint8_t mask[4], size_t offset, uint8_t *p, size_t len)
{
	uint8_t key[8];
	uint64_t key64;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(key); k++)
		key[k] = mask[(offset + k) & 3];
	memcpy(&key64, key, sizeof(key64));
	/* four at a time: compilers make vectors of them */
	for (; len - i >= 32; i += 32) {
		xor8(p + i, key64);
		xor8(p + i + 8, key64);
		xor8(p + i + 16, key64);
		xor8(p + i + 24, key64);
	}
	for (; len - i >= 8; i += 8)
		xor8(p + i, key64);
	for (; i < len; i++)
		p[i] ^= key[i & 7];
}

void
rk_ws_reader_init(struct rk_ws_reader *r, bool expect_mask, size_t max_frame,
    size_t max_message)
{
	/* So that no sum of lengths that passed a check can overflow. */
	const size_t most = SIZE_MAX / 2;

	*r = (struct rk_ws_reader){ .expect_mask = expect_mask,
		.max_frame = max_frame < most ? max_frame : most,
		.max_message = max_message < most ? max_message : most };
}

static bool
is_control(const struct rk_ws_header *h)
{
	return (h->opcode & CONTROL) != 0;
}

/* What the first byte shows. */
static int
check_opcode(const struct rk_ws_reader *r, const struct rk_ws_header *h)
{
	if (h->rsv != 0)
		return RK_ERR_WS_RSV;
	if ((h->opcode & ~CONTROL) > (is_control(h) ? 2 : RK_WS_BINARY))
		return RK_ERR_WS_OPCODE;
	if (is_control(h))
		return h->fin ? RK_OK : RK_ERR_WS_CONTROL;
	if (h->opcode == RK_WS_CONTINUATION)
		return r->open ? RK_OK : RK_ERR_WS_CONTINUATION;
	return r->open ? RK_ERR_WS_INTERLEAVED : RK_OK;
}

/* What the second byte shows. */
static int
check_second_byte(const struct rk_ws_reader *r, const struct rk_ws_header *h,
    size_t extra)
{
	if (h->masked != r->expect_mask)
		return RK_ERR_WS_MASK;
	return is_control(h) && extra > 0 ? RK_ERR_WS_CONTROL : RK_OK;
}

/* What the length shows, before mask and payload are there. */
static int
check_length(const struct rk_ws_reader *r, const struct rk_ws_header *h)
{
	if (!h->minimal || h->payload_len >> 63 != 0)
		return RK_ERR_WS_LENGTH;
	if (h->opcode == RK_WS_CLOSE && h->payload_len == 1)
		return RK_ERR_WS_CLOSE;
	if (is_control(h))
		return RK_OK;
	if (h->payload_len > r->max_frame ||
	    h->payload_len > r->max_message - r->assembled)
		return RK_ERR_TOO_LONG;
	return RK_OK;
}

/* Parse and judge as much of a header as |len| bytes hold. */
static int
read_header(const struct rk_ws_reader *r, const uint8_t *p, size_t len,
    struct rk_ws_header *h)
{
	int parsed = rk_ws_parse_header(p, len, h);
	size_t extra = len < 2 ? 0 : length_bytes(p[1] & 0x7f);
	int err = RK_OK;

	if (len >= 1)
		err = check_opcode(r, h);
	if (err == RK_OK && len >= 2)
		err = check_second_byte(r, h, extra);
	if (err == RK_OK && len >= 2 + extra)
		err = check_length(r, h);
	return err != RK_OK ? err : parsed;
}

static int
check_close(struct rk_ws_message *m)
{
	m->close_code = CLOSE_NO_CODE;
	if (m->len == 0)
		return RK_OK;
	m->close_code = (int)read_be(m->payload, 2);
	if (!rk_ws_close_code_ok(m->close_code))
		return RK_ERR_WS_CLOSE;
	return rk_utf8_ok(m->payload + 2, m->len - 2) ? RK_OK : RK_ERR_UTF8;
}

/* What only a whole payload shows. */
static int
check_payload(struct rk_ws_message *m)
{
	if (m->opcode == RK_WS_CLOSE)
		return check_close(m);
	if (m->opcode == RK_WS_TEXT && !rk_utf8_ok(m->payload, m->len))
		return RK_ERR_UTF8;
	return RK_OK;
}

/*
 * Move the fragment |m|, whose header is |h|, behind those at the front of
 * |buf|.  True if that completes the message, which |m| is then.
 */
static bool
join(struct rk_ws_reader *r, const struct rk_ws_header *h, uint8_t *buf,
    struct rk_ws_message *m)
{
	if (!r->open) {
		r->opcode = h->opcode;
		r->nframes = 0;
	}
	memmove(buf + r->assembled, m->payload, m->len);
	r->assembled += m->len;
	r->nframes++;
	r->open = !h->fin;
	if (r->open)
		return false;
	*m = (struct rk_ws_message){ .opcode = r->opcode,
		.payload = buf,
		.len = r->assembled,
		.nframes = r->nframes };
	r->assembled = 0;
	return true;
}

/* Judge the frame at |p|; if it is whole unmask it.  |*need| as much of it
 * as must be there. */
static int
next_frame(const struct rk_ws_reader *r, uint8_t *p, size_t left,
    struct rk_ws_header *h, size_t *need)
{
	int err = read_header(r, p, left, h);

	*need = h->header_len;
	if (err != RK_OK)
		return err;
	*need += (size_t)h->payload_len;
	if (left < *need)
		return RK_ERR_AGAIN;
	if (h->masked)
		rk_ws_mask(h->mask, 0, p + h->header_len,
		    (size_t)h->payload_len);
	return RK_OK;
}

int
rk_ws_next(struct rk_ws_reader *r, uint8_t *buf, size_t len,
    struct rk_ws_message *m, size_t *at, size_t *used, size_t *need)
{
	size_t pos = r->assembled; /* where the next frame begins */
	struct rk_ws_message found;
	struct rk_ws_header h;
	bool whole = false;
	int err;

	assert(len >= pos);
	while (!whole) {
		uint8_t *frame = pos < len ? buf + pos : NULL;
		size_t frame_len;

		err = next_frame(r, frame, len - pos, &h, &frame_len);
		*at = r->assembled;
		*used = pos - r->assembled;
		*need = r->assembled + frame_len;
		if (err != RK_OK)
			return err;
		pos += frame_len;
		found = (struct rk_ws_message){ .opcode = h.opcode,
			.payload = frame + h.header_len,
			.len = (size_t)h.payload_len,
			.nframes = 1 };
		whole = is_control(&h) || (h.fin && !r->open) ||
		    join(r, &h, buf, &found);
	}
	*at = r->assembled;
	*used = pos - r->assembled;
	*m = found;
	return check_payload(m);
}

bool
rk_ws_close_code_ok(int code)
{
	/* Section 7.4, and the registry that it began: 1012 to 1014. */
	return (code >= 1000 && code <= 1003) ||
	    (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* Length of the UTF-8 sequence that begins at |p|, 0 if it is none. */
static size_t
utf8_sequence(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* shorter form exists */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f; /* above U+10FFFF */
	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

bool
rk_utf8_ok(const void *text, size_t len)
{
	const uint8_t *p = text;
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_sequence(p + i, len - i);

		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
