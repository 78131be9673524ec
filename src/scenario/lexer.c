/* .rly text -> tokens, a line at a time. */
#include "config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "scenario/lexer.h"

/* The line being cut: |p| moves, |col| counts the characters passed. */
struct cut {
	struct lexer *lx;
	struct line *line;
	const char *p;
	const char *end;
	int col;
	bool spaced;
};

static const struct {
	const char *text;
	enum punct punct;
} puncts[] = { /* longer ones first */
	{ "=>", PUNCT_VERDICT }, { "==", PUNCT_EQ }, { "!=", PUNCT_NE },
	{ "<=", PUNCT_LE }, { ">=", PUNCT_GE }, { "->", PUNCT_SEND },
	{ "<-", PUNCT_RECEIVE }, { "..", PUNCT_RANGE }, { "=", PUNCT_SET },
	{ "<", PUNCT_LT }, { ">", PUNCT_GT }, { "~", PUNCT_MATCH },
	{ "{", PUNCT_OPEN }, { "}", PUNCT_SHUT }, { "(", PUNCT_LPAREN },
	{ ")", PUNCT_RPAREN }, { ",", PUNCT_COMMA }, { ":", PUNCT_COLON },
	{ "@", PUNCT_AT }, { "+", PUNCT_PLUS }, { "-", PUNCT_MINUS },
	{ "*", PUNCT_STAR }, { "/", PUNCT_SLASH }
};

const char *
punct_text(enum punct p)
{
	for (size_t i = 0; i < sizeof(puncts) / sizeof(puncts[0]); i++)
		if (puncts[i].punct == p)
			return puncts[i].text;
	return "?";
}

void
complain(struct complaints *c, const struct place *at, const char *fmt, ...)
{
	char message[512];
	char *line;

	if (c->count++ >= COMPLAINTS_MAX)
		return;
	FORMAT_ARGS(message, sizeof(message), fmt);
	line =
	    xasprintf("%s:%d:%d: %s\n", at->file, at->line, at->col, message);
	/* A procedure is looked at once for each call. */
	if (strstr(text_str(c->out), line) == NULL)
		text_add(c->out, line);
	free(line);
}

void
lexer_init(struct lexer *lx, struct arena *arena, struct complaints *c,
    const char *file, const char *text, size_t len)
{
	memset(lx, 0, sizeof(*lx));
	lx->arena = arena;
	lx->complaints = c;
	lx->file = file;
	lx->p = text_skip_mark(text, len);
	lx->end = text + len;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_letter(c) || is_digit(c);
}

static char
peek(const struct cut *c, size_t ahead)
{
	return (size_t)(c->end - c->p) > ahead ? c->p[ahead] : '\0';
}

/* Characters of valid UTF-8. */
static int
characters(const char *p, size_t len)
{
	int n = 0;

	for (size_t i = 0; i < len; i++)
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			n++;
	return n;
}

static struct place
place_at(const struct cut *c, int col, int len)
{
	struct place at = { c->lx->file, c->line->number, col, len };

	return at;
}

static void
complain_at(struct cut *c, int col, const char *what)
{
	struct place at = place_at(c, col, 1);

	c->line->bad = true;
	complain(c->lx->complaints, &at, "%s", what);
}

/* Take |n| bytes from the front as a token. */
static struct token *
take(struct cut *c, enum token_kind kind, size_t n)
{
	struct line *l = c->line;
	struct token t = { 0 };

	t.kind = kind;
	t.start = c->p;
	t.size = n;
	t.col = c->col;
	t.len = characters(c->p, n);
	t.spaced = c->spaced;
	c->p += n;
	c->col += t.len;
	c->spaced = false;
	ARENA_PUSH(c->lx->arena, l->tokens, l->ntokens, t);
	return &l->tokens[l->ntokens - 1];
}

/* A name: letters, digits, "_", and "-" or "." between them. */
static size_t
name_size(const struct cut *c, size_t from, bool dashes)
{
	size_t n = from;

	for (;;) {
		char ch = peek(c, n);

		if (is_alnum(ch))
			n++;
		else if ((ch == '.' || (ch == '-' && dashes)) && n > from &&
		    is_alnum(peek(c, n + 1)))
			n += 2;
		else
			return n;
	}
}

static void
cut_word(struct cut *c)
{
	struct token *t = take(c, TOKEN_WORD, name_size(c, 0, true));

	t->text = arena_strndup(c->lx->arena, t->start, t->size);
}

static void
cut_variable(struct cut *c)
{
	size_t n = name_size(c, 1, false);
	struct token *t;

	if (n == 1)
		complain_at(c, c->col, "a name must follow \"$\"");
	t = take(c, TOKEN_VAR, n);
	t->text = arena_strndup(c->lx->arena, t->start + 1, n - 1);
}

/* 0x3f */
static void
cut_hex_number(struct cut *c)
{
	size_t n = 2;
	int64_t v = 0;
	struct token *t;

	while (is_alnum(peek(c, n)))
		n++;
	for (size_t i = 2; i < n; i++) {
		uint8_t byte;
		size_t bad;
		char digits[2] = { '0', c->p[i] };

		if (hex_decode(digits, 2, &byte, 1, &bad) != 1) {
			complain_at(c, c->col + (int)i, "not a hex digit");
			break;
		}
		if (v > (INT64_MAX >> 4)) {
			complain_at(c, c->col, "the number is too big");
			break;
		}
		v = v * 16 + byte;
	}
	if (n == 2)
		complain_at(c, c->col, "hex digits must follow \"0x\"");
	t = take(c, TOKEN_INT, n);
	t->number = v;
}

/* 1.2, 127.0.0.1: digits with dots and no unit. */
static bool
is_dotted(const char *p, size_t n)
{
	bool dot = false;

	for (size_t i = 0; i < n; i++) {
		if (is_letter(p[i]))
			return false;
		dot = dot || p[i] == '.';
	}
	return dot;
}

/* 12, or with a unit behind it a duration: 10ms, 1.5s. */
static void
cut_number(struct cut *c)
{
	size_t n = 0;
	char text[32];
	struct token *t;
	bool duration = false;

	if (peek(c, 0) == '0' && peek(c, 1) == 'x') {
		cut_hex_number(c);
		return;
	}
	while (is_alnum(peek(c, n)) ||
	    (peek(c, n) == '.' && is_digit(peek(c, n + 1)))) {
		if (!is_digit(peek(c, n)))
			duration = true;
		n++;
	}
	if (is_dotted(c->p, n)) {
		t = take(c, TOKEN_WORD, n);
		t->text = arena_strndup(c->lx->arena, t->start, n);
		return;
	}
	snprintf(text, sizeof(text), "%.*s", (int)(n < 31 ? n : 31), c->p);
	t = take(c, duration ? TOKEN_DURATION : TOKEN_INT, n);
	if (duration) {
		t->number = duration_parse(text);
		if (n > 31 || t->number < 0)
			complain_at(c, t->col,
			    arena_printf(c->lx->arena,
				"\"%s\" is neither a number nor a time such "
				"as 10ms, 2s, 3m",
				text));
	} else if (n > 31 || !number_parse(text, 0, INT64_MAX, &t->number)) {
		complain_at(c, t->col, "the number is too big");
	}
}

/* ---- "text" and x"hex" ---- */

/* Bytes from the opening quote to the closing one, both included; 0 if the
 * line ends before. */
static size_t
quoted_size(const char *p, const char *end)
{
	for (const char *q = p + 1; q < end; q++) {
		if (*q == '\\' && q + 1 < end)
			q++;
		else if (*q == '"')
			return (size_t)(q - p) + 1;
	}
	return 0;
}

static bool
unescape(char c, uint8_t *out)
{
	static const char from[] = "nrt0\\\"";
	static const char to[] = "\n\r\t\0\\\"";
	const char *at = c != '\0' ? strchr(from, c) : NULL;

	if (at == NULL)
		return false;
	*out = (uint8_t)to[at - from];
	return true;
}

/* |p| to |end|: what stands between the quotes. */
static void
read_string(struct cut *c, struct token *t, const char *p, const char *end)
{
	const char *seen = t->start;
	int col = t->col;

	t->bytes = arena_alloc(c->lx->arena, (size_t)(end - p) + 1);
	while (p < end) {
		size_t bad;

		col += characters(seen, (size_t)(p - seen));
		seen = p;
		if (*p != '\\') {
			t->bytes[t->nbytes++] = (uint8_t)*p++;
		} else if (p[1] == 'x' && end - p >= 4 &&
		    hex_decode(p + 2, 2, t->bytes + t->nbytes, 1, &bad) == 1) {
			t->nbytes++;
			p += 4;
		} else {
			if (!unescape(p[1], &t->bytes[t->nbytes++]))
				complain_at(c, col,
				    "unknown escape: \\n \\r \\t \\0 \\\\ "
				    "\\\" and \\xNN are known");
			p += 2;
		}
	}
}

/* One group of hex digits, maybe with "*count" behind it: appended to |t|.
 * False if something was wrong. */
static bool
read_hex_group(struct cut *c, struct token *t, const char *p, size_t n, int col,
    size_t *cap)
{
	const char *star = memchr(p, '*', n);
	size_t digits = star != NULL ? (size_t)(star - p) : n;
	uint8_t *group = arena_alloc(c->lx->arena, digits / 2 + 1);
	int64_t times = 1;
	size_t bad = 0;
	long got = hex_decode(p, digits, group, digits / 2, &bad);

	if (got <= 0 || digits % 2 != 0) {
		complain_at(c, col + (int)bad,
		    "bytes are written as pairs of hex digits");
		return false;
	}
	if (star != NULL &&
	    !number_parse(arena_strndup(c->lx->arena, star + 1, n - digits - 1),
		0, LEX_BYTES_MAX, &times)) {
		complain_at(c, col + (int)digits + 1,
		    "a count must follow \"*\", up to 1048576");
		return false;
	}
	if ((uint64_t)times * (uint64_t)got > LEX_BYTES_MAX - t->nbytes) {
		complain_at(c, col,
		    "more than 1048576 bytes in a literal; fill(n) makes "
		    "long data");
		return false;
	}
	while (t->nbytes + (size_t)times * (size_t)got > *cap) {
		uint8_t *bigger = arena_alloc(c->lx->arena, *cap * 2);

		memcpy(bigger, t->bytes, t->nbytes);
		t->bytes = bigger;
		*cap *= 2;
	}
	for (int64_t i = 0; i < times; i++, t->nbytes += (size_t)got)
		memcpy(t->bytes + t->nbytes, group, (size_t)got);
	return true;
}

static void
read_hex(struct cut *c, struct token *t, const char *p, const char *end)
{
	const char *seen = t->start;
	size_t cap = 64;
	int col = t->col;

	t->bytes = arena_alloc(c->lx->arena, cap);
	while (p < end) {
		size_t n = 0;

		col += characters(seen, (size_t)(p - seen));
		seen = p;
		while (p + n < end && p[n] != ' ' && p[n] != '\t')
			n++;
		if (n > 0 && !read_hex_group(c, t, p, n, col, &cap))
			return;
		p += n > 0 ? n : 1;
	}
}

static void
cut_quoted(struct cut *c)
{
	size_t prefix = peek(c, 0) == 'x' ? 1 : 0;
	size_t n = quoted_size(c->p + prefix, c->end);
	struct token *t;

	if (n == 0) {
		complain_at(c, c->col, "the closing \" is missing");
		t = take(c, TOKEN_STRING, (size_t)(c->end - c->p));
		t->bytes = arena_alloc(c->lx->arena, 1);
		return;
	}
	t = take(c, prefix != 0 ? TOKEN_HEX : TOKEN_STRING, prefix + n);
	if (prefix != 0)
		read_hex(c, t, t->start + 2, t->start + t->size - 1);
	else
		read_string(c, t, t->start + 1, t->start + t->size - 1);
}

/* ---- lines ---- */

static bool
cut_punct(struct cut *c)
{
	for (size_t i = 0; i < sizeof(puncts) / sizeof(puncts[0]); i++) {
		size_t n = strlen(puncts[i].text);

		if ((size_t)(c->end - c->p) >= n &&
		    memcmp(c->p, puncts[i].text, n) == 0) {
			take(c, TOKEN_PUNCT, n)->punct = puncts[i].punct;
			return true;
		}
	}
	return false;
}

/* Step over one character that means nothing here. */
static void
skip_character(struct cut *c)
{
	size_t n = 1;

	complain_at(c, c->col, "this character means nothing here");
	while (((unsigned char)peek(c, n) & 0xc0) == 0x80)
		n++;
	c->p += n;
	c->col++;
}

static void
cut_token(struct cut *c)
{
	char ch = peek(c, 0);

	if (ch == '"' || (ch == 'x' && peek(c, 1) == '"'))
		cut_quoted(c);
	else if (is_letter(ch))
		cut_word(c);
	else if (is_digit(ch))
		cut_number(c);
	else if (ch == '$')
		cut_variable(c);
	else if (!cut_punct(c))
		skip_character(c);
}

/* Nothing but UTF-8 text and tabs may stand in a script. */
static bool
line_is_text(struct cut *c)
{
	size_t len = (size_t)(c->end - c->p);

	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)c->p[i];

		if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
			complain_at(c, characters(c->p, i) + 1,
			    "a control character");
			return false;
		}
	}
	if (!rk_utf8_ok(c->p, len)) {
		complain_at(c, 1, "the line is not UTF-8 text");
		return false;
	}
	return true;
}

static void
cut_line(struct lexer *lx, struct line *line)
{
	struct cut c = { lx, line, line->start, line->start + line->size, 1,
		true };

	if (!line_is_text(&c))
		c.p = c.end;
	while (c.p < c.end && *c.p != '#') {
		if (*c.p == ' ' || *c.p == '\t') {
			c.p++;
			c.col++;
			c.spaced = true;
		} else {
			cut_token(&c);
		}
	}
	c.spaced = true;
	take(&c, TOKEN_END, 0);
}

bool
lexer_next(struct lexer *lx, struct line *out)
{
	const char *lf;

	if (lx->p == lx->end)
		return false;
	memset(out, 0, sizeof(*out));
	lf = memchr(lx->p, '\n', (size_t)(lx->end - lx->p));
	out->number = ++lx->number;
	out->start = lx->p;
	out->size = (size_t)((lf != NULL ? lf : lx->end) - lx->p);
	lx->p += out->size + (lf != NULL ? 1 : 0);
	if (out->size > 0 && out->start[out->size - 1] == '\r')
		out->size--;
	cut_line(lx, out);
	return true;
}
