/*
 * The one list of errors of the codec.  Every fallible function of the
 * library returns 0 or one of these; the text is a lower-case phrase that
 * fits behind "cannot decode frame: ".
 */
#ifndef RK_ERRORS_H
#define RK_ERRORS_H

#if defined(__GNUC__)
#define RK_API __attribute__((visibility("default")))
#else
#define RK_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum rk_err {
	RK_OK = 0,
	RK_ERR_AGAIN = -1,    /* more bytes are needed: not an error */
	RK_ERR_SPACE = -2,    /* the output buffer is too small */
	RK_ERR_ARGUMENT = -3, /* a caller's value cannot be encoded */
	RK_ERR_RANDOM = -4,   /* the crypto library could not start */

	/* frames */
	RK_ERR_TOO_LONG = -10,     /* a length is above the limit */
	RK_ERR_LENGTH = -11,       /* wrong length for this frame */
	RK_ERR_UNKNOWN_TYPE = -12, /* no frame of the dialect has this type */
	RK_ERR_EMPTY = -13,        /* a message without even a type */
	RK_ERR_MAGIC = -14,        /* the magic bytes differ */
	RK_ERR_KEY = -15,          /* 32 bytes that are no curve point */
	RK_ERR_VALUE = -16,        /* a field has a value it must not have */
	RK_ERR_UTF8 = -17,         /* text is not UTF-8 */
	RK_ERR_PACKET = -18,       /* packet data above the dialect's limit */

	/* login */
	RK_ERR_UNEXPECTED = -30, /* a frame that has no place here */
	RK_ERR_SIGNATURE = -31,  /* does not verify */
	RK_ERR_VERSION = -32,    /* well-signed, but another version */
	RK_ERR_MESSAGE = -33,    /* the signed message does not decode */
	RK_ERR_DENIED = -34,     /* access control said no */

	/* text forms */
	RK_ERR_TEXT = -40, /* neither hex nor base32 of 32 bytes */

	/* HTTP */
	RK_ERR_HTTP_LINE = -50,    /* request or status line */
	RK_ERR_HTTP_HEADER = -51,  /* header field */
	RK_ERR_HTTP_VERSION = -52, /* not HTTP/1.0 or 1.1 */
	RK_ERR_HTTP_TARGET = -53,  /* request target over the limit (414) */
	RK_ERR_HTTP_SIZE = -54,    /* head over the limit (431) */
	RK_ERR_HTTP_FIELDS = -55,  /* too many header fields (431) */
	RK_ERR_HTTP_BODY = -56,    /* Content-Length or chunking is bad */
	RK_ERR_HTTP_PREFACE = -57, /* that of HTTP/2 */

	/* upgrade */
	RK_ERR_UPGRADE_STATUS = -70,      /* the answer is not 101 */
	RK_ERR_UPGRADE_TOKEN = -71,       /* Upgrade absent or another token */
	RK_ERR_UPGRADE_ACCEPT = -72,      /* Sec-WebSocket-Accept is wrong */
	RK_ERR_UPGRADE_CONNECTION = -73,  /* Connection lacks upgrade */
	RK_ERR_UPGRADE_EXTENSION = -74,   /* one selected that nobody offered */
	RK_ERR_UPGRADE_SUBPROTOCOL = -75, /* the same, or none of ours */

	/* WebSocket (RFC 6455) */
	RK_ERR_WS_RSV = -80,          /* a reserved bit is set */
	RK_ERR_WS_OPCODE = -81,       /* a reserved opcode */
	RK_ERR_WS_MASK = -82,         /* masked or not, the wrong way round */
	RK_ERR_WS_LENGTH = -83,       /* non-minimal or top bit set */
	RK_ERR_WS_CONTROL = -84,      /* control frame over 125 or fragmented */
	RK_ERR_WS_CONTINUATION = -85, /* continuation of nothing */
	RK_ERR_WS_INTERLEAVED = -86,  /* new message inside an open one */
	RK_ERR_WS_CLOSE = -87,        /* Close payload of 1 byte or bad code */

	/* STUN */
	RK_ERR_STUN_SHAPE = -90,       /* no STUN message at all */
	RK_ERR_STUN_LENGTH = -91,      /* a length reaches beyond its end */
	RK_ERR_STUN_ATTRIBUTE = -92,   /* a known attribute does not decode */
	RK_ERR_STUN_INTEGRITY = -93,   /* signed, and there is no key */
	RK_ERR_STUN_FINGERPRINT = -94, /* wrong, missing or not last */
	RK_ERR_STUN_METHOD = -95       /* not a Binding request */
};

/* Return a static phrase for |err|; never NULL, also for unknown numbers. */
RK_API const char *rk_strerror(int err);

/* Return the name of the constant ("RK_ERR_LENGTH"); never NULL. */
RK_API const char *rk_errname(int err);

#ifdef __cplusplus
}
#endif
#endif
