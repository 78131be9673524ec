/*
 * Counters in the text form of OpenMetrics, and of Prometheus before it: read
 * from text, and fetched over HTTP on the loop.
 */
#ifndef SCENARIO_METRICS_H
#define SCENARIO_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct metrics;
struct metrics_fetch;

/* Samples by name; those that differ only in their labels are added up.  NULL
 * with one line in |err| for what is no exposition. */
struct metrics *metrics_parse(const char *text, size_t len, char *err,
    size_t err_size);
void metrics_free(struct metrics *m); /* NULL is fine */
/* False if there is no sample of that name. */
bool metrics_get(const struct metrics *m, const char *name, double *out);

/*
 * GET |url|.  |on_done| is called once, not from inside this call, unless it
 * is cancelled first: with metrics that become its own, or NULL and a line.
 * The fetch is gone then.  NULL, with a line in |err|, for a URL that cannot
 * be fetched.
 */
struct metrics_fetch *metrics_fetch(struct loop *l, const char *url,
    int64_t timeout_ns,
    void (*on_done)(void *arg, struct metrics *m, const char *err), void *arg,
    char *err, size_t err_size);
void metrics_fetch_cancel(struct metrics_fetch *f); /* NULL is fine */

#endif
