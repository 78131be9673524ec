/* Growing strings, and the small readers and writers of text. */
#include "config.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"

static const char hex_digits[] = "0123456789abcdef";

void
text_init(struct text *t)
{
	memset(t, 0, sizeof(*t));
}

void
text_clear(struct text *t)
{
	free(t->s);
	text_init(t);
}

void
text_reset(struct text *t)
{
	t->len = 0;
	if (t->s != NULL)
		t->s[0] = '\0';
}

char *
text_room(struct text *t, size_t n)
{
	size_t need = t->len + n + 1;

	if (need > t->cap) {
		size_t cap = t->cap < 32 ? 64 : t->cap * 2;

		if (cap < need)
			cap = need;
		t->s = xreallocarray(t->s, cap, 1);
		t->cap = cap;
	}
	return t->s + t->len;
}

void
text_grew(struct text *t, size_t n)
{
	t->len += n;
	t->s[t->len] = '\0';
}

void
text_add_n(struct text *t, const char *s, size_t n)
{
	char *to = text_room(t, n);

	if (n > 0)
		memcpy(to, s, n);
	to[n] = '\0';
	t->len += n;
}

void
text_add(struct text *t, const char *s)
{
	text_add_n(t, s, strlen(s));
}

void
text_addf(struct text *t, const char *fmt, ...)
{
	size_t room = t->cap - t->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room > 0 ? t->s + t->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n >= room) {
		text_room(t, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(t->s + t->len, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (n > 0)
		t->len += (size_t)n;
}

const char *
text_str(const struct text *t)
{
	return t->s != NULL ? t->s : "";
}

char *
text_take(struct text *t)
{
	char *s = t->s != NULL ? t->s : xstrdup("");

	text_init(t);
	return s;
}

void
hex_encode(const void *p, size_t len, char *out)
{
	const uint8_t *in = p;

	for (size_t i = 0; i < len; i++) {
		*out++ = hex_digits[in[i] >> 4];
		*out++ = hex_digits[in[i] & 15];
	}
	*out = '\0';
}

void
text_add_hex(struct text *t, const void *p, size_t len)
{
	hex_encode(p, len, text_room(t, len * 2));
	t->len += len * 2;
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

long
hex_decode(const char *s, size_t len, uint8_t *out, size_t cap, size_t *bad_at)
{
	size_t n = 0;
	size_t i = 0;

	while (i < len) {
		if (is_blank(s[i])) {
			i++;
			continue;
		}
		if (hex_digit(s[i]) < 0 || n == cap)
			goto bad;
		if (i + 1 == len || hex_digit(s[i + 1]) < 0) {
			i++;
			goto bad;
		}
		out[n++] =
		    (uint8_t)(hex_digit(s[i]) << 4 | hex_digit(s[i + 1]));
		i += 2;
	}
	return (long)n;
bad:
	if (bad_at != NULL)
		*bad_at = i;
	return -1;
}

static bool
is_printable(uint8_t c)
{
	return c >= 0x20 && c < 0x7f;
}

void
text_add_escaped(struct text *t, const void *p, size_t len)
{
	const uint8_t *in = p;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = in[i];

		if (c == '\\')
			text_add_n(t, "\\\\", 2);
		else if (is_printable(c))
			text_add_n(t, (const char *)&in[i], 1);
		else if (c == '\n')
			text_add_n(t, "\\n", 2);
		else if (c == '\r')
			text_add_n(t, "\\r", 2);
		else if (c == '\t')
			text_add_n(t, "\\t", 2);
		else
			text_addf(t, "\\x%02x", c);
	}
}

bool
text_is_printable(const void *p, size_t len)
{
	const uint8_t *in = p;

	for (size_t i = 0; i < len; i++)
		if (!is_printable(in[i]))
			return false;
	return true;
}

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "ms", NS_PER_MS },
	{ "s", NS_PER_S },
	{ "m", 60 * NS_PER_S },
	{ "h", 3600 * NS_PER_S },
};

static int64_t
unit_ns(const char *name)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(name, units[i].name) == 0)
			return units[i].ns;
	return -1;
}

/* Digits at *s; -1 if there is none or too many. */
static int64_t
read_digits(const char **s, int *count)
{
	int64_t v = 0;
	int n = 0;

	while (**s >= '0' && **s <= '9') {
		if (++n > 18)
			return -1;
		v = v * 10 + (*(*s)++ - '0');
	}
	*count = n;
	return n > 0 ? v : -1;
}

int64_t
duration_parse(const char *s)
{
	int64_t whole, unit, total, part = 0, scale = 1;
	int n;

	whole = read_digits(&s, &n);
	if (whole >= 0 && *s == '.') {
		s++;
		part = read_digits(&s, &n);
		if (n > 9)
			return -1;
		for (int i = 0; i < n; i++)
			scale *= 10;
	}
	unit = unit_ns(s);
	if (whole < 0 || part < 0 || unit < 0 ||
	    __builtin_mul_overflow(whole, unit, &total))
		return -1;
	/* part < scale <= 10^9: the fraction of the unit, without overflow */
	part = part * (unit / scale) + part * (unit % scale) / scale;
	return __builtin_add_overflow(total, part, &total) ? -1 : total;
}

bool
number_parse(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = *s == '-';
	int64_t v;
	int n;

	if (negative)
		s++;
	v = read_digits(&s, &n);
	if (v < 0 || *s != '\0')
		return false;
	if (negative)
		v = -v;
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

#define WORD_MAX 40

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Insertions, deletions, replacements and swaps of neighbours. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= na; i++)
		d[i][0] = i;
	for (size_t j = 0; j <= nb; j++)
		d[0][j] = j;
	for (size_t i = 1; i <= na; i++) {
		for (size_t j = 1; j <= nb; j++) {
			size_t cost = a[i - 1] != b[j - 1];

			d[i][j] = min3(d[i - 1][j] + 1, d[i][j - 1] + 1,
			    d[i - 1][j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[na][nb];
}

const char *
text_nearest(const char *word, const char *const *words)
{
	size_t n = strlen(word);
	size_t best = n <= 2 ? 2 : 2 + n / 4; /* exclusive */
	const char *found = NULL;

	if (n > WORD_MAX)
		return NULL;
	for (; *words != NULL; words++) {
		size_t len = strlen(*words);
		size_t d;

		if (len > WORD_MAX)
			continue;
		d = edit_distance(word, n, *words, len);
		if (d < best && d < len) {
			best = d;
			found = *words;
		}
	}
	return found;
}

bool
text_is_among(const char *word, char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

const char *
text_skip_mark(const char *text, size_t len)
{
	static const char mark[] = "\xef\xbb\xbf";

	return len >= 3 && memcmp(text, mark, 3) == 0 ? text + 3 : text;
}
