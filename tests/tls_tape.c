/* See tls_tape.h. */
#include "config.h"

#include "tls_tape.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/xalloc.h"
#include "support.h"
#include "talk.h"
#include "transcript/dissect.h"

/* ---- OpenSSL's ends ---- */

/* Made before check forks for each test: RSA keys take their time. */
static EVP_PKEY *rsa_key, *ecdsa_key;

__attribute__((constructor)) static void
make_keys(void)
{
	rsa_key = EVP_RSA_gen(2048);
	ecdsa_key = EVP_EC_gen("P-256");
}

static void
use_certificate(SSL_CTX *ctx, bool ecdsa)
{
	EVP_PKEY *key = ecdsa ? ecdsa_key : rsa_key;
	X509 *x = X509_new();
	X509_NAME *name;

	ck_assert_ptr_nonnull(key);
	ck_assert_ptr_nonnull(x);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const unsigned char *)"tape", -1, -1, 0);
	X509_set_issuer_name(x, name);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, key);
	ck_assert_int_gt(X509_sign(x, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, x), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(x);
}

static void
on_keylog(const SSL *ssl, const char *line)
{
	struct tls_tape *t = SSL_get_app_data(ssl);

	text_addf(&t->keylog, "%s\n", line);
}

static void
set_suite(SSL_CTX *ctx, int version, const char *suite)
{
	if (suite == NULL)
		return;
	if (version == TLS1_3_VERSION)
		ck_assert_int_eq(SSL_CTX_set_ciphersuites(ctx, suite), 1);
	else
		ck_assert_int_eq(SSL_CTX_set_cipher_list(ctx, suite), 1);
}

void
tape_init(struct tls_tape *t, int version, const char *suite)
{
	static const unsigned char id[] = "tape";

	*t = (struct tls_tape){ .version = version };
	text_init(&t->keylog);
	t->ctx[DIR_C2S] = SSL_CTX_new(TLS_client_method());
	t->ctx[DIR_S2C] = SSL_CTX_new(TLS_server_method());
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_nonnull(t->ctx[i]);
		SSL_CTX_set_security_level(t->ctx[i], 0);
		SSL_CTX_set_min_proto_version(t->ctx[i], version);
		SSL_CTX_set_max_proto_version(t->ctx[i], version);
		set_suite(t->ctx[i], version, suite);
		SSL_CTX_set_session_id_context(t->ctx[i], id, sizeof(id));
	}
	SSL_CTX_set_dh_auto(t->ctx[DIR_S2C], 1);
	use_certificate(t->ctx[DIR_S2C],
	    suite != NULL && strstr(suite, "ECDSA") != NULL);
	SSL_CTX_set_keylog_callback(t->ctx[DIR_C2S], on_keylog);
}

void
tape_begin(struct tls_tape *t)
{
	static char name[] = "relay.test";

	for (int i = 0; i < 2; i++) {
		/* Without an orderly end its session could not be resumed. */
		if (t->ssl[i] != NULL)
			SSL_set_shutdown(t->ssl[i],
			    SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(t->ssl[i]);
		t->ssl[i] = SSL_new(t->ctx[i]);
		ck_assert_ptr_nonnull(t->ssl[i]);
		SSL_set_app_data(t->ssl[i], t);
		SSL_set_bio(t->ssl[i], BIO_new(BIO_s_mem()),
		    BIO_new(BIO_s_mem()));
	}
	SSL_set_connect_state(t->ssl[DIR_C2S]);
	SSL_set_accept_state(t->ssl[DIR_S2C]);
	SSL_set_tlsext_host_name(t->ssl[DIR_C2S], name);
}

void
tape_rewind(struct tls_tape *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->flight[i].p);
		free(t->flight[i].plain);
	}
	free(t->flight);
	t->flight = NULL;
	t->n = 0;
}

void
tape_clear(struct tls_tape *t)
{
	tape_rewind(t);
	for (int i = 0; i < 2; i++) {
		SSL_free(t->ssl[i]);
		SSL_CTX_free(t->ctx[i]);
	}
	text_clear(&t->keylog);
}

/* ---- flights ---- */

static struct flight *
add_flight(struct tls_tape *t, enum direction dir, const void *p, size_t len)
{
	t->flight = xreallocarray(t->flight, t->n + 1, sizeof(*t->flight));
	t->flight[t->n] =
	    (struct flight){ .dir = dir, .p = xmemdup(p, len), .len = len };
	return &t->flight[t->n++];
}

static bool
moves(struct tls_tape *t, enum direction dir)
{
	char *p;
	long len = BIO_get_mem_data(SSL_get_wbio(t->ssl[dir]), &p);

	if (len <= 0)
		return false;
	add_flight(t, dir, p, (size_t)len);
	ck_assert_int_eq(BIO_write(SSL_get_rbio(t->ssl[!dir]), p, (int)len),
	    len);
	(void)BIO_reset(SSL_get_wbio(t->ssl[dir]));
	return true;
}

void
tape_move(struct tls_tape *t, enum direction dir)
{
	ck_assert(moves(t, dir));
}

/* Handle what came, which is no application data. */
static void
look(SSL *ssl)
{
	char c;

	if (SSL_in_init(ssl))
		SSL_do_handshake(ssl);
	else
		ck_assert_int_le(SSL_peek(ssl, &c, 1), 0);
	ERR_clear_error();
}

void
tape_settle(struct tls_tape *t)
{
	bool moved;

	do {
		moved = false;
		for (int dir = 0; dir < 2; dir++) {
			look(t->ssl[dir]);
			moved |= moves(t, (enum direction)dir);
		}
	} while (moved);
}

void
tape_handshake(struct tls_tape *t)
{
	tape_settle(t);
	for (int i = 0; i < 2; i++)
		ck_assert(SSL_is_init_finished(t->ssl[i]));
}

static void
hear(SSL *ssl, const uint8_t *want, size_t len)
{
	uint8_t buf[4096];
	size_t n, done = 0;

	while (done < len) {
		ck_assert_int_eq(SSL_read_ex(ssl, buf, sizeof(buf), &n), 1);
		ck_assert_uint_le(n, len - done);
		ck_assert_mem_eq(buf, want + done, n);
		done += n;
	}
}

void
tape_say(struct tls_tape *t, enum direction dir, const void *p, size_t len)
{
	struct flight *f;
	size_t n;

	ck_assert_int_eq(SSL_write_ex(t->ssl[dir], p, len, &n), 1);
	ck_assert_uint_eq(n, len);
	tape_move(t, dir);
	f = &t->flight[t->n - 1];
	f->plain = xmemdup(p, len);
	f->plain_len = len;
	hear(t->ssl[!dir], p, len);
}

void
tape_say_text(struct tls_tape *t, enum direction dir, const char *s)
{
	tape_say(t, dir, s, strlen(s));
}

void
tape_say_hex(struct tls_tape *t, enum direction dir, const char *s)
{
	size_t len;
	const uint8_t *p = hex(s, &len);

	tape_say(t, dir, p, len);
}

void
tape_talk(struct tls_tape *t)
{
	tape_say_text(t, DIR_C2S, RAW_REQUEST);
	tape_say_text(t, DIR_S2C,
	    "HTTP/1.1 101 Switching Protocols\r\n"
	    "Upgrade: iroh derp http\r\n\r\n");
	tape_say_hex(t, DIR_C2S, LOGIN);
	tape_say_hex(t, DIR_C2S, PING);
	tape_say_hex(t, DIR_S2C, PONG);
	tape_say_hex(t, DIR_S2C, PING);
	tape_say_hex(t, DIR_C2S, PONG);
}

void
tape_key_update(struct tls_tape *t, enum direction dir, bool request)
{
	ck_assert_int_eq(SSL_key_update(t->ssl[dir],
			     request ? SSL_KEY_UPDATE_REQUESTED
				     : SSL_KEY_UPDATE_NOT_REQUESTED),
	    1);
	ck_assert_int_eq(SSL_do_handshake(t->ssl[dir]), 1);
	tape_move(t, dir);
	look(t->ssl[!dir]);
}

void
tape_goodbye(struct tls_tape *t, enum direction dir)
{
	SSL_shutdown(t->ssl[dir]);
	tape_move(t, dir);
}

void
tape_cut_records(struct tls_tape *t)
{
	struct tls_tape old = *t;

	t->flight = NULL;
	t->n = 0;
	for (size_t i = 0; i < old.n; i++) {
		struct flight *f = &old.flight[i];
		size_t off = 0, said = 0;

		while (off < f->len) {
			size_t n = 5 + (f->p[off + 3] << 8 | f->p[off + 4]);
			struct flight *part =
			    add_flight(t, f->dir, f->p + off, n);

			off += n;
			if (f->plain == NULL)
				continue;
			/* All records but the last are full. */
			part->plain_len =
			    off < f->len ? 16384 : f->plain_len - said;
			part->plain = xmemdup(f->plain + said, part->plain_len);
			said += part->plain_len;
		}
		free(f->p);
		free(f->plain);
	}
	free(old.flight);
}

size_t
tape_len(const struct tls_tape *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += t->flight[i].len;
	return n;
}

/* ---- replay ---- */

static void
on_remark(void *arg, enum remark_level level, int64_t time_ns, uint64_t packet,
    const char *text)
{
	struct replay *r = arg;
	struct event e = { .kind = EVENT_REMARK,
		.conn = (int)r->t->nconns - 1,
		.time_ns = time_ns,
		.packet = packet };

	if (level == REMARK_NOTE) {
		text_addf(&r->notes, "%s\n", text);
		return;
	}
	r->wrong += level == REMARK_WRONG;
	e.text = xstrdup(text);
	transcript_add(r->t, &e);
	free(e.text);
}

static void
on_keylog_remark(void *arg, const char *text)
{
	on_remark(arg, REMARK_FACT, 0, 0, text);
}

void
replay_init(struct replay *r, const char *keylog)
{
	memset(r, 0, sizeof(*r));
	text_init(&r->notes);
	r->t = transcript_new();
	r->context.keylog = tls_keylog_new(on_keylog_remark, r);
	r->context.resume = tls_resume_new();
	if (keylog != NULL)
		tls_keylog_block(r->context.keylog, keylog, strlen(keylog));
	replay_begin(r);
}

void
replay_begin(struct replay *r)
{
	const struct tls_session_config c = { .context = &r->context,
		.t = r->t,
		.conn = transcript_add_conn(r->t, "A"),
		.dialect = rk_dialects()[0],
		.remark = on_remark,
		.arg = r };

	tls_session_free(r->s);
	r->s = tls_session_new(&c);
}

void
replay_clear(struct replay *r)
{
	tls_session_free(r->s);
	tls_keylog_free(r->context.keylog);
	tls_resume_free(r->context.resume);
	transcript_free(r->t);
	text_clear(&r->notes);
}

void
replay_flight(struct replay *r, const struct flight *f, size_t step)
{
	for (size_t off = 0; off < f->len; off += step) {
		size_t n = f->len - off < step ? f->len - off : step;
		size_t held;

		tls_session_feed(r->s, f->dir, f->p + off, n, 0, 1);
		held = tls_session_held(r->s);
		if (held > r->max_held)
			r->max_held = held;
	}
}

void
replay_end(struct replay *r, enum ending e)
{
	tls_session_end(r->s, DIR_C2S, e, 0, 1);
	tls_session_end(r->s, DIR_S2C, e, 0, 1);
}

void
replay_tape(struct replay *r, const struct tls_tape *t, size_t step)
{
	for (size_t i = 0; i < t->n; i++)
		replay_flight(r, &t->flight[i], step);
	replay_end(r, ENDING_EOF);
}

struct transcript *
plain_transcript(const struct tls_tape *tape, size_t n, enum ending e)
{
	struct dissector *d;
	struct transcript *t = dissect_begin(&d);

	for (size_t i = 0; i < n; i++) {
		const struct flight *f = &tape->flight[i];

		dissector_feed(d, f->dir, f->plain, f->plain_len, 0, 1);
	}
	dissector_end(d, DIR_C2S, e, 0, 1);
	dissector_end(d, DIR_S2C, e, 0, 1);
	dissector_free(d);
	return t;
}

char *
meaning(const struct transcript *t)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (!event_is_counted(e) && e->kind != EVENT_ENDED)
			continue;
		text_addf(&out, "%s %s", direction_name(e->dir), event_what(e));
		if (e->kind == EVENT_ENDED)
			text_addf(&out, " %s", ending_name(e->ending));
		text_add(&out, " ");
		text_add_hex(&out, e->bytes, e->len);
		text_add(&out, "\n");
	}
	return text_take(&out);
}

void
assert_same_meaning(const struct transcript *got, const struct transcript *want)
{
	char *a = meaning(got), *b = meaning(want);

	ck_assert_str_eq(a, b);
	free(a);
	free(b);
}

size_t
count_texts(const struct transcript *t, enum event_kind kind, const char *part)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += t->events[i].kind == kind && t->events[i].text != NULL &&
		    strstr(t->events[i].text, part) != NULL;
	return n;
}

size_t
count_kind(const struct transcript *t, enum event_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += t->events[i].kind == kind;
	return n;
}
