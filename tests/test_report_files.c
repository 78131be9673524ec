/* JUnit, Markdown and JSON of whole runs, with whatever a peer may say; files
 * that hold several runs. */
#include "config.h"

#include <jansson.h>
#include <libxml/parser.h>
#include <libxml/xmlschemas.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conformance/commands.h"
#include "conformance/judge.h"
#include "run_rig.h"
#include "support.h"

/* Every byte a message can hold, markup, what is no UTF-8, and characters that
 * XML cannot hold. */
static char nasty[512];

static void
make_nasty(void)
{
	size_t n = 0;

	for (int c = 1; c < 256; c++)
		nasty[n++] = (char)c;
	strcpy(nasty + n,
	    "]]><![CDATA[<script>alert(1)</script>&amp;\"'``````|"
	    "\xef\xbf\xbe\xef\xbf\xbf\xed\xa0\x80\xc3\xa4\xc2\x85"
	    "end");
}

static struct fake_end
says_nasty_things(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = one_fails(t, name, control, nth);

	if (e.code != CODE_OK)
		e.message = nasty;
	return e;
}

/* ---- JUnit ---- */

static xmlDocPtr
valid_junit(const char *name)
{
	xmlSchemaParserCtxtPtr parser =
	    xmlSchemaNewParserCtxt(source_path("tests/junit.xsd"));
	xmlSchemaPtr schema = xmlSchemaParse(parser);
	xmlSchemaValidCtxtPtr v;
	xmlDocPtr doc = xmlReadFile(name, NULL, XML_PARSE_NONET);

	ck_assert_ptr_nonnull(schema);
	ck_assert_ptr_nonnull(doc);
	v = xmlSchemaNewValidCtxt(schema);
	ck_assert_int_eq(xmlSchemaValidateDoc(v, doc), 0);
	xmlSchemaFreeValidCtxt(v);
	xmlSchemaFree(schema);
	xmlSchemaFreeParserCtxt(parser);
	return doc;
}

static long
number(xmlNodePtr node, const char *name)
{
	xmlChar *s = xmlGetProp(node, (const xmlChar *)name);
	long n = atol((const char *)s);

	xmlFree(s);
	return n;
}

static bool
is_element(xmlNodePtr node, const char *name)
{
	return node->type == XML_ELEMENT_NODE &&
	    strcmp((const char *)node->name, name) == 0;
}

/* Elements |name| that hang below |node|, at any depth. */
static long
count_below(xmlNodePtr node, const char *name)
{
	long n = 0;

	for (xmlNodePtr k = node->children; k != NULL; k = k->next)
		n += is_element(k, name) + count_below(k, name);
	return n;
}

static void
check_sums(xmlNodePtr node)
{
	ck_assert_int_eq(number(node, "tests"), count_below(node, "testcase"));
	ck_assert_int_eq(number(node, "failures"),
	    count_below(node, "failure"));
	ck_assert_int_eq(number(node, "errors"), count_below(node, "error"));
	ck_assert_int_eq(number(node, "skipped"), count_below(node, "skipped"));
}

/* Totals add up, for each suite and for all. */
static void
check_junit(const char *name, long tests)
{
	xmlDocPtr doc = valid_junit(name);
	xmlNodePtr root = xmlDocGetRootElement(doc);

	ck_assert_int_eq(number(root, "tests"), tests);
	check_sums(root);
	for (xmlNodePtr k = root->children; k != NULL; k = k->next)
		if (is_element(k, "testsuite"))
			check_sums(k);
	xmlFreeDoc(doc);
	xmlCleanupParser();
}

/* The wall clock's digits as "T". */
static char *
without_dates(const char *name)
{
	char *text = slurp(name), *p = text;

	while ((p = strstr(p, "timestamp=\"")) != NULL) {
		p += strlen("timestamp=\"");
		ck_assert_uint_eq(strcspn(p, "\""), 19);
		memset(p, 'T', 19);
	}
	return text;
}

START_TEST(the_junit_report_is_this)
{
	char *have;

	ck_assert_int_eq(play(one_fails,
			     URL " --seed 7f ping.order[raw] relay.*"
				 " --report junit=out.xml"),
	    EXIT_FAILED);
	check_junit("out.xml", 4);
	have = without_dates("out.xml");
	check_same(have,
	    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	    "<testsuites name=\"relay-conformance\" tests=\"4\" failures=\"1\" "
	    "errors=\"0\" skipped=\"1\" time=\"0.080\">\n"
	    " <testsuite name=\"" URL " ping\" tests=\"1\" failures=\"0\" "
	    "errors=\"0\" skipped=\"0\" time=\"0.020\" "
	    "timestamp=\"TTTTTTTTTTTTTTTTTTT\">\n"
	    "  <properties>\n"
	    "   <property name=\"version\" "
	    "value=\"relay-conformance " PACKAGE_VERSION "\"/>\n"
	    "   <property name=\"seed\" value=\"7f\"/>\n"
	    "   <property name=\"target\" value=\"" URL "\"/>\n"
	    "   <property name=\"url\" value=\"" URL "\"/>\n"
	    "   <property name=\"dialect\" value=\"iroh-v3\"/>\n"
	    "   <property name=\"requirements\" value=\"iroh-v3/R-130\"/>\n"
	    "  </properties>\n"
	    "  <testcase name=\"ping.order[raw]\" classname=\"ping.order\" "
	    "file=\"conformance/scenarios/iroh-v3/ping.rly\" line=\"14\" "
	    "time=\"0.020\">\n"
	    "   <system-out>nonstrict: E-LATE late by 83 ms\n"
	    "</system-out>\n"
	    "  </testcase>\n"
	    " </testsuite>\n"
	    " <testsuite name=\"" URL " relay\" tests=\"3\" failures=\"1\" "
	    "errors=\"0\" skipped=\"1\" time=\"0.060\" "
	    "timestamp=\"TTTTTTTTTTTTTTTTTTT\">\n"
	    "  <properties>\n"
	    "   <property name=\"version\" "
	    "value=\"relay-conformance " PACKAGE_VERSION "\"/>\n"
	    "   <property name=\"seed\" value=\"7f\"/>\n"
	    "   <property name=\"target\" value=\"" URL "\"/>\n"
	    "   <property name=\"url\" value=\"" URL "\"/>\n"
	    "   <property name=\"dialect\" value=\"iroh-v3\"/>\n"
	    "   <property name=\"requirements\" value=\"iroh-v3/R-120\"/>\n"
	    "  </properties>\n"
	    "  <testcase name=\"relay.basic[raw]\" classname=\"relay.basic\" "
	    "file=\"conformance/scenarios/iroh-v3/relay.rly\" line=\"4\" "
	    "time=\"0.040\"/>\n"
	    "  <testcase name=\"relay.metrics[raw]\" "
	    "classname=\"relay.metrics\" "
	    "file=\"conformance/scenarios/iroh-v3/relay.rly\" line=\"15\" "
	    "time=\"0.000\">\n"
	    "   <skipped message=\"unsupported: needs metrics\"/>\n"
	    "  </testcase>\n"
	    "  <testcase name=\"relay.alone[raw]\" classname=\"relay.alone\" "
	    "file=\"conformance/scenarios/iroh-v3/relay.rly\" line=\"24\" "
	    "time=\"0.020\">\n"
	    "   <failure type=\"E-WRONG\" message=\"expected &quot;a&quot;\\n, "
	    "got \\x1b[31m&lt;b&gt;\\x01\">"
	    "conformance/scenarios/iroh-v3/relay.rly:30\n"
	    "expected: A &lt;- Pong data==x&quot;01*8&quot;\n"
	    "actual: expected &quot;a&quot;\n"
	    ", got \\x1b[31m&lt;b&gt;\\x01\n"
	    "level: MUST\n"
	    "requirements: iroh-v3/R-120\n"
	    "again: relay-conformance run " URL " 'relay.alone[raw]' "
	    "--seed 7f\n"
	    "</failure>\n"
	    "  </testcase>\n"
	    " </testsuite>\n"
	    "</testsuites>\n");
	free(have);
}
END_TEST

START_TEST(no_byte_of_a_peer_breaks_the_xml)
{
	make_nasty();
	ck_assert_int_eq(play(says_nasty_things,
			     URL " --slow --strict --report junit=out.xml"),
	    EXIT_FAILED);
	check_junit("out.xml", 10);
	check_holds("out.xml", "\\x01\\x02");
	check_holds("out.xml",
	    "\\xef\\xbf\\xbe\\xef\\xbf\\xbf\\xed\\xa0\\x80"
	    "\xc3\xa4\\xc2\\x85"
	    "end");
}
END_TEST

static struct fake_end
takes_long(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	return (struct fake_end){ .code = CODE_OK,
		.took_ns = INT64_C(1234500) * NS_PER_MS };
}

START_TEST(times_have_no_separators)
{
	ck_assert_int_eq(play(takes_long,
			     URL " ping.order --report junit=out.xml"),
	    0);
	check_junit("out.xml", 2);
	check_holds("out.xml", "time=\"1234.500\"");
	check_holds("out.xml", "time=\"2469.000\"");
}
END_TEST

static struct fake_end
hangs(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	if (strncmp(name, "relay.alone", 11) == 0)
		return (struct fake_end){ .code = FAKE_HANGS };
	return all_well(t, name, control, nth);
}

#define ALL                                                                    \
	" --report junit=out.xml --report md=out.md --report json=out.json"    \
	" --report jsonl=out.jsonl --report tap=out.tap"

static json_t *
read_result(void)
{
	json_error_t e;
	json_t *o = json_load_file("out.json", 0, &e);

	ck_assert_msg(o != NULL, "line %d: %s", e.line, e.text);
	return o;
}

START_TEST(a_run_that_is_cut_short_is_marked_in_every_report)
{
	json_t *o;

	ck_assert_int_eq(play(hangs, URL " --timeout 50ms" ALL), EXIT_TIMEOUT);
	check_junit("out.xml", 9);
	check_holds("out.xml",
	    "<property name=\"partial\" value=\"the run was cut short\"/>");
	check_holds("out.xml", "<error type=\"inconclusive\"");
	check_holds("out.md", "**Partial: the run was cut short.**");
	check_holds("out.jsonl", "\"partial\":true");
	check_holds("out.tap", "\nBail out! --timeout was over\n");
	o = read_result();
	ck_assert(json_is_true(json_object_get(o, "partial")));
	json_decref(o);
}
END_TEST

static struct fake_end
all_down(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	return (struct fake_end){ .code = CODE_CONNECT, .message = "refused" };
}

START_TEST(a_target_that_is_down_is_an_error_in_every_report)
{
	ck_assert_int_eq(play(all_down, URL ALL), EXIT_INFRASTRUCTURE);
	check_junit("out.xml", 9);
	check_holds("out.xml", "errors=\"9\"");
	check_holds("out.md", "**not passed** (exit 4)");
	check_holds("out.md", "**Lost: target " URL ":** the canary");
	check_holds("out.json", "\"error\": 9");
}
END_TEST

START_TEST(stale_deviations_are_failures)
{
	spill("my.dev",
	    "rly-deviations 1\ntarget x\n"
	    "deviates relay.* observed E-WRONG\n  because \"so & so\"\n");
	ck_assert_int_eq(play(one_fails,
			     URL " relay.* --deviations my.dev" ALL),
	    EXIT_FAILED);
	check_junit("out.xml", 4); /* three cases and the stale line */
	check_holds("out.xml", "<skipped message=\"xfail: so &amp; so\"/>");
	check_holds("out.xml", "<failure type=\"xpass\"");
	check_holds("out.xml", "<failure type=\"stale\" message=\"my.dev:3: ");
	check_holds("out.md", "**Stale deviations:**\n\n```\nmy.dev:3: ");
	check_holds("out.tap", "\n# stale: my.dev:3: ");
	check_holds("out.json", "\"because\": \"so & so\"");
}
END_TEST

/* ---- Markdown ---- */

START_TEST(the_markdown_report_is_this)
{
	char *have, *p;

	ck_assert_int_eq(play(one_fails,
			     URL " --seed 7f ping.order[raw] relay.*"
				 " --report md=out.md"),
	    EXIT_FAILED);
	have = slurp("out.md");
	p = strstr(have, "`7f`, ");
	ck_assert_ptr_nonnull(p);
	p[6] = 'T';
	memmove(p + 7, strstr(p, " s, "), strlen(strstr(p, " s, ")) + 1);
	check_same(have,
	    "## relay-conformance: **not passed** (exit 1)\n"
	    "\n"
	    "| target | pass | nonstrict | info | fail | xfail | xpass | "
	    "unsupported | skipped | inconclusive | error |\n"
	    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
	    "| " URL " | 1 | 1 | 0 | 1 | 0 | 0 | 1 | 0 | 0 | 0 |\n"
	    "\n"
	    "<details><summary>fail: relay.alone[raw] E-WRONG</summary>\n"
	    "\n"
	    "Alone (MUST iroh-v3/R-120)\n"
	    "\n"
	    "```\n"
	    "conformance/scenarios/iroh-v3/relay.rly:30\n"
	    "expected: A <- Pong data==x\"01*8\"\n"
	    "actual:   expected \"a\"\n"
	    ", got \\x1b[31m<b>\\x01\n"
	    "again:    relay-conformance run " URL " 'relay.alone[raw]' "
	    "--seed 7f\n"
	    "```\n"
	    "\n"
	    "</details>\n"
	    "\n"
	    "4 selected of 10, controls 1 of 1 ok, canaries 4 of 4 ok, seed "
	    "`7f`, T s, relay-conformance " PACKAGE_VERSION "\n");
	free(have);
}
END_TEST

START_TEST(no_fence_is_closed_by_a_peer)
{
	make_nasty();
	ck_assert_int_eq(play(says_nasty_things,
			     URL " relay.alone --report md=out.md"
				 " --report json=out.json"),
	    EXIT_FAILED);
	check_holds("out.md", "\n```````\n"); /* one more than the peer's six */
	json_decref(read_result());
}
END_TEST

/* ---- several runs in a file ---- */

static size_t
count_in(const char *file, const char *part)
{
	char *text = slurp(file);
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
		n++;
	free(text);
	return n;
}

#define APPEND                                                                 \
	" --append-run --report jsonl=out.jsonl --report text=out.txt"         \
	" --report md=out.md"

START_TEST(a_run_can_be_added_to_a_report)
{
	ck_assert_int_eq(play(one_fails, URL " relay.alone" APPEND),
	    EXIT_FAILED);
	ck_assert_int_eq(play(all_well, URL " ping.order" APPEND), 0);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"run\","), 2);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"end\","), 2);
	ck_assert_uint_eq(count_in("out.txt", "\nexit "), 2);
	ck_assert_uint_eq(count_in("out.md", "## relay-conformance: "), 2);
	/* each is judged, and the worse counts */
	ck_assert_int_eq(play_command(cmd_judge, all_well, "judge out.jsonl"),
	    EXIT_FAILED);
	ck_assert_int_eq(play_command(cmd_judge, all_well,
			     "judge out.jsonl --report text=out.txt"),
	    EXIT_USAGE);
	/* without it the file is replaced */
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --report jsonl=out.jsonl"),
	    0);
	ck_assert_uint_eq(count_in("out.jsonl", "{\"type\":\"run\","), 1);
}
END_TEST

START_TEST(none_is_added_to_half_a_run)
{
	static const char half[] = "{\"type\":\"run\",\"v\":1}\n";

	spill("out.jsonl", half);
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --append-run"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
	check_file("out.jsonl", half);
	spill("out.jsonl", "{\"type\":\"end\",\"v\":1}");
	ck_assert_int_eq(play(all_well,
			     URL " ping.order --append-run"
				 " --report jsonl=out.jsonl"),
	    EXIT_INFRASTRUCTURE);
}
END_TEST

/* Another run ends first. */
static struct fake_end
overtaken(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	spill("out.txt", "another\n");
	return (struct fake_end){ .code = CODE_OK };
}

START_TEST(no_run_of_another_is_lost)
{
	ck_assert_int_eq(play(overtaken,
			     URL " ping.order --append-run"
				 " --report text=out.txt"),
	    EXIT_INFRASTRUCTURE);
	check_file("out.txt", "another\n");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("report files");
	TCase *t = tcase_create("report files");

	tcase_add_checked_fixture(t, run_rig_setup, run_rig_teardown);
	tcase_add_test(t, the_junit_report_is_this);
	tcase_add_test(t, no_byte_of_a_peer_breaks_the_xml);
	tcase_add_test(t, times_have_no_separators);
	tcase_add_test(t, a_run_that_is_cut_short_is_marked_in_every_report);
	tcase_add_test(t, a_target_that_is_down_is_an_error_in_every_report);
	tcase_add_test(t, stale_deviations_are_failures);
	tcase_add_test(t, the_markdown_report_is_this);
	tcase_add_test(t, no_fence_is_closed_by_a_peer);
	tcase_add_test(t, a_run_can_be_added_to_a_report);
	tcase_add_test(t, none_is_added_to_half_a_run);
	tcase_add_test(t, no_run_of_another_is_lost);
	suite_add_tcase(s, t);
	return run_suite(s);
}
