/* Faults of the counters. */
#include "config.h"

#include <string.h>

#include "base/text.h"
#include "relayd/conf.h"
#include "relayd/fault_table.h"
#include "relayd/metrics.h"

static uint64_t *
counter(const struct fault_event *e, int64_t offset)
{
	return (uint64_t *)(void *)((char *)e->metrics + offset);
}

/* The counter at offset n stays 0. */
static bool
stays_zero(const struct fault *f, struct fault_event *e)
{
	*counter(e, f->n) = 0;
	return false;
}

/* The counter at offset n counts double. */
static bool
doubles(const struct fault *f, struct fault_event *e)
{
	*counter(e, f->n) *= 2;
	return false;
}

/* The counter at offset n counts for that at m as well. */
static bool
adds_to(const struct fault *f, struct fault_event *e)
{
	*counter(e, f->m) += *counter(e, f->n);
	return false;
}

/* The two change places. */
static bool
swapped(const struct fault *f, struct fault_event *e)
{
	uint64_t n = *counter(e, f->n);

	*counter(e, f->n) = *counter(e, f->m);
	*counter(e, f->m) = n;
	return false;
}

static bool
every_login_is_new(const struct fault *f, struct fault_event *e)
{
	e->metrics->unique_client_keys = e->metrics->accepts;
	return false;
}

static bool
refused_accepted(const struct fault *f, struct fault_event *e)
{
	for (size_t i = 0; i < METRICS_REFUSALS; i++)
		e->metrics->accepts += e->metrics->login_refused[i];
	return false;
}

static bool
replaced_uncounted(const struct fault *f, struct fault_event *e)
{
	e->metrics->disconnects -=
	    e->metrics->ended[ENDING_REPLACED][STAGE_OPEN];
	return false;
}

/* Takes s out wherever it stands. */
static bool
without(const struct fault *f, struct fault_event *e)
{
	struct text out;
	const char *p = text_str(e->text), *next;

	text_init(&out);
	while ((next = strstr(p, f->s)) != NULL) {
		text_add_n(&out, p, (size_t)(next - p));
		p = next + strlen(f->s);
	}
	text_add(&out, p);
	text_clear(e->text);
	*e->text = out;
	return false;
}

/* clang-format off */
#define AT(member) offsetof(struct metrics, member)

const struct fault faults_metrics[] = {
	{ "metrics.eof-absent", "SHOULD", "R-240", "The exposition does not end in a mark", ON(EXPOSED), without, 0, 0, "# EOF\n", NULL },
	{ "metrics.name-absent", "SHOULD", "R-240", "There is no counter relayserver_got_ping", ON(EXPOSED), without, 0, 0, "relayserver_got_ping", NULL },
	{ "metrics.total-absent", "SHOULD", "R-241", "No sample ends in _total", ON(EXPOSED), without, 0, 0, "_total", NULL },
	{ "metrics.accepts-zero", "SHOULD", "R-242", "Logins are not counted as accepted", ON(METRICS), stays_zero, AT(accepts), 0, NULL, NULL },
	{ "metrics.carriers-swapped", "SHOULD", "R-242", "Raw and WebSocket upgrades are counted for each other", ON(METRICS), swapped, AT(websocket_accepts), AT(raw_accepts), NULL, NULL },
	{ "metrics.refused-accepted", "SHOULD", "R-243", "Refused logins count as accepted", ON(METRICS), refused_accepted, 0, 0, NULL, NULL },
	{ "metrics.every-login-new", "SHOULD", "R-244", "A key counts as new at each login", ON(METRICS), every_login_is_new, 0, 0, NULL, NULL },
	{ "metrics.disconnects-doubled", "SHOULD", "R-245", "An end counts twice", ON(METRICS), doubles, AT(disconnects), 0, NULL, NULL },
	{ "metrics.replaced-uncounted", "SHOULD", "R-245", "The end of a replaced connection does not count", ON(METRICS), replaced_uncounted, 0, 0, NULL, NULL },
	{ "metrics.sent-zero", "SHOULD", "R-246", "Forwarded packets do not count as sent", ON(METRICS), stays_zero, AT(send_packets_sent), 0, NULL, NULL },
	{ "metrics.bytes-doubled", "SHOULD", "R-246", "Received bytes count twice", ON(METRICS), doubles, AT(bytes_recv), 0, NULL, NULL },
	{ "metrics.disco-as-plain", "SHOULD", "R-247", "Received disco packets count as plain, too", ON(METRICS), adds_to, AT(disco_packets_recv), AT(send_packets_recv), NULL, NULL },
	{ "metrics.dropped-zero", "SHOULD", "R-248", "Packets for nobody do not count as dropped", ON(METRICS), stays_zero, AT(send_packets_dropped), 0, NULL, NULL },
	{ "metrics.dropped-sent", "SHOULD", "R-248", "Packets for nobody count as sent, too", ON(METRICS), adds_to, AT(send_packets_dropped), AT(send_packets_sent), NULL, NULL },
	{ "metrics.pong-zero", "SHOULD", "R-249", "Pongs are not counted", ON(METRICS), stays_zero, AT(sent_pong), 0, NULL, NULL },
	{ "metrics.other-as-unknown", "SHOULD", "R-250", "NotePreferred and Health count as unknown, too", ON(METRICS), adds_to, AT(other_packets_recv), AT(unknown_frames), NULL, NULL },
	{ "metrics.unknown-zero", "SHOULD", "R-250", "Frames that no client should send are not counted", ON(METRICS), stays_zero, AT(unknown_frames), 0, NULL, NULL },
	{ "metrics.gone-zero", "SHOULD", "R-251", "Peer-gone notices are not counted", ON(METRICS), stays_zero, AT(other_packets_sent), 0, NULL, NULL },
	{ "metrics.bytes-sent-zero", "SHOULD", "R-246", "Sent bytes are not counted", ON(METRICS), stays_zero, AT(bytes_sent), 0, NULL, NULL },
	{ "metrics.disco-sent-zero", "SHOULD", "R-247", "Forwarded disco packets do not count as sent", ON(METRICS), stays_zero, AT(disco_packets_sent), 0, NULL, NULL },
	{ "metrics.disco-dropped-zero", "SHOULD", "R-248", "Disco packets for nobody do not count as dropped", ON(METRICS), stays_zero, AT(disco_packets_dropped), 0, NULL, NULL },
	{ "metrics.ping-doubled", "SHOULD", "R-249", "A Ping counts twice", ON(METRICS), doubles, AT(got_ping), 0, NULL, NULL },
	{ "metrics.stun-requests-zero", "SHOULD", "R-240", "STUN requests are not counted", ON(METRICS), stays_zero, AT(stun_requests), 0, NULL, NULL },
	{ "metrics.stun-bad-zero", "SHOULD", "R-240", "What is no STUN does not count as bad", ON(METRICS), stays_zero, AT(stun_bad_requests), 0, NULL, NULL },
	{ NULL, NULL, NULL, NULL, 0, NULL, 0, 0, NULL, NULL }
};
/* clang-format on */
