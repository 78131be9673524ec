/* What the two halves of the stream share; nobody else includes it. */
#ifndef NET_STREAM_INTERNAL_H
#define NET_STREAM_INTERNAL_H

#include "net/address.h"
#include "net/buffer.h"
#include "net/loop.h"
#include "net/stream.h"

struct stream {
	struct loop *loop;
	int fd; /* -1: closed */
	struct watch *watch;
	struct tls *tls;
	stream_fn on_event;
	void *arg;
	struct tap tap;
	struct deferred turn; /* the next go without waiting for the socket */
	struct deferred reap;
	struct timer *deadline;
	struct buffer in;
	struct buffer out;
	size_t in_max;
	size_t read_hint; /* what recent reads left in |in| */
	uint64_t bytes_in, bytes_out;
	int64_t blocked_since;
	enum ending ending;
	bool freed;
	bool handshaking;
	bool paused;
	bool held;             /* the owner has pointers into |in| */
	bool again;            /* the owner asked for another go */
	bool awaits_time;      /* it queues for time of the loop */
	bool read_wants_write; /* TLS: reading goes on when writable */
	bool write_wants_read; /* … and the other way round */
	bool out_waits;        /* the kernel would not take more */
	bool shut_wanted;      /* FIN behind the output */
	bool shut_done;        /* … is out */
	bool owes_drained;     /* STREAM_DRAINED is due when all is out */
	bool write_failed;     /* nothing can be written any more */
	bool owes_ended;       /* STREAM_ENDED is to be said */
	bool tls_failed;
	char *error; /* NULL: none */
	bool has_peer;
	struct sockaddr_in6 peer; /* or of another family */
};

void stream_emit(struct stream *s, enum stream_event e);
void stream_tap(struct stream *s, enum tap_kind kind, const void *p,
    size_t len);
bool stream_is_open(const struct stream *s);
/* The peer's side is over. */
void stream_end(struct stream *s, enum ending ending, const char *error);
/* … because TLS failed. */
void stream_end_tls(struct stream *s);
/* Nothing goes out any more; what has come in meanwhile is read first. */
void stream_fail_write(struct stream *s, const char *error);
/* Read if |readable|, deliver, say the end when it is time. */
void stream_input_step(struct stream *s, bool readable);
/* Move output, and say it when all is out. */
void stream_output_step(struct stream *s);
void stream_push_output(struct stream *s);
bool stream_may_write(const struct stream *s);
/* Give the kernel what it takes, over TLS in records; bytes taken. */
size_t stream_put(struct stream *s, const struct iovec *v, size_t n);
/* Wait for what the state asks for. */
void stream_arrange(struct stream *s);

#endif
