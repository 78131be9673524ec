/* The configuration file, and the page that describes it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "conf_rig.h"
#include "relayd/toml.h"
#include "support.h"
#include "vectors.h"

/* ---- what opens ---- */

static const struct {
	const char *file, *options, *listeners;
} openings[] = {
	{ "", "", "http [::]:80\nmetrics [::]:9090\nstun [::]:3478\n" },
	/* as 0.28 writes it */
	{ "enable_relay = true\nenable_stun = true\nenable_metrics = true\n",
	    "", "http [::]:80\nmetrics [::]:9090\nstun [::]:3478\n" },
	/* a section may be empty */
	{ "[tls]\n", "",
	    "http [::]:80\nhttps [::]:443\nmetrics [::]:9090\n"
	    "stun [::]:3478\n" },
	{ "tls = {}\n", "",
	    "http [::]:80\nhttps [::]:443\nmetrics [::]:9090\n"
	    "stun [::]:3478\n" },
	{ "[tls] # \n", "--dev",
	    "http [::]:3340\nmetrics [::]:9090\nstun [::]:3478\n" },
	{ "http_bind_addr = \"127.0.0.1:8080\"\n", "",
	    "http 127.0.0.1:8080\nmetrics 127.0.0.1:9090\n"
	    "stun 127.0.0.1:3478\n" },
	{ "http_bind_addr = \"[::1]:0\"\nenable_stun = false\n"
	  "enable_metrics = false\n",
	    "", "http [::1]:0\n" },
	{ "enable_stun = false\nstun_bind_addr = \"127.0.0.1:1\"\n"
	  "metrics_bind_addr = '127.0.0.1:2'",
	    "", "http [::]:80\nmetrics 127.0.0.1:2\n" },
	{ "[tls]\ncert_mode = \"Manual\"\n", "",
	    "http [::]:80\nhttps [::]:443\nmetrics [::]:9090\n"
	    "stun [::]:3478\n" },
	{ "http_bind_addr = \"0.0.0.0:80\"\n[tls]\ncert_mode = \"Manual\"\n"
	  "https_bind_addr = \"1.2.3.4:443\"\n",
	    "",
	    "http 0.0.0.0:80\nhttps 1.2.3.4:443\nmetrics 0.0.0.0:9090\n"
	    "stun 0.0.0.0:3478\n" },
	{ "[tls]\ncert_mode = \"Manual\"\n", "--dev",
	    "http [::]:3340\nmetrics [::]:9090\nstun [::]:3478\n" },
	{ "http_bind_addr = \"[::1]:99\"\n", "--dev",
	    "http [::1]:99\nmetrics [::1]:9090\nstun [::1]:3478\n" },
	/* the command line wins */
	{ "http_bind_addr = \"[::1]:99\"\nstun_bind_addr = \"[::1]:98\"\n",
	    "--listen 127.0.0.1:1 --listen 127.0.0.1:2",
	    "http 127.0.0.1:1\nhttp 127.0.0.1:2\nmetrics 127.0.0.1:9090\n"
	    "stun [::1]:98\n" },
	{ "enable_stun = true\n", "--enable-stun false --enable-metrics false",
	    "http [::]:80\n" },
	/* several, by the option's name */
	{ "listen = [\"127.0.0.1:1\", '127.0.0.1:2', ]\nenable_stun = false\n"
	  "metrics = [ '127.0.0.1:3',\n# one more\n\t'[::1]:4' # and this\n]\n",
	    "",
	    "http 127.0.0.1:1\nhttp 127.0.0.1:2\nmetrics 127.0.0.1:3\n"
	    "metrics [::1]:4\n" },
};

START_TEST(what_the_reference_would_open_is_opened)
{
	read_fine(openings[_i].file, openings[_i].options);
	expect_listeners(openings[_i].listeners);
	if (strstr(openings[_i].file, "tls") == NULL ||
	    strstr(openings[_i].file, "cert_mode") != NULL)
		ck_assert_str_eq(text_str(&log_lines), "");
	else
		ck_assert_ptr_nonnull(strstr(text_str(&log_lines),
		    ":1: tls.cert_mode is missing; taken for Manual\n"));
}
END_TEST

START_TEST(dev_alone_opens_the_same_without_a_file)
{
	char program[] = "relayd", dev[] = "--dev";
	char *argv[] = { program, dev, NULL };

	ck_assert_int_eq(conf_parse(&conf, 2, argv, err, sizeof(err)),
	    CONF_RUN);
	expect_listeners("http [::]:3340\nmetrics [::]:9090\nstun [::]:3478\n");
}
END_TEST

/* ---- values ---- */

/* Another, in base32. */
#define KEY_2 "qe4xodvipulv6vvdkrtmgtd6ztfy3curwtxdpis56yhvxd6jwoka"

START_TEST(a_whole_file_is_read)
{
	read_fine("# the reference's names\n"
		  "http_bind_addr = \"127.0.0.1:0\" # remark\n"
		  "key_cache_capacity = 1024\n"
		  "access.allowlist = [\n"
		  "  \"" KEY_A "\", # one\n"
		  "  \"" KEY_2 "\"\n"
		  "]\n"
		  "\n"
		  "[limits]\n"
		  "  accept_conn_limit = 12.5\n"
		  "  accept_conn_burst = 3\n"
		  "[limits.client.rx]\n"
		  "bytes_per_second = 50000\n"
		  "max_burst_bytes = 100000\n"
		  "[tls]\n"
		  "cert_mode = \"Reloading\"\n"
		  "cert_dir = \"/etc/a dir # with\"\n"
		  "manual_key_path = '/etc/\"key\"'\n"
		  "hostname = \"relay.example\"\n"
		  "contact = \"a@example.org\"\n"
		  "prod_tls = false\n",
	    "");
	ck_assert_str_eq(text_str(&log_lines), "");
	ck_assert_int_eq(conf.access, ACCESS_LISTED);
	ck_assert_uint_eq(conf.nkeys, 2);
	ck_assert_int_eq(conf.accept_rate, 12500);
	ck_assert_int_eq(conf.accept_burst, 3);
	ck_assert_int_eq(conf.rx_rate, 50000);
	ck_assert_int_eq(conf.rx_burst, 100000);
	ck_assert_str_eq(conf.cert, "/etc/a dir # with/default.crt");
	ck_assert_str_eq(conf.key, "/etc/\"key\"");
}
END_TEST

START_TEST(the_same_may_be_written_in_other_ways)
{
	read_fine("limits = { client = { rx = { bytes_per_second = 50_000, "
		  "\"max_burst_bytes\" = 1_0 } }, accept_conn_limit = 2.5 }\n"
		  "tls = { cert_mode = \"Manual\", cert_dir = "
		  "\"a_\\\"1\\\\\","
		  "  \"https_bind_addr\" = '[::1]:0' }\n"
		  "[ \"access\" ]\n"
		  "  allowlist = [ '" KEY_A "', ]\n",
	    "");
	ck_assert_str_eq(text_str(&log_lines), "");
	ck_assert_int_eq(conf.rx_rate, 50000);
	ck_assert_int_eq(conf.rx_burst, 10);
	ck_assert_int_eq(conf.accept_rate, 2500);
	ck_assert_str_eq(conf.cert, "a_\"1\\/default.crt");
	ck_assert_uint_eq(conf.nkeys, 1);
	expect_listeners("http [::]:80\nhttps [::1]:0\nmetrics [::]:9090\n"
			 "stun [::]:3478\n");
}
END_TEST

START_TEST(the_file_is_named_as_the_reference_does_too)
{
	static const char *const names[] = { "--config", "--config-path",
		"-c" };
	char *argv[] = { xstrdup("relayd"), xstrdup(names[_i]), path, NULL };
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs("queue_packets = 7\n", f);
	fclose(f);
	ck_assert_msg(conf_parse(&conf, 3, argv, err, sizeof(err)) == CONF_RUN,
	    "%s", err);
	ck_assert_int_eq(conf.queue_packets, 7);
	free(argv[0]);
	free(argv[1]);
}
END_TEST

START_TEST(reloading_is_done_each_day)
{
	read_fine("[tls]\ncert_mode = \"Manual\"\n", "");
	ck_assert_int_eq(conf.reload_every, 0);
	read_fine("[tls]\ncert_mode = \"Reloading\"\n", "");
	ck_assert_int_eq(conf.reload_every, 24 * 3600 * NS_PER_S);
	read_fine("reload_every = \"1h\"\n[tls]\n"
		  "cert_mode = \"Reloading\"\n",
	    "");
	ck_assert_int_eq(conf.reload_every, 3600 * NS_PER_S);
}
END_TEST

START_TEST(our_own_options_are_keys_too)
{
	read_fine("keepalive = \"10s\"\nqueue_packets = 7\n"
		  "generation = \"0.35\"\nlog_level = 'debug'\n"
		  "login-timeout = \"3s\"\n",
	    "--queue-packets 8");
	ck_assert_int_eq(conf.keepalive, 10 * NS_PER_S);
	ck_assert_int_eq(conf.login_timeout, 3 * NS_PER_S);
	ck_assert_int_eq(conf.queue_packets, 8); /* the option wins */
	ck_assert_int_eq(conf.generation, GENERATION_035);
	ck_assert_int_eq(conf.log_level, LOG_DEBUG);
}
END_TEST

static const struct {
	const char *file;
	enum access_rule rule;
} accesses[] = {
	{ "access = \"everyone\"\n", ACCESS_EVERYONE },
	{ "access.allowlist = []\n", ACCESS_LISTED },
	{ "access.denylist = [ ]\n", ACCESS_UNLISTED },
	{ "access.http.url = \"https://a/b\"\n", ACCESS_ASKED },
	{ "access.http = { url = \"https://a/b\", bearer_token = \"x\" }\n",
	    ACCESS_ASKED },
	{ "access.http = { url = \"https://a/b\" }\n", ACCESS_ASKED },
	{ "[access]\nhttp = { url = \"https://a/b\" } # us\n", ACCESS_ASKED },
	{ "access = { denylist = [\"" KEY_2 "\", \"" KEY_A "\"] }\n",
	    ACCESS_UNLISTED },
	{ "[access.http]\nurl = \"https://a/b\"\nbearer_token = \"x\"\n",
	    ACCESS_ASKED },
	{ "[access]\ndenylist = [\"" KEY_2 "\"]\n", ACCESS_UNLISTED },
	{ "access = { everyone = {} }\n", ACCESS_EVERYONE },
	{ "[access.everyone]\n", ACCESS_EVERYONE },
	/* One for all, and letters of either case. */
	{ "access.allowlist = \"" KEY_A "\"\n", ACCESS_LISTED },
	{ "access.allowlist = [\"RKEOHXLUBHYZL7KS3MWTZOS5OLFGOCN7DWKBEG7TOSEADN"
	  "APN5OA\"]\n",
	    ACCESS_LISTED },
	{ "access.allowlist = [\"8A88E3DD7409F195FD52DB2D3CBA5D72CA6709BF1D94"
	  "121BF3748801B40F6F5C\"]\n",
	    ACCESS_LISTED },
};

START_TEST(access_is_read)
{
	read_fine(accesses[_i].file, "");
	ck_assert_int_eq(conf.access, accesses[_i].rule);
}
END_TEST

/* ---- the manual ---- */

static char *
read_page(void)
{
	FILE *f = fopen(source_path("man/relayd.conf.5"), "r");
	char *page = NULL;
	size_t size = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_gt(getdelim(&page, &size, '\0', f), 0);
	fclose(f);
	return page;
}

START_TEST(the_page_has_every_key)
{
	char *page = read_page();
	const char *key;

	for (size_t i = 0; (key = conf_key(i)) != NULL; i++) {
		char item[80];

		snprintf(item, sizeof(item), "\n.It Ic %s\n", key);
		ck_assert_msg(key[0] == '\0' || strstr(page, item) != NULL,
		    "no item for %s", key);
	}
	free(page);
}
END_TEST

/* --help-all has them in the table's order. */
START_TEST(the_page_names_the_option_of_each_key)
{
	char *page = read_page(), *help = NULL, *line, *save = NULL;
	size_t size = 0, i = 0;
	FILE *f = open_memstream(&help, &size);
	char name[40], item[80], fl[64];

	conf_print_help(f, true);
	fclose(f);
	for (line = strtok_r(help, "\n", &save); conf_key(i) != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *at, *said;

		ck_assert_ptr_nonnull(line);
		if (sscanf(line, " --%39[a-z-]", name) != 1)
			continue;
		snprintf(item, sizeof(item), "\n.It Ic %s\n", conf_key(i));
		snprintf(fl, sizeof(fl), ".Fl -%s ", name);
		at = strstr(page, item);
		said = at != NULL ? strstr(at, ".Fl -") : NULL;
		/* What has a text of its own says no option. */
		if (conf_key(i)[0] != '\0' && said < strstr(at + 1, "\n.It "))
			ck_assert_msg(strncmp(said, fl, strlen(fl)) == 0,
			    "%s: %.40s", conf_key(i), said);
		i++;
	}
	ck_assert_uint_gt(i, 40);
	free(help);
	free(page);
}
END_TEST

START_TEST(every_key_of_the_page_is_one)
{
	struct toml_item item = { .kind = TOML_STRING, .value = "" };
	char *page = read_page(), *save = NULL;
	int n = 0;

	for (char *line = strtok_r(page, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, ".It Ic ", 7) != 0)
			continue;
#ifndef HAVE_FAULTS
		if (strcmp(line + 7, "fault") == 0)
			continue;
#endif
		item.key = line + 7;
		ck_assert_msg(conf_set(&conf, &item, err, sizeof(err)) !=
			    CONF_UNKNOWN ||
			strstr(err, "unknown") == NULL,
		    "%s", err);
		n++;
	}
	ck_assert_int_gt(n, 30);
	free(page);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd conf");
	TCase *tc = tcase_create("conf");

	if (rk_keys_init() != RK_OK)
		return 1;
	tcase_add_checked_fixture(tc, conf_rig_setup, conf_rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_rows(tc, what_the_reference_would_open_is_opened, openings);
	tcase_add_test(tc, dev_alone_opens_the_same_without_a_file);
	tcase_add_test(tc, a_whole_file_is_read);
	tcase_add_test(tc, the_same_may_be_written_in_other_ways);
	tcase_add_loop_test(tc, the_file_is_named_as_the_reference_does_too, 0,
	    3);
	tcase_add_test(tc, reloading_is_done_each_day);
	tcase_add_test(tc, our_own_options_are_keys_too);
	tcase_add_rows(tc, access_is_read, accesses);
	tcase_add_test(tc, the_page_has_every_key);
	tcase_add_test(tc, the_page_names_the_option_of_each_key);
	tcase_add_test(tc, every_key_of_the_page_is_one);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
