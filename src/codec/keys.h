/*
 * Ed25519 keys, signatures and their text forms.  A public key is what the
 * protocols call node id, endpoint id or address; a secret key is a type of
 * its own so that one is never taken for the other.
 */
#ifndef RK_KEYS_H
#define RK_KEYS_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_KEY_LEN         32 /* RFC 8032 section 5.1.5 */
#define RK_SEED_LEN        32 /* RFC 8032 section 5.1.5 */
#define RK_SIGNATURE_LEN   64 /* RFC 8032 section 5.1.6 */
#define RK_KEY_HEX_SIZE    65 /* 64 digits and NUL */
#define RK_KEY_BASE32_SIZE 53 /* 52 characters (RFC 4648, no pad) and NUL */
#define RK_KEY_SHORT_SIZE  17 /* base32 of the first 10 bytes and NUL */

struct rk_key {
	uint8_t b[RK_KEY_LEN];
};

struct rk_secret_key {
	uint8_t b[RK_SEED_LEN + RK_KEY_LEN]; /* seed, then public half */
};

/* Start the crypto library, before the rest; again is fine.  RK_ERR_RANDOM. */
RK_API int rk_keys_init(void);

RK_API void rk_secret_key_generate(struct rk_secret_key *sk);
RK_API void rk_secret_key_from_seed(struct rk_secret_key *sk,
    const uint8_t seed[RK_SEED_LEN]);
RK_API void rk_secret_key_public(const struct rk_secret_key *sk,
    struct rk_key *pk);
RK_API void rk_secret_key_wipe(struct rk_secret_key *sk);

RK_API void rk_random(void *buf, size_t len);

/* Plain Ed25519 (RFC 8032, no context, no prehash).  Deterministic. */
RK_API void rk_sign(const struct rk_secret_key *sk, const void *msg, size_t len,
    uint8_t sig[RK_SIGNATURE_LEN]);

/*
 * Strict verification (iroh-v3 section 3.4): S canonical, R and key not of
 * small order, the recomputed R equal byte for byte.  0 or RK_ERR_SIGNATURE.
 */
RK_API int rk_verify(const struct rk_key *pk, const void *msg, size_t len,
    const uint8_t sig[RK_SIGNATURE_LEN]);

/*
 * Plain point decompression as in curve25519-dalek 4.1: non-canonical y,
 * small order and mixed order are all fine.  About half of random strings
 * are points.  Costs some 12 us: ask only where a lookup missed.
 */
RK_API bool rk_key_is_point(const struct rk_key *pk);

/* One of the 14 encodings of iroh-v3 appendix B. */
RK_API bool rk_key_is_small_order(const struct rk_key *pk);

RK_API bool rk_key_equal(const struct rk_key *a, const struct rk_key *b);

RK_API void rk_key_hex(const struct rk_key *pk, char out[RK_KEY_HEX_SIZE]);
RK_API void rk_key_base32(const struct rk_key *pk,
    char out[RK_KEY_BASE32_SIZE]);
RK_API void rk_key_short(const struct rk_key *pk, char out[RK_KEY_SHORT_SIZE]);

/*
 * 64 characters are hex of either case, anything else base32 of either case
 * with zero trailing bits.  0, RK_ERR_TEXT, or RK_ERR_KEY for 32 bytes that
 * are no point.
 */
RK_API int rk_key_parse(const char *text, size_t len, struct rk_key *pk);
/* The same two forms of the 32-byte seed; in constant time. */
RK_API int rk_secret_key_parse(const char *text, size_t len,
    struct rk_secret_key *sk);
RK_API void rk_secret_key_hex(const struct rk_secret_key *sk,
    char out[RK_KEY_HEX_SIZE]);
RK_API void rk_secret_key_base32(const struct rk_secret_key *sk,
    char out[RK_KEY_BASE32_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
