/* Pauses that grow; see backoff.h. */
#include "config.h"

#include "relay-cli/backoff.h"

int64_t
backoff_pause(struct backoff *b, int64_t lasted_ns)
{
	int64_t pause = b->next_ns;

	if (pause == 0 || lasted_ns > BACKOFF_GOOD_NS)
		pause = BACKOFF_FIRST_NS;
	if (lasted_ns < 0 && pause < BACKOFF_REFUSED_NS)
		pause = BACKOFF_REFUSED_NS;
	b->next_ns = pause * 2 < BACKOFF_MAX_NS ? pause * 2 : BACKOFF_MAX_NS;
	return pause;
}
