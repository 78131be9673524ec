/*
 * How long the processes under test waited for a CPU that others had: what
 * they did not do meanwhile is not their doing.  Linux tells it of each
 * thread; where it cannot be read nobody was ever starved.
 */
#ifndef SCENARIO_STARVED_H
#define SCENARIO_STARVED_H

#include <stdint.h>

struct starved; /* of all processes that are watched */

struct starved *starved_new(void);
void starved_free(struct starved *s);

/* From now on; 0 and a process that is watched already change nothing. */
void starved_watch(struct starved *s, long pid, int64_t now_ns);
void starved_forget(struct starved *s, long pid);
/* To be called often, at whatever times: looks ten times a second. */
void starved_sample(struct starved *s, int64_t now_ns);
/*
 * Nanoseconds that the threads of |pid| waited, together, since then, or since
 * the oldest look that is kept (the last 400 s or so), and no more than went
 * by: what the kernel counted of it when it was over, and what goes on.  0 for
 * a process that is not watched.
 */
int64_t starved_since(const struct starved *s, long pid, int64_t since_ns);

#endif
