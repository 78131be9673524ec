/* Processes on one CPU, of which two have nearly all of it. */
#ifndef TESTS_RIVALS_H
#define TESTS_RIVALS_H

#include <stdbool.h>
#include <sys/types.h>

struct rivals {
	pid_t hog;    /* has half of the CPU */
	pid_t half;   /* … has the other half */
	pid_t busy;   /* has waited for it long enough to be noticed */
	pid_t parent; /* sleeps; its child waits for that CPU, too */
	pid_t idle;   /* sleeps, and waits for nobody */
};

/* False, and the test is skipped, where the kernel does not tell who waits for
 * a CPU. */
bool rivals_start(struct rivals *r);
void rivals_end(const struct rivals *r);

#endif
