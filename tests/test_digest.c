/* Digests and base64: published vectors, and sizes around the pieces in
 * which base64 is handed to libcrypto. */
#include "config.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "codec/digest.h"
#include "support.h"

static const struct {
	const char *text;
	const char *sha1; /* FIPS 180-4 examples */
	const char *sha256;
} digests[] = {
	{ "", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85"
	    "5" },
	{ "abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a"
	    "d" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c"
	    "1" },
};

START_TEST(digest_is_as_published)
{
	const char *text = digests[_i].text;
	uint8_t sha1[RK_SHA1_LEN], sha256[RK_SHA256_LEN];
	size_t len;
	const uint8_t *want;

	ck_assert_int_eq(rk_sha1(text, strlen(text), sha1), RK_OK);
	want = hex(digests[_i].sha1, &len);
	ck_assert_bytes(sha1, sizeof(sha1), want, len);
	ck_assert_int_eq(rk_sha256(text, strlen(text), sha256), RK_OK);
	want = hex(digests[_i].sha256, &len);
	ck_assert_bytes(sha256, sizeof(sha256), want, len);
}
END_TEST

START_TEST(digest_of_no_address_is_that_of_the_empty_text)
{
	uint8_t sha1[RK_SHA1_LEN];
	size_t len;
	const uint8_t *want = hex(digests[0].sha1, &len);

	ck_assert_int_eq(rk_sha1(NULL, 0, sha1), RK_OK);
	ck_assert_bytes(sha1, sizeof(sha1), want, len);
}
END_TEST

START_TEST(digest_of_two_parts_is_that_of_the_whole)
{
	const char *text = digests[2].text;
	size_t whole = strlen(text), len;
	const uint8_t *want = hex(digests[2].sha1, &len);
	uint8_t sha1[RK_SHA1_LEN];

	for (size_t n = 0; n <= whole; n++) {
		ck_assert_int_eq(rk_sha1_joined(text, n, text + n, whole - n,
				     sha1),
		    RK_OK);
		ck_assert_bytes(sha1, sizeof(sha1), want, len);
	}
}
END_TEST

/* RFC 4648 section 10. */
static const char *const base64[][2] = {
	{ "", "" },
	{ "f", "Zg==" },
	{ "fo", "Zm8=" },
	{ "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" },
	{ "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

START_TEST(base64_is_as_published)
{
	char out[RK_BASE64_SIZE(6)];

	rk_base64(base64[_i][0], strlen(base64[_i][0]), out);
	ck_assert_str_eq(out, base64[_i][1]);
	ck_assert_uint_le(strlen(out) + 1,
	    RK_BASE64_SIZE(strlen(base64[_i][0])));
}
END_TEST

START_TEST(base64_of_megabytes_decodes_to_the_same)
{
	static const size_t around = 3u << 20;
	uint64_t seed = 5;

	for (size_t len = around - 1; len <= around + 2; len++) {
		uint8_t *in = malloc(len), *back = malloc(len + 3);
		char *text = malloc(RK_BASE64_SIZE(len));
		int n;

		ck_assert(in != NULL && back != NULL && text != NULL);
		test_fill(&seed, in, len);
		rk_base64(in, len, text);
		ck_assert_uint_eq(strlen(text), RK_BASE64_SIZE(len) - 1);
		n = EVP_DecodeBlock(back, (unsigned char *)text,
		    (int)strlen(text));
		ck_assert_int_ge(n, (int)len);
		ck_assert(memcmp(in, back, len) == 0);
		free(in);
		free(back);
		free(text);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("digest");
	TCase *t = tcase_create("digest");

	tcase_add_rows(t, digest_is_as_published, digests);
	tcase_add_test(t, digest_of_no_address_is_that_of_the_empty_text);
	tcase_add_test(t, digest_of_two_parts_is_that_of_the_whole);
	tcase_add_rows(t, base64_is_as_published, base64);
	tcase_add_test(t, base64_of_megabytes_decodes_to_the_same);
	suite_add_tcase(s, t);
	return run_suite(s);
}
