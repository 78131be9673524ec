/*
 * Keys and signatures.  Second opinions: OpenSSL for signatures, big-number
 * arithmetic for points.
 */
#include "config.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

#include "codec/keys.h"
#include "make_keys.h"
#include "support.h"
#include "vectors.h"

static const uint8_t *
signature_of(const char *text)
{
	size_t len;
	const uint8_t *bytes = hex(text, &len);

	ck_assert_uint_eq(len, RK_SIGNATURE_LEN);
	return bytes;
}

/* OpenSSL's verdict: not strict about small orders. */
static bool
openssl_verifies(const struct rk_key *key, const void *msg, size_t len,
    const uint8_t *sig)
{
	EVP_PKEY *pk = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	    key->b, RK_KEY_LEN);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	ck_assert(pk != NULL && ctx != NULL);
	ck_assert_int_eq(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pk), 1);
	ok = EVP_DigestVerify(ctx, sig, RK_SIGNATURE_LEN, msg, len) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pk);
	return ok;
}

/* ---- vectors ---- */

START_TEST(seed_gives_key_signature_and_texts)
{
	const struct key_vector *v = &key_vectors[_i];
	struct rk_secret_key sk = secret_of_seed(v->seed);
	struct rk_key key, want = key_of(v->key);
	uint8_t sig[RK_SIGNATURE_LEN];
	char text[RK_KEY_HEX_SIZE];

	rk_secret_key_public(&sk, &key);
	ck_assert_bytes(key.b, RK_KEY_LEN, want.b, RK_KEY_LEN);
	ck_assert(rk_key_equal(&key, &want));
	rk_sign(&sk, "\x03", 1, sig);
	ck_assert_bytes(sig, sizeof(sig), signature_of(v->signature),
	    RK_SIGNATURE_LEN);
	ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig), RK_OK);

	rk_key_hex(&key, text);
	ck_assert_str_eq(text, v->key);
	rk_key_base32(&key, text);
	ck_assert_str_eq(text, v->base32);
	rk_key_short(&key, text);
	ck_assert_uint_eq(strlen(text), RK_KEY_SHORT_SIZE - 1);
	ck_assert(strncmp(text, v->base32, strlen(text)) == 0);
}
END_TEST

START_TEST(secret_key_text_is_that_of_the_seed)
{
	struct rk_secret_key sk = secret_of_seed(1);
	char text[RK_KEY_HEX_SIZE];

	rk_secret_key_base32(&sk, text);
	ck_assert_str_eq(text,
	    "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq");
	rk_secret_key_hex(&sk, text);
	for (size_t i = 0; i < 64; i++)
		ck_assert_int_eq(text[i], i % 2 == 0 ? '0' : '1');
	ck_assert_int_eq(text[64], '\0');
}
END_TEST

static const struct {
	const char *message;
	const char *signature;
	int result;
} signed_by_a[] = {
	{ "03", SIGNATURE_A, RK_OK },
	{ "02", SIGNATURE_A_VERSION_2, RK_OK },
	{ "04", SIGNATURE_A_VERSION_4, RK_OK },
	{ "03ff", SIGNATURE_A_TRAILING, RK_OK },
	{ "8300", SIGNATURE_A_NON_MINIMAL, RK_OK },
	{ "", SIGNATURE_A_EMPTY, RK_OK },
	{ "03", SIGNATURE_A_S_PLUS_L, RK_ERR_SIGNATURE },
	{ "04", SIGNATURE_A, RK_ERR_SIGNATURE },
	{ "", SIGNATURE_A, RK_ERR_SIGNATURE },
	{ "0300", SIGNATURE_A, RK_ERR_SIGNATURE },
};

START_TEST(vector_is_judged_as_the_specification_says)
{
	struct rk_key key = key_of(KEY_A);
	size_t len;
	const uint8_t *msg = hex(signed_by_a[_i].message, &len);
	const uint8_t *sig = signature_of(signed_by_a[_i].signature);

	ck_assert_int_eq(rk_verify(&key, msg, len, sig),
	    signed_by_a[_i].result);
}
END_TEST

START_TEST(message_of_no_address_can_be_signed)
{
	struct rk_secret_key sk = secret_of_seed(1);
	uint8_t sig[RK_SIGNATURE_LEN];
	struct rk_key key = key_of(KEY_A);

	rk_sign(&sk, NULL, 0, sig);
	ck_assert_bytes(sig, sizeof(sig), signature_of(SIGNATURE_A_EMPTY),
	    RK_SIGNATURE_LEN);
	ck_assert_int_eq(rk_verify(&key, NULL, 0, sig), RK_OK);
}
END_TEST

START_TEST(generated_keys_differ_and_work)
{
	struct rk_secret_key a, b;
	struct rk_key pa, pb;
	uint8_t sig[RK_SIGNATURE_LEN];
	static const uint8_t zeros[sizeof(a)];

	rk_secret_key_generate(&a);
	rk_secret_key_generate(&b);
	rk_secret_key_public(&a, &pa);
	rk_secret_key_public(&b, &pb);
	ck_assert(!rk_key_equal(&pa, &pb));
	rk_sign(&a, "x", 1, sig);
	ck_assert_int_eq(rk_verify(&pa, "x", 1, sig), RK_OK);
	ck_assert_int_eq(rk_verify(&pb, "x", 1, sig), RK_ERR_SIGNATURE);
	rk_secret_key_wipe(&a);
	ck_assert_bytes(&a, sizeof(a), zeros, sizeof(zeros));
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	rk_random(a, sizeof(a));
	rk_random(b, sizeof(b));
	ck_assert(memcmp(a, b, sizeof(a)) != 0);
}
END_TEST

/* ---- OpenSSL as the second opinion ---- */

START_TEST(openssl_signs_the_same_and_takes_ours)
{
	uint64_t seed = 7;

	for (size_t len = 0; len < 200; len += 13) {
		struct rk_secret_key sk = random_secret(&seed);
		uint8_t msg[200], ours[RK_SIGNATURE_LEN], theirs[64];
		size_t n = sizeof(theirs);
		EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519,
		    NULL, sk.b, RK_SEED_LEN);
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		struct rk_key key;

		test_fill(&seed, msg, len);
		ck_assert(pkey != NULL && ctx != NULL);
		ck_assert(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey) == 1);
		ck_assert(EVP_DigestSign(ctx, theirs, &n, msg, len) == 1);
		rk_sign(&sk, msg, len, ours);
		ck_assert_bytes(ours, sizeof(ours), theirs, n);
		rk_secret_key_public(&sk, &key);
		ck_assert(openssl_verifies(&key, msg, len, ours));
		ck_assert_int_eq(rk_verify(&key, msg, len, theirs), RK_OK);
		EVP_MD_CTX_free(ctx);
		EVP_PKEY_free(pkey);
	}
}
END_TEST

/* One bit of signature, key or message changed: both refuse. */
START_TEST(every_altered_bit_is_refused_by_both)
{
	uint64_t seed = 11;
	struct rk_secret_key sk = random_secret(&seed);
	struct {
		uint8_t sig[RK_SIGNATURE_LEN];
		struct rk_key key;
		uint8_t msg[9];
	} v;
	uint8_t *bytes = (uint8_t *)&v;

	ck_assert_uint_eq(sizeof(v), 64 + 32 + 9);
	test_fill(&seed, v.msg, sizeof(v.msg));
	rk_secret_key_public(&sk, &v.key);
	rk_sign(&sk, v.msg, sizeof(v.msg), v.sig);
	for (size_t bit = 0; bit < 8 * sizeof(v); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(rk_verify(&v.key, v.msg, sizeof(v.msg), v.sig),
		    RK_ERR_SIGNATURE);
		ck_assert(
		    !openssl_verifies(&v.key, v.msg, sizeof(v.msg), v.sig));
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(rk_verify(&v.key, v.msg, sizeof(v.msg), v.sig), RK_OK);
}
END_TEST

/* ---- strictness: what satisfies the equation and is refused ---- */

START_TEST(forgery_that_openssl_takes_is_refused)
{
	struct rk_key key = key_of(FORGERY_KEY);
	const uint8_t *sig = signature_of(FORGERY_SIGNATURE);

	ck_assert(openssl_verifies(&key, "\x03", 1, sig));
	ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig), RK_ERR_SIGNATURE);
}
END_TEST

/* h = SHA512(R || A || M) mod l */
static void
challenge(uint8_t h[32], const uint8_t *r, const struct rk_key *a,
    const void *msg, size_t len)
{
	crypto_hash_sha512_state st;
	uint8_t wide[64];

	crypto_hash_sha512_init(&st);
	crypto_hash_sha512_update(&st, r, 32);
	crypto_hash_sha512_update(&st, a->b, 32);
	crypto_hash_sha512_update(&st, msg, len);
	crypto_hash_sha512_final(&st, wide);
	crypto_core_ed25519_scalar_reduce(h, wide);
}

/* The scalar of a secret key, reduced. */
static void
secret_scalar(uint8_t a[32], const struct rk_secret_key *sk)
{
	uint8_t wide[64] = { 0 };

	ck_assert_int_eq(crypto_sign_ed25519_sk_to_curve25519(wide, sk->b), 0);
	crypto_core_ed25519_scalar_reduce(a, wide);
}

/* S = r + h a */
static void
response(uint8_t s[32], const uint8_t *r, const uint8_t *h, const uint8_t *a)
{
	uint8_t product[32];

	crypto_core_ed25519_scalar_mul(product, h, a);
	crypto_core_ed25519_scalar_add(s, product, r);
}

/*
 * With a small-order key A and R = sB the equation sB = R + hA holds
 * whenever h is a multiple of A's order: of 300 tries many do.
 */
START_TEST(small_order_key_is_refused_though_the_equation_holds)
{
	struct rk_key key = key_of(small_order_vectors[_i]);
	unsigned held = 0;

	ck_assert(rk_key_is_small_order(&key));
	ck_assert(rk_key_is_point(&key));
	for (unsigned i = 1; i <= 300; i++) {
		uint8_t sig[RK_SIGNATURE_LEN] = { 0 };

		memcpy(sig + 32, &i, sizeof(i));
		ck_assert_int_eq(crypto_scalarmult_ed25519_base_noclamp(sig,
				     sig + 32),
		    0);
		held += openssl_verifies(&key, "\x03", 1, sig);
		ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig),
		    RK_ERR_SIGNATURE);
	}
	ck_assert_uint_gt(held, 10);
}
END_TEST

START_TEST(only_the_fourteen_are_of_small_order)
{
	uint64_t seed = 3;

	for (int i = 0; i < 100; i++) {
		struct rk_secret_key sk = random_secret(&seed);
		struct rk_key key;

		rk_secret_key_public(&sk, &key);
		ck_assert(!rk_key_is_small_order(&key));
	}
	for (int i = 0; i < N_SMALL_ORDER; i++) {
		struct rk_key key = key_of(small_order_vectors[i]);

		key.b[5] ^= 0x10;
		ck_assert(!rk_key_is_small_order(&key));
	}
}
END_TEST

/* R = the identity, S = h a: sB = R + hA holds. */
START_TEST(small_order_r_is_refused_though_the_equation_holds)
{
	struct rk_secret_key sk = secret_of_seed(1);
	struct rk_key key = key_of(KEY_A);
	uint8_t sig[RK_SIGNATURE_LEN] = { 1 };
	uint8_t a[32], h[32];

	secret_scalar(a, &sk);
	challenge(h, sig, &key, "\x03", 1);
	crypto_core_ed25519_scalar_mul(sig + 32, h, a);
	ck_assert(openssl_verifies(&key, "\x03", 1, sig));
	ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig), RK_ERR_SIGNATURE);
}
END_TEST

/* Any small-order R with any S. */
START_TEST(no_small_order_r_is_taken)
{
	struct rk_key r = key_of(small_order_vectors[_i]), key = key_of(KEY_A);
	uint8_t sig[RK_SIGNATURE_LEN];
	uint64_t seed = 19;

	for (int i = 0; i < 50; i++) {
		memcpy(sig, r.b, 32);
		test_fill(&seed, sig + 32, 32);
		sig[63] &= 0x0f;
		ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig),
		    RK_ERR_SIGNATURE);
	}
}
END_TEST

/* R plus a point of order 8: fine only for a cofactored verifier. */
START_TEST(r_of_mixed_order_is_refused)
{
	struct rk_secret_key sk = secret_of_seed(1);
	struct rk_key key = key_of(KEY_A), t8 = key_of(small_order_vectors[6]);
	uint8_t sig[RK_SIGNATURE_LEN], a[32], h[32], r[32] = { 77 };

	secret_scalar(a, &sk);
	ck_assert_int_eq(crypto_scalarmult_ed25519_base_noclamp(sig, r), 0);
	challenge(h, sig, &key, "\x03", 1);
	response(sig + 32, r, h, a);
	ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig), RK_OK);

	ck_assert_int_eq(crypto_core_ed25519_add(sig, sig, t8.b), 0);
	challenge(h, sig, &key, "\x03", 1);
	response(sig + 32, r, h, a);
	ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig), RK_ERR_SIGNATURE);
}
END_TEST

/*
 * A key with a component of order 8: the equation holds when the challenge
 * is a multiple of 8, and then it is accepted.
 */
START_TEST(mixed_order_key_is_accepted_where_the_equation_holds)
{
	struct rk_secret_key sk = secret_of_seed(1);
	struct rk_key key = key_of(KEY_A), t8 = key_of(small_order_vectors[6]);
	unsigned held = 0;
	uint8_t a[32];

	secret_scalar(a, &sk);
	ck_assert_int_eq(crypto_core_ed25519_add(key.b, key.b, t8.b), 0);
	ck_assert(!crypto_core_ed25519_is_valid_point(key.b));
	ck_assert(rk_key_is_point(&key));
	ck_assert(!rk_key_is_small_order(&key));
	for (unsigned i = 1; i <= 200; i++) {
		uint8_t sig[RK_SIGNATURE_LEN], r[32] = { 0 }, h[32];

		memcpy(r, &i, sizeof(i));
		ck_assert_int_eq(crypto_scalarmult_ed25519_base_noclamp(sig, r),
		    0);
		challenge(h, sig, &key, "\x03", 1);
		response(sig + 32, r, h, a);
		ck_assert_int_eq(rk_verify(&key, "\x03", 1, sig),
		    h[0] % 8 == 0 ? RK_OK : RK_ERR_SIGNATURE);
		ck_assert(
		    openssl_verifies(&key, "\x03", 1, sig) == (h[0] % 8 == 0));
		held += h[0] % 8 == 0;
	}
	ck_assert_uint_gt(held, 5);
}
END_TEST

/* ---- points ---- */

/* Is (y^2 - 1) / (d y^2 + 1) a square modulo p?  Euler's criterion. */
static bool
is_point_by_arithmetic(const struct rk_key *key)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *p = BN_new(), *y = BN_new(), *d = NULL, *u = BN_new(),
	       *v = BN_new(), *e = BN_new();
	struct rk_key low = *key;
	bool square;

	ck_assert(ctx && p && y && u && v && e);
	low.b[31] &= 0x7f;
	BN_lebin2bn(low.b, RK_KEY_LEN, y);
	BN_set_bit(p, 255);
	BN_sub_word(p, 19);
	/* RFC 8032 section 5.1 */
	BN_hex2bn(&d,
	    "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3");
	BN_mod_sqr(u, y, p, ctx);
	BN_mod_mul(v, u, d, p, ctx);
	BN_add_word(v, 1);
	BN_sub_word(u, 1);
	BN_nnmod(u, u, p, ctx);
	/* u/v is a square where u*v is. */
	BN_mod_mul(u, u, v, p, ctx);
	BN_rshift1(e, p);
	BN_mod_exp(v, u, e, p, ctx);
	square = BN_is_zero(v) || BN_is_one(v);
	BN_free(p);
	BN_free(y);
	BN_free(d);
	BN_free(u);
	BN_free(v);
	BN_free(e);
	BN_CTX_free(ctx);
	return square;
}

START_TEST(repeated_byte_is_a_point_or_not)
{
	static const struct {
		uint8_t byte;
		bool point;
	} rows[] = { { 0x00, true }, { 0x01, true }, { 0xaa, true },
		{ 0xff, true }, { 0x02, false }, { 0x41, false },
		{ 0x42, false } };
	struct rk_key key;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(key.b, rows[i].byte, RK_KEY_LEN);
		ck_assert(rk_key_is_point(&key) == rows[i].point);
		ck_assert(is_point_by_arithmetic(&key) == rows[i].point);
	}
	memset(&key, 0, sizeof(key));
	key.b[0] = 2;
	ck_assert(!rk_key_is_point(&key));
}
END_TEST

START_TEST(non_canonical_y_is_reduced_first)
{
	unsigned points = 0;

	/* p .. p + 18, with and without the sign bit */
	for (unsigned k = 0; k <= 18; k++) {
		struct rk_key key, canonical = { { (uint8_t)k } };

		memset(key.b, 0xff, RK_KEY_LEN);
		key.b[0] = (uint8_t)(0xed + k);
		for (int sign = 0; sign < 2; sign++) {
			key.b[31] = sign ? 0xff : 0x7f;
			ck_assert(rk_key_is_point(&key) ==
			    rk_key_is_point(&canonical));
			ck_assert(rk_key_is_point(&key) ==
			    is_point_by_arithmetic(&key));
		}
		points += k >= 3 && rk_key_is_point(&key);
	}
	ck_assert_uint_ge(points, 4);
}
END_TEST

START_TEST(random_strings_are_points_where_arithmetic_says_so)
{
	uint64_t seed = 23;
	unsigned points = 0;

	for (int i = 0; i < 1000; i++) {
		struct rk_key key;
		bool point;

		test_fill(&seed, key.b, RK_KEY_LEN);
		point = rk_key_is_point(&key);
		ck_assert(point == is_point_by_arithmetic(&key));
		points += point;
	}
	ck_assert_uint_gt(points, 400);
	ck_assert_uint_lt(points, 600);
}
END_TEST

START_TEST(starting_twice_is_fine)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	ck_assert_int_eq(rk_keys_init(), RK_OK);
}
END_TEST

static TCase *
strict_case(void)
{
	TCase *t = tcase_create("strict");

	tcase_add_test(t, forgery_that_openssl_takes_is_refused);
	tcase_add_rows(t, small_order_key_is_refused_though_the_equation_holds,
	    small_order_vectors);
	tcase_add_test(t, only_the_fourteen_are_of_small_order);
	tcase_add_test(t, small_order_r_is_refused_though_the_equation_holds);
	tcase_add_rows(t, no_small_order_r_is_taken, small_order_vectors);
	tcase_add_test(t, r_of_mixed_order_is_refused);
	tcase_add_test(t, mixed_order_key_is_accepted_where_the_equation_holds);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("keys");
	TCase *t = tcase_create("vectors");

	if (rk_keys_init() != RK_OK)
		return 1;
	tcase_add_rows(t, seed_gives_key_signature_and_texts, key_vectors);
	tcase_add_test(t, secret_key_text_is_that_of_the_seed);
	tcase_add_rows(t, vector_is_judged_as_the_specification_says,
	    signed_by_a);
	tcase_add_test(t, message_of_no_address_can_be_signed);
	tcase_add_test(t, generated_keys_differ_and_work);
	tcase_add_test(t, random_bytes_differ);
	tcase_add_test(t, starting_twice_is_fine);
	suite_add_tcase(s, t);

	t = tcase_create("oracle");
	tcase_add_test(t, openssl_signs_the_same_and_takes_ours);
	tcase_add_test(t, every_altered_bit_is_refused_by_both);
	suite_add_tcase(s, t);

	t = tcase_create("points");
	tcase_add_test(t, repeated_byte_is_a_point_or_not);
	tcase_add_test(t, non_canonical_y_is_reduced_first);
	tcase_add_test(t, random_strings_are_points_where_arithmetic_says_so);
	suite_add_tcase(s, t);
	suite_add_tcase(s, strict_case());
	return run_suite(s);
}
