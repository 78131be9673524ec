/* Link layers, IP headers and fragments. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "capture/ip.h"
#include "capture/link.h"
#include "packets.h"
#include "support.h"

/* ---- link layers ---- */

static const struct {
	int link;
	const char *header;
	enum link_result result;
} links[] = {
	{ 1, "000000000000 000000000000 0800", LINK_IP },
	{ 1, "000000000000 000000000000 86dd", LINK_IP },
	{ 1, "000000000000 000000000000 0806", LINK_OTHER }, /* ARP */
	{ 1, "000000000000 000000000000 8100 0001 0800", LINK_IP },
	{ 1, "000000000000 000000000000 88a8 0001 8100 0002 0800", LINK_IP },
	{ 1, "000000000000 000000000000 9100 0001 8100 0002 86dd", LINK_IP },
	{ 1, "000000000000 000000000000 8100 0001 0806", LINK_OTHER },
	{ 113, "0000 0304 0006 000000000000 0000 0800", LINK_IP },
	{ 113, "0000 0304 0006 000000000000 0000 8100 0001 0800", LINK_IP },
	{ 276, "0800 0000 00000001 0304 00 06 0000000000000000", LINK_IP },
	{ 0, "02000000", LINK_IP }, { 0, "00000002", LINK_IP },
	{ 0, "1e000000", LINK_IP }, { 0, "0000000a", LINK_IP },
	{ 0, "07000000", LINK_OTHER }, { 108, "00000002", LINK_IP },
	{ 108, "18000000", LINK_IP }, { 101, "", LINK_IP },
	{ 228, "", LINK_IP }, { 229, "", LINK_IP },
	{ 105, "", LINK_UNKNOWN }, /* 802.11 */
};

START_TEST(link_headers_are_taken_off)
{
	struct blob b = { 0 };
	struct packet p = { .link = links[_i].link };
	struct seen ip;
	size_t header;
	const uint8_t *h = hex(links[_i].header, &header);

	blob_add(&b, h, header);
	blob_add(&b, "ip", 2);
	p.p = b.p;
	p.len = b.len;
	p.wire = b.len + 100;
	ck_assert_int_eq(link_to_ip(&p, &ip), links[_i].result);
	if (links[_i].result == LINK_IP) {
		ck_assert_bytes(ip.p, ip.len, "ip", 2);
		ck_assert_uint_eq(ip.wire, 102);
	}
	/* Cut anywhere in the header that is said, and nothing is read behind
	 * its end. */
	for (size_t n = 0; n < header; n++) {
		uint8_t *exact = xmemdup(b.p, n);

		p.p = exact;
		p.len = n;
		p.wire = b.len;
		ck_assert_int_eq(link_to_ip(&p, &ip),
		    links[_i].result == LINK_UNKNOWN ? LINK_UNKNOWN : LINK_CUT);
		p.wire = n;
		ck_assert_int_eq(link_to_ip(&p, &ip),
		    links[_i].result == LINK_UNKNOWN ? LINK_UNKNOWN
						     : LINK_OTHER);
		free(exact);
	}
	blob_clear(&b);
}
END_TEST

/* ---- IP and TCP headers ---- */

static enum ip_result
segment(struct ip_fragments *f, const struct blob *b, size_t len,
    struct segment *out, char *err)
{
	const struct packet p = { .number = 9, .time_ns = 5 };
	const struct seen ip = { b->p, len, b->len };

	return ip_segment(f, &p, &ip, out, err, 160);
}

static const struct tcp_packet hello = {
	.from = 40000,
	.to = 3340,
	.seq = 0x01020304,
	.ack = 0x05060708,
	.flags = TCP_ACK | TCP_FIN,
	.id = 77,
	.data = "hello",
	.len = 5,
};

static void
make(struct blob *b, int kind, const struct tcp_packet *t)
{
	if (kind == 0)
		make_ipv4(b, t);
	else
		make_ipv6(b, t, kind == 2);
}

START_TEST(a_segment_is_found_in_its_packet)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = { 0 };
	struct segment s;
	char err[160], text[ENDPOINT_TEXT_SIZE];
	size_t len;

	make(&b, _i, &hello);
	len = b.len;
	blob_add(&b, "padding", 7); /* of the link layer */
	if (_i != 2)
		ck_assert_int_eq(segment(f, &b, b.len, &s, err), IP_SEGMENT);
	/* A jumbogram has no length that could limit it. */
	b.len = len;
	ck_assert_int_eq(segment(f, &b, b.len, &s, err), IP_SEGMENT);
	ck_assert_str_eq(err, "");
	endpoint_text(&s.src, text);
	ck_assert_str_eq(text, _i == 0 ? "127.0.0.1:40000" : "[::1]:40000");
	endpoint_text(&s.dst, text);
	ck_assert_str_eq(text, _i == 0 ? "127.0.0.1:3340" : "[::1]:3340");
	ck_assert_uint_eq(s.seq, 0x01020304);
	ck_assert_uint_eq(s.ack, 0x05060708);
	ck_assert_uint_eq(s.flags, TCP_ACK | TCP_FIN);
	ck_assert_uint_eq(s.packet, 9);
	ck_assert_int_eq(s.time_ns, 5);
	ck_assert_uint_eq(s.data.wire, 5);
	ck_assert_bytes(s.data.p, s.data.len, "hello", 5);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(a_segment_cut_anywhere_is_said_or_shorter)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = { 0 };
	size_t headers;

	make(&b, _i, &hello);
	headers = b.len - hello.len;
	for (size_t n = 0; n < b.len; n++) {
		struct blob cut = { .p = xmemdup(b.p, n), .len = b.len };
		struct segment s;
		char err[160];
		enum ip_result r = segment(f, &cut, n, &s, err);

		if (n < headers - 20) {
			ck_assert_int_eq(r, IP_BAD);
			ck_assert_str_eq(err, "cut within its IP header");
		} else if (n < headers) {
			ck_assert_int_eq(r, IP_BAD);
			ck_assert_str_eq(err, "cut within its TCP header");
		} else {
			ck_assert_int_eq(r, IP_SEGMENT);
			ck_assert_uint_eq(s.data.len, n - headers);
			ck_assert_uint_eq(s.data.wire, 5);
		}
		blob_clear(&cut);
	}
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(every_byte_of_a_packet_may_be_anything)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = { 0 };

	make(&b, _i, &hello);
	for (size_t at = 0; at < b.len; at++) {
		uint8_t was = b.p[at];

		for (unsigned v = 0; v < 256; v++) {
			uint8_t *exact;
			struct blob same = { .len = b.len };
			struct segment s;
			char err[160];

			b.p[at] = (uint8_t)v;
			exact = xmemdup(b.p, b.len);
			same.p = exact;
			if (segment(f, &same, b.len, &s, err) == IP_SEGMENT) {
				ck_assert_uint_le(s.data.len, s.data.wire);
				ck_assert_uint_le(s.data.wire, b.len);
			}
			free(exact);
		}
		b.p[at] = was;
	}
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(offloaded_packets_have_no_length)
{
	struct ip_fragments *f = ip_fragments_new(64);
	static uint8_t data[100000];
	const struct tcp_packet t = { .from = 1,
		.to = 2,
		.flags = TCP_ACK,
		.data = data,
		.len = sizeof(data) };
	struct blob b = { 0 };
	struct segment s;
	char err[160];

	make(&b, _i, &t);
	if (_i == 0)
		b.p[2] = b.p[3] = 0;
	else
		b.p[4] = b.p[5] = 0;
	ck_assert_int_eq(segment(f, &b, b.len, &s, err), IP_SEGMENT);
	ck_assert_uint_eq(s.data.len, sizeof(data));
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

/* Bytes in front of the TCP header. */
static const struct {
	const char *chain; /* of extension headers; the first's number first */
	enum ip_result result;
} extensions[] = {
	{ "06", IP_SEGMENT }, { "00 06 00 0000 00000000", IP_SEGMENT },
	{ "3c 06 01 0000 00000000 0000000000000000", IP_SEGMENT },
	{ "00 3c 00 0000 00000000 2b 00 0000 00000000 06 00 0000 00000000",
	    IP_SEGMENT },
	{ "33 06 02 0000 00000000 00000000 00000000", IP_SEGMENT }, /* AH */
	{ "2c 06 00 0000 00000001", IP_SEGMENT }, /* atomic fragment */
	{ "3c 11 00 0000 00000000", IP_OTHER },   /* UDP */
	{ "3c 06 ff 0000 00000000", IP_BAD },     /* longer than there is */
};

START_TEST(extension_headers_are_skipped)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob plain = { 0 }, b = { 0 };
	struct segment s;
	char err[160];
	size_t len;
	const uint8_t *chain = hex(extensions[_i].chain, &len);

	make_ipv6(&plain, &hello, false);
	blob_add(&b, plain.p, 40);
	b.p[5] = (uint8_t)(b.p[5] + len - 1);
	b.p[6] = chain[0];
	blob_add(&b, chain + 1, len - 1);
	blob_add(&b, plain.p + 40, plain.len - 40);
	ck_assert_int_eq(segment(f, &b, b.len, &s, err), extensions[_i].result);
	if (extensions[_i].result == IP_SEGMENT)
		ck_assert_bytes(s.data.p, s.data.len, "hello", 5);
	blob_clear(&plain);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

/* ---- fragments ---- */

#define BODY 100 /* bytes of TCP header and data, in fragments of 8 */

static struct blob
whole_packet(void)
{
	static uint8_t data[BODY - 20];
	const struct tcp_packet t = { .from = 1,
		.to = 2,
		.seq = 3,
		.flags = TCP_ACK,
		.id = 4,
		.data = data,
		.len = sizeof(data) };
	struct blob b = { 0 };

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	make_ipv4(&b, &t);
	return b;
}

/* The part [from, to) of the packet's body as a fragment. */
static struct blob
fragment_of(const struct blob *packet, size_t from, size_t to, uint8_t change)
{
	struct blob b = { 0 };
	unsigned field = (unsigned)(from / 8) | (to < BODY ? 0x2000 : 0);

	blob_add(&b, packet->p, 20);
	b.p[2] = 0;
	b.p[3] = (uint8_t)(20 + to - from);
	b.p[6] = (uint8_t)(field >> 8);
	b.p[7] = (uint8_t)field;
	blob_add(&b, packet->p + 20 + from, to - from);
	for (size_t i = 20; i < b.len; i++)
		b.p[i] ^= change;
	return b;
}

static enum ip_result
give(struct ip_fragments *f, const struct blob *packet, size_t from, size_t to,
    uint8_t change, struct segment *s, char *err)
{
	struct blob b = fragment_of(packet, from, to, change);
	enum ip_result r = segment(f, &b, b.len, s, err);

	blob_clear(&b);
	return r;
}

static void
assert_whole(const struct segment *s)
{
	ck_assert_uint_eq(s->seq, 3);
	ck_assert_uint_eq(s->data.len, BODY - 20);
	for (size_t i = 0; i < s->data.len; i++)
		ck_assert_uint_eq(s->data.p[i], i);
}

/* How many were lost; |*last| is the last one's packet. */
static size_t
count_lost(struct ip_fragments *f, uint64_t *last)
{
	uint64_t packet;
	size_t n = 0;

	while (ip_fragments_lost(f, &packet)) {
		if (last != NULL)
			*last = packet;
		n++;
	}
	return n;
}

START_TEST(fragments_in_any_order)
{
	static const size_t cut[] = { 0, 24, 64, BODY };
	static const int orders[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = whole_packet();
	struct segment s;
	char err[160];

	for (int i = 0; i < 3; i++) {
		int part = orders[_i][i];

		ck_assert_int_eq(give(f, &b, cut[part], cut[part + 1], 0, &s,
				     err),
		    i < 2 ? IP_HELD : IP_SEGMENT);
		ck_assert_str_eq(err, "");
	}
	assert_whole(&s);
	/* Once more, late: it is swallowed. */
	ck_assert_int_eq(give(f, &b, 0, 24, 0, &s, err), IP_HELD);
	ip_fragments_finish(f);
	ck_assert_uint_eq(count_lost(f, NULL), 0);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(overlapping_fragments_and_conflicts)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = whole_packet();
	struct segment s;
	char err[160];

	ck_assert_int_eq(give(f, &b, 0, 48, 0, &s, err), IP_HELD);
	ck_assert_int_eq(give(f, &b, 24, 64, 0, &s, err), IP_HELD);
	ck_assert_str_eq(err, "");
	/* other bytes for what is there: said, and left out */
	ck_assert_int_eq(give(f, &b, 24, 64, 0xff, &s, err), IP_HELD);
	ck_assert_ptr_nonnull(strstr(err, "other bytes"));
	ck_assert_int_eq(give(f, &b, 56, BODY, 0, &s, err), IP_SEGMENT);
	assert_whole(&s);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(a_conflict_in_the_last_fragment_is_said_as_well)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = whole_packet();
	struct segment s;
	char err[160];

	ck_assert_int_eq(give(f, &b, 24, BODY, 0, &s, err), IP_HELD);
	ck_assert_int_eq(give(f, &b, 8, 24, 0, &s, err), IP_HELD);
	ck_assert_int_eq(give(f, &b, 16, 24, 0xff, &s, err), IP_HELD);
	ck_assert_ptr_nonnull(strstr(err, "other bytes"));
	ck_assert_int_eq(give(f, &b, 0, 8, 0, &s, err), IP_SEGMENT);
	assert_whole(&s);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(impossible_and_cut_fragments_are_said)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = whole_packet(), part;
	struct segment s;
	char err[160];

	ck_assert_int_eq(give(f, &b, 0, 20, 0, &s, err), IP_BAD);
	ck_assert_ptr_nonnull(strstr(err, "impossible"));
	/* beyond the end that another one gave */
	ck_assert_int_eq(give(f, &b, 64, BODY, 0, &s, err), IP_HELD);
	part = fragment_of(&b, 64, BODY, 0);
	part.p[7]++; /* 8 bytes further */
	ck_assert_int_eq(segment(f, &part, part.len, &s, err), IP_BAD);
	ck_assert_ptr_nonnull(strstr(err, "impossible"));
	blob_clear(&part);
	/* beyond 65535 bytes */
	part = fragment_of(&b, 64, BODY, 0);
	part.p[6] = 0x1f;
	part.p[7] = 0xff;
	ck_assert_int_eq(segment(f, &part, part.len, &s, err), IP_BAD);
	blob_clear(&part);
	part = fragment_of(&b, 0, 64, 0);
	ck_assert_int_eq(segment(f, &part, part.len - 1, &s, err), IP_BAD);
	ck_assert_ptr_nonnull(strstr(err, "cut short"));
	ip_fragments_finish(f);
	ck_assert_uint_eq(count_lost(f, NULL), 1);
	blob_clear(&part);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

START_TEST(packets_that_wait_for_fragments_are_bounded)
{
	struct ip_fragments *f = ip_fragments_new(64);
	struct blob b = whole_packet();
	struct segment s;
	char err[160];

	for (unsigned id = 0; id < 1000; id++) {
		b.p[4] = (uint8_t)(id >> 8);
		b.p[5] = (uint8_t)id;
		ck_assert_int_eq(give(f, &b, 0, 64, 0, &s, err), IP_HELD);
	}
	/* Whoever asks late hears of the newest. */
	ck_assert_uint_eq(count_lost(f, NULL), 64);
	ck_assert_uint_eq(count_lost(f, NULL), 0);
	/* The newest can still be completed. */
	ck_assert_int_eq(give(f, &b, 64, BODY, 0, &s, err), IP_SEGMENT);
	assert_whole(&s);
	blob_clear(&b);
	ip_fragments_free(f);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ip");
	TCase *tc = tcase_create("ip");

	tcase_add_rows(tc, link_headers_are_taken_off, links);
	tcase_add_loop_test(tc, a_segment_is_found_in_its_packet, 0, 3);
	tcase_add_loop_test(tc, a_segment_cut_anywhere_is_said_or_shorter, 0,
	    3);
	tcase_add_loop_test(tc, every_byte_of_a_packet_may_be_anything, 0, 3);
	tcase_add_loop_test(tc, offloaded_packets_have_no_length, 0, 3);
	tcase_add_rows(tc, extension_headers_are_skipped, extensions);
	tcase_add_loop_test(tc, fragments_in_any_order, 0, 6);
	tcase_add_test(tc, overlapping_fragments_and_conflicts);
	tcase_add_test(tc, a_conflict_in_the_last_fragment_is_said_as_well);
	tcase_add_test(tc, impossible_and_cut_fragments_are_said);
	tcase_add_test(tc, packets_that_wait_for_fragments_are_bounded);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
