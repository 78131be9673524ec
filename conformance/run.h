/*
 * A run: targets, the plan of cases, and what became of each.  The canary
 * goes first, then all cases at once, those that want to be alone on a relay of
 * their own beside the target; then the calm ones together, one by one those
 * that want to be alone and have no such relay, and what must be played again;
 * then the canary once more.
 */
#ifndef CONFORMANCE_RUN_H
#define CONFORMANCE_RUN_H

#include "conformance/deviations.h"
#include "conformance/judge.h"
#include "conformance/options.h"
#include "conformance/suite.h"
#include "conformance/target.h"
#include "net/loop.h"

struct run;
struct report;

enum canary {
	CANARY_UNTRIED,
	CANARY_OK,
	CANARY_FAILED
};

/* A capability that cases prove before the others are played. */
struct run_probe {
	char *cap;
	char *scenario;             /* which cases, as the target's file says */
	struct selection selection; /* the same */
	enum canary said;           /* of the target; untried: nothing */
	char *why;                  /* "ping.echo[ws]: E-CLOSED"; may be NULL */
};

struct run_target {
	struct run *run;
	struct target *target;
	const struct case_list *list;
	struct engine *engine; /* of the present round */
	const struct suite_case *canary;
	enum canary before;
	enum canary after;
	unsigned canaries;     /* begun behind cases */
	unsigned canary_round; /* of the case */
	unsigned canary_tries; /* of the one that is out, in a row */
	bool canary_out;
	struct run_probe *probes;
	size_t nprobes;
	struct deviations *deviations; /* NULL: none are declared */
	char *declared; /* recorded: the file that they were in; may be NULL */
	size_t witnesses; /* of its end: cases then being played on it */
	char *trouble;    /* why it is lost, one line; NULL: it is not */
	char *ending;     /* of its process, once it was stopped */
};

/* A case that is not played with all the others at once. */
enum waiting {
	WAITS_NOT,
	WAITS_CALM,      /* it asked for no crowd */
	WAITS_SERIAL,    /* … for nobody else at all */
	WAITS_AGAIN,     /* the harness was late */
	WAITS_UNSETTLED, /* its time was over, or it could not connect */
	WAITS_CANARY     /* it is over, and may have done harm */
};

struct run_case {
	const struct suite_case *c;
	struct run_target *target;
	unsigned round; /* from 1 */
	size_t number;  /* in the plan, from 1 */
	bool done;
	enum verdict verdict;
	struct case_result *result;        /* NULL: it was not played */
	struct case_result *control;       /* NULL: it has none */
	const struct case_result *decided; /* one of them; may be NULL */
	char *reason; /* where no result says why; one line, may be NULL */
	const struct deviation *deviation; /* that spoke; NULL: none did */
	bool playing;                      /* it was begun and is not over */
	bool orphaned; /* its connections went with the target's process */
	bool flaked;   /* played again since a deviation allows that */
	enum waiting waits;
	unsigned canary;   /* WAITS_CANARY: number of the one that tells */
	enum canary after; /* it; untried where nothing asked for it */
	unsigned reruns;
	int64_t tried_ns;   /* how long the last run took, with its control */
	char *again;        /* recorded: how to play it again; may be NULL */
	char *artifacts;    /* its directory; NULL: none were asked for */
	int64_t log_begins; /* of the target's log, its length then */
	size_t kept;        /* of |run.kept|: its transcripts */
};

/* The reason of what --budget left out. */
#define OVER_BUDGET "over the budget"

/* Why a run ends before its time. */
enum run_end {
	END_NOT,
	END_FAILED, /* --fail-fast */
	END_TIMEOUT,
	END_INTERRUPTED,
	END_CUT /* what was recorded has no end */
};

struct run {
	const struct options *o;
	struct loop *loop;
	struct suite *suite;
	struct run_target *targets;
	size_t ntargets;
	struct run_case *plan;
	size_t nplan;
	unsigned rounds; /* that are in it */
	size_t nordered; /* of the plan: shown in order so far */
	size_t kept;     /* bytes of transcripts that wait to be shown */
	size_t ndone;
	size_t ncases; /* on all targets, selected or not */
	size_t nover;  /* not begun, as they would not end within --budget */
	size_t nslow;  /* left out since they are slow */
	size_t ncontrols, ncontrols_ok;
	size_t ncanaries, ncanaries_ok;
	struct tally tally;
	struct text stale; /* deviations, a line each, once it is over */
	struct report **reports;
	size_t nreports;
	bool observe; /* diff: expectations are observations, none is judged */
	size_t first, last; /* targets at work: [first, last) */
	enum run_end end;
	bool stop; /* set with |end| */
	struct timer *deadline;
	int64_t started_ns; /* monotonic */
	int64_t took_ns;    /* once it is over */
	int64_t date;       /* seconds since 1970 */
};

/*
 * Read targets, suite and selection: the plan.  0, or the exit status of
 * what was said on stderr: nothing has been started then.
 */
int run_prepare(struct run *r, const struct options *o);
/* Start the targets, play the plan, write the reports: the exit status. */
int run_play(struct run *r);
/*
 * The same for diff, one target behind the other so that two may be one
 * relay, with the same keys on each: every case that was played has its
 * result.  The exit status if the run was cut short or a target lost; else 0.
 */
int run_observe(struct run *r);
/*
 * The same with what was recorded: nothing is started or played, the verdicts
 * are made anew from what decided each case.
 */
int run_judge(struct run *r);
void run_clear(struct run *r);

/* Of run.c, for what plays canaries. */
void run_lose_target(struct run_target *t, char *trouble); /* taken */
void run_start_engines(struct run *r, unsigned round, bool observe);
void run_stop_engines(struct run *r);
/* Turn the loop until nothing is being played. */
void run_wait_idle(struct run *r);

/* Let it end before its time; of several reasons the strongest is kept. */
void run_stop(struct run *r, enum run_end why);
/* What that means for a case that was not played. */
const char *run_end_reason(enum run_end end);
enum verdict run_end_verdict(enum run_end end);
/* "fail-fast"; NULL for END_NOT. */
const char *run_end_name(enum run_end end);
/* False if there is none of that name. */
bool run_end_named(const char *name, enum run_end *out);

/* Several rounds, or may there be? */
bool run_has_rounds(const struct run *r);
/* Plan the whole selection once more; 0, or the exit status of what was said
 * on stderr. */
int run_add_round(struct run *r);
/* The seed of a round on a target: repeating it alone gives the same keys. */
uint64_t run_seed(const struct run *r, unsigned round);
/* "ping.echo[ws]", with " (round 2)" where there are several. */
char *run_case_name(const struct run *r, const struct run_case *c);
/* What the scenario and its carrier need and the target has not: for free();
 * NULL if nothing. */
char *run_case_lacks(const struct suite_case *c, const struct target *t);
/* When the case must have begun, monotonic; with its control it takes twice
 * as long. */
int64_t run_begin_by(const struct run_case *c, bool control);
/* Does it play on an instance of the target, not on the target itself? */
bool run_case_is_elsewhere(const struct run_case *c);
/* Is the case about a framed connection, so that its carrier matters? */
bool case_is_framed(const struct suite_case *c);

#endif
