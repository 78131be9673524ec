/*
 * Reassembly, as rows: segments in, what comes out.  Offsets count from the
 * first byte behind the SYN.
 *
 *   20+5     segment of 5 bytes at offset 20
 *   20+5!    the same with other bytes
 *   20+5c2   of which 2 were captured
 *   20+5F    with FIN
 *   S        SYN
 *   A30      the other side acknowledges up to 30
 *   A30*9    does so nine times
 *   ^        nothing more will come
 *
 * Out: "20-25" bytes, "gap20-25", "fin", "wrong", and where notes are asked
 * for "note".
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/xalloc.h"
#include "capture/tcp_stream.h"
#include "support.h"

#define ISN UINT32_C(0xfffffff0) /* so that numbers wrap */

struct taker {
	struct text out;
	uint64_t at;
	uint64_t packet; /* of the last remark */
	char *text;      /* of the last remark */
	int64_t time_ns; /* of the last bytes */
	bool notes;
};

static uint8_t
byte_at(uint64_t off)
{
	return (uint8_t)(off * 7 + (off >> 8));
}

static void
add(struct taker *t, const char *word)
{
	text_addf(&t->out, "%s%s", t->out.len > 0 ? " " : "", word);
}

static void
on_data(void *arg, const uint8_t *p, size_t len, int64_t time_ns,
    uint64_t packet)
{
	struct taker *t = arg;
	char word[64];

	for (size_t i = 0; i < len; i++)
		ck_assert_msg(p[i] == byte_at(t->at + i), "wrong byte at %zu",
		    (size_t)t->at + i);
	snprintf(word, sizeof(word), "%zu-%zu", (size_t)t->at,
	    (size_t)t->at + len);
	t->at += len;
	t->time_ns = time_ns;
	add(t, word);
}

static void
on_gap(void *arg, uint64_t len, int64_t time_ns, uint64_t packet)
{
	struct taker *t = arg;
	char word[64];

	snprintf(word, sizeof(word), "gap%zu-%zu", (size_t)t->at,
	    (size_t)(t->at + len));
	t->at += len;
	add(t, word);
}

static void
on_fin(void *arg, int64_t time_ns, uint64_t packet)
{
	add(arg, "fin");
}

static void
on_remark(void *arg, enum remark_level level, int64_t time_ns, uint64_t packet,
    const char *text)
{
	struct taker *t = arg;

	if (level == REMARK_NOTE && !t->notes)
		return;
	add(t, level == REMARK_WRONG ? "wrong" : "note");
	t->packet = packet;
	free(t->text);
	t->text = xstrdup(text);
}

static struct tcp_stream *
new_stream(struct taker *t, size_t max_held)
{
	const struct tcp_sink sink = { t, on_data, on_gap, on_fin, on_remark };

	memset(t, 0, sizeof(*t));
	return tcp_stream_new(&sink, max_held);
}

static void
taker_clear(struct taker *t)
{
	text_clear(&t->out);
	free(t->text);
}

static void
feed_ack(struct tcp_stream *s, const char *word, uint64_t packet)
{
	char *end;
	unsigned long off = strtoul(word + 1, &end, 10), times = 1;

	if (*end == '*')
		times = strtoul(end + 1, &end, 10);
	ck_assert_int_eq(*end, '\0');
	while (times-- > 0)
		tcp_stream_acked(s, ISN + 1 + (uint32_t)off, 0, packet);
}

static void
feed_data(struct tcp_stream *s, const char *word, uint64_t packet)
{
	struct segment seg = { .packet = packet, .time_ns = (int64_t)packet };
	char *end;
	unsigned long off = strtoul(word, &end, 10), len;
	uint8_t *bytes;

	ck_assert_int_eq(*end, '+');
	len = strtoul(end + 1, &end, 10);
	bytes = xmalloc(len);
	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(off + i);
	seg.data = (struct seen){ bytes, len, len };
	for (; *end != '\0'; end++) {
		if (*end == '!')
			for (size_t i = 0; i < len; i++)
				bytes[i] ^= 0xff;
		else if (*end == 'F')
			seg.flags |= TCP_FIN;
		else if (*end == 'c')
			seg.data.len = strtoul(end + 1, &end, 10), end--;
		else
			ck_abort_msg("bad word %s", word);
	}
	seg.seq = ISN + 1 + (uint32_t)off;
	tcp_stream_segment(s, &seg);
	free(bytes);
}

/* Feed a row, one packet a word. */
static void
feed(struct tcp_stream *s, const char *row)
{
	char *copy = xstrdup(row), *save = NULL;
	uint64_t packet = 1;

	for (char *w = strtok_r(copy, " ", &save); w != NULL;
	     w = strtok_r(NULL, " ", &save), packet++) {
		struct segment syn = { .seq = ISN, .flags = TCP_SYN };

		if (*w == 'S')
			tcp_stream_segment(s, &syn);
		else if (*w == 'A')
			feed_ack(s, w, packet);
		else if (*w == '^')
			tcp_stream_finish(s, (int64_t)packet, packet);
		else
			feed_data(s, w, packet);
	}
	free(copy);
}

static const struct {
	const char *in;
	const char *out;
} rows[] = {
	/* in order */
	{ "S 0+10 10+10 20+0F", "0-10 10-20 fin" },
	{ "S 0+10F", "0-10 fin" },
	{ "S S 0+10", "0-10" },
	/* sequence numbers wrap at offset 15 */
	{ "S 0+15 15+1 16+14", "0-15 15-16 16-30" },
	/* without a SYN the first segment is the beginning */
	{ "0+10 10+10", "0-10 10-20" },
	/* out of order */
	{ "S 10+10 0+10", "0-10 10-20" },
	{ "S 20+10 10+10 0+10", "0-10 10-20 20-30" },
	{ "S 10+10F 0+10", "0-10 10-20 fin" },
	/* sent again: whole, partly, with more behind, with more before */
	{ "S 0+10 0+10 10+10", "0-10 10-20" },
	{ "S 0+10 5+5", "0-10" },
	{ "S 0+10 5+10", "0-10 10-15" },
	{ "S 10+10 0+15 20+1", "0-10 10-20 20-21" },
	{ "S 10+10 0+30", "0-10 10-20 20-30" },
	{ "S 10+5 20+5 0+30", "0-10 10-15 15-20 20-25 25-30" },
	{ "S 10+10 10+10 0+10", "0-10 10-20" },
	{ "S 0+10F 0+10F", "0-10 fin" },
	/* other bytes: the first wins, before it went out and after */
	{ "S 0+10 0+10! 10+1", "0-10 wrong 10-11" },
	{ "S 0+10 5+5! 10+1", "0-10 wrong 10-11" },
	{ "S 10+10 10+10! 0+10", "wrong 0-10 10-20" },
	{ "S 10+10 15+5! 0+10", "wrong 0-10 10-20" },
	{ "S 10+10 12+4! 0+10", "wrong 0-10 10-20" },
	/* a keep-alive probe repeats one byte and means nothing by it */
	{ "S 0+10 9+1! 10+1", "0-10 10-11" },
	{ "S 0+10 8+2! 10+1", "0-10 wrong 10-11" },
	/* a hole, seen at the end */
	{ "S 0+10 20+10 ^", "0-10 wrong gap10-20 20-30" },
	{ "S 20+10 40+10 ^", "wrong gap0-20 20-30 wrong gap30-40 40-50" },
	{ "S 0+10 20+0F ^", "0-10 wrong gap10-20 fin" },
	{ "S 0+10 A30 ^", "0-10 wrong gap10-30" },
	{ "S 0+10 A11 ^", "0-10" }, /* that may be a FIN */
	{ "S 0+10 10+0F A11 ^", "0-10 fin" },
	{ "S 0+10 10+0F A50 ^", "0-10 fin" }, /* of more than there is */
	{ "S 0+10 20+0F A50 ^", "0-10 wrong gap10-20 fin" },
	{ "S 0+10 A50 A50 ^ ^", "0-10 wrong gap10-50" },
	/* an acknowledgement went past it: not at once, but soon */
	{ "S 0+10 20+10 A30*50 10+10", "0-10 10-20 20-30" },
	{ "S 0+10 20+10 A30*128 10+10", "0-10 10-20 20-30" },
	{ "S 0+10 20+10 A30*129 30+1", "0-10 wrong gap10-20 20-30 30-31" },
	{ "S 0+10 20+10 A10*500 10+10", "0-10 10-20 20-30" },
	/* cut by the capture */
	{ "S 0+10c4 10+5", "0-4 gap4-10 10-15" },
	{ "S 10+10c4 0+10 20+1", "0-10 10-14 gap14-20 20-21" },
	{ "S 0+10c0 10+5", "gap0-10 10-15" },
	{ "S 0+10c4 0+10 10+1", "0-4 gap4-10 10-11" },
	{ "S 0+10c4 0+10! 10+1", "0-4 gap4-10 10-11" },
	/* behind the end: compared as well, and nothing is added */
	{ "S 0+10F 0+10!", "0-10 fin wrong" },
	{ "S 0+10F 5+3", "0-10 fin" },
	{ "S 0+10F 10+5", "0-10 fin wrong" },
	{ "S 0+10F 5+10", "0-10 fin wrong" },
	{ "S 0+10F 10+1!", "0-10 fin" }, /* a keep-alive probe */
	{ "S 10+5F 0+5 15+5 5+5", "0-5 wrong 5-10 10-15 fin" },
	/* far away */
	{ "S 0+10 1500000000+10 10+1", "0-10 wrong 10-11" },
};

START_TEST(segments_become_a_stream)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);

	feed(s, rows[_i].in);
	ck_assert_msg(strcmp(text_str(&t.out), rows[_i].out) == 0,
	    "%s: got %s, want %s", rows[_i].in, text_str(&t.out), rows[_i].out);
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(a_conflict_names_both_packets)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);

	feed(s, "S 0+10 10+10 12+4!");
	ck_assert_uint_eq(t.packet, 4);
	ck_assert_str_eq(t.text,
	    "other bytes than packet 3 for stream offset 12; the earlier ones "
	    "stay");
	tcp_stream_free(s);
	taker_clear(&t);
	s = new_stream(&t, 1 << 20);
	feed(s, "S 10+10 30+10 35+1!");
	ck_assert_uint_eq(t.packet, 4);
	ck_assert_ptr_nonnull(strstr(t.text, "packet 3 "));
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(what_tcp_mends_is_a_note)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);
	struct tcp_counts c;

	t.notes = true;
	feed(s, "S 0+10 0+10 20+10 20+10 10+10");
	ck_assert_str_eq(text_str(&t.out),
	    "0-10 note note note note 10-20 20-30");
	c = tcp_stream_counts(s);
	ck_assert_uint_eq(c.resent, 2);
	ck_assert_uint_eq(c.reordered, 2);
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(a_hole_is_given_up_after_some_seconds)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);

	feed(s, "S 0+10 20+10");
	tcp_stream_acked(s, ISN + 1 + 30, 0, 4);
	tcp_stream_acked(s, ISN + 1 + 30, 10 * NS_PER_S, 5);
	ck_assert_str_eq(text_str(&t.out), "0-10");
	tcp_stream_acked(s, ISN + 1 + 30, 10 * NS_PER_S + 1, 6);
	ck_assert_str_eq(text_str(&t.out), "0-10 wrong gap10-20 20-30");
	ck_assert_uint_eq(t.packet, 6);
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(late_bytes_have_the_time_at_which_the_hole_closed)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);

	feed(s, "S 10+10 0+10");
	ck_assert_str_eq(text_str(&t.out), "0-10 10-20");
	ck_assert_int_eq(t.time_ns, 3);
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(what_waits_is_bounded)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 100000);
	char word[32];

	feed(s, "S 0+10");
	for (size_t off = 20; off < 2000000; off += 1000) {
		snprintf(word, sizeof(word), "%zu+999", off);
		feed(s, word);
		ck_assert_uint_le(tcp_stream_held(s), 300000);
	}
	ck_assert_ptr_nonnull(strstr(text_str(&t.out), "wrong gap10-20 "));
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

START_TEST(many_small_pieces_are_bounded_as_well)
{
	struct taker t;
	struct tcp_stream *s = new_stream(&t, SIZE_MAX);
	char word[32];

	feed(s, "S 0+10");
	for (size_t off = 20; off < 20 + 2 * 4097; off += 2) {
		snprintf(word, sizeof(word), "%zu+1", off);
		feed(s, word);
	}
	ck_assert_ptr_nonnull(strstr(text_str(&t.out), "wrong gap10-20 "));
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

/* Whatever is lost, doubled or out of order: bytes come in order, are those
 * that were sent, and with the gaps make up the whole. */
START_TEST(random_segments_never_lie)
{
	uint64_t seed = (uint64_t)_i + 1;
	struct taker t;
	struct tcp_stream *s = new_stream(&t, 1 << 20);
	char word[32];

	feed(s, "S");
	for (int i = 0; i < 300; i++) {
		size_t off = test_random(&seed) % 60 + (size_t)i * 10;

		snprintf(word, sizeof(word), "%zu+%zu", off,
		    (size_t)(test_random(&seed) % 30));
		feed(s, word);
		if (test_random(&seed) % 4 == 0) {
			snprintf(word, sizeof(word), "A%zu", off);
			feed(s, word);
		}
	}
	feed(s, "9000+10F ^");
	ck_assert_uint_eq(t.at, 9010);
	ck_assert_str_eq(text_str(&t.out) + t.out.len - 3, "fin");
	tcp_stream_free(s);
	taker_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tcp_stream");
	TCase *tc = tcase_create("tcp_stream");

	tcase_add_rows(tc, segments_become_a_stream, rows);
	tcase_add_test(tc, a_conflict_names_both_packets);
	tcase_add_test(tc, what_tcp_mends_is_a_note);
	tcase_add_test(tc, a_hole_is_given_up_after_some_seconds);
	tcase_add_test(tc, late_bytes_have_the_time_at_which_the_hole_closed);
	tcase_add_test(tc, what_waits_is_bounded);
	tcase_add_test(tc, many_small_pieces_are_bounded_as_well);
	tcase_add_loop_test(tc, random_segments_never_lie, 0, 30);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
