/* The bucket, and the receive limit of a client: later, but never not. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bucket.h"
#include "base/clock.h"
#include "relayd_rig.h"
#include "support.h"

/* ---- the bucket ---- */

START_TEST(a_bucket_starts_full_and_fills_by_itself)
{
	struct bucket b;

	bucket_init(&b, 100);
	ck_assert_int_eq(bucket_wait(&b, 5000, 100), 0);
	bucket_take(&b, 5000, 100);
	ck_assert_int_eq(bucket_wait(&b, 5000, 1), 1);
	ck_assert_int_eq(bucket_wait(&b, 5000, 100), 100);
	ck_assert_int_eq(bucket_wait(&b, 5040, 40), 0);
	ck_assert_int_eq(bucket_wait(&b, 5040, 41), 1);
	bucket_take(&b, 5040, 40);
	ck_assert_int_eq(bucket_wait(&b, 5040, 1), 1);
	/* It does not overflow. */
	ck_assert_int_eq(bucket_wait(&b, 99999, 100), 0);
	bucket_take(&b, 99999, 100);
	ck_assert_int_eq(bucket_wait(&b, 99999, 1), 1);
}
END_TEST

START_TEST(what_is_larger_than_the_bucket_goes_when_it_is_full)
{
	struct bucket b;

	bucket_init(&b, 100);
	ck_assert_int_eq(bucket_wait(&b, 1000, 250), 0);
	bucket_take(&b, 1000, 250);
	/* … and is paid off. */
	ck_assert_int_eq(bucket_wait(&b, 1000, 100), 250);
	ck_assert_int_eq(bucket_wait(&b, 1000, 10), 160);
	ck_assert_int_eq(bucket_wait(&b, 1000, 250), 250);
	ck_assert_int_eq(bucket_wait(&b, 1250, 250), 0);
}
END_TEST

/* ---- the receive limit ---- */

static void
setup(void)
{
	rig_setup();
	rig.conf.rx_rate = 50;
	rig.conf.rx_burst = 50;
}

/* 50 bytes with header and key. */
#define DATA "0123456789abc"

/* No barrier: its Ping would count. */
static void
log_in(struct client *c, enum rk_carrier carrier, uint8_t seed)
{
	int64_t rate = rig.conf.rx_rate;

	rig.conf.rx_rate = 0;
	client_login(c, &rig, carrier, seed);
	rig.conf.rx_rate = rate;
	conn_limit_start(c->conn);
}

START_TEST(a_client_over_its_rate_is_slowed_and_loses_nothing)
{
	struct client a, b;
	const char *line;

	log_in(&a, carriers[_i], 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 3; i++)
		client_send_packet(&a, &b, DATA);
	client_send_frame(&a, "Ping", "abcdefgh", 8);
	client_expect_packet(&b, &a, DATA);
	client_expect_nothing(&b);
	rig_pass(&rig, 900 * NS_PER_MS);
	client_expect_nothing(&b);
	rig_pass(&rig, 200 * NS_PER_MS);
	client_expect_packet(&b, &a, DATA);
	client_expect_nothing(&b);
	rig_pass(&rig, 1000 * NS_PER_MS);
	client_expect_packet(&b, &a, DATA);
	client_expect_nothing(&a);
	rig_pass(&rig, 1000 * NS_PER_MS);
	client_expect_frame(&a, "Pong", "abcdefgh", 8);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_sent_total"),
	    3);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_frames_rx_ratelimited_total"),
	    3);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_conns_rx_ratelimited_total"),
	    1);
	/* … and said once. */
	line = strstr(text_str(&rig.log), "rx-limited key=");
	ck_assert_ptr_nonnull(line);
	ck_assert_ptr_null(strstr(line + 1, "rx-limited"));
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(others_do_not_notice)
{
	struct client a, b, c, d;

	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	log_in(&c, RK_CARRIER_RAW, 3);
	log_in(&d, RK_CARRIER_RAW, 4);
	for (int i = 0; i < 20; i++)
		client_send_packet(&a, &b, DATA);
	for (int i = 0; i < 5; i++) {
		client_send_packet(&c, &d, DATA);
		client_expect_packet(&d, &c, DATA);
		rig_pass(&rig, NS_PER_S);
	}
	client_close(&a);
	client_close(&b);
	client_close(&c);
	client_close(&d);
}
END_TEST

START_TEST(the_burst_is_what_passes_at_once)
{
	struct client a, b;
	struct rk_frame f;
	int n = 0;

	rig.conf.rx_burst = _i * 50;
	if (_i == 0)
		rig.conf.rx_rate = 150; /* without one: a second's worth */
	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 10; i++)
		client_send_packet(&a, &b, DATA);
	client_poll(&b);
	while (client_next_frame(&b, &f))
		n++;
	ck_assert_int_eq(n, _i == 0 ? 3 : _i);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_frame_larger_than_the_burst_passes_and_is_paid_for)
{
	static char data[1000];
	struct client a, b;

	memset(data, 'x', 500 - RK_KEY_LEN - 5);
	log_in(&a, carriers[_i], 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	client_send_packet(&a, &b, data);
	client_send_packet(&a, &b, DATA);
	client_expect_packet(&b, &a, data);
	rig_pass(&rig, 9900 * NS_PER_MS);
	client_expect_nothing(&b);
	rig_pass(&rig, 200 * NS_PER_MS);
	client_expect_packet(&b, &a, DATA);
	/* The operator hears that the limit does not suit the clients. */
	ck_assert_ptr_nonnull(strstr(text_str(&rig.log),
	    "rx-burst-too-small key=rkeohxlubhyzl7ks frame=500 burst=50\n"));
	client_close(&a);
	client_close(&b);
}
END_TEST

/* D-10: at once, whatever is owed, and for nothing. */
START_TEST(in_035_a_frame_larger_than_the_burst_is_free)
{
	static char data[1000];
	struct client a, b;

	rig.conf.generation = GENERATION_035;
	memset(data, 'x', 500 - RK_KEY_LEN - 5);
	log_in(&a, carriers[_i], 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	client_send_packet(&a, &b, data);
	client_send_packet(&a, &b, DATA);
	client_send_packet(&a, &b, data);
	client_send_packet(&a, &b, DATA);
	client_expect_packet(&b, &a, data);
	client_expect_packet(&b, &a, DATA);
	client_expect_packet(&b, &a, data);
	client_expect_nothing(&b);
	rig_pass(&rig, 1001 * NS_PER_MS);
	client_expect_packet(&b, &a, DATA);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_frames_rx_ratelimited_total"),
	    1);
	ck_assert_ptr_nonnull(strstr(text_str(&rig.log), "rx-burst-too-small"));
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(the_end_waits_behind_what_was_sent_before_it)
{
	struct client a, b;

	rig.conf.generation = GENERATION_035; /* notices go last */
	log_in(&a, carriers[_i & 1], 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	for (int i = 0; i < 4; i++)
		client_send_packet(&a, &b, DATA);
	if (_i & 2)
		client_close(&a);
	else
		client_shut(&a);
	for (int i = 0; i < 4; i++) {
		client_expect_packet(&b, &a, DATA);
		if (i == 3)
			break;
		client_expect_nothing(&b);
		rig_pass(&rig, 1001 * NS_PER_MS);
	}
	client_expect_gone(&b, &a);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"eof\",stage=\"open\"}"),
	    1);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(fragments_count_as_the_message_that_they_make)
{
	uint8_t message[46] = { 0x04 };
	struct client a, b;

	log_in(&a, RK_CARRIER_WS, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	memcpy(message + 1, b.key.b, RK_KEY_LEN);
	memcpy(message + 33, DATA, 13);
	for (int i = 0; i < 2; i++) {
		client_send_ws(&a, false, RK_WS_BINARY, message, 20);
		client_send_ws(&a, false, RK_WS_CONTINUATION, message + 20, 20);
		client_send_ws(&a, true, RK_WS_CONTINUATION, message + 40, 6);
	}
	client_expect_packet(&b, &a, DATA);
	rig_pass(&rig, 900 * NS_PER_MS);
	client_expect_nothing(&b);
	rig_pass(&rig, 200 * NS_PER_MS);
	client_expect_packet(&b, &a, DATA);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_limited_client_is_not_blamed_for_a_late_pong)
{
	struct client a, b;
	struct rk_frame f;

	rig.conf.generation = GENERATION_035;
	log_in(&a, RK_CARRIER_RAW, 1);
	log_in(&b, RK_CARRIER_RAW, 2);
	/* A minute of frames, and behind them whatever it answers. */
	for (int i = 0; i < 60; i++)
		client_send_packet(&a, &b, DATA);
	for (int i = 0; i < 90; i++) {
		rig_pass(&rig, NS_PER_S);
		client_poll(&a);
		client_poll(&b);
		while (client_next_frame(&a, &f))
			client_send_frame(&a, "Pong", f.payload.p, 8);
		while (client_next_frame(&b, &f))
			if (f.kind == RK_FRAME_PING)
				client_send_frame(&b, "Pong", f.payload.p, 8);
	}
	ck_assert_int_eq(a.conn->state, CONN_OPEN);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayserver_send_packets_sent_total"),
	    60);
	client_close(&a);
	client_close(&b);
}
END_TEST

START_TEST(a_limited_client_can_be_replaced_and_stopped)
{
	struct client a, again;

	log_in(&a, RK_CARRIER_RAW, 1);
	for (int i = 0; i < 10; i++)
		client_send_packet(&a, &a, DATA);
	rig_settle(&rig);
	if (_i == 0) {
		log_in(&again, RK_CARRIER_RAW, 1);
	} else {
		server_stop(rig.server);
		rig_settle(&rig);
	}
	client_expect_packet(&a, &a, DATA);
	client_expect_end(&a);
	client_close(&a);
	if (_i == 0)
		client_close(&again);
}
END_TEST

static const struct {
	const char *words[5];
	const char *error; /* NULL: fine */
} options[] = {
	{ { "relayd", "--rx-rate", "0" }, "not a whole number from 1" },
	{ { "relayd", "--rx-burst", "5" }, "needs --rx-rate" },
	{ { "relayd", "--rx-rate", "5", "--rx-burst", "0" },
	    "not a whole number from 1" },
	{ { "relayd", "--rx-rate", "5", "--rx-burst", "7" }, NULL },
	{ { "relayd", "--accept-rate", "0" }, "not a number above 0" },
	{ { "relayd", "--accept-rate", "0.0001" }, "not a number above 0" },
	{ { "relayd", "--accept-rate", "1." }, "not a number above 0" },
	{ { "relayd", "--accept-rate", "x" }, "not a number above 0" },
	{ { "relayd", "--accept-rate", "-1" }, "not a number above 0" },
	{ { "relayd", "--accept-burst", "5" }, "needs --accept-rate" },
	{ { "relayd", "--accept-rate", "0.5", "--accept-burst", "0" }, NULL },
	{ { "relayd", "--accept-rate", "20" }, NULL },
};

START_TEST(options_are_judged)
{
	char *argv[6] = { NULL }, err[256] = "";
	int argc = 0;

	for (; argc < 5 && options[_i].words[argc] != NULL; argc++)
		argv[argc] = strdup(options[_i].words[argc]);
	ck_assert_int_eq(conf_parse(&rig.conf, argc, argv, err, sizeof(err)),
	    options[_i].error != NULL ? CONF_ERROR : CONF_RUN);
	ck_assert_msg(options[_i].error == NULL ||
		strstr(err, options[_i].error) != NULL,
	    "%s", err);
	for (int i = 0; i < argc; i++)
		free(argv[i]);
}
END_TEST

START_TEST(an_accept_rate_is_in_thousandths)
{
	char program[] = "relayd", option[] = "--accept-rate", text[8];
	char *argv[] = { program, option, text, NULL }, err[128] = "";

	strcpy(text, _i ? "12" : "0.25");
	ck_assert_int_eq(conf_parse(&rig.conf, 3, argv, err, sizeof(err)),
	    CONF_RUN);
	ck_assert_int_eq(rig.conf.accept_rate, _i ? 12000 : 250);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd limits");
	TCase *bucket = tcase_create("bucket");
	TCase *tc = tcase_create("limits");
	TCase *conf = tcase_create("options");

	tcase_add_test(bucket, a_bucket_starts_full_and_fills_by_itself);
	tcase_add_test(bucket,
	    what_is_larger_than_the_bucket_goes_when_it_is_full);
	tcase_add_checked_fixture(tc, setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc,
	    a_client_over_its_rate_is_slowed_and_loses_nothing, 0, 2);
	tcase_add_test(tc, others_do_not_notice);
	tcase_add_loop_test(tc, the_burst_is_what_passes_at_once, 0, 4);
	tcase_add_loop_test(tc,
	    a_frame_larger_than_the_burst_passes_and_is_paid_for, 0, 2);
	tcase_add_loop_test(tc, in_035_a_frame_larger_than_the_burst_is_free, 0,
	    2);
	tcase_add_loop_test(tc, the_end_waits_behind_what_was_sent_before_it, 0,
	    4);
	tcase_add_test(tc, fragments_count_as_the_message_that_they_make);
	tcase_add_test(tc, a_limited_client_is_not_blamed_for_a_late_pong);
	tcase_add_loop_test(tc, a_limited_client_can_be_replaced_and_stopped, 0,
	    2);
	tcase_add_checked_fixture(conf, rig_setup, rig_teardown);
	tcase_add_rows(conf, options_are_judged, options);
	tcase_add_loop_test(conf, an_accept_rate_is_in_thousandths, 0, 2);
	suite_add_tcase(s, bucket);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, conf);
	return run_suite(s);
}
