/*
 * A connection of relayd: bytes come in pieces of any size, from before the
 * upgrade or from after a login, and at the end the peer leaves.  Whatever
 * they are, a second client is served as before, and nothing stays behind.
 *
 * Input: flags, a number from which the pieces follow, the bytes.
 */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "codec/relaykit.h"
#include "net/loop.h"
#include "relayd/conf.h"
#include "relayd/conn.h"
#include "relayd/router.h"
#include "relayd/server.h"
#include "require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	FLAG_LOGGED_IN = 1, /* the bytes come behind a login */
	FLAG_WS = 2,        /* … of that carrier */
	FLAG_035 = 4,
	FLAG_LIMITED = 8, /* the receive limit is on */
	FLAG_SHUT = 16    /* half a close first */
};

#define BEGINNING (1000 * NS_PER_S)
#define OUT_MAX   (4 << 20) /* of one side that is looked at */
#define TURNS     8
#define HONEST    0xee
#define STRANGE   0x01
#define NONCE     "barrier."

static struct loop *loop;
static struct server *server;

/* One client. */
struct side {
	int fd;
	enum rk_carrier carrier;
	uint8_t *in;
	size_t len;
	bool ended;
};

static const struct rk_dialect *
dialect(void)
{
	return rk_dialects()[0];
}

static void
quiet(void *arg, enum log_level level, const char *line)
{
}

/* ---- a client's transport ---- */

static void
side_open(struct side *s)
{
	int fd[2];

	memset(s, 0, sizeof(*s));
	s->in = malloc(OUT_MAX);
	REQUIRE(s->in != NULL);
	REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd) == 0);
	s->fd = fd[0];
	REQUIRE(conn_new(&server->worker, fd[1], NULL, SERVICE_RELAY) != NULL);
}

static void
take_in(struct side *s)
{
	ssize_t n = 1;

	while (n > 0 && s->len < OUT_MAX) {
		n = recv(s->fd, s->in + s->len, OUT_MAX - s->len, 0);
		if (n > 0)
			s->len += (size_t)n;
	}
	s->ended = s->ended || n == 0 || (n < 0 && errno != EAGAIN);
}

static void
turn(struct side *s, int turns)
{
	for (int i = 0; i < turns; i++) {
		loop_turn(loop, 0);
		take_in(s);
	}
}

/* What the relay does not take any more is lost. */
static void
say(struct side *s, const void *p, size_t len)
{
	const uint8_t *at = p;

	for (int tries = 0; len > 0 && tries < 100; tries++) {
		ssize_t n = send(s->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			return;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
		turn(s, 1);
	}
}

static void
side_close(struct side *s)
{
	close(s->fd);
	free(s->in);
}

/* ---- login ---- */

static size_t
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
	REQUIRE(rk_login_start(&login, &w) == RK_OK);
	return w.len;
}

static void
say_ws(struct side *s, const uint8_t *p, size_t len)
{
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.masked = true,
		.payload_len = len };
	uint8_t head[RK_WS_HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, head, sizeof(head));
	REQUIRE(rk_ws_write_header(&h, &w) == RK_OK);
	say(s, head, w.len);
	say(s, p, len); /* the mask is zero */
}

static void
log_in(struct side *s, enum rk_carrier carrier, uint8_t seed)
{
	static const char ws_key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	struct rk_http_limits limits;
	struct rk_http_head h;
	uint8_t buf[512];
	struct rk_writer w;
	size_t len;

	s->carrier = carrier;
	rk_writer_init(&w, buf, sizeof(buf));
	rk_upgrade_write_request(dialect(), carrier, NULL, "fuzz", ws_key, &w);
	say(s, buf, w.len);
	turn(s, TURNS);
	rk_http_limits_default(&limits);
	REQUIRE(rk_http_parse_response(s->in, s->len, &limits, &h) == RK_OK);
	REQUIRE(h.status == 101 && h.len == s->len);
	s->len = 0;
	len = client_info(carrier, seed, buf, sizeof(buf));
	if (carrier == RK_CARRIER_WS)
		say_ws(s, buf, len);
	else
		say(s, buf, len);
	turn(s, TURNS);
}

/* ---- what the relay says ---- */

/* Whole frames as a relay sends them; the count of Pongs to our Ping. */
static unsigned
check_frames(const struct side *s)
{
	size_t at = 0;
	unsigned pongs = 0;

	while (at < s->len) {
		struct rk_raw_frame raw;
		struct rk_frame f;
		int err = rk_split(dialect()->header[RK_CARRIER_RAW],
		    dialect()->max_frame, s->in + at, s->len - at, &raw);

		if (err == RK_ERR_AGAIN && s->ended)
			break;
		REQUIRE(err == RK_OK);
		REQUIRE(rk_frame_decode(dialect(), &raw, true, &f) == RK_OK);
		REQUIRE(f.spec->sender != RK_FROM_CLIENT);
		if (f.kind == RK_FRAME_PONG &&
		    memcmp(raw.payload.p, NONCE, 8) == 0)
			pongs++;
		at += raw.total_len;
	}
	return pongs;
}

static void
check_honest(struct side *s)
{
	static const char ping[] = "\x0c\0\0\0\x08" NONCE;

	s->len = 0;
	say(s, ping, sizeof(ping) - 1);
	turn(s, TURNS);
	REQUIRE(!s->ended);
	REQUIRE(check_frames(s) == 1);
}

/* ---- one run ---- */

static void
feed(struct side *s, struct side *honest, const uint8_t *data, size_t size,
    uint32_t pieces)
{
	while (size > 0) {
		size_t n;

		pieces = pieces * 1664525 + 1013904223;
		n = 1 + (pieces >> 16) % (pieces & 64 ? 4096 : 24);
		if (n > size)
			n = size;
		say(s, data, n);
		turn(s, 1);
		data += n;
		size -= n;
		if (s->len > OUT_MAX / 2)
			s->len = 0;
	}
	turn(s, TURNS);
	take_in(honest);
}

static void
pass(struct side *a, struct side *b, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		clock_advance(NS_PER_S);
		turn(a, 1);
		take_in(b);
	}
}

static void
start(struct conf *conf, unsigned flags)
{
	REQUIRE(rk_keys_init() == RK_OK);
	clock_fake(BEGINNING);
	log_capture(quiet, NULL);
	conf_init(conf, dialect());
	if (flags & FLAG_035)
		conf->generation = GENERATION_035;
	if (flags & FLAG_LIMITED)
		conf->rx_rate = 20000;
	loop = loop_new();
	REQUIRE(loop != NULL);
	server = server_new(conf, loop);
	REQUIRE(server != NULL);
}

static void
finish(struct conf *conf)
{
	server_free(server);
	loop_free(loop);
	conf_clear(conf);
	log_capture(NULL, NULL);
	clock_unfake();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct side honest, strange;
	struct conf conf;
	unsigned flags;
	bool raw;

	if (size < 2)
		return 0;
	flags = data[0];
	raw = (flags & FLAG_LOGGED_IN) != 0 && (flags & FLAG_WS) == 0;
	start(&conf, flags);
	side_open(&honest);
	log_in(&honest, RK_CARRIER_RAW, HONEST);
	check_honest(&honest);
	side_open(&strange);
	if (flags & FLAG_LOGGED_IN)
		log_in(&strange,
		    flags & FLAG_WS ? RK_CARRIER_WS : RK_CARRIER_RAW, STRANGE);
	feed(&strange, &honest, data + 2, size - 2, data[1]);
	if (raw && strange.len < OUT_MAX / 2)
		check_frames(&strange);
	check_honest(&honest);
	if (flags & FLAG_SHUT) {
		shutdown(strange.fd, SHUT_WR);
		pass(&strange, &honest, flags & FLAG_035 ? 3 : 90);
	}
	side_close(&strange);
	turn(&honest, TURNS);
	if (flags & FLAG_LIMITED && (flags & FLAG_035) == 0)
		pass(&honest, &honest, 90);
	check_honest(&honest);
	if ((flags & (FLAG_LIMITED | FLAG_035)) != (FLAG_LIMITED | FLAG_035)) {
		REQUIRE(server->worker.nconns == 1);
		REQUIRE(router_count(server->router) == 1);
	}
	side_close(&honest);
	finish(&conf);
	return 0;
}
