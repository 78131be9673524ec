/* fmt: the canonical layout of scenario files, in place. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/files.h"
#include "conformance/judge.h"
#include "conformance/options.h"
#include "conformance/judge.h"
#include "scenario/fmt.h"

/* The new file takes the old one's place at once, or not at all. */
static int
replace(const char *path, const char *text)
{
	struct output out;
	char err[512];

	if (output_open(&out, path, err, sizeof(err)) != 0) {
		cli_error("%s", err);
		return EXIT_INFRASTRUCTURE;
	}
	fputs(text, out.f);
	if (output_commit(&out, err, sizeof(err)) != 0) {
		cli_error("%s", err);
		return EXIT_INFRASTRUCTURE;
	}
	return 0;
}

static int
format_one(const char *path, bool check)
{
	char err[512], *old, *new;
	struct text errors;
	size_t len;
	int status = 0;

	old = file_read(path, &len, err, sizeof(err));
	if (old == NULL)
		return cli_usage_error("%s", err);
	text_init(&errors);
	new = script_format(path, old, len, &errors);
	if (new == NULL) {
		fputs(text_str(&errors), stderr);
		status = EXIT_SCRIPT;
	} else if (strcmp(old, new) != 0) {
		printf("%s\n", path);
		status = check ? EXIT_FAILED : replace(path, new);
	}
	text_clear(&errors);
	free(old);
	free(new);
	return status;
}

int
cmd_fmt(int argc, char **argv)
{
	struct options o;
	int status = options_parse(&o, FOR_FMT, FMT_SYNOPSIS, argc, argv);

	if (status == 0 && !o.help && o.narguments == 0)
		status = cli_usage_error("which files?");
	for (size_t i = 0; status != EXIT_USAGE && i < o.narguments; i++) {
		int one = format_one(o.arguments[i], o.check);

		if (one > status)
			status = one;
	}
	options_clear(&o);
	return status;
}
