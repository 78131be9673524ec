/*
 * Values of a running script: what its expressions come to, its variables,
 * and the keys that it has named.
 */
#ifndef SCENARIO_VALUE_H
#define SCENARIO_VALUE_H

#include "base/text.h"
#include "codec/keys.h"
#include "scenario/scenario.h"

/* Bytes that one value may have: more than any message of any dialect. */
#define VALUE_MAX_BYTES ((size_t)80 << 20)

enum value_kind {
	VALUE_ABSENT,
	VALUE_INT,
	VALUE_DURATION, /* nanoseconds */
	VALUE_BYTES,
	VALUE_WORD,   /* a name: of a key, an enum, an address */
	VALUE_SECRET, /* a key that was made from a seed */
	VALUE_RANGE
};

struct value {
	enum value_kind kind;
	int64_t number; /* INT, DURATION; RANGE: the lower end */
	int64_t high;   /* RANGE: the upper end, inclusive */
	uint8_t *bytes; /* BYTES, WORD (NUL behind it), SECRET; owned */
	size_t len;
};

struct variable {
	char *name;
	struct value value;
};

/* A key that the script can mean. */
struct known_key {
	char *name; /* "alice"; "seed" for one that is made from a seed */
	struct rk_secret_key secret;
	struct rk_key key;
};

/* Keying material of a connection's TLS party; false with a line. */
typedef bool (*values_export_fn)(void *arg, const char *conn, const char *label,
    uint8_t *out, size_t len, struct text *err);

/* What expressions see. */
struct values {
	uint64_t seed;
	char *instance; /* full name: keys depend on it */
	const struct rk_dialect *dialect;
	enum rk_carrier carrier; /* of frame() */
	bool relay;              /* … which a relay sends: not masked */
	uint64_t random;         /* state of rand() */
	struct variable *vars;
	size_t nvars;
	struct known_key *keys;
	size_t nkeys;
	/* What is not set is empty bytes instead of an error (observing). */
	bool lenient;
	values_export_fn export_key;
	void *arg;
};

void values_init(struct values *vs, uint64_t seed, const char *instance,
    const struct rk_dialect *d, enum rk_carrier carrier);
void values_clear(struct values *vs); /* wipes the keys */

struct value value_int(int64_t n);
struct value value_bytes(const void *p, size_t len); /* copies */
struct value value_word(const char *word);           /* copies */
struct value value_copy(const struct value *v);
void value_clear(struct value *v);
/* For people: 7, 10ms, "text", x"00ff…", alice. */
void value_to_text(const struct value *v, struct text *out);

/* NULL if it is not set. */
const struct value *values_get(const struct values *vs, const char *name);
/* The value becomes the variable's. */
void values_set_take(struct values *vs, const char *name, struct value v);

/* |out| is the caller's, to be cleared.  False with a line in |err|. */
bool values_eval(struct values *vs, const struct expr *e, struct value *out,
    struct text *err);
/* The same, and of a kind: numbers and durations. */
bool values_eval_int(struct values *vs, const struct expr *e, int64_t *out,
    struct text *err);
bool values_eval_duration(struct values *vs, const struct expr *e, int64_t *out,
    struct text *err);
/* A number or a range: low and high. */
bool values_eval_range(struct values *vs, const struct expr *e, int64_t *low,
    int64_t *high, struct text *err);

/* The frame of the dialect that is played: a script of any dialect names
 * those of one. */
const struct rk_frame_spec *values_frame(const struct values *vs,
    const struct rk_frame_spec *spec);

/* Of value_call.c: e is an EXPR_CALL. */
bool values_call(struct values *vs, const struct expr *e, struct value *out,
    struct text *err);
/* A literal number as big-endian bytes, or bytes as they are; false where it
 * is neither. */
bool value_as_bytes(struct values *vs, const struct value *v, bool key,
    struct value *out, struct text *err);

/* Keys: a word is a named key, a secret stands for its public half where a
 * public key is meant; 32 bytes are a public key. */
bool values_secret(struct values *vs, const struct value *v,
    struct rk_secret_key *out, struct text *err);
bool values_public(struct values *vs, const struct value *v, struct rk_key *out,
    struct text *err);
/* The name under which the script knows a key, or NULL. */
const char *values_key_name(const struct values *vs, const struct rk_key *k);

/* Does |actual| stand in that relation to |expected|?  Numbers compare with
 * numbers and ranges, bytes with bytes and words; "~" is a pattern; all but
 * "!=" is false of an absent value, unless absence is what is expected. */
bool value_compare(const struct value *actual, enum op op,
    const struct value *expected);
/* "*" any bytes, "?" one; without regard to case. */
bool value_matches(const uint8_t *p, size_t len, const uint8_t *pattern,
    size_t pattern_len);

/* "==", "~". */
const char *op_text(enum op op);

#endif
