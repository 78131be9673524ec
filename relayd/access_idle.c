#include "config.h"

#include "relayd/access_idle.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/stream.h"
#include "net/url.h"
#include "relayd/access_http.h"

#define LINKS_MAX 16
#define IDLE_TIME (90 * NS_PER_S)

struct idle_link {
	struct idle_link *next, **prev;
	struct stream *stream;
	/* A reload makes a new one: what that one trusts may differ. */
	struct access_service *service;
	struct relay_url url;
};

static struct stream *
unlink_link(struct idle_link *k)
{
	struct stream *s = k->stream;

	*k->prev = k->next;
	if (k->next != NULL)
		k->next->prev = k->prev;
	access_service_unref(k->service);
	free(k);
	return s;
}

/* Its end, bytes that nobody asked for, or its time is over. */
static void
on_idle(void *arg, struct stream *s, enum stream_event e)
{
	if (e != STREAM_DRAINED)
		stream_free(unlink_link(arg));
}

/* The oldest make room. */
static void
trim(struct idle_links *l)
{
	struct idle_link *k = l->first;

	for (int n = 1; k != NULL && n < LINKS_MAX; n++)
		k = k->next;
	while (k != NULL) {
		struct idle_link *next = k->next;

		stream_free(unlink_link(k));
		k = next;
	}
}

void
idle_links_keep(struct idle_links *l, struct stream *s,
    struct access_service *service, const struct relay_url *u)
{
	struct idle_link *k = calloc(1, sizeof(*k));

	if (k == NULL) {
		stream_free(s);
		return;
	}
	trim(l);
	k->stream = s;
	k->service = access_service_ref(service);
	k->url = *u;
	k->next = l->first;
	k->prev = &l->first;
	if (k->next != NULL)
		k->next->prev = &k->next;
	l->first = k;
	stream_set_callback(s, on_idle, k);
	stream_set_deadline(s, clock_mono_ns() + IDLE_TIME);
}

struct stream *
idle_links_take(struct idle_links *l, const struct access_service *service,
    const struct relay_url *u)
{
	struct idle_link *k = l->first;
	struct stream *s;

	while (k != NULL &&
	    (k->service != service || k->url.tls != u->tls ||
		!relay_url_same_host(&k->url, u)))
		k = k->next;
	if (k == NULL)
		return NULL;
	s = unlink_link(k);
	stream_set_deadline(s, 0);
	return s;
}

void
idle_links_clear(struct idle_links *l)
{
	while (l->first != NULL)
		stream_free(unlink_link(l->first));
}
