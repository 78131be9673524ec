/* The command line, read and explained by the option table. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "base/text.h"
#include "codec/dialect.h"
#include "relayd/conf_file.h"
#include "relayd/conf_table.h"
#include "relayd/fault.h"

enum {
	VALUE_HELP = 256, /* behind the values of short options */
	VALUE_HELP_ALL,
	VALUE_VERSION,
	VALUE_FIRST
};

static void
unknown_option(const char *given, char *err, size_t err_size)
{
	const char *words[CONF_OPTIONS_MAX + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < conf_noptions; i++)
		words[i] = conf_options[i].name;
	near = text_nearest(given + strspn(given, "-"), words);
	snprintf(err, err_size, "unknown option %s%s%s%s", given,
	    near != NULL ? "; is --" : "", near != NULL ? near : "",
	    near != NULL ? " meant?" : " (--help lists them)");
}

static bool
apply(struct conf *c, const struct option_spec *o, const char *value, char *err,
    size_t err_size)
{
	char why[320];

	c->lines[o - conf_options] = CONF_NO_LINE;
	if (o->parse(c, o, value, why, sizeof(why)))
		return true;
	snprintf(err, err_size, "--%s %s: %s", o->name, conf_shown(o, value),
	    why);
	return false;
}

static void
fill_long_options(struct option *lo)
{
	for (size_t i = 0; i < conf_noptions; i++)
		lo[i] = (struct option){ conf_options[i].name,
			conf_options[i].arg != NULL ? required_argument
						    : no_argument,
			NULL, VALUE_FIRST + (int)i };
	lo[conf_noptions] =
	    (struct option){ "help", no_argument, NULL, VALUE_HELP };
	lo[conf_noptions + 1] =
	    (struct option){ "version", no_argument, NULL, VALUE_VERSION };
	lo[conf_noptions + 2] =
	    (struct option){ "help-all", no_argument, NULL, VALUE_HELP_ALL };
	lo[conf_noptions + 3] = (struct option){ 0 };
}

/* CONF_RUN: all of it was fine. */
static enum conf_action
parse_words(struct conf *c, int argc, char **argv, char *err, size_t err_size)
{
	struct option lo[CONF_OPTIONS_MAX + 4];
	int v;

	fill_long_options(lo);
	opterr = 0;
	optind = 0; /* glibc: begin anew, also in a second call */
	while ((v = options_getopt(argc, argv, ":c:hV", lo)) != -1) {
		if (v == 'h' || v == VALUE_HELP)
			return CONF_HELP;
		if (v == VALUE_HELP_ALL)
			return CONF_HELP_ALL;
		if (v == 'V' || v == VALUE_VERSION)
			return CONF_VERSION;
		if (v == ':') {
			snprintf(err, err_size, "%s needs a value",
			    argv[optind - 1]);
			return CONF_ERROR;
		}
		if (v == 'c')
			v = VALUE_FIRST + (int)conf_index("config-path");
		if (v < VALUE_FIRST) {
			unknown_option(argv[optind - 1], err, err_size);
			return CONF_ERROR;
		}
		if (!apply(c, &conf_options[v - VALUE_FIRST], optarg, err,
			err_size))
			return CONF_ERROR;
	}
	if (optind < argc) {
		snprintf(err, err_size, "unexpected argument %s", argv[optind]);
		return CONF_ERROR;
	}
	return CONF_RUN;
}

/*
 * Where the reference is told of a file that is not there, 0.28 writes it
 * (section 7.1), 0.35 does without (D-23).  A reload finds that something is
 * wrong: what was in it is not to be forgotten.
 */
static bool
is_missing(const struct conf *c)
{
	return c->may_lack && !c->check && !c->again &&
	    access(c->file, F_OK) != 0 && errno == ENOENT;
}

static bool
read_file(struct conf *c, struct conf *words, char *err, size_t err_size)
{
	if (is_missing(words)) {
		if (words->generation == GENERATION_035 ||
		    FAULT(HOOK_FILE, .conf = words))
			return true;
		if (!conf_file_write(words->file, err, err_size))
			return false;
	}
	return conf_file_read(c, words->file, err, err_size);
}

/* The file goes first, so that the options win; which it is, they say. */
static enum conf_action
parse_with_file(struct conf *c, int argc, char **argv, char *err,
    size_t err_size)
{
	struct conf words = *c;
	bool ok;

	conf_init(c, words.dialect);
	c->check = words.check;
	c->again = words.again;
	ok = read_file(c, &words, err, err_size);
	conf_clear(&words);
	return ok ? parse_words(c, argc, argv, err, err_size) : CONF_ERROR;
}

enum conf_action
conf_parse(struct conf *c, int argc, char **argv, char *err, size_t err_size)
{
	enum conf_action action = parse_words(c, argc, argv, err, err_size);

	if (action == CONF_RUN && c->file != NULL)
		action = parse_with_file(c, argc, argv, err, err_size);
	if (action != CONF_RUN)
		return action;
	if (!conf_settle(c, err, err_size))
		return CONF_ERROR;
	if (c->list_faults)
		return CONF_FAULTS;
	return c->check ? CONF_CHECKED : CONF_RUN;
}

void
conf_print_help(FILE *out, bool all)
{
	struct conf defaults;
	struct text line;

	conf_init(&defaults, rk_dialects()[0]);
	text_init(&line);
	fprintf(out,
	    "usage: relayd [OPTION]...    a packet relay; see "
	    "relayd(8)\n");
	for (size_t i = 0; i < conf_noptions; i++) {
		const struct option_spec *o = &conf_options[i];
		char left[40];

		if (o->rare && !all)
			continue;
		snprintf(left, sizeof(left), "--%s %s", o->name,
		    o->arg != NULL ? o->arg : "");
		text_reset(&line);
		text_addf(&line, "  %-29s %s", left, o->help);
		conf_add_default(&line, &defaults, o);
		fprintf(out, "%s\n", text_str(&line));
	}
	fprintf(out,
	    "  --help, --help-all, --version\n"
	    "Without a listener: --listen %s\n",
	    CONF_DEFAULT_ADDRESS);
	text_clear(&line);
	conf_clear(&defaults);
}
