/* A table of names; see namesakes.h. */
#include "config.h"

#include "scenario/namesakes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

#define NCHAINS 4096 /* of a few links each, for plans that are very long */

struct name {
	struct name *next;
	char *name;
	bool control;
	size_t n;
};

struct namesakes {
	struct name *chains[NCHAINS];
};

struct namesakes *
namesakes_new(void)
{
	return xcalloc(1, sizeof(struct namesakes));
}

/* Where it is, or would be. */
static struct name **
find(struct namesakes *s, const char *name, bool control)
{
	uint32_t hash = control;
	struct name **at;

	for (const char *c = name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT32_C(16777619);
	at = &s->chains[(hash ^ hash >> 16) % NCHAINS];
	while (*at != NULL &&
	    ((*at)->control != control || strcmp((*at)->name, name) != 0))
		at = &(*at)->next;
	return at;
}

size_t
namesakes_add(struct namesakes *s, const char *name, bool control)
{
	struct name **at = find(s, name, control);

	if (*at == NULL) {
		*at = xcalloc(1, sizeof(**at));
		(*at)->name = xstrdup(name);
		(*at)->control = control;
	}
	return (*at)->n++;
}

static void
unlink_name(struct name **at)
{
	struct name *gone = *at;

	*at = gone->next;
	free(gone->name);
	free(gone);
}

void
namesakes_remove(struct namesakes *s, const char *name, bool control)
{
	struct name **at = find(s, name, control);

	if (--(*at)->n == 0)
		unlink_name(at);
}

size_t
namesakes_take(struct namesakes *s, const char *name, bool control)
{
	struct name **at = find(s, name, control);
	size_t n = *at != NULL ? (*at)->n : 0;

	if (*at != NULL)
		unlink_name(at);
	return n;
}

void
namesakes_free(struct namesakes *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < NCHAINS; i++)
		while (s->chains[i] != NULL)
			unlink_name(&s->chains[i]);
	free(s);
}
