/* Values: making, copying, comparing and showing them. */
#include "config.h"

#include "scenario/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define SHOWN_BYTES 32

static const char *const op_texts[] = {
	[OP_EQ] = "==",
	[OP_NE] = "!=",
	[OP_LT] = "<",
	[OP_LE] = "<=",
	[OP_GT] = ">",
	[OP_GE] = ">=",
	[OP_MATCH] = "~",
	[OP_ADD] = "+",
	[OP_SUB] = "-",
	[OP_MUL] = "*",
	[OP_DIV] = "/",
};

const char *
op_text(enum op op)
{
	return op_texts[op];
}

struct value
value_int(int64_t n)
{
	return (struct value){ .kind = VALUE_INT, .number = n };
}

struct value
value_bytes(const void *p, size_t len)
{
	struct value v = { .kind = VALUE_BYTES, .len = len };

	v.bytes = xmalloc(len + 1);
	if (len > 0)
		memcpy(v.bytes, p, len);
	v.bytes[len] = '\0';
	return v;
}

struct value
value_word(const char *word)
{
	struct value v = value_bytes(word, strlen(word));

	v.kind = VALUE_WORD;
	return v;
}

struct value
value_copy(const struct value *v)
{
	struct value copy = *v;

	if (v->bytes != NULL)
		copy.bytes = value_bytes(v->bytes, v->len).bytes;
	return copy;
}

void
value_clear(struct value *v)
{
	if (v->kind == VALUE_SECRET && v->bytes != NULL)
		explicit_bzero(v->bytes, v->len);
	free(v->bytes);
	*v = (struct value){ .kind = VALUE_ABSENT };
}

static void
duration_to_text(int64_t ns, struct text *out)
{
	if (ns % NS_PER_S == 0)
		text_addf(out, "%" PRId64 "s", ns / NS_PER_S);
	else
		text_addf(out, "%.6gms", (double)ns / (double)NS_PER_MS);
}

static void
bytes_to_text(const struct value *v, struct text *out)
{
	size_t shown = v->len < SHOWN_BYTES ? v->len : SHOWN_BYTES;

	if (v->len > 0 && text_is_printable(v->bytes, v->len)) {
		text_add(out, "\"");
		text_add_escaped(out, v->bytes, shown);
		text_add(out, shown < v->len ? "…\"" : "\"");
	} else {
		text_add(out, "x\"");
		text_add_hex(out, v->bytes, shown);
		text_add(out, shown < v->len ? "…\"" : "\"");
	}
	if (shown < v->len)
		text_addf(out, " (%zu bytes)", v->len);
}

void
value_to_text(const struct value *v, struct text *out)
{
	switch (v->kind) {
	case VALUE_ABSENT:
		text_add(out, "absent");
		break;
	case VALUE_INT:
		text_addf(out, "%" PRId64, v->number);
		break;
	case VALUE_DURATION:
		duration_to_text(v->number, out);
		break;
	case VALUE_BYTES:
		bytes_to_text(v, out);
		break;
	case VALUE_WORD:
		text_add_escaped(out, v->bytes, v->len);
		break;
	case VALUE_SECRET:
		text_add(out, "(a secret key)");
		break;
	case VALUE_RANGE:
		text_addf(out, "%" PRId64 "..%" PRId64, v->number, v->high);
		break;
	}
}

static uint8_t
lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

/* The last "*" is the only one that ever needs to be tried again. */
bool
value_matches(const uint8_t *p, size_t len, const uint8_t *pattern,
    size_t pattern_len)
{
	size_t i = 0, j = 0, star = SIZE_MAX, mark = 0;

	while (i < len) {
		if (j < pattern_len && pattern[j] == '*') {
			star = j++;
			mark = i;
		} else if (j < pattern_len &&
		    (pattern[j] == '?' || lower(pattern[j]) == lower(p[i]))) {
			i++;
			j++;
		} else if (star != SIZE_MAX) {
			j = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (j < pattern_len && pattern[j] == '*')
		j++;
	return j == pattern_len;
}

static bool
holds(int sign, enum op op)
{
	switch (op) {
	case OP_EQ:
		return sign == 0;
	case OP_NE:
		return sign != 0;
	case OP_LT:
		return sign < 0;
	case OP_LE:
		return sign <= 0;
	case OP_GT:
		return sign > 0;
	case OP_GE:
		return sign >= 0;
	default:
		return false;
	}
}

static bool
is_number(const struct value *v)
{
	return v->kind == VALUE_INT || v->kind == VALUE_DURATION;
}

/* Bytes order as they do in memory, a beginning before the whole. */
static int
bytes_order(const struct value *a, const struct value *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int sign = n > 0 ? memcmp(a->bytes, b->bytes, n) : 0;

	if (sign != 0)
		return sign;
	return a->len < b->len ? -1 : a->len > b->len;
}

static bool
number_compare(int64_t n, enum op op, const struct value *expected)
{
	bool inside;

	if (is_number(expected))
		return holds(n < expected->number ? -1 : n > expected->number,
		    op);
	if (expected->kind != VALUE_RANGE)
		return op == OP_NE;
	inside = n >= expected->number && n <= expected->high;
	return op == OP_EQ ? inside : op == OP_NE && !inside;
}

/* Text that reads as a number is compared as one: header fields.  A view has
 * no NUL behind it. */
static bool
text_as_number(const struct value *v, int64_t *out)
{
	char digits[24];

	if (v->bytes == NULL || v->len == 0 || v->len >= sizeof(digits))
		return false;
	memcpy(digits, v->bytes, v->len);
	digits[v->len] = '\0';
	return number_parse(digits, INT64_MIN, INT64_MAX, out);
}

bool
value_compare(const struct value *actual, enum op op,
    const struct value *expected)
{
	int64_t n;

	if (expected->kind == VALUE_ABSENT || actual->kind == VALUE_ABSENT)
		return (expected->kind == actual->kind) ? op == OP_EQ
							: op == OP_NE;
	if (is_number(actual))
		return number_compare(actual->number, op, expected);
	if (is_number(expected) || expected->kind == VALUE_RANGE)
		return text_as_number(actual, &n)
		    ? number_compare(n, op, expected)
		    : op == OP_NE;
	if (op == OP_MATCH)
		return value_matches(actual->bytes, actual->len,
		    expected->bytes, expected->len);
	return holds(bytes_order(actual, expected), op);
}
