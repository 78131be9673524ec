/* The inside of a lift, shared by lift*.c only. */
#ifndef CONFORMANCE_LIFT_IMPL_H
#define CONFORMANCE_LIFT_IMPL_H

#include "codec/http.h"
#include "conformance/lift.h"

#define LIFT_EVENTS_MAX 50000
#define LIFT_BYTES_MAX  ((size_t)16 << 20)
#define LIFT_GAP_NS     INT64_C(10000000) /* shorter ones are nobody's */

#define NO_INDEX SIZE_MAX

/* How a connection begins in the script. */
enum lift_form {
	LIFT_OUT,     /* it is left out: |why| */
	LIFT_TCP,     /* no HTTP at all */
	LIFT_HTTP,    /* every request is written out */
	LIFT_UPGRADE, /* upgraded as everybody does it */
	LIFT_LOGIN    /* logged in as everybody does it */
};

struct lift_conn {
	char name[16];
	enum lift_form form;
	const char *why;
	enum rk_carrier carrier;
	size_t request; /* events; NO_INDEX: there is none */
	size_t accepted;
	size_t first; /* what the client sent behind the upgrade */
	size_t opens; /* where the script opens it */
	int key;      /* -1: unknown, or none */
	bool content; /* the client sent something */
	bool opaque;
	bool foreign;  /* upgraded to what the dialect has not */
	bool answered; /* a frame came that a login is needed for */
	bool late;     /* its beginning is missing */
	bool ended[2]; /* by direction, so far */
	bool relay_pings;
	bool leaving; /* it has ended, the relay's end was not seen yet */
};

enum part_kind {
	PART_OPEN,
	PART_SEND,   /* frame, bytes, HTTP, WebSocket message of the client */
	PART_EXPECT, /* of the relay */
	PART_START,  /* frames begin behind a 101 */
	PART_END,    /* the client's FIN or RST */
	PART_FENCE,
	PART_MAYBE, /* a PeerGone that two ends at once leave open: of |to| */
	PART_REMARK
};

/* A step of the script to be. */
struct part {
	enum part_kind kind;
	int conn;
	size_t event;
	size_t cause;  /* part: why it was to be expected; NO_INDEX: unknown */
	size_t effect; /* part: the first that it causes elsewhere */
	int to;        /* SEND of a packet: key, OPEN: who; -1 */
	int lane;      /* EXPECT of a frame; -1: none */
	bool done;
};

/* Bytes that occur in the script. */
struct datum {
	uint8_t *bytes;
	uint8_t *shown; /* the same, or what scrubbing makes of them */
	size_t len;
	size_t uses;
	unsigned variable; /* $dN; 0: none yet */
	size_t next;       /* in its bucket */
};

#define DATA_BUCKETS 4096

struct lifter {
	const struct lift_options *o;
	const struct rk_dialect *dialect;
	struct lift *lift;
	struct transcript *t;
	size_t *order; /* events by time */
	struct lift_conn *conns;
	struct lift_key *keys;
	size_t nkeys;
	size_t nclients, nothers;
	struct part *parts;
	size_t nparts;
	struct part *script; /* in the order in which they are written */
	size_t nscript;
	struct datum *data;
	size_t ndata;
	size_t bucket[DATA_BUCKETS];
	unsigned nvariables;
	bool *answered; /* by event: the client's Pong to this Ping is there */
	int *flipped;   /* by event: bit of a signature, -1: none, see there */
	unsigned flips; /* searches for a flipped bit */
	/* writing */
	bool counting; /* a first time through: who is used how often */
	struct text out;
	int line; /* lines in |out| */
	int64_t reached_ns;
	size_t ngaps;
	int64_t gaps_ns;
	size_t scrubbed, kept;
};

/* ---- lift_study.c: who is who ---- */

/* Forms, names and keys of all connections. */
void lift_study(struct lifter *l);
/* Index of a key; it gets a name if it is new. */
int lift_key_index(struct lifter *l, struct rk_span key);

/* ---- lift_order.c: what is done when ---- */

void lift_plan(struct lifter *l);

/* ---- lift_value.c: bytes as the language writes them ---- */

void lift_add_bytes(struct lifter *l, struct text *line, const void *p,
    size_t len);
/* Bytes of a packet: what they look like to a relay is kept. */
void lift_add_packet(struct lifter *l, struct text *line, const void *p,
    size_t len);
/* Text that says nothing of anybody: never scrubbed. */
void lift_add_kept(struct lifter *l, struct text *line, const void *p,
    size_t len);
void lift_add_key(struct lifter *l, struct text *line, struct rk_span key);
void lift_data_free(struct lifter *l);

/* ---- lift_http.c ---- */

void lift_add_request(struct lifter *l, struct text *line,
    const struct part *p);
void lift_add_response(struct lifter *l, struct text *line,
    const struct part *p);

/* ---- lift_write.c ---- */

/* A line of the scenario; |line| becomes empty. */
void lift_put(struct lifter *l, struct text *line);
void lift_write(struct lifter *l);

/* Are the relay's own Pings part of the script, and answered by it? */
static inline bool
lift_answers_pings(const struct lifter *l)
{
	return l->o->pace > 0 && l->o->expect != LIFT_NONE;
}

void lift_note(struct lifter *l, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static inline const struct event *
part_event(const struct lifter *l, const struct part *p)
{
	return &l->t->events[p->event];
}

#endif
