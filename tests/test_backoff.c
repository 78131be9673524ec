/* Coming back: soon after a loss, not in a tight loop after a refusal. */
#include "config.h"

#include "relay-cli/backoff.h"
#include "support.h"

START_TEST(pauses_double_up_to_a_limit)
{
	static const int want_ms[] = { 500, 1000, 2000, 4000, 8000, 16000,
		16000 };
	struct backoff b = { 0 };

	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++)
		ck_assert_int_eq(backoff_pause(&b, NS_PER_S),
		    want_ms[i] * NS_PER_MS);
}
END_TEST

START_TEST(who_is_not_let_in_waits_a_second_at_least)
{
	static const int want_ms[] = { 1000, 2000, 4000, 8000, 16000, 16000 };
	struct backoff b = { 0 };

	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++)
		ck_assert_int_eq(backoff_pause(&b, -1), want_ms[i] * NS_PER_MS);
}
END_TEST

START_TEST(a_good_session_begins_anew)
{
	struct backoff b = { 0 };

	for (int i = 0; i < 9; i++)
		backoff_pause(&b, NS_PER_S);
	ck_assert_int_eq(backoff_pause(&b, BACKOFF_GOOD_NS), BACKOFF_MAX_NS);
	ck_assert_int_eq(backoff_pause(&b, BACKOFF_GOOD_NS + 1),
	    BACKOFF_FIRST_NS);
	ck_assert_int_eq(backoff_pause(&b, 0), 2 * BACKOFF_FIRST_NS);
}
END_TEST

/* Two clients with one key: each login ends the other's session.  The number
 * of logins within |ns|, the first two among them. */
static int
fight(int64_t ns)
{
	struct client {
		struct backoff backoff;
		int64_t login_at; /* of the session, or to come */
		bool open;
	} clients[2] = { { .login_at = 0 }, { .login_at = NS_PER_MS } };
	int logins = 0;

	for (;;) {
		struct client *in = NULL, *out;

		for (int i = 0; i < 2; i++)
			if (!clients[i].open &&
			    (in == NULL || clients[i].login_at < in->login_at))
				in = &clients[i];
		out = in == &clients[0] ? &clients[1] : &clients[0];
		if (in->login_at >= ns)
			return logins;
		logins++;
		in->open = true;
		if (out->open) {
			out->open = false;
			out->login_at = in->login_at +
			    backoff_pause(&out->backoff,
				in->login_at - out->login_at);
		}
	}
}

START_TEST(two_clients_with_one_key_do_not_push_each_other_out_all_the_time)
{
	ck_assert_int_lt(fight(30 * NS_PER_S), 20);
	ck_assert_int_gt(fight(30 * NS_PER_S), 5);
	/* and no faster later: one in 16 s each */
	ck_assert_int_lt(fight(3600 * NS_PER_S), 3600 / 16 + 20);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backoff");
	TCase *t = tcase_create("backoff");

	tcase_add_test(t, pauses_double_up_to_a_limit);
	tcase_add_test(t, who_is_not_let_in_waits_a_second_at_least);
	tcase_add_test(t, a_good_session_begins_anew);
	tcase_add_test(t,
	    two_clients_with_one_key_do_not_push_each_other_out_all_the_time);
	suite_add_tcase(s, t);
	return run_suite(s);
}
