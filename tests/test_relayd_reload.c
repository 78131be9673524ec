/* SIGHUP: certificates and access lists are read again, or stay. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "relayd_process.h"
#include "support.h"

static char chain[320], key[320], list[320], config[320];

static void
copy(const char *from, const char *to)
{
	static char buf[1 << 16];
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	size_t n;

	ck_assert(in != NULL && out != NULL);
	n = fread(buf, 1, sizeof(buf), in);
	ck_assert_uint_eq(fwrite(buf, 1, n, out), n);
	fclose(in);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(chmod(to, 0600), 0);
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

static void
setup(void)
{
	process_setup();
	snprintf(chain, sizeof(chain), "%s/r-chain.pem", certs.dir);
	snprintf(key, sizeof(key), "%s/r-key.pem", certs.dir);
	snprintf(list, sizeof(list), "%s/r-list", certs.dir);
	snprintf(config, sizeof(config), "%s/r-config", certs.dir);
	copy(certs.chain, chain);
	copy(certs.key, key);
}

static void
teardown(void)
{
	unlink(chain);
	unlink(key);
	unlink(list);
	unlink(config);
	process_teardown();
}

/* Lines of the log with |part| in them. */
static int
count(const char *part)
{
	const char *at = relay_log(&relay);
	int n = 0;

	while ((at = strstr(at, part)) != NULL) {
		at++;
		n++;
	}
	return n;
}

/* Send SIGHUP and wait until it says what came of it. */
static void
hang_up(const char *result)
{
	int before = count(result);

	ck_assert_int_eq(kill(relay.pid, SIGHUP), 0);
	for (int i = 0; i < 1000 && count(result) == before; i++)
		usleep(10000);
	ck_assert_msg(count(result) == before + 1, "no %s in: %s", result,
	    relay_log(&relay));
}

/* Is the certificate that a new connection is shown that of last year? */
static bool
is_expired(void)
{
	struct link l;
	X509 *x;
	bool past;

	link_open(&l, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&l, 12, 13, NULL, 0));
	x = SSL_get_peer_certificate(l.ssl);
	ck_assert_ptr_nonnull(x);
	past = X509_cmp_current_time(X509_get0_notAfter(x)) < 0;
	X509_free(x);
	link_close(&l);
	return past;
}

START_TEST(a_new_certificate_is_served_to_new_connections)
{
	char options[1024];
	struct link old;

	snprintf(options, sizeof(options),
	    "--listen-tls 127.0.0.1:0 --cert %s --key %s", chain, key);
	start(options);
	link_open(&old, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&old, 13, 13, NULL, 0));
	link_login(&old, RK_CARRIER_RAW, 1);
	link_ping(&old);
	ck_assert(!is_expired());
	copy(certs.expired, chain); /* of the same key */
	hang_up("reloaded");
	ck_assert(is_expired());
	copy(certs.chain, chain);
	hang_up("reloaded");
	ck_assert(!is_expired());
	link_ping(&old);
	link_close(&old);
	stop();
}
END_TEST

START_TEST(a_certificate_is_read_again_by_itself)
{
	char options[1024];
	int reloads;

	snprintf(options, sizeof(options),
	    "--listen-tls 127.0.0.1:0 --cert %s --key %s --reload-every 20ms",
	    chain, key);
	start(options);
	ck_assert(!is_expired());
	copy(certs.expired, chain); /* of the same key */
	reloads = count("reloaded");
	for (int i = 0; i < 1000 && count("reloaded") < reloads + 2; i++)
		usleep(10000);
	ck_assert(is_expired());
	stop();
}
END_TEST

START_TEST(a_bad_reload_changes_nothing)
{
	char options[1024];
	struct link old;

	snprintf(options, sizeof(options),
	    "--listen-tls 127.0.0.1:0 --cert %s --key %s", chain, key);
	start(options);
	link_open(&old, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&old, 13, 13, NULL, 0));
	link_login(&old, RK_CARRIER_RAW, 1);
	switch (_i) {
	case 0:
		write_file(chain, "garbage");
		break;
	case 1:
		copy(certs.expired, chain);
		copy(certs.other_key, key);
		break;
	case 2:
		unlink(key);
		break;
	}
	hang_up("reload-failed");
	ck_assert_int_eq(count(" error "), 1);
	ck_assert(!is_expired());
	link_ping(&old);
	/* And a good one still works. */
	copy(certs.expired, chain);
	copy(certs.key, key);
	hang_up("reloaded");
	ck_assert(is_expired());
	link_ping(&old);
	link_close(&old);
	stop();
}
END_TEST

static void
key_line(unsigned seed, char out[RK_KEY_HEX_SIZE])
{
	struct rk_key pk = seed_key(seed);

	rk_key_hex(&pk, out);
}

static void
expect_login(unsigned seed, bool allowed)
{
	uint8_t p[64];
	unsigned type;
	struct link l;
	size_t len;

	link_open(&l, relay_address(&relay, "http", 0));
	link_login(&l, RK_CARRIER_RAW, seed);
	if (allowed) {
		link_ping(&l);
	} else {
		ck_assert(link_recv(&l, &type, p, sizeof(p), &len));
		ck_assert_uint_eq(type, 0x0e);
		ck_assert_bytes(p, len, "not authenticated", 17);
		ck_assert(link_ends(&l));
	}
	link_close(&l);
}

START_TEST(access_lists_are_read_again)
{
	char one[RK_KEY_HEX_SIZE], two[RK_KEY_HEX_SIZE], text[512];
	struct link old;

	key_line(1, one);
	key_line(2, two);
	write_file(list, one);
	snprintf(text, sizeof(text),
	    "http_bind_addr = \"127.0.0.1:0\"\nenable_stun = false\n"
	    "enable_metrics = false\nallow_file = \"%s\"\n",
	    list);
	write_file(config, text);
	snprintf(text, sizeof(text), "--config %s", config);
	start(text);
	link_open(&old, relay_address(&relay, "http", 0));
	link_login(&old, RK_CARRIER_RAW, 1);
	link_ping(&old);
	expect_login(2, false);
	write_file(list, two);
	hang_up("reloaded");
	expect_login(1, false);
	expect_login(2, true);
	link_ping(&old); /* it logged in before */
	write_file(list, "nonsense");
	hang_up("reload-failed");
	expect_login(2, true);
	/* The configuration file, too. */
	snprintf(text, sizeof(text),
	    "http_bind_addr = \"127.0.0.1:0\"\naccess.denylist = [\"%s\"]\n",
	    two);
	write_file(config, text);
	hang_up("reloaded");
	expect_login(2, false);
	expect_login(3, true);
	write_file(config, "nonsense\n");
	hang_up("reload-failed");
	expect_login(2, false);
	link_ping(&old);
	link_close(&old);
	stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd reload");
	TCase *tc = tcase_create("reload");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_new_certificate_is_served_to_new_connections);
	tcase_add_test(tc, a_certificate_is_read_again_by_itself);
	tcase_add_loop_test(tc, a_bad_reload_changes_nothing, 0, 3);
	tcase_add_test(tc, access_lists_are_read_again);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
