/* More lenient verifiers of Ed25519, for the faults of the login. */
#include "config.h"

#include "relayd/fault_verifier.h"

#include <sodium.h>
#include <string.h>

#define HALF (RK_SIGNATURE_LEN / 2)

bool
reduce_scalar(uint8_t s[HALF])
{
	uint8_t wide[crypto_core_ed25519_NONREDUCEDSCALARBYTES] = { 0 };
	uint8_t low[crypto_core_ed25519_SCALARBYTES];

	memcpy(wide, s, HALF);
	crypto_core_ed25519_scalar_reduce(low, wide);
	if (memcmp(low, s, HALF) == 0)
		return false;
	memcpy(s, low, HALF);
	return true;
}

/* SHA-512 of R, key and message, reduced (RFC 8032 section 5.1.7). */
static void
challenge(uint8_t h[HALF], const uint8_t *r, const struct rk_key *pk,
    const void *msg, size_t len)
{
	crypto_hash_sha512_state state;
	uint8_t wide[crypto_hash_sha512_BYTES];

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, r, HALF);
	crypto_hash_sha512_update(&state, pk->b, sizeof(pk->b));
	crypto_hash_sha512_update(&state, msg, len);
	crypto_hash_sha512_final(&state, wide);
	crypto_core_ed25519_scalar_reduce(h, wide);
}

/* 8p, which is in the group of prime order; false if p is no point. */
static bool
eightfold(uint8_t out[HALF], const uint8_t p[HALF])
{
	memcpy(out, p, HALF);
	for (int i = 0; i < 3; i++)
		if (crypto_core_ed25519_add(out, out, out) != 0)
			return false;
	return true;
}

bool
verifies_by_cofactor(const struct rk_key *pk, const void *msg, size_t len,
    const uint8_t sig[RK_SIGNATURE_LEN])
{
	static const uint8_t eight[HALF] = { 8 };
	uint8_t s[HALF], h[HALF], left[HALF], key[HALF], right[HALF];

	memcpy(s, sig + HALF, HALF);
	if (reduce_scalar(s))
		return false;
	crypto_core_ed25519_scalar_mul(s, s, eight);
	challenge(h, sig, pk, msg, len);
	/* 8sB = 8R + h(8A); neither multiplication takes or gives nothing. */
	return crypto_scalarmult_ed25519_base_noclamp(left, s) == 0 &&
	    eightfold(key, pk->b) &&
	    crypto_scalarmult_ed25519_noclamp(key, h, key) == 0 &&
	    eightfold(right, sig) &&
	    crypto_core_ed25519_add(right, right, key) == 0 &&
	    memcmp(left, right, HALF) == 0;
}
