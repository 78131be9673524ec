/* Scenarios with one expectation changed: which changes are made. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/mutate.h"
#include "support.h"

static char path[] = "/tmp/test_mutate.XXXXXX";

static void
set_up(void)
{
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	ck_assert_int_ge(mkstemp(path), 0);
}

static void
tear_down(void)
{
	unlink(path);
}

/* The mutants of a scenario of these lines, of procedures in front too. */
static void
mutate(const char *procs, const char *lines, struct mutants *out)
{
	char *text = xasprintf("rly 1\ndialect iroh-v3\n%s"
			       "scenario a.b \"Sentence\"\n"
			       "  covers R-129\n  own\n"
			       "  conn A = login key=alice\n"
			       "%send\n",
	    procs, lines);
	char err[256];
	struct text errors;
	struct script *s;

	*out = (struct mutants){ NULL, 0, NULL, 0 };
	ck_assert_int_eq(file_write(path, text, strlen(text), err, sizeof(err)),
	    0);
	free(text);
	text_init(&errors);
	s = script_load(path, NULL, &errors);
	ck_assert_msg(s != NULL, "%s", text_str(&errors));
	ck_assert(mutate_scenario(out, s, s->scenarios[0], &errors));
	for (size_t i = 0; i < s->nprocs; i++)
		ck_assert(
		    mutate_proc(out, s, s->procs[i], s->scenarios[0], &errors));
	script_free(s);
	text_clear(&errors);
}

/* What is expected, and what is made of it, one a line. */
static const struct {
	const char *line;
	const char *mutants;
} changes[] = {
	{ "A <- Pong data==x\"01*8\"",
	    "A <- Pong data!=x\"01*8\"\n"
	    "never A <- Pong data==x\"01*8\" for 2s \n" },
	{ "defect A <- Pong data!=absent within 3s => nonstrict named x",
	    "defect A <- Pong data==absent within 3s => nonstrict named x\n"
	    "defect A <- Pong data!=absent within 3s not-before 2700ms => "
	    "nonstrict named x\n"
	    "defect never A <- Pong data!=absent for 3s => nonstrict named "
	    "x\n" },
	{ "A <- Pong within 3s not-before 1s",
	    "A <- Pong within 1100ms not-before 1s\n"
	    "A <- Pong within 3s not-before 2900ms\n"
	    "never A <- Pong for 3s \n" },
	{ "A <- Pong data~cat(\"a\", \"*\") count 2..4",
	    "A <- Pong data~cat(\"no such \", cat(\"a\", \"*\")) count "
	    "2..4\n"
	    "A <- Pong data~cat(\"a\", \"*\") count 5\n"
	    "never A <- Pong data~cat(\"a\", \"*\") for 2s \n" },
	{ "A <- Pong optional", "" },
	{ "A <- Pong count 0..1", "A <- Pong count 2\n" },
	{ "A <- bytes data==x\"00\"",
	    "A <- bytes data==flip(x\"00\", bit=0)\n"
	    "never A <- bytes data==x\"00\" for 2s \n" },
	{ "A <- RecvPacket key==pub(bob) then closed",
	    "A <- RecvPacket key!=pub(bob) then closed\n"
	    "never A <- RecvPacket key==pub(bob) for 2s \n" },
	{ "never A <- RecvPacket data==\"x\"",
	    "A <- RecvPacket data==\"x\" within 500ms \n" },
	{ "never A <- any for 3s => info", "A <- any within 3s => info\n" },
	{ "assert 2 <= 2", "assert 2 > 2\n" },
	{ "A drain Pong count 2..9 quiet 100ms",
	    "A drain Pong count 10 quiet 100ms\n" },
	{ "target assert alive", "" },
	{ "target wait exit==0 within 1s", "target wait exit==77 within 1s\n" },
	{ "target assert metric a_total increments 1",
	    "target assert metric a_total increments 999999\n" },
};

START_TEST(each_expectation_is_changed_in_every_way)
{
	char *line = xasprintf("%s\n  A -> Ping data=x\"00*8\"\n"
			       "  A <- Pong optional\n"
			       "  fence ingress A\n",
	    changes[_i].line);
	struct mutants m;
	struct text got;

	text_init(&got);
	mutate("", line, &m);
	for (size_t i = 0; i < m.n; i++) {
		ck_assert_msg(!m.m[i].refused, "%s", m.m[i].after);
		ck_assert_str_eq(m.m[i].before, changes[_i].line);
		text_addf(&got, "%s\n", m.m[i].after);
	}
	ck_assert_str_eq(text_str(&got), changes[_i].mutants);
	text_clear(&got);
	mutants_clear(&m);
	free(line);
}
END_TEST

START_TEST(a_branch_that_means_failure_is_what_must_be_noticed)
{
	struct mutants m;

	mutate("",
	    "oneof {\nA <- Pong => ok\nnever A <- any\n"
	    "A <- closed => fail\n}\nA -> Ping data=x\"00*8\"\n"
	    "fence ingress A\n",
	    &m);
	ck_assert_uint_eq(m.n, 4);
	ck_assert_str_eq(m.m[0].after, "A <- Pong => fail");
	ck_assert_uint_eq(m.m[0].branch, MUTANT_NONE);
	ck_assert_uint_eq(m.m[1].branch, 0);
	ck_assert_str_eq(m.m[2].after, "never A <- any => fail");
	ck_assert_uint_eq(m.m[3].branch, 2);
	for (size_t i = 0; i < m.n; i++)
		ck_assert_int_eq(m.m[i].block, 7);
	mutants_clear(&m);
}
END_TEST

START_TEST(what_is_called_is_changed_in_a_copy)
{
	struct mutants m;

	mutate("proc alive(on)\n  on -> Ping data=x\"00*8\"\n"
	       "  on <- Pong\nend\n",
	    "  call alive(A)\n", &m);
	ck_assert_uint_eq(m.n, 1);
	ck_assert_int_eq(m.m[0].line, 5);
	ck_assert(!m.m[0].refused);
	ck_assert_str_eq(m.m[0].id, "a.b.m0");
	ck_assert_ptr_nonnull(strstr(m.m[0].text, "proc alive_m0(on)\n"));
	ck_assert_ptr_nonnull(strstr(m.m[0].text, "  call alive_m0(A)\n"));
	ck_assert_ptr_nonnull(strstr(m.m[0].text, "scenario a.b.m0 \"S"));
	mutants_clear(&m);
}
END_TEST

START_TEST(in_an_anyorder_another_event_is_asked_for)
{
	struct mutants m;

	mutate("",
	    "anyorder {\nA <- closed\nA <- Pong\n}\n"
	    "conn B = login key=bob\n",
	    &m);
	ck_assert_uint_eq(m.n, 2);
	ck_assert_str_eq(m.m[0].after,
	    "A <- Pong data==x\"6d 75 74 61 6e 74 00 00\"");
	ck_assert(!m.m[0].refused);
	ck_assert_int_eq(m.m[0].block, 0);
	mutants_clear(&m);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("mutate");
	TCase *tc = tcase_create("mutate");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_rows(tc, each_expectation_is_changed_in_every_way, changes);
	tcase_add_test(tc, a_branch_that_means_failure_is_what_must_be_noticed);
	tcase_add_test(tc, what_is_called_is_changed_in_a_copy);
	tcase_add_test(tc, in_an_anyorder_another_event_is_asked_for);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(suite());
}
