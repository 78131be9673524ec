/*
 * A WebSocket reader, fed at once and in pieces: the same messages and the
 * same end.  The first byte has the reader's settings, the second how the
 * rest is cut.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "require.h"
#include "tests/ws_feed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
begin(struct ws_feed *f, uint8_t settings)
{
	ws_feed_init(f, (settings & 1) != 0, (settings & 2) != 0 ? 300 : 70000,
	    (settings & 4) != 0 ? 400 : 140000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ws_feed whole, pieces;

	if (size < 2)
		return 0;
	begin(&whole, data[0]);
	begin(&pieces, data[0]);
	ws_feed_bytes(&whole, data + 2, size - 2);
	ws_feed_pieces(&pieces, data + 2, size - 2, 1 + data[1] % 64);
	REQUIRE(whole.err == pieces.err && whole.closed == pieces.closed);
	REQUIRE(whole.log.len == pieces.log.len);
	REQUIRE(whole.log.len == 0 ||
	    memcmp(whole.log.p, pieces.log.p, whole.log.len) == 0);
	ws_feed_clear(&whole);
	ws_feed_clear(&pieces);
	return 0;
}
