/*
 * The HTTP stage: requests one after the other, pipelined ones too, until
 * one upgrades or asks to close.  Bodies of requests are read off.
 */
#include "config.h"

#include "relayd/conn.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "net/stream.h"
#include "relayd/conf.h"
#include "relayd/fault.h"
#include "relayd/http_routes.h"
#include "relayd/server.h"
#include "relayd/worker.h"

/* Enough for the fields that we write. */
#define RESPONSE_HEAD_MAX 2048
/* A head below this is parsed whenever bytes come, so that nonsense is seen
 * early; beyond it only when a line has ended or much has come, so that
 * dripping it is no attack. */
#define PARSE_EAGERLY     4096

static bool
append(struct conn *c, const void *p, size_t len)
{
	uint8_t *out = conn_out(c, len);

	if (out == NULL)
		return false;
	memcpy(out, p, len);
	return true;
}

static bool
has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* Made once a second. */
static void
write_date(struct worker *worker, struct rk_writer *w)
{
	int64_t second = clock_real_ns() / NS_PER_S;
	struct rk_writer field;

	if (worker->date.len == 0 || worker->date.second != second) {
		rk_writer_init(&field, worker->date.field,
		    sizeof(worker->date.field));
		rk_http_write_date(&field, second);
		w->bad = w->bad || field.bad;
		worker->date.second = second;
		worker->date.len = field.len;
	}
	rk_write_bytes(w, worker->date.field, worker->date.len);
}

static void
write_head(const struct conn *c, const struct response *r, int minor, bool keep,
    struct rk_writer *w)
{
	char length[24];

	rk_http_write_status(w, minor, r->status);
	for (size_t i = 0; i < r->nfields; i++)
		rk_http_write_field(w, r->field[i].name, r->field[i].value);
	if (r->status == 101 || r->upgrade.advertise_version)
		rk_upgrade_write_fields(c->worker->conf->dialect, &r->upgrade,
		    w);
	/* In a 101 the reference writes "close", too, if it was asked to, and
	 * a WebSocket client that looks gives up: here it says "upgrade". */
	if (r->status != 101 && !keep)
		rk_http_write_field(w, "connection", "close");
	else if (r->status != 101 && minor == 0)
		rk_http_write_field(w, "connection", "keep-alive");
	if (has_body(r->status)) {
		snprintf(length, sizeof(length), "%zu", r->body.len);
		rk_http_write_field(w, "content-length", length);
	}
	write_date(c->worker, w);
	rk_http_write_end(w);
}

/* Append the answer to the output; without its body to a HEAD. */
static bool
respond(struct conn *c, const struct response *r, int minor, bool keep,
    bool with_body)
{
	uint8_t buf[RESPONSE_HEAD_MAX] UNINITIALIZED;
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	write_head(c, r, minor, keep, &w);
	FAULT(HOOK_HEAD, .c = c, .response = (struct response *)(uintptr_t)r,
	    .out = &w);
	metrics_up(&c->worker->metrics.http_requests);
	if (r->status >= 400)
		metrics_up(&c->worker->metrics.http_errors);
	if (w.bad)
		return conn_close(c, ENDING_LIMIT, "response head");
	if (!append(c, buf, w.len))
		return false;
	return !with_body || r->body.len == 0 ||
	    append(c, r->body.s, r->body.len);
}

/* What could not be read as a request: an answer, if any, and the end. */
static bool
refuse(struct conn *c, int err, const char *what)
{
	struct response r;
	bool ok;

	response_init(&r);
	r.status = rk_http_error_status(err);
	conn_log(c, NULL, LOG_DEBUG, "refused status=%d what=\"%s\"", r.status,
	    what);
	if (r.status == 0) {
		response_clear(&r);
		return conn_close(c, ENDING_REFUSED, what);
	}
	c->ending = ENDING_REFUSED;
	ok = respond(c, &r, 1, false, true);
	response_clear(&r);
	if (ok)
		conn_set_state(c, CONN_LINGER);
	return false;
}

/*
 * A request for an upgrade that lacks a header field: most often a proxy has
 * removed it, which is said once per field.
 */
static void
log_bad_upgrade(struct conn *c, const struct rk_upgrade_request *u)
{
	bool first = server_is_new_complaint(c->worker->server, u->missing);

	conn_log(c, NULL, first ? LOG_INFO : LOG_DEBUG,
	    "upgrade-refused status=%d header=%s peer=%s%s", u->status,
	    u->missing, stream_peer(c->stream),
	    first ? " note=\"absent or not as it must be; a proxy in front may "
		    "have removed it; said once\""
		  : "");
}

/* The request is answered; go on with what follows it. */
static bool
answered(struct conn *c, const struct rk_http_head *h, const struct response *r,
    bool keep)
{
	if (r->upgrade.missing != NULL)
		log_bad_upgrade(c, &r->upgrade);
	conn_log(c, NULL, LOG_DEBUG, "request method=%.*s path=%.*s status=%d",
	    (int)(h->method.len < 16 ? h->method.len : 16),
	    (const char *)h->method.p,
	    (int)(h->path.len < 64 ? h->path.len : 64), (const char *)h->path.p,
	    r->status);
	if (r->status == 101) {
		c->upgraded = true;
		c->carrier = (uint8_t)r->upgrade.carrier;
	}
	if (keep || c->upgraded) {
		conn_set_state(c, CONN_HTTP); /* the time begins anew */
		return true;
	}
	conn_set_state(c, CONN_LINGER);
	return false;
}

static bool
handle_request(struct conn *c, struct rk_http_head *h)
{
	bool keep = rk_http_keeps_alive(h), ok;
	struct response r;
	int err = rk_http_body_request(&c->body, h);

	if (err != RK_OK)
		return refuse(c, err, "body length");
	FAULT(HOOK_REQUEST, .c = c, .head = h);
	response_init(&r);
	http_route(c, h, &r);
	FAULT(HOOK_RESPONSE, .c = c, .head = h, .response = &r, .keep = &keep);
	ok =
	    respond(c, &r, h->minor, keep, !rk_http_span_is(h->method, "HEAD"));
	if (ok)
		ok = answered(c, h, &r, keep);
	response_clear(&r);
	return ok;
}

static bool
worth_parsing(struct conn *c, const uint8_t *p, size_t len)
{
	size_t fresh = len - c->seen;

	if (fresh == 0)
		return false;
	if (len > PARSE_EAGERLY && len <= (size_t)c->worker->conf->max_head &&
	    (fresh < PARSE_EAGERLY || fresh < len / 4) &&
	    memchr(p + c->seen, '\n', fresh) == NULL)
		return false;
	c->seen = len;
	return true;
}

/* So that parsing does not begin with any number of them each time. */
static void
skip_empty_lines(struct conn *c)
{
	size_t len, n = 0;
	const uint8_t *p = conn_input(c, &len);

	while (n < len &&
	    (p[n] == '\n' || (p[n] == '\r' && n + 1 < len && p[n + 1] == '\n')))
		n += p[n] == '\n' ? 1 : 2;
	if (n == 0)
		return;
	conn_take(c, n);
	c->seen = 0;
}

/* True if a request was handled and another may follow. */
static bool
next_request(struct conn *c)
{
	struct rk_http_limits limits;
	struct rk_http_head h UNINITIALIZED;
	const uint8_t *p;
	size_t len;
	int err;

	skip_empty_lines(c);
	p = conn_input(c, &len);
	if (!worth_parsing(c, p, len))
		return false;
	rk_http_limits_default(&limits);
	limits.head = (size_t)c->worker->conf->max_head;
	err = rk_http_parse_request(p, len, &limits, &h);
	if (err == RK_ERR_AGAIN) {
		c->need = limits.head + 1;
		conn_take(c, 0); /* so that the buffer can hold it */
		return false;
	}
	if (err != RK_OK)
		return refuse(c, err, h.error_what);
	c->need = 0;
	c->seen = 0;
	if (!handle_request(c, &h))
		return false;
	conn_take(c, h.len);
	return true;
}

/*
 * The request has had its answer: a second one would be taken for that to the
 * next request, or, behind a 101, for frames.
 */
static bool
give_up(struct conn *c, const char *what)
{
	conn_log(c, NULL, LOG_DEBUG, "refused what=\"%s\"", what);
	c->ending = ENDING_REFUSED;
	conn_set_state(c, CONN_LINGER);
	conn_touch(c); /* the answer may be out already */
	return false;
}

/* True if the body of the request is over. */
static bool
skip_body(struct conn *c)
{
	struct rk_span data;
	size_t len, used;
	int err = RK_OK;

	while (!c->body.done && err == RK_OK) {
		const uint8_t *p = conn_input(c, &len);

		err = rk_http_body_take(&c->body, p, len, &used, &data);
		if (err != RK_OK && err != RK_ERR_AGAIN)
			return give_up(c, "body");
		conn_take(c, used);
	}
	return c->body.done;
}

/* True if the request that came last is done with in every way. */
static bool
go_on(struct conn *c)
{
	return c->state == CONN_HTTP && !conn_stall(c) && skip_body(c);
}

void
conn_http_input(struct conn *c)
{
	size_t len;

	while (go_on(c) && !c->upgraded && next_request(c))
		;
	if (c->upgraded && c->state == CONN_HTTP && c->body.done) {
		conn_frames_start(c, (enum rk_carrier)c->carrier);
		conn_frames_input(c);
	} else if (c->state == CONN_LINGER) {
		conn_input(c, &len); /* nobody will want it */
		conn_take(c, len);
	}
}
