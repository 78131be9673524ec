/* The option table: what each option and key stands for. */
#include "config.h"

#include "relayd/conf_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/dialect.h"
#include "net/address.h"
#include "relayd/access_url.h"
#include "relayd/conf_file.h"
#include "relayd/fault.h"
#include "relayd/mail.h"
#include "relayd/toml.h"

static void *
member(struct conf *c, const struct option_spec *o)
{
	return (char *)c + o->offset;
}

static bool
parse_bool(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	bool yes = strcmp(value, "true") == 0;

	if (!yes && strcmp(value, "false") != 0) {
		snprintf(err, err_size, "neither true nor false");
		return false;
	}
	*(bool *)member(c, o) = yes;
	return true;
}

static bool
parse_flag(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	*(bool *)member(c, o) = true;
	return value == NULL || parse_bool(c, o, value, err, err_size);
}

static bool
parse_text(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	char **s = member(c, o);

	free(*s);
	*s = xstrdup(value);
	return true;
}

static bool
parse_number(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	if (number_parse(value, o->min, o->max, member(c, o)))
		return true;
	snprintf(err, err_size,
	    "not a whole number from %" PRId64 " to %" PRId64, o->min, o->max);
	return false;
}

static void
add_duration(struct text *t, int64_t ns)
{
	if (ns % NS_PER_S == 0)
		text_addf(t, "%" PRId64 "s", ns / NS_PER_S);
	else
		text_addf(t, "%" PRId64 "ms", ns / NS_PER_MS);
}

static bool
parse_duration(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	int64_t ns = duration_parse(value);
	struct text range;

	if (ns >= o->min && ns <= o->max) {
		*(int64_t *)member(c, o) = ns;
		return true;
	}
	text_init(&range);
	add_duration(&range, o->min);
	text_add(&range, " to ");
	add_duration(&range, o->max);
	snprintf(err, err_size, "not a duration such as 500ms or 2s, from %s",
	    text_str(&range));
	text_clear(&range);
	return false;
}

void
conf_add_listener(struct conf *c, enum listen_kind kind, const char *address)
{
	c->listen =
	    xreallocarray(c->listen, c->nlisten + 1, sizeof(*c->listen));
	c->listen[c->nlisten++] = (struct conf_listen){ .kind = kind,
		.address = xstrdup(address),
		.from_file = c->line > 0 };
}

static bool
parse_listen(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	struct address a;

	if (!address_parse(value, &a)) {
		snprintf(err, err_size,
		    "not ADDR:PORT, such as 127.0.0.1:3340 or [::]:3340");
		return false;
	}
	conf_add_listener(c, (enum listen_kind)o->min, value);
	return true;
}

/* The reference begins with a file of its own where there is none: o->min. */
static bool
parse_file(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	c->may_lack = o->min != 0;
	return parse_text(c, o, value, err, err_size);
}

static bool
parse_log_level(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	int level = log_level_parse(value);

	if (level < 0) {
		snprintf(err, err_size, "not one of error, warn, info, debug");
		return false;
	}
	c->log_level = (enum log_level)level;
	return true;
}

/* "3", "0.5", "12.125", "1e3" into thousandths. */
static bool
parse_rate(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	char *end = NULL;
	double v = 0;
	int64_t n;

	if (strspn(value, "0123456789.eE+-") == strlen(value) &&
	    value[0] >= '0' && value[0] <= '9')
		v = strtod(value, &end) * 1000;
	if (end != NULL && *end == '\0' && end[-1] != '.' && v < 1e12) {
		n = (int64_t)(v + 0.5);
		if (n >= o->min && n <= o->max && v - (double)n < 1e-4 &&
		    (double)n - v < 1e-4) {
			*(int64_t *)member(c, o) = n;
			return true;
		}
	}
	snprintf(err, err_size,
	    "not a number above 0 such as 50 or 0.5, with three decimals at "
	    "most");
	return false;
}

/* Their certificates are files in any case. */
static bool
parse_cert_mode(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	c->reloading = strcmp(value, "Reloading") == 0;
	c->has_cert_mode = true;
	if (c->reloading || strcmp(value, "Manual") == 0)
		return true;
	snprintf(err, err_size,
	    "not Manual or Reloading; certificates are not fetched");
	return false;
}

static bool
set_rule(struct conf *c, const struct option_spec *o, char *err,
    size_t err_size)
{
	enum access_rule rule = (enum access_rule)o->min;

	if (c->access != ACCESS_EVERYONE && c->access != rule) {
		snprintf(err, err_size,
		    "clients are judged by an allow list, a deny list or a "
		    "service, not both");
		return false;
	}
	c->access = rule;
	return true;
}

static bool
parse_key(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	struct rk_key key;

	if (rk_key_parse(value, strlen(value), &key) != RK_OK) {
		snprintf(err, err_size, "not a key, in hex or base32");
		return false;
	}
	c->keys = xreallocarray(c->keys, c->nkeys + 1, sizeof(*c->keys));
	c->keys[c->nkeys++] = key;
	return set_rule(c, o, err, err_size);
}

static bool
parse_key_file(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	c->key_files = xreallocarray(c->key_files, c->nkey_files + 1,
	    sizeof(*c->key_files));
	c->key_files[c->nkey_files++] = xstrdup(value);
	return set_rule(c, o, err, err_size);
}

static bool
parse_access_url(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	struct access_url u;

	return access_url_parse(value, &u, err, err_size) &&
	    set_rule(c, o, err, err_size) &&
	    parse_text(c, o, value, err, err_size);
}

const char *
conf_shown(const struct option_spec *o, const char *value)
{
	return o->parse == parse_access_url && strchr(value, '@') != NULL
	    ? "…"
	    : value;
}

static void
wipe(char **secret)
{
	if (*secret != NULL)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

/* Never part of a message. */
static bool
parse_secret(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	char **s = member(c, o);

	wipe(s);
	*s = xstrdup(value);
	return true;
}

static bool
parse_generation(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	static const struct {
		const char *word;
		enum generation generation;
	} words[] = { { "0.28", GENERATION_028 }, { "0.35", GENERATION_035 },
		{ "both", GENERATION_BOTH } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(value, words[i].word) == 0) {
			c->generation = words[i].generation;
			return true;
		}
	}
	snprintf(err, err_size, "not one of 0.28, 0.35, both");
	return false;
}

#ifdef HAVE_FAULTS
/* They are on from the start or not at all. */
static bool
parse_fault(struct conf *c, const struct option_spec *o, const char *value,
    char *err, size_t err_size)
{
	if (c->again)
		return true;
	if (strcmp(value, "help") == 0) {
		c->list_faults = true;
		return true;
	}
	return fault_enable(value, err, err_size);
}
#endif

/* clang-format off */
#define AT(m) offsetof(struct conf, m)
#define MS    NS_PER_MS
#define HOUR  (3600 * NS_PER_S)

const struct option_spec conf_options[] = {
	{ "config",        "FILE", parse_file, AT(file), false, 0,          "read this first; options given here win", "", false },
	{ "config-path",   "FILE", parse_file, AT(file), true, 0,           "the same; it need not be there", "", true },
	{ "check-config",  NULL, parse_flag, AT(check), 0, 0,               "say what is wrong with it, and exit", "", false },
	{ "listen",        "ADDR:PORT", parse_listen, 0, LISTEN_HTTP, 0,    "serve HTTP there; repeatable, port 0 is free", "http_bind_addr", false },
	{ "listen-tls",    "ADDR:PORT", parse_listen, 0, LISTEN_HTTPS, 0,   "serve HTTPS there; repeatable", "tls.https_bind_addr", false },
	{ "cert",          "FILE", parse_text, AT(cert), 0, 0,              "certificate chain, PEM", "tls.manual_cert_path", false },
	{ "key",           "FILE", parse_text, AT(key), 0, 0,               "its key, PEM, if not in the same file", "tls.manual_key_path", false },
	{ "metrics",       "ADDR:PORT", parse_listen, 0, LISTEN_METRICS, 0, "serve metrics there; repeatable", "metrics_bind_addr", false },
	{ "stun",          "ADDR:PORT", parse_listen, 0, LISTEN_STUN, 0,    "answer STUN there; repeatable", "stun_bind_addr", false },
	{ "cert-mode",     "Manual|Reloading", parse_cert_mode, 0, 0, 0,    "where certificates come from", "tls.cert_mode", true },
	{ "reload-every",  "TIME", parse_duration, AT(reload_every), 10 * MS, 720 * HOUR, "as SIGHUP does; with Reloading 24h", NULL, true },
	{ "cert-dir",      "DIR", parse_text, AT(cert_dir), 0, 0,           "of default.crt and default.key", "tls.cert_dir", true },
	{ "enable-relay",  "BOOL", parse_bool, AT(enable_relay), 0, 0,      "without effect", NULL, true },
	{ "enable-stun",   "BOOL", parse_bool, AT(enable_stun), 0, 0,       "with a file: false leaves out its STUN", NULL, true },
	{ "enable-metrics", "BOOL", parse_bool, AT(enable_metrics), 0, 0,   "with a file: false leaves out its metrics", NULL, true },
	{ "dev",           NULL, parse_flag, AT(dev), 0, 0,                 CONF_DEV_ADDRESS ", metrics on 9090, STUN on 3478", NULL, false },
	{ "plain-relay",   NULL, parse_flag, AT(plain_relay), 0, 0,         "beside TLS, relay over plain HTTP too", NULL, false },
	{ "generation",    "0.28|0.35|both", parse_generation, 0, 0, 0,     "which relay to be", NULL, false },
	{ "log-level",     "WORD", parse_log_level, 0, 0, 0,                "error, warn, info or debug", NULL, false },
	{ "user",          "NAME", parse_text, AT(user), 0, 0,              "become that user once all is open", NULL, false },
	{ "no-sandbox",    NULL, parse_flag, AT(no_sandbox), 0, 0,          "do not filter system calls", NULL, true },
	{ "capture",       "DIR", parse_text, AT(capture), 0, 0,            "write what each client says there, as pcapng", NULL, true },
	{ "capture-max-bytes", "N", parse_number, AT(capture_max_bytes), 4096, INT64_C(1) << 40, "of each of these files", NULL, true },
	{ "capture-max-files", "N", parse_number, AT(capture_max_files), 1, 1000000, "such files in all", NULL, true },
	{ "drain-time",    "TIME", parse_duration, AT(drain_time), 10 * MS, 24 * HOUR, "for clients to go after SIGUSR1", NULL, true },
	{ "keepalive",     "TIME", parse_duration, AT(keepalive), 10 * MS, HOUR,     "period of KeepAlive", NULL, false },
	{ "login-timeout", "TIME", parse_duration, AT(login_timeout), 10 * MS, HOUR, "for the login, from the upgrade", NULL, false },
	{ "write-timeout", "TIME", parse_duration, AT(write_timeout), 10 * MS, HOUR, "for a receiver that takes nothing", NULL, false },
	{ "head-timeout",  "TIME", parse_duration, AT(head_timeout), 10 * MS, HOUR,  "for each HTTP request", NULL, true },
	{ "tls-timeout",   "TIME", parse_duration, AT(tls_timeout), 10 * MS, HOUR,   "for the TLS handshake", NULL, true },
	{ "ping-after",    "TIME", parse_duration, AT(ping_after), 10 * MS, HOUR,    "0.35: Ping after such silence + 1 to 5s", NULL, true },
	{ "pong-timeout",  "TIME", parse_duration, AT(pong_timeout), 10 * MS, HOUR,  "0.35: for the Pong", NULL, true },
	{ "queue-packets", "N", parse_number, AT(queue_packets), 1, 1000000,         "per receiver and class", NULL, true },
	{ "queue-bytes",   "N", parse_number, AT(queue_bytes), 1, INT64_C(1) << 40,  "per receiver and class", NULL, true },
	{ "max-head",      "N", parse_number, AT(max_head), 256, 1048576,            "bytes of a request head", NULL, true },
	{ "threads",       "N", parse_number, AT(threads), 1, MAIL_LOOPS_MAX,        "event loops; 3 CPUs or more: one each, else 1", NULL, false },
#ifdef HAVE_FAULTS
	{ "fault",         "NAME", parse_fault, 0, 0, 0,                    "do this wrong on purpose; help lists them", NULL, false },
	{ "json",          NULL, parse_flag, AT(json), 0, 0,                "list faults as JSON", "", true },
#endif
	{ "rx-rate",       "N", parse_number, AT(rx_rate), 1, INT64_C(1) << 33,      "bytes a second that each client may send", "limits.client.rx.bytes_per_second", true },
	{ "rx-burst",      "N", parse_number, AT(rx_burst), 1, INT64_C(1) << 33,     "bytes that it may send at once", "limits.client.rx.max_burst_bytes", true },
	{ "accept-rate",   "N", parse_rate, AT(accept_rate), 1, 1000000000,          "connections accepted a second", "limits.accept_conn_limit", true },
	{ "accept-burst",  "N", parse_number, AT(accept_burst), 0, 1000000,          "connections accepted at once", "limits.accept_conn_burst", true },
	{ "allow",         "KEY", parse_key, 0, ACCESS_LISTED, 0,                    "let in this key, and else nobody; repeatable", "access.allowlist", false },
	{ "allow-file",    "FILE", parse_key_file, 0, ACCESS_LISTED, 0,              "the same for each key of a file", NULL, true },
	{ "deny",          "KEY", parse_key, 0, ACCESS_UNLISTED, 0,                  "refuse this key; repeatable", "access.denylist", false },
	{ "deny-file",     "FILE", parse_key_file, 0, ACCESS_UNLISTED, 0,            "the same for each key of a file", NULL, true },
	{ "access-url",    "URL", parse_access_url, AT(access_url), ACCESS_ASKED, 0, "ask there by HTTP who may log in", "access.http.url", false },
	{ "access-token",  "WORD", parse_secret, AT(access_token), 0, 0,             "Bearer token for that", "access.http.bearer_token", true },
	{ "access-ca",     "FILE", parse_text, AT(access_ca), 0, 0,                  "certificates to trust there, PEM", NULL, true },
	{ "access-timeout", "TIME", parse_duration, AT(access_timeout), 10 * MS, HOUR, "for the answer; none: refused", NULL, true },
	{ "access-max",    "N", parse_number, AT(access_max), 1, 10000,              "questions at a time; others wait", NULL, true },
};

#define NOPTIONS (sizeof(conf_options) / sizeof(conf_options[0]))
/* clang-format on */
_Static_assert(NOPTIONS <= CONF_OPTIONS_MAX, "one line each");
const size_t conf_noptions = NOPTIONS;

void
conf_init(struct conf *c, const struct rk_dialect *dialect)
{
	*c = (struct conf){
		.dialect = dialect,
		.generation = GENERATION_BOTH,
		.log_level = LOG_INFO,
		.keepalive = dialect->liveness.keepalive_ms * NS_PER_MS,
		.login_timeout = dialect->liveness.login_ms * NS_PER_MS,
		.write_timeout = dialect->liveness.write_ms * NS_PER_MS,
		.ping_after = 15 * NS_PER_S, /* D-03 */
		.pong_timeout = dialect->liveness.ping_reply_ms * NS_PER_MS,
		.head_timeout = 30 * NS_PER_S,
		.tls_timeout = 30 * NS_PER_S,
		.queue_packets = (int64_t)dialect->queue_packets,
		.queue_bytes = 4 << 20,
		.max_head = 417792, /* section 1.5 */
		.accept_burst = -1,
		.access_timeout = 5 * NS_PER_S,
		.access_max = 64,
		.capture_max_bytes = 64 << 20,
		.capture_max_files = 1000,
		.drain_time = 60 * NS_PER_S,
		.enable_relay = true,
		.enable_stun = true,
		.enable_metrics = true,
	};
}

void
conf_clear(struct conf *c)
{
	free(c->capture);
	wipe(&c->access_token);
	wipe(&c->access_url);
	free(c->access_ca);
	free(c->user);
	for (size_t i = 0; i < c->nlisten; i++)
		free(c->listen[i].address);
	free(c->listen);
	for (size_t i = 0; i < c->nkey_files; i++)
		free(c->key_files[i]);
	free(c->key_files);
	free(c->keys);
	free(c->cert);
	free(c->key);
	free(c->cert_dir);
	free(c->file);
	memset(c, 0, sizeof(*c));
}

void
conf_note_tls(struct conf *c)
{
	if (c->tls_line == 0)
		c->tls_line = c->line;
}

/* ---- keys of a file ---- */

static bool
has_key(const struct option_spec *o, const char *key)
{
	const char *name = o->name;

	if (o->key != NULL && strcmp(o->key, key) == 0)
		return true;
	if (o->key != NULL && o->key[0] == '\0')
		return false;
	for (;
	     *name != '\0' && (*key == *name || (*name == '-' && *key == '_'));
	     name++, key++)
		;
	return *name == '\0' && *key == '\0';
}

bool
conf_is_key(const char *key)
{
	for (size_t i = 0; i < NOPTIONS; i++)
		if (has_key(&conf_options[i], key))
			return true;
	return false;
}

size_t
conf_index(const char *name)
{
	size_t i = 0;

	while (strcmp(conf_options[i].name, name) != 0)
		i++;
	return i;
}

const char *
conf_key(size_t i)
{
	static char own[32];

	if (i >= NOPTIONS)
		return NULL;
	if (conf_options[i].key != NULL)
		return conf_options[i].key;
	snprintf(own, sizeof(own), "%s", conf_options[i].name);
	for (char *s = own; *s != '\0'; s++)
		if (*s == '-')
			*s = '_';
	return own;
}

static enum conf_setting
set_nothing(struct conf *c, const struct option_spec *o, char *err,
    size_t err_size)
{
	if (o->parse == parse_key)
		return set_rule(c, o, err, err_size) ? CONF_SET : CONF_BAD;
	return CONF_SET;
}

static bool
may_be_repeated(const struct option_spec *o)
{
#ifdef HAVE_FAULTS
	if (o->parse == parse_fault)
		return true;
#endif
	return o->parse == parse_listen || o->parse == parse_key ||
	    o->parse == parse_key_file;
}

/* What a file must have for |o|; a string, if it is not said. */
static const char *
wanted_kind(const struct option_spec *o, int *kinds)
{
	static const struct {
		parse_fn parse;
		int kinds;
		const char *word;
	} others[] = {
		{ parse_flag, TOML_BOOL, "true or false" },
		{ parse_bool, TOML_BOOL, "true or false" },
		{ parse_number, TOML_INTEGER, "a whole number" },
		{ parse_rate, TOML_INTEGER | TOML_FLOAT, "a number" },
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (others[i].parse == o->parse) {
			*kinds = others[i].kinds;
			return others[i].word;
		}
	}
	*kinds = TOML_STRING;
	return "a \"string\"";
}

/* Where the reference has one address, there are several by our name. */
static bool
may_be_array(const struct option_spec *o, const char *key)
{
	return may_be_repeated(o) &&
	    (o->parse != parse_listen || strcmp(o->key, key) != 0);
}

static bool
has_kind(const struct option_spec *o, const struct toml_item *item, char *err,
    size_t err_size)
{
	bool array = item->in_array || item->kind == TOML_ARRAY;
	int kinds;
	const char *word = wanted_kind(o, &kinds);

	if (array && !may_be_array(o, item->key))
		snprintf(err, err_size, "%s: an array, where %s is wanted",
		    item->key, word);
	else if (item->kind == TOML_ARRAY && !item->in_array)
		return true;
	else if ((item->kind & kinds) == 0)
		snprintf(err, err_size, "%s: %s is wanted", item->key, word);
	else
		return true;
	return false;
}

enum conf_setting
conf_set_option(struct conf *c, const struct toml_item *item, char *err,
    size_t err_size)
{
	char why[320];

	if (strncmp(item->key, "tls.", strlen("tls.")) == 0)
		conf_note_tls(c);
	for (size_t i = 0; i < NOPTIONS; i++) {
		const struct option_spec *o = &conf_options[i];

		if (!has_key(o, item->key))
			continue;
		if (c->lines[i] > 0 && !may_be_repeated(o)) {
			snprintf(err, err_size, "%s is there twice", item->key);
			return CONF_BAD;
		}
		if (!has_kind(o, item, err, err_size))
			return CONF_BAD;
		c->lines[i] = c->line;
		if (item->kind == TOML_ARRAY)
			return set_nothing(c, o, err, err_size);
		if (o->parse(c, o, item->value, why, sizeof(why)))
			return CONF_SET;
		snprintf(err, err_size, "%s = %s: %s", item->key,
		    conf_shown(o, item->value), why);
		return CONF_BAD;
	}
	return CONF_UNKNOWN;
}

/* ---- help ---- */

void
conf_add_default(struct text *t, struct conf *c, const struct option_spec *o)
{
	bool duration = o->parse == parse_duration;
	const int64_t *n = member(c, o);

	if ((!duration && o->parse != parse_number) || *n <= 0)
		return; /* no number, or none by default */
	text_add(t, " (");
	if (duration)
		add_duration(t, *n);
	else
		text_addf(t, "%" PRId64, *n);
	text_add(t, ")");
}
