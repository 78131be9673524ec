/* See metrics.h. */
#include "config.h"

#include "scenario/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/http.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/url.h"

/* More than any relay exposes. */
#define SAMPLES_MAX  20000
#define ANSWER_MAX   ((size_t)4 << 20)
#define NAME_MAX_LEN 256

struct sample {
	char *name;
	double value;
};

struct metrics {
	struct sample *list;
	size_t n;
};

/* ---- text ---- */

static struct sample *
find(const struct metrics *m, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->list[i].name, name) == 0)
			return &m->list[i];
	return NULL;
}

static bool
add(struct metrics *m, const char *name, double value)
{
	struct sample *s = find(m, name);

	if (s != NULL) {
		s->value += value;
		return true;
	}
	if (m->n == SAMPLES_MAX)
		return false;
	m->list = xreallocarray(m->list, m->n + 1, sizeof(*m->list));
	m->list[m->n++] = (struct sample){ xstrdup(name), value };
	return true;
}

/* Behind the labels: they may hold any character in their quotes. */
static const char *
skip_labels(const char *p)
{
	bool quoted = false;

	if (*p != '{')
		return p;
	for (p++; *p != '\0'; p++) {
		if (quoted && *p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '"')
			quoted = !quoted;
		else if (*p == '}' && !quoted)
			return p + 1;
	}
	return NULL;
}

/* name{labels} value [timestamp] [# exemplar] */
static bool
read_sample(struct metrics *m, const char *line)
{
	char name[NAME_MAX_LEN];
	size_t n = strcspn(line, "{ \t");
	const char *p = skip_labels(line + n);
	char *end;
	double value;

	if (n == 0 || n >= sizeof(name) || p == NULL ||
	    (*p != ' ' && *p != '\t'))
		return false;
	memcpy(name, line, n);
	name[n] = '\0';
	p += strspn(p, " \t");
	errno = 0;
	value = strtod(p, &end);
	if (end == p || (*end != '\0' && *end != ' ' && *end != '\t'))
		return false;
	return add(m, name, value);
}

static bool
read_line(struct metrics *m, const char *start, size_t len)
{
	char *line;
	bool ok;

	if (len > 0 && start[len - 1] == '\r')
		len--;
	if (len == 0 || *start == '#')
		return true;
	if (memchr(start, '\0', len) != NULL)
		return false;
	line = xstrndup(start, len);
	ok = read_sample(m, line);
	free(line);
	return ok;
}

struct metrics *
metrics_parse(const char *text, size_t len, char *err, size_t err_size)
{
	struct metrics *m = xcalloc(1, sizeof(*m));
	const char *end = text + len;
	int number = 1;

	for (; text < end; number++) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl != NULL ? nl : end;

		if (!read_line(m, text, (size_t)(stop - text))) {
			snprintf(err, err_size,
			    "line %d of the metrics is no sample", number);
			metrics_free(m);
			return NULL;
		}
		text = nl != NULL ? nl + 1 : end;
	}
	return m;
}

void
metrics_free(struct metrics *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->list[i].name);
	free(m->list);
	free(m);
}

bool
metrics_get(const struct metrics *m, const char *name, double *out)
{
	const struct sample *s = find(m, name);

	if (s != NULL)
		*out = s->value;
	return s != NULL;
}

/* ---- HTTP ---- */

struct metrics_fetch {
	struct loop *loop;
	struct relay_url url;
	struct dial *dial;
	struct stream *stream;
	struct timer *timer;
	struct rk_http_body body;
	bool in_body;
	struct text text;
	void (*on_done)(void *arg, struct metrics *m, const char *err);
	void *arg;
};

void
metrics_fetch_cancel(struct metrics_fetch *f)
{
	if (f == NULL)
		return;
	dial_cancel(f->dial);
	stream_free(f->stream);
	timer_free(f->timer);
	text_clear(&f->text);
	free(f);
}

static void
finish(struct metrics_fetch *f, struct metrics *m, const char *why)
{
	void (*on_done)(void *arg, struct metrics *m, const char *err) =
	    f->on_done;
	void *arg = f->arg;
	char line[800];

	snprintf(line, sizeof(line), "%s: %s", f->url.text,
	    why != NULL ? why : "");
	metrics_fetch_cancel(f);
	on_done(arg, m, m != NULL ? NULL : line);
}

static void
finish_body(struct metrics_fetch *f)
{
	char err[128] = "";
	struct metrics *m =
	    metrics_parse(text_str(&f->text), f->text.len, err, sizeof(err));

	finish(f, m, err);
}

static void
ask(struct metrics_fetch *f)
{
	uint8_t buf[1024];
	char host[URL_HOST_MAX + 16];
	struct rk_writer w;

	relay_url_host_field(&f->url, host, sizeof(host));
	rk_writer_init(&w, buf, sizeof(buf));
	rk_http_write_request(&w, "GET",
	    f->url.path[0] != '\0' ? f->url.path : "/metrics");
	rk_http_write_field(&w, "Host", host);
	rk_http_write_field(&w, "Connection", "close");
	rk_http_write_end(&w);
	if (w.bad)
		finish(f, NULL, "the path is too long");
	else
		stream_write(f->stream, buf, w.len);
}

/* 1: the head is read; 0: more is needed; -1: it is over. */
static int
read_head(struct metrics_fetch *f)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	const uint8_t *in = stream_input(f->stream, &len);
	int err;
	char line[64];

	rk_http_limits_default(&limits);
	err = rk_http_parse_response(in, len, &limits, &h);
	if (err == RK_ERR_AGAIN)
		return 0;
	if (err != RK_OK ||
	    rk_http_body_response(&f->body, &h, "GET") != RK_OK) {
		finish(f, NULL, "what answers is no HTTP");
		return -1;
	}
	if (h.status != 200) {
		snprintf(line, sizeof(line), "status %d", h.status);
		finish(f, NULL, line);
		return -1;
	}
	stream_consume(f->stream, h.len);
	f->in_body = true;
	return 1;
}

static void
read_body(struct metrics_fetch *f)
{
	while (!f->body.done && f->body.kind != RK_HTTP_BODY_NONE) {
		size_t len, used = 0;
		const uint8_t *in = stream_input(f->stream, &len);
		struct rk_span data = { NULL, 0 };
		int err = rk_http_body_take(&f->body, in, len, &used, &data);

		if (err == RK_ERR_AGAIN || (err == RK_OK && used == 0))
			return;
		if (err != RK_OK || f->text.len + data.len > ANSWER_MAX) {
			finish(f, NULL,
			    err != RK_OK ? "the body is broken"
					 : "the body has no end");
			return;
		}
		text_add_n(&f->text, (const char *)data.p, data.len);
		stream_consume(f->stream, used);
	}
	finish_body(f);
}

static void
on_event(void *arg, struct stream *s, enum stream_event e)
{
	struct metrics_fetch *f = arg;

	if (e == STREAM_INPUT) {
		int head = f->in_body ? 1 : read_head(f);

		if (head == 1)
			read_body(f);
	} else if (e == STREAM_ENDED) {
		if (f->in_body && f->body.kind == RK_HTTP_BODY_UNTIL_EOF)
			finish_body(f);
		else
			finish(f, NULL, "closed without an answer");
	}
}

static void
on_dialed(void *arg, const struct dial_result *r)
{
	struct metrics_fetch *f = arg;

	f->dial = NULL;
	if (r->status != DIAL_OK) {
		finish(f, NULL, r->detail);
		return;
	}
	f->stream = stream_new(f->loop, r->fd, on_event, f);
	if (f->stream == NULL)
		finish(f, NULL, "no memory for a stream");
	else
		ask(f);
}

static void
on_timeout(void *arg)
{
	finish(arg, NULL, "no answer in time");
}

struct metrics_fetch *
metrics_fetch(struct loop *l, const char *url, int64_t timeout_ns,
    void (*on_done)(void *arg, struct metrics *m, const char *err), void *arg,
    char *err, size_t err_size)
{
	struct metrics_fetch *f = xcalloc(1, sizeof(*f));
	struct dial_config dial = { .timeout_ns = timeout_ns };

	f->loop = l;
	f->on_done = on_done;
	f->arg = arg;
	if (relay_url_parse(url, &f->url, err, err_size) != 0) {
		free(f);
		return NULL;
	}
	if (f->url.tls) {
		snprintf(err, err_size, "%s: metrics are read over plain HTTP",
		    url);
		free(f);
		return NULL;
	}
	f->timer = timer_new(l, on_timeout, f);
	if (f->timer == NULL)
		abort();
	timer_set(f->timer, timeout_ns);
	dial.host = f->url.host;
	dial.port = f->url.port;
	f->dial = dial_start(l, &dial, on_dialed, f);
	if (f->dial != NULL)
		return f;
	snprintf(err, err_size, "%s: cannot begin to connect", url);
	metrics_fetch_cancel(f);
	return NULL;
}
