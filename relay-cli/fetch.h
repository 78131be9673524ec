/* One HTTP request and its answer, over the way that sessions take. */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include "codec/http.h"
#include "relay-cli/connect.h"

#define FETCH_BODY_MAX (1 << 20) /* of a longer one the beginning comes */

struct fetch;

struct fetch_request {
	const char *method;
	const char *target;
	const char *field; /* one more, or NULL */
	const char *value;
};

struct fetch_result {
	int status;      /* of HTTP; 0: none came */
	const char *why; /* no status: one line */
	const struct rk_http_head *head;
	const char *body;
	size_t body_len;
	int64_t took_ns;
};

/* |c| with its timeout for all of it.  |on_done| comes once, not from inside
 * this call, unless fetch_free() comes first. */
struct fetch *fetch_start(struct loop *l, const struct connect_config *c,
    const struct fetch_request *r,
    void (*on_done)(void *arg, const struct fetch_result *r), void *arg);
void fetch_free(struct fetch *f); /* owed in any case; NULL is fine */

#endif
