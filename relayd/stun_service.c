/* Datagrams between a socket and src/codec/stun.c. */
#include "config.h"

#include "relayd/stun_service.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include "codec/stun.h"
#include "net/address.h"
#include "net/loop.h"
#include "relayd/fault.h"
#include "relayd/metrics.h"

#define DATAGRAM_MAX     65536
#define DATAGRAMS_A_TURN 64

struct stun_service {
	struct metrics *metrics;
	struct watch *watch;
	int fd;
	char address[ADDRESS_TEXT_MAX];
	uint8_t buf[DATAGRAM_MAX];
};

/* The address that was asked, as control data of a message. */
union control {
	size_t align; /* that of struct cmsghdr */
	uint8_t in4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t in6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct datagram {
	struct address from;
	struct iovec v;
	union control control;
	struct msghdr msg;
};

static void
datagram_init(struct datagram *d, void *p, size_t len)
{
	memset(d, 0, sizeof(*d));
	d->v = (struct iovec){ .iov_base = p, .iov_len = len };
	d->msg = (struct msghdr){ .msg_name = &d->from.storage,
		.msg_namelen = sizeof(d->from.storage),
		.msg_iov = &d->v,
		.msg_iovlen = 1,
		.msg_control = &d->control,
		.msg_controllen = sizeof(d->control) };
}

/*
 * Make of what came with the request what goes with the answer.  The route
 * back is the kernel's affair, but for addresses that mean nothing without
 * their interface.
 */
static void
answer_from_address_asked(struct datagram *d)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&d->msg);

	if (c != NULL && c->cmsg_level == IPPROTO_IP &&
	    c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		info.ipi_ifindex = 0;
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else if (c != NULL && c->cmsg_level == IPPROTO_IPV6 &&
	    c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo info;

		memcpy(&info, CMSG_DATA(c), sizeof(info));
		if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
			info.ipi6_ifindex = 0;
		memcpy(CMSG_DATA(c), &info, sizeof(info));
	} else {
		d->msg.msg_control = NULL;
		d->msg.msg_controllen = 0;
	}
}

static struct rk_stun_address
stun_address(const struct address *a)
{
	struct rk_stun_address out = { .port = (uint16_t)address_port(a) };

	if (a->any.sa_family == AF_INET6) {
		out.family = RK_STUN_IPV6;
		memcpy(out.ip, &a->in6.sin6_addr, 16);
	} else {
		out.family = RK_STUN_IPV4;
		memcpy(out.ip, &a->in4.sin_addr, 4);
	}
	return out;
}

static bool
is_ipv4(const struct address *a)
{
	return a->any.sa_family == AF_INET ||
	    IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr);
}

static void
answer(struct stun_service *s, struct datagram *d,
    const struct rk_stun_request *request)
{
	struct rk_stun_address peer = stun_address(&d->from);
	uint8_t out[RK_STUN_RESPONSE_MAX + FAULT_STUN_ROOM];
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_stun_write_response(request, &peer, &w);
	if (FAULT(HOOK_STUN_ANSWER, .out = &w, .datagram = &d->msg))
		return;
	d->v = (struct iovec){ .iov_base = out, .iov_len = w.len };
	answer_from_address_asked(d);
	if (sendmsg(s->fd, &d->msg, MSG_NOSIGNAL) != (ssize_t)w.len)
		metrics_up(&s->metrics->stun_failures);
	else if (is_ipv4(&d->from)) /* on [::], too; the reference: ipv6 */
		metrics_up(&s->metrics->stun_ipv4_success);
	else
		metrics_up(&s->metrics->stun_ipv6_success);
}

/* False if nothing more has come. */
static bool
serve_one(struct stun_service *s)
{
	struct rk_stun_request request;
	struct datagram d;
	ssize_t n;
	int err;

	datagram_init(&d, s->buf, sizeof(s->buf));
	n = recvmsg(s->fd, &d.msg, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			metrics_up(&s->metrics->stun_failures);
		return false;
	}
	metrics_up(&s->metrics->stun_requests);
	err = rk_stun_parse_request(s->buf, (size_t)n, &request);
	FAULT(HOOK_STUN, .payload = s->buf, .len = (size_t)n, .err = &err,
	    .request = &request);
	if (err == RK_OK)
		answer(s, &d, &request);
	else
		metrics_up(&s->metrics->stun_bad_requests);
	return true;
}

static void
on_readable(void *arg, int what)
{
	for (int i = 0; i < DATAGRAMS_A_TURN && serve_one(arg); i++)
		;
}

/* Answers can only come from the address that was asked if it is told. */
static bool
ask_for_address(int fd, int family)
{
	int one = 1;

	return family == AF_INET6
	    ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one,
		  sizeof(one)) == 0
	    : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)) == 0;
}

static int
open_socket(const struct address *a)
{
	int fd = socket(a->any.sa_family,
	    SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0 || bind(fd, &a->any, a->len) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

struct stun_service *
stun_service_new_fd(struct loop *l, int fd, struct metrics *m, char *err,
    size_t err_size)
{
	struct address a = { .len = sizeof(a.storage) };
	struct stun_service *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		goto failed;
	}
	s->metrics = m;
	s->fd = fd;
	if (getsockname(fd, &a.any, &a.len) != 0 ||
	    !ask_for_address(fd, a.any.sa_family))
		goto failed;
	s->watch = watch_new(l, s->fd, on_readable, s);
	if (s->watch == NULL)
		goto failed;
	address_text(&a, s->address, sizeof(s->address));
	watch_set(s->watch, WATCH_READ);
	return s;
failed:
	snprintf(err, err_size, "cannot serve STUN: %s", strerror(errno));
	stun_service_free(s);
	return NULL;
}

struct stun_service *
stun_service_new(struct loop *l, const char *address, struct metrics *m,
    char *err, size_t err_size)
{
	struct address a;
	int fd;

	if (!address_parse(address, &a)) {
		snprintf(err, err_size,
		    "cannot serve STUN on '%s': it must be ADDR:PORT, such as "
		    "127.0.0.1:3478 or [::]:3478",
		    address);
		return NULL;
	}
	fd = open_socket(&a);
	if (fd >= 0)
		return stun_service_new_fd(l, fd, m, err, err_size);
	snprintf(err, err_size, "cannot serve STUN on %s: %s%s", address,
	    strerror(errno), address_bind_hint(errno));
	return NULL;
}

void
stun_service_free(struct stun_service *s)
{
	if (s == NULL)
		return;
	watch_free(s->watch);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

const char *
stun_service_address(const struct stun_service *s)
{
	return s->address;
}
