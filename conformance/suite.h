/*
 * The scenarios at hand: those inside the program and those of files named
 * on the command line; and the cases that they make in a dialect.
 */
#ifndef CONFORMANCE_SUITE_H
#define CONFORMANCE_SUITE_H

#include "conformance/requirements.h"
#include "scenario/instance.h"
#include "scenario/parse.h"

/* A file that is inside the program; see embed.sh. */
struct embedded_file {
	const char *path; /* "conformance/scenarios/iroh-v3/ping.rly" */
	const char *text;
	size_t len;
};
/* Sorted by path; ends with path NULL. */
extern const struct embedded_file embedded_files[];
const struct embedded_file *embedded_find(const char *path);

/* One case: an instance of a scenario, and what it counts for. */
struct suite_case {
	const struct script *script;
	const struct scenario *scenario;
	struct instance *instance;
	enum level level;
	const char **requirements; /* full ids, those that its carrier covers */
	size_t nrequirements;
	bool slow;      /* tagged so */
	bool from_file; /* named on the command line */
};

/* The cases of one dialect, in the order of files and lines. */
struct case_list {
	const struct rk_dialect *dialect;
	struct suite_case *cases;
	size_t n;
	const struct suite_case **by_name; /* sorted */
	/* Of the program, where a file has a scenario of that id: they are
	 * not among |cases|, but a canary may be of them. */
	struct suite_case *replaced;
	size_t nreplaced;
};

struct suite {
	struct script **scripts;
	bool *from_file; /* of each script */
	size_t nscripts;
	struct requirements **requirements; /* one for each dialect known */
	size_t nrequirements;
	struct case_list **lists;
	size_t nlists;
};

/* The suite inside the program.  NULL, with lines in |errors|, if it is
 * broken. */
struct suite *suite_new(struct text *errors);
/* An empty one, with the requirements inside the program. */
struct suite *suite_new_empty(struct text *errors);
void suite_free(struct suite *s); /* NULL is fine */

/*
 * Add a file of scenarios: each replaces the one inside the program that has
 * its id.  0, or -1 with lines in |errors|.
 */
int suite_add_file(struct suite *s, const char *path, struct text *errors);

/*
 * All cases of a dialect; the suite's.  NULL, with lines in |errors|, if a
 * scenario covers what no list requires, or requirements of two levels.
 */
const struct case_list *suite_cases(struct suite *s,
    const struct rk_dialect *dialect, struct text *errors);

/* By the name of its instance, which may be NULL; NULL if there is none. */
const struct suite_case *suite_case_named(const struct case_list *list,
    const char *name);

/* By full id, in any list; NULL if there is none. */
const struct requirement *suite_requirement(const struct suite *s,
    const char *id);

/* Does its scenario say "needs NAME"?  One that needs "client" is about a
 * client under test: it is played with --client, and only then. */
bool suite_needs(const struct suite_case *c, const char *name);

#endif
