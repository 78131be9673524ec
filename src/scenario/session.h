/*
 * One connection of a running case: how it is set up, what it has received
 * and nobody took yet, how it ended.  It obeys the script in everything and
 * by itself only answers Pings.
 */
#ifndef SCENARIO_SESSION_H
#define SCENARIO_SESSION_H

#include "codec/login.h"
#include "codec/upgrade.h"
#include "codec/ws.h"
#include "net/dial.h"
#include "net/resolve.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/url.h"
#include "scenario/engine.h"
#include "scenario/match.h"
#include "scenario/session_wire.h"

struct play;

/* What a session holds at most, so that an endless peer costs no more;
 * beyond it reading stops. */
#define SESSION_MAX_ITEMS 20000
#define SESSION_MAX_HELD  ((size_t)8 << 20)

#define SESSION_MAX_PENDING  128 /* HTTP requests without an answer */
#define SESSION_PINGS_KEPT   64
#define SESSION_MAX_TLS_WORD 64

enum session_state {
	SESSION_DIALING,
	SESSION_SECURING,
	SESSION_UPGRADING,
	SESSION_LOGIN,      /* the relay has to say something first */
	SESSION_CONFIRMING, /* a Ping is out */
	SESSION_READY,
	SESSION_FAILED
};

/* How what comes in is read. */
enum session_wire {
	WIRE_BYTES, /* as bytes, until a step takes them */
	WIRE_HTTP,
	WIRE_FRAMES,
	WIRE_DATAGRAMS, /* UDP */
	WIRE_LOST       /* the framing is broken: thrown away */
};

struct session_config {
	enum conn_kind kind;
	struct relay_url url;
	enum rk_carrier carrier;
	bool tls;
	struct rk_secret_key key; /* LOGIN */
	bool confirm;
	bool autopong;
	int rcvbuf;
	char sni[URL_HOST_MAX];
	char alpn[SESSION_MAX_TLS_WORD]; /* "" for none */
	int tls_min, tls_max;            /* 0, 12, 13 */
	bool insecure;
	int line;
	int64_t within_ns; /* to be ready */
};

/* Bytes that came in and were not read yet: a window on a buffer. */
struct intake {
	uint8_t *p;
	size_t start, len, cap;
};

struct session {
	struct session *next; /* of the play, newest first */
	struct play *play;
	char *name;
	int conn;    /* of the transcript */
	int on_tape; /* of the tape */
	struct session_config config;
	enum session_state state;
	struct text failure;      /* FAILED: one line */
	enum result_code fail_as; /* … as a finding about the target */
	int64_t begun_ns;
	int64_t ready_ns;

	bool listening;        /* a client has come to us: we are the relay */
	struct lookup *lookup; /* UDP */
	int udp_fd;            /* -1: none */
	struct watch *udp_watch;
	struct dial *dial;
	struct stream *stream; /* NULL: not there yet, or closed by us */
	bool securing;
	struct item *tls; /* the handshake's facts */

	enum session_wire wire;
	enum rk_carrier carrier; /* of what the script sends */
	bool starts_after_101;
	bool switched; /* a 101 has come: no HTTP any more */
	struct intake in;
	int64_t in_at_ns; /* of the newest byte */
	uint64_t in_seq;  /* of the oldest unread byte; 0: none */
	uint64_t dropped; /* bytes, once the framing was lost */
	bool head_requests[SESSION_MAX_PENDING];
	size_t npending;       /* requests without an answer */
	struct item *response; /* whose body is being read */
	struct rk_http_body body;
	struct rk_ws_reader ws;
	char ws_key[RK_WS_KEY_SIZE];
	struct rk_login login;
	uint8_t confirm[8];
	uint8_t pings[SESSION_PINGS_KEPT][8]; /* sent, a ring */
	size_t npings;

	struct item *items; /* not taken, in order of arrival */
	struct item **tail;
	size_t nitems, held;
	uint64_t taken_seq; /* of the newest that was taken; 0: none */
	bool full;              /* reading stopped for want of room */
	bool paused;            /* by the script */
	bool shut;              /* by the script: FIN sent */
	bool closed;            /* by the script: close or abort */
	bool write_failed;      /* behind the peer's FIN */
	bool logged_in;         /* the relay has answered here */
	bool has_identity;      /* it has said who it is */
	struct rk_key identity; /* … and that is this */
	bool unsound; /* what was sent does not end where a frame ends */
	bool ws_open; /* a fragmented message of ours is under way */

	enum ending ended;
	int64_t ended_ns;
	uint64_t ended_seq;
};

/* Begin to connect; |name| is copied.  Never NULL: what fails at once is
 * FAILED. */
struct session *session_open(struct play *p, const char *name,
    const struct session_config *c);
void session_free(struct session *s);

/* The peer can still be heard, or written to. */
bool session_is_open(const struct session *s);
/* After its FIN a peer can still be written to. */
bool session_can_write(const struct session *s);
/* All that was written is with the kernel, or never will be. */
bool session_is_drained(const struct session *s);
/* Bytes as they are. */
void session_write(struct session *s, const void *p, size_t len);
/* Encode a frame for the carrier and write it, recorded. */
void session_send_frame(struct session *s, const struct rk_frame *f, int line);
/* A Ping with these bytes goes out. */
void session_note_ping(struct session *s, struct rk_span data);
void session_send_ping(struct session *s, const uint8_t data[8]);
void session_send_packet(struct session *s, const struct rk_key *to,
    struct rk_span data);

void session_life(struct session *s, enum life_kind life, int line);
/* From here on what comes is HTTP (first), or frames of the carrier. */
void session_read_http(struct session *s);
void session_read_frames(struct session *s, enum rk_carrier carrier);
/* An HTTP request was sent: is it a HEAD? */
void session_request_sent(struct session *s, bool head);

/* The item is the caller's from here on. */
struct item *session_take(struct session *s, struct item *it);
/* Take the first |n| unread bytes of WIRE_BYTES. */
void session_take_bytes(struct session *s, size_t n);
uint8_t *session_bytes(struct session *s, size_t *len);

/* Record an event of this session: index in the transcript. */
size_t session_record(struct session *s, enum event_kind kind,
    enum direction dir, const void *p, size_t len, const char *text, int line);
size_t session_record_frame(struct session *s, enum direction dir,
    uint32_t type, struct rk_span payload, int error, int line);
size_t session_record_ws(struct session *s, enum direction dir, uint8_t opcode,
    struct rk_span payload, const char *text, int line);

/* ---- between the session's own files ---- */

void session_fail(struct session *s, enum result_code as, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Take in what the stream has and read it. */
void session_input(struct session *s);
/* Read what is there as far as it goes. */
void session_digest(struct session *s);
void session_deliver(struct session *s, struct item *it);
struct item *session_item(struct session *s, enum item_kind kind, const void *p,
    size_t len);
void session_http_ended(struct session *s);
bool session_read_response(struct session *s);
/* Setting up: what happens next. */
void session_connected(struct session *s);
void session_secured(struct session *s);
void session_upgraded(struct session *s, struct item *response);
/* A frame while setting up: true if that was its purpose. */
bool session_setup_frame(struct session *s, const struct rk_raw_frame *raw,
    const struct rk_frame *f);
/* What frames of ours are masked with; NULL: they are not. */
uint64_t *session_masks(struct session *s);
/* The next client that has come, if there is one. */
void session_accept(struct session *s);
bool session_read_request(struct session *s);
/* Of session_tape.c: from here on what goes over the wire is kept, if anybody
 * wants it; a stream shows it by itself. */
void session_tape_begin(struct session *s, int fd);
void session_tape(struct session *s, enum tap_kind kind, const void *p,
    size_t len);
/* Of session_udp.c. */
void session_udp_begin(struct session *s);
void session_udp_send(struct session *s, const void *p, size_t len);
void session_udp_close(struct session *s);
void intake_drop(struct intake *in, size_t at, size_t n);

#endif
