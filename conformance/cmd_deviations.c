/* deviations: show what a target's file declares, or make one from runs. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/run.h"

static size_t
count_cases(const struct deviation *d, const struct case_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		n += selector_matches(&d->cases, &list->cases[i]);
	return n;
}

static int
show(const struct run *r)
{
	const struct deviations *all = r->targets[0].deviations;
	struct text line;

	if (all == NULL) {
		printf("nothing is declared for %s\n",
		    r->targets[0].target->name);
		return 0;
	}
	for (size_t i = 0; i < all->n; i++) {
		const struct deviation *d = &all->list[i];

		text_init(&line);
		deviation_add_observed(d, &line);
		printf("%s:%d: %s %s (%zu cases)  %s\n  %s\n", all->path,
		    d->line, d->flaky ? "flaky" : "deviates", d->cases.text,
		    count_cases(d, r->targets[0].list), text_str(&line),
		    d->because);
		if (d->ref != NULL)
			printf("  see %s\n", d->ref);
		if (d->until != NULL)
			printf("  until %s%s\n", d->until,
			    d->expired ? ", which is over" : "");
		text_clear(&line);
	}
	printf("%zu declared for %s%s%s\n", all->n, all->target,
	    all->made != NULL ? ", made by " : "",
	    all->made != NULL ? all->made : "");
	return 0;
}

/* Only what a whole run saw is fit for a file. */
static bool
is_whole(int status)
{
	return status == EXIT_GOOD || status == EXIT_FAILED ||
	    status == EXIT_INCONCLUSIVE;
}

static int
write_file(struct run *r)
{
	/* What was declared gives its reasons, and excuses nothing. */
	struct deviations *old = r->targets[0].deviations;
	struct output file;
	struct text out;
	char err[512];
	int status;

	if (strcmp(r->o->write, "-") == 0)
		return cli_usage_error("--write wants a file: the run is "
				       "shown on stdout");
	if (output_open(&file, r->o->write, err, sizeof(err)) != 0) {
		cli_error("cannot write %s", err);
		return EXIT_INFRASTRUCTURE;
	}
	r->targets[0].deviations = NULL;
	status = run_play(r);
	r->targets[0].deviations = old;
	if (!is_whole(status)) {
		output_discard(&file);
		return status;
	}
	text_init(&out);
	deviations_write(r, old, &out);
	fputs(text_str(&out), file.f);
	text_clear(&out);
	if (output_commit(&file, err, sizeof(err)) != 0) {
		cli_error("cannot write %s", err);
		return EXIT_INFRASTRUCTURE;
	}
	return status == EXIT_INCONCLUSIVE ? status : 0;
}

int
cmd_deviations(int argc, char **argv)
{
	struct options o;
	struct run r;
	int status =
	    options_parse(&o, FOR_DEVIATIONS, DEVIATIONS_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help) {
		status = run_prepare(&r, &o);
		if (status == 0 && r.ntargets != 1)
			status = cli_usage_error(
			    "one target, whose deviations they are");
		else if (status == 0)
			status = o.write != NULL ? write_file(&r) : show(&r);
		run_clear(&r);
	}
	options_clear(&o);
	return status;
}
