/* Relays that do their worst, and many cases at once: every case gets a
 * verdict, in bounded time and memory. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "engine_orders.h"
#include "engine_stage.h"
#include "support.h"

#define HELLO                                                                  \
	"conn A = login key=alice\nconn B = login key=bob\n"                   \
	"A -> SendPacket key=pub(bob) data=\"hello\"\n"                        \
	"B <- RecvPacket key==pub(alice) data==\"hello\"\n"                    \
	"never B <- RecvPacket fence data A to B\n"
#define LOGIN "conn A = login key=alice\n"
#define PONG  "A -> Ping data=x\"aa*8\"\nA <- Pong data==x\"aa*8\"\n"

/* ---- relays ---- */

/* The byte of a Ping of eight equal ones, else 0: those that the engine draws
 * at random are none. */
static unsigned
ping_of(const struct rk_frame *f)
{
	if (f->kind != RK_FRAME_PING)
		return 0;
	for (size_t i = 1; i < 8; i++)
		if (f->payload.p[i] != f->payload.p[0])
			return 0;
	return f->payload.p[0];
}

static bool
pour(struct fake_client *c)
{
	static uint8_t garbage[65536];
	static uint64_t state = 7;

	test_fill(&state, garbage, sizeof(garbage));
	garbage[0] = 0xff; /* no beginning of HTTP */
	/* Something has to wait, or nobody says when to go on. */
	do
		fake_write(c, garbage, sizeof(garbage));
	while (stream_queued(c->stream) == 0);
	return true;
}

static const struct fake_rules endless_garbage = { .on_accept = pour,
	.on_drained = pour };

static bool
close_at_once(struct fake_client *c)
{
	fake_close(c);
	return true;
}

static const struct fake_rules closing = { .on_accept = close_at_once };

static bool
say_nothing(struct fake_client *c, const struct rk_http_head *h)
{
	return true;
}

static const struct fake_rules silent = { .on_request = say_nothing };

static bool
ignore_all(struct fake_client *c, const struct rk_frame *f)
{
	return true;
}

static const struct fake_rules deaf = { .on_frame = ignore_all };

/* Zeros without end, behind whatever began them. */
static bool
pour_zeros(struct fake_client *c)
{
	static const uint8_t zeros[65536];

	while (c->count > 0 && stream_queued(c->stream) == 0)
		fake_write(c, zeros, sizeof(zeros));
	return true;
}

static bool
gigabyte(struct fake_client *c, const struct rk_frame *f)
{
	if (ping_of(f) != 0xaa)
		return false;
	c->count = 1;
	if (c->carrier == RK_CARRIER_RAW)
		fake_write(c, "\x05\x40\x00\x00\x00", 5);
	else
		fake_write(c, "\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00", 10);
	pour_zeros(c);
	return true;
}

static const struct fake_rules one_gigabyte = { .on_frame = gigabyte,
	.on_drained = pour_zeros };

static void
pour_one(struct fake_client *c)
{
	static uint8_t data[60000];
	static struct rk_key key;

	if (c->count == 1)
		fake_send(c, 0x06, NULL, 0);
	else
		fake_packet(c, &key, data, c->count == 2 ? sizeof(data) : 0);
}

static bool
pour_frames(struct fake_client *c)
{
	while (c->count > 0 && stream_queued(c->stream) == 0)
		pour_one(c);
	return true;
}

/* The first byte of the Ping says which. */
static bool
flood(struct fake_client *c, const struct rk_frame *f)
{
	if (ping_of(f) == 0)
		return false;
	c->count = ping_of(f);
	pour_frames(c);
	return true;
}

static const struct fake_rules flooding = { .on_frame = flood,
	.on_drained = pour_frames };

static bool
pour_http(struct fake_client *c)
{
	static char line[4096];

	if (line[0] == '\0')
		memset(line, 'x', sizeof(line) - 1);
	while (c->count > 0 && stream_queued(c->stream) == 0)
		fake_write(c, line, sizeof(line) - 1);
	return true;
}

static bool
endless_answer(struct fake_client *c, const struct rk_http_head *h)
{
	c->count = 1;
	if (rk_http_span_is(h->path, "/head"))
		fake_write_text(c, "HTTP/1.1 200 OK\r\nX: ");
	else
		fake_write_text(c, "HTTP/1.1 200 OK\r\n\r\n");
	return pour_http(c);
}

static const struct fake_rules endless_http = { .on_request = endless_answer,
	.on_drained = pour_http };

static bool
stop_reading(struct fake_client *c, const struct rk_frame *f)
{
	if (ping_of(f) != 0xee)
		return false;
	stream_pause(c->stream);
	c->deaf = true;
	return true;
}

static const struct fake_rules zero_window = { .on_frame = stop_reading };

/* Everything comes back as it went out. */
static bool
echo(struct fake_client *c, const struct rk_frame *f)
{
	fake_send(c, (uint8_t)f->type, f->payload.p, f->payload.len);
	return true;
}

static const struct fake_rules echoing = { .on_frame = echo };

/* ---- rows ---- */

/* clang-format off */
static const struct row {
	const char *name;
	const struct fake_rules *rules;
	const char *meta;
	const char *steps;
	enum result_code code;
	const char *part;
} rows[] = {
	{ "garbage_login", &endless_garbage, "", LOGIN, CODE_CONNECT, "no HTTP" },
	{ "garbage_http", &endless_garbage, "", "conn A = http\nA -> http GET \"/\"\nA <- http status==200", CODE_DECODE, NULL },
	{ "garbage_bytes", &endless_garbage, "", "conn A = tcp\nA <- bytes\nA <- bytes", CODE_OK, NULL },
	{ "garbage_never", &endless_garbage, "", "conn A = tcp\nsleep 300ms\nnever A <- bytes for 100ms\nA <- bytes", CODE_EXTRA, "bytes" },
	{ "closed_login", &closing, "", LOGIN, CODE_CONNECT, "ended (eof) before the answer to the upgrade" },
	{ "closed_login_as_the_subject", &closing, "", "conn A = login key=alice => fail", CODE_CLOSED, "ended" },
	{ "silent_login", &silent, "", LOGIN, CODE_CONNECT, "the upgrade did not end within 5 s" },
	{ "silent_login_as_the_subject", &silent, "", "conn A = login key=alice => fail", CODE_NEVER, "did not end" },
	{ "deaf_login", &deaf, "", LOGIN, CODE_CONNECT, "the Pong behind the login" },
	{ "deaf_behind_the_login", &deaf, "", "conn A = login key=alice confirm=no\n" PONG, CODE_NEVER, "watched 8 s" },
	{ "a_gigabyte_raw", &one_gigabyte, "over raw", LOGIN PONG, CODE_DECODE, "limit" },
	{ "a_gigabyte_ws", &one_gigabyte, "over ws", LOGIN PONG, CODE_DECODE, "limit" },
	{ "a_gigabyte_and_sleep", &one_gigabyte, "over raw", LOGIN "A -> Ping data=x\"aa*8\"\nsleep 1s\nA <- Pong", CODE_DECODE, NULL },
	{ "endless_keepalives", &flooding, "timeout 3s", LOGIN "A -> Ping data=x\"01*8\"\nA <- Pong within 100ms", CODE_NEVER, "did not come" },
	{ "endless_packets", &flooding, "timeout 3s", LOGIN "A -> Ping data=x\"02*8\"\nA <- Pong within 100ms", CODE_NEVER, "did not come" },
	{ "endless_empty_packets", &flooding, "timeout 3s", LOGIN "A -> Ping data=x\"03*8\"\nA <- Pong within 100ms", CODE_NEVER, "did not come" },
	{ "endless_packets_that_are_drained", &flooding, "timeout 1s", LOGIN "A -> Ping data=x\"02*8\"\nA drain RecvPacket quiet 100ms\n" PONG, CODE_TIMEOUT, "time" },
	{ "an_endless_head", &endless_http, "", "conn A = http\nA -> http GET \"/head\"\nA <- http status==200", CODE_DECODE, NULL },
	{ "an_endless_body", &endless_http, "", "conn A = http\nA -> http GET \"/body\"\nA <- http status==200", CODE_DECODE, NULL },
	{ "a_window_of_zero", &zero_window, "timeout 2s", LOGIN "A -> Ping data=x\"ee*8\"\nA -> raw fill(30000000)\n" PONG, CODE_TIMEOUT, "2 s" },
	{ "closing_at_the_header", NULL, "over raw", LOGIN "A -> raw cat(x\"0e 00100001\", fill(300000)) chop=1000\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "closing_at_the_header_slowly", NULL, "over raw", LOGIN "A -> raw cat(x\"0e 00100001\", fill(3000)) chop=100 every=2ms\nA <- closed\nconn B = login key=bob", CODE_OK, NULL },
	{ "an_echo_is_no_relay", &echoing, "", "conn A = login key=alice confirm=no\n" PONG, CODE_NEVER, NULL },
	{ "an_echo_of_raw_bytes", &echoing, "over raw", "conn A = login key=alice confirm=no\nA -> raw frame(0x0c, x\"aa*8\")\nA <- Pong", CODE_NEVER, NULL },
	{ "an_echo_is_no_silence", &echoing, "", "conn A = login key=alice confirm=no\nA -> SendPacket key=pub(bob) data=\"x\"\nnever A <- any for 100ms\n" PONG, CODE_EXTRA, "SendPacket" },
};
/* clang-format on */
START_TEST(a_relay_that_does_its_worst)
{
	const struct row *r = &rows[_i];
	struct engine_stage s = { 0 };

	stage_open(&s, r->rules);
	stage_expect(&s, r->meta, r->steps, r->code, r->part);
	/* Bounds of what one case may keep. */
	ck_assert_uint_le(s.result->transcript->nevents, 60003);
	ck_assert_int_le(s.result->took_ns, 11 * NS_PER_S);
	stage_close(&s);
}
END_TEST

START_TEST(one_that_hangs_does_not_stop_the_others)
{
	struct engine_stage s = { 0 };

	stage_open(&s, &zero_window);
	stage_play(&s, "timeout 2s",
	    LOGIN "A -> SendPacket key=pub(alice) data=\"x\"\n"
		  "A <- RecvPacket data==\"x\"\n"
		  "A -> Ping data=x\"ee*8\"\n"
		  "A -> raw fill(9000000)\n" PONG,
	    false, 10);
	ck_assert_int_eq(s.codes[CODE_TIMEOUT], 10);
	ck_assert_int_le(s.result->took_ns, 3 * NS_PER_S);
	stage_close(&s);
}
END_TEST

/* ---- own lateness ---- */

/* The whole program stands still for 400 ms, as a busy machine makes it. */
static bool
stall(struct fake_client *c, const struct rk_frame *f)
{
	if (ping_of(f) == 0xee || ping_of(f) == 0xef)
		clock_advance(400 * NS_PER_MS);
	return ping_of(f) == 0xef;
}

static const struct fake_rules stalling = { .on_frame = stall };

/* … for longer than some relay would wait for us, which then puts us out; 0xec
 * only stalls, 0xed only ends. */
static bool
stall_and_end(struct fake_client *c, const struct rk_frame *f)
{
	unsigned ping = ping_of(f);

	if (ping == 0xec || ping == 0xee)
		clock_advance(1100 * NS_PER_MS);
	if (ping != 0xed && ping != 0xee)
		return false;
	fake_close(c);
	return true;
}

static const struct fake_rules impatient = { .on_frame = stall_and_end };

START_TEST(what_this_machine_delayed_is_not_the_relays_fault)
{
	struct engine_stage s = { 0 };

	stage_open(&s, &stalling);
	stage_expect(&s, "over raw",
	    LOGIN "A -> Ping data=x\"ee*8\"\nA <- Pong within 300ms",
	    CODE_HARNESS_LATE, "this machine was late by");
	ck_assert_int_ge(s.result->late_ns, 300 * NS_PER_MS);
	/* Nor where the case's own time is over first. */
	stage_expect(&s, "over raw\n  timeout 1s",
	    LOGIN "A -> Ping data=x\"ef*8\"\nA <- Pong within 600ms",
	    CODE_HARNESS_LATE, "this machine was late");
	/* … which is longer by what this machine took: long enough here. */
	stage_expect(&s, "over raw\n  timeout 1s",
	    LOGIN "A -> Ping data=x\"ef*8\"\nA <- Pong within 300ms",
	    CODE_NEVER, "did not come");
	/* A tenth of the bound is nothing. */
	stage_expect(&s, "over raw\n  timeout 60s",
	    LOGIN "A -> Ping data=x\"ef*8\"\nA <- Pong within 5s", CODE_NEVER,
	    "did not come");
	/* What came in time is good all the same. */
	stage_expect(&s, "over raw",
	    LOGIN "A -> Ping data=x\"ee*8\"\nA <- Pong within 500ms", CODE_OK,
	    NULL);
	/* Silence does not get shorter. */
	stage_expect(&s, "over raw",
	    LOGIN "A -> Ping data=x\"ef*8\"\nnever A <- any for 300ms\n" PONG,
	    CODE_OK, NULL);
	stage_close(&s);
}
END_TEST

/* However a step would take an end: who came late may be put out for it. */
START_TEST(an_end_while_this_machine_stood_still_says_nothing)
{
	static const char *const steps[] = {
		PONG,
		"never A <- any for 300ms\n" PONG,
		"never A <- RecvPacket fence data A to A\n" PONG,
		"oneof {\nA <- closed => fail\nnever A <- any for 1s\n}\n" PONG,
		"A drain Pong count 1..2 quiet 100ms\n" PONG,
	};
	struct engine_stage s = { 0 };

	stage_open(&s, &impatient);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		char *all =
		    xasprintf(LOGIN "A -> Ping data=x\"ee*8\"\n%s", steps[i]);

		stage_expect(&s, "over raw", all, CODE_HARNESS_LATE,
		    "this machine was late");
		free(all);
	}
	stage_close(&s);
}
END_TEST

START_TEST(an_end_long_after_a_stall_is_the_relays)
{
	static const char steps[] =
	    LOGIN "A -> Ping data=x\"ec*8\"\nA <- Pong\n"
		  "never A <- any for 11s\n"
		  "A -> Ping data=x\"ed*8\"\n" PONG;
	struct engine_stage s = { 0 };

	stage_open(&s, &impatient);
	stage_expect(&s, "over raw\n  timeout 60s", steps, CODE_CLOSED,
	    "ended (eof)");
	stage_close(&s);
}
END_TEST

/* ---- many ---- */

START_TEST(a_hundred_cases_at_once)
{
	struct engine_stage s = { .real_time = true };

	stage_open(&s, NULL);
	stage_play(&s, "over raw", HELLO, false, 100);
	ck_assert_int_eq(s.codes[CODE_OK], 100);
	ck_assert_uint_eq(fake_relay_accepted(s.relay), 200);
	stage_play(&s, "over ws", HELLO, false, 100);
	ck_assert_int_eq(s.codes[CODE_OK], 100);
	stage_close(&s);
}
END_TEST

static unsigned connected, most;

static bool
count_in(struct fake_client *c)
{
	if (++connected > most)
		most = connected;
	return false;
}

static bool
count_out(struct fake_client *c)
{
	connected--;
	return false;
}

static const struct fake_rules counting = { .on_accept = count_in,
	.on_end = count_out };

START_TEST(as_many_at_a_time_as_asked_for)
{
	struct engine_stage s = { .options.jobs = 3 };

	connected = most = 0;
	stage_open(&s, &counting);
	stage_play(&s, "over raw", HELLO, false, 20);
	ck_assert_int_eq(s.codes[CODE_OK], 20);
	/* Their ends may be seen a moment later. */
	ck_assert_uint_ge(most, 4);
	ck_assert_uint_le(most, 3 * 2 + 6);
	stage_close(&s);
}
END_TEST

/* Both ends are in this process: a connection costs two descriptors. */
START_TEST(no_more_cases_than_descriptors)
{
	struct rlimit few = { 300, 300 };
	struct engine_stage s = { 0 };

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	stage_open(&s, NULL);
	stage_play(&s, "over raw", HELLO, false, 120);
	ck_assert_int_eq(s.codes[CODE_OK], 120);
	stage_close(&s);
}
END_TEST

START_TEST(serial_cases_are_alone)
{
	struct engine_stage s = { 0 };

	connected = most = 0;
	stage_open(&s, &counting);
	stage_play(&s, "over raw\n  serial", LOGIN PONG, false, 10);
	ck_assert_int_eq(s.codes[CODE_OK], 10);
	ck_assert_uint_le(most, 2);
	stage_close(&s);
}
END_TEST

struct stop {
	struct engine *engine;
	unsigned done, timeouts;
};

static void
on_stopped(void *arg, struct case_result *r)
{
	struct stop *st = arg;

	st->done++;
	st->timeouts += r->code == CODE_TIMEOUT;
	case_result_free(r);
}

START_TEST(stopping_ends_everything_now)
{
	struct engine_stage s = { .options.jobs = 4 };
	struct stop st = { 0 };

	stage_open(&s, &silent);
	/* For the script and its instance. */
	stage_play(&s, "over raw", LOGIN, false, 1);
	st.engine = engine_new(s.loop, &s.options);
	for (int i = 0; i < 10; i++)
		engine_add(st.engine, &s.target, s.instances[0], false,
		    on_stopped, &st);
	for (int i = 0; i < 20; i++)
		loop_turn(s.loop, 0);
	ck_assert_uint_eq(engine_pending(st.engine), 10);
	engine_stop(st.engine);
	ck_assert_uint_eq(engine_pending(st.engine), 0);
	ck_assert_uint_eq(st.done, 10);
	ck_assert_uint_eq(st.timeouts, 10);
	engine_free(st.engine);
	stage_close(&s);
}
END_TEST

START_TEST(an_engine_can_be_freed_with_cases_in_it)
{
	struct engine_stage s = { .options.jobs = 4 };
	struct stop st = { 0 };

	stage_open(&s, &silent);
	stage_play(&s, "over raw", LOGIN, false, 1);
	st.engine = engine_new(s.loop, &s.options);
	for (int i = 0; i < 10; i++)
		engine_add(st.engine, &s.target, s.instances[0], false,
		    on_stopped, &st);
	for (int i = 0; i < 20; i++)
		loop_turn(s.loop, 0);
	engine_free(st.engine);
	ck_assert_uint_eq(st.done, 0);
	stage_close(&s);
}
END_TEST

START_TEST(nobody_listens)
{
	struct engine_stage s = { 0 };
	struct fake_relay *gone;
	char url[64], err[128];

	stage_open(&s, NULL);
	/* A port that was free a moment ago. */
	gone = fake_relay_new(s.loop, NULL, NULL);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	    fake_relay_port(gone));
	fake_relay_free(gone);
	ck_assert_int_eq(relay_url_parse(url, &s.target.url, err, sizeof(err)),
	    0);
	stage_expect(&s, "over raw", LOGIN, CODE_CONNECT, "cannot connect");
	stage_expect(&s, "over raw", "conn A = login key=alice => fail",
	    CODE_CLOSED, "cannot connect");
	stage_close(&s);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 120);
	tcase_add_rows(t, a_relay_that_does_its_worst, rows);
	tcase_add_test(t, one_that_hangs_does_not_stop_the_others);
	tcase_add_test(t, what_this_machine_delayed_is_not_the_relays_fault);
	tcase_add_test(t, an_end_while_this_machine_stood_still_says_nothing);
	tcase_add_test(t, an_end_long_after_a_stall_is_the_relays);
	tcase_add_test(t, a_hundred_cases_at_once);
	tcase_add_test(t, as_many_at_a_time_as_asked_for);
	tcase_add_test(t, no_more_cases_than_descriptors);
	tcase_add_test(t, serial_cases_are_alone);
	tcase_add_test(t, stopping_ends_everything_now);
	tcase_add_test(t, an_engine_can_be_freed_with_cases_in_it);
	tcase_add_test(t, nobody_listens);
	suite_add_tcase(s, t);
	return run_suite(s);
}
