/*
 * The way to a relay: its name, TCP, a proxy's tunnel, TLS.  What comes out
 * is a stream on which the relay listens.
 */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "base/ending.h"
#include "net/loop.h"
#include "net/url.h"

struct connecting;
struct proxy;
struct stream;
struct tls_ctx;

struct connect_config {
	struct relay_url url;
	const struct proxy *proxy; /* borrowed; NULL: straight there */
	const char *cafile;
	const char *resolve;
	const char *sni;
	const char *keylog;
	bool insecure;
	struct tls_ctx *tls_ctx; /* borrowed; NULL: one of its own */
	int64_t timeout_ns;      /* of the dialling alone; 0: none */
	bool verbose;            /* each step on stderr */
};

struct connect_result {
	int status;            /* EXIT_OK, or EXIT_… of commands.h */
	struct stream *stream; /* EXIT_OK: the receiver's from now on */
	enum ending ending;
	enum stage stage;
	const char *message; /* one line */
};

/* Make |c|'s tls_ctx where its URL wants one: once for many connections.
 * EXIT_OK, and tls_ctx_free() is owed; or EXIT_USAGE after a message, where a
 * file is no good. */
int connect_make_tls(struct connect_config *c);

/* |on_done| comes once, not from inside this call, unless it is cancelled
 * first; it is gone then. */
struct connecting *connect_start(struct loop *l, const struct connect_config *c,
    void (*on_done)(void *arg, const struct connect_result *r), void *arg);
void connect_cancel(struct connecting *c); /* NULL is fine */

/* For the message of whoever loses patience: "connecting" and the like. */
const char *connect_doing(const struct connecting *c);
enum stage connect_stage(const struct connecting *c);

#endif
