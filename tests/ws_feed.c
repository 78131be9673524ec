/* See ws_feed.h. */
#include "config.h"

#include "ws_feed.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/require.h"

static void
put(struct ws_log *log, const void *p, size_t len)
{
	if (log->len + len > log->cap) {
		log->cap = (log->len + len) * 2;
		log->p = realloc(log->p, log->cap);
		REQUIRE(log->p != NULL);
	}
	if (len > 0)
		memcpy(log->p + log->len, p, len);
	log->len += len;
}

void
ws_log_add(struct ws_log *log, uint8_t opcode, int close_code,
    const void *payload, size_t len)
{
	const uint64_t numbers[3] = { opcode, (uint64_t)close_code, len };

	put(log, numbers, sizeof(numbers));
	put(log, payload, len);
}

void
ws_feed_init(struct ws_feed *f, bool expect_mask, size_t max_frame,
    size_t max_message)
{
	*f = (struct ws_feed){ .err = RK_ERR_AGAIN, .buf = malloc(1) };
	rk_ws_reader_init(&f->reader, expect_mask, max_frame, max_message);
}

void
ws_feed_clear(struct ws_feed *f)
{
	free(f->buf);
	free(f->log.p);
}

static void
resize(struct ws_feed *f, size_t len)
{
	/* Never in place, so that a stale view is a use after free. */
	uint8_t *fresh = malloc(len > 0 ? len : 1);

	REQUIRE(fresh != NULL);
	memcpy(fresh, f->buf, len < f->len ? len : f->len);
	free(f->buf);
	f->buf = fresh;
	f->len = len;
}

static void
take(struct ws_feed *f, size_t at, size_t used)
{
	REQUIRE(at <= f->len && used <= f->len - at);
	memmove(f->buf + at, f->buf + at + used, f->len - at - used);
	resize(f, f->len - used);
}

static void
check_message(const struct ws_feed *f, const struct rk_ws_message *m)
{
	REQUIRE(m->payload >= f->buf && m->len <= f->len &&
	    (size_t)(m->payload - f->buf) <= f->len - m->len);
	REQUIRE(m->opcode != RK_WS_CONTINUATION && m->nframes >= 1);
	REQUIRE(m->opcode >= RK_WS_CLOSE ? m->len <= RK_WS_CONTROL_MAX
					 : m->len <= f->reader.max_message);
	REQUIRE((m->close_code != 0) == (m->opcode == RK_WS_CLOSE));
}

static void
next(struct ws_feed *f)
{
	size_t at, used;
	struct rk_ws_message m;

	f->err =
	    rk_ws_next(&f->reader, f->buf, f->len, &m, &at, &used, &f->need);
	if (f->err == RK_OK) {
		check_message(f, &m);
		REQUIRE(used > 0);
		ws_log_add(&f->log, m.opcode, m.close_code, m.payload, m.len);
		f->nmessages++;
		f->closed = m.opcode == RK_WS_CLOSE;
		f->last = m;
		f->last.payload = NULL;
	}
	take(f, at, used);
	REQUIRE(f->reader.assembled <= f->len);
	if (f->err == RK_ERR_AGAIN)
		REQUIRE(f->need > f->len);
}

void
ws_feed_bytes(struct ws_feed *f, const void *p, size_t len)
{
	size_t before = f->len;

	if (f->err != RK_ERR_AGAIN || f->closed)
		return;
	resize(f, before + len);
	if (len > 0)
		memcpy(f->buf + before, p, len);
	do {
		next(f);
	} while (f->err == RK_OK && !f->closed);
}

void
ws_feed_pieces(struct ws_feed *f, const void *p, size_t len, size_t piece)
{
	const uint8_t *bytes = p;

	while (len > 0) {
		size_t n = len < piece ? len : piece;

		ws_feed_bytes(f, bytes, n);
		bytes += n;
		len -= n;
	}
}
