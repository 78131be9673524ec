/* The exposition: one table from the list in metrics.h, and the families
 * with labels. */
#include "config.h"

#include "relayd/metrics.h"

#include <string.h>

#include "base/text.h"
#include "codec/errors.h"

struct counter {
	const char *name;
	const char *help;
	enum generation generations;
	size_t offset;
};

static const struct counter counters[] = {
#define X(field, name, generations, help)                                      \
	{ name, help, generations, offsetof(struct metrics, field) },
	METRICS_COUNTERS(X)
#undef X
};

#define NCOUNTERS (sizeof(counters) / sizeof(counters[0]))

/* Label values of relayd_login_refused_total. */
static const struct {
	int err;
	const char *name;
} refusals[METRICS_REFUSALS] = {
	{ RK_ERR_TOO_LONG, "too-long" },
	{ RK_ERR_LENGTH, "length" },
	{ RK_ERR_UNKNOWN_TYPE, "unknown-type" },
	{ RK_ERR_EMPTY, "empty" },
	{ RK_ERR_MAGIC, "magic" },
	{ RK_ERR_KEY, "key" },
	{ RK_ERR_UNEXPECTED, "unexpected-frame" },
	{ RK_ERR_SIGNATURE, "signature" },
	{ RK_ERR_VERSION, "version" },
	{ RK_ERR_MESSAGE, "message" },
	{ RK_ERR_DENIED, "denied" },
	{ 0, "other" },
};

/* Label values of relayd_access_answers_total. */
static const char *const answer_names[ACCESS_NANSWERS] = {
	[ACCESS_ANSWER_ALLOWED] = "allowed",
	[ACCESS_ANSWER_DENIED] = "denied",
	[ACCESS_ANSWER_TIMEOUT] = "timeout",
	[ACCESS_ANSWER_UNREACHABLE] = "unreachable",
	[ACCESS_ANSWER_BROKEN] = "broken",
};

static const char *const queue_names[QUEUE_NKINDS] = {
	[QUEUE_PACKETS] = "packets",
	[QUEUE_DISCO] = "disco",
	[QUEUE_GONE] = "gone",
};

void
metrics_login_refused(struct metrics *m, int err)
{
	size_t i = 0;

	while (i < METRICS_REFUSALS - 1 && refusals[i].err != err)
		i++;
	metrics_up(&m->login_refused[i]);
}

void
metrics_add(struct metrics *into, const struct metrics *from)
{
	_Static_assert(sizeof(struct metrics) % sizeof(uint64_t) == 0,
	    "all members are uint64_t");
	uint64_t *sum = (uint64_t *)into;
	const uint64_t *add = (const uint64_t *)from;

	for (size_t i = 0; i < sizeof(*into) / sizeof(*sum); i++)
		sum[i] += __atomic_load_n(&add[i], __ATOMIC_RELAXED);
}

static void
write_family(struct text *out, const char *name, const char *type,
    const char *help)
{
	text_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The reference's order of its groups (section 4.11, D-26), then our own. */
#define NGROUPS 3
static const char *const groups_028[NGROUPS] = { "relayserver_", "stun_",
	"relayd_" };
static const char *const groups_035[NGROUPS] = { "stun_", "relayserver_",
	"relayd_" };

static void
write_group(const struct metrics *m, enum generation generation,
    const char *prefix, struct text *out)
{
	for (size_t i = 0; i < NCOUNTERS; i++) {
		const struct counter *c = &counters[i];
		const void *at = (const char *)m + c->offset;

		if ((c->generations & generation) == 0 ||
		    strncmp(c->name, prefix, strlen(prefix)) != 0)
			continue;
		write_family(out, c->name, "counter", c->help);
		text_addf(out, "%s_total %llu\n", c->name,
		    (unsigned long long)*(const uint64_t *)at);
	}
}

static void
write_counters(const struct metrics *m, enum generation generation,
    struct text *out)
{
	const char *const *group =
	    generation == GENERATION_035 ? groups_035 : groups_028;

	for (int i = 0; i < NGROUPS; i++)
		write_group(m, generation, group[i], out);
}

static void
write_ended(const struct metrics *m, struct text *out)
{
	write_family(out, "relayd_ended", "counter",
	    "Connections that ended, by how and at which stage.");
	for (int e = ENDING_NONE + 1; e < ENDING_NKINDS; e++)
		for (int s = 0; s < STAGE_NKINDS; s++)
			text_addf(out,
			    "relayd_ended_total{end=\"%s\",stage=\"%s\"} "
			    "%llu\n",
			    ending_name((enum ending)e),
			    stage_name((enum stage)s),
			    (unsigned long long)m->ended[e][s]);
}

static void
write_labelled(const struct metrics *m, struct text *out)
{
	write_family(out, "relayd_queue_dropped", "counter",
	    "What found the queue of a slow receiver full.");
	for (int q = 0; q < QUEUE_NKINDS; q++)
		text_addf(out,
		    "relayd_queue_dropped_total{queue=\"%s\"} %llu\n",
		    queue_names[q], (unsigned long long)m->queue_dropped[q]);
	write_family(out, "relayd_login_refused", "counter",
	    "Logins refused, by reason.");
	for (size_t i = 0; i < METRICS_REFUSALS; i++)
		text_addf(out,
		    "relayd_login_refused_total{reason=\"%s\"} %llu\n",
		    refusals[i].name, (unsigned long long)m->login_refused[i]);
}

static void
write_access(const struct metrics *m, struct text *out)
{
	write_family(out, "relayd_access_answers", "counter",
	    "What came of asking the access service about a key.");
	for (int i = 0; i < ACCESS_NANSWERS; i++)
		text_addf(out,
		    "relayd_access_answers_total{answer=\"%s\"} %llu\n",
		    answer_names[i], (unsigned long long)m->access_answers[i]);
}

static void
write_histogram(const struct histogram *h, unsigned shift, const char *name,
    const char *help, struct text *out)
{
	unsigned long long n = 0;

	write_family(out, name, "histogram", help);
	for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
		n += h->bucket[i];
		if (i < METRICS_BUCKETS - 1)
			text_addf(out, "%s_bucket{le=\"%llu.0\"} %llu\n", name,
			    1ULL << (shift + i), n);
	}
	text_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n", name, n);
	text_addf(out, "%s_count %llu\n%s_sum %llu\n", name, n, name,
	    (unsigned long long)h->sum);
}

static void
write_gauges(const struct metrics *m, struct text *out)
{
	write_family(out, "relayd_connections", "gauge",
	    "Sockets open now, by stage; of every listener.");
	for (int s = 0; s < STAGE_NKINDS; s++)
		text_addf(out, "relayd_connections{stage=\"%s\"} %llu\n",
		    stage_name((enum stage)s),
		    (unsigned long long)m->connections[s]);
	write_family(out, "relayd_clients", "gauge", "Keys logged in now.");
	text_addf(out, "relayd_clients %llu\n", (unsigned long long)m->clients);
}

void
metrics_write(const struct metrics *m, enum generation generation,
    struct text *out)
{
	write_counters(m, generation, out);
	write_ended(m, out);
	write_labelled(m, out);
	write_access(m, out);
	write_histogram(&m->packet_bytes, PACKET_BYTES_SHIFT,
	    "relayd_packet_bytes", "Data of the packets received from clients.",
	    out);
	write_histogram(&m->write_packets, WRITE_PACKETS_SHIFT,
	    "relayd_write_packets", "Packets that went out in one write.", out);
	write_gauges(m, out);
	text_add(out, "# EOF\n");
}
