/*
 * A stream that notes what happens to it, for tests that drive a loop by
 * hand: turn it until something is so, never for a time.
 */
#ifndef TESTS_PEER_H
#define TESTS_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/loop.h"
#include "net/stream.h"

struct peer {
	struct stream *stream;
	struct text events; /* "secured input drained ended timeout", joined */
	struct text got;    /* bytes of input */
	bool keep;          /* leave input where it is */
	bool secured, drained, ended, timed_out;
	unsigned ninputs, nended;
	enum ending ending;
	char error[256];
	stream_fn also; /* called behind the notes; may be NULL */
	void *arg;
};

/* Zeroed; |p->stream| is the caller's to set and, if not freed, to free. */
void peer_init(struct peer *p);
void peer_clear(struct peer *p); /* frees the stream too */
/* The callback; its |arg| is the peer. */
void peer_on_event(void *arg, struct stream *s, enum stream_event e);

/* Turn until |condition| holds; fails after a minute. */
#define TURN_UNTIL(l, condition)                                               \
	do {                                                                   \
		int64_t give_up_ = clock_mono_ns() + 60 * NS_PER_S;            \
		while (!(condition)) {                                         \
			ck_assert_msg(clock_mono_ns() < give_up_,              \
			    "never came true: %s", #condition);                \
			loop_turn((l), 100 * NS_PER_MS);                       \
		}                                                              \
	} while (0)

enum pair_kind {
	PAIR_SOCKETPAIR,
	PAIR_TCP4,
	PAIR_TCP6,
	PAIR_NKINDS
};
/* Two connected, non-blocking descriptors. */
void make_pair(enum pair_kind kind, int fds[2]);
/* Kernel buffers of some 32 KiB, so that writes must wait. */
void make_buffers_small(int fd);
void set_blocking(int fd);

#endif
