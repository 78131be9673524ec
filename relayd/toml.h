/*
 * TOML 1.0 as the reference reads it: keys and values of one expression.
 * Who defined what is toml_paths.h; which of it means something is not known
 * here.
 */
#ifndef RELAYD_TOML_H
#define RELAYD_TOML_H

#include <stdbool.h>

#include "base/text.h"

enum toml_kind {
	TOML_STRING = 1,
	TOML_INTEGER = 2, /* in decimal, whatever its spelling */
	TOML_FLOAT = 4,
	TOML_BOOL = 8,
	TOML_DATE = 16,
	TOML_ARRAY = 32, /* one without elements, or one within an array */
	TOML_TABLE = 64  /* its entries follow */
};

struct toml_item {
	const char *table; /* the key that it is within, "" for none */
	const char *key;   /* the whole of it, with |table| */
	enum toml_kind kind;
	const char *value; /* of a scalar, without quotes; NULL otherwise */
	bool in_array;     /* the element of an array |key| */
	bool first;        /* of that */
	bool has_nul;      /* |value| ends there */
};

/* An item of a value, valid during the call; false: it may not be there. */
typedef bool (*toml_fn)(void *arg, const struct toml_item *item);

struct toml {
	const char *at;    /* NUL-terminated, and UTF-8 */
	const char *wrong; /* static, once something has failed */
	toml_fn on_item;
	void *arg;
	int depth;
	int within; /* arrays in arrays: nothing in them is told */
};

/*
 * All begin at |at| and leave it behind what they have read; false with
 * |wrong| otherwise.
 */
/* A key, dots included, behind what |key| holds and a dot.  Parts that are no
 * plain words stand in quotes, so that they equal no word. */
bool toml_key(struct toml *t, struct text *key);
/* What stands behind "=", to its own end; |key| as above, |table| what it is
 * within. */
bool toml_value(struct toml *t, const char *table, const char *key);
/* Blanks, a remark, and the end of the line, or of all. */
bool toml_line_end(struct toml *t);
void toml_skip_blanks(struct toml *t);

#endif
