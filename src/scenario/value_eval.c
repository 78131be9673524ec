/* Evaluating expressions; variables; the keys that a script names. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/engine.h"
#include "scenario/value.h"

void
values_init(struct values *vs, uint64_t seed, const char *instance,
    const struct rk_dialect *d, enum rk_carrier carrier)
{
	memset(vs, 0, sizeof(*vs));
	vs->seed = seed;
	vs->instance = xstrdup(instance);
	vs->dialect = d;
	vs->carrier = carrier;
	/* FNV-1a, so that instances draw different numbers. */
	vs->random = seed ^ UINT64_C(0xcbf29ce484222325);
	for (const char *p = instance; *p != '\0'; p++)
		vs->random =
		    (vs->random ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
}

void
values_clear(struct values *vs)
{
	for (size_t i = 0; i < vs->nvars; i++) {
		free(vs->vars[i].name);
		value_clear(&vs->vars[i].value);
	}
	for (size_t i = 0; i < vs->nkeys; i++) {
		free(vs->keys[i].name);
		rk_secret_key_wipe(&vs->keys[i].secret);
	}
	free(vs->vars);
	free(vs->keys);
	free(vs->instance);
	memset(vs, 0, sizeof(*vs));
}

const struct rk_frame_spec *
values_frame(const struct values *vs, const struct rk_frame_spec *spec)
{
	const struct rk_frame_spec *own = NULL;

	if (spec != NULL && spec->kind != RK_FRAME_UNKNOWN)
		own = rk_frame_spec_by_kind(vs->dialect, spec->kind);
	return own != NULL ? own : spec;
}

/* ---- variables ---- */

const struct value *
values_get(const struct values *vs, const char *name)
{
	for (size_t i = 0; i < vs->nvars; i++)
		if (strcmp(vs->vars[i].name, name) == 0)
			return &vs->vars[i].value;
	return NULL;
}

void
values_set_take(struct values *vs, const char *name, struct value v)
{
	for (size_t i = 0; i < vs->nvars; i++) {
		if (strcmp(vs->vars[i].name, name) != 0)
			continue;
		value_clear(&vs->vars[i].value);
		vs->vars[i].value = v;
		return;
	}
	vs->vars = xreallocarray(vs->vars, vs->nvars + 1, sizeof(vs->vars[0]));
	vs->vars[vs->nvars++] = (struct variable){ xstrdup(name), v };
}

/* ---- keys ---- */

static const struct known_key *
add_key(struct values *vs, const char *name, const struct rk_secret_key *secret)
{
	struct known_key *k;
	struct rk_key key;

	rk_secret_key_public(secret, &key);
	for (size_t i = 0; i < vs->nkeys; i++)
		if (rk_key_equal(&vs->keys[i].key, &key))
			return &vs->keys[i];
	vs->keys = xreallocarray(vs->keys, vs->nkeys + 1, sizeof(vs->keys[0]));
	k = &vs->keys[vs->nkeys++];
	k->name = xstrdup(name);
	k->secret = *secret;
	k->key = key;
	return k;
}

static const struct known_key *
named_key(struct values *vs, const char *name)
{
	const struct known_key *k;
	struct rk_secret_key secret;

	for (size_t i = 0; i < vs->nkeys; i++)
		if (strcmp(vs->keys[i].name, name) == 0)
			return &vs->keys[i];
	engine_named_key(vs->seed, vs->instance, name, &secret);
	k = add_key(vs, name, &secret);
	rk_secret_key_wipe(&secret);
	return k;
}

static const struct known_key *
key_of(struct values *vs, const struct value *v)
{
	struct rk_secret_key secret;
	const struct known_key *k;

	if (v->kind == VALUE_WORD)
		return named_key(vs, (const char *)v->bytes);
	memcpy(secret.b, v->bytes, sizeof(secret.b));
	k = add_key(vs, "seed", &secret);
	rk_secret_key_wipe(&secret);
	return k;
}

bool
values_secret(struct values *vs, const struct value *v,
    struct rk_secret_key *out, struct text *err)
{
	if (v->kind != VALUE_WORD && v->kind != VALUE_SECRET) {
		text_add(err, "a key's name is needed, not ");
		value_to_text(v, err);
		return false;
	}
	*out = key_of(vs, v)->secret;
	return true;
}

bool
values_public(struct values *vs, const struct value *v, struct rk_key *out,
    struct text *err)
{
	if (v->kind == VALUE_BYTES && v->len == RK_KEY_LEN) {
		memcpy(out->b, v->bytes, RK_KEY_LEN);
		return true;
	}
	if (v->kind != VALUE_WORD && v->kind != VALUE_SECRET) {
		text_add(err, "a key is needed, not ");
		value_to_text(v, err);
		return false;
	}
	*out = key_of(vs, v)->key;
	return true;
}

const char *
values_key_name(const struct values *vs, const struct rk_key *k)
{
	for (size_t i = 0; i < vs->nkeys; i++)
		if (rk_key_equal(&vs->keys[i].key, k))
			return vs->keys[i].name;
	return NULL;
}

bool
value_as_bytes(struct values *vs, const struct value *v, bool key,
    struct value *out, struct text *err)
{
	struct rk_key k;

	if (key && (v->kind == VALUE_WORD || v->kind == VALUE_SECRET)) {
		if (!values_public(vs, v, &k, err))
			return false;
		*out = value_bytes(k.b, sizeof(k.b));
		return true;
	}
	if (v->kind != VALUE_BYTES && v->kind != VALUE_WORD) {
		text_add(err, "bytes are needed, not ");
		value_to_text(v, err);
		return false;
	}
	*out = value_bytes(v->bytes, v->len);
	return true;
}

/* ---- expressions ---- */

static bool
arithmetic(int64_t a, enum op op, int64_t b, int64_t *out, struct text *err)
{
	bool bad;

	switch (op) {
	case OP_ADD:
		bad = __builtin_add_overflow(a, b, out);
		break;
	case OP_SUB:
		bad = __builtin_sub_overflow(a, b, out);
		break;
	case OP_MUL:
		bad = __builtin_mul_overflow(a, b, out);
		break;
	default:
		if (b == 0) {
			text_add(err, "division by zero");
			return false;
		}
		bad = a == INT64_MIN && b == -1;
		if (!bad)
			*out = a / b;
	}
	if (bad)
		text_add(err, "the result is too big");
	return !bad;
}

static bool
is_number(const struct value *v)
{
	return v->kind == VALUE_INT || v->kind == VALUE_DURATION;
}

/* A duration stays one when it is joined with a number. */
static bool
join(const struct value *a, enum op op, const struct value *b,
    struct value *out, struct text *err)
{
	if (op <= OP_MATCH) {
		*out = value_int(value_compare(a, op, b));
		return true;
	}
	if (!is_number(a) || !is_number(b)) {
		text_addf(err, "\"%s\" joins numbers, not ", op_text(op));
		value_to_text(is_number(a) ? b : a, err);
		return false;
	}
	*out = value_int(0);
	if (a->kind == VALUE_DURATION || b->kind == VALUE_DURATION)
		out->kind = VALUE_DURATION;
	return arithmetic(a->number, op, b->number, &out->number, err);
}

/* A named key beside 32 bytes is meant as its public half. */
static void
level_keys(struct values *vs, struct value *a, const struct value *b)
{
	struct text ignored;
	struct rk_key k;

	if ((a->kind != VALUE_WORD && a->kind != VALUE_SECRET) ||
	    b->kind != VALUE_BYTES || b->len != RK_KEY_LEN)
		return;
	text_init(&ignored);
	if (values_public(vs, a, &k, &ignored)) {
		value_clear(a);
		*a = value_bytes(k.b, sizeof(k.b));
	}
	text_clear(&ignored);
}

static bool
eval_binary(struct values *vs, const struct expr *e, struct value *out,
    struct text *err)
{
	struct value a, b;
	bool ok;

	if (!values_eval(vs, e->arg[0], &a, err))
		return false;
	if (!values_eval(vs, e->arg[1], &b, err)) {
		value_clear(&a);
		return false;
	}
	level_keys(vs, &a, &b);
	level_keys(vs, &b, &a);
	ok = join(&a, e->op, &b, out, err);
	value_clear(&a);
	value_clear(&b);
	return ok;
}

static bool
eval_range(struct values *vs, const struct expr *e, struct value *out,
    struct text *err)
{
	*out = (struct value){ .kind = VALUE_RANGE };
	return values_eval_int(vs, e->arg[0], &out->number, err) &&
	    values_eval_int(vs, e->arg[1], &out->high, err);
}

static bool
eval_variable(struct values *vs, const struct expr *e, struct value *out,
    struct text *err)
{
	const struct value *v = values_get(vs, e->word);

	if (v == NULL && !vs->lenient) {
		text_addf(err, "$%s has no value here", e->word);
		return false;
	}
	*out = v != NULL ? value_copy(v) : value_bytes(NULL, 0);
	return true;
}

bool
values_eval(struct values *vs, const struct expr *e, struct value *out,
    struct text *err)
{
	switch (e->kind) {
	case EXPR_INT:
		*out = value_int(e->number);
		return true;
	case EXPR_DURATION:
		*out = value_int(e->number);
		out->kind = VALUE_DURATION;
		return true;
	case EXPR_BYTES:
		*out = value_bytes(e->bytes, e->len);
		return true;
	case EXPR_VAR:
		return eval_variable(vs, e, out, err);
	case EXPR_WORD:
		*out = value_word(e->word);
		return true;
	case EXPR_CALL:
		return values_call(vs, e, out, err);
	case EXPR_RANGE:
		return eval_range(vs, e, out, err);
	case EXPR_ABSENT:
		*out = (struct value){ .kind = VALUE_ABSENT };
		return true;
	case EXPR_BINARY:
		return eval_binary(vs, e, out, err);
	}
	text_add(err, "an expression of no known kind");
	return false;
}

static bool
eval_kind(struct values *vs, const struct expr *e, enum value_kind kind,
    const char *what, int64_t *out, struct text *err)
{
	struct value v;
	bool ok;

	if (!values_eval(vs, e, &v, err))
		return false;
	ok = v.kind == kind;
	if (ok) {
		*out = v.number;
	} else {
		text_addf(err, "%s is needed, not ", what);
		value_to_text(&v, err);
	}
	value_clear(&v);
	return ok;
}

bool
values_eval_int(struct values *vs, const struct expr *e, int64_t *out,
    struct text *err)
{
	return eval_kind(vs, e, VALUE_INT, "a number", out, err);
}

bool
values_eval_duration(struct values *vs, const struct expr *e, int64_t *out,
    struct text *err)
{
	return eval_kind(vs, e, VALUE_DURATION, "a duration", out, err) &&
	    *out >= 0;
}

bool
values_eval_range(struct values *vs, const struct expr *e, int64_t *low,
    int64_t *high, struct text *err)
{
	struct value v;

	if (!values_eval(vs, e, &v, err))
		return false;
	if (v.kind != VALUE_INT && v.kind != VALUE_RANGE) {
		text_add(err, "a number or a range is needed, not ");
		value_to_text(&v, err);
		value_clear(&v);
		return false;
	}
	*low = v.number;
	*high = v.kind == VALUE_RANGE ? v.high : v.number;
	return true;
}
