/*
 * Request targets.  What passes was tried on the reference, byte by byte: its
 * rules are those of its URI library, which is neither RFC 3986 nor WHATWG.
 */
#include "config.h"

#include "codec/http_target.h"

#include <string.h>

#define SCHEME_MAX 64

static bool
is_letter_or_digit(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z');
}

static bool
is_one_of(uint8_t c, const char *bytes)
{
	return c != '\0' && strchr(bytes, c) != NULL;
}

static size_t
find_any(struct rk_span s, size_t from, const char *stops)
{
	while (from < s.len && !is_one_of(s.p[from], stops))
		from++;
	return from;
}

static bool
has_any(struct rk_span s, size_t from, size_t end, const char *bytes)
{
	return find_any((struct rk_span){ s.p, end }, from, bytes) < end;
}

/* Length of "scheme://" at the front of a target, 0 if there is none. */
static size_t
scheme_len(struct rk_span t)
{
	size_t i = 0;

	while (i < t.len &&
	    (is_letter_or_digit(t.p[i]) || is_one_of(t.p[i], "+-.~")))
		i++;
	return t.len - i >= 3 && memcmp(t.p + i, "://", 3) == 0 ? i + 3 : 0;
}

/* What has been seen of a [user@]host[:port]. */
struct authority {
	int colons;
	bool percent;
	bool opened;
	bool closed;
	bool at_last; /* '@' is what came last */
};

/* A colon or a percent sign before '@' or in brackets means nothing. */
static void
forget_part(struct authority *a)
{
	a->colons = 0;
	a->percent = false;
}

static bool
take_authority_byte(struct authority *a, uint8_t c)
{
	bool ok = true;

	a->at_last = c == '@';
	if (c == ':') {
		a->colons++;
	} else if (c == '%') {
		a->percent = true;
	} else if (c == '[') {
		ok = !a->opened && !a->percent;
		a->opened = true;
	} else if (c == ']') {
		ok = a->opened && !a->closed;
		a->closed = true;
		forget_part(a);
	} else if (c == '@') {
		forget_part(a);
	}
	return ok && !is_one_of(c, "\"<>\\^`{|}");
}

static bool
is_authority(const uint8_t *p, size_t len)
{
	struct authority a = { 0 };

	for (size_t i = 0; i < len; i++)
		if (!take_authority_byte(&a, p[i]))
			return false;
	return len > 0 && a.colons <= 1 && !a.percent && !a.at_last &&
	    a.opened == a.closed;
}

/* Path, query and fragment, from |from| on. */
static bool
split_path(struct rk_http_head *h, size_t from)
{
	struct rk_span t = h->target;
	size_t query = find_any(t, from, "?#");
	size_t fragment = find_any(t, query, "#");

	h->path = (struct rk_span){ t.p + from, query - from };
	if (h->path.len == 0)
		h->path = (struct rk_span){ (const uint8_t *)"/", 1 };
	if (query < fragment)
		h->query =
		    (struct rk_span){ t.p + query + 1, fragment - query - 1 };
	return !has_any(t, from, query, "<>`") &&
	    !has_any(t, query, fragment, "\"<>");
}

bool
rk_http_split_target(struct rk_http_head *h, bool tolerant)
{
	struct rk_span t = h->target;
	size_t scheme = scheme_len(t), end;

	if (t.p[0] == '/' || rk_http_span_is(t, "*"))
		return split_path(h, 0);
	end = find_any(t, scheme, "/?#");
	if (scheme > SCHEME_MAX + 3 ||
	    !is_authority(t.p + scheme, end - scheme))
		return false;
	if (scheme > 0)
		return split_path(h, end);
	return end == t.len &&
	    (tolerant || rk_http_span_is(h->method, "CONNECT"));
}
