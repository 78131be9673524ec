/* Numbers, true and false, dates. */
#include "config.h"

#include "relayd/toml_scalar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 128

/* ---- numbers ---- */

/* Digits with single lines between them; how many bytes, 0: none. */
static size_t
digits_len(const char *s, const char *digits)
{
	size_t n = 0, part;

	while ((part = strspn(s + n, digits)) > 0) {
		n += part;
		if (s[n] != '_' || s[n + 1] == '\0' ||
		    strchr(digits, s[n + 1]) == NULL)
			return n;
		n++;
	}
	return n;
}

/* Without the lines. */
static void
copy_plain(char *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] != '_')
			*out++ = s[i];
	*out = '\0';
}

static bool
add_integer(struct text *out, const char *s, size_t len, int base)
{
	char plain[WORD_MAX];
	intmax_t v;

	copy_plain(plain, s, len);
	errno = 0;
	v = strtoimax(plain, NULL, base);
	if (errno != 0)
		return false;
	text_addf(out, "%" PRIdMAX, v);
	return true;
}

/* 0xff, 0o17, 0b11 */
static bool
take_based(const char *s, struct text *out)
{
	static const struct {
		const char *prefix, *digits;
		int base;
	} bases[] = { { "0x", "0123456789abcdefABCDEF", 16 },
		{ "0o", "01234567", 8 }, { "0b", "01", 2 } };

	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		if (strncmp(s, bases[i].prefix, 2) != 0)
			continue;
		if (digits_len(s + 2, bases[i].digits) != strlen(s + 2) ||
		    s[2] == '\0')
			return false;
		return add_integer(out, s + 2, strlen(s + 2), bases[i].base);
	}
	return false;
}

/* The sign and digits before a dot: no zero in front. */
static size_t
whole_len(const char *s)
{
	size_t sign = *s == '+' || *s == '-', n;

	n = digits_len(s + sign, "0123456789");
	if (n == 0 || (n > 1 && s[sign] == '0'))
		return 0;
	return sign + n;
}

static bool
take_integer(const char *s, struct text *out)
{
	size_t n = whole_len(s);

	return n > 0 && s[n] == '\0' && add_integer(out, s, n, 10);
}

static bool
take_float(const char *s, struct text *out)
{
	const char *word = s + (*s == '+' || *s == '-');
	size_t n = whole_len(s), part;
	char plain[WORD_MAX];

	if (strcmp(word, "inf") == 0 || strcmp(word, "nan") == 0) {
		text_add(out, s);
		return true;
	}
	if (n == 0 || s[n] == '\0')
		return false;
	if (s[n] == '.') {
		part = digits_len(s + n + 1, "0123456789");
		if (part == 0)
			return false;
		n += 1 + part;
	}
	if (s[n] == 'e' || s[n] == 'E') {
		n += 1 + (s[n + 1] == '+' || s[n + 1] == '-');
		part = digits_len(s + n, "0123456789");
		if (part == 0)
			return false;
		n += part;
	}
	copy_plain(plain, s, n);
	text_add(out, plain);
	return s[n] == '\0';
}

/* ---- dates ---- */

/* |n| digits, and a number from |min| to |max|; -1 otherwise. */
static int
take_field(const char **s, size_t n, int min, int max)
{
	int v = 0;

	if (strspn(*s, "0123456789") < n)
		return -1;
	while (n-- > 0)
		v = 10 * v + *(*s)++ - '0';
	return v >= min && v <= max ? v : -1;
}

static bool
take_char(const char **s, char c)
{
	return **s == c && ((*s)++, true);
}

static bool
take_day(const char **s)
{
	static const int days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30,
		31 };
	int year = take_field(s, 4, 0, 9999), month, day;
	bool leap;

	if (year < 0 || !take_char(s, '-'))
		return false;
	month = take_field(s, 2, 1, 12);
	if (month < 0 || !take_char(s, '-'))
		return false;
	day = take_field(s, 2, 1, days[month - 1]);
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return day > 0 && (month != 2 || day < 29 || leap);
}

static bool
take_time(const char **s)
{
	size_t n;

	if (take_field(s, 2, 0, 23) < 0 || !take_char(s, ':') ||
	    take_field(s, 2, 0, 59) < 0 || !take_char(s, ':') ||
	    take_field(s, 2, 0, 60) < 0)
		return false;
	if (!take_char(s, '.'))
		return true;
	n = strspn(*s, "0123456789");
	*s += n;
	return n > 0;
}

static bool
take_offset(const char **s)
{
	if (**s == 'Z' || **s == 'z') {
		(*s)++;
		return true;
	}
	if (**s != '+' && **s != '-')
		return true; /* local */
	(*s)++;
	return take_field(s, 2, 0, 23) >= 0 && take_char(s, ':') &&
	    take_field(s, 2, 0, 59) >= 0;
}

static bool
take_date(const char *s, struct text *out)
{
	const char *at = s;
	bool ok;

	if (strlen(s) > 2 && s[2] == ':')
		ok = take_time(&at);
	else
		ok = take_day(&at) &&
		    (*at == '\0' ||
			(strchr("Tt ", *at++) != NULL && take_time(&at) &&
			    take_offset(&at)));
	text_add(out, s);
	return ok && *at == '\0';
}

/* ---- all of them ---- */

static bool
take_bool(const char *s, struct text *out)
{
	text_add(out, s);
	return strcmp(s, "true") == 0 || strcmp(s, "false") == 0;
}

static const struct {
	enum toml_kind kind;
	bool (*take)(const char *s, struct text *out);
} scalars[] = {
	{ TOML_BOOL, take_bool },
	{ TOML_INTEGER, take_based },
	{ TOML_INTEGER, take_integer },
	{ TOML_FLOAT, take_float },
	{ TOML_DATE, take_date },
};

/* A date may have one blank before its time. */
static size_t
word_len(const char *s)
{
	static const char ends[] = " \t\r\n,]}#";
	size_t n = strcspn(s, ends);

	if (n == 10 && s[4] == '-' && s[n] == ' ' &&
	    strspn(s + n + 1, "0123456789") == 2)
		n += 1 + strcspn(s + n + 1, ends);
	return n;
}

bool
toml_scalar(const char **at, struct text *out, enum toml_kind *kind)
{
	size_t len = word_len(*at);
	char word[WORD_MAX] = "";

	if (len == 0 || len >= sizeof(word))
		return false;
	memcpy(word, *at, len);
	for (size_t i = 0; i < sizeof(scalars) / sizeof(scalars[0]); i++) {
		text_reset(out);
		if (!scalars[i].take(word, out))
			continue;
		*kind = scalars[i].kind;
		*at += len;
		return true;
	}
	return false;
}
