/* What reading a capture costs before anybody looks at it: libpcap alone. */
#include "config.h"

#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>

int
main(int argc, char **argv)
{
	char err[PCAP_ERRBUF_SIZE] = "usage: read_capture FILE";
	pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], err) : NULL;
	uint64_t packets = 0, bytes = 0;
	struct pcap_pkthdr *h;
	const u_char *data;

	if (p == NULL) {
		fprintf(stderr, "%s\n", err);
		return 2;
	}
	while (pcap_next_ex(p, &h, &data) == 1) {
		packets++;
		bytes += h->caplen;
	}
	printf("%" PRIu64 " packets, %" PRIu64 " bytes\n", packets, bytes);
	pcap_close(p);
	return 0;
}
