/* A list of events over several connections, in the order of time. */
#ifndef TRANSCRIPT_TRANSCRIPT_H
#define TRANSCRIPT_TRANSCRIPT_H

#include "transcript/event.h"

#define TRANSCRIPT_NO_CONN (-1) /* event.conn of a remark on the whole */

struct transcript_conn {
	char *name;        /* owned: "A" in scripts, "#0" in captures */
	char *peer;        /* owned; may be NULL */
	uint64_t number;   /* of all connections, from 0 */
	struct rk_key key; /* who logged in, for whoever watches for it */
	bool has_key;
	enum rk_carrier carrier;
	bool tls;
	uint64_t count[2]; /* counted events so far by direction: the next
			      "n"; during on_event that event's own */
};

struct transcript {
	int64_t epoch_ns; /* real time of time_ns 0, or 0 if unknown */
	struct transcript_conn *conns;
	size_t nconns;
	uint64_t total_conns; /* those that were dropped as well */
	size_t *dropped;      /* places in |conns| to be used again */
	size_t ndropped;
	struct rk_key *points; /* of dissectors: keys known to be points */
	struct event *events;
	size_t nevents;
	/* Called for every event as it is added; for printing at once. */
	void (*on_event)(void *arg, struct transcript *t, struct event *e);
	void *arg;
	/* Forget events after on_event: for endless sources. */
	bool streaming;
	/* on_event sets it to end its source early. */
	bool stop;
};

struct transcript *transcript_new(void);
void transcript_free(struct transcript *t);
/* Index of the new connection; |name| is copied.  Where |streaming|, it may
 * be that of one that was dropped. */
int transcript_add_conn(struct transcript *t, const char *name);
/* No more events of it will come: where |streaming|, it is forgotten. */
void transcript_drop_conn(struct transcript *t, int conn);
/*
 * Append a copy of |e|: bytes and text are copied.  Sets nothing but what
 * it owns.  The stored event, or NULL where |streaming|.
 */
struct event *transcript_add(struct transcript *t, const struct event *e);
/* Memory that its events hold, in bytes, near enough. */
size_t transcript_size(const struct transcript *t);
/* Leave out what is in the middle until its events hold |room| bytes at most,
 * or are two; a remark in its place says how much was there. */
void transcript_cut(struct transcript *t, size_t room);
/* The "n" of an event: its place within its connection and direction,
 * counting those that the expected decodings count (http, body, frames, ws,
 * rest). */
bool event_is_counted(const struct event *e);

#endif
