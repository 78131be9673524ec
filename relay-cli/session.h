/*
 * A well-behaved client: dials, upgrades, logs in, makes sure of it, answers
 * Pings, notices silence.  One connection; the owner reconnects.
 */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "base/ending.h"
#include "codec/frame.h"
#include "codec/keys.h"
#include "relay-cli/connect.h"

struct rk_ws_reader;
struct session;

struct session_config {
	struct connect_config to;
	const struct rk_dialect *dialect;
	const struct rk_secret_key *secret; /* borrowed */
	int64_t timeout_ns; /* from dialling to the confirmed login */
};

/* How a session ended: one line for people, an exit status for scripts. */
struct session_end {
	int status; /* EXIT_… of commands.h */
	enum ending ending;
	enum stage stage;
	bool was_open;
	char message[640];
};

struct session_events {
	/* The login is known to be complete. */
	void (*on_open)(void *arg, struct session *s);
	/* A frame that is not the session's own business; |f| is a view. */
	void (
	    *on_frame)(void *arg, struct session *s, const struct rk_frame *f);
	/* All that was sent is with the kernel; may be NULL. */
	void (*on_drained)(void *arg, struct session *s);
	/* It is over; the session may be freed here. */
	void (
	    *on_end)(void *arg, struct session *s, const struct session_end *e);
};

struct session *session_start(struct loop *l, const struct session_config *c,
    const struct session_events *events, void *arg);
/*
 * Hand over the stream of an open session, with what it has not consumed and
 * the reader of its WebSocket messages, and free the session.  NULL if it is
 * not open.  Inside an event of the session the stream is only good for being
 * closed: a frame is still being worked on.
 */
struct stream *session_take_stream(struct session *s, struct rk_ws_reader *ws);
/* Close and forget; no further event comes.  NULL is fine. */
void session_free(struct session *s);

/* False if the session is not open (any more). */
bool session_send_packet(struct session *s, const struct rk_key *dest,
    const void *data, size_t len);
bool session_send_ping(struct session *s, const uint8_t data[8]);
/* Bytes waiting for the kernel. */
size_t session_queued(const struct session *s);

#endif
