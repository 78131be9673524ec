/*
 * Dialling names with several addresses, dead ones among them, by the fake
 * clock.  What a name means is said here: this program has a getaddrinfo()
 * of its own, which can also be slow.
 */
#include "config.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/listen.h"
#include "peer.h"
#include "support.h"

#define MS NS_PER_MS

/* What getaddrinfo() says; for names that end in a dot nothing. */
static const char *const *answers;
static bool slow; /* it waits for |go| */
static sem_t go;
static atomic_int nfreed;

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **res)
{
	struct addrinfo **tail = res;

	if (slow)
		while (sem_wait(&go) < 0)
			;
	*res = NULL;
	if (node[strlen(node) - 1] == '.')
		return EAI_NONAME;
	for (const char *const *f = answers; *f != NULL; f++) {
		struct addrinfo *ai = xcalloc(1, sizeof(*ai));
		struct address *a = xcalloc(1, sizeof(*a));

		address_from_literal(*f, (unsigned)atoi(service), a);
		ai->ai_family = a->any.sa_family;
		ai->ai_addr = &a->any;
		ai->ai_addrlen = a->len;
		*tail = ai;
		tail = &ai->ai_next;
	}
	return *res != NULL ? 0 : EAI_NONAME;
}

void
freeaddrinfo(struct addrinfo *ai)
{
	while (ai != NULL) {
		struct addrinfo *next = ai->ai_next;

		free(ai->ai_addr);
		free(ai);
		ai = next;
	}
	atomic_fetch_add(&nfreed, 1);
}

static struct loop *loop;
static unsigned port;
static struct text attempts; /* hosts, without the port */

static struct outcome {
	unsigned times;
	enum dial_status status;
	int fd;
	char detail[4096];
} done;

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
	text_addf(&attempts, "%.*s ", (int)(strrchr(address, ':') - address),
	    address);
}

static void
setup(void)
{
	clock_fake(1000 * NS_PER_S);
	loop = loop_new();
	ck_assert_ptr_nonnull(loop);
	memset(&done, 0, sizeof(done));
	done.fd = -1;
	text_init(&attempts);
	sem_init(&go, 0, 0);
	slow = false;
	port = 0;
}

static void
teardown(void)
{
	if (done.fd >= 0)
		close(done.fd);
	text_clear(&attempts);
	loop_free(loop);
	clock_unfake();
}

/* What an address does to those who knock. */
enum place_kind {
	REFUSES,   /* bound, so that nobody else takes the port */
	ACCEPTS,   /* the kernel does */
	BLACK_HOLE /* its queue is full: the kernel ignores who knocks */
};

struct place {
	const char *host;
	enum place_kind kind;
};

static int
bind_at(const char *host)
{
	struct address a;
	int one = 1;
	int fd;

	ck_assert(address_from_literal(host, port, &a));
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.any, a.len) < 0) {
		close(fd);
		return -1;
	}
	ck_assert_int_eq(getsockname(fd, &a.any, &a.len), 0);
	port = address_port(&a);
	return fd;
}

static void
fill_queue(const char *host)
{
	struct address a;

	ck_assert(address_from_literal(host, port, &a));
	for (int i = 0; i < 3; i++) {
		int fd =
		    socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

		connect(fd, &a.any, a.len);
	}
}

/* One port for all places; another program may have it at one of them. */
static void
lay_out(const struct place *places, int n)
{
	int fds[4];
	int bound = 0;

	for (int tries = 0; bound < n; tries++) {
		ck_assert_int_lt(tries, 100);
		while (bound > 0)
			close(fds[--bound]);
		port = 0;
		while (bound < n &&
		    (fds[bound] = bind_at(places[bound].host)) >= 0)
			bound++;
	}
	for (int i = 0; i < n; i++) {
		if (places[i].kind == REFUSES)
			continue;
		ck_assert_int_eq(listen(fds[i],
				     places[i].kind == ACCEPTS ? 10 : 0),
		    0);
		if (places[i].kind == BLACK_HOLE)
			fill_queue(places[i].host);
	}
}

#define LAY_OUT(...)                                                           \
	do {                                                                   \
		const struct place places_[] = { __VA_ARGS__ };                \
		lay_out(places_, (int)(sizeof(places_) / sizeof(places_[0]))); \
	} while (0)

static struct dial *
dial(const char *host, int64_t timeout_ns)
{
	struct dial_config c = { .host = host,
		.port = port,
		.timeout_ns = timeout_ns,
		.on_attempt = on_attempt };

	return dial_start(loop, &c, on_done, NULL);
}

/* The fake clock stands: waiting is for the kernel only. */
#define SOON_UNTIL(condition)                                                  \
	for (int turns_ = 0; !(condition); turns_++) {                         \
		ck_assert_msg(turns_ < 3000, "never came true: %s",            \
		    #condition);                                               \
		loop_turn(loop, 20 * MS);                                      \
	}

START_TEST(the_next_address_follows_a_failure_at_once)
{
	static const char *const list[] = { "127.0.0.2", "127.0.0.3",
		"127.0.0.1", NULL };

	LAY_OUT({ "127.0.0.1", ACCEPTS }, { "127.0.0.2", REFUSES },
	    { "127.0.0.3", REFUSES });
	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_OK);
	ck_assert_str_eq(attempts.s, "127.0.0.2 127.0.0.3 127.0.0.1 ");
	ck_assert_ptr_nonnull(strstr(done.detail, "127.0.0.2:"));
	ck_assert_ptr_nonnull(strstr(done.detail, ": Connection refused; "));
	ck_assert_ptr_nonnull(strstr(done.detail, ": connected"));
	ck_assert_int_eq(clock_mono_ns(), 1000 * NS_PER_S);
}
END_TEST

START_TEST(either_family_alone_is_found)
{
	static const char *const list[] = { "::1", "127.0.0.1", NULL };

	LAY_OUT({ list[_i], ACCEPTS }, { list[1 - _i], REFUSES });
	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_msg(done.status == DIAL_OK, "%s", done.detail);
	ck_assert_str_eq(attempts.s, _i == 0 ? "[::1] " : "[::1] 127.0.0.1 ");
}
END_TEST

START_TEST(all_dead_lists_all_with_their_reasons)
{
	static const char *const list[] = { "::1", "127.0.0.1", NULL };
	char want[200];

	LAY_OUT({ "::1", REFUSES }, { "127.0.0.1", REFUSES });
	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_FAILED);
	snprintf(want, sizeof(want),
	    "[::1]:%u: Connection refused; 127.0.0.1:%u: Connection refused",
	    port, port);
	ck_assert_str_eq(done.detail, want);
}
END_TEST

START_TEST(the_next_address_follows_silence_after_250_ms)
{
	static const char *const list[] = { "127.0.0.2", "127.0.0.1", NULL };

	LAY_OUT({ "127.0.0.2", BLACK_HOLE }, { "127.0.0.1", ACCEPTS });
	answers = list;
	dial("relay", 5 * NS_PER_S);
	SOON_UNTIL(attempts.len > 0);
	ck_assert_str_eq(attempts.s, "127.0.0.2 ");
	clock_advance(250 * MS - 1);
	loop_turn(loop, 0);
	ck_assert_str_eq(attempts.s, "127.0.0.2 ");
	ck_assert_uint_eq(done.times, 0);
	clock_advance(1);
	loop_turn(loop, 0);
	ck_assert_str_eq(attempts.s, "127.0.0.2 127.0.0.1 ");
	SOON_UNTIL(done.times > 0);
	ck_assert_msg(done.status == DIAL_OK, "%s", done.detail);
	loop_turn(loop, 0);
	clock_advance(10 * NS_PER_S);
	loop_turn(loop, 0);
	ck_assert_uint_eq(done.times, 1);
}
END_TEST

START_TEST(a_failure_leaves_the_silent_one_its_time)
{
	static const char *const list[] = { "127.0.0.2", "127.0.0.1", NULL };

	LAY_OUT({ "127.0.0.2", BLACK_HOLE }, { "127.0.0.1", REFUSES });
	answers = list;
	dial("relay", 5 * NS_PER_S);
	SOON_UNTIL(attempts.len > 0);
	clock_advance(250 * MS);
	SOON_UNTIL(attempts.len == strlen("127.0.0.2 127.0.0.1 "));
	for (int i = 0; i < 5; i++)
		loop_turn(loop, MS);
	ck_assert_uint_eq(done.times, 0);
	clock_advance(4750 * MS);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(done.detail, ": Connection refused"));
	ck_assert_ptr_nonnull(strstr(done.detail, ": no answer within 5 s"));
}
END_TEST

START_TEST(the_whole_has_a_time)
{
	static const char *const list[] = { "127.0.0.2", NULL };
	char want[100];

	LAY_OUT({ "127.0.0.2", BLACK_HOLE });
	answers = list;
	dial(_i == 0 ? "relay" : "127.0.0.2", 1500 * MS);
	SOON_UNTIL(attempts.len > 0);
	clock_advance(1500 * MS - 1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(done.times, 0);
	clock_advance(1);
	loop_turn(loop, 0);
	ck_assert_uint_eq(done.times, 1);
	ck_assert_int_eq(done.status, DIAL_TIMEOUT);
	snprintf(want, sizeof(want), "127.0.0.2:%u: no answer within 1.5 s",
	    port);
	ck_assert_str_eq(done.detail, want);
}
END_TEST

START_TEST(families_take_turns)
{
	static const char *const list[] = { "::1", "::1", "::1", "127.0.0.2",
		"127.0.0.1", NULL };

	LAY_OUT({ "::1", REFUSES }, { "127.0.0.1", REFUSES },
	    { "127.0.0.2", REFUSES });
	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_str_eq(attempts.s, "[::1] 127.0.0.2 [::1] 127.0.0.1 [::1] ");
}
END_TEST

START_TEST(so_many_addresses_and_no_more)
{
	const char *list[41];

	for (int i = 0; i < 40; i++)
		list[i] = "127.0.0.1";
	list[40] = NULL;
	LAY_OUT({ "127.0.0.1", REFUSES });
	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_FAILED);
	ck_assert_uint_eq(attempts.len, 16 * strlen("127.0.0.1 "));
}
END_TEST

START_TEST(no_address_is_an_unknown_name)
{
	static const char *const list[] = { NULL };

	answers = list;
	dial("relay", 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_NAME);
	ck_assert_str_eq(done.detail, "relay: Name or service not known");
}
END_TEST

START_TEST(a_name_with_the_final_dot_is_tried_without)
{
	static const char *const names[] = { "relay.", "localhost." };
	static const char *const list[] = { "127.0.0.1", NULL };

	LAY_OUT({ "127.0.0.1", ACCEPTS });
	answers = list;
	dial(names[_i], 0);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_OK);
}
END_TEST

/* ---- a resolver that does not answer */

static bool timer_ran;

static void
on_time(void *arg)
{
	timer_ran = true;
}

START_TEST(the_loop_goes_on_while_a_name_is_resolved)
{
	static const char *const list[] = { "127.0.0.1", NULL };
	struct timer *t = timer_new(loop, on_time, NULL);

	LAY_OUT({ "127.0.0.1", ACCEPTS });
	answers = list;
	slow = true;
	dial("relay", 60 * NS_PER_S);
	loop_turn(loop, 0);
	timer_set(t, 10);
	clock_advance(10);
	loop_turn(loop, 0);
	ck_assert(timer_ran);
	ck_assert_uint_eq(done.times, 0);
	sem_post(&go);
	SOON_UNTIL(done.times > 0);
	ck_assert_int_eq(done.status, DIAL_OK);
	timer_free(t);
}
END_TEST

/* The worker outlives the dial, and cleans up behind itself. */
static void
wait_for_worker(void)
{
	sem_post(&go);
	SOON_UNTIL(atomic_load(&nfreed) > 0);
}

START_TEST(resolving_has_its_time_too)
{
	static const char *const list[] = { "127.0.0.1", NULL };

	port = 80;
	answers = list;
	slow = true;
	dial("relay", 2 * NS_PER_S);
	loop_turn(loop, 0);
	clock_advance(2 * NS_PER_S);
	loop_turn(loop, 0);
	ck_assert_uint_eq(done.times, 1);
	ck_assert_int_eq(done.status, DIAL_TIMEOUT);
	ck_assert_str_eq(done.detail,
	    "relay: the name was not resolved within 2 s");
	wait_for_worker();
	ck_assert_uint_eq(done.times, 1);
}
END_TEST

START_TEST(resolving_can_be_given_up)
{
	static const char *const list[] = { "127.0.0.1", NULL };
	struct dial *d;

	port = 80;
	answers = list;
	slow = true;
	d = dial("relay", 0);
	loop_turn(loop, 0);
	dial_cancel(d);
	wait_for_worker();
	ck_assert_uint_eq(done.times, 0);
}
END_TEST

START_TEST(slow_names_wait_for_each_other_and_none_is_lost)
{
	static const char *const list[] = { "127.0.0.1", NULL };
	struct dial *dials[100];

	LAY_OUT({ "127.0.0.1", REFUSES });
	answers = list;
	slow = true;
	for (int i = 0; i < 100; i++)
		dials[i] = dial("relay", 0);
	loop_turn(loop, 0);
	for (int i = 0; i < 100; i += 2)
		dial_cancel(dials[i]);
	for (int i = 0; i < 100; i++)
		sem_post(&go);
	SOON_UNTIL(done.times == 50 && atomic_load(&nfreed) == 100);
	ck_assert_int_eq(done.status, DIAL_FAILED);
}
END_TEST

static Suite *
dial_names_suite(void)
{
	Suite *s = suite_create("dial_names");
	TCase *tc = tcase_create("dial_names");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_next_address_follows_a_failure_at_once);
	tcase_add_loop_test(tc, either_family_alone_is_found, 0, 2);
	tcase_add_test(tc, all_dead_lists_all_with_their_reasons);
	tcase_add_test(tc, the_next_address_follows_silence_after_250_ms);
	tcase_add_test(tc, a_failure_leaves_the_silent_one_its_time);
	tcase_add_loop_test(tc, the_whole_has_a_time, 0, 2);
	tcase_add_test(tc, families_take_turns);
	tcase_add_test(tc, so_many_addresses_and_no_more);
	tcase_add_test(tc, no_address_is_an_unknown_name);
	tcase_add_loop_test(tc, a_name_with_the_final_dot_is_tried_without, 0,
	    2);
	tcase_add_test(tc, the_loop_goes_on_while_a_name_is_resolved);
	tcase_add_test(tc, resolving_has_its_time_too);
	tcase_add_test(tc, resolving_can_be_given_up);
	tcase_add_test(tc, slow_names_wait_for_each_other_and_none_is_lost);
	suite_add_tcase(s, tc);
	return s;
}

int
main(void)
{
	return run_suite(dial_names_suite());
}
