/* WebSocket frames: headers, masking, UTF-8. */
#include "config.h"

#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "codec/ws.h"
#include "support.h"

/* ---- headers ---- */

struct header_row {
	const char *bytes;
	bool fin;
	uint8_t rsv;
	uint8_t opcode;
	bool masked;
	uint64_t payload_len;
};

static const struct header_row headers[] = {
	{ "8200", true, 0, RK_WS_BINARY, false, 0 },
	{ "827d", true, 0, RK_WS_BINARY, false, 125 },
	{ "827e007e", true, 0, RK_WS_BINARY, false, 126 },
	{ "827e007f", true, 0, RK_WS_BINARY, false, 127 },
	{ "827e0080", true, 0, RK_WS_BINARY, false, 128 },
	{ "827effff", true, 0, RK_WS_BINARY, false, 65535 },
	{ "827f0000000000010000", true, 0, RK_WS_BINARY, false, 65536 },
	{ "827f0000000100000000", true, 0, RK_WS_BINARY, false,
	    UINT64_C(1) << 32 },
	{ "827f7fffffffffffffff", true, 0, RK_WS_BINARY, false, INT64_MAX },
	{ "018537fa213d", false, 0, RK_WS_TEXT, true, 5 },
	{ "88fe007e37fa213d", true, 0, RK_WS_CLOSE, true, 126 },
	{ "89ff000000000001000037fa213d", true, 0, RK_WS_PING, true, 65536 },
	{ "7080", false, 7, RK_WS_CONTINUATION, true, 0 },
	{ "cf00", true, 4, 0xf, false, 0 },
};

START_TEST(headers_are_read_and_written)
{
	const struct header_row *row = &headers[_i];
	size_t len;
	const uint8_t *bytes = hex(row->bytes, &len);
	uint8_t whole[RK_WS_HEADER_MAX + 4] = { 0 };
	uint8_t out[RK_WS_HEADER_MAX];
	struct rk_ws_header h;
	struct rk_writer w;

	if (row->masked && len == 2) /* the row without its mask: 0 */
		len = 6;
	memcpy(whole, bytes, strlen(row->bytes) / 2);
	ck_assert_int_eq(rk_ws_parse_header(whole, len, &h), RK_OK);
	ck_assert_int_eq(h.fin, row->fin);
	ck_assert_uint_eq(h.rsv, row->rsv);
	ck_assert_uint_eq(h.opcode, row->opcode);
	ck_assert_int_eq(h.masked, row->masked);
	ck_assert_uint_eq(h.payload_len, row->payload_len);
	ck_assert_uint_eq(h.header_len, len);
	ck_assert(h.minimal);

	for (size_t cap = 0; cap < len; cap++) {
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_ERR_SPACE);
		ck_assert_uint_eq(w.len, 0);
	}
	rk_writer_init(&w, out, len);
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	ck_assert_bytes(out, w.len, whole, len);
}
END_TEST

START_TEST(truncated_headers_say_how_much_they_need)
{
	const struct header_row *row = &headers[_i];
	size_t len;
	const uint8_t *bytes = hex(row->bytes, &len);
	struct rk_ws_header h;

	for (size_t n = 0; n < len; n++) {
		size_t need = n < 2 ? 2 : len;

		if (row->masked && len == 2)
			need = n < 2 ? 2 : 6;
		ck_assert_int_eq(rk_ws_parse_header(bytes, n, &h),
		    RK_ERR_AGAIN);
		ck_assert_uint_eq(h.header_len, need);
		if (n >= 1)
			ck_assert_uint_eq(h.opcode, row->opcode);
	}
}
END_TEST

START_TEST(every_first_byte_survives)
{
	for (unsigned first = 0; first < 256; first++) {
		const uint8_t bytes[2] = { (uint8_t)first, 0 };
		uint8_t out[2];
		struct rk_ws_header h;
		struct rk_writer w;

		ck_assert_int_eq(rk_ws_parse_header(bytes, 2, &h), RK_OK);
		rk_writer_init(&w, out, sizeof(out));
		ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
		ck_assert_bytes(out, w.len, bytes, 2);
	}
}
END_TEST

START_TEST(longer_lengths_than_needed_are_told)
{
	static const char *const longer[] = { "827e0000", "827e007d",
		"827f000000000000007e", "827f000000000000ffff" };
	struct rk_ws_header h;
	size_t len;

	for (size_t i = 0; i < sizeof(longer) / sizeof(longer[0]); i++) {
		const uint8_t *bytes = hex(longer[i], &len);

		ck_assert_int_eq(rk_ws_parse_header(bytes, len, &h), RK_OK);
		ck_assert(!h.minimal);
	}
	ck_assert_int_eq(rk_ws_parse_header(hex("827f8000000000000000", &len),
			     len, &h),
	    RK_ERR_WS_LENGTH);
}
END_TEST

/* ---- masking ---- */

static void
mask_plainly(const uint8_t mask[4], size_t offset, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] ^= mask[(offset + i) % 4];
}

START_TEST(masking_is_right_at_every_alignment)
{
	const uint8_t mask[4] = { 0x37, 0xfa, 0x21, 0x3d };
	uint8_t got[96], want[96];
	uint64_t seed = 1;

	for (size_t align = 0; align < 8; align++)
		for (size_t offset = 0; offset < 9; offset++)
			for (size_t len = 0; len <= 70; len++) {
				test_fill(&seed, want, sizeof(want));
				memcpy(got, want, sizeof(got));
				mask_plainly(mask, offset, want + align, len);
				rk_ws_mask(mask, offset, got + align, len);
				ck_assert_bytes(got, sizeof(got), want,
				    sizeof(want));
			}
}
END_TEST

START_TEST(masking_in_two_pieces_is_masking)
{
	const uint8_t mask[4] = { 1, 0x80, 0xff, 0 };
	uint8_t whole[61] = { 0 };

	rk_ws_mask(mask, 0, whole, sizeof(whole));
	for (size_t cut = 0; cut <= sizeof(whole); cut++) {
		uint8_t pieces[sizeof(whole)] = { 0 };

		rk_ws_mask(mask, 0, pieces, cut);
		rk_ws_mask(mask, cut, pieces + cut, sizeof(pieces) - cut);
		ck_assert_bytes(pieces, sizeof(pieces), whole, sizeof(whole));
	}
}
END_TEST

/* ---- UTF-8 ---- */

START_TEST(utf8_texts)
{
	static const struct {
		const char *bytes;
		bool ok;
	} rows[] = {
		{ "", true },
		{ "00", true },
		{ "7f", true },
		{ "80", false },
		{ "bf", false },
		{ "c080", false },
		{ "c1bf", false },
		{ "c280", true },
		{ "dfbf", true },
		{ "c2", false },
		{ "c241", false },
		{ "e09fbf", false },
		{ "e0a080", true },
		{ "ed9fbf", true },
		{ "eda080", false },
		{ "edbfbf", false },
		{ "ee8080", true },
		{ "efbfbf", true },
		{ "efbf", false },
		{ "f08fbfbf", false },
		{ "f0908080", true },
		{ "f09f9491", true },
		{ "f09f94", false },
		{ "f48fbfbf", true },
		{ "f4908080", false },
		{ "f5808080", false },
		{ "f8888080 80", false },
		{ "ff", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len;
		const uint8_t *p = hex(rows[i].bytes, &len);

		ck_assert_msg(rk_utf8_ok(p, len) == rows[i].ok, "%s",
		    rows[i].bytes);
	}
}
END_TEST

static bool
iconv_takes(iconv_t cd, const uint8_t *p, size_t len)
{
	char in[8], out[32];
	char *from = in, *to = out;
	size_t left = len, room = sizeof(out);

	memcpy(in, p, len);
	iconv(cd, NULL, NULL, NULL, NULL);
	return iconv(cd, &from, &left, &to, &room) != (size_t)-1 && left == 0;
}

START_TEST(utf8_agrees_with_the_c_library)
{
	/* Every first two bytes, with ends that are likely to be right. */
	static const uint8_t ends[][2] = { { 0x80, 0x80 }, { 0xbf, 0x80 },
		{ 0x41, 0x80 }, { 0x80, 0x41 }, { 0x7f, 0xc2 } };
	iconv_t cd = iconv_open("UTF-16LE", "UTF-8");

	ck_assert(cd != (iconv_t)-1);
	for (unsigned first = 0; first < 0x10000; first++)
		for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++)
			for (size_t len = 1; len <= 4; len++) {
				const uint8_t p[4] = { (uint8_t)(first >> 8),
					(uint8_t)first, ends[e][0],
					ends[e][1] };

				ck_assert_msg(rk_utf8_ok(p, len) ==
					iconv_takes(cd, p, len),
				    "%02x %02x %02x %02x, %zu", p[0], p[1],
				    p[2], p[3], len);
			}
	iconv_close(cd);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ws");
	TCase *headers_case = tcase_create("headers");
	TCase *mask = tcase_create("masking");
	TCase *utf8 = tcase_create("utf8");

	tcase_add_rows(headers_case, headers_are_read_and_written, headers);
	tcase_add_rows(headers_case, truncated_headers_say_how_much_they_need,
	    headers);
	tcase_add_test(headers_case, every_first_byte_survives);
	tcase_add_test(headers_case, longer_lengths_than_needed_are_told);
	suite_add_tcase(s, headers_case);

	tcase_set_timeout(mask, 60);
	tcase_add_test(mask, masking_is_right_at_every_alignment);
	tcase_add_test(mask, masking_in_two_pieces_is_masking);
	suite_add_tcase(s, mask);

	tcase_set_timeout(utf8, 60);
	tcase_add_test(utf8, utf8_texts);
	tcase_add_test(utf8, utf8_agrees_with_the_c_library);
	suite_add_tcase(s, utf8);
	return run_suite(s);
}
