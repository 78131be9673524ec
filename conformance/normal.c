/* Transcript -> lanes of named things. */
#include "config.h"

#include "conformance/normal.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/errors.h"
#include "codec/http.h"
#include "codec/upgrade.h"

const char *
normal_steps(void)
{
	return "segments, TLS records and WebSocket fragments are joined\n"
	       "keys are named K1, K2, … and nonces N1, N2, … as they come\n"
	       "data that a connection of the script sent is named D1, D2, …\n"
	       "headers are compared by name and value, in any order and "
	       "case, without Date; a right Sec-WebSocket-Accept is "
	       "\"valid\"\n"
	       "each lane of a connection is a sequence of its own\n"
	       "FIN and RST are both \"closed\"; times are not compared\n"
	       "what repeats itself in the liveness lane counts once\n";
}

/* ---- names for values ---- */

struct names {
	char prefix;
	struct name {
		uint8_t *bytes;
		size_t len;
	} * list;
	size_t n;
};

/* From 1; 0 if it has no name. */
static size_t
known_name(const struct names *names, struct rk_span v)
{
	for (size_t i = 0; i < names->n; i++)
		if (names->list[i].len == v.len &&
		    memcmp(names->list[i].bytes, v.p, v.len) == 0)
			return i + 1;
	return 0;
}

static size_t
name_of(struct names *names, struct rk_span v)
{
	size_t known = known_name(names, v);

	if (known != 0)
		return known;
	names->list =
	    xreallocarray(names->list, names->n + 1, sizeof(*names->list));
	names->list[names->n++] = (struct name){
		.bytes = xmemdup(v.p, v.len),
		.len = v.len,
	};
	return names->n;
}

static void
names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i].bytes);
	free(names->list);
}

struct normaliser {
	const struct transcript *t;
	struct names keys;
	struct names nonces;
	struct names sent; /* data that the script sent */
	struct normal *out;
};

#define MIN_SENT 8 /* bytes: shorter data says more by itself */

/* The names of a class of fields; NULL for those that stay as they are.
 * Data of which the script sent none stays too: what it is says more. */
static struct names *
names_for(struct normaliser *z, enum rk_field_class c, struct rk_span v,
    enum direction dir)
{
	switch (c) {
	case RK_CLASS_KEY:
		return &z->keys;
	case RK_CLASS_NONCE:
		return &z->nonces;
	case RK_CLASS_PAYLOAD:
		return v.len >= MIN_SENT &&
			(dir == DIR_C2S || known_name(&z->sent, v) != 0)
		    ? &z->sent
		    : NULL;
	default:
		return NULL;
	}
}

/* ---- lanes ---- */

static struct normal_lane *
find_lane(struct normal *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->lanes[i].name, name) == 0)
			return &n->lanes[i];
	n->lanes = xreallocarray(n->lanes, n->n + 1, sizeof(*n->lanes));
	n->lanes[n->n] = (struct normal_lane){ .name = xstrdup(name) };
	return &n->lanes[n->n++];
}

static struct normal_lane *
lane_of(struct normaliser *z, const struct event *e, const char *lane)
{
	const char *conn = e->conn >= 0 && (size_t)e->conn < z->t->nconns
	    ? z->t->conns[e->conn].name
	    : "case";
	char *name = xasprintf("%s %s", conn, lane);
	struct normal_lane *l = find_lane(z->out, name);

	free(name);
	return l;
}

/* Append; |text| is taken. */
static void
add_item(struct normal_lane *l, const struct event *e, char *text)
{
	l->items = xreallocarray(l->items, l->n + 1, sizeof(*l->items));
	l->items[l->n++] = (struct normal_item){
		.line = e != NULL ? e->line : 0,
		.time_ns = e != NULL ? e->time_ns : 0,
		.text = text,
	};
}

/* ---- frames ---- */

static void
add_field(struct normaliser *z, const struct rk_field_spec *spec,
    struct rk_span v, struct text *out)
{
	struct names *names = names_for(z, spec->field_class, v, DIR_S2C);

	text_addf(out, " %s=", spec->name);
	if (names != NULL && v.len > 0) {
		text_addf(out, "%c%zu", names->prefix, name_of(names, v));
	} else if (spec->type == RK_FIELD_TEXT) {
		text_add(out, "\"");
		text_add_escaped(out, v.p, v.len);
		text_add(out, "\"");
	} else {
		text_add_hex(out, v.p, v.len);
	}
}

static void
add_frame(struct normaliser *z, const struct event *e)
{
	struct rk_frame f;
	struct text out;
	struct normal_lane *lane;
	int err = event_frame(e, &f);

	text_init(&out);
	text_add(&out, event_what(e));
	for (int i = 0; f.spec != NULL && i < RK_FRAME_MAX_FIELDS &&
	     f.spec->field[i].name != NULL;
	     i++)
		add_field(z, &f.spec->field[i], f.field[i], &out);
	if (err != RK_OK)
		text_addf(&out, " (%s)", rk_strerror(err));
	lane = lane_of(z, e, rk_lane_name(rk_frame_lane(e->dialect, &f)));
	/* How often depends on the time that the case took. */
	if (rk_frame_lane(e->dialect, &f) == RK_LANE_LIVENESS && lane->n > 0 &&
	    strncmp(lane->items[lane->n - 1].text, event_what(e),
		strlen(event_what(e))) == 0) {
		text_clear(&out);
		return;
	}
	add_item(lane, e, text_take(&out));
}

/* The script's own keys and nonces are named first: it is the same script
 * on every relay. */
static void
name_own(struct normaliser *z, const struct event *e)
{
	struct rk_frame f;

	if (e->kind != EVENT_FRAME || e->dir != DIR_C2S)
		return;
	event_frame(e, &f);
	for (int i = 0; f.spec != NULL && i < RK_FRAME_MAX_FIELDS &&
	     f.spec->field[i].name != NULL;
	     i++) {
		struct names *names = names_for(z, f.spec->field[i].field_class,
		    f.field[i], DIR_C2S);

		if (names != NULL && f.field[i].len > 0)
			name_of(names, f.field[i]);
	}
}

/* ---- HTTP ---- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *
header_text(const struct rk_http_field *field)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < field->name.len; i++)
		text_addf(&out, "%c", tolower(field->name.p[i]));
	text_add(&out, ": ");
	text_add_escaped(&out, field->value.p, field->value.len);
	return text_take(&out);
}

/* The answer's accept value belongs to this request's key. */
static bool
is_valid_accept(const struct normaliser *z, const struct event *answer,
    struct rk_span accept)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	char want[RK_WS_ACCEPT_SIZE] = "";

	rk_http_limits_default(&limits);
	for (const struct event *e = z->t->events; e < answer; e++) {
		const struct rk_http_field *key;

		if (e->kind != EVENT_HTTP || e->dir != DIR_C2S ||
		    e->conn != answer->conn ||
		    rk_http_parse_request(e->bytes, e->len, &limits, &h) !=
			RK_OK)
			continue;
		key = rk_http_find(&h, "sec-websocket-key");
		if (key != NULL)
			rk_ws_accept(key->value.p, key->value.len, want);
	}
	return want[0] != '\0' && rk_http_span_is(accept, want);
}

/* Each header is an item, in the order of names. */
static void
add_headers(struct normaliser *z, const struct event *e,
    const struct rk_http_head *h)
{
	char *lines[RK_HTTP_MAX_FIELDS];
	size_t n = 0;

	for (size_t i = 0; i < h->nfields; i++) {
		const struct rk_http_field *f = &h->field[i];

		if (rk_http_span_is_nocase(f->name, "date"))
			continue;
		if (rk_http_span_is_nocase(f->name, "sec-websocket-accept") &&
		    is_valid_accept(z, e, f->value))
			lines[n++] = xstrdup("sec-websocket-accept: valid");
		else
			lines[n++] = header_text(f);
	}
	qsort(lines, n, sizeof(lines[0]), by_text);
	for (size_t i = 0; i < n; i++)
		add_item(lane_of(z, e, "http"), e, lines[i]);
}

static void
add_http(struct normaliser *z, const struct event *e)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	struct text out;

	rk_http_limits_default(&limits);
	limits.flags = RK_HTTP_TOLERANT;
	text_init(&out);
	if (rk_http_parse_response(e->bytes, e->len, &limits, &h) == RK_OK) {
		text_addf(&out, "http 1.%d %d", h.minor, h.status);
		add_item(lane_of(z, e, "http"), e, text_take(&out));
		add_headers(z, e, &h);
		return;
	}
	text_add(&out, "http ");
	text_add_escaped(&out, e->bytes, e->len);
	add_item(lane_of(z, e, "http"), e, text_take(&out));
}

/* ---- the other events ---- */

/* Bytes that come in pieces are one item. */
static void
add_bytes(struct normaliser *z, const struct event *e, const char *lane,
    const char *what)
{
	struct normal_lane *l = lane_of(z, e, lane);
	struct text out;

	text_init(&out);
	if (l->n > 0) {
		struct normal_item *last = &l->items[l->n - 1];

		text_add(&out, last->text);
		text_add_hex(&out, e->bytes, e->len);
		free(last->text);
		last->text = text_take(&out);
		return;
	}
	text_addf(&out, "%s ", what);
	text_add_hex(&out, e->bytes, e->len);
	add_item(l, e, text_take(&out));
}

static void
add_ws(struct normaliser *z, const struct event *e)
{
	struct text out;

	text_init(&out);
	text_addf(&out, "ws opcode %u ", e->opcode);
	text_add_hex(&out, e->bytes, e->len);
	add_item(lane_of(z, e, "ws"), e, text_take(&out));
}

static void
add_end(struct normaliser *z, const struct event *e)
{
	switch (e->ending) {
	case ENDING_EOF:
	case ENDING_RESET:
	case ENDING_TRUNCATED:
		add_item(lane_of(z, e, "end"), e, xstrdup("closed"));
		break;
	default:
		add_item(lane_of(z, e, "end"), e,
		    xstrdup(ending_name(e->ending)));
		break;
	}
}

static void
add_event(struct normaliser *z, const struct event *e)
{
	if (e->dir != DIR_S2C)
		return;
	switch (e->kind) {
	case EVENT_FRAME:
		add_frame(z, e);
		break;
	case EVENT_HTTP:
		add_http(z, e);
		break;
	case EVENT_BODY:
		add_bytes(z, e, "body", "body");
		break;
	case EVENT_BYTES:
	case EVENT_REST:
		add_bytes(z, e, "bytes", "bytes");
		break;
	case EVENT_WS:
		add_ws(z, e);
		break;
	case EVENT_ENDED:
		add_end(z, e);
		break;
	default:
		break;
	}
}

static int
by_name(const void *a, const void *b)
{
	const struct normal_lane *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* How the case ended, where it did not simply come to its end. */
static void
add_result(struct normaliser *z, const struct case_result *r)
{
	struct normal_lane *l;

	if (r->code == CODE_OK)
		return;
	l = find_lane(z->out, "case");
	add_item(l, NULL,
	    xasprintf("%s",
		r->message != NULL ? r->message
				   : result_code_meaning(r->code)));
	if (r->step != NULL)
		l->items[0].line = r->step->at.line;
}

/* A connection that the script ended first ends on the other side too; when
 * that is seen says nothing. */
static bool
ended_by_us(const struct transcript *t, size_t at)
{
	const struct event *e = &t->events[at];

	if (e->kind != EVENT_ENDED)
		return false;
	for (size_t i = 0; i < at; i++)
		if (t->events[i].kind == EVENT_ENDED &&
		    t->events[i].conn == e->conn && t->events[i].dir == DIR_C2S)
			return true;
	return false;
}

struct normal *
normal_new(const struct case_result *r)
{
	struct normaliser z = {
		.t = r->transcript,
		.keys.prefix = 'K',
		.nonces.prefix = 'N',
		.sent.prefix = 'D',
		.out = xcalloc(1, sizeof(*z.out)),
	};

	for (size_t i = 0; z.t != NULL && i < z.t->nevents; i++)
		name_own(&z, &z.t->events[i]);
	for (size_t i = 0; z.t != NULL && i < z.t->nevents; i++)
		if (!ended_by_us(z.t, i))
			add_event(&z, &z.t->events[i]);
	add_result(&z, r);
	if (z.out->n > 0)
		qsort(z.out->lanes, z.out->n, sizeof(*z.out->lanes), by_name);
	names_clear(&z.keys);
	names_clear(&z.nonces);
	names_clear(&z.sent);
	return z.out;
}

void
normal_free(struct normal *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->n; i++) {
		for (size_t k = 0; k < n->lanes[i].n; k++)
			free(n->lanes[i].items[k].text);
		free(n->lanes[i].items);
		free(n->lanes[i].name);
	}
	free(n->lanes);
	free(n);
}

const struct normal_lane *
normal_lane(const struct normal *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->lanes[i].name, name) == 0)
			return &n->lanes[i];
	return NULL;
}

bool
normal_lane_equal(const struct normal_lane *a, const struct normal_lane *b)
{
	size_t na = a != NULL ? a->n : 0, nb = b != NULL ? b->n : 0;

	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (strcmp(a->items[i].text, b->items[i].text) != 0)
			return false;
	return true;
}
