/* The STUN service of the real program, over both families. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "relayd_process.h"
#include "support.h"

#define COOKIE "2112a442"
#define ID     "0102030405060708090a0b0c"

#define WAIT_S 10

struct client {
	int fd;
	struct address own;
	struct address server;
};

/* Towards |host| at the port of the |n|th STUN listener. */
static void
client_open(struct client *c, const char *host, int n)
{
	const char *port = strrchr(relay_address(&relay, "stun", n), ':');
	const struct timeval wait = { .tv_sec = WAIT_S };
	char text[80];

	snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]%s" : "%s%s",
	    host, port);
	ck_assert_msg(address_parse(text, &c->server), "%s", text);
	c->fd = socket(c->server.any.sa_family, SOCK_DGRAM, 0);
	ck_assert_int_ge(c->fd, 0);
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	ck_assert(
	    address_parse(c->server.any.sa_family == AF_INET6 ? "[::1]:0"
							      : "127.0.0.1:0",
		&c->own));
	ck_assert_int_eq(bind(c->fd, &c->own.any, c->own.len), 0);
	ck_assert_int_eq(getsockname(c->fd, &c->own.any, &c->own.len), 0);
}

static void
client_send(struct client *c, const char *text)
{
	size_t len;
	const uint8_t *p = hex(text, &len);

	ck_assert_int_eq(sendto(c->fd, p, len, 0, &c->server.any,
			     c->server.len),
	    (ssize_t)len);
}

/* The next datagram is the answer, and comes from where it was asked. */
static void
client_expect(struct client *c)
{
	static const uint8_t mask4[] = { 0x21, 0x12, 0xa4, 0x42 };
	bool v6 = c->own.any.sa_family == AF_INET6;
	char got_from[ADDRESS_TEXT_MAX], asked[ADDRESS_TEXT_MAX];
	struct address from = { .len = sizeof(from.storage) };
	uint8_t got[64], want[44];
	const uint8_t *head;
	size_t len;
	ssize_t n = recvfrom(c->fd, got, sizeof(got), 0, &from.any, &from.len);

	ck_assert_msg(n > 0, "no answer");
	address_text(&from, got_from, sizeof(got_from));
	address_text(&c->server, asked, sizeof(asked));
	ck_assert_str_eq(got_from, asked);
	head = hex(v6 ? "01010018" COOKIE ID "00200014 0002"
		      : "0101000c" COOKIE ID "00200008 0001",
	    &len);
	memcpy(want, head, len);
	want[len] = (uint8_t)(address_port(&c->own) >> 8) ^ 0x21;
	want[len + 1] = (uint8_t)address_port(&c->own) ^ 0x12;
	len += 2;
	memcpy(want + len,
	    v6 ? (const void *)&c->own.in6.sin6_addr
	       : (const void *)&c->own.in4.sin_addr,
	    v6 ? 16 : 4);
	for (size_t i = 0; i < (v6 ? 16 : 4); i++)
		want[len + i] ^= i < 4 ? mask4[i] : want[8 + i - 4];
	ck_assert_bytes(got, (size_t)n, want, len + (v6 ? 16 : 4));
}

#define REQUEST "00010008" COOKIE ID "80280004 5b20f9cc"

static const struct {
	const char *options; /* the first of its STUN listeners is asked */
	const char *host;
} ways[] = {
	{ "--stun 127.0.0.1:0", "127.0.0.1" },
	{ "--stun 127.0.0.2:0", "127.0.0.2" },
	{ "--stun 0.0.0.0:0", "127.0.0.1" },
	{ "--stun 0.0.0.0:0", "127.0.0.2" },
	{ "--stun [::1]:0", "::1" },
	{ "--stun [::]:0", "::1" },
	/* both families on one socket, IPv4 in its plain form */
	{ "--stun [::]:0", "127.0.0.1" },
	{ "--stun [::]:0", "127.0.0.2" },
};

START_TEST(the_address_asked_answers_with_the_address_seen)
{
	bool v6 = strchr(ways[_i].host, ':') != NULL;
	struct client c;
	char options[80];

	snprintf(options, sizeof(options), "%s --metrics 127.0.0.1:0",
	    ways[_i].options);
	start(options);
	client_open(&c, ways[_i].host, 0);
	client_send(&c, REQUEST);
	client_expect(&c);
	ck_assert_int_eq(relay_metric(&relay, "stun_requests_total"), 1);
	ck_assert_int_eq(relay_metric(&relay, "stun_ipv4_success_total"), !v6);
	ck_assert_int_eq(relay_metric(&relay, "stun_ipv6_success_total"), v6);
	ck_assert_int_eq(relay_metric(&relay, "stun_bad_requests_total"), 0);
	ck_assert_int_eq(relay_metric(&relay, "stun_failures_total"), 0);
	close(c.fd);
	stop();
}
END_TEST

START_TEST(several_sockets_serve_side_by_side)
{
	struct client a, b;

	start("--stun 127.0.0.1:0 --stun [::1]:0 --metrics 127.0.0.1:0");
	client_open(&a, "127.0.0.1", 0);
	client_open(&b, "::1", 1);
	client_send(&a, REQUEST);
	client_send(&b, REQUEST);
	client_expect(&b);
	client_expect(&a);
	close(a.fd);
	close(b.fd);
	stop();
}
END_TEST

/* A good request behind them is answered first. */
static const char *const bad[] = {
	"",
	"00",
	"00010000 2112a443" ID,
	"80010000" COOKIE ID,
	"00030000" COOKIE ID,
	"00110000" COOKIE ID,
	"00010008" COOKIE ID "80280004 5b20f9cd",
	"00010004" COOKIE ID "80220000",
	"00010008" COOKIE ID "80280004 5b20f9",
};

START_TEST(what_is_no_request_gets_no_answer)
{
	const int n = sizeof(bad) / sizeof(bad[0]);
	struct client c;

	start("--stun 127.0.0.1:0 --metrics 127.0.0.1:0");
	client_open(&c, "127.0.0.1", 0);
	for (int i = 0; i < n; i++)
		client_send(&c, bad[i]);
	client_send(&c, REQUEST);
	client_expect(&c);
	ck_assert_int_eq(relay_metric(&relay, "stun_requests_total"), n + 1);
	ck_assert_int_eq(relay_metric(&relay, "stun_bad_requests_total"), n);
	ck_assert_int_eq(relay_metric(&relay, "stun_ipv4_success_total"), 1);
	close(c.fd);
	stop();
}
END_TEST

/* More than one turn takes; the largest datagrams among them. */
START_TEST(a_burst_is_answered_one_by_one)
{
	static uint8_t big[65507];
	struct client c;

	start("--stun 127.0.0.1:0 --metrics 127.0.0.1:0");
	client_open(&c, "127.0.0.1", 0);
	for (int i = 0; i < 100; i++)
		client_send(&c, REQUEST);
	for (int i = 0; i < 100; i++)
		client_expect(&c);
	ck_assert_int_eq(sendto(c.fd, big, sizeof(big), 0, &c.server.any,
			     c.server.len),
	    (ssize_t)sizeof(big));
	client_send(&c, REQUEST);
	client_expect(&c);
	ck_assert_int_eq(relay_metric(&relay, "stun_requests_total"), 102);
	close(c.fd);
	stop();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd_stun");
	TCase *t = tcase_create("relayd_stun");

	tcase_add_checked_fixture(t, process_setup, process_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_rows(t, the_address_asked_answers_with_the_address_seen,
	    ways);
	tcase_add_test(t, several_sockets_serve_side_by_side);
	tcase_add_test(t, what_is_no_request_gets_no_answer);
	tcase_add_test(t, a_burst_is_answered_one_by_one);
	suite_add_tcase(s, t);
	return run_suite(s);
}
