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
#include "tshark.h"

static const struct fixture *fixtures;
static size_t nfixtures;

#define MAX_STREAMS 8

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

/* Whose address tshark has first; the client's is before the sign. */
static enum direction
first_sender(const struct transcript *t, int conn, const char *first)
{
	size_t len = strlen(first);

	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->conn != conn || e->kind != EVENT_OPENED)
			continue;
		ck_assert_ptr_nonnull(strstr(e->text, first));
		return strncmp(e->text, first, len) == 0 &&
			strncmp(e->text + len, " > ", 3) == 0
		    ? DIR_C2S
		    : DIR_S2C;
	}
	ck_abort_msg("connection %d was never opened", conn);
}

START_TEST(tshark_sees_the_same_streams)
{
	const struct fixture *f = &fixtures[_i];
	struct tshark_stream streams[MAX_STREAMS] = { { .first = "" } };
	struct transcript *t;
	char err[256], path[512], *keys = NULL;
	int result;

	if (f->damaged != NULL || f->foreign != NULL)
		return;
	t = fixture_decode(f, &result, err, sizeof(err));
	ck_assert_uint_ge(t->nconns, 1);
	ck_assert_uint_le(t->nconns, MAX_STREAMS);
	snprintf(path, sizeof(path), "%s", fixture_path(f->capture));
	if (f->keys != NULL)
		keys = xstrdup(fixture_path(f->keys));
	tshark_follow(path, fixture_is_tls(f), keys, t->nconns, streams);
	free(keys);
	for (int conn = 0; conn < (int)t->nconns; conn++) {
		struct tshark_stream *s = &streams[conn];
		bool masked = t->conns[conn].carrier == RK_CARRIER_WS;

		enum direction first = first_sender(t, conn, s->first);

		ck_assert(first == DIR_C2S || fixture_is_tls(f));
		ck_assert_uint_gt(s->sent[DIR_C2S].len, 0);
		for (int dir = masked ? DIR_S2C : DIR_C2S; dir <= DIR_S2C;
		     dir++) {
			const struct blob *sent = &s->sent[dir != (int)first];
			struct blob b =
			    written_again(t, conn, (enum direction)dir);

			ck_assert_bytes(b.p, b.len, sent->p, sent->len);
			blob_clear(&b);
		}
	}
	tshark_clear(t->nconns, streams);
	transcript_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tshark");
	TCase *tc = tcase_create("follow");

	if (!tshark_is_there()) {
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
