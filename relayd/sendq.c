/* A ring that doubles, and is given back when a backlog is over. */
#include "config.h"

#include "relayd/sendq.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	MIN_SIZE = 8,
	KEEP_SIZE = 64 /* an empty ring that is larger is freed */
};

void
sendq_init(struct sendq *q)
{
	*q = (struct sendq){ 0 };
}

static struct sendq_frame *
slot(const struct sendq *q, uint32_t i)
{
	return &q->ring[(q->head + i) & (q->size - 1)];
}

void
sendq_clear(struct sendq *q)
{
	size_t backlog = q->backlog;

	for (uint32_t i = 0; i < q->count; i++)
		free(slot(q, i)->own);
	free(q->ring);
	sendq_init(q);
	q->backlog = backlog;
}

bool
sendq_is_full(const struct sendq *q, const struct sendq_limits *limits,
    size_t len)
{
	if (q->count >= limits->frames)
		return true;
	return q->count > 0 && q->bytes + len > limits->bytes;
}

static bool
grow(struct sendq *q)
{
	uint32_t size = q->size == 0 ? MIN_SIZE : q->size * 2;
	struct sendq_frame *ring = calloc(size, sizeof(*ring));

	if (ring == NULL)
		return false;
	for (uint32_t i = 0; i < q->count; i++)
		ring[i] = *slot(q, i);
	free(q->ring);
	q->ring = ring;
	q->size = size;
	q->head = 0;
	return true;
}

bool
sendq_push(struct sendq *q, const struct sendq_frame *f)
{
	if (q->count == q->size && !grow(q))
		return false;
	*slot(q, q->count) = *f;
	q->count++;
	q->bytes += f->len;
	if (f->own == NULL || q->nlent > 0)
		q->nlent++;
	return true;
}

const struct sendq_frame *
sendq_at(const struct sendq *q, uint32_t i)
{
	assert(i < q->count);
	return slot(q, i);
}

void
sendq_pop(struct sendq *q, uint32_t n)
{
	assert(n <= q->count);
	for (uint32_t i = 0; i < n; i++) {
		struct sendq_frame *f = slot(q, i);

		q->bytes -= f->len;
		free(f->own);
	}
	q->head = (q->head + n) & (q->size - 1);
	q->count -= n;
	if (q->nlent > q->count)
		q->nlent = q->count;
	if (q->count == 0 && q->size > KEEP_SIZE)
		sendq_clear(q);
}

unsigned
sendq_own(struct sendq *q)
{
	uint32_t first = q->count - q->nlent, kept = first;

	for (uint32_t i = first; i < q->count; i++) {
		struct sendq_frame f = *slot(q, i);

		if (f.own == NULL && (f.own = malloc(f.len)) == NULL) {
			q->bytes -= f.len;
			continue;
		}
		if (f.own != f.bytes)
			f.bytes = memcpy(f.own, f.bytes, f.len);
		*slot(q, kept++) = f;
	}
	first = q->count - kept;
	q->count = kept;
	q->nlent = 0;
	if (q->bytes > q->backlog)
		q->backlog = q->bytes;
	return first;
}

size_t
sendq_end_backlog(struct sendq *q)
{
	size_t backlog = q->backlog;

	if (q->count > 0)
		return 0;
	q->backlog = 0;
	return backlog;
}
