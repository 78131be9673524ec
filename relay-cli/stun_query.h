/* Ask a STUN server for our address. */
#ifndef CLI_STUN_QUERY_H
#define CLI_STUN_QUERY_H

#include <stdint.h>

struct loop;
struct stun_query;

struct stun_result {
	const char *address; /* "127.0.0.1:50000" as the server sees us */
	const char *why;     /* address NULL: one line */
	int64_t took_ns;
};

/* As fetch_start(): |on_done| comes once, not from inside this call.  A
 * request goes out each half second, to all addresses of |host|, until one
 * answers or |timeout_ns| have passed. */
struct stun_query *stun_query_start(struct loop *l, const char *host,
    unsigned port, int64_t timeout_ns,
    void (*on_done)(void *arg, const struct stun_result *r), void *arg);
void stun_query_free(struct stun_query *q); /* owed; NULL is fine */

#endif
