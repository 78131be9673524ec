/* Log-linear buckets; see histogram.h. */
#include "config.h"

#include "relay-cli/histogram.h"

#include <string.h>

#define SUB (1 << HISTOGRAM_SUB_BITS)

void
histogram_init(struct histogram *h)
{
	memset(h, 0, sizeof(*h));
}

/* Values below 64 have a bucket each; from there on the top seven bits say
 * which. */
static unsigned
bucket_of(uint64_t v)
{
	unsigned shift;

	if (v < SUB)
		return (unsigned)v;
	shift = 63U - (unsigned)__builtin_clzll(v) - HISTOGRAM_SUB_BITS;
	return shift * SUB + (unsigned)(v >> shift);
}

/* The largest value that falls into bucket |i|. */
static int64_t
top_of(unsigned i)
{
	unsigned shift = i < SUB ? 0 : i / SUB - 1;
	uint64_t first = i < SUB ? i : SUB + i % SUB;

	return (int64_t)(((first + 1) << shift) - 1);
}

void
histogram_add(struct histogram *h, int64_t value)
{
	if (value < 0)
		value = 0;
	if (h->count == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->bucket[bucket_of((uint64_t)value)]++;
	h->count++;
}

int64_t
histogram_at(const struct histogram *h, unsigned per_million)
{
	uint64_t seen = 0;
	uint64_t want =
	    (uint64_t)(((unsigned __int128)h->count * per_million + 999999) /
		1000000);

	if (h->count == 0)
		return 0;
	if (want == 0)
		return h->min;
	for (unsigned i = 0; i < HISTOGRAM_NBUCKETS; i++) {
		seen += h->bucket[i];
		if (seen >= want)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}
