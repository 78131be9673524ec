/*
 * What a relay did in a case, so that two relays can be compared: transport
 * noise is gone, keys and nonces have names in the order in which they came,
 * and each lane of each connection is a sequence of its own.
 */
#ifndef CONFORMANCE_NORMAL_H
#define CONFORMANCE_NORMAL_H

#include "scenario/engine.h"

struct normal_item {
	int line;        /* of the script; 0: unknown */
	int64_t time_ns; /* since the case began; not compared */
	char *text;
};

struct normal_lane {
	char *name; /* "A data", "B http", "A end" */
	struct normal_item *items;
	size_t n;
};

struct normal {
	struct normal_lane *lanes; /* sorted by name; none is empty */
	size_t n;
};

struct normal *normal_new(const struct case_result *r);
void normal_free(struct normal *n); /* NULL is fine */
/* NULL if there is none: nothing happened in it. */
const struct normal_lane *normal_lane(const struct normal *n, const char *name);
/* Equal texts in the same order; either may be NULL. */
bool normal_lane_equal(const struct normal_lane *a,
    const struct normal_lane *b);

/* What is done to a transcript, one step a line, for reports. */
const char *normal_steps(void);

#endif
