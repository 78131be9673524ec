/*
 * What failed in the last run on each target, kept for "last-failed" in a
 * file of the user's: a line "TARGET<TAB>CASE" for each case that failed, one
 * "TARGET<TAB>" where none did.  The targets of the last run come first, and an
 * empty line ends them.
 */
#ifndef CONFORMANCE_LAST_FAILED_H
#define CONFORMANCE_LAST_FAILED_H

#include <stdbool.h>
#include <stddef.h>

struct run;

struct last_failed_line {
	char *target;
	char *name; /* of the case; "" if none failed */
};

struct last_failed {
	char *path;
	struct last_failed_line *lines;
	size_t n;
	size_t nlast;                            /* of them: of the last run */
	const struct last_failed_line **by_name; /* sorted */
};

/* 0; no file is no lines.  Or -1 with one line in |err|, which names the place
 * in the file.  last_failed_clear in any case. */
int last_failed_read(struct last_failed *l, char *err, size_t err_size);
void last_failed_clear(struct last_failed *l);

/* Of a target, NULL: of those of the last run.  Is a run of it known? */
bool last_failed_knows(const struct last_failed *l, const char *target);
/* Did any case fail in it? */
bool last_failed_has_any(const struct last_failed *l, const char *target);
/* That one? */
bool last_failed_has(const struct last_failed *l, const char *target,
    const char *name);

/* After a run: its targets' lines instead of what was there.  0, or -1 with
 * one line in |err|.  Nowhere to write is nothing to be done. */
int last_failed_write(const struct run *r, char *err, size_t err_size);

#endif
