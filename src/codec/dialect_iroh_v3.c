/*
 * The dialect iroh-v3: iroh-net and iroh-relay up to 0.90.  Row, frame table
 * and login.  Section numbers are those of its specification.
 */
#include "config.h"

#include "codec/dialect_list.h"

#include <string.h>

#include "codec/login.h"

#define PROTOCOL_VERSION 3 /* section 3.2 */

/* Section 2.3: "RELAY" and U+1F511. */
static const uint8_t magic[] = { 'R', 'E', 'L', 'A', 'Y', 0xf0, 0x9f, 0x94,
	0x91 };
/* Section 4.6: "TS" and U+1F4AC. */
static const uint8_t disco_magic[] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };

#define MAX_FRAME  1048576 /* section 2.1, inclusive */
#define MAX_PACKET 65536   /* section 2.3, inclusive */

#define KEY(n)                                                                 \
	{                                                                      \
		n, RK_FIELD_KEY, RK_CLASS_KEY, RK_KEY_LEN, 0, NULL             \
	}
#define PACKET                                                                 \
	{                                                                      \
		"data", RK_FIELD_BYTES, RK_CLASS_PAYLOAD, 0, 0, NULL           \
	}
#define NONCE                                                                  \
	{                                                                      \
		"data", RK_FIELD_BYTES, RK_CLASS_NONCE, 8, 0, NULL             \
	}
#define MS(n)                                                                  \
	{                                                                      \
		n, RK_FIELD_UINT, RK_CLASS_TIME, 4, 0, NULL                    \
	}

/*
 * Section 2.3.  Packets are first, since they are looked for most.  Where
 * the decoder of the reference knows no upper limit there is none here; the
 * raw carrier has max_frame, WebSocket max_message.
 */
static const struct rk_frame_spec frames[] = {
	{ RK_FRAME_SEND, 0x04, "SendPacket", RK_FROM_CLIENT, RK_LANE_DATA,
	    RK_KEY_LEN, RK_KEY_LEN + MAX_PACKET, RK_ERR_PACKET,
	    { KEY("key"), PACKET } },
	{ RK_FRAME_RECV, 0x05, "RecvPacket", RK_FROM_SERVER, RK_LANE_DATA,
	    RK_KEY_LEN, RK_KEY_LEN + MAX_PACKET, RK_ERR_PACKET,
	    { KEY("key"), PACKET } },
	/* type 02 | magic 9 | key 32 | signature 64 | message, section 3.2 */
	{ RK_FRAME_CLIENT_INFO, 0x02, "ClientInfo", RK_FROM_CLIENT,
	    RK_LANE_LOGIN, sizeof(magic) + RK_KEY_LEN + RK_SIGNATURE_LEN,
	    SIZE_MAX, RK_ERR_LENGTH,
	    { { "magic", RK_FIELD_MAGIC, RK_CLASS_MAGIC, sizeof(magic), 0,
		  magic },
		KEY("key"),
		{ "signature", RK_FIELD_BYTES, RK_CLASS_SIGNATURE,
		    RK_SIGNATURE_LEN, 0, NULL },
		{ "message", RK_FIELD_BYTES, RK_CLASS_ENUM, 0, 0, NULL } } },
	{ RK_FRAME_KEEP_ALIVE, 0x06, "KeepAlive", RK_FROM_SERVER,
	    RK_LANE_LIVENESS, 0, 0, RK_ERR_LENGTH, { { .name = NULL } } },
	{ RK_FRAME_NOTE_PREFERRED, 0x07, "NotePreferred", RK_FROM_CLIENT,
	    RK_LANE_NOTICE, 1, 1, RK_ERR_LENGTH,
	    { { "data", RK_FIELD_UINT, RK_CLASS_ENUM, 1, 1, NULL } } },
	{ RK_FRAME_GONE, 0x08, "PeerGone", RK_FROM_SERVER, RK_LANE_GONE,
	    RK_KEY_LEN, RK_KEY_LEN, RK_ERR_LENGTH, { KEY("key") } },
	{ RK_FRAME_PING, 0x0c, "Ping", RK_FROM_BOTH, RK_LANE_LIVENESS, 8, 8,
	    RK_ERR_LENGTH, { NONCE } },
	{ RK_FRAME_PONG, 0x0d, "Pong", RK_FROM_BOTH, RK_LANE_PONG, 8, 8,
	    RK_ERR_LENGTH, { NONCE } },
	{ RK_FRAME_HEALTH, 0x0e, "Health", RK_FROM_SERVER, RK_LANE_NOTICE, 0,
	    SIZE_MAX, RK_ERR_LENGTH,
	    { { "text", RK_FIELD_TEXT, RK_CLASS_TEXT, 0, 0, NULL } } },
	{ RK_FRAME_RESTARTING, 0x0f, "Restarting", RK_FROM_SERVER,
	    RK_LANE_NOTICE, 8, 8, RK_ERR_LENGTH,
	    { MS("reconnect_in_ms"), MS("try_for_ms") } },
	{ .name = NULL },
};

/* ---- login: one signed frame of the client, no answer (section 3) ---- */

/* Chapter 10, D-08: what a client hears that access control refuses. */
static const char denied_text[] = "not authenticated";

static int
client_start(struct rk_login *l, struct rk_writer *out)
{
	uint8_t message[10], signature[RK_SIGNATURE_LEN];
	const struct rk_dialect *d = l->dialect;
	struct rk_writer w;
	struct rk_frame f;
	struct rk_key key;
	int err;

	if (l->params.secret == NULL)
		return RK_ERR_ARGUMENT;
	rk_writer_init(&w, message, sizeof(message));
	rk_write_leb128(&w, PROTOCOL_VERSION);
	rk_sign(l->params.secret, message, w.len, signature);
	rk_secret_key_public(l->params.secret, &key);

	rk_frame_init(&f, rk_frame_spec_by_kind(d, RK_FRAME_CLIENT_INFO));
	rk_frame_set(&f, "key", key.b, sizeof(key.b));
	rk_frame_set(&f, "signature", signature, sizeof(signature));
	rk_frame_set(&f, "message", message, w.len);
	err = rk_frame_encode(d, d->header[l->params.carrier], &f, RK_LAX, out);
	if (err == RK_OK) {
		l->version = PROTOCOL_VERSION;
		l->state = RK_LOGIN_DONE;
	}
	return err;
}

static int
login_start(struct rk_login *l, struct rk_writer *out)
{
	return l->role == RK_CLIENT ? client_start(l, out) : RK_OK;
}

/* A denied client gets a Health frame before the close. */
static int
deny(struct rk_login *l, struct rk_writer *out)
{
	const struct rk_dialect *d = l->dialect;
	struct rk_frame f;
	int err;

	rk_frame_init(&f, rk_frame_spec_by_kind(d, RK_FRAME_HEALTH));
	rk_frame_set(&f, "text", denied_text, strlen(denied_text));
	err = rk_frame_encode(d, d->header[l->params.carrier], &f, RK_STRICT,
	    out);
	return err == RK_OK ? RK_ERR_DENIED : err;
}

/* A frame that is broken, or another one. */
static int
why_not_client_info(const struct rk_dialect *d, const struct rk_raw_frame *raw)
{
	struct rk_frame f;
	int err = rk_frame_decode(d, raw, true, &f);

	/* That a text is UTF-8 matters only to who reads it. */
	return err == RK_OK || err == RK_ERR_UTF8 ? RK_ERR_UNEXPECTED : err;
}

/* Access control (D-08), and the version last. */
static int
server_access(struct rk_login *l, bool allowed, struct rk_writer *out)
{
	if (!allowed)
		return deny(l, out);
	if (l->version != PROTOCOL_VERSION)
		return RK_ERR_VERSION;
	l->state = RK_LOGIN_DONE;
	return RK_OK;
}

/*
 * Section 3.4, in its order: frame rules, frame type, signature, message;
 * then server_access().
 */
static int
server_input(struct rk_login *l, const struct rk_raw_frame *raw,
    struct rk_writer *out)
{
	const struct rk_login_params *p = &l->params;
	struct rk_span message;
	struct rk_reader r;
	struct rk_frame f;
	struct rk_key key;
	int err;

	err = rk_frame_decode(l->dialect, raw, false, &f);
	if (err != RK_OK || f.kind != RK_FRAME_CLIENT_INFO)
		return why_not_client_info(l->dialect, raw);
	rk_frame_key(&f, &key);
	message = rk_frame_field(&f, "message");
	err = rk_verify(&key, message.p, message.len,
	    rk_frame_field(&f, "signature").p);
	/* No key verifies that is no point, so that is asked on failure only:
	 * the verification decompresses it anyway. */
	if (err != RK_OK)
		return rk_key_is_point(&key) ? err : RK_ERR_KEY;
	l->peer = key;

	/* What follows the version is ignored. */
	rk_reader_init(&r, message.p, message.len);
	l->version = rk_read_leb128(&r);
	if (r.bad)
		return RK_ERR_MESSAGE;
	if (p->access_later) {
		l->state = RK_LOGIN_ASKED;
		return RK_OK;
	}
	return server_access(l, p->access == NULL || p->access(p->arg, &key),
	    out);
}

static int
login_input(struct rk_login *l, const struct rk_raw_frame *raw,
    struct rk_writer *out)
{
	/* No frame is an answer in this dialect. */
	return l->role == RK_SERVER ? server_input(l, raw, out)
				    : RK_ERR_UNEXPECTED;
}

static const struct rk_login_ops login_ops = { login_start, login_input,
	server_access };

/* Section 1.2; the second is the legacy alias. */
static const char *const paths[] = { "/relay", "/derp", NULL };

const struct rk_dialect rk_dialect_iroh_v3 = {
	.id = "iroh-v3",
	.header = {
		[RK_CARRIER_RAW] = RK_HEADER_TLV32, /* section 2.1 */
		[RK_CARRIER_WS] = RK_HEADER_TYPE8,  /* section 2.2 */
	},
	.frames = frames,
	.max_frame = MAX_FRAME,
	/* The reference reads 16 to 64 MiB (section 2.2), but nothing above
	 * the raw limit has a use, and each connection would hold it. */
	.max_message = 1 + MAX_FRAME,
	.max_packet = MAX_PACKET,
	.key_len = RK_KEY_LEN,
	.key_is_point = true,
	.disco_magic = disco_magic,
	.disco_magic_len = sizeof(disco_magic),
	.disco_min = 38, /* section 4.6: magic and a key */
	.packet_items = true, /* section 5.9 */
	.unknown = RK_UNKNOWN_FATAL,
	.duplicate = RK_DUPLICATE_NEWEST, /* section 4.7 */
	.queue_packets = 512,             /* section 4.1 */
	.fences = RK_FENCE_INGRESS | RK_FENCE_DATA | RK_FENCE_GONE,
	.http = {
		.paths = paths,
		.raw_token = "iroh derp http", /* section 1.6 */
		.token_any_case = false,
		.raw_connection = false,
		.subprotocols = NULL, /* section 1.7 */
		.bad_upgrade_status = 400,
		.early_bytes = false, /* section 1.8 */
	},
	.liveness = {
		.login_ms = 10000,           /* section 3.4 */
		.keepalive_ms = 65000,       /* section 4.2 */
		.client_silence_ms = 120000, /* section 5.4 */
		.write_ms = 2000,            /* section 4.2 */
		.ping_reply_ms = 5000,       /* section 5.5, D-05 */
	},
	.login = &login_ops,
};
