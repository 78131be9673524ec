/*
 * Counters and gauges: numbers that one event loop owns, added up and written
 * as OpenMetrics text when somebody asks, on another loop perhaps.
 */
#ifndef RELAYD_METRICS_H
#define RELAYD_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/ending.h"
#include "relayd/access_http.h"
#include "relayd/generation.h"

struct text;

/*
 * Names, meanings and order of the reference (section 4.11, D-26), then our
 * own.  field, name (the exposition adds _total), generations that have it.
 * Not copied: that the two of the receive limit end in _total_total, and that
 * each login counts as that of a new key, in the newer generation.
 */
/* clang-format off */
#define METRICS_COUNTERS(X) \
	X(bytes_sent, "relayserver_bytes_sent", GENERATION_BOTH, "Bytes of packet data written to clients.") \
	X(bytes_recv, "relayserver_bytes_recv", GENERATION_BOTH, "Bytes of packet data received from clients.") \
	X(send_packets_sent, "relayserver_send_packets_sent", GENERATION_BOTH, "Packets queued for their destination; generation 0.35: written to it.") \
	X(send_packets_recv, "relayserver_send_packets_recv", GENERATION_BOTH, "Packets received from clients.") \
	X(send_packets_dropped, "relayserver_send_packets_dropped", GENERATION_BOTH, "Packets whose destination was not there; generation 0.35: and the one whose write failed.") \
	X(disco_packets_sent, "relayserver_disco_packets_sent", GENERATION_BOTH, "Disco packets queued for their destination; generation 0.35: written to it.") \
	X(disco_packets_recv, "relayserver_disco_packets_recv", GENERATION_BOTH, "Disco packets received from clients.") \
	X(disco_packets_dropped, "relayserver_disco_packets_dropped", GENERATION_BOTH, "Disco packets whose destination was not there; generation 0.35: and the one whose write failed.") \
	X(other_packets_sent, "relayserver_other_packets_sent", GENERATION_BOTH, "Peer-gone notices queued.") \
	X(other_packets_recv, "relayserver_other_packets_recv", GENERATION_BOTH, "NotePreferred and Health frames received.") \
	X(other_packets_dropped, "relayserver_other_packets_dropped", GENERATION_BOTH, "Peer-gone notices that found their queue full.") \
	X(got_ping, "relayserver_got_ping", GENERATION_BOTH, "Ping frames answered.") \
	X(sent_pong, "relayserver_sent_pong", GENERATION_BOTH, "Pong frames written.") \
	X(unknown_frames, "relayserver_unknown_frames", GENERATION_BOTH, "Well-formed frames that a relay does not expect.") \
	X(frames_limited, "relayserver_frames_rx_ratelimited", GENERATION_035, "Frames that a receive limit delayed.") \
	X(conns_limited, "relayserver_conns_rx_ratelimited", GENERATION_035, "Connections of which a receive limit delayed a frame.") \
	X(accepts, "relayserver_accepts", GENERATION_BOTH, "Logins completed.") \
	X(disconnects, "relayserver_disconnects", GENERATION_BOTH, "Connections that ended after their login.") \
	X(unique_client_keys, "relayserver_unique_client_keys", GENERATION_BOTH, "First logins of a key on a UTC day.") \
	X(websocket_accepts, "relayserver_websocket_accepts", GENERATION_BOTH, "WebSocket upgrades.") \
	X(raw_accepts, "relayserver_derp_accepts", GENERATION_028, "Raw upgrades.") \
	X(raw_accepts_035, "relayserver_relay_accepts", GENERATION_035, "Raw upgrades, by their newer name.") \
	X(stun_requests, "stun_requests", GENERATION_BOTH, "Datagrams received by the STUN server.") \
	X(stun_ipv4_success, "stun_ipv4_success", GENERATION_BOTH, "STUN answers over IPv4.") \
	X(stun_ipv6_success, "stun_ipv6_success", GENERATION_BOTH, "STUN answers over IPv6.") \
	X(stun_bad_requests, "stun_bad_requests", GENERATION_BOTH, "Datagrams that were no STUN request.") \
	X(stun_failures, "stun_failures", GENERATION_BOTH, "STUN datagrams lost to a socket error.") \
	X(http_requests, "relayd_http_requests", GENERATION_BOTH, "HTTP requests answered, upgrades included.") \
	X(http_errors, "relayd_http_errors", GENERATION_BOTH, "Of them with a status of 400 or above.") \
	X(keepalives_sent, "relayd_keepalives_sent", GENERATION_BOTH, "KeepAlive frames written.") \
	X(pings_sent, "relayd_pings_sent", GENERATION_BOTH, "Ping frames written.") \
	X(write_timeouts, "relayd_write_timeouts", GENERATION_BOTH, "Connections that accepted no output for too long.") \
	X(ws_skipped, "relayd_websocket_skipped", GENERATION_BOTH, "WebSocket text and pong messages read and ignored.")
/* clang-format on */

enum metrics_queue {
	QUEUE_PACKETS,
	QUEUE_DISCO,
	QUEUE_GONE,
	QUEUE_NKINDS
};

/*
 * How often a number was at most 2^shift, 2^(shift + 1) …; the last bucket
 * has no bound.
 */
#define METRICS_BUCKETS 12
struct histogram {
	uint64_t bucket[METRICS_BUCKETS];
	uint64_t sum;
};

#define PACKET_BYTES_SHIFT  6
#define WRITE_PACKETS_SHIFT 0

/* Why a login was refused; the last one stands for all others. */
#define METRICS_REFUSALS 12

struct metrics {
#define X(field, name, generations, help) uint64_t field;
	METRICS_COUNTERS(X)
#undef X
	uint64_t ended[ENDING_NKINDS][STAGE_NKINDS];
	uint64_t queue_dropped[QUEUE_NKINDS];
	uint64_t login_refused[METRICS_REFUSALS];
	uint64_t access_answers[ACCESS_NANSWERS];
	struct histogram packet_bytes;  /* of each that came */
	struct histogram write_packets; /* in each write that has any */
	/* gauges */
	uint64_t connections[STAGE_NKINDS];
	uint64_t clients; /* keys in the table; of the router, not a loop */
};

/* Only the loop that owns a number changes it: no other need be kept out, and
 * who reads it sees no half of it. */
static inline void
metrics_up_by(uint64_t *number, uint64_t n)
{
	__atomic_store_n(number, __atomic_load_n(number, __ATOMIC_RELAXED) + n,
	    __ATOMIC_RELAXED);
}

static inline void
metrics_up(uint64_t *number)
{
	metrics_up_by(number, 1);
}

static inline void
metrics_down(uint64_t *number)
{
	metrics_up_by(number, UINT64_MAX);
}

static inline void
histogram_add(struct histogram *h, unsigned shift, uint64_t n)
{
	unsigned bits = n > 1 ? 64 - (unsigned)__builtin_clzll(n - 1) : 0;
	unsigned i = bits > shift ? bits - shift : 0;

	if (i >= METRICS_BUCKETS)
		i = METRICS_BUCKETS - 1;
	metrics_up(&h->bucket[i]);
	metrics_up_by(&h->sum, n);
}

/* Count a refused login by the codec's error. */
void metrics_login_refused(struct metrics *m, int err);

/* Add every number of |from| to |into|. */
void metrics_add(struct metrics *into, const struct metrics *from);

/* OpenMetrics text with the names that |generation| has, "# EOF" last. */
void metrics_write(const struct metrics *m, enum generation generation,
    struct text *out);

#endif
