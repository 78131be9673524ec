/*
 * The dissector for Wireshark: its table is the codec's, and tshark with it
 * shows the frames that our own decoding shows.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/frame.h"
#include "conformance/files.h"
#include "manifest.h"
#include "packets.h"
#include "reading.h"
#include "support.h"

#define LUA "wireshark/relaykit.lua"

static const struct fixture *fixtures;
static size_t nfixtures;

/* ---- the table ---- */

static const char *
sender_word(enum rk_sender s)
{
	switch (s) {
	case RK_FROM_CLIENT:
		return "client";
	case RK_FROM_SERVER:
		return "relay";
	default:
		return "both";
	}
}

START_TEST(the_table_is_the_codecs)
{
	const struct rk_dialect *d = rk_dialect_by_id("iroh-v3");
	const char *at, *end;
	size_t len, rows = 0, frames = 0;
	char err[256];
	char *lua = file_read(source_path(LUA), &len, err, sizeof(err));

	ck_assert_msg(lua != NULL, "%s", err);
	at = strstr(lua, "local FRAMES = {");
	ck_assert_ptr_nonnull(at);
	end = strstr(at, "\n}");
	ck_assert_ptr_nonnull(end);
	while ((at = strstr(at + 1, "\n\t[0x")) != NULL && at < end)
		rows++;
	for (; d->frames[frames].name != NULL; frames++) {
		const struct rk_frame_spec *f = &d->frames[frames];
		char *row = xasprintf("\n\t[0x%02x] = { \"%s\", \"%s\" },",
		    f->type, f->name, sender_word(f->sender));

		ck_assert_msg(strstr(lua, row) != NULL, "no row%s", row);
		free(row);
	}
	ck_assert_uint_eq(rows, frames);
	free(lua);
}
END_TEST

/* ---- tshark ---- */

static bool
have_tshark(void)
{
	return system("command -v tshark >/dev/null 2>&1") == 0;
}

/* Comma-separated |list| as lines "STREAM WORD". */
static void
add_list(struct text *out, const char *stream, char *list)
{
	char *rest = NULL;

	for (char *w = strtok_r(list, ",\n", &rest); w != NULL;
	     w = strtok_r(NULL, ",\n", &rest))
		text_addf(out, "%s %s\n", stream, w);
}

/* What tshark shows: frames, then keys. */
static char *
by_tshark(const char *path)
{
	char *command =
	    xasprintf("tshark -n -o tcp.reassemble_out_of_order:TRUE -X "
		      "lua_script:'%s' -r '%s' "
		      "-Y relaykit -T fields -e tcp.stream "
		      "-e relaykit.what -e relaykit.key "
		      "2>/dev/null",
		source_path(LUA), path);
	FILE *in = popen(command, "r");
	struct text frames, keys;
	char *line = NULL;
	size_t cap = 0;

	ck_assert_ptr_nonnull(in);
	text_init(&frames);
	text_init(&keys);
	while (getline(&line, &cap, in) >= 0) {
		char *rest = line;
		const char *stream = strsep(&rest, "\t");
		char *whats = strsep(&rest, "\t");

		ck_assert_msg(whats != NULL && rest != NULL, "%s", line);
		add_list(&frames, stream, whats);
		add_list(&keys, stream, rest);
	}
	ck_assert_int_eq(pclose(in), 0);
	free(line);
	free(command);
	text_add(&frames, text_str(&keys));
	text_clear(&keys);
	return text_take(&frames);
}

/* The same of our own. */
static char *
by_us(const struct transcript *t)
{
	struct text frames, keys;

	text_init(&frames);
	text_init(&keys);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];
		struct rk_frame f;
		struct rk_key key;

		if (e->kind != EVENT_FRAME)
			continue;
		event_frame(e, &f);
		text_addf(&frames, "%d %s\n", e->conn, event_what(e));
		if (!rk_frame_key(&f, &key))
			continue;
		text_addf(&keys, "%d ", e->conn);
		text_add_hex(&keys, key.b, sizeof(key.b));
		text_add(&keys, "\n");
	}
	text_add(&frames, text_str(&keys));
	text_clear(&keys);
	return text_take(&frames);
}

static void
assert_same(const char *path, const struct transcript *t)
{
	char *theirs = by_tshark(path), *ours = by_us(t);

	ck_assert_msg(strcmp(theirs, ours) == 0,
	    "%s: tshark shows\n%.1500s\nwe show\n%.1500s", path, theirs, ours);
	free(theirs);
	free(ours);
}

START_TEST(tshark_shows_the_frames_of_fixtures)
{
	const struct fixture *f = &fixtures[_i];
	char err[256];
	int result;
	struct transcript *t;

	if (f->damaged != NULL || fixture_is_tls(f))
		return;
	t = fixture_decode(f, &result, err, sizeof(err));
	ck_assert_ptr_nonnull(t);
	assert_same(fixture_path(f->capture), t);
	transcript_free(t);
}
END_TEST

/* ---- three and a half frames in a segment ---- */

static const char request[] =
    "GET /relay HTTP/1.1\r\nHost: x\r\nUpgrade: iroh derp http\r\n\r\n";
static const char answer[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: iroh derp http\r\n\r\n";

struct talk {
	struct blob file;
	uint32_t seq[2];
	int64_t now_ns;
};

static void
segment(struct talk *k, bool relay, uint8_t flags, const void *p, size_t len)
{
	struct tcp_packet t = {
		.from = relay ? 80 : 40000,
		.to = relay ? 40000 : 80,
		.seq = k->seq[relay],
		.ack = k->seq[!relay],
		.flags = flags,
		.data = p,
		.len = len,
	};
	struct blob b = { 0 };

	make_ipv4(&b, &t);
	pcap_add(&k->file, b.p, b.len, b.len, k->now_ns += 1000000);
	blob_clear(&b);
	k->seq[relay] += (uint32_t)len + ((flags & 3) != 0 ? 1 : 0);
}

/* Pings of 13 bytes each, in segments of |size|. */
static void
talk_of(struct talk *k, size_t npings, size_t size)
{
	struct blob all = { 0 };

	pcap_begin(&k->file, LINK_RAW, false, false);
	segment(k, false, 2, NULL, 0);
	segment(k, true, 0x12, NULL, 0);
	segment(k, false, 0x18, request, strlen(request));
	segment(k, true, 0x18, answer, strlen(answer));
	for (size_t i = 0; i < npings; i++)
		blob_add(&all, "\x0c\0\0\0\x08pingping", 13);
	for (size_t at = 0; at < all.len; at += size)
		segment(k, false, 0x18, all.p + at,
		    all.len - at < size ? all.len - at : size);
	blob_clear(&all);
}

/* tshark wants a file with a name. */
static char *
save(const struct blob *b)
{
	char *path = xasprintf("%s/dissector-XXXXXX.pcap",
	    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	int fd = mkstemps(path, 5);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, b->p, b->len), (ssize_t)b->len);
	close(fd);
	return path;
}

static const size_t sizes[] = { 45, 1, 3, 13, 14, 26, 1000 };

START_TEST(frames_may_be_cut_anywhere)
{
	struct talk k = { .now_ns = 1000000000 };
	struct reading r;
	char *path, *ours;

	talk_of(&k, 70, sizes[_i]);
	r = read_blob(&k.file);
	ck_assert_int_eq(r.result, 0);
	ours = by_us(r.t);
	ck_assert_uint_eq(count(r.t, "Ping"), 70);
	path = save(&k.file);
	assert_same(path, r.t);
	unlink(path);
	free(path);
	free(ours);
	transcript_free(r.t);
	blob_clear(&k.file);
}
END_TEST

START_TEST(nothing_is_compared)
{
	test_skip("tshark is not installed");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dissector");
	TCase *tc = tcase_create("dissector");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, the_table_is_the_codecs);
	if (have_tshark()) {
		fixtures = manifest_read(&nfixtures);
		tcase_add_loop_test(tc, tshark_shows_the_frames_of_fixtures, 0,
		    (int)nfixtures);
		tcase_add_rows(tc, frames_may_be_cut_anywhere, sizes);
	} else {
		tcase_add_test(tc, nothing_is_compared);
	}
	suite_add_tcase(s, tc);
	return run_suite(s);
}
