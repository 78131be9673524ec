/*
 * Where a service is asked who may log in: what the reference's client makes
 * of such a URL, a user and a fragment in it included.
 */
#ifndef RELAYD_ACCESS_URL_H
#define RELAYD_ACCESS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "net/url.h"

/* "Basic " and the base64 of what a URL has room for. */
#define ACCESS_BASIC_MAX 720

struct access_url {
	struct relay_url url;         /* without the user; HTTP or HTTPS */
	char basic[ACCESS_BASIC_MAX]; /* for an Authorization field, or "" */
};

/* False with one line in |err|, which has nothing of user and password. */
bool access_url_parse(const char *text, struct access_url *u, char *err,
    size_t err_size);

#endif
