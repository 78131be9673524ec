/*
 * Talks between a client and a server for the tests of the dissector: what
 * both say is written down, fed in pieces, and the events are compared as
 * short words: "c:http(GET / HTTP/1.1) s:Ping[8]!LENGTH".
 */
#ifndef TESTS_TALK_H
#define TESTS_TALK_H

#include "transcript/dissect.h"
#include "vectors.h"

struct piece {
	enum direction dir;
	uint8_t *p;
	size_t len;
};

#define MAX_PIECES 64

/* What both sides send, in order. */
struct talk {
	struct piece piece[MAX_PIECES];
	size_t n;
};

void say(struct talk *k, enum direction dir, const void *p, size_t len);
void say_text(struct talk *k, enum direction dir, const char *s);
void say_hex(struct talk *k, enum direction dir, const char *s);
/* A WebSocket frame; the client's are masked.  |payload| is hex. */
void say_ws(struct talk *k, enum direction dir, uint8_t opcode, bool fin,
    const char *payload);
/* The upgrade of either carrier. */
void upgrade(struct talk *k);
void upgrade_ws(struct talk *k);
void talk_clear(struct talk *k);

struct transcript *dissect_begin(struct dissector **d);
/* Feed |k| in pieces of at most |step| bytes, then end both directions. */
struct transcript *dissect(const struct talk *k, size_t step);
/* To be freed. */
char *words(const struct transcript *t);
void assert_words(const struct transcript *t, const char *want);
/* The same events whole, byte by byte, and in threes; clears |k|. */
void assert_talk(struct talk *k, const char *want);

#define RAW_REQUEST                                                            \
	"GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: h\r\n\r\n"
#define RAW_101 "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"
#define WS_REQUEST                                                             \
	"GET /relay HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"            \
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"                  \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
#define WS_101                                                                 \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"           \
	"Connection: Upgrade\r\n"                                              \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
#define UPGRADED                                                               \
	"c:http(GET /relay HTTP/1.1) "                                         \
	"s:http(HTTP/1.1 101 Switching Protocols) "
#define ENDS " c:ended(eof) s:ended(eof)"
#define PING "0c00000008 0102030405060708"
#define PONG "0d00000008 0102030405060708"

/* iroh-v3 section 3.3, the worked example */
#define LOGIN "02 0000006a" MAGIC KEY_A SIGNATURE_A "03"

#define WS_PING  "0c 0102030405060708"
#define WS_PONG  "0d 0102030405060708"
#define WS_LOGIN "02" MAGIC KEY_A SIGNATURE_A "03"

#endif
