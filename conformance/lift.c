/* A capture file -> a scenario. */
#include "config.h"

#include "conformance/lift.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "capture/capture.h"
#include "conformance/lift_impl.h"

void
lift_options_default(struct lift_options *o)
{
	*o = (struct lift_options){ .expect = LIFT_FIELDS, .flow = -1 };
}

bool
lift_parse_expect(const char *word, enum lift_expect *out)
{
	static const char *const words[] = { "none", "types", "fields",
		"bytes" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(word, words[i]) == 0) {
			*out = (enum lift_expect)i;
			return true;
		}
	return false;
}

bool
lift_parse_pace(const char *word, double *out)
{
	char *end;

	*out = strcmp(word, "asis") == 0 ? 1 : 0;
	if (*out > 0 || strcmp(word, "fast") == 0)
		return true;
	if (*word != 'x' || word[1] < '0' || word[1] > '9')
		return false;
	*out = strtod(word + 1, &end);
	return *end == '\0' && *out >= 0.01 && *out <= 1000;
}

void
lift_note(struct lifter *l, const char *fmt, ...)
{
	char line[512];

	FORMAT_ARGS(line, sizeof(line), fmt);
	text_addf(&l->lift->notes, "%s\n", line);
}

/* ---- reading, bounded ---- */

struct bound {
	size_t bytes;
	bool full;
};

static void
on_event(void *arg, struct transcript *t, struct event *e)
{
	struct bound *b = arg;

	if (e->bytes != NULL)
		b->bytes += e->len;
	if (t->nevents < LIFT_EVENTS_MAX && b->bytes < LIFT_BYTES_MAX)
		return;
	b->full = true;
	t->stop = true;
}

static int
read_capture(struct lifter *l, const char *file, char *err, size_t err_size)
{
	struct capture_options co;
	struct capture_summary sum;
	struct bound bound = { .bytes = 0 };
	int result;

	capture_options_default(&co);
	co.dialect = l->dialect;
	co.keylog = l->o->keylog;
	l->t->on_event = on_event;
	l->t->arg = &bound;
	result = capture_read(file, &co, l->t, &sum, err, err_size);
	l->t->on_event = NULL;
	if (result < 0)
		return -1;
	if (result > 0)
		lift_note(l, "the capture is not whole: %s", err);
	if (bound.full)
		lift_note(l,
		    "the capture is too long: what follows the first %zu "
		    "events is left out; --flow takes one connection",
		    l->t->nevents);
	l->lift->damaged = result > 0 || bound.full;
	return 0;
}

/* ---- the order of time ---- */

static const struct event *sorted_events;

static int
by_time(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, k = *(const size_t *)b;
	int64_t x = sorted_events[i].time_ns, y = sorted_events[k].time_ns;

	if (x != y)
		return x < y ? -1 : 1;
	return i < k ? -1 : i > k;
}

/* Within a direction of a connection what was read first stays first. */
static void
sort_events(struct lifter *l)
{
	int64_t *reached = xcalloc(2 * l->t->nconns + 1, sizeof(*reached));

	l->order = xcalloc(l->t->nevents + 1, sizeof(*l->order));
	for (size_t i = 0; i < l->t->nevents; i++) {
		struct event *e = &l->t->events[i];
		int64_t *last;

		if (e->conn >= 0 && (size_t)e->conn >= l->t->nconns)
			e->conn = TRANSCRIPT_NO_CONN;
		l->order[i] = i;
		if (e->conn < 0)
			continue;
		last = &reached[2 * (size_t)e->conn + e->dir];
		if (e->time_ns < *last)
			e->time_ns = *last;
		*last = e->time_ns;
	}
	free(reached);
	sorted_events = l->t->events;
	if (l->t->nevents > 0)
		qsort(l->order, l->t->nevents, sizeof(*l->order), by_time);
}

/* ---- the whole ---- */

static void
note_scrubbing(struct lifter *l)
{
	size_t named = 0;

	for (size_t i = 0; i < l->nkeys; i++)
		named += !l->keys[i].literal;
	lift_note(l,
	    "replaced: %zu values (payloads, nonces, texts, header values), "
	    "%zu keys, all addresses and names of files",
	    l->scrubbed, named);
	lift_note(l,
	    "kept: order, lengths, frame types, disco magic, HTTP methods, "
	    "paths, names of headers, statuses; %zu values (signed messages, "
	    "numbers, protocol headers)%s",
	    l->kept,
	    named < l->nkeys ? "; keys that are no points of the curve" : "");
}

static size_t
count_steps(const struct lifter *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nscript; i++)
		n += l->script[i].kind != PART_REMARK;
	return n;
}

/* What the caller keeps goes over to |lift|. */
static void
hand_over(struct lifter *l)
{
	struct lift *lift = l->lift;

	lift->script = text_take(&l->out);
	lift->keys = l->keys;
	lift->nkeys = l->nkeys;
	l->keys = NULL;
	lift->conn_name = xcalloc(l->t->nconns + 1, sizeof(char *));
	for (size_t i = 0; i < l->t->nconns; i++)
		if (l->conns[i].form != LIFT_OUT)
			lift->conn_name[i] = xstrdup(l->conns[i].name);
}

static void
lifter_clear(struct lifter *l)
{
	lift_data_free(l);
	text_clear(&l->out);
	free(l->answered);
	free(l->flipped);
	free(l->order);
	free(l->conns);
	free(l->keys);
	free(l->parts);
	free(l->script);
}

static bool
lift_all(struct lifter *l, const char *file, char *err, size_t err_size)
{
	if (read_capture(l, file, err, err_size) != 0)
		return false;
	l->lift->line = xcalloc(l->t->nevents + 1, sizeof(int));
	sort_events(l);
	lift_study(l);
	lift_plan(l);
	if (count_steps(l) == 0) {
		const char *notes = text_str(&l->lift->notes);

		snprintf(err, err_size, "%s: nothing in it can be lifted%s%.*s",
		    file, *notes != '\0' ? ": " : "", (int)strcspn(notes, "\n"),
		    notes);
		return false;
	}
	lift_write(l);
	if (l->o->scrub)
		note_scrubbing(l);
	return true;
}

struct lift *
lift_file(const char *file, const struct lift_options *o, char *err,
    size_t err_size)
{
	struct lifter *l = xcalloc(1, sizeof(*l));
	struct lift *lift = xcalloc(1, sizeof(*lift));
	bool lifted;

	l->o = o;
	l->dialect = o->dialect != NULL ? o->dialect : rk_dialects()[0];
	l->lift = lift;
	l->t = lift->t = transcript_new();
	text_init(&lift->notes);
	text_init(&l->out);
	lifted = lift_all(l, file, err, err_size);
	if (lifted)
		hand_over(l);
	lifter_clear(l);
	free(l);
	if (lifted)
		return lift;
	lift_free(lift);
	return NULL;
}

void
lift_free(struct lift *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; l->conn_name != NULL && i < l->t->nconns; i++)
		free(l->conn_name[i]);
	free(l->conn_name);
	free(l->line);
	free(l->keys);
	free(l->maybes);
	free(l->script);
	text_clear(&l->notes);
	transcript_free(l->t);
	free(l);
}
