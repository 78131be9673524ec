/*
 * Reading ahead: a thread reads the packets of a file while those before are
 * looked at.  Only for files that are whole; from a pipe packets are to come
 * one by one.
 */
#ifndef CAPTURE_PCAP_AHEAD_H
#define CAPTURE_PCAP_AHEAD_H

#include "capture/pcap_file.h"

struct pcap_ahead;

/* |f| stays the caller's, who must not touch it meanwhile.  NULL: it is not
 * worth it, or there is no thread to be had. */
struct pcap_ahead *pcap_ahead_new(struct pcap_file *f);
/* As pcap_file_next(). */
enum packet_result pcap_ahead_next(struct pcap_ahead *a, struct packet *out,
    char *err, size_t err_size);
/* Ends the thread; NULL is fine. */
void pcap_ahead_free(struct pcap_ahead *a);

#endif
