/* Parties on UDP: each send is a datagram, each datagram that comes is an
 * item.  The socket is connected, so that only what comes from where the
 * sends go to is heard. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "net/loop.h"
#include "scenario/engine_play.h"

#define DATAGRAM_MAX       65536
#define DATAGRAMS_PER_TURN 256

static void
take_datagram(struct party *s, const uint8_t *p, size_t len)
{
	struct item *it = party_item(s, ITEM_DATAGRAM, p, len);

	party_tape(s, TAP_IN, p, len);
	item_read_stun(it);
	it->event = party_record(s, EVENT_BYTES, DIR_S2C, p, len, NULL, 0);
	party_deliver(s, it);
}

/* An ICMP error: nobody listens there. */
static void
refused(struct party *s, int error)
{
	struct event e = {
		.kind = EVENT_ENDED,
		.dir = DIR_S2C,
		.conn = s->conn,
		.ending = ENDING_RESET,
	};

	play_remark(s->play, s, 0, "%s", strerror(error));
	s->ended = ENDING_RESET;
	s->ended_ns = loop_now(engine_loop(s->play->engine));
	s->ended_seq = ++s->play->seq;
	watch_set(s->udp_watch, 0);
	play_record(s->play, &e);
	play_wake(s->play);
}

static void
on_ready(void *arg, int what)
{
	struct party *s = arg;
	uint8_t *buf = xmalloc(DATAGRAM_MAX);

	for (int i = 0; i < DATAGRAMS_PER_TURN; i++) {
		ssize_t n = recv(s->udp_fd, buf, DATAGRAM_MAX, 0);

		if (n >= 0 && s->nitems < PARTY_MAX_ITEMS)
			take_datagram(s, buf, (size_t)n);
		else if (n < 0 && errno != EINTR) {
			if (errno != EAGAIN)
				refused(s, errno);
			break;
		}
	}
	free(buf);
}

static void
set_own_address(struct party *s, const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in4 = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	bool v4 = a->ss_family == AF_INET;
	struct values *vs = &s->play->values;
	char *name = xasprintf("%s.address", s->name);

	values_set_take(vs, name,
	    v4 ? value_bytes(&in4->sin_addr, sizeof(in4->sin_addr))
	       : value_bytes(&in6->sin6_addr, sizeof(in6->sin6_addr)));
	free(name);
	name = xasprintf("%s.port", s->name);
	values_set_take(vs, name,
	    value_int(ntohs(v4 ? in4->sin_port : in6->sin6_port)));
	free(name);
}

static bool
connect_to(struct party *s, const struct addrinfo *ai)
{
	struct sockaddr_storage own;
	socklen_t len = sizeof(own);
	int fd =
	    socket(ai->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	if (connect(fd, ai->ai_addr, ai->ai_addrlen) != 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &len) != 0) {
		close(fd);
		return false;
	}
	s->udp_watch = watch_new(engine_loop(s->play->engine), fd, on_ready, s);
	if (s->udp_watch == NULL) {
		close(fd);
		return false;
	}
	s->udp_fd = fd;
	watch_set(s->udp_watch, WATCH_READ);
	set_own_address(s, &own);
	return true;
}

static void
on_resolved(void *arg, const struct addrinfo *list, const char *error)
{
	struct party *s = arg;

	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next)
		if (connect_to(s, ai))
			break;
	if (s->udp_fd >= 0) {
		party_tape_begin(s, s->udp_fd);
		party_record(s, EVENT_OPENED, DIR_C2S, NULL, 0,
		    s->config.url.text, s->config.line);
		s->state = PARTY_READY;
	} else {
		party_fail(s, CODE_CLOSED, "no way to %s: %s",
		    s->config.url.text, list != NULL ? strerror(errno) : error);
	}
	play_wake(s->play);
}

void
party_udp_begin(struct party *s)
{
	const struct party_config *c = &s->config;

	s->wire = WIRE_DATAGRAMS;
	s->lookup = lookup_start(engine_loop(s->play->engine), c->url.host,
	    c->url.port, on_resolved, s);
	if (s->lookup == NULL)
		party_fail(s, CODE_CONNECT, "the name cannot be looked up");
}

void
party_udp_send(struct party *s, const void *p, size_t len)
{
	if (send(s->udp_fd, p, len, 0) >= 0) {
		party_tape(s, TAP_OUT, p, len);
		return;
	}
	/* The error of an earlier datagram: this one has not gone out. */
	if (errno == ECONNREFUSED) {
		refused(s, errno);
		return;
	}
	play_remark(s->play, s, 0, "%zu bytes were not sent: %s", len,
	    strerror(errno));
}

void
party_udp_close(struct party *s)
{
	watch_free(s->udp_watch);
	s->udp_watch = NULL;
	if (s->udp_fd >= 0)
		close(s->udp_fd);
	s->udp_fd = -1;
}
