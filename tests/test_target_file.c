/* .target files, their placeholders, and words of commands. */
#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "codec/keys.h"
#include "conformance/judge.h"
#include "conformance/target.h"
#include "support.h"

static const char whole[] =
    "# how it is started\n"
    "target relay-1.2.3\n"
    "  dialect iroh-v3\n"
    "  file    relay.toml \"addr = \\\"127.0.0.1:{port}\\\"\\nx = { a = 1 "
    "}\\n\"\n"
    "  spawn   \"{peers}/bin/relay --config '{dir}/my relay.toml'\"\n"
    "  url     http://127.0.0.1:{port}   # this one\n"
    "  plain   http://127.0.0.1:{port2}\n"
    "  metrics http://127.0.0.1:{port3}/metrics\n"
    "  stun    127.0.0.1:{port4}\n"
    "  cafile  {dir}/ca.pem\n"
    "  writes  {dir}/new.toml\n"
    "  ready   http GET /relay/probe 200 within 3s\n"
    "  caps    raw ws\n"
    "  caps    captive-portal\n"
    "  probe   metrics = \"relay.metrics\"\n"
    "  scale   1.5\n"
    "  logs    {dir}/relay.log\n"
    "  stop    INT within 500ms";

START_TEST(a_whole_file_is_read)
{
	struct text errors;
	struct target_file *f;

	text_init(&errors);
	f = target_file_parse("t", whole, sizeof(whole) - 1, &errors);
	ck_assert_msg(f != NULL, "%s", text_str(&errors));
	ck_assert_str_eq(f->name, "relay-1.2.3");
	ck_assert_str_eq(f->dialect->id, "iroh-v3");
	ck_assert_uint_eq(f->nfiles, 1);
	ck_assert_str_eq(f->files[0].name, "relay.toml");
	ck_assert_str_eq(f->files[0].text,
	    "addr = \"127.0.0.1:{port}\"\nx = { a = 1 }\n");
	ck_assert_str_eq(f->url, "http://127.0.0.1:{port}");
	ck_assert_str_eq(f->plain, "http://127.0.0.1:{port2}");
	ck_assert_str_eq(f->metrics, "http://127.0.0.1:{port3}/metrics");
	ck_assert_str_eq(f->stun, "127.0.0.1:{port4}");
	ck_assert_str_eq(f->cafile, "{dir}/ca.pem");
	ck_assert_str_eq(f->writes, "{dir}/new.toml");
	ck_assert_str_eq(f->ready_path, "/relay/probe");
	ck_assert_int_eq(f->ready_status, 200);
	ck_assert_int_eq(f->ready_ns, 3 * NS_PER_S);
	ck_assert_uint_eq(f->ncaps, 3);
	ck_assert_str_eq(f->caps[2], "captive-portal");
	ck_assert_uint_eq(f->nprobes, 1);
	ck_assert_str_eq(f->probes[0].cap, "metrics");
	ck_assert_str_eq(f->probes[0].select, "relay.metrics");
	ck_assert_int_eq(f->probes[0].line, 15);
	ck_assert_int_eq(f->probes[0].column, 21);
	ck_assert_double_eq(f->scale, 1.5);
	ck_assert_str_eq(f->logs, "{dir}/relay.log");
	ck_assert_int_eq(f->stop_signal, SIGINT);
	ck_assert_int_eq(f->stop_ns, 500 * NS_PER_MS);
	target_file_free(f);
}
END_TEST

START_TEST(what_is_left_out_has_a_default)
{
	static const char text[] = "\xef\xbb\xbftarget t\nurl http://h";
	struct text errors;
	struct target_file *f;

	text_init(&errors);
	f = target_file_parse("t", text, sizeof(text) - 1, &errors);
	ck_assert_msg(f != NULL, "%s", text_str(&errors));
	ck_assert_ptr_eq(f->dialect, rk_dialects()[0]);
	ck_assert_ptr_null(f->spawn);
	ck_assert_ptr_null(f->ready_path);
	ck_assert_double_eq(f->scale, 1.0);
	ck_assert_int_eq(f->stop_signal, SIGTERM);
	ck_assert_int_eq(f->stop_ns, 5 * NS_PER_S);
	target_file_free(f);
}
END_TEST

static const struct {
	const char *text;
	const char *error;
} bad[] = {
	{ "", "t:0: there is no target" },
	{ "target t\n", "t:1: the target has no url" },
	{ "url http://h\ntarget t\n",
	    "t:1: the first line must be \"target NAME\"" },
	{ "target a/b\nurl http://h\n",
	    "t:1: \"a/b\" cannot be a target's name" },
	{ "target t\nurl http://h\nurl http://i\n",
	    "t:3: url was said before" },
	{ "target t\ndialect iroh-v3\ndialect iroh-v3\n",
	    "t:3: dialect was said before, in line 2" },
	{ "target t\nready http GET /p 200\n\nready http GET /q 200\n",
	    "t:4: ready was said before, in line 2" },
	{ "target t\nscale 2\nscale 2\n",
	    "t:3: scale was said before, in line 2" },
	{ "target t\nstop INT\nstop INT\n",
	    "t:3: stop was said before, in line 2" },
	{ "target t\nfile a \"b\"\nfile a \"c\"\n",
	    "t:3: the file a was there before" },
	{ "target t\ncaps raw ws raw\n", "t:2: raw was there before" },
	{ "target t\ncaps raw\ncaps raw\n", "t:3: raw was there before" },
	{ "target t\nfile a \"\xe9\"\n", "t:2: the line is no UTF-8" },
	{ "target t\nspwan \"x\"\n",
	    "t:2: unknown word \"spwan\"; is \"spawn\" meant?" },
	{ "target t\nxyzzy\n", "t:2: unknown word \"xyzzy\"" },
	{ "target t\ndialect iroh-v9\n",
	    "t:2: there is no dialect \"iroh-v9\"" },
	{ "target t\nspawn \"x\n", "t:2: the string has no closing quote" },
	{ "target t\nspawn \"a 'b\"\n",
	    "t:2: the command has a quote that is not closed" },
	{ "target t\nspawn \"  \"\n", "t:2: the command is empty" },
	{ "target t\nspawn a b\n", "t:2: spawn takes 1 word" },
	{ "target t\nfile ../x \"y\"\n",
	    "t:2: \"../x\" is not the plain name of a file" },
	{ "target t\nready http GET /p 99\n", "t:2: \"99\" is no HTTP status" },
	{ "target t\nready http GET p 200\n", "t:2: \"p\" is no path" },
	{ "target t\nready tcp GET /p 200\n", "t:2: expected \"ready http" },
	{ "target t\nready http GET /p 200 within soon\n",
	    "t:2: \"soon\" is no duration" },
	{ "target t\nready http GET /p 200 after 2s\n",
	    "t:2: expected \"within 10s\", not \"after\"" },
	{ "target t\nprobe ws upgrade.ok x\n",
	    "t:2: expected \"probe CAP = SCENARIO\"" },
	{ "target t\nprobe ws = \"\"\n", "t:2: probe with an empty word" },
	{ "target t\nprobe own = a.b\n", "t:2: own needs no probe" },
	{ "target t\nprobe writes = a.b\n", "t:2: writes needs no probe" },
	{ "target t\nprobe iroh-v3 = a.b\n", "t:2: iroh-v3 needs no probe" },
	{ "target t\nprobe ws = a.b\nprobe ws = a.c\n",
	    "t:3: ws is probed in line 2 already" },
	{ "target t\nprobe ws = a.b\nurl http://h\ncaps raw ws\n",
	    "t:2: ws is probed, and among the caps, too" },
	{ "target t\ncaps raw wss\n",
	    "t:2: there is no capability \"wss\"; is \"ws\" meant?" },
	{ "target t\nprobe wss = a.b\n",
	    "t:2: there is no capability \"wss\"; is \"ws\" meant?" },
	{ "target t\nscale 0\n", "t:2: \"0\" is no scale" },
	{ "target t\nscale nan\n", "t:2: \"nan\" is no scale" },
	{ "target t\nstop USR1\n", "t:2: \"USR1\" is none of" },
	{ "target t\nstop TERM within -1s\n", "t:2: \"-1s\" is no duration" },
};

START_TEST(a_bad_line_is_named_with_its_place)
{
	struct text errors;
	struct target_file *f;

	text_init(&errors);
	f = target_file_parse("t", bad[_i].text, strlen(bad[_i].text), &errors);
	ck_assert_ptr_null(f);
	ck_assert_msg(strncmp(text_str(&errors), bad[_i].error,
			  strlen(bad[_i].error)) == 0,
	    "%s", text_str(&errors));
	text_clear(&errors);
}
END_TEST

/* No crash and no hang, whatever one byte becomes and wherever it ends. */
START_TEST(every_damaged_byte_gives_an_answer)
{
	static const char values[] = { 0, '\n', '"', '{', ' ', (char)0xff };
	char text[sizeof(whole)];

	for (size_t at = 0; at < (sizeof(whole) - 1) * sizeof(values); at++) {
		struct text errors;
		struct target_file *f;
		size_t len = sizeof(whole) - 1 - at % 97;

		memcpy(text, whole, sizeof(whole));
		text[at / sizeof(values)] = values[at % sizeof(values)];
		text_init(&errors);
		f = target_file_parse("t", text, len, &errors);
		ck_assert(f != NULL || errors.len > 0);
		target_file_free(f);
		text_clear(&errors);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *filled; /* NULL: refused */
} fills[] = {
	{ "", "" },
	{ "{port} {port2} {port9}", "1001 1002 1009" },
	{ "{dir}/x {seed} {peers}", "/d/x 7f /p" },
	{ "{ a = 1 } {} {-} {Port} {", "{ a = 1 } {} {-} {Port} {" },
	{ "{{port}}", "{1001}" },
	{ "{prot}", NULL },
	{ "{port1}", NULL },
	{ "{port10}", NULL },
};

START_TEST(placeholders_are_filled_in)
{
	struct target_places p = { .dir = "/d", .seed = 0x7f, .peers = "/p" };
	char err[256] = "";
	char *s;

	for (unsigned i = 0; i < TARGET_PORTS; i++)
		p.port[i] = 1001 + i;
	s = target_fill(fills[_i].text, &p, err, sizeof(err));
	if (fills[_i].filled != NULL)
		ck_assert_str_eq(s, fills[_i].filled);
	else
		ck_assert_msg(s == NULL && err[0] != '\0', "%s", err);
	free(s);
}
END_TEST

START_TEST(peers_must_be_given)
{
	struct target_places p = { .dir = "/d" };
	char err[256] = "";

	ck_assert_ptr_null(target_fill("{peers}/x", &p, err, sizeof(err)));
	ck_assert_ptr_nonnull(strstr(err, "--peers"));
}
END_TEST

static const struct {
	const char *text;
	const char *words; /* joined by |; NULL: refused */
} commands[] = {
	{ "", "" },
	{ "  a  b\tc ", "a|b|c|" },
	{ "a 'b c' \"d 'e'\" f'g'h", "a|b c|d 'e'|fgh|" },
	{ "a ''", "a||" },
	{ "a $HOME *", "a|$HOME|*|" },
	{ "a 'b", NULL },
	{ "a \"b", NULL },
};

START_TEST(commands_are_split_as_a_shell_would)
{
	char **words = words_split(commands[_i].text);
	struct text out;

	text_init(&out);
	if (commands[_i].words == NULL) {
		ck_assert_ptr_null(words);
		return;
	}
	for (size_t i = 0; words[i] != NULL; i++)
		text_addf(&out, "%s|", words[i]);
	ck_assert_str_eq(text_str(&out), commands[_i].words);
	text_clear(&out);
	words_free(words);
}
END_TEST

/* ---- words of the command line ---- */

START_TEST(words_are_targets_or_not)
{
	ck_assert(target_is_word("http://h"));
	ck_assert(target_is_word("wss://h:1"));
	ck_assert(target_is_word("some/file.target"));
	ck_assert(target_is_word("little"));
	ck_assert(target_is_word("little.target"));
	ck_assert(!target_is_word("ping.echo"));
	ck_assert(!target_is_word("@core"));
	ck_assert(!target_is_word("file.rly:88"));
	ck_assert(!target_is_word(".target"));
}
END_TEST

static void
check_caps(struct target *t, const char *caps)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->ncaps; i++)
		text_addf(&out, "%s ", t->caps[i]);
	ck_assert_str_eq(text_str(&out), caps);
	text_clear(&out);
	target_free(t);
}

static struct target *
open_target(const char *word, const struct target_options *o)
{
	struct text errors;
	struct target *t;
	int status = -1;

	text_init(&errors);
	t = target_new(word, o, &errors, &status);
	ck_assert_msg(t != NULL, "%s", text_str(&errors));
	ck_assert_int_eq(status, 0);
	return t;
}

START_TEST(a_target_has_what_it_says_or_must_have)
{
	struct target_options none = { .insecure = false };
	struct target_options some = { .caps = "ws,stun",
		.metrics_url = "http://h/m",
		.plain_url = "http://h" };

	check_caps(open_target("http://h", &none),
	    "raw ws captive-portal iroh-v3 ");
	check_caps(open_target("https://h", &none), "raw ws iroh-v3 tls ");
	check_caps(open_target("https://h", &some),
	    "ws stun iroh-v3 tls plain-beside-tls metrics ");
	check_caps(open_target("little", &none), "raw metrics iroh-v3 ");
}
END_TEST

START_TEST(options_say_where_services_are_before_the_file_does)
{
	struct target_options some = { .metrics_url = "http://h:7/m",
		.stun = "127.0.0.1:3" };
	struct target *t = open_target("little", &some);

	ck_assert_str_eq(t->engine.metrics_url, "http://h:7/m");
	ck_assert_str_eq(t->engine.stun, "127.0.0.1:3");
	check_caps(t, "raw metrics iroh-v3 stun ");
}
END_TEST

static const struct {
	const char *word;
	int status;
	const char *error;
} wrong[] = {
	{ "http://", EXIT_USAGE, "" },
	{ "ftp://h", EXIT_USAGE, "ftp" },
	{ "no/such.target", EXIT_USAGE, "no/such.target" },
	{ "nosuch.target", EXIT_USAGE, "No such file" },
};

START_TEST(a_bad_target_is_a_usage_error)
{
	struct target_options none = { .insecure = false };
	struct text errors;
	int status = -1;

	text_init(&errors);
	ck_assert_ptr_null(target_new(wrong[_i].word, &none, &errors, &status));
	ck_assert_int_eq(status, wrong[_i].status);
	ck_assert_msg(strstr(text_str(&errors), wrong[_i].error) != NULL &&
		errors.len > 0,
	    "%s", text_str(&errors));
	text_clear(&errors);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("target");
	TCase *t = tcase_create("target");

	tcase_add_test(t, a_whole_file_is_read);
	tcase_add_test(t, what_is_left_out_has_a_default);
	tcase_add_rows(t, a_bad_line_is_named_with_its_place, bad);
	tcase_add_rows(t, placeholders_are_filled_in, fills);
	tcase_add_test(t, peers_must_be_given);
	tcase_add_rows(t, commands_are_split_as_a_shell_would, commands);
	tcase_add_test(t, words_are_targets_or_not);
	tcase_add_test(t, a_target_has_what_it_says_or_must_have);
	tcase_add_test(t, options_say_where_services_are_before_the_file_does);
	tcase_add_rows(t, a_bad_target_is_a_usage_error, wrong);
	tcase_add_test(t, every_damaged_byte_gives_an_answer);
	suite_add_tcase(s, t);
	return run_suite(s);
}
