/*
 * HTTP/1.1 heads (RFC 9112), read and written.  A head is parsed from its
 * first byte each time: it is small, and the views stay right when the
 * caller's buffer moves.  Bodies are in http_body.c.
 */
#include "config.h"

#include "codec/http.h"
#include "codec/http_class.h"
#include "codec/http_target.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* iroh-v3 section 1.5: a head beyond this is answered 431. */
#define DEFAULT_MAX_HEAD 417792

enum {
	TOKEN = RK_HTTP_TOKEN,
	VISIBLE = RK_HTTP_VISIBLE,
	TEXT = RK_HTTP_TEXT,
	ALL = TOKEN | VISIBLE | TEXT,
	PUNCT = VISIBLE | TEXT
};

/* clang-format off */
const uint8_t rk_http_classes[256] = {
	['\t'] = TEXT,		[' '] = TEXT,		['!'] = ALL,
	['"'] = PUNCT,		['#' ... '\''] = ALL,	['(' ... ')'] = PUNCT,
	['*' ... '+'] = ALL,	[','] = PUNCT,		['-' ... '.'] = ALL,
	['/'] = PUNCT,		['0' ... '9'] = ALL,	[':' ... '@'] = PUNCT,
	['A' ... 'Z'] = ALL,	['[' ... ']'] = PUNCT,	['^' ... 'z'] = ALL,
	['{'] = PUNCT,		['|'] = ALL,		['}'] = PUNCT,
	['~'] = ALL,		[0x80 ... 0xff] = TEXT,
};
/* clang-format on */

struct scan {
	const uint8_t *p;
	size_t pos;
	size_t end;
	bool limited; /* |end| is the limit of the head, not of the bytes */
	bool tolerant;
	bool folds; /* folded fields are accepted */
	const struct rk_http_limits *limits;
	struct rk_http_head *h;
};

void
rk_http_limits_default(struct rk_http_limits *l)
{
	*l = (struct rk_http_limits){ .head = DEFAULT_MAX_HEAD,
		.target = RK_HTTP_MAX_TARGET,
		.fields = RK_HTTP_MAX_FIELDS,
		.flags = RK_HTTP_TOLERANT };
}

static int
fail_at(struct scan *s, size_t at, int err, const char *what)
{
	s->h->error_at = at;
	s->h->error_what = what;
	return err;
}

static int
fail(struct scan *s, int err, const char *what)
{
	return fail_at(s, s->pos, err, what);
}

/* All bytes there are were used up, and the head is not whole. */
static int
want_more(struct scan *s)
{
	if (s->limited)
		return fail(s, RK_ERR_HTTP_SIZE, "head over the limit");
	return RK_ERR_AGAIN;
}

static struct rk_span
take_while(struct scan *s, unsigned wanted)
{
	size_t from = s->pos;

	while (s->pos < s->end && (rk_http_classes[s->p[s->pos]] & wanted) != 0)
		s->pos++;
	return (struct rk_span){ s->p + from, s->pos - from };
}

/* |what| if the bytes differ, in whatever place. */
static int
take_text(struct scan *s, const char *text, int err, const char *what)
{
	for (; *text != '\0'; text++, s->pos++) {
		if (s->pos == s->end)
			return want_more(s);
		if (s->p[s->pos] != (uint8_t)*text)
			return fail(s, err, what);
	}
	return RK_OK;
}

static bool
is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static bool
is_line_end(uint8_t c)
{
	return c == '\r' || c == '\n';
}

static bool
is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* Take a line end; |err| and |what| if something else is there. */
static int
take_line_end(struct scan *s, int err, const char *what)
{
	if (s->pos == s->end)
		return want_more(s);
	if (s->p[s->pos] == '\n') {
		if (!s->tolerant)
			return fail(s, err, "LF without CR");
		s->pos++;
		return RK_OK;
	}
	if (s->p[s->pos] != '\r')
		return fail(s, err, what);
	if (s->pos + 1 == s->end)
		return want_more(s);
	if (s->p[s->pos + 1] != '\n')
		return fail(s, err, "CR without LF");
	s->pos += 2;
	return RK_OK;
}

static int
skip_empty_lines(struct scan *s)
{
	int err = RK_OK;

	while (err == RK_OK && s->tolerant && s->pos < s->end &&
	    is_line_end(s->p[s->pos]))
		err = take_line_end(s, RK_ERR_HTTP_LINE, "");
	return err;
}

/* RFC 9113 section 3.4: a client that speaks HTTP/2 without asking. */
static bool
is_preface(const struct scan *s)
{
	return s->p[s->pos] == '2' && rk_http_span_is(s->h->method, "PRI") &&
	    rk_http_span_is(s->h->target, "*");
}

static int
take_version(struct scan *s)
{
	int err = take_text(s, "HTTP/", RK_ERR_HTTP_LINE, "no HTTP version");

	if (err == RK_OK && s->pos < s->end && is_preface(s))
		return fail(s, RK_ERR_HTTP_PREFACE, "HTTP/2 preface");
	if (err == RK_OK)
		err = take_text(s, "1.", RK_ERR_HTTP_VERSION, "HTTP version");
	if (err != RK_OK)
		return err;
	if (s->pos == s->end)
		return want_more(s);
	if (s->p[s->pos] != '0' && s->p[s->pos] != '1')
		return fail(s, RK_ERR_HTTP_VERSION, "HTTP version");
	s->h->minor = s->p[s->pos++] - '0';
	return RK_OK;
}

static int
take_target(struct scan *s)
{
	size_t from = s->pos;
	int err;

	s->h->target = take_while(s, VISIBLE);
	if (s->h->target.len > s->limits->target)
		return fail_at(s, from + s->limits->target, RK_ERR_HTTP_TARGET,
		    "request target over the limit");
	if (s->pos < s->end && s->h->target.len == 0)
		return fail(s, RK_ERR_HTTP_LINE, "no request target");
	err = take_text(s, " ", RK_ERR_HTTP_LINE,
	    "illegal byte in request target");
	if (err == RK_OK && !rk_http_split_target(s->h, s->tolerant))
		return fail_at(s, from, RK_ERR_HTTP_LINE,
		    "request target is neither a path nor a URL");
	return err;
}

static int
take_request_line(struct scan *s)
{
	int err;

	s->h->method = take_while(s, TOKEN);
	if (s->pos < s->end && s->h->method.len == 0)
		return fail(s, RK_ERR_HTTP_LINE, "no method");
	err = take_text(s, " ", RK_ERR_HTTP_LINE, "illegal byte in method");
	if (err == RK_OK)
		err = take_target(s);
	if (err == RK_OK)
		err = take_version(s);
	if (err == RK_OK)
		err = take_line_end(s, RK_ERR_HTTP_LINE,
		    "something behind the HTTP version");
	return err;
}

static int
take_status(struct scan *s)
{
	int status = 0;

	for (int i = 0; i < 3; i++, s->pos++) {
		if (s->pos == s->end)
			return want_more(s);
		if (!is_digit(s->p[s->pos]) || (i == 0 && s->p[s->pos] == '0'))
			return fail(s, RK_ERR_HTTP_LINE, "status code");
		status = status * 10 + (s->p[s->pos] - '0');
	}
	s->h->status = status;
	return RK_OK;
}

static int
take_status_line(struct scan *s)
{
	int err = take_version(s);

	if (err == RK_OK)
		err = take_text(s, " ", RK_ERR_HTTP_LINE, "no status code");
	if (err == RK_OK)
		err = take_status(s);
	if (err != RK_OK)
		return err;
	if (!s->tolerant || (s->pos < s->end && !is_line_end(s->p[s->pos]))) {
		err = take_text(s, " ", RK_ERR_HTTP_LINE,
		    "no blank behind the status code");
		if (err != RK_OK)
			return err;
		s->h->reason = take_while(s, TEXT);
	}
	return take_line_end(s, RK_ERR_HTTP_LINE,
	    "illegal byte in reason phrase");
}

/* The rest of a line as a value, blanks around it removed. */
static int
take_value(struct scan *s, struct rk_span *value)
{
	struct rk_span v;

	while (s->pos < s->end && is_blank(s->p[s->pos]))
		s->pos++;
	v = take_while(s, TEXT);
	while (v.len > 0 && is_blank(v.p[v.len - 1]))
		v.len--;
	*value = v;
	return take_line_end(s, RK_ERR_HTTP_HEADER,
	    "illegal byte in field value");
}

/* A line that goes on with the value of the field before it. */
static int
take_fold(struct scan *s)
{
	struct rk_span *value;
	struct rk_span more;
	int err;

	if (s->h->nfields == 0 || !s->folds)
		return fail(s, RK_ERR_HTTP_HEADER,
		    s->h->nfields == 0 ? "blank before the first field"
				       : "folded field");
	err = take_value(s, &more);
	value = &s->h->field[s->h->nfields - 1].value;
	if (err != RK_OK || more.len == 0)
		return err;
	if (value->len == 0)
		*value = more;
	else
		value->len = (size_t)(more.p + more.len - value->p);
	return RK_OK;
}

static int
take_field(struct scan *s)
{
	struct rk_http_field *f;
	size_t max = s->limits->fields;

	if (max > RK_HTTP_MAX_FIELDS)
		max = RK_HTTP_MAX_FIELDS;
	if (s->h->nfields >= max)
		return fail(s, RK_ERR_HTTP_FIELDS, "too many fields");
	f = &s->h->field[s->h->nfields];
	f->name = take_while(s, TOKEN);
	if (s->pos == s->end)
		return want_more(s);
	if (f->name.len == 0 || s->p[s->pos] != ':')
		return fail(s, RK_ERR_HTTP_HEADER,
		    f->name.len == 0 ? "no field name"
				     : "illegal byte in field name");
	s->pos++;
	s->h->nfields++;
	return take_value(s, &f->value);
}

static int
take_fields(struct scan *s)
{
	int err = RK_OK;

	while (err == RK_OK) {
		if (s->pos == s->end)
			return want_more(s);
		if (is_line_end(s->p[s->pos]))
			break;
		err = is_blank(s->p[s->pos]) ? take_fold(s) : take_field(s);
	}
	if (err == RK_OK)
		err = take_line_end(s, RK_ERR_HTTP_HEADER, "");
	s->h->len = s->pos;
	return err;
}

/* The array of fields is large; those up to |nfields| are set by then. */
static void
clear_head(struct rk_http_head *h)
{
	const size_t at = offsetof(struct rk_http_head, nfields);

	memset(h, 0, offsetof(struct rk_http_head, field));
	memset((uint8_t *)h + at, 0, sizeof(*h) - at);
}

static int
parse(struct scan *s, const void *buf, size_t len,
    int (*take_first_line)(struct scan *))
{
	static const uint8_t nothing[1];
	const struct rk_http_limits *l = s->limits;
	int err;

	clear_head(s->h);
	s->p = len > 0 ? buf : nothing;
	s->limited = len >= l->head;
	s->end = s->limited ? l->head : len;
	s->tolerant = (l->flags & RK_HTTP_TOLERANT) != 0;
	err = skip_empty_lines(s);
	if (err == RK_OK)
		err = take_first_line(s);
	if (err == RK_OK)
		err = take_fields(s);
	return err;
}

int
rk_http_parse_request(const void *buf, size_t len,
    const struct rk_http_limits *limits, struct rk_http_head *h)
{
	struct scan s = { .limits = limits, .h = h };

	return parse(&s, buf, len, take_request_line);
}

int
rk_http_parse_response(const void *buf, size_t len,
    const struct rk_http_limits *limits, struct rk_http_head *h)
{
	struct scan s = { .limits = limits, .h = h };

	/* RFC 9112 section 5.2: a server refuses folds, a client does not. */
	s.folds = (limits->flags & RK_HTTP_TOLERANT) != 0;
	return parse(&s, buf, len, take_status_line);
}

int
rk_http_error_status(int err)
{
	switch (err) {
	case RK_ERR_HTTP_TARGET:
		return 414;
	case RK_ERR_HTTP_SIZE:
	case RK_ERR_HTTP_FIELDS:
		return 431;
	case RK_ERR_HTTP_PREFACE:
		return 0;
	default:
		return 400;
	}
}

bool
rk_http_span_is(struct rk_span s, const char *text)
{
	return s.len == strlen(text) &&
	    (s.len == 0 || memcmp(s.p, text, s.len) == 0);
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool
rk_http_span_is_nocase(struct rk_span s, const char *text)
{
	if (s.len != strlen(text))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (lower(s.p[i]) != lower((uint8_t)text[i]))
			return false;
	return true;
}

const struct rk_http_field *
rk_http_find(const struct rk_http_head *h, const char *name)
{
	for (size_t i = 0; i < h->nfields; i++)
		if (rk_http_span_is_nocase(h->field[i].name, name))
			return &h->field[i];
	return NULL;
}

size_t
rk_http_count(const struct rk_http_head *h, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < h->nfields; i++)
		n += rk_http_span_is_nocase(h->field[i].name, name);
	return n;
}

bool
rk_http_list_next(struct rk_span *rest, struct rk_span *element)
{
	struct rk_span e = *rest;
	const uint8_t *comma;

	if (rest->p == NULL)
		return false;
	comma = rest->len > 0 ? memchr(rest->p, ',', rest->len) : NULL;
	if (comma != NULL) {
		e.len = (size_t)(comma - rest->p);
		rest->p = comma + 1;
		rest->len -= e.len + 1;
	} else {
		*rest = (struct rk_span){ NULL, 0 };
	}
	/* A fold leaves its line end in the value. */
	while (e.len > 0 && (is_blank(*e.p) || is_line_end(*e.p))) {
		e.p++;
		e.len--;
	}
	while (e.len > 0 &&
	    (is_blank(e.p[e.len - 1]) || is_line_end(e.p[e.len - 1])))
		e.len--;
	*element = e;
	return true;
}

bool
rk_http_has_token(const struct rk_http_head *h, const char *name,
    const char *token)
{
	for (size_t i = 0; i < h->nfields; i++) {
		struct rk_span rest = h->field[i].value;
		struct rk_span element;

		if (!rk_http_span_is_nocase(h->field[i].name, name))
			continue;
		while (rk_http_list_next(&rest, &element))
			if (rk_http_span_is_nocase(element, token))
				return true;
	}
	return false;
}

bool
rk_http_keeps_alive(const struct rk_http_head *h)
{
	if (rk_http_has_token(h, "Connection", "close"))
		return false;
	return h->minor >= 1 ||
	    rk_http_has_token(h, "Connection", "keep-alive");
}

/* Write |text|, all of whose bytes must be of that one class. */
static void
write_checked(struct rk_writer *w, const char *text, unsigned wanted)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++)
		wanted &= rk_http_classes[(uint8_t)text[len]];
	if (wanted == 0)
		w->bad = true;
	rk_write_bytes(w, text, len);
}

void
rk_http_write_request(struct rk_writer *w, const char *method,
    const char *target)
{
	write_checked(w, method, TOKEN);
	rk_write_text(w, " ");
	write_checked(w, target, VISIBLE);
	rk_write_text(w, " HTTP/1.1\r\n");
}

void
rk_http_write_status(struct rk_writer *w, int minor, int status)
{
	char line[] = "HTTP/1.0 000 ";

	if (minor < 0 || minor > 9 || status < 0 || status > 999) {
		w->bad = true;
		return;
	}
	line[7] += (char)minor;
	line[9] += (char)(status / 100);
	line[10] += (char)(status / 10 % 10);
	line[11] += (char)(status % 10);
	rk_write_text(w, line);
	rk_write_text(w, rk_http_reason(status));
	rk_write_text(w, "\r\n");
}

void
rk_http_write_field(struct rk_writer *w, const char *name, const char *value)
{
	write_checked(w, name, TOKEN);
	rk_write_text(w, ": ");
	write_checked(w, value, TEXT);
	rk_write_text(w, "\r\n");
}

void
rk_http_write_end(struct rk_writer *w)
{
	rk_write_text(w, "\r\n");
}

void
rk_http_write_date(struct rk_writer *w, int64_t seconds)
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const time_t t = (time_t)seconds;
	struct tm tm;
	char text[64];

	if (gmtime_r(&t, &tm) == NULL || tm.tm_year + 1900 > 9999 ||
	    tm.tm_year + 1900 < 0) {
		w->bad = true;
		return;
	}
	snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
	    days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	rk_http_write_field(w, "date", text);
}

const char *
rk_http_reason(int status)
{
	/* RFC 9110 section 15, RFC 6585, RFC 8297. */
	static const struct {
		int status;
		const char *phrase;
	} rows[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 103, "Early Hints" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 407, "Proxy Authentication Required" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].phrase;
	return "";
}
