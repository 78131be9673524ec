/* Ed25519 by libsodium, and the text forms of keys. */
#include "config.h"

#include "codec/keys.h"

#include <sodium.h>
#include <string.h>

int
rk_keys_init(void)
{
	return sodium_init() >= 0 ? RK_OK : RK_ERR_RANDOM;
}

void
rk_secret_key_generate(struct rk_secret_key *sk)
{
	struct rk_key pk;

	crypto_sign_keypair(pk.b, sk->b);
}

void
rk_secret_key_from_seed(struct rk_secret_key *sk,
    const uint8_t seed[RK_SEED_LEN])
{
	struct rk_key pk;

	crypto_sign_seed_keypair(pk.b, sk->b, seed);
}

void
rk_secret_key_public(const struct rk_secret_key *sk, struct rk_key *pk)
{
	memcpy(pk->b, sk->b + RK_SEED_LEN, RK_KEY_LEN);
}

void
rk_secret_key_wipe(struct rk_secret_key *sk)
{
	sodium_memzero(sk, sizeof(*sk));
}

void
rk_random(void *buf, size_t len)
{
	randombytes_buf(buf, len);
}

void
rk_sign(const struct rk_secret_key *sk, const void *msg, size_t len,
    uint8_t sig[RK_SIGNATURE_LEN])
{
	crypto_sign_detached(sig, NULL, msg, len, sk->b);
}

/*
 * libsodium applies the same rules as the strict verification of the
 * reference: canonical S, no small order of key or R, R equal byte for byte.
 * It also refuses keys with a non-canonical y, which nobody can sign for.
 */
int
rk_verify(const struct rk_key *pk, const void *msg, size_t len,
    const uint8_t sig[RK_SIGNATURE_LEN])
{
	if (crypto_sign_verify_detached(sig, msg, len, pk->b) != 0)
		return RK_ERR_SIGNATURE;
	return RK_OK;
}

/*
 * crypto_core_ed25519_is_valid_point() also wants a canonical encoding and
 * the main subgroup; adding the identity only decompresses.
 */
bool
rk_key_is_point(const struct rk_key *pk)
{
	static const uint8_t identity[RK_KEY_LEN] = { 1 };
	uint8_t sum[RK_KEY_LEN];

	return crypto_core_ed25519_add(sum, pk->b, identity) == 0;
}

/* iroh-v3 appendix B; the sign bit may be set or not. */
static const uint8_t small_order[][RK_KEY_LEN] = {
	{ 0x00 },
	{ 0x01 },
	{ 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
	    0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
	    0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
	{ 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
	    0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
	    0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
	{ 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

bool
rk_key_is_small_order(const struct rk_key *pk)
{
	struct rk_key y = *pk;

	y.b[RK_KEY_LEN - 1] &= 0x7f;
	for (size_t i = 0; i < sizeof(small_order) / sizeof(small_order[0]);
	     i++)
		if (memcmp(y.b, small_order[i], RK_KEY_LEN) == 0)
			return true;
	return false;
}

bool
rk_key_equal(const struct rk_key *a, const struct rk_key *b)
{
	return memcmp(a->b, b->b, RK_KEY_LEN) == 0;
}

/* ---- text; no branch and no look-up depends on the bytes of a key ---- */

#define HEX_LEN    (2 * RK_KEY_LEN)
#define BASE32_LEN (RK_KEY_BASE32_SIZE - 1)

/* |yes| where low <= v <= high, else 0; all below 256. */
static unsigned
pick(unsigned v, unsigned low, unsigned high, unsigned yes)
{
	unsigned outside = ((v - low) | (high - v)) >> 8;

	return yes & ((outside & 1) - 1);
}

static char
base32_char(unsigned v)
{
	return (char)(pick(v, 0, 25, 'a' + v) | pick(v, 26, 31, '2' + v - 26));
}

/* 5 bits, or 0x80 for what is not of the alphabet. */
static unsigned
base32_value(unsigned char c)
{
	unsigned v = pick(c, 'a', 'z', c - 'a' + 1) |
	    pick(c, 'A', 'Z', c - 'A' + 1) | pick(c, '2', '7', c - '2' + 27);

	return (v - 1) & 0x9f;
}

static void
base32_encode(const uint8_t *in, size_t len, char *out)
{
	unsigned bits = 0, held = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | in[i];
		for (held += 8; held >= 5; held -= 5)
			*out++ = base32_char(bits >> (held - 5) & 0x1f);
	}
	if (held > 0)
		*out++ = base32_char(bits << (5 - held) & 0x1f);
	*out = '\0';
}

static int
base32_decode(const char *text, uint8_t out[RK_KEY_LEN])
{
	unsigned bits = 0, held = 0, bad = 0;
	size_t n = 0;

	for (size_t i = 0; i < BASE32_LEN; i++) {
		unsigned v = base32_value((unsigned char)text[i]);

		bad |= v & 0x80;
		bits = bits << 5 | (v & 0x1f);
		held += 5;
		if (held >= 8) {
			held -= 8;
			out[n++] = (uint8_t)(bits >> held);
		}
	}
	bad |= bits & ((1u << held) - 1); /* trailing bits */
	return bad == 0 ? RK_OK : RK_ERR_TEXT;
}

static int
parse(const char *text, size_t len, uint8_t out[RK_KEY_LEN])
{
	size_t n = 0;

	if (len == HEX_LEN) {
		if (sodium_hex2bin(out, RK_KEY_LEN, text, len, NULL, &n,
			NULL) != 0 ||
		    n != RK_KEY_LEN)
			return RK_ERR_TEXT;
		return RK_OK;
	}
	return len == BASE32_LEN ? base32_decode(text, out) : RK_ERR_TEXT;
}

void
rk_key_hex(const struct rk_key *pk, char out[RK_KEY_HEX_SIZE])
{
	sodium_bin2hex(out, RK_KEY_HEX_SIZE, pk->b, RK_KEY_LEN);
}

void
rk_key_base32(const struct rk_key *pk, char out[RK_KEY_BASE32_SIZE])
{
	base32_encode(pk->b, RK_KEY_LEN, out);
}

void
rk_key_short(const struct rk_key *pk, char out[RK_KEY_SHORT_SIZE])
{
	base32_encode(pk->b, 10, out);
}

int
rk_key_parse(const char *text, size_t len, struct rk_key *pk)
{
	struct rk_key key;
	int err = parse(text, len, key.b);

	if (err == RK_OK && !rk_key_is_point(&key))
		err = RK_ERR_KEY;
	if (err == RK_OK)
		*pk = key;
	return err;
}

int
rk_secret_key_parse(const char *text, size_t len, struct rk_secret_key *sk)
{
	uint8_t seed[RK_SEED_LEN];
	int err = parse(text, len, seed);

	if (err == RK_OK)
		rk_secret_key_from_seed(sk, seed);
	sodium_memzero(seed, sizeof(seed));
	return err;
}

void
rk_secret_key_hex(const struct rk_secret_key *sk, char out[RK_KEY_HEX_SIZE])
{
	sodium_bin2hex(out, RK_KEY_HEX_SIZE, sk->b, RK_SEED_LEN);
}

void
rk_secret_key_base32(const struct rk_secret_key *sk,
    char out[RK_KEY_BASE32_SIZE])
{
	base32_encode(sk->b, RK_SEED_LEN, out);
}
