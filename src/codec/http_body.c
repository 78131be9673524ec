/*
 * The body behind an HTTP/1.1 head: how long it is (RFC 9112 section 6) and
 * taking it off.  Its bytes are never kept.
 */
#include "config.h"

#include "codec/http.h"
#include "codec/http_class.h"

#include <string.h>

/* Chunk extensions and trailers carry nothing that anybody asked for; a
 * whole body may have so many bytes of them. */
#define MAX_EXTRA 16384

/* Where in the chunked coding the next byte stands. */
enum step {
	SIZE_FIRST,
	SIZE,
	SIZE_BLANK,
	EXTENSION,
	SIZE_LF,
	DATA,
	DATA_CR,
	DATA_LF,
	TRAILER_FIRST,
	TRAILER_NAME,
	TRAILER_VALUE,
	TRAILER_LF,
	END_LF,
	ENDED,
	MALFORMED
};

static void
begin(struct rk_http_body *b, enum rk_http_body_kind kind, uint64_t left)
{
	*b = (struct rk_http_body){ .kind = kind,
		.left = left,
		.step = SIZE_FIRST,
		.done = kind == RK_HTTP_BODY_NONE ||
		    (kind == RK_HTTP_BODY_LENGTH && left == 0) };
}

/* One or more digits and nothing else, below 2^64. */
static bool
parse_length(struct rk_span s, uint64_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)s.p[i] - '0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return s.len > 0;
}

/* Repeated fields must say the same; a list is refused, even of equals. */
static int
content_length(const struct rk_http_head *h, bool *present, uint64_t *len)
{
	*present = false;
	for (size_t i = 0; i < h->nfields; i++) {
		uint64_t v;

		if (!rk_http_span_is_nocase(h->field[i].name, "Content-Length"))
			continue;
		if (!parse_length(h->field[i].value, &v) ||
		    (*present && v != *len))
			return RK_ERR_HTTP_BODY;
		*present = true;
		*len = v;
	}
	return RK_OK;
}

struct codings {
	bool present;
	bool chunked_last;
	size_t chunked; /* how often */
};

static struct codings
transfer_codings(const struct rk_http_head *h)
{
	struct codings c = { 0 };

	for (size_t i = 0; i < h->nfields; i++) {
		struct rk_span rest = h->field[i].value;
		struct rk_span element;

		if (!rk_http_span_is_nocase(h->field[i].name,
			"Transfer-Encoding"))
			continue;
		c.present = true;
		/* One that ends in a comma does not end in "chunked", as the
		 * reference has it. */
		while (rk_http_list_next(&rest, &element)) {
			c.chunked_last =
			    rk_http_span_is_nocase(element, "chunked");
			c.chunked += c.chunked_last;
		}
	}
	return c;
}

int
rk_http_body_request(struct rk_http_body *b, const struct rk_http_head *h)
{
	struct codings coding = transfer_codings(h);
	uint64_t len = 0;
	bool has_len;
	int err = content_length(h, &has_len, &len);

	if (err != RK_OK)
		return err;
	if (!coding.present) {
		begin(b, has_len ? RK_HTTP_BODY_LENGTH : RK_HTTP_BODY_NONE,
		    len);
		return RK_OK;
	}
	/* Section 6.1: each of these is how requests are smuggled. */
	if (has_len || h->minor == 0 || !coding.chunked_last ||
	    coding.chunked > 1)
		return RK_ERR_HTTP_BODY;
	begin(b, RK_HTTP_BODY_CHUNKED, 0);
	return RK_OK;
}

static bool
has_no_body(const struct rk_http_head *h, const char *request_method)
{
	const struct rk_span method = { (const uint8_t *)request_method,
		strlen(request_method) };

	return h->status / 100 == 1 || h->status == 204 || h->status == 304 ||
	    rk_http_span_is(method, "HEAD") ||
	    (rk_http_span_is(method, "CONNECT") && h->status / 100 == 2);
}

int
rk_http_body_response(struct rk_http_body *b, const struct rk_http_head *h,
    const char *request_method)
{
	struct codings coding = transfer_codings(h);
	uint64_t len = 0;
	bool has_len;
	int err;

	if (has_no_body(h, request_method)) {
		begin(b, RK_HTTP_BODY_NONE, 0);
		return RK_OK;
	}
	if (coding.present) {
		if (h->minor == 0 || coding.chunked > 1)
			return RK_ERR_HTTP_BODY;
		begin(b,
		    coding.chunked_last ? RK_HTTP_BODY_CHUNKED
					: RK_HTTP_BODY_UNTIL_EOF,
		    0);
		return RK_OK;
	}
	err = content_length(h, &has_len, &len);
	if (err == RK_OK)
		begin(b, has_len ? RK_HTTP_BODY_LENGTH : RK_HTTP_BODY_UNTIL_EOF,
		    len);
	return err;
}

static int
hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum step
when(bool good, enum step next)
{
	return good ? next : MALFORMED;
}

static enum step
size_digit(struct rk_http_body *b, int digit)
{
	if (digit < 0 || b->left >> 60 != 0)
		return MALFORMED;
	if (b->left == 0 && b->step == SIZE)
		b->extra++; /* another leading zero */
	b->left = b->left << 4 | (unsigned)digit;
	return SIZE;
}

static enum step
behind_size(uint8_t c)
{
	if (c == '\r')
		return SIZE_LF;
	if (c == ';')
		return EXTENSION;
	return when(c == ' ' || c == '\t', SIZE_BLANK);
}

/* A line that ends with CR and holds bytes of one class before. */
static enum step
line_byte(uint8_t c, enum step here, enum step next)
{
	if (c == '\r')
		return next;
	return when((rk_http_classes[c] & RK_HTTP_TEXT) != 0, here);
}

static enum step
next_step(struct rk_http_body *b, uint8_t c)
{
	bool is_token = (rk_http_classes[c] & RK_HTTP_TOKEN) != 0;

	switch ((enum step)b->step) {
	case SIZE_FIRST:
		return size_digit(b, hex_digit(c));
	case SIZE:
		return hex_digit(c) >= 0 ? size_digit(b, hex_digit(c))
					 : behind_size(c);
	case SIZE_BLANK:
		return behind_size(c);
	case EXTENSION:
		return line_byte(c, EXTENSION, SIZE_LF);
	case SIZE_LF:
		return when(c == '\n', b->left > 0 ? DATA : TRAILER_FIRST);
	case DATA_CR:
		return when(c == '\r', DATA_LF);
	case DATA_LF:
		return when(c == '\n', SIZE_FIRST);
	case TRAILER_FIRST:
		return c == '\r' ? END_LF : when(is_token, TRAILER_NAME);
	case TRAILER_NAME:
		return c == ':' ? TRAILER_VALUE : when(is_token, TRAILER_NAME);
	case TRAILER_VALUE:
		return line_byte(c, TRAILER_VALUE, TRAILER_LF);
	case TRAILER_LF:
		return when(c == '\n', TRAILER_FIRST);
	case END_LF:
		return when(c == '\n', ENDED);
	default:
		return MALFORMED;
	}
}

static bool
is_extra(enum step step)
{
	return step == SIZE_BLANK || step == EXTENSION ||
	    step == TRAILER_NAME || step == TRAILER_VALUE;
}

static size_t
take_data(struct rk_http_body *b, const uint8_t *p, size_t len,
    struct rk_span *data)
{
	if (len > b->left)
		len = (size_t)b->left;
	*data = (struct rk_span){ p, len };
	b->left -= len;
	return len;
}

static int
take_chunked(struct rk_http_body *b, const uint8_t *p, size_t len, size_t *used,
    struct rk_span *data)
{
	size_t i = 0;

	while (i < len && b->step != DATA && b->step != ENDED) {
		b->step = next_step(b, p[i]);
		if (is_extra(b->step))
			b->extra++;
		if (b->extra > MAX_EXTRA)
			b->step = MALFORMED;
		*used = i;
		if (b->step == MALFORMED)
			return RK_ERR_HTTP_BODY;
		i++;
	}
	if (b->step == DATA && i < len) {
		i += take_data(b, p + i, len - i, data);
		if (b->left == 0)
			b->step = DATA_CR;
	}
	b->done = b->step == ENDED;
	*used = i;
	return RK_OK;
}

int
rk_http_body_take(struct rk_http_body *b, const void *buf, size_t len,
    size_t *used, struct rk_span *data)
{
	*used = 0;
	*data = (struct rk_span){ buf, 0 };
	if (b->done)
		return RK_OK;
	if (len == 0)
		return RK_ERR_AGAIN;
	if (b->kind == RK_HTTP_BODY_CHUNKED)
		return take_chunked(b, buf, len, used, data);
	if (b->kind == RK_HTTP_BODY_UNTIL_EOF) {
		*data = (struct rk_span){ buf, len };
		*used = len;
		return RK_OK;
	}
	*used = take_data(b, buf, len, data);
	b->done = b->left == 0;
	return RK_OK;
}
