/* NAME <- …, never, fence, drain: what is watched for, and for how long. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

/* ---- the event and its predicates ---- */

static const struct {
	const char *word;
	enum event_match match;
} events[] = {
	{ "any", MATCH_ANY },
	{ "bytes", MATCH_BYTES },
	{ "http", MATCH_HTTP },
	{ "ws", MATCH_WS },
	{ "closed", MATCH_CLOSED },
	{ "eof", MATCH_EOF },
	{ "reset", MATCH_RESET },
	{ "truncated", MATCH_TRUNCATED },
	{ "tls", MATCH_TLS },
	{ "stun", MATCH_STUN },
};

static bool
at_pred(const struct parser *p)
{
	const struct token *next = tok_ahead(p, 1);

	if (tok(p)->kind != TOKEN_WORD)
		return false;
	return at_comparison(next) ||
	    (next->kind == TOKEN_WORD && strcmp(next->text, "as") == 0);
}

static bool
parse_pred(struct parser *p, struct pred *pred)
{
	pred->at = place_here(p);
	pred->field = tok(p)->text;
	p->at++;
	if (accept_word(p, "as")) {
		if (tok(p)->kind != TOKEN_VAR)
			return expected(p, "a variable such as $x");
		pred->capture = tok(p)->text;
		pred->at.len = tok(p)->col + tok(p)->len - pred->at.col;
		p->at++;
		return true;
	}
	accept_comparison(p, &pred->op);
	pred->value = parse_expr(p);
	if (pred->value == NULL)
		return false;
	pred->at.len = pred->value->at.col + pred->value->at.len - pred->at.col;
	return true;
}

static bool
parse_watch_for(struct parser *p, struct watch_for *w)
{
	const char *word;

	w->at = place_here(p);
	word = need_word(p,
	    "a frame, any, bytes, http, ws, closed, eof, reset, truncated, "
	    "tls or stun");
	if (word == NULL)
		return false;
	w->match = MATCH_FRAME;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(events[i].word, word) == 0)
			w->match = events[i].match;
	if (w->match == MATCH_FRAME)
		w->frame_name = arena_strdup(p->arena, word);
	while (at_pred(p)) {
		struct pred pred = { 0 };

		if (!parse_pred(p, &pred))
			return false;
		ARENA_PUSH(p->arena, w->preds, w->npreds, pred);
	}
	return true;
}

/* ---- what follows ---- */

static bool
clause_within(struct parser *p, struct step *s)
{
	s->within = need_duration(p);
	return s->within != NULL;
}

static bool
clause_not_before(struct parser *p, struct step *s)
{
	s->not_before = need_duration(p);
	return s->not_before != NULL;
}

static bool
clause_optional(struct parser *p, struct step *s)
{
	s->optional = true;
	return true;
}

static bool
clause_count(struct parser *p, struct step *s)
{
	s->count = parse_value(p);
	return s->count != NULL;
}

static bool
clause_then(struct parser *p, struct step *s)
{
	s->then = arena_alloc(p->arena, sizeof(*s->then));
	return parse_watch_for(p, s->then);
}

static bool
clause_time(struct parser *p, struct step *s)
{
	s->watch_time = need_duration(p);
	return s->watch_time != NULL;
}

static bool
clause_increasing(struct parser *p, struct step *s)
{
	s->increasing = need_word(p, "a field");
	return s->increasing != NULL;
}

bool
parse_outcome(struct parser *p, struct outcome *o)
{
	static const char *const words[] = { "ok", "nonstrict", "info", "fail",
		NULL };
	static const char *const more[] = { "named", NULL };

	for (size_t i = 0; words[i] != NULL; i++)
		if (o->word == WORD_NONE && accept_word(p, words[i]))
			o->word = (enum verdict_word)(WORD_OK + i);
	if (o->word == WORD_NONE)
		return expected_one_of(p, "ok, nonstrict, info or fail", words);
	if (accept_word(p, "named")) {
		o->named = need_word(p, "a behaviour's name");
		if (o->named == NULL)
			return false;
	}
	if (o->named == NULL && tok(p)->kind == TOKEN_WORD)
		return expected_one_of(p, "named or a \"text\"", more);
	if (tok(p)->kind == TOKEN_STRING) {
		o->text = need_text(p, "a \"text\"");
		return o->text != NULL;
	}
	return true;
}

bool
step_fence(struct parser *p, struct step *s)
{
	static const char *const words[] = { "ingress", "data", "gone", NULL };

	if (accept_word(p, "ingress"))
		s->fence.kind = FENCE_INGRESS;
	else if (accept_word(p, "data"))
		s->fence.kind = FENCE_DATA;
	else if (accept_word(p, "gone"))
		s->fence.kind = FENCE_GONE;
	else
		return expected_one_of(p, "ingress, data or gone", words);
	s->fence.a = need_word(p, "a connection's name");
	if (s->fence.a == NULL)
		return false;
	if (s->fence.kind != FENCE_DATA)
		return true;
	if (!accept_word(p, "to"))
		return expected(p, "\"to\"");
	s->fence.b = need_word(p, "a connection's name");
	return s->fence.b != NULL;
}

struct clause {
	const char *word;
	enum step_clause kind;
	bool (*parse)(struct parser *p, struct step *s);
};

static bool
parse_clause(struct parser *p, struct step *s, const struct clause *c)
{
	struct place at = place_here(p);
	const struct token *last;

	p->at++;
	if (!c->parse(p, s))
		return false;
	last = &p->line.tokens[p->at - 1];
	at.len = last->col + last->len - at.col;
	s->clause_at[c->kind] = at;
	return true;
}

/* "=" for "==", and the word that another kind of step has for a time. */
static bool
refuse_clause(struct parser *p, const char *what, const char *const *words)
{
	bool expects = strcmp(words[0], "within") == 0;
	const char *other = expects ? "for" : "within";

	if (at_setting(p))
		return refuse(p,
		    "\"=\" is for what is sent: what comes is compared, as in "
		    "%s==…",
		    tok(p)->text);
	if ((expects || strcmp(words[0], "for") == 0) && at_word(p, other))
		return refuse(p,
		    "expected %s, found \"%s\"; did you mean "
		    "\"%s\"?",
		    what, other, words[0]);
	return expected_one_of(p, what, words);
}

/* The clauses of |table| (ends: word NULL), each at most once, then maybe
 * "=> verdict", then the end of the line. */
static bool
parse_clauses(struct parser *p, struct step *s, const struct clause *table,
    const char *what, bool outcome)
{
	unsigned seen = 0;
	const char *words[8] = { 0 };
	size_t i;

	for (i = 0; table[i].word != NULL; i++)
		words[i] = table[i].word;
	while (!at_end(p) && !(outcome && at_punct(p, PUNCT_VERDICT))) {
		for (i = 0; table[i].word != NULL; i++)
			if (at_word(p, table[i].word))
				break;
		if (table[i].word == NULL)
			return refuse_clause(p, what, words);
		if ((seen & 1U << i) != 0)
			return refuse(p, "\"%s\" is given twice",
			    table[i].word);
		seen |= 1U << i;
		if (!parse_clause(p, s, &table[i]))
			return false;
	}
	if (accept_punct(p, PUNCT_VERDICT) && !parse_outcome(p, &s->outcome))
		return false;
	return need_end(p);
}

bool
step_expect(struct parser *p, struct step *s)
{
	static const struct clause clauses[] = { { "within", CLAUSE_WITHIN,
						     clause_within },
		{ "not-before", CLAUSE_NOT_BEFORE, clause_not_before },
		{ "optional", CLAUSE_OTHER, clause_optional },
		{ "count", CLAUSE_COUNT, clause_count },
		{ "then", CLAUSE_OTHER, clause_then },
		{ NULL, CLAUSE_OTHER, NULL } };

	return parse_watch_for(p, &s->watch) &&
	    parse_clauses(p, s, clauses,
		"field==value, within, not-before, optional, count, then or "
		"\"=>\"",
		true);
}

bool
step_never(struct parser *p, struct step *s)
{
	static const struct clause clauses[] = { { "for", CLAUSE_TIME,
						     clause_time },
		{ "fence", CLAUSE_FENCE, step_fence },
		{ NULL, CLAUSE_OTHER, NULL } };

	s->conn = need_word(p, "a connection's name");
	if (s->conn == NULL || !need_punct(p, PUNCT_RECEIVE) ||
	    !parse_watch_for(p, &s->watch))
		return false;
	if (!parse_clauses(p, s, clauses, "field==value, for, fence or \"=>\"",
		true))
		return false;
	if (s->watch_time != NULL && s->fence.kind != FENCE_NONE)
		return refuse(p, "either \"for\" or \"fence\", not both");
	return true;
}

bool
step_drain(struct parser *p, struct step *s)
{
	static const struct clause clauses[] = { { "count", CLAUSE_COUNT,
						     clause_count },
		{ "increasing", CLAUSE_INCREASING, clause_increasing },
		{ "quiet", CLAUSE_TIME, clause_time },
		{ "fence", CLAUSE_FENCE, step_fence },
		{ NULL, CLAUSE_OTHER, NULL } };

	if (!parse_watch_for(p, &s->watch) ||
	    !parse_clauses(p, s, clauses,
		"field==value, count, increasing, quiet or fence", false))
		return false;
	if (s->watch_time == NULL && s->fence.kind == FENCE_NONE)
		return expected(p, "\"quiet\" and a time, or a \"fence\"");
	if (s->watch_time != NULL && s->fence.kind != FENCE_NONE)
		return refuse(p, "either \"quiet\" or \"fence\", not both");
	return true;
}
