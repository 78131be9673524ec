/*
 * A token bucket, kept in time: what is taken costs nanoseconds, and the
 * bucket holds so many of them and fills by itself.  It starts full.
 */
#ifndef BASE_BUCKET_H
#define BASE_BUCKET_H

#include <stdint.h>

struct bucket {
	int64_t capacity_ns; /* what can be taken at once */
	int64_t full_at;     /* when it is full again, monotonic */
};

void bucket_init(struct bucket *b, int64_t capacity_ns);

/*
 * How long until |cost_ns| may be taken; 0: now.  What costs more than the
 * bucket holds may go when it is full, and is paid off afterwards.
 */
int64_t bucket_wait(const struct bucket *b, int64_t now, int64_t cost_ns);

/* Take it, whether it is there or not. */
void bucket_take(struct bucket *b, int64_t now, int64_t cost_ns);

#endif
