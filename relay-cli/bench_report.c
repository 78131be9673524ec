/* What relay-cli bench says at the end: lines for people, or one of JSON. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "relay-cli/bench.h"

static const struct percentile {
	const char *word; /* for people */
	const char *name; /* in JSON */
	unsigned per_million;
} percentiles[] = {
	{ "p50", "p50_us", 500000 },
	{ "p99", "p99_us", 990000 },
	{ "p99.9", "p999_us", 999000 },
};

#define NPERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static double
us(int64_t ns)
{
	return (double)ns / 1e3;
}

static double
seconds(const struct bench_result *r)
{
	return r->elapsed_ns > 0 ? (double)r->elapsed_ns / 1e9 : 1e-9;
}

static uint64_t
lost(const struct bench_result *r)
{
	return r->sent > r->received ? r->sent - r->received : 0;
}

/* What the relay did in the measured time, each of which cost CPU. */
static uint64_t
units(const struct bench *b)
{
	return b->kind == &bench_packets ? b->result.received_in_time
					 : b->result.logins;
}

static int64_t
cpu_ns(const struct bench_result *r)
{
	return r->after.cpu_ns - r->before.cpu_ns;
}

/* ---- JSON ---- */

static void
json_histogram(struct text *t, const char *name, const struct histogram *h)
{
	if (h->count == 0)
		return;
	text_addf(t, ",\"%s\":{\"count\":%" PRIu64 ",\"min_us\":%.1f", name,
	    h->count, us(h->min));
	for (size_t i = 0; i < NPERCENTILES; i++)
		text_addf(t, ",\"%s\":%.1f", percentiles[i].name,
		    us(histogram_at(h, percentiles[i].per_million)));
	text_addf(t, ",\"max_us\":%.1f}", us(h->max));
}

static void
json_packets(struct text *t, const struct bench *b)
{
	const struct bench_options *o = &b->options.bench;
	const struct bench_result *r = &b->result;
	double rate = (double)r->received_in_time / seconds(r);

	text_addf(t, ",\"pairs\":%" PRId64 ",\"size\":%" PRId64, o->pairs,
	    o->size);
	if (o->rate > 0)
		text_addf(t, ",\"rate\":%" PRId64 ",\"due\":%" PRIu64, o->rate,
		    r->due);
	else
		text_addf(t, ",\"window\":%" PRId64, o->window);
	text_addf(t,
	    ",\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"lost\":%" PRIu64
	    ",\"misordered\":%" PRIu64 ",\"wrong\":%" PRIu64
	    ",\"packets_per_s\":%.1f,\"bytes_per_s\":%.0f",
	    r->sent, r->received, lost(r), r->misordered, r->wrong, rate,
	    rate * (double)o->size);
	if (o->ping_ns > 0)
		text_addf(t, ",\"pings\":%" PRIu64 ",\"pongs\":%" PRIu64,
		    r->pings, r->pongs);
	json_histogram(t, "latency", &r->latency);
	json_histogram(t, "ping", &r->ping);
	json_histogram(t, "own_lag", &r->lag);
	if (o->stall)
		text_addf(t, ",\"stalled_sent\":%" PRIu64, r->stall_sent);
	if (r->stall_gone_ns > 0)
		text_addf(t, ",\"stalled_gone_s\":%.3f",
		    (double)r->stall_gone_ns / 1e9);
}

static void
json_logins(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	text_addf(t,
	    ",\"window\":%" PRId64 ",\"logins\":%" PRIu64
	    ",\"logins_per_s\":%.1f",
	    b->options.bench.window, r->logins, (double)r->logins / seconds(r));
	json_histogram(t, "latency", &r->latency);
}

static void
json_idle(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	text_addf(t,
	    ",\"connections\":%" PRIu64 ",\"lost\":%" PRIu64
	    ",\"opened_in_s\":%.3f",
	    r->logins, r->lost, (double)r->ramp_ns / 1e9);
	if (r->has_usage && r->logins > 0)
		text_addf(t, ",\"rss_per_connection\":%.1f",
		    (double)(r->after.rss - r->before.rss) / (double)r->logins);
}

static void
json_usage(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	if (!r->has_usage)
		return;
	text_addf(t,
	    ",\"cpu_s\":%.2f,\"rss_before\":%" PRId64 ",\"rss\":%" PRId64,
	    (double)cpu_ns(r) / 1e9, r->before.rss, r->after.rss);
	if (b->kind != &bench_idle && units(b) > 0)
		text_addf(t, ",\"cpu_us_each\":%.4f",
		    us(cpu_ns(r)) / (double)units(b));
}

/* ---- for people ---- */

static void
text_histogram(struct text *t, const char *name, const struct histogram *h)
{
	if (h->count == 0)
		return;
	text_addf(t, "%-11s", name);
	for (size_t i = 0; i < NPERCENTILES; i++)
		text_addf(t, "%s %.1f, ", percentiles[i].word,
		    us(histogram_at(h, percentiles[i].per_million)));
	text_addf(t, "max %.1f us\n", us(h->max));
}

static void
text_packets(struct text *t, const struct bench *b)
{
	const struct bench_options *o = &b->options.bench;
	const struct bench_result *r = &b->result;
	double rate = (double)r->received_in_time / seconds(r);

	text_addf(t, "%-11s%" PRId64 " pair%s, %" PRId64 " bytes, ", "load",
	    o->pairs, o->pairs == 1 ? "" : "s", o->size);
	if (o->rate > 0)
		text_addf(t, "%" PRId64 " packets/s", o->rate);
	else
		text_addf(t, "%" PRId64 " under way", o->window);
	text_addf(t, ", %s%s, %.2f s\n",
	    rk_carrier_name(b->options.session.to.url.carrier),
	    b->options.session.to.url.tls ? " over TLS" : "", seconds(r));
	text_addf(t,
	    "%-11s%" PRIu64 " sent, %" PRIu64 " received, %" PRIu64 " lost\n",
	    "packets", r->sent, r->received, lost(r));
	text_addf(t, "%-11s%.0f packets/s, %.1f MB/s\n", "throughput", rate,
	    rate * (double)o->size / 1e6);
	text_histogram(t, "latency", &r->latency);
	if (o->ping_ns > 0)
		text_addf(t, "%-11s%" PRIu64 " sent, %" PRIu64 " answered\n",
		    "pings", r->pings, r->pongs);
	text_histogram(t, "ping", &r->ping);
	text_histogram(t, "own lag", &r->lag);
	if (o->stall)
		text_addf(t, "%-11s%" PRIu64 " packets sent to it, ", "stalled",
		    r->stall_sent);
	if (o->stall && r->stall_gone_ns > 0)
		text_addf(t, "closed by the relay after %.1f s\n",
		    (double)r->stall_gone_ns / 1e9);
	else if (o->stall)
		text_add(t, "still connected\n");
}

static void
text_logins(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	text_addf(t,
	    "%-11s%" PRIu64 " in %.2f s, %.0f logins/s, %" PRId64
	    " at a time\n",
	    "logins", r->logins, seconds(r), (double)r->logins / seconds(r),
	    b->options.bench.window);
	text_histogram(t, "latency", &r->latency);
}

static void
text_idle(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	text_addf(t,
	    "%-11s%" PRIu64 " connections, opened in %.2f s, held "
	    "for %.2f s, %" PRIu64 " lost\n",
	    "idle", r->logins, (double)r->ramp_ns / 1e9, seconds(r), r->lost);
	if (r->has_usage && r->logins > 0)
		text_addf(t, "%-11s%.0f bytes each\n", "memory",
		    (double)(r->after.rss - r->before.rss) / (double)r->logins);
}

static void
text_usage(struct text *t, const struct bench *b)
{
	const struct bench_result *r = &b->result;

	if (!r->has_usage)
		return;
	text_addf(t, "%-11s%.0f %% of a CPU", "relay",
	    (double)cpu_ns(r) / 1e7 / seconds(r));
	if (b->kind != &bench_idle && units(b) > 0)
		text_addf(t, ", %.2f us each",
		    us(cpu_ns(r)) / (double)units(b));
	text_addf(t, ", %.1f MB of memory\n", (double)r->after.rss / 1e6);
}

static const struct writer {
	const struct bench_kind *kind;
	void (*json)(struct text *t, const struct bench *b);
	void (*text)(struct text *t, const struct bench *b);
} writers[] = {
	{ &bench_packets, json_packets, text_packets },
	{ &bench_logins, json_logins, text_logins },
	{ &bench_idle, json_idle, text_idle },
};

void
bench_report(const struct bench *b)
{
	const struct writer *w = writers;
	struct text t;

	while (w->kind != b->kind)
		w++;
	text_init(&t);
	if (b->options.json) {
		text_addf(&t,
		    "{\"what\":\"bench\",\"kind\":\"%s\",\"carrier\":\"%s\","
		    "\"tls\":%s,\"elapsed_s\":%.3f",
		    b->kind->name,
		    rk_carrier_name(b->options.session.to.url.carrier),
		    b->options.session.to.url.tls ? "true" : "false",
		    seconds(&b->result));
		w->json(&t, b);
		json_usage(&t, b);
		text_add(&t, "}\n");
	} else {
		w->text(&t, b);
		text_usage(&t, b);
	}
	fputs(text_str(&t), stdout);
	text_clear(&t);
}
