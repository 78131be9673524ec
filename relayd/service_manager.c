/* Sockets from outside, and a datagram back. */
#include "config.h"

#include "relayd/service_manager.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"
#include "net/address.h"
#include "relayd/conf.h"

#define FIRST_FD    3 /* SD_LISTEN_FDS_START */
#define SOCKETS_MAX 64

static const char *const names[LISTEN_NKINDS] = {
	[LISTEN_HTTP] = "http",
	[LISTEN_HTTPS] = "https",
	[LISTEN_METRICS] = "metrics",
	[LISTEN_STUN] = "stun",
};

static enum listen_kind passed[SOCKETS_MAX]; /* of descriptor FIRST_FD + i */
static int npassed;

/* -1: it is no listening or datagram socket. */
static int
type_of(int fd)
{
	int type, listens = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
		return -1;
	len = sizeof(listens);
	if (type == SOCK_STREAM &&
	    (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 ||
		listens == 0))
		return -1;
	return type == SOCK_STREAM || type == SOCK_DGRAM ? type : -1;
}

/* By its name; a unit that gives none has its own name there. */
static enum listen_kind
kind_of(const char *name, size_t len, int type)
{
	for (int kind = 0; kind < LISTEN_NKINDS; kind++)
		if (strlen(names[kind]) == len &&
		    memcmp(names[kind], name, len) == 0)
			return (enum listen_kind)kind;
	return type == SOCK_DGRAM ? LISTEN_STUN : LISTEN_HTTP;
}

static bool
take_socket(int i, const char *name, size_t len, char *err, size_t err_size)
{
	int fd = FIRST_FD + i, type = type_of(fd);

	passed[i] = kind_of(name, len, type);
	if (type < 0 || (type == SOCK_DGRAM) != (passed[i] == LISTEN_STUN)) {
		snprintf(err, err_size,
		    "descriptor %d was passed for %s, and is no such socket",
		    fd, names[passed[i]]);
		return false;
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0)
		return true;
	snprintf(err, err_size, "descriptor %d: %s", fd, strerror(errno));
	return false;
}

static bool
take_sockets(int64_t n, const char *list, char *err, size_t err_size)
{
	for (int i = 0; i < n; i++) {
		size_t len = strcspn(list, ":");

		if (!take_socket(i, list, len, err, err_size))
			return false;
		list += len + (list[len] == ':');
	}
	npassed = (int)n;
	return true;
}

bool
service_take_sockets(char *err, size_t err_size)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *list = getenv("LISTEN_FDNAMES");
	int64_t whose = 0, n = 0;
	bool ok = true;

	if (pid == NULL || fds == NULL ||
	    !number_parse(pid, 1, INT64_MAX, &whose) || whose != getpid())
		return true;
	if (!number_parse(fds, 0, SOCKETS_MAX, &n)) {
		snprintf(err, err_size, "LISTEN_FDS is not from 0 to %d",
		    SOCKETS_MAX);
		ok = false;
	}
	ok = ok && take_sockets(n, list != NULL ? list : "", err, err_size);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return ok;
}

/* Other listeners may be opened beside it. */
static void
add_passed(struct conf *c, enum listen_kind kind, int fd)
{
	struct address a = { .len = sizeof(a.storage) };
	char where[ADDRESS_TEXT_MAX] = "passed";

	if (getsockname(fd, &a.any, &a.len) == 0 &&
	    (a.any.sa_family == AF_INET || a.any.sa_family == AF_INET6))
		address_text(&a, where, sizeof(where));
	conf_add_listener(c, kind, where);
	c->listen[c->nlisten - 1].fd = fd;
}

void
service_add_sockets(struct conf *c)
{
	for (int i = 0; i < npassed; i++)
		conf_drop_listeners(c, passed[i]);
	for (int i = 0; i < npassed; i++)
		add_passed(c, passed[i], FIRST_FD + i);
}

void
service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	size_t len = path != NULL ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(a.sun_path))
		return;
	memcpy(a.sun_path, path, len);
	if (a.sun_path[0] == '@') /* the abstract name space */
		a.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody there is no reason not to serve. */
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}
