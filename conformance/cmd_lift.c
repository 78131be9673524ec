/* lift: a capture becomes a scenario. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/lift.h"
#include "conformance/options.h"

/* A new file, never one that came to be meanwhile. */
static int
write_new(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
	bool wrote = f != NULL && fputs(text, f) >= 0;

	wrote = f != NULL && fclose(f) == 0 && wrote;
	if (wrote)
		return 0;
	cli_error("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		unlink(path);
	return EXIT_INFRASTRUCTURE;
}

static int
write_over(const char *path, const char *text)
{
	struct output out;
	char err[512];

	if (output_open(&out, path, err, sizeof(err)) == 0) {
		fputs(text, out.f);
		if (output_commit(&out, err, sizeof(err)) == 0)
			return 0;
	}
	cli_error("cannot write %s", err);
	return EXIT_INFRASTRUCTURE;
}

static int
write_script(const struct options *o, const char *text)
{
	struct stat st;

	if (o->output == NULL)
		return write_over("-", text);
	if (strcmp(o->output, "-") == 0 || o->force ||
	    (stat(o->output, &st) == 0 && !S_ISREG(st.st_mode)))
		return write_over(o->output, text);
	return write_new(o->output, text);
}

static int
lift(struct options *o)
{
	struct lift *l;
	char err[512];
	int status;

	if (o->narguments != 1)
		return cli_usage_error("lift needs one capture");
	/* Before anything is read, and seen to again when it is written. */
	status = output_refuse(o->output, o->force);
	if (status != 0)
		return status;
	o->lift.source = strrchr(o->arguments[0], '/');
	o->lift.source =
	    o->lift.source != NULL ? o->lift.source + 1 : o->arguments[0];
	o->lift.dialect = o->target.dialect;
	l = lift_file(o->arguments[0], &o->lift, err, sizeof(err));
	if (l == NULL) {
		cli_error("%s", err);
		return EXIT_FAILED;
	}
	fputs(text_str(&l->notes), stderr);
	status = write_script(o, l->script);
	if (status == 0 && l->damaged)
		status = EXIT_FAILED;
	lift_free(l);
	return status;
}

int
cmd_lift(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_LIFT, LIFT_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help)
		status = lift(&o);
	options_clear(&o);
	return status;
}
