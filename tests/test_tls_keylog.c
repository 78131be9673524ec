/* Key logs as they are found: complete, odd, broken, growing. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "capture/tls_keylog.h"
#include "support.h"

#define R1  "4426599f39c5ae807847e82a304cabf32a508609036e753f845e4b1c62ff8025"
#define R2  "090A3F2EE49CECBDBDFDA54FA45CDBA17F35B0D3E0BDBA20F4A8A4A186B864DE"
#define S32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define S48 S32 "202122232425262728292a2b2c2d2e2f"
#define T48 S32 "ffeeddccbbaa99887766554433221100"

struct log {
	struct tls_keylog *k;
	struct text remarks; /* a line each */
};

static void
on_remark(void *arg, const char *text)
{
	struct log *l = arg;

	text_addf(&l->remarks, "%s\n", text);
}

static void
log_init(struct log *l)
{
	text_init(&l->remarks);
	l->k = tls_keylog_new(on_remark, l);
}

static void
log_clear(struct log *l)
{
	tls_keylog_free(l->k);
	text_clear(&l->remarks);
}

/* "M48 c32 s32 C32 S32": which secrets there are, and how long. */
static const char *
known(const struct log *l, const char *random)
{
	static const char letters[TLS_NLABELS] = { 'M', 'c', 's', 'C', 'S' };
	static char out[64];
	size_t len, n = 0;
	const uint8_t *p = hex(random, &len);
	bool any = false;

	ck_assert_uint_eq(len, TLS_RANDOM_LEN);
	out[0] = '\0';
	for (int i = 0; i < TLS_NLABELS; i++) {
		const struct tls_secret *s =
		    tls_keylog_find(l->k, (enum tls_label)i, p);

		if (s == NULL)
			continue;
		n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%c%u",
		    any ? " " : "", letters[i], s->len);
		any = true;
		for (unsigned at = 0; at < 32; at++)
			ck_assert_uint_eq(s->b[at], at);
	}
	ck_assert_int_eq(any, tls_keylog_has(l->k, p));
	return out;
}

static const struct {
	const char *log;
	const char *r1, *r2; /* what is known */
	const char *remarks;
} rows[] = {
	{ "", "", "", "" },
	{ "CLIENT_RANDOM " R1 " " S48 "\n", "M48", "", "" },
	/* no newline at the end */
	{ "CLIENT_RANDOM " R1 " " S48, "M48", "", "" },
	/* all that we need, and what we do not */
	{ "# a comment\n"
	  "CLIENT_HANDSHAKE_TRAFFIC_SECRET " R1 " " S32 "\n"
	  "SERVER_HANDSHAKE_TRAFFIC_SECRET " R1 " " S32 "\n"
	  "EXPORTER_SECRET " R1 " " S32 "\n"
	  "CLIENT_EARLY_TRAFFIC_SECRET " R2 " " S32 "\n"
	  "\n"
	  "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "\n"
	  "SERVER_TRAFFIC_SECRET_0 " R1 " " S32 "\n"
	  "RSA 0011223344556677 " S48 "\n"
	  "RSA Session-ID:00 Master-Key:00\n"
	  "ECH_SECRET " R1 " 00\n"
	  "SOMETHING_NEW_1\n",
	    "c32 s32 C32 S32", "", "" },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "\n"
	  "SERVER_TRAFFIC_SECRET_0 " R2 " " S32 "\n",
	    "C48", "S32", "" },
	/* CRLF, blanks, a byte order mark */
	{ "\xef\xbb\xbf"
	  "CLIENT_RANDOM " R1 " " S48 "\r\n"
	  "\r\n"
	  "  CLIENT_RANDOM\t" R2 "  " S48 " \t\r\n",
	    "M48", "M48", "" },
	{ "\xef\xbb\xbf# comment\r\nCLIENT_RANDOM " R1 " " S48 "\r", "M48", "",
	    "" },
	/* said again: the same, and the same in capitals */
	{ "CLIENT_RANDOM " R1 " " S48 "\n"
	  "CLIENT_RANDOM " R1 " " S48 "\n"
	  "CLIENT_RANDOM " R1
	  " 000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"
	  "202122232425262728292A2B2C2D2E2F\n",
	    "M48", "", "" },
	/* said otherwise */
	{ "CLIENT_RANDOM " R1 " " S48 "\n"
	  "CLIENT_RANDOM " R1 " " T48 "\n",
	    "M48", "",
	    "secrets block 1, line 2: another CLIENT_RANDOM for the same "
	    "client random; the first one stays\n" },
	{ "SERVER_TRAFFIC_SECRET_0 " R1 " " S48 "\n"
	  "SERVER_TRAFFIC_SECRET_0 " R1 " " S32 "\n",
	    "S48", "",
	    "secrets block 1, line 2: another SERVER_TRAFFIC_SECRET_0 for the "
	    "same client random; the first one stays\n" },
	/* broken: a line less, the others count */
	{ "CLIENT_RANDOM\nCLIENT_RANDOM " R2 " " S48 "\n", "", "M48",
	    "secrets block 1, line 1: CLIENT_RANDOM without a whole client "
	    "random and secret\n" },
	{ "CLIENT_RANDOM " R1 "\n", "", "",
	    "secrets block 1, line 1: CLIENT_RANDOM without a whole client "
	    "random and secret\n" },
	{ "CLIENT_RANDOM " R1 " " S32 "\n", "", "",
	    "secrets block 1, line 1: CLIENT_RANDOM without a whole client "
	    "random and secret\n" },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 " " S32 "00\n", "", "",
	    "secrets block 1, line 1: CLIENT_TRAFFIC_SECRET_0 without a whole "
	    "client random and secret\n" },
	{ "CLIENT_TRAFFIC_SECRET_0 " R1 "00 " S32 "\n", "", "",
	    "secrets block 1, line 1: CLIENT_TRAFFIC_SECRET_0 without a whole "
	    "client random and secret\n" },
	{ "CLIENT_RANDOM " R1 " " S48 " more\n", "", "",
	    "secrets block 1, line 1: CLIENT_RANDOM without a whole client "
	    "random and secret\n" },
	{ "CLIENT_RANDOM " R1 " g" S32 "02122232425262728292a2b2c2d2e2f\n", "",
	    "",
	    "secrets block 1, line 1: CLIENT_RANDOM without a whole client "
	    "random and secret\n" },
	{ "client_random " R1 " " S48 "\n", "", "",
	    "secrets block 1, line 1: not a line of a key log\n" },
	{ "\x01\x02\xff\n", "", "",
	    "secrets block 1, line 1: not a line of a key log\n" },
};

START_TEST(lines_of_every_kind)
{
	struct log l;

	log_init(&l);
	tls_keylog_block(l.k, rows[_i].log, strlen(rows[_i].log));
	ck_assert_str_eq(known(&l, R1), rows[_i].r1);
	ck_assert_str_eq(known(&l, R2), rows[_i].r2);
	ck_assert_str_eq(text_str(&l.remarks), rows[_i].remarks);
	ck_assert(tls_keylog_given(l.k));
	log_clear(&l);
}
END_TEST

static void
write_file(const char *path, const char *how, const char *s)
{
	FILE *f = fopen(path, how);

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(s, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

static void
make_file(char path[32], const char *s)
{
	int fd;

	snprintf(path, 32, "/tmp/relaykit-keylog-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(close(fd), 0);
	write_file(path, "w", s);
}

/* The same lines from a file. */
START_TEST(a_file_is_read_like_a_block)
{
	char path[32], err[256], *want = NULL;
	struct log l;

	make_file(path, rows[_i].log);
	log_init(&l);
	ck_assert(!tls_keylog_given(l.k));
	ck_assert_int_eq(tls_keylog_open(l.k, path, err, sizeof(err)), 0);
	ck_assert(tls_keylog_given(l.k));
	ck_assert_str_eq(known(&l, R1), rows[_i].r1);
	ck_assert_str_eq(known(&l, R2), rows[_i].r2);
	/* "secrets block 1, line 2: …" becomes "key log, line 2: …" */
	if (rows[_i].remarks[0] != '\0')
		want = strchr(rows[_i].remarks, ',');
	ck_assert_int_eq(strstr(text_str(&l.remarks), "key log, line") != NULL,
	    want != NULL);
	if (want != NULL)
		ck_assert_ptr_nonnull(strstr(text_str(&l.remarks), want));
	ck_assert_int_eq(strstr(text_str(&l.remarks), "no TLS secret") != NULL,
	    rows[_i].r1[0] == '\0' && rows[_i].r2[0] == '\0');
	log_clear(&l);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(long_lines_are_passed_over)
{
	static char log[20000];
	size_t n = 0;
	struct log l;

	/* Of a label that is none of ours nobody minds. */
	n += (size_t)sprintf(log, "ECH_CONFIG " R1 " ");
	memset(log + n, 'a', 6000);
	n += 6000;
	n += (size_t)sprintf(log + n, "\nCLIENT_RANDOM " R2 " " S48);
	memset(log + n, '0', 6000);
	n += 6000;
	n += (size_t)sprintf(log + n, "\nCLIENT_RANDOM " R1 " " S48 "\n");
	log_init(&l);
	tls_keylog_block(l.k, log, n);
	ck_assert_str_eq(known(&l, R1), "M48");
	ck_assert_str_eq(known(&l, R2), "");
	ck_assert_str_eq(text_str(&l.remarks),
	    "secrets block 1, line 2: CLIENT_RANDOM without a whole client "
	    "random and secret\n");
	log_clear(&l);
}
END_TEST

/* Zero bytes end nothing. */
START_TEST(a_line_with_a_zero_byte)
{
	static const char log[] = "CLIENT_RANDOM " R1 " " S48 "\0\n"
				  "CLIENT_RANDOM " R2 " " S48 "\n";
	struct log l;

	log_init(&l);
	tls_keylog_block(l.k, log, sizeof(log) - 1);
	ck_assert_str_eq(known(&l, R1), "");
	ck_assert_str_eq(known(&l, R2), "M48");
	ck_assert_ptr_nonnull(strstr(text_str(&l.remarks), "line 1: "));
	log_clear(&l);
}
END_TEST

START_TEST(remarks_are_bounded)
{
	struct log l;
	size_t n = 0;

	log_init(&l);
	for (int block = 0; block < 2; block++) {
		char log[1000] = "";

		for (int i = 0; i < 100; i++)
			strcat(log, "what?\n");
		tls_keylog_block(l.k, log, strlen(log));
	}
	for (const char *p = text_str(&l.remarks); *p != '\0'; p++)
		n += *p == '\n';
	ck_assert_uint_eq(n, 18);
	ck_assert_ptr_nonnull(strstr(text_str(&l.remarks),
	    "secrets block 2, line 9: more is wrong here and behind it, which "
	    "is not told\n"));
	log_clear(&l);
}
END_TEST

START_TEST(more_connections_than_can_be_known)
{
	struct log l;
	char line[256];
	unsigned known_ones = 0;

	log_init(&l);
	for (unsigned i = 0; i < (128u << 10) + 10; i++) {
		snprintf(line, sizeof(line), "CLIENT_RANDOM %064x " S48 "\n",
		    i);
		tls_keylog_block(l.k, line, strlen(line));
	}
	for (unsigned i = 0; i < (128u << 10) + 10; i++) {
		uint8_t random[TLS_RANDOM_LEN] = { 0 };

		for (int k = 0; k < 4; k++)
			random[31 - k] = (uint8_t)(i >> 8 * k);
		known_ones += tls_keylog_has(l.k, random);
	}
	ck_assert_uint_eq(known_ones, 128u << 10);
	ck_assert_uint_eq(tls_keylog_count(l.k), 128u << 10);
	ck_assert_str_eq(text_str(&l.remarks),
	    "secrets block 131073, line 1: more than 131072 connections: the "
	    "further ones are left out\n");
	log_clear(&l);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
	struct log l;
	char err[256] = "";

	log_init(&l);
	ck_assert_int_eq(tls_keylog_open(l.k, "/nonexistent/keys", err,
			     sizeof(err)),
	    -1);
	ck_assert_str_eq(err,
	    "key log /nonexistent/keys: No such file or directory");
	ck_assert_int_eq(tls_keylog_open(l.k, "/tmp", err, sizeof(err)), -1);
	ck_assert_str_eq(err, "key log /tmp: Is a directory");
	ck_assert(!tls_keylog_given(l.k));
	ck_assert_str_eq(text_str(&l.remarks), "");
	log_clear(&l);
}
END_TEST

/* Written byte by byte, and read on after each: a whole line counts, and
 * nothing that a part of a line was taken for stays. */
START_TEST(a_file_that_grows)
{
	static const char log[] = "# begins\r\n"
				  "CLIENT_TRAFFIC_SECRET_0 " R1 " " S48 "\r\n"
				  "CLIENT_RANDOM " R2 " " S48;
	char path[32], err[256], byte[2] = "";
	struct log l;

	make_file(path, "");
	log_init(&l);
	ck_assert_int_eq(tls_keylog_open(l.k, path, err, sizeof(err)), 0);
	ck_assert(tls_keylog_may_grow(l.k));
	text_reset(&l.remarks);
	for (size_t i = 0; i < sizeof(log) - 1; i++) {
		byte[0] = log[i];
		write_file(path, "a", byte);
		tls_keylog_refresh(l.k);
		ck_assert(known(&l, R1)[0] == '\0' ||
		    strcmp(known(&l, R1), "C32") == 0 ||
		    strcmp(known(&l, R1), "C48") == 0);
	}
	ck_assert_str_eq(known(&l, R1), "C48");
	ck_assert_str_eq(known(&l, R2), "M48");
	ck_assert_str_eq(text_str(&l.remarks), "");
	tls_keylog_refresh(l.k);
	ck_assert_str_eq(known(&l, R2), "M48");
	log_clear(&l);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tls_keylog");
	TCase *tc = tcase_create("tls_keylog");

	tcase_set_timeout(tc, 60);
	tcase_add_rows(tc, lines_of_every_kind, rows);
	tcase_add_rows(tc, a_file_is_read_like_a_block, rows);
	tcase_add_test(tc, long_lines_are_passed_over);
	tcase_add_test(tc, a_line_with_a_zero_byte);
	tcase_add_test(tc, remarks_are_bounded);
	tcase_add_test(tc, more_connections_than_can_be_known);
	tcase_add_test(tc, a_file_that_cannot_be_read);
	tcase_add_test(tc, a_file_that_grows);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
