/* Connections on UDP, against a socket of the test that sends back what it is
 * told to: "2x" comes back as "x", twice. */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "engine_stage.h"
#include "support.h"

static int server = -1;
static unsigned received, empty;

static void
on_datagram(void *arg, int what)
{
	uint8_t buf[2048];
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	ssize_t n;

	while ((n = recvfrom(server, buf, sizeof(buf), MSG_DONTWAIT,
		    (struct sockaddr *)&peer, &len)) >= 0) {
		received++;
		empty += n == 0;
		for (int i = 0; n > 0 && i < buf[0] - '0'; i++)
			ck_assert_int_eq(sendto(server, buf + 1, (size_t)n - 1,
					     0, (struct sockaddr *)&peer, len),
			    n - 1);
	}
}

static unsigned
open_server(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(a);

	server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(server, 0);
	ck_assert_int_eq(bind(server, (struct sockaddr *)&a, len), 0);
	ck_assert_int_eq(getsockname(server, (struct sockaddr *)&a, &len), 0);
	return ntohs(a.sin_port);
}

/* A success response to 127.0.0.1:50000 as the specification shows it, and the
 * same in the form of a socket of both families. */
#define ANSWER4                                                                \
	"0101000c2112a442 0102030405060708090a0b0c 0020 0008 0001e242"         \
	"5e12a443"
#define ANSWER6                                                                \
	"010100182112a442 0102030405060708090a0b0c 0020 0014 0002e242"         \
	"2112a442010203040506f8f7760a0b0d"

static const struct row {
	const char *steps;
	enum result_code code;
	const char *part;
} rows[] = {
	{ "A -> raw \"1hello\"\nA <- bytes data==\"hello\" size==5", CODE_OK,
	    NULL },
	{ "A -> raw \"2x\"\nA <- bytes data==\"x\" count 2", CODE_OK, NULL },
	{ "A -> raw \"1\"\nA <- bytes data==\"\" size==0", CODE_OK, NULL },
	{ "A -> raw \"\"\nA -> raw \"1x\"\nA <- bytes data==\"x\"", CODE_OK,
	    NULL },
	{ "A -> raw \"1hello\"\nA <- bytes data==\"hell\"", CODE_WRONG,
	    "datagram of 5 bytes" },
	{ "A -> raw \"2x\"\nA <- bytes data==\"x\"", CODE_EXTRA,
	    "no step asks for it" },
	{ "A -> raw \"0x\"\nA <- bytes within 300ms", CODE_NEVER, NULL },
	{ "A -> raw \"1x\"\nnever A <- bytes for 300ms\n", CODE_EXTRA, NULL },
	{ "A -> raw \"1x\"\nnever A <- bytes data==\"x\" for 300ms\n",
	    CODE_EXTRA, NULL },
	{ "A -> raw \"1x\"\nnever A <- stun for 300ms\nA <- bytes", CODE_OK,
	    NULL },
	{ "A -> raw cat(\"1\", x\"" ANSWER4 "\")\n"
	  "A <- stun type==0x0101 id==x\"0102030405060708090a0b0c\" family==1 "
	  "address==x\"7f000001\" port==50000 attributes==1 size==32",
	    CODE_OK, NULL },
	{ "A -> raw cat(\"1\", x\"" ANSWER6 "\")\n"
	  "A <- stun type==0x0101 family==2 address==x\"7f000001\" "
	  "port==50000 attributes==1 size==44",
	    CODE_OK, NULL },
	{ "A -> raw cat(\"1\", x\"" ANSWER4 "\")\nA <- stun port==50001",
	    CODE_WRONG, "stun of 32 bytes" },
	/* Not as long as it says: no address is believed. */
	{ "A -> raw cat(\"1\", x\"" ANSWER4 " 00\")\n"
	  "A <- stun attributes==-1 address==absent port==absent",
	    CODE_OK, NULL },
	{ "A -> raw \"1no STUN message at all\"\nA <- stun", CODE_WRONG,
	    "datagram" },
	/* The reference request. */
	{ "A -> raw cat(\"1\", fingerprint(x\"0001ffff2112a442 "
	  "0102030405060708090a0b0c\"))\n"
	  "A <- bytes data==x\"000100082112a4420102030405060708090a0b0c802800"
	  "045b20f9cc\"",
	    CODE_OK, NULL },
	{ "A -> raw fingerprint(\"short\")", CODE_SCRIPT, "STUN message" },
	{ "A -> raw \"1x\"\nA <- bytes\nassert $A.address == x\"7f000001\"\n"
	  "assert $A.port != 0",
	    CODE_OK, NULL },
	{ "repeat 2 {\nnever A <- bytes for 50ms\nA -> raw \"1x\"\nA close\n}",
	    CODE_OK, NULL },
};

static void
play(const char *conn, const char *steps, enum result_code code,
    const char *part, bool listening)
{
	static const struct fake_rules rules = { .noisy = false };
	struct engine_stage st = { 0 };
	char *text = xasprintf("conn L = login key=bob\n%s\n%s", conn, steps);
	unsigned port = open_server();
	struct watch *w;

	received = empty = 0;
	stage_open(&st, &rules);
	st.target.stun = xasprintf("127.0.0.1:%u", port);
	w = watch_new(st.loop, server, on_datagram, NULL);
	if (listening)
		watch_set(w, WATCH_READ);
	else
		close(server);
	stage_expect(&st, "", text, code, part);
	watch_free(w);
	if (listening)
		close(server);
	free(st.target.stun);
	free(text);
	stage_close(&st);
}

#define SILENT "\nconn Z = login key=carol"

START_TEST(test_row)
{
	char *steps = xasprintf("%s" SILENT, rows[_i].steps);

	play("conn A = udp to=stun", steps, rows[_i].code, rows[_i].part, true);
	free(steps);
}
END_TEST

START_TEST(test_empty_datagram)
{
	play("conn A = udp",
	    "A -> raw \"\"\nA -> raw \"1x\"\nA <- bytes data==\"x\"", CODE_OK,
	    NULL, true);
	ck_assert_uint_eq(received, 2);
	ck_assert_uint_eq(empty, 1);
}
END_TEST

/* ICMP says that nobody is there. */
START_TEST(test_nobody)
{
	play("conn A = udp to=stun", "A -> raw \"1x\"\nA <- bytes data==\"x\"",
	    CODE_RESET, NULL, false);
	play("conn A = udp to=stun", "A -> raw \"1x\"\nA <- closed" SILENT,
	    CODE_OK, NULL, false);
}
END_TEST

START_TEST(test_no_stun)
{
	static const struct fake_rules rules = { .noisy = false };
	struct engine_stage st = { 0 };

	stage_open(&st, &rules);
	stage_expect(&st, "",
	    "conn A = udp to=stun\nA -> raw \"x\"\nA <- bytes",
	    CODE_UNSUPPORTED, "no known STUN port");
	stage_close(&st);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("engine_udp");
	TCase *t = tcase_create("udp");

	tcase_add_rows(t, test_row, rows);
	tcase_add_test(t, test_empty_datagram);
	tcase_add_test(t, test_nobody);
	tcase_add_test(t, test_no_stun);
	suite_add_tcase(s, t);
	return run_suite(s);
}
