/* The files of TLS: certificates, keys, roots, key logs. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/xalloc.h"
#include "support.h"
#include "tls_ends.h"

/* ---- files */

static char path[600];

static const char *
in_dir(const char *name)
{
	static char paths[4][600];
	static unsigned turn;
	char *p = paths[turn++ % 4];

	snprintf(p, sizeof(paths[0]), "%s/%s", certs.dir, name);
	return p;
}

static char *
read_file(const char *from)
{
	FILE *f = fopen(from, "r");
	char *s = xcalloc(1, 65536);

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_gt(fread(s, 1, 65535, f), 0);
	fclose(f);
	return s;
}

static const char *
write_file(const char *name, const char *text, mode_t mode)
{
	const char *to = in_dir(name);
	FILE *f;

	unlink(to);
	f = fopen(to, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(to, mode), 0);
	return to;
}

static char *
with_crlf(const char *text)
{
	struct text t;

	text_init(&t);
	for (; *text != '\0'; text++)
		text_add_n(&t, *text == '\n' ? "\r\n" : text,
		    *text == '\n' ? 2 : 1);
	return text_take(&t);
}

/* The client trusts the root alone: the intermediate must have been sent. */
static void
assert_serves(const char *cert, const char *key)
{
	struct tls_client_config c = { .cafile = certs.ca };

	use_server(cert, key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
}

START_TEST(pem_through_symlinks)
{
	unlink(in_dir("fullchain.pem"));
	unlink(in_dir("privkey.pem"));
	ck_assert_int_eq(symlink("chain.pem", in_dir("fullchain.pem")), 0);
	ck_assert_int_eq(symlink("key.pem", in_dir("privkey.pem")), 0);
	assert_serves(in_dir("fullchain.pem"), in_dir("privkey.pem"));
	unlink(in_dir("fullchain.pem"));
	unlink(in_dir("privkey.pem"));
}
END_TEST

START_TEST(pem_with_all_in_one_file)
{
	if (_i == 0)
		assert_serves(certs.both, certs.both);
	else
		assert_serves(certs.both, NULL);
}
END_TEST

START_TEST(pem_with_the_key_first)
{
	char *key = read_file(certs.key);
	char *chain = read_file(certs.chain);
	char *all = xasprintf("%s%s", key, chain);

	assert_serves(write_file("t.pem", all, 0600), NULL);
	unlink(in_dir("t.pem"));
	free(key);
	free(chain);
	free(all);
}
END_TEST

START_TEST(pem_with_crlf)
{
	char *key = read_file(certs.key), *chain = read_file(certs.chain);
	char *key_crlf = with_crlf(key), *chain_crlf = with_crlf(chain);

	assert_serves(write_file("c.pem", chain_crlf, 0644),
	    write_file("k.pem", key_crlf, 0600));
	unlink(in_dir("c.pem"));
	unlink(in_dir("k.pem"));
	free(key);
	free(chain);
	free(key_crlf);
	free(chain_crlf);
}
END_TEST

START_TEST(pem_behind_text)
{
	char *key = read_file(certs.key), *chain = read_file(certs.chain);
	char *key_text =
	    xasprintf("Key of the relay\n  Attributes: <none>\n%s", key);
	char *chain_text = xasprintf("subject=CN = relay\n\n%s\ntail\n", chain);

	assert_serves(write_file("c.pem", chain_text, 0644),
	    write_file("k.pem", key_text, 0600));
	unlink(in_dir("c.pem"));
	unlink(in_dir("k.pem"));
	free(key);
	free(chain);
	free(key_text);
	free(chain_text);
}
END_TEST

static const struct {
	mode_t mode;
	bool ok;
} modes[] = {
	{ 0600, true },
	{ 0400, true },
	{ 0640, true },
	{ 0660, true },
	{ 0601, true },
	{ 0604, false },
	{ 0644, false },
	{ 0602, false },
	{ 0666, false },
	{ 0777, false },
};

START_TEST(a_key_that_others_can_read_is_refused)
{
	char *key = read_file(certs.key);

	write_file("k.pem", key, modes[_i].mode);
	free(key);
	server_ctx = tls_server_ctx_new(certs.chain, in_dir("k.pem"), NULL, err,
	    sizeof(err));
	ck_assert_msg((server_ctx != NULL) == modes[_i].ok, "%s", err);
	if (!modes[_i].ok) {
		snprintf(path, sizeof(path),
		    "key %s: others can read or write it (mode %03o); chmod "
		    "o-rw it",
		    in_dir("k.pem"), (unsigned)modes[_i].mode);
		ck_assert_str_eq(err, path);
	}
	unlink(in_dir("k.pem"));
}
END_TEST

/* %s is the directory. */
static const struct {
	const char *cert;
	const char *key;
	const char *error;
} bad_files[] = {
	{ "%s/none.pem", "%s/key.pem",
	    "certificate %s/none.pem: No such file or directory" },
	{ "%s/chain.pem", "%s/none.pem",
	    "key %s/none.pem: No such file or directory" },
	{ "%s", "%s/key.pem", "certificate %s: " },
	{ "%s/key.pem", "%s/key.pem",
	    "certificate %s/key.pem: nothing usable in PEM form" },
	{ "%s/chain.pem", "%s/ca2.pem",
	    "key %s/ca2.pem: nothing usable in PEM form" },
	{ "%s/empty.pem", "%s/key.pem",
	    "certificate %s/empty.pem: nothing usable in PEM form" },
	{ "%s/chain.pem", "%s/empty.pem",
	    "key %s/empty.pem: nothing usable in PEM form" },
	{ "%s/chain.pem", "%s/other_key.pem",
	    "key %s/other_key.pem does not belong to certificate "
	    "%s/chain.pem" },
	{ "%s/cut.pem", "%s/key.pem", "certificate %s/cut.pem: " },
	{ "%s/chain.pem", "%s/locked.pem",
	    "key %s/locked.pem: it is encrypted; relays need a plain key" },
	/* Nobody waits for what never ends. */
	{ "%s/pipe", "%s/key.pem", "certificate %s/pipe: not a regular file" },
	{ "%s/chain.pem", "%s/pipe", "key %s/pipe: not a regular file" },
	{ "/dev/zero", "%s/key.pem",
	    "certificate /dev/zero: not a regular file" },
};

static void
write_bad_files(void)
{
	char *ca = read_file(certs.ca), *chain = read_file(certs.chain);
	FILE *f = fopen(in_dir("locked.pem"), "w");
	EVP_PKEY *key = EVP_EC_gen("P-256");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(PEM_write_PrivateKey(f, key, EVP_aes_128_cbc(),
			     (const unsigned char *)"secret", 6, NULL, NULL),
	    1);
	EVP_PKEY_free(key);
	fchmod(fileno(f), 0600);
	fclose(f);
	ck_assert_int_eq(mkfifo(in_dir("pipe"), 0600), 0);
	write_file("ca2.pem", ca, 0600);
	write_file("empty.pem", "", 0600);
	chain[100] = '\0';
	write_file("cut.pem", chain, 0600);
	free(ca);
	free(chain);
}

/* Formats the rows' patterns; at most two %s, both the directory. */
static char *
expand(const char *pattern)
{
	struct text t;

	text_init(&t);
	for (; *pattern != '\0'; pattern++) {
		if (pattern[0] == '%' && pattern[1] == 's') {
			text_add(&t, certs.dir);
			pattern++;
		} else {
			text_add_n(&t, pattern, 1);
		}
	}
	return text_take(&t);
}

START_TEST(a_bad_file_is_named_with_the_reason)
{
	char *cert = expand(bad_files[_i].cert);
	char *key = expand(bad_files[_i].key);
	char *error = expand(bad_files[_i].error);

	write_bad_files();
	server_ctx = tls_server_ctx_new(cert, key, NULL, err, sizeof(err));
	ck_assert_ptr_null(server_ctx);
	ck_assert_msg(strncmp(err, error, strlen(error)) == 0 &&
		strlen(err) > strlen("certificate :  "),
	    "%s", err);
	ck_assert_msg(strncmp(err + strlen(err) - 2, ": ", 2) != 0, "%s", err);
	free(cert);
	free(key);
	free(error);
	unlink(in_dir("pipe"));
	unlink(in_dir("ca2.pem"));
	unlink(in_dir("empty.pem"));
	unlink(in_dir("cut.pem"));
	unlink(in_dir("locked.pem"));
}
END_TEST

static const struct {
	const char *cafile;
	const char *keylog;
	const char *error;
} bad_client_files[] = {
	{ "%s/none.pem", NULL,
	    "CA file %s/none.pem: No such file or directory" },
	{ "%s/key.pem", NULL, "CA file %s/key.pem: " },
	{ "/dev/zero", NULL, "CA file /dev/zero: not a regular file" },
	{ "%s/ca.pem", "%s/none/keys",
	    "key log %s/none/keys: No such file or directory" },
};

START_TEST(a_bad_file_of_a_client_is_named)
{
	char *cafile = expand(bad_client_files[_i].cafile);
	char *keylog = bad_client_files[_i].keylog == NULL
	    ? NULL
	    : expand(bad_client_files[_i].keylog);
	char *error = expand(bad_client_files[_i].error);
	struct tls_client_config c = { .cafile = cafile, .keylog = keylog };

	client_ctx = tls_client_ctx_new(&c, err, sizeof(err));
	ck_assert_ptr_null(client_ctx);
	ck_assert_msg(strncmp(err, error, strlen(error)) == 0, "%s", err);
	ck_assert_msg(strncmp(err + strlen(err) - 2, ": ", 2) != 0, "%s", err);
	free(cafile);
	free(keylog);
	free(error);
}
END_TEST

START_TEST(an_old_context_goes_on_when_a_new_one_fails)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct tls_ctx *next;

	use_server(certs.chain, certs.key, NULL);
	next = tls_server_ctx_new(certs.chain, certs.other_key, NULL, err,
	    sizeof(err));
	ck_assert_ptr_null(next);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
}
END_TEST

START_TEST(sessions_outlive_their_contexts)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.keylog = in_dir("keys") };

	use_server(certs.chain, certs.key, in_dir("keys"));
	use_client(&c);
	connect_ends(PAIR_TCP4, "localhost");
	tls_ctx_free(server_ctx);
	tls_ctx_free(client_ctx);
	server_ctx = client_ctx = NULL;
	TURN_UNTIL(loop, client.secured && server.secured);
	ck_assert(stream_write(client.stream, "x", 1));
	TURN_UNTIL(loop, server.got.len == 1);
	unlink(in_dir("keys"));
}
END_TEST

/* ---- key logs */

/* Each line: LABEL, 64 digits, digits; all of the labels of that version. */
static size_t
count_keylog_lines(char *text, const char *const *labels)
{
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n"), n++) {
		char label[64], random[65], secret[200];
		const char *const *l = labels;

		ck_assert_msg(sscanf(line, "%63s %64[0-9a-f] %199[0-9a-f]",
				  label, random, secret) == 3,
		    "%s", line);
		ck_assert_uint_eq(strlen(random), 64);
		while (*l != NULL && strcmp(*l, label) != 0)
			l++;
		ck_assert_msg(*l != NULL, "label %s", label);
	}
	return n;
}

START_TEST(key_logs_have_the_nss_form_and_are_appended_to)
{
	static const char *const labels12[] = { "CLIENT_RANDOM", NULL };
	static const char *const labels13[] = {
		"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
		"SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
		"SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET",
		"EARLY_EXPORTER_SECRET", NULL
	};
	const char *log = in_dir("keys");
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i,
		.keylog = log };
	mode_t mask = umask(0);
	struct stat st;
	char *before, *text;
	size_t n;

	unlink(log);
	use_client(&c);
	umask(mask);
	use_server(certs.chain, certs.key, log);
	establish(PAIR_TCP4, "localhost");
	ck_assert_int_eq(stat(log, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	before = read_file(log);
	text = xstrdup(before);
	n = count_keylog_lines(text, _i == 0 ? labels12 : labels13);
	ck_assert_uint_ge(n, _i == 0 ? 2 : 8); /* both ends wrote theirs */
	free(text);

	/* another context, the same file */
	tls_ctx_free(client_ctx);
	peer_clear(&client);
	peer_clear(&server);
	peer_init(&client);
	peer_init(&server);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	text = read_file(log);
	ck_assert_int_eq(strncmp(text, before, strlen(before)), 0);
	ck_assert_uint_eq(count_keylog_lines(text,
			      _i == 0 ? labels12 : labels13),
	    2 * n);
	free(text);
	free(before);
	unlink(log);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_files");
	TCase *tc = tcase_create("tls_files");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup_ends, teardown_ends);
	tcase_add_test(tc, pem_through_symlinks);
	tcase_add_loop_test(tc, pem_with_all_in_one_file, 0, 2);
	tcase_add_test(tc, pem_with_the_key_first);
	tcase_add_test(tc, pem_with_crlf);
	tcase_add_test(tc, pem_behind_text);
	tcase_add_rows(tc, a_key_that_others_can_read_is_refused, modes);
	tcase_add_rows(tc, a_bad_file_is_named_with_the_reason, bad_files);
	tcase_add_rows(tc, a_bad_file_of_a_client_is_named, bad_client_files);
	tcase_add_test(tc, an_old_context_goes_on_when_a_new_one_fails);
	tcase_add_test(tc, sessions_outlive_their_contexts);
	tcase_add_loop_test(tc, key_logs_have_the_nss_form_and_are_appended_to,
	    0, 2);
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
