/* The reader of WebSocket frames: pieces, fragments, limits, every error. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/ws.h"
#include "support.h"
#include "ws_feed.h"

#define FRAME_LIMIT   1000
#define MESSAGE_LIMIT 3000

struct bytes {
	uint8_t *p;
	size_t len;
};

/* Append one frame; a masked one with a mask that depends on its length. */
static void
add_frame(struct bytes *b, bool fin, uint8_t opcode, bool masked,
    const void *payload, size_t len)
{
	struct rk_ws_header h = { .fin = fin,
		.opcode = opcode,
		.masked = masked,
		.mask = { 0x11, (uint8_t)len, 0x33, 0x80 },
		.payload_len = len };
	struct rk_writer w;

	b->p = realloc(b->p, b->len + RK_WS_HEADER_MAX + len);
	ck_assert_ptr_nonnull(b->p);
	rk_writer_init(&w, b->p + b->len, RK_WS_HEADER_MAX);
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	b->len += w.len;
	if (len > 0)
		memcpy(b->p + b->len, payload, len);
	if (masked)
		rk_ws_mask(h.mask, 0, b->p + b->len, len);
	b->len += len;
}

START_TEST(the_examples_of_the_rfc_are_read)
{
	/* RFC 6455 section 5.7 */
	static const char hello[] = "Hello";
	struct ws_log want = { 0 };
	struct ws_feed f;
	size_t len;
	const uint8_t *p;

	ws_log_add(&want, RK_WS_TEXT, 0, hello, 5);
	ws_log_add(&want, RK_WS_TEXT, 0, hello, 5);
	ws_log_add(&want, RK_WS_PING, 0, hello, 5);
	ws_feed_init(&f, false, FRAME_LIMIT, MESSAGE_LIMIT);
	p = hex("81 05 48656c6c6f  01 03 48656c  80 02 6c6f  "
		"89 05 48656c6c6f",
	    &len);
	ws_feed_bytes(&f, p, len);
	ck_assert_int_eq(f.err, RK_ERR_AGAIN);
	ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
	ws_feed_clear(&f);

	ws_feed_init(&f, true, FRAME_LIMIT, MESSAGE_LIMIT);
	p = hex("81 85 37fa213d 7f9f4d5158  8a 85 37fa213d 7f9f4d5158", &len);
	ws_feed_bytes(&f, p, len);
	ck_assert_int_eq(f.err, RK_ERR_AGAIN);
	want.len = 0;
	ws_log_add(&want, RK_WS_TEXT, 0, hello, 5);
	ws_log_add(&want, RK_WS_PONG, 0, hello, 5);
	ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
	ws_feed_clear(&f);
	free(want.p);
}
END_TEST

/* A conversation with everything in it. */
static struct bytes
conversation(bool masked, struct ws_log *want)
{
	static const uint8_t close[] = "\x03\xe8"
				       "bye";
	struct bytes b = { 0 };
	uint8_t data[600];
	uint64_t seed = 7;

	test_fill(&seed, data, sizeof(data));
	add_frame(&b, true, RK_WS_BINARY, masked, data, 200);
	ws_log_add(want, RK_WS_BINARY, 0, data, 200);
	add_frame(&b, false, RK_WS_BINARY, masked, data, 130);
	add_frame(&b, true, RK_WS_PING, masked, "one", 3);
	ws_log_add(want, RK_WS_PING, 0, "one", 3);
	add_frame(&b, false, RK_WS_CONTINUATION, masked, data, 0);
	add_frame(&b, false, RK_WS_CONTINUATION, masked, data + 130, 370);
	add_frame(&b, true, RK_WS_PONG, masked, NULL, 0);
	ws_log_add(want, RK_WS_PONG, 0, NULL, 0);
	add_frame(&b, true, RK_WS_PING, masked, data, RK_WS_CONTROL_MAX);
	ws_log_add(want, RK_WS_PING, 0, data, RK_WS_CONTROL_MAX);
	add_frame(&b, true, RK_WS_CONTINUATION, masked, data + 500, 100);
	ws_log_add(want, RK_WS_BINARY, 0, data, 600);
	add_frame(&b, false, RK_WS_TEXT, masked, "gr\xc3", 3);
	add_frame(&b, true, RK_WS_CONTINUATION, masked,
	    "\xbc\xc3\x9f"
	    "e",
	    4);
	ws_log_add(want, RK_WS_TEXT, 0,
	    "gr\xc3\xbc\xc3\x9f"
	    "e",
	    7);
	add_frame(&b, true, RK_WS_BINARY, masked, NULL, 0);
	ws_log_add(want, RK_WS_BINARY, 0, NULL, 0);
	add_frame(&b, true, RK_WS_CLOSE, masked, close, 5);
	ws_log_add(want, RK_WS_CLOSE, 1000, close, 5);
	return b;
}

START_TEST(pieces_of_any_size_give_the_same)
{
	struct ws_log want = { 0 };
	struct bytes b = conversation(_i, &want);

	for (size_t piece = 1; piece <= b.len; piece++) {
		struct ws_feed f;

		ws_feed_init(&f, _i, FRAME_LIMIT, MESSAGE_LIMIT);
		ws_feed_pieces(&f, b.p, b.len, piece);
		ck_assert(f.closed);
		ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
		ws_feed_clear(&f);
	}
	free(b.p);
	free(want.p);
}
END_TEST

START_TEST(every_split_gives_the_same)
{
	struct ws_log want = { 0 };
	struct bytes b = conversation(_i, &want);

	for (size_t cut = 0; cut < b.len; cut++) {
		struct ws_feed f;

		ws_feed_init(&f, _i, FRAME_LIMIT, MESSAGE_LIMIT);
		ws_feed_bytes(&f, b.p, cut);
		ck_assert_int_eq(f.err, RK_ERR_AGAIN);
		ck_assert(!f.closed);
		ws_feed_bytes(&f, b.p + cut, b.len - cut);
		ck_assert(f.closed);
		ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
		ws_feed_clear(&f);
	}
	free(b.p);
	free(want.p);
}
END_TEST

START_TEST(exactly_what_is_needed_is_enough)
{
	struct ws_log want = { 0 };
	struct bytes b = conversation(true, &want);
	struct ws_feed f;
	size_t fed = 0;

	ws_feed_init(&f, true, FRAME_LIMIT, MESSAGE_LIMIT);
	ws_feed_bytes(&f, b.p, 0);
	while (!f.closed) {
		size_t more = f.need - f.len;

		ck_assert_int_eq(f.err, RK_ERR_AGAIN);
		ck_assert_uint_le(more, b.len - fed);
		ws_feed_bytes(&f, b.p + fed, more);
		fed += more;
	}
	ck_assert_uint_eq(fed, b.len);
	ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
	ws_feed_clear(&f);
	free(b.p);
	free(want.p);
}
END_TEST

START_TEST(lengths_around_the_markers_arrive)
{
	static const size_t lengths[] = { 0, 1, 7, 8, 124, 125, 126, 127, 128,
		65534, 65535, 65536, 65537 };
	size_t len = lengths[_i];
	uint8_t *data = malloc(len + 1);
	uint64_t seed = len;

	test_fill(&seed, data, len);
	for (int masked = 0; masked <= 1; masked++) {
		struct ws_log want = { 0 };
		struct bytes b = { 0 };
		struct ws_feed f;

		add_frame(&b, true, RK_WS_BINARY, masked, data, len);
		ws_log_add(&want, RK_WS_BINARY, 0, data, len);
		ws_feed_init(&f, masked, len, len);
		ws_feed_bytes(&f, b.p, b.len - 1);
		ck_assert_int_eq(f.err, RK_ERR_AGAIN);
		ck_assert_uint_eq(f.nmessages, 0);
		ws_feed_bytes(&f, b.p + b.len - 1, 1);
		ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
		ck_assert_uint_eq(f.len, 0);
		ws_feed_clear(&f);
		free(b.p);
		free(want.p);
	}
	free(data);
}
END_TEST

START_TEST(a_whole_frame_is_read_where_it_lies)
{
	struct rk_ws_reader r;
	struct rk_ws_message m;
	uint8_t buf[] = { 0x82, 0x03, 'a', 'b', 'c', 0x89, 0x00 };
	size_t at, used, need;

	rk_ws_reader_init(&r, false, FRAME_LIMIT, MESSAGE_LIMIT);
	ck_assert_int_eq(rk_ws_next(&r, buf, sizeof(buf), &m, &at, &used,
			     &need),
	    RK_OK);
	ck_assert_ptr_eq(m.payload, buf + 2);
	ck_assert_uint_eq(at, 0);
	ck_assert_uint_eq(used, 5);
	ck_assert_uint_eq(m.nframes, 1);
}
END_TEST

START_TEST(fragments_are_counted_and_joined_at_the_front)
{
	struct rk_ws_reader r;
	struct rk_ws_message m;
	/* a fragment, a ping, the rest, and a byte of what follows */
	uint8_t buf[] = { 0x02, 0x02, 'a', 'b', 0x89, 0x01, 'p', 0x80, 0x01,
		'c', 0x82 };
	size_t at, used, need;

	rk_ws_reader_init(&r, false, FRAME_LIMIT, MESSAGE_LIMIT);
	ck_assert_int_eq(rk_ws_next(&r, buf, sizeof(buf), &m, &at, &used,
			     &need),
	    RK_OK);
	ck_assert_int_eq(m.opcode, RK_WS_PING);
	ck_assert_ptr_eq(m.payload, buf + 6);
	ck_assert_uint_eq(r.assembled, 2);
	ck_assert_uint_eq(at, 2);
	ck_assert_uint_eq(used, 5); /* a header and the ping */
	memmove(buf + at, buf + at + used, sizeof(buf) - at - used);
	ck_assert_int_eq(rk_ws_next(&r, buf, sizeof(buf) - used, &m, &at, &used,
			     &need),
	    RK_OK);
	ck_assert_int_eq(m.opcode, RK_WS_BINARY);
	ck_assert_uint_eq(m.nframes, 2);
	ck_assert_bytes(m.payload, m.len, "abc", 3);
	ck_assert_uint_eq(r.assembled, 0);
	ck_assert_uint_eq(at, 0);
	ck_assert_uint_eq(used, 5); /* the message and a header */
}
END_TEST

START_TEST(the_message_after_a_fragmented_one_is_fine)
{
	struct bytes b = { 0 };
	struct ws_feed f;

	for (int round = 0; round < 3; round++) {
		add_frame(&b, true, RK_WS_TEXT, true, "t", 1);
		add_frame(&b, false, RK_WS_BINARY, true, "ab", 2);
		add_frame(&b, true, RK_WS_PING, true, "x", 1);
		add_frame(&b, false, RK_WS_CONTINUATION, true, "cd", 2);
		add_frame(&b, true, RK_WS_PING, true, "y", 1);
		add_frame(&b, true, RK_WS_CONTINUATION, true, "e", 1);
	}
	ws_feed_init(&f, true, FRAME_LIMIT, MESSAGE_LIMIT);
	ws_feed_pieces(&f, b.p, b.len, 3);
	ck_assert_int_eq(f.err, RK_ERR_AGAIN);
	ck_assert_uint_eq(f.nmessages, 12);
	ck_assert_uint_eq(f.last.nframes, 3);
	ck_assert_int_eq(f.last.opcode, RK_WS_BINARY);
	ck_assert_uint_eq(f.last.len, 5);
	ws_feed_clear(&f);
	free(b.p);
}
END_TEST

START_TEST(a_masked_frame_in_parts_is_not_touched)
{
	struct rk_ws_reader r;
	struct rk_ws_message m;
	struct bytes b = { 0 };
	size_t at, used, need;
	uint8_t *copy;

	add_frame(&b, true, RK_WS_BINARY, true, "some payload", 12);
	copy = malloc(b.len);
	memcpy(copy, b.p, b.len);
	rk_ws_reader_init(&r, true, FRAME_LIMIT, MESSAGE_LIMIT);
	for (size_t n = 0; n < b.len; n++) {
		ck_assert_int_eq(rk_ws_next(&r, b.p, n, &m, &at, &used, &need),
		    RK_ERR_AGAIN);
		ck_assert_uint_eq(used, 0);
		ck_assert_bytes(b.p, b.len, copy, b.len);
	}
	ck_assert_int_eq(rk_ws_next(&r, b.p, b.len, &m, &at, &used, &need),
	    RK_OK);
	ck_assert_bytes(m.payload, m.len, "some payload", 12);
	free(copy);
	free(b.p);
}
END_TEST

struct error_row {
	const char *what;
	bool expect_mask;
	const char *bytes; /* the error shows with the last of them */
	int err;
};

static const struct error_row errors[] = {
	{ "RSV1", false, "c2", RK_ERR_WS_RSV },
	{ "RSV2", false, "a2", RK_ERR_WS_RSV },
	{ "RSV3", false, "92", RK_ERR_WS_RSV },
	{ "RSV on a control frame", false, "c9", RK_ERR_WS_RSV },
	{ "opcode 3", false, "83", RK_ERR_WS_OPCODE },
	{ "opcode 7", false, "87", RK_ERR_WS_OPCODE },
	{ "opcode b", false, "8b", RK_ERR_WS_OPCODE },
	{ "opcode f", false, "8f", RK_ERR_WS_OPCODE },
	{ "fragmented ping", false, "09", RK_ERR_WS_CONTROL },
	{ "fragmented close", false, "08", RK_ERR_WS_CONTROL },
	{ "continuation of nothing", false, "80", RK_ERR_WS_CONTINUATION },
	{ "open continuation of nothing", false, "00", RK_ERR_WS_CONTINUATION },
	{ "continuation after a whole message", false, "820161 80",
	    RK_ERR_WS_CONTINUATION },
	{ "continuation after the last one", false, "020161 800162 80",
	    RK_ERR_WS_CONTINUATION },
	{ "message inside another", false, "020161 82", RK_ERR_WS_INTERLEAVED },
	{ "text inside a binary message", false, "020161 890170 01",
	    RK_ERR_WS_INTERLEAVED },
	{ "masked by a server", false, "8280", RK_ERR_WS_MASK },
	{ "unmasked by a client", true, "8200", RK_ERR_WS_MASK },
	{ "unmasked ping by a client", true, "8900", RK_ERR_WS_MASK },
	{ "ping of 126", false, "897e", RK_ERR_WS_CONTROL },
	{ "ping with a long length", true, "89ff", RK_ERR_WS_CONTROL },
	{ "1 in two bytes", false, "827e0001", RK_ERR_WS_LENGTH },
	{ "125 in two bytes", true, "82fe007d", RK_ERR_WS_LENGTH },
	{ "126 in eight bytes", false, "827f000000000000007e",
	    RK_ERR_WS_LENGTH },
	{ "65535 in eight bytes", false, "827f000000000000ffff",
	    RK_ERR_WS_LENGTH },
	{ "top bit of the length", true, "82ff8000000000000000",
	    RK_ERR_WS_LENGTH },
	{ "all bits of the length", false, "827fffffffffffffffff",
	    RK_ERR_WS_LENGTH },
	{ "frame over the limit", true, "82fe03e9", RK_ERR_TOO_LONG },
	{ "huge frame", true, "82ff7fffffffffffffff", RK_ERR_TOO_LONG },
	{ "close of one byte", false, "8801", RK_ERR_WS_CLOSE },
	{ "close of one byte, masked", true, "8881", RK_ERR_WS_CLOSE },
	{ "close code 999", false, "880203e7", RK_ERR_WS_CLOSE },
	{ "close code 1004", false, "880203ec", RK_ERR_WS_CLOSE },
	{ "close code 1005", false, "880203ed", RK_ERR_WS_CLOSE },
	{ "close code 1006", false, "880203ee", RK_ERR_WS_CLOSE },
	{ "close code 1015", false, "880203f7", RK_ERR_WS_CLOSE },
	{ "close code 2999", false, "88020bb7", RK_ERR_WS_CLOSE },
	{ "close code 5000", false, "88021388", RK_ERR_WS_CLOSE },
	{ "close reason is not UTF-8", false, "880303e8ff", RK_ERR_UTF8 },
	{ "text is not UTF-8", false, "8102c328", RK_ERR_UTF8 },
	{ "text ends inside a character", false, "8102e282", RK_ERR_UTF8 },
	{ "the same in fragments", false, "0101e2 800182", RK_ERR_UTF8 },
};

START_TEST(each_error_is_told_as_early_as_it_shows)
{
	const struct error_row *row = &errors[_i];
	struct ws_feed f;
	size_t len;
	const uint8_t *bytes = hex(row->bytes, &len);

	ws_feed_init(&f, row->expect_mask, FRAME_LIMIT, MESSAGE_LIMIT);
	ws_feed_pieces(&f, bytes, len - 1, 1);
	ck_assert_msg(f.err == RK_ERR_AGAIN, "%s: too early: %s", row->what,
	    rk_errname(f.err));
	ws_feed_bytes(&f, bytes + len - 1, 1);
	ck_assert_msg(f.err == row->err, "%s: %s", row->what,
	    rk_errname(f.err));
	ws_feed_clear(&f);

	ws_feed_init(&f, row->expect_mask, FRAME_LIMIT, MESSAGE_LIMIT);
	ws_feed_bytes(&f, bytes, len);
	ck_assert_msg(f.err == row->err, "%s at once: %s", row->what,
	    rk_errname(f.err));
	ws_feed_clear(&f);
}
END_TEST

static int
verdict_of(const struct bytes *b, size_t max_frame, size_t max_message)
{
	struct ws_feed f;
	int err;

	ws_feed_init(&f, true, max_frame, max_message);
	ws_feed_bytes(&f, b->p, b->len);
	err = f.err;
	ws_feed_clear(&f);
	return err;
}

START_TEST(limits_are_inclusive)
{
	uint8_t data[200] = { 0 };
	struct bytes one = { 0 }, three = { 0 };

	add_frame(&one, true, RK_WS_BINARY, true, data, 100);
	ck_assert_int_eq(verdict_of(&one, 100, 100), RK_ERR_AGAIN);
	ck_assert_int_eq(verdict_of(&one, 99, 100), RK_ERR_TOO_LONG);
	ck_assert_int_eq(verdict_of(&one, 100, 99), RK_ERR_TOO_LONG);
	ck_assert_int_eq(verdict_of(&one, SIZE_MAX, SIZE_MAX), RK_ERR_AGAIN);

	add_frame(&three, false, RK_WS_BINARY, true, data, 50);
	add_frame(&three, true, RK_WS_PING, true, data, 125);
	add_frame(&three, false, RK_WS_CONTINUATION, true, data, 0);
	add_frame(&three, true, RK_WS_CONTINUATION, true, data, 51);
	ck_assert_int_eq(verdict_of(&three, 51, 101), RK_ERR_AGAIN);
	ck_assert_int_eq(verdict_of(&three, 50, 101), RK_ERR_TOO_LONG);
	ck_assert_int_eq(verdict_of(&three, 51, 100), RK_ERR_TOO_LONG);
	free(one.p);
	free(three.p);
}
END_TEST

START_TEST(the_longest_length_is_no_overflow)
{
	struct rk_ws_reader r;
	struct rk_ws_message m;
	uint8_t buf[16] = { 0x82, 0x7f, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff };
	size_t at, used, need;

	rk_ws_reader_init(&r, false, SIZE_MAX, SIZE_MAX);
	ck_assert_int_eq(rk_ws_next(&r, buf, sizeof(buf), &m, &at, &used,
			     &need),
	    RK_ERR_AGAIN);
	ck_assert_uint_eq(need, UINT64_C(0x3fffffffffffffff) + 10);
	memset(buf + 2, 0xff, 8);
	buf[2] = 0x7f;
	ck_assert_int_eq(rk_ws_next(&r, buf, sizeof(buf), &m, &at, &used,
			     &need),
	    RK_ERR_AGAIN);
	ck_assert_uint_eq(need, (uint64_t)INT64_MAX + 10);
}
END_TEST

START_TEST(close_codes)
{
	for (int code = 0; code <= 0xffff; code++) {
		bool good = (code >= 1000 && code <= 1014 && code != 1004 &&
				code != 1005 && code != 1006) ||
		    (code >= 3000 && code <= 4999);

		ck_assert_msg(rk_ws_close_code_ok(code) == good, "%d", code);
	}
}
END_TEST

START_TEST(a_close_without_code_is_1005)
{
	struct ws_feed f;

	ws_feed_init(&f, false, FRAME_LIMIT, MESSAGE_LIMIT);
	ws_feed_bytes(&f, "\x88\0", 2);
	ck_assert(f.closed);
	ck_assert_int_eq(f.last.close_code, 1005);
	ck_assert_uint_eq(f.last.len, 0);
	ws_feed_clear(&f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ws_reader");
	TCase *reader = tcase_create("reader");

	tcase_set_timeout(reader, 60);
	tcase_add_test(reader, the_examples_of_the_rfc_are_read);
	tcase_add_loop_test(reader, pieces_of_any_size_give_the_same, 0, 2);
	tcase_add_loop_test(reader, every_split_gives_the_same, 0, 2);
	tcase_add_test(reader, exactly_what_is_needed_is_enough);
	tcase_add_loop_test(reader, lengths_around_the_markers_arrive, 0, 13);
	tcase_add_test(reader, a_whole_frame_is_read_where_it_lies);
	tcase_add_test(reader, fragments_are_counted_and_joined_at_the_front);
	tcase_add_test(reader, the_message_after_a_fragmented_one_is_fine);
	tcase_add_test(reader, a_masked_frame_in_parts_is_not_touched);
	tcase_add_rows(reader, each_error_is_told_as_early_as_it_shows, errors);
	tcase_add_test(reader, limits_are_inclusive);
	tcase_add_test(reader, the_longest_length_is_no_overflow);
	tcase_add_test(reader, close_codes);
	tcase_add_test(reader, a_close_without_code_is_1005);
	suite_add_tcase(s, reader);
	return run_suite(s);
}
