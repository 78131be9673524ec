/*
 * A proxy before a relay that damages one packet of those that the relay
 * hands out: what an honest measurement must notice.
 */
#ifndef TESTS_MANGLER_H
#define TESTS_MANGLER_H

#include <stddef.h>

enum mangling {
	MANGLE_NOTHING,
	MANGLE_BYTE,     /* a byte of the data, the last, is another */
	MANGLE_SENDER,   /* the key of the sender is another */
	MANGLE_DROP,     /* it never comes */
	MANGLE_DOUBLE,   /* it comes twice */
	MANGLE_SWAP,     /* it comes behind the next one */
	MANGLE_TYPE,     /* its frame type is unknown */
	MANGLE_CUT,      /* in the middle of it the connection ends */
	MANGLE_NO_PONGS, /* after the first each Pong vanishes */
};

struct mangler;

/*
 * Listen on loopback for raw connections without TLS to |relay|
 * ("127.0.0.1:3340"), in threads; the 100th RecvPacket is damaged.
 */
struct mangler *mangler_start(const char *relay, enum mangling what);
/* "127.0.0.1:40000". */
const char *mangler_address(const struct mangler *m);
/* All its connections must be over, or the relay about to end them. */
void mangler_stop(struct mangler *m);

#endif
