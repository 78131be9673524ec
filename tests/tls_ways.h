/* A TLS stream of ours and OpenSSL's own end, in both roles and versions. */
#ifndef TESTS_TLS_WAYS_H
#define TESTS_TLS_WAYS_H

#include <stdbool.h>

#include "net/tls.h"
#include "peer.h"
#include "tls_certs.h"
#include "tls_oracle.h"

#define NWAYS 4

/* Every test of a session runs for each of these. */
struct way {
	bool we_serve;
	int version;
};

extern const struct way ways[NWAYS];

extern struct tls_certs certs; /* main() makes and removes them */
extern struct tls_ctx *server_ctx, *client_ctx;
extern struct loop *loop;
extern struct peer a;   /* our end */
extern struct oracle o; /* the other */

/* The fixtures of every test. */
void tls_ways_setup(void);
void tls_ways_teardown(void);

/* A stream of ours that tells |p|. */
struct stream *new_stream(int fd, bool we_serve, struct peer *p);
/* Both ends, no handshake yet. */
void connect_ends(const struct way *w);
/* … and the handshake of both, nothing behind it. */
void establish(const struct way *w);

#endif
