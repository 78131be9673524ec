/* fmt: the canonical layout of scenario files, in place. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "conformance/commands.h"
#include "conformance/files.h"
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

static void
print_help(void)
{
	printf("usage: relay-conformance fmt %s\n"
	       "Rewrites the files that are laid out otherwise, and names "
	       "them.\n"
	       "  --check     only name them; exit status 1 if there is one\n"
	       "  -h, --help  this text\n",
	    FMT_SYNOPSIS);
}

int
cmd_fmt(int argc, char **argv)
{
	static const struct option longs[] = {
		{ .name = "check", .val = 'c' },
		{ .name = "help", .val = 'h' },
		{ .name = NULL },
	};
	bool check = false;
	int c, worst = 0;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			return 0;
		}
		if (c != 'c')
			return cli_usage_error("unknown option '%s'",
			    argv[optind - 1]);
		check = true;
	}
	if (optind == argc)
		return cli_usage_error("which files?");
	for (int i = optind; i < argc; i++) {
		int status = format_one(argv[i], check);

		if (status > worst)
			worst = status;
	}
	return worst;
}
