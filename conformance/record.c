/* The recording proxy; see record.h. */
#include "config.h"

#include "conformance/record.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "capture/recorder.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/stream.h"
#include "net/tls.h"

/* What waits for one side to take it; beyond it the other is not read. */
#define QUEUE_MAX    ((size_t)256 << 10)
#define PAIRS_MAX    1000
#define DIAL_TIMEOUT (10 * NS_PER_S)
#define TLS_RECORD   0x16 /* RFC 8446 5.1: a handshake; no HTTP begins so */

enum side {
	CLIENT,
	RELAY
};

struct pair {
	struct pair *next, **prev;
	struct record *record;
	unsigned number;
	struct watch *watch; /* what the client speaks is not known yet */
	int fd;              /* … and this is its socket; else -1 */
	struct dial *dial;
	struct stream *stream[2];
	bool ended[2]; /* its FIN has come */
	bool shut[2];  /* … and was handed on to this one */
	bool drained[2];
	struct recorder_flow *flow[2]; /* RELAY: may be NULL */
};

struct record {
	struct loop *loop;
	struct record_config config;
	struct listener *listener;
	struct recorder *recorder[2]; /* RELAY: NULL where nobody wants it */
	bool full[2];                 /* … and that was said */
	struct pair *pairs;
	size_t npairs;
	unsigned accepted;
	bool failed;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct pair *p, const char *fmt, ...)
{
	const struct record_config *c = &p->record->config;
	char line[512];
	int n = snprintf(line, sizeof(line), "#%u ", p->number);

	if (c->on_line == NULL)
		return;
	FORMAT_ARGS(line + n, sizeof(line) - (size_t)n, fmt);
	c->on_line(c->arg, line);
}

/* ---- recording ---- */

/* What went wrong with the files, or came to an end there, is told once. */
static void
look_after_files(struct record *r)
{
	for (int side = CLIENT; side <= RELAY; side++) {
		const struct recorder *one = r->recorder[side];

		if (one == NULL)
			continue;
		if (recorder_full(one) && !r->full[side]) {
			r->full[side] = true;
			r->config.on_full(r->config.arg, side == RELAY);
		}
		if (recorder_failed(one) && !r->failed) {
			r->failed = true;
			r->config.on_failure(r->config.arg);
		}
	}
}

static void
on_client_tap(void *arg, enum tap_kind kind, const void *p, size_t len)
{
	const struct pair *pair = arg;

	recorder_tap(pair->flow[CLIENT], kind, p, len);
	look_after_files(pair->record);
}

static void
on_relay_tap(void *arg, enum tap_kind kind, const void *p, size_t len)
{
	const struct pair *pair = arg;

	recorder_tap(pair->flow[RELAY], kind, p, len);
	look_after_files(pair->record);
}

/* The connection |fd| of that side begins; false without memory. */
static bool
record_side(struct pair *p, enum side s, int fd, bool tls)
{
	struct recorder *r = p->record->recorder[s];
	char said[32];

	if (r == NULL)
		return true;
	snprintf(said, sizeof(said), "connection #%u", p->number);
	p->flow[s] = recorder_flow_new(r, fd, s == CLIENT, tls, said);
	return p->flow[s] != NULL;
}

/* ---- ends ---- */

static void
pair_free(struct pair *p)
{
	struct record *r = p->record;

	watch_free(p->watch);
	if (p->fd >= 0)
		close(p->fd);
	dial_cancel(p->dial);
	stream_free(p->stream[CLIENT]);
	stream_free(p->stream[RELAY]);
	recorder_flow_free(p->flow[CLIENT]);
	recorder_flow_free(p->flow[RELAY]);
	*p->prev = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	r->npairs--;
	free(p);
	look_after_files(r);
}

static enum side
other(enum side s)
{
	return s == CLIENT ? RELAY : CLIENT;
}

/* RST, to the one that has not said it itself. */
static void
pair_abort(struct pair *p, enum side to)
{
	if (p->stream[to] != NULL)
		stream_abort(p->stream[to]);
	pair_free(p);
}

/* ---- carrying ---- */

/* From |s| to the other: as much as that one may have waiting.  Its FIN
 * follows when all is there. */
static void
carry(struct pair *p, enum side s)
{
	struct stream *from = p->stream[s], *to = p->stream[other(s)];
	size_t len, queued;
	uint8_t *in;

	if (from == NULL || to == NULL)
		return;
	queued = stream_queued(to);
	in = stream_input(from, &len);
	if (queued < QUEUE_MAX && len > QUEUE_MAX - queued)
		len = QUEUE_MAX - queued;
	if (queued < QUEUE_MAX && len > 0 && stream_write(to, in, len))
		stream_consume(from, len);
	stream_input(from, &len);
	if (p->ended[s] && len == 0 && !p->shut[other(s)]) {
		p->shut[other(s)] = true;
		stream_shut(to);
	}
}

static bool
is_over(const struct pair *p)
{
	return p->ended[CLIENT] && p->ended[RELAY] && p->drained[CLIENT] &&
	    p->drained[RELAY];
}

/* One side has ended: FIN is handed on, anything else ends the pair. */
static void
on_ended(struct pair *p, enum side s)
{
	static const char *const names[] = { "client", "relay" };
	enum ending e = stream_ending(p->stream[s]);

	say(p, "%s: %s (%s)", names[s], ending_name(e),
	    stream_error(p->stream[s]));
	if (e != ENDING_EOF && e != ENDING_TRUNCATED) {
		pair_abort(p, other(s));
		return;
	}
	p->ended[s] = true;
	carry(p, s);
	if (is_over(p))
		pair_free(p);
}

static void
on_event(struct pair *p, enum side s, enum stream_event e)
{
	switch (e) {
	case STREAM_SECURED:
	case STREAM_INPUT:
		carry(p, s);
		break;
	case STREAM_DRAINED:
		p->drained[s] = p->shut[s];
		carry(p, other(s));
		if (is_over(p))
			pair_free(p);
		break;
	case STREAM_ENDED:
		on_ended(p, s);
		break;
	case STREAM_TIMEOUT:
		break;
	}
}

static void
on_client(void *arg, struct stream *stream, enum stream_event e)
{
	on_event(arg, CLIENT, e);
}

static void
on_relay(void *arg, struct stream *stream, enum stream_event e)
{
	on_event(arg, RELAY, e);
}

/* ---- beginnings ---- */

static void
on_dialed(void *arg, const struct dial_result *d)
{
	struct pair *p = arg;
	const struct record_config *c = &p->record->config;
	bool recorded;

	p->dial = NULL;
	if (d->status != DIAL_OK) {
		say(p, "relay: %s", d->detail);
		pair_abort(p, CLIENT);
		return;
	}
	recorded = record_side(p, RELAY, d->fd, c->to.tls);
	p->stream[RELAY] = c->to.tls
	    ? stream_new_tls(p->record->loop, d->fd, c->client, c->sni,
		  on_relay, p)
	    : stream_new(p->record->loop, d->fd, on_relay, p);
	if (p->stream[RELAY] == NULL || !recorded) {
		say(p, "relay: out of memory");
		pair_abort(p, CLIENT);
		return;
	}
	if (p->flow[RELAY] != NULL)
		stream_set_tap(p->stream[RELAY], on_relay_tap, p);
	carry(p, CLIENT);
}

static bool
take_client(struct pair *p, bool tls)
{
	struct record *r = p->record;
	int fd = p->fd;
	bool recorded = record_side(p, CLIENT, fd, tls);

	p->fd = -1;
	p->stream[CLIENT] = tls
	    ? stream_new_tls(r->loop, fd, r->config.server, NULL, on_client, p)
	    : stream_new(r->loop, fd, on_client, p);
	if (p->stream[CLIENT] == NULL || !recorded)
		return false;
	stream_set_tap(p->stream[CLIENT], on_client_tap, p);
	return true;
}

/* The client's first byte says what it speaks. */
static void
on_first_byte(void *arg, int what)
{
	struct pair *p = arg;
	const struct record_config *c = &p->record->config;
	const struct dial_config dc = {
		.host = c->to.host,
		.port = c->to.port,
		.resolve = c->resolve,
		.timeout_ns = DIAL_TIMEOUT,
	};
	uint8_t first = 0;
	ssize_t n = recv(p->fd, &first, 1, MSG_PEEK);
	bool tls = n == 1 && first == TLS_RECORD;

	watch_free(p->watch);
	p->watch = NULL;
	if (take_client(p, tls))
		p->dial = dial_start(p->record->loop, &dc, on_dialed, p);
	if (p->dial == NULL) {
		say(p, "out of memory");
		pair_free(p);
		return;
	}
	say(p, "client: %s%s", stream_peer(p->stream[CLIENT]),
	    tls ? " over TLS" : "");
}

static void
on_accept(void *arg, int fd)
{
	struct record *r = arg;
	struct pair *p = xcalloc(1, sizeof(*p));

	if (r->npairs == PAIRS_MAX) {
		if (r->config.on_line != NULL)
			r->config.on_line(r->config.arg,
			    "as many clients as there may be: one is refused");
		free(p);
		close(fd);
		return;
	}
	p->record = r;
	p->number = ++r->accepted;
	p->fd = fd;
	p->prev = &r->pairs;
	p->next = r->pairs;
	if (p->next != NULL)
		p->next->prev = &p->next;
	r->pairs = p;
	r->npairs++;
	p->watch = watch_new(r->loop, fd, on_first_byte, p);
	if (p->watch == NULL)
		pair_free(p);
	else
		watch_set(p->watch, WATCH_READ);
}

/* Takes |out|. */
static struct recorder *
open_recorder(const struct record_config *c, FILE *out, enum side s)
{
	char *comment = xasprintf("Recorded between %s and %s.",
	    s == CLIENT ? "clients and a proxy to" : "a proxy", c->to.text);
	struct recorder *r = recorder_new(out,
	    "relay-conformance record " PACKAGE_VERSION, comment, c->max);

	free(comment);
	return r;
}

static void
close_files(const struct record_config *c)
{
	fclose(c->out);
	if (c->relay_out != NULL)
		fclose(c->relay_out);
}

static bool
close_recorders(struct record *r)
{
	bool ok = true;

	for (int side = CLIENT; side <= RELAY; side++)
		if (r->recorder[side] != NULL)
			ok &= recorder_close(r->recorder[side]);
	return ok;
}

struct record *
record_new(struct loop *l, const struct record_config *c, char *err,
    size_t err_size)
{
	struct record *r = xcalloc(1, sizeof(*r));

	r->loop = l;
	r->config = *c;
	r->listener = listener_new(l, c->listen, on_accept, r, err, err_size);
	if (r->listener == NULL) {
		close_files(c);
		free(r);
		return NULL;
	}
	r->recorder[CLIENT] = open_recorder(c, c->out, CLIENT);
	if (c->relay_out != NULL)
		r->recorder[RELAY] = open_recorder(c, c->relay_out, RELAY);
	if (r->recorder[CLIENT] != NULL &&
	    (c->relay_out == NULL || r->recorder[RELAY] != NULL))
		return r;
	snprintf(err, err_size, "out of memory");
	close_recorders(r);
	listener_free(r->listener);
	free(r);
	return NULL;
}

const char *
record_address(const struct record *r)
{
	return listener_address(r->listener);
}

bool
record_close(struct record *r)
{
	bool ok;

	listener_free(r->listener);
	r->failed = true; /* it is told below */
	while (r->pairs != NULL)
		pair_free(r->pairs);
	ok = close_recorders(r);
	free(r);
	return ok;
}
