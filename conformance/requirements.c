/* Requirement lists: tab-separated text -> sorted array. */
#include "config.h"

#include "conformance/requirements.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "codec/ws.h"

enum column {
	COLUMN_ID,
	COLUMN_SIDE,
	COLUMN_LEVEL,
	COLUMN_TEXT,
	COLUMN_SOURCE,
	COLUMN_UNCHECKED, /* may be absent, from the header and from a line */
	NCOLUMNS
};

static const char *const column_names[NCOLUMNS] = {
	"id",
	"side",
	"level",
	"text",
	"source",
	"unchecked",
};

static const char *const level_names[LEVEL_NKINDS] = {
	"MUST",
	"SHOULD",
	"MAY",
	"UNSPECIFIED",
};

struct tsv {
	const char *file;
	const char *dialect;
	int line;
	int place[NCOLUMNS]; /* of each column, -1: absent */
	size_t ncolumns;
	bool have_header;
	struct text *errors;
	bool failed;
	struct requirements *out;
	size_t cap;
};

const char *
level_name(enum level l)
{
	return (size_t)l < LEVEL_NKINDS ? level_names[l] : "?";
}

int
level_parse(const char *word)
{
	for (int i = 0; i < LEVEL_NKINDS; i++)
		if (strcasecmp(word, level_names[i]) == 0)
			return i;
	return -1;
}

#define SHOWN 200 /* bytes of a value in a message */

static void
complain(struct tsv *t, const char *what, const char *value)
{
	text_addf(t->errors, "%s:%d: %s", t->file, t->line, what);
	if (value != NULL) {
		text_add(t->errors, " \"");
		text_add_escaped(t->errors, value, strnlen(value, SHOWN));
		text_add(t->errors, strlen(value) > SHOWN ? "\"..." : "\"");
	}
	text_add(t->errors, "\n");
	t->failed = true;
}

/* Cut |line| at its tabs; at most |max| pieces, the number that there are. */
static size_t
cut_fields(char *line, char **field, size_t max)
{
	size_t n = 0;

	for (char *p = line; p != NULL; n++) {
		char *tab = strchr(p, '\t');

		if (tab != NULL)
			*tab++ = '\0';
		if (n < max)
			field[n] = p;
		p = tab;
	}
	return n;
}

static void
read_header(struct tsv *t, char *const *field, size_t n)
{
	for (int c = 0; c < NCOLUMNS; c++) {
		t->place[c] = -1;
		for (size_t i = 0; i < n; i++)
			if (strcmp(field[i], column_names[c]) == 0)
				t->place[c] = (int)i;
		if (t->place[c] < 0 && c != COLUMN_UNCHECKED)
			complain(t, "the header line lacks the column",
			    column_names[c]);
	}
	t->have_header = true;
	t->ncolumns = n;
}

static char *
full_id(const struct tsv *t, const char *id)
{
	if (strchr(id, '/') != NULL)
		return xstrdup(id);
	return xasprintf("%s/%s", t->dialect, id);
}

static void
add_row(struct tsv *t, char *const *field, size_t n)
{
	const char *value[NCOLUMNS];
	struct requirement *r;
	int level;

	for (int c = 0; c < NCOLUMNS; c++) {
		value[c] = "";
		if (c == COLUMN_UNCHECKED &&
		    (t->place[c] < 0 || (size_t)t->place[c] >= n))
			continue;
		if (t->place[c] < 0)
			return; /* the header was complained about */
		if ((size_t)t->place[c] >= n) {
			complain(t, "the line lacks the column",
			    column_names[c]);
			return;
		}
		value[c] = field[t->place[c]];
	}
	if (n > t->ncolumns) {
		complain(t, "the line has more columns than the header", NULL);
		return;
	}
	if (value[COLUMN_ID][0] == '\0' || value[COLUMN_TEXT][0] == '\0') {
		complain(t, "the id or the text is empty", NULL);
		return;
	}
	if (strlen(value[COLUMN_SIDE]) != 1 ||
	    strchr("SCE", value[COLUMN_SIDE][0]) == NULL) {
		complain(t, "the side is none of S, C, E:", value[COLUMN_SIDE]);
		return;
	}
	level = level_parse(value[COLUMN_LEVEL]);
	if (level < 0) {
		complain(t,
		    "the level is none of MUST, SHOULD, MAY, UNSPECIFIED:",
		    value[COLUMN_LEVEL]);
		return;
	}
	if (t->out->n == t->cap) {
		t->cap = t->cap * 2 + 64;
		t->out->list =
		    xreallocarray(t->out->list, t->cap, sizeof(*t->out->list));
	}
	r = &t->out->list[t->out->n++];
	r->id = full_id(t, value[COLUMN_ID]);
	r->side = xstrdup(value[COLUMN_SIDE]);
	r->level = (enum level)level;
	r->text = xstrdup(value[COLUMN_TEXT]);
	r->source = xstrdup(value[COLUMN_SOURCE]);
	r->unchecked = xstrdup(value[COLUMN_UNCHECKED]);
	r->line = t->line;
}

static void
read_line(struct tsv *t, const char *start, size_t len)
{
	char *field[16];
	size_t n;
	char *line;

	if (len > 0 && start[len - 1] == '\r')
		len--;
	if (len == 0 || start[0] == '#')
		return;
	if (memchr(start, '\0', len) != NULL) {
		complain(t, "the line holds a NUL byte", NULL);
		return;
	}
	if (!rk_utf8_ok(start, len)) {
		complain(t, "the line is no UTF-8", NULL);
		return;
	}
	line = xstrndup(start, len);
	n = cut_fields(line, field, sizeof(field) / sizeof(field[0]));
	if (n > sizeof(field) / sizeof(field[0]))
		complain(t, "the line has more than 16 columns", NULL);
	else if (!t->have_header)
		read_header(t, field, n);
	else
		add_row(t, field, n);
	free(line);
}

static int
by_id(const void *a, const void *b)
{
	const struct requirement *x = a, *y = b;
	int d = strcmp(x->id, y->id);

	return d != 0 ? d : x->line - y->line;
}

static void
sort_rows(struct tsv *t)
{
	struct requirement *list = t->out->list;

	if (t->out->n == 0)
		return;
	qsort(list, t->out->n, sizeof(*list), by_id);
	for (size_t i = 1; i < t->out->n; i++)
		if (strcmp(list[i - 1].id, list[i].id) == 0) {
			t->line = list[i].line;
			complain(t, "this id was there before:", list[i].id);
		}
}

struct requirements *
requirements_parse(const char *file, const char *text, size_t len,
    const char *dialect, struct text *errors)
{
	struct tsv t = {
		.file = file,
		.dialect = dialect,
		.errors = errors,
		.out = xcalloc(1, sizeof(*t.out)),
	};
	const char *end = text + len;

	t.out->dialect = xstrdup(dialect);
	text = text_skip_mark(text, len);
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl != NULL ? nl : end;

		t.line++;
		read_line(&t, text, (size_t)(stop - text));
		text = nl != NULL ? nl + 1 : end;
	}
	if (!t.have_header && !t.failed)
		complain(&t, "there is no header line", NULL);
	sort_rows(&t);
	if (t.failed) {
		requirements_free(t.out);
		return NULL;
	}
	return t.out;
}

void
requirements_free(struct requirements *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->list[i].id);
		free(r->list[i].side);
		free(r->list[i].text);
		free(r->list[i].source);
		free(r->list[i].unchecked);
	}
	free(r->list);
	free(r->dialect);
	free(r);
}

const struct requirement *
requirements_find(const struct requirements *r, const char *id)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int d = strcmp(id, r->list[mid].id);

		if (d == 0)
			return &r->list[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}
