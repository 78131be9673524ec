/* relayd in the hands of an operator: draining, another user, a service that
 * is asked, all of it with the sandbox on. */
#include "config.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "relayd_process.h"
#include "support.h"

#define LISTENERS "--listen 127.0.0.1:0 --metrics 127.0.0.1:0 "

static void
expect_log(const char *part)
{
	int64_t until = clock_mono_ns() + 10 * NS_PER_S;

	while (strstr(relay_log(&relay), part) == NULL) {
		ck_assert_msg(clock_mono_ns() < until, "no %s in: %s", part,
		    relay_log(&relay));
		usleep(5000);
	}
}

static void
expect_exit(void)
{
	int status = relay_stop(&relay, 0);

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- draining */

static void
exchange(struct link *from, struct link *to, unsigned to_seed)
{
	uint8_t packet[RK_KEY_LEN + 1] = { 0 }, got[RK_KEY_LEN + 1];
	struct rk_key key = seed_key(to_seed);
	unsigned type;
	size_t len;

	memcpy(packet, key.b, RK_KEY_LEN);
	link_send(from, SEND, packet, sizeof(packet));
	ck_assert(link_recv(to, &type, got, sizeof(got), &len));
	ck_assert_uint_eq(type, RECV);
}

static bool
is_refused(const char *address)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int err = connect(fd, (struct sockaddr *)&sin, sizeof(sin));
	int error = errno;

	close(fd);
	return err != 0 && error == ECONNREFUSED;
}

START_TEST(while_it_drains_clients_finish)
{
	uint8_t gone[RK_KEY_LEN];
	struct link a, b;
	unsigned type;
	size_t len;

	start(_i == 0 ? LISTENERS "--stun 127.0.0.1:0 --drain-time 1h"
		      : LISTENERS "--threads 3 --drain-time 1h");
	link_open(&a, relay_address(&relay, "http", 0));
	link_open(&b, relay_address(&relay, "http", 0));
	link_login(&a, RK_CARRIER_RAW, 1);
	link_login(&b, RK_CARRIER_WS, 2);
	link_ping(&a);
	link_ping(&b);
	kill(relay.pid, SIGUSR1);
	expect_log("draining connections=2 ");
	ck_assert(is_refused(relay_address(&relay, "http", 0)));
	exchange(&a, &b, 2);
	exchange(&b, &a, 1);
	/* Twice is once; and it can be watched. */
	kill(relay.pid, SIGUSR1);
	ck_assert_int_eq(relay_metric(&relay, "relayd_clients"), 2);
	link_close(&a);
	ck_assert(link_recv(&b, &type, gone, sizeof(gone), &len));
	ck_assert_uint_eq(type, 0x08);
	link_close(&b);
	expect_exit();
}
END_TEST

/* Such as a monitor has, or whoever never said a word. */
START_TEST(draining_does_not_wait_for_idle_http)
{
	struct link kept, silent;

	start(LISTENERS "--drain-time 1h --head-timeout 1h");
	link_open(&kept, relay_address(&relay, "http", 0));
	link_open(&silent, relay_address(&relay, "http", 0));
	link_request(&kept, "GET /ping");
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"tcp\"}", 1));
	kill(relay.pid, SIGUSR1);
	ck_assert(link_ends(&kept));
	ck_assert(link_ends(&silent));
	expect_exit();
	link_close(&kept);
	link_close(&silent);
}
END_TEST

START_TEST(draining_has_an_end)
{
	struct link a;

	start(LISTENERS "--drain-time 200ms");
	link_open(&a, relay_address(&relay, "http", 0));
	link_login(&a, RK_CARRIER_RAW, 1);
	link_ping(&a);
	kill(relay.pid, SIGUSR1);
	ck_assert(link_ends(&a));
	ck_assert_ptr_nonnull(strstr(relay_log(&relay), "end=shutdown"));
	expect_exit();
	link_close(&a);
}
END_TEST

START_TEST(draining_can_be_cut_short)
{
	struct link a;

	start(LISTENERS "--drain-time 1h");
	link_open(&a, relay_address(&relay, "http", 0));
	link_login(&a, RK_CARRIER_RAW, 1);
	link_ping(&a);
	kill(relay.pid, SIGUSR1);
	expect_log("draining");
	kill(relay.pid, SIGTERM);
	ck_assert(link_ends(&a));
	expect_exit();
	link_close(&a);
}
END_TEST

/* ---- a service that is asked: one thread, one question after the other */

static int service_fd;
static SSL_CTX *service_tls;
static pthread_t service_thread;
static char denied[RK_KEY_HEX_SIZE]; /* whom it does not let in */

static bool service_keeps; /* it waits for the next question */
static unsigned nserved;   /* connections */

static bool
read_question(int fd, SSL *ssl, char *text, size_t size)
{
	size_t len = 0;

	do {
		ssize_t n = ssl != NULL
		    ? SSL_read(ssl, text + len, (int)(size - 1 - len))
		    : read(fd, text + len, size - 1 - len);

		if (n <= 0)
			return false;
		len += (size_t)n;
		text[len] = '\0';
	} while (strstr(text, "\r\n\r\n") == NULL);
	return true;
}

static void
answer_one(int fd)
{
	static const char yes[] = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
				  "true",
			  no[] = "HTTP/1.1 403 No\r\n"
				 "content-length: 0\r\n\r\n";
	SSL *ssl = service_tls != NULL ? SSL_new(service_tls) : NULL;
	const char *answer;
	char text[2048];

	if (ssl != NULL) {
		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) != 1)
			goto out;
	}
	while (read_question(fd, ssl, text, sizeof(text))) {
		answer = denied[0] != '\0' && strstr(text, denied) != NULL
		    ? no
		    : yes;
		if (ssl != NULL)
			SSL_write(ssl, answer, (int)strlen(answer));
		else
			(void)!write(fd, answer, strlen(answer));
		if (!service_keeps)
			break;
	}
out:
	SSL_free(ssl);
	close(fd);
}

static void *
serve(void *arg)
{
	int fd;

	while ((fd = accept(service_fd, NULL, NULL)) >= 0) {
		__atomic_add_fetch(&nserved, 1, __ATOMIC_RELAXED);
		answer_one(fd);
	}
	return NULL;
}

static int
listen_local(unsigned *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(fd, 64), 0);
	getsockname(fd, (struct sockaddr *)&sin, &len);
	*port = ntohs(sin.sin_port);
	return fd;
}

/* Its port; it goes with the process of the test. */
static unsigned
start_service(bool tls)
{
	unsigned port;

	signal(SIGPIPE, SIG_IGN);
	service_fd = listen_local(&port);
	if (tls) {
		service_tls = SSL_CTX_new(TLS_server_method());
		ck_assert_int_eq(SSL_CTX_use_certificate_chain_file(service_tls,
				     certs.chain),
		    1);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(service_tls,
				     certs.key, SSL_FILETYPE_PEM),
		    1);
	}
	ck_assert_int_eq(pthread_create(&service_thread, NULL, serve, NULL), 0);
	return port;
}

static void
stop_service(void)
{
	shutdown(service_fd, SHUT_RDWR);
	pthread_join(service_thread, NULL);
	close(service_fd);
	SSL_CTX_free(service_tls);
}

static bool
is_let_in(unsigned seed)
{
	static const char text[] = "not authenticated";
	char got[64];
	unsigned type;
	struct link l;
	size_t len;
	bool yes;

	link_open(&l, relay_address(&relay, "http", 0));
	link_login(&l, RK_CARRIER_RAW, seed);
	link_send(&l, 0x0c, "12345678", 8);
	ck_assert(link_recv(&l, &type, got, sizeof(got), &len));
	yes = type == 0x0d;
	if (!yes) {
		ck_assert_uint_eq(type, 0x0e);
		ck_assert_bytes(got, len, text, strlen(text));
	}
	link_close(&l);
	return yes;
}

static long
answers(const char *word)
{
	char sample[80];

	snprintf(sample, sizeof(sample),
	    "relayd_access_answers_total{answer=\"%s\"}", word);
	return relay_metric(&relay, sample);
}

static void
deny(unsigned seed)
{
	struct rk_key key = seed_key(seed);

	rk_key_hex(&key, denied);
}

/* By name, which is looked up; over TLS with a private root. */
START_TEST(a_service_is_asked_by_name)
{
	bool tls = (_i & 1) != 0;
	char options[1024];

	deny(2);
	snprintf(options, sizeof(options),
	    LISTENERS "--threads %d --access-url %s://localhost:%u/%s%s",
	    _i & 2 ? 3 : 1, tls ? "https" : "http", start_service(tls),
	    tls ? " --access-ca " : "", tls ? certs.ca : "");
	start(options);
	ck_assert(is_let_in(1));
	ck_assert(!is_let_in(2));
	ck_assert(is_let_in(3));
	ck_assert_int_eq(answers("allowed"), 2);
	ck_assert_int_eq(answers("denied"), 1);
	stop();
	stop_service();
}
END_TEST

START_TEST(a_service_that_cannot_prove_its_name_is_not_believed)
{
	char options[1024];

	snprintf(options, sizeof(options),
	    LISTENERS "--access-url https://localhost:%u/ --access-ca %s",
	    start_service(true), certs.other_ca);
	start(options);
	ck_assert(!is_let_in(1));
	ck_assert_int_eq(answers("unreachable"), 1);
	expect_log("access-unanswered why=");
	stop();
	stop_service();
}
END_TEST

START_TEST(a_service_is_asked_on_one_connection)
{
	bool tls = _i != 0;
	char options[1024];

	deny(2);
	service_keeps = true;
	snprintf(options, sizeof(options),
	    LISTENERS "--threads 1 --access-url %s://localhost:%u/%s%s",
	    tls ? "https" : "http", start_service(tls),
	    tls ? " --access-ca " : "", tls ? certs.ca : "");
	start(options);
	for (unsigned seed = 1; seed <= 5; seed++)
		ck_assert_int_eq(is_let_in(seed), seed != 2);
	stop();
	stop_service();
	ck_assert_uint_eq(nserved, 1);
}
END_TEST

/* |arg| is a listener; the one that it leads to speaks TLS. */
static void *
lead_on(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char text[2048], answer[256];
	unsigned port;

	if (read_question(fd, NULL, text, sizeof(text)) &&
	    sscanf(text, "POST /to/%u ", &port) == 1) {
		snprintf(answer, sizeof(answer),
		    "HTTP/1.1 308 Over TLS\r\nconnection: close\r\n"
		    "location: https://localhost:%u/\r\n\r\n",
		    port);
		(void)!write(fd, answer, strlen(answer));
	}
	close(fd);
	return NULL;
}

START_TEST(a_redirection_may_lead_to_https)
{
	unsigned port, target = start_service(true);
	int fd = listen_local(&port);
	char options[1024];
	pthread_t thread;

	snprintf(options, sizeof(options),
	    LISTENERS "--access-url http://localhost:%u/to/%u --access-ca %s",
	    port, target, certs.ca);
	start(options);
	ck_assert_int_eq(pthread_create(&thread, NULL, lead_on, &fd), 0);
	ck_assert(is_let_in(1));
	ck_assert_int_eq(answers("allowed"), 1);
	pthread_join(thread, NULL);
	close(fd);
	stop();
	stop_service();
}
END_TEST

START_TEST(who_resets_is_not_waited_for)
{
	unsigned port;
	char options[256], byte;
	struct link l;
	int fd = listen_local(&port), asked;

	snprintf(options, sizeof(options),
	    LISTENERS "--access-timeout 1h --login-timeout 1h "
		      "--access-url http://127.0.0.1:%u/",
	    port);
	start(options);
	link_open(&l, relay_address(&relay, "http", 0));
	link_login(&l, RK_CARRIER_RAW, 1);
	asked = accept(fd, NULL, NULL);
	ck_assert_int_ge(asked, 0);
	link_reset(&l);
	/* The question is withdrawn: its connection ends. */
	while (read(asked, &byte, 1) > 0)
		;
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_ended_total{end=\"reset\",stage=\"login\"}", 1));
	close(asked);
	close(fd);
	stop();
}
END_TEST

/* ---- limits of accepting */

static const struct {
	const char *burst;
	long passes;
} bursts[] = {
	{ "", 1 },
	{ "--accept-burst 0", 1 }, /* 1 is the least */
	{ "--accept-burst 1", 1 },
	{ "--accept-burst 3", 3 },
};

START_TEST(so_many_are_accepted_at_once)
{
	enum {
		N = 6
	};
	struct link l[N];
	char options[128];
	long open;

	/* One more only after a quarter of an hour. */
	snprintf(options, sizeof(options), LISTENERS "--accept-rate 0.001 %s",
	    bursts[_i].burst);
	start(options);
	for (int i = 0; i < N; i++) {
		link_open(&l[i], relay_address(&relay, "http", 0));
		link_write(&l[i], "GET /ping HTTP/1.1\r\n\r\n", 22);
	}
	/* Beside them the connection that asks. */
	ck_assert(relay_metric_becomes(&relay,
	    "relayd_connections{stage=\"http\"}", bursts[_i].passes + 1));
	open = relay_metric(&relay, "relayd_connections{stage=\"tcp\"}");
	ck_assert_int_eq(open, 0);
	for (int i = 0; i < N; i++)
		link_close(&l[i]);
	stop();
}
END_TEST

/* ---- another user */

static const struct passwd *
somebody(void)
{
	const struct passwd *pw = getpwnam("nobody");

	if (geteuid() != 0 || pw == NULL) {
		test_skip("only root can become nobody");
		return NULL;
	}
	return pw;
}

static void
expect_status(const char *field, unsigned id)
{
	char path[64], line[256], want[80];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)relay.pid);
	snprintf(want, sizeof(want), "%s:\t%u\t%u\t%u\t%u\n", field, id, id, id,
	    id);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		found = found || strcmp(line, want) == 0;
	fclose(f);
	ck_assert_msg(found, "no %s", want);
}

static void
hang_up(const char *word)
{
	kill(relay.pid, SIGHUP);
	expect_log(word);
}

START_TEST(as_another_user_it_reloads_what_its_group_may_read)
{
	const struct passwd *pw = somebody();
	struct link l;

	if (pw == NULL)
		return;
	ck_assert_int_eq(chmod(certs.dir, 0755), 0);
	ck_assert_int_eq(chown(certs.key, 0, pw->pw_gid), 0);
	ck_assert_int_eq(chmod(certs.key, 0640), 0);
	start_tls(ALL_LISTENERS " --user nobody");
	expect_status("Uid", (unsigned)pw->pw_uid);
	expect_status("Gid", (unsigned)pw->pw_gid);
	ck_assert_ptr_null(strstr(relay_log(&relay), "reload-will-fail"));
	hang_up(" reloaded");
	open_way(&l, 2);
	link_login(&l, RK_CARRIER_RAW, 1);
	link_ping(&l);
	link_close(&l);
	/* Where it may not, the old certificate stays. */
	ck_assert_int_eq(chmod(certs.key, 0600), 0);
	hang_up("reload-failed");
	open_way(&l, 2);
	link_login(&l, RK_CARRIER_RAW, 1);
	link_ping(&l);
	link_close(&l);
	stop();
}
END_TEST

START_TEST(that_a_reload_will_fail_is_said_at_the_start)
{
	if (somebody() == NULL)
		return;
	ck_assert_int_eq(chmod(certs.dir, 0755), 0);
	start_tls(ALL_LISTENERS " --user nobody");
	expect_log("reload-will-fail file=");
	stop();
}
END_TEST

/* Names, answers and files as that user, too. */
START_TEST(as_another_user_it_asks_its_service)
{
	char options[512];

	if (somebody() == NULL)
		return;
	deny(2);
	snprintf(options, sizeof(options),
	    LISTENERS "--user nobody --access-url http://localhost:%u/",
	    start_service(false));
	start(options);
	ck_assert(is_let_in(1));
	ck_assert(!is_let_in(2));
	stop();
	stop_service();
}
END_TEST

static const struct {
	const char *options;
	const char *error;
} refused[] = {
	{ "--user no-such-user-here", "no such user" },
};

START_TEST(a_user_that_it_cannot_become_is_an_error)
{
	char command[512], line[256] = "";
	FILE *p;

	snprintf(command, sizeof(command), "'%s' --listen 127.0.0.1:0 %s 2>&1",
	    build_path("relayd/relayd"), refused[_i].options);
	p = popen(command, "r");
	ck_assert_ptr_nonnull(p);
	(void)!fgets(line, sizeof(line), p);
	ck_assert_int_eq(WEXITSTATUS(pclose(p)), 1);
	ck_assert_msg(strstr(line, refused[_i].error) != NULL, "%s", line);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("relayd operation");
	TCase *tc = tcase_create("operation");

	tcase_add_checked_fixture(tc, process_setup, process_teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, while_it_drains_clients_finish, 0, 2);
	tcase_add_test(tc, draining_does_not_wait_for_idle_http);
	tcase_add_test(tc, draining_has_an_end);
	tcase_add_test(tc, draining_can_be_cut_short);
	tcase_add_loop_test(tc, a_service_is_asked_by_name, 0, 4);
	tcase_add_test(tc,
	    a_service_that_cannot_prove_its_name_is_not_believed);
	tcase_add_loop_test(tc, a_service_is_asked_on_one_connection, 0, 2);
	tcase_add_test(tc, a_redirection_may_lead_to_https);
	tcase_add_test(tc, who_resets_is_not_waited_for);
	tcase_add_rows(tc, so_many_are_accepted_at_once, bursts);
	tcase_add_test(tc, as_another_user_it_reloads_what_its_group_may_read);
	tcase_add_test(tc, that_a_reload_will_fail_is_said_at_the_start);
	tcase_add_test(tc, as_another_user_it_asks_its_service);
	tcase_add_rows(tc, a_user_that_it_cannot_become_is_an_error, refused);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
