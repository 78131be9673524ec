/*
 * Both directions of a TLS connection: what waits for what, what is shown.
 * The server's records need the client's hello, encrypted ones both.
 */
#include "config.h"

#include "capture/tls_session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "capture/tls_session_impl.h"

#define WAIT_MAX   (64u << 10) /* bytes of a direction that wait for hellos */
#define LIVE_MAX   (16u << 10) /* and for keys that may still come */
#define CREDIT     (64u << 20)
#define RECORD_MIN 22 /* header, one byte of content, tag */

static const char *const type_names[] = {
	[TLS_CHANGE_CIPHER_SPEC] = "TLS change cipher spec",
	[TLS_ALERT] = "TLS alert",
	[TLS_HANDSHAKE] = "TLS handshake",
	[TLS_DATA] = "TLS application data",
};

/* ---- showing ---- */

void
session_remark(struct tls_session *s, enum remark_level level, struct when at,
    const char *fmt, ...)
{
	char text[512];

	FORMAT_ARGS(text, sizeof(text), fmt);
	s->c.remark(s->c.arg, level, at.time_ns, at.packet, text);
}

static void
emit(struct half *h, struct event *e, struct when at)
{
	e->conn = h->s->c.conn;
	e->dir = h->dir;
	e->time_ns = at.time_ns;
	e->packet = at.packet;
	transcript_add(h->s->c.t, e);
}

/* Show |len| bytes as opaque; |why| (may be NULL) follows |what|. */
static void
show_opaque(struct half *h, size_t len, const char *what, const char *why,
    struct when at)
{
	struct event e = { .kind = EVENT_OPAQUE, .len = len };

	e.text = xasprintf("%s%s%s", what, why != NULL ? ": " : "",
	    why != NULL ? why : "");
	emit(h, &e, at);
	free(e.text);
}

void
half_opaque_record(struct half *h, const struct tls_record *r, const char *why)
{
	show_opaque(h, r->have, type_names[r->header[0]], why, when_of(r));
}

static void
show_secured(struct half *h, struct when at)
{
	struct tls_session *s = h->s;
	struct event e = { .kind = EVENT_TLS };

	if (s->shown)
		return;
	s->shown = true;
	e.text = xasprintf("%s %s",
	    s->version == TLS_VERSION_13 ? "TLSv1.3" : "TLSv1.2",
	    s->suite->name);
	emit(h, &e, at);
	free(e.text);
}

/* ---- application data ---- */

/* Each time: what the other side waits for may have been in it. */
void
half_lose(struct half *h, size_t len, struct when at)
{
	if (h->s->dissector != NULL)
		dissector_gap(h->s->dissector, h->dir, len, at.time_ns,
		    at.packet);
	else
		h->lost = true;
}

/* Where the beginning of one side is missing, what the other one begins with
 * need not be the beginning of HTTP either. */
static void
begin_dissector(struct tls_session *s, struct when at)
{
	bool lost = s->half[DIR_C2S].lost || s->half[DIR_S2C].lost;

	if (s->dissector != NULL)
		return;
	s->dissector = dissector_new(s->c.t, s->c.conn, s->c.dialect);
	for (int i = 0; i < 2; i++) {
		if (lost)
			dissector_gap(s->dissector, (enum direction)i, 0,
			    at.time_ns, at.packet);
		if (s->half[i].over)
			dissector_end(s->dissector, (enum direction)i,
			    ENDING_NONE, at.time_ns, at.packet);
	}
}

void
half_data(struct half *h, const uint8_t *p, size_t len, struct when at)
{
	struct tls_session *s = h->s;

	if (h->closed) {
		show_opaque(h, len, type_names[TLS_DATA], "behind close_notify",
		    at);
		return;
	}
	/* 0-RTT data is the beginning, unless the server refused it. */
	if (h->early && !s->early_refused)
		half_lose(h, 0, at);
	h->early = false;
	show_secured(h, at);
	begin_dissector(s, at);
	dissector_feed(s->dissector, h->dir, p, len, at.time_ns, at.packet);
}

/* ---- the end of a direction ---- */

/* The last records were read, so that what is not there was not sent. */
static bool
saw_all(const struct half *h)
{
	if (h->slack > 0 || h->missed)
		return false;
	return h->phase == PHASE_PLAIN || h->key != NULL;
}

/* What the end means, and in |text| (may become NULL) why. */
static enum ending
judge_end(const struct half *h, const struct item *it, const char **text)
{
	*text = NULL;
	if (it->ending != ENDING_EOF || (h->closed && !it->inside))
		return it->ending;
	*text = it->inside ? "inside of a TLS record"
	    : h->alerted   ? "behind a fatal TLS alert"
			   : "without a TLS close_notify";
	if (it->inside || h->alerted || saw_all(h))
		return ENDING_TRUNCATED;
	*text = "whether behind a TLS close_notify cannot be seen";
	return ENDING_EOF;
}

static void
end_half(struct half *h, enum ending how, const char *text, struct when at)
{
	struct tls_session *s = h->s;
	struct event e = { .kind = EVENT_ENDED, .ending = how };

	h->over = true;
	if (s->dissector != NULL) {
		dissector_end(s->dissector, h->dir, how, at.time_ns, at.packet);
		return;
	}
	if (text != NULL)
		e.text = xstrdup(text);
	if (how != ENDING_NONE)
		emit(h, &e, at);
	free(e.text);
}

/* Who has said close_notify has ended before a FIN that answers it, though
 * its own FIN comes behind that one. */
static void
show_end(struct half *h, const struct item *it)
{
	struct half *other = other_half(h);
	struct when at = when_of(&it->record);
	enum ending how;
	const char *text;

	if (h->over)
		return;
	how = judge_end(h, it, &text);
	if (how == ENDING_EOF && other->left_first && !other->over)
		end_half(other, ENDING_EOF, NULL, at);
	end_half(h, how, text, at);
}

/* ---- items ---- */

static void
show_gap(struct half *h, const struct item *it)
{
	struct event e = { .kind = EVENT_GAP, .len = it->record.len };
	struct when at = when_of(&it->record);

	if (it->inside) /* its record tells */
		return;
	if (e.len == 0)
		session_remark(h->s, REMARK_WRONG, at,
		    "no TLS record of the %s where one must begin",
		    side_name(h));
	tls_messages_clear(&h->messages);
	half_missed_records(h, e.len / RECORD_MIN + 1, at);
	if (e.len > 0)
		emit(h, &e, at);
}

static void
handle(struct half *h, const struct item *it)
{
	switch (it->kind) {
	case ITEM_RECORD:
		h->credit += 8 * it->record.len;
		if (h->credit > CREDIT)
			h->credit = CREDIT;
		half_record(h, &it->record);
		break;
	case ITEM_JUNK:
		show_opaque(h, it->record.len,
		    "bytes in which no TLS record can be told", NULL,
		    when_of(&it->record));
		break;
	case ITEM_GAP:
		show_gap(h, it);
		break;
	case ITEM_END:
		show_end(h, it);
		break;
	}
	if (h->phase == PHASE_DATA && h->key != NULL &&
	    other_half(h)->phase == PHASE_DATA && other_half(h)->key != NULL)
		show_secured(h, when_of(&it->record));
}

/* ---- waiting ---- */

static bool
waits_for_hello(const struct half *h, const struct tls_record *r)
{
	const struct tls_session *s = h->s;
	const struct half *other = other_half(h);

	if (h->phase != PHASE_PLAIN || s->have_server || other->missed ||
	    other->over)
		return false;
	if (h->dir == DIR_S2C)
		return !s->have_client;
	if (!s->have_client || h->missed)
		return false;
	/* After HelloRetryRequest it is 0-RTT data. */
	return !s->retry &&
	    (r->header[0] == TLS_CHANGE_CIPHER_SPEC ||
		r->header[0] == TLS_DATA);
}

static bool
waits_for_key(struct half *h)
{
	const struct tls_session *s = h->s;

	if (!s->c.context->live || !s->have_client || !s->have_server ||
	    s->suite == NULL)
		return false;
	if (h->phase == PHASE_PLAIN)
		return false;
	if (h->held > LIVE_MAX)
		h->impatient = true;
	return !h->impatient && half_key(h) == NULL;
}

static bool
ready(struct half *h, const struct item *it)
{
	if (it->kind != ITEM_RECORD)
		return true;
	if (h->held > WAIT_MAX || h->s->forced)
		h->impatient = true;
	if (!h->impatient && waits_for_hello(h, &it->record))
		return false;
	half_begin_handshake(h, &it->record);
	return !waits_for_key(h);
}

static size_t
item_size(const struct item *it)
{
	return sizeof(*it) + (it->record.body != NULL ? it->record.len : 0);
}

static void
enqueue(struct half *h, const struct item *it)
{
	struct item *copy = xmalloc(item_size(it));

	memcpy(copy, it, sizeof(*it));
	copy->next = NULL;
	if (it->record.body != NULL) {
		memcpy(copy->bytes, it->record.body, it->record.len);
		copy->record.body = copy->bytes;
	}
	*h->last = copy;
	h->last = &copy->next;
	h->held += item_size(copy);
}

static bool
dequeue(struct half *h)
{
	struct item *it = h->first;

	if (it == NULL || !ready(h, it))
		return false;
	h->first = it->next;
	if (h->first == NULL)
		h->last = &h->first;
	h->held -= item_size(it);
	handle(h, it);
	free(it);
	return true;
}

/* What one side shows may be what the other waits for. */
static void
pump(struct tls_session *s)
{
	bool moved;

	do {
		moved = false;
		for (int i = 0; i < 2; i++)
			while (dequeue(&s->half[i]))
				moved = true;
	} while (moved);
}

static void
push(struct half *h, const struct item *it)
{
	if (h->first == NULL && ready(h, it))
		handle(h, it);
	else
		enqueue(h, it);
	pump(h->s);
}

/* ---- from the records ---- */

static void
on_record(void *arg, const struct tls_record *r)
{
	struct item it = { .kind = ITEM_RECORD, .record = *r };

	push(arg, &it);
}

static void
push_other(struct half *h, struct item it, size_t len, int64_t time_ns,
    uint64_t packet)
{
	it.record = (struct tls_record){ .len = len,
		.time_ns = time_ns,
		.packet = packet };
	push(h, &it);
}

static void
on_junk(void *arg, size_t len, int64_t time_ns, uint64_t packet)
{
	push_other(arg, (struct item){ .kind = ITEM_JUNK }, len, time_ns,
	    packet);
}

static void
on_gap(void *arg, uint64_t len, bool inside, int64_t time_ns, uint64_t packet)
{
	push_other(arg, (struct item){ .kind = ITEM_GAP, .inside = inside },
	    (size_t)len, time_ns, packet);
}

static bool
on_proves(void *arg, const struct tls_record *r)
{
	struct half *h = arg;
	size_t len;

	return h->first == NULL && half_locate(h, r, &len);
}

/* ---- life ---- */

static void
half_init(struct tls_session *s, enum direction dir)
{
	struct half *h = &s->half[dir];
	const struct tls_records_sink sink = { h, on_record, on_junk, on_gap,
		on_proves };

	h->s = s;
	h->dir = dir;
	h->last = &h->first;
	h->credit = CREDIT;
	h->records = tls_records_new(&sink);
}

struct tls_session *
tls_session_new(const struct tls_session_config *c)
{
	struct tls_session *s = xcalloc(1, sizeof(*s));

	s->c = *c;
	half_init(s, DIR_C2S);
	half_init(s, DIR_S2C);
	c->t->conns[c->conn].tls = true;
	return s;
}

static void
half_clear(struct half *h)
{
	while (h->first != NULL) {
		struct item *it = h->first;

		h->first = it->next;
		free(it);
	}
	tls_records_free(h->records);
	tls_messages_clear(&h->messages);
	half_forget_keys(h);
}

void
tls_session_free(struct tls_session *s)
{
	if (s == NULL)
		return;
	half_clear(&s->half[DIR_C2S]);
	half_clear(&s->half[DIR_S2C]);
	dissector_free(s->dissector);
	free(s->said);
	free(s->server_name);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

void
tls_session_feed(struct tls_session *s, enum direction dir, const uint8_t *p,
    size_t len, int64_t time_ns, uint64_t packet)
{
	if (!s->half[dir].ended)
		tls_records_feed(s->half[dir].records, p, len, time_ns, packet);
}

void
tls_session_gap(struct tls_session *s, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet)
{
	if (!s->half[dir].ended)
		tls_records_gap(s->half[dir].records, len, time_ns, packet);
}

void
tls_session_end(struct tls_session *s, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet)
{
	struct half *h = &s->half[dir];
	struct item it = { .kind = ITEM_END, .ending = e };

	if (h->ended)
		return;
	it.inside = tls_records_end(h->records, time_ns, packet);
	h->ended = true;
	push_other(h, it, 0, time_ns, packet);
	if (!other_half(h)->ended)
		return;
	s->forced = true;
	pump(s);
}

size_t
tls_session_held(const struct tls_session *s)
{
	size_t n = s->dissector != NULL ? dissector_held(s->dissector) : 0;

	for (int i = 0; i < 2; i++) {
		const struct half *h = &s->half[i];

		n += h->held + tls_records_held(h->records) + h->messages.cap;
	}
	return n;
}
