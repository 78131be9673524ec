/* selftest: is the suite able to notice what it is there to notice? */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/options.h"
#include "conformance/outside.h"
#include "conformance/selftest.h"
#include "conformance/selftest_mutants.h"

static void
print_more_help(void)
{
	printf(
	    "\nPlays the suite on relayd with one fault after the other.  Each "
	    "fault must be\n"
	    "caught, by \"fail\", or \"nonstrict\" where it breaks a SHOULD; "
	    "with all faults each\n"
	    "scenario of level MUST must catch one; of those for clients the "
	    "SHOULDs, too.\n"
	    "Exit status: 0 so it is, 1 it is not, 2 usage, 3 the machine was "
	    "late for what\n"
	    "would say so, 4 a relay or a run could not be started, 5 nothing "
	    "was tested.\n\n"
	    "With --mutate-scripts each expectation of the suite, or of "
	    "FILEs, is changed\n"
	    "(other value, other time, never instead of it, …): relayd "
	    "without a fault, or\n"
	    "the client, must then fail the case.  What it does not fail is "
	    "shown with its\n"
	    "line.  Exit status: 0 all were noticed, 1 some survived, 3 some "
	    "could not be\n"
	    "judged, 6 a bad file.\n");
}

/* Two kinds of test, each with options of its own. */
static int
check(const struct options *o)
{
	const struct selftest_options *s = &o->selftest;
	char err[256];

	if (s->mutate) {
		if (o->nreports > 0 || s->nfaults > 0 || s->all)
			return cli_usage_error("--mutate-scripts goes with "
					       "none of --faults, --all, "
					       "--report");
		return 0;
	}
	for (size_t i = 0; i < o->nreports; i++)
		if (!selftest_report_is_known(o->reports[i], err, sizeof(err)))
			return cli_usage_error("%s", err);
	if (o->narguments > 0)
		return cli_usage_error("unexpected argument %s",
		    o->arguments[0]);
	if (s->nscenarios > 0)
		return cli_usage_error("--scenarios is for --mutate-scripts");
	return 0;
}

static void
complete(struct options *o)
{
	struct selftest_options *s = &o->selftest;

	if (s->relayd == NULL)
		s->relayd = "relayd";
	if (s->jobs == 0)
		s->jobs = 3 * sysconf(_SC_NPROCESSORS_ONLN);
	s->slow = o->selection.slow;
	s->quiet = o->quiet;
	s->files = o->arguments;
	s->nfiles = o->narguments;
	/* Children get their options from us, and no others. */
	outside_forget();
	/* What fails in them is no last run of anybody's. */
	setenv("XDG_STATE_HOME", "/dev/null", 1);
}

static int
run(const struct options *o)
{
	struct selftest s;
	char err[512];
	int status = selftest_prepare(&s, &o->selftest);
	bool to_stdout = false;

	if (status == 0)
		status = selftest_play(&s);
	if (status == 0) {
		status = selftest_status(&s);
		for (size_t i = 0; i < o->nreports; i++) {
			const char *file = strchr(o->reports[i], '=');

			to_stdout = to_stdout ||
			    (file != NULL && strcmp(file, "=-") == 0);
			if (selftest_report(&s, o->reports[i], err,
				sizeof(err)) != 0) {
				cli_error("%s", err);
				status = EXIT_INFRASTRUCTURE;
			}
		}
		selftest_print(&s, to_stdout ? stderr : stdout, o->quiet);
	}
	selftest_clear(&s);
	return status;
}

int
cmd_selftest(int argc, char **argv)
{
	struct options o;
	int status =
	    options_parse(&o, FOR_SELFTEST, SELFTEST_SYNOPSIS, argc, argv);

	if (status == 0 && o.help) {
		print_more_help();
	} else if (status == 0) {
		status = check(&o);
		complete(&o);
		if (status == 0)
			status = o.selftest.mutate
			    ? selftest_mutants(&o.selftest)
			    : run(&o);
	}
	options_clear(&o);
	return status;
}
