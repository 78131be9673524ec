/* pcapng: sections of blocks.  See pcap_file.h. */
#ifndef CAPTURE_PCAPNG_READ_H
#define CAPTURE_PCAPNG_READ_H

#include <stdio.h>

#include "capture/pcap_file.h"

struct pcapng;

/* Begin at the first byte of |f|, which stays the caller's.  NULL with a
 * line in |err| if it does not begin with a section. */
struct pcapng *pcapng_new(FILE *f, char *err, size_t err_size);
void pcapng_free(struct pcapng *n);
enum packet_result pcapng_next(struct pcapng *n, struct packet *out, char *err,
    size_t err_size);

#endif
