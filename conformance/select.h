/*
 * Which cases: ids and globs, @tags, requirements, levels, files and lines.
 * In globs only '*' and '?' are wild; brackets are the instance's.
 */
#ifndef CONFORMANCE_SELECT_H
#define CONFORMANCE_SELECT_H

#include "conformance/last_failed.h"
#include "conformance/suite.h"

enum selector_kind {
	SELECT_ID,    /* "peer.*", "ping.echo", "ping.echo[ws,p=#2]" */
	SELECT_TAG,   /* "@core" */
	SELECT_REQ,   /* "req:R-12*", "req:iroh-v3/R-120" */
	SELECT_LEVEL, /* "level:MUST" */
	SELECT_LAST,  /* "last-failed" */
	SELECT_FILE   /* "framing.rly", "framing.rly:88", "my.rly:a.b[ws]" */
};

struct selector {
	enum selector_kind kind;
	char *text;    /* as given */
	char *pattern; /* what is compared; FILE: the id behind the colon */
	char *file;    /* FILE: its path, or an end of it */
	int64_t line;  /* FILE: 0 if none was given */
	bool on_disk;  /* FILE: that very file, none inside the program */
	int level;     /* LEVEL: enum level */
	bool wild;
	size_t matched; /* cases, the slow ones too */
	size_t taken;   /* cases that are selected by it */
};

/* 0, or -1 with one line in |err|. */
int selector_parse(const char *text, struct selector *out, char *err,
    size_t err_size);
void selector_clear(struct selector *s);
/* Of "last-failed" only a selection knows. */
bool selector_matches(const struct selector *s, const struct suite_case *c);
/* '*' any characters, '?' one; the rest stands for itself. */
bool glob_match(const char *pattern, const char *text);

struct selection {
	struct selector *select; /* none: everything */
	size_t nselect;
	struct selector *skip;
	size_t nskip;
	bool slow; /* @slow cases too */
	struct last_failed last;
	const char *target; /* that cases are taken for; NULL: none */
};

enum selected {
	SELECTED_NOT,
	SELECTED_SLOW, /* would be, but is slow and was not asked for */
	SELECTED_SKIP, /* would be, but was taken out */
	SELECTED_YES
};

/* Each 0, or -1 with one line in |err|. */
int selection_add(struct selection *s, const char *text, char *err,
    size_t err_size);
int selection_add_skip(struct selection *s, const char *text, char *err,
    size_t err_size);
/* Selectors of a file, one a line; "skip SELECT" takes out; "#" at the
 * beginning or behind a blank begins a comment. */
int selection_add_file(struct selection *s, const char *path, char *err,
    size_t err_size);
/* Before cases are taken: read what "last-failed" stands for, if it is there,
 * on each of the targets; of none: in the last run. */
int selection_read_last(struct selection *s, const char *const *targets,
    size_t n, char *err, size_t err_size);
void selection_clear(struct selection *s);

/*
 * Is the case selected?  A slow case is if slow ones are wanted, or if a
 * selector without a wildcard names it, its requirement, its line or @slow.
 * Counts in the selectors.
 */
enum selected selection_take(struct selection *s, const struct suite_case *c);

/*
 * After all cases: a selector that selects nothing is an error, of a skip
 * one that matches nothing.  0, or -1 with one line in |err|, which names
 * the scenario or tag that may have been meant.
 */
int selection_check(const struct selection *s, const struct case_list *cases,
    char *err, size_t err_size);

#endif
