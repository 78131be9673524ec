/* The list of events, and its connections. */
#include "config.h"

#include "transcript/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct transcript *
transcript_new(void)
{
	return xcalloc(1, sizeof(struct transcript));
}

static void
event_clear(struct event *e)
{
	free(e->bytes);
	free(e->text);
}

void
transcript_free(struct transcript *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nevents; i++)
		event_clear(&t->events[i]);
	for (size_t i = 0; i < t->nconns; i++) {
		free(t->conns[i].name);
		free(t->conns[i].peer);
	}
	free(t->events);
	free(t->conns);
	free(t->dropped);
	free(t->points);
	free(t);
}

/* Room for one more: the arrays double, beginning with 8. */
static void *
grow(void *array, size_t n, size_t size)
{
	if (n != 0 && (n < 8 || (n & (n - 1)) != 0))
		return array;
	return xreallocarray(array, n == 0 ? 8 : 2 * n, size);
}

static size_t
new_place(struct transcript *t)
{
	if (t->ndropped > 0)
		return t->dropped[--t->ndropped];
	t->conns = grow(t->conns, t->nconns, sizeof(t->conns[0]));
	return t->nconns++;
}

int
transcript_add_conn(struct transcript *t, const char *name)
{
	size_t place = new_place(t);

	t->conns[place] = (struct transcript_conn){ .name = xstrdup(name),
		.number = t->total_conns++ };
	return (int)place;
}

void
transcript_drop_conn(struct transcript *t, int conn)
{
	struct transcript_conn *c = &t->conns[conn];

	if (!t->streaming)
		return;
	free(c->name);
	free(c->peer);
	*c = (struct transcript_conn){ 0 };
	t->dropped = grow(t->dropped, t->ndropped, sizeof(t->dropped[0]));
	t->dropped[t->ndropped++] = (size_t)conn;
}

bool
event_is_counted(const struct event *e)
{
	switch (e->kind) {
	case EVENT_HTTP:
	case EVENT_BODY:
	case EVENT_FRAME:
	case EVENT_WS:
	case EVENT_REST:
		return true;
	default:
		return false;
	}
}

/* A gap's or opaque event's len counts bytes that are nowhere. */
static struct event *
keep(struct transcript *t, const struct event *e)
{
	struct event *kept;

	t->events = grow(t->events, t->nevents, sizeof(t->events[0]));
	kept = &t->events[t->nevents++];
	*kept = *e;
	if (e->bytes != NULL)
		kept->bytes = xmemdup(e->bytes, e->len);
	if (e->text != NULL)
		kept->text = xstrdup(e->text);
	return kept;
}

struct event *
transcript_add(struct transcript *t, const struct event *e)
{
	struct event shown = *e;
	struct event *kept = NULL;
	size_t index = t->nevents;

	if (!t->streaming)
		kept = keep(t, e);
	if (t->on_event != NULL)
		t->on_event(t->arg, t, kept != NULL ? kept : &shown);
	if (e->conn != TRANSCRIPT_NO_CONN && event_is_counted(e))
		t->conns[e->conn].count[e->dir]++;
	/* The callback may have added events itself. */
	return kept != NULL ? &t->events[index] : NULL;
}

/* ---- how much it holds ---- */

/* What the allocator adds to an event's bytes and text. */
#define OVERHEAD 48

static bool
has_bytes(const struct event *e)
{
	return e->bytes != NULL;
}

static size_t
event_size(const struct event *e)
{
	return sizeof(*e) + OVERHEAD + (has_bytes(e) ? e->len : 0) +
	    (e->text != NULL ? strlen(e->text) + 1 : 0);
}

size_t
transcript_size(const struct transcript *t)
{
	size_t sum = 0;

	for (size_t i = 0; i < t->nevents; i++)
		sum += event_size(&t->events[i]);
	return sum;
}

/* A remark in place of the events [from, to). */
static void
leave_out(struct transcript *t, size_t from, size_t to)
{
	struct event remark = {
		.kind = EVENT_REMARK,
		.conn = TRANSCRIPT_NO_CONN,
		.time_ns = t->events[from].time_ns,
	};
	char line[96];
	size_t bytes = 0;

	for (size_t i = from; i < to; i++) {
		bytes += has_bytes(&t->events[i]) ? t->events[i].len : 0;
		event_clear(&t->events[i]);
	}
	snprintf(line, sizeof(line),
	    "%zu events with %zu bytes are left out here, for want of memory",
	    to - from, bytes);
	remark.text = xstrdup(line);
	t->events[from] = remark;
	memmove(&t->events[from + 1], &t->events[to],
	    (t->nevents - to) * sizeof(t->events[0]));
	t->nevents -= to - from - 1;
}

/* The array keeps the form that grow() knows. */
static void
give_back(struct transcript *t)
{
	size_t room = 8;

	while (room < t->nevents)
		room *= 2;
	t->events = xreallocarray(t->events, room, sizeof(t->events[0]));
}

void
transcript_cut(struct transcript *t, size_t room)
{
	size_t from = 0, to = t->nevents, used;

	if (transcript_size(t) <= room)
		return;
	for (used = 0; from < to; from++) {
		used += event_size(&t->events[from]);
		if (used > room / 2 && from > 0)
			break;
	}
	for (used = 0; to > from; to--) {
		used += event_size(&t->events[to - 1]);
		if (used > room / 2 && to < t->nevents)
			break;
	}
	if (to <= from + 1)
		return;
	leave_out(t, from, to);
	give_back(t);
}
