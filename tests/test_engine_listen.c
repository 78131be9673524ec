/* Cases in which the script is the relay: a client that says what the test
 * wants, and hears nothing. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "engine_stage.h"
#include "rivals.h"
#include "support.h"

struct engine_own {
	int fd[2];
	size_t n;
};

/* What each connection of the client says. */
static struct {
	const char *bytes[2];
	size_t len[2];
	size_t n;
	bool hang_up, no_start, gone;
	struct own_exit how; /* where it is gone */
	int starts, stops;
	char url[64], said[16];
	pid_t pid;
} client;

static int
say(unsigned port, const char *bytes, size_t len)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(write(fd, bytes, len), len);
	if (client.hang_up)
		shutdown(fd, SHUT_WR);
	return fd;
}

static struct engine_own *
client_start(void *arg, const char *url, char *err, size_t err_size)
{
	const char *colon = strrchr(url, ':');
	struct engine_own *o;

	snprintf(client.url, sizeof(client.url), "%s", url);
	snprintf(err, err_size, "no such program");
	if (client.no_start)
		return NULL;
	o = xcalloc(1, sizeof(*o));
	for (; o->n < client.n; o->n++)
		o->fd[o->n] = say((unsigned)atoi(colon + 1), client.bytes[o->n],
		    client.len[o->n]);
	client.starts++;
	return o;
}

static struct engine_own *
client_start_sender(void *arg, const char *url, const void *data, size_t len,
    char *err, size_t err_size)
{
	snprintf(client.said, sizeof(client.said), "%.*s", (int)len,
	    (const char *)data);
	return client_start(arg, url, err, err_size);
}

static void
client_stop(struct engine_own *o)
{
	while (o->n > 0)
		close(o->fd[--o->n]);
	free(o);
	client.stops++;
}

static long
client_pid(struct engine_own *o)
{
	return client.pid;
}

static bool
client_has_exited(struct engine_own *o, struct own_exit *out)
{
	*out = client.how;
	return client.gone;
}

static struct engine_host host = { .start = client_start,
	.pid = client_pid,
	.has_exited = client_has_exited,
	.stop = client_stop };

#define ASK  "GET /relay HTTP/1.1\r\nHost: x\r\nUpgrade: iroh derp http\r\n\r\n"
#define PING "\x0c\0\0\0\x08 8 bytes"
#define PACKET                                                                 \
	"\x04\0\0\0\x21"                                                       \
	"01234567890123456789012345678901"                                     \
	"x"
#define SERVE "R <- http method==\"GET\"\nR -> http 101\nR start raw\n"

#define SAYS(text) text, sizeof(text) - 1
static const struct row {
	const char *bytes;
	size_t len;
	const char *steps;
	enum result_code code;
	const char *part;
} rows[] = {
	{ SAYS(ASK),
	    "R <- http method==\"GET\" target==\"/relay\" minor==1 Host==\"x\" "
	    "count.Host==1",
	    CODE_OK, NULL },
	{ SAYS(ASK), "R <- http target==\"/other\"", CODE_WRONG,
	    "http request GET /relay" },
	{ SAYS(ASK),
	    "R <- http\nnever R <- bytes for 300ms\nR -> http 101\nconn Z = "
	    "login key=bob",
	    CODE_OK, NULL },
	/* What comes too early is seen. */
	{ SAYS(ASK "x"),
	    "R <- http\nnever R <- bytes for 300ms\nconn Z = login key=bob",
	    CODE_EXTRA, NULL },
	{ SAYS(ASK PING), SERVE "R <- Ping data==\" 8 bytes\"", CODE_OK, NULL },
	{ SAYS(ASK PING), SERVE "R <- ClientInfo within 300ms", CODE_NEVER,
	    NULL },
	{ SAYS(ASK "\x07\0\0\0\x01\x01" PING),
	    SERVE "R <- NotePreferred data==1\nR <- Ping", CODE_OK, NULL },
	{ SAYS(ASK "\x04\0\0\0\x01\x01"), SERVE "R <- SendPacket data==\"x\"",
	    CODE_DECODE, NULL },
	/* What it sends to others is its own business. */
	{ SAYS(ASK PACKET PING), SERVE "R <- Ping", CODE_OK, NULL },
	{ SAYS(ASK PACKET PACKET), SERVE "R <- SendPacket data==\"x\"", CODE_OK,
	    NULL },
	{ SAYS("no HTTP at all\r\n\r\n"), "R <- http", CODE_DECODE, NULL },
	{ SAYS(ASK),
	    "R write {\nR -> http 101\nR start raw\nR -> Ping "
	    "data=x\"01*8\"\n}\nR <- Pong within 300ms",
	    CODE_NEVER, NULL },
	{ SAYS(ASK), "R <- http\nconn R2 = listen within=300ms", CODE_CONNECT,
	    "no client came within 0.3 s" },
	{ SAYS(ASK), "R <- http\nconn R2 = listen within=300ms => fail",
	    CODE_NEVER, "no client came" },
};

static const struct fake_rules no_rules = { .noisy = false };

static void
play(const char *meta, const char *steps, enum result_code code,
    const char *part, bool known)
{
	struct engine_stage st = { 0 };

	stage_open(&st, &no_rules);
	st.target.client = known ? &host : NULL;
	stage_expect(&st, meta, steps, code, part);
	ck_assert_int_eq(client.starts, client.stops);
	stage_close(&st);
}

START_TEST(test_row)
{
	const struct row *r = &rows[_i];
	char *steps = xasprintf("conn R = listen\n%s", r->steps);

	memset(&client, 0, sizeof(client));
	client.bytes[0] = r->bytes;
	client.len[0] = r->len;
	client.n = 1;
	play("over raw", steps, r->code, r->part, true);
	ck_assert_int_eq(client.starts, 1);
	free(steps);
}
END_TEST

static void
set_two(const char *a, const char *b)
{
	memset(&client, 0, sizeof(client));
	client.bytes[0] = a;
	client.bytes[1] = b;
	client.len[0] = strlen(a);
	client.len[1] = strlen(b);
	client.n = 2;
}

/* They are taken in the order in which they came. */
START_TEST(test_two_connections)
{
	set_two("GET /first HTTP/1.1\r\n\r\n", "GET /second HTTP/1.1\r\n\r\n");
	play("over raw",
	    "conn R1 = listen\nconn R2 = listen\n"
	    "R2 <- http target==\"/second\"\nR1 <- http target==\"/first\"",
	    CODE_OK, NULL, true);
	ck_assert_int_eq(strncmp(client.url, "http://127.0.0.1:", 17), 0);
	client.hang_up = true;
	play("over ws",
	    "conn R1 = listen\nR1 <- http\nR1 <- eof\nconn R2 = listen",
	    CODE_OK, NULL, true);
	ck_assert_int_eq(strncmp(client.url, "ws://127.0.0.1:", 15), 0);
}
END_TEST

/* A client that got no CPU is not to blame, however its time ended; one that
 * had it is. */
START_TEST(test_starved)
{
	static const char *const metas[] = { "over raw",
		"over raw\n  timeout 400ms" };
	static const char *const steps[] = {
		"conn R = listen\nR <- http within 200ms",
		"conn R = listen\nR <- http within 200ms"
	};
	struct engine_stage st = { .real_time = true };
	struct rivals r;

	if (!rivals_start(&r))
		return;
	memset(&client, 0, sizeof(client));
	client.bytes[0] = "";
	client.n = 1;
	stage_open(&st, &no_rules);
	st.target.client = &host;
	client.pid = r.parent;
	stage_expect(&st, metas[_i], steps[_i], CODE_HARNESS_LATE,
	    "this machine was late");
	client.pid = r.idle;
	stage_expect(&st, metas[_i], steps[_i], CODE_NEVER, "did not come");
	stage_close(&st);
	rivals_end(&r);
}
END_TEST

/* A masked message of a client, and the unmasked Pong that answers it. */
START_TEST(test_websocket)
{
	set_two("GET /relay HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
		"\x82\x89\x20\x20\x20\x20\x2c\x21\x21\x21\x21\x21\x21\x21\x21",
	    "");
	play("over ws",
	    "conn R = listen autopong=no\nR <- http Upgrade==\"websocket\"\n"
	    "R -> http 101\nR start ws\nR <- Ping data==x\"01*8\"",
	    CODE_OK, NULL, true);
}
END_TEST

/* A packet on its way is not in the way of the end. */
START_TEST(test_packet_before_the_end)
{
	memset(&client, 0, sizeof(client));
	client.bytes[0] = ASK PACKET;
	client.len[0] = sizeof(ASK PACKET) - 1;
	client.n = 1;
	client.hang_up = true;
	play("over raw",
	    "conn R = listen\n" SERVE "R <- closed\nconn Z = login key=bob",
	    CODE_OK, NULL, true);
	play("over raw\nbackground strict",
	    "conn R = listen\n" SERVE "R <- closed\nconn Z = login key=bob",
	    CODE_WRONG, "SendPacket", true);
}
END_TEST

/* A hello of TLS 1.2; behind it nothing comes. */
#define HELLO(record_len, hello_len)                                           \
	"\x16\x03\x01\0" record_len "\x01\0\0" hello_len "\x03\x03"            \
	"01234567890123456789012345678901\0\0\x02\xc0\x2b\x01\0"
#define NAMED    HELLO("\x41", "\x3d") "\0\x12\0\0\0\x0e\0\x0c\0\0\x09localhost"
#define NAMELESS HELLO("\x2d", "\x29")

/* The name is seen, whatever becomes of the handshake. */
START_TEST(test_server_name)
{
	static const struct row names[] = {
		{ SAYS(NAMED), "R <- tls sni==\"localhost\"", CODE_OK, NULL },
		{ SAYS(NAMED), "R <- tls sni==\"localhost.\"", CODE_WRONG,
		    "tls sni localhost" },
		{ SAYS(NAMED), "R <- tls sni==absent", CODE_WRONG,
		    "tls sni localhost" },
		{ SAYS(NAMED),
		    "R <- tls sni as $name\nassert $name == \"localhost\"",
		    CODE_OK, NULL },
		{ SAYS(NAMELESS), "R <- tls sni==absent", CODE_OK, NULL },
		{ SAYS(NAMELESS), "R <- tls sni==\"localhost\"", CODE_WRONG,
		    "tls sni absent" },
		{ SAYS("no TLS"), "R <- tls sni==absent", CODE_CLOSED, NULL },
		{ SAYS(NAMED), "R <- tls version==1.2 within 300ms",
		    CODE_CLOSED, "before tls" },
	};
	char *steps =
	    xasprintf("conn R = listen tls=stranger\n%s", names[_i].steps);

	memset(&client, 0, sizeof(client));
	client.bytes[0] = names[_i].bytes;
	client.len[0] = names[_i].len;
	client.n = 1;
	play("over raw", steps, names[_i].code, names[_i].part, true);
	ck_assert_int_eq(strncmp(client.url, "https://127.0.0.1:", 18), 0);
	free(steps);
}
END_TEST

/* What the client is told is what the script says. */
START_TEST(test_url)
{
	set_two("GET / HTTP/1.1\r\n\r\n", "");
	play("over raw",
	    "conn R = listen path=\"/some/path\"\n"
	    "assert $client.url != $client.authority",
	    CODE_OK, NULL, true);
	ck_assert_str_eq(strrchr(client.url, ':') +
		strcspn(strrchr(client.url, ':'), "/"),
	    "/some/path");
	play("over raw\nparam h in \"localhost.\"",
	    "conn R = listen host=$h\nR <- http", CODE_OK, NULL, true);
	ck_assert_int_eq(strncmp(client.url, "http://localhost.:", 18), 0);
}
END_TEST

/* What it is to send; where nobody knows how to say so, it is not played. */
START_TEST(test_told_to_send)
{
	const char *steps = "conn R = listen send=cat(\"ab\", \"c\")\n"
			    "R <- http method==\"GET\"";

	set_two(ASK, "");
	play("over raw", steps, CODE_UNSUPPORTED,
	    "nobody knows how it is told to send", true);
	ck_assert_int_eq(client.starts, 0);
	host.start_sender = client_start_sender;
	play("over raw", steps, CODE_OK, NULL, true);
	host.start_sender = NULL;
	ck_assert_str_eq(client.said, "abc");
}
END_TEST

START_TEST(test_no_client)
{
	memset(&client, 0, sizeof(client));
	play("", "conn R = listen\nR <- http", CODE_UNSUPPORTED,
	    "no client under test", false);
	client.no_start = true;
	play("", "conn R = listen\nR <- http", CODE_UNSUPPORTED,
	    "the client did not start: no such program", true);
}
END_TEST

/* Who debugs a client is told that there is none any more. */
START_TEST(test_gone_client)
{
	static const char steps[] = "conn R = listen within=50ms\nR <- http";

	memset(&client, 0, sizeof(client));
	play("", steps, CODE_CONNECT, "no client came within 0.05 s", true);
	client.gone = true;
	client.how.status = 7;
	play("", steps, CODE_CONNECT,
	    "came within 0.05 s: it ended with exit status 7", true);
	client.how.signo = 11;
	play("", steps, CODE_CONNECT,
	    "came within 0.05 s: it was ended by signal 11", true);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_listen");
	TCase *t = tcase_create("listen");

	tcase_add_rows(t, test_row, rows);
	tcase_add_test(t, test_two_connections);
	tcase_add_loop_test(t, test_starved, 0, 2);
	tcase_add_test(t, test_websocket);
	tcase_add_test(t, test_packet_before_the_end);
	tcase_add_loop_test(t, test_server_name, 0, 8);
	tcase_add_test(t, test_url);
	tcase_add_test(t, test_told_to_send);
	tcase_add_test(t, test_no_client);
	tcase_add_test(t, test_gone_client);
	suite_add_tcase(s, t);
	return run_suite(s);
}
