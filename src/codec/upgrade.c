/*
 * The upgrade rules of both sides.  What differs between dialects is in
 * their struct rk_http_profile; this file knows none by name.
 */
#include "config.h"

#include "codec/upgrade.h"

#include <string.h>

#include "codec/digest.h"
#include "codec/keys.h"

static const char websocket[] = "websocket";
static const char ws_version[] = "13"; /* RFC 6455 section 4.1 */

bool
rk_upgrade_path(const struct rk_dialect *d, struct rk_span path)
{
	for (const char *const *p = d->http.paths; *p != NULL; p++)
		if (rk_http_span_is(path, *p))
			return true;
	return false;
}

static bool
is_token(const struct rk_dialect *d, struct rk_span value, const char *token)
{
	return d->http.token_any_case ? rk_http_span_is_nocase(value, token)
				      : rk_http_span_is(value, token);
}

static bool
in_list(struct rk_span list, const char *text)
{
	struct rk_span element;

	while (rk_http_list_next(&list, &element))
		if (rk_http_span_is(element, text))
			return true;
	return false;
}

/* The best subprotocol of the dialect in the first offer, or NULL. */
static const char *
choose_subprotocol(const struct rk_dialect *d, const struct rk_http_head *h)
{
	const struct rk_http_field *offer =
	    rk_http_find(h, "Sec-WebSocket-Protocol");

	if (offer == NULL)
		return NULL;
	for (const char *const *p = d->http.subprotocols; *p != NULL; p++)
		if (in_list(offer->value, *p))
			return *p;
	return NULL;
}

/*
 * Which carrier the Upgrade field asks for, RK_NCARRIERS if none of the
 * dialect's.  Where both exist and WebSocket has a subprotocol, a WebSocket
 * request without it is one for the raw carrier (derp-v2 section 1.3).
 */
static enum rk_carrier
choose_carrier(const struct rk_dialect *d, const struct rk_http_head *h)
{
	const struct rk_http_field *upgrade = rk_http_find(h, "Upgrade");
	const char *raw = d->http.raw_token;

	/* HTTP/1.0: the reference of iroh-v3 answers 101 and closes. */
	if (upgrade == NULL || (h->minor == 0 && !d->http.upgrades_http10))
		return RK_NCARRIERS;
	if (raw != NULL && is_token(d, upgrade->value, raw))
		return RK_CARRIER_RAW;
	if (d->header[RK_CARRIER_WS] == RK_HEADER_NONE ||
	    !is_token(d, upgrade->value, websocket))
		return RK_NCARRIERS;
	if (raw != NULL && d->http.subprotocols != NULL &&
	    choose_subprotocol(d, h) == NULL)
		return RK_CARRIER_RAW;
	return RK_CARRIER_WS;
}

/* The checks of iroh-v3 section 1.7, in its order, then the subprotocol. */
static void
judge_websocket(const struct rk_dialect *d, const struct rk_http_head *h,
    struct rk_upgrade_request *out)
{
	const struct rk_http_field *key = rk_http_find(h, "Sec-WebSocket-Key");
	const struct rk_http_field *version =
	    rk_http_find(h, "Sec-WebSocket-Version");

	out->status = 400;
	out->missing = "Sec-WebSocket-Key";
	if (key == NULL)
		return;
	out->missing = "Sec-WebSocket-Version";
	if (version == NULL)
		return;
	out->advertise_version = !rk_http_span_is(version->value, ws_version);
	if (out->advertise_version)
		return;
	out->missing = "Sec-WebSocket-Protocol";
	if (d->http.subprotocols != NULL)
		out->subprotocol = choose_subprotocol(d, h);
	if (d->http.subprotocols != NULL && out->subprotocol == NULL)
		return;
	out->missing = NULL;
	rk_ws_accept(key->value.p, key->value.len, out->accept);
	out->status = out->accept[0] != '\0' ? 101 : 500;
}

void
rk_upgrade_judge(const struct rk_dialect *d, const struct rk_http_head *h,
    struct rk_upgrade_request *out)
{
	*out = (struct rk_upgrade_request){ .carrier = choose_carrier(d, h) };
	if (out->carrier == RK_CARRIER_RAW) {
		out->status = 101;
	} else if (out->carrier == RK_CARRIER_WS) {
		judge_websocket(d, h, out);
	} else {
		out->status = d->http.bad_upgrade_status;
		out->missing = "Upgrade";
	}
}

static void
write_websocket_fields(const struct rk_upgrade_request *u, struct rk_writer *w)
{
	rk_http_write_field(w, "upgrade", websocket);
	rk_http_write_field(w, "sec-websocket-accept", u->accept);
	if (u->subprotocol != NULL)
		rk_http_write_field(w, "sec-websocket-protocol",
		    u->subprotocol);
	rk_http_write_field(w, "connection", "upgrade");
}

static void
write_raw_fields(const struct rk_dialect *d, struct rk_writer *w)
{
	rk_http_write_field(w, "upgrade", d->http.raw_token);
	if (d->http.raw_connection)
		rk_http_write_field(w, "connection", "Upgrade");
}

void
rk_upgrade_write_fields(const struct rk_dialect *d,
    const struct rk_upgrade_request *u, struct rk_writer *w)
{
	if (u->advertise_version)
		rk_http_write_field(w, "sec-websocket-version", ws_version);
	else if (u->status == 101 && u->carrier == RK_CARRIER_WS)
		write_websocket_fields(u, w);
	else if (u->status == 101)
		write_raw_fields(d, w);
}

static void
write_offer(const struct rk_dialect *d, struct rk_writer *w)
{
	const char *const *p = d->http.subprotocols;

	if (p == NULL)
		return;
	/* Comma and blank: some relays split at the blank. */
	rk_write_text(w, "Sec-WebSocket-Protocol: ");
	for (; *p != NULL; p++) {
		rk_write_text(w, *p);
		rk_write_text(w, p[1] != NULL ? ", " : "\r\n");
	}
}

/* In the order and spelling of iroh-v3 section 1.7. */
static void
write_websocket_request(const struct rk_dialect *d, const char *host,
    const char *ws_key, struct rk_writer *w)
{
	rk_http_write_field(w, "Host", host);
	rk_http_write_field(w, "Connection", "Upgrade");
	rk_http_write_field(w, "Upgrade", websocket);
	rk_http_write_field(w, "Sec-WebSocket-Version", ws_version);
	rk_http_write_field(w, "Sec-WebSocket-Key", ws_key);
	write_offer(d, w);
}

void
rk_upgrade_write_request(const struct rk_dialect *d, enum rk_carrier carrier,
    const char *target, const char *host, const char *ws_key,
    struct rk_writer *w)
{
	rk_http_write_request(w, "GET",
	    target != NULL ? target : d->http.paths[0]);
	if (carrier == RK_CARRIER_WS) {
		write_websocket_request(d, host, ws_key, w);
	} else if (d->http.raw_token != NULL) {
		write_raw_fields(d, w);
		rk_http_write_field(w, "host", host);
	} else {
		w->bad = true;
	}
	rk_http_write_end(w);
}

static bool
accepts(const struct rk_http_head *h, const char *ws_key)
{
	const struct rk_http_field *f = rk_http_find(h, "Sec-WebSocket-Accept");
	char expected[RK_WS_ACCEPT_SIZE];

	rk_ws_accept(ws_key, strlen(ws_key), expected);
	return f != NULL && expected[0] != '\0' &&
	    rk_http_span_is(f->value, expected);
}

/* RFC 6455 section 4.1: the server chose one that was offered; where the
 * dialect has some, it must choose. */
static bool
subprotocol_ok(const struct rk_dialect *d, const struct rk_http_head *h)
{
	const struct rk_http_field *f =
	    rk_http_find(h, "Sec-WebSocket-Protocol");
	const char *const *p = d->http.subprotocols;

	if (p == NULL)
		return f == NULL;
	for (; f != NULL && *p != NULL; p++)
		if (rk_http_span_is(f->value, *p))
			return true;
	return false;
}

int
rk_upgrade_check_response(const struct rk_dialect *d, enum rk_carrier carrier,
    const struct rk_http_head *h, const char *ws_key)
{
	if (h->status != 101)
		return RK_ERR_UPGRADE_STATUS;
	if (carrier == RK_CARRIER_RAW)
		return RK_OK;
	if (!rk_http_has_token(h, "Upgrade", websocket))
		return RK_ERR_UPGRADE_TOKEN;
	if (!rk_http_has_token(h, "Connection", "upgrade"))
		return RK_ERR_UPGRADE_CONNECTION;
	if (!accepts(h, ws_key))
		return RK_ERR_UPGRADE_ACCEPT;
	if (rk_http_find(h, "Sec-WebSocket-Extensions") != NULL)
		return RK_ERR_UPGRADE_EXTENSION;
	return subprotocol_ok(d, h) ? RK_OK : RK_ERR_UPGRADE_SUBPROTOCOL;
}

void
rk_ws_accept(const void *key, size_t len, char out[RK_WS_ACCEPT_SIZE])
{
	/* RFC 6455 section 1.3 */
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint8_t digest[RK_SHA1_LEN];

	out[0] = '\0';
	if (rk_sha1_joined(key, len, guid, sizeof(guid) - 1, digest) == RK_OK)
		rk_base64(digest, sizeof(digest), out);
}

void
rk_ws_make_key(char out[RK_WS_KEY_SIZE])
{
	uint8_t random[16];

	rk_random(random, sizeof(random));
	rk_base64(random, sizeof(random), out);
}
