/* HTTP proxies on the way to a relay; see proxy.h. */
#include "config.h"

#include "relay-cli/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/digest.h"
#include "codec/errors.h"
#include "codec/http.h"

#define HEAD_MAX 65536 /* an error page's head has its say */

/* ---- the proxy's URL ---- */

/* Percent-decode; the number of bytes, or -1. */
static long
decode(const char *s, size_t len, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (n == size)
			return -1;
		if (s[i] != '%') {
			out[n++] = (uint8_t)s[i];
			continue;
		}
		high = i + 2 < len ? hex_digit(s[i + 1]) : -1;
		low = i + 2 < len ? hex_digit(s[i + 2]) : -1;
		if (high < 0 || low < 0)
			return -1;
		out[n++] = (uint8_t)(high << 4 | low);
		i += 2;
	}
	return (long)n;
}

/* RFC 7617: base64 of the user's name, a colon and the password. */
static bool
set_credentials(struct proxy *p, const char *s, size_t len)
{
	uint8_t plain[PROXY_CREDENTIALS_MAX];
	const char *colon = memchr(s, ':', len);
	size_t name_len = colon != NULL ? (size_t)(colon - s) : len;
	long name = decode(s, name_len, plain, sizeof(plain) - 1), rest = 0;

	if (name < 0)
		return false;
	plain[name] = ':';
	if (colon != NULL)
		rest = decode(colon + 1, len - name_len - 1, plain + name + 1,
		    sizeof(plain) - (size_t)name - 1);
	if (rest >= 0)
		rk_base64(plain, (size_t)(name + 1 + rest), p->credentials);
	explicit_bzero(plain, sizeof(plain));
	return rest >= 0;
}

int
proxy_parse(const char *text, struct proxy *p, const char **wrong)
{
	const char *authority = strstr(text, "://"), *at = NULL;
	char plain[URL_HOST_MAX + 32], err[64], host[URL_HOST_MAX + 16];
	struct relay_url u;
	size_t len;

	*p = (struct proxy){ .port = 0 };
	*wrong = "only proxies of http:// can be used";
	if (authority != NULL &&
	    strncasecmp(text, "http", (size_t)(authority - text)) != 0)
		return -1;
	authority = authority != NULL ? authority + 3 : text;
	len = strcspn(authority, "/?#");
	for (size_t i = 0; i < len; i++)
		if (authority[i] == '@')
			at = authority + i;
	*wrong = "the user name or password cannot be decoded";
	if (at != NULL &&
	    !set_credentials(p, authority, (size_t)(at - authority)))
		return -1;
	*wrong = "want http://[USER:PASSWORD@]HOST:PORT";
	len -= at != NULL ? (size_t)(at + 1 - authority) : 0;
	authority = at != NULL ? at + 1 : authority;
	if (snprintf(plain, sizeof(plain), "http://%.*s", (int)len,
		authority) >= (int)sizeof(plain) ||
	    relay_url_parse(plain, &u, err, sizeof(err)) != 0)
		return -1;
	relay_url_host_field(&u, host, sizeof(host));
	snprintf(p->text, sizeof(p->text), "http://%s", host);
	strcpy(p->host, u.host);
	p->port = u.port;
	return 0;
}

/* ---- which one ---- */

/* The length of a name without its final dot. */
static size_t
name_length(const char *s, size_t len)
{
	return len > 1 && s[len - 1] == '.' ? len - 1 : len;
}

/* The name itself, or one below it. */
static bool
is_in_domain(const char *host, const char *domain, size_t len)
{
	size_t host_len = name_length(host, strlen(host));

	if (len > 0 && domain[0] == '.') {
		domain++;
		len--;
	}
	len = name_length(domain, len);
	return len > 0 && host_len >= len &&
	    strncasecmp(host + host_len - len, domain, len) == 0 &&
	    (host_len == len || host[host_len - len - 1] == '.');
}

/* The bytes of an address, or 0. */
static size_t
address_bytes(const char *text, uint8_t out[16])
{
	return inet_pton(AF_INET, text, out) == 1 ? 4
	    : inet_pton(AF_INET6, text, out) == 1 ? 16
						  : 0;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, size_t bits)
{
	size_t whole = bits / 8;
	unsigned mask = 0xff00u >> bits % 8 & 0xff;

	return memcmp(a, b, whole) == 0 &&
	    (mask == 0 || (a[whole] & mask) == (b[whole] & mask));
}

/* "10.0.0.1", "::1", "10.0.0.0/8" against an address. */
static bool
is_in_network(const uint8_t *address, size_t len, const char *network)
{
	char text[64];
	uint8_t bytes[16];
	size_t n = strcspn(network, "/");
	int64_t bits = (int64_t)len * 8;

	if (n >= sizeof(text))
		return false;
	memcpy(text, network, n);
	text[n] = '\0';
	if (address_bytes(text, bytes) != len ||
	    (network[n] == '/' &&
		!number_parse(network + n + 1, 0, bits, &bits)))
		return false;
	return same_bits(address, bytes, (size_t)bits);
}

/* Take a port off the end of |entry|; false if it is not the relay's. */
static bool
strip_port(char *entry, const struct relay_url *u)
{
	char *colon = strrchr(entry, ':');
	int64_t port = 0;

	if (entry[0] == '[') {
		char *end = strchr(entry, ']');

		if (end == NULL)
			return false;
		colon = end[1] == ':' ? end + 1 : NULL;
		*end = '\0';
		memmove(entry, entry + 1, strlen(entry));
	} else if (colon != NULL && strchr(entry, ':') != colon) {
		colon = NULL; /* of an address */
	}
	if (colon == NULL)
		return true;
	*colon = '\0';
	return number_parse(colon + 1, 1, 65535, &port) &&
	    port == (int64_t)u->port;
}

static bool
names_relay(char *entry, const struct relay_url *u)
{
	uint8_t address[16];
	size_t len;

	if (strcmp(entry, "*") == 0)
		return true;
	if (!strip_port(entry, u))
		return false;
	len = address_bytes(u->host, address);
	return len > 0 ? is_in_network(address, len, entry)
		       : is_in_domain(u->host, entry, strlen(entry));
}

bool
proxy_is_bypassed(const char *list, const struct relay_url *u)
{
	char entry[URL_HOST_MAX + 16];

	for (;;) {
		size_t len;

		list += strspn(list, ", \t");
		len = strcspn(list, ", \t");
		if (len == 0)
			return false;
		if (len < sizeof(entry)) {
			memcpy(entry, list, len);
			entry[len] = '\0';
			if (names_relay(entry, u))
				return true;
		}
		list += len;
	}
}

/* The first of two variables that is not empty; NULL if neither. */
static const char *
variable(const char *lower, const char *upper, const char **name)
{
	const char *v;

	*name = lower;
	v = getenv(lower);
	if (v == NULL || *v == '\0') {
		*name = upper;
		v = getenv(upper);
	}
	return v != NULL && *v != '\0' ? v : NULL;
}

int
proxy_from_environment(const struct relay_url *u, struct proxy *p, char *err,
    size_t err_size)
{
	const char *name, *wrong, *no_name;
	const char *text = u->tls
	    ? variable("https_proxy", "HTTPS_PROXY", &name)
	    : variable("http_proxy", "HTTP_PROXY", &name);
	const char *except = variable("no_proxy", "NO_PROXY", &no_name);

	if (text == NULL || (except != NULL && proxy_is_bypassed(except, u)))
		return 0;
	if (proxy_parse(text, p, &wrong) == 0)
		return 1;
	snprintf(err, err_size, "%s: %s", name, wrong);
	return -1;
}

/* ---- the tunnel ---- */

void
proxy_write_request(const struct proxy *p, const struct relay_url *u,
    struct rk_writer *w)
{
	char target[URL_HOST_MAX + 16],
	    basic[sizeof(p->credentials) + sizeof("Basic ")];
	int len = (int)name_length(u->host, strlen(u->host));

	snprintf(target, sizeof(target), u->is_ip6 ? "[%.*s]:%u" : "%.*s:%u",
	    len, u->host, u->port);
	rk_http_write_request(w, "CONNECT", target);
	rk_http_write_field(w, "Host", target);
	if (p->credentials[0] != '\0') {
		snprintf(basic, sizeof(basic), "Basic %s", p->credentials);
		rk_http_write_field(w, "Proxy-Authorization", basic);
		explicit_bzero(basic, sizeof(basic));
	}
	rk_http_write_end(w);
}

static void
explain(const struct proxy *p, const struct rk_http_head *h, char *why,
    size_t why_size)
{
	const char *advice = "";

	if (h->status == 407)
		advice = p->credentials[0] != '\0'
		    ? "; it does not accept the user name and password"
		    : "; it wants a user name and password";
	snprintf(why, why_size,
	    "the proxy %s makes no tunnel: HTTP status %d%s%.*s%s", p->text,
	    h->status, h->reason.len > 0 ? " " : "",
	    text_is_printable(h->reason.p, h->reason.len)
		? (int)(h->reason.len < 60 ? h->reason.len : 60)
		: 0,
	    (const char *)h->reason.p, advice);
}

int
proxy_read_answer(const struct proxy *p, const void *buf, size_t len,
    size_t *used, char *why, size_t why_size)
{
	struct rk_http_limits limits;
	struct rk_http_head h;

	rk_http_limits_default(&limits);
	limits.head = HEAD_MAX - 1;
	limits.flags |= RK_HTTP_TOLERANT;
	*used = 0;
	do {
		int err = rk_http_parse_response((const char *)buf + *used,
		    len - *used, &limits, &h);

		if (err == RK_ERR_AGAIN)
			return err;
		if (err != RK_OK) {
			snprintf(why, why_size,
			    "the proxy %s does not answer as one: %s at byte "
			    "%zu",
			    p->text, h.error_what, *used + h.error_at);
			return err;
		}
		*used += h.len;
	} while (h.status < 200);
	if (h.status < 300)
		return RK_OK;
	explain(p, &h, why, why_size);
	return RK_ERR_UPGRADE_STATUS;
}
