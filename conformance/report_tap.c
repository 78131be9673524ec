/* TAP version 14: one point a case, in the plan's order. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/report.h"

/* In descriptions and explanations "#" and "\" are escaped, and nothing may
 * end the line. */
static void
add_tap(struct text *out, const char *s)
{
	while (*s != '\0') {
		size_t n = report_printable(s);

		if (*s == '#' || *s == '\\')
			text_addf(out, "\\%c", *s);
		else if (n == 0)
			text_add(out, "?");
		else
			text_add_n(out, s, n);
		s += n > 0 ? n : 1;
	}
}

/* A double-quoted YAML scalar. */
static void
add_yaml(struct text *out, const char *key, const char *value)
{
	text_addf(out, "  %s: \"", key);
	while (*value != '\0') {
		size_t n = report_printable(value);

		if (*value == '"' || *value == '\\')
			text_addf(out, "\\%c", *value);
		else if (*value == '\n')
			text_add(out, "\\n");
		else if (n == 0 && (*value & 0x80) != 0)
			/* as "\xNN" it would be another character */
			text_addf(out, "\\\\x%02x", (unsigned char)*value);
		else if (n == 0)
			text_addf(out, "\\x%02x", (unsigned char)*value);
		else
			text_add_n(out, value, n);
		value += n > 0 ? n : 1;
	}
	text_add(out, "\"\n");
}

static void
begin(struct report *r)
{
	fputs("TAP version 14\n", r->out.f);
	/* What is not known yet stands at the end. */
	if (!r->run->o->until_fail)
		fprintf(r->out.f, "1..%zu\n", r->run->nplan);
	fflush(r->out.f);
}

/* A nonstrict or declared deviation fails nothing: TODO. */
static void
add_point(struct report *r, const struct run_case *c, struct text *out)
{
	bool ok = c->verdict == VERDICT_PASS || c->verdict == VERDICT_INFO ||
	    c->verdict == VERDICT_UNSUPPORTED || c->verdict == VERDICT_SKIPPED;
	char *name = run_case_name(r->run, c);

	text_addf(out, "%s %zu - ", ok ? "ok" : "not ok", c->number);
	if (r->run->ntargets > 1) {
		add_tap(out, c->target->target->name);
		text_add(out, " ");
	}
	add_tap(out, name);
	if (c->verdict == VERDICT_UNSUPPORTED ||
	    c->verdict == VERDICT_SKIPPED) {
		text_add(out, " # SKIP ");
		add_tap(out, report_why(c));
	} else if (c->verdict == VERDICT_NONSTRICT && !r->run->o->strict) {
		text_add(out, " # TODO nonstrict: ");
		add_tap(out, report_code(c));
	} else if (c->verdict == VERDICT_XFAIL) {
		text_add(out, " # TODO ");
		add_tap(out, c->deviation->because);
	}
	text_add(out, "\n");
	free(name);
}

static void
add_block(struct report *r, const struct run_case *c, struct text *out)
{
	struct text line;

	text_init(&line);
	text_add(out, "  ---\n");
	add_yaml(out, "verdict", verdict_name(c->verdict));
	add_yaml(out, "code", report_code(c));
	add_yaml(out, "level", level_name(c->c->level));
	report_requirements(c, &line);
	add_yaml(out, "requirements", text_str(&line));
	text_reset(&line);
	report_place(c, &line);
	add_yaml(out, "at", text_str(&line));
	if (c->decided != NULL && c->decided->step != NULL &&
	    c->decided->step->source != NULL)
		add_yaml(out, "expected", c->decided->step->source);
	add_yaml(out, "actual", report_why(c));
	if (c->decided != NULL && c->decided->detail != NULL)
		add_yaml(out, "detail", c->decided->detail);
	text_reset(&line);
	report_again(r->run, c, &line);
	add_yaml(out, "again", text_str(&line));
	text_add(out, "  ...\n");
	text_clear(&line);
}

static void
in_order(struct report *r, const struct run_case *c)
{
	struct text out;

	text_init(&out);
	add_point(r, c, &out);
	if (c->verdict != VERDICT_PASS && c->verdict != VERDICT_SKIPPED &&
	    c->verdict != VERDICT_UNSUPPORTED)
		add_block(r, c, &out);
	fputs(text_str(&out), r->out.f);
	fflush(r->out.f);
	text_clear(&out);
}

static void
add_stale(const struct run *run, struct text *out)
{
	const char *line = text_str(&run->stale);

	while (*line != '\0') {
		size_t n = strcspn(line, "\n");
		char *one = xstrndup(line, n);

		text_add(out, "# stale: ");
		add_tap(out, one);
		text_add(out, "\n");
		free(one);
		line += n + (line[n] == '\n');
	}
}

/* A run that was cut short, or lost a target, is no result. */
static void
end(struct report *r, int exit_status)
{
	const struct run *run = r->run;
	struct text out;

	text_init(&out);
	if (run->o->until_fail)
		text_addf(&out, "1..%zu\n", run->nplan);
	add_stale(run, &out);
	fputs(text_str(&out), r->out.f);
	text_reset(&out);
	for (size_t i = 0; i < run->ntargets; i++)
		if (run->targets[i].trouble != NULL) {
			text_add(&out, "Bail out! ");
			add_tap(&out, run->targets[i].trouble);
			text_add(&out, "\n");
			break;
		}
	if (out.len == 0 && run->end == END_INTERRUPTED)
		text_add(&out, "Bail out! interrupted\n");
	if (out.len == 0 && run->end == END_CUT)
		text_add(&out, "Bail out! the recording is cut short\n");
	if (out.len == 0 && run->end == END_TIMEOUT)
		text_add(&out, "Bail out! --timeout was over\n");
	fputs(text_str(&out), r->out.f);
	text_clear(&out);
}

const struct report_ops report_tap = {
	.format = "tap",
	.begin = begin,
	.in_order = in_order,
	.end = end,
};
