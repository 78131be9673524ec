/* Growing strings, hex, escapes, durations, numbers, the nearest word. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/ending.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "support.h"

START_TEST(a_text_grows_and_stays_terminated)
{
	struct text t;
	size_t len = 0;

	text_init(&t);
	ck_assert_str_eq(text_str(&t), "");
	for (int i = 0; i < 5000; i++) {
		text_addf(&t, "%d,", i);
		text_add(&t, "");
		len += (size_t)snprintf(NULL, 0, "%d,", i);
		ck_assert_uint_eq(t.len, len);
		ck_assert_uint_eq(strlen(text_str(&t)), len);
	}
	text_reset(&t);
	ck_assert_str_eq(text_str(&t), "");
	text_add_n(&t, "abc", 2);
	ck_assert_str_eq(text_str(&t), "ab");
	text_clear(&t);
	ck_assert_str_eq(text_str(&t), "");
}
END_TEST

START_TEST(taking_hands_over_and_leaves_nothing)
{
	struct text t;
	char *s;

	text_init(&t);
	s = text_take(&t);
	ck_assert_str_eq(s, "");
	free(s);
	text_add(&t, "all");
	s = text_take(&t);
	ck_assert_str_eq(s, "all");
	ck_assert_uint_eq(t.len, 0);
	free(s);
	text_clear(&t);
}
END_TEST

START_TEST(a_long_format_is_not_cut)
{
	char *long_word = xmalloc(100001);
	struct text t;

	memset(long_word, 'x', 100000);
	long_word[100000] = '\0';
	text_init(&t);
	text_addf(&t, "<%s>", long_word);
	ck_assert_uint_eq(t.len, 100002);
	ck_assert_int_eq(t.s[100001], '>');
	text_clear(&t);
	free(long_word);
}
END_TEST

static const struct {
	const char *in;
	size_t cap;
	long n;
	const char *bytes; /* as hex of the expected */
	size_t bad_at;
} hex_rows[] = {
	{ "", 4, 0, "", 0 },
	{ "00ff", 4, 2, "00ff", 0 },
	{ "aAfF", 4, 2, "aaff", 0 },
	{ " 01\t02\n03 ", 4, 3, "010203", 0 },
	{ "01020304", 4, 4, "01020304", 0 },
	{ "0102030405", 4, -1, NULL, 8 },
	{ "0", 4, -1, NULL, 1 },
	{ "01 2", 4, -1, NULL, 4 },
	{ "0 1", 4, -1, NULL, 1 },
	{ "0g", 4, -1, NULL, 1 },
	{ "xx", 4, -1, NULL, 0 },
	{ "00 0x", 4, -1, NULL, 4 },
	{ "00", 0, -1, NULL, 0 },
};

START_TEST(hex_is_decoded_or_the_place_is_named)
{
	uint8_t out[8];
	char back[17];
	size_t bad = 99;
	long n = hex_decode(hex_rows[_i].in, strlen(hex_rows[_i].in), out,
	    hex_rows[_i].cap, &bad);

	ck_assert_int_eq(n, hex_rows[_i].n);
	if (n < 0) {
		ck_assert_uint_eq(bad, hex_rows[_i].bad_at);
		return;
	}
	hex_encode(out, (size_t)n, back);
	ck_assert_str_eq(back, hex_rows[_i].bytes);
}
END_TEST

START_TEST(hex_makes_the_round_trip)
{
	uint64_t state = 1;
	uint8_t in[300], out[300];
	struct text t;

	test_fill(&state, in, sizeof(in));
	text_init(&t);
	text_add_hex(&t, in, sizeof(in));
	ck_assert_uint_eq(t.len, 600);
	ck_assert_int_eq(hex_decode(t.s, t.len, out, sizeof(out), NULL), 300);
	ck_assert_bytes(out, 300, in, 300);
	text_clear(&t);
}
END_TEST

START_TEST(escapes_leave_printable_ascii_only)
{
	uint8_t all[256];
	struct text t;

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	text_init(&t);
	text_add_escaped(&t, all, sizeof(all));
	ck_assert(text_is_printable(t.s, t.len));
	text_reset(&t);
	text_add_escaped(&t, "a\\b\n\r\t\0\x7f\xff\"'", 11);
	ck_assert_str_eq(t.s, "a\\\\b\\n\\r\\t\\x00\\x7f\\xff\"'");
	ck_assert(!text_is_printable("a\n", 2));
	ck_assert(!text_is_printable("\x7f", 1));
	ck_assert(text_is_printable(" ~", 2));
	text_clear(&t);
}
END_TEST

static const struct {
	const char *in;
	int64_t ns;
} durations[] = {
	{ "10ms", 10000000 },
	{ "2s", 2000000000 },
	{ "1.5s", 1500000000 },
	{ "3m", INT64_C(180000000000) },
	{ "500us", 500000 },
	{ "7ns", 7 },
	{ "1h", INT64_C(3600000000000) },
	{ "0s", 0 },
	{ "0.25m", INT64_C(15000000000) },
	{ "0.000000001s", 1 },
	{ "1.999999999m", INT64_C(119999999940) },
	{ "", -1 },
	{ "s", -1 },
	{ "10", -1 },
	{ "10 ms", -1 },
	{ " 10ms", -1 },
	{ "-1s", -1 },
	{ "+1s", -1 },
	{ ".5s", -1 },
	{ "1.s", -1 },
	{ "1.5.5s", -1 },
	{ "10msx", -1 },
	{ "10MS", -1 },
	{ "1e3s", -1 },
	{ "1.0000000000s", -1 },
	{ "9223372036s", INT64_C(9223372036000000000) },
	{ "9223372037s", -1 },
	{ "9223372036.9s", -1 },
	{ "99999999999999999999ns", -1 },
};

START_TEST(durations_have_a_number_and_a_unit)
{
	ck_assert_msg(duration_parse(durations[_i].in) == durations[_i].ns,
	    "%s: %lld", durations[_i].in,
	    (long long)duration_parse(durations[_i].in));
}
END_TEST

static const struct {
	const char *in;
	bool ok;
	int64_t v;
} numbers[] = {
	{ "0", true, 0 },
	{ "-5", true, -5 },
	{ "100", true, 100 },
	{ "101", false, 0 },
	{ "-6", false, 0 },
	{ "007", true, 7 },
	{ "", false, 0 },
	{ "-", false, 0 },
	{ "+1", false, 0 },
	{ " 1", false, 0 },
	{ "1 ", false, 0 },
	{ "0x1", false, 0 },
	{ "1.0", false, 0 },
	{ "99999999999999999999999", false, 0 },
};

START_TEST(numbers_are_whole_and_within_bounds)
{
	int64_t v = 77;

	ck_assert_msg(number_parse(numbers[_i].in, -5, 100, &v) ==
		numbers[_i].ok,
	    "%s", numbers[_i].in);
	ck_assert_int_eq(v, numbers[_i].ok ? numbers[_i].v : 77);
}
END_TEST

static const char *const words[] = { "ping", "send", "recv", "decode", "keygen",
	"a", "--insecure", NULL };

static const struct {
	const char *word;
	const char *near;
} nearest[] = {
	{ "pin", "ping" },
	{ "pnig", "ping" },
	{ "pingg", "ping" },
	{ "sned", "send" },
	{ "decod", "decode" },
	{ "dekode", "decode" },
	{ "keygne", "keygen" },
	{ "--insecrue", "--insecure" },
	{ "--insekure", "--insecure" },
	{ "zzz", NULL },
	{ "x", NULL },
	{ "", NULL },
	{ "completely-different", NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    NULL },
};

START_TEST(the_nearest_word_is_near_or_none)
{
	const char *got = text_nearest(nearest[_i].word, words);

	if (nearest[_i].near == NULL)
		ck_assert_msg(got == NULL, "%s -> %s", nearest[_i].word, got);
	else
		ck_assert_pstr_eq(got, nearest[_i].near);
}
END_TEST

START_TEST(a_word_is_among_others_as_a_whole)
{
	char one[] = "slow", other[] = "lifted";
	char *const some[] = { one, other };

	ck_assert(text_is_among("slow", some, 2));
	ck_assert(text_is_among("lifted", some, 2));
	ck_assert(!text_is_among("lifted", some, 1));
	ck_assert(!text_is_among("slo", some, 2));
	ck_assert(!text_is_among("slow", NULL, 0));
}
END_TEST

START_TEST(a_byte_order_mark_is_skipped_once)
{
	static const char two[] = "\xef\xbb\xbf\xef\xbb\xbf"
				  "a";

	ck_assert_ptr_eq(text_skip_mark(two, 7), two + 3);
	ck_assert_ptr_eq(text_skip_mark(two, 3), two + 3);
	ck_assert_ptr_eq(text_skip_mark(two, 2), two);
	ck_assert_ptr_eq(text_skip_mark(two + 1, 6), two + 1);
	ck_assert_ptr_eq(text_skip_mark(two, 0), two);
}
END_TEST

START_TEST(every_ending_and_stage_has_its_word)
{
	static const char *const endings[] = { "none", "eof", "truncated",
		"reset", "refused", "timeout", "protocol", "replaced",
		"shutdown", "limit" };
	static const char *const stages[] = { "tcp", "tls", "http", "login",
		"open" };

	ck_assert_int_eq(NROWS(endings), ENDING_NKINDS);
	for (int i = 0; i < ENDING_NKINDS; i++)
		ck_assert_str_eq(ending_name((enum ending)i), endings[i]);
	ck_assert_int_eq(NROWS(stages), STAGE_NKINDS);
	for (int i = 0; i < STAGE_NKINDS; i++)
		ck_assert_str_eq(stage_name((enum stage)i), stages[i]);
}
END_TEST

START_TEST(the_fake_clock_moves_by_hand_only)
{
	int64_t before = clock_mono_ns();

	ck_assert_int_ge(clock_mono_ns(), before);
	ck_assert(!clock_is_fake());
	clock_fake(5000);
	ck_assert(clock_is_fake());
	ck_assert_int_eq(clock_mono_ns(), 5000);
	ck_assert_int_eq(clock_real_ns(), 5000);
	clock_advance(7);
	ck_assert_int_eq(clock_mono_ns(), 5007);
	clock_unfake();
	ck_assert_int_ge(clock_mono_ns(), before);
}
END_TEST

START_TEST(allocations_of_nothing_are_something)
{
	void *p = xmalloc(0);
	char *s = xasprintf("%d-%s", 7, "x");
	char *cut = xstrndup("abcdef", 3);
	void *copy = xmemdup("", 0);

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(copy);
	ck_assert_str_eq(s, "7-x");
	ck_assert_str_eq(cut, "abc");
	p = xreallocarray(p, 10, 10);
	memset(p, 1, 100);
	free(p);
	free(s);
	free(cut);
	free(copy);
}
END_TEST

static Suite *
text_suite(void)
{
	Suite *s = suite_create("text");
	TCase *tc = tcase_create("text");

	tcase_add_test(tc, a_text_grows_and_stays_terminated);
	tcase_add_test(tc, taking_hands_over_and_leaves_nothing);
	tcase_add_test(tc, a_long_format_is_not_cut);
	tcase_add_rows(tc, hex_is_decoded_or_the_place_is_named, hex_rows);
	tcase_add_test(tc, hex_makes_the_round_trip);
	tcase_add_test(tc, escapes_leave_printable_ascii_only);
	tcase_add_rows(tc, durations_have_a_number_and_a_unit, durations);
	tcase_add_rows(tc, numbers_are_whole_and_within_bounds, numbers);
	tcase_add_rows(tc, the_nearest_word_is_near_or_none, nearest);
	tcase_add_test(tc, a_word_is_among_others_as_a_whole);
	tcase_add_test(tc, a_byte_order_mark_is_skipped_once);
	tcase_add_test(tc, every_ending_and_stage_has_its_word);
	tcase_add_test(tc, the_fake_clock_moves_by_hand_only);
	tcase_add_test(tc, allocations_of_nothing_are_something);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(text_suite());
}
