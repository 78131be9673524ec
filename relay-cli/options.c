/* The option table of the commands that speak to a relay, and what it fills in.
 */
#include "config.h"

#include "relay-cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cli.h"
#include "base/text.h"
#include "relay-cli/commands.h"

#define CONNECT_TIMEOUT_NS (10 * NS_PER_S) /* as real clients have it */

enum kind {
	FLAG,
	STRING,
	DURATION,
	NUMBER,
	RATE /* a number, perhaps with "/s" behind it */
};

struct row {
	const char *name;
	char letter; /* 0: none */
	unsigned commands;
	enum kind kind;
	size_t offset; /* into struct options */
	const char *arg;
	const char *help;
};

#define AT(field) offsetof(struct options, field)

/* clang-format off */
static const struct row rows[] = {
	{ "key", 'k', FOR_KEYED, STRING, AT(key_file), "FILE",
	  "own secret key (RELAYKIT_KEY); else a fresh one" },
	{ "carrier", 0, FOR_ALL, STRING, AT(carrier), "raw|ws",
	  "upgrade, whatever the URL's scheme says" },
	{ "dialect", 0, FOR_ALL, STRING, AT(dialect), "NAME",
	  "protocol spoken (iroh-v3)" },
	{ "cafile", 0, FOR_ALL, STRING, AT(session.to.cafile), "FILE",
	  "trust these certificates, not the system's" },
	{ "insecure", 0, FOR_ALL, FLAG, AT(session.to.insecure), NULL,
	  "do not verify the relay's certificate" },
	{ "resolve", 0, FOR_ALL, STRING, AT(session.to.resolve), "HOST:PORT:ADDR",
	  "connect to ADDR for HOST:PORT" },
	{ "sni", 0, FOR_ALL, STRING, AT(session.to.sni), "NAME",
	  "server name to send and to verify" },
	{ "keylog", 0, FOR_ALL, STRING, AT(session.to.keylog), "FILE",
	  "append TLS secrets, for Wireshark and decode" },
	{ "timeout", 't', FOR_ALL, DURATION, AT(timeout_ns), "TIME",
	  "give up waiting after TIME (10s, 500ms)" },
	{ "count", 'c', FOR_PING | FOR_RECV, NUMBER, AT(count), "N",
	  "end after N answers or packets" },
	{ "interval", 'i', FOR_PING, DURATION, AT(interval_ns), "TIME",
	  "pause between Pings (1s)" },
	{ "expect", 0, FOR_SEND, NUMBER, AT(expect), "N",
	  "wait for N packets and print them" },
	{ "linger", 0, FOR_SEND, DURATION, AT(linger_ns), "TIME",
	  "go on printing packets for TIME after sending" },
	{ "lines", 'l', FOR_SEND | FOR_RECV, FLAG, AT(lines), NULL,
	  "one packet a line" },
	{ "force", 0, FOR_SEND, FLAG, AT(force), NULL,
	  "send what the relay must refuse" },
	{ "reconnect", 'r', FOR_RECV, FLAG, AT(reconnect), NULL,
	  "come back after a lost connection" },
	{ "stun", 0, FOR_PROBE, STRING, AT(stun), "HOST:PORT",
	  "where STUN is answered (port 3478 of the relay's host)" },
	{ "plain", 0, FOR_PROBE, STRING, AT(plain), "URL",
	  "the plain listener beside a TLS one (port 80 of the host)" },
	{ "metrics", 0, FOR_PROBE, STRING, AT(metrics), "URL",
	  "where the counters can be read; else they are not asked for" },
	{ "skip", 0, FOR_PROBE, STRING, AT(skip), "LIST",
	  "leave out services: stun,captive" },
	{ "pairs", 'p', FOR_BENCH, NUMBER, AT(bench.pairs), "N",
	  "senders, each with its receiver (1)" },
	{ "size", 's', FOR_BENCH, NUMBER, AT(bench.size), "BYTES",
	  "data of each packet (1200)" },
	{ "window", 'w', FOR_BENCH, NUMBER, AT(bench.window), "N",
	  "packets under way in each pair (32)" },
	{ "rate", 0, FOR_BENCH, RATE, AT(bench.rate), "N/s",
	  "send at this pace, all pairs together, whatever comes back" },
	{ "time", 0, FOR_BENCH, DURATION, AT(bench.time_ns), "TIME",
	  "for how long (5s)" },
	{ "ping", 0, FOR_BENCH, DURATION, AT(bench.ping_ns), "EVERY",
	  "Ping on every connection meanwhile" },
	{ "verify", 0, FOR_BENCH, FLAG, AT(bench.verify), NULL,
	  "every byte and the order must be right, nothing may be lost" },
	{ "stall", 0, FOR_BENCH, FLAG, AT(bench.stall), NULL,
	  "one more pair, whose receiver never reads" },
	{ "logins", 0, FOR_BENCH, FLAG, AT(bench.logins), NULL,
	  "log in and leave, --window at a time" },
	{ "idle", 0, FOR_BENCH, NUMBER, AT(bench.idle), "N",
	  "hold N connections that do nothing" },
	{ "pid", 0, FOR_BENCH, NUMBER, AT(bench.pid), "PID",
	  "the relay's process: its CPU time and memory" },
	{ "json", 'j', FOR_ALL, FLAG, AT(json), NULL,
	  "one JSON object a line on stdout" },
	{ "verbose", 'v', FOR_ALL, FLAG, AT(session.to.verbose), NULL,
	  "each step on stderr" },
};
/* clang-format on */
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static void
print_help(unsigned command, const char *name, const char *synopsis)
{
	printf("usage: relay-cli %s %s\n", name, synopsis);
	for (size_t i = 0; i < NROWS; i++) {
		char left[40];

		if ((rows[i].commands & command) == 0)
			continue;
		snprintf(left, sizeof(left), "%c%c%s--%s %s",
		    rows[i].letter != 0 ? '-' : ' ',
		    rows[i].letter != 0 ? rows[i].letter : ' ',
		    rows[i].letter != 0 ? ", " : "  ", rows[i].name,
		    rows[i].arg != NULL ? rows[i].arg : "");
		printf("  %-32s %s\n", left, rows[i].help);
	}
	printf("  %-32s %s\n", "-h, --help", "this text");
}

#define NUMBER_MAX (INT64_C(1) << 40)

static bool
rate_parse(const char *arg, int64_t *out)
{
	char number[32];
	size_t len = strlen(arg);

	if (len > 2 && strcmp(arg + len - 2, "/s") == 0)
		len -= 2;
	if (len >= sizeof(number))
		return false;
	memcpy(number, arg, len);
	number[len] = '\0';
	return number_parse(number, 1, NUMBER_MAX, out);
}

static int
set(struct options *o, const struct row *row, const char *arg)
{
	char *at = (char *)o + row->offset;

	switch (row->kind) {
	case FLAG:
		*(bool *)(void *)at = true;
		return 0;
	case STRING:
		*(const char **)(void *)at = arg;
		return 0;
	case DURATION:
		*(int64_t *)(void *)at = duration_parse(arg);
		if (*(int64_t *)(void *)at >= 0)
			return 0;
		return cli_usage_error("--%s: '%s' is no time; write 10s or "
				       "500ms",
		    row->name, arg);
	case NUMBER:
		if (number_parse(arg, 1, NUMBER_MAX, (int64_t *)(void *)at))
			return 0;
		break;
	case RATE:
		if (rate_parse(arg, (int64_t *)(void *)at))
			return 0;
		break;
	}
	return cli_usage_error("--%s: '%s' is no number from 1", row->name,
	    arg);
}

/* The getopt tables of one command. */
static void
tables(unsigned command, struct option *longs, char *shorts)
{
	size_t n = 0;
	char *p = shorts;

	*p++ = ':'; /* tell a missing argument apart */
	*p++ = 'h';
	for (size_t i = 0; i < NROWS; i++) {
		bool arg = rows[i].kind != FLAG;

		if ((rows[i].commands & command) == 0)
			continue;
		longs[n++] = (struct option){ rows[i].name,
			arg ? required_argument : no_argument, NULL,
			(int)i + 256 };
		if (rows[i].letter != 0) {
			*p++ = rows[i].letter;
			if (arg)
				*p++ = ':';
		}
	}
	longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
	longs[n] = (struct option){ NULL, 0, NULL, 0 };
	*p = '\0';
}

static const struct row *
row_of(unsigned command, int c)
{
	if (c >= 256)
		return &rows[c - 256];
	for (size_t i = 0; i < NROWS; i++)
		if (rows[i].letter == c && (rows[i].commands & command) != 0)
			return &rows[i];
	return NULL;
}

/* getopt_long takes beginnings of names; what a name that is not there begins
 * (--key where there is only --keylog) must not pass for it. */
static bool
spelled_out(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, "--", 2) == 0 &&
	    strncmp(word + 2, name, len) == 0 &&
	    (word[2 + len] == '\0' || word[2 + len] == '=');
}

static int
parse_words(struct options *o, unsigned command, const char *synopsis, int argc,
    char **argv)
{
	struct option longs[NROWS + 2];
	char shorts[NROWS * 2 + 3];
	int c, status;

	tables(command, longs, shorts);
	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct row *row;

		if (c == 'h') {
			print_help(command, argv[0], synopsis);
			o->help = true;
			return 0;
		}
		if (c == ':')
			return cli_usage_error("%s needs an argument",
			    argv[optind - 1]);
		row = c == '?' ? NULL : row_of(command, c);
		if (c >= 256 && !spelled_out(argv[optind - 1], row->name) &&
		    !spelled_out(argv[optind - 2], row->name))
			row = NULL;
		if (row == NULL)
			return cli_usage_error("unknown option '%s'; relay-cli "
					       "%s --help lists "
					       "them",
			    argv[optind - 1], argv[0]);
		status = set(o, row, optarg);
		if (status != 0)
			return status;
	}
	return 0;
}

static int
pick_dialect(struct options *o)
{
	const struct rk_dialect *const *all = rk_dialects();

	o->session.dialect =
	    o->dialect == NULL ? all[0] : rk_dialect_by_id(o->dialect);
	if (o->session.dialect == NULL)
		return cli_usage_error("--dialect: '%s' is unknown; this build "
				       "speaks %s",
		    o->dialect, all[0]->id);
	return 0;
}

static int
pick_carrier(struct options *o)
{
	if (o->carrier == NULL)
		return 0;
	for (int c = 0; c < RK_NCARRIERS; c++)
		if (strcmp(o->carrier, rk_carrier_name(c)) == 0) {
			o->session.to.url.carrier = c;
			return 0;
		}
	return cli_usage_error("--carrier: '%s' is neither raw nor ws",
	    o->carrier);
}

static int
pick_proxy(struct options *o)
{
	char err[256];
	int found = proxy_from_environment(&o->session.to.url, &o->proxy, err,
	    sizeof(err));

	if (found < 0)
		return cli_usage_error("%s", err);
	if (found > 0)
		o->session.to.proxy = &o->proxy;
	return 0;
}

static int
pick_key(struct options *o, bool tell)
{
	char text[RK_KEY_HEX_SIZE];
	struct rk_key pk;

	if (o->key_file == NULL)
		o->key_file = getenv("RELAYKIT_KEY");
	if (o->key_file != NULL && o->key_file[0] != '\0')
		return secret_key_load(o->key_file, &o->secret);
	rk_secret_key_generate(&o->secret);
	if (!tell)
		return 0;
	rk_secret_key_public(&o->secret, &pk);
	rk_key_hex(&pk, text);
	fprintf(stderr, "own key: %s\n", text);
	return 0;
}

int
options_parse(struct options *o, unsigned command, const char *synopsis,
    int argc, char **argv, int *first)
{
	char err[256];
	int status;

	memset(o, 0, sizeof(*o));
	o->count = -1;
	o->expect = -1;
	o->interval_ns = NS_PER_S;
	o->bench.time_ns = -1;
	o->bench.ping_ns = -1;
	status = parse_words(o, command, synopsis, argc, argv);
	if (status != 0 || o->help)
		return status;
	if (optind >= argc)
		return cli_usage_error("no URL; usage: relay-cli %s %s",
		    argv[0], synopsis);
	if (relay_url_parse(argv[optind], &o->session.to.url, err,
		sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	*first = optind + 1;
	if ((status = pick_dialect(o)) != 0 ||
	    (status = pick_carrier(o)) != 0 || (status = pick_proxy(o)) != 0)
		return status;
	if ((command & FOR_KEYED) != 0 &&
	    (status = pick_key(o, command != FOR_PROBE)) != 0)
		return status;
	o->session.secret = &o->secret;
	o->session.timeout_ns =
	    o->timeout_ns > 0 ? o->timeout_ns : CONNECT_TIMEOUT_NS;
	return 0;
}

void
options_clear(struct options *o)
{
	rk_secret_key_wipe(&o->secret);
	explicit_bzero(&o->proxy, sizeof(o->proxy));
}

/* ---- key files ---- */

static int
open_key_file(const char *file, FILE **f)
{
	struct stat st;

	if (strcmp(file, "-") == 0) {
		*f = stdin;
		return 0;
	}
	*f = fopen(file, "re");
	if (*f == NULL)
		return cli_usage_error("cannot read the key file %s: %s", file,
		    strerror(errno));
	if (fstat(fileno(*f), &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		fclose(*f);
		return cli_usage_error("the key file %s can be read by others; "
				       "chmod o= %s",
		    file, file);
	}
	return 0;
}

int
secret_key_load(const char *file, struct rk_secret_key *sk)
{
	char line[256];
	size_t len;
	FILE *f;
	int status = open_key_file(file, &f);

	if (status != 0)
		return status;
	setvbuf(f, NULL, _IONBF, 0); /* no copy of it stays behind */
	len = fread(line, 1, sizeof(line) - 1, f);
	if (f != stdin)
		fclose(f);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (rk_secret_key_parse(line, len, sk) != RK_OK)
		status = cli_usage_error("%s holds no secret key: want one "
					 "line of 64 hex digits "
					 "or 52 base32 characters",
		    file);
	explicit_bzero(line, sizeof(line));
	return status;
}
