/* run: play the selected cases against the targets. */
#include "config.h"

#include <limits.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/run.h"

static void
keep_failed(const struct run *r)
{
	char err[PATH_MAX + 512];

	if (r->ndone > 0 && last_failed_write(r, err, sizeof(err)) != 0 &&
	    r->o->verbose)
		cli_error("what failed is not kept for last-failed: %s", err);
}

int
cmd_run(int argc, char **argv)
{
	struct options o;
	struct run r;
	int status = options_parse(&o, FOR_RUN, RUN_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help) {
		if (o.verbose)
			options_show_outside(&o);
		status = run_prepare(&r, &o);
		if (status == 0)
			status = run_play(&r);
		keep_failed(&r);
		run_clear(&r);
	}
	options_clear(&o);
	return status;
}
