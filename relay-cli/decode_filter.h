/* Which events relay-cli decode shows. */
#ifndef CLI_DECODE_FILTER_H
#define CLI_DECODE_FILTER_H

#include "transcript/transcript.h"

/* The beginning of a key, or all of it. */
struct key_prefix {
	uint8_t b[RK_KEY_LEN];
	size_t len; /* 0: any key */
};

struct decode_filter {
	int64_t flow; /* number of the connection, -1: all */
	char **names; /* of frames, or other events; owned */
	size_t nnames;
	struct key_prefix key;    /* in the frame */
	struct key_prefix client; /* logged in on the connection */
};

void decode_filter_init(struct decode_filter *f);
void decode_filter_clear(struct decode_filter *f);
/* "Ping,Pong": names of the dialect's frames or of other events.  False with
 * a message where there is no such name. */
bool decode_filter_names(struct decode_filter *f, const struct rk_dialect *d,
    const char *list);
/* A key, hex or base32, or the beginning of one in hex.  False with a
 * message. */
bool key_prefix_parse(struct key_prefix *k, const char *option,
    const char *text);

bool decode_filter_passes(const struct decode_filter *f,
    const struct transcript *t, const struct event *e);

#endif
