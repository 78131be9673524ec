/* How long to wait before coming back after a lost connection. */
#ifndef CLI_BACKOFF_H
#define CLI_BACKOFF_H

#include <stdint.h>

#include "base/clock.h"

#define BACKOFF_FIRST_NS   (500 * NS_PER_MS)
/* Who was not let in, or did not get there, waits at least so long. */
#define BACKOFF_REFUSED_NS NS_PER_S
#define BACKOFF_MAX_NS     (16 * NS_PER_S)
/* A session that lasted so long was a good one: begin anew.  Longer than the
 * longest pause, so that two clients with one key do not take turns for ever
 * at the shortest. */
#define BACKOFF_GOOD_NS    (20 * NS_PER_S)

struct backoff {
	int64_t next_ns; /* 0: the first pause is to come */
};

/* The pause behind a session that was open for |lasted_ns|, or -1 where it
 * did not come to that; each is twice the one before. */
int64_t backoff_pause(struct backoff *b, int64_t lasted_ns);

#endif
