/* Memory that is freed all at once: everything a script consists of. */
#ifndef SCENARIO_ARENA_H
#define SCENARIO_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */

/* Zeroed; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Room for one more element in an array of |n| elements of |size| bytes that
 * lives in the arena: the array, moved where it had to grow.  Capacities are
 * powers of two, so |n| alone tells when.
 */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size);
#define ARENA_PUSH(a, array, n, value)                                         \
	do {                                                                   \
		(array) = arena_grow((a), (array), (n), sizeof(*(array)));     \
		(array)[(n)++] = (value);                                      \
	} while (0)

#endif
