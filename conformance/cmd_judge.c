/* judge: the verdicts of a recorded run, anew. */
#include "config.h"

#include <stdio.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/recording.h"

/* What the run said of itself is for its own verdicts only. */
static int
judge_file(const struct options *given, const char *path)
{
	struct options o = *given;
	struct run r;
	int status = recording_read_run(&r, &o, path);

	if (status == 0)
		status = run_read_deviations(&r);
	if (status == 0)
		status = run_judge(&r);
	recording_clear_run(&r);
	return status;
}

/* The one of two exit statuses that says more. */
static int
worse(int a, int b)
{
	static const int order[] = { EXIT_INTERRUPTED, EXIT_TIMEOUT,
		EXIT_INFRASTRUCTURE, EXIT_SCRIPT, EXIT_USAGE, EXIT_FAILED,
		EXIT_INCONCLUSIVE, EXIT_UNTESTED };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return EXIT_GOOD;
}

static int
judge(const struct options *o)
{
	int status = EXIT_GOOD;

	if (o->narguments == 0)
		return cli_usage_error("which run? a file that --report "
				       "jsonl=FILE of run wrote");
	if (o->narguments > 1 && o->nreports > 0)
		return cli_usage_error("--report: of one run at a time");
	for (size_t i = 0; i < o->narguments; i++) {
		if (o->narguments > 1)
			printf("%s%s:\n", i > 0 ? "\n" : "", o->arguments[i]);
		fflush(stdout);
		status = worse(status, judge_file(o, o->arguments[i]));
	}
	return status;
}

int
cmd_judge(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_JUDGE, JUDGE_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = judge(&o);
	options_clear(&o);
	return status;
}
