/*
 * Writes pcapng: one section, its interface, packets with comments, secrets.
 * What cannot be written is remembered: pcapng_out_failed().
 */
#ifndef CAPTURE_PCAPNG_WRITE_H
#define CAPTURE_PCAPNG_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* An option's length has 16 bits; what is longer is cut, between characters. */
#define PCAPNG_OPTION_MAX 65535

struct pcapng_out {
	FILE *f;          /* borrowed */
	uint64_t written; /* bytes, padding and heads included */
	bool failed;
};

/*
 * The section's head and its only interface, Ethernet with nanoseconds.
 * |comment| says what the file is, |application| who wrote it, |name| what
 * the interface is called.
 */
void pcapng_out_begin(struct pcapng_out *o, FILE *f, const char *comment,
    const char *application, const char *name);
/* A whole packet; |comment| NULL: none. */
void pcapng_out_packet(struct pcapng_out *o, int64_t time_ns, const void *p,
    size_t len, const char *comment);
/* Lines of a TLS key log; they stand before the packets that need them. */
void pcapng_out_secrets(struct pcapng_out *o, const char *lines, size_t len);
/* What pcapng_out_packet() would add to |written|. */
size_t pcapng_out_size(size_t len, const char *comment);
bool pcapng_out_failed(const struct pcapng_out *o);

#endif
