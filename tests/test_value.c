/* Values, functions, comparisons, and frames as bytes, right and wrong. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/upgrade.h"
#include "codec/ws.h"
#include "scenario/engine.h"
#include "scenario/parse.h"
#include "scenario/party_wire.h"
#include "scenario/value.h"
#include "support.h"

#define DIALECT (rk_dialects()[0])

/* "let $x = EXPRESSION", parsed; the script is kept for the expression. */
static struct script *
parse(const char *expression)
{
	struct text source = { 0 }, errors = { 0 };
	struct script *s;

	text_addf(&source,
	    "rly 1\ndialect iroh-v3\nlet $seven = 7\nlet $x = %s\n"
	    "scenario t.x \"X\"\n  covers R-129\n  conn A = login key=alice\n"
	    "  A -> Ping data=x\"aa*8\"\n  A <- Pong\n"
	    "  assert $x == $seven\nend\n",
	    expression);
	s = script_parse("test.rly", source.s, source.len, NULL, &errors);
	ck_assert_msg(s != NULL, "%s", text_str(&errors));
	text_clear(&source);
	text_clear(&errors);
	return s;
}

/* What the expression comes to, as text; an error in brackets. */
static char *
eval(const char *expression, enum rk_carrier carrier)
{
	struct script *s = parse(expression);
	struct text out = { 0 }, err = { 0 };
	struct values vs;
	struct value v;

	rk_keys_init();
	values_init(&vs, 1, "t.x", DIALECT, carrier);
	values_set_take(&vs, "seven", value_int(7));
	if (values_eval(&vs, s->lets[1]->value, &v, &err)) {
		value_to_text(&v, &out);
		value_clear(&v);
	} else {
		text_addf(&out, "[%s]", text_str(&err));
	}
	values_clear(&vs);
	text_clear(&err);
	script_free(s);
	return text_take(&out);
}

/* clang-format off */
static const struct {
	const char *expression;
	const char *value;
} rows[] = {
	{ "7", "7" },
	{ "+1", "1" },
	{ "-1", "-1" },
	{ "10ms", "10ms" },
	{ "2s", "2s" },
	{ "1..5", "1..5" },
	{ "\"text\"", "\"text\"" },
	{ "x\"00 ff\"", "x\"00ff\"" },
	{ "x\"11*4\"", "x\"11111111\"" },
	{ "absent", "absent" },
	{ "$seven", "7" },
	{ "$seven + 1", "8" },
	{ "$seven - 9", "-2" },
	{ "$seven * 6", "42" },
	{ "$seven / 2", "3" },
	{ "10ms * 3", "30ms" },
	{ "$seven == 7", "1" },
	{ "$seven != 7", "0" },
	{ "$seven > 6", "1" },
	{ "$seven == 1..7", "1" },
	{ "\"abc\" ~ \"A*C\"", "1" },
	{ "\"abc\" ~ \"b\"", "0" },
	{ "\"abc\" ~ \"a?c\"", "1" },
	{ "\"aXbXc\" ~ \"a*X*c\"", "1" },
	{ "fill(5)", "x\"0001020304\"" },
	{ "fill(0)", "x\"\"" },
	{ "disco(8)", "x\"5453f09f92ac0607\"" },
	{ "disco(3)", "x\"5453f0\"" },
	{ "u16(258)", "x\"0102\"" },
	{ "u32(1)", "x\"00000001\"" },
	{ "cat(\"a\", \"bc\", x\"64\")", "\"abcd\"" },
	{ "b64(\"hello\")", "\"aGVsbG8=\"" },
	{ "items(x\"0500 48656c6c6f 0500 576f726c64\")", "2" },
	{ "items(x\"0500 48656c6c6f 0600 576f726c64\")", "0" },
	{ "items(\"\")", "0" },
	{ "ws-accept(\"dGhlIHNhbXBsZSBub25jZQ==\")", "\"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\"" },
	{ "flip(x\"00 00\", bit=0)", "x\"0100\"" },
	{ "flip(x\"00 00\", bit=15)", "x\"0080\"" },
	{ "pub(seed(x\"01*32\"))", "x\"8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c\"" },
	{ "sign(seed(x\"01*32\"), x\"03\")", "x\"756408beeea41f4705dc925971973a68cd88b3624b3050949395838a82f037b9…\" (64 bytes)" },
	{ "frame(0x0c, x\"01*8\")", "x\"0c000000080101010101010101\"" },
	{ "pub(alice) == pub(alice)", "1" },
	{ "pub(alice) == pub(bob)", "0" },
	/* what cannot be */
	{ "4000000000 * $seven", "28000000000" },
	{ "u16(65536)", "[u16: a number from 0 to 65535 is needed, not 65536]" },
	{ "flip(x\"00\", bit=8)", "[flip: a number from 0 to 7 is needed, not 8]" },
	{ "flip(\"\", bit=0)", "[flip: a bit of something is needed, not x\"\"]" },
	{ "fill(99999999999)", "[fill: a number from 0 to 83886080 is needed, not 99999999999]" },
	{ "frame(300, \"\")", "[frame: type 300 does not fit the carrier]" },
};
/* clang-format on */
START_TEST(expressions)
{
	char *got = eval(rows[_i].expression, RK_CARRIER_RAW);

	ck_assert_msg(strcmp(got, rows[_i].value) == 0, "%s gives %s, not %s",
	    rows[_i].expression, got, rows[_i].value);
	free(got);
}
END_TEST

START_TEST(random_numbers_repeat_and_differ)
{
	char *a = eval("cat(rand(8), rand(8))", RK_CARRIER_RAW);
	char *b = eval("cat(rand(8), rand(8))", RK_CARRIER_RAW);

	ck_assert_str_eq(a, b);
	ck_assert_int_ne(strncmp(a + 2, a + 18, 16), 0);
	free(a);
	free(b);
}
END_TEST

START_TEST(a_frame_of_websocket_is_masked_and_whole)
{
	struct rk_ws_reader r;
	struct rk_ws_message m;
	struct wire_frame f = { .type = 0x0c,
		.payload = { (const uint8_t *)"12345678", 8 } };
	uint64_t random = 1;
	size_t at, used, need;
	struct value v;

	ck_assert(wire_encode_frame(DIALECT, RK_CARRIER_WS, &f, &random, &v));
	ck_assert_uint_eq(v.len, 2 + 4 + 9);
	rk_ws_reader_init(&r, true, 100, 100);
	ck_assert_int_eq(rk_ws_next(&r, v.bytes, v.len, &m, &at, &used, &need),
	    RK_OK);
	ck_assert_int_eq(m.opcode, RK_WS_BINARY);
	ck_assert_bytes(m.payload, m.len,
	    "\x0c"
	    "12345678",
	    9);
	value_clear(&v);
}
END_TEST

START_TEST(a_length_can_be_wrong)
{
	struct wire_frame f = { .type = 0x0c,
		.payload = { (const uint8_t *)"12345678", 8 } };
	uint64_t random = 1;
	struct value v;

	f.len_delta = 1;
	ck_assert(wire_encode_frame(DIALECT, RK_CARRIER_RAW, &f, &random, &v));
	ck_assert_bytes(v.bytes, 5, "\x0c\x00\x00\x00\x09", 5);
	ck_assert_uint_eq(v.len, 13);
	value_clear(&v);
	f.len_delta = -3;
	ck_assert(wire_encode_frame(DIALECT, RK_CARRIER_RAW, &f, &random, &v));
	ck_assert_uint_eq(v.bytes[4], 5);
	value_clear(&v);
	f.len_delta = -30;
	ck_assert(wire_encode_frame(DIALECT, RK_CARRIER_RAW, &f, &random, &v));
	ck_assert_uint_eq(v.bytes[4], 0);
	value_clear(&v);
	/* On WebSocket it is the message's. */
	f.len_delta = 2;
	ck_assert(wire_encode_frame(DIALECT, RK_CARRIER_WS, &f, &random, &v));
	ck_assert_uint_eq(v.bytes[1], 0x80 | 11);
	ck_assert_uint_eq(v.len, 15);
	value_clear(&v);
}
END_TEST

static const struct {
	enum rk_carrier carrier;
	const char *sent;
	bool whole, between;
} ends[] = {
	{ RK_CARRIER_RAW, "", true, true },
	{ RK_CARRIER_RAW, "0600000000", true, true },
	{ RK_CARRIER_RAW, "0600000000 0700000001 01", true, true },
	{ RK_CARRIER_RAW, "0600000000 07000000", false, false },
	{ RK_CARRIER_RAW, "0700000001", false, false },
	{ RK_CARRIER_RAW, "0700100001 01", false, false },
	{ RK_CARRIER_RAW, "07ffffffff 01", false, false },
	{ RK_CARRIER_WS, "8281 00000000 06", true, true },
	{ RK_CARRIER_WS, "82fe0003 00000000 060708", true, true },
	{ RK_CARRIER_WS, "82ff0000000000000003 00000000 060708", true, true },
	{ RK_CARRIER_WS, "0281 00000000 06", false, true },
	/* A Ping in between does not end the message. */
	{ RK_CARRIER_WS, "0281 00000000 06 8980 00000000", false, true },
	{ RK_CARRIER_WS, "0281 00000000 06 8080 00000000", true, true },
	{ RK_CARRIER_WS, "8281 00000000", false, false },
	{ RK_CARRIER_WS, "82", false, false },
};
/* At once, and byte by byte. */
START_TEST(where_frames_end)
{
	struct wire_place at_once = { .nhead = 0 }, slowly = { .nhead = 0 };
	size_t len;
	const uint8_t *p = hex(ends[_i].sent, &len);

	wire_place_add(&at_once, DIALECT, ends[_i].carrier,
	    (struct rk_span){ p, len });
	for (size_t i = 0; i < len; i++)
		wire_place_add(&slowly, DIALECT, ends[_i].carrier,
		    (struct rk_span){ p + i, 1 });
	ck_assert_int_eq(wire_place_is_whole(&at_once), ends[_i].whole);
	ck_assert_int_eq(wire_place_is_whole(&slowly), ends[_i].whole);
	ck_assert_int_eq(wire_place_is_between(&at_once), ends[_i].between);
	ck_assert_int_eq(wire_place_is_between(&slowly), ends[_i].between);
}
END_TEST

static bool
compare(struct value a, enum op op, struct value b)
{
	bool holds = value_compare(&a, op, &b);

	value_clear(&a);
	value_clear(&b);
	return holds;
}

START_TEST(comparisons)
{
	const struct value absent = { .kind = VALUE_ABSENT };
	const struct value range = { .kind = VALUE_RANGE,
		.number = 2,
		.high = 4 };

	ck_assert(compare(absent, OP_EQ, absent));
	ck_assert(!compare(absent, OP_NE, absent));
	ck_assert(!compare(absent, OP_EQ, value_int(1)));
	ck_assert(compare(absent, OP_NE, value_int(1)));
	ck_assert(!compare(absent, OP_LT, value_int(1)));
	ck_assert(compare(value_int(1), OP_NE, absent));
	ck_assert(!compare(value_int(1), OP_EQ, absent));
	ck_assert(compare(value_int(2), OP_EQ, range));
	ck_assert(compare(value_int(4), OP_EQ, range));
	ck_assert(!compare(value_int(5), OP_EQ, range));
	ck_assert(compare(value_int(5), OP_NE, range));
	ck_assert(!compare(value_int(5), OP_LT, range));
	ck_assert(compare(value_bytes("12", 2), OP_EQ, value_int(12)));
	ck_assert(!compare(value_bytes("12x", 3), OP_EQ, value_int(12)));
	ck_assert(compare(value_bytes("12x", 3), OP_NE, value_int(12)));
	ck_assert(compare(value_bytes("ab", 2), OP_LT, value_bytes("abc", 3)));
	ck_assert(compare(value_bytes("b", 1), OP_GT, value_bytes("abc", 3)));
	ck_assert(compare(value_bytes("a", 1), OP_EQ, value_word("a")));
	ck_assert(!compare(value_int(1), OP_EQ, value_bytes("1", 1)));
}
END_TEST

START_TEST(patterns_end_soon)
{
	uint8_t text[4096], pattern[64];

	/* The worst case of naive matchers. */
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 2 == 0 ? 'a' : '*';
	pattern[sizeof(pattern) - 1] = 'b';
	ck_assert(!value_matches(text, sizeof(text), pattern, sizeof(pattern)));
	pattern[sizeof(pattern) - 1] = '*';
	ck_assert(value_matches(text, sizeof(text), pattern, sizeof(pattern)));
	ck_assert(value_matches(NULL, 0, (const uint8_t *)"**", 2));
	ck_assert(!value_matches(NULL, 0, (const uint8_t *)"?", 1));
}
END_TEST

START_TEST(keys_have_the_names_that_the_script_gave)
{
	struct text err = { 0 };
	struct values vs;
	struct value alice = value_word("alice");
	struct rk_secret_key sk, direct;
	struct rk_key key, stranger = { .b = { 1 } };

	rk_keys_init();
	values_init(&vs, 5, "t.x[raw]", DIALECT, RK_CARRIER_RAW);
	ck_assert(values_secret(&vs, &alice, &sk, &err));
	ck_assert(values_public(&vs, &alice, &key, &err));
	ck_assert_str_eq(values_key_name(&vs, &key), "alice");
	ck_assert_ptr_null(values_key_name(&vs, &stranger));
	engine_named_key(5, "t.x[raw]", "alice", &direct);
	ck_assert_mem_eq(sk.b, direct.b, sizeof(sk.b));
	value_clear(&alice);
	values_clear(&vs);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("value");
	TCase *t = tcase_create("value");

	tcase_add_rows(t, expressions, rows);
	tcase_add_test(t, random_numbers_repeat_and_differ);
	tcase_add_test(t, a_frame_of_websocket_is_masked_and_whole);
	tcase_add_test(t, a_length_can_be_wrong);
	tcase_add_rows(t, where_frames_end, ends);
	tcase_add_test(t, comparisons);
	tcase_add_test(t, patterns_end_soon);
	tcase_add_test(t, keys_have_the_names_that_the_script_gave);
	suite_add_tcase(s, t);
	return run_suite(s);
}
