/* Command lines by a table: what is taken, what is refused, and the words of
 * both. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/options.h"
#include "support.h"

enum {
	FOR_ONE = 1,
	FOR_OTHER = 2
};

struct given {
	bool flag;
	const char *text;
	int64_t time;
	int64_t number;
	char called[32];
	const char *other;
};

static int
set_called(void *options, const char *arg)
{
	struct given *g = options;

	snprintf(g->called, sizeof(g->called), "%s", arg);
	return strcmp(arg, "bad") == 0 ? 2 : 0;
}

#define AT(field) offsetof(struct given, field)
static const struct option_row rows[] = {
	{ "flag", 'f', FOR_ONE, OPTION_FLAG, AT(flag), NULL, NULL, "a flag" },
	{ "text", 't', FOR_ONE | FOR_OTHER, OPTION_STRING, AT(text), NULL,
	    "TEXT", "a text" },
	{ "textlog", 0, FOR_ONE, OPTION_STRING, AT(other), NULL, "FILE",
	    "its name begins with another's" },
	{ "time", 0, FOR_ONE, OPTION_DURATION, AT(time), NULL, "TIME", "" },
	{ "number", 'n', FOR_ONE, OPTION_NUMBER, AT(number), NULL, "N", "" },
	{ "call", 'c', FOR_ONE, OPTION_CALL, 0, set_called, "ARG", "" },
	{ "other", 0, FOR_OTHER, OPTION_STRING, AT(other), NULL, "ARG", "" },
	/* the same name for two commands */
	{ "flag", 0, FOR_OTHER, OPTION_STRING, AT(other), NULL, "ARG", "" },
};
static const struct option_table table = { rows,
	sizeof(rows) / sizeof(rows[0]) };

/* |words| with blanks between; stderr goes into |err|. */
static int
read_words(unsigned command, const char *words, struct given *g, int *first,
    bool *help, char *err, size_t err_size)
{
	static char line[256];
	char *argv[16];
	int argc = 0, status;
	FILE *f = tmpfile();
	int saved = dup(STDERR_FILENO);
	size_t n;

	snprintf(line, sizeof(line), "cmd %s", words);
	for (char *w = strtok(line, " "); w != NULL; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc] = NULL;
	memset(g, 0, sizeof(*g));
	ck_assert_ptr_nonnull(f);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	status = options_read(&table, command, "[options]", g, argc, argv,
	    first, help);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(err, 1, err_size - 1, f);
	err[n] = '\0';
	fclose(f);
	return status;
}

START_TEST(options_of_all_kinds_are_taken)
{
	struct given g;
	char err[256];
	bool help;
	int first;

	ck_assert_int_eq(read_words(FOR_ONE,
			     "-f --text=a --time 2s word -n 7 --call x "
			     "--textlog b rest",
			     &g, &first, &help, err, sizeof(err)),
	    0);
	ck_assert(g.flag && !help);
	ck_assert_str_eq(g.text, "a");
	ck_assert_str_eq(g.other, "b");
	ck_assert_str_eq(g.called, "x");
	ck_assert_int_eq(g.time, 2 * NS_PER_S);
	ck_assert_int_eq(g.number, 7);
	ck_assert_str_eq(err, "");
	ck_assert_int_eq(first, 11); /* both words stand at the end */
	ck_assert_int_eq(read_words(FOR_OTHER, "--flag x -- -f", &g, &first,
			     &help, err, sizeof(err)),
	    0);
	ck_assert_str_eq(g.other, "x");
	ck_assert(!g.flag);
}
END_TEST

/* clang-format off */
static const struct refusal {
	unsigned command;
	const char *words;
	const char *said;
} refusals[] = {
	{ FOR_ONE, "--other x", "unknown option '--other'" },
	{ FOR_OTHER, "-f", "unknown option '-f'" },
	{ FOR_ONE, "--tex x", "unknown option '--tex'; did you mean '--text'?" },
	{ FOR_ONE, "--tex=x", "unknown option '--tex=x'" },
	{ FOR_ONE, "--numb 7", "unknown option '--numb'" },
	{ FOR_ONE, "--fla", "did you mean '--flag'?" },
	{ FOR_OTHER, "--textlog x", "unknown option '--textlog'" },
	{ FOR_ONE, "--nonsense", "cmd --help lists them" },
	{ FOR_ONE, "--text", "--text needs an argument" },
	{ FOR_ONE, "-n", "-n needs an argument" },
	{ FOR_ONE, "--flag=x", "unknown option '--flag=x'" },
	{ FOR_ONE, "-n 0", "--number: '0' is no number from 1" },
	{ FOR_ONE, "-n 1x", "--number: '1x' is no number" },
	{ FOR_ONE, "-n 1099511627777", "no number" },
	{ FOR_ONE, "--time soon", "--time: 'soon' is no time; write 10s or 500ms" },
	{ FOR_ONE, "--call bad", "" },
};
/* clang-format on */

START_TEST(the_rest_is_refused_with_a_line)
{
	const struct refusal *r = &refusals[_i];
	struct given g;
	char err[256];
	bool help;
	int first;

	ck_assert_int_eq(read_words(r->command, r->words, &g, &first, &help,
			     err, sizeof(err)),
	    2);
	ck_assert_msg(strstr(err, r->said) != NULL, "'%s' lacks '%s'", err,
	    r->said);
	ck_assert_ptr_eq(strchr(err, '\n'),
	    *err != '\0' ? err + strlen(err) - 1 : NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("options");
	TCase *t = tcase_create("options");

	cli_program_name = "test";
	tcase_add_test(t, options_of_all_kinds_are_taken);
	tcase_add_rows(t, the_rest_is_refused_with_a_line, refusals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
