/*
 * Listening sockets.  The last descriptors of the process are left to others
 * (files of a reload, listeners that are essential): accepting pauses before
 * they are gone, and after any error that trying again at once cannot cure.
 */
#include "config.h"

#include "net/listen.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/loop.h"

#define RETRY_NS       (100 * NS_PER_MS)
#define ACCEPTS_A_TURN 256
#define RESERVED_MAX   8

struct listener {
	int fd;
	struct watch *watch;
	struct timer *retry;
	listener_fn on_accept;
	void *arg;
	struct bucket *limit; /* NULL: none */
	int64_t cost_ns;
	bool essential;
	bool paused;    /* said so, and not yet that it is over */
	int64_t say_at; /* … not before: those at the edge bring many about */
	bool *freed;    /* the accept loop's, while it runs */
	unsigned port;
	char address[ADDRESS_TEXT_MAX];
};

/* ---- accepting */

/* The first of the last descriptors that the process may open. */
static rlim_t
begin_of_reserve(void)
{
	struct rlimit limit;
	rlim_t reserved;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	    limit.rlim_cur == RLIM_INFINITY)
		return RLIM_INFINITY;
	reserved = limit.rlim_cur / 4;
	if (reserved > RESERVED_MAX)
		reserved = RESERVED_MAX;
	return limit.rlim_cur - reserved;
}

static void
pause_accepting(struct listener *li, int error)
{
	watch_set(li->watch, 0);
	timer_set(li->retry, RETRY_NS);
	if (li->paused || clock_mono_ns() < li->say_at)
		return;
	li->paused = true;
	li->say_at = clock_mono_ns() + NS_PER_S;
	log_warn("accept-paused listener=%s reason=\"%s\"", li->address,
	    strerror(error));
}

static void
say_resumed(struct listener *li)
{
	if (!li->paused)
		return;
	li->paused = false;
	log_info("accept-resumed listener=%s", li->address);
}

/* The connection is gone, or was never whole: the next one may be fine. */
static bool
is_passing(int error)
{
	return error == ECONNABORTED || error == EINTR || error == EPROTO ||
	    error == ENETDOWN || error == ENOPROTOOPT || error == EHOSTDOWN ||
	    error == ENONET || error == EHOSTUNREACH || error == EOPNOTSUPP ||
	    error == ENETUNREACH || error == EPERM;
}

/* Over the limit: later. */
static bool
must_wait(struct listener *li)
{
	int64_t wait = 0;

	if (li->limit != NULL)
		wait = bucket_wait(li->limit, clock_mono_ns(), li->cost_ns);
	if (wait == 0)
		return false;
	watch_set(li->watch, 0);
	timer_set(li->retry, wait);
	return true;
}

/* Accept to EAGAIN: the state of the listener follows from how it ended. */
static void
accept_all(struct listener *li)
{
	const rlim_t reserve = begin_of_reserve();
	bool freed = false;

	li->freed = &freed;
	watch_set(li->watch, WATCH_READ);
	for (int i = 0; i < ACCEPTS_A_TURN && !must_wait(li); i++) {
		int fd =
		    accept4(li->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno == EAGAIN) {
			say_resumed(li);
			break;
		}
		if (fd < 0 && is_passing(errno))
			continue;
		if (fd < 0) {
			pause_accepting(li, errno);
			break;
		}
		if (li->limit != NULL)
			bucket_take(li->limit, clock_mono_ns(), li->cost_ns);
		li->on_accept(li->arg, fd);
		if (freed)
			return;
		if (!li->essential && (rlim_t)fd >= reserve) {
			pause_accepting(li, EMFILE);
			break;
		}
	}
	li->freed = NULL;
}

static void
on_readable(void *arg, int what)
{
	accept_all(arg);
}

static bool
has_descriptor(const struct listener *li)
{
	int fd = fcntl(li->fd, F_DUPFD_CLOEXEC, 0);
	bool ok = fd >= 0 && (li->essential || (rlim_t)fd < begin_of_reserve());

	if (fd >= 0)
		close(fd);
	return ok;
}

static void
on_retry(void *arg)
{
	struct listener *li = arg;

	if (has_descriptor(li))
		accept_all(li);
	else
		pause_accepting(li, EMFILE);
}

/* ---- setting up */

static int
open_socket(const struct address *a)
{
	int fd = socket(a->any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a->any, a->len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	one = errno;
	close(fd);
	errno = one;
	return -1;
}

static void
read_real_address(struct listener *li)
{
	struct address a = { .len = sizeof(a.storage) };

	if (getsockname(li->fd, &a.any, &a.len) < 0)
		return;
	li->port = address_port(&a);
	address_text(&a, li->address, sizeof(li->address));
}

struct listener *
listener_new_fd(struct loop *l, int fd, listener_fn on_accept, void *arg,
    char *err, size_t err_size)
{
	struct listener *li = calloc(1, sizeof(*li));
	int one = 1;

	if (li == NULL) {
		close(fd);
		goto failed;
	}
	li->fd = fd;
	li->retry = timer_new(l, on_retry, li);
	li->watch = watch_new(l, li->fd, on_readable, li);
	if (li->retry == NULL || li->watch == NULL)
		goto failed;
	li->on_accept = on_accept;
	li->arg = arg;
	/* What is accepted inherits it, which is a call less for each. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	read_real_address(li);
	watch_set(li->watch, WATCH_READ);
	return li;
failed:
	snprintf(err, err_size, "cannot listen: no memory");
	listener_free(li);
	return NULL;
}

struct listener *
listener_new(struct loop *l, const char *address, listener_fn on_accept,
    void *arg, char *err, size_t err_size)
{
	struct address a;
	int fd;

	if (!address_parse(address, &a)) {
		snprintf(err, err_size,
		    "cannot listen on '%s': it must be ADDR:PORT, such as "
		    "127.0.0.1:3340 or [::]:3340",
		    address);
		return NULL;
	}
	fd = open_socket(&a);
	if (fd >= 0)
		return listener_new_fd(l, fd, on_accept, arg, err, err_size);
	snprintf(err, err_size, "cannot listen on %s: %s%s", address,
	    strerror(errno), address_bind_hint(errno));
	return NULL;
}

void
listener_free(struct listener *li)
{
	if (li == NULL)
		return;
	if (li->freed != NULL)
		*li->freed = true;
	watch_free(li->watch);
	timer_free(li->retry);
	if (li->fd >= 0)
		close(li->fd);
	free(li);
}

void
listener_set_essential(struct listener *li)
{
	li->essential = true;
}

void
listener_set_unsent_max(struct listener *li, unsigned bytes)
{
	setsockopt(li->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes,
	    sizeof(bytes));
}

void
listener_set_limit(struct listener *li, struct bucket *b, int64_t cost_ns)
{
	li->limit = b;
	li->cost_ns = cost_ns;
}

const char *
listener_address(const struct listener *li)
{
	return li->address;
}

unsigned
listener_port(const struct listener *li)
{
	return li->port;
}
