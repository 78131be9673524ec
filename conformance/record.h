/*
 * A proxy between any client and any relay that writes what it carries: TLS
 * ends here on both sides, bytes are handed on as they are, and so are FIN
 * and RST.
 */
#ifndef CONFORMANCE_RECORD_H
#define CONFORMANCE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "net/loop.h"
#include "net/url.h"

struct record;
struct tls_ctx;

struct record_config {
	const char *listen; /* ADDR:PORT */
	struct relay_url to;
	const char *resolve; /* as dial has it; may be NULL */
	const char *sni;     /* name to send and to verify */
	/* Borrowed; |client| is only needed where |to| is TLS. */
	struct tls_ctx *server, *client;
	FILE *out;       /* of the clients' side; taken */
	FILE *relay_out; /* of the relay's side; taken; NULL: none is wanted */
	uint64_t max;    /* bytes of each file; 0: any */
	/* A line for whoever looks on; may be NULL. */
	void (*on_line)(void *arg, const char *line);
	/* One of the files has its size: the rest is only carried.  Once. */
	void (*on_full)(void *arg, bool relay_side);
	/* A file cannot be written any more. */
	void (*on_failure)(void *arg);
	void *arg;
};

/* Listen and carry.  NULL with one line in |err|; the files are closed then. */
struct record *record_new(struct loop *l, const struct record_config *c,
    char *err, size_t err_size);
/* With the real port. */
const char *record_address(const struct record *r);
/* Close all connections and the files; false if something is missing in
 * them that would have had its place. */
bool record_close(struct record *r);

#endif
