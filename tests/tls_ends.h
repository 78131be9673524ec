/* A TLS server and a TLS client of ours on one loop: setup and what it sets. */
#ifndef TESTS_TLS_ENDS_H
#define TESTS_TLS_ENDS_H

#include "net/tls.h"
#include "peer.h"
#include "tls_certs.h"

extern struct tls_certs certs; /* main() makes and removes them */
extern struct tls_ctx *server_ctx, *client_ctx;
extern struct loop *loop;
extern struct peer server, client;
extern char err[512];

/* The fixture of every test. */
void setup_ends(void);
void teardown_ends(void);

/* The contexts; each must be made. */
void use_server(const char *cert, const char *key, const char *keylog);
void use_client(const struct tls_client_config *c);
/* Both streams, no handshake yet. */
void connect_ends(enum pair_kind kind, const char *name);
/* … and the handshake of both. */
void establish(enum pair_kind kind, const char *name);

#endif
