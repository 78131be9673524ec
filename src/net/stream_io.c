/*
 * The moving parts of a stream: input until it must wait, output until it
 * must wait, and what an error of either means.
 */
#include "config.h"

#include "net/stream_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "net/tls.h"

#define READ_SMALLEST 4096
/* What one stream reads in one turn, so that the others get theirs. */
#define READ_PER_TURN 262144

void
stream_emit(struct stream *s, enum stream_event e)
{
	if (!s->freed)
		s->on_event(s->arg, s, e);
}

void
stream_tap(struct stream *s, enum tap_kind kind, const void *p, size_t len)
{
	if (s->tap.on_tap != NULL)
		s->tap.on_tap(s->tap.arg, kind, p, len);
}

bool
stream_is_open(const struct stream *s)
{
	return !s->freed && s->fd >= 0;
}

/* ---- endings */

static void
set_error(struct stream *s, const char *error)
{
	if (error == s->error)
		return;
	free(s->error);
	s->error = strdup(error);
}

void
stream_end(struct stream *s, enum ending ending, const char *error)
{
	if (ending == ENDING_EOF || ending == ENDING_TRUNCATED)
		stream_tap(s, TAP_IN_FIN, NULL, 0);
	else if (ending == ENDING_RESET)
		stream_tap(s, TAP_IN_RST, NULL, 0);
	s->ending = ending;
	s->owes_ended = true;
	set_error(s, error);
}

/* Nothing goes out any more; what has come in meanwhile is read first. */
void
stream_fail_write(struct stream *s, const char *error)
{
	if (s->write_failed)
		return;
	s->write_failed = true;
	buffer_clear(&s->out);
	s->blocked_since = 0;
	if (s->ending == ENDING_NONE)
		set_error(s, error);
	else if (s->ending == ENDING_EOF)
		stream_end(s, ENDING_RESET, error);
	loop_next_turn(s->loop, &s->turn);
}

static const char *
socket_error_text(int error)
{
	return error == EPIPE ? "closed by the peer while we were writing"
			      : strerror(error);
}

/* TLS came to an end: which one? */
void
stream_end_tls(struct stream *s)
{
	if (tls_failed_by_eof(s->tls) && s->write_failed) {
		stream_end(s, ENDING_RESET, s->error);
	} else if (tls_failed_by_eof(s->tls)) {
		stream_end(s, ENDING_TRUNCATED, tls_error(s->tls));
	} else if (tls_failed_errno(s->tls) != 0) {
		stream_end(s, ENDING_RESET,
		    socket_error_text(tls_failed_errno(s->tls)));
	} else {
		s->tls_failed = true;
		stream_end(s, ENDING_PROTOCOL, tls_error(s->tls));
	}
	s->write_failed = true;
	s->handshaking = false;
	buffer_clear(&s->out);
	s->blocked_since = 0;
}

/* ---- input */

static bool
may_read(const struct stream *s)
{
	return stream_is_open(s) && !s->paused && !s->handshaking &&
	    s->ending == ENDING_NONE && s->in.len < s->in_max;
}

/*
 * Room to read into: more than recent turns left there, so that one read sees
 * the end; then doubling, up to the bound.  To reach that in more than one step
 * would move most of it for the last few bytes.
 */
static uint8_t *
input_room(struct stream *s, size_t *room)
{
	size_t len = s->in.len;
	size_t size = len * 2;
	uint8_t *to;

	if (size <= s->read_hint)
		size = s->read_hint + 1;
	if (size < READ_SMALLEST)
		size = READ_SMALLEST;
	if (size > s->in_max / 2)
		size = s->in_max;
	/* a record more or less says nothing about what is behind it */
	if (s->tls != NULL && buffer_room(&s->in) >= READ_SMALLEST)
		size = len + READ_SMALLEST;
	to = buffer_reserve(&s->in, size - len);
	if (to == NULL) {
		stream_end(s, ENDING_LIMIT, "out of memory");
		return NULL;
	}
	*room = buffer_room(&s->in);
	if (*room > s->in_max - len)
		*room = s->in_max - len;
	return to;
}

/* One read.  False if there is nothing more for now. */
static bool
read_plain(struct stream *s, uint8_t *to, size_t room, size_t *got)
{
	ssize_t n = recv(s->fd, to, room, 0);

	*got = n > 0 ? (size_t)n : 0;
	if (n > 0) {
		stream_tap(s, TAP_IN, to, *got);
		return *got == room;
	}
	if (n == 0 && s->write_failed)
		stream_end(s, ENDING_RESET, s->error);
	else if (n == 0)
		stream_end(s, ENDING_EOF, "closed by the peer");
	else if (errno == EINTR)
		return true;
	else if (errno != EAGAIN)
		stream_end(s, ENDING_RESET, socket_error_text(errno));
	return false;
}

static bool
read_tls(struct stream *s, uint8_t *to, size_t room, size_t *got)
{
	size_t n = 0;

	*got = 0;
	switch (tls_read(s->tls, to, room, &n)) {
	case TLS_DONE:
		*got = n;
		return !tls_ran_dry(s->tls);
	case TLS_AGAIN_READ:
		break;
	case TLS_AGAIN_WRITE:
		s->read_wants_write = true;
		break;
	case TLS_CLOSED:
		stream_end(s, ENDING_EOF, "closed by the peer");
		break;
	case TLS_FAILED:
		stream_end_tls(s);
		break;
	}
	return false;
}

/* Read what is there, within the bounds; true if anything came. */
static bool
fill(struct stream *s)
{
	size_t total = 0;
	bool more = true;

	s->read_wants_write = false;
	while (more && may_read(s) && total < READ_PER_TURN) {
		size_t room, got;
		uint8_t *to = input_room(s, &room);

		if (to == NULL)
			break;
		if (room > READ_PER_TURN - total)
			room = READ_PER_TURN - total;
		more = s->tls != NULL ? read_tls(s, to, room, &got)
				      : read_plain(s, to, room, &got);
		buffer_added(&s->in, got);
		total += got;
	}
	s->bytes_in += total;
	if (total > 0)
		s->read_hint = s->in.len > s->read_hint
		    ? s->in.len
		    : s->read_hint - (s->read_hint - s->in.len) / 8;
	return total > 0;
}

static void
settle_failed_write(struct stream *s, bool got)
{
	if (!s->write_failed || s->ending != ENDING_NONE)
		return;
	if (got && may_read(s))
		loop_next_turn(s->loop, &s->turn);
	else
		stream_end(s, ENDING_RESET, s->error);
}

/* Read, deliver, and say the end when there is one and nobody asks for more
 * time. */
void
stream_input_step(struct stream *s, bool readable)
{
	bool got;

	if (s->held) { /* a second event of the turn */
		loop_next_turn(s->loop, &s->turn);
		return;
	}
	got = readable && may_read(s) && fill(s);

	if (got || s->again) {
		s->again = false;
		stream_emit(s, STREAM_INPUT);
	}
	if (!stream_is_open(s))
		return;
	settle_failed_write(s, got);
	if (s->owes_ended && !s->again) {
		s->owes_ended = false;
		stream_emit(s, STREAM_ENDED);
	}
	if (!stream_is_open(s))
		return;
	if (!s->held)
		buffer_settle(&s->in);
	stream_arrange(s);
}

/* ---- output */

static void
count_out(struct stream *s, size_t n)
{
	s->bytes_out += n;
	s->blocked_since = clock_mono_ns();
}

static void
tap_written(struct stream *s, const struct iovec *v, size_t len)
{
	for (; len > 0; v++) {
		size_t n = v->iov_len < len ? v->iov_len : len;

		if (n > 0)
			stream_tap(s, TAP_OUT, v->iov_base, n);
		len -= n;
	}
}

/* One vectored write; bytes taken. */
static size_t
write_plain(struct stream *s, const struct iovec *v, size_t n)
{
	struct msghdr m = { 0 };
	ssize_t put;

	m.msg_iov = (struct iovec *)(uintptr_t)v;
	m.msg_iovlen = n;
	do
		put = sendmsg(s->fd, &m, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put >= 0) {
		if (s->tap.on_tap != NULL)
			tap_written(s, v, (size_t)put);
		return (size_t)put;
	}
	if (errno == EAGAIN)
		s->out_waits = true;
	else
		stream_fail_write(s, socket_error_text(errno));
	return 0;
}

static size_t
write_tls(struct stream *s, const struct iovec *v, size_t n)
{
	size_t put;

	s->write_wants_read = false;
	switch (tls_writev(s->tls, v, n, &put)) {
	case TLS_DONE:
		break;
	case TLS_AGAIN_READ:
		s->write_wants_read = true;
		s->out_waits = true;
		break;
	case TLS_AGAIN_WRITE:
		s->out_waits = true;
		break;
	case TLS_CLOSED:
	case TLS_FAILED:
		stream_fail_write(s,
		    tls_failed_errno(s->tls) != 0
			? socket_error_text(tls_failed_errno(s->tls))
			: tls_error(s->tls));
		break;
	}
	return put;
}

size_t
stream_put(struct stream *s, const struct iovec *v, size_t n)
{
	return s->tls != NULL ? write_tls(s, v, n) : write_plain(s, v, n);
}

/* close_notify and FIN. */
static void
finish_shut(struct stream *s)
{
	enum tls_result r = TLS_DONE;

	if (s->tls != NULL)
		r = tls_shutdown(s->tls);
	s->write_wants_read = r == TLS_AGAIN_READ;
	if (r == TLS_AGAIN_READ || r == TLS_AGAIN_WRITE) {
		s->out_waits = true;
		return;
	}
	s->shut_done = true;
	if (r == TLS_FAILED)
		stream_fail_write(s, tls_error(s->tls));
	else if (shutdown(s->fd, SHUT_WR) == 0)
		stream_tap(s, TAP_OUT_FIN, NULL, 0);
	else if (errno != ENOTCONN)
		stream_fail_write(s, socket_error_text(errno));
}

bool
stream_may_write(const struct stream *s)
{
	return stream_is_open(s) && !s->handshaking && !s->write_failed;
}

/* Move output towards the kernel until it is all there or must wait. */
void
stream_push_output(struct stream *s)
{
	s->out_waits = false;
	while (stream_may_write(s) && s->out.len > 0 && !s->out_waits) {
		struct iovec v = { buffer_data(&s->out), s->out.len };
		size_t n = stream_put(s, &v, 1);

		if (n > 0)
			count_out(s, n);
		/* TLS can fail behind records that went out; that has
		 * emptied the buffer. */
		if (n == 0 || s->write_failed)
			break;
		buffer_consume(&s->out, n);
	}
	if (s->out.len == 0) {
		s->blocked_since = 0;
		buffer_clear(&s->out);
		if (stream_may_write(s) && s->shut_wanted && !s->shut_done)
			finish_shut(s);
	}
}

void
stream_output_step(struct stream *s)
{
	stream_push_output(s);
	if (s->owes_drained && stream_may_write(s) && s->out.len == 0 &&
	    s->shut_wanted == s->shut_done) {
		s->owes_drained = false;
		stream_emit(s, STREAM_DRAINED);
	}
}

/* ---- waiting */

/* What to wait for in this state. */
void
stream_arrange(struct stream *s)
{
	int what = 0;

	/* While the owner holds the input nothing is waited for; afterwards
	 * a full buffer may have room again, and all stays as it was. */
	if (!stream_is_open(s) || s->held)
		return;
	if (s->handshaking) {
		/* What has come stays there, and would be told each turn. */
		if (!s->awaits_time)
			what = s->read_wants_write ? WATCH_WRITE : WATCH_READ;
	} else {
		if (may_read(s))
			what |= s->read_wants_write ? WATCH_WRITE : WATCH_READ;
		if (s->out_waits && !s->write_failed)
			what |= s->write_wants_read ? WATCH_READ : WATCH_WRITE;
		if (may_read(s) && s->tls != NULL && tls_pending(s->tls))
			loop_next_turn(s->loop, &s->turn);
	}
	watch_set(s->watch, what);
}
