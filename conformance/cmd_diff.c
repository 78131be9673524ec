/* diff: the same steps on several relays, and where they part. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/diff.h"
#include "conformance/files.h"
#include "conformance/recording.h"
#include "scenario/namesakes.h"

#define SHOWN    100 /* characters of what a relay did */
#define MAX_RUNS 26  /* classes have letters */

static void
add_class_names(const struct diff *d, const struct diff_case *c,
    struct text *out)
{
	for (size_t k = 0; k < c->nclasses; k++) {
		const char *before = "";

		text_addf(out, "   %c: ", (char)('A' + k));
		for (size_t t = 0; t < d->run->ntargets; t++) {
			if (c->class_of[t] != k)
				continue;
			text_addf(out, "%s%s", before,
			    d->run->targets[t].target->name);
			before = ", ";
		}
	}
}

/* How much of the front is the same for all classes. */
static size_t
common_front(const struct diff *d, const struct diff_case *c)
{
	const char *first = diff_did(c, diff_example(d, c, 0));
	size_t n = strlen(first);

	for (size_t k = 1; k < c->nclasses; k++) {
		const char *other = diff_did(c, diff_example(d, c, k));
		size_t same = 0;

		while (same < n && first[same] == other[same])
			same++;
		n = same;
	}
	return n;
}

/* Cut so that the difference is in what is shown. */
static void
add_did(struct text *out, const char *did, size_t front)
{
	size_t from = front > SHOWN / 2 ? front - SHOWN / 4 : 0;

	if (from > 0)
		text_add(out, "... ");
	text_addf(out, "%.*s%s\n", SHOWN, did + from,
	    strlen(did + from) > SHOWN ? " ..." : "");
}

static void
add_divergence(const struct diff *d, const struct diff_case *c,
    struct text *out)
{
	const struct script *s = c->c->script;
	size_t front;

	if (c->lane == NULL)
		return;
	if (c->line > 0)
		text_addf(out, "  %5d | %s\n", c->line, s->lines[c->line - 1]);
	front = common_front(d, c);
	for (size_t k = 0; k < c->nclasses; k++) {
		text_addf(out, "    %-12s %c  ", k == 0 ? c->lane : "",
		    (char)('A' + k));
		add_did(out, diff_did(c, diff_example(d, c, k)), front);
	}
}

static void
print_case(const struct diff *d, const struct diff_case *c)
{
	struct text out;

	if (c->skipped != NULL ||
	    (c->nclasses == 1 && c->nvaries == 0 && !d->run->o->verbose))
		return;
	text_init(&out);
	text_addf(&out, "%s", c->name);
	add_class_names(d, c, &out);
	text_add(&out, "\n");
	add_divergence(d, c, &out);
	for (size_t i = 0; i < c->nvaries; i++)
		text_addf(&out, "    varies within %s\n", c->varies[i]);
	fputs(text_str(&out), stdout);
	text_clear(&out);
}

/* What was not compared, by its reason. */
static void
print_skipped(const struct diff *d)
{
	struct namesakes *reasons = namesakes_new();

	for (size_t i = 0; i < d->n; i++)
		if (d->cases[i].skipped != NULL)
			namesakes_add(reasons, d->cases[i].skipped, false);
	for (size_t i = 0; i < d->n; i++) {
		const char *why = d->cases[i].skipped;
		size_t n =
		    why != NULL ? namesakes_take(reasons, why, false) : 0;

		if (n > 0)
			printf("not compared: %zu cases: %s\n", n, why);
	}
	namesakes_free(reasons);
}

static void
print_agreement(const struct diff *d)
{
	for (size_t a = 0; a < d->run->ntargets; a++)
		for (size_t b = a + 1; b < d->run->ntargets; b++)
			printf("   %s/%s %zu", d->run->targets[a].target->name,
			    d->run->targets[b].target->name,
			    diff_agreement(d, a, b));
	printf("\n");
}

static void
print_all(const struct diff *d, int status)
{
	const struct run *r = d->run;

	if (r->o->verbose)
		printf("%s\n", normal_steps());
	for (size_t i = 0; i < d->n && !r->o->quiet; i++)
		print_case(d, &d->cases[i]);
	if (r->o->recorded && d->split == 0 && d->compared > 0) {
		printf("%zu cases alike, %zu not compared\n", d->compared,
		    d->n - d->compared);
		return;
	}
	printf("\n%zu cases: %zu one class, %zu more than one, %zu not "
	       "compared   seed %" PRIx64 "   %.1f s\n",
	    d->n, d->compared - d->split, d->split, d->n - d->compared,
	    run_seed(r, 1), (double)r->took_ns / 1e9);
	print_skipped(d);
	printf("agreement");
	print_agreement(d);
	for (size_t i = 0; i < r->ntargets; i++)
		if (r->targets[i].trouble != NULL)
			printf("LOST: target %s: %s\n",
			    r->targets[i].target->name, r->targets[i].trouble);
	if (r->end != END_NOT)
		printf("PARTIAL: the run was cut short\n");
	printf("exit %d\n", status);
}

/* ---- JSON lines ---- */

static json_t *
classes_json(const struct diff *d, const struct diff_case *c)
{
	json_t *classes = json_array();

	for (size_t k = 0; k < c->nclasses; k++) {
		json_t *one = json_array();

		for (size_t t = 0; t < d->run->ntargets; t++)
			if (c->class_of[t] == k)
				json_array_append_new(one,
				    json_string(
					d->run->targets[t].target->name));
		json_array_append_new(classes, one);
	}
	return classes;
}

static json_t *
divergence_json(const struct diff *d, const struct diff_case *c)
{
	json_t *did = json_array();

	for (size_t k = 0; k < c->nclasses; k++)
		json_array_append_new(did,
		    json_string(diff_did(c, diff_example(d, c, k))));
	return json_pack("{s:s, s:i, s:o}", "lane", c->lane, "line", c->line,
	    "did", did);
}

static void
write_case(FILE *f, const struct diff *d, const struct diff_case *c)
{
	json_t *o = json_pack("{s:s, s:i, s:s}", "type", "diff", "v", 1, "case",
	    c->name);

	if (c->skipped != NULL)
		json_object_set_new(o, "skipped", json_string(c->skipped));
	else
		json_object_set_new(o, "classes", classes_json(d, c));
	if (c->lane != NULL)
		json_object_set_new(o, "first", divergence_json(d, c));
	if (c->nvaries > 0) {
		json_t *varies = json_array();

		for (size_t i = 0; i < c->nvaries; i++)
			json_array_append_new(varies,
			    json_string(c->varies[i]));
		json_object_set_new(o, "varies", varies);
	}
	json_dumpf(o, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(o);
}

static void
write_lines(FILE *f, const struct diff *d, int status)
{
	for (size_t i = 0; i < d->n; i++)
		write_case(f, d, &d->cases[i]);
	fprintf(f,
	    "{\"type\":\"end\",\"v\":1,\"compared\":%zu,\"split\":%zu,"
	    "\"partial\":%s,\"exit\":%d}\n",
	    d->compared, d->split, d->run->end != END_NOT ? "true" : "false",
	    status);
}

/* ---- the command ---- */

/* Opened before anything runs, so that a bad path costs nothing. */
static int
open_report(const struct options *o, struct output *out)
{
	const char *file;
	char err[512];

	if (o->nreports == 0)
		return 0;
	if (o->nreports > 1 || strncmp(o->reports[0], "jsonl=", 6) != 0)
		return cli_usage_error("diff writes one report: jsonl=FILE");
	file = o->reports[0] + 6;
	if (output_open(out, file, err, sizeof(err)) == 0)
		return 0;
	cli_error("cannot write the report %s", err);
	return EXIT_INFRASTRUCTURE;
}

static int
diff_status(const struct diff *d, int status)
{
	if (status != 0)
		return status;
	if (d->split > 0)
		return EXIT_FAILED;
	return d->compared > 0 ? EXIT_GOOD : EXIT_UNTESTED;
}

static int
show(struct run *r, int status, struct output *out)
{
	struct diff *d = diff_new(r);
	char err[512];

	status = diff_status(d, status);
	if (out->f != NULL)
		write_lines(out->f, d, status);
	if (out->f != stdout)
		print_all(d, status);
	if (output_commit(out, err, sizeof(err)) != 0) {
		cli_error("cannot write the report %s", err);
		status = EXIT_INFRASTRUCTURE;
	}
	diff_free(d);
	return status;
}

/* Two reports, or more, of one target at several times. */
static int
diff_runs(struct options *o)
{
	struct output out = { .f = NULL };
	struct run r;
	int status;

	if (o->narguments < 1)
		return cli_usage_error("--runs: reports of run");
	status = open_report(o, &out);
	if (status != 0)
		return status;
	status = recording_read(&r, o, o->arguments, o->narguments);
	if (status == 0 && (r.ntargets < 2 || r.ntargets > MAX_RUNS))
		status = cli_usage_error("--runs: two runs, to %d; here is %zu",
		    MAX_RUNS, r.ntargets);
	if (status == 0)
		status = show(&r, 0, &out);
	output_discard(&out);
	recording_clear(&r);
	return status;
}

static int
diff(const struct options *o)
{
	struct output out = { .f = NULL };
	struct run r;
	int status;

	if (o->nwords < 2)
		return cli_usage_error("diff needs two targets or more");
	if (o->nwords > MAX_RUNS)
		return cli_usage_error("diff takes at most %d targets",
		    MAX_RUNS);
	status = open_report(o, &out);
	if (status != 0)
		return status;
	status = run_prepare(&r, o);
	if (status == 0) {
		r.observe = true;
		status = show(&r, run_observe(&r), &out);
	}
	output_discard(&out);
	run_clear(&r);
	return status;
}

int
cmd_diff(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_DIFF, DIFF_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help) {
		if (o.verbose)
			options_show_outside(&o);
		status = o.recorded ? diff_runs(&o) : diff(&o);
	}
	options_clear(&o);
	return status;
}
