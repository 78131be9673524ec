/*
 * A dialect is a row: everything in which one relay protocol differs from
 * another, as data.  Programs look at the row and never ask for its name.
 * One file per dialect (dialect_<name>.c) holds the row, the frame table and
 * the login machine.
 */
#ifndef RK_DIALECT_H
#define RK_DIALECT_H

#include "cursor.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rk_login_ops; /* login.h */

/* Who sends a frame: bits, so that a table row can name both. */
enum rk_sender {
	RK_FROM_CLIENT = 1,
	RK_FROM_SERVER = 2,
	RK_FROM_BOTH = 3
};

enum rk_carrier {
	RK_CARRIER_RAW, /* the dialect's own upgrade, then frames */
	RK_CARRIER_WS,  /* WebSocket, frames in binary messages */
	RK_NCARRIERS
};

/* How the beginning of a frame looks on a carrier. */
enum rk_header_form {
	RK_HEADER_NONE,  /* the dialect does not have this carrier */
	RK_HEADER_TLV32, /* type u8, payload length u32 BE; byte stream */
	RK_HEADER_TYPE8, /* type u8; one message is one frame */
	RK_HEADER_VARINT /* type as QUIC varint; one message is one frame */
};

/* What a frame means, across the dialects. */
enum rk_frame_kind {
	RK_FRAME_UNKNOWN,
	RK_FRAME_SERVER_KEY,
	RK_FRAME_CLIENT_INFO,
	RK_FRAME_SERVER_INFO,
	RK_FRAME_CHALLENGE,
	RK_FRAME_CLIENT_AUTH,
	RK_FRAME_CONFIRM,
	RK_FRAME_DENY,
	RK_FRAME_SEND,
	RK_FRAME_SEND_BATCH,
	RK_FRAME_RECV,
	RK_FRAME_RECV_BATCH,
	RK_FRAME_FORWARD,
	RK_FRAME_KEEP_ALIVE,
	RK_FRAME_NOTE_PREFERRED,
	RK_FRAME_GONE,
	RK_FRAME_PRESENT,
	RK_FRAME_WATCH,
	RK_FRAME_CLOSE_PEER,
	RK_FRAME_PING,
	RK_FRAME_PONG,
	RK_FRAME_HEALTH,
	RK_FRAME_RESTARTING,
	RK_FRAME_STATUS,
	RK_NFRAMES
};

/*
 * What the relay sends in order; between lanes it promises none.  Whether a
 * RECV is data or disco is decided by its bytes: rk_frame_lane().
 */
enum rk_lane {
	RK_LANE_LOGIN,
	RK_LANE_DATA,
	RK_LANE_DISCO,
	RK_LANE_GONE,
	RK_LANE_PONG,
	RK_LANE_LIVENESS,
	RK_LANE_NOTICE,
	RK_NLANES
};

/* How a field's bytes are to be read and written. */
enum rk_field_type {
	RK_FIELD_BYTES, /* opaque */
	RK_FIELD_KEY,   /* 32 bytes, must decompress where the dialect asks */
	RK_FIELD_UINT,  /* unsigned, big-endian, |len| bytes (1, 2, 4 or 8) */
	RK_FIELD_TEXT,  /* UTF-8 */
	RK_FIELD_MAGIC  /* constant bytes: |magic| */
};

/* What a field is for: normalising, scrubbing and lifting go by this. */
enum rk_field_class {
	RK_CLASS_MAGIC,
	RK_CLASS_KEY,
	RK_CLASS_NONCE,
	RK_CLASS_SIGNATURE,
	RK_CLASS_TIME,
	RK_CLASS_COUNTER,
	RK_CLASS_LENGTH,
	RK_CLASS_PAYLOAD,
	RK_CLASS_TEXT,
	RK_CLASS_ENUM,
	RK_NCLASSES
};

#define RK_FRAME_MAX_FIELDS 6

struct rk_field_spec {
	const char *name; /* as in scenarios and JSON: "key", "data" */
	enum rk_field_type type;
	enum rk_field_class field_class;
	size_t len;           /* bytes; 0: the rest of the payload */
	uint64_t max;         /* UINT: largest legal value, 0: any */
	const uint8_t *magic; /* MAGIC: |len| bytes */
};

struct rk_frame_spec {
	enum rk_frame_kind kind;
	uint32_t type;    /* number on the wire */
	const char *name; /* the specification's: "SendPacket" */
	enum rk_sender sender;
	enum rk_lane lane;
	size_t min; /* legal payload length, in bytes, inclusive */
	size_t max;
	int over_max; /* error for a length above max: LENGTH or PACKET */
	struct rk_field_spec field[RK_FRAME_MAX_FIELDS]; /* ends: name NULL */
};

enum rk_unknown_policy {
	RK_UNKNOWN_FATAL, /* an unknown type ends the connection */
	RK_UNKNOWN_SKIP   /* it is read and thrown away */
};

enum rk_duplicate_policy {
	RK_DUPLICATE_NEWEST, /* the newest login wins, the older is closed */
	RK_DUPLICATE_ACTIVE, /* both stay, the last writer is served */
	RK_DUPLICATE_STANDBY /* both stay, the newest is served */
};

/* What the HTTP side of a dialect looks like; see upgrade.h. */
struct rk_http_profile {
	const char *const *paths; /* of the upgrade; first is the client's */
	const char *raw_token;    /* value of Upgrade, NULL: no raw carrier */
	bool token_any_case;      /* compared case-insensitively */
	bool raw_connection;      /* "Connection: Upgrade" beside it */
	const char *const *subprotocols; /* WebSocket, best first, or NULL */
	int bad_upgrade_status;          /* 400, or 426 */
	bool early_bytes;     /* bytes behind the request are served */
	bool upgrades_http10; /* HTTP/1.0 may upgrade; else it is ignored */
};

/* Times in milliseconds; 0 where the dialect has no such thing. */
struct rk_liveness {
	unsigned login_ms;          /* server: first frame complete by then */
	unsigned keepalive_ms;      /* server: period of KEEP_ALIVE */
	unsigned client_silence_ms; /* client gives up after so long */
	unsigned write_ms;          /* server: a blocked write ends it */
	unsigned ping_reply_ms;     /* either: how long a Pong may take */
};

/* Markers that prove absence: which are sound in this dialect. */
enum rk_fence {
	RK_FENCE_INGRESS = 1,
	RK_FENCE_DATA = 2,
	RK_FENCE_GONE = 4
};

struct rk_dialect {
	const char *id; /* "iroh-v3" */
	enum rk_header_form header[RK_NCARRIERS];
	const struct rk_frame_spec *frames; /* ends: name NULL */
	size_t max_frame;   /* payload of a raw frame, inclusive */
	size_t max_message; /* type and payload on WS that we accept */
	size_t max_packet;  /* data of SEND and RECV, inclusive */
	size_t key_len;
	bool key_is_point; /* key fields must decompress */
	const uint8_t *disco_magic;
	size_t disco_magic_len;
	size_t disco_min; /* data from so many bytes on can be disco */
	/* Between themselves, endpoints put items into a packet's data, each
	 * behind its length (u16, little-endian).  No relay looks at them. */
	bool packet_items;
	enum rk_unknown_policy unknown;
	enum rk_duplicate_policy duplicate;
	size_t queue_packets; /* per receiver and class */
	unsigned fences;      /* RK_FENCE_ bits */
	struct rk_http_profile http;
	struct rk_liveness liveness;
	const struct rk_login_ops *login;
};

/* All dialects of this build, the default first; ends with NULL. */
RK_API const struct rk_dialect *const *rk_dialects(void);

/* NULL if there is none of that id. */
RK_API const struct rk_dialect *rk_dialect_by_id(const char *id);

/* Rows of the frame table; NULL if there is none. */
RK_API const struct rk_frame_spec *
rk_frame_spec_by_type(const struct rk_dialect *d, uint32_t type);
RK_API const struct rk_frame_spec *
rk_frame_spec_by_kind(const struct rk_dialect *d, enum rk_frame_kind kind);
/* By the specification's name or the dialect-free alias ("Send", "Recv",
 * "Gone", "Ping", "Pong"); case-sensitive. */
RK_API const struct rk_frame_spec *
rk_frame_spec_by_name(const struct rk_dialect *d, const char *name);
RK_API size_t rk_frame_spec_nfields(const struct rk_frame_spec *spec);
/* Index of a field by name, -1 if the frame has none of it. */
RK_API int rk_frame_spec_field(const struct rk_frame_spec *spec,
    const char *name);

/* Does packet data look like disco to a relay of this dialect? */
RK_API bool rk_is_disco(const struct rk_dialect *d, const void *data,
    size_t len);

/*
 * Take the next item off a packet's data: false at its end, and with |*data|
 * left as it is where no whole item follows.
 */
RK_API bool rk_packet_item(const struct rk_dialect *d, struct rk_span *data,
    struct rk_span *item);
/* How many items the data consists of, 0 if it does not consist of them. */
RK_API size_t rk_packet_items(const struct rk_dialect *d, const void *data,
    size_t len);

RK_API const char *rk_carrier_name(enum rk_carrier c); /* "raw", "ws" */
RK_API const char *rk_lane_name(enum rk_lane lane);

#ifdef __cplusplus
}
#endif
#endif
