/*
 * A capture file: whatever its bytes are, what is decoded adds up, each event
 * can be shown, and the full form of its JSON can be read back.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/capture.h"
#include "file_of.h"
#include "require.h"
#include "transcript/transcript_json.h"
#include "transcript/transcript_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_event(struct transcript *t, const struct event *e, uint64_t n)
{
	const struct transcript_json_options jo = { .snap = 16 };
	const struct transcript_text_options to = { .snap = 16 };
	struct transcript *back = transcript_new();
	char *line = event_to_json_line(t, e, n, &jo), *same, err[128];
	json_t *j = json_loads(line, 0, NULL);
	struct text out;

	REQUIRE(j != NULL);
	json_decref(j);
	/* With an object or without one it is the same. */
	j = event_to_json(t, e, n, &jo);
	same = json_to_line(j);
	REQUIRE(strcmp(line, same) == 0);
	json_decref(j);
	free(same);
	free(line);
	j = event_to_json_full(t, e);
	REQUIRE(event_from_json(back, j, err, sizeof(err)) == 0);
	REQUIRE(back->events[0].len == e->len);
	json_decref(j);
	transcript_free(back);
	text_init(&out);
	event_to_text(t, e, &to, &out);
	REQUIRE(strchr(text_str(&out), '\n') == text_str(&out) + out.len - 1);
	text_clear(&out);
}

/* Packet numbers go up within a direction, times were given by packets. */
static void
check_transcript(struct transcript *t, const struct capture_summary *sum)
{
	uint64_t remarks = 0;

	for (size_t i = 0; i < t->nconns; i++)
		memset(t->conns[i].count, 0, sizeof(t->conns[i].count));
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];
		uint64_t n = 0;

		REQUIRE(e->conn < (int)t->nconns);
		REQUIRE(e->packet <= sum->packets + 1);
		remarks += e->kind == EVENT_REMARK && e->packet > 0;
		if (event_is_counted(e))
			n = t->conns[e->conn].count[e->dir]++;
		check_event(t, e, n);
	}
	REQUIRE(t->nconns == sum->flows);
	REQUIRE(sum->wrong <= sum->remarks);
	REQUIRE(remarks >= sum->wrong || sum->wrong == remarks + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *path = file_of(data, size);
	struct transcript *t = transcript_new();
	struct capture_summary sum;
	struct capture_options o;
	char err[256] = "";
	int result;

	capture_options_default(&o);
	o.notes = size % 2 == 1;
	o.max_flows = 4;
	o.max_held = 1 << 20;
	result = capture_read(path, &o, t, &sum, err, sizeof(err));
	if (result < 0) {
		REQUIRE(err[0] != '\0' && t->nevents == 0);
	} else {
		REQUIRE((result == 1) == (sum.wrong > 0));
		REQUIRE((result == 1) == (err[0] != '\0'));
		REQUIRE(!sum.damaged || result == 1);
		check_transcript(t, &sum);
	}
	transcript_free(t);
	return 0;
}
