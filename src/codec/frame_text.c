/* One line of text for a frame. */
#include "config.h"

#include "codec/frame.h"

#include <string.h>

#define SHORTENED 6 /* bytes of a key or signature, then an ellipsis */

/* Counts the whole line and keeps the beginning that fits. */
struct line {
	char *out;
	size_t size;
	size_t len;
	bool full; /* something was left out */
};

/* Add a piece, whole or not at all. */
static void
put_n(struct line *l, const char *s, size_t n)
{
	if (l->size <= l->len || l->size - l->len <= n)
		l->full = true;
	if (!l->full) {
		memcpy(l->out + l->len, s, n);
		l->out[l->len + n] = '\0';
	}
	l->len += n;
}

static void
put(struct line *l, const char *s)
{
	put_n(l, s, strlen(s));
}

static void
put_uint(struct line *l, uint64_t v)
{
	char digits[21];
	char *p = digits + sizeof(digits) - 1;

	*p = '\0';
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	put(l, p);
}

static void
put_hex(struct line *l, struct rk_span s, size_t snap)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = s.len < snap ? s.len : snap, fits = 0;
	char *out;

	/* Where not all of them fit, as many as do. */
	if (!l->full && l->size > l->len)
		fits = (l->size - l->len - 1) / 2;
	l->full = l->full || fits < n;
	fits = fits < n ? fits : n;
	out = l->out + l->len;
	for (size_t i = 0; i < fits; i++) {
		*out++ = digits[s.p[i] >> 4];
		*out++ = digits[s.p[i] & 0xf];
	}
	if (fits > 0)
		*out = '\0';
	l->len += 2 * n;
	if (s.len > snap)
		put(l, "…");
}

/* ASCII only: other characters could steer a terminal, too. */
static void
put_quoted(struct line *l, struct rk_span s, size_t snap)
{
	put(l, "\"");
	for (size_t i = 0; i < s.len && i < snap; i++) {
		const char c[] = { (char)s.p[i], '\0' };

		if (s.p[i] == '"' || s.p[i] == '\\')
			put(l, "\\");
		if (s.p[i] >= 0x20 && s.p[i] < 0x7f) {
			put(l, c);
		} else {
			put(l, "\\x");
			put_hex(l, (struct rk_span){ s.p + i, 1 }, 1);
		}
	}
	if (s.len > snap)
		put(l, "…");
	put(l, "\"");
}

static void
put_count(struct line *l, size_t n)
{
	put_uint(l, n);
	put(l, n == 1 ? " byte" : " bytes");
}

/* "5 bytes 68656c6c6f" */
static void
put_data(struct line *l, struct rk_span s, size_t snap)
{
	put_count(l, s.len);
	if (s.len == 0 || snap == 0)
		return;
	put_n(l, " ", 1);
	put_hex(l, s, snap);
}

static void
put_number(struct line *l, struct rk_span s)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.p[i];
	put_uint(l, v);
}

/* What stands before a value; the rest speaks for itself. */
static const char *
label(const struct rk_frame *f, const struct rk_field_spec *fs)
{
	switch (fs->field_class) {
	case RK_CLASS_KEY:
		if (f->kind == RK_FRAME_SEND)
			return "to";
		return f->kind == RK_FRAME_RECV ? "from" : NULL;
	case RK_CLASS_SIGNATURE:
	case RK_CLASS_TIME:
	case RK_CLASS_COUNTER:
	case RK_CLASS_LENGTH:
		return fs->name;
	case RK_CLASS_ENUM:
		return fs->type == RK_FIELD_UINT ? NULL : fs->name;
	default:
		return NULL;
	}
}

static void
put_value(struct line *l, const struct rk_field_spec *fs, struct rk_span s,
    size_t snap)
{
	if (fs->type == RK_FIELD_TEXT)
		put_quoted(l, s, snap);
	else if (fs->type == RK_FIELD_UINT)
		put_number(l, s);
	else if (fs->field_class == RK_CLASS_PAYLOAD)
		put_data(l, s, snap);
	else if (s.len == 0)
		put(l, "(empty)");
	else
		put_hex(l, s, fs->len > 2 * SHORTENED ? SHORTENED : snap);
}

static void
put_field(struct line *l, const struct rk_frame *f, size_t i, size_t snap)
{
	const struct rk_field_spec *fs = &f->spec->field[i];
	struct rk_span s = f->field[i];
	const char *before = label(f, fs);

	if (fs->type == RK_FIELD_MAGIC) {
		if (s.len == fs->len && memcmp(s.p, fs->magic, s.len) != 0)
			put(l, " (wrong magic)");
		return;
	}
	/* behind the end of a short payload */
	if (s.len == 0 && (fs->len > 0 || f->payload.len < f->spec->min))
		return;
	put_n(l, " ", 1);
	if (before != NULL) {
		put(l, before);
		put_n(l, " ", 1);
	}
	put_value(l, fs, s, snap);
}

static void
put_length_remark(struct line *l, const struct rk_frame *f)
{
	size_t len = f->payload.len;

	if (len >= f->spec->min && len <= f->spec->max)
		return;
	put(l, " (");
	if (len < f->spec->min) {
		put_count(l, f->spec->min - len);
		put(l, " too few)");
	} else {
		put_count(l, len - f->spec->max);
		put(l, " too many)");
	}
}

static void
put_unknown(struct line *l, const struct rk_frame *f, size_t snap)
{
	const uint8_t type[] = { (uint8_t)(f->type >> 24),
		(uint8_t)(f->type >> 16), (uint8_t)(f->type >> 8),
		(uint8_t)f->type };
	size_t zeros = 0;

	while (zeros < 3 && type[zeros] == 0)
		zeros++;
	put(l, "unknown 0x");
	put_hex(l, (struct rk_span){ type + zeros, 4 - zeros }, 4);
	put_n(l, " ", 1);
	put_data(l, f->payload, snap);
}

size_t
rk_frame_text(const struct rk_frame *f, size_t snap, char *out, size_t size)
{
	struct line l = { out, size, 0, size == 0 };
	size_t n;

	if (size > 0)
		*out = '\0';
	if (f->spec == NULL) {
		put_unknown(&l, f, snap);
		return l.len;
	}
	n = rk_frame_spec_nfields(f->spec);
	put(&l, f->spec->name);
	for (size_t i = 0; i < n; i++)
		put_field(&l, f, i, snap);
	put_length_remark(&l, f);
	return l.len;
}
