/*
 * A small relay on the test's own loop, which does what it should unless a
 * rule says otherwise: so small that it can be wrong in any way.
 */
#ifndef TESTS_FAKE_RELAY_H
#define TESTS_FAKE_RELAY_H

#include "codec/relaykit.h"
#include "net/stream.h"
#include "net/tls.h"

struct loop;
struct fake_relay;

struct fake_client {
	struct fake_client *next;
	struct fake_relay *relay;
	struct stream *stream; /* NULL: closed by the relay */
	bool framed;
	bool logged_in;
	bool deaf; /* what comes is not read any more */
	enum rk_carrier carrier;
	struct rk_ws_reader ws;
	struct rk_login login;
	struct rk_key key;
	struct rk_key sent_to[8];
	size_t nsent_to;
	struct timer *timer;
	void (*later)(struct fake_client *c);
	uint8_t kept[64]; /* for rules */
	size_t nkept;
	unsigned count;
};

/* Each returns true where it has dealt with it; else, or with NULL, the
 * relay does what it should. */
struct fake_rules {
	bool (*on_accept)(struct fake_client *c);
	bool (*on_request)(struct fake_client *c, const struct rk_http_head *h);
	bool (*on_frame)(struct fake_client *c, const struct rk_frame *f);
	/* A packet on its way, the destination known. */
	bool (*on_packet)(struct fake_client *from, struct fake_client *to,
	    struct rk_span data);
	bool (*on_drained)(struct fake_client *c);
	bool (*on_end)(struct fake_client *c);
	/* A KeepAlive, a Ping and a stranger's PeerGone go before every Pong,
	 * packet and PeerGone. */
	bool noisy;
	bool healthy; /* … and a Health */
};

/* |tls| NULL: plain. */
struct fake_relay *fake_relay_new(struct loop *l,
    const struct fake_rules *rules, struct tls_ctx *tls);
void fake_relay_free(struct fake_relay *r);
unsigned fake_relay_port(const struct fake_relay *r);
size_t fake_relay_accepted(const struct fake_relay *r);
/* The newest client of that key, or NULL. */
struct fake_client *fake_find(struct fake_relay *r, const struct rk_key *key);

/* A frame by type, in the carrier's form. */
void fake_send(struct fake_client *c, uint8_t type, const void *payload,
    size_t len);
/* RecvPacket: source and data. */
void fake_packet(struct fake_client *to, const struct rk_key *from,
    const void *data, size_t len);
/* One unmasked WebSocket frame. */
void fake_send_ws(struct fake_client *c, uint8_t opcode, const void *payload,
    size_t len);
void fake_write(struct fake_client *c, const void *p, size_t len);
void fake_write_text(struct fake_client *c, const char *text);
void fake_close(struct fake_client *c);
void fake_reset(struct fake_client *c);
/* Once, in |ms|; one at a time for each client. */
void fake_later(struct fake_client *c, unsigned ms,
    void (*fn)(struct fake_client *c));
/* Send what is due at the end of |c|: PeerGone to whom it sent to. */
void fake_gone(struct fake_client *c);

#endif
