/* Text forms of keys, and what is none. */
#include "config.h"

#include <string.h>

#include "codec/keys.h"
#include "make_keys.h"
#include "support.h"
#include "vectors.h"

START_TEST(text_round_trips_in_either_case)
{
	uint64_t seed = 29;

	for (int i = 0; i < 200; i++) {
		struct rk_secret_key sk = random_secret(&seed), back;
		struct rk_key key, parsed;
		char text[2][RK_KEY_HEX_SIZE];

		rk_secret_key_public(&sk, &key);
		rk_key_hex(&key, text[0]);
		rk_key_base32(&key, text[1]);
		for (int form = 0; form < 2; form++) {
			size_t len = strlen(text[form]);

			ck_assert_int_eq(rk_key_parse(text[form], len, &parsed),
			    RK_OK);
			ck_assert(rk_key_equal(&parsed, &key));
			for (size_t k = i % 2; k < len; k += 2)
				if (text[form][k] >= 'a')
					text[form][k] -= 'a' - 'A';
			memset(&parsed, 0, sizeof(parsed));
			ck_assert_int_eq(rk_key_parse(text[form], len, &parsed),
			    RK_OK);
			ck_assert(rk_key_equal(&parsed, &key));
		}
		rk_secret_key_hex(&sk, text[0]);
		rk_secret_key_base32(&sk, text[1]);
		for (int form = 0; form < 2; form++) {
			memset(&back, 0, sizeof(back));
			ck_assert_int_eq(rk_secret_key_parse(text[form],
					     strlen(text[form]), &back),
			    RK_OK);
			ck_assert_bytes(&back, sizeof(back), &sk, sizeof(sk));
		}
	}
}
END_TEST

static bool
in_alphabet(int form, int c)
{
	static const char *const alphabet[] = { "0123456789abcdefABCDEF",
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ234567" };

	return c != '\0' && strchr(alphabet[form], c) != NULL;
}

/* Every byte value at every position, in both forms. */
START_TEST(only_the_alphabet_is_taken_and_nothing_is_written_else)
{
	struct rk_secret_key sk = secret_of_seed(1), out, before;
	char text[2][RK_KEY_HEX_SIZE];

	memset(&before, 0x5a, sizeof(before));
	rk_secret_key_hex(&sk, text[0]);
	rk_secret_key_base32(&sk, text[1]);
	for (int form = 0; form < 2; form++)
		for (size_t at = 0; at < strlen(text[form]); at++)
			for (int c = 0; c < 256; c++) {
				size_t len = strlen(text[form]);
				char bad[RK_KEY_HEX_SIZE];
				bool ok = in_alphabet(form, c);

				memcpy(bad, text[form], len + 1);
				bad[at] = (char)c;
				/* "a", "q" leave the four bits behind the
				 * last byte zero. */
				if (form == 1 && at == len - 1)
					ok = ok && strchr("aAqQ", c) != NULL;
				out = before;
				ck_assert_int_eq(rk_secret_key_parse(bad, len,
						     &out),
				    ok ? RK_OK : RK_ERR_TEXT);
				if (!ok)
					ck_assert_bytes(&out, sizeof(out),
					    &before, sizeof(before));
			}
}
END_TEST

START_TEST(other_lengths_are_refused)
{
	char text[100];
	struct rk_key key;
	struct rk_secret_key sk;

	memset(text, 'a', sizeof(text));
	for (size_t len = 0; len <= sizeof(text); len++) {
		int want = len == 64 || len == 52 ? RK_OK : RK_ERR_TEXT;

		ck_assert_int_eq(rk_key_parse(text, len, &key), want);
		ck_assert_int_eq(rk_secret_key_parse(text, len, &sk), want);
	}
	ck_assert_int_eq(rk_key_parse(NULL, 0, &key), RK_ERR_TEXT);
}
END_TEST

static const char *const bad_texts[] = {
	/* padding, blanks, newline, prefix, separators */
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa====",
	" rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa",
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa\n",
	(KEY_A "\n"),
	("0x" KEY_A),
	"8a:88:e3:dd:74:09:f1:95:fd:52:db:2d:3c:ba:5d:72:ca:67:09:bf:1d:94",
	/* the digits that base32 leaves out */
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn50a",
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn51a",
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn58a",
	/* trailing bits */
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5ob",
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oi",
	/* 64 characters are hex, also where base32 would do */
	"rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oaaaaaaaaaaaaa",
	"",
};

START_TEST(bad_text_is_refused_and_leaves_the_key_alone)
{
	struct rk_key key = key_of(KEY_B), before = key;

	ck_assert_int_eq(rk_key_parse(bad_texts[_i], strlen(bad_texts[_i]),
			     &key),
	    RK_ERR_TEXT);
	ck_assert(rk_key_equal(&key, &before));
}
END_TEST

START_TEST(text_of_no_point_is_a_secret_but_no_public_key)
{
	static const char text[] =
	    "4242424242424242424242424242424242424242424242424242424242424242";
	struct rk_key key = key_of(KEY_B), before = key;
	struct rk_secret_key sk;

	ck_assert_int_eq(rk_key_parse(text, 64, &key), RK_ERR_KEY);
	ck_assert(rk_key_equal(&key, &before));
	ck_assert_int_eq(rk_secret_key_parse(text, 64, &sk), RK_OK);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("key text");
	TCase *t = tcase_create("text");

	tcase_add_test(t, text_round_trips_in_either_case);
	tcase_add_test(t,
	    only_the_alphabet_is_taken_and_nothing_is_written_else);
	tcase_add_test(t, other_lengths_are_refused);
	tcase_add_rows(t, bad_text_is_refused_and_leaves_the_key_alone,
	    bad_texts);
	tcase_add_test(t, text_of_no_point_is_a_secret_but_no_public_key);
	suite_add_tcase(s, t);
	return rk_keys_init() == RK_OK ? run_suite(s) : 1;
}
