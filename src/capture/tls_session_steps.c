/* What one record does: plain, or opened, or opaque with the reason. */
#include "config.h"

#include "capture/tls_session_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

/* ---- alerts ---- */

enum {
	ALERT_CLOSE_NOTIFY = 0,
	ALERT_USER_CANCELED = 90,
	LEVEL_WARNING = 1
};

/* RFC 8446, 6; RFC 5246, 7.2 */
static const struct {
	uint8_t number;
	const char *name;
} alerts[] = {
	{ ALERT_CLOSE_NOTIFY, "close notify" },
	{ 10, "unexpected message" },
	{ 20, "bad record MAC" },
	{ 22, "record overflow" },
	{ 40, "handshake failure" },
	{ 42, "bad certificate" },
	{ 43, "unsupported certificate" },
	{ 44, "certificate revoked" },
	{ 45, "certificate expired" },
	{ 46, "certificate unknown" },
	{ 47, "illegal parameter" },
	{ 48, "unknown CA" },
	{ 49, "access denied" },
	{ 50, "decode error" },
	{ 51, "decrypt error" },
	{ 70, "protocol version" },
	{ 71, "insufficient security" },
	{ 80, "internal error" },
	{ 86, "inappropriate fallback" },
	{ ALERT_USER_CANCELED, "user canceled" },
	{ 100, "no renegotiation" },
	{ 109, "missing extension" },
	{ 110, "unsupported extension" },
	{ 112, "unrecognized name" },
	{ 113, "bad certificate status response" },
	{ 115, "unknown PSK identity" },
	{ 116, "certificate required" },
	{ 120, "no application protocol" },
};

static const char *
alert_name(uint8_t number)
{
	static char text[32];

	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].number == number)
			return alerts[i].name;
	snprintf(text, sizeof(text), "number %u", number);
	return text;
}

/* level u8 | description u8; TLS 1.3 has no use for the level. */
static void
take_alert(struct half *h, const uint8_t *p, struct when at)
{
	bool harmless = p[1] == ALERT_CLOSE_NOTIFY ||
	    p[1] == ALERT_USER_CANCELED ||
	    (p[0] == LEVEL_WARNING && h->s->version != TLS_VERSION_13);

	if (p[1] == ALERT_CLOSE_NOTIFY) {
		h->closed = true;
		h->left_first = !other_half(h)->closed;
	} else if (!harmless) {
		h->alerted = true;
	}
	session_remark(h->s,
	    p[1] == ALERT_CLOSE_NOTIFY ? REMARK_NOTE : REMARK_FACT, at,
	    "TLS alert of the %s: %s%s", side_name(h), alert_name(p[1]),
	    harmless ? "" : " (fatal)");
}

/* ---- hellos ---- */

/* The hello did not come where it must. */
static void
miss_hello(struct half *h)
{
	if (h->dir == DIR_C2S ? !h->s->have_client : !h->s->have_server)
		h->missed = true;
}

static void
keep_server_name(struct tls_session *s, struct rk_span name)
{
	struct text t;

	free(s->server_name);
	s->server_name = NULL;
	if (name.len == 0 || name.len > 255)
		return;
	text_init(&t);
	text_add_escaped(&t, name.p, name.len);
	s->server_name = text_take(&t);
}

/* In TLS 1.2 there may be another handshake inside of the first. */
static bool
welcomes_hello(const struct half *h)
{
	return h->phase == PHASE_PLAIN || h->s->version == TLS_VERSION_12;
}

static void
take_client_hello(struct half *h, const uint8_t *p, size_t len)
{
	struct tls_session *s = h->s;
	const struct tls_secret *master;
	struct tls_client_hello hello;

	if (!tls_client_hello_read(&hello, p, len)) {
		miss_hello(h);
		return;
	}
	memcpy(s->client_random, hello.random, TLS_RANDOM_LEN);
	s->have_client = true;
	h->missed = false;
	/* The second one of TLS 1.3 may come behind its answer. */
	if (s->version == TLS_VERSION_13)
		return;
	/* In TLS 1.2 all is agreed on anew. */
	s->have_server = false;
	s->certificate = false;
	s->early_offered = s->early_offered || hello.early_data;
	keep_server_name(s, hello.server_name);
	tls_secret_wipe(&s->resumed);
	master = tls_resume_find(s->c.context->resume, hello.ticket);
	if (master == NULL)
		master =
		    tls_resume_find(s->c.context->resume, hello.session_id);
	if (master != NULL)
		s->resumed = *master;
}

static void
take_server_hello(struct half *h, const uint8_t *p, size_t len)
{
	struct tls_session *s = h->s;
	struct tls_server_hello hello;

	if (!tls_server_hello_read(&hello, p, len)) {
		miss_hello(h);
		return;
	}
	s->version = hello.version;
	s->suite_id = hello.suite;
	s->suite = tls_suite_by_id(hello.suite);
	if (s->suite != NULL && s->suite->version != s->version)
		s->suite = NULL;
	s->retry = hello.retry;
	/* What was sent with the first hello is not taken. */
	s->early_refused = s->early_refused || hello.retry;
	if (hello.retry)
		return;
	memcpy(s->server_random, hello.random, TLS_RANDOM_LEN);
	s->have_server = true;
	h->missed = false;
	s->session_id_len = hello.session_id.len < sizeof(s->session_id)
	    ? hello.session_id.len
	    : sizeof(s->session_id);
	memcpy(s->session_id, hello.session_id.p, s->session_id_len);
}

/* ---- other messages ---- */

static void
take_ticket(struct half *h, const uint8_t *p, size_t len)
{
	const struct tls_secret *master = session_master(h->s);

	if (h->s->version != TLS_VERSION_13 && master != NULL)
		tls_resume_store(h->s->c.context->resume,
		    tls_ticket_read(p, len), master);
}

static void
take_finished(struct half *h)
{
	if (h->phase == PHASE_HANDSHAKE)
		half_set_phase(h, PHASE_DATA);
}

/* What on_message() is told beside the message. */
struct place {
	struct half *h;
	struct when at;
};

/* request_update u8, 0 or 1 */
static void
take_key_update(struct place *pl, size_t len)
{
	struct half *h = pl->h;

	if (len == 1 && h->phase == PHASE_DATA &&
	    h->s->version == TLS_VERSION_13)
		half_update_key(h, pl->at);
}

static void
on_message(void *arg, uint8_t type, const uint8_t *body, size_t len)
{
	struct place *pl = arg;
	struct half *h = pl->h;

	if (h->phase == PHASE_PLAIN &&
	    type != (h->dir == DIR_C2S ? TLS_CLIENT_HELLO : TLS_SERVER_HELLO))
		miss_hello(h);
	if (type == TLS_CERTIFICATE && h->dir == DIR_S2C)
		h->s->certificate = true;
	if (type == TLS_FINISHED)
		take_finished(h);
	if (body == NULL)
		return;
	if (type <= TLS_SERVER_HELLO && !welcomes_hello(h))
		return;
	if (type == TLS_CLIENT_HELLO && h->dir == DIR_C2S)
		take_client_hello(h, body, len);
	else if (type == TLS_SERVER_HELLO && h->dir == DIR_S2C)
		take_server_hello(h, body, len);
	else if (type == TLS_NEW_SESSION_TICKET && h->dir == DIR_S2C)
		take_ticket(h, body, len);
	else if (type == TLS_ENCRYPTED_EXTENSIONS && h->dir == DIR_S2C)
		h->s->early_refused = !tls_takes_early_data(body, len);
	else if (type == TLS_KEY_UPDATE)
		take_key_update(pl, len);
}

static void
take_handshake(struct half *h, const uint8_t *p, size_t len, struct when at)
{
	struct place pl = { h, at };

	tls_messages_feed(&h->messages, p, len, on_message, &pl);
}

/* In TLS 1.2 what follows is encrypted, with a key of its own. */
static void
take_change(struct half *h)
{
	if (!h->s->have_server) {
		if (!h->s->retry)
			miss_hello(h);
		return;
	}
	if (h->s->version == TLS_VERSION_13)
		return;
	h->slack = 0;
	half_set_phase(h, PHASE_DATA);
}

/* ---- what cannot be read ---- */

/* Why there is no key is told once, before what is opaque for it. */
static void
say_reason(struct half *h, struct when at)
{
	struct tls_session *s = h->s;
	const char *reason = half_reason(h);

	if (s->said != NULL && strcmp(s->said, reason) == 0)
		return;
	free(s->said);
	s->said = xstrdup(reason);
	session_remark(s, REMARK_FACT, at, "TLS%s%s, shown as opaque: %s",
	    s->server_name != NULL ? " to " : "",
	    s->server_name != NULL ? s->server_name : "", reason);
}

static void
say_failed(struct half *h, const struct tls_record *r)
{
	if (h->said_failed)
		return;
	h->said_failed = true;
	session_remark(h->s, REMARK_WRONG, when_of(r),
	    h->proven ? "a TLS record of the %s cannot be opened: its bytes "
			"were changed, or records before it are missing"
		      : "the secrets that were given do not open the TLS "
			"records of the %s",
	    side_name(h));
}

/* The length of what a record of application data carries; 0: unknown. */
static size_t
data_len(const struct half *h, const struct tls_record *r)
{
	const struct tls_suite *suite = h->s->suite;

	if (h->s->version != TLS_VERSION_12 || suite == NULL || h->slack > 0 ||
	    r->header[0] != TLS_DATA || r->len <= tls_suite_overhead(suite))
		return 0;
	return r->len - tls_suite_overhead(suite);
}

/* One record that was there, but cannot be read. */
static void
pass_over(struct half *h, const struct tls_record *r)
{
	size_t n = h->phase == PHASE_DATA ? data_len(h, r) : 0;

	tls_messages_clear(&h->messages);
	if (n == 0) {
		half_missed_records(h, 1, when_of(r));
		return;
	}
	half_lose(h, n, when_of(r));
	h->slack++;
}

/* Parts of it were not captured. */
static void
pass_damaged(struct half *h, const struct tls_record *r)
{
	char why[64];

	if (h->phase == PHASE_PLAIN && r->header[0] == TLS_HANDSHAKE)
		miss_hello(h);
	snprintf(why, sizeof(why), "%zu of its %zu bytes are missing",
	    r->len - r->have, r->len);
	half_opaque_record(h, r, why);
	pass_over(h, r);
}

static void
pass_unopened(struct half *h, const struct tls_record *r)
{
	const struct tls_session *s = h->s;

	if (h->dir == DIR_C2S && h->phase == PHASE_HANDSHAKE &&
	    s->early_offered && !h->proven) {
		h->early = true;
		half_opaque_record(h, r, "0-RTT data");
		return;
	}
	if (half_key(h) != NULL) {
		say_failed(h, r);
		half_opaque_record(h, r, "cannot be opened");
	} else {
		say_reason(h, when_of(r));
		half_opaque_record(h, r, NULL);
	}
	pass_over(h, r);
}

/* ---- records ---- */

/* What a record carries, once it was opened. */
static void
take_content(struct half *h, uint8_t type, const uint8_t *p, size_t len,
    struct when at)
{
	if (type == TLS_DATA) {
		half_data(h, p, len, at);
	} else if (type == TLS_HANDSHAKE) {
		take_handshake(h, p, len, at);
	} else if (type == TLS_ALERT && len == 2) {
		take_alert(h, p, at);
	} else if (type == TLS_CHANGE_CIPHER_SPEC && len == 1) {
		take_change(h);
	} else {
		session_remark(h->s, REMARK_FACT, at,
		    "TLS content of type %u and %zu bytes of the %s, which "
		    "cannot be",
		    type, len, side_name(h));
	}
}

/* TLS 1.3: content | its type u8 | any number of zeros (RFC 8446, 5.2) */
static void
take_inner(struct half *h, const uint8_t *p, size_t len, struct when at)
{
	while (len > 0 && p[len - 1] == 0)
		len--;
	if (len == 0)
		session_remark(h->s, REMARK_FACT, at,
		    "TLS record of the %s without content, which cannot be",
		    side_name(h));
	else
		take_content(h, p[len - 1], p, len - 1, at);
}

static void
take_encrypted(struct half *h, const struct tls_record *r)
{
	const uint8_t *plain = h->s->c.context->plain;
	size_t len;

	if (!half_locate(h, r, &len)) {
		pass_unopened(h, r);
		return;
	}
	h->seq++;
	if (h->s->version == TLS_VERSION_13)
		take_inner(h, plain, len, when_of(r));
	else
		take_content(h, r->header[0], plain, len, when_of(r));
}

/* Data where a hello must be, or 0-RTT data that came before it was known
 * that it is refused. */
static void
pass_data(struct half *h, const struct tls_record *r)
{
	if (h->dir == DIR_C2S && h->s->retry && h->s->early_offered) {
		half_opaque_record(h, r, "0-RTT data");
		return;
	}
	miss_hello(h);
	say_reason(h, when_of(r));
	half_opaque_record(h, r, NULL);
	half_missed_records(h, 1, when_of(r));
	half_lose(h, 0, when_of(r));
}

/* A ChangeCipherSpec may be among what was not captured. */
static bool
is_encrypted_already(struct half *h, const struct tls_record *r)
{
	size_t len;

	return h->slack > 0 && h->s->version == TLS_VERSION_12 &&
	    h->s->have_server && r->header[0] != TLS_CHANGE_CIPHER_SPEC &&
	    half_locate(h, r, &len);
}

static void
take_plain(struct half *h, const struct tls_record *r)
{
	if (is_encrypted_already(h, r)) {
		take_encrypted(h, r);
		return;
	}
	if (r->header[0] == TLS_DATA) {
		pass_data(h, r);
		return;
	}
	take_content(h, r->header[0], r->body, r->len, when_of(r));
	/* Without its secrets all of a connection is shown. */
	if (!session_has_secrets(h->s) && session_master(h->s) == NULL)
		half_opaque_record(h, r, NULL);
}

/* TLS 1.3 has two kinds of records that stay plain. */
static bool
stays_plain(const struct half *h, const struct tls_record *r)
{
	if (h->s->version != TLS_VERSION_13)
		return false;
	return (r->header[0] == TLS_CHANGE_CIPHER_SPEC && r->len == 1) ||
	    (r->header[0] == TLS_ALERT && r->len == 2);
}

void
half_record(struct half *h, const struct tls_record *r)
{
	if (r->body == NULL)
		pass_damaged(h, r);
	else if (h->phase == PHASE_PLAIN)
		take_plain(h, r);
	else if (stays_plain(h, r))
		take_content(h, r->header[0], r->body, r->len, when_of(r));
	else
		take_encrypted(h, r);
}
