/* Who waits to be played, in which order, and how many have one name. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"
#include "scenario/namesakes.h"
#include "scenario/waiting.h"
#include "support.h"

START_TEST(the_patient_go_first_and_equals_in_their_order)
{
	enum {
		N = 500
	};
	struct play *plays = xcalloc(N, sizeof(*plays)), *before = NULL;
	struct waiting w = { .n = 0 };
	uint64_t state = 7;

	ck_assert_ptr_null(waiting_first(&w));
	for (int i = 0; i < N; i++) {
		plays[i].patience_ns = (int64_t)(test_random(&state) % 9);
		waiting_add(&w, &plays[i]);
		/* Some go while others come. */
		if (i % 3 == 2)
			waiting_add(&w, waiting_shift(&w));
	}
	for (int i = 0; i < N; i++) {
		struct play *p = waiting_first(&w);

		ck_assert_ptr_eq(waiting_shift(&w), p);
		if (before != NULL)
			ck_assert(before->patience_ns > p->patience_ns ||
			    (before->patience_ns == p->patience_ns &&
				before->number < p->number));
		before = p;
	}
	ck_assert_uint_eq(w.n, 0);
	waiting_clear(&w);
	free(plays);
}
END_TEST

START_TEST(names_are_counted_while_they_are_there)
{
	struct namesakes *s = namesakes_new();
	char name[16];

	for (size_t round = 0; round < 3; round++)
		for (int i = 0; i < 10000; i++) {
			snprintf(name, sizeof(name), "case%d", i);
			ck_assert_uint_eq(namesakes_add(s, name, false), round);
		}
	ck_assert_uint_eq(namesakes_add(s, "case7", true), 0);
	namesakes_remove(s, "case7", false);
	ck_assert_uint_eq(namesakes_add(s, "case7", false), 2);
	for (int i = 0; i < 3; i++)
		namesakes_remove(s, "case8", false);
	ck_assert_uint_eq(namesakes_add(s, "case8", false), 0);
	ck_assert_uint_eq(namesakes_take(s, "case8", false), 1);
	ck_assert_uint_eq(namesakes_take(s, "case8", false), 0);
	ck_assert_uint_eq(namesakes_add(s, "case8", false), 0);
	namesakes_free(s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("waiting");
	TCase *tc = tcase_create("waiting");

	tcase_add_test(tc, the_patient_go_first_and_equals_in_their_order);
	tcase_add_test(tc, names_are_counted_while_they_are_there);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
