/*
 * Finding the frames of a stream whose beginning is missing or that has a
 * hole.  Only what is certain counts: a frame that is legal to the last byte
 * and fills its segments exactly, or is followed by the legal header of
 * another.  By chance that happens about once in 2^40 bytes.
 */
#include "config.h"

#include "transcript/dissect_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum guess {
	GUESS_NO,
	GUESS_MORE, /* it depends on bytes that are not there yet */
	GUESS_YES
};

/* What was found at a place: |total| bytes, 0 while even that is unknown. */
struct unit {
	enum guess guess;
	uint64_t total;
};

static bool
may_send(const struct side *s, const struct rk_frame_spec *spec)
{
	return (spec->sender &
		   (s->dir == DIR_C2S ? RK_FROM_CLIENT : RK_FROM_SERVER)) != 0;
}

static bool
legal_length(const struct dissector *d, const struct side *s, uint32_t type,
    uint64_t len)
{
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_type(d->dialect, type);

	return spec != NULL && may_send(s, spec) && len >= spec->min &&
	    len <= spec->max;
}

static enum guess
legal_frame(const struct dissector *d, const struct rk_raw_frame *raw)
{
	struct rk_frame f;

	return rk_frame_decode(d->dialect, raw, true, &f) == RK_OK ? GUESS_YES
								   : GUESS_NO;
}

static struct unit
raw_unit(const struct dissector *d, const struct side *s, const uint8_t *p,
    size_t len)
{
	struct rk_raw_frame raw;
	int err = rk_split(d->dialect->header[RK_CARRIER_RAW],
	    d->dialect->max_frame, p, len, &raw);

	if (err == RK_ERR_AGAIN && len < raw.header_len)
		return (struct unit){ GUESS_MORE, 0 };
	if ((err != RK_OK && err != RK_ERR_AGAIN) ||
	    !legal_length(d, s, raw.type, raw.total_len - raw.header_len))
		return (struct unit){ GUESS_NO, 0 };
	if (err == RK_ERR_AGAIN)
		return (struct unit){ GUESS_MORE, raw.total_len };
	return (struct unit){ legal_frame(d, &raw), raw.total_len };
}

/* One unfragmented binary message with one frame. */
static struct unit
ws_unit(const struct dissector *d, const struct side *s, const uint8_t *p,
    size_t len)
{
	const struct unit no = { GUESS_NO, 0 };
	struct rk_raw_frame raw;
	struct rk_ws_header h;
	struct unit u = no;
	uint8_t *copy, first;
	int err = rk_ws_parse_header(p, len, &h);

	if (err != RK_OK && err != RK_ERR_AGAIN)
		return no;
	if (len >= 1 && (!h.fin || h.rsv != 0 || h.opcode != RK_WS_BINARY))
		return no;
	if (len >= 2 && h.masked != (s->dir == DIR_C2S))
		return no;
	if (err == RK_ERR_AGAIN)
		return (struct unit){ GUESS_MORE, 0 };
	if (!h.minimal || h.payload_len == 0 ||
	    h.payload_len > d->dialect->max_message)
		return no;
	u.total = h.header_len + h.payload_len;
	if (len <= h.header_len)
		return (struct unit){ GUESS_MORE, 0 };
	/* The type before the rest: most places are ruled out by it. */
	first = p[h.header_len];
	if (h.masked)
		rk_ws_mask(h.mask, 0, &first, 1);
	if (d->dialect->header[RK_CARRIER_WS] == RK_HEADER_TYPE8 &&
	    !legal_length(d, s, first, h.payload_len - 1))
		return no;
	u.guess = GUESS_MORE;
	if (len < u.total)
		return u;
	copy = xmemdup(p + h.header_len, (size_t)h.payload_len);
	if (h.masked)
		rk_ws_mask(h.mask, 0, copy, (size_t)h.payload_len);
	u.guess = GUESS_NO;
	if (rk_split(d->dialect->header[RK_CARRIER_WS], d->dialect->max_frame,
		copy, (size_t)h.payload_len, &raw) == RK_OK)
		u.guess = legal_frame(d, &raw);
	free(copy);
	return u;
}

static struct unit
unit_at(const struct dissector *d, struct side *s, enum rk_carrier c,
    uint64_t off)
{
	if (off >= side_len(s))
		return (struct unit){ GUESS_MORE, 0 };
	if (c == RK_CARRIER_RAW)
		return raw_unit(d, s, side_bytes(s) + off,
		    side_len(s) - (size_t)off);
	return ws_unit(d, s, side_bytes(s) + off, side_len(s) - (size_t)off);
}

/* Do frames begin |off| bytes into what is held? */
static enum guess
frames_at(const struct dissector *d, struct side *s, enum rk_carrier c,
    size_t off, bool final)
{
	bool aligned = side_segment_begins(s, off);
	struct unit first = unit_at(d, s, c, off), next;
	uint64_t end = off + first.total;

	if (first.guess == GUESS_MORE && final)
		/* The gap behind it is just what it lacks. */
		return aligned && s->missing > 0 && first.total > 0 &&
			end == side_len(s) + s->missing
		    ? GUESS_YES
		    : GUESS_NO;
	if (first.guess != GUESS_YES)
		return first.guess;
	if (aligned && side_segment_begins(s, (size_t)end))
		return GUESS_YES;
	next = unit_at(d, s, c, end);
	if (next.guess == GUESS_NO || next.total > 0)
		return next.guess == GUESS_NO ? GUESS_NO : GUESS_YES;
	return !final ? GUESS_MORE : aligned ? GUESS_YES : GUESS_NO;
}

static bool
carrier_possible(const struct dissector *d, enum rk_carrier c)
{
	return (d->carrier < 0 || d->carrier == (int)c) &&
	    d->dialect->header[c] != RK_HEADER_NONE;
}

/* The first |off| bytes are nothing; |carrier| begins behind them, or where
 * it is -1 an HTTP head. */
static void
found(struct dissector *d, struct side *s, size_t off, int carrier)
{
	side_collect(d, s, EVENT_REST, side_bytes(s), off, RK_OK, NULL);
	side_flush(d, s);
	side_consume(s, off);
	side_set_mode(s, MODE_HEAD);
	if (carrier < 0)
		return;
	side_remark(d, s, "frames are certain from here");
	start_frames(d, s, (enum rk_carrier)carrier);
}

static enum guess
look_at(struct dissector *d, struct side *s, size_t off, bool final)
{
	enum guess best = GUESS_NO;

	if (side_segment_begins(s, off) && looks_like_head(s, off)) {
		found(d, s, off, -1);
		return GUESS_YES;
	}
	for (int c = 0; c < RK_NCARRIERS; c++) {
		enum guess g = GUESS_NO;

		if (carrier_possible(d, (enum rk_carrier)c))
			g = frames_at(d, s, (enum rk_carrier)c, off, final);
		if (g == GUESS_YES) {
			found(d, s, off, c);
			return GUESS_YES;
		}
		if (g == GUESS_MORE)
			best = GUESS_MORE;
	}
	return best;
}

bool
step_seek(struct dissector *d, struct side *s, bool final)
{
	while (s->searched < side_len(s)) {
		enum guess g = look_at(d, s, s->searched, final);

		if (g == GUESS_YES)
			return true;
		if (g == GUESS_MORE)
			return false;
		s->searched++;
	}
	if (s->searched >= CHUNK_MAX) {
		side_collect(d, s, EVENT_REST, side_bytes(s), s->searched,
		    RK_OK, NULL);
		side_consume(s, s->searched);
	}
	return false;
}
