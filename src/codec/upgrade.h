/*
 * The upgrade from HTTP to frames, raw or WebSocket, by a dialect's profile:
 * what a server checks and answers, what a client sends and checks.
 */
#ifndef RK_UPGRADE_H
#define RK_UPGRADE_H

#include "dialect.h"
#include "http.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RK_WS_KEY_SIZE    25 /* base64 of 16 bytes and NUL */
#define RK_WS_ACCEPT_SIZE 29 /* base64 of a SHA-1 and NUL */

/* Is |path| one of the dialect's upgrade paths? */
RK_API bool rk_upgrade_path(const struct rk_dialect *d, struct rk_span path);

/* A server's judgement of a request for an upgrade path. */
struct rk_upgrade_request {
	enum rk_carrier carrier; /* valid where status is 101 */
	int status;              /* 101, or what to answer instead */
	const char *missing;     /* field that is absent or bad, for the log */
	bool advertise_version;  /* add Sec-WebSocket-Version: 13 */
	char accept[RK_WS_ACCEPT_SIZE]; /* WebSocket */
	const char *subprotocol;        /* selected one, or NULL */
};

RK_API void rk_upgrade_judge(const struct rk_dialect *d,
    const struct rk_http_head *h, struct rk_upgrade_request *out);

/* Write the fields that belong to the upgrade in a 101 (no status line, no
 * end), or Sec-WebSocket-Version where that is due. */
RK_API void rk_upgrade_write_fields(const struct rk_dialect *d,
    const struct rk_upgrade_request *u, struct rk_writer *w);

/*
 * A client's request, whole.  |host| as it goes into Host; |ws_key| (base64
 * text) only for WebSocket.  |target| NULL: the dialect's first path.
 */
RK_API void rk_upgrade_write_request(const struct rk_dialect *d,
    enum rk_carrier carrier, const char *target, const char *host,
    const char *ws_key, struct rk_writer *w);

/*
 * A client's judgement of the answer.  RK_OK, or which rule it breaks:
 * RK_ERR_UPGRADE_STATUS, _TOKEN, _CONNECTION, _ACCEPT, _EXTENSION or
 * _SUBPROTOCOL, the first in this order.  The raw carrier asks for the status
 * only.  Interim 1xx answers are the caller's to skip.
 */
RK_API int rk_upgrade_check_response(const struct rk_dialect *d,
    enum rk_carrier carrier, const struct rk_http_head *h, const char *ws_key);

/* RFC 6455 section 4.2.2: base64(SHA1(key || GUID)); any key bytes.  Empty
 * if libcrypto refuses SHA-1, which a server answers with status 500. */
RK_API void rk_ws_accept(const void *key, size_t len,
    char out[RK_WS_ACCEPT_SIZE]);
/* A fresh Sec-WebSocket-Key. */
RK_API void rk_ws_make_key(char out[RK_WS_KEY_SIZE]);

#ifdef __cplusplus
}
#endif
#endif
