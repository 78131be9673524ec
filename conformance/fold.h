/*
 * A transcript for people: what several of its events say together in one
 * line.  A login that went well is one, and so is a send in several writes.
 */
#ifndef CONFORMANCE_FOLD_H
#define CONFORMANCE_FOLD_H

#include "transcript/transcript.h"

struct fold {
	enum {
		FOLD_NOT,     /* a line of its own */
		FOLD_INTO,    /* part of an earlier event's line */
		FOLD_LOGIN,   /* the first of a login */
		FOLD_CHOPPED, /* what went out in several writes */
	} how;
	size_t last;   /* LOGIN, CHOPPED: the event that ends it */
	size_t frames; /* LOGIN: how many */
	size_t writes; /* CHOPPED */
};

/* One for each event, for free().  The login of a line of the script, 0: none,
 * is what is asked about, and stays as it is. */
struct fold *fold_transcript(const struct transcript *t, int line);

#endif
