/*
 * Counts of non-negative numbers (nanoseconds) in log-linear buckets: each
 * power of two is cut into 64, so that a value is known to 1.6 %.  Fixed
 * size, no allocation; the largest and the smallest value are exact.
 */
#ifndef CLI_HISTOGRAM_H
#define CLI_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB_BITS 6
#define HISTOGRAM_NBUCKETS                                                     \
	((64 - HISTOGRAM_SUB_BITS) * (1 << HISTOGRAM_SUB_BITS))

struct histogram {
	uint64_t count;
	int64_t min; /* of what was counted; 0 if nothing was */
	int64_t max;
	uint64_t bucket[HISTOGRAM_NBUCKETS];
};

void histogram_init(struct histogram *h);
/* A negative value counts as 0. */
void histogram_add(struct histogram *h, int64_t value);
/*
 * The smallest value such that |per_million| of a million counted ones are
 * not above it; at most 1.6 % too large, never above the largest.  0 if
 * nothing was counted.
 */
int64_t histogram_at(const struct histogram *h, unsigned per_million);

#endif
