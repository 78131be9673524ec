/* See decode_filter.h. */
#include "config.h"

#include "relay-cli/decode_filter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"

#define PREFIX_MIN 2       /* bytes of a key */
#define UNKNOWN    "other" /* frames of a type that the dialect has not */

void
decode_filter_init(struct decode_filter *f)
{
	*f = (struct decode_filter){ .flow = -1 };
}

void
decode_filter_clear(struct decode_filter *f)
{
	for (size_t i = 0; i < f->nnames; i++)
		free(f->names[i]);
	free(f->names);
}

/* ---- names ---- */

/* The name as it is written in output; NULL: there is none. */
static const char *
known_name(const struct rk_dialect *d, const char *word)
{
	for (const struct rk_frame_spec *s = d->frames; s->name != NULL; s++)
		if (strcasecmp(s->name, word) == 0)
			return s->name;
	if (strcasecmp(word, UNKNOWN) == 0)
		return UNKNOWN;
	for (int k = 0; k < EVENT_NKINDS; k++)
		if (k != EVENT_FRAME &&
		    strcasecmp(event_kind_name((enum event_kind)k), word) == 0)
			return event_kind_name((enum event_kind)k);
	return NULL;
}

static void
no_such_name(const struct rk_dialect *d, const char *word)
{
	struct text known;

	text_init(&known);
	for (const struct rk_frame_spec *s = d->frames; s->name != NULL; s++)
		text_addf(&known, " %s", s->name);
	for (int k = 0; k < EVENT_NKINDS; k++)
		if (k != EVENT_FRAME)
			text_addf(&known, " %s",
			    event_kind_name((enum event_kind)k));
	cli_usage_error("--frame: there is no '%s'; there is%s " UNKNOWN, word,
	    text_str(&known));
	text_clear(&known);
}

bool
decode_filter_names(struct decode_filter *f, const struct rk_dialect *d,
    const char *list)
{
	char *words = xstrdup(list), *rest = words, *word;
	const char *name = NULL;

	while ((word = strsep(&rest, ",")) != NULL) {
		name = known_name(d, word);
		if (name == NULL) {
			no_such_name(d, word);
			break;
		}
		f->names =
		    xreallocarray(f->names, f->nnames + 1, sizeof(char *));
		f->names[f->nnames++] = xstrdup(name);
	}
	free(words);
	return name != NULL;
}

static const char *
name_of(const struct event *e)
{
	if (e->kind == EVENT_WS)
		return event_kind_name(EVENT_WS);
	if (e->kind == EVENT_FRAME &&
	    rk_frame_spec_by_type(e->dialect, e->type) == NULL)
		return UNKNOWN;
	return event_what(e);
}

static bool
name_passes(const struct decode_filter *f, const struct event *e)
{
	const char *name;

	if (f->nnames == 0)
		return true;
	name = name_of(e);
	for (size_t i = 0; i < f->nnames; i++)
		if (strcmp(f->names[i], name) == 0)
			return true;
	return false;
}

/* ---- keys ---- */

bool
key_prefix_parse(struct key_prefix *k, const char *option, const char *text)
{
	size_t len = strlen(text), bad_at;
	struct rk_key key;
	int err = rk_key_parse(text, len, &key);
	long n;

	if (err == RK_OK) {
		memcpy(k->b, key.b, sizeof(k->b));
		k->len = sizeof(k->b);
		return true;
	}
	/* Also one that is no point: a capture may have it all the same. */
	n = hex_decode(text, len, k->b, sizeof(k->b), &bad_at);
	if (n < PREFIX_MIN) {
		cli_usage_error("%s: '%s' is no key, nor the beginning of one "
				"in hex (%d digits at least)",
		    option, text, 2 * PREFIX_MIN);
		return false;
	}
	k->len = (size_t)n;
	return true;
}

static bool
begins(const struct key_prefix *k, const struct rk_key *key)
{
	return memcmp(k->b, key->b, k->len) == 0;
}

static bool
key_passes(const struct decode_filter *f, const struct event *e)
{
	struct rk_frame frame;
	struct rk_key key;

	if (f->key.len == 0)
		return true;
	if (e->kind != EVENT_FRAME)
		return false;
	event_frame(e, &frame);
	return rk_frame_key(&frame, &key) && begins(&f->key, &key);
}

bool
decode_filter_passes(const struct decode_filter *f, const struct transcript *t,
    const struct event *e)
{
	const struct transcript_conn *c =
	    e->conn != TRANSCRIPT_NO_CONN ? &t->conns[e->conn] : NULL;

	if (f->flow >= 0 && (c == NULL || c->number != (uint64_t)f->flow))
		return false;
	if (f->client.len > 0 &&
	    (c == NULL || !c->has_key || !begins(&f->client, &c->key)))
		return false;
	return name_passes(f, e) && key_passes(f, e);
}
