#include "config.h"

#include "rivals.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "scenario/oracle.h"
#include "support.h"

enum pace {
	BUSY,
	BUSY_LAST, /* with what the others leave over of the CPU */
	ASLEEP
};

/* A process on that CPU. */
static pid_t
start_on(int cpu, enum pace pace)
{
	const struct sched_param none = { .sched_priority = 0 };
	cpu_set_t set;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	if (pace == BUSY_LAST)
		sched_setscheduler(0, SCHED_IDLE, &none);
	for (;;)
		if (pace == ASLEEP)
			pause();
}

static pid_t
start_parent(int cpu)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	start_on(cpu, BUSY_LAST);
	for (;;)
		pause();
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int
some_cpu(void)
{
	cpu_set_t set;
	int cpu = 0;

	ck_assert_int_eq(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	return cpu;
}

bool
rivals_start(struct rivals *r)
{
	int cpu = some_cpu();

	if (oracle_starved_ns(getpid()) < 0) {
		test_skip("this kernel does not tell who waits for a CPU");
		return false;
	}
	r->hog = start_on(cpu, BUSY);
	r->half = start_on(cpu, BUSY);
	r->busy = start_on(cpu, BUSY_LAST);
	r->parent = start_parent(cpu);
	r->idle = start_on(cpu, ASLEEP);
	while (oracle_starved_ns(r->half) < 20 * NS_PER_MS ||
	    oracle_starved_ns(r->busy) < 20 * NS_PER_MS ||
	    oracle_starved_ns(r->parent) < 20 * NS_PER_MS)
		;
	return true;
}

void
rivals_end(const struct rivals *r)
{
	end(r->hog);
	end(r->half);
	end(r->busy);
	end(r->parent);
	end(r->idle);
}
