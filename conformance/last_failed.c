/* What failed last: reading and writing the file. */
#include "config.h"

#include "conformance/last_failed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/run.h"
#include "scenario/namesakes.h"

/* Ports come and go, and each is a target of its own. */
#define MAX_TARGETS 100

/* The folder, NULL if there is nowhere to put it. */
static char *
folder(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state != NULL && state[0] == '/')
		return xasprintf("%s/relay-conformance", state);
	if (home != NULL && home[0] != '\0')
		return xasprintf("%s/.local/state/relay-conformance", home);
	return NULL;
}

/* ---- reading ---- */

static void
add(struct last_failed *l, char *target, char *name)
{
	l->lines = xreallocarray(l->lines, l->n + 1, sizeof(*l->lines));
	l->lines[l->n++] = (struct last_failed_line){ target, name };
}

static int
read_lines(struct last_failed *l, const char *text, size_t len, char *err,
    size_t err_size)
{
	const char *end = text + len;
	bool ended = false; /* the last run */

	for (size_t number = 1; text < end; number++) {
		const char *tab = memchr(text, '\t', (size_t)(end - text));
		const char *eol = memchr(text, '\n', (size_t)(end - text));
		size_t n = eol != NULL ? (size_t)(eol - text) : 0;

		if (eol == text && !ended) {
			ended = true;
			l->nlast = l->n;
			text++;
			continue;
		}

		if (eol == NULL || tab == NULL || tab > eol || tab == text ||
		    memchr(text, '\0', n) != NULL) {
			snprintf(err, err_size,
			    "%s:%zu: damaged: this is no target, tab and case",
			    l->path, number);
			return -1;
		}
		add(l, xstrndup(text, (size_t)(tab - text)),
		    xstrndup(tab + 1, (size_t)(eol - tab - 1)));
		text = eol + 1;
	}
	/* An older file does not say which run it was: one target's, then. */
	while (!ended && l->nlast < l->n &&
	    strcmp(l->lines[l->nlast].target, l->lines[0].target) == 0)
		l->nlast++;
	return 0;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct last_failed_line *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
sort_lines(struct last_failed *l)
{
	l->by_name = xcalloc(l->n + 1, sizeof(*l->by_name));
	for (size_t i = 0; i < l->n; i++)
		l->by_name[i] = &l->lines[i];
	qsort(l->by_name, l->n, sizeof(*l->by_name), compare_lines);
}

int
last_failed_read(struct last_failed *l, char *err, size_t err_size)
{
	char *dir = folder(), *text;
	size_t len = 0;
	int status;

	*l = (struct last_failed){ .n = 0 };
	if (dir == NULL)
		return 0;
	l->path = xasprintf("%s/last-failed", dir);
	free(dir);
	if (access(l->path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	text = file_read(l->path, &len, err, err_size);
	if (text == NULL)
		return -1;
	status = read_lines(l, text, len, err, err_size);
	free(text);
	sort_lines(l);
	return status;
}

void
last_failed_clear(struct last_failed *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->lines[i].target);
		free(l->lines[i].name);
	}
	free(l->lines);
	free(l->by_name);
	free(l->path);
	*l = (struct last_failed){ .n = 0 };
}

/* Lines that may be about the target. */
static size_t
lines_of(const struct last_failed *l, const char *target)
{
	return target != NULL ? l->n : l->nlast;
}

bool
last_failed_knows(const struct last_failed *l, const char *target)
{
	for (size_t i = 0; i < lines_of(l, target); i++)
		if (target == NULL || strcmp(l->lines[i].target, target) == 0)
			return true;
	return false;
}

static bool
is_of(const struct last_failed *l, const struct last_failed_line *one,
    const char *target)
{
	if (target == NULL)
		return (size_t)(one - l->lines) < l->nlast;
	return strcmp(one->target, target) == 0;
}

bool
last_failed_has_any(const struct last_failed *l, const char *target)
{
	for (size_t i = 0; i < lines_of(l, target); i++)
		if (l->lines[i].name[0] != '\0' &&
		    is_of(l, &l->lines[i], target))
			return true;
	return false;
}

/* The first of that name, or where it would be. */
static size_t
find_name(const struct last_failed *l, const char *name)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(l->by_name[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
last_failed_has(const struct last_failed *l, const char *target,
    const char *name)
{
	for (size_t i = find_name(l, name);
	     i < l->n && strcmp(l->by_name[i]->name, name) == 0; i++)
		if (is_of(l, l->by_name[i], target))
			return true;
	return false;
}

/* ---- writing ---- */

/* Each case once, in how many rounds it may have failed. */
static void
add_target(struct last_failed *l, const struct run *r,
    const struct run_target *t)
{
	const char *target = t->target->name;
	struct namesakes *had = namesakes_new();
	size_t before = l->n;

	for (size_t i = 0; i < r->nplan; i++) {
		const struct run_case *c = &r->plan[i];
		const char *name = c->c->instance->name;

		if (c->target == t &&
		    (verdict_fails(c->verdict, r->o->strict) ||
			c->verdict == VERDICT_INCONCLUSIVE) &&
		    namesakes_add(had, name, false) == 0)
			add(l, xstrdup(target), xstrdup(name));
	}
	if (l->n == before)
		add(l, xstrdup(target), xstrdup(""));
	namesakes_free(had);
}

static bool
is_played(const struct run *r, const char *target)
{
	for (size_t i = 0; i < r->ntargets; i++)
		if (strcmp(r->targets[i].target->name, target) == 0)
			return true;
	return false;
}

/* Those of targets that were not played now, as long as they are few. */
static void
add_older(struct last_failed *l, const struct run *r,
    const struct last_failed *older)
{
	size_t targets = r->ntargets;

	for (size_t i = 0; i < older->n; i++) {
		const struct last_failed_line *one = &older->lines[i];

		if (is_played(r, one->target))
			continue;
		/* Those of a target follow each other. */
		if ((i == 0 || strcmp(one[-1].target, one->target) != 0) &&
		    ++targets > MAX_TARGETS)
			return;
		add(l, xstrdup(one->target), xstrdup(one->name));
	}
}

static int
write_lines(const struct last_failed *l, const char *path, char *err,
    size_t err_size)
{
	struct output out;

	if (output_open(&out, path, err, err_size) != 0)
		return -1;
	fchmod(fileno(out.f), 0600);
	for (size_t i = 0; i <= l->n; i++) {
		if (i == l->nlast)
			fputc('\n', out.f);
		/* A client's command may be anything. */
		if (i < l->n && strpbrk(l->lines[i].target, "\t\n") == NULL)
			fprintf(out.f, "%s\t%s\n", l->lines[i].target,
			    l->lines[i].name);
	}
	return output_commit(&out, err, err_size);
}

int
last_failed_write(const struct run *r, char *err, size_t err_size)
{
	struct last_failed older, l = { .n = 0 };
	char *dir = folder();
	int status;

	if (dir == NULL)
		return 0;
	/* What is damaged is replaced. */
	if (last_failed_read(&older, err, err_size) != 0) {
		last_failed_clear(&older);
		older.path = xasprintf("%s/last-failed", dir);
	}
	for (size_t i = 0; i < r->ntargets; i++)
		add_target(&l, r, &r->targets[i]);
	l.nlast = l.n;
	add_older(&l, r, &older);
	status = make_directories(dir, 0700);
	if (status != 0)
		snprintf(err, err_size, "%s: %s", dir, strerror(errno));
	else
		status = write_lines(&l, older.path, err, err_size);
	last_failed_clear(&older);
	last_failed_clear(&l);
	free(dir);
	return status;
}
