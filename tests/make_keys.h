/* Keys of which a test knows how they came about. */
#ifndef TESTS_MAKE_KEYS_H
#define TESTS_MAKE_KEYS_H

#include <string.h>

#include "codec/keys.h"
#include "support.h"

/* From hex. */
static inline struct rk_key
key_of(const char *text)
{
	struct rk_key key;
	size_t len;
	const uint8_t *bytes = hex(text, &len);

	ck_assert_uint_eq(len, RK_KEY_LEN);
	memcpy(key.b, bytes, RK_KEY_LEN);
	return key;
}

/* Its seed is |byte| 32 times. */
static inline struct rk_secret_key
secret_of_seed(uint8_t byte)
{
	struct rk_secret_key sk;
	uint8_t seed[RK_SEED_LEN];

	memset(seed, byte, sizeof(seed));
	rk_secret_key_from_seed(&sk, seed);
	return sk;
}

/* The next of a row that begins with *state. */
static inline struct rk_secret_key
random_secret(uint64_t *state)
{
	struct rk_secret_key sk;
	uint8_t seed[RK_SEED_LEN];

	test_fill(state, seed, sizeof(seed));
	rk_secret_key_from_seed(&sk, seed);
	return sk;
}

#endif
