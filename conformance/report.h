/*
 * Reports: one stream of events, every format derived from it.  A report is
 * a file that appears whole or not at all, or stdout.
 */
#ifndef CONFORMANCE_REPORT_H
#define CONFORMANCE_REPORT_H

#include "conformance/files.h"
#include "conformance/run.h"

struct report;

struct report_ops {
	const char *format;
	/* How the last line of a run begins, "" any; NULL: a file of this
	 * format holds one run. */
	const char *last;
	/* NULL, where all is written at the end. */
	void (*begin)(struct report *r);
	/* A case ended; in the order in which they end.  May be NULL. */
	void (*done)(struct report *r, const struct run_case *c);
	/* A case ended, and all before it in the plan.  May be NULL. */
	void (*in_order)(struct report *r, const struct run_case *c);
	/* Now and then; may be NULL. */
	void (*tick)(struct report *r);
	void (*end)(struct report *r, int exit_status);
};

struct report {
	const struct report_ops *ops;
	const struct run *run;
	struct output out;
	/* of the text report */
	bool tty;
	bool color;
	bool ascii;
	bool as_it_ends; /* not in the plan's order */
	bool status_shown;
	int64_t status_ns; /* when */
};

extern const struct report_ops report_text, report_tap, report_jsonl,
    report_verdicts, report_junit, report_md, report_json;

/* By name; NULL if there is none. */
const struct report_ops *report_find(const char *format, size_t len);
/* "text, tap, …", for people. */
const char *report_formats(void);

/* Open what "FORMAT=FILE" says.  NULL with one line in |err|. */
struct report *report_open(const char *spec, const struct run *run, char *err,
    size_t err_size);
/* The text report on stdout, or on stderr. */
struct report *report_open_terminal(const struct run *run, bool on_stderr);
/* 0, or -1 with one line in |err|: the file could not be written. */
int report_close(struct report *r, char *err, size_t err_size);
void report_discard(struct report *r);

/* ---- what several formats say ---- */

/* Bytes of the character at |s| if any reader can have it: valid UTF-8, no
 * control character, nothing that XML cannot hold; else 0. */
size_t report_printable(const char *s);
/* A peer's bytes may be in |s|: what is not printable is escaped, newlines
 * too unless |several| lines are welcome. */
void report_add_plain(struct text *out, const char *s, bool several);

/* "conformance/…/ping.rly:12" of the step that decided, else the scenario. */
void report_place(const struct run_case *c, struct text *out);
/* "E-WRONG"; "" if no code was involved. */
const char *report_code(const struct run_case *c);
/* Why: the result's message, or the reason; never NULL. */
const char *report_why(const struct run_case *c);
/* A command line that plays this case again. */
void report_again(const struct run *run, const struct run_case *c,
    struct text *out);
/* The requirements, comma-separated. */
void report_requirements(const struct run_case *c, struct text *out);
/* How long the case took: result and control. */
int64_t report_took_ns(const struct run_case *c);

#endif
