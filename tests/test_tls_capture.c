/* TLS in whole captures: from packets and secrets to frames. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "reading.h"
#include "support.h"
#include "talk.h"
#include "tls_file.h"

static const struct {
	int version;
	const char *suite;
} suites[] = {
	{ TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256" },
	{ TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384" },
	{ TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256" },
	{ TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305" },
};
#define NSUITES 6

static void
tape_of(struct tls_tape *t, int row)
{
	tape_init(t, suites[row].version, suites[row].suite);
	tape_begin(t);
	tape_handshake(t);
	tape_talk(t);
	if (t->version == TLS1_3_VERSION) {
		for (int i = 0; i < 5; i++)
			tape_key_update(t, DIR_C2S, false);
		tape_say_hex(t, DIR_C2S, PING);
		tape_say_hex(t, DIR_S2C, PONG);
	}
}

/* What was said, in order, and nothing else of note. */
static void
assert_read(const struct reading *r, const struct tls_tape *t)
{
	struct transcript *want = plain_transcript(t, t->n, ENDING_TRUNCATED);

	ck_assert_msg(r->result == 0, "%s", r->err);
	assert_same_meaning(r->t, want);
	ck_assert_uint_eq(count_kind(r->t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count_kind(r->t, EVENT_REMARK), 0);
	transcript_free(want);
}

static struct reading
read_file(const struct tls_file *f, const char *keylog)
{
	struct capture_options o;

	capture_options_default(&o);
	o.keylog = keylog;
	return read_with(blob_file(&f->b), &o);
}

START_TEST(secrets_inside_of_a_pcapng)
{
	struct tls_tape t;
	struct tls_file f;
	struct reading r;

	tape_of(&t, _i / 2);
	tls_file_begin(&f, true, _i % 2 == 1, text_str(&t.keylog));
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, NULL);
	assert_read(&r, &t);
	transcript_free(r.t);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

/* ---- key logs of files ---- */

/* Every line twice, comments, CRLF, capitals, labels of others, and no
 * newline at the end. */
static char *
oddly_written(const char *keylog)
{
	char *copy = xstrdup(keylog), *rest, *line, *s;
	struct text out;

	text_init(&out);
	text_add(&out, "# made by hand\r\n\r\n");
	for (line = strtok_r(copy, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		text_addf(&out, "%s\r\n", line);
		for (char *c = strchr(line, ' '); *c != '\0'; c++)
			*c = (char)toupper((unsigned char)*c);
		text_addf(&out, "SOME_OTHER_LABEL 00 11 22\r\n%s\r\n", line);
	}
	free(copy);
	s = text_take(&out);
	s[strlen(s) - 2] = '\0';
	return s;
}

static void
make_keylog(char path[32], const char *s)
{
	int fd;

	snprintf(path, 32, "/tmp/relaykit-keylog-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, s, strlen(s)), (ssize_t)strlen(s));
	ck_assert_int_eq(close(fd), 0);
}

START_TEST(a_key_log_with_every_oddity)
{
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	char path[32], *odd;

	tape_of(&t, _i);
	odd = oddly_written(text_str(&t.keylog));
	make_keylog(path, odd);
	tls_file_begin(&f, _i % 2 == 0, false, NULL);
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, path);
	assert_read(&r, &t);
	transcript_free(r.t);
	tls_file_clear(&f);
	ck_assert_int_eq(unlink(path), 0);
	free(odd);
	tape_clear(&t);
}
END_TEST

START_TEST(a_key_log_that_says_two_things)
{
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	struct text twice;
	char *digit;

	tape_of(&t, _i);
	text_init(&twice);
	text_add(&twice, text_str(&t.keylog));
	text_add(&twice, text_str(&t.keylog));
	digit = strstr(twice.s + t.keylog.len,
	    t.version == TLS1_3_VERSION ? "CLIENT_TRAFFIC" : "CLIENT_RANDOM");
	digit = strchr(digit, '\n') - 1;
	*digit = *digit == '0' ? '1' : '0';
	tls_file_begin(&f, true, false, text_str(&twice));
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, NULL);
	ck_assert_int_eq(r.result, 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count_remarks(r.t, "the first one stays"), 1);
	ck_assert_uint_eq(count_kind(r.t, EVENT_REMARK), 1);
	ck_assert_uint_ge(count(r.t, "Ping"), 2);
	transcript_free(r.t);
	text_clear(&twice);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

/* ---- secrets blocks ---- */

START_TEST(secrets_blocks_of_other_kinds)
{
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	size_t half;
	char *first;

	tape_of(&t, 0);
	tls_file_begin(&f, true, _i == 1, NULL);
	tls_file_secrets(&f, SECRETS_SSH, text_str(&t.keylog), t.keylog.len);
	pcapng_block(&f.b, 10, &(struct blob){ 0 });
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, NULL);
	ck_assert_int_eq(r.result, 0);
	ck_assert_uint_eq(count_remarks(r.t, "no secrets were given"), 1);
	ck_assert_uint_eq(count(r.t, "Ping"), 0);
	transcript_free(r.t);
	tls_file_clear(&f);
	/* Two blocks, the second one cut off behind its secrets. */
	half =
	    (size_t)(strchr(text_str(&t.keylog), '\n') - text_str(&t.keylog)) +
	    1;
	first = xstrndup(text_str(&t.keylog), half);
	tls_file_begin(&f, true, _i == 1, first);
	tls_file_secrets(&f, SECRETS_TLS, text_str(&t.keylog) + half, 100000);
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, NULL);
	ck_assert_int_eq(r.result, 0);
	ck_assert_uint_eq(count_remarks(r.t, "a secrets block is cut off"), 1);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count(r.t, "Ping"), 3);
	transcript_free(r.t);
	free(first);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

/* ---- segments ---- */

static const struct {
	size_t mss;
	bool swapped, doubled;
} carriages[] = {
	{ 100, false, false },
	{ 100, true, false },
	{ 100, false, true },
	{ 100, true, true },
	{ 1, true, false },
	{ 13, true, false },
};

START_TEST(segments_in_any_order)
{
	struct tls_tape t;
	struct transcript *want;
	struct tls_file f;
	struct reading r;

	tape_of(&t, _i % NSUITES);
	tls_file_begin(&f, true, false, text_str(&t.keylog));
	f.mss = carriages[_i / NSUITES].mss;
	f.swapped = carriages[_i / NSUITES].swapped;
	f.doubled = carriages[_i / NSUITES].doubled;
	tls_file_connection(&f, &t, 0, t.n);
	r = read_file(&f, NULL);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count_kind(r.t, EVENT_GAP), 0);
	want = plain_transcript(&t, t.n, ENDING_TRUNCATED);
	/* Swapping directions moves nothing within either. */
	ck_assert_uint_eq(count(r.t, "Ping"), count(want, "Ping"));
	ck_assert_uint_eq(count(r.t, "Pong"), count(want, "Pong"));
	ck_assert_uint_eq(count(r.t, "http"), 2);
	ck_assert_uint_eq(count(r.t, "ClientInfo"), 1);
	ck_assert_uint_eq(count(r.t, "rest"), 0);
	transcript_free(want);
	transcript_free(r.t);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

/* Any one of them: what is not in it is shown, and the loss is told. */
START_TEST(a_lost_segment)
{
	struct tls_tape t;
	long segments = 1;

	tape_of(&t, _i);
	for (long lost = 0; lost < segments; lost++) {
		struct tls_file f;
		struct reading r;
		size_t pings;

		tls_file_begin(&f, true, false, text_str(&t.keylog));
		f.mss = 60;
		f.lost = lost;
		tls_file_connection(&f, &t, 0, t.n);
		segments = f.segments;
		r = read_file(&f, NULL);
		ck_assert_int_eq(r.result, 1);
		ck_assert_uint_eq(r.sum.wrong, 1);
		ck_assert_ptr_nonnull(strstr(r.err, "missing"));
		pings = count(r.t, "Ping") + count(r.t, "Pong");
		/* Without a hello there is nothing, else all but one. */
		if (count_remarks(r.t, "Hello was not captured") > 0)
			ck_assert_uint_eq(pings, 0);
		else
			ck_assert_uint_ge(pings,
			    (t.version == TLS1_3_VERSION ? 6 : 4) - 1);
		transcript_free(r.t);
		tls_file_clear(&f);
	}
	ck_assert_int_ge(segments, 20);
	tape_clear(&t);
}
END_TEST

/* The same ports again, and a session resumed on them. */
START_TEST(connections_one_after_the_other)
{
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	SSL_SESSION *session;
	size_t second;

	tape_of(&t, _i);
	session = SSL_get1_session(t.ssl[DIR_C2S]);
	second = t.n;
	tape_begin(&t);
	SSL_set_session(t.ssl[DIR_C2S], session);
	SSL_SESSION_free(session);
	tape_handshake(&t);
	ck_assert_int_eq(SSL_session_reused(t.ssl[DIR_C2S]), 1);
	tape_talk(&t);
	tls_file_begin(&f, true, false, text_str(&t.keylog));
	tls_file_connection(&f, &t, 0, second);
	tls_file_connection(&f, &t, second, t.n);
	r = read_file(&f, NULL);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(r.t->nconns, 2);
	ck_assert_uint_eq(count_kind(r.t, EVENT_TLS), 2);
	ck_assert_uint_eq(count_kind(r.t, EVENT_OPAQUE), 0);
	ck_assert_uint_eq(count(r.t, "ClientInfo"), 2);
	transcript_free(r.t);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

/* ---- a capture and a key log that are being written ---- */

static void
write_all(int fd, const void *p, size_t len)
{
	if (write(fd, p, len) != (ssize_t)len)
		_exit(1);
}

/* In pieces: at some time the secrets, however far the reader is. */
static pid_t
write_live(const struct tls_file *f, int out[2], const char *keylog,
    const struct tls_tape *t, size_t when)
{
	pid_t pid = fork();
	FILE *keys;

	ck_assert_int_ge(pid, 0);
	if (pid > 0)
		return pid;
	close(out[0]);
	write_all(out[1], f->b.p, when);
	keys = fopen(keylog, "a");
	if (keys == NULL || fputs(text_str(&t->keylog), keys) < 0 ||
	    fclose(keys) != 0)
		_exit(1);
	write_all(out[1], f->b.p + when, f->b.len - when);
	_exit(0);
}

START_TEST(both_are_still_being_written)
{
	static const int whens[] = { 24, 400, 1000 };
	char path[32], capture[32];
	struct capture_options o;
	struct tls_tape t;
	struct tls_file f;
	struct reading r;
	int fds[2], status;
	pid_t pid;

	tape_of(&t, _i % NSUITES);
	make_keylog(path, "");
	tls_file_begin(&f, _i % 2 == 0, false, NULL);
	tls_file_connection(&f, &t, 0, t.n);
	ck_assert_int_eq(pipe(fds), 0);
	pid = write_live(&f, fds, path, &t, (size_t)whens[_i / NSUITES]);
	close(fds[1]);
	snprintf(capture, sizeof(capture), "/dev/fd/%d", fds[0]);
	capture_options_default(&o);
	o.keylog = path;
	r = read_with(capture, &o);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count(r.t, "http"), 2);
	ck_assert_uint_eq(count(r.t, "ClientInfo"), 1);
	ck_assert_uint_eq(count_texts(r.t, EVENT_OPAQUE,
			      "TLS application data"),
	    0);
	close(fds[0]);
	transcript_free(r.t);
	tls_file_clear(&f);
	ck_assert_int_eq(unlink(path), 0);
	tape_clear(&t);
}
END_TEST

/* ---- relay-cli ---- */

START_TEST(decode_marks_key_updates)
{
	struct tls_tape t;
	struct tls_file f;
	char command[512], line[512];
	size_t updates = 0, frames = 0;
	FILE *out;

	tape_of(&t, _i);
	tls_file_begin(&f, true, false, text_str(&t.keylog));
	tls_file_connection(&f, &t, 0, t.n);
	snprintf(command, sizeof(command), "%s decode -v - <%s 2>/dev/null",
	    build_path("relay-cli/relay-cli"), blob_file(&f.b));
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	while (fgets(line, sizeof(line), out) != NULL) {
		updates += strstr(line, "TLS key update") != NULL &&
		    strstr(line, "of the client") != NULL;
		frames += strstr(line, " Ping ") != NULL ||
		    strstr(line, " Pong ") != NULL;
	}
	ck_assert_int_eq(pclose(out), 0);
	ck_assert_uint_eq(updates, t.version == TLS1_3_VERSION ? 5 : 0);
	ck_assert_uint_eq(frames, t.version == TLS1_3_VERSION ? 6 : 4);
	tls_file_clear(&f);
	tape_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_capture");
	TCase *tc = tcase_create("tls_capture");

	rk_keys_init();
	tcase_set_timeout(tc, 240);
	tcase_add_loop_test(tc, secrets_inside_of_a_pcapng, 0, 2 * NSUITES);
	tcase_add_loop_test(tc, a_key_log_with_every_oddity, 0, NSUITES);
	tcase_add_loop_test(tc, a_key_log_that_says_two_things, 0, NSUITES);
	tcase_add_loop_test(tc, secrets_blocks_of_other_kinds, 0, 2);
	tcase_add_loop_test(tc, segments_in_any_order, 0,
	    NSUITES * NROWS(carriages));
	tcase_add_loop_test(tc, a_lost_segment, 0, NSUITES);
	tcase_add_loop_test(tc, connections_one_after_the_other, 0, NSUITES);
	tcase_add_loop_test(tc, both_are_still_being_written, 0, 3 * NSUITES);
	tcase_add_loop_test(tc, decode_marks_key_updates, 0, NSUITES);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
