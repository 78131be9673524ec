/* Digests and base64; the only module of the codec that uses libcrypto. */
#ifndef RK_DIGEST_H
#define RK_DIGEST_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_SHA1_LEN       20
#define RK_SHA256_LEN     32
#define RK_BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1) /* with padding and NUL */

/* 0, or RK_ERR_RANDOM where libcrypto refuses. */
RK_API int rk_sha1(const void *p, size_t len, uint8_t out[RK_SHA1_LEN]);
/* Of |a| and |b| behind each other. */
RK_API int rk_sha1_joined(const void *a, size_t a_len, const void *b,
    size_t b_len, uint8_t out[RK_SHA1_LEN]);
RK_API int rk_sha256(const void *p, size_t len, uint8_t out[RK_SHA256_LEN]);

/* |out| has room for RK_BASE64_SIZE(len) bytes. */
RK_API void rk_base64(const void *p, size_t len, char *out);

#ifdef __cplusplus
}
#endif
#endif
