/* HTTP as seen from outside: heads, bodies, answers to their requests. */
#include "config.h"

#include "transcript/dissect_impl.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/upgrade.h"

/* ---- requests that wait for their answer ---- */

static void
copy_span(char *out, size_t size, struct rk_span s)
{
	size_t n = s.len < size - 1 ? s.len : size - 1;

	if (n > 0)
		memcpy(out, s.p, n);
	out[n] = '\0';
}

/* A request's or answer's own word for the carrier, -1 for another. */
static int
carrier_by_token(const struct rk_dialect *d, const struct rk_http_head *h)
{
	const struct rk_http_field *f = rk_http_find(h, "Upgrade");

	if (f == NULL)
		return -1;
	if (rk_http_span_is_nocase(f->value, "websocket"))
		return RK_CARRIER_WS;
	if (d->http.raw_token != NULL &&
	    rk_http_span_is_nocase(f->value, d->http.raw_token))
		return RK_CARRIER_RAW;
	return -1;
}

static void
push_request(struct dissector *d, const struct rk_http_head *h)
{
	const struct rk_http_field *key = rk_http_find(h, "Sec-WebSocket-Key");
	const struct rk_http_field *offer =
	    rk_http_find(h, "Sec-WebSocket-Protocol");
	struct request *r;

	if (d->nrequests == d->requests_cap) {
		d->requests_cap = d->requests_cap > 0 ? 2 * d->requests_cap : 1;
		d->request =
		    xreallocarray(d->request, d->requests_cap, sizeof(*r));
	}
	r = &d->request[d->nrequests++];
	memset(r, 0, sizeof(*r));
	copy_span(r->method, sizeof(r->method), h->method);
	r->upgrade = rk_http_find(h, "Upgrade") != NULL;
	r->carrier = carrier_by_token(d->dialect, h);
	if (key != NULL)
		copy_span(r->ws_key, sizeof(r->ws_key), key->value);
	if (offer != NULL)
		copy_span(r->offered, sizeof(r->offered), offer->value);
}

static struct request
pop_request(struct dissector *d)
{
	struct request r = { .method = "GET", .carrier = -1 };

	if (d->nrequests == 0)
		return r;
	r = d->request[0];
	d->nrequests--;
	memmove(d->request, d->request + 1,
	    d->nrequests * sizeof(d->request[0]));
	return r;
}

void
http_lost(struct dissector *d, struct side *s)
{
	struct side *other = other_side(d, s);

	/* What was held back for an answer that will not be recognised. */
	if (s->dir == DIR_S2C && other->mode == MODE_UPGRADE)
		side_set_mode(other, MODE_SEEK);
}

/* ---- heads ---- */

/* The first line that is not empty, without its end; NULL-terminated text
 * without control characters, to be freed.  Empty if it is not whole. */
static char *
first_line(const uint8_t *p, size_t len)
{
	const uint8_t *end;
	struct text t;

	text_init(&t);
	while (len > 0 && (*p == '\r' || *p == '\n')) {
		p++;
		len--;
	}
	end = len > 0 ? memchr(p, '\n', len) : NULL;
	if (end != NULL) {
		if (end > p && end[-1] == '\r')
			end--;
		text_add_escaped(&t, p, (size_t)(end - p));
	}
	return text_take(&t);
}

char *
describe_head(struct side *s)
{
	char *line = first_line(side_bytes(s), side_len(s));
	char *text =
	    xasprintf("incomplete head%s%s", *line != '\0' ? ": " : "", line);

	free(line);
	return text;
}

/*
 * Is it worth while to parse what is held?  Yes if an empty line has come, or
 * now and then, to notice early what is no head.
 */
static bool
worth_parsing(struct side *s)
{
	const uint8_t *p = side_bytes(s);
	size_t len = side_len(s);
	bool empty_line = false;

	for (size_t i = s->searched; i + 1 < len && !empty_line; i++)
		empty_line = p[i] == '\n' &&
		    (p[i + 1] == '\n' ||
			(p[i + 1] == '\r' && i + 2 < len && p[i + 2] == '\n'));
	if (!empty_line)
		s->searched = len > 2 ? len - 2 : 0;
	if (!empty_line && len < 2 * s->tried)
		return false;
	s->tried = len;
	return true;
}

static int
parse_head(struct side *s, struct rk_http_head *h)
{
	struct rk_http_limits limits;

	rk_http_limits_default(&limits);
	limits.head = HOLD_MAX;
	limits.target = HOLD_MAX;
	limits.flags |= RK_HTTP_TOLERANT;
	if (s->dir == DIR_C2S)
		return rk_http_parse_request(side_bytes(s), side_len(s),
		    &limits, h);
	return rk_http_parse_response(side_bytes(s), side_len(s), &limits, h);
}

bool
looks_like_head(struct side *s, size_t off)
{
	char *line = first_line(side_bytes(s) + off, side_len(s) - off);
	const char *version = strstr(line, "HTTP/1.");
	bool yes = version != NULL;

	if (s->dir == DIR_S2C)
		yes = yes && version == line;
	else
		yes = yes && version > line && version[-1] == ' ';
	free(line);
	return yes;
}

static void
emit_head(struct dissector *d, struct side *s, const struct rk_http_head *h,
    int error)
{
	struct event e = { .kind = EVENT_HTTP, .error = error };

	e.bytes = side_bytes(s);
	e.len = h->len;
	e.text = first_line(e.bytes, e.len);
	side_emit(d, s, &e, h->len);
	free(e.text);
}

/* The message is over: what comes next on this side, and on the other. */
static void
message_done(struct dissector *d, struct side *s)
{
	struct side *client = &d->side[DIR_C2S];

	side_flush(d, s);
	side_set_mode(s, MODE_HEAD);
	if (s->dir == DIR_C2S) {
		if (d->carrier >= 0) /* the answer came before the body */
			start_frames(d, s, (enum rk_carrier)d->carrier);
		else if (d->nrequests > 0 &&
		    d->request[d->nrequests - 1].upgrade)
			side_set_mode(s, MODE_UPGRADE);
	} else if (pop_request(d).upgrade && client->mode == MODE_UPGRADE) {
		side_set_mode(client, MODE_HEAD);
	}
}

static void
switch_protocols(struct dissector *d, struct side *s, int carrier)
{
	struct side *client = other_side(d, s);

	if (carrier >= 0 && d->dialect->header[carrier] != RK_HEADER_NONE) {
		start_frames(d, s, (enum rk_carrier)carrier);
		if (client->mode != MODE_BODY)
			start_frames(d, client, (enum rk_carrier)carrier);
		return;
	}
	side_remark(d, s,
	    "upgraded to a protocol that this dialect does not "
	    "know");
	side_set_mode(s, MODE_LOST);
	side_set_mode(client, MODE_LOST);
}

static bool
dialect_has(const struct rk_dialect *d, struct rk_span subprotocol)
{
	const char *const *p = d->http.subprotocols;

	while (p != NULL && *p != NULL && !rk_http_span_is(subprotocol, *p))
		p++;
	return p != NULL && *p != NULL;
}

/* The WebSocket subprotocol that client and relay have agreed on, if it is
 * none of the dialect's: frames that only look like its own.  (One that
 * nobody has offered is a fault, and says nothing of the frames.) */
static const struct rk_http_field *
foreign_protocol(const struct dissector *d, const struct request *r,
    const struct rk_http_head *h)
{
	const struct rk_http_field *f =
	    rk_http_find(h, "Sec-WebSocket-Protocol");
	struct rk_span rest = { (const uint8_t *)r->offered,
		strlen(r->offered) };
	struct rk_span one;

	if (f == NULL || dialect_has(d->dialect, f->value))
		return NULL;
	while (rk_http_list_next(&rest, &one))
		if (one.len > 0 && one.len == f->value.len &&
		    memcmp(one.p, f->value.p, one.len) == 0)
			return f;
	return NULL;
}

static void
remark_foreign(struct dissector *d, struct side *s, struct rk_span name)
{
	struct text t;

	text_init(&t);
	text_add(&t, "upgraded to \"");
	text_add_escaped(&t, name.p, name.len);
	text_addf(&t, "\", which is not %s: its frames are not decoded",
	    d->dialect->id);
	side_remark(d, s, text_str(&t));
	text_clear(&t);
}

static int
judge_101(struct dissector *d, const struct request *r,
    const struct rk_http_head *h)
{
	if (r->carrier < 0)
		return RK_OK;
	return rk_upgrade_check_response(d->dialect,
	    (enum rk_carrier)r->carrier, h, r->ws_key);
}

static void
take_101(struct dissector *d, struct side *s, const struct request *r,
    const struct rk_http_head *h)
{
	int carrier = carrier_by_token(d->dialect, h);
	const struct rk_http_field *foreign = NULL;
	int error = judge_101(d, r, h);

	if (carrier < 0)
		carrier = r->carrier;
	if (carrier == RK_CARRIER_WS)
		foreign = foreign_protocol(d, r, h);
	d->foreign = foreign != NULL;
	if (d->foreign && error == RK_ERR_UPGRADE_SUBPROTOCOL)
		error = RK_OK;
	emit_head(d, s, h, error);
	if (d->foreign)
		remark_foreign(d, s, foreign->value);
	side_consume(s, h->len);
	pop_request(d);
	switch_protocols(d, s, carrier);
}

static void
take_response(struct dissector *d, struct side *s, const struct rk_http_head *h)
{
	const int status = h->status;
	struct request r = { .method = "GET", .carrier = -1 };
	int error;

	if (d->nrequests > 0)
		r = d->request[0];
	if (status == 101) {
		take_101(d, s, &r, h);
		return;
	}
	error = rk_http_body_response(&s->body, h, r.method);
	emit_head(d, s, h, error);
	side_consume(s, h->len);
	side_set_mode(s, error != RK_OK ? MODE_LOST : MODE_BODY);
	if (status >= 100 && status < 200)
		side_set_mode(s, MODE_HEAD);
	else if (error != RK_OK)
		http_lost(d, s);
	else if (s->body.done)
		message_done(d, s);
}

static void
take_request(struct dissector *d, struct side *s, const struct rk_http_head *h)
{
	int error = rk_http_body_request(&s->body, h);

	push_request(d, h);
	emit_head(d, s, h, error);
	side_consume(s, h->len);
	side_set_mode(s, error != RK_OK ? MODE_LOST : MODE_BODY);
	if (error == RK_OK && s->body.done)
		message_done(d, s);
}

bool
step_head(struct dissector *d, struct side *s)
{
	const struct side *other = other_side(d, s);
	struct rk_http_head h;
	int err;

	if (s->dir == DIR_C2S && d->nrequests == REQUESTS_MAX)
		return false;
	if (s->dir == DIR_S2C && d->nrequests == 0 &&
	    other->mode == MODE_HEAD && !other->over)
		return false; /* its request is still to come */
	if (!worth_parsing(s))
		return false;
	err = parse_head(s, &h);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK) {
		side_reject(d, s, err, h.error_what);
		http_lost(d, s);
		side_set_mode(s, MODE_LOST);
	} else if (s->dir == DIR_C2S) {
		take_request(d, s, &h);
	} else {
		take_response(d, s, &h);
	}
	return true;
}

/* ---- bodies ---- */

bool
step_body(struct dissector *d, struct side *s)
{
	struct rk_span data = { NULL, 0 };
	size_t used = 0;
	int err;

	err = rk_http_body_take(&s->body, side_bytes(s), side_len(s), &used,
	    &data);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK) {
		side_flush(d, s);
		side_consume(s, used);
		side_reject(d, s, err, NULL);
		http_lost(d, s);
		side_set_mode(s, MODE_LOST);
		return true;
	}
	if (data.len > 0)
		side_collect(d, s, EVENT_BODY, data.p, data.len, RK_OK, NULL);
	side_consume(s, used);
	if (s->body.done)
		message_done(d, s);
	return used > 0 || s->body.done;
}

bool
body_gap(struct dissector *d, struct side *s, uint64_t len)
{
	if (s->body.kind == RK_HTTP_BODY_UNTIL_EOF)
		return true;
	if (s->body.kind != RK_HTTP_BODY_LENGTH || len > s->body.left)
		return false;
	s->body.left -= len;
	if (s->body.left > 0)
		return true;
	s->body.done = true;
	message_done(d, s);
	return true;
}
