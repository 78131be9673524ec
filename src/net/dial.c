/*
 * Connecting: the addresses of a name, one after the other, each begun when
 * the one before it failed or has not answered within 250 ms (RFC 8305 5);
 * the first that connects wins.
 */
#include "config.h"

#include "net/dial.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolve.h"

#define NEXT_AFTER_NS (250 * NS_PER_MS)
#define ADDRESSES_MAX 16

struct attempt {
	struct dial *dial;
	struct address address;
	int fd; /* -1: not begun, or over */
	struct watch *watch;
};

struct dial {
	struct loop *loop;
	void (*on_done)(void *arg, const struct dial_result *r);
	void *arg;
	void (*on_attempt)(void *arg, const char *address);
	char *host;
	unsigned port;
	int rcvbuf;
	int64_t timeout_ns;
	struct lookup *lookup;
	struct timer *total;
	struct timer *next;
	struct deferred begin;
	enum dial_status failure;
	struct attempt attempts[ADDRESSES_MAX];
	size_t nattempts;
	size_t begun;
	struct text detail;
};

/* ---- the end */

static void
attempt_drop(struct attempt *a)
{
	watch_free(a->watch);
	a->watch = NULL;
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

void
dial_cancel(struct dial *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->nattempts; i++)
		attempt_drop(&d->attempts[i]);
	lookup_free(d->lookup);
	timer_free(d->total);
	timer_free(d->next);
	loop_undefer(d->loop, &d->begin);
	text_clear(&d->detail);
	free(d->host);
	free(d);
}

static void
finish(struct dial *d, enum dial_status status, int fd)
{
	struct dial_result r = { status, fd, NULL };
	char *detail = text_take(&d->detail);
	void (*on_done)(void *arg, const struct dial_result *r) = d->on_done;
	void *arg = d->arg;

	r.detail = detail;
	dial_cancel(d);
	on_done(arg, &r);
	free(detail);
}

static void __attribute__((format(printf, 2, 3)))
note(struct dial *d, const char *fmt, ...)
{
	char line[400];

	FORMAT_ARGS(line, sizeof(line), fmt);
	if (d->detail.len > 0)
		text_add(&d->detail, "; ");
	text_add(&d->detail, line);
}

static void
note_attempt(struct attempt *a, const char *what)
{
	char address[ADDRESS_TEXT_MAX];

	address_text(&a->address, address, sizeof(address));
	note(a->dial, "%s: %s", address, what);
}

/* ---- attempts */

static void begin_next(struct dial *d);

static bool
is_anything_pending(const struct dial *d)
{
	for (size_t i = 0; i < d->begun; i++)
		if (d->attempts[i].fd >= 0)
			return true;
	return false;
}

static void
attempt_failed(struct attempt *a, int error)
{
	struct dial *d = a->dial;

	note_attempt(a, strerror(error));
	attempt_drop(a);
	if (d->begun < d->nattempts)
		begin_next(d);
	else if (!is_anything_pending(d))
		finish(d, DIAL_FAILED, -1);
}

/* A socket that connects to a closed port of its own choice finds itself. */
static bool
is_connected_to_itself(int fd)
{
	struct address here = { .len = sizeof(here.storage) };
	struct address there = { .len = sizeof(there.storage) };
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];

	if (getsockname(fd, &here.any, &here.len) < 0 ||
	    getpeername(fd, &there.any, &there.len) < 0)
		return false;
	address_text(&here, a, sizeof(a));
	address_text(&there, b, sizeof(b));
	return strcmp(a, b) == 0;
}

static void
on_connected(void *arg, int what)
{
	struct attempt *a = arg;
	socklen_t len = sizeof(int);
	int error = 0;
	int fd = a->fd;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0 && is_connected_to_itself(fd))
		error = ECONNREFUSED;
	if (error != 0) {
		attempt_failed(a, error);
		return;
	}
	note_attempt(a, "connected");
	a->fd = -1;
	finish(a->dial, DIAL_OK, fd);
}

/* 0, or errno; the connection may be complete only later. */
static int
attempt_begin(struct attempt *a)
{
	struct dial *d = a->dial;
	int one = 1;

	a->fd = socket(a->address.any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return errno;
	setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (d->rcvbuf > 0)
		setsockopt(a->fd, SOL_SOCKET, SO_RCVBUF, &d->rcvbuf,
		    sizeof(d->rcvbuf));
	if (connect(a->fd, &a->address.any, a->address.len) < 0 &&
	    errno != EINPROGRESS && errno != EINTR)
		return errno;
	a->watch = watch_new(d->loop, a->fd, on_connected, a);
	if (a->watch == NULL)
		return ENOMEM;
	watch_set(a->watch, WATCH_WRITE);
	return 0;
}

static void
begin_next(struct dial *d)
{
	struct attempt *a = &d->attempts[d->begun++];
	char address[ADDRESS_TEXT_MAX];
	int error;

	if (d->on_attempt != NULL) {
		address_text(&a->address, address, sizeof(address));
		d->on_attempt(d->arg, address);
	}
	if (d->begun < d->nattempts)
		timer_set(d->next, NEXT_AFTER_NS);
	else
		timer_cancel(d->next);
	error = attempt_begin(a);
	if (error != 0)
		attempt_failed(a, error);
}

static void
on_next_time(void *arg)
{
	begin_next(arg);
}

static void
on_total_time(void *arg)
{
	struct dial *d = arg;
	char why[64];

	snprintf(why, sizeof(why), "no answer within %.3g s",
	    (double)d->timeout_ns / 1e9);
	if (d->nattempts == 0)
		note(d, "%s: the name was not resolved within %.3g s", d->host,
		    (double)d->timeout_ns / 1e9);
	for (size_t i = 0; i < d->begun; i++)
		if (d->attempts[i].fd >= 0)
			note_attempt(&d->attempts[i], why);
	finish(d, DIAL_TIMEOUT, -1);
}

/* ---- addresses */

static void
add_address(struct dial *d, const struct address *address)
{
	struct attempt *a;

	if (d->nattempts == ADDRESSES_MAX)
		return;
	a = &d->attempts[d->nattempts++];
	a->dial = d;
	a->address = *address;
	a->fd = -1;
}

static const struct addrinfo *
next_of_family(const struct addrinfo *ai, int family, bool same)
{
	while (ai != NULL && (ai->ai_family == family) != same)
		ai = ai->ai_next;
	return ai;
}

static void
add_addrinfo(struct dial *d, const struct addrinfo *ai)
{
	struct address a = { .len = ai->ai_addrlen };

	if (ai->ai_addrlen > sizeof(a.storage) ||
	    (ai->ai_family != AF_INET && ai->ai_family != AF_INET6))
		return;
	memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
	add_address(d, &a);
}

/* The system's order, but with the families in turn (RFC 8305 4): one that
 * is broken as a whole costs one delay. */
static void
add_in_turn(struct dial *d, const struct addrinfo *list)
{
	int family = list->ai_family;
	const struct addrinfo *a = next_of_family(list, family, true);
	const struct addrinfo *b = next_of_family(list, family, false);

	while (a != NULL || b != NULL) {
		if (a != NULL) {
			add_addrinfo(d, a);
			a = next_of_family(a->ai_next, family, true);
		}
		if (b != NULL) {
			add_addrinfo(d, b);
			b = next_of_family(b->ai_next, family, false);
		}
	}
}

static void
on_resolved(void *arg, const struct addrinfo *list, const char *error)
{
	struct dial *d = arg;

	if (list != NULL)
		add_in_turn(d, list);
	if (d->nattempts == 0) {
		note(d, "%s: %s", d->host,
		    error != NULL ? error : "no address");
		finish(d, DIAL_NAME, -1);
		return;
	}
	begin_next(d);
}

/* ---- --resolve HOST:PORT:ADDR */

struct resolve_rule {
	char host[256];
	int64_t port;
	struct address address;
};

static size_t
copy_bracketed(const char *s, char *out, size_t size)
{
	bool bracket = *s == '[';
	size_t len = strcspn(s + bracket, bracket ? "]" : ":");

	if (len >= size || (bracket && s[1 + len] != ']'))
		return 0;
	memcpy(out, s + bracket, len);
	out[len] = '\0';
	return len + 2 * (size_t)bracket;
}

static bool
parse_rule(const char *s, struct resolve_rule *rule)
{
	char port[8], address[64];
	size_t n = copy_bracketed(s, rule->host, sizeof(rule->host));
	size_t len;

	if (n == 0 || s[n] != ':')
		return false;
	s += n + 1;
	n = copy_bracketed(s, port, sizeof(port));
	if (n == 0 || s[n] != ':' || !number_parse(port, 1, 65535, &rule->port))
		return false;
	s += n + 1;
	len = strlen(s);
	if (s[0] == '[' && len > 2 && s[len - 1] == ']') {
		s++;
		len -= 2;
	}
	if (len >= sizeof(address))
		return false;
	memcpy(address, s, len);
	address[len] = '\0';
	return address_from_literal(address, (unsigned)rule->port,
	    &rule->address);
}

static size_t
length_without_dot(const char *host)
{
	size_t len = strlen(host);

	return len > 1 && host[len - 1] == '.' ? len - 1 : len;
}

static bool
rule_applies(const struct resolve_rule *rule, const char *host, unsigned port)
{
	size_t len = length_without_dot(host);

	return rule->port == (int64_t)port &&
	    length_without_dot(rule->host) == len &&
	    strncasecmp(rule->host, host, len) == 0;
}

bool
dial_resolve_is_valid(const char *resolve)
{
	struct resolve_rule rule;

	return parse_rule(resolve, &rule);
}

/* ---- the beginning */

static void
on_begin(void *arg)
{
	struct dial *d = arg;

	if (d->failure != DIAL_OK) {
		finish(d, d->failure, -1);
		return;
	}
	if (d->nattempts > 0) {
		begin_next(d);
		return;
	}
	d->lookup = lookup_start(d->loop, d->host, d->port, on_resolved, d);
	if (d->lookup == NULL) {
		note(d, "%s: cannot start a resolver: %s", d->host,
		    strerror(errno));
		finish(d, DIAL_NAME, -1);
	}
}

/* Addresses that need no resolver. */
static void
add_known(struct dial *d, const char *resolve)
{
	struct resolve_rule rule;
	struct address a;

	if (resolve != NULL && !parse_rule(resolve, &rule)) {
		note(d, "'%s' is not HOST:PORT:ADDR", resolve);
		d->failure = DIAL_NAME;
	} else if (resolve != NULL && rule_applies(&rule, d->host, d->port)) {
		add_address(d, &rule.address);
	} else if (address_from_literal(d->host, d->port, &a)) {
		add_address(d, &a);
	}
}

struct dial *
dial_start(struct loop *l, const struct dial_config *c,
    void (*on_done)(void *arg, const struct dial_result *r), void *arg)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->loop = l;
	d->on_done = on_done;
	d->arg = arg;
	d->on_attempt = c->on_attempt;
	d->host = xstrdup(c->host);
	d->port = c->port;
	d->rcvbuf = c->rcvbuf;
	d->timeout_ns = c->timeout_ns;
	text_init(&d->detail);
	d->total = timer_new(l, on_total_time, d);
	d->next = timer_new(l, on_next_time, d);
	if (d->total == NULL || d->next == NULL) {
		note(d, "out of memory");
		d->failure = DIAL_FAILED;
	} else if (c->timeout_ns > 0) {
		timer_set(d->total, c->timeout_ns);
	}
	d->begin.work = on_begin;
	d->begin.arg = d;
	loop_next_turn(l, &d->begin);
	add_known(d, c->resolve);
	return d;
}
