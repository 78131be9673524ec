/*
 * TLS handshake messages: put together from records, and read as far as
 * decrypting needs it.
 */
#ifndef CAPTURE_TLS_HANDSHAKE_H
#define CAPTURE_TLS_HANDSHAKE_H

#include "capture/tls_keylog.h"
#include "codec/cursor.h"

/* RFC 8446, 4 */
enum tls_message {
	TLS_CLIENT_HELLO = 1,
	TLS_SERVER_HELLO = 2,
	TLS_NEW_SESSION_TICKET = 4,
	TLS_ENCRYPTED_EXTENSIONS = 8,
	TLS_CERTIFICATE = 11,
	TLS_FINISHED = 20,
	TLS_KEY_UPDATE = 24
};

/* One direction's messages. */
struct tls_messages {
	uint8_t header[4]; /* type u8 | length u24 */
	size_t have;       /* of the header */
	size_t left;       /* of the body; valid once the header is whole */
	bool read;         /* it is one of those that are kept: */
	uint8_t *body;
	size_t len;
	size_t cap;
};

/* |body| of a kind that is not read, or that is too long, is NULL. */
typedef void (
    *tls_message_cb)(void *arg, uint8_t type, const uint8_t *body, size_t len);

void tls_messages_clear(struct tls_messages *m);
/* What handshake records carry.  Where something is missing, clear first: a
 * message begins with what is fed next. */
void tls_messages_feed(struct tls_messages *m, const uint8_t *p, size_t len,
    tls_message_cb message, void *arg);

/* Spans point into the message. */
struct tls_client_hello {
	const uint8_t *random;
	struct rk_span session_id;
	struct rk_span ticket; /* of TLS 1.2 */
	struct rk_span server_name;
	bool early_data; /* 0-RTT data may follow */
};

struct tls_server_hello {
	const uint8_t *random;
	struct rk_span session_id;
	uint16_t version; /* the one that was agreed on */
	uint16_t suite;
	bool retry; /* HelloRetryRequest: both hellos come again */
};

/* False: malformed. */
bool tls_client_hello_read(struct tls_client_hello *h, const uint8_t *p,
    size_t len);
bool tls_server_hello_read(struct tls_server_hello *h, const uint8_t *p,
    size_t len);
/* Does the server take the 0-RTT data? */
bool tls_takes_early_data(const uint8_t *p, size_t len);
/* The ticket of a TLS 1.2 NewSessionTicket; empty if malformed. */
struct rk_span tls_ticket_read(const uint8_t *p, size_t len);

#endif
