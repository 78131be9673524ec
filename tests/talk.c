/* See talk.h. */
#include "config.h"

#include "talk.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/ws.h"
#include "support.h"

void
say(struct talk *k, enum direction dir, const void *p, size_t len)
{
	ck_assert(k->n < MAX_PIECES);
	k->piece[k->n++] =
	    (struct piece){ dir, xmemdup(len > 0 ? p : "", len), len };
}

void
say_text(struct talk *k, enum direction dir, const char *s)
{
	say(k, dir, s, strlen(s));
}

void
say_hex(struct talk *k, enum direction dir, const char *s)
{
	size_t len;
	const uint8_t *p = hex(s, &len);

	say(k, dir, p, len);
}

void
talk_clear(struct talk *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->piece[i].p);
	k->n = 0;
}

/* "c:http(GET / HTTP/1.1) s:Ping[8] …" */
static void
add_word(struct text *out, const struct event *e)
{
	text_addf(out, "%s%s:%s", out->len > 0 ? " " : "",
	    e->kind == EVENT_REMARK ? "-"
		: e->dir == DIR_C2S ? "c"
				    : "s",
	    event_what(e));
	switch (e->kind) {
	case EVENT_HTTP:
		text_addf(out, "(%s)", e->text);
		break;
	case EVENT_ENDED:
		text_addf(out, "(%s)", ending_name(e->ending));
		break;
	case EVENT_REMARK:
		break;
	default:
		text_addf(out, "[%zu]", e->len);
	}
	if (e->error != RK_OK)
		text_addf(out, "!%s", rk_errname(e->error) + 7);
}

char *
words(const struct transcript *t)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++)
		add_word(&out, &t->events[i]);
	return text_take(&out);
}

struct transcript *
dissect_begin(struct dissector **d)
{
	struct transcript *t = transcript_new();

	*d = dissector_new(t, transcript_add_conn(t, "A"), rk_dialects()[0]);
	return t;
}

struct transcript *
dissect(const struct talk *k, size_t step)
{
	struct dissector *d;
	struct transcript *t = dissect_begin(&d);
	int64_t now = 0;

	for (size_t i = 0; i < k->n; i++) {
		const struct piece *p = &k->piece[i];

		for (size_t off = 0; off < p->len; off += step) {
			size_t n = p->len - off < step ? p->len - off : step;

			dissector_feed(d, p->dir, p->p + off, n, now,
			    (uint64_t)i + 1);
		}
		now += 1000;
	}
	dissector_end(d, DIR_C2S, ENDING_EOF, now, k->n + 1);
	dissector_end(d, DIR_S2C, ENDING_EOF, now, k->n + 2);
	dissector_free(d);
	return t;
}

void
assert_words(const struct transcript *t, const char *want)
{
	char *got = words(t);

	ck_assert_str_eq(got, want);
	free(got);
}

void
assert_talk(struct talk *k, const char *want)
{
	static const size_t steps[] = { SIZE_MAX, 1, 3 };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct transcript *t = dissect(k, steps[i]);

		assert_words(t, want);
		transcript_free(t);
	}
	talk_clear(k);
}

void
upgrade(struct talk *k)
{
	say_text(k, DIR_C2S, RAW_REQUEST);
	say_text(k, DIR_S2C, RAW_101);
}

void
say_ws(struct talk *k, enum direction dir, uint8_t opcode, bool fin,
    const char *payload)
{
	struct rk_ws_header h = {
		.fin = fin,
		.opcode = opcode,
		.masked = dir == DIR_C2S,
		.mask = { 0x11, 0x22, 0x33, 0x44 },
	};
	uint8_t buf[512];
	struct rk_writer w;
	size_t len;
	const uint8_t *p = hex(payload, &len);

	h.payload_len = len;
	rk_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	rk_write_bytes(&w, p, len);
	ck_assert(!w.bad);
	if (h.masked)
		rk_ws_mask(h.mask, 0, buf + w.len - len, len);
	say(k, dir, buf, w.len);
}

void
upgrade_ws(struct talk *k)
{
	say_text(k, DIR_C2S, WS_REQUEST);
	say_text(k, DIR_S2C, WS_101);
}
