/* One line per event: time, connection, arrow, what. */
#include "config.h"

#include "transcript/transcript_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/ws.h"

static const char *const arrows[2][2] = {
	[DIR_C2S] = { "──▶", "-->" },
	[DIR_S2C] = { "◀──", "<--" },
};

/* What happens to a connection as a whole points nowhere. */
static bool
has_arrow(const struct event *e)
{
	switch (e->kind) {
	case EVENT_OPENED:
	case EVENT_TLS:
	case EVENT_REMARK:
	case EVENT_ORACLE:
		return false;
	default:
		return true;
	}
}

/* |v| in at least |width| characters, filled up with |fill|. */
static void
add_number(struct text *out, uint64_t v, int width, char fill)
{
	char digits[24];
	char *end = digits + sizeof(digits), *p = end;

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (end - p < width)
		*--p = fill;
	text_add_n(out, p, (size_t)(end - p));
}

static void
add_time(struct text *out, int64_t ns)
{
	uint64_t us = (uint64_t)(ns < 0 ? -ns : ns) / 1000;

	text_add_n(out, ns < 0 ? "-" : " ", 1);
	add_number(out, us / 1000000, 4, ' ');
	text_add_n(out, ".", 1);
	add_number(out, us % 1000000, 6, '0');
}

static void
add_columns(struct text *out, const struct transcript *t, const struct event *e,
    const char *arrow, const struct transcript_text_options *o)
{
	const char *conn = "-";

	if (e->conn != TRANSCRIPT_NO_CONN)
		conn = t->conns[e->conn].name;
	if (o->indent != NULL)
		text_add(out, o->indent);
	if (o->packet) {
		add_number(out, e->packet, 6, ' ');
		text_add_n(out, " ", 1);
	}
	add_time(out, e->time_ns);
	text_add_n(out, " ", 1);
	text_add(out, conn);
	text_add(out, conn[0] != '\0' && conn[1] != '\0' ? " " : "  ");
	text_add(out, arrow);
	text_add_n(out, " ", 1);
}

/* "9 bytes", then as much as |snap| allows, as hex or (text) escaped. */
static void
add_bytes(struct text *out, const struct event *e, size_t snap, bool readable)
{
	size_t shown = e->len < snap ? e->len : snap;

	text_addf(out, "%zu byte%s", e->len, e->len == 1 ? "" : "s");
	if (e->bytes == NULL || shown == 0)
		return;
	text_add(out, " ");
	if (readable)
		text_add_escaped(out, e->bytes, shown);
	else
		text_add_hex(out, e->bytes, shown);
	if (shown < e->len)
		text_add(out, "...");
}

#define ITEMS_SHOWN 8

/* Where endpoints put several items into one packet: how long they are. */
static void
add_items(struct text *out, const struct event *e, const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data"), item;
	size_t n;

	if (f->kind != RK_FRAME_SEND && f->kind != RK_FRAME_RECV)
		return;
	n = rk_packet_items(e->dialect, data.p, data.len);
	if (n < 2)
		return;
	text_addf(out, "  %zu items of", n);
	for (size_t i = 0; i < n && i < ITEMS_SHOWN; i++) {
		rk_packet_item(e->dialect, &data, &item);
		text_addf(out, "%s%zu", i == 0 ? " " : ", ", item.len);
	}
	text_add(out, n > ITEMS_SHOWN ? ", ... bytes" : " bytes");
}

#define ELLIPSIS     "…" /* three bytes, as three dots have */
#define ELLIPSIS_LEN (sizeof(ELLIPSIS) - 1)
#define FRAME_TEXT   512 /* enough for most */

/* Replace the ellipses behind |from|: there is room for what they become. */
static void
make_ascii(struct text *out, size_t from)
{
	char *p = out->s + from, *end = out->s + out->len;

	_Static_assert(ELLIPSIS_LEN == 3, "in place");
	while ((p = memmem(p, (size_t)(end - p), ELLIPSIS, ELLIPSIS_LEN)) !=
	    NULL) {
		memcpy(p, "...", ELLIPSIS_LEN);
		p += ELLIPSIS_LEN;
	}
}

static void
add_frame(struct text *out, const struct event *e,
    const struct transcript_text_options *o)
{
	size_t from = out->len, room = FRAME_TEXT, len;
	struct rk_frame f;

	event_frame(e, &f);
	len = rk_frame_text(&f, o->snap, text_room(out, room), room + 1);
	if (len > room)
		rk_frame_text(&f, o->snap, text_room(out, len), len + 1);
	text_grew(out, len);
	if (o->ascii)
		make_ascii(out, from);
	add_items(out, e, &f);
}

static const char *const ws_names[16] = {
	[RK_WS_TEXT] = "text",
	[RK_WS_BINARY] = "binary",
	[RK_WS_CLOSE] = "close",
	[RK_WS_PING] = "ping",
	[RK_WS_PONG] = "pong",
};

static void
add_ws(struct text *out, const struct event *e, size_t snap)
{
	const char *name = ws_names[e->opcode & 15];

	if (name != NULL)
		text_addf(out, "ws %s ", name);
	else
		text_addf(out, "ws opcode %u ", e->opcode);
	if (e->opcode == RK_WS_CLOSE && e->bytes != NULL && e->len >= 2)
		text_addf(out, "%d ", e->bytes[0] << 8 | e->bytes[1]);
	add_bytes(out, e, snap, e->opcode == RK_WS_TEXT);
}

static void
add_note(struct text *out, const char *before, const struct event *e)
{
	if (e->text == NULL)
		return;
	text_add(out, before);
	text_add_escaped(out, e->text, strlen(e->text));
}

static void
add_what(struct text *out, const struct event *e,
    const struct transcript_text_options *o)
{
	switch (e->kind) {
	case EVENT_OPENED:
	case EVENT_TLS:
	case EVENT_REMARK:
	case EVENT_ORACLE:
		text_add(out,
		    e->kind == EVENT_TLS ? "TLS" : event_kind_name(e->kind));
		add_note(out,
		    e->kind == EVENT_REMARK || e->kind == EVENT_ORACLE ? ": "
								       : " ",
		    e);
		break;
	case EVENT_HTTP:
		add_note(out, "", e);
		break;
	case EVENT_FRAME:
		add_frame(out, e, o);
		add_note(out, "  ", e);
		break;
	case EVENT_WS:
		add_ws(out, e, o->snap);
		add_note(out, "  ", e);
		break;
	case EVENT_GAP:
		text_addf(out, "gap: %zu byte%s missing", e->len,
		    e->len == 1 ? "" : "s");
		add_note(out, ": ", e);
		break;
	case EVENT_ENDED:
		text_addf(out, "ended %s", ending_name(e->ending));
		add_note(out, ": ", e);
		break;
	default:
		text_addf(out, "%s ", event_kind_name(e->kind));
		add_bytes(out, e, o->snap, e->kind == EVENT_BODY);
		add_note(out, "  ", e);
		break;
	}
}

static void
end_line(struct text *out, const struct transcript_text_options *o)
{
	if (o->behind != NULL)
		text_addf(out, "  %s", o->behind);
	text_add(out, "\n");
}

void
event_to_text(const struct transcript *t, const struct event *e,
    const struct transcript_text_options *o, struct text *out)
{
	add_columns(out, t, e, has_arrow(e) ? arrows[e->dir][o->ascii] : "   ",
	    o);
	add_what(out, e, o);
	if (e->error != RK_OK)
		text_addf(out, "  ! %s", rk_strerror(e->error));
	end_line(out, o);
}

void
event_login_to_text(const struct transcript *t, const struct event *e,
    const struct transcript_text_options *o, struct text *out)
{
	add_columns(out, t, e, o->ascii ? "-- login -->" : "── login ──▶", o);
	text_add(out, "ok");
	end_line(out, o);
}

#define ROW 16

static void
add_row(struct text *out, size_t at, const char *p, size_t n)
{
	text_addf(out, "%06zx ", at);
	for (size_t i = 0; i < ROW; i++) {
		text_add(out, i == ROW / 2 ? "  " : " ");
		if (i < n)
			text_add_hex(out, p + i, 1);
		else
			text_add(out, "  ");
	}
	text_add(out, "  ");
	for (size_t i = 0; i < n; i++)
		text_add_n(out, p[i] >= ' ' && p[i] <= '~' ? p + i : ".", 1);
	text_add(out, "\n");
}

/* The frame's header: transcripts have its payload only. */
static void
add_header(struct text *out, const struct transcript *t, const struct event *e)
{
	uint8_t header[16];
	struct rk_writer w;

	rk_writer_init(&w, header, sizeof(header));
	rk_frame_header(e->dialect->header[t->conns[e->conn].carrier], e->type,
	    e->len, &w);
	text_add_n(out, (const char *)header, w.len);
}

void
event_dump(const struct transcript *t, const struct event *e,
    const char *indent, struct text *out)
{
	struct text all;

	text_init(&all);
	if (e->kind == EVENT_FRAME && e->conn >= 0)
		add_header(&all, t, e);
	if (e->bytes != NULL)
		text_add_n(&all, (const char *)e->bytes, e->len);
	for (size_t at = 0; at < all.len; at += ROW) {
		text_add(out, indent);
		add_row(out, at, all.s + at,
		    all.len - at < ROW ? all.len - at : ROW);
	}
	text_clear(&all);
}

void
transcript_to_text(const struct transcript *t,
    const struct transcript_text_options *o, struct text *out)
{
	for (size_t i = 0; i < t->nevents; i++)
		event_to_text(t, &t->events[i], o, out);
}
