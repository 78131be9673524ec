/* The CPU clock of another process, and its /proc; see proc.h. */
#include "config.h"

#include "relay-cli/proc.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static bool
read_file(int64_t pid, const char *name, char *buf, size_t size)
{
	char path[64];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/%s", pid, name);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	len = fread(buf, 1, size - 1, f);
	buf[len] = '\0';
	fclose(f);
	return len > 0;
}

/* What getrusage() says of ourselves, but of another process. */
static bool
read_cpu(int64_t pid, int64_t *ns)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid((pid_t)pid, &clock) != 0 ||
	    clock_gettime(clock, &t) < 0)
		return false;
	*ns = t.tv_sec * NS_PER_S + t.tv_nsec;
	return true;
}

static bool
read_rss(int64_t pid, int64_t *rss)
{
	char buf[4096];
	long long n;
	const char *p;

	/* the exact sum, where we may look; else what the kernel keeps */
	if (read_file(pid, "smaps_rollup", buf, sizeof(buf)) &&
	    (p = strstr(buf, "Rss:")) != NULL && sscanf(p + 4, "%lld", &n) == 1)
		*rss = n * 1024;
	else if (read_file(pid, "statm", buf, sizeof(buf)) &&
	    sscanf(buf, "%*d %lld", &n) == 1)
		*rss = n * sysconf(_SC_PAGESIZE);
	else
		return false;
	return true;
}

bool
proc_usage_read(int64_t pid, struct proc_usage *u)
{
	struct proc_usage now;

	if (pid > INT_MAX || !read_cpu(pid, &now.cpu_ns) ||
	    !read_rss(pid, &now.rss))
		return false;
	*u = now;
	return true;
}
