/* GET a path and read the status line. */
#include "config.h"

#include "conformance/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/http.h"
#include "net/dial.h"
#include "net/stream.h"
#include "net/tls.h"

struct probe {
	struct loop *loop;
	const struct relay_url *url;
	const char *path;
	struct dial *dial;
	struct stream *stream;
	struct tls_ctx *tls;
	bool done;
	int status; /* -1: none */
	int64_t deadline_ns;
	char why[256];
};

static void
finish(struct probe *p, int status, const char *why)
{
	p->done = true;
	p->status = status;
	if (why != NULL)
		snprintf(p->why, sizeof(p->why), "%s", why);
}

static void
ask(struct probe *p)
{
	uint8_t buf[1024];
	char host[URL_HOST_MAX + 16];
	struct rk_writer w;

	relay_url_host_field(p->url, host, sizeof(host));
	rk_writer_init(&w, buf, sizeof(buf));
	rk_http_write_request(&w, "GET", p->path);
	rk_http_write_field(&w, "Host", host);
	rk_http_write_field(&w, "Connection", "close");
	rk_http_write_end(&w);
	if (!w.bad)
		stream_write(p->stream, buf, w.len);
	else
		finish(p, -1, "the path is too long");
}

static void
read_answer(struct probe *p)
{
	struct rk_http_limits limits;
	struct rk_http_head head;
	size_t len;
	const uint8_t *in = stream_input(p->stream, &len);
	int err;

	rk_http_limits_default(&limits);
	limits.flags = RK_HTTP_TOLERANT;
	err = rk_http_parse_response(in, len, &limits, &head);
	if (err == RK_OK)
		finish(p, head.status, NULL);
	else if (err != RK_ERR_AGAIN)
		finish(p, -1, "what answers is no HTTP");
}

static void
on_event(void *arg, struct stream *s, enum stream_event e)
{
	struct probe *p = arg;

	switch (e) {
	case STREAM_SECURED:
		ask(p);
		break;
	case STREAM_INPUT:
		read_answer(p);
		break;
	case STREAM_ENDED:
		read_answer(p);
		if (!p->done)
			finish(p, -1,
			    stream_tls_failed(s) ? stream_error(s)
						 : "closed without an answer");
		break;
	case STREAM_DRAINED:
	case STREAM_TIMEOUT:
		break;
	}
}

static void
on_dialed(void *arg, const struct dial_result *r)
{
	struct probe *p = arg;

	p->dial = NULL;
	if (r->status != DIAL_OK) {
		finish(p, -1, r->detail);
		return;
	}
	if (p->tls != NULL) {
		p->stream = stream_new_tls(p->loop, r->fd, p->tls, p->url->host,
		    on_event, p);
		return;
	}
	p->stream = stream_new(p->loop, r->fd, on_event, p);
	ask(p);
}

static bool
start(struct probe *p, int64_t timeout_ns)
{
	const struct tls_client_config tls = { .insecure = true };
	const struct dial_config dial = {
		.host = p->url->host,
		.port = p->url->port,
		.timeout_ns = timeout_ns,
	};

	if (p->url->tls) {
		p->tls = tls_client_ctx_new(&tls, p->why, sizeof(p->why));
		if (p->tls == NULL)
			return false;
	}
	p->dial = dial_start(p->loop, &dial, on_dialed, p);
	return true;
}

struct probe *
probe_start(struct loop *l, const struct relay_url *url, const char *path,
    int64_t timeout_ns)
{
	struct probe *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->url = url;
	p->path = path;
	p->deadline_ns = clock_mono_ns() + timeout_ns;
	snprintf(p->why, sizeof(p->why), "no answer in time");
	if (!start(p, timeout_ns))
		finish(p, -1, NULL);
	return p;
}

bool
probe_is_done(struct probe *p, int *status, char *err, size_t err_size)
{
	if (!p->done && clock_mono_ns() < p->deadline_ns)
		return false;
	*status = p->done ? p->status : -1;
	snprintf(err, err_size, "%s", p->why);
	return true;
}

/* The stream lives to the end of the turn, and its TLS context with it: that
 * is counted by OpenSSL. */
void
probe_free(struct probe *p)
{
	if (p == NULL)
		return;
	dial_cancel(p->dial);
	stream_free(p->stream);
	tls_ctx_free(p->tls);
	free(p);
}

int
probe_http(struct loop *l, const struct relay_url *url, const char *path,
    int64_t timeout_ns, const bool *stop, char *err, size_t err_size)
{
	struct probe *p = probe_start(l, url, path, timeout_ns);
	int status = -1;

	while (!probe_is_done(p, &status, err, err_size) && !*stop)
		loop_turn(l, 10 * NS_PER_MS);
	probe_free(p);
	loop_turn(l, 0); /* the stream lives to the end of the turn */
	return status;
}
