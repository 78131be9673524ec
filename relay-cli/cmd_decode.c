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
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/options.h"
#include "base/text.h"
#include "capture/capture.h"
#include "relay-cli/commands.h"
#include "relay-cli/decode_filter.h"
#include "relay-cli/decode_summary.h"
#include "transcript/transcript_json.h"
#include "transcript/transcript_text.h"

#define DEFAULT_SNAP  64
#define OUTPUT_BUFFER (64u << 10)

enum {
	EXIT_WRONG = 1 /* the capture is damaged, cut or has holes */
};

struct decode {
	struct capture_options capture;
	struct transcript_json_options json;
	struct transcript_text_options text;
	struct decode_filter filter;
	const char *frames; /* of the filter, not yet parsed */
	bool as_json;
	bool verbose;
	bool want_pairs;
	bool want_summary;
	struct pairs *pairs; /* NULL: not asked for */
	struct decode_summary *summary;
	bool live;        /* lines go out one by one */
	struct text line; /* lines that did not go out yet */
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
	       "      --frame NAME,…  only these: Ping, SendPacket, …, http, "
	       "rest, gap, …\n"
	       "      --key KEY     only frames with this key in them; hex, "
	       "base32, or the\n"
	       "                    beginning in hex\n"
	       "      --client KEY  only connections that logged in with it, "
	       "from the login on\n"
	       "      --pairs       say of a RecvPacket which SendPacket it "
	       "was, and how long\n"
	       "                    the relay had it\n"
	       "      --summary     no frames, but counts, rates, who spoke "
	       "with whom\n"
	       "      --keylog FILE TLS secrets, as SSLKEYLOGFILE has them\n"
	       "      --dialect ID  the protocol (default %s)\n"
	       "  -v, --verbose     packet numbers, facts such as "
	       "retransmissions, and a count\n"
	       "      --max-flows N, --max-flow-bytes N, --max-held N, "
	       "--max-fragmented N\n"
	       "                    bounds of memory, see the manual\n"
	       "  -h, --help\n\n"
	       "Status: 0; 1 if the capture is damaged or has holes; 2 for "
	       "usage, or if FILE\n"
	       "cannot be read as a capture.\n",
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

enum {
	OPTION_SNAP = 256,
	OPTION_FLOW,
	OPTION_FRAME,
	OPTION_KEY,
	OPTION_CLIENT,
	OPTION_PAIRS,
	OPTION_SUMMARY,
	OPTION_KEYLOG,
	OPTION_DIALECT,
	OPTION_MAX_FLOWS,
	OPTION_MAX_FLOW_BYTES,
	OPTION_MAX_HELD,
	OPTION_MAX_FRAGMENTED
};

static const struct option long_options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "snap", required_argument, NULL, OPTION_SNAP },
	{ "flow", required_argument, NULL, OPTION_FLOW },
	{ "frame", required_argument, NULL, OPTION_FRAME },
	{ "key", required_argument, NULL, OPTION_KEY },
	{ "client", required_argument, NULL, OPTION_CLIENT },
	{ "pairs", no_argument, NULL, OPTION_PAIRS },
	{ "summary", no_argument, NULL, OPTION_SUMMARY },
	{ "keylog", required_argument, NULL, OPTION_KEYLOG },
	{ "dialect", required_argument, NULL, OPTION_DIALECT },
	{ "max-flows", required_argument, NULL, OPTION_MAX_FLOWS },
	{ "max-flow-bytes", required_argument, NULL, OPTION_MAX_FLOW_BYTES },
	{ "max-held", required_argument, NULL, OPTION_MAX_HELD },
	{ "max-fragmented", required_argument, NULL, OPTION_MAX_FRAGMENTED },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* A number of the option's things. */
static bool
take_number(const char *option, int64_t min, int64_t max, const char *of,
    size_t *out)
{
	int64_t n;

	if (!number_parse(optarg, min, max, &n)) {
		cli_usage_error("%s: '%s' is not a number of %s", option,
		    optarg, of);
		return false;
	}
	*out = (size_t)n;
	return true;
}

static bool
take_bound(struct decode *d, int c)
{
	struct capture_options *o = &d->capture;

	switch (c) {
	case OPTION_MAX_FLOWS:
		return take_number("--max-flows", 1, INT32_MAX, "connections",
		    &o->max_flows);
	case OPTION_MAX_FLOW_BYTES:
		return take_number("--max-flow-bytes", 1, INT32_MAX, "bytes",
		    &o->max_flow_bytes);
	case OPTION_MAX_HELD:
		return take_number("--max-held", 1, INT64_MAX, "bytes",
		    &o->max_held);
	default:
		return take_number("--max-fragmented", 1, UINT16_MAX, "packets",
		    &o->max_fragmented);
	}
}

static bool
take_filter(struct decode *d, int c)
{
	switch (c) {
	case OPTION_FLOW:
		if (number_parse(optarg, 0, INT64_MAX, &d->filter.flow))
			return true;
		cli_usage_error("--flow: '%s' is not a connection's number",
		    optarg);
		return false;
	case OPTION_FRAME:
		d->frames = optarg;
		return true;
	case OPTION_KEY:
		return key_prefix_parse(&d->filter.key, "--key", optarg);
	default:
		return key_prefix_parse(&d->filter.client, "--client", optarg);
	}
}

/* True if all is well with the option. */
static bool
take_option(struct decode *d, int c)
{
	switch (c) {
	case 'j':
		d->as_json = true;
		return true;
	case 'v':
		d->verbose = d->text.packet = d->capture.notes = true;
		return true;
	case OPTION_SNAP:
		if (!take_number("--snap", 0, INT32_MAX, "bytes",
			&d->json.snap))
			return false;
		d->text.snap = d->json.snap;
		return true;
	case OPTION_FLOW:
	case OPTION_FRAME:
	case OPTION_KEY:
	case OPTION_CLIENT:
		return take_filter(d, c);
	case OPTION_PAIRS:
		d->want_pairs = true;
		return true;
	case OPTION_SUMMARY:
		d->want_summary = true;
		return true;
	case OPTION_KEYLOG:
		d->capture.keylog = optarg;
		return true;
	case OPTION_DIALECT:
		d->capture.dialect = dialect_by_id(optarg);
		return d->capture.dialect != NULL;
	case OPTION_MAX_FLOWS:
	case OPTION_MAX_FLOW_BYTES:
	case OPTION_MAX_HELD:
	case OPTION_MAX_FRAGMENTED:
		return take_bound(d, c);
	default:
		return false;
	}
}

/* Names of frames are those of the dialect, wherever that was given. */
static bool
finish_options(struct decode *d)
{
	const struct rk_dialect *dialect = d->capture.dialect;

	if (d->frames == NULL)
		return true;
	return decode_filter_names(&d->filter,
	    dialect != NULL ? dialect : rk_dialects()[0], d->frames);
}

/* The file's name; NULL with *status set if there is nothing to decode. */
static const char *
parse_arguments(struct decode *d, int argc, char **argv, int *status)
{
	int c;

	*status = EXIT_USAGE;
	optind = 0; /* the programs' own words were parsed before */
	while ((c = options_getopt(argc, argv, "jvh", long_options)) != -1) {
		if (c == 'h') {
			print_help();
			*status = EXIT_OK;
			return NULL;
		}
		if (!take_option(d, c))
			return NULL;
	}
	if (!finish_options(d))
		return NULL;
	if (optind == argc)
		cli_usage_error("decode: which capture? FILE, or - for stdin");
	else if (optind + 1 < argc)
		cli_usage_error("decode: one file at a time, not '%s' as well",
		    argv[optind + 1]);
	return optind + 1 == argc ? argv[optind] : NULL;
}

/* The other half of a packet, on the line of the one that came later. */
static void
add_pair(struct text *line, const struct event *e, const struct pair *p)
{
	line->len--; /* the newline */
	text_addf(line,
	    "  %s #%" PRIu64 " packet %" PRIu64 ", %.3f ms in the relay%s\n",
	    e->dir == DIR_S2C ? "came from" : "went to", p->conn, p->packet,
	    (double)p->transit_ns / (double)NS_PER_MS,
	    p->several ? " (or another one with the same bytes)" : "");
}

static void
flush_lines(struct decode *d)
{
	if (d->line.len > 0)
		fwrite(d->line.s, 1, d->line.len, stdout);
	text_reset(&d->line);
}

static void
print_text(struct decode *d, const struct transcript *t, const struct event *e,
    const struct pair *p)
{
	event_to_text(t, e, &d->text, &d->line);
	if (p != NULL)
		add_pair(&d->line, e, p);
	if (d->live || d->line.len >= OUTPUT_BUFFER)
		flush_lines(d);
}

static json_t *
pair_to_json(const struct pair *p)
{
	return json_pack("{sI sI sI sf sb}", "conn", (json_int_t)p->conn, "n",
	    (json_int_t)p->n, "packet", (json_int_t)p->packet, "transit_ms",
	    (double)p->transit_ns / (double)NS_PER_MS, "doubtful", p->several);
}

static void
print_json(struct decode *d, const struct transcript *t, const struct event *e,
    const struct pair *p)
{
	uint64_t n =
	    e->conn == TRANSCRIPT_NO_CONN ? 0 : t->conns[e->conn].count[e->dir];
	json_t *j;
	char *line;

	if (p == NULL) {
		line = event_to_json_line(t, e, n, &d->json);
	} else {
		j = event_to_json(t, e, n, &d->json);
		json_object_set_new(j, "pair", pair_to_json(p));
		line = json_to_line(j);
		json_decref(j);
	}
	fputs(line, stdout);
	free(line);
}

static void
on_event(void *arg, struct transcript *t, struct event *e)
{
	struct decode *d = arg;
	struct pair pair;
	const struct pair *p = NULL;

	if (d->pairs != NULL && pairs_event(d->pairs, t, e, &pair))
		p = &pair;
	if (!decode_filter_passes(&d->filter, t, e))
		return;
	if (d->summary != NULL)
		decode_summary_event(d->summary, t, e, p);
	else if (d->as_json)
		print_json(d, t, e, p);
	else
		print_text(d, t, e, p);
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
	if (result >= 0 && d->summary != NULL)
		decode_summary_print(d->summary, &sum, d->as_json);
	flush_lines(d);
	fflush(stdout);
	report(d, file, result, &sum, err);
	transcript_free(t);
	if (result < 0)
		return EXIT_USAGE;
	return result == 0 ? EXIT_OK : EXIT_WRONG;
}

/* May it still be written while it is read? */
static bool
is_live(const char *file)
{
	struct stat st;
	bool known = strcmp(file, "-") == 0 ? fstat(STDIN_FILENO, &st) == 0
					    : stat(file, &st) == 0;

	return known && !S_ISREG(st.st_mode);
}

/* A live source is shown as it comes. */
static void
set_buffer(struct decode *d, const char *file)
{
	d->live = is_live(file) || isatty(STDOUT_FILENO);
	if (d->live)
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	else
		setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
}

static int
run(struct decode *d, const char *file)
{
	int status;

	set_buffer(d, file);
	text_init(&d->line);
	if (d->want_summary)
		d->summary = decode_summary_new();
	if (d->want_pairs || d->want_summary)
		d->pairs = pairs_new(PAIRS_WAITING);
	status = decode(d, file);
	pairs_free(d->pairs);
	decode_summary_free(d->summary);
	text_clear(&d->line);
	return status;
}

int
cmd_decode(int argc, char **argv)
{
	struct decode d = {
		.json = { .snap = DEFAULT_SNAP },
		.text = { .snap = DEFAULT_SNAP },
	};
	const char *file;
	int status;

	setlocale(LC_CTYPE, "");
	d.text.ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	capture_options_default(&d.capture);
	decode_filter_init(&d.filter);
	file = parse_arguments(&d, argc, argv, &status);
	if (file != NULL)
		status = run(&d, file);
	decode_filter_clear(&d.filter);
	return status;
}
