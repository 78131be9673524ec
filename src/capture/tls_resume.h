/*
 * Master secrets of TLS 1.2 sessions that may be resumed: writers of key logs
 * need not tell them again.
 */
#ifndef CAPTURE_TLS_RESUME_H
#define CAPTURE_TLS_RESUME_H

#include "capture/tls_keylog.h"
#include "codec/cursor.h"

struct tls_resume;

struct tls_resume *tls_resume_new(void);
void tls_resume_free(struct tls_resume *r);
/* |name| is a session id or a ticket; an empty one is no name. */
void tls_resume_store(struct tls_resume *r, struct rk_span name,
    const struct tls_secret *master);
/* NULL: not known.  Valid until the next one is stored. */
const struct tls_secret *tls_resume_find(const struct tls_resume *r,
    struct rk_span name);

#endif
