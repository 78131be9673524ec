/* Several event loops: the router's letters, the mail, the program. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "net/loop.h"
#include "relayd/mail.h"
#include "relayd/router.h"
#include "relayd_process.h"
#include "support.h"

/* ---- the router, whose letters the test carries ---- */

#define MAX_LETTERS 16
#define GONE        0x08
#define PING        0x0c

struct fake {
	struct endpoint ep; /* first member */
	bool full;
	int packets, gone, replaced;
};

struct posted {
	unsigned to;
	struct letter letter;
	struct lent_packet packet;
	uint8_t body[RK_KEY_LEN];
};

static struct router *router;
static struct posted posted[MAX_LETTERS];
static size_t nposted, ncarried;

static bool
on_packet(struct endpoint *to, const struct rk_key *from,
    const struct lent_packet *p)
{
	struct fake *f = (struct fake *)to;

	f->packets += !f->full;
	return !f->full;
}

static void
on_gone(struct endpoint *to, const struct rk_key *who)
{
	((struct fake *)to)->gone++;
}

static void
on_replaced(struct endpoint *old)
{
	((struct fake *)old)->replaced++;
}

static const struct endpoint_ops ops = { on_packet, on_gone, on_replaced };

static bool
send_letter(void *arg, unsigned from, unsigned to, const struct letter *l)
{
	struct posted *p = &posted[nposted++];

	ck_assert_uint_le(nposted, MAX_LETTERS);
	ck_assert_uint_ne(from, to);
	p->to = to;
	p->letter = *l;
	if (l->packet != NULL) {
		p->packet = *l->packet;
		p->packet.body = p->body;
		p->letter.packet = &p->packet;
	}
	return true;
}

static void
start_router(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	router = router_new_shared(send_letter, NULL);
	ck_assert_ptr_nonnull(router);
	nposted = ncarried = 0;
}

static void
stop_router(void)
{
	router_free(router);
}

static void
enter(struct fake *f, unsigned home, unsigned n)
{
	struct rk_key key = seed_key(n);

	*f = (struct fake){ .ep.ops = &ops, .ep.home = home };
	ck_assert(router_enter(router, &f->ep, &key));
}

static enum route_result
route(struct fake *from, unsigned to)
{
	uint8_t body[RK_KEY_LEN] = { 0 };
	struct lent_packet p = { .body = body, .len = sizeof(body) };
	struct rk_key key = seed_key(to);

	return router_route(router, &from->ep, &key, &p);
}

/* The next letter arrives, which is of that kind; what a packet came to. */
static enum route_result
carry(enum letter_kind kind)
{
	struct posted *p = &posted[ncarried++];

	ck_assert_uint_le(ncarried, nposted);
	ck_assert_int_eq(p->letter.kind, kind);
	if (kind == LETTER_PACKET)
		return router_deliver(router, p->to, &p->letter, true);
	if (kind == LETTER_GONE)
		router_tell(router, p->to, &p->letter);
	else
		router_put_out(router, p->to, &p->letter);
	return ROUTE_QUEUED;
}

static void
leave(struct fake *f)
{
	router_leave(router, &f->ep, true);
}

START_TEST(a_packet_for_another_loop_is_a_letter)
{
	struct fake a, b, c;

	enter(&a, 0, 1);
	enter(&b, 1, 2);
	enter(&c, 0, 3);
	ck_assert_int_eq(route(&a, 2), ROUTE_SENT);
	ck_assert_int_eq(route(&a, 3), ROUTE_QUEUED);
	ck_assert_int_eq(route(&a, 4), ROUTE_UNKNOWN);
	ck_assert_int_eq(b.packets, 0);
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_QUEUED);
	ck_assert_int_eq(b.packets, 1);
	ck_assert_uint_eq(router_count(router), 3);
	leave(&a);
	ck_assert_int_eq(c.gone, 1);
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 1);
	ck_assert_uint_eq(nposted, ncarried);
}
END_TEST

START_TEST(who_leaves_before_its_packet_arrives_is_told_of_behind_it)
{
	struct fake a, again, b;

	enter(&a, 0, 1);
	enter(&b, 1, 2);
	route(&a, 2);
	leave(&a);
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_QUEUED);
	ck_assert_int_eq(b.packets, 1);
	ck_assert_int_eq(b.gone, 0);
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 1);
	/* the same, and it has come again meanwhile */
	enter(&again, 0, 1);
	route(&again, 2);
	leave(&again);
	enter(&again, 0, 1);
	carry(LETTER_PACKET);
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 2);
	/* that visit has sent nothing */
	leave(&again);
	ck_assert_uint_eq(nposted, ncarried);
	ck_assert_int_eq(b.gone, 2);
}
END_TEST

START_TEST(who_never_got_a_packet_through_is_not_told_of)
{
	struct fake a, b;

	enter(&a, 0, 1);
	enter(&b, 1, 2);
	b.full = true;
	route(&a, 2);
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_FULL);
	leave(&a);
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_uint_eq(router_known(router), 1);
}
END_TEST

/* The letters of two loops to a third come in any order. */
START_TEST(an_older_login_s_packet_is_not_taken_behind_the_newer_one_s_end)
{
	struct fake old, newer, b;

	enter(&old, 0, 1);
	enter(&b, 1, 2);
	route(&old, 2);
	carry(LETTER_PACKET);
	ck_assert_int_eq(route(&old, 2), ROUTE_SENT); /* of the known pair */
	enter(&newer, 2, 1);
	leave(&newer);
	ck_assert_uint_eq(nposted, 4); /* packet, replaced, gone */
	ncarried = 3;
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 1);
	ncarried = 1;
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_REPLACED);
	ck_assert_int_eq(b.packets, 1);
	ck_assert_int_eq(b.gone, 1);
	carry(LETTER_REPLACED);
	leave(&b);
	ck_assert_uint_eq(router_known(router), 0);
}
END_TEST

START_TEST(a_login_on_another_loop_silences_the_older_one_at_once)
{
	struct fake old, new, b;

	enter(&old, 0, 1);
	enter(&b, 0, 2);
	route(&old, 2);
	enter(&new, 1, 1);
	ck_assert_uint_eq(router_count(router), 2);
	ck_assert_int_eq(old.replaced, 0);
	ck_assert_int_eq(route(&old, 2), ROUTE_REPLACED);
	ck_assert_int_eq(b.packets, 1);
	ck_assert_int_eq(route(&b, 1), ROUTE_SENT);
	carry(LETTER_REPLACED);
	ck_assert_int_eq(old.replaced, 1);
	leave(&old);
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_QUEUED);
	ck_assert_int_eq(new.packets, 1);
	ck_assert_int_eq(b.gone, 0);
	/* whom the older one sent to hears of the newer one's end */
	leave(&new);
	carry(LETTER_GONE);
	ck_assert_int_eq(b.gone, 1);
}
END_TEST

START_TEST(an_older_login_may_end_before_it_hears_of_the_newer)
{
	struct fake old, middle, new, b;

	enter(&b, 0, 2);
	enter(&old, 0, 1);
	enter(&middle, 1, 1);
	enter(&new, 2, 1);
	route(&b, 1);
	leave(&old);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_uint_eq(router_count(router), 2);
	carry(LETTER_REPLACED);
	ck_assert_int_eq(old.replaced, 0);
	carry(LETTER_REPLACED);
	ck_assert_int_eq(middle.replaced, 1);
	carry(LETTER_PACKET);
	ck_assert_int_eq(new.packets, 1);
	ck_assert_int_eq(new.replaced, 0);
}
END_TEST

START_TEST(a_key_that_moves_loses_what_is_under_way_but_for_notices)
{
	struct fake a, b, moved;

	enter(&a, 0, 1);
	enter(&b, 1, 2);
	route(&a, 2);
	carry(LETTER_PACKET);
	route(&a, 2);
	leave(&a);
	enter(&moved, 2, 2);
	ck_assert_int_eq(carry(LETTER_PACKET), ROUTE_UNKNOWN);
	carry(LETTER_GONE);
	ck_assert_int_eq(moved.gone, 0);
	carry(LETTER_REPLACED);
	ck_assert_int_eq(b.replaced, 1);
	carry(LETTER_GONE); /* sent on */
	ck_assert_int_eq(moved.gone, 1);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_int_eq(moved.packets, 0);
}
END_TEST

/* ---- mail ---- */

struct reader {
	int letters, ends;
	unsigned last;
};

static struct loop *loops[2];
static struct mailbox *boxes[2];
static struct reader readers[2];

static void
on_mail(void *arg, struct mail *m)
{
	struct reader *r = arg;
	unsigned n;

	if (m == NULL) {
		r->ends++;
		return;
	}
	ck_assert_int_eq(m->kind, MAIL_LETTER);
	ck_assert_ptr_eq(m->letter.packet, &m->packet);
	ck_assert_uint_ge(m->packet.room, 16);
	memset(m->packet.body - m->packet.room, 0xff, m->packet.room);
	memcpy(&n, m->packet.body, sizeof(n));
	ck_assert_uint_eq(n, r->last + 1);
	r->last = n;
	r->letters++;
}

static void
start_mail(void)
{
	for (unsigned i = 0; i < 2; i++) {
		readers[i] = (struct reader){ 0 };
		loops[i] = loop_new();
		ck_assert_ptr_nonnull(loops[i]);
		boxes[i] = mailbox_new(loops[i], i, on_mail, &readers[i]);
		ck_assert_ptr_nonnull(boxes[i]);
	}
	mailbox_connect(boxes[0], 1, boxes[1]);
	mailbox_connect(boxes[1], 0, boxes[0]);
}

static void
stop_mail(void)
{
	for (unsigned i = 0; i < 2; i++)
		mailbox_free(boxes[i], NULL);
	for (unsigned i = 0; i < 2; i++)
		loop_free(loops[i]);
}

static void
write_packet(unsigned n, size_t len)
{
	uint8_t *body = calloc(1, len);
	struct lent_packet p = { .body = body, .len = len };
	struct letter l = { .kind = LETTER_PACKET, .packet = &p };

	memcpy(body, &n, sizeof(n));
	ck_assert(mail_write_letter(boxes[0], 1, &l));
	free(body);
}

START_TEST(mail_arrives_whole_in_order_and_in_one_go)
{
	static const size_t sizes[] = { 32, 33, 1200, 70000, 65536 + 32, 100 };
	unsigned n = 0;

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			write_packet(++n, sizes[i]);
		loop_turn(loops[1], 0);
		ck_assert_uint_ne(readers[1].last, n);
		mail_hand_over(boxes[0]);
		write_packet(++n, 40);
		mail_hand_over(boxes[0]);
		loop_turn(loops[1], 0);
		mail_end_turn(boxes[1]);
		ck_assert_uint_eq(readers[1].last, n);
		ck_assert_int_eq(readers[1].ends, round + 1);
	}
}
END_TEST

START_TEST(who_writes_faster_than_the_other_reads_is_told_to_wait)
{
	unsigned n = 0;

	while (!mail_is_crowded(boxes[0])) {
		write_packet(++n, 65536);
		ck_assert_uint_lt(n, 10000);
	}
	mail_hand_over(boxes[0]);
	ck_assert(mail_is_crowded(boxes[0]));
	loop_turn(loops[0], 0);
	ck_assert(mail_is_crowded(boxes[0]));
	loop_turn(loops[1], 0);
	mail_end_turn(boxes[1]);
	ck_assert_uint_eq(readers[1].last, n);
	loop_turn(loops[0], 0);
	ck_assert(!mail_is_crowded(boxes[0]));
	/* a tray that was full, for somebody who has read before */
	for (unsigned i = 0; i < n; i++)
		write_packet(n + i + 1, 65536);
	ck_assert(mail_is_crowded(boxes[0]));
}
END_TEST

/* ---- the program ---- */

static void
start_run(void)
{
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(rk_keys_init(), RK_OK);
}

/* Sockets go in turn to the loop with the fewest: the first to loop 0. */
static void
start_loops(int n)
{
	char options[128];

	snprintf(options, sizeof(options),
	    "--threads %d --listen 127.0.0.1:0 --metrics 127.0.0.1:0", n);
	start(options);
}

static void
log_in(struct link *l, enum rk_carrier carrier, unsigned seed)
{
	link_open(l, relay_address(&relay, "http", 0));
	link_login(l, carrier, seed);
	link_ping(l);
}

static void
send_number(struct link *l, unsigned to, unsigned n)
{
	struct rk_key key = seed_key(to);
	uint8_t buf[RK_KEY_LEN + sizeof(n)];

	memcpy(buf, key.b, sizeof(key.b));
	memcpy(buf + sizeof(key.b), &n, sizeof(n));
	link_send(l, SEND, buf, sizeof(buf));
}

static void
expect_number(struct link *l, unsigned from, unsigned n)
{
	struct rk_key key = seed_key(from);
	uint8_t buf[RK_KEY_LEN + sizeof(n)];
	unsigned type;
	size_t len;

	ck_assert(link_recv(l, &type, buf, sizeof(buf), &len));
	ck_assert_uint_eq(type, RECV);
	ck_assert_uint_eq(len, sizeof(buf));
	ck_assert_bytes(buf, sizeof(key.b), key.b, sizeof(key.b));
	ck_assert_bytes(buf + sizeof(key.b), sizeof(n), &n, sizeof(n));
}

static void
expect_gone(struct link *l, unsigned who)
{
	struct rk_key key = seed_key(who);
	uint8_t buf[RK_KEY_LEN];
	unsigned type;
	size_t len;

	ck_assert(link_recv(l, &type, buf, sizeof(buf), &len));
	ck_assert_uint_eq(type, GONE);
	ck_assert_bytes(buf, len, key.b, sizeof(key.b));
}

/* A packet and the notice that its sender is gone, in any order: notices have
 * a queue of their own. */
static void
expect_last(struct link *l)
{
	unsigned types = 0, type;
	uint8_t buf[64];
	size_t len;

	for (int i = 0; i < 2; i++) {
		ck_assert(link_recv(l, &type, buf, sizeof(buf), &len));
		types |= 1U << type;
	}
	ck_assert_uint_eq(types, 1U << RECV | 1U << GONE);
}

START_TEST(clients_on_all_loops_meet_and_part)
{
	enum {
		N = 6,
		ROUNDS = 100
	};
	struct link l[N];

	start_loops(3);
	for (unsigned i = 0; i < N; i++)
		log_in(&l[i], i % 2 == 0 ? RK_CARRIER_RAW : RK_CARRIER_WS,
		    i + 1);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < N; i++)
			for (unsigned j = 0; j < N; j += 1 + r % 2)
				send_number(&l[i], j + 1, r);
	ck_assert(
	    relay_metric_becomes(&relay, "relayserver_send_packets_sent_total",
		N * ROUNDS / 2 * (N + N / 2)));
	ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), N);
	for (unsigned i = 0; i < N; i++)
		link_close(&l[i]);
	ck_assert(relay_metric_becomes(&relay, "relayd_clients", 0));
	ck_assert(
	    relay_metric_becomes(&relay, "relayserver_disconnects_total", N));
	stop();
}
END_TEST

START_TEST(packets_keep_their_order_from_loop_to_loop)
{
	enum {
		N = 400
	};
	struct link a, b;

	start_loops(2);
	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_WS, 2);
	for (unsigned i = 0; i < N; i++) {
		send_number(&a, 2, i);
		send_number(&b, 1, i);
	}
	for (unsigned i = 0; i < N; i++) {
		expect_number(&a, 2, i);
		expect_number(&b, 1, i);
	}
	send_number(&a, 2, N);
	link_close(&a);
	expect_last(&b);
	link_ping(&b);
	link_close(&b);
	stop();
}
END_TEST

START_TEST(a_login_on_another_loop_takes_over)
{
	struct link a, b, again[8];

	start_loops(2);
	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	send_number(&b, 1, 0);
	expect_number(&a, 2, 0);
	for (unsigned i = 0; i < 8; i++) {
		log_in(&again[i], RK_CARRIER_RAW, 1);
		ck_assert(link_ends(i == 0 ? &a : &again[i - 1]));
		link_close(i == 0 ? &a : &again[i - 1]);
		send_number(&b, 1, i);
		expect_number(&again[i], 2, i);
		send_number(&again[i], 2, i);
		expect_number(&b, 1, i);
	}
	ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), 2);
	link_close(&again[7]);
	expect_gone(&b, 1);
	link_ping(&b);
	link_close(&b);
	stop();
}
END_TEST

START_TEST(a_stop_loses_nothing_that_was_under_way)
{
	enum {
		N = 300
	};
	struct link a, b, c;
	int status;

	start_loops(3);
	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	log_in(&c, RK_CARRIER_WS, 3);
	for (unsigned i = 0; i < N; i++) {
		send_number(&a, 2, i);
		send_number(&a, 3, i);
	}
	link_ping(&a); /* all of it has been read */
	status = relay_stop(&relay, SIGTERM);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	for (unsigned i = 0; i < N; i++) {
		expect_number(&b, 1, i);
		expect_number(&c, 1, i);
	}
	ck_assert(link_ends(&a));
	ck_assert(link_ends(&b));
	ck_assert(link_ends(&c));
	link_close(&a);
	link_close(&b);
	link_close(&c);
}
END_TEST

static Suite *
relayd_loops_suite(void)
{
	Suite *s = suite_create("relayd_loops");
	TCase *t = tcase_create("router");

	tcase_add_checked_fixture(t, start_router, stop_router);
	tcase_add_test(t, a_packet_for_another_loop_is_a_letter);
	tcase_add_test(t,
	    who_leaves_before_its_packet_arrives_is_told_of_behind_it);
	tcase_add_test(t, who_never_got_a_packet_through_is_not_told_of);
	tcase_add_test(t,
	    an_older_login_s_packet_is_not_taken_behind_the_newer_one_s_end);
	tcase_add_test(t,
	    a_login_on_another_loop_silences_the_older_one_at_once);
	tcase_add_test(t, an_older_login_may_end_before_it_hears_of_the_newer);
	tcase_add_test(t,
	    a_key_that_moves_loses_what_is_under_way_but_for_notices);
	suite_add_tcase(s, t);
	t = tcase_create("mail");
	tcase_add_checked_fixture(t, start_mail, stop_mail);
	tcase_add_test(t, mail_arrives_whole_in_order_and_in_one_go);
	tcase_add_test(t,
	    who_writes_faster_than_the_other_reads_is_told_to_wait);
	suite_add_tcase(s, t);
	t = tcase_create("run");
	tcase_add_checked_fixture(t, start_run, NULL);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, clients_on_all_loops_meet_and_part);
	tcase_add_test(t, packets_keep_their_order_from_loop_to_loop);
	tcase_add_test(t, a_login_on_another_loop_takes_over);
	tcase_add_test(t, a_stop_loses_nothing_that_was_under_way);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return run_suite(relayd_loops_suite());
}
