/*
 * The socket below a TLS session, as OpenSSL sees it.  One call of the kernel
 * brings many records, and those of one write leave together.  Nobody but
 * tls.c includes it.
 */
#ifndef NET_TLS_SOCKET_H
#define NET_TLS_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/bio.h>

#include "base/tap.h"

struct tls_socket {
	int fd;
	bool more; /* the owner goes on writing: nothing has to leave yet */
	bool dry;  /* the last read took all there was */
	bool at_eof;
	bool lost;   /* no memory for what was read */
	size_t want; /* plain bytes there is room for: no use to read more */
	const struct tap *tap;
	uint8_t *kept; /* what was read and has lost its place in the thread's
			* buffer to another session; NULL: nothing */
	size_t kept_at, kept_len;
};

/* A BIO over |s|, which outlives it.  NULL without memory. */
BIO *tls_socket_bio(struct tls_socket *s);
/* Bytes were read that OpenSSL has not taken. */
bool tls_socket_has_input(const struct tls_socket *s);
void tls_socket_clear(struct tls_socket *s);

#endif
