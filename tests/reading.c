/* See reading.h. */
#include "config.h"

#include "reading.h"

#include <string.h>

#include "base/text.h"
#include "support.h"

char *
describe(const struct transcript *t, bool remarks, bool times)
{
	struct text out;

	text_init(&out);
	for (size_t i = 0; i < t->nevents; i++) {
		const struct event *e = &t->events[i];

		if (e->kind == EVENT_REMARK && !remarks)
			continue;
		text_addf(&out, "%lld %d %s %s %zu ",
		    times ? (long long)e->time_ns / 1000 : 0, e->conn,
		    direction_name(e->dir), event_what(e), e->len);
		if (e->kind == EVENT_REMARK || e->kind == EVENT_OPENED)
			text_add(&out, e->text);
		else if (e->bytes != NULL)
			text_add_hex(&out, e->bytes, e->len);
		if (e->kind == EVENT_ENDED)
			text_add(&out, ending_name(e->ending));
		text_add(&out, "\n");
	}
	return text_take(&out);
}

struct reading
read_with(const char *path, const struct capture_options *o)
{
	struct reading r = { .t = transcript_new(), .err = "" };

	r.result = capture_read(path, o, r.t, &r.sum, r.err, sizeof(r.err));
	return r;
}

struct reading
read_path(const char *path)
{
	struct capture_options o;

	capture_options_default(&o);
	return read_with(path, &o);
}

struct reading
read_blob(const struct blob *b)
{
	return read_path(blob_file(b));
}

size_t
count(const struct transcript *t, const char *what)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += strcmp(event_what(&t->events[i]), what) == 0;
	return n;
}

size_t
count_remarks(const struct transcript *t, const char *text)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nevents; i++)
		n += t->events[i].kind == EVENT_REMARK &&
		    strstr(t->events[i].text, text) != NULL;
	return n;
}
