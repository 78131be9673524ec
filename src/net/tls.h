/*
 * TLS contexts and the five-result wrapper around OpenSSL.  No libssl type
 * leaks out, and no error queue is left behind.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tap;
struct tls_ctx;
struct tls;

enum tls_result {
	TLS_DONE,        /* progress was made */
	TLS_AGAIN_READ,  /* wait until the socket is readable */
	TLS_AGAIN_WRITE, /* wait until it is writable */
	TLS_CLOSED,      /* close_notify of the peer */
	TLS_FAILED       /* see tls_error(), tls_eof(), tls_errno() */
};

struct tls_client_config {
	const char *cafile; /* NULL: the system's roots */
	bool insecure;      /* do not verify */
	const char *keylog; /* append NSS key log lines; NULL: none */
	int min_version;    /* 0, or 12, 13 for TLS 1.2, 1.3 */
	int max_version;
	const char *alpn; /* "http/1.1", comma-separated; NULL: none */
};

/* NULL with a one-line reason in |err|. */
struct tls_ctx *tls_client_ctx_new(const struct tls_client_config *c, char *err,
    size_t err_size);
/*
 * PEM chain and key; a key file that "others" can read is refused.
 * |key_file| NULL: the key is in the certificate's file.  http/1.1 is
 * selected where the client offers it; otherwise there is no ALPN.
 */
struct tls_ctx *tls_server_ctx_new(const char *cert_file, const char *key_file,
    const char *keylog, char *err, size_t err_size);
/* One owner more, for another thread; each frees it. */
struct tls_ctx *tls_ctx_ref(struct tls_ctx *ctx);
/*
 * With a certificate that is made on the spot for |names|
 * ("DNS:localhost,IP:127.0.0.1") and trusted by nobody, unless |save_as| (a
 * new file; NULL: none) is given to clients.
 */
struct tls_ctx *tls_server_ctx_new_self_signed(const char *names,
    const char *save_as, char *err, size_t err_size);
/* NULL is fine; sessions of the context go on. */
void tls_ctx_free(struct tls_ctx *ctx);
bool tls_ctx_is_server(const struct tls_ctx *ctx);

/* A session over |fd| (not owned).  |sni| is also the name to verify (a
 * final dot is removed; an address is verified as one and not sent).  NULL
 * without memory, or where |sni| cannot be a name. */
struct tls *tls_client_new(struct tls_ctx *ctx, int fd, const char *sni);
struct tls *tls_server_new(struct tls_ctx *ctx, int fd);
/*
 * Of a server: |fn| is told the name that the client asks for (NULL: it asks
 * for none) as soon as its hello has been read, whether it goes on or not; so
 * it is called in the midst of tls_handshake(), and may do nothing to the
 * session.
 */
void tls_on_hello(struct tls *t, void (*fn)(void *arg, const char *name),
    void *arg);
void tls_free(struct tls *t);
/* Show records and secrets to whoever |tap| (borrowed) names at the time. */
void tls_set_tap(struct tls *t, const struct tap *tap);

enum tls_result tls_handshake(struct tls *t);
/* *n bytes were read where the result is TLS_DONE. */
enum tls_result tls_read(struct tls *t, void *buf, size_t len, size_t *n);
/*
 * Write |count| pieces in as few records as can be.  *n bytes were taken, all
 * of them where the result is TLS_DONE.  Otherwise whoever is told to wait
 * comes back with the same bytes behind those, and perhaps with more, from
 * where he likes.
 */
enum tls_result tls_writev(struct tls *t, const struct iovec *v, size_t count,
    size_t *n);
/* Send close_notify; does not wait for the peer's. */
enum tls_result tls_shutdown(struct tls *t);
/* Decrypted bytes wait inside: read them before waiting for the socket. */
bool tls_pending(const struct tls *t);
/* The last tls_read() brought all that the socket had: another would find
 * nothing.  Said once; who hears it waits for the socket. */
bool tls_ran_dry(struct tls *t);

/* After TLS_FAILED: one line for people ("certificate has expired"). */
const char *tls_error(const struct tls *t);
/* … it was the end of the socket without close_notify. */
bool tls_failed_by_eof(const struct tls *t);
/* … errno of the socket (ECONNRESET), 0 if it was TLS itself. */
int tls_failed_errno(const struct tls *t);

const char *tls_version(const struct tls *t); /* "TLSv1.3" */
const char *tls_cipher(const struct tls *t);
const char *tls_alpn(const struct tls *t, size_t *len); /* may be NULL */
/* RFC 5705 / RFC 8446 7.5; 0, or -1 (no session yet). */
int tls_export(struct tls *t, const char *label, const void *context,
    size_t context_len, uint8_t *out, size_t out_len);

#endif
