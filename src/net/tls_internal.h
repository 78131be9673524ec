/* What tls.c and tls_ctx.c share; nobody else includes it. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

struct tls_ctx {
	SSL_CTX *ssl_ctx;
	unsigned refs;
	bool is_server;
	bool insecure;
};

/* Take the oldest error out of OpenSSL's queue as one line, and clear it. */
void tls_take_error(char *out, size_t size);
/* A server's context with these, which stay the caller's. */
struct tls_ctx *tls_server_ctx_new_of(X509 *x, EVP_PKEY *key, char *err,
    size_t err_size);
/* A line of the key log to whoever looks on. */
void tls_tell_secret(const SSL *ssl, const char *line);

#endif
