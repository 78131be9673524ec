/* Two ends of a stream, for the tests of streams: setup and what it sets. */
#ifndef TESTS_STREAM_ENDS_H
#define TESTS_STREAM_ENDS_H

#include "peer.h"

#define BULK 3000000

extern struct loop *loop;
extern struct peer a, b; /* the two ends */
extern int raw;          /* the other end as a bare descriptor, or -1 */

/* The fixture of every test. */
void setup_ends(void);
void teardown_ends(void);

/* a and b are streams. */
void connect_streams(enum pair_kind kind);
/* a is a stream, the other end is |raw|, blocking. */
void connect_raw(enum pair_kind kind);
/* The same, and little room in the kernel. */
void connect_raw_small(enum pair_kind kind);
void raw_close(void);
/* RST from the raw end; a socketpair is reset by unread bytes. */
void raw_reset(enum pair_kind kind);
bool read_exactly(int fd, void *buf, size_t len);
void fill_bulk(uint8_t *p, uint64_t seed);

#endif
