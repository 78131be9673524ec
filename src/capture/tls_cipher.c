/* Key schedules and AEAD, by libcrypto. */
#include "config.h"

#include "capture/tls_cipher.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/xalloc.h"
#include "codec/cursor.h"

#define TAG_LEN      16
#define NONCE_LEN    12
#define EXPLICIT_LEN 8 /* of the nonce, in TLS 1.2's records with GCM */
#define KEY_MAX      32

/* https://www.iana.org/assignments/tls-parameters: those of RFC 8446,
 * RFC 5288, RFC 5289 and RFC 7905.  Where the master secret is known, how it
 * was agreed on does not matter. */
static const struct tls_suite suites[] = {
	{ 0x1301, TLS_VERSION_13, TLS_AES_128_GCM, false,
	    "TLS_AES_128_GCM_SHA256" },
	{ 0x1302, TLS_VERSION_13, TLS_AES_256_GCM, true,
	    "TLS_AES_256_GCM_SHA384" },
	{ 0x1303, TLS_VERSION_13, TLS_CHACHA20_POLY1305, false,
	    "TLS_CHACHA20_POLY1305_SHA256" },
	{ 0xc02b, TLS_VERSION_12, TLS_AES_128_GCM, false,
	    "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ 0xc02c, TLS_VERSION_12, TLS_AES_256_GCM, true,
	    "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ 0xc02f, TLS_VERSION_12, TLS_AES_128_GCM, false,
	    "ECDHE-RSA-AES128-GCM-SHA256" },
	{ 0xc030, TLS_VERSION_12, TLS_AES_256_GCM, true,
	    "ECDHE-RSA-AES256-GCM-SHA384" },
	{ 0xcca8, TLS_VERSION_12, TLS_CHACHA20_POLY1305, false,
	    "ECDHE-RSA-CHACHA20-POLY1305" },
	{ 0xcca9, TLS_VERSION_12, TLS_CHACHA20_POLY1305, false,
	    "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ 0xccaa, TLS_VERSION_12, TLS_CHACHA20_POLY1305, false,
	    "DHE-RSA-CHACHA20-POLY1305" },
	{ 0x009c, TLS_VERSION_12, TLS_AES_128_GCM, false, "AES128-GCM-SHA256" },
	{ 0x009d, TLS_VERSION_12, TLS_AES_256_GCM, true, "AES256-GCM-SHA384" },
	{ 0x009e, TLS_VERSION_12, TLS_AES_128_GCM, false,
	    "DHE-RSA-AES128-GCM-SHA256" },
	{ 0x009f, TLS_VERSION_12, TLS_AES_256_GCM, true,
	    "DHE-RSA-AES256-GCM-SHA384" },
};

struct tls_key {
	EVP_CIPHER_CTX *ctx;
	uint8_t iv[NONCE_LEN];
	bool tls13;
	bool explicit_nonce; /* its last eight bytes are in the record */
};

const struct tls_suite *
tls_suite_by_id(uint16_t id)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

static bool
has_explicit_nonce(const struct tls_suite *s)
{
	return s->version == TLS_VERSION_12 && s->aead != TLS_CHACHA20_POLY1305;
}

size_t
tls_suite_overhead(const struct tls_suite *s)
{
	return TAG_LEN + (has_explicit_nonce(s) ? EXPLICIT_LEN : 0);
}

static size_t
key_len(const struct tls_suite *s)
{
	return s->aead == TLS_AES_128_GCM ? 16 : 32;
}

/* ---- deriving ---- */

static bool
derive(const char *kdf_name, const OSSL_PARAM *params, uint8_t *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, kdf_name, NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool ok = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) == 1;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

/* libcrypto wants to be able to write where it only reads. */
static OSSL_PARAM
octets(const char *name, const void *p, size_t len)
{
	union {
		const void *in;
		void *out;
	} u = { .in = p };

	return OSSL_PARAM_construct_octet_string(name, u.out, len);
}

static OSSL_PARAM
digest_of(const struct tls_suite *s)
{
	static char sha256[] = "SHA256", sha384[] = "SHA384";

	return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    s->sha384 ? sha384 : sha256, 0);
}

/* length u16 | u8 and "tls13 " label | u8 and context */
bool
tls_expand_label(const struct tls_suite *s, const struct tls_secret *secret,
    const char *label, uint8_t *out, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	uint8_t info[64];
	struct rk_writer w;
	OSSL_PARAM params[5];

	if (secret->len != (s->sha384 ? 48 : 32))
		return false;
	rk_writer_init(&w, info, sizeof(info));
	rk_write_u16be(&w, (uint16_t)len);
	rk_write_u8(&w, (uint8_t)(strlen("tls13 ") + strlen(label)));
	rk_write_text(&w, "tls13 ");
	rk_write_text(&w, label);
	rk_write_u8(&w, 0);
	params[0] = digest_of(s);
	params[1] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
	params[2] = octets(OSSL_KDF_PARAM_KEY, secret->b, secret->len);
	params[3] = octets(OSSL_KDF_PARAM_INFO, info, w.len);
	params[4] = OSSL_PARAM_construct_end();
	return !w.bad && derive("HKDF", params, out, len);
}

bool
tls_secret_next(const struct tls_suite *s, struct tls_secret *secret)
{
	struct tls_secret next = { .len = secret->len };
	bool ok = tls_expand_label(s, secret, "traffic upd", next.b, next.len);

	if (ok)
		*secret = next;
	tls_secret_wipe(&next);
	return ok;
}

static struct tls_key *
key_new(const struct tls_suite *s, const uint8_t *key)
{
	static const EVP_CIPHER *(*const ciphers[])(void) = {
		[TLS_AES_128_GCM] = EVP_aes_128_gcm,
		[TLS_AES_256_GCM] = EVP_aes_256_gcm,
		[TLS_CHACHA20_POLY1305] = EVP_chacha20_poly1305,
	};
	struct tls_key *k = xcalloc(1, sizeof(*k));

	k->tls13 = s->version == TLS_VERSION_13;
	k->explicit_nonce = has_explicit_nonce(s);
	k->ctx = EVP_CIPHER_CTX_new();
	if (k->ctx != NULL &&
	    EVP_DecryptInit_ex(k->ctx, ciphers[s->aead](), NULL, key, NULL) ==
		1)
		return k;
	tls_key_free(k);
	return NULL;
}

struct tls_key *
tls_key_13(const struct tls_suite *s, const struct tls_secret *secret)
{
	uint8_t key[KEY_MAX];
	struct tls_key *k = NULL;

	if (tls_expand_label(s, secret, "key", key, key_len(s)))
		k = key_new(s, key);
	OPENSSL_cleanse(key, sizeof(key));
	if (k != NULL && tls_expand_label(s, secret, "iv", k->iv, NONCE_LEN))
		return k;
	tls_key_free(k);
	return NULL;
}

/* RFC 5246, 6.3: client's key, server's key, client's IV, server's IV; an
 * AEAD has no MAC keys before them. */
struct tls_key *
tls_key_12(const struct tls_suite *s, const struct tls_secret *master,
    const uint8_t client_random[TLS_RANDOM_LEN],
    const uint8_t server_random[TLS_RANDOM_LEN], bool client)
{
	uint8_t block[2 * (KEY_MAX + NONCE_LEN)], seed[2 * TLS_RANDOM_LEN];
	size_t klen = key_len(s), ivlen = has_explicit_nonce(s) ? 4 : NONCE_LEN;
	OSSL_PARAM params[5];
	struct tls_key *k = NULL;

	memcpy(seed, server_random, TLS_RANDOM_LEN);
	memcpy(seed + TLS_RANDOM_LEN, client_random, TLS_RANDOM_LEN);
	params[0] = digest_of(s);
	params[1] = octets(OSSL_KDF_PARAM_SECRET, master->b, master->len);
	params[2] = octets(OSSL_KDF_PARAM_SEED, "key expansion", 13);
	params[3] = octets(OSSL_KDF_PARAM_SEED, seed, sizeof(seed));
	params[4] = OSSL_PARAM_construct_end();
	if (derive("TLS1-PRF", params, block, 2 * (klen + ivlen)))
		k = key_new(s, block + (client ? 0 : klen));
	if (k != NULL)
		memcpy(k->iv, block + 2 * klen + (client ? 0 : ivlen), ivlen);
	OPENSSL_cleanse(block, sizeof(block));
	return k;
}

void
tls_key_free(struct tls_key *k)
{
	if (k == NULL)
		return;
	EVP_CIPHER_CTX_free(k->ctx);
	OPENSSL_cleanse(k, sizeof(*k));
	free(k);
}

/* ---- opening ---- */

/* RFC 8446, 5.3 and RFC 7905, 2: the sequence number over the end of the IV;
 * RFC 5288, 3: the IV, then what the record brings. */
static void
make_nonce(const struct tls_key *k, uint64_t seq, const uint8_t *body,
    uint8_t nonce[NONCE_LEN])
{
	memcpy(nonce, k->iv, NONCE_LEN);
	if (k->explicit_nonce) {
		memcpy(nonce + NONCE_LEN - EXPLICIT_LEN, body, EXPLICIT_LEN);
		return;
	}
	for (size_t i = 0; i < 8; i++)
		nonce[NONCE_LEN - 1 - i] ^= (uint8_t)(seq >> 8 * i);
}

/* RFC 8446, 5.2: the record's header; RFC 5246, 6.2.3.3: number, type,
 * version and the length of what is in it. */
static size_t
make_aad(const struct tls_key *k, uint64_t seq, const struct tls_record *r,
    size_t inner, uint8_t aad[13])
{
	struct rk_writer w;

	rk_writer_init(&w, aad, 13);
	if (k->tls13) {
		rk_write_bytes(&w, r->header, sizeof(r->header));
	} else {
		rk_write_u64be(&w, seq);
		rk_write_bytes(&w, r->header, 3);
		rk_write_u16be(&w, (uint16_t)inner);
	}
	return w.len;
}

bool
tls_key_open(struct tls_key *k, uint64_t seq, const struct tls_record *r,
    uint8_t *out, size_t *len)
{
	size_t front = k->explicit_nonce ? EXPLICIT_LEN : 0, inner;
	uint8_t nonce[NONCE_LEN], aad[13], tag[TAG_LEN];
	int aad_len, n, end;

	if (r->len < front + TAG_LEN)
		return false;
	inner = r->len - front - TAG_LEN;
	make_nonce(k, seq, r->body, nonce);
	aad_len = (int)make_aad(k, seq, r, inner, aad);
	memcpy(tag, r->body + front + inner, TAG_LEN);
	if (EVP_DecryptInit_ex(k->ctx, NULL, NULL, NULL, nonce) != 1 ||
	    EVP_CIPHER_CTX_ctrl(k->ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) !=
		1 ||
	    EVP_DecryptUpdate(k->ctx, NULL, &n, aad, aad_len) != 1 ||
	    EVP_DecryptUpdate(k->ctx, out, &n, r->body + front, (int)inner) !=
		1 ||
	    EVP_DecryptFinal_ex(k->ctx, out + n, &end) != 1)
		return false;
	*len = inner;
	return true;
}
