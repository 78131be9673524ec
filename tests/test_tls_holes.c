/*
 * TLS connections of which something was not captured, came out of order, or
 * whose secrets come late: what is certain is shown, and nothing else.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "support.h"
#include "talk.h"
#include "tls_tape.h"

static const struct {
	int version;
	const char *suite;
} suites[] = {
	{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
};
#define NSUITES 4

/* A record each flight; *data: the first one with application data. */
static void
tape_of(struct tls_tape *t, int row, size_t *data)
{
	tape_init(t, suites[row].version, suites[row].suite);
	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
	for (int i = 0; i < 3; i++) {
		tape_say_hex(t, DIR_C2S, PING);
		tape_say_hex(t, DIR_S2C, PONG);
	}
	tape_cut_records(t);
	for (*data = 0; t->flight[*data].plain == NULL;)
		++*data;
}

/* ---- what is left of a tape ---- */

/* The stream bytes from |from| to |to| of one direction are missing. */
struct hole {
	enum direction dir;
	size_t from, to;
};

static void
replay_part(struct replay *r, const struct flight *f, size_t from, size_t to)
{
	struct flight part = *f;

	part.p += from;
	part.len = to - from;
	if (to > from)
		replay_flight(r, &part, SIZE_MAX);
}

/* All of |t| but the hole, whose place is told once. */
static void
replay_hole(struct replay *r, const struct tls_tape *t, struct hole h)
{
	size_t off[2] = { 0, 0 };
	bool told = false;

	for (size_t i = 0; i < t->n; i++) {
		const struct flight *f = &t->flight[i];
		size_t at = off[f->dir], end = at + f->len;

		off[f->dir] = end;
		if (f->dir != h.dir || end <= h.from || at >= h.to) {
			replay_flight(r, f, SIZE_MAX);
			continue;
		}
		if (at < h.from)
			replay_part(r, f, 0, h.from - at);
		if (!told)
			tls_session_gap(r->s, h.dir, h.to - h.from, 0, 1);
		told = true;
		if (end > h.to)
			replay_part(r, f, h.to - at, f->len);
	}
	replay_end(r, ENDING_NONE);
}

/* What a dissector makes of the data of the records that are whole: the
 * others are missing, in TLS 1.2 |exactly| as much as they had. */
static struct transcript *
plain_hole(const struct tls_tape *tape, struct hole h, bool exactly)
{
	struct dissector *d;
	struct transcript *t = dissect_begin(&d);
	size_t off[2] = { 0, 0 };

	for (size_t i = 0; i < tape->n; i++) {
		const struct flight *f = &tape->flight[i];
		size_t at = off[f->dir], end = at + f->len;

		off[f->dir] = end;
		if (f->plain == NULL)
			continue;
		if (f->dir != h.dir || end <= h.from || at >= h.to)
			dissector_feed(d, f->dir, f->plain, f->plain_len, 0, 1);
		else
			dissector_gap(d, f->dir, exactly ? f->plain_len : 0, 0,
			    1);
	}
	dissector_end(d, DIR_C2S, ENDING_NONE, 0, 1);
	dissector_end(d, DIR_S2C, ENDING_NONE, 0, 1);
	dissector_free(d);
	return t;
}

/* The place of a flight in its direction's stream. */
static struct hole
place_of(const struct tls_tape *t, size_t n)
{
	struct hole h = { .dir = t->flight[n].dir };

	for (size_t i = 0; i < n; i++)
		if (t->flight[i].dir == h.dir)
			h.from += t->flight[i].len;
	h.to = h.from + t->flight[n].len;
	return h;
}

static void
assert_hole(const struct tls_tape *t, struct hole h, bool exactly)
{
	struct transcript *want = plain_hole(t, h, exactly);
	struct replay r;

	replay_init(&r, text_str(&t->keylog));
	replay_hole(&r, t, h);
	assert_same_meaning(r.t, want);
	/* The gap is enough of a remark: the others are the dissector's. */
	ck_assert_uint_eq(r.wrong, 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK),
	    count_kind(want, EVENT_REMARK));
	replay_clear(&r);
	transcript_free(want);
}

START_TEST(each_lost_record_is_missing_alone)
{
	struct tls_tape t;
	size_t data;

	tape_of(&t, _i, &data);
	for (size_t i = data; i < t.n; i++)
		assert_hole(&t, place_of(&t, i), false);
	tape_clear(&t);
}
END_TEST

/* The record's own length tells where the next one begins. */
START_TEST(bytes_of_a_record_are_missing)
{
	struct tls_tape t;
	size_t data;

	tape_of(&t, _i, &data);
	for (size_t i = data; i < t.n; i++) {
		struct hole all = place_of(&t, i), h = all;

		for (h.from = all.from + 5; h.from < all.to; h.from += 7)
			for (h.to = h.from + 1; h.to <= all.to; h.to += 11)
				assert_hole(&t, h, t.version == TLS1_2_VERSION);
	}
	tape_clear(&t);
}
END_TEST

/* From somewhere in one record to somewhere in another. */
START_TEST(holes_of_any_size_anywhere)
{
	uint64_t seed = (uint64_t)_i + 1;
	struct tls_tape t;
	size_t data;

	tape_of(&t, _i, &data);
	for (int i = 0; i < 150; i++) {
		size_t a = data + test_random(&seed) % (t.n - data);
		size_t b = data + test_random(&seed) % (t.n - data);
		struct hole h = place_of(&t, a < b ? a : b);
		struct hole end = place_of(&t, a < b ? b : a);

		/* One takes a header, so that the length is not known. */
		if (h.dir != end.dir || a == b)
			continue;
		h.from += test_random(&seed) % (h.to - h.from);
		h.to = end.from + 1 + test_random(&seed) % (end.to - end.from);
		assert_hole(&t, h, false);
	}
	tape_clear(&t);
}
END_TEST

/* ---- a handshake that is not whole ---- */

/* By more than the type: an encrypted Finished can begin with any byte. */
static bool
is_hello(const struct flight *f)
{
	return f->p[0] == TLS_HANDSHAKE &&
	    f->p[5] == (f->dir == DIR_C2S ? 1 : 2) && f->p[6] == 0 &&
	    f->p[9] == 3 && f->p[10] == 3;
}

/* Only the hellos cannot be done without. */
START_TEST(each_record_of_the_handshake_is_lost)
{
	struct tls_tape t;
	struct transcript *want;
	size_t data, hellos = 0;

	tape_of(&t, _i, &data);
	want = plain_transcript(&t, t.n, ENDING_NONE);
	ck_assert_uint_ge(data, 7);
	for (size_t i = 0; i < data; i++) {
		struct replay r;

		replay_init(&r, text_str(&t.keylog));
		replay_hole(&r, &t, place_of(&t, i));
		ck_assert_uint_eq(r.wrong, 0);
		if (is_hello(&t.flight[i])) {
			char *got = meaning(r.t);

			ck_assert_str_eq(got, "");
			free(got);
			ck_assert_uint_eq(
			    count_texts(r.t, EVENT_REMARK,
				t.flight[i].dir == DIR_C2S
				    ? "its ClientHello was not captured"
				    : "its ServerHello was not captured"),
			    1);
			hellos++;
		} else {
			assert_same_meaning(r.t, want);
			ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 0);
		}
		replay_clear(&r);
	}
	ck_assert_uint_eq(hellos, 2);
	transcript_free(want);
	tape_clear(&t);
}
END_TEST

/* The same with a part of each record. */
START_TEST(each_record_of_the_handshake_is_damaged)
{
	struct tls_tape t;
	struct transcript *want;
	size_t data;

	tape_of(&t, _i, &data);
	want = plain_transcript(&t, t.n, ENDING_NONE);
	for (size_t i = 0; i < data; i++) {
		struct hole h = place_of(&t, i);
		struct replay r;

		h.from = h.to - 1;
		if (t.flight[i].len < 7)
			continue;
		replay_init(&r, text_str(&t.keylog));
		replay_hole(&r, &t, h);
		ck_assert_uint_eq(r.wrong, 0);
		if (is_hello(&t.flight[i])) {
			char *got = meaning(r.t);

			ck_assert_str_eq(got, "");
			free(got);
		} else {
			assert_same_meaning(r.t, want);
		}
		ck_assert_uint_ge(count_texts(r.t, EVENT_OPAQUE,
				      "bytes are missing"),
		    1);
		replay_clear(&r);
	}
	transcript_free(want);
	tape_clear(&t);
}
END_TEST

/* The capture was begun in the middle of it. */
START_TEST(a_handshake_that_was_not_captured)
{
	struct tls_tape t;
	struct replay r;
	size_t data;
	char *got;

	tape_of(&t, _i / 2, &data);
	replay_init(&r, text_str(&t.keylog));
	for (size_t i = data; i < t.n; i++) {
		const struct flight *f = &t.flight[i];
		size_t off = _i % 2 == 1 && i == data ? 17 : 0;

		replay_part(&r, f, off, f->len);
	}
	replay_end(&r, ENDING_EOF);
	got = meaning(r.t);
	ck_assert_str_eq(got, "c2s ended eof \ns2c ended eof \n");
	free(got);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "its ClientHello was not captured"),
	    1);
	ck_assert_uint_ge(count_texts(r.t, EVENT_OPAQUE,
			      "TLS application data"),
	    10);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* The capture has the server's side before the client's, or late. */
START_TEST(one_direction_comes_first)
{
	static const enum direction firsts[] = { DIR_S2C, DIR_C2S };
	struct tls_tape t;
	struct replay r;
	size_t data;
	char *got;

	tape_of(&t, _i / 2, &data);
	replay_init(&r, text_str(&t.keylog));
	for (int turn = 0; turn < 2; turn++) {
		enum direction dir = firsts[_i % 2 == turn];

		for (size_t i = 0; i < t.n; i++)
			if (t.flight[i].dir == dir)
				replay_flight(&r, &t.flight[i], SIZE_MAX);
	}
	ck_assert_uint_le(r.max_held, 128u << 10);
	replay_end(&r, ENDING_EOF);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 0);
	got = meaning(r.t);
	ck_assert_ptr_nonnull(strstr(got, "c2s http"));
	ck_assert_ptr_nonnull(strstr(got, "s2c http"));
	ck_assert_ptr_nonnull(strstr(got, "c2s ClientInfo"));
	ck_assert_ptr_nonnull(strstr(got, "s2c Pong"));
	free(got);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* Who waits for a hello does not wait for ever. */
START_TEST(what_waits_for_a_hello_is_bounded)
{
	static const uint8_t frame[16000];
	struct tls_tape t;
	struct replay r;
	size_t data;

	tape_of(&t, _i, &data);
	for (int i = 0; i < 40; i++)
		tape_say(&t, DIR_S2C, frame, sizeof(frame));
	replay_init(&r, text_str(&t.keylog));
	for (size_t i = 0; i < t.n; i++)
		if (t.flight[i].dir == DIR_S2C)
			replay_flight(&r, &t.flight[i], 1448);
	ck_assert_uint_le(r.max_held, 128u << 10);
	ck_assert_uint_ge(count_kind(r.t, EVENT_OPAQUE), 35);
	/* The client's comes late, and what is behind it can be read. */
	for (size_t i = 0; i < t.n; i++)
		if (t.flight[i].dir == DIR_C2S)
			replay_flight(&r, &t.flight[i], 1448);
	data = t.n;
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_S2C, PING);
	replay_flight(&r, &t.flight[data], SIZE_MAX);
	replay_flight(&r, &t.flight[data + 1], SIZE_MAX);
	replay_end(&r, ENDING_NONE);
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE, "cannot be"), 0);
	ck_assert_uint_eq(r.wrong, 0);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* ---- sequence numbers ---- */

static void
lose(struct replay *r, const struct tls_tape *t, size_t from, size_t to)
{
	uint64_t missing = 0;

	for (size_t i = from; i < to; i++)
		missing += t->flight[i].len;
	tls_session_gap(r->s, t->flight[from].dir, missing, 0, 1);
}

static const struct {
	size_t lost;
	bool found;
} losses[] = {
	{ 1, true },
	{ 2, true },
	{ 100, true },
	{ 4000, true },
	{ 4096, true },
	{ 4097, false },
	{ 6000, false },
};

START_TEST(the_next_number_is_looked_for_within_a_bound)
{
	struct tls_tape t;
	struct replay r;
	size_t data, from;

	tape_of(&t, _i % 2 == 0 ? 0 : 2, &data);
	from = t.n;
	/* As short as records can be, so that the bound is the number. */
	for (size_t i = 0; i < losses[_i / 2].lost; i++)
		tape_say(&t, DIR_C2S, "\x0b", 1);
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_C2S, PING);
	tape_say_hex(&t, DIR_C2S, PING);
	replay_init(&r, text_str(&t.keylog));
	for (size_t i = 0; i < from; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	lose(&r, &t, from, t.n - 3);
	for (size_t i = t.n - 3; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	replay_end(&r, ENDING_EOF);
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE, "cannot be opened"),
	    losses[_i / 2].found ? 0 : 3);
	ck_assert_uint_eq(r.wrong, losses[_i / 2].found ? 0 : 1);
	/* Whether close_notify came can be said, or not. */
	ck_assert_uint_eq(count_texts(r.t, EVENT_ENDED, "cannot be seen"), 0);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* |n| updates are in the hole, with a record before and behind each. */
START_TEST(key_updates_are_lost)
{
	struct tls_tape t;
	struct replay r;
	struct text notes;
	size_t data, from;

	tape_of(&t, _i % 2, &data);
	from = t.n;
	for (int i = 0; i < 1 + _i / 2; i++) {
		tape_say_hex(&t, DIR_C2S, PING);
		tape_key_update(&t, DIR_C2S, false);
		tape_say_hex(&t, DIR_C2S, PING);
	}
	tape_say_hex(&t, DIR_C2S, PONG);
	tape_say_hex(&t, DIR_C2S, PONG);
	tape_key_update(&t, DIR_C2S, false);
	tape_say_hex(&t, DIR_C2S, PONG);
	replay_init(&r, text_str(&t.keylog));
	for (size_t i = 0; i < from; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	lose(&r, &t, from, t.n - 4);
	for (size_t i = t.n - 4; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	replay_end(&r, ENDING_NONE);
	ck_assert_uint_eq(r.wrong, 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	text_init(&notes);
	for (int i = 1; i <= 1 + _i / 2; i++)
		text_addf(&notes,
		    "TLS key update %d of the client, itself not captured\n",
		    i);
	text_addf(&notes, "TLS key update %d of the client\n", 2 + _i / 2);
	ck_assert_str_eq(text_str(&r.notes), text_str(&notes));
	text_clear(&notes);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* Secrets that are not those of the connection: said once, at bounded
 * cost. */
START_TEST(wrong_secrets_are_said)
{
	static const uint8_t frame[16000];
	struct tls_tape t;
	struct replay r;
	size_t data;

	tape_of(&t, _i, &data);
	for (int i = 0; i < 100; i++)
		tape_say(&t, DIR_S2C, frame, sizeof(frame));
	for (size_t i = 0; i + 1 < t.keylog.len; i++)
		if (t.keylog.s[i + 1] == '\n')
			t.keylog.s[i] = t.keylog.s[i] == '0' ? '1' : '0';
	replay_init(&r, text_str(&t.keylog));
	replay_tape(&r, &t, SIZE_MAX);
	/* Each direction has its own. */
	ck_assert_uint_eq(r.wrong, 2);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "secrets that were given do not open the TLS "
			      "records of the client"),
	    1);
	ck_assert_uint_eq(count_texts(r.t, EVENT_REMARK,
			      "secrets that were given do not open the TLS "
			      "records of the server"),
	    1);
	ck_assert_uint_ge(count_texts(r.t, EVENT_OPAQUE, "cannot be opened"),
	    110);
	ck_assert_uint_eq(count_texts(r.t, EVENT_ENDED, "cannot be seen"), 2);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

/* ---- secrets that come late ---- */

static void
append(const char *path, const char *s, size_t len)
{
	FILE *f = fopen(path, "a");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(s, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

/* The key log is written while the capture is read: what lacks its key
 * waits, and nothing is lost. */
START_TEST(a_key_log_that_grows)
{
	char path[] = "/tmp/relaykit-keylog-XXXXXX", err[256];
	struct transcript *want;
	struct tls_tape t;
	struct replay r;
	size_t data, half;

	ck_assert_int_ge(mkstemp(path), 0);
	tape_of(&t, _i, &data);
	want = plain_transcript(&t, t.n, ENDING_TRUNCATED);
	replay_init(&r, NULL);
	ck_assert_int_eq(tls_keylog_open(r.context.keylog, path, err,
			     sizeof(err)),
	    0);
	ck_assert(tls_keylog_may_grow(r.context.keylog));
	r.context.live = true;
	for (size_t i = 0; i < data + 2; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	ck_assert_uint_eq(count_kind(r.t, EVENT_TLS), 0);
	/* Half a line is no secret yet. */
	half = t.keylog.len / 2;
	append(path, text_str(&t.keylog), half);
	replay_flight(&r, &t.flight[data + 2], SIZE_MAX);
	append(path, text_str(&t.keylog) + half, t.keylog.len - half);
	for (size_t i = data + 3; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	replay_end(&r, ENDING_EOF);
	assert_same_meaning(r.t, want);
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE,
			      "TLS application data"),
	    0);
	ck_assert_uint_eq(r.wrong, 0);
	transcript_free(want);
	replay_clear(&r);
	tape_clear(&t);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* It does not wait for more than a little, and reads what comes behind. */
START_TEST(secrets_that_come_too_late)
{
	static const uint8_t frame[8000];
	char path[] = "/tmp/relaykit-keylog-XXXXXX", err[256];
	struct tls_tape t;
	struct replay r;
	size_t data;

	ck_assert_int_ge(mkstemp(path), 0);
	tape_of(&t, _i, &data);
	for (int i = 0; i < 5; i++)
		tape_say(&t, DIR_S2C, frame, sizeof(frame));
	replay_init(&r, NULL);
	ck_assert_int_eq(tls_keylog_open(r.context.keylog, path, err,
			     sizeof(err)),
	    0);
	r.context.live = true;
	for (size_t i = 0; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	ck_assert_uint_le(r.max_held, 64u << 10);
	ck_assert_uint_ge(count_kind(r.t, EVENT_OPAQUE), 5);
	append(path, text_str(&t.keylog), t.keylog.len);
	data = t.n;
	tape_say_hex(&t, DIR_S2C, PING);
	tape_say_hex(&t, DIR_S2C, PING);
	for (size_t i = data; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	replay_end(&r, ENDING_EOF);
	ck_assert_uint_eq(count_kind(r.t, EVENT_TLS), 1);
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE, "cannot be"), 0);
	/* The last ones came in time. */
	ck_assert_uint_eq(count_texts(r.t, EVENT_ENDED, "cannot be seen"), 0);
	ck_assert_uint_eq(r.wrong, 0);
	replay_clear(&r);
	tape_clear(&t);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

/* A secrets block behind its packets: what follows it can be read. */
START_TEST(a_secrets_block_in_the_middle)
{
	struct tls_tape t;
	struct replay r;
	size_t data;
	char *got;

	tape_of(&t, _i, &data);
	replay_init(&r, NULL);
	for (size_t i = 0; i < data; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	tls_keylog_block(r.context.keylog, text_str(&t.keylog), t.keylog.len);
	for (size_t i = data; i < t.n; i++)
		replay_flight(&r, &t.flight[i], SIZE_MAX);
	replay_end(&r, ENDING_EOF);
	got = meaning(r.t);
	ck_assert_ptr_nonnull(strstr(got, "c2s http"));
	ck_assert_ptr_nonnull(strstr(got, "s2c http"));
	ck_assert_ptr_nonnull(strstr(got, "c2s ClientInfo"));
	ck_assert_ptr_nonnull(strstr(got, "s2c Pong"));
	free(got);
	ck_assert_uint_eq(r.wrong, 0);
	replay_clear(&r);
	tape_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_holes");
	TCase *tc = tcase_create("tls_holes");

	rk_keys_init();
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, each_lost_record_is_missing_alone, 0, NSUITES);
	tcase_add_loop_test(tc, bytes_of_a_record_are_missing, 0, NSUITES);
	tcase_add_loop_test(tc, holes_of_any_size_anywhere, 0, NSUITES);
	tcase_add_loop_test(tc, each_record_of_the_handshake_is_lost, 0,
	    NSUITES);
	tcase_add_loop_test(tc, each_record_of_the_handshake_is_damaged, 0,
	    NSUITES);
	tcase_add_loop_test(tc, a_handshake_that_was_not_captured, 0,
	    2 * NSUITES);
	tcase_add_loop_test(tc, one_direction_comes_first, 0, 2 * NSUITES);
	tcase_add_loop_test(tc, what_waits_for_a_hello_is_bounded, 0, NSUITES);
	tcase_add_loop_test(tc, the_next_number_is_looked_for_within_a_bound, 0,
	    2 * NROWS(losses));
	tcase_add_loop_test(tc, key_updates_are_lost, 0, 16);
	tcase_add_loop_test(tc, wrong_secrets_are_said, 0, NSUITES);
	tcase_add_loop_test(tc, a_key_log_that_grows, 0, NSUITES);
	tcase_add_loop_test(tc, secrets_that_come_too_late, 0, NSUITES);
	tcase_add_loop_test(tc, a_secrets_block_in_the_middle, 0, NSUITES);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
