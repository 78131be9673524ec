/* Capture files: twins of one, doubled, cut, and with any byte wrong. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "capture/pcap_file.h"
#include "codec/keys.h"
#include "manifest.h"
#include "packets.h"
#include "reading.h"
#include "support.h"

/* ---- twins of one capture ---- */

/* The packets of a fixture on three interfaces that differ, among blocks that
 * mean nothing to us. */
static struct blob
pcapng_twin(const char *fixture, bool big_endian)
{
	static const uint32_t snaplens[] = { 0, 262144, 0xffffffff };
	struct pcap_file *f;
	struct blob b = { 0 }, body = { .big_endian = big_endian };
	struct packet p;
	char err[256];

	pcapng_begin(&b, big_endian);
	blob_u32(&body, 0x544c534b);
	blob_u32(&body, 3);
	blob_add(&body, "# x", 3);
	pcapng_block(&b, 10, &body); /* secrets */
	body.len = 0;
	blob_u16(&body, 1);
	blob_u16(&body, 8);
	blob_add(&body, "\x7f\0\0\1lo\0\0\0\0\0\0", 12);
	pcapng_block(&b, 4, &body); /* names */
	for (size_t i = 0; i < 3; i++) {
		body.len = 0;
		pcapng_option(&body, 2, "lo", 2);
		pcapng_option(&body, 9, "\x09", 1);
		pcapng_option(&body, 0, NULL, 0);
		pcapng_interface(&b, LINK_ETHERNET, snaplens[i], &body);
	}
	f = pcap_file_open(fixture_path(fixture), err, sizeof(err));
	ck_assert_ptr_nonnull(f);
	while (pcap_file_next(f, &p, err, sizeof(err)) == PACKET_OK) {
		pcapng_add(&b, (uint32_t)(p.number % 3), (uint64_t)p.time_ns,
		    p.p, p.len, p.wire);
		if (p.number % 10 == 0)
			pcapng_block(&b, 0x80000001, &body);
	}
	pcap_file_close(f);
	blob_clear(&body);
	return b;
}

static void
assert_same_reading(const struct blob *b, const char *fixture)
{
	struct reading want = read_path(fixture_path(fixture));
	struct reading r = read_blob(b);
	char *got_text = describe(r.t, true, true);
	char *want_text = describe(want.t, true, true);

	ck_assert_msg(r.result == 0 && want.result == 0, "%s", r.err);
	ck_assert_str_eq(got_text, want_text);
	free(got_text);
	free(want_text);
	transcript_free(want.t);
	transcript_free(r.t);
}

START_TEST(pcapng_of_both_byte_orders_with_everything_in_it)
{
	struct blob b = pcapng_twin("login-ping-send.pcapng", _i == 1);

	assert_same_reading(&b, "login-ping-send.pcapng");
	blob_clear(&b);
}
END_TEST

/* NULL has the writer's byte order, LOOP the network's, whatever the file's
 * order is. */
START_TEST(loopback_headers_of_both_byte_orders)
{
	bool little_family = (_i & 1) != 0, big_file = (_i & 2) != 0;
	struct pcap_file *f;
	struct blob b = { 0 };
	struct packet p;
	char err[256];

	pcap_begin(&b, (_i & 4) != 0 ? 108 : LINK_NULL, big_file, false);
	f = pcap_file_open(fixture_path("peer-gone-same-null.pcap"), err,
	    sizeof(err));
	ck_assert_ptr_nonnull(f);
	while (pcap_file_next(f, &p, err, sizeof(err)) == PACKET_OK) {
		uint8_t *copy = xmemdup(p.p, p.len);

		memset(copy, 0, 4);
		copy[little_family ? 0 : 3] = 2;
		pcap_add(&b, copy, p.len, p.wire, p.time_ns);
		free(copy);
	}
	pcap_file_close(f);
	assert_same_reading(&b, "peer-gone-same-null.pcap");
	blob_clear(&b);
}
END_TEST

/* ---- captured twice ---- */

/* The packets of a classic little-endian file, as offsets into it. */
static size_t
find_packets(const struct blob *b, size_t *at, size_t max)
{
	size_t n = 0, off = 24;

	while (off + 16 <= b->len) {
		const uint8_t *p = b->p + off;

		ck_assert_uint_lt(n, max);
		at[n++] = off;
		off += 16 +
		    ((size_t)p[8] | (size_t)p[9] << 8 | (size_t)p[10] << 16);
	}
	at[n] = off;
	return n;
}

START_TEST(what_was_captured_twice_is_shown_once)
{
	struct blob b = blob_load(fixture_path("peer-gone-same-usec.pcap")),
		    twice = { 0 };
	struct reading once, r;
	size_t at[128], n = find_packets(&b, at, 127);
	char *got, *want;

	blob_add(&twice, b.p, 24);
	for (size_t i = 0; i < n; i++) {
		size_t copy;

		blob_add(&twice, b.p + at[i], at[i + 1] - at[i]);
		copy = twice.len;
		blob_add(&twice, b.p + at[i], at[i + 1] - at[i]);
		/* 1 to 20 us later; a carry would only make it earlier */
		twice.p[copy + 4] = (uint8_t)(twice.p[copy + 4] + 1 + i % 20);
	}
	once = read_blob(&b);
	r = read_blob(&twice);
	ck_assert_msg(r.result == 0, "%s", r.err);
	ck_assert_uint_eq(count_remarks(r.t, "captured twice"), 1);
	ck_assert_uint_eq(r.sum.remarks, 1);
	got = describe(r.t, false, true);
	want = describe(once.t, false, true);
	ck_assert_str_eq(got, want);
	free(got);
	free(want);
	transcript_free(once.t);
	transcript_free(r.t);
	blob_clear(&b);
	blob_clear(&twice);
}
END_TEST

/* ---- files that end early ---- */

/* What the first |packets| packets complete, without what only the end of a
 * file brings: rest and gaps of what is in progress then. */
static char *
certain_part(const struct transcript *t, uint64_t packets)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->kind != EVENT_FRAME && e->kind != EVENT_HTTP)
			continue;
		if (e->packet <= packets)
			text_addf(&out, "%d %s %s %zu\n", e->conn,
			    direction_name(e->dir), event_what(e), e->len);
	}
	return text_take(&out);
}

START_TEST(a_file_cut_at_any_byte_gives_its_whole_packets)
{
	static const char *const names[] = { "peer-gone-same-usec.pcap",
		"duplicate-login.pcapng" };
	struct blob b = blob_load(fixture_path(names[_i]));
	struct reading whole = read_blob(&b), r;
	const char *path = blob_file(&b);
	/* The last two records byte by byte, the rest in coarse steps. */
	for (size_t n = b.len; n-- > 0;
	     n -= n > 300 && n < b.len - 400 ? 6 : 0) {
		char *got, *want;

		ck_assert_int_eq(truncate(path, (off_t)n), 0);
		r = read_path(path);
		if (r.result < 0) {
			ck_assert_uint_le(n, 200);
			ck_assert_str_ne(r.err, "");
			transcript_free(r.t);
			continue;
		}
		got = certain_part(r.t, r.sum.packets);
		want = certain_part(whole.t, r.sum.packets);
		ck_assert_msg(strcmp(got, want) == 0,
		    "%zu bytes: got\n%swant\n%s", n, got, want);
		if (r.sum.damaged)
			ck_assert_msg(r.result == 1 &&
				strncmp(r.err, "packet ", 7) == 0 &&
				strtoull(r.err + 7, NULL, 10) ==
				    r.sum.packets + 1,
			    "%zu bytes, %zu packets: %s", n,
			    (size_t)r.sum.packets, r.err);
		free(got);
		free(want);
		transcript_free(r.t);
	}
	transcript_free(whole.t);
	blob_clear(&b);
}
END_TEST

/* Every byte of a capture changed in turn: nothing worse than a remark. */
START_TEST(any_byte_of_a_file_may_be_wrong)
{
	static const char *const names[] = { "keepalive.pcapng",
		"peer-gone-same-fragmented.pcap", "tls13-ws.pcapng" };
	struct blob b = blob_load(fixture_path(names[_i]));
	uint64_t seed = 5;

	for (size_t at = 0; at < b.len; at += 1 + test_random(&seed) % 16) {
		uint8_t was = b.p[at];
		struct reading r;

		b.p[at] ^= (uint8_t)(1u << test_random(&seed) % 8);
		r = read_blob(&b);
		ck_assert(r.result != -1 || r.err[0] != '\0');
		ck_assert(r.result != 1 || r.sum.wrong > 0);
		transcript_free(r.t);
		b.p[at] = was;
	}
	blob_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("capture_files");
	TCase *tc = tcase_create("files");

	rk_keys_init();
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, what_was_captured_twice_is_shown_once);
	tcase_add_loop_test(tc,
	    pcapng_of_both_byte_orders_with_everything_in_it, 0, 2);
	tcase_add_loop_test(tc, loopback_headers_of_both_byte_orders, 0, 8);
	tcase_add_loop_test(tc, a_file_cut_at_any_byte_gives_its_whole_packets,
	    0, 2);
	tcase_add_loop_test(tc, any_byte_of_a_file_may_be_wrong, 0, 3);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
