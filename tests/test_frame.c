/* Splitting and decoding of frames. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "frame_vectors.h"
#include "support.h"

static const struct rk_dialect *v3;

/* Raw bytes of a vector, or of its WebSocket form, on the heap. */
static uint8_t *
bytes_of(const char *text, enum rk_header_form form, size_t *len)
{
	const uint8_t *p = hex(text, len);
	uint8_t *out = malloc(*len);

	ck_assert_ptr_nonnull(out);
	memcpy(out, p, *len);
	if (form == RK_HEADER_TYPE8) {
		memmove(out + 1, out + RK_TLV32_LEN, *len - RK_TLV32_LEN);
		*len -= 4;
	}
	return out;
}

static int
decode_hex(const char *text, bool check_keys, struct rk_frame *f)
{
	size_t len;
	const uint8_t *p = hex(text, &len);
	struct rk_raw_frame raw;

	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, p, len, &raw),
	    RK_OK);
	ck_assert_uint_eq(raw.total_len, len);
	return rk_frame_decode(v3, &raw, check_keys, f);
}

/* A frame of |type| with |len| bytes 0xaa; a key of 32 x 0xaa is a point. */
static int
decode_filled(uint32_t type, size_t len)
{
	uint8_t *p = malloc(len + 1);
	struct rk_raw_frame raw = { type, { p, len }, 0, len };
	struct rk_frame f;
	int err;

	ck_assert_ptr_nonnull(p);
	memset(p, 0xaa, len);
	err = rk_frame_decode(v3, &raw, true, &f);
	free(p);
	return err;
}

static const enum rk_header_form forms[] = { RK_HEADER_TLV32, RK_HEADER_TYPE8,
	RK_HEADER_VARINT };

/* ---- vectors ---- */

static void
check_vector(const struct frame_vector *v, enum rk_header_form form)
{
	size_t len, n = 0;
	uint8_t *bytes = bytes_of(v->raw, form, &len);
	uint8_t out[256];
	struct rk_raw_frame raw;
	struct rk_frame f, again;
	struct rk_writer w;

	ck_assert_int_eq(rk_split(form, v3->max_frame, bytes, len, &raw),
	    RK_OK);
	ck_assert_uint_eq(raw.total_len, len);
	ck_assert_uint_eq(raw.header_len, form == RK_HEADER_TLV32 ? 5 : 1);
	ck_assert_ptr_eq(raw.payload.p, bytes + raw.header_len);
	ck_assert_uint_eq(raw.payload.len, len - raw.header_len);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_OK);
	ck_assert_str_eq(f.spec->name, v->name);
	ck_assert_uint_eq(f.type, bytes[0]);

	/* the same again from its fields */
	rk_frame_init(&again, rk_frame_spec_by_name(v3, v->name));
	for (; n < RK_FRAME_MAX_FIELDS && v->field[n][0] != NULL; n++) {
		size_t want_len;
		const uint8_t *want = hex(v->field[n][1], &want_len);
		struct rk_span got = rk_frame_field(&f, v->field[n][0]);

		ck_assert_bytes(got.p, got.len, want, want_len);
		ck_assert_int_eq(rk_frame_set(&again, v->field[n][0], got.p,
				     got.len),
		    RK_OK);
	}
	ck_assert_uint_eq(rk_frame_spec_nfields(f.spec), n);
	for (int strict = RK_STRICT; strict <= RK_LAX; strict++) {
		rk_writer_init(&w, out, sizeof(out));
		ck_assert_int_eq(rk_frame_encode(v3, form, &again, strict, &w),
		    RK_OK);
		ck_assert_bytes(out, w.len, bytes, len);
	}
	free(bytes);
}

START_TEST(vector_decodes_and_encodes)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i] != RK_HEADER_VARINT)
			check_vector(&frame_vectors[_i], forms[i]);
}
END_TEST

START_TEST(vector_is_split_only_when_it_is_whole)
{
	size_t len;
	uint8_t *bytes = bytes_of(frame_vectors[_i].raw, RK_HEADER_TLV32, &len);
	struct rk_raw_frame raw;

	for (size_t n = 0; n < len; n++) {
		uint8_t *cut = malloc(n + 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, bytes, n);
		ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, cut,
				     n, &raw),
		    RK_ERR_AGAIN);
		ck_assert_uint_eq(raw.total_len, n < 5 ? 5 : len);
		ck_assert_uint_eq(raw.payload.len, 0);
		free(cut);
	}
	free(bytes);
}
END_TEST

/* Messages have no length of their own: a cut one is a shorter frame. */
START_TEST(cut_message_is_a_wrong_length_or_a_shorter_frame)
{
	size_t len;
	uint8_t *bytes = bytes_of(frame_vectors[_i].raw, RK_HEADER_TYPE8, &len);
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_name(v3, frame_vectors[_i].name);
	struct rk_raw_frame raw;
	struct rk_frame f;

	for (size_t n = 1; n < len; n++) {
		uint8_t *cut = malloc(n);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, bytes, n);
		ck_assert_int_eq(rk_split(RK_HEADER_TYPE8, 0, cut, n, &raw),
		    RK_OK);
		ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f),
		    n - 1 < spec->min ? RK_ERR_LENGTH : RK_OK);
		ck_assert_ptr_eq(f.spec, spec);
		free(cut);
	}
	free(bytes);
}
END_TEST

/* All vectors behind each other, handed over in pieces of every size. */
START_TEST(stream_in_pieces_gives_the_same_frames)
{
	enum {
		N = sizeof(frame_vectors) / sizeof(frame_vectors[0])
	};
	uint8_t stream[2048];
	size_t len = 0, ends[N];

	for (size_t i = 0; i < N; i++) {
		size_t n;
		const uint8_t *p = hex(frame_vectors[i].raw, &n);

		ck_assert_uint_le(len + n, sizeof(stream));
		memcpy(stream + len, p, n);
		ends[i] = len += n;
	}
	for (size_t piece = 1; piece <= len; piece++) {
		size_t have = 0, done = 0, frames = 0;

		while (have < len) {
			struct rk_raw_frame raw;

			have = have + piece < len ? have + piece : len;
			while (rk_split(RK_HEADER_TLV32, v3->max_frame,
				   stream + done, have - done, &raw) == RK_OK) {
				done += raw.total_len;
				ck_assert_uint_lt(frames, N);
				ck_assert_uint_eq(done, ends[frames++]);
			}
		}
		ck_assert_uint_eq(frames, N);
		ck_assert_uint_eq(done, len);
	}
}
END_TEST

/* ---- the splitter's limits ---- */

static const struct {
	const char *header;
	size_t max;
	int result;
	size_t total;
} headers[] = {
	{ "0e00100000", 1048576, RK_ERR_AGAIN, 5 + 1048576 },
	{ "0e00100001", 1048576, RK_ERR_TOO_LONG, 5 + 1048577 },
	/* before the type is looked at */
	{ "ff00100001", 1048576, RK_ERR_TOO_LONG, 5 + 1048577 },
	{ "ff00100000", 1048576, RK_ERR_AGAIN, 5 + 1048576 },
	{ "0effffffff", 1048576, RK_ERR_TOO_LONG, 5 + (size_t)UINT32_MAX },
	{ "0e00000000", 0, RK_OK, 5 },
	{ "0e00000001", 0, RK_ERR_TOO_LONG, 6 },
	{ "0e80000000", SIZE_MAX, RK_ERR_AGAIN, 5 + (size_t)0x80000000 },
};

START_TEST(length_is_judged_by_the_header_alone)
{
	size_t len;
	const uint8_t *p = hex(headers[_i].header, &len);
	struct rk_raw_frame raw;

	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, headers[_i].max, p, len,
			     &raw),
	    headers[_i].result);
	ck_assert_uint_eq(raw.type, p[0]);
	ck_assert_uint_eq(raw.header_len, 5);
	ck_assert_uint_eq(raw.total_len, headers[_i].total);
	ck_assert_uint_eq(raw.payload.len, 0);
	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(rk_split(RK_HEADER_TLV32, headers[_i].max, p,
				     n, &raw),
		    RK_ERR_AGAIN);
}
END_TEST

START_TEST(longest_raw_frame_is_split)
{
	size_t len = 5 + 1048576;
	uint8_t *p = calloc(1, len);
	struct rk_raw_frame raw;
	struct rk_frame f;

	ck_assert_ptr_nonnull(p);
	p[0] = 0x0e;
	p[2] = 0x10;
	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, p, len - 1,
			     &raw),
	    RK_ERR_AGAIN);
	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, p, len, &raw),
	    RK_OK);
	ck_assert_uint_eq(raw.payload.len, 1048576);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_OK);
	free(p);
}
END_TEST

START_TEST(message_without_a_type_is_empty)
{
	struct rk_raw_frame raw;

	ck_assert_int_eq(rk_split(RK_HEADER_TYPE8, 10, NULL, 0, &raw),
	    RK_ERR_EMPTY);
	ck_assert_int_eq(rk_split(RK_HEADER_VARINT, 10, NULL, 0, &raw),
	    RK_ERR_EMPTY);
	ck_assert_int_eq(rk_split(RK_HEADER_VARINT, 10, "\x40", 1, &raw),
	    RK_ERR_EMPTY);
	ck_assert_int_eq(rk_split(RK_HEADER_NONE, 10, "\x40", 1, &raw),
	    RK_ERR_ARGUMENT);
}
END_TEST

START_TEST(varint_types_may_be_longer_than_needed)
{
	static const struct {
		const char *bytes;
		uint32_t type;
		size_t header;
	} rows[] = { { "09aa", 9, 1 }, { "4009aa", 9, 2 },
		{ "80000009aa", 9, 4 }, { "c000000000000009aa", 9, 8 },
		{ "4040aa", 64, 2 }, { "ffffffffffffffffaa", UINT32_MAX, 8 } };
	struct rk_raw_frame raw;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		const uint8_t *p = hex(rows[i].bytes, &len);

		ck_assert_int_eq(rk_split(RK_HEADER_VARINT, 0, p, len, &raw),
		    RK_OK);
		ck_assert_uint_eq(raw.type, rows[i].type);
		ck_assert_uint_eq(raw.header_len, rows[i].header);
		ck_assert_bytes(raw.payload.p, raw.payload.len, "\xaa", 1);
	}
}
END_TEST

/* ---- rules ---- */

static const struct {
	uint32_t type;
	size_t len;
	int result;
} lengths[] = {
	{ 0x02, 104, RK_ERR_LENGTH },
	{ 0x02, 105, RK_ERR_MAGIC },
	{ 0x02, 1048576, RK_ERR_MAGIC },
	{ 0x04, 0, RK_ERR_LENGTH },
	{ 0x04, 31, RK_ERR_LENGTH },
	{ 0x04, 32, RK_OK },
	{ 0x04, 33, RK_OK },
	{ 0x04, 32 + 65536, RK_OK },
	{ 0x04, 32 + 65537, RK_ERR_PACKET },
	{ 0x05, 31, RK_ERR_LENGTH },
	{ 0x05, 32, RK_OK },
	{ 0x05, 32 + 65536, RK_OK },
	{ 0x05, 32 + 65537, RK_ERR_PACKET },
	{ 0x06, 0, RK_OK },
	{ 0x06, 1, RK_ERR_LENGTH },
	{ 0x07, 0, RK_ERR_LENGTH },
	{ 0x07, 1, RK_ERR_VALUE },
	{ 0x07, 2, RK_ERR_LENGTH },
	{ 0x08, 31, RK_ERR_LENGTH },
	{ 0x08, 32, RK_OK },
	{ 0x08, 33, RK_ERR_LENGTH },
	{ 0x0c, 7, RK_ERR_LENGTH },
	{ 0x0c, 8, RK_OK },
	{ 0x0c, 9, RK_ERR_LENGTH },
	{ 0x0d, 7, RK_ERR_LENGTH },
	{ 0x0d, 8, RK_OK },
	{ 0x0d, 9, RK_ERR_LENGTH },
	{ 0x0e, 0, RK_OK },
	{ 0x0e, 1, RK_ERR_UTF8 },
	{ 0x0e, 2097152, RK_ERR_UTF8 }, /* WebSocket: no such limit */
	{ 0x0f, 7, RK_ERR_LENGTH },
	{ 0x0f, 8, RK_OK },
	{ 0x0f, 9, RK_ERR_LENGTH },
	{ 0x00, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x01, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x03, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x09, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x0a, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x0b, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0x10, 100, RK_ERR_UNKNOWN_TYPE },
	{ 0x7f, 0, RK_ERR_UNKNOWN_TYPE },
	{ 0xff, 65570, RK_ERR_UNKNOWN_TYPE },
};

START_TEST(length_is_judged)
{
	ck_assert_int_eq(decode_filled(lengths[_i].type, lengths[_i].len),
	    lengths[_i].result);
}
END_TEST

static const struct {
	const char *frame;
	int with_keys;
	int without_keys;
} rules[] = {
	{ "0200000069 52454c4159f09f9490" KEY_A SIGNATURE_A, RK_ERR_MAGIC,
	    RK_ERR_MAGIC },
	{ "0200000069 53454c4159f09f9491" KEY_A SIGNATURE_A, RK_ERR_MAGIC,
	    RK_ERR_MAGIC },
	/* magic before key, length before both */
	{ "0200000069 53454c4159f09f9491" NO_POINT SIGNATURE_A, RK_ERR_MAGIC,
	    RK_ERR_MAGIC },
	{ "0200000069" MAGIC NO_POINT SIGNATURE_A, RK_ERR_KEY, RK_OK },
	{ "0200000029" MAGIC NO_POINT, RK_ERR_LENGTH, RK_ERR_LENGTH },
	{ "0400000020" NO_POINT, RK_ERR_KEY, RK_OK },
	{ "0500000021" NO_POINT "00", RK_ERR_KEY, RK_OK },
	{ "0800000020" NO_POINT, RK_ERR_KEY, RK_OK },
	{ "080000001f" NO_POINT, RK_ERR_LENGTH, RK_ERR_LENGTH },
	{ "0700000001 02", RK_ERR_VALUE, RK_ERR_VALUE },
	{ "0700000001 ff", RK_ERR_VALUE, RK_ERR_VALUE },
	{ "0700000002 0101", RK_ERR_LENGTH, RK_ERR_LENGTH },
	{ "0e00000001 ff", RK_ERR_UTF8, RK_ERR_UTF8 },
	{ "0e00000002 c3a9", RK_OK, RK_OK },
	{ "0e00000002 c0af", RK_ERR_UTF8, RK_ERR_UTF8 },
	{ "0e00000003 eda080", RK_ERR_UTF8, RK_ERR_UTF8 },
	{ "0e00000001 00", RK_OK, RK_OK },
};

START_TEST(first_broken_rule_is_named)
{
	const char *text = rules[_i].frame;
	size_t len;
	const uint8_t *p = hex(text, &len);
	struct rk_raw_frame raw = { p[0], { p + 5, len - 5 }, 5, len };
	struct rk_frame f;

	if (p[4] != len - 5) /* a row that cuts its payload */
		raw.payload.len = p[4];
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f),
	    rules[_i].with_keys);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, false, &f),
	    rules[_i].without_keys);
	ck_assert_ptr_nonnull(f.spec);
}
END_TEST

START_TEST(packet_too_long_comes_before_its_key)
{
	size_t len = 32 + 65537;
	uint8_t *p = malloc(len);
	struct rk_raw_frame raw = { 0x04, { p, len }, 0, len };
	struct rk_frame f;

	ck_assert_ptr_nonnull(p);
	memset(p, 2, len);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_ERR_PACKET);
	raw.payload.len--;
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_ERR_KEY);
	free(p);
}
END_TEST

/* As destinations and sources all points are legal. */
START_TEST(small_order_key_is_a_legal_destination)
{
	size_t len;
	const uint8_t *key = hex(small_order_vectors[_i], &len);
	struct rk_raw_frame raw = { 0x04, { key, len }, 0, len };
	struct rk_frame f;

	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_OK);
}
END_TEST

START_TEST(damaged_frame_is_shown_as_far_as_it_goes)
{
	size_t len;
	const uint8_t *p = hex(MAGIC KEY_A "7564", &len);
	struct rk_raw_frame raw = { 0x02, { p, len }, 0, len };
	struct rk_frame f;
	struct rk_key key;

	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_ERR_LENGTH);
	ck_assert_int_eq(f.kind, RK_FRAME_CLIENT_INFO);
	ck_assert_bytes(rk_frame_field(&f, "magic").p,
	    rk_frame_field(&f, "magic").len, p, 9);
	ck_assert(rk_frame_key(&f, &key));
	ck_assert_bytes(key.b, sizeof(key.b), p + 9, 32);
	ck_assert_bytes(rk_frame_field(&f, "signature").p,
	    rk_frame_field(&f, "signature").len, p + 41, 2);
	ck_assert_uint_eq(rk_frame_field(&f, "message").len, 0);
	raw.payload.len = 9 + 31;
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_ERR_LENGTH);
	ck_assert(!rk_frame_key(&f, &key));
}
END_TEST

START_TEST(unknown_type_keeps_its_number_and_payload)
{
	struct rk_frame f;

	ck_assert_int_eq(decode_hex("10 00000002 0102", true, &f),
	    RK_ERR_UNKNOWN_TYPE);
	ck_assert_ptr_null(f.spec);
	ck_assert_int_eq(f.kind, RK_FRAME_UNKNOWN);
	ck_assert_uint_eq(f.type, 0x10);
	ck_assert_bytes(f.payload.p, f.payload.len, "\x01\x02", 2);
	ck_assert_ptr_null(rk_frame_field(&f, "data").p);
	ck_assert_uint_eq(rk_frame_uint(&f, "data"), 0);
	ck_assert_int_eq(rk_frame_lane(v3, &f), RK_LANE_NOTICE);
}
END_TEST

START_TEST(payload_of_no_address_is_empty)
{
	for (uint32_t type = 0; type < 0x20; type++) {
		struct rk_raw_frame raw = { type, { NULL, 0 }, 1, 1 };
		const struct rk_frame_spec *s = rk_frame_spec_by_type(v3, type);
		struct rk_frame f;
		int want = s == NULL ? RK_ERR_UNKNOWN_TYPE
		    : s->min > 0     ? RK_ERR_LENGTH
				     : RK_OK;

		ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), want);
	}
}
END_TEST

/* ---- fields ---- */

START_TEST(numbers_are_big_endian)
{
	struct rk_frame f;

	ck_assert_int_eq(decode_hex("0f 00000008 01020304 fffefdfc", true, &f),
	    RK_OK);
	ck_assert_uint_eq(rk_frame_uint(&f, "reconnect_in_ms"), 0x01020304);
	ck_assert_uint_eq(rk_frame_uint(&f, "try_for_ms"), 0xfffefdfc);
	ck_assert_uint_eq(rk_frame_uint(&f, "key"), 0);
	ck_assert_int_eq(decode_hex("0f 00000006 01020304 fffe", true, &f),
	    RK_ERR_LENGTH);
	ck_assert_uint_eq(rk_frame_uint(&f, "reconnect_in_ms"), 0x01020304);
	ck_assert_uint_eq(rk_frame_uint(&f, "try_for_ms"), 0);
	ck_assert_int_eq(decode_hex("07 00000001 01", true, &f), RK_OK);
	ck_assert_uint_eq(rk_frame_uint(&f, "data"), 1);
	/* bytes are no number */
	ck_assert_int_eq(decode_hex("0c 00000008 0102030405060708", true, &f),
	    RK_OK);
	ck_assert_uint_eq(rk_frame_uint(&f, "data"), 0);
}
END_TEST

START_TEST(field_that_a_frame_lacks_is_empty)
{
	struct rk_frame f;
	struct rk_key key;

	ck_assert_int_eq(decode_hex("06 00000000", true, &f), RK_OK);
	ck_assert_ptr_null(rk_frame_field(&f, "data").p);
	ck_assert(!rk_frame_key(&f, &key));
	ck_assert_int_eq(rk_frame_set(&f, "data", "x", 1), RK_ERR_ARGUMENT);
	rk_frame_init(&f, NULL);
	ck_assert_int_eq(rk_frame_set(&f, "data", "x", 1), RK_ERR_ARGUMENT);
	ck_assert_ptr_null(rk_frame_field(&f, "data").p);
}
END_TEST

START_TEST(lane_of_a_packet_depends_on_its_bytes)
{
	static const char disco[] = "5453f09f92ac" KEY_C;
	char text[256];
	struct rk_frame f;

	for (int type = 4; type <= 5; type++) {
		snprintf(text, sizeof(text), "0%d 00000046" KEY_A "%s", type,
		    disco);
		ck_assert_int_eq(decode_hex(text, true, &f), RK_OK);
		ck_assert_int_eq(rk_frame_lane(v3, &f), RK_LANE_DISCO);
		snprintf(text, sizeof(text), "0%d 00000045" KEY_A "%.74s", type,
		    disco);
		ck_assert_int_eq(decode_hex(text, true, &f), RK_OK);
		ck_assert_int_eq(rk_frame_lane(v3, &f), RK_LANE_DATA);
	}
	ck_assert_int_eq(decode_hex("0d 00000008 0102030405060708", true, &f),
	    RK_OK);
	ck_assert_int_eq(rk_frame_lane(v3, &f), RK_LANE_PONG);
}
END_TEST

static TCase *
decode_case(void)
{
	TCase *t = tcase_create("decode");

	tcase_add_rows(t, length_is_judged, lengths);
	tcase_add_rows(t, first_broken_rule_is_named, rules);
	tcase_add_test(t, packet_too_long_comes_before_its_key);
	tcase_add_rows(t, small_order_key_is_a_legal_destination,
	    small_order_vectors);
	tcase_add_test(t, damaged_frame_is_shown_as_far_as_it_goes);
	tcase_add_test(t, unknown_type_keeps_its_number_and_payload);
	tcase_add_test(t, payload_of_no_address_is_empty);
	tcase_add_test(t, numbers_are_big_endian);
	tcase_add_test(t, field_that_a_frame_lacks_is_empty);
	tcase_add_test(t, lane_of_a_packet_depends_on_its_bytes);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("frame");
	TCase *t = tcase_create("split");

	v3 = rk_dialect_by_id("iroh-v3");
	if (v3 == NULL || rk_keys_init() != RK_OK)
		return 1;
	tcase_add_rows(t, vector_decodes_and_encodes, frame_vectors);
	tcase_add_rows(t, vector_is_split_only_when_it_is_whole, frame_vectors);
	tcase_add_rows(t, cut_message_is_a_wrong_length_or_a_shorter_frame,
	    frame_vectors);
	tcase_add_test(t, stream_in_pieces_gives_the_same_frames);
	tcase_add_rows(t, length_is_judged_by_the_header_alone, headers);
	tcase_add_test(t, longest_raw_frame_is_split);
	tcase_add_test(t, message_without_a_type_is_empty);
	tcase_add_test(t, varint_types_may_be_longer_than_needed);
	suite_add_tcase(s, t);
	suite_add_tcase(s, decode_case());
	return run_suite(s);
}
