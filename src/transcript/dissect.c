/*
 * The two directions of a connection: what is held of each, where segments
 * ended in it, and which step looks at it next.
 */
#include "config.h"

#include "transcript/dissect_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define KEEP_CAP (64u << 10) /* a larger empty buffer is given back */

struct dissector *
dissector_new(struct transcript *t, int conn, const struct rk_dialect *dialect)
{
	struct dissector *d = xcalloc(1, sizeof(*d));

	d->t = t;
	d->conn = conn;
	d->dialect = dialect;
	d->carrier = -1;
	d->side[DIR_S2C].dir = DIR_S2C;
	return d;
}

static void
side_clear(struct side *s)
{
	free(s->in.p);
	free(s->chunk.bytes);
	free(s->chunk.text);
}

void
dissector_free(struct dissector *d)
{
	if (d == NULL)
		return;
	side_clear(&d->side[DIR_C2S]);
	side_clear(&d->side[DIR_S2C]);
	free(d->request);
	free(d);
}

size_t
dissector_held(const struct dissector *d)
{
	size_t n = d->requests_cap * sizeof(*d->request);

	for (int i = 0; i < 2; i++)
		n += d->side[i].in.cap + d->side[i].chunk_cap;
	return n;
}

/* ---- what is held ---- */

static uint64_t
front(const struct side *s)
{
	return s->fed - side_len(s);
}

static void
append(struct side *s, const void *p, size_t len)
{
	struct bytes *in = &s->in;

	if (s->off > 0 && in->cap - in->len < len) {
		memmove(in->p, in->p + s->off, side_len(s));
		in->len -= s->off;
		s->off = 0;
	}
	if (in->cap - in->len < len) {
		in->cap =
		    in->len + len > 2 * in->cap ? in->len + len : 2 * in->cap;
		in->p = xreallocarray(in->p, in->cap, 1);
	}
	memcpy(in->p + in->len, p, len);
	in->len += len;
	s->fed += len;
}

static void
add_mark(struct side *s, int64_t time_ns, uint64_t packet)
{
	/* Where too many would be told apart the last ones become one. */
	if (s->nmarks == MARKS_MAX)
		s->nmarks--;
	s->mark[s->nmarks++] = (struct mark){ s->fed, time_ns, packet };
}

/* The segment that holds the byte before stream offset |end|. */
static struct mark
mark_of(const struct side *s, uint64_t end)
{
	for (size_t i = 0; i < s->nmarks; i++)
		if (s->mark[i].end >= end)
			return s->mark[i];
	return s->nmarks > 0 ? s->mark[s->nmarks - 1] : (struct mark){ 0 };
}

bool
side_segment_begins(const struct side *s, size_t off)
{
	for (size_t i = 0; i < s->nmarks; i++)
		if (s->mark[i].end == front(s) + off)
			return true;
	return false;
}

/* The newest mark stays: what comes without bytes has its time. */
static void
drop_marks(struct side *s)
{
	size_t n = 0;

	while (n + 1 < s->nmarks && s->mark[n].end < front(s))
		n++;
	s->nmarks -= n;
	memmove(s->mark, s->mark + n, s->nmarks * sizeof(s->mark[0]));
}

void
side_set_mode(struct side *s, enum mode mode)
{
	s->mode = mode;
	s->searched = 0;
	s->tried = 0;
}

void
side_consume(struct side *s, size_t n)
{
	s->off += n;
	s->searched -= s->searched < n ? s->searched : n;
	s->tried = 0;
	drop_marks(s);
	if (s->off < s->in.len)
		return;
	s->off = s->in.len = 0;
	if (s->in.cap > KEEP_CAP && !s->borrowed) {
		free(s->in.p);
		s->in = (struct bytes){ 0 };
	}
}

/* ---- events ---- */

static void
emit_at(struct dissector *d, struct side *s, struct event *e, struct mark at)
{
	e->conn = d->conn;
	e->dir = s->dir;
	e->time_ns = at.time_ns;
	e->packet = at.packet;
	if (e->kind == EVENT_FRAME)
		e->dialect = d->dialect;
	transcript_add(d->t, e);
}

void
side_emit(struct dissector *d, struct side *s, struct event *e, size_t end)
{
	emit_at(d, s, e, mark_of(s, front(s) + end));
}

void
side_remark(struct dissector *d, struct side *s, const char *text)
{
	struct event e = { .kind = EVENT_REMARK };

	e.text = xstrdup(text);
	side_emit(d, s, &e, 1);
	free(e.text);
}

void
side_flush(struct dissector *d, struct side *s)
{
	struct event *c = &s->chunk;

	if (c->len > 0 || c->error != RK_OK)
		emit_at(d, s, c, (struct mark){ 0, c->time_ns, c->packet });
	free(c->text);
	c->text = NULL;
	c->len = 0;
	c->error = RK_OK;
	if (s->chunk_cap > 0 && side_len(s) == 0) {
		free(c->bytes);
		c->bytes = NULL;
		s->chunk_cap = 0;
	}
}

static void
chunk_room(struct side *s, size_t n)
{
	if (s->chunk_cap >= n)
		return;
	s->chunk_cap = 2 * s->chunk_cap > n ? 2 * s->chunk_cap : n;
	if (s->chunk_cap > CHUNK_MAX)
		s->chunk_cap = CHUNK_MAX;
	s->chunk.bytes = xreallocarray(s->chunk.bytes, s->chunk_cap, 1);
}

void
side_collect(struct dissector *d, struct side *s, enum event_kind kind,
    const uint8_t *p, size_t n, int error, const char *text)
{
	struct event *c = &s->chunk;
	size_t done = 0;

	if (c->len > 0 && (c->kind != kind || error != RK_OK || text != NULL))
		side_flush(d, s);
	c->kind = kind;
	if (c->len == 0) {
		c->error = error;
		if (text != NULL)
			c->text = xstrdup(text);
	}
	while (done < n) {
		size_t room = CHUNK_MAX - c->len;
		size_t take = n - done < room ? n - done : room;
		size_t end = (size_t)(p - side_bytes(s)) + done + take;
		struct mark at = mark_of(s, front(s) + end);

		chunk_room(s, c->len + take);
		memcpy(c->bytes + c->len, p + done, take);
		c->len += take;
		c->time_ns = at.time_ns;
		c->packet = at.packet;
		done += take;
		if (c->len == CHUNK_MAX)
			side_flush(d, s);
	}
}

void
side_reject(struct dissector *d, struct side *s, int error, const char *text)
{
	size_t n = side_len(s);

	if (n == 0)
		return;
	side_collect(d, s, EVENT_REST, side_bytes(s), n, error, text);
	side_consume(s, n);
}

/* ---- steps ---- */

static bool
step_skip(struct dissector *d, struct side *s)
{
	size_t n = side_len(s) < s->skip ? side_len(s) : (size_t)s->skip;

	side_collect(d, s, EVENT_REST, side_bytes(s), n, RK_OK, NULL);
	side_consume(s, n);
	s->skip -= n;
	if (s->skip == 0)
		side_flush(d, s);
	return true;
}

static bool
step(struct dissector *d, struct side *s)
{
	if (side_len(s) == 0)
		return false;
	if (s->skip > 0)
		return step_skip(d, s);
	switch (s->mode) {
	case MODE_HEAD:
		return step_head(d, s);
	case MODE_BODY:
		return step_body(d, s);
	case MODE_UPGRADE:
		return false;
	case MODE_RAW:
		return step_raw(d, s);
	case MODE_WS:
		return step_ws(d, s);
	case MODE_SEEK:
		return step_seek(d, s, false);
	case MODE_LOST:
		side_reject(d, s, RK_OK, NULL);
		return true;
	}
	return false;
}

/* A step of one side may be what the other waits for. */
static void
pump(struct dissector *d)
{
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < 2; i++)
			while (step(d, &d->side[i]))
				moved = true;
	} while (moved);
}

static void
bound(struct dissector *d, struct side *s)
{
	if (side_len(s) <= HOLD_MAX)
		return;
	side_reject(d, s, RK_ERR_TOO_LONG, "more than can be held back");
	http_lost(d, s);
	side_set_mode(s, MODE_LOST);
	pump(d);
}

/* ---- the end of a direction ---- */

/* Does this side wait for something that the other may still bring? */
static bool
waits(struct dissector *d, const struct side *s)
{
	const struct side *other = other_side(d, s);

	if (other->over)
		return false;
	return s->mode == MODE_UPGRADE ||
	    (s->mode == MODE_HEAD && s->dir == DIR_S2C && side_len(s) > 0 &&
		other->mode == MODE_HEAD);
}

/* True if the direction ends inside of something. */
static bool
reject_leftover(struct dissector *d, struct side *s)
{
	bool inside = s->skip > 0 ||
	    (s->mode == MODE_BODY && s->body.kind != RK_HTTP_BODY_UNTIL_EOF);
	char *text;

	while (s->mode == MODE_SEEK && step_seek(d, s, true))
		pump(d);
	if (side_len(s) > 0 && s->mode != MODE_SEEK) {
		inside = true;
		text = describe_partial(d, s);
		side_reject(d, s, RK_OK, text);
		free(text);
	}
	side_reject(d, s, RK_OK, NULL);
	side_flush(d, s);
	return inside;
}

static void
show_end(struct dissector *d, struct side *s)
{
	struct event e = { .kind = EVENT_ENDED, .ending = s->ending };
	bool inside;

	if (!s->over || s->over_shown || waits(d, s))
		return;
	s->over_shown = true;
	inside = reject_leftover(d, s);
	if (inside && s->ending == ENDING_EOF)
		e.ending = ENDING_TRUNCATED;
	if (s->ending != ENDING_NONE)
		emit_at(d, s, &e, s->over_at);
}

static void
settle(struct dissector *d)
{
	pump(d);
	for (int i = 0; i < 2; i++)
		bound(d, &d->side[i]);
	for (int i = 0; i < 2; i++)
		show_end(d, &d->side[i]);
}

void
dissector_end(struct dissector *d, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet)
{
	struct side *s = &d->side[dir];

	if (s->over)
		return;
	s->over = true;
	s->tried = 0; /* what is there must do */
	s->ending = e;
	s->over_at = (struct mark){ s->fed, time_ns, packet };
	settle(d);
}

/* Where nothing is held and nothing is written in place, the bytes need not be
 * copied first. */
static bool
borrow(struct side *s, const void *p, size_t len)
{
	if (s->mode != MODE_RAW || side_len(s) > 0 || s->skip > 0)
		return false;
	s->own = s->in;
	s->in = (struct bytes){ (uint8_t *)(uintptr_t)p, len, len };
	s->off = 0;
	s->borrowed = true;
	s->fed += len;
	return true;
}

static void
give_back(struct side *s)
{
	const uint8_t *rest = side_bytes(s);
	size_t len = side_len(s);

	s->in = s->own;
	s->in.len = s->off = 0;
	s->own = (struct bytes){ 0 };
	s->borrowed = false;
	s->fed -= len;
	if (len > 0)
		append(s, rest, len);
}

void
dissector_feed(struct dissector *d, enum direction dir, const void *p,
    size_t len, int64_t time_ns, uint64_t packet)
{
	struct side *s = &d->side[dir];

	if (s->over || len == 0)
		return;
	if (borrow(s, p, len)) {
		add_mark(s, time_ns, packet);
		pump(d);
		give_back(s);
	} else {
		append(s, p, len);
		add_mark(s, time_ns, packet);
	}
	settle(d);
}

/* ---- gaps ---- */

/* What is in progress at the front ends in a gap of |len| bytes; false if
 * nobody can say where the next thing begins. */
static bool
bridge(struct dissector *d, struct side *s, uint64_t len)
{
	uint64_t unit = 0, have = side_len(s);
	char *text;

	if (s->skip > 0) {
		if (len == 0 || len > s->skip)
			return false;
		s->skip -= len;
		return true;
	}
	if (s->mode == MODE_BODY)
		return len > 0 && body_gap(d, s, len);
	if (s->mode == MODE_LOST)
		return true;
	if (have == 0)
		return false;
	if (s->mode == MODE_RAW || s->mode == MODE_WS)
		unit = unit_len(d, s);
	text = describe_partial(d, s);
	side_reject(d, s, RK_OK, text);
	free(text);
	if (len == 0 || unit < have + len)
		return false;
	s->skip = unit - have - len;
	return true;
}

void
dissector_gap(struct dissector *d, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet)
{
	struct side *s = &d->side[dir];
	struct event e = { .kind = EVENT_GAP, .len = (size_t)len };
	bool found;

	if (s->over)
		return;
	s->tried = 0;
	pump(d);
	s->missing = len;
	while (s->mode == MODE_SEEK && step_seek(d, s, true))
		pump(d);
	s->missing = 0;
	found = bridge(d, s, len);
	side_flush(d, s);
	s->gapped = true;
	if (len > 0)
		emit_at(d, s, &e, (struct mark){ 0, time_ns, packet });
	if (!found) {
		side_reject(d, s, RK_OK, NULL);
		side_flush(d, s);
		s->skip = 0;
		http_lost(d, s);
		side_set_mode(s, d->foreign ? MODE_LOST : MODE_SEEK);
	}
	add_mark(s, time_ns, packet);
	settle(d);
}
