/* The inside of a summary, for decode_summary.c and decode_report.c. */
#ifndef CLI_DECODE_SUMMARY_IMPL_H
#define CLI_DECODE_SUMMARY_IMPL_H

#include "relay-cli/decode_summary.h"
#include "relay-cli/histogram.h"

#define FRAME_ROWS   64 /* of a dialect's frame table */
#define CONNS_SHOWN  4096
#define SPOKE_SHOWN  4096
#define SPOKE_PLACES 8192 /* of a hash table: twice as many */

/* Both by direction. */
struct count_row {
	uint64_t n[2];
	uint64_t bytes[2];
};

/* Zero stands for a key that is not known. */
struct spoke_row {
	bool used;
	struct rk_key from, to;
	uint64_t packets[2]; /* sent, arrived */
	uint64_t bytes[2];
	uint64_t pairs;
	int64_t min_ns, max_ns;
	double sum_ns;
};

struct conn_row {
	uint64_t number;
	char *ends; /* "client > server" */
	int64_t first_ns, last_ns;
	bool tls;
	bool has_key;
	struct rk_key key;
	enum rk_carrier carrier; /* where there are frames */
	uint64_t frames[2];
	uint64_t bytes[2];
	uint64_t missing;
	enum ending ending[2];
};

struct decode_summary {
	const struct rk_dialect *dialect; /* NULL: no frames */
	struct count_row types[FRAME_ROWS];
	struct count_row unknown; /* frames */
	struct count_row kinds[EVENT_NKINDS];
	uint64_t errors; /* events that break a rule */
	uint64_t frames;
	int64_t first_ns, last_ns; /* of frames */
	int64_t second;            /* in which frames are counted */
	uint64_t in_second, busiest;
	struct spoke_row spoke[SPOKE_PLACES];
	struct spoke_row spoke_others;
	size_t nspoke;
	struct histogram transit;
	uint64_t several; /* pairs that are not beyond doubt */
	struct conn_row *conn;
	size_t nconns;
	size_t *by_place; /* in the transcript: index of |conn| */
	size_t nplaces;
};

#endif
