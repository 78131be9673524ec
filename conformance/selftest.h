/*
 * The suite against relayd, or a client, with one fault after the other: which
 * case catches what, which fault nobody catches, which scenario catches
 * nothing.
 *
 * Each run is a child that plays `run` on a relay of its own, several side by
 * side, so that neither a crash nor a hang of one reaches another.
 */
#ifndef CONFORMANCE_SELFTEST_H
#define CONFORMANCE_SELFTEST_H

#include <jansson.h>
#include <stdio.h>

#include "conformance/judge.h"
#include "conformance/suite.h"

struct selftest_options {
	const char *relayd;  /* program; a bare name is found as targets' are */
	const char *client;  /* a program that is a client; NULL: relays */
	const char **faults; /* globs; none: every fault */
	size_t nfaults;
	int64_t jobs; /* children at a time */
	bool slow;    /* @slow cases too */
	bool all;     /* every case on every fault */
	bool quiet;   /* no progress */
	/* --mutate-scripts */
	bool mutate;
	char **files; /* of scenarios, instead of the suite */
	size_t nfiles;
	const char **scenarios; /* globs; none: all */
	size_t nscenarios;
};

/* A case that was played on a fault and noticed it, or not. */
struct kill {
	const struct suite_case *c;
	enum verdict verdict;
	char code[16];
};

enum fault_state {
	FAULT_CAUGHT,
	FAULT_SURVIVED,
	FAULT_UNJUDGED, /* as before, but see |open| */
	FAULT_SLOW,     /* only @slow cases cover its requirements */
	FAULT_BROKEN,   /* the run of it was none: see trouble */
	FAULT_UNPLAYED, /* the selftest was cut short before it was caught */
	FAULT_NSTATES
};

struct selftest_fault {
	char *name;
	char *level;
	char *text;
	char **requirements; /* full ids */
	size_t nrequirements;
	bool tls; /* only cases that need TLS cover them */
	enum fault_state state;
	size_t nplayed; /* cases */
	struct kill *kills;
	size_t nkills;
	const struct suite_case **open; /* cover it, and came to no verdict */
	size_t nopen;
	char *trouble; /* one line, or NULL */
};

/* Whether a scenario of level MUST is proven able to fail. */
struct selftest_scenario {
	const struct scenario *scenario;
	enum level level;
	bool played; /* some case of it, to an end that says something */
	bool slow;   /* all of its cases */
	size_t nkills;
};

struct children;

/* What a case comes to where nothing is wrong. */
struct unchanged {
	bool is_played;
	enum verdict verdict;
	char *named; /* as JSON; of a run for mutants */
};

struct selftest {
	const struct selftest_options *o;
	struct suite *suite;
	const struct case_list *list;
	struct selftest_fault *faults;
	size_t nfaults;
	struct selftest_scenario *scenarios;
	size_t nscenarios;
	struct unchanged *unchanged; /* of each case */
	bool complete; /* every fault was played: scenarios are judged, too */
	bool partial;  /* a signal ended it before that */
	char *dir;
	struct children *children;
	int64_t took_ns;
};

/* Read the faults and the suite: 0, or the exit status of what was said on
 * stderr.  selftest_clear in any case. */
int selftest_prepare(struct selftest *s, const struct selftest_options *o);
/* Play everything: 0, also where a signal cut it short, or the exit status of
 * what was said on stderr. */
int selftest_play(struct selftest *s);
void selftest_clear(struct selftest *s);

/* Is it played on the relay that has TLS, and the plain port beside? */
bool selftest_needs_tls(const struct suite_case *c);
/* ---- selftest_judge.c ---- */

/* Does the case cover a requirement that the fault breaks? */
bool selftest_covers(const struct suite_case *c,
    const struct selftest_fault *f);
struct selftest_scenario *selftest_scenario_of(const struct selftest *s,
    const struct suite_case *c);
/* A line of the verdicts of a run with |f|; NULL: with nothing wrong. */
void selftest_note(struct selftest *s, struct selftest_fault *f, json_t *o);
/* After the last line. */
void selftest_settle(struct selftest *s);
/* It was played, and passes, or says what it sees. */
bool selftest_is_sound(const struct unchanged *u);
/* Was the case played where nothing is wrong, and did not pass? */
bool selftest_is_unsound(const struct selftest *s, size_t i);
/* Nothing is said about the program: the machine was late, say. */
bool selftest_is_open(enum verdict v);
/* Is this scenario judged: its level MUST, or with a client SHOULD as well? */
bool selftest_is_judged(const struct selftest *s,
    const struct selftest_scenario *sc);
/* Must this scenario have caught something, and has not? */
bool selftest_never_kills(const struct selftest *s,
    const struct selftest_scenario *sc);
/* EXIT_GOOD, _FAILED, _INCONCLUSIVE, _INFRASTRUCTURE, _UNTESTED or
 * _INTERRUPTED. */
int selftest_status(const struct selftest *s);

/* ---- selftest_report.c ---- */

/* The matrix and what is wrong with it, as text on |out|. */
void selftest_print(const struct selftest *s, FILE *out, bool quiet);
/* Whether a report is one of those; one line in |err| if not. */
bool selftest_report_is_known(const char *spec, char *err, size_t err_size);
/* "jsonl=FILE", "tap=FILE" or "text=FILE".  0, or -1 with one line. */
int selftest_report(const struct selftest *s, const char *spec, char *err,
    size_t err_size);

#endif
