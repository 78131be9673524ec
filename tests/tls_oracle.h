/*
 * The other end of a TLS connection, by OpenSSL alone and in memory: the
 * test decides which of its bytes go out, when, and cut where.
 */
#ifndef TESTS_TLS_ORACLE_H
#define TESTS_TLS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

#include "base/text.h"
#include "net/loop.h"
#include "tls_certs.h"

struct oracle {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in;  /* what came from the socket, for OpenSSL to read */
	BIO *out; /* what OpenSSL wrote, not yet on the socket */
	int fd;   /* non-blocking; -1: closed */
	bool fin; /* the other end's FIN has come */
	bool reset;
	struct text got; /* what was decrypted */
};

/* |certs| NULL: a client (that does not verify).  |version| as
 * TLS1_2_VERSION, 0: any.  Takes |fd|. */
void oracle_init(struct oracle *o, int fd, const struct tls_certs *certs,
    int version);
void oracle_clear(struct oracle *o);

/* Move what the socket has into OpenSSL. */
void oracle_receive(struct oracle *o);
/* Take all that OpenSSL wrote: append it to |t|. */
void oracle_take(struct oracle *o, struct text *t);
/* Put bytes on the socket, turning the loop where it is full. */
void oracle_put(struct oracle *o, struct loop *l, const void *p, size_t len);
/* Both: what OpenSSL wrote goes out. */
void oracle_flush(struct oracle *o, struct loop *l);

/* Shake hands with whoever is on the loop; false if OpenSSL gives up (its
 * alert is out then). */
bool oracle_handshake(struct oracle *o, struct loop *l);
/* Encrypt and send. */
void oracle_write(struct oracle *o, struct loop *l, const void *p, size_t len);
/* Read what there is into |got|; the last SSL_get_error(). */
int oracle_read(struct oracle *o, struct loop *l);
/* close_notify. */
void oracle_say_goodbye(struct oracle *o, struct loop *l);
void oracle_fin(struct oracle *o);
void oracle_rst(struct oracle *o);

#endif
