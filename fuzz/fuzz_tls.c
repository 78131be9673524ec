/*
 * TLS records and key logs.  The input is a list of steps: bytes as they are
 * on the wire, holes, lines of a key log; and, so that what is behind the
 * AEAD is reached as well, hellos and sealed records of which only the
 * content comes from the input.
 *
 *     step u8: kind in the low three bits, above them direction and suite
 *     length u16 | that many bytes
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/text.h"
#include "capture/tls_cipher.h"
#include "capture/tls_session.h"
#include "codec/keys.h"
#include "require.h"
#include "transcript/transcript_json.h"
#include "transcript/transcript_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum step {
	STEP_FEED,    /* as it is */
	STEP_SEALED,  /* content and type of a record */
	STEP_HOLE,    /* u16: so many bytes */
	STEP_KEYLOG,  /* text */
	STEP_HELLO,   /* of this direction; the suite counts */
	STEP_SECRETS, /* the key log of what STEP_HELLO began */
	STEP_CHANGE,  /* the sender's next key */
	STEP_LIVE     /* secrets may still come */
};

static const uint16_t suite_ids[] = { 0x1301, 0x1302, 0x1303, 0xc02b, 0xc030,
	0xcca8 };

/* What the sender of sealed records knows. */
struct sender {
	uint8_t key[32];
	uint8_t iv[12];
	size_t key_len;
	uint64_t seq;
	struct tls_secret secret; /* TLS 1.3 */
	bool handshake;           /* with its keys */
	bool sealing;
};

struct fuzz {
	struct tls_context context;
	struct transcript *t;
	struct tls_session *s;
	const struct tls_suite *suite;
	struct sender sender[2];
	bool secrets; /* some were given */
	uint64_t ended[2];
};

/* ---- sealing ---- */

static void
use_secret(struct fuzz *f, struct sender *s)
{
	s->key_len = f->suite->aead == TLS_AES_128_GCM ? 16 : 32;
	REQUIRE(
	    tls_expand_label(f->suite, &s->secret, "key", s->key, s->key_len));
	REQUIRE(tls_expand_label(f->suite, &s->secret, "iv", s->iv, 12));
	s->seq = 0;
	s->sealing = true;
}

/* Each label has a secret of one repeated byte; client random, server random
 * and master secret are such as well. */
static struct tls_secret
secret_of(const struct fuzz *f, enum tls_label label)
{
	struct tls_secret s = { .len = f->suite->version == TLS_VERSION_12 ? 48
		    : f->suite->sha384                                     ? 48
				       : 32 };

	memset(s.b, label + 1, s.len);
	return s;
}

static void
use_master(struct fuzz *f, struct sender *s, enum direction dir)
{
	struct tls_secret master = secret_of(f, TLS_MASTER);
	static char sha256[] = "SHA256", sha384[] = "SHA384",
		    label[] = "key expansion";
	uint8_t seed[64], block[88];
	size_t iv_len = f->suite->aead == TLS_CHACHA20_POLY1305 ? 12 : 4;
	OSSL_PARAM p[5];
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	memset(seed, 's', 32);
	memset(seed + 32, 'c', 32);
	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    f->suite->sha384 ? sha384 : sha256, 0);
	p[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET,
	    master.b, master.len);
	p[2] =
	    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, label, 13);
	p[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed,
	    sizeof(seed));
	p[4] = OSSL_PARAM_construct_end();
	s->key_len = f->suite->aead == TLS_AES_128_GCM ? 16 : 32;
	REQUIRE(EVP_KDF_derive(ctx, block, 2 * (s->key_len + iv_len), p) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	memcpy(s->key, block + (dir == DIR_C2S ? 0 : s->key_len), s->key_len);
	memcpy(s->iv, block + 2 * s->key_len + (dir == DIR_C2S ? 0 : iv_len),
	    iv_len);
	s->seq = 0;
	s->sealing = true;
}

static size_t
seal(const struct fuzz *f, const struct sender *s, const uint8_t *nonce,
    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
    uint8_t *out)
{
	const EVP_CIPHER *c = f->suite->aead == TLS_AES_128_GCM
	    ? EVP_aes_128_gcm()
	    : f->suite->aead == TLS_AES_256_GCM ? EVP_aes_256_gcm()
						: EVP_chacha20_poly1305();
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n, end;

	REQUIRE(EVP_EncryptInit_ex(ctx, c, NULL, s->key, nonce) == 1);
	REQUIRE(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_len) == 1);
	REQUIRE(EVP_EncryptUpdate(ctx, out, &n, in, (int)len) == 1);
	REQUIRE(EVP_EncryptFinal_ex(ctx, out + n, &end) == 1);
	REQUIRE(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16,
		    out + len) == 1);
	EVP_CIPHER_CTX_free(ctx);
	return len + 16;
}

/* The last byte of |p| is the type, of TLS 1.3's padded content or of the
 * record. */
static void
feed_sealed(struct fuzz *f, enum direction dir, const uint8_t *p, size_t len)
{
	struct sender *s = &f->sender[dir];
	uint8_t record[5 + 8 + 16384 + 16] = { 23, 3, 3 }, nonce[12], aad[13];
	bool tls13 = f->suite->version == TLS_VERSION_13;
	bool explicit = !tls13 && f->suite->aead != TLS_CHACHA20_POLY1305;
	size_t front = explicit ? 8 : 0, total;

	if (len == 0 || len > 16384)
		return;
	if (!tls13)
		record[0] = p[--len];
	total = front + len + 16;
	record[3] = (uint8_t)(total >> 8);
	record[4] = (uint8_t)total;
	memcpy(nonce, s->iv, 12);
	for (int i = 0; i < 8; i++) {
		uint8_t byte = (uint8_t)(s->seq >> 8 * i);

		aad[7 - i] = byte;
		record[5 + 7 - i] = byte;
		nonce[11 - i] = explicit ? byte : nonce[11 - i] ^ byte;
	}
	memcpy(aad + 8, record, 3);
	aad[11] = (uint8_t)(len >> 8);
	aad[12] = (uint8_t)len;
	seal(f, s, nonce, tls13 ? record : aad, tls13 ? 5 : 13, p, len,
	    record + 5 + front);
	s->seq++;
	tls_session_feed(f->s, dir, record, 5 + total, 0, 1);
}

/* ---- steps ---- */

static void
feed_hello(struct fuzz *f, enum direction dir, unsigned suite,
    const uint8_t *extensions, size_t len)
{
	uint8_t b[600], *p = b;
	bool tls13;
	size_t body;

	if (len > 400)
		return;
	if (dir == DIR_S2C || f->suite == NULL)
		f->suite = tls_suite_by_id(suite_ids[suite % 6]);
	REQUIRE(f->suite != NULL);
	tls13 = f->suite->version == TLS_VERSION_13;
	memcpy(p, "\x16\x03\x03\0\0\0\0\0\0\x03\x03", 11);
	b[5] = dir == DIR_C2S ? 1 : 2;
	p += 11;
	memset(p, dir == DIR_C2S ? 'c' : 's', 32);
	p += 32;
	*p++ = 0;
	if (dir == DIR_C2S) {
		memcpy(p, "\0\2\x13\1\1\0", 6);
		p += 6;
	} else {
		*p++ = (uint8_t)(f->suite->id >> 8);
		*p++ = (uint8_t)f->suite->id;
		*p++ = 0;
	}
	body = len + (dir == DIR_S2C && tls13 ? 6 : 0);
	*p++ = (uint8_t)(body >> 8);
	*p++ = (uint8_t)body;
	if (dir == DIR_S2C && tls13) {
		memcpy(p, "\0\x2b\0\2\3\4", 6);
		p += 6;
	}
	if (len > 0)
		memcpy(p, extensions, len);
	p += len;
	b[3] = (uint8_t)((p - b - 5) >> 8);
	b[4] = (uint8_t)(p - b - 5);
	b[7] = (uint8_t)((p - b - 9) >> 8);
	b[8] = (uint8_t)(p - b - 9);
	tls_session_feed(f->s, dir, b, (size_t)(p - b), 0, 1);
	f->sender[dir].handshake = tls13;
	f->sender[dir].sealing = false;
}

static void
give_secrets(struct fuzz *f)
{
	struct text t;

	if (f->suite == NULL)
		return;
	text_init(&t);
	for (int i = 0; i < TLS_NLABELS; i++) {
		struct tls_secret s = secret_of(f, (enum tls_label)i);

		if ((i == TLS_MASTER) != (f->suite->version == TLS_VERSION_12))
			continue;
		text_addf(&t, "%s ", tls_label_name((enum tls_label)i));
		for (int k = 0; k < TLS_RANDOM_LEN; k++)
			text_add(&t, "63"); /* 'c' */
		text_add(&t, " ");
		text_add_hex(&t, s.b, s.len);
		text_add(&t, "\n");
	}
	tls_keylog_block(f->context.keylog, text_str(&t), t.len);
	text_clear(&t);
	f->secrets = true;
}

/* The key with which |dir| seals next. */
static void
change(struct fuzz *f, enum direction dir)
{
	struct sender *s = &f->sender[dir];
	static const enum tls_label labels[2][2] = { { TLS_CLIENT_TRAFFIC,
							 TLS_SERVER_TRAFFIC },
		{ TLS_CLIENT_HANDSHAKE, TLS_SERVER_HANDSHAKE } };

	if (f->suite == NULL)
		return;
	if (f->suite->version == TLS_VERSION_12) {
		if (!s->sealing)
			tls_session_feed(f->s, dir,
			    (const uint8_t *)"\x14\3\3\0\1\1", 6, 0, 1);
		use_master(f, s, dir);
		return;
	}
	if (s->sealing && !s->handshake) {
		REQUIRE(tls_secret_next(f->suite, &s->secret));
	} else {
		s->handshake = s->handshake && !s->sealing;
		s->secret = secret_of(f, labels[s->handshake][dir]);
	}
	use_secret(f, s);
}

static void
step(struct fuzz *f, uint8_t op, const uint8_t *p, size_t len)
{
	enum direction dir = (op & 8) != 0 ? DIR_S2C : DIR_C2S;

	switch ((enum step)(op & 7)) {
	case STEP_FEED:
		tls_session_feed(f->s, dir, p, len, 0, 1);
		break;
	case STEP_SEALED:
		if (f->sender[dir].sealing && f->suite != NULL)
			feed_sealed(f, dir, p, len);
		break;
	case STEP_HOLE:
		if (len >= 2)
			tls_session_gap(f->s, dir, (uint64_t)p[0] << 8 | p[1],
			    0, 1);
		break;
	case STEP_KEYLOG:
		tls_keylog_block(f->context.keylog, p, len);
		f->secrets = true;
		break;
	case STEP_HELLO:
		feed_hello(f, dir, op >> 4, p, len);
		break;
	case STEP_SECRETS:
		give_secrets(f);
		break;
	case STEP_CHANGE:
		change(f, dir);
		break;
	case STEP_LIVE:
		f->context.live = true;
		break;
	}
	/* The bounds of what waits, and of the dissector. */
	REQUIRE(tls_session_held(f->s) <= 8u << 20);
}

/* ---- what comes out ---- */

static void
on_event(void *arg, struct transcript *t, struct event *e)
{
	const struct transcript_json_options jo = { .snap = 16 };
	const struct transcript_text_options to = { .snap = 16 };
	struct fuzz *f = arg;
	struct text line;

	REQUIRE(e->conn == 0);
	/* Without secrets nothing can be read. */
	REQUIRE(f->secrets || !event_is_counted(e));
	REQUIRE(e->kind != EVENT_TLS || f->secrets);
	if (e->kind == EVENT_ENDED)
		REQUIRE(f->ended[e->dir]++ == 0);
	free(event_to_json_line(t, e, 0, &jo));
	text_init(&line);
	event_to_text(t, e, &to, &line);
	REQUIRE(
	    strchr(text_str(&line), '\n') == text_str(&line) + line.len - 1);
	text_clear(&line);
}

static void
on_remark(void *arg, enum remark_level level, int64_t time_ns, uint64_t packet,
    const char *text)
{
	REQUIRE(text[0] != '\0' && strchr(text, '\n') == NULL);
}

static void
on_keylog_remark(void *arg, const char *text)
{
	REQUIRE(text[0] != '\0' && strchr(text, '\n') == NULL);
}

static void
begin(struct fuzz *f)
{
	struct tls_session_config c = { .context = &f->context,
		.dialect = rk_dialects()[0],
		.remark = on_remark };

	memset(f, 0, sizeof(*f));
	f->context.keylog = tls_keylog_new(on_keylog_remark, NULL);
	f->context.resume = tls_resume_new();
	f->t = transcript_new();
	f->t->streaming = true;
	f->t->on_event = on_event;
	f->t->arg = f;
	c.t = f->t;
	c.conn = transcript_add_conn(f->t, "A");
	f->s = tls_session_new(&c);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	REQUIRE(rk_keys_init() == RK_OK);
	begin(&f);
	while (size >= 3) {
		uint8_t op = data[0];
		size_t len = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		step(&f, op, data, len);
		data += len;
		size -= len;
	}
	for (int dir = 0; dir < 2; dir++)
		tls_session_end(f.s, (enum direction)dir,
		    size == 2 ? ENDING_NONE : ENDING_EOF, 0, 1);
	REQUIRE(size == 2 || (f.ended[0] == 1 && f.ended[1] == 1));
	tls_session_free(f.s);
	tls_keylog_free(f.context.keylog);
	tls_resume_free(f.context.resume);
	transcript_free(f.t);
	return 0;
}
