/* Digests and base64 by libcrypto. */
#include "config.h"

#include "codec/digest.h"

#include <openssl/evp.h>

static int
digest(const EVP_MD *md, const void *p, size_t len, uint8_t *out)
{
	if (EVP_Digest(p, len, out, NULL, md, NULL) != 1)
		return RK_ERR_RANDOM;
	return RK_OK;
}

int
rk_sha1(const void *p, size_t len, uint8_t out[RK_SHA1_LEN])
{
	return digest(EVP_sha1(), p, len, out);
}

int
rk_sha1_joined(const void *a, size_t a_len, const void *b, size_t b_len,
    uint8_t out[RK_SHA1_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) &&
	    EVP_DigestUpdate(ctx, a, a_len) &&
	    EVP_DigestUpdate(ctx, b, b_len) &&
	    EVP_DigestFinal_ex(ctx, out, NULL);

	EVP_MD_CTX_free(ctx);
	return ok ? RK_OK : RK_ERR_RANDOM;
}

int
rk_sha256(const void *p, size_t len, uint8_t out[RK_SHA256_LEN])
{
	return digest(EVP_sha256(), p, len, out);
}

void
rk_base64(const void *p, size_t len, char *out)
{
	const unsigned char *in = p;
	const size_t piece = 3 << 20; /* lengths are int in libcrypto */

	*out = '\0';
	while (len > 0) {
		size_t n = len < piece ? len : piece;

		out += EVP_EncodeBlock((unsigned char *)out, in, (int)n);
		in += n;
		len -= n;
	}
}
