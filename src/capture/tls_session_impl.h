/* The inside of a TLS session, shared by tls_session*.c only. */
#ifndef CAPTURE_TLS_SESSION_IMPL_H
#define CAPTURE_TLS_SESSION_IMPL_H

#include "capture/tls_cipher.h"
#include "capture/tls_handshake.h"
#include "capture/tls_records.h"
#include "capture/tls_session.h"
#include "transcript/dissect.h"

enum phase {
	PHASE_PLAIN,     /* hellos, and in TLS 1.2 all up to ChangeCipherSpec */
	PHASE_HANDSHAKE, /* TLS 1.3 with handshake keys */
	PHASE_DATA
};

/* What waits for its turn: a record, or what is between records. */
struct item {
	enum {
		ITEM_RECORD,
		ITEM_JUNK,
		ITEM_GAP,
		ITEM_END
	} kind;
	struct tls_record record; /* of the others: len, time and packet */
	bool inside;              /* ITEM_GAP: of a record */
	enum ending ending;       /* ITEM_END */
	struct item *next;
	uint8_t bytes[]; /* what record.body points to */
};

/* So many changes of the key may be among the records of one hole. */
#define KEYS_AHEAD 8

struct later_key {
	struct tls_key *key;
	struct tls_secret secret;
};

/* What one side sends. */
struct half {
	struct tls_session *s;
	enum direction dir;
	struct tls_records *records;
	struct tls_messages messages;
	struct item *first, **last; /* what waits */
	size_t held;
	bool impatient; /* nothing waits any more */
	enum phase phase;
	bool missed; /* its hello will not come any more */
	/* the key of this phase, and the record it opens next */
	struct tls_key *key;
	struct tls_secret secret; /* TLS 1.3: that it was made of */
	uint64_t looked; /* for it, when so many secrets but one were known */
	bool proven;     /* it has opened a record */
	uint64_t seq;
	unsigned slack;  /* so many records behind may have been missed */
	uint64_t credit; /* bytes that may still be tried in vain */
	/* the keys of what comes after it, as far as they were needed */
	struct later_key later[KEYS_AHEAD];
	unsigned nlater;
	unsigned updates; /* of the key */
	bool early;       /* 0-RTT data went by */
	bool lost;        /* application data, before there was a dissector */
	bool closed;      /* close_notify, … */
	bool left_first;  /* and the other side had not said it yet */
	bool alerted;     /* it sent a fatal alert */
	bool said_failed; /* that a record cannot be opened */
	bool ended;       /* tls_session_end was called */
	bool over;        /* and shown */
};

struct tls_session {
	struct tls_session_config c;
	struct half half[2];
	struct dissector *dissector; /* once there is something for it */
	bool forced;                 /* nothing may wait */
	bool shown;                  /* version and suite */
	char *said;                  /* the reason that was told last */
	/* the hellos */
	bool have_client;
	bool have_server;
	bool retry; /* between HelloRetryRequest and the second hellos */
	bool early_offered;
	bool early_refused;
	bool certificate; /* the server sent one: TLS 1.2 is not resumed */
	char *server_name;
	uint16_t version;
	uint16_t suite_id;
	const struct tls_suite *suite; /* NULL: none that can be decrypted */
	uint8_t client_random[TLS_RANDOM_LEN];
	uint8_t server_random[TLS_RANDOM_LEN];
	uint8_t session_id[32];
	size_t session_id_len;
	struct tls_secret resumed; /* TLS 1.2: of the session that is offered */
};

/* Where and when something is shown. */
struct when {
	int64_t time_ns;
	uint64_t packet;
};

static inline struct half *
other_half(const struct half *h)
{
	return &h->s->half[h->dir == DIR_C2S ? DIR_S2C : DIR_C2S];
}

static inline const char *
side_name(const struct half *h)
{
	return h->dir == DIR_C2S ? "client" : "server";
}

static inline struct when
when_of(const struct tls_record *r)
{
	return (struct when){ r->time_ns, r->packet };
}

/* ---- tls_session.c ---- */

void session_remark(struct tls_session *s, enum remark_level level,
    struct when at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A record as opaque. */
void half_opaque_record(struct half *h, const struct tls_record *r,
    const char *why);
/* Application data is missing here: |len| bytes, 0: nobody knows. */
void half_lose(struct half *h, size_t len, struct when at);
/* Application data. */
void half_data(struct half *h, const uint8_t *p, size_t len, struct when at);

/* ---- tls_session_keys.c ---- */

/* The key of this phase; NULL if it is not known. */
struct tls_key *half_key(struct half *h);
/* Does a key log have something of this connection? */
bool session_has_secrets(const struct tls_session *s);
void half_set_phase(struct half *h, enum phase phase);
void half_forget_keys(struct half *h);
void half_begin_handshake(struct half *h, const struct tls_record *r);
/* The next key of this direction, because it said so. */
void half_update_key(struct half *h, struct when at);
/* |n| records may be missing here. */
void half_missed_records(struct half *h, uint64_t n, struct when at);
/* Find the key and the number that open |r|, in the context's plain; both
 * become the current ones. */
bool half_locate(struct half *h, const struct tls_record *r, size_t *len);
/* The master secret of TLS 1.2; NULL if it is not known. */
const struct tls_secret *session_master(const struct tls_session *s);
/* Why there is no key; in a static buffer. */
const char *half_reason(const struct half *h);

/* ---- tls_session_steps.c ---- */

void half_record(struct half *h, const struct tls_record *r);

#endif
