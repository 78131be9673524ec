/* HTTP/1.1 heads: what is read, what is refused and where. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/http.h"
#include "support.h"

enum kind {
	REQUEST,
	RESPONSE
};

/* In which modes a row holds. */
enum modes {
	IN_STRICT = 1,
	IN_TOLERANT = 2,
	IN_BOTH = 3
};

static const struct {
	unsigned flags;
	enum modes mode;
} modes[] = { { 0, IN_STRICT }, { RK_HTTP_TOLERANT, IN_TOLERANT } };

/* Parse an exact copy, so that ASan sees a byte too far.  The views are of
 * |text|, the caller's. */
static int
parse_n(enum kind kind, const char *text, size_t len,
    const struct rk_http_limits *l, struct rk_http_head *h)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int err, again;

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, text, len);
	err = kind == REQUEST ? rk_http_parse_request(copy, len, l, h)
			      : rk_http_parse_response(copy, len, l, h);
	free(copy);
	again = kind == REQUEST ? rk_http_parse_request(text, len, l, h)
				: rk_http_parse_response(text, len, l, h);
	ck_assert_int_eq(err, again);
	return err;
}

static int
parse(enum kind kind, unsigned flags, const char *text, struct rk_http_head *h)
{
	struct rk_http_limits l;

	rk_http_limits_default(&l);
	l.flags = flags;
	return parse_n(kind, text, strlen(text), &l, h);
}

static const char *
str(struct rk_span s)
{
	static char texts[4][256];
	static unsigned turn;
	char *text = texts[turn++ % 4];

	ck_assert_uint_lt(s.len, sizeof(texts[0]));
	if (s.len > 0)
		memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	return text;
}

/* Every field as "name=value;". */
static const char *
fields(const struct rk_http_head *h)
{
	static char text[1024];
	char *at = text;

	for (size_t i = 0; i < h->nfields; i++) {
		ck_assert_uint_lt(h->field[i].name.len + h->field[i].value.len,
		    sizeof(text) - (size_t)(at - text) - 3);
		at = stpcpy(at, str(h->field[i].name));
		*at++ = '=';
		at = stpcpy(at, str(h->field[i].value));
		*at++ = ';';
	}
	*at = '\0';
	return text;
}

/* ---- what is accepted ---- */

struct good_request {
	const char *text;
	enum modes modes;
	const char *method;
	const char *target;
	const char *path;
	const char *query;
	int minor;
	const char *fields;
};

#define LINE(method, target, path, query)                                      \
	method " " target " HTTP/1.1\r\n\r\n", IN_BOTH, method, target, path,  \
	    query, 1, ""

/* 64 bytes, the longest. */
#define LONG_SCHEME                                                            \
	"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss"

/* A host alone, which is for CONNECT, passes where the reference is lax. */
#define HOST(host)                                                             \
	"GET " host " HTTP/1.1\r\n\r\n", IN_TOLERANT, "GET", host, "", "", 1, ""

static const struct good_request good_requests[] = {
	/* iroh-v3 section 1.6, the real client's */
	{ "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	  "host: example.org:8443\r\n\r\n",
	    IN_BOTH, "GET", "/relay", "/relay", "", 1,
	    "upgrade=iroh derp http;host=example.org:8443;" },
	{ "GET / HTTP/1.0\r\n\r\n", IN_BOTH, "GET", "/", "/", "", 0, "" },
	{ LINE("GET", "/relay?x=1&y", "/relay", "x=1&y") },
	{ LINE("GET", "/relay?", "/relay", "") },
	{ LINE("GET", "/a?b?c#d?e", "/a", "b?c") },
	{ LINE("GET", "/a#b", "/a", "") },
	{ LINE("GET", "//x", "//x", "") },
	{ LINE("GET", "/a://b", "/a://b", "") },
	{ LINE("GET", "/%2e/\"\\{}^|", "/%2e/\"\\{}^|", "") },
	{ LINE("GET", "/?`{|}\\^%", "/", "`{|}\\^%") },
	{ LINE("GET", "http://relay.example:80/relay?x", "/relay", "x") },
	{ LINE("GET", "HTTPS://relay.example", "/", "") },
	{ LINE("GET", "http://[::1]?q", "/", "q") },
	{ LINE("GET", "a+1-.b://x/y", "/y", "") },
	/* what the reference takes beyond RFC 3986 */
	{ LINE("GET", "://h/x", "/x", "") },
	{ LINE("GET", "9~://h/x", "/x", "") },
	{ LINE("GET", "http://a%41:b:c@[::1%25x]:80/x", "/x", "") },
	{ LINE("GET", "http://:80/x", "/x", "") },
	{ LINE("GET", LONG_SCHEME "://h/x", "/x", "") },
	{ LINE("OPTIONS", "*", "*", "") },
	{ LINE("CONNECT", "relay.example:443", "", "") },
	{ HOST("robots.txt") },
	{ HOST("x:y") },
	{ HOST("http:") },
	{ HOST("a@b:80") },
	{ HOST("[::1]:80") },
	{ HOST("*x") },
	{ LINE("get!#$%&'*+.^_`|~9-Z", "/", "/", "") },
	{ "GET / HTTP/1.1\r\nA:\r\nb:\t \r\nC: \t d e\t \r\nd: \xc3\xa4:\"\r\n"
	  "\r\n",
	    IN_BOTH, "GET", "/", "/", "", 1, "A=;b=;C=d e;d=\xc3\xa4:\";" },
	{ "GET / HTTP/1.1\nA: b\n\n", IN_TOLERANT, "GET", "/", "/", "", 1,
	    "A=b;" },
	{ "GET / HTTP/1.1\r\nA: b\n\r\n", IN_TOLERANT, "GET", "/", "/", "", 1,
	    "A=b;" },
	{ "\r\n\n\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n", IN_TOLERANT, "GET", "/",
	    "/", "", 1, "A=b;" },
};

/* A good head wants more at every cut, and leaves alone what follows. */
static void
check_cuts(enum kind kind, unsigned flags, const char *text)
{
	struct rk_http_limits l;
	struct rk_http_head h;
	char longer[1024];

	rk_http_limits_default(&l);
	l.flags = flags;
	for (size_t n = 0; n < strlen(text); n++)
		ck_assert_int_eq(parse_n(kind, text, n, &l, &h), RK_ERR_AGAIN);
	ck_assert_uint_lt(strlen(text), sizeof(longer) - 4);
	stpcpy(stpcpy(longer, text), "\r\n\x01");
	ck_assert_int_eq(parse_n(kind, longer, strlen(longer), &l, &h), RK_OK);
	ck_assert_uint_eq(h.len, strlen(text));
}

START_TEST(good_requests_are_read)
{
	const struct good_request *row = &good_requests[_i];
	struct rk_http_head h;

	for (int m = 0; m < NROWS(modes); m++) {
		int err = parse(REQUEST, modes[m].flags, row->text, &h);

		ck_assert_int_eq(err == RK_OK,
		    (row->modes & modes[m].mode) != 0);
		if (err != RK_OK)
			continue;
		ck_assert_uint_eq(h.len, strlen(row->text));
		ck_assert_str_eq(str(h.method), row->method);
		ck_assert_str_eq(str(h.target), row->target);
		ck_assert_str_eq(str(h.path), row->path);
		ck_assert_str_eq(str(h.query), row->query);
		ck_assert_int_eq(h.minor, row->minor);
		ck_assert_str_eq(fields(&h), row->fields);
		check_cuts(REQUEST, modes[m].flags, row->text);
	}
}
END_TEST

struct good_response {
	const char *text;
	enum modes modes;
	int minor;
	int status;
	const char *reason;
	const char *fields;
};

static const struct good_response good_responses[] = {
	{ "HTTP/1.1 101 Switching Protocols\r\nupgrade: iroh derp http\r\n\r\n",
	    IN_BOTH, 1, 101, "Switching Protocols", "upgrade=iroh derp http;" },
	{ "HTTP/1.0 404 Not Found\r\n\r\n", IN_BOTH, 0, 404, "Not Found", "" },
	{ "HTTP/1.1 101 \r\n\r\n", IN_BOTH, 1, 101, "", "" },
	{ "HTTP/1.1 999 \t\xc3\xa4 ~ \r\n\r\n", IN_BOTH, 1, 999,
	    "\t\xc3\xa4 ~ ", "" },
	{ "HTTP/1.1 101\r\n\r\n", IN_TOLERANT, 1, 101, "", "" },
	{ "HTTP/1.1 101\n\n", IN_TOLERANT, 1, 101, "", "" },
	{ "\r\nHTTP/1.1 200 OK\r\n\r\n", IN_TOLERANT, 1, 200, "OK", "" },
	{ "HTTP/1.1 101 x\r\nDate: Mon,\r\n\t01 Jan\r\n 2024\r\nA: b\r\n\r\n",
	    IN_TOLERANT, 1, 101, "x", "Date=Mon,\r\n\t01 Jan\r\n 2024;A=b;" },
	{ "HTTP/1.1 101 x\r\nA:\r\n \r\n b \r\n\t\r\n\r\n", IN_TOLERANT, 1, 101,
	    "x", "A=b;" },
};

START_TEST(good_responses_are_read)
{
	const struct good_response *row = &good_responses[_i];
	struct rk_http_head h;

	for (int m = 0; m < NROWS(modes); m++) {
		int err = parse(RESPONSE, modes[m].flags, row->text, &h);

		ck_assert_int_eq(err == RK_OK,
		    (row->modes & modes[m].mode) != 0);
		if (err != RK_OK)
			continue;
		ck_assert_uint_eq(h.len, strlen(row->text));
		ck_assert_int_eq(h.minor, row->minor);
		ck_assert_int_eq(h.status, row->status);
		ck_assert_str_eq(str(h.reason), row->reason);
		ck_assert_str_eq(fields(&h), row->fields);
		check_cuts(RESPONSE, modes[m].flags, row->text);
	}
}
END_TEST

/* ---- what is refused ---- */

struct error_row {
	enum kind kind;
	enum modes modes;
	const char *text;
	int err;
	size_t at;
	size_t shows; /* with so many bytes; 0: as soon as byte |at| is there */
};

#define START  "GET / HTTP/1.1\r\n"  /* 16 bytes */
#define ANSWER "HTTP/1.1 200 OK\r\n" /* 17 bytes */

#define TARGET(text)                                                           \
	{                                                                      \
		REQUEST, IN_BOTH, "GET " text " HTTP/1.1", RK_ERR_HTTP_LINE,   \
		    4, sizeof("GET " text)                                     \
	}

static const struct error_row errors[] = {
	/* the request line */
	{ REQUEST, IN_BOTH, " GET / HTTP/1.1", RK_ERR_HTTP_LINE, 0, 0 },
	{ REQUEST, IN_STRICT, "\r\nGET /", RK_ERR_HTTP_LINE, 0, 0 },
	{ REQUEST, IN_STRICT, "\nGET /", RK_ERR_HTTP_LINE, 0, 0 },
	{ REQUEST, IN_TOLERANT, "\rGET /", RK_ERR_HTTP_LINE, 0, 2 },
	{ REQUEST, IN_TOLERANT, "\n\r\rGET /", RK_ERR_HTTP_LINE, 1, 3 },
	{ REQUEST, IN_BOTH, "GE(T / HTTP/1.1", RK_ERR_HTTP_LINE, 2, 0 },
	{ REQUEST, IN_BOTH, "G\x80T / HTTP/1.1", RK_ERR_HTTP_LINE, 1, 0 },
	{ REQUEST, IN_BOTH, "GET\r\n", RK_ERR_HTTP_LINE, 3, 0 },
	{ REQUEST, IN_BOTH, "\x16\x03\x01\x02", RK_ERR_HTTP_LINE, 0, 0 },
	{ REQUEST, IN_BOTH, "GET  / HTTP/1.1", RK_ERR_HTTP_LINE, 4, 0 },
	{ REQUEST, IN_BOTH, "GET /\tHTTP/1.1", RK_ERR_HTTP_LINE, 5, 0 },
	{ REQUEST, IN_BOTH, "GET /\x7f HTTP/1.1", RK_ERR_HTTP_LINE, 5, 0 },
	{ REQUEST, IN_BOTH, "GET /\xc3\xa4 HTTP/1.1", RK_ERR_HTTP_LINE, 5, 0 },
	{ REQUEST, IN_BOTH, "GET /\r\n", RK_ERR_HTTP_LINE, 5, 0 },
	{ REQUEST, IN_BOTH, "GET / \r\n", RK_ERR_HTTP_LINE, 6, 0 },
	{ REQUEST, IN_BOTH, "GET /  HTTP/1.1", RK_ERR_HTTP_LINE, 6, 0 },
	{ REQUEST, IN_BOTH, "GET / http/1.1", RK_ERR_HTTP_LINE, 6, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/1.1 \r\n", RK_ERR_HTTP_LINE, 14, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/1.10\r\n", RK_ERR_HTTP_LINE, 14, 0 },
	{ REQUEST, IN_STRICT, "GET / HTTP/1.1\nA", RK_ERR_HTTP_LINE, 14, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/1.1\rA", RK_ERR_HTTP_LINE, 14, 16 },
	{ REQUEST, IN_STRICT, "GET relay HTTP/1.1", RK_ERR_HTTP_LINE, 4, 10 },
	{ REQUEST, IN_STRICT, "GET a.example:443 HTTP/1.1", RK_ERR_HTTP_LINE, 4,
	    18 },
	{ REQUEST, IN_BOTH, "GET http:///x HTTP/1.1", RK_ERR_HTTP_LINE, 4, 14 },
	{ REQUEST, IN_STRICT, "GET ** HTTP/1.1", RK_ERR_HTTP_LINE, 4, 7 },
	{ REQUEST, IN_BOTH, "GET a_b://c HTTP/1.1", RK_ERR_HTTP_LINE, 4, 12 },
	{ REQUEST, IN_BOTH, "GET http://a\\b/ HTTP/1.1", RK_ERR_HTTP_LINE, 4,
	    16 },
	TARGET("/a<b"),
	TARGET("/a>b"),
	TARGET("/`"),
	TARGET("/?a\""),
	TARGET("/?<"),
	TARGET("/?>"),
	TARGET("http://a:b:c/"),
	TARGET("http://a@/"),
	TARGET("http://a%41/"),
	TARGET("http://a%@["),
	TARGET("http://[/"),
	TARGET("http://]/"),
	TARGET("http://[[]]/"),
	TARGET("http://[]]"),
	TARGET("http://a|b"),
	TARGET("a/b"),
	TARGET("?x"),
	TARGET("#x"),
	TARGET("a@"),
	TARGET("::1"),
	TARGET("http:/x"),
	TARGET(LONG_SCHEME "s://x/"),
	/* its version */
	{ REQUEST, IN_BOTH, "GET / HTTP/0.9", RK_ERR_HTTP_VERSION, 11, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/1.2", RK_ERR_HTTP_VERSION, 13, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/11", RK_ERR_HTTP_VERSION, 12, 0 },
	{ REQUEST, IN_BOTH, "GET / HTTP/2.0", RK_ERR_HTTP_VERSION, 11, 0 },
	{ REQUEST, IN_BOTH, "PRI / HTTP/2.0", RK_ERR_HTTP_VERSION, 11, 0 },
	{ REQUEST, IN_BOTH, "PRI * HTTP/3.0", RK_ERR_HTTP_VERSION, 11, 0 },
	{ REQUEST, IN_BOTH, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	    RK_ERR_HTTP_PREFACE, 11, 0 },
	/* fields */
	{ REQUEST, IN_BOTH, START ": b\r\n", RK_ERR_HTTP_HEADER, 16, 0 },
	{ REQUEST, IN_BOTH, START " A: b\r\n", RK_ERR_HTTP_HEADER, 16, 0 },
	{ REQUEST, IN_BOTH, START "\tA: b\r\n", RK_ERR_HTTP_HEADER, 16, 0 },
	{ REQUEST, IN_BOTH, START "A\r\n", RK_ERR_HTTP_HEADER, 17, 0 },
	{ REQUEST, IN_BOTH, START "A : b", RK_ERR_HTTP_HEADER, 17, 0 },
	{ REQUEST, IN_BOTH, START "A\t: b", RK_ERR_HTTP_HEADER, 17, 0 },
	{ REQUEST, IN_BOTH, START "A b: c", RK_ERR_HTTP_HEADER, 17, 0 },
	{ REQUEST, IN_BOTH, START "A\x80: c", RK_ERR_HTTP_HEADER, 17, 0 },
	{ REQUEST, IN_BOTH, START "(A): c", RK_ERR_HTTP_HEADER, 16, 0 },
	{ REQUEST, IN_BOTH, START "A: b\x01", RK_ERR_HTTP_HEADER, 20, 0 },
	{ REQUEST, IN_BOTH, START "A: b\x1b[0m", RK_ERR_HTTP_HEADER, 20, 0 },
	{ REQUEST, IN_BOTH, START "A: b\x7f", RK_ERR_HTTP_HEADER, 20, 0 },
	{ REQUEST, IN_BOTH, START "A: b\rB: c", RK_ERR_HTTP_HEADER, 20, 22 },
	{ REQUEST, IN_BOTH, START "A: b\r\r\n", RK_ERR_HTTP_HEADER, 20, 22 },
	{ REQUEST, IN_STRICT, START "A: b\nB", RK_ERR_HTTP_HEADER, 20, 0 },
	{ REQUEST, IN_STRICT, START "\n", RK_ERR_HTTP_HEADER, 16, 0 },
	{ REQUEST, IN_BOTH, START "\rA", RK_ERR_HTTP_HEADER, 16, 18 },
	{ REQUEST, IN_BOTH, START "A: b\r\n c\r\n", RK_ERR_HTTP_HEADER, 22, 0 },
	{ REQUEST, IN_BOTH, START "A: b\r\n\t\r\n", RK_ERR_HTTP_HEADER, 22, 0 },
	/* responses */
	{ RESPONSE, IN_BOTH, "ICY 200 OK", RK_ERR_HTTP_LINE, 0, 0 },
	{ RESPONSE, IN_STRICT, "\r\nHTTP/1.1 200", RK_ERR_HTTP_LINE, 0, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/2 200", RK_ERR_HTTP_VERSION, 5, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1\r\n", RK_ERR_HTTP_LINE, 8, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1  101", RK_ERR_HTTP_LINE, 9, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 099", RK_ERR_HTTP_LINE, 9, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 -10", RK_ERR_HTTP_LINE, 9, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 1 1", RK_ERR_HTTP_LINE, 10, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 20\r\n", RK_ERR_HTTP_LINE, 11, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 1011", RK_ERR_HTTP_LINE, 12, 0 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 101x", RK_ERR_HTTP_LINE, 12, 0 },
	{ RESPONSE, IN_STRICT, "HTTP/1.1 101\r\n", RK_ERR_HTTP_LINE, 12, 0 },
	{ RESPONSE, IN_STRICT, "HTTP/1.1 101\rx", RK_ERR_HTTP_LINE, 12, 0 },
	{ RESPONSE, IN_TOLERANT, "HTTP/1.1 101\rx", RK_ERR_HTTP_LINE, 12, 14 },
	{ RESPONSE, IN_BOTH, "HTTP/1.1 200 a\x01", RK_ERR_HTTP_LINE, 14, 0 },
	{ RESPONSE, IN_STRICT, ANSWER "A: b\r\n c\r\n", RK_ERR_HTTP_HEADER, 23,
	    0 },
	{ RESPONSE, IN_BOTH, ANSWER " A: b\r\n", RK_ERR_HTTP_HEADER, 17, 0 },
	{ RESPONSE, IN_TOLERANT, ANSWER "A: b\r\n c\x01", RK_ERR_HTTP_HEADER,
	    25, 0 },
};

static void
check_error(const struct error_row *row, unsigned flags)
{
	size_t shows = row->shows > 0 ? row->shows : row->at + 1;
	struct rk_http_limits l;
	struct rk_http_head h;

	rk_http_limits_default(&l);
	l.flags = flags;
	for (size_t n = 0; n <= strlen(row->text); n++) {
		int err = parse_n(row->kind, row->text, n, &l, &h);

		ck_assert_msg(err == (n < shows ? RK_ERR_AGAIN : row->err),
		    "%s with %zu bytes, flags %u", rk_errname(err), n, flags);
		ck_assert_int_eq(h.error_what != NULL, n >= shows);
		if (n >= shows)
			ck_assert_uint_eq(h.error_at, row->at);
	}
}

START_TEST(each_error_is_told_as_early_as_it_shows)
{
	const struct error_row *row = &errors[_i];

	/* A row whose answer differs with the mode has two lines. */
	if (row->modes & IN_STRICT)
		check_error(row, 0);
	if (row->modes & IN_TOLERANT)
		check_error(row, RK_HTTP_TOLERANT);
}
END_TEST

START_TEST(a_nul_is_refused_everywhere)
{
	static const char whole[] = "GET /x HTTP/1.1\r\nA: b\r\n\r\n";
	struct rk_http_limits l;
	struct rk_http_head h;
	char text[sizeof(whole)];

	rk_http_limits_default(&l);
	for (size_t at = 0; at < sizeof(whole) - 1; at++) {
		memcpy(text, whole, sizeof(whole));
		text[at] = '\0';
		ck_assert_int_lt(parse_n(REQUEST, text, sizeof(whole) - 1, &l,
				     &h),
		    RK_ERR_AGAIN);
		ck_assert_uint_le(h.error_at, at);
	}
}
END_TEST

START_TEST(errors_have_a_status)
{
	static const struct {
		int err;
		int status;
	} rows[] = {
		{ RK_ERR_HTTP_LINE, 400 }, { RK_ERR_HTTP_HEADER, 400 },
		{ RK_ERR_HTTP_VERSION, 400 }, { RK_ERR_HTTP_BODY, 400 },
		{ RK_ERR_HTTP_TARGET, 414 }, { RK_ERR_HTTP_SIZE, 431 },
		{ RK_ERR_HTTP_FIELDS, 431 },
		{ RK_ERR_HTTP_PREFACE, 0 }, /* closed without an answer */
	};

	for (int i = 0; i < NROWS(rows); i++)
		ck_assert_int_eq(rk_http_error_status(rows[i].err),
		    rows[i].status);
}
END_TEST

/* ---- limits ---- */

START_TEST(the_limit_of_the_head_is_inclusive)
{
	static const char text[] = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
	const size_t len = sizeof(text) - 1;
	struct rk_http_limits l;
	struct rk_http_head h;

	rk_http_limits_default(&l);
	for (l.head = 0; l.head < len; l.head++)
		for (size_t n = 0; n <= len; n++) {
			int err = parse_n(REQUEST, text, n, &l, &h);

			ck_assert_int_eq(err,
			    n < l.head ? RK_ERR_AGAIN : RK_ERR_HTTP_SIZE);
			if (n >= l.head)
				ck_assert_uint_le(h.error_at, l.head);
		}
	l.head = len;
	ck_assert_int_eq(parse_n(REQUEST, text, len, &l, &h), RK_OK);
	ck_assert_uint_eq(h.len, len);
}
END_TEST

/* "GET /aaa HTTP/1.1", blank line; in a static buffer. */
static const char *
with_target(size_t len)
{
	static char text[RK_HTTP_MAX_TARGET + 100];
	char *at = stpcpy(text, "GET /");

	memset(at, 'a', len - 1);
	stpcpy(at + len - 1, " HTTP/1.1\r\n\r\n");
	return text;
}

START_TEST(the_limit_of_the_target_is_inclusive)
{
	struct rk_http_limits l;
	struct rk_http_head h;
	const char *text = with_target(RK_HTTP_MAX_TARGET);

	rk_http_limits_default(&l);
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h), RK_OK);
	ck_assert_uint_eq(h.target.len, RK_HTTP_MAX_TARGET);

	text = with_target(RK_HTTP_MAX_TARGET + 1);
	ck_assert_int_eq(parse_n(REQUEST, text, RK_HTTP_MAX_TARGET + 4, &l, &h),
	    RK_ERR_AGAIN);
	ck_assert_int_eq(parse_n(REQUEST, text, RK_HTTP_MAX_TARGET + 5, &l, &h),
	    RK_ERR_HTTP_TARGET);
	ck_assert_uint_eq(h.error_at, RK_HTTP_MAX_TARGET + 4);
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h),
	    RK_ERR_HTTP_TARGET);

	l.target = 3;
	ck_assert_int_eq(parse_n(REQUEST, "GET /ab ", 8, &l, &h), RK_ERR_AGAIN);
	ck_assert_int_eq(parse_n(REQUEST, "GET /abc", 8, &l, &h),
	    RK_ERR_HTTP_TARGET);
}
END_TEST

static const char *
with_fields(size_t n)
{
	static char text[(RK_HTTP_MAX_FIELDS + 2) * 8 + 32];
	char *at = stpcpy(text, "GET / HTTP/1.1\r\n");

	for (size_t i = 0; i < n; i++)
		at = stpcpy(at, "A: bc\r\n");
	stpcpy(at, "\r\n");
	return text;
}

START_TEST(the_limit_of_the_fields_is_inclusive)
{
	struct rk_http_limits l;
	struct rk_http_head h;
	const char *text = with_fields(RK_HTTP_MAX_FIELDS);
	const size_t at = 16 + RK_HTTP_MAX_FIELDS * 7;

	rk_http_limits_default(&l);
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h), RK_OK);
	ck_assert_uint_eq(h.nfields, RK_HTTP_MAX_FIELDS);

	text = with_fields(RK_HTTP_MAX_FIELDS + 1);
	ck_assert_int_eq(parse_n(REQUEST, text, at, &l, &h), RK_ERR_AGAIN);
	ck_assert_int_eq(parse_n(REQUEST, text, at + 1, &l, &h),
	    RK_ERR_HTTP_FIELDS);
	ck_assert_uint_eq(h.error_at, at);
	/* A caller's limit does not outgrow the array. */
	l.fields = SIZE_MAX;
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h),
	    RK_ERR_HTTP_FIELDS);
	l.fields = 2;
	text = with_fields(2);
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h), RK_OK);
	text = with_fields(3);
	ck_assert_int_eq(parse_n(REQUEST, text, strlen(text), &l, &h),
	    RK_ERR_HTTP_FIELDS);
}
END_TEST

START_TEST(empty_lines_in_front_count)
{
	struct rk_http_limits l;
	struct rk_http_head h;
	char text[64];

	rk_http_limits_default(&l);
	l.head = sizeof(text);
	memset(text, '\n', sizeof(text));
	ck_assert_int_eq(parse_n(REQUEST, text, sizeof(text) - 1, &l, &h),
	    RK_ERR_AGAIN);
	ck_assert_int_eq(parse_n(REQUEST, text, sizeof(text), &l, &h),
	    RK_ERR_HTTP_SIZE);
}
END_TEST

/* ---- looking at a head ---- */

static void
parse_fields(const char *lines, struct rk_http_head *h)
{
	static char text[4][1024];
	static unsigned turn;
	char *at = text[turn++ % 4];

	/* The views live on in the static buffer. */
	stpcpy(stpcpy(stpcpy(at, "HTTP/1.1 200 OK\r\n"), lines), "\r\n");
	ck_assert_int_eq(parse(RESPONSE, RK_HTTP_TOLERANT, at, h), RK_OK);
}

START_TEST(fields_are_found_in_any_case_the_first_first)
{
	struct rk_http_head h;

	parse_fields("Upgrade: a\r\nUPGRADE: b\r\nupgradex: c\r\n", &h);
	ck_assert_str_eq(str(rk_http_find(&h, "upgrade")->value), "a");
	ck_assert_str_eq(str(rk_http_find(&h, "UPGRADEX")->value), "c");
	ck_assert_ptr_null(rk_http_find(&h, "upgrad"));
	ck_assert_ptr_null(rk_http_find(&h, ""));
	ck_assert_uint_eq(rk_http_count(&h, "uPGRADE"), 2);
	ck_assert_uint_eq(rk_http_count(&h, "host"), 0);
}
END_TEST

START_TEST(tokens_of_lists)
{
	struct rk_http_head h;

	parse_fields("Connection: keep-alive,\tUpgrade ,\r\n"
		     "connection: ,x y,CLOSE\r\n"
		     "Folded: a,\r\n b\r\n"
		     "Empty:\r\n",
	    &h);
	ck_assert(rk_http_has_token(&h, "Connection", "upgrade"));
	ck_assert(rk_http_has_token(&h, "CONNECTION", "Keep-Alive"));
	ck_assert(rk_http_has_token(&h, "connection", "close"));
	ck_assert(rk_http_has_token(&h, "connection", "x y"));
	ck_assert(!rk_http_has_token(&h, "connection", "x"));
	ck_assert(!rk_http_has_token(&h, "connection", "upgrad"));
	ck_assert(!rk_http_has_token(&h, "connection", "upgradex"));
	ck_assert(rk_http_has_token(&h, "folded", "a"));
	ck_assert(rk_http_has_token(&h, "folded", "b"));
	ck_assert(!rk_http_has_token(&h, "empty", "x"));
	ck_assert(!rk_http_has_token(&h, "absent", "x"));
}
END_TEST

START_TEST(lists_come_apart)
{
	struct rk_span rest = { (const uint8_t *)" a ,, b c\t,", 11 };
	struct rk_span e;

	ck_assert(rk_http_list_next(&rest, &e));
	ck_assert_str_eq(str(e), "a");
	ck_assert(rk_http_list_next(&rest, &e));
	ck_assert_str_eq(str(e), "");
	ck_assert(rk_http_list_next(&rest, &e));
	ck_assert_str_eq(str(e), "b c");
	ck_assert(rk_http_list_next(&rest, &e));
	ck_assert_str_eq(str(e), "");
	ck_assert(!rk_http_list_next(&rest, &e));
}
END_TEST

START_TEST(spans_are_compared)
{
	const struct rk_span get = { (const uint8_t *)"GeT[", 3 };
	const struct rk_span nothing = { NULL, 0 };

	ck_assert(rk_http_span_is(get, "GeT"));
	ck_assert(!rk_http_span_is(get, "GET"));
	ck_assert(!rk_http_span_is(get, "GeT["));
	ck_assert(!rk_http_span_is(get, "Ge"));
	ck_assert(rk_http_span_is_nocase(get, "gEt"));
	ck_assert(!rk_http_span_is_nocase(get, "get["));
	ck_assert(rk_http_span_is(nothing, ""));
	ck_assert(rk_http_span_is_nocase(nothing, ""));
	ck_assert(!rk_http_span_is(nothing, "a"));
	/* '[' and '{' are 0x20 apart like letters, and are none. */
	ck_assert(
	    !rk_http_span_is_nocase((struct rk_span){ (const uint8_t *)"[", 1 },
		"{"));
}
END_TEST

START_TEST(keeping_the_connection)
{
	static const struct {
		const char *text;
		bool keeps;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
		    false },
	};
	struct rk_http_head h;

	for (int i = 0; i < NROWS(rows); i++) {
		ck_assert_int_eq(parse(REQUEST, 0, rows[i].text, &h), RK_OK);
		ck_assert_int_eq(rk_http_keeps_alive(&h), rows[i].keeps);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *tc = tcase_create("heads");

	tcase_set_timeout(tc, 60);
	tcase_add_rows(tc, good_requests_are_read, good_requests);
	tcase_add_rows(tc, good_responses_are_read, good_responses);
	tcase_add_rows(tc, each_error_is_told_as_early_as_it_shows, errors);
	tcase_add_test(tc, a_nul_is_refused_everywhere);
	tcase_add_test(tc, errors_have_a_status);
	tcase_add_test(tc, the_limit_of_the_head_is_inclusive);
	tcase_add_test(tc, the_limit_of_the_target_is_inclusive);
	tcase_add_test(tc, the_limit_of_the_fields_is_inclusive);
	tcase_add_test(tc, empty_lines_in_front_count);
	tcase_add_test(tc, fields_are_found_in_any_case_the_first_first);
	tcase_add_test(tc, tokens_of_lists);
	tcase_add_test(tc, lists_come_apart);
	tcase_add_test(tc, spans_are_compared);
	tcase_add_test(tc, keeping_the_connection);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
