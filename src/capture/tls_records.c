/*
 * type u8 | version u16 | length u16 | that many bytes (RFC 8446, 5.1)
 */
#include "config.h"

#include "capture/tls_records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define HEADER_LEN 5
#define RECORD_MAX (16384 + 2048) /* RFC 5246, 6.2.3; 1.3 has less */

enum content_type {
	CONTENT_CHANGE_CIPHER_SPEC = 20,
	CONTENT_ALERT = 21,
	CONTENT_HANDSHAKE = 22,
	CONTENT_DATA = 23
};

static const char *const type_names[] = {
	[CONTENT_CHANGE_CIPHER_SPEC] = "TLS change cipher spec",
	[CONTENT_ALERT] = "TLS alert",
	[CONTENT_HANDSHAKE] = "TLS handshake",
	[CONTENT_DATA] = "TLS application data",
};

struct half {
	uint8_t header[HEADER_LEN];
	size_t have; /* of the header */
	size_t left; /* of the record; valid once the header is whole */
	bool lost;   /* records cannot be told apart any more */
	bool over;
};

struct tls_records {
	struct transcript *t;
	int conn;
	struct half half[2];
};

bool
tls_records_first_byte(uint8_t byte)
{
	return byte >= CONTENT_CHANGE_CIPHER_SPEC && byte <= CONTENT_DATA;
}

struct tls_records *
tls_records_new(struct transcript *t, int conn)
{
	struct tls_records *r = xcalloc(1, sizeof(*r));

	r->t = t;
	r->conn = conn;
	t->conns[conn].tls = true;
	return r;
}

void
tls_records_free(struct tls_records *r)
{
	free(r);
}

static void
emit(struct tls_records *r, enum direction dir, enum event_kind kind,
    size_t len, const char *text, int64_t time_ns, uint64_t packet)
{
	struct event e = {
		.kind = kind,
		.dir = dir,
		.conn = r->conn,
		.time_ns = time_ns,
		.packet = packet,
		.len = len,
	};

	if (text != NULL)
		e.text = xstrdup(text);
	transcript_add(r->t, &e);
	free(e.text);
}

static size_t
record_len(const struct half *h)
{
	return (size_t)h->header[3] << 8 | h->header[4];
}

static bool
header_ok(const struct half *h)
{
	return tls_records_first_byte(h->header[0]) && h->header[1] == 3 &&
	    record_len(h) <= RECORD_MAX;
}

/* Bytes of the record in progress, its header included. */
static size_t
unfinished(const struct half *h)
{
	return h->have < HEADER_LEN ? h->have
				    : HEADER_LEN + record_len(h) - h->left;
}

static void
show_record(struct tls_records *r, struct half *h, enum direction dir,
    int64_t time_ns, uint64_t packet)
{
	emit(r, dir, EVENT_OPAQUE, record_len(h), type_names[h->header[0]],
	    time_ns, packet);
	h->have = 0;
}

void
tls_records_feed(struct tls_records *r, enum direction dir, const uint8_t *p,
    size_t len, int64_t time_ns, uint64_t packet)
{
	struct half *h = &r->half[dir];

	while (len > 0 && !h->lost) {
		size_t n;

		if (h->have < HEADER_LEN) {
			h->header[h->have++] = *p++;
			len--;
			h->left = record_len(h);
			h->lost = h->have == HEADER_LEN && !header_ok(h);
			if (h->have < HEADER_LEN || h->lost || h->left > 0)
				continue;
		}
		n = len < h->left ? len : h->left;
		p += n;
		len -= n;
		h->left -= n;
		if (h->left == 0)
			show_record(r, h, dir, time_ns, packet);
	}
	if (len > 0)
		emit(r, dir, EVENT_OPAQUE, len, "no TLS record", time_ns,
		    packet);
}

void
tls_records_gap(struct tls_records *r, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet)
{
	struct half *h = &r->half[dir];

	if (len > 0)
		emit(r, dir, EVENT_GAP, (size_t)len, NULL, time_ns, packet);
	if (h->have == HEADER_LEN && len > 0 && len <= h->left) {
		h->left -= (size_t)len;
		if (h->left == 0)
			show_record(r, h, dir, time_ns, packet);
		return;
	}
	h->lost = true;
}

void
tls_records_end(struct tls_records *r, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet)
{
	struct half *h = &r->half[dir];
	struct event ended = {
		.kind = EVENT_ENDED,
		.dir = dir,
		.conn = r->conn,
		.time_ns = time_ns,
		.packet = packet,
		.ending = e,
	};

	if (h->over)
		return;
	h->over = true;
	if (h->have > 0 && !h->lost)
		emit(r, dir, EVENT_OPAQUE, unfinished(h),
		    "TLS record without its end", time_ns, packet);
	/* Whether close_notify came before cannot be seen from outside. */
	if (e != ENDING_NONE)
		transcript_add(r->t, &ended);
}
