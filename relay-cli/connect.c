/* Dial, CONNECT where there is a proxy, TLS; see connect.h. */
#include "config.h"

#include "relay-cli/connect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/cli.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "net/dial.h"
#include "net/stream.h"
#include "net/tls.h"
#include "relay-cli/commands.h"
#include "relay-cli/proxy.h"

enum step {
	STEP_DIAL,
	STEP_PROXY,
	STEP_TLS
};

struct connecting {
	struct loop *loop;
	struct connect_config config;
	void (*on_done)(void *arg, const struct connect_result *r);
	void *arg;
	enum step step;
	struct tls_ctx *tls_ctx; /* its own */
	struct dial *dial;
	struct stream *stream;
	struct deferred no_tls;
	char message[640];
};

const char *
connect_doing(const struct connecting *c)
{
	static const char *const words[] = {
		[STEP_DIAL] = "connecting",
		[STEP_PROXY] = "waiting for the proxy's answer",
		[STEP_TLS] = "in the TLS handshake",
	};

	return words[c->step];
}

enum stage
connect_stage(const struct connecting *c)
{
	return c->step == STEP_TLS ? STAGE_TLS : STAGE_TCP;
}

void
connect_cancel(struct connecting *c)
{
	if (c == NULL)
		return;
	dial_cancel(c->dial);
	stream_free(c->stream);
	tls_ctx_free(c->tls_ctx);
	loop_undefer(c->loop, &c->no_tls);
	free(c);
}

/* Both are the last thing a caller does. */
static void
done(struct connecting *c)
{
	const struct connect_result r = { .status = EXIT_OK,
		.stream = c->stream,
		.stage = connect_stage(c) };
	void (*on_done)(void *arg, const struct connect_result *r) = c->on_done;
	void *arg = c->arg;

	c->stream = NULL;
	connect_cancel(c);
	on_done(arg, &r);
}

static void __attribute__((format(printf, 4, 5)))
fail(struct connecting *c, int status, enum ending ending, const char *fmt, ...)
{
	struct connect_result r = { .status = status,
		.ending = ending,
		.stage = connect_stage(c) };
	void (*on_done)(void *arg, const struct connect_result *r) = c->on_done;
	void *arg = c->arg;
	char message[sizeof(c->message)];

	FORMAT_ARGS(message, sizeof(message), fmt);
	r.message = message;
	connect_cancel(c);
	on_done(arg, &r);
}

/* ---- TLS and the proxy ---- */

static void
begin_tls(struct connecting *c)
{
	const struct connect_config *k = &c->config;

	c->step = STEP_TLS;
	if (!stream_start_tls(c->stream,
		c->tls_ctx != NULL ? c->tls_ctx : k->tls_ctx,
		k->sni != NULL ? k->sni : k->url.host))
		fail(c, EXIT_TLS, ENDING_PROTOCOL,
		    "TLS cannot begin: something was said before it");
}

/* TCP, or a tunnel, reaches the relay. */
static void
reached(struct connecting *c)
{
	size_t len;

	if (c->config.url.tls) {
		begin_tls(c);
		return;
	}
	/* What came right behind the proxy's answer is the relay's. */
	if (stream_input(c->stream, &len) != NULL && len > 0)
		stream_again(c->stream);
	done(c);
}

static void
ask_proxy(struct connecting *c)
{
	uint8_t buf[2048];
	struct rk_writer w;

	c->step = STEP_PROXY;
	rk_writer_init(&w, buf, sizeof(buf));
	proxy_write_request(c->config.proxy, &c->config.url, &w);
	stream_write(c->stream, buf, w.len);
	explicit_bzero(buf, sizeof(buf));
}

static void
take_answer(struct connecting *c)
{
	size_t len, used;
	const uint8_t *in = stream_input(c->stream, &len);
	int err = proxy_read_answer(c->config.proxy, in, len, &used, c->message,
	    sizeof(c->message));

	if (err == RK_ERR_AGAIN)
		return;
	if (err != RK_OK) {
		fail(c, EXIT_UPGRADE, ENDING_REFUSED, "%s", c->message);
		return;
	}
	if (c->config.verbose)
		fprintf(stderr, "* the proxy made a tunnel\n");
	stream_consume(c->stream, used);
	reached(c);
}

static void
ended(struct connecting *c)
{
	enum ending e = stream_ending(c->stream);

	if (c->step == STEP_TLS)
		fail(c, EXIT_TLS, e, "TLS handshake failed: %s",
		    stream_error(c->stream));
	else
		fail(c, EXIT_UPGRADE, e,
		    "the proxy %s ended the connection before its answer (%s)",
		    c->config.proxy->text, ending_name(e));
}

static void
on_stream(void *arg, struct stream *stream, enum stream_event event)
{
	struct connecting *c = arg;

	switch (event) {
	case STREAM_SECURED:
		if (c->config.verbose)
			fprintf(stderr, "* %s, %s\n",
			    tls_version(stream_tls(stream)),
			    tls_cipher(stream_tls(stream)));
		done(c);
		break;
	case STREAM_INPUT:
		if (c->step == STEP_PROXY)
			take_answer(c);
		break;
	case STREAM_ENDED:
		ended(c);
		break;
	case STREAM_DRAINED:
	case STREAM_TIMEOUT:
		break;
	}
}

/* ---- beginning ---- */

static struct tls_ctx *
new_tls(const struct connect_config *c, char *err, size_t err_size)
{
	const struct tls_client_config tls = { .cafile = c->cafile,
		.insecure = c->insecure,
		.keylog = c->keylog,
		.alpn = "http/1.1" };

	return tls_client_ctx_new(&tls, err, err_size);
}

int
connect_make_tls(struct connect_config *c)
{
	char err[256];

	if (!c->url.tls)
		return EXIT_OK;
	c->tls_ctx = new_tls(c, err, sizeof(err));
	return c->tls_ctx != NULL ? EXIT_OK : cli_usage_error("%s", err);
}

static void
on_attempt(void *arg, const char *address)
{
	const struct connecting *c = arg;

	if (c->config.verbose)
		fprintf(stderr, "* trying %s\n", address);
}

static void
on_dialled(void *arg, const struct dial_result *r)
{
	struct connecting *c = arg;
	const struct proxy *proxy = c->config.proxy;

	c->dial = NULL;
	if (r->status != DIAL_OK) {
		fail(c, EXIT_CONNECT,
		    r->status == DIAL_TIMEOUT ? ENDING_TIMEOUT : ENDING_REFUSED,
		    "cannot connect to %s%s: %s",
		    proxy != NULL ? "the proxy " : "",
		    proxy != NULL ? proxy->text : c->config.url.host,
		    r->detail);
		return;
	}
	c->stream = stream_new(c->loop, r->fd, on_stream, c);
	if (c->config.verbose)
		fprintf(stderr, "* connected to %s\n", stream_peer(c->stream));
	if (proxy != NULL)
		ask_proxy(c);
	else
		reached(c);
}

static void
on_no_tls(void *arg)
{
	struct connecting *c = arg;

	c->step = STEP_TLS;
	fail(c, EXIT_USAGE, ENDING_REFUSED, "%s", c->message);
}

struct connecting *
connect_start(struct loop *l, const struct connect_config *k,
    void (*on_done)(void *arg, const struct connect_result *r), void *arg)
{
	struct dial_config dial = { .host = k->url.host,
		.port = k->url.port,
		.resolve = k->resolve,
		.timeout_ns = k->timeout_ns,
		.on_attempt = on_attempt };
	struct connecting *c = xcalloc(1, sizeof(*c));

	c->loop = l;
	c->config = *k;
	c->on_done = on_done;
	c->arg = arg;
	c->no_tls = (struct deferred){ .work = on_no_tls, .arg = c };
	if (k->url.tls && k->tls_ctx == NULL) {
		c->tls_ctx = new_tls(k, c->message, sizeof(c->message));
		if (c->tls_ctx == NULL) { /* say so from the loop */
			loop_next_turn(l, &c->no_tls);
			return c;
		}
	}
	if (k->proxy != NULL) {
		dial.host = k->proxy->host;
		dial.port = k->proxy->port;
		dial.resolve = NULL;
	}
	c->dial = dial_start(l, &dial, on_dialled, c);
	return c;
}
