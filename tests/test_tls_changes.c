/*
 * What changes the keys of a TLS connection, or where they come from: key
 * updates, second hellos, 0-RTT, client certificates, resumption.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "support.h"
#include "talk.h"
#include "tls_tape.h"

static const char *const suites_13[] = { "TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256" };

static void
begin_13(struct tls_tape *t, int row)
{
	tape_init(t, TLS1_3_VERSION, suites_13[row]);
	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
}

/* All of it is read, with |opaque| records left out; the notes. */
static void
assert_reads(const struct tls_tape *t, size_t opaque, const char *notes)
{
	static const size_t steps[] = { SIZE_MAX, 9 };
	struct transcript *want = plain_transcript(t, t->n, ENDING_TRUNCATED);

	for (size_t i = 0; i < 2; i++) {
		struct replay r;

		replay_init(&r, text_str(&t->keylog));
		replay_tape(&r, t, steps[i]);
		assert_same_meaning(r.t, want);
		ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), opaque);
		ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 0);
		ck_assert_uint_eq(count_kind(r.t, EVENT_TLS), 1);
		ck_assert_str_eq(text_str(&r.notes), notes);
		replay_clear(&r);
	}
	transcript_free(want);
}

/* ---- key updates ---- */

#define UPDATE(n, side) "TLS key update " #n " of the " side "\n"

START_TEST(key_updates_of_each_direction)
{
	struct tls_tape t;

	begin_13(&t, _i);
	tape_key_update(&t, DIR_C2S, false);
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_S2C, PONG);
	for (int i = 0; i < 5; i++)
		tape_key_update(&t, DIR_C2S, false);
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_C2S, PONG);
	tape_key_update(&t, DIR_S2C, false);
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_C2S, PONG);
	assert_reads(&t, 0,
	    UPDATE(1, "client") UPDATE(2, "client") UPDATE(3, "client")
		UPDATE(4, "client") UPDATE(5, "client") UPDATE(6, "client")
		    UPDATE(1, "server"));
	tape_clear(&t);
}
END_TEST

/* Who is asked updates with what it says next. */
START_TEST(a_key_update_that_asks_for_one)
{
	struct tls_tape t;

	begin_13(&t, _i);
	tape_key_update(&t, DIR_C2S, true);
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_C2S, PONG);
	tape_key_update(&t, DIR_S2C, true);
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_S2C, PONG);
	assert_reads(&t, 0,
	    UPDATE(1, "client") UPDATE(1, "server") UPDATE(2, "server")
		UPDATE(2, "client"));
	tape_clear(&t);
}
END_TEST

START_TEST(a_key_update_of_the_client_after_a_megabyte)
{
	static uint8_t frame[5 + 60000] = { 0x04, 0, 0, 0xea, 0x60 };
	struct tls_tape t;
	size_t len;

	begin_13(&t, _i);
	memcpy(frame + 5, hex(KEY_A, &len), 32);
	for (int i = 0; i < 18; i++)
		tape_say(&t, DIR_C2S, frame, sizeof(frame));
	tape_key_update(&t, DIR_C2S, false);
	for (int i = 0; i < 3; i++)
		tape_say(&t, DIR_C2S, frame, sizeof(frame));
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_C2S, PONG);
	assert_reads(&t, 0, UPDATE(1, "client"));
	tape_clear(&t);
}
END_TEST

/* ---- the handshake's other shapes ---- */

static int
accept_any(int ok, X509_STORE_CTX *ctx)
{
	return 1;
}

/* The client's first guess is one that the server cannot use. */
static void
disagree_on_groups(struct tls_tape *t)
{
	static char both[] = "X25519:P-384", one[] = "P-384";

	ck_assert_int_eq(SSL_CTX_set1_groups_list(t->ctx[DIR_C2S], both), 1);
	ck_assert_int_eq(SSL_CTX_set1_groups_list(t->ctx[DIR_S2C], one), 1);
}

START_TEST(a_hello_retry_request)
{
	struct tls_tape t;

	tape_init(&t, TLS1_3_VERSION, suites_13[_i]);
	disagree_on_groups(&t);
	tape_begin(&t);
	tape_handshake(&t);
	/* hello, retry, hello, the server's, Finished, tickets */
	ck_assert_uint_eq(t.n, 6);
	tape_talk(&t);
	assert_reads(&t, 0, "");
	tape_clear(&t);
}
END_TEST

START_TEST(a_client_with_a_certificate)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	struct tls_tape t;

	tape_init(&t, versions[_i], NULL);
	ck_assert_int_eq(SSL_CTX_use_certificate(t.ctx[DIR_C2S],
			     SSL_CTX_get0_certificate(t.ctx[DIR_S2C])),
	    1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(t.ctx[DIR_C2S],
			     SSL_CTX_get0_privatekey(t.ctx[DIR_S2C])),
	    1);
	SSL_CTX_set_verify(t.ctx[DIR_S2C], SSL_VERIFY_PEER, accept_any);
	tape_begin(&t);
	tape_handshake(&t);
	ck_assert_ptr_nonnull(SSL_get0_peer_certificate(t.ssl[DIR_S2C]));
	tape_talk(&t);
	assert_reads(&t, 0, "");
	tape_clear(&t);
}
END_TEST

/* TLS 1.3: the server asks for one in the middle; no key changes. */
START_TEST(a_certificate_after_the_handshake)
{
	struct tls_tape t;

	tape_init(&t, TLS1_3_VERSION, suites_13[_i]);
	ck_assert_int_eq(SSL_CTX_use_certificate(t.ctx[DIR_C2S],
			     SSL_CTX_get0_certificate(t.ctx[DIR_S2C])),
	    1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(t.ctx[DIR_C2S],
			     SSL_CTX_get0_privatekey(t.ctx[DIR_S2C])),
	    1);
	SSL_CTX_set_post_handshake_auth(t.ctx[DIR_C2S], 1);
	tape_begin(&t);
	tape_handshake(&t);
	tape_talk(&t);
	SSL_set_verify(t.ssl[DIR_S2C], SSL_VERIFY_PEER, accept_any);
	ck_assert_int_eq(SSL_verify_client_post_handshake(t.ssl[DIR_S2C]), 1);
	ck_assert_int_eq(SSL_do_handshake(t.ssl[DIR_S2C]), 1);
	tape_move(&t, DIR_S2C);
	tape_settle(&t);
	ck_assert_ptr_nonnull(SSL_get0_peer_certificate(t.ssl[DIR_S2C]));
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_S2C, PONG);
	assert_reads(&t, 0, "");
	tape_clear(&t);
}
END_TEST

/* TLS 1.2: a handshake inside of the connection, with keys of its own. */
START_TEST(a_renegotiation)
{
	static const char *const suites[] = { "ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-RSA-CHACHA20-POLY1305" };
	struct tls_tape t;

	tape_init(&t, TLS1_2_VERSION, suites[_i]);
	SSL_CTX_set_options(t.ctx[DIR_S2C], SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
	tape_begin(&t);
	tape_handshake(&t);
	tape_talk(&t);
	ck_assert_int_eq(SSL_renegotiate(t.ssl[DIR_C2S]), 1);
	SSL_do_handshake(t.ssl[DIR_C2S]);
	tape_move(&t, DIR_C2S);
	tape_settle(&t);
	ck_assert_int_eq(SSL_renegotiate_pending(t.ssl[DIR_C2S]), 0);
	/* Two of the client, and both were logged. */
	ck_assert_ptr_nonnull(
	    strstr(strchr(text_str(&t.keylog), '\n'), "CLIENT_RANDOM"));
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_S2C, PONG);
	assert_reads(&t, 0, "");
	tape_clear(&t);
}
END_TEST

/* ---- 0-RTT ---- */

/* A session that allows for early data. */
static SSL_SESSION *
first_session(struct tls_tape *t, const char *suite)
{
	SSL_SESSION *session;

	tape_init(t, TLS1_3_VERSION, suite);
	SSL_CTX_set_max_early_data(t->ctx[DIR_S2C], 16384);
	/* Early data needs a session that is used once. */
	SSL_CTX_set_options(t->ctx[DIR_S2C], SSL_OP_NO_ANTI_REPLAY);
	tape_begin(t);
	tape_handshake(t);
	session = SSL_get1_session(t->ssl[DIR_C2S]);
	ck_assert_uint_gt(SSL_SESSION_get_max_early_data(session), 0);
	tape_rewind(t);
	return session;
}

/* The client speaks with its first flight. */
static void
say_early(struct tls_tape *t, SSL_SESSION *session)
{
	size_t n;

	SSL_set_session(t->ssl[DIR_C2S], session);
	ck_assert_int_eq(SSL_write_early_data(t->ssl[DIR_C2S], RAW_REQUEST,
			     strlen(RAW_REQUEST), &n),
	    1);
	tape_move(t, DIR_C2S);
}

static void
hear_early(struct tls_tape *t)
{
	SSL *ssl = t->ssl[DIR_S2C];
	uint8_t buf[1024];
	size_t n;

	ck_assert_int_eq(SSL_read_early_data(ssl, buf, sizeof(buf), &n),
	    SSL_READ_EARLY_DATA_SUCCESS);
	ck_assert_uint_eq(n, strlen(RAW_REQUEST));
	tape_move(t, DIR_S2C);
	SSL_do_handshake(t->ssl[DIR_C2S]);
	tape_move(t, DIR_C2S);
	ck_assert_int_eq(SSL_read_early_data(ssl, buf, sizeof(buf), &n),
	    SSL_READ_EARLY_DATA_FINISH);
}

/* The server takes it, or not. */
START_TEST(early_data_is_opaque)
{
	bool taken = _i % 2 == 0, retry = _i % 4 == 3;
	struct tls_tape t;
	SSL_SESSION *session = first_session(&t, suites_13[_i / 4]);
	struct replay r;
	char *got;

	if (!taken)
		SSL_CTX_set_max_early_data(t.ctx[DIR_S2C], 0);
	if (retry)
		disagree_on_groups(&t);
	tape_begin(&t);
	say_early(&t, session);
	if (taken)
		hear_early(&t);
	else
		SSL_do_handshake(t.ssl[DIR_S2C]);
	SSL_do_handshake(t.ssl[DIR_C2S]);
	tape_handshake(&t);
	ck_assert_int_eq(SSL_get_early_data_status(t.ssl[DIR_C2S]),
	    taken ? SSL_EARLY_DATA_ACCEPTED : SSL_EARLY_DATA_REJECTED);
	if (taken)
		tape_say_text(&t, DIR_S2C,
		    "HTTP/1.1 101 Switching Protocols\r\n"
		    "Upgrade: iroh derp http\r\n\r\n");
	else
		tape_talk(&t);
	tape_say_hex(&t, DIR_C2S, LOGIN);
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_S2C, PONG);
	replay_init(&r, text_str(&t.keylog));
	replay_tape(&r, &t, SIZE_MAX);
	ck_assert_uint_eq(r.wrong, 0);
	/* What was taken ends with a message of its own. */
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE, "0-RTT data"),
	    taken ? 2 : 1);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), taken ? 2 : 1);
	got = meaning(r.t);
	if (taken) {
		/* The request is missing; the rest is not. */
		ck_assert_ptr_null(strstr(got, "c2s http"));
		ck_assert_ptr_nonnull(strstr(got, "s2c http"));
	} else {
		struct transcript *want =
		    plain_transcript(&t, t.n, ENDING_TRUNCATED);
		char *plain = meaning(want);

		ck_assert_str_eq(got, plain);
		free(plain);
		transcript_free(want);
	}
	ck_assert_ptr_nonnull(strstr(got, "c2s ClientInfo"));
	ck_assert_ptr_nonnull(strstr(got, "c2s Ping"));
	ck_assert_ptr_nonnull(strstr(got, "s2c Pong"));
	free(got);
	replay_clear(&r);
	SSL_SESSION_free(session);
	tape_clear(&t);
}
END_TEST

/* ---- resumption ---- */

/* Two connections on one tape; the second resumes the first.  Where its
 * flights begin. */
static size_t
tape_resumed(struct tls_tape *t)
{
	SSL_SESSION *session;
	size_t second;

	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
	session = SSL_get1_session(t->ssl[DIR_C2S]);
	second = t->n;
	tape_begin(t);
	SSL_set_session(t->ssl[DIR_C2S], session);
	SSL_SESSION_free(session);
	tape_handshake(t);
	ck_assert_int_eq(SSL_session_reused(t->ssl[DIR_C2S]), 1);
	tape_talk(t);
	return second;
}

/* The part of a tape from flight |from| on. */
static struct tls_tape
part_of(const struct tls_tape *t, size_t from, size_t to)
{
	struct tls_tape part = *t;

	part.flight += from;
	part.n = to - from;
	return part;
}

static void
assert_both_read(const struct tls_tape *t, size_t second, const char *keylog)
{
	struct tls_tape parts[] = { part_of(t, 0, second),
		part_of(t, second, t->n) };
	struct replay r;

	replay_init(&r, keylog);
	for (size_t i = 0; i < 2; i++) {
		struct transcript *want =
		    plain_transcript(&parts[i], parts[i].n, ENDING_TRUNCATED);
		struct transcript *both = r.t;

		r.t = transcript_new();
		replay_begin(&r);
		replay_tape(&r, &parts[i], SIZE_MAX);
		assert_same_meaning(r.t, want);
		ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
		transcript_free(want);
		transcript_free(both);
	}
	replay_clear(&r);
}

static const struct {
	const char *suite;
	bool tickets;
} resumptions[] = {
	{ "ECDHE-RSA-AES128-GCM-SHA256", true },
	{ "ECDHE-RSA-AES128-GCM-SHA256", false },
	{ "ECDHE-ECDSA-AES256-GCM-SHA384", true },
	{ "ECDHE-ECDSA-CHACHA20-POLY1305", false },
};

/* The second connection's secret may be logged again, or not. */
START_TEST(a_tls_12_session_is_resumed)
{
	struct tls_tape t;
	size_t second;
	char *once;

	tape_init(&t, TLS1_2_VERSION, resumptions[_i].suite);
	if (!resumptions[_i].tickets)
		SSL_CTX_set_options(t.ctx[DIR_S2C], SSL_OP_NO_TICKET);
	second = tape_resumed(&t);
	assert_both_read(&t, second, text_str(&t.keylog));
	once = xstrndup(text_str(&t.keylog),
	    strcspn(text_str(&t.keylog), "\n") + 1);
	ck_assert_uint_lt(strlen(once), t.keylog.len);
	assert_both_read(&t, second, once);
	free(once);
	tape_clear(&t);
}
END_TEST

/* Whoever asks for it and does not get it has a secret of its own. */
START_TEST(a_tls_12_session_that_is_not_resumed)
{
	struct tls_tape t;
	SSL_SESSION *session;
	struct replay r;
	size_t second;

	tape_init(&t, TLS1_2_VERSION, resumptions[_i].suite);
	if (!resumptions[_i].tickets)
		SSL_CTX_set_options(t.ctx[DIR_S2C], SSL_OP_NO_TICKET);
	tape_begin(&t);
	tape_handshake(&t);
	tape_talk(&t);
	session = SSL_get1_session(t.ssl[DIR_C2S]);
	SSL_CTX_flush_sessions(t.ctx[DIR_S2C], 0);
	SSL_CTX_set_options(t.ctx[DIR_S2C], SSL_OP_NO_TICKET);
	SSL_CTX_remove_session(t.ctx[DIR_S2C], session);
	SSL_CTX_set_session_cache_mode(t.ctx[DIR_S2C], SSL_SESS_CACHE_OFF);
	second = t.n;
	tape_begin(&t);
	SSL_set_session(t.ssl[DIR_C2S], session);
	SSL_SESSION_free(session);
	tape_handshake(&t);
	ck_assert_int_eq(SSL_session_reused(t.ssl[DIR_C2S]), 0);
	tape_talk(&t);
	assert_both_read(&t, second, text_str(&t.keylog));
	/* With the first one's secret only: no guess is made. */
	t.keylog.s[strcspn(t.keylog.s, "\n") + 1] = '\0';
	replay_init(&r, t.keylog.s);
	for (size_t i = 0; i < t.n; i++) {
		if (i == second) {
			replay_end(&r, ENDING_EOF);
			replay_begin(&r);
		}
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	}
	ck_assert_uint_eq(r.wrong, 0);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "has nothing of client random"),
	    1);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* Each connection of TLS 1.3 has secrets of its own. */
START_TEST(a_tls_13_session_is_resumed)
{
	struct tls_tape t;
	size_t second;

	tape_init(&t, TLS1_3_VERSION, suites_13[_i]);
	second = tape_resumed(&t);
	assert_both_read(&t, second, text_str(&t.keylog));
	tape_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_changes");
	TCase *tc = tcase_create("tls_changes");

	rk_keys_init();
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, key_updates_of_each_direction, 0, 3);
	tcase_add_loop_test(tc, a_key_update_that_asks_for_one, 0, 3);
	tcase_add_loop_test(tc, a_key_update_of_the_client_after_a_megabyte, 0,
	    3);
	tcase_add_loop_test(tc, a_hello_retry_request, 0, 3);
	tcase_add_loop_test(tc, a_client_with_a_certificate, 0, 2);
	tcase_add_loop_test(tc, a_certificate_after_the_handshake, 0, 3);
	tcase_add_loop_test(tc, a_renegotiation, 0, 2);
	tcase_add_loop_test(tc, early_data_is_opaque, 0, 12);
	tcase_add_rows(tc, a_tls_12_session_is_resumed, resumptions);
	tcase_add_rows(tc, a_tls_12_session_that_is_not_resumed, resumptions);
	tcase_add_loop_test(tc, a_tls_13_session_is_resumed, 0, 3);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
