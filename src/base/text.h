/* Text for people and machines: growing strings, hex, escapes, numbers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A growing string, always NUL-terminated once something was added. */
struct text {
	char *s;
	size_t len;
	size_t cap;
};

void text_init(struct text *t);
void text_clear(struct text *t); /* frees */
void text_reset(struct text *t); /* empties */
void text_add(struct text *t, const char *s);
void text_add_n(struct text *t, const char *s, size_t n);
void text_addf(struct text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Room for |n| bytes and a NUL behind what is there, for the caller to write;
 * then so many of them count, the NUL is there. */
char *text_room(struct text *t, size_t n);
void text_grew(struct text *t, size_t n);
/* The string, "" if nothing was added. */
const char *text_str(const struct text *t);
/* Hand the heap string over to the caller; never NULL. */
char *text_take(struct text *t);

/* For functions that end in "const char *fmt, ...": what their caller says,
 * into |size| bytes at |out|, cut if it is longer. */
#define FORMAT_ARGS(out, size, fmt)                                            \
	do {                                                                   \
		va_list args_;                                                 \
                                                                               \
		va_start(args_, fmt);                                          \
		vsnprintf(out, size, fmt, args_);                              \
		va_end(args_);                                                 \
	} while (0)

/* Lower-case hex; |out| has 2 * len + 1 bytes. */
void hex_encode(const void *p, size_t len, char *out);
void text_add_hex(struct text *t, const void *p, size_t len);
int hex_digit(char c); /* its value, or -1 */
/* Decode digits of either case, blanks between bytes allowed.  The number
 * of bytes, or -1 with *bad_at the offset of what is not hex. */
long hex_decode(const char *s, size_t len, uint8_t *out, size_t cap,
    size_t *bad_at);
/* Bytes as text: printable ASCII as it is, the rest as \n, \\, \xNN. */
void text_add_escaped(struct text *t, const void *p, size_t len);
bool text_is_printable(const void *p, size_t len); /* ASCII */

/* "10ms", "2s", "1.5s", "3m", "500us"; nanoseconds, or -1. */
int64_t duration_parse(const char *s);
/* Whole decimal number within [min, max]; false otherwise. */
bool number_parse(const char *s, int64_t min, int64_t max, int64_t *out);
/* The word of |words| (NULL-terminated) nearest to |word|, or NULL if none
 * is near: for "did you mean". */
const char *text_nearest(const char *word, const char *const *words);
bool text_is_among(const char *word, char *const *words, size_t n);
/* |text| behind the byte order mark that it may begin with. */
const char *text_skip_mark(const char *text, size_t len);

#endif
