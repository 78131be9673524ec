/* Log-linear histograms: edges of the buckets, ranks, the stated error. */
#include "config.h"

#include <stdlib.h>

#include "relay-cli/histogram.h"
#include "support.h"

static struct histogram h;

static void
setup(void)
{
	histogram_init(&h);
}

START_TEST(an_empty_histogram_has_zeros)
{
	ck_assert_int_eq(h.count, 0);
	ck_assert_int_eq(histogram_at(&h, 0), 0);
	ck_assert_int_eq(histogram_at(&h, 1000000), 0);
}
END_TEST

START_TEST(a_single_value_is_every_percentile)
{
	histogram_add(&h, 123456789);
	ck_assert_int_eq(h.count, 1);
	ck_assert_int_eq(h.min, 123456789);
	ck_assert_int_eq(h.max, 123456789);
	ck_assert_int_eq(histogram_at(&h, 0), 123456789);
	ck_assert_int_eq(histogram_at(&h, 1), 123456789);
	ck_assert_int_eq(histogram_at(&h, 500000), 123456789);
	ck_assert_int_eq(histogram_at(&h, 1000000), 123456789);
}
END_TEST

START_TEST(small_values_are_exact)
{
	for (int v = 1; v <= 100; v++)
		histogram_add(&h, v);
	ck_assert_int_eq(histogram_at(&h, 10000), 1);
	ck_assert_int_eq(histogram_at(&h, 500000), 50);
	ck_assert_int_eq(histogram_at(&h, 500001), 51);
	ck_assert_int_eq(histogram_at(&h, 990000), 99);
	ck_assert_int_eq(histogram_at(&h, 990001), 100);
	ck_assert_int_eq(histogram_at(&h, 999000), 100);
	ck_assert_int_eq(h.min, 1);
	ck_assert_int_eq(h.max, 100);
}
END_TEST

START_TEST(one_slow_packet_of_a_thousand_is_p999)
{
	for (int i = 0; i < 998; i++)
		histogram_add(&h, 10);
	histogram_add(&h, 2000000000);
	histogram_add(&h, 2000000000);
	ck_assert_int_eq(histogram_at(&h, 990000), 10);
	ck_assert_int_eq(histogram_at(&h, 998000), 10);
	ck_assert_int_eq(histogram_at(&h, 999000), 2000000000);
}
END_TEST

START_TEST(what_is_negative_counts_as_zero)
{
	histogram_add(&h, -1);
	histogram_add(&h, INT64_MIN);
	ck_assert_int_eq(h.count, 2);
	ck_assert_int_eq(h.max, 0);
	ck_assert_int_eq(histogram_at(&h, 500000), 0);
}
END_TEST

/* The value behind the bucket of |v|, seen through a larger one above. */
static int64_t
through(int64_t v)
{
	histogram_init(&h);
	histogram_add(&h, v);
	histogram_add(&h, INT64_MAX);
	return histogram_at(&h, 500000);
}

START_TEST(every_power_of_two_and_its_neighbours_keep_the_error)
{
	for (int bit = 0; bit < 63; bit++) {
		int64_t power = INT64_C(1) << bit;

		for (int64_t v = power - 1; v <= power + 1 && v > 0; v++) {
			int64_t at = through(v);

			ck_assert_int_ge(at, v);
			ck_assert_int_le(at - v, v / 64);
		}
	}
	ck_assert_int_eq(through(INT64_MAX), INT64_MAX);
	ck_assert_int_eq(through(INT64_MAX - 1), INT64_MAX);
}
END_TEST

static int
compare(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Against sorting. */
START_TEST(ranks_agree_with_a_sorted_list)
{
	enum {
		N = 10007
	};
	static int64_t values[N];
	uint64_t state = 7;

	for (int i = 0; i < N; i++) {
		values[i] = (int64_t)(test_random(&state) >>
		    (1 + test_random(&state) % 62));
		histogram_add(&h, values[i]);
	}
	qsort(values, N, sizeof(values[0]), compare);
	for (unsigned per_million = 100; per_million <= 1000000;
	     per_million += 100) {
		uint64_t rank = ((uint64_t)N * per_million + 999999) / 1000000;
		int64_t want = values[rank - 1];
		int64_t got = histogram_at(&h, per_million);

		ck_assert_int_ge(got, want);
		ck_assert_int_le(got - want, want / 64);
	}
	ck_assert_int_eq(h.min, values[0]);
	ck_assert_int_eq(h.max, values[N - 1]);
}
END_TEST

static Suite *
histogram_suite(void)
{
	Suite *s = suite_create("histogram");
	TCase *tc = tcase_create("histogram");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, an_empty_histogram_has_zeros);
	tcase_add_test(tc, a_single_value_is_every_percentile);
	tcase_add_test(tc, small_values_are_exact);
	tcase_add_test(tc, one_slow_packet_of_a_thousand_is_p999);
	tcase_add_test(tc, what_is_negative_counts_as_zero);
	tcase_add_test(tc,
	    every_power_of_two_and_its_neighbours_keep_the_error);
	tcase_add_test(tc, ranks_agree_with_a_sorted_list);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(histogram_suite());
}
