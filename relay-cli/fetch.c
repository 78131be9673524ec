/* One HTTP request; see fetch.h. */
#include "config.h"

#include "relay-cli/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "net/stream.h"
#include "relay-cli/commands.h"

struct fetch {
	struct loop *loop;
	struct connect_config config;
	uint8_t request[1024];
	size_t request_len;
	const char *method; /* borrowed: a constant */
	void (*on_done)(void *arg, const struct fetch_result *r);
	void *arg;
	struct connecting *connecting;
	struct stream *stream;
	struct timer *timer;
	int64_t started_at;
	struct text head_text;
	struct rk_http_head head; /* over head_text */
	struct rk_http_body body;
	struct text text;
	bool over;
};

static void
drop(struct fetch *f)
{
	f->over = true;
	connect_cancel(f->connecting);
	stream_free(f->stream);
	f->connecting = NULL;
	f->stream = NULL;
	timer_cancel(f->timer);
}

void
fetch_free(struct fetch *f)
{
	if (f == NULL)
		return;
	drop(f);
	timer_free(f->timer);
	text_clear(&f->head_text);
	text_clear(&f->text);
	free(f);
}

/* The last thing a caller does; |why| NULL: an answer is there. */
static void
finish(struct fetch *f, const char *why)
{
	const struct fetch_result r = {
		.status = why == NULL ? f->head.status : 0,
		.why = why,
		.head = why == NULL ? &f->head : NULL,
		.body = text_str(&f->text),
		.body_len = f->text.len,
		.took_ns = clock_mono_ns() - f->started_at,
	};

	drop(f);
	f->on_done(f->arg, &r);
}

static int
parse_head(const void *p, size_t len, struct rk_http_head *h)
{
	struct rk_http_limits limits;

	rk_http_limits_default(&limits);
	limits.head = 65535;
	limits.flags |= RK_HTTP_TOLERANT;
	return rk_http_parse_response(p, len, &limits, h);
}

/* True if the head is read; what is wrong ends it all. */
static bool
take_head(struct fetch *f)
{
	size_t len;
	const uint8_t *in;
	char why[128];
	int err;

	do {
		in = stream_input(f->stream, &len);
		err = parse_head(in, len, &f->head);
		if (err == RK_ERR_AGAIN)
			return false;
		if (err == RK_OK && f->head.status < 200)
			stream_consume(f->stream, f->head.len);
	} while (err == RK_OK && f->head.status < 200);
	if (err == RK_OK)
		err = rk_http_body_response(&f->body, &f->head, f->method);
	if (err != RK_OK) {
		snprintf(why, sizeof(why), "what answers is no HTTP: %s",
		    rk_strerror(err));
		finish(f, why);
		return false;
	}
	len = f->head.len;
	text_add_n(&f->head_text, (const char *)in, len);
	stream_consume(f->stream, len);
	parse_head(f->head_text.s, f->head_text.len, &f->head);
	return true;
}

static void
take_body(struct fetch *f)
{
	while (!f->body.done && f->body.kind != RK_HTTP_BODY_NONE &&
	    f->text.len < FETCH_BODY_MAX) {
		size_t len, used = 0;
		const uint8_t *in = stream_input(f->stream, &len);
		struct rk_span data = { NULL, 0 };
		int err = rk_http_body_take(&f->body, in, len, &used, &data);

		if (err == RK_ERR_AGAIN || (err == RK_OK && used == 0))
			return;
		if (err != RK_OK) {
			finish(f, "the body of the answer is broken");
			return;
		}
		text_add_n(&f->text, (const char *)data.p, data.len);
		stream_consume(f->stream, used);
	}
	finish(f, NULL);
}

static void
ended(struct fetch *f)
{
	char why[256];

	if (f->head_text.len > 0 && f->body.kind == RK_HTTP_BODY_UNTIL_EOF) {
		finish(f, NULL);
		return;
	}
	snprintf(why, sizeof(why), "the connection ended %s (%s)",
	    f->head_text.len > 0 ? "in the answer" : "without an answer",
	    ending_name(stream_ending(f->stream)));
	finish(f, why);
}

static void
on_stream(void *arg, struct stream *stream, enum stream_event e)
{
	struct fetch *f = arg;

	if (f->over)
		return;
	if (e == STREAM_INPUT && (f->head_text.len > 0 || take_head(f)))
		take_body(f);
	else if (e == STREAM_ENDED)
		ended(f);
}

static void
on_connected(void *arg, const struct connect_result *r)
{
	struct fetch *f = arg;

	f->connecting = NULL;
	if (r->status != EXIT_OK) {
		finish(f, r->message);
		return;
	}
	f->stream = r->stream;
	stream_set_callback(f->stream, on_stream, f);
	stream_write(f->stream, f->request, f->request_len);
}

static void
on_timeout(void *arg)
{
	struct fetch *f = arg;
	char why[128];

	snprintf(why, sizeof(why), "timeout after %.1f s %s",
	    (double)f->config.timeout_ns / 1e9,
	    f->connecting != NULL ? connect_doing(f->connecting)
				  : "waiting for the answer");
	finish(f, why);
}

struct fetch *
fetch_start(struct loop *l, const struct connect_config *c,
    const struct fetch_request *r,
    void (*on_done)(void *arg, const struct fetch_result *r), void *arg)
{
	struct fetch *f = xcalloc(1, sizeof(*f));
	char host[URL_HOST_MAX + 16];
	struct rk_writer w;

	f->loop = l;
	f->config = *c;
	f->method = r->method;
	f->on_done = on_done;
	f->arg = arg;
	f->started_at = clock_mono_ns();
	text_init(&f->head_text);
	text_init(&f->text);
	relay_url_host_field(&c->url, host, sizeof(host));
	rk_writer_init(&w, f->request, sizeof(f->request));
	rk_http_write_request(&w, r->method, r->target);
	rk_http_write_field(&w, "Host", host);
	if (r->field != NULL)
		rk_http_write_field(&w, r->field, r->value);
	rk_http_write_field(&w, "Connection", "close");
	rk_http_write_end(&w);
	f->request_len = w.len;
	f->timer = timer_new(l, on_timeout, f);
	timer_set(f->timer, c->timeout_ns);
	f->connecting = connect_start(l, &f->config, on_connected, f);
	return f;
}
