/* judge: the verdicts of a recorded run, anew. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/recording.h"

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

static bool
is_over(FILE *f)
{
	int c = getc(f);

	if (c != EOF)
		ungetc(c, f);
	return c == EOF;
}

/* What the run said of itself is for its own verdicts only. */
static int
judge_next(const struct options *given, const char *path, FILE *f, int *line,
    unsigned number)
{
	struct options o = *given;
	struct run r;
	int status = recording_read_run(&r, &o, path, f, line);
	bool several = number > 1 || !is_over(f);

	if (status == 0 && several && o.nreports > 0)
		status = cli_usage_error("--report: of one run at a time; %s "
					 "holds several",
		    path);
	if (status == 0 && several)
		printf("%srun %u of %s:\n", number > 1 ? "\n" : "", number,
		    path);
	fflush(stdout);
	if (status == 0)
		status = run_read_deviations(&r);
	if (status == 0)
		status = run_judge(&r);
	recording_clear_run(&r);
	return status;
}

/* Each run of the file; one that cannot be read ends it. */
static int
judge_file(const struct options *o, const char *path)
{
	FILE *f = fopen(path, "re");
	int status = EXIT_GOOD, line = 0, one;
	unsigned number = 1;

	if (f == NULL) {
		cli_error("%s: %s", path, strerror(errno));
		return EXIT_USAGE;
	}
	do {
		one = judge_next(o, path, f, &line, number++);
		status = worse(status, one);
	} while (one != EXIT_SCRIPT && one != EXIT_USAGE && !is_over(f));
	fclose(f);
	return status;
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
