/*
 * What a connection looks like on the wire, for whoever captures it: the
 * bytes as the kernel gave and took them (over TLS its records), and the ends.
 */
#ifndef BASE_TAP_H
#define BASE_TAP_H

#include <stddef.h>

enum tap_kind {
	TAP_IN,      /* bytes came */
	TAP_OUT,     /* bytes were taken by the kernel */
	TAP_IN_FIN,  /* the peer's FIN, or its close_notify before that */
	TAP_OUT_FIN, /* ours */
	TAP_IN_RST,
	TAP_OUT_RST,
	TAP_SECRET /* a line of a key log, without a newline */
};

/* |p| and |len| are of IN, OUT and SECRET, and valid during the call. */
typedef void (
    *tap_fn)(void *arg, enum tap_kind kind, const void *p, size_t len);

struct tap {
	tap_fn on_tap; /* NULL: nobody looks */
	void *arg;
};

#endif
