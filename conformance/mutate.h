/*
 * Scenarios with one expectation changed, so that a relay which is right must
 * fail them.  A change is one of text, on one line: what comes of it is read
 * by the parser and the checker like any other scenario.
 */
#ifndef CONFORMANCE_MUTATE_H
#define CONFORMANCE_MUTATE_H

#include "conformance/suite.h"

#define MUTANT_NONE SIZE_MAX

struct mutant {
	const struct script *script;
	const struct scenario *scenario; /* the one it is made of */
	const char *file;                /* of the line that was changed */
	int line;
	char *before, *after; /* that line */
	const char *how;      /* "another value" */
	char *id;             /* "ping.echo.m12" */
	char *text;           /* its lines */
	bool refused;         /* by the checker: it cannot be written */
	/* Of a branch of a oneof: the line of the block, 0 if it is none; and
	 * the mutant that is noticed where the relay takes this branch,
	 * MUTANT_NONE for that one itself. */
	int block;
	size_t branch;
};

struct mutants {
	struct mutant *m;
	size_t n;
	struct mutate_file *files;
	size_t nfiles;
};

/* Add those of a scenario; false with lines in |errors| if its file cannot be
 * read. */
bool mutate_scenario(struct mutants *all, const struct script *script,
    const struct scenario *sc, struct text *errors);
/* Add those of a procedure, as |sc| calls it; none if it does not. */
bool mutate_proc(struct mutants *all, const struct script *script,
    const struct proc *proc, const struct scenario *sc, struct text *errors);
/* What stands in front of all mutants of a script; for free(). */
char *mutate_preamble(struct mutants *all, const struct script *script,
    struct text *errors);
void mutants_clear(struct mutants *all);

#endif
