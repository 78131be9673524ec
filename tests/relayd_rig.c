/* See relayd_rig.h. */
#include "config.h"

#include "relayd_rig.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "net/loop.h"
#include "support.h"

#define BEGINNING    (1000 * NS_PER_S)
/* More than any exchange of these tests needs. */
#define SETTLE_TURNS 12

struct rig rig;
const enum rk_carrier carriers[2] = { RK_CARRIER_RAW, RK_CARRIER_WS };

static const struct rk_dialect *
dialect(void)
{
	return rk_dialects()[0];
}

/* ---- the relay ---- */

static void
on_log(void *arg, enum log_level level, const char *line)
{
	struct rig *r = arg;

	text_addf(&r->log, "%s\n", line);
}

void
rig_start(struct rig *r)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	clock_fake(BEGINNING);
	text_init(&r->log);
	log_capture(on_log, r);
	conf_init(&r->conf, dialect());
	r->loop = loop_new();
	ck_assert_ptr_nonnull(r->loop);
	r->server = server_new(&r->conf, r->loop);
	ck_assert_ptr_nonnull(r->server);
}

void
rig_stop(struct rig *r)
{
	server_free(r->server);
	loop_free(r->loop);
	conf_clear(&r->conf);
	log_capture(NULL, NULL);
	text_clear(&r->log);
	clock_unfake();
}

void
rig_setup(void)
{
	rig_start(&rig);
}

void
rig_teardown(void)
{
	rig_stop(&rig);
}

void
rig_turn(struct rig *r)
{
	loop_turn(r->loop, 0);
}

void
rig_settle(struct rig *r)
{
	for (int i = 0; i < SETTLE_TURNS; i++)
		rig_turn(r);
}

void
rig_pass(struct rig *r, int64_t ns)
{
	const int64_t step = 100 * NS_PER_MS;

	while (ns > 0) {
		clock_advance(ns < step ? ns : step);
		ns -= step;
		rig_turn(r);
	}
	rig_settle(r);
}

uint64_t
rig_metric(struct rig *r, const char *sample)
{
	size_t len = strlen(sample);
	uint64_t value = UINT64_MAX;
	struct text t;

	text_init(&t);
	server_write_metrics(r->server, &t);
	for (const char *line = t.s; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, sample, len) == 0 && line[len] == ' ')
			value = strtoull(line + len, NULL, 10);
	}
	text_clear(&t);
	ck_assert_msg(value != UINT64_MAX, "no sample %s", sample);
	return value;
}

/* ---- a client's transport ---- */

void
client_open(struct client *c, struct rig *r, enum service service)
{
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fd),
	    0);
	memset(c, 0, sizeof(*c));
	c->rig = r;
	c->fd = fd[0];
	c->conn = conn_new(&r->server->worker, fd[1], NULL, service);
	ck_assert_ptr_nonnull(c->conn);
}

void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	free(c->in);
	c->in = NULL;
	c->in_len = 0;
}

void
client_shut(struct client *c)
{
	ck_assert_int_eq(shutdown(c->fd, SHUT_WR), 0);
}

void
client_send(struct client *c, const void *p, size_t len)
{
	const uint8_t *at = p;

	if (c->corked) {
		text_add_n(&c->held, p, len);
		return;
	}
	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			rig_turn(c->rig);
			continue;
		}
		ck_assert_msg(n > 0, "send: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
}

void
client_send_text(struct client *c, const char *text)
{
	client_send(c, text, strlen(text));
}

void
client_cork(struct client *c)
{
	c->corked = true;
}

void
client_uncork(struct client *c)
{
	c->corked = false;
	client_send(c, c->held.s, c->held.len);
	text_clear(&c->held);
}

static void
take_in(struct client *c)
{
	uint8_t buf[16384];
	ssize_t n;

	while (!c->ended && (n = recv(c->fd, buf, sizeof(buf), 0)) != 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		c->in = xreallocarray(c->in, c->in_len + (size_t)n, 1);
		memcpy(c->in + c->in_len, buf, (size_t)n);
		c->in_len += (size_t)n;
	}
	c->ended = true;
}

void
client_poll(struct client *c)
{
	for (int i = 0; i < SETTLE_TURNS; i++) {
		rig_turn(c->rig);
		take_in(c);
	}
}

static void
drop_input(struct client *c, size_t n)
{
	ck_assert_uint_le(n, c->in_len);
	c->in_len -= n;
	memmove(c->in, c->in + n, c->in_len);
}

/* ---- HTTP ---- */

const char *
client_answer(struct client *c)
{
	static char text[65536];
	struct rk_http_limits limits;
	struct rk_http_head h;
	const struct rk_http_field *f;
	size_t len;

	client_poll(c);
	rk_http_limits_default(&limits);
	ck_assert_int_eq(rk_http_parse_response(c->in, c->in_len, &limits, &h),
	    RK_OK);
	len = h.len;
	f = rk_http_find(&h, "content-length");
	if (f != NULL)
		len += strtoul((const char *)f->value.p, NULL, 10);
	ck_assert_uint_le(len, c->in_len);
	ck_assert_uint_lt(len, sizeof(text));
	memcpy(text, c->in, len);
	text[len] = '\0';
	drop_input(c, len);
	return text;
}

void
client_upgrade(struct client *c, enum rk_carrier carrier)
{
	char key[RK_WS_KEY_SIZE];
	uint8_t buf[512];
	struct rk_writer w;

	c->carrier = carrier;
	rk_ws_make_key(key);
	rk_writer_init(&w, buf, sizeof(buf));
	rk_upgrade_write_request(dialect(), carrier, NULL, "rig", key, &w);
	client_send(c, buf, w.len);
	ck_assert_ptr_nonnull(strstr(client_answer(c), "HTTP/1.1 101 "));
}

/* ---- frames ---- */

size_t
client_info(enum rk_carrier carrier, uint8_t seed, uint8_t *out, size_t cap)
{
	struct rk_login_params params = { .carrier = carrier };
	uint8_t seeds[RK_SEED_LEN];
	struct rk_secret_key secret;
	struct rk_login login;
	struct rk_writer w;

	memset(seeds, seed, sizeof(seeds));
	rk_secret_key_from_seed(&secret, seeds);
	params.secret = &secret;
	rk_login_init(&login, dialect(), RK_CLIENT, &params);
	rk_writer_init(&w, out, cap);
	ck_assert_int_eq(rk_login_start(&login, &w), RK_OK);
	return w.len;
}

void
client_send_ws(struct client *c, bool fin, uint8_t opcode, const void *p,
    size_t len)
{
	struct rk_ws_header h = { .fin = fin,
		.opcode = opcode,
		.masked = true,
		.mask = { 0x11, 0x82, 0xf3, 0x64 },
		.payload_len = len };
	uint8_t *buf = xmalloc(RK_WS_HEADER_MAX + len);
	struct rk_writer w;

	rk_writer_init(&w, buf, RK_WS_HEADER_MAX);
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	if (len > 0)
		memcpy(buf + w.len, p, len);
	rk_ws_mask(h.mask, 0, buf + w.len, len);
	client_send(c, buf, w.len + len);
	free(buf);
}

/* What a carrier carries: a frame as it stands, or a message of it. */
static void
send_carried(struct client *c, const uint8_t *p, size_t len)
{
	if (c->carrier == RK_CARRIER_WS)
		client_send_ws(c, true, RK_WS_BINARY, p, len);
	else
		client_send(c, p, len);
}

void
client_login(struct client *c, struct rig *r, enum rk_carrier carrier,
    uint8_t seed)
{
	uint8_t buf[256], seeds[RK_SEED_LEN];
	struct rk_secret_key secret;
	size_t len = client_info(carrier, seed, buf, sizeof(buf));

	client_open(c, r, SERVICE_RELAY);
	client_upgrade(c, carrier);
	memset(seeds, seed, sizeof(seeds));
	rk_secret_key_from_seed(&secret, seeds);
	rk_secret_key_public(&secret, &c->key);
	send_carried(c, buf, len);
	client_barrier(c);
}

void
client_send_frame(struct client *c, const char *name, const void *payload,
    size_t len)
{
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_name(dialect(), name);
	uint8_t *buf = xmalloc(RK_FRAME_HEADER_MAX + len);
	struct rk_writer w;

	ck_assert_ptr_nonnull(spec);
	rk_writer_init(&w, buf, RK_FRAME_HEADER_MAX + len);
	rk_frame_header(dialect()->header[c->carrier], spec->type, len, &w);
	rk_write_bytes(&w, payload, len);
	ck_assert(!w.bad);
	send_carried(c, buf, w.len);
	free(buf);
}

void
client_send_packet(struct client *c, const struct client *to, const char *data)
{
	struct text t;

	text_init(&t);
	text_add_n(&t, (const char *)to->key.b, sizeof(to->key.b));
	text_add(&t, data);
	client_send_frame(c, "SendPacket", t.s, t.len);
	text_clear(&t);
}

/* The message at the front; its length on the wire, or 0. */
static size_t
ws_message(struct client *c, struct rk_ws_message *m)
{
	struct rk_ws_reader r;
	size_t at, used, need;

	rk_ws_reader_init(&r, false, SIZE_MAX, SIZE_MAX);
	if (rk_ws_next(&r, c->in, c->in_len, m, &at, &used, &need) != RK_OK)
		return 0;
	ck_assert_uint_eq(m->nframes, 1);
	return used;
}

/* |f| views c->in until the frame is dropped by the return value. */
static size_t
frame_at_front(struct client *c, struct rk_frame *f)
{
	enum rk_header_form form = dialect()->header[c->carrier];
	const uint8_t *p = c->in;
	size_t len = c->in_len, used = 0;
	struct rk_raw_frame raw;
	struct rk_ws_message m;

	if (c->carrier == RK_CARRIER_WS) {
		used = ws_message(c, &m);
		if (used == 0)
			return 0;
		ck_assert_int_eq(m.opcode, RK_WS_BINARY);
		p = m.payload;
		len = m.len;
	}
	if (rk_split(form, dialect()->max_frame, p, len, &raw) != RK_OK)
		return 0;
	ck_assert_int_eq(rk_frame_decode(dialect(), &raw, true, f), RK_OK);
	return used > 0 ? used : raw.total_len;
}

bool
client_next_frame(struct client *c, struct rk_frame *f)
{
	static uint8_t kept[1 << 17];
	size_t used = frame_at_front(c, f);

	if (used == 0)
		return false;
	ck_assert_uint_le(f->payload.len, sizeof(kept));
	if (f->payload.len > 0)
		memcpy(kept, f->payload.p, f->payload.len);
	f->payload.p = kept;
	memset(f->field, 0, sizeof(f->field));
	drop_input(c, used);
	return true;
}

void
client_expect_frame(struct client *c, const char *name, const void *payload,
    size_t len)
{
	struct rk_frame f;

	client_poll(c);
	ck_assert_msg(client_next_frame(c, &f), "no frame where %s should be",
	    name);
	ck_assert_str_eq(f.spec->name, name);
	ck_assert_bytes(f.payload.p, f.payload.len, payload, len);
}

void
client_expect_packet(struct client *c, const struct client *from,
    const char *data)
{
	struct text t;

	text_init(&t);
	text_add_n(&t, (const char *)from->key.b, sizeof(from->key.b));
	text_add(&t, data);
	client_expect_frame(c, "RecvPacket", t.s, t.len);
	text_clear(&t);
}

void
client_expect_gone(struct client *c, const struct client *who)
{
	client_expect_frame(c, "PeerGone", who->key.b, sizeof(who->key.b));
}

void
client_expect_ws(struct client *c, uint8_t opcode, const void *p, size_t len)
{
	struct rk_ws_message m;
	size_t used;

	client_poll(c);
	used = ws_message(c, &m);
	ck_assert_uint_gt(used, 0);
	ck_assert_int_eq(m.opcode, opcode);
	ck_assert_bytes(m.payload, m.len, p, len);
	drop_input(c, used);
}

void
client_expect_nothing(struct client *c)
{
	client_poll(c);
	ck_assert_uint_eq(c->in_len, 0);
	ck_assert(!c->ended);
}

void
client_expect_end(struct client *c)
{
	client_poll(c);
	ck_assert_uint_eq(c->in_len, 0);
	ck_assert(c->ended);
}

void
client_expect_protocol_end(struct client *c)
{
	client_expect_end(c);
	ck_assert_uint_eq(rig_metric(c->rig,
			      "relayd_ended_total{end=\"protocol\",stage="
			      "\"open\"}"),
	    1);
	ck_assert_uint_eq(c->rig->server->worker.nconns, 0);
	client_close(c);
}

void
client_barrier(struct client *c)
{
	static const char data[] = "barrier!";

	client_send_frame(c, "Ping", data, 8);
	client_expect_frame(c, "Pong", data, 8);
}
