/* Exact to the nanosecond: no tick, no remainder that is lost. */
#include "config.h"

#include "base/bucket.h"

void
bucket_init(struct bucket *b, int64_t capacity_ns)
{
	*b = (struct bucket){ .capacity_ns = capacity_ns };
}

int64_t
bucket_wait(const struct bucket *b, int64_t now, int64_t cost_ns)
{
	int64_t missing = b->full_at > now ? b->full_at - now : 0;
	int64_t spare = cost_ns < b->capacity_ns ? b->capacity_ns - cost_ns : 0;

	return missing > spare ? missing - spare : 0;
}

void
bucket_take(struct bucket *b, int64_t now, int64_t cost_ns)
{
	if (b->full_at < now)
		b->full_at = now;
	b->full_at += cost_ns;
}
