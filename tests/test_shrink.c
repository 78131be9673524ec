/* Delta debugging of a scenario's text, with judges that are no relay. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "conformance/shrink.h"
#include "support.h"

static const char *const *wanted; /* what must be in the text */
static unsigned asked, budget;

/* A text is seen that has the frame of a scenario and all that is wanted. */
static enum shrink_seen
sees(void *arg, const char *text)
{
	size_t open = 0, closed = 0;

	ck_assert_uint_lt(asked, 5000);
	if (budget > 0 && asked >= budget)
		return SHRINK_STOP;
	asked++;
	for (const char *p = text; (p = strchr(p, '{')) != NULL; p++)
		open++;
	for (const char *p = text; (p = strchr(p, '}')) != NULL; p++)
		closed++;
	if (open != closed || strstr(text, "scenario a") == NULL)
		return SHRINK_NO;
	for (size_t i = 0; wanted[i] != NULL; i++)
		if (strstr(text, wanted[i]) == NULL)
			return SHRINK_NO;
	return SHRINK_YES;
}

static const struct row {
	const char *text;
	const char *wanted[4];
	const char *left;
} rows[] = {
	/* lines, blocks, other scenarios */
	{ "rly 1\nscenario b \"x\"\n  A -> One\nend\n"
	  "scenario a \"title stays\"\n  A -> One\n  A -> Two\n  B -> "
	  "Two\nend\n",
	    { "B -> Two\n" }, "scenario a \"title stays\"\n  B -> Two\n" },
	{ "scenario a \"t\"\nrepeat 3 {\n  A -> One\n  B -> Two\n}\n",
	    { "B -> Two\n" }, "scenario a \"t\"\n  B -> Two\n" },
	{ "scenario a \"t\"\nrepeat 3 {\n  A -> One\n}\n",
	    { "repeat", "A -> One" },
	    "scenario a \"t\"\nrepeat {\n  A -> One\n}\n" },
	/* words, with what is in quotes and brackets whole */
	{ "scenario a \"t\"\nA -> Ping data=cat(b, \"c d\") within 2s\n",
	    { "A -> Ping\n" }, "scenario a \"t\"\nA -> Ping\n" },
	{ "scenario a \"t\"\nA <- Pong data==\"q r\" as $x within 2s\n",
	    { "A <- Pong", "within 2s" },
	    "scenario a \"t\"\nA <- Pong within 2s\n" },
	/* values where they are used */
	{ "scenario a \"t\"\nlet $w = \"s\"\nX $w\nY $w.z\n",
	    { "X \"s\"\n", "Y $w.z" }, "scenario a \"t\"\nX \"s\"\nY $w.z\n" },
	{ "scenario a \"t\"\nparam p in 7\nX $p\n", { "X 7\n" },
	    "scenario a \"t\"\nX 7\n" },
	/* bytes: characters, escapes, bytes in hex with a count */
	{ "scenario a \"t\"\nX \"abcdefgh\\n\\x07→ij\"\n", { "X \"", "fg" },
	    "scenario a \"t\"\nX \"fg\"\n" },
	{ "scenario a \"t\"\nX \"ab\\x07cd\"\n", { "X", "\\x07" },
	    "scenario a \"t\"\nX \"\\x07\"\n" },
	{ "scenario a \"t\"\nX x\"00 11*8 22\"\n", { "X x", "11*" },
	    "scenario a \"t\"\nX x\" 11*0\"\n" },
	/* numbers towards zero, times not */
	{ "scenario a \"t\"\nX fill(700) for 700ms\n", { "X fill(", "700ms" },
	    "scenario a \"t\"\nX fill(0) 700ms\n" },
};

START_TEST(nothing_more_can_be_left_out)
{
	const struct row *r = &rows[_i];
	const struct shrink s = { .sees = sees };
	bool whole = false;
	char *left;

	wanted = r->wanted;
	asked = budget = 0;
	left = shrink(&s, r->text, &whole);
	ck_assert(whole);
	ck_assert_str_eq(left, r->left);
	free(left);
}
END_TEST

/* Both literals are the same or it is not seen. */
static enum shrink_seen
sees_equals(void *arg, const char *text)
{
	const char *x = strstr(text, "X \""), *y = strstr(text, "Y \"");
	size_t n;

	if (x == NULL || y == NULL || strstr(text, "scenario a") == NULL)
		return SHRINK_NO;
	n = strcspn(x + 3, "\"");
	return strncmp(x + 3, y + 3, n + 1) == 0 && n > 0 ? SHRINK_YES
							  : SHRINK_NO;
}

START_TEST(the_same_bytes_shrink_together)
{
	const struct shrink s = { .sees = sees_equals };
	bool whole;
	char *left = shrink(&s,
	    "scenario a \"t\"\nX \"same thing\"\nY \"same thing\"\n", &whole);

	ck_assert_str_eq(left, "scenario a \"t\"\nX \"g\"\nY \"g\"\n");
	free(left);
}
END_TEST

START_TEST(a_stop_keeps_what_there_is)
{
	const struct shrink s = { .sees = sees };
	bool whole = true;
	char *left;

	wanted = rows[0].wanted;
	asked = 0;
	budget = 1;
	left = shrink(&s, rows[0].text, &whole);
	ck_assert(!whole);
	ck_assert_uint_eq(asked, 1);
	ck_assert_ptr_nonnull(strstr(left, "B -> Two"));
	ck_assert_ptr_null(strstr(left, "scenario b"));
	free(left);
}
END_TEST

START_TEST(the_way_is_always_the_same)
{
	const struct shrink s = { .sees = sees };
	bool whole;
	unsigned once;
	char *left, *again;

	wanted = rows[3].wanted;
	asked = budget = 0;
	left = shrink(&s, rows[3].text, &whole);
	once = asked;
	asked = 0;
	again = shrink(&s, rows[3].text, &whole);
	ck_assert_str_eq(left, again);
	ck_assert_uint_eq(asked, once);
	free(left);
	free(again);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("shrink");
	TCase *tc = tcase_create("text");

	tcase_add_rows(tc, nothing_more_can_be_left_out, rows);
	tcase_add_test(tc, the_same_bytes_shrink_together);
	tcase_add_test(tc, a_stop_keeps_what_there_is);
	tcase_add_test(tc, the_way_is_always_the_same);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
