/* One expectation or one never, while it is being watched for. */
#ifndef SCENARIO_STEPS_WATCHER_H
#define SCENARIO_STEPS_WATCHER_H

#include "scenario/steps.h"

enum watcher_state {
	WATCHER_OPEN,
	WATCHER_THEN,    /* taken; the very next event is to come */
	WATCHER_OVERDUE, /* its time is over: late or never? */
	WATCHER_MET,
	WATCHER_DEAD /* cannot be met any more: code, why */
};

struct watcher {
	const struct step *step;
	struct party *party;
	struct wanted want, then;
	enum watcher_state state;
	int64_t begun_ns;
	/* expectations */
	int64_t within_ns, not_before_ns;
	int64_t low, high, taken; /* how many */
	uint64_t after;           /* THEN: events behind this one */
	int64_t then_ns;          /* THEN: since when */
	/* nevers */
	int64_t until_ns;
	struct fence_run *fence;
	/* DEAD */
	enum result_code code;
	struct place missed; /* of the step's line; len 0: all of it */
	char *why;
	char *detail;
};

/* What a look at the inbox says. */
enum look {
	LOOK_NOTHING,
	LOOK_FITS,
	LOOK_BLOCKED /* what is there can never fit */
};

struct found {
	enum {
		FOUND_ITEM,
		FOUND_BYTES, /* |nbytes| of them */
		FOUND_END,
		FOUND_TLS
	} kind;
	struct item *item; /* ITEM, TLS; BLOCKED: the obstacle, or NULL */
	size_t nbytes;
	uint64_t seq;
	int64_t at_ns;
};

/* False with a failure of the play. */
bool watcher_init(struct watcher *w, struct play *p, const struct step *s);
void watcher_clear(struct watcher *w);

bool watcher_is_never(const struct watcher *w);
/* Can it still be met? */
bool watcher_is_alive(const struct watcher *w);
enum look watcher_look(struct play *p, struct watcher *w, struct found *f);
/* What came instead, though not yet in the way: once the time is over it is
 * the finding. */
bool watcher_obstacle(const struct play *p, const struct watcher *w,
    struct found *f);
/* What the never forbids is there. */
bool watcher_hit(struct play *p, struct watcher *w, struct found *f);
/* Take what was found; false if that kills it (late, early). */
bool watcher_take(struct play *p, struct watcher *w, const struct found *f);
/* It cannot be met any more: something is in the way. */
void watcher_block(struct play *p, struct watcher *w, const struct found *f);
/* It has not come: can that be said, or did this machine take too much of the
 * time away? */
bool watcher_looked_enough(struct play *p, const struct watcher *w);
/* The present moment and the end of the connection: DEAD, OVERDUE or MET
 * where that is due. */
void watcher_check_time(struct play *p, struct watcher *w);
void watcher_check_end(struct play *p, struct watcher *w);
/* The fence or the time of a never. */
void watcher_check_never(struct play *p, struct watcher *w);

/* What it waits for now, with the values of this case; heap. */
char *watcher_wanted(const struct watcher *w);

#endif
