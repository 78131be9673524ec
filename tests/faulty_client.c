/*
 * A client of a relay that has one fault, or none: what proves that the
 * cases for clients can fail.
 *
 * faulty_client [--fault NAME] [--send FILE] URL      until it is ended
 * faulty_client --fault help [--json]   the list
 *
 * With --send, what the file holds goes to somebody as a packet, unless it is
 * too long for one.
 *
 * It stands on the codec and on src/net, and shares nothing with relay-cli.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "codec/relaykit.h"
#include "faulty_client.h"
#include "net/dial.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"
#include "net/url.h"

/* As the reference has them: iroh-v3 sections 3.5, 5.4 and 5.6. */
#define CONNECT_NS     (10 * NS_PER_S)
#define SILENCE_NS     (120 * NS_PER_S)
#define BACKOFF_MIN_NS (50 * NS_PER_MS)
#define BACKOFF_MAX_NS (5 * NS_PER_S)
/* Of the faults that give up too early, too late, or do more than they
 * should. */
#define HASTY_NS       (60 * NS_PER_S)
#define CHATTER_NS     (200 * NS_PER_MS)
#define INPUT_MAX      (2 << 20)

enum state {
	STATE_CONNECTING,
	STATE_ASKING, /* the answer to the upgrade is awaited */
	STATE_OPEN,
	STATE_DEAF /* framing is lost, and nobody cares: a fault */
};

struct client {
	struct loop *loop;
	const struct rk_dialect *dialect;
	const struct fault *fault;
	struct relay_url url;
	struct rk_secret_key secret;
	struct dial *dial;
	struct tls_ctx *tls;
	struct stream *stream;
	struct timer *deadline; /* of connecting, then of silence */
	struct timer *retry;
	struct timer *chatter;
	int64_t backoff_ns;
	enum state state;
	bool logged_in;  /* ClientInfo is out */
	unsigned lives;  /* connections that ended */
	unsigned pings;  /* of the relay, on this connection */
	uint8_t *packet; /* to be sent behind the login, as a frame's payload */
	size_t packet_len;
	char ws_key[RK_WS_KEY_SIZE];
	struct rk_ws_reader ws;
};

static void begin(void *arg);

static bool
has(const struct client *c, enum fault_kind kind, int arg)
{
	return c->fault != NULL && c->fault->kind == kind &&
	    c->fault->arg == arg;
}

/* The connection is over, whoever ended it. */
static void
leave(struct client *c)
{
	dial_cancel(c->dial);
	stream_free(c->stream);
	c->dial = NULL;
	c->stream = NULL;
	timer_cancel(c->deadline);
	timer_cancel(c->chatter);
	c->lives++;
	if (has(c, FAULT_RETURN, RETURN_NEVER) ||
	    (has(c, FAULT_RETURN, RETURN_ONCE) && c->lives > 1) ||
	    (has(c, FAULT_CONNECT, CONNECT_FOR_GOOD) &&
		c->state != STATE_OPEN)) {
		timer_cancel(c->retry);
		return;
	}
	timer_set(c->retry, c->backoff_ns);
	c->backoff_ns *= 2;
	if (c->backoff_ns > BACKOFF_MAX_NS)
		c->backoff_ns = BACKOFF_MAX_NS;
}

/* ---- frames out ---- */

static void
send_ws(struct client *c, uint8_t opcode, const uint8_t *p, size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.masked = true,
		.payload_len = len };
	size_t size = RK_WS_HEADER_MAX + len, at;
	uint8_t *buf = xmalloc(size);
	struct rk_writer w;

	rk_random(h.mask, sizeof(h.mask));
	rk_writer_init(&w, buf, size);
	rk_ws_write_header(&h, &w);
	at = w.len;
	rk_write_bytes(&w, p, len);
	if (!w.bad) {
		rk_ws_mask(h.mask, 0, buf + at, len);
		stream_write(c->stream, buf, w.len);
	}
	free(buf);
}

static void
send_frame(struct client *c, const struct rk_frame *f)
{
	enum rk_carrier carrier = c->url.carrier;
	uint8_t buf[512];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	rk_frame_encode(c->dialect, c->dialect->header[carrier], f, RK_LAX, &w);
	if (carrier == RK_CARRIER_WS)
		send_ws(c, RK_WS_BINARY, buf, w.len);
	else
		stream_write(c->stream, buf, w.len);
}

static void
send_data(struct client *c, enum rk_frame_kind kind, const void *p, size_t len)
{
	struct rk_frame f;

	rk_frame_init(&f, rk_frame_spec_by_kind(c->dialect, kind));
	rk_frame_set(&f, "data", p, len);
	send_frame(c, &f);
}

static void
send_packet(struct client *c)
{
	struct rk_frame f;
	struct rk_key own;

	rk_secret_key_public(&c->secret, &own);
	rk_frame_init(&f, rk_frame_spec_by_kind(c->dialect, RK_FRAME_SEND));
	rk_frame_set(&f, "key", own.b, sizeof(own.b));
	rk_frame_set(&f, "data", "hello", 5);
	send_frame(c, &f);
}

/* Is it short enough?  Section 2.3. */
static bool
may_send(const struct client *c)
{
	size_t most = RK_KEY_LEN + 65536;

	return c->packet_len <= most || has(c, FAULT_SEND, SEND_ANY) ||
	    (has(c, FAULT_SEND, SEND_ONE_OVER) && c->packet_len == most + 1);
}

/* The frame is put together here: the codec knows better than to write one
 * that is too long. */
static void
send_what_was_said(struct client *c)
{
	const struct rk_frame_spec *spec =
	    rk_frame_spec_by_kind(c->dialect, RK_FRAME_SEND);
	size_t size = 5 + c->packet_len;
	uint8_t *buf = xmalloc(size);
	struct rk_writer w;

	rk_writer_init(&w, buf, size);
	rk_write_u8(&w, (uint8_t)spec->type);
	if (c->url.carrier == RK_CARRIER_RAW)
		rk_write_u32be(&w, (uint32_t)c->packet_len);
	rk_write_bytes(&w, c->packet, c->packet_len);
	if (!may_send(c))
		fprintf(stderr, "too long, nothing of it is sent\n");
	else if (c->url.carrier == RK_CARRIER_WS)
		send_ws(c, RK_WS_BINARY, buf, w.len);
	else
		stream_write(c->stream, buf, w.len);
	free(buf);
}

/* Somebody's key, and what the file holds. */
static int
read_packet(struct client *c, const char *path)
{
	struct rk_key own;
	FILE *f = fopen(path, "re");
	size_t room = RK_KEY_LEN + (1 << 20);

	if (f == NULL)
		return cli_usage_error("cannot read %s", path);
	rk_secret_key_public(&c->secret, &own);
	c->packet = xmalloc(room);
	memcpy(c->packet, own.b, RK_KEY_LEN);
	c->packet_len =
	    RK_KEY_LEN + fread(c->packet + RK_KEY_LEN, 1, room - RK_KEY_LEN, f);
	fclose(f);
	return 0;
}

/* Section 3.2, or nearly so. */
static void
send_client_info(struct client *c)
{
	static const uint8_t messages[][2] = { { 3 }, { 2 }, { 3, 0xff } };
	const uint8_t *message = messages[0];
	size_t message_len = 1;
	uint8_t signature[RK_SIGNATURE_LEN];
	struct rk_frame f;
	struct rk_key own;

	if (has(c, FAULT_LOGIN, LOGIN_VERSION_2))
		message = messages[1];
	if (has(c, FAULT_LOGIN, LOGIN_LONG_MESSAGE)) {
		message = messages[2];
		message_len = 2;
	}
	rk_secret_key_public(&c->secret, &own);
	rk_sign(&c->secret, message, message_len, signature);
	signature[0] ^= has(c, FAULT_LOGIN, LOGIN_BAD_SIGNATURE);
	if (has(c, FAULT_LOGIN, LOGIN_OTHER_KEY)) {
		struct rk_secret_key other;

		rk_secret_key_generate(&other);
		rk_secret_key_public(&other, &own);
	}
	rk_frame_init(&f,
	    rk_frame_spec_by_kind(c->dialect, RK_FRAME_CLIENT_INFO));
	if (has(c, FAULT_LOGIN, LOGIN_BAD_MAGIC))
		rk_frame_set(&f, "magic", "RELAY-KEY", 9);
	rk_frame_set(&f, "key", own.b, sizeof(own.b));
	rk_frame_set(&f, "signature", signature, sizeof(signature));
	rk_frame_set(&f, "message", message, message_len);
	send_frame(c, &f);
}

static void
log_in(struct client *c)
{
	static const uint8_t eight[8] = "unasked";

	if (c->logged_in)
		return;
	c->logged_in = true;
	if (has(c, FAULT_LOGIN, LOGIN_PING_FIRST))
		send_data(c, RK_FRAME_PING, eight, sizeof(eight));
	if (!has(c, FAULT_LOGIN, LOGIN_NONE))
		send_client_info(c);
	if (has(c, FAULT_LOGIN, LOGIN_TWICE))
		send_client_info(c);
	if (c->fault != NULL && c->fault->kind == FAULT_CHATTER)
		timer_set(c->chatter, CHATTER_NS);
	if (c->packet != NULL)
		send_what_was_said(c);
}

/* What nobody asked for. */
static void
chatter(void *arg)
{
	static const uint8_t eight[8] = "unasked";
	struct client *c = arg;

	if (c->stream == NULL)
		return;
	switch (c->fault->arg) {
	case CHATTER_PINGS:
		send_data(c, RK_FRAME_PING, eight, sizeof(eight));
		break;
	case CHATTER_KEEP_ALIVE:
		send_data(c, RK_FRAME_KEEP_ALIVE, NULL, 0);
		break;
	case CHATTER_PREFERRED:
		send_data(c, RK_FRAME_NOTE_PREFERRED, "\1", 1);
		break;
	default:
		send_packet(c);
		break;
	}
	timer_set(c->chatter, CHATTER_NS);
}

/* ---- frames in ---- */

static void
answer_ping(struct client *c, struct rk_span data)
{
	uint8_t pong[8];

	c->pings++;
	if (has(c, FAULT_PONG, PONG_NONE) ||
	    (has(c, FAULT_PONG, PONG_ONCE) && c->pings > 1))
		return;
	memcpy(pong, data.p, sizeof(pong));
	if (has(c, FAULT_PONG, PONG_ZEROS))
		memset(pong, 0, sizeof(pong));
	if (has(c, FAULT_PONG, PONG_REVERSED))
		for (size_t i = 0; i < sizeof(pong); i++)
			pong[i] = data.p[7 - i];
	if (has(c, FAULT_PONG, PONG_LAST_BYTE))
		pong[7] = 0;
	send_data(c,
	    has(c, FAULT_PONG, PONG_AS_PING) ? RK_FRAME_PING : RK_FRAME_PONG,
	    pong, sizeof(pong));
}

static void
heard(struct client *c)
{
	if (has(c, FAULT_SILENCE, SILENCE_FOR_EVER))
		timer_cancel(c->deadline);
	else
		timer_set(c->deadline,
		    has(c, FAULT_SILENCE, SILENCE_HASTY) ? HASTY_NS
							 : SILENCE_NS);
}

/* Is this what the fault does not mind? */
static bool
tolerates(const struct client *c, const struct rk_raw_frame *raw, int err)
{
	if (c->fault == NULL || c->fault->kind != FAULT_STAYS)
		return false;
	if (err == RK_ERR_UNKNOWN_TYPE)
		return c->fault->arg == STAYS_AT_UNKNOWN;
	if (err == RK_ERR_UTF8)
		return c->fault->arg == STAYS_AT_UTF8;
	if (err == RK_ERR_UNEXPECTED)
		return c->fault->arg == STAYS_AT_CLIENT_FRAME &&
		    c->fault->type == raw->type;
	return c->fault->arg == STAYS_AT_LENGTH && c->fault->type == raw->type;
}

/* Is this a lawful frame that the fault runs away from? */
static bool
fears(const struct client *c, const struct rk_raw_frame *raw)
{
	return (has(c, FAULT_LEAVES, LEAVES_AT_TYPE) &&
		   c->fault->type == raw->type) ||
	    (has(c, FAULT_LEAVES, LEAVES_AT_EMPTY) &&
		c->fault->type == raw->type &&
		raw->payload.len ==
		    (raw->type == 0x05 /* RecvPacket */ ? RK_KEY_LEN : 0)) ||
	    (has(c, FAULT_LEAVES, LEAVES_AT_BIGGEST) &&
		raw->payload.len >= 65536);
}

static void
frame_in(struct client *c, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	int err = rk_frame_decode(c->dialect, raw, false, &f);

	if (err == RK_OK && (f.spec->sender & RK_FROM_SERVER) == 0)
		err = RK_ERR_UNEXPECTED;
	if (err != RK_OK && tolerates(c, raw, err))
		return;
	if (err != RK_OK || fears(c, raw)) {
		leave(c);
		return;
	}
	heard(c);
	if (f.kind == RK_FRAME_PING)
		answer_ping(c, rk_frame_field(&f, "data"));
}

/* One frame of the raw carrier; an error that ends the reading. */
static int
take_raw(struct client *c)
{
	size_t len;
	uint8_t *in = stream_input(c->stream, &len);
	struct rk_raw_frame raw;
	int err = rk_split(c->dialect->header[RK_CARRIER_RAW],
	    c->dialect->max_frame, in, len, &raw);

	if (err != RK_OK)
		return err;
	frame_in(c, &raw);
	if (c->stream != NULL)
		stream_consume(c->stream, raw.total_len);
	return RK_OK;
}

static int
take_ws(struct client *c)
{
	size_t len, at, used, need;
	uint8_t *in = stream_input(c->stream, &len);
	struct rk_ws_message m;
	struct rk_raw_frame raw;
	int err = rk_ws_next(&c->ws, in, len, &m, &at, &used, &need);

	if (err == RK_OK && m.opcode == RK_WS_PING)
		send_ws(c, RK_WS_PONG, m.payload, m.len);
	else if (err == RK_OK && m.opcode == RK_WS_CLOSE)
		err = RK_ERR_UNEXPECTED;
	else if (err == RK_OK && m.opcode == RK_WS_BINARY) {
		err = rk_split(c->dialect->header[RK_CARRIER_WS],
		    c->dialect->max_message, m.payload, m.len, &raw);
		if (err == RK_OK)
			frame_in(c, &raw);
	}
	if (c->stream != NULL)
		stream_consume_at(c->stream, at, used);
	return err;
}

static void
take_frames(struct client *c)
{
	int err = RK_OK;

	while (err == RK_OK && c->stream != NULL)
		err =
		    c->url.carrier == RK_CARRIER_WS ? take_ws(c) : take_raw(c);
	if (c->stream == NULL || err == RK_ERR_AGAIN)
		return;
	if (has(c, FAULT_STAYS, STAYS_AT_TOO_LONG))
		c->state = STATE_DEAF;
	else
		leave(c);
}

/* ---- the upgrade ---- */

static const char *
wanted_target(const struct client *c)
{
	if (has(c, FAULT_REQUEST, REQUEST_DERP))
		return "/derp";
	if (has(c, FAULT_REQUEST, REQUEST_OWN_PATH) && c->url.path[0] != '\0')
		return c->url.path;
	return "/relay";
}

static void
add_host(const struct client *c, struct text *t)
{
	char host[URL_HOST_MAX + 16];

	if (has(c, FAULT_REQUEST, REQUEST_NO_HOST))
		return;
	relay_url_host_field(&c->url, host, sizeof(host));
	if (has(c, FAULT_REQUEST, REQUEST_NO_PORT) && strchr(host, ':') != NULL)
		*strchr(host, ':') = '\0';
	if (has(c, FAULT_REQUEST, REQUEST_OTHER_HOST))
		snprintf(host, sizeof(host), "relay.example");
	if (has(c, FAULT_REQUEST, REQUEST_HOST_DOT))
		snprintf(host, sizeof(host), "%s:%u", c->url.host, c->url.port);
	text_addf(t, "Host: %s\r\n", host);
	if (has(c, FAULT_REQUEST, REQUEST_TWO_HOSTS))
		text_addf(t, "Host: %s\r\n", host);
}

static void
ask(struct client *c)
{
	struct text t;

	text_init(&t);
	text_addf(&t, "%s %s HTTP/1.%d\r\n",
	    has(c, FAULT_REQUEST, REQUEST_POST) ? "POST" : "GET",
	    wanted_target(c), !has(c, FAULT_REQUEST, REQUEST_HTTP_1_0));
	add_host(c, &t);
	rk_ws_make_key(c->ws_key);
	if (c->url.carrier == RK_CARRIER_WS) {
		text_add(&t, "Upgrade: websocket\r\n");
		if (!has(c, FAULT_REQUEST, REQUEST_WS_NO_CONNECTION))
			text_add(&t, "Connection: Upgrade\r\n");
		if (!has(c, FAULT_REQUEST, REQUEST_WS_NO_VERSION))
			text_addf(&t, "Sec-WebSocket-Version: %s\r\n",
			    has(c, FAULT_REQUEST, REQUEST_WS_VERSION_8) ? "8"
									: "13");
		text_addf(&t, "Sec-WebSocket-Key: %s\r\n", c->ws_key);
	} else {
		text_addf(&t, "Upgrade: %s\r\n",
		    has(c, FAULT_REQUEST, REQUEST_TOKEN) ? "DERP"
							 : "iroh derp http");
	}
	text_add(&t, "\r\n");
	stream_write(c->stream, t.s, t.len);
	text_clear(&t);
	if (has(c, FAULT_ANSWER, ANSWER_NOT_AWAITED))
		log_in(c);
}

/* Does the answer make a relay of the other side? */
static bool
is_welcome(const struct client *c, const struct rk_http_head *h)
{
	if (has(c, FAULT_ANSWER, ANSWER_WANTS_UPGRADE) &&
	    rk_http_find(h, "Upgrade") == NULL)
		return false;
	if (has(c, FAULT_ANSWER, ANSWER_WANTS_CONNECTION) &&
	    rk_http_find(h, "Connection") == NULL)
		return false;
	if (has(c, FAULT_ANSWER, ANSWER_ANY_STATUS) ||
	    (has(c, FAULT_ANSWER, ANSWER_STATUS) &&
		(uint32_t)h->status == c->fault->type))
		return true;
	return rk_upgrade_check_response(c->dialect, c->url.carrier, h,
		   c->ws_key) == RK_OK;
}

static bool
is_interim(const struct client *c, const struct rk_http_head *h)
{
	return h->status >= 100 && h->status < 200 && h->status != 101 &&
	    !(has(c, FAULT_ANSWER, ANSWER_INTERIM) &&
		(uint32_t)h->status == c->fault->type);
}

static void
welcome(struct client *c)
{
	size_t len;

	if (stream_input(c->stream, &len) != NULL && len > 0 &&
	    has(c, FAULT_ANSWER, ANSWER_DROPS_REST))
		stream_consume(c->stream, len);
	c->state = STATE_OPEN;
	c->backoff_ns = BACKOFF_MIN_NS;
	c->pings = 0;
	rk_ws_reader_init(&c->ws, false, c->dialect->max_message,
	    c->dialect->max_message);
	log_in(c);
	heard(c);
	take_frames(c);
}

static void
take_head(struct client *c)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	uint8_t *in = stream_input(c->stream, &len);
	int err;

	if (has(c, FAULT_ANSWER, ANSWER_HALF_AWAITED))
		log_in(c);
	rk_http_limits_default(&limits);
	err = rk_http_parse_response(in, len, &limits, &h);
	if (err == RK_ERR_AGAIN)
		return;
	if (err != RK_OK && has(c, FAULT_ANSWER, ANSWER_NO_HTTP)) {
		stream_consume(c->stream, len);
		welcome(c);
	} else if (err != RK_OK) {
		leave(c);
	} else if (is_interim(c, &h)) {
		stream_consume(c->stream, h.len);
		take_head(c);
	} else if (is_welcome(c, &h)) {
		stream_consume(c->stream, h.len);
		welcome(c);
	} else {
		leave(c);
	}
}

/* ---- a connection ---- */

static void
on_stream(void *arg, struct stream *s, enum stream_event e)
{
	struct client *c = arg;
	size_t len;

	if (e == STREAM_ENDED) {
		leave(c);
	} else if (e == STREAM_SECURED) {
		ask(c);
	} else if (e == STREAM_INPUT && c->state == STATE_DEAF) {
		stream_input(s, &len);
		stream_consume(s, len);
	} else if (e == STREAM_INPUT && c->state == STATE_ASKING) {
		take_head(c);
	} else if (e == STREAM_INPUT) {
		take_frames(c);
	}
}

/* What the hello of TLS asks for.  An address is no name, and of two final
 * dots one goes. */
static void
server_name(const struct client *c, char *out, size_t size)
{
	size_t len = strlen(c->url.host);

	if (len > 1 && c->url.host[len - 1] == '.')
		len--;
	if (has(c, FAULT_TLS, TLS_NO_NAME))
		snprintf(out, size, "127.0.0.1");
	else if (has(c, FAULT_TLS, TLS_OTHER_NAME))
		snprintf(out, size, "relay.example");
	else
		snprintf(out, size, "%.*s%s", (int)len, c->url.host,
		    has(c, FAULT_TLS, TLS_NAME_DOT) ? ".." : "");
}

static void
on_dialled(void *arg, const struct dial_result *r)
{
	struct client *c = arg;
	char name[URL_HOST_MAX + 2];

	c->dial = NULL;
	if (r->status != DIAL_OK) {
		leave(c);
		return;
	}
	c->state = STATE_ASKING;
	server_name(c, name, sizeof(name));
	c->stream = c->url.tls
	    ? stream_new_tls(c->loop, r->fd, c->tls, name, on_stream, c)
	    : stream_new(c->loop, r->fd, on_stream, c);
	stream_set_input_max(c->stream, INPUT_MAX);
	if (!c->url.tls)
		ask(c);
}

static void
on_deadline(void *arg)
{
	leave(arg);
}

static void
begin(void *arg)
{
	struct client *c = arg;
	const struct dial_config dial = { .host = c->url.host,
		.port = c->url.port };

	c->state = STATE_CONNECTING;
	c->logged_in = false;
	if (!has(c, FAULT_CONNECT, CONNECT_PATIENT))
		timer_set(c->deadline, CONNECT_NS);
	c->dial = dial_start(c->loop, &dial, on_dialled, c);
}

int
main(int argc, char **argv)
{
	struct client c = { .backoff_ns = BACKOFF_MIN_NS };
	const char *file = NULL;
	char err[400];

	cli_start("faulty_client");
	if (argc > 2 && strcmp(argv[1], "--fault") == 0) {
		if (strcmp(argv[2], "help") == 0)
			return faults_print(argc > 3);
		c.fault = fault_by_name(argv[2]);
		if (c.fault == NULL)
			return cli_usage_error("no fault '%s'", argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc > 2 && strcmp(argv[1], "--send") == 0) {
		file = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc != 2 ||
	    relay_url_parse(argv[1], &c.url, err, sizeof(err)) != 0)
		return cli_usage_error("want [--fault NAME] [--send FILE] "
				       "URL");
	rk_keys_init();
	rk_secret_key_generate(&c.secret);
	if (file != NULL && read_packet(&c, file) != 0)
		return EXIT_FAILURE;
	c.dialect = rk_dialects()[0];
	c.loop = loop_new();
	c.tls =
	    tls_client_ctx_new(&(struct tls_client_config){ .insecure = has(&c,
								FAULT_TLS,
								TLS_TRUSTS_ALL),
				   .alpn = "http/1.1" },
		err, sizeof(err));
	if (c.tls == NULL)
		return cli_usage_error("%s", err);
	c.deadline = timer_new(c.loop, on_deadline, &c);
	c.retry = timer_new(c.loop, begin, &c);
	c.chatter = timer_new(c.loop, chatter, &c);
	begin(&c);
	for (;;)
		loop_turn(c.loop, -1);
}
