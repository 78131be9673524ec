/* Decoding and encoding of frames, both driven by the frame table. */
#include "config.h"

#include "codec/frame.h"

#include <string.h>

#include "codec/ws.h"

static bool
key_ok(struct rk_span s)
{
	struct rk_key key;

	memcpy(key.b, s.p, RK_KEY_LEN);
	return rk_key_is_point(&key);
}

static uint64_t
uint_of(struct rk_span s)
{
	struct rk_reader r;
	uint64_t v = 0;

	rk_reader_init(&r, s.p, s.len);
	while (r.left > 0)
		v = v << 8 | rk_read_u8(&r);
	return v;
}

static int
check_field(const struct rk_field_spec *fs, struct rk_span s, bool check_keys)
{
	if (fs->len > 0 && s.len != fs->len)
		return RK_ERR_LENGTH;
	switch (fs->type) {
	case RK_FIELD_MAGIC:
		return memcmp(s.p, fs->magic, fs->len) == 0 ? RK_OK
							    : RK_ERR_MAGIC;
	case RK_FIELD_KEY:
		return !check_keys || key_ok(s) ? RK_OK : RK_ERR_KEY;
	case RK_FIELD_UINT:
		return fs->max == 0 || uint_of(s) <= fs->max ? RK_OK
							     : RK_ERR_VALUE;
	case RK_FIELD_TEXT:
		return rk_utf8_ok(s.p, s.len) ? RK_OK : RK_ERR_UTF8;
	case RK_FIELD_BYTES:
		break;
	}
	return RK_OK;
}

/* The rules of a frame, in the order in which the reference looks. */
static int
check_frame(const struct rk_frame_spec *spec, size_t payload_len,
    const struct rk_span *field, bool check_keys)
{
	if (payload_len < spec->min)
		return RK_ERR_LENGTH;
	if (payload_len > spec->max)
		return spec->over_max;
	for (size_t i = 0; i < RK_FRAME_MAX_FIELDS; i++) {
		if (spec->field[i].name == NULL)
			break;
		int err = check_field(&spec->field[i], field[i], check_keys);

		if (err != RK_OK)
			return err;
	}
	return RK_OK;
}

/* Views of the fields, as far as the payload goes; returns how many. */
static size_t
cut_fields(const struct rk_frame_spec *spec, struct rk_span left,
    struct rk_span *field)
{
	size_t i = 0;

	for (; i < RK_FRAME_MAX_FIELDS && spec->field[i].name != NULL; i++) {
		size_t len = spec->field[i].len;

		if (len == 0 || len > left.len)
			len = left.len;
		field[i].p = left.p;
		field[i].len = len;
		if (len > 0)
			left.p += len;
		left.len -= len;
	}
	return i;
}

int
rk_frame_decode(const struct rk_dialect *d, const struct rk_raw_frame *raw,
    bool check_keys, struct rk_frame *out)
{
	size_t n = 0;

	out->spec = rk_frame_spec_by_type(d, raw->type);
	out->kind = out->spec != NULL ? out->spec->kind : RK_FRAME_UNKNOWN;
	out->type = raw->type;
	out->payload = raw->payload;
	if (out->spec != NULL)
		n = cut_fields(out->spec, out->payload, out->field);
	while (n < RK_FRAME_MAX_FIELDS)
		out->field[n++] = (struct rk_span){ NULL, 0 };
	if (out->spec == NULL)
		return RK_ERR_UNKNOWN_TYPE;
	return check_frame(out->spec, out->payload.len, out->field,
	    check_keys && d->key_is_point);
}

void
rk_frame_init(struct rk_frame *f, const struct rk_frame_spec *spec)
{
	memset(f, 0, sizeof(*f));
	f->spec = spec;
	if (spec != NULL) {
		f->kind = spec->kind;
		f->type = spec->type;
	}
}

int
rk_frame_set(struct rk_frame *f, const char *field, const void *p, size_t len)
{
	int i = f->spec != NULL ? rk_frame_spec_field(f->spec, field) : -1;

	if (i < 0)
		return RK_ERR_ARGUMENT;
	f->field[i].p = p;
	f->field[i].len = len;
	return RK_OK;
}

int
rk_frame_header(enum rk_header_form form, uint32_t type, size_t payload_len,
    struct rk_writer *w)
{
	struct rk_writer start = *w;

	if (form == RK_HEADER_NONE ||
	    (form != RK_HEADER_VARINT && type > UINT8_MAX))
		return RK_ERR_ARGUMENT;
	if (form == RK_HEADER_VARINT)
		rk_write_quicint(w, type);
	else
		rk_write_u8(w, (uint8_t)type);
	if (form == RK_HEADER_TLV32) {
		if (payload_len > UINT32_MAX) {
			*w = start;
			return RK_ERR_ARGUMENT;
		}
		rk_write_u32be(w, (uint32_t)payload_len);
	}
	if (!w->bad)
		return RK_OK;
	w->len = start.len;
	return RK_ERR_SPACE;
}

/* The limits of the carrier. */
static int
check_carrier(const struct rk_dialect *d, enum rk_header_form form,
    size_t payload_len)
{
	size_t max =
	    form == RK_HEADER_TLV32 ? d->max_frame : d->max_message - 1;

	return payload_len <= max ? RK_OK : RK_ERR_TOO_LONG;
}

int
rk_frame_encode(const struct rk_dialect *d, enum rk_header_form form,
    const struct rk_frame *f, enum rk_strictness strict, struct rk_writer *w)
{
	struct rk_span field[RK_FRAME_MAX_FIELDS];
	size_t n, len = 0, start = w->len;
	int err = RK_OK;

	if (f->spec == NULL)
		return RK_ERR_ARGUMENT;
	n = rk_frame_spec_nfields(f->spec);
	for (size_t i = 0; i < n; i++) {
		const struct rk_field_spec *fs = &f->spec->field[i];

		field[i] = f->field[i];
		if (fs->type == RK_FIELD_MAGIC && field[i].p == NULL)
			field[i] = (struct rk_span){ fs->magic, fs->len };
		len += field[i].len;
	}
	if (strict == RK_STRICT) {
		err = check_carrier(d, form, len);
		if (err == RK_OK)
			err = check_frame(f->spec, len, field, d->key_is_point);
	}
	if (err == RK_OK)
		err = rk_frame_header(form, f->type, len, w);
	if (err != RK_OK)
		return err;
	for (size_t i = 0; i < n; i++)
		rk_write_bytes(w, field[i].p, field[i].len);
	if (!w->bad)
		return RK_OK;
	w->len = start;
	return RK_ERR_SPACE;
}

struct rk_span
rk_frame_field(const struct rk_frame *f, const char *name)
{
	int i = f->spec != NULL ? rk_frame_spec_field(f->spec, name) : -1;

	return i >= 0 ? f->field[i] : (struct rk_span){ NULL, 0 };
}

uint64_t
rk_frame_uint(const struct rk_frame *f, const char *name)
{
	int i = f->spec != NULL ? rk_frame_spec_field(f->spec, name) : -1;

	if (i < 0 || f->spec->field[i].type != RK_FIELD_UINT ||
	    f->field[i].len != f->spec->field[i].len)
		return 0;
	return uint_of(f->field[i]);
}

bool
rk_frame_key(const struct rk_frame *f, struct rk_key *key)
{
	struct rk_span s = rk_frame_field(f, "key");

	if (s.len != RK_KEY_LEN)
		return false;
	memcpy(key->b, s.p, RK_KEY_LEN);
	return true;
}

enum rk_lane
rk_frame_lane(const struct rk_dialect *d, const struct rk_frame *f)
{
	struct rk_span data;

	if (f->spec == NULL)
		return RK_LANE_NOTICE;
	if (f->spec->lane != RK_LANE_DATA)
		return f->spec->lane;
	data = rk_frame_field(f, "data");
	return rk_is_disco(d, data.p, data.len) ? RK_LANE_DISCO : RK_LANE_DATA;
}
