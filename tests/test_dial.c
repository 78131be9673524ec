/* Dialling: addresses, names, the order of attempts, the time. */
#include "config.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/address.h"
#include "net/dial.h"
#include "net/listen.h"
#include "peer.h"
#include "support.h"

static struct loop *loop;
static struct listener *listener;
static char err[256];

/* What came of a dial. */
static struct outcome {
	unsigned times;
	enum dial_status status;
	int fd;
	char detail[2048];
} done;
static struct text attempts;
static unsigned naccepted;

static void
on_done(void *arg, const struct dial_result *r)
{
	done.times++;
	done.status = r->status;
	done.fd = r->fd;
	snprintf(done.detail, sizeof(done.detail), "%s", r->detail);
}

static void
on_attempt(void *arg, const char *address)
{
	text_addf(&attempts, "%s ", address);
}

static void
on_accept(void *arg, int fd)
{
	naccepted++;
	close(fd);
}

static void
setup(void)
{
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	memset(&done, 0, sizeof(done));
	done.fd = -1;
	naccepted = 0;
	listener = NULL;
	text_init(&attempts);
}

static void
teardown(void)
{
	listener_free(listener);
	if (done.fd >= 0)
		close(done.fd);
	text_clear(&attempts);
	loop_free(loop);
	clock_unfake();
}

static void
listen_on(const char *address)
{
	listener =
	    listener_new(loop, address, on_accept, NULL, err, sizeof(err));
	ck_assert_msg(listener != NULL, "%s", err);
}

/* A port that nobody listens on; it stays bound, so that nobody will. */
static unsigned
closed_port(const char *host)
{
	struct address a;
	int fd;

	ck_assert(address_from_literal(host, 0, &a));
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, &a.any, a.len), 0);
	ck_assert_int_eq(getsockname(fd, &a.any, &a.len), 0);
	return address_port(&a);
}

static struct dial *
dial(const char *host, unsigned port, const char *resolve)
{
	struct dial_config c = { .host = host,
		.port = port,
		.resolve = resolve,
		.timeout_ns = 30 * NS_PER_S,
		.on_attempt = on_attempt };

	return dial_start(loop, &c, on_done, NULL);
}

static const char *const hosts[] = { "127.0.0.1", "::1" };
static const char *const bracketed[] = { "127.0.0.1", "[::1]" };

START_TEST(a_literal_address_is_dialled)
{
	struct address there = { .len = sizeof(there.storage) };
	char address[64], want[100];
	socklen_t len = sizeof(int);
	int nodelay = 0;

	snprintf(address, sizeof(address), "%s:0", bracketed[_i]);
	listen_on(address);
	dial(hosts[_i], listener_port(listener), NULL);
	ck_assert_uint_eq(done.times, 0); /* never from inside */
	TURN_UNTIL(loop, done.times > 0 && naccepted > 0);
	ck_assert_int_eq(done.status, DIAL_OK);
	snprintf(want, sizeof(want), "%s:%u", bracketed[_i],
	    listener_port(listener));
	ck_assert_int_eq(getpeername(done.fd, &there.any, &there.len), 0);
	address_text(&there, address, sizeof(address));
	ck_assert_str_eq(address, want);
	ck_assert_int_eq(strncmp(attempts.s, want, strlen(want)), 0);
	strcat(want, ": connected");
	ck_assert_str_eq(done.detail, want);
	ck_assert_int_eq(getsockopt(done.fd, IPPROTO_TCP, TCP_NODELAY, &nodelay,
			     &len),
	    0);
	ck_assert_int_ne(nodelay, 0);
	ck_assert_int_eq(recv(done.fd, want, 1, 0), 0); /* FIN of the accept */
}
END_TEST

START_TEST(the_descriptor_does_not_block)
{
	listen_on("127.0.0.1:0");
	dial("127.0.0.1", listener_port(listener), NULL);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_int_eq(done.status, DIAL_OK);
	ck_assert_int_ne(fcntl(done.fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_ne(fcntl(done.fd, F_GETFD) & FD_CLOEXEC, 0);
}
END_TEST

START_TEST(a_closed_port_is_refused_by_name)
{
	unsigned port = closed_port(hosts[_i]);
	char want[200];

	dial(hosts[_i], port, NULL);
	ck_assert_uint_eq(done.times, 0);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_int_eq(done.status, DIAL_FAILED);
	snprintf(want, sizeof(want), "%s:%u: Connection refused", bracketed[_i],
	    port);
	ck_assert_str_eq(done.detail, want);
	ck_assert_int_eq(done.fd, -1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(done.times, 1);
}
END_TEST

START_TEST(a_name_is_resolved_off_the_loop)
{
	static const char *const names[] = { "localhost", "localhost.",
		"LOCALHOST" };

	listen_on("127.0.0.1:0");
	dial(names[_i], listener_port(listener), NULL);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_msg(done.status == DIAL_OK, "%s", done.detail);
	ck_assert_ptr_nonnull(strstr(done.detail, "connected"));
}
END_TEST

START_TEST(a_name_that_is_none_is_said_with_its_reason)
{
	/* RFC 6761 6.4: never resolves; the spaces are no name at all */
	static const char *const names[] = { "no.such.host.invalid", "a b" };

	dial(names[_i], 80, NULL);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_int_eq(done.status, DIAL_NAME);
	ck_assert_msg(strncmp(done.detail, names[_i], strlen(names[_i])) == 0,
	    "%s", done.detail);
	ck_assert_uint_gt(strlen(done.detail), strlen(names[_i]) + 4);
	ck_assert_str_eq(text_str(&attempts), "");
}
END_TEST

START_TEST(many_names_at_once_all_come)
{
	struct dial_config c = { .host = "localhost",
		.timeout_ns = 60 * NS_PER_S };

	c.port = closed_port("127.0.0.1");
	for (int i = 0; i < 200; i++)
		dial_start(loop, &c, on_done, NULL);
	TURN_UNTIL(loop, done.times == 200);
	ck_assert_int_eq(done.status, DIAL_FAILED);
}
END_TEST

START_TEST(a_dial_can_be_given_up_at_any_time)
{
	listen_on("127.0.0.1:0");
	dial_cancel(NULL);
	for (int turns = 0; turns < 6; turns++) {
		for (int i = 0; i < 10; i++) {
			struct dial *d = dial(i % 2 ? "localhost" : "127.0.0.1",
			    listener_port(listener), NULL);

			for (int t = 0; t < turns && done.times == 0; t++)
				loop_turn(loop, 0);
			if (done.times == 0) {
				dial_cancel(d);
				loop_turn(loop, 0);
				ck_assert_uint_eq(done.times, 0);
			} else {
				close(done.fd);
				done.fd = -1;
			}
			done.times = 0;
		}
	}
}
END_TEST

/* ---- --resolve */

static const struct {
	const char *resolve; /* %u: the listener's port */
	const char *host;
	bool applies;
} resolves[] = {
	{ "relay.invalid:%u:127.0.0.1", "relay.invalid", true },
	{ "relay.invalid:%u:[127.0.0.1]", "relay.invalid", true },
	{ "RELAY.invalid:%u:127.0.0.1", "relay.INVALID", true },
	{ "relay.invalid:%u:127.0.0.1", "relay.invalid.", true },
	{ "relay.invalid.:%u:127.0.0.1", "relay.invalid", true },
	{ "127.0.0.9:%u:127.0.0.1", "127.0.0.9", true },
	{ "[::9]:%u:127.0.0.1", "::9", true },
	{ "other.invalid:%u:127.0.0.1", "relay.invalid", false },
	{ "relay.invalid:1:127.0.0.1", "relay.invalid", false },
	{ "relay.invali:%u:127.0.0.1", "relay.invalid", false },
};

START_TEST(resolve_names_the_address_of_a_host_and_port)
{
	char resolve[100];

	listen_on("127.0.0.1:0");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(resolve, sizeof(resolve), resolves[_i].resolve,
	    listener_port(listener));
#pragma GCC diagnostic pop
	ck_assert(dial_resolve_is_valid(resolve));
	dial(resolves[_i].host, listener_port(listener), resolve);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_msg((done.status == DIAL_OK) == resolves[_i].applies, "%s",
	    done.detail);
}
END_TEST

START_TEST(resolve_may_name_ipv6)
{
	char resolve[100];

	listen_on("[::1]:0");
	snprintf(resolve, sizeof(resolve), "relay.invalid:%u:%s",
	    listener_port(listener), _i == 0 ? "::1" : "[::1]");
	dial("relay.invalid", listener_port(listener), resolve);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_msg(done.status == DIAL_OK, "%s", done.detail);
}
END_TEST

static const char *const bad_resolves[] = { "", "x", "x:80",
	"x:80:", "x:80:name", "x:0:127.0.0.1", "x:65536:127.0.0.1",
	"x::127.0.0.1", ":80:127.0.0.1", "x:80:127.0.0.1:1", "x:80:[::1",
	"x:80:::g", "[::1:80:127.0.0.1", "x:+80:127.0.0.1" };

START_TEST(a_resolve_without_its_form_is_refused)
{
	char want[100];

	ck_assert(!dial_resolve_is_valid(bad_resolves[_i]));
	dial("127.0.0.1", 80, bad_resolves[_i]);
	TURN_UNTIL(loop, done.times > 0);
	ck_assert_int_eq(done.status, DIAL_NAME);
	snprintf(want, sizeof(want), "'%s' is not HOST:PORT:ADDR",
	    bad_resolves[_i]);
	ck_assert_str_eq(done.detail, want);
}
END_TEST

static Suite *
dial_suite(void)
{
	Suite *s = suite_create("dial");
	TCase *tc = tcase_create("dial");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_rows(tc, a_literal_address_is_dialled, hosts);
	tcase_add_test(tc, the_descriptor_does_not_block);
	tcase_add_rows(tc, a_closed_port_is_refused_by_name, hosts);
	tcase_add_loop_test(tc, a_name_is_resolved_off_the_loop, 0, 3);
	tcase_add_loop_test(tc, a_name_that_is_none_is_said_with_its_reason, 0,
	    2);
	tcase_add_test(tc, many_names_at_once_all_come);
	tcase_add_test(tc, a_dial_can_be_given_up_at_any_time);
	tcase_add_rows(tc, resolve_names_the_address_of_a_host_and_port,
	    resolves);
	tcase_add_loop_test(tc, resolve_may_name_ipv6, 0, 2);
	tcase_add_rows(tc, a_resolve_without_its_form_is_refused, bad_resolves);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(dial_suite());
}
