/* Which request gets which answer: a table of paths. */
#ifndef RELAYD_HTTP_ROUTES_H
#define RELAYD_HTTP_ROUTES_H

#include "base/text.h"
#include "codec/http.h"
#include "codec/upgrade.h"
#include "relayd/conn.h"

#define RESPONSE_MAX_FIELDS 8
#define RESPONSE_VALUE_SIZE 96

/* What is to be answered. */
struct response {
	int status;
	struct {
		const char *name;
		const char *value;
	} field[RESPONSE_MAX_FIELDS];
	size_t nfields;
	char value[RESPONSE_VALUE_SIZE]; /* for a field made on the spot */
	struct text body;
	struct rk_upgrade_request upgrade; /* status 101, and its refusals */
};

void response_init(struct response *r);
void response_clear(struct response *r);

/* Answer |h| on the listener of |c|; 404 where there is nothing. */
void http_route(const struct conn *c, const struct rk_http_head *h,
    struct response *r);

#endif
