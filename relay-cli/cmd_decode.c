/* relay-cli decode: a capture as frames, one a line. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/text.h"
#include "capture/capture.h"
#include "relay-cli/commands.h"
#include "transcript/transcript_json.h"
#include "transcript/transcript_text.h"

#define DEFAULT_SNAP 64

enum {
	EXIT_WRONG = 1 /* the capture is damaged, cut or has holes */
};

struct decode {
	struct capture_options capture;
	struct transcript_json_options json;
	struct transcript_text_options text;
	bool as_json;
	bool verbose;
	int64_t flow; /* -1: all */
	struct text line;
};

static void
print_help(void)
{
	printf("usage: relay-cli decode [OPTION…] FILE | -\n"
	       "Show what relays and clients said in a capture (pcap or "
	       "pcapng; - is stdin), one\n"
	       "frame a line.\n\n"
	       "  -j, --json        JSON lines\n"
	       "      --snap N      bytes of packet data shown (default %d)\n"
	       "      --flow N      only the connection with this number\n"
	       "      --keylog FILE TLS secrets, as SSLKEYLOGFILE has them\n"
	       "      --dialect ID  the protocol (default %s)\n"
	       "  -v, --verbose     packet numbers, facts such as "
	       "retransmissions, and a count\n"
	       "  -h, --help\n\n"
	       "Status: 0; 1 if the capture is damaged or has holes; 2 for "
	       "usage, or if FILE cannot\n"
	       "be read as a capture.\n",
	    DEFAULT_SNAP, rk_dialects()[0]->id);
}

static const struct rk_dialect *
dialect_by_id(const char *id)
{
	const struct rk_dialect *d = rk_dialect_by_id(id);
	struct text known;

	if (d != NULL)
		return d;
	text_init(&known);
	for (const struct rk_dialect *const *p = rk_dialects(); *p != NULL; p++)
		text_addf(&known, " %s", (*p)->id);
	cli_usage_error("unknown dialect '%s'; there is%s", id,
	    text_str(&known));
	text_clear(&known);
	return NULL;
}

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "snap", required_argument, NULL, 's' },
	{ "flow", required_argument, NULL, 'f' },
	{ "keylog", required_argument, NULL, 'k' },
	{ "dialect", required_argument, NULL, 'd' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* True if all is well with the option. */
static bool
take_option(struct decode *d, int c)
{
	int64_t n;

	switch (c) {
	case 'j':
		d->as_json = true;
		return true;
	case 's':
		if (!number_parse(optarg, 0, INT32_MAX, &n)) {
			cli_usage_error("--snap: '%s' is not a number of bytes",
			    optarg);
			return false;
		}
		d->json.snap = d->text.snap = (size_t)n;
		return true;
	case 'f':
		if (number_parse(optarg, 0, INT32_MAX, &d->flow))
			return true;
		cli_usage_error("--flow: '%s' is not a connection's number",
		    optarg);
		return false;
	case 'k':
		d->capture.keylog = optarg;
		return true;
	case 'd':
		d->capture.dialect = dialect_by_id(optarg);
		return d->capture.dialect != NULL;
	case 'v':
		d->verbose = d->text.packet = d->capture.notes = true;
		return true;
	default:
		return false;
	}
}

/* The file's name; NULL with *status set if there is nothing to decode. */
static const char *
parse_arguments(struct decode *d, int argc, char **argv, int *status)
{
	int c;

	*status = EXIT_USAGE;
	optind = 0; /* the programs' own words were parsed before */
	while ((c = getopt_long(argc, argv, "jvh", long_options, NULL)) != -1) {
		if (c == 'h') {
			print_help();
			*status = EXIT_OK;
			return NULL;
		}
		if (!take_option(d, c))
			return NULL;
	}
	if (optind == argc)
		cli_usage_error("decode: which capture? FILE, or - for stdin");
	else if (optind + 1 < argc)
		cli_usage_error("decode: one file at a time, not '%s' as well",
		    argv[optind + 1]);
	return optind + 1 == argc ? argv[optind] : NULL;
}

static void
on_event(void *arg, struct transcript *t, struct event *e)
{
	struct decode *d = arg;
	char *line;

	if (d->flow >= 0 && e->conn != d->flow)
		return;
	if (d->as_json) {
		uint64_t n = e->conn == TRANSCRIPT_NO_CONN
		    ? 0
		    : t->conns[e->conn].count[e->dir];

		line = event_to_json_line(t, e, n, &d->json);
		fputs(line, stdout);
		free(line);
	} else {
		text_reset(&d->line);
		event_to_text(t, e, &d->text, &d->line);
		fputs(text_str(&d->line), stdout);
	}
	if (ferror(stdout))
		t->stop = true;
}

static void
report(const struct decode *d, const char *file, int result,
    const struct capture_summary *sum, const char *err)
{
	if (result < 0)
		cli_error("%s: %s", file, err);
	else if (sum->wrong > 1)
		cli_error("%s: %s (and %" PRIu64 " more)", file, err,
		    sum->wrong - 1);
	else if (sum->wrong == 1)
		cli_error("%s: %s", file, err);
	if (result >= 0 && sum->flows == 0)
		cli_error("%s: no TCP connection in %" PRIu64 " packets", file,
		    sum->packets);
	if (result >= 0 && d->verbose)
		cli_error("%s: %" PRIu64 " packets, %" PRIu64 " not TCP; "
			  "%" PRIu64 " connections; %" PRIu64
			  " segments sent again, %" PRIu64 " out of order",
		    file, sum->packets, sum->others, sum->flows, sum->resent,
		    sum->reordered);
}

static int
decode(struct decode *d, const char *file)
{
	struct transcript *t = transcript_new();
	struct capture_summary sum = { 0 };
	char err[256];
	int result;

	t->on_event = on_event;
	t->arg = d;
	t->streaming = true;
	result = capture_read(file, &d->capture, t, &sum, err, sizeof(err));
	fflush(stdout);
	report(d, file, result, &sum, err);
	transcript_free(t);
	if (result < 0)
		return EXIT_USAGE;
	return result == 0 ? EXIT_OK : EXIT_WRONG;
}

int
cmd_decode(int argc, char **argv)
{
	struct decode d = {
		.json = { .snap = DEFAULT_SNAP },
		.text = { .snap = DEFAULT_SNAP },
		.flow = -1,
	};
	const char *file;
	int status;

	setlocale(LC_CTYPE, "");
	d.text.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	capture_options_default(&d.capture);
	file = parse_arguments(&d, argc, argv, &status);
	if (file == NULL)
		return status;
	/* A live source is shown as it comes. */
	if (strcmp(file, "-") == 0 || isatty(STDOUT_FILENO))
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	text_init(&d.line);
	status = decode(&d, file);
	text_clear(&d.line);
	return status;
}
