/* Transcripts for people: one event a line, both directions. */
#ifndef TRANSCRIPT_TEXT_H
#define TRANSCRIPT_TEXT_H

#include "base/text.h"
#include "transcript/transcript.h"

struct transcript_text_options {
	size_t snap; /* bytes of packet data shown */
	bool packet; /* capture packet numbers in front */
	bool ascii;  /* "-->" instead of arrows */
	const char *indent;
	const char
	    *behind; /* what stands at the end of the line; may be NULL */
};

/* Append one line with newline. */
void event_to_text(const struct transcript *t, const struct event *e,
    const struct transcript_text_options *o, struct text *out);
/* The same about a whole login that begins with the event: "ok", then what is
 * |behind|. */
void event_login_to_text(const struct transcript *t, const struct event *e,
    const struct transcript_text_options *o, struct text *out);
/* Append its bytes, 16 a line, as hex and as text; of a frame with the header
 * that they had on this connection.  Nothing if it has none. */
void event_dump(const struct transcript *t, const struct event *e,
    const char *indent, struct text *out);
void transcript_to_text(const struct transcript *t,
    const struct transcript_text_options *o, struct text *out);

#endif
