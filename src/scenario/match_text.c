/* Expected and actual for people: lines, and a table of fields. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "codec/ws.h"
#include "scenario/match.h"

#define COLUMN     38 /* of what was expected */
#define ROW_BYTES  8  /* of a dump */
#define MAX_ROWS   12 /* of one field */
#define LINE_BYTES 32 /* of a value within a line */

/* ---- one line ---- */

static const char *const match_names[] = {
	[MATCH_FRAME] = "frame",
	[MATCH_ANY] = "any",
	[MATCH_BYTES] = "bytes",
	[MATCH_HTTP] = "http",
	[MATCH_WS] = "ws",
	[MATCH_CLOSED] = "closed",
	[MATCH_EOF] = "eof",
	[MATCH_RESET] = "reset",
	[MATCH_TRUNCATED] = "truncated",
	[MATCH_TLS] = "tls",
	[MATCH_STUN] = "stun",
};

static bool
is_literal(const struct expr *e)
{
	return e->kind == EXPR_INT || e->kind == EXPR_BYTES ||
	    e->kind == EXPR_ABSENT || e->kind == EXPR_WORD;
}

/* A key by its beginning: who it is the source says. */
static void
value_of_pred(const struct wanted *w, const struct wanted_pred *wp,
    struct text *out)
{
	int at = w->frame != NULL
	    ? rk_frame_spec_field(w->frame, wp->pred->field)
	    : -1;

	if (at >= 0 && w->frame->field[at].type == RK_FIELD_KEY &&
	    wp->value.kind == VALUE_BYTES && wp->value.len == RK_KEY_LEN) {
		text_add_hex(out, wp->value.bytes, 6);
		text_add(out, "…");
	} else {
		value_to_text(&wp->value, out);
	}
}

void
wanted_to_text(const struct wanted *w, struct text *out)
{
	text_add(out,
	    w->what->frame_name != NULL ? w->what->frame_name
					: match_names[w->what->match]);
	for (size_t i = 0; i < w->what->npreds; i++) {
		const struct pred *p = w->preds[i].pred;

		if (p->value == NULL)
			continue;
		text_addf(out, " %s%s", p->field, op_text(p->op));
		if (p->value->source != NULL)
			text_add(out, p->value->source);
		if (p->value->source == NULL)
			value_to_text(&w->preds[i].value, out);
		if (!is_literal(p->value) && p->value->source != NULL) {
			text_add(out, " (");
			value_of_pred(w, &w->preds[i], out);
			text_add(out, ")");
		}
	}
}

static void
frame_to_text(const struct item *it, const struct values *vs, struct text *out)
{
	char line[512];
	struct rk_key key;

	rk_frame_text(&it->frame, LINE_BYTES, line, sizeof(line));
	text_add(out, line);
	if (rk_frame_key(&it->frame, &key) && values_key_name(vs, &key) != NULL)
		text_addf(out, " (%s's key)", values_key_name(vs, &key));
	if (it->error != RK_OK)
		text_addf(out, ": %s", rk_strerror(it->error));
}

static void
tls_to_text(const struct item *it, struct text *out)
{
	const char *sni = it->tls[3];

	if (it->tls[0] == NULL) {
		text_addf(out, "tls sni %s", sni != NULL ? sni : "absent");
		return;
	}
	text_addf(out, "tls version %s cipher %s alpn %s", it->tls[0],
	    it->tls[1], it->tls[2][0] != '\0' ? it->tls[2] : "none");
	if (sni != NULL)
		text_addf(out, " sni %s", sni);
}

void
item_to_text(const struct item *it, const struct values *vs, struct text *out)
{
	struct value v;

	switch (it->kind) {
	case ITEM_FRAME:
		frame_to_text(it, vs, out);
		break;
	case ITEM_HTTP:
		if (it->head->status == 0) {
			text_add(out, "http request ");
			text_add_escaped(out, it->head->method.p,
			    it->head->method.len);
			text_add(out, " ");
			text_add_escaped(out, it->head->target.p,
			    it->head->target.len);
			break;
		}
		text_addf(out, "http %d ", it->head->status);
		text_add_escaped(out, it->head->reason.p, it->head->reason.len);
		break;
	case ITEM_WS:
		text_addf(out, "ws opcode %u ", it->opcode);
		v = item_field(it, "payload");
		value_to_text(&v, out);
		break;
	case ITEM_DATAGRAM:
		text_addf(out, "%s of %zu bytes ",
		    it->stun != NULL ? "stun" : "datagram", it->len);
		v = item_field(it, "data");
		value_to_text(&v, out);
		break;
	case ITEM_REST:
		v = item_field(it, "data");
		value_to_text(&v, out);
		text_addf(out, ": %s", rk_strerror(it->error));
		break;
	case ITEM_TLS:
		tls_to_text(it, out);
		break;
	}
}

/* ---- the table ---- */

/* Columns that a text takes: continuation bytes of UTF-8 take none. */
static size_t
columns(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void
add_row(struct text *out, bool differs, const char *where, const char *field,
    const char *expected, const char *actual)
{
	size_t width = columns(expected);

	text_addf(out, "%c %-10s %-10s ", differs ? '!' : ' ', where, field);
	text_add(out, expected);
	for (; width < COLUMN; width++)
		text_add(out, " ");
	text_addf(out, " %s\n", actual);
}

/* "68 65 6c 6c 6f  hello" of up to ROW_BYTES bytes. */
static void
dump_row(const uint8_t *p, size_t len, struct text *out)
{
	text_reset(out);
	if (len == 0)
		text_add(out, "-");
	for (size_t i = 0; i < len; i++)
		text_addf(out, "%02x ", p[i]);
	if (len > 0)
		text_add(out, " ");
	for (size_t i = 0; i < len; i++)
		text_addf(out, "%c", p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '.');
}

struct dump {
	const struct value *expected;
	const struct value *actual;
	size_t offset; /* of the field in the frame */
	const char *field;
	struct text left, right;
};

static size_t
part(const struct value *v, size_t at)
{
	if (at >= v->len)
		return 0;
	return v->len - at < ROW_BYTES ? v->len - at : ROW_BYTES;
}

static bool
row_differs(const struct dump *d, size_t row)
{
	size_t at = row * ROW_BYTES;
	size_t a = part(d->expected, at), b = part(d->actual, at);

	return a != b ||
	    (a > 0 &&
		memcmp(d->expected->bytes + at, d->actual->bytes + at, a) != 0);
}

static void
add_dump_row(struct dump *d, size_t row, struct text *out)
{
	size_t at = row * ROW_BYTES;
	size_t a = part(d->expected, at), b = part(d->actual, at);
	bool differs = row_differs(d, row);
	char where[32];

	dump_row(d->expected->bytes + at, a, &d->left);
	dump_row(d->actual->bytes + at, b, &d->right);
	snprintf(where, sizeof(where), "+%zu", d->offset + at);
	add_row(out, differs, where, row == 0 ? d->field : "",
	    text_str(&d->left), differs ? text_str(&d->right) : "=");
}

/* The rows that differ, with one before and one behind; the rest folded. */
static void
add_dump(struct dump *d, struct text *out)
{
	size_t len = d->expected->len > d->actual->len ? d->expected->len
						       : d->actual->len;
	size_t rows = len == 0 ? 1 : (len + ROW_BYTES - 1) / ROW_BYTES;
	size_t shown = 0, folded = 0;

	text_init(&d->left);
	text_init(&d->right);
	for (size_t i = 0; i < rows; i++) {
		bool near = row_differs(d, i) ||
		    (i > 0 && row_differs(d, i - 1)) ||
		    (i + 1 < rows && row_differs(d, i + 1)) || rows == 1;

		if (!near || shown >= MAX_ROWS) {
			folded++;
			continue;
		}
		shown++;
		add_dump_row(d, i, out);
	}
	if (folded > 0)
		text_addf(out,
		    "  (%zu more rows of 8 bytes; %zu and %zu "
		    "bytes in all)\n",
		    folded, d->expected->len, d->actual->len);
	text_clear(&d->left);
	text_clear(&d->right);
}

static void
key_to_text(const struct values *vs, const struct value *v, struct text *out)
{
	struct rk_key k;
	char hex[RK_KEY_HEX_SIZE];

	if (v->kind != VALUE_BYTES || v->len != RK_KEY_LEN) {
		value_to_text(v, out);
		return;
	}
	memcpy(k.b, v->bytes, sizeof(k.b));
	rk_key_hex(&k, hex);
	if (values_key_name(vs, &k) != NULL)
		text_addf(out, "pub(%s) ", values_key_name(vs, &k));
	text_addf(out, "%.8s…%s", hex, hex + 58);
}

/* The predicate about a field, or NULL. */
static const struct wanted_pred *
pred_of(const struct wanted *w, const char *field)
{
	for (size_t i = 0; i < w->what->npreds; i++)
		if (w->preds[i].pred->value != NULL &&
		    strcmp(w->preds[i].pred->field, field) == 0)
			return &w->preds[i];
	return NULL;
}

struct row {
	const struct values *vs;
	const char *field;
	size_t offset;
	size_t size; /* bytes; 0: the row has no place */
	bool key;
};

static void
show(const struct row *r, const struct value *v, struct text *out)
{
	if (r->key)
		key_to_text(r->vs, v, out);
	else
		value_to_text(v, out);
}

static void
add_field(const struct row *r, const struct wanted_pred *wp,
    struct value actual, struct text *out)
{
	struct text left, right;
	char where[48] = "";
	bool holds =
	    wp == NULL || value_compare(&actual, wp->pred->op, &wp->value);

	if (wp != NULL && !r->key && wp->pred->op == OP_EQ &&
	    wp->value.kind == VALUE_BYTES && actual.kind == VALUE_BYTES) {
		struct dump d = { .expected = &wp->value,
			.actual = &actual,
			.offset = r->offset,
			.field = r->field };

		add_dump(&d, out);
		return;
	}
	text_init(&left);
	text_init(&right);
	if (wp == NULL) {
		text_add(&left, "(any)");
	} else {
		if (wp->pred->op != OP_EQ)
			text_addf(&left, "%s ", op_text(wp->pred->op));
		show(r, &wp->value, &left);
	}
	show(r, &actual, &right);
	if (r->size > 0)
		snprintf(where, sizeof(where), "+%zu..%zu", r->offset,
		    r->offset + r->size - 1);
	add_row(out, !holds, where, r->field, text_str(&left),
	    wp != NULL && holds && wp->pred->op == OP_EQ ? "="
							 : text_str(&right));
	text_clear(&left);
	text_clear(&right);
}

static void
frame_detail(const struct wanted *w, const struct item *it,
    const struct values *vs, struct text *out)
{
	const struct rk_frame_spec *spec = it->frame.spec;
	bool raw = it->carrier == RK_CARRIER_RAW;
	size_t at = raw ? RK_TLV32_LEN : 1;
	char actual[64], expected[64] = "(any)";
	bool other = w->frame != NULL && spec != w->frame;

	snprintf(actual, sizeof(actual), "%02x %s", it->frame.type,
	    spec != NULL ? spec->name : "(unknown)");
	if (w->frame != NULL)
		snprintf(expected, sizeof(expected), "%02x %s", w->frame->type,
		    w->frame->name);
	add_row(out, other, "+0", "type", expected, other ? actual : "=");
	if (raw) {
		snprintf(actual, sizeof(actual), "%zu", it->len);
		add_row(out, it->error == RK_ERR_LENGTH, "+1..4", "length",
		    "(any)", actual);
	}
	for (size_t i = 0; spec != NULL && i < rk_frame_spec_nfields(spec);
	     i++) {
		const struct rk_field_spec *f = &spec->field[i];
		struct row r = { vs, f->name, at, it->frame.field[i].len,
			f->type == RK_FIELD_KEY };

		add_field(&r, other ? NULL : pred_of(w, f->name),
		    item_field(it, f->name), out);
		at += it->frame.field[i].len;
	}
}

/* Rows for what the predicates are about. */
static void
preds_detail(const struct wanted *w, const struct item *it,
    const struct values *vs, struct text *out)
{
	for (size_t i = 0; i < w->what->npreds; i++) {
		const struct wanted_pred *wp = &w->preds[i];
		struct row r = { vs, wp->pred->field, 0, 0, false };

		if (wp->pred->value != NULL)
			add_field(&r, wp, item_field(it, wp->pred->field), out);
	}
}

void
match_detail(const struct wanted *w, const struct item *it,
    const struct values *vs, struct text *out)
{
	add_row(out, false, "", "field", "expected", "actual");
	if (it->kind == ITEM_FRAME) {
		frame_detail(w, it, vs, out);
	} else if (wanted_is_kind(w, it)) {
		preds_detail(w, it, vs, out);
	} else {
		struct text line;

		text_init(&line);
		item_to_text(it, vs, &line);
		add_row(out, true, "", "event",
		    w->what->frame_name != NULL ? w->what->frame_name
						: match_names[w->what->match],
		    text_str(&line));
		text_clear(&line);
	}
}
