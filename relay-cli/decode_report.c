/* A summary as tables for people, or as JSON lines. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "codec/keys.h"
#include "relay-cli/decode_summary_impl.h"

#define KEY_SHOWN 6 /* bytes, as in the lines of frames */

static double
ms(int64_t ns)
{
	return (double)ns / (double)NS_PER_MS;
}

static double
seconds(const struct decode_summary *s)
{
	return (double)(s->last_ns - s->first_ns) / (double)NS_PER_S;
}

static double
rate(const struct decode_summary *s)
{
	return seconds(s) > 0 ? (double)s->frames / seconds(s) : 0;
}

static bool
is_known(const struct rk_key *key)
{
	static const struct rk_key unknown = { { 0 } };

	return !rk_key_equal(key, &unknown);
}

static const char *
short_key(const struct rk_key *key, char out[RK_KEY_HEX_SIZE])
{
	if (!is_known(key))
		return "?";
	rk_key_hex(key, out);
	out[2 * KEY_SHOWN] = '\0';
	return out;
}

/* The |i|-th row that counts anything; false behind the last one. */
static bool
count_at(const struct decode_summary *s, size_t *i, const char **name,
    const struct count_row **row)
{
	size_t nframes = 0;

	while (s->dialect != NULL && s->dialect->frames[nframes].name != NULL &&
	    nframes < FRAME_ROWS)
		nframes++;
	for (; *i <= nframes + EVENT_NKINDS; ++*i) {
		size_t k = *i - nframes - 1;

		if (*i < nframes) {
			*row = &s->types[*i];
			*name = s->dialect->frames[*i].name;
		} else if (*i == nframes) {
			*row = &s->unknown;
			*name = "other";
		} else if (k < EVENT_NKINDS) {
			*row = &s->kinds[k];
			*name = event_kind_name((enum event_kind)k);
		} else {
			return false;
		}
		if ((*row)->n[0] + (*row)->n[1] > 0)
			return true;
	}
	return false;
}

static int
by_packets(const void *a, const void *b)
{
	const struct spoke_row *x = *(const struct spoke_row *const *)a;
	const struct spoke_row *y = *(const struct spoke_row *const *)b;
	uint64_t n = x->packets[0] + x->packets[1];
	uint64_t m = y->packets[0] + y->packets[1];

	if (n != m)
		return n > m ? -1 : 1;
	return rk_key_equal(&x->from, &y->from)
	    ? memcmp(&x->to, &y->to, sizeof(x->to))
	    : memcmp(&x->from, &y->from, sizeof(x->from));
}

/* The rows of who spoke with whom, the busiest first; to be freed. */
static const struct spoke_row **
spoke_sorted(const struct decode_summary *s)
{
	const struct spoke_row **rows =
	    calloc(SPOKE_SHOWN + 1, sizeof(struct spoke_row *));
	size_t n = 0;

	if (rows == NULL)
		return NULL;
	for (size_t i = 0; i < SPOKE_PLACES; i++)
		if (s->spoke[i].used)
			rows[n++] = &s->spoke[i];
	qsort(rows, n, sizeof(rows[0]), by_packets);
	return rows;
}

/* ---- for people ---- */

static void
print_counts(const struct decode_summary *s)
{
	const struct count_row *row;
	const char *name;

	printf("\n%-16s %10s %14s %10s %14s\n", "what", "to relay", "bytes",
	    "to client", "bytes");
	for (size_t i = 0; count_at(s, &i, &name, &row); i++)
		printf("%-16s %10" PRIu64 " %14" PRIu64 " %10" PRIu64
		       " %14" PRIu64 "\n",
		    name, row->n[DIR_C2S], row->bytes[DIR_C2S], row->n[DIR_S2C],
		    row->bytes[DIR_S2C]);
}

static void
print_spoke_row(const struct spoke_row *r, const char *from, const char *to)
{
	printf("%-12s %-12s %10" PRIu64 " %14" PRIu64 " %10" PRIu64
	       " %14" PRIu64,
	    from, to, r->packets[0], r->bytes[0], r->packets[1], r->bytes[1]);
	if (r->pairs > 0)
		printf("  %.3f / %.3f / %.3f", ms(r->min_ns),
		    r->sum_ns / (double)r->pairs / (double)NS_PER_MS,
		    ms(r->max_ns));
	printf("\n");
}

static void
print_spoke(const struct decode_summary *s)
{
	const struct spoke_row **rows = spoke_sorted(s);
	char from[RK_KEY_HEX_SIZE], to[RK_KEY_HEX_SIZE];

	if (s->nspoke == 0 || rows == NULL) {
		free(rows);
		return;
	}
	printf("\n%-12s %-12s %10s %14s %10s %14s  %s\n", "from", "to", "sent",
	    "bytes", "arrived", "bytes", "ms in the relay: least/mean/most");
	for (size_t i = 0; i < s->nspoke; i++)
		print_spoke_row(rows[i], short_key(&rows[i]->from, from),
		    short_key(&rows[i]->to, to));
	if (s->spoke_others.packets[0] + s->spoke_others.packets[1] > 0)
		print_spoke_row(&s->spoke_others, "others", "others");
	free(rows);
	if (s->transit.count == 0)
		return;
	printf("%" PRIu64 " arrived packets were seen being sent: half of them "
	       "took %.3f ms, 90 %% %.3f, 99 %% %.3f, the slowest %.3f\n",
	    s->transit.count, ms(histogram_at(&s->transit, 500000)),
	    ms(histogram_at(&s->transit, 900000)),
	    ms(histogram_at(&s->transit, 990000)), ms(s->transit.max));
	if (s->several > 0)
		printf("%" PRIu64 " of them had the same bytes as another one "
		       "under way, the older one was taken\n",
		    s->several);
}

static void
print_conn(const struct conn_row *c)
{
	char key[RK_KEY_HEX_SIZE];

	printf("#%-4" PRIu64 " %s%s%s  %.3f to %.3f s", c->number,
	    c->ends != NULL ? c->ends : "?", c->tls ? ", TLS" : "",
	    c->frames[0] + c->frames[1] == 0  ? ""
		: c->carrier == RK_CARRIER_WS ? ", WebSocket"
					      : ", raw",
	    (double)c->first_ns / (double)NS_PER_S,
	    (double)c->last_ns / (double)NS_PER_S);
	if (c->has_key)
		printf(", client %s", short_key(&c->key, key));
	printf(", %" PRIu64 " frames to the relay, %" PRIu64 " back",
	    c->frames[DIR_C2S], c->frames[DIR_S2C]);
	if (c->missing > 0)
		printf(", %" PRIu64 " bytes missing", c->missing);
	printf("; client: %s, relay: %s\n",
	    c->ending[DIR_C2S] == ENDING_NONE ? "open"
					      : ending_name(c->ending[DIR_C2S]),
	    c->ending[DIR_S2C] == ENDING_NONE
		? "open"
		: ending_name(c->ending[DIR_S2C]));
}

static void
print_tables(const struct decode_summary *s, const struct capture_summary *sum)
{
	printf("%" PRIu64 " packets, %" PRIu64 " not TCP; %" PRIu64
	       " connections; %" PRIu64 " segments sent again, %" PRIu64
	       " out of order\n",
	    sum->packets, sum->others, sum->flows, sum->resent, sum->reordered);
	printf("%" PRIu64 " frames in %.3f s: %.1f a second, %" PRIu64
	       " in the busiest; %" PRIu64 " things against the rules, "
	       "%" PRIu64 " doubtful ones\n",
	    s->frames, seconds(s), rate(s), s->busiest, s->errors, sum->wrong);
	print_counts(s);
	print_spoke(s);
	printf("\n");
	for (size_t i = 0; i < s->nconns; i++)
		print_conn(&s->conn[i]);
	if (sum->flows > CONNS_SHOWN)
		printf("and %" PRIu64 " more connections\n",
		    sum->flows - CONNS_SHOWN);
}

/* ---- JSON ---- */

static void
print_json(json_t *j)
{
	json_dumpf(j, stdout,
	    JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12));
	printf("\n");
	json_decref(j);
}

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
json_key(const struct rk_key *key)
{
	char hex[RK_KEY_HEX_SIZE];

	if (!is_known(key))
		return json_null();
	rk_key_hex(key, hex);
	return json_string(hex);
}

static void
json_capture(const struct decode_summary *s, const struct capture_summary *sum)
{
	print_json(json_pack("{so so so so so so so so sf sf so so so so so}",
	    "what", json_string("capture"), "packets", number(sum->packets),
	    "not_tcp", number(sum->others), "connections", number(sum->flows),
	    "sent_again", number(sum->resent), "out_of_order",
	    number(sum->reordered), "doubtful", number(sum->wrong), "frames",
	    number(s->frames), "seconds", seconds(s), "frames_per_second",
	    rate(s), "busiest_second", number(s->busiest), "against_rules",
	    number(s->errors), "pairs", number(s->transit.count),
	    "pairs_doubtful", number(s->several), "damaged",
	    json_boolean(sum->damaged)));
}

static void
json_counts(const struct decode_summary *s)
{
	const struct count_row *row;
	const char *name;

	for (size_t i = 0; count_at(s, &i, &name, &row); i++)
		print_json(json_pack("{ss ss so so so so}", "what", "count",
		    "of", name, "c2s", number(row->n[DIR_C2S]), "c2s_bytes",
		    number(row->bytes[DIR_C2S]), "s2c", number(row->n[DIR_S2C]),
		    "s2c_bytes", number(row->bytes[DIR_S2C])));
}

static void
json_spoke_row(const struct spoke_row *r)
{
	json_t *j = json_pack("{ss so so so so so so so}", "what", "spoke",
	    "from", json_key(&r->from), "to", json_key(&r->to), "sent",
	    number(r->packets[0]), "sent_bytes", number(r->bytes[0]), "arrived",
	    number(r->packets[1]), "arrived_bytes", number(r->bytes[1]),
	    "pairs", number(r->pairs));

	if (r->pairs > 0)
		json_object_set_new(j, "transit_ms",
		    json_pack("{sf sf sf}", "least", ms(r->min_ns), "mean",
			r->sum_ns / (double)r->pairs / (double)NS_PER_MS,
			"most", ms(r->max_ns)));
	print_json(j);
}

static void
json_spoke(const struct decode_summary *s)
{
	const struct spoke_row **rows = spoke_sorted(s);

	for (size_t i = 0; rows != NULL && i < s->nspoke; i++)
		json_spoke_row(rows[i]);
	free(rows);
	if (s->transit.count > 0)
		print_json(json_pack("{ss so sf sf sf sf}", "what", "transit",
		    "pairs", number(s->transit.count), "p50_ms",
		    ms(histogram_at(&s->transit, 500000)), "p90_ms",
		    ms(histogram_at(&s->transit, 900000)), "p99_ms",
		    ms(histogram_at(&s->transit, 990000)), "most_ms",
		    ms(s->transit.max)));
}

static void
json_conn(const struct conn_row *c)
{
	json_t *j = json_pack("{ss so sb sf sf so so so so so ss ss}", "what",
	    "connection", "conn", number(c->number), "tls", c->tls, "first",
	    (double)c->first_ns / (double)NS_PER_S, "last",
	    (double)c->last_ns / (double)NS_PER_S, "c2s",
	    number(c->frames[DIR_C2S]), "c2s_bytes", number(c->bytes[DIR_C2S]),
	    "s2c", number(c->frames[DIR_S2C]), "s2c_bytes",
	    number(c->bytes[DIR_S2C]), "missing", number(c->missing), "c2s_end",
	    ending_name(c->ending[DIR_C2S]), "s2c_end",
	    ending_name(c->ending[DIR_S2C]));

	if (c->ends != NULL)
		json_object_set_new(j, "ends", json_string(c->ends));
	if (c->has_key)
		json_object_set_new(j, "key", json_key(&c->key));
	if (c->frames[0] + c->frames[1] > 0)
		json_object_set_new(j, "carrier",
		    json_string(rk_carrier_name(c->carrier)));
	print_json(j);
}

void
decode_summary_print(const struct decode_summary *s,
    const struct capture_summary *sum, bool json)
{
	if (!json) {
		print_tables(s, sum);
		return;
	}
	json_capture(s, sum);
	json_counts(s);
	json_spoke(s);
	for (size_t i = 0; i < s->nconns; i++)
		json_conn(&s->conn[i]);
}
