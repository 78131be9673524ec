/*
 * A bounded queue of frames on their way to one receiver.  A frame is lent
 * (its bytes lie in the sender's receive buffer, until the end of the turn)
 * or owned.  The newest is dropped when the queue is full.
 */
#ifndef RELAYD_SENDQ_H
#define RELAYD_SENDQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sendq_frame {
	const uint8_t *bytes; /* as they go on the wire */
	void *own;            /* begins there, to be freed; NULL: lent */
	uint32_t len;
	uint32_t data_len; /* of the packet in it, for counters */
};

struct sendq {
	struct sendq_frame *ring;
	uint32_t size; /* of the ring: 0, or a power of two */
	uint32_t head;
	uint32_t count;
	uint32_t nlent; /* the newest so many may be lent */
	size_t bytes;
	size_t backlog; /* most bytes of its own, not told yet */
};

struct sendq_limits {
	size_t frames;
	size_t bytes; /* one frame always fits */
};

void sendq_init(struct sendq *q);
/* Drop everything; the queue is empty again. */
void sendq_clear(struct sendq *q);

bool sendq_is_full(const struct sendq *q, const struct sendq_limits *limits,
    size_t len);

/* Append; f->own is taken.  False, and nothing is taken: no memory. */
bool sendq_push(struct sendq *q, const struct sendq_frame *f);

/* The frame at |i| from the front; i < q->count. */
const struct sendq_frame *sendq_at(const struct sendq *q, uint32_t i);

/* Remove |n| frames from the front. */
void sendq_pop(struct sendq *q, uint32_t n);

/* Copy what is lent.  The number of frames dropped for want of memory. */
unsigned sendq_own(struct sendq *q);

/* Once it is empty: how many bytes of its own it held at the most since it was
 * asked last; else 0. */
size_t sendq_end_backlog(struct sendq *q);

#endif
