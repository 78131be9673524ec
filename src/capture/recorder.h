/*
 * A capture that is written while connections go on: taps of streams in, one
 * pcapng file out.  Secrets of TLS stand before the packets that need them,
 * so a handshake's packets are held until its secrets are known.
 */
#ifndef CAPTURE_RECORDER_H
#define CAPTURE_RECORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/tap.h"

struct recorder;
struct recorder_flow;

/*
 * Write into |f|, which is taken.  |comment| is said of the section behind
 * the words that it is synthesised; at about |max| bytes it ends (0: never).
 * NULL without memory; |f| is closed then.
 */
struct recorder *recorder_new(FILE *f, const char *application,
    const char *comment, uint64_t max);
/* All flows must be freed.  False if anything could not be written. */
bool recorder_close(struct recorder *r);
/* Something could not be written: nothing more will be. */
bool recorder_failed(const struct recorder *r);
/* It has its size: nothing more will be written either. */
bool recorder_full(const struct recorder *r);

/*
 * The connection of |fd|, which is connected; |server|: our side is the one
 * that was called; |tls|: secrets will come.  NULL without memory.
 */
struct recorder_flow *recorder_flow_new(struct recorder *r, int fd, bool server,
    bool tls, const char *comment);
void recorder_flow_free(struct recorder_flow *f); /* NULL is fine */
/* A tap_fn; |flow| is the struct recorder_flow. */
void recorder_tap(void *flow, enum tap_kind kind, const void *p, size_t len);

#endif
