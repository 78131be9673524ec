/* Delta debugging; see shrink.h. */
#include "config.h"

#include "conformance/shrink.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"

struct shrinker {
	const struct shrink *s;
	char *text;
	bool stopped;
	char **asked; /* texts that were not seen */
	size_t nasked;
};

/* ---- asking ---- */

/* Take |text| (owned here) if it is seen; true then. */
static bool
try_take(struct shrinker *k, char *text)
{
	enum shrink_seen seen = SHRINK_NO;

	if (k->stopped || text_is_among(text, k->asked, k->nasked)) {
		free(text);
		return false;
	}
	seen = k->s->sees(k->s->arg, text);
	if (seen == SHRINK_YES) {
		free(k->text);
		k->text = text;
		if (k->s->on_smaller != NULL)
			k->s->on_smaller(k->s->arg, text);
		return true;
	}
	k->stopped = seen == SHRINK_STOP;
	k->asked = xreallocarray(k->asked, k->nasked + 1, sizeof(*k->asked));
	k->asked[k->nasked++] = text;
	return false;
}

/* Without [from, to), |with| in its place. */
static bool
try_without(struct shrinker *k, size_t from, size_t to, const char *with)
{
	struct text t;

	text_init(&t);
	text_add_n(&t, k->text, from);
	text_add(&t, with);
	text_add(&t, k->text + to);
	return try_take(k, text_take(&t));
}

/* ---- lines ---- */

static size_t
line_end(const char *text, size_t at)
{
	at += strcspn(text + at, "\n");
	return at + (text[at] == '\n');
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (size_t at = 0; text[at] != '\0'; at = line_end(text, at))
		n++;
	return n;
}

static size_t
line_start(const char *text, size_t line)
{
	size_t at = 0;

	while (line-- > 0)
		at = line_end(text, at);
	return at;
}

static bool
is_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	line += strspn(line, " \t");
	return strncmp(line, word, n) == 0 && strchr(" \t\n", line[n]) != NULL;
}

/* What is being shrunk keeps its name and what it says of itself. */
static bool
is_title(const char *line)
{
	return is_word(line, "scenario");
}

/* Does the line open a block, or close one? */
static bool
opens(const char *line)
{
	size_t n = strcspn(line, "\n");

	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	return is_word(line, "scenario") || is_word(line, "proc") ||
	    (n > 0 && line[n - 1] == '{');
}

static bool
closes(const char *line)
{
	return is_word(line, "end") || is_word(line, "}");
}

/* Where the line begins that closes the block of the line at |at|; SIZE_MAX
 * if none does. */
static size_t
block_end(const char *text, size_t at)
{
	size_t depth = 0;

	for (; text[at] != '\0'; at = line_end(text, at)) {
		depth += opens(text + at);
		if (closes(text + at) && --depth == 0)
			return at;
	}
	return SIZE_MAX;
}

/* Each block as a whole; else without the two lines that make it one. */
static bool
try_blocks(struct shrinker *k)
{
	bool any = false;

	for (size_t at = 0; k->text[at] != '\0';) {
		size_t end =
		    opens(k->text + at) ? block_end(k->text, at) : SIZE_MAX;
		size_t body = line_end(k->text, at);
		char *unwrapped;

		if (end == SIZE_MAX) {
			at = body;
			continue;
		}
		if (try_without(k, at, line_end(k->text, end), "")) {
			any = true;
			continue;
		}
		unwrapped = xstrndup(k->text + body, end - body);
		if (try_without(k, at, line_end(k->text, end), unwrapped))
			any = true;
		else
			at = body;
		free(unwrapped);
	}
	return any;
}

/* Runs of lines, long ones first, from the end, where what depends is. */
static bool
try_lines(struct shrinker *k)
{
	bool any = false;

	for (size_t run = count_lines(k->text) / 2; run > 0; run /= 2) {
		size_t at = count_lines(k->text);

		while (at >= run && !k->stopped) {
			size_t from = line_start(k->text, at - run);
			size_t to = line_start(k->text, at);

			if (try_without(k, from, to, "")) {
				any = true;
				at = at - run < count_lines(k->text)
				    ? at - run
				    : count_lines(k->text);
			} else {
				at--;
			}
		}
	}
	return any;
}

/* ---- values ---- */

/* The line at |at| gives a value to a name: "let $x = v", "param x in v".
 * Where the name and the value are; false if it does not. */
static bool
names_a_value(const char *text, size_t at, size_t *name, size_t *value)
{
	const char *line = text + at;
	bool let = is_word(line, "let");
	const char *sign = let ? "= " : "in ";
	size_t p = at + strspn(line, " \t");

	if (!let && !is_word(line, "param"))
		return false;
	p += strlen(let ? "let" : "param");
	p += strspn(text + p, " \t$");
	*name = p;
	p += strcspn(text + p, " \t\n");
	p += strspn(text + p, " \t");
	if (strncmp(text + p, sign, strlen(sign)) != 0)
		return false;
	*value = p + strlen(sign);
	return true;
}

/* Every "$name" in |text| as |value|. */
static void
add_inlined(struct text *out, const char *text, const char *name,
    const char *value)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(name);

	while (*text != '\0') {
		size_t n = strcspn(text, "$");

		text_add_n(out, text, n);
		text += n;
		if (*text == '\0')
			return;
		if (strncmp(text + 1, name, len) == 0 &&
		    (text[1 + len] == '\0' ||
			strchr(word, text[1 + len]) == NULL)) {
			text_add(out, value);
			text += 1 + len;
		} else {
			text_add_n(out, text++, 1);
		}
	}
}

/* Values where they are used, in place of the lines that name them. */
static bool
try_values(struct shrinker *k)
{
	bool any = false;
	size_t at = 0, name_at, value_at;

	while (k->text[at] != '\0' && !k->stopped) {
		size_t end = line_end(k->text, at);
		char *name, *value;
		struct text t;

		if (!names_a_value(k->text, at, &name_at, &value_at)) {
			at = end;
			continue;
		}
		name = xstrndup(k->text + name_at,
		    strcspn(k->text + name_at, " \t\n"));
		value = xstrndup(k->text + value_at,
		    strcspn(k->text + value_at, "\n"));
		text_init(&t);
		text_add_n(&t, k->text, at);
		add_inlined(&t, k->text + end, name, value);
		free(name);
		free(value);
		if (try_take(k, text_take(&t)))
			any = true;
		else
			at = end;
	}
	return any;
}

/* ---- words ---- */

/* Behind the word at |at|: blanks inside of quotes and brackets are no end. */
static size_t
word_end(const char *text, size_t at)
{
	bool quoted = false;
	int depth = 0;

	for (; text[at] != '\0' && text[at] != '\n'; at++) {
		char c = text[at];

		if (quoted && c == '\\' && text[at + 1] != '\0' &&
		    text[at + 1] != '\n')
			at++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '(' || c == ')'))
			depth += c == '(' ? 1 : -1;
		else if (!quoted && depth <= 0 && (c == ' ' || c == '\t'))
			break;
	}
	return at;
}

/* |n| words that begin with the one at |at|, on one line; 0 if there are not
 * so many. */
static size_t
words_end(const char *text, size_t at, unsigned n)
{
	for (;;) {
		at = word_end(text, at);
		if (--n == 0)
			return at;
		at += strspn(text + at, " \t");
		if (text[at] == '\n' || text[at] == '\0')
			return 0;
	}
}

/* A word alone, or with one or two behind it ("within 2s", "as $x"). */
static bool
try_words(struct shrinker *k)
{
	bool any = false;
	size_t at = 0;

	while (k->text[at] != '\0' && !k->stopped) {
		size_t blanks = strspn(k->text + at, " \t\n");
		bool taken = false;

		if (is_title(k->text + at + blanks)) {
			at = line_end(k->text, at + blanks);
			continue;
		}

		for (unsigned n = 3; n > 0 && !taken && blanks > 0; n--) {
			size_t to = words_end(k->text, at + blanks, n);

			/* What begins a line is the lines' business. */
			if (to > 0 && k->text[at] != '\n')
				taken = try_without(k, at, to, "");
		}
		any |= taken;
		if (!taken)
			at = word_end(k->text, at + blanks);
	}
	return any;
}

/* ---- literals ---- */

/* Behind one unit of what a literal consists of: a character, an escape, a
 * byte in hex with its count. */
static size_t
unit_end(const char *text, size_t at, bool is_hex)
{
	if (is_hex) {
		at += strspn(text + at, " ");
		at += strspn(text + at, "0123456789abcdefABCDEF") >= 2 ? 2 : 1;
		if (text[at] == '*')
			at += 1 + strspn(text + at + 1, "0123456789");
		return at;
	}
	if (text[at] == '\\')
		return at + (text[at + 1] == 'x' ? 4 : 2);
	for (at++; ((unsigned char)text[at] & 0xc0) == 0x80; at++)
		;
	return at;
}

static size_t
count_units(const char *text, size_t at, size_t end, bool is_hex)
{
	size_t n = 0;

	for (; at < end; at = unit_end(text, at, is_hex))
		n++;
	return n;
}

static size_t
skip_units(const char *text, size_t at, size_t n, bool is_hex)
{
	while (n-- > 0)
		at = unit_end(text, at, is_hex);
	return at;
}

static size_t
literal_end(const char *text, size_t at)
{
	while (text[at] != '"' && text[at] != '\n' && text[at] != '\0')
		at += text[at] == '\\' && text[at + 1] != '\0' ? 2 : 1;
	return at;
}

/* Without [from, to) of the literal at |at|, wherever it stands from here on:
 * what is sent and what is expected are often the same. */
static bool
try_everywhere(struct shrinker *k, size_t at, size_t from, size_t to)
{
	size_t len = literal_end(k->text, at) + 1 - at;
	const char *rest = k->text + at, *next;
	struct text t;

	text_init(&t);
	text_add_n(&t, k->text, at);
	while ((next = memmem(rest, strlen(rest), k->text + at, len)) != NULL) {
		text_add_n(&t, rest, (size_t)(next - rest));
		if (next == k->text + at || next[-1] == '"') {
			text_add_n(&t, k->text + at, from - at);
			text_add_n(&t, k->text + to, at + len - to);
		} else {
			text_add_n(&t, next, len);
		}
		rest = next + len;
	}
	text_add(&t, rest);
	return try_take(k, text_take(&t));
}

/* The units of the literal that begins at |at|, in runs. */
static bool
try_units(struct shrinker *k, size_t at, bool is_hex)
{
	bool any = false;
	size_t n = count_units(k->text, at, literal_end(k->text, at), is_hex);

	for (size_t run = n; run > 0; run /= 2)
		for (size_t i = 0; i + run <= n && !k->stopped;) {
			size_t from = skip_units(k->text, at, i, is_hex);
			size_t to = skip_units(k->text, from, run, is_hex);

			if (!try_everywhere(k, at, from, to) &&
			    !try_without(k, from, to, "")) {
				i += run;
				continue;
			}
			any = true;
			n -= run;
		}
	return any;
}

/* The number of |len| digits at |at|, towards zero. */
static bool
try_number(struct shrinker *k, size_t at, size_t len)
{
	unsigned long long value = strtoull(k->text + at, NULL, 10);
	bool any = false;

	if (len > 18)
		return false;
	for (unsigned long long step = value; step > 0 && !k->stopped;
	     step /= 2) {
		char *smaller;

		if (step > value)
			continue;
		smaller = xasprintf("%llu", value - step);
		if (try_without(k, at, at + len, smaller)) {
			any = true;
			value -= step;
			len = strlen(smaller);
		}
		free(smaller);
	}
	return any;
}

/* A number alone: no time, no part of a name or of hex. */
static size_t
number_len(const char *text, size_t at)
{
	size_t n = strspn(text + at, "0123456789");
	char before = at > 0 ? text[at - 1] : ' ';

	if (n == 0 || strchr(" (,=*.", before) == NULL ||
	    strchr(" ),.\"\n", text[at + n]) == NULL)
		return 0;
	return n;
}

static bool
try_literals(struct shrinker *k)
{
	bool any = false, quoted = false;

	for (size_t at = 0; k->text[at] != '\0' && !k->stopped; at++) {
		size_t n;

		if ((at == 0 || k->text[at - 1] == '\n') &&
		    is_title(k->text + at)) {
			at = line_end(k->text, at) - 1;
			continue;
		}
		if (k->text[at] == '"') {
			quoted = !quoted;
			if (quoted)
				any |= try_units(k, at + 1,
				    at > 0 && k->text[at - 1] == 'x');
			continue;
		}
		n = number_len(k->text, at);
		if (n > 0) {
			any |= try_number(k, at, n);
			at += strspn(k->text + at, "0123456789") - 1;
		}
	}
	return any;
}

/* ---- all of it ---- */

char *
shrink(const struct shrink *s, const char *text, bool *whole)
{
	struct shrinker k = { .s = s, .text = xstrdup(text) };
	bool any = true;

	while (any && !k.stopped) {
		any = try_blocks(&k);
		any |= try_values(&k);
		any |= try_lines(&k);
		any |= try_words(&k);
		any |= try_literals(&k);
	}
	*whole = !k.stopped;
	for (size_t i = 0; i < k.nasked; i++)
		free(k.asked[i]);
	free(k.asked);
	return k.text;
}
