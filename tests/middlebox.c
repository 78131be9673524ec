/*
 * What stands between a client and its relay, for the scripts:
 *
 * middlebox ADDR:PORT ANSWER            a proxy: CONNECT is answered with the
 *                                       line ANSWER, and a tunnel if it is 2xx
 * middlebox ADDR:PORT --behind RELAY    passes everything on to RELAY, but of
 *                                       Upgrade only "websocket"
 *
 * Prints "listening http ADDRESS", "ready", and a line for each request: its
 * first line and what Proxy-Authorization says.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/http.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/url.h"
#include "serve.h"

struct side {
	struct stream *stream;
	struct side *other;
	bool is_open; /* the head is dealt with: pass everything on */
};

static struct loop *loop;
static const char *answer;
static const char *behind;

/* Both ends; what waits for the kernel is as good as lost. */
static void
end_both(struct side *s)
{
	struct side *other = s->other;

	stream_free(s->stream);
	stream_free(other->stream);
	free(s);
	free(other);
}

static void
pass_on(struct side *s)
{
	size_t len;
	uint8_t *in = stream_input(s->stream, &len);

	if (!s->is_open || len == 0)
		return;
	stream_write(s->other->stream, in, len);
	stream_consume(s->stream, len);
}

/* ---- the relay's side ---- */

/* The head as it goes on to the relay, without what is not understood. */
static void
forward_head(struct side *s, const struct rk_http_head *h)
{
	struct rk_writer w;
	uint8_t buf[4096];
	char name[64], value[512], target[256];

	rk_writer_init(&w, buf, sizeof(buf));
	snprintf(target, sizeof(target), "%.*s", (int)h->target.len,
	    (const char *)h->target.p);
	rk_http_write_request(&w, "GET", target);
	for (size_t i = 0; i < h->nfields; i++) {
		const struct rk_http_field *f = &h->field[i];

		if (rk_http_span_is_nocase(f->name, "upgrade") &&
		    !rk_http_span_is_nocase(f->value, "websocket"))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)f->name.len,
		    (const char *)f->name.p);
		snprintf(value, sizeof(value), "%.*s", (int)f->value.len,
		    (const char *)f->value.p);
		rk_http_write_field(&w, name, value);
	}
	rk_http_write_end(&w);
	stream_write(s->other->stream, buf, w.len);
}

static void
on_relay(void *arg, struct stream *stream, enum stream_event e)
{
	struct side *s = arg;

	if (e == STREAM_INPUT)
		pass_on(s);
	else if (e == STREAM_ENDED)
		end_both(s);
}

static void
on_reached(void *arg, const struct dial_result *r)
{
	struct side *s = arg, *client = s->other;
	struct rk_http_limits limits;
	struct rk_http_head h;
	uint8_t *in;
	size_t len;

	if (r->status != DIAL_OK) {
		end_both(s);
		return;
	}
	s->stream = stream_new(loop, r->fd, on_relay, s);
	s->is_open = client->is_open = true;
	in = stream_input(client->stream, &len);
	rk_http_limits_default(&limits);
	rk_http_parse_request(in, len, &limits, &h);
	if (behind != NULL) {
		forward_head(client, &h);
	} else {
		stream_write(client->stream, answer, strlen(answer));
		stream_write(client->stream, "\r\n\r\n", 4);
	}
	stream_consume(client->stream, h.len);
	pass_on(client);
}

/* ---- the client's side ---- */

static void
reach(struct side *client, const char *where)
{
	char url[300], err[400];
	struct relay_url u;
	struct dial_config c = { .timeout_ns = 5 * NS_PER_S };

	snprintf(url, sizeof(url), "http://%s", where);
	if (relay_url_parse(url, &u, err, sizeof(err)) != 0) {
		end_both(client);
		return;
	}
	c.host = u.host;
	c.port = u.port;
	dial_start(loop, &c, on_reached, client->other);
}

static void
on_head(struct side *s)
{
	const struct rk_http_field *auth;
	struct rk_http_limits limits;
	struct rk_http_head h;
	char target[256];
	size_t len;
	uint8_t *in = stream_input(s->stream, &len);

	rk_http_limits_default(&limits);
	if (rk_http_parse_request(in, len, &limits, &h) != RK_OK)
		return;
	auth = rk_http_find(&h, "proxy-authorization");
	snprintf(target, sizeof(target), "%.*s", (int)h.target.len,
	    (const char *)h.target.p);
	printf("%.*s %s %.*s\n", (int)h.method.len, (const char *)h.method.p,
	    target, auth != NULL ? (int)auth->value.len : 1,
	    auth != NULL ? (const char *)auth->value.p : "-");
	fflush(stdout);
	if (behind != NULL) {
		reach(s, behind);
	} else if (strstr(answer, " 2") != NULL) {
		reach(s, target);
	} else {
		stream_write(s->stream, answer, strlen(answer));
		stream_write(s->stream, "\r\n\r\n", 4);
		stream_shut(s->stream);
	}
}

static void
on_client(void *arg, struct stream *stream, enum stream_event e)
{
	struct side *s = arg;

	if (e == STREAM_INPUT && s->is_open)
		pass_on(s);
	else if (e == STREAM_INPUT && s->other->stream == NULL)
		on_head(s);
	else if (e == STREAM_ENDED)
		end_both(s);
}

static void
on_accept(void *arg, int fd)
{
	struct side *client = xcalloc(1, sizeof(*client));
	struct side *relay = xcalloc(1, sizeof(*relay));

	client->other = relay;
	relay->other = client;
	client->stream = stream_new(loop, fd, on_client, client);
}

int
main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[2], "--behind") == 0)
		behind = argv[3];
	else if (argc == 3)
		answer = argv[2];
	else
		return 2;
	loop = loop_new();
	return serve(loop, argv[1], on_accept, NULL);
}
