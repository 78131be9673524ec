/* Streams without TLS, over socketpairs and TCP: bytes, bounds, time. */
#include "config.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "stream_ends.h"
#include "support.h"

/* ---- bytes */

START_TEST(bytes_go_both_ways)
{
	connect_streams((enum pair_kind)_i);
	ck_assert(stream_write(a.stream, "there", 5));
	ck_assert(stream_write(b.stream, "back", 4));
	TURN_UNTIL(loop, b.got.len == 5 && a.got.len == 4);
	ck_assert_str_eq(b.got.s, "there");
	ck_assert_str_eq(a.got.s, "back");
	ck_assert_str_eq(text_str(&a.events), "input");
	ck_assert_uint_eq(stream_bytes_out(a.stream), 5);
	ck_assert_uint_eq(stream_bytes_in(a.stream), 4);
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	ck_assert_int_eq(stream_ending(a.stream), ENDING_NONE);
	ck_assert_ptr_null(stream_tls(a.stream));
}
END_TEST

START_TEST(the_peer_has_a_name)
{
	static const char *const begins[] = { "socketpair",
		"127.0.0.1:", "[::1]:" };

	connect_streams((enum pair_kind)_i);
	ck_assert_int_eq(strncmp(stream_peer(a.stream), begins[_i],
			     strlen(begins[_i])),
	    0);
}
END_TEST

START_TEST(vectors_are_written_in_order)
{
	char text[] = "abcdef";
	struct iovec v[4] = { { text, 2 }, { text, 0 }, { text + 2, 3 },
		{ text + 5, 1 } };

	connect_streams((enum pair_kind)_i);
	ck_assert(stream_writev(a.stream, v, 4));
	ck_assert(stream_write(a.stream, "g", 1));
	ck_assert(stream_write(a.stream, "", 0));
	TURN_UNTIL(loop, b.got.len == 7);
	ck_assert_str_eq(b.got.s, "abcdefg");
}
END_TEST

START_TEST(bulk_in_both_directions_arrives_whole)
{
	uint8_t *to_b = xmalloc(BULK), *to_a = xmalloc(BULK);
	size_t at = 0, piece = 1;

	connect_streams((enum pair_kind)_i);
	make_buffers_small(stream_fd(a.stream));
	make_buffers_small(stream_fd(b.stream));
	fill_bulk(to_b, 1);
	fill_bulk(to_a, 2);
	ck_assert(stream_write(b.stream, to_a, BULK));
	ck_assert_uint_gt(stream_queued(b.stream), 0);
	for (; at < BULK; at += piece, piece = piece * 3 % 9973 + 1) {
		if (piece > BULK - at)
			piece = BULK - at;
		ck_assert(stream_write(a.stream, to_b + at, piece));
		if (at % 5 == 0)
			loop_turn(loop, 0);
	}
	TURN_UNTIL(loop, a.got.len >= BULK && b.got.len >= BULK);
	ck_assert_bytes(a.got.s, a.got.len, to_a, BULK);
	ck_assert_bytes(b.got.s, b.got.len, to_b, BULK);
	TURN_UNTIL(loop, b.drained);
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	ck_assert_uint_eq(stream_bytes_out(b.stream), BULK);
	ck_assert_uint_eq(stream_bytes_in(b.stream), BULK);
	free(to_a);
	free(to_b);
}
END_TEST

/* ---- bounds */

START_TEST(reading_pauses_when_the_buffer_is_full)
{
	uint8_t *bulk = xmalloc(BULK);
	size_t len;

	connect_streams((enum pair_kind)_i);
	fill_bulk(bulk, 3);
	b.keep = true;
	stream_set_input_max(b.stream, 10000);
	ck_assert(stream_write(a.stream, bulk, BULK));
	TURN_UNTIL(loop, (stream_input(b.stream, &len), len == 10000));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_bytes(stream_input(b.stream, &len), 10000, bulk, 10000);
	ck_assert_uint_eq(len, 10000);
	ck_assert_uint_eq(stream_bytes_in(b.stream), 10000);

	/* a whole frame is longer: the consumer raises the bound */
	stream_set_input_max(b.stream, 100000);
	TURN_UNTIL(loop, (stream_input(b.stream, &len), len == 100000));
	ck_assert_bytes(stream_input(b.stream, &len), 100000, bulk, 100000);

	/* and lowers it again: nothing is lost */
	stream_set_input_max(b.stream, 10);
	stream_consume(b.stream, 99995);
	ck_assert_bytes(stream_input(b.stream, &len), 5, bulk + 99995, 5);
	TURN_UNTIL(loop, (stream_input(b.stream, &len), len == 10));
	ck_assert_bytes(stream_input(b.stream, &len), 10, bulk + 99995, 10);
	free(bulk);
}
END_TEST

START_TEST(the_default_bound_is_64_kib)
{
	uint8_t *bulk = xmalloc(BULK);
	size_t len;

	connect_streams(PAIR_TCP4);
	fill_bulk(bulk, 3);
	b.keep = true;
	ck_assert(stream_write(a.stream, bulk, BULK));
	TURN_UNTIL(loop, (stream_input(b.stream, &len), len >= 65536));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	stream_input(b.stream, &len);
	ck_assert_uint_eq(len, 65536);
	free(bulk);
}
END_TEST

static void
assert_input(struct peer *p, const char *want)
{
	size_t len;
	uint8_t *in = stream_input(p->stream, &len);

	ck_assert_bytes(in, len, want, strlen(want));
}

START_TEST(bytes_can_be_taken_out_of_the_middle)
{
	size_t len;

	connect_streams(PAIR_SOCKETPAIR);
	b.keep = true;
	ck_assert(stream_write(a.stream, "0123456789", 10));
	TURN_UNTIL(loop, (stream_input(b.stream, &len), len == 10));
	stream_consume_at(b.stream, 2, 3); /* the front moves */
	assert_input(&b, "0156789");
	stream_consume_at(b.stream, 5, 1); /* the tail moves */
	assert_input(&b, "015679");
	stream_consume_at(b.stream, 0, 1);
	assert_input(&b, "15679");
	stream_consume_at(b.stream, 4, 1);
	assert_input(&b, "1567");
	stream_consume_at(b.stream, 2, 0);
	assert_input(&b, "1567");
	stream_consume_at(b.stream, 0, 4);
	stream_input(b.stream, &len);
	ck_assert_uint_eq(len, 0);
	b.keep = false;
	ck_assert(stream_write(a.stream, "next", 4));
	TURN_UNTIL(loop, b.got.len == 4);
}
END_TEST

static bool
has_input(struct stream *s, size_t want)
{
	size_t len;

	stream_input(s, &len);
	return len == want;
}

/* Behind a large read what is left moves to a place of its own size. */
START_TEST(what_is_left_of_much_input_stays_whole)
{
	uint8_t *bulk = xmalloc(BULK);
	size_t len;
	uint8_t *p;

	fill_bulk(bulk, 3);
	connect_streams(PAIR_SOCKETPAIR);
	b.keep = true;
	ck_assert(stream_write(a.stream, bulk, 20000));
	TURN_UNTIL(loop, has_input(b.stream, 20000));
	stream_consume(b.stream, 19000);
	ck_assert(stream_write(a.stream, bulk + 20000, 5));
	TURN_UNTIL(loop, has_input(b.stream, 1005));
	p = stream_input(b.stream, &len);
	ck_assert_bytes(p, len, bulk + 19000, 1005);
	ck_assert(stream_write(a.stream, bulk + 20005, 30000));
	TURN_UNTIL(loop, has_input(b.stream, 31005));
	stream_hold_input(b.stream);
	stream_consume(b.stream, 30000);
	p = stream_input(b.stream, &len);
	ck_assert_bytes(p, len, bulk + 49000, 1005);
	ck_assert(stream_write(a.stream, bulk + 50005, 7000));
	TURN_UNTIL(loop, has_input(b.stream, 8005));
	p = stream_input(b.stream, &len);
	ck_assert_bytes(p, len, bulk + 49000, 8005);
	free(bulk);
}
END_TEST

START_TEST(a_paused_stream_reads_nothing)
{
	connect_streams((enum pair_kind)_i);
	stream_pause(b.stream);
	ck_assert(stream_write(a.stream, "later", 5));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_uint_eq(stream_bytes_in(b.stream), 0);
	stream_resume(b.stream);
	TURN_UNTIL(loop, b.got.len == 5);
}
END_TEST

static unsigned total_inputs;

/* Works on one byte a go. */
static void
take_one_byte(void *arg, struct stream *s, enum stream_event e)
{
	struct peer *p = arg;
	size_t len;

	if (e != STREAM_INPUT)
		return;
	total_inputs++;
	stream_input(s, &len);
	stream_consume(s, 1);
	if (len > 1)
		stream_again(p->stream);
}

START_TEST(whoever_asks_again_gets_one_go_a_turn)
{
	connect_streams((enum pair_kind)_i);
	b.keep = true;
	b.also = take_one_byte;
	b.arg = &b;
	ck_assert(stream_write(a.stream, "12345", 5));
	TURN_UNTIL(loop, total_inputs > 0);
	for (unsigned i = 1; i <= 5; i++) {
		ck_assert_uint_eq(total_inputs, i);
		loop_turn(loop, i < 5 ? -1 : 0); /* it does not wait */
	}
	ck_assert_uint_eq(total_inputs, 5);
}
END_TEST

START_TEST(the_end_waits_for_whoever_asks_again)
{
	connect_streams((enum pair_kind)_i);
	b.keep = true;
	b.also = take_one_byte;
	b.arg = &b;
	ck_assert(stream_write(a.stream, "12345", 5));
	stream_shut(a.stream);
	TURN_UNTIL(loop, b.ended);
	ck_assert_uint_eq(total_inputs, 5);
	ck_assert_str_eq(text_str(&b.events), "input ended");
}
END_TEST

START_TEST(a_flood_leaves_the_others_their_turn)
{
	uint8_t *bulk = xmalloc(BULK);
	struct peer c, d;
	int fds[2];

	connect_streams(PAIR_TCP4);
	peer_init(&c);
	peer_init(&d);
	make_pair(PAIR_TCP4, fds);
	c.stream = stream_new(loop, fds[0], peer_on_event, &c);
	d.stream = stream_new(loop, fds[1], peer_on_event, &d);
	stream_set_input_max(b.stream, BULK);
	fill_bulk(bulk, 4);
	ck_assert(stream_write(a.stream, bulk, BULK));
	while (b.got.len < BULK) {
		size_t before = b.got.len;

		loop_turn(loop, 100 * NS_PER_MS);
		ck_assert_uint_le(b.got.len - before, 262144);
	}
	ck_assert(stream_write(c.stream, "x", 1));
	TURN_UNTIL(loop, d.got.len == 1);
	peer_clear(&c);
	peer_clear(&d);
	free(bulk);
}
END_TEST

/* ---- time */

START_TEST(the_deadline_is_the_owners)
{
	clock_fake(NS_PER_S);
	connect_streams((enum pair_kind)_i);
	stream_set_deadline(a.stream, NS_PER_S + 1000);
	clock_advance(999);
	loop_turn(loop, 0);
	ck_assert(!a.timed_out);
	clock_advance(1);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&a.events), "timeout");
	clock_advance(NS_PER_S);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&a.events), "timeout");
	stream_set_deadline(a.stream, 5 * NS_PER_S);
	stream_set_deadline(a.stream, 0);
	clock_advance(9 * NS_PER_S);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&a.events), "timeout");
	ck_assert_int_eq(stream_ending(a.stream), ENDING_NONE);
}
END_TEST

START_TEST(bytes_that_came_in_time_go_before_the_deadline)
{
	clock_fake(NS_PER_S);
	connect_streams((enum pair_kind)_i);
	stream_set_deadline(a.stream, NS_PER_S + 1);
	ck_assert(stream_write(b.stream, "x", 1));
	clock_advance(10);
	loop_turn(loop, NS_PER_S);
	ck_assert_str_eq(text_str(&a.events), "input timeout");
}
END_TEST

START_TEST(how_long_output_waits_is_known)
{
	uint8_t *bulk = xcalloc(1, BULK);
	uint64_t out;
	size_t room;

	clock_fake(NS_PER_S);
	connect_raw_small((enum pair_kind)_i);
	ck_assert_int_eq(stream_blocked_since(a.stream), 0);
	ck_assert(stream_write(a.stream, bulk, BULK));
	ck_assert_int_eq(stream_blocked_since(a.stream), NS_PER_S);
	clock_advance(NS_PER_S);
	loop_turn(loop, 0);
	/* nothing moves while nobody reads */
	out = stream_bytes_out(a.stream);
	room = stream_queued(a.stream);
	clock_advance(NS_PER_S);
	loop_turn(loop, 0);
	if (stream_bytes_out(a.stream) == out) {
		ck_assert_uint_eq(stream_queued(a.stream), room);
		ck_assert_int_lt(stream_blocked_since(a.stream), 3 * NS_PER_S);
	}
	for (size_t n = 0; n < BULK;) {
		ssize_t r = recv(raw, bulk, BULK, MSG_DONTWAIT);

		if (r > 0)
			n += (size_t)r;
		loop_turn(loop, 0);
		if (stream_bytes_out(a.stream) > out &&
		    stream_queued(a.stream) > 0)
			ck_assert_int_eq(stream_blocked_since(a.stream),
			    3 * NS_PER_S);
	}
	ck_assert_int_eq(stream_blocked_since(a.stream), 0);
	TURN_UNTIL(loop, a.drained);
	free(bulk);
}
END_TEST

START_TEST(the_callback_can_be_changed)
{
	struct peer later;

	peer_init(&later);
	connect_streams((enum pair_kind)_i);
	stream_set_callback(a.stream, peer_on_event, &later);
	ck_assert(stream_write(b.stream, "x", 1));
	TURN_UNTIL(loop, later.got.len == 1);
	ck_assert_str_eq(text_str(&a.events), "");
	text_clear(&later.events);
	text_clear(&later.got);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup_ends, teardown_ends);
	tcase_add_loop_test(tc, bytes_go_both_ways, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, the_peer_has_a_name, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, vectors_are_written_in_order, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, bulk_in_both_directions_arrives_whole, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, reading_pauses_when_the_buffer_is_full, 0,
	    PAIR_NKINDS);
	tcase_add_test(tc, the_default_bound_is_64_kib);
	tcase_add_test(tc, bytes_can_be_taken_out_of_the_middle);
	tcase_add_test(tc, what_is_left_of_much_input_stays_whole);
	tcase_add_loop_test(tc, a_paused_stream_reads_nothing, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, whoever_asks_again_gets_one_go_a_turn, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, the_end_waits_for_whoever_asks_again, 0,
	    PAIR_NKINDS);
	tcase_add_test(tc, a_flood_leaves_the_others_their_turn);
	tcase_add_loop_test(tc, the_deadline_is_the_owners, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, bytes_that_came_in_time_go_before_the_deadline,
	    0, PAIR_NKINDS);
	tcase_add_loop_test(tc, how_long_output_waits_is_known, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, the_callback_can_be_changed, 0, PAIR_NKINDS);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
