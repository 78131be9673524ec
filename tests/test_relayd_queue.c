/* Receivers that are slow: bounds, drops, order, the write timeout. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "net/stream.h"
#include "relayd_rig.h"
#include "support.h"

/* A number, and bytes behind it; disco has its magic in front. */
static const char *
numbered(int i, bool disco)
{
	static char text[1000];

	memset(text, '.', sizeof(text) - 1);
	snprintf(text, 40, "%s%032d", disco ? "TS\xf0\x9f\x92\xac" : "", i);
	text[strlen(text)] = '.';
	return text;
}

static int
number_of(const struct rk_frame *f, bool *disco)
{
	const char *data = (const char *)f->payload.p + RK_KEY_LEN;

	*disco = data[0] == 'T';
	return atoi(data + (*disco ? 6 : 0));
}

static void
send_numbered(struct client *from, struct client *to, int n, bool disco)
{
	for (int i = 0; i < n; i++)
		client_send_packet(from, to, numbered(i, disco));
	rig_settle(&rig);
}

struct tally {
	int packets, disco;
	int next_packet, next_disco; /* numbers must rise */
};

static void
read_all(struct client *c, struct tally *t)
{
	for (int i = 0; i < 40; i++) {
		struct rk_frame f;

		client_poll(c);
		while (client_next_frame(c, &f)) {
			bool disco;
			int n;

			ck_assert_str_eq(f.spec->name, "RecvPacket");
			n = number_of(&f, &disco);
			if (disco) {
				ck_assert_int_eq(n, t->next_disco++);
				t->disco++;
			} else {
				ck_assert_int_eq(n, t->next_packet++);
				t->packets++;
			}
		}
	}
}

START_TEST(a_full_queue_drops_the_newest_and_counts)
{
	enum {
		N = 3000
	};
	struct tally t = { 0 };
	struct client a, b;
	const char *line;
	uint64_t dropped;

	client_login(&a, &rig, _i ? RK_CARRIER_WS : RK_CARRIER_RAW, 1);
	client_login(&b, &rig, _i ? RK_CARRIER_WS : RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, N, false);
	ck_assert_uint_eq(b.conn->lane[LANE_PACKETS].count, 512);
	dropped =
	    rig_metric(&rig, "relayd_queue_dropped_total{queue=\"packets\"}");
	ck_assert_uint_gt(dropped, 0);
	line = strstr(text_str(&rig.log),
	    "queue-full queue=packets key=qe4xodvipulv6vvd\n");
	ck_assert_ptr_nonnull(line);
	ck_assert_ptr_null(strstr(line + 1, "queue-full"));
	client_barrier(&a);
	/* The queue holds 512 beyond what the sockets hold: all of the
	 * earliest, in order. */
	read_all(&b, &t);
	ck_assert_int_ge(t.packets, 512);
	ck_assert_uint_eq((uint64_t)t.packets + dropped, N);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_sent_total"),
	    (uint64_t)t.packets);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_dropped_total"),
	    0);
	/* Later ones are delivered again. */
	client_send_packet(&a, &b, "later");
	client_expect_packet(&b, &a, "later");
	client_barrier(&b);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(packets_are_counted_by_size_and_by_write)
{
	struct client a, b;
	char data[66];

	memset(data, 'x', sizeof(data) - 1);
	data[65] = '\0';
	client_login(&a, &rig, RK_CARRIER_WS, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_cork(&a);
	client_send_packet(&a, &b, data);
	client_send_packet(&a, &b, data + 1);
	client_send_packet(&a, &b, "");
	client_uncork(&a);
	rig_turn(&rig);
	client_expect_packet(&b, &a, data);
	client_expect_packet(&b, &a, data + 1);
	client_expect_packet(&b, &a, "");
#define SAMPLE(name, n) ck_assert_uint_eq(rig_metric(&rig, name), n)
	SAMPLE("relayd_packet_bytes_bucket{le=\"64.0\"}", 2);
	SAMPLE("relayd_packet_bytes_bucket{le=\"128.0\"}", 3);
	SAMPLE("relayd_packet_bytes_sum", 129);
	SAMPLE("relayd_write_packets_bucket{le=\"2.0\"}", 0);
	SAMPLE("relayd_write_packets_bucket{le=\"4.0\"}", 1);
	SAMPLE("relayd_write_packets_sum", 3);
	client_barrier(&b); /* a Pong is no packet */
	SAMPLE("relayd_write_packets_count", 1);
#undef SAMPLE
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(disco_has_a_queue_of_its_own)
{
	struct tally t = { 0 };
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, 2000, false);
	send_numbered(&a, &b, 600, true);
	ck_assert_uint_eq(b.conn->lane[LANE_DISCO].count, 512);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_queue_dropped_total{queue=\"disco\"}"),
	    600 - 512);
	read_all(&b, &t);
	ck_assert_int_eq(t.disco, 512);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_backlog_of_packets_does_not_starve_disco)
{
	struct client a, b;
	struct rk_frame f;
	bool disco = false;
	int before = 0;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, 1000, false);
	client_send_packet(&a, &b, numbered(0, true));
	/* Packets come as fast as they are read; the disco packet must not
	 * wait until there are none. */
	for (int i = 0; i < 2000 && !disco; i++) {
		client_send_packet(&a, &b, numbered(1000 + i, false));
		client_send_packet(&a, &b, numbered(1000 + i, false));
		rig_turn(&rig);
		client_poll(&b);
		while (!disco && client_next_frame(&b, &f)) {
			number_of(&f, &disco);
			before += !disco;
		}
	}
	ck_assert(disco);
	ck_assert_int_lt(before, 1500);
	client_close(&a);
	client_close(&b);
}
END_TEST

/* There it waits until no packet does. */
START_TEST(with_0_28_a_backlog_of_packets_goes_first)
{
	struct tally t = { 0 };
	struct client a, b;
	struct rk_frame f;
	bool disco;

	rig.conf.generation = GENERATION_028;
	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, 3000, false);
	ck_assert_uint_eq(b.conn->lane[LANE_PACKETS].count, 512);
	send_numbered(&a, &b, 1, true);
	while (t.disco == 0) {
		client_poll(&b);
		while (t.disco == 0 && client_next_frame(&b, &f)) {
			t.packets += number_of(&f, &disco) == t.packets;
			t.disco += disco;
		}
	}
	ck_assert_uint_eq((uint64_t)t.packets,
	    rig_metric(&rig, "relayserver_send_packets_sent_total"));
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(bytes_bound_a_queue_as_well)
{
	struct client a, b;

	rig.conf.queue_bytes = 100000;
	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, 2000, false);
	ck_assert_uint_le(b.conn->lane[LANE_PACKETS].bytes, 100000);
	ck_assert_uint_gt(b.conn->lane[LANE_PACKETS].bytes, 98000);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(the_queue_of_notices_is_bounded)
{
	enum {
		N = 20
	};
	static char data[4000];
	struct client a[N], b;
	int gone = 0;

	rig.conf.queue_packets = 8;
	memset(data, 'x', sizeof(data) - 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 200);
	for (int i = 0; i < N; i++) {
		client_login(&a[i], &rig, RK_CARRIER_RAW, (uint8_t)(i + 1));
		client_send_packet(&a[i], &b, "x");
	}
	rig_settle(&rig);
	for (int i = 0; i < 300; i++)
		client_send_packet(&a[0], &b, data);
	rig_settle(&rig);
	for (int i = 0; i < N; i++)
		client_close(&a[i]);
	rig_settle(&rig);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_sent_total"),
	    8);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_other_packets_dropped_total"),
	    N - 8);
	for (int i = 0; i < 40; i++) {
		struct rk_frame f;

		client_poll(&b);
		while (client_next_frame(&b, &f))
			gone += strcmp(f.spec->name, "PeerGone") == 0;
	}
	ck_assert_int_eq(gone, 8);
	client_close(&b);
}
END_TEST

START_TEST(who_takes_nothing_for_two_seconds_is_ended)
{
	struct client a, b, c;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, _i ? RK_CARRIER_WS : RK_CARRIER_RAW, 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	client_send_packet(&b, &c, "x");
	client_expect_packet(&c, &b, "x");
	send_numbered(&a, &b, 1000, false);
	rig_pass(&rig, 1800 * NS_PER_MS);
	client_expect_nothing(&c);
	rig_pass(&rig, 400 * NS_PER_MS);
	client_expect_gone(&c, &b); /* b had sent to c … */
	client_expect_nothing(&a);  /* … but not to a */
	client_barrier(&a);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_write_timeouts_total"), 1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"open\"}"),
	    1);
	ck_assert_ptr_nonnull(strstr(rig.log.s,
	    "closed end=timeout stage=open reason=\"write\""));
	client_close(&a);
	client_close(&b);
	client_close(&c);
}
END_TEST

static ssize_t
read_some(struct client *c, void *buf, size_t len)
{
	return recv(c->fd, buf, len, 0);
}

/*
 * The socketpair hands over whole pieces of up to 106 kB, and lets write
 * again only when three quarters of its 212 kB are read: a reader that is
 * slower than that per write timeout still moves.
 */
START_TEST(a_slow_reader_that_takes_something_stays)
{
	static uint8_t buf[110000];
	struct client a, b;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	send_numbered(&a, &b, 1000, false);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_ne(stream_blocked_since(b.conn->stream), 0);
		rig_pass(&rig, 1500 * NS_PER_MS);
		ck_assert_int_gt(read_some(&b, buf, sizeof(buf)), 0);
		rig_settle(&rig);
	}
	ck_assert_uint_eq(rig_metric(&rig, "relayd_write_timeouts_total"), 0);
	rig_pass(&rig, 2300 * NS_PER_MS);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_write_timeouts_total"), 1);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_stalled_receiver_delays_nobody_else)
{
	struct client a, b, c;

	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&b, &rig, RK_CARRIER_RAW, 2);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	send_numbered(&a, &b, 2000, false);
	for (int i = 0; i < 50; i++) {
		client_send_packet(&a, &b, numbered(i, false));
		client_send_packet(&a, &c, numbered(i, false));
		client_expect_packet(&c, &a, numbered(i, false));
		client_barrier(&a);
	}
	client_close(&a);
	client_close(&b);
	client_close(&c);
}
END_TEST

/* ---- another loop that is behind ---- */

/* Log in on the second loop, whose turns are |other|'s. */
static void
login_there(struct client *c, struct rig *other, uint8_t seed)
{
	struct rk_key key;
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, seed, info, sizeof(info));
	int fd[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			     fd),
	    0);
	memset(c, 0, sizeof(*c));
	c->rig = other;
	c->fd = fd[0];
	c->conn = conn_new(&other->server->more[0], fd[1], NULL, SERVICE_RELAY);
	ck_assert_ptr_nonnull(c->conn);
	client_upgrade(c, RK_CARRIER_RAW);
	client_send(c, info, len);
	client_barrier(c);
	memcpy(key.b, c->conn->login.peer.b, sizeof(key.b));
	c->key = key;
}

/* Big packets, until |from| is read from no more. */
static void
send_until_crowded(struct client *from, const struct client *to)
{
	uint8_t *p = calloc(1, RK_KEY_LEN + 65536);

	ck_assert_ptr_nonnull(p);
	memcpy(p, to->key.b, sizeof(to->key.b));
	for (int i = 0; !from->conn->crowded; i++) {
		ck_assert_int_lt(i, 1000);
		client_send_frame(from, "SendPacket", p, RK_KEY_LEN + 65536);
		rig_turn(from->rig);
	}
	free(p);
}

/* The test turns both loops by hand. */
START_TEST(a_loop_that_is_behind_makes_the_others_read_less)
{
	static const char data[] = "barrier!";
	struct rig there;
	struct client a, b, c;

	server_free(rig.server);
	rig.conf.threads = 2;
	rig.server = server_new(&rig.conf, rig.loop);
	ck_assert_ptr_nonnull(rig.server);
	there = rig;
	there.loop = rig.server->more[0].loop;
	login_there(&b, &there, 2);
	client_login(&a, &rig, RK_CARRIER_RAW, 1);
	client_login(&c, &rig, RK_CARRIER_RAW, 3);
	send_until_crowded(&a, &b);
	client_send_frame(&a, "Ping", data, 8);
	client_expect_nothing(&a);
	client_send_packet(&c, &b, "last");
	client_shut(&c); /* what it has sent is not lost for that */
	rig_settle(&rig);
	ck_assert(c.conn->crowded);
	client_poll(&b);
	client_expect_frame(&a, "Pong", data, 8);
	ck_assert(!a.conn->crowded);
	for (int i = 0; i < 50; i++)
		client_poll(&b);
	ck_assert_uint_gt(b.in_len, 4 << 20);
	ck_assert_ptr_nonnull(memmem(b.in, b.in_len, "last", 4));
	client_close(&a);
	client_close(&b);
	client_close(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd queues");
	TCase *tc = tcase_create("queues");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_full_queue_drops_the_newest_and_counts, 0, 2);
	tcase_add_test(tc, packets_are_counted_by_size_and_by_write);
	tcase_add_test(tc, disco_has_a_queue_of_its_own);
	tcase_add_test(tc, a_backlog_of_packets_does_not_starve_disco);
	tcase_add_test(tc, with_0_28_a_backlog_of_packets_goes_first);
	tcase_add_test(tc, bytes_bound_a_queue_as_well);
	tcase_add_test(tc, the_queue_of_notices_is_bounded);
	tcase_add_loop_test(tc, who_takes_nothing_for_two_seconds_is_ended, 0,
	    2);
	tcase_add_test(tc, a_slow_reader_that_takes_something_stays);
	tcase_add_test(tc, a_stalled_receiver_delays_nobody_else);
	tcase_add_test(tc, a_loop_that_is_behind_makes_the_others_read_less);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
