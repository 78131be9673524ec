/* Requirement lists: what is read, and how errors are placed. */
#include "config.h"

#include <string.h>

#include "conformance/requirements.h"
#include "support.h"

#define HEAD "id\tside\tlevel\ttext\tsource\n"

static struct requirements *
parse(const char *text, struct text *errors)
{
	text_init(errors);
	return requirements_parse("list.tsv", text, strlen(text), "iroh-v3",
	    errors);
}

START_TEST(a_list_is_read_and_sorted)
{
	struct text errors;
	struct requirements *r = parse("\xef\xbb\xbf# comment\n" HEAD
				       "R-2\tS\tSHOULD\tSecond.\tsec 1\n"
				       "\n"
				       "other/R-1\tC\tmust\tFirst.\t\r\n"
				       "R-1\tE\tMAY\tThird.\tx",
	    &errors);
	const struct requirement *one;

	ck_assert_msg(r != NULL, "%s", text_str(&errors));
	ck_assert_uint_eq(r->n, 3);
	one = requirements_find(r, "iroh-v3/R-2");
	ck_assert_ptr_nonnull(one);
	ck_assert_str_eq(one->side, "S");
	ck_assert_int_eq(one->level, LEVEL_SHOULD);
	ck_assert_str_eq(one->text, "Second.");
	ck_assert_str_eq(one->source, "sec 1");
	ck_assert_int_eq(one->line, 3);
	one = requirements_find(r, "other/R-1");
	ck_assert_ptr_nonnull(one);
	ck_assert_int_eq(one->level, LEVEL_MUST);
	ck_assert_str_eq(one->source, "");
	ck_assert_int_eq(requirements_find(r, "iroh-v3/R-1")->level, LEVEL_MAY);
	ck_assert_ptr_null(requirements_find(r, "R-1"));
	ck_assert_ptr_null(requirements_find(r, "iroh-v3/R-3"));
	requirements_free(r);
}
END_TEST

START_TEST(columns_may_stand_in_any_order)
{
	struct text errors;
	struct requirements *r = parse("note\tlevel\tsource\tid\ttext\tside\n"
				       "x\tUNSPECIFIED\tsrc\tR-7\tText.\tS\n",
	    &errors);

	ck_assert_msg(r != NULL, "%s", text_str(&errors));
	ck_assert_str_eq(requirements_find(r, "iroh-v3/R-7")->text, "Text.");
	ck_assert_int_eq(requirements_find(r, "iroh-v3/R-7")->level,
	    LEVEL_UNSPECIFIED);
	requirements_free(r);
}
END_TEST

static const struct {
	const char *text;
	const char *error;
} bad[] = {
	{ "", "list.tsv:0: there is no header line" },
	{ "# only this\n", "list.tsv:1: there is no header line" },
	{ "id\tside\tlevel\ttext\n",
	    "list.tsv:1: the header line lacks the column \"source\"" },
	{ HEAD "R-1\tS\tMUST\tText\n",
	    "list.tsv:2: the line lacks the column \"source\"" },
	{ HEAD "R-1\tS\tMOST\tText\tx\n",
	    "list.tsv:2: the level is none of MUST, SHOULD, MAY, UNSPECIFIED: "
	    "\"MOST\"" },
	{ HEAD "\tS\tMUST\tText\tx\n",
	    "list.tsv:2: the id or the text is empty" },
	{ HEAD "R-1\tS\tMUST\t\tx\n",
	    "list.tsv:2: the id or the text is empty" },
	{ HEAD "R-1\tMUST\tS\tText\tx\n",
	    "list.tsv:2: the side is none of S, C, E: \"MUST\"" },
	{ HEAD "R-1\tS\tMUST\tText\tx\ty\n",
	    "list.tsv:2: the line has more columns than the header" },
	{ HEAD "R-1\tS\tMUST\tText\xff\tx\n",
	    "list.tsv:2: the line is no UTF-8" },
	{ HEAD "R-1\tS\tMUST\ta\tx\n\nR-1\tS\tMAY\tb\tx\n",
	    "list.tsv:4: this id was there before: \"iroh-v3/R-1\"" },
	{ HEAD "R-1\tS\tMUST\ta\tx\nR-2\tS\tMUST\n",
	    "list.tsv:3: the line lacks the column \"text\"" },
	{ "1\t2\t3\t4\t5\t6\t7\t8\t9\t10\t11\t12\t13\t14\t15\t16\t17\n",
	    "list.tsv:1: the line has more than 16 columns" },
};

START_TEST(a_bad_line_is_named_with_its_place)
{
	struct text errors;
	struct requirements *r = parse(bad[_i].text, &errors);
	size_t n = strlen(bad[_i].error);

	ck_assert_ptr_null(r);
	ck_assert_msg(strncmp(text_str(&errors), bad[_i].error, n) == 0 &&
		text_str(&errors)[n] == '\n',
	    "%s", text_str(&errors));
	text_clear(&errors);
}
END_TEST

START_TEST(a_nul_byte_is_an_error)
{
	static const char text[] = HEAD "R-1\tS\tMUST\ta\0b\tx\n";
	struct text errors;

	text_init(&errors);
	ck_assert_ptr_null(requirements_parse("list.tsv", text,
	    sizeof(text) - 1, "iroh-v3", &errors));
	ck_assert_str_eq(text_str(&errors),
	    "list.tsv:2: the line holds a NUL byte\n");
	text_clear(&errors);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("requirements");
	TCase *t = tcase_create("requirements");

	tcase_add_test(t, a_list_is_read_and_sorted);
	tcase_add_test(t, columns_may_stand_in_any_order);
	tcase_add_rows(t, a_bad_line_is_named_with_its_place, bad);
	tcase_add_test(t, a_nul_byte_is_an_error);
	suite_add_tcase(s, t);
	return run_suite(s);
}
