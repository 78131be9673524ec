/* Comparing what several relays did in the same cases. */
#ifndef CONFORMANCE_DIFF_H
#define CONFORMANCE_DIFF_H

#include "conformance/normal.h"
#include "conformance/run.h"

struct diff_case {
	const struct suite_case *c;
	char *name;
	char *skipped; /* why it was not compared; NULL: it was */
	/* by target, of the first round */
	const struct run_case **played;
	struct normal **normal;
	size_t *class_of; /* 0: A, 1: B, … */
	size_t nclasses;
	char **varies; /* "TARGET: LANE" that differs from run to run there */
	size_t nvaries;
	/* the first divergence; lane NULL: there is none */
	char *lane;
	size_t at; /* item within the lane */
	int line;  /* of the script; 0: unknown */
};

struct diff {
	const struct run *run;
	struct diff_case *cases;
	size_t n;
	size_t compared;
	size_t split; /* of them: more than one class */
};

/* From a run that was observed. */
struct diff *diff_new(const struct run *r);
void diff_free(struct diff *d); /* NULL is fine */

/* What the target did at the first divergence: "(nothing)" if nothing. */
const char *diff_did(const struct diff_case *c, size_t target);
/* The first target of a class. */
size_t diff_example(const struct diff *d, const struct diff_case *c,
    size_t class);
/* In how many compared cases two targets are of one class. */
size_t diff_agreement(const struct diff *d, size_t a, size_t b);

#endif
