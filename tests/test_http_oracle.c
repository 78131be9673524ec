/*
 * HTTP heads against libevent's evhttp: a server on loopback gets the same
 * bytes.  Where it is laxer than RFC 9112 a row says so.
 */
#include "config.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "codec/http.h"
#include "http_grammar.h"
#include "support.h"

enum verdict {
	ACCEPTED,
	REFUSED,
	UNFINISHED
};

/* What a reader made of a request, as text. */
struct reading {
	enum verdict verdict;
	bool bad_length; /* refused for what it says of its body */
	char text[4096];
};

struct oracle {
	struct event_base *base;
	struct evhttp *http;
	struct sockaddr_in address;
	struct reading reading;
	bool called;
	bool answered;
	bool over;
};

static const char *
method_name(enum evhttp_cmd_type type)
{
	return type == EVHTTP_REQ_GET ? "GET"
	    : type == EVHTTP_REQ_POST ? "POST"
	    : type == EVHTTP_REQ_HEAD ? "HEAD"
				      : "other";
}

static void
add_text(struct reading *r, const char *s, size_t len)
{
	size_t used = strlen(r->text);

	ck_assert_uint_lt(used + len, sizeof(r->text));
	if (len > 0)
		memcpy(r->text + used, s, len);
	r->text[used + len] = '\0';
}

static void
add_string(struct reading *r, const char *s)
{
	add_text(r, s, strlen(s));
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	struct oracle *o = arg;
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	struct evkeyval *field;

	if (!o->called) {
		add_string(&o->reading,
		    method_name(evhttp_request_get_command(req)));
		add_string(&o->reading, " ");
		add_string(&o->reading, evhttp_request_get_uri(req));
		add_string(&o->reading, req->minor == 0 ? " 0" : " 1");
		TAILQ_FOREACH(field, evhttp_request_get_input_headers(req),
		    next)
		{
			add_string(&o->reading, "\n");
			add_string(&o->reading, field->key);
			add_string(&o->reading, "=");
			add_string(&o->reading, field->value);
		}
		add_string(&o->reading, "\n\n");
		add_text(&o->reading, (const char *)evbuffer_pullup(body, -1),
		    evbuffer_get_length(body));
	}
	o->called = true;
	evhttp_send_reply(req, 200, "OK", NULL);
}

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct oracle *o = arg;
	char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	o->answered = o->answered || n > 0;
	o->over = n <= 0;
}

static void
oracle_init(struct oracle *o)
{
	struct evhttp_bound_socket *bound;
	socklen_t len = sizeof(o->address);

	*o = (struct oracle){ .base = event_base_new() };
	ck_assert_ptr_nonnull(o->base);
	o->http = evhttp_new(o->base);
	evhttp_set_allowed_methods(o->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD);
	evhttp_set_gencb(o->http, on_request, o);
	bound = evhttp_bind_socket_with_handle(o->http, "127.0.0.1", 0);
	ck_assert_ptr_nonnull(bound);
	ck_assert_int_eq(getsockname(evhttp_bound_socket_get_fd(bound),
			     (struct sockaddr *)&o->address, &len),
	    0);
}

static void
oracle_clear(struct oracle *o)
{
	evhttp_free(o->http);
	event_base_free(o->base);
}

/* Send the bytes and the end, and run the server until it has closed. */
static void
oracle_read(struct oracle *o, const void *p, size_t len)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct event *ev;

	o->reading = (struct reading){ 0 };
	o->called = o->answered = o->over = false;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&o->address,
			     sizeof(o->address)),
	    0);
	ck_assert_int_eq(send(fd, p, len, MSG_NOSIGNAL), (ssize_t)len);
	shutdown(fd, SHUT_WR);
	ev = event_new(o->base, fd, EV_READ | EV_PERSIST, on_answer, o);
	event_add(ev, NULL);
	while (!o->over)
		ck_assert_int_eq(event_base_loop(o->base, EVLOOP_ONCE), 0);
	event_free(ev);
	close(fd);
	o->reading.verdict = o->called ? ACCEPTED
	    : o->answered              ? REFUSED
				       : UNFINISHED;
}

/* evhttp calls back when it has the body too. */
static int
parse_whole(const uint8_t *p, size_t len, struct rk_http_head *h,
    struct reading *body)
{
	struct rk_http_limits l;
	struct rk_http_body b;
	struct rk_span data;
	size_t used;
	int err;

	rk_http_limits_default(&l);
	err = rk_http_parse_request(p, len, &l, h);
	if (err == RK_OK)
		err = rk_http_body_request(&b, h);
	for (size_t at = h->len; err == RK_OK && !b.done; at += used) {
		err = rk_http_body_take(&b, p + at, len - at, &used, &data);
		if (err == RK_OK)
			add_text(body, (const char *)data.p, data.len);
	}
	return err;
}

static struct reading
our_reading(const uint8_t *p, size_t len)
{
	struct reading r = { 0 }, body = { 0 };
	struct rk_http_head h;
	int err = parse_whole(p, len, &h, &body);

	r.verdict = err == RK_OK  ? ACCEPTED
	    : err == RK_ERR_AGAIN ? UNFINISHED
				  : REFUSED;
	r.bad_length = err == RK_ERR_HTTP_BODY;
	if (err != RK_OK)
		return r;
	add_text(&r, (const char *)h.method.p, h.method.len);
	add_string(&r, " ");
	add_text(&r, (const char *)h.target.p, h.target.len);
	add_string(&r, h.minor == 0 ? " 0" : " 1");
	for (size_t i = 0; i < h.nfields; i++) {
		add_string(&r, "\n");
		add_text(&r, (const char *)h.field[i].name.p,
		    h.field[i].name.len);
		add_string(&r, "=");
		add_text(&r, (const char *)h.field[i].value.p,
		    h.field[i].value.len);
	}
	add_string(&r, "\n\n");
	add_string(&r, body.text);
	return r;
}

/* evhttp keeps tabs in front of a value. */
static void
drop_tabs(struct reading *r)
{
	char *to = r->text;

	for (const char *p = r->text; *p != '\0'; p++)
		if (*p != '\t' && *p != ' ')
			*to++ = *p;
	*to = '\0';
}

/* What evhttp does not do: other methods, empty lines in front. */
static bool
is_beyond_it(const uint8_t *p, size_t len)
{
	static const char *const methods[] = { "GET ", "POST ", "HEAD " };

	for (int i = 0; i < NROWS(methods); i++)
		if (len >= strlen(methods[i]) &&
		    memcmp(p, methods[i], strlen(methods[i])) == 0)
			return false;
	return true;
}

/* It looks into the host of a URL: percent, brackets, port. */
static bool
is_url(const uint8_t *p, size_t len)
{
	const uint8_t *target = memchr(p, ' ', len);

	return target != NULL && target + 1 < p + len && target[1] != '/';
}

struct tally {
	unsigned accepted;
	unsigned refused;
	unsigned unfinished;
	unsigned lax;
	unsigned url;
};

static void
compare(struct oracle *o, const uint8_t *p, size_t len, struct tally *t)
{
	struct reading ours = our_reading(p, len);

	oracle_read(o, p, len);
	if (ours.verdict == REFUSED) {
		/* evhttp waits for the end of the line, and is lax. */
		t->refused += o->reading.verdict == REFUSED;
		t->lax += o->reading.verdict == ACCEPTED;
		ck_assert(ours.bad_length ||
		    grammar_match(GRAMMAR_REQUEST_TOLERANT, p, len) == 0);
		return;
	}
	if (o->reading.verdict == REFUSED && is_url(p, len)) {
		t->url++;
		return;
	}
	ck_assert_int_eq(ours.verdict, o->reading.verdict);
	drop_tabs(&ours);
	drop_tabs(&o->reading);
	ck_assert_str_eq(ours.text, o->reading.text);
	t->accepted += ours.verdict == ACCEPTED;
	t->unfinished += ours.verdict == UNFINISHED;
}

START_TEST(both_read_the_same)
{
	uint8_t head[MUTANT_MAX];
	struct tally t = { 0 };
	struct oracle o;
	uint64_t seed = 11;

	oracle_init(&o);
	for (int round = 0; round < 1500; round++) {
		size_t len = grammar_mutant(false, &seed, head);

		if (!is_beyond_it(head, len))
			compare(&o, head, len, &t);
	}
	oracle_clear(&o);
	/* The test is about something. */
	ck_assert_uint_gt(t.accepted, 200);
	ck_assert_uint_gt(t.refused, 200);
	ck_assert_uint_gt(t.unfinished, 30);
	ck_assert_uint_gt(t.lax, 30);
	ck_assert_uint_lt(t.url, 30);
}
END_TEST

static unsigned
pick(uint64_t *seed, unsigned n)
{
	return (unsigned)(test_random(seed) % n);
}

/* A POST in chunks as RFC 9112 section 7.1 lets them be. */
static size_t
chunked_request(uint64_t *seed, char out[2048])
{
	/* evhttp wants a blank before an extension. */
	static const char *const behind[] = { "", " ;a=b", " ;a=\"b c\"", " ",
		" ; x;y" };
	static const char *const trailers[] = { "", "A: b\r\n",
		"A:\r\nB-C: d\r\n" };
	char *at = stpcpy(out,
	    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");

	for (unsigned n = pick(seed, 5); n > 0; n--) {
		unsigned len = 1 + pick(seed, 300);

		at += snprintf(at, 8, pick(seed, 2) ? "%.*s%x" : "%.*s%X",
		    (int)pick(seed, 4), "000", len);
		at = stpcpy(stpcpy(at, behind[pick(seed, 5)]), "\r\n");
		for (unsigned i = 0; i < len; i++)
			*at++ = (char)('a' + pick(seed, 26));
		at = stpcpy(at, "\r\n");
	}
	at = stpcpy(stpcpy(at, "0"), behind[pick(seed, 5)]);
	at = stpcpy(stpcpy(at, "\r\n"), trailers[pick(seed, 3)]);
	return (size_t)(stpcpy(at, "\r\n") - out);
}

START_TEST(both_read_chunks_the_same)
{
	struct tally t = { 0 };
	struct oracle o;
	uint64_t seed = 5;
	char text[2048];

	oracle_init(&o);
	for (int round = 0; round < 200; round++) {
		size_t len = chunked_request(&seed, text);

		compare(&o, (const uint8_t *)text, len, &t);
		compare(&o, (const uint8_t *)text, len - 1, &t);
	}
	oracle_clear(&o);
	ck_assert_uint_eq(t.accepted, 200);
	ck_assert_uint_eq(t.unfinished, 200);
}
END_TEST

START_TEST(dates_are_those_of_libevent)
{
	uint64_t seed = 3;

	for (int round = 0; round < 2000; round++) {
		/* up to the year 9999 */
		time_t t = (time_t)(test_random(&seed) % 253402300800u);
		struct tm tm;
		struct rk_writer w;
		char want[64], got[64];

		ck_assert_ptr_nonnull(gmtime_r(&t, &tm));
		evutil_date_rfc1123(want, sizeof(want), &tm);
		rk_writer_init(&w, got, sizeof(got));
		rk_http_write_date(&w, t);
		ck_assert(!w.bad);
		ck_assert_uint_eq(w.len, strlen("date: \r\n") + strlen(want));
		ck_assert_bytes(got + 6, w.len - 8, want, strlen(want));
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http against evhttp");
	TCase *tc = tcase_create("oracle");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, both_read_the_same);
	tcase_add_test(tc, both_read_chunks_the_same);
	tcase_add_test(tc, dates_are_those_of_libevent);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
