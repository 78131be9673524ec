/* Who may log in, and what those hear who may not. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "relayd/access.h"
#include "relayd_rig.h"
#include "support.h"

static char path[] = "/tmp/test_relayd_access.XXXXXX";

static void
setup(void)
{
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	rig_setup();
}

static void
teardown(void)
{
	rig_teardown();
	unlink(path);
}

static void
write_list(const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static const char *
key_text(uint8_t seed, bool base32)
{
	static char text[4][RK_KEY_HEX_SIZE];
	static unsigned turn;
	char *out = text[turn++ % 4];
	uint8_t bytes[RK_SEED_LEN];
	struct rk_secret_key sk;
	struct rk_key pk;

	memset(bytes, seed, sizeof(bytes));
	rk_secret_key_from_seed(&sk, bytes);
	rk_secret_key_public(&sk, &pk);
	if (base32)
		rk_key_base32(&pk, out);
	else
		rk_key_hex(&pk, out);
	return out;
}

/* The command line "relayd OPTION VALUE [OPTION VALUE]". */
static enum conf_action
configure(const char *o1, const char *v1, const char *o2, const char *v2,
    char *err, size_t err_size)
{
	const char *words[] = { "relayd", o1, v1, o2, v2 };
	int argc = o2 != NULL ? 5 : 3;
	enum conf_action action;
	char *argv[6] = { NULL };

	for (int i = 0; i < argc; i++)
		argv[i] = xstrdup(words[i]);
	action = conf_parse(&rig.conf, argc, argv, err, err_size);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	return action;
}

static void
use(const char *o1, const char *v1, const char *o2, const char *v2)
{
	char err[256] = "";

	ck_assert_msg(configure(o1, v1, o2, v2, err, sizeof(err)) == CONF_RUN,
	    "%s", err);
	rig.server->access = access_new(&rig.conf, err, sizeof(err));
	ck_assert_msg(rig.server->access != NULL, "%s", err);
}

static void
expect_allowed(uint8_t seed, enum rk_carrier carrier)
{
	struct client c;

	client_login(&c, &rig, carrier, seed);
	client_barrier(&c);
	client_close(&c);
	rig_settle(&rig);
}

static void
expect_denied_in(uint8_t seed, enum rk_carrier carrier, bool shut)
{
	uint64_t before =
	    rig_metric(&rig, "relayd_login_refused_total{reason=\"denied\"}");
	uint64_t accepts = rig_metric(&rig, "relayserver_accepts_total");
	uint8_t info[256];
	struct client c;
	size_t len;

	client_open(&c, &rig, SERVICE_RELAY);
	client_upgrade(&c, carrier);
	len = client_info(carrier, seed, info, sizeof(info));
	if (carrier == RK_CARRIER_WS)
		client_send_ws(&c, true, RK_WS_BINARY, info, len);
	else
		client_send(&c, info, len);
	if (shut)
		client_shut(&c);
	client_expect_frame(&c, "Health", "not authenticated", 17);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_login_refused_total{reason=\"denied\"}"),
	    before + 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"),
	    accepts);
	client_close(&c);
}

static void
expect_denied(uint8_t seed, enum rk_carrier carrier)
{
	expect_denied_in(seed, carrier, false);
}

START_TEST(without_a_list_everyone_is_let_in)
{
	use("--log-level", "info", NULL, NULL);
	expect_allowed(1, carriers[_i]);
}
END_TEST

START_TEST(who_is_allowed_is_let_in_and_else_nobody)
{
	use("--allow", key_text(1, false), "--allow", key_text(2, true));
	expect_allowed(1, carriers[_i]);
	expect_allowed(2, carriers[_i]);
	expect_denied(3, carriers[_i]);
}
END_TEST

START_TEST(who_is_denied_is_refused_and_else_nobody)
{
	use("--deny", key_text(1, true), "--deny", key_text(3, false));
	expect_denied(1, carriers[_i]);
	expect_allowed(2, carriers[_i]);
	expect_denied(3, carriers[_i]);
}
END_TEST

START_TEST(a_file_has_a_key_a_line)
{
	char text[512];

	snprintf(text, sizeof(text), "# friends\n\n  %s # one\r\n\t%s",
	    key_text(1, false), key_text(2, true));
	write_list(text);
	use(_i ? "--deny-file" : "--allow-file", path, NULL, NULL);
	for (uint8_t seed = 1; seed <= 3; seed++) {
		if ((seed == 3) == (_i == 1))
			expect_allowed(seed, RK_CARRIER_RAW);
		else
			expect_denied(seed, RK_CARRIER_RAW);
	}
}
END_TEST

START_TEST(an_empty_list_lets_nobody_in)
{
	write_list("# nobody yet\n");
	use("--allow-file", path, NULL, NULL);
	expect_denied(1, RK_CARRIER_RAW);
	/* An operator who wants to let it in can see who it was. */
	ck_assert_ptr_nonnull(
	    strstr(text_str(&rig.log), "key=rkeohxlubhyzl7ks "));
}
END_TEST

START_TEST(list_and_option_add_up)
{
	write_list(key_text(2, false));
	use("--allow-file", path, "--allow", key_text(1, false));
	expect_allowed(1, RK_CARRIER_RAW);
	expect_allowed(2, RK_CARRIER_RAW);
	expect_denied(3, RK_CARRIER_RAW);
}
END_TEST

static const struct {
	const char *text; /* or the name of another file */
	const char *error;
} bad_lists[] = {
	{ "/nowhere", "/nowhere: No such file" },
	{ "/dev/zero", "/dev/zero: not a regular file" }, /* it has no end */
	{ "\nnonsense\n", ":2: not a key" },
	{ "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5",
	    ":1: not a key" },
	{ "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c x",
	    ":1: not a key" },
	{ "0200000000000000000000000000000000000000000000000000000000000000",
	    ":1: not a key" }, /* 32 bytes, but no point */
};

START_TEST(a_bad_list_is_an_error_with_its_line)
{
	const char *text = bad_lists[_i].text;
	char err[256] = "";

	write_list(text);
	ck_assert_int_eq(configure("--allow-file", text[0] == '/' ? text : path,
			     NULL, NULL, err, sizeof(err)),
	    CONF_RUN);
	ck_assert_ptr_null(access_new(&rig.conf, err, sizeof(err)));
	ck_assert_msg(strstr(err, bad_lists[_i].error) != NULL, "%s", err);
}
END_TEST

START_TEST(bad_options_are_errors)
{
	char err[256] = "";

	ck_assert_int_eq(configure("--allow", "nobody", NULL, NULL, err,
			     sizeof(err)),
	    CONF_ERROR);
	ck_assert_ptr_nonnull(strstr(err, "not a key"));
	ck_assert_int_eq(configure("--allow-file", path, "--deny",
			     key_text(1, false), err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_ptr_nonnull(strstr(err, "not both"));
}
END_TEST

START_TEST(who_is_denied_and_tries_again_does_not_fill_the_log)
{
	const char *at;
	int lines = 0;

	use("--deny", key_text(1, true), NULL, NULL);
	for (int i = 0; i < 50; i++)
		expect_denied(1, carriers[i & 1]);
	for (at = rig.log.s; (at = strstr(at, "closed end=refused")) != NULL;
	     at++)
		lines++;
	ck_assert_int_eq(lines, 1); /* a second; the clock stands still */
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_connections{stage=\"login\"}"),
	    0);
	/* What others do is still said. */
	expect_allowed(2, RK_CARRIER_RAW);
	ck_assert_ptr_nonnull(strstr(rig.log.s, "closed end=eof"));
}
END_TEST

START_TEST(a_half_close_behind_the_login_does_not_swallow_the_refusal)
{
	use("--deny", key_text(1, false), NULL, NULL);
	expect_denied_in(1, carriers[_i], true);
}
END_TEST

/* D-08: after the signature, before the version. */
START_TEST(only_a_proven_key_hears_that_it_is_denied)
{
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, 1, info, sizeof(info));
	struct client c;

	use("--deny", key_text(1, false), NULL, NULL);
	info[len - 2] ^= 1; /* the signature's last byte */
	client_open(&c, &rig, SERVICE_RELAY);
	client_upgrade(&c, RK_CARRIER_RAW);
	client_send(&c, info, len);
	client_expect_end(&c);
	ck_assert_ptr_nonnull(strstr(text_str(&rig.log), "key=- "));
	client_close(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd access");
	TCase *tc = tcase_create("access");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, without_a_list_everyone_is_let_in, 0, 2);
	tcase_add_loop_test(tc, who_is_allowed_is_let_in_and_else_nobody, 0, 2);
	tcase_add_loop_test(tc, who_is_denied_is_refused_and_else_nobody, 0, 2);
	tcase_add_loop_test(tc, a_file_has_a_key_a_line, 0, 2);
	tcase_add_test(tc, an_empty_list_lets_nobody_in);
	tcase_add_test(tc, list_and_option_add_up);
	tcase_add_rows(tc, a_bad_list_is_an_error_with_its_line, bad_lists);
	tcase_add_test(tc, bad_options_are_errors);
	tcase_add_test(tc, who_is_denied_and_tries_again_does_not_fill_the_log);
	tcase_add_loop_test(tc,
	    a_half_close_behind_the_login_does_not_swallow_the_refusal, 0, 2);
	tcase_add_test(tc, only_a_proven_key_hears_that_it_is_denied);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
