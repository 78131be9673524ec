/* Putting fragments together: the first to claim a byte wins. */
#include "config.h"

#include "capture/ip_fragments.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"

#define PACKET_MAX 65535 /* payload of an IP packet */
#define UNIT       8     /* fragment offsets count these */
#define UNITS      ((PACKET_MAX + UNIT - 1) / UNIT)
#define TIMEOUT_NS (30 * NS_PER_S) /* RFC 791: ids may come again then */

struct assembly {
	bool used;
	bool done; /* given out; late doubles are swallowed */
	struct endpoint src, dst;
	uint32_t id;
	uint8_t protocol;
	int64_t time_ns; /* of its first fragment */
	uint64_t packet;
	size_t total; /* 0: the last fragment has not come */
	uint8_t seen[UNITS / 8 + 1];
	uint8_t *bytes; /* PACKET_MAX, or NULL */
};

struct ip_fragments {
	size_t max;
	size_t oldest;
	/* first fragments of what was given up: a ring */
	uint64_t *lost;
	size_t nlost, first_lost;
	struct assembly a[];
};

struct ip_fragments *
ip_fragments_new(size_t max)
{
	struct ip_fragments *f;

	if (max < 1)
		max = 1;
	f = xcalloc(1, sizeof(*f) + max * sizeof(f->a[0]));
	f->max = max;
	f->lost = xcalloc(max, sizeof(*f->lost));
	return f;
}

void
ip_fragments_free(struct ip_fragments *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->max; i++)
		free(f->a[i].bytes);
	free(f->lost);
	free(f);
}

bool
ip_fragments_lost(struct ip_fragments *f, uint64_t *packet)
{
	if (f->nlost == 0)
		return false;
	*packet = f->lost[f->first_lost];
	f->first_lost = (f->first_lost + 1) % f->max;
	f->nlost--;
	return true;
}

/* Whoever does not ask hears of the newest ones. */
static void
forget(struct ip_fragments *f, struct assembly *a)
{
	if (a->used && !a->done) {
		if (f->nlost == f->max) {
			f->first_lost = (f->first_lost + 1) % f->max;
			f->nlost--;
		}
		f->lost[(f->first_lost + f->nlost++) % f->max] = a->packet;
	}
	free(a->bytes);
	memset(a, 0, sizeof(*a));
}

void
ip_fragments_finish(struct ip_fragments *f)
{
	for (size_t i = 0; i < f->max; i++)
		forget(f, &f->a[(f->oldest + i) % f->max]);
}

static bool
same_packet(const struct assembly *a, const struct fragment *p)
{
	return a->used && a->id == p->id && a->protocol == p->protocol &&
	    endpoint_equal(&a->src, &p->src) &&
	    endpoint_equal(&a->dst, &p->dst);
}

static struct assembly *
find(struct ip_fragments *f, const struct fragment *p)
{
	struct assembly *a;

	for (size_t i = 0; i < f->max; i++) {
		a = &f->a[i];
		if (!same_packet(a, p))
			continue;
		if (p->time_ns - a->time_ns <= TIMEOUT_NS)
			return a;
		forget(f, a);
	}
	a = &f->a[f->oldest];
	f->oldest = (f->oldest + 1) % f->max;
	forget(f, a);
	*a = (struct assembly){ .used = true,
		.src = p->src,
		.dst = p->dst,
		.id = p->id,
		.protocol = p->protocol,
		.time_ns = p->time_ns,
		.packet = p->packet,
		.bytes = xcalloc(1, PACKET_MAX) };
	return a;
}

/* True if every byte that was there already is the same. */
static bool
copy_units(struct assembly *a, const struct fragment *p)
{
	bool same = true;

	for (size_t off = 0; off < p->data.len; off += UNIT) {
		size_t n = p->data.len - off < UNIT ? p->data.len - off : UNIT;
		size_t unit = (p->offset + off) / UNIT;
		uint8_t bit = (uint8_t)(1u << unit % 8);
		uint8_t *to = a->bytes + p->offset + off;

		if ((a->seen[unit / 8] & bit) != 0) {
			same = same && memcmp(to, p->data.p + off, n) == 0;
			continue;
		}
		a->seen[unit / 8] |= bit;
		memcpy(to, p->data.p + off, n);
	}
	return same;
}

static bool
is_whole(const struct assembly *a)
{
	size_t units = (a->total + UNIT - 1) / UNIT;

	for (size_t i = 0; i < units; i++)
		if ((a->seen[i / 8] & 1u << i % 8) == 0)
			return false;
	return units > 0;
}

enum fragment_result
ip_fragment_add(struct ip_fragments *f, const struct fragment *p,
    struct seen *whole, bool *conflict)
{
	size_t end = p->offset + p->data.wire;
	struct assembly *a;

	*conflict = false;
	if (p->data.len < p->data.wire)
		return FRAGMENT_CUT;
	if (end > PACKET_MAX || end == p->offset ||
	    (p->more && p->data.len % UNIT != 0))
		return FRAGMENT_BAD;
	a = find(f, p);
	if (a->done)
		return FRAGMENT_HELD;
	if (!p->more && a->total == 0)
		a->total = end;
	if (a->total > 0 && end > a->total)
		return FRAGMENT_BAD;
	*conflict = !copy_units(a, p);
	if (!is_whole(a))
		return FRAGMENT_HELD;
	a->done = true;
	*whole = (struct seen){ a->bytes, a->total, a->total };
	return FRAGMENT_WHOLE;
}
