/* Memory that is freed all at once.  Each piece is an allocation of its own,
 * so that the sanitizers see a step beyond it. */
#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "scenario/arena.h"

struct piece {
	struct piece *next;
	max_align_t data[];
};

struct arena {
	struct piece *pieces;
};

struct arena *
arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	struct piece *next;

	if (a == NULL)
		return;
	for (struct piece *p = a->pieces; p != NULL; p = next) {
		next = p->next;
		free(p);
	}
	free(a);
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct piece *p = xcalloc(1, sizeof(*p) + size);

	p->next = a->pieces;
	a->pieces = p;
	return p->data;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *
arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
	void *bigger;

	if (n != 0 && (n < 4 || (n & (n - 1)) != 0))
		return array;
	bigger = arena_alloc(a, (n == 0 ? 4 : n * 2) * size);
	if (n > 0)
		memcpy(bigger, array, n * size);
	return bigger;
}
