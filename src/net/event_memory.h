/* What libevent allocates, in places that are in nobody's way. */
#ifndef NET_EVENT_MEMORY_H
#define NET_EVENT_MEMORY_H

/* To be called before libevent is asked for anything; once or often, by any
 * thread. */
void event_memory_init(void);

#endif
