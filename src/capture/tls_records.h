/*
 * One direction of a TLS connection: bytes -> records.  Where bytes are
 * missing, what is left of a record is told, and the next one is looked for.
 */
#ifndef CAPTURE_TLS_RECORDS_H
#define CAPTURE_TLS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLS_HEADER_LEN 5
/* RFC 5246, 6.2.3; TLS 1.3 has less. */
#define TLS_RECORD_MAX (16384 + 2048)

/* RFC 8446, 5.1 */
enum tls_content {
	TLS_CHANGE_CIPHER_SPEC = 20,
	TLS_ALERT = 21,
	TLS_HANDSHAKE = 22,
	TLS_DATA = 23
};

struct tls_record {
	uint8_t header[TLS_HEADER_LEN]; /* type u8 | version u16 | len u16 */
	const uint8_t *body;            /* NULL unless all of it is there */
	size_t len;                     /* as the header says */
	size_t have;                    /* so much of it is there */
	int64_t time_ns;                /* of the segment with its last byte */
	uint64_t packet;
};

struct tls_records;

/* Whoever takes them; pointers are valid during the call. */
struct tls_records_sink {
	void *arg;
	void (*record)(void *arg, const struct tls_record *r);
	/* |len| bytes that are there, but in which no record can be told. */
	void (*junk)(void *arg, size_t len, int64_t time_ns, uint64_t packet);
	/* |len| bytes are missing.  |inside|: of one record, which follows
	 * with less than it should have; else any number may be missing. */
	void (*gap)(void *arg, uint64_t len, bool inside, int64_t time_ns,
	    uint64_t packet);
	/* Behind a gap: is this certainly a record?  It may say no where it
	 * cannot tell. */
	bool (*proves)(void *arg, const struct tls_record *r);
};

/* Can a connection inside TLS begin with these bytes? */
bool tls_records_begin(const uint8_t *p, size_t len);

struct tls_records *tls_records_new(const struct tls_records_sink *sink);
void tls_records_free(struct tls_records *r);
void tls_records_feed(struct tls_records *r, const uint8_t *p, size_t len,
    int64_t time_ns, uint64_t packet);
void tls_records_gap(struct tls_records *r, uint64_t len, int64_t time_ns,
    uint64_t packet);
/* Nothing more comes: a record in progress goes out as it is.  True if there
 * was one. */
bool tls_records_end(struct tls_records *r, int64_t time_ns, uint64_t packet);
/* Bytes of memory in use. */
size_t tls_records_held(const struct tls_records *r);

#endif
