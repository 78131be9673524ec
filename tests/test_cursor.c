/* Bounded reading and writing of wire bytes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/cursor.h"
#include "support.h"

/* ---- fixed-width numbers: one row a width and byte order ---- */

static uint64_t
read_number(struct rk_reader *r, const char *form)
{
	if (strcmp(form, "u8") == 0)
		return rk_read_u8(r);
	if (strcmp(form, "u16be") == 0)
		return rk_read_u16be(r);
	if (strcmp(form, "u32be") == 0)
		return rk_read_u32be(r);
	if (strcmp(form, "u64be") == 0)
		return rk_read_u64be(r);
	ck_assert_str_eq(form, "u16le");
	return rk_read_u16le(r);
}

static void
write_number(struct rk_writer *w, const char *form, uint64_t v)
{
	if (strcmp(form, "u8") == 0)
		rk_write_u8(w, (uint8_t)v);
	else if (strcmp(form, "u16be") == 0)
		rk_write_u16be(w, (uint16_t)v);
	else if (strcmp(form, "u32be") == 0)
		rk_write_u32be(w, (uint32_t)v);
	else if (strcmp(form, "u64be") == 0)
		rk_write_u64be(w, v);
	else
		rk_write_u16le(w, (uint16_t)v);
}

static const struct {
	const char *form;
	uint64_t value;
	const char *bytes;
} numbers[] = {
	{ "u8", 0xfe, "fe" },
	{ "u16be", 0x0102, "0102" },
	{ "u16be", 0xfffe, "fffe" },
	{ "u32be", 0x01020304, "01020304" },
	{ "u32be", 0xfffefdfc, "fffefdfc" },
	{ "u64be", UINT64_C(0x0102030405060708), "0102030405060708" },
	{ "u64be", UINT64_C(0xfffefdfcfbfaf9f8), "fffefdfcfbfaf9f8" },
	{ "u16le", 0x0102, "0201" },
	{ "u16le", 0xfffe, "feff" },
};

START_TEST(number_is_read_and_written)
{
	size_t len;
	const uint8_t *bytes = hex(numbers[_i].bytes, &len);
	uint8_t out[8];
	struct rk_reader r;
	struct rk_writer w;

	rk_reader_init(&r, bytes, len);
	ck_assert_uint_eq(read_number(&r, numbers[_i].form), numbers[_i].value);
	ck_assert(!r.bad);
	ck_assert_uint_eq(r.left, 0);

	rk_writer_init(&w, out, len);
	write_number(&w, numbers[_i].form, numbers[_i].value);
	ck_assert(!w.bad);
	ck_assert_bytes(out, w.len, bytes, len);
}
END_TEST

START_TEST(truncated_number_is_bad_and_zero)
{
	size_t len;
	const uint8_t *bytes = hex(numbers[_i].bytes, &len);
	struct rk_reader r;

	for (size_t n = 0; n < len; n++) {
		/* A copy of its own, so that a read behind it is seen. */
		uint8_t *cut = malloc(n + 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, bytes, n);
		rk_reader_init(&r, cut, n);
		ck_assert_uint_eq(read_number(&r, numbers[_i].form), 0);
		ck_assert(r.bad);
		free(cut);
	}
}
END_TEST

START_TEST(number_that_does_not_fit_is_not_written_at_all)
{
	size_t len;
	struct rk_writer w;

	hex(numbers[_i].bytes, &len);
	for (size_t cap = 0; cap < len; cap++) {
		uint8_t out[8] = { 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa };

		rk_writer_init(&w, out, cap);
		write_number(&w, numbers[_i].form, numbers[_i].value);
		ck_assert(w.bad);
		ck_assert_uint_eq(w.len, 0);
		for (size_t i = 0; i < 7; i++)
			ck_assert_uint_eq(out[i], 0xaa);
	}
}
END_TEST

/* ---- sticky failure, spans ---- */

START_TEST(reader_stays_bad)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct rk_reader r;

	rk_reader_init(&r, bytes, sizeof(bytes));
	ck_assert_uint_eq(rk_read_u32be(&r), 0);
	ck_assert_uint_eq(rk_read_u8(&r), 0);
	ck_assert_uint_eq(rk_read_span(&r, 1).len, 0);
	ck_assert_uint_eq(rk_read_rest(&r).len, 0);
	ck_assert_uint_eq(rk_read_leb128(&r), 0);
	ck_assert_uint_eq(rk_read_quicint(&r), 0);
	ck_assert(r.bad);
}
END_TEST

START_TEST(writer_stays_bad)
{
	uint8_t out[4];
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_write_u16be(&w, 0x0102);
	rk_write_u32be(&w, 3);
	rk_write_u8(&w, 9);
	ck_assert(w.bad);
	ck_assert_bytes(out, w.len, "\x01\x02", 2);
}
END_TEST

START_TEST(spans_are_views_and_the_rest_is_what_is_left)
{
	static const char text[] = "key:value";
	struct rk_reader r;
	struct rk_span key, rest;

	rk_reader_init(&r, text, 9);
	key = rk_read_span(&r, 3);
	ck_assert_uint_eq(rk_read_u8(&r), ':');
	rest = rk_read_rest(&r);
	ck_assert_ptr_eq(key.p, text);
	ck_assert_bytes(key.p, key.len, "key", 3);
	ck_assert_bytes(rest.p, rest.len, "value", 5);
	ck_assert(!r.bad);
	ck_assert_uint_eq(rk_read_rest(&r).len, 0);
	ck_assert(!r.bad);
	rk_read_span(&r, SIZE_MAX);
	ck_assert(r.bad);
}
END_TEST

START_TEST(nothing_can_be_read_from_nothing)
{
	struct rk_reader r;

	rk_reader_init(&r, NULL, 0);
	ck_assert_uint_eq(rk_read_rest(&r).len, 0);
	ck_assert(!r.bad);
	ck_assert_uint_eq(rk_read_u8(&r), 0);
	ck_assert(r.bad);
}
END_TEST

START_TEST(bytes_and_text_are_appended)
{
	uint8_t out[8];
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_write_text(&w, "abc");
	rk_write_bytes(&w, NULL, 0);
	rk_write_bytes(&w, "\0\xff", 2);
	ck_assert(!w.bad);
	ck_assert_bytes(out, w.len, "abc\0\xff", 5);
	rk_write_text(&w, "defg");
	ck_assert(w.bad);
	ck_assert_uint_eq(w.len, 5);
}
END_TEST

/* ---- LEB128 ---- */

struct varint {
	const char *bytes;
	uint64_t value;
	size_t used; /* 0: refused */
};

static const struct varint leb128[] = {
	{ "00", 0, 1 },
	{ "03", 3, 1 },
	{ "7f", 127, 1 },
	{ "8001", 128, 2 },
	{ "ff7f", 16383, 2 },
	{ "808001", 16384, 3 },
	{ "03ff", 3, 1 }, /* what follows is not its business */
	/* not minimal */
	{ "8300", 3, 2 },
	{ "80808000", 0, 4 },
	{ "83808080808080808000", 3, 10 },
	{ "8380808010", (UINT64_C(1) << 32) + 3, 5 },
	{ "ffffffff0f", UINT32_MAX, 5 },
	{ "ffffffffffffffffff01", UINT64_MAX, 10 },
	{ "80808080808080808001", UINT64_C(1) << 63, 10 },
	/* above 64 bits */
	{ "ffffffffffffffffff02", 0, 0 },
	{ "8380808080808080807e", 0, 0 },
	{ "83808080808080808080", 0, 0 },
	{ "8380808080808080808000", 0, 0 },
	/* without end */
	{ "", 0, 0 },
	{ "80", 0, 0 },
	{ "ffffffffffffffffff", 0, 0 },
};

static void
check_varint(const struct varint *v, uint64_t (*read)(struct rk_reader *))
{
	size_t len;
	const uint8_t *bytes = hex(v->bytes, &len);
	struct rk_reader r;

	rk_reader_init(&r, bytes, len);
	ck_assert_uint_eq(read(&r), v->value);
	ck_assert(r.bad == (v->used == 0));
	if (v->used > 0)
		ck_assert_uint_eq(len - r.left, v->used);
	for (size_t n = 0; n < v->used; n++) {
		rk_reader_init(&r, bytes, n);
		ck_assert_uint_eq(read(&r), 0);
		ck_assert(r.bad);
	}
}

START_TEST(leb128_is_read)
{
	check_varint(&leb128[_i], rk_read_leb128);
}
END_TEST

START_TEST(leb128_round_trip_is_minimal)
{
	uint64_t seed = 1;
	uint8_t out[10];
	struct rk_reader r;
	struct rk_writer w;

	for (int i = 0; i < 2000; i++) {
		unsigned bits = (unsigned)(i % 64) + 1;
		uint64_t v = test_random(&seed) >> (64 - bits);
		size_t want = 1;

		while (want < 10 && v >> (7 * want) != 0)
			want++;
		rk_writer_init(&w, out, sizeof(out));
		rk_write_leb128(&w, v);
		ck_assert_uint_eq(w.len, want);
		rk_reader_init(&r, out, w.len);
		ck_assert_uint_eq(rk_read_leb128(&r), v);
		ck_assert(!r.bad);
		rk_writer_init(&w, out, want - 1);
		rk_write_leb128(&w, v);
		ck_assert(w.bad);
		ck_assert_uint_eq(w.len, 0);
	}
}
END_TEST

/* ---- QUIC integers: RFC 9000 section 16 and appendix A.1 ---- */

static const struct varint quicint[] = {
	{ "c2197c5eff14e88c", UINT64_C(151288809941952652), 8 },
	{ "9d7f3e7d", 494878333, 4 },
	{ "7bbd", 15293, 2 },
	{ "25", 37, 1 },
	{ "4025", 37, 2 }, /* not minimal */
	{ "c000000000000000", 0, 8 },
	{ "ffffffffffffffff", (UINT64_C(1) << 62) - 1, 8 },
	{ "", 0, 0 },
	{ "40", 0, 0 },
	{ "800000", 0, 0 },
	{ "c0000000000000", 0, 0 },
};

START_TEST(quicint_is_read)
{
	check_varint(&quicint[_i], rk_read_quicint);
}
END_TEST

static const struct {
	uint64_t value;
	size_t len; /* 0: refused */
} quicint_sizes[] = {
	{ 0, 1 },
	{ 63, 1 },
	{ 64, 2 },
	{ 16383, 2 },
	{ 16384, 4 },
	{ (UINT64_C(1) << 30) - 1, 4 },
	{ UINT64_C(1) << 30, 8 },
	{ (UINT64_C(1) << 62) - 1, 8 },
	{ UINT64_C(1) << 62, 0 },
	{ UINT64_MAX, 0 },
};

START_TEST(quicint_is_written_in_the_shortest_form)
{
	uint8_t out[8];
	struct rk_reader r;
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_write_quicint(&w, quicint_sizes[_i].value);
	ck_assert_uint_eq(w.len, quicint_sizes[_i].len);
	ck_assert(w.bad == (quicint_sizes[_i].len == 0));
	rk_reader_init(&r, out, w.len);
	if (w.len > 0)
		ck_assert_uint_eq(rk_read_quicint(&r), quicint_sizes[_i].value);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cursor");
	TCase *t = tcase_create("cursor");

	tcase_add_rows(t, number_is_read_and_written, numbers);
	tcase_add_rows(t, truncated_number_is_bad_and_zero, numbers);
	tcase_add_rows(t, number_that_does_not_fit_is_not_written_at_all,
	    numbers);
	tcase_add_test(t, reader_stays_bad);
	tcase_add_test(t, writer_stays_bad);
	tcase_add_test(t, spans_are_views_and_the_rest_is_what_is_left);
	tcase_add_test(t, nothing_can_be_read_from_nothing);
	tcase_add_test(t, bytes_and_text_are_appended);
	tcase_add_rows(t, leb128_is_read, leb128);
	tcase_add_test(t, leb128_round_trip_is_minimal);
	tcase_add_rows(t, quicint_is_read, quicint);
	tcase_add_rows(t, quicint_is_written_in_the_shortest_form,
	    quicint_sizes);
	suite_add_tcase(s, t);
	return run_suite(s);
}
