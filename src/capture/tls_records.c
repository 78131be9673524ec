/*
 * What is held begins with a record, unless |seeking|.  A record of which
 * bytes are missing is only counted.
 */
#include "config.h"

#include "capture/tls_records.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

struct tls_records {
	struct tls_records_sink sink;
	uint8_t *p; /* what is held */
	size_t len;
	size_t cap;
	bool seeking; /* the next record may begin anywhere */
	size_t junk;  /* bytes that were passed over in seeking */
	/* a record with a hole: */
	struct tls_record damaged;
	size_t left; /* of it to come; 0: there is none */
	int64_t time_ns;
	uint64_t packet;
};

bool
tls_records_begin(const uint8_t *p, size_t len)
{
	if (len == 0 || p[0] < TLS_CHANGE_CIPHER_SPEC || p[0] > TLS_DATA)
		return false;
	return len < 3 || (p[1] == 3 && p[2] <= 4);
}

struct tls_records *
tls_records_new(const struct tls_records_sink *sink)
{
	struct tls_records *r = xcalloc(1, sizeof(*r));

	r->sink = *sink;
	return r;
}

void
tls_records_free(struct tls_records *r)
{
	if (r == NULL)
		return;
	free(r->p);
	free(r);
}

size_t
tls_records_held(const struct tls_records *r)
{
	return r->cap;
}

static size_t
record_len(const uint8_t *header)
{
	return (size_t)header[3] << 8 | header[4];
}

static bool
header_ok(const uint8_t *p)
{
	return tls_records_begin(p, TLS_HEADER_LEN) &&
	    record_len(p) <= TLS_RECORD_MAX;
}

static struct tls_record
record_at(const struct tls_records *r, const uint8_t *p)
{
	struct tls_record out = { .body = p + TLS_HEADER_LEN,
		.len = record_len(p),
		.have = record_len(p),
		.time_ns = r->time_ns,
		.packet = r->packet };

	memcpy(out.header, p, TLS_HEADER_LEN);
	return out;
}

/* ---- a record with a hole ---- */

static void
finish_damaged(struct tls_records *r)
{
	r->left = 0;
	r->damaged.time_ns = r->time_ns;
	r->damaged.packet = r->packet;
	r->sink.record(r->sink.arg, &r->damaged);
}

static size_t
take_damaged(struct tls_records *r, size_t len)
{
	size_t n = len < r->left ? len : r->left;

	r->damaged.have += n;
	r->left -= n;
	if (r->left == 0)
		finish_damaged(r);
	return n;
}

/* ---- seeking ---- */

static void
flush_junk(struct tls_records *r)
{
	size_t n = r->junk;

	r->junk = 0;
	if (n > 0)
		r->sink.junk(r->sink.arg, n, r->time_ns, r->packet);
}

/*
 * A record begins here if it can be opened, or if another header follows
 * it: 48 bits that are as they must be.  |final|: nothing follows.
 */
static bool
is_record(struct tls_records *r, const uint8_t *p, size_t len, bool final)
{
	size_t total = TLS_HEADER_LEN + record_len(p);
	struct tls_record record = record_at(r, p);

	if (r->sink.proves(r->sink.arg, &record))
		return true;
	if (len < total + TLS_HEADER_LEN)
		return final && len == total;
	return header_ok(p + total);
}

/* Pass over what is no record; the number of bytes. */
static size_t
seek(struct tls_records *r, const uint8_t *p, size_t len, bool final)
{
	size_t off = 0;

	while (len - off >= TLS_HEADER_LEN) {
		size_t total, left = len - off;

		if (!header_ok(p + off)) {
			off++;
			continue;
		}
		total = TLS_HEADER_LEN + record_len(p + off);
		if (left >= total && is_record(r, p + off, left, final)) {
			r->seeking = false;
			break;
		}
		if (!final && left < total + TLS_HEADER_LEN)
			break;
		off++;
	}
	r->junk += off;
	if (!r->seeking)
		flush_junk(r);
	return off;
}

/* ---- whole records ---- */

/* Take what can be taken; the number of bytes. */
static size_t
take(struct tls_records *r, const uint8_t *p, size_t len)
{
	size_t off = 0;

	while (off < len) {
		struct tls_record record;

		if (r->left > 0) {
			off += take_damaged(r, len - off);
			continue;
		}
		if (r->seeking) {
			off += seek(r, p + off, len - off, false);
			if (r->seeking)
				break;
		}
		if (len - off < TLS_HEADER_LEN)
			break;
		if (!header_ok(p + off)) {
			r->seeking = true;
			r->sink.gap(r->sink.arg, 0, false, r->time_ns,
			    r->packet);
			continue;
		}
		if (len - off < TLS_HEADER_LEN + record_len(p + off))
			break;
		record = record_at(r, p + off);
		off += TLS_HEADER_LEN + record.len;
		r->sink.record(r->sink.arg, &record);
	}
	return off;
}

static void
hold(struct tls_records *r, const uint8_t *p, size_t len)
{
	if (r->cap - r->len < len) {
		r->cap = 2 * r->cap > r->len + len ? 2 * r->cap : r->len + len;
		r->p = xreallocarray(r->p, r->cap, 1);
	}
	memcpy(r->p + r->len, p, len);
	r->len += len;
}

static void
drop(struct tls_records *r, size_t n)
{
	r->len -= n;
	if (r->len > 0) {
		memmove(r->p, r->p + n, r->len);
		return;
	}
	free(r->p);
	r->p = NULL;
	r->cap = 0;
}

void
tls_records_feed(struct tls_records *r, const uint8_t *p, size_t len,
    int64_t time_ns, uint64_t packet)
{
	size_t n;

	r->time_ns = time_ns;
	r->packet = packet;
	if (r->len == 0) {
		n = take(r, p, len);
		if (n < len)
			hold(r, p + n, len - n);
		return;
	}
	hold(r, p, len);
	n = take(r, r->p, r->len);
	if (n > 0)
		drop(r, n);
}

/* ---- gaps and the end ---- */

/* What is held while seeking will not go on. */
static void
settle_seeking(struct tls_records *r)
{
	while (r->seeking && r->len > 0) {
		size_t n = seek(r, r->p, r->len, true);

		if (r->seeking) {
			r->junk += r->len - n;
			n = r->len;
		} else {
			n += take(r, r->p + n, r->len - n);
		}
		drop(r, n);
	}
	flush_junk(r);
}

/* What is held is a part of a record: from here on it is only counted. */
static void
begin_damaged(struct tls_records *r)
{
	r->damaged = record_at(r, r->p);
	r->damaged.body = NULL;
	r->damaged.have = r->len - TLS_HEADER_LEN;
	r->left = r->damaged.len - r->damaged.have;
	drop(r, r->len);
}

/* Whatever is in progress ends here; true if that was a record. */
static bool
cut(struct tls_records *r)
{
	bool inside = r->left > 0 || (!r->seeking && r->len > 0);

	if (r->left > 0) {
		finish_damaged(r);
	} else if (inside) { /* not even a header */
		r->junk += r->len;
		drop(r, r->len);
	}
	flush_junk(r);
	return inside;
}

void
tls_records_gap(struct tls_records *r, uint64_t len, int64_t time_ns,
    uint64_t packet)
{
	settle_seeking(r);
	if (!r->seeking && r->left == 0 && r->len >= TLS_HEADER_LEN)
		begin_damaged(r);
	if (len > 0 && len <= r->left) {
		r->sink.gap(r->sink.arg, len, true, time_ns, packet);
		r->left -= (size_t)len;
		r->time_ns = time_ns;
		r->packet = packet;
		if (r->left == 0)
			finish_damaged(r);
		return;
	}
	cut(r);
	r->sink.gap(r->sink.arg, len, false, time_ns, packet);
	r->seeking = true;
}

bool
tls_records_end(struct tls_records *r, int64_t time_ns, uint64_t packet)
{
	settle_seeking(r);
	r->time_ns = time_ns;
	r->packet = packet;
	if (!r->seeking && r->left == 0 && r->len >= TLS_HEADER_LEN)
		begin_damaged(r);
	return cut(r);
}
