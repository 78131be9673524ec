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
	FILE *out; /* taken */
	/* A line for whoever looks on; may be NULL. */
	void (*on_line)(void *arg, const char *line);
	/* The file cannot be written any more. */
	void (*on_failure)(void *arg);
	void *arg;
};

/* Listen and carry.  NULL with one line in |err|; |out| is closed then. */
struct record *record_new(struct loop *l, const struct record_config *c,
    char *err, size_t err_size);
/* With the real port. */
const char *record_address(const struct record *r);
/* Close all connections and the file; false if something is missing in it. */
bool record_close(struct record *r);

#endif
