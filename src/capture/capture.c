/* The way from a file to a transcript: read, find the segment, pass it on. */
#include "config.h"

#include "capture/capture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/xalloc.h"
#include "capture/flow_table.h"
#include "capture/ip.h"
#include "capture/link.h"
#include "capture/pcap_ahead.h"
#include "capture/pcap_file.h"

#define LINKS_SAID 8 /* link types that were reported as unknown */

struct reader {
	struct transcript *t;
	const struct capture_options *o;
	struct capture_summary *sum;
	char what[160]; /* is wrong with a packet */
	char *err;
	size_t err_size;
	struct flow_context context;
	struct tls_context tls;
	struct flow_table *flows;
	struct ip_fragments *fragments;
	int64_t last_ns; /* of the last packet */
	int said[LINKS_SAID];
	size_t nsaid;
};

void
capture_options_default(struct capture_options *o)
{
	*o = (struct capture_options){ .max_flow_bytes = 4u << 20,
		.max_flows = 4096,
		.max_held = 256u << 20,
		.max_fragmented = 64 };
}

static void
remark(void *arg, enum remark_level level, int conn, int64_t time_ns,
    uint64_t packet, const char *text)
{
	struct reader *r = arg;
	struct event e = {
		.kind = EVENT_REMARK,
		.conn = conn,
		.time_ns = time_ns - r->context.epoch_ns,
		.packet = packet,
	};

	if (level == REMARK_NOTE && !r->o->notes)
		return;
	e.text = packet > 0 ? xasprintf("packet %" PRIu64 ": %s", packet, text)
			    : xstrdup(text);
	if (level == REMARK_WRONG && r->sum->wrong++ == 0)
		snprintf(r->err, r->err_size, "%s", e.text);
	r->sum->remarks++;
	transcript_add(r->t, &e);
	free(e.text);
}

static void
remark_packet(struct reader *r, const struct packet *p, const char *text)
{
	remark(r, REMARK_WRONG, TRANSCRIPT_NO_CONN, p->time_ns, p->number,
	    text);
}

/* Once per link type. */
static void
unknown_link(struct reader *r, const struct packet *p)
{
	char text[96];

	for (size_t i = 0; i < r->nsaid; i++)
		if (r->said[i] == p->link)
			return;
	if (r->nsaid == LINKS_SAID)
		return;
	r->said[r->nsaid++] = p->link;
	snprintf(text, sizeof(text), "%s is not understood",
	    link_name(p->link));
	remark_packet(r, p, text);
}

static void
report_fragments(struct reader *r)
{
	uint64_t packet;

	while (ip_fragments_lost(r->fragments, &packet))
		remark(r, REMARK_WRONG, TRANSCRIPT_NO_CONN, r->last_ns, packet,
		    "a fragment of an IP packet of which others are missing");
}

static void
take_packet(struct reader *r, const struct packet *p)
{
	struct segment s;
	struct seen ip;

	r->sum->packets++;
	if (r->sum->packets == 1) {
		r->context.epoch_ns = p->time_ns;
		r->t->epoch_ns = p->time_ns;
	}
	r->last_ns = p->time_ns;
	switch (link_to_ip(p, &ip)) {
	case LINK_UNKNOWN:
		unknown_link(r, p);
		return;
	case LINK_OTHER:
		r->sum->others++;
		return;
	case LINK_CUT:
		remark_packet(r, p, "cut before its IP header");
		return;
	case LINK_IP:
		break;
	}
	switch (
	    ip_segment(r->fragments, p, &ip, &s, r->what, sizeof(r->what))) {
	case IP_SEGMENT:
		flow_table_segment(r->flows, &s);
		break;
	case IP_OTHER:
		r->sum->others++;
		break;
	default:
		break;
	}
	if (r->what[0] != '\0')
		remark_packet(r, p, r->what);
	report_fragments(r);
}

/* ---- TLS secrets ---- */

/* Of key logs nothing puts bytes in doubt: an AEAD tells. */
static void
on_secrets_remark(void *arg, const char *text)
{
	struct reader *r = arg;

	remark(r, REMARK_FACT, TRANSCRIPT_NO_CONN,
	    r->sum->packets > 0 ? r->last_ns : r->context.epoch_ns, 0, text);
}

static void
take_secrets(struct reader *r, const struct packet *p)
{
	if (p->wire > p->len)
		on_secrets_remark(r, "a secrets block is cut off");
	tls_keylog_block(r->tls.keylog, p->p, p->len);
}

static int
begin_tls(struct reader *r, const struct pcap_file *f)
{
	r->tls.keylog = tls_keylog_new(on_secrets_remark, r);
	r->tls.resume = tls_resume_new();
	r->context.tls = &r->tls;
	if (r->o->keylog != NULL &&
	    tls_keylog_open(r->tls.keylog, r->o->keylog, r->err, r->err_size) !=
		0)
		return -1;
	r->tls.live =
	    tls_keylog_may_grow(r->tls.keylog) && !pcap_file_is_whole(f);
	return 0;
}

static void
end_tls(struct reader *r)
{
	tls_keylog_free(r->tls.keylog);
	tls_resume_free(r->tls.resume);
	OPENSSL_cleanse(r->tls.plain, sizeof(r->tls.plain));
}

/* False behind the last packet. */
static bool
take_next(struct reader *r, enum packet_result result, struct packet *p,
    const char *what)
{
	switch (result) {
	case PACKET_OK:
		take_packet(r, p);
		return true;
	case PACKET_SECRETS:
		take_secrets(r, p);
		return true;
	case PACKET_BAD:
		r->sum->packets++;
		remark_packet(r, p, what);
		return true;
	case PACKET_DAMAGED:
		r->sum->damaged = true;
		p->time_ns = r->last_ns;
		remark_packet(r, p, what);
		return false;
	case PACKET_END:
		break;
	}
	return false;
}

static void
read_packets(struct reader *r, struct pcap_file *f)
{
	struct pcap_ahead *ahead = pcap_ahead_new(f);
	enum packet_result result;
	char what[256];
	struct packet p;

	do
		result = ahead != NULL
		    ? pcap_ahead_next(ahead, &p, what, sizeof(what))
		    : pcap_file_next(f, &p, what, sizeof(what));
	while (take_next(r, result, &p, what) && !r->t->stop);
	pcap_ahead_free(ahead);
}

static void
read_all(struct reader *r, struct pcap_file *f)
{
	struct tcp_counts counts;

	r->flows = flow_table_new(&r->context, r->o->max_flows, r->o->max_held);
	r->fragments = ip_fragments_new(r->o->max_fragmented);
	read_packets(r, f);
	ip_fragments_finish(r->fragments);
	report_fragments(r);
	flow_table_finish(r->flows);
	r->sum->flows = flow_table_total(r->flows);
	counts = flow_table_counts(r->flows);
	r->sum->resent = counts.resent;
	r->sum->reordered = counts.reordered;
	flow_table_free(r->flows);
	ip_fragments_free(r->fragments);
}

int
capture_read(const char *file, const struct capture_options *o,
    struct transcript *t, struct capture_summary *summary, char *err,
    size_t err_size)
{
	struct pcap_file *f = pcap_file_open(file, err, err_size);
	struct reader r = {
		.t = t,
		.o = o,
		.sum = summary,
		.err = err,
		.err_size = err_size,
	};
	int result = -1;

	*summary = (struct capture_summary){ 0 };
	if (f == NULL)
		return -1;
	r.context = (struct flow_context){ .t = t,
		.dialect = o->dialect != NULL ? o->dialect : rk_dialects()[0],
		.max_flow_bytes = o->max_flow_bytes,
		.remark = remark,
		.arg = &r };
	if (begin_tls(&r, f) == 0) {
		read_all(&r, f);
		result = summary->wrong > 0;
	}
	end_tls(&r);
	pcap_file_close(f);
	return result;
}
