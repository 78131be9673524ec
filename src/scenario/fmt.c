/* Lays a script out anew, token by token; knows nothing of what it means
 * but where blocks begin and end. */
#include "config.h"

#include <string.h>

#include "scenario/fmt.h"
#include "scenario/lexer.h"

struct layout {
	struct text *out;
	int level;
	bool blank; /* an empty line is due before the next one */
};

static bool
is_word(const struct line *l, size_t i, const char *word)
{
	return i < l->ntokens && l->tokens[i].kind == TOKEN_WORD &&
	    strcmp(l->tokens[i].text, word) == 0;
}

static bool
is_punct(const struct line *l, size_t i, enum punct p)
{
	return i < l->ntokens && l->tokens[i].kind == TOKEN_PUNCT &&
	    l->tokens[i].punct == p;
}

/* The first token behind defect and control. */
static size_t
first_token(const struct line *l)
{
	return is_word(l, 0, "defect") || is_word(l, 0, "control") ? 1 : 0;
}

/* conn A = …, let $x = …, assert $x == …: these breathe. */
static bool
is_wide(const struct line *l)
{
	size_t i = first_token(l);

	return is_word(l, i, "let") || is_word(l, i, "assert");
}

static bool
is_assignment(const struct line *l, size_t i)
{
	size_t first = first_token(l);

	return i == first + 2 &&
	    (is_word(l, first, "conn") || is_word(l, first, "let"));
}

/* A sign, not an operation: nothing to the left to join. */
static bool
is_sign(const struct line *l, size_t i)
{
	if (!is_punct(l, i, PUNCT_PLUS) && !is_punct(l, i, PUNCT_MINUS))
		return false;
	return i == 0 ||
	    (l->tokens[i - 1].kind == TOKEN_PUNCT &&
		l->tokens[i - 1].punct != PUNCT_RPAREN) ||
	    is_word(l, i - 1, "in");
}

/* The slash of iroh-v3/R-129. */
static bool
is_id_slash(const struct line *l, size_t i)
{
	return is_punct(l, i, PUNCT_SLASH) && is_word(l, 0, "covers");
}

/* Does punctuation |i| stand close to its neighbours? */
static bool
is_tight(const struct line *l, size_t i)
{
	switch (l->tokens[i].punct) {
	case PUNCT_RANGE:
		return true;
	case PUNCT_SET:
		return !is_assignment(l, i);
	case PUNCT_EQ:
	case PUNCT_NE:
	case PUNCT_LT:
	case PUNCT_LE:
	case PUNCT_GT:
	case PUNCT_GE:
	case PUNCT_MATCH:
		return !is_wide(l);
	default:
		return is_id_slash(l, i);
	}
}

/* Is there a blank between the tokens |i| - 1 and |i|? */
static bool
blank_before(const struct line *l, size_t i)
{
	const struct token *a = &l->tokens[i - 1];
	const struct token *b = &l->tokens[i];

	if (b->kind == TOKEN_PUNCT) {
		if (b->punct == PUNCT_COMMA || b->punct == PUNCT_COLON ||
		    b->punct == PUNCT_RPAREN ||
		    (b->punct == PUNCT_LPAREN && a->kind == TOKEN_WORD) ||
		    is_tight(l, i))
			return false;
	}
	if (a->kind == TOKEN_PUNCT &&
	    (a->punct == PUNCT_LPAREN || a->punct == PUNCT_AT ||
		is_tight(l, i - 1) || is_sign(l, i - 1)))
		return false;
	return true;
}

static void
add_indent(struct layout *y)
{
	for (int i = 0; i < y->level; i++)
		text_add(y->out, "  ");
}

/* The comment at the end of the line, without blanks behind it. */
static void
add_comment(struct layout *y, const struct line *l)
{
	const struct token *end = &l->tokens[l->ntokens - 1];
	size_t n = (size_t)(l->start + l->size - end->start);

	while (n > 0 && (end->start[n - 1] == ' ' || end->start[n - 1] == '\t'))
		n--;
	if (n == 0)
		return;
	if (l->ntokens > 1)
		text_add(y->out, "  ");
	text_add_n(y->out, end->start, n);
}

static void
add_line(struct layout *y, const struct line *l)
{
	size_t last = l->ntokens - 1;
	bool opens = last > 0 && is_punct(l, last - 1, PUNCT_OPEN);
	bool named = (is_word(l, 0, "scenario") || is_word(l, 0, "proc")) &&
	    last > 1 && l->tokens[1].kind == TOKEN_WORD;
	bool closes =
	    is_punct(l, 0, PUNCT_SHUT) || (is_word(l, 0, "end") && last == 1);

	if (closes && y->level > 0)
		y->level--;
	if (y->blank && y->out->len > 0)
		text_add(y->out, "\n");
	y->blank = false;
	add_indent(y);
	for (size_t i = 0; i < last; i++) {
		if (i > 0 && blank_before(l, i))
			text_add(y->out, " ");
		text_add_n(y->out, l->tokens[i].start, l->tokens[i].size);
	}
	add_comment(y, l);
	text_add(y->out, "\n");
	if (opens || named)
		y->level++;
}

char *
script_format(const char *file, const char *text, size_t len,
    struct text *errors)
{
	struct arena *arena = arena_new();
	struct complaints c = { .out = errors };
	struct text out;
	struct layout y = { .out = &out };
	struct lexer lx;
	struct line l;

	text_init(&out);
	lexer_init(&lx, arena, &c, file, text, len);
	while (lexer_next(&lx, &l)) {
		const struct token *end = &l.tokens[l.ntokens - 1];

		if (l.ntokens == 1 && end->start == l.start + l.size)
			y.blank = true;
		else
			add_line(&y, &l);
	}
	arena_free(arena);
	if (c.count == 0)
		return text_take(&out);
	text_clear(&out);
	return NULL;
}
