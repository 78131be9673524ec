/*
 * Which key opens a record, and under which number.  Where records are
 * missing both are found by trying: an AEAD says for certain when it is the
 * right one.
 */
#include "config.h"

#include "capture/tls_session_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define SLACK_MAX 4096 /* sequence numbers that are tried behind a gap */

/* ---- secrets ---- */

bool
session_has_secrets(const struct tls_session *s)
{
	return s->have_client &&
	    tls_keylog_has(s->c.context->keylog, s->client_random);
}

const struct tls_secret *
session_master(const struct tls_session *s)
{
	const struct tls_secret *master =
	    tls_keylog_find(s->c.context->keylog, TLS_MASTER, s->client_random);

	if (master == NULL && s->resumed.len > 0 && !s->certificate)
		master = &s->resumed;
	return master;
}

static enum tls_label
label_of(const struct half *h, enum phase phase)
{
	if (h->s->version != TLS_VERSION_13)
		return TLS_MASTER;
	if (phase == PHASE_HANDSHAKE)
		return h->dir == DIR_C2S ? TLS_CLIENT_HANDSHAKE
					 : TLS_SERVER_HANDSHAKE;
	return h->dir == DIR_C2S ? TLS_CLIENT_TRAFFIC : TLS_SERVER_TRAFFIC;
}

/* In TLS 1.2 who resumes a session need not have its secret logged again. */
static void
remember(const struct tls_session *s, const struct tls_secret *master)
{
	const struct rk_span id = { s->session_id, s->session_id_len };

	tls_resume_store(s->c.context->resume, id, master);
}

static struct tls_key *
key_12(const struct half *h)
{
	const struct tls_session *s = h->s;
	const struct tls_secret *master = session_master(s);

	if (master == NULL)
		return NULL;
	remember(s, master);
	return tls_key_12(s->suite, master, s->client_random, s->server_random,
	    h->dir == DIR_C2S);
}

/* The key of |phase|, and in TLS 1.3 its secret; NULL if it is not known. */
static struct tls_key *
make_key(const struct half *h, enum phase phase, struct tls_secret *out)
{
	const struct tls_session *s = h->s;
	const struct tls_secret *secret;

	if (!s->have_client || !s->have_server || s->suite == NULL)
		return NULL;
	if (s->version != TLS_VERSION_13)
		return key_12(h);
	secret = tls_keylog_find(s->c.context->keylog, label_of(h, phase),
	    s->client_random);
	if (secret == NULL)
		return NULL;
	*out = *secret;
	return tls_key_13(s->suite, out);
}

struct tls_key *
half_key(struct half *h)
{
	struct tls_context *c = h->s->c.context;
	uint64_t known;

	if (h->key != NULL)
		return h->key;
	if (c->live)
		tls_keylog_refresh(c->keylog);
	known = tls_keylog_count(c->keylog) + 1;
	if (h->looked != known)
		h->key = make_key(h, h->phase, &h->secret);
	h->looked = known;
	return h->key;
}

/* ---- changes ---- */

static void
take_key(struct half *h, struct tls_key *key, const struct tls_secret *secret)
{
	tls_key_free(h->key);
	tls_key_free(h->next_key);
	h->key = key;
	h->next_key = NULL;
	h->secret = *secret;
	h->looked = 0;
	h->seq = 0;
}

void
half_set_phase(struct half *h, enum phase phase)
{
	const struct tls_secret none = { 0 };

	take_key(h, NULL, &none);
	h->phase = phase;
	half_key(h);
}

/* In TLS 1.3 the first encrypted record begins the next phase. */
void
half_begin_handshake(struct half *h, const struct tls_record *r)
{
	const struct tls_session *s = h->s;

	if (h->phase == PHASE_PLAIN && s->have_server &&
	    s->version == TLS_VERSION_13 && r->header[0] == TLS_DATA)
		half_set_phase(h, PHASE_HANDSHAKE);
}

/* The key behind the present one, for trying; NULL if there is none. */
static struct tls_key *
next_key(struct half *h)
{
	const struct tls_session *s = h->s;

	if (h->next_key != NULL)
		return h->next_key;
	if (h->phase != PHASE_DATA) {
		h->next_key = make_key(h, PHASE_DATA, &h->next_secret);
	} else if (s->version == TLS_VERSION_13 && h->key != NULL) {
		h->next_secret = h->secret;
		if (tls_secret_next(s->suite, &h->next_secret))
			h->next_key = tls_key_13(s->suite, &h->next_secret);
	}
	return h->next_key;
}

static void
take_next_key(struct half *h)
{
	struct tls_key *key = h->next_key;

	h->next_key = NULL;
	take_key(h, key, &h->next_secret);
}

void
half_update_key(struct half *h, struct when at)
{
	if (next_key(h) == NULL)
		return;
	take_next_key(h);
	h->slack = 0;
	h->updates++;
	session_remark(h->s, REMARK_NOTE, at, "TLS key update %u of the %s",
	    h->updates, side_name(h));
}

void
half_missed_records(struct half *h, uint64_t n, struct when at)
{
	/* The window moves on where it cannot grow. */
	if (h->slack == SLACK_MAX)
		h->seq += n;
	h->slack =
	    n > SLACK_MAX - h->slack ? SLACK_MAX : h->slack + (unsigned)n;
	/* Records of a handshake carry none; without keys none is known. */
	if (h->phase == PHASE_DATA ||
	    (half_key(h) == NULL && next_key(h) == NULL))
		half_lose(h, 0, at);
}

/* ---- trying ---- */

/* The first number from |from| on under which |key| opens |r|. */
static bool
try(struct half *h, struct tls_key *key, uint64_t from,
    const struct tls_record *r, uint64_t *seq, size_t *len)
{
	uint8_t *out = h->s->c.context->plain;

	for (unsigned i = 0; i <= h->slack && h->credit >= r->len; i++) {
		*seq = from + i;
		if (tls_key_open(key, *seq, r, out, len))
			return true;
		h->credit -= r->len;
	}
	return false;
}

/* What is behind a change that was not captured. */
static void
note_crossing(struct half *h, uint64_t seq, const struct tls_record *r)
{
	if (h->phase == PHASE_DATA) {
		h->updates++;
		session_remark(h->s, REMARK_NOTE, when_of(r),
		    "TLS key update %u of the %s, itself not captured",
		    h->updates, side_name(h));
	}
	if (h->phase == PHASE_DATA || seq > 0)
		half_lose(h, 0, when_of(r));
}

bool
half_locate(struct half *h, const struct tls_record *r, size_t *len)
{
	uint64_t seq;

	half_begin_handshake(h, r);
	if (h->phase != PHASE_PLAIN && half_key(h) != NULL &&
	    try(h, h->key, h->seq, r, &seq, len)) {
		h->seq = seq;
	} else if (next_key(h) != NULL &&
	    try(h, h->next_key, 0, r, &seq, len)) {
		note_crossing(h, seq, r);
		h->phase = PHASE_DATA;
		take_next_key(h);
		h->seq = seq;
	} else {
		return false;
	}
	h->slack = 0;
	h->proven = true;
	return true;
}

/* ---- why not ---- */

/* Of versions and suites; NULL: they are fine. */
static const char *
unknown_kind(const struct tls_session *s)
{
	static char text[96];

	if (s->version == 0x0301 || s->version == 0x0302)
		snprintf(text, sizeof(text),
		    "it is TLS 1.%d, which is not "
		    "decrypted",
		    s->version - 0x0301);
	else if (s->version != TLS_VERSION_12 && s->version != TLS_VERSION_13)
		snprintf(text, sizeof(text),
		    "its version 0x%04x is not decrypted", s->version);
	else if (s->suite == NULL)
		snprintf(text, sizeof(text),
		    "its cipher suite 0x%04x is not decrypted: only AES-GCM "
		    "and ChaCha20-Poly1305 are",
		    s->suite_id);
	else
		return NULL;
	return text;
}

const char *
half_reason(const struct half *h)
{
	static char text[256];
	const struct tls_session *s = h->s;
	const struct tls_keylog *k = s->c.context->keylog;
	char random[2 * TLS_RANDOM_LEN + 1];
	const char *kind;

	if (!s->have_client)
		return "its ClientHello was not captured, so that no key can "
		       "be found for it";
	if (!s->have_server)
		return "its ServerHello was not captured";
	kind = unknown_kind(s);
	if (kind != NULL)
		return kind;
	if (!tls_keylog_given(k))
		return "no secrets were given: a key log, or a pcapng that "
		       "has them inside";
	hex_encode(s->client_random, TLS_RANDOM_LEN, random);
	if (!tls_keylog_has(k, s->client_random))
		snprintf(text, sizeof(text),
		    "the key log has nothing of client random %s", random);
	else
		snprintf(text, sizeof(text),
		    "the key log has no %s that fits for client random %s",
		    tls_label_name(label_of(h, h->phase)), random);
	return text;
}
