/*
 * The packets of a capture file, one after the other, from a file or a pipe.
 * Classic pcap is read with libpcap.  pcapng is read by pcapng_read.c, since
 * libpcap refuses files whose interfaces differ and hides secrets blocks.
 */
#ifndef CAPTURE_PCAP_FILE_H
#define CAPTURE_PCAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct packet {
	uint64_t number;  /* from 1 */
	int64_t time_ns;  /* since 1970 */
	int link;         /* LINKTYPE_ number */
	const uint8_t *p; /* valid until the next call */
	size_t len;       /* bytes that were captured */
	size_t wire;      /* bytes that there were, at least |len| */
};

enum packet_result {
	PACKET_OK,
	PACKET_END,
	PACKET_BAD,     /* this one cannot be read, the next one can */
	PACKET_DAMAGED, /* nothing behind this place can be read */
	PACKET_SECRETS /* not a packet, but TLS secrets as key logs have them */
};

struct pcap_file;

/* "-": stdin.  NULL with a line in |err|. */
struct pcap_file *pcap_file_open(const char *file, char *err, size_t err_size);
/* It can be read as fast as one likes: not a pipe. */
bool pcap_file_is_whole(const struct pcap_file *f);
/* Bytes, 0 where that is not known. */
uint64_t pcap_file_size(const struct pcap_file *f);
void pcap_file_close(struct pcap_file *f);
/* For BAD and DAMAGED |err| says what is wrong, and out->number is the
 * packet's. */
enum packet_result pcap_file_next(struct pcap_file *f, struct packet *out,
    char *err, size_t err_size);

#endif
