/* What stands in front of a scenario's steps: one function a word. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

/* A range in a parameter's values stands for so many at most. */
#define PARAM_RANGE_MAX 256

const char *const meta_words[] = { "covers", "tags", "needs", "unless", "over",
	"param", "timeout", "own", "serial", "calm", "background", "leftover",
	NULL };

/* One or more words up to the end of the line. */
static bool
parse_words(struct parser *p, const char *what, char ***list, size_t *n)
{
	do {
		char *word = need_word(p, what);

		if (word == NULL)
			return false;
		ARENA_PUSH(p->arena, *list, *n, word);
	} while (!at_end(p));
	return true;
}

/* raw ws */
static bool
parse_carriers(struct parser *p, unsigned *carriers)
{
	const char *words[RK_NCARRIERS + 1] = { 0 };

	for (int c = 0; c < RK_NCARRIERS; c++)
		words[c] = rk_carrier_name((enum rk_carrier)c);
	do {
		unsigned bit = 0;

		for (int c = 0; c < RK_NCARRIERS && bit == 0; c++)
			if (accept_word(p, words[c]))
				bit = 1U << c;
		if (bit == 0)
			return expected_one_of(p, "a carrier, raw or ws",
			    words);
		*carriers |= bit;
	} while (!at_end(p));
	return true;
}

static bool
is_requirement(const char *word)
{
	size_t digits;

	if (strncmp(word, "R-", 2) != 0)
		return false;
	digits = strspn(word + 2, "0123456789");
	return digits > 0 && word[2 + digits] == '\0';
}

/* R-129, or iroh-v3/R-129; a full id, or NULL after a complaint. */
static char *
parse_requirement(struct parser *p)
{
	static const char what[] =
	    "a requirement such as R-129 or iroh-v3/R-129";
	const struct rk_dialect *d = p->script->dialect;
	const char *dialect = d != NULL ? d->id : NULL;
	char *word;

	if (tok_ahead(p, 1)->kind == TOKEN_PUNCT &&
	    tok_ahead(p, 1)->punct == PUNCT_SLASH) {
		dialect = need_word(p, what);
		p->at++;
	}
	if (tok(p)->kind != TOKEN_WORD || !is_requirement(tok(p)->text)) {
		expected(p, what);
		return NULL;
	}
	word = tok(p)->text;
	if (dialect == NULL) {
		refuse(p,
		    "in a script of dialect any a requirement carries "
		    "its dialect, as in iroh-v3/%s",
		    word);
		return NULL;
	}
	p->at++;
	return arena_printf(p->arena, "%s/%s", dialect, word);
}

static bool
meta_covers(struct parser *p, struct scenario *sc)
{
	size_t first = sc->ncovers;
	unsigned carriers = 0;

	do {
		struct place at = place_here(p);
		char *id = parse_requirement(p);

		if (id == NULL)
			return false;
		sc->cover_at = arena_grow(p->arena, sc->cover_at, sc->ncovers,
		    sizeof(struct place));
		sc->cover_at[sc->ncovers] = at;
		sc->cover_carriers = arena_grow(p->arena, sc->cover_carriers,
		    sc->ncovers, sizeof(unsigned));
		ARENA_PUSH(p->arena, sc->covers, sc->ncovers, id);
	} while (!at_end(p) && !at_word(p, "over"));
	if (accept_word(p, "over") && !parse_carriers(p, &carriers))
		return false;
	for (size_t i = first; i < sc->ncovers; i++)
		sc->cover_carriers[i] = carriers;
	return true;
}

static bool
meta_tags(struct parser *p, struct scenario *sc)
{
	return parse_words(p, "a tag", &sc->tags, &sc->ntags);
}

const char *const *
capability_words(void)
{
	static const char *words[32] = { "raw", "ws", "tls", "plain-beside-tls",
		"stun", "metrics", "process", "own", "signals", "client",
		"captive-portal", "configured", "dev", "services-off",
		"usual-ports", "writes", "sends", "endpoint", "told" };
	size_t known = 19;

	for (size_t i = 0; rk_dialects()[i] != NULL && known < 31; i++)
		words[known++] = rk_dialects()[i]->id;
	return words;
}

static bool
parse_capabilities(struct parser *p, char ***list, size_t *n)
{
	const char *const *words = capability_words();

	do {
		size_t w = 0;

		while (words[w] != NULL && !at_word(p, words[w]))
			w++;
		if (words[w] == NULL)
			return expected_one_of(p, "a capability", words);
		ARENA_PUSH(p->arena, *list, *n, tok(p)->text);
		p->at++;
	} while (!at_end(p));
	return true;
}

static bool
meta_needs(struct parser *p, struct scenario *sc)
{
	return parse_capabilities(p, &sc->needs, &sc->nneeds);
}

static bool
meta_unless(struct parser *p, struct scenario *sc)
{
	return parse_capabilities(p, &sc->unless, &sc->nunless);
}

static bool
meta_over(struct parser *p, struct scenario *sc)
{
	return parse_carriers(p, &sc->carriers);
}

/* 1..5 stands for 1 2 3 4 5. */
static bool
add_range(struct parser *p, struct param *param, const struct expr *range)
{
	const struct expr *from = range->arg[0];
	const struct expr *to = range->arg[1];

	if (to->kind != EXPR_INT || to->number < from->number ||
	    to->number - from->number >= PARAM_RANGE_MAX)
		return refuse(p, "a range of values goes up, by %d at most",
		    PARAM_RANGE_MAX);
	for (int64_t i = from->number; i <= to->number; i++) {
		struct expr *e = arena_alloc(p->arena, sizeof(*e));

		*e = *from;
		e->at = range->at;
		e->number = i;
		e->source = arena_printf(p->arena, "%lld", (long long)i);
		ARENA_PUSH(p->arena, param->values, param->nvalues, e);
	}
	return true;
}

static bool
meta_param(struct parser *p, struct scenario *sc)
{
	struct param param = { 0 };

	param.at = place_here(p);
	param.name = need_word(p, "a parameter's name");
	if (param.name == NULL)
		return false;
	for (size_t i = 0; i < sc->nparams; i++)
		if (strcmp(sc->params[i].name, param.name) == 0)
			return refuse(p, "parameter \"%s\" is given twice",
			    param.name);
	if (!accept_word(p, "in"))
		return expected(p, "\"in\"");
	do {
		struct expr *value = parse_value(p);

		if (value == NULL)
			return false;
		if (value->kind == EXPR_RANGE) {
			if (!add_range(p, &param, value))
				return false;
		} else {
			ARENA_PUSH(p->arena, param.values, param.nvalues,
			    value);
		}
	} while (!at_end(p));
	ARENA_PUSH(p->arena, sc->params, sc->nparams, param);
	return true;
}

static bool
meta_timeout(struct parser *p, struct scenario *sc)
{
	if (tok(p)->kind != TOKEN_DURATION || tok(p)->number == 0)
		return expected(p, "a time such as 30s");
	sc->timeout_ns = tok(p)->number;
	p->at++;
	return true;
}

static bool
meta_own(struct parser *p, struct scenario *sc)
{
	sc->own = true;
	return true;
}

static bool
has_one_turn(struct parser *p, const struct scenario *sc)
{
	return !(sc->serial && sc->calm) ||
	    refuse(p, "either \"serial\" or \"calm\", not both");
}

static bool
meta_serial(struct parser *p, struct scenario *sc)
{
	sc->serial = true;
	return has_one_turn(p, sc);
}

static bool
meta_calm(struct parser *p, struct scenario *sc)
{
	sc->calm = true;
	return has_one_turn(p, sc);
}

static bool
meta_background(struct parser *p, struct scenario *sc)
{
	static const char *const words[] = { "skip", "strict", NULL };

	if (!at_word(p, "skip") && !at_word(p, "strict"))
		return expected_one_of(p, "skip or strict", words);
	sc->background_strict = at_word(p, "strict");
	p->at++;
	return true;
}

static bool
meta_leftover(struct parser *p, struct scenario *sc)
{
	static const char *const words[] = { "fail", "list", "ignore", NULL };

	for (int i = 0; words[i] != NULL; i++)
		if (accept_word(p, words[i])) {
			sc->leftover = LEFTOVER_FAIL + i;
			return true;
		}
	return expected_one_of(p, "fail, list or ignore", words);
}

typedef bool (*meta_fn)(struct parser *p, struct scenario *sc);

/* Several lines of it add up. */
static bool
is_list(meta_fn parse)
{
	return parse == meta_covers || parse == meta_param ||
	    parse == meta_tags || parse == meta_needs || parse == meta_unless ||
	    parse == meta_over;
}

static const meta_fn meta_parse[] = { meta_covers, meta_tags, meta_needs,
	meta_unless, meta_over, meta_param, meta_timeout, meta_own, meta_serial,
	meta_calm, meta_background, meta_leftover };

_Static_assert(sizeof(meta_parse) / sizeof(meta_parse[0]) + 1 ==
	sizeof(meta_words) / sizeof(meta_words[0]),
    "one function for each word");

/* "own -> …" would be a step. */
bool
is_meta_line(const struct parser *p)
{
	if (tok_ahead(p, 1)->kind == TOKEN_PUNCT)
		return false;
	for (size_t i = 0; meta_words[i] != NULL; i++)
		if (at_word(p, meta_words[i]))
			return true;
	return false;
}

bool
parse_meta(struct parser *p, struct scenario *sc)
{
	for (size_t i = 0; meta_words[i] != NULL; i++) {
		if (!at_word(p, meta_words[i]))
			continue;
		if ((p->meta_seen & 1U << i) != 0 && !is_list(meta_parse[i]))
			return refuse(p, "\"%s\" is given twice",
			    meta_words[i]);
		p->meta_seen |= 1U << i;
		p->at++;
		return meta_parse[i](p, sc) && need_end(p);
	}
	return false;
}
