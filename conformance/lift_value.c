/* Bytes as the language writes them: short, and byte for byte the same. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/lift_impl.h"

#define TEXT_MAX     64 /* bytes written as "text" */
#define INLINE_MAX   48 /* characters: longer ones that recur get a name */
#define PATTERN_MIN  8  /* bytes that are called fill() or disco() */
#define FILL_MODULUS 251

/* ---- bytes and what they are replaced by ---- */

static size_t
hash(const uint8_t *p, size_t len)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(1099511628211);
	return (size_t)(h ^ h >> 29) % DATA_BUCKETS;
}

/* splitmix64: the n-th datum of a capture always becomes the same. */
static void
scramble(uint8_t *p, size_t len, uint64_t n)
{
	uint64_t state = n * UINT64_C(0xd1342543de82ef95) + 1;

	for (size_t i = 0; i < len; i++) {
		uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		p[i] = (uint8_t)(z >> 24);
	}
}

/* By what a relay goes stays: the disco magic, and between endpoints the
 * lengths of a packet's items. */
static void
scrub_packet(const struct rk_dialect *d, uint8_t *p, size_t len, uint64_t n)
{
	struct rk_span rest = { p, len }, item;

	if (d->disco_magic_len > 0 && len >= d->disco_magic_len &&
	    memcmp(p, d->disco_magic, d->disco_magic_len) == 0) {
		scramble(p + d->disco_magic_len, len - d->disco_magic_len, n);
		return;
	}
	if (rk_packet_items(d, p, len) == 0) {
		scramble(p, len, n);
		/* It must not become what it was not. */
		if (len > 0 && d->disco_magic_len > 0 &&
		    p[0] == d->disco_magic[0])
			p[0] ^= 0xff;
		return;
	}
	while (rk_packet_item(d, &rest, &item)) {
		size_t keep = d->disco_magic_len > 0 &&
			item.len >= d->disco_magic_len &&
			memcmp(item.p, d->disco_magic, d->disco_magic_len) == 0
		    ? d->disco_magic_len
		    : 0;

		scramble(p + (item.p - p) + keep, item.len - keep, n++);
	}
}

static struct datum *
datum_of(struct lifter *l, const uint8_t *p, size_t len, bool packet)
{
	size_t b = hash(p, len);
	struct datum *d;

	for (size_t i = l->bucket[b]; i != 0; i = l->data[i - 1].next) {
		d = &l->data[i - 1];
		if (d->len == len && memcmp(d->bytes, p, len) == 0)
			return d;
	}
	if ((l->ndata & (l->ndata + 1)) == 0)
		l->data =
		    xreallocarray(l->data, 2 * l->ndata + 2, sizeof(*l->data));
	d = &l->data[l->ndata++];
	*d = (struct datum){
		.bytes = xmemdup(p, len),
		.shown = xmemdup(p, len),
		.len = len,
		.next = l->bucket[b],
	};
	l->bucket[b] = l->ndata;
	if (l->o->scrub && packet)
		scrub_packet(l->dialect, d->shown, len, l->ndata);
	else if (l->o->scrub)
		scramble(d->shown, len, l->ndata);
	return d;
}

void
lift_data_free(struct lifter *l)
{
	for (size_t i = 0; i < l->ndata; i++) {
		free(l->data[i].bytes);
		free(l->data[i].shown);
	}
	free(l->data);
}

/* ---- forms ---- */

/* 0, 1, 2, … 250, 0, …: from |from| on. */
static bool
is_fill(const uint8_t *p, size_t len, size_t from)
{
	for (size_t i = from; i < len; i++)
		if (p[i] != i % FILL_MODULUS)
			return false;
	return true;
}

static bool
add_pattern(const struct lifter *l, struct text *out, const uint8_t *p,
    size_t len)
{
	size_t magic = l->dialect->disco_magic_len;

	if (len < PATTERN_MIN)
		return false;
	if (is_fill(p, len, 0)) {
		text_addf(out, "fill(%zu)", len);
		return true;
	}
	if (magic > 0 && len > magic &&
	    memcmp(p, l->dialect->disco_magic, magic) == 0 &&
	    is_fill(p, len, magic)) {
		text_addf(out, "disco(%zu)", len);
		return true;
	}
	return false;
}

static void
add_quoted(struct text *out, const uint8_t *p, size_t len)
{
	text_add(out, "\"");
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '"')
			text_add(out, "\\\"");
		else
			text_add_escaped(out, &p[i], 1);
	}
	text_add(out, "\"");
}

/* Hex, with what repeats itself counted: x"5453 00*32". */
static void
add_hex(struct text *out, const uint8_t *p, size_t len)
{
	bool spaced = false;

	text_add(out, "x\"");
	for (size_t i = 0; i < len;) {
		size_t run = 1;

		while (i + run < len && p[i + run] == p[i])
			run++;
		if (run < 5) {
			if (spaced)
				text_add(out, " ");
			spaced = false;
			text_add_hex(out, &p[i], 1);
			i++;
			continue;
		}
		if (i > 0)
			text_add(out, " ");
		text_add_hex(out, &p[i], 1);
		text_addf(out, "*%zu", run);
		spaced = true;
		i += run;
	}
	text_add(out, "\"");
}

static void
add_literal(const struct lifter *l, struct text *out, const uint8_t *p,
    size_t len)
{
	if (len == 0)
		text_add(out, "\"\"");
	else if (add_pattern(l, out, p, len))
		return;
	else if (len <= TEXT_MAX && text_is_printable(p, len))
		add_quoted(out, p, len);
	else
		add_hex(out, p, len);
}

/* ---- values ---- */

/* A long one that occurs more than once is written once, in front. */
static void
add_datum(struct lifter *l, struct text *line, struct datum *d)
{
	struct text value;

	d->uses += l->counting;
	text_init(&value);
	add_literal(l, &value, d->shown, d->len);
	if (d->uses < 2 || value.len <= INLINE_MAX) {
		text_add(line, text_str(&value));
	} else {
		if (d->variable == 0 && !l->counting) {
			struct text let;

			text_init(&let);
			d->variable = ++l->nvariables;
			text_addf(&let, "let $d%u = %s", d->variable,
			    text_str(&value));
			lift_put(l, &let);
		}
		text_addf(line, "$d%u", d->variable);
	}
	text_clear(&value);
}

void
lift_add_bytes(struct lifter *l, struct text *line, const void *p, size_t len)
{
	l->scrubbed += !l->counting && len > 0;
	add_datum(l, line, datum_of(l, p != NULL ? p : "", len, false));
}

void
lift_add_packet(struct lifter *l, struct text *line, const void *p, size_t len)
{
	l->scrubbed += !l->counting && len > 0;
	add_datum(l, line, datum_of(l, p != NULL ? p : "", len, true));
}

void
lift_add_kept(struct lifter *l, struct text *line, const void *p, size_t len)
{
	l->kept += !l->counting && len > 0;
	add_literal(l, line, p, len);
}

void
lift_add_key(struct lifter *l, struct text *line, struct rk_span key)
{
	int i = key.len == RK_KEY_LEN ? lift_key_index(l, key) : -1;

	if (i >= 0 && !l->keys[i].literal)
		text_addf(line, "pub(%s)", l->keys[i].name);
	else
		lift_add_kept(l, line, key.p, key.len);
}
