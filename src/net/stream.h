/*
 * A byte stream over TCP (or any stream socket, a socketpair too), with or
 * without TLS, and exact knowledge of how it ended.  Belongs to one loop.
 *
 * Events come through one callback.  After stream_free() none comes; the
 * object itself lives to the end of the turn, so a callback may free its own
 * stream.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/ending.h"
#include "base/tap.h"

struct loop;
struct stream;
struct tls;
struct tls_ctx;

enum stream_event {
	STREAM_SECURED, /* the TLS handshake is complete */
	STREAM_INPUT,   /* bytes have come: stream_input() */
	STREAM_DRAINED, /* what had to wait, or stream_shut(), is done */
	STREAM_ENDED,   /* the peer's side ended: stream_ending() */
	STREAM_TIMEOUT  /* the deadline of stream_set_deadline() passed */
};

typedef void (*stream_fn)(void *arg, struct stream *s, enum stream_event e);

/*
 * Take the connected, non-blocking |fd|; options such as TCP_NODELAY are the
 * business of who made it (listen.h, dial.h).  Reading begins at once.  NULL
 * without memory; |fd| is closed then.
 */
struct stream *stream_new(struct loop *l, int fd, stream_fn on_event,
    void *arg);
/* The same through TLS; the handshake begins at once, in the role of |ctx|.
 * |sni| NULL: server. */
struct stream *stream_new_tls(struct loop *l, int fd, struct tls_ctx *ctx,
    const char *sni, stream_fn on_event, void *arg);
/* Begin TLS on a stream that is plain so far.  False if input or output is
 * waiting, or without memory. */
bool stream_start_tls(struct stream *s, struct tls_ctx *ctx, const char *sni);
/* Close the descriptor (FIN, or RST if input is unread) and forget output.
 * Nothing is said over TLS: who takes leave in order calls stream_shut()
 * first, which does it at once where no output waits.  NULL is fine. */
void stream_free(struct stream *s);

void stream_set_callback(struct stream *s, stream_fn on_event, void *arg);
/*
 * Show what goes over the wire from here on; set right behind stream_new()
 * nothing is missed, the TLS handshake neither.  Called from inside of the
 * stream's work, the last time from stream_free(): it may not touch the
 * stream.
 */
void stream_set_tap(struct stream *s, tap_fn on_tap, void *arg);

/*
 * What has arrived and was not consumed, contiguous and writable (so that it
 * can be unmasked in place).  Valid until the next call on the stream.
 */
uint8_t *stream_input(struct stream *s, size_t *len);
void stream_consume(struct stream *s, size_t n);
/* Remove |n| bytes at |at|: what lies before them stays at the front. */
void stream_consume_at(struct stream *s, size_t at, size_t n);
/*
 * Keep what stream_input() gave where it is, and writable, until the next
 * stream_consume(), whatever else happens to the stream but stream_free():
 * nothing more is read meanwhile.  For less than a turn.
 */
void stream_hold_input(struct stream *s);
/*
 * Bound of the input buffer, in bytes (default 64 KiB): reading pauses when
 * it is full.  A consumer that waits for a whole frame raises it to that.
 */
void stream_set_input_max(struct stream *s, size_t max);
/* After returning from STREAM_INPUT with bytes left over that can be worked
 * on (a cap per turn): ask to be called again in the next turn. */
void stream_again(struct stream *s);
/* The same where loop_has_time() said no: when this stream's time has come. */
void stream_when_time(struct stream *s);

/*
 * Write; what the kernel does not take at once is queued (copied) and goes
 * out later.  False if the stream has failed; its ending then comes as an
 * event.  stream_queued() is the back-pressure: the caller bounds it.
 */
bool stream_write(struct stream *s, const void *buf, size_t len);
bool stream_writev(struct stream *s, const struct iovec *v, int n);
size_t stream_queued(const struct stream *s);
/* When output last moved, or began to wait; 0 if nothing waits. */
int64_t stream_blocked_since(const struct stream *s);

/* Bytes that the kernel has taken and the peer has not: they become fewer as
 * a slow peer reads, long before we may write again.  -1: unknown. */
long stream_kernel_queued(const struct stream *s);

void stream_pause(struct stream *s); /* stop reading */
void stream_resume(struct stream *s);
/* FIN (behind queued output); over TLS close_notify first.  STREAM_DRAINED
 * says that it is out; input goes on. */
void stream_shut(struct stream *s);
/* Close with RST, at once.  No event comes any more; stream_free() is still
 * to be called. */
void stream_abort(struct stream *s);
/* A deadline of the owner's own, absolute monotonic ns; 0: none. */
void stream_set_deadline(struct stream *s, int64_t at_ns);

/*
 * After STREAM_ENDED: ENDING_EOF (FIN; over TLS its close_notify),
 * ENDING_TRUNCATED (TLS without close_notify), ENDING_RESET (also a write
 * into a closed connection, and any other error of the socket),
 * ENDING_PROTOCOL (TLS itself failed: stream_tls_failed()), ENDING_LIMIT (no
 * memory).  Input that came
 * before the end is delivered first, and STREAM_ENDED waits for whoever asked
 * with stream_again().  A stream whose peer sent FIN can still be written to;
 * if that fails later, STREAM_ENDED comes once more, with ENDING_RESET.
 */
enum ending stream_ending(const struct stream *s);
/* One line for people: "connection reset by peer", a TLS error. */
const char *stream_error(const struct stream *s);
/* The TLS session itself failed (handshake, certificate, alert). */
bool stream_tls_failed(const struct stream *s);

struct tls *stream_tls(struct stream *s); /* NULL: plain */
int stream_fd(const struct stream *s);
/* "127.0.0.1:3340", "[::1]:3340"; "socketpair" and the like otherwise.  Valid
 * until the next call by this thread, for any stream. */
const char *stream_peer(const struct stream *s);
/* Bytes in and out on the stream's inside (plain text) so far. */
uint64_t stream_bytes_in(const struct stream *s);
uint64_t stream_bytes_out(const struct stream *s);

#endif
