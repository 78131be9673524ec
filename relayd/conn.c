/*
 * Life and death of a connection: states, deadlines, events of the stream,
 * the one way to end.  What it says and hears is in the other conn_*.c.
 */
#include "config.h"

#include "relayd/conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relayd/capture.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/server.h"
#include "relayd/worker.h"

/* Own output above this pauses reading until it is written. */
#define OUT_STALL    (64 << 10)
/* How often within its time a blocked output is looked at. */
#define OUTPUT_LOOKS 8
/* Input buffer of a connection, unless a frame needs more: two packets of the
 * largest size, so that bulk traffic is not read in scraps. */
#define INPUT_MAX    (132 << 10)

static const uint8_t stage_of[] = {
	[CONN_TLS] = STAGE_TLS,
	[CONN_HTTP] = STAGE_HTTP,
	[CONN_LOGIN] = STAGE_LOGIN,
	[CONN_OPEN] = STAGE_OPEN,
};

static void on_stream(void *arg, struct stream *s, enum stream_event e);

/* ---- log ---- */

void
conn_say(const struct conn *c, enum log_level level, unsigned long suppressed,
    const char *fmt, ...)
{
	char line[512];

	FORMAT_ARGS(line, sizeof(line), fmt);
	log_passed(level, suppressed, "conn=%llu %s", (unsigned long long)c->id,
	    line);
}

bool
conn_is_tls(const struct conn *c)
{
	return stream_tls(c->stream) != NULL;
}

const char *
conn_key_text(const struct conn *c)
{
	static _Thread_local char text[RK_KEY_SHORT_SIZE];

	if (c->login.state != RK_LOGIN_DONE && c->login.error != RK_ERR_DENIED)
		return "-"; /* it is not proven */
	rk_key_short(&c->login.peer, text);
	return text;
}

/* ---- states and deadlines ---- */

static void
set_stage(struct conn *c, enum stage stage)
{
	metrics_down(&c->worker->metrics.connections[c->stage]);
	c->stage = (uint8_t)stage;
	metrics_up(&c->worker->metrics.connections[c->stage]);
}

void
conn_set_state(struct conn *c, enum conn_state state)
{
	c->state = (uint8_t)state;
	c->since = loop_now(c->worker->loop);
	if (state <= CONN_OPEN)
		set_stage(c, (enum stage)stage_of[state]);
	conn_arm(c);
}

/* When the state has lasted too long; INT64_MAX: never. */
static int64_t
state_deadline(const struct conn *c)
{
	const struct conf *conf = c->worker->conf;

	switch ((enum conn_state)c->state) {
	case CONN_TLS:
		return c->since + conf->tls_timeout;
	case CONN_HTTP:
		return c->since + conf->head_timeout;
	case CONN_LOGIN:
		return c->since + conf->login_timeout;
	case CONN_LINGER:
	case CONN_FLUSHING:
		return c->since + conf->write_timeout;
	case CONN_OPEN:
	case CONN_DEAD:
		break;
	}
	return INT64_MAX;
}

/*
 * We may write again only when much of what the kernel holds is gone, which
 * with a slow reader is long after it began to be; so look at what it holds.
 */
static bool
output_moved(const struct conn *c, long kernel_queued)
{
	return kernel_queued >= 0 && kernel_queued < c->kernel_queued;
}

void
conn_watch_output(struct conn *c)
{
	int64_t since = stream_blocked_since(c->stream);
	long kernel_queued = stream_kernel_queued(c->stream);

	if (since != c->blocked_since)
		c->moved_at = since;
	else if (output_moved(c, kernel_queued))
		c->moved_at = loop_now(c->worker->loop);
	c->blocked_since = since;
	c->kernel_queued = kernel_queued;
	conn_arm(c);
}

static bool
is_blocked(const struct conn *c)
{
	return stream_blocked_since(c->stream) != 0;
}

static int64_t
write_deadline(const struct conn *c)
{
	return is_blocked(c) ? c->moved_at + c->worker->conf->write_timeout
			     : INT64_MAX;
}

void
conn_arm(struct conn *c)
{
	int64_t at = state_deadline(c), now = loop_now(c->worker->loop);
	int64_t look_at = now + c->worker->conf->write_timeout / OUTPUT_LOOKS;

	if (conn_live_deadline(c) < at)
		at = conn_live_deadline(c);
	if (c->limited && c->limited_until < at)
		at = c->limited_until;
	if (is_blocked(c) && look_at < at)
		at = look_at;
	if (at == INT64_MAX || (c->armed != 0 && c->armed <= at))
		return;
	c->armed = at;
	stream_set_deadline(c->stream, at);
}

static const char *
timeout_reason(const struct conn *c)
{
	switch ((enum conn_state)c->state) {
	case CONN_TLS:
		return "tls-handshake";
	case CONN_HTTP:
		return "request";
	case CONN_LOGIN:
		return "login";
	default:
		return NULL;
	}
}

static void on_ended(struct conn *c);
static void on_input(struct conn *c);

/* What has come is not worked on yet. */
static bool
is_held(const struct conn *c)
{
	return c->limited || c->crowded || c->query != NULL;
}

/* Something before it is to be worked on or, if the peer may still take it, to
 * be written. */
static bool
end_must_wait(const struct conn *c)
{
	if (c->limited || c->crowded)
		return true;
	return stream_ending(c->stream) == ENDING_EOF &&
	    (c->stalled || c->query != NULL || c->state == CONN_FLUSHING);
}

static void
end_if_over(struct conn *c)
{
	if (c->end_waits && c->state != CONN_DEAD && !end_must_wait(c))
		on_ended(c);
}

/* The next frame may be worked on. */
static void
end_limited(struct conn *c)
{
	c->limited = false;
	conn_resume(c);
}

static void
on_deadline(struct conn *c)
{
	int64_t now = loop_now(c->worker->loop);

	c->armed = 0;
	if (is_blocked(c))
		conn_watch_output(c);
	if (now >= write_deadline(c) && c->ending == ENDING_NONE) {
		metrics_up(&c->worker->metrics.write_timeouts);
		conn_close(c, ENDING_TIMEOUT, "write");
		return;
	}
	if (now >= state_deadline(c)) {
		conn_close(c, ENDING_TIMEOUT, timeout_reason(c));
		return;
	}
	if (!conn_live_tick(c, now))
		return;
	if (c->limited && now >= c->limited_until)
		end_limited(c);
	conn_arm(c);
}

/* ---- begin and end ---- */

struct conn *
conn_new(struct worker *w, int fd, struct tls_ctx *tls, enum service service)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->worker = w;
	c->ep.ops = &conn_endpoint_ops;
	c->ep.home = w->index;
	c->service = (uint8_t)service;
	c->body.done = true;
	c->stream = tls != NULL
	    ? stream_new_tls(w->loop, fd, tls, NULL, on_stream, c)
	    : stream_new(w->loop, fd, on_stream, c);
	if (c->stream == NULL) {
		free(c);
		return NULL;
	}
	c->id = server_next_id(w->server);
	if (service == SERVICE_RELAY)
		c->capture = capture_begin(server_capture(w->server), c->stream,
		    c->id, tls != NULL);
	c->next = w->conns;
	if (c->next != NULL)
		c->next->prev = c;
	w->conns = c;
	w->nconns++;
	metrics_up(&w->metrics.connections[c->stage]);
	conn_set_state(c, tls != NULL ? CONN_TLS : CONN_HTTP);
	if (tls == NULL)
		set_stage(c, STAGE_TCP);
	conn_log(c, NULL, LOG_DEBUG, "accepted peer=%s",
	    stream_peer(c->stream));
	return c;
}

void
conn_free(struct conn *c)
{
	for (int i = 0; i < NLANES; i++)
		sendq_clear(&c->lane[i]);
	free(c->out.p);
	conn_access_cancel(c);
	stream_free(c->stream);
	capture_end(c->capture);
	free(c);
}

/* Nothing more will be written or read: out of the worker's hands. */
static void
die(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		w->conns = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	w->nconns--;
	conn_count_written(c, false);
	metrics_up(&w->ended);
	metrics_down(&w->metrics.connections[c->stage]);
	c->state = CONN_DEAD;
	c->next = w->dead;
	w->dead = c;
	worker_wake(w);
}

static void
log_end(const struct conn *c, enum ending ending, const char *reason)
{
	/* Who is denied may well try again at once, and for ever. */
	static struct log_limit limit = { .burst = 20 },
				denied = { .burst = 1 };
	enum log_level level = c->stage >= STAGE_LOGIN ? LOG_INFO : LOG_DEBUG;
	bool is_denied = c->login.error == RK_ERR_DENIED;

	conn_log(c, is_denied ? &denied : &limit, level,
	    "closed end=%s stage=%s%s%s%s peer=%s key=%s in=%llu out=%llu",
	    ending_name(ending), stage_name((enum stage)c->stage),
	    reason != NULL ? " reason=\"" : "", reason != NULL ? reason : "",
	    reason != NULL ? "\"" : "", stream_peer(c->stream),
	    conn_key_text(c), (unsigned long long)stream_bytes_in(c->stream),
	    (unsigned long long)stream_bytes_out(c->stream));
}

/* Does the peer still take output when the connection ends so? */
static bool
ends_with_output(enum ending ending)
{
	switch (ending) {
	case ENDING_EOF:
	case ENDING_REFUSED:
	case ENDING_PROTOCOL:
	case ENDING_REPLACED:
	case ENDING_SHUTDOWN:
	case ENDING_LIMIT:
		return true;
	default:
		return false;
	}
}

static void
drop_queues(struct conn *c)
{
	for (int i = 0; i < NLANES; i++) {
		sendq_clear(&c->lane[i]);
		c->worker->freed += sendq_end_backlog(&c->lane[i]);
	}
}

bool
conn_close(struct conn *c, enum ending ending, const char *reason)
{
	bool tell = ending != ENDING_REPLACED && ending != ENDING_SHUTDOWN;

	if (c->state == CONN_DEAD)
		return false;
	if (c->state == CONN_FLUSHING) {
		die(c);
		return false;
	}
	if (c->ending == ENDING_NONE)
		c->ending = (uint8_t)ending;
	metrics_up(&c->worker->metrics.ended[c->ending][c->stage]);
	log_end(c, (enum ending)c->ending, reason);
	FAULT(HOOK_LEAVE, .c = c, .ending = (enum ending)c->ending,
	    .tell = &tell);
	router_leave(c->worker->router, &c->ep, tell);
	if (c->stage == STAGE_OPEN && ending != ENDING_SHUTDOWN)
		metrics_up(&c->worker->metrics.disconnects);
	if (ending != ENDING_SHUTDOWN)
		drop_queues(c);
	else
		sendq_clear(&c->lane[LANE_GONE]);
	conn_access_cancel(c);
	c->beat_due = false;
	c->limited = false;
	c->crowded = false;
	if (!ends_with_output(ending) || c->write_failed) {
		die(c);
		return false;
	}
	/* The flush at the end of the turn buries it, or waits. */
	stream_pause(c->stream);
	conn_set_state(c, CONN_FLUSHING);
	conn_touch(c);
	return false;
}

void
conn_stop(struct conn *c)
{
	FAULT(HOOK_STOP, .c = c);
	conn_close(c, ENDING_SHUTDOWN, NULL);
}

/* ---- input and output ---- */

void
conn_touch(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->touched)
		return;
	c->touched = true;
	c->next_touched = w->touched;
	w->touched = c;
	worker_wake(w);
}

uint8_t *
conn_input(struct conn *c, size_t *len)
{
	uint8_t *p = stream_input(c->stream, len);

	*len -= c->taken;
	return p + c->taken;
}

static void
lend(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->lending)
		return;
	c->lending = true;
	stream_hold_input(c->stream);
	c->next_lending = w->lending;
	w->lending = c;
	worker_wake(w);
}

void
conn_take(struct conn *c, size_t n)
{
	c->taken += n;
	c->worker->lent += n;
	lend(c);
}

void
conn_release_input(struct conn *c)
{
	if (c->state == CONN_DEAD)
		return;
	stream_consume(c->stream, c->taken);
	c->taken = 0;
	stream_set_input_max(c->stream,
	    c->need > INPUT_MAX ? c->need : INPUT_MAX);
}

uint8_t *
conn_out(struct conn *c, size_t n)
{
	struct outbuf *o = &c->out;

	if (o->cap - o->len < n) {
		size_t cap = (o->len + n) * 2;
		uint8_t *p = realloc(o->p, cap);

		if (p == NULL) {
			conn_close(c, ENDING_LIMIT, "no-memory");
			return NULL;
		}
		o->p = p;
		o->cap = cap;
	}
	o->len += n;
	conn_touch(c);
	return o->p + o->len - n;
}

void
conn_resume(struct conn *c)
{
	if (c->stalled || is_held(c) || c->state > CONN_OPEN)
		return;
	stream_resume(c->stream);
	stream_again(c->stream);
}

bool
conn_stall(struct conn *c)
{
	if (c->out.len < OUT_STALL)
		return false;
	if (!c->stalled) {
		c->stalled = true;
		stream_pause(c->stream);
	}
	return true;
}

static void
on_input(struct conn *c)
{
	size_t len;

	switch ((enum conn_state)c->state) {
	case CONN_HTTP:
		if (c->stage == STAGE_TCP)
			set_stage(c, STAGE_HTTP);
		conn_http_input(c);
		break;
	case CONN_LOGIN:
	case CONN_OPEN:
		conn_frames_input(c);
		break;
	case CONN_LINGER:
		conn_input(c, &len);
		conn_take(c, len);
		break;
	case CONN_TLS:
	case CONN_FLUSHING:
	case CONN_DEAD:
		break;
	}
}

/* The bytes before the end have been worked on. */
static void
on_ended(struct conn *c)
{
	enum ending ending = stream_ending(c->stream);
	size_t left;
	uint8_t *p = conn_input(c, &left);

	if (ending == ENDING_EOF &&
	    FAULT(HOOK_EOF, .c = c, .payload = p, .len = left))
		return;
	conn_input(c, &left);
	if (stream_tls_failed(c->stream)) {
		FAULT(HOOK_TLS_FAILED, .c = c);
		conn_close(c, ENDING_REFUSED, stream_error(c->stream));
		return;
	}
	if (ending == ENDING_EOF && c->state != CONN_LINGER &&
	    (left > 0 || c->ws.open))
		ending = ENDING_TRUNCATED;
	conn_close(c, ending, NULL);
}

static void
on_stream(void *arg, struct stream *s, enum stream_event e)
{
	struct conn *c = arg;

	if (c->state == CONN_DEAD)
		return;
	switch (e) {
	case STREAM_SECURED:
		conn_set_state(c, CONN_HTTP);
		if (FAULT(HOOK_SECURED, .c = c))
			conn_close(c, ENDING_REFUSED, "fault");
		break;
	case STREAM_INPUT:
		on_input(c);
		end_if_over(c);
		worker_relieve(c->worker);
		break;
	case STREAM_DRAINED:
		conn_touch(c);
		break;
	case STREAM_ENDED:
		c->end_waits = true;
		end_if_over(c);
		break;
	case STREAM_TIMEOUT:
		on_deadline(c);
		break;
	}
}
