/* /proc/PID/stat and smaps_rollup; see proc.h. */
#include "config.h"

#include "relay-cli/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
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

/* proc(5): the name may hold anything, so begin behind its last bracket; the
 * fields utime and stime are number 14 and 15, rss is 24. */
static bool
read_stat(int64_t pid, struct proc_usage *u)
{
	char buf[2048];
	unsigned long long user, system;
	const char *p;
	long pages;

	if (!read_file(pid, "stat", buf, sizeof(buf)))
		return false;
	p = strrchr(buf, ')');
	if (p == NULL ||
	    sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu"
		" %*d %*d %*d %*d %*d %*d %*u %*u %ld",
		&user, &system, &pages) != 3)
		return false;
	u->cpu_ns =
	    (int64_t)(user + system) * (NS_PER_S / sysconf(_SC_CLK_TCK));
	u->rss = (int64_t)pages * sysconf(_SC_PAGESIZE);
	return true;
}

bool
proc_usage_read(int64_t pid, struct proc_usage *u)
{
	char buf[4096];
	long long kilobytes;
	const char *p;

	if (!read_stat(pid, u))
		return false;
	/* stat's rss is only near; this one is exact, where we may look */
	if (read_file(pid, "smaps_rollup", buf, sizeof(buf)) &&
	    (p = strstr(buf, "Rss:")) != NULL &&
	    sscanf(p + 4, "%lld", &kilobytes) == 1)
		u->rss = kilobytes * 1024;
	return true;
}
