/* NAME -> …: what is sent, and what is wrong about how. */
#include "config.h"

#include <string.h>

#include "scenario/parser.h"

/* Where the value of chop=, every=, cut= or len= goes; NULL: no such. */
static struct expr **
modifier_of(struct step *s, const char *name)
{
	const struct {
		const char *name;
		struct expr **where;
	} table[] = { { "chop", &s->chop }, { "every", &s->every },
		{ "cut", &s->cut }, { "len", &s->len_delta } };

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].where;
	return NULL;
}

/* patch @8=x"ff" */
static bool
parse_patch(struct parser *p, struct step *s)
{
	struct patch patch = { 0 };

	if (!need_punct(p, PUNCT_AT))
		return false;
	patch.offset = parse_value(p);
	if (patch.offset == NULL || !need_punct(p, PUNCT_SET))
		return false;
	patch.bytes = parse_expr(p);
	if (patch.bytes == NULL)
		return false;
	ARENA_PUSH(p->arena, s->patches, s->npatches, patch);
	return true;
}

/* name=value …: fields of the frame, header fields, and modifiers. */
static bool
parse_settings(struct parser *p, struct step *s)
{
	static const char *const words[] = { "patch", "chop", "every", "cut",
		"len", NULL };

	while (!at_end(p)) {
		struct setting set = { 0 };
		struct expr **modifier;

		if (accept_word(p, "patch")) {
			if (!parse_patch(p, s))
				return false;
			continue;
		}
		if (tok(p)->kind == TOKEN_WORD &&
		    at_comparison(tok_ahead(p, 1)))
			return refuse(p,
			    "what is sent is set, not compared: write %s=…",
			    tok(p)->text);
		if (!at_setting(p))
			return expected_one_of(p, "name=value", words);
		modifier = modifier_of(s, tok(p)->text);
		if (modifier != NULL && *modifier != NULL)
			return refuse(p, "\"%s\" is given twice", tok(p)->text);
		if (!parse_setting(p, &set))
			return false;
		if (modifier != NULL)
			*modifier = set.value;
		else
			ARENA_PUSH(p->arena, s->settings, s->nsettings, set);
	}
	return true;
}

bool
step_send(struct parser *p, struct step *s)
{
	static const char *const kinds[] = { "raw", "http", "ws", NULL };

	if (accept_word(p, "raw")) {
		s->send_kind = SEND_RAW;
		s->value = parse_expr(p);
		return s->value != NULL && parse_settings(p, s);
	}
	if (accept_word(p, "http")) {
		s->send_kind = SEND_HTTP;
		if (tok(p)->kind == TOKEN_INT) {
			s->name = arena_printf(p->arena, "%lld",
			    (long long)tok(p)->number);
			p->at++;
			return parse_settings(p, s);
		}
		s->name = need_word(p, "a method such as GET, or a status");
		if (s->name == NULL)
			return false;
		s->value = parse_value(p);
		return s->value != NULL && parse_settings(p, s);
	}
	if (accept_word(p, "ws")) {
		s->send_kind = SEND_WS;
		return parse_settings(p, s);
	}
	s->send_kind = SEND_FRAME;
	s->name_at = place_here(p);
	s->name = need_word(p, "a frame, raw, http or ws");
	if (s->name == NULL)
		return false;
	/* As in "A -> rwa $x": no frame has that behind it. */
	if (!at_end(p) && tok(p)->kind != TOKEN_WORD)
		return refuse(p, "expected name=value behind %s%s", s->name,
		    did_you_mean(p, s->name, kinds));
	return parse_settings(p, s);
}
