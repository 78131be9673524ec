/*
 * What can be seen of the target beside its connections: whether its process
 * lives, its descriptors, its memory, its counters; and the baseline, which is
 * what they were before the case began.
 */
#ifndef SCENARIO_ORACLE_H
#define SCENARIO_ORACLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct metrics;
struct play;

/* Which of them a scenario asks about. */
enum {
	ORACLE_FDS = 1,
	ORACLE_RSS = 2,
	ORACLE_METRICS = 4
};

struct oracle_sample {
	long fds;                /* -1: not to be seen */
	long rss_kb;             /* -1: not to be seen */
	struct metrics *metrics; /* NULL: not to be read */
};

struct oracle {
	unsigned wants;
	struct oracle_sample baseline;
	char *no_metrics; /* why there are none */
};

/* The number of "TERM", 0 for an unknown name; and all names, NULL behind. */
int oracle_signal(const char *name);
const char *const *oracle_signal_names(void);

/* 1 it lives, 0 it does not, -1 it is not to be seen. */
int oracle_alive(long pid);
long oracle_fds(long pid);    /* -1: not to be seen */
long oracle_rss_kb(long pid); /* -1: not to be seen */
/* Of its threads of now and of those of what it started, together. */
struct oracle_cpu {
	int64_t ran_ns;
	int64_t waited_ns; /* were ready and had no CPU: waits that are over;
			      -1: not to be seen */
	bool ready;        /* some thread runs, or waits */
};
struct oracle_cpu oracle_cpu(long pid);
/* Its |waited_ns|. */
int64_t oracle_starved_ns(long pid);

#endif
