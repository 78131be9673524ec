/*
 * Lengths that lie: each length field of a good capture in turn says nothing,
 * too little, a little too much, or what no memory has.  Whatever is said of
 * the file, memory stays bounded by its real size.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/xalloc.h"
#include "codec/keys.h"
#include "manifest.h"
#include "packets.h"
#include "reading.h"
#include "support.h"

#ifdef __SANITIZE_ADDRESS__ /* whose memory is another matter */
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define MEMORY_MAX (32u << 20) /* more than before; a lie may say 4 GiB */

enum what {
	LEN_BLOCK,     /* pcapng: a block, at its front */
	LEN_BLOCK_END, /* the same again at its end */
	LEN_SECRETS,   /* in a block of them */
	LEN_SNAP,      /* of an interface */
	LEN_OPTION,
	LEN_CAPTURED, /* of a packet, pcapng and classic */
	LEN_ORIGINAL,
	LEN_IP_HEADER, /* in words, with four bits of something else */
	LEN_IP,        /* a packet; IPv6: its payload */
	LEN_TCP_HEADER,
	LEN_TCP_OPTION,
	LEN_TLS,       /* a record */
	LEN_HANDSHAKE, /* a message in it */
	NWHATS
};

/* Bytes of the field, and the largest value that means something. */
static const struct {
	const char *name;
	size_t width;
	uint32_t limit;
} kinds[NWHATS] = {
	[LEN_BLOCK] = { "block", 4, 64 << 20 },
	[LEN_BLOCK_END] = { "block again", 4, 64 << 20 },
	[LEN_SECRETS] = { "secrets", 4, 64 << 20 },
	[LEN_SNAP] = { "snap", 4, 262144 },
	[LEN_OPTION] = { "option", 2, 0xffff },
	[LEN_CAPTURED] = { "captured", 4, 262144 },
	[LEN_ORIGINAL] = { "original", 4, 262144 },
	[LEN_IP_HEADER] = { "IP header", 1, 0x4f },
	[LEN_IP] = { "IP", 2, 0xffff },
	[LEN_TCP_HEADER] = { "TCP header", 1, 0xf0 },
	[LEN_TCP_OPTION] = { "TCP option", 1, 40 },
	[LEN_TLS] = { "TLS record", 2, 16384 + 256 },
	[LEN_HANDSHAKE] = { "TLS handshake", 3, 1 << 17 },
};

#define SITES_MAX 6 /* of a kind */

struct site {
	size_t at;
	bool big_endian;
};

struct sites {
	const struct blob *b;
	struct site site[NWHATS][SITES_MAX];
	size_t n[NWHATS];
};

static uint32_t
get(const struct blob *b, size_t at, size_t width, bool big_endian)
{
	uint32_t v = 0;

	ck_assert_uint_le(at + width, b->len);
	for (size_t i = 0; i < width; i++)
		v = v << 8 | b->p[at + (big_endian ? i : width - 1 - i)];
	return v;
}

static void
put(const struct blob *b, size_t at, size_t width, bool big_endian, uint32_t v)
{
	for (size_t i = 0; i < width; i++)
		b->p[at + (big_endian ? width - 1 - i : i)] =
		    (uint8_t)(v >> 8 * i);
}

static void
found(struct sites *s, enum what what, size_t at, bool big_endian)
{
	if (s->n[what] < SITES_MAX)
		s->site[what][s->n[what]++] = (struct site){ at, big_endian };
}

/* ---- where the lengths are ---- */

static void
find_tcp(struct sites *s, size_t at, size_t end)
{
	size_t header = (size_t)(s->b->p[at + 12] >> 4) * 4;
	size_t tls = at + header;

	found(s, LEN_TCP_HEADER, at + 12, true);
	if (header > 20 && s->b->p[at + 20] != 1) /* a SYN's begin with MSS */
		found(s, LEN_TCP_OPTION, at + 21, true);
	if (end < tls + 9 || s->b->p[tls] < 20 || s->b->p[tls] > 23)
		return;
	found(s, LEN_TLS, tls + 3, true);
	if (s->b->p[tls] == 22)
		found(s, LEN_HANDSHAKE, tls + 6, true);
}

/* An Ethernet packet of TCP. */
static void
find_packet(struct sites *s, size_t at, size_t end)
{
	size_t ip = at + 14;

	if (get(s->b, at + 12, 2, true) == 0x0800) {
		found(s, LEN_IP_HEADER, ip, true);
		found(s, LEN_IP, ip + 2, true);
		if (get(s->b, ip + 6, 2, true) == 0x4000) /* no fragment */
			find_tcp(s, ip + 20, end);
	} else {
		ck_assert_uint_eq(get(s->b, at + 12, 2, true), 0x86dd);
		found(s, LEN_IP, ip + 4, true);
		find_tcp(s, ip + 40, end);
	}
}

static void
find_options(struct sites *s, size_t at, size_t end)
{
	while (at + 4 <= end) {
		found(s, LEN_OPTION, at + 2, false);
		at += 4 + (get(s->b, at + 2, 2, false) + 3) / 4 * 4;
	}
}

static void
find_block(struct sites *s, size_t at, size_t len)
{
	uint32_t type = get(s->b, at, 4, false), have;

	found(s, LEN_BLOCK, at + 4, false);
	found(s, LEN_BLOCK_END, at + len - 4, false);
	switch (type) {
	case 0x0a0d0d0a:
		find_options(s, at + 24, at + len - 4);
		break;
	case 1:
		found(s, LEN_SNAP, at + 12, false);
		find_options(s, at + 16, at + len - 4);
		break;
	case 6:
		have = get(s->b, at + 20, 4, false);
		found(s, LEN_CAPTURED, at + 20, false);
		found(s, LEN_ORIGINAL, at + 24, false);
		find_packet(s, at + 28, at + 28 + have);
		break;
	case 10:
		found(s, LEN_SECRETS, at + 12, false);
		break;
	}
}

static void
find_sites(struct sites *s)
{
	size_t at = 0, len;

	if (get(s->b, 0, 4, false) == 0x0a0d0d0a) {
		for (; at < s->b->len; at += len) {
			len = get(s->b, at + 4, 4, false);
			find_block(s, at, len);
		}
		return;
	}
	found(s, LEN_SNAP, 16, false);
	for (at = 24; at < s->b->len; at += 16 + len) {
		len = get(s->b, at + 8, 4, false);
		found(s, LEN_CAPTURED, at + 8, false);
		found(s, LEN_ORIGINAL, at + 12, false);
		find_packet(s, at + 16, at + 16 + len);
	}
}

/* ---- a lie ---- */

/* From here on memory is short. */
static void
limit_memory(void)
{
	struct rlimit limit;
	char line[128];
	unsigned long kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmData: %lu kB", &kb) == 1)
			break;
	fclose(f);
	ck_assert_uint_gt(kb, 0);
	limit.rlim_cur = limit.rlim_max = kb * 1024 + MEMORY_MAX;
	ck_assert_int_eq(setrlimit(RLIMIT_DATA, &limit), 0);
}

/* What goes wrong for want of memory ends the process, or is in |err|. */
static void
try_value(const struct blob *b, enum what what, const struct site *at,
    uint32_t value)
{
	size_t width = kinds[what].width;
	uint32_t was = get(b, at->at, width, at->big_endian);
	struct reading r;

	if (width < 4)
		value &= (UINT32_C(1) << 8 * width) - 1;
	put(b, at->at, width, at->big_endian, value);
	r = read_blob(b);
	ck_assert_msg((r.result == 0) == (r.err[0] == '\0'),
	    "%s of %u at %zu: %d, \"%s\"", kinds[what].name, value, at->at,
	    r.result, r.err);
	ck_assert_msg(strstr(r.err, "memory") == NULL, "%s of %u at %zu: %s",
	    kinds[what].name, value, at->at, r.err);
	if ((what == LEN_BLOCK || what == LEN_BLOCK_END) && value != was)
		ck_assert_msg(r.result != 0,
		    "%s of %u at %zu: nothing was said", kinds[what].name,
		    value, at->at);
	transcript_free(r.t);
	put(b, at->at, width, at->big_endian, was);
}

static void
try_site(const struct blob *b, enum what what, const struct site *at)
{
	uint32_t limit = kinds[what].limit;
	uint32_t was = get(b, at->at, kinds[what].width, at->big_endian);
	const uint32_t values[] = { 0, 1, was - 1, was + 1, limit - 1, limit,
		limit + 1, UINT32_C(1) << 31, UINT32_MAX };

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		try_value(b, what, at, values[i]);
}

static const struct {
	const char *name;
	unsigned lacks; /* bits of enum what */
} captures[] = {
	{ "tls13-embedded-keys.pcapng", 0 },
	{ "login-ping-send-ipv6.pcapng",
	    1u << LEN_IP_HEADER | 1u << LEN_SECRETS | 1u << LEN_TLS |
		1u << LEN_HANDSHAKE },
	{ "peer-gone-same-fragmented.pcap",
	    1u << LEN_BLOCK | 1u << LEN_BLOCK_END | 1u << LEN_SECRETS |
		1u << LEN_OPTION | 1u << LEN_TLS | 1u << LEN_HANDSHAKE },
};

START_TEST(a_length_that_lies_costs_no_memory)
{
	struct blob b = blob_load(fixture_path(captures[_i].name));
	struct sites s = { .b = &b };
	struct reading r;

	find_sites(&s);
	r = read_blob(&b);
	ck_assert_msg(r.result == 0, "%s", r.err);
	transcript_free(r.t);
	if (!SANITIZED)
		limit_memory();
	for (int what = 0; what < NWHATS; what++) {
		ck_assert_msg((s.n[what] == 0) ==
			((captures[_i].lacks >> what & 1) != 0),
		    "%s: %zu lengths of kind \"%s\"", captures[_i].name,
		    s.n[what], kinds[what].name);
		for (size_t i = 0; i < s.n[what]; i++)
			try_site(&b, (enum what)what, &s.site[what][i]);
	}
	blob_clear(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("capture_lengths");
	TCase *tc = tcase_create("lengths");

	rk_keys_init();
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, a_length_that_lies_costs_no_memory, 0,
	    NROWS(captures));
	suite_add_tcase(s, tc);
	return run_suite(s);
}
