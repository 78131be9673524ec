/* A contiguous queue of bytes. */
#include "config.h"

#include "net/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 4096

void
buffer_clear(struct buffer *b)
{
	free(b->base);
	memset(b, 0, sizeof(*b));
}

uint8_t *
buffer_data(struct buffer *b)
{
	return b->base != NULL ? b->base + b->start : NULL;
}

size_t
buffer_room(const struct buffer *b)
{
	return b->cap - b->start - b->len;
}

static bool
grow(struct buffer *b, size_t n)
{
	size_t need = b->len + n;
	size_t cap = b->cap < SMALLEST ? SMALLEST : b->cap;
	uint8_t *base;

	if (need < n)
		return false;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	base = malloc(cap);
	if (base == NULL)
		return false;
	if (b->len > 0)
		memcpy(base, b->base + b->start, b->len);
	free(b->base);
	b->base = base;
	b->start = 0;
	b->cap = cap;
	return true;
}

uint8_t *
buffer_reserve(struct buffer *b, size_t n)
{
	if (buffer_room(b) < n) {
		/* moving pays only where more was consumed than is left */
		if (b->cap - b->len >= n && b->start >= b->len) {
			memmove(b->base, b->base + b->start, b->len);
			b->start = 0;
		} else if (!grow(b, n)) {
			return NULL;
		}
	}
	return b->base + b->start + b->len;
}

void
buffer_added(struct buffer *b, size_t n)
{
	assert(n <= buffer_room(b));
	b->len += n;
}

void
buffer_settle(struct buffer *b)
{
	uint8_t *base;

	if (b->len == 0) {
		buffer_clear(b);
		return;
	}
	if (b->start < b->len || b->cap <= SMALLEST || b->cap / 4 < b->len)
		return;
	base = malloc(b->len);
	if (base == NULL)
		return;
	memcpy(base, b->base + b->start, b->len);
	free(b->base);
	b->base = base;
	b->start = 0;
	b->cap = b->len;
}

bool
buffer_append(struct buffer *b, const void *p, size_t n)
{
	uint8_t *to = buffer_reserve(b, n);

	if (to == NULL)
		return false;
	if (n > 0)
		memcpy(to, p, n);
	b->len += n;
	return true;
}

void
buffer_consume(struct buffer *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->start = b->len == 0 ? 0 : b->start + n;
}

void
buffer_consume_at(struct buffer *b, size_t at, size_t n)
{
	uint8_t *p = b->base + b->start;

	assert(at <= b->len && n <= b->len - at);
	if (at <= b->len - at - n) {
		memmove(p + n, p, at);
		buffer_consume(b, n);
	} else {
		memmove(p + at, p + at + n, b->len - at - n);
		b->len -= n;
	}
}
