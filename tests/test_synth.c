/*
 * pcapng as it is written, and packets around bytes: read again by our own
 * reader, by an independent one in Python and by tshark.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "capture/pcap_file.h"
#include "capture/synth.h"
#include "support.h"
#include "tshark.h"

#define AT_NS INT64_C(1700000000123456789)

static char path[64];
static struct pcapng_out out;

static void
open_file(void)
{
	int fd;

	snprintf(path, sizeof(path), "/tmp/test_synth.XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	pcapng_out_begin(&out, fdopen(fd, "w"), SYNTH_COMMENT, "relaykit",
	    "test");
}

static void
close_file(void)
{
	ck_assert(!pcapng_out_failed(&out));
	ck_assert_uint_eq((uint64_t)ftell(out.f), out.written);
	ck_assert_int_eq(fclose(out.f), 0);
}

static void
remove_file(void)
{
	unlink(path);
}

/* What a command says about the file, standard error included. */
static char *
output_of(const char *before, const char *behind)
{
	char *command = xasprintf("%s '%s' %s 2>&1", before, path, behind);
	FILE *in = popen(command, "r");
	struct text all;
	char buf[4096];
	size_t n;

	text_init(&all);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		text_add_n(&all, buf, n);
	ck_assert_msg(pclose(in) == 0, "%s: %.2000s", command, text_str(&all));
	free(command);
	return text_take(&all);
}

static char *
seen_by_python(const char *options)
{
	char *before = xasprintf("python3 '%s' %s",
	    source_path("tests/pcapng_check.py"), options);
	char *said = output_of(before, "");

	free(before);
	return said;
}

static char *
seen_by_tshark(const char *fields)
{
	char *behind = xasprintf("-o ip.check_checksum:TRUE "
				 "-o tcp.check_checksum:TRUE "
				 "-o udp.check_checksum:TRUE %s",
	    fields);
	/* Who is root is told so. */
	char *said = output_of("tshark -n -r", behind);
	char *warning = strstr(said, "Running as user");

	if (warning == said)
		memmove(said, strchr(said, '\n') + 1,
		    strlen(strchr(said, '\n')));
	free(behind);
	return said;
}

static struct sockaddr *
address(const char *text, unsigned port)
{
	static struct sockaddr_storage ring[4];
	static unsigned at;
	struct sockaddr_storage *a = &ring[at++ % 4];
	struct sockaddr_in *in4 = (void *)a;
	struct sockaddr_in6 *in6 = (void *)a;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
	}
	return (struct sockaddr *)a;
}

/* ---- blocks ---- */

/* Comments of these lengths, of these characters. */
static const struct {
	size_t len;
	const char *unit;
} comments[] = { { 0, "" }, { 1, "a" }, { 2, "b" }, { 3, "c" }, { 4, "d" },
	{ 12, "ü→𝄞é" }, { 65532, "x" }, { 65533, "x" }, { 65534, "x" },
	{ 65535, "x" }, { 65536, "x" }, { 65600, "→" } };

static char *
comment(size_t i)
{
	struct text t;

	text_init(&t);
	while (t.len < comments[i].len)
		text_add(&t, comments[i].unit);
	return text_take(&t);
}

/* One packet for each comment and each length mod 4, one without comment. */
static size_t
write_all(struct synth_flow *f)
{
	size_t n = 0;

	for (size_t len = 1; len <= 4; len++) {
		synth_bytes(f, SYNTH_CLIENT, AT_NS, "abcd", len, NULL);
		n++;
		for (size_t i = 0; i < sizeof(comments) / sizeof(comments[0]);
		     i++, n++) {
			char *c = comment(i);
			uint64_t before = out.written;

			synth_bytes(f, SYNTH_CLIENT, AT_NS, "abcd", len, c);
			ck_assert_uint_eq(out.written - before,
			    pcapng_out_size(14 + (f->v6 ? 40 : 20) + 8 + len,
				c));
			ck_assert_uint_le(out.written - before,
			    synth_size(len, c));
			free(c);
		}
	}
	return n;
}

START_TEST(every_length_is_taken_by_our_reader)
{
	struct synth_flow f;
	struct pcap_file *in;
	struct packet p;
	char err[256];
	size_t n;

	open_file();
	synth_udp(&f, &out, address("127.0.0.1", 4000),
	    address("127.0.0.1", 3478));
	n = write_all(&f);
	pcapng_out_secrets(&out, "CLIENT_RANDOM 00 11\n", 20);
	close_file();
	in = pcap_file_open(path, err, sizeof(err));
	ck_assert_ptr_nonnull(in);
	for (size_t i = 0; i < n; i++) {
		size_t len = 1 + i / (n / 4);

		ck_assert_int_eq(pcap_file_next(in, &p, err, sizeof(err)),
		    PACKET_OK);
		ck_assert_int_eq(p.time_ns, AT_NS);
		ck_assert_bytes(p.p + 42, p.len - 42, "abcd", len);
	}
	ck_assert_int_eq(pcap_file_next(in, &p, err, sizeof(err)),
	    PACKET_SECRETS);
	ck_assert_bytes(p.p, p.len, "CLIENT_RANDOM 00 11\n", 20);
	ck_assert_int_eq(pcap_file_next(in, &p, err, sizeof(err)), PACKET_END);
	pcap_file_close(in);
}
END_TEST

START_TEST(every_length_is_taken_by_an_independent_reader)
{
	struct synth_flow f;
	char *said, *line, *rest;
	size_t n;

	open_file();
	synth_udp(&f, &out, address("::1", 4000), address("::1", 3478));
	n = write_all(&f);
	for (size_t len = 1; len <= 4; len++)
		pcapng_out_secrets(&out, "xyz\n", len);
	close_file();
	said = seen_by_python("");
	line = strtok_r(said, "\n", &rest);
	ck_assert_ptr_nonnull(strstr(line, "Synthesised"));
	ck_assert_str_eq(strtok_r(NULL, "\n", &rest), "interface");
	for (size_t i = 0; i < n; i++) {
		size_t which = i % (n / 4), len = 1 + i / (n / 4);
		char *c = which > 0 ? comment(which - 1) : xstrdup("");
		char *want;

		if (strlen(c) > 100) {
			/* The last one is of characters of three bytes. */
			size_t cut = strlen(c) > 65535 ? 65535 : strlen(c);

			free(c);
			c = xasprintf("%zu bytes", cut);
		}
		want = xasprintf("packet %zu %lld udp %zu%s%s", i + 1,
		    (long long)AT_NS, len, which > 0 ? " | " : "", c);
		ck_assert_str_eq(strtok_r(NULL, "\n", &rest), want);
		free(want);
		free(c);
	}
	for (size_t len = 1; len <= 4; len++) {
		char want[32];

		snprintf(want, sizeof(want), "secrets %zu", len);
		ck_assert_str_eq(strtok_r(NULL, "\n", &rest), want);
	}
	ck_assert_ptr_null(strtok_r(NULL, "\n", &rest));
	free(said);
}
END_TEST

START_TEST(tshark_shows_every_comment)
{
	struct synth_flow f;
	char *said, *line;
	size_t n, at = 0;

	open_file();
	synth_udp(&f, &out, address("127.0.0.1", 4000),
	    address("127.0.0.1", 4001));
	n = write_all(&f);
	close_file();
	said = seen_by_tshark("-T fields -e udp.checksum.status "
			      "-e ip.checksum.status -e frame.comment");
	line = said;
	for (size_t i = 0; i < n; i++) {
		size_t which = i % (n / 4);
		char *c = which > 0 ? comment(which - 1) : xstrdup("");
		char *end = strchr(line, '\n');
		size_t len = strlen(c);

		ck_assert_ptr_nonnull(end);
		ck_assert_msg(strncmp(line, "1\t1\t", 4) == 0, "%.40s", line);
		line += 4;
		if (len > 65535)
			len = 65535;
		ck_assert_bytes(line, (size_t)(end - line), c, len);
		free(c);
		line = end + 1;
		at++;
	}
	ck_assert_uint_eq(at, n);
	ck_assert_str_eq(line, "");
	free(said);
}
END_TEST

/* ---- flows ---- */

struct talk {
	const char *client, *server;
};

static const struct talk talks[] = {
	{ "127.0.0.1", "127.0.0.1" },
	{ "2001:db8::1", "2001:db8::2" },
	{ "::ffff:192.0.2.7", "192.0.2.8" },
};

/* Three connections: FIN from both sides, RST, and one that is cut off. */
static void
write_talk(const struct talk *t)
{
	static uint8_t bulk[300000];
	struct synth_flow f[3];

	for (unsigned i = 0; i < 3; i++)
		synth_tcp(&f[i], &out, address(t->client, 40000 + i),
		    address(t->server, 4443 + i), AT_NS, "opened");
	for (unsigned i = 0; i < 3; i++)
		synth_tap(&f[i], SYNTH_CLIENT, TAP_OUT, AT_NS, bulk,
		    sizeof(bulk), "t.rly:3 a lot");
	synth_tap(&f[0], SYNTH_CLIENT, TAP_OUT_FIN, AT_NS, NULL, 0, "shut");
	synth_tap(&f[0], SYNTH_CLIENT, TAP_OUT, AT_NS, "late", 4, NULL);
	synth_tap(&f[0], SYNTH_CLIENT, TAP_IN, AT_NS, "bye", 3, NULL);
	synth_tap(&f[0], SYNTH_CLIENT, TAP_IN_FIN, AT_NS, NULL, 0, NULL);
	synth_tap(&f[0], SYNTH_CLIENT, TAP_OUT_RST, AT_NS, NULL, 0, NULL);
	synth_tap(&f[1], SYNTH_SERVER, TAP_OUT, AT_NS, bulk, 8761, "answer");
	synth_tap(&f[1], SYNTH_SERVER, TAP_OUT_RST, AT_NS, NULL, 0, NULL);
	synth_tap(&f[1], SYNTH_SERVER, TAP_IN_RST, AT_NS, NULL, 0, NULL);
	synth_tap(&f[1], SYNTH_SERVER, TAP_OUT, AT_NS, "x", 1, NULL);
}

START_TEST(connections_are_consistent)
{
	char *said, *end;

	open_file();
	write_talk(&talks[_i]);
	close_file();
	said = seen_by_python("--tcp");
	end = strstr(said, "\ntcp ");
	ck_assert_ptr_nonnull(end);
	ck_assert_str_eq(end + 1,
	    "tcp 300000 fin 3 fin\n"
	    "tcp 300000 open 8761 rst\n"
	    "tcp 300000 open 0 open\n");
	free(said);
}
END_TEST

START_TEST(addresses_of_two_families_are_made_up)
{
	struct synth_flow f;
	struct pcap_file *in;
	struct packet p;
	char err[256];

	open_file();
	synth_tcp(&f, &out, address("192.0.2.7", 1), address("2001:db8::2", 2),
	    AT_NS, NULL);
	close_file();
	in = pcap_file_open(path, err, sizeof(err));
	ck_assert_int_eq(pcap_file_next(in, &p, err, sizeof(err)), PACKET_OK);
	ck_assert_bytes(p.p + 26, 8, "\xc0\x00\x02\x01\xc0\x00\x02\x02", 8);
	pcap_file_close(in);
}
END_TEST

START_TEST(tshark_complains_of_nothing)
{
	char *said;

	open_file();
	write_talk(&talks[_i]);
	close_file();
	/* Resets and FINs are what happened; all else would be our fault. */
	said = seen_by_tshark("-Y 'tcp.checksum.status != 1 || "
			      "tcp.analysis.flags || _ws.malformed'");
	ck_assert_str_eq(said, "");
	free(said);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("synth");
	TCase *tc = tcase_create("written");

	tcase_add_checked_fixture(tc, NULL, remove_file);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, every_length_is_taken_by_our_reader);
	tcase_add_test(tc, addresses_of_two_families_are_made_up);
	if (system("python3 -c '' 2>/dev/null") == 0) {
		tcase_add_test(tc,
		    every_length_is_taken_by_an_independent_reader);
		tcase_add_rows(tc, connections_are_consistent, talks);
	} else {
		puts("# python3 is not installed: no independent reader");
	}
	if (tshark_is_there()) {
		tcase_add_test(tc, tshark_shows_every_comment);
		tcase_add_rows(tc, tshark_complains_of_nothing, talks);
	} else {
		puts("# tshark is not installed: it was not asked");
	}
	suite_add_tcase(s, tc);
	return run_suite(s);
}
