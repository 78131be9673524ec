/*
 * One direction of a TCP connection as it was captured -> its bytes in
 * order.  What was sent twice is given once, the first copy wins; what never
 * comes is a gap, as soon as that is certain.
 */
#ifndef CAPTURE_TCP_STREAM_H
#define CAPTURE_TCP_STREAM_H

#include "capture/ip.h"

struct tcp_stream;

enum remark_level {
	REMARK_NOTE, /* what TCP is made for: sent again, out of order */
	REMARK_FACT, /* worth knowing, and no harm */
	REMARK_WRONG /* bytes are missing or in doubt */
};

/* Whoever takes the bytes.  |packet| and |time_ns| are those of the segment
 * that made it possible to go on. */
struct tcp_sink {
	void *arg;
	void (*data)(void *arg, const uint8_t *p, size_t len, int64_t time_ns,
	    uint64_t packet);
	/* |len| bytes are missing. */
	void (*gap)(void *arg, uint64_t len, int64_t time_ns, uint64_t packet);
	void (*fin)(void *arg, int64_t time_ns, uint64_t packet);
	void (*remark)(void *arg, enum remark_level level, int64_t time_ns,
	    uint64_t packet, const char *text);
};

struct tcp_stream *tcp_stream_new(const struct tcp_sink *sink, size_t max_held);
void tcp_stream_free(struct tcp_stream *s);

/* The initial sequence number is known: from a SYN, or from the other side's
 * acknowledgement of it. */
void tcp_stream_begin(struct tcp_stream *s, uint32_t isn);
bool tcp_stream_begun(const struct tcp_stream *s);
/* Does this SYN begin another connection? */
bool tcp_stream_other_isn(const struct tcp_stream *s, uint32_t isn);

/* A segment of this direction. */
void tcp_stream_segment(struct tcp_stream *s, const struct segment *seg);
/* The other direction's segment acknowledges up to |ack|.  A hole below it
 * becomes a gap, but not at once: captures can be out of order. */
void tcp_stream_acked(struct tcp_stream *s, uint32_t ack, int64_t time_ns,
    uint64_t packet);
/* Nothing more will come: what is held goes out, with its gaps. */
void tcp_stream_finish(struct tcp_stream *s, int64_t time_ns, uint64_t packet);

/* Bytes of memory in use. */
size_t tcp_stream_held(const struct tcp_stream *s);
/* Of them those for comparing what is sent again, and do without them. */
size_t tcp_stream_past(const struct tcp_stream *s);
void tcp_stream_forget_past(struct tcp_stream *s);

struct tcp_counts {
	uint64_t resent;    /* segments with bytes that were there already */
	uint64_t reordered; /* segments that came before their turn */
};
struct tcp_counts tcp_stream_counts(const struct tcp_stream *s);

#endif
