/* The parser's cursor over the tokens of a line, and how it complains. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "scenario/parser.h"

const struct token *
tok_ahead(const struct parser *p, size_t n)
{
	size_t last = p->line.ntokens - 1;

	return &p->line.tokens[p->at + n < last ? p->at + n : last];
}

const struct token *
tok(const struct parser *p)
{
	return tok_ahead(p, 0);
}

bool
at_end(const struct parser *p)
{
	return tok(p)->kind == TOKEN_END;
}

bool
at_punct(const struct parser *p, enum punct want)
{
	return tok(p)->kind == TOKEN_PUNCT && tok(p)->punct == want;
}

bool
at_word(const struct parser *p, const char *word)
{
	return tok(p)->kind == TOKEN_WORD && strcmp(tok(p)->text, word) == 0;
}

bool
accept_punct(struct parser *p, enum punct want)
{
	if (!at_punct(p, want))
		return false;
	p->at++;
	return true;
}

bool
accept_word(struct parser *p, const char *word)
{
	if (!at_word(p, word))
		return false;
	p->at++;
	return true;
}

bool
need_punct(struct parser *p, enum punct want)
{
	char what[8];

	if (accept_punct(p, want))
		return true;
	snprintf(what, sizeof(what), "\"%s\"", punct_text(want));
	return expected(p, what);
}

bool
need_end(struct parser *p)
{
	return at_end(p) || expected(p, "the end of the line");
}

char *
need_word(struct parser *p, const char *what)
{
	const struct token *t = tok(p);

	if (t->kind != TOKEN_WORD) {
		expected(p, what);
		return NULL;
	}
	p->at++;
	return t->text;
}

char *
need_text(struct parser *p, const char *what)
{
	const struct token *t = tok(p);

	if (t->kind != TOKEN_STRING) {
		expected(p, what);
		return NULL;
	}
	if (memchr(t->bytes, '\0', t->nbytes) != NULL) {
		refuse(p, "a NUL byte has no place in %s", what);
		return NULL;
	}
	p->at++;
	return arena_strndup(p->arena, (const char *)t->bytes, t->nbytes);
}

/* A time, or a variable that holds one. */
struct expr *
need_duration(struct parser *p)
{
	if (tok(p)->kind != TOKEN_DURATION && tok(p)->kind != TOKEN_VAR) {
		expected(p, "a time such as 300ms or 2s");
		return NULL;
	}
	return parse_value(p);
}

struct place
place_of(const struct parser *p, const struct token *t)
{
	struct place at = { p->file, p->line.number, t->col, t->len };

	return at;
}

struct place
place_here(const struct parser *p)
{
	return place_of(p, tok(p));
}

/* What stands at the cursor, for "found …". */
static const char *
found(struct parser *p)
{
	const struct token *t = tok(p);
	size_t shown = t->size > 40 ? 40 : t->size;

	if (t->kind == TOKEN_END)
		return "the end of the line";
	while (
	    shown < t->size && ((unsigned char)t->start[shown] & 0xc0) == 0x80)
		shown++;
	if (t->start[0] == '"')
		return arena_strndup(p->arena, t->start, shown);
	return arena_printf(p->arena, "\"%.*s\"", (int)shown, t->start);
}

/* As in "A <- Pong }": the end of a block, on the line of a step. */
static bool
at_stray_brace(const struct parser *p)
{
	for (size_t i = 0; i < p->at; i++)
		if (p->line.tokens[i].kind == TOKEN_PUNCT &&
		    p->line.tokens[i].punct == PUNCT_OPEN)
			return false;
	return at_punct(p, PUNCT_SHUT) && p->at > 0;
}

bool
expected(struct parser *p, const char *what)
{
	if (at_stray_brace(p))
		return refuse(p, "\"}\" stands on a line of its own");
	return refuse(p, "expected %s, found %s", what, found(p));
}

const char *
did_you_mean(struct parser *p, const char *word, const char *const *words)
{
	const char *near = text_nearest(word, words);

	return near != NULL
	    ? arena_printf(p->arena, "; did you mean \"%s\"?", near)
	    : "";
}

bool
expected_one_of(struct parser *p, const char *what, const char *const *words)
{
	const struct token *t = tok(p);

	if (at_stray_brace(p))
		return expected(p, what);
	return refuse(p, "expected %s, found %s%s", what, found(p),
	    t->kind == TOKEN_WORD ? did_you_mean(p, t->text, words) : "");
}

bool
refuse(struct parser *p, const char *fmt, ...)
{
	struct place at = place_here(p);
	char message[400];

	/* What the lexer could not read was said already. */
	if (p->line.bad)
		return false;
	FORMAT_ARGS(message, sizeof(message), fmt);
	complain(p->complaints, &at, "%s", message);
	return false;
}

char *
source_between(struct parser *p, size_t from, size_t to)
{
	const struct token *first = &p->line.tokens[from];
	const struct token *last;

	if (to <= from)
		return arena_strdup(p->arena, "");
	last = &p->line.tokens[to - 1];
	return arena_strndup(p->arena, first->start,
	    (size_t)(last->start + last->size - first->start));
}

bool
next_line(struct parser *p)
{
	if (p->held) {
		p->held = false;
		p->at = 0;
		return true;
	}
	do {
		if (!lexer_next(&p->lx, &p->line))
			return false;
		p->at = 0;
	} while (p->line.ntokens == 1 && !p->line.bad);
	return true;
}

/* Is there a "{" without its "}"?  Then what follows is its body, even if the
 * line itself makes no sense. */
bool
line_opens_block(const struct parser *p)
{
	bool open = false;

	for (size_t i = 0; i < p->line.ntokens; i++) {
		const struct token *t = &p->line.tokens[i];

		if (t->kind == TOKEN_PUNCT && t->punct == PUNCT_OPEN)
			open = true;
		else if (t->kind == TOKEN_PUNCT && t->punct == PUNCT_SHUT)
			open = false;
	}
	return open;
}
