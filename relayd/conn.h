/*
 * One connection, from accept to close: TLS, HTTP requests, the login, then
 * frames.  It belongs to one worker and is called by its stream, by the
 * router (as an endpoint) and by the worker at the end of a turn.
 *
 * Only conn_close() ends a connection; the memory goes at the end of the
 * turn.  A function that may close returns bool: after false the caller
 * leaves the connection alone.
 */
#ifndef RELAYD_CONN_H
#define RELAYD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bucket.h"
#include "base/ending.h"
#include "base/log.h"
#include "codec/http.h"
#include "codec/login.h"
#include "codec/ws.h"
#include "relayd/router.h"
#include "relayd/sendq.h"

#define CONN_NONCE_LEN 8 /* of Ping and Pong */

struct access_query;
struct capture_file;
struct stream;
struct tls_ctx;
struct worker;

/* What a listener serves. */
enum service {
	SERVICE_RELAY,   /* everything */
	SERVICE_CAPTIVE, /* beside TLS: the captive-portal check alone */
	SERVICE_METRICS
};

enum conn_state {
	CONN_TLS,      /* the handshake is under way */
	CONN_HTTP,     /* requests, until one of them upgrades */
	CONN_LOGIN,    /* frames of the login */
	CONN_OPEN,     /* logged in */
	CONN_LINGER,   /* answered and shut; waits for the peer to close */
	CONN_FLUSHING, /* over, but for what is still to be written */
	CONN_DEAD      /* freed at the end of the turn */
};

/* What waits for a receiver, in the order in which it is served. */
enum lane {
	LANE_GONE,
	LANE_PACKETS,
	LANE_DISCO,
	NLANES
};

/* Small output of the connection's own: answers, Pongs. */
struct outbuf {
	uint8_t *p;
	size_t len;
	size_t cap;
};

struct conn {
	struct endpoint ep; /* the router's side; the first member */
	struct worker *worker;
	struct conn *prev, *next; /* all of the worker; or the dead */
	struct conn *next_touched;
	struct conn *next_lending;
	struct stream *stream;
	struct capture_file *capture; /* NULL: nobody wants one */
	uint64_t id;
	uint8_t state;   /* enum conn_state */
	uint8_t stage;   /* enum stage */
	uint8_t service; /* enum service */
	uint8_t carrier; /* enum rk_carrier, from the upgrade on */
	uint8_t ending;  /* enum ending, once it is known */
	bool touched : 1;
	bool lending : 1;
	bool stalled : 1;      /* reads nothing until its output moves */
	bool write_failed : 1; /* the stream will end */
	bool limited : 1;      /* reads nothing until limited_until */
	bool was_limited : 1;
	bool crowded : 1;   /* reads nothing until other loops have read */
	bool end_waits : 1; /* the peer's end has come, and waits for what is
			       before */
	bool beat_due : 1;  /* KeepAlive or Ping, to be written */
	bool upgraded : 1;  /* 101 is written, the body is to come */
	bool shut : 1;      /* CONN_LINGER: FIN is sent */
	bool full : 1;      /* something was dropped since it was flushed */
	bool to_nobody : 1; /* where the packet before this went */
	/* Times are of the monotonic clock. */
	int64_t since; /* beginning of what a deadline is for */
	/* CONN_OPEN: signs of life */
	int64_t next_beat;
	int64_t beat_every;
	int64_t pong_by; /* 0: none is waited for */
	uint8_t nonce[CONN_NONCE_LEN];
	/* … and the receive limit */
	int64_t limited_until;
	struct bucket rx_limit;
	int64_t armed; /* deadline the stream has; 0: none */
	/* while output is blocked */
	int64_t blocked_since; /* as the stream says it */
	int64_t moved_at;      /* when the peer was last seen to take some */
	long kernel_queued;    /* as it was then */
	/* input */
	size_t taken; /* done with, consumed at the end of the turn */
	size_t need;  /* bytes of the unit that is not whole yet */
	size_t seen;  /* bytes of a head that were looked at before */
	struct rk_http_body body;
	struct rk_ws_reader ws;
	struct rk_login login;      /* login.peer is the client's key */
	struct access_query *query; /* what the login waits for; or NULL */
	/* output */
	struct outbuf out;
	struct sendq lane[NLANES];
	uint32_t under_way[NLANES]; /* frames of the batch being written */
};

/*
 * Serve the accepted |fd|, with TLS if |tls| is not NULL.  The descriptor is
 * taken.  NULL: no memory (it is closed).
 */
struct conn *conn_new(struct worker *w, int fd, struct tls_ctx *tls,
    enum service service);

/*
 * The connection is over: out of the router (everybody it sent to hears of
 * it, unless it was replaced or the relay stops), counted, logged.  What was
 * written before still goes out as far as the peer takes it.  |reason| is
 * for the log; NULL: none.  Always returns false.
 */
bool conn_close(struct conn *c, enum ending ending, const char *reason);

/* The relay stops: write what is queued, then close. */
void conn_stop(struct conn *c);

/* For the worker, at the end of a turn. */
void conn_flush(struct conn *c);
void conn_release_input(struct conn *c);
void conn_free(struct conn *c);

/* ---- for the files of the connection among themselves ---- */

void conn_set_state(struct conn *c, enum conn_state state);
/* See to it that the stream's deadline is not later than needed. */
void conn_arm(struct conn *c);
/* Output is waiting: see whether it moves. */
void conn_watch_output(struct conn *c);
/* Flush at the end of the turn. */
void conn_touch(struct conn *c);
/* Input that has not been taken yet; writable. */
uint8_t *conn_input(struct conn *c, size_t *len);
/* Done with |n| bytes at its front; they stay in place until the end of the
 * turn. */
void conn_take(struct conn *c, size_t n);
/* Room for |n| bytes at the end of the connection's own output, which has
 * them already.  NULL: no memory, and the connection is closed. */
uint8_t *conn_out(struct conn *c, size_t n);
/* Stop reading while too much of that output waits; true if so. */
bool conn_stall(struct conn *c);
/* What held the input up is over: next turn, work on what has come, its end
 * too, and read on, unless something else holds it up. */
void conn_resume(struct conn *c);
/* What is large, and written before it is read, the compiler need not clear. */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#else
#define UNINITIALIZED
#endif

/* The line begins with the connection's number; |limit| may be NULL.  What is
 * behind |level| is evaluated only if the line goes out. */
#define conn_log(c, limit, level, ...)                                         \
	do {                                                                   \
		unsigned long suppressed_;                                     \
                                                                               \
		if (log_passes(limit, level, &suppressed_))                    \
			conn_say(c, level, suppressed_, __VA_ARGS__);          \
	} while (0)
void conn_say(const struct conn *c, enum log_level level,
    unsigned long suppressed, const char *fmt, ...) LOG_PRINTF(4, 5);
bool conn_is_tls(const struct conn *c);
/* The client's key, short, for log lines; "-" before the login. */
const char *conn_key_text(const struct conn *c);

/* conn_live.c: signs of life of an open connection, both ways. */
void conn_live_start(struct conn *c);
/* A frame has come. */
void conn_live_heard(struct conn *c);
void conn_live_pong(struct conn *c, const uint8_t nonce[CONN_NONCE_LEN]);
int64_t conn_live_deadline(const struct conn *c); /* INT64_MAX: none */
bool conn_live_tick(struct conn *c, int64_t now);
/* What is due, if anything is. */
bool conn_live_write(struct conn *c, struct rk_writer *w);

/* conn_limit.c: the receive limit of an open connection. */
void conn_limit_start(struct conn *c);
/* False: not now; reading is paused, and goes on by itself. */
bool conn_limit_admits(struct conn *c, size_t bytes);

/* conn_access.c: the login is ASKED; ask the access service. */
bool conn_access_start(struct conn *c);
void conn_access_cancel(struct conn *c);

/* conn_http.c: work on the requests that have come. */
void conn_http_input(struct conn *c);

/* conn_frames.c: the upgrade is done; work on the frames that have come. */
void conn_frames_start(struct conn *c, enum rk_carrier carrier);
void conn_frames_input(struct conn *c);
/* Access control has answered for a login that is ASKED. */
bool conn_login_answered(struct conn *c, bool allowed);

/* Count what became of a packet. */
void conn_count_routed(struct worker *w, bool disco, enum route_result result);

/* conn_out.c: the endpoint of the router. */
extern const struct endpoint_ops conn_endpoint_ops;
/* Header of a frame for this connection's carrier. */
void conn_frame_header(const struct conn *c, uint32_t type, size_t payload_len,
    struct rk_writer *w);
/* Append a whole frame to the connection's own output. */
bool conn_write_frame(struct conn *c, const struct rk_frame_spec *spec,
    const void *payload, size_t len);
/* The batch that was being written is, or never will be: count its packets,
 * where the generation counts them then. */
void conn_count_written(struct conn *c, bool written);
/* Append a WebSocket frame. */
bool conn_write_ws(struct conn *c, uint8_t opcode, const void *payload,
    size_t len);

#endif
