/*
 * HTTP proxies on the way to a relay: which one the environment names, and
 * its tunnel (CONNECT, RFC 9110 9.3.6).  Credentials are never part of a
 * message.
 */
#ifndef CLI_PROXY_H
#define CLI_PROXY_H

#include "codec/cursor.h"
#include "net/url.h"

#define PROXY_CREDENTIALS_MAX 512 /* bytes of "user:password" */

struct proxy {
	char text[URL_HOST_MAX + 32]; /* "http://[::1]:3128", for messages */
	char host[URL_HOST_MAX];
	unsigned port;
	/* base64 of "user:password"; "" if there is none */
	char credentials[PROXY_CREDENTIALS_MAX / 3 * 4 + 8];
};

/*
 * The proxy for |u|: of https_proxy or HTTPS_PROXY if it is over TLS, else of
 * http_proxy or HTTP_PROXY; none where no_proxy or NO_PROXY names the relay.
 * 1 with |p| filled, 0 if there is none, -1 with one line in |err|.
 */
int proxy_from_environment(const struct relay_url *u, struct proxy *p,
    char *err, size_t err_size);

/* "[http://][USER[:PASSWORD]@]HOST[:PORT]"; 0, or -1 with what is wrong. */
int proxy_parse(const char *text, struct proxy *p, const char **wrong);
/* Does |list|, the value of NO_PROXY, name the relay? */
bool proxy_is_bypassed(const char *list, const struct relay_url *u);

/* The request for a tunnel to |u|. */
void proxy_write_request(const struct proxy *p, const struct relay_url *u,
    struct rk_writer *w);
/*
 * The answer at the front of |buf|.  RK_OK: the tunnel begins behind *used
 * bytes.  RK_ERR_AGAIN.  Else one line that names the proxy is in |why|.
 */
int proxy_read_answer(const struct proxy *p, const void *buf, size_t len,
    size_t *used, char *why, size_t why_size);

#endif
