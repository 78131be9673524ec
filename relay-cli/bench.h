/*
 * relay-cli bench: what its files share.  Three kinds of run (packets,
 * logins, idle connections) over one frame: options, the relay's process, a
 * time limit, one way to finish, a report.
 */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/keys.h"
#include "relay-cli/histogram.h"
#include "relay-cli/options.h"
#include "relay-cli/proc.h"
#include "relay-cli/session.h"

struct bench;

/* What was counted; a run fills what it has. */
struct bench_result {
	int64_t elapsed_ns;
	bool has_usage; /* of --pid, at the beginning and the end */
	struct proc_usage before, after;
	struct histogram latency; /* of packets or logins */
	/* packets */
	uint64_t due; /* --rate: what had to be sent */
	uint64_t sent;
	uint64_t received;         /* in all */
	uint64_t received_in_time; /* before the end of --time */
	uint64_t misordered;       /* or doubled */
	uint64_t wrong;            /* of other content, or never sent */
	struct histogram lag;      /* --rate: how late we were ourselves */
	uint64_t pings;
	uint64_t pongs;
	struct histogram ping;
	uint64_t stall_sent;   /* to the receiver that does not read */
	int64_t stall_gone_ns; /* when the relay gave it up; 0: it did not */
	/* logins, idle connections */
	uint64_t logins;
	uint64_t lost;
	int64_t ramp_ns; /* opening them took so long */
};

struct bench_kind {
	const char *name; /* "packets" */
	/* Begin; the run calls bench_start_clock() once it measures. */
	void (*begin)(struct bench *b);
	/* --time is over: stop, and call bench_finish(), perhaps later. */
	void (*on_time)(struct bench *b);
	/* Count what there is, judge it with bench_miss(), free. */
	void (*end)(struct bench *b);
};

extern const struct bench_kind bench_packets, bench_logins, bench_idle;

struct bench {
	struct options options;
	const struct bench_kind *kind;
	struct loop *loop;
	struct timer *limit;
	int64_t started_at; /* 0: not yet */
	bool finished;
	int status;
	void *run; /* the kind's own */
	struct bench_result result;
};

/* From here on it counts; --time begins. */
void bench_start_clock(struct bench *b);
/* The run is over, with an exit status; the first call decides. */
void bench_finish(struct bench *b, int status);
/* The same after a line on stderr. */
void bench_fail(struct bench *b, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What was asked for was not met: exit 1, unless it is worse already. */
void bench_miss(struct bench *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* One line with --json, else a few for people; on stdout. */
void bench_report(const struct bench *b);

/* A client of its own: key and session. */
struct bench_client {
	struct rk_secret_key secret;
	struct rk_key key;
	struct session *session;
	bool open;
	struct ramp *ramp;
};

/* Opens many sessions, some at a time. */
struct ramp {
	struct bench *bench;
	size_t n;
	size_t begun;
	size_t open;
	/* The |i|th of them. */
	struct bench_client *(*client)(struct ramp *r, size_t i);
	void (*on_all_open)(struct ramp *r);
	/* Frames that come before the session is taken over; may be NULL. */
	void (*on_frame)(struct ramp *r, const struct rk_frame *f);
	/* One is lost after all were open.  Before, the run fails. */
	void (*on_lost)(struct ramp *r, const struct session_end *e);
	struct deferred ready;
};

void ramp_start(struct ramp *r);
/* Close the sessions that are still there. */
void ramp_stop(struct ramp *r);

/* What a session of this run is configured with. */
struct session_config bench_session_config(const struct bench *b,
    const struct rk_secret_key *secret);

#endif
