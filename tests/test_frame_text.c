/* The line of text for a frame. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/frame.h"
#include "frame_vectors.h"
#include "support.h"

static const struct rk_dialect *v3;

static void
decode_message(const void *p, size_t len, struct rk_frame *f)
{
	struct rk_raw_frame raw;

	ck_assert_int_eq(rk_split(RK_HEADER_TYPE8, 0, p, len, &raw), RK_OK);
	rk_frame_decode(v3, &raw, false, f);
}

static void
check_line(const struct rk_frame *f, size_t snap, const char *want)
{
	char line[512];
	size_t len = rk_frame_text(f, snap, line, sizeof(line));

	ck_assert_str_eq(line, want);
	ck_assert_uint_eq(len, strlen(want));
}

START_TEST(vector_has_its_line)
{
	size_t len;
	const uint8_t *p = hex(frame_vectors[_i].raw, &len);
	struct rk_raw_frame raw;
	struct rk_frame f;

	ck_assert_int_eq(rk_split(RK_HEADER_TLV32, v3->max_frame, p, len, &raw),
	    RK_OK);
	ck_assert_int_eq(rk_frame_decode(v3, &raw, true, &f), RK_OK);
	check_line(&f, 64, frame_vectors[_i].text);
}
END_TEST

/* WebSocket form, so that any length can be shown. */
static const struct {
	const char *message;
	size_t snap;
	const char *line;
} lines[] = {
	{ "05" KEY_A "68656c6c6f", 64,
	    "RecvPacket from 8a88e3dd7409… 5 bytes 68656c6c6f" },
	{ "05" KEY_A "68656c6c6f", 5,
	    "RecvPacket from 8a88e3dd7409… 5 bytes 68656c6c6f" },
	{ "05" KEY_A "68656c6c6f", 4,
	    "RecvPacket from 8a88e3dd7409… 5 bytes 68656c6c…" },
	{ "05" KEY_A "68656c6c6f", 0, "RecvPacket from 8a88e3dd7409… 5 bytes" },
	/* wrong lengths */
	{ "0c01020304050607", 64, "Ping 01020304050607 (1 byte too few)" },
	{ "0c", 64, "Ping (8 bytes too few)" },
	{ "0c01020304050607080a0b", 64,
	    "Ping 0102030405060708 (2 bytes too many)" },
	{ "0601", 64, "KeepAlive (1 byte too many)" },
	{ "08" KEY_A "01", 64, "PeerGone 8a88e3dd7409… (1 byte too many)" },
	{ "040102", 64, "SendPacket to 0102 (30 bytes too few)" },
	{ "0400010203040506", 64,
	    "SendPacket to 000102030405… (25 bytes too few)" },
	{ "0f0000000a00", 64,
	    "Restarting reconnect_in_ms 10 try_for_ms 0 (3 bytes too few)" },
	{ "02" MAGIC KEY_A, 64, "ClientInfo 8a88e3dd7409… (64 bytes too few)" },
	{ "025245", 64, "ClientInfo (103 bytes too few)" },
	/* wrong values */
	{ "02"
	  "aa454c4159f09f9491" KEY_A SIGNATURE_A "03",
	    64,
	    "ClientInfo (wrong magic) 8a88e3dd7409… signature 756408beeea4… "
	    "message 03" },
	{ "02" MAGIC KEY_A SIGNATURE_A "8300ff", 2,
	    "ClientInfo 8a88e3dd7409… signature 756408beeea4… message 8300…" },
	{ "02" MAGIC KEY_A SIGNATURE_A, 64,
	    "ClientInfo 8a88e3dd7409… signature 756408beeea4… message "
	    "(empty)" },
	{ "07ff", 64, "NotePreferred 255" },
	{ "0f0000000affffffff", 64,
	    "Restarting reconnect_in_ms 10 try_for_ms 4294967295" },
	/* text of the peer */
	{ "0e"
	  "225c0a1b5b6dc29b7fc3a9ff00",
	    64,
	    "Health "
	    "\"\\\"\\\\\\x0a\\x1b[m\\xc2\\x9b\\x7f\\xc3\\xa9\\xff\\x00\"" },
	{ "0e6f6f7073", 2, "Health \"oo…\"" },
	/* unknown */
	{ "10", 64, "unknown 0x10 0 bytes" },
	{ "00aabb", 64, "unknown 0x00 2 bytes aabb" },
	{ "ffaabbcc", 2, "unknown 0xff 3 bytes aabb…" },
};

START_TEST(line_is_readable)
{
	size_t len;
	const uint8_t *p = hex(lines[_i].message, &len);
	struct rk_frame f;

	decode_message(p, len, &f);
	check_line(&f, lines[_i].snap, lines[_i].line);
}
END_TEST

START_TEST(long_type_numbers_are_shown_whole)
{
	struct rk_frame f;
	struct rk_raw_frame raw = { 0x4001, { NULL, 0 }, 2, 2 };

	rk_frame_decode(v3, &raw, true, &f);
	check_line(&f, 64, "unknown 0x4001 0 bytes");
	raw.type = UINT32_MAX;
	rk_frame_decode(v3, &raw, true, &f);
	check_line(&f, 64, "unknown 0xffffffff 0 bytes");
}
END_TEST

/* As snprintf: the length of the whole, and a beginning that fits, which
 * never ends inside a character. */
START_TEST(line_is_cut_at_the_buffer)
{
	size_t len;
	const uint8_t *p = hex(lines[_i].message, &len);
	size_t whole = strlen(lines[_i].line);
	struct rk_frame f;

	decode_message(p, len, &f);
	for (size_t size = 0; size <= whole + 1; size++) {
		char *out = malloc(size + 1);
		size_t n;

		ck_assert_ptr_nonnull(out);
		ck_assert_uint_eq(rk_frame_text(&f, lines[_i].snap, out, size),
		    whole);
		n = size > 0 ? strlen(out) : 0;
		ck_assert(size == 0 || n < size);
		ck_assert(strncmp(out, lines[_i].line, n) == 0);
		ck_assert(((unsigned char)lines[_i].line[n] & 0xc0) != 0x80);
		if (size == whole + 1)
			ck_assert_uint_eq(n, whole);
		free(out);
	}
	ck_assert_uint_eq(rk_frame_text(&f, lines[_i].snap, NULL, 0), whole);
}
END_TEST

/* Printable ASCII and the ellipsis. */
static bool
is_printable(const char *s)
{
	while (*s != '\0') {
		if (strncmp(s, "…", 3) == 0)
			s += 3;
		else if (*s >= 0x20 && *s < 0x7f)
			s++;
		else
			return false;
	}
	return true;
}

START_TEST(no_frame_writes_a_control_byte)
{
	uint64_t seed = 53;

	for (int i = 0; i < 20000; i++) {
		uint8_t in[150];
		size_t len = 1 + test_random(&seed) % sizeof(in), n;
		char line[1024];
		struct rk_frame f;

		test_fill(&seed, in, len);
		in[0] &= 0x1f;
		decode_message(in, len, &f);
		n = rk_frame_text(&f, test_random(&seed) % 160, line,
		    sizeof(line));
		ck_assert_uint_lt(n, sizeof(line));
		ck_assert_uint_eq(strlen(line), n);
		ck_assert_msg(is_printable(line), "%s", line);
	}
}
END_TEST

START_TEST(megabyte_is_counted_and_not_written)
{
	size_t len = 1 << 20;
	uint8_t *p = calloc(1, len);
	char line[80];
	struct rk_frame f;

	ck_assert_ptr_nonnull(p);
	p[0] = 0x0e;
	memset(p + 1, 'x', len - 1);
	decode_message(p, len, &f);
	ck_assert_uint_eq(rk_frame_text(&f, SIZE_MAX, line, sizeof(line)),
	    strlen("Health \"\"") + len - 1);
	ck_assert_uint_eq(strlen(line), sizeof(line) - 1);
	free(p);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("frame_text");
	TCase *t = tcase_create("line");

	v3 = rk_dialect_by_id("iroh-v3");
	if (v3 == NULL || rk_keys_init() != RK_OK)
		return 1;
	tcase_add_rows(t, vector_has_its_line, frame_vectors);
	tcase_add_rows(t, line_is_readable, lines);
	tcase_add_rows(t, line_is_cut_at_the_buffer, lines);
	tcase_add_test(t, long_type_numbers_are_shown_whole);
	tcase_add_test(t, no_frame_writes_a_control_byte);
	tcase_add_test(t, megabyte_is_counted_and_not_written);
	suite_add_tcase(s, t);
	return run_suite(s);
}
