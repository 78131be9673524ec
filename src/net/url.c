/* Relay URLs: taken apart, and refused with the remedy. */
#include "config.h"

#include "net/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static const struct scheme {
	const char *name;
	bool tls;
	enum rk_carrier carrier;
	unsigned port; /* RFC 9110 4.2, RFC 6455 3 */
} schemes[] = {
	{ "http", false, RK_CARRIER_RAW, 80 },
	{ "https", true, RK_CARRIER_RAW, 443 },
	{ "ws", false, RK_CARRIER_WS, 80 },
	{ "wss", true, RK_CARRIER_WS, 443 },
};

#define NSCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* A parse in progress. */
struct parse {
	struct relay_url *u;
	const char *text;
	char *err;
	size_t err_size;
};

static int __attribute__((format(printf, 2, 3)))
refuse(const struct parse *p, const char *fmt, ...)
{
	struct text t;
	char why[512];

	FORMAT_ARGS(why, sizeof(why), fmt);
	text_init(&t);
	text_add(&t, "URL '");
	text_add_escaped(&t, p->text, strnlen(p->text, 200));
	text_addf(&t, "': %s", why);
	snprintf(p->err, p->err_size, "%s", text_str(&t));
	text_clear(&t);
	return -1;
}

static const struct scheme *
find_scheme(const char *name, size_t len)
{
	for (size_t i = 0; i < NSCHEMES; i++)
		if (strlen(schemes[i].name) == len &&
		    strncasecmp(schemes[i].name, name, len) == 0)
			return &schemes[i];
	return NULL;
}

static int
refuse_scheme(const struct parse *p, size_t len)
{
	static const char *const names[] = { "http", "https", "ws", "wss",
		NULL };
	char word[16];
	const char *near;

	snprintf(word, sizeof(word), "%.*s", (int)(len < 15 ? len : 15),
	    p->text);
	near = text_nearest(word, names);
	if (near != NULL)
		return refuse(p, "unknown scheme; did you mean %s://%s?", near,
		    p->text + len + 3);
	return refuse(p, "the scheme must be http, https, ws or wss");
}

static int
parse_scheme(const struct parse *p, const char **rest)
{
	const char *end = strstr(p->text, "://");
	const struct scheme *s;

	if (p->text[0] == '\0')
		return refuse(p,
		    "is empty; a relay is http://HOST:PORT or the "
		    "like");
	if (end == NULL)
		return refuse(p, "has no scheme; did you mean %s://%s?",
		    strchr(p->text, ':') != NULL ? "http" : "https", p->text);
	s = find_scheme(p->text, (size_t)(end - p->text));
	if (s == NULL)
		return refuse_scheme(p, (size_t)(end - p->text));
	p->u->tls = s->tls;
	p->u->carrier = s->carrier;
	p->u->port = s->port;
	*rest = end + 3;
	return 0;
}

/* Only the characters that a host name may have. */
static int
check_name(const struct parse *p)
{
	const char *host = p->u->host;
	struct in_addr a4;
	const char *last;

	for (const char *c = host; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			return refuse(p,
			    "write the host in ASCII, as its "
			    "xn-- form");
		if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
			return refuse(p, "'%c' cannot stand in a host name",
			    isprint((unsigned char)*c) ? *c : '?');
		if (*c == '.' && (c == host || c[1] == '.'))
			return refuse(p, "the host has an empty label");
	}
	/* getaddrinfo() reads 127.1 and 1 as addresses; a relay is not meant */
	last = strrchr(host, '.');
	last = last != NULL ? last + 1 : host;
	if (*last != '\0' && strspn(last, "0123456789") == strlen(last) &&
	    inet_pton(AF_INET, host, &a4) != 1)
		return refuse(p, "'%s' is not an IPv4 address", host);
	return 0;
}

static int
copy_host(const struct parse *p, const char *host, size_t len)
{
	struct in6_addr a6;

	if (len == 0)
		return refuse(p, "the host is missing");
	if (len >= sizeof(p->u->host))
		return refuse(p, "the host is longer than %zu characters",
		    sizeof(p->u->host) - 1);
	memcpy(p->u->host, host, len);
	p->u->host[len] = '\0';
	if (!p->u->is_ip6)
		return check_name(p);
	if (strchr(p->u->host, '%') != NULL)
		return refuse(p,
		    "an IPv6 address with a zone is not "
		    "supported");
	if (inet_pton(AF_INET6, p->u->host, &a6) != 1)
		return refuse(p, "'%s' is not an IPv6 address", p->u->host);
	return 0;
}

static int
parse_port(const struct parse *p, const char *port, size_t len)
{
	char digits[8];
	int64_t n;

	if (len == 0)
		return refuse(p, "a port must follow ':'");
	snprintf(digits, sizeof(digits), "%.*s", (int)(len < 7 ? len : 7),
	    port);
	if (len >= sizeof(digits) || digits[0] == '-' ||
	    !number_parse(digits, 1, 65535, &n))
		return refuse(p, "'%.*s' is not a port (1 to 65535)",
		    (int)(len < 40 ? len : 40), port);
	p->u->default_port = (unsigned)n == p->u->port;
	p->u->port = (unsigned)n;
	return 0;
}

static int
parse_authority(const struct parse *p, const char *s, size_t len)
{
	const char *end = s + len;
	const char *host_end;

	if (memchr(s, '@', len) != NULL)
		return refuse(p,
		    "a user name or password has no place in a "
		    "relay URL");
	p->u->is_ip6 = len > 0 && s[0] == '[';
	if (p->u->is_ip6) {
		host_end = memchr(s, ']', len);
		if (host_end == NULL)
			return refuse(p, "']' is missing");
		s++;
	} else {
		host_end = memchr(s, ':', len);
		if (host_end == NULL)
			host_end = end;
		else if (memchr(host_end + 1, ':',
			     (size_t)(end - host_end - 1)) != NULL)
			return refuse(p,
			    "write an IPv6 address in brackets: "
			    "[::1]");
	}
	if (copy_host(p, s, (size_t)(host_end - s)) < 0)
		return -1;
	s = host_end + (p->u->is_ip6 ? 1 : 0);
	p->u->default_port = true;
	if (s == end)
		return 0;
	if (*s != ':')
		return refuse(p, "unexpected text behind ']'");
	return parse_port(p, s + 1, (size_t)(end - s - 1));
}

static int
parse_path(const struct parse *p, const char *path)
{
	if (strchr(path, '#') != NULL)
		return refuse(p,
		    "a fragment ('#…') has no place in a relay "
		    "URL");
	if (path[0] == '?')
		return refuse(p, "a query must follow a path: write '/%s'",
		    path);
	for (const char *c = path; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return refuse(p,
			    "percent-encode blanks and what is "
			    "not ASCII in the path");
	if (strlen(path) >= sizeof(p->u->path))
		return refuse(p, "the path is longer than %zu characters",
		    sizeof(p->u->path) - 1);
	strcpy(p->u->path, path);
	return 0;
}

int
relay_url_parse(const char *text, struct relay_url *u, char *err,
    size_t err_size)
{
	struct relay_url parsed = { 0 };
	struct parse p = { &parsed, text, err, err_size };
	const char *rest = text;
	size_t len;

	if (strlen(text) >= sizeof(parsed.text))
		return refuse(&p, "is longer than %zu characters",
		    sizeof(parsed.text) - 1);
	strcpy(parsed.text, text);
	if (parse_scheme(&p, &rest) < 0)
		return -1;
	len = strcspn(rest, "/?#");
	if (parse_authority(&p, rest, len) < 0 ||
	    parse_path(&p, rest + len) < 0)
		return -1;
	*u = parsed;
	return 0;
}

/* RFC 3986 5.2.4, in place; the query stays. */
static void
remove_dots(char *path)
{
	const char *end = path + strcspn(path, "?"), *in = path, *segment;
	char *out = path;

	for (; in < end; in = segment) {
		size_t len = strcspn(in + 1, "/?");
		bool up = len == 2 && memcmp(in + 1, "..", 2) == 0;

		segment = in + 1 + len;
		if (!up && (len != 1 || in[1] != '.')) {
			memmove(out, in, 1 + len);
			out += 1 + len;
			continue;
		}
		while (up && out > path && *--out != '/')
			;
		if (segment == end)
			*out++ = '/';
	}
	memmove(out, end, strlen(end) + 1);
}

/* So much of its path stands in front of a relative reference of |len| bytes:
 * all, all but the query, or up to the last '/'. */
static size_t
kept_path(const struct relay_url *base, const char *ref, int len)
{
	size_t kept = strcspn(base->path, "?");

	if (len == 0)
		return strlen(base->path);
	while (ref[0] != '?' && kept > 0 && base->path[kept - 1] != '/')
		kept--;
	return ref[0] == '/' ? 0 : kept;
}

int
relay_url_join(const struct relay_url *base, const char *ref,
    struct relay_url *u, char *err, size_t err_size)
{
	const struct parse p = { u, ref, err, err_size };
	int len = (int)strcspn(ref, "#"), scheme, n;
	char text[sizeof(u->text)], host[URL_HOST_MAX + 16];

	relay_url_host_field(base, host, sizeof(host));
	scheme = (int)strcspn(base->text, ":");
	if (ref[strcspn(ref, ":/?#")] == ':')
		n = snprintf(text, sizeof(text), "%.*s", len, ref);
	else if (strncmp(ref, "//", 2) == 0)
		n = snprintf(text, sizeof(text), "%.*s:%.*s", scheme,
		    base->text, len, ref);
	else
		n = snprintf(text, sizeof(text), "%.*s://%s%.*s%s%.*s", scheme,
		    base->text, host, (int)kept_path(base, ref, len),
		    base->path,
		    base->path[0] == '\0' && ref[0] != '/' ? "/" : "", len,
		    ref);
	if (n >= (int)sizeof(text))
		return refuse(&p, "is longer than %zu characters",
		    sizeof(text) - 1);
	if (relay_url_parse(text, u, err, err_size) < 0)
		return -1;
	remove_dots(u->path);
	return 0;
}

bool
relay_url_same_host(const struct relay_url *a, const struct relay_url *b)
{
	return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

void
relay_url_host_field(const struct relay_url *u, char *out, size_t size)
{
	size_t len = strlen(u->host);
	char port[16] = "";

	if (len > 1 && u->host[len - 1] == '.')
		len--;
	if (!u->default_port)
		snprintf(port, sizeof(port), ":%u", u->port);
	snprintf(out, size, "%s%.*s%s%s", u->is_ip6 ? "[" : "", (int)len,
	    u->host, u->is_ip6 ? "]" : "", port);
}
