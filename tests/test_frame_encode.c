/* Encoding of frames, strict and lax. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "frame_vectors.h"
#include "support.h"

static const struct rk_dialect *v3;

static void
check_refused(const struct rk_frame *f, enum rk_header_form form, int err,
    const char *lax_hex)
{
	uint8_t out[256];
	size_t len;
	const uint8_t *want = hex(lax_hex, &len);
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_write_u8(&w, 0x77);
	ck_assert_int_eq(rk_frame_encode(v3, form, f, RK_STRICT, &w), err);
	ck_assert_uint_eq(w.len, 1);
	ck_assert(!w.bad);
	ck_assert_int_eq(rk_frame_encode(v3, form, f, RK_LAX, &w), RK_OK);
	ck_assert_bytes(out + 1, w.len - 1, want, len);
}

static const struct {
	const char *name;
	const char *field[2][2];
	int err;
	const char *raw;
} illegal[] = {
	{ "Ping", { { "data", "01020304050607" } }, RK_ERR_LENGTH,
	    "0c 00000007 01020304050607" },
	{ "Ping", { { "data", "010203040506070809" } }, RK_ERR_LENGTH,
	    "0c 00000009 010203040506070809" },
	{ "Ping", { { NULL } }, RK_ERR_LENGTH, "0c 00000000" },
	{ "NotePreferred", { { "data", "02" } }, RK_ERR_VALUE,
	    "07 00000001 02" },
	{ "SendPacket", { { "key", NO_POINT }, { "data", "61" } }, RK_ERR_KEY,
	    "04 00000021" NO_POINT "61" },
	/* the right length in all, but not field by field */
	{ "SendPacket", { { "key", "0102" }, { "data", NO_POINT } },
	    RK_ERR_LENGTH, "04 00000022 0102" NO_POINT },
	{ "Restarting",
	    { { "reconnect_in_ms", "0001" }, { "try_for_ms", "000000000002" } },
	    RK_ERR_LENGTH, "0f 00000008 0001 000000000002" },
	{ "ClientInfo", { { "key", KEY_A } }, RK_ERR_LENGTH,
	    "02 00000029" MAGIC KEY_A },
	{ "ClientInfo", { { "magic", "52454c41" } }, RK_ERR_LENGTH,
	    "02 00000004 52454c41" },
	{ "Health", { { "text", "ff" } }, RK_ERR_UTF8, "0e 00000001 ff" },
};

START_TEST(strict_refuses_and_lax_writes)
{
	struct rk_frame f;
	char ws[512];

	rk_frame_init(&f, rk_frame_spec_by_name(v3, illegal[_i].name));
	for (int k = 0; k < 2 && illegal[_i].field[k][0] != NULL; k++) {
		size_t len;
		const uint8_t *p = hex(illegal[_i].field[k][1], &len);

		ck_assert_int_eq(rk_frame_set(&f, illegal[_i].field[k][0], p,
				     len),
		    RK_OK);
	}
	check_refused(&f, RK_HEADER_TLV32, illegal[_i].err, illegal[_i].raw);
	/* type, and what is behind "tt llllllll" */
	snprintf(ws, sizeof(ws), "%.2s%s", illegal[_i].raw,
	    illegal[_i].raw + 11);
	check_refused(&f, RK_HEADER_TYPE8, illegal[_i].err, ws);
}
END_TEST

START_TEST(magic_that_was_not_set_is_filled_in)
{
	size_t len, want_len;
	const uint8_t *want = hex(frame_vectors[0].raw, &want_len);
	uint8_t out[128];
	struct rk_frame f;
	struct rk_writer w;
	const uint8_t *p;

	rk_frame_init(&f, rk_frame_spec_by_name(v3, "ClientInfo"));
	p = hex(KEY_A, &len);
	rk_frame_set(&f, "key", p, len);
	p = hex(SIGNATURE_A, &len);
	rk_frame_set(&f, "signature", p, len);
	rk_frame_set(&f, "message", "\x03", 1);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_TLV32, &f, RK_STRICT,
			     &w),
	    RK_OK);
	ck_assert_bytes(out, w.len, want, want_len);

	/* set to nothing it stays away, set wrong it is refused */
	rk_frame_set(&f, "magic", "", 0);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_TLV32, &f, RK_LAX, &w),
	    RK_OK);
	ck_assert_uint_eq(w.len, want_len - 9);
	rk_frame_set(&f, "magic", "RELAY1234", 9);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_TLV32, &f, RK_STRICT,
			     &w),
	    RK_ERR_MAGIC);
}
END_TEST

START_TEST(limits_of_packet_and_carrier_are_kept_by_strict_only)
{
	static const struct {
		const char *name;
		enum rk_header_form form;
		size_t data;
		int err;
	} rows[] = {
		{ "SendPacket", RK_HEADER_TLV32, 65536, RK_OK },
		{ "SendPacket", RK_HEADER_TLV32, 65537, RK_ERR_PACKET },
		{ "RecvPacket", RK_HEADER_TYPE8, 65536, RK_OK },
		{ "RecvPacket", RK_HEADER_TYPE8, 65537, RK_ERR_PACKET },
		{ "Health", RK_HEADER_TLV32, 1048576, RK_OK },
		{ "Health", RK_HEADER_TLV32, 1048577, RK_ERR_TOO_LONG },
		{ "Health", RK_HEADER_TYPE8, 1048576, RK_OK },
		{ "Health", RK_HEADER_TYPE8, 1048577, RK_ERR_TOO_LONG },
	};
	size_t cap = 1100000, key_len;
	const uint8_t *key = hex(KEY_A, &key_len);
	uint8_t *data = malloc(cap), *out = malloc(cap);

	ck_assert(data != NULL && out != NULL);
	memset(data, 'x', cap);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rk_frame f;
		struct rk_writer w;
		bool packet = rows[i].name[0] != 'H';

		rk_frame_init(&f, rk_frame_spec_by_name(v3, rows[i].name));
		if (packet)
			rk_frame_set(&f, "key", key, key_len);
		rk_frame_set(&f, packet ? "data" : "text", data, rows[i].data);
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_frame_encode(v3, rows[i].form, &f,
				     RK_STRICT, &w),
		    rows[i].err);
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_frame_encode(v3, rows[i].form, &f, RK_LAX,
				     &w),
		    RK_OK);
		ck_assert_uint_eq(w.len,
		    (rows[i].form == RK_HEADER_TLV32 ? 5u : 1u) +
			(packet ? 32u : 0u) + rows[i].data);
	}
	free(data);
	free(out);
}
END_TEST

START_TEST(frame_that_does_not_fit_is_not_written_at_all)
{
	size_t len;
	const uint8_t *bytes = hex(frame_vectors[_i].raw, &len);
	struct rk_raw_frame raw;
	struct rk_frame f;

	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, bytes, len,
			     &raw),
	    RK_OK);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_OK);
	for (size_t cap = 0; cap < len; cap++) {
		uint8_t *out = malloc(cap + 1);
		struct rk_writer w;

		ck_assert_ptr_nonnull(out);
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_TLV32, &f,
				     RK_STRICT, &w),
		    RK_ERR_SPACE);
		ck_assert_uint_eq(w.len, 0);
		free(out);
	}
}
END_TEST

START_TEST(frame_without_a_row_cannot_be_encoded)
{
	uint8_t out[16];
	struct rk_frame f;
	struct rk_writer w;

	rk_frame_init(&f, NULL);
	rk_writer_init(&w, out, sizeof(out));
	for (int strict = RK_STRICT; strict <= RK_LAX; strict++)
		ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_TLV32, &f,
				     strict, &w),
		    RK_ERR_ARGUMENT);
	rk_frame_init(&f, rk_frame_spec_by_name(v3, "KeepAlive"));
	ck_assert_int_eq(rk_frame_encode(v3, RK_HEADER_NONE, &f, RK_LAX, &w),
	    RK_ERR_ARGUMENT);
	ck_assert_uint_eq(w.len, 0);
	ck_assert(!w.bad);
}
END_TEST

static const struct {
	enum rk_header_form form;
	uint32_t type;
	size_t len;
	const char *bytes; /* NULL: cannot be written */
} written_headers[] = {
	{ RK_HEADER_TLV32, 0x3f, 0x01020304, "3f01020304" },
	{ RK_HEADER_TLV32, 0xff, UINT32_MAX, "ffffffffff" },
	{ RK_HEADER_TLV32, 0x100, 0, NULL },
	{ RK_HEADER_TLV32, 0x3f, (size_t)UINT32_MAX + 1, NULL },
	{ RK_HEADER_TYPE8, 0x3f, 7, "3f" },
	{ RK_HEADER_TYPE8, 0x100, 7, NULL },
	{ RK_HEADER_VARINT, 0x3f, 7, "3f" },
	{ RK_HEADER_VARINT, 0x40, 7, "4040" },
	{ RK_HEADER_VARINT, UINT32_MAX, 7, "c0000000ffffffff" },
	{ RK_HEADER_NONE, 0x3f, 7, NULL },
};

START_TEST(header_is_written)
{
	uint8_t out[RK_FRAME_HEADER_MAX];
	struct rk_writer w;
	size_t len = 0;
	const uint8_t *want = NULL;

	if (written_headers[_i].bytes != NULL)
		want = hex(written_headers[_i].bytes, &len);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_header(written_headers[_i].form,
			     written_headers[_i].type, written_headers[_i].len,
			     &w),
	    want != NULL ? RK_OK : RK_ERR_ARGUMENT);
	ck_assert_bytes(out, w.len, want, len);
	ck_assert(!w.bad);
	for (size_t cap = 0; cap < len; cap++) {
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_frame_header(written_headers[_i].form,
				     written_headers[_i].type,
				     written_headers[_i].len, &w),
		    RK_ERR_SPACE);
		ck_assert_uint_eq(w.len, 0);
	}
}
END_TEST

/* ---- random input ---- */

static const enum rk_header_form forms[] = { RK_HEADER_TLV32, RK_HEADER_TYPE8,
	RK_HEADER_VARINT };

/* Whatever decodes encodes to the same bytes, strictly; what does not is
 * refused, unless what is too much is in no field. */
START_TEST(random_frames_decode_or_are_refused_and_encode_to_themselves)
{
	uint64_t seed = 41;
	unsigned good = 0;

	for (int i = 0; i < 20000; i++) {
		size_t len = test_random(&seed) % 120, cap = len + 8;
		uint8_t *in = malloc(len + 1), out[128];
		enum rk_header_form form = forms[i % 3];
		struct rk_raw_frame raw;
		struct rk_frame f;
		struct rk_writer w;
		int err;

		ck_assert_ptr_nonnull(in);
		test_fill(&seed, in, len);
		if (len > 4 && form == RK_HEADER_TLV32)
			memset(in + 1, 0, 3);
		if (len > 0)
			in[0] &= 0x0f;
		if (rk_split(form, v3->max_frame, in, len, &raw) == RK_OK) {
			ck_assert_uint_le(raw.total_len, len);
			ck_assert_ptr_eq(raw.payload.p, in + raw.header_len);
			err = rk_frame_decode(v3, &raw, true, &f);
			rk_writer_init(&w, out, cap);
			if (err == RK_OK) {
				good++;
				ck_assert_int_eq(rk_frame_encode(v3, form, &f,
						     RK_STRICT, &w),
				    RK_OK);
				ck_assert_bytes(out, w.len, in, raw.total_len);
			} else if (f.spec != NULL &&
			    raw.payload.len <= f.spec->max) {
				ck_assert_int_ne(rk_frame_encode(v3, form, &f,
						     RK_STRICT, &w),
				    RK_OK);
			}
		}
		free(in);
	}
	ck_assert_uint_gt(good, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("frame_encode");
	TCase *t = tcase_create("encode");

	v3 = rk_dialect_by_id("iroh-v3");
	if (v3 == NULL || rk_keys_init() != RK_OK)
		return 1;
	tcase_add_rows(t, strict_refuses_and_lax_writes, illegal);
	tcase_add_test(t, magic_that_was_not_set_is_filled_in);
	tcase_add_test(t, limits_of_packet_and_carrier_are_kept_by_strict_only);
	tcase_add_rows(t, frame_that_does_not_fit_is_not_written_at_all,
	    frame_vectors);
	tcase_add_test(t, frame_without_a_row_cannot_be_encoded);
	tcase_add_rows(t, header_is_written, written_headers);
	tcase_add_test(t,
	    random_frames_decode_or_are_refused_and_encode_to_themselves);
	suite_add_tcase(s, t);
	return run_suite(s);
}
