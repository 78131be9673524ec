/* Finding one's way on a line of a scenario, by its tokens. */
#include "config.h"

#include "conformance/mutate_line.h"

#include <string.h>

#include "base/xalloc.h"

/* False for an empty line. */
bool
lexed_read(struct lexed *x, const char *line)
{
	x->arena = arena_new();
	text_init(&x->complaints);
	x->sink = (struct complaints){ .out = &x->complaints };
	lexer_init(&x->lx, x->arena, &x->sink, "", line, strlen(line));
	return lexer_next(&x->lx, &x->line) && x->line.ntokens > 1;
}

void
lexed_clear(struct lexed *x)
{
	arena_free(x->arena);
	text_clear(&x->complaints);
}

bool
token_is_word(const struct token *t, const char *word)
{
	return t->kind == TOKEN_WORD && strcmp(t->text, word) == 0;
}

bool
token_is_punct(const struct token *t, enum punct p)
{
	return t->kind == TOKEN_PUNCT && t->punct == p;
}

bool
token_is_comparison(const struct token *t)
{
	return t->kind == TOKEN_PUNCT && t->punct >= PUNCT_EQ &&
	    t->punct <= PUNCT_MATCH;
}

/* Behind "defect" or "control". */
size_t
line_first(const struct line *l)
{
	return token_is_word(&l->tokens[0], "defect") ||
	    token_is_word(&l->tokens[0], "control");
}

static bool
is_clause(const struct token *t)
{
	static const char *const words[] = { "within", "not-before", "optional",
		"count", "then", "for", "fence", "increasing", "quiet" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (token_is_word(t, words[i]) && !token_is_comparison(t + 1))
			return true;
	return t->kind == TOKEN_END || token_is_punct(t, PUNCT_VERDICT);
}

/* The token of that clause, from |i| on; NULL if it is not there. */
const struct token *
line_find_clause(const struct line *l, size_t i, const char *word)
{
	for (; l->tokens[i].kind != TOKEN_END; i++)
		if (token_is_word(&l->tokens[i], word) &&
		    is_clause(&l->tokens[i]))
			return &l->tokens[i];
	return NULL;
}

const struct token *
line_first_clause(const struct line *l, size_t i)
{
	while (!is_clause(&l->tokens[i]))
		i++;
	return &l->tokens[i];
}

const struct token *
line_verdict(const struct line *l)
{
	const struct token *t = l->tokens;

	while (t->kind != TOKEN_END && !token_is_punct(t, PUNCT_VERDICT))
		t++;
	return t;
}

/* Behind the value that begins at |t|. */
const struct token *
token_value_end(const struct token *t)
{
	int depth = 0;

	do {
		depth += token_is_punct(t, PUNCT_LPAREN);
		depth -= token_is_punct(t, PUNCT_RPAREN);
		t++;
	} while (t->kind != TOKEN_END &&
	    (depth > 0 ||
		(!is_clause(t) &&
		    !(t->kind == TOKEN_WORD &&
			(token_is_comparison(t + 1) ||
			    token_is_word(t + 1, "as"))))));
	return t;
}

const char *
token_end(const struct token *t)
{
	return t->start + t->size;
}

const char *
line_end(const struct line *l)
{
	return l->start + l->size;
}

/* The line with |with| in place of [from, to). */
char *
line_replaced(const struct line *l, const char *from, const char *to,
    const char *with)
{
	return xasprintf("%.*s%s%.*s", (int)(from - l->start), l->start, with,
	    (int)(line_end(l) - to), to);
}
