/* TLS records as opaque events. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "capture/tls_records.h"
#include "support.h"

static struct transcript *
new_transcript(struct tls_records **r)
{
	struct transcript *t = transcript_new();

	*r = tls_records_new(t, transcript_add_conn(t, "A"));
	ck_assert(t->conns[0].tls);
	return t;
}

static void
assert_words(const struct transcript *t, const char *want)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		text_addf(&out, "%s%s[%zu]", i > 0 ? " " : "", event_what(e),
		    e->len);
		if (e->text != NULL)
			text_addf(&out, "(%s)", e->text);
	}
	ck_assert_str_eq(text_str(&out), want);
	text_clear(&out);
}

static void
feed(struct tls_records *r, const char *bytes, size_t step)
{
	size_t len;
	const uint8_t *p = hex(bytes, &len);

	for (size_t off = 0; off < len; off += step)
		tls_records_feed(r, DIR_C2S, p + off,
		    len - off < step ? len - off : step, 0, 1);
}

static const struct {
	const char *bytes;
	const char *words; /* fed in one piece */
} rows[] = {
	{ "16 0301 0003 010203 17 0303 0002 aabb",
	    "opaque[3](TLS handshake) opaque[2](TLS application data)" },
	{ "14 0303 0001 01 15 0303 0002 0100",
	    "opaque[1](TLS change cipher spec) opaque[2](TLS alert)" },
	{ "17 0303 0000 17 0303 0001 aa",
	    "opaque[0](TLS application data) opaque[1](TLS application data)" },
	/* lengths: the largest, one more, the largest possible */
	{ "17 0303 4801 aabbcc", "opaque[3](no TLS record)" },
	{ "17 0303 ffff aabbcc", "opaque[3](no TLS record)" },
	{ "18 0303 0001 aa", "opaque[1](no TLS record)" },
	{ "17 0403 0001 aa", "opaque[1](no TLS record)" },
	{ "17 0303 4800 aabbcc", "" },
	{ "17 0303 00", "" },
};

START_TEST(records_are_told_apart)
{
	struct tls_records *r;
	struct transcript *t = new_transcript(&r);

	feed(r, rows[_i].bytes, SIZE_MAX / 2);
	assert_words(t, rows[_i].words);
	tls_records_free(r);
	transcript_free(t);
}
END_TEST

START_TEST(records_do_not_depend_on_segments)
{
	for (size_t step = 1; step < 12; step++) {
		struct tls_records *r;
		struct transcript *t = new_transcript(&r);

		feed(r, rows[0].bytes, step);
		feed(r, "17 0303 4800", step);
		for (size_t i = 0; i < 0x4800; i++)
			feed(r, "00", step);
		assert_words(t,
		    "opaque[3](TLS handshake) opaque[2](TLS application data) "
		    "opaque[18432](TLS application data)");
		tls_records_free(r);
		transcript_free(t);
	}
}
END_TEST

START_TEST(a_hole_within_a_record_is_bridged)
{
	struct tls_records *r;
	struct transcript *t = new_transcript(&r);

	feed(r, "17 0303 0008 0102", 100);
	tls_records_gap(r, DIR_C2S, 4, 0, 1);
	feed(r, "0708 15 0303 0001 01 17 0303 0002", 100);
	tls_records_gap(r, DIR_C2S, 2, 0, 1);
	feed(r, "17 0303 0002 aa", 100);
	tls_records_gap(r, DIR_C2S, 2, 0, 1);
	feed(r, "17 0303 0002 aabb", 100);
	assert_words(t,
	    "gap[4] opaque[8](TLS application data) opaque[1](TLS alert) "
	    "gap[2] opaque[2](TLS application data) gap[2] "
	    "opaque[7](no TLS record)");
	tls_records_free(r);
	transcript_free(t);
}
END_TEST

START_TEST(the_end_shows_what_is_unfinished)
{
	struct tls_records *r;
	struct transcript *t = new_transcript(&r);

	feed(r, "17 0303 0008 0102", 100);
	tls_records_end(r, DIR_C2S, ENDING_EOF, 0, 1);
	tls_records_end(r, DIR_C2S, ENDING_EOF, 0, 1);
	tls_records_end(r, DIR_S2C, ENDING_NONE, 0, 1);
	assert_words(t, "opaque[7](TLS record without its end) ended[0]");
	tls_records_free(r);
	transcript_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_records");
	TCase *tc = tcase_create("tls_records");

	tcase_add_loop_test(tc, records_are_told_apart, 0,
	    sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, records_do_not_depend_on_segments);
	tcase_add_test(tc, a_hole_within_a_record_is_bridged);
	tcase_add_test(tc, the_end_shows_what_is_unfinished);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
