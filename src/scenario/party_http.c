/* HTTP on a party: responses with their bodies, in the order of the
 * requests. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"

#define BODY_MAX   ((size_t)1 << 20)
#define BODY_SMALL ((size_t)16 << 10)
#define REST_SHOWN 256

void
party_request_sent(struct party *s, bool head)
{
	if (s->npending < PARTY_MAX_PENDING)
		s->head_requests[s->npending++] = head;
}

/* The method that the next response answers. */
static const char *
answered_method(const struct party *s)
{
	return s->npending > 0 && s->head_requests[0] ? "HEAD" : "GET";
}

static void
request_answered(struct party *s)
{
	if (s->npending == 0)
		return;
	s->npending--;
	memmove(s->head_requests, s->head_requests + 1,
	    s->npending * sizeof(s->head_requests[0]));
}

void
party_read_http(struct party *s)
{
	if (s->wire != WIRE_BYTES || s->switched)
		return;
	s->wire = WIRE_HTTP;
	s->in_seq = 0;
	party_digest(s);
}

static void
not_http(struct party *s, int error)
{
	party_lose_framing(s, error, "the answer to the upgrade is no HTTP");
}

static void
record_head(struct party *s, struct item *it)
{
	const uint8_t *end = memchr(it->bytes, '\r', it->len);
	char *line;

	if (end == NULL)
		end = memchr(it->bytes, '\n', it->len);
	line = xstrndup((const char *)it->bytes,
	    end != NULL ? (size_t)(end - it->bytes) : it->len);
	it->event =
	    party_record(s, EVENT_HTTP, DIR_S2C, it->bytes, it->len, line, 0);
	free(line);
}

static void
finish_response(struct party *s)
{
	struct item *it = s->response;

	s->response = NULL;
	if (it->body_len > 0)
		party_record(s, EVENT_BODY, DIR_S2C, it->body, it->body_len,
		    NULL, 0);
	request_answered(s);
	if (s->state == PARTY_UPGRADING) {
		party_upgraded(s, it);
		item_free(it);
		return;
	}
	party_deliver(s, it);
}

/* Behind a 101 there is no HTTP any more. */
static void
switched(struct party *s)
{
	s->wire = WIRE_BYTES;
	s->switched = true;
	finish_response(s);
	if (s->wire != WIRE_BYTES)
		return;
	if (s->starts_after_101) {
		party_read_frames(s, s->carrier);
	} else if (s->in.len > 0) {
		s->in_seq = ++s->play->seq;
		party_record(s, EVENT_BYTES, DIR_S2C, s->in.p + s->in.start,
		    s->in.len, NULL, 0);
	}
}

/* Parse the head again over the item's own bytes. */
static struct item *
head_item(struct party *s, const struct rk_http_limits *limits, size_t len)
{
	struct item *it = party_item(s, ITEM_HTTP, s->in.p + s->in.start, len);

	it->head = xcalloc(1, sizeof(*it->head));
	if (rk_http_parse_response(it->bytes, it->len, limits, it->head) !=
	    RK_OK) {
		item_free(it);
		return NULL;
	}
	record_head(s, it);
	return it;
}

static bool
read_head(struct party *s)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	struct item *it;
	int err;

	rk_http_limits_default(&limits);
	err = rk_http_parse_response(s->in.p + s->in.start, s->in.len, &limits,
	    &h);
	if (err == RK_ERR_AGAIN)
		return false;
	it = err == RK_OK ? head_item(s, &limits, h.len) : NULL;
	if (it == NULL) {
		not_http(s, err != RK_OK ? err : RK_ERR_HTTP_HEADER);
		return true;
	}
	intake_drop(&s->in, 0, it->len);
	/* Interim answers are recorded and skipped. */
	if (it->head->status / 100 == 1 && it->head->status != 101) {
		item_free(it);
		return true;
	}
	s->response = it;
	if (it->head->status == 101) {
		switched(s);
		return true;
	}
	err = rk_http_body_response(&s->body, it->head, answered_method(s));
	if (err != RK_OK) {
		item_free(it);
		s->response = NULL;
		not_http(s, err);
	} else if (s->body.done || s->body.kind == RK_HTTP_BODY_NONE) {
		finish_response(s);
	}
	return true;
}

static void
add_body(struct item *it, struct rk_span data)
{
	it->body = xreallocarray(it->body, it->body_len + data.len + 1, 1);
	if (data.len > 0)
		memcpy(it->body + it->body_len, data.p, data.len);
	it->body_len += data.len;
}

/* A long one is not read on when all cases together hold too much. */
static bool
has_room_for(const struct party *s, size_t more)
{
	return s->response->body_len + more < BODY_SMALL ||
	    engine_has_room(s->play->engine);
}

static bool
read_body(struct party *s)
{
	struct rk_span data = { NULL, 0 };
	size_t used = 0;
	int err = rk_http_body_take(&s->body, s->in.p + s->in.start, s->in.len,
	    &used, &data);

	if (err == RK_ERR_AGAIN)
		return false;
	if (err == RK_OK && data.len > BODY_MAX - s->response->body_len)
		err = RK_ERR_TOO_LONG;
	if (err == RK_OK && !has_room_for(s, data.len))
		err = RK_ERR_TOO_LONG;
	if (err != RK_OK) {
		item_free(s->response);
		s->response = NULL;
		not_http(s, err);
		return true;
	}
	add_body(s->response, data);
	intake_drop(&s->in, 0, used);
	if (s->body.done)
		finish_response(s);
	return s->in.len > 0;
}

/* A request, of which no body is expected.  What comes behind one that asks
 * for an upgrade is no HTTP. */
static bool
read_request(struct party *s)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	struct item *it;
	int err;

	rk_http_limits_default(&limits);
	err = rk_http_parse_request(s->in.p + s->in.start, s->in.len, &limits,
	    &h);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK) {
		not_http(s, err);
		return true;
	}
	it = party_item(s, ITEM_HTTP, s->in.p + s->in.start, h.len);
	it->head = xcalloc(1, sizeof(*it->head));
	rk_http_parse_request(it->bytes, it->len, &limits, it->head);
	record_head(s, it);
	intake_drop(&s->in, 0, it->len);
	if (rk_http_find(it->head, "Upgrade") != NULL) {
		s->wire = WIRE_BYTES;
		s->switched = true;
		if (s->in.len > 0)
			s->in_seq = ++s->play->seq;
	}
	party_deliver(s, it);
	return s->wire == WIRE_HTTP;
}

bool
party_read_response(struct party *s)
{
	if (s->in.len == 0)
		return false;
	if (s->listening)
		return read_request(s);
	return s->response != NULL ? read_body(s) : read_head(s);
}

/* The end completes a body that has no other; anything else is cut. */
void
party_http_ended(struct party *s)
{
	if (s->response != NULL && s->body.kind == RK_HTTP_BODY_UNTIL_EOF) {
		finish_response(s);
		return;
	}
	if (s->response != NULL || s->in.len > 0) {
		item_free(s->response);
		s->response = NULL;
		not_http(s, RK_ERR_AGAIN);
	}
}
