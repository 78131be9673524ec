/*
 * Transcripts as JSON lines, out and in.  One object a line: "conn", "dir",
 * "n", "what", then by kind "line", "len", "key", "data_len", "sha256_8",
 * "data", "text", "message", "signature", …; "t" in seconds.
 */
#ifndef TRANSCRIPT_JSON_H
#define TRANSCRIPT_JSON_H

#include <jansson.h>

#include "transcript/transcript.h"

struct transcript_json_options {
	size_t snap;  /* bytes of packet data shown; SIZE_MAX: all */
	bool no_time; /* leave out "t" and "packet": for comparing */
};

/* A new object; the caller's.  |n| is the event's number. */
json_t *event_to_json(const struct transcript *t, const struct event *e,
    uint64_t n, const struct transcript_json_options *o);
/* One line of ASCII with newline, to be freed with free(). */
char *json_to_line(const json_t *j);
/* Both in one. */
char *event_to_json_line(const struct transcript *t, const struct event *e,
    uint64_t n, const struct transcript_json_options *o);
/*
 * The whole event for run.jsonl, and back again: what event_to_json() shows
 * and beside it "kind", "time_ns", "raw" (hex), "note" (the text), …, from
 * which alone event_from_json() appends it to |t|, adding its connection
 * where that is new.  0, or -1 with a line in |err|.  Texts of events are
 * UTF-8; one that is not comes back escaped.
 */
json_t *event_to_json_full(const struct transcript *t, const struct event *e);
/* For those who write the bytes themselves: as a string of JSON, hex is looked
 * through and copied again and again. */
json_t *event_to_json_but_raw(const struct transcript *t,
    const struct event *e);
int event_from_json(struct transcript *t, const json_t *j, char *err,
    size_t err_size);

#endif
