/* What a tap of a stream shows: all that went over the wire, and how it
 * ended; over TLS the records, and the secrets that open them. */
#include "config.h"

#include <string.h>

#include "support.h"
#include "tls_ends.h"

struct seen {
	struct text in, out, secrets, ends;
};

static struct seen by_client, by_server;

static void
on_tap(void *arg, enum tap_kind kind, const void *p, size_t len)
{
	static const char *const ends[] = {
		[TAP_IN_FIN] = "in-fin ",
		[TAP_OUT_FIN] = "out-fin ",
		[TAP_IN_RST] = "in-rst ",
		[TAP_OUT_RST] = "out-rst ",
	};
	struct seen *s = arg;

	if (kind == TAP_IN)
		text_add_n(&s->in, p, len);
	else if (kind == TAP_OUT)
		text_add_n(&s->out, p, len);
	else if (kind == TAP_SECRET)
		text_add_n(&s->secrets, p, len);
	else
		text_add(&s->ends, ends[kind]);
}

static void
clear(struct seen *s)
{
	text_clear(&s->in);
	text_clear(&s->out);
	text_clear(&s->secrets);
	text_clear(&s->ends);
}

static void
tap_both(void)
{
	stream_set_tap(client.stream, on_tap, &by_client);
	stream_set_tap(server.stream, on_tap, &by_server);
}

static void
talk(void)
{
	static uint8_t bulk[200000];

	ck_assert(stream_write(client.stream, "question", 8));
	ck_assert(stream_write(client.stream, bulk, sizeof(bulk)));
	ck_assert(stream_write(server.stream, "answer", 6));
	TURN_UNTIL(loop,
	    server.got.len == 8 + sizeof(bulk) && client.got.len == 6);
}

static void
both_have_seen_the_same(void)
{
	ck_assert_bytes(by_client.out.s, by_client.out.len, by_server.in.s,
	    by_server.in.len);
	ck_assert_bytes(by_server.out.s, by_server.out.len, by_client.in.s,
	    by_client.in.len);
}

static void
use_plain(void)
{
	int fds[2];

	make_pair(PAIR_TCP4, fds);
	client.stream = stream_new(loop, fds[0], peer_on_event, &client);
	server.stream = stream_new(loop, fds[1], peer_on_event, &server);
	tap_both();
}

START_TEST(plain_bytes_and_both_fins)
{
	use_plain();
	talk();
	stream_shut(client.stream);
	TURN_UNTIL(loop, server.ended);
	stream_free(server.stream);
	server.stream = NULL;
	TURN_UNTIL(loop, client.ended);
	both_have_seen_the_same();
	ck_assert_uint_eq(by_client.out.len, 200008);
	ck_assert_str_eq(text_str(&by_client.in), "answer");
	ck_assert_str_eq(text_str(&by_client.secrets), "");
	ck_assert_str_eq(text_str(&by_client.ends), "out-fin in-fin ");
	ck_assert_str_eq(text_str(&by_server.ends), "in-fin out-fin ");
}
END_TEST

START_TEST(a_reset_is_one)
{
	use_plain();
	talk();
	stream_abort(client.stream);
	TURN_UNTIL(loop, server.ended);
	ck_assert_str_eq(text_str(&by_client.ends), "out-rst ");
	ck_assert_str_eq(text_str(&by_server.ends), "in-rst ");
}
END_TEST

/* The kernel says RST for a close that loses bytes. */
START_TEST(a_close_with_input_unread_is_a_reset)
{
	use_plain();
	stream_pause(server.stream);
	ck_assert(stream_write(client.stream, "unread", 6));
	stream_free(server.stream);
	server.stream = NULL;
	TURN_UNTIL(loop, client.ended);
	ck_assert_str_eq(text_str(&by_server.ends), "out-rst ");
	ck_assert_str_eq(text_str(&by_client.ends), "in-rst ");
}
END_TEST

static const int versions[] = { 12, 13 };

START_TEST(tls_shows_records_and_secrets)
{
	struct tls_client_config c = { .cafile = certs.ca,
		.min_version = versions[_i],
		.max_version = versions[_i] };

	use_server(certs.chain, certs.key, NULL);
	use_client(&c);
	connect_ends(PAIR_TCP4, "localhost");
	tap_both();
	TURN_UNTIL(loop, client.secured && server.secured);
	talk();
	stream_shut(client.stream);
	TURN_UNTIL(loop, server.ended);
	both_have_seen_the_same();
	/* Handshake record, version as both have it in a hello. */
	ck_assert_bytes(by_client.out.s, 2, "\x16\x03", 2);
	ck_assert_ptr_null(
	    memmem(by_client.out.s, by_client.out.len, "question", 8));
	ck_assert_ptr_nonnull(strstr(text_str(&by_client.secrets),
	    versions[_i] == 12 ? "CLIENT_RANDOM "
			       : "CLIENT_TRAFFIC_SECRET_0 "));
	ck_assert_uint_eq(by_client.secrets.len, by_server.secrets.len);
	ck_assert_str_eq(text_str(&by_server.ends), "in-fin ");
}
END_TEST

static void
forget(void)
{
	teardown_ends();
	clear(&by_client);
	clear(&by_server);
}

int
main(void)
{
	Suite *s = suite_create("tap");
	TCase *tc = tcase_create("seen");
	int status;

	tls_certs_make(&certs);
	tcase_add_checked_fixture(tc, setup_ends, forget);
	tcase_add_test(tc, plain_bytes_and_both_fins);
	tcase_add_test(tc, a_reset_is_one);
	tcase_add_test(tc, a_close_with_input_unread_is_a_reset);
	tcase_add_rows(tc, tls_shows_records_and_secrets, versions);
	suite_add_tcase(s, tc);
	status = run_suite(s);
	tls_certs_remove(&certs);
	return status;
}
