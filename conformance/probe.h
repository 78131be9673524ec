/* One plain question by HTTP: is something there, and what does it say? */
#ifndef CONFORMANCE_PROBE_H
#define CONFORMANCE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/url.h"

/*
 * Begin to GET |path|; |url| and |path| stay the caller's and there.
 * Certificates are not verified: nothing secret is asked or believed.
 */
struct probe *probe_start(struct loop *l, const struct relay_url *url,
    const char *path, int64_t timeout_ns);
/* False while it goes on; then the HTTP status, or -1 with one line in
 * |err|. */
bool probe_is_done(struct probe *p, int *status, char *err, size_t err_size);
void probe_free(struct probe *p); /* NULL is fine */

/*
 * The same, turning the loop until there is an answer, |timeout_ns| is
 * over or *stop is set.
 */
int probe_http(struct loop *l, const struct relay_url *url, const char *path,
    int64_t timeout_ns, const bool *stop, char *err, size_t err_size);

#endif
