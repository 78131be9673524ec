/* How late this machine was, what that excuses, and how near a bound was. */
#include "config.h"

#include "scenario/engine_play.h"

/* What did not come in so many times its bound will not come. */
#define ENOUGH_TIMES   2
/* Half of the shortest time after which some relay puts out who takes nothing,
 * says nothing, or does not log in. */
#define SHORT_PATIENCE NS_PER_S
/* What was lost so long before an end, or longer, has not brought it about. */
#define LOOK_BACK      (10 * NS_PER_S)

static int64_t
starved_for(const struct play *p, int64_t since_ns)
{
	long tested = p->client != NULL ? p->client_pid : p->target->pid;

	return tested > 0 ? engine_starved(p->engine, tested, since_ns) : 0;
}

int64_t
play_lost_since(const struct play *p, int64_t since_ns)
{
	return engine_lateness(p->engine, since_ns) + starved_for(p, since_ns);
}

bool
play_watched_enough(const struct play *p, int64_t since_ns, int64_t bound_ns)
{
	return play_now(p) - since_ns - play_lost_since(p, since_ns) >=
	    ENOUGH_TIMES * bound_ns;
}

enum result_code
play_code_of_ending(struct play *p, const struct party *s)
{
	int64_t since = s->ended_ns - LOOK_BACK, lost;

	if (since < s->begun_ns)
		since = s->begun_ns;
	lost = play_lost_since(p, since);
	if (lost > SHORT_PATIENCE) {
		p->result->late_ns = lost;
		return CODE_HARNESS_LATE;
	}
	return s->ended == ENDING_RESET ? CODE_RESET : CODE_CLOSED;
}

const char *
play_excuse(enum result_code code)
{
	return code == CODE_HARNESS_LATE ? ", but this machine was late" : "";
}

bool
play_was_late(struct play *p, int64_t since_ns, int64_t bound_ns)
{
	int64_t late = engine_lateness(p->engine, since_ns);
	int64_t starved = bound_ns < INT64_MAX ? starved_for(p, since_ns) : 0;

	if (starved > bound_ns / 10 && starved > late)
		late = starved;
	if (late > p->result->late_ns)
		p->result->late_ns = late;
	return late > bound_ns / 10;
}

void
play_margin(struct play *p, int64_t bound_ns, int64_t took_ns)
{
	struct margin *m = &p->result->tightest;

	if (bound_ns <= 0 || p->step == NULL)
		return;
	if (m->line == 0 ||
	    (double)took_ns / (double)bound_ns >
		(double)m->took_ns / (double)m->bound_ns)
		*m = (struct margin){ p->step->at.line, bound_ns, took_ns };
}
