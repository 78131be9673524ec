/*
 * The children of selftest: each plays `run` on a relay, or a client, of its
 * own, several side by side, and its verdicts are handed over one by one once
 * it is done.
 */
#ifndef CONFORMANCE_SELFTEST_CHILD_H
#define CONFORMANCE_SELFTEST_CHILD_H

#include <jansson.h>

#include "conformance/selftest.h"

struct child;

struct children {
	const char *dir; /* for their files */
	const struct selftest_options *o;
	struct child *child;
	/* of what is shown where stderr is a terminal */
	const char *what;
	size_t ndone, ntotal;
	int64_t started_ns, shown_ns;
};

struct child_order {
	const char *name;  /* of its files; unique */
	const char *fault; /* of its relay or client; NULL: none */
	bool tls;          /* the relay has TLS, and the plain port beside */
	char *selection;   /* selectors, one a line */
	void (*on_verdict)(void *arg, json_t *verdict);
	/* All verdicts were handed over; |last_line| of what it printed is the
	 * function's own. */
	void (*on_end)(void *arg, bool whole, char *last_line);
	void *arg;
};

struct children *children_new(const char *dir,
    const struct selftest_options *o);
void children_free(struct children *c); /* NULL is fine */
/* Start one as soon as there is a place.  0, or the exit status of what was
 * said on stderr; on_end is called in any case. */
int children_start(struct children *c, const struct child_order *order);
/* Until all are done. */
void children_wait(struct children *c);
/* A signal has ended all this before its time. */
bool children_interrupted(void);

#endif
