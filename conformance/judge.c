/* Verdicts and exit statuses. */
#include "config.h"

#include "conformance/judge.h"

#include <string.h>

static const struct {
	const char *name;
	const char *meaning;
} verdicts[VERDICT_NKINDS] = {
	[VERDICT_PASS] = { "pass",
	    "the required behaviour was seen, and the control succeeded" },
	[VERDICT_NONSTRICT] = { "nonstrict",
	    "a SHOULD was missed, or the target behaves in a discouraged way" },
	[VERDICT_INFO] = { "info",
	    "the behaviour is not specified; it is recorded" },
	[VERDICT_FAIL] = { "fail", "a MUST is violated" },
	[VERDICT_XFAIL] = { "xfail",
	    "a deviation that the target's file declares was seen" },
	[VERDICT_XPASS] = { "xpass",
	    "a deviation that the target's file declares is gone" },
	[VERDICT_UNSUPPORTED] = { "unsupported",
	    "the case needs what the target does not have" },
	[VERDICT_SKIPPED] = { "skipped", "taken out by the user" },
	[VERDICT_INCONCLUSIVE] = { "inconclusive",
	    "nothing can be said: the control or the canary failed, or the "
	    "runner itself was late" },
	[VERDICT_ERROR] = { "error", "the target could not be tested" },
};

bool
verdict_fails(enum verdict v, bool strict)
{
	return v == VERDICT_FAIL || v == VERDICT_XPASS || v == VERDICT_ERROR ||
	    (strict && v == VERDICT_NONSTRICT);
}

const char *
verdict_name(enum verdict v)
{
	return (size_t)v < VERDICT_NKINDS ? verdicts[v].name : "?";
}

enum verdict
verdict_named(const char *name)
{
	int v = 0;

	while (v < VERDICT_NKINDS &&
	    strcmp(verdict_name((enum verdict)v), name) != 0)
		v++;
	return (enum verdict)v;
}

const char *
verdict_meaning(enum verdict v)
{
	return (size_t)v < VERDICT_NKINDS ? verdicts[v].meaning : "?";
}

static const char *const words[] = {
	[WORD_NONE] = "none",
	[WORD_OK] = "ok",
	[WORD_NONSTRICT] = "nonstrict",
	[WORD_INFO] = "info",
	[WORD_FAIL] = "fail",
};

const char *
verdict_word_name(enum verdict_word w)
{
	return words[w];
}

bool
verdict_word_named(const char *name, enum verdict_word *out)
{
	for (int w = WORD_NONE; w <= WORD_FAIL; w++)
		if (strcmp(name, words[w]) == 0) {
			*out = (enum verdict_word)w;
			return true;
		}
	return false;
}

bool
code_is_targets(enum result_code c)
{
	return c >= CODE_WRONG && c <= CODE_LEAK;
}

/* What a missed expectation is, by the level of what it is about. */
static const enum verdict missed[LEVEL_NKINDS] = {
	[LEVEL_MUST] = VERDICT_FAIL,
	[LEVEL_SHOULD] = VERDICT_NONSTRICT,
	[LEVEL_MAY] = VERDICT_INFO,
	[LEVEL_UNSPECIFIED] = VERDICT_INFO,
};

/* What the script itself says; "ok" says nothing about what was missed. */
static enum verdict
by_word(enum verdict_word word, enum verdict otherwise)
{
	switch (word) {
	case WORD_NONSTRICT:
		return VERDICT_NONSTRICT;
	case WORD_INFO:
		return VERDICT_INFO;
	case WORD_FAIL:
		return VERDICT_FAIL;
	case WORD_NONE:
	case WORD_OK:
		break;
	}
	return otherwise;
}

static enum verdict
judge_one(const struct case_result *r, enum level level)
{
	switch (r->code) {
	case CODE_OK:
		return by_word(r->word, VERDICT_PASS);
	case CODE_CONNECT:
		/* only where setting up is the subject */
		return by_word(r->word, VERDICT_INCONCLUSIVE);
	case CODE_SCRIPT:
		return VERDICT_ERROR;
	case CODE_UNSUPPORTED:
		return VERDICT_UNSUPPORTED;
	case CODE_HARNESS_LATE:
	case CODE_TIMEOUT:
		return VERDICT_INCONCLUSIVE;
	default:
		return code_is_targets(r->code)
		    ? by_word(r->word, missed[level])
		    : VERDICT_ERROR;
	}
}

/* A control is there to succeed: whatever else it is, it proves nothing. */
enum verdict
judge_control(const struct case_result *control)
{
	if (control->code == CODE_SCRIPT)
		return VERDICT_ERROR;
	if (control->code == CODE_UNSUPPORTED)
		return VERDICT_UNSUPPORTED;
	if (control->code != CODE_OK || control->word == WORD_FAIL)
		return VERDICT_INCONCLUSIVE;
	return VERDICT_PASS;
}

enum verdict
judge_case(const struct case_result *result, const struct case_result *control,
    enum level level, const struct case_result **decided)
{
	if (control != NULL) {
		enum verdict v = judge_control(control);

		*decided = control;
		if (v != VERDICT_PASS)
			return v;
	}
	*decided = result;
	return judge_one(result, level);
}

bool
judge_wants_rerun(const struct case_result *result,
    const struct case_result *control)
{
	return (control != NULL && control->code == CODE_HARNESS_LATE) ||
	    (result != NULL && result->code == CODE_HARNESS_LATE);
}

bool
judge_is_unsettled(const struct case_result *decided, enum verdict v)
{
	return v == VERDICT_INCONCLUSIVE &&
	    (decided->code == CODE_TIMEOUT || decided->code == CODE_CONNECT);
}

int
tally_exit_status(const struct tally *t)
{
	size_t ran = t->count[VERDICT_PASS] + t->count[VERDICT_NONSTRICT] +
	    t->count[VERDICT_INFO] + t->count[VERDICT_XFAIL];

	if (t->interrupted)
		return EXIT_INTERRUPTED;
	if (t->timeout)
		return EXIT_TIMEOUT;
	if (t->infrastructure || t->count[VERDICT_ERROR] > 0)
		return EXIT_INFRASTRUCTURE;
	if (t->count[VERDICT_FAIL] > 0 || t->count[VERDICT_XPASS] > 0 ||
	    t->stale || (t->strict && t->count[VERDICT_NONSTRICT] > 0))
		return EXIT_FAILED;
	if (t->count[VERDICT_INCONCLUSIVE] > 0)
		return EXIT_INCONCLUSIVE;
	return ran > 0 ? EXIT_GOOD : EXIT_UNTESTED;
}
