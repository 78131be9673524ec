/* Reading ahead gives what reading gives. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/pcap_ahead.h"
#include "packets.h"
#include "support.h"

#define PACKETS 3000

/* More than a mebibyte; the last packet ends |cut| bytes early. */
static const char *
large_file(size_t cut)
{
	uint8_t bytes[1000] = { 0 };
	struct blob b = { 0 };
	const char *path;

	pcap_begin(&b, LINK_RAW, false, false);
	for (size_t i = 0; i < PACKETS; i++) {
		memcpy(bytes, &i, sizeof(i));
		pcap_add(&b, bytes, i % 2 == 0 ? 1000 : i % 1000, 1000,
		    (int64_t)i * NS_PER_S);
	}
	b.len -= cut;
	path = blob_file(&b);
	blob_clear(&b);
	return path;
}

static struct pcap_file *
open_file(const char *path)
{
	char err[256];
	struct pcap_file *f = pcap_file_open(path, err, sizeof(err));

	ck_assert_msg(f != NULL, "%s", err);
	return f;
}

static void
assert_same(const struct packet *a, const struct packet *b)
{
	ck_assert_uint_eq(a->number, b->number);
	ck_assert_int_eq(a->time_ns, b->time_ns);
	ck_assert_int_eq(a->link, b->link);
	ck_assert_uint_eq(a->wire, b->wire);
	ck_assert_bytes(a->p, a->len, b->p, b->len);
}

static void
assert_same_file(const char *path, size_t packets)
{
	struct pcap_file *f = open_file(path), *g = open_file(path);
	struct pcap_ahead *a = pcap_ahead_new(g);
	char err[256] = "", err_ahead[256] = "";
	struct packet p, q;
	enum packet_result r;
	size_t n = 0;

	ck_assert_ptr_nonnull(a);
	do {
		r = pcap_file_next(f, &p, err, sizeof(err));
		ck_assert_int_eq(r,
		    pcap_ahead_next(a, &q, err_ahead, sizeof(err_ahead)));
		ck_assert_str_eq(err, err_ahead);
		if (r == PACKET_OK) {
			assert_same(&p, &q);
			n++;
		}
	} while (r != PACKET_END && r != PACKET_DAMAGED);
	ck_assert_uint_eq(n, packets);
	/* It stays so. */
	ck_assert_int_eq(r, pcap_ahead_next(a, &q, err, sizeof(err)));
	pcap_ahead_free(a);
	pcap_file_close(f);
	pcap_file_close(g);
}

START_TEST(a_whole_file)
{
	assert_same_file(large_file(0), PACKETS);
}
END_TEST

START_TEST(a_cut_file)
{
	assert_same_file(large_file((size_t)_i), PACKETS - 1);
}
END_TEST

/* What cannot be read one by one has its own message each. */
START_TEST(packets_that_cannot_be_read)
{
	uint8_t bytes[1000] = { 0 };
	struct blob b = { 0 };

	pcapng_begin(&b, false);
	pcapng_interface(&b, LINK_RAW, 0, NULL);
	for (uint32_t i = 0; i < PACKETS; i++)
		pcapng_add(&b, i % 100 == 7, i, bytes, sizeof(bytes),
		    sizeof(bytes));
	assert_same_file(blob_file(&b), PACKETS - PACKETS / 100);
	blob_clear(&b);
}
END_TEST

START_TEST(it_can_end_at_any_time)
{
	struct pcap_file *f = open_file(large_file(0));
	struct pcap_ahead *a = pcap_ahead_new(f);
	struct packet p;
	char err[256];

	ck_assert_ptr_nonnull(a);
	for (int i = 0; i < _i; i++)
		ck_assert_int_eq(pcap_ahead_next(a, &p, err, sizeof(err)),
		    PACKET_OK);
	pcap_ahead_free(a);
	pcap_file_close(f);
}
END_TEST

START_TEST(small_files_and_pipes_are_read_as_they_come)
{
	struct blob b = { 0 };
	struct pcap_file *f;
	char path[32];
	int fds[2];

	pcap_begin(&b, LINK_RAW, false, false);
	f = open_file(blob_file(&b));
	ck_assert_ptr_null(pcap_ahead_new(f));
	pcap_file_close(f);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], b.p, b.len), (ssize_t)b.len);
	snprintf(path, sizeof(path), "/dev/fd/%d", fds[0]);
	f = open_file(path);
	ck_assert_ptr_null(pcap_ahead_new(f));
	pcap_file_close(f);
	close(fds[0]);
	close(fds[1]);
	blob_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("pcap_ahead");
	TCase *tc = tcase_create("pcap_ahead");

	tcase_add_test(tc, a_whole_file);
	tcase_add_loop_test(tc, a_cut_file, 1, 3);
	tcase_add_test(tc, packets_that_cannot_be_read);
	tcase_add_loop_test(tc, it_can_end_at_any_time, 0, 3);
	tcase_add_test(tc, small_files_and_pipes_are_read_as_they_come);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
