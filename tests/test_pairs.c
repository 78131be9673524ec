/* Which RecvPacket came from which SendPacket. */
#include "config.h"

#include <string.h>

#include "base/clock.h"
#include "codec/keys.h"
#include "support.h"
#include "transcript/pairs.h"

#define ALICE 1
#define BOB   2
#define CAROL 3

static struct transcript *t;
static struct pairs *pairs;
static int64_t now_ns;

static void
begin(size_t max)
{
	t = transcript_new();
	t->streaming = true;
	pairs = pairs_new(max);
	now_ns = 0;
	for (int i = 0; i < 3; i++)
		transcript_add_conn(t, "#");
}

static void
end(void)
{
	pairs_free(pairs);
	transcript_free(t);
}

static struct rk_key
key_of(int who)
{
	struct rk_key key = { { (uint8_t)who } };

	return key;
}

/* |who| logged in on the connection |who| - 1. */
static void
log_in(int who)
{
	t->conns[who - 1].key = key_of(who);
	t->conns[who - 1].has_key = true;
}

/* True if it completes a pair. */
static bool
packet(int conn_of, enum rk_frame_kind kind, int other, const char *data,
    struct pair *out)
{
	const struct rk_dialect *d = rk_dialects()[0];
	uint8_t payload[RK_KEY_LEN + 16] = { (uint8_t)other };
	struct event e = { .kind = EVENT_FRAME,
		.dir = kind == RK_FRAME_SEND ? DIR_C2S : DIR_S2C,
		.conn = conn_of - 1,
		.packet = (uint64_t)(now_ns / NS_PER_MS) + 1,
		.time_ns = now_ns,
		.dialect = d,
		.type = rk_frame_spec_by_kind(d, kind)->type,
		.bytes = payload,
		.len = RK_KEY_LEN + strlen(data) };

	memcpy(payload + RK_KEY_LEN, data, strlen(data));
	now_ns += NS_PER_MS;
	return pairs_event(pairs, t, &e, out);
}

static bool
sent(int from, int to, const char *data, struct pair *out)
{
	return packet(from, RK_FRAME_SEND, to, data, out);
}

static bool
came(int to, int from, const char *data, struct pair *out)
{
	return packet(to, RK_FRAME_RECV, from, data, out);
}

START_TEST(a_packet_has_two_halves)
{
	struct rk_key alice = key_of(ALICE), bob = key_of(BOB);
	struct pair p;

	begin(8);
	log_in(ALICE);
	log_in(BOB);
	ck_assert(!sent(ALICE, BOB, "x", &p));
	ck_assert(!came(BOB, ALICE, "y", &p));
	ck_assert(came(BOB, ALICE, "x", &p));
	ck_assert(!came(BOB, ALICE, "x", &p)); /* it was one */
	ck_assert_uint_eq(p.conn, 0);
	ck_assert_uint_eq(p.packet, 1);
	ck_assert_int_eq(p.transit_ns, 2 * NS_PER_MS);
	ck_assert(!p.several);
	ck_assert(p.has_from && rk_key_equal(&p.from, &alice));
	ck_assert(p.has_to && rk_key_equal(&p.to, &bob));
	end();
}
END_TEST

START_TEST(the_keys_of_both_ends_count)
{
	struct pair p;

	begin(8);
	log_in(ALICE);
	log_in(BOB);
	log_in(CAROL);
	sent(ALICE, BOB, "x", &p);
	ck_assert(!came(BOB, CAROL, "x", &p));   /* of another */
	ck_assert(!came(CAROL, ALICE, "x", &p)); /* at another */
	ck_assert(came(BOB, ALICE, "x", &p));
	end();
}
END_TEST

START_TEST(of_equal_ones_the_oldest_is_taken_and_that_is_said)
{
	struct pair p;

	begin(8);
	log_in(ALICE);
	log_in(BOB);
	sent(ALICE, BOB, "x", &p);
	sent(ALICE, BOB, "x", &p);
	ck_assert(came(BOB, ALICE, "x", &p));
	ck_assert(p.several);
	ck_assert_uint_eq(p.packet, 1);
	ck_assert(came(BOB, ALICE, "x", &p));
	ck_assert(!p.several);
	ck_assert_uint_eq(p.packet, 2);
	end();
}
END_TEST

/* Captures can be out of order. */
START_TEST(the_later_half_may_be_the_one_that_was_sent)
{
	struct pair p;

	begin(8);
	log_in(ALICE);
	log_in(BOB);
	ck_assert(!came(BOB, ALICE, "x", &p));
	ck_assert(sent(ALICE, BOB, "x", &p));
	ck_assert_uint_eq(p.conn, 1);
	ck_assert_int_eq(p.transit_ns, -NS_PER_MS);
	end();
}
END_TEST

START_TEST(a_pair_tells_whose_a_connection_is)
{
	struct rk_key alice = key_of(ALICE), bob = key_of(BOB);
	struct pair p;

	begin(8);
	sent(ALICE, BOB, "x", &p);
	ck_assert(came(BOB, ALICE, "x", &p));
	ck_assert(
	    t->conns[0].has_key && rk_key_equal(&t->conns[0].key, &alice));
	ck_assert(t->conns[1].has_key && rk_key_equal(&t->conns[1].key, &bob));
	end();
	/* Not where there is a choice. */
	begin(8);
	sent(CAROL, BOB, "z", &p);
	sent(ALICE, BOB, "z", &p);
	ck_assert(came(BOB, ALICE, "z", &p));
	ck_assert(p.several);
	for (int i = 0; i < 3; i++)
		ck_assert(!t->conns[i].has_key);
	end();
}
END_TEST

START_TEST(a_place_that_is_used_again_learns_nothing)
{
	struct pair p;

	begin(8);
	log_in(BOB);
	sent(ALICE, BOB, "x", &p);
	transcript_drop_conn(t, 0);
	ck_assert_int_eq(transcript_add_conn(t, "#"), 0);
	ck_assert_uint_eq(t->conns[0].number, 3);
	ck_assert(came(BOB, ALICE, "x", &p));
	ck_assert_uint_eq(p.conn, 0);
	ck_assert(!t->conns[0].has_key);
	end();
}
END_TEST

START_TEST(so_many_wait_and_the_oldest_is_forgotten)
{
	char data[8] = "0";
	struct pair p;

	begin(4);
	log_in(ALICE);
	log_in(BOB);
	for (data[0] = '0'; data[0] <= '9'; data[0]++)
		ck_assert(!sent(ALICE, BOB, data, &p));
	for (data[0] = '9'; data[0] >= '0'; data[0]--)
		ck_assert_int_eq(came(BOB, ALICE, data, &p), data[0] >= '6');
	end();
}
END_TEST

/* Many equal ones that nobody gets cost no more than others. */
START_TEST(a_long_chain_is_not_searched_to_its_end)
{
	struct pair p;

	begin(PAIRS_WAITING);
	log_in(ALICE);
	log_in(BOB);
	log_in(CAROL);
	for (int i = 0; i < 2 * PAIRS_WAITING; i++)
		sent(ALICE, CAROL, "x", &p);
	for (int i = 0; i < 1000; i++)
		came(BOB, ALICE, "x", &p);
	ck_assert(came(CAROL, ALICE, "x", &p));
	ck_assert(p.several);
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pairs");
	TCase *tc = tcase_create("pairs");

	rk_keys_init();
	tcase_add_test(tc, a_packet_has_two_halves);
	tcase_add_test(tc, the_keys_of_both_ends_count);
	tcase_add_test(tc, of_equal_ones_the_oldest_is_taken_and_that_is_said);
	tcase_add_test(tc, the_later_half_may_be_the_one_that_was_sent);
	tcase_add_test(tc, a_pair_tells_whose_a_connection_is);
	tcase_add_test(tc, a_place_that_is_used_again_learns_nothing);
	tcase_add_test(tc, so_many_wait_and_the_oldest_is_forgotten);
	tcase_add_test(tc, a_long_chain_is_not_searched_to_its_end);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
