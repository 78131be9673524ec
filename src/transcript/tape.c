/* Bytes of connections as they went; see tape.h. */
#include "config.h"

#include "transcript/tape.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"

struct tape *
tape_new(size_t max)
{
	struct tape *t = xcalloc(1, sizeof(*t));

	t->max = max;
	text_init(&t->secrets);
	return t;
}

void
tape_free(struct tape *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nconns; i++)
		free(t->conns[i].name);
	for (size_t i = 0; i < t->nentries; i++) {
		free(t->entries[i].bytes);
		free(t->entries[i].comment);
	}
	free(t->conns);
	free(t->entries);
	if (t->secrets.s != NULL)
		explicit_bzero(t->secrets.s, t->secrets.len);
	text_clear(&t->secrets);
	free(t);
}

static bool
is_datagram(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_DGRAM;
}

int
tape_add_conn(struct tape *t, const char *name, int fd, bool server)
{
	struct tape_conn *c;
	socklen_t own_len = sizeof(c->own), peer_len = sizeof(c->peer);

	t->conns = xreallocarray(t->conns, t->nconns + 1, sizeof(*c));
	c = &t->conns[t->nconns];
	memset(c, 0, sizeof(*c));
	c->name = xstrdup(name);
	c->server = server;
	c->udp = is_datagram(fd);
	c->opened_ns = clock_real_ns();
	if (getsockname(fd, (struct sockaddr *)&c->own, &own_len) != 0 ||
	    getpeername(fd, (struct sockaddr *)&c->peer, &peer_len) != 0)
		c->own.ss_family = c->peer.ss_family = AF_UNSPEC;
	return (int)t->nconns++;
}

static struct tape_entry *
new_entry(struct tape *t)
{
	if (t->nentries == t->cap) {
		t->cap = t->cap * 2 + 16;
		t->entries =
		    xreallocarray(t->entries, t->cap, sizeof(*t->entries));
	}
	return &t->entries[t->nentries++];
}

void
tape_add(struct tape *t, int conn, enum tap_kind kind, const void *p,
    size_t len, const char *comment)
{
	struct tape_entry *e;
	size_t cost =
	    sizeof(*e) + len + (comment != NULL ? strlen(comment) + 1 : 0);

	if (kind == TAP_SECRET) {
		text_add_n(&t->secrets, p, len);
		text_add(&t->secrets, "\n");
		return;
	}
	if (len > 0 && (t->left_out > 0 || cost > t->max - t->held)) {
		t->left_out += len;
		return;
	}
	e = new_entry(t);
	*e = (struct tape_entry){ .conn = conn,
		.kind = kind,
		.time_ns = clock_real_ns(),
		.bytes = len > 0 ? xmemdup(p, len) : NULL,
		.len = len,
		.comment = comment != NULL ? xstrdup(comment) : NULL };
	if (len > 0)
		t->held += cost;
}
