#include "config.h"

#include "scenario/starved.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "scenario/oracle.h"

#define SAMPLE_EVERY (100 * NS_PER_MS)
#define SAMPLES_KEPT 4096
#define SLACK        NS_PER_MS /* a look may come a little before its time */

struct sample {
	int64_t at_ns;
	int64_t waited_ns; /* of waits that are over */
	int64_t ran_ns;
	int64_t waits_ns; /* of those that are not */
};

struct watched {
	struct watched *next;
	long pid;
	struct sample samples[SAMPLES_KEPT];
	size_t n; /* taken; the last SAMPLES_KEPT are there */
};

struct starved {
	struct watched *first;
	int64_t next_ns;
};

struct starved *
starved_new(void)
{
	return xcalloc(1, sizeof(struct starved));
}

void
starved_free(struct starved *s)
{
	struct watched *w;

	if (s == NULL)
		return;
	while ((w = s->first) != NULL) {
		s->first = w->next;
		free(w);
	}
	free(s);
}

static struct watched *
find(const struct starved *s, long pid)
{
	struct watched *w = s->first;

	while (w != NULL && w->pid != pid)
		w = w->next;
	return w;
}

static const struct sample *
last_look(const struct watched *w)
{
	return &w->samples[(w->n - 1) % SAMPLES_KEPT];
}

/* The kernel counts a wait when it is over.  Who is ready and has not run since
 * the last look still waits.  Threads that have ended take theirs with them. */
static int64_t
waits_since(const struct sample *last, const struct oracle_cpu *cpu,
    int64_t now_ns)
{
	int64_t counted = cpu->waited_ns - last->waited_ns;

	if (counted == 0 && cpu->ready && cpu->ran_ns == last->ran_ns)
		return last->waits_ns + now_ns - last->at_ns;
	return counted > 0 && counted < last->waits_ns
	    ? last->waits_ns - counted
	    : 0;
}

/* False: of a process that has ended the last look stays. */
static bool
take_sample(const struct watched *w, int64_t now_ns, struct sample *out)
{
	struct oracle_cpu cpu = oracle_cpu(w->pid);

	if (cpu.waited_ns < 0)
		return false;
	*out = (struct sample){
		.at_ns = now_ns,
		.waited_ns = cpu.waited_ns,
		.ran_ns = cpu.ran_ns,
		.waits_ns =
		    w->n > 0 ? waits_since(last_look(w), &cpu, now_ns) : 0,
	};
	return true;
}

static void
look(struct watched *w, int64_t now_ns)
{
	struct sample s;

	if (take_sample(w, now_ns, &s))
		w->samples[w->n++ % SAMPLES_KEPT] = s;
}

void
starved_watch(struct starved *s, long pid, int64_t now_ns)
{
	struct watched *w;

	if (pid <= 0 || find(s, pid) != NULL)
		return;
	w = xcalloc(1, sizeof(*w));
	w->pid = pid;
	w->next = s->first;
	s->first = w;
	look(w, now_ns);
}

void
starved_forget(struct starved *s, long pid)
{
	struct watched **at = &s->first, *w;

	while ((w = *at) != NULL && w->pid != pid)
		at = &w->next;
	if (w != NULL)
		*at = w->next;
	free(w);
}

void
starved_sample(struct starved *s, int64_t now_ns)
{
	if (now_ns + SLACK < s->next_ns)
		return;
	s->next_ns = now_ns + SAMPLE_EVERY;
	for (struct watched *w = s->first; w != NULL; w = w->next)
		look(w, now_ns);
}

/* The last look that was not after |since_ns|, else the oldest. */
static const struct sample *
look_before(const struct watched *w, int64_t since_ns)
{
	size_t oldest = w->n > SAMPLES_KEPT ? w->n - SAMPLES_KEPT : 0;
	size_t i = w->n - 1;

	while (i > oldest && w->samples[i % SAMPLES_KEPT].at_ns > since_ns)
		i--;
	return &w->samples[i % SAMPLES_KEPT];
}

int64_t
starved_since(const struct starved *s, long pid, int64_t since_ns)
{
	const struct watched *w = find(s, pid);
	const struct sample *before;
	int64_t now = clock_mono_ns(), waited;
	struct sample last;

	if (w == NULL || w->n == 0)
		return 0;
	before = look_before(w, since_ns);
	if (!take_sample(w, now, &last))
		last = *last_look(w);
	waited = last.waited_ns + last.waits_ns - before->waited_ns -
	    before->waits_ns;
	if (waited < 0)
		return 0;
	return waited < now - since_ns ? waited : now - since_ns;
}
