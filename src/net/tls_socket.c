/*
 * The socket below a TLS session.  OpenSSL takes a record in two small reads;
 * they are served from one buffer of the thread, which is filled by one call
 * and is empty again when the socket is, so that no session has its own.
 */
#include "config.h"

#include "net/tls_socket.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#define INPUT_SIZE 65536
#define INPUT_MIN  16709 /* a record, as long as one can be */

/* What was read for |owner| and not taken yet; one session at a time. */
struct input {
	struct tls_socket *owner;
	size_t at, len;
	uint8_t bytes[INPUT_SIZE];
};

static _Thread_local struct input input;

/* ---- the buffer */

/* Another session needs the buffer: what lies there goes with its owner. */
static void
evict(void)
{
	struct tls_socket *s = input.owner;

	if (s == NULL || input.len == 0)
		return;
	s->kept = malloc(input.len);
	if (s->kept == NULL) {
		s->lost = true;
	} else {
		memcpy(s->kept, input.bytes + input.at, input.len);
		s->kept_at = 0;
		s->kept_len = input.len;
	}
	input.len = 0;
}

static void
tell(const struct tls_socket *s, enum tap_kind kind, const void *p, size_t len)
{
	if (s->tap != NULL && s->tap->on_tap != NULL)
		s->tap->on_tap(s->tap->arg, kind, p, len);
}

/* recv()'s result; a socket that was found empty is not asked at once again:
 * whoever waits for it hears of what comes. */
static ssize_t
fill(struct tls_socket *s)
{
	size_t size = s->want < INPUT_MIN ? INPUT_MIN : s->want;
	ssize_t n;

	if (size > sizeof(input.bytes))
		size = sizeof(input.bytes);
	if (s->dry) {
		s->dry = false;
		errno = EAGAIN;
		return -1;
	}
	if (input.owner != s)
		evict();
	input.owner = s;
	do
		n = recv(s->fd, input.bytes, size, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		tell(s, TAP_IN, input.bytes, (size_t)n);
		s->dry = (size_t)n < size;
		input.at = 0;
		input.len = (size_t)n;
	}
	s->at_eof = n == 0;
	return n;
}

/* Move up to |n| bytes from a part of memory. */
static size_t
take(const uint8_t *p, size_t *at, size_t *len, char *out, size_t n)
{
	if (n > *len)
		n = *len;
	memcpy(out, p + *at, n);
	*at += n;
	*len -= n;
	return n;
}

static size_t
take_kept(struct tls_socket *s, char *out, size_t n)
{
	n = take(s->kept, &s->kept_at, &s->kept_len, out, n);
	if (s->kept_len == 0) {
		free(s->kept);
		s->kept = NULL;
	}
	return n;
}

bool
tls_socket_has_input(const struct tls_socket *s)
{
	return s->kept != NULL || (input.owner == s && input.len > 0);
}

void
tls_socket_clear(struct tls_socket *s)
{
	if (input.owner == s) {
		input.owner = NULL;
		input.len = 0;
	}
	free(s->kept);
	s->kept = NULL;
}

/* ---- what OpenSSL calls */

static int
on_read(BIO *b, char *out, size_t n, size_t *got)
{
	struct tls_socket *s = BIO_get_data(b);
	ssize_t filled = 1;

	BIO_clear_retry_flags(b);
	*got = 0;
	if (s->lost) {
		errno = ENOMEM;
		return -1;
	}
	if (s->kept != NULL) {
		*got = take_kept(s, out, n);
		return 1;
	}
	if (input.owner != s || input.len == 0)
		filled = fill(s);
	if (filled > 0) {
		*got = take(input.bytes, &input.at, &input.len, out, n);
		return 1;
	}
	if (filled < 0 && errno == EAGAIN)
		BIO_set_retry_read(b);
	return (int)filled;
}

static int
on_write(BIO *b, const char *p, size_t n, size_t *put)
{
	struct tls_socket *s = BIO_get_data(b);
	ssize_t sent;

	BIO_clear_retry_flags(b);
	*put = 0;
	do
		sent =
		    send(s->fd, p, n, MSG_NOSIGNAL | (s->more ? MSG_MORE : 0));
	while (sent < 0 && errno == EINTR);
	if (sent < 0) {
		if (errno == EAGAIN)
			BIO_set_retry_write(b);
		return -1;
	}
	*put = (size_t)sent;
	if (sent > 0)
		tell(s, TAP_OUT, p, *put);
	return sent > 0;
}

static long
on_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	const struct tls_socket *s = BIO_get_data(b);

	if (cmd == BIO_CTRL_FLUSH)
		return 1;
	return cmd == BIO_CTRL_EOF && s->at_eof;
}

static BIO_METHOD *method;

static void
make_method(void)
{
	BIO_METHOD *m =
	    BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relay");

	if (m == NULL || BIO_meth_set_read_ex(m, on_read) != 1 ||
	    BIO_meth_set_write_ex(m, on_write) != 1 ||
	    BIO_meth_set_ctrl(m, on_ctrl) != 1)
		BIO_meth_free(m);
	else
		method = m;
}

BIO *
tls_socket_bio(struct tls_socket *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *b;

	pthread_once(&once, make_method);
	b = method != NULL ? BIO_new(method) : NULL;
	if (b != NULL) {
		BIO_set_data(b, s);
		BIO_set_init(b, 1);
	}
	return b;
}
