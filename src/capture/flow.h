/*
 * One TCP connection of a capture: who is the client, both directions'
 * bytes, and what they are given to: the dissector, or TLS.
 */
#ifndef CAPTURE_FLOW_H
#define CAPTURE_FLOW_H

#include "capture/ip.h"
#include "capture/tcp_stream.h"
#include "capture/tls_session.h"
#include "transcript/transcript.h"

struct flow;

/* What all flows of a capture share. */
struct flow_context {
	struct transcript *t;
	const struct rk_dialect *dialect;
	struct tls_context *tls;
	size_t max_flow_bytes;
	int64_t epoch_ns;
	void (*remark)(void *arg, enum remark_level level, int conn,
	    int64_t time_ns, uint64_t packet, const char *text);
	void *arg;
	/* said once for all flows */
	bool said_doubled;
	bool said_cut;
};

/* Begins with its first segment, which is to be given to flow_segment(). */
struct flow *flow_new(struct flow_context *c, const struct segment *s);
/* Ends it first, as of the last segment. */
void flow_free(struct flow *f);

/* Are these the two ends of the flow? */
bool flow_is_between(const struct flow *f, const struct endpoint *a,
    const struct endpoint *b);
/* Does |s| begin another connection between the same ends? */
bool flow_is_succeeded(const struct flow *f, const struct segment *s);
/* As of its last segment. */
void flow_remark(struct flow *f, enum remark_level level, const char *text);
void flow_segment(struct flow *f, const struct segment *s);
/* Both directions have ended, or it was reset. */
bool flow_is_over(const struct flow *f);
/* Bytes of memory that wait for something. */
size_t flow_held(const struct flow *f);
/* Of them those that it could do without, and do. */
size_t flow_spare(const struct flow *f);
void flow_release_spare(struct flow *f);
struct tcp_counts flow_counts(const struct flow *f);

#endif
