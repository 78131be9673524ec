/*
 * WebSocket frames against wslay: what one side writes the other reads, and
 * both give the same verdict on what nobody should write.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "codec/ws.h"
#include "support.h"
#include "ws_feed.h"

#define LIMIT 70000

/* Bytes that grow. */
struct bytes {
	uint8_t *p;
	size_t len;
	size_t cap;
};

static void
add(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > b->cap) {
		b->cap = (b->len + len) * 2;
		b->p = realloc(b->p, b->cap);
		ck_assert_ptr_nonnull(b->p);
	}
	if (len > 0)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

/* ---- wslay as a reader ---- */

struct oracle {
	wslay_event_context_ptr ctx;
	const uint8_t *p;
	size_t left;
	struct bytes sent;
	struct ws_log log;
	bool closed;    /* a Close came */
	int error_code; /* the code it would close with, 0: content */
};

static ssize_t
on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags,
    void *arg)
{
	struct oracle *o = arg;
	size_t n = len < o->left ? len : o->left;

	if (n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	memcpy(buf, o->p, n);
	o->p += n;
	o->left -= n;
	return (ssize_t)n;
}

static ssize_t
on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
    void *arg)
{
	struct oracle *o = arg;

	add(&o->sent, data, len);
	return (ssize_t)len;
}

static int
on_genmask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *arg)
{
	static uint64_t seed = 99;

	test_fill(&seed, buf, len);
	return 0;
}

static void
on_message(wslay_event_context_ptr ctx,
    const struct wslay_event_on_msg_recv_arg *m, void *arg)
{
	struct oracle *o = arg;
	int code = 0;

	if (m->opcode == WSLAY_CONNECTION_CLOSE) {
		o->closed = true;
		code = m->status_code != 0 ? m->status_code : 1005;
	}
	ws_log_add(&o->log, m->opcode, code, m->msg, m->msg_length);
}

static void
oracle_init(struct oracle *o, bool is_server)
{
	const struct wslay_event_callbacks callbacks = { .recv_callback =
							     on_recv,
		.send_callback = on_send,
		.genmask_callback = on_genmask,
		.on_msg_recv_callback = on_message };

	*o = (struct oracle){ 0 };
	ck_assert_int_eq(is_server
		? wslay_event_context_server_init(&o->ctx, &callbacks, o)
		: wslay_event_context_client_init(&o->ctx, &callbacks, o),
	    0);
	wslay_event_config_set_max_recv_msg_length(o->ctx, LIMIT);
}

static void
oracle_clear(struct oracle *o)
{
	wslay_event_context_free(o->ctx);
	free(o->sent.p);
	free(o->log.p);
}

static void
oracle_read(struct oracle *o, const void *p, size_t len)
{
	o->p = p;
	o->left = len;
	if (wslay_event_recv(o->ctx) == WSLAY_ERR_CALLBACK_FAILURE) {
		o->error_code = WSLAY_CODE_PROTOCOL_ERROR; /* of its framing */
		return;
	}
	if (wslay_event_want_read(o->ctx) || o->closed)
		return;
	/* It stopped by itself: the Close that it queued says why. */
	o->sent.len = 0;
	ck_assert_int_eq(wslay_event_send(o->ctx), 0);
	o->error_code = wslay_event_get_status_code_sent(o->ctx);
	ck_assert_int_ne(o->error_code, 0);
}

/* ---- honest frames, both ways ---- */

static const size_t lengths[] = { 0, 1, 2, 7, 8, 9, 124, 125, 126, 127, 128,
	4096, 65534, 65535, 65536, 65537, LIMIT };
static void
add_frame(struct bytes *b, const struct rk_ws_header *like, const void *payload,
    size_t len)
{
	struct rk_ws_header h = *like;
	uint8_t head[RK_WS_HEADER_MAX];
	struct rk_writer w;

	h.payload_len = len;
	rk_writer_init(&w, head, sizeof(head));
	ck_assert_int_eq(rk_ws_write_header(&h, &w), RK_OK);
	add(b, head, w.len);
	add(b, payload, len);
	if (h.masked)
		rk_ws_mask(h.mask, 0, b->p + b->len - len, len);
}

START_TEST(wslay_reads_what_we_write)
{
	size_t len = lengths[_i / 2];
	bool masked = _i % 2;
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_BINARY,
		.masked = masked };
	uint8_t *data = malloc(LIMIT);
	struct bytes b = { 0 };
	struct ws_log want = { 0 };
	struct oracle o;
	uint64_t seed = (uint64_t)_i;

	test_fill(&seed, data, LIMIT);
	test_fill(&seed, h.mask, sizeof(h.mask));
	add_frame(&b, &h, data, len);
	ws_log_add(&want, RK_WS_BINARY, 0, data, len);
	/* and in fragments of which the first is empty, with a ping */
	h.fin = false;
	add_frame(&b, &h, data, 0);
	h.opcode = RK_WS_CONTINUATION;
	add_frame(&b, &h, data, len / 2);
	h.fin = true;
	h.opcode = RK_WS_PING;
	add_frame(&b, &h, data, len < RK_WS_CONTROL_MAX ? len : 125);
	ws_log_add(&want, RK_WS_PING, 0, data, len < 125 ? len : 125);
	h.opcode = RK_WS_CONTINUATION;
	add_frame(&b, &h, data + len / 2, len - len / 2);
	ws_log_add(&want, RK_WS_BINARY, 0, data, len);

	oracle_init(&o, masked);
	oracle_read(&o, b.p, b.len);
	ck_assert_int_eq(o.error_code, 0);
	ck_assert_bytes(o.log.p, o.log.len, want.p, want.len);
	oracle_clear(&o);
	free(b.p);
	free(data);
	free(want.p);
}
END_TEST

struct source {
	const uint8_t *p;
	size_t left;
	size_t piece;
};

static ssize_t
on_fragment(wslay_event_context_ptr ctx, uint8_t *buf, size_t len,
    const union wslay_event_msg_source *source, int *eof, void *arg)
{
	struct source *s = source->data;
	size_t n = len < s->left ? len : s->left;

	if (n > s->piece)
		n = s->piece;
	memcpy(buf, s->p, n);
	s->p += n;
	s->left -= n;
	*eof = s->left == 0;
	return (ssize_t)n;
}

/* Let wslay write a message, one in fragments, and controls. */
static void
let_it_write(struct oracle *o, const uint8_t *data, size_t len,
    struct ws_log *want)
{
	const struct wslay_event_msg whole = { WSLAY_BINARY_FRAME, data, len };
	const struct wslay_event_msg ping = { WSLAY_PING, data,
		len < 125 ? len : 125 };
	struct source source = { data, len, len / 3 + 1 };
	const struct wslay_event_fragmented_msg pieces = { WSLAY_BINARY_FRAME,
		{ .data = &source }, on_fragment };

	ck_assert_int_eq(wslay_event_queue_msg(o->ctx, &whole), 0);
	ck_assert_int_eq(wslay_event_queue_fragmented_msg(o->ctx, &pieces), 0);
	ck_assert_int_eq(wslay_event_send(o->ctx), 0);
	ws_log_add(want, RK_WS_BINARY, 0, data, len);
	ws_log_add(want, RK_WS_BINARY, 0, data, len);
	ck_assert_int_eq(wslay_event_queue_msg(o->ctx, &ping), 0);
	ck_assert_int_eq(wslay_event_send(o->ctx), 0);
	ws_log_add(want, RK_WS_PING, 0, data, ping.msg_length);
	ck_assert_int_eq(wslay_event_queue_close(o->ctx, 3000,
			     (const uint8_t *)"end", 3),
	    0);
	ck_assert_int_eq(wslay_event_send(o->ctx), 0);
	ws_log_add(want, RK_WS_CLOSE, 3000,
	    "\x0b\xb8"
	    "end",
	    5);
}

START_TEST(we_read_what_wslay_writes)
{
	size_t len = lengths[_i / 2];
	bool from_client = _i % 2;
	uint8_t *data = malloc(LIMIT);
	struct ws_log want = { 0 };
	struct oracle o;
	struct ws_feed f;
	uint64_t seed = (uint64_t)_i;

	test_fill(&seed, data, LIMIT);
	oracle_init(&o, !from_client);
	let_it_write(&o, data, len, &want);
	ws_feed_init(&f, from_client, LIMIT, LIMIT);
	ws_feed_pieces(&f, o.sent.p, o.sent.len, 1000);
	ck_assert(f.closed);
	ck_assert_bytes(f.log.p, f.log.len, want.p, want.len);
	ws_feed_clear(&f);
	oracle_clear(&o);
	free(data);
	free(want.p);
}
END_TEST

/* ---- sequences that may be wrong ---- */

static unsigned
pick(uint64_t *seed, unsigned n)
{
	return (unsigned)(test_random(seed) % n);
}

static uint8_t
pick_opcode(uint64_t *seed, bool *open, bool *fin)
{
	static const uint8_t controls[] = { RK_WS_PING, RK_WS_PONG };
	uint8_t opcode;

	if (pick(seed, 4) == 0) {
		*fin = true;
		return controls[pick(seed, 2)];
	}
	*fin = pick(seed, 2) != 0;
	opcode = *open           ? RK_WS_CONTINUATION
	    : pick(seed, 3) == 0 ? RK_WS_TEXT
				 : RK_WS_BINARY;
	*open = !*fin;
	return opcode;
}

static void
add_random_frame(struct bytes *b, uint64_t *seed, bool masked, bool *open)
{
	static const size_t some[] = { 0, 1, 2, 5, 20, 124, 125 };
	static const size_t more[] = { 126, 127, 300, 65535, 65536 };
	static const char letters[] = "abc \xc3\xa9\xe2\x82\xac";
	uint8_t *payload = malloc(LIMIT);
	struct rk_ws_header h = { .masked = masked };
	size_t len;

	h.opcode = pick_opcode(seed, open, &h.fin);
	len = some[pick(seed, 7)];
	if (h.opcode < RK_WS_CLOSE && pick(seed, 8) == 0)
		len = more[pick(seed, 5)];
	for (size_t i = 0; i < len; i++) /* ASCII, so that texts can pass */
		payload[i] = (uint8_t)letters[pick(seed, 4)];
	if (len > 5 && pick(seed, 3) == 0)
		memcpy(payload, letters + 4, 5);
	test_fill(seed, h.mask, sizeof(h.mask));
	add_frame(b, &h, payload, len);
	free(payload);
}

static void
add_random_close(struct bytes *b, uint64_t *seed, bool masked)
{
	static const int codes[] = { 999, 1000, 1003, 1004, 1005, 1006, 1007,
		1011, 1012, 1015, 1016, 2999, 3000, 4999, 5000 };
	struct rk_ws_header h = { .fin = true,
		.opcode = RK_WS_CLOSE,
		.masked = masked };
	int code = codes[pick(seed, 15)];
	uint8_t payload[8] = { (uint8_t)(code >> 8), (uint8_t)code, 'a', 0xc3,
		0xa9, 0xff };

	add_frame(b, &h, payload, pick(seed, 7));
}

/* Some frames, and some damage to their first bytes. */
static struct bytes
random_sequence(uint64_t *seed, bool masked)
{
	struct bytes b = { 0 };
	bool open = false;
	unsigned frames = 1 + pick(seed, 6);
	size_t begins[8];

	for (unsigned i = 0; i < frames; i++) {
		begins[i] = b.len;
		add_random_frame(&b, seed, masked, &open);
	}
	if (pick(seed, 3) == 0)
		add_random_close(&b, seed, masked);
	for (unsigned hits = pick(seed, 4); hits > 0; hits--) {
		size_t at = begins[pick(seed, frames)] + pick(seed, 12);

		if (at < b.len)
			b.p[at] ^= (uint8_t)(1 << pick(seed, 8));
	}
	if (pick(seed, 4) == 0)
		b.len = pick(seed, (unsigned)b.len + 1);
	return b;
}

/* The header of the frame that our reader stands at, as far as it is there;
 * false if there is none. */
static bool
pending(const struct ws_feed *f, struct rk_ws_header *h, size_t *available)
{
	*available = f->len - f->reader.assembled;
	rk_ws_parse_header(f->buf + f->reader.assembled, *available, h);
	return *available > 0;
}

/*
 * wslay looks at text as it comes in, before the message is whole and before
 * the code of a Close: it stops earlier, or for another reason.
 */
static bool
stopped_at_text(const struct ws_feed *f, const struct oracle *o)
{
	struct rk_ws_header h;
	size_t available;
	bool text = (f->reader.open && f->reader.opcode == RK_WS_TEXT) ||
	    f->err == RK_ERR_UTF8 || f->err == RK_ERR_WS_CLOSE;

	if (pending(f, &h, &available))
		text =
		    text || h.opcode == RK_WS_TEXT || h.opcode == RK_WS_CLOSE;
	return text && o->error_code == WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA &&
	    o->log.len <= f->log.len &&
	    (o->log.len == 0 || memcmp(o->log.p, f->log.p, o->log.len) == 0);
}

/*
 * Where the two may differ else: wslay takes the close codes 1012 to 1014,
 * registered after the RFC, for reserved; it takes a Close of one byte for
 * one without a code; it judges a header only with the first byte of the
 * payload.
 */
static bool
may_differ(const struct ws_feed *f, const struct oracle *o)
{
	struct rk_ws_header h;
	size_t available;

	if (f->closed)
		return f->last.close_code >= 1012 && f->last.close_code <= 1014;
	if (f->err == RK_ERR_AGAIN || !pending(f, &h, &available))
		return false;
	if (f->err == RK_ERR_WS_CLOSE && h.payload_len == 1)
		return true;
	return o->error_code == 0 &&
	    available < h.header_len + (h.payload_len > 0);
}

/* The code that RFC 6455 section 7.4.1 has for each of our errors. */
static int
code_for(int err)
{
	switch (err) {
	case RK_ERR_UTF8:
		return WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA;
	case RK_ERR_TOO_LONG:
		return WSLAY_CODE_MESSAGE_TOO_BIG;
	case RK_OK:
	case RK_ERR_AGAIN:
		return 0;
	default:
		return WSLAY_CODE_PROTOCOL_ERROR;
	}
}

static bool
same(const struct ws_feed *f, const struct oracle *o)
{
	return code_for(f->err) == o->error_code && f->closed == o->closed &&
	    f->log.len == o->log.len &&
	    (f->log.len == 0 || memcmp(f->log.p, o->log.p, f->log.len) == 0);
}

struct tally {
	unsigned good;
	unsigned bad;
	unsigned text;
	unsigned excused;
};

static void
compare_once(uint64_t *seed, bool masked, struct tally *t)
{
	struct bytes b = random_sequence(seed, masked);
	struct ws_feed f;
	struct oracle o;

	ws_feed_init(&f, masked, LIMIT, LIMIT);
	ws_feed_pieces(&f, b.p, b.len, 1 + pick(seed, 5000));
	oracle_init(&o, masked);
	oracle_read(&o, b.p, b.len);
	if (!same(&f, &o) && stopped_at_text(&f, &o)) {
		t->text++;
	} else if (!same(&f, &o) && may_differ(&f, &o)) {
		t->excused++;
	} else {
		ck_assert_bytes(f.log.p, f.log.len, o.log.p, o.log.len);
		ck_assert_int_eq(code_for(f.err), o.error_code);
		ck_assert_int_eq(f.closed, o.closed);
		t->good += o.error_code == 0;
		t->bad += o.error_code != 0;
	}
	oracle_clear(&o);
	ws_feed_clear(&f);
	free(b.p);
}

START_TEST(both_judge_alike)
{
	uint64_t seed = (uint64_t)_i;
	struct tally t = { 0 };

	for (int round = 0; round < 2000; round++)
		compare_once(&seed, _i % 2, &t);
	/* The test is about something. */
	ck_assert_uint_gt(t.good, 300);
	ck_assert_uint_gt(t.bad, 300);
	ck_assert_uint_lt(t.text, 200);
	ck_assert_uint_lt(t.excused, 100);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("ws against wslay");
	TCase *tc = tcase_create("oracle");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, wslay_reads_what_we_write, 0,
	    NROWS(lengths) * 2);
	tcase_add_loop_test(tc, we_read_what_wslay_writes, 0,
	    NROWS(lengths) * 2);
	tcase_add_loop_test(tc, both_judge_alike, 0, 6);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
