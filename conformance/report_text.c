/* The report for people: a line a case, failures in full, a summary. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/canary.h"
#include "conformance/fold.h"
#include "conformance/proof.h"
#include "conformance/report.h"
#include "scenario/namesakes.h"
#include "transcript/transcript_text.h"

#define SNAP       32 /* bytes of packet data in a transcript's line */
#define MAX_EVENTS 60 /* of a transcript */

struct look {
	const char *word;
	const char *symbol;
	const char *ascii;
	const char *color;
};

static const struct look looks[VERDICT_NKINDS] = {
	[VERDICT_PASS] = { "pass", "✓", "+", "32" },
	[VERDICT_NONSTRICT] = { "nonstrict", "~", "~", "33" },
	[VERDICT_INFO] = { "info", "i", "i", "36" },
	[VERDICT_FAIL] = { "FAIL", "✗", "x", "31" },
	[VERDICT_XFAIL] = { "xfail", "~", "~", "33" },
	[VERDICT_XPASS] = { "XPASS", "✗", "x", "31" },
	[VERDICT_UNSUPPORTED] = { "unsupported", "-", "-", "90" },
	[VERDICT_SKIPPED] = { "skipped", "-", "-", "90" },
	[VERDICT_INCONCLUSIVE] = { "INCONCLUSIVE", "?", "?", "35" },
	[VERDICT_ERROR] = { "ERROR", "!", "!", "31" },
};

static double
seconds(int64_t ns)
{
	return (double)ns / 1e9;
}

static void
add_verdict(const struct report *r, enum verdict v, struct text *out)
{
	const struct look *l = &looks[v];

	if (r->color)
		text_addf(out, "\033[%sm", l->color);
	text_addf(out, "%s %s", r->ascii ? l->ascii : l->symbol, l->word);
	if (r->color)
		text_add(out, "\033[0m");
	text_addf(out, "%*s", 13 - (int)strlen(l->word), "");
}

/* Text without what a terminal would act on. */
static void
add_escaped(const struct report *r, struct text *out, const char *s)
{
	static const char ellipsis[] = "…";

	while (*s != '\0') {
		size_t n =
		    r->ascii && (*s & 0x80) != 0 ? 0 : report_printable(s);

		if (n > 0) {
			text_add_n(out, s, n);
		} else if (strncmp(s, ellipsis, sizeof(ellipsis) - 1) == 0) {
			n = sizeof(ellipsis) - 1;
			text_add(out, "...");
		} else {
			n = 1;
			text_add_escaped(out, s, n);
		}
		s += n;
	}
}

/* ---- one line a case ---- */

static void
add_case_line(struct report *r, const struct run_case *c, struct text *out)
{
	char *name = run_case_name(r->run, c);
	const char *code = report_code(c), *why = report_why(c);

	add_verdict(r, c->verdict, out);
	text_addf(out, "%-36s ", name);
	if (r->run->ntargets > 1)
		text_addf(out, "%-24s ", c->target->target->name);
	text_addf(out, "%6.2f s", seconds(report_took_ns(c)));
	if (*code != '\0' || *why != '\0') {
		text_addf(out, "  %s%s", code, *code != '\0' ? " " : "");
		add_escaped(r, out, why);
	}
	text_add(out, "\n");
	free(name);
}

/* ---- a failing case ---- */

/* The line of the main file, or the step's own text where it is another. */
static const char *
source_line(const struct run_case *c, const struct place *at,
    const struct step *step)
{
	const struct script *s = c->c->script;

	if (strcmp(at->file, s->file) == 0 && at->line >= 1 &&
	    (size_t)at->line <= s->nlines)
		return s->lines[at->line - 1];
	return step != NULL && step->source != NULL ? step->source : "";
}

/* Blanks as wide as the characters before column |col|. */
static void
add_indent(struct text *out, const char *line, int col)
{
	for (int at = 1; at < col && *line != '\0'; line++) {
		if (((unsigned char)*line & 0xc0) == 0x80)
			continue;
		text_add(out, *line == '\t' ? "\t" : " ");
		at++;
	}
}

/* Characters of the step's line that are marked: the clause that was missed,
 * else all of it. */
static int
marked_length(const struct case_result *d)
{
	const struct step *step = d->step;
	int n = 0;

	if (d->missed.len > 0)
		return d->missed.len;

	for (const char *p = step->source; p != NULL && *p != '\0'; p++)
		n += ((unsigned char)*p & 0xc0) != 0x80;
	if (n < step->at.len)
		n = step->at.len;
	return n > 0 ? n : 1;
}

static void
add_source(const struct report *r, struct text *out, const struct run_case *c,
    const struct case_result *d)
{
	const struct place *at = &d->step->at;
	const char *line = source_line(c, at, d->step);
	/* A recorded step may be of another version of the file. */
	bool in_main = strcmp(at->file, c->c->script->file) == 0 &&
	    (size_t)at->line <= c->c->script->nlines;

	if (d->call != NULL)
		text_addf(out, "  called at %s:%d\n", d->call->at.file,
		    d->call->at.line);
	if (in_main && at->line > 1)
		text_addf(out, "  %5d | %s\n", at->line - 1,
		    c->c->script->lines[at->line - 2]);
	text_addf(out, "> %5d | %s", at->line, line);
	if (d->vars != NULL && d->vars[0] != '\0') {
		text_add(out, "     ");
		add_escaped(r, out, d->vars);
	}
	text_add(out, "\n        | ");
	/* A step of another file is shown without what stands before it. */
	add_indent(out, line,
	    (d->missed.len > 0 ? d->missed.col : at->col) -
		(in_main ? 0 : at->col - 1));
	for (int i = marked_length(d); i > 0; i--)
		text_add(out, "^");
	text_add(out, " ");
}

/* Lines of |text|, each behind |indent|. */
static void
add_lines(const struct report *r, struct text *out, const char *text,
    const char *indent)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		char *line = xstrndup(text, n);

		text_add(out, indent);
		add_escaped(r, out, line);
		text_add(out, "\n");
		free(line);
		text += n + (text[n] == '\n');
	}
}

/* An event, and what is folded into it. */
static void
add_folded(struct report *r, const struct transcript *t, size_t i,
    const struct fold *fold, struct text *out)
{
	struct transcript_text_options o = {
		.snap = SNAP,
		.ascii = r->ascii,
		.indent = "  ",
	};
	const struct event *e = &t->events[i], *last = &t->events[fold->last];
	char behind[80];

	if (fold->how == FOLD_LOGIN) {
		snprintf(behind, sizeof(behind), "%zu frames, %.1f ms",
		    fold->frames, (double)(last->time_ns - e->time_ns) / 1e6);
		o.behind = behind;
		event_login_to_text(t, e, &o, out);
		return;
	}
	if (fold->how == FOLD_CHOPPED) {
		snprintf(behind, sizeof(behind), "in %zu writes, last at %.6f",
		    fold->writes, seconds(last->time_ns));
		o.behind = behind;
	}
	event_to_text(t, e, &o, out);
	if (r->run->o->bytes)
		event_dump(t, e, "        ", out);
}

/* The first of the last |most| lines, and how many are before it. */
static size_t
first_shown(const struct fold *folds, size_t n, size_t most, size_t *before)
{
	size_t at = n, left = most;

	while (at > 0 && left > 0)
		left -= folds[--at].how != FOLD_INTO;
	*before = 0;
	for (size_t i = 0; i < at; i++)
		*before += folds[i].how != FOLD_INTO;
	return at;
}

static void
add_transcript(struct report *r, const struct case_result *d, struct text *out)
{
	const struct transcript *t = d->transcript;
	size_t first, before;
	struct fold *folds;

	if (t == NULL || t->nevents == 0)
		return;
	text_add(out, "  transcript:\n");
	folds = r->run->o->verbose || r->run->o->bytes
	    ? xcalloc(t->nevents, sizeof(*folds))
	    : fold_transcript(t, d->step != NULL ? d->step->at.line : 0);
	first = first_shown(folds, t->nevents,
	    r->run->o->bytes ? t->nevents : MAX_EVENTS, &before);
	if (before > 0)
		text_addf(out, "    (%zu earlier events are left out)\n",
		    before);
	for (size_t i = first; i < t->nevents; i++)
		if (folds[i].how != FOLD_INTO)
			add_folded(r, t, i, &folds[i], out);
	free(folds);
}

static const char *
control_word(const struct run_case *c)
{
	if (!c->c->scenario->has_control)
		return "not applicable";
	if (c->target->run->o->no_controls)
		return "not played";
	if (c->control == NULL)
		return "none";
	return c->decided == c->control ? "failed" : "ok";
}

static void
add_result(struct report *r, const struct run_case *c, struct text *out)
{
	const struct case_result *d = c->decided;

	if (d->step != NULL)
		add_source(r, out, c, d);
	else
		text_add(out, "  ");
	add_escaped(r, out,
	    report_why(c)[0] != '\0' ? report_why(c)
				     : result_code_meaning(d->code));
	if (d->late_ns >= NS_PER_MS)
		text_addf(out, " (the runner itself was late by %.1f ms)",
		    (double)d->late_ns / 1e6);
	text_add(out, "\n");
	if (d->detail != NULL)
		add_lines(r, out, d->detail, "  ");
	add_transcript(r, d, out);
	text_addf(out, "  control: %s   canary after: %s   teardown: %s\n",
	    control_word(c), canary_name(c->after),
	    d->teardown != NULL && d->teardown[0] != '\0' ? d->teardown : "-");
}

/* What was asserted and could not be seen. */
static void
add_not_observable(const struct run *run, struct text *out)
{
	size_t n = 0;
	const char *example = NULL;

	for (size_t i = 0; i < run->nplan; i++) {
		const struct case_result *d = run->plan[i].result;

		if (d == NULL || d->not_observable == NULL)
			continue;
		n++;
		example = d->not_observable;
	}
	if (n > 0)
		text_addf(out, "not observable: in %zu case%s, such as %s\n", n,
		    n == 1 ? "" : "s", example);
}

/* What its code means, and the files that it left. */
static void
add_more(const struct run_case *c, struct text *out)
{
	bool code = c->decided != NULL && c->decided->code != CODE_OK;
	bool files =
	    c->artifacts != NULL && (c->result != NULL || c->control != NULL);

	if (!code && !files)
		return;
	text_add(out, "  more:    ");
	if (code)
		text_addf(out, "relay-conformance explain %s%s",
		    result_code_name(c->decided->code), files ? "   " : "");
	if (files) {
		text_add_shell(out, c->artifacts);
		text_add(out, "/{");
		artifacts_list(c, out);
		text_add(out, "}");
	}
	text_add(out, "\n");
}

static void
add_details(struct report *r, const struct run_case *c, struct text *out)
{
	char *name = run_case_name(r->run, c);

	text_add(out, "\n");
	add_verdict(r, c->verdict, out);
	text_addf(out, "%s  target %s  %s%s%.2f s   %s ", name,
	    c->target->target->name, report_code(c),
	    *report_code(c) != '\0' ? "  " : "", seconds(report_took_ns(c)),
	    level_name(c->c->level));
	report_requirements(c, out);
	text_addf(out, "\n  %s\n  ", c->c->scenario->title);
	report_place(c, out);
	text_add(out, "\n");
	if (c->decided != NULL) {
		add_result(r, c, out);
	} else if (report_why(c)[0] != '\0') {
		text_add(out, "  ");
		add_escaped(r, out, report_why(c));
		text_add(out, "\n");
	}
	text_add(out, "  again:   ");
	report_again(r->run, c, out);
	text_add(out, "\n");
	add_more(c, out);
	free(name);
}

static bool
needs_details(const struct report *r, const struct run_case *c)
{
	switch (c->verdict) {
	case VERDICT_FAIL:
	case VERDICT_XPASS:
	case VERDICT_INCONCLUSIVE:
		return c->decided != NULL;
	case VERDICT_ERROR:
		return c->decided != NULL;
	case VERDICT_NONSTRICT:
		return r->run->o->strict || r->run->o->verbose;
	case VERDICT_UNSUPPORTED:
	case VERDICT_SKIPPED:
		return false;
	default:
		return r->run->o->verbose && c->decided != NULL;
	}
}

/* ---- the status line ---- */

static void
hide_status(struct report *r)
{
	if (r->status_shown)
		fputs("\r\033[K", r->out.f);
	r->status_shown = false;
}

/* What the run waits for: the first case that is not done. */
static void
add_now(const struct run *run, struct text *out)
{
	size_t i = run->nordered;
	int64_t limit;

	while (i < run->nplan && run->plan[i].done)
		i++;
	if (i == run->nplan)
		return;
	limit = run->plan[i].c->scenario->timeout_ns;
	text_addf(out, "   now: %s", run->plan[i].c->instance->name);
	if (limit > 0)
		text_addf(out, ", at most %.0f s", seconds(limit));
}

/* At most ten times a second, but at once where a line took its place. */
static void
show_status(struct report *r)
{
	const struct run *run = r->run;
	int64_t now = clock_mono_ns();
	struct text out;

	if (!r->tty || run->o->quiet ||
	    (r->status_shown && now - r->status_ns < 100 * NS_PER_MS))
		return;
	text_init(&out);
	text_addf(&out, "%zu/%zu  %zu fail  %zu waiting  %.1f s", run->ndone,
	    run->nplan, run->tally.count[VERDICT_FAIL], run->nplan - run->ndone,
	    seconds(now - run->started_ns));
	add_now(run, &out);
	/* One that wraps could not be redrawn. */
	fprintf(r->out.f, "\r\033[K%.79s", text_str(&out));
	fflush(r->out.f);
	text_clear(&out);
	r->status_shown = true;
	r->status_ns = now;
}

static void
print(struct report *r, struct text *out)
{
	if (out->len == 0)
		return;
	hide_status(r);
	fputs(text_str(out), r->out.f);
	fflush(r->out.f);
	text_clear(out);
}

/* ---- the summary ---- */

static void
add_counts(const struct run *run, struct text *out)
{
	for (int v = 0; v < VERDICT_NKINDS; v++) {
		size_t n = run->tally.count[v];

		/* What can be misread is said even where it is nothing. */
		if (n > 0 || v != VERDICT_SKIPPED)
			text_addf(out, "%s%zu %s", v == 0 ? "" : "   ", n,
			    looks[v].word);
	}
	text_add(out, "\n");
}

static void
add_deviations(const struct run *run, struct text *out)
{
	for (size_t i = 0; i < run->ntargets; i++) {
		const struct run_target *t = &run->targets[i];

		if (t->deviations != NULL)
			text_addf(out, "deviations: %zu declared in %s%s%s\n",
			    t->deviations->n, t->deviations->path,
			    run->ntargets > 1 ? " for " : "",
			    run->ntargets > 1 ? t->target->name : "");
	}
	if (run->stale.len > 0)
		text_addf(out, "stale deviations:\n%s", text_str(&run->stale));
}

/* What is left of the bound; all of it where that says nothing about the
 * target, as the runner was late itself by more than a fiftieth. */
static double
margin_ratio(const struct case_result *d)
{
	const struct margin *m = &d->tightest;

	return m->line == 0 || m->bound_ns <= 0 || d->late_ns > m->bound_ns / 50
	    ? 1.0
	    : (double)(m->bound_ns - m->took_ns) / (double)m->bound_ns;
}

static void
add_margins(const struct run *run, struct text *out)
{
	const struct run_case *tightest = NULL;
	double least = 1.0;

	for (size_t i = 0; i < run->nplan; i++) {
		const struct run_case *c = &run->plan[i];
		double ratio = c->verdict == VERDICT_PASS && c->result != NULL
		    ? margin_ratio(c->result)
		    : 1.0;

		if (ratio < 0.2)
			text_addf(out,
			    "will flake: %s%s%s line %d took %.2f s of "
			    "%.2f s\n",
			    c->c->instance->name,
			    run->ntargets > 1 ? " on " : "",
			    run->ntargets > 1 ? c->target->target->name : "",
			    c->result->tightest.line,
			    seconds(c->result->tightest.took_ns),
			    seconds(c->result->tightest.bound_ns));
		if (ratio < least) {
			least = ratio;
			tightest = c;
		}
	}
	if (tightest != NULL)
		text_addf(out, "tightest margin: %s %.2f s of %.2f s\n",
		    tightest->c->instance->name,
		    seconds(tightest->result->tightest.bound_ns -
			tightest->result->tightest.took_ns),
		    seconds(tightest->result->tightest.bound_ns));
}

/* Names of the cases of one verdict, each on its line with the code. */
static void
add_names(const struct report *r, enum verdict v, struct text *out)
{
	const struct run *run = r->run;

	if (run->tally.count[v] == 0)
		return;
	text_addf(out, "%s:\n",
	    v == VERDICT_FAIL ? "new failures" : looks[v].word);
	for (size_t i = 0; i < run->nplan; i++) {
		const struct run_case *c = &run->plan[i];
		char *name;

		if (c->verdict != v)
			continue;
		name = run_case_name(run, c);
		text_addf(out, "  %s%s%s  %s ", name,
		    run->ntargets > 1 ? "  " : "",
		    run->ntargets > 1 ? c->target->target->name : "",
		    report_code(c));
		add_escaped(r, out, report_why(c));
		text_add(out, "\n");
		free(name);
	}
}

/* Unsupported cases, by what they need. */
static void
add_lacks(const struct run *run, struct text *out)
{
	struct namesakes *lacks = namesakes_new();

	for (size_t i = 0; i < run->nplan; i++)
		if (run->plan[i].verdict == VERDICT_UNSUPPORTED)
			namesakes_add(lacks, report_why(&run->plan[i]), false);
	for (size_t i = 0; i < run->nplan; i++) {
		const char *why = report_why(&run->plan[i]);
		size_t n = 0;

		if (run->plan[i].verdict == VERDICT_UNSUPPORTED)
			n = namesakes_take(lacks, why, false);
		if (n > 0)
			text_addf(out, "unsupported: %s (%zu case%s)\n", why, n,
			    n == 1 ? "" : "s");
	}
	namesakes_free(lacks);
}

static void
add_targets(const struct run *run, struct text *out)
{
	text_addf(out, "%s", run->ntargets > 1 ? "targets" : "target");
	for (size_t i = 0; i < run->ntargets; i++)
		text_addf(out, "%s %s", i > 0 ? "," : "",
		    run->targets[i].target->name);
	text_addf(out, "   seed %" PRIx64 "   %.1f s\n", run_seed(run, 1),
	    seconds(run->took_ns));
}

static void
add_ending(const struct run *run, struct text *out)
{
	static const char *const ends[] = {
		[END_FAILED] = "ended at the first failure: --fail-fast",
		[END_TIMEOUT] = "PARTIAL: --timeout was over",
		[END_INTERRUPTED] = "PARTIAL: interrupted",
		[END_CUT] = "PARTIAL: the recording is cut short",
	};

	for (size_t i = 0; i < run->ntargets; i++)
		if (run->targets[i].trouble != NULL)
			text_addf(out, "LOST: target %s: %s\n",
			    run->targets[i].target->name,
			    run->targets[i].trouble);
	if (run->end != END_NOT)
		text_addf(out, "%s\n", ends[run->end]);
	if (run->nover > 0)
		text_addf(out, "over the budget: %zu case%s not begun\n",
		    run->nover, run->nover == 1 ? "" : "s");
	if (run->o->no_controls)
		text_add(out, "controls were not played: --no-controls\n");
}

static void
add_summary(const struct report *r, int exit_status, struct text *out)
{
	const struct run *run = r->run;

	text_addf(out, "\n%zu selected of %zu", run->nplan,
	    run->ncases * run->rounds);
	if (run->nslow > 0)
		text_addf(out, " (%zu @slow not selected)", run->nslow);
	text_add(out, "   ");
	add_targets(run, out);
	add_counts(run, out);
	text_addf(out, "controls %zu/%zu ok   canaries %zu/%zu ok\n",
	    run->ncontrols_ok, run->ncontrols, run->ncanaries_ok,
	    run->ncanaries);
	for (size_t i = 0; i < run->ntargets; i++)
		proof_add_lines(&run->targets[i], out);
	add_margins(run, out);
	add_not_observable(run, out);
	add_names(r, VERDICT_NONSTRICT, out);
	add_lacks(run, out);
	if (run->targets[0].trouble == NULL)
		add_names(r, VERDICT_INCONCLUSIVE, out);
	add_deviations(run, out);
	add_names(r, VERDICT_XPASS, out);
	add_names(r, VERDICT_FAIL, out);
	add_ending(run, out);
	text_addf(out, "exit %d\n", exit_status);
}

/* ---- the operations ---- */

static void
begin(struct report *r)
{
	show_status(r);
}

/* Not played since its target is lost: the summary says so, once. */
static bool
is_lost(const struct run_case *c)
{
	return c->verdict == VERDICT_ERROR && c->decided == NULL &&
	    c->target->trouble != NULL;
}

static void
show_case(struct report *r, const struct run_case *c)
{
	struct text out;

	if (r->run->o->quiet || is_lost(c))
		return;
	text_init(&out);
	if (!r->tty || r->run->o->verbose ||
	    (c->verdict != VERDICT_PASS && c->verdict != VERDICT_SKIPPED &&
		c->verdict != VERDICT_UNSUPPORTED))
		add_case_line(r, c, &out);
	print(r, &out);
	show_status(r);
}

static void
done(struct report *r, const struct run_case *c)
{
	if (r->as_it_ends)
		show_case(r, c);
}

static void
in_order(struct report *r, const struct run_case *c)
{
	if (!r->as_it_ends)
		show_case(r, c);
}

static void
end(struct report *r, int exit_status)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; !r->run->o->quiet && i < r->run->nplan; i++)
		if (needs_details(r, &r->run->plan[i]))
			add_details(r, &r->run->plan[i], &out);
	add_summary(r, exit_status, &out);
	print(r, &out);
	fflush(r->out.f);
}

const struct report_ops report_text = {
	.format = "text",
	.last = "",
	.begin = begin,
	.done = done,
	.in_order = in_order,
	.tick = show_status,
	.end = end,
};
