/*
 * The captures of pcap-fixtures decode as their manifest says: the same
 * things in the same order within each connection and direction.
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/keys.h"
#include "manifest.h"
#include "support.h"
#include "transcript/transcript_json.h"

static const struct fixture *fixtures;
static size_t nfixtures;

/* Members that we show beside those of the expected decodings. */
static const char *const ours[] = { "signature", "items", "error", "note",
	"text", NULL };

/* Leave what the expected decodings have: they give packets' data as length
 * and digest, and no bytes of rest and body. */
static void
reduce(json_t *j)
{
	const char *what = json_string_value(json_object_get(j, "what"));

	for (size_t i = 0; ours[i] != NULL; i++)
		json_object_del(j, ours[i]);
	if (json_object_get(j, "data_len") != NULL ||
	    strcmp(what, "rest") == 0 || strcmp(what, "body") == 0 ||
	    strncmp(what, "unknown", 7) == 0)
		json_object_del(j, "data");
}

static json_t *
stream_key(const json_t *j)
{
	return json_sprintf("%lld %s",
	    (long long)json_integer_value(json_object_get(j, "conn")),
	    json_string_value(json_object_get(j, "dir")));
}

/* Sort |j| (taken) into the array of its connection and direction. */
static void
add(json_t *streams, json_t *j)
{
	json_t *key = stream_key(j);
	const char *name = json_string_value(key);
	json_t *list = json_object_get(streams, name);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(streams, name, list);
	}
	json_array_append_new(list, j);
	json_decref(key);
}

static json_t *
expected(const char *file)
{
	FILE *in = fopen(fixture_path(file), "r");
	json_t *streams = json_object(), *j;
	json_error_t error;

	ck_assert_msg(in != NULL, "cannot read %s", file);
	while ((j = json_loadf(in, JSON_DISABLE_EOF_CHECK, &error)) != NULL)
		add(streams, j);
	fclose(in);
	ck_assert_msg(json_object_size(streams) > 0, "%s is empty", file);
	return streams;
}

/* The line is made without the object where that is faster; it is the same.
 * |j| has no time, which goes through another printer. */
static void
assert_line(const struct transcript *t, const struct event *e, json_t *j)
{
	struct transcript_json_options o = { .snap = 64, .no_time = true };
	uint64_t n = t->conns[e->conn].count[e->dir];

	for (int time = 0; time < 2; time++) {
		json_t *same;
		char *line, *want;

		o.no_time = time == 0;
		same = time == 0 ? json_incref(j) : event_to_json(t, e, n, &o);
		line = event_to_json_line(t, e, n, &o);
		want = json_to_line(same);
		ck_assert_str_eq(line, want);
		free(line);
		free(want);
		json_decref(same);
	}
}

static json_t *
decoded(const struct transcript *t)
{
	const struct transcript_json_options o = { .snap = 64,
		.no_time = true };
	json_t *streams = json_object();

	for (size_t i = 0; i < t->nconns; i++)
		memset(t->conns[i].count, 0, sizeof(t->conns[i].count));
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];
		json_t *j;

		if (!event_is_counted(e))
			continue;
		j = event_to_json(t, e, t->conns[e->conn].count[e->dir], &o);
		assert_line(t, e, j);
		t->conns[e->conn].count[e->dir]++;
		reduce(j);
		add(streams, j);
	}
	return streams;
}

static void
assert_streams(const char *file, json_t *got, json_t *want)
{
	const char *name;
	json_t *list;

	json_object_foreach(want, name,
	    list) for (size_t i = 0; i < json_array_size(list); i++)
	{
		json_t *w = json_array_get(list, i);
		json_t *g = json_array_get(json_object_get(got, name), i);

		if (g == NULL || !json_equal(g, w))
			ck_abort_msg("%s: got %s, want %s", file,
			    g == NULL ? "nothing" : json_dumps(g, 0),
			    json_dumps(w, 0));
	}
	json_object_foreach(got, name, list)
	    ck_assert_msg(json_array_size(list) ==
		    json_array_size(json_object_get(want, name)),
		"%s: more than expected on %s: %s", file, name,
		json_dumps(list, 0));
}

static struct transcript *
decode(const struct fixture *f)
{
	struct transcript *t;
	char err[256] = "";
	int result;

	t = fixture_decode(f, &result, err, sizeof(err));
	ck_assert_msg(result >= 0, "%s: %s", f->capture, err);
	if (f->damaged == NULL) {
		ck_assert_msg(result == 0, "%s: %s", f->capture, err);
	} else {
		ck_assert_msg(result == 1, "%s: nothing was said", f->capture);
		ck_assert_msg(strncmp(err, f->damaged, strlen(f->damaged)) == 0,
		    "%s: said \"%s\", want \"%s\"", f->capture, err,
		    f->damaged);
	}
	return t;
}

/* Nothing but sizes, and once for each connection why. */
START_TEST(a_tls_capture_without_its_keys_is_opaque)
{
	struct fixture f = fixtures[_i];
	struct transcript *t;
	size_t opaque = 0, remarks = 0;

	if (f.keys == NULL)
		return;
	f.keys = NULL;
	t = decode(&f);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		ck_assert_msg(!event_is_counted(e), "%s: %s", f.capture,
		    event_what(e));
		opaque += e->kind == EVENT_OPAQUE && e->len > 0;
		remarks += e->kind == EVENT_REMARK &&
		    strstr(e->text, "no secrets were given") != NULL;
	}
	ck_assert_uint_ge(opaque, 8);
	ck_assert_uint_eq(remarks, t->nconns);
	for (size_t i = 0; i < t->nconns; i++)
		ck_assert(t->conns[i].tls);
	transcript_free(t);
}
END_TEST

/* Sizes as another reader of WebSocket tells them, of both directions. */
static void
assert_sizes(const struct transcript *t, int conn, const char *want)
{
	struct text sizes;

	text_init(&sizes);
	for (size_t i = 0; i < t->nevents; i++)
		if (t->events[i].kind == EVENT_OPAQUE &&
		    t->events[i].conn == conn)
			text_addf(&sizes, "%c%zu ",
			    t->events[i].dir == DIR_C2S ? 'c' : 's',
			    t->events[i].len);
	ck_assert_str_eq(text_str(&sizes), want);
	text_clear(&sizes);
}

/* What looks like frames of ours is none: only sizes, and once for each
 * connection whose they are. */
START_TEST(another_dialect_is_opaque)
{
	const struct fixture *f = &fixtures[_i];
	struct transcript *t;
	size_t remarks = 0;

	if (f->foreign == NULL)
		return;
	t = decode(f);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		ck_assert_int_ne(e->kind, EVENT_FRAME);
		ck_assert_int_ne(e->kind, EVENT_REST);
		ck_assert_int_eq(e->error, RK_OK);
		if (e->kind != EVENT_REMARK)
			continue;
		ck_assert_msg(strncmp(e->text, f->foreign,
				  strlen(f->foreign)) == 0,
		    "%s", e->text);
		remarks++;
	}
	ck_assert_uint_eq(remarks, 2);
	assert_sizes(t, 1, "s17 c98 s1 c9 s9 ");
	assert_sizes(t, 3, "s17 c98 s1 c9 c1234 ");
	transcript_free(t);
}
END_TEST

START_TEST(capture_decodes_as_the_manifest_says)
{
	const struct fixture *f = &fixtures[_i];
	struct transcript *t = decode(f);
	json_t *got = decoded(t), *want = expected(f->expect);

	assert_streams(f->capture, got, want);
	json_decref(got);
	json_decref(want);
	transcript_free(t);
}
END_TEST

START_TEST(the_manifest_names_every_kind)
{
	size_t damaged = 0, foreign = 0, keys = 0, secrets = 0;

	for (size_t i = 0; i < nfixtures; i++) {
		ck_assert_ptr_nonnull(fixtures[i].expect);
		damaged += fixtures[i].damaged != NULL;
		foreign += fixtures[i].foreign != NULL;
		keys += fixtures[i].keys != NULL;
		secrets += fixtures[i].secrets;
	}
	ck_assert_uint_eq(nfixtures, 53);
	ck_assert_uint_eq(damaged, 12);
	ck_assert_uint_eq(foreign, 1);
	ck_assert_uint_eq(keys, 4);
	ck_assert_uint_eq(secrets, 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("fixtures");
	TCase *tc = tcase_create("manifest");

	rk_keys_init();
	fixtures = manifest_read(&nfixtures);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, the_manifest_names_every_kind);
	tcase_add_loop_test(tc, capture_decodes_as_the_manifest_says, 0,
	    (int)nfixtures);
	tcase_add_loop_test(tc, another_dialect_is_opaque, 0, (int)nfixtures);
	tcase_add_loop_test(tc, a_tls_capture_without_its_keys_is_opaque, 0,
	    (int)nfixtures);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
