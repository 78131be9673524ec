/*
 * Questions and their answers, all of it on the event loop; names are resolved
 * by the threads of src/net.
 *
 * A connection that waited may have been ended by the service while the
 * question was on its way: if so, it is asked once more, on a new one.
 */
#include "config.h"

#include "relayd/access_http.h"

#include <assert.h>
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
#include "relayd/access_url.h"
#include "relayd/conf.h"

#define REQUEST_MAX 4096
#define ANSWER_MAX  (16 << 10) /* head and body */
#define WHY_MAX     256
#define MOVES_MAX   10

static const char yes[] = "true";

struct access_service {
	atomic_uint refs;
	struct access_url at;
	char *token;         /* NULL: none */
	struct tls_ctx *tls; /* for redirections too */
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
	/* of the request */
	const struct relay_url *url;
	struct relay_url *moved; /* where |url| is then */
	unsigned moves;
	bool get;   /* not POST */
	bool alien; /* user and token are not for that host */
	struct dial *dial;
	struct stream *stream;
	bool reused; /* it waited for a question */
	bool heard;  /* something has come */
	/* of the answer's body, behind its head */
	bool has_head;
	bool keeps; /* it keeps the connection */
	int status;
	bool leads_on;
	struct relay_url *next_url; /* where; NULL: nowhere that we can go */
	struct rk_http_body body;
	size_t body_len;
	bool is_yes; /* so far */
};

/* ---- the service ---- */

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
	if (!access_url_parse(conf->access_url, &s->at, err, err_size))
		goto failed;
	if ((s->tls = client_tls(conf, err, err_size)) == NULL)
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
	explicit_bzero(&s->at, sizeof(s->at));
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
	free(q->moved);
	free(q->next_url);
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

/* Whatever follows, the connection may serve the next question. */
static void
let_go(struct access_query *q)
{
	struct stream *s = q->stream;
	size_t len;

	q->stream = NULL;
	stream_input(s, &len);
	if (q->keeps && q->body.done && len == 0)
		idle_links_keep(&q->asker->idle, s, q->service, q->url);
	else
		stream_free(s);
}

static void
judge(struct access_query *q)
{
	char why[64];

	let_go(q);
	if (q->status == 200 && q->is_yes && q->body_len == strlen(yes)) {
		answer(q, ACCESS_ANSWER_ALLOWED, NULL);
		return;
	}
	snprintf(why, sizeof(why), "status %d%s", q->status,
	    q->status == 200 ? " with another body than true" : "");
	answer(q, ACCESS_ANSWER_DENIED, why);
}

static bool
is_redirection(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	    status == 307 || status == 308;
}

/* Where |location| is, if we can go there. */
static struct relay_url *
follow(const struct relay_url *url, struct rk_span location)
{
	struct relay_url *next = calloc(1, sizeof(*next));
	char ref[sizeof(url->text)], err[WHY_MAX];

	if (next == NULL || location.len >= sizeof(ref) ||
	    memchr(location.p, '\0', location.len) != NULL)
		goto nowhere;
	memcpy(ref, location.p, location.len);
	ref[location.len] = '\0';
	if (relay_url_join(url, ref, next, err, sizeof(err)) == 0 &&
	    next->carrier == RK_CARRIER_RAW)
		return next;
nowhere:
	free(next);
	return NULL;
}

/* Without a Location it is an answer like others. */
static void
take_location(struct access_query *q, const struct rk_http_head *h)
{
	const struct rk_http_field *f = rk_http_find(h, "location");

	q->leads_on = f != NULL && is_redirection(h->status);
	if (q->leads_on)
		q->next_url = follow(q->url, f->value);
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
	q->keeps = rk_http_keeps_alive(&h) && h.status >= 200;
	if (q->has_head)
		err = rk_http_body_response(&q->body, &h, "POST");
	if (q->has_head)
		take_location(q, &h);
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

	while (!q->body.done && err == RK_OK) {
		const uint8_t *p = stream_input(q->stream, &len);

		err = rk_http_body_take(&q->body, p, len, &used, &data);
		if (err != RK_OK)
			break;
		if (q->body_len + data.len > strlen(yes) ||
		    memcmp(yes + q->body_len, data.p, data.len) != 0)
			q->is_yes = false;
		else
			q->body_len += data.len;
		stream_consume(q->stream, used);
	}
	return q->is_yes ? err : RK_OK;
}

static void connect_to(struct access_query *q);

/* As browsers do it and the reference's client: 301 to 303 make a GET of it. */
static void
move(struct access_query *q)
{
	const char *why = q->next_url == NULL
	    ? "it leads where no question can go"
	    : "it leads on and on";

	if (q->next_url == NULL || ++q->moves > MOVES_MAX) {
		answer(q, ACCESS_ANSWER_BROKEN, why);
		return;
	}
	let_go(q);
	q->get = q->get || q->status <= 303;
	q->alien = q->alien || !relay_url_same_host(q->url, q->next_url) ||
	    (q->url->tls && !q->next_url->tls);
	free(q->moved);
	q->url = q->moved = q->next_url;
	q->next_url = NULL;
	q->has_head = false;
	q->body_len = 0;
	connect_to(q);
}

static void
on_input(struct access_query *q)
{
	int err = RK_OK;

	q->heard = true;
	while (!q->has_head && err == RK_OK)
		err = take_head(q);
	if (err == RK_OK)
		err = take_body(q);
	if (err != RK_OK && err != RK_ERR_AGAIN)
		answer(q, ACCESS_ANSWER_BROKEN, rk_strerror(err));
	else if (err == RK_OK && q->leads_on)
		move(q);
	else if (err == RK_OK)
		judge(q);
}

static void dial(struct access_query *q);

static void
on_ended(struct access_query *q)
{
	if (q->reused && !q->heard) {
		stream_free(q->stream);
		q->stream = NULL;
		dial(q);
	} else if (q->has_head && q->body.kind == RK_HTTP_BODY_UNTIL_EOF &&
	    stream_ending(q->stream) == ENDING_EOF) {
		judge(q);
	} else if (stream_tls_failed(q->stream)) {
		answer(q, ACCESS_ANSWER_UNREACHABLE, stream_error(q->stream));
	} else {
		answer(q, ACCESS_ANSWER_BROKEN, "it ended before its answer");
	}
}

/* ---- the request ---- */

/* Options and URLs have their limits, so that it fits. */
static void
write_request(struct access_query *q)
{
	const struct access_service *s = q->service;
	char host[URL_HOST_MAX + 16], bearer[REQUEST_MAX / 2];
	uint8_t buf[REQUEST_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	relay_url_host_field(q->url, host, sizeof(host));
	rk_http_write_request(&w, q->get ? "GET" : "POST",
	    q->url->path[0] != '\0' ? q->url->path : "/");
	rk_http_write_field(&w, "host", host);
	rk_http_write_field(&w, "x-iroh-nodeid", q->key);
	if (s->at.basic[0] != '\0' && !q->alien)
		rk_http_write_field(&w, "authorization", s->at.basic);
	if (s->token != NULL && !q->alien) {
		snprintf(bearer, sizeof(bearer), "Bearer %s", s->token);
		rk_http_write_field(&w, "authorization", bearer);
		explicit_bzero(bearer, sizeof(bearer));
	}
	rk_http_write_field(&w, "accept", "*/*");
	if (!q->get)
		rk_http_write_field(&w, "content-length", "0");
	rk_http_write_end(&w);
	assert(!w.bad);
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
	struct loop *l = q->asker->loop;

	q->dial = NULL;
	if (r->status != DIAL_OK) {
		answer(q, ACCESS_ANSWER_UNREACHABLE, r->detail);
		return;
	}
	q->stream = q->url->tls ? stream_new_tls(l, r->fd, q->service->tls,
				      q->url->host, on_stream, q)
				: stream_new(l, r->fd, on_stream, q);
	if (q->stream == NULL) {
		answer(q, ACCESS_ANSWER_UNREACHABLE, "no memory");
		return;
	}
	stream_set_input_max(q->stream, ANSWER_MAX);
	if (!q->url->tls)
		write_request(q);
}

static void
dial(struct access_query *q)
{
	const struct dial_config c = { .host = q->url->host,
		.port = q->url->port };

	q->reused = q->heard = false;
	q->dial = dial_start(q->asker->loop, &c, on_dialed, q);
}

static void
connect_to(struct access_query *q)
{
	q->stream = idle_links_take(&q->asker->idle, q->service, q->url);
	if (q->stream == NULL) {
		dial(q);
		return;
	}
	q->reused = true;
	q->heard = false;
	stream_set_callback(q->stream, on_stream, q);
	write_request(q);
}

static void
begin(struct access_query *q)
{
	q->active = true;
	q->asker->nactive++;
	connect_to(q);
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
	idle_links_clear(&a->idle);
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
	q->url = &q->service->at.url;
	q->on_answer = on_answer;
	q->arg = arg;
	rk_key_hex(key, q->key);
	timer_set(q->timer, s->timeout);
	enter(a, q);
	begin_next(a);
	return q;
}
