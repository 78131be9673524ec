/* Verdicts by code, level, word and control; exit statuses. */
#include "config.h"

#include "conformance/judge.h"
#include "support.h"

#define NO CODE_NKINDS /* no control */

static const struct {
	enum result_code code;
	enum verdict_word word;
	enum level level;
	enum result_code control;
	enum verdict verdict;
} rows[] = {
	/* met */
	{ CODE_OK, WORD_NONE, LEVEL_MUST, NO, VERDICT_PASS },
	{ CODE_OK, WORD_OK, LEVEL_SHOULD, NO, VERDICT_PASS },
	{ CODE_OK, WORD_NONE, LEVEL_UNSPECIFIED, NO, VERDICT_PASS },
	{ CODE_OK, WORD_NONSTRICT, LEVEL_MUST, NO, VERDICT_NONSTRICT },
	{ CODE_OK, WORD_INFO, LEVEL_MUST, NO, VERDICT_INFO },
	{ CODE_OK, WORD_FAIL, LEVEL_UNSPECIFIED, NO, VERDICT_FAIL },
	/* missed: the level decides, then the word */
	{ CODE_WRONG, WORD_NONE, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_LATE, WORD_NONE, LEVEL_SHOULD, NO, VERDICT_NONSTRICT },
	{ CODE_NEVER, WORD_NONE, LEVEL_MAY, NO, VERDICT_INFO },
	{ CODE_EXTRA, WORD_NONE, LEVEL_UNSPECIFIED, NO, VERDICT_INFO },
	{ CODE_CLOSED, WORD_NONE, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_RESET, WORD_OK, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_DECODE, WORD_NONE, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_CRASH, WORD_NONE, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_LEAK, WORD_NONE, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_NEVER, WORD_FAIL, LEVEL_SHOULD, NO, VERDICT_FAIL },
	{ CODE_NEVER, WORD_INFO, LEVEL_MUST, NO, VERDICT_INFO },
	{ CODE_NEVER, WORD_NONSTRICT, LEVEL_MUST, NO, VERDICT_NONSTRICT },
	/* not the target's doing */
	{ CODE_CONNECT, WORD_NONE, LEVEL_MUST, NO, VERDICT_INCONCLUSIVE },
	{ CODE_CONNECT, WORD_FAIL, LEVEL_MUST, NO, VERDICT_FAIL },
	{ CODE_HARNESS_LATE, WORD_NONE, LEVEL_MUST, NO, VERDICT_INCONCLUSIVE },
	{ CODE_HARNESS_LATE, WORD_FAIL, LEVEL_MUST, NO, VERDICT_INCONCLUSIVE },
	{ CODE_TIMEOUT, WORD_NONE, LEVEL_MUST, NO, VERDICT_INCONCLUSIVE },
	{ CODE_SCRIPT, WORD_NONE, LEVEL_MUST, NO, VERDICT_ERROR },
	{ CODE_UNSUPPORTED, WORD_NONE, LEVEL_MUST, NO, VERDICT_UNSUPPORTED },
	/* with a control */
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_OK, VERDICT_PASS },
	{ CODE_WRONG, WORD_NONE, LEVEL_MUST, CODE_OK, VERDICT_FAIL },
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_NEVER, VERDICT_INCONCLUSIVE },
	{ CODE_WRONG, WORD_NONE, LEVEL_MUST, CODE_CLOSED,
	    VERDICT_INCONCLUSIVE },
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_CONNECT, VERDICT_INCONCLUSIVE },
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_HARNESS_LATE,
	    VERDICT_INCONCLUSIVE },
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_SCRIPT, VERDICT_ERROR },
	{ CODE_OK, WORD_NONE, LEVEL_MUST, CODE_UNSUPPORTED,
	    VERDICT_UNSUPPORTED },
};

START_TEST(the_verdict_follows)
{
	struct case_result result = { .code = rows[_i].code,
		.word = rows[_i].word };
	struct case_result control = { .code = rows[_i].control,
		.control = true };
	const struct case_result *decided = NULL;
	enum verdict v = judge_case(&result,
	    rows[_i].control == NO ? NULL : &control, rows[_i].level, &decided);

	ck_assert_str_eq(verdict_name(v), verdict_name(rows[_i].verdict));
	ck_assert_ptr_eq(decided,
	    rows[_i].control == NO || rows[_i].control == CODE_OK ? &result
								  : &control);
}
END_TEST

START_TEST(a_control_that_fails_by_its_word_proves_nothing)
{
	struct case_result result = { .code = CODE_OK };
	struct case_result control = { .code = CODE_OK, .word = WORD_FAIL };
	const struct case_result *decided;

	ck_assert_int_eq(judge_case(&result, &control, LEVEL_MUST, &decided),
	    VERDICT_INCONCLUSIVE);
	/* with the control alone, before the defect is played */
	ck_assert_int_eq(judge_case(NULL, &control, LEVEL_MUST, &decided),
	    VERDICT_INCONCLUSIVE);
	ck_assert_ptr_eq(decided, &control);
}
END_TEST

START_TEST(own_lateness_wants_another_run)
{
	struct case_result late = { .code = CODE_HARNESS_LATE };
	struct case_result ok = { .code = CODE_OK };
	struct case_result wrong = { .code = CODE_LATE };

	ck_assert(judge_wants_rerun(&late, NULL));
	ck_assert(judge_wants_rerun(&late, &ok));
	ck_assert(judge_wants_rerun(NULL, &late));
	ck_assert(!judge_wants_rerun(&ok, &ok));
	ck_assert(!judge_wants_rerun(&wrong, NULL));
}
END_TEST

static const struct {
	size_t pass, nonstrict, info, fail, unsupported, skipped, inconclusive,
	    error;
	bool strict, infrastructure, timeout, interrupted;
	int status;
} exits[] = {
	{ .pass = 3, .status = 0 },
	{ .info = 1, .status = 0 },
	{ .nonstrict = 1, .status = 0 },
	{ .pass = 1, .nonstrict = 1, .strict = true, .status = 1 },
	{ .pass = 1, .unsupported = 5, .skipped = 5, .status = 0 },
	{ .unsupported = 5, .skipped = 5, .status = 5 },
	{ .status = 5 },
	{ .pass = 9, .inconclusive = 1, .status = 3 },
	{ .pass = 9, .inconclusive = 1, .fail = 1, .status = 1 },
	{ .fail = 256, .status = 1 },
	{ .fail = 1, .error = 1, .status = 4 },
	{ .pass = 9, .infrastructure = true, .status = 4 },
	{ .fail = 1, .infrastructure = true, .timeout = true, .status = 124 },
	{ .error = 1, .timeout = true, .interrupted = true, .status = 130 },
};

START_TEST(the_exit_status_follows)
{
	struct tally t = {
		.count = {
			[VERDICT_PASS] = exits[_i].pass,
			[VERDICT_NONSTRICT] = exits[_i].nonstrict,
			[VERDICT_INFO] = exits[_i].info,
			[VERDICT_FAIL] = exits[_i].fail,
			[VERDICT_UNSUPPORTED] = exits[_i].unsupported,
			[VERDICT_SKIPPED] = exits[_i].skipped,
			[VERDICT_INCONCLUSIVE] = exits[_i].inconclusive,
			[VERDICT_ERROR] = exits[_i].error,
		},
		.strict = exits[_i].strict,
		.infrastructure = exits[_i].infrastructure,
		.timeout = exits[_i].timeout,
		.interrupted = exits[_i].interrupted,
	};

	ck_assert_int_eq(tally_exit_status(&t), exits[_i].status);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("judge");
	TCase *t = tcase_create("judge");

	tcase_add_rows(t, the_verdict_follows, rows);
	tcase_add_test(t, a_control_that_fails_by_its_word_proves_nothing);
	tcase_add_test(t, own_lateness_wants_another_run);
	tcase_add_rows(t, the_exit_status_follows, exits);
	suite_add_tcase(s, t);
	return run_suite(s);
}
