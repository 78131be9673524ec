/* HTTP/1.1 bodies: how long they are, and taking them off. */
#include "config.h"

#include <string.h>

#include "codec/http.h"
#include "support.h"

/* Parse a head of a first line and fields; |text| keeps its bytes. */
static void
parse(char text[256], bool is_response, const char *first, const char *lines,
    struct rk_http_head *h)
{
	struct rk_http_limits l;
	char *end =
	    stpcpy(stpcpy(stpcpy(stpcpy(text, first), "\r\n"), lines), "\r\n");
	size_t len = (size_t)(end - text);

	rk_http_limits_default(&l);
	l.flags = 0;
	ck_assert_int_eq(is_response ? rk_http_parse_response(text, len, &l, h)
				     : rk_http_parse_request(text, len, &l, h),
	    RK_OK);
}

struct body_row {
	const char *first; /* line; a request's or a response's */
	const char *fields;
	const char *method; /* of the request that a response answers */
	int kind;           /* or an error */
	uint64_t left;
};

#define GET_11 "GET / HTTP/1.1"
#define GET_10 "GET / HTTP/1.0"
#define OK_11  "HTTP/1.1 200 OK"
#define BAD    RK_ERR_HTTP_BODY
#define CL     "Content-Length: "
#define TE     "Transfer-Encoding: "
#define NL     "\r\n"

static const struct body_row body_rows[] = {
	{ GET_11, "", NULL, RK_HTTP_BODY_NONE, 0 },
	{ GET_11, CL "0" NL, NULL, RK_HTTP_BODY_LENGTH, 0 },
	{ GET_11, CL "3" NL, NULL, RK_HTTP_BODY_LENGTH, 3 },
	{ GET_11, "content-LENGTH:007" NL, NULL, RK_HTTP_BODY_LENGTH, 7 },
	{ GET_11, CL "18446744073709551615" NL, NULL, RK_HTTP_BODY_LENGTH,
	    UINT64_MAX },
	{ GET_11, CL "18446744073709551616" NL, NULL, BAD, 0 },
	{ GET_11, CL "99999999999999999999999" NL, NULL, BAD, 0 },
	{ GET_11, CL "+3" NL, NULL, BAD, 0 },
	{ GET_11, CL "-3" NL, NULL, BAD, 0 },
	{ GET_11, CL "0x3" NL, NULL, BAD, 0 },
	{ GET_11, CL "3 4" NL, NULL, BAD, 0 },
	{ GET_11, CL "3.0" NL, NULL, BAD, 0 },
	{ GET_11, CL NL, NULL, BAD, 0 },
	{ GET_11, CL "3" NL CL "3" NL, NULL, RK_HTTP_BODY_LENGTH, 3 },
	{ GET_11, CL "3, 3" NL, NULL, BAD, 0 },
	{ GET_11, CL "3" NL CL "4" NL, NULL, BAD, 0 },
	{ GET_11, CL "3, 4" NL, NULL, BAD, 0 },
	{ GET_11, CL "3," NL, NULL, BAD, 0 },
	{ GET_11, TE "chunked" NL, NULL, RK_HTTP_BODY_CHUNKED, 0 },
	{ GET_11, TE "gzip, CHUNKED" NL, NULL, RK_HTTP_BODY_CHUNKED, 0 },
	{ GET_11, TE "gzip" NL TE "chunked" NL, NULL, RK_HTTP_BODY_CHUNKED, 0 },
	{ GET_11, TE "chunked" NL TE "gzip" NL, NULL, BAD, 0 },
	{ GET_11, TE "chunked, chunked" NL, NULL, BAD, 0 },
	{ GET_11, TE "chunked," NL, NULL, BAD, 0 },
	{ GET_11, TE ", chunked" NL, NULL, RK_HTTP_BODY_CHUNKED, 0 },
	{ GET_11, TE "gzip" NL, NULL, BAD, 0 },
	{ GET_11, TE "xchunked" NL, NULL, BAD, 0 },
	{ GET_11, TE NL, NULL, BAD, 0 },
	{ GET_11, CL "3" NL TE "chunked" NL, NULL, BAD, 0 },
	{ GET_11, TE "chunked" NL CL "3" NL, NULL, BAD, 0 },
	{ GET_10, TE "chunked" NL, NULL, BAD, 0 },
	{ GET_10, CL "3" NL, NULL, RK_HTTP_BODY_LENGTH, 3 },

	{ OK_11, "", "GET", RK_HTTP_BODY_UNTIL_EOF, 0 },
	{ OK_11, CL "3" NL, "GET", RK_HTTP_BODY_LENGTH, 3 },
	{ OK_11, CL "3" NL, "HEAD", RK_HTTP_BODY_NONE, 0 },
	{ OK_11, CL "3" NL, "head", RK_HTTP_BODY_LENGTH, 3 },
	{ OK_11, CL "3" NL CL "4" NL, "GET", BAD, 0 },
	{ OK_11, TE "chunked" NL, "GET", RK_HTTP_BODY_CHUNKED, 0 },
	{ OK_11, TE "chunked" NL, "HEAD", RK_HTTP_BODY_NONE, 0 },
	{ OK_11, TE "chunked" NL CL "3" NL, "GET", RK_HTTP_BODY_CHUNKED, 0 },
	{ OK_11, TE "gzip" NL, "GET", RK_HTTP_BODY_UNTIL_EOF, 0 },
	{ OK_11, TE "chunked, chunked" NL, "GET", BAD, 0 },
	{ "HTTP/1.0 200 OK", TE "chunked" NL, "GET", BAD, 0 },
	{ "HTTP/1.1 204 x", CL "3" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 304 x", CL "3" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 100 x", CL "3" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ OK_11, CL "3" NL, "CONNECT", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 407 x", CL "3" NL, "CONNECT", RK_HTTP_BODY_LENGTH, 3 },
	/* What stands behind a 101 is frames, whatever it says of a body. */
	{ "HTTP/1.1 101 x", CL "0" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 101 x", CL "5" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 101 x", CL "x" NL, "GET", RK_HTTP_BODY_NONE, 0 },
	{ "HTTP/1.1 101 x", TE "chunked" NL, "GET", RK_HTTP_BODY_NONE, 0 },
};

START_TEST(what_body_a_head_announces)
{
	const struct body_row *row = &body_rows[_i];
	struct rk_http_body b;
	struct rk_http_head h;
	char text[256];
	int err;

	parse(text, row->method != NULL, row->first, row->fields, &h);
	err = row->method == NULL ? rk_http_body_request(&b, &h)
				  : rk_http_body_response(&b, &h, row->method);
	if (row->kind < 0) {
		ck_assert_int_eq(err, row->kind);
		return;
	}
	ck_assert_int_eq(err, RK_OK);
	ck_assert_int_eq((int)b.kind, row->kind);
	ck_assert_uint_eq(b.left, row->left);
	ck_assert_int_eq(b.done,
	    row->kind == RK_HTTP_BODY_NONE ||
		(row->kind == RK_HTTP_BODY_LENGTH && row->left == 0));
}
END_TEST

static struct rk_http_body
body_of(const char *fields_text)
{
	struct rk_http_head h;
	struct rk_http_body b;
	char text[256];

	parse(text, true, OK_11, fields_text, &h);
	ck_assert_int_eq(rk_http_body_response(&b, &h, "GET"), RK_OK);
	return b;
}

struct taken {
	int err;
	size_t used;
	bool done;
	char payload[256];
};

/* Take a body off, |piece| bytes more each time. */
static struct taken
take(struct rk_http_body b, const char *text, size_t len, size_t piece)
{
	struct taken t = { 0 };
	size_t there = 0, payload = 0;

	while (!b.done) {
		struct rk_span data;
		size_t used;

		t.err = rk_http_body_take(&b, text + t.used, there - t.used,
		    &used, &data);
		ck_assert_uint_le(t.used + used, there);
		t.used += used;
		if (t.err == RK_OK) {
			ck_assert_uint_lt(payload + data.len,
			    sizeof(t.payload));
			memcpy(t.payload + payload, data.p, data.len);
			payload += data.len;
		} else if (t.err != RK_ERR_AGAIN || there == len) {
			break;
		} else {
			there += len - there < piece ? len - there : piece;
		}
	}
	t.done = b.done;
	return t;
}

struct chunk_row {
	const char *text;
	const char *payload; /* NULL: refused at |used| */
	size_t used;
};

static const struct chunk_row chunk_rows[] = {
	{ "0\r\n\r\n", "", 5 },
	{ "3\r\nabc\r\n0\r\n\r\n", "abc", 13 },
	{ "3\r\nabc\r\n0\r\n\r\nGET /", "abc", 13 },
	{ "0003\r\nabc\r\n1\r\n\n\r\n000\r\n\r\n", "abc\n", 24 },
	{ "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", 20 },
	{ "a \t\r\n0123456789\r\n0\r\n\r\n", "0123456789", 22 },
	{ "1;x=\"y z\"\r\na\r\n1 ; x\r\nb\r\n0;\r\n\r\n", "ab", 30 },
	{ "1\r\na\r\n0\r\nA: b\r\nC:\r\n\r\n", "a", 21 },
	{ "\r\n", NULL, 0 },
	{ "g\r\n", NULL, 0 },
	{ "-1\r\n", NULL, 0 },
	{ "+1\r\n", NULL, 0 },
	{ " 1\r\n", NULL, 0 },
	{ "0x1\r\n", NULL, 1 },
	{ "1\na\n", NULL, 1 },
	{ "1\r\r", NULL, 2 },
	{ "1 1\r\n", NULL, 2 },
	{ "1;\x01\r\n", NULL, 2 },
	{ "1;a\n", NULL, 3 },
	{ "1\r\nab", NULL, 4 },
	{ "1\r\na\n", NULL, 4 },
	{ "1\r\na\rx", NULL, 5 },
	{ "ffffffffffffffff\r\n", "", 18 }, /* not done, see below */
	{ "10000000000000000\r\n", NULL, 16 },
	{ "0\r\n:b\r\n", NULL, 3 },
	{ "0\r\n\n", NULL, 3 },
	{ "0\r\nA\r\n", NULL, 4 },
	{ "0\r\nA : b\r\n", NULL, 4 },
	{ "0\r\nA: b\n", NULL, 7 },
	{ "0\r\nA: b\r\r", NULL, 8 },
	{ "0\r\n\rx", NULL, 4 },
};

START_TEST(chunked_bodies)
{
	const struct chunk_row *row = &chunk_rows[_i];
	size_t len = strlen(row->text);

	for (size_t piece = 1; piece <= len; piece++) {
		struct taken t =
		    take(body_of(TE "chunked" NL), row->text, len, piece);

		ck_assert_uint_eq(t.used, row->used);
		if (row->payload == NULL) {
			ck_assert_int_eq(t.err, RK_ERR_HTTP_BODY);
			continue;
		}
		ck_assert_str_eq(t.payload, row->payload);
		ck_assert_int_eq(t.done, row->text[0] != 'f');
	}
}
END_TEST

START_TEST(a_cut_body_is_not_done)
{
	static const char text[] = "1;x\r\na\r\n0\r\nA: b\r\n\r\n";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		struct taken t = take(body_of(TE "chunked" NL), text, n, n + 1);

		ck_assert_int_eq(t.err, RK_ERR_AGAIN);
		ck_assert(!t.done);
		ck_assert_uint_eq(t.used, n);
	}
}
END_TEST

START_TEST(a_malformed_body_stays_malformed)
{
	struct rk_http_body b = body_of(TE "chunked" NL);
	struct rk_span data;
	size_t used;

	ck_assert_int_eq(rk_http_body_take(&b, "x", 1, &used, &data),
	    RK_ERR_HTTP_BODY);
	ck_assert_int_eq(rk_http_body_take(&b, "0\r\n\r\n", 5, &used, &data),
	    RK_ERR_HTTP_BODY);
	ck_assert(!b.done);
}
END_TEST

START_TEST(bodies_with_a_length_and_without)
{
	struct taken t = take(body_of(CL "3" NL), "abcde", 5, 2);

	ck_assert_str_eq(t.payload, "abc");
	ck_assert_uint_eq(t.used, 3);
	ck_assert(t.done);
	t = take(body_of(CL "3" NL), "ab", 2, 1);
	ck_assert_str_eq(t.payload, "ab");
	ck_assert_int_eq(t.err, RK_ERR_AGAIN);
	t = take(body_of(""), "abcde", 5, 2);
	ck_assert_str_eq(t.payload, "abcde");
	ck_assert_uint_eq(t.used, 5);
	ck_assert(!t.done); /* that is the end of the connection's to say */
	t = take(body_of(CL "0" NL), "abc", 3, 3);
	ck_assert_uint_eq(t.used, 0);
	ck_assert(t.done);
}
END_TEST

/* How many bytes of |fill| behind |start| are taken before it is refused. */
static size_t
endurance(const char *start, char fill, size_t most)
{
	struct rk_http_body b = body_of(TE "chunked" NL);
	struct rk_span data;
	size_t used, n;

	ck_assert_int_eq(rk_http_body_take(&b, start, strlen(start), &used,
			     &data),
	    RK_OK);
	for (n = 0; n < most; n++)
		if (rk_http_body_take(&b, &fill, 1, &used, &data) != RK_OK)
			break;
	return n;
}

START_TEST(extensions_and_trailers_have_an_end)
{
	const size_t most = 1 << 20;

	ck_assert_uint_eq(endurance("1", ';', most), 16384);
	ck_assert_uint_eq(endurance("1;", 'x', most), 16383);
	ck_assert_uint_eq(endurance("1", ' ', most), 16384);
	ck_assert_uint_eq(endurance("0", '0', most), 16384);
	ck_assert_uint_eq(endurance("0\r\n", 'x', most), 16384);
	ck_assert_uint_eq(endurance("0\r\nx:", 'x', most), 16382);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http bodies");
	TCase *tc = tcase_create("bodies");

	tcase_set_timeout(tc, 60);
	tcase_add_rows(tc, what_body_a_head_announces, body_rows);
	tcase_add_rows(tc, chunked_bodies, chunk_rows);
	tcase_add_test(tc, a_cut_body_is_not_done);
	tcase_add_test(tc, a_malformed_body_stays_malformed);
	tcase_add_test(tc, bodies_with_a_length_and_without);
	tcase_add_test(tc, extensions_and_trailers_have_an_end);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
