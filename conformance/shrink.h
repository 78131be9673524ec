/*
 * Delta debugging of a scenario's text: what is left is still seen, and
 * nothing more can be taken out of it by one of the ways that are tried: whole
 * blocks and lines, words of a line, bytes and numbers of literals.
 */
#ifndef CONFORMANCE_SHRINK_H
#define CONFORMANCE_SHRINK_H

#include <stdbool.h>
#include <stddef.h>

enum shrink_seen {
	SHRINK_NO, /* it is not seen, or the text is no scenario */
	SHRINK_YES,
	SHRINK_STOP /* end now; what there is so far is the result */
};

struct shrink {
	/* Is it seen with this text?  Asked once for each text. */
	enum shrink_seen (*sees)(void *arg, const char *text);
	/* A smaller text was found; may be NULL. */
	void (*on_smaller)(void *arg, const char *text);
	void *arg;
};

/* The smallest text, for free(); |text| must be seen.  *whole: it was not
 * ended by SHRINK_STOP. */
char *shrink(const struct shrink *s, const char *text, bool *whole);

#endif
