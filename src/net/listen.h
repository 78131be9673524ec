/* Listening sockets: accepts to EAGAIN, survives a lack of descriptors. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <stddef.h>
#include <stdint.h>

struct loop;
struct listener;

typedef void (*listener_fn)(void *arg, int fd);

/*
 * Listen on "ADDR:PORT" ("127.0.0.1:0", "[::1]:3340", "[::]:80").  Accepted
 * descriptors are non-blocking, close-on-exec and TCP_NODELAY, and become the
 * callback's. NULL with one line in |err| that names the address.
 */
struct listener *listener_new(struct loop *l, const char *address,
    listener_fn on_accept, void *arg, char *err, size_t err_size);
/* The same on a socket that listens already; |fd| is taken. */
struct listener *listener_new_fd(struct loop *l, int fd, listener_fn on_accept,
    void *arg, char *err, size_t err_size);
void listener_free(struct listener *li); /* NULL is fine */
/* With the real port: "127.0.0.1:43211". */
const char *listener_address(const struct listener *li);
unsigned listener_port(const struct listener *li);

/*
 * When descriptors run out accepting pauses (said once), and is tried again
 * every 100 ms until it works (said once).  Already the last eight are left
 * to the rest of the process; a listener that is essential takes them too, so
 * that a crowded server can still be asked for its counters.
 */
void listener_set_essential(struct listener *li);

/*
 * How much the kernel may hold of each connection's output that it has not
 * sent yet (default: megabytes).  What is written later than that can still
 * be put in another order.
 */
void listener_set_unsent_max(struct listener *li, unsigned bytes);

/*
 * Accept no more than |b| gives, at |cost_ns| each; the rest waits in the
 * kernel.  The bucket is borrowed and may be that of several listeners.
 */
struct bucket;
void listener_set_limit(struct listener *li, struct bucket *b, int64_t cost_ns);

#endif
