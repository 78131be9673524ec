/*
 * One connection a question, all of it on the event loop; names are resolved
 * by the threads of src/net.
 */
#include "config.h"

#include "relayd/access_http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/http.h"
#include "codec/keys.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/url.h"
#include "relayd/conf.h"

#define REQUEST_MAX 4096
#define ANSWER_MAX  (16 << 10) /* head and body */
#define WHY_MAX     256

static const char yes[] = "true";

struct access_service {
	atomic_uint refs;
	struct relay_url url;
	char *token;         /* NULL: none */
	struct tls_ctx *tls; /* NULL: plain */
	int64_t timeout;
	size_t max_active;
};

struct access_query {
	struct asker *asker;
	struct access_query *next, **prev;
	struct access_query *next_waiting;
	bool active;
	struct access_service *service;
	char key[RK_KEY_HEX_SIZE];
	access_fn on_answer;
	void *arg;
	struct timer *timer;
	struct dial *dial;
	struct stream *stream;
	/* of the answer's body, behind its head */
	bool has_head;
	int status;
	struct rk_http_body body;
	size_t body_len;
	bool is_yes; /* so far */
};

/* ---- the service ---- */

bool
access_url_is_valid(const char *url, char *err, size_t err_size)
{
	struct relay_url u;

	if (relay_url_parse(url, &u, err, err_size) < 0)
		return false;
	if (u.carrier == RK_CARRIER_RAW)
		return true;
	snprintf(err, err_size, "the scheme must be http or https");
	return false;
}

static struct tls_ctx *
client_tls(const struct conf *conf, char *err, size_t err_size)
{
	const struct tls_client_config c = { .cafile = conf->access_ca,
		.alpn = "http/1.1" };

	return tls_client_ctx_new(&c, err, err_size);
}

struct access_service *
access_service_new(const struct conf *conf, char *err, size_t err_size)
{
	struct access_service *s = xcalloc(1, sizeof(*s));

	atomic_init(&s->refs, 1);
	s->timeout = conf->access_timeout;
	s->max_active = (size_t)conf->access_max;
	if (conf->access_token != NULL)
		s->token = xstrdup(conf->access_token);
	if (relay_url_parse(conf->access_url, &s->url, err, err_size) < 0)
		goto failed;
	if (s->url.tls && (s->tls = client_tls(conf, err, err_size)) == NULL)
		goto failed;
	return s;
failed:
	access_service_unref(s);
	return NULL;
}

struct access_service *
access_service_ref(struct access_service *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void
access_service_unref(struct access_service *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	if (s->token != NULL)
		explicit_bzero(s->token, strlen(s->token));
	free(s->token);
	tls_ctx_free(s->tls);
	free(s);
}

/* ---- the end of a question ---- */

static void begin_next(struct asker *a);

static void
leave_queue(struct access_query *q)
{
	struct asker *a = q->asker;
	struct access_query **at = &a->waiting;

	while (*at != NULL && *at != q)
		at = &(*at)->next_waiting;
	if (*at == NULL)
		return;
	*at = q->next_waiting;
	if (*at == NULL)
		a->waiting_tail = at;
}

static void
query_free(struct access_query *q)
{
	*q->prev = q->next;
	if (q->next != NULL)
		q->next->prev = q->prev;
	timer_free(q->timer);
	dial_cancel(q->dial);
	stream_free(q->stream);
	access_service_unref(q->service);
	free(q);
}

void
access_query_cancel(struct access_query *q)
{
	struct asker *a;

	if (q == NULL)
		return;
	a = q->asker;
	if (q->active)
		a->nactive--;
	else
		leave_queue(q);
	query_free(q);
	begin_next(a);
}

static void
answer(struct access_query *q, enum access_answer result, const char *why)
{
	access_fn on_answer = q->on_answer;
	char text[WHY_MAX];
	void *arg = q->arg;

	/* It may lie in what goes now. */
	snprintf(text, sizeof(text), "%s", why != NULL ? why : "");
	access_query_cancel(q);
	on_answer(arg, result, why != NULL ? text : NULL);
}

/* ---- the answer ---- */

static void
judge(struct access_query *q)
{
	char why[64];

	if (q->status == 200 && q->is_yes && q->body_len == strlen(yes)) {
		answer(q, ACCESS_ANSWER_ALLOWED, NULL);
		return;
	}
	snprintf(why, sizeof(why), "status %d%s", q->status,
	    q->status == 200 ? " with another body than true" : "");
	answer(q, ACCESS_ANSWER_DENIED, why);
}

/* RK_OK when the head of the final answer is there. */
static int
take_head(struct access_query *q)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	const uint8_t *p = stream_input(q->stream, &len);
	int err;

	rk_http_limits_default(&limits);
	limits.head = ANSWER_MAX;
	err = rk_http_parse_response(p, len, &limits, &h);
	if (err != RK_OK)
		return err;
	q->status = h.status;
	q->is_yes = h.status == 200;
	/* 100 and the like come before the answer. */
	q->has_head = h.status >= 200 || h.status == 101;
	if (q->has_head)
		err = rk_http_body_response(&q->body, &h, "POST");
	stream_consume(q->stream, h.len);
	return err;
}

/* RK_OK when it is over, or long enough to be judged. */
static int
take_body(struct access_query *q)
{
	struct rk_span data;
	size_t len, used;
	int err = RK_OK;

	while (!q->body.done && q->is_yes && err == RK_OK) {
		const uint8_t *p = stream_input(q->stream, &len);

		err = rk_http_body_take(&q->body, p, len, &used, &data);
		if (err != RK_OK)
			break;
		if (q->body_len + data.len > strlen(yes) ||
		    memcmp(yes + q->body_len, data.p, data.len) != 0)
			q->is_yes = false;
		q->body_len += data.len;
		stream_consume(q->stream, used);
	}
	return err;
}

static void
on_input(struct access_query *q)
{
	int err = RK_OK;

	while (!q->has_head && err == RK_OK)
		err = take_head(q);
	if (err == RK_OK)
		err = take_body(q);
	if (err == RK_OK)
		judge(q);
	else if (err != RK_ERR_AGAIN)
		answer(q, ACCESS_ANSWER_BROKEN, rk_strerror(err));
}

static void
on_ended(struct access_query *q)
{
	if (q->has_head && q->body.kind == RK_HTTP_BODY_UNTIL_EOF &&
	    stream_ending(q->stream) == ENDING_EOF)
		judge(q);
	else if (stream_tls_failed(q->stream))
		answer(q, ACCESS_ANSWER_UNREACHABLE, stream_error(q->stream));
	else
		answer(q, ACCESS_ANSWER_BROKEN, "it ended before its answer");
}

/* ---- the request ---- */

static void
write_request(struct access_query *q)
{
	const struct access_service *s = q->service;
	char host[URL_HOST_MAX + 16], bearer[REQUEST_MAX / 2];
	uint8_t buf[REQUEST_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	relay_url_host_field(&s->url, host, sizeof(host));
	rk_http_write_request(&w, "POST",
	    s->url.path[0] != '\0' ? s->url.path : "/");
	rk_http_write_field(&w, "host", host);
	rk_http_write_field(&w, "x-iroh-nodeid", q->key);
	if (s->token != NULL) {
		snprintf(bearer, sizeof(bearer), "Bearer %s", s->token);
		rk_http_write_field(&w, "authorization", bearer);
		explicit_bzero(bearer, sizeof(bearer));
	}
	rk_http_write_field(&w, "accept", "*/*");
	rk_http_write_field(&w, "connection", "close");
	rk_http_write_field(&w, "content-length", "0");
	rk_http_write_end(&w);
	if (w.bad)
		answer(q, ACCESS_ANSWER_UNREACHABLE, "the request is too long");
	else
		stream_write(q->stream, buf, w.len);
	explicit_bzero(buf, sizeof(buf));
}

static void
on_stream(void *arg, struct stream *s, enum stream_event e)
{
	struct access_query *q = arg;

	if (e == STREAM_SECURED)
		write_request(q);
	else if (e == STREAM_INPUT)
		on_input(q);
	else if (e == STREAM_ENDED)
		on_ended(q);
}

static void
on_dialed(void *arg, const struct dial_result *r)
{
	struct access_query *q = arg;
	struct access_service *s = q->service;
	struct loop *l = q->asker->loop;

	q->dial = NULL;
	if (r->status != DIAL_OK) {
		answer(q, ACCESS_ANSWER_UNREACHABLE, r->detail);
		return;
	}
	q->stream = s->tls != NULL
	    ? stream_new_tls(l, r->fd, s->tls, s->url.host, on_stream, q)
	    : stream_new(l, r->fd, on_stream, q);
	if (q->stream == NULL) {
		answer(q, ACCESS_ANSWER_UNREACHABLE, "no memory");
		return;
	}
	stream_set_input_max(q->stream, ANSWER_MAX);
	if (s->tls == NULL)
		write_request(q);
}

static void
begin(struct access_query *q)
{
	const struct dial_config c = { .host = q->service->url.host,
		.port = q->service->url.port };

	q->active = true;
	q->asker->nactive++;
	q->dial = dial_start(q->asker->loop, &c, on_dialed, q);
}

static void
begin_next(struct asker *a)
{
	struct access_query *q;

	while (
	    (q = a->waiting) != NULL && a->nactive < q->service->max_active) {
		leave_queue(q);
		begin(q);
	}
}

static void
on_time(void *arg)
{
	struct access_query *q = arg;

	answer(q, ACCESS_ANSWER_TIMEOUT,
	    q->active ? "no answer in time" : "too many questions wait");
}

/* ---- asking ---- */

void
asker_init(struct asker *a, struct loop *loop)
{
	memset(a, 0, sizeof(*a));
	a->loop = loop;
	a->waiting_tail = &a->waiting;
}

void
asker_clear(struct asker *a)
{
	a->waiting = NULL;
	while (a->first != NULL)
		query_free(a->first);
	asker_init(a, a->loop);
}

static void
enter(struct asker *a, struct access_query *q)
{
	q->next = a->first;
	q->prev = &a->first;
	if (q->next != NULL)
		q->next->prev = &q->next;
	a->first = q;
	*a->waiting_tail = q;
	a->waiting_tail = &q->next_waiting;
}

struct access_query *
access_ask(struct asker *a, struct access_service *s, const struct rk_key *key,
    access_fn on_answer, void *arg)
{
	struct access_query *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->timer = timer_new(a->loop, on_time, q);
	if (q->timer == NULL) {
		free(q);
		return NULL;
	}
	q->asker = a;
	q->service = access_service_ref(s);
	q->on_answer = on_answer;
	q->arg = arg;
	rk_key_hex(key, q->key);
	timer_set(q->timer, s->timeout);
	enter(a, q);
	begin_next(a);
	return q;
}
