/*
 * Both streams of a connection.  The first byte chooses what stands before
 * them: nothing, or an upgrade; the rest is pieces: a byte whose lowest bit
 * is the direction and whose others are the length, then so many bytes; of
 * length 0: a hole, of as many bytes as the next byte says.
 *
 * Without holes the same comes out when each byte is fed by itself, and no
 * byte is lost.
 */
#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "codec/keys.h"
#include "require.h"
#include "transcript/dissect.h"
#include "transcript/transcript_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *request;
	const char *answer;
} upgrades[] = {
	{ "", "" },
	{ "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n\r\n",
	    "HTTP/1.1 101 Switching Protocols\r\n\r\n" },
	{ "GET /relay HTTP/1.1\r\nConnection: Upgrade\r\n"
	  "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
	  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
	    "Upgrade: websocket\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" },
	{ "GET /relay HTTP/1.1\r\nConnection: Upgrade\r\n"
	  "Upgrade: websocket\r\nSec-WebSocket-Protocol: x, y\r\n\r\n",
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Protocol: y\r\n\r\n" },
};

#define NUPGRADES (sizeof(upgrades) / sizeof(upgrades[0]))

static void
feed(struct dissector *d, enum direction dir, const void *bytes, size_t len,
    bool singly)
{
	const uint8_t *p = bytes;
	size_t step = singly ? 1 : len;

	for (size_t off = 0; off < len; off += step)
		dissector_feed(d, dir, p + off, step, 0, 1);
}

/* Play the input; *holes tells whether there were any. */
static struct transcript *
play(const uint8_t *data, size_t size, bool singly, bool *holes)
{
	struct transcript *t = transcript_new();
	struct dissector *d =
	    dissector_new(t, transcript_add_conn(t, "A"), rk_dialects()[0]);
	size_t mode = size > 0 ? data[0] % NUPGRADES : 0, off = 1;

	*holes = false;
	feed(d, DIR_C2S, upgrades[mode].request, strlen(upgrades[mode].request),
	    singly);
	feed(d, DIR_S2C, upgrades[mode].answer, strlen(upgrades[mode].answer),
	    singly);
	while (off + 1 < size) {
		enum direction dir = (enum direction)(data[off] & 1);
		size_t len = data[off++] >> 1;

		if (len == 0) {
			dissector_gap(d, dir, data[off++], 0, 1);
			*holes = true;
			continue;
		}
		if (len > size - off)
			len = size - off;
		feed(d, dir, data + off, len, singly);
		off += len;
	}
	REQUIRE(dissector_held(d) < 1 << 20);
	dissector_end(d, DIR_C2S, ENDING_EOF, 0, 1);
	dissector_end(d, DIR_S2C, ENDING_EOF, 0, 1);
	dissector_free(d);
	return t;
}

/* Everything but the order between the directions. */
static char *
text_of(const struct transcript *t)
{
	const struct transcript_text_options o = { .snap = 1000 };
	struct text out;

	text_init(&out);
	for (int dir = 0; dir < 2; dir++)
		for (size_t i = 0; i < t->nevents; i++)
			if (t->events[i].dir == (enum direction)dir)
				event_to_text(t, &t->events[i], &o, &out);
	return text_take(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transcript *t, *u;
	char *a, *b;
	bool holes;

	REQUIRE(rk_keys_init() == RK_OK);
	t = play(data, size, false, &holes);
	u = play(data, size, true, &holes);
	a = text_of(t);
	b = text_of(u);
	REQUIRE(holes || strcmp(a, b) == 0);
	REQUIRE(t->events[t->nevents - 1].kind == EVENT_ENDED);
	free(a);
	free(b);
	transcript_free(t);
	transcript_free(u);
	return 0;
}
