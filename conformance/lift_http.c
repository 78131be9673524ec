/* Requests and answers of a capture as steps. */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "codec/errors.h"
#include "conformance/lift_impl.h"

#define BODY_SHOWN 4096 /* bytes of a body that is expected */

/* Headers whose values say nothing about anybody. */
static const char *const kept_values[] = { "upgrade", "connection",
	"sec-websocket-version", "content-length", "transfer-encoding",
	"content-type", "accept", "cache-control",
	"access-control-allow-origin", "strict-transport-security", NULL };

static bool
is_one_of(struct rk_span name, const char *const *list)
{
	for (; *list != NULL; list++)
		if (rk_http_span_is_nocase(name, *list))
			return true;
	return false;
}

/* A name that the language can say: letters, digits, "-". */
static bool
is_sayable(struct rk_span name)
{
	static const char *const settings[] = { "body", "chop", "every", "cut",
		"len", "patch", "status", "minor", "reason", "within",
		"optional", "count", "then", "as", NULL };

	if (name.len == 0 || !isalpha(name.p[0]) ||
	    !isalnum(name.p[name.len - 1]))
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (!isalnum(name.p[i]) &&
		    (name.p[i] != '-' || name.p[i - 1] == '-'))
			return false;
	return !is_one_of(name, settings);
}

static void
add_hidden(struct lifter *l, struct text *line, struct rk_span v)
{
	text_add(line, "\"");
	for (size_t i = 0; i < v.len; i++)
		text_add(line, "x");
	text_add(line, "\"");
	l->scrubbed += !l->counting && v.len > 0;
}

static void
add_value(struct lifter *l, struct text *line, const struct rk_http_field *f)
{
	if (l->o->scrub && rk_http_span_is_nocase(f->name, "sec-websocket-key"))
		text_add(line, "\"AAAAAAAAAAAAAAAAAAAAAA==\"");
	else if (l->o->scrub && !is_one_of(f->name, kept_values))
		add_hidden(l, line, f->value);
	else
		lift_add_kept(l, line, f->value.p, f->value.len);
}

/* Bodies are written with their heads. */
static struct text
body_text(struct lifter *l, const struct part *p)
{
	const struct event *head = part_event(l, p);
	struct text body;

	text_init(&body);
	for (size_t i = p->event + 1; i < l->t->nevents; i++) {
		const struct event *e = &l->t->events[i];

		if (e->conn != head->conn || e->dir != head->dir)
			continue;
		if (e->kind != EVENT_BODY)
			break;
		text_add_n(&body, (const char *)e->bytes, e->len);
	}
	return body;
}

/* Method and target are words and text that the language can say, and the
 * head has nothing that writing it anew would mend. */
static bool
is_plain(const struct rk_http_head *h)
{
	if (h->minor != 1 || h->method.len == 0 || h->method.len > 20)
		return false;
	for (size_t i = 0; i < h->method.len; i++)
		if (!isupper(h->method.p[i]))
			return false;
	for (size_t i = 0; i < h->nfields; i++)
		if (!is_sayable(h->field[i].name))
			return false;
	return rk_http_count(h, "host") <= 1;
}

/* A query may hold anything; a path says what was asked for. */
static void
add_target(struct lifter *l, struct text *line, const struct rk_http_head *h)
{
	size_t path = h->target.len - h->query.len;

	if (!l->o->scrub || h->query.len == 0) {
		lift_add_kept(l, line, h->target.p, h->target.len);
		return;
	}
	text_add(line, "cat(");
	lift_add_kept(l, line, h->target.p, path);
	text_add(line, ", ");
	add_hidden(l, line, h->query);
	text_add(line, ")");
}

/* The sizes of chunks are gone: one chunk holds the same. */
static void
add_body(struct lifter *l, struct text *line, const struct rk_http_head *h,
    const struct text *body)
{
	bool chunked = rk_http_has_token(h, "transfer-encoding", "chunked");

	if (body->len == 0 && !chunked)
		return;
	text_add(line, " body=");
	if (!chunked) {
		lift_add_bytes(l, line, body->s, body->len);
		return;
	}
	if (body->len == 0) {
		text_add(line, "\"0\\r\\n\\r\\n\"");
		return;
	}
	text_addf(line, "cat(\"%zx\\r\\n\", ", body->len);
	lift_add_bytes(l, line, body->s, body->len);
	text_add(line, ", \"\\r\\n0\\r\\n\\r\\n\")");
}

/* What cannot be written in words goes out as it was. */
static void
add_raw(struct lifter *l, struct text *line, const struct event *e,
    const struct text *body)
{
	struct text all;

	text_init(&all);
	text_add_n(&all, (const char *)e->bytes, e->len);
	text_add_n(&all, text_str(body), body->len);
	text_add(line, "raw ");
	lift_add_bytes(l, line, all.s, all.len);
	text_clear(&all);
}

void
lift_add_request(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);
	struct text body = body_text(l, p);
	struct rk_http_limits limits;
	struct rk_http_head h;

	rk_http_limits_default(&limits);
	limits.flags = 0;
	if (rk_http_parse_request(e->bytes, e->len, &limits, &h) != RK_OK ||
	    !is_plain(&h)) {
		add_raw(l, line, e, &body);
		text_clear(&body);
		return;
	}
	text_addf(line, "http %.*s ", (int)h.method.len, h.method.p);
	add_target(l, line, &h);
	/* Its Host names the relay of old; ours is added. */
	if (rk_http_find(&h, "host") == NULL)
		text_add(line, " Host=absent");
	for (size_t i = 0; i < h.nfields; i++) {
		if (rk_http_span_is_nocase(h.field[i].name, "host"))
			continue;
		text_addf(line, " %.*s=", (int)h.field[i].name.len,
		    h.field[i].name.p);
		add_value(l, line, &h.field[i]);
	}
	add_body(l, line, &h, &body);
	text_clear(&body);
}

/* Each name once: several of one are compared as one text. */
static bool
is_comparable(const struct rk_http_head *h, size_t i)
{
	static const char *const volatiles[] = { "date", "server",
		"sec-websocket-accept", NULL };
	char name[64];

	if (is_one_of(h->field[i].name, volatiles) ||
	    !is_sayable(h->field[i].name) ||
	    h->field[i].name.len >= sizeof(name))
		return false;
	memcpy(name, h->field[i].name.p, h->field[i].name.len);
	name[h->field[i].name.len] = '\0';
	return rk_http_count(h, name) == 1;
}

static void
add_headers(struct lifter *l, struct text *line, const struct rk_http_head *h)
{
	for (size_t i = 0; i < h->nfields; i++) {
		if (!is_comparable(h, i) ||
		    (l->o->scrub && !is_one_of(h->field[i].name, kept_values)))
			continue;
		text_addf(line, " %.*s==", (int)h->field[i].name.len,
		    h->field[i].name.p);
		lift_add_kept(l, line, h->field[i].value.p,
		    h->field[i].value.len);
	}
}

void
lift_add_response(struct lifter *l, struct text *line, const struct part *p)
{
	const struct event *e = part_event(l, p);
	struct rk_http_limits limits;
	struct rk_http_head h;
	struct text body;

	rk_http_limits_default(&limits);
	limits.flags = RK_HTTP_TOLERANT;
	text_add(line, "http");
	if (rk_http_parse_response(e->bytes, e->len, &limits, &h) != RK_OK)
		return;
	text_addf(line, " status==%d", h.status);
	if (l->o->expect == LIFT_BYTES)
		add_headers(l, line, &h);
	body = body_text(l, p);
	if (l->o->expect >= LIFT_FIELDS && !l->o->scrub && body.len > 0 &&
	    body.len <= BODY_SHOWN) {
		text_add(line, " body==");
		lift_add_bytes(l, line, body.s, body.len);
	}
	text_clear(&body);
}
