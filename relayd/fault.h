/*
 * Faults on purpose: documented defects of which --fault switches some on, so
 * that a test suite can be shown to notice them.  They hang on a few hooks;
 * while none is on, a hook costs one branch.  A build configured with
 * --disable-faults has neither hooks nor faults.
 */
#ifndef RELAYD_FAULT_H
#define RELAYD_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/ending.h"
#include "relayd/router.h"

struct conf;
struct conn;
struct metrics;
struct msghdr;
struct response;
struct rk_http_head;
struct rk_stun_request;
struct rk_writer;
struct sendq;
struct text;
struct worker;

/*
 * Where a fault can act.  What an answer of true means is said beside each;
 * where nothing is said it means nothing.
 */
enum fault_hook {
	HOOK_CONF,     /* conf: before the listeners open */
	HOOK_FILE,     /* conf: its file is not there.  True: not written */
	HOOK_REQUEST,  /* head: read, not answered yet */
	HOOK_RESPONSE, /* head, response, keep: decided, not written */
	HOOK_HEAD,     /* response, out: the head as it will be written */
	HOOK_UPGRADED, /* frames may come from now on */
	HOOK_CUT,      /* payload, len: raw input; limit: of a frame.  True: cut
			* nothing now */
	HOOK_WS_INPUT, /* payload, len: WebSocket input, not read yet */
	HOOK_WS, /* type (the opcode), payload, len, pieces: a message.  True:
		  * it is dealt with */
	HOOK_LOGIN,    /* type, payload, len: judged as err, may be changed */
	HOOK_OPEN,     /* logged in */
	HOOK_FRAME,    /* type, payload, len, room: of a client that is logged
			* in.  True: it is dealt with */
	HOOK_RULE,     /* err, and type, payload, len, room: a rule was broken;
			* payload is NULL if not all has come.  True: never
			* mind */
	HOOK_SEND,     /* key, packet: to be routed.  True: it is not */
	HOOK_ROUTED,   /* key, packet, result.  True: c is closed */
	HOOK_DELIVER,  /* c the receiver; source the sender, packet.  True: it
			* is not delivered */
	HOOK_FULL,     /* c the receiver, queue.  True: there is room now */
	HOOK_QUEUED,   /* queue: a packet was added; lane */
	HOOK_PING,     /* payload, len: to be answered.  True: it is not */
	HOOK_HEADER,   /* type, len, out: of a frame to be written */
	HOOK_TICK,     /* a KeepAlive is due.  True: not written */
	HOOK_GONE,     /* c the receiver; source who is gone.  True: not told */
	HOOK_REPLACED, /* c is out of the router.  True: not closed */
	HOOK_EOF,      /* the peer's side ended in good order; payload, len:
			* what is left of its input.  True: never mind */
	HOOK_LEAVE,    /* ending, tell: about to leave the router */
	HOOK_STOP,     /* the relay stops; c is still open */
	HOOK_METRICS,  /* metrics: the sum that will be shown */
	HOOK_EXPOSED,  /* text: the exposition */
	HOOK_STUN,     /* payload, len: a datagram, judged as err, may be
			* changed; request: what was read of it */
	HOOK_STUN_ANSWER, /* out: to be sent, has FAULT_STUN_ROOM left;
			   * datagram: says where to.  True: it is not */
	HOOK_SECURED,     /* the TLS handshake is complete.  True: closed */
	HOOK_TLS_FAILED,  /* it failed; the socket is still open */
	FAULT_NHOOKS
};

struct fault_event {
	enum fault_hook hook; /* filled in */
	struct conn *c;
	struct conf *conf;
	struct rk_http_head *head;
	struct response *response;
	bool *keep;
	struct rk_writer *out;
	uint32_t type;
	uint8_t *payload;
	size_t len;
	size_t pieces; /* of a WebSocket message */
	size_t room;   /* in front of |payload|, may be overwritten */
	size_t *limit;
	int *err;
	struct rk_key *key;
	const struct rk_key **source; /* may be pointed elsewhere */
	struct lent_packet *packet;
	enum route_result result;
	struct sendq *queue;
	int lane;
	enum ending ending;
	bool *tell;
	struct metrics *metrics;
	struct text *text;
	struct rk_stun_request *request;
	const struct msghdr *datagram;
};

#define FAULT_STUN_ROOM 16

/* So that an answer may be left unused. */
static inline bool
fault_answer(bool answer)
{
	return answer;
}

/* The one is the choice of configure, the other of a test program. */
#if defined(ENABLE_FAULTS) && !defined(WITHOUT_FAULTS)
#define HAVE_FAULTS 1

extern uint32_t fault_hooks; /* bits of those on which something hangs */
bool fault_run(enum fault_hook hook, struct fault_event *e);

#define FAULT(hook, ...)                                                       \
	fault_answer(__builtin_expect((fault_hooks >> (hook)) & 1, 0) &&       \
	    fault_run(hook, &(struct fault_event){ __VA_ARGS__ }))

/* Switch one on.  False with a reason in |err| for an unknown name. */
bool fault_enable(const char *name, char *err, size_t err_size);
void fault_disable_all(void);
/* Of those that are on, comma-separated; "" if none is. */
const char *fault_names(void);
/* All there are: a line each, or a JSON array. */
void fault_print(FILE *out, bool json);

struct fault;
/* All there are, in order; NULL at the end. */
const struct fault *fault_at(size_t i);
const char *fault_name(const struct fault *f);
const char *fault_level(const struct fault *f);        /* "MUST" */
const char *fault_requirements(const struct fault *f); /* "R-129 R-130" */
const char *fault_text(const struct fault *f);

#else

/* Never called, but what is handed to hooks is still checked. */
bool fault_run(enum fault_hook hook, struct fault_event *e);
#define FAULT(hook, ...)                                                       \
	fault_answer(                                                          \
	    false && fault_run(hook, &(struct fault_event){ __VA_ARGS__ }))

#endif

#endif
