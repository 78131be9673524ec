/*
 * Connecting: resolve, try every address (the second begins when the first
 * fails or after 250 ms), TCP_NODELAY.  Names are resolved off the loop.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct dial;

enum dial_status {
	DIAL_OK,
	DIAL_NAME,   /* the name is unknown */
	DIAL_FAILED, /* every address refused or failed */
	DIAL_TIMEOUT
};

struct dial_result {
	enum dial_status status;
	int fd;             /* DIAL_OK: connected, non-blocking; taken */
	const char *detail; /* each address with its reason, one line */
};

struct dial_config {
	const char *host;
	unsigned port;
	const char *resolve; /* "HOST:PORT:ADDR" as curl has it, or NULL */
	int64_t timeout_ns;  /* for all of it; 0: none of ours */
	int rcvbuf;          /* SO_RCVBUF before connecting; 0: the system's */
	/* Each attempt, for -v; may be NULL. */
	void (*on_attempt)(void *arg, const char *address);
};

/* |on_done| is called exactly once, never from inside this call, unless
 * dial_cancel comes first.  When it is called the dial is gone already. */
struct dial *dial_start(struct loop *l, const struct dial_config *c,
    void (*on_done)(void *arg, const struct dial_result *r), void *arg);
void dial_cancel(struct dial *d); /* NULL is fine */

/* Whether a --resolve option has its form. */
bool dial_resolve_is_valid(const char *resolve);

#endif
