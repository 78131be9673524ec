/*
 * TLS between our own ends, and what goes into it: files, names, versions,
 * ALPN, key logs, exporters.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/xalloc.h"
#include "net/tls.h"
#include "peer.h"
#include "support.h"
#include "tls_certs.h"
#include "tls_oracle.h"

#define NROWS(a) ((int)(sizeof(a) / sizeof((a)[0])))

static struct tls_certs certs;
static struct tls_ctx *server_ctx, *client_ctx;
static struct loop *loop;
static struct peer server, client;
static char err[512];

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	peer_init(&server);
	peer_init(&client);
	server_ctx = client_ctx = NULL;
	err[0] = '\0';
}

static void
teardown(void)
{
	peer_clear(&server);
	peer_clear(&client);
	tls_ctx_free(server_ctx);
	tls_ctx_free(client_ctx);
	loop_free(loop);
}

static void
use_server(const char *cert, const char *key, const char *keylog)
{
	server_ctx = tls_server_ctx_new(cert, key, keylog, err, sizeof(err));
	ck_assert_msg(server_ctx != NULL, "%s", err);
	ck_assert(tls_ctx_is_server(server_ctx));
}

static void
use_client(const struct tls_client_config *c)
{
	client_ctx = tls_client_ctx_new(c, err, sizeof(err));
	ck_assert_msg(client_ctx != NULL, "%s", err);
	ck_assert(!tls_ctx_is_server(client_ctx));
}

static void
connect_ends(enum pair_kind kind, const char *name)
{
	int fds[2];

	make_pair(kind, fds);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	client.stream = stream_new_tls(loop, fds[1], client_ctx, name,
	    peer_on_event, &client);
	ck_assert_ptr_nonnull(server.stream);
	ck_assert_ptr_nonnull(client.stream);
}

static void
establish(enum pair_kind kind, const char *name)
{
	connect_ends(kind, name);
	TURN_UNTIL(loop,
	    (server.secured || server.ended) &&
		(client.secured || client.ended));
	ck_assert_msg(client.secured && server.secured, "client: %s",
	    stream_error(client.stream));
}

/* ---- names and trust */

enum trust {
	OURS,
	OTHERS,
	SYSTEM,
	NOTHING
};

static const struct {
	enum trust trust;
	const char *name;
	bool expired;
	const char *error; /* NULL: it is accepted */
	const char *alert; /* what the server hears */
} trusts[] = {
	{ OURS, "localhost", false, NULL, NULL },
	{ OURS, "localhost.", false, NULL, NULL },
	{ OURS, "LOCALHOST", false, NULL, NULL },
	{ OURS, "a.relay.test", false, NULL, NULL },
	{ OURS, "a.relay.test.", false, NULL, NULL },
	{ OURS, "127.0.0.1", false, NULL, NULL },
	{ OURS, "::1", false, NULL, NULL },
	{ OURS, "0:0:0:0:0:0:0:1", false, NULL, NULL },
	{ OURS, "relay.test", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "a.b.relay.test", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "localhost.example", false, "certificate: hostname mismatch",
	    "bad certificate" },
	{ OURS, "127.0.0.2", false, "certificate: IP address mismatch",
	    "bad certificate" },
	{ OURS, "::2", false, "certificate: IP address mismatch",
	    "bad certificate" },
	{ OURS, "localhost", true, "certificate: certificate has expired",
	    "certificate expired" },
	{ OTHERS, "localhost", false,
	    "certificate: certificate signature failure", "decrypt error" },
	{ SYSTEM, "localhost", false,
	    "certificate: unable to get local issuer certificate",
	    "unknown CA" },
	{ NOTHING, "localhost", true, NULL, NULL },
	{ NOTHING, "elsewhere.example", false, NULL, NULL },
	{ NOTHING, "127.0.0.2", false, NULL, NULL },
};

START_TEST(a_certificate_is_accepted_or_refused_with_the_reason)
{
	struct tls_client_config c = {
		.cafile = trusts[_i].trust == OURS ? certs.ca
		    : trusts[_i].trust == OTHERS   ? certs.other_ca
						   : NULL,
		.insecure = trusts[_i].trust == NOTHING,
	};

	use_server(trusts[_i].expired ? certs.expired : certs.chain, certs.key,
	    NULL);
	use_client(&c);
	connect_ends(PAIR_TCP4, trusts[_i].name);
	if (trusts[_i].error == NULL) {
		TURN_UNTIL(loop, client.secured && server.secured);
		return;
	}
	TURN_UNTIL(loop, client.ended && server.ended);
	ck_assert_msg(strncmp(client.error, trusts[_i].error,
			  strlen(trusts[_i].error)) == 0,
	    "%s", client.error);
	ck_assert_int_eq(client.ending, ENDING_PROTOCOL);
	ck_assert(stream_tls_failed(client.stream));
	ck_assert(tls_failed_verify(stream_tls(client.stream)));
	ck_assert(!client.secured);
	ck_assert(stream_tls_failed(server.stream));
	ck_assert(!tls_failed_verify(stream_tls(server.stream)));
	ck_assert_msg(strncmp(server.error, "TLS alert: ", 11) == 0 &&
		strstr(server.error, trusts[_i].alert) != NULL,
	    "%s", server.error);
}
END_TEST

START_TEST(the_systems_roots_are_where_openssl_says)
{
	struct tls_client_config c = { 0 };

	ck_assert_int_eq(setenv("SSL_CERT_FILE", certs.ca, 1), 0);
	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	unsetenv("SSL_CERT_FILE");
}
END_TEST

static const struct {
	const char *name;
	const char *sni; /* NULL: none is sent */
} sent_names[] = {
	{ "localhost", "localhost" },
	{ "localhost.", "localhost" },
	{ "127.0.0.1", NULL },
	{ "::1", NULL },
};

START_TEST(the_name_is_sent_without_its_dot_and_no_address_is)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct oracle o;
	const char *got;
	int fds[2];

	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[0], &certs, 0);
	client.stream = stream_new_tls(loop, fds[1], client_ctx,
	    sent_names[_i].name, peer_on_event, &client);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, client.secured);
	got = SSL_get_servername(o.ssl, TLSEXT_NAMETYPE_host_name);
	ck_assert_pstr_eq(got, sent_names[_i].sni);
	oracle_clear(&o);
}
END_TEST

static const char *const no_names[] = { "", NULL };

START_TEST(what_cannot_be_a_name_is_refused)
{
	struct tls_client_config c = { .insecure = true };
	char long_name[300];
	const char *name = no_names[_i];
	int fds[2];

	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	if (name == NULL)
		name = long_name;
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	ck_assert_ptr_null(stream_new_tls(loop, fds[0], client_ctx, name,
	    peer_on_event, &client));
	close(fds[1]);
}
END_TEST

/* ---- versions, ALPN */

static const struct {
	int min, max;
	const char *version; /* NULL: they do not meet */
} versions[] = {
	{ 0, 0, "TLSv1.3" },
	{ 12, 12, "TLSv1.2" },
	{ 13, 13, "TLSv1.3" },
	{ 12, 13, "TLSv1.3" },
	{ 13, 0, "TLSv1.3" },
	{ 0, 12, "TLSv1.2" },
};

START_TEST(both_versions_work_over_everything)
{
	int row = _i / PAIR_NKINDS;
	struct tls_client_config c = { .cafile = certs.ca,
		.min_version = versions[row].min,
		.max_version = versions[row].max };

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish((enum pair_kind)(_i % PAIR_NKINDS), "localhost");
	ck_assert_str_eq(tls_version(stream_tls(client.stream)),
	    versions[row].version);
	ck_assert_str_eq(tls_version(stream_tls(server.stream)),
	    versions[row].version);
	ck_assert_str_eq(tls_cipher(stream_tls(client.stream)),
	    tls_cipher(stream_tls(server.stream)));
	ck_assert(stream_write(client.stream, "ping", 4));
	ck_assert(stream_write(server.stream, "pong", 4));
	TURN_UNTIL(loop, client.got.len == 4 && server.got.len == 4);
	stream_shut(client.stream);
	TURN_UNTIL(loop, server.ended);
	ck_assert_int_eq(server.ending, ENDING_EOF);
}
END_TEST

START_TEST(a_version_that_is_none_is_refused)
{
	static const struct tls_client_config bad[] = { { .min_version = 11 },
		{ .max_version = 10 }, { .min_version = 3 } };

	client_ctx = tls_client_ctx_new(&bad[_i], err, sizeof(err));
	ck_assert_ptr_null(client_ctx);
	ck_assert_str_eq(err, "TLS versions are 1.2 and 1.3");
}
END_TEST

START_TEST(the_old_versions_are_refused)
{
	static const int old[] = { TLS1_VERSION, TLS1_1_VERSION };
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, old[_i]);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(!oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.ended);
	ck_assert_int_eq(server.ending, ENDING_PROTOCOL);
	ck_assert_str_eq(server.error, "TLS: unsupported protocol");
	oracle_clear(&o);
}
END_TEST

static const struct {
	const char *offered;
	const char *selected; /* NULL: none, and it works without */
} alpns[] = {
	{ NULL, NULL },
	{ "http/1.1", "http/1.1" },
	{ "h2,http/1.1", "http/1.1" },
	{ "http/1.1,h2", "http/1.1" },
	{ "h2", NULL },
	{ "http/1.0", NULL },
	{ "http/1.12,x", NULL },
	{ "x,y,http/1.1", "http/1.1" },
};

START_TEST(http_1_1_is_selected_where_it_is_offered)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.alpn = alpns[_i].offered };
	const char *want = alpns[_i].selected != NULL ? alpns[_i].selected : "";
	const char *got;
	size_t len;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	establish(PAIR_TCP4, "localhost");
	got = tls_alpn(stream_tls(client.stream), &len);
	ck_assert_bytes(got, len, want, strlen(want));
	got = tls_alpn(stream_tls(server.stream), &len);
	ck_assert_bytes(got, len, want, strlen(want));
	ck_assert(stream_write(client.stream, "x", 1));
	TURN_UNTIL(loop, server.got.len == 1);
}
END_TEST

START_TEST(alpn_lists_need_names)
{
	static const char *const bad[] = { "", ",", "a,", ",a", "a,,b" };
	struct tls_client_config c = { .alpn = bad[_i] };

	client_ctx = tls_client_ctx_new(&c, err, sizeof(err));
	ck_assert_ptr_null(client_ctx);
	ck_assert_ptr_nonnull(strstr(err, "is no list of names"));
}
END_TEST

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

/* ---- key log, exporter, resumption, renegotiation */

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

START_TEST(both_ends_export_the_same_bytes)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i };
	uint8_t a[32], b[32], other[32];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	connect_ends(PAIR_TCP4, "localhost");
	ck_assert_int_eq(tls_export(stream_tls(client.stream), "label", NULL, 0,
			     a, 32),
	    -1);
	TURN_UNTIL(loop, client.secured && server.secured);
	ck_assert_int_eq(tls_export(stream_tls(client.stream), "label", "ctx",
			     3, a, 32),
	    0);
	ck_assert_int_eq(tls_export(stream_tls(server.stream), "label", "ctx",
			     3, b, 32),
	    0);
	ck_assert_int_eq(tls_export(stream_tls(server.stream), "label", "cty",
			     3, other, 32),
	    0);
	ck_assert_bytes(a, 32, b, 32);
	ck_assert_int_ne(memcmp(a, other, 32), 0);
}
END_TEST

START_TEST(a_session_can_be_resumed)
{
	int version = _i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_SESSION *session;
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, version);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert(stream_write(server.stream, "x", 1));
	TURN_UNTIL(loop, (oracle_read(&o, loop), o.got.len == 1));
	session = SSL_get1_session(o.ssl);
	ck_assert(SSL_SESSION_is_resumable(session));
	oracle_say_goodbye(&o, loop); /* else OpenSSL takes it as broken */
	oracle_clear(&o);
	peer_clear(&server);
	peer_init(&server);

	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], NULL, version);
	ck_assert_int_eq(SSL_set_session(o.ssl, session), 1);
	server.stream = stream_new_tls(loop, fds[0], server_ctx, NULL,
	    peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert_int_eq(SSL_session_reused(o.ssl), 1);
	oracle_write(&o, loop, "y", 1);
	TURN_UNTIL(loop, server.got.len == 1);
	SSL_SESSION_free(session);
	oracle_clear(&o);
}
END_TEST

START_TEST(renegotiation_is_refused_and_the_session_goes_on)
{
	struct tls_client_config c = { .cafile = certs.ca };
	struct oracle o;
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	oracle_init(&o, fds[1], _i == 0 ? NULL : &certs, TLS1_2_VERSION);
	server.stream =
	    stream_new_tls(loop, fds[0], _i == 0 ? server_ctx : client_ctx,
		_i == 0 ? NULL : "localhost", peer_on_event, &server);
	ck_assert(oracle_handshake(&o, loop));
	TURN_UNTIL(loop, server.secured);
	ck_assert_int_eq(SSL_renegotiate(o.ssl), 1);
	SSL_do_handshake(o.ssl);
	oracle_flush(&o, loop);
	/* RFC 5246 7.2.2: the no_renegotiation warning, which ends OpenSSL's
	 * attempt */
	TURN_UNTIL(loop, oracle_read(&o, loop) == SSL_ERROR_SSL);
	ck_assert(!server.ended);
	ck_assert(stream_write(server.stream, "x", 1));
	ck_assert_int_eq(stream_ending(server.stream), ENDING_NONE);
	oracle_clear(&o);
}
END_TEST

/* ---- streams */

START_TEST(tls_may_begin_behind_plain_bytes)
{
	struct tls_client_config c = { .cafile = certs.ca };
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	make_pair(PAIR_TCP4, fds);
	server.stream = stream_new(loop, fds[0], peer_on_event, &server);
	client.stream = stream_new(loop, fds[1], peer_on_event, &client);
	ck_assert(stream_write(client.stream, "CONNECT", 7));
	TURN_UNTIL(loop, server.got.len == 7);
	ck_assert(stream_start_tls(server.stream, server_ctx, NULL));
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	ck_assert(stream_start_tls(client.stream, client_ctx, "localhost"));
	TURN_UNTIL(loop, client.secured && server.secured);
	ck_assert(stream_write(client.stream, " secret", 7));
	TURN_UNTIL(loop, server.got.len == 14);
	ck_assert_str_eq(server.got.s, "CONNECT secret");
}
END_TEST

START_TEST(tls_does_not_begin_on_top_of_what_waits)
{
	int fds[2];

	use_server(certs.chain, certs.key, NULL);
	make_pair(PAIR_TCP4, fds);
	server.stream = stream_new(loop, fds[0], peer_on_event, &server);
	server.keep = true;
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	TURN_UNTIL(loop, server.ninputs > 0);
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	stream_consume(server.stream, 1);
	ck_assert(stream_append(server.stream, "y", 1));
	ck_assert(!stream_start_tls(server.stream, server_ctx, NULL));
	ck_assert(stream_flush(server.stream));
	ck_assert(stream_start_tls(server.stream, server_ctx, NULL));
	close(fds[1]);
}
END_TEST

#define BULK 3000000

START_TEST(bulk_in_both_directions_arrives_whole)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.max_version = 12 + _i % 2 };
	uint8_t *up = xmalloc(BULK), *down = xmalloc(BULK);
	uint64_t state = 11;
	size_t at = 0, piece = 1;

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	connect_ends((enum pair_kind)(_i / 2), "localhost");
	make_buffers_small(stream_fd(server.stream));
	make_buffers_small(stream_fd(client.stream));
	test_fill(&state, up, BULK);
	test_fill(&state, down, BULK);
	/* queued before the handshake, and in pieces while it goes on */
	ck_assert(stream_write(server.stream, down, BULK));
	for (; at < BULK; at += piece, piece = piece * 3 % 19997 + 1) {
		if (piece > BULK - at)
			piece = BULK - at;
		ck_assert(stream_write(client.stream, up + at, piece));
		loop_turn(loop, 0);
	}
	stream_shut(client.stream);
	stream_shut(server.stream);
	TURN_UNTIL(loop, client.ended && server.ended);
	ck_assert_int_eq(client.ending, ENDING_EOF);
	ck_assert_int_eq(server.ending, ENDING_EOF);
	ck_assert_bytes(server.got.s, server.got.len, up, BULK);
	ck_assert_bytes(client.got.s, client.got.len, down, BULK);
	ck_assert_uint_eq(stream_bytes_in(client.stream), BULK);
	ck_assert_uint_eq(stream_bytes_out(client.stream), BULK);
	free(up);
	free(down);
}
END_TEST

static void
add_session_tests(TCase *tc)
{
	tcase_add_loop_test(tc,
	    a_certificate_is_accepted_or_refused_with_the_reason, 0,
	    NROWS(trusts));
	tcase_add_test(tc, the_systems_roots_are_where_openssl_says);
	tcase_add_loop_test(tc,
	    the_name_is_sent_without_its_dot_and_no_address_is, 0,
	    NROWS(sent_names));
	tcase_add_loop_test(tc, what_cannot_be_a_name_is_refused, 0,
	    NROWS(no_names));
	tcase_add_loop_test(tc, both_versions_work_over_everything, 0,
	    NROWS(versions) * PAIR_NKINDS);
	tcase_add_loop_test(tc, a_version_that_is_none_is_refused, 0, 3);
	tcase_add_loop_test(tc, the_old_versions_are_refused, 0, 2);
	tcase_add_loop_test(tc, http_1_1_is_selected_where_it_is_offered, 0,
	    NROWS(alpns));
	tcase_add_loop_test(tc, alpn_lists_need_names, 0, 5);
	tcase_add_loop_test(tc, both_ends_export_the_same_bytes, 0, 2);
	tcase_add_loop_test(tc, a_session_can_be_resumed, 0, 2);
	tcase_add_loop_test(tc,
	    renegotiation_is_refused_and_the_session_goes_on, 0, 2);
	tcase_add_test(tc, tls_may_begin_behind_plain_bytes);
	tcase_add_test(tc, tls_does_not_begin_on_top_of_what_waits);
	tcase_add_loop_test(tc, bulk_in_both_directions_arrives_whole, 0,
	    2 * PAIR_NKINDS);
}

static void
add_file_tests(TCase *tc)
{
	tcase_add_test(tc, pem_through_symlinks);
	tcase_add_loop_test(tc, pem_with_all_in_one_file, 0, 2);
	tcase_add_test(tc, pem_with_the_key_first);
	tcase_add_test(tc, pem_with_crlf);
	tcase_add_test(tc, pem_behind_text);
	tcase_add_loop_test(tc, a_key_that_others_can_read_is_refused, 0,
	    NROWS(modes));
	tcase_add_loop_test(tc, a_bad_file_is_named_with_the_reason, 0,
	    NROWS(bad_files));
	tcase_add_loop_test(tc, a_bad_file_of_a_client_is_named, 0,
	    NROWS(bad_client_files));
	tcase_add_test(tc, an_old_context_goes_on_when_a_new_one_fails);
	tcase_add_test(tc, sessions_outlive_their_contexts);
	tcase_add_loop_test(tc, key_logs_have_the_nss_form_and_are_appended_to,
	    0, 2);
}

int
main(void)
{
	Suite *s = suite_create("tls");
	TCase *tc = tcase_create("tls");
	int status;

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_session_tests(tc);
	add_file_tests(tc);
	suite_add_tcase(s, tc);
	tls_certs_make(&certs);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
