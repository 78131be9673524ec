/* Keys and values: strings, arrays, inline tables; toml_scalar.c has the
 * rest. */
#include "config.h"

#include "relayd/toml.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "relayd/toml_scalar.h"

#define DEPTH_MAX 79 /* the reference's */

static bool
wrong(struct toml *t, const char *what)
{
	if (t->wrong == NULL)
		t->wrong = what;
	return false;
}

/* ---- blanks and lines ---- */

void
toml_skip_blanks(struct toml *t)
{
	t->at += strspn(t->at, " \t");
}

/* Of a line end: 1 or 2 bytes, or none. */
static size_t
newline_at(const char *s)
{
	return s[0] == '\n' ? 1 : s[0] == '\r' && s[1] == '\n' ? 2 : 0;
}

/* Control characters are nowhere allowed, but for the tab. */
static bool
is_text(char c)
{
	return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static bool
skip_remark(struct toml *t)
{
	toml_skip_blanks(t);
	if (*t->at == '#')
		while (is_text(*t->at))
			t->at++;
	return *t->at == '\0' || newline_at(t->at) > 0;
}

bool
toml_line_end(struct toml *t)
{
	if (!skip_remark(t))
		return wrong(t,
		    "something behind it that does not belong there");
	t->at += newline_at(t->at);
	return true;
}

/* Within an array, where lines and remarks are blanks. */
static bool
skip_lines(struct toml *t)
{
	for (;;) {
		toml_skip_blanks(t);
		if (*t->at == '#' && !skip_remark(t))
			return wrong(t, "a control character");
		if (newline_at(t->at) == 0)
			return true;
		t->at += newline_at(t->at);
	}
}

/* ---- strings ---- */

static void
add_character(struct text *out, uint32_t c)
{
	static const uint8_t lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	int more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	char byte = (char)(lead[more] | c >> 6 * more);

	text_add_n(out, &byte, 1);
	while (more-- > 0) {
		byte = (char)(0x80 | (c >> 6 * more & 0x3f));
		text_add_n(out, &byte, 1);
	}
}

/* \u and four digits, \U and eight. */
static bool
take_character(struct toml *t, struct text *out)
{
	size_t len = *t->at == 'u' ? 4 : 8;
	char digits[9] = "";
	unsigned long c;

	strncat(digits, t->at + 1, len);
	if (strspn(digits, "0123456789abcdefABCDEF") != len)
		return wrong(t, "\\u and \\U want 4 and 8 digits");
	c = strtoul(digits, NULL, 16);
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return wrong(t, "no such character");
	add_character(out, (uint32_t)c);
	t->at += 1 + len;
	return true;
}

/* Behind a backslash. */
static bool
take_escape(struct toml *t, struct text *out)
{
	static const char from[] = "btnfr\"\\", to[] = "\b\t\n\f\r\"\\";
	const char *at = *t->at != '\0' ? strchr(from, *t->at) : NULL;

	if (*t->at == 'u' || *t->at == 'U')
		return take_character(t, out);
	if (at == NULL)
		return wrong(t, "an unknown escape in a string");
	text_add_n(out, &to[at - from], 1);
	t->at++;
	return true;
}

/* A backslash at the end of a line takes away what is blank behind it. */
static bool
skip_folded(struct toml *t)
{
	size_t blanks = strspn(t->at, " \t");

	if (newline_at(t->at + blanks) == 0)
		return false;
	t->at += blanks;
	while (*t->at == ' ' || *t->at == '\t' || newline_at(t->at) > 0)
		t->at += newline_at(t->at) > 0 ? newline_at(t->at) : 1;
	return true;
}

/* Three quotes end it; up to two more before them are its own. */
static bool
is_long_end(const char *s, char quote)
{
	return s[0] == quote && s[1] == quote && s[2] == quote && s[3] != quote;
}

static bool
take_long(struct toml *t, char quote, struct text *out)
{
	size_t n;

	t->at += 3;
	t->at += newline_at(t->at);
	while (!is_long_end(t->at, quote)) {
		if (strspn(t->at, (char[]){ quote, '\0' }) > 5)
			return wrong(t, "too many quotes");
		n = newline_at(t->at);
		if (n == 0 && !is_text(*t->at))
			return wrong(t, "a string without an end");
		if (*t->at != '\\' || quote != '"') {
			n = n > 0 ? n : 1;
			text_add_n(out, t->at, n);
			t->at += n;
			continue;
		}
		t->at++;
		if (!skip_folded(t) && !take_escape(t, out))
			return false;
	}
	t->at += 3;
	return true;
}

static bool
take_short(struct toml *t, char quote, struct text *out)
{
	for (t->at++; *t->at != quote;) {
		if (!is_text(*t->at))
			return wrong(t, "a string without an end");
		if (*t->at == '\\' && quote == '"') {
			t->at++;
			if (!take_escape(t, out))
				return false;
		} else {
			text_add_n(out, t->at++, 1);
		}
	}
	t->at++;
	return true;
}

static bool
take_string(struct toml *t, struct text *out)
{
	char quote = *t->at;

	if (t->at[1] == quote && t->at[2] == quote)
		return take_long(t, quote, out);
	return take_short(t, quote, out);
}

/* ---- keys ---- */

#define WORD_CHARS                                                             \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* What no word has goes in quotes, and what the reader of lines would take for
 * an end as %XX. */
static void
add_part(struct text *key, const char *part, size_t len)
{
	bool word = len > 0 && strspn(part, WORD_CHARS) == len;

	if (key->len > 0)
		text_add(key, ".");
	if (!word)
		text_add(key, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)part[i];

		if (c < ' ' || c == 0x7f || strchr("=:[]\"%", c) != NULL)
			text_addf(key, "%%%02X", c);
		else
			text_add_n(key, &part[i], 1);
	}
	if (!word)
		text_add(key, "\"");
}

static bool
take_part(struct toml *t, struct text *key)
{
	size_t len = strspn(t->at, WORD_CHARS);
	struct text part;
	bool ok = true;

	text_init(&part);
	if (*t->at == '"' || *t->at == '\'') {
		ok = take_short(t, *t->at, &part);
	} else {
		text_add_n(&part, t->at, len);
		t->at += len;
		ok = len > 0 || wrong(t, "neither [section] nor key = value");
	}
	if (ok)
		add_part(key, text_str(&part), part.len);
	text_clear(&part);
	return ok;
}

bool
toml_key(struct toml *t, struct text *key)
{
	for (;;) {
		toml_skip_blanks(t);
		if (!take_part(t, key))
			return false;
		toml_skip_blanks(t);
		if (*t->at != '.')
			return true;
		t->at++;
	}
}

/* ---- values ---- */

static bool
emit(struct toml *t, const struct toml_item *item)
{
	return t->within > 0 || t->on_item(t->arg, item) || wrong(t, "");
}

static bool
take_scalar(struct toml *t, struct toml_item item)
{
	struct text value;
	bool ok;

	text_init(&value);
	item.kind = TOML_STRING;
	if (*t->at == '"' || *t->at == '\'')
		ok = take_string(t, &value);
	else
		ok = toml_scalar(&t->at, &value, &item.kind) ||
		    wrong(t,
			"not a value: a \"string\", a number, true, false, an "
			"[array] of them, or a { key = value } of them");
	item.value = text_str(&value);
	item.has_nul = strlen(item.value) != value.len;
	ok = ok && emit(t, &item);
	text_clear(&value);
	return ok;
}

static bool take_value(struct toml *t, struct toml_item item);

/* A table in it is a scope of its own, for keys that mean nothing. */
static bool
take_element(struct toml *t, struct toml_item item, int n)
{
	char *scope;
	bool ok;

	item.in_array = true;
	item.first = item.first && n == 0;
	if (*t->at != '{')
		return take_value(t, item);
	item.kind = TOML_TABLE;
	if (!emit(t, &item))
		return false;
	scope = xasprintf("%s[%d]", item.key, n);
	item.key = scope;
	item.in_array = false;
	ok = take_value(t, item);
	free(scope);
	return ok;
}

static bool
take_array(struct toml *t, struct toml_item item)
{
	bool inner = item.in_array;
	int n = 0;

	t->at++;
	item.kind = TOML_ARRAY;
	t->within += inner;
	for (;;) {
		if (!skip_lines(t))
			return false;
		if (*t->at == ']')
			break;
		if (*t->at == '\0')
			return wrong(t, "the array or table has no end");
		if (!take_element(t, item, n++) || !skip_lines(t))
			return false;
		if (*t->at != ',')
			break;
		t->at++;
	}
	if (*t->at != ']')
		return wrong(t,
		    *t->at == '\0' ? "the array or table has no end"
				   : "no comma between elements of an array");
	t->at++;
	t->within -= inner;
	return (n > 0 && !inner) || emit(t, &item);
}

static bool
take_entry(struct toml *t, const char *table)
{
	struct text key;
	bool ok;

	text_init(&key);
	text_add(&key, table);
	ok = toml_key(t, &key) &&
	    (*t->at == '=' || wrong(t, "a key without a value"));
	if (ok) {
		t->at++;
		ok = toml_value(t, table, text_str(&key));
	}
	text_clear(&key);
	toml_skip_blanks(t);
	return ok;
}

/* On one line, unless an array or a string in it goes on. */
static bool
take_table(struct toml *t, struct toml_item item)
{
	item.kind = TOML_TABLE;
	if (!emit(t, &item))
		return false;
	t->at++;
	toml_skip_blanks(t);
	if (*t->at != '}') {
		if (!take_entry(t, item.key))
			return false;
		while (*t->at == ',') {
			t->at++;
			if (!take_entry(t, item.key))
				return false;
		}
	}
	if (*t->at != '}')
		return wrong(t,
		    *t->at == '\0' || newline_at(t->at) > 0
			? "the table has no end in its line"
			: "no comma between entries of a table");
	t->at++;
	return true;
}

static bool
take_value(struct toml *t, struct toml_item item)
{
	bool ok;

	if (*t->at != '[' && *t->at != '{')
		return take_scalar(t, item);
	if (t->depth >= DEPTH_MAX)
		return wrong(t, "too many levels");
	t->depth++;
	ok = *t->at == '[' ? take_array(t, item) : take_table(t, item);
	t->depth--;
	return ok;
}

bool
toml_value(struct toml *t, const char *table, const char *key)
{
	toml_skip_blanks(t);
	return take_value(t,
	    (struct toml_item){ .table = table, .key = key, .first = true });
}
