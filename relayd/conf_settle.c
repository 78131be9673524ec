/*
 * From what was said to what is to be done: defaults that depend on other
 * options, and what does not go together.
 */
#include "config.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/mail.h"
#include "relayd/service_manager.h"

/* Section 7 of the specification. */
#define FILE_ADDRESS "[::]:80"
#define HTTPS_PORT   443
#define METRICS_PORT 9090
#define STUN_PORT    3478
#define RELOADING_NS (24 * 3600 * NS_PER_S) /* D-20 */

#define TOKEN_MAX 1024

/* ---- who is to blame ---- */

/* "--option does what --other", or the same of their keys, with the place in
 * the file, if that set it. */
static bool
complain(const struct conf *c, const char *option, const char *does,
    const char *other, char *err, size_t err_size)
{
	size_t i = conf_index(option);
	char key[64];

	if (c->lines[i] <= 0) {
		snprintf(err, err_size, "--%s %s --%s", option, does, other);
		return false;
	}
	snprintf(key, sizeof(key), "%s", conf_key(i));
	snprintf(err, err_size, "%s:%d: %s %s %s", c->file, c->lines[i], key,
	    does, conf_key(conf_index(other)));
	return false;
}

static bool
blame_line(const struct conf *c, int line, char *err, size_t err_size)
{
	char *what;

	if (line <= 0)
		return false;
	what = xstrdup(err);
	snprintf(err, err_size, "%s:%d: %s", c->file, line, what);
	free(what);
	return false;
}

bool
conf_blame(const struct conf *c, const char *option, char *err, size_t err_size)
{
	return blame_line(c, c->lines[conf_index(option)], err, err_size);
}

bool
conf_blame_tls(const struct conf *c, char *err, size_t err_size)
{
	int line = c->lines[conf_index("cert")];

	if (line == 0)
		line = c->lines[conf_index("cert-dir")];
	return blame_line(c, line != 0 ? line : c->tls_line, err, err_size);
}

/* ---- what follows ---- */

static bool
has_listener(const struct conf *c, enum listen_kind kind)
{
	for (size_t i = 0; i < c->nlisten; i++)
		if (c->listen[i].kind == kind)
			return true;
	return false;
}

static void
drop(struct conf *c, enum listen_kind kind, bool from_file_only)
{
	size_t kept = 0;

	for (size_t i = 0; i < c->nlisten; i++) {
		if (c->listen[i].kind == kind &&
		    (c->listen[i].from_file || !from_file_only))
			free(c->listen[i].address);
		else
			c->listen[kept++] = c->listen[i];
	}
	c->nlisten = kept;
}

void
conf_drop_listeners(struct conf *c, enum listen_kind kind)
{
	drop(c, kind, false);
}

/* What is named on the command line takes the place of the file's. */
static void
settle_listeners(struct conf *c)
{
	bool named[LISTEN_NKINDS] = { false };

	for (size_t i = 0; i < c->nlisten; i++)
		if (!c->listen[i].from_file)
			named[c->listen[i].kind] = true;
	for (int kind = 0; kind < LISTEN_NKINDS; kind++)
		if (named[kind] || (kind == LISTEN_HTTPS && c->dev) ||
		    (kind == LISTEN_STUN && !c->enable_stun) ||
		    (kind == LISTEN_METRICS && !c->enable_metrics))
			drop(c, (enum listen_kind)kind, true);
}

/* At the host of the first plain listener. */
static void
add_beside(struct conf *c, enum listen_kind kind, unsigned port)
{
	const char *http = "[::]:0";
	char address[128];

	if (has_listener(c, kind))
		return;
	for (size_t i = c->nlisten; i-- > 0;)
		if (c->listen[i].kind == LISTEN_HTTP &&
		    strchr(c->listen[i].address, ':') != NULL)
			http = c->listen[i].address;
	snprintf(address, sizeof(address), "%.*s:%u",
	    (int)(strrchr(http, ':') - http), http, port);
	conf_add_listener(c, kind, address);
}

/* What the reference opens unasked (section 7.2). */
static void
add_defaults(struct conf *c)
{
	if (!has_listener(c, LISTEN_HTTP))
		conf_add_listener(c, LISTEN_HTTP,
		    c->dev ? CONF_DEV_ADDRESS : FILE_ADDRESS);
	if (c->tls_line > 0 && !c->dev)
		add_beside(c, LISTEN_HTTPS, HTTPS_PORT);
	if (c->enable_metrics)
		add_beside(c, LISTEN_METRICS, METRICS_PORT);
	if (c->enable_stun)
		add_beside(c, LISTEN_STUN, STUN_PORT);
}

static void
default_text(char **s, const char *dir, const char *name)
{
	if (*s == NULL)
		*s = xasprintf("%s/%s", dir, name);
}

static void
settle_certificate(struct conf *c)
{
	const char *dir = c->cert_dir != NULL ? c->cert_dir : ".";

	if (c->tls_line > 0 || c->cert_dir != NULL) {
		default_text(&c->cert, dir, "default.crt");
		default_text(&c->key, dir, "default.key");
	}
	if (c->cert != NULL && c->key == NULL)
		c->key = xstrdup(c->cert);
}

/* --dev leaves the file's TLS aside. */
static void
forget_certificate(struct conf *c)
{
	free(c->cert);
	free(c->key);
	c->cert = NULL;
	c->key = NULL;
}

static bool
check_tls(const struct conf *c, bool tls, char *err, size_t err_size)
{
	if (tls && c->dev) {
		snprintf(err, err_size,
		    "--dev serves plain HTTP, it excludes "
		    "--listen-tls");
		return false;
	}
	if (tls)
		return c->cert != NULL ||
		    complain(c, "listen-tls", "needs", "cert", err, err_size);
	if (c->cert != NULL || c->key != NULL)
		return complain(c, c->cert != NULL ? "cert" : "key", "needs",
		    "listen-tls", err, err_size);
	return !c->plain_relay ||
	    complain(c, "plain-relay", "needs", "listen-tls", err, err_size);
}

/* As the reference does; a token of the configuration wins. */
#define TOKEN_VARIABLE "IROH_RELAY_HTTP_BEARER_TOKEN"

static bool
is_header_text(const char *s)
{
	for (; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return false;
	return true;
}

static bool
settle_access(struct conf *c, char *err, size_t err_size)
{
	const char *token = getenv(TOKEN_VARIABLE);

	if (c->access != ACCESS_ASKED) {
		if (c->access_ca == NULL && c->access_token == NULL)
			return true;
		return complain(c,
		    c->access_ca != NULL ? "access-ca" : "access-token",
		    "needs", "access-url", err, err_size);
	}
	if (c->access_token == NULL && token != NULL)
		c->access_token = xstrdup(token);
	if (c->access_token == NULL ||
	    (strlen(c->access_token) <= TOKEN_MAX &&
		is_header_text(c->access_token)))
		return true;
	snprintf(err, err_size,
	    "the bearer token is too long, or has bytes that a header field "
	    "may not have");
	return conf_blame(c, "access-token", err, err_size);
}

static bool
settle_limits(const struct conf *c, char *err, size_t err_size)
{
	if (c->rx_burst != 0 && c->rx_rate == 0)
		return complain(c, "rx-burst", "needs", "rx-rate", err,
		    err_size);
	if (c->accept_burst < 0 || c->accept_rate != 0)
		return true;
	complain(c, "accept-burst", "needs", "accept-rate", err, err_size);
	if (c->file == NULL || c->check)
		return false;
	/* The reference reads either and does nothing. */
	log_warn("%s", err);
	return true;
}

/* The reference does not start without. */
static bool
check_cert_mode(const struct conf *c, char *err, size_t err_size)
{
	if (c->tls_line == 0 || c->has_cert_mode)
		return true;
	snprintf(err, err_size, "%s:%d: tls.cert_mode is missing", c->file,
	    c->tls_line);
	if (c->check)
		return false;
	log_warn("config %s; taken for Manual", err);
	return true;
}

/*
 * On one or two CPUs, which the loops share with all else, packets that go
 * from loop to loop cost more than a second loop brings.
 */
static int64_t
default_threads(void)
{
	cpu_set_t set;
	int n;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	n = CPU_COUNT(&set);
	if (n <= 2)
		return 1;
	return n < MAIL_LOOPS_MAX ? n : MAIL_LOOPS_MAX;
}

/* What stands alone means nothing. */
static bool
check_words(const struct conf *c, char *err, size_t err_size)
{
	const char *wrong = NULL;

	if (c->check && c->file == NULL)
		wrong = "--check-config needs --config";
#ifdef HAVE_FAULTS
	if (c->json)
		wrong = "--json needs --fault help";
#endif
	if (wrong != NULL)
		snprintf(err, err_size, "%s", wrong);
	return wrong == NULL;
}

/* What the options ask for together. */
bool
conf_settle(struct conf *c, char *err, size_t err_size)
{
	if (c->list_faults)
		return true;
	if (!check_words(c, err, err_size))
		return false;
	if (c->threads == 0)
		c->threads = default_threads();
	if (c->reload_every == 0 && c->reloading)
		c->reload_every = RELOADING_NS;
	settle_listeners(c);
	service_add_sockets(c);
	if (c->dev || c->file != NULL)
		add_defaults(c);
	if (c->dev && c->tls_line > 0)
		forget_certificate(c);
	else if (has_listener(c, LISTEN_HTTPS))
		settle_certificate(c);
	if (!check_tls(c, has_listener(c, LISTEN_HTTPS), err, err_size) ||
	    !settle_access(c, err, err_size) ||
	    !settle_limits(c, err, err_size) ||
	    !check_cert_mode(c, err, err_size))
		return false;
	if (c->nlisten == 0)
		conf_add_listener(c, LISTEN_HTTP, CONF_DEFAULT_ADDRESS);
	return true;
}
