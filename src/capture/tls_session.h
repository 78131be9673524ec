/*
 * One TLS connection of a capture: its records -> what they carry, where the
 * key log has its secrets.  What cannot be decrypted is shown as opaque, with
 * its kind, size and time, and a remark says why.
 */
#ifndef CAPTURE_TLS_SESSION_H
#define CAPTURE_TLS_SESSION_H

#include "capture/tcp_stream.h"
#include "capture/tls_keylog.h"
#include "capture/tls_records.h"
#include "capture/tls_resume.h"
#include "transcript/transcript.h"

/* What all TLS connections of a capture share. */
struct tls_context {
	struct tls_keylog *keylog;
	struct tls_resume *resume;
	/* Secrets may still come: what lacks its key waits for a while. */
	bool live;
	uint8_t plain[TLS_RECORD_MAX]; /* what was decrypted last */
};

struct tls_session_config {
	struct tls_context *context;
	struct transcript *t;
	int conn;
	const struct rk_dialect *dialect;
	/* Times are the transcript's. */
	void (*remark)(void *arg, enum remark_level level, int64_t time_ns,
	    uint64_t packet, const char *text);
	void *arg;
};

struct tls_session;

struct tls_session *tls_session_new(const struct tls_session_config *c);
void tls_session_free(struct tls_session *s);
void tls_session_feed(struct tls_session *s, enum direction dir,
    const uint8_t *p, size_t len, int64_t time_ns, uint64_t packet);
/* |len| bytes are missing here. */
void tls_session_gap(struct tls_session *s, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet);
/* ENDING_NONE: nothing more is known.  Once both directions have ended,
 * everything was shown. */
void tls_session_end(struct tls_session *s, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet);
/* Bytes of memory that wait for something. */
size_t tls_session_held(const struct tls_session *s);

#endif
