/* A tape of TLS as a capture file. */
#ifndef TESTS_TLS_FILE_H
#define TESTS_TLS_FILE_H

#include "packets.h"
#include "tls_tape.h"

struct tls_file {
	struct blob b;
	bool pcapng; /* else classic */
	unsigned client_port;
	uint32_t seq[2];
	unsigned id;
	int64_t now_ns;
	size_t mss;
	/* Segments are swapped with their neighbour, sent twice, or the one
	 * with this number from 0 on is left out. */
	bool swapped;
	bool doubled;
	long lost;
	long segments;
	struct blob held; /* a packet that waits for its neighbour */
};

/* |secrets| NULL: a file without. */
void tls_file_begin(struct tls_file *f, bool pcapng, bool big_endian,
    const char *secrets);
void tls_file_clear(struct tls_file *f);
void tls_file_secrets(struct tls_file *f, uint32_t type, const char *secrets,
    size_t claimed);
/* A connection with flights |from| to |to|; FINs at its end. */
void tls_file_connection(struct tls_file *f, const struct tls_tape *t,
    size_t from, size_t to);

#define SECRETS_TLS 0x544c534b
#define SECRETS_SSH 0x5353484b

#endif
