/* The option table of the commands that speak to a relay, and what it fills in.
 */
#include "config.h"

#include "relay-cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cli.h"
#include "base/options.h"
#include "base/text.h"
#include "net/dial.h"
#include "relay-cli/commands.h"

#define RATE_MAX           (INT64_C(1) << 40)
#define CONNECT_TIMEOUT_NS (10 * NS_PER_S) /* as real clients have it */

static int
set_rate(void *options, const char *arg)
{
	struct options *o = options;
	char number[32];
	size_t len = strlen(arg);

	if (len > 2 && strcmp(arg + len - 2, "/s") == 0)
		len -= 2;
	if (len < sizeof(number)) {
		memcpy(number, arg, len);
		number[len] = '\0';
		if (number_parse(number, 1, RATE_MAX, &o->bench.rate))
			return 0;
	}
	return cli_usage_error("--rate: '%s' is no number from 1", arg);
}

#define AT(field) offsetof(struct options, field)

/* clang-format off */
static const struct option_row rows[] = {
	{ "key", 'k', FOR_KEYED, OPTION_STRING, AT(key_file), NULL, "FILE",
	  "own secret key (RELAYKIT_KEY); else a fresh one" },
	{ "carrier", 0, FOR_ALL, OPTION_STRING, AT(carrier), NULL, "raw|ws",
	  "upgrade, whatever the URL's scheme says" },
	{ "dialect", 0, FOR_ALL, OPTION_STRING, AT(dialect), NULL, "NAME",
	  "protocol spoken (iroh-v3)" },
	{ "cafile", 0, FOR_ALL, OPTION_STRING, AT(session.to.cafile), NULL, "FILE",
	  "trust these certificates, not the system's" },
	{ "insecure", 0, FOR_ALL, OPTION_FLAG, AT(session.to.insecure), NULL, NULL,
	  "do not verify the relay's certificate" },
	{ "resolve", 0, FOR_ALL, OPTION_STRING, AT(session.to.resolve), NULL, "HOST:PORT:ADDR",
	  "connect to ADDR for HOST:PORT" },
	{ "sni", 0, FOR_ALL, OPTION_STRING, AT(session.to.sni), NULL, "NAME",
	  "server name to send and to verify" },
	{ "keylog", 0, FOR_ALL, OPTION_STRING, AT(session.to.keylog), NULL, "FILE",
	  "append TLS secrets, for Wireshark and decode" },
	{ "timeout", 't', FOR_ALL, OPTION_DURATION, AT(timeout_ns), NULL, "TIME",
	  "give up waiting after TIME (10s, 500ms)" },
	{ "count", 'c', FOR_PING | FOR_RECV, OPTION_NUMBER, AT(count), NULL, "N",
	  "end after N answers or packets" },
	{ "interval", 'i', FOR_PING, OPTION_DURATION, AT(interval_ns), NULL, "TIME",
	  "pause between Pings (1s)" },
	{ "expect", 0, FOR_SEND, OPTION_NUMBER, AT(expect), NULL, "N",
	  "wait for N packets and print them" },
	{ "linger", 0, FOR_SEND, OPTION_DURATION, AT(linger_ns), NULL, "TIME",
	  "go on printing packets for TIME after sending" },
	{ "lines", 'l', FOR_SEND | FOR_RECV, OPTION_FLAG, AT(lines), NULL, NULL,
	  "one packet a line" },
	{ "force", 0, FOR_SEND, OPTION_FLAG, AT(force), NULL, NULL,
	  "send what the relay must refuse" },
	{ "reconnect", 'r', FOR_RECV, OPTION_FLAG, AT(reconnect), NULL, NULL,
	  "come back after a lost connection" },
	{ "stun", 0, FOR_PROBE, OPTION_STRING, AT(stun), NULL, "HOST:PORT",
	  "where STUN is answered (the host's port 3478)" },
	{ "plain", 0, FOR_PROBE, OPTION_STRING, AT(plain), NULL, "URL",
	  "the plain listener beside TLS (port 80)" },
	{ "metrics", 0, FOR_PROBE, OPTION_STRING, AT(metrics), NULL, "URL",
	  "where the counters can be read" },
	{ "skip", 0, FOR_PROBE, OPTION_STRING, AT(skip), NULL, "LIST",
	  "leave out services: stun,captive" },
	{ "pairs", 'p', FOR_BENCH, OPTION_NUMBER, AT(bench.pairs), NULL, "N",
	  "senders, each with its receiver (1)" },
	{ "size", 's', FOR_BENCH, OPTION_NUMBER, AT(bench.size), NULL, "BYTES",
	  "data of each packet (1200)" },
	{ "window", 'w', FOR_BENCH, OPTION_NUMBER, AT(bench.window), NULL, "N",
	  "packets under way in each pair (32)" },
	{ "rate", 0, FOR_BENCH, OPTION_CALL, 0, set_rate, "N/s",
	  "send at this pace, whatever comes back" },
	{ "time", 0, FOR_BENCH, OPTION_DURATION, AT(bench.time_ns), NULL, "TIME",
	  "for how long (5s)" },
	{ "ping", 0, FOR_BENCH, OPTION_DURATION, AT(bench.ping_ns), NULL, "EVERY",
	  "Ping on every connection meanwhile" },
	{ "verify", 0, FOR_BENCH, OPTION_FLAG, AT(bench.verify), NULL, NULL,
	  "all must come, in order, byte for byte" },
	{ "stall", 0, FOR_BENCH, OPTION_FLAG, AT(bench.stall), NULL, NULL,
	  "one more pair, whose receiver never reads" },
	{ "logins", 0, FOR_BENCH, OPTION_FLAG, AT(bench.logins), NULL, NULL,
	  "log in and leave, --window at a time" },
	{ "idle", 0, FOR_BENCH, OPTION_NUMBER, AT(bench.idle), NULL, "N",
	  "hold N connections that do nothing" },
	{ "pid", 0, FOR_BENCH, OPTION_NUMBER, AT(bench.pid), NULL, "PID",
	  "the relay's process: its CPU time and memory" },
	{ "json", 'j', FOR_ALL, OPTION_FLAG, AT(json), NULL, NULL,
	  "one JSON object a line on stdout" },
	{ "verbose", 'v', FOR_ALL, OPTION_FLAG, AT(session.to.verbose), NULL, NULL,
	  "each step on stderr" },
};
/* clang-format on */

static const struct option_table table = { rows,
	sizeof(rows) / sizeof(rows[0]) };

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
	status = options_read(&table, command, synopsis, o, argc, argv, first,
	    &o->help);
	if (status != 0 || o->help)
		return status;
	if (*first >= argc)
		return cli_usage_error("no URL; usage: relay-cli %s %s",
		    argv[0], synopsis);
	if (relay_url_parse(argv[*first], &o->session.to.url, err,
		sizeof(err)) != 0)
		return cli_usage_error("%s", err);
	++*first;
	if (o->session.to.resolve != NULL &&
	    !dial_resolve_is_valid(o->session.to.resolve))
		return cli_usage_error("--resolve: '%s' is not HOST:PORT:ADDR",
		    o->session.to.resolve);
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
