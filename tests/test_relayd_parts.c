/* relayd's parts that need no connection: set, queue, router, metrics. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "relayd/idset.h"
#include "relayd/metrics.h"
#include "relayd/router.h"
#include "relayd/sendq.h"
#include "support.h"

/* ---- idset ---- */

START_TEST(a_set_holds_what_was_added_once)
{
	struct idset s;
	uint64_t state = 1, id;
	size_t n = 0;

	idset_init(&s);
	ck_assert(!idset_has(&s, 5));
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(idset_add(&s, test_random(&state) | 1), 1);
	state = 1;
	for (int i = 0; i < 1000; i++) {
		id = test_random(&state) | 1;
		ck_assert(idset_has(&s, id));
		ck_assert_int_eq(idset_add(&s, id), 0);
	}
	for (size_t at = 0; (id = idset_next(&s, &at)) != 0;)
		n++;
	ck_assert_uint_eq(n, 1000);
	ck_assert_uint_eq(s.count, 1000);
	ck_assert(!idset_has(&s, 2));
	idset_clear(&s);
	ck_assert(!idset_has(&s, id));
}
END_TEST

START_TEST(marks_stay_with_their_numbers)
{
	struct idset s;

	idset_init(&s);
	ck_assert_ptr_null(idset_mark(&s, 5));
	for (unsigned i = 1; i <= 1000; i++) {
		ck_assert_int_eq(idset_add(&s, i * 16), 1);
		ck_assert_uint_eq(*idset_mark(&s, i * 16), 0);
		*idset_mark(&s, i * 16) = (uint8_t)(i % 251);
	}
	for (unsigned i = 1; i <= 1000; i++)
		ck_assert_uint_eq(*idset_mark(&s, i * 16), i % 251);
	ck_assert_ptr_null(idset_mark(&s, 5));
	idset_clear(&s);
}
END_TEST

/* ---- sendq ---- */

static void
push_lent(struct sendq *q, const char *text)
{
	ck_assert(sendq_push(q,
	    &(struct sendq_frame){ .bytes = (const uint8_t *)text,
		.len = (uint32_t)strlen(text) }));
}

static void
push_owned(struct sendq *q, const char *text)
{
	char *own = strdup(text);

	ck_assert_ptr_nonnull(own);
	ck_assert(sendq_push(q,
	    &(struct sendq_frame){ .bytes = (const uint8_t *)own,
		.own = own,
		.len = (uint32_t)strlen(text) }));
}

static void
expect_front(struct sendq *q, const char *text)
{
	const struct sendq_frame *f = sendq_at(q, 0);

	ck_assert_bytes(f->bytes, f->len, text, strlen(text));
	sendq_pop(q, 1);
}

START_TEST(a_queue_keeps_order_through_growth_and_wrapping)
{
	struct sendq q;
	char text[16];
	int in = 0, out = 0;

	sendq_init(&q);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 7; i++) {
			snprintf(text, sizeof(text), "frame %d", in++);
			push_owned(&q, text);
		}
		for (int i = 0; i < 5; i++) {
			snprintf(text, sizeof(text), "frame %d", out++);
			expect_front(&q, text);
		}
	}
	ck_assert_uint_eq(q.count, 100);
	while (out < in) {
		snprintf(text, sizeof(text), "frame %d", out++);
		expect_front(&q, text);
	}
	ck_assert_uint_eq(q.bytes, 0);
	ck_assert_uint_eq(q.size, 0); /* a large ring is given back */
}
END_TEST

START_TEST(what_is_lent_is_copied_when_the_turn_ends)
{
	char first[] = "first", third[] = "third";
	struct sendq q;

	sendq_init(&q);
	push_lent(&q, first);
	push_owned(&q, "second");
	push_lent(&q, third);
	ck_assert_uint_eq(sendq_own(&q), 0);
	memset(first, 'x', 5);
	memset(third, 'x', 5);
	expect_front(&q, "first");
	expect_front(&q, "second");
	expect_front(&q, "third");
	sendq_clear(&q);
}
END_TEST

START_TEST(a_backlog_is_told_once_it_is_over)
{
	struct sendq q;

	sendq_init(&q);
	push_lent(&q, "gone at once");
	sendq_pop(&q, 1);
	sendq_own(&q);
	ck_assert_uint_eq(sendq_end_backlog(&q), 0);
	push_lent(&q, "12345");
	push_owned(&q, "678");
	sendq_own(&q);
	sendq_pop(&q, 1);
	sendq_own(&q);
	ck_assert_uint_eq(sendq_end_backlog(&q), 0); /* not yet */
	sendq_pop(&q, 1);
	ck_assert_uint_eq(sendq_end_backlog(&q), 8);
	ck_assert_uint_eq(sendq_end_backlog(&q), 0);
	push_lent(&q, "1234");
	sendq_own(&q);
	sendq_clear(&q);
	ck_assert_uint_eq(sendq_end_backlog(&q), 4);
}
END_TEST

START_TEST(a_queue_is_bounded_in_frames_and_bytes)
{
	const struct sendq_limits limits = { .frames = 3, .bytes = 10 };
	struct sendq q;

	sendq_init(&q);
	ck_assert(!sendq_is_full(&q, &limits, 1000)); /* one always fits */
	push_lent(&q, "1234");
	ck_assert(!sendq_is_full(&q, &limits, 6));
	ck_assert(sendq_is_full(&q, &limits, 7));
	push_lent(&q, "1");
	push_lent(&q, "1");
	ck_assert(sendq_is_full(&q, &limits, 0));
	sendq_pop(&q, 1);
	ck_assert(!sendq_is_full(&q, &limits, 8));
	sendq_clear(&q);
}
END_TEST

/* ---- router ---- */

struct fake {
	struct endpoint ep;
	int packets, gone, replaced;
	bool full;
	struct rk_key last_from, last_gone;
};

static struct fake *
fake_of(struct endpoint *ep)
{
	return (struct fake *)ep; /* the first member */
}

static bool
fake_packet(struct endpoint *to, const struct rk_key *from,
    const struct lent_packet *p)
{
	struct fake *f = fake_of(to);

	f->last_from = *from;
	f->packets += !f->full;
	return !f->full;
}

static void
fake_gone(struct endpoint *to, const struct rk_key *who)
{
	fake_of(to)->last_gone = *who;
	fake_of(to)->gone++;
}

static void
fake_replaced(struct endpoint *old)
{
	fake_of(old)->replaced++;
}

static const struct endpoint_ops fake_ops = { fake_packet, fake_gone,
	fake_replaced };

static struct router *router;

static void
start_router(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
	router = router_new();
	ck_assert_ptr_nonnull(router);
}

static void
stop_router(void)
{
	router_free(router);
}

static struct rk_key
key_of(unsigned n)
{
	struct rk_key key = { { 0 } };

	memcpy(key.b, &n, sizeof(n));
	return key;
}

static void
enter(struct fake *f, unsigned n)
{
	struct rk_key key = key_of(n);

	*f = (struct fake){ .ep.ops = &fake_ops };
	ck_assert(router_enter(router, &f->ep, &key));
}

static enum route_result
route(struct fake *from, unsigned to)
{
	uint8_t body[RK_KEY_LEN] = { 0 };
	struct lent_packet p = { .body = body, .len = sizeof(body) };
	struct rk_key key = key_of(to);

	return router_route(router, &from->ep, &key, &p);
}

START_TEST(a_packet_reaches_the_key_and_nobody_else)
{
	struct rk_key one = key_of(1);
	struct fake a, b, c;

	enter(&a, 1);
	enter(&b, 2);
	enter(&c, 3);
	ck_assert_int_eq(route(&a, 2), ROUTE_QUEUED);
	ck_assert_int_eq(b.packets, 1);
	ck_assert(rk_key_equal(&b.last_from, &one));
	ck_assert_int_eq(c.packets + a.packets, 0);
	ck_assert_int_eq(route(&a, 4), ROUTE_UNKNOWN);
	b.full = true;
	ck_assert_int_eq(route(&a, 2), ROUTE_FULL);
	ck_assert_int_eq(route(&a, 1), ROUTE_QUEUED); /* to itself */
	ck_assert_int_eq(a.packets, 1);
	ck_assert_uint_eq(router_count(router), 3);
}
END_TEST

START_TEST(who_was_sent_to_hears_once_of_the_departure)
{
	struct rk_key one = key_of(1);
	struct fake a, b, c, d, late;

	enter(&a, 1);
	enter(&b, 2);
	enter(&c, 3);
	enter(&d, 4);
	d.full = true;
	for (int i = 0; i < 10; i++) {
		route(&a, 2);
		route(&a, 1);
		route(&a, 4); /* never gets in */
		route(&a, 5); /* is not there yet */
		route(&c, 1);
	}
	enter(&late, 5);
	router_leave(router, &a.ep, true);
	ck_assert_int_eq(b.gone, 1);
	ck_assert(rk_key_equal(&b.last_gone, &one));
	ck_assert_int_eq(a.gone + c.gone + d.gone + late.gone, 0);
	ck_assert_int_eq(route(&c, 1), ROUTE_UNKNOWN);
	router_leave(router, &a.ep, true); /* nothing happens */
	ck_assert_int_eq(b.gone, 1);
}
END_TEST

START_TEST(a_replacement_tells_nobody_and_keeps_who_was_sent_to)
{
	struct fake old, new, b;

	enter(&old, 1);
	enter(&b, 2);
	route(&old, 2);
	enter(&new, 1);
	ck_assert_int_eq(old.replaced, 1);
	ck_assert_int_eq(b.gone, 0);
	router_leave(router, &old.ep, true);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_int_eq(route(&b, 1), ROUTE_QUEUED);
	ck_assert_int_eq(new.packets, 1);
	ck_assert_int_eq(old.packets, 0);
	router_leave(router, &new.ep, true);
	ck_assert_int_eq(b.gone, 1);
}
END_TEST

START_TEST(the_notice_goes_to_the_current_connection_of_a_key)
{
	struct fake a, b, again;

	enter(&a, 1);
	enter(&b, 2);
	route(&a, 2);
	router_leave(router, &b.ep, true);
	enter(&again, 2);
	router_leave(router, &a.ep, true);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_int_eq(again.gone, 1);
}
END_TEST

START_TEST(a_stop_tells_nobody)
{
	struct fake a, b;

	enter(&a, 1);
	enter(&b, 2);
	route(&a, 2);
	router_leave(router, &a.ep, false);
	ck_assert_int_eq(b.gone, 0);
	ck_assert_uint_eq(router_count(router), 1);
}
END_TEST

START_TEST(thousands_of_keys_come_and_go)
{
	enum {
		N = 3000
	};
	struct fake *f = calloc(N, sizeof(*f));

	ck_assert_ptr_nonnull(f);
	for (unsigned i = 0; i < N; i++)
		enter(&f[i], i + 1);
	for (unsigned i = 0; i < N; i++)
		ck_assert_int_eq(route(&f[i], (i + 7) % N + 1), ROUTE_QUEUED);
	ck_assert_uint_eq(router_count(router), N);
	for (unsigned i = 0; i < N; i++)
		router_leave(router, &f[i].ep, true);
	ck_assert_uint_eq(router_count(router), 0);
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(f[i].packets, 1);
		/* those that left later than who had sent to them */
		ck_assert_int_eq(f[i].gone, i >= 7);
	}
	free(f);
}
END_TEST

/* ---- metrics ---- */

START_TEST(the_exposition_ends_as_openmetrics_wants)
{
	struct metrics m = { .send_packets_recv = 7 };
	struct text t;

	m.ended[ENDING_EOF][STAGE_OPEN] = 3;
	text_init(&t);
	metrics_write(&m, GENERATION_BOTH, &t);
	ck_assert_ptr_nonnull(strstr(t.s,
	    "# TYPE relayserver_send_packets_recv counter\n"
	    "relayserver_send_packets_recv_total 7\n"));
	ck_assert_ptr_nonnull(
	    strstr(t.s, "relayd_ended_total{end=\"eof\",stage=\"open\"} 3\n"));
	ck_assert_ptr_null(strstr(t.s, "end=\"none\""));
	ck_assert_str_eq(t.s + t.len - 6, "# EOF\n");
	text_clear(&t);
}
END_TEST

static const struct {
	uint64_t n;
	const char *first; /* bucket that has it, of packets' bytes */
} sizes[] = {
	{ 0, "64.0" },
	{ 1, "64.0" },
	{ 64, "64.0" },
	{ 65, "128.0" },
	{ 128, "128.0" },
	{ 129, "256.0" },
	{ 65535, "65536.0" },
	{ 65536, "65536.0" },
	{ 65537, "+Inf" },
	{ UINT64_MAX, "+Inf" },
};

START_TEST(a_number_is_in_the_first_bucket_that_holds_it)
{
	static const char bucket[] = "relayd_packet_bytes_bucket{le=\"";
	struct metrics m = { 0 };
	const char *at;
	bool full = false;
	struct text t;

	histogram_add(&m.packet_bytes, PACKET_BYTES_SHIFT, sizes[_i].n);
	text_init(&t);
	metrics_write(&m, GENERATION_BOTH, &t);
	for (at = strstr(t.s, bucket); at != NULL; at = strstr(at, bucket)) {
		at += strlen(bucket);
		full = full ||
		    strncmp(at, sizes[_i].first, strlen(sizes[_i].first)) == 0;
		at = strchr(at, '}') + 2;
		ck_assert_int_eq(atoi(at), full);
	}
	ck_assert(full);
	text_clear(&t);
}
END_TEST

/* What of |name| belongs to the family's own: the ends that its type has. */
static bool
is_of_family(const char *name, size_t len, const char *family, const char *type)
{
	static const struct {
		const char *type, *end;
	} ends[] = { { "counter", "_total" }, { "gauge", "" },
		{ "histogram", "_bucket" }, { "histogram", "_count" },
		{ "histogram", "_sum" } };
	char want[128];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(want, sizeof(want), "%s%s", family, ends[i].end);
		if (strcmp(ends[i].type, type) == 0 && strlen(want) == len &&
		    strncmp(name, want, len) == 0)
			return true;
	}
	return false;
}

/* One family after the other, each with its help and type in front. */
START_TEST(every_line_of_the_exposition_is_openmetrics)
{
	const struct metrics m = { 0 };
	char family[64] = "", type[16] = "", word[64], seen[8192] = "\n";
	struct text t;
	char *save = NULL;
	int n;

	text_init(&t);
	metrics_write(&m, GENERATION_BOTH, &t);
	for (char *line = strtok_r(t.s, "\n", &save);
	     line != NULL && strcmp(line, "# EOF") != 0;
	     line = strtok_r(NULL, "\n", &save)) {
		n = 0;
		if (sscanf(line, "# HELP %63s %*[^\n]%n", family, &n) == 1) {
			ck_assert_int_gt(n, 0);
			snprintf(word, sizeof(word), "\n%s\n", family);
			ck_assert_msg(strstr(seen, word) == NULL, "%s", line);
			strcat(strcat(seen, family), "\n");
			*type = '\0';
		} else if (sscanf(line, "# TYPE %63s %15s%n", word, type, &n) ==
		    2) {
			ck_assert_str_eq(word, family);
			ck_assert_int_eq(line[n], '\0');
		} else {
			ck_assert_msg(is_of_family(line, strcspn(line, "{ "),
					  family, type),
			    "%s", line);
			ck_assert_msg(strcmp(strrchr(line, ' '), " 0") == 0,
			    "%s", line);
		}
	}
	ck_assert_ptr_null(strtok_r(NULL, "\n", &save));
	text_clear(&t);
}
END_TEST

START_TEST(each_generation_has_its_names)
{
	static const struct {
		enum generation generation;
		bool derp, relay;
	} rows[] = { { GENERATION_028, true, false },
		{ GENERATION_035, false, true },
		{ GENERATION_BOTH, true, true } };
	const struct metrics m = { 0 };
	struct text t;

	text_init(&t);
	metrics_write(&m, rows[_i].generation, &t);
	ck_assert_int_eq(strstr(t.s, "derp_accepts_total") != NULL,
	    rows[_i].derp);
	ck_assert_int_eq(strstr(t.s, "relay_accepts_total") != NULL,
	    rows[_i].relay);
	/* The newer one has STUN first (D-26), and both have our own last. */
	ck_assert_int_eq(strstr(t.s, "stun_requests_total") <
		strstr(t.s, "relayserver_bytes_sent_total"),
	    rows[_i].generation == GENERATION_035);
	ck_assert_ptr_null(strstr(strstr(t.s, "\nrelayd_"), "\nstun_"));
	ck_assert_ptr_null(strstr(strstr(t.s, "\nrelayd_"), "\nrelayserver_"));
	text_clear(&t);
}
END_TEST

START_TEST(numbers_of_two_loops_add_up)
{
	struct metrics a = { .accepts = 1, .clients = 2 };
	const struct metrics b = { .accepts = 10, .clients = 20 };

	metrics_add(&a, &b);
	ck_assert_uint_eq(a.accepts, 11);
	ck_assert_uint_eq(a.clients, 22);
}
END_TEST

static void
add_router_tests(Suite *s)
{
	TCase *tc = tcase_create("router");

	tcase_add_checked_fixture(tc, start_router, stop_router);
	tcase_add_test(tc, a_packet_reaches_the_key_and_nobody_else);
	tcase_add_test(tc, who_was_sent_to_hears_once_of_the_departure);
	tcase_add_test(tc,
	    a_replacement_tells_nobody_and_keeps_who_was_sent_to);
	tcase_add_test(tc, the_notice_goes_to_the_current_connection_of_a_key);
	tcase_add_test(tc, a_stop_tells_nobody);
	tcase_add_test(tc, thousands_of_keys_come_and_go);
	suite_add_tcase(s, tc);
}

int
main(void)
{
	Suite *s = suite_create("relayd parts");
	TCase *tc = tcase_create("set, queue, metrics");

	tcase_add_test(tc, a_set_holds_what_was_added_once);
	tcase_add_test(tc, marks_stay_with_their_numbers);
	tcase_add_test(tc, a_queue_keeps_order_through_growth_and_wrapping);
	tcase_add_test(tc, what_is_lent_is_copied_when_the_turn_ends);
	tcase_add_test(tc, a_queue_is_bounded_in_frames_and_bytes);
	tcase_add_test(tc, a_backlog_is_told_once_it_is_over);
	tcase_add_test(tc, the_exposition_ends_as_openmetrics_wants);
	tcase_add_test(tc, every_line_of_the_exposition_is_openmetrics);
	tcase_add_rows(tc, a_number_is_in_the_first_bucket_that_holds_it,
	    sizes);
	tcase_add_loop_test(tc, each_generation_has_its_names, 0, 3);
	tcase_add_test(tc, numbers_of_two_loops_add_up);
	suite_add_tcase(s, tc);
	add_router_tests(s);
	return run_suite(s);
}
