/* Normalised transcripts, and the classes of behaviour that follow. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "codec/upgrade.h"
#include "conformance/diff.h"
#include "fake_engine.h"
#include "support.h"

/* ---- transcripts ---- */

static void
setup(void)
{
	ck_assert_int_eq(rk_keys_init(), RK_OK);
}

/* A frame with up to two fields, each |len| bytes of one value. */
static void
add_frame(struct transcript *t, int conn, enum direction dir, const char *name,
    int line, int a, size_t alen, int b, size_t blen)
{
	uint8_t payload[128];
	struct event e = {
		.kind = EVENT_FRAME,
		.dir = dir,
		.conn = conn,
		.line = line,
		.bytes = payload,
		.len = alen + blen,
		.dialect = rk_dialects()[0],
	};

	memset(payload, a, alen);
	memset(payload + alen, b, blen);
	e.type = rk_frame_spec_by_name(e.dialect, name)->type;
	transcript_add(t, &e);
}

static void
add_packet(struct transcript *t, int conn, enum direction dir, int key,
    int data, size_t len)
{
	add_frame(t, conn, dir, dir == DIR_C2S ? "SendPacket" : "RecvPacket", 7,
	    key, 32, data, len);
}

static void
add_head(struct transcript *t, int conn, enum direction dir, const char *head)
{
	struct event e = {
		.kind = EVENT_HTTP,
		.dir = dir,
		.conn = conn,
		.bytes = (uint8_t *)(uintptr_t)head,
		.len = strlen(head),
	};

	transcript_add(t, &e);
}

static void
add_ended(struct transcript *t, int conn, enum direction dir,
    enum ending ending)
{
	struct event e = {
		.kind = EVENT_ENDED,
		.dir = dir,
		.conn = conn,
		.ending = ending,
	};

	transcript_add(t, &e);
}

static struct transcript *
two_conns(void)
{
	struct transcript *t = transcript_new();

	transcript_add_conn(t, "A");
	transcript_add_conn(t, "B");
	return t;
}

/* All lanes as text, "A data: x; y\n"; the transcript is freed. */
static const char *
normal_text(struct transcript *t)
{
	static struct text out[4];
	static unsigned turn;
	struct text *o = &out[turn++ % 4];
	struct case_result r = { .code = CODE_OK, .transcript = t };
	struct normal *n = normal_new(&r);

	text_reset(o);
	for (size_t i = 0; i < n->n; i++) {
		text_addf(o, "%s:", n->lanes[i].name);
		for (size_t k = 0; k < n->lanes[i].n; k++)
			text_addf(o, " %s;", n->lanes[i].items[k].text);
		text_add(o, "\n");
	}
	normal_free(n);
	transcript_free(t);
	return text_str(o);
}

static struct transcript *
exchange(int alice, int bob, int nonce, int data, int received)
{
	struct transcript *t = two_conns();

	add_frame(t, 0, DIR_C2S, "Ping", 5, nonce, 8, 0, 0);
	add_frame(t, 0, DIR_S2C, "Pong", 6, nonce, 8, 0, 0);
	add_packet(t, 0, DIR_C2S, bob, data, 40);
	add_packet(t, 1, DIR_S2C, alice, received, 40);
	return t;
}

START_TEST(equalities_survive_and_values_do_not)
{
	ck_assert_str_eq(normal_text(exchange(1, 2, 3, 4, 4)),
	    "A pong: Pong data=N1;\n"
	    "B data: RecvPacket key=K2 data=D1;\n");
	ck_assert_str_eq(normal_text(exchange(1, 2, 3, 4, 4)),
	    normal_text(exchange(11, 12, 13, 14, 14)));
}
END_TEST

START_TEST(data_that_nobody_sent_is_shown)
{
	const char *s = normal_text(exchange(1, 2, 3, 4, 5));

	ck_assert_msg(strstr(s, "data=0505050505") != NULL, "%s", s);
}
END_TEST

START_TEST(a_key_that_is_another_is_another)
{
	/* the packet comes from its own addressee */
	ck_assert_str_eq(normal_text(exchange(2, 2, 3, 4, 4)),
	    "A pong: Pong data=N1;\n"
	    "B data: RecvPacket key=K1 data=D1;\n");
}
END_TEST

static struct transcript *
three_frames(bool pong_first, bool swapped)
{
	struct transcript *t = two_conns();

	if (pong_first)
		add_frame(t, 1, DIR_S2C, "Pong", 6, 9, 8, 0, 0);
	add_packet(t, 1, DIR_S2C, 1, swapped ? 2 : 1, 4);
	add_packet(t, 1, DIR_S2C, 1, swapped ? 1 : 2, 4);
	if (!pong_first)
		add_frame(t, 1, DIR_S2C, "Pong", 6, 9, 8, 0, 0);
	return t;
}

START_TEST(order_counts_within_a_lane_only)
{
	ck_assert_str_eq(normal_text(three_frames(true, false)),
	    normal_text(three_frames(false, false)));
	ck_assert_str_ne(normal_text(three_frames(true, false)),
	    normal_text(three_frames(true, true)));
}
END_TEST

START_TEST(headers_are_compared_whatever_their_order)
{
	struct transcript *t = two_conns(), *u = two_conns();

	add_head(t, 0, DIR_S2C,
	    "HTTP/1.1 404 Not Found\r\nB: 2\r\na: 1\r\nDate: now\r\n\r\n");
	add_head(u, 0, DIR_S2C,
	    "HTTP/1.1 404 Gone\r\nDATE: later\r\nA: 1\r\nb:   2 \r\n\r\n");
	ck_assert_str_eq(normal_text(t), "A http: http 1.1 404; a: 1; b: 2;\n");
	ck_assert_str_eq(normal_text(u), "A http: http 1.1 404; a: 1; b: 2;\n");
}
END_TEST

static struct transcript *
ws_upgrade(const char *key, const char *accept)
{
	struct transcript *t = two_conns();
	char *ask =
	    xasprintf("GET /relay HTTP/1.1\r\nSec-WebSocket-Key: %s\r\n\r\n",
		key);
	char *answer =
	    xasprintf("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);

	add_head(t, 0, DIR_C2S, ask);
	add_head(t, 0, DIR_S2C, answer);
	free(ask);
	free(answer);
	return t;
}

START_TEST(a_right_accept_value_is_valid)
{
	/* RFC 6455 section 1.3 */
	ck_assert_str_eq(normal_text(ws_upgrade("dGhlIHNhbXBsZSBub25jZQ==",
			     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")),
	    "A http: http 1.1 101; sec-websocket-accept: valid;\n");
	ck_assert_str_eq(normal_text(ws_upgrade("dGhlIHNhbXBsZSBub25jZQ==",
			     "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")),
	    "A http: http 1.1 101; sec-websocket-accept: "
	    "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=;\n");
}
END_TEST

START_TEST(how_a_connection_was_closed_is_noise)
{
	struct transcript *t = two_conns();

	add_ended(t, 0, DIR_S2C, ENDING_EOF);
	add_ended(t, 1, DIR_S2C, ENDING_RESET);
	ck_assert_str_eq(normal_text(t), "A end: closed;\nB end: closed;\n");
	/* and what comes behind our own end says nothing */
	t = two_conns();
	add_ended(t, 0, DIR_C2S, ENDING_EOF);
	add_ended(t, 0, DIR_S2C, ENDING_EOF);
	add_ended(t, 1, DIR_S2C, ENDING_EOF);
	ck_assert_str_eq(normal_text(t), "B end: closed;\n");
}
END_TEST

START_TEST(liveness_counts_once)
{
	struct transcript *t = two_conns();

	for (int i = 0; i < 3; i++)
		add_frame(t, 0, DIR_S2C, "Ping", 0, 50 + i, 8, 0, 0);
	add_frame(t, 0, DIR_S2C, "KeepAlive", 0, 0, 0, 0, 0);
	ck_assert_str_eq(normal_text(t),
	    "A liveness: Ping data=N1; KeepAlive;\n");
}
END_TEST

START_TEST(pieces_of_bytes_are_one)
{
	struct transcript *t = two_conns();
	struct event e = {
		.kind = EVENT_BYTES,
		.dir = DIR_S2C,
		.bytes = (uint8_t[]){ 1, 2, 3 },
		.len = 2,
	};

	transcript_add(t, &e);
	e.len = 3;
	transcript_add(t, &e);
	ck_assert_str_eq(normal_text(t), "A bytes: bytes 0102010203;\n");
}
END_TEST

START_TEST(a_frame_that_is_none_is_shown_with_its_fault)
{
	struct transcript *t = two_conns();
	const char *s;

	add_frame(t, 0, DIR_S2C, "PeerGone", 0, 1, 31, 0, 0);
	s = normal_text(t);
	ck_assert_msg(strncmp(s, "A gone: PeerGone key=K1 (", 25) == 0, "%s",
	    s);
}
END_TEST

/* ---- comparisons ---- */

static void
say_hello(struct transcript *t)
{
	transcript_add_conn(t, "A");
	add_packet(t, 0, DIR_C2S, 1, 4, 20);
	add_packet(t, 0, DIR_S2C, 1, 4, 20);
}

static void
say_other(struct transcript *t)
{
	transcript_add_conn(t, "A");
	add_packet(t, 0, DIR_C2S, 1, 4, 20);
	add_packet(t, 0, DIR_S2C, 1, 5, 20);
}

static void
say_nothing(struct transcript *t)
{
	transcript_add_conn(t, "A");
	add_packet(t, 0, DIR_C2S, 1, 4, 20);
}

static bool
is_host(const struct engine_target *t, const char *host)
{
	return strcmp(t->url.host, host) == 0;
}

static struct fake_end
three_relays(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK, .events = say_hello };

	if (strcmp(name, "ping.order[raw]") == 0 && is_host(t, "127.0.0.3"))
		e.events = say_nothing;
	if (strcmp(name, "ping.order[ws]") == 0 && is_host(t, "127.0.0.2"))
		e.events = nth % 2 == 0 ? say_hello : say_other;
	if (strcmp(name, "relay.alone[raw]") == 0 && is_host(t, "127.0.0.2"))
		e.code = CODE_HARNESS_LATE;
	return e;
}

struct comparison {
	struct options o;
	struct run r;
	struct diff *d;
	int status;
};

static void
compare(struct comparison *c, fake_play how, const char *args)
{
	char *line = xasprintf("diff %s", args), *argv[32], *p = line;
	int argc = 0;

	fake_engine_set(how);
	for (; (argv[argc] = strsep(&p, " ")) != NULL; argc++)
		ck_assert_int_lt(argc, 31);
	ck_assert_int_eq(options_parse(&c->o, FOR_DIFF, "", argc, argv), 0);
	ck_assert_int_eq(run_prepare(&c->r, &c->o), 0);
	c->r.observe = true;
	c->status = run_observe(&c->r);
	c->d = diff_new(&c->r);
	free(line);
}

static void
end_comparison(struct comparison *c)
{
	diff_free(c->d);
	run_clear(&c->r);
	options_clear(&c->o);
}

static const struct diff_case *
find_case(const struct comparison *c, const char *name)
{
	for (size_t i = 0; i < c->d->n; i++)
		if (strcmp(c->d->cases[i].name, name) == 0)
			return &c->d->cases[i];
	ck_abort_msg("no case %s", name);
	return NULL;
}

#define THREE "http://127.0.0.1:9 http://127.0.0.2:9 http://127.0.0.3:9 "

START_TEST(relays_that_differ_are_of_two_classes)
{
	struct comparison c;
	const struct diff_case *one;

	compare(&c, three_relays, THREE "ping.order[raw] relay.basic");
	ck_assert_int_eq(c.status, 0);
	ck_assert_uint_eq(c.d->compared, 2);
	ck_assert_uint_eq(c.d->split, 1);
	one = find_case(&c, "ping.order[raw]");
	ck_assert_uint_eq(one->nclasses, 2);
	ck_assert_uint_eq(one->class_of[0], 0);
	ck_assert_uint_eq(one->class_of[1], 0);
	ck_assert_uint_eq(one->class_of[2], 1);
	ck_assert_str_eq(one->lane, "A data");
	ck_assert_str_eq(diff_did(one, 0), "RecvPacket key=K1 data=D1");
	ck_assert_str_eq(diff_did(one, 2), "(nothing)");
	ck_assert_uint_eq(find_case(&c, "relay.basic[raw]")->nclasses, 1);
	ck_assert_uint_eq(diff_agreement(c.d, 0, 1), 2);
	ck_assert_uint_eq(diff_agreement(c.d, 0, 2), 1);
	end_comparison(&c);
}
END_TEST

START_TEST(the_relays_are_played_one_behind_the_other_without_controls)
{
	struct comparison c;

	compare(&c, three_relays,
	    "http://127.0.0.1:9 http://127.0.0.3:9 --calibrate 1 relay.basic");
	ck_assert_str_eq(fake_engine_log(),
	    "ping.echo[raw,p=#1]\nrelay.basic[raw]\nping.echo[raw,p=#1]\n"
	    "ping.echo[raw,p=#1]\nrelay.basic[raw]\nping.echo[raw,p=#1]\n");
	end_comparison(&c);
}
END_TEST

START_TEST(what_varies_within_a_relay_is_no_difference)
{
	struct comparison c;
	const struct diff_case *one;

	compare(&c, three_relays, THREE "ping.order[ws]");
	one = find_case(&c, "ping.order[ws]");
	ck_assert_uint_eq(one->nclasses, 1);
	ck_assert_uint_eq(one->nvaries, 1);
	ck_assert_str_eq(one->varies[0], "http://127.0.0.2:9: A data");
	end_comparison(&c);
}
END_TEST

START_TEST(own_lateness_and_missing_capabilities_are_not_compared)
{
	struct comparison c;

	compare(&c, three_relays, THREE "relay.alone relay.metrics");
	ck_assert_uint_eq(c.d->n, 2);
	ck_assert_uint_eq(c.d->compared, 0);
	ck_assert_ptr_nonnull(find_case(&c, "relay.alone[raw]")->skipped);
	ck_assert_str_eq(find_case(&c, "relay.metrics[raw]")->skipped,
	    "http://127.0.0.1:9: needs metrics");
	end_comparison(&c);
}
END_TEST

static struct fake_end
one_is_down(const struct engine_target *t, const char *name, bool control,
    unsigned nth)
{
	struct fake_end e = { .code = CODE_OK, .events = say_hello };

	if (is_host(t, "127.0.0.3"))
		e.code = CODE_CONNECT;
	return e;
}

START_TEST(a_relay_that_is_down_is_no_difference)
{
	struct comparison c;

	compare(&c, one_is_down,
	    "http://127.0.0.1:9 http://127.0.0.3:9 ping.order");
	ck_assert_int_eq(c.status, EXIT_INFRASTRUCTURE);
	ck_assert_uint_eq(c.d->compared, 0);
	end_comparison(&c);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("diff");
	TCase *t = tcase_create("diff");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, equalities_survive_and_values_do_not);
	tcase_add_test(t, data_that_nobody_sent_is_shown);
	tcase_add_test(t, a_key_that_is_another_is_another);
	tcase_add_test(t, order_counts_within_a_lane_only);
	tcase_add_test(t, headers_are_compared_whatever_their_order);
	tcase_add_test(t, a_right_accept_value_is_valid);
	tcase_add_test(t, how_a_connection_was_closed_is_noise);
	tcase_add_test(t, liveness_counts_once);
	tcase_add_test(t, pieces_of_bytes_are_one);
	tcase_add_test(t, a_frame_that_is_none_is_shown_with_its_fault);
	tcase_add_test(t, relays_that_differ_are_of_two_classes);
	tcase_add_test(t,
	    the_relays_are_played_one_behind_the_other_without_controls);
	tcase_add_test(t, what_varies_within_a_relay_is_no_difference);
	tcase_add_test(t,
	    own_lateness_and_missing_capabilities_are_not_compared);
	tcase_add_test(t, a_relay_that_is_down_is_no_difference);
	suite_add_tcase(s, t);
	return run_suite(s);
}
