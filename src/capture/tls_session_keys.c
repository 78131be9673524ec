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

void
half_forget_keys(struct half *h)
{
	tls_key_free(h->key);
	h->key = NULL;
	for (unsigned i = 0; i < h->nlater; i++) {
		tls_key_free(h->later[i].key);
		tls_secret_wipe(&h->later[i].secret);
	}
	h->nlater = 0;
	h->looked = 0;
	h->seq = 0;
}

void
half_set_phase(struct half *h, enum phase phase)
{
	half_forget_keys(h);
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

/* The first key behind the present one; false if there is none. */
static bool
first_later(const struct half *h, struct later_key *out)
{
	const struct tls_session *s = h->s;

	if (h->phase != PHASE_DATA) {
		out->key = make_key(h, PHASE_DATA, &out->secret);
		return out->key != NULL;
	}
	out->secret = h->secret;
	return s->version == TLS_VERSION_13 && h->key != NULL &&
	    tls_secret_next(s->suite, &out->secret) &&
	    (out->key = tls_key_13(s->suite, &out->secret)) != NULL;
}

/* The key |n| changes, one of them at least, behind the present one. */
static struct later_key *
later_key(struct half *h, unsigned n)
{
	const struct tls_suite *suite = h->s->suite;

	while (h->nlater < n) {
		struct later_key *k = &h->later[h->nlater];

		*k = (struct later_key){ 0 };
		if (h->nlater == 0) {
			if (!first_later(h, k))
				return NULL;
		} else {
			k->secret = k[-1].secret;
			if (h->s->version != TLS_VERSION_13 ||
			    !tls_secret_next(suite, &k->secret) ||
			    (k->key = tls_key_13(suite, &k->secret)) == NULL)
				return NULL;
		}
		h->nlater++;
	}
	return &h->later[n - 1];
}

/* |n| changes later. */
static void
take_later_key(struct half *h, unsigned n)
{
	struct later_key k = h->later[n - 1];

	h->later[n - 1].key = NULL;
	half_forget_keys(h);
	h->key = k.key;
	h->secret = k.secret;
	tls_secret_wipe(&k.secret);
}

void
half_update_key(struct half *h, struct when at)
{
	if (later_key(h, 1) == NULL)
		return;
	take_later_key(h, 1);
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
	    (half_key(h) == NULL && later_key(h, 1) == NULL))
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

/* |n| changes of the key went by that were not captured. */
static void
note_changes(struct half *h, unsigned n, uint64_t seq,
    const struct tls_record *r)
{
	unsigned updates = h->phase == PHASE_DATA ? n : n - 1;

	for (unsigned i = 0; i < updates; i++) {
		h->updates++;
		session_remark(h->s, REMARK_NOTE, when_of(r),
		    "TLS key update %u of the %s, itself not captured",
		    h->updates, side_name(h));
	}
	if (updates > 0 || seq > 0)
		half_lose(h, 0, when_of(r));
}

static bool
locate_later(struct half *h, const struct tls_record *r, uint64_t *seq,
    size_t *len)
{
	unsigned max = h->slack < KEYS_AHEAD ? h->slack + 1 : KEYS_AHEAD;

	for (unsigned n = 1; n <= max; n++) {
		struct later_key *k = later_key(h, n);

		if (k == NULL)
			return false;
		if (!try(h, k->key, 0, r, seq, len))
			continue;
		note_changes(h, n, *seq, r);
		h->phase = PHASE_DATA;
		take_later_key(h, n);
		return true;
	}
	return false;
}

bool
half_locate(struct half *h, const struct tls_record *r, size_t *len)
{
	uint64_t seq;

	half_begin_handshake(h, r);
	if ((h->phase == PHASE_PLAIN || half_key(h) == NULL ||
		!try(h, h->key, h->seq, r, &seq, len)) &&
	    !locate_later(h, r, &seq, len))
		return false;
	h->seq = seq;
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
