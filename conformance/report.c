/* Opening and closing reports, and what several formats say alike. */
#include "config.h"

#include "conformance/report.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/ws.h"

static const struct report_ops *const formats[] = {
	&report_text,
	&report_tap,
	&report_jsonl,
	&report_verdicts,
	&report_junit,
	&report_md,
	&report_json,
};
#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

const struct report_ops *
report_find(const char *format, size_t len)
{
	for (size_t i = 0; i < NFORMATS; i++)
		if (strlen(formats[i]->format) == len &&
		    strncmp(formats[i]->format, format, len) == 0)
			return formats[i];
	return NULL;
}

const char *
report_formats(void)
{
	return "text, tap, junit, md, json, jsonl, verdicts";
}

static bool
wants_ascii(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

static bool
wants_color(const struct options *o, bool tty)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (strcmp(o->color, "auto") != 0)
		return strcmp(o->color, "always") == 0;
	return tty && (no == NULL || *no == '\0') &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

/* A status line can be redrawn only where the terminal is no dumb one. */
static bool
can_redraw(FILE *f)
{
	const char *term = getenv("TERM");

	return isatty(fileno(f)) && term != NULL && strcmp(term, "dumb") != 0;
}

static void
set_terminal(struct report *r, FILE *f)
{
	const struct options *o = r->run->o;

	r->tty = can_redraw(f);
	r->color = wants_color(o, isatty(fileno(f)) != 0);
	r->as_it_ends =
	    o->order != NULL ? strcmp(o->order, "run") == 0 : r->tty;
}

/* Behind the runs that the file holds already. */
static int
go_on(struct report *r, char *err, size_t err_size)
{
	bool some;

	if (output_append(&r->out, r->ops->last != NULL ? r->ops->last : "",
		&some, err, err_size) != 0)
		return -1;
	if (some && r->ops->last[0] == '\0')
		fputc('\n', r->out.f);
	return 0;
}

struct report *
report_open(const char *spec, const struct run *run, char *err, size_t err_size)
{
	size_t len = strcspn(spec, "=");
	struct report *r = xcalloc(1, sizeof(*r));

	r->ops = report_find(spec, len);
	r->run = run;
	r->ascii = wants_ascii();
	if (output_open(&r->out, spec + len + 1, err, err_size) != 0) {
		free(r);
		return NULL;
	}
	if (run->o->append_run && go_on(r, err, err_size) != 0) {
		output_discard(&r->out);
		free(r);
		return NULL;
	}
	if (r->out.f == stdout && r->ops == &report_text)
		set_terminal(r, stdout);
	return r;
}

struct report *
report_open_terminal(const struct run *run, bool on_stderr)
{
	struct report *r = xcalloc(1, sizeof(*r));

	r->ops = &report_text;
	r->run = run;
	r->ascii = wants_ascii();
	r->out = (struct output){
		.path = xstrdup("-"),
		.f = on_stderr ? stderr : stdout,
	};
	set_terminal(r, r->out.f);
	return r;
}

int
report_close(struct report *r, char *err, size_t err_size)
{
	int status = output_commit(&r->out, err, err_size);

	free(r);
	return status;
}

void
report_discard(struct report *r)
{
	output_discard(&r->out);
	free(r);
}

/* ---- what several formats say ---- */

size_t
report_printable(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f ? 1 : 0;
	if (strnlen(s, n) < n || !rk_utf8_ok(s, n) ||
	    (c == 0xc2 && (unsigned char)s[1] < 0xa0) ||
	    strncmp(s, "\xef\xbf\xbe", 3) == 0 ||
	    strncmp(s, "\xef\xbf\xbf", 3) == 0)
		return 0;
	return n;
}

void
report_add_plain(struct text *out, const char *s, bool several)
{
	while (*s != '\0') {
		size_t n = report_printable(s);

		if (n == 0 && several && *s == '\n')
			text_add_n(out, s, n = 1);
		else if (n > 0)
			text_add_n(out, s, n);
		else
			text_add_escaped(out, s, n = 1);
		s += n;
	}
}

void
report_place(const struct run_case *c, struct text *out)
{
	const struct place *at = &c->c->scenario->at;

	if (c->decided != NULL && c->decided->step != NULL)
		at = &c->decided->step->at;
	text_addf(out, "%s:%d", at->file, at->line);
}

const char *
report_code(const struct run_case *c)
{
	return c->decided != NULL ? result_code_name(c->decided->code) : "";
}

const char *
report_why(const struct run_case *c)
{
	if (c->reason != NULL)
		return c->reason;
	if (c->decided != NULL && c->decided->message != NULL)
		return c->decided->message;
	if (c->decided != NULL && c->decided->named != NULL)
		return c->decided->named;
	return "";
}

/* The selector that means this case and no other. */
static void
add_selector(const struct run_case *c, struct text *out)
{
	struct text word;

	text_init(&word);
	if (c->c->from_file)
		text_addf(&word, "%s:", c->c->script->file);
	text_add(&word, c->c->instance->name);
	text_add_shell(out, text_str(&word));
	text_clear(&word);
}

void
report_again(const struct run *run, const struct run_case *c, struct text *out)
{
	if (c->again != NULL) {
		text_add(out, c->again);
		return;
	}
	text_add(out, "relay-conformance run ");
	if (run->o->target.client == NULL) { /* else an option says it */
		text_add_shell(out, c->target->target->said);
		text_add(out, " ");
	}
	add_selector(c, out);
	text_addf(out, " --seed %" PRIx64, run_seed(run, c->round));
	options_again(run->o, out);
}

void
report_requirements(const struct run_case *c, struct text *out)
{
	for (size_t i = 0; i < c->c->nrequirements; i++)
		text_addf(out, "%s%s", i > 0 ? ", " : "",
		    c->c->requirements[i]);
}

int64_t
report_took_ns(const struct run_case *c)
{
	int64_t took = 0;

	if (c->result != NULL)
		took += c->result->took_ns;
	if (c->control != NULL)
		took += c->control->took_ns;
	return took;
}
