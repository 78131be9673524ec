/*
 * Connections of OpenSSL's own two ends, decrypted: what comes out is what
 * they said to each other, whatever the suite and however it is cut.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "support.h"
#include "talk.h"
#include "tls_tape.h"

static const struct {
	int version;
	const char *suite;
} suites[] = {
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
	{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "ECDHE-RSA-CHACHA20-POLY1305" },
	{ TLS1_2_VERSION, "DHE-RSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "DHE-RSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "DHE-RSA-CHACHA20-POLY1305" },
	{ TLS1_2_VERSION, "AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "AES256-GCM-SHA384" },
};

/* One row of each version and nonce rule, for tests that take long. */
static const int some_suites[] = { 1, 2, 3, 5 };

static void
tape_of(struct tls_tape *t, int row)
{
	tape_init(t, suites[row].version, suites[row].suite);
	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
}

static void
say_goodbye(struct tls_tape *t)
{
	tape_goodbye(t, DIR_C2S);
	tape_goodbye(t, DIR_S2C);
}

/* Nothing but what was said, and TLS once. */
static void
assert_decrypted(const struct replay *r, const struct tls_tape *t,
    const char *suite, enum ending e)
{
	struct transcript *want = plain_transcript(t, t->n, e);

	ck_assert_uint_gt(want->nevents, 8);
	assert_same_meaning(r->t, want);
	ck_assert_uint_eq(count_kind(r->t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count_kind(r->t, EVENT_REMARK), 0);
	ck_assert_uint_eq(count_kind(r->t, EVENT_GAP), 0);
	ck_assert_uint_eq(count_kind(r->t, EVENT_TLS), 1);
	ck_assert_uint_eq(count_texts(r->t, EVENT_TLS, suite), 1);
	ck_assert_uint_eq(count_texts(r->t, EVENT_TLS,
			      t->version == TLS1_3_VERSION ? "TLSv1.3"
							   : "TLSv1.2"),
	    1);
	transcript_free(want);
}

START_TEST(each_suite_of_each_version)
{
	static const size_t steps[] = { SIZE_MAX, 1, 7, 100 };
	struct tls_tape t;

	tape_of(&t, _i);
	say_goodbye(&t);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct replay r;

		replay_init(&r, text_str(&t.keylog));
		replay_tape(&r, &t, steps[i]);
		assert_decrypted(&r, &t, suites[_i].suite, ENDING_EOF);
		replay_clear(&r);
	}
	tape_clear(&t);
}
END_TEST

/* Both directions' segments end anywhere. */
START_TEST(records_are_split_at_every_boundary)
{
	struct tls_tape t;
	struct transcript *want;
	size_t total;

	tape_of(&t, some_suites[_i]);
	want = plain_transcript(&t, t.n, ENDING_TRUNCATED);
	total = tape_len(&t);
	for (size_t at = 1; at < total; at++) {
		struct replay r;
		size_t before = 0;

		replay_init(&r, text_str(&t.keylog));
		for (size_t i = 0; i < t.n; i++) {
			const struct flight *f = &t.flight[i];

			replay_flight(&r, f,
			    at > before && at < before + f->len ? at - before
								: SIZE_MAX);
			before += f->len;
		}
		replay_end(&r, ENDING_EOF);
		assert_same_meaning(r.t, want);
		ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
		replay_clear(&r);
	}
	transcript_free(want);
	tape_clear(&t);
}
END_TEST

/* The first |len| bytes of the tape; the number of flights that are whole,
 * *inside: the next one was begun. */
static size_t
replay_cut(struct replay *r, const struct tls_tape *t, size_t len, bool *inside)
{
	size_t i;

	for (i = 0; i < t->n && t->flight[i].len <= len; i++) {
		replay_flight(r, &t->flight[i], SIZE_MAX);
		len -= t->flight[i].len;
	}
	*inside = i < t->n && len > 0;
	if (*inside) {
		struct flight part = t->flight[i];

		part.len = len;
		replay_flight(r, &part, SIZE_MAX);
	}
	return i;
}

START_TEST(each_truncation_gives_the_whole_records)
{
	struct tls_tape t;
	size_t total;

	tape_of(&t, some_suites[_i]);
	say_goodbye(&t);
	tape_cut_records(&t);
	total = tape_len(&t);
	for (size_t len = 0; len < total; len++) {
		struct transcript *want;
		struct replay r;
		bool inside;
		size_t n;

		replay_init(&r, text_str(&t.keylog));
		n = replay_cut(&r, &t, len, &inside);
		replay_end(&r, ENDING_NONE);
		want = plain_transcript(&t, n, ENDING_NONE);
		assert_same_meaning(r.t, want);
		/* What is not whole is one record, or junk. */
		ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), inside);
		ck_assert_uint_eq(r.wrong, 0);
		replay_clear(&r);
		transcript_free(want);
	}
	tape_clear(&t);
}
END_TEST

/* ---- without keys ---- */

static void
assert_opaque(const struct tls_tape *t, const char *keylog, const char *why)
{
	struct replay r;
	size_t bytes = 0, records = 0;

	replay_init(&r, keylog);
	replay_tape(&r, t, SIZE_MAX);
	for (size_t i = 0; i < r.t->nevents; i++) {
		const struct event *e = &r.t->events[i];

		ck_assert_msg(!event_is_counted(e), "%s", event_what(e));
		if (e->kind == EVENT_OPAQUE) {
			bytes += e->len;
			records++;
		}
	}
	/* Every record, and nothing else. */
	ck_assert_uint_gt(records, 8);
	ck_assert_uint_eq(bytes + 5 * records, tape_len(t));
	ck_assert_msg(count_texts(r.t, EVENT_REMARK, why) == 1, "%s", why);
	ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 1);
	ck_assert_uint_eq(r.wrong, 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_TLS), 0);
	ck_assert_uint_eq(count_texts(r.t, EVENT_ENDED, "cannot be seen"), 2);
	replay_clear(&r);
}

START_TEST(without_secrets_all_is_opaque_with_the_reason)
{
	struct tls_tape t;
	char random[65] = "";

	tape_of(&t, _i);
	tape_goodbye(&t, DIR_C2S);
	assert_opaque(&t, NULL,
	    "TLS to relay.test, shown as opaque: no secrets "
	    "were given");
	ck_assert_int_eq(sscanf(text_str(&t.keylog), "%*s %64s", random), 1);
	tape_clear(&t);
	tape_of(&t, _i);
	/* Those of another connection. */
	assert_opaque(&t,
	    "CLIENT_RANDOM "
	    "0000000000000000000000000000000000000000000000000000000000000000 "
	    "0000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000\n",
	    "the key log has nothing of client random ");
	ck_assert_ptr_null(strstr(text_str(&t.keylog), random));
	tape_clear(&t);
}
END_TEST

static const struct {
	int version;
	const char *suite;
	const char *why;
} others[] = {
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA256", "suite 0xc027 is not" },
	{ TLS1_2_VERSION, "AES128-CCM", "suite 0xc09c is not" },
	{ TLS1_3_VERSION, "TLS_AES_128_CCM_SHA256", "suite 0x1304 is not" },
	{ TLS1_1_VERSION, "ECDHE-RSA-AES128-SHA", "it is TLS 1.1, which" },
	{ TLS1_VERSION, "ECDHE-RSA-AES128-SHA", "it is TLS 1.0, which" },
};

START_TEST(other_suites_and_versions_are_named)
{
	struct tls_tape t;
	struct replay r;

	tape_init(&t, others[_i].version, others[_i].suite);
	tape_begin(&t);
	tape_handshake(&t);
	tape_talk(&t);
	replay_init(&r, text_str(&t.keylog));
	replay_tape(&r, &t, SIZE_MAX);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK, others[_i].why), 1);
	ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 1);
	ck_assert_uint_ge(count_kind(r.t, EVENT_OPAQUE), 9);
	ck_assert_uint_eq(r.wrong, 0);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* The key log with one label left out, in lines. */
static char *
keylog_without(const struct tls_tape *t, const char *label)
{
	char *copy = xstrdup(text_str(&t->keylog)), *rest, *line;
	struct text out;

	text_init(&out);
	for (line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, label, strlen(label)) != 0)
			text_addf(&out, "%s\n", line);
	free(copy);
	return text_take(&out);
}

/* Without those of the handshake the data can be read all the same. */
START_TEST(handshake_secrets_are_not_needed)
{
	struct tls_tape t;
	struct transcript *want;
	struct replay r;
	char *client, *both;

	tape_of(&t, _i);
	client = keylog_without(&t, "CLIENT_HANDSHAKE");
	text_reset(&t.keylog);
	text_add(&t.keylog, client);
	both = keylog_without(&t, "SERVER_HANDSHAKE");
	replay_init(&r, both);
	replay_tape(&r, &t, SIZE_MAX);
	want = plain_transcript(&t, t.n, ENDING_TRUNCATED);
	assert_same_meaning(r.t, want);
	ck_assert_uint_eq(r.wrong, 0);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "no SERVER_HANDSHAKE_TRAFFIC"),
	    1);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "no CLIENT_HANDSHAKE_TRAFFIC"),
	    1);
	replay_clear(&r);
	transcript_free(want);
	free(client);
	free(both);
	tape_clear(&t);
}
END_TEST

/* Of one direction only: the other one is opaque, and nothing waits for it. */
START_TEST(secrets_of_one_direction_show_that_one)
{
	static const char *const labels[] = { "CLIENT_", "SERVER_" };
	struct tls_tape t;
	struct replay r;
	char *keylog, *got;

	tape_of(&t, 0);
	keylog = keylog_without(&t, labels[_i]);
	replay_init(&r, keylog);
	for (size_t i = 0; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	got = meaning(r.t);
	if (_i == DIR_C2S) {
		ck_assert_ptr_nonnull(strstr(got, "s2c http "));
		ck_assert_ptr_nonnull(strstr(got, "s2c Pong "));
		ck_assert_ptr_null(strstr(got, "c2s"));
	} else {
		ck_assert_ptr_nonnull(strstr(got, "c2s http "));
		ck_assert_ptr_nonnull(strstr(got, "c2s ClientInfo "));
		ck_assert_ptr_nonnull(strstr(got, "c2s Pong "));
		ck_assert_ptr_null(strstr(got, "s2c"));
	}
	ck_assert_uint_eq(r.wrong, 0);
	free(got);
	free(keylog);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* ---- the end ---- */

static const struct {
	const char *what;
	bool goodbye;
	enum ending end;
	enum ending want;
	size_t cut; /* bytes of the last record that are there */
} endings[] = {
	{ "FIN", false, ENDING_EOF, ENDING_TRUNCATED, 0 },
	{ "close_notify, FIN", true, ENDING_EOF, ENDING_EOF, 0 },
	{ "RST", false, ENDING_RESET, ENDING_RESET, 0 },
	{ "close_notify, RST", true, ENDING_RESET, ENDING_RESET, 0 },
	{ "close_notify, end of file", true, ENDING_NONE, ENDING_NONE, 0 },
	{ "FIN within a record", true, ENDING_EOF, ENDING_TRUNCATED, 3 },
};

START_TEST(how_a_direction_ends)
{
	static const int rows[] = { 0, 3 };

	for (size_t i = 0; i < 2; i++) {
		struct tls_tape t;
		struct transcript *want;
		struct replay r;

		tape_of(&t, rows[i]);
		if (endings[_i].goodbye)
			say_goodbye(&t);
		if (endings[_i].cut > 0)
			for (size_t k = 1; k <= 2; k++)
				t.flight[t.n - k].len -= endings[_i].cut;
		replay_init(&r, text_str(&t.keylog));
		for (size_t k = 0; k < t.n; k++)
			replay_flight(&r, &t.flight[k], SIZE_MAX);
		replay_end(&r, endings[_i].end);
		want = plain_transcript(&t, t.n, endings[_i].want);
		assert_same_meaning(r.t, want);
		ck_assert_str_eq(text_str(&r.notes),
		    endings[_i].goodbye && endings[_i].cut == 0
			? "TLS alert of the client: close notify\n"
			  "TLS alert of the server: close notify\n"
			: "");
		replay_clear(&r);
		transcript_free(want);
		tape_clear(&t);
	}
}
END_TEST

/* Whoever says close_notify first may send its FIN last. */
START_TEST(who_took_leave_first_ends_first)
{
	struct tls_tape t;
	struct replay r;
	const struct event *e;

	tape_of(&t, _i);
	say_goodbye(&t);
	replay_init(&r, text_str(&t.keylog));
	for (size_t k = 0; k < t.n; k++)
		replay_flight(&r, &t.flight[k], SIZE_MAX);
	tls_session_end(r.s, DIR_S2C, ENDING_EOF, 0, 1);
	tls_session_end(r.s, DIR_C2S, ENDING_EOF, 0, 2);
	ck_assert_uint_eq(count_kind(r.t, EVENT_ENDED), 2);
	e = &r.t->events[r.t->nevents - 2];
	for (int dir = DIR_C2S; dir <= DIR_S2C; dir++, e++) {
		ck_assert_int_eq(e->kind, EVENT_ENDED);
		ck_assert_int_eq(e->dir, dir);
		ck_assert_int_eq(e->ending, ENDING_EOF);
	}
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* The client has another idea of what is acceptable. */
static int
refuse(int ok, X509_STORE_CTX *ctx)
{
	X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_HAS_EXPIRED);
	return 0;
}

START_TEST(a_fatal_alert_has_its_name)
{
	static const int versions[] = { TLS1_3_VERSION, TLS1_2_VERSION };
	struct tls_tape t;
	struct replay r;

	tape_init(&t, versions[_i], NULL);
	SSL_CTX_set_verify(t.ctx[DIR_C2S], SSL_VERIFY_PEER, refuse);
	tape_begin(&t);
	tape_settle(&t);
	ck_assert(!SSL_is_init_finished(t.ssl[DIR_C2S]));
	replay_init(&r, text_str(&t.keylog));
	replay_tape(&r, &t, SIZE_MAX);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "TLS alert of the client: certificate expired "
			      "(fatal)"),
	    1);
	ck_assert_uint_eq(count_texts(r.t, EVENT_ENDED,
			      "behind a fatal TLS alert"),
	    1);
	ck_assert_uint_eq(r.wrong, 0);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* Nothing in common: the alert is not encrypted, and needs no keys. */
START_TEST(a_plain_alert_is_seen_without_secrets)
{
	struct tls_tape t;
	struct replay r;
	char *got;

	tape_init(&t, TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256");
	SSL_CTX_set_cipher_list(t.ctx[DIR_S2C], "ECDHE-RSA-AES256-GCM-SHA384");
	tape_begin(&t);
	tape_settle(&t);
	replay_init(&r, NULL);
	replay_tape(&r, &t, SIZE_MAX);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "TLS alert of the server: handshake failure "
			      "(fatal)"),
	    1);
	got = meaning(r.t);
	ck_assert_str_eq(got, "c2s ended truncated \ns2c ended truncated \n");
	free(got);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* ---- odd records ---- */

/* OpenSSL pads, and cuts what it is given into many records. */
START_TEST(padding_and_small_fragments)
{
	static const int rows[] = { 1, 3, 5 };
	static uint8_t big[60000];
	struct tls_tape t;
	struct replay r;
	struct transcript *want;

	tape_init(&t, suites[rows[_i]].version, suites[rows[_i]].suite);
	SSL_CTX_set_block_padding(t.ctx[DIR_C2S], 512);
	SSL_CTX_set_block_padding(t.ctx[DIR_S2C], 4096);
	SSL_CTX_set_max_send_fragment(t.ctx[DIR_S2C], 512);
	tape_begin(&t);
	tape_handshake(&t);
	tape_say_text(&t, DIR_C2S,
	    "POST / HTTP/1.1\r\nContent-Length: 60000\r\n\r\n");
	tape_say(&t, DIR_C2S, big, sizeof(big));
	tape_say_text(&t, DIR_S2C,
	    "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
	tape_say(&t, DIR_S2C, big, sizeof(big));
	replay_init(&r, text_str(&t.keylog));
	replay_tape(&r, &t, 1448);
	want = plain_transcript(&t, t.n, ENDING_TRUNCATED);
	assert_same_meaning(r.t, want);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	replay_clear(&r);
	transcript_free(want);
	tape_clear(&t);
}
END_TEST

/* An alert in the place of a lost record's bytes tells nothing. */
START_TEST(changed_bytes_are_no_data)
{
	static const int rows[] = { 0, 3, 5 };
	struct tls_tape t;
	size_t last;

	tape_of(&t, rows[_i]);
	last = t.n - 1; /* the client's Pong */
	for (size_t at = 5; at < t.flight[last].len; at++) {
		struct transcript *want =
		    plain_transcript(&t, last, ENDING_NONE);
		struct replay r;

		t.flight[last].p[at] ^= 1;
		replay_init(&r, text_str(&t.keylog));
		for (size_t i = 0; i < t.n; i++)
			replay_flight(&r, &t.flight[i], SIZE_MAX);
		replay_end(&r, ENDING_NONE);
		assert_same_meaning(r.t, want);
		ck_assert_uint_eq(r.wrong, 1);
		ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
				      "TLS record of the client cannot be "
				      "opened"),
		    1);
		ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE,
				      "cannot be opened"),
		    1);
		replay_clear(&r);
		t.flight[last].p[at] ^= 1;
		transcript_free(want);
	}
	tape_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_decrypt");
	TCase *tc = tcase_create("tls_decrypt");

	rk_keys_init();
	tcase_set_timeout(tc, 240);
	tcase_add_rows(tc, each_suite_of_each_version, suites);
	tcase_add_rows(tc, records_are_split_at_every_boundary, some_suites);
	tcase_add_rows(tc, each_truncation_gives_the_whole_records,
	    some_suites);
	tcase_add_rows(tc, without_secrets_all_is_opaque_with_the_reason,
	    suites);
	tcase_add_rows(tc, other_suites_and_versions_are_named, others);
	tcase_add_loop_test(tc, handshake_secrets_are_not_needed, 0, 3);
	tcase_add_loop_test(tc, secrets_of_one_direction_show_that_one, 0, 2);
	tcase_add_rows(tc, how_a_direction_ends, endings);
	tcase_add_loop_test(tc, who_took_leave_first_ends_first, 0, 4);
	tcase_add_loop_test(tc, a_fatal_alert_has_its_name, 0, 2);
	tcase_add_test(tc, a_plain_alert_is_seen_without_secrets);
	tcase_add_loop_test(tc, padding_and_small_fragments, 0, 3);
	tcase_add_loop_test(tc, changed_bytes_are_no_data, 0, 3);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
