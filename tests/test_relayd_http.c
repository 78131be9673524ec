/* relayd's HTTP surface, request by request, over a socketpair. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>

#include "base/clock.h"
#include "relayd_rig.h"
#include "support.h"

#define HSTS                                                                   \
	"strict-transport-security: max-age=63072000; includeSubDomains\r\n"
#define CSP                                                                    \
	"content-security-policy: default-src 'none'; frame-ancestors "        \
	"'none'; form-action 'none'; base-uri 'self'; "                        \
	"block-all-mixed-content; plugin-types 'none'\r\n"

static void
expect_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part,
	    text);
}

static void
expect_lacks(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) == NULL, "\"%s\" in: %s", part, text);
}

/* Ask on a connection of its own. */
static const char *
ask(enum service service, const char *request)
{
	struct client c;
	const char *answer;

	client_open(&c, &rig, service);
	client_send_text(&c, request);
	answer = client_answer(&c);
	client_close(&c);
	rig_settle(&rig);
	return answer;
}

/* ---- routes ---- */

struct row {
	const char *request; /* first line without version */
	const char *status;
	const char *part;
	enum generation generations; /* others: 404 */
};

static const struct row rows[] = {
	{ "GET /", "200 OK", "iroh.computer", GENERATION_BOTH },
	{ "GET /index.html", "200 OK",
	    "content-type: text/html; charset=utf-8\r\n", GENERATION_BOTH },
	{ "GET /robots.txt", "200 OK", "content-length: 26\r\n",
	    GENERATION_BOTH },
	{ "GET /robots.txt", "200 OK", "\r\n\r\nUser-agent: *\nDisallow: /\n",
	    GENERATION_BOTH },
	{ "GET /relay/probe", "200 OK", "access-control-allow-origin: *\r\n",
	    GENERATION_028 },
	{ "GET /derp/probe", "200 OK", "content-length: 0\r\n",
	    GENERATION_028 },
	{ "GET /ping", "200 OK", "access-control-allow-origin: *\r\n",
	    GENERATION_035 },
	{ "GET /generate_204", "204 No Content", "\r\n\r\n", GENERATION_BOTH },
	{ "GET /?x=1", "200 OK", "", GENERATION_BOTH },
	{ "GET http://other.example/robots.txt", "200 OK", "Disallow",
	    GENERATION_BOTH },
	{ "GET /relay", "400 Bad Request", "content-length: 0\r\n",
	    GENERATION_BOTH },
	{ "GET /derp", "400 Bad Request", "content-length: 0\r\n",
	    GENERATION_BOTH },
	{ "GET /nope", "404 Not Found", "\r\n\r\nNot Found", GENERATION_BOTH },
	{ "GET /relay/", "404 Not Found", "", GENERATION_BOTH },
	{ "GET /Relay", "404 Not Found", "", GENERATION_BOTH },
	{ "GET /%72elay", "404 Not Found", "", GENERATION_BOTH },
	{ "POST /relay", "404 Not Found", "", GENERATION_BOTH },
	{ "OPTIONS *", "404 Not Found", "", GENERATION_BOTH },
	{ "CONNECT example.org:80", "404 Not Found", "", GENERATION_BOTH },
	{ "GET /healthz", "200 OK", "{\"status\":\"ok\",", GENERATION_OWN },
	{ "GET /healthz", "200 OK", "content-type: application/json\r\n",
	    GENERATION_OWN },
	{ "GET /metrics", "404 Not Found", "", GENERATION_BOTH },
	{ "GET /derp/latency-check", "404 Not Found", "", GENERATION_BOTH },
};

static const enum generation generations[] = { GENERATION_028, GENERATION_035,
	GENERATION_BOTH };

START_TEST(each_path_has_its_answer_in_each_generation)
{
	const struct row *row = &rows[_i];
	char request[128], status[64];

	snprintf(request, sizeof(request), "%s HTTP/1.1\r\n\r\n", row->request);
	for (int g = 0; g < 3; g++) {
		bool has = (row->generations & generations[g]) != 0;
		const char *answer;

		rig.conf.generation = generations[g];
		answer = ask(SERVICE_RELAY, request);
		snprintf(status, sizeof(status), "HTTP/1.1 %s\r\n",
		    has ? row->status : "404 Not Found");
		expect_contains(answer, status);
		if (has)
			expect_contains(answer, row->part);
		expect_contains(answer, HSTS);
		expect_contains(answer, CSP);
		expect_contains(answer, "\r\ndate: ");
	}
}
END_TEST

START_TEST(head_is_not_found_and_has_no_body)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "HEAD / HTTP/1.1\r\n\r\n");
	client_poll(&c);
	ck_assert_uint_gt(c.in_len, 4);
	ck_assert_int_eq(memcmp(c.in, "HTTP/1.1 404 ", 13), 0);
	ck_assert_int_eq(memcmp(c.in + c.in_len - 4, "\r\n\r\n", 4), 0);
	client_close(&c);
}
END_TEST

static const struct {
	const char *field;
	const char *echo; /* NULL: none */
} challenges[] = {
	{ "X-Tailscale-Challenge: ts_example.org.\r\n", "ts_example.org." },
	{ "x-tailscale-challenge: 123az__.\r\n", "123az__." },
	{ "X-Tailscale-Challenge: "
	  "0123456789012345678901234567890123456789012345"
	  "67890123456789012\r\n",
	    "012345678901234567890123456789012345678901234567890123456789012" },
	{ "X-Tailscale-Challenge: "
	  "0123456789012345678901234567890123456789012345"
	  "678901234567890123\r\n",
	    NULL },
	{ "X-Tailscale-Challenge: a b\r\n", NULL },
	{ "X-Tailscale-Challenge: a/b\r\n", NULL },
	{ "X-Tailscale-Challenge: [::1]\r\n", NULL },
	{ "X-Tailscale-Challenge: \r\n", NULL },
	{ "X-Tailscale-Challenge: /\r\nX-Tailscale-Challenge: ok\r\n", NULL },
	{ "", NULL },
};

START_TEST(the_captive_portal_check_echoes_what_it_may)
{
	char request[256], echo[128];
	const char *answer;

	snprintf(request, sizeof(request),
	    "GET /generate_204 HTTP/1.1\r\n%s\r\n", challenges[_i].field);
	answer = ask(SERVICE_RELAY, request);
	expect_contains(answer, "HTTP/1.1 204 No Content\r\n");
	expect_lacks(answer, "content-length");
	if (challenges[_i].echo == NULL) {
		expect_lacks(answer, "x-tailscale-response");
		return;
	}
	snprintf(echo, sizeof(echo), "x-tailscale-response: response %s\r\n",
	    challenges[_i].echo);
	expect_contains(answer, echo);
}
END_TEST

START_TEST(beside_tls_only_the_captive_portal_check_is_served)
{
	const char *answer = ask(SERVICE_CAPTIVE,
	    "GET /generate_204 HTTP/1.1\r\n"
	    "X-Tailscale-Challenge: x\r\n\r\n");

	expect_contains(answer, "HTTP/1.1 204 No Content\r\n");
	expect_contains(answer, "x-tailscale-response: response x\r\n");
	expect_lacks(answer, "strict-transport-security");
	for (int i = 0; i < NROWS(rows); i++) {
		char request[128];

		if (strstr(rows[i].request, "generate_204") != NULL)
			continue;
		snprintf(request, sizeof(request),
		    "%s HTTP/1.1\r\nupgrade: iroh derp http\r\n\r\n",
		    rows[i].request);
		answer = ask(SERVICE_CAPTIVE, request);
		expect_contains(answer, "HTTP/1.1 404 Not Found\r\n");
		expect_contains(answer, "\r\n\r\nNot Found");
	}
}
END_TEST

START_TEST(the_metrics_listener_answers_whatever_is_asked)
{
	static const char *const requests[] = { "GET /metrics HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n", "POST /x HTTP/1.1\r\n\r\n" };

	for (int i = 0; i < 3; i++) {
		const char *answer = ask(SERVICE_METRICS, requests[i]);

		expect_contains(answer, "HTTP/1.1 200 OK\r\n");
		expect_contains(answer,
		    "content-type: text/plain; charset=utf-8\r\n");
		expect_contains(answer, "relayserver_accepts_total 0\n");
		ck_assert_str_eq(answer + strlen(answer) - 6, "# EOF\n");
		expect_lacks(answer, "strict-transport-security");
	}
}
END_TEST

/* ---- connections ---- */

START_TEST(a_connection_serves_request_after_request)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "GET /nope HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "404");
	client_send_text(&c, "GET /relay HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "400");
	client_send_text(&c, "GET /relay/probe HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "200");
	client_upgrade(&c, RK_CARRIER_RAW);
	client_expect_nothing(&c);
	client_close(&c);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c,
	    "GET /robots.txt HTTP/1.1\r\n\r\n\r\n"
	    "GET /nope HTTP/1.1\nContent-Length: 3\n\nabc"
	    "GET /generate_204 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nab\r\n0\r\n\r\n"
	    "GET /ping HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "Disallow");
	expect_contains(client_answer(&c), "404");
	expect_contains(client_answer(&c), "204");
	expect_contains(client_answer(&c), "200");
	client_expect_nothing(&c);
	client_close(&c);
}
END_TEST

static const struct {
	const char *request, *answer;
} broken[] = {
	{ "GET /robots.txt HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "HTTP/1.1 200" },
	{ "GET /relay HTTP/1.1\r\nTransfer-Encoding: chunked\r\n"
	  "Upgrade: iroh derp http\r\n\r\n",
	    "HTTP/1.1 101" },
};

/* It would be taken for that to the next request, or for frames. */
START_TEST(a_broken_body_gets_no_answer_of_its_own)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, broken[_i].request);
	expect_contains(client_answer(&c), broken[_i].answer);
	client_send_text(&c, "no size\r\n");
	client_expect_end(&c);
	client_close(&c);
	rig_settle(&rig);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
}
END_TEST

START_TEST(a_request_may_come_byte_by_byte)
{
	static const char request[] = "GET /robots.txt HTTP/1.1\r\nHost: "
				      "x\r\n\r\n";
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	for (size_t i = 0; i < sizeof(request) - 2; i++) {
		client_send(&c, &request[i], 1);
		client_expect_nothing(&c);
	}
	client_send(&c, &request[sizeof(request) - 2], 1);
	expect_contains(client_answer(&c), "Disallow");
	client_close(&c);
}
END_TEST

static const struct {
	const char *request;
	const char *answer;
	const char *connection;
	bool ends;
} versions[] = {
	{ "GET /ping HTTP/1.1\r\n\r\n", "HTTP/1.1 200", NULL, false },
	{ "GET /ping HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200",
	    "connection: close\r\n", true },
	{ "GET /ping HTTP/1.0\r\n\r\n", "HTTP/1.0 200", "connection: close\r\n",
	    true },
	{ "GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	    "HTTP/1.0 200", "connection: keep-alive\r\n", false },
	{ "GET /relay HTTP/1.0\r\nUpgrade: iroh derp http\r\n\r\n",
	    "HTTP/1.0 400", "connection: close\r\n", true },
};

START_TEST(the_connection_closes_when_it_should)
{
	struct client c;
	const char *answer;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, versions[_i].request);
	answer = client_answer(&c);
	expect_contains(answer, versions[_i].answer);
	if (versions[_i].connection != NULL)
		expect_contains(answer, versions[_i].connection);
	else
		expect_lacks(answer, "\r\nconnection:");
	if (versions[_i].ends)
		client_expect_end(&c);
	else
		client_expect_nothing(&c);
	client_close(&c);
	rig_settle(&rig);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
}
END_TEST

START_TEST(what_is_no_request_is_refused)
{
	static const struct {
		const char *bytes;
		const char *status;
	} garbage[] = {
		{ "\x16\x03\x01\x02\x01 hello\r\n\r\n", "400" },
		{ "GET\r\n\r\n", "400" },
		{ "GET / HTTP/1.1\r\nno colon\r\n\r\n", "400" },
		{ "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "400" },
	};
	struct client c;
	const char *answer;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, garbage[_i].bytes);
	answer = client_answer(&c);
	expect_contains(answer, garbage[_i].status);
	expect_contains(answer, "connection: close\r\ncontent-length: 0\r\n");
	expect_lacks(answer, "strict-transport-security");
	client_expect_end(&c);
	client_close(&c);
	rig_settle(&rig);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"refused\",stage="
			      "\"http\"}"),
	    1);
}
END_TEST

static void
send_fields(struct client *c, int n)
{
	for (int i = 0; i < n; i++)
		client_send_text(c, "a: b\r\n");
}

START_TEST(limits_of_a_head_hold_on_both_sides)
{
	struct client c;
	char *target = malloc(70000);

	ck_assert_ptr_nonnull(target);
	memset(target, 'a', 70000);
	target[0] = '/';

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "GET /ping HTTP/1.1\r\n");
	send_fields(&c, 100);
	client_send_text(&c, "\r\n");
	expect_contains(client_answer(&c), "200");
	client_send_text(&c, "GET ");
	client_send(&c, target, 65534);
	client_send_text(&c, " HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "404");
	client_send_text(&c, "GET ");
	client_send(&c, target, 65535);
	client_send_text(&c, " HTTP/1.1\r\n\r\n");
	expect_contains(client_answer(&c), "414");
	client_expect_end(&c);
	client_close(&c);

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "GET /ping HTTP/1.1\r\n");
	send_fields(&c, 101);
	client_send_text(&c, "\r\n");
	expect_contains(client_answer(&c), "431");
	client_close(&c);

	rig.conf.max_head = 1000;
	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "GET /ping HTTP/1.1\r\na: ");
	client_send(&c, target, 1000);
	expect_contains(client_answer(&c), "431");
	client_close(&c);
	free(target);
}
END_TEST

/* The reference's, section 1.5; empty lines in front are none of it. */
START_TEST(a_head_may_have_so_many_bytes_and_no_more)
{
	static const char start[] = "GET /ping HTTP/1.1\r\na: ";
	size_t len = 417792 - (sizeof(start) - 1);
	char *rest = malloc(len + 1);
	struct client c;

	ck_assert_ptr_nonnull(rest);
	memset(rest, 'v', len + 1);
	memcpy(rest + len - 4, "\r\n\r\n", 4);
	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "\r\n\n");
	client_send_text(&c, start);
	client_send(&c, rest, len);
	expect_contains(client_answer(&c), "200");
	memset(rest, 'v', len);
	memcpy(rest + len - 3, "\r\n\r\n", 4);
	client_send_text(&c, start);
	client_send(&c, rest, len + 1);
	expect_contains(client_answer(&c), "431");
	client_close(&c);
	free(rest);
}
END_TEST

START_TEST(the_http2_preface_is_closed_without_an_answer)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

START_TEST(a_slow_head_is_ended_at_its_limit)
{
	struct client idle, slow;

	client_open(&idle, &rig, SERVICE_RELAY);
	client_open(&slow, &rig, SERVICE_RELAY);
	for (int i = 0; i < 29; i++) {
		client_send_text(&slow, i == 0 ? "G" : "E");
		rig_pass(&rig, NS_PER_S);
	}
	client_expect_nothing(&slow);
	client_expect_nothing(&idle);
	rig_pass(&rig, 2 * NS_PER_S);
	client_expect_end(&slow);
	client_expect_end(&idle);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"tcp\"}"),
	    1);
	ck_assert_uint_eq(rig_metric(&rig,
			      "relayd_ended_total{end=\"timeout\",stage="
			      "\"http\"}"),
	    1);
	client_close(&idle);
	client_close(&slow);
}
END_TEST

START_TEST(each_answer_gives_the_next_request_its_time)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	for (int i = 0; i < 3; i++) {
		rig_pass(&rig, 25 * NS_PER_S);
		client_send_text(&c, "GET /ping HTTP/1.1\r\n\r\n");
		expect_contains(client_answer(&c), "200");
	}
	rig_pass(&rig, 31 * NS_PER_S);
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

START_TEST(an_answer_follows_a_half_close)
{
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_send_text(&c, "GET /robots.txt HTTP/1.1\r\n\r\n");
	client_shut(&c);
	expect_contains(client_answer(&c), "Disallow");
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

/* Their answers are more than wait at a time. */
START_TEST(every_request_before_a_half_close_is_answered)
{
	enum {
		REQUESTS = 500
	};
	struct client c;

	client_open(&c, &rig, SERVICE_RELAY);
	client_cork(&c);
	for (int i = 0; i < REQUESTS; i++)
		client_send_text(&c, "GET /robots.txt HTTP/1.1\r\n\r\n");
	client_uncork(&c);
	client_shut(&c);
	for (int i = 0; i < REQUESTS; i++)
		expect_contains(client_answer(&c), "Disallow");
	client_expect_end(&c);
	client_close(&c);
}
END_TEST

START_TEST(who_never_reads_answers_is_ended)
{
	struct client c;
	size_t sent = 0;

	client_open(&c, &rig, SERVICE_METRICS);
	/* Until nothing is read any more: output is full, input is full. */
	for (int idle = 0; idle < 50;) {
		static const char request[] = "GET / HTTP/1.1\r\n\r\n";
		ssize_t n =
		    send(c.fd, request, sizeof(request) - 1, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		rig_turn(&rig);
	}
	ck_assert_uint_lt(sent, 1 << 20);
	rig_pass(&rig, 3 * NS_PER_S);
	ck_assert_uint_eq(rig.server->worker.nconns, 0);
	ck_assert_uint_eq(rig_metric(&rig, "relayd_write_timeouts_total"), 1);
	client_close(&c);
}
END_TEST

/* ---- upgrades ---- */

static const struct {
	const char *fields;
	const char *status;
	const char *part;
	const char *missing; /* named in the log, once */
} upgrades[] = {
	{ "upgrade: iroh derp http\r\n", "101", "upgrade: iroh derp http\r\n",
	    NULL },
	{ "UPGRADE:    iroh derp http  \r\nConnection: close\r\nHost: x\r\n",
	    "101", "upgrade: iroh derp http\r\n", NULL },
	{ "upgrade: websocket\r\nsec-websocket-version: 13\r\n"
	  "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	  "sec-websocket-protocol: chat\r\n"
	  "sec-websocket-extensions: permessage-deflate\r\n",
	    "101", "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
	    NULL },
	{ "", "400", "content-length: 0\r\n", "Upgrade" },
	{ "upgrade: h2c\r\n", "400", "", "Upgrade" },
	{ "upgrade: Iroh derp http\r\n", "400", "", "Upgrade" },
	{ "upgrade: websocket\r\nsec-websocket-version: 13\r\n", "400", "",
	    "Sec-WebSocket-Key" },
	{ "upgrade: websocket\r\nsec-websocket-key: x\r\n", "400", "",
	    "Sec-WebSocket-Version" },
	{ "upgrade: websocket\r\nsec-websocket-key: x\r\n"
	  "sec-websocket-version: 8\r\n",
	    "400", "sec-websocket-version: 13\r\n", "Sec-WebSocket-Version" },
};

START_TEST(upgrades_follow_their_rules)
{
	static const char *const paths[] = { "/relay", "/derp", "/relay?x=1" };

	for (int p = 0; p < 3; p++) {
		char request[512], status[32];
		const char *answer;

		snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n%s\r\n",
		    paths[p], upgrades[_i].fields);
		answer = ask(SERVICE_RELAY, request);
		snprintf(status, sizeof(status), "HTTP/1.1 %s ",
		    upgrades[_i].status);
		expect_contains(answer, status);
		expect_contains(answer, upgrades[_i].part);
		expect_contains(answer, HSTS CSP);
		expect_lacks(answer, "permessage-deflate");
		expect_lacks(answer, "sec-websocket-protocol");
		if (strcmp(upgrades[_i].status, "101") == 0)
			expect_lacks(answer, "content-length");
		expect_lacks(answer, "transfer-encoding");
	}
}
END_TEST

START_TEST(a_missing_header_is_named_once)
{
	char line[128];
	const char *first, *again;

	for (int i = 0; i < 3; i++) {
		char request[512];

		snprintf(request, sizeof(request),
		    "GET /relay HTTP/1.1\r\n%s\r\n", upgrades[_i].fields);
		ask(SERVICE_RELAY, request);
	}
	if (upgrades[_i].missing == NULL) {
		ck_assert_ptr_null(strstr(rig.log.s, "upgrade-refused"));
		return;
	}
	snprintf(line, sizeof(line), "upgrade-refused status=400 header=%s",
	    upgrades[_i].missing);
	first = strstr(rig.log.s, line);
	ck_assert_ptr_nonnull(first);
	again = strstr(first + 1, "upgrade-refused");
	ck_assert_ptr_null(again);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd http");
	TCase *tc = tcase_create("http");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_rows(tc, each_path_has_its_answer_in_each_generation, rows);
	tcase_add_test(tc, head_is_not_found_and_has_no_body);
	tcase_add_rows(tc, the_captive_portal_check_echoes_what_it_may,
	    challenges);
	tcase_add_test(tc, beside_tls_only_the_captive_portal_check_is_served);
	tcase_add_test(tc, the_metrics_listener_answers_whatever_is_asked);
	tcase_add_test(tc, a_connection_serves_request_after_request);
	tcase_add_test(tc, pipelined_requests_are_answered_in_order);
	tcase_add_rows(tc, a_broken_body_gets_no_answer_of_its_own, broken);
	tcase_add_test(tc, a_request_may_come_byte_by_byte);
	tcase_add_loop_test(tc, the_connection_closes_when_it_should, 0, 5);
	tcase_add_loop_test(tc, what_is_no_request_is_refused, 0, 4);
	tcase_add_test(tc, limits_of_a_head_hold_on_both_sides);
	tcase_add_test(tc, a_head_may_have_so_many_bytes_and_no_more);
	tcase_add_test(tc, the_http2_preface_is_closed_without_an_answer);
	tcase_add_test(tc, a_slow_head_is_ended_at_its_limit);
	tcase_add_test(tc, each_answer_gives_the_next_request_its_time);
	tcase_add_test(tc, an_answer_follows_a_half_close);
	tcase_add_test(tc, every_request_before_a_half_close_is_answered);
	tcase_add_test(tc, who_never_reads_answers_is_ended);
	tcase_add_rows(tc, upgrades_follow_their_rules, upgrades);
	tcase_add_rows(tc, a_missing_header_is_named_once, upgrades);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
