/* Captures that become scenarios: what is waited for when, and what damage
 * does. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/frame.h"
#include "conformance/files.h"
#include "conformance/lift.h"
#include "manifest.h"
#include "packets.h"
#include "scenario/fmt.h"
#include "scenario/parse.h"
#include "support.h"

/* ---- captures made by hand: several clients of one relay ---- */

#define CLIENTS 4
#define MS      INT64_C(1000000)

struct story {
	struct blob file;
	uint32_t seq[CLIENTS][2]; /* next of the client's, the relay's */
	int64_t now_ns;
	struct rk_secret_key secret[CLIENTS];
	struct rk_key key[CLIENTS];
};

static void
packet(struct story *s, int client, bool relay, uint8_t flags, const void *data,
    size_t len)
{
	uint32_t *mine = &s->seq[client][relay];
	struct tcp_packet t = {
		.from = relay ? 80 : 40000 + (unsigned)client,
		.to = relay ? 40000 + (unsigned)client : 80,
		.seq = *mine,
		.ack = s->seq[client][!relay],
		.flags = flags,
		.data = data,
		.len = len,
	};
	struct blob b = { 0 };

	make_ipv4(&b, &t);
	pcap_add(&s->file, b.p, b.len, b.len, s->now_ns);
	blob_clear(&b);
	*mine += (uint32_t)len + ((flags & 3) != 0 ? 1 : 0);
	s->now_ns += MS / 10;
}

static void
say(struct story *s, int client, bool relay, const char *text)
{
	packet(s, client, relay, 0x18, text, strlen(text));
}

static void
frame(struct story *s, int client, bool relay, const char *name,
    const struct rk_key *key, const char *data)
{
	const struct rk_dialect *d = rk_dialects()[0];
	uint8_t out[2048];
	struct rk_writer w;
	struct rk_frame f;

	rk_frame_init(&f, rk_frame_spec_by_name(d, name));
	if (key != NULL)
		rk_frame_set(&f, "key", key->b, sizeof(key->b));
	if (data != NULL)
		rk_frame_set(&f, "data", data, strlen(data));
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(d, RK_HEADER_TLV32, &f, RK_LAX, &w),
	    RK_OK);
	packet(s, client, relay, 0x18, out, w.len);
}

static void
hello(struct story *s, int client)
{
	const struct rk_dialect *d = rk_dialects()[0];
	uint8_t out[256], signature[RK_SIGNATURE_LEN];
	struct rk_writer w;
	struct rk_frame f;

	packet(s, client, false, 2, NULL, 0);
	packet(s, client, true, 0x12, NULL, 0);
	say(s, client, false,
	    "GET /relay HTTP/1.1\r\nHost: x\r\nUpgrade: iroh derp "
	    "http\r\n\r\n");
	say(s, client, true,
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: iroh derp "
	    "http\r\n\r\n");
	rk_sign(&s->secret[client], "\x03", 1, signature);
	rk_frame_init(&f, rk_frame_spec_by_name(d, "ClientInfo"));
	rk_frame_set(&f, "key", s->key[client].b, RK_KEY_LEN);
	rk_frame_set(&f, "signature", signature, sizeof(signature));
	rk_frame_set(&f, "message", "\x03", 1);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(d, RK_HEADER_TLV32, &f, RK_STRICT, &w),
	    RK_OK);
	packet(s, client, false, 0x18, out, w.len);
}

static struct story *
story_new(void)
{
	struct story *s = xcalloc(1, sizeof(*s));

	ck_assert_int_eq(rk_keys_init(), RK_OK);
	s->now_ns = 1000 * MS;
	pcap_begin(&s->file, LINK_RAW, false, false);
	for (int i = 0; i < CLIENTS; i++) {
		uint8_t seed[RK_SEED_LEN];

		memset(seed, i + 1, sizeof(seed));
		rk_secret_key_from_seed(&s->secret[i], seed);
		rk_secret_key_public(&s->secret[i], &s->key[i]);
		s->seq[i][0] = s->seq[i][1] = 1000;
	}
	return s;
}

/* Everybody logs in and is answered. */
static struct story *
story_of(int clients)
{
	struct story *s = story_new();

	for (int i = 0; i < clients; i++) {
		hello(s, i);
		frame(s, i, false, "Ping", NULL, "hi there");
		frame(s, i, true, "Pong", NULL, "hi there");
	}
	return s;
}

static void
story_free(struct story *s)
{
	blob_clear(&s->file);
	free(s);
}

/* ---- what is made of them ---- */

/* It can be read, and is laid out as fmt does it. */
static void
assert_sound(const char *script)
{
	struct script *parsed;
	struct text errors;
	char *formatted;

	text_init(&errors);
	parsed =
	    script_parse("lifted.rly", script, strlen(script), NULL, &errors);
	ck_assert_msg(parsed != NULL, "%.500s%.2000s", text_str(&errors),
	    script);
	script_free(parsed);
	formatted =
	    script_format("lifted.rly", script, strlen(script), &errors);
	ck_assert_ptr_nonnull(formatted);
	ck_assert_msg(strcmp(formatted, script) == 0, "%.2000s", script);
	free(formatted);
	text_clear(&errors);
}

static struct lift *
lift_story(struct story *s, const struct lift_options *o)
{
	char err[512] = "";
	struct lift *l = lift_file(blob_file(&s->file), o, err, sizeof(err));

	ck_assert_msg(l != NULL, "%s", err);
	assert_sound(l->script);
	return l;
}

/* The lines are there, in this order, with whatever between. */
static void
assert_order(const char *script, const char *const *lines)
{
	const char *at = script;

	for (; *lines != NULL; lines++) {
		const char *found = strstr(at, *lines);

		ck_assert_msg(found != NULL, "no '%s' there in\n%s", *lines,
		    script);
		at = found + strlen(*lines);
	}
}

static void
assert_lifted(struct story *s, const char *const *lines)
{
	struct lift_options o;
	struct lift *l;

	lift_options_default(&o);
	l = lift_story(s, &o);
	assert_order(l->script, lines);
	lift_free(l);
	story_free(s);
}

START_TEST(two_senders_do_not_overtake_each_other)
{
	struct story *s = story_of(3);

	frame(s, 0, false, "SendPacket", &s->key[1], "from alice");
	frame(s, 2, false, "SendPacket", &s->key[1], "from carol");
	frame(s, 1, true, "RecvPacket", &s->key[0], "from alice");
	frame(s, 1, true, "RecvPacket", &s->key[2], "from carol");
	assert_lifted(s,
	    (const char *const[]){
		"A -> SendPacket key=pub(bob) data=\"from alice\"\n",
		"B <- RecvPacket key==pub(alice) data==\"from alice\"\n",
		"C -> SendPacket key=pub(bob) data=\"from carol\"\n",
		"B <- RecvPacket key==pub(carol) data==\"from carol\"\n",
		NULL });
}
END_TEST

START_TEST(one_sender_may_have_several_under_way)
{
	struct story *s = story_of(2);

	frame(s, 0, false, "SendPacket", &s->key[1], "first");
	frame(s, 0, false, "SendPacket", &s->key[1], "second");
	frame(s, 1, true, "RecvPacket", &s->key[0], "first");
	frame(s, 1, true, "RecvPacket", &s->key[0], "second");
	assert_lifted(s,
	    (const char *const[]){ "-> SendPacket key=pub(bob) data=\"first\"",
		"-> SendPacket key=pub(bob) data=\"second\"",
		"<- RecvPacket key==pub(alice) data==\"first\"",
		"<- RecvPacket key==pub(alice) data==\"second\"", NULL });
}
END_TEST

START_TEST(an_effect_captured_before_its_cause_comes_behind_it)
{
	struct story *s = story_of(2);

	frame(s, 1, true, "RecvPacket", &s->key[0], "too early");
	frame(s, 1, true, "RecvPacket", &s->key[0], "next");
	frame(s, 0, false, "SendPacket", &s->key[1], "too early");
	frame(s, 0, false, "SendPacket", &s->key[1], "next");
	assert_lifted(s,
	    (const char *const[]){ "A -> SendPacket key=pub(bob) data=\"too",
		"B <- RecvPacket key==pub(alice) data==\"too",
		"A -> SendPacket key=pub(bob) data=\"next\"",
		"B <- RecvPacket key==pub(alice) data==\"next\"", NULL });
}
END_TEST

START_TEST(what_was_sent_before_the_login_is_read_before_it)
{
	struct story *s = story_of(1);

	frame(s, 0, false, "SendPacket", &s->key[1], "lost");
	hello(s, 1);
	frame(s, 1, false, "Ping", NULL, "hi there");
	frame(s, 1, true, "Pong", NULL, "hi there");
	assert_lifted(s,
	    (const char *const[]){ "A -> SendPacket key=pub(bob) data=\"lost\"",
		"fence ingress A\n", "conn B = login key=bob", NULL });
}
END_TEST

START_TEST(a_reply_stays_behind_what_it_replies_to)
{
	struct story *s = story_of(2);

	frame(s, 0, false, "SendPacket", &s->key[1], "question");
	frame(s, 1, true, "RecvPacket", &s->key[0], "question");
	frame(s, 1, false, "SendPacket", &s->key[0], "answer");
	frame(s, 0, true, "RecvPacket", &s->key[1], "answer");
	assert_lifted(s,
	    (const char *const[]){ "B <- RecvPacket key==pub(alice) data==",
		"B -> SendPacket key=pub(alice) data=\"answer\"",
		"A <- RecvPacket key==pub(bob) data==\"answer\"", NULL });
}
END_TEST

START_TEST(a_relays_ping_is_answered_with_what_comes)
{
	struct story *s = story_of(1);
	struct lift_options o;
	struct lift *l;

	s->now_ns += 500 * MS;
	frame(s, 0, true, "Ping", NULL, "you live");
	frame(s, 0, false, "Pong", NULL, "you live");
	lift_options_default(&o);
	l = lift_story(s, &o);
	ck_assert_ptr_null(strstr(l->script, "A <- Ping"));
	ck_assert_ptr_null(strstr(l->script, "A -> Pong"));
	ck_assert_ptr_nonnull(strstr(l->script, "# A: Ping came"));
	lift_free(l);
	o.pace = 1;
	l = lift_story(s, &o);
	assert_order(l->script,
	    (const char *const[]){ "carrier=raw autopong=no\n",
		"A <- Ping data as $ping", "A -> Pong data=$ping", NULL });
	lift_free(l);
	story_free(s);
}
END_TEST

START_TEST(keys_that_are_none_stay_bytes)
{
	struct story *s = story_of(1);
	struct rk_key bad = { .b = { 2 } };

	ck_assert(!rk_key_is_point(&bad));
	frame(s, 0, false, "SendPacket", &bad, "x");
	assert_lifted(s,
	    (const char *const[]){ "A -> SendPacket key=x\"02 00*31\" "
				   "data=\"x\"",
		NULL });
}
END_TEST

START_TEST(strangers_have_names)
{
	struct story *s = story_of(1);

	frame(s, 0, false, "SendPacket", &s->key[2], "x");
	frame(s, 0, false, "SendPacket", &s->key[3], "y");
	frame(s, 0, false, "SendPacket", &s->key[2], "z");
	assert_lifted(s,
	    (const char *const[]){ "key=pub(nobody) data=\"x\"",
		"key=pub(nobody2) data=\"y\"", "key=pub(nobody) data=\"z\"",
		NULL });
}
END_TEST

/* ---- payloads ---- */

static const struct literal {
	const char *bytes; /* hex */
	size_t times;      /* so often */
	const char *written;
} literals[] = {
	{ "", 1, "data=\"\"\n" },
	{ "68 22 5c 69", 1, "data=\"h\\\"\\\\i\"\n" },
	{ "00", 3, "data=x\"000000\"\n" },
	{ "ab", 1200, "data=x\"ab*1200\"\n" },
	{ "01 02 03 04 05 06 07 08 09", 1, "data=x\"010203040506070809\"\n" },
	{ "00 01 02 03 04 05 06 07 08", 1, "data=fill(9)\n" },
	{ "00 01 02 03 04 05 06 07 09", 1, "data=x\"000102030405060709\"\n" },
	{ "54 53 f0 9f 92 ac 06 07 08", 1, "data=disco(9)\n" },
	{ "0a", 1, "data=x\"0a\"\n" },
};

START_TEST(literals_are_short_and_exact)
{
	const struct literal *row = &literals[_i];
	struct story *s = story_of(1);
	size_t len;
	const uint8_t *unit = hex(row->bytes, &len);
	uint8_t out[2048], data[1300];
	struct rk_writer w;
	struct rk_frame f;

	for (size_t i = 0; i < row->times; i++)
		memcpy(data + i * len, unit, len);
	rk_frame_init(&f, rk_frame_spec_by_name(rk_dialects()[0], "Send"));
	rk_frame_set(&f, "key", s->key[1].b, RK_KEY_LEN);
	rk_frame_set(&f, "data", data, len * row->times);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_frame_encode(rk_dialects()[0], RK_HEADER_TLV32, &f,
			     RK_STRICT, &w),
	    RK_OK);
	packet(s, 0, false, 0x18, out, w.len);
	assert_lifted(s, (const char *const[]){ row->written, NULL });
}
END_TEST

/* ---- words of the options ---- */

START_TEST(paces_and_strictness)
{
	enum lift_expect e;
	double pace;

	ck_assert(lift_parse_pace("asis", &pace) && pace >= 1 && pace <= 1);
	ck_assert(lift_parse_pace("fast", &pace) && pace <= 0);
	ck_assert(lift_parse_pace("x10", &pace) && pace >= 10 && pace <= 10);
	ck_assert(lift_parse_pace("x0.5", &pace) && pace < 1);
	for (const char *const *bad = (const char *const[]){ "", "x", "x0",
		 "x-1", "xnan", "xinf", "10", "x1y", "x1e9", NULL };
	     *bad != NULL; bad++)
		ck_assert_msg(!lift_parse_pace(*bad, &pace), "%s", *bad);
	ck_assert(lift_parse_expect("none", &e) && e == LIFT_NONE);
	ck_assert(lift_parse_expect("bytes", &e) && e == LIFT_BYTES);
	ck_assert(!lift_parse_expect("all", &e));
}
END_TEST

/* ---- damage ---- */

#define MUTANTS 60

static const char *const mutated[] = { "login-ping-send.pcapng",
	"login-ping-send-ws.pcapng", "peer-gone.pcapng", "http.pcapng",
	"refused-logins.pcapng", "bad-frames.pcapng", "duplicate-login.pcapng",
	"tls13-embedded-keys.pcapng", "disco.pcapng",
	"peer-gone-same-raw-ip.pcap" };

static void
mutate(uint64_t *random, char *p, size_t len)
{
	size_t n = 1 + test_random(random) % 20;

	for (size_t i = 0; i < n; i++) {
		uint64_t r = test_random(random);
		size_t at = (size_t)(r >> 16) % len;

		/* Nothing can be read of a file with another beginning. */
		if (at >= 200)
			p[at] = (char)(r & 1 ? p[at] ^ 1 << (r >> 1 & 7)
					     : (int)(r >> 8 & 0xff));
	}
}

/* Whatever is in it: what is written is a scenario, or nothing is. */
static void
lift_mutant(const char *p, size_t len, const struct lift_options *o,
    size_t *lifted)
{
	struct blob b = { 0 };
	char err[512] = "";
	struct lift *l;

	blob_add(&b, p, len);
	l = lift_file(blob_file(&b), o, err, sizeof(err));
	blob_clear(&b);
	if (l == NULL) {
		ck_assert_str_ne(err, "");
		return;
	}
	(*lifted)++;
	assert_sound(l->script);
	lift_free(l);
}

START_TEST(damaged_captures)
{
	uint64_t random = 1000 + (uint64_t)_i;
	size_t len, lifted = 0;
	char err[512];
	char *whole;

	ck_assert_int_eq(rk_keys_init(), RK_OK);
	whole = file_read(fixture_path(mutated[_i]), &len, err, sizeof(err));
	ck_assert_msg(whole != NULL, "%s", err);
	for (int i = 0; i < MUTANTS; i++) {
		struct lift_options o;
		char *copy = xmemdup(whole, len);

		lift_options_default(&o);
		o.expect = (enum lift_expect)(i % 4);
		o.pace = i % 3;
		o.scrub = i % 5 == 0;
		mutate(&random, copy, len);
		lift_mutant(copy, i % 7 == 0 ? len - len / 3 : len, &o,
		    &lifted);
		free(copy);
	}
	ck_assert_uint_gt(lifted, MUTANTS / 4);
	free(whole);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("lift");
	TCase *tc = tcase_create("lift");

	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, two_senders_do_not_overtake_each_other);
	tcase_add_test(tc, one_sender_may_have_several_under_way);
	tcase_add_test(tc, an_effect_captured_before_its_cause_comes_behind_it);
	tcase_add_test(tc, what_was_sent_before_the_login_is_read_before_it);
	tcase_add_test(tc, a_reply_stays_behind_what_it_replies_to);
	tcase_add_test(tc, a_relays_ping_is_answered_with_what_comes);
	tcase_add_test(tc, keys_that_are_none_stay_bytes);
	tcase_add_test(tc, strangers_have_names);
	tcase_add_rows(tc, literals_are_short_and_exact, literals);
	tcase_add_test(tc, paces_and_strictness);
	tcase_add_rows(tc, damaged_captures, mutated);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
