/* See fake_relay.h. */
#include "config.h"

#include "fake_relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "net/listen.h"
#include "net/loop.h"

struct fake_relay {
	struct loop *loop;
	struct fake_rules rules;
	struct tls_ctx *tls;
	struct listener *listener;
	struct fake_client *clients; /* newest first */
	size_t accepted;
};

#define DIALECT (rk_dialects()[0])

/* ---- sending ---- */

void
fake_write(struct fake_client *c, const void *p, size_t len)
{
	if (c->stream != NULL)
		stream_write(c->stream, p, len);
}

void
fake_write_text(struct fake_client *c, const char *text)
{
	fake_write(c, text, strlen(text));
}

void
fake_send_ws(struct fake_client *c, uint8_t opcode, const void *payload,
    size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.payload_len = len };
	uint8_t head[RK_WS_HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, head, sizeof(head));
	rk_ws_write_header(&h, &w);
	fake_write(c, head, w.len);
	fake_write(c, payload, len);
}

static void
make_noise(struct fake_client *c, uint8_t type)
{
	static const uint8_t stranger[RK_KEY_LEN] = { 0xaa };

	if (!c->relay->rules.noisy ||
	    (type != 0x05 && type != 0x08 && type != 0x0d))
		return;
	c->relay->rules.noisy = false;
	fake_send(c, 0x06, NULL, 0);
	fake_send(c, 0x0c, "noisy...", 8);
	fake_send(c, 0x08, stranger, sizeof(stranger));
	if (c->relay->rules.healthy)
		fake_send(c, 0x0e, "noisy", 5);
	c->relay->rules.noisy = true;
}

void
fake_send(struct fake_client *c, uint8_t type, const void *payload, size_t len)
{
	uint8_t *buf = xmalloc(len + RK_FRAME_HEADER_MAX);
	struct rk_writer w;

	make_noise(c, type);
	rk_writer_init(&w, buf, len + RK_FRAME_HEADER_MAX);
	rk_frame_header(DIALECT->header[c->carrier], type, len, &w);
	rk_write_bytes(&w, payload, len);
	if (c->carrier == RK_CARRIER_WS)
		fake_send_ws(c, RK_WS_BINARY, buf, w.len);
	else
		fake_write(c, buf, w.len);
	free(buf);
}

void
fake_packet(struct fake_client *to, const struct rk_key *from, const void *data,
    size_t len)
{
	uint8_t *buf = xmalloc(RK_KEY_LEN + len);

	memcpy(buf, from->b, RK_KEY_LEN);
	memcpy(buf + RK_KEY_LEN, data, len);
	fake_send(to, 0x05, buf, RK_KEY_LEN + len);
	free(buf);
}

struct fake_client *
fake_find(struct fake_relay *r, const struct rk_key *key)
{
	for (struct fake_client *c = r->clients; c != NULL; c = c->next)
		if (c->logged_in && c->stream != NULL &&
		    rk_key_equal(&c->key, key))
			return c;
	return NULL;
}

void
fake_gone(struct fake_client *c)
{
	c->logged_in = false;
	for (size_t i = 0; i < c->nsent_to; i++) {
		struct fake_client *to = fake_find(c->relay, &c->sent_to[i]);

		if (to != NULL)
			fake_send(to, 0x08, c->key.b, RK_KEY_LEN);
	}
}

/* ---- what it should do ---- */

static void
note_sent(struct fake_client *c, const struct rk_key *to)
{
	for (size_t i = 0; i < c->nsent_to; i++)
		if (rk_key_equal(&c->sent_to[i], to))
			return;
	if (c->nsent_to < 8)
		c->sent_to[c->nsent_to++] = *to;
}

static void
relay_packet(struct fake_client *c, const struct rk_frame *f)
{
	struct rk_span data = rk_frame_field(f, "data");
	struct fake_client *to;
	struct rk_key key;

	rk_frame_key(f, &key);
	to = fake_find(c->relay, &key);
	if (to == NULL)
		return;
	note_sent(c, &key);
	if (c->relay->rules.on_packet != NULL &&
	    c->relay->rules.on_packet(c, to, data))
		return;
	fake_packet(to, &c->key, data.p, data.len);
}

static void
serve_frame(struct fake_client *c, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;

	if (!c->logged_in) {
		rk_writer_init(&w, out, sizeof(out));
		if (rk_login_input(&c->login, raw, &w) != RK_OK) {
			fake_close(c);
			return;
		}
		c->logged_in = true;
		c->key = c->login.peer;
		return;
	}
	if (rk_frame_decode(DIALECT, raw, true, &f) != RK_OK) {
		fake_gone(c);
		fake_close(c);
		return;
	}
	if (c->relay->rules.on_frame != NULL && c->relay->rules.on_frame(c, &f))
		return;
	if (f.kind == RK_FRAME_PING)
		fake_send(c, 0x0d, f.payload.p, f.payload.len);
	else if (f.kind == RK_FRAME_SEND)
		relay_packet(c, &f);
}

static void
upgrade(struct fake_client *c, const struct rk_http_head *h)
{
	struct rk_login_params params = { .secret = NULL };
	struct rk_upgrade_request u;
	uint8_t buf[1024];
	struct rk_writer w;

	rk_upgrade_judge(DIALECT, h, &u);
	rk_writer_init(&w, buf, sizeof(buf));
	rk_http_write_status(&w, 1, u.status);
	rk_upgrade_write_fields(DIALECT, &u, &w);
	if (u.status != 101)
		rk_http_write_field(&w, "Content-Length", "0");
	rk_http_write_end(&w);
	fake_write(c, buf, w.len);
	if (u.status != 101)
		return;
	c->framed = true;
	c->carrier = params.carrier = u.carrier;
	rk_ws_reader_init(&c->ws, true, 1 << 21, 1 << 21);
	rk_login_init(&c->login, DIALECT, RK_SERVER, &params);
}

static bool
read_request(struct fake_client *c, uint8_t *p, size_t len)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	int err;

	rk_http_limits_default(&limits);
	err = rk_http_parse_request(p, len, &limits, &h);
	if (err == RK_ERR_AGAIN)
		return false;
	if (err != RK_OK) {
		fake_close(c);
		return false;
	}
	if (c->relay->rules.on_request == NULL ||
	    !c->relay->rules.on_request(c, &h))
		upgrade(c, &h);
	if (c->stream != NULL)
		stream_consume(c->stream, h.len);
	return c->stream != NULL;
}

static bool
read_raw(struct fake_client *c, uint8_t *p, size_t len)
{
	struct rk_raw_frame raw;
	int err = rk_split(RK_HEADER_TLV32, DIALECT->max_frame, p, len, &raw);

	if (err == RK_ERR_AGAIN) {
		stream_set_input_max(c->stream, raw.total_len + 65536);
		return false;
	}
	if (err != RK_OK) {
		fake_gone(c);
		fake_close(c);
		return false;
	}
	serve_frame(c, &raw);
	if (c->stream != NULL)
		stream_consume(c->stream, raw.total_len);
	return c->stream != NULL;
}

static void
serve_message(struct fake_client *c, const struct rk_ws_message *m)
{
	struct rk_raw_frame raw;

	if (m->opcode == RK_WS_PING)
		fake_send_ws(c, RK_WS_PONG, m->payload, m->len);
	else if (m->opcode == RK_WS_CLOSE)
		fake_close(c);
	else if (m->opcode == RK_WS_BINARY &&
	    rk_split(RK_HEADER_TYPE8, 1 << 21, m->payload, m->len, &raw) ==
		RK_OK)
		serve_frame(c, &raw);
}

static bool
read_ws(struct fake_client *c, uint8_t *p, size_t len)
{
	struct rk_ws_message m;
	size_t at, used, need;
	int err = rk_ws_next(&c->ws, p, len, &m, &at, &used, &need);

	if (err == RK_OK)
		serve_message(c, &m);
	else if (err == RK_ERR_AGAIN)
		stream_set_input_max(c->stream, need + 65536);
	else
		fake_close(c);
	if (c->stream != NULL)
		stream_consume_at(c->stream, at, used);
	return err == RK_OK && c->stream != NULL;
}

/* ---- connections ---- */

static void
on_input(struct fake_client *c)
{
	bool more = true;

	while (more && c->stream != NULL && !c->deaf) {
		size_t len;
		uint8_t *p = stream_input(c->stream, &len);

		if (len == 0)
			return;
		if (!c->framed)
			more = read_request(c, p, len);
		else if (c->carrier == RK_CARRIER_WS)
			more = read_ws(c, p, len);
		else
			more = read_raw(c, p, len);
	}
}

void
fake_close(struct fake_client *c)
{
	if (c->stream != NULL)
		stream_free(c->stream);
	c->stream = NULL;
}

void
fake_reset(struct fake_client *c)
{
	if (c->stream != NULL)
		stream_abort(c->stream);
	fake_close(c);
}

static void
on_stream(void *arg, struct stream *s, enum stream_event e)
{
	struct fake_client *c = arg;
	const struct fake_rules *rules = &c->relay->rules;

	switch (e) {
	case STREAM_INPUT:
		on_input(c);
		break;
	case STREAM_ENDED:
		if (rules->on_end != NULL && rules->on_end(c))
			break;
		if (c->logged_in)
			fake_gone(c);
		fake_close(c);
		break;
	case STREAM_DRAINED:
		if (rules->on_drained != NULL)
			rules->on_drained(c);
		break;
	case STREAM_SECURED:
	case STREAM_TIMEOUT:
		break;
	}
}

static void
on_time(void *arg)
{
	struct fake_client *c = arg;

	c->later(c);
}

void
fake_later(struct fake_client *c, unsigned ms,
    void (*fn)(struct fake_client *c))
{
	c->later = fn;
	timer_set(c->timer, ms * NS_PER_MS);
}

static void
on_accept(void *arg, int fd)
{
	struct fake_relay *r = arg;
	struct fake_client *c = xcalloc(1, sizeof(*c));

	c->relay = r;
	c->next = r->clients;
	r->clients = c;
	r->accepted++;
	c->timer = timer_new(r->loop, on_time, c);
	c->stream = r->tls != NULL
	    ? stream_new_tls(r->loop, fd, r->tls, NULL, on_stream, c)
	    : stream_new(r->loop, fd, on_stream, c);
	if (r->rules.on_accept != NULL)
		r->rules.on_accept(c);
}

struct fake_relay *
fake_relay_new(struct loop *l, const struct fake_rules *rules,
    struct tls_ctx *tls)
{
	struct fake_relay *r = xcalloc(1, sizeof(*r));
	char err[128];

	r->loop = l;
	r->tls = tls;
	if (rules != NULL)
		r->rules = *rules;
	r->listener =
	    listener_new(l, "127.0.0.1:0", on_accept, r, err, sizeof(err));
	if (r->listener == NULL)
		abort();
	return r;
}

void
fake_relay_free(struct fake_relay *r)
{
	struct fake_client *c;

	while ((c = r->clients) != NULL) {
		r->clients = c->next;
		fake_close(c);
		timer_free(c->timer);
		free(c);
	}
	listener_free(r->listener);
	free(r);
}

unsigned
fake_relay_port(const struct fake_relay *r)
{
	return listener_port(r->listener);
}

size_t
fake_relay_accepted(const struct fake_relay *r)
{
	return r->accepted;
}
