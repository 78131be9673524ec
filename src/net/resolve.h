/* Names to addresses, on threads of their own: the loop never waits. */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>

struct loop;
struct lookup;

/*
 * |on_done| comes once from the loop, unless lookup_free() comes first.
 * |list| (NULL: none, |error| says why) is valid until lookup_free(), which
 * the caller owes in any case.  NULL with errno: no thread, descriptor or
 * memory.
 */
struct lookup *lookup_start(struct loop *l, const char *host, unsigned port,
    void (*on_done)(void *arg, const struct addrinfo *list, const char *error),
    void *arg);
void lookup_free(struct lookup *lk); /* NULL is fine */
/* Is a thread at work, for whatever loop?  If not, all results are there: for
 * who fakes the clock, by which a resolver takes no time. */
bool lookups_are_under_way(void);

#endif
