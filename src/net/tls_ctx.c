/*
 * TLS contexts: roots, certificates, keys, versions, key log.  Everything
 * that can be wrong with a file is said here, with the file's name.
 */
#include "config.h"

#include "net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/file.h"
#include "base/text.h"
#include "net/tls_internal.h"

/* Where the one line about a failure goes. */
struct complaint {
	char *err;
	size_t size;
};

static bool __attribute__((format(printf, 2, 3)))
complain(const struct complaint *c, const char *fmt, ...)
{
	FORMAT_ARGS(c->err, c->size, fmt);
	ERR_clear_error();
	return false;
}

static bool
complain_ssl(const struct complaint *c, const char *what, const char *file)
{
	char why[256];

	tls_take_error(why, sizeof(why));
	return complain(c, "%s %s: %s", what, file, why);
}

/* ---- key log */

struct keylog {
	int fd;
};

static int keylog_index = -1;

static void
on_keylog_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl,
    void *argp)
{
	struct keylog *k = ptr;

	if (k == NULL)
		return;
	close(k->fd);
	free(k);
}

/* One write a line, so that several processes can share the file. */
static void
on_keylog_line(const SSL *ssl, const char *line)
{
	struct keylog *k = keylog_index < 0
	    ? NULL
	    : SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keylog_index);
	char buf[512];
	int n;

	tls_tell_secret(ssl, line);
	if (k == NULL)
		return;
	n = snprintf(buf, sizeof(buf), "%s\n", line);
	if (n > 0 && (size_t)n < sizeof(buf))
		(void)!write(k->fd, buf, (size_t)n);
	OPENSSL_cleanse(buf, sizeof(buf));
}

static bool
set_keylog(struct tls_ctx *ctx, const char *file, const struct complaint *c)
{
	struct keylog *k;

	if (file == NULL)
		return true;
	if (keylog_index < 0)
		keylog_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL,
		    on_keylog_free);
	k = malloc(sizeof(*k));
	if (k == NULL || keylog_index < 0) {
		free(k);
		return complain(c, "out of memory");
	}
	k->fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (k->fd < 0) {
		free(k);
		return complain(c, "key log %s: %s", file, strerror(errno));
	}
	if (SSL_CTX_set_ex_data(ctx->ssl_ctx, keylog_index, k) != 1) {
		close(k->fd);
		free(k);
		return complain(c, "out of memory");
	}
	return true;
}

/* ---- what both roles have */

static struct tls_ctx *
ctx_new(const SSL_METHOD *method, const struct complaint *c)
{
	struct tls_ctx *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL || (ctx->ssl_ctx = SSL_CTX_new(method)) == NULL) {
		free(ctx);
		complain(c, "cannot set up TLS: out of memory");
		return NULL;
	}
	ctx->refs = 1;
	SSL_CTX_set_min_proto_version(ctx->ssl_ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(ctx->ssl_ctx,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* a retried write may come from another place (a buffer that grew),
	 * and part of it is enough */
	SSL_CTX_set_mode(ctx->ssl_ctx,
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	/* for a key log, and for whoever captures a session */
	SSL_CTX_set_keylog_callback(ctx->ssl_ctx, on_keylog_line);
	return ctx;
}

struct tls_ctx *
tls_ctx_ref(struct tls_ctx *ctx)
{
	__atomic_fetch_add(&ctx->refs, 1, __ATOMIC_RELAXED);
	return ctx;
}

void
tls_ctx_free(struct tls_ctx *ctx)
{
	if (ctx == NULL ||
	    __atomic_sub_fetch(&ctx->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	SSL_CTX_free(ctx->ssl_ctx);
	free(ctx);
}

bool
tls_ctx_is_server(const struct tls_ctx *ctx)
{
	return ctx->is_server;
}

/* ---- client */

static bool
version_of(int version, int *out)
{
	*out = version == 12 ? TLS1_2_VERSION
	    : version == 13  ? TLS1_3_VERSION
			     : 0;
	return version == 0 || *out != 0;
}

static bool
set_versions(struct tls_ctx *ctx, const struct tls_client_config *config,
    const struct complaint *c)
{
	int min, max;

	if (!version_of(config->min_version, &min) ||
	    !version_of(config->max_version, &max))
		return complain(c, "TLS versions are 1.2 and 1.3");
	if (min != 0)
		SSL_CTX_set_min_proto_version(ctx->ssl_ctx, min);
	SSL_CTX_set_max_proto_version(ctx->ssl_ctx, max);
	return true;
}

static bool
set_roots(struct tls_ctx *ctx, const char *cafile, const struct complaint *c)
{
	const char *why;

	if (cafile == NULL) {
		SSL_CTX_set_default_verify_paths(ctx->ssl_ctx);
		return true;
	}
	why = file_trouble(cafile);
	if (why != NULL)
		return complain(c, "CA file %s: %s", cafile, why);
	if (SSL_CTX_load_verify_file(ctx->ssl_ctx, cafile) != 1)
		return complain_ssl(c, "CA file", cafile);
	return true;
}

/* "a,b" -> 1 'a' 1 'b' */
static bool
set_alpn(struct tls_ctx *ctx, const char *names, const struct complaint *c)
{
	uint8_t wire[256];
	size_t at = 0;

	if (names == NULL)
		return true;
	for (const char *p = names;; p++) {
		size_t len = strcspn(p, ",");

		if (len == 0 || len > 255 || at + 1 + len > sizeof(wire))
			return complain(c, "ALPN '%s' is no list of names",
			    names);
		wire[at++] = (uint8_t)len;
		memcpy(wire + at, p, len);
		at += len;
		p += len;
		if (*p == '\0')
			break;
	}
	/* this one returns 0 for success */
	if (SSL_CTX_set_alpn_protos(ctx->ssl_ctx, wire, (unsigned)at) != 0)
		return complain(c, "out of memory");
	return true;
}

struct tls_ctx *
tls_client_ctx_new(const struct tls_client_config *config, char *err,
    size_t err_size)
{
	struct complaint c = { err, err_size };
	struct tls_ctx *ctx = ctx_new(TLS_client_method(), &c);

	if (ctx == NULL)
		return NULL;
	ctx->insecure = config->insecure;
	if (!config->insecure)
		SSL_CTX_set_verify(ctx->ssl_ctx, SSL_VERIFY_PEER, NULL);
	if (!set_versions(ctx, config, &c) ||
	    !set_roots(ctx, config->cafile, &c) ||
	    !set_alpn(ctx, config->alpn, &c) ||
	    !set_keylog(ctx, config->keylog, &c)) {
		tls_ctx_free(ctx);
		return NULL;
	}
	ERR_clear_error();
	return ctx;
}

/* ---- server */

/* Nobody is there to be asked for a pass phrase. */
static int
on_passphrase(char *buf, int size, int rwflag, void *arg)
{
	bool *asked = arg;

	*asked = true;
	return -1;
}

static bool
load_chain(struct tls_ctx *ctx, const char *file, const struct complaint *c)
{
	const char *why = file_trouble(file);

	if (why != NULL)
		return complain(c, "certificate %s: %s", file, why);
	if (SSL_CTX_use_certificate_chain_file(ctx->ssl_ctx, file) != 1)
		return complain_ssl(c, "certificate", file);
	return true;
}

/* The descriptor that was looked at is the one that is read. */
static BIO *
open_key(const char *file, const struct complaint *c)
{
	const char *why = file_trouble(file);
	int fd = why == NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	struct stat st;
	FILE *f;
	BIO *bio;

	if (why != NULL) {
		complain(c, "key %s: %s", file, why);
		return NULL;
	}
	if (fd < 0 || fstat(fd, &st) < 0) {
		complain(c, "key %s: %s", file, strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		complain(c,
		    "key %s: others can read or write it (mode %03o); "
		    "chmod o-rw it",
		    file, (unsigned)st.st_mode & 0777);
		close(fd);
		return NULL;
	}
	f = fdopen(fd, "r");
	bio = f != NULL ? BIO_new_fp(f, BIO_CLOSE) : NULL;
	if (bio == NULL) {
		if (f != NULL)
			fclose(f);
		else
			close(fd);
		complain(c, "out of memory");
	}
	return bio;
}

static bool
load_key(struct tls_ctx *ctx, const char *file, const char *cert_file,
    const struct complaint *c)
{
	bool encrypted = false;
	BIO *bio = open_key(file, c);
	EVP_PKEY *key;
	bool ok;

	if (bio == NULL)
		return false;
	key = PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, &encrypted);
	BIO_free(bio);
	if (key == NULL && encrypted)
		return complain(c,
		    "key %s: it is encrypted; relays need a "
		    "plain key",
		    file);
	if (key == NULL)
		return complain_ssl(c, "key", file);
	ok = SSL_CTX_use_PrivateKey(ctx->ssl_ctx, key) == 1 &&
	    SSL_CTX_check_private_key(ctx->ssl_ctx) == 1;
	EVP_PKEY_free(key);
	if (!ok)
		return complain(c, "key %s does not belong to certificate %s",
		    file, cert_file);
	return true;
}

/* http/1.1 where it is offered; else go on without ALPN. */
static int
on_alpn_select(SSL *ssl, const unsigned char **out, unsigned char *out_len,
    const unsigned char *in, unsigned in_len, void *arg)
{
	static const char name[] = "http/1.1";

	for (unsigned at = 0; at < in_len; at += 1U + in[at]) {
		unsigned len = in[at];

		if (len != sizeof(name) - 1 || at + 1 + len > in_len ||
		    memcmp(in + at + 1, name, len) != 0)
			continue;
		*out = in + at + 1;
		*out_len = (unsigned char)len;
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/*
 * An order, not a choice: of what the system allows, the suite of TLS 1.3
 * that costs least comes first.  A client that puts ChaCha20 first (it has no
 * AES in hardware) gets that.
 */
static bool
set_order(SSL_CTX *ssl_ctx)
{
	static const char best[] = "TLS_AES_128_GCM_SHA256";
	STACK_OF(SSL_CIPHER) *all = SSL_CTX_get_ciphers(ssl_ctx);
	char names[512];
	size_t len = 0;

	for (int turn = 0; turn < 2; turn++) {
		for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
			const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
			const char *name = SSL_CIPHER_get_name(c);

			if (strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") != 0 ||
			    (strcmp(name, best) == 0) != (turn == 0))
				continue;
			len +=
			    (size_t)snprintf(names + len, sizeof(names) - len,
				"%s%s", len > 0 ? ":" : "", name);
			if (len >= sizeof(names))
				return false;
		}
	}
	SSL_CTX_set_options(ssl_ctx,
	    SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	return len == 0 || SSL_CTX_set_ciphersuites(ssl_ctx, names) == 1;
}

static struct tls_ctx *
server_ctx_new(const struct complaint *c)
{
	struct tls_ctx *ctx = ctx_new(TLS_server_method(), c);

	if (ctx == NULL)
		return NULL;
	ctx->is_server = true;
	if (!set_order(ctx->ssl_ctx)) {
		complain(c, "cannot set up TLS: out of memory");
		tls_ctx_free(ctx);
		return NULL;
	}
	SSL_CTX_set_alpn_select_cb(ctx->ssl_ctx, on_alpn_select, NULL);
	SSL_CTX_set_session_id_context(ctx->ssl_ctx, (const uint8_t *)"relay",
	    5);
	return ctx;
}

struct tls_ctx *
tls_server_ctx_new_of(X509 *x, EVP_PKEY *key, char *err, size_t err_size)
{
	struct complaint c = { err, err_size };
	struct tls_ctx *ctx = server_ctx_new(&c);

	if (ctx == NULL)
		return NULL;
	if (SSL_CTX_use_certificate(ctx->ssl_ctx, x) != 1 ||
	    SSL_CTX_use_PrivateKey(ctx->ssl_ctx, key) != 1) {
		complain(&c, "the certificate cannot be used");
		tls_ctx_free(ctx);
		return NULL;
	}
	return ctx;
}

struct tls_ctx *
tls_server_ctx_new(const char *cert_file, const char *key_file,
    const char *keylog, char *err, size_t err_size)
{
	struct complaint c = { err, err_size };
	struct tls_ctx *ctx = server_ctx_new(&c);

	if (ctx == NULL)
		return NULL;
	if (!load_chain(ctx, cert_file, &c) ||
	    !load_key(ctx, key_file != NULL ? key_file : cert_file, cert_file,
		&c) ||
	    !set_keylog(ctx, keylog, &c)) {
		tls_ctx_free(ctx);
		return NULL;
	}
	ERR_clear_error();
	return ctx;
}
