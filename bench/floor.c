/*
 * The floor: what relaying costs when nothing is done but what must be.  It
 * reads, looks the key up and writes; one thread, epoll.  It takes every
 * upgrade and believes every ClientInfo, keeps no queue bounds but one, says
 * nothing about peers that are gone, and trusts its clients not to be hostile
 * (lengths are checked, nothing else is).  A relay is measured against it.
 *
 *	floor [--check] [--cert FILE --key FILE]
 *
 * listens on a free port of loopback, with TLS if there is a certificate, and
 * says where.  With --check it does believe only a ClientInfo whose signature
 * is good: what a login costs that is checked.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "codec/keys.h"
#include "codec/upgrade.h"
#include "codec/ws.h"
#include "net/tls.h"

/* spec: iroh-v3 sections 2.1 and 2.3 */
#define CLIENT_INFO 0x02
#define SEND        0x04
#define RECV        0x05
#define PING        0x0c
#define PONG        0x0d
#define HEADER      5
#define MAGIC       9
#define KEY         32
#define SIGNATURE   64
#define PAYLOAD_MAX (KEY + 65536)

#define READ_SIZE ((size_t)256 << 10)
#define VECTORS   256
#define OUT_MAX   ((size_t)4 << 20) /* beyond it packets are dropped */
#define BUCKETS   65536
#define NEVENTS   256

enum state {
	HANDSHAKE, /* of TLS */
	HEAD,
	OPEN
};

struct conn {
	int fd;
	enum state state;
	bool ws;
	bool wants_write;
	bool dead;
	uint32_t part_len; /* of a frame that is not whole yet */
	uint8_t *part;
	uint8_t *out; /* what the kernel did not take */
	size_t out_len;
	struct tls *tls;
	struct conn *next; /* of the same bucket; of the dead */
	uint8_t key[KEY];
};

static int epoll_fd;
static bool checks; /* what a login is signed with */
static struct conn *bucket[BUCKETS];
static struct conn *dead;
static uint8_t input[READ_SIZE];

/* Frames for one receiver that lie in |input|. */
static struct {
	struct conn *to;
	int n;
	struct iovec v[VECTORS];
} batch;

/* ---- the table */

static struct conn **
bucket_of(const uint8_t *key)
{
	uint16_t hash;

	memcpy(&hash, key, sizeof(hash));
	return &bucket[hash % BUCKETS];
}

static struct conn *
find(const uint8_t *key)
{
	struct conn *c = *bucket_of(key);

	while (c != NULL && memcmp(c->key, key, KEY) != 0)
		c = c->next;
	return c;
}

static void
forget(struct conn *c)
{
	struct conn **at = bucket_of(c->key);

	while (*at != NULL && *at != c)
		at = &(*at)->next;
	if (*at == c)
		*at = c->next;
}

static void
kill_conn(struct conn *c)
{
	if (c->dead)
		return;
	c->dead = true;
	forget(c);
	c->next = dead;
	dead = c;
}

/* ---- out */

static void
watch(struct conn *c, bool writes)
{
	struct epoll_event e = { .events = EPOLLIN | (writes ? EPOLLOUT : 0),
		.data.ptr = c };

	if (c->wants_write == writes)
		return;
	c->wants_write = writes;
	epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

/* Bytes taken. */
static size_t
put(struct conn *c, const struct iovec *v, int n)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)v,
		.msg_iovlen = (size_t)n };
	enum tls_result r;
	size_t done;
	ssize_t put;

	if (c->tls == NULL) {
		put = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (put < 0 && errno != EAGAIN)
			kill_conn(c);
		return put > 0 ? (size_t)put : 0;
	}
	r = tls_writev(c->tls, v, (size_t)n, &done);
	if (r == TLS_CLOSED || r == TLS_FAILED)
		kill_conn(c);
	return done;
}

/* Keep what is left of |v| behind the first |skip| bytes. */
static void
keep(struct conn *c, const struct iovec *v, int n, size_t skip)
{
	for (int i = 0; i < n; i++) {
		size_t cut = skip < v[i].iov_len ? skip : v[i].iov_len;
		size_t len = v[i].iov_len - cut;

		skip -= cut;
		/* only whole frames may be dropped */
		if (len == 0 || (cut == 0 && c->out_len > OUT_MAX))
			continue;
		c->out = realloc(c->out, c->out_len + len);
		if (c->out == NULL)
			abort();
		memcpy(c->out + c->out_len, (uint8_t *)v[i].iov_base + cut,
		    len);
		c->out_len += len;
	}
	watch(c, c->out_len > 0);
}

static void
flush_batch(void)
{
	struct conn *c = batch.to;

	if (c != NULL && !c->dead)
		keep(c, batch.v, batch.n,
		    c->out_len == 0 ? put(c, batch.v, batch.n) : 0);
	batch.to = NULL;
	batch.n = 0;
}

static void
write_rest(struct conn *c)
{
	struct iovec v = { c->out, c->out_len };
	size_t n = put(c, &v, 1);

	c->out_len -= n;
	memmove(c->out, c->out + n, c->out_len);
	if (c->out_len == 0) {
		free(c->out);
		c->out = NULL;
	}
	watch(c, c->out_len > 0);
}

static void
write_to(struct conn *to, uint8_t *p, size_t len)
{
	struct iovec *last = batch.n > 0 ? &batch.v[batch.n - 1] : NULL;

	if (batch.to != to || batch.n == VECTORS) {
		flush_batch();
		last = NULL;
	}
	batch.to = to;
	if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == p)
		last->iov_len += len;
	else
		batch.v[batch.n++] = (struct iovec){ p, len };
}

/* Write a frame whose payload lies in the input, its header before it. */
static void
write_frame(struct conn *to, uint8_t type, uint8_t *payload, size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.payload_len = 1 + len };
	uint8_t header[RK_WS_HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, header, sizeof(header));
	if (to->ws) {
		rk_ws_write_header(&h, &w);
		rk_write_u8(&w, type);
	} else {
		rk_write_u8(&w, type);
		rk_write_u32be(&w, (uint32_t)len);
	}
	memcpy(payload - w.len, header, w.len);
	write_to(to, payload - w.len, w.len + len);
}

/* ---- in */

/* key 32 | signature 64 | message */
static bool
is_signed(const uint8_t *p, size_t len)
{
	struct rk_key key;

	memcpy(key.b, p, sizeof(key.b));
	return rk_verify(&key, p + KEY + SIGNATURE, len - KEY - SIGNATURE,
		   p + KEY) == RK_OK;
}

static void
on_frame(struct conn *c, uint8_t type, uint8_t *payload, size_t len)
{
	struct conn *to;

	if (type == SEND && len >= KEY) {
		to = find(payload);
		if (to == NULL || to->ws != c->ws)
			return;
		memcpy(payload, c->key, KEY);
		write_frame(to, RECV, payload, len);
	} else if (type == PING) {
		write_frame(c, PONG, payload, len);
	} else if (type == CLIENT_INFO && len >= MAGIC + KEY + SIGNATURE) {
		if (checks && !is_signed(payload + MAGIC, len - MAGIC)) {
			kill_conn(c);
			return;
		}
		forget(c);
		memcpy(c->key, payload + MAGIC, KEY);
		c->next = *bucket_of(c->key);
		*bucket_of(c->key) = c;
	}
}

/* One frame at |p|: its length, 0 if it is not whole. */
static size_t
take_raw(struct conn *c, uint8_t *p, size_t len)
{
	uint32_t n;

	if (len < HEADER)
		return 0;
	memcpy(&n, p + 1, sizeof(n));
	n = ntohl(n);
	if (n > PAYLOAD_MAX) {
		kill_conn(c);
		return 0;
	}
	if (len < HEADER + n)
		return 0;
	on_frame(c, p[0], p + HEADER, n);
	return HEADER + n;
}

static size_t
take_ws(struct conn *c, uint8_t *p, size_t len)
{
	struct rk_ws_header h;
	uint8_t *payload;

	if (rk_ws_parse_header(p, len, &h) != RK_OK)
		return 0;
	if (h.payload_len > PAYLOAD_MAX + 1 || h.payload_len == 0 ||
	    !h.masked || !h.fin || h.opcode != RK_WS_BINARY) {
		kill_conn(c);
		return 0;
	}
	if (len < h.header_len + h.payload_len)
		return 0;
	payload = p + h.header_len;
	rk_ws_mask(h.mask, 0, payload, h.payload_len);
	on_frame(c, payload[0], payload + 1, h.payload_len - 1);
	return h.header_len + h.payload_len;
}

static size_t
take_head(struct conn *c, uint8_t *p, size_t len)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	uint8_t *end = memmem(p, len, "\r\n\r\n", 4);
	char answer[256], accept[RK_WS_ACCEPT_SIZE];
	const char *key;
	struct iovec v = { answer, 0 };

	if (end == NULL)
		return 0;
	key = memmem(p, (size_t)(end - p), name, sizeof(name) - 1);
	c->ws = key != NULL;
	if (c->ws) {
		key += sizeof(name) - 1;
		rk_ws_accept(key, strcspn(key, "\r"), accept);
	}
	v.iov_len = (size_t)snprintf(answer, sizeof(answer),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: %s\r\n%s%s%s\r\n",
	    c->ws ? "websocket\r\nConnection: Upgrade" : "iroh derp http",
	    c->ws ? "Sec-WebSocket-Accept: " : "", c->ws ? accept : "",
	    c->ws ? "\r\n" : "");
	c->state = OPEN;
	keep(c, &v, 1, put(c, &v, 1));
	return (size_t)(end - p) + 4;
}

static void
cut(struct conn *c, size_t len)
{
	size_t at = 0, n = 1;

	while (n > 0 && !c->dead) {
		n = c->state == HEAD ? take_head(c, input + at, len - at)
		    : c->ws          ? take_ws(c, input + at, len - at)
				     : take_raw(c, input + at, len - at);
		at += n;
	}
	flush_batch();
	len -= at;
	if (len != c->part_len || len > 0) {
		free(c->part);
		c->part = len > 0 ? malloc(len) : NULL;
		if (len > 0)
			memcpy(c->part, input + at, len);
	}
	c->part_len = (uint32_t)len;
}

/* Read into the one buffer, behind what is left of before.  False if there
 * is no more for now. */
static bool
fill(struct conn *c, size_t *len)
{
	size_t room = sizeof(input) - c->part_len, n = 0;
	enum tls_result r = TLS_DONE;
	ssize_t got = 0;

	if (c->part_len > 0)
		memcpy(input, c->part, c->part_len);
	*len = c->part_len;
	if (c->tls == NULL) {
		got = recv(c->fd, input + *len, room, MSG_DONTWAIT);
		if (got > 0)
			*len += (size_t)got;
		else if (got == 0 || errno != EAGAIN)
			kill_conn(c);
		return false; /* the rest is told by epoll */
	}
	while (n < room && r == TLS_DONE) {
		size_t once;

		r = tls_read(c->tls, input + *len + n, room - n, &once);
		n += r == TLS_DONE ? once : 0;
	}
	*len += n;
	if (r == TLS_CLOSED || r == TLS_FAILED)
		kill_conn(c);
	return r == TLS_DONE;
}

static void
on_readable(struct conn *c)
{
	bool more = true;
	size_t len;

	if (c->state == HANDSHAKE) {
		enum tls_result r = tls_handshake(c->tls);

		if (r == TLS_FAILED || r == TLS_CLOSED)
			kill_conn(c);
		if (r != TLS_DONE)
			return;
		c->state = HEAD;
	}
	while (more && !c->dead) {
		more = fill(c, &len);
		cut(c, len);
	}
}

/* ---- connections */

static void
accept_one(int listener, struct tls_ctx *ctx)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct conn *c = calloc(1, sizeof(*c));
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	int one = 1;

	if (fd < 0 || c == NULL) {
		free(c);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->fd = fd;
	c->state = ctx != NULL ? HANDSHAKE : HEAD;
	c->tls = ctx != NULL ? tls_server_new(ctx, fd) : NULL;
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

static void
bury_dead(void)
{
	struct conn *c;

	while ((c = dead) != NULL) {
		dead = c->next;
		tls_free(c->tls);
		close(c->fd);
		free(c->part);
		free(c->out);
		free(c);
	}
}

static int
listen_on_loopback(bool tls)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		perror("floor: listen");
		exit(1);
	}
	printf("listening %s 127.0.0.1:%u\nready\n", tls ? "https" : "http",
	    (unsigned)ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static void
run(int listener, struct tls_ctx *ctx)
{
	struct epoll_event e = { .events = EPOLLIN }, events[NEVENTS];

	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, NEVENTS, -1);

		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (c == NULL)
				accept_one(listener, ctx);
			else if ((events[i].events & EPOLLOUT) != 0 && !c->dead)
				write_rest(c);
			if (c != NULL && !c->dead &&
			    (events[i].events & ~(uint32_t)EPOLLOUT) != 0)
				on_readable(c);
		}
		bury_dead();
	}
}

static void
usage(void)
{
	fprintf(stderr, "usage: floor [--check] [--cert FILE --key FILE]\n");
	exit(2);
}

static struct tls_ctx *
read_options(int argc, char **argv)
{
	const char *cert = NULL, *key = NULL;
	struct tls_ctx *ctx;
	char err[256];

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--check") == 0)
			checks = true;
		else if (strcmp(argv[i], "--cert") == 0 && i + 1 < argc)
			cert = argv[++i];
		else if (strcmp(argv[i], "--key") == 0 && i + 1 < argc)
			key = argv[++i];
		else
			usage();
	}
	if ((cert == NULL) != (key == NULL))
		usage();
	if (cert == NULL)
		return NULL;
	ctx = tls_server_ctx_new(cert, key, NULL, err, sizeof(err));
	if (ctx == NULL) {
		fprintf(stderr, "floor: %s\n", err);
		exit(2);
	}
	return ctx;
}

int
main(int argc, char **argv)
{
	struct tls_ctx *ctx = read_options(argc, argv);
	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	if (rk_keys_init() != RK_OK)
		return 1;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	run(listen_on_loopback(ctx != NULL), ctx);
	return 0;
}
