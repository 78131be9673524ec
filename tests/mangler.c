/* See mangler.h.  Two threads a connection; frames are cut by hand. */
#include "config.h"

#include "mangler.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/xalloc.h"
#include "support.h"

#define HEADER    5 /* iroh-v3 section 2.1 */
#define KEY       32
#define RECV      0x05
#define PONG      0x0d
#define FRAME_MAX (HEADER + KEY + 65536)
#define VICTIM    100
#define LINKS_MAX 64

struct link {
	struct mangler *mangler;
	int client, relay;
	pthread_t up, down;
};

struct mangler {
	enum mangling what;
	struct sockaddr_in relay;
	char address[32];
	int listener;
	pthread_t thread;
	int nlinks;
	struct link links[LINKS_MAX];
	atomic_int npackets; /* RecvPackets of all connections */
};

/* ---- bytes ---- */

static bool
write_all(int fd, const uint8_t *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
read_all(int fd, uint8_t *p, size_t len)
{
	return len == 0 || recv(fd, p, len, MSG_WAITALL) == (ssize_t)len;
}

/* The answer to the upgrade, byte by byte up to its empty line. */
static bool
pass_head(struct link *l)
{
	static const char end[] = "\r\n\r\n";
	size_t matched = 0;
	uint8_t c;

	while (matched < 4) {
		if (!read_all(l->relay, &c, 1) || !write_all(l->client, &c, 1))
			return false;
		matched = c == end[matched] ? matched + 1 : c == '\r';
	}
	return true;
}

/* A whole frame from the relay; its length, 0 at the end. */
static size_t
read_frame(struct link *l, uint8_t *frame)
{
	uint32_t len;

	if (!read_all(l->relay, frame, HEADER))
		return 0;
	memcpy(&len, frame + 1, sizeof(len));
	len = ntohl(len);
	if (len > FRAME_MAX - HEADER ||
	    !read_all(l->relay, frame + HEADER, len))
		return 0;
	return HEADER + len;
}

/* ---- damage ---- */

/* Pass on the packet that was chosen; false ends the connection. */
static bool
pass_victim(struct link *l, uint8_t *frame, size_t len)
{
	static _Thread_local uint8_t next[FRAME_MAX];
	size_t next_len;

	switch (l->mangler->what) {
	case MANGLE_BYTE:
		frame[len - 1] ^= 1;
		break;
	case MANGLE_SENDER:
		frame[HEADER] ^= 1;
		break;
	case MANGLE_DROP:
		return true;
	case MANGLE_DOUBLE:
		if (!write_all(l->client, frame, len))
			return false;
		break;
	case MANGLE_SWAP:
		next_len = read_frame(l, next);
		if (next_len == 0 || !write_all(l->client, next, next_len))
			return false;
		break;
	case MANGLE_TYPE:
		frame[0] = 0x55;
		break;
	case MANGLE_CUT:
		write_all(l->client, frame, len / 2);
		return false;
	case MANGLE_NOTHING:
	case MANGLE_NO_PONGS:
		break;
	}
	return write_all(l->client, frame, len);
}

static bool
pass_frame(struct link *l, uint8_t *frame, size_t len, int *npongs)
{
	struct mangler *m = l->mangler;

	if (frame[0] == PONG && m->what == MANGLE_NO_PONGS && (*npongs)++ > 0)
		return true;
	if (frame[0] == RECV && atomic_fetch_add(&m->npackets, 1) == VICTIM)
		return pass_victim(l, frame, len);
	return write_all(l->client, frame, len);
}

static void *
downwards(void *arg)
{
	struct link *l = arg;
	uint8_t *frame = xmalloc(FRAME_MAX);
	size_t len;
	int npongs = 0;

	if (pass_head(l))
		while ((len = read_frame(l, frame)) > 0 &&
		    pass_frame(l, frame, len, &npongs))
			;
	free(frame);
	shutdown(l->client, SHUT_RDWR);
	shutdown(l->relay, SHUT_RDWR);
	return NULL;
}

static void *
upwards(void *arg)
{
	struct link *l = arg;
	uint8_t buf[65536];
	ssize_t n;

	while ((n = recv(l->client, buf, sizeof(buf), 0)) > 0 &&
	    write_all(l->relay, buf, (size_t)n))
		;
	shutdown(l->relay, SHUT_RDWR);
	return NULL;
}

/* ---- life ---- */

static void *
accept_links(void *arg)
{
	struct mangler *m = arg;
	int fd, one = 1;

	while (m->nlinks < LINKS_MAX &&
	    (fd = accept(m->listener, NULL, NULL)) >= 0) {
		struct link *l = &m->links[m->nlinks];

		l->mangler = m;
		l->client = fd;
		l->relay = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (connect(l->relay, (struct sockaddr *)&m->relay,
			sizeof(m->relay)) < 0) {
			close(l->relay);
			close(fd);
			continue;
		}
		pthread_create(&l->up, NULL, upwards, l);
		pthread_create(&l->down, NULL, downwards, l);
		m->nlinks++;
	}
	return NULL;
}

struct mangler *
mangler_start(const char *relay, enum mangling what)
{
	struct mangler *m = xcalloc(1, sizeof(*m));
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	m->what = what;
	m->relay = a;
	m->relay.sin_port = htons((uint16_t)atoi(strrchr(relay, ':') + 1));
	m->listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(m->listener, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(listen(m->listener, LINKS_MAX), 0);
	getsockname(m->listener, (struct sockaddr *)&a, &len);
	snprintf(m->address, sizeof(m->address), "127.0.0.1:%u",
	    (unsigned)ntohs(a.sin_port));
	pthread_create(&m->thread, NULL, accept_links, m);
	return m;
}

const char *
mangler_address(const struct mangler *m)
{
	return m->address;
}

void
mangler_stop(struct mangler *m)
{
	shutdown(m->listener, SHUT_RDWR);
	pthread_join(m->thread, NULL);
	close(m->listener);
	for (int i = 0; i < m->nlinks; i++) {
		struct link *l = &m->links[i];

		shutdown(l->client, SHUT_RDWR);
		shutdown(l->relay, SHUT_RDWR);
		pthread_join(l->up, NULL);
		pthread_join(l->down, NULL);
		close(l->client);
		close(l->relay);
	}
	free(m);
}
