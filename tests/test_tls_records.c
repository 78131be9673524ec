/* One direction's bytes -> TLS records, with and without holes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "capture/tls_records.h"
#include "support.h"

/* "data[2/8]": what came of the bytes, one word a thing. */
struct seen {
	struct text words;
	struct tls_records *r;
	uint64_t packet;  /* of the last thing */
	bool proves_none; /* else a body that begins with aa is a proof */
	unsigned proofs;
};

static void
add_word(struct seen *s, const char *name, uint64_t packet)
{
	text_addf(&s->words, "%s%s", s->words.len > 0 ? " " : "", name);
	s->packet = packet;
}

static void
on_record(void *arg, const struct tls_record *r)
{
	static const char *const names[] = { "change", "alert", "handshake",
		"data" };
	struct seen *s = arg;

	ck_assert_int_ge(r->header[0], 20);
	ck_assert_int_le(r->header[0], 23);
	ck_assert((r->body != NULL) == (r->have == r->len));
	add_word(s, names[r->header[0] - 20], r->packet);
	if (r->body != NULL)
		text_addf(&s->words, "[%zu]", r->len);
	else
		text_addf(&s->words, "[%zu/%zu]", r->have, r->len);
}

static void
on_junk(void *arg, size_t len, int64_t time_ns, uint64_t packet)
{
	struct seen *s = arg;

	add_word(s, "junk", packet);
	text_addf(&s->words, "[%zu]", len);
}

static void
on_gap(void *arg, uint64_t len, bool inside, int64_t time_ns, uint64_t packet)
{
	struct seen *s = arg;

	add_word(s, inside ? "inside" : "gap", packet);
	text_addf(&s->words, "[%zu]", (size_t)len);
}

static bool
on_proves(void *arg, const struct tls_record *r)
{
	struct seen *s = arg;

	s->proofs++;
	return !s->proves_none && r->len > 0 && r->body[0] == 0xaa;
}

static void
seen_init(struct seen *s)
{
	const struct tls_records_sink sink = { s, on_record, on_junk, on_gap,
		on_proves };

	*s = (struct seen){ .packet = 0 };
	text_init(&s->words);
	s->r = tls_records_new(&sink);
}

static void
seen_clear(struct seen *s)
{
	tls_records_free(s->r);
	text_clear(&s->words);
}

static void
feed(struct seen *s, const char *bytes, size_t step)
{
	static uint64_t packet;
	size_t len;
	const uint8_t *p = hex(bytes, &len);

	for (size_t off = 0; off < len; off += step)
		tls_records_feed(s->r, p + off,
		    len - off < step ? len - off : step, 0, ++packet);
}

/* '|' is the end of a segment, '*' a hole of one byte, '.' the end. */
static void
play(struct seen *s, const char *script, size_t step)
{
	char part[256];

	while (*script != '\0') {
		size_t n = strcspn(script, "|*.");

		snprintf(part, sizeof(part), "%.*s", (int)n, script);
		feed(s, part, step);
		script += n;
		n = strspn(script, "*");
		if (n > 0)
			tls_records_gap(s->r, n, 0, 0);
		script += n;
		if (*script == '.')
			tls_records_end(s->r, 0, 0);
		script += *script == '|' || *script == '.';
	}
}

static const struct {
	const char *script;
	const char *words;
} rows[] = {
	{ "16 0301 0003 010203 17 0303 0002 aabb", "handshake[3] data[2]" },
	{ "14 0303 0001 01 15 0303 0002 0100", "change[1] alert[2]" },
	{ "17 0303 0000 17 0303 0001 aa", "data[0] data[1]" },
	{ "17 0303 00.", "junk[4]" },
	{ "17 0303 0008 0102.", "data[2/8]" },
	{ "17 0303 0008.", "data[0/8]" },
	{ ".", "" },
	{ "16 0301 0003 01", "" },
	/* no header where one must be: the largest length, one more, … */
	{ "17 0303 4800 00.", "data[1/18432]" },
	{ "17 0303 4801 00.", "gap[0] junk[6]" },
	{ "17 0303 ffff 00.", "gap[0] junk[6]" },
	{ "18 0303 0001 00.", "gap[0] junk[6]" },
	{ "13 0303 0001 00.", "gap[0] junk[6]" },
	{ "17 0403 0001 00.", "gap[0] junk[6]" },
	{ "17 0305 0001 00.", "gap[0] junk[6]" },
	/* but afterwards there is one again: proved, followed, or the end */
	{ "00 17 0303 0001 aa 17 0303 0001 bb",
	    "gap[0] junk[1] data[1] data[1]" },
	{ "00 17 0303 0001 bb 17 0303 0001 bb",
	    "gap[0] junk[1] data[1] data[1]" },
	{ "00 17 0303 0001 bb.", "gap[0] junk[1] data[1]" },
	{ "00 17 0303 0001 bb 00.", "gap[0] junk[8]" },
	/* a hole within a record */
	{ "17 0303 0008 0102 **** 0708 15 0303 0001 01",
	    "inside[4] data[4/8] alert[1]" },
	{ "17 0303 0002 ** 17 0303 0001 aa", "inside[2] data[0/2] data[1]" },
	{ "17 0303 0004 01 ** 04 17 0303 0001 aa",
	    "inside[2] data[2/4] data[1]" },
	{ "17 0303 0006 01 * 02 ** 06 17 0303 0001 aa",
	    "inside[1] inside[2] data[3/6] data[1]" },
	{ "17 0303 0006 01 * 02 ***** 17 0303 0001 aa",
	    "inside[1] data[2/6] gap[5] data[1]" },
	{ "17 0303 0006 01 * 02.", "inside[1] data[2/6]" },
	/* a hole that takes a header as well */
	{ "17 0303 0002 aa ** 17 0303 0001 aa", "data[1/2] gap[2] data[1]" },
	{ "17 0303 * 00 17 0303 0001 aa", "junk[3] gap[1] junk[1] data[1]" },
	{ "*** 00 17 0303 0001 aa", "gap[3] junk[1] data[1]" },
	{ "17 0303 0001 aa ***** 17 0303 0001 aa", "data[1] gap[5] data[1]" },
	{ "* 17 0303 0003 bbbb * 17 0303 0001 aa",
	    "gap[1] junk[7] gap[1] data[1]" },
	/* what looks like a header and is none */
	{ "* 17 0303 0002 17 0303 0001 aa.", "gap[1] junk[5] data[1]" },
	{ "* 17 0303 0001 bb 16 0303 0001 aa 00",
	    "gap[1] data[1] handshake[1]" },
};

START_TEST(records_are_told_apart)
{
	for (size_t step = 1; step < 20; step += 6) {
		struct seen s;

		seen_init(&s);
		play(&s, rows[_i].script, step);
		ck_assert_str_eq(text_str(&s.words), rows[_i].words);
		seen_clear(&s);
	}
}
END_TEST

START_TEST(records_do_not_depend_on_segments)
{
	for (size_t step = 1; step < 12; step++) {
		struct seen s;

		seen_init(&s);
		feed(&s, "16 0301 0003 010203 17 0303 0002 aabb", step);
		feed(&s, "17 0303 4800", step);
		for (size_t i = 0; i < 0x4800; i++)
			feed(&s, "00", step);
		ck_assert_str_eq(text_str(&s.words),
		    "handshake[3] data[2] data[18432]");
		ck_assert_uint_eq(tls_records_held(s.r), 0);
		seen_clear(&s);
	}
}
END_TEST

/* A header that claims much buys no memory. */
START_TEST(what_is_held_is_bounded)
{
	static uint8_t zeros[3000];
	struct seen s;

	seen_init(&s);
	feed(&s, "17 0303 4800", 5);
	ck_assert_uint_le(tls_records_held(s.r), 64);
	for (int i = 0; i < 6; i++)
		tls_records_feed(s.r, zeros, sizeof(zeros), 0, 1);
	ck_assert_uint_le(tls_records_held(s.r), 2 * 18000);
	/* What cannot be records is not held. */
	tls_records_gap(s.r, 100000, 0, 1);
	for (int i = 0; i < 1000; i++)
		tls_records_feed(s.r, zeros, sizeof(zeros), 0, 1);
	ck_assert_uint_le(tls_records_held(s.r), 2 * sizeof(zeros));
	ck_assert_uint_eq(s.proofs, 0);
	tls_records_end(s.r, 0, 1);
	ck_assert_str_eq(text_str(&s.words),
	    "data[18000/18432] gap[100000] junk[3000000]");
	seen_clear(&s);
}
END_TEST

START_TEST(a_record_has_the_packet_of_its_last_byte)
{
	struct seen s;

	seen_init(&s);
	tls_records_feed(s.r, (const uint8_t *)"\x17\x03\x03\0\2\1", 6, 0, 7);
	tls_records_feed(s.r, (const uint8_t *)"\2\x17", 2, 0, 8);
	ck_assert_str_eq(text_str(&s.words), "data[2]");
	ck_assert_uint_eq(s.packet, 8);
	tls_records_feed(s.r, (const uint8_t *)"\x03\x03\0\2\1", 5, 0, 9);
	tls_records_gap(s.r, 1, 0, 10);
	ck_assert_uint_eq(s.packet, 10);
	ck_assert_str_eq(text_str(&s.words), "data[2] inside[1] data[1/2]");
	seen_clear(&s);
}
END_TEST

static const struct {
	const char *bytes;
	bool begins;
} beginnings[] = {
	{ "", false },
	{ "16", true },
	{ "14", true },
	{ "17", true },
	{ "13", false },
	{ "18", false },
	{ "47", false }, /* GET */
	{ "16 03", true },
	{ "16 03 00", true },
	{ "16 03 04", true },
	{ "16 03 05", false },
	{ "16 02 01", false },
};

START_TEST(a_connection_inside_tls_begins_like_it)
{
	size_t len;
	const uint8_t *p = hex(beginnings[_i].bytes, &len);

	ck_assert_int_eq(tls_records_begin(p, len), beginnings[_i].begins);
}
END_TEST

/* Random bytes in random pieces with random holes: every byte is told of
 * once, as part of a record or as junk. */
START_TEST(every_byte_is_accounted_for)
{
	uint64_t seed = (uint64_t)_i + 1;
	struct seen s;
	uint64_t fed = 0, missing = 0, told = 0, gaps = 0;
	char *word, *rest;

	seen_init(&s);
	s.proves_none = true;
	for (int i = 0; i < 400; i++) {
		uint8_t p[40];
		size_t n = test_random(&seed) % sizeof(p);

		test_fill(&seed, p, n);
		/* Mostly headers with short lengths. */
		for (size_t at = 0; at + 5 < n; at += 5 + p[at + 4])
			if (test_random(&seed) % 8 != 0)
				memcpy(p + at,
				    (uint8_t[]){ 23, 3, 3, 0,
					(uint8_t)(test_random(&seed) % 30) },
				    5);
		tls_records_feed(s.r, p, n, 0, 1);
		fed += n;
		if (test_random(&seed) % 8 == 0) {
			n = 1 + test_random(&seed) % 9;
			tls_records_gap(s.r, n, 0, 1);
			missing += n;
		}
	}
	tls_records_end(s.r, 0, 1);
	for (word = strtok_r(s.words.s, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		unsigned n = 0;

		ck_assert_int_eq(sscanf(strchr(word, '['), "[%u", &n), 1);
		if (strncmp(word, "gap", 3) == 0 ||
		    strncmp(word, "inside", 6) == 0)
			gaps += n;
		else
			told += n + (strncmp(word, "junk", 4) == 0 ? 0 : 5);
	}
	ck_assert_uint_eq(told, fed);
	ck_assert_uint_eq(gaps, missing);
	seen_clear(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_records");
	TCase *tc = tcase_create("tls_records");

	tcase_add_rows(tc, records_are_told_apart, rows);
	tcase_add_test(tc, records_do_not_depend_on_segments);
	tcase_add_test(tc, what_is_held_is_bounded);
	tcase_add_test(tc, a_record_has_the_packet_of_its_last_byte);
	tcase_add_rows(tc, a_connection_inside_tls_begins_like_it, beginnings);
	tcase_add_loop_test(tc, every_byte_is_accounted_for, 0, 50);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
