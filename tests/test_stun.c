/* STUN: the vectors of section 6, each rule, each truncation. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "codec/relaykit.h"
#include "support.h"

#define ID "0102030405060708090a0b0c"

/* The vectors of the specification. */
#define REQUEST "00010008 2112a442" ID "80280004 5b20f9cc"
#define REPLY_127_0_0_1_50000                                                  \
	"0101000c 2112a442" ID "00200008 0001e242 5e12a443"

/* RFC 5769 section 2.1. */
#define SIGNED_REQUEST                                                         \
	"000100582112a442b7e7a701bc34d686fa87dfae"                             \
	"802200105354554e207465737420636c69656e74"                             \
	"002400046e0001ff80290008932ff9b151263b36"                             \
	"000600096576746a3a68367659202020"                                     \
	"000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"                     \
	"80280004e57a3bcf"

/* A second opinion, bit by bit. */
static uint32_t
crc32(const uint8_t *p, size_t len)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len * 8; i++) {
		uint32_t bit = (crc ^ (uint32_t)(p[i / 8] >> i % 8)) & 1;

		crc = crc >> 1 ^ (bit ? 0xedb88320 : 0);
	}
	return ~crc;
}

struct message {
	uint8_t bytes[66000];
	size_t len;
};

static void
set_length(struct message *m)
{
	m->bytes[2] = (uint8_t)((m->len - 20) >> 8);
	m->bytes[3] = (uint8_t)(m->len - 20);
}

static void
begin(struct message *m, unsigned type)
{
	size_t len;
	const uint8_t *p = hex("0000 0000 2112a442" ID, &len);

	memcpy(m->bytes, p, len);
	m->len = len;
	m->bytes[0] = (uint8_t)(type >> 8);
	m->bytes[1] = (uint8_t)type;
}

static void
add(struct message *m, const void *p, size_t len)
{
	memcpy(m->bytes + m->len, p, len);
	m->len += len;
	set_length(m);
}

static void
add_hex(struct message *m, const char *text)
{
	size_t len;
	const uint8_t *p = hex(text, &len);

	add(m, p, len);
}

static void
add_attribute(struct message *m, unsigned type, const void *p, size_t len)
{
	const uint8_t head[4] = { (uint8_t)(type >> 8), (uint8_t)type,
		(uint8_t)(len >> 8), (uint8_t)len };

	add(m, head, 4);
	add(m, p, len);
	add(m, "\0\0\0", (4 - len % 4) % 4);
}

static void
add_fingerprint(struct message *m)
{
	uint32_t crc;
	uint8_t value[8] = { 0x80, 0x28, 0, 4 };

	m->len += 8;
	set_length(m);
	m->len -= 8;
	crc = crc32(m->bytes, m->len) ^ 0x5354554e;
	for (int i = 0; i < 4; i++)
		value[4 + i] = (uint8_t)(crc >> (24 - 8 * i));
	add(m, value, 8);
}

/* In memory of exactly that size, so that reading on is seen. */
static int
parse(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct rk_stun_request q;
	int err;

	memcpy(copy, p, len);
	memset(&q, 0x55, sizeof(q));
	err = rk_stun_parse_request(copy, len, &q);
	if (err == RK_OK)
		ck_assert_bytes(q.id, sizeof(q.id), p + 8, 12);
	free(copy);
	return err;
}

static int
parse_hex(const char *text)
{
	size_t len;
	const uint8_t *p = hex(text, &len);

	return parse(p, len);
}

START_TEST(the_second_opinion_on_crc_is_that_of_the_rfc)
{
	size_t len;
	const uint8_t *p = hex(SIGNED_REQUEST, &len);
	struct message m;

	memcpy(m.bytes, p, len - 8);
	m.len = len - 8;
	add_fingerprint(&m);
	ck_assert_bytes(m.bytes, m.len, p, len);
}
END_TEST

START_TEST(the_vector_is_a_request)
{
	ck_assert_int_eq(parse_hex(REQUEST), RK_OK);
}
END_TEST

START_TEST(every_truncation_of_the_vector_is_refused)
{
	size_t len;
	const uint8_t *p = hex(REQUEST, &len);

	for (size_t n = 0; n < len; n++)
		ck_assert_int_eq(parse(p, n),
		    n < 20 ? RK_ERR_STUN_SHAPE : RK_ERR_STUN_LENGTH);
}
END_TEST

START_TEST(every_altered_bit_of_the_vector_is_refused)
{
	size_t len;
	const uint8_t *p = hex(REQUEST, &len);
	uint8_t bytes[28];

	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(bytes, p, len);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* Length 0 is a bare request with something behind it. */
		ck_assert((parse(bytes, len) == RK_OK) ==
		    (bytes[3] == 0 && bytes[2] == 0));
	}
}
END_TEST

START_TEST(what_follows_the_message_is_ignored)
{
	ck_assert_int_eq(parse_hex(REQUEST "ffffffffff"), RK_OK);
}
END_TEST

static const struct {
	const char *what;
	const char *message;
	int result;
} shapes[] = {
	{ "nothing", "", RK_ERR_STUN_SHAPE },
	{ "no attributes", "00010000 2112a442" ID, RK_OK },
	{ "top bit", "80010000 2112a442" ID, RK_ERR_STUN_SHAPE },
	{ "second bit", "40010000 2112a442" ID, RK_ERR_STUN_SHAPE },
	{ "cookie", "00010000 2112a443" ID, RK_ERR_STUN_SHAPE },
	{ "19 bytes", "00010000 2112a442 0102030405060708090a0b",
	    RK_ERR_STUN_SHAPE },
	{ "length beyond the end", "00010001 2112a442" ID, RK_ERR_STUN_LENGTH },
	{ "length of half an attribute", "00010002 2112a442" ID "8028",
	    RK_ERR_STUN_LENGTH },
	{ "value beyond the end", "00010004 2112a442" ID "80220001",
	    RK_ERR_STUN_LENGTH },
	{ "padding beyond the end", "00010007 2112a442" ID "80220003616263",
	    RK_ERR_STUN_LENGTH },
	{ "method 3", "00030000 2112a442" ID, RK_ERR_STUN_METHOD },
	{ "method 0x801", "20010000 2112a442" ID, RK_ERR_STUN_METHOD },
	{ "indication", "00110000 2112a442" ID, RK_ERR_STUN_METHOD },
	{ "success response", "01010000 2112a442" ID, RK_ERR_STUN_METHOD },
	{ "error response", "01110000 2112a442" ID, RK_ERR_STUN_METHOD },
	{ "signed by somebody", SIGNED_REQUEST, RK_ERR_STUN_INTEGRITY },
	{ "wrong CRC", "00010008 2112a442" ID "80280004 5b20f9cd",
	    RK_ERR_STUN_FINGERPRINT },
	{ "fingerprint of 3 bytes", "00010008 2112a442" ID "80280003 5b20f9cc",
	    RK_ERR_STUN_ATTRIBUTE },
	{ "fingerprint of 5 bytes",
	    "0001000c 2112a442" ID "80280005 5b20f9cc 00000000",
	    RK_ERR_STUN_ATTRIBUTE },
};

START_TEST(shape_is_judged)
{
	ck_assert_msg(parse_hex(shapes[_i].message) == shapes[_i].result,
	    "%s: %s", shapes[_i].what,
	    rk_errname(parse_hex(shapes[_i].message)));
}
END_TEST

#define V4 "0001e242 7f000001"
#define V6 "0002e242 20010db8000000000000000000000001"

/* Each in front of a good fingerprint. */
static const struct {
	const char *attributes;
	int result;
} bodies[] = {
	{ "80220003 61626300", RK_OK },
	{ "80220003 616263ff", RK_OK }, /* padding is not looked at */
	{ "80220000", RK_OK },
	{ "80220004 616263ff", RK_ERR_STUN_ATTRIBUTE },
	{ "00060001 61000000", RK_OK },
	{ "00060000", RK_ERR_STUN_ATTRIBUTE },
	{ "00060002 c3280000", RK_ERR_STUN_ATTRIBUTE },
	{ "00140002 c3280000", RK_ERR_STUN_ATTRIBUTE },
	{ "00150002 c3280000", RK_ERR_STUN_ATTRIBUTE },
	/* unknown ones, optional and not */
	{ "c0570004 00000000", RK_OK },
	{ "00240004 6e0001ff", RK_OK },
	{ "7fff0000", RK_OK },
	/* addresses */
	{ "00200008" V4, RK_OK },
	{ "00010008" V4, RK_OK },
	{ "80230014" V6, RK_OK },
	{ "00200014" V6, RK_OK },
	{ "00200009" V4 "ff000000", RK_OK },
	{ "00200007" V4, RK_ERR_STUN_ATTRIBUTE },
	{ "00200008 0002e242 7f000001", RK_ERR_STUN_ATTRIBUTE },
	{ "00200008 0003e242 7f000001", RK_ERR_STUN_ATTRIBUTE },
	{ "00200000", RK_ERR_STUN_ATTRIBUTE },
	/* error codes */
	{ "00090006 00000401 6f6b0000", RK_OK },
	{ "00090004 00000663", RK_OK },
	{ "00090004 00000664", RK_ERR_STUN_ATTRIBUTE },
	{ "00090004 00000201", RK_ERR_STUN_ATTRIBUTE },
	{ "00090004 00000701", RK_ERR_STUN_ATTRIBUTE },
	{ "00090003 00000400", RK_ERR_STUN_ATTRIBUTE },
	{ "00090005 00000401 ff000000", RK_ERR_STUN_ATTRIBUTE },
	/* lists */
	{ "000a0004 00010002", RK_OK },
	{ "000a0003 00010000", RK_ERR_STUN_ATTRIBUTE },
	{ "80020008 00010000 00020000", RK_OK },
	{ "8002000c 00010001 ff000000 00020000", RK_OK },
	{ "80020006 00010003 ff000000", RK_ERR_STUN_ATTRIBUTE },
	{ "001d0004 00020000", RK_OK },
	{ "001d0002 00020000", RK_ERR_STUN_ATTRIBUTE },
	{ "001e0004 00000000", RK_ERR_STUN_ATTRIBUTE },
	/* signatures; no key is configured */
	{ "00080014 0000000000000000000000000000000000000000",
	    RK_ERR_STUN_INTEGRITY },
	{ "001c0010 00000000000000000000000000000000", RK_ERR_STUN_INTEGRITY },
	{ "00080004 00000000", RK_ERR_STUN_ATTRIBUTE },
	{ "001c0004 00000000", RK_ERR_STUN_ATTRIBUTE },
	{ "80220001 61000000 c0570004 00000000", RK_OK },
};

START_TEST(attributes_in_front_of_the_fingerprint_are_judged)
{
	struct message m;

	begin(&m, 0x0001);
	add_hex(&m, bodies[_i].attributes);
	/* Without a fingerprint no request is answered. */
	ck_assert_int_eq(parse(m.bytes, m.len),
	    bodies[_i].result == RK_OK ? RK_ERR_STUN_FINGERPRINT
				       : bodies[_i].result);
	add_fingerprint(&m);
	ck_assert_msg(parse(m.bytes, m.len) == bodies[_i].result, "%s: %s",
	    bodies[_i].attributes, rk_errname(parse(m.bytes, m.len)));
}
END_TEST

START_TEST(texts_have_a_limit)
{
	static const unsigned types[] = { 0x0006, 0x0014, 0x0015, 0x8022 };
	char text[764];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < 4; i++) {
		for (size_t len = 763; len <= 764; len++) {
			struct message m;

			begin(&m, 0x0001);
			add_attribute(&m, types[i], text, len);
			add_fingerprint(&m);
			ck_assert_int_eq(parse(m.bytes, m.len),
			    len == 763 ? RK_OK : RK_ERR_STUN_ATTRIBUTE);
		}
	}
}
END_TEST

/* As both real relays were seen to take them; |name|: as a USERNAME. */
static const struct {
	const char *text;
	size_t len;
	bool name;
	bool quoted; /* as a REALM or NONCE */
} texts[] = {
#define TEXT(text) text, sizeof(text) - 1
	{ TEXT(""), false, true },
	{ TEXT("a b"), true, true },
	{ TEXT(" "), true, false },
	{ TEXT(" a"), true, false },
	{ TEXT("a "), true, false },
	{ TEXT("a\tb"), false, true },
	{ TEXT("\ta"), false, false },
	{ TEXT("a\r\n b"), false, true },
	{ TEXT("a\r\nb"), false, false },
	{ TEXT("a\r\n"), false, false },
	{ TEXT("\""), true, false },
	{ TEXT("a\"b"), true, false },
	{ TEXT("a\\\"b"), true, true },
	{ TEXT("a\\ b"), true, true },
	{ TEXT("\\a"), true, true },
	{ TEXT("a\\"), true, false },
	{ TEXT("#([]"), true, true },
	{ TEXT("a\0b"), false, false },
	{ TEXT("a\x01b"), false, false },
	{ TEXT("a\x7f"), false, false },
	{ TEXT("\xc2\x85"), false, false },
	{ TEXT("\xc2\xa0"), true, false },
	{ TEXT("\xc2\xad"), false, false },
	{ TEXT("\xc3\xa9"), true, false },
	{ TEXT("\xe1\x84\x80"), false, false },
	{ TEXT("\xe2\x80\x8b"), false, false },
	{ TEXT("\xe2\x80\x90"), true, false },
	{ TEXT("\xe3\x80\x80"), true, false },
	{ TEXT("\xee\x80\x80"), false, false },
	{ TEXT("\xef\xbf\xbd"), true, false },
	{ TEXT("\xef\xbf\xbe"), false, false },
	{ TEXT("\xf0\x9f\x98\x80"), true, false },
	{ TEXT("\xf4\x8f\xbf\xbf"), false, false },
#undef TEXT
};

START_TEST(names_and_quoted_strings_hold_what_they_may)
{
	static const unsigned types[] = { 0x0006, 0x0014, 0x0015 };

	for (size_t i = 0; i < 3; i++) {
		bool good = i == 0 ? texts[_i].name : texts[_i].quoted;
		struct message m;

		begin(&m, 0x0001);
		add_attribute(&m, types[i], texts[_i].text, texts[_i].len);
		add_fingerprint(&m);
		ck_assert_int_eq(parse(m.bytes, m.len),
		    good ? RK_OK : RK_ERR_STUN_ATTRIBUTE);
	}
}
END_TEST

/* Each behind a good fingerprint. */
static const struct {
	const char *attributes;
	int result;
} tails[] = {
	{ "80220003 61626300", RK_OK },
	{ "c0570000", RK_OK },
	{ "00080014 0000000000000000000000000000000000000000", RK_OK },
	{ "80220004 616263ff", RK_ERR_STUN_ATTRIBUTE },
	{ "80220004 6162", RK_ERR_STUN_LENGTH },
	{ "80280004 5b20f9cc", RK_OK }, /* the same once more */
	{ "80220000 80280004 5b20f9cc", RK_OK },
	{ "80280004 5b20f9cd", RK_ERR_STUN_FINGERPRINT },
	{ "80280003 5b20f900", RK_ERR_STUN_ATTRIBUTE },
};

START_TEST(attributes_behind_the_fingerprint_only_have_to_decode)
{
	struct message m;

	begin(&m, 0x0001);
	add_fingerprint(&m);
	add_hex(&m, tails[_i].attributes);
	ck_assert_int_eq(parse(m.bytes, m.len), tails[_i].result);
}
END_TEST

START_TEST(the_largest_datagram_is_judged)
{
	static const uint8_t value[65000];
	struct message m;

	begin(&m, 0x0001);
	add_attribute(&m, 0xc057, value, sizeof(value));
	add_attribute(&m, 0xc057, value, 65535 / 4 * 4 - m.len + 20 - 4 - 8);
	add_fingerprint(&m);
	ck_assert_uint_eq(m.len, 20 + 65532);
	ck_assert_int_eq(parse(m.bytes, m.len), RK_OK);
	for (size_t n = 0; n < m.len; n += 997)
		ck_assert_int_ne(parse(m.bytes, n), RK_OK);
}
END_TEST

START_TEST(random_datagrams_get_no_answer)
{
	uint64_t state = 6;
	uint8_t bytes[64];

	for (int i = 0; i < 20000; i++) {
		size_t len = test_random(&state) % sizeof(bytes);

		test_fill(&state, bytes, len);
		if (len >= 8 && i % 2 == 0)
			memcpy(bytes, "\0\1\0\x10\x21\x12\xa4\x42", 8);
		ck_assert_int_ne(parse(bytes, len), RK_OK);
	}
}
END_TEST

/* ---- the response ---- */

static const struct {
	enum rk_stun_family family;
	const char *ip;
	const char *response;
} replies[] = {
	{ RK_STUN_IPV4, "7f000001", REPLY_127_0_0_1_50000 },
	/* on a [::] socket: the plain form, not that of the reference */
	{ RK_STUN_IPV6, "00000000000000000000ffff7f000001",
	    REPLY_127_0_0_1_50000 },
	{ RK_STUN_IPV6, "00000000000000000000000000000001",
	    "01010018 2112a442" ID "00200014 0002e242"
	    "2112a442 01020304 05060708 090a0b0d" },
	{ RK_STUN_IPV6, "20010db8000000000000fffe7f000001",
	    "01010018 2112a442" ID "00200014 0002e242"
	    "0113a9fa 01020304 0506f8f6 760a0b0d" },
};

START_TEST(response_tells_the_sender_its_address)
{
	struct rk_stun_address peer = { .family = replies[_i].family,
		.port = 50000 };
	uint8_t out[RK_STUN_RESPONSE_MAX + 1];
	struct rk_stun_request q;
	const uint8_t *p;
	struct rk_writer w;
	size_t len;

	p = hex(REQUEST, &len);
	ck_assert_int_eq(rk_stun_parse_request(p, len, &q), RK_OK);
	p = hex(replies[_i].ip, &len);
	memcpy(peer.ip, p, len);
	p = hex(replies[_i].response, &len);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_stun_write_response(&q, &peer, &w), RK_OK);
	ck_assert_bytes(out, w.len, p, len);
	for (size_t cap = 0; cap < len; cap++) {
		rk_writer_init(&w, out, cap);
		ck_assert_int_eq(rk_stun_write_response(&q, &peer, &w),
		    RK_ERR_SPACE);
		ck_assert_uint_eq(w.len, 0);
	}
}
END_TEST

/* ---- the client's side ---- */

START_TEST(a_client_asks_with_the_vector)
{
	struct rk_stun_request q;
	uint8_t buf[RK_STUN_REQUEST_LEN];
	struct rk_writer w;
	size_t len;
	const uint8_t *want = hex(REQUEST, &len);

	memcpy(q.id, want + 8, sizeof(q.id));
	rk_writer_init(&w, buf, sizeof(buf) - 1);
	ck_assert_int_eq(rk_stun_write_request(&q, &w), RK_ERR_SPACE);
	ck_assert_uint_eq(w.len, 0);
	rk_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(rk_stun_write_request(&q, &w), RK_OK);
	ck_assert_bytes(buf, w.len, want, len);
}
END_TEST

/* clang-format off */
static const struct answer_row {
	const char *message;
	int err;
	const char *ip; /* RK_OK */
} answers[] = {
	{ REPLY_127_0_0_1_50000, RK_OK, "7f000001" },
	/* the reference's form on a [::] socket */
	{ "01010018 2112a442" ID "00200014 0002e242 2112a442010203040506f8f7760a0b0d", RK_OK, "7f000001" },
	{ "0101000c 2112a442" ID "00010008 0001c350 7f000001", RK_OK, "7f000001" },
	{ "01010018 2112a442" ID "00010008 0001ffff 0a000001 00200008 0001e242 5e12a443", RK_OK, "7f000001" },
	{ "01010018 2112a442" ID "00200008 0001e242 5e12a443 00200008 0001e242 5e12a444", RK_OK, "7f000001" },
	{ "01010018 2112a442" ID "00010014 0002c350 20010db8000000000000000000000001", RK_OK, "20010db8000000000000000000000001" },
	{ "01010000 2112a442" ID, RK_ERR_STUN_ATTRIBUTE, NULL },
	{ "0101000c 2112a442" ID "00200008 0003e242 5e12a443", RK_ERR_STUN_ATTRIBUTE, NULL },
	{ "0101000c 2112a442" ID "00200008 0002e242 5e12a443", RK_ERR_STUN_ATTRIBUTE, NULL },
	{ "0111000c 2112a442" ID "00200008 0001e242 5e12a443", RK_ERR_STUN_METHOD, NULL },
	{ "0101000c 2112a442 0102030405060708090a0b0d 00200008 0001e242 5e12a443", RK_ERR_UNEXPECTED, NULL },
	{ "0101000d 2112a442" ID "00200008 0001e242 5e12a443", RK_ERR_STUN_LENGTH, NULL },
	{ "01010014 2112a442" ID "00200008 0001e242 5e12a443 80280004 00000000", RK_ERR_STUN_FINGERPRINT, NULL },
	{ REQUEST, RK_ERR_STUN_METHOD, NULL },
	{ "0101000c 2112a443" ID "00200008 0001e242 5e12a443", RK_ERR_STUN_SHAPE, NULL },
};
/* clang-format on */

START_TEST(an_answer_names_the_address)
{
	const struct answer_row *r = &answers[_i];
	struct rk_stun_request q = { "\1\2\3\4\5\6\7\10\11\12\13\14" };
	struct rk_stun_address a = { .port = 0 };
	size_t len, ip_len;
	const uint8_t *p = hex(r->message, &len), *ip;

	ck_assert_int_eq(rk_stun_parse_response(p, len, &q, &a), r->err);
	if (r->ip == NULL)
		return;
	ip = hex(r->ip, &ip_len);
	ck_assert_int_eq(a.family, ip_len == 4 ? RK_STUN_IPV4 : RK_STUN_IPV6);
	ck_assert_uint_eq(a.port, 50000);
	ck_assert_bytes(a.ip, ip_len, ip, ip_len);
	while (len-- > 0)
		ck_assert_int_lt(rk_stun_parse_response(p, len, &q, &a), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stun");
	TCase *t = tcase_create("stun");

	tcase_add_test(t, the_second_opinion_on_crc_is_that_of_the_rfc);
	tcase_add_test(t, the_vector_is_a_request);
	tcase_add_test(t, every_truncation_of_the_vector_is_refused);
	tcase_add_test(t, every_altered_bit_of_the_vector_is_refused);
	tcase_add_test(t, what_follows_the_message_is_ignored);
	tcase_add_rows(t, shape_is_judged, shapes);
	tcase_add_rows(t, attributes_in_front_of_the_fingerprint_are_judged,
	    bodies);
	tcase_add_test(t, texts_have_a_limit);
	tcase_add_rows(t, names_and_quoted_strings_hold_what_they_may, texts);
	tcase_add_rows(t, attributes_behind_the_fingerprint_only_have_to_decode,
	    tails);
	tcase_add_test(t, the_largest_datagram_is_judged);
	tcase_add_test(t, random_datagrams_get_no_answer);
	tcase_add_rows(t, response_tells_the_sender_its_address, replies);
	tcase_add_test(t, a_client_asks_with_the_vector);
	tcase_add_rows(t, an_answer_names_the_address, answers);
	suite_add_tcase(s, t);
	return run_suite(s);
}
