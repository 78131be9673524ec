/* How many there are of each name: runs at the same time, say. */
#ifndef SCENARIO_NAMESAKES_H
#define SCENARIO_NAMESAKES_H

#include <stdbool.h>
#include <stddef.h>

struct namesakes *namesakes_new(void);
void namesakes_free(struct namesakes *s);
/* One more; how many there were, controls and others apart. */
size_t namesakes_add(struct namesakes *s, const char *name, bool control);
/* One less of those that were added. */
void namesakes_remove(struct namesakes *s, const char *name, bool control);
/* All of them; how many there were. */
size_t namesakes_take(struct namesakes *s, const char *name, bool control);

#endif
