/* relayd under clients that misbehave, leave, stall or send in bulk. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/xalloc.h"
#include "relayd_process.h"
#include "support.h"

START_TEST(resets_while_it_writes_do_not_kill_it)
{
	enum {
		N = 300
	};
	struct link flood, l;

	start_tls(ALL_LISTENERS);
	link_open(&flood, relay_address(&relay, "http", 0));
	link_login(&flood, RK_CARRIER_RAW, 1);
	for (int i = 0; i < N; i++) {
		static uint8_t packet[RK_KEY_LEN + 20000];
		unsigned seed = (unsigned)i + 2;
		struct rk_key key = seed_key(seed);

		open_way(&l, i % NWAYS);
		link_login(&l, (enum rk_carrier)(i & 1), seed);
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
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_ended_total{end=\"reset\",stage=\"open\"}", N));
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

/* Connections that never get further, of each kind. */
enum {
	SILENT,
	HALF_HEAD,
	NO_LOGIN,
	SILENT_TLS,
	HALF_HELLO,
	NSTALLS
};

static void
stall_at(struct link *l, int kind)
{
	static const uint8_t hello[] = { 22, 3, 1, 0, 200, 1, 0, 0, 196, 3 };

	link_open(l,
	    relay_address(&relay, kind >= SILENT_TLS ? "https" : "http", 0));
	if (kind == HALF_HEAD)
		link_write(l, "GET /relay HTT", 14);
	if (kind == NO_LOGIN)
		link_write(l,
		    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n\r\n",
		    48);
	if (kind == HALF_HELLO)
		link_write(l, hello, sizeof(hello));
}

/* What is open must be what the gauge says. */
static long
gauge(void)
{
	static const char *const stages[] = { "tcp", "tls", "http", "login",
		"open" };
	long sum = 0;

	for (int i = 0; i < 5; i++) {
		char sample[64];

		snprintf(sample, sizeof(sample),
		    "relayd_connections{stage=\"%s\"}", stages[i]);
		sum += relay_metric(&relay, sample);
	}
	return sum;
}

START_TEST(who_stops_on_the_way_is_ended_at_its_limit)
{
	static const struct {
		const char *sample;
		long ended;
	} ends[] = {
		{ "relayd_ended_total{end=\"timeout\",stage=\"tcp\"}", 1 },
		{ "relayd_ended_total{end=\"timeout\",stage=\"http\"}", 1 },
		{ "relayd_ended_total{end=\"timeout\",stage=\"login\"}", 1 },
		{ "relayd_ended_total{end=\"timeout\",stage=\"tls\"}", 2 },
	};
	enum {
		EACH = 40
	};
	struct link l[NSTALLS * EACH], good;

	start_tls(ALL_LISTENERS " --head-timeout 1500ms --tls-timeout 1500ms "
				"--login-timeout 1500ms");
	for (int i = 0; i < NSTALLS * EACH; i++)
		stall_at(&l[i], i % NSTALLS);
	/* They are in nobody's way … */
	for (int i = 0; i < 20; i++) {
		open_way(&good, i % NWAYS);
		link_login(&good, RK_CARRIER_RAW, (unsigned)i + 1);
		link_ping(&good);
		link_close(&good);
	}
	/* … and go. */
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		ck_assert(relay_metric_becomes(&relay, ends[i].sample,
		    ends[i].ended * EACH));
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_ended_total{end=\"replaced\",stage=\"open\"}", 0));
	/* The connection that asks is one itself. */
	ck_assert_int_eq(gauge(), 1);
	for (int i = 0; i < NSTALLS * EACH; i++) {
		char rest[256];

		while (recv(l[i].fd, rest, sizeof(rest), 0) > 0)
			;
		ck_assert_int_ne(errno, EAGAIN);
		link_close(&l[i]);
	}
	stop();
}
END_TEST

START_TEST(the_gauge_counts_what_is_open)
{
	struct link l[4 * NSTALLS];

	start_tls(ALL_LISTENERS);
	for (int i = 0; i < 4 * NSTALLS; i++)
		stall_at(&l[i], i % NSTALLS);
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"login\"}", 4));
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"tls\"}", 8));
	ck_assert_int_eq(gauge(), 4 * NSTALLS + 1);
	for (int i = 0; i < 4 * NSTALLS; i++)
		link_close(&l[i]);
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"login\"}", 0));
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"tls\"}", 0));
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"tcp\"}", 0));
	ck_assert_int_eq(gauge(), 1);
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

/* ---- disco behind bulk ---- */

static void
send_to(struct link *l, unsigned seed, uint8_t *packet, size_t len)
{
	struct rk_key key = seed_key(seed);

	memcpy(packet, key.b, RK_KEY_LEN);
	link_send(l, SEND, packet, len);
}

/* Read about |bytes| of packets; true if a disco packet was among them. */
static bool
read_bulk(struct link *l, size_t bytes, size_t *total)
{
	static uint8_t p[RK_KEY_LEN + 65536];
	size_t got = 0, len;
	bool disco = false;
	unsigned type;

	while (got < bytes && !disco) {
		ck_assert(link_recv(l, &type, p, sizeof(p), &len));
		if (type != RECV)
			continue;
		got += len;
		disco = memcmp(p + RK_KEY_LEN, "TS\xf0\x9f\x92\xac", 6) == 0;
	}
	*total += got;
	return disco;
}

/*
 * A receiver that takes 1 MB in the time in which eight are sent to it.  What
 * it still gets before a disco packet is what lay in the sockets: less than
 * what it takes in a second.  Its own buffer shall not grow beyond that.
 */
START_TEST(a_disco_packet_overtakes_the_backlog_of_a_slow_receiver)
{
	static uint8_t bulk[RK_KEY_LEN + 8192], disco[RK_KEY_LEN + 100];
	struct link from, to;
	int own_buffer = 64 << 10;
	size_t total;

	start("--listen 127.0.0.1:0 --metrics 127.0.0.1:0");
	memcpy(disco + RK_KEY_LEN, "TS\xf0\x9f\x92\xac", 6);
	link_open(&from, relay_address(&relay, "http", 0));
	link_login(&from, RK_CARRIER_RAW, 1);
	link_open(&to, relay_address(&relay, "http", 0));
	ck_assert_int_eq(setsockopt(to.fd, SOL_SOCKET, SO_RCVBUF, &own_buffer,
			     sizeof(own_buffer)),
	    0);
	link_login(&to, _i ? RK_CARRIER_WS : RK_CARRIER_RAW, 2);
	link_ping(&to);
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 64; i++)
			send_to(&from, 2, bulk, sizeof(bulk));
		link_ping(&from);
		read_bulk(&to, 65536, &total);
	}
	ck_assert_int_gt(relay_metric(&relay,
			     "relayd_queue_dropped_total{queue=\"packets\"}"),
	    0);
	send_to(&from, 2, disco, sizeof(disco));
	link_ping(&from);
	total = 0;
	while (!read_bulk(&to, 65536, &total))
		;
	ck_assert_msg(total < 1000000, "behind %zu bytes", total);
	link_close(&from);
	link_close(&to);
	stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd under load");
	TCase *hard = tcase_create("hard");

	tcase_add_test(hard, resets_while_it_writes_do_not_kill_it);
	tcase_add_test(hard,
	    a_log_that_nobody_reads_any_more_is_no_reason_to_die);
	tcase_add_test(hard, whoever_goes_in_silence_leaves_the_table);
	tcase_add_test(hard, a_thousand_logins_with_one_key_leave_one);
	tcase_add_test(hard, who_stops_on_the_way_is_ended_at_its_limit);
	tcase_add_test(hard, the_gauge_counts_what_is_open);
	tcase_add_test(hard, without_descriptors_it_waits_and_says_so_once);
	tcase_add_loop_test(hard, bulk_arrives_whole_and_in_order, 0, 4);
	tcase_add_loop_test(hard,
	    a_disco_packet_overtakes_the_backlog_of_a_slow_receiver, 0, 2);
	tcase_add_checked_fixture(hard, process_setup, process_teardown);
	tcase_set_timeout(hard, 120);
	suite_add_tcase(s, hard);
	return run_suite(s);
}
