/* The table of dialects: what must hold for each row, and the numbers of
 * iroh-v3 written down a second time, from the specification. */
#include "config.h"

#include <string.h>

#include "codec/keys.h"
#include "codec/login.h"
#include "support.h"

static const struct rk_dialect *
v3(void)
{
	const struct rk_dialect *d = rk_dialect_by_id("iroh-v3");

	ck_assert_ptr_nonnull(d);
	return d;
}

START_TEST(dialects_are_found_by_id_and_the_first_is_iroh_v3)
{
	const struct rk_dialect *const *all = rk_dialects();

	ck_assert_ptr_nonnull(all[0]);
	ck_assert_str_eq(all[0]->id, "iroh-v3");
	for (size_t i = 0; all[i] != NULL; i++)
		ck_assert_ptr_eq(rk_dialect_by_id(all[i]->id), all[i]);
	ck_assert_ptr_null(rk_dialect_by_id("iroh-v4"));
	ck_assert_ptr_null(rk_dialect_by_id("IROH-V3"));
	ck_assert_ptr_null(rk_dialect_by_id(""));
}
END_TEST

static void
check_fields(const struct rk_dialect *d, const struct rk_frame_spec *s)
{
	size_t n = rk_frame_spec_nfields(s), fixed = 0;

	for (size_t i = 0; i < n; i++) {
		const struct rk_field_spec *f = &s->field[i];

		ck_assert_int_eq(rk_frame_spec_field(s, f->name), (int)i);
		/* Only the last may be "the rest". */
		ck_assert(f->len > 0 || i == n - 1);
		ck_assert((f->type == RK_FIELD_MAGIC) == (f->magic != NULL));
		if (f->type == RK_FIELD_KEY)
			ck_assert_uint_eq(f->len, d->key_len);
		if (f->type == RK_FIELD_UINT)
			ck_assert(f->len == 1 || f->len == 2 || f->len == 4 ||
			    f->len == 8);
		fixed += f->len;
	}
	/* A frame of legal length has all its fields. */
	ck_assert_uint_ge(s->min, fixed);
	ck_assert_uint_ge(s->max, s->min);
	ck_assert(s->over_max == RK_ERR_LENGTH || s->over_max == RK_ERR_PACKET);
	ck_assert_int_eq(rk_frame_spec_field(s, "no such field"), -1);
}

START_TEST(frame_tables_are_consistent)
{
	for (size_t k = 0; rk_dialects()[k] != NULL; k++) {
		const struct rk_dialect *d = rk_dialects()[k];
		const struct rk_frame_spec *s;

		for (s = d->frames; s->name != NULL; s++) {
			/* unique in each of the three */
			ck_assert_ptr_eq(rk_frame_spec_by_type(d, s->type), s);
			ck_assert_ptr_eq(rk_frame_spec_by_kind(d, s->kind), s);
			ck_assert_ptr_eq(rk_frame_spec_by_name(d, s->name), s);
			ck_assert(
			    s->kind > RK_FRAME_UNKNOWN && s->kind < RK_NFRAMES);
			ck_assert(s->lane < RK_NLANES);
			ck_assert(
			    (s->sender & ~RK_FROM_BOTH) == 0 && s->sender != 0);
			check_fields(d, s);
		}
		ck_assert_ptr_nonnull(d->login);
		ck_assert_ptr_nonnull(d->http.paths[0]);
		ck_assert_ptr_null(rk_frame_spec_by_kind(d, RK_FRAME_UNKNOWN));
		ck_assert_ptr_null(rk_frame_spec_by_name(d, "NoSuchFrame"));
	}
}
END_TEST

/* Section 2.3. */
static const struct {
	uint32_t type;
	const char *name;
	const char *alias;
	enum rk_sender sender;
	enum rk_lane lane;
	size_t min, max;
} v3_frames[] = {
	{ 0x02, "ClientInfo", NULL, RK_FROM_CLIENT, RK_LANE_LOGIN, 105,
	    SIZE_MAX },
	{ 0x04, "SendPacket", "Send", RK_FROM_CLIENT, RK_LANE_DATA, 32, 65568 },
	{ 0x05, "RecvPacket", "Recv", RK_FROM_SERVER, RK_LANE_DATA, 32, 65568 },
	{ 0x06, "KeepAlive", NULL, RK_FROM_SERVER, RK_LANE_LIVENESS, 0, 0 },
	{ 0x07, "NotePreferred", NULL, RK_FROM_CLIENT, RK_LANE_NOTICE, 1, 1 },
	{ 0x08, "PeerGone", "Gone", RK_FROM_SERVER, RK_LANE_GONE, 32, 32 },
	{ 0x0c, "Ping", "Ping", RK_FROM_BOTH, RK_LANE_LIVENESS, 8, 8 },
	{ 0x0d, "Pong", "Pong", RK_FROM_BOTH, RK_LANE_PONG, 8, 8 },
	{ 0x0e, "Health", NULL, RK_FROM_SERVER, RK_LANE_NOTICE, 0, SIZE_MAX },
	{ 0x0f, "Restarting", NULL, RK_FROM_SERVER, RK_LANE_NOTICE, 8, 8 },
};

START_TEST(v3_frame_is_as_specified)
{
	const struct rk_frame_spec *s =
	    rk_frame_spec_by_type(v3(), v3_frames[_i].type);

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s->name, v3_frames[_i].name);
	ck_assert_int_eq(s->sender, v3_frames[_i].sender);
	ck_assert_int_eq(s->lane, v3_frames[_i].lane);
	ck_assert_uint_eq(s->min, v3_frames[_i].min);
	ck_assert_uint_eq(s->max, v3_frames[_i].max);
	if (v3_frames[_i].alias != NULL)
		ck_assert_ptr_eq(rk_frame_spec_by_name(v3(),
				     v3_frames[_i].alias),
		    s);
}
END_TEST

START_TEST(v3_has_no_other_types)
{
	size_t n = 0;

	for (uint32_t type = 0; type < 0x200; type++)
		n += rk_frame_spec_by_type(v3(), type) != NULL;
	ck_assert_uint_eq(n, sizeof(v3_frames) / sizeof(v3_frames[0]));
	ck_assert_ptr_null(rk_frame_spec_by_type(v3(), UINT32_MAX));
	ck_assert_ptr_null(rk_frame_spec_by_name(v3(), "send"));
	ck_assert_ptr_null(rk_frame_spec_by_name(v3(), "ping"));
}
END_TEST

static const struct {
	const char *frame;
	const char *fields;
} v3_fields[] = {
	{ "ClientInfo", "magic key signature message" },
	{ "SendPacket", "key data" },
	{ "RecvPacket", "key data" },
	{ "KeepAlive", "" },
	{ "NotePreferred", "data" },
	{ "PeerGone", "key" },
	{ "Ping", "data" },
	{ "Pong", "data" },
	{ "Health", "text" },
	{ "Restarting", "reconnect_in_ms try_for_ms" },
};

START_TEST(v3_field_names_are_those_of_the_expected_decodings)
{
	const struct rk_frame_spec *s =
	    rk_frame_spec_by_name(v3(), v3_fields[_i].frame);
	char names[100] = "";

	for (size_t i = 0; i < rk_frame_spec_nfields(s); i++) {
		strcat(names, i > 0 ? " " : "");
		strcat(names, s->field[i].name);
	}
	ck_assert_str_eq(names, v3_fields[_i].fields);
}
END_TEST

START_TEST(v3_numbers_are_as_specified)
{
	const struct rk_dialect *d = v3();

	ck_assert_uint_eq(d->max_frame, 1048576);
	ck_assert_uint_eq(d->max_packet, 65536);
	ck_assert_uint_eq(d->queue_packets, 512);
	ck_assert_int_eq(d->header[RK_CARRIER_RAW], RK_HEADER_TLV32);
	ck_assert_int_eq(d->header[RK_CARRIER_WS], RK_HEADER_TYPE8);
	ck_assert_str_eq(d->http.paths[0], "/relay");
	ck_assert_str_eq(d->http.paths[1], "/derp");
	ck_assert_ptr_null(d->http.paths[2]);
	ck_assert_str_eq(d->http.raw_token, "iroh derp http");
	ck_assert_int_eq(d->http.bad_upgrade_status, 400);
	ck_assert_uint_eq(d->liveness.login_ms, 10000);
	ck_assert_uint_eq(d->liveness.keepalive_ms, 65000);
	ck_assert_uint_eq(d->liveness.client_silence_ms, 120000);
	ck_assert_uint_eq(d->liveness.write_ms, 2000);
	ck_assert_int_eq(d->unknown, RK_UNKNOWN_FATAL);
	ck_assert_int_eq(d->duplicate, RK_DUPLICATE_NEWEST);
}
END_TEST

/* Section 4.6. */
START_TEST(disco_needs_six_bytes_of_magic_and_38_in_all)
{
	uint8_t data[100] = { 0x54, 0x53, 0xf0, 0x9f, 0x92, 0xac };

	for (size_t len = 0; len <= sizeof(data); len++)
		ck_assert(rk_is_disco(v3(), data, len) == (len >= 38));
	ck_assert(!rk_is_disco(v3(), NULL, 0));
	memset(data + 6, 0xff, sizeof(data) - 6);
	ck_assert(rk_is_disco(v3(), data, sizeof(data)));
	for (size_t bit = 0; bit < 48; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert(!rk_is_disco(v3(), data, sizeof(data)));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

/* Section 5.9: "Hello" and "World". */
START_TEST(items_are_taken_off_a_packet)
{
	size_t len;
	const uint8_t *p = hex("0500 48656c6c6f 0500 576f726c64", &len);
	struct rk_span rest = { p, len }, item;

	ck_assert(rk_packet_item(v3(), &rest, &item));
	ck_assert_bytes(item.p, item.len, "Hello", 5);
	ck_assert(rk_packet_item(v3(), &rest, &item));
	ck_assert_bytes(item.p, item.len, "World", 5);
	ck_assert(!rk_packet_item(v3(), &rest, &item));
	ck_assert_uint_eq(rest.len, 0);
}
END_TEST

static const struct {
	const char *data;
	size_t items;
} item_rows[] = {
	{ "", 0 },
	{ "0500 48656c6c6f 0500 576f726c64", 2 },
	{ "0500 48656c6c6f", 1 },
	{ "0500 48656c6c", 0 },
	{ "0500 48656c6c6f 05", 0 },
	{ "0500 48656c6c6f 0500", 0 },
	{ "0005 48656c6c6f", 0 }, /* the other byte order */
	{ "0000", 0 },
	{ "0100 41 0000", 0 },
};

START_TEST(data_is_items_or_it_is_not)
{
	size_t len;
	const uint8_t *p = hex(item_rows[_i].data, &len);
	struct rk_dialect other = *v3();

	ck_assert_uint_eq(rk_packet_items(v3(), p, len), item_rows[_i].items);
	other.packet_items = false;
	ck_assert_uint_eq(rk_packet_items(&other, p, len), 0);
}
END_TEST

START_TEST(carriers_and_lanes_have_names)
{
	ck_assert_str_eq(rk_carrier_name(RK_CARRIER_RAW), "raw");
	ck_assert_str_eq(rk_carrier_name(RK_CARRIER_WS), "ws");
	ck_assert_str_eq(rk_carrier_name(RK_NCARRIERS), "unknown");
	for (int i = 0; i < RK_NLANES; i++)
		for (int k = 0; k < i; k++)
			ck_assert_str_ne(rk_lane_name(i), rk_lane_name(k));
	ck_assert_str_eq(rk_lane_name(RK_LANE_GONE), "gone");
	ck_assert_str_eq(rk_lane_name(RK_NLANES), "unknown");
}
END_TEST

START_TEST(every_error_has_a_phrase_and_a_name)
{
	for (int err = 0; err > -100; err--) {
		const char *name = rk_errname(err), *phrase = rk_strerror(err);

		ck_assert(*phrase != '\0');
		if (strcmp(name, "RK_ERR_UNKNOWN") == 0) {
			ck_assert_str_eq(phrase, "unknown error");
			continue;
		}
		ck_assert(strncmp(name, "RK_", 3) == 0);
		for (int other = 0; other > err; other--)
			ck_assert_str_ne(name, rk_errname(other));
	}
	ck_assert_str_eq(rk_errname(RK_ERR_LENGTH), "RK_ERR_LENGTH");
	ck_assert_str_eq(rk_errname(RK_ERR_WS_CLOSE), "RK_ERR_WS_CLOSE");
	ck_assert_str_eq(rk_errname(1), "RK_ERR_UNKNOWN");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("dialect");
	TCase *t = tcase_create("dialect");

	tcase_add_test(t, dialects_are_found_by_id_and_the_first_is_iroh_v3);
	tcase_add_test(t, frame_tables_are_consistent);
	tcase_add_rows(t, v3_frame_is_as_specified, v3_frames);
	tcase_add_test(t, v3_has_no_other_types);
	tcase_add_rows(t, v3_field_names_are_those_of_the_expected_decodings,
	    v3_fields);
	tcase_add_test(t, v3_numbers_are_as_specified);
	tcase_add_test(t, disco_needs_six_bytes_of_magic_and_38_in_all);
	tcase_add_test(t, items_are_taken_off_a_packet);
	tcase_add_rows(t, data_is_items_or_it_is_not, item_rows);
	tcase_add_test(t, carriers_and_lanes_have_names);
	tcase_add_test(t, every_error_has_a_phrase_and_a_name);
	suite_add_tcase(s, t);
	return run_suite(s);
}
