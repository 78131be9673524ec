/* Relay URLs: http, https (raw upgrade), ws, wss (WebSocket). */
#ifndef NET_URL_H
#define NET_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/dialect.h"

#define URL_HOST_MAX 256
#define URL_TEXT_MAX 512

struct relay_url {
	char text[URL_TEXT_MAX]; /* as given */
	bool tls;
	enum rk_carrier carrier;
	char host[URL_HOST_MAX]; /* without brackets; a final dot is kept */
	bool is_ip6;
	unsigned port;
	bool default_port; /* none was given, or the scheme's own */
	char path[256];    /* "/…", or "" */
};

/* 0, or -1 with one line in |err| that names the input and the remedy. */
int relay_url_parse(const char *text, struct relay_url *u, char *err,
    size_t err_size);
/*
 * The URL that |ref| means, a reference as in RFC 3986, where |base| is; what
 * is behind a '#' is left out.  0, or -1 as above.
 */
int relay_url_join(const struct relay_url *base, const char *ref,
    struct relay_url *u, char *err, size_t err_size);
/* Do they lead to one host and port? */
bool relay_url_same_host(const struct relay_url *a, const struct relay_url *b);
/* Host field: no final dot, brackets around IPv6, port unless default. */
void relay_url_host_field(const struct relay_url *u, char *out, size_t size);

#endif
