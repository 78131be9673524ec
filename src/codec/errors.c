/* The list of errors as a table: number, name, phrase. */
#include "config.h"

#include "codec/errors.h"

#include <stddef.h>

struct error_row {
	int err;
	const char *name;
	const char *phrase;
};

#define ROW(e, phrase)                                                         \
	{                                                                      \
		e, #e, phrase                                                  \
	}

static const struct error_row rows[] = {
	ROW(RK_OK, "no error"),
	ROW(RK_ERR_AGAIN, "more bytes are needed"),
	ROW(RK_ERR_SPACE, "output buffer too small"),
	ROW(RK_ERR_ARGUMENT, "value cannot be encoded"),
	ROW(RK_ERR_RANDOM, "crypto library failed"),
	ROW(RK_ERR_TOO_LONG, "length above the limit"),
	ROW(RK_ERR_LENGTH, "wrong length"),
	ROW(RK_ERR_UNKNOWN_TYPE, "unknown frame type"),
	ROW(RK_ERR_EMPTY, "empty message"),
	ROW(RK_ERR_MAGIC, "wrong magic"),
	ROW(RK_ERR_KEY, "key is not a curve point"),
	ROW(RK_ERR_VALUE, "illegal value"),
	ROW(RK_ERR_UTF8, "text is not UTF-8"),
	ROW(RK_ERR_PACKET, "packet data above the limit"),
	ROW(RK_ERR_UNEXPECTED, "frame not expected here"),
	ROW(RK_ERR_SIGNATURE, "signature does not verify"),
	ROW(RK_ERR_VERSION, "unsupported protocol version"),
	ROW(RK_ERR_MESSAGE, "signed message does not decode"),
	ROW(RK_ERR_DENIED, "denied by access control"),
	ROW(RK_ERR_TEXT, "neither hex nor base32 of 32 bytes"),
	ROW(RK_ERR_HTTP_LINE, "malformed first line"),
	ROW(RK_ERR_HTTP_HEADER, "malformed header field"),
	ROW(RK_ERR_HTTP_VERSION, "not HTTP/1.0 or HTTP/1.1"),
	ROW(RK_ERR_HTTP_TARGET, "request target too long"),
	ROW(RK_ERR_HTTP_SIZE, "head too big"),
	ROW(RK_ERR_HTTP_FIELDS, "too many header fields"),
	ROW(RK_ERR_HTTP_BODY, "malformed body length"),
	ROW(RK_ERR_HTTP_PREFACE, "HTTP/2 preface"),
	ROW(RK_ERR_UPGRADE_STATUS, "the answer is not 101"),
	ROW(RK_ERR_UPGRADE_TOKEN, "Upgrade names another protocol"),
	ROW(RK_ERR_UPGRADE_ACCEPT, "wrong Sec-WebSocket-Accept"),
	ROW(RK_ERR_UPGRADE_CONNECTION, "Connection lacks upgrade"),
	ROW(RK_ERR_UPGRADE_EXTENSION, "an extension that was not offered"),
	ROW(RK_ERR_UPGRADE_SUBPROTOCOL, "no subprotocol that was offered"),
	ROW(RK_ERR_WS_RSV, "reserved WebSocket bit set"),
	ROW(RK_ERR_WS_OPCODE, "reserved WebSocket opcode"),
	ROW(RK_ERR_WS_MASK, "WebSocket masking the wrong way round"),
	ROW(RK_ERR_WS_LENGTH, "malformed WebSocket length"),
	ROW(RK_ERR_WS_CONTROL,
	    "WebSocket control frame too long or fragmented"),
	ROW(RK_ERR_WS_CONTINUATION, "WebSocket continuation of nothing"),
	ROW(RK_ERR_WS_INTERLEAVED, "WebSocket message inside another"),
	ROW(RK_ERR_WS_CLOSE, "malformed WebSocket close"),
	ROW(RK_ERR_STUN_SHAPE, "not a STUN message"),
	ROW(RK_ERR_STUN_LENGTH, "STUN length beyond the end"),
	ROW(RK_ERR_STUN_ATTRIBUTE, "malformed STUN attribute"),
	ROW(RK_ERR_STUN_INTEGRITY, "STUN integrity without a key"),
	ROW(RK_ERR_STUN_FINGERPRINT, "wrong or missing STUN fingerprint"),
	ROW(RK_ERR_STUN_METHOD, "not a STUN Binding request"),
};

static const struct error_row *
find(int err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].err == err)
			return &rows[i];
	return NULL;
}

const char *
rk_strerror(int err)
{
	const struct error_row *row = find(err);

	return row != NULL ? row->phrase : "unknown error";
}

const char *
rk_errname(int err)
{
	const struct error_row *row = find(err);

	return row != NULL ? row->name : "RK_ERR_UNKNOWN";
}
