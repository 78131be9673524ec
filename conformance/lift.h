/*
 * A capture -> a scenario that plays the same again: keys have names,
 * signatures are made anew, and what the relay did becomes what is expected.
 */
#ifndef CONFORMANCE_LIFT_H
#define CONFORMANCE_LIFT_H

#include "base/text.h"
#include "transcript/transcript.h"

/* How much is expected of the relay. */
enum lift_expect {
	LIFT_NONE,   /* nothing */
	LIFT_TYPES,  /* the frames' names, HTTP statuses, ends */
	LIFT_FIELDS, /* their fields as well, HTTP bodies */
	LIFT_BYTES   /* HTTP headers as well, how a connection ended */
};

struct lift_options {
	enum lift_expect expect;
	bool scrub;   /* replace payloads, keys, addresses */
	double pace;  /* 0: gaps are left out; 1: kept; n: n times faster */
	int64_t flow; /* this connection of the capture; -1: all */
	const char *source; /* what it was made from, for the first comment */
	const char *keylog; /* TLS secrets; NULL: none but those inside */
	const struct rk_dialect *dialect; /* NULL: the default */
};

/* A key of the capture and its name in the script. */
struct lift_key {
	struct rk_key key;
	char name[24];
	bool client;  /* somebody logs in with it, or tries to */
	bool literal; /* no key that anybody can have: written as bytes */
};

struct lift {
	char *script; /* canonical layout */
	struct transcript *t;
	/* by index of an event of |t|: its line in the script, 0: none */
	int *line;
	/* by index of a connection of |t|: its name, NULL: it was left out */
	char **conn_name;
	struct lift_key *keys;
	size_t nkeys;
	/* PeerGone that may come or not: two ended at the same time. */
	struct lift_maybe {
		int conn; /* who hears of it, by index in |t| */
		int key;  /* whose end */
	} * maybes;
	size_t nmaybes;
	struct text notes; /* one a line: what is not as it was, and why */
	bool damaged;      /* the capture is not whole; noted */
};

#define LIFT_SCENARIO "lifted.capture"
/* The connection that asks at the end whether the relay is still there. */
#define LIFT_WITNESS  "Z"

void lift_options_default(struct lift_options *o);
/* "none", "types", "fields", "bytes"; "asis", "fast", "x10".  False: no. */
bool lift_parse_expect(const char *word, enum lift_expect *out);
bool lift_parse_pace(const char *word, double *out);

/*
 * Read |file| ("-": stdin) and lift it.  NULL with one line in |err| if there
 * is nothing in it to be lifted.  Bounded: at most 50 000 events and 16 MiB.
 */
struct lift *lift_file(const char *file, const struct lift_options *o,
    char *err, size_t err_size);
void lift_free(struct lift *l); /* NULL is fine */

#endif
