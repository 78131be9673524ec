/* Values: functions, their arguments, and whether the kind fits the use. */
#include "config.h"

#include <string.h>

#include "scenario/checker.h"

/* Arguments: b bytes, i number, k key, c connection; "+": any number of the
 * last; "bit": by name. */
static const struct function {
	const char *name;
	const char *args;
	const char *named; /* argument that must be given by name */
	const char *shape;
} functions[] = {
	{ "rand", "i", NULL, "rand(n)" },
	{ "fill", "i", NULL, "fill(n)" },
	{ "disco", "i", NULL, "disco(n)" },
	{ "pub", "k", NULL, "pub(key)" },
	{ "sign", "kb", NULL, "sign(key, bytes)" },
	{ "flip", "b", "bit", "flip(bytes, bit=n)" },
	{ "cat", "b+", NULL, "cat(bytes, …)" },
	{ "u16", "i", NULL, "u16(n)" },
	{ "u32", "i", NULL, "u32(n)" },
	{ "frame", "ib", NULL, "frame(type, payload)" },
	{ "b64", "b", NULL, "b64(bytes)" },
	{ "ws-accept", "b", NULL, "ws-accept(key)" },
	{ "export", "cbi", NULL, "export(connection, label, length)" },
	{ "seed", "b", NULL, "seed(32 bytes)" },
	{ "verify", "bbb", NULL, "verify(key, signature, message)" },
	{ "fingerprint", "b", NULL, "fingerprint(message)" },
	{ "items", "b", NULL, "items(data)" },
};

#define NFUNCTIONS (sizeof(functions) / sizeof(functions[0]))

static enum expr_use
use_of(char kind)
{
	switch (kind) {
	case 'i':
		return USE_NUMBER;
	case 'k':
		return USE_KEY;
	case 'c':
		return USE_CONN;
	default:
		return USE_DATA;
	}
}

static const struct function *
find_function(struct checker *k, const struct expr *e)
{
	const char *words[NFUNCTIONS + 1] = { 0 };

	for (size_t i = 0; i < NFUNCTIONS; i++) {
		words[i] = functions[i].name;
		if (strcmp(functions[i].name, e->word) == 0)
			return &functions[i];
	}
	complain(k->c, &e->at, "there is no function \"%s\"%s", e->word,
	    meant(k, e->word, words));
	return NULL;
}

/* seed() takes what makes a key: 32 bytes. */
static void
check_seed(struct checker *k, const struct expr *e)
{
	if (e->nargs == 1 && e->arg[0]->kind == EXPR_BYTES &&
	    e->arg[0]->len != 32)
		complain(k->c, &e->arg[0]->at,
		    "a seed has 32 bytes, this has %zu", e->arg[0]->len);
}

static void
check_call(struct checker *k, const struct expr *e)
{
	const struct function *f = find_function(k, e);
	size_t placed = 0;
	bool named = false;
	size_t want;

	if (f == NULL)
		return;
	want = strcspn(f->args, "+");
	for (size_t i = 0; i < e->nargs; i++) {
		size_t kind = placed < want ? placed : want - 1;

		if (e->argname[i] == NULL) {
			placed++;
			check_expr(k, e->arg[i], use_of(f->args[kind]));
		} else if (f->named != NULL &&
		    strcmp(e->argname[i], f->named) == 0 && !named) {
			named = true;
			check_expr(k, e->arg[i], USE_NUMBER);
		} else {
			complain(k->c, &e->arg[i]->at,
			    "%s has no argument \"%s\"", f->shape,
			    e->argname[i]);
			return;
		}
	}
	if (placed < want || (placed > want && f->args[want] != '+') ||
	    named != (f->named != NULL))
		complain(k->c, &e->at, "it is written %s", f->shape);
	if (strcmp(f->name, "seed") == 0)
		check_seed(k, e);
}

static const char *
wanted(enum expr_use use)
{
	if (use == USE_KEY || use == USE_CONN)
		return "name";
	if (use == USE_DATA)
		return "number or bytes";
	return use == USE_TIME ? "time such as 300ms" : "number";
}

/* Something of one kind, where only that kind makes no sense. */
static void
refuse_kind(struct checker *k, const struct expr *e, enum expr_use use,
    const char *found)
{
	complain(k->c, &e->at, "expected a %s, found %s", wanted(use), found);
}

static void
check_word(struct checker *k, const struct expr *e, enum expr_use use)
{
	switch (use) {
	case USE_WORD:
	case USE_KEY:
		return;
	case USE_CONN:
		use_conn(k, e->word, &e->at);
		return;
	case USE_COUNT:
	case USE_TIMES:
	case USE_NUMBER:
	case USE_RANGE:
	case USE_TIME:
		complain(k->c, &e->at, "expected a %s, found \"%s\"",
		    wanted(use), e->word);
		return;
	case USE_VALUE:
	case USE_DATA:
		complain(k->c, &e->at,
		    "a bare word is no value here: write \"%s\" in quotes, "
		    "$%s or pub(%s)",
		    e->word, e->word, e->word);
		return;
	}
}

static void
check_number(struct checker *k, const struct expr *e, enum expr_use use)
{
	if ((use == USE_COUNT || use == USE_TIMES) && e->number < 1)
		complain(k->c, &e->at, "expected a number from 1, found %lld",
		    (long long)e->number);
	else if (use == USE_KEY || use == USE_CONN || use == USE_TIME)
		refuse_kind(k, e, use, "a number");
}

static void
check_range(struct checker *k, const struct expr *e, enum expr_use use)
{
	check_expr(k, e->arg[0], USE_NUMBER);
	check_expr(k, e->arg[1], USE_NUMBER);
	if (e->arg[0]->kind == EXPR_INT && e->arg[1]->kind == EXPR_INT &&
	    e->arg[0]->number > e->arg[1]->number)
		complain(k->c, &e->at, "nothing lies in %s: a range goes up",
		    e->source);
	if (use != USE_VALUE && use != USE_RANGE && use != USE_TIMES)
		refuse_kind(k, e, use, "a range");
}

static void
check_binary(struct checker *k, const struct expr *e)
{
	bool compare = e->op <= OP_MATCH;

	/* A time may be multiplied. */
	for (size_t i = 0; i < e->nargs; i++)
		if (compare || e->arg[i]->kind != EXPR_DURATION)
			check_expr(k, e->arg[i],
			    compare ? USE_VALUE : USE_NUMBER);
	if (e->op == OP_DIV && e->arg[1]->kind == EXPR_INT &&
	    e->arg[1]->number == 0)
		complain(k->c, &e->arg[1]->at, "division by zero");
}

void
check_expr(struct checker *k, const struct expr *e, enum expr_use use)
{
	if (e == NULL)
		return;
	switch (e->kind) {
	case EXPR_VAR:
		use_var(k, e->word, &e->at);
		return;
	case EXPR_WORD:
		check_word(k, e, use);
		return;
	case EXPR_CALL:
		if (use == USE_KEY && strcmp(e->word, "seed") != 0)
			complain(k->c, &e->at,
			    "expected a key's name or seed(…), found %s(…)",
			    e->word);
		else
			check_call(k, e);
		return;
	case EXPR_INT:
		check_number(k, e, use);
		return;
	case EXPR_BYTES:
		if (use != USE_VALUE && use != USE_DATA && use != USE_WORD)
			refuse_kind(k, e, use, "bytes");
		return;
	case EXPR_BINARY:
		check_binary(k, e);
		return;
	case EXPR_RANGE:
		check_range(k, e, use);
		return;
	case EXPR_DURATION:
		if (use != USE_VALUE && use != USE_WORD && use != USE_TIME)
			refuse_kind(k, e, use, "a time");
		return;
	case EXPR_ABSENT:
		if (use != USE_VALUE && use != USE_WORD)
			refuse_kind(k, e, use, "absent");
		return;
	}
}
