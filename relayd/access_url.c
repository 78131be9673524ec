/*
 * The user goes into a header field, a fragment nowhere; what has no place in
 * a request target is percent-encoded, and dots are taken out of the path.
 * Hosts that are not ASCII are not: IDNA is more than this is worth.
 */
#include "config.h"

#include "relayd/access_url.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/digest.h"
#include "codec/ws.h"

/* A URL's parts, all of them in its text. */
struct parts {
	const char *user; /* NULL: none */
	const char *host; /* and port */
	const char *path; /* and query and fragment */
};

static void
take_apart(const char *text, struct parts *p)
{
	const char *authority = strstr(text, "://") + strlen("://");

	p->path = authority + strcspn(authority, "/?#");
	p->user = NULL;
	p->host = authority;
	for (const char *c = authority; c < p->path; c++) {
		if (*c == '@') {
			p->user = authority;
			p->host = c + 1;
		}
	}
}

/* The |len| bytes at |s| without their escapes; a '%' that is none stays. */
static size_t
decode(const char *s, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int high =
		    i + 2 < len && s[i] == '%' ? hex_digit(s[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s[i + 2]) : -1;

		out[n] = s[i];
		if (low >= 0) {
			out[n] = (char)(high << 4 | low);
			i += 2;
		}
		n++;
	}
	return n;
}

/* RFC 7617: user, colon, password; the colon also where there is none. */
static void
write_basic(const struct parts *p, char out[ACCESS_BASIC_MAX])
{
	size_t len = (size_t)(p->host - 1 - p->user), n;
	const char *colon = memchr(p->user, ':', len);
	size_t user_len = colon != NULL ? (size_t)(colon - p->user) : len;
	char pair[URL_TEXT_MAX];

	n = decode(p->user, user_len, pair);
	pair[n++] = ':';
	if (colon != NULL)
		n += decode(colon + 1, len - user_len - 1, pair + n);
	if (n > 1 && rk_utf8_ok(pair, n)) {
		strcpy(out, "Basic ");
		rk_base64(pair, n, out + strlen(out));
	}
	explicit_bzero(pair, sizeof(pair));
}

/* As the URL standard has it for paths and, behind '?', for queries. */
static void
add_encoded(struct text *t, const char *s)
{
	bool query = false;

	for (; *s != '\0' && *s != '#'; s++) {
		unsigned char c = (unsigned char)*s;

		query |= c == '?';
		if (c == ' ' || c >= 0x7f ||
		    strchr(query ? "\"<>'" : "\"<>`{}", c) != NULL)
			text_addf(t, "%%%02X", c);
		else
			text_add_n(t, s, 1);
	}
}

static bool
join(const char *text, const struct parts *p, struct relay_url *u, char *err,
    size_t err_size)
{
	size_t len = (size_t)(p->path - p->host);
	struct relay_url host;
	struct text start, path;
	bool ok;

	if (len > 0 && p->host[len - 1] == ':') /* the scheme's port */
		len--;
	text_init(&start);
	text_init(&path);
	text_add_n(&start, text,
	    (size_t)((p->user != NULL ? p->user : p->host) - text));
	text_add_n(&start, p->host, len);
	add_encoded(&path, p->path);
	ok = relay_url_parse(text_str(&start), &host, err, err_size) == 0 &&
	    relay_url_join(&host, text_str(&path), u, err, err_size) == 0;
	text_clear(&start);
	text_clear(&path);
	return ok;
}

bool
access_url_parse(const char *text, struct access_url *u, char *err,
    size_t err_size)
{
	struct access_url parsed = { .basic = "" };
	struct parts p;

	if (strlen(text) >= URL_TEXT_MAX) {
		snprintf(err, err_size, "it is longer than %d characters",
		    URL_TEXT_MAX - 1);
		return false;
	}
	if (strncasecmp(text, "http://", 7) != 0 &&
	    strncasecmp(text, "https://", 8) != 0) {
		snprintf(err, err_size,
		    "the scheme must be http or https, as in "
		    "https://access.example/path");
		return false;
	}
	take_apart(text, &p);
	if (!join(text, &p, &parsed.url, err, err_size))
		return false;
	if (p.user != NULL)
		write_basic(&p, parsed.basic);
	*u = parsed;
	explicit_bzero(parsed.basic, sizeof(parsed.basic));
	return true;
}
