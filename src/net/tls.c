/*
 * One TLS session over a non-blocking socket: five results, and after a
 * failure exact knowledge of what it was.  Each call begins and ends with an
 * empty error queue, so that no session is blamed for another's errors.
 */
#include "config.h"

#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/tap.h"
#include "net/tls_internal.h"
#include "net/tls_socket.h"

/* RFC 8446 5.1: what one record holds at most. */
#define RECORD_MAX 16384

struct tls {
	SSL *ssl;
	struct tls_socket socket;
	bool may_have_more; /* the last read ended before the input did */
	bool failed_by_eof;
	bool is_broken; /* the protocol failed: OpenSSL is not called again */
	int failed_errno;
	char *error; /* NULL: none */
	void (*on_hello)(void *arg, const char *name);
	void *hello_arg;
};

/* Nothing in a file could be used: two layers say that differently. */
static bool
is_nothing_in_pem(unsigned long e)
{
	return (ERR_GET_LIB(e) == ERR_LIB_PEM &&
		   ERR_GET_REASON(e) == PEM_R_NO_START_LINE) ||
	    (ERR_GET_LIB(e) == ERR_LIB_OSSL_DECODER &&
		ERR_GET_REASON(e) == ERR_R_UNSUPPORTED);
}

void
tls_take_error(char *out, size_t size)
{
	unsigned long e = ERR_get_error();
	const char *reason = ERR_reason_error_string(e);

	if (is_nothing_in_pem(e))
		snprintf(out, size, "nothing usable in PEM form");
	else if (ERR_SYSTEM_ERROR(e))
		snprintf(out, size, "%s", strerror(ERR_GET_REASON(e)));
	else if (reason != NULL)
		snprintf(out, size, "%s", reason);
	else
		snprintf(out, size, "OpenSSL error %lu", e);
	ERR_clear_error();
}

/* ---- sessions */

static struct tls *
session_new(struct tls_ctx *ctx, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *bio;

	ERR_clear_error();
	if (t == NULL)
		return NULL;
	t->socket.fd = fd;
	t->ssl = SSL_new(ctx->ssl_ctx);
	bio = t->ssl != NULL ? tls_socket_bio(&t->socket) : NULL;
	if (bio == NULL) {
		tls_free(t);
		return NULL;
	}
	SSL_set_bio(t->ssl, bio, bio);
	return t;
}

static bool
is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 ||
	    inet_pton(AF_INET6, name, &a) == 1;
}

/* What to ask for, and what to accept. */
static bool
set_name(SSL *ssl, char *name)
{
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl),
			   name) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, name) == 1 &&
	    SSL_set_tlsext_host_name(ssl, name) == 1;
}

struct tls *
tls_client_new(struct tls_ctx *ctx, int fd, const char *sni)
{
	char name[256]; /* RFC 6066 3: without the final dot */
	size_t len = strlen(sni);
	struct tls *t;

	if (len > 1 && sni[len - 1] == '.')
		len--;
	if (len == 0 || len >= sizeof(name))
		return NULL;
	memcpy(name, sni, len);
	name[len] = '\0';
	t = session_new(ctx, fd);
	if (t == NULL)
		return NULL;
	if (!set_name(t->ssl, name)) {
		tls_free(t);
		return NULL;
	}
	SSL_set_connect_state(t->ssl);
	return t;
}

struct tls *
tls_server_new(struct tls_ctx *ctx, int fd)
{
	struct tls *t = session_new(ctx, fd);

	if (t != NULL)
		SSL_set_accept_state(t->ssl);
	return t;
}

/* The name is nobody's business here: any will do. */
static int
on_servername(SSL *ssl, int *alert, void *arg)
{
	struct tls *t = SSL_get_app_data(ssl);

	if (t != NULL && t->on_hello != NULL)
		t->on_hello(t->hello_arg,
		    SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	return SSL_TLSEXT_ERR_NOACK;
}

void
tls_on_hello(struct tls *t, void (*fn)(void *arg, const char *name), void *arg)
{
	t->on_hello = fn;
	t->hello_arg = arg;
	SSL_set_app_data(t->ssl, t);
	SSL_CTX_set_tlsext_servername_callback(SSL_get_SSL_CTX(t->ssl),
	    on_servername);
}

/* ---- who looks on */

void
tls_tell_secret(const SSL *ssl, const char *line)
{
	const struct tls *t = SSL_get_app_data(ssl);
	const struct tap *tap = t != NULL ? t->socket.tap : NULL;

	if (tap != NULL && tap->on_tap != NULL)
		tap->on_tap(tap->arg, TAP_SECRET, line, strlen(line));
}

void
tls_set_tap(struct tls *t, const struct tap *tap)
{
	t->socket.tap = tap;
	SSL_set_app_data(t->ssl, t);
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_socket_clear(&t->socket);
	free(t->error);
	free(t);
}

/* ---- results */

/* Most sessions never have anything to say. */
static void
set_error(struct tls *t, const char *what, const char *why)
{
	char line[288];

	snprintf(line, sizeof(line), "%s%s", what, why);
	free(t->error);
	t->error = strdup(line);
}

static enum tls_result
fail_eof(struct tls *t)
{
	t->failed_by_eof = true;
	set_error(t, "closed without a TLS close_notify", "");
	return TLS_FAILED;
}

static enum tls_result
fail_socket(struct tls *t, int error)
{
	if (error == 0)
		return fail_eof(t);
	t->failed_errno = error;
	set_error(t, "", strerror(error));
	return TLS_FAILED;
}

/* RFC 8446 6.2: an alert of the peer arrives as reason 1000 + its number. */
static bool
is_alert(unsigned long e)
{
	int reason = ERR_GET_REASON(e);

	return ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    reason >= SSL_AD_REASON_OFFSET &&
	    reason <= SSL_AD_REASON_OFFSET + 255;
}

static enum tls_result
fail_protocol(struct tls *t)
{
	/* the newest is TLS's own; older ones say how it came to that */
	unsigned long e = ERR_peek_last_error();
	int reason = ERR_GET_REASON(e);
	char why[256];

	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return fail_eof(t);
	t->is_broken = true;
	if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
	    reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
		set_error(t, "certificate: ",
		    X509_verify_cert_error_string(
			SSL_get_verify_result(t->ssl)));
	} else if (is_alert(e)) {
		set_error(t, "TLS alert: ",
		    SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
	} else {
		tls_take_error(why, sizeof(why));
		set_error(t, "TLS: ", why);
	}
	return TLS_FAILED;
}

/* To clear an empty queue costs OpenSSL a walk through all of its places. */
static void
clear_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* |status| is what the OpenSSL call returned, |error| errno behind it. */
static enum tls_result
result_of(struct tls *t, int status, int error)
{
	enum tls_result r;

	switch (SSL_get_error(t->ssl, status)) {
	case SSL_ERROR_NONE:
		r = TLS_DONE;
		break;
	case SSL_ERROR_WANT_READ:
		r = TLS_AGAIN_READ;
		break;
	case SSL_ERROR_WANT_WRITE:
		r = TLS_AGAIN_WRITE;
		break;
	case SSL_ERROR_ZERO_RETURN:
		r = TLS_CLOSED;
		break;
	case SSL_ERROR_SYSCALL:
		r = fail_socket(t, error);
		break;
	default:
		r = fail_protocol(t);
		break;
	}
	clear_errors();
	return r;
}

static void
begin(void)
{
	clear_errors();
	errno = 0;
}

/* Empty the key that OpenSSL goes on to hold: there is no call that makes it
 * let go, but to give a key a type takes from it what it was. */
static void
wipe_key(EVP_PKEY *key)
{
	EVP_PKEY_set_type(key, EVP_PKEY_get_base_id(key));
	EVP_PKEY_free(key);
}

/*
 * The keys of the exchange have done their work with the handshake.  OpenSSL
 * keeps them as long as the session, which is no good place for a secret, and
 * memory that an idle connection does not need.
 */
static void
wipe_exchange(SSL *ssl)
{
	EVP_PKEY *key;

	if (SSL_get_tmp_key(ssl, &key) == 1)
		wipe_key(key);
	if (SSL_get_peer_tmp_key(ssl, &key) == 1)
		wipe_key(key);
}

enum tls_result
tls_handshake(struct tls *t)
{
	int status, error;

	if (t->is_broken)
		return TLS_FAILED;
	begin();
	status = SSL_do_handshake(t->ssl);
	error = errno;
	t->may_have_more = status == 1;
	if (status == 1)
		wipe_exchange(t->ssl);
	return result_of(t, status, error);
}

enum tls_result
tls_read(struct tls *t, void *buf, size_t len, size_t *n)
{
	int status;

	if (t->is_broken)
		return TLS_FAILED;
	begin();
	t->socket.want = len;
	status = SSL_read_ex(t->ssl, buf, len, n);
	t->may_have_more = status == 1;
	return result_of(t, status, errno);
}

/* What is left to write: |left| bytes, from |skip| in the piece |v| on. */
struct rest {
	const struct iovec *v;
	size_t skip;
	size_t left;
};

static void
rest_skip(struct rest *r, size_t n)
{
	r->left -= n;
	while (n > 0 && n >= r->v->iov_len - r->skip) {
		n -= r->v->iov_len - r->skip;
		r->skip = 0;
		r->v++;
	}
	r->skip += n;
}

/*
 * The next |len| bytes, for one record.  OpenSSL wants them in one piece; if
 * they are not, they become one here, in a place that stays in the cache.
 */
static const uint8_t *
rest_joined(const struct rest *r, size_t len)
{
	static _Thread_local uint8_t joined[RECORD_MAX];
	const struct iovec *v = r->v;
	size_t skip = r->skip;

	if (v->iov_len - skip >= len)
		return (const uint8_t *)v->iov_base + skip;
	for (size_t at = 0; at < len; v++, skip = 0) {
		size_t n = v->iov_len - skip;

		if (n > len - at)
			n = len - at;
		memcpy(joined + at, (const uint8_t *)v->iov_base + skip, n);
		at += n;
	}
	return joined;
}

/* All but the last record leave when the kernel likes. */
static enum tls_result
write_record(struct tls *t, const uint8_t *p, size_t len, bool last, size_t *n)
{
	int status, error;

	begin();
	t->socket.more = !last;
	status = SSL_write_ex(t->ssl, p, len, n);
	error = errno;
	t->socket.more = false;
	return result_of(t, status, error);
}

enum tls_result
tls_writev(struct tls *t, const struct iovec *v, size_t count, size_t *n)
{
	struct rest r = { .v = v };
	enum tls_result result = TLS_DONE;

	*n = 0;
	if (t->is_broken)
		return TLS_FAILED;
	for (size_t i = 0; i < count; i++)
		r.left += v[i].iov_len;
	while (result == TLS_DONE && r.left > 0) {
		size_t len = r.left < RECORD_MAX ? r.left : RECORD_MAX;
		size_t taken = 0;

		result = write_record(t, rest_joined(&r, len), len,
		    len == r.left, &taken);
		rest_skip(&r, taken);
		*n += taken;
	}
	return result;
}

enum tls_result
tls_shutdown(struct tls *t)
{
	int status;

	if (t->is_broken || !SSL_is_init_finished(t->ssl))
		return TLS_DONE; /* nothing to take leave of */
	begin();
	status = SSL_shutdown(t->ssl);
	if (status >= 0) {
		ERR_clear_error();
		return TLS_DONE;
	}
	return result_of(t, status, errno);
}

bool
tls_pending(const struct tls *t)
{
	return t->may_have_more &&
	    (SSL_has_pending(t->ssl) == 1 || tls_socket_has_input(&t->socket));
}

bool
tls_ran_dry(struct tls *t)
{
	if (!t->socket.dry || tls_pending(t))
		return false;
	t->socket.dry = false;
	return true;
}

/* ---- questions */

const char *
tls_error(const struct tls *t)
{
	return t->error != NULL ? t->error : "";
}

bool
tls_failed_by_eof(const struct tls *t)
{
	return t->failed_by_eof;
}

int
tls_failed_errno(const struct tls *t)
{
	return t->failed_errno;
}

const char *
tls_version(const struct tls *t)
{
	return SSL_get_version(t->ssl);
}

const char *
tls_cipher(const struct tls *t)
{
	return SSL_get_cipher_name(t->ssl);
}

const char *
tls_alpn(const struct tls *t, size_t *len)
{
	const unsigned char *name;
	unsigned n;

	SSL_get0_alpn_selected(t->ssl, &name, &n);
	*len = n;
	return (const char *)name;
}

int
tls_export(struct tls *t, const char *label, const void *context,
    size_t context_len, uint8_t *out, size_t out_len)
{
	int ok;

	ERR_clear_error();
	ok = SSL_is_init_finished(t->ssl) &&
	    SSL_export_keying_material(t->ssl, out, out_len, label,
		strlen(label), context, context_len, context != NULL) == 1;
	ERR_clear_error();
	return ok ? 0 : -1;
}
