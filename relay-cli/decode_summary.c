/* Counting for decode --summary; decode_report.c prints it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "relay-cli/decode_summary_impl.h"

struct decode_summary *
decode_summary_new(void)
{
	struct decode_summary *s = xcalloc(1, sizeof(*s));

	histogram_init(&s->transit);
	s->second = INT64_MIN;
	return s;
}

void
decode_summary_free(struct decode_summary *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nconns; i++)
		free(s->conn[i].ends);
	free(s->conn);
	free(s->by_place);
	free(s);
}

/* ---- connections ---- */

/* The row of an event's connection; NULL: there are too many. */
static struct conn_row *
conn_row(struct decode_summary *s, const struct transcript *t,
    const struct event *e)
{
	const struct transcript_conn *c = &t->conns[e->conn];
	size_t place = (size_t)e->conn;
	struct conn_row *row;

	if (place >= s->nplaces) {
		s->by_place =
		    xreallocarray(s->by_place, 2 * place + 8, sizeof(size_t));
		while (s->nplaces < 2 * place + 8)
			s->by_place[s->nplaces++] = SIZE_MAX;
	}
	if (s->by_place[place] < s->nconns &&
	    s->conn[s->by_place[place]].number == c->number)
		return &s->conn[s->by_place[place]];
	s->by_place[place] = SIZE_MAX;
	if (c->number >= CONNS_SHOWN)
		return NULL;
	if ((s->nconns & (s->nconns + 1)) == 0)
		s->conn =
		    xreallocarray(s->conn, 2 * s->nconns + 2, sizeof(*s->conn));
	row = &s->conn[s->nconns];
	*row = (struct conn_row){ .number = c->number,
		.first_ns = e->time_ns,
		.last_ns = e->time_ns };
	s->by_place[place] = s->nconns++;
	return row;
}

static void
count_conn(struct decode_summary *s, const struct transcript *t,
    const struct event *e)
{
	const struct transcript_conn *c = &t->conns[e->conn];
	struct conn_row *row = conn_row(s, t, e);

	if (row == NULL)
		return;
	row->last_ns = e->time_ns > row->last_ns ? e->time_ns : row->last_ns;
	row->tls = c->tls;
	row->has_key = c->has_key;
	row->key = c->key;
	if (e->kind == EVENT_OPENED && row->ends == NULL)
		row->ends = xstrdup(e->text);
	if (e->kind == EVENT_ENDED)
		row->ending[e->dir] = e->ending;
	if (e->kind == EVENT_GAP)
		row->missing += e->len;
	if (e->kind == EVENT_FRAME) {
		row->carrier = c->carrier;
		row->frames[e->dir]++;
		row->bytes[e->dir] += e->len;
	}
}

/* ---- who spoke with whom ---- */

static struct spoke_row *
spoke_row(struct decode_summary *s, const struct rk_key *from,
    const struct rk_key *to)
{
	uint64_t a, b;
	size_t at;

	memcpy(&a, from->b, sizeof(a));
	memcpy(&b, to->b, sizeof(b));
	at = (size_t)((a * 3 + b) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
	for (size_t i = 0;; i++) {
		struct spoke_row *row = &s->spoke[(at + i) % SPOKE_PLACES];

		if (row->used && rk_key_equal(&row->from, from) &&
		    rk_key_equal(&row->to, to))
			return row;
		if (row->used)
			continue;
		if (s->nspoke == SPOKE_SHOWN)
			return &s->spoke_others;
		*row = (struct spoke_row){ .used = true,
			.from = *from,
			.to = *to };
		s->nspoke++;
		return row;
	}
}

static void
count_spoke(struct decode_summary *s, const struct transcript *t,
    const struct event *e)
{
	static const struct rk_key unknown = { { 0 } };
	const struct transcript_conn *c = &t->conns[e->conn];
	const struct rk_key *own = c->has_key ? &c->key : &unknown;
	struct spoke_row *row;
	struct rk_frame f;
	struct rk_key key;
	bool sent;

	event_frame(e, &f);
	sent = f.kind == RK_FRAME_SEND;
	if ((!sent && f.kind != RK_FRAME_RECV) || !rk_frame_key(&f, &key))
		return;
	row = sent ? spoke_row(s, own, &key) : spoke_row(s, &key, own);
	row->packets[!sent]++;
	row->bytes[!sent] += rk_frame_field(&f, "data").len;
}

static void
count_pair(struct decode_summary *s, const struct pair *p)
{
	static const struct rk_key unknown = { { 0 } };
	struct spoke_row *row = spoke_row(s, p->has_from ? &p->from : &unknown,
	    p->has_to ? &p->to : &unknown);

	if (row->pairs == 0 || p->transit_ns < row->min_ns)
		row->min_ns = p->transit_ns;
	if (row->pairs == 0 || p->transit_ns > row->max_ns)
		row->max_ns = p->transit_ns;
	row->pairs++;
	row->sum_ns += (double)p->transit_ns;
	s->several += p->several;
	histogram_add(&s->transit, p->transit_ns);
}

/* ---- all events ---- */

static void
count_second(struct decode_summary *s, const struct event *e)
{
	int64_t second = e->time_ns / NS_PER_S;

	if (s->frames++ == 0)
		s->first_ns = s->last_ns = e->time_ns;
	if (e->time_ns > s->last_ns)
		s->last_ns = e->time_ns;
	if (second != s->second) {
		s->second = second;
		s->in_second = 0;
	}
	if (++s->in_second > s->busiest)
		s->busiest = s->in_second;
}

static struct count_row *
count_row(struct decode_summary *s, const struct event *e)
{
	const struct rk_frame_spec *spec;

	if (e->kind != EVENT_FRAME)
		return &s->kinds[e->kind];
	spec = rk_frame_spec_by_type(e->dialect, e->type);
	s->dialect = e->dialect;
	if (spec == NULL || spec - e->dialect->frames >= FRAME_ROWS)
		return &s->unknown;
	return &s->types[spec - e->dialect->frames];
}

void
decode_summary_event(struct decode_summary *s, const struct transcript *t,
    const struct event *e, const struct pair *pair)
{
	struct count_row *row = count_row(s, e);

	row->n[e->dir]++;
	row->bytes[e->dir] += e->len;
	s->errors += e->error != RK_OK;
	if (e->conn != TRANSCRIPT_NO_CONN)
		count_conn(s, t, e);
	if (e->kind == EVENT_FRAME) {
		count_second(s, e);
		count_spoke(s, t, e);
	}
	if (pair != NULL)
		count_pair(s, pair);
}
