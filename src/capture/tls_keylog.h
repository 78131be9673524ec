/*
 * TLS secrets by client random, from key logs in NSS's format: a file, which
 * may still be growing, or the secrets blocks of a pcapng.
 *
 *     LABEL <client random, hex> <secret, hex>
 */
#ifndef CAPTURE_TLS_KEYLOG_H
#define CAPTURE_TLS_KEYLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_RANDOM_LEN 32
#define TLS_SECRET_MAX 48 /* a master secret, or a hash of SHA-384 */

enum tls_label {
	TLS_MASTER, /* CLIENT_RANDOM: the master secret of TLS 1.2 */
	TLS_CLIENT_HANDSHAKE,
	TLS_SERVER_HANDSHAKE,
	TLS_CLIENT_TRAFFIC,
	TLS_SERVER_TRAFFIC,
	TLS_NLABELS
};

struct tls_secret {
	uint8_t len; /* 0: there is none */
	uint8_t b[TLS_SECRET_MAX];
};

/* As key logs write it. */
const char *tls_label_name(enum tls_label label);
void tls_secret_wipe(struct tls_secret *s);

struct tls_keylog;

/* |remark| is told what is odd: a line that cannot be read, another secret
 * for what has one already (the first one stays). */
struct tls_keylog *tls_keylog_new(void (*remark)(void *arg, const char *text),
    void *arg);
/* Wipes what it knows. */
void tls_keylog_free(struct tls_keylog *k);

/* Read a file to its end; once only.  0, or -1 with a line in |err|. */
int tls_keylog_open(struct tls_keylog *k, const char *path, char *err,
    size_t err_size);
/* Whole lines of a secrets block. */
void tls_keylog_block(struct tls_keylog *k, const void *p, size_t len);
/* Read what was appended to the file since. */
void tls_keylog_refresh(struct tls_keylog *k);
/* The file may grow. */
bool tls_keylog_may_grow(const struct tls_keylog *k);

/* A file or a block was given at all. */
bool tls_keylog_given(const struct tls_keylog *k);
/* How many secrets were taken so far; it only grows. */
uint64_t tls_keylog_count(const struct tls_keylog *k);
/* There is something of this client random. */
bool tls_keylog_has(const struct tls_keylog *k,
    const uint8_t random[TLS_RANDOM_LEN]);
/* NULL: none.  To be copied at once. */
const struct tls_secret *tls_keylog_find(const struct tls_keylog *k,
    enum tls_label label, const uint8_t random[TLS_RANDOM_LEN]);

#endif
