/*
 * What has arrived on a connection, and what a step wants: do they fit, and
 * if not, how do they differ.
 */
#ifndef SCENARIO_MATCH_H
#define SCENARIO_MATCH_H

#include "codec/frame.h"
#include "codec/http.h"
#include "scenario/value.h"

enum item_kind {
	ITEM_FRAME,
	ITEM_HTTP, /* a response, whole with its body */
	ITEM_WS,   /* control or text message */
	ITEM_REST, /* bytes that are no frame or no response */
	ITEM_DATAGRAM,
	ITEM_TLS /* the handshake's facts; in no inbox */
};

/* What a datagram says as STUN. */
struct item_stun {
	int64_t type;
	int64_t attributes; /* how many; -1: not as long as it says */
	int family;         /* of XOR-MAPPED-ADDRESS: 1, 2; 0: there is none */
	int64_t port;
	uint8_t address[16];
	size_t address_len; /* 4 also for IPv4 in IPv6 form */
};

/* One thing that arrived. */
struct item {
	struct item *next;
	enum item_kind kind;
	uint64_t seq;  /* order of arrival within the case */
	int64_t at_ns; /* monotonic */
	size_t event;  /* in the transcript; SIZE_MAX: not there */
	bool taken;
	enum rk_lane lane; /* FRAME */
	enum rk_carrier carrier;
	int error;      /* FRAME, REST: the rule that is broken */
	uint8_t *bytes; /* payload; head; message; rest; owned */
	size_t len;
	struct rk_frame frame; /* views into bytes */
	struct rk_http_head *head;
	uint8_t *body;
	size_t body_len;
	uint8_t opcode; /* WS */
	int close_code;
	char *tls[4]; /* version, cipher, alpn, sni; NULL or "" for none */
	struct item_stun *stun; /* DATAGRAM; NULL: it is no STUN */
};

void item_free(struct item *it); /* NULL is fine */

struct wanted_pred {
	const struct pred *pred;
	struct value value; /* ABSENT where it is a capture */
};

struct wanted {
	const struct watch_for *what;      /* borrowed */
	const struct rk_frame_spec *frame; /* in the dialect played */
	struct wanted_pred *preds;
	unsigned lanes; /* FRAME: 1 << lane, where it may come */
};

/* Evaluate the predicates.  False with a line in |err|. */
bool wanted_init(struct wanted *w, const struct watch_for *what,
    struct values *vs, struct text *err);
void wanted_clear(struct wanted *w);

/* Is it of the wanted kind, whatever its fields are? */
bool wanted_is_kind(const struct wanted *w, const struct item *it);
/* … and do all predicates hold? */
bool wanted_fits(const struct wanted *w, const struct item *it);
/* Set the variables of "field as $v". */
void wanted_capture(const struct wanted *w, const struct item *it,
    struct values *vs);

/*
 * A field of an item as a view (not to be cleared); ABSENT if it is not
 * there.
 */
struct value item_field(const struct item *it, const char *name);

/* Of match_stun.c: set it->stun; and a view of one of its fields. */
void item_read_stun(struct item *it);
struct value item_stun_field(const struct item *it, const char *name);

/* Of the event and its predicates as they are written: all; and what of it the
 * item is not. */
struct place wanted_place(const struct wanted *w);
struct place wanted_missed(const struct wanted *w, const struct item *it);

/* One line each, for messages. */
void wanted_to_text(const struct wanted *w, struct text *out);
void item_to_text(const struct item *it, const struct values *vs,
    struct text *out);
/* Several lines: field by field, expected beside actual. */
void match_detail(const struct wanted *w, const struct item *it,
    const struct values *vs, struct text *out);

#endif
