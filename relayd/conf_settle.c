/*
 * From what was said to what is to be done: defaults that depend on other
 * options, and what does not go together.
 */
#include "config.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "relayd/conf.h"
#include "relayd/mail.h"
#include "relayd/service_manager.h"

/* Section 7 of the specification. */
#define FILE_ADDRESS "[::]:80"
#define HTTPS_PORT   443
#define METRICS_PORT 9090
#define STUN_PORT    3478

#define TOKEN_MAX 1024

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
	const char *http = "[::]:0", *colon;
	char address[128];

	if (has_listener(c, kind))
		return;
	for (size_t i = c->nlisten; i-- > 0;)
		if (c->listen[i].kind == LISTEN_HTTP)
			http = c->listen[i].address;
	colon = strrchr(http, ':');
	snprintf(address, sizeof(address), "%.*s:%u",
	    colon != NULL ? (int)(colon - http) : 0, http, port);
	conf_add_listener(c, kind, address);
}

/* What the reference opens unasked (section 7.2). */
static void
add_defaults(struct conf *c)
{
	if (!has_listener(c, LISTEN_HTTP))
		conf_add_listener(c, LISTEN_HTTP,
		    c->dev ? CONF_DEV_ADDRESS : FILE_ADDRESS);
	if (c->tls && !c->dev)
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

	if (c->tls || c->cert_dir != NULL) {
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

static const char *
check_tls(const struct conf *c, bool tls)
{
	if (tls && c->dev)
		return "--dev serves plain HTTP, it excludes --listen-tls";
	if (tls && c->cert == NULL)
		return "--listen-tls needs --cert (and --key)";
	if (!tls && (c->cert != NULL || c->key != NULL))
		return "--cert and --key need --listen-tls";
	if (!tls && c->plain_relay)
		return "--plain-relay needs --listen-tls";
	return NULL;
}

/* As the reference does; a token of the configuration wins. */
#define TOKEN_VARIABLE "IROH_RELAY_HTTP_BEARER_TOKEN"

static bool
is_header_text(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f)
			return false;
	return true;
}

static const char *
settle_access(struct conf *c)
{
	const char *token = getenv(TOKEN_VARIABLE);

	if (c->access != ACCESS_ASKED)
		return c->access_ca != NULL ? "--access-ca needs --access-url"
					    : NULL;
	if (c->access_token == NULL && token != NULL)
		c->access_token = xstrdup(token);
	if (c->access_token != NULL &&
	    (strlen(c->access_token) > TOKEN_MAX ||
		!is_header_text(c->access_token)))
		return "the bearer token is too long, or has bytes that a "
		       "header field may not have";
	return NULL;
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

/* What the options ask for together. */
const char *
conf_settle(struct conf *c)
{
	const char *wrong;

	if (c->list_faults)
		return NULL;
	if (c->json)
		return "--json needs --fault help";
	if (c->check && c->file == NULL)
		return "--check-config needs --config";
	if (c->threads == 0)
		c->threads = default_threads();
	settle_listeners(c);
	service_add_sockets(c);
	if (c->dev || c->file != NULL)
		add_defaults(c);
	if (c->dev && c->tls)
		forget_certificate(c);
	else if (has_listener(c, LISTEN_HTTPS))
		settle_certificate(c);
	wrong = check_tls(c, has_listener(c, LISTEN_HTTPS));
	if (wrong != NULL)
		return wrong;
	wrong = settle_access(c);
	if (wrong != NULL)
		return wrong;
	if (c->rx_burst != 0 && c->rx_rate == 0)
		return "--rx-burst needs --rx-rate";
	if (c->accept_burst >= 0 && c->accept_rate == 0)
		return "--accept-burst needs --accept-rate";
	if (c->nlisten == 0)
		conf_add_listener(c, LISTEN_HTTP, CONF_DEFAULT_ADDRESS);
	return NULL;
}
