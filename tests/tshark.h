/* tshark as a second opinion on TCP and TLS streams. */
#ifndef TESTS_TSHARK_H
#define TESTS_TSHARK_H

#include <stdbool.h>
#include <stddef.h>

#include "packets.h"

/* Both directions of one stream, as tshark follows it. */
struct tshark_stream {
	char first[64];      /* "127.0.0.1:40000": who it calls node 0 */
	struct blob sent[2]; /* by that one, by the other */
};

bool tshark_is_there(void);
/* The first |n| streams of a file; |tls|: what was decrypted, with |keylog|
 * (NULL: with what is inside). */
void tshark_follow(const char *path, bool tls, const char *keylog, size_t n,
    struct tshark_stream *streams);
void tshark_clear(size_t n, struct tshark_stream *streams);

#endif
