/* Reading capture files: what libpcap reads as well, and what it does not. */
#include "config.h"

#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/link.h"
#include "capture/pcap_file.h"
#include "manifest.h"
#include "packets.h"
#include "support.h"

static const struct fixture *fixtures;
static size_t nfixtures;

/* ---- an independent reader agrees ---- */

START_TEST(fixture_reads_as_libpcap_reads_it)
{
	const char *path = fixture_path(fixtures[_i].capture);
	char text[PCAP_ERRBUF_SIZE], err[256];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path,
	    PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_file *f = pcap_file_open(path, err, sizeof(err));
	struct pcap_pkthdr *h;
	const uint8_t *bytes;
	enum packet_result r;
	struct packet q;
	uint64_t n = 0;
	bool secrets = false; /* which libpcap hides */

	ck_assert_msg(p != NULL && f != NULL, "%s", path);
	while (pcap_next_ex(p, &h, &bytes) == 1) {
		r = pcap_file_next(f, &q, err, sizeof(err));
		if (r == PACKET_SECRETS) {
			secrets = true;
			r = pcap_file_next(f, &q, err, sizeof(err));
		}
		ck_assert_int_eq(r, PACKET_OK);
		ck_assert_uint_eq(q.number, ++n);
		ck_assert_int_eq(q.time_ns,
		    (int64_t)h->ts.tv_sec * NS_PER_S + h->ts.tv_usec);
		ck_assert_int_eq(q.link, link_from_dlt(pcap_datalink(p)));
		ck_assert_uint_eq(q.wire, h->len);
		ck_assert_bytes(q.p, q.len, bytes, h->caplen);
	}
	ck_assert_int_ne(pcap_file_next(f, &q, err, sizeof(err)), PACKET_OK);
	ck_assert_uint_gt(n, 8);
	ck_assert_int_eq(secrets, fixtures[_i].secrets);
	pcap_close(p);
	pcap_file_close(f);
}
END_TEST

/* ---- files made by hand ---- */

static struct packet
read_one(const struct blob *b, enum packet_result want, struct pcap_file **f)
{
	static char err[256];
	struct packet p;

	*f = pcap_file_open(blob_file(b), err, sizeof(err));
	ck_assert_msg(*f != NULL, "%s", err);
	ck_assert_int_eq(pcap_file_next(*f, &p, err, sizeof(err)), want);
	return p;
}

struct resolution {
	uint8_t tsresol; /* 0: option left out */
	uint64_t stamp;
	int64_t offset_s;
	int64_t want_ns;
};

#define SEC UINT64_C(1700000000)

static const struct resolution resolutions[] = {
	{ 0, SEC * 1000000 + 123456, 0, SEC * 1000000000 + 123456000 },
	{ 6, SEC * 1000000 + 123456, 0, SEC * 1000000000 + 123456000 },
	{ 9, SEC * 1000000000 + 123456789, 0, SEC * 1000000000 + 123456789 },
	{ 3, SEC * 1000 + 123, 0, SEC * 1000000000 + 123000000 },
	{ 0x94, SEC << 20 | 1 << 19, 0, SEC * 1000000000 + 500000000 },
	{ 0x94, SEC << 20 | 129453, 0, SEC * 1000000000 + 123456001 },
	{ 0xa0, SEC << 32 | 0x80000000, 0, SEC * 1000000000 + 500000000 },
	{ 0xa8, UINT64_C(1000) << 40 | UINT64_C(1) << 39, 0,
	    INT64_C(1000500000000) },
	{ 0x80, SEC, 0, SEC * 1000000000 },
	{ 10, 15000000001, 0, INT64_C(1500000000) },
	{ 6, 5, SEC, SEC * 1000000000 + 5000 },
	{ 6, 10000000, -3, INT64_C(7000000000) },
	/* absurd, but nothing overflows */
	{ 6, 10000000, INT64_MIN, INT64_C(10000000000) },
	{ 6, 10000000, INT64_MAX, INT64_C(10000000000) },
	{ 0x7f, UINT64_MAX, 0, INT64_C(1844674407) },
	{ 0xff, UINT64_MAX, 0, 0 },
	{ 0x80, UINT64_MAX, 9000000000, INT64_C(9000000000000000000) },
	{ 6, 0, -9000000000, 0 },
};

START_TEST(stamps_of_every_resolution)
{
	const struct resolution *r = &resolutions[_i / 2];
	struct blob b = { 0 }, options = { 0 };
	struct pcap_file *f;
	struct packet p;
	uint8_t offset[8];

	options.big_endian = _i % 2 == 1;
	for (int i = 0; i < 8; i++)
		offset[options.big_endian ? i : 7 - i] =
		    (uint8_t)((uint64_t)r->offset_s >> (56 - 8 * i));
	pcapng_option(&options, 2, "lo", 2);
	if (r->tsresol != 0)
		pcapng_option(&options, 9, &r->tsresol, 1);
	pcapng_option(&options, 14, offset, 8);
	pcapng_option(&options, 0, NULL, 0);
	pcapng_begin(&b, options.big_endian);
	pcapng_interface(&b, LINK_RAW, 0, &options);
	pcapng_add(&b, 0, r->stamp, "x", 1, 1);
	p = read_one(&b, PACKET_OK, &f);
	ck_assert_int_eq(p.time_ns, r->want_ns);
	pcap_file_close(f);
	blob_clear(&b);
	blob_clear(&options);
}
END_TEST

START_TEST(interfaces_may_differ_in_everything)
{
	static const uint32_t snaplens[] = { 0, 262144, 0xffffffff };
	static const int links[] = { LINK_ETHERNET, LINK_RAW, LINK_NULL };
	struct blob b = { 0 };
	struct pcap_file *f;
	struct packet p;
	char err[256];

	pcapng_begin(&b, _i != 0);
	for (uint32_t i = 0; i < 3; i++)
		pcapng_interface(&b, links[i], snaplens[i], NULL);
	for (uint32_t i = 3; i-- > 0;)
		pcapng_add(&b, i, i, "abcd", 4, 1000);
	p = read_one(&b, PACKET_OK, &f);
	for (uint32_t i = 3; i-- > 0;) {
		ck_assert_int_eq(p.link, links[i]);
		ck_assert_uint_eq(p.number, 3 - i);
		ck_assert_uint_eq(p.wire, 1000);
		ck_assert_bytes(p.p, p.len, "abcd", 4);
		ck_assert_int_eq(pcap_file_next(f, &p, err, sizeof(err)),
		    i > 0 ? PACKET_OK : PACKET_END);
	}
	pcap_file_close(f);
	blob_clear(&b);
}
END_TEST

START_TEST(sections_blocks_and_packets_of_all_kinds)
{
	struct blob b = { 0 }, body = { 0 };
	struct pcap_file *f;
	struct packet p;
	char err[256];

	pcapng_begin(&b, false);
	blob_add(&body, "TLSKLOG\x05...", 12);
	pcapng_block(&b, 10, &body); /* secrets */
	blob_clear(&body);
	pcapng_block(&b, 0xbad, &body); /* nobody knows it */
	pcapng_interface(&b, LINK_RAW, 3, NULL);
	/* a simple packet, cut at the interface's length */
	blob_u32(&body, 5);
	blob_add(&body, "abc", 3);
	pcapng_block(&b, 3, &body);
	blob_clear(&body);
	/* another section, the other way round */
	pcapng_begin(&b, true);
	pcapng_interface(&b, LINK_ETHERNET, 0, NULL);
	/* an obsolete packet block: 16 bits of interface, then drops */
	body.big_endian = true;
	blob_u16(&body, 0);
	blob_u16(&body, 0xffff);
	blob_u32(&body, 0);
	blob_u32(&body, 7);
	blob_u32(&body, 2);
	blob_u32(&body, 9);
	blob_add(&body, "xy", 2);
	pcapng_block(&b, 2, &body);

	p = read_one(&b, PACKET_OK, &f);
	ck_assert_bytes(p.p, p.len, "abc", 3);
	ck_assert_uint_eq(p.wire, 5);
	ck_assert_int_eq(p.link, LINK_RAW);
	ck_assert_int_eq(pcap_file_next(f, &p, err, sizeof(err)), PACKET_OK);
	ck_assert_bytes(p.p, p.len, "xy", 2);
	ck_assert_uint_eq(p.wire, 9);
	ck_assert_uint_eq(p.number, 2);
	ck_assert_int_eq(p.time_ns, 7000);
	ck_assert_int_eq(p.link, LINK_ETHERNET);
	ck_assert_int_eq(pcap_file_next(f, &p, err, sizeof(err)), PACKET_END);
	pcap_file_close(f);
	blob_clear(&b);
	blob_clear(&body);
}
END_TEST

/* ---- damage ---- */

static void
put_u32(struct blob *b, size_t at, uint32_t v)
{
	struct blob n = { .big_endian = b->big_endian };

	blob_u32(&n, v);
	memcpy(b->p + at, n.p, 4);
	blob_clear(&n);
}

static uint32_t
get_u32(const struct blob *b, size_t at)
{
	const uint8_t *p = b->p + at;

	return b->big_endian ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3]
			     : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 |
		(uint32_t)p[1] << 8 | p[0];
}

static const uint32_t absurd[] = { 0, 1, 3, 11, 13, 16, 0xffff, 0x7fffffff,
	0x80000000, 0xfffffffc, 0xffffffff };

#define NABSURD (sizeof(absurd) / sizeof(absurd[0]))

/*
 * Every four bytes of a good file set to every absurd value: whatever is
 * read lies within the file, and reading ends.
 */
static void
spoil_everywhere(struct blob *b)
{
	for (size_t at = 0; at + 4 <= b->len; at += 2) {
		uint32_t was = get_u32(b, at);

		for (size_t i = 0; i < NABSURD; i++) {
			char err[256];
			struct pcap_file *f;
			struct packet p;
			enum packet_result r;
			size_t packets = 0;

			put_u32(b, at, absurd[i]);
			f = pcap_file_open(blob_file(b), err, sizeof(err));
			while (f != NULL &&
			    (r = pcap_file_next(f, &p, err, sizeof(err))) !=
				PACKET_END &&
			    r != PACKET_DAMAGED) {
				ck_assert_uint_le(++packets, 8);
				if (r == PACKET_OK) {
					ck_assert_uint_le(p.len, b->len);
					ck_assert_uint_le(p.len, p.wire);
					ck_assert_int_ge(p.time_ns, 0);
				}
			}
			pcap_file_close(f);
		}
		put_u32(b, at, was);
	}
}

START_TEST(absurd_numbers_anywhere_do_no_harm)
{
	struct blob b = { 0 }, options = { 0 };

	if (_i < 2) {
		options.big_endian = _i == 1;
		pcapng_option(&options, 9, "\x09", 1);
		pcapng_option(&options, 0, NULL, 0);
		pcapng_begin(&b, _i == 1);
		pcapng_interface(&b, LINK_RAW, 0, &options);
		pcapng_add(&b, 0, 1, "abcde", 5, 5);
		pcapng_add(&b, 0, 2, "fghi", 4, 4);
	} else {
		pcap_begin(&b, LINK_RAW, _i == 3, false);
		pcap_add(&b, "abcde", 5, 5, 0);
		pcap_add(&b, "fghi", 4, 4, 0);
	}
	spoil_everywhere(&b);
	blob_clear(&b);
	blob_clear(&options);
}
END_TEST

START_TEST(a_bad_packet_does_not_hide_the_next)
{
	struct blob b = { 0 };
	struct pcap_file *f;
	struct packet p;
	char err[256];

	pcapng_begin(&b, false);
	pcapng_interface(&b, LINK_RAW, 0, NULL);
	pcapng_add(&b, 1, 0, "abcd", 4, 4); /* there is no interface 1 */
	pcapng_add(&b, 0, 0, "efgh", 4, 4);
	p = read_one(&b, PACKET_BAD, &f);
	ck_assert_uint_eq(p.number, 1);
	ck_assert_int_eq(pcap_file_next(f, &p, err, sizeof(err)), PACKET_OK);
	ck_assert_uint_eq(p.number, 2);
	ck_assert_bytes(p.p, p.len, "efgh", 4);
	pcap_file_close(f);
	blob_clear(&b);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
	const char *says;
} strangers[] = {
	{ "", 0, "empty file" },
	{ "\x1f\x8b\x08", 3, "compressed" },
	{ "GET / HTTP/1.1\r\n\r\n", 18, "not a capture file" },
	{ "\x0a\x0d\x0d\x0a", 4, "" },
	{ "\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x00\x00\x00\x00", 12,
	    "byte order" },
	{ "\n\nplain text, with more in it", 30, "" },
	{ "\xd4\xc3\xb2\xa1", 4, "not a capture file" },
};

START_TEST(what_is_no_capture_is_refused_with_a_word)
{
	struct blob b = { 0 };
	char err[256] = "";

	blob_add(&b, strangers[_i].bytes, strangers[_i].len);
	ck_assert_ptr_null(pcap_file_open(blob_file(&b), err, sizeof(err)));
	ck_assert_msg(err[0] != '\0' && strstr(err, strangers[_i].says) != NULL,
	    "said: %s", err);
	blob_clear(&b);
}
END_TEST

START_TEST(a_missing_file_and_a_folder)
{
	char err[256] = "";

	ck_assert_ptr_null(
	    pcap_file_open("/nonexistent/x.pcap", err, sizeof(err)));
	ck_assert_str_eq(err, "No such file or directory");
	ck_assert_ptr_null(pcap_file_open("/", err, sizeof(err)));
	ck_assert_str_eq(err, "Is a directory");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pcap_file");
	TCase *tc = tcase_create("pcap_file");

	fixtures = manifest_read(&nfixtures);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, fixture_reads_as_libpcap_reads_it, 0,
	    (int)nfixtures);
	tcase_add_loop_test(tc, stamps_of_every_resolution, 0,
	    2 * NROWS(resolutions));
	tcase_add_loop_test(tc, interfaces_may_differ_in_everything, 0, 2);
	tcase_add_test(tc, sections_blocks_and_packets_of_all_kinds);
	tcase_add_loop_test(tc, absurd_numbers_anywhere_do_no_harm, 0, 4);
	tcase_add_test(tc, a_bad_packet_does_not_hide_the_next);
	tcase_add_rows(tc, what_is_no_capture_is_refused_with_a_word,
	    strangers);
	tcase_add_test(tc, a_missing_file_and_a_folder);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
