#include "config.h"

#include "scenario/starved.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "scenario/oracle.h"

#define SAMPLE_EVERY (100 * NS_PER_MS)
#define SAMPLES_KEPT 4096
#define SLACK        NS_PER_MS /* a look may come a little before its time */

struct sample {
	int64_t at_ns;
	int64_t waited_ns;
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

/* Of a process that has ended the last look stays. */
static void
look(struct watched *w, int64_t now_ns)
{
	int64_t waited = oracle_starved_ns(w->pid);

	if (waited >= 0)
		w->samples[w->n++ % SAMPLES_KEPT] =
		    (struct sample){ now_ns, waited };
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
	int64_t now;

	if (w == NULL || w->n == 0)
		return 0;
	now = oracle_starved_ns(pid);
	if (now < 0)
		now = w->samples[(w->n - 1) % SAMPLES_KEPT].waited_ns;
	now -= look_before(w, since_ns)->waited_ns;
	/* Threads that have ended take theirs with them. */
	if (now < 0)
		return 0;
	return now < clock_mono_ns() - since_ns ? now
						: clock_mono_ns() - since_ns;
}
