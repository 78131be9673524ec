/* A contiguous queue of bytes: appended at the end, consumed at the front. */
#ifndef NET_BUFFER_H
#define NET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *base;
	size_t start; /* of what is in it */
	size_t len;
	size_t cap;
};

void buffer_clear(struct buffer *b); /* frees */
uint8_t *buffer_data(struct buffer *b);
/* Room for |n| more bytes behind the data, or NULL without memory. */
uint8_t *buffer_reserve(struct buffer *b, size_t n);
/* How much fits without another allocation or move. */
size_t buffer_room(const struct buffer *b);
/* |n| bytes were written into the room. */
void buffer_added(struct buffer *b, size_t n);
bool buffer_append(struct buffer *b, const void *p, size_t n);
/*
 * Nothing more is done with what is in it for now: the memory goes back, but
 * for a place of its own for what is left, if that is little beside what was
 * consumed.  Who is next gets memory that is still in the cache.
 */
void buffer_settle(struct buffer *b);
void buffer_consume(struct buffer *b, size_t n);
/* Remove |n| bytes at |at|. */
void buffer_consume_at(struct buffer *b, size_t at, size_t n);

#endif
