/* HTTP/1.1 heads written. */
#include "config.h"

#include <string.h>

#include "codec/http.h"
#include "support.h"

struct written {
	uint8_t buf[512];
	struct rk_writer w;
};

static struct rk_writer *
writer(struct written *out)
{
	rk_writer_init(&out->w, out->buf, sizeof(out->buf));
	return &out->w;
}

#define ck_assert_written(out, text)                                           \
	ck_assert_bytes((out).buf, (out).w.len, text, strlen(text))

START_TEST(a_request_is_written)
{
	struct written out;
	struct rk_writer *w = writer(&out);

	rk_http_write_request(w, "GET", "/relay?x");
	rk_http_write_field(w, "upgrade", "iroh derp http");
	rk_http_write_field(w, "empty", "");
	rk_http_write_end(w);
	ck_assert(!w->bad);
	ck_assert_written(out,
	    "GET /relay?x HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	    "empty: \r\n\r\n");
}
END_TEST

START_TEST(a_response_is_written)
{
	static const struct {
		int minor;
		int status;
		const char *line;
	} rows[] = {
		{ 1, 101, "HTTP/1.1 101 Switching Protocols\r\n" },
		{ 0, 400, "HTTP/1.0 400 Bad Request\r\n" },
		{ 1, 431, "HTTP/1.1 431 Request Header Fields Too Large\r\n" },
		{ 1, 599, "HTTP/1.1 599 \r\n" },
		{ 9, 0, "HTTP/1.9 000 \r\n" },
		{ 1, 999, "HTTP/1.1 999 \r\n" },
	};

	for (int i = 0; i < NROWS(rows); i++) {
		struct written out;

		rk_http_write_status(writer(&out), rows[i].minor,
		    rows[i].status);
		ck_assert(!out.w.bad);
		ck_assert_written(out, rows[i].line);
	}
}
END_TEST

START_TEST(a_status_has_three_digits)
{
	static const struct {
		int minor;
		int status;
	} rows[] = { { 1, -1 }, { 1, 1000 }, { -1, 200 }, { 10, 200 } };

	for (int i = 0; i < NROWS(rows); i++) {
		struct written out;

		rk_http_write_status(writer(&out), rows[i].minor,
		    rows[i].status);
		ck_assert(out.w.bad);
		ck_assert_uint_eq(out.w.len, 0);
	}
}
END_TEST

START_TEST(dates_are_imf_fixdates)
{
	static const struct {
		int64_t seconds;
		const char *line;
	} rows[] = {
		{ 0, "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" },
		/* RFC 9110 section 5.6.7 */
		{ 784111777, "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" },
		{ 951782399, "date: Mon, 28 Feb 2000 23:59:59 GMT\r\n" },
		{ 951782400, "date: Tue, 29 Feb 2000 00:00:00 GMT\r\n" },
		{ INT64_C(253402300799),
		    "date: Fri, 31 Dec 9999 23:59:59 GMT\r\n" },
	};
	struct written out;

	for (int i = 0; i < NROWS(rows); i++) {
		rk_http_write_date(writer(&out), rows[i].seconds);
		ck_assert(!out.w.bad);
		ck_assert_written(out, rows[i].line);
	}
	rk_http_write_date(writer(&out), INT64_C(253402300800));
	ck_assert(out.w.bad);
	rk_http_write_date(writer(&out), INT64_MAX);
	ck_assert(out.w.bad);
}
END_TEST

START_TEST(text_that_would_leave_its_place_is_not_written)
{
	static const struct {
		const char *name;
		const char *value;
		bool ok;
	} rows[] = {
		{ "a", "b\xc3\xa4\t ~", true },
		{ "a", "b\r\nc: d", false },
		{ "a", "b\nc", false },
		{ "a", "b\x7f", false },
		{ "a b", "c", false },
		{ "a:", "c", false },
	};
	struct written out;

	for (int i = 0; i < NROWS(rows); i++) {
		rk_http_write_field(writer(&out), rows[i].name, rows[i].value);
		ck_assert_int_eq(!out.w.bad, rows[i].ok);
	}
	rk_http_write_request(writer(&out), "GET", "/ x");
	ck_assert(out.w.bad);
	rk_http_write_request(writer(&out), "G T", "/");
	ck_assert(out.w.bad);
}
END_TEST

START_TEST(a_writer_that_is_full_is_bad)
{
	static const char text[] = "GET / HTTP/1.1\r\na: b\r\n\r\n";
	uint8_t buf[sizeof(text)];
	struct rk_writer w;

	for (size_t cap = 0; cap < sizeof(text); cap++) {
		rk_writer_init(&w, buf, cap);
		rk_http_write_request(&w, "GET", "/");
		rk_http_write_field(&w, "a", "b");
		rk_http_write_end(&w);
		ck_assert_int_eq(w.bad, cap < sizeof(text) - 1);
	}
}
END_TEST

START_TEST(reasons)
{
	ck_assert_str_eq(rk_http_reason(101), "Switching Protocols");
	ck_assert_str_eq(rk_http_reason(426), "Upgrade Required");
	ck_assert_str_eq(rk_http_reason(0), "");
	ck_assert_str_eq(rk_http_reason(600), "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http writing");
	TCase *tc = tcase_create("writing");

	tcase_add_test(tc, a_request_is_written);
	tcase_add_test(tc, a_response_is_written);
	tcase_add_test(tc, a_status_has_three_digits);
	tcase_add_test(tc, dates_are_imf_fixdates);
	tcase_add_test(tc, text_that_would_leave_its_place_is_not_written);
	tcase_add_test(tc, a_writer_that_is_full_is_bad);
	tcase_add_test(tc, reasons);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
