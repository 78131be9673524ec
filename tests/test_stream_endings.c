/* How streams without TLS end, and freeing them inside their callbacks. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "stream_ends.h"
#include "support.h"

/* ---- endings */

START_TEST(fin_behind_bytes_is_eof)
{
	connect_raw((enum pair_kind)_i);
	ck_assert_int_eq(write(raw, "last", 4), 4);
	raw_close();
	TURN_UNTIL(loop, a.ended);
	ck_assert_str_eq(text_str(&a.events), "input ended");
	ck_assert_str_eq(a.got.s, "last");
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert_str_eq(a.error, "closed by the peer");
	loop_turn(loop, 0);
	ck_assert_uint_eq(a.nended, 1);
}
END_TEST

START_TEST(rst_is_reset)
{
	connect_raw((enum pair_kind)_i);
	raw_reset((enum pair_kind)_i);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_str_eq(a.error, "Connection reset by peer");
	ck_assert(!stream_write(a.stream, "x", 1));
}
END_TEST

START_TEST(bytes_before_a_reset_are_delivered)
{
	connect_raw((enum pair_kind)_i);
	ck_assert_int_eq(write(raw, "reason", 6), 6);
	raw_reset((enum pair_kind)_i);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_str_eq(text_str(&a.got), "reason");
}
END_TEST

/* The peer says why, closes, and we write on: its words still arrive. */
START_TEST(a_write_into_a_closed_connection_is_a_reset)
{
	bool ok = true;

	connect_raw((enum pair_kind)_i);
	ck_assert_int_eq(write(raw, "go away", 7), 7);
	raw_close();
	/* the first write draws the RST, a later one meets it */
	for (int i = 0; ok; i++) {
		ck_assert_int_lt(i, 100000);
		ok = stream_write(a.stream, "x", 1);
	}
	ck_assert_str_eq(text_str(&a.events), "");
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_str_eq(text_str(&a.got), "go away");
	ck_assert_str_eq(text_str(&a.events), "input ended");
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	ck_assert_int_eq(stream_blocked_since(a.stream), 0);
}
END_TEST

/* More than one turn's worth of it. */
START_TEST(all_that_came_before_a_failed_write_is_delivered)
{
	uint8_t *words = xmalloc(BULK);
	size_t n = 100000;

	connect_raw((enum pair_kind)_i);
	fill_bulk(words, 6);
	ck_assert_int_eq(write(raw, words, n), (ssize_t)n);
	raw_close();
	for (int i = 0; stream_write(a.stream, "x", 1); i++)
		ck_assert_int_lt(i, 100000);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_bytes(a.got.s, a.got.len, words, n);
	free(words);
}
END_TEST

START_TEST(queued_output_that_cannot_go_out_is_a_reset)
{
	uint8_t *bulk = xcalloc(1, BULK);

	connect_raw_small((enum pair_kind)_i);
	ck_assert(stream_write(a.stream, bulk, BULK));
	ck_assert_uint_gt(stream_queued(a.stream), 0);
	raw_close();
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	ck_assert(!a.drained);
	free(bulk);
}
END_TEST

START_TEST(a_reset_is_noticed_while_paused_if_we_write)
{
	uint8_t *bulk = xcalloc(1, BULK);

	connect_raw_small((enum pair_kind)_i);
	stream_pause(a.stream);
	ck_assert_int_eq(write(raw, "x", 1), 1);
	ck_assert(stream_write(a.stream, bulk, BULK));
	raw_close();
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	ck_assert_str_eq(text_str(&a.events), "ended");
	free(bulk);
}
END_TEST

START_TEST(half_close_leaves_the_other_direction)
{
	char buf[8];

	connect_raw((enum pair_kind)_i);
	ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert(stream_write(a.stream, "answer", 6));
	ck_assert(read_exactly(raw, buf, 6));
	stream_shut(a.stream);
	ck_assert_int_eq(read(raw, buf, 1), 0);
	TURN_UNTIL(loop, a.drained);
	ck_assert_str_eq(text_str(&a.events), "ended drained");
	ck_assert(!stream_write(a.stream, "x", 1));
}
END_TEST

START_TEST(our_half_close_leaves_input)
{
	char buf[8];

	connect_raw((enum pair_kind)_i);
	ck_assert(stream_write(a.stream, "question", 8));
	stream_shut(a.stream);
	stream_shut(a.stream);
	ck_assert(!stream_write(a.stream, "x", 1));
	TURN_UNTIL(loop, a.drained);
	ck_assert(read_exactly(raw, buf, 8));
	ck_assert_int_eq(read(raw, buf, 1), 0);
	ck_assert_int_eq(write(raw, "answer", 6), 6);
	TURN_UNTIL(loop, a.got.len == 6);
	raw_close();
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert_str_eq(text_str(&a.events), "drained input ended");
}
END_TEST

START_TEST(shut_waits_for_queued_output)
{
	uint8_t *bulk = xmalloc(BULK), *got = xmalloc(BULK);
	size_t n = 0;

	connect_raw_small((enum pair_kind)_i);
	fill_bulk(bulk, 5);
	ck_assert(stream_write(a.stream, bulk, BULK));
	stream_shut(a.stream);
	ck_assert_uint_gt(stream_queued(a.stream), 0);
	while (!a.drained) {
		ssize_t r = recv(raw, got + n, BULK - n, MSG_DONTWAIT);

		if (r > 0)
			n += (size_t)r;
		loop_turn(loop, NS_PER_MS);
	}
	ck_assert(n == BULK || read_exactly(raw, got + n, BULK - n));
	ck_assert_bytes(got, BULK, bulk, BULK);
	ck_assert_int_eq(read(raw, got, 1), 0);
	free(bulk);
	free(got);
}
END_TEST

START_TEST(abort_is_a_reset_for_the_other)
{
	char buf[8];

	connect_raw(PAIR_TCP4 + (enum pair_kind)_i);
	stream_abort(a.stream);
	ck_assert_int_eq(read(raw, buf, 1), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	ck_assert(!stream_write(a.stream, "x", 1));
	ck_assert_int_eq(stream_fd(a.stream), -1);
	stream_again(a.stream);
	stream_resume(a.stream);
	stream_abort(a.stream);
	stream_shut(a.stream);
	stream_set_deadline(a.stream, 1);
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	ck_assert_str_eq(text_str(&a.events), "");
}
END_TEST

START_TEST(free_is_a_fin_for_the_other)
{
	char buf[8];

	connect_raw((enum pair_kind)_i);
	stream_free(a.stream);
	a.stream = NULL;
	ck_assert_int_eq(read(raw, buf, 1), 0);
}
END_TEST

START_TEST(a_reset_behind_eof_is_said_too)
{
	uint8_t *bulk = xcalloc(1, BULK);

	connect_raw_small((enum pair_kind)_i);
	ck_assert(stream_write(a.stream, bulk, BULK));
	ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
	TURN_UNTIL(loop, a.ended);
	ck_assert_int_eq(a.ending, ENDING_EOF);
	ck_assert_uint_gt(stream_queued(a.stream), 0);
	raw_close(); /* with bytes unread */
	TURN_UNTIL(loop, a.nended == 2);
	ck_assert_int_eq(a.ending, ENDING_RESET);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 0);
	ck_assert_uint_eq(a.nended, 2);
	free(bulk);
}
END_TEST

START_TEST(hundreds_of_resets_while_writing_leave_us_alive)
{
	enum pair_kind kind = (enum pair_kind)_i;

	for (int i = 0; i < 300; i++) {
		uint8_t block[4096] = { 0 };

		connect_raw(kind);
		raw_reset(kind);
		while (stream_write(a.stream, block, sizeof(block)))
			;
		TURN_UNTIL(loop, a.ended);
		ck_assert_int_eq(a.ending, ENDING_RESET);
		peer_clear(&a);
		peer_init(&a);
	}
}
END_TEST

/* ---- freeing inside callbacks */

static void
free_on_event(void *arg, struct stream *s, enum stream_event e)
{
	enum stream_event *when = arg;
	struct peer *p = s == a.stream ? &a : &b;
	size_t len;

	if (e != *when)
		return;
	stream_free(s);
	stream_input(s, &len); /* the object is still there */
	stream_write(s, "x", 1);
	stream_again(s);
	stream_shut(s);
	stream_resume(s);
	stream_consume(s, 0);
	p->stream = NULL;
}

START_TEST(a_callback_may_free_its_stream)
{
	static const enum stream_event when[] = { STREAM_INPUT, STREAM_DRAINED,
		STREAM_ENDED, STREAM_TIMEOUT };
	enum stream_event event = when[_i];
	uint8_t *bulk = xcalloc(1, BULK);

	connect_streams(PAIR_TCP4);
	make_buffers_small(stream_fd(a.stream));
	b.keep = event == STREAM_INPUT;
	a.also = free_on_event;
	a.arg = &event;
	switch (event) {
	case STREAM_DRAINED:
		ck_assert(stream_write(a.stream, bulk, BULK));
		break;
	case STREAM_TIMEOUT:
		stream_set_deadline(a.stream, clock_mono_ns());
		break;
	default:
		ck_assert(stream_write(b.stream, bulk, BULK / 2));
		stream_shut(b.stream);
		break;
	}
	TURN_UNTIL(loop, a.stream == NULL);
	TURN_UNTIL(loop, b.ended);
	free(bulk);
}
END_TEST

static void
free_the_other(void *arg, struct stream *s, enum stream_event e)
{
	struct peer *other = arg;

	stream_free(other->stream);
	other->stream = NULL;
}

START_TEST(a_callback_may_free_another_stream_that_is_ready)
{
	connect_streams(PAIR_TCP4);
	a.also = b.also = free_the_other;
	a.arg = &b;
	b.arg = &a;
	/* both become readable before the turn */
	ck_assert(stream_write(a.stream, "x", 1));
	ck_assert(stream_write(b.stream, "x", 1));
	TURN_UNTIL(loop, a.stream == NULL || b.stream == NULL);
	ck_assert(a.stream != NULL || b.stream != NULL);
	ck_assert_uint_eq(a.ninputs + b.ninputs, 1);
}
END_TEST

static void
abort_itself(void *arg, struct stream *s, enum stream_event e)
{
	stream_abort(s);
}

START_TEST(a_callback_may_abort_its_stream)
{
	connect_streams(PAIR_TCP4);
	a.also = abort_itself;
	ck_assert(stream_write(b.stream, "x", 1));
	TURN_UNTIL(loop, b.ended);
	ck_assert_int_eq(b.ending, ENDING_RESET);
	ck_assert_str_eq(text_str(&a.events), "input");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stream_endings");
	TCase *tc = tcase_create("stream_endings");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup_ends, teardown_ends);
	tcase_add_loop_test(tc, fin_behind_bytes_is_eof, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, rst_is_reset, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, bytes_before_a_reset_are_delivered, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, a_write_into_a_closed_connection_is_a_reset, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc,
	    all_that_came_before_a_failed_write_is_delivered, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, queued_output_that_cannot_go_out_is_a_reset, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, a_reset_is_noticed_while_paused_if_we_write, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, half_close_leaves_the_other_direction, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, our_half_close_leaves_input, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, shut_waits_for_queued_output, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, abort_is_a_reset_for_the_other, 0, 2);
	tcase_add_loop_test(tc, free_is_a_fin_for_the_other, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, a_reset_behind_eof_is_said_too, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, hundreds_of_resets_while_writing_leave_us_alive,
	    0, PAIR_NKINDS);
	tcase_add_loop_test(tc, a_callback_may_free_its_stream, 0, 4);
	tcase_add_test(tc, a_callback_may_free_another_stream_that_is_ready);
	tcase_add_test(tc, a_callback_may_abort_its_stream);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
