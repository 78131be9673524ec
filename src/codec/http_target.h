/* What a request asks for, taken apart; inside the codec only. */
#ifndef RK_HTTP_TARGET_H
#define RK_HTTP_TARGET_H

#include <stdbool.h>

#include "http.h"

/*
 * Path and query of h->target.  False if it is none of the four forms of RFC
 * 9112 section 3.2; a host alone is one of them for CONNECT, and if |tolerant|
 * for every method.
 */
bool rk_http_split_target(struct rk_http_head *h, bool tolerant);

#endif
