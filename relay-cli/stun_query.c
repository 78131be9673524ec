/* A STUN client, as far as a relay's clients are one; see stun_query.h. */
#include "config.h"

#include "relay-cli/stun_query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/keys.h"
#include "codec/stun.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/resolve.h"

#define AGAIN_NS    (500 * NS_PER_MS)
#define TARGETS_MAX 8

/* One address of the name. */
struct target {
	struct stun_query *query;
	int fd;
	struct watch *watch;
	bool refused; /* nobody listens there: ICMP said so */
};

/* All addresses are asked: the first that answers will do. */
struct stun_query {
	struct loop *loop;
	void (*on_done)(void *arg, const struct stun_result *r);
	void *arg;
	struct lookup *lookup;
	struct target targets[TARGETS_MAX];
	size_t ntargets;
	struct timer *timer; /* of the next request */
	struct timer *limit;
	int64_t timeout_ns;
	int64_t started_at;
	struct rk_stun_request request;
	struct text where; /* the addresses; till they are known the name */
	char heard[128];   /* the last thing that was no answer */
};

static void
drop(struct stun_query *q)
{
	timer_cancel(q->timer);
	timer_cancel(q->limit);
	for (size_t i = 0; i < q->ntargets; i++) {
		watch_free(q->targets[i].watch);
		close(q->targets[i].fd);
	}
	q->ntargets = 0;
}

void
stun_query_free(struct stun_query *q)
{
	if (q == NULL)
		return;
	drop(q);
	lookup_free(q->lookup);
	text_clear(&q->where);
	timer_free(q->timer);
	timer_free(q->limit);
	free(q);
}

static void
finish(struct stun_query *q, const char *address, const char *why)
{
	const struct stun_result r = { .address = address,
		.why = why,
		.took_ns = clock_mono_ns() - q->started_at };

	drop(q);
	q->on_done(q->arg, &r);
}

static void
take_answer(struct stun_query *q, const uint8_t *p, size_t len)
{
	char address[ADDRESS_TEXT_MAX];
	struct rk_stun_address a;
	struct address to = { .len = 0 };
	int err = rk_stun_parse_response(p, len, &q->request, &a);

	if (err != RK_OK) {
		snprintf(q->heard, sizeof(q->heard),
		    "what came is no answer: %s", rk_strerror(err));
		return;
	}
	to.any.sa_family = a.family == RK_STUN_IPV4 ? AF_INET : AF_INET6;
	if (a.family == RK_STUN_IPV4) {
		to.len = sizeof(to.in4);
		to.in4.sin_port = htons(a.port);
		memcpy(&to.in4.sin_addr, a.ip, sizeof(to.in4.sin_addr));
	} else {
		to.len = sizeof(to.in6);
		to.in6.sin6_port = htons(a.port);
		memcpy(&to.in6.sin6_addr, a.ip, sizeof(to.in6.sin6_addr));
	}
	address_text(&to, address, sizeof(address));
	finish(q, address, NULL);
}

static void
on_ready(void *arg, int what)
{
	struct target *t = arg;
	struct stun_query *q = t->query;
	uint8_t buf[2048];
	ssize_t n;

	while (q->ntargets > 0) { /* none is left once it is over */
		n = recv(t->fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			t->refused = t->refused || errno == ECONNREFUSED;
			return;
		}
		take_answer(q, buf, (size_t)n);
	}
}

static void
ask(void *arg)
{
	struct stun_query *q = arg;
	uint8_t buf[RK_STUN_REQUEST_LEN];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	rk_stun_write_request(&q->request, &w);
	/* An error of this one is that of the one before: try again. */
	for (size_t i = 0; i < q->ntargets; i++)
		(void)!send(q->targets[i].fd, buf, w.len, 0);
	timer_set(q->timer, AGAIN_NS);
}

static void
on_limit(void *arg)
{
	struct stun_query *q = arg;
	bool refused = q->ntargets > 0;
	char why[600];

	for (size_t i = 0; i < q->ntargets; i++)
		refused = refused && q->targets[i].refused;
	snprintf(why, sizeof(why), "no answer from %s within %.3g s%s%s",
	    text_str(&q->where), (double)q->timeout_ns / 1e9,
	    q->heard[0] != '\0' ? "; "
		: refused       ? ": port unreachable"
				: "",
	    q->heard);
	finish(q, NULL, why);
}

static bool
connect_to(struct stun_query *q, const struct addrinfo *ai)
{
	struct target *t = &q->targets[q->ntargets];
	struct address a = { .len = ai->ai_addrlen };
	char text[ADDRESS_TEXT_MAX];

	*t = (struct target){ .query = q };
	t->fd =
	    socket(ai->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return false;
	if (connect(t->fd, ai->ai_addr, ai->ai_addrlen) == 0)
		t->watch = watch_new(q->loop, t->fd, on_ready, t);
	if (t->watch == NULL) {
		close(t->fd);
		return false;
	}
	watch_set(t->watch, WATCH_READ);
	memcpy(&a.storage, ai->ai_addr, ai->ai_addrlen);
	address_text(&a, text, sizeof(text));
	if (q->ntargets++ == 0)
		text_reset(&q->where);
	text_addf(&q->where, "%s%s", q->where.len > 0 ? ", " : "", text);
	return true;
}

static void
on_resolved(void *arg, const struct addrinfo *list, const char *error)
{
	struct stun_query *q = arg;
	int why = 0;

	for (const struct addrinfo *ai = list;
	     ai != NULL && q->ntargets < TARGETS_MAX; ai = ai->ai_next)
		if (!connect_to(q, ai))
			why = errno;
	if (q->ntargets > 0)
		ask(q);
	else
		finish(q, NULL, list != NULL ? strerror(why) : error);
}

static void
on_no_lookup(void *arg)
{
	finish(arg, NULL, "the name cannot be looked up");
}

struct stun_query *
stun_query_start(struct loop *l, const char *host, unsigned port,
    int64_t timeout_ns, void (*on_done)(void *arg, const struct stun_result *r),
    void *arg)
{
	struct stun_query *q = xcalloc(1, sizeof(*q));

	q->loop = l;
	q->on_done = on_done;
	q->arg = arg;
	q->timeout_ns = timeout_ns;
	q->started_at = clock_mono_ns();
	text_init(&q->where);
	text_add(&q->where, host);
	rk_random(q->request.id, sizeof(q->request.id));
	q->lookup = lookup_start(l, host, port, on_resolved, q);
	q->timer = timer_new(l, q->lookup != NULL ? ask : on_no_lookup, q);
	q->limit = timer_new(l, on_limit, q);
	timer_set(q->limit, timeout_ns);
	if (q->lookup == NULL)
		timer_set(q->timer, 0);
	return q;
}
