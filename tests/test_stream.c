/* Streams without TLS, over socketpairs and TCP: bytes, bounds, endings. */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "peer.h"
#include "support.h"

static struct loop *loop;
static struct peer a, b; /* the two ends */
static int raw;          /* the other end as a bare descriptor */

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	peer_init(&a);
	peer_init(&b);
	raw = -1;
}

static void
teardown(void)
{
	peer_clear(&a);
	peer_clear(&b);
	if (raw >= 0)
		close(raw);
	loop_free(loop);
	clock_unfake();
}

/* a and b are streams. */
static void
connect_streams(enum pair_kind kind)
{
	int fds[2];

	make_pair(kind, fds);
	a.stream = stream_new(loop, fds[0], peer_on_event, &a);
	b.stream = stream_new(loop, fds[1], peer_on_event, &b);
	ck_assert_ptr_nonnull(a.stream);
	ck_assert_ptr_nonnull(b.stream);
}

/* a is a stream, the other end is |raw|, blocking. */
static void
connect_raw(enum pair_kind kind)
{
	int fds[2];

	make_pair(kind, fds);
	a.stream = stream_new(loop, fds[0], peer_on_event, &a);
	raw = fds[1];
	set_blocking(raw);
}

/* The same, and little room in the kernel. */
static void
connect_raw_small(enum pair_kind kind)
{
	connect_raw(kind);
	make_buffers_small(stream_fd(a.stream));
	make_buffers_small(raw);
}

static void
raw_close(void)
{
	close(raw);
	raw = -1;
}

/* RST from the raw end; a socketpair is reset by unread bytes. */
static void
raw_reset(enum pair_kind kind)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (kind == PAIR_SOCKETPAIR) {
		ck_assert(stream_write(a.stream, "unread", 6));
		ck_assert_uint_eq(stream_queued(a.stream), 0);
	}
	setsockopt(raw, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	raw_close();
}

static bool
read_exactly(int fd, void *buf, size_t len)
{
	return recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

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

START_TEST(tcp_has_no_delay)
{
	socklen_t len = sizeof(int);
	int on = 0;

	connect_streams(PAIR_TCP4);
	ck_assert_int_eq(getsockopt(stream_fd(a.stream), IPPROTO_TCP,
			     TCP_NODELAY, &on, &len),
	    0);
	ck_assert_int_ne(on, 0);
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

START_TEST(appended_bytes_wait_for_the_flush)
{
	connect_streams((enum pair_kind)_i);
	ck_assert(stream_append(a.stream, "one ", 4));
	ck_assert(stream_append(a.stream, "two", 3));
	loop_turn(loop, 0);
	loop_turn(loop, 0);
	ck_assert_uint_eq(stream_queued(a.stream), 7);
	ck_assert_uint_eq(b.got.len, 0);
	ck_assert(stream_flush(a.stream));
	ck_assert_uint_eq(stream_queued(a.stream), 0);
	TURN_UNTIL(loop, b.got.len == 7);
	ck_assert_str_eq(b.got.s, "one two");
	/* it went out at once: nothing was waited for */
	ck_assert_str_eq(text_str(&a.events), "");
}
END_TEST

START_TEST(a_write_goes_behind_what_was_appended)
{
	connect_streams((enum pair_kind)_i);
	ck_assert(stream_append(a.stream, "first ", 6));
	ck_assert(stream_write(a.stream, "second", 6));
	TURN_UNTIL(loop, b.got.len == 12);
	ck_assert_str_eq(b.got.s, "first second");
}
END_TEST

#define BULK 3000000

static void
fill_bulk(uint8_t *p, uint64_t seed)
{
	test_fill(&seed, p, BULK);
}

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
	ck_assert(!stream_append(a.stream, "x", 1));
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
	ck_assert(!stream_flush(a.stream));
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

static void
add_byte_tests(TCase *tc)
{
	tcase_add_loop_test(tc, bytes_go_both_ways, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, the_peer_has_a_name, 0, PAIR_NKINDS);
	tcase_add_test(tc, tcp_has_no_delay);
	tcase_add_loop_test(tc, vectors_are_written_in_order, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, appended_bytes_wait_for_the_flush, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, a_write_goes_behind_what_was_appended, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, bulk_in_both_directions_arrives_whole, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, reading_pauses_when_the_buffer_is_full, 0,
	    PAIR_NKINDS);
	tcase_add_test(tc, the_default_bound_is_64_kib);
	tcase_add_test(tc, bytes_can_be_taken_out_of_the_middle);
	tcase_add_loop_test(tc, a_paused_stream_reads_nothing, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, whoever_asks_again_gets_one_go_a_turn, 0,
	    PAIR_NKINDS);
	tcase_add_loop_test(tc, the_end_waits_for_whoever_asks_again, 0,
	    PAIR_NKINDS);
	tcase_add_test(tc, a_flood_leaves_the_others_their_turn);
	tcase_add_loop_test(tc, the_callback_can_be_changed, 0, PAIR_NKINDS);
}

static void
add_ending_tests(TCase *tc)
{
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
	tcase_add_loop_test(tc, the_deadline_is_the_owners, 0, PAIR_NKINDS);
	tcase_add_loop_test(tc, bytes_that_came_in_time_go_before_the_deadline,
	    0, PAIR_NKINDS);
	tcase_add_loop_test(tc, how_long_output_waits_is_known, 0, PAIR_NKINDS);
}

static Suite *
stream_suite(void)
{
	Suite *s = suite_create("stream");
	TCase *tc = tcase_create("stream");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	add_byte_tests(tc);
	add_ending_tests(tc);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(stream_suite());
}
