/*
 * Events as JSON.  The short form shows what was decoded; the full form has
 * the raw bytes and every number beside it, and can be read back.
 */
#include "config.h"

#include "transcript/transcript_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/digest.h"
#include "codec/ws.h"

#define SHA256_SHOWN 8   /* bytes of the digest in "sha256_8" */
#define LINE_ROOM    480 /* enough for most */

/* A string whatever the bytes are: what is not UTF-8 is escaped. */
static json_t *
json_text(const void *p, size_t len)
{
	struct text t;
	json_t *j;

	if (rk_utf8_ok(p, len))
		return json_stringn(len > 0 ? p : "", len);
	text_init(&t);
	text_add_escaped(&t, p, len);
	j = json_string(text_str(&t));
	text_clear(&t);
	return j;
}

static json_t *
json_hex(const uint8_t *p, size_t len)
{
	char *s = xmalloc(2 * len + 1);
	json_t *j;

	hex_encode(p, len, s);
	j = json_string(s);
	free(s);
	return j;
}

static void
set_text(json_t *j, const char *name, const char *text)
{
	if (text != NULL)
		json_object_set_new(j, name, json_text(text, strlen(text)));
}

static void
set_int(json_t *j, const char *name, uint64_t v)
{
	json_object_set_new(j, name, json_integer((json_int_t)v));
}

/* What a relay carries: its length and digest always, the bytes cut. */
static void
set_packet(json_t *j, struct rk_span data, size_t snap)
{
	uint8_t digest[RK_SHA256_LEN];

	set_int(j, "data_len", data.len);
	if (rk_sha256(data.p, data.len, digest) == RK_OK)
		json_object_set_new(j, "sha256_8",
		    json_hex(digest, SHA256_SHOWN));
	json_object_set_new(j, "data",
	    json_hex(data.p, data.len < snap ? data.len : snap));
}

/* The first |snap| bytes, and no half character. */
static size_t
cut_text(struct rk_span v, size_t snap)
{
	size_t n = snap;

	if (v.len <= snap)
		return v.len;
	while (n > 0 && (v.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static bool
carries_packet(enum rk_frame_kind kind)
{
	return kind == RK_FRAME_SEND || kind == RK_FRAME_RECV ||
	    kind == RK_FRAME_SEND_BATCH || kind == RK_FRAME_RECV_BATCH ||
	    kind == RK_FRAME_FORWARD;
}

/* The lengths of the items that endpoints put into one packet. */
static void
set_items(json_t *j, const struct rk_dialect *d, struct rk_span data)
{
	struct rk_span item;
	json_t *lengths;

	if (rk_packet_items(d, data.p, data.len) == 0)
		return;
	lengths = json_array();
	while (rk_packet_item(d, &data, &item))
		json_array_append_new(lengths,
		    json_integer((json_int_t)item.len));
	json_object_set_new(j, "items", lengths);
}

static void
set_field(json_t *j, const struct rk_frame *f, size_t i, size_t snap)
{
	const struct rk_field_spec *spec = &f->spec->field[i];
	struct rk_span v = f->field[i];
	size_t shown = spec->len != 0 || v.len < snap ? v.len : snap;

	if (spec->type == RK_FIELD_MAGIC)
		return;
	if (carries_packet(f->kind) && strcmp(spec->name, "data") == 0)
		set_packet(j, v, snap);
	else if (spec->type == RK_FIELD_TEXT)
		json_object_set_new(j, spec->name,
		    json_text(v.p, cut_text(v, snap)));
	else if (spec->type == RK_FIELD_UINT && v.len == spec->len &&
	    spec->len > 1)
		set_int(j, spec->name, rk_frame_uint(f, spec->name));
	else
		json_object_set_new(j, spec->name, json_hex(v.p, shown));
}

static void
set_frame(json_t *j, const struct event *e, size_t snap)
{
	struct rk_frame f;
	size_t shown = e->len < snap ? e->len : snap;

	event_frame(e, &f);
	if (f.spec == NULL) {
		if (e->bytes != NULL)
			json_object_set_new(j, "data",
			    json_hex(e->bytes, shown));
		return;
	}
	for (size_t i = 0; i < rk_frame_spec_nfields(f.spec); i++)
		set_field(j, &f, i, snap);
	if (carries_packet(f.kind))
		set_items(j, e->dialect, rk_frame_field(&f, "data"));
}

/* Whatever the kind of event has beside its length. */
static void
set_what(json_t *j, const struct event *e, size_t snap)
{
	size_t shown = e->len < snap ? e->len : snap;

	switch (e->kind) {
	case EVENT_FRAME:
		set_frame(j, e, snap);
		set_text(j, "note", e->text);
		break;
	case EVENT_HTTP:
		set_text(j, "line", e->text);
		break;
	case EVENT_ENDED:
		set_text(j, "end", ending_name(e->ending));
		set_text(j, "text", e->text);
		break;
	case EVENT_OPENED:
	case EVENT_TLS:
	case EVENT_REMARK:
	case EVENT_ORACLE:
		set_text(j, "text", e->text);
		break;
	default:
		if (e->bytes != NULL)
			json_object_set_new(j, "data",
			    json_hex(e->bytes, shown));
		set_text(j, "text", e->text);
		break;
	}
}

static bool
has_length(const struct event *e)
{
	switch (e->kind) {
	case EVENT_OPENED:
	case EVENT_TLS:
	case EVENT_HTTP:
	case EVENT_ENDED:
	case EVENT_REMARK:
	case EVENT_ORACLE:
		return false;
	default:
		return true;
	}
}

/* Of a connection as a whole, without a direction. */
static bool
has_direction(const struct event *e)
{
	return e->kind != EVENT_OPENED && e->kind != EVENT_TLS &&
	    e->kind != EVENT_REMARK && e->kind != EVENT_ORACLE;
}

/* Without a transcript there is one connection. */
static uint64_t
conn_number(const struct transcript *t, const struct event *e)
{
	return t != NULL ? t->conns[e->conn].number : (uint64_t)e->conn;
}

json_t *
event_to_json(const struct transcript *t, const struct event *e, uint64_t n,
    const struct transcript_json_options *o)
{
	json_t *j = json_object();

	if (!o->no_time) {
		json_object_set_new(j, "t",
		    json_real((double)e->time_ns / (double)NS_PER_S));
		if (e->packet != 0)
			set_int(j, "packet", e->packet);
	}
	if (e->conn != TRANSCRIPT_NO_CONN)
		set_int(j, "conn", conn_number(t, e));
	if (has_direction(e))
		set_text(j, "dir", direction_name(e->dir));
	if (event_is_counted(e))
		set_int(j, "n", n);
	set_text(j, "what", event_what(e));
	if (has_length(e))
		set_int(j, "len", e->len);
	set_what(j, e, o->snap);
	if (e->error != RK_OK)
		set_text(j, "error", rk_strerror(e->error));
	return j;
}

/* ASCII only, so that nothing in it can move a terminal's cursor. */
char *
json_to_line(const json_t *j)
{
	char *s = json_dumps(j,
	    JSON_ENSURE_ASCII | JSON_COMPACT | JSON_REAL_PRECISION(15));
	struct text out;

	text_init(&out);
	for (const char *p = s; p != NULL && *p != '\0'; p++) {
		size_t n = strcspn(p, "\x7f");

		text_add_n(&out, p, n);
		p += n;
		if (*p == '\0')
			break;
		text_add(&out, "\\u007f");
	}
	text_add(&out, "\n");
	free(s);
	return text_take(&out);
}

/* ---- the same line without an object, for what captures are full of ---- */

/* As jansson writes a number: 15 digits, a point, no zeros in exponents. */
static void
add_real(struct text *out, double v)
{
	char s[40], *e;

	snprintf(s, sizeof(s), "%.15g", v);
	e = strchr(s, 'e');
	if (e == NULL && strchr(s, '.') == NULL)
		strcat(s, ".0");
	if (e != NULL) {
		char *digits = e + 1 + (e[1] == '-' || e[1] == '+');
		size_t zeros = strspn(digits, "0");

		if (e[1] == '+')
			digits = e + 1, zeros++;
		memmove(digits, digits + zeros, strlen(digits + zeros) + 1);
	}
	text_add(out, s);
}

static void
add_hex_member(struct text *out, const char *name, struct rk_span v)
{
	text_addf(out, ",\"%s\":\"", name);
	text_add_hex(out, v.p, v.len);
	text_add_n(out, "\"", 1);
}

/* Can every field be said as hex or packet? */
static bool
is_plain_frame(const struct event *e, const struct rk_frame *f)
{
	struct rk_span data;

	if (f->spec == NULL || e->error != RK_OK || e->text != NULL)
		return false;
	for (size_t i = 0; i < rk_frame_spec_nfields(f->spec); i++)
		if (f->spec->field[i].type == RK_FIELD_TEXT ||
		    f->spec->field[i].type == RK_FIELD_UINT)
			return false;
	if (!carries_packet(f->kind))
		return true;
	data = rk_frame_field(f, "data");
	return rk_packet_items(e->dialect, data.p, data.len) == 0;
}

static void
add_plain_field(struct text *out, const struct rk_frame *f, size_t i,
    size_t snap)
{
	const struct rk_field_spec *spec = &f->spec->field[i];
	struct rk_span v = f->field[i];
	uint8_t digest[RK_SHA256_LEN];
	bool packet =
	    carries_packet(f->kind) && strcmp(spec->name, "data") == 0;

	if (spec->type == RK_FIELD_MAGIC)
		return;
	if (packet) {
		text_addf(out, ",\"data_len\":%zu", v.len);
		if (rk_sha256(v.p, v.len, digest) == RK_OK)
			add_hex_member(out, "sha256_8",
			    (struct rk_span){ digest, SHA256_SHOWN });
	}
	if ((packet || spec->len == 0) && v.len > snap)
		v.len = snap;
	add_hex_member(out, spec->name, v);
}

/* NULL: it needs an object. */
static char *
plain_line(const struct transcript *t, const struct event *e, uint64_t n,
    const struct transcript_json_options *o)
{
	struct text out;
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->conn == TRANSCRIPT_NO_CONN)
		return NULL;
	event_frame(e, &f);
	if (!is_plain_frame(e, &f))
		return NULL;
	text_init(&out);
	text_room(&out, LINE_ROOM);
	text_add(&out, "{");
	if (!o->no_time) {
		text_add(&out, "\"t\":");
		add_real(&out, (double)e->time_ns / (double)NS_PER_S);
		text_add(&out, ",");
		if (e->packet != 0)
			text_addf(&out, "\"packet\":%" PRIu64 ",", e->packet);
	}
	text_addf(&out,
	    "\"conn\":%" PRIu64 ",\"dir\":\"%s\",\"n\":%" PRIu64
	    ",\"what\":\"%s\",\"len\":%zu",
	    conn_number(t, e), direction_name(e->dir), n, f.spec->name, e->len);
	for (size_t i = 0; i < rk_frame_spec_nfields(f.spec); i++)
		add_plain_field(&out, &f, i, o->snap);
	text_add(&out, "}\n");
	return text_take(&out);
}

char *
event_to_json_line(const struct transcript *t, const struct event *e,
    uint64_t n, const struct transcript_json_options *o)
{
	char *line = plain_line(t, e, n, o);
	json_t *j;

	if (line != NULL)
		return line;
	j = event_to_json(t, e, n, o);
	line = json_to_line(j);
	json_decref(j);
	return line;
}

/* ---- the full form ---- */

#define FULL_SNAP 64 /* of what is decoded; "raw" is whole */

json_t *
event_to_json_but_raw(const struct transcript *t, const struct event *e)
{
	struct transcript_json_options o = { FULL_SNAP, true };
	json_t *j = event_to_json(t, e, 0, &o);

	json_object_del(j, "n");
	set_text(j, "kind", event_kind_name(e->kind));
	if (e->conn != TRANSCRIPT_NO_CONN)
		set_text(j, "conn_name", t->conns[e->conn].name);
	set_text(j, "dir", direction_name(e->dir));
	json_object_set_new(j, "time_ns", json_integer(e->time_ns));
	set_int(j, "packet", e->packet);
	json_object_set_new(j, "script_line", json_integer(e->line));
	set_int(j, "len", e->len);
	set_text(j, "note", e->text);
	if (e->dialect != NULL)
		set_text(j, "dialect", e->dialect->id);
	set_int(j, "type", e->type);
	set_text(j, "error_code", rk_errname(e->error));
	set_int(j, "opcode", e->opcode);
	set_text(j, "end", ending_name(e->ending));
	return j;
}

json_t *
event_to_json_full(const struct transcript *t, const struct event *e)
{
	json_t *j = event_to_json_but_raw(t, e);

	if (e->bytes != NULL)
		json_object_set_new(j, "raw", json_hex(e->bytes, e->len));
	return j;
}

static int failed(char *err, size_t err_size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
failed(char *err, size_t err_size, const char *fmt, ...)
{
	FORMAT_ARGS(err, err_size, fmt);
	return -1;
}

/* A reader that remembers the first member that was not as it must be. */
struct members {
	const json_t *j;
	const char *bad;
};

static int64_t
get_int(struct members *m, const char *name, int64_t min, int64_t max)
{
	const json_t *v = json_object_get(m->j, name);
	int64_t n = json_integer_value(v);

	if (json_is_integer(v) && n >= min && n <= max)
		return n;
	if (m->bad == NULL)
		m->bad = name;
	return min;
}

/* NULL if absent; that is for the caller to judge. */
static const char *
get_text(const struct members *m, const char *name)
{
	return json_string_value(json_object_get(m->j, name));
}

/* The number below |n| whose name is the member's text. */
static int
get_name(struct members *m, const char *name, int n,
    const char *(*name_of)(int))
{
	const char *text = get_text(m, name);

	for (int i = 0; text != NULL && i < n; i++)
		if (strcmp(name_of(i), text) == 0)
			return i;
	if (m->bad == NULL)
		m->bad = name;
	return 0;
}

static const char *
kind_name_of(int i)
{
	return event_kind_name((enum event_kind)i);
}

static const char *
direction_name_of(int i)
{
	return direction_name((enum direction)i);
}

static const char *
ending_name_of(int i)
{
	return ending_name((enum ending)i);
}

static const char *
error_name_of(int i)
{
	return rk_errname(-i);
}

static void
get_raw(struct members *m, struct event *e)
{
	const char *hex = get_text(m, "raw");
	size_t bad_at, len;

	if (hex == NULL)
		return;
	len = strlen(hex) / 2;
	e->bytes = xmalloc(len + 1);
	if (hex_decode(hex, strlen(hex), e->bytes, len, &bad_at) !=
		(long)e->len &&
	    m->bad == NULL)
		m->bad = "raw";
}

#define MAX_CONNS   65536 /* of a transcript that is read back */
#define ERROR_NAMES 128   /* errors.h: numbers are above -128 */

static void
get_event(struct members *m, struct event *e)
{
	const char *dialect = get_text(m, "dialect");

	e->kind =
	    (enum event_kind)get_name(m, "kind", EVENT_NKINDS, kind_name_of);
	e->dir = (enum direction)get_name(m, "dir", 2, direction_name_of);
	e->conn = TRANSCRIPT_NO_CONN;
	if (json_object_get(m->j, "conn") != NULL)
		e->conn = (int)get_int(m, "conn", 0, MAX_CONNS - 1);
	else if (e->kind != EVENT_REMARK && e->kind != EVENT_ORACLE &&
	    m->bad == NULL)
		m->bad = "conn";
	e->time_ns = get_int(m, "time_ns", INT64_MIN, INT64_MAX);
	e->packet = (uint64_t)get_int(m, "packet", 0, INT64_MAX);
	e->line = (int)get_int(m, "script_line", 0, INT32_MAX);
	e->len = (size_t)get_int(m, "len", 0, INT64_MAX);
	e->type = (uint32_t)get_int(m, "type", 0, UINT32_MAX);
	e->error = -get_name(m, "error_code", ERROR_NAMES, error_name_of);
	e->opcode = (uint8_t)get_int(m, "opcode", 0, UINT8_MAX);
	e->ending =
	    (enum ending)get_name(m, "end", ENDING_NKINDS, ending_name_of);
	if (dialect != NULL)
		e->dialect = rk_dialect_by_id(dialect);
	if (e->dialect == NULL && m->bad == NULL &&
	    (dialect != NULL || e->kind == EVENT_FRAME))
		m->bad = "dialect";
	get_raw(m, e);
	/* Only where the bytes are nowhere may there be a mere count. */
	if (e->bytes == NULL && e->len != 0 && e->kind != EVENT_GAP &&
	    e->kind != EVENT_OPAQUE && m->bad == NULL)
		m->bad = "raw";
}

/* Events may come before those of connections with a lower index. */
static void
name_conn(struct transcript *t, int conn, const char *name)
{
	while (t->nconns <= (size_t)conn)
		transcript_add_conn(t, "");
	if (name != NULL && t->conns[conn].name[0] == '\0') {
		free(t->conns[conn].name);
		t->conns[conn].name = xstrdup(name);
	}
}

int
event_from_json(struct transcript *t, const json_t *j, char *err,
    size_t err_size)
{
	struct members m = { j, NULL };
	struct event e = { 0 };

	if (!json_is_object(j))
		return failed(err, err_size, "an event is an object");
	get_event(&m, &e);
	if (m.bad != NULL) {
		free(e.bytes);
		return failed(err, err_size,
		    "event: \"%s\" is missing or wrong", m.bad);
	}
	if (e.conn != TRANSCRIPT_NO_CONN)
		name_conn(t, e.conn, get_text(&m, "conn_name"));
	/* The transcript copies what it is given. */
	if (get_text(&m, "note") != NULL)
		e.text = xstrdup(get_text(&m, "note"));
	transcript_add(t, &e);
	free(e.bytes);
	free(e.text);
	return 0;
}
