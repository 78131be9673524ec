/*
 * A second opinion on TLS: tshark decrypts the same captures, and what we
 * take for the application data is what it takes for it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/keys.h"
#include "reading.h"
#include "support.h"
#include "talk.h"
#include "tls_file.h"
#include "tshark.h"

static const struct {
	int version;
	const char *suite;
} suites[] = {
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
	{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "AES128-GCM-SHA256" },
};

/* With a session that is resumed, and updates of both directions' keys. */
static size_t
tape_of(struct tls_tape *t, int row)
{
	SSL_SESSION *session;
	size_t second;

	tape_init(t, suites[row].version, suites[row].suite);
	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
	session = SSL_get1_session(t->ssl[DIR_C2S]);
	tape_goodbye(t, DIR_C2S);
	tape_goodbye(t, DIR_S2C);
	second = t->n;
	tape_begin(t);
	SSL_set_session(t->ssl[DIR_C2S], session);
	SSL_SESSION_free(session);
	tape_handshake(t);
	tape_talk(t);
	if (t->version == TLS1_3_VERSION) {
		tape_key_update(t, DIR_C2S, false);
		tape_key_update(t, DIR_C2S, false);
		tape_key_update(t, DIR_S2C, false);
	}
	tape_say_hex(t, DIR_C2S, PING);
	tape_say_hex(t, DIR_S2C, PONG);
	return second;
}

/* What the flights carried. */
static void
assert_plain(const struct tls_tape *t, size_t from, size_t to,
    const struct tshark_stream *s)
{
	bool server_first = strstr(s->first, ":443") != NULL;

	for (int dir = 0; dir < 2; dir++) {
		const struct blob *got = &s->sent[dir != server_first];
		struct blob want = { 0 };

		for (size_t i = from; i < to; i++)
			if ((int)t->flight[i].dir == dir)
				blob_add(&want, t->flight[i].plain,
				    t->flight[i].plain_len);
		ck_assert_uint_gt(want.len, 80);
		ck_assert_bytes(got->p, got->len, want.p, want.len);
		blob_clear(&want);
	}
}

START_TEST(tshark_reads_the_same)
{
	struct tshark_stream streams[2] = { { .first = "" } };
	struct transcript *want;
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	size_t second = tape_of(&t, _i);

	tls_file_begin(&f, true, false, text_str(&t.keylog));
	tls_file_connection(&f, &t, 0, second);
	f.client_port++; /* a stream of its own for tshark as well */
	tls_file_connection(&f, &t, second, t.n);
	tshark_follow(blob_file(&f.b), true, NULL, 2, streams);
	assert_plain(&t, 0, second, &streams[0]);
	assert_plain(&t, second, t.n, &streams[1]);
	/* And so do we. */
	r = read_blob(&f.b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	want = plain_transcript(&t, second, ENDING_EOF);
	for (size_t i = 0; i < r.t->nevents; i++)
		ck_assert(r.t->events[i].kind != EVENT_OPAQUE);
	ck_assert_uint_eq(count(r.t, "ClientInfo"), 2);
	ck_assert_uint_eq(count(r.t, "Ping"), 2 * count(want, "Ping") + 1);
	ck_assert_uint_eq(count(r.t, "Pong"), 2 * count(want, "Pong") + 1);
	transcript_free(want);
	transcript_free(r.t);
	tshark_clear(2, streams);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_tshark");
	TCase *tc = tcase_create("follow");

	if (!tshark_is_there()) {
		puts("1..0 # SKIP tshark is not installed");
		return EXIT_SUCCESS;
	}
	rk_keys_init();
	tcase_set_timeout(tc, 120);
	tcase_add_rows(tc, tshark_reads_the_same, suites);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
