/* HTTP heads against the grammar of RFC 9112 as regular expressions. */
#include "config.h"

#include <string.h>

#include "codec/http.h"
#include "http_grammar.h"
#include "support.h"

static bool
is_response(enum grammar g)
{
	return g == GRAMMAR_RESPONSE_STRICT || g == GRAMMAR_RESPONSE_TOLERANT;
}

static int
parse(enum grammar g, const void *p, size_t len, struct rk_http_head *h)
{
	struct rk_http_limits l;

	rk_http_limits_default(&l);
	if (g == GRAMMAR_REQUEST_STRICT || g == GRAMMAR_RESPONSE_STRICT)
		l.flags = 0;
	return is_response(g) ? rk_http_parse_response(p, len, &l, h)
			      : rk_http_parse_request(p, len, &l, h);
}

/* A request target is judged when its end is there. */
static bool
target_is_open(enum grammar g, const uint8_t *p, size_t len)
{
	const uint8_t *blank = memchr(p, ' ', len);

	return !is_response(g) && blank != NULL &&
	    memchr(blank + 1, ' ', len - (size_t)(blank + 1 - p)) == NULL;
}

struct tally {
	unsigned accepted;
	unsigned refused;
	unsigned unfinished;
};

static void
compare(enum grammar g, const uint8_t *p, size_t len, struct tally *t)
{
	size_t whole = grammar_match(g, p, len);
	struct rk_http_head h;
	int err = parse(g, p, len, &h);

	if (err == RK_OK) {
		ck_assert_uint_eq(h.len, whole);
		t->accepted++;
	} else if (err == RK_ERR_AGAIN) {
		ck_assert_uint_eq(whole, 0);
		ck_assert(
		    target_is_open(g, p, len) || grammar_can_go_on(g, p, len));
		t->unfinished++;
	} else {
		/* The part up to the fault was fine, the rest makes it bad. */
		ck_assert_uint_eq(whole, 0);
		ck_assert(!grammar_can_go_on(g, p, len));
		ck_assert_uint_lt(h.error_at, len);
		t->refused++;
	}
}

START_TEST(the_grammar_says_the_same)
{
	enum grammar g = (enum grammar)_i;
	uint8_t head[MUTANT_MAX];
	struct tally t = { 0 };
	uint64_t seed = (uint64_t)_i;

	for (int round = 0; round < 4000; round++) {
		size_t len = grammar_mutant(is_response(g), &seed, head);

		compare(g, head, len, &t);
	}
	/* The test is about something. */
	ck_assert_uint_gt(t.accepted, 300);
	ck_assert_uint_gt(t.refused, 300);
	ck_assert_uint_gt(t.unfinished, 150);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http against its grammar");
	TCase *tc = tcase_create("grammar");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, the_grammar_says_the_same, 0, NGRAMMARS);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
