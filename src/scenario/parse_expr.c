/* Values, and two of them joined. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

static struct expr *parse_primary(struct parser *p, int depth);
static struct expr *parse_joined(struct parser *p, int depth, bool compare);

static struct expr *
new_expr(struct parser *p, enum expr_kind kind)
{
	struct expr *e = arena_alloc(p->arena, sizeof(*e));

	e->kind = kind;
	e->at = place_here(p);
	return e;
}

static void
add_arg(struct parser *p, struct expr *e, struct expr *arg, char *name)
{
	size_t n = e->nargs;

	e->argname = arena_grow(p->arena, e->argname, n, sizeof(char *));
	e->argname[n] = name;
	ARENA_PUSH(p->arena, e->arg, e->nargs, arg);
}

/* What was read since token |from| is |e|'s source. */
static struct expr *
finish(struct parser *p, struct expr *e, size_t from)
{
	const struct token *last = &p->line.tokens[p->at - 1];

	e->source = source_between(p, from, p->at);
	e->at = place_of(p, &p->line.tokens[from]);
	e->at.len = last->col + last->len - e->at.col;
	return e;
}

static bool
parse_args(struct parser *p, struct expr *call, int depth)
{
	if (accept_punct(p, PUNCT_RPAREN))
		return true;
	do {
		char *name = NULL;
		struct expr *arg;

		if (at_setting(p)) {
			name = tok(p)->text;
			p->at += 2;
		}
		arg = parse_joined(p, depth + 1, false);
		if (arg == NULL)
			return false;
		add_arg(p, call, arg, name);
	} while (accept_punct(p, PUNCT_COMMA));
	return need_punct(p, PUNCT_RPAREN);
}

static struct expr *
parse_word(struct parser *p, int depth)
{
	const struct token *t = tok(p);
	size_t from = p->at;
	struct expr *e = new_expr(p, EXPR_WORD);

	e->word = t->text;
	p->at++;
	if (strcmp(t->text, "absent") == 0)
		e->kind = EXPR_ABSENT;
	if (at_punct(p, PUNCT_LPAREN) && tok(p)->spaced) {
		refuse(p, "between \"%s\" and its \"(\" is no blank", t->text);
		return NULL;
	}
	if (at_punct(p, PUNCT_LPAREN)) {
		p->at++;
		e->kind = EXPR_CALL;
		if (!parse_args(p, e, depth))
			return NULL;
	}
	return finish(p, e, from);
}

static struct expr *
parse_token(struct parser *p, enum expr_kind kind)
{
	const struct token *t = tok(p);
	struct expr *e = new_expr(p, kind);

	e->number = t->number;
	e->bytes = t->bytes;
	e->len = t->nbytes;
	e->word = t->text;
	p->at++;
	return finish(p, e, p->at - 1);
}

static struct expr *
parse_number(struct parser *p)
{
	size_t from = p->at;
	struct expr *e = new_expr(p, EXPR_INT);
	bool minus = at_punct(p, PUNCT_MINUS);
	struct expr *to;

	if (accept_punct(p, PUNCT_PLUS) || accept_punct(p, PUNCT_MINUS))
		if (tok(p)->kind != TOKEN_INT) {
			expected(p, "a number");
			return NULL;
		}
	e->number = minus ? -tok(p)->number : tok(p)->number;
	p->at++;
	finish(p, e, from);
	if (!at_punct(p, PUNCT_RANGE))
		return e;
	p->at++;
	if (tok(p)->kind != TOKEN_INT && tok(p)->kind != TOKEN_VAR) {
		expected(p, "a number, the end of the range");
		return NULL;
	}
	to = parse_token(p, tok(p)->kind == TOKEN_INT ? EXPR_INT : EXPR_VAR);
	struct expr *range = new_expr(p, EXPR_RANGE);
	add_arg(p, range, e, NULL);
	add_arg(p, range, to, NULL);
	return finish(p, range, from);
}

static struct expr *
parse_primary(struct parser *p, int depth)
{
	if (depth > PARSE_DEPTH_MAX) {
		refuse(p, "values are nested too deeply");
		return NULL;
	}
	switch (tok(p)->kind) {
	case TOKEN_WORD:
		return parse_word(p, depth);
	case TOKEN_INT:
		return parse_number(p);
	case TOKEN_DURATION:
		return parse_token(p, EXPR_DURATION);
	case TOKEN_STRING:
	case TOKEN_HEX:
		return parse_token(p, EXPR_BYTES);
	case TOKEN_VAR:
		return parse_token(p, EXPR_VAR);
	case TOKEN_PUNCT:
		if (at_punct(p, PUNCT_PLUS) || at_punct(p, PUNCT_MINUS))
			return parse_number(p);
		break;
	case TOKEN_END:
		break;
	}
	expected(p, "a value");
	return NULL;
}

static bool
accept_arithmetic(struct parser *p, enum op *op)
{
	static const struct {
		enum punct punct;
		enum op op;
	} table[] = { { PUNCT_PLUS, OP_ADD }, { PUNCT_MINUS, OP_SUB },
		{ PUNCT_STAR, OP_MUL }, { PUNCT_SLASH, OP_DIV } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (accept_punct(p, table[i].punct)) {
			*op = table[i].op;
			return true;
		}
	return false;
}

static const struct {
	enum punct punct;
	enum op op;
} comparisons[] = { { PUNCT_EQ, OP_EQ }, { PUNCT_NE, OP_NE },
	{ PUNCT_LT, OP_LT }, { PUNCT_LE, OP_LE }, { PUNCT_GT, OP_GT },
	{ PUNCT_GE, OP_GE }, { PUNCT_MATCH, OP_MATCH } };

#define NCOMPARISONS (sizeof(comparisons) / sizeof(comparisons[0]))

bool
at_comparison(const struct token *t)
{
	for (size_t i = 0; i < NCOMPARISONS; i++)
		if (t->kind == TOKEN_PUNCT && t->punct == comparisons[i].punct)
			return true;
	return false;
}

bool
accept_comparison(struct parser *p, enum op *op)
{
	for (size_t i = 0; i < NCOMPARISONS; i++)
		if (accept_punct(p, comparisons[i].punct)) {
			*op = comparisons[i].op;
			return true;
		}
	return false;
}

static struct expr *
parse_joined(struct parser *p, int depth, bool compare)
{
	size_t from = p->at;
	struct expr *left = parse_primary(p, depth);
	struct expr *both;
	struct expr *right;
	enum op op;

	if (left == NULL)
		return NULL;
	if (!accept_arithmetic(p, &op) &&
	    !(compare && accept_comparison(p, &op)))
		return left;
	right = parse_primary(p, depth);
	if (right == NULL)
		return NULL;
	both = new_expr(p, EXPR_BINARY);
	both->op = op;
	add_arg(p, both, left, NULL);
	add_arg(p, both, right, NULL);
	return finish(p, both, from);
}

struct expr *
parse_value(struct parser *p)
{
	return parse_primary(p, 0);
}

struct expr *
parse_expr(struct parser *p)
{
	return parse_joined(p, 0, false);
}

struct expr *
parse_condition(struct parser *p)
{
	return parse_joined(p, 0, true);
}

bool
at_setting(const struct parser *p)
{
	const struct token *next = tok_ahead(p, 1);

	return tok(p)->kind == TOKEN_WORD && next->kind == TOKEN_PUNCT &&
	    next->punct == PUNCT_SET;
}

bool
parse_setting(struct parser *p, struct setting *s)
{
	s->at = place_here(p);
	s->name = tok(p)->text;
	p->at += 2;
	s->value = parse_expr(p);
	return s->value != NULL;
}
