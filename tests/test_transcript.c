/* Events, their text and their JSON. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "codec/ws.h"
#include "support.h"
#include "transcript/transcript_json.h"
#include "transcript/transcript_text.h"

#define KEY_B "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"

static const struct transcript_json_options plain = { 64, true };

static struct transcript *
new_transcript(void)
{
	struct transcript *t = transcript_new();

	transcript_add_conn(t, "A");
	return t;
}

/* A frame of the default dialect; |payload| in hex. */
static struct event
frame(uint32_t type, const char *payload)
{
	struct event e = {
		.kind = EVENT_FRAME,
		.dialect = rk_dialects()[0],
		.type = type,
	};
	const uint8_t *p = hex(payload, &e.len);

	/* The transcript copies it and does not change it. */
	e.bytes = e.len > 0 ? (uint8_t *)(uintptr_t)p : NULL;
	return e;
}

static struct event
text_event(enum event_kind kind, const char *text)
{
	return (struct event){ .kind = kind, .text = (char *)(uintptr_t)text };
}

static struct event
byte_event(enum event_kind kind, const char *bytes)
{
	struct event e = { .kind = kind };

	e.bytes = (uint8_t *)(uintptr_t)hex(bytes, &e.len);
	return e;
}

/* ---- how much it holds ---- */

/* Whatever the room: the first and the last event stay, a remark says how much
 * was between them, and more can be added. */
START_TEST(the_middle_is_left_out_for_want_of_room)
{
	static const size_t rooms[] = { 0, 2000, 20000, 100000, 1000000 };

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct transcript *t = new_transcript();
		struct event e = byte_event(EVENT_BYTES, "00112233");
		size_t before, left, bytes, nth = 0;

		for (int n = 0; n < 1000; n++) {
			e.line = n + 1;
			transcript_add(t, &e);
		}
		before = transcript_size(t);
		transcript_cut(t, rooms[i]);
		if (rooms[i] >= before) {
			ck_assert_uint_eq(t->nevents, 1000);
			transcript_free(t);
			continue;
		}
		ck_assert_uint_le(transcript_size(t), rooms[i] + 1000);
		ck_assert_uint_ge(2 * transcript_size(t), rooms[i]);
		while (t->events[nth].kind != EVENT_REMARK)
			nth++;
		ck_assert_int_eq(sscanf(t->events[nth].text,
				     "%zu events with %zu bytes are left out",
				     &left, &bytes),
		    2);
		ck_assert_uint_eq(left + t->nevents - 1, 1000);
		ck_assert_uint_eq(bytes, 4 * left);
		ck_assert_int_eq(t->events[0].line, 1);
		ck_assert_int_eq(t->events[t->nevents - 1].line, 1000);
		for (int n = 0; n < 100; n++)
			transcript_add(t, &e);
		ck_assert_int_eq(t->events[t->nevents - 1].line, 1000);
		transcript_free(t);
	}
}
END_TEST

/* ---- JSON ---- */

static void
assert_json(struct event e, const char *want)
{
	struct transcript *t = new_transcript();
	struct event *kept = transcript_add(t, &e);
	json_t *j = event_to_json(t, kept, 3, &plain);
	char *got = json_dumps(j, JSON_COMPACT);

	ck_assert_str_eq(got, want);
	free(got);
	json_decref(j);
	transcript_free(t);
}

START_TEST(frames_as_json)
{
	struct event e;

	assert_json(frame(0x0c, "0102030405060708"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"Ping\",\"len\":8,"
	    "\"data\":\"0102030405060708\"}");
	/* SHA-256 of "hi" begins with 8f434346648f6b96. */
	assert_json(frame(0x04, KEY_B "6869"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"SendPacket\","
	    "\"len\":34,\"key\":\"" KEY_B "\",\"data_len\":2,"
	    "\"sha256_8\":\"8f434346648f6b96\",\"data\":\"6869\"}");
	assert_json(frame(0x07, "01"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"NotePreferred\","
	    "\"len\":1,\"data\":\"01\"}");
	assert_json(frame(0x06, ""),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"KeepAlive\","
	    "\"len\":0}");
	e = frame(0x0f, "0000000a00000014");
	e.dir = DIR_S2C;
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"s2c\",\"n\":3,\"what\":\"Restarting\","
	    "\"len\":8,\"reconnect_in_ms\":10,\"try_for_ms\":20}");
	assert_json(frame(0x0e, "6f6f7073"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"Health\","
	    "\"len\":4,\"text\":\"oops\"}");
	e = frame(0x10, "ff");
	e.error = RK_ERR_UNKNOWN_TYPE;
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"unknown 0x10\","
	    "\"len\":1,\"data\":\"ff\",\"error\":\"unknown frame type\"}");
}
END_TEST

START_TEST(a_frame_of_the_wrong_length_is_still_named)
{
	struct event e = frame(0x08, KEY_B "01");

	e.error = RK_ERR_LENGTH;
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"PeerGone\","
	    "\"len\":33,\"key\":\"" KEY_B "\",\"error\":\"wrong length\"}");
	e = frame(0x0f, "0000000a00");
	e.error = RK_ERR_LENGTH;
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"Restarting\","
	    "\"len\":5,\"reconnect_in_ms\":10,\"try_for_ms\":\"00\","
	    "\"error\":\"wrong length\"}");
}
END_TEST

START_TEST(other_events_as_json)
{
	struct event e = byte_event(EVENT_HTTP, "4745");

	e.text = (char *)(uintptr_t) "GET /relay HTTP/1.1";
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"http\","
	    "\"line\":\"GET /relay HTTP/1.1\"}");
	assert_json(byte_event(EVENT_BODY, "4142"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"body\","
	    "\"len\":2,\"data\":\"4142\"}");
	assert_json(byte_event(EVENT_REST, "0e00100001"),
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"rest\","
	    "\"len\":5,\"data\":\"0e00100001\"}");
	e = byte_event(EVENT_WS, "0102");
	e.opcode = RK_WS_PING;
	assert_json(e,
	    "{\"conn\":0,\"dir\":\"c2s\",\"n\":3,\"what\":\"ws opcode 9\","
	    "\"len\":2,\"data\":\"0102\"}");
	assert_json((struct event){ .kind = EVENT_GAP, .len = 38 },
	    "{\"conn\":0,\"dir\":\"c2s\",\"what\":\"gap\",\"len\":38}");
	assert_json((struct event){ .kind = EVENT_OPAQUE, .len = 99 },
	    "{\"conn\":0,\"dir\":\"c2s\",\"what\":\"opaque\",\"len\":99}");
	assert_json((struct event){ .kind = EVENT_ENDED,
			.ending = ENDING_RESET },
	    "{\"conn\":0,\"dir\":\"c2s\",\"what\":\"ended\","
	    "\"end\":\"reset\"}");
	assert_json(text_event(EVENT_OPENED, "a > b"),
	    "{\"conn\":0,\"what\":\"opened\",\"text\":\"a > b\"}");
	e = text_event(EVENT_REMARK, "damaged");
	e.conn = TRANSCRIPT_NO_CONN;
	assert_json(e, "{\"what\":\"remark\",\"text\":\"damaged\"}");
}
END_TEST

START_TEST(the_data_of_a_packet_is_cut_and_nothing_else)
{
	struct transcript_json_options o = { .snap = 1, .no_time = true };
	struct transcript *t = new_transcript();
	struct event e = frame(0x04, KEY_B "68696a");
	json_t *j;

	j = event_to_json(t, transcript_add(t, &e), 0, &o);
	ck_assert_str_eq(json_string_value(json_object_get(j, "data")), "68");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "data_len")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(j, "key")), KEY_B);
	json_decref(j);
	e = frame(0x0c, "0102030405060708");
	j = event_to_json(t, transcript_add(t, &e), 0, &o);
	ck_assert_str_eq(json_string_value(json_object_get(j, "data")),
	    "0102030405060708");
	json_decref(j);
	transcript_free(t);
}
END_TEST

START_TEST(cut_text_keeps_whole_characters)
{
	struct transcript_json_options o = { .snap = 4, .no_time = true };
	struct transcript *t = new_transcript();
	/* "a", U+1F511, "b" */
	struct event e = frame(0x0e, "61f09f949162");
	json_t *j = event_to_json(t, transcript_add(t, &e), 0, &o);

	ck_assert_str_eq(json_string_value(json_object_get(j, "text")), "a");
	json_decref(j);
	transcript_free(t);
}
END_TEST

START_TEST(items_of_a_packet_are_listed_with_their_lengths)
{
	static const size_t lens[] = { 1, 255, 256, 4660 };
	uint8_t buf[RK_KEY_LEN + 4 * 2 + 1 + 255 + 256 + 4660];
	struct transcript *t = new_transcript();
	struct event e = {
		.kind = EVENT_FRAME,
		.dialect = rk_dialects()[0],
		.type = 0x05,
		.bytes = buf,
		.len = sizeof(buf),
	};
	struct rk_writer w;
	json_t *j, *items;

	rk_writer_init(&w, buf, sizeof(buf));
	memset(buf, 0, sizeof(buf));
	w.len = RK_KEY_LEN;
	for (size_t i = 0; i < 4; i++) {
		rk_write_u16le(&w, (uint16_t)lens[i]);
		w.len += lens[i];
	}
	ck_assert_uint_eq(w.len, sizeof(buf));
	j = event_to_json(t, transcript_add(t, &e), 0, &plain);
	items = json_object_get(j, "items");
	ck_assert_uint_eq(json_array_size(items), 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(json_integer_value(json_array_get(items, i)),
		    lens[i]);
	json_decref(j);
	transcript_free(t);
}
END_TEST

START_TEST(time_and_packet_stand_first_unless_left_out)
{
	struct transcript_json_options o = { .snap = 64 };
	struct transcript *t = new_transcript();
	struct event e = { .kind = EVENT_GAP, .len = 1 };
	char *line;

	e.time_ns = 1500 * NS_PER_MS + 1;
	e.packet = 7;
	line = event_to_json_line(t, transcript_add(t, &e), 0, &o);
	ck_assert_str_eq(line,
	    "{\"t\":1.500000001,\"packet\":7,\"conn\":0,\"dir\":\"c2s\","
	    "\"what\":\"gap\",\"len\":1}\n");
	free(line);
	transcript_free(t);
}
END_TEST

/* ---- the full form ---- */

static void
assert_same_event(const struct event *a, const struct event *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert_int_eq(a->dir, b->dir);
	ck_assert_int_eq(a->conn, b->conn);
	ck_assert_int_eq(a->time_ns, b->time_ns);
	ck_assert_uint_eq(a->packet, b->packet);
	ck_assert_int_eq(a->line, b->line);
	ck_assert_uint_eq(a->len, b->len);
	ck_assert((a->bytes == NULL) == (b->bytes == NULL));
	if (a->bytes != NULL)
		ck_assert_bytes(a->bytes, a->len, b->bytes, b->len);
	ck_assert_pstr_eq(a->text, b->text);
	ck_assert_ptr_eq(a->dialect, b->dialect);
	ck_assert_uint_eq(a->type, b->type);
	ck_assert_int_eq(a->error, b->error);
	ck_assert_uint_eq(a->opcode, b->opcode);
	ck_assert_int_eq(a->ending, b->ending);
}

static struct event
random_event(uint64_t *seed, int nconns)
{
	static uint8_t bytes[300];
	static const char *const texts[] = { NULL, "", "plain", "x\n\"\\\x7f",
		"\xf0\x9f\x94\x91", "\x01\x1f" };
	static const int errors[] = { RK_OK, RK_ERR_LENGTH, RK_ERR_WS_CLOSE,
		RK_ERR_AGAIN };
	struct event e = { 0 };

	e.kind = (enum event_kind)(test_random(seed) % EVENT_NKINDS);
	e.dir = (enum direction)(test_random(seed) % 2);
	e.conn = (int)(test_random(seed) % (uint64_t)nconns);
	if (e.kind == EVENT_REMARK && test_random(seed) % 2 == 0)
		e.conn = TRANSCRIPT_NO_CONN;
	e.time_ns = (int64_t)test_random(seed);
	e.packet = test_random(seed) >> 1;
	e.line = (int)(test_random(seed) % 1000);
	test_fill(seed, bytes, sizeof(bytes));
	e.len = test_random(seed) % sizeof(bytes);
	if (e.kind == EVENT_GAP || e.kind == EVENT_OPAQUE)
		e.len = test_random(seed) >> 2;
	else if (e.len > 0)
		e.bytes = bytes;
	e.text = (char *)(uintptr_t)texts[test_random(seed) % 6];
	if (e.kind == EVENT_FRAME || test_random(seed) % 2 == 0)
		e.dialect = rk_dialects()[0];
	e.type = (uint32_t)test_random(seed) % 0x20;
	e.error = errors[test_random(seed) % 4];
	e.opcode = (uint8_t)test_random(seed);
	e.ending = (enum ending)(test_random(seed) % ENDING_NKINDS);
	return e;
}

START_TEST(the_full_form_can_be_read_back)
{
	struct transcript *t = new_transcript(), *u = transcript_new();
	uint64_t seed = 7;
	char err[128];

	transcript_add_conn(t, "B");
	for (int i = 0; i < 500; i++) {
		struct event e = random_event(&seed, 2);
		json_t *j = event_to_json_full(t, transcript_add(t, &e));
		/* Through text, as in a file. */
		char *text = json_dumps(j, JSON_COMPACT);
		json_t *back = json_loads(text, 0, NULL);

		ck_assert_ptr_nonnull(back);
		ck_assert_msg(event_from_json(u, back, err, sizeof(err)) == 0,
		    "%s: %s", err, text);
		json_decref(back);
		json_decref(j);
		free(text);
	}
	ck_assert_uint_eq(u->nevents, t->nevents);
	for (size_t i = 0; i < t->nevents; i++)
		assert_same_event(&t->events[i], &u->events[i]);
	ck_assert_uint_eq(u->nconns, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_str_eq(u->conns[i].name, t->conns[i].name);
		ck_assert_mem_eq(u->conns[i].count, t->conns[i].count,
		    sizeof(t->conns[i].count));
	}
	transcript_free(t);
	transcript_free(u);
}
END_TEST

static const struct {
	const char *member;
	const char *value; /* NULL: taken out */
} spoiled[] = {
	{ "kind", NULL },
	{ "kind", "\"framed\"" },
	{ "kind", "5" },
	{ "dir", "\"up\"" },
	{ "conn", "-2" },
	{ "conn", "65536" },
	{ "conn", "\"A\"" },
	{ "conn", NULL },
	{ "time_ns", "1.5" },
	{ "packet", "-1" },
	{ "script_line", "4294967296" },
	{ "len", "7" },
	{ "len", "-1" },
	{ "raw", "\"010203040506070\"" },
	{ "raw", "\"zz02030405060708\"" },
	{ "raw", NULL },
	{ "dialect", NULL },
	{ "dialect", "\"irc\"" },
	{ "type", "4294967296" },
	{ "error_code", "\"RK_ERR_NONE\"" },
	{ "opcode", "256" },
	{ "end", "\"bored\"" },
};

START_TEST(a_wrong_member_is_named)
{
	struct transcript *t = new_transcript(), *u = transcript_new();
	struct event e = frame(0x0c, "0102030405060708");
	json_t *j = event_to_json_full(t, transcript_add(t, &e));
	const char *member = spoiled[_i].member;
	char err[128] = "";

	if (spoiled[_i].value == NULL)
		json_object_del(j, member);
	else
		json_object_set_new(j, member,
		    json_loads(spoiled[_i].value, JSON_DECODE_ANY, NULL));
	ck_assert_int_eq(event_from_json(u, j, err, sizeof(err)), -1);
	/* A wrong length shows in the bytes. */
	ck_assert_msg(strstr(err, member) != NULL || strstr(err, "raw") != NULL,
	    "%s: %s", member, err);
	ck_assert_uint_eq(u->nevents, 0);
	json_decref(j);
	transcript_free(t);
	transcript_free(u);
}
END_TEST

/* ---- text ---- */

static void
assert_text(struct event e, const struct transcript_text_options *o,
    const char *want)
{
	struct transcript *t = new_transcript();
	struct text out;

	text_init(&out);
	event_to_text(t, transcript_add(t, &e), o, &out);
	ck_assert_str_eq(text_str(&out), want);
	text_clear(&out);
	transcript_free(t);
}

START_TEST(events_as_text)
{
	struct transcript_text_options o = { .snap = 64 };
	struct event e = frame(0x0c, "0102030405060708");

	e.time_ns = 1234567891;
	e.packet = 12;
	assert_text(e, &o, "    1.234567 A  ──▶ Ping 0102030405060708\n");
	o.ascii = true;
	o.packet = true;
	o.indent = "| ";
	e.dir = DIR_S2C;
	assert_text(e, &o,
	    "|     12     1.234567 A  <-- Ping 0102030405060708\n");
	o = (struct transcript_text_options){ .snap = 2, .ascii = true };
	assert_text(frame(0x05, KEY_B "68696a"), &o,
	    "    0.000000 A  --> RecvPacket from 8139770ea87d... 3 bytes "
	    "6869...\n");
	e = frame(0x0c, "01");
	e.error = RK_ERR_LENGTH;
	assert_text(e, &o,
	    "    0.000000 A  --> Ping 01 (7 bytes too few)  ! wrong length\n");
	e = byte_event(EVENT_WS, "03e86279");
	e.opcode = RK_WS_CLOSE;
	assert_text(e, &o,
	    "    0.000000 A  --> ws close 1000 4 bytes 03e8...\n");
	assert_text((struct event){ .kind = EVENT_GAP, .len = 1 }, &o,
	    "    0.000000 A  --> gap: 1 byte missing\n");
	assert_text((struct event){ .kind = EVENT_ENDED,
			.ending = ENDING_TRUNCATED },
	    &o, "    0.000000 A  --> ended truncated\n");
	e = text_event(EVENT_REMARK, "packet 3: x");
	e.conn = TRANSCRIPT_NO_CONN;
	assert_text(e, &o, "    0.000000 -      remark: packet 3: x\n");
}
END_TEST

static bool
is_harmless(const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		/* 0xc2 0x80 … 0xc2 0x9f are control characters as well. */
		if ((c < 0x20 && c != '\n') || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)s[1] < 0xa0))
			return false;
	}
	return true;
}

START_TEST(no_event_can_steer_a_terminal)
{
	static const char evil[] = "\x1b[2J\x9b\x7f\r\xc2\x9b\b";
	struct transcript_text_options o = { .snap = 64 };
	struct transcript_json_options jo = { .snap = 64 };
	struct transcript *t = new_transcript();
	struct text out;

	text_init(&out);
	for (int kind = 0; kind < EVENT_NKINDS; kind++) {
		for (uint32_t type = 0; type < 0x20; type++) {
			struct event e = {
				.kind = (enum event_kind)kind,
				.dialect = rk_dialects()[0],
				.type = type,
				.opcode = (uint8_t)type,
				.bytes = (uint8_t *)(uintptr_t)evil,
				.len = sizeof(evil) - 1,
				.text = (char *)(uintptr_t)evil,
			};
			const struct event *kept = transcript_add(t, &e);
			char *line = event_to_json_line(t, kept, 0, &jo);

			text_reset(&out);
			event_to_text(t, kept, &o, &out);
			ck_assert_msg(is_harmless(text_str(&out)), "%s",
			    event_what(kept));
			ck_assert_msg(is_harmless(line), "%s", line);
			/* One line, and it is JSON. */
			ck_assert_ptr_eq(strchr(line, '\n'),
			    line + strlen(line) - 1);
			json_decref(json_loads(line, 0, NULL));
			free(line);
		}
	}
	text_clear(&out);
	transcript_free(t);
}
END_TEST

/* ---- the list ---- */

struct seen {
	uint64_t n[4];
	size_t count;
};

static void
note_n(void *arg, struct transcript *t, struct event *e)
{
	struct seen *s = arg;

	s->n[s->count++] = t->conns[e->conn].count[e->dir];
}

START_TEST(events_are_counted_by_connection_and_direction)
{
	struct transcript *t = new_transcript();
	struct seen s = { .count = 0 };
	struct event e = frame(0x06, "");

	t->on_event = note_n;
	t->arg = &s;
	t->streaming = true;
	ck_assert_ptr_null(transcript_add(t, &e));
	e.dir = DIR_S2C;
	transcript_add(t, &e);
	e = (struct event){ .kind = EVENT_GAP };
	transcript_add(t, &e); /* is not counted */
	e = frame(0x06, "");
	transcript_add(t, &e);
	ck_assert_uint_eq(s.n[0], 0);
	ck_assert_uint_eq(s.n[1], 0);
	ck_assert_uint_eq(s.n[2], 1);
	ck_assert_uint_eq(s.n[3], 1);
	ck_assert_uint_eq(t->nevents, 0);
	transcript_free(t);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("transcript");
	TCase *tc = tcase_create("transcript");

	rk_keys_init();
	tcase_add_test(tc, the_middle_is_left_out_for_want_of_room);
	tcase_add_test(tc, frames_as_json);
	tcase_add_test(tc, a_frame_of_the_wrong_length_is_still_named);
	tcase_add_test(tc, other_events_as_json);
	tcase_add_test(tc, the_data_of_a_packet_is_cut_and_nothing_else);
	tcase_add_test(tc, cut_text_keeps_whole_characters);
	tcase_add_test(tc, items_of_a_packet_are_listed_with_their_lengths);
	tcase_add_test(tc, time_and_packet_stand_first_unless_left_out);
	tcase_add_test(tc, the_full_form_can_be_read_back);
	tcase_add_rows(tc, a_wrong_member_is_named, spoiled);
	tcase_add_test(tc, events_as_text);
	tcase_add_test(tc, no_event_can_steer_a_terminal);
	tcase_add_test(tc, events_are_counted_by_connection_and_direction);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
