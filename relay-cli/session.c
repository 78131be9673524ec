/*
 * The well-behaved client: dial, TLS, upgrade, login, a Ping whose Pong
 * proves that the relay knows us, then frames.  Reconnecting is the owner's.
 */
#include "config.h"

#include "relay-cli/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/login.h"
#include "codec/upgrade.h"
#include "codec/ws.h"
#include "net/stream.h"
#include "relay-cli/commands.h"

/* A head from a relay is small; a proxy's error page has its say too. */
#define HEAD_MAX    65536
/* Largest frame header and login of all dialects. */
#define SMALL_FRAME 2048

enum phase {
	PHASE_CONNECT,
	PHASE_HTTP,
	PHASE_LOGIN,
	PHASE_CONFIRM,
	PHASE_OPEN,
	PHASE_OVER
};

struct session {
	struct loop *loop;
	struct session_config config;
	struct session_events events;
	void *arg;
	enum phase phase;
	struct connecting *connecting;
	struct stream *stream;
	struct timer *deadline; /* of connecting, then of silence */
	char ws_key[RK_WS_KEY_SIZE];
	struct rk_ws_reader ws;
	struct rk_login login;
	uint8_t barrier[8]; /* of the Ping that confirms the login */
	int64_t heard_at;   /* the last frame */
	bool probing;       /* silence: a Ping is out */
	char health[256];   /* last Health text, escaped */
	struct deferred reap;
	bool freed;
};

static const enum stage stage_of_phase[] = {
	[PHASE_CONNECT] = STAGE_TCP, /* or what connect_stage() says */
	[PHASE_HTTP] = STAGE_HTTP,
	[PHASE_LOGIN] = STAGE_LOGIN,
	[PHASE_CONFIRM] = STAGE_LOGIN,
	[PHASE_OPEN] = STAGE_OPEN,
	[PHASE_OVER] = STAGE_OPEN,
};

static void __attribute__((format(printf, 2, 3)))
verbose(const struct session *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->config.to.verbose)
		return;
	fprintf(stderr, "* ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static void
drop_connection(struct session *s)
{
	s->phase = PHASE_OVER;
	connect_cancel(s->connecting);
	s->connecting = NULL;
	if (s->stream != NULL) {
		stream_shut(s->stream); /* over TLS says so */
		stream_free(s->stream);
	}
	s->stream = NULL;
	if (s->deadline != NULL)
		timer_cancel(s->deadline);
}

/* End the session and tell the owner; the last thing a caller does. */
static void __attribute__((format(printf, 4, 5)))
end(struct session *s, int status, enum ending ending, const char *fmt, ...)
{
	struct session_end e = { .status = status,
		.ending = ending,
		.stage = s->phase == PHASE_CONNECT
		    ? connect_stage(s->connecting)
		    : stage_of_phase[s->phase],
		.was_open = s->phase == PHASE_OPEN };

	FORMAT_ARGS(e.message, sizeof(e.message), fmt);
	drop_connection(s);
	s->events.on_end(s->arg, s, &e);
}

/* ---- writing ---- */

/* Send one WebSocket frame: masked, final. */
static bool
write_ws(struct session *s, uint8_t opcode, uint8_t *payload, size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.masked = true,
		.payload_len = len };
	uint8_t head[RK_WS_HEADER_MAX];
	struct rk_writer w;
	struct iovec v[2];

	rk_random(h.mask, sizeof(h.mask));
	rk_writer_init(&w, head, sizeof(head));
	rk_ws_write_header(&h, &w);
	rk_ws_mask(h.mask, 0, payload, len);
	v[0] = (struct iovec){ head, w.len };
	v[1] = (struct iovec){ payload, len };
	return stream_writev(s->stream, v, 2);
}

/* Send bytes that are whole frames in the carrier's header form. */
static bool
write_frame_bytes(struct session *s, uint8_t *p, size_t len)
{
	if (s->config.to.url.carrier == RK_CARRIER_WS)
		return write_ws(s, RK_WS_BINARY, p, len);
	return stream_write(s->stream, p, len);
}

static bool
write_frame(struct session *s, const struct rk_frame *f,
    enum rk_strictness strict, uint8_t *buf, size_t size)
{
	const struct rk_dialect *d = s->config.dialect;
	struct rk_writer w;

	rk_writer_init(&w, buf, size);
	if (rk_frame_encode(d, d->header[s->config.to.url.carrier], f, strict,
		&w) != RK_OK)
		return false;
	return write_frame_bytes(s, buf, w.len);
}

static bool
write_eight(struct session *s, enum rk_frame_kind kind, const uint8_t *data)
{
	uint8_t buf[SMALL_FRAME];
	struct rk_frame f;

	rk_frame_init(&f, rk_frame_spec_by_kind(s->config.dialect, kind));
	rk_frame_set(&f, "data", data, 8);
	return write_frame(s, &f, RK_STRICT, buf, sizeof(buf));
}

bool
session_send_ping(struct session *s, const uint8_t data[8])
{
	return s->phase == PHASE_OPEN && write_eight(s, RK_FRAME_PING, data);
}

bool
session_send_packet(struct session *s, const struct rk_key *dest,
    const void *data, size_t len)
{
	struct rk_frame f;
	size_t size = len + RK_KEY_LEN + RK_FRAME_HEADER_MAX;
	uint8_t *buf;
	bool ok;

	if (s->phase != PHASE_OPEN)
		return false;
	buf = xmalloc(size);
	rk_frame_init(&f,
	    rk_frame_spec_by_kind(s->config.dialect, RK_FRAME_SEND));
	rk_frame_set(&f, "key", dest->b, sizeof(dest->b));
	rk_frame_set(&f, "data", data, len);
	/* Lax: the command has checked the size, or was told not to. */
	ok = write_frame(s, &f, RK_LAX, buf, size);
	free(buf);
	return ok;
}

size_t
session_queued(const struct session *s)
{
	return s->stream != NULL ? stream_queued(s->stream) : 0;
}

/* ---- frames in ---- */

static void
note_health(struct session *s, const struct rk_frame *f)
{
	struct rk_span t = rk_frame_field(f, "text");
	struct text escaped;

	text_init(&escaped);
	text_add_escaped(&escaped, t.p, t.len < 80 ? t.len : 80);
	snprintf(s->health, sizeof(s->health), "%s", text_str(&escaped));
	text_clear(&escaped);
}

static void
opened(struct session *s)
{
	s->phase = PHASE_OPEN;
	timer_set(s->deadline,
	    (int64_t)s->config.dialect->liveness.client_silence_ms * NS_PER_MS);
	verbose(s, "logged in");
	s->events.on_open(s->arg, s);
}

/* Frames that keep the session going; true if the owner need not see it. */
static bool
own_business(struct session *s, const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data");

	switch (f->kind) {
	case RK_FRAME_PING:
		write_eight(s, RK_FRAME_PONG, data.p);
		return true;
	case RK_FRAME_PONG:
		if (memcmp(data.p, s->barrier, sizeof(s->barrier)) != 0)
			return false;
		if (s->phase == PHASE_CONFIRM)
			opened(s);
		return true;
	case RK_FRAME_HEALTH:
		note_health(s, f);
		return false;
	default:
		return false;
	}
}

static void
refused(struct session *s, int err)
{
	end(s, EXIT_LOGIN, ENDING_REFUSED, "login refused: %s",
	    rk_strerror(err));
}

static void
confirm(struct session *s)
{
	s->phase = PHASE_CONFIRM;
	rk_random(s->barrier, sizeof(s->barrier));
	write_eight(s, RK_FRAME_PING, s->barrier);
}

static void
login_frame(struct session *s, const struct rk_raw_frame *raw)
{
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	int err;

	rk_writer_init(&w, buf, sizeof(buf));
	err = rk_login_input(&s->login, raw, &w);
	if (w.len > 0)
		write_frame_bytes(s, buf, w.len);
	if (err != RK_OK)
		refused(s, err);
	else if (s->login.state == RK_LOGIN_DONE)
		confirm(s);
}

static void
frame_in(struct session *s, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	int err;

	s->heard_at = clock_mono_ns();
	s->probing = false;
	if (s->phase == PHASE_LOGIN) {
		login_frame(s, raw);
		return;
	}
	err = rk_frame_decode(s->config.dialect, raw, false, &f);
	if (err == RK_OK && (f.spec->sender & RK_FROM_SERVER) == 0)
		err = RK_ERR_UNEXPECTED;
	if (err == RK_ERR_UNKNOWN_TYPE &&
	    s->config.dialect->unknown == RK_UNKNOWN_SKIP)
		return;
	if (err != RK_OK) {
		end(s, EXIT_CLOSED, ENDING_PROTOCOL,
		    "the relay sent a bad frame (type 0x%02x, %zu bytes): %s",
		    raw->type, raw->payload.len, rk_strerror(err));
		return;
	}
	if (!own_business(s, &f))
		s->events.on_frame(s->arg, s, &f);
}

/* Each takes one unit from the input; RK_ERR_AGAIN if there is none. */
static int
take_raw(struct session *s)
{
	size_t len;
	uint8_t *p = stream_input(s->stream, &len);
	struct rk_raw_frame raw;
	int err = rk_split(s->config.dialect->header[RK_CARRIER_RAW],
	    s->config.dialect->max_frame, p, len, &raw);

	if (err == RK_ERR_AGAIN)
		stream_set_input_max(s->stream,
		    raw.total_len > HEAD_MAX ? raw.total_len : HEAD_MAX);
	if (err != RK_OK)
		return err;
	frame_in(s, &raw);
	if (!s->freed && s->stream != NULL)
		stream_consume(s->stream, raw.total_len);
	return RK_OK;
}

static int
ws_message(struct session *s, const struct rk_ws_message *m)
{
	struct rk_raw_frame raw;
	int err;

	switch (m->opcode) {
	case RK_WS_BINARY:
		err = rk_split(s->config.dialect->header[RK_CARRIER_WS],
		    s->config.dialect->max_message, m->payload, m->len, &raw);
		if (err == RK_OK)
			frame_in(s, &raw);
		return err;
	case RK_WS_PING:
		write_ws(s, RK_WS_PONG, m->payload, m->len);
		return RK_OK;
	case RK_WS_CLOSE:
		end(s, EXIT_CLOSED, ENDING_EOF,
		    "the relay closed the WebSocket, code %d", m->close_code);
		return RK_OK;
	default: /* text and pong mean nothing here */
		return RK_OK;
	}
}

static int
take_ws(struct session *s)
{
	size_t len, at, used, need;
	uint8_t *p = stream_input(s->stream, &len);
	struct rk_ws_message m;
	int err = rk_ws_next(&s->ws, p, len, &m, &at, &used, &need);

	if (err == RK_OK)
		err = ws_message(s, &m);
	else if (err == RK_ERR_AGAIN)
		stream_set_input_max(s->stream,
		    need > HEAD_MAX ? need : HEAD_MAX);
	if (!s->freed && s->stream != NULL && used > 0)
		stream_consume_at(s->stream, at, used);
	return err;
}

static void
take_frames(struct session *s)
{
	int err = RK_OK;

	while (err == RK_OK && !s->freed && s->phase != PHASE_OVER)
		err = s->config.to.url.carrier == RK_CARRIER_WS ? take_ws(s)
								: take_raw(s);
	if (err != RK_OK && err != RK_ERR_AGAIN)
		end(s, EXIT_CLOSED, ENDING_PROTOCOL,
		    "the relay broke the framing: %s", rk_strerror(err));
}

/* ---- upgrade and login ---- */

static void
begin_login(struct session *s)
{
	const struct rk_login_params params = { .secret = s->config.secret,
		.carrier = s->config.to.url.carrier };
	uint8_t buf[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
	int err;

	s->phase = PHASE_LOGIN;
	rk_ws_reader_init(&s->ws, false, s->config.dialect->max_message,
	    s->config.dialect->max_message);
	rk_login_init(&s->login, s->config.dialect, RK_CLIENT, &params);
	rk_writer_init(&w, buf, sizeof(buf));
	err = rk_login_start(&s->login, &w);
	if (err != RK_OK) {
		refused(s, err);
		return;
	}
	if (w.len > 0)
		write_frame_bytes(s, buf, w.len);
	if (s->login.state == RK_LOGIN_DONE)
		confirm(s);
}

static void
upgrade_refused(struct session *s, const struct rk_http_head *h, int err)
{
	const char *advice = "";

	if (err != RK_ERR_UPGRADE_STATUS) {
		end(s, EXIT_UPGRADE, ENDING_REFUSED,
		    "the relay's 101 is no good: %s", rk_strerror(err));
		return;
	}
	if (h->status >= 400 && h->status < 500)
		advice = s->config.to.url.carrier == RK_CARRIER_RAW
		    ? "; a proxy in between may have removed Upgrade: try "
		      "--carrier ws"
		    : "; is this a relay, or did a proxy remove Upgrade?";
	end(s, EXIT_UPGRADE, ENDING_REFUSED,
	    "upgrade refused: HTTP status %d%s%.*s%s", h->status,
	    h->reason.len > 0 ? " " : "",
	    text_is_printable(h->reason.p, h->reason.len)
		? (int)(h->reason.len < 60 ? h->reason.len : 60)
		: 0,
	    (const char *)h->reason.p, advice);
}

static void
take_head(struct session *s)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	uint8_t *p = stream_input(s->stream, &len);
	int err;

	rk_http_limits_default(&limits);
	limits.head = HEAD_MAX - 1;
	limits.flags |= RK_HTTP_TOLERANT;
	err = rk_http_parse_response(p, len, &limits, &h);
	if (err == RK_ERR_AGAIN)
		return;
	if (err != RK_OK) {
		end(s, EXIT_UPGRADE, ENDING_REFUSED,
		    "the answer to the upgrade is no HTTP: %s at byte %zu",
		    h.error_what, h.error_at);
		return;
	}
	verbose(s, "HTTP status %d", h.status);
	if (h.status >= 100 && h.status < 200 && h.status != 101) {
		stream_consume(s->stream, h.len);
		take_head(s);
		return;
	}
	err = rk_upgrade_check_response(s->config.dialect,
	    s->config.to.url.carrier, &h, s->ws_key);
	if (err != RK_OK) {
		upgrade_refused(s, &h, err);
		return;
	}
	stream_consume(s->stream, h.len);
	begin_login(s);
}

static void
send_request(struct session *s)
{
	char host[URL_HOST_MAX + 16];
	uint8_t buf[1024];
	struct rk_writer w;

	s->phase = PHASE_HTTP;
	rk_ws_make_key(s->ws_key);
	relay_url_host_field(&s->config.to.url, host, sizeof(host));
	rk_writer_init(&w, buf, sizeof(buf));
	rk_upgrade_write_request(s->config.dialect, s->config.to.url.carrier,
	    NULL, host, s->ws_key, &w);
	stream_write(s->stream, buf, w.len);
}

/* ---- how it ends ---- */

static void
ended_open(struct session *s)
{
	enum ending e = stream_ending(s->stream);
	const char *more = "";
	size_t left;

	stream_input(s->stream, &left);
	if (e == ENDING_EOF && (left > 0 || s->ws.open))
		e = ENDING_TRUNCATED;
	if (s->phase != PHASE_OPEN && s->health[0] == '\0')
		more = "; it does not say why: is the protocol version, or the "
		       "key, not welcome?";
	else if (e == ENDING_EOF && s->health[0] == '\0')
		more = "; another login with this key may have taken over";
	end(s, EXIT_CLOSED, e, "the relay ended the connection%s (%s)%s%s%s",
	    s->phase == PHASE_OPEN ? "" : " during the login", ending_name(e),
	    s->health[0] != '\0' ? ", saying: " : "", s->health, more);
}

static void
ended(struct session *s)
{
	enum ending e = stream_ending(s->stream);

	switch (s->phase) {
	case PHASE_HTTP:
		end(s, EXIT_UPGRADE, e,
		    "the connection ended before the upgrade was answered "
		    "(%s): %s",
		    ending_name(e), stream_error(s->stream));
		break;
	default:
		if (stream_tls_failed(s->stream))
			end(s, EXIT_TLS, e, "TLS failed: %s",
			    stream_error(s->stream));
		else
			ended_open(s);
	}
}

static void
on_stream(void *arg, struct stream *stream, enum stream_event event)
{
	struct session *s = arg;

	if (s->phase == PHASE_OVER)
		return;
	switch (event) {
	case STREAM_INPUT:
		if (s->phase == PHASE_HTTP)
			take_head(s);
		if (s->phase >= PHASE_LOGIN && s->phase != PHASE_OVER)
			take_frames(s);
		break;
	case STREAM_DRAINED:
		if (s->phase == PHASE_OPEN && s->events.on_drained != NULL)
			s->events.on_drained(s->arg, s);
		break;
	case STREAM_ENDED:
		ended(s);
		break;
	case STREAM_SECURED:
	case STREAM_TIMEOUT:
		break;
	}
}

/*
 * Connecting took too long, or nothing was heard.  Silence is believed only
 * after a Ping went unanswered: the process may have been stopped.
 */
static void
on_deadline(void *arg)
{
	struct session *s = arg;
	const struct rk_liveness *live = &s->config.dialect->liveness;
	int64_t silence = (int64_t)live->client_silence_ms * NS_PER_MS;
	int64_t quiet = clock_mono_ns() - s->heard_at;
	static const char *const doing[] = {
		[PHASE_HTTP] = "waiting for the upgrade's answer",
		[PHASE_LOGIN] = "in the login",
		[PHASE_CONFIRM] = "waiting for the Pong behind the login",
	};
	uint8_t data[8];

	if (s->phase < PHASE_OPEN) {
		end(s, s->phase >= PHASE_LOGIN ? EXIT_CLOSED : EXIT_CONNECT,
		    ENDING_TIMEOUT, "timeout after %.1f s %s",
		    (double)s->config.timeout_ns / 1e9,
		    s->phase == PHASE_CONNECT ? connect_doing(s->connecting)
					      : doing[s->phase]);
		return;
	}
	if (s->probing) {
		end(s, EXIT_CLOSED, ENDING_TIMEOUT,
		    "nothing heard from the relay for %.0f s (timeout)",
		    (double)quiet / 1e9);
		return;
	}
	if (quiet < silence) {
		timer_set(s->deadline, silence - quiet);
		return;
	}
	s->probing = true;
	rk_random(data, sizeof(data));
	session_send_ping(s, data);
	timer_set(s->deadline, 5 * NS_PER_S);
}

/* ---- beginning ---- */

static void
on_connected(void *arg, const struct connect_result *r)
{
	struct session *s = arg;
	struct session_end e = { .status = r->status,
		.ending = r->ending,
		.stage = r->stage };

	s->connecting = NULL;
	s->stream = r->stream;
	if (r->status == EXIT_OK) {
		stream_set_callback(s->stream, on_stream, s);
		send_request(s);
		return;
	}
	snprintf(e.message, sizeof(e.message), "%s", r->message);
	drop_connection(s);
	s->events.on_end(s->arg, s, &e);
}

static void
reap(void *arg)
{
	struct session *s = arg;

	timer_free(s->deadline);
	free(s);
}

struct session *
session_start(struct loop *l, const struct session_config *c,
    const struct session_events *events, void *arg)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->loop = l;
	s->config = *c;
	s->events = *events;
	s->arg = arg;
	s->reap = (struct deferred){ .work = reap, .arg = s };
	s->deadline = timer_new(l, on_deadline, s);
	s->heard_at = clock_mono_ns();
	s->config.to.timeout_ns = c->timeout_ns;
	timer_set(s->deadline, c->timeout_ns);
	s->connecting = connect_start(l, &s->config.to, on_connected, s);
	return s;
}

struct stream *
session_take_stream(struct session *s, struct rk_ws_reader *ws)
{
	struct stream *stream = s->stream;

	if (s->phase != PHASE_OPEN)
		return NULL;
	*ws = s->ws;
	s->stream = NULL;
	session_free(s);
	return stream;
}

void
session_free(struct session *s)
{
	if (s == NULL || s->freed)
		return;
	s->freed = true;
	drop_connection(s);
	loop_defer(s->loop, &s->reap);
}
