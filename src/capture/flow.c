/* See flow.h. */
#include "config.h"

#include "capture/flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "capture/tls_session.h"
#include "transcript/dissect.h"

#define RECENT    8       /* segments among which a double is looked for */
#define DOUBLE_NS 1000000 /* and as near in time */

/* One end: what it sends. */
struct end {
	struct flow *flow;
	struct endpoint at;
	struct tcp_stream *stream;
	bool over;
	bool reset;       /* by this end */
	uint64_t missing; /* before the first bytes of either end */
	struct {
		uint64_t hash;
		int64_t time_ns;
	} recent[RECENT];
	size_t turn;
};

struct flow {
	struct flow_context *c;
	int conn;
	struct end end[2]; /* 0: whose segment came first */
	int client;        /* index of the client's end, -1: not known yet */
	bool late;         /* its beginning was not captured */
	bool begun;        /* the first bytes have come */
	struct dissector *dissector;
	struct tls_session *tls;
	int64_t last_ns; /* of the last segment */
	uint64_t last_packet;
};

static void
remark(struct flow *f, enum remark_level level, int64_t time_ns,
    uint64_t packet, const char *text)
{
	f->c->remark(f->c->arg, level, f->conn, time_ns, packet, text);
}

void
flow_remark(struct flow *f, enum remark_level level, const char *text)
{
	remark(f, level, f->last_ns, f->last_packet, text);
}

static enum direction
direction_of(const struct flow *f, const struct end *e)
{
	return e == &f->end[f->client] ? DIR_C2S : DIR_S2C;
}

/* ---- who is the client ---- */

static void
show_opened(struct flow *f, int64_t time_ns, uint64_t packet)
{
	char client[ENDPOINT_TEXT_SIZE], server[ENDPOINT_TEXT_SIZE];
	struct transcript_conn *conn = &f->c->t->conns[f->conn];
	struct event e = {
		.kind = EVENT_OPENED,
		.conn = f->conn,
		.time_ns = time_ns - f->c->epoch_ns,
		.packet = packet,
	};

	endpoint_text(&f->end[f->client].at, client);
	endpoint_text(&f->end[!f->client].at, server);
	conn->peer = xstrdup(server);
	e.text = xasprintf("%s > %s", client, server);
	transcript_add(f->c->t, &e);
	free(e.text);
}

static void
set_client(struct flow *f, int client, int64_t time_ns, uint64_t packet)
{
	if (f->client >= 0)
		return;
	f->client = client;
	show_opened(f, time_ns, packet);
}

/* Services have lower ports than who asks for them. */
static int
client_by_ports(const struct flow *f)
{
	return f->end[0].at.port < f->end[1].at.port;
}

static bool
starts_with(const uint8_t *p, size_t len, const char *text)
{
	return len >= strlen(text) && memcmp(p, text, strlen(text)) == 0;
}

/* Without a handshake HTTP tells, else the ports. */
static void
guess_client(struct flow *f, const struct end *e, const uint8_t *p, size_t len,
    int64_t time_ns, uint64_t packet)
{
	int sender = e == &f->end[1];
	bool answer, request;

	if (f->client >= 0)
		return;
	answer = starts_with(p, len, "HTTP/1.");
	request = starts_with(p, len, "GET ");
	set_client(f,
	    answer        ? !sender
		: request ? sender
			  : client_by_ports(f),
	    time_ns, packet);
	f->late = true;
	remark(f, REMARK_WRONG, time_ns, packet,
	    answer || request
		? "the beginning of the connection was not captured"
		: "the beginning of the connection was not captured; the side "
		  "with the higher port is taken for the client");
}

/* ---- what the bytes are given to ---- */

/* Times of TLS sessions count from the transcript's epoch. */
static void
on_tls_remark(void *arg, enum remark_level level, int64_t time_ns,
    uint64_t packet, const char *text)
{
	struct flow *f = arg;

	remark(f, level, time_ns + f->c->epoch_ns, packet, text);
}

static void
begin_tls(struct flow *f)
{
	const struct tls_session_config config = { .context = f->c->tls,
		.t = f->c->t,
		.conn = f->conn,
		.dialect = f->c->dialect,
		.remark = on_tls_remark,
		.arg = f };

	f->tls = tls_session_new(&config);
}

static void
begin_plain(struct flow *f, int64_t ns, uint64_t packet)
{
	f->dissector = dissector_new(f->c->t, f->conn, f->c->dialect);
	if (!f->late)
		return;
	for (int dir = 0; dir < 2; dir++)
		dissector_gap(f->dissector, (enum direction)dir, 0, ns, packet);
}

static void
give_gap(struct flow *f, const struct end *e, uint64_t len, int64_t ns,
    uint64_t packet)
{
	if (f->tls != NULL)
		tls_session_gap(f->tls, direction_of(f, e), len, ns, packet);
	else
		dissector_gap(f->dissector, direction_of(f, e), len, ns,
		    packet);
}

/* |p|: the first bytes that were captured, of either end; none if they were
 * all missed. */
static void
begin(struct flow *f, const struct end *e, const uint8_t *p, size_t len,
    int64_t time_ns, uint64_t packet)
{
	int64_t ns = time_ns - f->c->epoch_ns;

	if (f->begun)
		return;
	f->begun = true;
	/* What a server says first must look more like it. */
	if (tls_records_begin(p, len) &&
	    (f->late || len >= 3 || direction_of(f, e) == DIR_C2S))
		begin_tls(f);
	else
		begin_plain(f, ns, packet);
	for (int i = 0; i < 2; i++)
		if (f->end[i].missing > 0)
			give_gap(f, &f->end[i], f->end[i].missing, ns, packet);
}

static void
on_data(void *arg, const uint8_t *p, size_t len, int64_t time_ns,
    uint64_t packet)
{
	struct end *e = arg;
	struct flow *f = e->flow;
	int64_t ns = time_ns - f->c->epoch_ns;

	if (e->over) /* bytes behind a FIN */
		return;
	guess_client(f, e, p, len, time_ns, packet);
	begin(f, e, p, len, time_ns, packet);
	if (f->tls != NULL)
		tls_session_feed(f->tls, direction_of(f, e), p, len, ns,
		    packet);
	else
		dissector_feed(f->dissector, direction_of(f, e), p, len, ns,
		    packet);
}

static void
on_gap(void *arg, uint64_t len, int64_t time_ns, uint64_t packet)
{
	struct end *e = arg;
	struct flow *f = e->flow;

	if (e->over)
		return;
	guess_client(f, e, NULL, 0, time_ns, packet);
	if (f->begun)
		give_gap(f, e, len, time_ns - f->c->epoch_ns, packet);
	else
		e->missing += len;
}

/* Everything was shown; only late doubles may come. */
static void
release(struct flow *f)
{
	dissector_free(f->dissector);
	f->dissector = NULL;
	tls_session_free(f->tls);
	f->tls = NULL;
}

static void
end_direction(struct flow *f, struct end *e, enum ending how, int64_t time_ns,
    uint64_t packet)
{
	int64_t ns = time_ns - f->c->epoch_ns;
	struct event ended = {
		.kind = EVENT_ENDED,
		.conn = f->conn,
		.time_ns = ns,
		.packet = packet,
		.ending = how,
	};

	if (e->over)
		return;
	e->over = true;
	set_client(f, client_by_ports(f), time_ns, packet);
	if (e->missing > 0)
		begin(f, e, NULL, 0, time_ns, packet);
	ended.dir = direction_of(f, e);
	if (f->tls != NULL)
		tls_session_end(f->tls, ended.dir, how, ns, packet);
	else if (f->dissector != NULL)
		dissector_end(f->dissector, ended.dir, how, ns, packet);
	else if (how != ENDING_NONE)
		transcript_add(f->c->t, &ended);
	if (f->end[0].over && f->end[1].over)
		release(f);
}

static void
on_fin(void *arg, int64_t time_ns, uint64_t packet)
{
	struct end *e = arg;

	end_direction(e->flow, e, ENDING_EOF, time_ns, packet);
}

static void
on_remark(void *arg, enum remark_level level, int64_t time_ns, uint64_t packet,
    const char *text)
{
	struct end *e = arg;

	remark(e->flow, level, time_ns, packet, text);
}

/* ---- life ---- */

static void
end_init(struct flow *f, int i, const struct endpoint *at)
{
	struct end *e = &f->end[i];
	const struct tcp_sink sink = { e, on_data, on_gap, on_fin, on_remark };

	e->flow = f;
	e->at = *at;
	e->stream = tcp_stream_new(&sink, f->c->max_flow_bytes);
}

struct flow *
flow_new(struct flow_context *c, const struct segment *s)
{
	struct flow *f = xcalloc(1, sizeof(*f));
	char name[24];

	f->c = c;
	f->client = -1;
	end_init(f, 0, &s->src);
	end_init(f, 1, &s->dst);
	snprintf(name, sizeof(name), "#%" PRIu64, c->t->total_conns);
	f->conn = transcript_add_conn(c->t, name);
	return f;
}

void
flow_free(struct flow *f)
{
	if (f == NULL)
		return;
	for (int i = 0; i < 2; i++)
		if (!f->end[i].over)
			tcp_stream_finish(f->end[i].stream, f->last_ns,
			    f->last_packet);
	for (int i = 0; i < 2; i++)
		if (f->begun)
			end_direction(f, &f->end[i], ENDING_NONE, f->last_ns,
			    f->last_packet);
	for (int i = 0; i < 2; i++)
		tcp_stream_free(f->end[i].stream);
	release(f);
	transcript_drop_conn(f->c->t, f->conn);
	free(f);
}

bool
flow_is_between(const struct flow *f, const struct endpoint *a,
    const struct endpoint *b)
{
	const struct endpoint *x = &f->end[0].at, *y = &f->end[1].at;

	return (endpoint_equal(x, a) && endpoint_equal(y, b)) ||
	    (endpoint_equal(x, b) && endpoint_equal(y, a));
}

static struct end *
sender_of(struct flow *f, const struct segment *s)
{
	return &f->end[!endpoint_equal(&f->end[0].at, &s->src)];
}

bool
flow_is_succeeded(const struct flow *f, const struct segment *s)
{
	const struct end *e = &f->end[!endpoint_equal(&f->end[0].at, &s->src)];

	return (s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	    tcp_stream_other_isn(e->stream, s->seq);
}

/* The same packet within a millisecond: it was captured at two places.  (A
 * host that sends again waits longer.) */
static bool
is_double(struct flow *f, struct end *e, const struct segment *s)
{
	for (size_t i = 0; i < RECENT; i++) {
		int64_t age = s->time_ns - e->recent[i].time_ns;

		if (e->recent[i].hash != s->hash || age > DOUBLE_NS ||
		    age < -DOUBLE_NS)
			continue;
		if (!f->c->said_doubled)
			remark(f, REMARK_FACT, s->time_ns, s->packet,
			    "captured twice, and others may be; the second "
			    "ones are left out");
		f->c->said_doubled = true;
		return true;
	}
	e->recent[e->turn].hash = s->hash;
	e->recent[e->turn].time_ns = s->time_ns;
	e->turn = (e->turn + 1) % RECENT;
	return false;
}

static void
note_cut(struct flow *f, const struct segment *s)
{
	char text[128];

	if (f->c->said_cut || s->data.len == s->data.wire)
		return;
	f->c->said_cut = true;
	snprintf(text, sizeof(text),
	    "only %zu of its %zu bytes of data were captured; others may be "
	    "cut as well",
	    s->data.len, s->data.wire);
	remark(f, REMARK_WRONG, s->time_ns, s->packet, text);
}

static void
note_syn(struct flow *f, struct end *e, struct end *other,
    const struct segment *s)
{
	if ((s->flags & TCP_SYN) == 0)
		return;
	if ((s->flags & TCP_ACK) != 0) {
		set_client(f, other == &f->end[1], s->time_ns, s->packet);
		tcp_stream_begin(other->stream, s->ack - 1);
	} else {
		set_client(f, e == &f->end[1], s->time_ns, s->packet);
	}
	tcp_stream_begin(e->stream, s->seq);
}

static void
reset(struct flow *f, struct end *e, const struct segment *s)
{
	e->reset = true;
	if (!e->over)
		tcp_stream_finish(e->stream, s->time_ns, s->packet);
	end_direction(f, e, ENDING_RESET, s->time_ns, s->packet);
}

void
flow_segment(struct flow *f, const struct segment *s)
{
	struct end *e = sender_of(f, s);
	struct end *other = e == &f->end[0] ? &f->end[1] : &f->end[0];

	if (segment_matters(s) && is_double(f, e, s))
		return;
	f->last_ns = s->time_ns;
	f->last_packet = s->packet;
	note_syn(f, e, other, s);
	note_cut(f, s);
	/* Behind a FIN the stream still compares what is sent again. */
	if ((s->flags & TCP_RST) == 0 && !e->reset)
		tcp_stream_segment(e->stream, s);
	if ((s->flags & TCP_ACK) != 0 && !other->over)
		tcp_stream_acked(other->stream, s->ack, s->time_ns, s->packet);
	if ((s->flags & TCP_RST) != 0)
		reset(f, e, s);
}

bool
flow_is_over(const struct flow *f)
{
	return (f->end[0].over && f->end[1].over) || f->end[0].reset ||
	    f->end[1].reset;
}

size_t
flow_held(const struct flow *f)
{
	size_t n = tcp_stream_held(f->end[0].stream) +
	    tcp_stream_held(f->end[1].stream);

	if (f->dissector != NULL)
		n += dissector_held(f->dissector);
	if (f->tls != NULL)
		n += tls_session_held(f->tls);
	return n;
}

size_t
flow_spare(const struct flow *f)
{
	return tcp_stream_past(f->end[0].stream) +
	    tcp_stream_past(f->end[1].stream);
}

void
flow_release_spare(struct flow *f)
{
	tcp_stream_forget_past(f->end[0].stream);
	tcp_stream_forget_past(f->end[1].stream);
}

struct tcp_counts
flow_counts(const struct flow *f)
{
	struct tcp_counts a = tcp_stream_counts(f->end[0].stream);
	struct tcp_counts b = tcp_stream_counts(f->end[1].stream);

	return (struct tcp_counts){ a.resent + b.resent,
		a.reordered + b.reordered };
}
