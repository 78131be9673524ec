/*
 * What a login costs: the verification decompresses the key, and that is not
 * to be done a second time for an honest client.  The linker puts a counter
 * in front of rk_key_is_point().
 */
#include "config.h"

#include <string.h>

#include "codec/relaykit.h"
#include "support.h"
#include "vectors.h"

bool __real_rk_key_is_point(const struct rk_key *pk);
bool __wrap_rk_key_is_point(const struct rk_key *pk);

static unsigned asked;

bool
__wrap_rk_key_is_point(const struct rk_key *pk)
{
	asked++;
	return __real_rk_key_is_point(pk);
}

static const struct {
	const char *payload;
	int result;
	unsigned asked;
} logins[] = {
	{ MAGIC KEY_A SIGNATURE_A "03", RK_OK, 0 },
	{ MAGIC KEY_A SIGNATURE_A "04", RK_ERR_SIGNATURE, 1 },
	{ MAGIC NO_POINT SIGNATURE_A "03", RK_ERR_KEY, 1 },
};

START_TEST(a_key_is_decompressed_again_only_to_say_what_was_wrong)
{
	const struct rk_login_params params = { .carrier = RK_CARRIER_RAW };
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	struct rk_raw_frame raw = { .type = 0x02 };
	struct rk_writer w;
	struct rk_login l;

	raw.payload.p = hex(logins[_i].payload, &raw.payload.len);
	rk_writer_init(&w, out, sizeof(out));
	rk_login_init(&l, rk_dialects()[0], RK_SERVER, &params);
	asked = 0;
	ck_assert_int_eq(rk_login_input(&l, &raw, &w), logins[_i].result);
	ck_assert_uint_eq(asked, logins[_i].asked);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("login_cost");
	TCase *t = tcase_create("login_cost");

	if (rk_keys_init() != RK_OK)
		return 1;
	tcase_add_rows(t,
	    a_key_is_decompressed_again_only_to_say_what_was_wrong, logins);
	suite_add_tcase(s, t);
	return run_suite(s);
}
