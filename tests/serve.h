/* A program of the scripts that listens: how it begins and tells where. */
#ifndef TESTS_SERVE_H
#define TESTS_SERVE_H

#include "net/listen.h"

struct loop;

/* Listens on "ADDR:PORT", prints "listening http ADDRESS" and "ready", and runs
 * |l| until it is stopped.  The status to exit with: 1, with a line on stderr,
 * if it cannot listen. */
int serve(struct loop *l, const char *address, listener_fn on_accept,
    void *arg);

#endif
