/*
 * HTTP heads and bodies.  The first byte says request or response and how
 * strict, the second how the body is cut.  What must hold: every shorter
 * part of a head is "more bytes" until the verdict shows; strict accepts
 * nothing that tolerant does not; what was read can be written and reads the
 * same; a body in pieces is the body.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/http.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	RESPONSE = 1,
	STRICT = 2,
	SMALL = 4,
	HEAD_METHOD = 8
};

static int
parse(uint8_t settings, const uint8_t *p, size_t len, struct rk_http_head *h)
{
	struct rk_http_limits l;

	rk_http_limits_default(&l);
	if ((settings & STRICT) != 0)
		l.flags = 0;
	if ((settings & SMALL) != 0)
		l.head = 200, l.target = 20, l.fields = 3;
	return (settings & RESPONSE) != 0
	    ? rk_http_parse_response(p, len, &l, h)
	    : rk_http_parse_request(p, len, &l, h);
}

static bool
same_span(struct rk_span a, struct rk_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static void
demand_same(const struct rk_http_head *a, const struct rk_http_head *b)
{
	REQUIRE(same_span(a->method, b->method));
	REQUIRE(same_span(a->target, b->target));
	REQUIRE(same_span(a->path, b->path) && same_span(a->query, b->query));
	REQUIRE(a->minor == b->minor && a->status == b->status);
	REQUIRE(a->nfields == b->nfields);
	for (size_t i = 0; i < a->nfields; i++) {
		REQUIRE(same_span(a->field[i].name, b->field[i].name));
		REQUIRE(same_span(a->field[i].value, b->field[i].value));
	}
}

/* All shorter parts want more up to one length, and agree from there on. */
static void
check_parts(uint8_t settings, const uint8_t *p, size_t len, int err,
    const struct rk_http_head *h)
{
	struct rk_http_head part;
	bool decided = false;

	for (size_t n = 0; n < len; n += n < 600 ? 1 : 97) {
		/* An exact copy, so that ASan sees a byte too far. */
		uint8_t *copy = malloc(n > 0 ? n : 1);
		int got;

		REQUIRE(copy != NULL);
		memcpy(copy, p, n);
		got = parse(settings, copy, n, &part);
		REQUIRE(got == err || (got == RK_ERR_AGAIN && !decided));
		decided = got == err && err != RK_ERR_AGAIN;
		if (decided && err == RK_OK) {
			REQUIRE(n >= h->len && part.len == h->len);
			demand_same(&part, h);
		} else if (decided) {
			REQUIRE(part.error_at == h->error_at &&
			    part.error_at <= n &&
			    part.error_what == h->error_what);
		}
		free(copy);
	}
}

static const char *
text(char **at, struct rk_span s)
{
	char *start = *at;

	if (s.len > 0)
		memcpy(start, s.p, s.len);
	start[s.len] = '\0';
	*at += s.len + 1;
	return start;
}

static bool
is_folded(struct rk_span s)
{
	return s.len > 0 && memchr(s.p, '\n', s.len) != NULL;
}

/* Write what was read; it reads the same, strictly too. */
static void
check_writing(uint8_t settings, const struct rk_http_head *h)
{
	size_t cap = h->len * 4 + 4096;
	uint8_t *out = malloc(cap);
	char *texts = malloc(cap);
	char *at = texts;
	struct rk_http_head again;
	struct rk_writer w;

	REQUIRE(out != NULL && texts != NULL);
	rk_writer_init(&w, out, cap);
	if ((settings & RESPONSE) != 0)
		rk_http_write_status(&w, h->minor, h->status);
	else
		rk_http_write_request(&w, text(&at, h->method),
		    text(&at, h->target));
	for (size_t i = 0; i < h->nfields; i++) {
		const char *name = text(&at, h->field[i].name);

		if (is_folded(h->field[i].value))
			goto out;
		rk_http_write_field(&w, name, text(&at, h->field[i].value));
	}
	rk_http_write_end(&w);
	REQUIRE(!w.bad);
	REQUIRE(
	    parse((settings & RESPONSE) | STRICT, out, w.len, &again) == RK_OK);
	REQUIRE(again.len == w.len);
	again.minor = h->minor; /* a request is written as 1.1 */
	demand_same(h, &again);
out:
	free(out);
	free(texts);
}

struct taken {
	int err;
	size_t used;
	size_t len;
	uint8_t *payload;
};

/* Read a body off; |piece| bytes are there at a time. */
static struct taken
take_body(struct rk_http_body b, const uint8_t *p, size_t len, size_t piece)
{
	struct taken t = { .payload = malloc(len + 1) };
	size_t there = 0;

	REQUIRE(t.payload != NULL);
	while (t.err == RK_OK && !b.done) {
		struct rk_span data;
		size_t used;

		t.err = rk_http_body_take(&b, p + t.used, there - t.used, &used,
		    &data);
		t.used += used;
		REQUIRE(t.used <= there && data.len <= used);
		if (t.err == RK_OK && data.len > 0)
			memcpy(t.payload + t.len, data.p, data.len);
		if (t.err == RK_OK)
			t.len += data.len;
		REQUIRE(t.err != RK_ERR_AGAIN || there == t.used);
		if (t.err == RK_ERR_AGAIN && there < len) {
			there += len - there < piece ? len - there : piece;
			t.err = RK_OK;
		}
	}
	return t;
}

static void
check_body(uint8_t settings, const struct rk_http_head *h, const uint8_t *p,
    size_t len, size_t piece)
{
	struct rk_http_body b;
	struct taken whole, pieces;
	int err = (settings & RESPONSE) != 0
	    ? rk_http_body_response(&b, h,
		  (settings & HEAD_METHOD) != 0 ? "HEAD" : "GET")
	    : rk_http_body_request(&b, h);

	REQUIRE(err == RK_OK || err == RK_ERR_HTTP_BODY);
	if (err != RK_OK)
		return;
	whole = take_body(b, p, len, len > 0 ? len : 1);
	pieces = take_body(b, p, len, piece);
	REQUIRE(whole.err == pieces.err && whole.used == pieces.used);
	REQUIRE(whole.len == pieces.len &&
	    memcmp(whole.payload, pieces.payload, whole.len) == 0);
	free(whole.payload);
	free(pieces.payload);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rk_http_head h, other;
	uint8_t settings;
	int err;

	if (size < 2)
		return 0;
	settings = data[0];
	err = parse(settings, data + 2, size - 2, &h);
	check_parts(settings, data + 2, size - 2, err, &h);
	if (err != RK_OK) {
		REQUIRE(err == RK_ERR_AGAIN || h.error_what != NULL);
		return 0;
	}
	REQUIRE(h.len <= size - 2);
	REQUIRE(parse(settings & ~STRICT, data + 2, size - 2, &other) == RK_OK);
	demand_same(&h, &other);
	check_writing(settings, &h);
	check_body(settings, &h, data + 2 + h.len, size - 2 - h.len,
	    1 + data[1] % 32);
	return 0;
}
