/*
 * A capture in numbers: what was said how often, who spoke with whom, how
 * long the relay took.  Bounded: rows beyond a limit are counted together.
 */
#ifndef CLI_DECODE_SUMMARY_H
#define CLI_DECODE_SUMMARY_H

#include "capture/capture.h"
#include "transcript/pairs.h"

struct decode_summary;

struct decode_summary *decode_summary_new(void);
void decode_summary_free(struct decode_summary *s); /* NULL is fine */

/* |pair|: it was completed by this event; NULL: no. */
void decode_summary_event(struct decode_summary *s, const struct transcript *t,
    const struct event *e, const struct pair *pair);

/* To standard output: tables for people, or JSON lines, each with "what":
 * "capture", "count", "spoke", "connection". */
void decode_summary_print(const struct decode_summary *s,
    const struct capture_summary *sum, bool json);

#endif
