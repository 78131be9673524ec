/* Markdown: what fits the summary of a CI job. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/artifacts.h"
#include "conformance/report.h"

/* Cases shown in full; a job's summary has 1 MiB at most. */
#define MAX_DETAILS 50

/* Nothing of it is markup, be it of HTML or of |others|. */
static void
add_escaped(struct text *out, const char *s, const char *others)
{
	struct text plain;

	text_init(&plain);
	report_add_plain(&plain, s, false);
	for (const char *p = text_str(&plain); *p != '\0'; p++)
		if (*p == '<')
			text_add(out, "&lt;");
		else if (*p == '&')
			text_add(out, "&amp;");
		else if (strchr(others, *p) != NULL)
			text_addf(out, "\\%c", *p);
		else
			text_add_n(out, p, 1);
	text_clear(&plain);
}

/* In running text. */
static void
add_md(struct text *out, const char *s)
{
	add_escaped(out, s, "\\`*_[]|~!#");
}

/* In a line of HTML, where Markdown is shown as it is. */
static void
add_html(struct text *out, const char *s)
{
	add_escaped(out, s, "");
}

/* The longest row of backticks in |s|. */
static size_t
longest_fence(const char *s)
{
	size_t longest = 0;

	while (*s != '\0') {
		size_t n = strspn(s, "`");

		if (n > longest)
			longest = n;
		s += n > 0 ? n : 1;
	}
	return longest;
}

/* As code, with a fence that is nowhere in it. */
static void
add_block(struct text *out, const char *s)
{
	size_t n = longest_fence(s) + 1;
	struct text fence;

	text_init(&fence);
	for (size_t i = 0; i < n || i < 3; i++)
		text_add(&fence, "`");
	text_addf(out, "%s\n%s%s\n", text_str(&fence), s, text_str(&fence));
	text_clear(&fence);
}

/* ---- the table ---- */

static size_t
count(const struct run *run, const struct run_target *t, int v)
{
	size_t n = 0;

	for (size_t i = 0; i < run->nplan; i++)
		n += run->plan[i].target == t &&
		    run->plan[i].verdict == (enum verdict)v;
	return n;
}

static void
add_table(const struct run *run, struct text *out)
{
	text_add(out, "| target |");
	for (int v = 0; v < VERDICT_NKINDS; v++)
		text_addf(out, " %s |", verdict_name((enum verdict)v));
	text_add(out, "\n|---|");
	for (int v = 0; v < VERDICT_NKINDS; v++)
		text_add(out, "---:|");
	for (size_t i = 0; i < run->ntargets; i++) {
		text_add(out, "\n| ");
		add_md(out, run->targets[i].target->name);
		text_add(out, " |");
		for (int v = 0; v < VERDICT_NKINDS; v++)
			text_addf(out, " %zu |",
			    count(run, &run->targets[i], v));
	}
	text_add(out, "\n\n");
}

/* ---- cases ---- */

static bool
needs_details(const struct run *run, const struct run_case *c)
{
	switch (c->verdict) {
	case VERDICT_FAIL:
	case VERDICT_XPASS:
	case VERDICT_INCONCLUSIVE:
		return true;
	case VERDICT_ERROR: /* of a lost target it is said once */
		return c->decided != NULL;
	case VERDICT_NONSTRICT:
		return run->o->strict;
	default:
		return false;
	}
}

static void
add_detail(struct text *out, const char *text)
{
	struct text plain;

	text_init(&plain);
	report_add_plain(&plain, text, true);
	add_block(out, text_str(&plain));
	text_clear(&plain);
}

static const char *
skip_here(const char *path)
{
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return path;
}

/* Bytes of the folders that both begin with. */
static size_t
same_folders(const char *a, const char *b)
{
	size_t same = 0;

	for (size_t i = 0; a[i] != '\0' && a[i] == b[i]; i++)
		if (a[i] == '/')
			same = i + 1;
	return same;
}

/* |path| as a URL in the report |from|: the way from there where there is
 * one, so that both can be carried elsewhere together. */
static void
add_url(struct text *out, const char *from, const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~=+@/";
	size_t same;

	from = skip_here(from);
	path = skip_here(path);
	same = same_folders(from, path);
	if ((from[0] == '/') == (path[0] == '/') &&
	    strstr(from + same, "..") == NULL) {
		for (const char *p = from + same; *p != '\0'; p++)
			text_add(out, *p == '/' ? "../" : "");
		path += same;
	}
	for (; *path != '\0'; path++)
		if (strchr(plain, *path) != NULL)
			text_add_n(out, path, 1);
		else
			text_addf(out, "%%%02X", (unsigned char)*path);
}

static void
add_artifacts(struct text *out, const char *from, const struct run_case *c)
{
	char *path;

	for (size_t i = 0; (path = artifacts_path(c, i)) != NULL; i++) {
		text_add(out, i == 0 ? "\nMore: [" : ", [");
		add_md(out, strrchr(path, '/') + 1);
		text_add(out, "](");
		add_url(out, from, path);
		text_add(out, ")");
		free(path);
	}
	text_add(out, "\n");
}

static void
add_case(const struct report *r, const struct run_case *c, struct text *out)
{
	const struct run *run = r->run;
	const struct case_result *d = c->decided;
	char *name = run_case_name(run, c);
	struct text body;

	text_addf(out, "<details><summary>%s: ", verdict_name(c->verdict));
	add_html(out, name);
	if (run->ntargets > 1) {
		text_add(out, " on ");
		add_html(out, c->target->target->name);
	}
	text_addf(out, " %s</summary>\n\n", report_code(c));
	add_md(out, c->c->scenario->title);
	text_addf(out, " (%s ", level_name(c->c->level));
	text_init(&body);
	report_requirements(c, &body);
	add_md(out, text_str(&body));
	text_add(out, ")\n\n");
	text_reset(&body);
	report_place(c, &body);
	text_add(&body, "\n");
	if (d != NULL && d->step != NULL && d->step->source != NULL)
		text_addf(&body, "expected: %s\n", d->step->source);
	text_addf(&body, "actual:   %s\n", report_why(c));
	if (d != NULL && d->detail != NULL)
		text_addf(&body, "%s\n", d->detail);
	text_add(&body, "again:    ");
	report_again(run, c, &body);
	text_add(&body, "\n");
	add_detail(out, text_str(&body));
	add_artifacts(out, r->out.path, c);
	text_add(out, "</details>\n\n");
	text_clear(&body);
	free(name);
}

static void
add_cases(const struct report *r, struct text *out)
{
	const struct run *run = r->run;
	size_t n = 0;

	for (size_t i = 0; i < run->nplan; i++)
		if (needs_details(run, &run->plan[i]) && n++ < MAX_DETAILS)
			add_case(r, &run->plan[i], out);
	if (n > MAX_DETAILS)
		text_addf(out, "… and %zu more.\n\n", n - MAX_DETAILS);
}

/* ---- what else is to be said ---- */

static void
add_remarks(const struct run *run, struct text *out)
{
	if (run->end != END_NOT)
		text_add(out, "**Partial: the run was cut short.**\n\n");
	for (size_t i = 0; i < run->ntargets; i++) {
		if (run->targets[i].trouble == NULL)
			continue;
		text_add(out, "**Lost: target ");
		add_md(out, run->targets[i].target->name);
		text_add(out, ":** ");
		add_md(out, run->targets[i].trouble);
		text_add(out, "\n\n");
	}
	if (run->nover > 0)
		text_addf(out, "**Over the budget:** %zu case%s not begun\n\n",
		    run->nover, run->nover == 1 ? "" : "s");
	if (run->stale.len > 0) {
		text_add(out, "**Stale deviations:**\n\n");
		add_detail(out, text_str(&run->stale));
		text_add(out, "\n");
	}
}

static void
end(struct report *r, int exit_status)
{
	const struct run *run = r->run;
	struct text out;

	text_init(&out);
	text_addf(&out, "## relay-conformance: %s (exit %d)\n\n",
	    exit_status == EXIT_GOOD ? "passed" : "**not passed**",
	    exit_status);
	add_table(run, &out);
	add_remarks(run, &out);
	add_cases(r, &out);
	text_addf(&out, "%zu selected of %zu", run->nplan,
	    run->ncases * run->rounds);
	if (run->nslow > 0)
		text_addf(&out, " (%zu @slow not selected)", run->nslow);
	text_addf(&out,
	    ", controls %zu of %zu ok, canaries %zu of %zu ok, seed "
	    "`%" PRIx64 "`, %.1f s, relay-conformance %s\n",
	    run->ncontrols_ok, run->ncontrols, run->ncanaries_ok,
	    run->ncanaries, run_seed(run, 1), (double)run->took_ns / 1e9,
	    PACKAGE_VERSION);
	fputs(text_str(&out), r->out.f);
	text_clear(&out);
}

const struct report_ops report_md = {
	.format = "md",
	.last = "",
	.end = end,
};
