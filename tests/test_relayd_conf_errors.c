/* What is wrong in a configuration file is said, with its line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/xalloc.h"
#include "codec/relaykit.h"
#include "conf_rig.h"
#include "relayd/server.h"
#include "support.h"
#include "vectors.h"

START_TEST(unknown_keys_are_warned_about_with_their_line)
{
	char want[200];

	read_fine("\n[tls]\ncert_mode = \"Manual\"\n\n[nonsense]\nx = 1\n", "");
	snprintf(want, sizeof(want),
	    "config %s:6: unknown key nonsense.x; ignored\n", path);
	ck_assert_str_eq(text_str(&log_lines), want);
	ck_assert_int_eq(read_file("\nx = 1\ny = 2\n", "--check-config"),
	    CONF_ERROR);
	snprintf(want, sizeof(want), "%s:2: unknown key x", path);
	ck_assert_str_eq(err, want);
}
END_TEST

/* The relay would be open to all. */
START_TEST(an_unknown_rule_of_access_is_refused_at_once)
{
	char want[200];

	ck_assert_int_eq(read_file("[access]\nalowlist = []\n", ""),
	    CONF_ERROR);
	snprintf(want, sizeof(want), "%s:2: unknown key access.alowlist", path);
	ck_assert_str_eq(err, want);
	ck_assert_int_eq(read_file("access.http.uri = \"http://a/\"\n", ""),
	    CONF_ERROR);
}
END_TEST

/* Said in a run, and refused where the file is checked. */
START_TEST(what_the_reference_does_not_start_with_is_said)
{
	read_fine("\n[tls]\ncert_dir = \"/x\"\n", "");
	ck_assert_ptr_nonnull(strstr(text_str(&log_lines),
	    "tls.cert_mode is missing; taken for Manual"));
	text_reset(&log_lines);
	read_fine("key_cache_capacity = -1\n", "");
	ck_assert_ptr_nonnull(
	    strstr(text_str(&log_lines), "key_cache_capacity: below 0"));
}
END_TEST

START_TEST(a_burst_of_the_reference_without_a_rate_is_read)
{
	read_fine("[limits]\naccept_conn_burst = 5\n", "");
	ck_assert_ptr_nonnull(strstr(text_str(&log_lines),
	    ":2: limits.accept_conn_burst needs limits.accept_conn_limit"));
	ck_assert_int_eq(conf.accept_rate, 0);
}
END_TEST

START_TEST(what_is_known_but_has_no_effect_is_said)
{
	read_fine("enable_quic_addr_discovery = true\n", "");
	ck_assert_ptr_nonnull(strstr(text_str(&log_lines), ":1: "));
	ck_assert_ptr_nonnull(strstr(text_str(&log_lines), "over QUIC"));
	/* It is no mistake. */
	ck_assert_int_eq(read_file("enable_quic_addr_discovery = true\n",
			     "--check-config"),
	    CONF_CHECKED);
}
END_TEST

static const struct {
	const char *file;
	const char *error; /* behind the path */
} mistakes[] = {
	{ "nonsense\n", ":1: neither [section] nor key = value" },
	{ "dev = true\n\n[tls\n", ":3: neither" },
	{ "keepalive = soon\n", ":1: not a value" },
	{ "keepalive = \"soon\"\n", ":1: keepalive = soon: not a duration" },
	{ "\nqueue_packets = \"7\"\n",
	    ":2: queue_packets: a whole number is wanted" },
	{ "http_bind_addr = \"unfinished\n", ":1: a string without an end" },
	{ "http_bind_addr =\n", ":1: not a value" },
	{ "http_bind_addr = \"a\" \"b\"\n", ":1: something behind it" },
	{ "limits = { accept_conn_limit = 1\n",
	    ":1: the table has no end in its line" },
	{ "limits = { accept_conn_limit }\n", ":1: a key without a value" },
	{ "limits = { accept_conn_limit = }\n", ":1: not a value" },
	{ "limits = { accept_conn_limit = 1 accept_conn_burst = 1 }\n",
	    ":1: no comma between entries" },
	{ "limits = { accept_conn_limit = 1 } 2\n", ":1: something behind" },
	{ "limits = { accept_conn_limit = \"1\" 2 }\n", ":1: no comma" },
	{ "\nlimits = { client = { x = 1 } }\n",
	    ":2: unknown key limits.client.x" },
	{ "http_bind_addr = \"a\\qb\"\n", ":1: an unknown escape" },
	{ "cert = [\"a\" \"b\"]\n", ":1: no comma between elements" },
	{ "cert = [\"a\",,]\n", ":1: not a value" },
	{ "\nhttp_bind_addr = 80\n",
	    ":2: http_bind_addr: a \"string\" is wanted" },
	{ "http_bind_addr = [\"[::]:80\"]\n",
	    ":1: http_bind_addr: an array, where" },
	{ "[tls]\nhttps_bind_addr = \"localhost:443\"\n",
	    ":2: tls.https_bind_addr = localhost:443: not ADDR:PORT" },
	{ "metrics_bind_addr = \"[::]:65536\"\n", ":1: metrics_bind_addr" },
	{ "stun_bind_addr = \"::1\"\n", ":1: stun_bind_addr = ::1: not" },
	{ "\nlimits.client.rx = { max_burst_bytes = 5 }\n",
	    ":2: limits.client.rx.max_burst_bytes needs "
	    "limits.client.rx.bytes_per_second" },
	{ "[limits]\n\naccept_conn_burst = 5\n",
	    ":3: limits.accept_conn_burst needs limits.accept_conn_limit" },
	{ "access_ca = \"a\"\n", ":1: access_ca needs access.http.url" },
	{ "[access.http]\nbearer_token = \"a\"\n",
	    ":1: access.http.url is missing" },
	{ "keepalive = \"1s\"\n\nkeepalive = \"2s\"\n",
	    ":3: keepalive is there twice" },
	{ "queue_packets = 1\nqueue-packets = 1\n",
	    ":2: queue-packets is there twice" },
	{ "keepalive = [\"1s\", \"2s\"]\n", ":1: keepalive: an array, where" },
	{ "limits.accept_conn_limit = 1\n[limits]\naccept_conn_limit = 1\n",
	    ":2: limits is there twice" },
	{ "plain_relay = true\n", ":1: plain_relay needs tls.https_bind" },
	{ "\nlisten_tls = \"127.0.0.1:1\"\n",
	    ":2: tls.https_bind_addr needs tls.manual_cert_path" },
	{ "access.http.url = \"http://a/\"\n"
	  "access.http.bearer_token = \"a\\nb\"\n",
	    ":2: the bearer token" },
	{ "cert = \"a\"\n", ":1: tls.manual_cert_path needs tls.https" },
	{ "\nlisten = [\n\"a\",\n", ":2: the array or table has no end" },
	{ "enable_stun = maybe\n", ":1: not a value" },
	{ "enable_stun = \"true\"\n", ":1: enable_stun: true or false is" },
	{ "dev = 1\n", ":1: dev: true or false is wanted" },
	{ "\n[tls]\ncert_dir = \".\"\n", ":2: tls.cert_mode is missing" },
	{ "key_cache_capacity = -1\n", ":1: key_cache_capacity: below 0" },
	{ "cert = \"\\u12\"\n", ":1: \\u and \\U want" },
	{ "cert = \"\\u0000\"\n", ":1: cert cannot have a NUL" },
	{ "cert = \"\\uD800\"\n", ":1: no such character" },
	{ "cert = \"\\U00110000\"\n", ":1: no such character" },
	{ "limits.accept_conn_limit = 1e-9\n",
	    ":1: limits.accept_conn_limit = 1e-9: no limit" },
	{ "[limits]\naccept_conn_limit = nan\n", ":2: limits.accept" },
	{ "limits.accept_conn_limit = 1e\n", ":1: not a value" },
	{ "[tls]\ncert_mode = \"LetsEncrypt\"\n", ":2: tls.cert_mode = Lets" },
	{ "access = \"nobody\"\n", ":1: access: not everyone" },
	{ "access.http.url = \"gopher://a/\"\n",
	    ":1: access.http.url = gopher://a/: the scheme must be http or" },
	{ "access = { everyone = { x = 1 } }\n",
	    ":1: unknown key access.everyone.x" },
	{ "[access]\nallowlist = []\neveryone = {}\n",
	    ":1: access names everyone and others" },
	{ "[access.everyone]\n[access.http]\nurl = \"http://a/\"\n",
	    ":1: access names everyone and others" },
	{ "access.http.url = \"http://a/\"\naccess.denylist = []\n",
	    ":2: clients are" },
	{ "access.allowlist = [\n\n\"x\"]\n", ":1: access.allowlist = x: not" },
	{ "access.allowlist = []\naccess.denylist = []\n", ":2: clients are" },
	{ "config = \"other\"\n",
	    ":1: unknown key config" }, /* is an option, but no key */
	{ "access = { allowed = [] }\n", ":1: unknown key access.allowed" },
	{ "\n[access]\n", ":2: access says nothing" },
	{ "tls = false\n", ":1: tls is a table" },
	{ "[[limits]]\n", ":1: limits is no array of tables" },
	{ "\n[enable_stun]\n", ":2: enable_stun is no table" },
	{ "[tls]\ncert_mode = \"Manual\"\nhostname = 1\n",
	    ":3: tls.hostname: not such a value" },
};

START_TEST(mistakes_are_named_with_their_line)
{
	enum conf_action action =
	    read_file(mistakes[_i].file, "--check-config");
	char want[200];

	snprintf(want, sizeof(want), "%s%s", path, mistakes[_i].error);
	ck_assert_int_eq(action, CONF_ERROR);
	ck_assert_msg(strncmp(err, want, strlen(want)) == 0, "%s", err);
}
END_TEST

/* What is well written and means something that is not there. */
static const struct {
	const char *file;
	const char *error; /* behind the path; NULL: none */
} absences[] = {
	{ "enable_stun = false\n", NULL },
	{ "user = \"root\"\ncapture = \"/\"\n", NULL },
	{ "\nuser = \"no-such-user\"\n", ":2: user no-such-user: there is" },
	{ "capture = \"/nowhere\"\n", ":1: capture directory /nowhere: No" },
	{ "\n\nallow_file = \"/nowhere\"\n",
	    ":3: list of keys /nowhere: No such file" },
	{ "deny_file = \"/nowhere\"\n",
	    ":1: list of keys /nowhere: No such file" },
	{ "access_ca = \"/nowhere\"\naccess.http.url = \"https://a/\"\n",
	    ":1: CA file /nowhere: No such file" },
	{ "[tls]\ncert_dir = \"/nowhere\"\ncert_mode = \"Manual\"\n",
	    ":2: certificate /nowhere/default.crt: No such file" },
};

START_TEST(a_check_looks_for_what_is_named)
{
	const char *error = absences[_i].error;
	char want[200];

	ck_assert_int_eq(read_file(absences[_i].file, "--check-config"),
	    CONF_CHECKED);
	ck_assert_int_eq(server_check(&conf, err, sizeof(err)), error == NULL);
	if (error == NULL)
		return;
	snprintf(want, sizeof(want), "%s%s", path, error);
	ck_assert_msg(strncmp(err, want, strlen(want)) == 0, "%s", err);
}
END_TEST

static const struct {
	const char *file, *options;
	int line; /* 0: none */
} blames[] = {
	{ "\n[tls]\ncert_mode = \"Manual\"\n", "", 2 },
	{ "\n\ntls.cert_mode = \"Manual\"\n", "", 3 },
	{ "[tls]\n\ncert_dir = \"/x\"\n", "", 3 },
	{ "[tls]\ncert_dir = \"/x\"\nmanual_cert_path = \"/x\"\n", "", 3 },
	{ "[tls]\nmanual_cert_path = \"/x\"\n", "--cert=/y", 0 },
	{ "", "--listen-tls=[::]:0 --cert=/y", 0 },
};

START_TEST(a_bad_certificate_is_told_with_who_named_it)
{
	char want[200] = "bad";

	if (blames[_i].line > 0)
		snprintf(want, sizeof(want), "%s:%d: bad", path,
		    blames[_i].line);
	read_fine(blames[_i].file, blames[_i].options);
	strcpy(err, "bad");
	conf_blame_tls(&conf, err, sizeof(err));
	ck_assert_str_eq(err, want);
}
END_TEST

/* In a folder of its own, which is not there either. */
static char lacking[64];

static enum conf_action
read_lacking(const char *option, const char *more)
{
	char *argv[] = { xstrdup("relayd"), xstrdup(option), lacking,
		xstrdup(more), NULL };
	enum conf_action action;

	snprintf(lacking, sizeof(lacking), "%s.d/e/conf", path);
	err[0] = '\0';
	action =
	    conf_parse(&conf, *more != '\0' ? 4 : 3, argv, err, sizeof(err));
	free(argv[0]);
	free(argv[1]);
	free(argv[3]);
	return action;
}

static void
expect_written(bool written)
{
	static const char want[] = "enable_relay = true\nenable_stun = true\n"
				   "enable_metrics = true\n";
	char got[200];
	FILE *f = fopen(lacking, "r");
	size_t len;

	ck_assert_int_eq(f != NULL, written);
	if (f == NULL)
		return;
	len = fread(got, 1, sizeof(got), f);
	fclose(f);
	ck_assert_bytes(got, len, want, strlen(want));
	unlink(lacking);
	for (int i = 0; i < 2; i++) {
		*strrchr(lacking, '/') = '\0';
		ck_assert_int_eq(rmdir(lacking), 0);
	}
}

static const struct {
	const char *option, *more;
	bool written;
	enum conf_action action;
} lackings[] = {
	{ "-c", "", true, CONF_RUN },
	{ "--config-path", "--generation=0.28", true, CONF_RUN },
	{ "-c", "--generation=0.35", false, CONF_RUN },
	{ "-c", "--check-config", false, CONF_ERROR },
	{ "--config", "", false, CONF_ERROR },
	{ "-c", "--config=/nowhere", false, CONF_ERROR },
};

START_TEST(where_the_reference_writes_a_file_so_do_we)
{
	ck_assert_msg(read_lacking(lackings[_i].option, lackings[_i].more) ==
		lackings[_i].action,
	    "%s", err);
	expect_written(lackings[_i].written);
	if (lackings[_i].action == CONF_RUN)
		expect_listeners("http [::]:80\nmetrics [::]:9090\n"
				 "stun [::]:3478\n");
	else
		ck_assert_ptr_nonnull(strstr(err, "No such file"));
}
END_TEST

/* It would be one without the lists that were in it. */
START_TEST(a_reload_writes_no_file)
{
	for (int i = 0; i < 2; i++) {
		conf.again = true;
		ck_assert_int_eq(read_lacking("-c",
				     i == 0 ? "" : "--generation=0.35"),
		    CONF_ERROR);
		expect_written(false);
		ck_assert_ptr_nonnull(strstr(err, "No such file"));
	}
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_an_error)
{
	char program[] = "relayd", option[] = "-c", none[] = "/proc/relayd";
	char *argv[] = { program, option, none, NULL };

	ck_assert_int_eq(conf_parse(&conf, 3, argv, err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_str_eq(err,
	    "configuration file /proc/relayd: it is not there and cannot be "
	    "written: No such file or directory");
}
END_TEST

START_TEST(a_missing_file_is_an_error)
{
	char program[] = "relayd", option[] = "--config", none[] = "/nowhere";
	char *argv[] = { program, option, none, NULL };

	ck_assert_int_eq(conf_parse(&conf, 3, argv, err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_str_eq(err,
	    "configuration file /nowhere: No such file or directory");
	strcpy(none, "/tmp");
	ck_assert_int_eq(conf_parse(&conf, 3, argv, err, sizeof(err)),
	    CONF_ERROR);
	ck_assert_str_eq(err, "configuration file /tmp: Is a directory");
}
END_TEST

/* Opened for reading a pipe would wait for a writer. */
START_TEST(a_file_that_is_a_pipe_is_an_error)
{
	char program[] = "relayd", option[] = "--config", want[100];
	char *argv[] = { program, option, path, NULL };

	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(conf_parse(&conf, 3, argv, err, sizeof(err)),
	    CONF_ERROR);
	snprintf(want, sizeof(want),
	    "configuration file %s: not a regular file", path);
	ck_assert_str_eq(err, want);
}
END_TEST

/* An empty file that everybody has. */
START_TEST(the_null_device_is_a_file)
{
	char program[] = "relayd", option[] = "--config", null[] = "/dev/null";
	char *argv[] = { program, option, null, NULL };

	ck_assert_int_eq(conf_parse(&conf, 3, argv, err, sizeof(err)),
	    CONF_RUN);
}
END_TEST

START_TEST(a_long_line_is_fine_and_an_endless_one_is_not)
{
	struct text t;

	text_init(&t);
	text_add(&t, "access.allowlist = [\n");
	for (int i = 0; i < 10000; i++)
		text_add(&t, "\"" KEY_A "\",\n");
	text_add(&t, "]\nx = 1\n");
	read_fine(text_str(&t), "");
	ck_assert_uint_eq(conf.nkeys, 10000);
	ck_assert_ptr_nonnull(strstr(text_str(&log_lines), ":10003: unknown"));
	text_reset(&t);
	text_add(&t, "cert = \"");
	for (int i = 0; i < 1 << 17; i++)
		text_add(&t, "xxxxxxxxxx");
	text_add(&t, "\"\n");
	ck_assert_int_eq(read_file(text_str(&t), ""), CONF_ERROR);
	ck_assert_ptr_nonnull(strstr(err, ":1: the line is too long"));
	text_clear(&t);
}
END_TEST

START_TEST(random_files_are_read_or_refused)
{
	static const char *const parts[] = { "[tls]", "[", "]", "\n", "=",
		"listen", "\"", "'", "#", ",", " ", "access.allowlist", "{",
		"x", "\\", ";", "\t", ":" };
	uint64_t state = 3;
	struct text t;

	text_init(&t);
	for (int i = 0; i < 3000; i++) {
		text_reset(&t);
		for (int n = (int)(test_random(&state) % 20); n >= 0; n--)
			text_add(&t,
			    parts[test_random(&state) %
				(sizeof(parts) / sizeof(parts[0]))]);
		if (read_file(text_str(&t), "") == CONF_ERROR)
			ck_assert_str_ne(err, "");
		conf_clear(&conf);
		conf_init(&conf, rk_dialects()[0]);
		text_reset(&log_lines);
	}
	text_clear(&t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd conf errors");
	TCase *tc = tcase_create("conf errors");

	if (rk_keys_init() != RK_OK)
		return 1;
	tcase_add_checked_fixture(tc, conf_rig_setup, conf_rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, unknown_keys_are_warned_about_with_their_line);
	tcase_add_test(tc, an_unknown_rule_of_access_is_refused_at_once);
	tcase_add_test(tc, a_burst_of_the_reference_without_a_rate_is_read);
	tcase_add_test(tc, what_the_reference_does_not_start_with_is_said);
	tcase_add_test(tc, what_is_known_but_has_no_effect_is_said);
	tcase_add_rows(tc, mistakes_are_named_with_their_line, mistakes);
	tcase_add_rows(tc, a_check_looks_for_what_is_named, absences);
	tcase_add_rows(tc, a_bad_certificate_is_told_with_who_named_it, blames);
	tcase_add_rows(tc, where_the_reference_writes_a_file_so_do_we,
	    lackings);
	tcase_add_test(tc, a_reload_writes_no_file);
	tcase_add_test(tc, a_file_that_cannot_be_written_is_an_error);
	tcase_add_test(tc, a_missing_file_is_an_error);
	tcase_add_test(tc, a_file_that_is_a_pipe_is_an_error);
	tcase_add_test(tc, the_null_device_is_a_file);
	tcase_add_test(tc, a_long_line_is_fine_and_an_endless_one_is_not);
	tcase_add_test(tc, random_files_are_read_or_refused);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
