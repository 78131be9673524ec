/* Reading a capture for a test, and what came of it. */
#ifndef TESTS_READING_H
#define TESTS_READING_H

#include "capture/capture.h"
#include "packets.h"

struct reading {
	struct transcript *t;
	struct capture_summary sum;
	int result;
	char err[256];
};

struct reading read_with(const char *path, const struct capture_options *o);
struct reading read_path(const char *path);
struct reading read_blob(const struct blob *b);

/* One line an event, with or without microseconds; to be freed. */
char *describe(const struct transcript *t, bool remarks, bool times);
size_t count(const struct transcript *t, const char *what);
size_t count_remarks(const struct transcript *t, const char *text);

#endif
