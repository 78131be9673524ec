/*
 * One connection of a running case: how it is set up, what it has received
 * and nobody took yet, how it ended.  It obeys the script in everything and
 * by itself only answers Pings.
 */
#ifndef SCENARIO_PARTY_H
#define SCENARIO_PARTY_H

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
#include "scenario/party_wire.h"

struct play;

/* What a party holds at most, so that an endless peer costs no more;
 * beyond it reading stops. */
#define PARTY_MAX_ITEMS 20000
#define PARTY_MAX_HELD  ((size_t)8 << 20)

#define PARTY_MAX_PENDING  128 /* HTTP requests without an answer */
#define PARTY_PINGS_KEPT   64
#define PARTY_MAX_TLS_WORD 64

enum party_state {
	PARTY_DIALING,
	PARTY_SECURING,
	PARTY_UPGRADING,
	PARTY_LOGIN,      /* the relay has to say something first */
	PARTY_CONFIRMING, /* a Ping is out */
	PARTY_READY,
	PARTY_FAILED
};

/* How what comes in is read. */
enum party_wire {
	WIRE_BYTES, /* as bytes, until a step takes them */
	WIRE_HTTP,
	WIRE_FRAMES,
	WIRE_DATAGRAMS, /* UDP */
	WIRE_LOST       /* the framing is broken: thrown away */
};

struct party_config {
	enum conn_kind kind;
	struct relay_url url;
	enum rk_carrier carrier;
	bool tls;
	struct rk_secret_key key; /* LOGIN */
	bool confirm;
	bool autopong;
	int rcvbuf;
	char sni[URL_HOST_MAX];
	char alpn[PARTY_MAX_TLS_WORD]; /* "" for none */
	int tls_min, tls_max;          /* 0, 12, 13 */
	bool insecure;
	int line;
	int64_t within_ns; /* to be ready */
};

/* Bytes that came in and were not read yet: a window on a buffer. */
struct intake {
	uint8_t *p;
	size_t start, len, cap;
};

struct party {
	struct party *next; /* of the play, newest first */
	struct play *play;
	char *name;
	int conn;    /* of the transcript */
	int on_tape; /* of the tape */
	struct party_config config;
	enum party_state state;
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
	struct item *tls;   /* the handshake's facts */
	struct item *hello; /* of a client's: what it said first */

	enum party_wire wire;
	enum rk_carrier carrier; /* of what the script sends */
	bool starts_after_101;
	bool switched; /* a 101 has come: no HTTP any more */
	struct intake in;
	int64_t in_at_ns; /* of the newest byte */
	uint64_t in_seq;  /* of the oldest unread byte; 0: none */
	uint64_t dropped; /* bytes, once the framing was lost */
	bool head_requests[PARTY_MAX_PENDING];
	size_t npending;       /* requests without an answer */
	struct item *response; /* whose body is being read */
	struct rk_http_body body;
	struct rk_ws_reader ws;
	char ws_key[RK_WS_KEY_SIZE];
	struct rk_login login;
	uint8_t confirm[8];
	uint8_t pings[PARTY_PINGS_KEPT][8]; /* sent, a ring */
	size_t npings;

	struct item *items; /* not taken, in order of arrival */
	struct item **tail;
	size_t nitems, held;
	uint64_t taken_seq;     /* of the newest that was taken; 0: none */
	bool full;              /* reading stopped for want of room */
	bool paused;            /* by the script */
	bool shut;              /* by the script: FIN sent */
	bool closed;            /* by the script: close or abort */
	bool write_failed;      /* behind the peer's FIN */
	bool logged_in;         /* the relay has answered here */
	bool has_identity;      /* it has said who it is */
	struct rk_key identity; /* … and that is this */
	struct wire_place sent; /* what was sent ends there */
	bool sending;           /* in pieces, of which some are to come */
	struct owed *owed, **owed_tail; /* answers that wait for their place */
	size_t nowed;

	enum ending ended;
	int64_t ended_ns;
	uint64_t ended_seq;
};

/* Begin to connect; |name| is copied.  Never NULL: what fails at once is
 * FAILED. */
struct party *party_open(struct play *p, const char *name,
    const struct party_config *c);
void party_free(struct party *s);

/* The peer can still be heard, or written to. */
bool party_is_open(const struct party *s);
/* After its FIN a peer can still be written to. */
bool party_can_write(const struct party *s);
/* All that was written is with the kernel, or never will be. */
bool party_is_drained(const struct party *s);
/* Bytes as they are. */
void party_write(struct party *s, const void *p, size_t len);
/* Encode a frame for the carrier and write it, recorded. */
void party_send_frame(struct party *s, const struct rk_frame *f, int line);
/*
 * Answers that nobody wrote into the script: a Pong of the dialect, and one
 * of WebSocket.  They never go into the middle of what the script sends in
 * pieces, but wait for the end of the frame.
 */
void party_owe_pong(struct party *s, struct rk_span data);
void party_owe_ws_pong(struct party *s, struct rk_span payload);
/* The script has sent what it had to send for now. */
void party_settle(struct party *s);
void party_forgive(struct party *s);
/* A Ping with these bytes goes out. */
void party_note_ping(struct party *s, struct rk_span data);
void party_send_ping(struct party *s, const uint8_t data[8]);
void party_send_packet(struct party *s, const struct rk_key *to,
    struct rk_span data);

void party_life(struct party *s, enum life_kind life, int line);
/* From here on what comes is HTTP (first), or frames of the carrier. */
void party_read_http(struct party *s);
void party_read_frames(struct party *s, enum rk_carrier carrier);
/* An HTTP request was sent: is it a HEAD? */
void party_request_sent(struct party *s, bool head);

/* The item is the caller's from here on. */
struct item *party_take(struct party *s, struct item *it);
/* Take the first |n| unread bytes of WIRE_BYTES. */
void party_take_bytes(struct party *s, size_t n);
uint8_t *party_bytes(struct party *s, size_t *len);

/* Record an event of this party: index in the transcript. */
size_t party_record(struct party *s, enum event_kind kind, enum direction dir,
    const void *p, size_t len, const char *text, int line);
size_t party_record_frame(struct party *s, enum direction dir, uint32_t type,
    struct rk_span payload, int error, int line);
size_t party_record_ws(struct party *s, enum direction dir, uint8_t opcode,
    struct rk_span payload, const char *text, int line);

/* ---- between the party's own files ---- */

void party_fail(struct party *s, enum result_code as, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Take in what the stream has and read it. */
void party_input(struct party *s);
/* Read what is there as far as it goes. */
void party_digest(struct party *s);
void party_deliver(struct party *s, struct item *it);
/* From here on nothing can be told apart; while setting up, that is the end,
 * and |what| says of what. */
void party_lose_framing(struct party *s, int error, const char *what);
struct item *party_item(struct party *s, enum item_kind kind, const void *p,
    size_t len);
void party_http_ended(struct party *s);
bool party_read_response(struct party *s);
/* Setting up: what happens next. */
void party_connected(struct party *s);
void party_secured(struct party *s);
/* A client's TLS asks for |name|, or for none. */
void party_greeted(void *party, const char *name);
void party_upgraded(struct party *s, struct item *response);
/* A frame while setting up: true if that was its purpose. */
bool party_setup_frame(struct party *s, const struct rk_raw_frame *raw,
    const struct rk_frame *f);
/* What frames of ours are masked with; NULL: they are not. */
uint64_t *party_masks(struct party *s);
/* The next client that has come, if there is one. */
void party_accept(struct party *s);
/* Of party_tape.c: from here on what goes over the wire is kept, if anybody
 * wants it; a stream shows it by itself. */
void party_tape_begin(struct party *s, int fd);
void party_tape(struct party *s, enum tap_kind kind, const void *p, size_t len);
/* Of party_udp.c. */
void party_udp_begin(struct party *s);
void party_udp_send(struct party *s, const void *p, size_t len);
void party_udp_close(struct party *s);
void intake_drop(struct intake *in, size_t at, size_t n);

#endif
