/*
 * Proxies: which one the environment names, what it is asked, which of its
 * answers make a tunnel.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/errors.h"
#include "relay-cli/proxy.h"
#include "support.h"

static struct relay_url
url_of(const char *text)
{
	struct relay_url u;
	char err[256];

	ck_assert_msg(relay_url_parse(text, &u, err, sizeof(err)) == 0, "%s",
	    err);
	return u;
}

static void
clear_environment(void)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY",
		"https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
}

/* ---- the proxy's URL ---- */

/* clang-format off */
static const struct parse_row {
	const char *text;
	const char *shown; /* NULL: refused */
	const char *host;
	unsigned port;
	const char *credentials; /* base64 of Python, of user:password */
} parse_rows[] = {
	{ "http://proxy.example:3128", "http://proxy.example:3128", "proxy.example", 3128, "" },
	{ "HTTP://proxy.example:3128/", "http://proxy.example:3128", "proxy.example", 3128, "" },
	{ "proxy.example:3128", "http://proxy.example:3128", "proxy.example", 3128, "" },
	{ "http://proxy.example", "http://proxy.example", "proxy.example", 80, "" },
	{ "http://[::1]:8080", "http://[::1]:8080", "::1", 8080, "" },
	{ "http://user:p%40ss@[::1]:8080", "http://[::1]:8080", "::1", 8080, "dXNlcjpwQHNz" },
	{ "http://user@127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, "dXNlcjo=" },
	{ "http://:secret@127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, "OnNlY3JldA==" },
	{ "http://a%3ab:c%3Ad@127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, "YTpiOmM6ZA==" },
	{ "http://u:a@b@127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, "dTphQGI=" },
	{ "http://u:%ff%00@127.0.0.1:1", "http://127.0.0.1:1", "127.0.0.1", 1, "dTr/AA==" },
	{ "http://u:%4@127.0.0.1:1", NULL, NULL, 0, NULL },
	{ "http://u:%zz@127.0.0.1:1", NULL, NULL, 0, NULL },
	{ "http://user:pa/ss@127.0.0.1:1", NULL, NULL, 0, NULL },
	{ "https://127.0.0.1:1", NULL, NULL, 0, NULL },
	{ "socks5://127.0.0.1:1", NULL, NULL, 0, NULL },
	{ "http://", NULL, NULL, 0, NULL },
	{ "http://::1:80", NULL, NULL, 0, NULL },
	{ "http://127.0.0.1:70000", NULL, NULL, 0, NULL },
};
/* clang-format on */

START_TEST(a_proxy_is_a_url_with_credentials_perhaps)
{
	const struct parse_row *r = &parse_rows[_i];
	const char *wrong = NULL;
	struct proxy p;
	int rc = proxy_parse(r->text, &p, &wrong);

	ck_assert_int_eq(rc, r->shown != NULL ? 0 : -1);
	if (rc != 0) {
		ck_assert_ptr_nonnull(wrong);
		return;
	}
	ck_assert_str_eq(p.text, r->shown);
	ck_assert_str_eq(p.host, r->host);
	ck_assert_uint_eq(p.port, r->port);
	ck_assert_str_eq(p.credentials, r->credentials);
}
END_TEST

START_TEST(credentials_have_a_limit)
{
	char text[PROXY_CREDENTIALS_MAX + 64];
	const char *wrong;
	struct proxy p;

	for (int more = 0; more < 2; more++) {
		int n = PROXY_CREDENTIALS_MAX - 2 + more;

		snprintf(text, sizeof(text), "http://u:%0*d@h:1", n, 0);
		ck_assert_int_eq(proxy_parse(text, &p, &wrong),
		    more == 0 ? 0 : -1);
	}
}
END_TEST

/* ---- which one ---- */

START_TEST(the_scheme_chooses_the_variable)
{
	static const struct {
		const char *url;
		const char *host;
	} want[] = { { "http://relay", "plain" }, { "ws://relay", "plain" },
		{ "https://relay", "secure" }, { "wss://relay", "secure" } };

	for (int upper = 0; upper < 2; upper++) {
		clear_environment();
		setenv(upper ? "HTTP_PROXY" : "http_proxy", "http://plain", 1);
		setenv(upper ? "HTTPS_PROXY" : "https_proxy", "http://secure",
		    1);
		for (int i = 0; i < 4; i++) {
			struct relay_url u = url_of(want[i].url);
			struct proxy p;
			char err[256];

			ck_assert_int_eq(proxy_from_environment(&u, &p, err,
					     sizeof(err)),
			    1);
			ck_assert_str_eq(p.host, want[i].host);
		}
	}
}
END_TEST

START_TEST(no_variable_or_an_empty_one_is_no_proxy)
{
	struct relay_url u = url_of("https://relay");
	struct proxy p;
	char err[256];

	clear_environment();
	setenv("http_proxy", "http://plain", 1);
	ck_assert_int_eq(proxy_from_environment(&u, &p, err, sizeof(err)), 0);
	setenv("HTTPS_PROXY", "", 1);
	ck_assert_int_eq(proxy_from_environment(&u, &p, err, sizeof(err)), 0);
}
END_TEST

START_TEST(what_is_no_proxy_is_said_without_its_secrets)
{
	struct relay_url u = url_of("https://relay");
	struct proxy p;
	char err[256];

	clear_environment();
	setenv("HTTPS_PROXY", "http://user:hush%@h:1", 1);
	ck_assert_int_eq(proxy_from_environment(&u, &p, err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "HTTPS_PROXY"));
	ck_assert_ptr_null(strstr(err, "hush"));
	setenv("HTTPS_PROXY", "http://user:hu/sh@h:1", 1);
	ck_assert_int_eq(proxy_from_environment(&u, &p, err, sizeof(err)), -1);
	ck_assert_ptr_null(strstr(err, "hu"));
}
END_TEST

/* clang-format off */
static const struct bypass_row {
	const char *list;
	const char *url;
	bool bypassed;
} bypass_rows[] = {
	{ "", "http://relay.example", false },
	{ "*", "http://relay.example", true },
	{ "relay.example", "http://relay.example", true },
	{ "Relay.Example", "http://relay.example.", true },
	{ "relay.example.", "http://relay.example", true },
	{ "example", "http://relay.example", true },
	{ ".example", "http://relay.example", true },
	{ "ample", "http://relay.example", false },
	{ "relay.example", "http://notrelay.example", false },
	{ "relay.example", "http://relay.example.org", false },
	{ "other, relay.example", "http://relay.example", true },
	{ " ,,relay.example,", "http://relay.example", true },
	{ "relay.example:443", "https://relay.example", true },
	{ "relay.example:8443", "https://relay.example", false },
	{ "127.0.0.1", "http://127.0.0.1:3340", true },
	{ "127.0.0.1:3340", "http://127.0.0.1:3340", true },
	{ "127.0.0.1:3341", "http://127.0.0.1:3340", false },
	{ "127.0.0.0/8", "http://127.9.9.9", true },
	{ "127.0.0.0/16", "http://127.9.9.9", false },
	{ "10.128.0.0/9", "http://10.127.0.1", false },
	{ "10.128.0.0/9", "http://10.129.0.1", true },
	{ "0.0.0.0/0", "http://10.129.0.1", true },
	{ "0.0.0.0/33", "http://10.129.0.1", false },
	{ "27.0.0.1", "http://127.0.0.1", false },
	{ "::1", "http://[::1]:3340", true },
	{ "[::1]", "http://[::1]:3340", true },
	{ "[::1]:3340", "http://[::1]:3340", true },
	{ "[::1]:3341", "http://[::1]:3340", false },
	{ "[::1", "http://[::1]:3340", false },
	{ "0:0::1", "http://[::1]:3340", true },
	{ "fd00::/8", "http://[fd12::1]", true },
	{ "fd00::/8", "http://[fe80::1]", false },
};
/* clang-format on */

START_TEST(no_proxy_names_hosts_domains_and_networks)
{
	const struct bypass_row *r = &bypass_rows[_i];
	struct relay_url u = url_of(r->url);

	ck_assert_msg(proxy_is_bypassed(r->list, &u) == r->bypassed,
	    "NO_PROXY='%s' for %s", r->list, r->url);
}
END_TEST

/* ---- the tunnel ---- */

/* clang-format off */
static const struct request_row {
	const char *proxy;
	const char *url;
	const char *request;
} request_rows[] = {
	{ "http://p:1", "https://relay.example", "CONNECT relay.example:443 HTTP/1.1\r\nHost: relay.example:443\r\n\r\n" },
	{ "http://p:1", "http://relay.example.", "CONNECT relay.example:80 HTTP/1.1\r\nHost: relay.example:80\r\n\r\n" },
	{ "http://p:1", "wss://[2001:db8::1]:8443/x", "CONNECT [2001:db8::1]:8443 HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n" },
	{ "http://user:p%40ss@p:1", "http://127.0.0.1:3340", "CONNECT 127.0.0.1:3340 HTTP/1.1\r\nHost: 127.0.0.1:3340\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n" },
};
/* clang-format on */

START_TEST(the_request_names_host_and_port)
{
	const struct request_row *r = &request_rows[_i];
	struct relay_url u = url_of(r->url);
	const char *wrong;
	struct proxy p;
	uint8_t buf[2048];
	struct rk_writer w;

	ck_assert_int_eq(proxy_parse(r->proxy, &p, &wrong), 0);
	rk_writer_init(&w, buf, sizeof(buf));
	proxy_write_request(&p, &u, &w);
	ck_assert(!w.bad);
	ck_assert_bytes(buf, w.len, r->request, strlen(r->request));
}
END_TEST

START_TEST(the_longest_request_has_room)
{
	char text[PROXY_CREDENTIALS_MAX + 64], url[300];
	struct relay_url u;
	const char *wrong;
	struct proxy p;
	uint8_t buf[2048];
	struct rk_writer w;

	snprintf(text, sizeof(text), "http://u:%0*d@h:1",
	    PROXY_CREDENTIALS_MAX - 2, 0);
	ck_assert_int_eq(proxy_parse(text, &p, &wrong), 0);
	snprintf(url, sizeof(url), "http://h%0254d:65535", 0);
	memset(url + 8, 'x', 254);
	u = url_of(url);
	rk_writer_init(&w, buf, sizeof(buf));
	proxy_write_request(&p, &u, &w);
	ck_assert(!w.bad);
}
END_TEST

/* clang-format off */
static const struct answer_row {
	const char *answer;
	int err;
	size_t behind; /* bytes of the tunnel */
	const char *why;
} answer_rows[] = {
	{ "HTTP/1.1 200 OK\r\n\r\n", RK_OK, 0, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nVia: x\r\n\r\nabc", RK_OK, 3, NULL },
	{ "HTTP/1.1 204 No Content\r\n\r\n", RK_OK, 0, NULL },
	{ "HTTP/1.0 200 Connection established\r\n\r\nx", RK_OK, 1, NULL },
	{ "HTTP/1.1 299\r\n\r\n", RK_OK, 0, NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nyz", RK_OK, 2, NULL },
	{ "HTTP/1.1 200 OK\r\nVia", RK_ERR_AGAIN, 0, NULL },
	{ "HTTP/1.1 100 Continue\r\n\r\n", RK_ERR_AGAIN, 0, NULL },
	{ "", RK_ERR_AGAIN, 0, NULL },
	{ "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", RK_ERR_UPGRADE_STATUS, 0, "wants a user name" },
	{ "HTTP/1.1 502 Bad Gateway\r\n\r\n", RK_ERR_UPGRADE_STATUS, 0, "502 Bad Gateway" },
	{ "HTTP/1.1 302 Found\r\n\r\n", RK_ERR_UPGRADE_STATUS, 0, "302" },
	{ "HTTP/1.1 403 \x1b[2J\r\n\r\n", RK_ERR_HTTP_LINE, 0, "illegal byte" },
	{ "SSH-2.0-OpenSSH\r\n", RK_ERR_HTTP_LINE, 0, "at byte 0" },
};
/* clang-format on */

START_TEST(an_answer_of_2xx_makes_a_tunnel)
{
	const struct answer_row *r = &answer_rows[_i];
	const char *wrong;
	struct proxy p;
	char why[400] = "";
	size_t used = 0, len = strlen(r->answer);
	int err;

	ck_assert_int_eq(proxy_parse("http://p.example:3128", &p, &wrong), 0);
	err = proxy_read_answer(&p, r->answer, len, &used, why, sizeof(why));
	ck_assert_msg(err == r->err, "%d: %s", err, why);
	if (err == RK_OK)
		ck_assert_uint_eq(len - used, r->behind);
	if (r->why == NULL)
		return;
	ck_assert_ptr_nonnull(strstr(why, "http://p.example:3128"));
	ck_assert_msg(strstr(why, r->why) != NULL, "'%s'", why);
	ck_assert_ptr_null(strchr(why, 0x1b));
}
END_TEST

START_TEST(an_endless_answer_is_refused)
{
	static char answer[1 << 17];
	const char *wrong;
	struct proxy p;
	char why[400];
	size_t used;

	memset(answer, 'a', sizeof(answer));
	memcpy(answer, "HTTP/1.1 200 OK\r\nA: ", 20);
	ck_assert_int_eq(proxy_parse("http://p:1", &p, &wrong), 0);
	ck_assert_int_ne(proxy_read_answer(&p, answer, 65536, &used, why,
			     sizeof(why)),
	    RK_ERR_AGAIN);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proxy");
	TCase *t = tcase_create("proxy");

	tcase_add_rows(t, a_proxy_is_a_url_with_credentials_perhaps,
	    parse_rows);
	tcase_add_test(t, credentials_have_a_limit);
	tcase_add_test(t, the_scheme_chooses_the_variable);
	tcase_add_test(t, no_variable_or_an_empty_one_is_no_proxy);
	tcase_add_test(t, what_is_no_proxy_is_said_without_its_secrets);
	tcase_add_rows(t, no_proxy_names_hosts_domains_and_networks,
	    bypass_rows);
	tcase_add_rows(t, the_request_names_host_and_port, request_rows);
	tcase_add_test(t, the_longest_request_has_room);
	tcase_add_rows(t, an_answer_of_2xx_makes_a_tunnel, answer_rows);
	tcase_add_test(t, an_endless_answer_is_refused);
	suite_add_tcase(s, t);
	return run_suite(s);
}
