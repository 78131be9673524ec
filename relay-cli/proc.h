/* What another process has used. */
#ifndef CLI_PROC_H
#define CLI_PROC_H

#include <stdbool.h>
#include <stdint.h>

struct proc_usage {
	int64_t cpu_ns; /* user and system, all threads */
	int64_t rss;    /* bytes */
};

/* False if there is no such process, or it may not be looked at. */
bool proc_usage_read(int64_t pid, struct proc_usage *u);

#endif
