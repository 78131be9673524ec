/*
 * Both byte streams of one connection -> events: HTTP heads and bodies, the
 * upgrade, then raw frames or WebSocket messages.  For whoever looks on from
 * outside: captures, taps.  Tolerant: what breaks a rule is shown and named.
 */
#ifndef TRANSCRIPT_DISSECT_H
#define TRANSCRIPT_DISSECT_H

#include "transcript/transcript.h"

struct dissector;

struct dissector *dissector_new(struct transcript *t, int conn,
    const struct rk_dialect *dialect);
void dissector_free(struct dissector *d);
/* In-order bytes of one direction; |time_ns| and |packet| of the segment
 * that completed them. */
void dissector_feed(struct dissector *d, enum direction dir, const void *p,
    size_t len, int64_t time_ns, uint64_t packet);
/*
 * |len| bytes are missing here (0: nobody knows how many; at the beginning
 * that means that it was not seen).  What is in progress becomes "rest";
 * frames are taken up again where they are certain.
 */
void dissector_gap(struct dissector *d, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet);
/* The direction ended; leftovers become "rest".  ENDING_NONE: nothing more is
 * known of it.  After an end nothing more is taken from this direction; once
 * both have ended nothing is held back. */
void dissector_end(struct dissector *d, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet);
/* Bytes held back for both directions, for bounding memory. */
size_t dissector_held(const struct dissector *d);

#endif
