/*
 * What protects TLS records: the AEAD suites of TLS 1.2 and 1.3, the keys
 * that come out of a secret, and opening one record with them.
 */
#ifndef CAPTURE_TLS_CIPHER_H
#define CAPTURE_TLS_CIPHER_H

#include "capture/tls_keylog.h"
#include "capture/tls_records.h"

#define TLS_VERSION_12 0x0303
#define TLS_VERSION_13 0x0304

enum tls_aead {
	TLS_AES_128_GCM,
	TLS_AES_256_GCM,
	TLS_CHACHA20_POLY1305
};

struct tls_suite {
	uint16_t id;
	uint16_t version; /* the only one it belongs to */
	enum tls_aead aead;
	bool sha384;      /* else SHA-256 */
	const char *name; /* OpenSSL's */
};

/* NULL: it is none that can be decrypted. */
const struct tls_suite *tls_suite_by_id(uint16_t id);
/* Bytes that a record is longer than what it carries, without its type and
 * padding in TLS 1.3. */
size_t tls_suite_overhead(const struct tls_suite *s);

/* HKDF-Expand-Label without a context (RFC 8446, 7.1).  False: |secret| is
 * not of the suite's hash, or libcrypto failed. */
bool tls_expand_label(const struct tls_suite *s,
    const struct tls_secret *secret, const char *label, uint8_t *out,
    size_t len);
/* The secret behind a KeyUpdate. */
bool tls_secret_next(const struct tls_suite *s, struct tls_secret *secret);

struct tls_key;

/* NULL: the secret does not fit the suite. */
struct tls_key *tls_key_13(const struct tls_suite *s,
    const struct tls_secret *secret);
/* From the master secret, for what the client or the server writes. */
struct tls_key *tls_key_12(const struct tls_suite *s,
    const struct tls_secret *master,
    const uint8_t client_random[TLS_RANDOM_LEN],
    const uint8_t server_random[TLS_RANDOM_LEN], bool client);
void tls_key_free(struct tls_key *k);

/* Open |r| as record |seq|: *len bytes into |out|, which has room for
 * r->len.  False: it is none, or its bytes were changed. */
bool tls_key_open(struct tls_key *k, uint64_t seq, const struct tls_record *r,
    uint8_t *out, size_t *len);

#endif
