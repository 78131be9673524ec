/*
 * Clients that are a nuisance, one kind after the other, and two that are
 * not: these lose nothing and wait for nobody, and when it is over memory
 * and descriptors are as they were.  RELAYKIT_ABUSE=10 does ten times as
 * much ("make abuse").
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "relayd_process.h"
#include "support.h"

#define LISTENERS                                                              \
	"--listen 127.0.0.1:0 --listen-tls 127.0.0.1:0 --metrics "             \
	"127.0.0.1:0 --plain-relay "
#ifdef __SANITIZE_ADDRESS__ /* whose memory is another matter */
#define SANITIZED 1
#else
#define SANITIZED 0
#endif
#define MANY 100 /* nuisances of a kind, times RELAYKIT_ABUSE */

static struct link a, b; /* who are not */
static uint32_t trips;   /* packets that one of them got from the other */
static long most_kb;
static int most_fds;

/* ---- what shall come back */

static int
descriptors(void)
{
	char path[64];
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)relay.pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static long
memory_kb(void)
{
	char path[64], line[128];
	long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/status", (long)relay.pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(f);
	return kb;
}

static void
look_at_it(void)
{
	long kb = memory_kb();
	int fds = descriptors();

	if (kb > most_kb)
		most_kb = kb;
	if (fds > most_fds)
		most_fds = fds;
}

/* ---- the bystanders */

static void
pass(struct link *from, struct link *to, unsigned to_seed)
{
	uint8_t packet[RK_KEY_LEN + 200] = { 0 }, got[RK_KEY_LEN + 200];
	struct rk_key key = seed_key(to_seed);
	unsigned type;
	size_t len;

	trips++;
	memcpy(packet, key.b, RK_KEY_LEN);
	memcpy(packet + RK_KEY_LEN, &trips, sizeof(trips));
	link_send(from, SEND, packet, sizeof(packet));
	ck_assert(link_recv(to, &type, got, sizeof(got), &len));
	ck_assert_uint_eq(type, RECV);
	ck_assert_bytes(got + RK_KEY_LEN, len - RK_KEY_LEN, packet + RK_KEY_LEN,
	    200);
	if (trips % 32 == 0)
		look_at_it();
}

/* There and back; what is lost ends the test. */
static void
trip(void)
{
	pass(&a, &b, 2);
	pass(&b, &a, 1);
}

static void
expect_descriptors(int n)
{
	int64_t until = clock_mono_ns() + 20 * NS_PER_S;

	while (descriptors() != n) {
		ck_assert_msg(clock_mono_ns() < until, "%d descriptors, not %d",
		    descriptors(), n);
		trip();
		usleep(5000);
	}
}

/* Back to where it was, but for what stays at hand. */
static void
expect_memory(long kb)
{
	int64_t until = clock_mono_ns() + 20 * NS_PER_S;

	while (!SANITIZED && memory_kb() > kb) {
		ck_assert_msg(clock_mono_ns() < until, "%ld kB, not %ld",
		    memory_kb(), kb);
		trip();
		usleep(5000);
	}
}

/* ---- the nuisances; |n| of them, all gone at the end */

static struct link *l; /* of this kind */

static void
open_all(int n, const char *kind)
{
	for (int i = 0; i < n; i++) {
		link_open(&l[i], relay_address(&relay, kind, 0));
		if (i % 16 == 0)
			trip();
	}
	look_at_it();
}

static void
close_all(int n, bool reset)
{
	for (int i = 0; i < n; i++) {
		if (reset)
			link_reset(&l[i]);
		else
			link_close(&l[i]);
	}
}

/* Bytes that the relay may have no mind to take any more. */
static void
push(struct link *to, const void *p, size_t len)
{
	(void)!send(to->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
drip_heads(int n)
{
	static const char head[] = "GET /relay HTTP/1.1\r\nx: ";

	open_all(n, "http");
	for (size_t k = 0; k < sizeof(head) - 1; k++) {
		for (int i = 0; i < n; i++)
			push(&l[i], &head[k], 1);
		trip();
	}
	/* More of it is no excuse: each is ended in its time. */
	for (int i = 0; i < n; i++) {
		while (!link_ends(&l[i]))
			;
		if (i % 16 == 0)
			trip();
	}
	close_all(n, false);
}

static void
stay_silent(int n)
{
	open_all(n, "http");
	close_all(n, true);
	open_all(n, "https");
	close_all(n, false);
}

static void
break_off_in_hello(int n)
{
	static const uint8_t hello[] = { 22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3 };

	open_all(n, "https");
	for (int i = 0; i < n; i++)
		push(&l[i], hello, 1 + (size_t)i % sizeof(hello));
	trip();
	close_all(n, true);
}

static void
reset_in_mid_frame(int n)
{
	static const uint8_t raw[] = { SEND, 0, 1, 0, 32, 1, 2, 3 };
	static const uint8_t ws[] = { 0x82, 0xfe, 16, 0, 1, 2, 3, 4, SEND };

	for (int i = 0; i < n; i++) {
		bool tls = i % 3 == 2, is_ws = i % 2 == 1;

		link_open(&l[i],
		    relay_address(&relay, tls ? "https" : "http", 0));
		if (tls)
			ck_assert(link_tls(&l[i], 12, 13, NULL, 0));
		link_login(&l[i], is_ws ? RK_CARRIER_WS : RK_CARRIER_RAW,
		    (unsigned)i + 10);
		link_write(&l[i], is_ws ? ws : raw,
		    is_ws ? sizeof(ws) : sizeof(raw));
		link_reset(&l[i]);
		if (i % 8 == 0)
			trip();
	}
}

static void
send_garbage(int n)
{
	uint8_t junk[600];
	uint64_t state = 7;

	for (int i = 0; i < n; i++) {
		link_open(&l[i],
		    relay_address(&relay, i % 4 == 3 ? "https" : "http", 0));
		if (i % 4 == 1)
			link_login(&l[i], RK_CARRIER_RAW, (unsigned)i + 10);
		if (i % 4 == 2)
			link_login(&l[i], RK_CARRIER_WS, (unsigned)i + 10);
		test_fill(&state, junk, sizeof(junk));
		push(&l[i], junk, sizeof(junk));
		if (i % 8 == 0)
			trip();
	}
	close_all(n, false);
}

/* All that a login says, at one go; nobody listens to the answer. */
static void
log_in_blindly(struct link *to, unsigned seed)
{
	struct rk_login_params params = { .carrier = RK_CARRIER_RAW };
	const struct rk_dialect *d = rk_dialects()[0];
	uint8_t buf[512], seeds[RK_SEED_LEN] = { 0 };
	struct rk_secret_key secret;
	struct rk_login login;
	struct rk_writer w;

	memcpy(seeds, &seed, sizeof(seed));
	rk_secret_key_from_seed(&secret, seeds);
	params.secret = &secret;
	rk_writer_init(&w, buf, sizeof(buf));
	rk_upgrade_write_request(d, RK_CARRIER_RAW, NULL, "h", NULL, &w);
	rk_login_init(&login, d, RK_CLIENT, &params);
	ck_assert_int_eq(rk_login_start(&login, &w), RK_OK);
	link_write(to, buf, w.len);
}

static void
log_in_by_the_thousand(int n)
{
	n *= 10;
	open_all(n, "http");
	for (int i = 0; i < n; i++) {
		log_in_blindly(&l[i], (unsigned)i + 10);
		if (i % 64 == 0)
			trip();
	}
	ck_assert(relay_metric_becomes(&relay, "relayd_clients", n + 2));
	for (int i = 0; i < 200; i++)
		trip();
	close_all(n, false);
	ck_assert(relay_metric_becomes(&relay, "relayd_clients", 2));
}

/* To nobody, and to one that never reads. */
static void
flood(int n)
{
	static uint8_t packet[RK_KEY_LEN + 8192];
	struct link from, deaf;
	struct rk_key key[2] = { seed_key(4), seed_key(5) };

	link_open(&from, relay_address(&relay, "http", 0));
	link_open(&deaf, relay_address(&relay, "http", 0));
	link_login(&from, RK_CARRIER_RAW, 3);
	link_login(&deaf, RK_CARRIER_RAW, 4);
	link_ping(&deaf);
	for (int i = 0; i < 20 * n; i++) {
		memcpy(packet, key[i & 1].b, RK_KEY_LEN);
		link_send(&from, SEND, packet, sizeof(packet));
		if (i % 64 == 0)
			trip();
	}
	link_ping(&from);
	ck_assert_int_gt(relay_metric(&relay,
			     "relayd_queue_dropped_total{queue=\"packets\"}"),
	    0);
	/* The deaf one goes, for its own fault. */
	ck_assert(relay_metric_becomes(&relay, "relayd_clients", 3));
	ck_assert_int_gt(relay_metric(&relay, "relayd_write_timeouts_total"),
	    0);
	trip();
	link_close(&from);
	link_close(&deaf);
}

/* To some that never read and then leave: fewer of them than a crowd. */
static void
leave_a_backlog(int n)
{
	enum {
		DEAF = 20,
		EACH = 700
	};
	static uint8_t packet[RK_KEY_LEN + 1200];
	struct link from;

	link_open(&from, relay_address(&relay, "http", 0));
	link_login(&from, RK_CARRIER_RAW, 3);
	open_all(DEAF, "http");
	for (int i = 0; i < DEAF; i++) {
		link_login(&l[i], (enum rk_carrier)(i & 1), (unsigned)i + 10);
		link_ping(&l[i]);
	}
	for (int i = 0; i < DEAF * EACH; i++) {
		struct rk_key key = seed_key((unsigned)(i % DEAF) + 10);

		memcpy(packet, key.b, RK_KEY_LEN);
		link_send(&from, SEND, packet, sizeof(packet));
		if (i % 64 == 0)
			trip();
	}
	link_ping(&from);
	look_at_it();
	close_all(DEAF, false);
	link_close(&from);
}

/* One request behind the other, and the answers are left. */
static void
ask_and_never_read(int n)
{
	enum {
		DEAF = 50,
		ROUNDS = 40
	};
	static const char request[] = "GET / HTTP/1.1\r\n\r\n";
	char requests[1000 * (sizeof(request) - 1)];

	for (size_t i = 0; i < sizeof(requests); i++)
		requests[i] = request[i % (sizeof(request) - 1)];
	open_all(DEAF / 2, "http");
	l += DEAF / 2;
	open_all(DEAF / 2, "metrics");
	l -= DEAF / 2;
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < DEAF; i++)
			push(&l[i], requests, sizeof(requests));
		trip();
	}
	look_at_it();
	close_all(DEAF, false);
}

static const struct {
	const char *name;
	void (*run)(int n);
	const char *options;
	int rounds;
} kinds[] = {
	{ "drip_heads", drip_heads, "--head-timeout 1500ms", 1 },
	{ "stay_silent", stay_silent, "", 2 },
	{ "break_off_in_hello", break_off_in_hello, "", 2 },
	{ "reset_in_mid_frame", reset_in_mid_frame, "", 2 },
	{ "send_garbage", send_garbage, "", 2 },
	{ "log_in_by_the_thousand", log_in_by_the_thousand, "", 2 },
	{ "flood", flood, "--queue-bytes 200000 --write-timeout 500ms", 2 },
	{ "ask_and_never_read", ask_and_never_read, "", 1 },
	{ "leave_a_backlog", leave_a_backlog, "--write-timeout 1m", 1 },
};

/* ---- */

static int
factor(void)
{
	const char *text = getenv("RELAYKIT_ABUSE");
	int n = text != NULL ? atoi(text) : 0;

	return n > 0 ? n : 1;
}

/* As many descriptors as we may have, for both. */
static bool
has_descriptors(rlim_t n)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= n;
}

static void
begin(void)
{
	link_open(&a, relay_address(&relay, "http", 0));
	link_open(&b, relay_address(&relay, "http", 0));
	link_login(&a, RK_CARRIER_RAW, 1);
	link_login(&b, RK_CARRIER_WS, 2);
	link_ping(&a);
	link_ping(&b);
	trip();
}

START_TEST(a_nuisance_is_nobody_elses)
{
	int n = MANY * factor(), fds;
	char options[256];
	long before;

	if (!has_descriptors((rlim_t)n * 10 + 64)) {
		test_skip("%s: fewer than %d descriptors", kinds[_i].name,
		    n * 10 + 64);
		return;
	}
	l = xcalloc((size_t)n * 10, sizeof(*l));
	snprintf(options, sizeof(options), LISTENERS "%s", kinds[_i].options);
	start_tls(options);
	begin();
	fds = descriptors();
	before = memory_kb();
	look_at_it();
	for (int round = 0; round < kinds[_i].rounds; round++) {
		kinds[_i].run(n);
		expect_descriptors(fds);
	}
	ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), 2);
	/* With time for it what is free goes to the system as well. */
	expect_memory(before + ((factor() > 1 ? 3 : 6) << 10));
	expect_descriptors(fds);
	printf("# %s: %u packets of the others sent and received; memory %ld, "
	       "at most %ld, then %ld kB; descriptors %d, at most %d, then "
	       "%d\n",
	    kinds[_i].name, trips, before, most_kb, memory_kb(), fds, most_fds,
	    descriptors());
	fflush(stdout);
	link_close(&a);
	link_close(&b);
	free(l);
	stop();
}
END_TEST

START_TEST(without_descriptors_clients_go_on)
{
	enum {
		MAX_FDS = 64,
		N = 150
	};
	struct link extra;
	int fds;

	l = xcalloc(N, sizeof(*l));
	relay_start(&relay,
	    "--listen 127.0.0.1:0 --metrics 127.0.0.1:0 --head-timeout 1m",
	    MAX_FDS);
	begin();
	fds = descriptors();
	for (int round = 0; round < 2; round++) {
		open_all(N, "http");
		for (int i = 0; i < 200; i++)
			trip();
		ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), 2);
		close_all(N, round == 1);
		link_open(&extra, relay_address(&relay, "http", 0));
		link_login(&extra, RK_CARRIER_RAW, 3);
		link_ping(&extra);
		link_close(&extra);
		expect_descriptors(fds);
	}
	link_close(&a);
	link_close(&b);
	free(l);
	stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd abused");
	TCase *tc = tcase_create("abuse");

	tcase_add_checked_fixture(tc, process_setup, process_teardown);
	tcase_set_timeout(tc, 300);
	tcase_add_rows(tc, a_nuisance_is_nobody_elses, kinds);
	tcase_add_test(tc, without_descriptors_clients_go_on);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
