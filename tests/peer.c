/* A stream that notes what happens to it; see peer.h. */
#include "config.h"

#include "peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "support.h"

void
peer_init(struct peer *p)
{
	memset(p, 0, sizeof(*p));
}

void
peer_clear(struct peer *p)
{
	stream_free(p->stream);
	p->stream = NULL;
	text_clear(&p->events);
	text_clear(&p->got);
}

static void
note(struct peer *p, const char *word)
{
	text_addf(&p->events, "%s%s", p->events.len > 0 ? " " : "", word);
}

static void
take_input(struct peer *p, struct stream *s)
{
	size_t len;
	uint8_t *in = stream_input(s, &len);

	/* a run of input events is one word */
	if (p->ninputs++ == 0 || p->events.len < 5 ||
	    strcmp(p->events.s + p->events.len - 5, "input") != 0)
		note(p, "input");
	if (p->keep)
		return;
	text_add_n(&p->got, (const char *)in, len);
	stream_consume(s, len);
}

static void
note_end(struct peer *p, struct stream *s)
{
	note(p, "ended");
	p->ended = true;
	p->nended++;
	p->ending = stream_ending(s);
	snprintf(p->error, sizeof(p->error), "%s", stream_error(s));
}

void
peer_on_event(void *arg, struct stream *s, enum stream_event e)
{
	struct peer *p = arg;

	switch (e) {
	case STREAM_SECURED:
		note(p, "secured");
		p->secured = true;
		break;
	case STREAM_INPUT:
		take_input(p, s);
		break;
	case STREAM_DRAINED:
		note(p, "drained");
		p->drained = true;
		break;
	case STREAM_ENDED:
		note_end(p, s);
		break;
	case STREAM_TIMEOUT:
		note(p, "timeout");
		p->timed_out = true;
		break;
	}
	if (p->also != NULL)
		p->also(p->arg, s, e);
}

/* Small segments go out at once, whoever uses the socket. */
static void
prepare(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

void
set_blocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
}

static void
make_tcp_pair(const char *host, int fds[2])
{
	struct address a;
	int listener;

	ck_assert(address_from_literal(host, 0, &a));
	listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(bind(listener, &a.any, a.len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, &a.any, &a.len), 0);
	fds[0] = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(connect(fds[0], &a.any, a.len), 0);
	fds[1] = accept(listener, NULL, NULL);
	ck_assert_int_ge(fds[1], 0);
	close(listener);
}

void
make_pair(enum pair_kind kind, int fds[2])
{
	if (kind == PAIR_SOCKETPAIR)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	else
		make_tcp_pair(kind == PAIR_TCP4 ? "127.0.0.1" : "::1", fds);
	prepare(fds[0]);
	prepare(fds[1]);
}

void
make_buffers_small(int fd)
{
	int size = 32768;
	int segment = 1400;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size,
			     sizeof(size)),
	    0);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size,
			     sizeof(size)),
	    0);
	/* loopback's segments of 64 KiB would crawl through them */
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
}
