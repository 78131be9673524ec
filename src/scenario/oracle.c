/* The target's process as /proc shows it. */
#include "config.h"

#include "scenario/oracle.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- signals ---- */

static const char *const names[] = { "TERM", "INT", "HUP", "QUIT", "KILL",
	"USR1", "USR2", "STOP", "CONT", NULL };
static const int numbers[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL,
	SIGUSR1, SIGUSR2, SIGSTOP, SIGCONT };

int
oracle_signal(const char *name)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (strcmp(names[i], name) == 0)
			return numbers[i];
	return 0;
}

const char *const *
oracle_signal_names(void)
{
	return names;
}

/* ---- /proc ---- */

static FILE *
open_proc(long pid, const char *what)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, what);
	return fopen(path, "re");
}

/* proc(5): in the flags of whoever is about to end, and has perhaps closed
 * its files already. */
#define PF_EXITING 0x4

/* The state of its line, behind the name in parentheses, which may hold
 * anything. */
int
oracle_alive(long pid)
{
	unsigned long flags = 0;
	char line[512];
	const char *state;
	FILE *f;
	bool got;

	if (pid <= 0)
		return -1;
	f = open_proc(pid, "stat");
	if (f == NULL)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	got = fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	state = got ? strrchr(line, ')') : NULL;
	if (state == NULL || state[1] != ' ')
		return 0;
	sscanf(state + 3, " %*s %*s %*s %*s %*s %lu", &flags);
	return state[2] != 'Z' && state[2] != 'X' && (flags & PF_EXITING) == 0;
}

long
oracle_fds(long pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%ld/fd", pid);
	d = pid > 0 ? opendir(path) : NULL;
	if (d == NULL)
		return -1;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

long
oracle_rss_kb(long pid)
{
	static const char word[] = "VmRSS:";
	char line[256];
	long kb = -1;
	FILE *f = pid > 0 ? open_proc(pid, "status") : NULL;

	if (f == NULL)
		return -1;
	while (kb < 0 && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, word, sizeof(word) - 1) == 0)
			kb = strtol(line + sizeof(word) - 1, NULL, 10);
	fclose(f);
	return kb;
}

/* The processes that are looked at together: one and what it started. */
struct family {
	long pids[64];
	size_t n;
	struct oracle_cpu cpu;
};

/* proc(5), /proc/pid/schedstat: time on a CPU, time spent waiting for one. */
static void
add_wait(struct family *all, long pid, const char *tid)
{
	char what[64], line[128], *end;
	int64_t ran;
	FILE *f;

	snprintf(what, sizeof(what), "task/%.20s/schedstat", tid);
	f = open_proc(pid, what);
	if (f == NULL)
		return;
	if (fgets(line, sizeof(line), f) != NULL) {
		ran = strtoll(line, &end, 10);
		if (all->cpu.waited_ns < 0)
			all->cpu.waited_ns = 0;
		all->cpu.ran_ns += ran;
		all->cpu.waited_ns += strtoll(end, NULL, 10);
	}
	fclose(f);
}

static void
add_state(struct family *all, long pid, const char *tid)
{
	char what[64], line[512];
	const char *state;
	FILE *f;

	snprintf(what, sizeof(what), "task/%.20s/stat", tid);
	f = open_proc(pid, what);
	if (f == NULL)
		return;
	state =
	    fgets(line, sizeof(line), f) != NULL ? strrchr(line, ')') : NULL;
	if (state != NULL && strncmp(state, ") R", 3) == 0)
		all->cpu.ready = true;
	fclose(f);
}

static void
add_children(struct family *all, long pid, const char *tid)
{
	const size_t most = sizeof(all->pids) / sizeof(all->pids[0]);
	char what[64];
	long child;
	FILE *f;

	snprintf(what, sizeof(what), "task/%.20s/children", tid);
	f = open_proc(pid, what);
	if (f == NULL)
		return;
	while (all->n < most && fscanf(f, "%ld", &child) == 1)
		all->pids[all->n++] = child;
	fclose(f);
}

static void
add_threads(struct family *all, long pid)
{
	char path[64];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	d = pid > 0 ? opendir(path) : NULL;
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			add_wait(all, pid, e->d_name);
			add_state(all, pid, e->d_name);
			add_children(all, pid, e->d_name);
		}
	closedir(d);
}

struct oracle_cpu
oracle_cpu(long pid)
{
	struct family all = {
		.pids = { pid },
		.n = 1,
		.cpu = { .waited_ns = -1 },
	};

	for (size_t i = 0; i < all.n; i++)
		add_threads(&all, all.pids[i]);
	return all.cpu;
}

int64_t
oracle_starved_ns(long pid)
{
	return oracle_cpu(pid).waited_ns;
}
