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

/* ---- carriers, addresses, TLS ---- */

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

START_TEST(the_log_says_that_it_has_started_and_stopped)
{
	siginfo_t info;
	struct link l;

	start("--listen 127.0.0.1:0 --threads 3");
	link_open(&l, relay_address(&relay, "http", 0));
	link_login(&l, RK_CARRIER_RAW, 1);
	link_ping(&l); /* it runs */
	ck_assert_ptr_nonnull(strstr(relay_log(&relay),
	    "relayd: info started version=" PACKAGE_VERSION " threads=3\n"));
	link_close(&l);
	kill(relay.pid, SIGTERM);
	ck_assert_int_eq(waitid(P_PID, (id_t)relay.pid, &info,
			     WEXITED | WNOWAIT),
	    0);
	ck_assert_ptr_nonnull(
	    strstr(relay_log(&relay), "relayd: info stopped\n"));
	stop();
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
	{ "--listen nowhere", 2, "--listen nowhere: not ADDR:PORT" },
	{ "--listen 127.0.0.1:99999", 2, "99999" },
	{ "--stun ::1", 2, "--stun ::1: not ADDR:PORT, such as" },
	{ "--keepalive 5parsecs", 2, "--keepalive 5parsecs: not a duration" },
	{ "--keepalive 0s", 2, "10ms to 3600s" },
	{ "--queue-packets 0", 2, "from 1 to 1000000" },
	{ "--queue-packets -1", 2, "not a whole number" },
	{ "--generation 0.99", 2, "0.28, 0.35, both" },
	{ "--log-level loud", 2, "error, warn, info, debug" },
	{ "word", 2, "unexpected argument word" },
	{ "--listen-tls 127.0.0.1:0", 2, "needs --cert" },
	{ "--cert x", 2, "--cert needs --listen-tls" },
	{ "--plain-relay", 2, "--plain-relay needs --listen-tls" },
	{ "--dev --listen-tls 127.0.0.1:0 --cert x", 2, "--dev" },
	{ "--listen-tls 127.0.0.1:0 --cert /nonexistent.pem", 1,
	    "relayd: certificate /nonexistent.pem" },
};

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

START_TEST(a_key_that_was_not_named_is_asked_for)
{
	char options[400];
	struct text t;

	text_init(&t);
	snprintf(options, sizeof(options), "--listen-tls 127.0.0.1:0 --cert %s",
	    certs.chain);
	ck_assert_int_eq(run(options, &t), 1);
	ck_assert_msg(strstr(t.s, "unless --key names another") != NULL, "%s",
	    t.s);
	text_clear(&t);
}
END_TEST

START_TEST(without_its_threads_it_is_not_ready)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	test_skip("the sanitizer needs all of the address space");
#else
	char command[512], line[256] = "";
	FILE *p;

	snprintf(command, sizeof(command),
	    "ulimit -v 200000; exec '%s' --listen 127.0.0.1:0 --threads 64 "
	    "2>&1",
	    build_path("relayd/relayd"));
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
	ck_assert_msg(strstr(line, "relayd: cannot start thread ") == line,
	    "%s", line);
	ck_assert_ptr_null(fgets(line, sizeof(line), p));
	ck_assert_int_eq(WEXITSTATUS(pclose(p)), 1);
#endif
}
END_TEST

/* It serves all the same: a log that is full is no reason to stop. */
START_TEST(that_nobody_hears_it_is_ready_is_said)
{
	char command[512], line[256];
	FILE *p;
	int pid;

	if (access("/dev/full", W_OK) != 0) {
		test_skip("there is no /dev/full");
		return;
	}
	snprintf(command, sizeof(command),
	    "echo $$; exec '%s' --listen 127.0.0.1:0 2>&1 >/dev/full",
	    build_path("relayd/relayd"));
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
	pid = atoi(line);
	ck_assert_int_gt(pid, 0);
	do
		ck_assert_ptr_nonnull(fgets(line, sizeof(line), p));
	while (strstr(line, "sandbox=none") != NULL);
	ck_assert_str_eq(line,
	    "relayd: cannot write to stdout: No space left on device\n");
	ck_assert_int_eq(kill(pid, SIGTERM), 0);
	while (fgets(line, sizeof(line), p) != NULL)
		;
	ck_assert_int_eq(WEXITSTATUS(pclose(p)), 0);
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

/* A line of --help-all: "  --name ARG   text (default)". */
struct help_line {
	char name[32];
	char arg[32];   /* "": none */
	char value[32]; /* "": none */
};

static bool
parse_help_line(const char *line, struct help_line *h)
{
	const char *open = strchr(line, '(');
	size_t end = strcspn(line, "\n");

	*h = (struct help_line){ 0 };
	if (sscanf(line, "  --%31[a-z-] %31[^ \n]", h->name, h->arg) < 1 ||
	    strcmp(h->name, "help") == 0)
		return false;
	if (line[4 + strlen(h->name) + 1] == ' ') /* that is the text */
		h->arg[0] = '\0';
	if (open != NULL && open < line + end)
		sscanf(open + 1, "%31[^)]", h->value);
	return true;
}

/* The manual's head of it: one word of several stands there with blanks. */
static void
write_item(const struct help_line *h, struct text *item)
{
	bool words = strchr(h->arg, '|') != NULL;

	text_addf(item, ".It Fl -%s%s", h->name,
	    h->arg[0] == '\0' ? ""
		: words       ? " Cm "
			      : " Ar ");
	for (const char *s = h->arg; *s != '\0'; s++) {
		if (*s == '|')
			text_add(item, " | ");
		else
			text_add_n(item, s, 1);
	}
	text_add(item, "\n");
}

/* "(65s)" or "(64 bytes …", but not "(165s)" nor "(65secs)". */
static bool
has_default(const char *item, const char *end, const char *value)
{
	size_t len = strlen(value);

	for (const char *at = item; (at = strchr(at, '(')) != NULL && at < end;
	     at++)
		if (strncmp(at + 1, value, len) == 0 &&
		    strchr(") ", at[1 + len]) != NULL)
			return true;
	return len == 0;
}

static void
expect_in_manual(const char *manual, const struct help_line *h)
{
	const char *at;
	struct text item;

	text_init(&item);
	write_item(h, &item);
	at = strstr(manual, text_str(&item));
	ck_assert_msg(at != NULL, "no %s in relayd.8", text_str(&item));
	ck_assert_msg(has_default(at, strstr(at + 1, "\n.It "), h->value),
	    "no default (%s) of --%s in relayd.8", h->value, h->name);
	text_clear(&item);
}

START_TEST(the_manual_has_every_option_its_value_and_its_default)
{
	struct text help, manual;
	struct help_line h;
	int options = 0, c;
	FILE *f = fopen(source_path("man/relayd.8"), "r");

	text_init(&help);
	text_init(&manual);
	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		text_add_n(&manual, &(char){ (char)c }, 1);
	fclose(f);
	ck_assert_int_eq(run("--help-all", &help), 0);
	for (const char *line = help.s; *line != '\0';
	     line += strcspn(line, "\n") + 1) {
		if (!parse_help_line(line, &h))
			continue;
		options++;
		expect_in_manual(manual.s, &h);
	}
	ck_assert_int_gt(options, 40);
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

static void
add(Suite *s, TCase *tc)
{
	tcase_add_checked_fixture(tc, process_setup, process_teardown);
	tcase_set_timeout(tc, 120);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("relayd process");
	TCase *ways_case = tcase_create("ways"),
	      *run_case = tcase_create("run");

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
	tcase_add_test(run_case, the_log_says_that_it_has_started_and_stopped);
	tcase_add_test(run_case, a_second_signal_kills);
	tcase_add_rows(run_case, wrong_options_get_one_clear_line, wrong);
	tcase_add_test(run_case, a_key_that_was_not_named_is_asked_for);
	tcase_add_test(run_case, without_its_threads_it_is_not_ready);
	tcase_add_test(run_case, that_nobody_hears_it_is_ready_is_said);
	tcase_add_test(run_case, help_fits_a_screen);
	tcase_add_test(run_case,
	    the_manual_has_every_option_its_value_and_its_default);
	tcase_add_test(run_case, an_address_in_use_is_named);
	add(s, run_case);
	return run_suite(s);
}
