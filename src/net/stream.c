/*
 * Byte streams: their life and their owner's side.  One callback of the
 * watch, one of the next turn; only these two deliver events, so that none
 * comes from inside a call of the owner.
 */
#include "config.h"

#include "net/stream_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/tls.h"

#define INPUT_MAX_DEFAULT 65536

/* ---- the two callbacks */

static enum tls_result
timed_handshake(struct stream *s)
{
	int64_t begun = clock_mono_ns();
	enum tls_result r = tls_handshake(s->tls);

	loop_spend(s->loop, clock_mono_ns() - begun);
	return r;
}

static void
await_time(struct stream *s)
{
	s->awaits_time = true;
	loop_when_time(s->loop, &s->turn);
	stream_arrange(s);
}

/* A crowd of them shall not hold up those who are through. */
static void
handshake_step(struct stream *s)
{
	if (!loop_has_time(s->loop)) {
		await_time(s);
		return;
	}
	s->read_wants_write = false;
	switch (timed_handshake(s)) {
	case TLS_DONE:
		s->handshaking = false;
		stream_emit(s, STREAM_SECURED);
		if (stream_is_open(s))
			stream_output_step(s);
		break;
	case TLS_AGAIN_READ:
		break;
	case TLS_AGAIN_WRITE:
		s->read_wants_write = true;
		break;
	case TLS_CLOSED:
		stream_end(s, ENDING_EOF, "closed by the peer");
		s->handshaking = false;
		break;
	case TLS_FAILED:
		stream_end_tls(s);
		break;
	}
}

static void
on_socket_ready(void *arg, int what)
{
	struct stream *s = arg;
	bool readable = (what & WATCH_READ) != 0;
	bool writable = (what & WATCH_WRITE) != 0;

	if (s->handshaking) {
		handshake_step(s);
		if (stream_is_open(s))
			stream_input_step(s, true);
		return;
	}
	stream_input_step(s, readable || (writable && s->read_wants_write));
	if (stream_is_open(s) &&
	    (writable || (readable && s->write_wants_read))) {
		stream_output_step(s);
		if (stream_is_open(s))
			stream_arrange(s);
	}
}

static void
on_next_turn(void *arg)
{
	struct stream *s = arg;

	s->awaits_time = false;
	if (!stream_is_open(s))
		return;
	if (s->handshaking)
		handshake_step(s);
	else if (s->owes_drained && !s->out_waits)
		stream_output_step(s);
	if (stream_is_open(s))
		stream_input_step(s, s->tls != NULL || s->write_failed);
}

static void
on_deadline(void *arg)
{
	stream_emit(arg, STREAM_TIMEOUT);
}

/* ---- life */

static void
on_reap(void *arg)
{
	struct stream *s = arg;

	tls_free(s->tls);
	buffer_clear(&s->in);
	buffer_clear(&s->out);
	free(s->error);
	free(s);
}

/* Now, as a socket that was reset has none; as text when somebody asks. */
static void
read_peer(struct stream *s)
{
	socklen_t len = sizeof(s->peer);

	s->has_peer =
	    getpeername(s->fd, (struct sockaddr *)&s->peer, &len) == 0;
}

struct stream *
stream_new(struct loop *l, int fd, stream_fn on_event, void *arg)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->deadline = timer_new(l, on_deadline, s);
		s->watch = watch_new(l, fd, on_socket_ready, s);
	}
	if (s == NULL || s->deadline == NULL || s->watch == NULL) {
		if (s != NULL) {
			timer_free(s->deadline);
			watch_free(s->watch);
		}
		free(s);
		close(fd);
		return NULL;
	}
	s->loop = l;
	s->fd = fd;
	s->on_event = on_event;
	s->arg = arg;
	s->in_max = INPUT_MAX_DEFAULT;
	s->turn.work = on_next_turn;
	s->turn.arg = s;
	s->reap.work = on_reap;
	s->reap.arg = s;
	read_peer(s);
	stream_arrange(s);
	return s;
}

struct stream *
stream_new_tls(struct loop *l, int fd, struct tls_ctx *ctx, const char *sni,
    stream_fn on_event, void *arg)
{
	struct stream *s = stream_new(l, fd, on_event, arg);

	if (s != NULL && !stream_start_tls(s, ctx, sni)) {
		stream_free(s);
		return NULL;
	}
	return s;
}

bool
stream_start_tls(struct stream *s, struct tls_ctx *ctx, const char *sni)
{
	assert(tls_ctx_is_server(ctx) == (sni == NULL));
	if (!stream_is_open(s) || s->tls != NULL || s->in.len > 0 ||
	    s->out.len > 0)
		return false;
	s->tls = sni != NULL ? tls_client_new(ctx, s->fd, sni)
			     : tls_server_new(ctx, s->fd);
	if (s->tls == NULL)
		return false;
	if (s->tap.on_tap != NULL)
		tls_set_tap(s->tls, &s->tap);
	s->handshaking = true;
	loop_next_turn(s->loop, &s->turn);
	return true;
}

/* The kernel says RST where input is unread. */
static void
tap_close(struct stream *s)
{
	int unread = 0;

	if (s->tap.on_tap == NULL || s->ending == ENDING_RESET)
		return;
	if (ioctl(s->fd, FIONREAD, &unread) == 0 && unread > 0)
		stream_tap(s, TAP_OUT_RST, NULL, 0);
	else if (!s->shut_done)
		stream_tap(s, TAP_OUT_FIN, NULL, 0);
}

static void
close_socket(struct stream *s)
{
	if (s->fd < 0)
		return;
	watch_free(s->watch);
	s->watch = NULL;
	close(s->fd);
	s->fd = -1;
	timer_cancel(s->deadline);
	loop_undefer(s->loop, &s->turn);
}

void
stream_free(struct stream *s)
{
	if (s == NULL || s->freed)
		return;
	if (s->fd >= 0)
		tap_close(s);
	s->tap.on_tap = NULL;
	close_socket(s);
	timer_free(s->deadline);
	s->freed = true;
	loop_reap(s->loop, &s->reap);
}

void
stream_abort(struct stream *s)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (s->fd < 0)
		return;
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	stream_tap(s, TAP_OUT_RST, NULL, 0);
	close_socket(s);
	s->write_failed = true;
	buffer_clear(&s->out);
	s->blocked_since = 0;
}

void
stream_set_callback(struct stream *s, stream_fn on_event, void *arg)
{
	s->on_event = on_event;
	s->arg = arg;
}

void
stream_set_tap(struct stream *s, tap_fn on_tap, void *arg)
{
	s->tap = (struct tap){ on_tap, arg };
	if (s->tls != NULL)
		tls_set_tap(s->tls, &s->tap);
}

void
stream_set_deadline(struct stream *s, int64_t at_ns)
{
	if (at_ns == 0 || s->fd < 0)
		timer_cancel(s->deadline);
	else
		timer_set_at(s->deadline, at_ns);
}

/* ---- the owner's side: input */

uint8_t *
stream_input(struct stream *s, size_t *len)
{
	*len = s->in.len;
	return buffer_data(&s->in);
}

void
stream_hold_input(struct stream *s)
{
	s->held = true;
}

void
stream_consume(struct stream *s, size_t n)
{
	buffer_consume(&s->in, n);
	if (s->held)
		buffer_settle(&s->in);
	s->held = false;
	stream_arrange(s);
}

void
stream_consume_at(struct stream *s, size_t at, size_t n)
{
	buffer_consume_at(&s->in, at, n);
	stream_arrange(s);
}

void
stream_set_input_max(struct stream *s, size_t max)
{
	s->in_max = max;
	stream_arrange(s);
}

void
stream_again(struct stream *s)
{
	s->again = true;
	if (stream_is_open(s))
		loop_next_turn(s->loop, &s->turn);
}

void
stream_when_time(struct stream *s)
{
	s->again = true;
	if (stream_is_open(s))
		await_time(s);
}

void
stream_pause(struct stream *s)
{
	s->paused = true;
	stream_arrange(s);
}

void
stream_resume(struct stream *s)
{
	s->paused = false;
	stream_arrange(s);
}

/* ---- the owner's side: output */

/* Queue behind what is queued. */
static bool
queue(struct stream *s, const void *buf, size_t len)
{
	if (len == 0)
		return true;
	if (!buffer_append(&s->out, buf, len)) {
		stream_fail_write(s, "out of memory");
		return false;
	}
	if (s->blocked_since == 0)
		s->blocked_since = clock_mono_ns();
	return true;
}

static bool
is_writable(const struct stream *s)
{
	return stream_is_open(s) && !s->write_failed && !s->shut_wanted;
}

/* Try the kernel with what is queued. */
static bool
flush(struct stream *s)
{
	if (!stream_is_open(s) || s->write_failed)
		return false;
	if (!s->out_waits && !s->handshaking)
		stream_push_output(s);
	if (s->out.len > 0)
		s->owes_drained = true;
	stream_arrange(s);
	return !s->write_failed;
}

bool
stream_write(struct stream *s, const void *buf, size_t len)
{
	struct iovec v = { (void *)(uintptr_t)buf, len };

	return stream_writev(s, &v, 1);
}

/* Past the first |skip| bytes of |v|. */
static bool
queue_rest(struct stream *s, const struct iovec *v, int n, size_t skip)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += v[i].iov_len;
	/* the buffer grows once; if it cannot, queue() says so */
	if (len > skip)
		buffer_reserve(&s->out, len - skip);
	for (int i = 0; i < n && len > skip; i++) {
		size_t cut = skip < v[i].iov_len ? skip : v[i].iov_len;

		skip -= cut;
		if (!queue(s, (const uint8_t *)v[i].iov_base + cut,
			v[i].iov_len - cut))
			return false;
	}
	return true;
}

bool
stream_writev(struct stream *s, const struct iovec *v, int n)
{
	size_t done = 0;

	if (!is_writable(s))
		return false;
	/* straight to the kernel, without a copy, if nothing is before it */
	if (s->out.len == 0 && stream_may_write(s) && !s->out_waits) {
		done = stream_put(s, v, (size_t)n);
		s->bytes_out += done;
	}
	if (s->write_failed || !queue_rest(s, v, n, done))
		return false;
	return flush(s);
}

size_t
stream_queued(const struct stream *s)
{
	return s->out.len;
}

int64_t
stream_blocked_since(const struct stream *s)
{
	return s->blocked_since;
}

long
stream_kernel_queued(const struct stream *s)
{
	int n;

	if (!stream_is_open(s) || ioctl(s->fd, SIOCOUTQ, &n) < 0)
		return -1;
	return n;
}

void
stream_shut(struct stream *s)
{
	if (!is_writable(s))
		return;
	s->shut_wanted = true;
	s->owes_drained = true;
	flush(s);
	if (stream_is_open(s))
		loop_next_turn(s->loop, &s->turn);
}

/* ---- questions */

enum ending
stream_ending(const struct stream *s)
{
	return s->ending;
}

const char *
stream_error(const struct stream *s)
{
	return s->error != NULL ? s->error : "";
}

bool
stream_tls_failed(const struct stream *s)
{
	return s->tls_failed;
}

struct tls *
stream_tls(struct stream *s)
{
	return s->tls;
}

int
stream_fd(const struct stream *s)
{
	return s->fd;
}

const char *
stream_peer(const struct stream *s)
{
	static _Thread_local char text[ADDRESS_TEXT_MAX];
	struct address a = { .len = sizeof(s->peer) };

	if (!s->has_peer)
		return "unconnected";
	memcpy(&a.in6, &s->peer, sizeof(s->peer));
	address_text(&a, text, sizeof(text));
	return text;
}

uint64_t
stream_bytes_in(const struct stream *s)
{
	return s->bytes_in;
}

uint64_t
stream_bytes_out(const struct stream *s)
{
	return s->bytes_out;
}
