/* .dev files: lines of words -> struct deviations. */
#include "config.h"

#include "conformance/deviations.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "conformance/files.h"
#include "conformance/words.h"

#define MAX_WORDS 32

struct reader {
	struct deviations *out;
	bool have_version;
	int line;
	char *word[MAX_WORDS];
	size_t nwords;
	bool failed;
	struct text *errors;
};

static void complain(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
complain(struct reader *r, const char *fmt, ...)
{
	struct text raw;
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	text_init(&raw);
	text_add_escaped(&raw, line, strlen(line));
	text_addf(r->errors, "%s:%d: %s\n", r->out->path, r->line,
	    text_str(&raw));
	text_clear(&raw);
	r->failed = true;
}

/* The deviation that the statement belongs to, or NULL. */
static struct deviation *
last(struct reader *r)
{
	if (r->out->n > 0)
		return &r->out->list[r->out->n - 1];
	complain(r, "%s belongs behind a deviates or a flaky", r->word[0]);
	return NULL;
}

static void
set_once(struct reader *r, char **slot)
{
	if (*slot != NULL)
		complain(r, "%s was said before", r->word[0]);
	else if (r->word[1][0] == '\0')
		complain(r, "%s is empty", r->word[0]);
	free(*slot);
	*slot = xstrdup(r->word[1]);
}

/* ---- statements ---- */

static void
on_version(struct reader *r)
{
	if (strcmp(r->word[1], "1") != 0)
		complain(r, "this program reads rly-deviations 1, not \"%s\"",
		    r->word[1]);
	r->have_version = true;
}

static void
on_target(struct reader *r)
{
	set_once(r, &r->out->target);
}

static void
on_made(struct reader *r)
{
	set_once(r, &r->out->made);
}

/* "E-LATE 400ms..900ms": the range behind a code. */
static bool
read_range(const char *range, struct signature *s)
{
	const char *dots = strstr(range, "..");
	char *from;

	if (dots == NULL)
		return false;
	from = xstrndup(range, (size_t)(dots - range));
	s->from_ns = duration_parse(from);
	s->to_ns = duration_parse(dots + 2);
	s->has_range = true;
	free(from);
	return s->from_ns >= 0 && s->to_ns >= s->from_ns;
}

static bool
is_targets_code(const char *name)
{
	for (int c = CODE_OK + 1; c < CODE_NKINDS; c++)
		if (strcmp(name, result_code_name((enum result_code)c)) == 0)
			return code_is_targets((enum result_code)c);
	return false;
}

static void
read_signature(struct reader *r, const char *word, struct signature *s)
{
	size_t n = strcspn(word, " ");

	*s = (struct signature){ .what = xstrndup(word, n) };
	if (n == 0)
		complain(r, "what was observed is empty");
	else if (strncmp(word, "E-", 2) == 0 && !is_targets_code(s->what))
		complain(r, "%s is no code of what a target does", s->what);
	if (word[n] == '\0')
		return;
	if (strcmp(s->what, "E-LATE") != 0)
		complain(r, "only E-LATE has a time behind it");
	else if (!read_range(word + n + 1, s))
		complain(r, "\"%s\" is no range of times such as 400ms..900ms",
		    word + n + 1);
}

/* From word |i|: SIGNATURE [at GLOB] [or SIGNATURE [at GLOB]] … */
static void
read_observed(struct reader *r, struct deviation *d, size_t i)
{
	for (;;) {
		struct signature *s;

		if (i >= r->nwords) {
			complain(r, "what was observed is missing");
			return;
		}
		d->observed = xreallocarray(d->observed, d->nobserved + 1,
		    sizeof(*d->observed));
		s = &d->observed[d->nobserved++];
		read_signature(r, r->word[i++], s);
		if (i + 1 < r->nwords && strcmp(r->word[i], "at") == 0) {
			s->at = xstrdup(r->word[i + 1]);
			i += 2;
		}
		if (i == r->nwords)
			return;
		if (strcmp(r->word[i++], "or") != 0) {
			complain(r, "expected \"at\" or \"or\", not \"%s\"",
			    r->word[i - 1]);
			return;
		}
	}
}

static struct deviation *
add(struct reader *r, bool flaky)
{
	struct deviations *all = r->out;
	struct deviation *d;
	char err[256];

	for (size_t i = 0; i < all->n; i++)
		if (all->list[i].flaky == flaky &&
		    strcmp(all->list[i].cases.text, r->word[1]) == 0)
			complain(r, "%s was there before, in line %d",
			    r->word[1], all->list[i].line);
	all->list = xreallocarray(all->list, all->n + 1, sizeof(*all->list));
	d = &all->list[all->n++];
	*d = (struct deviation){ .line = r->line, .flaky = flaky };
	if (selector_parse(r->word[1], &d->cases, err, sizeof(err)) != 0) {
		complain(r, "%s", err);
		d->cases.text = xstrdup(r->word[1]);
	} else if (d->cases.kind != SELECT_ID) {
		complain(r, "%s is no case, scenario or glob of them",
		    r->word[1]);
	}
	return d;
}

/* deviates PATTERN observed SIGNATURE … */
static void
on_deviates(struct reader *r)
{
	struct deviation *d = add(r, false);

	if (strcmp(r->word[2], "observed") != 0)
		complain(r, "expected \"observed\", not \"%s\"", r->word[2]);
	else
		read_observed(r, d, 3);
}

/* flaky PATTERN at-most 1/50 [observed SIGNATURE …] */
static void
on_flaky(struct reader *r)
{
	struct deviation *d = add(r, true);
	char *slash = strchr(r->word[3], '/');

	if (strcmp(r->word[2], "at-most") != 0) {
		complain(r, "expected \"at-most\", not \"%s\"", r->word[2]);
		return;
	}
	if (slash != NULL)
		*slash++ = '\0';
	if (slash == NULL ||
	    !number_parse(r->word[3], 1, 1000000, &d->at_most) ||
	    !number_parse(slash, d->at_most, 1000000, &d->in))
		complain(r, "expected a share such as 1/50");
	if (r->nwords > 4 && strcmp(r->word[4], "observed") == 0)
		read_observed(r, d, 5);
	else if (r->nwords > 4)
		complain(r, "expected \"observed\", not \"%s\"", r->word[4]);
}

static void
on_because(struct reader *r)
{
	struct deviation *d = last(r);

	if (d != NULL)
		set_once(r, &d->because);
}

static void
on_ref(struct reader *r)
{
	struct deviation *d = last(r);

	if (d != NULL)
		set_once(r, &d->ref);
}

/* "2027-01-01" as 20270101, or -1. */
static int64_t
read_day(const char *s)
{
	int64_t year, month, day;
	char part[11];

	if (strlen(s) != 10 || s[4] != '-' || s[7] != '-')
		return -1;
	memcpy(part, s, sizeof(part));
	part[4] = part[7] = '\0';
	if (!number_parse(part, 2000, 9999, &year) ||
	    !number_parse(part + 5, 1, 12, &month) ||
	    !number_parse(part + 8, 1, 31, &day))
		return -1;
	return year * 10000 + month * 100 + day;
}

static void
on_until(struct reader *r)
{
	struct deviation *d = last(r);

	if (d == NULL)
		return;
	set_once(r, &d->until);
	d->last_day = read_day(r->word[1]);
	if (d->last_day < 0)
		complain(r, "\"%s\" is no day such as 2027-01-01", r->word[1]);
}

static const struct {
	const char *name;
	size_t min; /* words behind it */
	size_t max;
	void (*read)(struct reader *r);
} keywords[] = {
	{ "rly-deviations", 1, 1, on_version },
	{ "target", 1, 1, on_target },
	{ "made", 1, 1, on_made },
	{ "deviates", 3, MAX_WORDS, on_deviates },
	{ "flaky", 3, MAX_WORDS, on_flaky },
	{ "because", 1, 1, on_because },
	{ "ref", 1, 1, on_ref },
	{ "until", 1, 1, on_until },
};
#define NKEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static void
unknown_word(struct reader *r)
{
	const char *names[NKEYWORDS + 1] = { NULL };
	const char *near;

	for (size_t i = 0; i < NKEYWORDS; i++)
		names[i] = keywords[i].name;
	near = text_nearest(r->word[0], names);
	complain(r, "unknown word \"%s\"%s%s%s", r->word[0],
	    near != NULL ? "; is \"" : "", near != NULL ? near : "",
	    near != NULL ? "\" meant?" : "");
}

static void
read_statement(struct reader *r)
{
	for (size_t i = 0; i < NKEYWORDS; i++) {
		if (strcmp(r->word[0], keywords[i].name) != 0)
			continue;
		if (!r->have_version && keywords[i].read != on_version)
			complain(r,
			    "the first line must be "
			    "\"rly-deviations 1\"");
		else if (r->nwords - 1 < keywords[i].min ||
		    r->nwords - 1 > keywords[i].max)
			complain(r, "%s takes %zu to %zu words",
			    keywords[i].name, keywords[i].min, keywords[i].max);
		else
			keywords[i].read(r);
		return;
	}
	unknown_word(r);
}

static void
read_line(void *arg, int number, const char *line)
{
	struct reader *r = arg;
	char err[128];

	r->line = number;
	if (line == NULL)
		complain(r, "the line holds a NUL byte");
	else if (line_words(line, r->word, MAX_WORDS, &r->nwords, err,
		     sizeof(err)) != 0)
		complain(r, "%s", err);
	else if (r->nwords > 0)
		read_statement(r);
	for (; r->nwords > 0; r->nwords--)
		free(r->word[r->nwords - 1]);
}

static void
check_reasons(struct reader *r)
{
	for (size_t i = 0; i < r->out->n; i++) {
		r->line = r->out->list[i].line;
		if (r->out->list[i].because == NULL)
			complain(r, "%s has no because",
			    r->out->list[i].cases.text);
	}
}

struct deviations *
deviations_parse(const char *path, const char *text, size_t len,
    struct text *errors)
{
	struct deviations *d = xcalloc(1, sizeof(*d));
	struct reader r = { .out = d, .errors = errors };

	d->path = xstrdup(path);
	each_line(text, len, read_line, &r);
	if (!r.failed && d->target == NULL) {
		r.line++;
		complain(&r, "there is no target");
	}
	if (!r.failed)
		check_reasons(&r);
	if (!r.failed)
		return d;
	deviations_free(d);
	return NULL;
}

struct deviations *
deviations_read(const char *path, bool inside, struct text *errors)
{
	const struct embedded_file *f = inside ? embedded_find(path) : NULL;
	struct deviations *d;
	char err[512], *text;
	size_t len;

	if (f != NULL)
		return deviations_parse(path, f->text, f->len, errors);
	text = file_read(path, &len, err, sizeof(err));
	if (text == NULL) {
		text_addf(errors, "%s\n", err);
		return NULL;
	}
	d = deviations_parse(path, text, len, errors);
	free(text);
	return d;
}

void
deviations_free(struct deviations *d)
{
	if (d == NULL)
		return;
	for (size_t i = 0; i < d->n; i++) {
		struct deviation *one = &d->list[i];

		selector_clear(&one->cases);
		for (size_t k = 0; k < one->nobserved; k++) {
			free(one->observed[k].what);
			free(one->observed[k].at);
		}
		free(one->observed);
		free(one->because);
		free(one->ref);
		free(one->until);
	}
	free(d->list);
	free(d->path);
	free(d->target);
	free(d->made);
	free(d);
}
