/* One line of a scenario as tokens, for whoever changes it. */
#ifndef CONFORMANCE_MUTATE_LINE_H
#define CONFORMANCE_MUTATE_LINE_H

#include "scenario/lexer.h"

struct lexed {
	struct arena *arena;
	struct text complaints;
	struct complaints sink;
	struct lexer lx;
	struct line line;
};

/* False for an empty line; lexed_clear in any case.  |line| must live on. */
bool lexed_read(struct lexed *x, const char *line);
void lexed_clear(struct lexed *x);

bool token_is_word(const struct token *t, const char *word);
bool token_is_punct(const struct token *t, enum punct p);
bool token_is_comparison(const struct token *t);
/* Behind the value that begins at |t|. */
const struct token *token_value_end(const struct token *t);
/* Behind its text. */
const char *token_end(const struct token *t);

/* The first token behind "defect" or "control". */
size_t line_first(const struct line *l);
/* The token of that clause ("within"), from token |i| on; NULL if it is not
 * there. */
const struct token *line_find_clause(const struct line *l, size_t i,
    const char *word);
/* The first of any clause, the verdict or the end. */
const struct token *line_first_clause(const struct line *l, size_t i);
/* "=>", or the end. */
const struct token *line_verdict(const struct line *l);
const char *line_end(const struct line *l);
/* The line with |with| in place of [from, to), for free(). */
char *line_replaced(const struct line *l, const char *from, const char *to,
    const char *with);

#endif
