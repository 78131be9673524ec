/*
 * A second opinion on reassembly: tshark follows the streams of each fixture,
 * and what our decoding consists of, written out again, must be the same
 * bytes.  Not for clients on WebSocket: their masks are not kept.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "codec/ws.h"
#include "manifest.h"
#include "packets.h"
#include "support.h"

static const struct fixture *fixtures;
static size_t nfixtures;

#define MAX_STREAMS 8

/* Both directions of one stream. */
struct stream {
	/* "127.0.0.1:40000": the client, but for TLS tshark has the server */
	char first[64];
	bool first_is_server;
	struct blob sent[2];
};

/* ---- tshark's view ---- */

static FILE *
run_tshark(const struct fixture *f, size_t nstreams)
{
	const char *layer = fixture_is_tls(f) ? "tls" : "tcp";
	struct text command;
	FILE *out;

	text_init(&command);
	text_addf(&command, "tshark -n -q -r '%s'", fixture_path(f->capture));
	if (f->keys != NULL)
		text_addf(&command, " -o tls.keylog_file:'%s'",
		    fixture_path(f->keys));
	for (size_t i = 0; i < nstreams; i++)
		text_addf(&command, " -z follow,%s,raw,%zu", layer, i);
	text_add(&command, " 2>/dev/null");
	out = popen(text_str(&command), "r");
	ck_assert_ptr_nonnull(out);
	text_clear(&command);
	return out;
}

static void
add_hex_line(struct stream *s, const char *line)
{
	struct blob *b = &s->sent[(line[0] == '\t') != s->first_is_server];
	const char *digits = line + strspn(line, "\t");
	size_t len = strlen(digits), bad_at;
	uint8_t *bytes = xmalloc(len / 2 + 1);
	long n = hex_decode(digits, len, bytes, len / 2, &bad_at);

	ck_assert_msg(n >= 0, "tshark says %.60s", line);
	blob_add(b, bytes, (size_t)n);
	free(bytes);
}

static void
follow(const struct fixture *f, size_t nstreams, struct stream *streams)
{
	FILE *in = run_tshark(f, nstreams);
	struct stream *s = NULL;
	char *line = NULL;
	size_t cap = 0;
	unsigned n;

	while (getline(&line, &cap, in) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "Filter: tcp.stream eq %u", &n) == 1) {
			ck_assert_uint_lt(n, nstreams);
			s = &streams[n];
			s->first_is_server = fixture_is_tls(f);
		} else if (s != NULL && strncmp(line, "Node 0: ", 8) == 0) {
			snprintf(s->first, sizeof(s->first), "%s", line + 8);
		} else if (s != NULL && line[0] != '=' && line[0] != '\0' &&
		    line[0] != 'N' && line[0] != 'F') {
			add_hex_line(s, line);
		}
	}
	free(line);
	ck_assert_int_eq(pclose(in), 0);
}

/* ---- ours, written out again ---- */

static void
add_ws_header(struct blob *b, uint8_t opcode, size_t len)
{
	const struct rk_ws_header h = { .fin = true,
		.opcode = opcode,
		.payload_len = len };
	uint8_t buf[RK_WS_HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	blob_add(b, buf, w.len);
}

static void
add_frame(struct blob *b, const struct event *e, enum rk_carrier c)
{
	enum rk_header_form form = e->dialect->header[c];
	uint8_t buf[RK_FRAME_HEADER_MAX];
	struct rk_writer w;

	rk_writer_init(&w, buf, sizeof(buf));
	ck_assert_int_eq(rk_frame_header(form, e->type, e->len, &w), RK_OK);
	if (c == RK_CARRIER_WS)
		add_ws_header(b, RK_WS_BINARY, w.len + e->len);
	blob_add(b, buf, w.len);
	blob_add(b, e->bytes, e->len);
}

static void
add_event(struct blob *b, const struct event *e, enum rk_carrier c)
{
	switch (e->kind) {
	case EVENT_HTTP:
	case EVENT_BODY:
	case EVENT_REST:
		blob_add(b, e->bytes, e->len);
		break;
	case EVENT_FRAME:
		add_frame(b, e, c);
		break;
	case EVENT_WS:
		add_ws_header(b, e->opcode, e->len);
		blob_add(b, e->bytes, e->len);
		break;
	default:
		break;
	}
}

static struct blob
written_again(const struct transcript *t, int conn, enum direction dir)
{
	struct blob b = { 0 };

	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].conn == conn && t->events[i].dir == dir)
			add_event(&b, &t->events[i], t->conns[conn].carrier);
	return b;
}

/* ---- the comparison ---- */

/* "127.0.0.1:40000 > 127.0.0.1:3340" */
static void
assert_same_ends(const struct transcript *t, int conn, const struct stream *s)
{
	char want[80];

	snprintf(want, sizeof(want), s->first_is_server ? " > %s" : "%s > ",
	    s->first);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->conn != conn || e->kind != EVENT_OPENED)
			continue;
		ck_assert_msg(strstr(e->text, want) != NULL, "%s: %s", e->text,
		    want);
		return;
	}
	ck_abort_msg("connection %d was never opened", conn);
}

START_TEST(tshark_sees_the_same_streams)
{
	const struct fixture *f = &fixtures[_i];
	struct stream streams[MAX_STREAMS] = { { .first = "" } };
	struct transcript *t;
	char err[256];
	int result;

	if (f->damaged != NULL)
		return;
	t = fixture_decode(f, &result, err, sizeof(err));
	ck_assert_uint_ge(t->nconns, 1);
	ck_assert_uint_le(t->nconns, MAX_STREAMS);
	follow(f, t->nconns, streams);
	for (int conn = 0; conn < (int)t->nconns; conn++) {
		struct stream *s = &streams[conn];
		bool masked = t->conns[conn].carrier == RK_CARRIER_WS;

		assert_same_ends(t, conn, s);
		ck_assert_uint_gt(s->sent[DIR_C2S].len, 0);
		for (int dir = masked ? DIR_S2C : DIR_C2S; dir <= DIR_S2C;
		     dir++) {
			struct blob b =
			    written_again(t, conn, (enum direction)dir);

			ck_assert_bytes(b.p, b.len, s->sent[dir].p,
			    s->sent[dir].len);
			blob_clear(&b);
		}
		blob_clear(&s->sent[DIR_C2S]);
		blob_clear(&s->sent[DIR_S2C]);
	}
	transcript_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tshark");
	TCase *tc = tcase_create("follow");

	if (system("tshark --version >/dev/null 2>&1") != 0) {
		puts("1..0 # SKIP tshark is not installed");
		return EXIT_SUCCESS;
	}
	rk_keys_init();
	fixtures = manifest_read(&nfixtures);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, tshark_sees_the_same_streams, 0,
	    (int)nfixtures);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
