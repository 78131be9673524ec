/* relayd's side of the login, over a socketpair with a faked clock. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"
#include "relayd_rig.h"
#include "support.h"
#include "vectors.h"

/* Connected and upgraded; nothing is sent yet. */
static void
upgraded(struct client *c, enum rk_carrier carrier)
{
	client_open(c, &rig, SERVICE_RELAY);
	client_upgrade(c, carrier);
}

START_TEST(a_good_login_is_answered_by_silence)
{
	uint8_t info[256];
	size_t len = client_info(carriers[_i], 1, info, sizeof(info));
	struct client c;

	upgraded(&c, carriers[_i]);
	client_expect_nothing(&c);
	if (carriers[_i] == RK_CARRIER_WS)
		client_send_ws(&c, true, RK_WS_BINARY, info, len);
	else
		client_send(&c, info, len);
	client_expect_nothing(&c);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_clients"), 1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_connections{stage=\"open\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_websocket_accepts_total"),
	    carriers[_i] == RK_CARRIER_WS);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_derp_accepts_total"),
	    carriers[_i] == RK_CARRIER_RAW);
	client_close(&c);
}
END_TEST

/* A whole raw frame: type and payload. */
struct bad_login {
	const char *what;
	const char *frame;
	const char *reason; /* label of the counter */
};

#define INFO(length, magic, key, signature, message)                           \
	"02" length magic key signature message

static const struct bad_login bad_logins[] = {
	{ "a flipped bit in the magic",
	    INFO("0000006a", "53454c4159f09f9491", KEY_A, SIGNATURE_A, "03"),
	    "magic" },
	{ "a signature over something else",
	    INFO("0000006a", MAGIC, KEY_B, SIGNATURE_A, "03"), "signature" },
	{ "another message than was signed",
	    INFO("0000006a", MAGIC, KEY_A, SIGNATURE_A, "02"), "signature" },
	{ "a key that is no point",
	    INFO("0000006a", MAGIC,
		"02020202020202020202020202020202020202020202020202020202020202"
		"02",
		SIGNATURE_A, "03"),
	    "key" },
	{ "what only a lenient verifier accepts",
	    INFO("0000006a", MAGIC,
		"01000000000000000000000000000000000000000000000000000000000000"
		"00",
		"58666666666666666666666666666666666666666666666666666666666666"
		"66"
		"01000000000000000000000000000000000000000000000000000000000000"
		"00",
		"03"),
	    "signature" },
	{ "version 2",
	    INFO("0000006a", MAGIC, KEY_A, SIGNATURE_A_VERSION_2, "02"),
	    "version" },
	{ "version 4",
	    INFO("0000006a", MAGIC, KEY_A, SIGNATURE_A_VERSION_4, "04"),
	    "version" },
	{ "an empty message",
	    INFO("00000069", MAGIC, KEY_A,
		"778cda0634c021fae8b1a9fa655ba13230f6fcfc5c5d519afb0872ec9bf1d6"
		"42"
		"41cc3eed8ad47270d86d30e762ad17677c6fb1797e35bca7eba30388257e02"
		"0f",
		""),
	    "message" },
	{ "one byte too few", "0200000001ff", "length" },
	{ "a Ping first", "0c000000080102030405060708", "unexpected-frame" },
	{ "a packet first", "0400000020" KEY_B, "unexpected-frame" },
	{ "an unknown type", "0100000000", "unknown-type" },
	{ "a length above the limit", "0200100001", "too-long" },
};

START_TEST(a_bad_login_is_closed_without_a_frame)
{
	const struct bad_login *b = &bad_logins[_i];
	char sample[80];
	struct client c;
	size_t len;
	const uint8_t *frame = hex(b->frame, &len);

	upgraded(&c, RK_CARRIER_RAW);
	client_send(&c, frame, len);
	client_expect_end(&c);
	snprintf(sample, sizeof(sample),
	    "relayd_login_refused_total{reason=\"%s\"}", b->reason);
	ck_assert_msg(rig_metric(&rig, sample) == 1, "%s: log %s", b->what,
	    rig.log.s);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"refused\",stage="
			      "\"login\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 0);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_disconnects_total"), 0);
	client_close(&c);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
}
END_TEST

START_TEST(a_bad_login_is_closed_on_websocket_too)
{
	const struct bad_login *b = &bad_logins[_i];
	uint8_t message[256];
	struct client c;
	size_t len;
	const uint8_t *frame = hex(b->frame, &len);

	if (strcmp(b->reason, "too-long") == 0)
		return; /* there is no length on WebSocket */
	message[0] = frame[0];
	memcpy(message + 1, frame + 5, len - 5);
	upgraded(&c, RK_CARRIER_WS);
	client_send_ws(&c, true, RK_WS_BINARY, message, len - 4);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"refused\",stage="
			      "\"login\"}"),
	    1);
	client_close(&c);
}
END_TEST

START_TEST(an_empty_message_is_no_login)
{
	struct client c;

	upgraded(&c, RK_CARRIER_WS);
	client_send_ws(&c, true, RK_WS_BINARY, "", 0);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_login_refused_total{reason=\"empty\"}"),
	    1);
	client_close(&c);
}
END_TEST

static const char *const odd_logins[] = {
	INFO("0000006b", MAGIC, KEY_A, SIGNATURE_A_TRAILING, "03ff"),
	INFO("0000006b", MAGIC, KEY_A, SIGNATURE_A_NON_MINIMAL, "8300"),
};

START_TEST(odd_but_signed_messages_log_in)
{
	struct client c;
	size_t len;
	const uint8_t *frame = hex(odd_logins[_i], &len);

	upgraded(&c, RK_CARRIER_RAW);
	client_send(&c, frame, len);
	client_barrier(&c);
	client_close(&c);
}
END_TEST

START_TEST(a_long_signed_message_logs_in)
{
	enum {
		LEN = 300000
	};
	uint8_t seed[RK_SEED_LEN] = { 9 }, *message = calloc(1, LEN);
	uint8_t *frame = malloc(LEN + 256);
	size_t magic_len;
	const uint8_t *magic = hex(MAGIC, &magic_len);
	uint8_t signature[RK_SIGNATURE_LEN];
	struct rk_secret_key secret;
	struct rk_writer w;
	struct rk_key key;
	struct client c;

	ck_assert(message != NULL && frame != NULL);
	message[0] = 3;
	rk_secret_key_from_seed(&secret, seed);
	rk_secret_key_public(&secret, &key);
	rk_sign(&secret, message, LEN, signature);
	rk_writer_init(&w, frame, LEN + 256);
	rk_write_u8(&w, 2);
	rk_write_u32be(&w, 105 + LEN);
	rk_write_bytes(&w, magic, magic_len);
	rk_write_bytes(&w, key.b, sizeof(key.b));
	rk_write_bytes(&w, signature, sizeof(signature));
	rk_write_bytes(&w, message, LEN);
	ck_assert(!w.bad);
	upgraded(&c, RK_CARRIER_RAW);
	client_send(&c, frame, w.len);
	client_barrier(&c);
	client_close(&c);
	free(message);
	free(frame);
}
END_TEST

START_TEST(the_same_login_is_good_again_and_again)
{
	struct client c[3];

	for (int i = 0; i < 3; i++)
		client_login(&c[i], &rig, RK_CARRIER_RAW, 1);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 3);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_unique_client_keys_total"),
	    1);
	for (int i = 0; i < 3; i++)
		client_close(&c[i]);
}
END_TEST

START_TEST(a_new_day_counts_keys_anew)
{
	struct client c;

	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	client_close(&c);
	rig_settle(&rig);
	clock_advance(24 * 3600 * NS_PER_S);
	client_login(&c, &rig, RK_CARRIER_RAW, 1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_unique_client_keys_total"),
	    2);
	client_close(&c);
}
END_TEST

/* ---- time ---- */

START_TEST(who_says_nothing_is_ended_after_ten_seconds)
{
	struct client c;

	upgraded(&c, carriers[_i]);
	rig_pass(&rig, 9900 * NS_PER_MS);
	client_expect_nothing(&c);
	rig_pass(&rig, 200 * NS_PER_MS);
	client_expect_end(&c);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"login\"}"),
	    1);
	ck_assert_ptr_nonnull(strstr(rig.log.s,
	    "closed end=timeout stage=login reason=\"login\""));
	client_close(&c);
}
END_TEST

/* What takes all the time of a turn. */
static struct hog {
	struct watch *watch;
	int fds[2];
} hog;

static void
spend_the_turn(void *arg, int what)
{
	char byte;

	ck_assert_int_eq(read(hog.fds[0], &byte, 1), 1);
	loop_spend(rig.loop, NS_PER_S);
}

/* In the next turn; what is ready first is told of first. */
static void
hog_start(void)
{
	ck_assert_int_eq(pipe(hog.fds), 0);
	hog.watch = watch_new(rig.loop, hog.fds[0], spend_the_turn, NULL);
	watch_set(hog.watch, WATCH_READ);
	ck_assert_int_eq(write(hog.fds[1], "x", 1), 1);
}

static void
hog_end(void)
{
	watch_free(hog.watch);
	close(hog.fds[0]);
	close(hog.fds[1]);
}

START_TEST(a_login_waits_for_a_turn_that_has_time)
{
	uint8_t frame[256];
	struct client c;
	size_t len;

	upgraded(&c, carriers[_i]);
	hog_start();
	len = client_info(c.carrier, 1, frame, sizeof(frame));
	if (c.carrier == RK_CARRIER_WS)
		client_send_ws(&c, true, RK_WS_BINARY, frame, len);
	else
		client_send(&c, frame, len);
	rig_turn(&rig);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 0);
	rig_turn(&rig);
	ck_assert_uint_eq(rig_metric(&rig, "relayserver_accepts_total"), 1);
	client_barrier(&c);
	hog_end();
	client_close(&c);
}
END_TEST

START_TEST(packets_to_nobody_wait_and_others_do_not)
{
	static const char dropped[] = "relayserver_send_packets_dropped_total",
			  sent[] = "relayserver_send_packets_sent_total";
	struct client a, b, gone;

	client_login(&a, &rig, carriers[_i], 1);
	client_login(&b, &rig, carriers[_i], 2);
	client_login(&gone, &rig, carriers[_i], 3);
	client_close(&gone);
	rig_settle(&rig);
	client_cork(&a);
	client_cork(&b);
	for (int i = 0; i < 3; i++) {
		client_send_packet(&a, &gone, "to nobody");
		client_send_packet(&b, &a, "to somebody");
	}
	client_send_packet(&a, &b, "behind them");
	hog_start();
	client_uncork(&a);
	client_uncork(&b);
	rig_turn(&rig);
	/* That a check was needed is known behind the first. */
	ck_assert_uint_eq(rig_metric(&rig, dropped), 1);
	ck_assert_uint_eq(rig_metric(&rig, sent), 3);
	client_expect_packet(&b, &a, "behind them");
	ck_assert_uint_eq(rig_metric(&rig, dropped), 3);
	hog_end();
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(dripping_a_login_gains_no_time)
{
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, 1, info, sizeof(info));
	struct client c;

	upgraded(&c, RK_CARRIER_RAW);
	ck_assert_uint_gt(len, 100);
	for (int i = 0; i < 99; i++) {
		client_send(&c, info + i, 1);
		rig_pass(&rig, 100 * NS_PER_MS);
	}
	client_expect_nothing(&c);
	rig_pass(&rig, 200 * NS_PER_MS);
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

START_TEST(a_login_in_the_last_moment_is_good)
{
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, 1, info, sizeof(info));
	struct client c;

	upgraded(&c, RK_CARRIER_RAW);
	rig_pass(&rig, 9900 * NS_PER_MS);
	client_send(&c, info, len);
	client_barrier(&c);
	rig_pass(&rig, 20 * NS_PER_S);
	client_barrier(&c);
	client_close(&c);
}
END_TEST

/* ---- how bytes arrive ---- */

/* The upgrade, the login and a Ping, as one string of bytes. */
static size_t
whole_beginning(enum rk_carrier carrier, uint8_t *out, size_t cap)
{
	static const char ws[] = "GET /relay HTTP/1.1\r\nupgrade: websocket\r\n"
				 "sec-websocket-version: 13\r\n"
				 "sec-websocket-key: x\r\n\r\n";
	static const char raw[] =
	    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n\r\n";
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.masked = true };
	size_t ping_len;
	const uint8_t *ping = hex("0c000000080102030405060708", &ping_len);
	uint8_t info[256];
	size_t info_len = client_info(carrier, 1, info, sizeof(info));
	struct rk_writer w;

	rk_writer_init(&w, out, cap);
	rk_write_text(&w, carrier == RK_CARRIER_WS ? ws : raw);
	if (carrier == RK_CARRIER_WS) {
		h.payload_len = info_len;
		rk_ws_write_header(&h, &w);
		rk_write_bytes(&w, info, info_len);
		h.payload_len = 9;
		rk_ws_write_header(&h, &w);
		rk_write_u8(&w, ping[0]);
		rk_write_bytes(&w, ping + 5, 8);
	} else {
		rk_write_bytes(&w, info, info_len);
		rk_write_bytes(&w, ping, ping_len);
	}
	ck_assert(!w.bad);
	return w.len;
}

static void
expect_101_and_pong(struct client *c)
{
	ck_assert_ptr_nonnull(strstr(client_answer(c), "101"));
	client_expect_frame(c, "Pong", "\1\2\3\4\5\6\7\10", 8);
}

START_TEST(early_bytes_are_served_wherever_they_are_cut)
{
	uint8_t all[1024];
	size_t len = whole_beginning(carriers[_i], all, sizeof(all));

	for (size_t cut = 0; cut <= len; cut++) {
		struct client c;

		client_open(&c, &rig, SERVICE_RELAY);
		c.carrier = carriers[_i];
		client_send(&c, all, cut);
		rig_settle(&rig);
		client_send(&c, all + cut, len - cut);
		expect_101_and_pong(&c);
		client_close(&c);
	}
}
END_TEST

START_TEST(one_byte_at_a_time_is_fine)
{
	uint8_t all[1024];
	size_t len = whole_beginning(carriers[_i], all, sizeof(all));
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	c.carrier = carriers[_i];
	for (size_t i = 0; i < len; i++) {
		client_send(&c, all + i, 1);
		rig_turn(&rig);
	}
	expect_101_and_pong(&c);
	client_close(&c);
}
END_TEST

START_TEST(the_body_of_the_upgrade_request_is_not_a_frame)
{
	uint8_t info[256];
	size_t len = client_info(RK_CARRIER_RAW, 1, info, sizeof(info));
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c,
	    "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\n"
	    "content-length: 3\r\n\r\nabc");
	client_send(&c, info, len);
	ck_assert_ptr_nonnull(strstr(client_answer(&c), "101"));
	client_barrier(&c);
	client_close(&c);
}
END_TEST

START_TEST(a_client_that_leaves_before_its_login_is_told_apart)
{
	struct client c;

	upgraded(&c, RK_CARRIER_RAW);
	client_close(&c);
	rig_settle(&rig);
	ck_assert_uint_eq(
	    rig_metric(&rig, "relayd_ended_total{end=\"eof\",stage=\"login\"}"),
	    1);
	upgraded(&c, RK_CARRIER_RAW);
	client_send(&c, "\2\0\0", 3);
	rig_settle(&rig);
	client_close(&c);
	rig_settle(&rig);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"truncated\",stage="
			      "\"login\"}"),
	    1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd login");
	TCase *tc = tcase_create("login");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_good_login_is_answered_by_silence, 0, 2);
	tcase_add_rows(tc, a_bad_login_is_closed_without_a_frame, bad_logins);
	tcase_add_rows(tc, a_bad_login_is_closed_on_websocket_too, bad_logins);
	tcase_add_test(tc, an_empty_message_is_no_login);
	tcase_add_loop_test(tc, odd_but_signed_messages_log_in, 0, 2);
	tcase_add_test(tc, a_long_signed_message_logs_in);
	tcase_add_test(tc, the_same_login_is_good_again_and_again);
	tcase_add_test(tc, a_new_day_counts_keys_anew);
	tcase_add_loop_test(tc, who_says_nothing_is_ended_after_ten_seconds, 0,
	    2);
	tcase_add_loop_test(tc, a_login_waits_for_a_turn_that_has_time, 0, 2);
	tcase_add_loop_test(tc, packets_to_nobody_wait_and_others_do_not, 0, 2);
	tcase_add_test(tc, dripping_a_login_gains_no_time);
	tcase_add_test(tc, a_login_in_the_last_moment_is_good);
	tcase_add_loop_test(tc, early_bytes_are_served_wherever_they_are_cut, 0,
	    2);
	tcase_add_loop_test(tc, one_byte_at_a_time_is_fine, 0, 2);
	tcase_add_test(tc, the_body_of_the_upgrade_request_is_not_a_frame);
	tcase_add_test(tc, a_client_that_leaves_before_its_login_is_told_apart);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
