/* conn: what its keys ask for, and waiting until it is set up. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/steps.h"

struct conn_making {
	struct play *play;
	struct party_config *config;
	struct text *err;
};

static bool
text_of(const struct value *v, char *out, size_t size, struct text *err)
{
	if (v->kind != VALUE_BYTES && v->kind != VALUE_WORD) {
		text_add(err, "a text is needed, not ");
		value_to_text(v, err);
		return false;
	}
	if (v->len >= size) {
		text_add(err, "the text is too long");
		return false;
	}
	memcpy(out, v->bytes, v->len);
	out[v->len] = '\0';
	return true;
}

static bool
yes_or_no(const struct value *v, bool *out, struct text *err)
{
	char word[8];

	if (!text_of(v, word, sizeof(word), err))
		return false;
	*out = strcmp(word, "yes") == 0;
	if (*out || strcmp(word, "no") == 0)
		return true;
	text_addf(err, "yes or no is needed, not %s", word);
	return false;
}

static bool
set_key(struct conn_making *m, const struct value *v)
{
	return values_secret(&m->play->values, v, &m->config->key, m->err);
}

static bool
set_carrier(struct conn_making *m, const struct value *v)
{
	char word[8];

	if (!text_of(v, word, sizeof(word), m->err))
		return false;
	for (int c = 0; c < RK_NCARRIERS; c++)
		if (strcmp(rk_carrier_name((enum rk_carrier)c), word) == 0) {
			m->config->carrier = (enum rk_carrier)c;
			return true;
		}
	text_addf(m->err, "there is no carrier %s", word);
	return false;
}

static bool
set_url(struct conn_making *m, const char *url)
{
	char line[256];

	if (relay_url_parse(url, &m->config->url, line, sizeof(line)) != 0) {
		text_add(m->err, line);
		return false;
	}
	m->config->tls = m->config->url.tls;
	return true;
}

/* HOST:PORT: the URL of a scheme that UDP does not have. */
static bool
set_udp(struct conn_making *m, const char *place)
{
	char *url;
	bool ok;

	if (place == NULL) {
		play_fail(m->play, CODE_UNSUPPORTED,
		    "the target has no known STUN port");
		return false;
	}
	url = xasprintf("http://%s", place);
	ok = set_url(m, url);
	free(url);
	snprintf(m->config->url.text, sizeof(m->config->url.text), "%s", place);
	m->config->tls = false;
	return ok;
}

/* The listeners that a target may have beside the main one. */
static bool
set_to(struct conn_making *m, const struct value *v)
{
	const struct engine_target *t = m->play->target;
	char word[512];
	const char *url = word;

	if (!text_of(v, word, sizeof(word), m->err))
		return false;
	if (m->config->kind == CONN_UDP)
		return set_udp(m, strcmp(word, "stun") == 0 ? t->stun : word);
	if (strcmp(word, "main") == 0)
		return true;
	if (strcmp(word, "plain") == 0)
		url = t->plain_url;
	else if (strcmp(word, "metrics") == 0)
		url = t->metrics_url;
	else if (strstr(word, "://") == NULL)
		url = NULL;
	if (url != NULL)
		return set_url(m, url);
	play_fail(m->play, CODE_UNSUPPORTED,
	    "the target has no listener \"%s\"", word);
	return false;
}

static bool
set_confirm(struct conn_making *m, const struct value *v)
{
	return yes_or_no(v, &m->config->confirm, m->err);
}

static bool
set_within(struct conn_making *m, const struct value *v)
{
	if (v->kind != VALUE_DURATION) {
		text_add(m->err, "a time is needed, not ");
		value_to_text(v, m->err);
		return false;
	}
	m->config->within_ns = play_scaled(m->play, v->number);
	return true;
}

static bool
set_autopong(struct conn_making *m, const struct value *v)
{
	return yes_or_no(v, &m->config->autopong, m->err);
}

static bool
set_rcvbuf(struct conn_making *m, const struct value *v)
{
	if (v->kind != VALUE_INT || v->number < 1 || v->number > INT32_MAX) {
		text_add(m->err, "a number of bytes is needed, not ");
		value_to_text(v, m->err);
		return false;
	}
	m->config->rcvbuf = (int)v->number;
	return true;
}

static bool
set_alpn(struct conn_making *m, const struct value *v)
{
	return text_of(v, m->config->alpn, sizeof(m->config->alpn), m->err);
}

static bool
set_sni(struct conn_making *m, const struct value *v)
{
	return text_of(v, m->config->sni, sizeof(m->config->sni), m->err);
}

static bool
tls_version_of(struct conn_making *m, const struct value *v, int *out)
{
	char word[16];

	if (!text_of(v, word, sizeof(word), m->err))
		return false;
	*out = strcmp(word, "1.2") == 0 ? 12
	    : strcmp(word, "1.3") == 0  ? 13
					: 0;
	if (*out == 0)
		play_fail(m->play, CODE_UNSUPPORTED,
		    "TLS %s is not spoken here, only 1.2 and 1.3", word);
	return *out != 0;
}

static bool
set_tls_min(struct conn_making *m, const struct value *v)
{
	return tls_version_of(m, v, &m->config->tls_min);
}

static bool
set_tls_max(struct conn_making *m, const struct value *v)
{
	return tls_version_of(m, v, &m->config->tls_max);
}

static bool
set_verify(struct conn_making *m, const struct value *v)
{
	bool verify;

	if (!yes_or_no(v, &verify, m->err))
		return false;
	m->config->insecure = !verify;
	return true;
}

/* What the client was told before it came: see play_start_client(). */
static bool
set_told(struct conn_making *m, const struct value *v)
{
	return true;
}

static const struct conn_key {
	const char *name;
	bool (*set)(struct conn_making *m, const struct value *v);
} conn_keys[] = {
	{ "key", set_key },
	{ "carrier", set_carrier },
	{ "to", set_to },
	{ "confirm", set_confirm },
	{ "autopong", set_autopong },
	{ "within", set_within },
	{ "host", set_told },
	{ "path", set_told },
	{ "send", set_told },
	{ "tls", set_told },
	{ "rcvbuf", set_rcvbuf },
	{ "tls.alpn", set_alpn },
	{ "tls.sni", set_sni },
	{ "tls.min", set_tls_min },
	{ "tls.max", set_tls_max },
	{ "tls.verify", set_verify },
};

static bool
apply(struct conn_making *m, const struct setting *set)
{
	struct value v;
	bool ok;

	for (size_t i = 0; i < sizeof(conn_keys) / sizeof(conn_keys[0]); i++) {
		if (strcmp(conn_keys[i].name, set->name) != 0)
			continue;
		if (!values_eval(&m->play->values, set->value, &v, m->err))
			return false;
		ok = conn_keys[i].set(m, &v);
		value_clear(&v);
		return ok;
	}
	text_addf(m->err, "a connection has no %s=", set->name);
	return false;
}

static void
set_defaults(struct play *p, const struct step *s, struct party_config *c)
{
	const struct engine_target *t = p->target;

	c->kind = s->conn_kind;
	c->url = t->url;
	c->tls =
	    s->conn_kind == CONN_LISTEN ? p->client_tls != NULL : t->url.tls;
	c->carrier = p->instance->carrier;
	c->confirm = true;
	c->autopong = true;
	c->insecure = t->insecure;
	c->line = s->at.line;
	c->within_ns = play_scaled(p, DEFAULT_SETUP);
}

static bool
configure(struct play *p, const struct step *s, struct party_config *c,
    struct text *err)
{
	struct conn_making m = { p, c, err };

	set_defaults(p, s, c);
	if (s->conn_kind == CONN_UDP && step_setting(s, "to") == NULL &&
	    !set_udp(&m, p->target->stun))
		return false;
	for (size_t i = 0; i < s->nsettings; i++)
		if (!apply(&m, &s->settings[i]))
			return false;
	if (s->conn_kind == CONN_LOGIN && step_setting(s, "key") == NULL) {
		text_add(err, "a login needs key=");
		return false;
	}
	if (c->sni[0] == '\0')
		snprintf(c->sni, sizeof(c->sni), "%s",
		    p->target->sni != NULL ? p->target->sni : c->url.host);
	return true;
}

enum step_status
conn_begin(struct play *p, const struct step *s)
{
	struct party_config c;
	struct text err = { 0 };

	memset(&c, 0, sizeof(c));
	if (!configure(p, s, &c, &err)) {
		if (err.len == 0)
			return STEP_FAILED;
		return play_fail_script(p, &err);
	}
	party_open(p, s->conn, &c);
	rk_secret_key_wipe(&c.key);
	return STEP_WAITS;
}

/* Setting up is what the case stands on, unless the line says that it is
 * what the case is about. */
static enum step_status
not_set_up(struct play *p, const struct step *s, enum result_code as,
    const char *why)
{
	if (engine_observes(p->engine)) {
		play_remark(p, NULL, s->at.line, "%s", why);
		return STEP_OVER;
	}
	if (s->outcome.word == WORD_NONE && as != CODE_HARNESS_LATE &&
	    as != CODE_SCRIPT)
		as = CODE_CONNECT;
	return play_fail(p, as, "%s%s%s", why,
	    s->outcome.text != NULL ? ": " : "",
	    s->outcome.text != NULL ? s->outcome.text : "");
}

enum step_status
conn_poll(struct play *p, const struct step *s)
{
	static const char *const doing[] = { "connecting", "the TLS handshake",
		"the upgrade", "the login", "the Pong behind the login" };
	struct party *c = play_party(p, s->conn);
	int64_t deadline = c->begun_ns + c->config.within_ns;
	char why[256], how[64];

	if (c->listening && c->stream == NULL && c->state == PARTY_DIALING)
		party_accept(c);
	if (c->state == PARTY_READY)
		return STEP_OVER;
	if (c->state == PARTY_FAILED)
		return not_set_up(p, s, c->fail_as, text_str(&c->failure));
	if (play_now(p) < deadline) {
		play_wake_at(p, deadline);
		return STEP_WAITS;
	}
	if (c->listening)
		snprintf(why, sizeof(why), "%s: no client came within %.3g s%s",
		    c->name, (double)c->config.within_ns / (double)NS_PER_S,
		    play_client_ending(p, how, sizeof(how)));
	else
		snprintf(why, sizeof(why), "%s: %s did not end within %.3g s",
		    c->name, doing[c->state],
		    (double)c->config.within_ns / (double)NS_PER_S);
	return not_set_up(p, s,
	    play_was_late(p, c->begun_ns, c->config.within_ns)
		? CODE_HARNESS_LATE
		: CODE_NEVER,
	    why);
}
