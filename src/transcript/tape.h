/*
 * What went over the wire on the connections of one case, byte by byte, with
 * the script's line beside it.  A transcript says what that meant; a tape is
 * what a capture of the case is made of.
 */
#ifndef TRANSCRIPT_TAPE_H
#define TRANSCRIPT_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include <sys/socket.h>

#include "base/tap.h"
#include "base/text.h"

struct tape_conn {
	char *name; /* owned */
	bool udp;
	bool server; /* our side is the one that was called */
	int64_t opened_ns;
	struct sockaddr_storage own, peer; /* family 0: unknown */
};

struct tape_entry {
	int conn;
	enum tap_kind kind;
	int64_t time_ns; /* since 1970 */
	uint8_t *bytes;  /* owned; NULL if there are none */
	size_t len;
	char *comment; /* owned; may be NULL */
};

struct tape {
	struct tape_conn *conns;
	size_t nconns;
	struct tape_entry *entries;
	size_t nentries, cap;
	struct text secrets; /* lines of a TLS key log */
	size_t max;          /* bytes it may hold */
	size_t held;
	uint64_t left_out; /* bytes that came when it was full */
};

struct tape *tape_new(size_t max);
void tape_free(struct tape *t); /* NULL is fine */
/* The connection of a socket that is connected, or a datagram socket that is
 * bound to a peer; its number. */
int tape_add_conn(struct tape *t, const char *name, int fd, bool server);
/* What a tap shows; copied.  A full tape counts bytes and keeps ends. */
void tape_add(struct tape *t, int conn, enum tap_kind kind, const void *p,
    size_t len, const char *comment);

#endif
