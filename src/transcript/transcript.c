/* The list of events, and its connections. */
#include "config.h"

#include "transcript/transcript.h"

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
