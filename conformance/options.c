/* Command lines -> struct options, by the table of options_table.c. */
#include "config.h"

#include "conformance/options.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/xalloc.h"
#include "conformance/judge.h"
#include "conformance/outside.h"
#include "conformance/report.h"

static int
read_options(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv, int *first)
{
	int status = options_read(&options_table, command, synopsis, o, argc,
	    argv, first, &o->help);

	if (!o->help)
		return status;
	printf("\nAlso by RELAY_CONFORMANCE_NAME=VALUE, or \"NAME VALUE\" "
	       "in relay-conformance.conf.\n");
	if ((command & FOR_SELECTING) != 0)
		printf("TARGET is a URL (http://, https://, ws://, wss://), "
		       "or the name or file of\na .target.  SELECT is an id or "
		       "glob (peer.*, login.ok[ws]), @tag, req:R-12*,\n"
		       "level:MUST, last-failed, file.rly, file.rly:88 (a "
		       "line), file.rly:ID.\n");
	return status;
}

/* ---- options from elsewhere ---- */

/* "yes", "1" and nothing say yes. */
static int
set_word(struct options *o, const struct option_row *row, const char *word)
{
	static const char *const yes[] = { "", "1", "yes", "true", "on" };
	static const char *const no[] = { "0", "no", "false", "off" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(word, yes[i]) == 0)
			return options_set(row, o, NULL);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcmp(word, no[i]) == 0)
			return 0;
	return cli_usage_error("--%s: '%s' is none of yes, no", row->name,
	    word);
}

/* Whoever has no such option does without; whom nobody knows is an error. */
static int
set_outside(struct options *o, unsigned command, struct outside_option *one)
{
	const struct option_row *row = NULL;
	bool known = false;
	int status;

	for (size_t i = 0; i < options_table.n; i++) {
		const struct option_row *here = &options_table.rows[i];

		if (strcmp(here->name, one->name) != 0)
			continue;
		known = true;
		if ((here->commands & command) != 0)
			row = here;
	}
	if (!known)
		return cli_usage_error("%s: no command has an option '--%s'",
		    one->origin, one->name);
	if (row == NULL || (row->arg != NULL && one->value[0] == '\0'))
		return 0;
	one->used = true;
	status = row->arg != NULL ? options_set(row, o, one->value)
				  : set_word(o, row, one->value);
	if (status != 0)
		cli_error("so says %s", one->origin);
	return status;
}

static int
read_outside(struct options *o, unsigned command)
{
	int status = outside_read(&o->outside);

	for (unsigned i = 0; status == 0 && i < o->outside->n; i++)
		status = set_outside(o, command, &o->outside->options[i]);
	return status;
}

void
options_show_outside(const struct options *o)
{
	for (unsigned i = 0; i < o->outside->n; i++) {
		const struct outside_option *one = &o->outside->options[i];

		if (one->used)
			fprintf(stderr, "%s: --%s%s%s\n", one->origin,
			    one->name, one->value[0] != '\0' ? " " : "",
			    one->value);
	}
}

/* ---- positionals ---- */

static void
add_file(struct options *o, char *path)
{
	for (size_t i = 0; i < o->nfiles; i++)
		if (strcmp(o->files[i], path) == 0) {
			free(path);
			return;
		}
	o->files = xreallocarray(o->files, o->nfiles + 1, sizeof(char *));
	o->files[o->nfiles++] = path;
}

void
options_find_file(struct options *o, struct selector *s)
{
	if (s->kind != SELECT_FILE || access(s->file, F_OK) != 0)
		return;
	s->on_disk = true;
	add_file(o, xstrdup(s->file));
}

static int
add_positional(struct options *o, unsigned command, char *word)
{
	size_t n = strlen(word);
	char err[512];

	if ((command & FOR_JUDGE) != 0 && n > 4 &&
	    strcmp(word + n - 4, ".rly") == 0) {
		add_file(o, xstrdup(word));
		return 0;
	}
	if ((command & FOR_SELECTING) == 0 || o->recorded) {
		o->arguments[o->narguments++] = word;
		return 0;
	}
	if (target_is_word(word)) {
		o->words[o->nwords++] = word;
		return 0;
	}
	if (selection_add(&o->selection, word, err, sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	return 0;
}

/* A report that is a file can take another run only if its format can. */
static int
check_append(const struct options *o)
{
	size_t files = 0;

	for (size_t i = 0; i < o->nreports; i++) {
		const char *one = o->reports[i];
		const struct report_ops *ops =
		    report_find(one, strcspn(one, "="));

		if (strcmp(strchr(one, '='), "=-") == 0)
			continue;
		files++;
		if (ops->last == NULL)
			return cli_usage_error(
			    "--append-run: a %s report holds one run; those "
			    "of several are text, md, jsonl, verdicts",
			    ops->format);
	}
	if (files == 0)
		return cli_usage_error("--append-run: to which file? "
				       "--report FORMAT=FILE says");
	return 0;
}

static int
check_reports(const struct options *o)
{
	size_t onto_stdout = 0;

	for (size_t i = 0; i < o->nreports; i++) {
		const char *equals = strchr(o->reports[i], '=');

		if (equals == NULL || equals[1] == '\0')
			return cli_usage_error("--report: '%s' lacks =FILE",
			    o->reports[i]);
		if (report_find(o->reports[i],
			(size_t)(equals - o->reports[i])) == NULL)
			return cli_usage_error("--report: '%s': the "
					       "formats are %s",
			    o->reports[i], report_formats());
		onto_stdout += strcmp(equals, "=-") == 0;
	}
	if (onto_stdout > 1)
		return cli_usage_error("only one --report can go to stdout");
	return o->append_run ? check_append(o) : 0;
}

/* With --until-fail, --repeat is how often at most. */
static void
plan_rounds(struct options *o, unsigned command)
{
	if (o->until_fail) {
		o->max_rounds = o->repeat > 0 ? o->repeat : UINT_MAX;
		o->repeat = 1;
	} else if (o->repeat == 0) {
		o->repeat = (command & FOR_DIFF) != 0 ? 2
		    : (command & FOR_DEVIATIONS) != 0 ? 3
						      : 1;
	}
}

int
options_parse(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv)
{
	uint32_t seed = 0;
	int status, first = argc;

	memset(o, 0, sizeof(*o));
	o->time_scale = 1;
	lift_options_default(&o->lift);
	o->color = "auto";
	o->target.peers = getenv("RELAYKIT_PEERS");
	if (o->target.peers != NULL && o->target.peers[0] == '\0')
		o->target.peers = NULL;
	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (uint32_t)clock_real_ns();
	o->target.seed = seed;
	o->words = xcalloc((size_t)argc + 1, sizeof(char *));
	o->arguments = xcalloc((size_t)argc + 1, sizeof(char *));
	status = read_outside(o, command);
	o->told = false;
	if (status == 0)
		status = read_options(o, command, synopsis, argc, argv, &first);
	o->verbose |= o->bytes;
	plan_rounds(o, command);
	for (int i = first; status == 0 && !o->help && i < argc; i++)
		status = add_positional(o, command, argv[i]);
	for (size_t i = 0; i < o->selection.nselect; i++)
		options_find_file(o, &o->selection.select[i]);
	for (size_t i = 0; i < o->selection.nskip; i++)
		options_find_file(o, &o->selection.skip[i]);
	if (status == 0 && (command & (FOR_PLAYING | FOR_JUDGE)) != 0)
		status = check_reports(o);
	return status != 0 || o->help ? status
				      : target_options_check(&o->target);
}

void
options_clear(struct options *o)
{
	selection_clear(&o->selection);
	for (size_t i = 0; i < o->nfiles; i++)
		free(o->files[i]);
	free(o->files);
	free(o->words);
	free(o->arguments);
	free(o->reports);
	free(o->selftest.faults);
	free(o->selftest.scenarios);
	outside_free(o->outside);
	free(o->runs);
	memset(o, 0, sizeof(*o));
}

/* ---- saying it again ---- */

void
text_add_shell(struct text *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./:=@%+,";

	if (*word != '\0' && word[strspn(word, plain)] == '\0') {
		text_add(out, word);
		return;
	}
	text_add(out, "'");
	for (; *word != '\0'; word++)
		if (*word == '\'')
			text_add(out, "'\\''");
		else
			text_add_n(out, word, 1);
	text_add(out, "'");
}

static void
add_string(struct text *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	text_addf(out, " --%s ", name);
	text_add_shell(out, value);
}

void
options_again(const struct options *o, struct text *out)
{
	const struct target_options *t = &o->target;

	if (t->dialect != NULL)
		add_string(out, "dialect", t->dialect->id);
	add_string(out, "carrier", t->carrier);
	add_string(out, "caps", t->caps);
	add_string(out, "plain", t->plain_url);
	add_string(out, "metrics", t->metrics_url);
	add_string(out, "stun", t->stun);
	if (t->pid != 0)
		text_addf(out, " --pid %ld", t->pid);
	if (t->signals)
		text_add(out, " --signals");
	add_string(out, "client", t->client);
	add_string(out, "client-send", t->client_send);
	add_string(out, "cafile", t->cafile);
	if (t->insecure)
		text_add(out, " --insecure");
	add_string(out, "resolve", t->resolve);
	add_string(out, "sni", t->sni);
	if (t->peers != getenv("RELAYKIT_PEERS"))
		add_string(out, "peers", t->peers);
	if (o->time_scale != 1.0)
		text_addf(out, " --time-scale %g", o->time_scale);
	if (o->no_controls)
		text_add(out, " --no-controls");
	if (o->no_deviations)
		text_add(out, " --no-deviations");
	add_string(out, "deviations", o->deviations);
}

struct suite *
options_suite(const struct options *o, int *status)
{
	struct text errors;
	struct suite *s;
	bool bad = false;

	text_init(&errors);
	s = suite_new(&errors);
	for (size_t i = 0; s != NULL && i < o->nfiles; i++)
		bad |= suite_add_file(s, o->files[i], &errors) != 0;
	if (s == NULL || bad) {
		fputs(text_str(&errors), stderr);
		suite_free(s);
		s = NULL;
		*status = EXIT_SCRIPT;
	}
	text_clear(&errors);
	return s;
}
