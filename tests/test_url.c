/* Relay URLs: what they mean, and how the wrong ones are refused. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "net/url.h"
#include "support.h"

static const struct {
	const char *text;
	bool tls;
	enum rk_carrier carrier;
	const char *host;
	bool is_ip6;
	unsigned port;
	bool default_port;
	const char *path;
	const char *field; /* the Host header */
} good[] = {
	{ "http://relay.example", false, RK_CARRIER_RAW, "relay.example", false,
	    80, true, "", "relay.example" },
	{ "https://relay.example", true, RK_CARRIER_RAW, "relay.example", false,
	    443, true, "", "relay.example" },
	{ "ws://relay.example", false, RK_CARRIER_WS, "relay.example", false,
	    80, true, "", "relay.example" },
	{ "wss://relay.example", true, RK_CARRIER_WS, "relay.example", false,
	    443, true, "", "relay.example" },
	{ "HTTPS://Relay.Example:443/", true, RK_CARRIER_RAW, "Relay.Example",
	    false, 443, true, "/", "Relay.Example" },
	{ "http://relay:443", false, RK_CARRIER_RAW, "relay", false, 443, false,
	    "", "relay:443" },
	{ "http://127.0.0.1:3340", false, RK_CARRIER_RAW, "127.0.0.1", false,
	    3340, false, "", "127.0.0.1:3340" },
	{ "http://[::1]:3340/derp", false, RK_CARRIER_RAW, "::1", true, 3340,
	    false, "/derp", "[::1]:3340" },
	{ "https://[2001:db8::2]", true, RK_CARRIER_RAW, "2001:db8::2", true,
	    443, true, "", "[2001:db8::2]" },
	{ "https://localhost.:8443", true, RK_CARRIER_RAW, "localhost.", false,
	    8443, false, "", "localhost:8443" },
	{ "http://a_b-c.d:1/relay?x=1&y", false, RK_CARRIER_RAW, "a_b-c.d",
	    false, 1, false, "/relay?x=1&y", "a_b-c.d:1" },
	{ "http://h:65535", false, RK_CARRIER_RAW, "h", false, 65535, false, "",
	    "h:65535" },
	{ "http://xn--bcher-kva.example/", false, RK_CARRIER_RAW,
	    "xn--bcher-kva.example", false, 80, true, "/",
	    "xn--bcher-kva.example" },
	{ "http://4me", false, RK_CARRIER_RAW, "4me", false, 80, true, "",
	    "4me" },
};

START_TEST(a_good_url_is_taken_apart)
{
	struct relay_url u;
	char err[512] = "", field[300];

	ck_assert_msg(relay_url_parse(good[_i].text, &u, err, sizeof(err)) == 0,
	    "%s", err);
	ck_assert_str_eq(u.text, good[_i].text);
	ck_assert_int_eq(u.tls, good[_i].tls);
	ck_assert_int_eq(u.carrier, good[_i].carrier);
	ck_assert_str_eq(u.host, good[_i].host);
	ck_assert_int_eq(u.is_ip6, good[_i].is_ip6);
	ck_assert_uint_eq(u.port, good[_i].port);
	ck_assert_int_eq(u.default_port, good[_i].default_port);
	ck_assert_str_eq(u.path, good[_i].path);
	relay_url_host_field(&u, field, sizeof(field));
	ck_assert_str_eq(field, good[_i].field);
}
END_TEST

static const struct {
	const char *text;
	const char *says;
} bad[] = {
	{ "", "is empty" },
	{ "relay.example", "did you mean https://relay.example?" },
	{ "localhost:3340", "did you mean http://localhost:3340?" },
	{ "127.0.0.1:3340", "did you mean http://127.0.0.1:3340?" },
	{ "htp://relay:80/x", "did you mean http://relay:80/x?" },
	{ "htpps://relay", "did you mean https://relay?" },
	{ "ftp://relay", "must be http, https, ws or wss" },
	{ "gopher://relay", "must be http, https, ws or wss" },
	{ "://relay", "must be http, https, ws or wss" },
	{ "http://", "the host is missing" },
	{ "http:///path", "the host is missing" },
	{ "http://:80", "the host is missing" },
	{ "http://user@relay", "user name or password" },
	{ "http://user:pw@relay:80", "user name or password" },
	{ "http://relay/#top", "fragment" },
	{ "http://relay#top", "fragment" },
	{ "http://relay?x", "write '/?x'" },
	{ "http://relay:", "a port must follow" },
	{ "http://relay:/x", "a port must follow" },
	{ "http://relay:0", "'0' is not a port" },
	{ "http://relay:65536", "'65536' is not a port" },
	{ "http://relay:-1", "'-1' is not a port" },
	{ "http://relay:+80", "'+80' is not a port" },
	{ "http://relay:80a", "'80a' is not a port" },
	{ "http://relay:00000080", "'00000080' is not a port" },
	{ "http://relay:00000000000080", "is not a port" },
	{ "http://::1", "in brackets" },
	{ "http://::1:80", "in brackets" },
	{ "http://[::1", "']' is missing" },
	{ "http://[]", "the host is missing" },
	{ "http://[::1]x", "unexpected text" },
	{ "http://[::1]:", "a port must follow" },
	{ "http://[fe80::1%25eth0]", "zone" },
	{ "http://[1.2.3.4]", "is not an IPv6 address" },
	{ "http://[::g]", "is not an IPv6 address" },
	{ "http://1.2.3", "is not an IPv4 address" },
	{ "http://1.2.3.256", "is not an IPv4 address" },
	{ "http://300", "is not an IPv4 address" },
	{ "http://a..b", "empty label" },
	{ "http://.a", "empty label" },
	{ "http://a b", "cannot stand in a host name" },
	{ "http://a%41", "cannot stand in a host name" },
	{ "http://a\nb", "cannot stand in a host name" },
	{ "http://b\xc3\xbc"
	  "cher",
	    "xn--" },
	{ "http://relay/a b", "percent-encode" },
	{ "http://relay/\r\nX: y", "percent-encode" },
	{ "http://relay/\xc3\xbc", "percent-encode" },
};

START_TEST(a_bad_url_is_refused_with_the_remedy)
{
	struct relay_url u;
	char err[1024] = "";

	memset(&u, 0x55, sizeof(u));
	ck_assert_int_eq(relay_url_parse(bad[_i].text, &u, err, sizeof(err)),
	    -1);
	ck_assert_msg(strstr(err, bad[_i].says) != NULL, "'%s': %s",
	    bad[_i].text, err);
	ck_assert_msg(strncmp(err, "URL '", 5) == 0, "%s", err);
	ck_assert_msg(strpbrk(err, "\r\n") == NULL, "%s", err);
	for (size_t i = 0; i < sizeof(u); i++)
		ck_assert_uint_eq(((uint8_t *)&u)[i], 0x55);
}
END_TEST

/* |prefix| and so many x. */
static int
parse_long(const char *prefix, size_t n)
{
	char text[2000], err[64];
	struct relay_url u;
	size_t len = strlen(prefix);

	strcpy(text, prefix);
	memset(text + len, 'x', n);
	text[len + n] = '\0';
	return relay_url_parse(text, &u, err, sizeof(err));
}

START_TEST(lengths_have_limits)
{
	ck_assert_int_eq(parse_long("http://", 255), 0);
	ck_assert_int_eq(parse_long("http://", 256), -1);
	ck_assert_int_eq(parse_long("http://h/", 254), 0);
	ck_assert_int_eq(parse_long("http://h/", 255), -1);
	ck_assert_int_eq(parse_long("http://h/", 1500), -1);
	ck_assert_int_eq(parse_long("", 1500), -1);
}
END_TEST

/* RFC 3986 5.4, as far as HTTP has it, and what relays need. */
static const struct {
	const char *base, *ref, *host;
	unsigned port;
	const char *path; /* NULL: refused */
} joined[] = {
	{ "http://a/b/c/d;p?q", "g", "a", 80, "/b/c/g" },
	{ "http://a/b/c/d;p?q", "./g", "a", 80, "/b/c/g" },
	{ "http://a/b/c/d;p?q", "g/", "a", 80, "/b/c/g/" },
	{ "http://a/b/c/d;p?q", "/g", "a", 80, "/g" },
	{ "http://a/b/c/d;p?q", "//g", "g", 80, "" },
	{ "http://a/b/c/d;p?q", "?y", "a", 80, "/b/c/d;p?y" },
	{ "http://a/b/c/d;p?q", "g?y", "a", 80, "/b/c/g?y" },
	{ "http://a/b/c/d;p?q", "#s", "a", 80, "/b/c/d;p?q" },
	{ "http://a/b/c/d;p?q", "g#s", "a", 80, "/b/c/g" },
	{ "http://a/b/c/d;p?q", "", "a", 80, "/b/c/d;p?q" },
	{ "http://a/b/c/d;p?q", ".", "a", 80, "/b/c/" },
	{ "http://a/b/c/d;p?q", "./", "a", 80, "/b/c/" },
	{ "http://a/b/c/d;p?q", "..", "a", 80, "/b/" },
	{ "http://a/b/c/d;p?q", "../", "a", 80, "/b/" },
	{ "http://a/b/c/d;p?q", "../g", "a", 80, "/b/g" },
	{ "http://a/b/c/d;p?q", "../..", "a", 80, "/" },
	{ "http://a/b/c/d;p?q", "../../g", "a", 80, "/g" },
	{ "http://a/b/c/d;p?q", "../../../../g", "a", 80, "/g" },
	{ "http://a/b/c/d;p?q", "/./g", "a", 80, "/g" },
	{ "http://a/b/c/d;p?q", "/../g", "a", 80, "/g" },
	{ "http://a/b/c/d;p?q", "g.", "a", 80, "/b/c/g." },
	{ "http://a/b/c/d;p?q", "..g", "a", 80, "/b/c/..g" },
	{ "http://a/b/c/d;p?q", "g/./h", "a", 80, "/b/c/g/h" },
	{ "http://a/b/c/d;p?q", "g/../h", "a", 80, "/b/c/h" },
	{ "http://a/b/c/d;p?q", "g;x=1/../y", "a", 80, "/b/c/y" },
	{ "http://a/b/c/d;p?q", "g?y/../x", "a", 80, "/b/c/g?y/../x" },
	{ "http://a/b?x=/y", "z", "a", 80, "/z" },
	{ "http://a:81", "g", "a", 81, "/g" },
	{ "http://a:81", "?y", "a", 81, "/?y" },
	{ "https://[::1]:8443/x", "y", "::1", 8443, "/y" },
	{ "http://a/x", "https://B.example/y/../z", "B.example", 443, "/z" },
	{ "https://a:444/x", "//b/y", "b", 443, "/y" },
	{ "http://a/x", "ftp://b/", NULL, 0, NULL },
	{ "http://a/x", "mailto:b", NULL, 0, NULL },
	{ "http://a/x", "http://u@b/", NULL, 0, NULL },
	{ "http://a/x", "a b", NULL, 0, NULL },
	{ "http://a/x", "//", NULL, 0, NULL },
};

START_TEST(a_reference_is_read_where_the_base_is)
{
	struct relay_url base, u;
	char err[1024] = "";
	int result;

	ck_assert_int_eq(relay_url_parse(joined[_i].base, &base, err,
			     sizeof(err)),
	    0);
	result = relay_url_join(&base, joined[_i].ref, &u, err, sizeof(err));
	ck_assert_int_eq(result, joined[_i].path != NULL ? 0 : -1);
	if (result < 0) {
		ck_assert_uint_ne(strlen(err), 0);
		return;
	}
	ck_assert_str_eq(u.host, joined[_i].host);
	ck_assert_uint_eq(u.port, joined[_i].port);
	ck_assert_str_eq(u.path, joined[_i].path);
}
END_TEST

START_TEST(a_joined_url_has_the_limits_of_any)
{
	struct relay_url base, u;
	char ref[600] = "/", err[64];

	ck_assert_int_eq(relay_url_parse("http://a/b", &base, err, sizeof(err)),
	    0);
	memset(ref + 1, 'x', 254);
	ck_assert_int_eq(relay_url_join(&base, ref, &u, err, sizeof(err)), 0);
	memset(ref + 1, 'x', 255);
	ck_assert_int_eq(relay_url_join(&base, ref, &u, err, sizeof(err)), -1);
	memset(ref + 1, 'x', 598);
	ck_assert_int_eq(relay_url_join(&base, ref, &u, err, sizeof(err)), -1);
}
END_TEST

static Suite *
url_suite(void)
{
	Suite *s = suite_create("url");
	TCase *tc = tcase_create("url");

	tcase_add_rows(tc, a_good_url_is_taken_apart, good);
	tcase_add_rows(tc, a_bad_url_is_refused_with_the_remedy, bad);
	tcase_add_test(tc, lengths_have_limits);
	tcase_add_rows(tc, a_reference_is_read_where_the_base_is, joined);
	tcase_add_test(tc, a_joined_url_has_the_limits_of_any);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(url_suite());
}
