/*
 * A relay that is none: bad_relay MODE listens on a free loopback port,
 * prints "listening http ADDRESS" and misbehaves in one way until it is
 * ended.  What a test of the runner needs to see fail.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/dialect.h"
#include "codec/frame.h"
#include "codec/http.h"
#include "codec/keys.h"
#include "codec/upgrade.h"
#include "codec/ws.h"
#include "net/loop.h"
#include "net/stream.h"
#include "serve.h"

struct conn;

/* What is done with bytes: before the upgrade if |raw|, else behind it. */
static const struct mode {
	const char *name;
	bool raw;
	void (*on_input)(struct conn *c);
	void (*on_drained)(struct conn *c); /* may be NULL */
} modes[];

struct conn {
	const struct mode *mode;
	struct stream *stream;
	bool upgraded;
	bool logged_in; /* the first frame has come */
	enum rk_carrier carrier;
	struct rk_ws_reader ws;
};

static const struct rk_dialect *dialect;
static struct loop *loop;

static void
end_conn(struct conn *c)
{
	stream_free(c->stream);
	free(c);
}

static void
consume_all(struct conn *c)
{
	size_t len;

	stream_input(c->stream, &len);
	stream_consume(c->stream, len);
}

/* ---- what they do ---- */

static void
be_mute(struct conn *c)
{
	consume_all(c);
}

static void
close_at_once(struct conn *c)
{
	end_conn(c);
}

static void
say_zeros(struct conn *c)
{
	static const uint8_t zeros[8];

	consume_all(c);
	stream_write(c->stream, zeros, sizeof(zeros));
}

static void
say_it_again(struct conn *c)
{
	size_t len;
	uint8_t *in = stream_input(c->stream, &len);

	stream_write(c->stream, in, len);
	stream_consume(c->stream, len);
}

/* The next whole frame, its bytes to be removed by stream_consume_at; false
 * if there is none yet.  On a broken rule the connection becomes mute. */
static bool
next_frame(struct conn *c, struct rk_raw_frame *frame, size_t *at, size_t *used)
{
	const enum rk_header_form form = dialect->header[c->carrier];
	size_t len, need;
	uint8_t *in = stream_input(c->stream, &len);
	struct rk_ws_message m;
	int err;

	*at = 0;
	if (c->carrier == RK_CARRIER_RAW) {
		err = rk_split(form, dialect->max_frame, in, len, frame);
		*used = frame->total_len;
	} else {
		err = rk_ws_next(&c->ws, in, len, &m, at, used, &need);
		if (err == RK_OK)
			err = rk_split(form, dialect->max_frame, m.payload,
			    m.len, frame);
		else
			stream_consume_at(c->stream, *at, *used);
	}
	if (err != RK_OK && err != RK_ERR_AGAIN)
		c->mode = NULL;
	return err == RK_OK;
}

static void
write_frame(struct conn *c, uint32_t type, struct rk_span payload)
{
	uint8_t buf[32];
	struct rk_writer w;
	const struct rk_ws_header ws = {
		.fin = true,
		.opcode = RK_WS_BINARY,
		.payload_len = 1 + payload.len,
	};

	rk_writer_init(&w, buf, sizeof(buf));
	if (c->carrier == RK_CARRIER_WS)
		rk_ws_write_header(&ws, &w);
	rk_frame_header(dialect->header[c->carrier], type, payload.len, &w);
	stream_write(c->stream, buf, w.len);
	stream_write(c->stream, payload.p, payload.len);
}

/* Answer Pings; false if the mode wants the connection closed instead of
 * what else came. */
static bool
serve_pings(struct conn *c, bool close_at_others)
{
	const struct rk_frame_spec *ping =
	    rk_frame_spec_by_kind(dialect, RK_FRAME_PING);
	const struct rk_frame_spec *pong =
	    rk_frame_spec_by_kind(dialect, RK_FRAME_PONG);
	struct rk_raw_frame frame;
	size_t at, used;

	while (c->mode != NULL && next_frame(c, &frame, &at, &used)) {
		bool is_ping =
		    frame.type == ping->type && frame.payload.len == 8;

		if (is_ping)
			write_frame(c, pong->type, frame.payload);
		stream_consume_at(c->stream, at, used);
		if (c->logged_in && !is_ping && close_at_others)
			return false;
		c->logged_in = true;
	}
	if (c->mode == NULL)
		consume_all(c);
	return true;
}

static void
only_pong(struct conn *c)
{
	serve_pings(c, false);
}

static void
pong_or_close(struct conn *c)
{
	if (!serve_pings(c, true))
		end_conn(c);
}

/* Lawful packets without end, from nobody. */
static void
pour(struct conn *c)
{
	static const uint8_t packet[32 + 60000];
	const struct rk_frame_spec *recv =
	    rk_frame_spec_by_kind(dialect, RK_FRAME_RECV);

	if (c->logged_in && c->mode != NULL)
		write_frame(c, recv->type,
		    (struct rk_span){ packet, sizeof(packet) });
}

static void
flood(struct conn *c)
{
	serve_pings(c, false);
	pour(c);
}

/* All but the last byte of the longest frame, once. */
static void
leave_half(struct conn *c)
{
	static const uint8_t zeros[1 << 20];
	bool first = !c->logged_in;
	uint8_t buf[16];
	struct rk_writer w;

	serve_pings(c, false);
	if (!first || !c->logged_in || c->carrier != RK_CARRIER_RAW)
		return;
	rk_writer_init(&w, buf, sizeof(buf));
	rk_frame_header(dialect->header[c->carrier],
	    rk_frame_spec_by_kind(dialect, RK_FRAME_HEALTH)->type,
	    sizeof(zeros), &w);
	stream_write(c->stream, buf, w.len);
	stream_write(c->stream, zeros, sizeof(zeros) - 1);
}

static const struct mode modes[] = {
	{ "mute", true, be_mute, NULL },
	{ "close", true, close_at_once, NULL },
	{ "zeros", true, say_zeros, NULL },
	{ "echo", true, say_it_again, NULL },
	{ "login-mute", false, be_mute, NULL },
	{ "login-close", false, close_at_once, NULL },
	{ "login-zeros", false, say_zeros, NULL },
	{ "login-echo", false, say_it_again, NULL },
	{ "only-pong", false, only_pong, NULL },
	{ "pong-or-close", false, pong_or_close, NULL },
	{ "flood", false, flood, pour },
	{ "half-frame", false, leave_half, NULL },
};
#define NMODES (sizeof(modes) / sizeof(modes[0]))

/* ---- the upgrade ---- */

static void
answer(struct conn *c, const struct rk_http_head *h)
{
	struct rk_upgrade_request u = { .status = 404 };
	uint8_t buf[1024];
	struct rk_writer w;

	if (rk_upgrade_path(dialect, h->path))
		rk_upgrade_judge(dialect, h, &u);
	rk_writer_init(&w, buf, sizeof(buf));
	rk_http_write_status(&w, 1, u.status);
	if (u.status == 101)
		rk_upgrade_write_fields(dialect, &u, &w);
	else
		rk_http_write_field(&w, "content-length", "0");
	rk_http_write_end(&w);
	stream_write(c->stream, buf, w.len);
	c->upgraded = u.status == 101;
	c->carrier = u.carrier;
	rk_ws_reader_init(&c->ws, true, 1 << 20, 1 << 20);
}

static void
read_request(struct conn *c)
{
	struct rk_http_limits limits;
	struct rk_http_head h;
	size_t len;
	uint8_t *in = stream_input(c->stream, &len);

	rk_http_limits_default(&limits);
	if (rk_http_parse_request(in, len, &limits, &h) != RK_OK)
		return;
	answer(c, &h);
	stream_consume(c->stream, h.len);
}

static void
on_event(void *arg, struct stream *s, enum stream_event e)
{
	struct conn *c = arg;

	if (e == STREAM_ENDED) {
		end_conn(c);
		return;
	}
	if (e == STREAM_DRAINED && c->mode != NULL &&
	    c->mode->on_drained != NULL)
		c->mode->on_drained(c);
	if (e != STREAM_INPUT)
		return;
	if (c->mode == NULL)
		consume_all(c);
	else if (c->mode->raw || c->upgraded)
		c->mode->on_input(c);
	else
		read_request(c);
}

static void
on_accept(void *arg, int fd)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->mode = arg;
	c->stream = stream_new(loop, fd, on_event, c);
	stream_set_input_max(c->stream, 4 << 20);
}

static void
on_signal(void *arg, int signo)
{
	loop_stop(loop);
}

int
main(int argc, char **argv)
{
	const struct mode *mode = NULL;

	for (size_t i = 0; argc == 2 && i < NMODES; i++)
		if (strcmp(modes[i].name, argv[1]) == 0)
			mode = &modes[i];
	if (mode == NULL) {
		fprintf(stderr, "usage: bad_relay MODE\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	rk_keys_init();
	dialect = rk_dialects()[0];
	loop = loop_new();
	loop_on_signal(loop, SIGTERM, on_signal, NULL);
	return serve(loop, "127.0.0.1:0", on_accept, (void *)(uintptr_t)mode);
}
