/* The entries of pcap-fixtures/MANIFEST. */
#ifndef TESTS_MANIFEST_H
#define TESTS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "transcript/transcript.h"

struct fixture {
	char *capture; /* file names within pcap-fixtures */
	char *expect;
	char *damaged; /* NULL: it is not */
	char *foreign; /* NULL: its frames are the dialect's */
	char *keys;    /* TLS: a key log, NULL: there is none */
	bool secrets;  /* TLS: they are inside */
};

/* Of all entries; they stay. */
const struct fixture *manifest_read(size_t *n);
/* "…/pcap-fixtures/FILE", in a static buffer. */
const char *fixture_path(const char *file);

/* Is it TLS? */
bool fixture_is_tls(const struct fixture *f);

/*
 * The capture's transcript, decrypted; *result as of capture_read, |err| as
 * well.  To be freed.
 */
struct transcript *fixture_decode(const struct fixture *f, int *result,
    char *err, size_t err_size);

#endif
