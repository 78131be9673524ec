/* Selectors against a small suite. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/keys.h"
#include "conformance/select.h"
#include "support.h"

static struct suite *suite;
static const struct case_list *cases;

static void
load(void)
{
	struct text errors;

	text_init(&errors);
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	suite = suite_new(&errors);
	ck_assert_msg(suite != NULL, "%s", text_str(&errors));
	cases = suite_cases(suite, rk_dialects()[0], &errors);
	ck_assert_msg(cases != NULL, "%s", text_str(&errors));
}

static void
unload(void)
{
	suite_free(suite);
}

static const struct {
	const char *pattern;
	const char *text;
	bool match;
} globs[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "abc", true },
	{ "a*c", "abbc", true },
	{ "a*c", "abb", false },
	{ "a*b*c", "axbybzc", true },
	{ "?", "", false },
	{ "?", "x", true },
	{ "a?c", "abc", true },
	{ "[ab]", "a", false },
	{ "[ab]", "[ab]", true },
	{ "ping.echo[ws,p=#2]", "ping.echo[ws,p=#2]", true },
	{ "\\*", "*", false },
	{ "*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
};

START_TEST(only_star_and_question_mark_are_wild)
{
	ck_assert_msg(glob_match(globs[_i].pattern, globs[_i].text) ==
		globs[_i].match,
	    "%s on %s", globs[_i].pattern, globs[_i].text);
}
END_TEST

/* The names of what is selected, in order, each with a blank behind it. */
static const char *
selected(struct selection *s)
{
	static struct text out;

	text_reset(&out);
	for (size_t i = 0; i < cases->n; i++) {
		const struct suite_case *c = &cases->cases[i];

		switch (selection_take(s, c)) {
		case SELECTED_YES:
			text_addf(&out, "%s ", c->instance->name);
			break;
		case SELECTED_SKIP:
			text_addf(&out, "-%s ", c->instance->name);
			break;
		case SELECTED_SLOW:
			text_addf(&out, "(%s) ", c->instance->name);
			break;
		case SELECTED_NOT:
			break;
		}
	}
	return text_str(&out);
}

#define ECHOES                                                                 \
	"ping.echo[raw,p=#1] ping.echo[raw,p=#2] ping.echo[ws,p=#1] "          \
	"ping.echo[ws,p=#2] "
#define ORDERS "ping.order[raw] ping.order[ws] "
#define RELAYS "relay.basic[raw] relay.metrics[raw] relay.alone[raw] "

static const struct {
	const char *select;
	const char *names;
} selects[] = {
	{ "ping.echo", ECHOES },
	{ "ping.*", ECHOES ORDERS "(ping.long[raw]) " },
	{ "ping.long", "ping.long[raw] " },
	{ "ping.lon?", "(ping.long[raw]) " },
	{ "ping.echo[ws,p=#2]", "ping.echo[ws,p=#2] " },
	{ "ping.echo[ws]", "ping.echo[ws,p=#1] ping.echo[ws,p=#2] " },
	{ "ping.echo[p=#1]", "ping.echo[raw,p=#1] ping.echo[ws,p=#1] " },
	{ "*[ws]", "ping.echo[ws,p=#1] ping.echo[ws,p=#2] ping.order[ws] " },
	{ "@core", ECHOES "relay.basic[raw] " },
	{ "@relay", "relay.basic[raw] " },
	{ "@slow", "ping.long[raw] " },
	{ "req:R-129", ECHOES },
	{ "req:iroh-v3/R-129", ECHOES },
	{ "req:R-13*", ORDERS "(ping.long[raw]) " },
	{ "req:R-134", "ping.long[raw] " },
	{ "level:MUST", ECHOES RELAYS },
	{ "level:should", ORDERS },
	{ "ping.rly", ECHOES ORDERS "(ping.long[raw]) " },
	{ "iroh-v3/relay.rly", RELAYS },
	{ "conformance/scenarios/iroh-v3/relay.rly", RELAYS },
	{ "ping.rly:5", ECHOES },
	{ "ping.rly:12", ECHOES },
	{ "ping.rly:14", ORDERS },
	{ "ping.rly:20", "ping.long[raw] " },
	{ "ping.rly:13", "" },
	{ "ping.rly:ping.order[ws]", "ping.order[ws] " },
	{ "relay.rly:ping.order", "" },
	{ "elay.rly", "" },
	{ "ping", "" },
	{ "PING.ECHO", "" },
};

START_TEST(a_selector_selects)
{
	struct selection s = { .nselect = 0 };
	char err[256];

	load();
	ck_assert_int_eq(selection_add(&s, selects[_i].select, err,
			     sizeof(err)),
	    0);
	ck_assert_str_eq(selected(&s), selects[_i].names);
	/* one that takes nothing is an error, a slow one too */
	ck_assert_int_eq(selection_check(&s, cases, err, sizeof(err)),
	    selects[_i].names[0] == '\0' || selects[_i].names[0] == '(' ? -1
									: 0);
	selection_clear(&s);
	unload();
}
END_TEST

START_TEST(nothing_selects_all_but_the_slow)
{
	struct selection s = { .nselect = 0 };
	char err[256];

	load();
	ck_assert_str_eq(selected(&s),
	    ECHOES ORDERS "(ping.long[raw]) " RELAYS);
	s.slow = true;
	ck_assert_str_eq(selected(&s), ECHOES ORDERS "ping.long[raw] " RELAYS);
	ck_assert_int_eq(selection_check(&s, cases, err, sizeof(err)), 0);
	unload();
}
END_TEST

START_TEST(skip_takes_out_and_says_so)
{
	struct selection s = { .nselect = 0 };
	char err[256];

	load();
	ck_assert_int_eq(selection_add(&s, "relay.*", err, sizeof(err)), 0);
	ck_assert_int_eq(selection_add_skip(&s, "relay.metrics", err,
			     sizeof(err)),
	    0);
	ck_assert_str_eq(selected(&s),
	    "relay.basic[raw] -relay.metrics[raw] relay.alone[raw] ");
	ck_assert_int_eq(selection_check(&s, cases, err, sizeof(err)), 0);
	ck_assert_int_eq(selection_add_skip(&s, "relay.metric", err,
			     sizeof(err)),
	    0);
	selected(&s);
	ck_assert_int_eq(selection_check(&s, cases, err, sizeof(err)), -1);
	ck_assert_str_eq(err,
	    "relay.metric: selects nothing; is relay.metrics meant?");
	selection_clear(&s);
	unload();
}
END_TEST

START_TEST(selectors_are_read_from_a_file)
{
	struct selection s = { .nselect = 0 };
	char path[] = "/tmp/select.XXXXXX", err[256];
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	load();
	ck_assert_ptr_nonnull(f);
	fputs("# comment\n"
	      "  ping.echo[ws,p=#2]   # and another\n"
	      "\n"
	      "@relay\r\n"
	      "skip  relay.basic\n",
	    f);
	fclose(f);
	ck_assert_int_eq(selection_add_file(&s, path, err, sizeof(err)), 0);
	ck_assert_str_eq(selected(&s), "ping.echo[ws,p=#2] -relay.basic[raw] ");
	selection_clear(&s);

	ck_assert_int_eq(truncate(path, 10), 0);
	ck_assert_int_eq(selection_add_file(&s, path, err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "holds no selector"));
	unlink(path);
	ck_assert_int_eq(selection_add_file(&s, path, err, sizeof(err)), -1);
	ck_assert_ptr_nonnull(strstr(err, "No such file"));
	unload();
}
END_TEST

static const struct {
	const char *text;
	const char *error;
} bad[] = {
	{ "", "an empty selector" },
	{ "level:MOST", "the levels are" },
	{ "a.rly:", "is missing" },
};

START_TEST(a_bad_selector_is_refused)
{
	struct selector s;
	char err[256];

	ck_assert_int_eq(selector_parse(bad[_i].text, &s, err, sizeof(err)),
	    -1);
	ck_assert_msg(strstr(err, bad[_i].error) != NULL, "%s", err);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("select");
	TCase *t = tcase_create("select");

	tcase_add_rows(t, only_star_and_question_mark_are_wild, globs);
	tcase_add_rows(t, a_selector_selects, selects);
	tcase_add_test(t, nothing_selects_all_but_the_slow);
	tcase_add_test(t, skip_takes_out_and_says_so);
	tcase_add_test(t, selectors_are_read_from_a_file);
	tcase_add_rows(t, a_bad_selector_is_refused, bad);
	suite_add_tcase(s, t);
	return run_suite(s);
}
