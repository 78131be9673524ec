/* The other end of a TLS connection; see tls_oracle.h. */
#include "config.h"

#include "tls_oracle.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "peer.h"
#include "support.h"

void
oracle_init(struct oracle *o, int fd, const struct tls_certs *certs,
    int version)
{
	memset(o, 0, sizeof(*o));
	o->fd = fd;
	o->ctx = SSL_CTX_new(
	    certs != NULL ? TLS_server_method() : TLS_client_method());
	ck_assert_ptr_nonnull(o->ctx);
	if (version != 0) {
		/* also the old ones, which no sane level allows */
		if (version < TLS1_2_VERSION)
			SSL_CTX_set_security_level(o->ctx, 0);
		SSL_CTX_set_min_proto_version(o->ctx, version);
		SSL_CTX_set_max_proto_version(o->ctx, version);
	}
	if (certs != NULL) {
		ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(o->ctx,
				     certs->chain),
		    1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(o->ctx, certs->key,
				     SSL_FILETYPE_PEM),
		    1);
	}
	o->ssl = SSL_new(o->ctx);
	ck_assert_ptr_nonnull(o->ssl);
	o->in = BIO_new(BIO_s_mem());
	o->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(o->in, -1);
	SSL_set_bio(o->ssl, o->in, o->out);
	if (certs != NULL)
		SSL_set_accept_state(o->ssl);
	else
		SSL_set_connect_state(o->ssl);
}

void
oracle_clear(struct oracle *o)
{
	SSL_free(o->ssl);
	SSL_CTX_free(o->ctx);
	if (o->fd >= 0)
		close(o->fd);
	text_clear(&o->got);
	memset(o, 0, sizeof(*o));
	o->fd = -1;
}

void
oracle_receive(struct oracle *o)
{
	char buf[65536];
	ssize_t n;

	while (!o->fin && !o->reset && o->fd >= 0) {
		n = recv(o->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			ck_assert_int_eq(BIO_write(o->in, buf, (int)n), n);
		} else if (n == 0) {
			o->fin = true;
		} else if (errno == EAGAIN) {
			break;
		} else {
			o->reset = true;
		}
	}
}

void
oracle_take(struct oracle *o, struct text *t)
{
	char buf[65536];
	int n;

	while ((n = BIO_read(o->out, buf, sizeof(buf))) > 0)
		text_add_n(t, buf, (size_t)n);
}

void
oracle_put(struct oracle *o, struct loop *l, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = send(o->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			loop_turn(l, NS_PER_MS);
			continue;
		}
		if (n < 0) { /* the test sees it in its own way */
			o->reset = true;
			return;
		}
		at += n;
		len -= (size_t)n;
	}
}

void
oracle_flush(struct oracle *o, struct loop *l)
{
	struct text t;

	text_init(&t);
	oracle_take(o, &t);
	if (t.len > 0)
		oracle_put(o, l, t.s, t.len);
	text_clear(&t);
}

bool
oracle_handshake(struct oracle *o, struct loop *l)
{
	int64_t give_up = clock_mono_ns() + 60 * NS_PER_S;
	int status;

	for (;;) {
		ERR_clear_error();
		status = SSL_do_handshake(o->ssl);
		oracle_flush(o, l);
		if (status == 1)
			return true;
		if (SSL_get_error(o->ssl, status) != SSL_ERROR_WANT_READ ||
		    o->fin || o->reset)
			return false;
		ck_assert_int_lt(clock_mono_ns(), give_up);
		loop_turn(l, 5 * NS_PER_MS);
		oracle_receive(o);
	}
}

void
oracle_write(struct oracle *o, struct loop *l, const void *p, size_t len)
{
	ERR_clear_error();
	ck_assert_int_eq(SSL_write(o->ssl, p, (int)len), (int)len);
	oracle_flush(o, l);
}

int
oracle_read(struct oracle *o, struct loop *l)
{
	char buf[65536];
	int n;

	oracle_receive(o);
	ERR_clear_error();
	while ((n = SSL_read(o->ssl, buf, sizeof(buf))) > 0)
		text_add_n(&o->got, buf, (size_t)n);
	n = SSL_get_error(o->ssl, n);
	oracle_flush(o, l);
	return n;
}

void
oracle_say_goodbye(struct oracle *o, struct loop *l)
{
	SSL_shutdown(o->ssl);
	oracle_flush(o, l);
}

void
oracle_fin(struct oracle *o)
{
	ck_assert_int_eq(shutdown(o->fd, SHUT_WR), 0);
}

void
oracle_rst(struct oracle *o)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	ck_assert_int_eq(setsockopt(o->fd, SOL_SOCKET, SO_LINGER, &now,
			     sizeof(now)),
	    0);
	close(o->fd);
	o->fd = -1;
}
