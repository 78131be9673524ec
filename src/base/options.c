/* Command lines by a table; see options.h. */
#include "config.h"

#include "base/options.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/text.h"
#include "base/xalloc.h"

#define NUMBER_MAX (INT64_C(1) << 40)
#define FIRST_ROW  256 /* of what getopt_long() returns */
#define HELP_WIDTH 30

/* |word| is "--name" or "--name=…". */
static bool
spelled_out(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, "--", 2) == 0 &&
	    strncmp(word + 2, name, len) == 0 &&
	    (word[2 + len] == '\0' || word[2 + len] == '=');
}

int
options_getopt(int argc, char *const *argv, const char *letters,
    const struct option *longs)
{
	int index = -1;
	int c = getopt_long(argc, argv, letters, longs, &index);

	/* Its argument may be a word of its own. */
	if (c == -1 || c == '?' || index < 0 ||
	    spelled_out(argv[optind - 1], longs[index].name) ||
	    (optind > 1 && spelled_out(argv[optind - 2], longs[index].name)))
		return c;
	if (optarg != NULL && optarg == argv[optind - 1])
		optind--; /* so that the word before it is the option */
	if (opterr != 0)
		cli_error("unrecognized option '%s'", argv[optind - 1]);
	return '?';
}

static bool
is_taken(const struct option_row *row, unsigned command)
{
	return (row->commands & command) != 0;
}

static void
print_help(const struct option_table *t, unsigned command, const char *name,
    const char *synopsis)
{
	printf("usage: %s %s %s\n", cli_program_name, name, synopsis);
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];
		char left[48];

		if (!is_taken(row, command))
			continue;
		snprintf(left, sizeof(left), "%c%c%s--%s %s",
		    row->letter != 0 ? '-' : ' ',
		    row->letter != 0 ? row->letter : ' ',
		    row->letter != 0 ? ", " : "  ", row->name,
		    row->arg != NULL ? row->arg : "");
		printf("  %-*s %s\n", HELP_WIDTH, left, row->help);
	}
	printf("  %-*s %s\n", HELP_WIDTH, "-h, --help", "this text");
}

/* The tables of getopt_long() for one command. */
static void
fill_tables(const struct option_table *t, unsigned command,
    struct option *longs, char *letters)
{
	*letters++ = ':'; /* tell a missing argument apart */
	*letters++ = 'h';
	for (size_t i = 0; i < t->n; i++) {
		const struct option_row *row = &t->rows[i];

		if (!is_taken(row, command))
			continue;
		*longs++ = (struct option){
			.name = row->name,
			.has_arg =
			    row->arg != NULL ? required_argument : no_argument,
			.val = (int)i + FIRST_ROW,
		};
		if (row->letter != 0)
			*letters++ = row->letter;
		if (row->letter != 0 && row->arg != NULL)
			*letters++ = ':';
	}
	*longs++ = (struct option){ .name = "help", .val = 'h' };
	*longs = (struct option){ .name = NULL };
	*letters = '\0';
}

static const struct option_row *
row_of(const struct option_table *t, unsigned command, int c)
{
	if (c >= FIRST_ROW)
		return &t->rows[c - FIRST_ROW];
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].letter == c && is_taken(&t->rows[i], command))
			return &t->rows[i];
	return NULL;
}

static int
unknown_option(const struct option_table *t, unsigned command, const char *word,
    const char *name)
{
	const char **names = xcalloc(t->n + 1, sizeof(*names)), *near;
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (is_taken(&t->rows[i], command))
			names[n++] = t->rows[i].name;
	near = text_nearest(word + strspn(word, "-"), names);
	free(names);
	if (near != NULL)
		return cli_usage_error(
		    "unknown option '%s'; did you mean '--%s'?", word, near);
	return cli_usage_error("unknown option '%s'; %s %s --help lists them",
	    word, cli_program_name, name);
}

int
options_set(const struct option_row *row, void *options, const char *arg)
{
	void *at = (char *)options + row->offset;
	int64_t n;

	switch (row->kind) {
	case OPTION_FLAG:
		*(bool *)at = true;
		return 0;
	case OPTION_STRING:
		*(const char **)at = arg;
		return 0;
	case OPTION_DURATION:
		n = duration_parse(arg);
		if (n < 0)
			return cli_usage_error("--%s: '%s' is no time; write "
					       "10s or 500ms",
			    row->name, arg);
		*(int64_t *)at = n;
		return 0;
	case OPTION_NUMBER:
		if (number_parse(arg, 1, NUMBER_MAX, at))
			return 0;
		return cli_usage_error("--%s: '%s' is no number from 1",
		    row->name, arg);
	case OPTION_CALL:
		return row->call(options, arg);
	}
	return 0;
}

int
options_read(const struct option_table *t, unsigned command,
    const char *synopsis, void *options, int argc, char **argv, int *first,
    bool *help)
{
	struct option *longs = xcalloc(t->n + 2, sizeof(*longs));
	char *letters = xcalloc(t->n + 2, 2);
	int c, status = 0;

	fill_tables(t, command, longs, letters);
	*help = false;
	opterr = 0;
	optind = 0; /* glibc: begin anew */
	while (status == 0 && !*help &&
	    (c = options_getopt(argc, argv, letters, longs)) != -1) {
		const struct option_row *row = NULL;

		if (c == 'h') {
			print_help(t, command, argv[0], synopsis);
			*help = true;
		} else if (c == ':') {
			status = cli_usage_error("%s needs an argument",
			    argv[optind - 1]);
		} else if (c == '?' || (row = row_of(t, command, c)) == NULL) {
			status = unknown_option(t, command, argv[optind - 1],
			    argv[0]);
		} else {
			status = options_set(row, options, optarg);
		}
	}
	*first = optind;
	free(letters);
	free(longs);
	return status;
}
