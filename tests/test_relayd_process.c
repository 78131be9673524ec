/* relayd as a process: listeners, TLS, signals, and clients that misbehave. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "relayd_process.h"
#include "support.h"
#include "tls_certs.h"

#define SEND 0x04
#define RECV 0x05
#define GONE 0x08

static struct tls_certs certs;
static struct relay relay;

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	tls_certs_make(&certs);
}

static void
teardown(void)
{
	tls_certs_remove(&certs);
}

static void
start(const char *options)
{
	relay_start(&relay, options, 0);
}

static void
start_tls(const char *more)
{
	char options[1024];

	snprintf(options, sizeof(options), "--cert %s --key %s %s", certs.chain,
	    certs.key, more);
	start(options);
}

static void
stop(void)
{
	int status = relay_stop(&relay, SIGTERM);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %#x", status);
}

#define ALL_LISTENERS                                                          \
	"--listen 127.0.0.1:0 --listen [::1]:0 --listen-tls 127.0.0.1:0 "      \
	"--listen-tls [::1]:0 --metrics 127.0.0.1:0 --plain-relay"

/* ---- carriers, addresses, TLS ---- */

static const struct {
	const char *kind;
	int n;        /* 0: IPv4, 1: IPv6 */
	int min, max; /* of TLS */
} ways[] = {
	{ "http", 0, 0, 0 },
	{ "http", 1, 0, 0 },
	{ "https", 0, 12, 12 },
	{ "https", 0, 13, 13 },
	{ "https", 1, 12, 13 },
};

#define NWAYS ((int)(sizeof(ways) / sizeof(ways[0])))

static void
open_way(struct link *l, int way)
{
	link_open(l, relay_address(&relay, ways[way].kind, ways[way].n));
	if (ways[way].max != 0)
		ck_assert(link_tls(l, ways[way].min, ways[way].max, NULL, 0));
}

static void
exchange(struct link *from, unsigned from_seed, struct link *to,
    unsigned to_seed, size_t size)
{
	static uint8_t sent[RK_KEY_LEN + 65536], got[RK_KEY_LEN + 65536];
	struct rk_key key = seed_key(to_seed);
	uint64_t state = size;
	unsigned type;
	size_t len;

	test_fill(&state, sent, sizeof(sent));
	memcpy(sent, key.b, RK_KEY_LEN);
	link_send(from, SEND, sent, RK_KEY_LEN + size);
	ck_assert(link_recv(to, &type, got, sizeof(got), &len));
	ck_assert_uint_eq(type, RECV);
	key = seed_key(from_seed);
	memcpy(sent, key.b, RK_KEY_LEN);
	ck_assert_bytes(got, len, sent, RK_KEY_LEN + size);
}

START_TEST(clients_meet_over_every_way_and_carrier)
{
	struct link a, b;

	start_tls(ALL_LISTENERS);
	for (int way = 0; way < NWAYS; way++) {
		for (int c = 0; c < RK_NCARRIERS; c++) {
			open_way(&a, way);
			open_way(&b, NWAYS - 1 - way);
			link_login(&a, (enum rk_carrier)c, 1);
			link_login(&b, (enum rk_carrier) !c, 2);
			link_ping(&a);
			link_ping(&b);
			exchange(&a, 1, &b, 2, 0);
			exchange(&a, 1, &b, 2, 1200);
			exchange(&b, 2, &a, 1, 65536);
			link_close(&a);
			link_close(&b);
		}
	}
	stop();
}
END_TEST

START_TEST(only_what_is_named_is_opened_and_said)
{
	char line[80];
	size_t n = 0;

	start_tls(ALL_LISTENERS);
	for (const char *p = relay.lines.s; *p != '\0'; p++)
		n += *p == '\n';
	ck_assert_uint_eq(n, 6);
	snprintf(line, sizeof(line), "listening https %s\n",
	    relay_address(&relay, "https", 1));
	ck_assert_ptr_nonnull(strstr(relay.lines.s, line));
	ck_assert_int_eq(strncmp(relay_address(&relay, "https", 1),
			     "[::1]:", 6),
	    0);
	ck_assert_str_eq(relay.lines.s + relay.lines.len - 6, "ready\n");
	stop();
}
END_TEST

START_TEST(beside_tls_the_plain_listener_does_not_relay)
{
	struct link l;

	start_tls("--listen 127.0.0.1:0 --listen-tls 127.0.0.1:0");
	link_open(&l, relay_address(&relay, "http", 0));
	ck_assert_ptr_nonnull(strstr(link_request(&l, "GET /"), " 404 "));
	ck_assert_ptr_nonnull(strstr(link_request(&l, "GET /relay"), " 404 "));
	ck_assert_ptr_nonnull(
	    strstr(link_request(&l, "GET /generate_204"), " 204 "));
	link_close(&l);
	link_open(&l, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&l, 12, 13, NULL, 0));
	ck_assert_ptr_nonnull(
	    strstr(link_request(&l, "GET /generate_204"), " 404 "));
	ck_assert_ptr_nonnull(strstr(link_request(&l, "GET /ping"), " 200 "));
	link_login(&l, RK_CARRIER_RAW, 1);
	link_ping(&l);
	link_close(&l);
	stop();
}
END_TEST

START_TEST(whatever_alpn_is_offered_the_upgrade_works)
{
	static const struct {
		const char *wire;
		size_t len;
	} offers[] = { { "\2h2\10http/1.1", 12 }, { "\2h2", 3 }, { "\3xyz", 4 },
		{ "\10http/1.1", 9 } };
	struct link l;

	start_tls(ALL_LISTENERS);
	for (size_t i = 0; i < 4; i++) {
		link_open(&l, relay_address(&relay, "https", 0));
		ck_assert(link_tls(&l, 12, 13, offers[i].wire, offers[i].len));
		link_login(&l, RK_CARRIER_WS, 1);
		link_ping(&l);
		link_close(&l);
	}
	stop();
}
END_TEST

START_TEST(plain_http_on_the_tls_port_gets_no_http_answer)
{
	struct link l;
	char got[5];

	start_tls(ALL_LISTENERS);
	link_open(&l, relay_address(&relay, "https", 0));
	link_write(&l, "GET / HTTP/1.1\r\n\r\n", 18);
	if (link_read(&l, got, sizeof(got)))
		ck_assert_int_ne(memcmp(got, "HTTP/", 5), 0);
	link_close(&l);
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_ended_total{end=\"refused\",stage=\"tls\"}", 1));
	stop();
}
END_TEST

static void
copy_with_crlf_and_prose(const char *from, const char *to)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	int c;

	ck_assert(in != NULL && out != NULL);
	fputs("Bag Attributes\r\n    friendlyName: it\r\n", out);
	while ((c = getc(in)) != EOF) {
		if (c == '\n')
			putc('\r', out);
		putc(c, out);
	}
	fclose(in);
	fclose(out);
	chmod(to, 0600);
}

START_TEST(certificate_files_load_in_their_usual_forms)
{
	char path[3][320], options[1400];
	struct link l;

	for (int i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/form%d.pem", certs.dir,
		    i);
	ck_assert_int_eq(symlink(certs.chain, path[0]), 0);
	ck_assert_int_eq(symlink(certs.key, path[1]), 0);
	copy_with_crlf_and_prose(certs.both, path[2]);
	for (int i = 0; i < 3; i++) {
		const char *cert = i == 0 ? path[0]
		    : i == 1              ? certs.both
					  : path[2];

		snprintf(options, sizeof(options),
		    "--listen-tls 127.0.0.1:0 --cert %s%s%s", cert,
		    i == 0 ? " --key " : "", i == 0 ? path[1] : "");
		relay_start(&relay, options, 0);
		link_open(&l, relay_address(&relay, "https", 0));
		ck_assert(link_tls(&l, 12, 13, NULL, 0));
		link_login(&l, RK_CARRIER_RAW, 1);
		link_ping(&l);
		link_close(&l);
		stop();
	}
	for (int i = 0; i < 3; i++)
		unlink(path[i]);
}
END_TEST

/* A record that holds many frames, records that share a segment, cut at all
 * places relative to the reader's buffer: the Pong comes without more. */
START_TEST(nothing_stays_inside_the_tls_library)
{
	enum {
		PING_LEN = 13,
		NPINGS = 1200
	};
	uint8_t buf[3 + PING_LEN * NPINGS], got[8];
	struct link l;
	unsigned type;
	size_t len;

	start_tls(ALL_LISTENERS);
	link_open(&l, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&l, 12 + _i, 12 + _i, NULL, 0));
	link_login(&l, RK_CARRIER_RAW, 1);
	link_ping(&l);
	for (int i = 0; i < NPINGS; i++) {
		uint8_t *ping = buf + PING_LEN * i;

		memcpy(ping, "\x0c\0\0\0\x08", 5);
		memset(ping + 5, 0, 8);
		memcpy(ping + 5, &i, sizeof(i));
	}
	for (size_t n = 1; n <= NPINGS; n += n < 40 ? 1 : 83) {
		link_write(&l, buf, PING_LEN * n);
		for (size_t i = 0; i < n; i++) {
			ck_assert(link_recv(&l, &type, got, sizeof(got), &len));
			ck_assert_bytes(got, len, buf + PING_LEN * i + 5, 8);
		}
	}
	link_close(&l);
	stop();
}
END_TEST

START_TEST(connections_that_never_finish_tls_harm_no_other)
{
	static const uint8_t half_hello[] = { 22, 3, 1, 0, 200, 1, 0, 0, 196, 3,
		3, 1, 2, 3, 4 };
	struct link good, l;

	start_tls(ALL_LISTENERS);
	link_open(&good, relay_address(&relay, "https", 0));
	ck_assert(link_tls(&good, 12, 13, NULL, 0));
	link_login(&good, RK_CARRIER_RAW, 1);
	for (int i = 0; i < 600; i++) {
		link_open(&l, relay_address(&relay, "https", i & 1));
		if (i % 3 == 1)
			link_write(&l, half_hello, sizeof(half_hello));
		if (i % 3 == 2)
			link_write(&l, "garbage garbage", 15);
		if (i % 2 == 0)
			link_close(&l);
		else
			link_reset(&l);
		if (i % 10 == 0)
			link_ping(&good);
	}
	link_ping(&good);
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"tls\"}", 0));
	link_close(&good);
	stop();
}
END_TEST

/* ---- signals and options ---- */

START_TEST(a_signal_stops_in_good_order)
{
	struct link l[3];
	int status;

	start_tls(ALL_LISTENERS);
	for (int i = 0; i < 3; i++)
		open_way(&l[i], i + 1);
	link_login(&l[0], RK_CARRIER_RAW, 1);
	link_login(&l[1], RK_CARRIER_WS, 2);
	link_ping(&l[0]);
	link_ping(&l[1]);
	exchange(&l[0], 1, &l[1], 2, 100);
	kill(relay.pid, _i == 0 ? SIGTERM : SIGINT);
	for (int i = 0; i < 3; i++)
		ck_assert(link_ends(&l[i]));
	ck_assert_ptr_nonnull(strstr(relay_log(&relay), "end=shutdown"));
	status = relay_stop(&relay, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (int i = 0; i < 3; i++)
		link_close(&l[i]);
}
END_TEST

/* A receiver that never reads holds an orderly stop up. */
static void
stall(struct link *from, unsigned to_seed)
{
	static uint8_t packet[RK_KEY_LEN + 60000];
	struct rk_key key = seed_key(to_seed);

	memcpy(packet, key.b, RK_KEY_LEN);
	for (int i = 0; i < 400; i++)
		link_send(from, SEND, packet, sizeof(packet));
	link_ping(from);
}

START_TEST(a_second_signal_kills)
{
	struct link a, b;
	int status;

	start("--listen 127.0.0.1:0 --write-timeout 1h");
	link_open(&a, relay_address(&relay, "http", 0));
	link_open(&b, relay_address(&relay, "http", 0));
	link_login(&a, RK_CARRIER_RAW, 1);
	link_login(&b, RK_CARRIER_RAW, 2);
	link_ping(&b);
	stall(&a, 2);
	kill(relay.pid, SIGTERM);
	ck_assert(link_ends(&a));
	ck_assert_int_eq(kill(relay.pid, 0), 0);
	status = relay_stop(&relay, SIGTERM);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	link_close(&a);
	link_close(&b);
}
END_TEST

static const struct {
	const char *options;
	int status;
	const char *text;
} wrong[] = {
	{ "--frob", 2, "unknown option --frob" },
	{ "--listne 127.0.0.1:0", 2, "is --listen meant?" },
	{ "--listen", 2, "--listen needs a value" },
	{ "--listen nowhere", 1, "nowhere" },
	{ "--listen 127.0.0.1:99999", 1, "99999" },
	{ "--keepalive 5parsecs", 2, "--keepalive 5parsecs: not a duration" },
	{ "--keepalive 0s", 2, "10ms to 3600s" },
	{ "--queue-packets 0", 2, "from 1 to 1000000" },
	{ "--queue-packets -1", 2, "not a whole number" },
	{ "--generation 0.99", 2, "0.28, 0.35, both" },
	{ "--log-level loud", 2, "error, warn, info, debug" },
	{ "word", 2, "unexpected argument word" },
	{ "--listen-tls 127.0.0.1:0", 2, "needs --cert" },
	{ "--cert x", 2, "need --listen-tls" },
	{ "--plain-relay", 2, "--plain-relay needs --listen-tls" },
	{ "--dev --listen-tls 127.0.0.1:0 --cert x", 2, "--dev" },
	{ "--listen-tls 127.0.0.1:0 --cert /nonexistent.pem", 1,
	    "/nonexistent.pem" },
};

#define NWRONG ((int)(sizeof(wrong) / sizeof(wrong[0])))

/* Run to the end; stdout and stderr in |text|. */
static int
run(const char *options, struct text *text)
{
	char command[1024], buf[256];
	FILE *p;

	snprintf(command, sizeof(command), "'%s' %s 2>&1",
	    build_path("relayd/relayd"), options);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	while (fgets(buf, sizeof(buf), p) != NULL)
		text_add(text, buf);
	return WEXITSTATUS(pclose(p));
}

START_TEST(wrong_options_get_one_clear_line)
{
	struct text t;

	text_init(&t);
	ck_assert_int_eq(run(wrong[_i].options, &t), wrong[_i].status);
	ck_assert_msg(strstr(t.s, wrong[_i].text) != NULL, "%s", t.s);
	ck_assert_int_eq(strncmp(t.s, "relayd: ", 8), 0);
	ck_assert_ptr_eq(strchr(t.s, '\n'), t.s + t.len - 1);
	text_clear(&t);
}
END_TEST

START_TEST(help_fits_a_screen)
{
	size_t lines = 0, column = 0;
	struct text t;

	text_init(&t);
	ck_assert_int_eq(run("--help", &t), 0);
	for (const char *p = t.s; *p != '\0'; p++) {
		column = *p == '\n' ? 0 : column + 1;
		lines += *p == '\n';
		ck_assert_uint_lt(column, 80);
	}
	ck_assert_uint_le(lines, 24);
	text_reset(&t);
	ck_assert_int_eq(run("--version", &t), 0);
	ck_assert_ptr_nonnull(strstr(t.s, PACKAGE_VERSION));
	text_clear(&t);
}
END_TEST

/* Of "  --name ARG   text (default)" the name, and the default or "". */
static bool
parse_help_line(const char *line, char name[32], char value[32])
{
	const char *open = strchr(line, '(');
	size_t end = strcspn(line, "\n");

	value[0] = '\0';
	if (sscanf(line, "  --%31[a-z-]", name) != 1)
		return false;
	if (open != NULL && open < line + end)
		sscanf(open + 1, "%31[^)]", value);
	return true;
}

START_TEST(the_manual_has_every_option_and_default)
{
	char name[32], value[32], item[64];
	struct text help, manual;
	int options = 0, c;
	FILE *f = fopen(source_path("man/relayd.8"), "r");

	text_init(&help);
	text_init(&manual);
	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		text_add_n(&manual, &(char){ (char)c }, 1);
	fclose(f);
	ck_assert_int_eq(run("--help", &help), 0);
	for (const char *line = help.s; *line != '\0';
	     line += strcspn(line, "\n") + 1) {
		const char *at, *next;

		if (!parse_help_line(line, name, value) ||
		    strcmp(name, "help") == 0)
			continue;
		options++;
		snprintf(item, sizeof(item), ".It Fl -%s", name);
		at = strstr(manual.s, item);
		ck_assert_msg(at != NULL, "no %s in relayd.8", item);
		next = strstr(at + 1, "\n.It ");
		at = strstr(at, value);
		ck_assert_msg(at != NULL && at < next,
		    "no default %s of --%s in relayd.8", value, name);
	}
	ck_assert_int_gt(options, 10);
	text_clear(&help);
	text_clear(&manual);
}
END_TEST

START_TEST(an_address_in_use_is_named)
{
	struct text t;
	char options[128];

	start("--listen 127.0.0.1:0");
	snprintf(options, sizeof(options), "--listen %s",
	    relay_address(&relay, "http", 0));
	text_init(&t);
	ck_assert_int_eq(run(options, &t), 1);
	ck_assert_ptr_nonnull(strstr(t.s, relay_address(&relay, "http", 0)));
	ck_assert_ptr_nonnull(strstr(t.s, "in use"));
	text_clear(&t);
	stop();
}
END_TEST

/* ---- hard clients ---- */

START_TEST(resets_while_it_writes_do_not_kill_it)
{
	struct link flood, l;

	start_tls(ALL_LISTENERS);
	link_open(&flood, relay_address(&relay, "http", 0));
	link_login(&flood, RK_CARRIER_RAW, 1);
	for (int i = 0; i < 300; i++) {
		static uint8_t packet[RK_KEY_LEN + 20000];
		struct rk_key key = seed_key(2);

		open_way(&l, i % NWAYS);
		link_login(&l, (enum rk_carrier)(i & 1), 2);
		link_ping(&l);
		memcpy(packet, key.b, RK_KEY_LEN);
		for (int k = 0; k < 5; k++)
			link_send(&flood, SEND, packet, sizeof(packet));
		link_reset(&l);
	}
	for (int i = 0; i < 50; i++) {
		link_open(&l, relay_address(&relay, "metrics", 0));
		link_write(&l, "GET / HTTP/1.1\r\n\r\n", 18);
		link_reset(&l);
	}
	link_ping(&flood);
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"open\"}", 1));
	ck_assert_int_gt(relay_metric(&relay,
			     "relayd_ended_total{end=\"reset\",stage="
			     "\"open\"}"),
	    0);
	link_close(&flood);
	stop();
}
END_TEST

START_TEST(a_log_that_nobody_reads_any_more_is_no_reason_to_die)
{
	int status;
	struct link l;

	relay_start_piped(&relay,
	    "--listen 127.0.0.1:0 --metrics 127.0.0.1:0 --log-level debug");
	for (int i = 0; i < 20; i++) {
		link_open(&l, relay_address(&relay, "http", 0));
		link_login(&l, RK_CARRIER_RAW, 1);
		link_ping(&l);
		link_close(&l);
	}
	ck_assert_int_eq(relay_metric(&relay, "relayserver_accepts_total"), 20);
	status = relay_stop(&relay, SIGTERM);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(whoever_goes_in_silence_leaves_the_table)
{
	enum {
		N = 600
	};
	struct rk_key key = seed_key(17);
	uint8_t packet[RK_KEY_LEN + 1];
	struct link *l = xcalloc(N, sizeof(*l)), b;

	start_tls(ALL_LISTENERS);
	for (int i = 0; i < N; i++) {
		open_way(&l[i], i % NWAYS);
		link_login(&l[i], (enum rk_carrier)(i & 1), (unsigned)i + 10);
		link_ping(&l[i]);
	}
	ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), N);
	for (int i = 0; i < N; i++) {
		if (i % 3 == 0)
			link_reset(&l[i]);
		else
			link_close(&l[i]);
	}
	ck_assert(relay_metric_becomes(&relay, "relayd_clients", 0));
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"open\"}", 0));
	open_way(&b, 0);
	link_login(&b, RK_CARRIER_RAW, 1);
	memcpy(packet, key.b, RK_KEY_LEN);
	link_send(&b, SEND, packet, sizeof(packet));
	link_ping(&b);
	ck_assert_int_eq(relay_metric(&relay,
			     "relayserver_send_packets_dropped_total"),
	    1);
	link_close(&b);
	free(l);
	stop();
}
END_TEST

START_TEST(a_thousand_logins_with_one_key_leave_one)
{
	enum {
		N = 1000
	};
	struct link *l = xcalloc(N, sizeof(*l));
	struct rlimit limit = { 4096, 4096 };

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &limit);
	start_tls(ALL_LISTENERS);
	for (int i = 0; i < N; i++) {
		open_way(&l[i], i & 1);
		link_login(&l[i], RK_CARRIER_RAW, 1);
	}
	link_ping(&l[N - 1]);
	ck_assert_int_eq(relay_metric(&relay,
			     "relayd_ended_total{end=\"replaced\",stage="
			     "\"open\"}"),
	    N - 1);
	ck_assert_int_eq(relay_metric(&relay,
			     "relayd_connections{stage=\"open\"}"),
	    1);
	for (int i = 0; i < N; i++)
		link_close(&l[i]);
	free(l);
	stop();
}
END_TEST

static long
cpu_ms(pid_t pid)
{
	char path[64];
	long ticks = 0, user, sys;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	if (fscanf(f,
		"%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
		&user, &sys) == 2)
		ticks = user + sys;
	fclose(f);
	return ticks * 1000 / sysconf(_SC_CLK_TCK);
}

START_TEST(without_descriptors_it_waits_and_says_so_once)
{
	enum {
		N = 100
	};
	struct link good, idle[N], l;
	long before;
	const char *log, *said;

	relay_start(&relay, "--listen 127.0.0.1:0 --metrics 127.0.0.1:0", 64);
	link_open(&good, relay_address(&relay, "http", 0));
	link_login(&good, RK_CARRIER_RAW, 1);
	link_ping(&good);
	for (int i = 0; i < N; i++)
		link_open(&idle[i], relay_address(&relay, "http", 0));
	before = cpu_ms(relay.pid);
	for (int i = 0; i < 20; i++) {
		link_ping(&good);
		usleep(50000); /* a second in which it could spin */
	}
	ck_assert_int_lt(cpu_ms(relay.pid) - before, 300);
	ck_assert_int_ge(relay_metric(&relay, "relayserver_accepts_total"), 1);
	for (int i = 0; i < N; i++)
		link_close(&idle[i]);
	link_open(&l, relay_address(&relay, "http", 0));
	link_login(&l, RK_CARRIER_RAW, 2);
	link_ping(&l);
	link_close(&l);
	link_close(&good);
	log = relay_log(&relay);
	said = strstr(log, "accept-paused");
	ck_assert_ptr_nonnull(said);
	ck_assert_ptr_null(strstr(said + 1, "accept-paused"));
	stop();
}
END_TEST

/* ---- bulk ---- */

struct bulk {
	struct link *from;
	int packets;
	size_t size;
};

/* The bytes of a packet are a function of its number. */
static void *
write_bulk(void *arg)
{
	const struct bulk *bulk = arg;
	uint8_t *packet = xmalloc(RK_KEY_LEN + bulk->size);
	struct rk_key key = seed_key(2);

	memcpy(packet, key.b, RK_KEY_LEN);
	for (int i = 0; i < bulk->packets; i++) {
		uint64_t state = (uint64_t)i;

		test_fill(&state, packet + RK_KEY_LEN, bulk->size);
		link_send(bulk->from, SEND, packet, RK_KEY_LEN + bulk->size);
	}
	free(packet);
	return NULL;
}

/* Rest |pause| times on the way. */
static void
pass_bulk(struct link *a, struct link *b, int packets, size_t size, int pauses)
{
	static uint8_t packet[RK_KEY_LEN + 65536], got[RK_KEY_LEN + 65536];
	struct bulk bulk = { a, packets, size };
	struct rk_key key = seed_key(1);
	pthread_t writer;

	ck_assert_int_eq(pthread_create(&writer, NULL, write_bulk, &bulk), 0);
	memcpy(packet, key.b, RK_KEY_LEN);
	for (int i = 0; i < packets; i++) {
		uint64_t state = (uint64_t)i;
		unsigned type;
		size_t len;

		if (pauses > 0 && i % (packets / pauses) == 0)
			usleep(20000);
		test_fill(&state, packet + RK_KEY_LEN, size);
		ck_assert(link_recv(b, &type, got, sizeof(got), &len));
		ck_assert_uint_eq(type, RECV);
		ck_assert_bytes(got, len, packet, RK_KEY_LEN + size);
	}
	pthread_join(writer, NULL);
}

START_TEST(bulk_arrives_whole_and_in_order)
{
	static const struct {
		int way;
		enum rk_carrier carrier;
	} rows[] = { { 0, RK_CARRIER_RAW }, { 0, RK_CARRIER_WS },
		{ 2, RK_CARRIER_RAW }, { 3, RK_CARRIER_WS } };
	struct link a, b;

	/* Queues that hold all of it, so that nothing may be lost. */
	start_tls(
	    ALL_LISTENERS " --queue-bytes 200000000 --queue-packets 100000");
	open_way(&a, rows[_i].way);
	open_way(&b, rows[_i].way);
	link_login(&a, rows[_i].carrier, 1);
	link_login(&b, rows[_i].carrier, 2);
	link_ping(&b);
	pass_bulk(&a, &b, 800, 65502, 0);
	pass_bulk(&a, &b, 5000, 1200, 0);
	pass_bulk(&a, &b, 10000, 1, 0);
	/* A reader that is slow at times: what waits is moved and resumed. */
	pass_bulk(&a, &b, 300, 65502, 15);
	link_ping(&a);
	link_ping(&b);
	link_close(&a);
	link_close(&b);
	stop();
}
END_TEST

static void
add(Suite *s, TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("relayd process");
	TCase *ways_case = tcase_create("ways"),
	      *run_case = tcase_create("run");
	TCase *hard = tcase_create("hard");

	tcase_add_test(ways_case, clients_meet_over_every_way_and_carrier);
	tcase_add_test(ways_case, only_what_is_named_is_opened_and_said);
	tcase_add_test(ways_case, beside_tls_the_plain_listener_does_not_relay);
	tcase_add_test(ways_case, whatever_alpn_is_offered_the_upgrade_works);
	tcase_add_test(ways_case,
	    plain_http_on_the_tls_port_gets_no_http_answer);
	tcase_add_test(ways_case, certificate_files_load_in_their_usual_forms);
	tcase_add_loop_test(ways_case, nothing_stays_inside_the_tls_library, 0,
	    2);
	tcase_add_test(ways_case,
	    connections_that_never_finish_tls_harm_no_other);
	add(s, ways_case);
	tcase_add_loop_test(run_case, a_signal_stops_in_good_order, 0, 2);
	tcase_add_test(run_case, a_second_signal_kills);
	tcase_add_loop_test(run_case, wrong_options_get_one_clear_line, 0,
	    NWRONG);
	tcase_add_test(run_case, help_fits_a_screen);
	tcase_add_test(run_case, the_manual_has_every_option_and_default);
	tcase_add_test(run_case, an_address_in_use_is_named);
	add(s, run_case);
	tcase_add_test(hard, resets_while_it_writes_do_not_kill_it);
	tcase_add_test(hard,
	    a_log_that_nobody_reads_any_more_is_no_reason_to_die);
	tcase_add_test(hard, whoever_goes_in_silence_leaves_the_table);
	tcase_add_test(hard, a_thousand_logins_with_one_key_leave_one);
	tcase_add_test(hard, without_descriptors_it_waits_and_says_so_once);
	tcase_add_loop_test(hard, bulk_arrives_whole_and_in_order, 0, 4);
	add(s, hard);
	return run_suite(s);
}
