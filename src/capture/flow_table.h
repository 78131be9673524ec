/* The connections of a capture that are open, found by their two ends. */
#ifndef CAPTURE_FLOW_TABLE_H
#define CAPTURE_FLOW_TABLE_H

#include "capture/flow.h"

struct flow_table;

struct flow_table *flow_table_new(struct flow_context *c, size_t max_flows,
    size_t max_held);
void flow_table_free(struct flow_table *t);
void flow_table_segment(struct flow_table *t, const struct segment *s);
/* End what is open. */
void flow_table_finish(struct flow_table *t);
uint64_t flow_table_total(const struct flow_table *t);
/* Of all flows that have ended. */
struct tcp_counts flow_table_counts(const struct flow_table *t);

#endif
