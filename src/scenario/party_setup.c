/* Setting a connection up, as far as its kind asks for: TCP, TLS, upgrade,
 * login, and the Ping that confirms it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/engine_play.h"

#define REQUEST_MAX 2048

static void
ready(struct party *s)
{
	s->state = PARTY_READY;
	s->ready_ns = play_now(s->play);
	play_wake(s->play);
}

/* ---- upgrade ---- */

static void
send_upgrade(struct party *s)
{
	uint8_t request[REQUEST_MAX];
	char host[URL_HOST_MAX + 16];
	struct rk_writer w;
	char *line;

	relay_url_host_field(&s->config.url, host, sizeof(host));
	if (s->carrier == RK_CARRIER_WS)
		rk_ws_make_key(s->ws_key);
	rk_writer_init(&w, request, sizeof(request));
	rk_upgrade_write_request(s->play->dialect, s->carrier, NULL, host,
	    s->ws_key, &w);
	if (w.bad) {
		party_fail(s, CODE_SCRIPT, "the host name is too long");
		return;
	}
	line = xstrndup((char *)request, strcspn((char *)request, "\r"));
	party_record(s, EVENT_HTTP, DIR_C2S, request, w.len, line,
	    s->config.line);
	free(line);
	party_request_sent(s, false);
	s->wire = WIRE_HTTP;
	s->state = PARTY_UPGRADING;
	party_write(s, request, w.len);
}

/* TCP is there, and TLS where it is due. */
static void
transport_ready(struct party *s)
{
	switch (s->config.kind) {
	case CONN_LISTEN:
	case CONN_HTTP:
		s->wire = WIRE_HTTP;
		ready(s);
		break;
	case CONN_UPGRADE:
	case CONN_LOGIN:
		send_upgrade(s);
		break;
	default:
		ready(s);
	}
}

void
party_connected(struct party *s)
{
	/* A client that comes has come, whatever it thinks of our TLS. */
	if (s->config.tls && s->config.kind != CONN_LISTEN)
		s->state = PARTY_SECURING;
	else
		transport_ready(s);
}

/* It may be asked to begin again, and says the same again. */
void
party_greeted(void *party, const char *name)
{
	struct party *s = party;
	char line[300];

	if (s->hello != NULL)
		return;
	s->hello = party_item(s, ITEM_TLS, NULL, 0);
	s->hello->tls[3] = name != NULL ? xstrdup(name) : NULL;
	snprintf(line, sizeof(line), "hello, sni %s",
	    name != NULL ? name : "absent");
	s->hello->event =
	    party_record(s, EVENT_TLS, DIR_S2C, NULL, 0, line, s->config.line);
	play_wake(s->play);
}

void
party_secured(struct party *s)
{
	struct tls *t = stream_tls(s->stream);
	const char *version = tls_version(t), *alpn;
	size_t alpn_len = 0;
	char line[160];

	alpn = tls_alpn(t, &alpn_len);
	s->tls = party_item(s, ITEM_TLS, NULL, 0);
	if (strncmp(version, "TLSv", 4) == 0)
		version += 4;
	s->tls->tls[0] = xstrdup(version);
	s->tls->tls[1] = xstrdup(tls_cipher(t));
	s->tls->tls[2] = xstrndup(alpn != NULL ? alpn : "", alpn_len);
	if (s->hello != NULL && s->hello->tls[3] != NULL)
		s->tls->tls[3] = xstrdup(s->hello->tls[3]);
	snprintf(line, sizeof(line), "%s %s", tls_version(t), tls_cipher(t));
	s->tls->event =
	    party_record(s, EVENT_TLS, DIR_S2C, NULL, 0, line, s->config.line);
	s->securing = false;
	if (s->state == PARTY_SECURING)
		transport_ready(s);
	play_wake(s->play);
}

/* ---- login ---- */

static void
send_confirmation(struct party *s)
{
	rk_random(s->confirm, sizeof(s->confirm));
	s->state = PARTY_CONFIRMING;
	party_send_ping(s, s->confirm);
}

/* Bytes of the login machine: frames, which WebSocket wraps. */
static void
send_login(struct party *s, const struct rk_writer *w)
{
	static const struct wire_ws binary = { .opcode = RK_WS_BINARY,
		.fin = true,
		.masked = true };
	const struct rk_dialect *d = s->play->dialect;
	struct rk_raw_frame raw;
	struct value message;

	if (w->len == 0)
		return;
	if (rk_split(d->header[s->carrier], d->max_frame, w->buf, w->len,
		&raw) == RK_OK)
		party_record_frame(s, DIR_C2S, raw.type, raw.payload, RK_OK,
		    s->config.line);
	if (s->carrier != RK_CARRIER_WS) {
		party_write(s, w->buf, w->len);
	} else if (wire_encode_ws(&binary, (struct rk_span){ w->buf, w->len },
		       &s->play->values.random, &message)) {
		party_write(s, message.bytes, message.len);
		value_clear(&message);
	}
}

static void
after_login(struct party *s)
{
	switch (s->login.state) {
	case RK_LOGIN_DONE:
		if (s->config.confirm)
			send_confirmation(s);
		else
			ready(s);
		break;
	case RK_LOGIN_REFUSED:
		party_fail(s, CODE_WRONG, "the login was refused: %s",
		    rk_strerror(s->login.error));
		break;
	case RK_LOGIN_ASKED: /* of servers only */
	case RK_LOGIN_PENDING:
		s->state = PARTY_LOGIN;
	}
}

static int
export_key(void *arg, const char *label, const void *context,
    size_t context_len, uint8_t *out, size_t out_len)
{
	struct party *s = arg;

	return tls_export(stream_tls(s->stream), label, context, context_len,
	    out, out_len);
}

static void
begin_login(struct party *s)
{
	struct rk_login_params params = {
		.secret = &s->config.key,
		.carrier = s->carrier,
		.export_key = s->tls != NULL ? export_key : NULL,
		.arg = s,
	};
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;

	rk_writer_init(&w, out, sizeof(out));
	rk_login_init(&s->login, s->play->dialect, RK_CLIENT, &params);
	rk_login_start(&s->login, &w);
	send_login(s, &w);
	after_login(s);
}

void
party_upgraded(struct party *s, struct item *response)
{
	const struct rk_http_head *h = response->head;
	int err = rk_upgrade_check_response(s->play->dialect, s->carrier, h,
	    s->ws_key);

	if (h->status != 101) {
		party_fail(s, CODE_WRONG,
		    "the upgrade was answered with status %d", h->status);
		return;
	}
	if (err != RK_OK) {
		party_fail(s, CODE_WRONG, "the answer to the upgrade: %s",
		    rk_strerror(err));
		return;
	}
	/* First, since a relay may speak right behind its 101. */
	if (s->config.kind == CONN_LOGIN)
		begin_login(s);
	else
		ready(s);
	party_read_frames(s, s->carrier);
}

static bool
login_frame(struct party *s, const struct rk_raw_frame *raw)
{
	uint8_t out[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;

	if (s->login.state != RK_LOGIN_PENDING)
		return false;
	rk_writer_init(&w, out, sizeof(out));
	rk_login_input(&s->login, raw, &w);
	send_login(s, &w);
	after_login(s);
	return true;
}

bool
party_setup_frame(struct party *s, const struct rk_raw_frame *raw,
    const struct rk_frame *f)
{
	struct rk_span data;

	if (s->state == PARTY_LOGIN)
		return login_frame(s, raw);
	if (s->state != PARTY_CONFIRMING || f->kind != RK_FRAME_PONG)
		return false;
	data = rk_frame_field(f, "data");
	if (data.len != sizeof(s->confirm) ||
	    memcmp(data.p, s->confirm, data.len) != 0)
		return false;
	s->logged_in = true;
	s->taken_seq = ++s->play->seq; /* in place of the Pong */
	ready(s);
	return true;
}
