/* Which kind of capture file it is; the classic kind through libpcap. */
#include "config.h"

#include "capture/pcap_file.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "capture/link.h"
#include "capture/pcapng_read.h"

#define PCAPNG_FIRST_BYTE 0x0a
#define GZIP_FIRST_BYTE   0x1f
#define READ_BUFFER       (64u << 10)

struct pcap_file {
	FILE *f;
	struct pcapng *ng; /* else: */
	pcap_t *classic;   /* owns |f| */
	uint64_t packets;
};

static FILE *
open_file(const char *file, char *err, size_t err_size)
{
	struct stat st;
	FILE *f;

	if (strcmp(file, "-") == 0)
		return stdin;
	f = fopen(file, "rb");
	if (f != NULL && fstat(fileno(f), &st) == 0 && S_ISDIR(st.st_mode)) {
		fclose(f);
		f = NULL;
		errno = EISDIR;
	}
	if (f == NULL)
		snprintf(err, err_size, "%s", strerror(errno));
	return f;
}

static pcap_t *
open_classic(FILE *f, char *err, size_t err_size)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_fopen_offline_with_tstamp_precision(f,
	    PCAP_TSTAMP_PRECISION_NANO, text);

	if (p == NULL)
		snprintf(err, err_size, "not a capture file: %s", text);
	return p;
}

static bool
begin(struct pcap_file *f, char *err, size_t err_size)
{
	int first = getc(f->f);

	if (first == EOF) {
		snprintf(err, err_size, "%s",
		    ferror(f->f) ? strerror(errno) : "empty file");
		return false;
	}
	if (first == GZIP_FIRST_BYTE) {
		snprintf(err, err_size, "compressed: use zcat FILE | … -");
		return false;
	}
	ungetc(first, f->f);
	if (first == PCAPNG_FIRST_BYTE)
		f->ng = pcapng_new(f->f, err, err_size);
	else
		f->classic = open_classic(f->f, err, err_size);
	return f->ng != NULL || f->classic != NULL;
}

struct pcap_file *
pcap_file_open(const char *file, char *err, size_t err_size)
{
	struct pcap_file *f = xcalloc(1, sizeof(*f));

	f->f = open_file(file, err, err_size);
	if (f->f != NULL) {
		/* More at a time, where there is more. */
		setvbuf(f->f, NULL, _IOFBF, READ_BUFFER);
		if (begin(f, err, err_size))
			return f;
	}
	pcap_file_close(f);
	return NULL;
}

bool
pcap_file_is_whole(const struct pcap_file *f)
{
	struct stat st;

	return fstat(fileno(f->f), &st) == 0 && S_ISREG(st.st_mode);
}

uint64_t
pcap_file_size(const struct pcap_file *f)
{
	struct stat st;

	return fstat(fileno(f->f), &st) == 0 && S_ISREG(st.st_mode)
	    ? (uint64_t)st.st_size
	    : 0;
}

void
pcap_file_close(struct pcap_file *f)
{
	if (f == NULL)
		return;
	pcapng_free(f->ng);
	if (f->classic != NULL)
		pcap_close(f->classic);
	else if (f->f != NULL && f->f != stdin)
		fclose(f->f);
	free(f);
}

/* The file has 32 bits for the seconds, and no sign; the rest may be any
 * number. */
static int64_t
stamp(const struct timeval *tv)
{
	int64_t ns = tv->tv_usec;

	if (ns < 0 || ns >= NS_PER_S)
		ns = NS_PER_S - 1;
	return (int64_t)(uint32_t)tv->tv_sec * NS_PER_S + ns;
}

static enum packet_result
next_classic(struct pcap_file *f, struct packet *out, char *err,
    size_t err_size)
{
	struct pcap_pkthdr *h;
	const uint8_t *p;
	int r = pcap_next_ex(f->classic, &h, &p);

	*out = (struct packet){ .number = f->packets + 1 };
	if (r == PCAP_ERROR_BREAK)
		return PACKET_END;
	if (r != 1) {
		snprintf(err, err_size, "%s", pcap_geterr(f->classic));
		return PACKET_DAMAGED;
	}
	f->packets++;
	out->time_ns = stamp(&h->ts);
	out->link = link_from_dlt(pcap_datalink(f->classic));
	out->p = p;
	out->len = h->caplen;
	out->wire = h->len < h->caplen ? h->caplen : h->len;
	return PACKET_OK;
}

enum packet_result
pcap_file_next(struct pcap_file *f, struct packet *out, char *err,
    size_t err_size)
{
	if (f->ng != NULL)
		return pcapng_next(f->ng, out, err, err_size);
	return next_classic(f, out, err, err_size);
}
