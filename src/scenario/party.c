/* A connection from its opening to its end; see party.h.  Setting up is in
 * party_setup.c, reading in party_input.c and party_http.c. */
#include "config.h"

#include "scenario/party.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "scenario/engine_play.h"

/* ---- records ---- */

/* Where we are the relay, what we send comes from the server. */
static enum direction
direction_of(const struct party *s, enum direction dir)
{
	if (!s->listening)
		return dir;
	return dir == DIR_C2S ? DIR_S2C : DIR_C2S;
}

size_t
party_record(struct party *s, enum event_kind kind, enum direction dir,
    const void *p, size_t len, const char *text, int line)
{
	struct event e = {
		.kind = kind,
		.dir = direction_of(s, dir),
		.conn = s->conn,
		.line = line,
		.bytes = (uint8_t *)(uintptr_t)p,
		.len = len,
		.text = (char *)(uintptr_t)text,
	};

	return play_record(s->play, &e);
}

size_t
party_record_frame(struct party *s, enum direction dir, uint32_t type,
    struct rk_span payload, int error, int line)
{
	struct event e = {
		.kind = EVENT_FRAME,
		.dir = direction_of(s, dir),
		.conn = s->conn,
		.line = line,
		.bytes = (uint8_t *)(uintptr_t)payload.p,
		.len = payload.len,
		.dialect = s->play->dialect,
		.type = type,
		.error = error,
	};

	return play_record(s->play, &e);
}

size_t
party_record_ws(struct party *s, enum direction dir, uint8_t opcode,
    struct rk_span payload, const char *text, int line)
{
	struct event e = {
		.kind = EVENT_WS,
		.dir = direction_of(s, dir),
		.conn = s->conn,
		.line = line,
		.bytes = (uint8_t *)(uintptr_t)payload.p,
		.len = payload.len,
		.text = (char *)(uintptr_t)text,
		.opcode = opcode,
	};

	return play_record(s->play, &e);
}

static void
record_end(struct party *s, enum direction dir, enum ending ending, int line)
{
	struct event e = {
		.kind = EVENT_ENDED,
		.dir = direction_of(s, dir),
		.conn = s->conn,
		.line = line,
		.ending = ending,
	};

	play_record(s->play, &e);
}

/* ---- opening and ending ---- */

void
party_fail(struct party *s, enum result_code as, const char *fmt, ...)
{
	char line[512];

	if (s->state == PARTY_FAILED)
		return;
	FORMAT_ARGS(line, sizeof(line), fmt);
	s->state = PARTY_FAILED;
	s->fail_as = as;
	text_addf(&s->failure, "%s: %s", s->name, line);
	play_wake(s->play);
}

static enum result_code
code_of_ending(enum ending e)
{
	return e == ENDING_RESET ? CODE_RESET : CODE_CLOSED;
}

/* Why it ended, while it was not ready. */
static void
fail_ended(struct party *s)
{
	static const char *const doing[] = {
		[PARTY_SECURING] = "in the TLS handshake",
		[PARTY_UPGRADING] = "before the answer to the upgrade",
		[PARTY_LOGIN] = "during the login",
		[PARTY_CONFIRMING] = "behind the login",
	};

	if (s->state == PARTY_SECURING && stream_tls_failed(s->stream))
		party_fail(s, CODE_CLOSED, "TLS: %s", stream_error(s->stream));
	else if (s->state > PARTY_DIALING && s->state < PARTY_READY)
		party_fail(s, code_of_ending(s->ended), "ended (%s) %s",
		    ending_name(s->ended), doing[s->state]);
}

static void
ended(struct party *s, enum ending e)
{
	if (s->ended != ENDING_NONE) {
		/* Its FIN is long here; now writing fails as well. */
		s->write_failed = true;
		return;
	}
	if (s->wire == WIRE_HTTP && !s->full)
		party_http_ended(s);
	if (s->wire == WIRE_FRAMES && s->in.len > 0 && !s->full) {
		struct item *it =
		    party_item(s, ITEM_REST, s->in.p + s->in.start, s->in.len);

		it->error = RK_ERR_AGAIN;
		it->event = party_record(s, EVENT_REST, DIR_S2C, it->bytes,
		    it->len, "not a whole frame", 0);
		party_deliver(s, it);
		intake_drop(&s->in, 0, s->in.len);
		if (e == ENDING_EOF)
			e = ENDING_TRUNCATED;
	}
	if (s->dropped > 0)
		play_remark(s->play, s, 0,
		    "%llu bytes behind the broken framing were not read",
		    (unsigned long long)s->dropped);
	s->ended = e;
	s->ended_ns = loop_now(engine_loop(s->play->engine));
	s->ended_seq = ++s->play->seq;
	s->securing = false;
	record_end(s, DIR_S2C, e, 0);
	fail_ended(s);
	play_wake(s->play);
}

static void
on_stream(void *arg, struct stream *stream, enum stream_event e)
{
	struct party *s = arg;

	switch (e) {
	case STREAM_SECURED:
		party_secured(s);
		break;
	case STREAM_INPUT:
		party_input(s);
		break;
	case STREAM_ENDED:
		party_input(s);
		ended(s, stream_ending(stream));
		break;
	case STREAM_DRAINED:
	case STREAM_TIMEOUT:
		break;
	}
	play_wake(s->play);
}

static void
take_descriptor(struct party *s, int fd)
{
	struct play *p = s->play;
	struct tls_ctx *ctx;
	char err[256];

	if (!s->config.tls) {
		s->stream =
		    stream_new(engine_loop(p->engine), fd, on_stream, s);
	} else {
		ctx = s->listening ? p->client_tls
				   : engine_tls(p->engine, p->target,
					 &s->config, err, sizeof(err));
		if (ctx == NULL) {
			close(fd);
			party_fail(s, CODE_CONNECT, "TLS: %s", err);
			return;
		}
		s->stream = stream_new_tls(engine_loop(p->engine), fd, ctx,
		    s->listening ? NULL : s->config.sni, on_stream, s);
	}
	if (s->stream == NULL) {
		party_fail(s, CODE_CONNECT, "no memory for a stream");
		return;
	}
	if (s->config.tls && s->listening)
		tls_on_hello(stream_tls(s->stream), party_greeted, s);
	party_tape_begin(s, fd);
	party_record(s, EVENT_OPENED, DIR_C2S, NULL, 0, stream_peer(s->stream),
	    s->config.line);
	party_connected(s);
}

static void
on_dialed(void *arg, const struct dial_result *r)
{
	struct party *s = arg;

	s->dial = NULL;
	if (r->status == DIAL_OK)
		take_descriptor(s, r->fd);
	else
		party_fail(s, CODE_CLOSED, "cannot connect to %s: %s",
		    s->config.url.text, r->detail);
	play_wake(s->play);
}

void
party_accept(struct party *s)
{
	int fd = play_next_client(s->play);

	if (fd >= 0)
		take_descriptor(s, fd);
}

struct party *
party_open(struct play *p, const char *name, const struct party_config *c)
{
	struct party *s = xcalloc(1, sizeof(*s));
	struct dial_config dc = { .host = s->config.url.host };

	s->play = p;
	s->name = xstrdup(name);
	s->config = *c;
	s->carrier = c->carrier;
	if (c->kind == CONN_LOGIN) {
		s->has_identity = true;
		rk_secret_key_public(&c->key, &s->identity);
	}
	s->tail = &s->items;
	s->conn = transcript_add_conn(p->transcript, name);
	p->transcript->conns[s->conn].peer = xstrdup(c->url.text);
	p->transcript->conns[s->conn].carrier = c->carrier;
	p->transcript->conns[s->conn].tls = c->tls;
	s->begun_ns = play_now(p);
	s->next = p->parties;
	p->parties = s;

	s->udp_fd = -1;
	if (c->kind == CONN_LISTEN) {
		s->listening = true;
		party_accept(s);
		return s;
	}
	if (c->kind == CONN_UDP) {
		party_udp_begin(s);
		return s;
	}
	dc.port = c->url.port;
	dc.resolve = p->target->resolve;
	dc.timeout_ns = c->within_ns;
	dc.rcvbuf = c->rcvbuf;
	s->dial = dial_start(engine_loop(p->engine), &dc, on_dialed, s);
	if (s->dial == NULL)
		party_fail(s, CODE_CONNECT, "cannot begin to connect");
	return s;
}

static void
free_items(struct party *s)
{
	struct item *it;

	while ((it = s->items) != NULL) {
		s->items = it->next;
		item_free(it);
	}
	s->tail = &s->items;
	engine_hold(s->play->engine, -(int64_t)s->held);
}

void
party_free(struct party *s)
{
	lookup_free(s->lookup);
	party_udp_close(s);
	dial_cancel(s->dial);
	if (s->stream != NULL)
		stream_free(s->stream);
	party_forgive(s);
	free_items(s);
	item_free(s->response);
	item_free(s->tls);
	item_free(s->hello);
	engine_hold(s->play->engine, -(int64_t)s->in.cap);
	free(s->in.p);
	text_clear(&s->failure);
	rk_secret_key_wipe(&s->config.key);
	free(s->name);
	free(s);
}

/* ---- writing ---- */

bool
party_is_open(const struct party *s)
{
	return (s->stream != NULL || s->udp_fd >= 0) &&
	    s->ended == ENDING_NONE && s->state != PARTY_FAILED;
}

bool
party_can_write(const struct party *s)
{
	return (s->stream != NULL || s->udp_fd >= 0) && !s->shut &&
	    !s->write_failed && s->ended != ENDING_RESET;
}

bool
party_is_drained(const struct party *s)
{
	return !party_can_write(s) || s->stream == NULL ||
	    stream_queued(s->stream) == 0;
}

uint64_t *
party_masks(struct party *s)
{
	return s->listening ? NULL : &s->play->values.random;
}

void
party_write(struct party *s, const void *p, size_t len)
{
	if (!party_can_write(s))
		return;
	if (s->udp_fd >= 0)
		party_udp_send(s, p, len);
	else
		stream_write(s->stream, p, len);
}

void
party_send_frame(struct party *s, const struct rk_frame *f, int line)
{
	const struct rk_dialect *d = s->play->dialect;
	struct wire_frame wire = { .type = f->type };
	struct value payload, bytes;

	if (!wire_payload(d, f, &payload))
		return;
	wire.payload = (struct rk_span){ payload.bytes, payload.len };
	if (wire_encode_frame(d, s->carrier, &wire, party_masks(s), &bytes)) {
		party_record_frame(s, DIR_C2S, f->type, wire.payload, RK_OK,
		    line);
		party_write(s, bytes.bytes, bytes.len);
		value_clear(&bytes);
	}
	value_clear(&payload);
}

void
party_note_ping(struct party *s, struct rk_span data)
{
	if (data.len == sizeof(s->pings[0]))
		memcpy(s->pings[s->npings++ % PARTY_PINGS_KEPT], data.p,
		    data.len);
}

void
party_send_ping(struct party *s, const uint8_t data[8])
{
	struct rk_frame f;

	rk_frame_init(&f,
	    rk_frame_spec_by_kind(s->play->dialect, RK_FRAME_PING));
	rk_frame_set(&f, "data", data, 8);
	party_note_ping(s, (struct rk_span){ data, 8 });
	party_send_frame(s, &f, 0);
}

void
party_send_packet(struct party *s, const struct rk_key *to, struct rk_span data)
{
	struct rk_frame f;

	rk_frame_init(&f,
	    rk_frame_spec_by_kind(s->play->dialect, RK_FRAME_SEND));
	rk_frame_set(&f, "key", to->b, sizeof(to->b));
	rk_frame_set(&f, "data", data.p, data.len);
	party_send_frame(s, &f, 0);
}

/* ---- what the script does to it ---- */

static void
life_shut(struct party *s, int line)
{
	record_end(s, DIR_C2S, ENDING_EOF, line);
	stream_shut(s->stream);
	s->shut = true;
}

static void
close_with(struct party *s, enum ending e, int line)
{
	record_end(s, DIR_C2S, e, line);
	if (e == ENDING_RESET)
		stream_abort(s->stream);
	stream_free(s->stream);
	s->stream = NULL;
	s->closed = true;
}

static void
start_tls(struct party *s)
{
	struct play *p = s->play;
	char err[256];
	struct tls_ctx *ctx =
	    engine_tls(p->engine, p->target, &s->config, err, sizeof(err));

	if (ctx == NULL || !stream_start_tls(s->stream, ctx, s->config.sni)) {
		play_remark(p, s, 0, "TLS did not begin: %s",
		    ctx == NULL ? err : stream_error(s->stream));
		return;
	}
	s->securing = true;
}

void
party_life(struct party *s, enum life_kind life, int line)
{
	if (s->udp_fd >= 0 && life == LIFE_CLOSE) {
		record_end(s, DIR_C2S, ENDING_SHUTDOWN, line);
		party_udp_close(s);
		s->closed = true;
	}
	if (s->stream == NULL)
		return;
	switch (life) {
	case LIFE_SHUT:
		life_shut(s, line);
		break;
	case LIFE_CLOSE:
		close_with(s, ENDING_SHUTDOWN, line);
		break;
	case LIFE_ABORT:
		close_with(s, ENDING_RESET, line);
		break;
	case LIFE_PAUSE:
		stream_pause(s->stream);
		s->paused = true;
		break;
	case LIFE_RESUME:
		stream_resume(s->stream);
		s->paused = false;
		break;
	case LIFE_START_RAW:
		party_read_frames(s, RK_CARRIER_RAW);
		break;
	case LIFE_START_WS:
		party_read_frames(s, RK_CARRIER_WS);
		break;
	case LIFE_START_TLS:
		start_tls(s);
		break;
	}
}
