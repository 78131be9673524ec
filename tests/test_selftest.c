/* What the verdicts on a faulty program say about the fault: two cases, the
 * first of which covers what it breaks. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>

#include "conformance/selftest.h"
#include "support.h"

static char broken_id[] = "iroh-v3/R-001", fault_name[] = "a.fault",
	    must_word[] = "MUST", should_word[] = "SHOULD";
static char covers[] = "covers", another[] = "another";
static char *names[] = { covers, another };
static char *broken_ids[] = { broken_id };
static const char *broken[] = { broken_id };
static const char *other[] = { "iroh-v3/R-002" };

struct trial {
	struct scenario scenarios[2];
	struct instance instances[2];
	struct suite_case cases[2];
	struct case_list list;
	const struct suite_case *by_name[2];
	struct unchanged unchanged[2];
	struct selftest_scenario judged[2];
	struct selftest_options o;
	struct selftest_fault fault;
	struct selftest s;
};

static void
set_up(struct trial *t, bool must)
{
	*t = (struct trial){ 0 };
	for (size_t i = 0; i < 2; i++) {
		t->instances[i].name = names[i];
		t->cases[i] = (struct suite_case){
			.scenario = &t->scenarios[i],
			.instance = &t->instances[i],
			.requirements = i == 0 ? broken : other,
			.nrequirements = 1,
		};
		t->judged[i] =
		    (struct selftest_scenario){ .scenario = &t->scenarios[i],
			    .level = LEVEL_MUST };
	}
	t->by_name[0] = &t->cases[1];
	t->by_name[1] = &t->cases[0];
	t->list = (struct case_list){ .cases = t->cases,
		.n = 2,
		.by_name = t->by_name };
	t->fault = (struct selftest_fault){ .name = fault_name,
		.level = must ? must_word : should_word,
		.requirements = broken_ids,
		.nrequirements = 1,
		.state = FAULT_SURVIVED };
	t->s = (struct selftest){ .o = &t->o,
		.list = &t->list,
		.faults = &t->fault,
		.nfaults = 1,
		.scenarios = t->judged,
		.nscenarios = 2,
		.unchanged = t->unchanged };
}

static void
clear(struct trial *t)
{
	free(t->fault.kills);
	free(t->fault.open);
}

/* |faulty|: with the fault. */
static void
note(struct trial *t, bool faulty, const char *name, const char *verdict)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "case", name, "verdict",
	    verdict, "code", "E-TEST");

	selftest_note(&t->s, faulty ? &t->fault : NULL, o);
	json_decref(o);
}

static const struct {
	bool must;
	const char *sound, *covers, *another; /* NULL: not played */
	enum fault_state state;
	int status;
} rows[] = {
	{ true, "pass", "fail", NULL, FAULT_CAUGHT, EXIT_GOOD },
	{ true, "info", "fail", NULL, FAULT_CAUGHT, EXIT_GOOD },
	{ true, "pass", "nonstrict", "pass", FAULT_SURVIVED, EXIT_FAILED },
	{ false, "pass", "nonstrict", NULL, FAULT_CAUGHT, EXIT_GOOD },
	{ true, "pass", "pass", "pass", FAULT_SURVIVED, EXIT_FAILED },
	{ true, "pass", "pass", "fail", FAULT_CAUGHT, EXIT_GOOD },
	/* the machine was late */
	{ true, "pass", "inconclusive", "pass", FAULT_UNJUDGED,
	    EXIT_INCONCLUSIVE },
	{ true, "pass", "error", "pass", FAULT_UNJUDGED, EXIT_INCONCLUSIVE },
	{ true, "pass", "inconclusive", "fail", FAULT_CAUGHT, EXIT_GOOD },
	{ true, "pass", "pass", "inconclusive", FAULT_SURVIVED, EXIT_FAILED },
	/* a case that does not pass as it is catches nothing */
	{ true, "fail", "fail", "pass", FAULT_SURVIVED, EXIT_FAILED },
	{ true, "inconclusive", "fail", "pass", FAULT_UNJUDGED,
	    EXIT_INCONCLUSIVE },
	{ true, "inconclusive", "pass", "fail", FAULT_CAUGHT,
	    EXIT_INCONCLUSIVE },
	{ true, "unsupported", "fail", "pass", FAULT_SURVIVED, EXIT_FAILED },
};

START_TEST(a_fault_comes_to)
{
	struct trial t;

	set_up(&t, rows[_i].must);
	note(&t, false, "covers", rows[_i].sound);
	note(&t, false, "another", "pass");
	note(&t, false, "nobody knows it", "fail");
	note(&t, true, "covers", rows[_i].covers);
	if (rows[_i].another != NULL)
		note(&t, true, "another", rows[_i].another);
	selftest_settle(&t.s);
	ck_assert_int_eq(t.fault.state, rows[_i].state);
	ck_assert_int_eq(selftest_status(&t.s), rows[_i].status);
	clear(&t);
}
END_TEST

/* Where every fault was played, each scenario that must catch something has. */
START_TEST(a_scenario_that_catches_nothing_fails)
{
	struct trial t;

	set_up(&t, true);
	t.s.complete = true;
	note(&t, false, "covers", "pass");
	note(&t, true, "covers", "fail");
	ck_assert_int_eq(selftest_status(&t.s), EXIT_GOOD);
	note(&t, false, "another", "pass");
	ck_assert_int_eq(selftest_status(&t.s), EXIT_FAILED);
	t.judged[1].level = LEVEL_SHOULD;
	ck_assert_int_eq(selftest_status(&t.s), EXIT_GOOD);
	t.o.client = "client";
	ck_assert_int_eq(selftest_status(&t.s), EXIT_FAILED);
	/* Who knows what it would have caught? */
	note(&t, false, "another", "inconclusive");
	ck_assert_int_eq(selftest_status(&t.s), EXIT_INCONCLUSIVE);
	clear(&t);
}
END_TEST

START_TEST(nothing_played_is_nothing_tested)
{
	struct trial t;

	set_up(&t, true);
	t.fault.state = FAULT_SLOW;
	ck_assert_int_eq(selftest_status(&t.s), EXIT_UNTESTED);
	t.fault.state = FAULT_BROKEN;
	ck_assert_int_eq(selftest_status(&t.s), EXIT_INFRASTRUCTURE);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("selftest");
	TCase *t = tcase_create("judged");

	tcase_add_rows(t, a_fault_comes_to, rows);
	tcase_add_test(t, a_scenario_that_catches_nothing_fails);
	tcase_add_test(t, nothing_played_is_nothing_tested);
	suite_add_tcase(s, t);
	return run_suite(s);
}
