/* run: play the selected cases against the targets. */
#include "config.h"

#include "conformance/commands.h"
#include "conformance/run.h"

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
		run_clear(&r);
	}
	options_clear(&o);
	return status;
}
