/*
 * What a configuration file may look like: each row was shown to the relays
 * of iroh-net 0.28.2 and iroh-relay 0.35.0, which both took or refused it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "codec/relaykit.h"
#include "relayd/conf.h"
#include "relayd/conf_file.h"
#include "support.h"

static struct conf conf;
static struct text log_lines;
static char err[512];

static void
on_line(void *arg, enum log_level level, const char *line)
{
	text_addf(&log_lines, "%s\n", line);
}

static void
setup(void)
{
	text_init(&log_lines);
	log_capture(on_line, NULL);
	conf_init(&conf, rk_dialects()[0]);
}

static void
teardown(void)
{
	conf_clear(&conf);
	log_capture(NULL, NULL);
	text_clear(&log_lines);
}

static bool
read_bytes(const char *text, size_t len)
{
	char path[] = "/tmp/test_relayd_toml.XXXXXX";
	int fd = mkstemp(path);
	bool ok;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
	err[0] = '\0';
	ok = conf_file_read(&conf, path, err, sizeof(err));
	unlink(path);
	ck_assert_int_eq(ok, err[0] == '\0');
	return ok;
}

static bool
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* Each is followed by this, which then must have been seen. */
#define SEEN "enable_stun = false"

static const char *const taken[] = {
	"keepalive = '1s'\r\n" SEEN "\r\n",
	"\xef\xbb\xbf" SEEN,
	SEEN "#no\n",
	"\t enable_stun\t=\tfalse # \t\n",
	"'enable_stun' = false\n",
	"\"enable\\u005fstun\" = false\n",
	"x = [ # [\n 1, # y ]\n \"]\", \"\"\"\n]\n\"\"\",\n # z\n]\n" SEEN,
	"x = \"\"\"\nenable_stun = true\n\"\"\"\n" SEEN,
	"x = '''\n[x]\n'''\n" SEEN,
	"x = \"\"\"a\"\"b\"\"\"\"\"\n" SEEN,
	"x = \"\"\"a\\  \n\n  b\"\"\"\n" SEEN,
	"x = '''''''\ny = ''\n" SEEN,
	"x = \"a\tb\\u0000\\b\\f\\r\"\n" SEEN,
	"x = [1, 'a', [2, 3], [[]], { a = 1 }, { a = 2 }]\n" SEEN,
	"x = { a.b = 1, a.c = [\n2 ] }\n" SEEN,
	"x = 1979-05-27T07:32:00Z\n" SEEN,
	"x = 1979-05-27 07:32:00.5 # and\n" SEEN,
	"x = 2024-02-29t23:59:60+23:59\n" SEEN,
	"x = [1979-05-27, 07:32:00]\n" SEEN,
	"x = [+1, -0, 0x0F_f, 0o17, 0b1_1, 1_0.5e-0_3, -inf, +nan, "
	"1e05]\n" SEEN,
	"x = -9223372036854775808\n" SEEN,
	"x.y = 1\nx.z = 2\n" SEEN,
	"x . \"y\" = 1\n" SEEN,
	SEEN "\n[a.b.c]\n[a]\nx = 1\n",
	SEEN "\n[a]\nb.c = 1\n[a.b.d]\n",
	SEEN "\n[[a]]\nx = 1\n[a.b]\n[[a]]\nx = 1\n[a.b]\n",
	SEEN "\n[ 'x' . y ] # z\n",
	SEEN "\n[\"a:]b=\"]\n\"x:y=\" = 1\n",
	SEEN "\n\"x:y\" = 1\n\"x=y\" = 1\n\"x%3Ay\" = 1\n",
	SEEN "\n\"tls.cert_mode\" = 1\n",
	SEEN "\n\"\" = 1\n1.2 = 3\n",
};

START_TEST(what_the_reference_reads_is_read)
{
	ck_assert_msg(read_text(taken[_i]), "%s\n%s", err, taken[_i]);
	ck_assert(!conf.enable_stun);
	ck_assert_int_eq(conf.tls_line, 0);
}
END_TEST

static const char *const refused[] = {
	"[limits]\n[limits]\n",
	"[x]\na = 1\n[x]\nb = 1\n",
	"tls.cert_mode = 'Manual'\n[tls]\n",
	"tls = { cert_mode = 'Manual' }\n[tls]\n",
	"x = 1\nx = 2\n",
	"'x' = 1\n\"x\" = 2\n",
	"x = 1\n[x]\n",
	"x = 1\nx.y = 2\n",
	"x = { a = 1 }\nx.b = 2\n",
	"x = { a = 1, a = 2 }\n",
	"x = { a = 1, a.b = 2 }\n",
	"x = [{ a = 1, a = 2 }]\n",
	"[a]\nb.c = 1\n[a.b]\n",
	"[a.b]\n[a]\nb.c = 1\n",
	"[a.b.c]\n[a]\nb.d = 1\n",
	"[[a]]\n[a]\n",
	"[a]\n[[a]]\n",
	"[a.b]\n[[a]]\n",
	"a = []\n[[a]]\n",
	"[[a]]\n[a.b]\n[a.b]\n",
	"x = 010\n",
	"x = 1000_\n",
	"x = 1__0\n",
	"x = _1\n",
	"x = -0x1\n",
	"x = 0XFF\n",
	"x = 0x\n",
	"x = 0o8\n",
	"x = 99999999999999999999\n",
	"x = 0xffffffffffffffff\n",
	"x = 01.5\n",
	"x = .5\n",
	"x = 1.\n",
	"x = 1e+\n",
	"x = 1._5\n",
	"x = Inf\n",
	"x = True\n",
	"x = word\n",
	"x = 127.0.0.1:80\n",
	"x = 2023-02-29\n",
	"x = 2023-13-01\n",
	"x = 2024-02-29T24:00:00\n",
	"x = 2024-02-29T23:59\n",
	"x = 23:59:00Z\n",
	"; remark\n",
	"# \x01\n",
	"# \x7f\n",
	"# \xff\n",
	"x = 1\ry = 2\n",
	"x = \"a\x01\"\n",
	"x = 'a\nb'\n",
	"x = \"\"\"a\rb\"\"\"\n",
	"x = \"\"\"a\\ b\"\"\"\n",
	"x = \"\"\"a\"\"\"\"\"\"\n",
	"x = '''a\n",
	"x = \"\\e\"\n",
	"x = \"a\"\"b\"\n",
	"\"\"\"x\"\"\" = 1\n",
	"x: 1\n",
	"= 1\n",
	"x == 1\n",
	"x =\n1\n",
	"x = 1 y = 2\n",
	"x y = 1\n",
	"x..y = 1\n",
	"x. = 1\n",
	"\xc3\xbc = 1\n",
	"[]\n",
	"[x] y\n",
	"[x\n",
	"[x\n]\n",
	"[ [x] ]\n",
	"x = [1,,2]\n",
	"x = [,1]\n",
	"x = [1 2]\n",
	"x = [y]\n",
	"x = { a = 1, }\n",
	"x = {\n}\n",
	"\x0c\n",
	"{ \"x\": 1 }\n",
	"http_bind_addr = \"[127.0.0.1]:80\"\n",
	"http_bind_addr = \"[::1%lo]:80\"\n",
};

START_TEST(what_the_reference_refuses_is_refused)
{
	ck_assert_msg(!read_text(refused[_i]), "taken: %s", refused[_i]);
}
END_TEST

START_TEST(a_nul_byte_is_no_text)
{
	ck_assert(!read_bytes("# \0\n", 4));
	ck_assert_ptr_nonnull(strstr(err, ": not UTF-8 text"));
}
END_TEST

/* As deep as there, and no deeper. */
START_TEST(arrays_lie_in_arrays_to_a_depth)
{
	struct text t;

	text_init(&t);
	for (int depth = 79; depth <= 80; depth++) {
		text_reset(&t);
		text_add(&t, "x = ");
		for (int i = 0; i < depth; i++)
			text_add(&t, "[");
		for (int i = 0; i < depth; i++)
			text_add(&t, "]");
		ck_assert_int_eq(read_text(text_str(&t)), depth == 79);
	}
	text_clear(&t);
}
END_TEST

START_TEST(numbers_and_characters_have_other_spellings)
{
	ck_assert_msg(read_text("http_bind_addr = \"127.0.0.1\\u003a0\"\n"
				"metrics_bind_addr = \"\\U0000005b::1%1]:0\"\n"
				"key_cache_capacity = 1_024\n"
				"queue_packets = 0x1_0\n"
				"[limits]\naccept_conn_limit = 1e3\n"
				"accept_conn_burst = +1_0\n"
				"[tls]\ncert_mode = '''\nManual'''\n"
				"cert_dir = \"\\u00e9\\u20ac\\U0001F600\"\n"),
	    "%s", err);
	ck_assert_str_eq(text_str(&log_lines), "");
	ck_assert_int_eq(conf.queue_packets, 16);
	ck_assert_int_eq(conf.accept_rate, 1000000);
	ck_assert_int_eq(conf.accept_burst, 10);
	ck_assert_str_eq(conf.listen[0].address, "127.0.0.1:0");
	ck_assert_str_eq(conf.listen[1].address, "[::1%1]:0");
	ck_assert_str_eq(conf.cert_dir, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
}
END_TEST

/* The reference reads any number, and limits nothing by it. */
static const struct {
	const char *limit;
	int64_t rate; /* in thousandths */
	bool warned;
} limits[] = {
	{ "0.12345678", 123, false },
	{ "2", 2000, false },
	{ "inf", 1000000000, false },
	{ "1e300", 1000000000, false },
	{ "0", 0, true },
	{ "-1.5", 0, true },
	{ "nan", 0, true },
	{ "1e-9", 0, true },
};

START_TEST(a_limit_is_any_number)
{
	struct text t;

	text_init(&t);
	text_addf(&t, "[limits]\naccept_conn_limit = %s\n", limits[_i].limit);
	ck_assert_msg(read_text(text_str(&t)), "%s", err);
	ck_assert_int_eq(conf.accept_rate, limits[_i].rate);
	ck_assert_int_eq(strstr(text_str(&log_lines), ": no limit; ign") !=
		NULL,
	    limits[_i].warned);
	text_clear(&t);
	ck_assert(
	    read_text("limits.accept_conn_burst = 9223372036854775807\n"));
	ck_assert_int_eq(conf.accept_burst, 1000000);
}
END_TEST

START_TEST(an_unknown_array_is_warned_about_once)
{
	ck_assert(read_text("\nx = [1, [2], { a = 3 }]\n"));
	ck_assert_ptr_nonnull(
	    strstr(text_str(&log_lines), ":2: unknown key x; ignored\n"));
	ck_assert_ptr_eq(strchr(text_str(&log_lines), '\n'),
	    strrchr(text_str(&log_lines), '\n'));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd toml");
	TCase *tc = tcase_create("toml");

	if (rk_keys_init() != RK_OK)
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_rows(tc, what_the_reference_reads_is_read, taken);
	tcase_add_rows(tc, what_the_reference_refuses_is_refused, refused);
	tcase_add_test(tc, a_nul_byte_is_no_text);
	tcase_add_test(tc, arrays_lie_in_arrays_to_a_depth);
	tcase_add_test(tc, numbers_and_characters_have_other_spellings);
	tcase_add_rows(tc, a_limit_is_any_number, limits);
	tcase_add_test(tc, an_unknown_array_is_warned_about_once);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
