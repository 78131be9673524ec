/*
 * A capture played again on another relay, and what that one did otherwise
 * than the captured one.  Both transcripts go through the differ's
 * normalisation (normal.h) with the same names for the same things.
 */
#ifndef CONFORMANCE_REPLAY_H
#define CONFORMANCE_REPLAY_H

#include "conformance/lift.h"
#include "conformance/normal.h"

/* A lane of a connection: what the captured relay did, and the target. */
struct replay_lane {
	char *name; /* "A data" */
	size_t captured, played;
	size_t same; /* of both: at the front and at the end */
	/* the first difference; valid unless all are the same */
	char *did;  /* captured; NULL: nothing */
	char *does; /* the target; NULL: nothing */
	int line;   /* of the script; 0: unknown */
};

struct replay {
	struct replay_lane *lanes;
	size_t n;
	size_t captured; /* what the relay did, over all lanes */
	size_t same;
	size_t missing;
	size_t extra;
	size_t skipped; /* captured, and not compared: only time brings it */
	size_t nconns, nconns_same;
};

/*
 * Compare.  |result| is that of the lifted scenario, observed, with named
 * keys derived from |seed|.
 */
struct replay *replay_new(const struct lift *l, const struct lift_options *o,
    const struct case_result *result, uint64_t seed);
void replay_free(struct replay *r); /* NULL is fine */

/* The first lane of a connection that differs, by the script's lines; NULL:
 * it does not. */
const struct replay_lane *replay_first(const struct replay *r,
    const char *conn);

#endif
