/*
 * Connections as packets that were never sent: Ethernet, IP and TCP (or UDP)
 * around bytes that a program read and wrote, so that every tool for captures
 * can show them.  Handshake, sequence numbers, acknowledgements and checksums
 * are as between two hosts without loss.
 */
#ifndef CAPTURE_SYNTH_H
#define CAPTURE_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tap.h"
#include "capture/pcapng_write.h"

/* Said in the comment of every section that is written like this. */
#define SYNTH_COMMENT                                                          \
	"Synthesised: the bytes are real, the packets around them are not."

struct sockaddr;

enum synth_side {
	SYNTH_CLIENT,
	SYNTH_SERVER
};

struct synth_end {
	uint8_t address[16]; /* IPv4: the first four */
	uint16_t port;
	uint32_t seq;   /* next to be sent */
	uint32_t acked; /* of its bytes, by the other side */
	bool fin;
	bool reset;
};

struct synth_flow {
	struct pcapng_out *out;
	bool v6;
	bool udp;
	uint16_t ident; /* of IPv4 */
	struct synth_end end[2];
};

/*
 * |client| and |server| are IPv4 or IPv6 (mapped IPv4 is IPv4; where they are
 * no pair of one family, made-up ones are shown).  TCP shakes hands.
 */
void synth_tcp(struct synth_flow *f, struct pcapng_out *out,
    const struct sockaddr *client, const struct sockaddr *server,
    int64_t time_ns, const char *comment);
void synth_udp(struct synth_flow *f, struct pcapng_out *out,
    const struct sockaddr *client, const struct sockaddr *server);
/* Bytes, cut into segments; a datagram is one packet.  Behind the sender's
 * FIN or a reset nothing can be sent. */
void synth_bytes(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const void *p, size_t len, const char *comment);
/* Nothing but an acknowledgement, for the comment's sake. */
void synth_note(struct synth_flow *f, enum synth_side from, int64_t time_ns,
    const char *comment);
/* What a tap shows of the side |own|; secrets are left to the caller. */
void synth_tap(struct synth_flow *f, enum synth_side own, enum tap_kind kind,
    int64_t time_ns, const void *p, size_t len, const char *comment);
/* An upper bound of what synth_bytes() writes. */
uint64_t synth_size(size_t len, const char *comment);

#endif
