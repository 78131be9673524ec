/*
 * Reassembly.  Offsets count the stream's bytes from 0 in 64 bits; sequence
 * numbers are turned into them next to where we are.
 */
#include "config.h"

#include "capture/tcp_stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/clock.h"
#include "base/xalloc.h"

#define FAR_AWAY (1 << 30) /* bytes; no window is that large */
#define HISTORY                                                                \
	(32u << 10) /* bytes kept for comparing what comes again;              \
		     * a power of two */
#define PAST_MIN   1024
#define SOURCES    64   /* segments told apart in them */
#define PIECES_MAX 4096 /* finding a place among them takes time */
#define PATIENCE                                                               \
	128           /* segments of the flow that a hole below an             \
			 acknowledgement waits for its filling */
#define PATIENCE_S 10 /* or seconds */

/* Bytes that wait for those before them. */
struct piece {
	struct piece *next;
	uint64_t off;
	size_t wire; /* they take so much of the stream */
	size_t len;  /* of which so many were captured */
	uint64_t packet;
	uint8_t bytes[];
};

/* Which packet bytes came from, up to a stream offset. */
struct source {
	uint64_t end;
	uint64_t packet;
};

struct tcp_stream {
	struct tcp_sink sink;
	size_t max_held;
	bool begun;
	uint64_t next; /* offset of the first byte that has not gone out */
	uint32_t seq;  /* its sequence number */
	struct piece *pieces; /* behind it, in order, without overlap */
	size_t npieces;
	size_t held;
	/* what went out last, for comparing: a ring, a byte's place is its
	 * offset modulo the size */
	uint8_t *past;
	size_t past_len;
	size_t past_cap;               /* a power of two */
	struct source source[SOURCES]; /* a ring as well */
	size_t nsources;
	size_t newest;
	/* the end */
	bool fin_known;
	uint64_t fin;
	bool fin_shown;
	/* acknowledged by the other side */
	uint64_t acked;
	int64_t hole_time_ns; /* since when a hole is below that, and how */
	unsigned hole_turns;  /* many segments of the flow ago */
	struct tcp_counts counts;
};

struct tcp_stream *
tcp_stream_new(const struct tcp_sink *sink, size_t max_held)
{
	struct tcp_stream *s = xcalloc(1, sizeof(*s));

	s->sink = *sink;
	s->max_held = max_held;
	return s;
}

void
tcp_stream_free(struct tcp_stream *s)
{
	if (s == NULL)
		return;
	while (s->pieces != NULL) {
		struct piece *p = s->pieces;

		s->pieces = p->next;
		free(p);
	}
	free(s->past);
	free(s);
}

void
tcp_stream_begin(struct tcp_stream *s, uint32_t isn)
{
	if (s->begun)
		return;
	s->begun = true;
	s->seq = isn + 1;
}

bool
tcp_stream_begun(const struct tcp_stream *s)
{
	return s->begun;
}

/* Offset of a sequence number, as near as possible to where we are. */
static int64_t
distance(const struct tcp_stream *s, uint32_t seq)
{
	return (int32_t)(seq - s->seq);
}

bool
tcp_stream_other_isn(const struct tcp_stream *s, uint32_t isn)
{
	return s->begun && (uint32_t)(s->seq - (uint32_t)s->next) != isn + 1;
}

size_t
tcp_stream_held(const struct tcp_stream *s)
{
	return s->held + s->past_cap;
}

size_t
tcp_stream_past(const struct tcp_stream *s)
{
	return s->past_cap;
}

void
tcp_stream_forget_past(struct tcp_stream *s)
{
	free(s->past);
	s->past = NULL;
	s->past_len = s->past_cap = 0;
	s->nsources = 0;
}

struct tcp_counts
tcp_stream_counts(const struct tcp_stream *s)
{
	return s->counts;
}

static void remark(struct tcp_stream *s, enum remark_level level,
    const struct segment *seg, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void
remark(struct tcp_stream *s, enum remark_level level, const struct segment *seg,
    const char *fmt, ...)
{
	char text[160];

	FORMAT_ARGS(text, sizeof(text), fmt);
	s->sink.remark(s->sink.arg, level, seg->time_ns, seg->packet, text);
}

/* ---- what went out ---- */

/* Copy into or out of the ring: |len| bytes of the stream from |off| on. */
static void
past_write(uint8_t *ring, size_t cap, uint64_t off, const uint8_t *p,
    size_t len)
{
	size_t at = off & (cap - 1);
	size_t first = len < cap - at ? len : cap - at;

	memcpy(ring + at, p, first);
	if (len > first)
		memcpy(ring, p + first, len - first);
}

/* A piece of the ring, as long as it goes without a break. */
static const uint8_t *
past_piece(const struct tcp_stream *s, uint64_t off, size_t *len)
{
	size_t at = off & (s->past_cap - 1);

	if (*len > s->past_cap - at)
		*len = s->past_cap - at;
	return s->past + at;
}

static void
past_room(struct tcp_stream *s, uint64_t begin, size_t need)
{
	size_t cap = s->past_cap > 0 ? s->past_cap : PAST_MIN;
	uint8_t *ring;

	while (cap < need && cap < HISTORY)
		cap *= 2;
	if (cap == s->past_cap)
		return;
	ring = xmalloc(cap);
	for (size_t done = 0; done < s->past_len;) {
		size_t n = s->past_len - done;
		const uint8_t *p = past_piece(s, begin + done, &n);

		past_write(ring, cap, begin + done, p, n);
		done += n;
	}
	free(s->past);
	s->past = ring;
	s->past_cap = cap;
}

/* What has just gone out. */
static void
remember(struct tcp_stream *s, const uint8_t *p, size_t len, uint64_t packet)
{
	if (len == 0)
		return;
	past_room(s, s->next - len - s->past_len, s->past_len + len);
	if (len > s->past_cap) {
		p += len - s->past_cap;
		len = s->past_cap;
	}
	past_write(s->past, s->past_cap, s->next - len, p, len);
	s->past_len =
	    s->past_len + len < s->past_cap ? s->past_len + len : s->past_cap;
	s->source[s->newest++ % SOURCES] = (struct source){ s->next, packet };
	if (s->nsources < SOURCES)
		s->nsources++;
}

static uint64_t
source_of(const struct tcp_stream *s, uint64_t off)
{
	for (size_t i = s->nsources; i > 0; i--) {
		const struct source *from =
		    &s->source[(s->newest - i) % SOURCES];

		if (from->end > off)
			return from->packet;
	}
	return 0;
}

static void
advance(struct tcp_stream *s, uint64_t n)
{
	s->next += n;
	s->seq += (uint32_t)n;
}

static void
give(struct tcp_stream *s, const uint8_t *p, size_t len, size_t wire,
    const struct segment *by, uint64_t packet)
{
	advance(s, len);
	remember(s, p, len, packet);
	if (len > 0)
		s->sink.data(s->sink.arg, p, len, by->time_ns, by->packet);
	if (wire > len) {
		advance(s, wire - len);
		s->past_len = 0;
		s->nsources = 0;
		s->sink.gap(s->sink.arg, wire - len, by->time_ns, by->packet);
	}
}

static void
give_gap(struct tcp_stream *s, uint64_t len, const struct segment *by)
{
	advance(s, len);
	s->past_len = 0;
	s->nsources = 0;
	remark(s, REMARK_WRONG, by,
	    "before what follows %" PRIu64 " byte%s of the stream %s missing",
	    len, len == 1 ? "" : "s", len == 1 ? "is" : "are");
	s->sink.gap(s->sink.arg, len, by->time_ns, by->packet);
}

/* ---- overlaps ---- */

/* Offset of the first byte where |seg|, at |off|, differs from |len| bytes
 * |p| at |at|; UINT64_MAX if it does not. */
static uint64_t
first_difference(const struct segment *seg, uint64_t off, const uint8_t *p,
    size_t len, uint64_t at)
{
	uint64_t from = off > at ? off : at;
	uint64_t to =
	    off + seg->data.len < at + len ? off + seg->data.len : at + len;

	for (; from < to; from++)
		if (seg->data.p[from - off] != p[from - at])
			return from;
	return UINT64_MAX;
}

static void
conflict(struct tcp_stream *s, const struct segment *seg, uint64_t off,
    uint64_t packet)
{
	if (packet != 0)
		remark(s, REMARK_WRONG, seg,
		    "other bytes than packet %" PRIu64
		    " for stream offset %" PRIu64 "; the earlier ones stay",
		    packet, off);
	else
		remark(s, REMARK_WRONG, seg,
		    "other bytes than an earlier packet for stream offset "
		    "%" PRIu64 "; the earlier ones stay",
		    off);
}

static uint64_t
past_difference(const struct tcp_stream *s, const struct segment *seg,
    uint64_t off)
{
	uint64_t differs = UINT64_MAX, at = s->next - s->past_len;

	while (at < s->next && differs == UINT64_MAX) {
		size_t n = (size_t)(s->next - at);
		const uint8_t *p = past_piece(s, at, &n);

		differs = first_difference(seg, off, p, n, at);
		at += n;
	}
	return differs;
}

/* |seg| begins at |off|, before what has gone out already ends. */
static void
compare_past(struct tcp_stream *s, const struct segment *seg, uint64_t off)
{
	uint64_t differs;

	/* A keep-alive probe has one byte of no meaning. */
	if (seg->data.wire == 1 && off + 1 == s->next)
		return;
	s->counts.resent++;
	remark(s, REMARK_NOTE, seg, "sent again: stream offset %" PRIu64, off);
	differs = past_difference(s, seg, off);
	if (differs != UINT64_MAX)
		conflict(s, seg, differs, source_of(s, differs));
}

/* ---- what waits ---- */

static struct piece *
piece_new(const struct segment *seg, uint64_t off, uint64_t from, uint64_t to)
{
	uint64_t have = off + seg->data.len; /* end of what was captured */
	size_t len = have <= from ? 0
	    : have < to           ? (size_t)(have - from)
				  : (size_t)(to - from);
	struct piece *p = xmalloc(sizeof(*p) + len);

	p->off = from;
	p->wire = (size_t)(to - from);
	p->len = len;
	p->packet = seg->packet;
	if (len > 0)
		memcpy(p->bytes, seg->data.p + (from - off), len);
	return p;
}

/* Put the parts of |seg| that nothing has claimed where they belong. */
static void
insert(struct tcp_stream *s, const struct segment *seg, uint64_t off)
{
	uint64_t from = off > s->next ? off : s->next;
	uint64_t end = off + seg->data.wire;
	struct piece **at = &s->pieces;
	bool again = false;

	while (from < end) {
		struct piece *p = *at, *new;
		uint64_t to;

		if (p != NULL && p->off <= from) {
			uint64_t differs = first_difference(seg, off, p->bytes,
			    p->len, p->off);

			if (p->off + p->wire > from) {
				again = true;
				from = p->off + p->wire;
				if (differs != UINT64_MAX)
					conflict(s, seg, differs, p->packet);
			}
			at = &p->next;
			continue;
		}
		to = p != NULL && p->off < end ? p->off : end;
		new = piece_new(seg, off, from, to);
		new->next = p;
		*at = new;
		at = &new->next;
		s->npieces++;
		s->held += sizeof(*new) + new->len;
		from = to;
	}
	if (again) {
		s->counts.resent++;
		remark(s, REMARK_NOTE, seg,
		    "sent again: stream offset %" PRIu64, off);
	}
}

static void
deliver(struct tcp_stream *s, const struct segment *by)
{
	while (s->pieces != NULL && s->pieces->off == s->next) {
		struct piece *p = s->pieces;

		s->pieces = p->next;
		s->npieces--;
		s->held -= sizeof(*p) + p->len;
		give(s, p->bytes, p->len, p->wire, by, p->packet);
		free(p);
	}
	if (s->fin_known && !s->fin_shown && s->next >= s->fin) {
		s->fin_shown = true;
		s->sink.fin(s->sink.arg, by->time_ns, by->packet);
	}
}

/* The bytes before the first piece, or before the end, will not come. */
static void
declare_gap(struct tcp_stream *s, const struct segment *by)
{
	uint64_t to = s->next;

	if (s->pieces != NULL)
		to = s->pieces->off;
	else if (s->fin_known)
		to = s->fin;
	else if (s->acked > s->next + 1) /* 1 may be a FIN that was lost */
		to = s->acked;
	s->hole_time_ns = 0;
	s->hole_turns = 0;
	if (to > s->next)
		give_gap(s, to - s->next, by);
	deliver(s, by);
}

/* ---- segments ---- */

static void
take_fin(struct tcp_stream *s, const struct segment *seg, uint64_t off)
{
	if ((seg->flags & TCP_FIN) == 0 || s->fin_known)
		return;
	s->fin_known = true;
	s->fin = off + seg->data.wire;
}

/* Drop what |seg|, at |off|, has behind the FIN. */
static void
clip_to_fin(struct tcp_stream *s, struct segment *seg, uint64_t off)
{
	size_t fits = off < s->fin ? (size_t)(s->fin - off) : 0;
	size_t behind = seg->data.wire - fits;

	/* A keep-alive probe may have the FIN's place, and a byte. */
	if (off != s->fin || behind != 1)
		remark(s, REMARK_WRONG, seg,
		    "%zu byte%s behind the end of the stream, left out", behind,
		    behind == 1 ? "" : "s");
	seg->data.wire = fits;
	if (seg->data.len > fits)
		seg->data.len = fits;
}

static void
take_data(struct tcp_stream *s, const struct segment *whole, uint64_t off)
{
	struct segment clipped = *whole, *seg = &clipped;

	if (s->fin_known && off + seg->data.wire > s->fin)
		clip_to_fin(s, seg, off);
	if (seg->data.wire == 0)
		return;
	if (off < s->next && seg->data.wire > 0)
		compare_past(s, seg, off);
	if (off > s->next) {
		s->counts.reordered++;
		remark(s, REMARK_NOTE, seg,
		    "before its turn: %" PRIu64 " bytes are missing so far",
		    off - s->next);
	}
	if (off == s->next && s->pieces == NULL)
		give(s, seg->data.p, seg->data.len, seg->data.wire, seg,
		    seg->packet);
	else
		insert(s, seg, off);
}

void
tcp_stream_segment(struct tcp_stream *s, const struct segment *seg)
{
	uint32_t seq = seg->seq;
	int64_t far;

	if ((seg->flags & TCP_SYN) != 0)
		tcp_stream_begin(s, seq++);
	if (!s->begun) {
		s->begun = true;
		s->seq = seq;
	}
	far = distance(s, seq);
	if (far > FAR_AWAY || far < -FAR_AWAY) {
		if (seg->data.wire > 0)
			remark(s, REMARK_WRONG, seg,
			    "far from where its connection is: ignored");
		return;
	}
	if (far < 0 && (uint64_t)-far > s->next) {
		if (seg->data.wire > 0)
			remark(s, REMARK_NOTE, seg,
			    "from before what was captured of its connection");
		return;
	}
	take_fin(s, seg, s->next + (uint64_t)far);
	if (seg->data.wire > 0)
		take_data(s, seg, s->next + (uint64_t)far);
	deliver(s, seg);
	while (s->held > s->max_held || s->npieces > PIECES_MAX) {
		remark(s, REMARK_WRONG, seg,
		    "too much waits for bytes that are missing");
		declare_gap(s, seg);
	}
}

void
tcp_stream_acked(struct tcp_stream *s, uint32_t ack, int64_t time_ns,
    uint64_t packet)
{
	const struct segment by = { .time_ns = time_ns, .packet = packet };
	int64_t far = distance(s, ack);

	if (!s->begun || far > FAR_AWAY || far < -FAR_AWAY)
		return;
	if (far > 0 && s->next + (uint64_t)far > s->acked)
		s->acked = s->next + (uint64_t)far;
	if (s->acked <= s->next + 1) {
		s->hole_turns = 0;
		return;
	}
	if (s->hole_turns++ == 0)
		s->hole_time_ns = time_ns;
	if (s->hole_turns > PATIENCE ||
	    time_ns - s->hole_time_ns > PATIENCE_S * NS_PER_S)
		declare_gap(s, &by);
}

void
tcp_stream_finish(struct tcp_stream *s, int64_t time_ns, uint64_t packet)
{
	const struct segment by = { .time_ns = time_ns, .packet = packet };

	/* Behind a known end nothing is missing, whatever an ACK claims. */
	while (s->pieces != NULL || (s->fin_known && !s->fin_shown) ||
	    (!s->fin_known && s->acked > s->next + 1))
		declare_gap(s, &by);
}
