/*
 * A relay without sockets: clients hang on it by socketpairs, time is faked
 * and moves only by hand.
 */
#ifndef TESTS_RELAYD_RIG_H
#define TESTS_RELAYD_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "codec/relaykit.h"
#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/server.h"

struct loop;

struct rig {
	struct loop *loop;
	struct conf conf; /* may be changed before a client is opened */
	struct server *server;
	struct text log; /* all lines, newline behind each */
};

/* Starts faking the clock; the log goes into rig->log. */
void rig_start(struct rig *r);
void rig_stop(struct rig *r);
/* The rig of a test program, with its fixtures. */
extern struct rig rig;
void rig_setup(void);
void rig_teardown(void);
/* One turn of the loop, without waiting. */
void rig_turn(struct rig *r);
/* Turns until nothing is left to do without time moving on. */
void rig_settle(struct rig *r);
/* Let |ns| pass in small steps, with turns. */
void rig_pass(struct rig *r, int64_t ns);
/* The value of a sample as it stands in the exposition, labels included;
 * fails the test if there is none. */
uint64_t rig_metric(struct rig *r, const char *sample);

/* For loop tests: raw, WebSocket. */
extern const enum rk_carrier carriers[2];

struct client {
	struct rig *rig;
	int fd; /* -1: closed */
	enum rk_carrier carrier;
	struct rk_key key;
	struct conn *conn; /* the relay's side; valid while it lives */
	uint8_t *in;       /* what has come and was not looked at yet */
	size_t in_len;
	bool ended; /* FIN or RST was seen behind that */
	bool corked;
	struct text held; /* while it is corked */
};

/* A connection to a listener of that service. */
void client_open(struct client *c, struct rig *r, enum service service);
void client_close(struct client *c); /* drops the transport */
void client_shut(struct client *c);  /* half close */
/* Raw bytes; the relay works on them at the next turn. */
void client_send(struct client *c, const void *p, size_t len);
void client_send_text(struct client *c, const char *text);
/* Hold back what is sent from now on; then send it at one go. */
void client_cork(struct client *c);
void client_uncork(struct client *c);
/* Settle, and take in what has come. */
void client_poll(struct client *c);

/* HTTP: the text of the next answer, head and body, from what has come; the
 * test fails if it is not whole.  Static, until the next call. */
const char *client_answer(struct client *c);

/* The request for an upgrade, its 101 read. */
void client_upgrade(struct client *c, enum rk_carrier carrier);
/* Open, upgrade and log in with the key whose seed is 32 times |seed|; the
 * relay has answered a Ping behind it. */
void client_login(struct client *c, struct rig *r, enum rk_carrier carrier,
    uint8_t seed);
/* The bytes of that login's frame, as the carrier wants them. */
size_t client_info(enum rk_carrier carrier, uint8_t seed, uint8_t *out,
    size_t cap);

/* A frame by the specification's name. */
void client_send_frame(struct client *c, const char *name, const void *payload,
    size_t len);
/* SendPacket with text as data. */
void client_send_packet(struct client *c, const struct client *to,
    const char *data);
/* One WebSocket frame, masked. */
void client_send_ws(struct client *c, bool fin, uint8_t opcode, const void *p,
    size_t len);

/* Settle; the next thing that has come must be that frame. */
void client_expect_frame(struct client *c, const char *name,
    const void *payload, size_t len);
void client_expect_packet(struct client *c, const struct client *from,
    const char *data);
void client_expect_gone(struct client *c, const struct client *who);
void client_expect_ws(struct client *c, uint8_t opcode, const void *p,
    size_t len);
/* Settle; nothing has come, and the connection stands. */
void client_expect_nothing(struct client *c);
/* Settle; nothing has come but the end. */
void client_expect_end(struct client *c);
/* The same, of the only client there was, for a rule it broke; it is closed. */
void client_expect_protocol_end(struct client *c);
/* Ping and its Pong. */
void client_barrier(struct client *c);
/* Cut the next frame off what has come; false if there is none. */
bool client_next_frame(struct client *c, struct rk_frame *f);

#endif
