/* Predicates and the fields that they are about; see match.h. */
#include "config.h"

#include "scenario/match.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/ws.h"

void
item_free(struct item *it)
{
	if (it == NULL)
		return;
	free(it->bytes);
	free(it->head);
	free(it->body);
	free(it->stun);
	for (size_t i = 0; i < 4; i++)
		free(it->tls[i]);
	free(it);
}

/* ---- fields ---- */

static struct value
absent(void)
{
	return (struct value){ .kind = VALUE_ABSENT };
}

static struct value
view(uint8_t *p, size_t len)
{
	return (struct value){ .kind = VALUE_BYTES, .bytes = p, .len = len };
}

/* A span that lies within the item's own bytes. */
static struct value
view_span(const struct item *it, struct rk_span s)
{
	return view(s.p != NULL ? it->bytes + (s.p - it->bytes) : it->bytes,
	    s.len);
}

static struct value
view_text(char *s)
{
	return view((uint8_t *)s, strlen(s));
}

static struct value
frame_field(const struct item *it, const char *name)
{
	const struct rk_frame_spec *spec = it->frame.spec;
	int i = spec != NULL ? rk_frame_spec_field(spec, name) : -1;

	if (i < 0)
		return absent();
	if (spec->field[i].type == RK_FIELD_UINT &&
	    it->frame.field[i].len == spec->field[i].len)
		return value_int((int64_t)rk_frame_uint(&it->frame, name));
	return view_span(it, it->frame.field[i]);
}

static struct value
http_field(const struct item *it, const char *name)
{
	static const char count[] = "count.";
	const struct rk_http_field *f;

	if (strcmp(name, "status") == 0)
		return value_int(it->head->status);
	if (strcmp(name, "method") == 0)
		return view_span(it, it->head->method);
	if (strcmp(name, "target") == 0)
		return view_span(it, it->head->target);
	if (strcmp(name, "minor") == 0)
		return value_int(it->head->minor);
	if (strcmp(name, "reason") == 0)
		return view_span(it, it->head->reason);
	if (strcmp(name, "body") == 0)
		return view(it->body, it->body_len);
	if (strcmp(name, "data") == 0) /* as bytes, that is the head */
		return view(it->bytes, it->len);
	if (strncmp(name, count, strlen(count)) == 0)
		return value_int(
		    (int64_t)rk_http_count(it->head, name + strlen(count)));
	f = rk_http_find(it->head, name);
	return f != NULL ? view_span(it, f->value) : absent();
}

/* A Close's payload is its code and its reason. */
static struct value
ws_field(const struct item *it, const char *name)
{
	if (strcmp(name, "opcode") == 0)
		return value_int(it->opcode);
	if (strcmp(name, "payload") == 0)
		return view(it->bytes, it->len);
	if (it->opcode != RK_WS_CLOSE)
		return absent();
	if (strcmp(name, "code") == 0)
		return value_int(it->close_code);
	if (strcmp(name, "reason") == 0 && it->len > 2)
		return view(it->bytes + 2, it->len - 2);
	return absent();
}

static struct value
rest_field(const struct item *it, const char *name)
{
	return strcmp(name, "data") == 0 ? view(it->bytes, it->len) : absent();
}

static struct value
tls_field(const struct item *it, const char *name)
{
	static const char *const names[] = { "version", "cipher", "alpn",
		"sni" };

	for (size_t i = 0; i < 4; i++)
		if (strcmp(names[i], name) == 0 && it->tls[i] != NULL &&
		    it->tls[i][0] != '\0')
			return view_text(it->tls[i]);
	return absent();
}

static struct value
datagram_field(const struct item *it, const char *name)
{
	if (strcmp(name, "data") == 0)
		return view(it->bytes, it->len);
	if (strcmp(name, "size") == 0)
		return value_int((int64_t)it->len);
	return item_stun_field(it, name);
}

struct value
item_field(const struct item *it, const char *name)
{
	static struct value (*const fields[])(const struct item *it,
	    const char *name) = {
		[ITEM_FRAME] = frame_field,
		[ITEM_HTTP] = http_field,
		[ITEM_WS] = ws_field,
		[ITEM_REST] = rest_field,
		[ITEM_DATAGRAM] = datagram_field,
		[ITEM_TLS] = tls_field,
	};

	return fields[it->kind](it, name);
}

/* ---- what a step wants ---- */

static bool
is_key_field(const struct wanted *w, const char *name)
{
	int i;

	if (w->frame == NULL)
		return false;
	i = rk_frame_spec_field(w->frame, name);
	return i >= 0 && w->frame->field[i].type == RK_FIELD_KEY;
}

static bool
eval_pred(const struct wanted *w, struct wanted_pred *wp, struct values *vs,
    struct text *err)
{
	struct value v;

	if (wp->pred->value == NULL)
		return true;
	if (!values_eval(vs, wp->pred->value, &v, err))
		return false;
	if (is_key_field(w, wp->pred->field) &&
	    (v.kind == VALUE_WORD || v.kind == VALUE_SECRET)) {
		bool ok = value_as_bytes(vs, &v, true, &wp->value, err);

		value_clear(&v);
		return ok;
	}
	wp->value = v;
	return true;
}

/* Where the frame may arrive: what its data say, if a predicate says what
 * they are. */
static unsigned
lanes_of(const struct wanted *w, const struct rk_dialect *d)
{
	const struct rk_frame_spec *spec = w->frame;

	if (spec == NULL)
		return 0;
	if (spec->lane != RK_LANE_DATA)
		return 1U << spec->lane;
	for (size_t i = 0; i < w->what->npreds; i++) {
		const struct wanted_pred *wp = &w->preds[i];

		if (strcmp(wp->pred->field, "data") == 0 &&
		    wp->pred->op == OP_EQ && wp->value.kind == VALUE_BYTES)
			return 1U
			    << (rk_is_disco(d, wp->value.bytes, wp->value.len)
				       ? RK_LANE_DISCO
				       : RK_LANE_DATA);
	}
	return 1U << RK_LANE_DATA | 1U << RK_LANE_DISCO;
}

bool
wanted_init(struct wanted *w, const struct watch_for *what, struct values *vs,
    struct text *err)
{
	memset(w, 0, sizeof(*w));
	w->what = what;
	if (what->match == MATCH_FRAME)
		w->frame = values_frame(vs, what->frame);
	w->preds = xcalloc(what->npreds + 1, sizeof(w->preds[0]));
	for (size_t i = 0; i < what->npreds; i++) {
		w->preds[i].pred = &what->preds[i];
		if (!eval_pred(w, &w->preds[i], vs, err)) {
			wanted_clear(w);
			return false;
		}
	}
	w->lanes = lanes_of(w, vs->dialect);
	return true;
}

void
wanted_clear(struct wanted *w)
{
	if (w->preds == NULL)
		return;
	for (size_t i = 0; i < w->what->npreds; i++)
		value_clear(&w->preds[i].value);
	free(w->preds);
	memset(w, 0, sizeof(*w));
}

bool
wanted_is_kind(const struct wanted *w, const struct item *it)
{
	switch (w->what->match) {
	case MATCH_FRAME:
		return it->kind == ITEM_FRAME && it->error == RK_OK &&
		    w->frame != NULL && it->frame.spec == w->frame;
	case MATCH_ANY:
		return it->kind == ITEM_FRAME || it->kind == ITEM_REST;
	case MATCH_BYTES:
		return it->kind != ITEM_TLS;
	case MATCH_STUN:
		return it->stun != NULL;
	case MATCH_HTTP:
		return it->kind == ITEM_HTTP;
	case MATCH_WS:
		return it->kind == ITEM_WS;
	case MATCH_TLS:
		return it->kind == ITEM_TLS;
	case MATCH_CLOSED:
	case MATCH_EOF:
	case MATCH_RESET:
	case MATCH_TRUNCATED:
		break;
	}
	return false;
}

/* The first predicate that does not hold; NULL if all do. */
static const struct wanted_pred *
missed(const struct wanted *w, const struct item *it)
{
	for (size_t i = 0; i < w->what->npreds; i++) {
		const struct wanted_pred *wp = &w->preds[i];
		struct value actual;

		if (wp->pred->value == NULL)
			continue;
		actual = item_field(it, wp->pred->field);
		if (!value_compare(&actual, wp->pred->op, &wp->value))
			return wp;
	}
	return NULL;
}

bool
wanted_fits(const struct wanted *w, const struct item *it)
{
	return wanted_is_kind(w, it) && missed(w, it) == NULL;
}

struct place
wanted_place(const struct wanted *w)
{
	struct place at = w->what->at;

	if (w->what->npreds > 0) {
		const struct place *last =
		    &w->what->preds[w->what->npreds - 1].at;

		at.len = last->col + last->len - at.col;
	}
	return at;
}

struct place
wanted_missed(const struct wanted *w, const struct item *it)
{
	const struct wanted_pred *wp =
	    wanted_is_kind(w, it) ? missed(w, it) : NULL;

	return wp != NULL ? wp->pred->at : w->what->at;
}

void
wanted_capture(const struct wanted *w, const struct item *it, struct values *vs)
{
	for (size_t i = 0; i < w->what->npreds; i++) {
		const struct pred *p = w->preds[i].pred;
		struct value v;

		if (p->capture == NULL)
			continue;
		v = item_field(it, p->field);
		values_set_take(vs, p->capture, value_copy(&v));
	}
}
