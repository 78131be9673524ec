/* The login of iroh-v3, both roles, with the rules of section 3.4. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/login.h"
#include "frame_vectors.h"
#include "make_keys.h"
#include "support.h"

static const struct rk_dialect *v3;

struct output {
	uint8_t bytes[RK_LOGIN_OUTPUT_MAX];
	struct rk_writer w;
};

static void
output_init(struct output *o)
{
	rk_writer_init(&o->w, o->bytes, sizeof(o->bytes));
}

static void
server_init(struct rk_login *l, enum rk_carrier carrier)
{
	struct rk_login_params params = { .carrier = carrier };
	struct output o;

	rk_login_init(l, v3, RK_SERVER, &params);
	output_init(&o);
	ck_assert_int_eq(rk_login_start(l, &o.w), RK_OK);
	ck_assert_uint_eq(o.w.len, 0); /* nothing precedes ClientInfo */
	ck_assert_int_eq(l->state, RK_LOGIN_PENDING);
}

/* Feed one frame; nothing is answered. */
static int
feed(struct rk_login *l, uint8_t type, const uint8_t *payload, size_t len)
{
	struct rk_raw_frame raw = { type, { payload, len }, 5, len + 5 };
	struct output o;
	int err;

	output_init(&o);
	err = rk_login_input(l, &raw, &o.w);
	ck_assert_uint_eq(o.w.len, 0);
	return err;
}

static void
check_refused(const struct rk_login *l, int got, int want)
{
	ck_assert_msg(got == want, "%s, not %s", rk_errname(got),
	    rk_errname(want));
	ck_assert_int_eq(l->state, RK_LOGIN_REFUSED);
	ck_assert_int_eq(l->error, want);
}

/* ---- both roles, one against the other ---- */

START_TEST(client_writes_the_vector_and_is_done)
{
	const struct key_vector *v = &key_vectors[_i / RK_NCARRIERS];
	enum rk_carrier carrier = (enum rk_carrier)(_i % RK_NCARRIERS);
	struct rk_secret_key sk = secret_of_seed(v->seed);
	struct rk_login_params params = { .secret = &sk, .carrier = carrier };
	struct rk_login l;
	struct output o;
	char text[512];
	size_t len;
	const uint8_t *want;

	snprintf(text, sizeof(text), "02 %s" MAGIC "%s%s 03",
	    carrier == RK_CARRIER_RAW ? "0000006a" : "", v->key, v->signature);
	want = hex(text, &len);
	ck_assert_uint_eq(len, carrier == RK_CARRIER_RAW ? 111 : 107);
	rk_login_init(&l, v3, RK_CLIENT, &params);
	ck_assert_int_eq(l.state, RK_LOGIN_PENDING);
	output_init(&o);
	ck_assert_int_eq(rk_login_start(&l, &o.w), RK_OK);
	ck_assert_int_eq(l.state, RK_LOGIN_DONE);
	ck_assert_uint_eq(l.version, 3);
	ck_assert_bytes(o.bytes, o.w.len, want, len);
}
END_TEST

START_TEST(server_takes_what_the_client_writes)
{
	enum rk_carrier carrier = (enum rk_carrier)_i;
	struct rk_secret_key sk;
	struct rk_login_params params = { .secret = &sk, .carrier = carrier };
	struct rk_login client, server;
	struct rk_raw_frame raw;
	struct rk_key key;
	struct output o;
	size_t sent;

	for (int n = 0; n < 20; n++) {
		rk_secret_key_generate(&sk);
		rk_secret_key_public(&sk, &key);
		rk_login_init(&client, v3, RK_CLIENT, &params);
		server_init(&server, carrier);
		output_init(&o);
		ck_assert_int_eq(rk_login_start(&client, &o.w), RK_OK);
		sent = o.w.len;
		ck_assert_int_eq(rk_split(v3->header[carrier], v3->max_frame,
				     o.bytes, sent, &raw),
		    RK_OK);
		ck_assert_uint_eq(raw.total_len, sent);
		ck_assert_int_eq(rk_login_input(&server, &raw, &o.w), RK_OK);
		ck_assert_uint_eq(o.w.len, sent); /* success is silence */
		ck_assert_int_eq(server.state, RK_LOGIN_DONE);
		ck_assert_int_eq(server.error, RK_OK);
		ck_assert_uint_eq(server.version, 3);
		ck_assert(rk_key_equal(&server.peer, &key));
	}
}
END_TEST

START_TEST(same_bytes_log_in_again)
{
	size_t len;
	const uint8_t *p = hex(MAGIC KEY_A SIGNATURE_A "03", &len);

	for (int i = 0; i < 3; i++) {
		struct rk_login l;

		server_init(&l, RK_CARRIER_RAW);
		ck_assert_int_eq(feed(&l, 0x02, p, len), RK_OK);
		ck_assert_int_eq(l.state, RK_LOGIN_DONE);
	}
}
END_TEST

/* ---- each check with its error ---- */

#define FORGERY MAGIC FORGERY_KEY FORGERY_SIGNATURE

static const struct {
	const char *what;
	uint8_t type;
	const char *payload;
	int result;
} logins[] = {
	{ "the vector", 0x02, MAGIC KEY_A SIGNATURE_A "03", RK_OK },
	/* 2: framing, length, magic, key */
	{ "wrong magic", 0x02, "52454c4159f09f9492" KEY_A SIGNATURE_A "03",
	    RK_ERR_MAGIC },
	{ "no point", 0x02, MAGIC NO_POINT SIGNATURE_A "03", RK_ERR_KEY },
	{ "malformed Ping", 0x0c, "01020304050607", RK_ERR_LENGTH },
	{ "unknown type", 0x10, "", RK_ERR_UNKNOWN_TYPE },
	{ "packet to no point", 0x04, NO_POINT, RK_ERR_KEY },
	/* 3: another frame, well formed */
	{ "Ping", 0x0c, "0102030405060708", RK_ERR_UNEXPECTED },
	{ "Pong", 0x0d, "0102030405060708", RK_ERR_UNEXPECTED },
	{ "NotePreferred", 0x07, "01", RK_ERR_UNEXPECTED },
	{ "SendPacket", 0x04, KEY_B "6869", RK_ERR_UNEXPECTED },
	{ "RecvPacket", 0x05, KEY_B "6869", RK_ERR_UNEXPECTED },
	{ "KeepAlive", 0x06, "", RK_ERR_UNEXPECTED },
	{ "PeerGone", 0x08, KEY_B, RK_ERR_UNEXPECTED },
	{ "Restarting", 0x0f, "0000000a00000014", RK_ERR_UNEXPECTED },
	{ "Health", 0x0e, "6f6b", RK_ERR_UNEXPECTED },
	{ "Health that is not UTF-8", 0x0e, "ff", RK_ERR_UNEXPECTED },
	/* 4: signature, before the message is looked at */
	{ "another message", 0x02, MAGIC KEY_A SIGNATURE_A "04",
	    RK_ERR_SIGNATURE },
	{ "another key", 0x02, MAGIC KEY_B SIGNATURE_A "03", RK_ERR_SIGNATURE },
	{ "S + l", 0x02, MAGIC KEY_A SIGNATURE_A_S_PLUS_L "03",
	    RK_ERR_SIGNATURE },
	{ "small-order key", 0x02, FORGERY "03", RK_ERR_SIGNATURE },
	{ "small-order key, version 4", 0x02, FORGERY "04", RK_ERR_SIGNATURE },
	{ "unsigned empty message", 0x02, MAGIC KEY_A SIGNATURE_A,
	    RK_ERR_SIGNATURE },
	/* 5: message */
	{ "empty message", 0x02, MAGIC KEY_A SIGNATURE_A_EMPTY,
	    RK_ERR_MESSAGE },
	{ "bytes behind the version", 0x02,
	    MAGIC KEY_A SIGNATURE_A_TRAILING "03ff", RK_OK },
	{ "non-minimal version", 0x02,
	    MAGIC KEY_A SIGNATURE_A_NON_MINIMAL "8300", RK_OK },
	/* 6: version */
	{ "version 2", 0x02, MAGIC KEY_A SIGNATURE_A_VERSION_2 "02",
	    RK_ERR_VERSION },
	{ "version 4", 0x02, MAGIC KEY_A SIGNATURE_A_VERSION_4 "04",
	    RK_ERR_VERSION },
};

START_TEST(login_is_judged)
{
	for (int carrier = 0; carrier < RK_NCARRIERS; carrier++) {
		size_t len;
		const uint8_t *p = hex(logins[_i].payload, &len);
		struct rk_login l;
		int err;

		server_init(&l, (enum rk_carrier)carrier);
		err = feed(&l, logins[_i].type, p, len);
		if (logins[_i].result == RK_OK) {
			ck_assert_msg(err == RK_OK, "%s: %s", logins[_i].what,
			    rk_errname(err));
			ck_assert_int_eq(l.state, RK_LOGIN_DONE);
		} else {
			check_refused(&l, err, logins[_i].result);
		}
	}
}
END_TEST

/* Every length below that of the vector: 105 bytes are an empty message. */
START_TEST(cut_client_info_is_refused)
{
	size_t len;
	const uint8_t *p = hex(MAGIC KEY_A SIGNATURE_A "03", &len);

	for (size_t n = 0; n < len; n++) {
		struct rk_login l;
		uint8_t *cut = malloc(n + 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, p, n);
		server_init(&l, RK_CARRIER_RAW);
		check_refused(&l, feed(&l, 0x02, cut, n),
		    n < 105 ? RK_ERR_LENGTH : RK_ERR_SIGNATURE);
		free(cut);
	}
}
END_TEST

START_TEST(every_altered_bit_is_refused)
{
	uint8_t copy[106];
	size_t len;
	const uint8_t *p = hex(MAGIC KEY_A SIGNATURE_A "03", &len);

	ck_assert_uint_eq(len, sizeof(copy));
	memcpy(copy, p, len);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		struct rk_login l;
		int err;

		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		server_init(&l, RK_CARRIER_RAW);
		err = feed(&l, 0x02, copy, len);
		ck_assert(err == RK_ERR_SIGNATURE ||
		    (bit / 8 < 9 && err == RK_ERR_MAGIC) ||
		    (bit / 8 >= 9 && bit / 8 < 41 && err == RK_ERR_KEY));
		ck_assert_int_eq(l.state, RK_LOGIN_REFUSED);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* A signature over more than the message is none. */
START_TEST(signature_covers_the_message_alone)
{
	struct rk_secret_key sk = secret_of_seed(1);
	uint8_t payload[106], sig[RK_SIGNATURE_LEN], covered[42];
	struct rk_login l;
	size_t len;

	memcpy(payload, hex(MAGIC KEY_A, &len), 41);
	payload[105] = 3;
	memcpy(covered, payload, 41);
	covered[41] = 3;
	rk_sign(&sk, covered, sizeof(covered), sig);
	memcpy(payload + 41, sig, sizeof(sig));
	server_init(&l, RK_CARRIER_RAW);
	check_refused(&l, feed(&l, 0x02, payload, sizeof(payload)),
	    RK_ERR_SIGNATURE);
}
END_TEST

/* ---- the signed message ---- */

/* Log in with a message, honestly signed. */
static int
login_with(struct rk_login *l, const void *msg, size_t len)
{
	struct rk_secret_key sk = secret_of_seed(2);
	size_t n, total = 105 + len;
	uint8_t *payload = malloc(total);
	int err;

	ck_assert_ptr_nonnull(payload);
	memcpy(payload, hex(MAGIC KEY_B, &n), 41);
	rk_sign(&sk, msg, len, payload + 41);
	if (len > 0)
		memcpy(payload + 105, msg, len);
	server_init(l, RK_CARRIER_RAW);
	err = feed(l, 0x02, payload, total);
	free(payload);
	return err;
}

static const struct {
	const char *message;
	int result;
	uint64_t version;
} messages[] = {
	{ "03", RK_OK, 3 },
	{ "03ff", RK_OK, 3 },
	{ "0380", RK_OK, 3 },
	{ "8300", RK_OK, 3 },
	{ "838000", RK_OK, 3 },
	{ "83808080808080808000", RK_OK, 3 },
	{ "83808080808080808000ff", RK_OK, 3 },
	{ "", RK_ERR_MESSAGE, 0 },
	{ "83", RK_ERR_MESSAGE, 0 },
	{ "8380", RK_ERR_MESSAGE, 0 },
	{ "8380808080808080808000", RK_ERR_MESSAGE, 0 },
	{ "83808080808080808002", RK_ERR_MESSAGE, 0 },
	{ "ffffffffffffffffff7f", RK_ERR_MESSAGE, 0 },
	{ "00", RK_ERR_VERSION, 0 },
	{ "02", RK_ERR_VERSION, 2 },
	{ "04", RK_ERR_VERSION, 4 },
	{ "8301", RK_ERR_VERSION, 131 },
	{ "8380808010", RK_ERR_VERSION, (UINT64_C(1) << 32) + 3 },
	{ "83808080808080808001", RK_ERR_VERSION, (UINT64_C(1) << 63) + 3 },
	{ "ffffffffffffffffff01", RK_ERR_VERSION, UINT64_MAX },
};

START_TEST(version_is_read_from_the_message)
{
	size_t len;
	const uint8_t *msg = hex(messages[_i].message, &len);
	struct rk_login l;
	int err = login_with(&l, msg, len);

	ck_assert_msg(err == messages[_i].result, "%s: %s",
	    messages[_i].message, rk_errname(err));
	ck_assert_uint_eq(l.version, messages[_i].version);
	ck_assert_int_eq(l.state,
	    err == RK_OK ? RK_LOGIN_DONE : RK_LOGIN_REFUSED);
}
END_TEST

START_TEST(megabyte_of_message_is_judged_like_any_other)
{
	size_t len = 1048576 - 105;
	uint8_t *msg = malloc(len);
	struct rk_login l;

	ck_assert_ptr_nonnull(msg);
	memset(msg, 0x5a, len);
	msg[0] = 3;
	ck_assert_int_eq(login_with(&l, msg, len), RK_OK);
	msg[0] = 4;
	check_refused(&l, login_with(&l, msg, len), RK_ERR_VERSION);
	free(msg);
}
END_TEST

/* ---- access control (D-08): behind the signature, before the version ---- */

struct guard {
	bool lets_in;
	bool later;
	unsigned asked;
	struct rk_key key;
};

static bool
ask_guard(void *arg, const struct rk_key *key)
{
	struct guard *g = arg;

	g->asked++;
	g->key = *key;
	return g->lets_in;
}

static int
guarded_login(struct guard *g, enum rk_carrier carrier, const char *payload,
    struct rk_login *l, struct output *o)
{
	struct rk_login_params params = { .carrier = carrier,
		.access = ask_guard,
		.arg = g };
	size_t len;
	const uint8_t *p = hex(payload, &len);
	struct rk_raw_frame raw = { 0x02, { p, len }, 5, len + 5 };

	params.access_later = g->later;
	rk_login_init(l, v3, RK_SERVER, &params);
	output_init(o);
	return rk_login_input(l, &raw, &o->w);
}

static const struct {
	const char *payload;
	bool lets_in;
	int result;
	unsigned asked;
} guarded[] = {
	{ MAGIC KEY_A SIGNATURE_A "03", true, RK_OK, 1 },
	{ MAGIC KEY_A SIGNATURE_A "03", false, RK_ERR_DENIED, 1 },
	{ MAGIC KEY_A SIGNATURE_A_VERSION_4 "04", false, RK_ERR_DENIED, 1 },
	{ MAGIC KEY_A SIGNATURE_A_VERSION_4 "04", true, RK_ERR_VERSION, 1 },
	{ MAGIC KEY_A SIGNATURE_A "04", false, RK_ERR_SIGNATURE, 0 },
	{ MAGIC KEY_A SIGNATURE_A_EMPTY, false, RK_ERR_MESSAGE, 0 },
};

START_TEST(guard_is_asked_once_the_key_is_proven)
{
	static const char *const health[RK_NCARRIERS] = {
		[RK_CARRIER_RAW] =
		    "0e 00000011 6e6f742061757468656e74696361746564",
		[RK_CARRIER_WS] = "0e 6e6f742061757468656e74696361746564",
	};

	for (int carrier = 0; carrier < RK_NCARRIERS; carrier++) {
		struct guard g = { .lets_in = guarded[_i].lets_in };
		struct rk_login l;
		struct output o;
		size_t want_len = 0, len;
		const uint8_t *want = NULL;
		int err = guarded_login(&g, (enum rk_carrier)carrier,
		    guarded[_i].payload, &l, &o);

		ck_assert_int_eq(err, guarded[_i].result);
		ck_assert_uint_eq(g.asked, guarded[_i].asked);
		if (g.asked > 0)
			ck_assert_bytes(g.key.b, sizeof(g.key.b),
			    hex(KEY_A, &len), RK_KEY_LEN);
		if (err == RK_ERR_DENIED)
			want = hex(health[carrier], &want_len);
		ck_assert_bytes(o.bytes, o.w.len, want, want_len);
		ck_assert_int_eq(l.state,
		    err == RK_OK ? RK_LOGIN_DONE : RK_LOGIN_REFUSED);
	}
}
END_TEST

START_TEST(guard_may_answer_later)
{
	struct guard g = { .later = true };
	struct rk_login l;
	struct output o, again;
	size_t len;
	int err =
	    guarded_login(&g, RK_CARRIER_RAW, guarded[_i].payload, &l, &o);

	ck_assert_uint_eq(g.asked, 0);
	ck_assert_uint_eq(o.w.len, 0);
	if (guarded[_i].asked == 0) {
		check_refused(&l, err, guarded[_i].result);
		ck_assert_int_eq(rk_login_access(&l, true, &o.w),
		    RK_ERR_ARGUMENT);
		return;
	}
	ck_assert_int_eq(err, RK_OK);
	ck_assert_int_eq(l.state, RK_LOGIN_ASKED);
	ck_assert_bytes(l.peer.b, sizeof(l.peer.b), hex(KEY_A, &len),
	    RK_KEY_LEN);
	output_init(&again);
	ck_assert_int_eq(rk_login_access(&l, guarded[_i].lets_in, &o.w),
	    guarded[_i].result);
	ck_assert_int_eq(l.state,
	    guarded[_i].result == RK_OK ? RK_LOGIN_DONE : RK_LOGIN_REFUSED);
	ck_assert_uint_eq(o.w.len, guarded[_i].lets_in ? 0 : 22);
	ck_assert_int_eq(rk_login_access(&l, true, &again.w), RK_ERR_ARGUMENT);
}
END_TEST

START_TEST(denial_that_does_not_fit_lets_nobody_in)
{
	struct guard g = { .lets_in = false };
	struct rk_login_params params = { .access = ask_guard, .arg = &g };
	uint8_t small[21];
	size_t len;
	const uint8_t *p = hex(MAGIC KEY_A SIGNATURE_A "03", &len);
	struct rk_raw_frame raw = { 0x02, { p, len }, 5, len + 5 };
	struct rk_writer w;
	struct rk_login l;

	rk_login_init(&l, v3, RK_SERVER, &params);
	rk_writer_init(&w, small, sizeof(small));
	ck_assert_int_eq(rk_login_input(&l, &raw, &w), RK_ERR_SPACE);
	ck_assert_int_eq(l.state, RK_LOGIN_PENDING);
	ck_assert_uint_eq(w.len, 0);
}
END_TEST

/* ---- use out of turn ---- */

START_TEST(client_info_that_does_not_fit_is_not_written_and_can_follow)
{
	struct rk_secret_key sk = secret_of_seed(1);
	struct rk_login_params params = { .secret = &sk };
	uint8_t out[111];
	struct rk_writer w;
	struct rk_login l;

	rk_login_init(&l, v3, RK_CLIENT, &params);
	rk_writer_init(&w, out, sizeof(out) - 1);
	ck_assert_int_eq(rk_login_start(&l, &w), RK_ERR_SPACE);
	ck_assert_uint_eq(w.len, 0);
	ck_assert_int_eq(l.state, RK_LOGIN_PENDING);
	rk_writer_init(&w, out, sizeof(out));
	ck_assert_int_eq(rk_login_start(&l, &w), RK_OK);
	ck_assert_int_eq(l.state, RK_LOGIN_DONE);
}
END_TEST

START_TEST(client_without_a_key_is_refused)
{
	struct rk_login_params params = { .secret = NULL };
	struct rk_login l;
	struct output o;

	rk_login_init(&l, v3, RK_CLIENT, &params);
	output_init(&o);
	check_refused(&l, rk_login_start(&l, &o.w), RK_ERR_ARGUMENT);
	ck_assert_uint_eq(o.w.len, 0);
}
END_TEST

START_TEST(client_expects_no_frame)
{
	struct rk_secret_key sk = secret_of_seed(1);
	struct rk_login_params params = { .secret = &sk };
	struct rk_login l;
	struct output o;

	rk_login_init(&l, v3, RK_CLIENT, &params);
	check_refused(&l, feed(&l, 0x06, NULL, 0), RK_ERR_UNEXPECTED);
	output_init(&o);
	ck_assert_int_eq(rk_login_start(&l, &o.w), RK_ERR_ARGUMENT);
	ck_assert_int_eq(l.state, RK_LOGIN_REFUSED);
}
END_TEST

START_TEST(nothing_changes_once_it_is_over)
{
	size_t len;
	const uint8_t *good = hex(MAGIC KEY_A SIGNATURE_A "03", &len);
	struct rk_login l;

	server_init(&l, RK_CARRIER_RAW);
	check_refused(&l, feed(&l, 0x06, NULL, 0), RK_ERR_UNEXPECTED);
	ck_assert_int_eq(feed(&l, 0x02, good, len), RK_ERR_ARGUMENT);
	check_refused(&l, l.error, RK_ERR_UNEXPECTED);

	server_init(&l, RK_CARRIER_RAW);
	ck_assert_int_eq(feed(&l, 0x02, good, len), RK_OK);
	ck_assert_int_eq(feed(&l, 0x06, NULL, 0), RK_ERR_ARGUMENT);
	ck_assert_int_eq(l.state, RK_LOGIN_DONE);
}
END_TEST

/* ---- random frames ---- */

START_TEST(random_frames_never_log_in)
{
	uint64_t seed = 61;
	size_t n;
	const uint8_t *magic = hex(MAGIC KEY_A, &n);

	for (int i = 0; i < 3000; i++) {
		uint8_t payload[140];
		size_t len = test_random(&seed) % sizeof(payload);
		struct rk_login l;
		int err;

		test_fill(&seed, payload, sizeof(payload));
		if (i % 2 == 0)
			memcpy(payload, magic, n);
		server_init(&l, RK_CARRIER_RAW);
		err = feed(&l, i % 3 == 0 ? (uint8_t)i : 0x02, payload, len);
		ck_assert_int_ne(err, RK_OK);
		check_refused(&l, err, l.error);
	}
}
END_TEST

static TCase *
turn_case(void)
{
	TCase *t = tcase_create("turn");

	tcase_add_test(t,
	    client_info_that_does_not_fit_is_not_written_and_can_follow);
	tcase_add_test(t, client_without_a_key_is_refused);
	tcase_add_test(t, client_expects_no_frame);
	tcase_add_test(t, nothing_changes_once_it_is_over);
	tcase_add_test(t, random_frames_never_log_in);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("login");
	TCase *t = tcase_create("login");

	v3 = rk_dialect_by_id("iroh-v3");
	if (v3 == NULL || rk_keys_init() != RK_OK)
		return 1;
	tcase_add_loop_test(t, client_writes_the_vector_and_is_done, 0,
	    RK_NCARRIERS * NROWS(key_vectors));
	tcase_add_loop_test(t, server_takes_what_the_client_writes, 0,
	    RK_NCARRIERS);
	tcase_add_test(t, same_bytes_log_in_again);
	tcase_add_rows(t, login_is_judged, logins);
	tcase_add_test(t, cut_client_info_is_refused);
	tcase_add_test(t, every_altered_bit_is_refused);
	tcase_add_test(t, signature_covers_the_message_alone);
	tcase_add_rows(t, version_is_read_from_the_message, messages);
	tcase_add_test(t, megabyte_of_message_is_judged_like_any_other);
	tcase_add_rows(t, guard_is_asked_once_the_key_is_proven, guarded);
	tcase_add_rows(t, guard_may_answer_later, guarded);
	tcase_add_test(t, denial_that_does_not_fit_lets_nobody_in);
	suite_add_tcase(s, t);
	suite_add_tcase(s, turn_case());
	return run_suite(s);
}
