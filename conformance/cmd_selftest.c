/* selftest: is the suite able to notice what it is there to notice? */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/commands.h"
#include "conformance/selftest.h"
#include "conformance/selftest_mutants.h"

enum {
	VALUE_RELAYD = 256,
	VALUE_CLIENT,
	VALUE_FAULTS,
	VALUE_SLOW,
	VALUE_ALL,
	VALUE_MUTATE,
	VALUE_SCENARIOS
};

static const struct option long_options[] = {
	{ "faults", required_argument, NULL, VALUE_FAULTS },
	{ "relayd", required_argument, NULL, VALUE_RELAYD },
	{ "client", required_argument, NULL, VALUE_CLIENT },
	{ "slow", no_argument, NULL, VALUE_SLOW },
	{ "all", no_argument, NULL, VALUE_ALL },
	{ "mutate-scripts", no_argument, NULL, VALUE_MUTATE },
	{ "scenarios", required_argument, NULL, VALUE_SCENARIOS },
	{ "jobs", required_argument, NULL, 'j' },
	{ "report", required_argument, NULL, 'r' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct given {
	struct selftest_options o;
	const char **reports;
	size_t nreports;
	bool help;
};

static void
print_help(void)
{
	printf(
	    "usage: relay-conformance selftest " SELFTEST_SYNOPSIS "\n"
	    "      --faults GLOB        only these faults; repeatable\n"
	    "      --relayd FILE        the relay that has them (the one "
	    "beside "
	    "this program)\n"
	    "      --client FILE        a client that has faults, for the "
	    "cases "
	    "for clients\n"
	    "  -j, --jobs N             relays at a time (three per CPU)\n"
	    "      --slow               @slow cases too\n"
	    "      --all                every case on every fault: the whole "
	    "matrix\n"
	    "      --mutate-scripts     no faults: change what the scenarios "
	    "expect\n"
	    "      --scenarios GLOB     of these only; repeatable\n"
	    "  -r, --report FORMAT=FILE also write a report: text, tap, jsonl; "
	    "FILE - is stdout\n"
	    "  -q, --quiet              what is wrong, and the summary\n"
	    "  -h, --help               this text\n\n"
	    "Plays the suite on relayd with one fault after the other.  Each "
	    "fault must be\n"
	    "caught, by \"fail\", or \"nonstrict\" where it breaks a SHOULD; "
	    "with all faults each\n"
	    "scenario of level MUST must catch one; of those for clients the "
	    "SHOULDs, too.  Exit status: 0 so it is, "
	    "1 it is not,\n"
	    "2 usage, 4 a relay or a run could not be started, 5 nothing was "
	    "tested.\n\n"
	    "With --mutate-scripts each expectation of the suite, or of "
	    "FILEs, is changed\n"
	    "(another value, another time, never instead of it, …): relayd "
	    "without a fault must\n"
	    "then fail the case.  What it does not fail is shown with its "
	    "line.  Exit status:\n"
	    "0 all were noticed, 1 some survived, 3 some could not be "
	    "judged, 6 a bad file.\n");
}

static void
add_word(const char ***list, size_t *n, const char *word)
{
	*list = xreallocarray(*list, *n + 1, sizeof(**list));
	(*list)[(*n)++] = word;
}

static int
apply(struct given *g, int v, const char *arg)
{
	switch (v) {
	case VALUE_FAULTS:
		add_word(&g->o.faults, &g->o.nfaults, arg);
		return 0;
	case VALUE_RELAYD:
		g->o.relayd = arg;
		return 0;
	case VALUE_CLIENT:
		g->o.client = arg;
		return 0;
	case VALUE_SLOW:
		g->o.slow = true;
		return 0;
	case VALUE_ALL:
		g->o.all = true;
		return 0;
	case VALUE_MUTATE:
		g->o.mutate = true;
		return 0;
	case VALUE_SCENARIOS:
		add_word(&g->o.scenarios, &g->o.nscenarios, arg);
		return 0;
	case 'j':
		return number_parse(arg, 1, 1000, &g->o.jobs)
		    ? 0
		    : cli_usage_error("--jobs %s: not a number from 1 to 1000",
			  arg);
	case 'r':
		add_word(&g->reports, &g->nreports, arg);
		return 0;
	case 'q':
		g->o.quiet = true;
		return 0;
	default:
		g->help = true;
		print_help();
		return 0;
	}
}

/* Two kinds of test, each with options of its own. */
static int
check(const struct given *g)
{
	if (g->o.mutate) {
		if (g->nreports > 0 || g->o.nfaults > 0 || g->o.all)
			return cli_usage_error("--mutate-scripts goes with "
					       "none of --faults, --all, "
					       "--report");
		return 0;
	}
	if (g->o.nfiles > 0)
		return cli_usage_error("unexpected argument %s", g->o.files[0]);
	if (g->o.nscenarios > 0)
		return cli_usage_error("--scenarios is for --mutate-scripts");
	return 0;
}

static int
parse(struct given *g, int argc, char **argv)
{
	int v, status = 0;

	opterr = 0;
	optind = 0;
	while (status == 0 && !g->help &&
	    (v = getopt_long(argc, argv, ":j:r:qh", long_options, NULL)) !=
		-1) {
		if (v == '?')
			return cli_usage_error("unknown option %s",
			    argv[optind - 1]);
		if (v == ':')
			return cli_usage_error("%s needs a value",
			    argv[optind - 1]);
		status = apply(g, v, optarg);
	}
	if (status != 0 || g->help)
		return status;
	g->o.files = argv + optind;
	g->o.nfiles = (size_t)(argc - optind);
	return check(g);
}

static int
run(const struct given *g)
{
	struct selftest s;
	char err[512];
	int status = selftest_prepare(&s, &g->o);
	bool to_stdout = false;

	if (status == 0)
		status = selftest_play(&s);
	if (status == 0) {
		status = selftest_status(&s);
		for (size_t i = 0; i < g->nreports; i++) {
			const char *file = strchr(g->reports[i], '=');

			to_stdout = to_stdout ||
			    (file != NULL && strcmp(file, "=-") == 0);
			if (selftest_report(&s, g->reports[i], err,
				sizeof(err)) != 0) {
				cli_error("%s", err);
				status = EXIT_INFRASTRUCTURE;
			}
		}
		selftest_print(&s, to_stdout ? stderr : stdout, g->o.quiet);
	}
	selftest_clear(&s);
	return status;
}

int
cmd_selftest(int argc, char **argv)
{
	struct given g = { .o = { .relayd = "relayd",
			       .jobs = 3 * sysconf(_SC_NPROCESSORS_ONLN) } };
	int status = parse(&g, argc, argv);

	if (status == 0 && !g.help)
		status = g.o.mutate ? selftest_mutants(&g.o) : run(&g);
	free(g.o.faults);
	free(g.o.scenarios);
	free(g.reports);
	return status;
}
