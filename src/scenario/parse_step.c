/* Steps: a table from the first word, or the word behind a name, to the
 * function that reads the rest of the line. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

typedef bool (*step_fn)(struct parser *p, struct step *s);

struct word_value {
	const char *word;
	int value;
};

/* The value of the word at the cursor, which is stepped over; -1 after a
 * complaint. */
static int
need_one_of(struct parser *p, const char *what, const struct word_value *table,
    size_t n)
{
	const char *words[24] = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (accept_word(p, table[i].word))
			return table[i].value;
		words[i] = table[i].word;
	}
	expected_one_of(p, what, words);
	return -1;
}
#define NEED_ONE_OF(p, what, table)                                            \
	need_one_of((p), (what), (table), sizeof(table) / sizeof((table)[0]))

/* ---- conn ---- */

static bool
step_conn(struct parser *p, struct step *s)
{
	static const struct word_value kinds[] = { { "tcp", CONN_TCP },
		{ "http", CONN_HTTP }, { "upgrade", CONN_UPGRADE },
		{ "login", CONN_LOGIN }, { "udp", CONN_UDP },
		{ "listen", CONN_LISTEN } };
	int kind;

	s->conn = need_word(p, "a connection's name");
	if (s->conn == NULL || !need_punct(p, PUNCT_SET))
		return false;
	kind =
	    NEED_ONE_OF(p, "tcp, http, upgrade, login, udp or listen", kinds);
	if (kind < 0)
		return false;
	s->conn_kind = (enum conn_kind)kind;
	while (at_setting(p)) {
		struct setting set = { 0 };

		if (!parse_setting(p, &set))
			return false;
		ARENA_PUSH(p->arena, s->settings, s->nsettings, set);
	}
	if (accept_punct(p, PUNCT_VERDICT))
		return parse_outcome(p, &s->outcome) && need_end(p);
	return at_end(p) || expected(p, "key=value or \"=>\"");
}

/* ---- blocks ---- */

/* "{" at the end of the line, then the lines up to "}". */
static bool
parse_block(struct parser *p, struct step *s)
{
	if (!need_punct(p, PUNCT_OPEN))
		return false;
	if (!at_end(p))
		return refuse(p,
		    "behind \"{\" the line ends: steps stand on "
		    "lines of their own");
	return parse_steps(p, "}", &s->body, &s->nbody);
}

static bool
step_oneof(struct parser *p, struct step *s)
{
	return parse_block(p, s);
}

static bool
step_repeat(struct parser *p, struct step *s)
{
	s->count = parse_value(p);
	if (s->count == NULL)
		return false;
	if (accept_word(p, "as")) {
		if (tok(p)->kind != TOKEN_VAR)
			return expected(p, "a variable such as $i");
		s->repeat_var = tok(p)->text;
		p->at++;
	}
	return parse_block(p, s);
}

static bool
step_during(struct parser *p, struct step *s)
{
	s->watch_time = need_duration(p);
	return s->watch_time != NULL && parse_block(p, s);
}

/* ---- the rest ---- */

static bool
step_sleep(struct parser *p, struct step *s)
{
	s->watch_time = need_duration(p);
	return s->watch_time != NULL && need_end(p);
}

bool
step_let(struct parser *p, struct step *s)
{
	if (tok(p)->kind != TOKEN_VAR)
		return expected(p, "a variable such as $x");
	s->name = tok(p)->text;
	p->at++;
	if (!need_punct(p, PUNCT_SET))
		return false;
	s->value = parse_condition(p);
	return s->value != NULL && need_end(p);
}

static bool
step_assert(struct parser *p, struct step *s)
{
	s->value = parse_condition(p);
	if (s->value != NULL && at_punct(p, PUNCT_SET))
		return refuse(p,
		    "\"=\" sets a value: two are compared with "
		    "\"==\"");
	return s->value != NULL && need_end(p);
}

static bool
step_call(struct parser *p, struct step *s)
{
	s->name = need_word(p, "a procedure's name");
	if (s->name == NULL || !need_punct(p, PUNCT_LPAREN))
		return false;
	if (accept_punct(p, PUNCT_RPAREN))
		return need_end(p);
	do {
		struct expr *arg = parse_expr(p);

		if (arg == NULL)
			return false;
		ARENA_PUSH(p->arena, s->args, s->nargs, arg);
	} while (accept_punct(p, PUNCT_COMMA));
	return need_punct(p, PUNCT_RPAREN) && need_end(p);
}

static bool
step_note(struct parser *p, struct step *s)
{
	s->text = need_text(p, "a \"text\"");
	return s->text != NULL && need_end(p);
}

static bool
step_fence_alone(struct parser *p, struct step *s)
{
	return step_fence(p, s) && need_end(p);
}

/* ---- what begins with a connection's name ---- */

static bool
step_start(struct parser *p, struct step *s)
{
	static const struct word_value kinds[] = { { "raw", LIFE_START_RAW },
		{ "ws", LIFE_START_WS }, { "tls", LIFE_START_TLS } };
	int kind = NEED_ONE_OF(p, "raw, ws or tls", kinds);

	if (kind < 0)
		return false;
	s->life = (enum life_kind)kind;
	return need_end(p);
}

static bool
step_life(struct parser *p, struct step *s)
{
	return need_end(p);
}

static const struct verb {
	const char *word;
	enum step_kind kind;
	enum life_kind life;
	step_fn parse;
} verbs[] = {
	{ "shut", STEP_LIFE, LIFE_SHUT, step_life },
	{ "close", STEP_LIFE, LIFE_CLOSE, step_life },
	{ "abort", STEP_LIFE, LIFE_ABORT, step_life },
	{ "pause", STEP_LIFE, LIFE_PAUSE, step_life },
	{ "resume", STEP_LIFE, LIFE_RESUME, step_life },
	{ "start", STEP_LIFE, LIFE_START_RAW, step_start },
	{ "write", STEP_WRITE, 0, parse_block },
	{ "drain", STEP_DRAIN, 0, step_drain },
};

static const char *const verb_words[] = { "shut", "close", "abort", "pause",
	"resume", "start", "write", "drain", NULL };

/* NAME -> …, NAME <- …, NAME verb … */
static bool
step_of_connection(struct parser *p, struct step *s)
{
	s->conn = tok(p)->text;
	p->at++;
	if (accept_punct(p, PUNCT_SEND)) {
		s->kind = STEP_SEND;
		return step_send(p, s);
	}
	if (accept_punct(p, PUNCT_RECEIVE)) {
		s->kind = STEP_EXPECT;
		return step_expect(p, s);
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (accept_word(p, verbs[i].word)) {
			s->kind = verbs[i].kind;
			s->life = verbs[i].life;
			return verbs[i].parse(p, s);
		}
	/* As in "wait 3s", or in "A shu". */
	if (tok(p)->kind != TOKEN_END &&
	    (tok(p)->kind != TOKEN_WORD ||
		text_nearest(tok(p)->text, verb_words) == NULL)) {
		p->at--;
		return refuse(p,
		    "\"%s\" begins no step; if it is a connection, \"->\", "
		    "\"<-\", or shut, close, abort, pause, resume, start, "
		    "write or drain stands behind it",
		    s->conn);
	}
	return expected_one_of(p,
	    "\"->\", \"<-\", or shut, close, abort, pause, resume, start, "
	    "write or drain",
	    verb_words);
}

static const struct keyword {
	const char *word;
	enum step_kind kind;
	step_fn parse;
} keywords[] = {
	{ "conn", STEP_CONN, step_conn },
	{ "never", STEP_NEVER, step_never },
	{ "fence", STEP_FENCE, step_fence_alone },
	{ "oneof", STEP_ONEOF, step_oneof },
	{ "anyorder", STEP_ANYORDER, step_oneof },
	{ "repeat", STEP_REPEAT, step_repeat },
	{ "during", STEP_DURING, step_during },
	{ "sleep", STEP_SLEEP, step_sleep },
	{ "let", STEP_LET, step_let },
	{ "assert", STEP_ASSERT, step_assert },
	{ "call", STEP_CALL, step_call },
	{ "note", STEP_NOTE, step_note },
	{ "target", STEP_TARGET, step_target },
};

const char *const step_words[] = { "conn", "never", "fence", "oneof",
	"anyorder", "repeat", "during", "sleep", "let", "assert", "call",
	"note", "target", "defect", "control", "end", NULL };

static bool
is_step_word(const char *word)
{
	for (size_t i = 0; step_words[i] != NULL; i++)
		if (strcmp(step_words[i], word) == 0)
			return true;
	return false;
}

/* Is the line about a connection?  Then its second token says so. */
static bool
names_connection(const struct parser *p)
{
	const struct token *second = tok_ahead(p, 1);

	if (second->kind == TOKEN_PUNCT)
		return second->punct == PUNCT_SEND ||
		    second->punct == PUNCT_RECEIVE;
	for (size_t i = 0; verb_words[i] != NULL; i++)
		if (second->kind == TOKEN_WORD &&
		    strcmp(second->text, verb_words[i]) == 0)
			return true;
	return false;
}

#define WORDS_MAX 32

/* Steps, and in a scenario what stands in front of them. */
static void
line_words(const struct parser *p, const char *words[WORDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; step_words[i] != NULL; i++)
		words[n++] = step_words[i];
	for (size_t i = 0; p->in != NULL && meta_words[i] != NULL; i++)
		words[n++] = meta_words[i];
	words[n] = NULL;
}

/* The word with which the line was probably to begin. */
static const char *
meant_keyword(const struct parser *p)
{
	const char *words[WORDS_MAX];

	line_words(p, words);
	return text_nearest(tok(p)->text, words);
}

static bool
expected_a_step(struct parser *p)
{
	const char *words[WORDS_MAX];

	line_words(p, words);
	return expected_one_of(p, "a step", words);
}

bool
refuse_misspelt_meta(struct parser *p)
{
	const char *near;

	if (tok(p)->kind != TOKEN_WORD ||
	    tok_ahead(p, 1)->kind == TOKEN_PUNCT || names_connection(p) ||
	    is_step_word(tok(p)->text))
		return false;
	near = meant_keyword(p);
	if (near == NULL || is_step_word(near))
		return false;
	expected_a_step(p);
	return true;
}

static bool
parse_step_rest(struct parser *p, struct step *s)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++)
		if (accept_word(p, keywords[i].word)) {
			s->kind = keywords[i].kind;
			return keywords[i].parse(p, s);
		}
	if (tok(p)->kind != TOKEN_WORD)
		return expected(p, "a step");
	if (names_connection(p))
		return step_of_connection(p, s);
	for (size_t i = 0; meta_words[i] != NULL; i++)
		if (at_word(p, meta_words[i]) && p->in != NULL)
			return refuse(p, "\"%s\" belongs in front of the steps",
			    meta_words[i]);
	/* One strange word in front of more: a keyword, probably. */
	if (meant_keyword(p) != NULL)
		return expected_a_step(p);
	return step_of_connection(p, s);
}

/* Read the step at the cursor; NULL after a complaint.  The body of a block
 * whose first line is wrong is read all the same. */
static struct step *
parse_step(struct parser *p)
{
	struct step *s = arena_alloc(p->arena, sizeof(*s));
	bool opens = line_opens_block(p);
	int line = p->line.number;
	bool bad = p->line.bad;
	bool ok;

	s->at = place_here(p);
	s->source = source_between(p, 0, p->line.ntokens - 1);
	if (accept_word(p, "defect"))
		s->run = RUN_DEFECT;
	else if (accept_word(p, "control"))
		s->run = RUN_CONTROL;
	ok = parse_step_rest(p, s) && !bad;
	if (!ok && opens && p->line.number == line) {
		struct step **body = NULL;
		size_t nbody = 0;

		parse_steps(p, "}", &body, &nbody);
	}
	return ok ? s : NULL;
}

/* "}" or "end", alone on its line. */
static bool
at_closer(struct parser *p, const char *closer)
{
	if (closer[0] == '}')
		return at_punct(p, PUNCT_SHUT);
	return at_word(p, closer) && !names_connection(p);
}

/* A line that can only stand outside: the closer was forgotten. */
static bool
starts_something_else(const struct parser *p)
{
	return (at_word(p, "scenario") || at_word(p, "proc")) &&
	    tok_ahead(p, 1)->kind == TOKEN_WORD &&
	    (tok_ahead(p, 2)->kind == TOKEN_STRING ||
		(tok_ahead(p, 2)->kind == TOKEN_PUNCT &&
		    tok_ahead(p, 2)->punct == PUNCT_LPAREN));
}

static bool
parse_steps_inside(struct parser *p, const char *closer, struct step ***steps,
    size_t *nsteps)
{
	bool brace = closer[0] == '}';
	int opened = !brace && p->in != NULL ? p->in->at.line : p->line.number;

	while (next_line(p)) {
		struct step *s;

		if (at_closer(p, closer)) {
			p->at++;
			return need_end(p);
		}
		if (starts_something_else(p) ||
		    (brace && at_closer(p, "end"))) {
			refuse(p, "\"%s\" is missing: it closes line %d",
			    closer, opened);
			p->held = true;
			return false;
		}
		if (!brace && at_punct(p, PUNCT_SHUT)) {
			refuse(p, "\"}\" closes nothing here");
			continue;
		}
		s = parse_step(p);
		if (s != NULL)
			ARENA_PUSH(p->arena, *steps, *nsteps, s);
	}
	return refuse(p,
	    "the file ends here, but \"%s\" is missing: it closes "
	    "line %d",
	    closer, opened);
}

bool
parse_steps(struct parser *p, const char *closer, struct step ***steps,
    size_t *nsteps)
{
	bool ok;

	if (p->depth >= PARSE_DEPTH_MAX)
		return refuse(p, "blocks are nested too deeply");
	p->depth++;
	ok = parse_steps_inside(p, closer, steps, nsteps);
	p->depth--;
	return ok;
}
