/*
 * TLS records of a captured connection.  They are not decrypted: each is
 * shown as opaque, with its kind and size.
 */
#ifndef CAPTURE_TLS_RECORDS_H
#define CAPTURE_TLS_RECORDS_H

#include "transcript/transcript.h"

struct tls_records;

/* Can this be the first byte of a TLS client? */
bool tls_records_first_byte(uint8_t byte);

struct tls_records *tls_records_new(struct transcript *t, int conn);
void tls_records_free(struct tls_records *r);
void tls_records_feed(struct tls_records *r, enum direction dir,
    const uint8_t *p, size_t len, int64_t time_ns, uint64_t packet);
void tls_records_gap(struct tls_records *r, enum direction dir, uint64_t len,
    int64_t time_ns, uint64_t packet);
/* ENDING_NONE: nothing more is known. */
void tls_records_end(struct tls_records *r, enum direction dir, enum ending e,
    int64_t time_ns, uint64_t packet);

#endif
