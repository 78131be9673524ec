/*
 * A TLS connection between OpenSSL's own two ends, in memory: every flight
 * on the wire, the application data in it, and the key log.
 *
 *     tape_init(&t, TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
 *     … whatever SSL_CTX_… needs, on t.ctx[] …
 *     tape_begin(&t);
 *     tape_handshake(&t);
 *     tape_say_text(&t, DIR_C2S, "GET …");
 *
 * Both ends are found by the direction in which they send.
 */
#ifndef TESTS_TLS_TAPE_H
#define TESTS_TLS_TAPE_H

#include <openssl/ssl.h>

#include "base/text.h"
#include "capture/tls_session.h"
#include "transcript/transcript.h"

/* What one side sent at once. */
struct flight {
	enum direction dir;
	uint8_t *p;
	size_t len;
	uint8_t *plain; /* application data in it; NULL: none */
	size_t plain_len;
};

struct tls_tape {
	int version;
	SSL_CTX *ctx[2];
	SSL *ssl[2];
	struct flight *flight;
	size_t n;
	struct text keylog; /* as the client writes it */
};

/* |suite|: OpenSSL's name; NULL: any. */
void tape_init(struct tls_tape *t, int version, const char *suite);
/* A connection more, with the same contexts; the flights go on. */
void tape_begin(struct tls_tape *t);
void tape_clear(struct tls_tape *t);
/* Forget the flights so far. */
void tape_rewind(struct tls_tape *t);

/* What |dir| has written becomes a flight, and the other end gets it. */
void tape_move(struct tls_tape *t, enum direction dir);
/* Let both ends read and answer until nothing moves any more. */
void tape_settle(struct tls_tape *t);
void tape_handshake(struct tls_tape *t);
/* Application data, which must arrive as it is. */
void tape_say(struct tls_tape *t, enum direction dir, const void *p,
    size_t len);
void tape_say_text(struct tls_tape *t, enum direction dir, const char *s);
void tape_say_hex(struct tls_tape *t, enum direction dir, const char *s);
/* Upgrade, login and a ping each way. */
void tape_talk(struct tls_tape *t);
/* |request|: the other side is asked for one as well, and obeys. */
void tape_key_update(struct tls_tape *t, enum direction dir, bool request);
void tape_goodbye(struct tls_tape *t, enum direction dir);
/* Cut the flights so that each has one record. */
void tape_cut_records(struct tls_tape *t);
/* Bytes on the wire, both directions. */
size_t tape_len(const struct tls_tape *t);

/* ---- what a capture shows of it ---- */

struct replay {
	struct tls_context context;
	struct transcript *t;
	struct tls_session *s;
	unsigned wrong;    /* remarks of that level */
	struct text notes; /* REMARK_NOTE's, a line each */
	size_t max_held;   /* most memory that was in use */
};

/* |keylog| may be NULL. */
void replay_init(struct replay *r, const char *keylog);
/* Another connection with the same secrets. */
void replay_begin(struct replay *r);
void replay_clear(struct replay *r);
/* In pieces of at most |step| bytes. */
void replay_flight(struct replay *r, const struct flight *f, size_t step);
/* All flights, then FINs. */
void replay_tape(struct replay *r, const struct tls_tape *t, size_t step);
void replay_end(struct replay *r, enum ending e);
/* The transcript of the application data by itself, as a dissector shows it
 * that is fed |t|'s flights up to |n| and then |e|. */
struct transcript *plain_transcript(const struct tls_tape *t, size_t n,
    enum ending e);

/* Counted events and endings, with all bytes; to be freed. */
char *meaning(const struct transcript *t);
void assert_same_meaning(const struct transcript *got,
    const struct transcript *want);
/* Texts of EVENT_REMARK and EVENT_TLS that have |part| in them. */
size_t count_texts(const struct transcript *t, enum event_kind kind,
    const char *part);
size_t count_kind(const struct transcript *t, enum event_kind kind);

#endif
